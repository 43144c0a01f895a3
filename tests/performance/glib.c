/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-object.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the rules of LSocket cost at least, for they are kept here and nothing else is. An object a connection tells by a
 * notification and a signal what has come and what has gone. Its last reference may go in any thread, so that who tells takes
 * one by a weak reference, with a lock held; and its input and its output may each be used in a thread of their own, so that
 * each has a lock. What is received lies in memory of the thread until it is read; what is written is gathered, and leaves when
 * the handler has returned. One source stands in the main context, with an epoll descriptor inside, and the connection that is
 * busy alone beside it.
 *
 * No error, end, limit, state or mode is thought of, and no message is cut. */

#define MAX_EVENTS      256
#define N_EVENTS_OF_HOT 8
#define BUFFER_SIZE     (64 * 1024)

#define TYPE_CONNECTION (connection_get_type ())
G_DECLARE_FINAL_TYPE (Connection, connection, PERFORMANCE, CONNECTION, GObject)

struct _Connection
{
  GObject  parent_instance;

  GWeakRef weak_ref;
  int      fd;
  guint    n_events;    /* in a row, in which it alone was ready */
  gpointer tag;         /* (nullable): outside the set */

  GMutex   input_lock;
  gsize    n_available; /* at the end of what the thread has received */

  GMutex   output_lock;
  gsize    n_gathered;  /* in what the thread sends next */

  guint    state;       /* counts its changes */
};

typedef enum
{
  PROP_BYTES_AVAILABLE = 1,
  PROP_BYTES_TO_WRITE,
  PROP_STATE,
} ConnectionProperty;

typedef enum
{
  SIGNAL_READY_READ,
  SIGNAL_BYTES_WRITTEN,
  SIGNAL_STATE_CHANGED,
  SIGNAL_CONNECTED,
  SIGNAL_DISCONNECTED,
  SIGNAL_ERROR,
  SIGNAL_READ_CHANNEL_FINISHED,
  SIGNAL_ABOUT_TO_CLOSE,
} ConnectionSignal;

static GParamSpec *props[PROP_STATE + 1];
static guint signals[SIGNAL_ABOUT_TO_CLOSE + 1];

G_DEFINE_FINAL_TYPE (Connection, connection, G_TYPE_OBJECT)

/* The thread's */
static guint8 received[BUFFER_SIZE];
static gsize n_received;
static guint8 gathered[BUFFER_SIZE];

static struct
{
  const PerformanceRun *run;
  GMutex                lock;         /* of what is watched */
  GSource              *source;
  int                   epoll_fd;
  gpointer              epoll_tag;
  Connection           *hot;          /* (unowned) (nullable) */
  int                   server;       /* -1: the client */
  GCallback             on_ready_read; /* of what it accepts */
  guint                 n_to_send;
  guint                 n_to_receive;
} loop = { .server = -1 };

static void
connection_get_property (GObject    *object,
                         guint       id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  Connection *self = PERFORMANCE_CONNECTION (object);
  const guint64 values[] = { 0, self->n_available, self->n_gathered, self->state };

  g_value_set_uint64 (value, values[id]);
}

static void
connection_finalize (GObject *object)
{
  Connection *self = PERFORMANCE_CONNECTION (object);

  g_weak_ref_clear (&self->weak_ref);
  g_mutex_clear (&self->input_lock);
  g_mutex_clear (&self->output_lock);

  G_OBJECT_CLASS (connection_parent_class)->finalize (object);
}

