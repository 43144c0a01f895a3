/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-reactor-private.h"

G_BEGIN_DECLS

/* What a backend sees of the reactor: the implementation of readiness, one file each. */
typedef struct
{
  /* (nullable): free; otherwise added. */
  LReactorWatch *watch;
  /* Told apart from what stood in the slot before: an event may be older than its slot's watch. */
  guint32        generation;
  guint32        next_free;
  /* (owned) (nullable): stands in the context by itself. */
  GPollFD       *poll_fd;
  /* What the epoll set knows of it; 0: it is not in there. */
  GIOCondition   told;
  gboolean       is_changed;
} LReactorSlot;

/* The most descriptors that stand beside the epoll set: each costs every turn of the loop a little. */
#define L_REACTOR_N_HOT 4

typedef struct
{
  guint32  slot;      /* 0: none */
  gboolean was_ready; /* since the hand passed it */
} LReactorHot;

typedef struct
{
  guint64 event_id;   /* 0: none */
  guint   n_events;   /* that it alone had */
} LReactorCandidate;

typedef struct
{
  const char *name;

  gboolean (* init)     (LReactor      *self);
  void     (* clear)    (LReactor      *self);
  void     (* add)      (LReactor      *self,
                         LReactorWatch *watch);
  void     (* modify)   (LReactor      *self,
                         LReactorWatch *watch);
  void     (* remove)   (LReactor      *self,
                         LReactorWatch *watch);
  /* (nullable): a removed one gives its slot back, and perhaps its descriptor is closed next. */
  void     (* leave)    (LReactor      *self,
                         LReactorWatch *watch,
                         gboolean       is_closing);
  /* (nullable): before the loop sleeps, and when it has: whether one that stands in the context by itself is ready. */
  void     (* prepare)  (LReactor      *self);
  gboolean (* check)    (LReactor      *self);
  /* Calls l_reactor_dispatch_event() for what is ready, in one bounded round, without waiting. */
  void     (* dispatch) (LReactor      *self);
  /* (nullable): what there is of the condition now, without waiting. */
  GIOCondition (* look) (gintptr       descriptor,
                         GIOCondition  condition);
} LReactorBackend;

struct _LReactor
{
  GSource parent;

  const LReactorBackend *backend;
  gpointer               tag;      /* (nullable): of the descriptor that stands for all (epoll) */
  int                    fd;       /* that descriptor */
  gint64                 process;  /* whose set that is (epoll) */
  gboolean               is_shared; /* descriptors in the set outlive their closing (epoll) */
  GObject               *spare;    /* (owned) (nullable) (atomic) */
  guint                  cursor;   /* where the next round begins (poll) */
  GArray                *changed;  /* (element-type guint32): the slots of which the set is to be told (epoll) */
  guint                  n_inside;                    /* slots of which the set knows (epoll) */
  guint                  n_outside;                   /* the set has no room for so many (epoll) */
  LReactorHot            hot[L_REACTOR_N_HOT];        /* (epoll) */
  guint                  hot_hand;                    /* the next to make way (epoll) */
  LReactorCandidate      candidates[L_REACTOR_N_HOT]; /* for those (epoll) */
  guint                  candidate_hand;              /* the next to be forgotten (epoll) */

  guint64                spin_event_id;               /* of the low-latency watch that was told last; 0: none */
  guint                  spin_debt;                   /* grows with what was in vain */
  guint                  n_unspun;                    /* counts the wakes that looked for nothing because of it */

  GMutex                 lock;     /* of what follows, and of the backend's calls except dispatch() */
  GMainContext          *context;  /* (unowned): owns this source, and is held by who holds the reactor */
  GThread               *thread;   /* (unowned) (nullable) (atomic): ran the context last; changed with the lock held */
  GArray                *slots;    /* (element-type LReactorSlot), the first is never used */
  guint32                free_slot;
  GQueue                 tasks;    /* (element-type LReactorTask) (unowned) */
  GQueue                 later;    /* (element-type LReactorTask) (unowned): for the next turn */
  GQueue                 soon;     /* (element-type LReactorTask) (unowned): for a turn that polls nothing */
  GSource               *turn;     /* (unowned) (nullable) (atomic): makes that turn; the context owns it */
  gboolean               polled;   /* since the last such turn */
  GSequence             *timers;   /* (element-type LReactorTimer) (unowned), the earliest first */
};

/* The most events that one dispatch takes. */
#define L_REACTOR_MAX_EVENTS 256

extern const LReactorBackend l_reactor_backend_poll;  /* not on Windows */
extern const LReactorBackend l_reactor_backend_epoll; /* Linux */
extern const LReactorBackend l_reactor_backend_win32; /* Windows */

/* The one that needs no resource and is there in any case. */
#ifdef G_OS_WIN32
# define L_REACTOR_BACKEND_PORTABLE l_reactor_backend_win32
#else
# define L_REACTOR_BACKEND_PORTABLE l_reactor_backend_poll
#endif

/* Which thread runs the context, with the lock held. */
void l_reactor_note_thread (LReactor     *self);

/* Without the lock: so many, and those that are due at the end of a dispatch. */
void l_reactor_run_tasks   (LReactor     *self,
                            GQueue       *queue,
                            guint         n_tasks);
void l_reactor_run_due_tasks (LReactor   *self);

/* l-reactor-poll.c: what look() does where there is poll(). */
GIOCondition l_reactor_look (gintptr      descriptor,
                             GIOCondition condition);

/* l-reactor-spin.c: at the end of a dispatch that has told a low-latency watch. */
void l_reactor_spin        (LReactor     *self);

/* With the lock held. */
gboolean l_reactor_is_timer_due (LReactor *self,
                                 gint64    now);

/* l-reactor-turn.c. With the lock held; only who needs it has it, for each turn asks it, too. */
void l_reactor_add_turn    (LReactor     *self);

/* The queue of tasks, with the lock held. */
void l_reactor_push_task   (LReactor     *self,
                            LReactorTask *task);
void l_reactor_remove_task (LReactor     *self,
                            LReactorTask *task);

static inline LReactorSlot *
l_reactor_get_slot (LReactor *self,
                    guint32   slot)
{
  return &g_array_index (self->slots, LReactorSlot, slot);
}

/* What the loop has found of one that stands in the context by itself. */
static inline GIOCondition
l_reactor_query_slot (const LReactorSlot *slot)
{
  return slot->poll_fd != NULL ? (GIOCondition) slot->poll_fd->revents : 0;
}

static inline guint64
l_reactor_get_event_id (LReactor      *self,
                        LReactorWatch *watch)
{
  return ((guint64) l_reactor_get_slot (self, watch->slot)->generation << 32) | watch->slot;
}

void l_reactor_dispatch_event (LReactor     *self,
                               guint64       event_id,
                               GIOCondition  condition);

G_END_DECLS
