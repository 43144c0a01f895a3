/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What keeps a peer from exhausting us: limits of connections, deadlines, and back-pressure. */

#include "test-server-util.h"

#include <string.h>

/* Connections */

static void
connect_many (LServer *server,
              TestRaw *raws,
              guint    n)
{
  for (guint i = 0; i < n; i++)
    raws[i] = test_connect_raw (server);
}

static void
close_many (TestRaw *raws,
            guint    n)
{
  for (guint i = 0; i < n; i++)
    test_raw_close (raws[i]);
}

static void
keep (LServer   *server,
      GPtrArray *sockets)
{
  LSocket *socket;

  while ((socket = l_server_next_pending_connection (server)) != NULL)
    g_ptr_array_add (sockets, socket);
}

typedef enum
{
  TAKEN,
  QUEUED,
  ACCEPTED,
} Where;

static void
test_max_connections (gconstpointer data)
{
  Where where = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  GAsyncResult *results[3] = { NULL, NULL, NULL };
  TestRaw raws[5];

  g_test_summary ("Taken or not, they count; the others wait in the system, and come in when one has ended");

  l_server_set_max_connections (server, 3);
  if (where == TAKEN)
    g_signal_connect (server, "new-connection", G_CALLBACK (keep), sockets);
  for (guint i = 0; where == ACCEPTED && i < 3; i++)
    l_server_accept_async (server, NULL, test_store_result, &results[i]);
  connect_many (server, raws, 5);
  if (where == ACCEPTED)
    {
      TEST_TURN_UNTIL (results[2] != NULL);
      test_turn_all ();
      test_trace_assert (trace, "");
      for (guint i = 0; i < 3; i++)
        {
          g_ptr_array_add (sockets, l_server_accept_finish (server, results[i], NULL));
          g_object_unref (results[i]);
        }
    }
  else
    {
      TEST_TURN_UNTIL (trace->events->len == 3);
      test_turn_all ();
      test_trace_assert (trace, "new-connection new-connection new-connection");
      if (where == QUEUED)
        keep (server, sockets);
    }
  test_turn_all ();
  g_assert_cmpuint (sockets->len, ==, 3);
  test_trace_assert (trace, "");
  test_assert_raw_read (raws[3], "");

  /* One ends here, one there. */
  l_socket_abort (sockets->pdata[0]);
  TEST_TURN_UNTIL (trace->events->len == 1);
  test_raw_close (raws[1]);
  TEST_TURN_UNTIL (trace->events->len == 2);
  test_turn_all ();
  test_trace_assert (trace, "new-connection new-connection");
  test_raw_close (raws[0]);
  test_raw_close (raws[2]);
  close_many (raws + 3, 2);
}

static void
test_max_connections_idle (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  TestRaw raws[3];

  g_test_summary ("To be full is no work");

  l_server_set_max_connections (server, 1);
  g_signal_connect (server, "new-connection", G_CALLBACK (keep), sockets);
  connect_many (server, raws, 3);
  TEST_TURN_UNTIL (sockets->len == 1);
  g_assert_cmpfloat (test_measure_load (300), <, 0.05);
  g_assert_cmpuint (sockets->len, ==, 1);
  close_many (raws, 3);
}

static void
test_max_connections_changed (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  TestRaw raws[6];

  g_test_summary ("A limit counts who is there already; to raise it lets in more");

  g_signal_connect (server, "new-connection", G_CALLBACK (keep), sockets);
  connect_many (server, raws, 2);
  TEST_TURN_UNTIL (sockets->len == 2);
  l_server_set_max_connections (server, 3);
  connect_many (server, raws + 2, 4);
  TEST_TURN_UNTIL (sockets->len == 3);
  test_turn_all ();
  g_assert_cmpuint (sockets->len, ==, 3);
  l_server_set_max_connections (server, 4);
  TEST_TURN_UNTIL (sockets->len == 4);
  test_turn_all ();
  g_assert_cmpuint (sockets->len, ==, 4);
  l_server_set_max_connections (server, 0);
  TEST_TURN_UNTIL (sockets->len == 6);
  close_many (raws, 6);
}

