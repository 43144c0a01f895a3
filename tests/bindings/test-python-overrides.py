#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the overrides add: defaults, bytes, iteration, with, await, kinds of errors."""

import array
import asyncio
import gc
import os
import socket as system_socket
import sys
import threading

import gi

gi.require_version('LSocket', '1')
from gi.repository import Gio, GLib, LSocket

import python_util
from python_util import READ_WRITE, TestCase, turn_until


class Ends(TestCase):
    """A connected socket, and a descriptor as its peer, without a server between them."""

    def setUp(self):
        super().setUp()
        ours, self.peer = system_socket.socketpair()
        self.socket = LSocket.Socket()
        self.socket.set_socket_descriptor(ours.detach())
        self.addCleanup(self.peer.close)

    def receive(self, data):
        available = self.socket.get_bytes_available() + len(data)
        self.peer.sendall(data)
        turn_until(lambda: self.socket.get_bytes_available() == available)

    def end(self):
        self.peer.close()
        turn_until(lambda: self.socket.get_state() == LSocket.SocketState.UNCONNECTED)


class TestEnumerations(TestCase):
    def test_print(self):
        self.assertEqual(str(LSocket.SocketState.CONNECTED), 'SocketState.CONNECTED')
        self.assertEqual(repr(LSocket.SocketError.PEER_CLOSED), '<SocketError.PEER_CLOSED: 1>')
        self.assertEqual(f'{LSocket.SocketState.CLOSING:20}|', 'SocketState.CLOSING |')
        self.assertEqual(str(LSocket.SocketError(-1)), 'SocketError.UNKNOWN')

    def test_print_flags(self):
        self.assertEqual(str(LSocket.OpenMode.NOT_OPEN), 'OpenMode.NOT_OPEN')
        self.assertEqual(str(READ_WRITE), 'OpenMode.READ_WRITE')
        self.assertEqual(str(READ_WRITE | LSocket.OpenMode.UNBUFFERED), 'OpenMode.READ_WRITE|UNBUFFERED')
        self.assertEqual(str(LSocket.ServerOptions(64 + 8)), 'ServerOptions.ABSTRACT_NAMESPACE|64')

    def test_print_policy(self):
        self.assertEqual(str(LSocket.Server().props.peer_policy), 'PeerPolicy.AUTO')

    def test_values(self):
        self.assertEqual(LSocket.SocketState.CONNECTED, 3)
        self.assertEqual(LSocket.SocketState.CONNECTED.value_nick, 'connected')


class TestCredentials(TestCase):
    def test_known(self):
        client, _peer = self.connect()
        credentials = client.get_peer_credentials()
        self.assertEqual((credentials.uid, credentials.gid, credentials.pid), (os.geteuid(), os.getegid(), os.getpid()))
        self.assertEqual(repr(credentials), f'<Credentials uid={os.geteuid()} gid={os.getegid()} pid={os.getpid()}>')
        self.assertEqual(credentials.groups or [], credentials.get_groups())
        self.assertEqual(credentials.security_label, credentials.get_security_label())

    def test_unknown(self):
        credentials = LSocket.Credentials()
        self.assertEqual((credentials.get_uid(), credentials.get_gid(), credentials.get_pid()), (-1, -1, -1))
        self.assertEqual((credentials.uid, credentials.gid, credentials.groups, credentials.pid, credentials.pidfd,
                          credentials.sid, credentials.security_label), (None,) * 7)
        self.assertEqual(repr(credentials), '<Credentials uid=None gid=None pid=None>')
        self.assertFalse(credentials.is_same_user())


class TestArguments(TestCase):
    def test_defaults(self):
        server = self.listen()
        client = LSocket.Socket()
        client.connect_to_server('market')
        self.assertTrue(client.wait_for_connected())
        self.assertEqual(client.get_open_mode(), READ_WRITE)
        self.assertTrue(server.wait_for_new_connection())
        peer = server.next_pending_connection()
        client.write(b'line\n')
        self.assertTrue(client.wait_for_bytes_written())
        self.assertTrue(peer.wait_for_ready_read())
        self.assertEqual(peer.read_line(), b'line\n')
        peer.disconnect_from_server()
        self.assertTrue(client.wait_for_disconnected())
        self.assertTrue(LSocket.Server.remove('nothing'))

    def test_keywords(self):
        self.listen()
        client = LSocket.Socket()
        self.assertTrue(client.connect_to_server_sync(name='market', mode=LSocket.OpenMode.READ_ONLY, cancellable=None))
        self.assertEqual(client.get_open_mode(), LSocket.OpenMode.READ_ONLY)
        self.assertFalse(client.wait_for_ready_read(msecs=1))

    def test_address(self):
        server = self.listen()
        client = LSocket.Socket()
        client.connect_to_address(server.get_address())
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED)

    def test_wait_is_false(self):
        """A tuple would be true."""
        server = self.listen()
        self.assertFalse(server.wait_for_new_connection(0))
        connected, timed_out = server.wait_for_new_connection(0)
        self.assertEqual((connected, timed_out), (False, True))


