/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Readiness of many descriptors, deferred work and timers of one GMainContext behind one GSource. Watches, tasks and
 * timers are told in the thread that runs the context, and may be added and removed in any. Their memory is the caller's,
 * all zero before its first use; whatever is removed or cancelled is never called again, also not from the round that
 * runs.
 *
 * Each may name the object that it stands in: that object is then kept alive while the function runs, and one whose last
 * reference goes in another thread is not called any more. */

typedef struct _LReactor LReactor;

/* The peer has shut down its writing side: the end of input, if not yet a hang-up. On other Unix systems only reading tells;
 * a pipe has no such thing, and nothing in the way of the bit. */
#if defined (__linux__) || defined (G_OS_WIN32)
# define L_IO_RDHUP ((GIOCondition) (1 << 13))
#else
# define L_IO_RDHUP ((GIOCondition) 0)
#endif

/* The structure around a watch, a task or a timer. */
#define L_CONTAINER_OF(pointer, Type, member) \
  ((Type *) (gpointer) ((char *) (pointer) - G_STRUCT_OFFSET (Type, member)))

typedef struct _LReactorTask LReactorTask;
typedef void (* LReactorTaskFunc) (LReactorTask *task);

struct _LReactorTask
{
  LReactorTaskFunc func;
  LReactorTaskFunc drop;       /* (nullable): instead, when the context goes before its turn */
  GWeakRef        *object;     /* (unowned) (nullable) */
  GQueue          *queue;      /* (unowned) (nullable): the one of the reactor that it stands in */
  GList            link;
};

typedef struct _LReactorWatch LReactorWatch;
typedef void (* LReactorWatchFunc) (LReactorWatch *watch,
                                    GIOCondition   condition);

struct _LReactorWatch
{
  LReactorWatchFunc func;
  GWeakRef         *object;    /* (unowned) (nullable) */
  GIOCondition      condition; /* what it waits for now */
  guint32           slot;      /* 0: not added */
  gintptr           descriptor;
  gboolean          is_low_latency; /* after an event the loop looks for the next one before it sleeps */

#ifdef G_OS_WIN32
  /* What its operations under way have come to; it begins those that the wanted condition needs. */
  GIOCondition   (* query)     (LReactorWatch *watch,
                                GIOCondition   condition);
  LReactorTask      task;      /* queued while there is something to tell */
  LReactor         *reactor;   /* (unowned) (nullable) */
#endif
};

typedef struct _LReactorTimer LReactorTimer;
typedef void (* LReactorTimerFunc) (LReactorTimer *timer);

struct _LReactorTimer
{
  LReactorTimerFunc func;
  GWeakRef         *object;    /* (unowned) (nullable) */
  gint64            due;       /* monotonic time, in microseconds */
  GSequenceIter    *iter;      /* (unowned) (nullable): its place in the reactor's queue */
};

/* The reactor of the calling thread's default context; NULL when the thread has none of its own and another thread
 * runs the global one. A reference holds the context, too. */
LReactor *l_reactor_ref_thread_default (void);
gboolean  l_reactor_is_thread_default  (LReactor           *self);
gboolean  l_reactor_is_for_context     (LReactor           *self,
                                        GMainContext       *context);
/* One object that is kept to be used again, whatever that is; in any thread. Stealing gives NULL when there is none; keeping
 * takes it. */
GObject  *l_reactor_steal_spare        (LReactor           *self);
void      l_reactor_keep_spare         (LReactor           *self,
                                        GObject            *object);
/* Whether it calls the function that asks. */
gboolean  l_reactor_is_dispatching     (LReactor           *self);
/* The thread that ran its context last, NULL: none yet. */
GThread  *l_reactor_get_thread         (LReactor           *self);
LReactor *l_reactor_ref                (LReactor           *self);
void      l_reactor_unref              (LReactor           *self);

/* Adds the watch, or changes what it waits for; a condition of 0 takes it out of the set: not even a hang-up is told. */
void      l_reactor_watch              (LReactor           *self,
                                        LReactorWatch      *watch,
                                        gintptr             descriptor,
                                        GIOCondition        condition);
void      l_reactor_remove_watch       (LReactor           *self,
                                        LReactorWatch      *watch);
/* The same just before its descriptor is closed, which may save a system call. */
void      l_reactor_forget_watch       (LReactor           *self,
                                        LReactorWatch      *watch);
#ifdef G_OS_WIN32
/* An operation of the watch is done; called in any thread. */
void      l_reactor_tell_watch         (LReactor           *self,
                                        LReactorWatch      *watch);
#endif

/* Runs once, at the end of the dispatch that is under way or in the next turn of the loop; or only in the next turn. */
void      l_reactor_queue_task         (LReactor           *self,
                                        LReactorTask       *task);
void      l_reactor_queue_task_later   (LReactor           *self,
                                        LReactorTask       *task);
/* The same, for what ends in the turn in which it began: at most every other turn comes at once, and asks the system for
 * nothing. */
void      l_reactor_queue_task_soon    (LReactor           *self,
                                        LReactorTask       *task);
void      l_reactor_cancel_task        (LReactor           *self,
                                        LReactorTask       *task);

/* Runs once, when due; setting it again moves it. */
void      l_reactor_set_timer          (LReactor           *self,
                                        LReactorTimer      *timer,
                                        gint64              due);
void      l_reactor_cancel_timer       (LReactor           *self,
                                        LReactorTimer      *timer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LReactor, l_reactor_unref)

G_END_DECLS
