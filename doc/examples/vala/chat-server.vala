// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A room: the first line of a client is its name, and every other is sent to all of them.

HashTable<LSocket.Socket, string> names;

void tell_everybody (string text) throws Error {
	foreach (unowned var connection in names.get_keys_as_array ())
		connection.write (@"$text\n".data);
}

void on_ready_read (LSocket.IODevice device) {
	var connection = (LSocket.Socket) device;
	try {
		while (connection.can_read_line ()) {
			var line = ((string) connection.read_line ()).chomp ();
			if (names.contains (connection)) {
				tell_everybody (@"$(names[connection]): $line");
			} else {
				names[connection] = line;
				tell_everybody (@"* $line has come");
			}
		}
	} catch (Error e) {
		printerr ("%s\n", e.message);
	}
}

void on_disconnected (LSocket.Socket connection) {
	var name = names.take (connection);
	try {
		if (name != null)
			tell_everybody (@"* $name has gone");
	} catch (Error e) {
		printerr ("%s\n", e.message);
	}
}

int main (string[] args) {
	Intl.setlocale ();
	if (args.length != 2) {
		printerr ("Usage: %s NAME\n", args[0]);
		return 2;
	}

	names = new HashTable<LSocket.Socket, string> (direct_hash, direct_equal);
	var loop = new MainLoop ();
	var server = new LSocket.Server ();
	server.new_connection.connect (() => {
		var connection = server.next_pending_connection ();
		connection.ready_read.connect (on_ready_read);
		connection.disconnected.connect (on_disconnected);
	});
	try {
		server.listen (args[1]);
	} catch (Error e) {
		printerr ("%s\n", e.message);
		return 1;
	}
	print ("Listening at %s\n", server.full_server_name);
	Unix.signal_add (ProcessSignal.TERM, () => {
		loop.quit ();
		return Source.CONTINUE;
	});
	loop.run ();
	server.close ();
	return 0;
}
