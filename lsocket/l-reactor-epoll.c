/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"
#include "l-system-private.h"

#include <glib-unix.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One epoll descriptor in the context: what a turn of the loop costs follows the connections that have something to
 * do, not the ones that are open. Level-triggered: the peer's reads would fire an edge-triggered EPOLLOUT.
 *
 * The few that are ready alone time and again, the hot ones, stand in the context by themselves, as with the poll
 * backend: that saves the second system call and the kernel's way through the set. */

/* How often one is ready alone before it is taken for hot. */
#define N_EVENTS_OF_HOT 8

G_STATIC_ASSERT (EPOLLIN == (guint) G_IO_IN);
G_STATIC_ASSERT (EPOLLOUT == (guint) G_IO_OUT);
G_STATIC_ASSERT (EPOLLERR == (guint) G_IO_ERR);
G_STATIC_ASSERT (EPOLLHUP == (guint) G_IO_HUP);
G_STATIC_ASSERT (EPOLLRDHUP == (guint) L_IO_RDHUP);

static gboolean
control (LReactor      *self,
         int            operation,
         LReactorWatch *watch)
{
  struct epoll_event event = {
    .events = watch->condition,
    .data.u64 = l_reactor_get_event_id (self, watch),
  };

  return l_system.epoll_ctl (self->fd, operation, (int) watch->descriptor, &event) == 0;
}

static gboolean
epoll_init (LReactor *self)
{
  self->fd = l_system.epoll_create1 (EPOLL_CLOEXEC);
  if (self->fd < 0)
    return FALSE;

  self->process = getpid ();
  self->changed = g_array_new (FALSE, FALSE, sizeof (guint32));
  return TRUE;
}

static void
epoll_clear (LReactor *self)
{
  g_array_unref (self->changed);
  if (self->fd >= 0)
    l_system.close (self->fd);
}

static gboolean
is_outside (LReactor      *self,
            LReactorWatch *watch)
{
  return l_reactor_get_slot (self, watch->slot)->poll_fd != NULL;
}

static void
add_outside (LReactor      *self,
             LReactorWatch *watch)
{
  l_reactor_backend_poll.add (self, watch);
  self->n_outside++;
}

static void
set_told (LReactor      *self,
          LReactorWatch *watch,
          GIOCondition   condition)
{
  LReactorSlot *slot = l_reactor_get_slot (self, watch->slot);

  self->n_inside += (condition != 0) - (slot->told != 0);
  slot->told = condition;
}

/* A fork's child shares the set: what it takes out the parent still waits for. */
static void
take_out_of_set (LReactor      *self,
                 LReactorWatch *watch)
{
  if (l_reactor_get_slot (self, watch->slot)->told == 0)
    return;

  if (self->process == getpid ())
    control (self, EPOLL_CTL_DEL, watch);
  set_told (self, watch, 0);
}

static void
tell_set (LReactor      *self,
          LReactorWatch *watch)
{
  gboolean is_inside = l_reactor_get_slot (self, watch->slot)->told != 0;

  if (watch->condition == 0)
    {
      take_out_of_set (self, watch);
      return;
    }

  if (!control (self, is_inside ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch))
    {
      take_out_of_set (self, watch);
      add_outside (self, watch);
      return;
    }

  set_told (self, watch, watch->condition);
  if (self->tag == NULL)
    self->tag = g_source_add_unix_fd (&self->parent, self->fd, G_IO_IN);
}

/* The loop's own thread tells the set when it goes to sleep: of what changes back and forth, or is gone by then, it need
 * not know. */
static void
change (LReactor      *self,
        LReactorWatch *watch)
{
  LReactorSlot *slot = l_reactor_get_slot (self, watch->slot);

  if (self->thread != NULL && self->thread != g_thread_self ())
    {
      tell_set (self, watch);
      return;
    }

  if (!slot->is_changed)
    g_array_append_val (self->changed, watch->slot);
  slot->is_changed = TRUE;
}

static void
epoll_prepare (LReactor *self)
{
  if (self->changed->len == 0)
    return;

  for (guint i = 0; i < self->changed->len; i++)
    {
      LReactorSlot *slot = l_reactor_get_slot (self, g_array_index (self->changed, guint32, i));

      slot->is_changed = FALSE;
      if (slot->watch != NULL && slot->poll_fd == NULL && slot->watch->condition != slot->told)
        tell_set (self, slot->watch);
    }

  g_array_set_size (self->changed, 0);
}

