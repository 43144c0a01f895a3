/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-private.h"
#include "l-server-private.h"
#include "l-socket-private.h"

#include <glib/gi18n-lib.h>

/* What keeps clients from exhausting a server. Nothing of it is counted, and nobody asked, before a limit is set. */

/* The user of the other end, if that matters; a user who cannot be told shares the limit with all others of that kind. */
static char *
identify (LServerPrivate *priv,
          gintptr         descriptor)
{
  char *user;

  if (priv->max_per_user <= 0)
    return NULL;

  user = l_credentials_identify_peer (descriptor);
  return user != NULL ? user : g_strdup ("");
}

static void
report_refusal (LServer    *self,
                const char *user)
{
  LServerPrivate *priv = l_server_get_private (self);
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_ACCEPT, priv->full_server_name, L_SOCKET_ERROR_RESOURCE,
               /* TRANSLATORS: the number of a user, on Windows the identifier. */
               N_("The user “%s” has as many connections as one may have"), user);
  l_server_report_error (self, error);
}

gboolean
l_server_take_slot (LServer      *self,
                    gintptr       descriptor,
                    LServerSlot **slot)
{
  LServerPrivate *priv = l_server_get_private (self);
  g_autofree char *user = identify (priv, descriptor);
  gboolean is_first = FALSE;

  *slot = l_server_slot_new (priv->slots, user, priv->max_per_user, &is_first);
  if (*slot != NULL)
    return TRUE;

  l_listener_refuse (&priv->listener, descriptor);
  if (is_first)
    report_refusal (self, user);
  return FALSE;
}

void
l_server_count_socket (LServer *self,
                       LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);
  LSocketPrivate *socket_priv = l_socket_get_private (socket);
  g_autofree char *user = NULL;

  if (priv->slots == NULL || socket_priv->slot != NULL || !l_socket_is_valid (socket))
    return;

  user = identify (priv, socket_priv->transport.descriptor);
  socket_priv->slot = l_server_slot_new (priv->slots, user, 0, NULL);
}

void
l_server_limit_socket (LServer *self,
                       LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);
  LSocketPrivate *socket_priv = l_socket_get_private (socket);

  if (priv->slots == NULL)
    return;

  if (priv->incoming_slot != NULL && socket_priv->slot == NULL && l_socket_is_valid (socket))
    socket_priv->slot = g_steal_pointer (&priv->incoming_slot);
  else
    l_server_count_socket (self, socket);
}

void
l_server_set_deadlines (LServer *self,
                        LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);

  if (!l_socket_is_valid (socket))
    return;

  if (priv->handshake_timeout > 0)
    l_socket_begin_handshake (socket, priv->handshake_timeout);
  if (priv->idle_timeout > 0 && l_socket_get_idle_timeout (socket) <= 0)
    l_socket_set_idle_timeout (socket, priv->idle_timeout);
}

void
l_server_slot_task_func (LReactorTask *task)
{
  l_server_update_condition (L_CONTAINER_OF (task, LServerPrivate, slot_task)->self);
}

/* From the first limit on all are counted, those that are there already too. */
static void
begin_counting (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  GHashTableIter iter;
  gpointer socket;

  if (priv->slots != NULL)
    return;

  priv->slots = l_server_slots_new (priv->reactor, &priv->slot_task);
  for (GList *l = priv->pending.head; l != NULL; l = l->next)
    l_server_count_socket (self, l->data);
  g_hash_table_iter_init (&iter, priv->connections);
  while (g_hash_table_iter_next (&iter, &socket, NULL))
    l_server_count_socket (self, socket);
}

/* Public */

/**
 * l_server_get_max_connections: (get-property max-connections)
 * @self: a server
 *
 * Gets how many connections the server may have at a time.
 *
 * Returns: the number; 0 or less: no limit
 *
 * Since: 1.0
 */
int
l_server_get_max_connections (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->max_connections;
}

/**
 * l_server_set_max_connections: (set-property max-connections)
 * @self: a server
 * @max_connections: the number; 0 or less: no limit
 *
 * Sets how many connections the server may have at a time; see [property@LSocket.Server:max-connections].
 *
 * Since: 1.0
 */
void
l_server_set_max_connections (LServer *self,
                              int      max_connections)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->max_connections == max_connections)
    return;

  priv->max_connections = max_connections;
  if (max_connections > 0)
    begin_counting (self);
  if (priv->slots != NULL)
    l_server_slots_set_max (priv->slots, max_connections);
  l_server_update_condition (self);
  g_object_notify (G_OBJECT (self), "max-connections");
}

/**
 * l_server_get_max_connections_per_user: (get-property max-connections-per-user)
 * @self: a server
 *
 * Gets how many connections one user may have at a time.
 *
 * Returns: the number; 0 or less: no limit
 *
 * Since: 1.0
 */
int
l_server_get_max_connections_per_user (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->max_per_user;
}

/**
 * l_server_set_max_connections_per_user: (set-property max-connections-per-user)
 * @self: a server
 * @max_connections: the number; 0 or less: no limit
 *
 * Sets how many connections one user may have at a time; see [property@LSocket.Server:max-connections-per-user].
 *
 * Since: 1.0
 */
void
l_server_set_max_connections_per_user (LServer *self,
                                       int      max_connections)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->max_per_user == max_connections)
    return;

  priv->max_per_user = max_connections;
  if (max_connections > 0)
    begin_counting (self);
  g_object_notify (G_OBJECT (self), "max-connections-per-user");
}

/**
 * l_server_get_handshake_timeout: (get-property handshake-timeout)
 * @self: a server
 *
 * Gets how long a client may take until the program knows it.
 *
 * Returns: the time in milliseconds; 0 or less: no limit
 *
 * Since: 1.0
 */
int
l_server_get_handshake_timeout (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->handshake_timeout;
}

/**
 * l_server_set_handshake_timeout: (set-property handshake-timeout)
 * @self: a server
 * @msecs: the time in milliseconds; 0 or less: no limit
 *
 * Sets how long the clients that are taken from now on may take until the program knows them; see
 * [property@LSocket.Server:handshake-timeout].
 *
 * Since: 1.0
 */
void
l_server_set_handshake_timeout (LServer *self,
                                int      msecs)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->handshake_timeout == msecs)
    return;

  priv->handshake_timeout = msecs;
  g_object_notify (G_OBJECT (self), "handshake-timeout");
}

/**
 * l_server_get_idle_timeout: (get-property idle-timeout)
 * @self: a server
 *
 * Gets how long a connection may be idle.
 *
 * Returns: the time in milliseconds; 0 or less: no limit
 *
 * Since: 1.0
 */
int
l_server_get_idle_timeout (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->idle_timeout;
}

/**
 * l_server_set_idle_timeout: (set-property idle-timeout)
 * @self: a server
 * @msecs: the time in milliseconds; 0 or less: no limit
 *
 * Sets how long the connections that are taken from now on may be idle; see [property@LSocket.Server:idle-timeout].
 *
 * Since: 1.0
 */
void
l_server_set_idle_timeout (LServer *self,
                           int      msecs)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->idle_timeout == msecs)
    return;

  priv->idle_timeout = msecs;
  g_object_notify (G_OBJECT (self), "idle-timeout");
}
