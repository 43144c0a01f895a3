/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-reactor-backend-private.h"

#include <errno.h>

static GMutex registry_lock;
static GHashTable *registry; /* (element-type GMainContext LReactor) (unowned): a reactor removes itself */

static int
compare_timers (gconstpointer a,
                gconstpointer b,
                gpointer      unused)
{
  const LReactorTimer *timer_a = a;
  const LReactorTimer *timer_b = b;

  if (timer_a->due != timer_b->due)
    return timer_a->due < timer_b->due ? -1 : 1;

  return 0;
}

static LReactorTimer *
get_first_timer (LReactor *self)
{
  if (g_sequence_is_empty (self->timers))
    return NULL;

  return g_sequence_get (g_sequence_get_begin_iter (self->timers));
}

gboolean
l_reactor_is_timer_due (LReactor *self,
                        gint64    now)
{
  LReactorTimer *timer = get_first_timer (self);

  return timer != NULL && timer->due <= now;
}

static gboolean
is_due (LReactor *self,
        int      *timeout)
{
  LReactorTimer *timer;
  gint64 left;

  if (!g_queue_is_empty (&self->tasks) || !g_queue_is_empty (&self->later))
    return TRUE;

  timer = get_first_timer (self);
  if (timer == NULL)
    return FALSE;

  left = timer->due - g_source_get_time (&self->parent);
  if (left <= 0)
    return TRUE;

  /* Rounded up: a loop that wakes a fraction too early would turn for nothing. */
  *timeout = (int) MIN ((left + 999) / 1000, G_MAXINT);
  return FALSE;
}

void
l_reactor_note_thread (LReactor *self)
{
  GThread *thread = g_thread_self ();

  if (self->thread != thread)
    g_atomic_pointer_set (&self->thread, thread);
}

static gboolean
l_reactor_prepare (GSource *source,
                   int     *timeout)
{
  LReactor *self = (LReactor *) source;
  gboolean due;

  *timeout = -1;

  g_mutex_lock (&self->lock);
  l_reactor_note_thread (self);
  self->polled = TRUE;
  if (self->backend->prepare != NULL)
    self->backend->prepare (self);
  due = is_due (self, timeout);
  g_mutex_unlock (&self->lock);

  if (due)
    *timeout = 0;
  return due;
}

static gboolean
l_reactor_check (GSource *source)
{
  LReactor *self = (LReactor *) source;
  gboolean due;
  int timeout;

  g_mutex_lock (&self->lock);
  due = is_due (self, &timeout) || (self->backend->check != NULL && self->backend->check (self));
  g_mutex_unlock (&self->lock);

  return due;
}

static void
remove_timer (LReactorTimer *timer)
{
  if (timer->iter == NULL)
    return;

  g_sequence_remove (timer->iter);
  timer->iter = NULL;
}

void
l_reactor_remove_task (LReactor     *self,
                       LReactorTask *task)
{
  if (task->queue == NULL)
    return;

  g_queue_unlink (task->queue, &task->link);
  task->queue = NULL;
}

/* With the lock held, so that the object cannot be gone before. FALSE: it is going. */
static gboolean
take_object (GWeakRef  *weak_ref,
             GObject  **object)
{
  *object = weak_ref != NULL ? g_weak_ref_get (weak_ref) : NULL;

  return weak_ref == NULL || *object != NULL;
}

static LReactorTimer *
take_due_timer (LReactor  *self,
                gint64     now,
                GObject  **object)
{
  LReactorTimer *timer;

  g_mutex_lock (&self->lock);
  while ((timer = get_first_timer (self)) != NULL)
    {
      if (timer->due > now)
        timer = NULL;
      else
        remove_timer (timer);

      if (timer == NULL || take_object (timer->object, object))
        break;
    }
  g_mutex_unlock (&self->lock);

  return timer;
}

static LReactorTask *
take_task (LReactor  *self,
           GQueue    *queue,
           GObject  **object)
{
  LReactorTask *task;

  g_mutex_lock (&self->lock);
  while ((task = g_queue_peek_head (queue)) != NULL)
    {
      l_reactor_remove_task (self, task);
      if (take_object (task->object, object))
        break;
    }
  g_mutex_unlock (&self->lock);

  return task;
}

/* Each once: a timer that sets itself to a time that has passed, and a handler that always writes, must not keep the loop
 * here. What they queue waits for the next turn. */
