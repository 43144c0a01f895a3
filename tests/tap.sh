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

# What a test does after a case that failed.
after_failure ()
{
  :
}

# NAME COMMAND...: a case, which passes if the command succeeds. What a failed one said is for the log of CI, which
# shows errors and no comments.
check ()
{
  n_cases=$((n_cases + 1))
  case_name=$1
  shift
  if "$@" >"$scratch/output" 2>&1; then
    echo "ok $n_cases $case_name"
  else
    sed "s|^|$case_name: |" "$scratch/output" >&2
    echo "not ok $n_cases $case_name"
    after_failure >&2
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
