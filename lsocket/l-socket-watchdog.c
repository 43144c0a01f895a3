/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-socket-private.h"

#include <glib/gi18n-lib.h>

/* Deadlines of a connection. A byte now and then renews none of them: the handshake's stands from the beginning, and to be
 * idle is to move fewer bytes than asked in a whole stretch of time. That is looked at four times in it, so that nobody
 * has to ask for the time with each byte. A socket without a deadline has no watchdog. */

#define N_SAMPLES 4

typedef struct
{
  guint64  n_received;
  guint64  n_sent;
  gboolean is_output_waiting;
} Sample;

struct _LSocketWatchdog
{
  LReactorTimer timer;
  LSocket      *socket;         /* (unowned) */
  gint64        handshake_due;  /* monotonic time in microseconds, 0: none */
  gint64        sample_due;     /* the same */
  Sample        samples[N_SAMPLES];
  guint         n_samples;      /* so far */
};

static Sample
take_sample (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevice *device = l_socket_get_device (self);
  Sample sample;

  l_io_device_lock (device);
  sample.n_received = priv->n_received;
  sample.n_sent = priv->n_sent;
  sample.is_output_waiting = l_buffer_get_size (&l_io_device_get_private (device)->output.buffer) > 0;
  l_io_device_unlock (device);

  return sample;
}

/* The program does not read: then the peer cannot be blamed for sending nothing. */
static gboolean
is_input_full (LSocket *self)
{
  LIODevice *device = l_socket_get_device (self);
  LIODeviceInput *input = &l_io_device_get_private (device)->input;
  gboolean is_full;

  g_mutex_lock (&input->lock);
  is_full = l_io_device_can_receive (device) && input->n_other_reads == 0 && l_io_device_get_input_room (device) == 0;
  g_mutex_unlock (&input->lock);

  return is_full;
}

static gboolean
is_idle (LSocket      *self,
         const Sample *then,
         const Sample *now)
{
  guint64 n_sent = now->n_sent - then->n_sent;
  guint64 n_received = now->n_received - then->n_received;
  guint64 wanted = l_socket_get_private (self)->min_progress;

  /* Who sends and does not take what waits for it gets no further. */
  if (then->is_output_waiting && now->is_output_waiting)
    return n_sent < wanted;

  return n_sent + n_received < wanted && !is_input_full (self);
}

static void
set_timer (LSocketWatchdog *self)
{
  LReactor *reactor = l_socket_get_private (self->socket)->transport.reactor;
  gint64 due = self->sample_due;

  if (self->handshake_due != 0 && (due == 0 || self->handshake_due < due))
    due = self->handshake_due;

  if (due != 0)
    l_reactor_set_timer (reactor, &self->timer, due);
  else
    l_reactor_cancel_timer (reactor, &self->timer);
}

/* TRUE: it is over. */
static gboolean
look (LSocketWatchdog *self,
      gint64           now)
{
  LSocketPrivate *priv = l_socket_get_private (self->socket);
  Sample *oldest = &self->samples[self->n_samples % N_SAMPLES];
  Sample sample = take_sample (self->socket);

  if (self->n_samples >= N_SAMPLES && is_idle (self->socket, oldest, &sample))
    return TRUE;

  *oldest = sample;
  self->n_samples++;
  self->sample_due = now + (gint64) priv->idle_timeout * 1000 / N_SAMPLES;
  return FALSE;
}

static void
time_out (LSocket    *self,
          const char *reason)
{
  const char *name = l_socket_get_display_name (l_socket_get_private (self));
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_READ, name, L_SOCKET_ERROR_TIMEOUT, "%s", reason);
  l_socket_lose (self, error);
}

