/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-activation-private.h"
#include "l-address-private.h"
#include "l-name-private.h"
#include "l-log-private.h"
#include "l-server-private.h"
#include "l-socket-private.h"

#include <glib/gi18n-lib.h>

/* Listening at a name, an address or with a descriptor, and its end. */

static void
clear_names (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  g_clear_pointer (&priv->server_name, g_ref_string_release);
  g_clear_pointer (&priv->full_server_name, g_ref_string_release);
  g_clear_pointer (&priv->last_name, g_ref_string_release);
}

static void
set_names (LServer    *self,
           const char *name)
{
  LServerPrivate *priv = l_server_get_private (self);
  g_autofree char *full_name = l_address_to_name (priv->listener.address);
  g_autofree char *last = NULL;

  if (full_name != NULL)
    {
      last = l_address_is_abstract (priv->listener.address) ? g_strdup (full_name) : l_name_from_path (full_name);
      priv->last_name = g_ref_string_new (last);
      priv->full_server_name = g_ref_string_new (full_name);
    }

  if (name != NULL)
    priv->server_name = g_ref_string_new (name);
  else if (priv->last_name != NULL)
    priv->server_name = g_ref_string_acquire (priv->last_name);
}

void
l_server_stop_listening (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  l_server_end_pause (self);
  priv->listening = FALSE;
  priv->pause = 0;
  l_listener_close (&priv->listener, priv->unlink_on_close);
  clear_names (self);
}

void
l_server_drop_pending (GQueue *pending)
{
  LSocket *socket;

  while ((socket = g_queue_pop_head (pending)) != NULL)
    {
      /* The last reference to a server may go in any thread, the signals come from the owner's. */
      if (l_io_device_is_owner (L_IO_DEVICE (socket)))
        l_socket_abort (socket);
      else
        l_socket_hang_up (socket);
      g_object_unref (socket);
    }
}

static gboolean
fail_listening (LServer  *self,
                GError   *local_error,
                GError  **error)
{
  l_server_set_error (self, local_error->code, local_error->message);
  g_propagate_error (error, local_error);
  return FALSE;
}

static gboolean
check_not_listening (LServer     *self,
                     const char  *name,
                     GError     **error)
{
  LServerPrivate *priv = l_server_get_private (self);
  GError *local_error = NULL;

  if (!priv->listening)
    return TRUE;

  l_error_set (&local_error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_OPERATION, _("The server listens already"));
  return fail_listening (self, local_error, error);
}

static LSocketOptions
get_name_options (LServerOptions options)
{
  LSocketOptions name_options = L_SOCKET_OPTIONS_NONE;

  if ((options & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) != 0)
    name_options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;
  if ((options & L_SERVER_OPTIONS_TEMP_DIRECTORY) != 0)
    name_options |= L_SOCKET_OPTIONS_TEMP_DIRECTORY;

  return name_options;
}

/* The listener stands; the server joins the reactor and tells. */
static void
start_accepting (LServer    *self,
                 const char *name,
                 gboolean    unlink_on_close)
{
  LServerPrivate *priv = l_server_get_private (self);

  /* All is set before anything is told. */
  g_object_freeze_notify (G_OBJECT (self));
  set_names (self, name);
  l_server_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  l_server_set_unlink_on_close (self, unlink_on_close);
  priv->listening = TRUE;
  priv->session++;
  L_LOG (self, priv->full_server_name, "listening", "state changed");
  l_server_set_guard (self);
  l_server_update_condition (self);
  l_server_notify_listening (self);
  g_object_thaw_notify (G_OBJECT (self));
}

static gboolean
listen_at (LServer         *self,
           const char      *name,
           GSocketAddress  *address,
           GError         **error)
{
  LServerPrivate *priv = l_server_get_private (self);
  GError *local_error = NULL;

  if (!l_listener_listen (&priv->listener, address, priv->options, priv->backlog, &local_error))
    return fail_listening (self, local_error, error);

  start_accepting (self, name, TRUE);
  return TRUE;
}

