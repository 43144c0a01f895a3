/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-task-private.h"

static void
unwatch (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

void
l_task_watch_cancellable (GTask                  *task,
                          GCancellableSourceFunc  callback)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GSource *source;

  if (cancellable == NULL)
    return;

  source = g_cancellable_source_new (cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), task, NULL);
  g_source_attach (source, g_task_get_context (task));
  g_task_set_task_data (task, source, unwatch);
}

static GQuark
get_begin_quark (void)
{
  return g_quark_from_static_string ("l-task-begin");
}

typedef struct
{
  gboolean  is_over;
  GError   *error;   /* (owned) (nullable) */
} LTaskBegin;

static void
free_begin (gpointer data)
{
  LTaskBegin *begin = data;

  g_clear_error (&begin->error);
  g_free (begin);
}

void
l_task_begin (GTask *task)
{
  g_object_set_qdata_full (G_OBJECT (task), get_begin_quark (), g_new0 (LTaskBegin, 1), free_begin);
}

static gboolean
return_in_turn (gpointer user_data)
{
  GTask *task = user_data;
  LTaskBegin *begin = g_object_steal_qdata (G_OBJECT (task), get_begin_quark ());

  l_task_return (task, begin->error);
  free_begin (begin);
  return G_SOURCE_REMOVE;
}

void
l_task_begun (GTask *task)
{
  LTaskBegin *begin = g_object_get_qdata (G_OBJECT (task), get_begin_quark ());
  g_autoptr(GSource) source = NULL;

  if (!begin->is_over)
    {
      g_object_set_qdata (G_OBJECT (task), get_begin_quark (), NULL);
      return;
    }

  source = g_idle_source_new ();
  g_task_attach_source (task, source, return_in_turn);
}

void
l_task_return (GTask        *task,
               const GError *error)
{
  LTaskBegin *begin = g_object_get_qdata (G_OBJECT (task), get_begin_quark ());

  if (begin != NULL)
    {
      begin->is_over = TRUE;
      begin->error = error != NULL ? g_error_copy (error) : NULL;
    }
  else if (error != NULL)
    {
      g_task_return_error (task, g_error_copy (error));
    }
  else
    {
      g_task_return_boolean (task, TRUE);
    }
}

void
l_task_return_cancelled (GTask *task)
{
  g_autoptr(GError) error = NULL;

  g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error);
  l_task_return (task, error);
}

gboolean
l_task_check_served (GTask    *task,
                     gboolean  is_served)
{
  GError *error = NULL;

  if (is_served)
    return TRUE;

  l_error_set_not_served (&error);
  g_task_return_error (task, error);
  return FALSE;
}
