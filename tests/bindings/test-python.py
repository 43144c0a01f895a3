#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library as a Python program sees it through GObject Introspection."""

import gc
import os
import select
import socket as system_socket
import sys
import threading
import weakref

import gi

gi.require_version('LSocket', '1')
from gi.repository import Gio, GLib, GObject, LSocket

import python_util
from python_util import READ_WRITE, TestCase, trace, turn_until


class TestTypes(TestCase):
    def test_version(self):
        version = LSocket.get_major_version(), LSocket.get_minor_version(), LSocket.get_micro_version()
        self.assertEqual(version, (LSocket.MAJOR_VERSION, LSocket.MINOR_VERSION, LSocket.MICRO_VERSION))
        self.assertTrue(LSocket.check_version(*version))
        self.assertFalse(LSocket.check_version(LSocket.MAJOR_VERSION + 1, 0, 0))

    def test_hierarchy(self):
        self.assertTrue(issubclass(LSocket.Socket, LSocket.IODevice))
        self.assertTrue(issubclass(LSocket.IODevice, Gio.IOStream))
        self.assertTrue(issubclass(LSocket.Server, GObject.Object))

    def test_enums(self):
        self.assertEqual([int(LSocket.SocketState.UNCONNECTED), int(LSocket.SocketState.CONNECTING),
                          int(LSocket.SocketState.CONNECTED), int(LSocket.SocketState.CLOSING)], [0, 2, 3, 6])
        self.assertEqual(LSocket.SocketState.CONNECTING.value_nick, 'connecting')
        self.assertEqual(int(LSocket.SocketError.UNKNOWN), -1)
        self.assertEqual(LSocket.SocketError.SERVER_NOT_FOUND.value_nick, 'server-not-found')
        self.assertEqual([int(LSocket.PeerPolicy.AUTO), int(LSocket.PeerPolicy.ANY),
                          int(LSocket.PeerPolicy.SAME_USER)], [0, 1, 2])

    def test_flags(self):
        self.assertEqual(LSocket.OpenMode.READ_ONLY | LSocket.OpenMode.WRITE_ONLY, READ_WRITE)
        self.assertEqual(int(LSocket.ServerOptions.USER_ACCESS | LSocket.ServerOptions.GROUP_ACCESS |
                             LSocket.ServerOptions.OTHER_ACCESS), int(LSocket.ServerOptions.WORLD_ACCESS))

    def test_constants(self):
        self.assertEqual(LSocket.SOCKET_DEFAULT_TIMEOUT, 30000)
        self.assertEqual(LSocket.Socket().get_connect_timeout(), 30000)

    def test_error_domain(self):
        self.assertEqual(LSocket.SocketError.quark(), GLib.quark_from_string('l-socket-error-quark'))