static void
test_max_connections_wait (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  gboolean timed_out = FALSE;
  TestRaw raws[2];

  l_server_set_max_connections (server, 1);
  connect_many (server, raws, 2);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  socket = l_server_next_pending_connection (server);
  g_assert_false (l_server_wait_for_new_connection (server, 100, &timed_out));
  g_assert_true (timed_out);

  l_socket_abort (socket);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  g_assert_cmpuint (test_count_pending (server), ==, 1);
  close_many (raws, 2);
}

static void
test_max_connections_abandoned (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  GAsyncResult *result = NULL;
  TestRaw raws[2];

  g_test_summary ("A connection that nobody asks the result of leaves its place");

  l_server_set_max_connections (server, 1);
  l_server_accept_async (server, NULL, test_store_result, &result);
  connect_many (server, raws, 2);
  TEST_TURN_UNTIL (result != NULL);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  g_object_unref (result);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close_many (raws, 2);
}

static void
store_result (GObject      *source,
              GAsyncResult *result,
              gpointer      stored)
{
  *(GAsyncResult **) stored = g_object_ref (result);
}

static void
test_max_connections_on_its_way (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) socket = NULL;
  TestRaw raws[2];

  g_test_summary ("A limit counts also who was on the way to an accept when it was set");

  connect_many (server, raws, 1);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_accept_async (server, NULL, store_result, &result);
  l_server_set_max_connections (server, 1);
  TEST_TURN_UNTIL (result != NULL);
  socket = l_server_accept_finish (server, result, NULL);
  connect_many (server, raws + 1, 1);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  l_socket_abort (socket);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close_many (raws, 2);
}

static gpointer
unref_in_thread (gpointer socket)
{
  g_object_unref (socket);
  return NULL;
}

static void
test_outlives_server (void)
{
  LServer *server = test_listen ("market");
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("A connection that ends after its server, and in another thread");

  l_server_set_max_connections (server, 1);
  raw = test_connect_raw (server);
  socket = test_take (server);
  g_assert_finalize_object (server);
  g_thread_join (g_thread_new ("unref", unref_in_thread, socket));
  test_raw_close (raw);
}

static void
test_per_user (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  TestRaw raws[6];

  g_test_summary ("Who is one too many is refused, and that is told once until there are fewer");

  l_server_set_max_connections_per_user (server, 2);
  connect_many (server, raws, 4);
  TEST_TURN_UNTIL (trace->events->len == 3);
  test_turn_all ();
  test_trace_assert (trace, "new-connection new-connection error(resource)");
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_RESOURCE);
  keep (server, sockets);
  g_assert_cmpuint (sockets->len, ==, 2);
  test_assert_raw_read (raws[1], "");
  test_assert_raw_read (raws[2], "$");
  test_assert_raw_read (raws[3], "$");

  l_socket_abort (sockets->pdata[0]);
  connect_many (server, raws + 4, 2);
  TEST_TURN_UNTIL (trace->events->len == 2);
  test_turn_all ();
  test_trace_assert (trace, "new-connection error(resource)");
  g_assert_cmpuint (test_count_pending (server), ==, 1);
  close_many (raws, 6);
}

/* Deadlines */

static void
turn_for (guint msecs)
{
  gint64 end = g_get_monotonic_time () + (gint64) msecs * 1000;

  while (g_get_monotonic_time () < end)
    test_turn ();
}

