/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-reactor-private.h"

G_BEGIN_DECLS

/* How many connections a server has, and how many each user. A slot is one connection's part of it: it belongs to the
 * socket, which may end in any thread and outlive the server. */
typedef struct _LServerSlots LServerSlots;
typedef struct _LServerSlot LServerSlot;

/* The task is queued when a slot is free again, after all were taken. */
LServerSlots *l_server_slots_new      (LReactor      *reactor,
                                       LReactorTask  *task);
/* The server goes, and its task with it. */
void          l_server_slots_unref    (LServerSlots  *self);

/* 0 or less: no limit. */
void          l_server_slots_set_max  (LServerSlots  *self,
                                       int            max_connections);
gboolean      l_server_slots_are_full (LServerSlots  *self);

/* user: NULL: not counted for anybody. NULL when that user has max_per_user (0 or less: no limit) already; *is_first then
 * says that it is the first of them who had to be refused. */
LServerSlot  *l_server_slot_new       (LServerSlots  *self,
                                       const char    *user,
                                       int            max_per_user,
                                       gboolean      *is_first);
void          l_server_slot_free      (LServerSlot   *slot);

G_END_DECLS