static void
connection_class_init (ConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const char *names[] = { "ready-read", "bytes-written", "state-changed", "connected", "disconnected", "error",
                          "read-channel-finished", "about-to-close" };
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = connection_get_property;
  object_class->finalize = connection_finalize;

  props[PROP_BYTES_AVAILABLE] = g_param_spec_uint64 ("bytes-available", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  props[PROP_BYTES_TO_WRITE] = g_param_spec_uint64 ("bytes-to-write", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  props[PROP_STATE] = g_param_spec_uint64 ("state", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (props), props);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    signals[i] = g_signal_new (names[i], TYPE_CONNECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
connection_init (Connection *self)
{
  g_weak_ref_init (&self->weak_ref, self);
  g_mutex_init (&self->input_lock);
  g_mutex_init (&self->output_lock);
}

static void
emit (Connection       *self,
      ConnectionSignal  signal)
{
  g_signal_emit (self, signals[signal], 0);
}

static void
change_state (Connection *self)
{
  self->state++;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  emit (self, SIGNAL_STATE_CHANGED);
}

/* Without a message they are passed over. */
static gsize
read_message (Connection *self,
              guint8     *message,
              gsize       size)
{
  g_mutex_lock (&self->input_lock);
  size = MIN (size, self->n_available);
  if (message != NULL)
    memcpy (message, received + n_received - self->n_available, size);
  self->n_available -= size;
  g_mutex_unlock (&self->input_lock);

  return size;
}

/* With the lock of the output held. */
static void
send_gathered (Connection *self)
{
  for (gsize n_sent = 0; n_sent < self->n_gathered;)
    {
      gssize n = send (self->fd, gathered + n_sent, self->n_gathered - n_sent, MSG_NOSIGNAL);

      if (n < 0)
        g_error ("send: %s", g_strerror (errno));
      n_sent += n;
    }

  self->n_gathered = 0;
}

static void
write_message (Connection   *self,
               const guint8 *message,
               gsize         size)
{
  g_mutex_lock (&self->output_lock);
  if (self->n_gathered + size > BUFFER_SIZE)
    send_gathered (self);
  memcpy (gathered + self->n_gathered, message, size);
  self->n_gathered += size;
  g_mutex_unlock (&self->output_lock);
}

static void
flush (Connection *self)
{
  gboolean any;

  g_mutex_lock (&self->output_lock);
  any = self->n_gathered > 0;
  send_gathered (self);
  g_mutex_unlock (&self->output_lock);

  if (!any)
    return;

  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BYTES_TO_WRITE]);
  emit (self, SIGNAL_BYTES_WRITTEN);
}

/* FALSE: the end. */
static gboolean
receive (Connection *self)
{
  gssize n_read;

  g_mutex_lock (&self->input_lock);
  n_read = recv (self->fd, received, BUFFER_SIZE, 0);
  if (n_read < 0)
    g_error ("recv: %s", g_strerror (errno));
  n_received = n_read;
  self->n_available = n_read;
  g_mutex_unlock (&self->input_lock);

  if (n_read == 0)
    return FALSE;

  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BYTES_AVAILABLE]);
  emit (self, SIGNAL_READY_READ);
  flush (self);
  return TRUE;
}

static void
watch (Connection *self)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };

  if (epoll_ctl (loop.epoll_fd, EPOLL_CTL_ADD, self->fd, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));
}

/* With a handler for what a program looks at. */
static Connection *
connection_new (int       fd,
                GCallback on_ready_read)
{
  Connection *self = g_object_new (TYPE_CONNECTION, NULL);

  self->fd = fd;
  if (on_ready_read != NULL)
    g_signal_connect (self, "ready-read", on_ready_read, NULL);

  return self;
}

static void
unwatch (Connection *self)
{
  if (loop.hot != self)
    return;

  g_source_remove_unix_fd (loop.source, self->tag);
  loop.hot = NULL;
}

static void
connection_abort (Connection *self)
{
  unwatch (self);
  close (self->fd);
  change_state (self);
  emit (self, SIGNAL_READ_CHANNEL_FINISHED);
  emit (self, SIGNAL_DISCONNECTED);
  emit (self, SIGNAL_ABOUT_TO_CLOSE);
  g_object_unref (self);
}

/* The peer has hung up. */
static void
connection_lose (Connection *self)
{
  emit (self, SIGNAL_ERROR);
  change_state (self);
  unwatch (self);
  close (self->fd);
  change_state (self);
  emit (self, SIGNAL_READ_CHANNEL_FINISHED);
  emit (self, SIGNAL_DISCONNECTED);
  g_object_unref (self);
}

static void
answer (Connection *self)
{
  guint8 message[4096];
  gsize n_read;

  while ((n_read = read_message (self, message, sizeof message)) > 0)
    write_message (self, message, performance_answer (loop.run, n_read));
}

static void
acknowledge (Connection *self)
{
  write_message (self, received, performance_answer (loop.run, read_message (self, NULL, G_MAXSIZE)));
}

