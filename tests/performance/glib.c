/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <errno.h>
#include <glib-object.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the rules of LSocket cost at least: an object a connection, signals with a handler each, one source in the main
 * context with an epoll descriptor inside, and the one that is busy alone beside it; a lock around a buffer that two
 * threads may use. No library is between that and the system calls, and no error, end or limit is thought of. */

#define MAX_EVENTS      256
#define N_EVENTS_OF_HOT 8
#define BUFFER_SIZE     (64 * 1024)

#define TYPE_CONNECTION (connection_get_type ())
G_DECLARE_FINAL_TYPE (Connection, connection, , CONNECTION, GObject)

struct _Connection
{
  GObject  parent_instance;

  int      fd;
  guint    n_events;    /* in a row, in which it alone was ready */
  gpointer tag;         /* (nullable): outside the set */
};

typedef enum
{
  SIGNAL_READY_READ,
  SIGNAL_BYTES_WRITTEN,
  SIGNAL_STATE_CHANGED,
  SIGNAL_CONNECTED,
  SIGNAL_DISCONNECTED,
} ConnectionSignal;

static guint signals[SIGNAL_DISCONNECTED + 1];

G_DEFINE_FINAL_TYPE (Connection, connection, G_TYPE_OBJECT)

static guint8 buffer[BUFFER_SIZE];

static struct
{
  const PerformanceRun *run;
  GSource              *source;
  int                   epoll_fd;
  gpointer              epoll_tag;
  Connection           *hot;          /* (unowned) (nullable) */
  int                   server;       /* -1: the client */
  guint                 n_to_send;
  guint                 n_to_receive;
} loop = { .server = -1 };

