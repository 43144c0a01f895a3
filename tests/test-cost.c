/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the library costs, in system calls: never in time, which tells more of the machine. The table l_system counts its
 * own, and the context's poll function those of the loop. */

#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lsocket/l-reactor-private.h"
#include "lsocket/l-system-private.h"
#include "test-talk.h"

#define N_ROUND_TRIPS 1000
#define NAME          "cost"

static LSystem real;

typedef struct
{
  guint n_calls;       /* of the table */
  guint n_controls;    /* of them on the epoll set */
  guint n_askew;       /* receptions to within a page, where some processors copy slowly */
  guint n_looks;       /* at one descriptor */
  guint n_polls;
  guint n_descriptors; /* the most that one of these had */
} Cost;

static Cost cost;

#define COUNTED(type, name, parameters, arguments) \
  static type                                      \
  count_##name parameters                          \
  {                                                \
    cost.n_calls++;                                \
    return real.name arguments;                    \
  }

COUNTED (int, socket, (int domain, int type, int protocol), (domain, type, protocol))
COUNTED (int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
COUNTED (int, accept, (int fd, int flags), (fd, flags))
COUNTED (ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
COUNTED (int, shutdown, (int fd, int how), (fd, how))
COUNTED (int, close, (int fd), (fd))
COUNTED (int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
         (fd, level, option, value, length))
COUNTED (int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
         (fd, level, option, value, length))
COUNTED (int, getsockname, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
COUNTED (int, getpeername, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
COUNTED (int, set_flags, (int fd, int flags, int descriptor_flags), (fd, flags, descriptor_flags))
COUNTED (int, fstat, (int fd, struct stat *status), (fd, status))
COUNTED (int, fstatat, (int dir, const char *path, struct stat *status, int flags), (dir, path, status, flags))
COUNTED (int, epoll_wait, (int epoll_fd, struct epoll_event *events, int max_events, int msecs),
         (epoll_fd, events, max_events, msecs))

/* The peer that answers as soon as it is looked for; -1: none */
static int answering_fd = -1;

/* What happens meanwhile, once */
static void (* on_look) (void);

static int
count_poll (struct pollfd *fds,
            nfds_t         n_fds,
            int            msecs)
{
  cost.n_calls++;
  cost.n_looks++;
  if (on_look != NULL)
    g_steal_pointer (&on_look) ();
  if (answering_fd >= 0)
    g_assert_cmpint (send (answering_fd, "x", 1, 0), ==, 1);
  return real.poll (fds, n_fds, msecs);
}

static ssize_t
count_recv (int    fd,
            void  *buffer,
            size_t count,
            int    flags)
{
  cost.n_calls++;
  cost.n_askew += (guintptr) buffer % 4096 != 0;
  return real.recv (fd, buffer, count, flags);
}

static int
count_epoll_ctl (int                 epoll_fd,
                 int                 operation,
                 int                 fd,
                 struct epoll_event *event)
{
  cost.n_calls++;
  cost.n_controls++;
  return real.epoll_ctl (epoll_fd, operation, fd, event);
}

static void
count_calls (void)
{
  real = l_system;
  l_system.socket = count_socket;
  l_system.connect = count_connect;
  l_system.accept = count_accept;
  l_system.recv = count_recv;
  l_system.sendmsg = count_sendmsg;
  l_system.shutdown = count_shutdown;
  l_system.close = count_close;
  l_system.poll = count_poll;
  l_system.getsockopt = count_getsockopt;
  l_system.setsockopt = count_setsockopt;
  l_system.getsockname = count_getsockname;
  l_system.getpeername = count_getpeername;
  l_system.set_flags = count_set_flags;
  l_system.fstat = count_fstat;
  l_system.fstatat = count_fstatat;
  l_system.epoll_wait = count_epoll_wait;
  l_system.epoll_ctl = count_epoll_ctl;
}

static int
count_turns (GPollFD *fds,
             guint    n_fds,
             int      timeout)
{
  cost.n_polls++;
  cost.n_descriptors = MAX (cost.n_descriptors, n_fds);
  return g_poll (fds, n_fds, timeout);
}

static void
reset (void)
{
  memset (&cost, 0, sizeof cost);
}

static Cost
measure_round_trips (guint n_idle)
{
  g_autoptr(GPtrArray) idle = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  TestTalk talk;

  for (guint i = 0; i < n_idle; i++)
    {
      LSocket *one, *other;

      test_make_pair (&one, &other);
      g_ptr_array_add (idle, one);
      g_ptr_array_add (idle, other);
    }

  test_make_pair (&client, &server);
  talk.client = L_IO_DEVICE (client);
  g_signal_connect (client, "ready-read", G_CALLBACK (test_on_message), &talk);
  g_signal_connect (server, "ready-read", G_CALLBACK (test_on_message), &talk);

  test_go_round (&talk, 100);
  reset ();
  test_go_round (&talk, N_ROUND_TRIPS);
  return cost;
}

/* Each message is a poll(), a recv() and a send(); one poll() more begins. */
static void
test_round_trip (void)
{
  Cost measured = measure_round_trips (0);

  g_assert_cmpuint (measured.n_calls, <=, 4 * N_ROUND_TRIPS);
  g_assert_cmpuint (measured.n_polls, <=, 2 * N_ROUND_TRIPS + 1);
}

/* Connections that have nothing to do cost nothing, where the system can do that. */
static void
test_idle (void)
{
  Cost measured = measure_round_trips (50);

  g_assert_cmpuint (measured.n_calls, <=, 4 * N_ROUND_TRIPS);
  g_assert_cmpuint (measured.n_polls, <=, 2 * N_ROUND_TRIPS + 1);
  if (g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), "poll") != 0)
    g_assert_cmpuint (measured.n_descriptors, <=, 8);
}

/* Over the streams; the other end answers when the read has begun. */

typedef struct
{
  GIOStream *stream;                /* (unowned) */
  char       message[TEST_MESSAGE_SIZE];
  gboolean   is_reading;
  gboolean   is_done;
} StreamTalk;

static void
on_stream_read (GObject      *input,
                GAsyncResult *result,
                gpointer      user_data)
{
  StreamTalk *talk = user_data;

  g_assert_cmpint (g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL), ==, TEST_MESSAGE_SIZE);
  talk->is_done = TRUE;
}

static void
on_stream_written (GObject      *output,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  StreamTalk *talk = user_data;

  g_assert_true (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL));
  g_input_stream_read_async (g_io_stream_get_input_stream (talk->stream), talk->message, TEST_MESSAGE_SIZE, G_PRIORITY_DEFAULT,
                             NULL, on_stream_read, talk);
  talk->is_reading = TRUE;
}

