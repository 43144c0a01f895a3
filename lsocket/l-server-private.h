/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-connection-list-private.h"
#include "l-listener-private.h"
#include "l-server.h"
#include "l-server-slot-private.h"

G_BEGIN_DECLS

/* Whom it lets in. */
typedef enum
{
  L_SERVER_GUARD_NONE,
  L_SERVER_GUARD_USER,  /* its own and root */
  L_SERVER_GUARD_GROUP, /* these, and who belongs to its group */
} LServerGuard;

typedef struct
{
  LServer        *self;             /* (unowned) */
  GWeakRef        weak_ref;         /* the same, for the reactor */
  LReactor       *reactor;          /* (owned) (nullable) */
  LListener       listener;
  LReactorTimer   pause_timer;
  gint64          pause;            /* the next one, in microseconds; 0: the last accept succeeded */

  GQueue          pending;          /* (element-type LSocket) (owned) */
  GQueue          accept_tasks;     /* (element-type GTask) (owned) */
  GHashTable     *connections;      /* (element-type LSocket guint) (owned): handed out and not yet unconnected, with
                                     * the number of each */
  guint           n_handed_out;     /* so far */
  LConnectionList *connection_list; /* (owned) (nullable): of these, once it was asked for */

  GRefString     *server_name;      /* (owned) (nullable) */
  GRefString     *full_server_name; /* (owned) (nullable) */
  GRefString     *last_name;        /* (owned) (nullable): the last component, which accepted connections show */
  char           *error_string;     /* (owned) (nullable) */
  LSocketError    error;
  LServerOptions  options;
  LPeerPolicy     peer_policy;
  LServerGuard    guard;            /* what the two come to at the address that it listens at */
  int             max_pending;
  int             backlog;

  LServerSlots   *slots;            /* (owned) (nullable): NULL until there is a limit */
  LServerSlot    *incoming_slot;    /* (owned) (nullable): of the connection that is being made */
  LReactorTask    slot_task;        /* one is free again */
  int             max_connections;
  int             max_per_user;
  int             handshake_timeout;
  int             idle_timeout;

  guint           n_deciding;       /* accepted, and about to be let in or refused */
  guint           session;          /* counts listenings, to notice them after an emission */

  guint           listening : 1;
  guint           paused : 1;
  guint           unlink_on_close : 1;
  guint           incoming_lost : 1; /* no socket could be made of the connection */
} LServerPrivate;

LServerPrivate *l_server_get_private              (LServer       *self);

/* l-server.c: what is set and emitted. */
void            l_server_set_error                (LServer       *self,
                                                   LSocketError   code,
                                                   const char    *message);
void            l_server_notify_listening         (LServer       *self);
void            l_server_emit_new_connection      (LServer       *self);
/* Of trouble while listening. */
void            l_server_report_error             (LServer       *self,
                                                   const GError  *error);

/* Whether the program lets them in; TRUE, without asking the system, when it does not care. */
gboolean        l_server_emit_authorize           (LServer       *self,
                                                   gintptr        descriptor);

/* l-server-peer.c: who is let in. */
void            l_server_set_guard                (LServer       *self);
/* FALSE, with the descriptor closed and everything told: it is nobody's. */
gboolean        l_server_check_peer               (LServer       *self,
                                                   gintptr        descriptor);

/* l-server-limits.c: with slots. FALSE, with the descriptor closed and everything told: its user has enough. */
gboolean        l_server_take_slot                (LServer       *self,
                                                   gintptr        descriptor,
                                                   LServerSlot  **slot);
/* Of a connection that is to be queued or handed out. */
void            l_server_limit_socket             (LServer       *self,
                                                   LSocket       *socket);
/* Of one that is handed out: it may have been on its way to an accept when the counting began. */
void            l_server_count_socket             (LServer       *self,
                                                   LSocket       *socket);
void            l_server_set_deadlines            (LServer       *self,
                                                   LSocket       *socket);
void            l_server_slot_task_func           (LReactorTask  *task);

/* l-server-listen.c */
void            l_server_stop_listening           (LServer       *self);
/* Nobody has taken them: they are closed, whoever has a reference. */
void            l_server_drop_pending             (GQueue        *pending);

/* l-server-accept.c: accepting and handing out. */
void            l_server_watch_func               (LReactorWatch *watch,
                                                   GIOCondition   condition);
void            l_server_pause_timer_func         (LReactorTimer *timer);
void            l_server_real_incoming_connection (LServer       *self,
                                                   gintptr        descriptor);
void            l_server_update_condition         (LServer       *self);
void            l_server_end_pause                (LServer       *self);
void            l_server_fail_accept_tasks        (LServer       *self);

/* l-server-connections.c: those that are handed out. */
void            l_server_hold_connection          (LServer       *self,
                                                   LSocket       *socket);
/* One that is held, now that it is ready for the program. */
void            l_server_show_connection          (LServer       *self,
                                                   LSocket       *socket);
void            l_server_release_connections      (LServer       *self);

G_END_DECLS
