/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-input-stream-private.h"
#include "l-io-device-private.h"
#include "l-output-stream-private.h"

/* What a subclass tells of a session: that the device opens, that one direction ends, that both do; and what becomes of
 * the two streams then. */

void
l_io_device_lock (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  g_mutex_lock (&priv->input.lock);
  g_mutex_lock (&priv->output.lock);
}

void
l_io_device_unlock (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  g_mutex_unlock (&priv->output.lock);
  g_mutex_unlock (&priv->input.lock);
}

gboolean
l_io_device_is_owner (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GThread *runner = priv->reactor != NULL ? l_reactor_get_thread (priv->reactor) : NULL;

  return g_thread_self () == (runner != NULL ? runner : priv->maker);
}

gboolean
l_io_device_is_in_reactor (LIODevice *self)
{
  LReactor *reactor = l_io_device_get_private (self)->reactor;

  return reactor != NULL && l_reactor_is_thread_default (reactor) && l_io_device_is_owner (self);
}

/* The streams */

/* A stream of a session that is over stays where it is, for another thread may just be asking for it, until there is a new
 * session or the owner asks. Taken with the direction's lock held, to be dropped without. */
static gboolean
is_old_input_stream (LIODeviceInput *input)
{
  return input->stream != NULL && l_stream_link_is_detached (l_input_stream_get_link (L_INPUT_STREAM (input->stream)));
}

static gboolean
is_old_output_stream (LIODeviceOutput *output)
{
  return output->stream != NULL && l_stream_link_is_detached (l_output_stream_get_link (L_OUTPUT_STREAM (output->stream)));
}

GInputStream *
l_io_device_get_input_stream (GIOStream *stream)
{
  LIODevice *self = L_IO_DEVICE (stream);
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  g_autoptr(GInputStream) old = NULL;
  GInputStream *result;

  g_mutex_lock (&input->lock);
  if (is_old_input_stream (input) && l_io_device_is_owner (self))
    old = g_steal_pointer (&input->stream);
  if (input->stream == NULL)
    input->stream = l_input_stream_new (self);
  result = input->stream;
  g_mutex_unlock (&input->lock);

  return result;
}

GOutputStream *
l_io_device_get_output_stream (GIOStream *stream)
{
  LIODevice *self = L_IO_DEVICE (stream);
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  g_autoptr(GOutputStream) old = NULL;
  GOutputStream *result;

  g_mutex_lock (&output->lock);
  if (is_old_output_stream (output) && l_io_device_is_owner (self))
    old = g_steal_pointer (&output->stream);
  if (output->stream == NULL)
    output->stream = l_output_stream_new (self);
  result = output->stream;
  g_mutex_unlock (&output->lock);

  return result;
}

/* With both locks held: whoever holds a stream of the session gets G_IO_ERROR_CLOSED from it. */
static void
detach_streams (LIODevicePrivate *priv)
{
  if (priv->input.stream != NULL)
    l_stream_link_detach (l_input_stream_get_link (L_INPUT_STREAM (priv->input.stream)));
  if (priv->output.stream != NULL)
    l_stream_link_detach (l_output_stream_get_link (L_OUTPUT_STREAM (priv->output.stream)));
}

static void
for_each_stream (LIODevice *self,
                 void    (* func) (LStreamLink *link))
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GInputStream) input_stream = NULL;
  g_autoptr(GOutputStream) output_stream = NULL;

  l_io_device_lock (self);
  g_set_object (&input_stream, priv->input.stream);
  g_set_object (&output_stream, priv->output.stream);
  l_io_device_unlock (self);

  if (input_stream != NULL)
    func (l_input_stream_get_link (L_INPUT_STREAM (input_stream)));
  if (output_stream != NULL)
    func (l_output_stream_get_link (L_OUTPUT_STREAM (output_stream)));
}

void
l_io_device_leave_streams (LIODevice *self)
{
  for_each_stream (self, l_stream_link_leave);
}

/* With both locks held: those who wait in other threads look again. */
static void
update_and_wake (LIODevice *self)
{
  l_io_device_update_input (self);
  l_io_device_update_output (self);
  l_io_device_wake_input (self);
  l_io_device_wake_output (self);
}

/* The session */

static void
set_open_mode (LIODevice *self,
               LOpenMode  mode)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->open_mode == mode)
    return;

  l_io_device_lock (self);
  priv->open_mode = mode;
  l_io_device_unlock (self);
  l_io_device_notify_open_mode (self);
}

void
l_io_device_set_opening (LIODevice *self,
                         LOpenMode  mode)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->has_session = TRUE;
  g_mutex_lock (&priv->output.lock);
  priv->output.opening_mode = mode;
  g_mutex_unlock (&priv->output.lock);
}

