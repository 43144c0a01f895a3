#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An echo server with async and await: each line comes back, to as many clients as come."""

import asyncio
import signal
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket


async def answer(socket):
    try:
        async with socket:
            async for line in socket:
                socket.write(line)
    except GLib.Error as error:
        # The others go on.
        print(error.message, file=sys.stderr)


async def main(name):
    async with LSocket.Server() as server:
        server.listen(name)
        print('Listening at', server.get_full_server_name(), flush=True)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        async with asyncio.TaskGroup() as tasks:
            async for socket in server:
                tasks.create_task(answer(socket))


if len(sys.argv) != 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME')
try:
    with asyncio.Runner(loop_factory=LSocket.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
except LSocket.Error as error:
    sys.exit(str(error))