static void
watchdog_func (LReactorTimer *timer)
{
  LSocketWatchdog *self = L_CONTAINER_OF (timer, LSocketWatchdog, timer);
  LSocket *socket = self->socket;
  gint64 now = g_get_monotonic_time ();

  if (self->handshake_due != 0 && now >= self->handshake_due)
    time_out (socket, _("The peer did not say in time who it is"));
  else if (self->sample_due != 0 && now >= self->sample_due && look (self, now))
    time_out (socket, _("The connection was idle for too long"));
  else
    set_timer (self);
}

static LSocketWatchdog *
ensure (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->watchdog == NULL)
    {
      priv->watchdog = g_new0 (LSocketWatchdog, 1);
      priv->watchdog->socket = self;
      priv->watchdog->timer.func = watchdog_func;
      priv->watchdog->timer.object = priv->connect_timer.object;
    }

  return priv->watchdog;
}

void
l_socket_start_watchdog (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketWatchdog *watchdog;

  if (priv->transport.reactor == NULL || (priv->idle_timeout <= 0 && priv->watchdog == NULL))
    return;

  watchdog = ensure (self);
  watchdog->n_samples = 0;
  watchdog->sample_due = 0;
  if (priv->idle_timeout > 0)
    look (watchdog, g_get_monotonic_time ());
  set_timer (watchdog);
}

void
l_socket_stop_watchdog (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->watchdog == NULL)
    return;

  l_reactor_cancel_timer (priv->transport.reactor, &priv->watchdog->timer);
  g_clear_pointer (&priv->watchdog, g_free);
}

void
l_socket_begin_handshake (LSocket *self,
                          int      msecs)
{
  if (l_socket_get_private (self)->transport.reactor == NULL)
    return;

  ensure (self)->handshake_due = g_get_monotonic_time () + (gint64) msecs * 1000;
  set_timer (l_socket_get_private (self)->watchdog);
}

/* Public */

/**
 * l_socket_end_handshake:
 * @self: a socket
 *
 * Says that the program knows the peer now, has its login or its first message, say:
 * [property@LSocket.Server:handshake-timeout] does not count any more. For a socket without such a deadline it does nothing.
 *
 * Since: 1.0
 */
void
l_socket_end_handshake (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->watchdog == NULL)
    return;

  priv->watchdog->handshake_due = 0;
  set_timer (priv->watchdog);
}

/**
 * l_socket_get_idle_timeout: (get-property idle-timeout)
 * @self: a socket
 *
 * Gets how long the connection may be idle.
 *
 * Returns: the time in milliseconds; 0 or less: no limit
 *
 * Since: 1.0
 */
int
l_socket_get_idle_timeout (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), 0);

  return l_socket_get_private (self)->idle_timeout;
}

/**
 * l_socket_set_idle_timeout: (set-property idle-timeout)
 * @self: a socket
 * @msecs: the time in milliseconds; 0 or less: no limit
 *
 * Sets how long the connection may be idle, from now on; see [property@LSocket.Socket:idle-timeout].
 *
 * Since: 1.0
 */
void
l_socket_set_idle_timeout (LSocket *self,
                           int      msecs)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->idle_timeout == msecs)
    return;

  priv->idle_timeout = msecs;
  if (l_socket_is_valid (self))
    l_socket_start_watchdog (self);
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_IDLE_TIMEOUT]);
}

/**
 * l_socket_get_min_progress: (get-property min-progress)
 * @self: a socket
 *
 * Gets how many bytes have to move within [property@LSocket.Socket:idle-timeout].
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
guint64
l_socket_get_min_progress (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), 0);

  return l_socket_get_private (self)->min_progress;
}

/**
 * l_socket_set_min_progress: (set-property min-progress)
 * @self: a socket
 * @n_bytes: the number of bytes
 *
 * Sets how many bytes have to move within [property@LSocket.Socket:idle-timeout].
 *
 * Since: 1.0
 */
void
l_socket_set_min_progress (LSocket *self,
                           guint64  n_bytes)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->min_progress == n_bytes)
    return;

  priv->min_progress = n_bytes;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_MIN_PROGRESS]);
}
