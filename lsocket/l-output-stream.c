/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"
#include "l-output-stream-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

struct _LOutputStream
{
  GOutputStream parent_instance;

  LIODevice *device;      /* (unowned) (nullable) */
  GSList    *drain_tasks; /* (element-type GTask) (owned): wait for everything queued to be sent */
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

  /* Also called by g_output_stream_close(), which may come after the end of the session. */
  if (self->device == NULL)
    return TRUE;

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
  return l_io_device_stream_flush (device, cancellable, error) &&
         l_io_device_get_funcs (device)->shutdown_output (device, error);
}

static gboolean
on_drain_cancelled (GCancellable *cancellable,
                    gpointer      user_data)
{
  GTask *task = user_data;
  LOutputStream *self = g_task_get_source_object (task);

  if (g_slist_find (self->drain_tasks, task) == NULL)
    return G_SOURCE_REMOVE;

  self->drain_tasks = g_slist_remove (self->drain_tasks, task);
  g_task_return_error_if_cancelled (task);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

/* Takes the task. */
static void
return_when_drained (LOutputStream *self,
                     GTask         *task)
{
  if (self->device == NULL || l_io_device_get_bytes_to_write (self->device) == 0)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  self->drain_tasks = g_slist_append (self->drain_tasks, task);
  l_task_watch_cancellable (task, on_drain_cancelled);
  l_io_device_schedule_flush (self->device);
}

/* GOutputStream would do these two in another thread. */
static void
l_output_stream_flush_async (GOutputStream       *stream,
                             int                  io_priority,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, l_output_stream_flush_async);
  g_task_set_priority (task, io_priority);
  return_when_drained (self, task);
}

static void
l_output_stream_close_async (GOutputStream       *stream,
                             int                  io_priority,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  LOutputStream *self = L_OUTPUT_STREAM (stream);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  g_task_set_source_tag (task, l_output_stream_close_async);
  g_task_set_priority (task, io_priority);

  if (self->device == NULL || l_io_device_get_funcs (self->device)->shutdown_output (self->device, &error))
    {
      return_when_drained (self, task);
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

  self->device = device;

  return G_OUTPUT_STREAM (self);
}

GSList *
l_output_stream_take_tasks (LOutputStream *self)
{
  return g_steal_pointer (&self->drain_tasks);
}

void
l_output_stream_return_tasks (GSList *tasks)
{
  for (GSList *l = tasks; l != NULL; l = l->next)
    g_task_return_boolean (l->data, TRUE);

  g_slist_free_full (tasks, g_object_unref);
}

static gboolean
return_dropped (gpointer task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s", _("The connection of the stream has ended"));
  return G_SOURCE_REMOVE;
}

void
l_output_stream_fail_tasks (LOutputStream *self)
{
  GSList *tasks = g_steal_pointer (&self->drain_tasks);

  /* The device is being torn down: not a moment for callbacks. */
  for (GSList *l = tasks; l != NULL; l = l->next)
    {
      g_autoptr(GSource) source = g_idle_source_new ();

      g_task_attach_source (l->data, source, return_dropped);
    }

  g_slist_free_full (tasks, g_object_unref);
}

void
l_output_stream_detach (LOutputStream *self)
{
  l_output_stream_fail_tasks (self);
  self->device = NULL;
}
