#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-gdb.sh GDB SCRIPT TOOL: what the debugger prints of a socket and a server when the library's script is loaded.

. "$(dirname "$0")/tap.sh"
gdb=$1
script=$2
tool=$3
XDG_RUNTIME_DIR=$scratch/run
LC_ALL=C.UTF-8
DEBUGINFOD_URLS=
export XDG_RUNTIME_DIR LC_ALL DEBUGINFOD_URLS
mkdir -m 700 "$XDG_RUNTIME_DIR"

# FUNCTION ARGUMENT...: runs the tool until the function, and prints self and that as no pointer.
debug ()
{
  function=$1
  shift
  timeout 100 "$gdb" -nx -batch -ex "source $script" -ex 'set breakpoint pending on' -ex 'set confirm off' \
    -ex "break $function" -ex run -ex 'print self' -ex 'print *self' -ex kill \
    --args "$tool" "$@" </dev/null >"$scratch/printed" 2>&1 || true
}

# PATTERN
is_printed ()
{
  grep -E -e "$1" "$scratch/printed" || { cat "$scratch/printed"; return 1; }
}

debug l_server_notify_listening listen market
check server is_printed '= LServer 0x[0-9a-f]+: listening, “[^”]*/run/market”, 0 pending$'
check server/inside is_printed '= \{.*parent_instance'

debug l_socket_report_error connect nobody
check socket/connecting is_printed '= LSocket 0x[0-9a-f]+: connecting, “nobody”, 0 bytes to read, 0 to write$'

"$tool" listen --keep-open --echo market </dev/null &
server=$!
trap 'kill $server || true; rm -rf "$scratch"' EXIT
n=0
until [ -S "$XDG_RUNTIME_DIR/market" ] || [ $n = 200 ]; do
  n=$((n + 1))
  sleep 0.05
done
debug l_socket_emit_connected connect market
check socket/connected is_printed '= LSocket 0x[0-9a-f]+: connected, “[^”]*/run/market”, 0 bytes to read, 0 to write$'
done_testing
