/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-name-private.h"
#include "l-socket-private.h"

#include <glib/gi18n-lib.h>

/* The state machine of LSocket: attempts, the connection and its end. It knows nothing about bytes.
 *
 * State first, then signals; after each emission priv->session and the state tell whether to go on. Every function that
 * emits is called with a reference held. */

#define FIRST_PAUSE (1 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (50 * G_TIME_SPAN_MILLISECOND)

static const char *
get_display_name (LSocketPrivate *priv)
{
  return priv->full_server_name != NULL ? priv->full_server_name : priv->server_name;
}

/* Everything of the connection goes, nothing is told. */
void
l_socket_tear_down (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->transport.reactor != NULL)
    l_reactor_cancel_timer (priv->transport.reactor, &priv->connect_timer);

  l_io_device_lock (l_socket_get_device (self));
  l_transport_close (&priv->transport);
  l_io_device_unlock (l_socket_get_device (self));
  l_io_device_end (l_socket_get_device (self));

  g_clear_object (&priv->address);
  g_clear_error (&priv->name_error);
  priv->adopted = FALSE;
  priv->shutdown_due = FALSE;
  g_atomic_int_set (&priv->is_shut_down, FALSE);
}

/* Tasks */

/* Takes the task. Its callback may run at once, so this comes last. */
static void
return_task (GTask        *task,
             const GError *error)
{
  if (task == NULL)
    return;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);

  g_object_unref (task);
}

static void
return_tasks (GSList       *tasks,
              const GError *error)
{
  for (GSList *l = tasks; l != NULL; l = l->next)
    return_task (l->data, error);

  g_slist_free (tasks);
}

/* The attempt */

static gboolean
fail_operation (LSocket     *self,
                const char  *name,
                const char  *reason,
                GTask       *task,
                GError     **error)
{
  g_autoptr(GError) local_error = NULL;

  l_error_set (&local_error, L_OPERATION_CONNECT, name, L_SOCKET_ERROR_OPERATION, "%s", reason);
  l_socket_report_error (self, local_error);
  return_task (task, local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* Takes the task when it returns FALSE. */
static gboolean
check_may_begin (LSocket     *self,
                 const char  *name,
                 LOpenMode    mode,
                 GTask       *task,
                 GError     **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->closed || g_atomic_int_get (&priv->closed_elsewhere))
    return fail_operation (self, name, _("The socket was closed for good"), task, error);
  if (priv->state != L_SOCKET_STATE_UNCONNECTED)
    return fail_operation (self, name, _("The socket is connected or about to be"), task, error);
  if ((mode & L_OPEN_MODE_READ_WRITE) == 0)
    return fail_operation (self, name, _("The mode has neither reading nor writing"), task, error);

  return TRUE;
}

/* Ends what was left of the last session and begins a change. FALSE when a handler has begun something else. */
static gboolean
begin_session (LSocket   *self,
               LOpenMode  mode)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  l_io_device_close (l_socket_get_device (self));
  if (priv->session != session || priv->state != L_SOCKET_STATE_UNCONNECTED)
    return FALSE;

  l_socket_begin_change (self);
  priv->session++;
  priv->mode = mode;
  priv->failing = FALSE;
  priv->lost = FALSE;
  priv->input_finished = FALSE;
  l_socket_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  return TRUE;
}

static void
fail_attempt (LSocket      *self,
              const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GTask *task;

  priv->failing = TRUE;
  if (!l_socket_report_error (self, error))
    return;

  task = g_steal_pointer (&priv->connect_task);
  l_socket_begin_change (self);
  l_socket_tear_down (self);
  l_socket_set_names (self, NULL, NULL);
  l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED);
  return_task (task, error);
}

static void
fail_attempt_with_code (LSocket *self,
                        int      code)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autofree char *name = l_address_to_name (priv->address);
  g_autoptr(GError) error = NULL;

  l_error_set_system (&error, L_OPERATION_CONNECT, name != NULL ? name : priv->server_name, code);
  fail_attempt (self, error);
}

static void
set_full_name (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autofree char *full_name = l_address_to_name (priv->address);
  g_autofree char *last = NULL;

  if (priv->server_name == NULL && full_name != NULL)
    last = l_address_is_abstract (priv->address) ? g_strdup (full_name) : l_name_from_path (full_name);

  l_socket_set_names (self, last != NULL ? last : priv->server_name, full_name);
}

