/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What QLocalSocket and QLocalServer of Qt 6 get wrong on Unix, found by probing them, and that LSocket does not. The
 * numbers are those of that list; what else was on it is a matter of Windows or of documentation. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

/* What a spin of 300 ms would use up, and what is allowed. */
#define SPIN_MSECS 300
#define MAX_CPU 50000

static int
listen_raw (int backlog)
{
  g_autofree char *path = test_build_path ("market");

  return test_raw_listen (path, backlog);
}

static GArray *
fill_backlog (void)
{
  g_autofree char *path = test_build_path ("market");

  return test_raw_fill_backlog (path);
}

static LServer *
listen_at (const char     *name,
           LServerOptions  options)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);

  return server;
}

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

/* The loop, for that long. */
static void
turn_for (guint msecs)
{
  gboolean over = FALSE;

  g_timeout_add (msecs, set_flag, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

static void
assert_idle (gint64 cpu)
{
  if (!test_is_on_valgrind ())
    g_assert_cmpint (test_get_cpu_time () - cpu, <, MAX_CPU);
}

/* 1: waiting for a place in the backlog keeps no processor busy, in the loop and in a wait. */
static void
test_backlog_spin (void)
{
  int listener = listen_raw (0);
  GArray *fillers = fill_backlog ();
  g_autoptr(LSocket) socket = l_socket_new ();
  gint64 cpu;

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTING);

  cpu = test_get_cpu_time ();
  turn_for (SPIN_MSECS);
  assert_idle (cpu);

  cpu = test_get_cpu_time ();
  g_assert_false (l_socket_wait_for_connected (socket, SPIN_MSECS));
  assert_idle (cpu);

  close (test_raw_accept (listener));
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_CONNECTED);
  test_raw_close_all (fillers);
  close (listener);
}

/* 2: an attempt that takes too long ends, with an error and a state; closing ends one too. */
static void
test_connect_timeout (void)
{
  int listener = listen_raw (0);
  GArray *fillers = fill_backlog ();
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  l_socket_set_connect_timeout (socket, 40);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "state-changed(connecting) error(timeout) state-changed(unconnected)");

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTING);
  g_assert_true (g_io_stream_close (G_IO_STREAM (socket), NULL, NULL));
  test_trace_assert (trace, "state-changed(connecting) state-changed(unconnected)");
  test_raw_close_all (fillers);
  close (listener);
}

/* 3: connecting again and writing in a handler of disconnected. */
static void
connect_and_write (LSocket *socket)
{
  g_signal_handlers_disconnect_by_func (socket, connect_and_write, NULL);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  test_write (socket, "again");
}

static void
test_reconnect_in_disconnected (void)
{
  g_autofree char *text = NULL;
  TestPair pair;

  test_pair_init (&pair);
  g_signal_connect (pair.client, "disconnected", G_CALLBACK (connect_and_write), NULL);
  l_socket_abort (pair.peer);
  g_clear_object (&pair.peer);
  TEST_TURN_UNTIL (l_server_has_pending_connections (pair.server));
  pair.peer = l_server_next_pending_connection (pair.server);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (pair.peer)) == 5);
  text = test_read (pair.peer);
  g_assert_cmpstr (text, ==, "again");
  test_pair_clear (&pair);
}

/* 4: what an abort() was once told is not remembered by a later disconnect. */
static void
test_abort_then_disconnect (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  int listener = listen_raw (4);
  int raw;

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  l_socket_abort (socket);
  close (raw);

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  close (raw);
  close (listener);
}

static LSocket *
connect_with_full_buffer (int *raw)
{
  LSocket *socket = test_socket_with_raw_peer (raw);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 4);
  test_raw_write (*raw, "abcdefgh");
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 5000));
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (socket)), ==, 4);

  return socket;
}

/* 5: with a full read buffer waits keep to their time, and use no processor. */
static void
test_full_buffer_waits (void)
{
  int raw;
  g_autoptr(LSocket) socket = connect_with_full_buffer (&raw);
  gint64 begin = g_get_monotonic_time ();
  gint64 cpu = test_get_cpu_time ();

  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), SPIN_MSECS));
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  g_assert_false (l_socket_wait_for_disconnected (socket, SPIN_MSECS));
  assert_idle (cpu);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 2 * SPIN_MSECS * 1000);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, (2 * SPIN_MSECS + 3000) * 1000);

  close (raw);
  g_assert_true (l_socket_wait_for_disconnected (socket, 5000));
}

