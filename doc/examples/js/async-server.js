#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// An echo server with async and await: each line comes back, to as many clients as come.

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

async function answer(socket) {
    for await (const line of socket)
        socket.write(line);
    await socket.disconnect_from_server_async();
}

if (ARGV.length !== 1) {
    printerr('Usage: async-server.js NAME');
    System.exit(2);
}

const server = new LSocket.Server();
try {
    server.listen(ARGV[0]);
} catch (error) {
    printerr(error.message);
    System.exit(1);
}
print('Listening at', server.full_server_name);
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, 15, () => server.close());
for await (const socket of server)
    answer(socket).catch(error => printerr(error.message));
