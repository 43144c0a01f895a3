#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An echo server with async and await: each line comes back, to as many clients as come."""

import asyncio
import signal
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import LSocket


async def answer(socket):
    async with socket:
        async for line in socket:
            socket.write(line)


async def main(name):
    async with LSocket.Server() as server, asyncio.TaskGroup() as tasks:
        server.listen(name)
        print('Listening at', server.get_full_server_name(), flush=True)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        async for socket in server:
            tasks.create_task(answer(socket))


if len(sys.argv) != 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME')
with asyncio.Runner(loop_factory=LSocket.new_event_loop) as runner:
    runner.run(main(sys.argv[1]))
