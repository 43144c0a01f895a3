// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later

namespace LSocket {
	public abstract class IODevice : GLib.IOStream {
		// The metadata cannot say that the length is a gsize.
		[CCode (array_length_type = "gsize")]
		public async uint8[] read_line_async (size_t max_length = 0, GLib.Cancellable? cancellable = null) throws GLib.Error;
	}
}