class TestProperties(TestCase):
    def test_construct(self):
        socket = LSocket.Socket(options=LSocket.SocketOptions.TEMP_DIRECTORY, half_open=True, read_buffer_size=10)
        self.assertEqual(socket.props.options, LSocket.SocketOptions.TEMP_DIRECTORY)
        self.assertTrue(socket.props.half_open)
        self.assertEqual(socket.get_read_buffer_size(), 10)

    def test_notify(self):
        notified = []
        socket = LSocket.Socket()
        for name in ('half-open', 'connect-timeout', 'read-buffer-size'):
            socket.connect(f'notify::{name}', lambda _socket, spec: notified.append(spec.name))
        socket.set_half_open(True)
        socket.props.connect_timeout = 1000
        socket.props.connect_timeout = 1000
        socket.set_property('read-buffer-size', 4096)
        self.assertEqual(notified, ['half-open', 'connect-timeout', 'read-buffer-size'])

    def test_bind(self):
        first, second = LSocket.Socket(), LSocket.Socket()
        first.bind_property('connect-timeout', second, 'connect-timeout', GObject.BindingFlags.DEFAULT)
        first.props.connect_timeout = 5
        self.assertEqual(second.props.connect_timeout, 5)

    def test_read_only(self):
        with self.assertRaises(TypeError):
            LSocket.Socket().props.state = LSocket.SocketState.CONNECTED

    def test_of_a_connection(self):
        client, peer = self.connect()
        path = os.path.join(self.directory, 'market')
        self.assertEqual(client.props.state, LSocket.SocketState.CONNECTED)
        self.assertEqual(client.props.server_name, 'market')
        self.assertEqual(client.props.full_server_name, path)
        self.assertEqual(client.props.address.get_path(), path)
        self.assertEqual(client.props.open_mode, READ_WRITE)
        self.assertTrue(client.props.valid)
        self.assertGreaterEqual(client.props.socket_descriptor, 0)
        self.assertEqual(peer.props.server_name, 'market')
        client.abort()
        self.assertIsNone(client.props.server_name)
        self.assertIsNone(client.props.address)
        self.assertEqual(client.props.socket_descriptor, -1)

    def test_notify_state(self):
        states = []
        self.listen()
        socket = LSocket.Socket()
        socket.connect('notify::state', lambda socket, _spec: states.append(socket.props.state.value_nick))
        socket.connect_to_server('market', READ_WRITE)
        socket.abort()
        self.assertEqual(states, ['connecting', 'connected', 'unconnected'])


class TestSignals(TestCase):
    def test_echo(self):
        received = []

        def on_new_connection(server):
            peer = server.next_pending_connection()
            peer.connect('ready-read', lambda peer: peer.write(peer.read_all().get_data().upper()))

        server = self.listen()
        server.connect('new-connection', on_new_connection)
        client = LSocket.Socket()
        client.connect('connected', lambda client: client.write(b'hello\n'))
        client.connect('ready-read', lambda client: received.append(client.read_all().get_data()))
        client.connect_to_server('market', READ_WRITE)
        turn_until(lambda: b''.join(received) == b'HELLO\n')
        client.disconnect_from_server()
        self.assertEqual(client.get_state(), LSocket.SocketState.UNCONNECTED)

    def test_order_of_connecting_and_disconnecting(self):
        self.listen()
        client = LSocket.Socket()
        events = trace(client)
        client.connect_to_server('market', READ_WRITE)
        client.disconnect_from_server()
        self.assertEqual(events, ['state-changed connecting', 'state-changed connected', 'connected',
                                  'state-changed closing', 'state-changed unconnected', 'read-channel-finished',
                                  'disconnected'])

    def test_order_of_failing(self):
        client = LSocket.Socket()
        events = trace(client)
        client.connect_to_server('market', READ_WRITE)
        self.assertEqual(events, ['state-changed connecting', 'error server-not-found', 'state-changed unconnected'])
        self.assertEqual(client.get_error(), LSocket.SocketError.SERVER_NOT_FOUND)
        self.assertIn(self.directory, client.get_error_string())

    def test_order_of_a_remote_close(self):
        client, peer = self.connect()
        events = trace(client)
        peer.write(b'bye')
        peer.disconnect_from_server()
        turn_until(lambda: 'disconnected' in events)
        self.assertEqual(events, ['ready-read', 'error peer-closed', 'state-changed closing',
                                  'state-changed unconnected', 'read-channel-finished', 'disconnected'])
        self.assertEqual(client.read_all().get_data(), b'bye')

    def test_subclass(self):
        class Socket(LSocket.Socket):
            states = []

            def do_state_changed(self, state):
                self.states.append(state.value_nick)

        self.listen()
        socket = Socket()
        socket.connect_to_server('market', READ_WRITE)
        socket.abort()
        self.assertEqual(socket.states, ['connecting', 'connected', 'unconnected'])


