#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A room: the first line of a client is its name, and every other is sent to all of them."""

import signal
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket

names = {}


def tell_everybody(text):
    for socket in names:
        socket.write(text + b'\n')


def on_ready_read(socket):
    for line in socket.readlines() or []:
        line = line.rstrip(b'\n')
        if socket in names:
            tell_everybody(names[socket] + b': ' + line)
        else:
            names[socket] = line
            tell_everybody(b'* ' + line + b' has come')


def on_disconnected(socket):
    if socket in names:
        tell_everybody(b'* ' + names.pop(socket) + b' has gone')


def on_new_connection(server):
    socket = server.next_pending_connection()
    socket.connect('ready-read', on_ready_read)
    socket.connect('disconnected', on_disconnected)


if len(sys.argv) != 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME')
loop = GLib.MainLoop()
server = LSocket.Server()
server.connect('new-connection', on_new_connection)
try:
    server.listen(sys.argv[1])
except LSocket.Error as error:
    sys.exit(str(error))
print('Listening at', server.get_full_server_name(), flush=True)
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
loop.run()
server.close()
