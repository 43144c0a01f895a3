/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-server-private.h"
#include "l-socket-private.h"

/* The connections that were handed out: the server holds each until it is unconnected, and shows them to who asks. */

static void
on_connection_ended (LSocket  *socket,
                     gpointer  server)
{
  LServerPrivate *priv = l_server_get_private (server);

  g_hash_table_remove (priv->connections, socket);
  if (priv->connection_list != NULL)
    l_connection_list_remove (priv->connection_list, socket);
}

void
l_server_hold_connection (LServer *self,
                          LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);

  /* One that was queued again is there already. */
  if (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED || g_hash_table_contains (priv->connections, socket))
    return;

  g_hash_table_insert (priv->connections, g_object_ref (socket), GUINT_TO_POINTER (priv->n_handed_out++));
  l_socket_set_end_func (socket, on_connection_ended, &priv->weak_ref);
}

void
l_server_show_connection (LServer *self,
                          LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);

  if (priv->connection_list != NULL && g_hash_table_contains (priv->connections, socket))
    l_connection_list_append (priv->connection_list, socket);
}

void
l_server_release_connections (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  GHashTableIter iter;
  gpointer socket;

  g_hash_table_iter_init (&iter, priv->connections);
  while (g_hash_table_iter_next (&iter, &socket, NULL))
    l_socket_set_end_func (socket, NULL, NULL);
  g_hash_table_remove_all (priv->connections);
  if (priv->connection_list != NULL)
    l_connection_list_clear (priv->connection_list);
}

static int
compare_age (gconstpointer a,
             gconstpointer b,
             gpointer      connections)
{
  guint number_a = GPOINTER_TO_UINT (g_hash_table_lookup (connections, a));
  guint number_b = GPOINTER_TO_UINT (g_hash_table_lookup (connections, b));

  return number_a < number_b ? -1 : number_a > number_b;
}

static LConnectionList *
make_list (LServerPrivate *priv)
{
  LConnectionList *list = l_connection_list_new (priv->reactor);
  g_autoptr(GList) sockets = g_list_sort_with_data (g_hash_table_get_keys (priv->connections), compare_age,
                                                    priv->connections);

  for (GList *l = sockets; l != NULL; l = l->next)
    l_connection_list_append (list, l->data);
  return list;
}

/* Public */

/**
 * l_server_get_connections: (get-property connections)
 * @self: a server
 *
 * Gets the list of the connections that were taken and have not ended; see [property@LSocket.Server:connections].
 *
 * Returns: (transfer none): the list
 *
 * Since: 1.0
 */
GListModel *
l_server_get_connections (LServer *self)
{
  LServerPrivate *priv;

  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  priv = l_server_get_private (self);
  if (priv->connection_list == NULL)
    priv->connection_list = make_list (priv);

  return G_LIST_MODEL (priv->connection_list);
}
