/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-name-private.h"
#include "l-server-private.h"
#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

/* Listening, accepting and handing out: what LServer does. */

/* How long accepting pauses when the system is out of descriptors. */
#define FIRST_PAUSE (10 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (1 * G_TIME_SPAN_SECOND)

/* Accepting */

void
l_server_update_condition (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  gboolean wanted = (int) priv->pending.length < priv->max_pending || priv->accept_tasks.length > 0;
  int code;

  /* The system may lack what joining again takes: that is tried again as accepting is. */
  if (priv->listening &&
      !l_listener_set_condition (&priv->listener, wanted && !priv->paused ? G_IO_IN : 0, &code))
    l_reactor_set_timer (priv->reactor, &priv->pause_timer, g_get_monotonic_time () + LAST_PAUSE);
}

static void
end_pause (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  if (priv->reactor != NULL)
    l_reactor_cancel_timer (priv->reactor, &priv->pause_timer);
  priv->paused = FALSE;
  l_server_update_condition (self);
}

void
l_server_pause_timer_func (LReactorTimer *timer)
{
  end_pause (L_CONTAINER_OF (timer, LServerPrivate, pause_timer)->self);
}

/* Trying at once would keep a processor busy for nothing. One signal an episode. */
static void
handle_accept_error (LServer *self,
                     int      code)
{
  LServerPrivate *priv = l_server_get_private (self);
  gboolean is_first = priv->pause == 0;
  g_autoptr(GError) error = NULL;

  if (l_listener_is_transient (code))
    return;

  priv->pause = is_first ? FIRST_PAUSE : MIN (priv->pause * 2, LAST_PAUSE);
  priv->paused = TRUE;
  l_server_update_condition (self);
  if (priv->reactor != NULL)
    l_reactor_set_timer (priv->reactor, &priv->pause_timer, g_get_monotonic_time () + priv->pause);

  if (!is_first)
    return;

  l_error_set_system (&error, L_OPERATION_ACCEPT, priv->full_server_name, code);
  l_server_set_error (self, error->code, error->message);
  l_server_emit_error (self, error->code);
}

/* TRUE if there was one. */
static gboolean
accept_one (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  gintptr descriptor;
  int code = 0;

  descriptor = l_listener_accept (&priv->listener, &code);
  if (descriptor >= 0)
    {
      priv->pause = 0;
      L_SERVER_GET_CLASS (self)->incoming_connection (self, descriptor);
      return TRUE;
    }

  if (code != 0)
    handle_accept_error (self, code);
  else
    priv->pause = 0;
  return FALSE;
}

void
l_server_watch_func (LReactorWatch *watch,
                     GIOCondition   condition)
{
  LServerPrivate *priv = L_CONTAINER_OF (watch, LServerPrivate, listener.watch);
  LServer *self = g_object_ref (priv->self);

  /* One a wake: asking until there is none costs more than the loop does. */
  accept_one (self);
  g_object_unref (self);
}

void
l_server_real_incoming_connection (LServer *self,
                                   gintptr  descriptor)
{
  LServerPrivate *priv = l_server_get_private (self);
  LSocketOptions options = L_SOCKET_OPTIONS_NONE;
  g_autoptr(LSocket) socket = NULL;

  if (priv->listener.address != NULL && l_address_is_abstract (priv->listener.address))
    options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;

  socket = l_socket_new_accepted (priv->reactor, descriptor, options,
                                  priv->last_name, priv->full_server_name);
  l_server_add_pending_connection (self, socket);
}

/* Handing out */

static void
on_connection_ended (LSocket  *socket,
                     gpointer  user_data)
{
  LServerPrivate *priv = l_server_get_private (user_data);

  g_hash_table_remove (priv->connections, socket);
}

static LSocket *
hand_out (LServer *self,
          LSocket *socket)
{
  LServerPrivate *priv = l_server_get_private (self);

  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    {
      g_hash_table_add (priv->connections, g_object_ref (socket));
      l_socket_set_end_func (socket, on_connection_ended, self);
    }
  l_socket_start (socket);

  return socket;
}

static GTask *
pop_accept_task (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  GTask *task;

  /* A cancelled one must not win a connection. */
  while ((task = g_queue_pop_head (&priv->accept_tasks)) != NULL && g_task_return_error_if_cancelled (task))
    g_object_unref (task);

  return task;
}

