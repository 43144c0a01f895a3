// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The library as a Vala program sees it: every name of the class reference.

using LSocket;

string directory;

delegate bool Condition ();

void turn_until (Condition condition) {
	var context = MainContext.default ();
	while (!condition ())
		context.iteration (true);
}

Server start_server () throws Error {
	var server = new Server ();
	server.listen ("market");
	return server;
}

LSocket.Socket connect_client (Server server, out LSocket.Socket peer) {
	var socket = new LSocket.Socket ();
	socket.connect_to_server ("market");
	turn_until (() => server.has_pending_connections ());
	peer = server.next_pending_connection ();
	return socket;
}

void deliver (LSocket.Socket socket, LSocket.Socket peer, string text) throws Error {
	assert_cmpint ((int) peer.write (text.data), CompareOperator.EQ, text.length);
	turn_until (() => socket.bytes_available == text.length);
}

void assert_bytes (Bytes bytes, string text) {
	assert_true (bytes.compare (new Bytes (text.data)) == 0);
}

void assert_line (uint8[] line, string text) {
	assert_cmpint (line.length, CompareOperator.EQ, text.length);
	assert_cmpstr ((string) line, CompareOperator.EQ, text);
}

void test_version () {
	assert_true (get_major_version () == MAJOR_VERSION);
	assert_true (get_minor_version () == MINOR_VERSION);
	assert_true (get_micro_version () == MICRO_VERSION);
	assert_true (check_version (MAJOR_VERSION, MINOR_VERSION, MICRO_VERSION));
	assert_cmpint (SOCKET_DEFAULT_TIMEOUT, CompareOperator.EQ, 30000);
}

void assert_values (int[] values, int[] expected) {
	assert_cmpint (values.length, CompareOperator.EQ, expected.length);
	for (var i = 0; i < values.length; i++)
		assert_cmpint (values[i], CompareOperator.EQ, expected[i]);
}

void test_enumerations () {
	assert_values ({ SocketState.UNCONNECTED, SocketState.CONNECTING, SocketState.CONNECTED, SocketState.CLOSING },
		{ 0, 2, 3, 6 });
	assert_values ({ LSocket.SocketError.UNKNOWN, LSocket.SocketError.CONNECTION_REFUSED,
		LSocket.SocketError.PEER_CLOSED, LSocket.SocketError.SERVER_NOT_FOUND, LSocket.SocketError.ACCESS,
		LSocket.SocketError.RESOURCE, LSocket.SocketError.TIMEOUT, LSocket.SocketError.DATAGRAM_TOO_LARGE,
		LSocket.SocketError.CONNECTION, LSocket.SocketError.ADDRESS_IN_USE,
		LSocket.SocketError.UNSUPPORTED_OPERATION, LSocket.SocketError.OPERATION },
		{ -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 19 });
	assert_values ({ OpenMode.NOT_OPEN, OpenMode.READ_ONLY, OpenMode.WRITE_ONLY, OpenMode.READ_WRITE,
		OpenMode.UNBUFFERED }, { 0, 1, 2, 3, 32 });
	assert_values ({ SocketOptions.NONE, SocketOptions.ABSTRACT_NAMESPACE, SocketOptions.TEMP_DIRECTORY },
		{ 0, 1, 2 });
	assert_values ({ ServerOptions.NONE, ServerOptions.USER_ACCESS, ServerOptions.GROUP_ACCESS,
		ServerOptions.OTHER_ACCESS, ServerOptions.WORLD_ACCESS, ServerOptions.ABSTRACT_NAMESPACE,
		ServerOptions.TEMP_DIRECTORY }, { 0, 1, 2, 4, 7, 8, 16 });
	assert_values ({ PeerPolicy.AUTO, PeerPolicy.ANY, PeerPolicy.SAME_USER }, { 0, 1, 2 });
	assert_cmpstr (LSocket.SocketError.quark ().to_string (), CompareOperator.EQ, "l-socket-error-quark");
}

void test_properties () {
	var socket = new LSocket.Socket () {
		connect_timeout = 5,
		half_open = true,
		low_latency = true,
		options = SocketOptions.TEMP_DIRECTORY,
		read_buffer_size = 10,
		write_buffer_size = 20
	};
	assert_true (socket.state == SocketState.UNCONNECTED && !socket.valid && socket.socket_descriptor == -1);
	assert_true (socket.error_string == null && socket.address == null);
	assert_true (socket.server_name == null && socket.full_server_name == null);
	assert_true (socket.open_mode == OpenMode.NOT_OPEN && socket.bytes_available == 0 && socket.bytes_to_write == 0);
	assert_true (socket.get_connect_timeout () == 5 && socket.get_half_open () && socket.get_low_latency ());
	assert_true (socket.get_options () == SocketOptions.TEMP_DIRECTORY);
	assert_true (socket.get_read_buffer_size () == 10 && socket.get_write_buffer_size () == 20);
}