static gboolean
epoll_check (LReactor *self)
{
  if (self->n_outside > 0)
    return l_reactor_backend_poll.check (self);

  for (guint i = 0; i < G_N_ELEMENTS (self->hot); i++)
    if (self->hot[i].slot != 0 && l_reactor_query_slot (l_reactor_get_slot (self, self->hot[i].slot)) != 0)
      return TRUE;

  return FALSE;
}

static LReactorHot *
find_hot (LReactor *self,
          guint32   slot)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->hot); i++)
    if (self->hot[i].slot == slot)
      return &self->hot[i];

  return NULL;
}

static void
remove_outside (LReactor      *self,
                LReactorWatch *watch)
{
  LReactorHot *hot = find_hot (self, watch->slot);

  if (hot != NULL)
    hot->slot = 0;
  else
    self->n_outside--;

  l_reactor_backend_poll.remove (self, watch);
}

static void
move_to_set (LReactor      *self,
             LReactorWatch *watch)
{
  remove_outside (self, watch);
  change (self, watch);
}

/* A place for one more; one that was ready since the last time around is passed by once. */
static LReactorHot *
make_place (LReactor *self)
{
  while (TRUE)
    {
      LReactorHot *hot = &self->hot[self->hot_hand++ % G_N_ELEMENTS (self->hot)];

      if (hot->slot != 0 && !hot->was_ready)
        move_to_set (self, l_reactor_get_slot (self, hot->slot)->watch);
      if (hot->slot == 0)
        return hot;

      hot->was_ready = FALSE;
    }
}

static void
heat_up (LReactor      *self,
         LReactorWatch *watch)
{
  LReactorHot *hot;

  /* A fork's child leaves it in the set. */
  if (self->process != getpid ())
    return;

  take_out_of_set (self, watch);
  l_reactor_backend_poll.add (self, watch);

  hot = make_place (self);
  hot->slot = watch->slot;
  hot->was_ready = TRUE;

  /* An empty set costs every turn something, too. */
  if (self->n_inside == 0)
    g_source_remove_unix_fd (&self->parent, g_steal_pointer (&self->tag));
}

/* One that takes the slot of another takes its place here, too, and begins anew. */
static LReactorCandidate *
find_candidate (LReactor *self,
                guint64   event_id)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->candidates); i++)
    if ((guint32) self->candidates[i].event_id == (guint32) event_id)
      return &self->candidates[i];

  return &self->candidates[self->candidate_hand++ % G_N_ELEMENTS (self->candidates)];
}

static LReactorCandidate *
get_candidate (LReactor *self,
               guint64   event_id)
{
  LReactorCandidate *candidate = find_candidate (self, event_id);

  if (candidate->event_id != event_id)
    {
      candidate->event_id = event_id;
      candidate->n_events = 0;
    }

  return candidate;
}

/* Of the one that alone was ready in the set. */
static void
count_event (LReactor *self,
             guint64   event_id)
{
  LReactorWatch *watch;
  LReactorCandidate *candidate;

  g_mutex_lock (&self->lock);
  watch = l_reactor_get_slot (self, (guint32) event_id)->watch;
  if (watch != NULL && !is_outside (self, watch) && watch->condition != 0 && event_id == l_reactor_get_event_id (self, watch))
    {
      candidate = get_candidate (self, event_id);
      if (++candidate->n_events >= N_EVENTS_OF_HOT)
        {
          candidate->event_id = 0;
          heat_up (self, watch);
        }
    }
  g_mutex_unlock (&self->lock);
}

static void
epoll_modify (LReactor      *self,
              LReactorWatch *watch)
{
  /* What changes its mind is cheaper in the set: GLib wakes the loop for each change. */
  if (is_outside (self, watch))
    move_to_set (self, watch);
  else
    change (self, watch);
}

static void
epoll_remove (LReactor      *self,
              LReactorWatch *watch)
{
  if (is_outside (self, watch))
    remove_outside (self, watch);
  else
    change (self, watch);
}

/* Closing takes it out of the set, unless it was duplicated or a fork's child has it, too. That is noticed when it has
 * something to tell (renew_set()), and then nothing is left to closing any more. */