static void
return_connection (GTask   *task,
                   LSocket *socket)
{
  g_task_return_pointer (task, socket, g_object_unref);
  g_object_unref (task);
}

/* Closing */

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
l_server_fail_accept_tasks (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  GQueue tasks = priv->accept_tasks;
  GTask *task;

  /* A callback may listen and accept again. */
  g_queue_init (&priv->accept_tasks);
  while ((task = g_queue_pop_head (&tasks)) != NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s", _("The server does not listen"));
      g_object_unref (task);
    }
}

void
l_server_stop_listening (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  end_pause (self);
  priv->listening = FALSE;
  priv->pause = 0;
  l_listener_close (&priv->listener, priv->unlink_on_close);
  clear_names (self);
  g_queue_clear_full (&priv->pending, g_object_unref);
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
}

/* Public */

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
static gboolean
start_accepting (LServer     *self,
                 const char  *name,
                 gboolean     unlink_on_close,
                 GError     **error)
{
  LServerPrivate *priv = l_server_get_private (self);
  GError *local_error = NULL;
  int code = 0;

  if (!l_listener_set_condition (&priv->listener, G_IO_IN, &code))
    {
      g_autofree char *full_name = l_address_to_name (priv->listener.address);

      if (unlink_on_close)
        l_listener_close (&priv->listener, TRUE);
      else
        l_listener_give_back (&priv->listener);
      l_error_set_system (&local_error, L_OPERATION_LISTEN, full_name, code);
      return fail_listening (self, local_error, error);
    }

  /* All is set before anything is told. */
  g_object_freeze_notify (G_OBJECT (self));
  set_names (self, name);
  l_server_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  l_server_set_unlink_on_close (self, unlink_on_close);
  priv->listening = TRUE;
  l_server_update_condition (self);
  l_server_notify_listening (self);
  g_object_thaw_notify (G_OBJECT (self));
  return TRUE;
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

  return start_accepting (self, name, TRUE, error);
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
 * inherited by child processes; [property@LSocket.Server:unlink-on-close] becomes %FALSE.
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

  return start_accepting (self, NULL, FALSE, error);
}

/**
 * l_server_close:
 * @self: a server
 *
 * Stops listening. The connections that were not taken are closed, waiting accepts fail with %G_IO_ERROR_CLOSED, and the
 * error is cleared. Connections that were taken live on.
 *
 * Since: 1.0
 */