static gboolean
is_unconnected (LSocket *socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

#define TIMED_OUT "error(timeout) state-changed(closing) state-changed(unconnected) read-channel-finished disconnected"

static void
test_handshake (gconstpointer data)
{
  gboolean is_talking = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;
  gint64 begin, took;
  TestRaw raw;

  g_test_summary ("Neither silence nor a byte now and then prolongs it");

  l_server_set_handshake_timeout (server, 200);
  raw = test_connect_raw (server);
  socket = test_take (server);
  trace = test_trace_new (socket);
  begin = g_get_monotonic_time ();
  while (!is_unconnected (socket))
    {
      if (is_talking && test_raw_send (raw, "x", 1) == 1)
        turn_for (10);
      test_turn ();
      g_assert_cmpint (g_get_monotonic_time () - begin, <, TEST_PATIENCE / 4 * G_TIME_SPAN_SECOND);
    }
  took = g_get_monotonic_time () - begin;
  g_assert_cmpint (took, >=, 195 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  if (!is_talking)
    test_trace_assert (trace, TIMED_OUT);
  test_raw_read_to_end (raw);
  test_raw_close (raw);
}

static void
test_handshake_ends (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  l_server_set_handshake_timeout (server, 500);
  raw = test_connect_raw (server);
  socket = test_take (server);
  test_raw_write (raw, "hello");
  test_assert_text (socket, "hello");
  l_socket_end_handshake (socket);
  turn_for (700);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  test_raw_close (raw);
}

static void
test_handshake_queued (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  g_test_summary ("The time in the queue is not the client's");

  l_server_set_handshake_timeout (server, 100);
  l_server_set_idle_timeout (server, 100);
  raw = test_connect_raw (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  turn_for (300);
  socket = l_server_next_pending_connection (server);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpint (l_socket_get_idle_timeout (socket), ==, 100);
  TEST_TURN_UNTIL (is_unconnected (socket));
  test_raw_close (raw);
}

static void
drain (LSocket *socket)
{
  g_free (test_read (socket));
}

typedef struct
{
  const char *name;
  guint       pause;         /* between two bytes that the peer sends; 0: it sends none */
  guint64     min_progress;
  gboolean    is_cut;
} IdleCase;

static const IdleCase idle_cases[] = {
  { "silent", 0, 1, TRUE },
  { "drop-by-drop", 20, 1, FALSE },
  { "drop-by-drop-and-more-is-asked", 20, 1000, TRUE },
  { "nothing-is-asked", 0, 0, FALSE },
};

static void
test_idle (gconstpointer data)
{
  const IdleCase *row = data;
  gint64 begin = g_get_monotonic_time ();
  gint64 took;
  LSocket *socket;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  g_signal_connect (socket, "ready-read", G_CALLBACK (drain), NULL);
  l_socket_set_min_progress (socket, row->min_progress);
  l_socket_set_idle_timeout (socket, 800);
  while (!is_unconnected (socket) && g_get_monotonic_time () - begin < 2000 * G_TIME_SPAN_MILLISECOND)
    {
      if (row->pause > 0 && test_raw_send (raw, "x", 1) == 1)
        turn_for (row->pause);
      test_turn ();
    }
  took = g_get_monotonic_time () - begin;
  g_assert_cmpint (is_unconnected (socket), ==, row->is_cut);
  if (row->is_cut)
    {
      g_assert_cmpint (took, >=, 795 * G_TIME_SPAN_MILLISECOND);
      g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
    }
  test_raw_close (raw);
  g_assert_finalize_object (socket);
}

static void
test_idle_output (gconstpointer data)
{
  gboolean is_closing = GPOINTER_TO_INT (data);
  gint64 begin;
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("A peer that sends and takes nothing of what waits for it is cut, also when we are closing");

  socket = test_socket_with_raw_peer (&raw);
  g_signal_connect (socket, "ready-read", G_CALLBACK (drain), NULL);
  test_write_large (socket);
  l_socket_set_idle_timeout (socket, 200);
  if (is_closing)
    l_socket_disconnect_from_server (socket);
  begin = g_get_monotonic_time ();
  while (!is_unconnected (socket))
    {
      test_raw_send (raw, "x", 1);
      turn_for (10);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, TEST_PATIENCE / 4 * G_TIME_SPAN_SECOND);
    }
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_TIMEOUT);
  test_raw_close (raw);
  g_assert_finalize_object (socket);
}

static void
test_idle_closing (void)
{
  LSocket *silent;
  TestPair pair;
  TestRaw raw;

  g_test_summary ("What comes when we are closing, and nobody waits for, is no progress");

  test_pair_init (&pair);
  silent = test_socket_with_raw_peer (&raw);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.client), 1);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 1);
  l_socket_set_min_progress (pair.client, TEST_LARGE / 2);
  /* One that hears nothing at all tells when it is time: however busy the machine is, it is looked after just later. */
  l_socket_set_idle_timeout (pair.client, 400);
  l_socket_set_idle_timeout (silent, 440);
  test_write_large (pair.client);
  l_socket_disconnect_from_server (pair.client);
  test_write_large (pair.peer);
  TEST_TURN_UNTIL (is_unconnected (silent));
  g_assert_true (is_unconnected (pair.client));
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_TIMEOUT);
  test_pair_clear (&pair);
  test_raw_close (raw);
  g_assert_finalize_object (silent);
}

