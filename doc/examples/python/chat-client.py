#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Says the lines of its standard input in a room, and prints what is said there."""

import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import Gio, GLib, LSocket

if len(sys.argv) != 3:
    sys.exit(f'Usage: {sys.argv[0]} NAME WHO')
_, name, who = sys.argv
loop = GLib.MainLoop()
socket = LSocket.Socket()
stdin = Gio.DataInputStream(base_stream=Gio.UnixInputStream.new(sys.stdin.fileno(), False))


def read_next():
    stdin.read_line_async(GLib.PRIORITY_DEFAULT, None, on_input_read)


def on_input_read(stdin, result):
    try:
        line, _length = stdin.read_line_finish_utf8(result)
    except GLib.Error as error:
        print(error.message, file=sys.stderr)
        line = None
    if line is None:
        socket.disconnect_from_server()
    else:
        socket.write(f'{line}\n'.encode())
        read_next()


def on_ready_read(socket):
    for line in socket.readlines() or []:
        print(line.decode(errors='replace'), end='', flush=True)


def on_error(socket, error):
    print(socket.get_error_string(), file=sys.stderr)


def on_state_changed(socket, state):
    if state == LSocket.SocketState.UNCONNECTED:
        loop.quit()


socket.connect('ready-read', on_ready_read)
socket.connect('error', on_error)
socket.connect('state-changed', on_state_changed)

socket.connect_to_server(name)
if socket.get_state() != LSocket.SocketState.UNCONNECTED:
    socket.write(f'{who}\n'.encode())
    read_next()
    loop.run()
sys.exit(socket.get_error() != LSocket.SocketError.UNKNOWN)
