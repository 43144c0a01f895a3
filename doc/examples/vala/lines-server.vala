// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Keeps values for its clients. A line is a question and gets a line as its answer:
//
//   set KEY VALUE    ok
//   get KEY          ok VALUE, or error no such key

HashTable<string, string> values;

string answer (string question) {
	var words = question.split (" ", 3);
	if (words.length == 3 && words[0] == "set") {
		values[words[1]] = words[2];
		return "ok";
	}
	if (words.length != 2 || words[0] != "get")
		return "error what?";
	return words[1] in values ? @"ok $(values[words[1]])" : "error no such key";
}

void on_ready_read (LSocket.IODevice device) {
	try {
		while (device.can_read_line ()) {
			var line = ((string) device.read_line ()).chomp ();
			device.write (@"$(answer (line))\n".data);
		}
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

	values = new HashTable<string, string> (str_hash, str_equal);
	var loop = new MainLoop ();
	var server = new LSocket.Server ();
	server.new_connection.connect (() => {
		var connection = server.next_pending_connection ();
		// A client that never ends its line gets no further than this.
		connection.read_buffer_size = 4096;
		connection.ready_read.connect (on_ready_read);
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
