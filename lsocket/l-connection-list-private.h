/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-reactor-private.h"
#include "l-socket.h"

G_BEGIN_DECLS

/* The connections of a server as a GListModel, made when it is asked for. Whoever has a reference may keep it longer than
 * the server; it is empty then. */
#define L_TYPE_CONNECTION_LIST (l_connection_list_get_type ())
G_DECLARE_FINAL_TYPE (LConnectionList, l_connection_list, L, CONNECTION_LIST, GObject)

/* It belongs to the thread that makes it. */
LConnectionList *l_connection_list_new    (LReactor        *reactor);

/* Each emits items-changed, whose handlers may do anything; so they come last. */
void             l_connection_list_append (LConnectionList *self,
                                           LSocket         *socket);
void             l_connection_list_remove (LConnectionList *self,
                                           LSocket         *socket);
/* In any thread: what is told is told in its own. */
void             l_connection_list_clear  (LConnectionList *self);

G_END_DECLS
