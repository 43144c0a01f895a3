#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-abi.sh DIRECTORY HEADERS LIBRARY ABIDIFF: whether a program that was built with a version of which the directory
# has the ABI still runs with the library. What is new is no difference.

. "$(dirname "$0")/tap.sh"
directory=$1
headers=$2
library=$3
abidiff=$4

# DUMP
is_compatible ()
{
  "$abidiff" --no-added-syms --drop-private-types --headers-dir2 "$headers" --suppressions "$directory/glib.suppr" \
    --no-show-locs "$1" "$library"
}

is_incompatible ()
{
  ! is_compatible "$1"
}

# NAME EXPRESSION DUMP: as if there had been something that is not there, so that the comparison shows its worth.
check_change ()
{
  sed "$2" "$3" >"$scratch/$1.xml"
  check "changed/$1" is_incompatible "$scratch/$1.xml"
}

for dump in "$directory"/*.xml; do
  check "$(basename "$dump" .xml)" is_compatible "$dump"
done
check_change function "s/'l_socket_abort'/'l_socket_abandon'/g" "$dump"
check_change enumeration "s/name='L_SOCKET_STATE_CLOSING' value='[0-9]*'/name='L_SOCKET_STATE_CLOSING' value='9'/" "$dump"
check_change parameters "/name='l_socket_set_connect_timeout'/,/<\/function-decl>/s/name='msecs'/name='msecs' id='x'/; \
  /function-decl name='l_server_remove'/,/<\/function-decl>/{/name='options'/d}" "$dump"
done_testing
