/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <string.h>

/* Two ends that close while both have more to send than the system takes. Neither program reads any more, so each would
 * wait for the other for ever, did the sockets not go on taking what comes. */

#define LONG (TEST_PATIENCE * 1000)
#define KEPT (64 * 1024)

static LIODevice *
get_device (LSocket *socket)
{
  return L_IO_DEVICE (socket);
}

static gboolean
is_over (LSocket *socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

/* Whoever is done first has sent everything; the other one may find it gone then. */
static void
assert_error (LSocketError error)
{
  if (error != L_SOCKET_ERROR_UNKNOWN)
    g_assert_cmpint (error, ==, L_SOCKET_ERROR_PEER_CLOSED);
}

static void
assert_one_delivered (LSocketError one,
                      LSocketError other)
{
  assert_error (one);
  assert_error (other);
  g_assert_true (one == L_SOCKET_ERROR_UNKNOWN || other == L_SOCKET_ERROR_UNKNOWN);
}

/* Both in one loop */

static void
begin_disconnecting (LSocket *socket)
{
  l_socket_disconnect_from_server (socket);
}

static void
ignore_result (GObject      *source,
               GAsyncResult *result,
               gpointer      unused)
{
}

static void
begin_closing (LSocket *socket)
{
  g_io_stream_close_async (G_IO_STREAM (socket), G_PRIORITY_DEFAULT, NULL, ignore_result, NULL);
}

static void
begin_and_let_go (LSocket *socket)
{
  l_socket_disconnect_from_server (socket);
  g_object_unref (socket);
}

typedef struct
{
  const char *path;
  void     (* one) (LSocket *socket);
  void     (* other) (LSocket *socket);
} LoopCase;

static const LoopCase loop_cases[] = {
  { "/closing/loop/disconnect", begin_disconnecting, begin_disconnecting },
  { "/closing/loop/close", begin_closing, begin_closing },
  { "/closing/loop/disconnect-close", begin_disconnecting, begin_closing },
};

static void
test_loop (gconstpointer data)
{
  const LoopCase *row = data;
  g_autoptr(TestTrace) client_trace = NULL;
  g_autoptr(TestTrace) peer_trace = NULL;
  TestPair pair;

  test_pair_init (&pair);
  client_trace = test_trace_new (pair.client);
  peer_trace = test_trace_new (pair.peer);
  test_write_large (pair.client);
  test_write_large (pair.peer);
  row->one (pair.client);
  row->other (pair.peer);
  TEST_TURN_UNTIL (is_over (pair.client) && is_over (pair.peer));

  assert_one_delivered (l_socket_get_error (pair.client), l_socket_get_error (pair.peer));
  g_assert_true (l_socket_get_error (pair.client) != L_SOCKET_ERROR_UNKNOWN || !test_trace_has (client_trace, "ready-read"));
  g_assert_true (l_socket_get_error (pair.peer) != L_SOCKET_ERROR_UNKNOWN || !test_trace_has (peer_trace, "ready-read"));
  test_pair_clear (&pair);
}

static void
test_loop_let_go (void)
{
  gpointer client, peer;
  TestPair pair;

  g_test_summary ("Nobody holds them any more");

  test_pair_init (&pair);
  client = pair.client;
  peer = pair.peer;
  g_object_add_weak_pointer (client, &client);
  g_object_add_weak_pointer (peer, &peer);
  test_write_large (pair.client);
  test_write_large (pair.peer);
  begin_and_let_go (g_steal_pointer (&pair.client));
  begin_and_let_go (g_steal_pointer (&pair.peer));
  TEST_TURN_UNTIL (client == NULL && peer == NULL);
  test_pair_clear (&pair);
}

static void
turn_in_handler (LSocket *socket)
{
  if (l_socket_get_state (socket) == L_SOCKET_STATE_CLOSING)
    test_turn_all ();
}

static void
on_disconnected (LSocket       *socket,
                 GAsyncResult  *result,
                 GError       **error)
{
  g_assert_false (l_socket_disconnect_from_server_finish (socket, result, error));
}

static void
test_loop_lost_in_handlers (void)
{
  TestPair pair;
  g_autoptr(GError) error = NULL;

  g_test_summary ("What was dropped is not told as delivered, also when the handlers turn the loop");

  test_pair_init (&pair);
  g_signal_connect (pair.client, "state-changed", G_CALLBACK (turn_in_handler), NULL);
  g_signal_connect (pair.client, "notify::error", G_CALLBACK (turn_in_handler), NULL);
  l_socket_abort (pair.peer);
  g_assert_cmpint (l_io_device_write (get_device (pair.client), "lost", 4, NULL), ==, 4);
  l_socket_disconnect_from_server_async (pair.client, NULL, (GAsyncReadyCallback) on_disconnected, &error);
  TEST_TURN_UNTIL (error != NULL);

  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_true (is_over (pair.client));
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_PEER_CLOSED);
  test_pair_clear (&pair);
}

