/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"

/* A peer that answers at once has answered before the loop has gone to sleep and woken up: so the one that was told last
 * is looked at again and again first. Where that is in vain, as where the peer needs our processor, it soon ends. */

#define SPIN_US     30  /* after an event */
#define DISPATCH_US 500 /* in one dispatch: other sources wait as long */
#define MAX_DEBT    16
#define PRICE       4   /* of one in vain, which costs about as many times what one that is not saves */
#define PROBE       512 /* with the whole debt one of so many wakes tries */

static LReactorWatch *
get_watch (LReactor *self,
           guint64   event_id)
{
  LReactorSlot *slot = l_reactor_get_slot (self, (guint32) event_id);

  if (slot->watch == NULL || slot->generation != (guint32) (event_id >> 32) || !slot->watch->is_low_latency)
    return NULL;

  return slot->watch;
}

/* FALSE: there is something else to do, or it is not to be looked at any more. */
static gboolean
get_wish (LReactor     *self,
          guint64       event_id,
          gint64        now,
          gintptr      *descriptor,
          GIOCondition *condition)
{
  LReactorWatch *watch;
  gboolean is_busy;

  g_mutex_lock (&self->lock);
  watch = get_watch (self, event_id);
  is_busy = !g_queue_is_empty (&self->tasks) || !g_queue_is_empty (&self->later) || !g_queue_is_empty (&self->soon) ||
            l_reactor_is_timer_due (self, now);
  *descriptor = watch != NULL ? watch->descriptor : -1;
  *condition = watch != NULL ? watch->condition : 0;
  g_mutex_unlock (&self->lock);

  return !is_busy && *condition != 0;
}

/* Looks until there is something; FALSE: in vain. */
static gboolean
look (LReactor *self,
      guint64   event_id,
      gint64    end)
{
  GIOCondition condition;
  gintptr descriptor;
  gint64 now;

  while ((now = g_get_monotonic_time ()) < end && get_wish (self, event_id, now, &descriptor, &condition))
    {
      condition = self->backend->look (descriptor, condition);
      if (condition == 0)
        continue;

      l_reactor_dispatch_event (self, event_id, condition);
      return TRUE;
    }

  return FALSE;
}

static gboolean
may_spin (LReactor *self)
{
  return self->spin_debt < MAX_DEBT || ++self->n_unspun % PROBE == 0;
}

void
l_reactor_spin (LReactor *self)
{
  gint64 start = g_get_monotonic_time ();
  gint64 now = start;
  guint64 event_id;

  while ((event_id = self->spin_event_id) != 0 && self->backend->look != NULL && now < start + DISPATCH_US && may_spin (self))
    {
      self->spin_event_id = 0;
      if (!look (self, event_id, MIN (now + SPIN_US, start + DISPATCH_US)))
        {
          self->spin_debt = MIN (self->spin_debt + PRICE, MAX_DEBT);
          break;
        }

      self->spin_debt -= MIN (self->spin_debt, 1);
      l_reactor_run_due_tasks (self);
      now = g_get_monotonic_time ();
    }

  self->spin_event_id = 0;
}
