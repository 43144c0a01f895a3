#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Says the lines of its standard input to an echo server, each when the one before it has come back, with await."""

import asyncio
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket


async def main(name):
    async with LSocket.Socket() as socket:
        await socket.connect_to_server_async(name)
        for line in sys.stdin.buffer:
            # The last one may have no newline, and the server waits for it.
            socket.write(line.rstrip(b'\n') + b'\n')
            print((await socket.read_line_async()).decode(errors='replace'), end='', flush=True)


if len(sys.argv) != 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME <TEXT')
try:
    with asyncio.Runner(loop_factory=LSocket.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
except GLib.Error as error:
    sys.exit(error.message)
