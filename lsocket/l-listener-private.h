/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-error-private.h"
#include "l-reactor-private.h"

G_BEGIN_DECLS

/* One listening endpoint. As with LTransport the implementation is chosen in meson.build. */
typedef struct
{
  LReactorWatch   watch;
  LReactor       *reactor;    /* (unowned) (nullable) */
  gintptr         descriptor; /* -1: none */
  GSocketAddress *address;    /* (owned) (nullable): while it listens, NULL also for an adopted one without a name */
#ifdef G_OS_WIN32
  GPtrArray      *instances;  /* (owned) (nullable) (element-type LInstance): of the pipe, each waiting for a client */
  gpointer        security;   /* (owned) (nullable): the descriptor that further ones are made with */
#else
  guint64         device;     /* with inode: what we made, and nothing else is ever removed */
  guint64         inode;
  gint64          process;    /* a fork's child removes nothing */
  int             reserve;    /* a descriptor for the end, when there may be no other; -1: none */
#endif
} LListener;

/* The reactor's object is to be set in the watch before it listens. */
void            l_listener_init          (LListener          *self,
                                          LReactor           *reactor,
                                          LReactorWatchFunc   func);

/* Waits for at most a second for another program that sets up the same name. */
gboolean        l_listener_listen        (LListener          *self,
                                          GSocketAddress     *address,
                                          LServerOptions      options,
                                          int                 backlog,
                                          GError            **error);
gboolean        l_listener_adopt         (LListener          *self,
                                          gintptr             descriptor,
                                          GError            **error);
void            l_listener_close         (LListener          *self,
                                          gboolean            unlink_name);

/* The descriptor of a new connection, -1 when there is none or, with the code set, when accepting failed. */
gintptr         l_listener_accept        (LListener          *self,
                                          int                *code);
/* Hangs up on a connection that was accepted. */
void            l_listener_refuse        (LListener          *self,
                                          gintptr             descriptor);
void            l_listener_set_condition (LListener          *self,
                                          GIOCondition        condition);
/* With is_accepting FALSE it only sleeps. */
gboolean        l_listener_wait          (LListener          *self,
                                          gboolean            is_accepting,
                                          gint64              deadline);

/* Whether a failed accept concerns that one connection only, and the next may be taken at once. */
gboolean        l_listener_is_transient  (int                 code) G_GNUC_CONST;

/* Removes a dead server's socket. */
gboolean        l_listener_remove        (GSocketAddress     *address,
                                          GError            **error);

G_END_DECLS
