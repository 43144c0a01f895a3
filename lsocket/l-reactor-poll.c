/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"

#include <glib-unix.h>

/* The portable one: each descriptor stands in the context by itself. */

static gboolean
poll_init (LReactor *self)
{
  return TRUE;
}

static void
poll_clear (LReactor *self)
{
}

static gboolean
poll_add (LReactor      *self,
          LReactorWatch *watch)
{
  /* Those who outlive the context are told nothing any more. */
  if (!g_source_is_destroyed (&self->parent))
    l_reactor_get_slot (self, watch->slot)->tag =
      g_source_add_unix_fd (&self->parent, (int) watch->descriptor, watch->condition);

  return TRUE;
}

static gboolean
poll_modify (LReactor      *self,
             LReactorWatch *watch)
{
  if (!g_source_is_destroyed (&self->parent))
    g_source_modify_unix_fd (&self->parent, l_reactor_get_slot (self, watch->slot)->tag, watch->condition);

  return TRUE;
}

static void
poll_remove (LReactor      *self,
             LReactorWatch *watch)
{
  LReactorSlot *slot = l_reactor_get_slot (self, watch->slot);

  /* The context has taken its descriptors with it. */
  if (!g_source_is_destroyed (&self->parent))
    g_source_remove_unix_fd (&self->parent, slot->tag);
  slot->tag = NULL;
}

static void
poll_dispatch (LReactor *self)
{
  guint n_slots = self->slots->len;
  guint n_events = 0;

  /* Handlers add and remove slots, so each is looked up anew; the cursor keeps a full round from starving the rest. */
  for (guint i = 0; i < n_slots && n_events < L_REACTOR_MAX_EVENTS; i++)
    {
      guint32 index = self->cursor++ % n_slots;
      LReactorSlot *slot = l_reactor_get_slot (self, index);
      GIOCondition condition;

      if (slot->watch == NULL || slot->tag == NULL)
        continue;

      condition = g_source_query_unix_fd (&self->parent, slot->tag);
      if (condition == 0)
        continue;

      n_events++;
      l_reactor_dispatch_event (self, l_reactor_get_event_id (self, slot->watch), condition);
    }
}

const LReactorBackend l_reactor_backend_poll = {
  .name = "poll",
  .init = poll_init,
  .clear = poll_clear,
  .add = poll_add,
  .modify = poll_modify,
  .remove = poll_remove,
  .dispatch = poll_dispatch,
};
