/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

/* The public functions that begin, end and await connections, over the state machine of l-socket-session.c. */

/**
 * l_socket_connect_to_server:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 *
 * Begins to connect to the server of that name.
 *
 * It never blocks. It usually ends before the function returns, and then the signals come from inside: connect to them
 * first. A busy server is tried again until [property@LSocket.Socket:connect-timeout].
 *
 * What was left unread of the last connection is gone, after [signal@LSocket.IODevice::about-to-close]. A socket that is
 * connected or about to be, or that was closed by [method@Gio.IOStream.close], emits [signal@LSocket.Socket::error] with
 * %L_SOCKET_ERROR_OPERATION and goes on as it was; so does a mode without reading and writing.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_server (LSocket    *self,
                            const char *name,
                            LOpenMode   mode)
{
  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (name != NULL);

  g_object_ref (self);
  l_socket_begin_attempt (self, name, NULL, mode, NULL);
  g_object_unref (self);
}

/**
 * l_socket_connect_to_address:
 * @self: a socket
 * @address: the address of the server, on Unix a [class@Gio.UnixSocketAddress]
 * @mode: what the connection is for: with reading, writing or both
 *
 * Begins to connect to the server at that address, as [method@LSocket.Socket.connect_to_server] does by name. It serves
 * for abstract names with NUL bytes, and for whoever has an address already.
 *
 * A [class@Gio.UnixSocketAddress] has cut a longer path at 107 bytes, so one of exactly that length is refused with
 * %L_SOCKET_ERROR_SERVER_NOT_FOUND; any other kind of address, and Windows, with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_address (LSocket        *self,
                             GSocketAddress *address,
                             LOpenMode       mode)
{
  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (G_IS_SOCKET_ADDRESS (address));

  g_object_ref (self);
  l_socket_begin_attempt (self, NULL, address, mode, NULL);
  g_object_unref (self);
}

static gboolean
on_connect_cancelled (GCancellable *cancellable,
                      gpointer      user_data)
{
  LSocket *self = g_object_ref (g_task_get_source_object (user_data));

  if (l_socket_get_private (self)->connect_task == user_data)
    l_socket_end_attempt (self);

  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

/**
 * l_socket_connect_to_server_async:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 * @cancellable: (nullable): ends the attempt
 * @callback: (scope async): called when the attempt has ended
 * @user_data: (closure): for @callback
 *
 * Connects to the server of that name, as [method@LSocket.Socket.connect_to_server] does, and calls back at the end.
 *
 * The signals are emitted too, except that a cancelled attempt emits no [signal@LSocket.Socket::error]. The callback is
 * never called before the function has returned.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_server_async (LSocket             *self,
                                  const char          *name,
                                  LOpenMode            mode,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  GTask *task;

  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_socket_connect_to_server_async);
  /* What happened is what is told, also to one who cancels just then. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task) || !l_task_check_served (task, l_io_device_is_served (L_IO_DEVICE (self))))
    {
      g_object_unref (task);
      return;
    }

  g_object_ref (self);
  g_object_ref (task);
  l_task_begin (task);
  l_socket_begin_attempt (self, name, NULL, mode, task);
  if (l_socket_get_private (self)->connect_task == task)
    l_task_watch_cancellable (task, on_connect_cancelled);
  l_task_begun (task);
  g_object_unref (task);
  g_object_unref (self);
}

/**
 * l_socket_connect_to_server_finish:
 * @self: a socket
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Socket.connect_to_server_async].
 *
 * Returns: %TRUE if the socket was connected; %FALSE with an error of [error@LSocket.SocketError], with
 *   %G_IO_ERROR_CANCELLED when the attempt was cancelled or ended by the program, or with %G_IO_ERROR_NOT_SUPPORTED when no
 *   main loop of the calling thread serves the socket
 *
 * Since: 1.0
 */
gboolean
l_socket_connect_to_server_finish (LSocket       *self,
                                   GAsyncResult  *result,
                                   GError       **error)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