static void
close_in_handler (LSocket *socket)
{
  if (l_socket_get_state (socket) == L_SOCKET_STATE_CLOSING)
    g_io_stream_close (G_IO_STREAM (socket), NULL, NULL);
}

static void
test_loop_late_in_handler (void)
{
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw raw;

  g_test_summary ("A handler that closes when the time is over waits for nothing more, and the error is that of the time");

  socket = test_socket_with_raw_peer (&raw);
  g_signal_connect (socket, "notify::error", G_CALLBACK (close_in_handler), NULL);
  l_socket_set_idle_timeout (socket, 50);
  test_write_large (socket);
  l_socket_disconnect_from_server_async (socket, NULL, (GAsyncReadyCallback) on_disconnected, &error);
  TEST_TURN_UNTIL (error != NULL);

  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_TIMEOUT);
  g_assert_true (is_over (socket));
  test_raw_close (raw);
}

/* Each in a thread of its own, where no loop turns */

/* While the other one reads all may go at once. */
static void
wait_until_over (LSocket *socket)
{
  l_socket_disconnect_from_server (socket);
  g_assert_true (is_over (socket) || l_socket_wait_for_disconnected (socket, LONG));
}

static void
wait_while_bytes_go (LSocket *socket)
{
  l_socket_disconnect_from_server (socket);
  while (l_io_device_wait_for_bytes_written (get_device (socket), LONG))
    ;
  g_assert_cmpint (l_socket_get_error (socket), !=, L_SOCKET_ERROR_TIMEOUT);
}

static void
close_blocking (LSocket *socket)
{
  g_autoptr(GError) error = NULL;

  if (!g_io_stream_close (G_IO_STREAM (socket), NULL, &error))
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
}

static const struct
{
  const char *name;
  void     (* func) (LSocket *socket);
} ways[] = {
  { "disconnected", wait_until_over },
  { "bytes-written", wait_while_bytes_go },
  { "close", close_blocking },
};

typedef struct
{
  guint        near_way;
  guint        far_way;
  LSocketError far_error;
} WaitCase;

static void
end_far (LSocket  *socket,
         gpointer  user_data)
{
  WaitCase *row = user_data;

  test_write_large (socket);
  ways[row->far_way].func (socket);
  g_assert_true (is_over (socket));
  row->far_error = l_socket_get_error (socket);
}

static void
test_wait (gconstpointer data)
{
  WaitCase row = *(const WaitCase *) data;
  TestFar far;

  test_far_init (&far, end_far, &row);
  test_write_large (far.socket);
  ways[row.near_way].func (far.socket);
  g_assert_true (is_over (far.socket));
  test_far_join (&far);
  assert_one_delivered (l_socket_get_error (far.socket), row.far_error);
  test_far_clear (&far);
}

/* Both elsewhere than in their owner's thread */

typedef struct
{
  GIOStream *stream;
  gboolean   delivered;
  gint      *n_done; /* (atomic) */
} Closer;

