/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-socket-private.h"

#include <glib/gi18n-lib.h>

/* The state machine of LSocket: the connection and its end. It knows nothing about bytes.
 *
 * State first, then signals; after each emission priv->session and the state tell whether to go on. Every function that
 * emits is called with a reference held. */

void
l_socket_tear_down (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  l_socket_cancel_next_try (self);
  l_socket_stop_watchdog (self);

  /* The end first: another thread must not find the device open and nothing there to use. */
  l_io_device_end (l_socket_get_device (self));
  l_io_device_lock (l_socket_get_device (self));
  l_transport_close (&priv->transport);
  l_io_device_unlock (l_socket_get_device (self));

  l_address_clear (&priv->address);
  g_clear_object (&priv->peer_credentials);
  g_clear_error (&priv->name_error);
  g_clear_pointer (&priv->slot, l_server_slot_free);
  priv->adopted = FALSE;
  priv->shutdown_due = FALSE;
  g_atomic_int_set (&priv->is_shut_down, FALSE);
}

static void
return_tasks (GSList       *tasks,
              const GError *error)
{
  for (GSList *l = tasks; l != NULL; l = l->next)
    l_socket_return_task (l->data, error);

  g_slist_free (tasks);
}

/* The end */

/* From CONNECTED or CLOSING to UNCONNECTED, with all its signals. FALSE when a handler has begun something new. */
static gboolean
finish (LSocket      *self,
        const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GSList *end_tasks = g_steal_pointer (&priv->end_tasks);
  gboolean holds_itself = priv->holds_itself;
  gboolean unchanged;

  priv->holds_itself = FALSE;

  l_socket_begin_change (self);
  l_socket_tear_down (self);
  l_socket_clear_names (self);

  unchanged = l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED) &&
              (priv->input_finished || l_socket_emit_input_finished (self)) &&
              l_socket_emit_disconnected (self);

  return_tasks (end_tasks, error);
  if (holds_itself)
    g_object_unref (self);

  return unchanged;
}

static void
finish_lost (LSocket      *self,
             gboolean      is_orderly,
             const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GError) peer_closed = NULL;

  /* For who waits until everything is sent. */
  if (priv->end_tasks != NULL && !is_orderly && error == NULL)
    {
      g_autofree char *message = l_error_describe_peer_closed (l_socket_get_display_name (priv));

      peer_closed = g_error_new_literal (L_SOCKET_ERROR, L_SOCKET_ERROR_PEER_CLOSED, message);
    }

  finish (self, peer_closed != NULL ? peer_closed : error);
}

/* From inside what is told of a loss while closing: what was dropped has not been sent, though a loop that a handler turns
 * finds the queue empty, and there is nothing left to wait for. FALSE: none is told. */
static gboolean
end_loss (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->state != L_SOCKET_STATE_CLOSING || !priv->is_losing)
    return FALSE;

  finish_lost (self, FALSE, priv->loss);
  return TRUE;
}

/* Disposed of while somebody holds it: nobody is told but who waits. */
void
l_socket_give_up (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GTask *connect_task = g_steal_pointer (&priv->connect_task);
  GSList *end_tasks = g_steal_pointer (&priv->end_tasks);
  gboolean holds_itself = priv->holds_itself;
  g_autoptr(GError) error = NULL;

  priv->holds_itself = FALSE;
  l_socket_tear_down (self);
  priv->state = L_SOCKET_STATE_UNCONNECTED;

  if (connect_task != NULL || end_tasks != NULL)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The connection was aborted"));
  l_socket_return_task (connect_task, error);
  return_tasks (end_tasks, error);
  if (holds_itself)
    g_object_unref (self);
}

/* What is queued outlives the program's reference. */
static void
hold_itself (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->holds_itself)
    return;

  priv->holds_itself = TRUE;
  g_object_ref (self);
}

