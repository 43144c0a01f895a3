// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The library as a JavaScript program sees it: every name of the class reference, and what the override adds.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import LSocket from 'gi://LSocket?version=1';
import System from 'system';

import {assertEqual, assertThrows, assertRejects, directory, runTests, turn, turnUntil} from './gjs-util.js';

const {OpenMode, PeerPolicy, ServerOptions, SocketError, SocketOptions, SocketState} = LSocket;

const toText = bytes => new TextDecoder().decode(bytes);
const toBytes = text => new TextEncoder().encode(text);

function listen() {
    const server = new LSocket.Server();
    server.listen('market');
    return server;
}

// A client and the accepted end of its connection.
async function connect(server) {
    const client = new LSocket.Socket();
    await client.connect_to_server_async('market');
    return [client, server.next_pending_connection() ?? await server.accept_async()];
}

async function receive(socket, peer, text) {
    peer.write(text);
    await turnUntil(() => socket.bytes_available === text.length);
}

// The result of an asynchronous method that is given a callback.
function finish(begin) {
    return new Promise(resolve => begin((_source, result) => resolve(result)));
}

runTests({
    'version'() {
        const {MAJOR_VERSION, MINOR_VERSION, MICRO_VERSION} = LSocket;
        assertEqual(LSocket.get_major_version(), MAJOR_VERSION);
        assertEqual(LSocket.get_minor_version(), MINOR_VERSION);
        assertEqual(LSocket.get_micro_version(), MICRO_VERSION);
        assertEqual(LSocket.check_version(MAJOR_VERSION, MINOR_VERSION, MICRO_VERSION), true);
        assertEqual(LSocket.SOCKET_DEFAULT_TIMEOUT, 30000);
    },

    'enumerations'() {
        assertEqual([SocketState.UNCONNECTED, SocketState.CONNECTING, SocketState.CONNECTED, SocketState.CLOSING],
            [0, 2, 3, 6]);
        assertEqual([SocketError.UNKNOWN, SocketError.CONNECTION_REFUSED, SocketError.PEER_CLOSED,
            SocketError.SERVER_NOT_FOUND, SocketError.ACCESS, SocketError.RESOURCE, SocketError.TIMEOUT,
            SocketError.DATAGRAM_TOO_LARGE, SocketError.CONNECTION, SocketError.ADDRESS_IN_USE,
            SocketError.UNSUPPORTED_OPERATION, SocketError.OPERATION], [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 19]);
        assertEqual([OpenMode.NOT_OPEN, OpenMode.READ_ONLY, OpenMode.WRITE_ONLY, OpenMode.READ_WRITE,
            OpenMode.UNBUFFERED], [0, 1, 2, 3, 32]);
        assertEqual([SocketOptions.NONE, SocketOptions.ABSTRACT_NAMESPACE, SocketOptions.TEMP_DIRECTORY], [0, 1, 2]);
        assertEqual([ServerOptions.NONE, ServerOptions.USER_ACCESS, ServerOptions.GROUP_ACCESS,
            ServerOptions.OTHER_ACCESS, ServerOptions.WORLD_ACCESS, ServerOptions.ABSTRACT_NAMESPACE,
            ServerOptions.TEMP_DIRECTORY], [0, 1, 2, 4, 7, 8, 16]);
        assertEqual([PeerPolicy.AUTO, PeerPolicy.ANY, PeerPolicy.SAME_USER], [0, 1, 2]);
        assertEqual(GLib.quark_to_string(SocketError.quark()), 'l-socket-error-quark');
    },

    'socket/properties'() {
        const socket = new LSocket.Socket({connect_timeout: 5, half_open: true, low_latency: true, read_buffer_size: 10});
        assertEqual([socket.state, socket.error, socket.error_string, socket.valid, socket.socket_descriptor],
            [SocketState.UNCONNECTED, SocketError.UNKNOWN, null, false, -1]);
        assertEqual([socket.server_name, socket.full_server_name, socket.address], [null, null, null]);
        assertEqual([socket.open_mode, socket.bytes_available, socket.bytes_to_write], [OpenMode.NOT_OPEN, 0, 0]);
        assertEqual([socket.connect_timeout, socket.half_open, socket.low_latency], [5, true, true]);
        assertEqual([socket.read_buffer_size, socket.write_buffer_size], [10, 0]);
        socket.options = SocketOptions.TEMP_DIRECTORY;
        socket.writeBufferSize = 20;
        assertEqual([socket.get_options(), socket.get_write_buffer_size()], [SocketOptions.TEMP_DIRECTORY, 20]);
    },

    async 'socket/accessors'() {
        const server = listen();
        const socket = LSocket.Socket.new();
        socket.set_options(SocketOptions.NONE);
        socket.set_connect_timeout(1000);
        socket.set_half_open(false);
        socket.set_low_latency(true);
        socket.set_read_buffer_size(100);
        socket.set_write_buffer_size(100);
        assertEqual([socket.get_connect_timeout(), socket.get_half_open(), socket.get_low_latency()], [1000, false, true]);
        assertEqual(socket.get_read_buffer_size(), 100);
        await socket.connect_to_server_async('market');
        assertEqual([socket.get_state(), socket.is_valid(), socket.is_open(), socket.is_readable(),
            socket.is_writable(), socket.is_sequential()], [SocketState.CONNECTED, true, true, true, true, true]);
        assertEqual([socket.get_server_name(), socket.get_full_server_name()], ['market', `${directory}/market`]);
        assertEqual(socket.get_address() instanceof Gio.UnixSocketAddress, true);
        assertEqual(socket.get_socket_descriptor() > 2, true);
        assertEqual([socket.get_open_mode(), socket.get_error(), socket.get_error_string(), socket.at_end()],
            [OpenMode.READ_WRITE, SocketError.UNKNOWN, null, true]);
        server.close();
    },

    async 'socket/signals'() {
        const server = listen();
        const socket = new LSocket.Socket();
        const events = [];
        for (const name of ['connected', 'disconnected', 'error', 'state-changed', 'ready-read', 'bytes-written',
            'read-channel-finished', 'about-to-close'])
            socket.connect(name, (_socket, ...args) => events.push([name, ...args].join(' ')));
        socket.connect_to_server('market');
        const peer = await server.accept_async();
        await receive(peer, socket, 'to the server');
        await receive(socket, peer, 'bye');
        peer.disconnect_from_server();
        await turnUntil(() => socket.state === SocketState.UNCONNECTED);
        socket.close();
        assertEqual(events, ['state-changed 2', 'state-changed 3', 'connected', 'bytes-written 13', 'ready-read',
            'error 1', 'state-changed 6', 'state-changed 0', 'read-channel-finished', 'disconnected',
            'about-to-close']);
        server.close();
    },

    async 'socket/reading'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        await receive(socket, peer, 'one\ntwo\nthree');
        assertEqual(socket.get_bytes_available(), 13);
        assertEqual(socket.can_read_line(), true);
        assertEqual(toText(socket.read_line()), 'one\n');
        assertEqual(toText(socket.read_line(2)), 'tw');
        socket.start_transaction();
        assertEqual(socket.is_transaction_started(), true);
        assertEqual(toText(socket.read_bytes(2)), 'o\n');
        socket.rollback_transaction();
        socket.start_transaction();
        assertEqual(socket.skip(2), 2);
        socket.commit_transaction();
        socket.unread(toBytes('>'));
        assertEqual(toText(socket.peek_bytes(3)), '>th');
        const all = socket.read_all();
        assertEqual(all instanceof Uint8Array, true);
        assertEqual(toText(all), '>three');
        assertEqual([socket.read_all().length, socket.read_line().length, socket.read_bytes(5).length], [0, 0, 0]);
        server.close();
    },

    async 'socket/writing'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        assertEqual(socket.write(Uint8Array.of(0xc3, 0xbc)), 2);
        assertEqual(socket.write('ü'), 2);
        assertEqual(socket.write_bytes(toBytes('ü')), true);
        assertEqual(socket.get_bytes_to_write(), 6);
        assertEqual(socket.flush(), true);
        assertEqual(socket.shutdown_write(), true);
        assertEqual(toText(await peer.read_bytes_async(100)), 'üüü');
        assertThrows(() => socket.write('too late'), Gio.IOErrorEnum, Gio.IOErrorEnum.CLOSED);
        assertThrows(() => socket.write({}));
        server.close();
    },

    'socket/waiting'() {
        const server = listen();
        assertEqual(server.wait_for_new_connection(0), [false, true]);
        const socket = new LSocket.Socket();
        assertEqual(socket.connect_to_server_sync('market'), true);
        assertEqual(socket.wait_for_connected(), true);
        assertEqual(server.wait_for_new_connection(), [true, false]);
        const peer = server.next_pending_connection();
        socket.write('abc');
        assertEqual([socket.wait_for_bytes_written(), peer.wait_for_ready_read()], [true, true]);
        assertEqual(socket.wait_for_ready_read(1), false);
        assertEqual(socket.error, SocketError.TIMEOUT);
        peer.abort();
        assertEqual(socket.wait_for_disconnected(), true);
        server.close();
    },

    'socket/address and descriptor'() {
        const server = listen();
        const socket = new LSocket.Socket();
        socket.connect_to_address(server.address);
        assertEqual(socket.state, SocketState.CONNECTED);
        assertThrows(() => socket.set_socket_descriptor(0), LSocket.SocketError, SocketError.OPERATION);
        assertThrows(() => new LSocket.Server().listen_descriptor(socket.socket_descriptor),
            LSocket.SocketError, SocketError.UNSUPPORTED_OPERATION);
        server.close();
    },

    'errors'() {
        const error = assertThrows(() => new LSocket.Socket().connect_to_server_sync('nobody'),
            LSocket.SocketError, SocketError.SERVER_NOT_FOUND);
        assertEqual(error instanceof LSocket.SocketError, true);
        assertEqual(error.message.includes(directory), true);
    },

    async 'server'() {
        const server = LSocket.Server.new();
        let count = 0;
        server.connect('new-connection', () => count++);
        server.connect('error', () => {});
        server.set_options(ServerOptions.USER_ACCESS);
        server.set_max_pending_connections(2);
        server.set_listen_backlog(3);
        server.set_unlink_on_close(true);
        assertEqual([server.options, server.max_pending_connections, server.listen_backlog, server.unlink_on_close],
            [1, 2, 3, true]);
        assertEqual([server.get_options(), server.get_max_pending_connections(), server.get_listen_backlog()],
            [1, 2, 3]);
        assertEqual([server.is_listening(), server.listening], [false, false]);
        assertEqual(server.listen('market'), true);
        assertEqual([server.is_listening(), server.get_unlink_on_close()], [true, true]);
        assertEqual([server.get_server_name(), server.server_name], ['market', 'market']);
        assertEqual(server.get_full_server_name(), server.full_server_name);
        assertEqual(server.get_socket_descriptor(), server.socket_descriptor);
        assertEqual(server.get_address().get_path(), server.address.get_path());
        assertEqual([server.get_error(), server.error, server.get_error_string(), server.error_string],
            [-1, -1, null, null]);
        const socket = new LSocket.Socket();
        socket.connect_to_server('market');
        await turnUntil(() => count === 1);
        assertEqual(server.has_pending_connections(), true);
        const peer = server.next_pending_connection();
        server.add_pending_connection(peer);
        assertEqual([count, server.next_pending_connection()], [2, peer]);
        assertThrows(() => LSocket.Server.remove('market'), LSocket.SocketError, SocketError.ADDRESS_IN_USE);
        server.close();
        assertEqual(LSocket.Server.remove('market'), true);
        assertEqual(server.listen_address(Gio.UnixSocketAddress.new(`${directory}/other`)), true);
        server.close();
    },

    async 'server/connections'() {
        const server = listen();
        const changes = [];
        const {connections} = server;
        assertEqual([server.get_connections(), connections.get_n_items()], [connections, 0]);
        connections.connect('items-changed', (_list, ...change) => changes.push(change));
        const ends = [await connect(server), await connect(server)];
        assertEqual([...connections], ends.map(([, peer]) => peer));
        assertEqual(connections.get_item(1), ends[1][1]);
        ends[0][0].abort();
        await turnUntil(() => connections.get_n_items() === 1);
        ends[1][1].abort();
        assertEqual([...connections], []);
        assertEqual(changes, [[0, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 0]]);
        server.close();
    },

    async 'peers/credentials'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        const credentials = socket.get_peer_credentials();
        const own = Gio.Credentials.new();
        assertEqual([credentials.get_uid(), credentials.get_pid()], [own.get_unix_user(), own.get_unix_pid()]);
        assertEqual([credentials.is_same_user(), credentials.get_sid()], [true, null]);
        assertEqual(credentials.get_gid(), peer.peer_credentials.get_gid());
        assertEqual([credentials.get_gid() >= 0, credentials.get_pidfd() >= -1], [true, true]);
        assertEqual(credentials.get_groups().every(group => group >= 0), true);
        assertEqual(credentials.get_security_label() === '', false);
        socket.abort();
        assertEqual(socket.peer_credentials, null);
        server.close();
    },

    async 'peers/authorize'() {
        const server = new LSocket.Server({peer_policy: PeerPolicy.SAME_USER});
        const asked = [];
        server.connect('authorize', (_server, credentials) => asked.push(credentials.get_pid()) > 1);
        server.listen('market');
        const refused = new LSocket.Socket();
        refused.connect_to_server('market');
        await turnUntil(() => refused.state === SocketState.UNCONNECTED);
        assertEqual([refused.error, server.error], [SocketError.PEER_CLOSED, SocketError.ACCESS]);
        await connect(server);
        assertEqual(asked.length, 2);
        server.close();
    },

    'peers/policy'() {
        for (const thing of [new LSocket.Socket(), new LSocket.Server()]) {
            assertEqual(thing.peer_policy, PeerPolicy.AUTO);
            thing.set_peer_policy(PeerPolicy.ANY);
            assertEqual([thing.get_peer_policy(), thing.peer_policy], [PeerPolicy.ANY, PeerPolicy.ANY]);
        }
    },

    'peers/not activated'() {
        assertThrows(() => new LSocket.Server().listen_activated(), LSocket.SocketError,
            SocketError.SERVER_NOT_FOUND);
    },

    async 'limits/server'() {
        const server = listen();
        server.set_max_connections(1);
        server.set_max_connections_per_user(3);
        server.set_handshake_timeout(50);
        server.set_idle_timeout(10000);
        assertEqual([server.get_max_connections(), server.get_max_connections_per_user(),
            server.get_handshake_timeout(), server.get_idle_timeout()], [1, 3, 50, 10000]);
        assertEqual([server.max_connections, server.max_connections_per_user, server.handshake_timeout,
            server.idle_timeout], [1, 3, 50, 10000]);

        // The second comes in when the first was too late.
        const [, first] = await connect(server);
        const [, second] = await connect(server);
        assertEqual([first.state, first.error], [SocketState.UNCONNECTED, SocketError.TIMEOUT]);
        second.end_handshake();
        assertEqual([second.state, second.idle_timeout], [SocketState.CONNECTED, 10000]);
        server.close();
    },

    async 'limits/socket'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        socket.set_idle_timeout(50);
        socket.set_min_progress(2);
        assertEqual([socket.get_idle_timeout(), socket.get_min_progress()], [50, 2]);
        assertEqual([socket.idle_timeout, socket.min_progress], [50, 2]);
        peer.write('x');
        await turnUntil(() => socket.state === SocketState.UNCONNECTED);
        assertEqual(socket.error, SocketError.TIMEOUT);
        server.close();
    },

    async 'limits/descriptors'() {
        const server = listen();
        const client = new Gio.SocketClient().connect(server.address, null);
        const peer = await server.accept_async();
        peer.set_count_descriptors(true);
        assertEqual([peer.get_count_descriptors(), peer.count_descriptors], [true, true]);
        let count = 1;
        try {
            client.send_fd(0, null);
        } catch (error) {
            // The system refuses to send it.
            assertEqual(error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.PERMISSION_DENIED), true);
            client.output_stream.write('x', null);
            count = 0;
        }
        await turnUntil(() => peer.bytes_available === 1);
        assertEqual([peer.get_refused_descriptors(), peer.refused_descriptors], [count, count]);
        server.close();
    },

    async 'limits/writable'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        const told = [];
        peer.read_buffer_size = 1;
        socket.write_buffer_size = 4096;
        socket.connect('writable', () => told.push(socket.write('last')));
        assertThrows(() => {
            for (;;)
                socket.write(new Uint8Array(4096));
        }, Gio.IOErrorEnum, Gio.IOErrorEnum.WOULD_BLOCK);
        assertEqual(told, []);
        peer.read_buffer_size = 0;
        await turnUntil(() => told.length > 0);
        assertEqual(told, [4]);
        server.close();
    },

    async 'callbacks'() {
        const server = listen();
        const accepting = finish(callback => server.accept_async(null, callback));
        const socket = new LSocket.Socket();
        const connected = await finish(callback =>
            socket.connect_to_server_async('market', OpenMode.READ_WRITE, null, callback));
        assertEqual(socket.connect_to_server_finish(connected), true);
        const peer = server.accept_finish(await accepting);
        peer.write('line\nbytes');
        assertEqual(toText(socket.read_line_finish(
            await finish(callback => socket.read_line_async(0, null, callback)))), 'line\n');
        assertEqual(toText(socket.read_bytes_finish(
            await finish(callback => socket.read_bytes_async(5, null, callback)))), 'bytes');
        assertEqual(socket.disconnect_from_server_finish(
            await finish(callback => socket.disconnect_from_server_async(null, callback))), true);
        server.close();
    },

    async 'promises'() {
        const server = listen();
        const socket = new LSocket.Socket();
        const accepting = server.accept_async();
        assertEqual(await socket.connect_to_server_async('market'), true);
        const peer = await accepting;
        socket.write('line\n12345');
        assertEqual(toText(await peer.read_line_async()), 'line\n');
        assertEqual(toText(await peer.read_bytes_async(5)), '12345');
        assertEqual(await socket.disconnect_from_server_async(), true);
        assertEqual(await peer.close_async(), true);
        await assertRejects(socket.connect_to_server_async('nobody'), LSocket.SocketError,
            SocketError.SERVER_NOT_FOUND);
        const waiting = server.accept_async();
        server.close();
        await assertRejects(waiting, Gio.IOErrorEnum, Gio.IOErrorEnum.CLOSED);
    },

    async 'for await'() {
        const server = listen();
        const answer = async socket => {
            for await (const line of socket)
                socket.write(toText(line).toUpperCase());
            await socket.disconnect_from_server_async();
        };
        const serve = async () => {
            const answers = [];
            for await (const socket of server)
                answers.push(answer(socket));
            return Promise.all(answers);
        };
        const ask = async number => {
            const socket = new LSocket.Socket();
            await socket.connect_to_server_async('market');
            for (const line of ['one\n', `of ${number}\n`]) {
                socket.write(line);
                assertEqual(toText(await socket.read_line_async()), line.toUpperCase());
            }
            await socket.disconnect_from_server_async();
        };
        const serving = serve();
        await Promise.all([1, 2, 3, 4, 5].map(ask));
        server.close();
        assertEqual((await serving).length, 5);
    },

    async 'for await/last line'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        peer.write('one\nrest');
        peer.disconnect_from_server();
        const lines = [];
        for await (const line of socket)
            lines.push(toText(line));
        assertEqual(lines, ['one\n', 'rest']);
        server.close();
    },

    async 'for await/not open'() {
        const first = new LSocket.Socket()[Symbol.asyncIterator]().next();
        await assertRejects(first, Gio.IOErrorEnum, Gio.IOErrorEnum.CLOSED);
    },

    async 'cancelled'() {
        const server = listen();
        const [socket, peer] = await connect(server);
        const cancellable = new Gio.Cancellable();
        const reading = socket.read_line_async(0, cancellable);
        cancellable.cancel();
        await assertRejects(reading, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
        peer.write('line\n');
        assertEqual(toText(await socket.read_line_async()), 'line\n');
        server.close();
    },

    async 'collected while reading'() {
        const server = listen();
        let [socket, peer] = await connect(server);
        const reading = socket.read_line_async();
        socket = null;
        for (let i = 0; i < 3; i++) {
            System.gc();
            await turn();
        }
        peer.write('line\n');
        assertEqual(toText(await reading), 'line\n');
        server.close();
    },

    async 'subclass'() {
        const states = [];
        const Socket = GObject.registerClass(class Socket extends LSocket.Socket {
            vfunc_state_changed(state) {
                states.push(state);
            }
        });
        const server = listen();
        const socket = new Socket();
        socket.connect_to_server('market');
        socket.abort();
        assertEqual(states, [SocketState.CONNECTING, SocketState.CONNECTED, SocketState.UNCONNECTED]);
        server.close();
    },
});