void
l_io_device_set_open (LIODevice *self,
                      LOpenMode  mode)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GInputStream) old_input = NULL;
  g_autoptr(GOutputStream) old_output = NULL;

  priv->session++;
  priv->n_openings++;
  priv->has_session = TRUE;

  l_io_device_lock (self);
  if (is_old_input_stream (&priv->input))
    old_input = g_steal_pointer (&priv->input.stream);
  if (is_old_output_stream (&priv->output))
    old_output = g_steal_pointer (&priv->output.stream);
  priv->input.enabled = TRUE;
  priv->input.disregarded = FALSE;
  priv->input.discards = FALSE;
  priv->input.ended = FALSE;
  priv->input.parked = FALSE;
  priv->output.opening_mode = L_OPEN_MODE_NOT_OPEN;
  priv->output.open = TRUE;
  priv->output.blocked = FALSE;
  l_io_device_set_suspended (self, priv->input.held);
  update_and_wake (self);
  if (l_buffer_get_size (&priv->output.buffer) > 0)
    l_io_device_schedule_flush (self);
  l_io_device_unlock (self);

  set_open_mode (self, mode);
}

void
l_io_device_disregard_input (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  g_mutex_lock (&input->lock);
  input->enabled = FALSE;
  input->disregarded = TRUE;
  l_io_device_update_input (self);
  l_io_device_wake_input (self);
  g_mutex_unlock (&input->lock);
}

void
l_io_device_set_held (LIODevice *self,
                      gboolean   held)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  if (input->held == held)
    return;

  g_mutex_lock (&input->lock);
  input->held = held;
  l_io_device_update_input (self);
  l_io_device_set_suspended (self, held);
  g_mutex_unlock (&input->lock);
}

void
l_io_device_end_input (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  g_mutex_lock (&input->lock);
  input->enabled = FALSE;
  input->ended = TRUE;
  l_io_device_update_input (self);
  l_io_device_wake_input (self);
  g_mutex_unlock (&input->lock);

  l_io_device_schedule_answer (self);
}

void
l_io_device_end_output (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  g_mutex_lock (&output->lock);
  output->open = FALSE;
  l_io_device_update_output (self);
  l_io_device_wake_output (self);
  g_mutex_unlock (&output->lock);
}

/* With the output's lock held. */
static void
clear_output (LIODeviceOutput *output)
{
  if (l_buffer_get_size (&output->buffer) > 0)
    output->n_losses++;

  l_buffer_clear (&output->buffer);
  output->is_room_wanted = FALSE;
}

void
l_io_device_drop_output (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  g_mutex_lock (&output->lock);
  output->open = FALSE;
  output->blocked = FALSE;
  clear_output (output);
  l_io_device_update_output (self);
  l_io_device_wake_output (self);
  g_mutex_unlock (&output->lock);

  l_io_device_fail_writes (self);
}

static void
end_session (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->has_session = FALSE;
  priv->session++;

  l_io_device_lock (self);
  priv->input.enabled = FALSE;
  priv->input.ended = TRUE;
  priv->input.held = FALSE;
  priv->output.opening_mode = L_OPEN_MODE_NOT_OPEN;
  priv->output.open = FALSE;
  priv->output.blocked = FALSE;
  priv->output.n_written = 0;
  clear_output (&priv->output);
  if (priv->output.flush_due)
    l_reactor_cancel_task (priv->reactor, &priv->flush_task);
  priv->output.flush_due = FALSE;
  update_and_wake (self);
  l_io_device_unlock (self);

  l_io_device_schedule_answer (self);
}

void
l_io_device_end (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  /* What is flushed after the end has nothing to send, and is due all the same. */
  if (priv->has_session || priv->output.flush_due)
    end_session (self);
  l_io_device_fail_writes (self);
}

void
l_io_device_drop_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean has_streams;

  priv->ready_read_due = FALSE;

  l_io_device_lock (self);
  has_streams = priv->input.stream != NULL || priv->output.stream != NULL;
  priv->input.enabled = FALSE;
  priv->input.in_transaction = FALSE;
  priv->input.transaction_offset = 0;
  priv->input.n_other_reads = 0;
  l_buffer_clear (&priv->input.buffer);
  detach_streams (priv);
  update_and_wake (self);
  l_io_device_unlock (self);

  if (has_streams)
    {
      l_io_device_leave_streams (self);
      for_each_stream (self, l_stream_link_release);
    }
  l_io_device_fail_read (self);
}

void
l_io_device_close (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint n_openings = priv->n_openings;

  if (priv->open_mode == L_OPEN_MODE_NOT_OPEN)
    return;

  if (!priv->in_about_to_close)
    {
      priv->in_about_to_close = TRUE;
      l_io_device_emit_about_to_close (self);
      priv->in_about_to_close = FALSE;
    }

  if (priv->n_openings != n_openings || priv->open_mode == L_OPEN_MODE_NOT_OPEN)
    return;

  l_io_device_drop_input (self);
  set_open_mode (self, L_OPEN_MODE_NOT_OPEN);
}