static void
go_round_stream (StreamTalk *talk,
                 int         other)
{
  char message[TEST_MESSAGE_SIZE];

  talk->is_reading = FALSE;
  talk->is_done = FALSE;
  g_output_stream_write_all_async (g_io_stream_get_output_stream (talk->stream), talk->message, TEST_MESSAGE_SIZE,
                                   G_PRIORITY_DEFAULT, NULL, on_stream_written, talk);
  while (!talk->is_reading)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpint (recv (other, message, sizeof message, 0), ==, sizeof message);
  g_assert_cmpint (send (other, message, sizeof message, 0), ==, sizeof message);
  while (!talk->is_done)
    g_main_context_iteration (NULL, TRUE);
}

/* A recv() and a send(), and one poll(): the write ends in a turn that needs none. */
static void
test_stream_round_trip (void)
{
  g_autoptr(LSocket) socket = NULL;
  StreamTalk talk = { 0 };
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  socket = test_adopt (fds[0]);
  talk.stream = G_IO_STREAM (socket);

  for (guint i = 0; i < 100; i++)
    go_round_stream (&talk, fds[1]);
  reset ();
  for (guint i = 0; i < N_ROUND_TRIPS; i++)
    go_round_stream (&talk, fds[1]);
  g_assert_cmpuint (cost.n_calls, <=, 2 * N_ROUND_TRIPS);
  g_assert_cmpuint (cost.n_polls, <=, N_ROUND_TRIPS);

  g_close (fds[1], NULL);
}

/* Small writes are gathered. */
static void
test_small_writes (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  const guint n_writes = 100000;
  static const char message[16];
  guint64 n_skipped = 0;

  test_make_pair (&client, &server);
  reset ();
  for (guint i = 0; i < n_writes; i++)
    g_assert_cmpint (l_io_device_write (L_IO_DEVICE (client), message, sizeof message, NULL), ==, sizeof message);
  while (n_skipped < n_writes * sizeof message)
    {
      g_main_context_iteration (NULL, TRUE);
      n_skipped += l_io_device_skip (L_IO_DEVICE (server), G_MAXSSIZE, NULL);
    }

  g_assert_cmpuint (cost.n_calls + cost.n_polls, <=, n_writes / 1000);
}

/* What was large and did not fit makes room for the next. */

