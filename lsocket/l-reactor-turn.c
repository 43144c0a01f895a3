/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"

/* A turn for what was begun and ended in one. GTask insists on one of its own, and each is a poll(), unless a source is ready
 * that goes before all descriptors. This one does, and only after a turn that had polled them: nobody has to wait for an
 * operation that always begins the next. */
typedef struct
{
  GSource   parent;
  LReactor *reactor; /* (unowned): in the same context */
} LReactorTurn;

static gboolean
turn_prepare (GSource *source,
              int     *timeout)
{
  LReactor *self = ((LReactorTurn *) source)->reactor;
  gboolean due;

  g_mutex_lock (&self->lock);
  due = self->soon.length > 0;
  if (due)
    l_reactor_note_thread (self);
  g_mutex_unlock (&self->lock);

  *timeout = due ? 0 : -1;
  return due;
}

static gboolean
turn_dispatch (GSource     *source,
               GSourceFunc  callback,
               gpointer     user_data)
{
  LReactor *self = ((LReactorTurn *) source)->reactor;
  gboolean is_default = l_reactor_is_thread_default (self);
  guint n_soon;

  if (!is_default)
    g_main_context_push_thread_default (self->context);

  g_mutex_lock (&self->lock);
  self->polled = FALSE;
  n_soon = self->soon.length;
  g_mutex_unlock (&self->lock);

  l_reactor_run_tasks (self, &self->soon, n_soon);
  l_reactor_run_due_tasks (self);

  if (!is_default)
    g_main_context_pop_thread_default (self->context);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs turn_funcs = {
  .prepare = turn_prepare,
  .dispatch = turn_dispatch,
};

void
l_reactor_add_turn (LReactor *self)
{
  GSource *source = g_source_new (&turn_funcs, sizeof (LReactorTurn));

  ((LReactorTurn *) source)->reactor = self;
  g_source_set_priority (source, G_PRIORITY_DEFAULT - 1);
  g_source_set_can_recurse (source, TRUE);
  g_source_set_static_name (source, "LSocket turn");
  g_source_attach (source, self->context);
  g_atomic_pointer_set (&self->turn, source);
  g_source_unref (source);
}
