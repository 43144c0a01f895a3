// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Where the links to other namespaces lead.
baseURLs = [
  ['GLib', 'https://docs.gtk.org/glib/'],
  ['GObject', 'https://docs.gtk.org/gobject/'],
  ['Gio', 'https://docs.gtk.org/gio/'],
];
