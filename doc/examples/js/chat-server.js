#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A room: the first line of a client is its name, and every other is sent to all of them.

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

const names = new Map();

function tellEverybody(text) {
    for (const socket of names.keys())
        socket.write(`${text}\n`);
}

function onReadyRead(socket) {
    while (socket.can_read_line()) {
        const line = new TextDecoder().decode(socket.read_line()).trimEnd();
        if (names.has(socket)) {
            tellEverybody(`${names.get(socket)}: ${line}`);
        } else {
            names.set(socket, line);
            tellEverybody(`* ${line} has come`);
        }
    }
}

function onDisconnected(socket) {
    const name = names.get(socket);
    if (names.delete(socket))
        tellEverybody(`* ${name} has gone`);
}

if (ARGV.length !== 1) {
    printerr('Usage: chat-server.js NAME');
    System.exit(2);
}

const loop = new GLib.MainLoop(null, false);
const server = new LSocket.Server();
server.connect('new-connection', () => {
    const socket = server.next_pending_connection();
    socket.connect('ready-read', onReadyRead);
    socket.connect('disconnected', onDisconnected);
});

try {
    server.listen(ARGV[0]);
} catch (error) {
    printerr(error.message);
    System.exit(1);
}
print('Listening at', server.full_server_name);
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, 15, () => loop.quit());
loop.run();
server.close();
