#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the distribution's own GLib with ThreadSanitizer and prints where it is. In a GLib that was built without it
# every GMutex, GTask and GMainContext reads as a race. Without GLib's checks of its arguments, some of which look at what
# another thread may change. The result lies in the user's cache; a second run only prints.
# Needs what `./dev test --tsan` installs.

set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lsocket
prefix=$cache/glib-unchecked-tsan
if [ -e "$prefix" ]; then
  echo "$prefix"
  exit 0
fi

sources=$(cd "$(dirname "$0")/.." && pwd)/fetch-sources.sh
mkdir -p "$cache"
work=$(mktemp -d "$cache/glib-tsan.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
exec 3>&1 1>&2

"$sources" glib2.0
sed -i "/^subdir('fuzzing')/d" glib2.0/meson.build

meson setup build glib2.0 --prefix="$prefix" --libdir=lib --buildtype=debugoptimized --wrap-mode=nodownload \
  -Db_sanitize=thread -Db_lundef=false -Dc_link_args="-Wl,-rpath,$prefix/lib" \
  -Dtests=false -Dnls=disabled -Dlibmount=disabled -Dselinux=disabled -Dlibelf=disabled -Dman=false -Dgtk_doc=false \
  -Dglib_checks=false
meson compile -C build
DESTDIR=$work/stage meson install -C build --quiet

mv -T "$work/stage$prefix" "$prefix"
echo "$prefix" >&3
