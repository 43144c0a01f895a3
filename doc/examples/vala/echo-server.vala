// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sends back what it hears, to as many clients as come.

void on_new_connection (LSocket.Server server) {
	// The server holds it until it has ended.
	var connection = server.next_pending_connection ();
	connection.ready_read.connect ((device) => {
		try {
			device.write_bytes (device.read_all ());
		} catch (Error e) {
			printerr ("%s\n", e.message);
		}
	});
}

int main (string[] args) {
	Intl.setlocale ();
	if (args.length != 2) {
		printerr ("Usage: %s NAME\n", args[0]);
		return 2;
	}

	var loop = new MainLoop ();
	var server = new LSocket.Server ();
	server.new_connection.connect (on_new_connection);
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