static void
send_rest (LSocket *self)
{
  LIODevice *device = l_socket_get_device (self);

  hold_itself (self);
  /* For a handler that runs a loop until it is over. */
  l_io_device_schedule_flush (device);
  if (l_socket_set_closing (self))
    l_io_device_flush (device);
}

void
l_socket_start_closing (LSocket *self)
{
  l_io_device_disregard_input (l_socket_get_device (self));
  send_rest (self);
}

gboolean
l_socket_begin_closing (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  priv->closed = TRUE;
  l_io_device_close (l_socket_get_device (self));

  if (priv->state == L_SOCKET_STATE_CONNECTING)
    l_socket_end_attempt (self);
  else if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_socket_start_closing (self);
  else
    end_loss (self);

  return priv->state == L_SOCKET_STATE_UNCONNECTED;
}

void
l_socket_hang_up (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  l_io_device_lock (l_socket_get_device (self));
  l_transport_shutdown (&priv->transport);
  g_atomic_int_set (&priv->closed_elsewhere, TRUE);
  l_io_device_unlock (l_socket_get_device (self));

  if (priv->transport.reactor != NULL)
    l_reactor_queue_task (priv->transport.reactor, &priv->close_task);
}

gboolean
l_socket_end_closed_elsewhere (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (!g_atomic_int_compare_and_exchange (&priv->closed_elsewhere, TRUE, FALSE))
    return FALSE;

  /* All was sent, or is to be dropped. */
  l_io_device_drop_output (l_socket_get_device (self));
  l_socket_begin_closing (self);
  return TRUE;
}

void
l_socket_close_task_func (LReactorTask *task)
{
  l_socket_end_closed_elsewhere (L_CONTAINER_OF (task, LSocketPrivate, close_task)->self);
}

void
l_socket_drop_connection (LSocket *self)
{
  g_autoptr(GError) error = NULL;

  /* For who waits until everything is sent. */
  if (l_socket_get_private (self)->end_tasks != NULL)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The connection was aborted"));
  if (finish (self, error))
    l_io_device_close (l_socket_get_device (self));
}

/* A loop that a handler of bytes-written ran may have sent more than that was told. FALSE when its handlers have changed
 * something. */
static gboolean
tell_rest (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  l_io_device_announce_output (l_socket_get_device (self));

  return priv->session == session && priv->state == state;
}

static gboolean
report_loss (LSocket      *self,
             const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->lost)
    return TRUE;

  priv->lost = TRUE;
  return error != NULL ? l_socket_report_error (self, error) : l_socket_report_peer_closed (self);
}

/* The connection ended from outside: with an error, or else the peer closed it. */
static void
lose (LSocket      *self,
      gboolean      is_hung_up,
      gboolean      is_orderly,
      const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevice *device = l_socket_get_device (self);

  priv->is_losing = is_hung_up && !is_orderly && priv->state == L_SOCKET_STATE_CLOSING;
  priv->loss = error;

  /* Out of the reactor before a handler can run a loop. */
  if (is_hung_up)
    l_io_device_drop_output (device);
  l_io_device_end_input (device);

  if (!is_orderly && !report_loss (self, error))
    return;

  if (!is_hung_up)
    {
      send_rest (self);
      return;
    }

  if (is_orderly && !tell_rest (self))
    return;

  if (priv->state == L_SOCKET_STATE_CLOSING || l_socket_set_closing (self))
    finish_lost (self, is_orderly, error);
}

void
l_socket_lose (LSocket      *self,
               const GError *error)
{
  lose (self, TRUE, FALSE, error);
}

