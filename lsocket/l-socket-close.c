/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-socket-private.h"
#include "l-task-private.h"

/* What a GIOStream does to close: in the owner's thread as the state machine has it, in any other without waiting for that. */

/* In another thread than the owner's, however long that one's loop stands still. */
static gboolean
close_elsewhere (LSocket       *self,
                 GCancellable  *cancellable,
                 GError       **error)
{
  gboolean done = l_io_device_finish_output (L_IO_DEVICE (self), cancellable, error);

  l_socket_hang_up (self);

  return done;
}

/* FALSE when the peer went while we were closing, so that what was not sent yet is lost. */
static gboolean
check_delivered (LSocket   *self,
                 gboolean   was_lost,
                 GError   **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (!priv->lost || was_lost)
    return TRUE;

  g_set_error_literal (error, L_SOCKET_ERROR, priv->error, l_io_device_get_error_string (L_IO_DEVICE (self)));
  l_error_convert_to_io (error);
  return FALSE;
}

gboolean
l_socket_close (GIOStream     *stream,
                GCancellable  *cancellable,
                GError       **error)
{
  LSocket *self = L_SOCKET (stream);
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean delivered = FALSE;
  gboolean done = TRUE;
  gboolean was_lost, is_over;

  /* The last reference has gone: there is nothing left to close. */
  if (priv->disposed)
    return TRUE;
  if (!l_io_device_is_owner (L_IO_DEVICE (self)))
    return close_elsewhere (self, cancellable, error);

  g_object_ref (self);

  was_lost = priv->lost;
  is_over = l_socket_begin_closing (self);
  while (!is_over && done)
    {
      done = l_io_device_wait_turn (L_IO_DEVICE (self), -1, cancellable);
      is_over = priv->state == L_SOCKET_STATE_UNCONNECTED;
    }

  if (is_over)
    {
      delivered = check_delivered (self, was_lost, error);
    }
  else
    {
      l_socket_abort (self);
      g_cancellable_set_error_if_cancelled (cancellable, error);
    }

  l_stream_unref_later (self);
  return delivered;
}

static gboolean
on_close_cancelled (GCancellable *cancellable,
                    gpointer      user_data)
{
  GTask *task = user_data;
  LSocket *self = g_task_get_source_object (task);

  if (l_socket_take_end_task (self, task))
    {
      l_socket_abort (self);
      l_task_return_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

static void
close_in_thread (GTask        *task,
                 gpointer      source_object,
                 gpointer      unused,
                 GCancellable *cancellable)
{
  GError *error = NULL;

  if (close_elsewhere (source_object, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
l_socket_close_async (GIOStream           *stream,
                      int                  io_priority,
                      GCancellable        *cancellable,
                      GAsyncReadyCallback  callback,
                      gpointer             user_data)
{
  LSocket *self = L_SOCKET (stream);
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr(GError) error = NULL;
  gboolean was_lost = priv->lost;

  g_task_set_source_tag (task, l_socket_close_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, io_priority);

  if (!l_io_device_is_in_reactor (L_IO_DEVICE (self)))
    {
      g_task_run_in_thread (task, close_in_thread);
      return;
    }

  l_task_begin (task);
  if (l_socket_begin_closing (self))
    {
      check_delivered (self, was_lost, &error);
      l_task_return (task, error);
    }
  else
    {
      l_task_watch_cancellable (task, on_close_cancelled);
      priv->end_tasks = g_slist_prepend (priv->end_tasks, g_object_ref (task));
    }
  l_task_begun (task);
}

gboolean
l_socket_close_finish (GIOStream     *stream,
                       GAsyncResult  *result,
                       GError       **error)
{
  if (g_task_propagate_boolean (G_TASK (result), error))
    return TRUE;

  l_error_convert_to_io (error);
  return FALSE;
}
