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

  LStreamLink link;
};

static void pollable_iface_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LOutputStream, l_output_stream, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, pollable_iface_init)
                               l_stream_add_interfaces (g_define_type_id))

static gssize
l_output_stream_write (GOutputStream  *stream,
                       const void     *buffer,
                       gsize           count,
                       GCancellable   *cancellable,
                       GError        **error)
{
  GOutputVector vector = { buffer, count };
  gsize n_written;

  if (l_stream_link_write (&L_OUTPUT_STREAM (stream)->link, &vector, 1, &n_written, TRUE, cancellable,
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
  return l_stream_link_write (&L_OUTPUT_STREAM (stream)->link, vectors, n_vectors, n_written, TRUE, cancellable,
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

  switch (l_stream_link_write (&L_OUTPUT_STREAM (stream)->link, &vector, 1, &n_written, FALSE, NULL, error))
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
  return l_stream_link_write (&L_OUTPUT_STREAM (stream)->link, vectors, n_vectors, n_written, FALSE, NULL, error);
}

static gboolean
l_output_stream_flush (GOutputStream  *stream,
                       GCancellable   *cancellable,
                       GError        **error)
{
  /* Also called by g_output_stream_close(), which may come after the end of the session. */
  return l_stream_link_flush (&L_OUTPUT_STREAM (stream)->link, cancellable, error);
}

static gboolean
l_output_stream_close (GOutputStream  *stream,
                       GCancellable   *cancellable,
                       GError        **error)
{
  gboolean done;

  g_object_ref (stream);
  done = l_stream_link_close_output (&L_OUTPUT_STREAM (stream)->link, cancellable, error);
  l_stream_unref_later (stream);

  return done;
}

/* The device, if what is begun here and now can be answered by its loop; NULL: the inherited functions do it, by polling or
 * in a thread of theirs. */
static LIODevice *
ref_device_in_reactor (LOutputStream *self)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (&self->link);

  if (device == NULL || l_stream_link_is_detached (&self->link) || !l_io_device_is_in_reactor (device))
    return NULL;

  return g_steal_pointer (&device);
}

static void
l_output_stream_write_async (GOutputStream       *stream,
                             const void          *buffer,
                             gsize                count,
                             int                  io_priority,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  LIODevice *device = l_stream_link_hold_in_reactor (&self->link);
  GOutputVector vector = { buffer, count };
  LAsyncOperation *operation;

  if (device == NULL)
    {
      G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->write_async (stream, buffer, count, io_priority, cancellable,
                                                                         callback, user_data);
      return;
    }

  operation = l_async_operation_new_in_reactor (l_io_device_get_private (device)->reactor, self, cancellable, callback,
                                                user_data, l_output_stream_write_async);
  l_io_device_start_write (device, &self->link, operation, &vector, 1);
  l_stream_link_let_go (&self->link);
}

static void
l_output_stream_writev_async (GOutputStream       *stream,
                              const GOutputVector *vectors,
                              gsize                n_vectors,
                              int                  io_priority,
                              GCancellable        *cancellable,
                              GAsyncReadyCallback  callback,
                              gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  LIODevice *device = l_stream_link_hold_in_reactor (&self->link);
  LAsyncOperation *operation;

  if (device == NULL)
    {
      G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->writev_async (stream, vectors, n_vectors, io_priority,
                                                                          cancellable, callback, user_data);
      return;
    }

  operation = l_async_operation_new_in_reactor (l_io_device_get_private (device)->reactor, self, cancellable, callback,
                                                user_data, l_output_stream_writev_async);
  l_io_device_start_write (device, &self->link, operation, vectors, n_vectors);
  l_stream_link_let_go (&self->link);
}

static gssize
l_output_stream_write_finish (GOutputStream  *stream,
                              GAsyncResult   *result,
                              GError        **error)
{
  if (!L_IS_ASYNC_OPERATION (result))
    return G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->write_finish (stream, result, error);

  return l_async_operation_propagate_size (L_ASYNC_OPERATION (result), error);
}

static gboolean
l_output_stream_writev_finish (GOutputStream  *stream,
                               GAsyncResult   *result,
                               gsize          *n_written,
                               GError        **error)
{
  gssize n;

  if (!L_IS_ASYNC_OPERATION (result))
    return G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->writev_finish (stream, result, n_written, error);

  n = l_async_operation_propagate_size (L_ASYNC_OPERATION (result), error);
  if (n_written != NULL)
    *n_written = MAX (n, 0);

  return n >= 0;
}

static void
l_output_stream_flush_async (GOutputStream       *stream,
                             int                  io_priority,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  g_autoptr(LIODevice) device = ref_device_in_reactor (self);
  GTask *task;

  if (device == NULL)
    {
      G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->flush_async (stream, io_priority, cancellable, callback,
                                                                         user_data);
      return;
    }

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_output_stream_flush_async);
  g_task_set_priority (task, io_priority);
  l_io_device_start_drain (device, task);
}

static void
l_output_stream_close_async (GOutputStream       *stream,
                             int                  io_priority,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  g_autoptr(LIODevice) device = ref_device_in_reactor (self);
  GError *error = NULL;
  GTask *task;

  if (device == NULL)
    {
      G_OUTPUT_STREAM_CLASS (l_output_stream_parent_class)->close_async (stream, io_priority, cancellable, callback,
                                                                         user_data);
      return;
    }

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_output_stream_close_async);
  g_task_set_priority (task, io_priority);

  if (l_io_device_get_funcs (device)->shutdown_output (device, &error))
    {
      l_io_device_start_drain (device, task);
      return;
    }

  g_task_return_error (task, error);
  g_object_unref (task);
}

static gboolean
l_output_stream_finish (GOutputStream  *stream,
                        GAsyncResult   *result,
                        GError        **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
l_output_stream_is_writable (GPollableOutputStream *stream)
{
  return l_stream_link_is_ready (&L_OUTPUT_STREAM (stream)->link, G_IO_OUT);
}

static GSource *
l_output_stream_create_source (GPollableOutputStream *stream,
                               GCancellable          *cancellable)
{
  return l_stream_link_create_source (&L_OUTPUT_STREAM (stream)->link, G_OBJECT (stream), G_IO_OUT, cancellable);
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
l_output_stream_finalize (GObject *object)
{
  l_stream_link_clear (&L_OUTPUT_STREAM (object)->link);

  G_OBJECT_CLASS (l_output_stream_parent_class)->finalize (object);
}

static void
l_output_stream_class_init (LOutputStreamClass *klass)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = l_output_stream_finalize;

  stream_class->write_fn = l_output_stream_write;
  stream_class->writev_fn = l_output_stream_writev;
  stream_class->write_async = l_output_stream_write_async;
  stream_class->write_finish = l_output_stream_write_finish;
  stream_class->writev_async = l_output_stream_writev_async;
  stream_class->writev_finish = l_output_stream_writev_finish;
  stream_class->flush = l_output_stream_flush;
  stream_class->flush_async = l_output_stream_flush_async;
  stream_class->flush_finish = l_output_stream_finish;
  stream_class->close_fn = l_output_stream_close;
  stream_class->close_async = l_output_stream_close_async;
  stream_class->close_finish = l_output_stream_finish;
}

static void
l_output_stream_init (LOutputStream *self)
{
}

GOutputStream *
l_output_stream_new (LIODevice *device)
{
  LOutputStream *self = g_object_new (L_TYPE_OUTPUT_STREAM, NULL);

  l_stream_link_init (&self->link, device);

  return G_OUTPUT_STREAM (self);
}

LStreamLink *
l_output_stream_get_link (LOutputStream *self)
{
  return &self->link;
}
