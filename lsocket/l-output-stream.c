/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"
#include "l-output-stream-private.h"

#include <glib/gi18n-lib.h>

struct _LOutputStream
{
  GOutputStream parent_instance;

  LIODevice *device; /* (unowned) (nullable) */
};

static void pollable_iface_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LOutputStream, l_output_stream, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, pollable_iface_init))

static gboolean
check_attached (LOutputStream  *self,
                GError        **error)
{
  if (self->device != NULL)
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
  return FALSE;
}

static GPollableReturn
write_to_device (LOutputStream        *self,
                 const GOutputVector  *vectors,
                 gsize                 n_vectors,
                 gsize                *n_written,
                 gboolean              blocking,
                 GCancellable         *cancellable,
                 GError              **error)
{
  g_autoptr(LIODevice) device = NULL;

  *n_written = 0;
  if (!check_attached (self, error))
    return G_POLLABLE_RETURN_FAILED;

  device = g_object_ref (self->device);
  return l_io_device_stream_write (device, vectors, n_vectors, n_written, blocking, cancellable, error);
}

static gssize
l_output_stream_write (GOutputStream  *stream,
                       const void     *buffer,
                       gsize           count,
                       GCancellable   *cancellable,
                       GError        **error)
{
  GOutputVector vector = { buffer, count };
  gsize n_written;

  if (write_to_device (L_OUTPUT_STREAM (stream), &vector, 1, &n_written, TRUE, cancellable,
                       error) != G_POLLABLE_RETURN_OK)
    return -1;

  return n_written;
}

static gboolean
l_output_stream_writev (GOutputStream        *stream,
                        const GOutputVector  *vectors,
                        gsize                 n_vectors,
                        gsize                *n_written,
                        GCancellable         *cancellable,
                        GError              **error)
{
  return write_to_device (L_OUTPUT_STREAM (stream), vectors, n_vectors, n_written, TRUE, cancellable,
                          error) == G_POLLABLE_RETURN_OK;
}

static gssize
l_output_stream_write_nonblocking (GPollableOutputStream  *stream,
                                   const void             *buffer,
                                   gsize                   count,
                                   GError                **error)
{
  GOutputVector vector = { buffer, count };
  gsize n_written;

  switch (write_to_device (L_OUTPUT_STREAM (stream), &vector, 1, &n_written, FALSE, NULL, error))
    {
    case G_POLLABLE_RETURN_OK:
      return n_written;
    case G_POLLABLE_RETURN_WOULD_BLOCK:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The operation would block"));
      return -1;
    case G_POLLABLE_RETURN_FAILED:
    default:
      return -1;
    }
}

static GPollableReturn
l_output_stream_writev_nonblocking (GPollableOutputStream  *stream,
                                    const GOutputVector    *vectors,
                                    gsize                   n_vectors,
                                    gsize                  *n_written,
                                    GError                **error)
{
  return write_to_device (L_OUTPUT_STREAM (stream), vectors, n_vectors, n_written, FALSE, NULL, error);
}

static gboolean
l_output_stream_flush (GOutputStream  *stream,
                       GCancellable   *cancellable,
                       GError        **error)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  g_autoptr(LIODevice) device = NULL;

  if (!check_attached (self, error))
    return FALSE;

  device = g_object_ref (self->device);
  return l_io_device_stream_flush (device, cancellable, error);
}

static gboolean
l_output_stream_close (GOutputStream  *stream,
                       GCancellable   *cancellable,
                       GError        **error)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  g_autoptr(LIODevice) device = NULL;

  if (self->device == NULL)
    return TRUE;

  device = g_object_ref (self->device);
  return l_io_device_get_funcs (device)->shutdown_output (device, cancellable, error);
}

static gboolean
is_ready (GObject *stream)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);

  return self->device == NULL || (l_io_device_query_condition (self->device) & G_IO_OUT) != 0;
}

static gboolean
l_output_stream_is_writable (GPollableOutputStream *stream)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);

  return self->device == NULL || l_io_device_stream_is_ready (self->device, G_IO_OUT);
}

static GSource *
l_output_stream_create_source (GPollableOutputStream *stream,
                               GCancellable          *cancellable)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);

  return l_io_device_create_stream_source (self->device, G_OBJECT (self), is_ready, G_IO_OUT, cancellable);
}

static void
pollable_iface_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = l_output_stream_is_writable;
  iface->create_source = l_output_stream_create_source;
  iface->write_nonblocking = l_output_stream_write_nonblocking;
  iface->writev_nonblocking = l_output_stream_writev_nonblocking;
}

static void
l_output_stream_class_init (LOutputStreamClass *klass)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);

  stream_class->write_fn = l_output_stream_write;
  stream_class->writev_fn = l_output_stream_writev;
  stream_class->flush = l_output_stream_flush;
  stream_class->close_fn = l_output_stream_close;
}

static void
l_output_stream_init (LOutputStream *self)
{
}

GOutputStream *
l_output_stream_new (LIODevice *device)
{
  LOutputStream *self = g_object_new (L_TYPE_OUTPUT_STREAM, NULL);

  self->device = device;

  return G_OUTPUT_STREAM (self);
}

void
l_output_stream_detach (LOutputStream *self)
{
  self->device = NULL;
}
