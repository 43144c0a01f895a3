/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-task-private.h"

#include <glib/gi18n-lib.h>

GSource *
l_task_watch (GTask                  *task,
              GCancellableSourceFunc  callback)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GSource *source;

  if (cancellable == NULL)
    return NULL;

  source = g_cancellable_source_new (cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), task, NULL);
  g_source_attach (source, g_task_get_context (task));

  return source;
}

void
l_task_unwatch (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

void
l_task_watch_cancellable (GTask                  *task,
                          GCancellableSourceFunc  callback)
{
  GSource *source = l_task_watch (task, callback);

  if (source != NULL)
    g_task_set_task_data (task, source, (GDestroyNotify) l_task_unwatch);
}

void
l_task_return_not_served (GTask *task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "%s",
                           _("No main loop of the calling thread serves the object"));
}
