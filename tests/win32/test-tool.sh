#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# test-tool.sh TOOL: the program `lsocket` for Windows as a script sees it, several at once in one session of Wine. What
# tests/test-tool.c is on Unix.

. "$(dirname "$0")/../tap.sh"
wine_run=$(dirname "$0")/wine-run
tool=$(realpath "$1")
size=$((256 * 1024 * 1024))

LC_ALL=C.UTF-8
LSOCKET_WINE_SESSION=$scratch/session
WINEPATH=$(dirname "$tool")
export LC_ALL LSOCKET_WINE_SESSION WINEPATH
mkdir "$LSOCKET_WINE_SESSION"
trap 'session -k || true; rm -rf "$scratch"' EXIT

# OPTION: as wine-run has it.
session ()
{
  WINEPREFIX=$LSOCKET_WINE_SESSION TMPDIR=$LSOCKET_WINE_SESSION wineserver "$1" </dev/null >/dev/null 2>&1
}

# What the programs of the last case said. Those that still run would keep its names from the next.
after_failure ()
{
  for log in errors told; do
    [ ! -e "$scratch/$log" ] || sed "s/^/$log: /" "$scratch/$log"
  done
  session -k || true
}

# ARGUMENT...: of the tool.
tool ()
{
  timeout 60 "$wine_run" "$tool" "$@"
}

# STATUS COMMAND...: succeeds if the command ends with that status.
ends_with ()
{
  expected=$1
  shift
  status=0
  "$@" || status=$?
  [ "$status" = "$expected" ] || { echo "Ended with $status, not $expected: $*"; return 1; }
}

# COMMAND...: waits until it succeeds.
until_true ()
{
  n=0
  until "$@"; do
    n=$((n + 1))
    [ $n -lt 600 ] || { echo "Still not: $*"; return 1; }
    sleep 0.05
  done
}

# ARGUMENT...: of listen. In the background, as $server; clients can connect.
serve ()
{
  : >"$scratch/errors"
  : >"$scratch/told"
  # What is started in the background would have no input.
  exec 6<&0
  tool listen -v "$@" <&6 >"$scratch/received" 2>"$scratch/errors" 6<&- &
  server=$!
  exec 6<&-
  until_true grep -q '\[listening\]' "$scratch/errors"
}

# STATUS: waits for its end.
served ()
{
  ends_with "$1" wait $server && return
  cat "$scratch/errors"
  return 1
}

# SIGNAL PID: to the Windows program that a shell in the background waits for. INT is Ctrl-C.
signal ()
{
  pid=$2
  while child=$(cat "/proc/$pid/task/$pid/children") && [ -n "$child" ]; do
    pid=${child%% *}
  done
  kill "-$1" "$pid"
}

# STATUS TEXT ARGUMENT...: what fails, says why and prints nothing.
fails ()
{
  expected=$1
  text=$2
  shift 2
  ends_with "$expected" tool "$@" >"$scratch/printed" 2>"$scratch/told" </dev/null && grep '^lsocket: ' "$scratch/told" &&
    grep -F -e "$text" "$scratch/told" && [ ! -s "$scratch/printed" ] && return
  cat "$scratch/told"
  return 1
}

# TEXT ARGUMENT...: what succeeds and prints exactly that.
prints ()
{
  printf '%s\n' "$1" >"$scratch/expected"
  shift
  ends_with 0 tool "$@" >"$scratch/printed" </dev/null && cmp "$scratch/printed" "$scratch/expected"
}

bad_usage ()
{
  fails 2 'There must be a command' &&
    fails 2 'There is no command' serve market &&
    fails 2 'There must be one name' connect &&
    fails 2 'Unknown option --loud' listen --loud market &&
    fails 2 'for --timeout' connect --timeout soon market &&
    fails 2 'for --linger' listen --linger soon market &&
    fails 2 'none of user, group, other and world' listen --access everybody market &&
    fails 2 'exclude each other' listen --echo --exec cat market
}

resolve ()
{
  prints '\\.\pipe\market' resolve market &&
    prints '\\.\pipe\Market place' resolve '\\.\pipe\Market place' &&
    prints '\\.\pipe\mårket' resolve mårket &&
    prints '\\.\pipe\market' resolve --temp-directory market
}

bad_names ()
{
  long=$(printf '%0300d' 0)
  fails 3 'The name is empty' resolve '' &&
    fails 3 'The name is empty' connect '\\.\pipe\' &&
    fails 3 'stands for a directory' listen .. &&
    fails 3 'without a slash' connect a/b &&
    fails 3 'without a slash' listen 'a\b' &&
    fails 3 'A path cannot be the name of a pipe' resolve /tmp/market &&
    fails 3 'at most 256' listen "$long" &&
    fails 3 'at most 256' connect "$long" &&
    fails 1 'no abstract namespace' resolve --abstract market &&
    fails 1 'no abstract namespace' listen --abstract market
}

