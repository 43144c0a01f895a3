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

typedef struct
{
  LStreamLink         *link;          /* (unowned): of the task's source */
  const GOutputVector *vectors;       /* (unowned): the caller's, or the one below */
  gsize                n_vectors;
  GOutputVector        vector;
  GSource             *cancel_source; /* (owned) (nullable) */

  GPollableReturn      result;        /* once it is done */
  gsize                n_written;
  GError              *error;         /* (owned) (nullable) */
} LWriteOperation;

static void
free_operation (gpointer data)
{
  LWriteOperation *operation = data;

  g_clear_pointer (&operation->cancel_source, l_task_unwatch);
  g_clear_error (&operation->error);
  g_free (operation);
}

/* Takes the task. */
static void
return_written (GTask *task)
{
  LWriteOperation *operation = g_task_get_task_data (task);

  if (operation->result == G_POLLABLE_RETURN_OK)
    g_task_return_int (task, operation->n_written);
  else
    g_task_return_error (task, g_steal_pointer (&operation->error));

  g_object_unref (task);
}

/* With the output's lock held. FALSE: it has to wait. */
static gboolean
try_to_write (LIODevice       *self,
              LWriteOperation *operation)
{
  operation->result = l_io_device_write_through (self, operation->vectors, operation->n_vectors, &operation->n_written,
                                                 &operation->error);

  return operation->result != G_POLLABLE_RETURN_WOULD_BLOCK;
}

void
l_io_device_answer_write (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GTask *task = NULL;

  if (priv->write_task == NULL)
    return;

  g_mutex_lock (&priv->output.lock);
  if (try_to_write (self, g_task_get_task_data (priv->write_task)))
    {
      task = g_steal_pointer (&priv->write_task);
      l_io_device_update_output (self);
    }
  g_mutex_unlock (&priv->output.lock);

  if (task != NULL)
    return_written (task);
}

void
l_io_device_done_task_func (LReactorTask *task)
{
  LIODevicePrivate *priv = L_CONTAINER_OF (task, LIODevicePrivate, done_task);

  g_slist_free_full (g_steal_pointer (&priv->done_writes), (GDestroyNotify) return_written);
}

static gboolean
on_write_cancelled (GCancellable *cancellable,
                    gpointer      user_data)
{
  GTask *task = user_data;
  LWriteOperation *operation = g_task_get_task_data (task);
  g_autoptr(LIODevice) self = l_stream_link_ref_device (operation->link);
  LIODevicePrivate *priv;

  if (self == NULL)
    return G_SOURCE_REMOVE;

  priv = l_io_device_get_private (self);
  if (priv->write_task != task)
    return G_SOURCE_REMOVE;

  g_mutex_lock (&priv->output.lock);
  priv->write_task = NULL;
  l_io_device_update_output (self);
  g_mutex_unlock (&priv->output.lock);

  g_task_return_error_if_cancelled (task);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

/* With the output's lock held. FALSE: it waits. */
static gboolean
write_or_wait (LIODevice *self,
               GTask     *task)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LWriteOperation *operation = g_task_get_task_data (task);

  if (priv->write_task != NULL)
    {
      g_set_error_literal (&operation->error, G_IO_ERROR, G_IO_ERROR_PENDING, _("Another write is under way"));
      operation->result = G_POLLABLE_RETURN_FAILED;
      return TRUE;
    }

  if (try_to_write (self, operation))
    return TRUE;

  priv->write_task = task;
  l_io_device_update_output (self);
  return FALSE;
}

void
l_io_device_start_write (LIODevice           *self,
                         LStreamLink         *link,
                         GTask               *task,
                         const GOutputVector *vectors,
                         gsize                n_vectors)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LWriteOperation *operation;
  gboolean is_done;

  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }

  operation = g_new0 (LWriteOperation, 1);
  operation->link = link;
  operation->vectors = vectors;
  operation->n_vectors = n_vectors;
  /* The one of write_async() is a local variable. */
  if (n_vectors == 1)
    {
      operation->vector = vectors[0];
      operation->vectors = &operation->vector;
    }
  g_task_set_task_data (task, operation, free_operation);

  g_mutex_lock (&priv->output.lock);
  is_done = write_or_wait (self, task);
  g_mutex_unlock (&priv->output.lock);

  if (!is_done)
    {
      operation->cancel_source = l_task_watch (task, on_write_cancelled);
      return;
    }

  /* GTask would make an idle source, to call back in the next turn. */
  priv->done_writes = g_slist_append (priv->done_writes, task);
  l_reactor_queue_task_later (priv->reactor, &priv->done_task);
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
  gboolean is_drained;

  g_mutex_lock (&priv->output.lock);
  is_drained = l_buffer_get_size (&priv->output.buffer) == 0;
  l_io_device_schedule_flush (self);
  g_mutex_unlock (&priv->output.lock);

  if (is_drained)
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

static gboolean
return_dropped (gpointer task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s", _("The connection of the stream has ended"));
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

static gboolean
return_in_turn (gpointer task)
{
  return_written (g_object_ref (task));
  return G_SOURCE_REMOVE;
}

void
l_io_device_return_writes (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = g_steal_pointer (&priv->done_writes);

  for (GSList *l = tasks; l != NULL; l = l->next)
    {
      g_autoptr(GSource) source = g_idle_source_new ();

      g_task_attach_source (l->data, source, return_in_turn);
    }

  g_slist_free_full (tasks, g_object_unref);
  if (priv->reactor != NULL)
    l_reactor_cancel_task (priv->reactor, &priv->done_task);
}

void
l_io_device_fail_writes (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = g_steal_pointer (&priv->drain_tasks);
  GTask *write_task;

  g_mutex_lock (&priv->output.lock);
  write_task = g_steal_pointer (&priv->write_task);
  l_io_device_update_output (self);
  g_mutex_unlock (&priv->output.lock);

  g_slist_free_full (tasks, fail_in_turn);
  g_clear_pointer (&write_task, fail_in_turn);
}
