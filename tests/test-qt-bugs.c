/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

/* What QLocalSocket and QLocalServer of Qt 6 get wrong on Unix, found by probing them, and that LSocket does not. The
 * numbers are those of that list; what else was on it is a matter of Windows or of documentation. Those
 * about paths and descriptors are in test-qt-bugs-unix.c. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

/* What a spin of 300 ms would use up, and what is allowed. */
#define SPIN_MSECS 300
#define MAX_CPU 50000

static TestRaw
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
  TestRaw listener = listen_raw (0);
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

  test_raw_close (test_raw_accept (listener));
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_CONNECTED);
  test_raw_close_all (fillers);
  test_raw_close (listener);
}

/* 2: an attempt that takes too long ends, with an error and a state; closing ends one too. */
static void
test_connect_timeout (void)
{
  TestRaw listener = listen_raw (0);
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
  test_raw_close (listener);
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
  TestRaw listener = listen_raw (4);
  TestRaw raw;

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  l_socket_abort (socket);
  test_raw_close (raw);

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  test_raw_close (raw);
  test_raw_close (listener);
}

static LSocket *
connect_with_full_buffer (TestRaw *raw)
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
  TestRaw raw;
  g_autoptr(LSocket) socket = connect_with_full_buffer (&raw);
  gint64 begin = g_get_monotonic_time ();
  gint64 cpu = test_get_cpu_time ();

  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), SPIN_MSECS));
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  g_assert_false (l_socket_wait_for_disconnected (socket, SPIN_MSECS));
  assert_idle (cpu);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 2 * SPIN_MSECS * 1000);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, (2 * SPIN_MSECS + 3000) * 1000);

  test_raw_close (raw);
  g_assert_true (l_socket_wait_for_disconnected (socket, 5000));
}

/* 6: the peer's end is noticed with a full read buffer, nothing is lost, and until then nothing spins. */
static void
test_full_buffer_hang_up (void)
{
  TestRaw raw;
  g_autoptr(LSocket) socket = connect_with_full_buffer (&raw);
  g_autofree char *text = NULL;
  gint64 cpu = test_get_cpu_time ();

  turn_for (SPIN_MSECS);
  assert_idle (cpu);
  test_raw_close (raw);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  text = test_read (socket);
  g_assert_cmpstr (text, ==, "abcdefgh");
}

/* 7: connecting while what is queued is still being sent is refused, and that arrives. */
static void
test_connect_while_closing (void)
{
  TestRaw raw;
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
  test_raw_close (raw);
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

/* 13: in error(PEER_CLOSED) the descriptor is an open one; afterwards the socket is not valid. */
static void
check_descriptor (LSocket      *socket,
                  LSocketError  error,
                  gpointer      called)
{
  g_assert_cmpint (error, ==, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_socket_is_valid (socket));
  g_assert_true (test_raw_is_set_up (l_socket_get_socket_descriptor (socket)));
  *(gboolean *) called = TRUE;
}

static void
test_peer_closed_accessors (void)
{
  gboolean called = FALSE;
  TestRaw raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);

  g_signal_connect (socket, "error", G_CALLBACK (check_descriptor), &called);
  test_raw_close (raw);
  TEST_TURN_UNTIL (called && l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (socket)));
  g_assert_false (l_socket_is_valid (socket));
  g_assert_cmpint (l_socket_get_socket_descriptor (socket), ==, -1);
}

/* 15: a wait that times out is no error of the connection: the property tells, the signal does not. */
static void
test_wait_timeout (void)
{
  TestRaw raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 10));
  g_assert_false (l_socket_wait_for_disconnected (socket, 10));
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  test_trace_assert (trace, "");
  test_raw_close (raw);
}

/* 16: a peer that has said all it had to say still gets its answer. */
static void
test_half_close (void)
{
  TestRaw raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);

  test_write_large (socket);
  test_raw_shut_down_write (raw);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  test_raw_close (raw);
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
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  g_object_unref (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  test_raw_close (raw);

  socket = test_socket_with_raw_peer (&raw);
  test_write_large (socket);
  g_io_stream_close_async (G_IO_STREAM (socket), 0, NULL, test_store_result, &result);
  g_object_unref (socket);
  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  TEST_TURN_UNTIL (result != NULL);
  test_raw_close (raw);
}

/* 18: UNBUFFERED sends at once. */
static void
test_unbuffered (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  TestRaw raws[2];

  test_raw_pair (raws);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED,
                                                 READ_WRITE | L_OPEN_MODE_UNBUFFERED, NULL));
  test_write (socket, "now");
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
  g_assert_cmpuint (test_raw_take (raws[1], NULL), ==, 3);
  test_raw_close (raws[1]);
}

/* 20: the last reference goes silently, and handlers that are connected before the call see all of it. */
static void
test_silent_end (void)
{
  TestRaw raw;
  LSocket *socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  test_write (socket, "dropped");
  g_assert_finalize_object (socket);
  test_trace_assert (trace, "");
  test_raw_close (raw);
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
  TestRaw listener = listen_raw (1);
  TestRaw raw;

  g_signal_connect (socket, "state-changed", G_CALLBACK (write_at_once), NULL);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  raw = test_raw_accept (listener);
  text = test_raw_read (raw, 5);
  g_assert_cmpstr (text, ==, "hello");
  test_raw_close (raw);
  test_raw_close (listener);
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
  TestRaw raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  g_signal_connect (socket, "error", G_CALLBACK (compare_errors), &n_errors);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_OPERATION);
  test_raw_close (raw);
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
  TestRaw raw;
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
  test_raw_close (raw);
}

/* 24: looking does not make room. */
static void
test_peek_counts (void)
{
  TestRaw raw;
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
  test_raw_close (raw);
}

/* 25: waits for something else do not break an attempt that is under way: they wait for it first. */

typedef struct
{
  TestRaw  listener;
  GArray  *fillers;
} Greeter;

static gpointer
greet_and_hang_up (gpointer data)
{
  Greeter *greeter = data;
  TestRaw raw;

  for (guint i = 0; i < greeter->fillers->len; i++)
    test_raw_close (test_raw_accept (greeter->listener));
  raw = test_raw_accept (greeter->listener);
  test_raw_write (raw, "hello");
  test_raw_close (raw);

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
  test_raw_close (greeter.listener);
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
  test_add ("/qt-bugs/11-queue", test_queue);
  test_add ("/qt-bugs/13-peer-closed-accessors", test_peer_closed_accessors);
  test_add ("/qt-bugs/15-wait-timeout", test_wait_timeout);
  if (test_is_unix ())
    {
      test_add ("/qt-bugs/16-half-close", test_half_close);
      test_add ("/qt-bugs/16-half-close-both", test_half_close_both);
    }
  test_add ("/qt-bugs/17-drop-delivers", test_drop_delivers);
  test_add ("/qt-bugs/18-unbuffered", test_unbuffered);
  test_add ("/qt-bugs/20-silent-end", test_silent_end);
  test_add ("/qt-bugs/21-connected-is-usable", test_connected_is_usable);
  test_add ("/qt-bugs/22-error-property", test_error_property);
  test_add ("/qt-bugs/23-write-limit", test_write_limit);
  test_add ("/qt-bugs/24-peek-counts", test_peek_counts);
  test_add ("/qt-bugs/25-waits-while-connecting", test_waits_while_connecting);

  return test_run ();
}
