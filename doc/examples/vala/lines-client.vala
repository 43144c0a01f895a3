// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Asks the server of lines, without a main loop: each argument is a line, and its answer is waited for.

string ask (LSocket.Socket client, string question) throws Error {
	client.write (@"$question\n".data);
	while (!client.can_read_line ()) {
		if (!client.wait_for_ready_read ())
			throw new IOError.FAILED ("%s", client.error_string);
	}
	return (string) client.read_line ();
}

int main (string[] args) {
	Intl.setlocale ();
	if (args.length < 2) {
		printerr ("Usage: %s NAME QUESTION...\n", args[0]);
		return 2;
	}

	try {
		var client = new LSocket.Socket ();
		client.connect_to_server_sync (args[1]);
		foreach (var question in args[2:])
			print ("%s", ask (client, question));
	} catch (Error e) {
		printerr ("%s\n", e.message);
		return 1;
	}
	return 0;
}
