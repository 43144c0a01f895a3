/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-input-stream-private.h"
#include "l-io-device-private.h"
#include "l-output-stream-private.h"

#include <glib/gi18n-lib.h>

/* What the two streams do with their device, in any thread: they read past an empty input buffer straight into the caller's
 * memory, and write past an empty output buffer straight from it. In another thread than the owner's nothing is told of
 * that: the owner's loop, when it runs, notices what there is to notice. */

/* What is read at a time of what is thrown away. */
#define DISCARD_SIZE (16 * 1024)

/* Those who wait in other threads */

static void
cancel_wake (GCancellable **wake)
{
  g_autoptr(GCancellable) cancellable = g_steal_pointer (wake);

  g_cancellable_cancel (cancellable);
}

void
l_io_device_wake_input (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  cancel_wake (&input->wake);
  if (input->stream != NULL)
    l_stream_link_wake (l_input_stream_get_link (L_INPUT_STREAM (input->stream)));
}

void
l_io_device_wake_output (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  cancel_wake (&output->wake);
  if (output->stream != NULL)
    l_stream_link_wake (l_output_stream_get_link (L_OUTPUT_STREAM (output->stream)));
}

/* With the direction's lock held; NULL in the owner's thread, where nobody else can have something to tell meanwhile. */
static GCancellable *
ref_wake (LIODevice     *self,
          GCancellable **wake)
{
  if (l_io_device_is_owner (self))
    return NULL;

  if (*wake == NULL)
    *wake = g_cancellable_new ();

  return g_object_ref (*wake);
}

void
l_io_device_add_other_read (LIODevice *self,
                            int        n_reads)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  input->n_other_reads += n_reads;
  l_io_device_update_input (self);
}

/* Blocks until the condition, sending what is queued meanwhile: the peer may wait for just that. */
static gboolean
wait_for (LIODevice     *self,
          GIOCondition   condition,
          GCancellable  *cancellable,
          GCancellable  *wake,
          GError       **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gsize n_taken;

  g_mutex_lock (&output->lock);
  if (l_buffer_get_size (&output->buffer) > 0)
    {
      l_io_device_push (self, NULL, 0, &n_taken, NULL);
      l_io_device_schedule_flush (self);
    }
  /* A broken output would always be ready. */
  if (output->blocked)
    condition |= G_IO_OUT;
  g_mutex_unlock (&output->lock);

  l_io_device_get_funcs (self)->wait (self, condition, -1, cancellable, wake);

  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
check_attached (LStreamLink  *link,
                GError      **error)
{
  if (!l_stream_link_is_detached (link))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
  return FALSE;
}

/* Reading */

/* Reads from the device itself. What a transaction may put back has to pass the buffer. */
static GPollableReturn
read_through (LIODevice  *self,
              void       *buffer,
              gsize       count,
              gsize      *n_read,
              GError    **error)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  GPollableReturn result;

  result = l_io_device_get_funcs (self)->read_data (self, buffer, count, n_read, error);
  if (result == G_POLLABLE_RETURN_OK && input->in_transaction)
    {
      l_buffer_append (&input->buffer, buffer, *n_read);
      input->transaction_offset += *n_read;
      l_io_device_update_input (self);
    }

  if (result == G_POLLABLE_RETURN_FAILED)
    l_error_convert_to_io (error);
  return result;
}

/* With the input's lock held; asks: the system, too. */
static GPollableReturn
read_some (LIODevice    *self,
           LStreamLink  *link,
           gboolean      asks,
           void         *buffer,
           gsize         count,
           gsize        *n_read,
           GError      **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  *n_read = 0;
  if (!check_attached (link, error) || !l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, error))
    return G_POLLABLE_RETURN_FAILED;

  if (priv->read_operation != NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING, _("Another read is under way"));
      return G_POLLABLE_RETURN_FAILED;
    }

  if (l_io_device_get_available (self) > 0)
    {
      *n_read = l_io_device_take (self, buffer, count);
      return G_POLLABLE_RETURN_OK;
    }

  if (!priv->input.enabled || priv->input.ended || priv->input.discards)
    return G_POLLABLE_RETURN_OK;

  return asks ? read_through (self, buffer, count, n_read, error) : G_POLLABLE_RETURN_WOULD_BLOCK;
}

