#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-install.sh BUILD_ROOT PREFIX VERSION SYMBOLS PKG_CONFIG_LIBDIR MESON COMPILER...: what an installation gives to a
# Windows program that uses the library.

. "$(dirname "$0")/../tap.sh"
build=$1
prefix=$2
version=$3
symbols=$4
libdir=$5
meson=$6
shift 6

wine_run=$(dirname "$0")/wine-run
root=$scratch/root
objdump=$("$1" -print-prog-name=objdump)
WINEPATH=$root$prefix/bin
PKG_CONFIG_LIBDIR=$root$prefix/lib/pkgconfig:$libdir
export WINEPATH PKG_CONFIG_LIBDIR

cat >"$scratch/program.c" <<'END'
#include <lsocket/lsocket.h>

int
main (void)
{
  LSocket *socket = l_socket_new ();
  LSocketState state = l_socket_get_state (socket);

  g_object_unref (socket);
  return state == L_SOCKET_STATE_UNCONNECTED &&
         lsocket_check_version (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION, LSOCKET_MICRO_VERSION) ? 0 : 1;
}
END

build_program ()
{
  "$@" "$scratch/program.c" -o "$scratch/program.exe" $(pkg-config --cflags --libs lsocket-1)
}

exports_symbols ()
{
  "$objdump" -p "$root$prefix/bin/liblsocket-1-0.dll" | sed -n 's/^\t\[ *[0-9]*\] \([a-z]\)/\1/p' |
    sort >"$scratch/exported"
  diff -u "$symbols" "$scratch/exported"
}

imports_dll ()
{
  "$objdump" -p "$scratch/program.exe" | grep 'DLL Name: liblsocket-1-0.dll'
}

check install "$meson" install -C "$build" --no-rebuild --destdir "$root" --tags runtime,devel
# It stands elsewhere than it was made for.
sed -i "s|^prefix=.*|prefix=$root$prefix|" "$root$prefix/lib/pkgconfig/lsocket-1.pc"
check dll test -e "$root$prefix/bin/liblsocket-1-0.dll"
check dll/symbols exports_symbols
check import-library test -e "$root$prefix/lib/liblsocket-1.dll.a"
check pkg-config/version pkg-config --exists --print-errors "lsocket-1 = $version"
check headers test -e "$root$prefix/include/lsocket-1/lsocket/lsocket.h"
check tool "$wine_run" "$root$prefix/bin/lsocket.exe" --version
check program/build build_program "$@"
check program/imports imports_dll
check program/run "$wine_run" "$scratch/program.exe"
done_testing