class TestReading(TestCase):
    def setUp(self):
        super().setUp()
        self.client, self.peer = self.connect()

    def receive(self, data):
        self.peer.write(data)
        self.peer.flush()
        turn_until(lambda: self.client.get_bytes_available() >= len(data))

    def test_read_line(self):
        self.receive(b'one\nt\0wo\nthr')
        self.assertEqual(self.client.read_line(0), b'one\n')
        self.assertEqual(self.client.read_line(0), b't\0wo\n')
        self.assertFalse(self.client.can_read_line())
        line = self.client.read_line(2)
        self.assertIsInstance(line, bytes)
        self.assertEqual(line, b'th')
        self.assertEqual(self.client.read_line(0), b'r')
        self.assertEqual(self.client.read_line(0), b'')

    def test_read_bytes(self):
        self.receive(bytes(range(256)))
        self.assertIsInstance(self.client.peek_bytes(3), GLib.Bytes)
        self.assertEqual(self.client.peek_bytes(3).get_data(), b'\0\1\2')
        self.assertEqual(self.client.skip(3), 3)
        self.client.unread(b'x')
        self.assertEqual(self.client.read_bytes(2).get_data(), b'x\3')
        self.assertEqual(self.client.read_all().get_data(), bytes(range(4, 256)))
        self.assertTrue(self.client.at_end())
        self.assertEqual(self.client.read_bytes(1).get_size(), 0)

    def test_transaction(self):
        self.receive(b'half')
        self.client.start_transaction()
        self.assertTrue(self.client.is_transaction_started())
        self.assertEqual(self.client.read_all().get_data(), b'half')
        self.client.rollback_transaction()
        self.receive(b'half+rest'[4:])
        self.assertEqual(self.client.read_all().get_data(), b'half+rest')

    def test_write(self):
        self.assertEqual(self.client.write(b'ab\0'), 3)
        self.assertTrue(self.client.write_bytes(GLib.Bytes.new(b'cd')))
        self.assertEqual(self.client.get_bytes_to_write(), 5)
        turn_until(lambda: self.peer.get_bytes_available() == 5)
        self.assertEqual(self.peer.read_all().get_data(), b'ab\0cd')

    def test_not_open(self):
        self.client.abort()
        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED, self.client.read_all)
        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED, self.client.write, b'x')


class TestWaits(TestCase):
    def adopt(self, end):
        socket = LSocket.Socket()
        self.assertTrue(socket.set_socket_descriptor(end.detach(), LSocket.SocketState.CONNECTED, READ_WRITE))
        return socket

    def test_without_a_loop(self):
        client, peer = map(self.adopt, system_socket.socketpair())
        client.write(b'abc\n')
        self.assertTrue(client.wait_for_bytes_written(10000))
        self.assertTrue(peer.wait_for_ready_read(10000))
        peer.write(peer.read_line(0)[::-1])
        peer.disconnect_from_server()
        self.assertEqual(peer.get_state(), LSocket.SocketState.UNCONNECTED)
        self.assertTrue(client.wait_for_ready_read(10000))
        self.assertEqual(client.read_all().get_data(), b'\ncba')
        self.assertTrue(client.wait_for_disconnected(10000))
        self.assertEqual(client.get_error(), LSocket.SocketError.PEER_CLOSED)

    def test_server(self):
        server = self.listen()
        self.assertEqual(server.wait_for_new_connection(0), (False, True))
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        self.assertTrue(client.wait_for_connected(10000))
        self.assertEqual(server.wait_for_new_connection(10000), (True, False))

    def test_timeout(self):
        client, _peer = self.connect()
        self.assertFalse(client.wait_for_ready_read(1))
        self.assertEqual(client.get_error(), LSocket.SocketError.TIMEOUT)
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED)

    def test_releases_the_interpreter(self):
        """Another Python thread goes on while a wait blocks."""
        ours, theirs = system_socket.socketpair()
        client = self.adopt(ours)
        thread = threading.Thread(target=lambda: theirs.send(b'from the thread'))
        thread.start()
        self.assertTrue(client.wait_for_ready_read(10000))
        thread.join()
        self.assertEqual(client.read_all().get_data(), b'from the thread')
        theirs.close()