in_use ()
{
  serve --echo market </dev/null && fails 6 'Another server has the name' listen market &&
    fails 6 'Another server has the name' listen --echo MARKET && signal INT $server && served 130 &&
    serve --echo market </dev/null && signal INT $server && served 130
}

# 256 MiB of it, made when wanted.
noise ()
{
  [ -e "$scratch/noise" ] || head -c $size /dev/urandom >"$scratch/noise"
}

# From the client to the server.
copy_up ()
{
  noise && serve market </dev/null && began=$(date +%s%N) && ends_with 0 tool connect market <"$scratch/noise" &&
    served 0 && cmp "$scratch/noise" "$scratch/received" &&
    echo "# 256 MiB in $((($(date +%s%N) - began) / 1000000)) ms" >&3
}

# From the server to a client that has not come to the end of its input.
copy_down ()
{
  noise && serve market <"$scratch/noise" && mkfifo "$scratch/silence" && exec 4<>"$scratch/silence" &&
    ends_with 0 tool connect market <&4 >"$scratch/answer" && exec 4>&- && served 0 &&
    cmp "$scratch/noise" "$scratch/answer"
}

has_answer ()
{
  printf '%s\n' "$@" | cmp -s - "$scratch/answer"
}

# Question and answer, and again, until the input ends.
echoes ()
{
  serve --keep-open --echo market </dev/null && rm -f "$scratch/questions" && mkfifo "$scratch/questions" || return 1
  for n in 1 2; do
    : >"$scratch/answer"
    tool connect market <"$scratch/questions" >"$scratch/answer" &
    client=$!
    exec 4>"$scratch/questions"
    echo one >&4
    until_true has_answer one && echo two >&4 && until_true has_answer one two || return 1
    exec 4>&-
    ends_with 0 wait $client || return 1
  done
  signal INT $server && served 130
}

# A question and the end of the input: the client stays for the answer, and goes when nothing more comes.
answers ()
{
  serve --keep-open --echo market </dev/null && began=$(date +%s%N) || return 1
  echo question | ends_with 0 tool connect --linger=2000 market >"$scratch/answer" && has_answer question &&
    [ $(($(date +%s%N) - began)) -ge 2000000000 ] && signal INT $server && served 130
}

# Nothing to say: who connects gets what the server has.
listens ()
{
  printf '%s\n' one two >"$scratch/news" && serve market <"$scratch/news" &&
    ends_with 0 tool connect --linger=-1 market </dev/null >"$scratch/answer" && served 0 && has_answer one two
}

# Nothing comes, and both go by themselves.
lingers ()
{
  serve --keep-open --echo market </dev/null && ends_with 0 tool connect market </dev/null && signal INT $server &&
    served 130 && echo hello >"$scratch/news" && serve market <"$scratch/news" && mkfifo "$scratch/quiet" && exec 4<>"$scratch/quiet" &&
    ends_with 0 tool connect market <&4 >"$scratch/answer" && exec 4>&- && served 0 && has_answer hello
}

# Bytes that look like ends of lines or of files to Windows.
binary ()
{
  printf '\032\r\n\n\r\000\377\032' >"$scratch/bytes" && serve market </dev/null &&
    ends_with 0 tool connect market <"$scratch/bytes" && served 0 && cmp "$scratch/bytes" "$scratch/received"
}

# How far the program has read its standard input.
position ()
{
  sed -n 's/^pos:[[:space:]]*//p' "/proc/$client/fdinfo/0"
}

stands_still ()
{
  was=$(position)
  sleep 0.3
  [ "$was" -gt 0 ] && [ "$(position)" = "$was" ]
}

# Nobody reads the server's output: little is on the way, and both wait without using memory. Then somebody does.
back_pressure ()
{
  noise && rm -f "$scratch/unread" && mkfifo "$scratch/unread" && exec 4<>"$scratch/unread" && : >"$scratch/errors" ||
    return 1
  tool listen -v market </dev/null >&4 2>"$scratch/errors" &
  server=$!
  until_true grep -q '\[listening\]' "$scratch/errors" || return 1
  tool connect market <"$scratch/noise" &
  client=$!
  until_true stands_still && was=$(position) && [ "$was" -lt $((4 * 1024 * 1024)) ] || return 1
  echo "# $was bytes on the way" >&3
  cat "$scratch/unread" >"$scratch/received" 4>&- &
  reader=$!
  exec 4>&-
  ends_with 0 wait $client && served 0 && wait $reader && cmp "$scratch/noise" "$scratch/received"
}