static void
test_idle_program (void)
{
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("Time in which the program reads nothing is not the peer's");

  socket = test_socket_with_raw_peer (&raw);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 4);
  test_raw_write (raw, "more than that");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) == 4);
  l_socket_set_idle_timeout (socket, 100);
  turn_for (400);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);

  /* While the program reads it may be a slow one. */
  l_socket_set_idle_timeout (socket, TEST_PATIENCE * 1000);
  test_assert_text (socket, "more");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) == 4);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 0);
  l_socket_set_idle_timeout (socket, 100);
  TEST_TURN_UNTIL (is_unconnected (socket));
  test_raw_close (raw);
  g_assert_finalize_object (socket);
}

static void
drop_server (LSocket     *socket,
             GParamSpec  *pspec,
             LServer    **server)
{
  g_clear_object (server);
}

static void
test_idle_drops_server (void)
{
  LServer *server = test_listen ("market");
  gpointer watched = server;
  g_autoptr(LSocket) queued = NULL;
  g_autoptr(LSocket) taken = NULL;
  TestRaw raw;

  g_test_summary ("Who is told of the timeout while the connection is taken may drop the server, and has the connection");

  g_object_add_weak_pointer (watched, &watched);
  l_server_set_idle_timeout (server, TEST_PATIENCE * 1000);
  queued = test_socket_with_raw_peer (&raw);
  g_signal_connect (queued, "notify::idle-timeout", G_CALLBACK (drop_server), &server);
  l_server_add_pending_connection (server, queued);
  taken = l_server_next_pending_connection (server);
  g_assert_null (watched);
  g_assert_true (taken == queued);
  test_raw_write (raw, "hello");
  test_assert_text (taken, "hello");
  test_raw_close (raw);
}

static void
test_idle_off (void)
{
  TestPair pair;

  g_test_summary ("It can be taken back, and counts anew for each connection");

  test_pair_init (&pair);
  l_socket_set_idle_timeout (pair.client, 400);
  l_socket_set_idle_timeout (pair.client, 0);
  turn_for (600);
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  l_socket_abort (pair.client);

  l_socket_set_idle_timeout (pair.client, 400);
  turn_for (600);
  l_socket_connect_to_server (pair.client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  turn_for (50);
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (is_unconnected (pair.client));
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_TIMEOUT);
  test_pair_clear (&pair);
}

/* Many who say nothing */

static void
test_silent_crowd (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(LSocket) client = NULL;
  guint n = test_is_on_valgrind () ? 20 : 300;
  g_autofree TestRaw *raws = g_new (TestRaw, n);

  g_test_summary ("They fill the server for no longer than the handshake may take, and then others are served");

  l_server_set_max_connections (server, 20);
  l_server_set_handshake_timeout (server, 50);
  l_server_set_max_pending_connections (server, 20);
  g_signal_connect (server, "new-connection", G_CALLBACK (keep), sockets);
  connect_many (server, raws, n);
  client = l_socket_new ();
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (sockets->len == n + 1);
  g_assert_cmpint (l_socket_get_state (sockets->pdata[n]), ==, L_SOCKET_STATE_CONNECTED);
  l_socket_end_handshake (sockets->pdata[n]);
  test_write (sockets->pdata[n], "at last");
  test_assert_text (client, "at last");
  close_many (raws, n);
}