/* 6: the peer's end is noticed with a full read buffer, nothing is lost, and until then nothing spins. */
static void
test_full_buffer_hang_up (void)
{
  int raw;
  g_autoptr(LSocket) socket = connect_with_full_buffer (&raw);
  g_autofree char *text = NULL;
  gint64 cpu = test_get_cpu_time ();

  turn_for (SPIN_MSECS);
  assert_idle (cpu);
  close (raw);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  text = test_read (socket);
  g_assert_cmpstr (text, ==, "abcdefgh");
}

/* 7: connecting while what is queued is still being sent is refused, and that arrives. */
static void
test_connect_while_closing (void)
{
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  test_trace_clear (trace);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  test_trace_assert (trace, "error(operation)");
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CLOSING);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  g_assert_true (test_trace_has (trace, "disconnected"));
  close (raw);
}

/* 8: a server that is out of descriptors says so once, goes on, and accepts when there are some again. */
static void
test_server_out_of_descriptors (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  struct rlimit old, limit;
  gint64 cpu;
  int lowest;

  if (test_is_on_valgrind ())
    {
      g_test_skip ("Valgrind accepts and then closes what is beyond the limit");
      return;
    }

  l_socket_connect_to_server (client, "market", READ_WRITE);
  lowest = dup (0);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = lowest;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  cpu = test_get_cpu_time ();
  turn_for (SPIN_MSECS);
  assert_idle (cpu);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);

  test_trace_assert (trace, "error(resource)");
  g_assert_true (l_server_is_listening (server));
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);
}

/* 9: nobody takes the name of a live server, nor removes it, nor a file that is no socket. */
static void
test_name_in_use (void)
{
  g_autoptr(LServer) first G_GNUC_UNUSED = listen_at ("market", L_SERVER_OPTIONS_USER_ACCESS);
  LServer *second = l_server_new ();
  g_autofree char *path = test_build_path ("market");
  g_autofree char *file = test_build_path ("file");
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (second, L_SERVER_OPTIONS_WORLD_ACCESS);
  g_assert_false (l_server_listen (second, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  l_server_close (second);
  g_object_unref (second);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (file, "precious", -1, NULL));
  g_assert_false (l_server_remove (file, L_SERVER_OPTIONS_NONE, &error));
  g_assert_nonnull (error);
  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));

  l_socket_connect_to_server (client, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
}

/* 9: what a closing server finds at its path may be somebody else's by now. */
static void
test_close_keeps_others (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *path = test_build_path ("market");
  int other;

  g_assert_cmpint (g_unlink (path), ==, 0);
  other = test_raw_listen (path, 1);
  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  close (test_raw_connect (path));
  close (other);
}

/* 10: an adopted descriptor listens, name or not; it is closed, and its path is not removed. */
static void
test_adopted_listener (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  /* Linux binds it to an abstract name of its own choice. */
  g_assert_cmpint (bind (fd, &(struct sockaddr) { .sa_family = AF_UNIX }, sizeof (sa_family_t)), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  l_server_close (server);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);

  fd = test_raw_listen (path, 1);
  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  /* And what does not listen is refused. */
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_false (l_server_listen_descriptor (server, fd, &error));
  g_assert_nonnull (error);
  close (fd);
}

