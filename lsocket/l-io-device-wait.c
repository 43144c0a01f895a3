/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* Waiting without a main loop. */

gint64
l_io_device_get_deadline (int msecs)
{
  if (msecs < 0)
    return -1;

  return g_get_monotonic_time () + (gint64) msecs * 1000;
}

/* Where something has come already, to ask for it costs less than a poll() before that; where not, it is a system call in
 * vain, and the next ones would be, too. */
#define N_BLIND_WAITS 16

gboolean
l_io_device_asks_first (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  if (input->n_blind_waits == 0)
    return TRUE;

  input->n_blind_waits--;
  return FALSE;
}

void
l_io_device_note_asked (LIODevice *self,
                        gboolean   found)
{
  l_io_device_get_private (self)->input.n_blind_waits = found ? 0 : N_BLIND_WAITS;
}

/* Queued, or still under way to the system. */
static gboolean
has_output (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean has_some;

  g_mutex_lock (&output->lock);
  has_some = l_buffer_get_size (&output->buffer) > 0 || output->blocked;
  g_mutex_unlock (&output->lock);

  return has_some;
}

/* Both directions, so that two programs that wait for each other to read make progress. */
static GIOCondition
get_wait_condition (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition condition = G_IO_HUP;

  g_mutex_lock (&priv->input.lock);
  if (l_io_device_can_receive (self))
    condition |= l_io_device_get_input_room (self) > 0 ? L_IO_RDHUP | G_IO_IN : L_IO_RDHUP;
  else if (l_io_device_is_disregarded (self))
    condition |= G_IO_IN;
  g_mutex_unlock (&priv->input.lock);

  if (has_output (self))
    condition |= G_IO_OUT;

  return condition;
}

/* With nothing queued it is no system call, and yet may be what ends a session. */
static void
flush_unless_blocked (LIODevice *self)
{
  if (!l_io_device_is_blocked (self))
    l_io_device_flush_in_turn (self);
}

gboolean
l_io_device_wait_turn (LIODevice    *self,
                       gint64        deadline,
                       GCancellable *cancellable)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  GIOCondition condition;

  flush_unless_blocked (self);
  if (priv->session != session)
    return TRUE;

  condition = l_io_device_get_funcs (self)->wait (self, get_wait_condition (self), deadline, cancellable, NULL);
  if (condition == 0)
    return FALSE;

  if ((condition & G_IO_OUT) != 0)
    l_io_device_flush_in_turn (self);
  if (priv->session == session)
    l_io_device_handle_input (self, condition & ~G_IO_OUT);

  /* Bytes that come without end must not keep a wait for something else here. */
  return !g_cancellable_is_cancelled (cancellable) && (deadline < 0 || g_get_monotonic_time () < deadline);
}

/* What is queued goes first: the answer that is waited for may be one to that. */
static void
ask_for_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  guint n_arrivals = priv->n_arrivals;
  gboolean asks;

  g_mutex_lock (&priv->input.lock);
  asks = l_io_device_asks_first (self);
  g_mutex_unlock (&priv->input.lock);
  if (!asks)
    return;

  flush_unless_blocked (self);
  if (priv->session != session)
    return;

  l_io_device_receive (self, 0);
  g_mutex_lock (&priv->input.lock);
  l_io_device_note_asked (self, priv->n_arrivals != n_arrivals);
  g_mutex_unlock (&priv->input.lock);
}

static gboolean
wait_for_ready_read (LIODevice *self,
                     gint64     deadline)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint n_arrivals = priv->n_arrivals;
  gboolean is_over = FALSE;
  guint session;

  if (!l_io_device_get_funcs (self)->wait_until_open (self, deadline))
    return FALSE;
  if (!l_io_device_can_receive (self) || (priv->open_mode & L_OPEN_MODE_READ_ONLY) == 0)
    return FALSE;

  session = priv->session;
  ask_for_input (self);

  while (priv->n_arrivals == n_arrivals)
    {
      if (priv->session != session || !l_io_device_can_receive (self))
        return FALSE;

      if (is_over)
        {
          l_io_device_get_funcs (self)->timed_out (self);
          return FALSE;
        }

      is_over = !l_io_device_wait_turn (self, deadline, NULL);
    }

  return TRUE;
}

/**
 * l_io_device_wait_for_ready_read:
 * @self: a device
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until new bytes have arrived and [signal@LSocket.IODevice::ready-read] was emitted, without
 * a main loop. Bytes that were buffered before do not end the wait. Meanwhile what is queued is sent.
 *
 * Called in a handler of [signal@LSocket.IODevice::ready-read] it does not emit that signal again.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if new bytes have arrived; %FALSE at the end of the time, when the connection ended, or when there is none
 *
 * Since: 1.0
 */
gboolean
l_io_device_wait_for_ready_read (LIODevice *self,
                                 int        msecs)
{
  gboolean arrived;

  g_return_val_if_fail (l_io_device_check (self), FALSE);

  g_object_ref (self);
  arrived = wait_for_ready_read (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return arrived;
}

/* What write() sent at once, and nobody was told of yet. */
static gboolean
has_untold_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean has_untold;

  g_mutex_lock (&priv->output.lock);
  has_untold = priv->output.n_written > 0;
  g_mutex_unlock (&priv->output.lock);

  return has_untold && !priv->in_bytes_written;
}

static gboolean
wait_for_bytes_written (LIODevice *self,
                        gint64     deadline)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint n_departures = l_io_device_get_departures (self);
  gboolean is_over = FALSE;
  guint session;

  if (!l_io_device_get_funcs (self)->wait_until_open (self, deadline))
    return FALSE;

  if (has_untold_output (self))
    {
      l_io_device_flush (self);
      return TRUE;
    }

  session = priv->session;
  flush_unless_blocked (self);

  while (l_io_device_get_departures (self) == n_departures)
    {
      /* What the system has taken may still be under way to it, and who waits in a loop would spin until it is there. */
      if (priv->session != session || !has_output (self))
        return FALSE;

      if (is_over)
        {
          l_io_device_get_funcs (self)->timed_out (self);
          return FALSE;
        }

      is_over = !l_io_device_wait_turn (self, deadline, NULL);
    }

  return TRUE;
}

/**
 * l_io_device_wait_for_bytes_written:
 * @self: a device
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until bytes were handed to the system and [signal@LSocket.IODevice::bytes-written] was
 * emitted, without a main loop. Meanwhile what arrives is received.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if bytes were handed over; %FALSE at once when none wait for it, at the end of the time, or when the
 *   connection ended
 *
 * Since: 1.0
 */
gboolean
l_io_device_wait_for_bytes_written (LIODevice *self,
                                    int        msecs)
{
  gboolean gone;

  g_return_val_if_fail (l_io_device_check (self), FALSE);

  g_object_ref (self);
  gone = wait_for_bytes_written (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return gone;
}