/* Back-pressure */

typedef struct
{
  guint n_writable;
  gsize n_written;
  gsize to_write;
} Writer;

static void
write_more (LIODevice *device,
            Writer    *writer)
{
  static guint8 block[16 * 1024];
  g_autoptr(GError) error = NULL;

  while (writer->n_written < writer->to_write)
    {
      gssize n = l_io_device_write (device, block, MIN (sizeof block, writer->to_write - writer->n_written), &error);

      g_assert_cmpuint (l_io_device_get_bytes_to_write (device), <=, l_io_device_get_write_buffer_size (device));
      if (n < 0)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
          return;
        }
      writer->n_written += n;
    }
}

static void
on_writable (LIODevice *device,
             Writer    *writer)
{
  writer->n_writable++;
  g_assert_cmpuint (l_io_device_get_bytes_to_write (device), <=, l_io_device_get_write_buffer_size (device) / 2);
  write_more (device, writer);
}

static void
test_writable (void)
{
  Writer writer = { .to_write = 8 * 1024 * 1024 };
  guint n_received = 0;
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("Written as fast as it goes, with never more than the buffer's size waiting");

  socket = test_socket_with_raw_peer (&raw);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 100000);
  g_signal_connect (socket, "writable", G_CALLBACK (on_writable), &writer);
  write_more (L_IO_DEVICE (socket), &writer);
  test_turn_all ();
  /* The system makes more room at the first refusal. */
  g_assert_cmpuint (writer.n_writable, <=, 1);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 100000);

  while (n_received < writer.to_write)
    {
      gboolean ended;
      gsize n = test_raw_take (raw, &ended);

      n_received += n;
      test_turn ();
    }
  g_assert_cmpuint (writer.n_written, ==, writer.to_write);
  g_assert_cmpuint (writer.n_writable, >, 3);
  /* The last refusal was answered, and nothing was refused since. */
  test_turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
  test_raw_close (raw);
  g_object_unref (socket);
}

static void
count_writable (LIODevice *device,
                Writer    *writer)
{
  writer->n_writable++;
}

static void
test_writable_bytes (void)
{
  g_autoptr(GBytes) large = g_bytes_new_take (g_malloc0 (900000), 900000);
  Writer writer = { 0 };
  gsize n_waiting;
  LSocket *socket;
  gboolean ended;
  TestRaw raw;

  g_test_summary ("What goes as a whole or not at all is told of when all of it has room");

  socket = test_socket_with_raw_peer (&raw);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 1000000);
  g_signal_connect (socket, "writable", G_CALLBACK (count_writable), &writer);
  while (l_io_device_write_bytes (L_IO_DEVICE (socket), large, NULL))
    test_turn_all ();
  writer.n_writable = 0;
  while (writer.n_writable == 0)
    {
      test_raw_take (raw, &ended);
      test_turn ();
    }
  n_waiting = l_io_device_get_bytes_to_write (L_IO_DEVICE (socket));
  g_assert_cmpuint (n_waiting, <=, 100000);
  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (socket), large, NULL));
  g_assert_cmpuint (writer.n_writable, ==, 1);
  test_raw_close (raw);
  g_object_unref (socket);
}