class TestErrors(TestCase):
    def test_connect_sync(self):
        error = self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.SERVER_NOT_FOUND,
                                 LSocket.Socket().connect_to_server_sync, 'market', READ_WRITE, None)
        self.assertEqual(error.domain, 'l-socket-error-quark')
        self.assertIn(self.directory, error.message)

    def test_listen(self):
        self.listen()
        server = LSocket.Server()
        self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.ADDRESS_IN_USE, server.listen, 'market')
        self.assertEqual(server.get_error(), LSocket.SocketError.ADDRESS_IN_USE)
        self.assertIn(self.directory, server.get_error_string())

    def test_name(self):
        self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.SERVER_NOT_FOUND,
                         LSocket.Server().listen, 'a/b')

    def test_cancelled(self):
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.listen()
        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED,
                         LSocket.Socket().connect_to_server_sync, 'market', READ_WRITE, cancellable)


class TestPeers(TestCase):
    def connect_client(self, server):
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED)
        return client

    def test_credentials(self):
        server = LSocket.Server()
        server.listen('market')
        client = self.connect_client(server)
        credentials = client.get_peer_credentials()
        self.assertEqual(credentials.get_uid(), os.geteuid())
        self.assertEqual(credentials.get_gid(), os.getegid())
        self.assertEqual(credentials.get_pid(), os.getpid())
        self.assertTrue(credentials.is_same_user())
        self.assertIsNone(credentials.get_sid())
        if credentials.get_pidfd() >= 0:
            self.assertEqual(select.select([credentials.get_pidfd()], [], [], 0)[0], [], 'This process has not ended')
        if credentials.get_security_label() is not None:
            self.assertNotEqual(credentials.get_security_label(), '')
        if credentials.get_groups() is not None:
            self.assertLessEqual(set(os.getgroups()), set(credentials.get_groups()) | {os.getegid()})
        client.abort()
        self.assertIsNone(client.props.peer_credentials)

    def test_authorize(self):
        server = LSocket.Server(peer_policy=LSocket.PeerPolicy.SAME_USER)
        asked, errors = [], []

        def authorize(_server, credentials):
            asked.append(credentials.get_pid())
            return len(asked) > 1

        server.connect('authorize', authorize)
        server.connect('error', lambda _server, error: errors.append(error))
        server.listen('market')
        refused = self.connect_client(server)
        turn_until(lambda: refused.get_state() == LSocket.SocketState.UNCONNECTED)
        self.assertEqual(refused.get_error(), LSocket.SocketError.PEER_CLOSED)
        self.assertEqual(errors, [LSocket.SocketError.ACCESS])
        self.assertFalse(server.has_pending_connections())

        self.connect_client(server)
        turn_until(server.has_pending_connections)
        self.assertEqual(asked, [os.getpid()] * 2)

    def test_policy(self):
        socket, server = LSocket.Socket(), LSocket.Server()
        for thing in socket, server:
            self.assertEqual(thing.props.peer_policy, LSocket.PeerPolicy.AUTO)
            thing.set_peer_policy(LSocket.PeerPolicy.ANY)
            self.assertEqual(thing.get_peer_policy(), LSocket.PeerPolicy.ANY)
            self.assertEqual(thing.props.peer_policy, LSocket.PeerPolicy.ANY)

    def test_limits(self):
        server = LSocket.Server(max_connections=1, handshake_timeout=50)
        server.listen('market')
        clients = [self.connect_client(server) for _ in range(2)]
        turn_until(server.has_pending_connections)
        first = server.next_pending_connection()
        turn_until(lambda: first.get_state() == LSocket.SocketState.UNCONNECTED)
        self.assertEqual(first.get_error(), LSocket.SocketError.TIMEOUT)
        turn_until(server.has_pending_connections)
        second = server.next_pending_connection()
        second.end_handshake()
        self.assertEqual(len(clients), 2)

    def test_limits_are_properties(self):
        server = LSocket.Server()
        server.set_max_connections(4)
        server.set_max_connections_per_user(3)
        server.set_handshake_timeout(2000)
        server.set_idle_timeout(1000)
        self.assertEqual((server.get_max_connections(), server.get_max_connections_per_user(),
                          server.get_handshake_timeout(), server.get_idle_timeout()), (4, 3, 2000, 1000))
        self.assertEqual((server.props.max_connections, server.props.max_connections_per_user,
                          server.props.handshake_timeout, server.props.idle_timeout), (4, 3, 2000, 1000))

    def test_idle(self):
        """A peer that moves less than it has to is cut."""
        socket, peer = self.connect()
        socket.set_idle_timeout(50)
        socket.set_min_progress(2)
        self.assertEqual((socket.get_idle_timeout(), socket.get_min_progress()), (50, 2))
        self.assertEqual((socket.props.idle_timeout, socket.props.min_progress), (50, 2))
        peer.write(b'x')
        turn_until(lambda: socket.get_state() == LSocket.SocketState.UNCONNECTED)
        self.assertEqual(socket.get_error(), LSocket.SocketError.TIMEOUT)

    def test_descriptors(self):
        """Those that a peer passes are refused; where the system lets it send them, they are counted."""
        ours, theirs = system_socket.socketpair()
        socket = LSocket.Socket()
        socket.set_count_descriptors(True)
        self.assertTrue(socket.get_count_descriptors() and socket.props.count_descriptors)
        socket.set_socket_descriptor(ours.detach(), LSocket.SocketState.CONNECTED, READ_WRITE)
        count = 1
        try:
            system_socket.send_fds(theirs, [b'x'], [theirs.fileno()])
        except PermissionError:
            count = 0
            theirs.send(b'x')
        turn_until(lambda: socket.get_bytes_available() == 1)
        self.assertEqual((socket.get_refused_descriptors(), socket.props.refused_descriptors), (count, count))
        theirs.close()

    def test_writable(self):
        """Who was refused is told when there is room."""
        told = []
        socket, peer = self.connect()
        peer.set_read_buffer_size(1)
        socket.set_write_buffer_size(4096)
        socket.connect('writable', lambda socket: told.append(socket.write(b'last')))
        with self.assertRaises(GLib.Error) as context:
            while True:
                socket.write(b'x' * 4096)
        self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.WOULD_BLOCK))
        self.assertEqual(told, [])
        peer.set_read_buffer_size(0)
        turn_until(lambda: told)
        self.assertEqual(told, [4])
        turn_until(lambda: socket.get_bytes_to_write() == 0)
        turn_until(lambda: peer.peek_bytes(2 ** 20).get_data().endswith(b'xlast'))

    def test_not_activated(self):
        self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.SERVER_NOT_FOUND,
                         LSocket.Server().listen_activated, None)


