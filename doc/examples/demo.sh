#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# demo.sh BUILD_DIR: shows the examples of a build at work. PYTHON names the interpreter.

set -euo pipefail
build=$(cd "${1:?Usage: demo.sh BUILD_DIR}" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)

# Short, because the path of a socket may have no more than 107 bytes.
directory=$(mktemp -d /tmp/lsocket-XXXXXX)
export XDG_RUNTIME_DIR=$directory
export GI_TYPELIB_PATH=$build/introspection${GI_TYPELIB_PATH:+:$GI_TYPELIB_PATH}
export LD_LIBRARY_PATH=$build/lsocket${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
unset FLATPAK_ID
[ -n "${LC_ALL-}${LC_CTYPE-}${LANG-}" ] || export LC_ALL=C.UTF-8

say () { printf '\n--- %s\n\n' "$*"; }

# What a service complained of counts when something went wrong: a bus in a container always does.
fail ()
{
  cat "$directory/errors" >&2
  printf '%s\n' "$*" >&2
  exit 1
}

clean_up ()
{
  local jobs
  jobs=$(jobs -p)
  [ -z "$jobs" ] || kill $jobs 2>/dev/null || true
  wait
  rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# COMMAND...: runs it in the background and prints what it says; its first line, $greeting, says that it is ready.
start_service ()
{
  mkfifo "$directory/output"
  "$@" >"$directory/output" 2>"$directory/errors" </dev/null &
  service=$!
  exec 3<"$directory/output"
  rm "$directory/output"
  read -r -t 60 greeting <&3 || fail "Did not start: $*"
  echo "$greeting"
  cat <&3 &
  printer=$!
  exec 3<&-
}

stop_service ()
{
  kill "$service"
  wait "$service" || fail 'The service failed at its end'
  wait "$printer"
}

say 'A server in C and a client in Python meet by the name “market”; each signal is printed with the state:'
start_service "$build/doc/examples/echo-server" market
head -n 5 "$source/README" |
  timeout --foreground 60 "${PYTHON:-python3}" "$source/doc/examples/python/echo-client.py" market
stop_service

say 'A message bus of D-Bus, and a program in C that greets it over an LSocket: in lines, in messages, over GDBus:'
start_service dbus-daemon --session --nofork --address="unix:path=$directory/bus" --print-address
timeout --foreground 60 "$build/doc/examples/dbus-hello" "$directory/bus" | tee "$directory/hello"
# The bus has told its GUID to us, too.
grep -q "GUID ${greeting##*guid=}\$" "$directory/hello" || fail 'That is another GUID'
grep -q 'names:.* org.freedesktop.DBus' "$directory/hello" || fail 'The bus does not list itself'
stop_service

say 'Both did what they should. Try next:'
tool=${build#"$PWD/"}/lsocket/lsocket
printf '  %-38s  %s\n' \
  "$tool listen --echo market" '# a server in one terminal' \
  "$tool connect market" '# a client in another: say something' \
  './dev test' '# all tests'
