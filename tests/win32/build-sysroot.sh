#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Cross-builds the distribution's own GLib for Windows on x86_64 with MinGW-w64 and prints where it is: a prefix with
# the DLLs, what is needed to compile with them, and cross.ini, with which Meson does so and runs programs under Wine:
#
#     meson setup _build-win32 --cross-file "$(tests/win32/build-sysroot.sh)/cross.ini"
#
# The result lies in the user's cache; a second run only prints. Needs what `./dev test --win32` installs.

set -eu

host=x86_64-w64-mingw32
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lsocket
sysroot=$cache/win32
tests=$(cd "$(dirname "$0")/.." && pwd)

# The programs of a build are run by a copy, so that the build directory does not depend on the checkout that made the
# sysroot.
finish ()
{
  if ! cmp -s "$tests/win32/wine-run" "$sysroot/wine-run"; then
    cp "$tests/win32/wine-run" "$sysroot/wine-run.$$"
    mv "$sysroot/wine-run.$$" "$sysroot/wine-run"
  fi
  echo "$sysroot"
}

if [ -e "$sysroot" ]; then
  finish
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/win32.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
exec 3>&1 1>&2

prefix=$work/win32
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"
"$tests/fetch-sources.sh" glib2.0 libffi pcre2 zlib

# DIRECTORY: for Meson, with that sysroot.
write_cross_file ()
{
  cat <<EOF
[binaries]
c = '$host-gcc'
ar = '$host-ar'
strip = '$host-strip'
windres = '$host-windres'
pkgconfig = 'pkg-config'
exe_wrapper = '$1/wine-run'

[built-in options]
c_args = ['-I$1/include']
c_link_args = ['-L$1/lib']

[properties]
pkg_config_libdir = '$1/lib/pkgconfig'
needs_exe_wrapper = true
growing_stack = false

[host_machine]
system = 'windows'
cpu_family = 'x86_64'
cpu = 'x86_64'
endian = 'little'
EOF
}

# NAME VERSION LIBS [CFLAGS]: relative, as the prefix moves in the end.
write_pkg_config ()
{
  cat >"$prefix/lib/pkgconfig/$1.pc" <<EOF
prefix=\${pcfiledir}/../..
Name: $1
Description: $1 as a static library
Version: $2
Libs: -L\${prefix}/lib $3
Cflags: -I\${prefix}/include ${4-}
EOF
}

# HEADER MACRO: the value of a string or a number.
get_macro ()
{
  sed -n "s/^# *define  *$2  *\"\{0,1\}\([^\" ]*\).*/\1/p" "$1"
}

# OPTION... NAME SOURCE...: compiles all and archives them.
build_library ()
{
  options=
  while case $1 in -*) ;; *) false ;; esac; do
    options="$options $1"
    shift
  done
  name=$1
  shift
  # shellcheck disable=SC2086
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 $host-gcc $options -c
  $host-ar rcs "$prefix/lib/$name.a" ./*.o
}

# What GLib's DLLs contain is built first: small static libraries, all but one simple enough to do without their own
# ways of building. Nothing is optimized: tests are not faster with it, and compiling takes twice as long.
cd "$work/zlib"
build_library libz ./*.c
cp zlib.h zconf.h "$prefix/include"
write_pkg_config zlib "$(get_macro zlib.h ZLIB_VERSION)" -lz

cd "$work/pcre2/src"
cp config.h.generic config.h
cp pcre2.h.generic pcre2.h
cp pcre2_chartables.c.dist pcre2_chartables.c
# Without those that others include or that belong to programs.
# shellcheck disable=SC2046
build_library -DHAVE_CONFIG_H -DPCRE2_STATIC -DPCRE2_CODE_UNIT_WIDTH=8 -DSUPPORT_PCRE2_8 -DSUPPORT_UNICODE libpcre2-8 \
  $(ls pcre2_*.c | grep -Ev '_(dftables|fuzzsupport|jit_match|jit_misc|jit_test|printint|ucptables)\.c')
cp pcre2.h "$prefix/include"
write_pkg_config libpcre2-8 "$(get_macro pcre2.h PCRE2_MAJOR).$(get_macro pcre2.h PCRE2_MINOR)" -lpcre2-8 -DPCRE2_STATIC

mkdir "$work/intl"
cd "$work/intl"
cp "$tests/win32/libintl.h" "$prefix/include"
build_library -I"$prefix/include" libintl "$tests/win32/libintl.c"

mkdir "$work/build-libffi"
cd "$work/build-libffi"
../libffi/configure --host=$host --prefix="$prefix" --libdir="$prefix/lib" --disable-shared --disable-docs \
  --disable-multi-os-directory CFLAGS=
make -j "$(nproc)" install
write_pkg_config libffi "$(sed -n 's/^Version: //p' "$prefix/lib/pkgconfig/libffi.pc")" -lffi

# GLib's configuration runs no program, so that Wine is not started thirty times, and its own programs are not built.
# LC_MESSAGES is in Debian's patches, but not in MinGW's locale.h.
cd "$work"
sed -i "/^subdir('fuzzing')/d" glib2.0/meson.build
write_cross_file "$prefix" | sed "/^exe_wrapper/d; /^c_args/s/]/, '-DLC_MESSAGES=LC_CTYPE', '-w']/" >cross-glib.ini
meson setup build-glib glib2.0 --cross-file cross-glib.ini --prefix="$prefix" --libdir=lib --buildtype=plain --strip \
  --default-library=shared --wrap-mode=nodownload -Dpkgconfig.relocatable=true -Dwarning_level=0 \
  -Dtests=false -Dnls=disabled -Dlibmount=disabled -Dselinux=disabled -Dlibelf=disabled -Dxattr=false -Dman=false \
  -Dgtk_doc=false -Dglib_debug=disabled -Dbsymbolic_functions=false
meson compile -C build-glib glib-2.0 gmodule-2.0 gthread-2.0 gobject-2.0 gio-2.0 \
  gspawn-win64-helper gspawn-win64-helper-console
DESTDIR='' meson install -C build-glib --quiet --no-rebuild --tags runtime,devel

write_cross_file "$sysroot" >"$prefix/cross.ini"
rm "$prefix/lib/libffi.la"
mv -T "$prefix" "$sysroot"
exec 1>&3
finish