static gpointer
run_closer (gpointer user_data)
{
  Closer *closer = user_data;
  g_autoptr(GError) error = NULL;

  closer->delivered = g_io_stream_close (closer->stream, NULL, &error);
  if (!closer->delivered)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_atomic_int_inc (closer->n_done);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
test_elsewhere (gconstpointer loop_runs)
{
  gint n_done = 0;
  GThread *threads[2];
  TestPair pair;
  Closer client, peer;

  test_pair_init (&pair);
  test_write_large (pair.client);
  test_write_large (pair.peer);
  client = (Closer) { .stream = G_IO_STREAM (pair.client), .n_done = &n_done };
  peer = (Closer) { .stream = G_IO_STREAM (pair.peer), .n_done = &n_done };
  threads[0] = g_thread_new ("closer", run_closer, &client);
  threads[1] = g_thread_new ("closer", run_closer, &peer);
  if (GPOINTER_TO_INT (loop_runs))
    TEST_TURN_UNTIL (g_atomic_int_get (&n_done) == 2);
  g_thread_join (threads[0]);
  g_thread_join (threads[1]);

  g_assert_true (client.delivered || peer.delivered);
  TEST_TURN_UNTIL (is_over (pair.client) && is_over (pair.peer));
  test_pair_clear (&pair);
}

static void
test_elsewhere_disconnecting (void)
{
  GThread *thread;
  gint n_done = 0;
  TestPair pair;
  Closer client;

  g_test_summary ("The loop of both stands still but for what the other one needs: it disconnects");

  test_pair_init (&pair);
  test_write_large (pair.client);
  test_write_large (pair.peer);
  client = (Closer) { .stream = G_IO_STREAM (pair.client), .n_done = &n_done };
  thread = g_thread_new ("closer", run_closer, &client);
  wait_until_over (pair.peer);
  g_thread_join (thread);
  TEST_TURN_UNTIL (is_over (pair.client));
  test_pair_clear (&pair);
}

/* What comes meanwhile */

typedef struct
{
  const char *path;
  gsize       read_buffer_size;
  gsize       n_kept;
} FloodCase;

static const FloodCase flood_cases[] = {
  { "/closing/flood/unlimited", 0, KEPT },
  { "/closing/flood/limited", 16, 16 },
};

static void
count_bytes (LIODevice *device,
             gsize     *count)
{
  g_autoptr(GBytes) bytes = l_io_device_read_all (device, NULL);

  *count += g_bytes_get_size (bytes);
}

static void
test_flood (gconstpointer data)
{
  const FloodCase *row = data;
  g_autofree guint8 *bytes = g_malloc (TEST_LARGE);
  g_autofree guint8 *kept = g_malloc (KEPT + 1);
  g_autoptr(TestTrace) trace = NULL;
  gsize count = 0;
  TestPair pair;

  g_test_summary ("The peer sends without reading, and reads only then: what came first is kept, as much as is allowed");

  for (gsize i = 0; i < TEST_LARGE; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);

  test_pair_init (&pair);
  trace = test_trace_new (pair.client);
  l_io_device_set_read_buffer_size (get_device (pair.client), row->read_buffer_size);
  l_io_device_set_read_buffer_size (get_device (pair.peer), 1);
  test_write_large (pair.client);
  l_socket_disconnect_from_server (pair.client);
  g_assert_cmpint (l_io_device_write (get_device (pair.peer), bytes, TEST_LARGE, NULL), ==, TEST_LARGE);
  TEST_TURN_UNTIL (l_io_device_get_bytes_to_write (get_device (pair.peer)) == 0);
  test_let_system_tell ();
  test_turn_all ();
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CLOSING);
  g_assert_false (test_trace_has (trace, "ready-read"));
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (pair.client)), ==, row->n_kept);

  count_bytes (get_device (pair.peer), &count);
  g_signal_connect (pair.peer, "ready-read", G_CALLBACK (count_bytes), &count);
  l_io_device_set_read_buffer_size (get_device (pair.peer), 0);
  TEST_TURN_UNTIL (is_over (pair.client) && is_over (pair.peer));
  g_assert_cmpuint (count, ==, TEST_LARGE);
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_false (test_trace_has (trace, "ready-read"));

  g_assert_false (l_io_device_at_end (get_device (pair.client)));
  g_assert_cmpint (l_io_device_read (get_device (pair.client), kept, KEPT + 1, NULL), ==, row->n_kept);
  g_assert_cmpmem (kept, row->n_kept, bytes, row->n_kept);
  g_assert_true (l_io_device_at_end (get_device (pair.client)));
  test_pair_clear (&pair);
}

/* It sends for ever, and at some time says that it is enough. */
static void
flood (LSocket  *socket,
       gpointer  cancellable)
{
  for (gsize sent = 0; !is_over (socket); sent += KEPT)
    {
      g_autofree guint8 *bytes = g_malloc0 (KEPT);

      l_io_device_write (get_device (socket), bytes, KEPT, NULL);
      while (l_io_device_get_bytes_to_write (get_device (socket)) > 0 &&
             l_io_device_wait_for_bytes_written (get_device (socket), LONG))
        ;
      if (sent == TEST_LARGE)
        g_cancellable_cancel (cancellable);
    }
}

/* It reads next to nothing of what we send. */
static void
flood_unread (LSocket  *socket,
              gpointer  cancellable)
{
  l_io_device_set_read_buffer_size (get_device (socket), 1);
  flood (socket, cancellable);
}

