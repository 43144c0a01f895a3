#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-potfiles.sh SOURCE_ROOT: whether po/POTFILES.in names exactly the files with translatable text.

. "$(dirname "$0")/tap.sh"
cd "$1"

grep -v '^#' po/POTFILES.in >"$scratch/listed" || true
grep -lE '(^|[^A-Za-z0-9_])[NCQ]?_ ?\(' lsocket/*.[ch] | sort >"$scratch/translatable"

check complete diff -u "$scratch/translatable" "$scratch/listed"
# xgettext ends a text where a macro begins: it would never be found again.
check no-macros silent grep -nE '(^|[^A-Za-z0-9_])[NCQ]?_ ?\(("([^"\\]|\\.)*" *)+[A-Za-z]' lsocket/*.[ch]
check linguas silent grep -vE '^(#.*)?$|^[a-z]{2,3}(_[A-Z]{2})?(@[a-z]+)?$' po/LINGUAS
if command -v msgfmt >/dev/null; then
  for language in $(grep -v '^#' po/LINGUAS); do
    check "$language" msgfmt --check --output-file="$scratch/$language.mo" "po/$language.po"
  done
fi
done_testing