class TestReading(Ends):
    def test_read(self):
        self.assertIsNone(self.socket.read())
        self.receive(b'abcdef')
        self.assertEqual(self.socket.read(0), b'')
        self.assertEqual(self.socket.read(2), b'ab')
        self.assertEqual(self.socket.read(), b'cdef')
        self.assertIsNone(self.socket.read(1))
        self.assertIs(type(self.socket.read(0)), bytes)
        self.receive(b'last')
        self.end()
        self.assertEqual(self.socket.read(), b'last')
        self.assertEqual(self.socket.read(), b'')
        self.assertEqual(self.socket.read(5), b'')

    def test_readline(self):
        self.assertIsNone(self.socket.readline())
        self.receive(b'one\ntw')
        self.assertEqual(self.socket.readline(), b'one\n')
        self.assertIsNone(self.socket.readline())
        self.receive(b'o\nthree')
        self.assertEqual(self.socket.readline(2), b'tw')
        self.assertEqual(self.socket.readline(), b'o\n')
        self.assertIsNone(self.socket.readline(10))
        self.assertEqual(self.socket.readline(2), b'th')
        self.end()
        self.assertEqual(self.socket.readline(), b'ree')
        self.assertEqual(self.socket.readline(), b'')

    def test_readline_of_half_open(self):
        self.socket.set_half_open(True)
        self.receive(b'rest')
        self.assertIsNone(self.socket.readline())
        finished = []
        self.socket.connect('read-channel-finished', finished.append)
        self.peer.shutdown(system_socket.SHUT_WR)
        turn_until(lambda: finished)
        self.assertEqual(self.socket.get_state(), LSocket.SocketState.CONNECTED)
        self.assertEqual(self.socket.readline(), b'rest')
        self.assertEqual(self.socket.readline(), b'')

    def test_readline_of_full_buffer(self):
        self.socket.set_read_buffer_size(4)
        self.peer.sendall(b'123456')
        turn_until(lambda: self.socket.get_bytes_available() == 4)
        self.assertEqual(self.socket.readline(), b'1234')

    def test_readline_in_transaction(self):
        self.receive(b'ha')
        self.socket.start_transaction()
        self.assertIsNone(self.socket.readline())
        self.socket.rollback_transaction()
        self.assertEqual(self.socket.read(), b'ha')

    def test_readlines(self):
        self.assertIsNone(self.socket.readlines())
        self.receive(b'a\nb\nc\nrest')
        self.assertEqual(self.socket.readlines(3), [b'a\n', b'b\n'])
        self.assertEqual(self.socket.readlines(), [b'c\n'])
        self.assertIsNone(self.socket.readlines())
        self.end()
        self.assertEqual(self.socket.readlines(), [b'rest'])
        self.assertEqual(self.socket.readlines(), [])

    def test_not_open(self):
        for read in (LSocket.Socket().read, LSocket.Socket().readline, LSocket.Socket().readlines):
            self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED, read)

    def test_iterate(self):
        """Blocks by the waits, while another thread writes."""
        def write():
            self.peer.sendall(b'one\ntw')
            self.peer.sendall(b'o\nrest')
            self.peer.close()

        thread = threading.Thread(target=write)
        thread.start()
        self.assertEqual(list(self.socket), [b'one\n', b'two\n', b'rest'])
        thread.join()