/* Until there is something to read, or the end; while it waits in another thread the reactor leaves the input to it. */
static GPollableReturn
read_blocking (LIODevice     *self,
               LStreamLink   *link,
               void          *buffer,
               gsize          count,
               gsize         *n_read,
               GCancellable  *cancellable,
               GError       **error)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  GPollableReturn result;
  gboolean is_other = FALSE;
  gboolean asks;

  g_mutex_lock (&input->lock);
  asks = l_io_device_asks_first (self);
  result = read_some (self, link, asks, buffer, count, n_read, error);
  if (asks)
    l_io_device_note_asked (self, result != G_POLLABLE_RETURN_WOULD_BLOCK);

  for (; result == G_POLLABLE_RETURN_WOULD_BLOCK; result = read_some (self, link, TRUE, buffer, count, n_read, error))
    {
      g_autoptr(GCancellable) wake = ref_wake (self, &input->wake);
      gboolean goes_on;

      if (wake != NULL && !is_other)
        l_io_device_add_other_read (self, 1);
      is_other = wake != NULL;

      g_mutex_unlock (&input->lock);
      goes_on = wait_for (self, G_IO_IN, cancellable, wake, error);
      g_mutex_lock (&input->lock);

      if (!goes_on)
        {
          result = G_POLLABLE_RETURN_FAILED;
          break;
        }
    }
  /* The end of the session counts nobody any more. */
  if (is_other && !l_stream_link_is_detached (link))
    l_io_device_add_other_read (self, -1);
  g_mutex_unlock (&input->lock);

  return result;
}

gssize
l_io_device_stream_read (LIODevice     *self,
                         LStreamLink   *link,
                         void          *buffer,
                         gsize          count,
                         gboolean       blocking,
                         GCancellable  *cancellable,
                         GError       **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GPollableReturn result;
  gsize n_read;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;

  if (blocking)
    {
      result = read_blocking (self, link, buffer, count, &n_read, cancellable, error);
    }
  else
    {
      g_mutex_lock (&priv->input.lock);
      result = read_some (self, link, TRUE, buffer, count, &n_read, error);
      g_mutex_unlock (&priv->input.lock);
    }

  if (result == G_POLLABLE_RETURN_WOULD_BLOCK)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The operation would block"));
  if (result != G_POLLABLE_RETURN_OK)
    return -1;

  return n_read;
}

/* The reactor will notice it; without one nobody else does. */
void
l_io_device_tell_end (LIODevice *self)
{
  if (l_io_device_get_private (self)->reactor == NULL && l_io_device_is_owner (self) && l_io_device_can_receive (self))
    l_io_device_dispatch (self, G_IO_IN);
}

/* Writing */

/* Once what was written before is gone. */
GPollableReturn
l_io_device_write_through (LIODevice            *self,
                           const GOutputVector  *vectors,
                           gsize                 n_vectors,
                           gsize                *n_written,
                           GError              **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GPollableReturn result = G_POLLABLE_RETURN_OK;
  gsize n_taken;

  if (!l_io_device_check_mode (self, L_OPEN_MODE_WRITE_ONLY, error))
    return G_POLLABLE_RETURN_FAILED;

  /* What was written before the output was shut down can still be flushed. */
  if (!priv->output.open && n_vectors > 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The output has ended"));
      return G_POLLABLE_RETURN_FAILED;
    }

  if (l_buffer_get_size (&priv->output.buffer) > 0)
    {
      result = l_io_device_push (self, NULL, 0, &n_taken, error);
      l_io_device_schedule_flush (self);
    }

  if (result == G_POLLABLE_RETURN_OK && n_vectors > 0)
    result = l_io_device_get_funcs (self)->write_data (self, vectors, n_vectors, n_written, error);
  else if (result == G_POLLABLE_RETURN_OK)
    result = l_io_device_get_funcs (self)->flush_data (self, error);

  if (result == G_POLLABLE_RETURN_FAILED)
    l_error_convert_to_io (error);
  return result;
}

