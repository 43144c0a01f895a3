#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the server of lines, without a main loop: each argument is a line, and its answer is waited for."""

import os
import sys

import gi

gi.require_version('LSocket', '1')
from gi.repository import LSocket

if len(sys.argv) < 2:
    sys.exit(f'Usage: {sys.argv[0]} NAME QUESTION...')
try:
    with LSocket.Socket() as socket:
        socket.connect_to_server_sync(sys.argv[1])
        lines = iter(socket)
        for question in sys.argv[2:]:
            socket.write(os.fsencode(question) + b'\n')
            print(next(lines).decode(errors='replace'), end='', flush=True)
except LSocket.Error as error:
    sys.exit(str(error))
except StopIteration:
    sys.exit(socket.get_error_string())