static void
socket_input_ended (LIODevice    *device,
                    GIOCondition  condition)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_hung_up = (condition & (G_IO_HUP | G_IO_ERR)) != 0;
  gboolean is_orderly;

  if (l_socket_end_closed_elsewhere (self))
    return;

  if (!is_hung_up && (condition & L_IO_RDHUP) == 0)
    is_hung_up = l_transport_is_hung_up (&priv->transport);

  /* While we were closing nobody read what the peer sent before it went. */
  if (is_hung_up && priv->state == L_SOCKET_STATE_CLOSING)
    {
      guint session = priv->session;

      l_io_device_drain_input (device);
      if (priv->session != session || priv->state != L_SOCKET_STATE_CLOSING)
        return;
    }

  is_orderly = g_atomic_int_get (&priv->is_shut_down) || (priv->shutdown_due && !is_hung_up);
  if (!is_hung_up && priv->half_open && !is_orderly)
    {
      l_io_device_end_input (device);
      l_socket_emit_input_finished (self);
      return;
    }

  lose (self, is_hung_up || g_atomic_int_get (&priv->is_shut_down), is_orderly, NULL);
}

static char *
socket_describe_error (LIODevice *device)
{
  g_autoptr(GRefString) name = g_steal_pointer (&l_socket_get_private (L_SOCKET (device))->lost_name);

  return l_error_describe_peer_closed (name);
}

static void
socket_failed (LIODevice    *device,
               const GError *error)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  if (l_socket_end_closed_elsewhere (self))
    return;

  /* What the peer sent before it went. */
  if (state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING)
    l_io_device_drain_input (device);

  if (priv->session == session && priv->state == state)
    lose (self, TRUE, FALSE, error);
}

static void
socket_output_drained (LIODevice *device)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);
  int code;

  if (priv->shutdown_due)
    {
      priv->shutdown_due = FALSE;
      g_atomic_int_set (&priv->is_shut_down, TRUE);
      /* It fails when the peer is gone, which the input tells. */
      l_transport_shutdown_write (&priv->transport, &code);
    }

  if (end_loss (self))
    return;

  if (priv->state == L_SOCKET_STATE_CLOSING)
    finish (self, NULL);
  else if (g_atomic_int_get (&priv->is_shut_down) && l_io_device_get_private (device)->input.ended)
    lose (self, TRUE, TRUE, NULL);
}

gboolean
l_socket_start_shutdown (LSocket  *self,
                         GError  **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevice *device = l_socket_get_device (self);

  if (!l_transport_can_shutdown_write ())
    {
      l_error_set (error, L_OPERATION_SHUTDOWN, l_socket_get_display_name (priv), L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   _("A pipe cannot be half closed"));
      return FALSE;
    }

  if (priv->state != L_SOCKET_STATE_CONNECTED)
    {
      l_error_set (error, L_OPERATION_SHUTDOWN, l_socket_get_display_name (priv), L_SOCKET_ERROR_OPERATION,
                   _("The socket is not connected"));
      return FALSE;
    }

  if (g_atomic_int_get (&priv->is_shut_down) || priv->shutdown_due)
    return TRUE;

  l_io_device_end_output (device);
  priv->shutdown_due = TRUE;
  l_io_device_schedule_flush (device);
  l_io_device_flush (device);
  return TRUE;
}

/* What the device asks for */

static GPollableReturn
socket_read_data (LIODevice  *device,
                  void       *buffer,
                  gsize       count,
                  gsize      *n_read,
                  GError    **error)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  GPollableReturn result;
  int code = 0;

  result = l_transport_read (&priv->transport, buffer, count, n_read, &code);
  /* What nobody waits for is no progress. */
  if (result == G_POLLABLE_RETURN_OK && !l_io_device_get_private (device)->input.disregarded)
    priv->n_received += *n_read;
  if (G_UNLIKELY (result == G_POLLABLE_RETURN_FAILED))
    l_error_set_system (error, L_OPERATION_READ, l_socket_get_display_name (priv), code);

  return result;
}

static GPollableReturn
socket_write_data (LIODevice            *device,
                   const GOutputVector  *vectors,
                   gsize                 n_vectors,
                   gsize                *n_written,
                   GError              **error)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  GPollableReturn result;
  int code = 0;

  result = l_transport_write (&priv->transport, vectors, n_vectors, n_written, &code);
  if (result == G_POLLABLE_RETURN_OK)
    priv->n_sent += *n_written;
  if (G_UNLIKELY (result == G_POLLABLE_RETURN_FAILED))
    l_error_set_system (error, L_OPERATION_WRITE, l_socket_get_display_name (priv), code);

  return result;
}

