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
 * do, not the ones that are open. Level-triggered: the peer's reads would fire an edge-triggered EPOLLOUT. */

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
  self->tag = g_source_add_unix_fd (&self->parent, self->fd, G_IO_IN);
  return TRUE;
}

static void
epoll_clear (LReactor *self)
{
  l_system.close (self->fd);
}

static gboolean
epoll_add (LReactor      *self,
           LReactorWatch *watch)
{
  return control (self, EPOLL_CTL_ADD, watch);
}

static gboolean
epoll_modify (LReactor      *self,
              LReactorWatch *watch)
{
  return control (self, EPOLL_CTL_MOD, watch);
}

static void
epoll_remove (LReactor      *self,
              LReactorWatch *watch)
{
  /* A fork's child shares the set: what it drops the parent still waits for. */
  if (self->process == getpid ())
    control (self, EPOLL_CTL_DEL, watch);
}

static void
epoll_dispatch (LReactor *self)
{
  struct epoll_event events[L_REACTOR_MAX_EVENTS];
  int n_events;

  if (g_source_query_unix_fd (&self->parent, self->tag) == 0)
    return;

  n_events = l_system.epoll_wait (self->fd, events, G_N_ELEMENTS (events), 0);
  for (int i = 0; i < n_events; i++)
    l_reactor_dispatch_event (self, events[i].data.u64, events[i].events);
}

const LReactorBackend l_reactor_backend_epoll = {
  .name = "epoll",
  .init = epoll_init,
  .clear = epoll_clear,
  .add = epoll_add,
  .modify = epoll_modify,
  .remove = epoll_remove,
  .dispatch = epoll_dispatch,
};
