/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-log-private.h"
#include "l-server-private.h"
#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

/* Accepting and handing out. */

/* How long accepting pauses when the system is out of descriptors. */
#define FIRST_PAUSE (10 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (1 * G_TIME_SPAN_SECOND)
/* And a wait, while there are as many connections as there may be. */
#define FULL_PAUSE (10 * G_TIME_SPAN_MILLISECOND)

/* Accepting */

static gboolean
is_connection_wanted (LServerPrivate *priv)
{
  if (priv->slots != NULL && l_server_slots_are_full (priv->slots))
    return FALSE;

  return (int) (priv->pending.length + priv->n_deciding) < priv->max_pending ||
         priv->accept_tasks.length > priv->n_deciding;
}

void
l_server_update_condition (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  gboolean wanted = is_connection_wanted (priv);

  if (priv->listening)
    l_listener_set_condition (&priv->listener, wanted && !priv->paused ? G_IO_IN : 0);
}

void
l_server_end_pause (LServer *self)
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
  l_server_end_pause (L_CONTAINER_OF (timer, LServerPrivate, pause_timer)->self);
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
  l_server_report_error (self, error);
}

typedef enum
{
  ACCEPTED,
  REFUSED,
  NOBODY,
} Accepted;

static gboolean
decide (LServer      *self,
        gintptr       descriptor,
        LServerSlot **slot)
{
  LServerPrivate *priv = l_server_get_private (self);
  gboolean is_let_in;

  if (priv->slots != NULL && !l_server_take_slot (self, descriptor, slot))
    return FALSE;

  /* A loop that a handler runs meanwhile does not take more than there is room for. */
  priv->n_deciding++;
  is_let_in = l_server_check_peer (self, descriptor);
  priv->n_deciding--;
  if (!is_let_in)
    g_clear_pointer (slot, l_server_slot_free);
  /* That loop may have found no room, and a subclass need not queue what is let in. */
  l_server_update_condition (self);

  return is_let_in;
}

/* Its slot goes to the socket that is made of it here. A subclass that makes none here is on its own. FALSE: it was lost,
 * as there was not enough to make a socket of it. */
static gboolean
take_in (LServer     *self,
         gintptr      descriptor,
         LServerSlot *slot)
{
  LServerPrivate *priv = l_server_get_private (self);
  LServerSlot *outer = g_steal_pointer (&priv->incoming_slot);
  gboolean outer_lost = priv->incoming_lost;
  gboolean lost;

  priv->incoming_slot = slot;
  priv->incoming_lost = FALSE;
  L_SERVER_GET_CLASS (self)->incoming_connection (self, descriptor);
  g_clear_pointer (&priv->incoming_slot, l_server_slot_free);
  priv->incoming_slot = outer;
  lost = priv->incoming_lost;
  priv->incoming_lost = outer_lost;

  return !lost;
}

static Accepted
accept_one (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  LServerSlot *slot = NULL;
  gintptr descriptor;
  int code = 0;

  descriptor = l_listener_accept (&priv->listener, &code);
  if (descriptor >= 0)
    {
      priv->pause = 0;
      if (!decide (self, descriptor, &slot))
        return REFUSED;
      return take_in (self, descriptor, slot) ? ACCEPTED : REFUSED;
    }

  if (code != 0)
    handle_accept_error (self, code);
  else
    priv->pause = 0;
  return NOBODY;
}

/* Those that were cancelled and not told yet. A callback may do anything, so each is looked for anew. */
static void
drop_cancelled_accepts (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);
  GList *link = priv->accept_tasks.head;

  while (link != NULL)
    {
      GTask *task = link->data;

      if (!g_cancellable_is_cancelled (g_task_get_cancellable (task)))
        {
          link = link->next;
          continue;
        }

      g_queue_delete_link (&priv->accept_tasks, link);
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
      link = priv->accept_tasks.head;
    }
}

void
l_server_watch_func (LReactorWatch *watch,
                     GIOCondition   condition)
{
  LServerPrivate *priv = L_CONTAINER_OF (watch, LServerPrivate, listener.watch);

  /* One a wake: asking until there is none costs more than the loop does. */
  drop_cancelled_accepts (priv->self);
  if (priv->listening && is_connection_wanted (priv))
    accept_one (priv->self);
  else
    l_server_update_condition (priv->self);
}

void
l_server_real_incoming_connection (LServer *self,
                                   gintptr  descriptor)
{
  LServerPrivate *priv = l_server_get_private (self);
  LSocketOptions options = L_SOCKET_OPTIONS_NONE;
  g_autoptr(LSocket) socket = NULL;
  int code = 0;

  if (priv->listener.address != NULL && l_address_is_abstract (priv->listener.address))
    options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;

  socket = l_socket_new_accepted (priv->reactor, descriptor, options, priv->last_name, priv->full_server_name, &code);
  if (socket != NULL)
    {
      l_server_add_pending_connection (self, socket);
      return;
    }

  priv->incoming_lost = TRUE;
  handle_accept_error (self, code);
}

/* Handing out */

static LSocket *
hand_out (LServer *self,
          LSocket *socket)
{
  /* The program may have queued a socket that it listens to: to set a timeout is to tell of it. */
  g_object_ref (self);
  l_server_hold_connection (self, socket);
  l_server_count_socket (self, socket);
  l_server_set_deadlines (self, socket);
  l_socket_start (socket);
  /* Last: who is told of it may do anything. */
  l_server_show_connection (self, socket);
  g_object_unref (self);

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

/* Public */

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
  L_LOG (self, priv->full_server_name, "listening", "accepted %p", (gpointer) socket);
  l_socket_hold (socket);
  l_server_limit_socket (self, socket);
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
      gint64 pause = 0;
      Accepted accepted = NOBODY;

      if (priv->pending.length > 0)
        return TRUE;

      /* Out of descriptors, or of slots: the connection is there, and poll() would tell just that. */
      if (priv->slots != NULL && l_server_slots_are_full (priv->slots))
        pause = FULL_PAUSE;
      else
        accepted = accept_one (self);
      if (accepted == ACCEPTED)
        return TRUE;
      /* A handler has closed the server: nothing is left to wait for. */
      if (!priv->listening)
        return FALSE;
      /* One that ran a loop has let in another client. */
      if (priv->pending.length > 0)
        return TRUE;

      pause = MAX (pause, priv->pause);
      if (pause != 0)
        {
          until = g_get_monotonic_time () + pause;
          if (deadline >= 0)
            until = MIN (until, deadline);
        }

      /* Who is refused again and again must not keep us beyond the deadline. */
      if ((accepted == REFUSED || !l_listener_wait (&priv->listener, pause == 0, until)) &&
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
  if (g_task_return_error_if_cancelled (task) || !l_task_check_served (task, priv->reactor != NULL))
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
 * Returns: (transfer full): a connected socket; %NULL with %G_IO_ERROR_CLOSED when the server does not listen any more,
 *   with %G_IO_ERROR_CANCELLED, or with %G_IO_ERROR_NOT_SUPPORTED when no main loop serves the server
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
