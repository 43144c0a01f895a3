/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <lsocket/l-credentials.h>
#include <lsocket/l-io-device.h>

G_BEGIN_DECLS

#define L_TYPE_SOCKET (l_socket_get_type ())
LSOCKET_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (LSocket, l_socket, L, SOCKET, LIODevice)

/**
 * LSocketClass:
 * @connected: the default handler of [signal@LSocket.Socket::connected]
 * @disconnected: the default handler of [signal@LSocket.Socket::disconnected]
 * @error: the default handler of [signal@LSocket.Socket::error]
 * @state_changed: the default handler of [signal@LSocket.Socket::state-changed]
 *
 * The class of [class@LSocket.Socket].
 *
 * Since: 1.0
 */
struct _LSocketClass
{
  LIODeviceClass parent_class;

  void (* connected)     (LSocket      *self);
  void (* disconnected)  (LSocket      *self);
  void (* error)         (LSocket      *self,
                          LSocketError  error);
  void (* state_changed) (LSocket      *self,
                          LSocketState  state);

  /*< private >*/
  gpointer padding[8];
};

LSOCKET_AVAILABLE_IN_1_0
LSocket *l_socket_new (void) G_GNUC_WARN_UNUSED_RESULT;

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_connect_to_server        (LSocket    *self,
                                            const char *name,
                                            LOpenMode   mode);

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_connect_to_server_async  (LSocket            *self,
                                            const char         *name,
                                            LOpenMode           mode,
                                            GCancellable       *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer            user_data);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_connect_to_server_finish (LSocket      *self,
                                            GAsyncResult *result,
                                            GError      **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_connect_to_server_sync   (LSocket      *self,
                                            const char   *name,
                                            LOpenMode     mode,
                                            GCancellable *cancellable,
                                            GError      **error);

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_connect_to_address       (LSocket        *self,
                                            GSocketAddress *address,
                                            LOpenMode       mode);

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_disconnect_from_server        (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_disconnect_from_server_async  (LSocket            *self,
                                                 GCancellable       *cancellable,
                                                 GAsyncReadyCallback callback,
                                                 gpointer            user_data);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_disconnect_from_server_finish (LSocket      *self,
                                                 GAsyncResult *result,
                                                 GError      **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_shutdown_write                (LSocket *self,
                                                 GError **error);

LSOCKET_AVAILABLE_IN_1_0
void     l_socket_abort                         (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_flush                         (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
LSocketState    l_socket_get_state            (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
LSocketError    l_socket_get_error            (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean        l_socket_is_valid             (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
const char     *l_socket_get_server_name      (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
const char     *l_socket_get_full_server_name (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
LSocketOptions  l_socket_get_options          (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_options          (LSocket       *self,
                                               LSocketOptions options);

LSOCKET_AVAILABLE_IN_1_0
GSocketAddress *l_socket_get_address          (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
LCredentials   *l_socket_get_peer_credentials (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean        l_socket_get_half_open        (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_half_open        (LSocket *self,
                                               gboolean half_open);

LSOCKET_AVAILABLE_IN_1_0
gboolean        l_socket_get_low_latency      (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_low_latency      (LSocket *self,
                                               gboolean low_latency);

LSOCKET_AVAILABLE_IN_1_0
LPeerPolicy     l_socket_get_peer_policy      (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_peer_policy      (LSocket    *self,
                                               LPeerPolicy policy);

LSOCKET_AVAILABLE_IN_1_0
int             l_socket_get_connect_timeout  (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_connect_timeout  (LSocket *self,
                                               int      msecs);

LSOCKET_AVAILABLE_IN_1_0
int             l_socket_get_idle_timeout     (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_idle_timeout     (LSocket *self,
                                               int      msecs);

LSOCKET_AVAILABLE_IN_1_0
guint64         l_socket_get_min_progress     (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_min_progress     (LSocket *self,
                                               guint64  n_bytes);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_end_handshake        (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean        l_socket_get_count_descriptors   (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
void            l_socket_set_count_descriptors   (LSocket *self,
                                                  gboolean count_descriptors);

LSOCKET_AVAILABLE_IN_1_0
guint           l_socket_get_refused_descriptors (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gintptr  l_socket_get_socket_descriptor (LSocket *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_set_socket_descriptor (LSocket     *self,
                                         gintptr      descriptor,
                                         LSocketState state,
                                         LOpenMode    mode,
                                         GError     **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_wait_for_connected    (LSocket *self,
                                         int      msecs);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_socket_wait_for_disconnected (LSocket *self,
                                         int      msecs);

G_END_DECLS
