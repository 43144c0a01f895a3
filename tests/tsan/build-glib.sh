#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the distribution's own GLib with ThreadSanitizer and prints where it is. In a GLib that was built without it
# every GMutex, GTask and GMainContext reads as a race. The result lies in the user's cache; a second run only prints.
# Needs what `./dev test --tsan` installs.

set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lsocket
prefix=$cache/glib-tsan
if [ -e "$prefix" ]; then
  echo "$prefix"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/glib-tsan.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
exec 3>&1 1>&2

# A deb-src line for each archive of the distribution that this system is configured to use, whatever form that has.
mkdir -p apt/lists/partial apt/archives/partial
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  while read -r origin uri release component; do
    case $origin in
      Debian) echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release $component" ;;
      Ubuntu) echo "deb-src [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] $uri $release $component" ;;
    esac
  done | sort -u >apt/sources.list
if [ ! -s apt/sources.list ]; then
  echo "build-glib.sh: apt knows no archive with GLib's source (apt-get update may help)"
  exit 1
fi

# The system's own lists and caches stay as they are, so this needs no root.
apt ()
{
  apt-get -q -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt" -o APT::Sandbox::User= "$@"
}
apt update
apt source --download-only glib2.0
dpkg-source -x glib2.0_*.dsc glib
sed -i "/^subdir('fuzzing')/d" glib/meson.build

meson setup build glib --prefix="$prefix" --libdir=lib --buildtype=debugoptimized --wrap-mode=nodownload \
  -Db_sanitize=thread -Db_lundef=false -Dc_link_args="-Wl,-rpath,$prefix/lib" \
  -Dtests=false -Dnls=disabled -Dlibmount=disabled -Dselinux=disabled -Dlibelf=disabled -Dman=false -Dgtk_doc=false
meson compile -C build
DESTDIR=$work/stage meson install -C build --quiet

mv -T "$work/stage$prefix" "$prefix"
echo "$prefix" >&3