static void
run_timers (LReactor *self,
            guint     n_timers)
{
  LReactorTimer *timer;
  GObject *object;
  gint64 now;

  if (n_timers == 0)
    return;

  now = g_source_get_time (&self->parent);
  while (n_timers-- > 0 && (timer = take_due_timer (self, now, &object)) != NULL)
    {
      timer->func (timer);
      g_clear_object (&object);
    }
}

void
l_reactor_run_tasks (LReactor *self,
                     GQueue   *queue,
                     guint     n_tasks)
{
  LReactorTask *task;
  GObject *object;

  while (n_tasks-- > 0 && (task = take_task (self, queue, &object)) != NULL)
    {
      task->func (task);
      g_clear_object (&object);
    }
}

void
l_reactor_run_due_tasks (LReactor *self)
{
  guint n_tasks;

  g_mutex_lock (&self->lock);
  n_tasks = self->tasks.length;
  g_mutex_unlock (&self->lock);

  l_reactor_run_tasks (self, &self->tasks, n_tasks);
}

static gboolean
l_reactor_dispatch (GSource     *source,
                    GSourceFunc  callback,
                    gpointer     user_data)
{
  LReactor *self = (LReactor *) source;
  gboolean is_default = l_reactor_is_thread_default (self);
  guint n_later, n_timers;

  /* What a handler begins belongs to this loop. */
  if (!is_default)
    g_main_context_push_thread_default (self->context);

  g_mutex_lock (&self->lock);
  n_later = self->later.length;
  n_timers = g_sequence_get_length (self->timers);
  g_mutex_unlock (&self->lock);

  l_reactor_run_tasks (self, &self->later, n_later);
  self->backend->dispatch (self);
  run_timers (self, n_timers);
  l_reactor_run_due_tasks (self);
  if (self->spin_event_id != 0)
    l_reactor_spin (self);

  if (!is_default)
    g_main_context_pop_thread_default (self->context);

  return G_SOURCE_CONTINUE;
}

/* Those of an object that holds the reactor are none of them. */
static void
drop_tasks (LReactor *self,
            GQueue   *queue)
{
  LReactorTask *task;

  while ((task = g_queue_peek_head (queue)) != NULL)
    {
      l_reactor_remove_task (self, task);
      task->drop (task);
    }
}

static void
clear_slot (gpointer slot)
{
  g_free (((LReactorSlot *) slot)->poll_fd);
}

static void
l_reactor_finalize (GSource *source)
{
  LReactor *self = (LReactor *) source;

  g_mutex_lock (&registry_lock);
  g_hash_table_remove (registry, self->context);
  g_mutex_unlock (&registry_lock);

  drop_tasks (self, &self->soon);
  drop_tasks (self, &self->later);
  drop_tasks (self, &self->tasks);
  g_clear_object (&self->spare);
  self->backend->clear (self);
  g_array_unref (self->slots);
  g_sequence_free (self->timers);
  g_mutex_clear (&self->lock);
}

static GSourceFuncs l_reactor_funcs = {
  .prepare = l_reactor_prepare,
  .check = l_reactor_check,
  .dispatch = l_reactor_dispatch,
  .finalize = l_reactor_finalize,
};

static const LReactorBackend *
choose_backend (void)
{
#ifdef __linux__
  if (g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), l_reactor_backend_poll.name) != 0)
    return &l_reactor_backend_epoll;
#endif

  return &L_REACTOR_BACKEND_PORTABLE;
}

static LReactor *
l_reactor_new (GMainContext *context)
{
  LReactor *self = (LReactor *) g_source_new (&l_reactor_funcs, sizeof (LReactor));
  GSource *source = &self->parent;

  g_mutex_init (&self->lock);
  self->context = context;
  self->slots = g_array_new (FALSE, TRUE, sizeof (LReactorSlot));
  g_array_set_clear_func (self->slots, clear_slot);
  g_array_set_size (self->slots, 1);
  self->timers = g_sequence_new (NULL);
  self->backend = choose_backend ();
  if (!self->backend->init (self))
    {
      /* No descriptor left for it: the other one needs none. */
      self->backend = &L_REACTOR_BACKEND_PORTABLE;
      self->backend->init (self);
    }

  /* A handler may run a main loop of its own; and without it GLib takes our descriptors out and puts them back
   * around every dispatch. */
  g_source_set_can_recurse (source, TRUE);
  g_source_set_static_name (source, "LSocket reactor");
  g_source_attach (source, context);

  return self;
}