static void
connection_class_init (ConnectionClass *klass)
{
  const char *names[] = { "ready-read", "bytes-written", "state-changed", "connected", "disconnected" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    signals[i] = g_signal_new (names[i], TYPE_CONNECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
connection_init (Connection *self)
{
}

static void
emit (Connection       *self,
      ConnectionSignal  signal)
{
  g_signal_emit (self, signals[signal], 0);
}

static void
send_message (Connection    *self,
              gconstpointer  message,
              gsize          size)
{
  if (send (self->fd, message, size, MSG_NOSIGNAL) != (gssize) size)
    g_error ("send: %s", g_strerror (errno));
}

static gsize
receive (Connection *self)
{
  gssize n_read = recv (self->fd, buffer, BUFFER_SIZE, 0);

  if (n_read < 0)
    g_error ("recv: %s", g_strerror (errno));

  return n_read;
}

static void
on_bytes_written (Connection *self)
{
}

/* With a handler for what a program looks at. */
static Connection *
connection_new (int       fd,
                GCallback on_ready_read)
{
  Connection *self = g_object_new (TYPE_CONNECTION, NULL);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };

  self->fd = fd;
  g_signal_connect (self, "ready-read", on_ready_read, NULL);
  g_signal_connect (self, "bytes-written", G_CALLBACK (on_bytes_written), NULL);

  if (epoll_ctl (loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));

  emit (self, SIGNAL_STATE_CHANGED);
  emit (self, SIGNAL_CONNECTED);
  return self;
}

static void
connection_close (Connection *self)
{
  if (loop.hot == self)
    {
      g_source_remove_unix_fd (loop.source, self->tag);
      loop.hot = NULL;
    }

  close (self->fd);
  emit (self, SIGNAL_STATE_CHANGED);
  emit (self, SIGNAL_DISCONNECTED);
  g_object_unref (self);
}

static void
answer (Connection *self)
{
  gsize n_read = receive (self);

  if (n_read == 0)
    connection_close (self);
  else if ((n_read = performance_answer (loop.run, n_read)) > 0)
    send_message (self, buffer, n_read);
}

static void
accept_one (void)
{
  connection_new (accept4 (loop.server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), G_CALLBACK (answer));
}

static void
tell (Connection *self)
{
  g_object_ref (self);
  emit (self, SIGNAL_READY_READ);
  emit (self, SIGNAL_BYTES_WRITTEN);
  g_object_unref (self);
}

static void
heat_up (Connection *self)
{
  if (++self->n_events < N_EVENTS_OF_HOT || loop.hot != NULL)
    return;

  epoll_ctl (loop.epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  self->tag = g_source_add_unix_fd (loop.source, self->fd, G_IO_IN);
  loop.hot = self;
}

static void
dispatch_set (void)
{
  struct epoll_event events[MAX_EVENTS];
  int n_events = epoll_wait (loop.epoll_fd, events, MAX_EVENTS, 0);

  if (n_events == 1 && events[0].data.ptr != NULL)
    heat_up (events[0].data.ptr);

  for (int i = 0; i < n_events; i++)
    if (events[i].data.ptr == NULL)
      accept_one ();
    else
      tell (events[i].data.ptr);
}

static gboolean
dispatch (GSource     *source,
          GSourceFunc  callback,
          gpointer     user_data)
{
  gboolean is_set_ready = g_source_query_unix_fd (source, loop.epoll_tag) != 0;

  if (loop.hot != NULL && g_source_query_unix_fd (source, loop.hot->tag) != 0)
    tell (loop.hot);
  if (is_set_ready)
    dispatch_set ();

  return G_SOURCE_CONTINUE;
}

static void
begin (const PerformanceRun *run)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };

  loop.run = run;
  loop.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  loop.source = g_source_new (&funcs, sizeof (GSource));
  loop.epoll_tag = g_source_add_unix_fd (loop.source, loop.epoll_fd, G_IO_IN);
  /* Otherwise GLib takes the descriptors out for each dispatch, and wakes itself. */
  g_source_set_can_recurse (loop.source, TRUE);
  g_source_attach (loop.source, NULL);
}

static void
serve (const PerformanceRun *run)
{
  struct epoll_event event = { .events = EPOLLIN };

  begin (run);
  loop.server = performance_listen (run);
  if (epoll_ctl (loop.epoll_fd, EPOLL_CTL_ADD, loop.server, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));

  performance_ready ();
  while (TRUE)
    g_main_context_iteration (NULL, TRUE);
}

static void
serve_waiting (const PerformanceRun *run)
{
  int server = performance_listen (run);

  performance_ready ();
  while (TRUE)
    {
      int fd = accept4 (server, NULL, NULL, SOCK_CLOEXEC);
      struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
      gssize n_read;

      while (poll (&poll_fd, 1, -1) > 0 && (n_read = recv (fd, buffer, BUFFER_SIZE, 0)) > 0)
        if (send (fd, buffer, performance_answer (run, n_read), MSG_NOSIGNAL) < 0)
          g_error ("send: %s", g_strerror (errno));
      close (fd);
    }
}

/* The client */

static void
on_answer (Connection *self)
{
  receive (self);
  loop.n_to_receive--;
  if (loop.n_to_send == 0)
    return;

  loop.n_to_send--;
  send_message (self, loop.run->message, loop.run->size);
}

static Connection *
connect_answered (void)
{
  return connection_new (performance_connect (loop.run), G_CALLBACK (on_answer));
}

static void
go_round (Connection **connections,
          guint        count)
{
  loop.n_to_send = count;
  loop.n_to_receive = count;

  for (guint i = 0; i < loop.run->n_active && loop.n_to_send > 0; i++, loop.n_to_send--)
    send_message (connections[i], loop.run->message, loop.run->size);

  while (loop.n_to_receive > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
ping (const PerformanceRun *run)
{
  g_autofree Connection **connections = g_new (Connection *, run->n_active);

  begin (run);
  for (guint i = 0; i < run->n_idle; i++)
    connect_answered ();
  for (guint i = 0; i < run->n_active; i++)
    connections[i] = connect_answered ();

  go_round (connections, run->n_active);
  performance_begin ();
  go_round (connections, run->count);
  performance_end ();
}

static void
connect_once (void)
{
  Connection *connection = connect_answered ();

  go_round (&connection, 1);
  connection_close (connection);
}

static void
churn (const PerformanceRun *run)
{
  begin (run);
  connect_once ();
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once ();
  performance_end ();
}

static void
wait_for_answers (const PerformanceRun *run)
{
  struct pollfd poll_fd = { .fd = performance_connect (run), .events = POLLIN };

  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    if (send (poll_fd.fd, run->message, run->size, MSG_NOSIGNAL) < 0 || poll (&poll_fd, 1, -1) < 0 ||
        recv (poll_fd.fd, buffer, BUFFER_SIZE, 0) < 0)
      g_error ("%s", g_strerror (errno));
  performance_end ();
}

static void
write_gathered (int    fd,
                gsize *n_gathered)
{
  for (gsize n_written = 0; n_written < *n_gathered;)
    {
      gssize n = write (fd, buffer + n_written, *n_gathered - n_written);

      if (n < 0)
        g_error ("write: %s", g_strerror (errno));
      n_written += n;
    }

  *n_gathered = 0;
}

/* As “gather” of raw.c, with the lock. */
static void
gather_messages (const PerformanceRun *run)
{
  int fd = performance_connect (run);
  gsize n_gathered = 0;
  guint8 acknowledged;
  GMutex lock;

  g_mutex_init (&lock);
  if (write (fd, run->message, 1) != 1 || read (fd, &acknowledged, 1) != 1)
    g_error ("%s", g_strerror (errno));

  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    {
      g_mutex_lock (&lock);
      if (n_gathered + run->size > BUFFER_SIZE)
        write_gathered (fd, &n_gathered);
      memcpy (buffer + n_gathered, run->message, run->size);
      n_gathered += run->size;
      g_mutex_unlock (&lock);
    }
  write_gathered (fd, &n_gathered);
  if (read (fd, &acknowledged, 1) != 1)
    g_error ("%s", g_strerror (errno));
  performance_end ();
  g_mutex_clear (&lock);
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "gather", serve, gather_messages },
  { "wait", serve_waiting, wait_for_answers },
  { NULL }
};
