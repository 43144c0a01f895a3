/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-name-private.h"
#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

/* How a connection begins: attempts, and descriptors that were made elsewhere. What l-socket-session.c says of signals holds
 * here too. */

/* Between two tries at a busy server. */
#define FIRST_PAUSE (1 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (50 * G_TIME_SPAN_MILLISECOND)

void
l_socket_return_task (GTask        *task,
                      const GError *error)
{
  if (task == NULL)
    return;

  l_task_return (task, error);
  g_object_unref (task);
}

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
  l_socket_return_task (task, local_error);
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

/* Ends what was left of the last session. A handler may have begun something else meanwhile, or closed it for good. Takes
 * the task when it returns FALSE. */
static gboolean
end_last_session (LSocket     *self,
                  const char  *name,
                  LOpenMode    mode,
                  GTask       *task,
                  GError     **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  l_io_device_close (l_socket_get_device (self));
  if (priv->session != session)
    return fail_operation (self, name, _("The socket is connected or about to be"), task, error);

  return check_may_begin (self, name, mode, task, error);
}

/* From here on nothing more is told of the last one; it begins a change. */
static void
begin_session (LSocket   *self,
               LOpenMode  mode)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  l_socket_begin_change (self);
  priv->session++;
  priv->mode = mode;
  priv->failing = FALSE;
  priv->lost = FALSE;
  priv->is_losing = FALSE;
  priv->input_finished = FALSE;
  g_atomic_int_set (&priv->transport.n_passed, 0);
  priv->n_passed_told = 0;
  l_socket_set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
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
  l_socket_clear_names (self);
  l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED);
  l_socket_return_task (task, error);
}

static const char *
get_attempt_name (LSocketPrivate *priv)
{
  return priv->address.name != NULL ? priv->address.name : priv->server_name;
}

static void
fail_attempt_with_code (LSocket *self,
                        int      code)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GError) error = NULL;

  l_error_set_system (&error, L_OPERATION_CONNECT, get_attempt_name (priv), code);
  fail_attempt (self, error);
}

static GRefString *
make_server_name (const LAddress *address)
{
  g_autofree char *last = NULL;

  if (address->is_abstract)
    return g_ref_string_acquire (address->name);

  last = l_name_from_path (address->name);
  return g_ref_string_new (last);
}

static void
set_full_name (LSocket        *self,
               const LAddress *address)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GRefString) server_name = priv->server_name != NULL ? g_ref_string_acquire (priv->server_name) : NULL;

  if (server_name == NULL && address->name != NULL)
    server_name = make_server_name (address);

  l_socket_set_names (self, server_name, address->name);
}

static void
take_names_from_transport (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_auto(LAddress) local_address = { NULL };

  l_address_init_from_object (&priv->address, l_transport_get_peer_address (&priv->transport));
  /* The other end is a client and has none: the name is that of the server that accepted it. */
  if (priv->address.name == NULL)
    l_address_init_from_object (&local_address, l_transport_get_local_address (&priv->transport));

  set_full_name (self, priv->address.name != NULL ? &priv->address : &local_address);
}

/* Where we said what the server is called, and not where it is, another user could have been there first. */
static gboolean
must_check_peer (LSocket    *self,
                 const char *name)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  switch (priv->peer_policy)
    {
    case L_PEER_POLICY_ANY:
      return FALSE;
    case L_PEER_POLICY_SAME_USER:
      return TRUE;
    case L_PEER_POLICY_AUTO:
    default:
      return (name != NULL && l_name_is_plain (name)) || priv->address.is_abstract;
    }
}

/* Before a byte is sent. It is not the path that tells: the system knows who listened. */
static gboolean
check_peer (LSocket     *self,
            LOperation   operation,
            const char  *name,
            GError     **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (!priv->checks_peer || l_credentials_admit_peer (priv->transport.descriptor, FALSE))
    return TRUE;

  l_error_set (error, operation, name, L_SOCKET_ERROR_ACCESS, N_("The peer belongs to another user"));
  return FALSE;
}

static gboolean
check_server (LSocket *self)
{
  g_autoptr(GError) error = NULL;

  if (check_peer (self, L_OPERATION_CONNECT, get_attempt_name (l_socket_get_private (self)), &error))
    return TRUE;

  fail_attempt (self, error);
  return FALSE;
}

static void
establish (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GTask *task;

  if (priv->checks_peer && !check_server (self))
    return;

  task = g_steal_pointer (&priv->connect_task);
  l_socket_begin_change (self);
  if (priv->adopted)
    take_names_from_transport (self);
  else
    set_full_name (self, &priv->address);
  l_io_device_set_open (l_socket_get_device (self), priv->mode);
  l_socket_start_watchdog (self);
  if (l_socket_end_change (self, L_SOCKET_STATE_CONNECTED) && l_socket_emit_connected (self))
    l_io_device_flush_after_handler (l_socket_get_device (self));
  l_socket_return_task (task, NULL);
}

