#!/usr/bin/env -S gjs -m
// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Asks the server of lines, without a main loop: each argument is a line, and its answer is waited for.

import LSocket from 'gi://LSocket?version=1';
import System from 'system';

function ask(socket, question) {
    socket.write(`${question}\n`);
    while (!socket.can_read_line()) {
        if (!socket.wait_for_ready_read())
            throw new Error(socket.error_string);
    }
    return new TextDecoder().decode(socket.read_line()).trimEnd();
}

if (ARGV.length < 1) {
    printerr('Usage: lines-client.js NAME QUESTION...');
    System.exit(2);
}

const [name, ...questions] = ARGV;
try {
    const socket = new LSocket.Socket();
    socket.connect_to_server_sync(name);
    for (const question of questions)
        print(ask(socket, question));
} catch (error) {
    printerr(error.message);
    System.exit(1);
}
