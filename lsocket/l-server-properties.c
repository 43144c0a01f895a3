/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-server-private.h"

/* The functions that get and set what the properties of LServer are. */

/**
 * l_server_get_server_name: (get-property server-name)
 * @self: a server
 *
 * Gets the name that the server listens at.
 *
 * Returns: (nullable): the name; %NULL while it does not listen, or where it has none
 *
 * Since: 1.0
 */
const char *
l_server_get_server_name (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return l_server_get_private (self)->server_name;
}

/**
 * l_server_get_full_server_name: (get-property full-server-name)
 * @self: a server
 *
 * Gets the path, the abstract name or the name of the pipe that the server listens at.
 *
 * Returns: (nullable): the name; %NULL while it does not listen, or where it has none
 *
 * Since: 1.0
 */
const char *
l_server_get_full_server_name (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return l_server_get_private (self)->full_server_name;
}

/**
 * l_server_get_options: (get-property options)
 * @self: a server
 *
 * Gets who may connect, and where names live.
 *
 * Returns: the options
 *
 * Since: 1.0
 */
LServerOptions
l_server_get_options (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), L_SERVER_OPTIONS_NONE);

  return l_server_get_private (self)->options;
}

/**
 * l_server_set_options: (set-property options)
 * @self: a server
 * @options: the options
 *
 * Sets who may connect, and where names live. While the server listens it is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_server_set_options (LServer        *self,
                      LServerOptions  options)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->listening)
    {
      g_warning ("%s: the server listens", G_STRFUNC);
      return;
    }

  if (priv->options == options)
    return;

  priv->options = options;
  g_object_notify (G_OBJECT (self), "options");
}

/**
 * l_server_get_max_pending_connections: (get-property max-pending-connections)
 * @self: a server
 *
 * Gets how many accepted connections may wait to be taken.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
int
l_server_get_max_pending_connections (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->max_pending;
}

/**
 * l_server_set_max_pending_connections: (set-property max-pending-connections)
 * @self: a server
 * @max_pending: the number; 0 or less: the loop accepts none
 *
 * Sets how many accepted connections may wait to be taken. What waits already stays.
 *
 * Since: 1.0
 */
void
l_server_set_max_pending_connections (LServer *self,
                                      int      max_pending)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->max_pending == max_pending)
    return;

  priv->max_pending = max_pending;
  l_server_update_condition (self);
  g_object_notify (G_OBJECT (self), "max-pending-connections");
}

/**
 * l_server_get_listen_backlog: (get-property listen-backlog)
 * @self: a server
 *
 * Gets how many connections may wait in the system to be accepted.
 *
 * Returns: the number; 0: the most that the system allows
 *
 * Since: 1.0
 */
int
l_server_get_listen_backlog (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return l_server_get_private (self)->backlog;
}

/**
 * l_server_set_listen_backlog: (set-property listen-backlog)
 * @self: a server
 * @backlog: the number; 0: the most that the system allows
 *
 * Sets how many connections may wait in the system to be accepted, from the next listening on.
 *
 * Since: 1.0
 */
void
l_server_set_listen_backlog (LServer *self,
                             int      backlog)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (backlog >= 0);

  priv = l_server_get_private (self);
  if (priv->backlog == backlog)
    return;

  priv->backlog = backlog;
  g_object_notify (G_OBJECT (self), "listen-backlog");
}

/**
 * l_server_get_error: (get-property error)
 * @self: a server
 *
 * Gets the last error.
 *
 * Returns: the error; %L_SOCKET_ERROR_UNKNOWN while there was none, and after a success
 *
 * Since: 1.0
 */
LSocketError
l_server_get_error (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), L_SOCKET_ERROR_UNKNOWN);

  return l_server_get_private (self)->error;
}

/**
 * l_server_get_error_string: (get-property error-string)
 * @self: a server
 *
 * Gets what went wrong last, in the user's language.
 *
 * Returns: (nullable): the text; %NULL while nothing did
 *
 * Since: 1.0
 */
const char *
l_server_get_error_string (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return l_server_get_private (self)->error_string;
}

/**
 * l_server_get_socket_descriptor: (get-property socket-descriptor)
 * @self: a server
 *
 * Gets the file descriptor, on Windows a HANDLE, that the server listens with. It stays the server's.
 *
 * Returns: the descriptor; -1 while it does not listen
 *
 * Since: 1.0
 */
gintptr
l_server_get_socket_descriptor (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), -1);

  return l_server_get_private (self)->listener.descriptor;
}

/**
 * l_server_get_address: (get-property address)
 * @self: a server
 *
 * Gets the address that the server listens at, on Unix a [class@Gio.UnixSocketAddress].
 *
 * Returns: (transfer none) (nullable): the address; %NULL while it does not listen, and on Windows
 *
 * Since: 1.0
 */
GSocketAddress *
l_server_get_address (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return l_address_to_public (l_server_get_private (self)->listener.address);
}

/**
 * l_server_get_unlink_on_close: (get-property unlink-on-close)
 * @self: a server
 *
 * Gets whether closing removes the server's socket from the file system.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_server_get_unlink_on_close (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return l_server_get_private (self)->unlink_on_close;
}

/**
 * l_server_set_unlink_on_close: (set-property unlink-on-close)
 * @self: a server
 * @unlink_on_close: %TRUE to remove it
 *
 * Sets whether closing removes the server's socket from the file system.
 *
 * Since: 1.0
 */
void
l_server_set_unlink_on_close (LServer  *self,
                              gboolean  unlink_on_close)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  unlink_on_close = !!unlink_on_close;
  if (priv->unlink_on_close == (guint) unlink_on_close)
    return;

  priv->unlink_on_close = unlink_on_close;
  g_object_notify (G_OBJECT (self), "unlink-on-close");
}