class TestServer(TestCase):
    def test_remove(self):
        path = os.path.join(self.directory, 'dead')
        with system_socket.socket(system_socket.AF_UNIX) as dead:
            dead.bind(path)
        self.assertTrue(LSocket.Server.remove('dead', LSocket.ServerOptions.NONE))
        self.assertFalse(os.path.exists(path))

    def test_remove_alive(self):
        self.listen()
        self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.ADDRESS_IN_USE,
                         LSocket.Server.remove, 'market', LSocket.ServerOptions.NONE)

    def test_mode(self):
        server = LSocket.Server(options=LSocket.ServerOptions.USER_ACCESS | LSocket.ServerOptions.GROUP_ACCESS)
        server.listen('market')
        self.assertEqual(os.stat(server.get_full_server_name()).st_mode & 0o777, 0o770)
        server.close()
        self.assertFalse(os.path.exists(os.path.join(self.directory, 'market')))

    def test_address(self):
        address = Gio.UnixSocketAddress.new_with_type(list(b'ls\0' + self.directory.encode()),
                                                      Gio.UnixSocketAddressType.ABSTRACT)
        server = LSocket.Server()
        self.assertTrue(server.listen_address(address))
        client = LSocket.Socket()
        client.connect_to_address(address, READ_WRITE)
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED, client.get_error_string())
        server.close()

    def test_incoming_connection(self):
        """A subclass gets the descriptor."""
        class Server(LSocket.Server):
            descriptors = []

            def do_incoming_connection(self, descriptor):
                self.descriptors.append(descriptor)

        server = Server()
        server.listen('market')
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        turn_until(lambda: server.descriptors)
        peer = LSocket.Socket()
        peer.set_socket_descriptor(server.descriptors[0], LSocket.SocketState.CONNECTED, READ_WRITE)
        client.write(b'x')
        turn_until(lambda: peer.get_bytes_available() == 1)
        server.close()


