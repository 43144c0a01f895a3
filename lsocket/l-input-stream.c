/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-input-stream-private.h"
#include "l-io-device-private.h"

struct _LInputStream
{
  GInputStream parent_instance;

  LStreamLink link;
};

static void pollable_iface_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LInputStream, l_input_stream, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, pollable_iface_init)
                               l_stream_add_interfaces (g_define_type_id))

static void
tell_end (LInputStream *self)
{
  g_object_ref (self);
  l_stream_link_tell_end (&self->link);
  l_stream_unref_later (self);
}

static gssize
read_now (LInputStream  *self,
          void          *buffer,
          gsize          count,
          gboolean       blocking,
          GCancellable  *cancellable,
          GError       **error)
{
  gssize n_read = l_stream_link_read (&self->link, buffer, count, blocking, cancellable, error);

  if (n_read == 0)
    tell_end (self);

  return n_read;
}

static gssize
l_input_stream_read (GInputStream  *stream,
                     void          *buffer,
                     gsize          count,
                     GCancellable  *cancellable,
                     GError       **error)
{
  return read_now (L_INPUT_STREAM (stream), buffer, count, TRUE, cancellable, error);
}

static gssize
l_input_stream_read_nonblocking (GPollableInputStream  *stream,
                                 void                  *buffer,
                                 gsize                  count,
                                 GError               **error)
{
  return read_now (L_INPUT_STREAM (stream), buffer, count, FALSE, NULL, error);
}

static void
l_input_stream_read_async (GInputStream        *stream,
                           void                *buffer,
                           gsize                count,
                           int                  io_priority,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  LInputStream *self = L_INPUT_STREAM (stream);
  LIODevice *device = l_stream_link_hold_in_reactor (&self->link);
  LAsyncOperation *operation;

  /* In another context the inherited one polls. */
  if (device == NULL)
    {
      G_INPUT_STREAM_CLASS (l_input_stream_parent_class)->read_async (stream, buffer, count, io_priority, cancellable,
                                                                      callback, user_data);
      return;
    }

  operation = l_async_operation_new_in_reactor (l_io_device_get_private (device)->reactor, self, cancellable, callback,
                                                user_data, l_input_stream_read_async);
  l_io_device_start_read (device, &self->link, operation, L_READ_SOME, buffer, count);
  l_stream_link_let_go (&self->link);
}

static gssize
l_input_stream_read_finish (GInputStream  *stream,
                            GAsyncResult  *result,
                            GError       **error)
{
  if (!L_IS_ASYNC_OPERATION (result))
    return G_INPUT_STREAM_CLASS (l_input_stream_parent_class)->read_finish (stream, result, error);

  return l_async_operation_propagate_size (L_ASYNC_OPERATION (result), error);
}

static gboolean
l_input_stream_is_readable (GPollableInputStream *stream)
{
  return l_stream_link_is_ready (&L_INPUT_STREAM (stream)->link, G_IO_IN);
}

static GSource *
l_input_stream_create_source (GPollableInputStream *stream,
                              GCancellable         *cancellable)
{
  return l_stream_link_create_source (&L_INPUT_STREAM (stream)->link, G_OBJECT (stream), G_IO_IN, cancellable);
}

static void
pollable_iface_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = l_input_stream_is_readable;
  iface->create_source = l_input_stream_create_source;
  iface->read_nonblocking = l_input_stream_read_nonblocking;
}

static void
l_input_stream_finalize (GObject *object)
{
  l_stream_link_clear (&L_INPUT_STREAM (object)->link);

  G_OBJECT_CLASS (l_input_stream_parent_class)->finalize (object);
}

static void
l_input_stream_class_init (LInputStreamClass *klass)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = l_input_stream_finalize;

  stream_class->read_fn = l_input_stream_read;
  stream_class->read_async = l_input_stream_read_async;
  stream_class->read_finish = l_input_stream_read_finish;
}

static void
l_input_stream_init (LInputStream *self)
{
}

GInputStream *
l_input_stream_new (LIODevice *device)
{
  LInputStream *self = g_object_new (L_TYPE_INPUT_STREAM, NULL);

  l_stream_link_init (&self->link, device);

  return G_INPUT_STREAM (self);
}

LStreamLink *
l_input_stream_get_link (LInputStream *self)
{
  return &self->link;
}