connect_sync (LSocket       *self,
              const char    *name,
              LOpenMode      mode,
              GCancellable  *cancellable,
              GError       **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  l_socket_begin_attempt (self, name, NULL, mode, NULL);
  /* It did not begin at all when the session is still the old one, whatever state that is in. */
  if (priv->session != session && !l_socket_wait_for_attempt (self, -1, cancellable))
    {
      l_socket_end_attempt (self);
      g_cancellable_set_error_if_cancelled (cancellable, error);
      return FALSE;
    }

  if (priv->session != session && priv->state == L_SOCKET_STATE_CONNECTED)
    return TRUE;

  if (priv->error == L_SOCKET_ERROR_UNKNOWN && l_io_device_get_error_string (L_IO_DEVICE (self)) == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The attempt to connect was ended"));
  else
    g_set_error_literal (error, L_SOCKET_ERROR, priv->error, l_io_device_get_error_string (L_IO_DEVICE (self)));
  return FALSE;
}

/**
 * l_socket_connect_to_server_sync:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 * @cancellable: (nullable): ends the attempt
 * @error: return location for an error
 *
 * Connects to the server of that name, as [method@LSocket.Socket.connect_to_server] does, and blocks the calling thread
 * until the attempt has ended, at the latest after [property@LSocket.Socket:connect-timeout]. No main loop runs meanwhile.
 *
 * The signals are emitted too, except that a cancelled attempt emits no [signal@LSocket.Socket::error].
 *
 * Returns: %TRUE if the socket was connected; %FALSE with an error of [error@LSocket.SocketError], or with
 *   %G_IO_ERROR_CANCELLED when the attempt was cancelled or ended by the program
 *
 * Since: 1.0
 */
gboolean
l_socket_connect_to_server_sync (LSocket       *self,
                                 const char    *name,
                                 LOpenMode      mode,
                                 GCancellable  *cancellable,
                                 GError       **error)
{
  gboolean connected;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  g_object_ref (self);
  connected = connect_sync (self, name, mode, cancellable, error);
  g_object_unref (self);

  return connected;
}

/**
 * l_socket_disconnect_from_server:
 * @self: a socket
 *
 * Ends the connection once everything that was written is handed to the system; at once if it is already.
 *
 * Until then the socket holds a reference to itself, is in the closing state, takes what is written, and tells nothing more
 * of what arrives, unless the peer hangs up meanwhile. That is taken all the same, so that two ends that disconnect at the
 * same time do not wait for each other: as far as [property@LSocket.IODevice:read-buffer-size] allows, 64 KiB without it,
 * it is kept, and the rest is thrown away. What had arrived can still be read afterwards. An attempt to connect that is
 * under way is ended. Without a connection it does nothing.
 *
 * Since: 1.0
 */
void
l_socket_disconnect_from_server (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);

  g_object_ref (self);
  if (priv->state == L_SOCKET_STATE_CONNECTING)
    l_socket_end_attempt (self);
  else if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_socket_start_closing (self);
  g_object_unref (self);
}

gboolean
l_socket_take_end_task (LSocket *self,
                        GTask   *task)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GSList *link = g_slist_find (priv->end_tasks, task);

  if (link == NULL)
    return FALSE;

  priv->end_tasks = g_slist_delete_link (priv->end_tasks, link);
  return TRUE;
}