static void
take_names_from_transport (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GSocketAddress) local_address = NULL;
  g_autofree char *name = NULL;

  priv->address = l_transport_get_peer_address (&priv->transport);
  name = l_address_to_name (priv->address);
  if (name != NULL)
    {
      set_full_name (self);
    }
  else
    {
      /* The other end is a client and has none: the name is that of the server that accepted it. */
      g_autoptr(GSocketAddress) peer_address = g_steal_pointer (&priv->address);

      local_address = l_transport_get_local_address (&priv->transport);
      priv->address = g_steal_pointer (&local_address);
      set_full_name (self);
      local_address = g_steal_pointer (&priv->address);
      priv->address = g_steal_pointer (&peer_address);
    }
}

static void
establish (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GTask *task;
  int code = 0;

  /* The same condition that the device will ask for: once it is open it must not fail any more. */
  if (!l_transport_set_condition (&priv->transport, G_IO_IN | L_IO_RDHUP | G_IO_HUP, &code))
    {
      fail_attempt_with_code (self, code);
      return;
    }

  task = g_steal_pointer (&priv->connect_task);
  l_socket_begin_change (self);
  if (priv->adopted)
    take_names_from_transport (self);
  else
    set_full_name (self);
  l_io_device_set_open (l_socket_get_device (self), priv->mode);
  if (l_socket_end_change (self, L_SOCKET_STATE_CONNECTED) && l_socket_emit_connected (self))
    l_io_device_flush_after_handler (l_socket_get_device (self));
  return_task (task, NULL);
}

static void
time_out_attempt (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autofree char *name = l_address_to_name (priv->address);
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_CONNECT, name != NULL ? name : priv->server_name, L_SOCKET_ERROR_TIMEOUT,
               _("The server did not answer in time"));
  fail_attempt (self, error);
}

/* The server is busy. A poll() would tell nothing, so it is tried again after a while. */
static void
try_again_later (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gint64 now = g_get_monotonic_time ();
  gint64 due = now + priv->connect_pause;

  if (priv->connect_deadline >= 0 && now >= priv->connect_deadline)
    {
      time_out_attempt (self);
      return;
    }

  if (priv->connect_deadline >= 0)
    due = MIN (due, priv->connect_deadline);
  priv->connect_pause = MIN (priv->connect_pause * 2, LAST_PAUSE);
  priv->connect_timer.due = due;
  if (priv->transport.reactor != NULL)
    l_reactor_set_timer (priv->transport.reactor, &priv->connect_timer, due);
}

static void
try_to_connect (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GPollableReturn result;
  int code = 0;

  /* A wait may be faster than the loop. */
  if (priv->transport.reactor != NULL)
    l_reactor_cancel_timer (priv->transport.reactor, &priv->connect_timer);

  if (priv->name_error != NULL)
    {
      g_autoptr(GError) error = g_steal_pointer (&priv->name_error);

      fail_attempt (self, error);
      return;
    }

  if (priv->adopted)
    result = l_transport_check_connected (&priv->transport, &code);
  else
    result = l_transport_connect (&priv->transport, priv->address, &code);

  switch (result)
    {
    case G_POLLABLE_RETURN_OK:
      establish (self);
      break;
    case G_POLLABLE_RETURN_WOULD_BLOCK:
      try_again_later (self);
      break;
    case G_POLLABLE_RETURN_FAILED:
    default:
      fail_attempt_with_code (self, code);
      break;
    }
}

void
l_socket_connect_timer_func (LReactorTimer *timer)
{
  LSocketPrivate *priv = L_CONTAINER_OF (timer, LSocketPrivate, connect_timer);

  if (priv->state == L_SOCKET_STATE_CONNECTING)
    try_to_connect (priv->self);
  else
    l_io_device_renew_condition (l_socket_get_device (priv->self));
}

static void
start_attempt (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  priv->connect_pause = FIRST_PAUSE;
  /* For a handler that runs a loop or waits, at once. */
  priv->connect_timer.due = g_get_monotonic_time ();
  if (priv->transport.reactor != NULL)
    l_reactor_set_timer (priv->transport.reactor, &priv->connect_timer, priv->connect_timer.due);
  priv->connect_deadline = l_io_device_get_deadline (priv->connect_timeout);
  l_io_device_set_opening (l_socket_get_device (self), priv->mode);
}

void
l_socket_begin_attempt (LSocket        *self,
                        const char     *name,
                        GSocketAddress *address,
                        LOpenMode       mode,
                        GTask          *task)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (!check_may_begin (self, name, mode, task, NULL))
    return;

  if (!begin_session (self, mode))
    {
      fail_operation (self, name, _("The socket is connected or about to be"), task, NULL);
      return;
    }

  if (address == NULL)
    priv->address = l_address_resolve (name, priv->options, L_OPERATION_CONNECT, &priv->name_error);
  else if (l_address_check (address, L_OPERATION_CONNECT, &priv->name_error))
    priv->address = g_object_ref (address);

  priv->connect_task = task;
  start_attempt (self);
  l_socket_set_names (self, name, NULL);
  if (!l_socket_end_change (self, L_SOCKET_STATE_CONNECTING))
    return;

  if (task != NULL && g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    l_socket_end_attempt (self);
  else
    try_to_connect (self);
}

