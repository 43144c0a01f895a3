#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says its standard input to an echo server, and prints what comes back until all of it has.

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

if (ARGV.length !== 1) {
    printerr('Usage: echo-client.js NAME <TEXT');
    System.exit(2);
}

const [, said] = GLib.file_get_contents('/dev/stdin');
let heard = 0;
const loop = new GLib.MainLoop(null, false);
const socket = new LSocket.Socket();
socket.connect('ready-read', () => {
    const bytes = socket.read_all();
    if (!bytes.every((byte, i) => byte === said[heard + i])) {
        printerr('It said something else');
        socket.abort();
        return;
    }
    heard += bytes.length;
    if (heard === said.length) {
        print(new TextDecoder().decode(said).trimEnd());
        socket.disconnect_from_server();
    }
});
socket.connect('error', () => printerr(socket.error_string));
socket.connect('state-changed', (_socket, state) => {
    if (state === LSocket.SocketState.UNCONNECTED)
        loop.quit();
});

socket.connect_to_server(ARGV[0]);
if (socket.state !== LSocket.SocketState.UNCONNECTED) {
    socket.write(said);
    if (said.length === 0)
        socket.disconnect_from_server();
    else
        loop.run();
}
System.exit(heard === said.length && socket.error === LSocket.SocketError.UNKNOWN ? 0 : 1);
