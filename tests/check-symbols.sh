#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-symbols.sh NM LIBRARY LIST DEBIAN: what the shared library exports. When that shall change, change the two lists
# with it, of which the second is for packages; a name that disappears or changes its meaning breaks programs.

. "$(dirname "$0")/tap.sh"

"$1" -D --defined-only "$2" | sed 's/.* //' | sort >"$scratch/exported"

check list diff -u "$3" "$scratch/exported"
check sorted sort -c "$3"
check prefixes silent grep -Ev '^(l_(credentials|io_device|open_mode|peer_policy|server|socket)|lsocket)_[a-z0-9_]+$' "$scratch/exported"
sed -n 's/^ \(.*\)@Base .*/\1/p' "$4" >"$scratch/packaged"
check packages diff -u "$3" "$scratch/packaged"
done_testing
