/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

/* What the two streams have in common: they read past an empty input buffer straight into the caller's memory, and
 * write past an empty output buffer straight from it. */

/* Blocks until the condition, sending what is queued meanwhile: the peer may wait for just that. */
static gboolean
wait_for (LIODevice     *self,
          GIOCondition   condition,
          GCancellable  *cancellable,
          GError       **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (l_buffer_get_size (&priv->output) > 0)
    {
      l_io_device_offer (self, NULL, 0);
      l_io_device_schedule_flush (self);
    }
  /* A broken output would always be ready. */
  if (priv->output_blocked)
    condition |= G_IO_OUT;

  l_io_device_get_funcs (self)->wait (self, condition, -1, cancellable);

  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

/* Reads from the device itself. What a transaction may put back has to pass the buffer. */
static GPollableReturn
read_through (LIODevice  *self,
              void       *buffer,
              gsize       count,
              gsize      *n_read,
              GError    **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GPollableReturn result;

  result = l_io_device_get_funcs (self)->read_data (self, buffer, count, n_read, error);
  if (result == G_POLLABLE_RETURN_OK && priv->in_transaction)
    {
      l_buffer_append (&priv->input, buffer, *n_read);
      priv->transaction_offset += *n_read;
      l_io_device_update_condition (self);
    }

  return result;
}

gssize
l_io_device_stream_read (LIODevice     *self,
                         void          *buffer,
                         gsize          count,
                         gboolean       blocking,
                         GCancellable  *cancellable,
                         GError       **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;

  while (TRUE)
    {
      gsize n_read = 0;

      if (!l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, error))
        return -1;
      if (l_io_device_get_bytes_available (self) > 0)
        return l_io_device_read (self, buffer, count, error);
      if (!priv->input_enabled || priv->input_ended)
        return 0;

      switch (read_through (self, buffer, count, &n_read, error))
        {
        case G_POLLABLE_RETURN_OK:
          /* The reactor will notice the end; without one nobody else does. */
          if (n_read == 0 && priv->reactor == NULL)
            l_io_device_dispatch (self, G_IO_IN);
          return n_read;

        case G_POLLABLE_RETURN_WOULD_BLOCK:
          if (!blocking)
            {
              g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The operation would block"));
              return -1;
            }
          if (!wait_for (self, G_IO_IN, cancellable, error))
            return -1;
          break;

        case G_POLLABLE_RETURN_FAILED:
        default:
          l_error_convert_to_io (error);
          return -1;
        }
    }
}

/* Once what was written before is gone. */
static GPollableReturn
write_through (LIODevice            *self,
               const GOutputVector  *vectors,
               gsize                 n_vectors,
               gsize                *n_written,
               GError              **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (l_buffer_get_size (&priv->output) > 0)
    {
      GPollableReturn result = l_io_device_offer_queue (self, error);

      l_io_device_schedule_flush (self);
      if (result != G_POLLABLE_RETURN_OK)
        return result;
    }

  if (n_vectors == 0)
    return G_POLLABLE_RETURN_OK;

  return l_io_device_get_funcs (self)->write_data (self, vectors, n_vectors, n_written, error);
}

GPollableReturn
l_io_device_stream_write (LIODevice            *self,
                          const GOutputVector  *vectors,
                          gsize                 n_vectors,
                          gsize                *n_written,
                          gboolean              blocking,
                          GCancellable         *cancellable,
                          GError              **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return G_POLLABLE_RETURN_FAILED;

  while (TRUE)
    {
      GPollableReturn result;

      if (!l_io_device_check_mode (self, L_OPEN_MODE_WRITE_ONLY, error))
        return G_POLLABLE_RETURN_FAILED;
      if (!priv->output_open)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The output has ended"));
          return G_POLLABLE_RETURN_FAILED;
        }

      result = write_through (self, vectors, n_vectors, n_written, error);
      if (result == G_POLLABLE_RETURN_FAILED)
        l_error_convert_to_io (error);
      if (result != G_POLLABLE_RETURN_WOULD_BLOCK)
        return result;

      if (!blocking)
        return G_POLLABLE_RETURN_WOULD_BLOCK;
      if (!wait_for (self, G_IO_OUT, cancellable, error))
        return G_POLLABLE_RETURN_FAILED;
    }
}

gboolean
l_io_device_stream_flush (LIODevice     *self,
                          GCancellable  *cancellable,
                          GError       **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize n_written;

  if (l_buffer_get_size (&priv->output) == 0)
    return TRUE;

  return l_io_device_stream_write (self, NULL, 0, &n_written, TRUE, cancellable, error) == G_POLLABLE_RETURN_OK;
}

GIOCondition
l_io_device_query_condition (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition condition = 0;

  /* Also when an operation would fail at once. */
  if (l_io_device_get_bytes_available (self) > 0 || !priv->input_enabled || priv->input_ended)
    condition |= G_IO_IN;
  if (!priv->output_open)
    condition |= G_IO_OUT;

  return condition;
}

gboolean
l_io_device_stream_is_ready (LIODevice    *self,
                             GIOCondition  condition)
{
  if ((l_io_device_query_condition (self) & condition) != 0)
    return TRUE;

  return l_io_device_get_funcs (self)->wait (self, condition, 0, NULL) != 0;
}

/* A source that is ready when the device's buffers and state are, beside the one that polls the descriptor: what the
 * owner's loop has read ahead never shows there. */
typedef struct
{
  GSource                source;
  GObject               *stream;   /* (owned) */
  LIODeviceStreamIsReady is_ready;
} StreamSource;

static gboolean
stream_source_prepare (GSource *source,
                       int     *timeout)
{
  StreamSource *self = (StreamSource *) source;

  *timeout = -1;
  return self->is_ready (self->stream);
}

static gboolean
stream_source_check (GSource *source)
{
  StreamSource *self = (StreamSource *) source;

  return self->is_ready (self->stream);
}

static gboolean
stream_source_dispatch (GSource     *source,
                        GSourceFunc  callback,
                        gpointer     user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
stream_source_finalize (GSource *source)
{
  g_object_unref (((StreamSource *) source)->stream);
}

/* g_pollable_source_new_full() gives the source a dummy callback, and GObject insists that there is a way to call it. */
static gboolean
stream_source_closure_callback (gpointer closure)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs stream_source_funcs = {
  .prepare = stream_source_prepare,
  .check = stream_source_check,
  .dispatch = stream_source_dispatch,
  .finalize = stream_source_finalize,
  .closure_callback = stream_source_closure_callback,
};

GSource *
l_io_device_create_stream_source (LIODevice              *self,
                                  GObject                *stream,
                                  LIODeviceStreamIsReady  is_ready,
                                  GIOCondition            condition,
                                  GCancellable           *cancellable)
{
  g_autoptr(GSource) buffer_source = g_source_new (&stream_source_funcs, sizeof (StreamSource));
  g_autoptr(GSource) descriptor_source = NULL;
  GSource *source;

  ((StreamSource *) buffer_source)->stream = g_object_ref (stream);
  ((StreamSource *) buffer_source)->is_ready = is_ready;
  g_source_set_static_name (buffer_source, "LSocket stream");

  source = g_pollable_source_new_full (stream, buffer_source, cancellable);

  if (self != NULL)
    descriptor_source = l_io_device_get_funcs (self)->create_source (self, condition);
  if (descriptor_source != NULL)
    {
      g_source_set_dummy_callback (descriptor_source);
      g_source_add_child_source (source, descriptor_source);
    }

  return source;
}
