/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* The movement of bytes from the output buffer to the system, with the signals that announce it: inside the loop's
 * dispatch, inside waits and below the output stream.
 *
 * After each emission anything may have happened: the device may have been closed, connected again and disposed of.
 * priv->session tells; whoever emits holds a reference. */

#define MAX_VECTORS 64

void
l_io_device_schedule_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->reactor == NULL || priv->output.flush_due || priv->output.opening_mode != L_OPEN_MODE_NOT_OPEN)
    return;

  priv->output.flush_due = TRUE;
  l_reactor_queue_task (priv->reactor, &priv->flush_task);
}

static void
schedule_flush (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  g_mutex_lock (&output->lock);
  l_io_device_schedule_flush (self);
  g_mutex_unlock (&output->lock);
}

/* With the output's lock held. */
static void
cancel_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->output.flush_due)
    l_reactor_cancel_task (priv->reactor, &priv->flush_task);
  priv->output.flush_due = FALSE;
}

GPollableReturn
l_io_device_push (LIODevice   *self,
                  const void  *data,
                  gsize        count,
                  gsize       *n_taken,
                  GError     **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  *n_taken = 0;
  while (l_buffer_get_size (&output->buffer) > 0 || count > *n_taken)
    {
      gsize n_queued = l_buffer_get_size (&output->buffer);
      GOutputVector vectors[MAX_VECTORS];
      gsize n_offered = 0, n_written = 0, n_from_queue;
      guint n_vectors;

      n_vectors = l_buffer_get_vectors (&output->buffer, vectors, MAX_VECTORS - 1);
      for (guint i = 0; i < n_vectors; i++)
        n_offered += vectors[i].size;
      if (n_offered == n_queued && count > *n_taken)
        {
          vectors[n_vectors++] = (GOutputVector) { (const guint8 *) data + *n_taken, count - *n_taken };
          n_offered += count - *n_taken;
        }

      result = l_io_device_get_funcs (self)->write_data (self, vectors, n_vectors, &n_written, error);
      if (result != G_POLLABLE_RETURN_OK)
        break;

      n_from_queue = l_buffer_skip (&output->buffer, n_written);
      *n_taken += n_written - n_from_queue;
      output->n_written += n_written;
      output->n_departures++;

      /* The system took a part: it is full, and asking again would tell just that. */
      if (n_written < n_offered)
        {
          result = G_POLLABLE_RETURN_WOULD_BLOCK;
          break;
        }
    }

  if (result == G_POLLABLE_RETURN_OK)
    result = l_io_device_get_funcs (self)->flush_data (self, error);

  output->blocked = result == G_POLLABLE_RETURN_WOULD_BLOCK;
  l_io_device_update_output (self);
  return result;
}

gsize
l_io_device_announce_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count, n_queued;

  g_mutex_lock (&priv->output.lock);
  count = priv->output.n_written;
  n_queued = l_buffer_get_size (&priv->output.buffer);
  /* Never recursively: whoever runs the handler looks again when it has returned. A loop that it runs looks before. */
  if (count > 0 && priv->in_bytes_written)
    l_io_device_schedule_flush (self);
  else
    priv->output.n_written = 0;
  g_mutex_unlock (&priv->output.lock);

  if (count == 0 || priv->in_bytes_written)
    return n_queued;

  priv->in_bytes_written = TRUE;
  l_io_device_emit_bytes_written (self, count);
  priv->in_bytes_written = FALSE;

  g_mutex_lock (&priv->output.lock);
  n_queued = l_buffer_get_size (&priv->output.buffer);
  if (priv->output.n_written > 0)
    l_io_device_schedule_flush (self);
  g_mutex_unlock (&priv->output.lock);

  return n_queued;
}

static void
tell_drained (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = g_steal_pointer (&priv->drain_tasks);

  l_io_device_get_funcs (self)->output_drained (self);
  if (tasks != NULL)
    l_io_device_return_drained (tasks);
}

/* n_departures: how many there were before. */
static GPollableReturn
push_queue (LIODevice  *self,
            guint      *n_departures,
            GError    **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result;
  gsize n_taken;

  g_mutex_lock (&output->lock);
  if (n_departures != NULL)
    *n_departures = output->n_departures;
  cancel_flush (self);
  result = l_io_device_push (self, NULL, 0, &n_taken, error);
  g_mutex_unlock (&output->lock);

  return result;
}

/* Nothing is queued or under way, nothing is left to tell. n_departures: how many there were. */
static gboolean
is_drained (LIODevice *self,
            guint     *n_departures)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean drained;

  g_mutex_lock (&output->lock);
  *n_departures = output->n_departures;
  drained = l_buffer_get_size (&output->buffer) == 0 && output->n_written == 0 && !output->blocked;
  g_mutex_unlock (&output->lock);

  return drained;
}

/* Sends what is queued, tells, sends what the handlers wrote, and if nothing is left tells the subclass. TRUE if bytes
 * went. */
static gboolean
flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  guint n_before, n_after;
  g_autoptr(GError) error = NULL;
  GPollableReturn result;
  gboolean drained;
  gsize n_queued;

  result = push_queue (self, &n_before, &error);
  n_queued = l_io_device_announce_output (self);

  if (priv->session == session && result == G_POLLABLE_RETURN_OK && n_queued > 0)
    {
      result = push_queue (self, NULL, &error);
      schedule_flush (self);
    }
  if (priv->session == session && result != G_POLLABLE_RETURN_FAILED)
    l_io_device_announce_room (self);

  drained = is_drained (self, &n_after);
  if (priv->session == session && result == G_POLLABLE_RETURN_FAILED)
    l_io_device_get_funcs (self)->failed (self, error);
  else if (priv->session == session && drained)
    tell_drained (self);

  return n_after != n_before;
}

gboolean
l_io_device_flush (LIODevice *self)
{
  if (l_io_device_get_private (self)->output.opening_mode != L_OPEN_MODE_NOT_OPEN)
    return FALSE;

  return flush (self);
}

/* From the loop or from a wait. Inside a handler of bytes-written nobody can be told of the rest; the end that the
 * handler may wait for must come all the same. */
void
l_io_device_flush_in_turn (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  gboolean is_untold;

  l_io_device_flush (self);
  if (priv->session != session || !priv->in_bytes_written)
    return;

  g_mutex_lock (&priv->output.lock);
  cancel_flush (self);
  is_untold = l_buffer_get_size (&priv->output.buffer) == 0 && priv->output.n_written > 0 && !priv->output.blocked;
  g_mutex_unlock (&priv->output.lock);

  if (is_untold)
    l_io_device_get_funcs (self)->output_drained (self);
}

guint
l_io_device_get_departures (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  guint n_departures;

  g_mutex_lock (&output->lock);
  n_departures = output->n_departures;
  g_mutex_unlock (&output->lock);

  return n_departures;
}

gboolean
l_io_device_is_blocked (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean blocked;

  g_mutex_lock (&output->lock);
  blocked = output->blocked;
  g_mutex_unlock (&output->lock);

  return blocked;
}

void
l_io_device_flush_after_handler (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean is_due;

  g_mutex_lock (&output->lock);
  is_due = l_buffer_get_size (&output->buffer) > 0 && !output->blocked && output->opening_mode == L_OPEN_MODE_NOT_OPEN;
  g_mutex_unlock (&output->lock);

  if (is_due)
    l_io_device_flush (self);
}
