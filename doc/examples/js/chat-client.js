#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says the lines of its standard input in a room, and prints what is said there.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

if (ARGV.length !== 2) {
    printerr('Usage: chat-client.js NAME WHO');
    System.exit(2);
}

const [name, who] = ARGV;
const decoder = new TextDecoder();
const loop = new GLib.MainLoop(null, false);
const socket = new LSocket.Socket();
const stdin = new Gio.DataInputStream({base_stream: Gio.UnixInputStream.new(0, false)});

function readNext() {
    stdin.read_line_async(GLib.PRIORITY_DEFAULT, null, onInputRead);
}

function onInputRead(_stdin, result) {
    const [line] = stdin.read_line_finish(result);
    if (line === null) {
        socket.disconnect_from_server();
    } else {
        socket.write(`${decoder.decode(line)}\n`);
        readNext();
    }
}

socket.connect('ready-read', () => {
    while (socket.can_read_line())
        print(decoder.decode(socket.read_line()).trimEnd());
});
socket.connect('error', () => printerr(socket.error_string));
socket.connect('state-changed', (_socket, state) => {
    if (state === LSocket.SocketState.UNCONNECTED)
        loop.quit();
});

socket.connect_to_server(name);
if (socket.state !== LSocket.SocketState.UNCONNECTED) {
    socket.write(`${who}\n`);
    readNext();
    loop.run();
}
System.exit(socket.error === LSocket.SocketError.UNKNOWN ? 0 : 1);
