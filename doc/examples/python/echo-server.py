#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sends back what it hears, to as many clients as come."""

import signal
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket


def on_new_connection(server):
    # The server holds it until it has ended.
    socket = server.next_pending_connection()
    socket.connect('ready-read', lambda socket: socket.write(socket.read()))


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