static void
accept_one (void)
{
  watch (connection_new (accept4 (loop.server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), loop.on_ready_read));
}

static void
tell (Connection *connection)
{
  Connection *self;

  g_mutex_lock (&loop.lock);
  self = g_weak_ref_get (&connection->weak_ref);
  g_mutex_unlock (&loop.lock);

  if (!receive (self))
    connection_lose (self);
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
serve_with (const PerformanceRun *run,
            GCallback             on_ready_read)
{
  struct epoll_event event = { .events = EPOLLIN };

  begin (run);
  loop.on_ready_read = on_ready_read;
  loop.server = performance_listen (run);
  if (epoll_ctl (loop.epoll_fd, EPOLL_CTL_ADD, loop.server, &event) < 0)
    g_error ("epoll_ctl: %s", g_strerror (errno));

  performance_ready ();
  while (TRUE)
    g_main_context_iteration (NULL, TRUE);
}

static void
serve (const PerformanceRun *run)
{
  serve_with (run, G_CALLBACK (answer));
}

static void
serve_sink (const PerformanceRun *run)
{
  serve_with (run, G_CALLBACK (acknowledge));
}

/* The handlers of what was received have run when it returns. */
static gboolean
wait_for_ready_read (Connection *self)
{
  struct pollfd poll_fd = { .fd = self->fd, .events = POLLIN };
  gboolean is_open;

  g_object_ref (self);
  flush (self);
  is_open = poll (&poll_fd, 1, -1) > 0 && receive (self);
  g_object_unref (self);

  return is_open;
}

static void
serve_waiting (const PerformanceRun *run)
{
  int server = performance_listen (run);

  loop.run = run;
  performance_ready ();
  while (TRUE)
    {
      Connection *self = connection_new (accept4 (server, NULL, NULL, SOCK_CLOEXEC), NULL);

      while (wait_for_ready_read (self))
        answer (self);
      connection_lose (self);
    }
}

/* The client */

static void
on_answer (Connection *self)
{
  guint8 message[4096];

  read_message (self, message, sizeof message);
  loop.n_to_receive--;
  if (loop.n_to_send == 0)
    return;

  loop.n_to_send--;
  write_message (self, loop.run->message, loop.run->size);
}

/* The directory of a name is looked at, and who serves it. */
static int
connect_checked (const PerformanceRun *run)
{
  static char *directory;
  struct stat status;
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  int fd;

  if (directory == NULL)
    directory = g_path_get_dirname (run->path);
  if (fstatat (AT_FDCWD, directory, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_uid != geteuid ())
    g_error ("%s: not ours", directory);

  fd = performance_connect (run);
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 || credentials.uid != status.st_uid)
    g_error ("%s: not our server", run->path);
  return fd;
}

static Connection *
connect_answered (void)
{
  Connection *self = connection_new (connect_checked (loop.run), G_CALLBACK (on_answer));

  watch (self);
  /* It begins, and has succeeded. */
  change_state (self);
  change_state (self);
  emit (self, SIGNAL_CONNECTED);
  return self;
}

static void
go_round (Connection **connections,
          guint        count)
{
  loop.n_to_send = count;
  loop.n_to_receive = count;

  for (guint i = 0; i < loop.run->n_active && loop.n_to_send > 0; i++, loop.n_to_send--)
    {
      write_message (connections[i], loop.run->message, loop.run->size);
      flush (connections[i]);
    }

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
  connection_abort (connection);
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
wait_round (Connection *self)
{
  guint8 message[4096];

  write_message (self, loop.run->message, loop.run->size);
  wait_for_ready_read (self);
  read_message (self, message, sizeof message);
}

static void
wait_for_answers (const PerformanceRun *run)
{
  Connection *connection;

  loop.run = run;
  connection = connection_new (performance_connect (run), NULL);
  wait_round (connection);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    wait_round (connection);
  performance_end ();
}

static void
write_messages (const PerformanceRun *run)
{
  Connection *connection;

  loop.run = run;
  connection = connection_new (performance_connect (run), NULL);
  write_message (connection, run->message, 1);
  wait_for_ready_read (connection);

  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    write_message (connection, run->message, run->size);
  wait_for_ready_read (connection);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve_sink, write_messages },
  { "wait", serve_waiting, wait_for_answers },
  { NULL }
};
