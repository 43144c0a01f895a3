/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"

/* Windows tells that an operation is done, and not that a pipe is ready; and GLib's poll() makes threads in each turn for
 * more than 64 handles. So there is no GPollFD: whoever has operations under way lets the system's thread pool wait for
 * them, which queues the watch as a task. What the watch waits for is asked of it in the loop's dispatch, again and again
 * as long as it is there: to the layers above that looks like a level-triggered poll(). */

static gboolean
win32_init (LReactor *self)
{
  return TRUE;
}

static void
win32_clear (LReactor *self)
{
}

static void
tell (LReactorTask *task)
{
  LReactorWatch *watch = L_CONTAINER_OF (task, LReactorWatch, task);
  LReactor *self = watch->reactor;
  GIOCondition wanted, condition;

  g_mutex_lock (&self->lock);
  wanted = watch->condition;
  g_mutex_unlock (&self->lock);
  if (wanted == 0)
    return;

  condition = watch->query (watch, wanted) & (wanted | G_IO_HUP | G_IO_ERR);
  if (condition == 0)
    return;

  /* In the next turn it is asked again, unless it is removed meanwhile. */
  l_reactor_queue_task_later (self, task);
  watch->func (watch, condition);
}

static void
win32_add (LReactor      *self,
           LReactorWatch *watch)
{
  watch->reactor = self;
  watch->task.func = tell;
  watch->task.object = watch->object;
  l_reactor_push_task (self, &watch->task);
}

static void
win32_modify (LReactor      *self,
              LReactorWatch *watch)
{
  l_reactor_push_task (self, &watch->task);
}

static void
win32_remove (LReactor      *self,
              LReactorWatch *watch)
{
  l_reactor_remove_task (self, &watch->task);
}

void
l_reactor_tell_watch (LReactor      *self,
                      LReactorWatch *watch)
{
  g_mutex_lock (&self->lock);
  if (watch->slot != 0 && watch->condition != 0)
    l_reactor_push_task (self, &watch->task);
  g_mutex_unlock (&self->lock);
}

static void
win32_dispatch (LReactor *self)
{
}

const LReactorBackend l_reactor_backend_win32 = {
  .name = "win32",
  .init = win32_init,
  .clear = win32_clear,
  .add = win32_add,
  .modify = win32_modify,
  .remove = win32_remove,
  .dispatch = win32_dispatch,
};
