#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keeps values for its clients. A line is a question and gets a line as its answer:

  set KEY VALUE    ok
  get KEY          ok VALUE, or error no such key
"""

import signal
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket

values = {}


def answer(question):
    match question.split(b' ', 2):
        case [b'set', key, value]:
            values[key] = value
            return b'ok'
        case [b'get', key]:
            return b'ok ' + values[key] if key in values else b'error no such key'
        case _:
            return b'error what?'


def on_ready_read(socket):
    for line in socket.readlines() or []:
        socket.write(answer(line.rstrip()) + b'\n')


def on_new_connection(server):
    socket = server.next_pending_connection()
    # A client that never ends its line gets no further than this.
    socket.set_read_buffer_size(4096)
    socket.connect('ready-read', on_ready_read)


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