class TestWriting(Ends):
    def test_buffers(self):
        for data in (b'ab', bytearray(b'cd'), memoryview(b'xefx')[1:3], array.array('B', b'gh'), GLib.Bytes.new(b'ij')):
            self.assertEqual(self.socket.write(data), 2)
            self.assertTrue(self.socket.write_bytes(data))
        self.socket.flush()
        self.assertEqual(self.peer.recv(100), b'ababcdcdefefghghijij')

    def test_unread(self):
        self.receive(b'c')
        self.socket.unread(bytearray(b'ab'))
        self.assertEqual(self.socket.read(), b'abc')

    def test_str(self):
        for function in (self.socket.write, self.socket.write_bytes, self.socket.unread):
            with self.assertRaisesRegex(TypeError, "bytes-like object is required, not 'str'"):
                function('text')
        self.assertEqual(self.socket.get_bytes_to_write(), 0)

    def test_with(self):
        with self.socket as socket:
            self.assertIs(socket, self.socket)
            socket.write(b'delivered')
        self.assertTrue(self.socket.is_closed())
        self.assertEqual(self.peer.recv(100), b'delivered')
        self.assertEqual(self.peer.recv(100), b'')

    def test_with_exception(self):
        with self.assertRaises(ZeroDivisionError), self.socket as socket:
            socket.write(b'half of it')
            1 / 0
        self.assertTrue(self.socket.is_closed())
        self.assertEqual(self.peer.recv(100), b'')

    def test_with_server(self):
        with LSocket.Server() as server:
            server.listen('market')
            clients = [LSocket.Socket() for _ in range(2)]
            for client in clients:
                client.connect_to_server('market')
            connections = [socket for _, socket in zip(clients, server)]
            self.assertEqual([type(socket) for socket in connections], [LSocket.Socket] * 2)
        self.assertFalse(server.is_listening())


class TestErrors(TestCase):
    def test_kinds(self):
        for name in ('UNKNOWN', 'CONNECTION_REFUSED', 'PEER_CLOSED', 'SERVER_NOT_FOUND', 'ACCESS', 'RESOURCE',
                     'TIMEOUT', 'DATAGRAM_TOO_LARGE', 'CONNECTION', 'ADDRESS_IN_USE', 'UNSUPPORTED_OPERATION',
                     'OPERATION'):
            error = getattr(LSocket, name.title().replace('_', '') + 'Error')
            self.assertTrue(issubclass(error, LSocket.Error))
        self.assertTrue(issubclass(LSocket.Error, GLib.Error))

    def test_connect(self):
        with self.assertRaises(LSocket.ServerNotFoundError) as context:
            LSocket.Socket().connect_to_server_sync('market')
        error = context.exception
        self.assertEqual(error.kind, LSocket.SocketError.SERVER_NOT_FOUND)
        self.assertTrue(error.matches(LSocket.SocketError.quark(), LSocket.SocketError.SERVER_NOT_FOUND))
        self.assertEqual(str(error), error.message)
        self.assertIn(self.directory, str(error))

    def test_server(self):
        self.listen()
        with self.assertRaises(LSocket.AddressInUseError):
            LSocket.Server().listen('market')
        with self.assertRaises(LSocket.AddressInUseError):
            LSocket.Server.remove('market')
        with self.assertRaises(LSocket.UnsupportedOperationError), open(os.devnull) as file:
            LSocket.Server().listen_descriptor(file.fileno())
        with self.assertRaises(LSocket.ServerNotFoundError):
            LSocket.Server().listen_activated()

    def test_descriptor(self):
        with self.assertRaises(LSocket.Error), open(os.devnull) as file:
            LSocket.Socket().set_socket_descriptor(file.fileno())

    def test_finish(self):
        results = []
        client = LSocket.Socket()
        client.connect_to_server_async('market', READ_WRITE, None,
                                       lambda client, result, *data: results.append((result, data)), 'more', 2)
        turn_until(lambda: results)
        self.assertEqual(results[0][1], ('more', 2))
        with self.assertRaises(LSocket.ServerNotFoundError):
            client.connect_to_server_finish(results[0][0])

    def test_raising_handler(self):
        """It is told, and everything goes on."""
        told = []
        self.addCleanup(setattr, sys, 'excepthook', sys.excepthook)
        sys.excepthook = lambda type_, value, traceback: told.append(type_)
        client, peer = self.connect()
        client.connect('ready-read', lambda client: 1 / 0)
        peer.write(b'one')
        turn_until(lambda: told)
        self.assertEqual(told, [ZeroDivisionError])
        self.assertEqual(client.read(), b'one')
        peer.write(b'two')
        turn_until(lambda: len(told) == 2)
        self.assertEqual(client.read(), b'two')