class TestConnections(TestCase):
    def take(self, server):
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        turn_until(server.has_pending_connections)
        return client, server.next_pending_connection()

    def test_list(self):
        changes = []
        server = self.listen()
        connections = server.get_connections()
        self.assertIsInstance(connections, Gio.ListModel)
        self.assertIs(server.props.connections, connections)
        self.assertEqual(connections.get_item_type(), LSocket.Socket.__gtype__)
        connections.connect('items-changed', lambda _list, *change: changes.append(change))
        clients, peers = zip(*(self.take(server) for _ in range(3)))
        self.assertEqual(list(connections), list(peers))
        self.assertEqual(len(connections), 3)
        peers[1].abort()
        self.assertEqual(list(connections), [peers[0], peers[2]])
        clients[0].disconnect_from_server()
        turn_until(lambda: len(connections) == 1)
        self.assertIs(connections[0], peers[2])
        self.assertEqual(changes, [(0, 0, 1), (1, 0, 1), (2, 0, 1), (1, 1, 0), (0, 1, 0)])

    def test_exception_in_handler(self):
        """It is printed, and the list is as it should be."""
        def fail(*_args):
            raise ValueError('from the handler')

        server = self.listen()
        server.get_connections().connect('items-changed', fail)
        hook, sys.excepthook = sys.excepthook, lambda kind, error, _trace: errors.append(str(error))
        errors = []
        try:
            _client, peer = self.take(server)
            peer.abort()
        finally:
            sys.excepthook = hook
        self.assertEqual(errors, ['from the handler'] * 2)
        self.assertEqual(len(server.get_connections()), 0)

    def test_outlives_the_server(self):
        server = LSocket.Server()
        server.listen('market')
        connections = server.get_connections()
        client, peer = self.take(server)
        weak = weakref.ref(server)
        del server
        gc.collect()
        self.assertIsNone(weak())
        self.assertEqual(len(connections), 0)
        self.assertEqual(peer.get_state(), LSocket.SocketState.CONNECTED)
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED)


class TestAsync(TestCase):
    def test_connect_and_accept(self):
        results = {}
        server = self.listen()
        server.accept_async(None, lambda server, result: results.update(peer=server.accept_finish(result)))
        client = LSocket.Socket()
        client.connect_to_server_async('market', READ_WRITE, None,
                                       lambda client, result: results.update(
                                           connected=client.connect_to_server_finish(result)))
        self.assertEqual(results, {})
        turn_until(lambda: len(results) == 2)
        self.assertTrue(results['connected'])
        self.assertIsInstance(results['peer'], LSocket.Socket)
        self.assertFalse(server.has_pending_connections())

        client.disconnect_from_server_async(None, lambda client, result: results.update(
            disconnected=client.disconnect_from_server_finish(result)))
        turn_until(lambda: 'disconnected' in results)
        self.assertTrue(results['disconnected'])

    def test_connect_failed(self):
        results = []
        client = LSocket.Socket()
        client.connect_to_server_async('market', READ_WRITE, None, lambda _client, result: results.append(result))
        turn_until(lambda: results)
        self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.SERVER_NOT_FOUND,
                         client.connect_to_server_finish, results[0])

    def test_accept_cancelled(self):
        results = []
        cancellable = Gio.Cancellable()
        server = self.listen()
        server.accept_async(cancellable, lambda _server, result: results.append(result))
        cancellable.cancel()
        turn_until(lambda: results)
        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED, server.accept_finish, results[0])
        self.assertTrue(server.is_listening())

    def test_accept_closed(self):
        results = []
        server = self.listen()
        server.accept_async(None, lambda _server, result: results.append(result))
        server.close()
        turn_until(lambda: results)
        self.assertFails(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED, server.accept_finish, results[0])


