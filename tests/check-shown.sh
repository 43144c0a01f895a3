#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-shown.sh DOCUMENT WIN32_SOURCE PROGRAM...: whether each test that the document names as what shows something is
# there. A name may be that of a group, or the beginning of several; what only Windows runs is looked for in the source.

. "$(dirname "$0")/tap.sh"
document=$1
win32_source=$2
shift 2

for program in "$@"; do
  "$program" -l
done | grep '^/' >"$scratch/tests"

# NAME
is_there ()
{
  case $1 in
    /win32 | /win32/*) grep -F "\"$1" "$win32_source" ;;
    *) grep -E "^$1(/|\$)" "$scratch/tests" || grep -E "^$1" "$scratch/tests" ;;
  esac
}

sed -n '/^## What shows it/,$p' "$document" | grep -o '`/[a-z0-9/-]*`' | tr -d '`' | sort -u >"$scratch/named"
check several [ "$(wc -l <"$scratch/named")" -gt 20 ]
while read -r name; do
  check "$name" is_there "$name"
done <"$scratch/named"
done_testing
