# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the fragments in the documents speak of. `market` is there, and sends back what it is told, unless the fragment listens.

import asyncio
import os
import signal

import gi

gi.require_version('LSocket', '1')
from gi.repository import Gio, GLib, LSocket

# Who waits for ever is ended.
signal.alarm(30)
server = LSocket.Server()
socket = LSocket.Socket()
if os.path.exists(os.path.join(os.environ['XDG_RUNTIME_DIR'], 'market')):
    socket.connect_to_server_sync('market')


def serve(connection):
    connection.wait_for_ready_read()
    connection.write(connection.read_line())
    connection.disconnect_from_server()
    raise SystemExit


def handle(line):
    print(line)
