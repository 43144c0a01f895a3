// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the fragments in the documents speak of.

LSocket.Socket socket;
LSocket.Server server;