static gboolean
on_disconnect_cancelled (GCancellable *cancellable,
                         gpointer      user_data)
{
  GTask *task = user_data;

  if (l_socket_take_end_task (g_task_get_source_object (task), task))
    {
      l_task_return_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

/**
 * l_socket_disconnect_from_server_async:
 * @self: a socket
 * @cancellable: (nullable): ends the waiting, and not the disconnecting
 * @callback: (scope async): called when the socket is unconnected
 * @user_data: (closure): for @callback
 *
 * Ends the connection as [method@LSocket.Socket.disconnect_from_server] does, and calls back when that is done. The
 * callback is never called before the function has returned.
 *
 * Since: 1.0
 */
void
l_socket_disconnect_from_server_async (LSocket             *self,
                                       GCancellable        *cancellable,
                                       GAsyncReadyCallback  callback,
                                       gpointer             user_data)
{
  LSocketPrivate *priv;
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  priv = l_socket_get_private (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_socket_disconnect_from_server_async);
  g_task_set_check_cancellable (task, FALSE);

  if (g_task_return_error_if_cancelled (task) || !l_task_check_served (task, l_io_device_is_served (L_IO_DEVICE (self))))
    return;

  l_task_begin (task);
  if (priv->state == L_SOCKET_STATE_CONNECTING || priv->state == L_SOCKET_STATE_UNCONNECTED)
    {
      l_socket_disconnect_from_server (self);
      l_task_return (task, NULL);
    }
  else
    {
      l_task_watch_cancellable (task, on_disconnect_cancelled);
      priv->end_tasks = g_slist_prepend (priv->end_tasks, g_object_ref (task));
      l_socket_disconnect_from_server (self);
    }
  l_task_begun (task);
}

/**
 * l_socket_disconnect_from_server_finish:
 * @self: a socket
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Socket.disconnect_from_server_async].
 *
 * Returns: %TRUE if the connection ended with everything handed to the system; %FALSE with
 *   %L_SOCKET_ERROR_PEER_CLOSED when the peer was gone before, with %G_IO_ERROR_CANCELLED, or with
 *   %G_IO_ERROR_NOT_SUPPORTED when no main loop of the calling thread serves the socket
 *
 * Since: 1.0
 */
gboolean
l_socket_disconnect_from_server_finish (LSocket       *self,
                                        GAsyncResult  *result,
                                        GError       **error)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * l_socket_shutdown_write:
 * @self: a connected socket
 * @error: return location for an error
 *
 * Ends the output: sends what is queued and then tells the peer that nothing more will come, while its answer can still
 * be received. From here nothing can be written, and the peer's closing is orderly: no error.
 *
 * It fails with %L_SOCKET_ERROR_OPERATION when the socket is not connected, and on Windows always with
 * %L_SOCKET_ERROR_UNSUPPORTED_OPERATION, because a pipe cannot be half closed.
 *
 * Returns: %TRUE if the output ends, at once or when what is queued was sent
 *
 * Since: 1.0
 */
gboolean
l_socket_shutdown_write (LSocket  *self,
                         GError  **error)
{
  GError *local_error = NULL;
  gboolean done;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_object_ref (self);
  done = l_socket_start_shutdown (self, &local_error);
  if (!done)
    {
      l_socket_report_error (self, local_error);
      g_propagate_error (error, local_error);
    }
  g_object_unref (self);

  return done;
}

/**
 * l_socket_abort:
 * @self: a socket
 *
 * Ends the connection or the attempt at once, dropping what was written and not yet handed to the system, and closes the
 * device, dropping what was not read.
 *
 * Since: 1.0
 */
void
l_socket_abort (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);

  g_object_ref (self);
  switch (priv->state)
    {
    case L_SOCKET_STATE_CONNECTING:
      l_socket_end_attempt (self);
      break;
    case L_SOCKET_STATE_CONNECTED:
    case L_SOCKET_STATE_CLOSING:
      l_socket_drop_connection (self);
      break;
    case L_SOCKET_STATE_UNCONNECTED:
    default:
      l_io_device_close (L_IO_DEVICE (self));
      break;
    }
  g_object_unref (self);
}

/**
 * l_socket_flush:
 * @self: a socket
 *
 * Hands as much as possible of what was written to the system now, without waiting, and emits
 * [signal@LSocket.IODevice::bytes-written] for it.
 *
 * Returns: %TRUE if anything was handed over
 *
 * Since: 1.0
 */
gboolean
l_socket_flush (LSocket *self)
{
  LSocketPrivate *priv;
  gboolean any = FALSE;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  priv = l_socket_get_private (self);

  g_object_ref (self);
  if (priv->state == L_SOCKET_STATE_CONNECTED || priv->state == L_SOCKET_STATE_CLOSING)
    any = l_io_device_flush (L_IO_DEVICE (self));
  g_object_unref (self);

  return any;
}

/**
 * l_socket_set_socket_descriptor:
 * @self: an unconnected socket
 * @descriptor: the file descriptor, on Windows the HANDLE, of a connection
 * @state: %L_SOCKET_STATE_CONNECTED, or %L_SOCKET_STATE_CONNECTING while a connect() on it is under way
 * @mode: what the connection is for: with reading, writing or both
 * @error: return location for an error
 *
 * Takes over a connection that was made elsewhere. On success the socket owns the descriptor and
 * [signal@LSocket.Socket::state-changed] is emitted; [signal@LSocket.Socket::connected] only at the end of the connecting
 * state. The descriptor is made non-blocking and is not inherited by child processes; a pipe of messages becomes one of
 * bytes.
 *
 * It fails with %L_SOCKET_ERROR_OPERATION when the socket is not unconnected or the descriptor not connected, and with
 * %L_SOCKET_ERROR_UNSUPPORTED_OPERATION when that is not a Unix stream socket, on Windows not a pipe. The error is also
 * emitted as [signal@LSocket.Socket::error], and the descriptor stays the caller's.
 *
 * Returns: %TRUE if the socket owns the descriptor now
 *
 * Since: 1.0
 */
gboolean
l_socket_set_socket_descriptor (LSocket       *self,
                                gintptr        descriptor,
                                LSocketState   state,
                                LOpenMode      mode,
                                GError       **error)
{
  gboolean done;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CONNECTING, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_object_ref (self);
  done = l_socket_adopt (self, descriptor, state, mode, error);
  g_object_unref (self);

  return done;
}

/**
 * l_socket_wait_for_connected:
 * @self: a socket
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until an attempt to connect has ended, without a main loop. The signals are emitted from inside.
 *
 * At the end of the time the error is set to %L_SOCKET_ERROR_TIMEOUT, and the attempt goes on.
 *
 * Returns: %TRUE if the socket is connected; %FALSE at the end of the time, when the attempt failed or there is none
 *
 * Since: 1.0
 */
gboolean
l_socket_wait_for_connected (LSocket *self,
                             int      msecs)
{
  LSocketPrivate *priv;
  gboolean connected;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  priv = l_socket_get_private (self);

  g_object_ref (self);
  connected = l_socket_device_funcs.wait_until_open (L_IO_DEVICE (self), l_io_device_get_deadline (msecs)) &&
              priv->state == L_SOCKET_STATE_CONNECTED;
  g_object_unref (self);

  return connected;
}

static gboolean
wait_for_disconnected (LSocket *self,
                       gint64   deadline)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_over = FALSE;
  guint session;

  if (!l_socket_device_funcs.wait_until_open (L_IO_DEVICE (self), deadline))
    return FALSE;

  session = priv->session;
  while (priv->session == session && priv->state != L_SOCKET_STATE_UNCONNECTED)
    {
      if (is_over)
        {
          l_socket_device_funcs.timed_out (L_IO_DEVICE (self));
          return FALSE;
        }

      is_over = !l_io_device_wait_turn (L_IO_DEVICE (self), deadline, NULL);
    }

  return TRUE;
}

/**
 * l_socket_wait_for_disconnected:
 * @self: a socket
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until the connection has ended, without a main loop. Meanwhile what is queued is sent and what
 * arrives is received; the signals are emitted from inside. A full read buffer does not keep the end from being noticed.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if the connection has ended; %FALSE at the end of the time, or when there is none
 *
 * Since: 1.0
 */
gboolean
l_socket_wait_for_disconnected (LSocket *self,
                                int      msecs)
{
  gboolean ended;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  g_object_ref (self);
  ended = wait_for_disconnected (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return ended;
}
