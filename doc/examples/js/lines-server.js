#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Keeps values for its clients. A line is a question and gets a line as its answer:
//
//   set KEY VALUE    ok
//   get KEY          ok VALUE, or error no such key

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

const values = new Map();

function answer(question) {
    const [, command, key, value] = /^(\S+) (\S+)(?: (.*))?$/.exec(question) ?? [];
    if (command === 'set' && value !== undefined) {
        values.set(key, value);
        return 'ok';
    }
    if (command !== 'get' || value !== undefined)
        return 'error what?';
    return values.has(key) ? `ok ${values.get(key)}` : 'error no such key';
}

if (ARGV.length !== 1) {
    printerr('Usage: lines-server.js NAME');
    System.exit(2);
}

const loop = new GLib.MainLoop(null, false);
const server = new LSocket.Server();
server.connect('new-connection', () => {
    const socket = server.next_pending_connection();
    // A client that never ends its line gets no further than this.
    socket.read_buffer_size = 4096;
    socket.connect('ready-read', () => {
        while (socket.can_read_line())
            socket.write(`${answer(new TextDecoder().decode(socket.read_line()).trimEnd())}\n`);
    });
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