static int
get_send_buffer_size (LSocket *socket)
{
  int value = 0;
  socklen_t length = sizeof value;

  g_assert_no_errno (getsockopt ((int) l_socket_get_socket_descriptor (socket), SOL_SOCKET, SO_SNDBUF, &value, &length));
  return value;
}

static void
test_large_write (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  const gsize size = 1024 * 1024;
  g_autofree char *message = g_malloc0 (size);
  int before;

  test_make_pair (&client, &server);
  before = get_send_buffer_size (client);
  reset ();
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (client), message, 64 * 1024, NULL), ==, 64 * 1024);
  g_assert_cmpint (get_send_buffer_size (client), ==, before);

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (client), message, size, NULL), ==, size);
  while (l_io_device_get_bytes_available (L_IO_DEVICE (server)) < size)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (get_send_buffer_size (client), >, before);
  g_assert_cmpuint (cost.n_askew, ==, 0);
}

/* Until the peer, which does not read, has left some of it to us. */
static void
write_until_refused (LSocket *socket,
                     gsize    size)
{
  g_autofree char *message = g_malloc0 (size);

  while (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)) == 0)
    {
      g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), message, size, NULL), ==, size);
      l_socket_flush (socket);
    }
}

static void
test_refused_writes (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  int before;

  test_make_pair (&client, &server);
  before = get_send_buffer_size (client);
  write_until_refused (client, 1024);
  g_assert_cmpint (get_send_buffer_size (client), ==, before);

  before = get_send_buffer_size (server);
  write_until_refused (server, 64 * 1024);
  g_assert_cmpint (get_send_buffer_size (server), >, before);
}

/* Connect, one round trip, close */

static void
on_new_connection (LServer  *server,
                   TestTalk *talk)
{
  LSocket *socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (test_on_message), talk);
  g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
}

static void
connect_once (TestTalk *talk)
{
  g_autoptr(LSocket) client = l_socket_new ();

  talk->client = L_IO_DEVICE (client);
  g_signal_connect (client, "ready-read", G_CALLBACK (test_on_message), talk);
  l_socket_connect_to_server (client, NAME, L_OPEN_MODE_READ_WRITE);
  test_go_round (talk, 1);
  l_socket_abort (client);
}

static void
test_connection (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  const guint n_connections = 100;
  TestTalk talk;

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), &talk);
  l_server_listen (server, NAME, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < 20; i++)
    connect_once (&talk);
  reset ();
  for (guint i = 0; i < n_connections; i++)
    connect_once (&talk);

  /* socket, connect, accept, 2 send, 3 recv, 2 close, a look at the directory and at who serves; for both ends a place in
   * the set, and what the loop learns. */
  g_assert_cmpuint (cost.n_controls, <=, 2 * n_connections);
  g_assert_cmpuint (cost.n_calls, <=, 17 * n_connections);
  g_assert_cmpuint (cost.n_polls, <=, 3 * n_connections);
}

/* A server: a turn for the connection, one for each message and one for the end. The loop polls its own descriptor, the
 * one that listens and the set: none of the connections is a busy one because those before were there, too. */

static void
on_end (guint *n_left)
{
  (*n_left)--;
}

static void
on_accepted (LServer *server,
             gpointer unused)
{
  LSocket *socket = l_server_next_pending_connection (server);
  static TestTalk talk;

  g_signal_connect (socket, "ready-read", G_CALLBACK (test_on_message), &talk);
  g_signal_connect_swapped (socket, "disconnected", G_CALLBACK (on_end), g_object_get_data (G_OBJECT (server), "left"));
  g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
}

static void
talk_once (GSocketAddress *address,
           guint          *n_left)
{
  g_autoptr(GSocket) client = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
  char message[TEST_MESSAGE_SIZE] = { 0 };

  *n_left = 1;
  g_assert_true (g_socket_connect (client, address, NULL, NULL));
  g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (g_socket_send (client, message, sizeof message, NULL, NULL), ==, sizeof message);
      g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (g_socket_receive (client, message, sizeof message, NULL, NULL), ==, sizeof message);
    }
  g_assert_true (g_socket_close (client, NULL));
  while (*n_left > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_server (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) one = NULL;
  g_autoptr(LSocket) other = NULL;
  g_autoptr(GError) error = NULL;
  GSocketAddress *address;
  guint n_left;

  g_object_set_data (G_OBJECT (server), "left", &n_left);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_accepted), NULL);
  l_server_listen (server, NAME, &error);
  g_assert_no_error (error);
  address = l_server_get_address (server);

  /* One that stays keeps the set in the loop. */
  test_make_pair (&one, &other);
  for (guint i = 0; i < 20; i++)
    talk_once (address, &n_left);
  reset ();
  for (guint i = 0; i < 100; i++)
    talk_once (address, &n_left);

  g_assert_cmpuint (cost.n_polls, ==, 400);
  if (g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), "poll") != 0)
    g_assert_cmpuint (cost.n_descriptors, ==, 3);
}

