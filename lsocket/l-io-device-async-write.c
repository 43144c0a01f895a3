/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-io-device-private.h"
#include "l-output-stream-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

/* Asynchronous writing, flushing and closing of the output stream, in the owner's thread: answered from the loop's
 * dispatch. */

/* With the output's lock held. FALSE: it has to wait. */
static gboolean
try_to_write (LIODevice       *self,
              LAsyncOperation *operation)
{
  const LWriteRequest *request = &operation->write;

  return l_io_device_write_through (self, request->vectors, request->n_vectors, &operation->n_bytes,
                                    &operation->error) != G_POLLABLE_RETURN_WOULD_BLOCK;
}

void
l_io_device_answer_write (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LAsyncOperation *operation = NULL;

  if (priv->write_operation == NULL)
    return;

  g_mutex_lock (&priv->output.lock);
  if (try_to_write (self, priv->write_operation))
    {
      operation = g_steal_pointer (&priv->write_operation);
      l_io_device_update_output (self);
    }
  g_mutex_unlock (&priv->output.lock);

  if (operation != NULL)
    l_async_operation_return (operation);
}

static void
cancel_write (LAsyncOperation *operation)
{
  g_autoptr(LIODevice) self = l_io_device_ref_for_operation (operation);
  LIODevicePrivate *priv;

  if (self == NULL)
    return;

  priv = l_io_device_get_private (self);
  if (priv->write_operation != operation)
    return;

  g_mutex_lock (&priv->output.lock);
  priv->write_operation = NULL;
  l_io_device_update_output (self);
  g_mutex_unlock (&priv->output.lock);

  l_async_operation_set_cancelled (operation);
  l_async_operation_return (operation);
}

/* With the output's lock held. FALSE: it waits. */
static gboolean
write_or_wait (LIODevice       *self,
               LAsyncOperation *operation)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (l_async_operation_set_cancelled (operation))
    return TRUE;

  if (priv->write_operation != NULL)
    {
      g_set_error_literal (&operation->error, G_IO_ERROR, G_IO_ERROR_PENDING, _("Another write is under way"));
      return TRUE;
    }

  if (try_to_write (self, operation))
    return TRUE;

  priv->write_operation = operation;
  l_io_device_update_output (self);
  return FALSE;
}

void
l_io_device_start_write (LIODevice           *self,
                         LStreamLink         *link,
                         LAsyncOperation     *operation,
                         const GOutputVector *vectors,
                         gsize                n_vectors)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LWriteRequest *request = &operation->write;
  gboolean is_done;

  operation->link = link;
  request->vectors = vectors;
  request->n_vectors = n_vectors;
  /* The one of write_async() is a local variable. */
  if (n_vectors == 1)
    {
      request->vector = vectors[0];
      request->vectors = &request->vector;
    }

  g_mutex_lock (&priv->output.lock);
  is_done = write_or_wait (self, operation);
  g_mutex_unlock (&priv->output.lock);

  if (is_done)
    l_async_operation_return_later (operation);
  else
    l_async_operation_watch_cancellable (operation, cancel_write);
}

/* Flushing and closing */

static gboolean
on_drain_cancelled (GCancellable *cancellable,
                    gpointer      user_data)
{
  GTask *task = user_data;
  LOutputStream *stream = g_task_get_source_object (task);
  g_autoptr(LIODevice) self = l_stream_link_ref_device (l_output_stream_get_link (stream));
  LIODevicePrivate *priv;

  if (self == NULL)
    return G_SOURCE_REMOVE;

  priv = l_io_device_get_private (self);
  if (g_slist_find (priv->drain_tasks, task) == NULL)
    return G_SOURCE_REMOVE;

  priv->drain_tasks = g_slist_remove (priv->drain_tasks, task);
  g_task_return_error_if_cancelled (task);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

void
l_io_device_start_drain (LIODevice *self,
                         GTask     *task)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_flushed = l_io_device_is_flushed (self);

  g_mutex_lock (&priv->output.lock);
  l_io_device_schedule_flush (self);
  g_mutex_unlock (&priv->output.lock);

  if (is_flushed)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  priv->drain_tasks = g_slist_append (priv->drain_tasks, task);
  l_task_watch_cancellable (task, on_drain_cancelled);
}

void
l_io_device_return_drained (GSList *tasks)
{
  for (GSList *l = tasks; l != NULL; l = l->next)
    g_task_return_boolean (l->data, TRUE);

  g_slist_free_full (tasks, g_object_unref);
}

static void
set_dropped (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
}

static gboolean
return_dropped (gpointer task)
{
  GError *error = NULL;

  set_dropped (&error);
  g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

/* Not a moment for callbacks. Takes the task. */
static void
fail_in_turn (gpointer task)
{
  GSource *source = g_idle_source_new ();

  g_task_attach_source (task, source, return_dropped);
  g_source_unref (source);
  g_object_unref (task);
}

void
l_io_device_fail_writes (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = g_steal_pointer (&priv->drain_tasks);
  LAsyncOperation *operation;

  if (tasks == NULL && priv->write_operation == NULL)
    return;

  g_mutex_lock (&priv->output.lock);
  operation = g_steal_pointer (&priv->write_operation);
  l_io_device_update_output (self);
  g_mutex_unlock (&priv->output.lock);

  if (tasks != NULL)
    g_slist_free_full (tasks, fail_in_turn);
  if (operation == NULL)
    return;

  set_dropped (&operation->error);
  l_async_operation_return_later (operation);
}
