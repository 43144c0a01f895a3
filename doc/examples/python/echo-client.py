#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Says the lines of its standard input to an echo server, one after the other, checks that each comes back unchanged,
and prints each signal with the state as it comes."""

import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket

SIGNALS = ('connected', 'disconnected', 'error', 'state-changed', 'ready-read', 'bytes-written',
           'read-channel-finished', 'about-to-close')


def on_signal(socket, *args):
    *args, name = args
    text = ''.join(f': {getattr(arg, "value_nick", arg)}' for arg in args)
    print(f'client  {socket.get_state().value_nick:12} {name}{text}', flush=True)


class EchoClient:
    def __init__(self, lines):
        self.lines = lines
        self.problem = None
        self.loop = GLib.MainLoop()

        # Handlers are called in the order in which they were connected: the printing ones come first.
        self.socket = LSocket.Socket()
        for name in SIGNALS:
            self.socket.connect(name, on_signal, name)
        self.socket.connect('connected', self.say_next)
        self.socket.connect('ready-read', self.on_ready_read)
        self.socket.connect('error', self.on_error)
        self.socket.connect('state-changed', self.on_state_changed)

    def say_next(self, socket):
        if self.lines:
            socket.write(self.lines[0])
        else:
            socket.disconnect_from_server()

    def on_ready_read(self, socket):
        while socket.can_read_line():
            line = socket.read_line(0)
            if [line] != self.lines[:1]:
                self.problem = f'Said {self.lines[:1]}, got back {line}'
                socket.abort()
                return
            print(f'client  got back: {line.decode(errors="replace").rstrip()}', flush=True)
            del self.lines[0]
            self.say_next(socket)

    def on_error(self, socket, error):
        self.problem = socket.get_error_string()

    def on_state_changed(self, socket, state):
        if state == LSocket.SocketState.UNCONNECTED:
            self.loop.quit()

    def run(self, name):
        self.socket.connect_to_server(name, LSocket.OpenMode.READ_WRITE)
        # It may be over already, when connecting failed inside the call.
        if self.socket.get_state() != LSocket.SocketState.UNCONNECTED:
            self.loop.run()
        return self.problem


if len(sys.argv) != 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME')
# The last line may have no newline, and is waited for with one.
sys.exit(EchoClient([line.rstrip(b'\n') + b'\n' for line in sys.stdin.buffer]).run(sys.argv[1]))
