// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Says the lines of its standard input to an echo server, each when the one before it has come back, with yield.

async void talk (string name) throws Error {
	var client = new LSocket.Socket ();
	yield client.connect_to_server_async (name);
	string? line;
	while ((line = stdin.read_line ()) != null) {
		client.write (@"$line\n".data);
		print ("%s", (string) yield client.read_line_async ());
	}
	yield client.disconnect_from_server_async ();
}

int main (string[] args) {
	Intl.setlocale ();
	if (args.length != 2) {
		printerr ("Usage: %s NAME <TEXT\n", args[0]);
		return 2;
	}

	var loop = new MainLoop ();
	var status = 0;
	talk.begin (args[1], (_, result) => {
		try {
			talk.end (result);
		} catch (Error e) {
			printerr ("%s\n", e.message);
			status = 1;
		}
		loop.quit ();
	});
	loop.run ();
	return status;
}
