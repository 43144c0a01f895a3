/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <lsocket/l-socket.h>

G_BEGIN_DECLS

#define L_TYPE_SERVER (l_server_get_type ())
LSOCKET_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (LServer, l_server, L, SERVER, GObject)

/**
 * LServerClass:
 * @new_connection: the default handler of [signal@LSocket.Server::new-connection]
 * @error: the default handler of [signal@LSocket.Server::error]
 * @authorize: the default handler of [signal@LSocket.Server::authorize]
 * @incoming_connection: called for each accepted connection; the handler owns the descriptor. The default makes
 *   an [class@LSocket.Socket] of it and calls [method@LSocket.Server.add_pending_connection]. A subclass may hand
 *   the descriptor to a socket in another thread.
 *
 * The class of [class@LSocket.Server].
 *
 * Since: 1.0
 */
struct _LServerClass
{
  GObjectClass parent_class;

  void (* new_connection)      (LServer      *self);
  void (* incoming_connection) (LServer      *self,
                                gintptr       descriptor);
  void (* error)               (LServer      *self,
                                LSocketError  error);
  gboolean (* authorize)       (LServer      *self,
                                LCredentials *credentials);

  /*< private >*/
  gpointer padding[6];
};

LSOCKET_AVAILABLE_IN_1_0
LServer *l_server_new (void) G_GNUC_WARN_UNUSED_RESULT;

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_listen            (LServer    *self,
                                     const char *name,
                                     GError    **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_listen_address    (LServer        *self,
                                     GSocketAddress *address,
                                     GError        **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_listen_descriptor (LServer *self,
                                     gintptr  descriptor,
                                     GError **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_listen_activated  (LServer    *self,
                                     const char *name,
                                     GError    **error);

LSOCKET_AVAILABLE_IN_1_0
void     l_server_close             (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_is_listening      (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_has_pending_connections (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
LSocket *l_server_next_pending_connection (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void     l_server_add_pending_connection  (LServer *self,
                                           LSocket *socket);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_wait_for_new_connection (LServer  *self,
                                           int       msecs,
                                           gboolean *timed_out);

LSOCKET_AVAILABLE_IN_1_0
void     l_server_accept_async            (LServer            *self,
                                           GCancellable       *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);

LSOCKET_AVAILABLE_IN_1_0
LSocket *l_server_accept_finish           (LServer      *self,
                                           GAsyncResult *result,
                                           GError      **error);

LSOCKET_AVAILABLE_IN_1_0
GListModel     *l_server_get_connections             (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
const char     *l_server_get_server_name             (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
const char     *l_server_get_full_server_name        (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
LPeerPolicy     l_server_get_peer_policy             (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_peer_policy             (LServer    *self,
                                                      LPeerPolicy policy);

LSOCKET_AVAILABLE_IN_1_0
LServerOptions  l_server_get_options                 (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_options                 (LServer       *self,
                                                      LServerOptions options);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_max_pending_connections (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_max_pending_connections (LServer *self,
                                                      int      max_pending);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_listen_backlog          (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_listen_backlog          (LServer *self,
                                                      int      backlog);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_max_connections         (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_max_connections         (LServer *self,
                                                      int      max_connections);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_max_connections_per_user (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_max_connections_per_user (LServer *self,
                                                       int      max_connections);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_handshake_timeout       (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_handshake_timeout       (LServer *self,
                                                      int      msecs);

LSOCKET_AVAILABLE_IN_1_0
int             l_server_get_idle_timeout            (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_idle_timeout            (LServer *self,
                                                      int      msecs);

LSOCKET_AVAILABLE_IN_1_0
LSocketError    l_server_get_error                   (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
const char     *l_server_get_error_string            (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
gintptr         l_server_get_socket_descriptor       (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
GSocketAddress *l_server_get_address                 (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean        l_server_get_unlink_on_close         (LServer *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_server_set_unlink_on_close         (LServer *self,
                                                      gboolean unlink_on_close);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_server_remove (const char    *name,
                          LServerOptions options,
                          GError       **error);

G_END_DECLS