typedef struct _Spinner Spinner;
typedef void (* SpinnerFunc) (Spinner *spinner);

struct _Spinner
{
  LSocket    *socket;
  int         peer;
  int         free_descriptor; /* the next, when it began */
  guint       n_received;
  SpinnerFunc func;            /* (nullable): called once, from a handler within a spin */
};

static void
on_byte (LSocket *socket,
         Spinner *spinner)
{
  l_io_device_skip (L_IO_DEVICE (socket), G_MAXSSIZE, NULL);
  spinner->n_received++;
  if (spinner->func == NULL || cost.n_looks == 0)
    return;

  answering_fd = -1;
  g_steal_pointer (&spinner->func) (spinner);
}

static int
get_free_descriptor (void)
{
  int fd = dup (STDERR_FILENO);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);

  return fd;
}

static void
spinner_init (Spinner *spinner,
              gboolean is_low_latency)
{
  g_autoptr(GError) error = NULL;
  int fds[2];

  memset (spinner, 0, sizeof *spinner);
  spinner->socket = l_socket_new ();
  spinner->free_descriptor = get_free_descriptor ();
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  spinner->peer = fds[0];
  l_socket_set_low_latency (spinner->socket, is_low_latency);
  l_socket_set_socket_descriptor (spinner->socket, fds[1], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  g_signal_connect (spinner->socket, "ready-read", G_CALLBACK (on_byte), spinner);
}

static void
spinner_clear (Spinner *spinner)
{
  answering_fd = -1;
  g_clear_object (&spinner->socket);
  g_close (spinner->peer, NULL);
  g_assert_cmpint (get_free_descriptor (), ==, spinner->free_descriptor);
}

/* Tells one byte, and perhaps what comes meanwhile. */
static void
wake_spinner (Spinner *spinner)
{
  guint n_received = spinner->n_received;

  g_assert_cmpint (send (spinner->peer, "x", 1, 0), ==, 1);
  while (spinner->n_received == n_received)
    g_main_context_iteration (NULL, TRUE);
}

static guint
count_looking_wakes (gboolean is_low_latency)
{
  guint n_looking = 0;
  Spinner spinner;

  spinner_init (&spinner, is_low_latency);
  for (guint i = 0; i < N_ROUND_TRIPS; i++)
    {
      reset ();
      wake_spinner (&spinner);
      n_looking += cost.n_looks > 0;
    }
  spinner_clear (&spinner);

  return n_looking;
}

/* A silent peer costs no more than the probes. */
static void
test_spin_in_vain (void)
{
  g_assert_cmpuint (count_looking_wakes (FALSE), ==, 0);
  g_assert_cmpuint (count_looking_wakes (TRUE), <=, N_ROUND_TRIPS / 64);
}

static gboolean
on_idle (gpointer has_run)
{
  *(gboolean *) has_run = TRUE;
  return G_SOURCE_REMOVE;
}

/* What comes meanwhile is told without a turn of the loop, and a peer that never stops keeps nobody else from it. */
static void
test_spin (void)
{
  gboolean has_run = FALSE;
  Spinner spinner;

  spinner_init (&spinner, TRUE);
  answering_fd = spinner.peer;
  reset ();
  for (guint i = 0; i < N_ROUND_TRIPS; i++)
    wake_spinner (&spinner);
  g_assert_cmpuint (spinner.n_received, >, 2 * cost.n_polls);

  g_idle_add (on_idle, &has_run);
  while (!has_run)
    {
      wake_spinner (&spinner);
      g_main_context_iteration (NULL, FALSE);
    }
  spinner_clear (&spinner);
}

static void
abort_socket (Spinner *spinner)
{
  l_socket_abort (spinner->socket);
}

static void
switch_off (Spinner *spinner)
{
  l_socket_set_low_latency (spinner->socket, FALSE);
}

static void
drop_socket (Spinner *spinner)
{
  g_clear_object (&spinner->socket);
}

/* Calls it from a handler within a spin; the count of looks is that of this one. */
static void
call_in_spin (Spinner     *spinner,
              SpinnerFunc  func)
{
  spinner->func = func;
  answering_fd = spinner->peer;
  while (spinner->func != NULL)
    {
      reset ();
      wake_spinner (spinner);
    }
}

/* A handler closes the socket, wants no more of it, or drops it. */
static void
test_spin_ends (gconstpointer func)
{
  LSocket *socket;
  Spinner spinner;

  spinner_init (&spinner, TRUE);
  socket = spinner.socket;
  g_object_add_weak_pointer (G_OBJECT (socket), (gpointer *) &socket);
  call_in_spin (&spinner, *(const SpinnerFunc *) func);

  reset ();
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (cost.n_looks, ==, 0);
  g_assert_true (socket == spinner.socket);
  g_clear_weak_pointer (&socket);
  spinner_clear (&spinner);
}

static void
run_loop (Spinner *spinner)
{
  g_assert_cmpint (send (spinner->peer, "x", 1, 0), ==, 1);
  while (l_io_device_get_bytes_available (L_IO_DEVICE (spinner->socket)) == 0)
    g_main_context_iteration (NULL, TRUE);
  l_io_device_skip (L_IO_DEVICE (spinner->socket), G_MAXSSIZE, NULL);
}

/* A handler runs a loop until the next byte is there; then all goes on. */
static void
test_spin_nested (void)
{
  Spinner spinner;

  spinner_init (&spinner, TRUE);
  for (guint i = 0; i < 3; i++)
    call_in_spin (&spinner, run_loop);
  wake_spinner (&spinner);
  spinner_clear (&spinner);
}

static LReactor *reactor;
static LReactorTask task;
static LReactorTimer timer;
static guint n_run;

static void
on_task (LReactorTask *which)
{
  n_run++;
}

static void
on_timer (LReactorTimer *which)
{
  n_run++;
}

static void
set_due_timer (void)
{
  l_reactor_set_timer (reactor, &timer, g_get_monotonic_time ());
}

static gpointer
queue_task (gpointer unused)
{
  l_reactor_queue_task (reactor, &task);
  return NULL;
}

static void
queue_task_elsewhere (void)
{
  g_thread_join (g_thread_new ("elsewhere", queue_task, NULL));
}

/* Other work that comes meanwhile ends it. */
static void
test_spin_yields (gconstpointer func)
{
  Spinner spinner;

  spinner_init (&spinner, TRUE);
  reactor = l_reactor_ref_thread_default ();
  task.func = on_task;
  timer.func = on_timer;
  n_run = 0;

  on_look = *(void (* const *) (void)) func;
  while (on_look != NULL)
    {
      reset ();
      wake_spinner (&spinner);
    }
  g_assert_cmpuint (cost.n_looks, ==, 1);

  while (n_run == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_run, ==, 1);
  g_clear_pointer (&reactor, l_reactor_unref);
  spinner_clear (&spinner);
}

static void
add_spins (void)
{
  static const SpinnerFunc ends[] = { abort_socket, switch_off, drop_socket };
  static void (* const works[]) (void) = { set_due_timer, queue_task_elsewhere };

  g_test_add_func ("/cost/spin", test_spin);
  g_test_add_func ("/cost/spin/in-vain", test_spin_in_vain);
  g_test_add_func ("/cost/spin/nested", test_spin_nested);
  g_test_add_data_func ("/cost/spin/aborts", &ends[0], test_spin_ends);
  g_test_add_data_func ("/cost/spin/switches-off", &ends[1], test_spin_ends);
  g_test_add_data_func ("/cost/spin/drops", &ends[2], test_spin_ends);
  g_test_add_data_func ("/cost/spin/timer", &works[0], test_spin_yields);
  g_test_add_data_func ("/cost/spin/task", &works[1], test_spin_yields);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *directory = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  directory = test_make_runtime_directory ();
  count_calls ();
  g_main_context_set_poll_func (NULL, count_turns);

  g_test_add_func ("/cost/round-trip", test_round_trip);
  g_test_add_func ("/cost/idle", test_idle);
  g_test_add_func ("/cost/stream-round-trip", test_stream_round_trip);
  g_test_add_func ("/cost/small-writes", test_small_writes);
  g_test_add_func ("/cost/large-write", test_large_write);
  g_test_add_func ("/cost/refused-writes", test_refused_writes);
  g_test_add_func ("/cost/connection", test_connection);
  g_test_add_func ("/cost/server", test_server);
  add_spins ();
  status = g_test_run ();
  test_remove_runtime_directory (directory);

  return status;
}