/**
 * l_server_listen:
 * @self: a server
 * @name: the name
 * @error: return location for an error
 *
 * Begins to listen at a name.
 *
 * The socket of a server that died is replaced. When a live server or something else has the name it fails with
 * %L_SOCKET_ERROR_ADDRESS_IN_USE and leaves that alone; it may wait for up to a second for another program that sets up
 * the same name. A name that cannot be one fails with %L_SOCKET_ERROR_SERVER_NOT_FOUND, one that the user may not use with
 * %L_SOCKET_ERROR_ACCESS, and a server that listens already with %L_SOCKET_ERROR_OPERATION.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen (LServer     *self,
                 const char  *name,
                 GError     **error)
{
  LServerPrivate *priv;
  g_autoptr(GSocketAddress) address = NULL;
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = l_server_get_private (self);
  if (!check_not_listening (self, name, error))
    return FALSE;

  address = l_address_resolve (name, get_name_options (priv->options), L_OPERATION_LISTEN, &local_error);
  if (address == NULL)
    return fail_listening (self, local_error, error);

  return listen_at (self, name, address, error);
}

/**
 * l_server_listen_address:
 * @self: a server
 * @address: the address, on Unix a [class@Gio.UnixSocketAddress]
 * @error: return location for an error
 *
 * Begins to listen at an address, as [method@LSocket.Server.listen] does at a name. It serves for abstract names with
 * NUL bytes, and for whoever has an address already.
 *
 * A [class@Gio.UnixSocketAddress] has cut a longer path at 107 bytes, so one of exactly that length is refused with
 * %L_SOCKET_ERROR_SERVER_NOT_FOUND; any other kind of address, and Windows, with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 * Otherwise it fails as [method@LSocket.Server.listen] does.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen_address (LServer         *self,
                         GSocketAddress  *address,
                         GError         **error)
{
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (G_IS_SOCKET_ADDRESS (address), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_not_listening (self, NULL, error))
    return FALSE;
  if (!l_address_check (address, L_OPERATION_LISTEN, &local_error))
    return fail_listening (self, local_error, error);

  return listen_at (self, NULL, address, error);
}

/**
 * l_server_listen_descriptor:
 * @self: a server
 * @descriptor: the file descriptor, on Windows the HANDLE, of something that listens
 * @error: return location for an error
 *
 * Takes over what listens already. On success the server owns the descriptor, which is made non-blocking and is not
 * inherited by child processes; [property@LSocket.Server:unlink-on-close] becomes %FALSE. Otherwise it stays the caller's.
 *
 * It fails with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION when that is not a Unix stream socket that listens, and with
 * %L_SOCKET_ERROR_OPERATION when the server listens already.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen_descriptor (LServer  *self,
                            gintptr   descriptor,
                            GError  **error)
{
  LServerPrivate *priv;
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = l_server_get_private (self);
  if (!check_not_listening (self, NULL, error))
    return FALSE;
  if (!l_listener_adopt (&priv->listener, descriptor, &local_error))
    return fail_listening (self, local_error, error);

  start_accepting (self, NULL, FALSE);
  return TRUE;
}

/**
 * l_server_listen_activated:
 * @self: a server
 * @name: (nullable): the name of the socket, in systemd's terms its `FileDescriptorName=`; %NULL: the first that is left
 * @error: return location for an error
 *
 * Takes over a socket that a service manager, systemd for one, made and passed to this process, so that clients can come
 * before it runs. Everything else is as with [method@LSocket.Server.listen_descriptor]; the modes of the socket are the
 * service manager's business.
 *
 * Each socket can be taken once in the life of a process. Those that are not taken are not inherited by child processes
 * from the first call on. The variables of the environment are left as they are; they name the process that they are for,
 * and others ignore them.
 *
 * It fails with %L_SOCKET_ERROR_SERVER_NOT_FOUND when no socket was passed to this process or none of that name, with
 * %L_SOCKET_ERROR_ADDRESS_IN_USE when it is taken, with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION when it is not a Unix stream
 * socket that listens, and always on Windows, and with %L_SOCKET_ERROR_OPERATION when the server listens already.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen_activated (LServer     *self,
                           const char  *name,
                           GError     **error)
{
  LServerPrivate *priv;
  GError *local_error = NULL;
  gintptr descriptor = -1;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = l_server_get_private (self);
  if (!check_not_listening (self, name, error))
    return FALSE;
  if (!l_activation_take (name, &descriptor, &local_error))
    return fail_listening (self, local_error, error);

  if (!l_listener_adopt (&priv->listener, descriptor, &local_error))
    {
      l_activation_give_back (descriptor);
      return fail_listening (self, local_error, error);
    }

  start_accepting (self, name, FALSE);
  return TRUE;
}

/**
 * l_server_close:
 * @self: a server
 *
 * Stops listening. The connections that were not taken are closed, waiting accepts fail with %G_IO_ERROR_CLOSED, and the
 * error is cleared. Connections that were taken live on; on Windows they keep the name from the next server as long as they
 * do.
 *
 * Since: 1.0
 */
void
l_server_close (LServer *self)
{
  LServerPrivate *priv;
  GQueue pending;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (!priv->listening)
    return;

  g_object_ref (self);
  g_object_freeze_notify (G_OBJECT (self));

  pending = priv->pending;
  g_queue_init (&priv->pending);
  L_LOG (self, priv->full_server_name, "closed", "state changed");
  l_server_stop_listening (self);
  l_server_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  l_server_notify_listening (self);
  l_server_fail_accept_tasks (self);
  l_server_drop_pending (&pending);

  g_object_thaw_notify (G_OBJECT (self));
  g_object_unref (self);
}

/**
 * l_server_is_listening: (get-property listening)
 * @self: a server
 *
 * Asks whether the server listens.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_server_is_listening (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return l_server_get_private (self)->listening;
}

/**
 * l_server_remove:
 * @name: a name
 * @options: where the name lives
 * @error: return location for an error
 *
 * Removes the socket of a server that died. [method@LSocket.Server.listen] does that by itself; this is for cleaning up.
 *
 * When a live server or something that is not a socket has the name it fails with %L_SOCKET_ERROR_ADDRESS_IN_USE and
 * leaves that alone.
 *
 * Returns: %TRUE if nothing has the name any more
 *
 * Since: 1.0
 */
gboolean
l_server_remove (const char      *name,
                 LServerOptions   options,
                 GError         **error)
{
  g_autoptr(GSocketAddress) address = NULL;

  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  address = l_address_resolve (name, get_name_options (options), L_OPERATION_REMOVE, error);
  if (address == NULL)
    return FALSE;

  return l_listener_remove (address, error);
}
