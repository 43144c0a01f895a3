#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says the lines of its standard input to an echo server, each when the one before it has come back, with await.

import GLib from 'gi://GLib';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

if (ARGV.length !== 1) {
    printerr('Usage: async-client.js NAME <TEXT');
    System.exit(2);
}

const decoder = new TextDecoder();
const text = decoder.decode(GLib.file_get_contents('/dev/stdin')[1]).trimEnd();
try {
    const socket = new LSocket.Socket();
    await socket.connect_to_server_async(ARGV[0]);
    for (const line of text ? text.split('\n') : []) {
        socket.write(`${line}\n`);
        print(decoder.decode(await socket.read_line_async()).trimEnd());
    }
    await socket.disconnect_from_server_async();
} catch (error) {
    printerr(error.message);
    System.exit(1);
}
