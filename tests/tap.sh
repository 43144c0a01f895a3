# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the tests that are shell scripts.

set -eu
LC_ALL=C
export LC_ALL
n_cases=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# NAME COMMAND...: a case, which passes if the command succeeds.
check ()
{
  n_cases=$((n_cases + 1))
  case_name=$1
  shift
  if "$@" >"$scratch/output" 2>&1; then
    echo "ok $n_cases $case_name"
  else
    sed 's/^/# /' "$scratch/output"
    echo "not ok $n_cases $case_name"
  fi
}

# COMMAND...: succeeds if the command says nothing.
silent ()
{
  "$@" >"$scratch/said" 2>&1 || true
  cat "$scratch/said"
  [ ! -s "$scratch/said" ]
}

done_testing ()
{
  echo "1..$n_cases"
}
