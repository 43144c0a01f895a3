#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A chat with a window: opens a room, or joins one. The other side may be any chat-server or chat-client."""

import os
import sys

import gi

gi.require_version('Gtk', '4.0')
gi.require_version('LSocket', '1')
from gi.repository import Gdk, Gio, GObject, Gtk, LSocket, Pango

HERE = os.path.dirname(os.path.abspath(__file__))
SYNC = GObject.BindingFlags.SYNC_CREATE


class Chat:
    def __init__(self, application):
        # Of whoever joined our room, with a name once that was said; and ours with the room that we joined.
        self.server, self.client = LSocket.Server(), LSocket.Socket()
        self.names = {}
        self.filter = Gtk.CustomFilter.new(lambda socket: socket in self.names)
        self.members = Gtk.FilterListModel(model=self.server.get_connections(), filter=self.filter)

        builder = Gtk.Builder.new_from_file(os.path.join(HERE, 'chat.ui'))
        for name in ('window', 'banner', 'banner_label', 'controls', 'room', 'who', 'joined', 'log', 'say'):
            setattr(self, name, builder.get_object(name))
        self.window.set_application(application)

        self.server.connect('new-connection', self.on_new_connection)
        self.server.connect('error', lambda server, error: self.complain(server.get_error_string()))
        self.server.bind_property('listening', self.controls, 'sensitive', SYNC | GObject.BindingFlags.INVERT_BOOLEAN)
        self.server.bind_property('full-server-name', self.window, 'title', SYNC,
                                  lambda binding, name: name or 'Chat')

        self.client.connect('ready-read', self.on_room_said)
        self.client.connect('error', self.on_error)
        self.client.bind_property('state', self.joined, 'label', SYNC, self.describe_state)
        self.client.bind_property('state', self.joined, 'visible', SYNC,
                                  lambda binding, state: state != LSocket.SocketState.UNCONNECTED)

        builder.get_object('open').connect('clicked', self.on_open)
        builder.get_object('join').connect('clicked', self.on_join)
        builder.get_object('dismiss').connect('clicked', lambda button: self.banner.set_reveal_child(False))
        self.say.connect('activate', self.on_say)

        factory = Gtk.SignalListItemFactory()
        factory.connect('setup', self.on_setup)
        factory.connect('bind', self.on_bind)
        factory.connect('unbind', lambda factory, item: item.binding.unbind())
        view = builder.get_object('list')
        view.set_model(Gtk.NoSelection(model=self.members))
        view.set_factory(factory)

    def on_setup(self, factory, item):
        item.set_child(Gtk.Label(ellipsize=Pango.EllipsizeMode.END, margin_start=6, xalign=0))

    def on_bind(self, factory, item):
        """A row follows the state of its connection by itself."""
        item.binding = item.get_item().bind_property('state', item.get_child(), 'label', SYNC, self.describe_state)

    def describe_state(self, binding, state):
        return f'{self.names.get(binding.dup_source(), "")}: {state.value_nick}'

    def complain(self, text):
        self.banner_label.set_text(text)
        self.banner.set_reveal_child(True)

    def print(self, text):
        buffer = self.log.get_buffer()
        buffer.insert(buffer.get_end_iter(), text + '\n')

    def on_open(self, button):
        try:
            self.server.listen(self.room.get_text())
        except LSocket.Error as error:
            self.complain(str(error))
        else:
            self.banner.set_reveal_child(False)

    def on_new_connection(self, server):
        socket = server.next_pending_connection()
        socket.connect('ready-read', self.on_member_said)
        socket.connect('error', self.on_error)
        socket.connect('state-changed', self.on_member_state_changed)

    def on_join(self, button):
        # One room at a time.
        self.client.abort()
        self.names[self.client] = self.room.get_text()
        self.client.connect_to_server(self.room.get_text())
        if self.client.get_state() != LSocket.SocketState.UNCONNECTED:
            self.banner.set_reveal_child(False)
            self.client.write(f'{self.who.get_text()}\n'.encode())

    def on_error(self, socket, error):
        # Members come and go.
        if error != LSocket.SocketError.PEER_CLOSED or socket == self.client:
            self.complain(socket.get_error_string())

    def on_member_state_changed(self, socket, state):
        """The server has taken it off its list by now."""
        if state != LSocket.SocketState.UNCONNECTED or socket not in self.names:
            return
        name = self.names.pop(socket)
        if self.server.is_listening():
            self.tell_everybody(f'* {name} has gone')

    def on_room_said(self, socket):
        for line in socket.readlines() or []:
            self.print(line.decode(errors='replace').rstrip('\n'))

    def on_member_said(self, socket):
        for line in socket.readlines() or []:
            text = line.decode(errors='replace').rstrip('\n')
            if socket in self.names:
                self.tell_everybody(f'{self.names[socket]}: {text}')
            else:
                self.names[socket] = text
                self.filter.changed(Gtk.FilterChange.LESS_STRICT)
                self.tell_everybody(f'* {text} has come')

    def tell_everybody(self, text):
        self.print(text)
        for socket in self.members:
            socket.write(f'{text}\n'.encode())

    def on_say(self, entry):
        if self.server.is_listening():
            self.tell_everybody(f'{self.who.get_text()}: {entry.get_text()}')
        elif self.client.is_writable():
            self.client.write(f'{entry.get_text()}\n'.encode())
        entry.set_text('')


def on_activate(application):
    style = Gtk.CssProvider()
    style.load_from_path(os.path.join(HERE, 'chat.css'))
    Gtk.StyleContext.add_provider_for_display(Gdk.Display.get_default(), style,
                                              Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
    application.chat = Chat(application)
    application.chat.window.present()


application = Gtk.Application(application_id='org.lsocket.Chat', flags=Gio.ApplicationFlags.NON_UNIQUE)
application.connect('activate', on_activate)
sys.exit(application.run(sys.argv))