/* 11: the limit of the queue is exact, and what is queued is not waited for. */
static void
test_queue (void)
{
  g_autoptr(LServer) server = l_server_new ();
  LSocket *clients[4];
  gboolean timed_out = TRUE;
  gint64 begin;
  guint n_taken = 0;

  l_server_set_max_pending_connections (server, 2);
  g_assert_true (l_server_listen (server, "market", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = l_socket_new ();
      l_socket_connect_to_server (clients[i], "market", READ_WRITE);
    }
  turn_for (50);

  begin = g_get_monotonic_time ();
  g_assert_true (l_server_wait_for_new_connection (server, 5000, &timed_out));
  g_assert_false (timed_out);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 2000000);

  /* Without the loop only what was queued can be taken. */
  while (l_server_has_pending_connections (server))
    {
      g_object_unref (l_server_next_pending_connection (server));
      n_taken++;
    }
  g_assert_cmpuint (n_taken, ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    g_object_unref (clients[i]);
}

/* 12: a success forgets the last error; a name that is too long says so; a path may have all of the 107 bytes. */
static void
test_listen_errors (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autofree char *directory = test_build_path ("directory");
  g_autoptr(GString) path = g_string_new (directory);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_string_append_c (path, '/');
  while (path->len < 108)
    g_string_append_c (path, 'n');

  errno = EINVAL;
  g_assert_false (l_server_listen (server, path->str, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "107"));
  g_assert_nonnull (strstr (error->message, "108"));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_clear_error (&error);

  g_string_truncate (path, 107);
  g_assert_true (l_server_listen (server, path->str, &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
  l_socket_connect_to_server (client, path->str, READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpstr (l_socket_get_full_server_name (client), ==, path->str);
}

/* 13: in error(PEER_CLOSED) the descriptor is an open one; afterwards the socket is not valid. */
static void
check_descriptor (LSocket      *socket,
                  LSocketError  error,
                  gpointer      called)
{
  g_assert_cmpint (error, ==, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_socket_is_valid (socket));
  g_assert_cmpint (fcntl ((int) l_socket_get_socket_descriptor (socket), F_GETFD), !=, -1);
  *(gboolean *) called = TRUE;
}

static void
test_peer_closed_accessors (void)
{
  gboolean called = FALSE;
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);

  g_signal_connect (socket, "error", G_CALLBACK (check_descriptor), &called);
  close (raw);
  TEST_TURN_UNTIL (called && l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (socket)));
  g_assert_false (l_socket_is_valid (socket));
  g_assert_cmpint (l_socket_get_socket_descriptor (socket), ==, -1);
}

/* 14: different errors have different codes, and the system's own text. */
static void
test_error_codes (void)
{
  static const struct
  {
    const char  *name;
    LSocketError error;
    int          code;
  } cases[] = {
    { "nobody", L_SOCKET_ERROR_SERVER_NOT_FOUND, ENOENT },
    { "/dev/null/market", L_SOCKET_ERROR_SERVER_NOT_FOUND, ENOTDIR },
    { "/dev/null", L_SOCKET_ERROR_CONNECTION_REFUSED, ECONNREFUSED },
  };
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;
  struct rlimit old, limit;
  int lowest;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (l_socket_connect_to_server_sync (client, cases[i].name, READ_WRITE, NULL, &error));
      g_assert_error (error, L_SOCKET_ERROR, (int) cases[i].error);
      g_assert_nonnull (strstr (error->message, g_strerror (cases[i].code)));
      g_clear_error (&error);
    }

  lowest = dup (0);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = lowest;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_false (l_socket_connect_to_server_sync (client, "/dev/null", READ_WRITE, NULL, &error));
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_RESOURCE);
  g_assert_nonnull (strstr (error->message, g_strerror (EMFILE)));
}

/* 15: a wait that times out is no error of the connection: the property tells, the signal does not. */
static void
test_wait_timeout (void)
{
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 10));
  g_assert_false (l_socket_wait_for_disconnected (socket, 10));
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  test_trace_assert (trace, "");
  close (raw);
}

/* 16: a peer that has said all it had to say still gets its answer. */
static void
test_half_close (void)
{
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);

  test_write_large (socket);
  g_assert_cmpint (shutdown (raw, SHUT_WR), ==, 0);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  close (raw);
}

/* 16: and so does one that waits for the end of the question. */
static void
test_half_close_both (void)
{
  g_autofree char *text = NULL;
  TestPair pair;

  test_pair_init (&pair);
  l_socket_set_half_open (pair.peer, TRUE);
  test_write (pair.client, "question");
  g_assert_true (l_socket_shutdown_write (pair.client, NULL));
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (pair.peer)) == 8);
  test_turn_all ();
  g_assert_cmpint (l_socket_get_state (pair.peer), ==, L_SOCKET_STATE_CONNECTED);
  test_write (pair.peer, "answer");
  l_socket_disconnect_from_server (pair.peer);
  TEST_TURN_UNTIL (l_socket_get_state (pair.client) == L_SOCKET_STATE_UNCONNECTED);
  text = test_read (pair.client);
  g_assert_cmpstr (text, ==, "answer");
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_UNKNOWN);
  test_pair_clear (&pair);
}