static GPollableReturn
socket_flush_data (LIODevice  *device,
                   GError    **error)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  GPollableReturn result;
  int code = 0;

  result = l_transport_flush (&priv->transport, &code);
  if (G_UNLIKELY (result == G_POLLABLE_RETURN_FAILED))
    l_error_set_system (error, L_OPERATION_WRITE, l_socket_get_display_name (priv), code);

  return result;
}

static void
socket_set_condition (LIODevice    *device,
                      GIOCondition  condition)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));

  l_transport_set_condition (&priv->transport, condition);
}

static GIOCondition
socket_wait (LIODevice    *device,
             GIOCondition  condition,
             gint64        deadline,
             GCancellable *cancellable,
             GCancellable *wake)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));

  return l_transport_wait (&priv->transport, condition, deadline, cancellable, wake);
}

static gboolean
socket_wait_until_open (LIODevice *device,
                        gint64     deadline)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);

  if (!l_socket_wait_for_attempt (self, deadline, NULL))
    {
      l_socket_device_funcs.timed_out (device);
      return FALSE;
    }

  return priv->state == L_SOCKET_STATE_CONNECTED || priv->state == L_SOCKET_STATE_CLOSING;
}

static void
socket_timed_out (LIODevice *device)
{
  l_socket_set_error (L_SOCKET (device), L_SOCKET_ERROR_TIMEOUT, _("The operation timed out"));
}

static gboolean
socket_shutdown_output (LIODevice  *device,
                        GError    **error)
{
  LSocket *self = L_SOCKET (device);

  if (l_socket_get_private (self)->state != L_SOCKET_STATE_CONNECTED)
    return TRUE;

  /* The peer hears of it when the other direction is closed, too. */
  if (!l_transport_can_shutdown_write ())
    {
      l_io_device_end_output (device);
      return TRUE;
    }

  return l_socket_start_shutdown (self, error);
}

static void
socket_end_output (LIODevice *device)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  int code;

  /* The session is over; what is noted here would be said of the next. */
  if (priv->transport.descriptor == -1)
    return;

  /* It fails when the peer is gone, which the input tells. */
  l_transport_shutdown_write (&priv->transport, &code);
  g_atomic_int_set (&priv->is_shut_down, TRUE);
}

static GSource *
socket_create_source (LIODevice    *device,
                      GIOCondition  condition)
{
  return l_transport_create_source (&l_socket_get_private (L_SOCKET (device))->transport, condition);
}

static gintptr
socket_get_descriptor (LIODevice *device)
{
  return l_socket_get_private (L_SOCKET (device))->transport.descriptor;
}

const LIODeviceFuncs l_socket_device_funcs = {
  .read_data = socket_read_data,
  .write_data = socket_write_data,
  .flush_data = socket_flush_data,
  .set_condition = socket_set_condition,
  .wait = socket_wait,
  .wait_until_open = socket_wait_until_open,
  .timed_out = socket_timed_out,
  .input_ended = socket_input_ended,
  .describe_error = socket_describe_error,
  .failed = socket_failed,
  .output_drained = socket_output_drained,
  .shutdown_output = socket_shutdown_output,
  .end_output = socket_end_output,
  .create_source = socket_create_source,
  .get_descriptor = socket_get_descriptor,
};

void
l_socket_watch_func (LReactorWatch *watch,
                     GIOCondition   condition)
{
  LSocketPrivate *priv = L_CONTAINER_OF (watch, LSocketPrivate, transport.watch);

  if (!l_socket_end_closed_elsewhere (priv->self))
    l_io_device_dispatch (l_socket_get_device (priv->self), condition);
  if (G_UNLIKELY (priv->transport.counts_passed))
    l_socket_notify_passed (priv->self);
}
