/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"
#include "l-system-private.h"

/* The portable one: each descriptor stands in the context by itself. Not by g_source_add_unix_fd(): to ask GLib for one of
 * those takes as long as there are many, and to change one wakes the loop. */

static gboolean
poll_init (LReactor *self)
{
  return TRUE;
}

static void
poll_clear (LReactor *self)
{
}

static void
poll_add (LReactor      *self,
          LReactorWatch *watch)
{
  GPollFD *poll_fd = g_new0 (GPollFD, 1);

  poll_fd->fd = (int) watch->descriptor;
  poll_fd->events = watch->condition;
  l_reactor_get_slot (self, watch->slot)->poll_fd = poll_fd;
  g_source_add_poll (&self->parent, poll_fd);
}

static void
poll_remove (LReactor      *self,
             LReactorWatch *watch)
{
  GPollFD *poll_fd = g_steal_pointer (&l_reactor_get_slot (self, watch->slot)->poll_fd);

  g_source_remove_poll (&self->parent, poll_fd);
  g_free (poll_fd);
}

static void
poll_modify (LReactor      *self,
             LReactorWatch *watch)
{
  /* The loop looks at it before it sleeps. */
  if (self->thread == g_thread_self ())
    {
      l_reactor_get_slot (self, watch->slot)->poll_fd->events = watch->condition;
      return;
    }

  poll_remove (self, watch);
  poll_add (self, watch);
}

static gboolean
poll_check (LReactor *self)
{
  for (guint i = 1; i < self->slots->len; i++)
    if (l_reactor_query_slot (l_reactor_get_slot (self, i)) != 0)
      return TRUE;

  return FALSE;
}

/* The condition and the event of the next slot, counted round; 0: nothing. */
static GIOCondition
query_next_slot (LReactor *self,
                 guint64  *event_id)
{
  GIOCondition condition = 0;
  LReactorSlot *slot;

  g_mutex_lock (&self->lock);
  slot = l_reactor_get_slot (self, self->cursor++ % self->slots->len);
  if (slot->watch != NULL)
    {
      condition = l_reactor_query_slot (slot);
      *event_id = l_reactor_get_event_id (self, slot->watch);
    }
  g_mutex_unlock (&self->lock);

  return condition;
}

static void
poll_dispatch (LReactor *self)
{
  guint n_events = 0;
  guint n_slots;

  g_mutex_lock (&self->lock);
  n_slots = self->slots->len;
  g_mutex_unlock (&self->lock);

  /* Handlers add and remove slots, so each is looked up anew; the cursor keeps a full round from starving the rest. */
  for (guint i = 0; i < n_slots && n_events < L_REACTOR_MAX_EVENTS; i++)
    {
      guint64 event_id;
      GIOCondition condition = query_next_slot (self, &event_id);

      if (condition == 0)
        continue;

      n_events++;
      l_reactor_dispatch_event (self, event_id, condition);
    }
}

GIOCondition
l_reactor_look (gintptr      descriptor,
                GIOCondition condition)
{
  struct pollfd pfd = { .fd = (int) descriptor, .events = (short) condition };

  return l_system.poll (&pfd, 1, 0) > 0 ? (GIOCondition) pfd.revents : 0;
}

const LReactorBackend l_reactor_backend_poll = {
  .name = "poll",
  .init = poll_init,
  .clear = poll_clear,
  .add = poll_add,
  .modify = poll_modify,
  .remove = poll_remove,
  .check = poll_check,
  .dispatch = poll_dispatch,
  .look = l_reactor_look,
};