/* 17: dropping a socket that disconnects loses nothing, neither does close_async(). */
static void
test_drop_delivers (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  LSocket *socket;
  int raw;

  socket = test_socket_with_raw_peer (&raw);
  test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  g_object_unref (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  close (raw);

  socket = test_socket_with_raw_peer (&raw);
  test_write_large (socket);
  g_io_stream_close_async (G_IO_STREAM (socket), 0, NULL, test_store_result, &result);
  g_object_unref (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  TEST_TURN_UNTIL (result != NULL);
  close (raw);
}

/* 18: UNBUFFERED sends at once. */
static void
test_unbuffered (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_true (l_socket_set_socket_descriptor (socket, fds[0], L_SOCKET_STATE_CONNECTED,
                                                 READ_WRITE | L_OPEN_MODE_UNBUFFERED, NULL));
  test_write (socket, "now");
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
  g_assert_cmpuint (test_raw_take (fds[1], NULL), ==, 3);
  close (fds[1]);
}

/* 19: two processes may accept from one descriptor; the one that comes too late does not block. */
static void
test_shared_listener (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *path = test_build_path ("market");
  int fd = (int) l_server_get_socket_descriptor (server);
  int client;

  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);

  client = test_raw_connect (path);
  close (test_raw_accept (fd));
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_true (l_server_is_listening (server));
  close (client);
}

/* 20: the last reference goes silently, and handlers that are connected before the call see all of it. */
static void
test_silent_end (void)
{
  int raw;
  LSocket *socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  test_write (socket, "dropped");
  g_assert_finalize_object (socket);
  test_trace_assert (trace, "");
  close (raw);
}

/* 21: when a state is told everything of it is there: in state-changed(CONNECTED) one can write. */
static void
write_at_once (LSocket      *socket,
               LSocketState  state)
{
  if (state != L_SOCKET_STATE_CONNECTED)
    return;

  g_assert_true (l_io_device_is_open (L_IO_DEVICE (socket)));
  g_assert_cmpint (l_socket_get_socket_descriptor (socket), >=, 0);
  test_write (socket, "hello");
  g_assert_true (l_socket_flush (socket));
}

static void
test_connected_is_usable (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autofree char *text = NULL;
  int listener = listen_raw (1);
  int raw;

  g_signal_connect (socket, "state-changed", G_CALLBACK (write_at_once), NULL);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  text = test_raw_read (raw, 5);
  g_assert_cmpstr (text, ==, "hello");
  close (raw);
  close (listener);
}

/* 22: the property says what the signal said. */
static void
compare_errors (LSocket      *socket,
                LSocketError  error,
                gpointer      n_errors)
{
  g_assert_cmpint (l_socket_get_error (socket), ==, error);
  g_assert_nonnull (l_io_device_get_error_string (L_IO_DEVICE (socket)));
  ++*(guint *) n_errors;
}

static void
test_error_property (void)
{
  guint n_errors = 0;
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  g_signal_connect (socket, "error", G_CALLBACK (compare_errors), &n_errors);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_OPERATION);
  close (raw);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  l_socket_connect_to_server (socket, "nobody", READ_WRITE);
  g_assert_cmpuint (n_errors, ==, 3);
  test_trace_assert (trace,
                     "error(operation) error(peer-closed) state-changed(closing) state-changed(unconnected) "
                     "read-channel-finished disconnected about-to-close state-changed(connecting) "
                     "error(server-not-found) state-changed(unconnected)");
}

/* 23: a writer that is faster than its peer is told so. */
static void
test_write_limit (void)
{
  int raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  LIODevice *device = L_IO_DEVICE (socket);
  g_autofree char *data = g_malloc0 (10000);
  g_autoptr(GError) error = NULL;
  gsize n_taken = 0;
  gssize n;

  l_io_device_set_write_buffer_size (device, 100000);
  while ((n = l_io_device_write (device, data, 10000, &error)) > 0)
    {
      n_taken += n;
      g_assert_cmpuint (l_io_device_get_bytes_to_write (device), <=, 100000);
      g_assert_cmpuint (n_taken, <, 100 * 1000 * 1000);
    }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);

  l_socket_disconnect_from_server (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, n_taken);
  close (raw);
}