static void
epoll_leave (LReactor      *self,
             LReactorWatch *watch,
             gboolean       is_closing)
{
  if (!is_closing || self->is_shared)
    take_out_of_set (self, watch);
  else
    set_told (self, watch, 0);
}

/* What was ready when the loop woke up */
typedef struct
{
  guint64      id;
  GIOCondition condition;
} HotEvent;

typedef struct
{
  HotEvent hot[L_REACTOR_N_HOT];
  guint    n_hot;
  gboolean outside;   /* perhaps, of those the set has no room for */
  gboolean set;
} Ready;

static void
query_hot (LReactor    *self,
           LReactorHot *hot,
           Ready       *ready)
{
  LReactorSlot *slot = l_reactor_get_slot (self, hot->slot);
  GIOCondition condition;

  if (hot->slot == 0)
    return;

  condition = l_reactor_query_slot (slot);
  if (condition == 0)
    return;

  hot->was_ready = TRUE;
  ready->hot[ready->n_hot].id = l_reactor_get_event_id (self, slot->watch);
  ready->hot[ready->n_hot].condition = condition;
  ready->n_hot++;
}

static void
query (LReactor *self,
       Ready    *ready)
{
  ready->n_hot = 0;

  g_mutex_lock (&self->lock);
  ready->outside = self->n_outside > 0;
  ready->set = self->tag != NULL && g_source_query_unix_fd (&self->parent, self->tag) != 0;
  for (guint i = 0; !ready->outside && i < G_N_ELEMENTS (self->hot); i++)
    query_hot (self, &self->hot[i], ready);
  g_mutex_unlock (&self->lock);
}

/* What was forgotten and is still there can only be left behind, with the set. Without a new one, for want of
 * descriptors, they all stand outside. */
static void
renew_set (LReactor *self)
{
  g_mutex_lock (&self->lock);
  self->is_shared = TRUE;
  if (self->tag != NULL)
    g_source_remove_unix_fd (&self->parent, g_steal_pointer (&self->tag));
  l_system.close (self->fd);
  self->fd = l_system.epoll_create1 (EPOLL_CLOEXEC);
  self->process = getpid ();

  for (guint i = 1; i < self->slots->len; i++)
    {
      LReactorSlot *slot = l_reactor_get_slot (self, i);

      if (slot->watch == NULL || slot->told == 0)
        continue;

      set_told (self, slot->watch, 0);
      tell_set (self, slot->watch);
    }
  g_mutex_unlock (&self->lock);
}

/* FALSE: of a slot that was given back. */
static gboolean
is_current (LReactor *self,
            guint64   event_id)
{
  LReactorSlot *slot;
  gboolean current;

  g_mutex_lock (&self->lock);
  slot = l_reactor_get_slot (self, (guint32) event_id);
  current = slot->watch != NULL && slot->generation == (guint32) (event_id >> 32);
  g_mutex_unlock (&self->lock);

  return current;
}

static void
dispatch_set (LReactor *self)
{
  struct epoll_event events[L_REACTOR_MAX_EVENTS];
  int n_events;

  n_events = l_system.epoll_wait (self->fd, events, G_N_ELEMENTS (events), 0);
  /* The first of a round, before a handler could have removed it; the kernel begins with another one each time. */
  if (n_events > 0 && !is_current (self, events[0].data.u64))
    {
      renew_set (self);
      return;
    }

  if (n_events == 1)
    count_event (self, events[0].data.u64);

  for (int i = 0; i < n_events; i++)
    l_reactor_dispatch_event (self, events[i].data.u64, events[i].events);
}

static void
epoll_dispatch (LReactor *self)
{
  Ready ready;

  query (self, &ready);

  for (guint i = 0; i < ready.n_hot; i++)
    l_reactor_dispatch_event (self, ready.hot[i].id, ready.hot[i].condition);
  if (ready.outside)
    l_reactor_backend_poll.dispatch (self);
  if (ready.set)
    dispatch_set (self);
}

const LReactorBackend l_reactor_backend_epoll = {
  .name = "epoll",
  .init = epoll_init,
  .clear = epoll_clear,
  .add = change,
  .modify = epoll_modify,
  .remove = epoll_remove,
  .leave = epoll_leave,
  .prepare = epoll_prepare,
  .check = epoll_check,
  .dispatch = epoll_dispatch,
  .look = l_reactor_look,
};