# Whoever read the output has gone.
closed_output ()
{
  : >"$scratch/errors"
  mkfifo "$scratch/gone" && exec 4<>"$scratch/gone" || return 1
  (exec 4>&- && tool listen -v --keep-open market </dev/null >"$scratch/gone" 2>"$scratch/errors") &
  server=$!
  until_true grep -q '\[listening\]' "$scratch/errors" || return 1
  exec 4>&-
  echo hello | tool connect market
  served 141
}

full_disk ()
{
  : >"$scratch/errors"
  tool listen -v market </dev/null >/dev/full 2>"$scratch/errors" &
  server=$!
  until_true grep -q '\[listening\]' "$scratch/errors" || return 1
  echo hello | tool connect market
  served 7 && grep 'Cannot write to standard output' "$scratch/errors"
}

# The other program is killed while there is more to say.
peer_dies ()
{
  serve market </dev/null || return 1
  exec 6<"$scratch/noise"
  tool connect market <&6 2>"$scratch/told" &
  client=$!
  exec 6<&-
  until_true grep -q ready-read "$scratch/errors" && signal STOP $server && until_true stands_still &&
    signal KILL $server && ends_with 7 wait $client && grep 'The peer closed the connection' "$scratch/told"
}

interrupted ()
{
  serve --echo market </dev/null && rm -f "$scratch/never" && mkfifo "$scratch/never" && exec 4<>"$scratch/never" ||
    return 1
  tool connect market <"$scratch/never" >"$scratch/answer" 2>"$scratch/told" &
  client=$!
  echo one >&4
  until_true has_answer one && signal INT $client && ends_with 130 wait $client && [ ! -s "$scratch/told" ] &&
    exec 4>&- && served 0
}

# A command that is itself a client.
runs_command ()
{
  serve --keep-open --echo inner </dev/null && inner=$server &&
    serve --exec "'$tool' connect inner" outer </dev/null && rm -f "$scratch/words" && mkfifo "$scratch/words" || return 1
  tool connect outer <"$scratch/words" >"$scratch/answer" &
  client=$!
  exec 4>"$scratch/words"
  echo hello >&4
  until_true has_answer hello || return 1
  exec 4>&-
  ends_with 0 wait $client && served 0 && grep 'command ended (0)' "$scratch/errors" &&
    signal INT $inner && ends_with 130 wait $inner
}

# One that would stay for ever goes with the program.
stops_command ()
{
  serve --keep-open --echo inner </dev/null && inner=$server && mv "$scratch/errors" "$scratch/inner" &&
    serve --exec "'$tool' connect --linger=-1 inner" outer </dev/null && rm -f "$scratch/words" &&
    mkfifo "$scratch/words" || return 1
  tool connect outer <"$scratch/words" >"$scratch/answer" &
  client=$!
  exec 4>"$scratch/words"
  echo hello >&4
  until_true has_answer hello && signal INT $server && served 130 &&
    until_true grep -q 'client 1: disconnected' "$scratch/inner" || return 1
  exec 4>&-
  ends_with 0 wait $client && signal INT $inner && ends_with 130 wait $inner
}

missing_command ()
{
  serve --exec /none/command market </dev/null || return 1
  tool connect market </dev/null || true
  served 7 && grep 'Cannot run the command' "$scratch/errors"
}

# Between a client and a server; only by a name of its own.
monitors ()
{
  fails 1 'give a name of your own' monitor market && serve --keep-open --echo inner </dev/null && inner=$server || return 1
  : >"$scratch/errors"
  tool monitor -v outer inner </dev/null >"$scratch/log" 2>"$scratch/errors" &
  monitor=$!
  until_true grep -q '\[listening\]' "$scratch/errors" || return 1
  echo hello | ends_with 0 tool connect --linger=2000 outer >"$scratch/answer" && has_answer hello &&
    until_true grep -q ' 1 \* closed$' "$scratch/log" && signal INT $monitor && ends_with 130 wait $monitor &&
    grep -F ' 1 > hello\n' "$scratch/log" && grep -F ' 1 < hello\n' "$scratch/log" &&
    signal INT $inner && ends_with 130 wait $inner && return
  cat "$scratch/log" "$scratch/errors"
  return 1
}

# And once the session is there, keep it: otherwise it would begin anew with each program.
version ()
{
  prints 'lsocket 1.0.0' --version && until_true session -p600
}

exec 3>&1
check version version
check usage bad_usage
check resolve resolve
check bad-names bad_names
check nobody-there fails 3 'Cannot connect to “\\.\pipe\market”' connect market
check in-use in_use
check copy/up copy_up
check copy/down copy_down
check echo echoes
check linger answers
check linger/listener listens
check linger/silence lingers
check binary binary
check back-pressure back_pressure
check closed-output closed_output
check full-disk full_disk
check peer-dies peer_dies
check interrupted interrupted
check exec runs_command
check exec/stopped stops_command
check exec/missing missing_command
check monitor monitors
done_testing
