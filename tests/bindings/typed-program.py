# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program for the type checker alone: what it must accept, and in the lines that say ignore, what it must not."""

import asyncio

import gi

gi.require_version('LSocket', '1')
from gi.repository import Gio, LSocket


def read(socket: LSocket.Socket) -> int:
    data: bytes | None = socket.read()
    line: bytes | None = socket.readline(10)
    lines: list[bytes] | None = socket.readlines()
    for whole_line in socket:
        whole_line.decode()
    length: int = socket.read()  # type: ignore[assignment]
    return len(data or b'') + len(line or b'') + len(lines or []) + length


def write(socket: LSocket.Socket) -> int:
    socket.write_bytes(bytearray(3))
    socket.write('text')  # type: ignore[arg-type]
    return socket.write(b'bytes') + socket.write(memoryview(b'bytes'))


def connect(socket: LSocket.Socket) -> LSocket.SocketState:
    socket.connect_to_server('market')
    socket.connect_to_server('market', LSocket.OpenMode.READ_WRITE | LSocket.OpenMode.UNBUFFERED)
    socket.connect_to_server('market', 'rw')  # type: ignore[arg-type]
    socket.connect_to_server_async('market', LSocket.OpenMode.READ_ONLY, None, on_connected)
    try:
        socket.connect_to_server_sync('market')
    except LSocket.ServerNotFoundError as error:
        print(error.message, error.kind == LSocket.SocketError.SERVER_NOT_FOUND)
    return socket.get_state()


def list_users(server: LSocket.Server) -> list[int]:
    for socket in server.get_connections():
        socket.write(b'who are you?')
    length: str = len(server.get_connections())  # type: ignore[assignment]
    print(length)
    found = [socket.get_peer_credentials() for socket in server.get_connections()]
    uid: int = found[0].uid  # type: ignore[union-attr, assignment]
    return [uid] + [credentials.uid for credentials in found if credentials and credentials.uid is not None]


def on_connected(socket: LSocket.Socket, result: Gio.AsyncResult) -> None:
    socket.connect_to_server_finish(result)


async def serve(server: LSocket.Server) -> None:
    async for socket in server:
        async with socket:
            async for line in socket:
                socket.write(line.upper())
    accepted: LSocket.Socket = await server.accept_async()
    text: str = await accepted.read_line_async()  # type: ignore[assignment]
    print(text, await accepted.disconnect_from_server_async())


with LSocket.Server(max_pending_connections=3) as server, asyncio.Runner(loop_factory=LSocket.new_event_loop) as runner:
    server.listen('market', 1)  # type: ignore[call-arg]
    runner.run(serve(server))