class TestReference(TestCase):
    """What no other case has used."""

    def test_values(self):
        self.assertEqual([int(error) for error in (
            LSocket.SocketError.UNKNOWN, LSocket.SocketError.CONNECTION_REFUSED, LSocket.SocketError.PEER_CLOSED,
            LSocket.SocketError.SERVER_NOT_FOUND, LSocket.SocketError.ACCESS, LSocket.SocketError.RESOURCE,
            LSocket.SocketError.TIMEOUT, LSocket.SocketError.DATAGRAM_TOO_LARGE, LSocket.SocketError.CONNECTION,
            LSocket.SocketError.ADDRESS_IN_USE, LSocket.SocketError.UNSUPPORTED_OPERATION,
            LSocket.SocketError.OPERATION)], [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 19])
        self.assertEqual([int(mode) for mode in (LSocket.OpenMode.NOT_OPEN, LSocket.OpenMode.UNBUFFERED)], [0, 32])
        self.assertEqual([int(option) for option in (
            LSocket.SocketOptions.NONE, LSocket.SocketOptions.ABSTRACT_NAMESPACE, LSocket.SocketOptions.TEMP_DIRECTORY,
            LSocket.ServerOptions.ABSTRACT_NAMESPACE, LSocket.ServerOptions.TEMP_DIRECTORY)], [0, 1, 2, 8, 16])

    def test_socket(self):
        socket = LSocket.Socket()
        socket.set_options(LSocket.SocketOptions.TEMP_DIRECTORY)
        socket.set_connect_timeout(5)
        socket.set_half_open(True)
        socket.set_low_latency(True)
        socket.set_read_buffer_size(10)
        socket.set_write_buffer_size(20)
        self.assertEqual(socket.props.options, socket.get_options())
        self.assertEqual((socket.props.connect_timeout, socket.get_connect_timeout()), (5, 5))
        self.assertTrue(socket.props.half_open and socket.get_half_open())
        self.assertTrue(socket.props.low_latency and socket.get_low_latency())
        self.assertEqual((socket.props.read_buffer_size, socket.get_read_buffer_size()), (10, 10))
        self.assertEqual((socket.props.write_buffer_size, socket.get_write_buffer_size()), (20, 20))
        self.assertEqual(socket.props.error, LSocket.SocketError.UNKNOWN)
        self.assertIsNone(socket.props.error_string)

    def test_connected_socket(self):
        socket, peer = self.connect()
        self.assertTrue(socket.is_valid() and socket.is_readable() and socket.is_writable() and socket.is_sequential())
        self.assertTrue(socket.props.valid)
        self.assertEqual(socket.props.state, LSocket.SocketState.CONNECTED)
        self.assertEqual(socket.props.open_mode, socket.get_open_mode())
        self.assertEqual(socket.get_server_name(), socket.props.server_name)
        self.assertEqual(socket.get_full_server_name(), socket.props.full_server_name)
        self.assertEqual(socket.get_socket_descriptor(), socket.props.socket_descriptor)
        self.assertEqual(socket.get_address().get_path(), socket.props.address.get_path())
        socket.write(b'abc')
        self.assertEqual(socket.props.bytes_to_write, 3)
        turn_until(lambda: peer.props.bytes_available == 3)
        peer.start_transaction()
        peer.skip(1)
        peer.commit_transaction()
        self.assertEqual(peer.get_bytes_available(), 2)
        self.assertTrue(socket.shutdown_write())

    def test_server(self):
        server = LSocket.Server()
        server.set_options(LSocket.ServerOptions.USER_ACCESS)
        server.set_max_pending_connections(2)
        server.set_listen_backlog(3)
        server.set_unlink_on_close(False)
        self.assertEqual(server.props.options, server.get_options())
        self.assertEqual((server.props.max_pending_connections, server.get_max_pending_connections()), (2, 2))
        self.assertEqual((server.props.listen_backlog, server.get_listen_backlog()), (3, 3))
        self.assertFalse(server.props.unlink_on_close or server.get_unlink_on_close())
        self.assertFalse(server.props.listening)
        with open(os.devnull) as file:
            self.assertFails(LSocket.SocketError.quark(), LSocket.SocketError.UNSUPPORTED_OPERATION,
                             server.listen_descriptor, file.fileno())
        server = LSocket.Server()
        self.assertEqual(server.props.error, LSocket.SocketError.UNKNOWN)
        self.assertIsNone(server.props.error_string)

    def test_listening_server(self):
        server = self.listen()
        self.assertTrue(server.props.listening and server.props.unlink_on_close)
        self.assertEqual(server.get_server_name(), server.props.server_name)
        self.assertEqual(server.get_full_server_name(), server.props.full_server_name)
        self.assertEqual(server.get_socket_descriptor(), server.props.socket_descriptor)
        self.assertEqual(server.get_address().get_path(), server.props.address.get_path())
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        turn_until(server.has_pending_connections)
        peer = server.next_pending_connection()
        server.add_pending_connection(peer)
        self.assertIs(server.next_pending_connection(), peer)

    def test_asynchronous_reads(self):
        results = []
        socket, peer = self.connect()
        peer.write(b'line\nbytes')
        socket.read_line_async(0, None, lambda socket, result: results.append(socket.read_line_finish(result)))
        turn_until(lambda: results)
        socket.read_bytes_async(5, None, lambda socket, result: results.append(socket.read_bytes_finish(result)))
        turn_until(lambda: len(results) == 2)
        self.assertEqual((results[0], results[1].get_data()), (b'line\n', b'bytes'))