static void
time_out_attempt (LSocket *self)
{
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_CONNECT, get_attempt_name (l_socket_get_private (self)), L_SOCKET_ERROR_TIMEOUT,
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

void
l_socket_cancel_next_try (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->transport.reactor == NULL)
    return;

  l_reactor_cancel_task (priv->transport.reactor, &priv->first_try);
  l_reactor_cancel_timer (priv->transport.reactor, &priv->connect_timer);
}

static void
try_to_connect (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GPollableReturn result;
  int code = 0;

  /* A wait may be faster than the loop. */
  l_socket_cancel_next_try (self);

  if (priv->name_error != NULL)
    {
      g_autoptr(GError) error = g_steal_pointer (&priv->name_error);

      fail_attempt (self, error);
      return;
    }

  if (priv->adopted)
    result = l_transport_check_connected (&priv->transport, &code);
  else
    result = l_transport_connect (&priv->transport, &priv->address, priv->mode, &code);

  /* Who hangs up before has found nothing to shut down, who does so after this has. */
  if (l_socket_end_closed_elsewhere (self))
    return;

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

  try_to_connect (priv->self);
}

void
l_socket_first_try_func (LReactorTask *task)
{
  LSocketPrivate *priv = L_CONTAINER_OF (task, LSocketPrivate, first_try);

  try_to_connect (priv->self);
}

static void
start_attempt (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  priv->connect_pause = FIRST_PAUSE;
  /* For a handler that runs a loop or waits, at once. */
  priv->connect_timer.due = 0;
  if (priv->transport.reactor != NULL)
    l_reactor_queue_task (priv->transport.reactor, &priv->first_try);
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
  g_autoptr(GRefString) server_name = NULL;

  if (!check_may_begin (self, name, mode, task, NULL) || !end_last_session (self, name, mode, task, NULL))
    return;

  begin_session (self, mode);
  if (address == NULL)
    l_address_init (&priv->address, name, priv->options, L_OPERATION_CONNECT, &priv->name_error);
  else if (l_address_check (address, L_OPERATION_CONNECT, &priv->name_error))
    l_address_init_from_object (&priv->address, g_object_ref (address));

  priv->checks_peer = must_check_peer (self, name);
  priv->connect_task = task;
  start_attempt (self);
  server_name = name != NULL ? g_ref_string_new (name) : NULL;
  l_socket_set_names (self, server_name, NULL);
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
  l_socket_clear_names (self);
  l_socket_end_change (self, L_SOCKET_STATE_UNCONNECTED);

  g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The attempt to connect was ended"));
  l_socket_return_task (task, error);
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
                  LOpenMode      mode,
                  GError       **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autofree char *number = g_strdup_printf ("%" G_GINTPTR_FORMAT, descriptor);
  GPollableReturn result = G_POLLABLE_RETURN_FAILED;
  int code = 0;

  if (l_transport_adopt (&priv->transport, descriptor, mode, &code))
    result = l_transport_check_connected (&priv->transport, &code);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK && state == L_SOCKET_STATE_CONNECTING)
    result = G_POLLABLE_RETURN_OK;
  priv->checks_peer = must_check_peer (self, NULL);
  if (result == G_POLLABLE_RETURN_OK && state == L_SOCKET_STATE_CONNECTED &&
      !check_peer (self, L_OPERATION_ADOPT, number, error))
    {
      l_transport_release (&priv->transport);
      return FALSE;
    }
  if (result == G_POLLABLE_RETURN_OK && l_transport_set_flags (&priv->transport, &code))
    return TRUE;

  /* The caller keeps it. */
  l_transport_release (&priv->transport);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK)
    l_error_set (error, L_OPERATION_ADOPT, number, L_SOCKET_ERROR_OPERATION,
                 /* TRANSLATORS: “It” is the descriptor. */
                 N_("It is not connected"));
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

  if (!check_may_begin (self, NULL, mode, NULL, error) || !end_last_session (self, NULL, mode, NULL, error))
    return FALSE;

  if (!adopt_descriptor (self, descriptor, state, mode, &local_error))
    {
      l_socket_report_error (self, local_error);
      g_propagate_error (error, local_error);
      return FALSE;
    }

  begin_session (self, mode);
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
  l_socket_start_watchdog (self);
  if (l_socket_end_change (self, L_SOCKET_STATE_CONNECTED))
    l_io_device_flush_after_handler (l_socket_get_device (self));
  return TRUE;
}

