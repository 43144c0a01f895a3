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

/* With the output's lock held: how much has gone that nobody was told of. Never recursively: whoever runs the handler looks
 * again when it has returned. A loop that it runs looks before. */
static gsize
take_n_written (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count = priv->output.n_written;

  if (count > 0 && priv->in_bytes_written)
    {
      l_io_device_schedule_flush (self);
      return 0;
    }

  priv->output.n_written = 0;
  return count;
}

static void
tell_written (LIODevice *self,
              gsize      count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->in_bytes_written = TRUE;
  l_io_device_emit_bytes_written (self, count);
  priv->in_bytes_written = FALSE;
}

void
l_io_device_announce_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count;

  g_mutex_lock (&priv->output.lock);
  count = take_n_written (self);
  g_mutex_unlock (&priv->output.lock);

  if (count == 0)
    return;

  tell_written (self, count);

  g_mutex_lock (&priv->output.lock);
  if (priv->output.n_written > 0)
    l_io_device_schedule_flush (self);
  g_mutex_unlock (&priv->output.lock);
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

/* With the output's lock held. */
static GPollableReturn
push_queue (LIODevice  *self,
            GError    **error)
{
  gsize n_taken;

  cancel_flush (self);
  return l_io_device_push (self, NULL, 0, &n_taken, error);
}

/* The same for what the handlers wrote; more of it may come when that is told of. */
static GPollableReturn
push_rest (LIODevice  *self,
           GError    **error)
{
  GPollableReturn result;

  if (l_buffer_get_size (&l_io_device_get_private (self)->output.buffer) == 0)
    return G_POLLABLE_RETURN_OK;

  result = push_queue (self, error);
  l_io_device_schedule_flush (self);
  return result;
}

/* Nothing is queued or under way, nothing is left to tell. With the output's lock held. */
static gboolean
is_drained (const LIODeviceOutput *output)
{
  return l_buffer_get_size (&output->buffer) == 0 && output->n_written == 0 && !output->blocked;
}

static void
fail_or_tell_drained (LIODevice       *self,
                      GPollableReturn  result,
                      gboolean         drained,
                      const GError    *error)
{
  if (result == G_POLLABLE_RETURN_FAILED)
    l_io_device_get_funcs (self)->failed (self, error);
  else if (drained)
    tell_drained (self);
}

/* With the output's lock held, which it gives back: sends what is queued, tells, sends what the handlers wrote, and if
 * nothing is left tells the subclass. TRUE if bytes went. */
static gboolean
flush_and_unlock (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LIODeviceOutput *output = &priv->output;
  guint session = priv->session;
  guint n_departures = output->n_departures;
  g_autoptr(GError) error = NULL;
  GPollableReturn result;
  gboolean drained, any;
  gsize count;

  result = push_queue (self, &error);
  count = take_n_written (self);
  g_mutex_unlock (&output->lock);

  if (count > 0)
    tell_written (self, count);

  g_mutex_lock (&output->lock);
  if (priv->session == session && result == G_POLLABLE_RETURN_OK)
    result = push_rest (self, &error);
  if (output->n_written > 0)
    l_io_device_schedule_flush (self);
  if (output->is_room_wanted && priv->session == session && result != G_POLLABLE_RETURN_FAILED)
    {
      g_mutex_unlock (&output->lock);
      l_io_device_announce_room (self);
      g_mutex_lock (&output->lock);
    }
  drained = is_drained (output);
  any = output->n_departures != n_departures;
  g_mutex_unlock (&output->lock);

  if (priv->session == session)
    fail_or_tell_drained (self, result, drained, error);

  return any;
}

gboolean
l_io_device_flush (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  if (output->opening_mode != L_OPEN_MODE_NOT_OPEN)
    return FALSE;

  g_mutex_lock (&output->lock);
  return flush_and_unlock (self);
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
    tell_drained (self);
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

  g_mutex_lock (&output->lock);
  if (l_buffer_get_size (&output->buffer) > 0 && !output->blocked && output->opening_mode == L_OPEN_MODE_NOT_OPEN)
    flush_and_unlock (self);
  else
    g_mutex_unlock (&output->lock);
}