void test_accessors () {
	try {
		var server = start_server ();
		var socket = new LSocket.Socket ();
		socket.set_options (SocketOptions.NONE);
		socket.set_connect_timeout (1000);
		socket.set_half_open (false);
		socket.set_low_latency (true);
		socket.set_read_buffer_size (100);
		socket.set_write_buffer_size (100);
		socket.connect_to_server ("market");
		assert_true (socket.get_state () == SocketState.CONNECTED && socket.is_valid ());
		assert_true (socket.is_open () && socket.is_readable () && socket.is_writable () && socket.is_sequential ());
		assert_true (socket.at_end ());
		assert_cmpstr (socket.get_server_name (), CompareOperator.EQ, "market");
		assert_cmpstr (socket.get_full_server_name (), CompareOperator.EQ, directory + "/market");
		assert_true (socket.get_address () is UnixSocketAddress);
		assert_true (socket.get_socket_descriptor () > 2);
		assert_true (socket.get_open_mode () == OpenMode.READ_WRITE);
		assert_true (socket.get_error () == LSocket.SocketError.UNKNOWN && socket.get_error_string () == null);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_signals () {
	try {
		var server = start_server ();
		var socket = new LSocket.Socket ();
		var events = new StringBuilder ();
		socket.connected.connect (() => events.append ("connected "));
		socket.disconnected.connect (() => events.append ("disconnected "));
		socket.error.connect ((error) => events.append_printf ("error %d ", error));
		socket.state_changed.connect ((state) => events.append_printf ("state-changed %d ", state));
		socket.ready_read.connect (() => events.append ("ready-read "));
		socket.bytes_written.connect ((count) => events.append (@"bytes-written $count "));
		socket.read_channel_finished.connect (() => events.append ("read-channel-finished "));
		socket.about_to_close.connect (() => events.append ("about-to-close "));
		socket.connect_to_server ("market");
		turn_until (() => server.has_pending_connections ());
		var peer = server.next_pending_connection ();
		deliver (peer, socket, "to the server");
		deliver (socket, peer, "bye");
		peer.disconnect_from_server ();
		turn_until (() => socket.state == SocketState.UNCONNECTED);
		socket.close ();
		assert_cmpstr (events.str, CompareOperator.EQ, "state-changed 2 state-changed 3 connected " +
			"bytes-written 13 ready-read error 1 state-changed 6 state-changed 0 read-channel-finished " +
			"disconnected about-to-close ");
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_reading () {
	try {
		var server = start_server ();
		LSocket.Socket peer;
		var socket = connect_client (server, out peer);
		deliver (socket, peer, "one\ntwo\nthree");
		assert_true (socket.get_bytes_available () == 13 && socket.can_read_line ());
		assert_line (socket.read_line (), "one\n");
		assert_line (socket.read_line (2), "tw");
		socket.start_transaction ();
		assert_true (socket.is_transaction_started ());
		assert_bytes (socket.read_bytes (2), "o\n");
		socket.rollback_transaction ();
		socket.start_transaction ();
		assert_true (socket.skip (2) == 2);
		socket.commit_transaction ();
		socket.unread (">".data);
		assert_bytes (socket.peek_bytes (3), ">th");
		assert_bytes (socket.read_all (), ">three");
		assert_true (socket.read_line ().length == 0);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_writing () {
	try {
		var server = start_server ();
		LSocket.Socket peer;
		var socket = connect_client (server, out peer);
		assert_true (socket.write ("ab".data) == 2);
		assert_true (socket.write_bytes (new Bytes ("cd".data)));
		assert_true (socket.get_bytes_to_write () == 4);
		assert_true (socket.flush () && socket.shutdown_write ());
		turn_until (() => peer.bytes_available == 4);
		assert_bytes (peer.read_all (), "abcd");
		server.close ();
		socket.write ("too late".data);
		assert_not_reached ();
	} catch (Error e) {
		assert_error (e, IOError.quark (), IOError.CLOSED);
	}
}

void test_waiting () {
	try {
		var server = start_server ();
		bool timed_out;
		assert_true (!server.wait_for_new_connection (0, out timed_out) && timed_out);
		var socket = new LSocket.Socket ();
		assert_true (socket.connect_to_server_sync ("market"));
		assert_true (socket.wait_for_connected ());
		assert_true (server.wait_for_new_connection ());
		var peer = server.next_pending_connection ();
		socket.write ("abc".data);
		assert_true (socket.wait_for_bytes_written () && peer.wait_for_ready_read ());
		assert_false (socket.wait_for_ready_read (1));
		assert_true (socket.get_error () == LSocket.SocketError.TIMEOUT);
		peer.abort ();
		assert_true (socket.wait_for_disconnected ());
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_address_and_descriptor () {
	try {
		var server = start_server ();
		var socket = new LSocket.Socket ();
		socket.connect_to_address (server.address);
		assert_true (socket.state == SocketState.CONNECTED);
		server.close ();
		socket.set_socket_descriptor (0);
		assert_not_reached ();
	} catch (Error e) {
		assert_error (e, LSocket.SocketError.quark (), LSocket.SocketError.OPERATION);
	}
}

void test_server () {
	try {
		var server = new Server ();
		var count = 0;
		server.new_connection.connect (() => count++);
		server.error.connect ((error) => critical ("error %d", error));
		server.set_options (ServerOptions.USER_ACCESS);
		server.set_max_pending_connections (2);
		server.set_listen_backlog (3);
		server.set_unlink_on_close (true);
		assert_true (server.options == ServerOptions.USER_ACCESS && server.max_pending_connections == 2);
		assert_true (server.listen_backlog == 3 && server.unlink_on_close);
		assert_true (server.get_options () == ServerOptions.USER_ACCESS);
		assert_true (server.get_max_pending_connections () == 2 && server.get_listen_backlog () == 3);
		assert_true (!server.is_listening () && !server.listening);
		assert_true (server.listen ("market") && server.is_listening () && server.get_unlink_on_close ());
		assert_cmpstr (server.get_server_name (), CompareOperator.EQ, server.server_name);
		assert_cmpstr (server.get_full_server_name (), CompareOperator.EQ, server.full_server_name);
		assert_true (server.get_socket_descriptor () == server.socket_descriptor);
		assert_true (server.get_address () == server.address);
		assert_true (server.get_error () == LSocket.SocketError.UNKNOWN);
		assert_true (server.get_error_string () == null && server.error_string == null);
		LSocket.Socket peer;
		connect_client (server, out peer);
		server.add_pending_connection (peer);
		assert_true (count == 2 && server.next_pending_connection () == peer);
		server.close ();
		assert_true (Server.remove ("market"));
		assert_true (server.listen_address (new UnixSocketAddress (directory + "/other")));
		server.close ();
		server.listen_descriptor (peer.get_socket_descriptor ());
		assert_not_reached ();
	} catch (Error e) {
		assert_error (e, LSocket.SocketError.quark (), LSocket.SocketError.UNSUPPORTED_OPERATION);
	}
}

void test_connections () {
	try {
		var server = start_server ();
		var changes = new StringBuilder ();
		var connections = server.connections;
		assert_true (server.get_connections () == connections && connections.get_n_items () == 0);
		connections.items_changed.connect ((position, removed, added) =>
			changes.append (@"$position-$removed+$added "));
		LSocket.Socket first, second;
		var client = connect_client (server, out first);
		var other = connect_client (server, out second);
		assert_true (connections.get_item (0) == first && connections.get_item (1) == second);
		client.abort ();
		turn_until (() => connections.get_n_items () == 1);
		second.abort ();
		assert_true (connections.get_n_items () == 0);
		assert_cmpstr (changes.str, CompareOperator.EQ, "0-0+1 1-0+1 0-1+0 0-1+0 ");
		turn_until (() => other.state == SocketState.UNCONNECTED);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_credentials () {
	try {
		var server = start_server ();
		LSocket.Socket peer;
		var socket = connect_client (server, out peer);
		var own = new GLib.Credentials ();
		var credentials = socket.get_peer_credentials ();
		assert_true (credentials.get_uid () == own.get_unix_user () && credentials.get_pid () == own.get_unix_pid ());
		assert_true (credentials.is_same_user () && credentials.get_sid () == null);
		assert_true (credentials.get_gid () >= 0 && credentials.get_gid () == peer.peer_credentials.get_gid ());
		assert_true (credentials.get_pidfd () >= -1 && credentials.get_security_label () != "");
		foreach (var group in credentials.get_groups ())
			assert_true (group >= 0);
		socket.abort ();
		assert_true (socket.peer_credentials == null);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_authorize () {
	try {
		var server = new Server () { peer_policy = PeerPolicy.SAME_USER };
		var asked = 0;
		server.authorize.connect ((credentials) => {
			assert_true (credentials.is_same_user ());
			return ++asked > 1;
		});
		server.listen ("market");
		var refused = new LSocket.Socket ();
		refused.connect_to_server ("market");
		turn_until (() => refused.state == SocketState.UNCONNECTED);
		assert_true (refused.get_error () == LSocket.SocketError.PEER_CLOSED);
		assert_true (server.get_error () == LSocket.SocketError.ACCESS);
		LSocket.Socket peer;
		var let_in = connect_client (server, out peer);
		assert_true (asked == 2 && let_in.state == SocketState.CONNECTED);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_policy () {
	var socket = new LSocket.Socket ();
	socket.set_peer_policy (PeerPolicy.ANY);
	assert_true (socket.get_peer_policy () == PeerPolicy.ANY && socket.peer_policy == PeerPolicy.ANY);
	var server = new Server ();
	server.set_peer_policy (PeerPolicy.ANY);
	assert_true (server.get_peer_policy () == PeerPolicy.ANY && server.peer_policy == PeerPolicy.ANY);
}

void test_not_activated () {
	try {
		new Server ().listen_activated ();
		assert_not_reached ();
	} catch (Error e) {
		assert_error (e, LSocket.SocketError.quark (), LSocket.SocketError.SERVER_NOT_FOUND);
	}
}

void test_limits_of_server () {
	try {
		var server = start_server ();
		server.set_max_connections (1);
		server.set_max_connections_per_user (3);
		server.set_handshake_timeout (50);
		server.set_idle_timeout (10000);
		assert_values ({ server.get_max_connections (), server.get_max_connections_per_user (),
			server.get_handshake_timeout (), server.get_idle_timeout () }, { 1, 3, 50, 10000 });
		assert_values ({ server.max_connections, server.max_connections_per_user, server.handshake_timeout,
			server.idle_timeout }, { 1, 3, 50, 10000 });

		// The second comes in when the first was too late.
		LSocket.Socket first, second;
		var late = connect_client (server, out first);
		var client = connect_client (server, out second);
		assert_true (first.state == SocketState.UNCONNECTED && first.get_error () == LSocket.SocketError.TIMEOUT);
		second.end_handshake ();
		assert_true (second.state == SocketState.CONNECTED && second.idle_timeout == 10000);
		turn_until (() => late.state == SocketState.UNCONNECTED);
		assert_true (client.state == SocketState.CONNECTED);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_limits_of_socket () {
	try {
		var server = start_server ();
		LSocket.Socket peer;
		var socket = connect_client (server, out peer);
		socket.set_idle_timeout (50);
		socket.set_min_progress (2);
		assert_true (socket.get_idle_timeout () == 50 && socket.get_min_progress () == 2);
		assert_true (socket.idle_timeout == 50 && socket.min_progress == 2);
		peer.write ("x".data);
		turn_until (() => socket.state == SocketState.UNCONNECTED);
		assert_true (socket.get_error () == LSocket.SocketError.TIMEOUT);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_descriptors () {
	try {
		var server = start_server ();
		var client = (UnixConnection) new SocketClient ().connect (server.address);
		turn_until (() => server.has_pending_connections ());
		var peer = server.next_pending_connection ();
		peer.set_count_descriptors (true);
		assert_true (peer.get_count_descriptors () && peer.count_descriptors);
		uint count = 1;
		try {
			client.send_fd (0);
		} catch (Error e) {
			// The system refuses to send it.
			assert_error (e, IOError.quark (), IOError.PERMISSION_DENIED);
			client.output_stream.write ("x".data);
			count = 0;
		}
		turn_until (() => peer.bytes_available == 1);
		assert_true (peer.get_refused_descriptors () == count && peer.refused_descriptors == count);
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

void test_writable () {
	var told = 0;
	Server server = null;
	LSocket.Socket socket = null, peer = null;
	try {
		server = start_server ();
		socket = connect_client (server, out peer);
		peer.read_buffer_size = 1;
		socket.write_buffer_size = 4096;
		socket.writable.connect (() => told++);
		while (true)
			socket.write (new uint8[4096]);
	} catch (Error e) {
		assert_error (e, IOError.quark (), IOError.WOULD_BLOCK);
	}
	assert_true (told == 0);
	peer.read_buffer_size = 0;
	turn_until (() => told == 1);
	server.close ();
}

async void talk (Server server) throws Error {
	LSocket.Socket peer = null;
	server.accept_async.begin (null, (_, result) => {
		try {
			peer = server.accept_async.end (result);
		} catch (Error e) {
			assert_no_error (e);
		}
	});
	var socket = new LSocket.Socket ();
	assert_true (yield socket.connect_to_server_async ("market"));
	turn_until (() => peer != null);
	socket.write ("line\n12345".data);
	assert_line (yield peer.read_line_async (), "line\n");
	assert_bytes (yield peer.read_bytes_async (5), "12345");
	assert_true (yield socket.disconnect_from_server_async ());
	assert_true (yield peer.close_async ());
	yield socket.connect_to_server_async ("nobody");
}

void test_async () {
	try {
		var loop = new MainLoop ();
		AsyncResult result = null;
		var server = start_server ();
		talk.begin (server, (_, ended) => {
			result = ended;
			loop.quit ();
		});
		loop.run ();
		talk.end (result);
		assert_not_reached ();
	} catch (Error e) {
		assert_error (e, LSocket.SocketError.quark (), LSocket.SocketError.SERVER_NOT_FOUND);
	}
}

/* What a subclass sees. */
class Counter : Server {
	public int count;

	public override void incoming_connection (intptr descriptor) {
		count++;
		base.incoming_connection (descriptor);
	}
}

class Recorder : LSocket.Socket {
	public string states = "";

	public override void state_changed (SocketState state) {
		states += @"$((int) state) ";
	}
}

void test_subclass () {
	try {
		var server = new Counter ();
		server.listen ("market");
		var socket = new Recorder ();
		socket.connect_to_server ("market");
		turn_until (() => server.has_pending_connections ());
		assert_cmpint (server.count, CompareOperator.EQ, 1);
		socket.abort ();
		assert_cmpstr (socket.states, CompareOperator.EQ, "2 3 0 ");
		server.close ();
	} catch (Error e) {
		assert_no_error (e);
	}
}

int main (string[] args) {
	Test.init (ref args);
	try {
		// Short: the path of a socket may have no more than 107 bytes.
		directory = DirUtils.make_tmp ("lsXXXXXX");
	} catch (FileError e) {
		error ("%s", e.message);
	}
	Environment.set_variable ("XDG_RUNTIME_DIR", directory, true);
	Environment.unset_variable ("FLATPAK_ID");

	Test.add_func ("/vala/version", test_version);
	Test.add_func ("/vala/enumerations", test_enumerations);
	Test.add_func ("/vala/socket/properties", test_properties);
	Test.add_func ("/vala/socket/accessors", test_accessors);
	Test.add_func ("/vala/socket/signals", test_signals);
	Test.add_func ("/vala/socket/reading", test_reading);
	Test.add_func ("/vala/socket/writing", test_writing);
	Test.add_func ("/vala/socket/waiting", test_waiting);
	Test.add_func ("/vala/socket/address-and-descriptor", test_address_and_descriptor);
	Test.add_func ("/vala/server", test_server);
	Test.add_func ("/vala/connections", test_connections);
	Test.add_func ("/vala/peers/credentials", test_credentials);
	Test.add_func ("/vala/peers/authorize", test_authorize);
	Test.add_func ("/vala/peers/policy", test_policy);
	Test.add_func ("/vala/peers/not-activated", test_not_activated);
	Test.add_func ("/vala/limits/server", test_limits_of_server);
	Test.add_func ("/vala/limits/socket", test_limits_of_socket);
	Test.add_func ("/vala/limits/descriptors", test_descriptors);
	Test.add_func ("/vala/limits/writable", test_writable);
	Test.add_func ("/vala/async", test_async);
	Test.add_func ("/vala/subclass", test_subclass);
	var status = Test.run ();

	// What is left in it: the lock files.
	try {
		string? name;
		var files = Dir.open (directory);
		while ((name = files.read_name ()) != null)
			FileUtils.unlink (Path.build_filename (directory, name));
	} catch (FileError e) {
		error ("%s", e.message);
	}
	DirUtils.remove (directory);
	return status;
}