class TestStreams(TestCase):
    def test_data_input_stream(self):
        client, peer = self.connect()
        peer.write(b'first\nsecond\n')
        peer.flush()
        stream = Gio.DataInputStream(base_stream=client.get_input_stream())
        self.assertEqual(stream.read_line_utf8(None), ('first', 5))
        self.assertEqual(stream.read_line_utf8(None), ('second', 6))

    def test_data_input_stream_async(self):
        lines = []
        client, peer = self.connect()
        stream = Gio.DataInputStream(base_stream=client.get_input_stream())
        stream.read_line_async(GLib.PRIORITY_DEFAULT, None,
                               lambda stream, result: lines.append(stream.read_line_finish_utf8(result)))
        peer.write(b'later\n')
        turn_until(lambda: lines)
        self.assertEqual(lines, [('later', 5)])

    def test_output_stream(self):
        client, peer = self.connect()
        self.assertEqual(client.get_output_stream().write_all(b'through GIO', None), (True, 11))
        turn_until(lambda: peer.get_bytes_available() == 11)
        self.assertEqual(peer.read_all().get_data(), b'through GIO')

    def test_close(self):
        client, _peer = self.connect()
        events = trace(client)
        self.assertTrue(client.close(None))
        self.assertTrue(client.is_closed())
        self.assertEqual(events[0], 'about-to-close')
        self.assertEqual(events[-1], 'disconnected')
        self.assertFalse(client.is_open())


if __name__ == '__main__':
    python_util.main()