/* With the output's lock held. */
static GPollableReturn
write_some (LIODevice            *self,
            LStreamLink          *link,
            const GOutputVector  *vectors,
            gsize                 n_vectors,
            gsize                *n_written,
            GError              **error)
{
  if (!check_attached (link, error))
    return G_POLLABLE_RETURN_FAILED;

  if (l_io_device_get_private (self)->write_operation != NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING, _("Another write is under way"));
      return G_POLLABLE_RETURN_FAILED;
    }

  return l_io_device_write_through (self, vectors, n_vectors, n_written, error);
}

/* With a reference from the first time on, for which the link lets go of the device. */
static gboolean
wait_to_write (LIODevice     *self,
               LStreamLink   *link,
               LIODevice    **reference,
               GCancellable  *cancellable,
               GCancellable  *wake,
               GError       **error)
{
  if (*reference == NULL)
    {
      *reference = l_stream_link_ref_device (link);
      if (*reference == NULL)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
          return FALSE;
        }

      l_stream_link_let_go (link);
    }

  return wait_for (self, G_IO_OUT, cancellable, wake, error);
}

static GPollableReturn
write_blocking (LIODevice            *self,
                LStreamLink          *link,
                LIODevice           **reference,
                const GOutputVector  *vectors,
                gsize                 n_vectors,
                gsize                *n_written,
                GCancellable         *cancellable,
                GError              **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result;
  guint n_losses;

  g_mutex_lock (&output->lock);
  n_losses = output->n_losses;
  while ((result = write_some (self, link, vectors, n_vectors, n_written, error)) == G_POLLABLE_RETURN_WOULD_BLOCK)
    {
      g_autoptr(GCancellable) wake = ref_wake (self, &output->wake);
      gboolean goes_on;

      g_mutex_unlock (&output->lock);
      goes_on = wait_to_write (self, link, reference, cancellable, wake, error);
      g_mutex_lock (&output->lock);

      if (!goes_on)
        {
          result = G_POLLABLE_RETURN_FAILED;
          break;
        }
    }

  /* What was to be flushed is not there any more, and was not sent. */
  if (result == G_POLLABLE_RETURN_OK && n_vectors == 0 && output->n_losses != n_losses)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The output has ended"));
      result = G_POLLABLE_RETURN_FAILED;
    }
  g_mutex_unlock (&output->lock);

  return result;
}

GPollableReturn
l_io_device_stream_write (LIODevice            *self,
                          LStreamLink          *link,
                          const GOutputVector  *vectors,
                          gsize                 n_vectors,
                          gsize                *n_written,
                          gboolean              blocking,
                          GCancellable         *cancellable,
                          GError              **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  g_autoptr(LIODevice) reference = NULL;
  GPollableReturn result = G_POLLABLE_RETURN_FAILED;

  *n_written = 0;
  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    {
      if (blocking)
        {
          result = write_blocking (self, link, &reference, vectors, n_vectors, n_written, cancellable, error);
        }
      else
        {
          g_mutex_lock (&output->lock);
          result = write_some (self, link, vectors, n_vectors, n_written, error);
          g_mutex_unlock (&output->lock);
        }
    }

  if (reference == NULL)
    l_stream_link_let_go (link);
  return result;
}

/* Whether all is the system's, also what a write that is under way there may still hold of ours. */
gboolean
l_io_device_is_flushed (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean is_flushed;

  g_mutex_lock (&output->lock);
  is_flushed = l_buffer_get_size (&output->buffer) == 0 &&
               l_io_device_get_funcs (self)->flush_data (self, NULL) != G_POLLABLE_RETURN_WOULD_BLOCK;
  g_mutex_unlock (&output->lock);

  return is_flushed;
}