static LReactor *
l_reactor_ref_for_context (GMainContext *context)
{
  LReactor *self;

  g_mutex_lock (&registry_lock);

  if (registry == NULL)
    registry = g_hash_table_new (NULL, NULL);

  self = g_hash_table_lookup (registry, context);
  if (self == NULL)
    {
      self = l_reactor_new (context);
      g_hash_table_insert (registry, context, self);
      /* The context owns it from here. */
      g_source_unref (&self->parent);
    }
  l_reactor_ref (self);

  g_mutex_unlock (&registry_lock);

  return self;
}

LReactor *
l_reactor_ref_thread_default (void)
{
  GMainContext *context = g_main_context_get_thread_default ();

  if (context == NULL)
    {
      context = g_main_context_default ();
      if (!g_main_context_acquire (context))
        return NULL;
      g_main_context_release (context);
    }

  return l_reactor_ref_for_context (context);
}

gboolean
l_reactor_is_thread_default (LReactor *self)
{
  GMainContext *context = g_main_context_get_thread_default ();

  return self->context == (context != NULL ? context : g_main_context_default ());
}

gboolean
l_reactor_is_for_context (LReactor     *self,
                          GMainContext *context)
{
  return self->context == context;
}

GObject *
l_reactor_steal_spare (LReactor *self)
{
  GObject *spare = g_atomic_pointer_get (&self->spare);

  if (spare != NULL && g_atomic_pointer_compare_and_exchange (&self->spare, spare, NULL))
    return spare;

  return NULL;
}

void
l_reactor_keep_spare (LReactor *self,
                      GObject  *object)
{
  if (!g_atomic_pointer_compare_and_exchange (&self->spare, NULL, object))
    g_object_unref (object);
}

gboolean
l_reactor_is_dispatching (LReactor *self)
{
  GSource *source = g_main_current_source ();

  return source == &self->parent || (source != NULL && source == g_atomic_pointer_get (&self->turn));
}

GThread *
l_reactor_get_thread (LReactor *self)
{
  return g_atomic_pointer_get (&self->thread);
}

/* Who holds the reactor holds its context, which another thread may drop while this one wakes it. */
LReactor *
l_reactor_ref (LReactor *self)
{
  g_main_context_ref (self->context);
  g_source_ref (&self->parent);

  return self;
}

void
l_reactor_unref (LReactor *self)
{
  GMainContext *context = self->context;

  g_source_unref (&self->parent);
  g_main_context_unref (context);
}

/* The slot's watch, if it still waits for one of the conditions: a handler that ran since may have changed that. */
static LReactorWatch *
get_watch_for_event (LReactor     *self,
                     guint64       event_id,
                     GIOCondition *condition)
{
  LReactorSlot *slot = l_reactor_get_slot (self, (guint32) event_id);
  LReactorWatch *watch = slot->watch;

  if (watch == NULL || slot->generation != (guint32) (event_id >> 32) || watch->condition == 0)
    return NULL;

  *condition &= watch->condition | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
  return *condition != 0 ? watch : NULL;
}

void
l_reactor_dispatch_event (LReactor     *self,
                          guint64       event_id,
                          GIOCondition  condition)
{
  LReactorWatch *watch;
  gboolean is_low_latency;
  GObject *object;

  g_mutex_lock (&self->lock);
  watch = get_watch_for_event (self, event_id, &condition);
  if (watch != NULL && !take_object (watch->object, &object))
    watch = NULL;
  g_mutex_unlock (&self->lock);

  if (watch == NULL)
    return;

  is_low_latency = watch->is_low_latency;
  watch->func (watch, condition);
  if (is_low_latency)
    self->spin_event_id = event_id;
  g_clear_object (&object);
}

static void
take_slot (LReactor      *self,
           LReactorWatch *watch,
           gintptr        descriptor)
{
  LReactorSlot *slot;

  if (self->free_slot != 0)
    {
      watch->slot = self->free_slot;
      self->free_slot = l_reactor_get_slot (self, watch->slot)->next_free;
    }
  else
    {
      watch->slot = self->slots->len;
      g_array_set_size (self->slots, self->slots->len + 1);
    }

  slot = l_reactor_get_slot (self, watch->slot);
  slot->watch = watch;

  watch->descriptor = descriptor;
  watch->condition = 0;
}