static gpointer
close_cancellable (gpointer user_data)
{
  Closer *closer = user_data;

  closer->delivered = g_io_stream_close (closer->stream, g_object_get_data (G_OBJECT (closer->stream), "cancellable"), NULL);
  return NULL;
}

static void
test_flood_cancelled (gconstpointer is_elsewhere)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Closer closer = { NULL };
  TestFar far;

  g_test_summary ("Closing can be cancelled, however much comes");

  test_far_init (&far, flood_unread, cancellable);
  test_write_large (far.socket);
  closer.stream = G_IO_STREAM (far.socket);
  g_object_set_data (G_OBJECT (closer.stream), "cancellable", cancellable);
  if (GPOINTER_TO_INT (is_elsewhere))
    g_thread_join (g_thread_new ("closer", close_cancellable, &closer));
  else
    close_cancellable (&closer);
  g_assert_false (closer.delivered);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  test_far_join (&far);
  TEST_TURN_UNTIL (is_over (far.socket));
  test_far_clear (&far);
}

/* The peer ends its output alone */

static void
test_half_close (gconstpointer peer_goes)
{
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  g_test_summary ("That is no hang-up: what is queued is still sent, and the loop has nothing to do until it can be");

  socket = test_socket_with_raw_peer (&raw);
  test_write_large (socket);
  test_turn_all ();
  trace = test_trace_new (socket);
  l_socket_disconnect_from_server (socket);
  test_trace_assert (trace, "state-changed(closing)");
  test_raw_write (raw, "bye");
  test_raw_shut_down_write (raw);
  test_turn_all ();
  test_trace_assert (trace, "");
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (socket)), ==, 3);

  if (GPOINTER_TO_INT (peer_goes))
    {
      test_raw_close (raw);
      TEST_TURN_UNTIL (is_over (socket));
      test_trace_assert (trace, "ready-read error(peer-closed) state-changed(unconnected) read-channel-finished disconnected");
      return;
    }

  g_assert_cmpuint (test_raw_read_to_end (raw), ==, TEST_LARGE);
  TEST_TURN_UNTIL (is_over (socket));
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_false (test_trace_has (trace, "ready-read"));
  test_raw_close (raw);
}

int
main (int    argc,
      char **argv)
{
  static WaitCase wait_cases[G_N_ELEMENTS (ways) * G_N_ELEMENTS (ways)];

  test_init (&argc, &argv);

  for (guint i = 0; i < G_N_ELEMENTS (loop_cases); i++)
    test_add_data (loop_cases[i].path, &loop_cases[i], test_loop);
  test_add ("/closing/loop/let-go", test_loop_let_go);
  test_add ("/closing/loop/lost-in-handlers", test_loop_lost_in_handlers);
  test_add ("/closing/loop/late-in-handler", test_loop_late_in_handler);

  for (guint i = 0; i < G_N_ELEMENTS (wait_cases); i++)
    {
      WaitCase *row = &wait_cases[i];
      g_autofree char *path = NULL;

      row->near_way = i % G_N_ELEMENTS (ways);
      row->far_way = i / G_N_ELEMENTS (ways);
      path = g_strdup_printf ("/closing/wait/%s/%s", ways[row->near_way].name, ways[row->far_way].name);
      test_add_data (path, row, test_wait);
    }

  test_add_data ("/closing/elsewhere/loop-runs", GINT_TO_POINTER (TRUE), test_elsewhere);
  test_add_data ("/closing/elsewhere/loop-stands", GINT_TO_POINTER (FALSE), test_elsewhere);
  test_add ("/closing/elsewhere/disconnecting", test_elsewhere_disconnecting);

  for (guint i = 0; i < G_N_ELEMENTS (flood_cases); i++)
    test_add_data (flood_cases[i].path, &flood_cases[i], test_flood);
  test_add_data ("/closing/flood/cancelled", GINT_TO_POINTER (FALSE), test_flood_cancelled);
  test_add_data ("/closing/flood/cancelled-elsewhere", GINT_TO_POINTER (TRUE), test_flood_cancelled);

  if (test_is_unix ())
    {
      test_add_data ("/closing/half-close/stays", GINT_TO_POINTER (FALSE), test_half_close);
      test_add_data ("/closing/half-close/goes", GINT_TO_POINTER (TRUE), test_half_close);
    }

  return test_run ();
}