/* Without an error: somebody wanted it. */
void
l_socket_end_attempt (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GTask *task = g_steal_pointer (&priv->connect_task);
  g_autoptr(GError) error = NULL;

  l_socket_begin_change (self);
  l_socket_tear_down (self);
  l_socket_set_names (self, NULL, NULL);
  l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED);

  g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The attempt to connect was ended"));
  return_task (task, error);
}

/* FALSE at the deadline or when cancelled. In a handler of the error that ends it, it is over. */
gboolean
l_socket_wait_for_attempt (LSocket      *self,
                           gint64        deadline,
                           GCancellable *cancellable)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  while (priv->state == L_SOCKET_STATE_CONNECTING && priv->session == session && !priv->failing)
    {
      gint64 due = priv->connect_timer.due;

      if (g_cancellable_is_cancelled (cancellable) || (deadline >= 0 && g_get_monotonic_time () >= deadline))
        return FALSE;

      l_transport_wait (&priv->transport, 0, deadline >= 0 ? MIN (due, deadline) : due, cancellable, NULL);
      if (!g_cancellable_is_cancelled (cancellable) && g_get_monotonic_time () >= due)
        try_to_connect (self);
    }

  return TRUE;
}

/* Adopting */

static gboolean
adopt_descriptor (LSocket       *self,
                  gintptr        descriptor,
                  LSocketState   state,
                  GError       **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autofree char *number = g_strdup_printf ("%" G_GINTPTR_FORMAT, descriptor);
  GPollableReturn result = G_POLLABLE_RETURN_FAILED;
  int code = 0;

  if (l_transport_adopt (&priv->transport, descriptor, &code))
    result = l_transport_check_connected (&priv->transport, &code);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK && state == L_SOCKET_STATE_CONNECTING)
    result = G_POLLABLE_RETURN_OK;
  /* Joining the reactor can fail, and later must not. */
  if (result == G_POLLABLE_RETURN_OK && state == L_SOCKET_STATE_CONNECTED &&
      !l_transport_set_condition (&priv->transport, G_IO_IN | L_IO_RDHUP | G_IO_HUP, &code))
    result = G_POLLABLE_RETURN_FAILED;
  if (result == G_POLLABLE_RETURN_OK && l_transport_set_flags (&priv->transport, &code))
    return TRUE;

  /* The caller keeps it. */
  l_transport_release (&priv->transport);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK)
    l_error_set (error, L_OPERATION_ADOPT, number, L_SOCKET_ERROR_OPERATION, _("It is not connected"));
  else
    l_error_set_system (error, L_OPERATION_ADOPT, number, code);
  return FALSE;
}

gboolean
l_socket_adopt (LSocket       *self,
                gintptr        descriptor,
                LSocketState   state,
                LOpenMode      mode,
                GError       **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GError *local_error = NULL;

  if (!check_may_begin (self, NULL, mode, NULL, error))
    return FALSE;

  if (!begin_session (self, mode))
    return fail_operation (self, NULL, _("The socket is connected or about to be"), NULL, error);

  if (!adopt_descriptor (self, descriptor, state, &local_error))
    {
      g_object_thaw_notify (G_OBJECT (self));
      l_socket_report_error (self, local_error);
      g_propagate_error (error, local_error);
      return FALSE;
    }

  if (state == L_SOCKET_STATE_CONNECTING)
    {
      priv->adopted = TRUE;
      start_attempt (self);
      if (l_socket_end_change (self, L_SOCKET_STATE_CONNECTING))
        try_to_connect (self);
      return TRUE;
    }

  take_names_from_transport (self);
  l_io_device_set_open (l_socket_get_device (self), mode);
  l_socket_end_change (self, L_SOCKET_STATE_CONNECTED);
  return TRUE;
}

/* The end */