class TestAwait(Ends):
    def run_asyncio(self, coroutine):
        async def with_deadline():
            return await asyncio.wait_for(coroutine, 20)

        with asyncio.Runner(loop_factory=LSocket.new_event_loop) as runner:
            return runner.run(with_deadline())

    def watch(self, thing):
        """A list that shows whether the object is gone."""
        gone = []
        thing.weak_ref(lambda: gone.append(True))
        return gone

    def assertGone(self, gone):
        for _ in range(3):
            gc.collect()
            while GLib.MainContext.default().iteration(False):
                pass
        self.assertTrue(gone)

    def test_every_function(self):
        async def main():
            server = LSocket.Server()
            server.listen('market')
            client = LSocket.Socket()
            accepted = server.accept_async()
            self.assertIs(await client.connect_to_server_async('market'), True)
            peer = await accepted
            client.write(b'line\n12345')
            self.assertEqual(await peer.read_line_async(), b'line\n')
            self.assertEqual((await peer.read_bytes_async(5)).get_data(), b'12345')
            self.assertIs(await client.disconnect_from_server_async(), True)
            self.assertIs(await peer.close_async(), True)
            server.close()

        self.run_asyncio(main())

    def test_errors(self):
        async def main():
            with self.assertRaises(LSocket.ServerNotFoundError):
                await LSocket.Socket().connect_to_server_async('market')
            server = self.listen()
            accepted = server.accept_async()
            server.close()
            with self.assertRaises(GLib.Error) as context:
                await accepted
            self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED))

        self.run_asyncio(main())

    def test_lines_and_connections(self):
        """Several clients at once, served until the server closes."""
        async def serve(server):
            async with asyncio.TaskGroup() as group:
                async for socket in server:
                    group.create_task(answer(socket))

        async def answer(socket):
            async with socket:
                async for line in socket:
                    socket.write(line.upper())

        async def ask(number):
            async with LSocket.Socket() as client:
                await client.connect_to_server_async('market')
                for line in range(5):
                    client.write(f'line {line} of {number}\n'.encode())
                    self.assertEqual(await client.read_line_async(), f'LINE {line} OF {number}\n'.encode())

        async def main():
            server = LSocket.Server()
            server.listen('market')
            serving = asyncio.create_task(serve(server))
            await asyncio.gather(*map(ask, range(10)))
            server.close()
            await serving

        self.run_asyncio(main())

    def test_last_line(self):
        async def main():
            self.peer.sendall(b'one\nrest')
            self.peer.close()
            return [line async for line in self.socket]

        self.assertEqual(self.run_asyncio(main()), [b'one\n', b'rest'])

    def test_iterate_not_open(self):
        async def main():
            return [line async for line in LSocket.Socket()]

        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED, self.run_asyncio, main())

    def test_others_go_on(self):
        """Descriptors, timers and processes of asyncio, and timeouts of GLib, while a read waits."""
        async def main():
            ours, theirs = system_socket.socketpair()
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            ticked = asyncio.get_running_loop().create_future()
            line = asyncio.ensure_future(self.socket.read_line_async())
            GLib.timeout_add(1, lambda: ticked.set_result(True))
            await ticked
            theirs.sendall(b'through asyncio\n')
            self.assertEqual(await reader.readline(), b'through asyncio\n')
            process = await asyncio.create_subprocess_exec('echo', 'hello', stdout=asyncio.subprocess.PIPE)
            self.assertEqual((await process.communicate())[0], b'hello\n')
            self.assertEqual(await asyncio.to_thread(sum, [1, 2]), 3)
            await asyncio.sleep(0.01)
            self.assertFalse(line.done())
            self.peer.sendall(b'through LSocket\n')
            self.assertEqual(await line, b'through LSocket\n')
            writer.close()
            theirs.close()

        self.run_asyncio(main())

    def test_timer_is_not_early_and_does_not_spin(self):
        async def main():
            loop = asyncio.get_running_loop()
            begun, turns = loop.time(), 0
            sleeping = asyncio.ensure_future(asyncio.sleep(0.05))
            while not sleeping.done():
                turns += 1
                await asyncio.wait([sleeping])
            self.assertGreaterEqual(loop.time() - begun, 0.049)
            self.assertEqual(turns, 1)

        self.run_asyncio(main())

    def test_cancelled(self):
        """The next read can begin, and nothing is lost."""
        async def main():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(self.socket.read_line_async(), 0.01)
            reading = asyncio.ensure_future(self.socket.read_line_async())
            await asyncio.sleep(0)
            self.peer.sendall(b'one\ntwo\n')
            reading.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await reading
            return [await self.socket.read_line_async() for _ in range(2)]

        self.assertEqual(self.run_asyncio(main()), [b'one\n', b'two\n'])

    def test_cancelled_and_closed(self):
        """There is nothing left to give a line back to."""
        async def main():
            reading = asyncio.ensure_future(self.socket.read_line_async())
            self.peer.sendall(b'line\n')
            self.socket.wait_for_ready_read(1000)
            reading.cancel()
            self.socket.abort()
            with self.assertRaises(asyncio.CancelledError):
                await reading

        self.run_asyncio(main())

    def test_cancelled_accept(self):
        """The connection that came all the same waits for the next one who asks."""
        async def main():
            server = self.listen()
            accepting = server.accept_async()
            client = LSocket.Socket()
            client.connect_to_server('market')
            accepting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await accepting
            peer = await asyncio.wait_for(server.accept_async(), 10)
            client.write(b'x\n')
            self.assertEqual(await peer.read_line_async(), b'x\n')

        self.run_asyncio(main())

    def test_own_cancellable(self):
        async def main():
            cancellable = Gio.Cancellable()
            reading = self.socket.read_line_async(cancellable=cancellable)
            cancellable.cancel()
            with self.assertRaises(GLib.Error) as context:
                await reading
            self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

        self.run_asyncio(main())

    def test_cancelled_connect(self):
        async def main():
            client = LSocket.Socket()
            self.listen()
            connecting = client.connect_to_server_async('market')
            connecting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await connecting
            self.assertEqual(client.get_state(), LSocket.SocketState.UNCONNECTED)

        self.run_asyncio(main())

    def test_pending(self):
        async def main():
            reading = self.socket.read_line_async()
            with self.assertRaises(GLib.Error) as context:
                await self.socket.read_line_async()
            self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.PENDING))
            reading.cancel()

        self.run_asyncio(main())

    def test_dropped(self):
        """Nobody but the operation holds the socket, and a collection does not take it away."""
        async def main():
            gone = self.watch(self.socket)
            reading = self.socket.read_line_async()
            del self.socket
            gc.collect()
            await asyncio.sleep(0)
            self.assertFalse(gone)
            self.peer.sendall(b'line\n')
            self.assertEqual(await reading, b'line\n')
            return gone

        self.assertGone(self.run_asyncio(main()))

    def test_forgotten(self):
        """The operation goes on, and ends with its connection."""
        async def main():
            told = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.set_result(what['exception']))
            gone = self.watch(self.socket)
            self.socket.read_line_async()
            del self.socket
            gc.collect()
            self.peer.close()
            self.assertTrue((await told).matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED))
            return gone

        self.assertGone(self.run_asyncio(main()))

    def test_loop_closed(self):
        """An operation outlives its loop; what it read is there for the next one."""
        async def main():
            return self.socket.read_line_async()

        reading = self.run_asyncio(main())
        self.peer.sendall(b'line\n')
        turn_until(lambda: self.socket.get_bytes_available() == 5)
        self.assertFalse(reading.done())
        self.assertEqual(self.socket.readline(), b'line\n')

    def test_cancelled_at_the_end(self):
        """A task that is still waiting when everything ends leaves nothing behind."""
        async def read():
            async for _line in self.socket:
                pass

        async def main():
            asyncio.create_task(read())
            await asyncio.sleep(0)
            return self.watch(self.socket)

        gone = self.run_asyncio(main())
        del self.socket
        self.assertGone(gone)

    def test_collected_while_reading(self):
        async def main():
            reading = asyncio.ensure_future(self.socket.read_bytes_async(3000))
            for _ in range(3):
                self.peer.sendall(bytes(1000))
                gc.collect()
                await asyncio.sleep(0)
                gc.collect()
            self.assertEqual((await reading).get_size(), 3000)

        self.run_asyncio(main())

    def test_own_loop_of_asyncio(self):
        """Nobody would turn the main context."""
        async def main():
            with self.assertRaisesRegex(RuntimeError, 'new_event_loop'):
                self.socket.read_line_async()

        asyncio.run(main())

    def test_no_loop(self):
        """Nobody can wait for it: it is only begun."""
        self.assertIsNone(self.socket.disconnect_from_server_async())
        turn_until(lambda: self.socket.get_state() == LSocket.SocketState.UNCONNECTED)


if __name__ == '__main__':
    python_util.main()
