/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What an event loop costs at least: epoll, level-triggered, on non-blocking descriptors. */

#define MAX_EVENTS 256
#define READ_SIZE  (256 * 1024)

static guint8 buffer[READ_SIZE];
static int epoll_fd;

/* With an event; the descriptor is what it carries. */
static void
add (int     fd,
     guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };

  if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));
}

static void
modify (int     fd,
        guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };

  if (epoll_ctl (epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));
}

static void
create (void)
{
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    g_error ("epoll_create1: %s", g_strerror (errno));
}

static int
wait_for_events (struct epoll_event *events)
{
  int n_events;

  do
    n_events = epoll_wait (epoll_fd, events, MAX_EVENTS, -1);
  while (n_events < 0 && errno == EINTR);

  return n_events;
}

static gsize
receive (int fd)
{
  gssize n_read = recv (fd, buffer, READ_SIZE, 0);

  if (n_read < 0)
    g_error ("recv: %s", g_strerror (errno));

  return n_read;
}

/* A message that has room: there is one at a time. */
static void
send_message (int           fd,
              gconstpointer message,
              gsize         size)
{
  if (send (fd, message, size, MSG_NOSIGNAL) != (gssize) size)
    g_error ("send: %s", g_strerror (errno));
}

static void
answer (const PerformanceRun *run,
        int                   fd)
{
  gsize n_read = receive (fd);

  if (n_read == 0)
    close (fd);
  else if ((n_read = performance_answer (run, n_read)) > 0)
    send_message (fd, buffer, n_read);
}

static void
serve (const PerformanceRun *run)
{
  int server = performance_listen (run);

  create ();
  add (server, EPOLLIN);
  performance_ready ();

  while (TRUE)
    {
      struct epoll_event events[MAX_EVENTS];
      int n_events = wait_for_events (events);

      for (int i = 0; i < n_events; i++)
        if (events[i].data.fd == server)
          add (accept4 (server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), EPOLLIN);
        else
          answer (run, events[i].data.fd);
    }
}

/* Round trips on the connections that an event loop has. */
static void
go_round (const PerformanceRun *run,
          const int            *fds,
          guint                 count)
{
  guint n_to_send = count, n_to_receive = count;

  for (guint i = 0; i < run->n_active && n_to_send > 0; i++, n_to_send--)
    send_message (fds[i], run->message, run->size);

  while (n_to_receive > 0)
    {
      struct epoll_event events[MAX_EVENTS];
      int n_events = wait_for_events (events);

      for (int i = 0; i < n_events; i++, n_to_receive--)
        {
          receive (events[i].data.fd);
          if (n_to_send > 0)
            {
              send_message (events[i].data.fd, run->message, run->size);
              n_to_send--;
            }
        }
    }
}

static void
ping (const PerformanceRun *run)
{
  g_autofree int *fds = g_new (int, run->n_active);

  create ();
  for (guint i = 0; i < run->n_idle; i++)
    add (performance_connect (run), EPOLLIN);
  for (guint i = 0; i < run->n_active; i++)
    {
      fds[i] = performance_connect (run);
      add (fds[i], EPOLLIN);
    }

  go_round (run, fds, run->n_active);
  performance_begin ();
  go_round (run, fds, run->count);
  performance_end ();
}

static void
connect_once (const PerformanceRun *run)
{
  int fd = performance_connect (run);

  add (fd, EPOLLIN);
  go_round (run, &fd, 1);
  close (fd);
}

static void
churn (const PerformanceRun *run)
{
  create ();
  connect_once (run);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once (run);
  performance_end ();
}

static void
write_message (int           fd,
               const guint8 *message,
               gsize         size)
{
  struct epoll_event events[MAX_EVENTS];
  gsize n_total = 0;

  while (n_total < size)
    {
      gssize n_written = send (fd, message + n_total, size - n_total, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n_written < 0 && errno != EAGAIN)
        g_error ("send: %s", g_strerror (errno));
      if (n_written > 0)
        n_total += n_written;
      if (n_total == size)
        return;

      modify (fd, EPOLLIN | EPOLLOUT);
      wait_for_events (events);
      modify (fd, EPOLLIN);
    }
}

static void
write_messages (const PerformanceRun *run)
{
  int fd = performance_connect (run);
  struct epoll_event events[MAX_EVENTS];

  create ();
  add (fd, EPOLLIN);
  write_message (fd, run->message, 1);
  receive (fd);

  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    write_message (fd, run->message, run->size);
  wait_for_events (events);
  receive (fd);
  performance_end ();
}

/* The last one's round trip shows that the server has them all. */
static void
open_connections (const PerformanceRun *run)
{
  create ();
  connect_once (run);
  performance_begin ();
  for (guint i = 1; i < run->count; i++)
    add (performance_connect (run), EPOLLIN);
  connect_once (run);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve, write_messages },
  { "idle", serve, open_connections },
  { NULL }
};