static void
call_end_func (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GObject) object = NULL;
  LSocketEndFunc func;

  l_io_device_lock (l_socket_get_device (self));
  func = g_steal_pointer (&priv->end_func);
  if (func != NULL)
    object = g_weak_ref_get (priv->end_object);
  l_io_device_unlock (l_socket_get_device (self));

  if (object != NULL)
    func (self, object);
}

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
  /* The server lets go first: a handler may drop it. */
  call_end_func (self);
  l_socket_set_names (self, NULL, NULL);

  unchanged = l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED) &&
              (priv->input_finished || l_socket_emit_input_finished (self)) &&
              l_socket_emit_disconnected (self);

  return_tasks (end_tasks, error);
  if (holds_itself)
    g_object_unref (self);

  return unchanged;
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
  if (l_socket_set_state (self, L_SOCKET_STATE_CLOSING))
    l_io_device_flush (device);
}

void
l_socket_start_closing (LSocket *self)
{
  l_io_device_set_input_enabled (l_socket_get_device (self), FALSE);
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

/* The owner's part of it. FALSE: it was not. */
static gboolean
end_closed_elsewhere (LSocket *self)
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
  end_closed_elsewhere (L_CONTAINER_OF (task, LSocketPrivate, close_task)->self);
}

void
l_socket_drop_connection (LSocket *self)
{
  g_autoptr(GError) error = NULL;

  /* For who waits until everything is sent. */
  g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The connection was aborted"));
  if (finish (self, error))
    l_io_device_close (l_socket_get_device (self));
}

/* The connection ended from outside: by the peer, or with an error. error is NULL for an orderly end. */
static void
lose (LSocket      *self,
      gboolean      is_hung_up,
      const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevice *device = l_socket_get_device (self);

  /* Out of the reactor before a handler can run a loop. */
  if (is_hung_up)
    l_io_device_drop_output (device);
  l_io_device_end_input (device);

  if (error != NULL && !priv->lost)
    {
      priv->lost = TRUE;
      if (!l_socket_report_error (self, error))
        return;
    }

  if (!is_hung_up)
    {
      send_rest (self);
      return;
    }

  if (priv->state == L_SOCKET_STATE_CLOSING || l_socket_set_state (self, L_SOCKET_STATE_CLOSING))
    finish (self, error);
}

static void
socket_input_ended (LIODevice    *device,
                    GIOCondition  condition)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_hung_up = (condition & (G_IO_HUP | G_IO_ERR)) != 0;
  gboolean is_orderly;
  g_autoptr(GError) error = NULL;

  if (end_closed_elsewhere (self))
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

  if (!is_orderly)
    l_error_set_peer_closed (&error, get_display_name (priv));
  lose (self, is_hung_up || g_atomic_int_get (&priv->is_shut_down), error);
}

static void
socket_failed (LIODevice    *device,
               const GError *error)
{
  LSocket *self = L_SOCKET (device);
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  if (end_closed_elsewhere (self))
    return;

  /* What the peer sent before it went. */
  if (state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING)
    l_io_device_drain_input (device);

  if (priv->session == session && priv->state == state)
    lose (self, TRUE, error);
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

  if (priv->state == L_SOCKET_STATE_CLOSING)
    finish (self, NULL);
  else if (g_atomic_int_get (&priv->is_shut_down) && l_io_device_get_private (device)->input.ended)
    lose (self, TRUE, NULL);
}

gboolean
l_socket_start_shutdown (LSocket  *self,
                         GError  **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevice *device = l_socket_get_device (self);

  if (priv->state != L_SOCKET_STATE_CONNECTED)
    {
      l_error_set (error, L_OPERATION_SHUTDOWN, get_display_name (priv), L_SOCKET_ERROR_OPERATION,
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
  if (G_UNLIKELY (result == G_POLLABLE_RETURN_FAILED))
    l_error_set_system (error, L_OPERATION_READ, get_display_name (priv), code);

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
  if (G_UNLIKELY (result == G_POLLABLE_RETURN_FAILED))
    l_error_set_system (error, L_OPERATION_WRITE, get_display_name (priv), code);

  return result;
}

static void
socket_set_condition (LIODevice    *device,
                      GIOCondition  condition)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  int code;

  /* The system may lack what joining again takes. The timer has nothing else to do while the device is open. */
  if (!l_transport_set_condition (&priv->transport, condition, &code))
    l_reactor_set_timer (priv->transport.reactor, &priv->connect_timer, g_get_monotonic_time () + LAST_PAUSE);
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

  return l_socket_start_shutdown (self, error);
}

static void
socket_end_output (LIODevice *device)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (device));
  int code;

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
  .set_condition = socket_set_condition,
  .wait = socket_wait,
  .wait_until_open = socket_wait_until_open,
  .timed_out = socket_timed_out,
  .input_ended = socket_input_ended,
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

  if (!end_closed_elsewhere (priv->self))
    l_io_device_dispatch (l_socket_get_device (priv->self), condition);
}
