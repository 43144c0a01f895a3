#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-python-types.sh MYPY SOURCE_ROOT: what a type checker says of the types, and of programs that use them.

. "$(dirname "$0")/../tap.sh"
mypy=$1
source=$2
overrides=$source/introspection/overrides/python

# As installed.
mkdir -p "$scratch/stubs/gi/repository"
cp "$overrides/stubs/gi.pyi" "$scratch/stubs/gi/__init__.pyi"
cp "$overrides/stubs/repository.pyi" "$scratch/stubs/gi/repository/__init__.pyi"
cp "$overrides/LSocket.pyi" "$scratch/stubs/gi/repository"
MYPYPATH=$scratch/stubs
export MYPYPATH

# The parents of our classes may be anything: PyGObject brings no types.
check_types ()
{
  "$mypy" --strict --allow-subclassing-any --warn-unused-ignores --cache-dir "$scratch/cache" "$@"
}

check types check_types "$scratch/stubs/gi/repository/LSocket.pyi"
check program check_types "$source/tests/bindings/typed-program.py"
done_testing
