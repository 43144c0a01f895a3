#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-install.sh SOURCE_ROOT BUILD_ROOT PREFIX VERSION INTROSPECTION PYTHON FILES MESON COMPILER...: what an
# installation, of which FILES are a part, and a subproject give to a program that uses the library.

. "$(dirname "$0")/tap.sh"
source=$1
build=$2
prefix=$3
version=$4
introspection=$5
python=$6
files=$7
meson=$8
shift 8

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

# The pkg-config file of a tree that stands elsewhere than it was made for.
relocate ()
{
  pc=$(find "$1" -name lsocket-1.pc)
  sed -i "s|^prefix=.*|prefix=$1$prefix|" "$pc"
  PKG_CONFIG_PATH=$(dirname "$pc")
  export PKG_CONFIG_PATH
}

# NAME COMPILER...: pkg-config has --static in $static.
build_program ()
{
  program=$scratch/$1
  shift
  "$@" "$scratch/program.c" -o "$program" $(pkg-config $static --cflags --libs lsocket-1)
}

is_found ()
{
  [ -n "$(find "$root" -path "*/$1")" ]
}

# Through the environment the library is found that the program was linked with.
run_shared ()
{
  LD_LIBRARY_PATH=$(pkg-config --variable=libdir lsocket-1) "$@"
}

# As a user does who has it in a place of his own.
run_python ()
{
  PYTHONPATH=$(find "$root" -path '*/gi/overrides' | sed 's|/gi/overrides$||') \
  GI_TYPELIB_PATH=$(find "$root" -name girepository-1.0) run_shared "$python" -c "
import gi
gi.require_version('LSocket', '1')
from gi.repository import LSocket
print(LSocket.Socket().wait_for_connected(), LSocket.new_event_loop())"
}

run_gjs ()
{
  cat >"$scratch/program.js" <<'END'
imports.gi.versions.LSocket = '1';
const {LSocket} = imports.gi;
const socket = new LSocket.Socket();

print(socket.state === LSocket.SocketState.UNCONNECTED, typeof socket[Symbol.asyncIterator]);
END
  XDG_DATA_DIRS=$root$prefix/share:${XDG_DATA_DIRS:-/usr/local/share:/usr/share} \
  GI_TYPELIB_PATH=$(find "$root" -name girepository-1.0) run_shared "$1" "$scratch/program.js" >"$scratch/said" &&
    cat "$scratch/said" && grep -qx 'true function' "$scratch/said"
}

# VALAC COMPILER... What the VAPI needs stands in a file to which Meson gives no tag.
build_vala ()
{
  valac=$1
  shift
  echo 'int main () { return new LSocket.Socket ().state == LSocket.SocketState.UNCONNECTED ? 0 : 1; }' >"$scratch/program-vala.vala"
  "$valac" --vapidir "$(find "$root" -name vapi)" --pkg gio-2.0 --pkg lsocket-1 -C -d "$scratch" "$scratch/program-vala.vala" &&
    "$@" -w "$scratch/program-vala.c" -o "$scratch/vala" $(pkg-config --cflags --libs lsocket-1)
}

root=$scratch/root
check install "$meson" install -C "$build" --no-rebuild --destdir "$root" --tags runtime,devel,typelib,python-runtime,man,i18n
relocate "$root"
check pkg-config/valid pkg-config --validate lsocket-1
check pkg-config/version pkg-config --exists "lsocket-1 = $version"
check pkg-config/requires pkg-config --exists --print-errors --static lsocket-1
for header in $(sed -n 's|^#include <\(.*\)>|\1|p' "$source/lsocket/lsocket.h") lsocket/lsocket.h; do
  check "headers/${header#*/}" is_found "include/lsocket-1/$header"
done
check headers/none-private silent find "$root" -name '*private*'
if "$introspection"; then
  check gir is_found gir-1.0/LSocket-1.gir
  check typelib is_found girepository-1.0/LSocket-1.typelib
fi
for file in $files; do
  check "files/$file" is_found "$file"
done
if [ -n "$python" ]; then
  check python run_python
fi
if is_found gjs-1.0/overrides/LSocket.js && gjs=$(command -v gjs); then
  check gjs run_gjs "$gjs"
fi
if is_found vala/vapi/lsocket-1.vapi && valac=$(command -v valac); then
  check vala/build build_vala "$valac" "$@"
  check vala/run run_shared "$scratch/vala"
fi
check tool run_shared "$root$prefix/bin/lsocket" --help

if [ -n "$(find "$root" -name 'liblsocket-1.so')" ]; then
  static=
  check shared/build build_program shared "$@"
  check shared/run run_shared "$scratch/shared"
  check shared/soname sh -c "objdump -p '$scratch/shared' | grep -q 'NEEDED *liblsocket-1.so.0'"
fi
if [ -n "$(find "$root" -name 'liblsocket-1.a')" ]; then
  mv "$root" "$scratch/static-root"
  root=$scratch/static-root
  find "$root" -name 'liblsocket-1.so*' -exec rm {} +
  relocate "$root"
  static=--static
  check static/build build_program static "$@"
  check static/run "$scratch/static"
fi

unset PKG_CONFIG_PATH
mkdir -p "$scratch/consumer/subprojects"
ln -s "$source" "$scratch/consumer/subprojects/lsocket"
cp "$scratch/program.c" "$scratch/consumer"
cat >"$scratch/consumer/meson.build" <<'END'
project('consumer', 'c')
executable('program', 'program.c', dependencies: dependency('lsocket-1', fallback: 'lsocket'))
END
check subproject/setup "$meson" setup "$scratch/subproject" "$scratch/consumer" --force-fallback-for=lsocket
check subproject/build "$meson" compile -C "$scratch/subproject" program
check subproject/run "$scratch/subproject/program"
done_testing