void
l_server_close (LServer *self)
{
  LServerPrivate *priv;
  GQueue pending;
  LSocket *socket;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (!priv->listening)
    return;

  g_object_ref (self);
  g_object_freeze_notify (G_OBJECT (self));

  pending = priv->pending;
  g_queue_init (&priv->pending);
  l_server_stop_listening (self);
  l_server_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  l_server_notify_listening (self);
  l_server_fail_accept_tasks (self);
  while ((socket = g_queue_pop_head (&pending)) != NULL)
    {
      l_socket_abort (socket);
      g_object_unref (socket);
    }

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
 * l_server_has_pending_connections:
 * @self: a server
 *
 * Asks whether accepted connections wait to be taken.
 *
 * Returns: %TRUE if there is one
 *
 * Since: 1.0
 */
gboolean
l_server_has_pending_connections (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return l_server_get_private (self)->pending.length > 0;
}

/**
 * l_server_next_pending_connection:
 * @self: a server
 *
 * Takes the connection that has waited longest. From here on it receives. The server holds a reference to it, too, until
 * it is unconnected.
 *
 * Returns: (transfer full) (nullable): a connected socket; %NULL when none waits
 *
 * Since: 1.0
 */
LSocket *
l_server_next_pending_connection (LServer *self)
{
  LServerPrivate *priv;
  LSocket *socket;

  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  priv = l_server_get_private (self);
  socket = g_queue_pop_head (&priv->pending);
  if (socket == NULL)
    return NULL;

  l_server_update_condition (self);
  return hand_out (self, socket);
}

/**
 * l_server_add_pending_connection:
 * @self: a server
 * @socket: a connected socket
 *
 * Gives a connection to a waiting [method@LSocket.Server.accept_async], or queues it and emits
 * [signal@LSocket.Server::new-connection]. It is for subclasses that override incoming_connection.
 *
 * Since: 1.0
 */
void
l_server_add_pending_connection (LServer *self,
                                 LSocket *socket)
{
  LServerPrivate *priv;
  GTask *task;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (L_IS_SOCKET (socket));

  priv = l_server_get_private (self);
  l_socket_hold (socket);
  task = pop_accept_task (self);
  if (task == NULL)
    g_queue_push_tail (&priv->pending, g_object_ref (socket));
  l_server_update_condition (self);

  if (task != NULL)
    return_connection (task, g_object_ref (socket));
  else
    l_server_emit_new_connection (self);
}

static gboolean
wait_for_new_connection (LServer  *self,
                         gint64    deadline,
                         gboolean *timed_out)
{
  LServerPrivate *priv = l_server_get_private (self);

  while (priv->listening)
    {
      gint64 until = deadline;

      if (priv->pending.length > 0 || accept_one (self))
        return TRUE;

      if (priv->pause != 0)
        {
          /* Out of descriptors: the connection is there, and poll() would tell just that. */
          until = g_get_monotonic_time () + priv->pause;
          if (deadline >= 0)
            until = MIN (until, deadline);
        }

      if (!l_listener_wait (&priv->listener, priv->pause == 0, until) &&
          deadline >= 0 && g_get_monotonic_time () >= deadline)
        {
          *timed_out = TRUE;
          return FALSE;
        }
    }

  return FALSE;
}

/**
 * l_server_wait_for_new_connection:
 * @self: a server
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 * @timed_out: (out) (optional): whether the time was over
 *
 * Blocks the calling thread until a connection was accepted, without a main loop; returns at once when one waits to be
 * taken already. [property@LSocket.Server:max-pending-connections] does not count here. The signals are emitted from inside.
 *
 * Returns: %TRUE if there is a connection; %FALSE at the end of the time, or when the server does not listen
 *
 * Since: 1.0
 */
gboolean
l_server_wait_for_new_connection (LServer  *self,
                                  int       msecs,
                                  gboolean *timed_out)
{
  gboolean is_over = FALSE;
  gboolean accepted;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  g_object_ref (self);
  accepted = wait_for_new_connection (self, l_io_device_get_deadline (msecs), &is_over);
  g_object_unref (self);

  if (timed_out != NULL)
    *timed_out = is_over;
  return accepted;
}

static gboolean
on_accept_cancelled (GCancellable *cancellable,
                     gpointer      user_data)
{
  GTask *task = user_data;
  LServer *self = g_task_get_source_object (task);

  if (g_queue_remove (&l_server_get_private (self)->accept_tasks, task))
    {
      l_server_update_condition (self);
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

/**
 * l_server_accept_async:
 * @self: a server
 * @cancellable: (nullable): ends the waiting
 * @callback: (scope async): called when there is a connection
 * @user_data: (closure): for @callback
 *
 * Waits for a connection: the one that has waited longest in the queue, or the next that comes, without
 * [signal@LSocket.Server::new-connection]. Several accepts are served in order. The callback is never called before the
 * function has returned.
 *
 * Since: 1.0
 */
void
l_server_accept_async (LServer             *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  LServerPrivate *priv;
  GTask *task;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  priv = l_server_get_private (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_server_accept_async);
  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }

  /* A connection that was given to it is not lost to a cancellation that comes later. */
  g_task_set_check_cancellable (task, FALSE);

  if (priv->pending.length > 0)
    {
      return_connection (task, g_queue_pop_head (&priv->pending));
      l_server_update_condition (self);
      return;
    }

  g_queue_push_tail (&priv->accept_tasks, task);
  if (!priv->listening)
    {
      l_server_fail_accept_tasks (self);
      return;
    }

  l_task_watch_cancellable (task, on_accept_cancelled);
  l_server_update_condition (self);
}

/**
 * l_server_accept_finish:
 * @self: a server
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Server.accept_async].
 *
 * Returns: (transfer full): a connected socket; %NULL with %G_IO_ERROR_CLOSED when the server does not listen any more, or
 *   with %G_IO_ERROR_CANCELLED
 *
 * Since: 1.0
 */
LSocket *
l_server_accept_finish (LServer       *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  LSocket *socket;

  g_return_val_if_fail (L_IS_SERVER (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  /* Received from only now: what came before the program could connect to ready-read would be told to nobody. */
  socket = g_task_propagate_pointer (G_TASK (result), error);
  return socket != NULL ? hand_out (self, socket) : NULL;
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
