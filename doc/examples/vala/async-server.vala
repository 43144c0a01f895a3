// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// An echo server with async and yield: each line comes back, to as many clients as come.

async void answer (LSocket.Socket connection) {
	try {
		while (true)
			connection.write (yield connection.read_line_async ());
	} catch (IOError.CLOSED e) {
		// The end of the input.
	} catch (Error e) {
		printerr ("%s\n", e.message);
	}
}

async void serve (LSocket.Server server) {
	try {
		while (true)
			answer.begin (yield server.accept_async ());
	} catch (IOError.CLOSED e) {
		// We have closed it.
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

	var loop = new MainLoop ();
	var server = new LSocket.Server ();
	try {
		server.listen (args[1]);
	} catch (Error e) {
		printerr ("%s\n", e.message);
		return 1;
	}
	print ("Listening at %s\n", server.full_server_name);
	Unix.signal_add (ProcessSignal.TERM, () => {
		server.close ();
		return Source.CONTINUE;
	});
	serve.begin (server, () => loop.quit ());
	loop.run ();
	return 0;
}