static void
give_slot_back (LReactor      *self,
                LReactorWatch *watch)
{
  LReactorSlot *slot = l_reactor_get_slot (self, watch->slot);

  slot->watch = NULL;
  slot->generation++;
  slot->next_free = self->free_slot;
  self->free_slot = watch->slot;

  watch->slot = 0;
  watch->condition = 0;
}

static void
change_condition (LReactor      *self,
                  LReactorWatch *watch,
                  GIOCondition   condition)
{
  GIOCondition old = watch->condition;

  if (old == condition)
    return;

  watch->condition = condition;
  if (old == 0)
    self->backend->add (self, watch);
  else if (condition != 0)
    self->backend->modify (self, watch);
  else
    self->backend->remove (self, watch);
}

void
l_reactor_watch (LReactor      *self,
                 LReactorWatch *watch,
                 gintptr        descriptor,
                 GIOCondition   condition)
{
  g_mutex_lock (&self->lock);
  if (watch->slot == 0)
    take_slot (self, watch, descriptor);
  change_condition (self, watch, condition);
  g_mutex_unlock (&self->lock);
}

static void
leave (LReactor      *self,
       LReactorWatch *watch,
       gboolean       is_closing)
{
  int errsv = errno;

  if (watch->slot == 0)
    return;

  g_mutex_lock (&self->lock);
  change_condition (self, watch, 0);
  if (self->backend->leave != NULL)
    self->backend->leave (self, watch, is_closing);
  give_slot_back (self, watch);
  g_mutex_unlock (&self->lock);

  errno = errsv;
}

void
l_reactor_remove_watch (LReactor      *self,
                        LReactorWatch *watch)
{
  leave (self, watch, FALSE);
}

void
l_reactor_forget_watch (LReactor      *self,
                        LReactorWatch *watch)
{
  leave (self, watch, TRUE);
}

/* With the lock held. The loop of another thread may be asleep; one that has never run looks before it sleeps. */
static void
wake_up (LReactor *self)
{
  if (self->thread != NULL && self->thread != g_thread_self ())
    g_main_context_wakeup (self->context);
}

static void
push_task (LReactor     *self,
           GQueue       *queue,
           LReactorTask *task)
{
  if (task->queue != NULL)
    return;

  task->queue = queue;
  task->link.data = task;
  g_queue_push_tail_link (queue, &task->link);
  wake_up (self);
}

void
l_reactor_push_task (LReactor     *self,
                     LReactorTask *task)
{
  push_task (self, &self->tasks, task);
}

void
l_reactor_queue_task (LReactor     *self,
                      LReactorTask *task)
{
  g_mutex_lock (&self->lock);
  push_task (self, &self->tasks, task);
  g_mutex_unlock (&self->lock);
}

void
l_reactor_queue_task_later (LReactor     *self,
                            LReactorTask *task)
{
  g_mutex_lock (&self->lock);
  push_task (self, &self->later, task);
  g_mutex_unlock (&self->lock);
}

void
l_reactor_queue_task_soon (LReactor     *self,
                           LReactorTask *task)
{
  g_mutex_lock (&self->lock);
  if (self->turn == NULL)
    l_reactor_add_turn (self);
  push_task (self, self->polled ? &self->soon : &self->later, task);
  g_mutex_unlock (&self->lock);
}

void
l_reactor_cancel_task (LReactor     *self,
                       LReactorTask *task)
{
  g_mutex_lock (&self->lock);
  l_reactor_remove_task (self, task);
  g_mutex_unlock (&self->lock);
}

void
l_reactor_set_timer (LReactor      *self,
                     LReactorTimer *timer,
                     gint64         due)
{
  g_mutex_lock (&self->lock);
  remove_timer (timer);
  timer->due = due;
  timer->iter = g_sequence_insert_sorted (self->timers, timer, compare_timers, NULL);
  wake_up (self);
  g_mutex_unlock (&self->lock);
}

void
l_reactor_cancel_timer (LReactor      *self,
                        LReactorTimer *timer)
{
  g_mutex_lock (&self->lock);
  remove_timer (timer);
  g_mutex_unlock (&self->lock);
}
