/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A server with threads, the example of that name: each connection is one thread's, and wakes no other. How often a thread
 * has given its processor away Linux counts. With -m perf it also tells what more threads are good for. */

#include "test-util.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME          "workers"
#define N_WORKERS     3
#define N_ROUND_TRIPS 300

/* One that had something to do before it was looked at may fall asleep only after that. */
#define N_LEFT_OVER 3

/* By itself, or since the client that it had answered went first: then it may find the next message without having slept. */
static const char *switches[] = { "\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:" };

static GSubprocess *
start_server (guint n_workers)
{
  g_autofree char *number = g_strdup_printf ("%u", n_workers);
  g_autoptr(GDataInputStream) output = NULL;
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;
  GSubprocess *server = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                                          g_getenv ("THREADS_SERVER"), NAME, number, NULL);

  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (server));
  line = g_data_input_stream_read_line (output, NULL, NULL, NULL);
  g_assert_nonnull (line);
  return server;
}

static void
stop_server (GSubprocess *server)
{
  g_autoptr(GError) error = NULL;

  g_subprocess_send_signal (server, SIGTERM);
  g_subprocess_wait_check (server, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (server);
}

static void
add_thread (GHashTable *n_switches,
            const char *tasks,
            const char *thread)
{
  g_autofree char *path = g_build_filename (tasks, thread, "status", NULL);
  g_autofree char *status = NULL;
  guint count = 0;

  if (!g_file_get_contents (path, &status, NULL, NULL))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (switches); i++)
    {
      const char *field = strstr (status, switches[i]);

      g_assert_nonnull (field);
      count += atoi (strchr (field, ':') + 1);
    }
  g_hash_table_insert (n_switches, g_strdup (thread), GUINT_TO_POINTER (count));
}

/* (element-type utf8 guint): by thread */
static GHashTable *
count_switches (GSubprocess *server)
{
  GHashTable *n_switches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *tasks = g_build_filename ("/proc", g_subprocess_get_identifier (server), "task", NULL);
  g_autoptr(GDir) dir = g_dir_open (tasks, 0, NULL);
  const char *thread;

  g_assert_nonnull (dir);
  while ((thread = g_dir_read_name (dir)) != NULL)
    add_thread (n_switches, tasks, thread);

  return n_switches;
}

static void
go_round (LIODevice *device,
          guint      count)
{
  char answer[64] = { 0 };

  for (guint i = 0; i < count; i++)
    {
      gsize n_read = 0;

      g_assert_cmpint (l_io_device_write (device, answer, sizeof answer, NULL), ==, sizeof answer);
      while (n_read < sizeof answer)
        {
          g_assert_true (l_io_device_wait_for_ready_read (device, 30000));
          n_read += l_io_device_read (device, answer + n_read, sizeof answer - n_read, NULL);
        }
    }
}

static LSocket *
connect_socket (void)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_connect_to_server_sync (socket, NAME, L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  go_round (L_IO_DEVICE (socket), 1);
  return socket;
}

/* The thread that serves the connection; it fails when another one woke up meanwhile. */
static char *
find_owner (GSubprocess *server,
            LSocket     *socket)
{
  g_autoptr(GHashTable) before = NULL;
  g_autoptr(GHashTable) after = NULL;
  GHashTableIter iter;
  gpointer thread, n_switches;
  char *owner = NULL;

  go_round (L_IO_DEVICE (socket), 10);
  before = count_switches (server);
  go_round (L_IO_DEVICE (socket), N_ROUND_TRIPS);
  after = count_switches (server);

  g_hash_table_iter_init (&iter, after);
  while (g_hash_table_iter_next (&iter, &thread, &n_switches))
    {
      guint n_new = GPOINTER_TO_UINT (n_switches) - GPOINTER_TO_UINT (g_hash_table_lookup (before, thread));

      if (n_new <= N_LEFT_OVER)
        continue;
      g_assert_null (owner);
      owner = g_strdup (thread);
    }

  return owner;
}

static void
test_owner (void)
{
  GSubprocess *server = start_server (N_WORKERS);
  g_autoptr(GHashTable) owners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LSocket *sockets[2 * N_WORKERS];

  g_test_summary ("A connection wakes the thread that it was handed to, and each thread has its share of them");

  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    sockets[i] = connect_socket ();
  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    {
      char *owner = find_owner (server, sockets[i]);

      g_assert_nonnull (owner);
      g_hash_table_add (owners, owner);
    }
  g_assert_cmpuint (g_hash_table_size (owners), ==, N_WORKERS);

  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    g_object_unref (sockets[i]);
  stop_server (server);
}

/* What it is good for */

#define N_CLIENTS     2
#define N_CONNECTIONS 16
#define N_ROUNDS      10000

static int
connect_bare (void)
{
  g_autofree char *path = test_build_path (NAME);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
  return fd;
}

/* As little as a client can do, so that the server's share is what counts. */
static gpointer
run_client (gpointer unused)
{
  int fds[N_CONNECTIONS];
  char message[64] = { 0 };

  for (guint i = 0; i < N_CONNECTIONS; i++)
    fds[i] = connect_bare ();
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      for (guint i = 0; i < N_CONNECTIONS; i++)
        g_assert_cmpint (send (fds[i], message, sizeof message, 0), ==, sizeof message);
      for (guint i = 0; i < N_CONNECTIONS; i++)
        g_assert_cmpint (recv (fds[i], message, sizeof message, MSG_WAITALL), ==, sizeof message);
    }
  for (guint i = 0; i < N_CONNECTIONS; i++)
    close (fds[i]);

  return NULL;
}

static void
test_throughput (void)
{
  for (guint n_workers = 1; n_workers <= g_get_num_processors (); n_workers++)
    {
      GSubprocess *server = start_server (n_workers);
      GThread *clients[N_CLIENTS];
      gint64 start = g_get_monotonic_time ();

      for (guint i = 0; i < N_CLIENTS; i++)
        clients[i] = g_thread_new ("client", run_client, NULL);
      for (guint i = 0; i < N_CLIENTS; i++)
        g_thread_join (clients[i]);
      g_test_message ("%u threads: %.0f round trips a second", n_workers,
                      (double) N_CLIENTS * N_CONNECTIONS * N_ROUNDS * G_TIME_SPAN_SECOND / (g_get_monotonic_time () - start));
      stop_server (server);
    }
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  test_add ("/workers/owner", test_owner);
  if (g_test_perf ())
    test_add ("/workers/throughput", test_throughput);

  return test_run ();
}
