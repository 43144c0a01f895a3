#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sends back what it hears, to as many clients as come.

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

if (ARGV.length !== 1) {
    printerr('Usage: echo-server.js NAME');
    System.exit(2);
}

const loop = new GLib.MainLoop(null, false);
const server = new LSocket.Server();
server.connect('new-connection', () => {
    // The server holds it until it has ended.
    const socket = server.next_pending_connection();
    socket.connect('ready-read', () => socket.write(socket.read_all()));
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
