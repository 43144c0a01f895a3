#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-headers.sh SOURCE_DIR HEADER... -- COMPILER...: the umbrella is the only header to be included and has all of the
# others; nothing private stands in a public one.

. "$(dirname "$0")/tap.sh"
private_headers=$(echo "$1"/*-private.h)
shift
headers=
while [ "$1" != -- ]; do
  headers="$headers $1"
  shift
done
shift

# TEXT: compiles it as a program.
compile ()
{
  text=$1
  shift
  printf '%s\n' "$text" >"$scratch/test.c"
  "$@" $(pkg-config --cflags gio-2.0) -Werror -fsyntax-only "$scratch/test.c"
}

is_refused ()
{
  ! compile "$@" && grep -q 'Only <lsocket/lsocket.h> can be included directly' "$scratch/output"
}

check umbrella compile '#include <lsocket/lsocket.h>' "$@"
check umbrella-twice compile '#include <lsocket/lsocket.h>
#include <lsocket/lsocket.h>' "$@"
check umbrella-leaves-nothing compile '#include <lsocket/lsocket.h>
#ifdef LSOCKET_INSIDE
# error
#endif' "$@"

# What the program was written for decides what it is warned of.
old='-DLSOCKET_VERSION_MIN_REQUIRED=G_ENCODE_VERSION(0,9)'
uses_old='#include <lsocket/lsocket.h>
LSOCKET_DEPRECATED_IN_1_0_FOR (fresh)
void stale (void);
LSOCKET_DEPRECATED_IN_1_0
void staler (void);
void f (void);
void f (void) { stale (); staler (); }'
uses_new='#include <lsocket/lsocket.h>
guint f (void);
guint f (void) { return lsocket_get_major_version (); }'

# WORD TEXT COMPILER...
warns ()
{
  word=$1
  shift
  ! compile "$@" && grep -q "$word" "$scratch/output"
}

check deprecated warns 'fresh' "$uses_old" "$@"
check deprecated/plain warns 'staler.*deprecated' "$uses_old" "$@"
check deprecated/before compile "$uses_old" "$@" "$old"
check available compile "$uses_new" "$@" "$old"
check available/later warns 'Not available before 1.0' "$uses_new" "$@" "$old" "$(echo "$old" | sed s/MIN_REQUIRED/MAX_ALLOWED/)"

for header in $headers; do
  name=${header##*/}
  if [ "$name" = lsocket.h ]; then
    umbrella=$header
    continue
  fi
  check "$name/alone" compile "#define LSOCKET_COMPILATION
#include <lsocket/$name>" "$@"
  check "$name/refused" is_refused "#include <lsocket/$name>" "$@"
done
for header in $headers; do
  name=${header##*/}
  [ "$name" = lsocket.h ] || check "$name/in-umbrella" grep -qx "#include <lsocket/$name>" "$umbrella"
done

# Functions and types that private headers declare; a public one may have no other than its own.
grep -hoE '\<l_[a-z0-9_]+ *\(|\<_?L[A-Z][A-Za-z]+;|\} L[A-Z][A-Za-z]+;' $private_headers |
  tr -d '(;} ' | sort -u >"$scratch/private"
sed 's|/\*.*\*/||' $headers | grep -oE '\<_?(l|L)[A-Za-z0-9_]+' | sort -u >"$scratch/public"
sed -nE 's/^[A-Za-z].*\<(l_[a-z0-9_]+) +\(.*/\1/p; s/^.*TYPE \((L[A-Za-z]+),.*/\1/p; s/^\} (L[A-Za-z]+);/\1/p' $headers |
  sort -u >"$scratch/declared"
comm -12 "$scratch/private" "$scratch/public" | comm -23 - "$scratch/declared" >"$scratch/leaked"
check private-names silent cat "$scratch/leaked"
check private-headers silent grep -n -e '-private\.h' $headers
done_testing
