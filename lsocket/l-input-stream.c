/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-input-stream-private.h"
#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

struct _LInputStream
{
  GInputStream parent_instance;

  LIODevice *device; /* (unowned) (nullable) */
};

static void pollable_iface_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LInputStream, l_input_stream, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, pollable_iface_init))

static gssize
read_from_device (LInputStream  *self,
                  void          *buffer,
                  gsize          count,
                  gboolean       blocking,
                  GCancellable  *cancellable,
                  GError       **error)
{
  g_autoptr(LIODevice) device = NULL;

  if (self->device == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
      return -1;
    }

  device = g_object_ref (self->device);
  return l_io_device_stream_read (device, buffer, count, blocking, cancellable, error);
}

static gssize
l_input_stream_read (GInputStream  *stream,
                     void          *buffer,
                     gsize          count,
                     GCancellable  *cancellable,
                     GError       **error)
{
  return read_from_device (L_INPUT_STREAM (stream), buffer, count, TRUE, cancellable, error);
}

static gssize
l_input_stream_read_nonblocking (GPollableInputStream  *stream,
                                 void                  *buffer,
                                 gsize                  count,
                                 GError               **error)
{
  return read_from_device (L_INPUT_STREAM (stream), buffer, count, FALSE, NULL, error);
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
  GTask *task;

  /* In another context the inherited one polls. */
  if (self->device == NULL || !l_io_device_is_in_reactor (self->device))
    {
      G_INPUT_STREAM_CLASS (l_input_stream_parent_class)->read_async (stream, buffer, count, io_priority, cancellable,
                                                                      callback, user_data);
      return;
    }

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_input_stream_read_async);
  g_task_set_priority (task, io_priority);
  l_io_device_start_read (self->device, task, L_READ_SOME, buffer, count);
}

static gboolean
is_ready (GObject *stream)
{
  LInputStream *self = L_INPUT_STREAM (stream);

  return self->device == NULL || (l_io_device_query_condition (self->device) & G_IO_IN) != 0;
}

static gboolean
l_input_stream_is_readable (GPollableInputStream *stream)
{
  LInputStream *self = L_INPUT_STREAM (stream);

  return self->device == NULL || l_io_device_stream_is_ready (self->device, G_IO_IN);
}

static GSource *
l_input_stream_create_source (GPollableInputStream *stream,
                              GCancellable         *cancellable)
{
  LInputStream *self = L_INPUT_STREAM (stream);

  return l_io_device_create_stream_source (self->device, G_OBJECT (self), is_ready, G_IO_IN, cancellable);
}

static void
pollable_iface_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = l_input_stream_is_readable;
  iface->create_source = l_input_stream_create_source;
  iface->read_nonblocking = l_input_stream_read_nonblocking;
}

static void
l_input_stream_class_init (LInputStreamClass *klass)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  stream_class->read_fn = l_input_stream_read;
  stream_class->read_async = l_input_stream_read_async;
}

static void
l_input_stream_init (LInputStream *self)
{
}

GInputStream *
l_input_stream_new (LIODevice *device)
{
  LInputStream *self = g_object_new (L_TYPE_INPUT_STREAM, NULL);

  self->device = device;

  return G_INPUT_STREAM (self);
}

void
l_input_stream_detach (LInputStream *self)
{
  self->device = NULL;
}
