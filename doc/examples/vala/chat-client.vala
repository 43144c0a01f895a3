// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says the lines of its standard input in a room, and prints what is said there.

async void say_input (LSocket.Socket client) {
	var input = new DataInputStream (new UnixInputStream (Posix.STDIN_FILENO, false));
	try {
		string? line;
		while ((line = yield input.read_line_async ()) != null)
			client.write (@"$line\n".data);
	} catch (Error e) {
		printerr ("%s\n", e.message);
	}
	client.disconnect_from_server ();
}

int main (string[] args) {
	Intl.setlocale ();
	if (args.length != 3) {
		printerr ("Usage: %s NAME WHO\n", args[0]);
		return 2;
	}

	var loop = new MainLoop ();
	var client = new LSocket.Socket ();
	client.ready_read.connect (() => {
		try {
			while (client.can_read_line ())
				print ("%s", (string) client.read_line ());
		} catch (Error e) {
			printerr ("%s\n", e.message);
		}
	});
	client.error.connect (() => printerr ("%s\n", client.error_string));
	client.state_changed.connect ((state) => {
		if (state == LSocket.SocketState.UNCONNECTED)
			loop.quit ();
	});

	client.connect_to_server (args[1]);
	if (client.state != LSocket.SocketState.UNCONNECTED) {
		try {
			client.write (@"$(args[2])\n".data);
		} catch (Error e) {
			printerr ("%s\n", e.message);
			return 1;
		}
		say_input.begin (client);
		loop.run ();
	}
	return client.get_error () == LSocket.SocketError.UNKNOWN ? 0 : 1;
}