/* 24: looking does not make room. */
static void
test_peek_counts (void)
{
  int raw;
  g_autoptr(LSocket) socket = connect_with_full_buffer (&raw);
  LIODevice *device = L_IO_DEVICE (socket);
  char text[9] = "";

  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (l_io_device_peek (device, text, 8, NULL), ==, 4);
      test_turn_all ();
      g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, 4);
    }

  /* Neither does a transaction. */
  l_io_device_start_transaction (device);
  g_assert_cmpint (l_io_device_read (device, text, 8, NULL), ==, 4);
  test_turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, 0);
  l_io_device_commit_transaction (device);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (device) == 4);
  close (raw);
}

/* 25: waits for something else do not break an attempt that is under way: they wait for it first. */

typedef struct
{
  int     listener;
  GArray *fillers;
} Greeter;

static gpointer
greet_and_hang_up (gpointer data)
{
  Greeter *greeter = data;
  int fd;

  for (guint i = 0; i < greeter->fillers->len; i++)
    close (test_raw_accept (greeter->listener));
  fd = test_raw_accept (greeter->listener);
  test_raw_write (fd, "hello");
  close (fd);

  return NULL;
}

static void
test_waits_while_connecting (void)
{
  Greeter greeter = { listen_raw (0), fill_backlog () };
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autofree char *text = NULL;
  GThread *thread;

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 20));
  g_assert_false (l_socket_wait_for_disconnected (socket, 20));
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTING);

  thread = g_thread_new ("greeter", greet_and_hang_up, &greeter);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 8000));
  text = test_read (socket);
  g_assert_cmpstr (text, ==, "hello");
  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    g_assert_true (l_socket_wait_for_disconnected (socket, 8000));
  g_thread_join (thread);
  test_raw_close_all (greeter.fillers);
  close (greeter.listener);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/qt-bugs/01-backlog-spin", test_backlog_spin);
  test_add ("/qt-bugs/02-connect-timeout", test_connect_timeout);
  test_add ("/qt-bugs/03-reconnect-in-disconnected", test_reconnect_in_disconnected);
  test_add ("/qt-bugs/04-abort-then-disconnect", test_abort_then_disconnect);
  test_add ("/qt-bugs/05-full-buffer-waits", test_full_buffer_waits);
  test_add ("/qt-bugs/06-full-buffer-hang-up", test_full_buffer_hang_up);
  test_add ("/qt-bugs/07-connect-while-closing", test_connect_while_closing);
  test_add ("/qt-bugs/08-server-out-of-descriptors", test_server_out_of_descriptors);
  test_add ("/qt-bugs/09-name-in-use", test_name_in_use);
  test_add ("/qt-bugs/09-close-keeps-others", test_close_keeps_others);
  test_add ("/qt-bugs/10-adopted-listener", test_adopted_listener);
  test_add ("/qt-bugs/11-queue", test_queue);
  test_add ("/qt-bugs/12-listen-errors", test_listen_errors);
  test_add ("/qt-bugs/13-peer-closed-accessors", test_peer_closed_accessors);
  test_add ("/qt-bugs/14-error-codes", test_error_codes);
  test_add ("/qt-bugs/15-wait-timeout", test_wait_timeout);
  test_add ("/qt-bugs/16-half-close", test_half_close);
  test_add ("/qt-bugs/16-half-close-both", test_half_close_both);
  test_add ("/qt-bugs/17-drop-delivers", test_drop_delivers);
  test_add ("/qt-bugs/18-unbuffered", test_unbuffered);
  test_add ("/qt-bugs/19-shared-listener", test_shared_listener);
  test_add ("/qt-bugs/20-silent-end", test_silent_end);
  test_add ("/qt-bugs/21-connected-is-usable", test_connected_is_usable);
  test_add ("/qt-bugs/22-error-property", test_error_property);
  test_add ("/qt-bugs/23-write-limit", test_write_limit);
  test_add ("/qt-bugs/24-peek-counts", test_peek_counts);
  test_add ("/qt-bugs/25-waits-while-connecting", test_waits_while_connecting);

  return test_run ();
}