/* With the output's lock held. */
static GPollableReturn
push_rest (LIODevice  *self,
           GError    **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result;
  gsize n_taken;

  output->open = FALSE;
  /* What waits for a connection is dropped with the attempt. */
  if (output->opening_mode != L_OPEN_MODE_NOT_OPEN)
    return G_POLLABLE_RETURN_OK;

  if (l_buffer_get_size (&output->buffer) > 0)
    l_io_device_schedule_flush (self);
  result = l_io_device_push (self, NULL, 0, &n_taken, error);
  if (result == G_POLLABLE_RETURN_FAILED)
    l_error_convert_to_io (error);

  return result;
}

/* What has come, and from then on whatever comes. FALSE: nothing does any more. */
static gboolean
discard_input (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  GPollableReturn result = G_POLLABLE_RETURN_OK;
  guint8 bytes[DISCARD_SIZE];
  gsize n_read = 0;

  g_mutex_lock (&input->lock);
  if (!input->ended)
    result = l_io_device_get_funcs (self)->read_data (self, bytes, sizeof bytes, &n_read, NULL);
  if (n_read > 0 && !input->discards)
    {
      input->discards = TRUE;
      l_io_device_wake_input (self);
    }
  g_mutex_unlock (&input->lock);

  return n_read > 0 || result == G_POLLABLE_RETURN_WOULD_BLOCK;
}

/* With the output's lock held, which it lets go of while it waits: then the owner may begin another session, which is
 * nobody's who closes a stream of this one. */
static gboolean
finish_output (LIODevice     *self,
               LStreamLink   *link,
               GCancellable  *cancellable,
               GError       **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  guint n_losses = output->n_losses;
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  while ((link == NULL || !l_stream_link_is_detached (link)) &&
         (result = push_rest (self, error)) == G_POLLABLE_RETURN_WOULD_BLOCK)
    {
      g_autoptr(GCancellable) wake = ref_wake (self, &output->wake);
      GIOCondition condition;
      gboolean goes_on;

      g_mutex_unlock (&output->lock);
      /* The peer may be one that reads when it has written. */
      condition = link == NULL && discard_input (self) ? G_IO_IN | G_IO_OUT : G_IO_OUT;
      goes_on = wait_for (self, condition, cancellable, wake, error);
      g_mutex_lock (&output->lock);

      if (!goes_on)
        return FALSE;
    }

  if (result == G_POLLABLE_RETURN_FAILED)
    return FALSE;
  if (output->n_losses == n_losses)
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, _("The connection ended before everything was sent"));
  return FALSE;
}

gboolean
l_io_device_finish_output (LIODevice     *self,
                           GCancellable  *cancellable,
                           GError       **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean finished;

  g_mutex_lock (&output->lock);
  finished = finish_output (self, NULL, cancellable, error);
  g_mutex_unlock (&output->lock);

  return finished;
}

gboolean
l_io_device_close_output (LIODevice     *self,
                          LStreamLink   *link,
                          GCancellable  *cancellable,
                          GError       **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean finished;

  g_mutex_lock (&output->lock);
  finished = finish_output (self, link, cancellable, error);
  if (finished && !l_stream_link_is_detached (link))
    {
      l_io_device_get_funcs (self)->end_output (self);
      l_io_device_schedule_flush (self);
    }
  g_mutex_unlock (&output->lock);

  return finished;
}

/* Also when an operation would fail at once. With the direction's lock held. */
gboolean
l_io_device_has_something_to_tell (LIODevice    *self,
                                   GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (condition == G_IO_OUT)
    return !priv->output.open;

  return l_io_device_get_available (self) > 0 || !priv->input.enabled || priv->input.ended || priv->input.discards;
}
