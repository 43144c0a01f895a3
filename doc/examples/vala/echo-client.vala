// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says its standard input to an echo server, and prints what comes back until all of it has.

int main (string[] args) {
	Intl.setlocale ();
	if (args.length != 2) {
		printerr ("Usage: %s NAME <TEXT\n", args[0]);
		return 2;
	}

	uint8[] said;
	try {
		File.new_for_path ("/dev/stdin").load_contents (null, out said, null);
	} catch (Error e) {
		printerr ("%s\n", e.message);
		return 1;
	}

	var loop = new MainLoop ();
	var client = new LSocket.Socket ();
	var heard = new ByteArray ();
	client.ready_read.connect (() => {
		try {
			heard.append (client.read_all ().get_data ());
		} catch (Error e) {
			printerr ("%s\n", e.message);
		}
		if (heard.len >= said.length)
			client.disconnect_from_server ();
	});
	client.error.connect (() => printerr ("%s\n", client.error_string));
	client.state_changed.connect ((state) => {
		if (state == LSocket.SocketState.UNCONNECTED)
			loop.quit ();
	});

	client.connect_to_server (args[1]);
	if (client.state != LSocket.SocketState.UNCONNECTED) {
		try {
			client.write (said);
			if (said.length == 0)
				client.disconnect_from_server ();
		} catch (Error e) {
			printerr ("%s\n", e.message);
			return 1;
		}
		if (client.state != LSocket.SocketState.UNCONNECTED)
			loop.run ();
	}

	stdout.write (heard.data);
	return client.get_error () == LSocket.SocketError.UNKNOWN && heard.len == said.length &&
		Memory.cmp (heard.data, said, said.length) == 0 ? 0 : 1;
}