static void
test_writable_raised (void)
{
  Writer writer = { .to_write = 2 * 1024 * 1024 };
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("A buffer that becomes larger has room, too; and what is dropped is told to nobody");

  socket = test_socket_with_raw_peer (&raw);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 1000);
  g_signal_connect (socket, "writable", G_CALLBACK (count_writable), &writer);
  /* The system makes more room at the first refusal. */
  write_more (L_IO_DEVICE (socket), &writer);
  test_turn_all ();
  write_more (L_IO_DEVICE (socket), &writer);
  writer.n_writable = 0;
  test_turn_all ();
  g_assert_cmpuint (writer.n_writable, ==, 0);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 0);
  g_assert_cmpuint (writer.n_writable, ==, 0);
  test_turn_all ();
  g_assert_cmpuint (writer.n_writable, ==, 1);

  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 1000);
  write_more (L_IO_DEVICE (socket), &writer);
  l_socket_abort (socket);
  test_turn_all ();
  g_assert_cmpuint (writer.n_writable, ==, 1);
  test_raw_close (raw);
  g_assert_finalize_object (socket);
}

static gpointer
read_to_end (gpointer raw)
{
  static char buffer[64 * 1024];
  gsize n_received = 0;
  gssize n;

  while ((n = test_raw_receive ((TestRaw) raw, buffer, sizeof buffer)) > 0)
    n_received += n;
  test_raw_close ((TestRaw) raw);

  return GSIZE_TO_POINTER (n_received);
}

static void
test_writable_wait (void)
{
  Writer writer = { .to_write = 4 * 1024 * 1024 };
  GThread *reader;
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("Without a loop it comes from inside the waits");

  socket = test_socket_with_raw_peer (&raw);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), 100000);
  g_signal_connect (socket, "writable", G_CALLBACK (on_writable), &writer);
  write_more (L_IO_DEVICE (socket), &writer);
  reader = g_thread_new ("reader", read_to_end, (gpointer) raw);
  while (writer.n_written < writer.to_write)
    g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), 10000));
  while (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)) > 0)
    g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), 10000));
  g_object_unref (socket);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), ==, writer.to_write);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add_data ("/limits/max-connections/taken", GINT_TO_POINTER (TAKEN), test_max_connections);
  test_add_data ("/limits/max-connections/queued", GINT_TO_POINTER (QUEUED), test_max_connections);
  test_add_data ("/limits/max-connections/accepted", GINT_TO_POINTER (ACCEPTED), test_max_connections);
  test_add ("/limits/max-connections/idle", test_max_connections_idle);
  test_add ("/limits/max-connections/changed", test_max_connections_changed);
  test_add ("/limits/max-connections/wait", test_max_connections_wait);
  test_add ("/limits/max-connections/abandoned", test_max_connections_abandoned);
  test_add ("/limits/max-connections/on-its-way", test_max_connections_on_its_way);
  test_add ("/limits/outlives-server", test_outlives_server);
  test_add ("/limits/per-user", test_per_user);

  test_add_data ("/limits/handshake/silent", GINT_TO_POINTER (FALSE), test_handshake);
  test_add_data ("/limits/handshake/talking", GINT_TO_POINTER (TRUE), test_handshake);
  test_add ("/limits/handshake/ends", test_handshake_ends);
  test_add ("/limits/handshake/queued", test_handshake_queued);
  for (guint i = 0; i < G_N_ELEMENTS (idle_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/limits/idle/", idle_cases[i].name, NULL);

      test_add_data (path, &idle_cases[i], test_idle);
    }
  test_add_data ("/limits/idle/output", GINT_TO_POINTER (FALSE), test_idle_output);
  test_add_data ("/limits/idle/output-closing", GINT_TO_POINTER (TRUE), test_idle_output);
  test_add ("/limits/idle/closing", test_idle_closing);
  test_add ("/limits/idle/program", test_idle_program);
  test_add ("/limits/idle/drops-server", test_idle_drops_server);
  test_add ("/limits/idle/off", test_idle_off);
  test_add ("/limits/silent-crowd", test_silent_crowd);

  test_add ("/limits/writable/loop", test_writable);
  test_add ("/limits/writable/bytes", test_writable_bytes);
  test_add ("/limits/writable/raised", test_writable_raised);
  test_add ("/limits/writable/wait", test_writable_wait);

  return test_run ();
}
