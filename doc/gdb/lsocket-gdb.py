# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What gdb prints of a socket and a server; it loads this file with the library. It wants the library's debug
information, and only reads memory: no function of the program is called."""

import gdb
import gdb.printing


def get_private(pointer, name):
    """The private part of an instance, which GObject puts at an offset from it."""
    offset = gdb.lookup_static_symbol(f'{name}_private_offset').value()
    private = gdb.lookup_type(f'{name}Private').pointer()
    return (pointer.cast(gdb.lookup_type('char').pointer()) + int(offset)).cast(private).dereference()


def get_nick(value, prefix):
    """L_SOCKET_STATE_CONNECTED is “connected”."""
    return str(value).replace(prefix, '').lower().replace('_', '-')


def get_string(pointer):
    return '“' + pointer.cast(gdb.lookup_type('char').pointer()).string('utf-8', 'replace') + '”' if int(pointer) else None


class SocketPrinter:
    """LSocket 0x5555: connected, “/run/user/1000/market”, 5 bytes to read, 3 to write"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        socket = get_private(self.value, 'LSocket')
        device = get_private(self.value, 'LIODevice')
        parts = [
            get_nick(socket['state'], 'L_SOCKET_STATE_'),
            get_string(socket['full_server_name']) or get_string(socket['server_name']),
            f'{int(device["input"]["buffer"]["size"])} bytes to read',
            f'{int(device["output"]["buffer"]["size"])} to write',
            get_string(device['error_string']),
        ]
        return f'LSocket {int(self.value):#x}: ' + ', '.join(part for part in parts if part)


class ServerPrinter:
    """LServer 0x5555: listening, “/run/user/1000/market”, 0 pending"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        server = get_private(self.value, 'LServer')
        parts = [
            'listening' if int(server['listening']) else 'closed',
            get_string(server['full_server_name']),
            f'{int(server["pending"]["length"])} pending',
            get_string(server['error_string']),
        ]
        return f'LServer {int(self.value):#x}: ' + ', '.join(part for part in parts if part)


class LSocketPrinters(gdb.printing.PrettyPrinter):
    """Pointers to the two classes; what is printed otherwise says nothing of them."""

    printers = {'LSocket': SocketPrinter, 'LServer': ServerPrinter}

    def __init__(self):
        super().__init__('lsocket', [gdb.printing.SubPrettyPrinter(name) for name in self.printers])

    def __call__(self, value):
        if value.type.strip_typedefs().code != gdb.TYPE_CODE_PTR or not int(value):
            return None

        name = value.type.strip_typedefs().target().unqualified().name
        printer = self.printers.get((name or '').lstrip('_'))
        return printer(value) if printer else None


# GLib's printer takes every object. The program's own file is asked before that of a library.
gdb.printing.register_pretty_printer(gdb.objfiles()[0], LSocketPrinters(), replace=True)
