/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "test-pattern.h"
#include "test-util.h"

/* What GIO builds upon streams, at full length: long dialogues, a gibibyte, proxies, and closing with much unsent; in
 * the owner's loop, in other threads beside it, and in other threads while the owner sleeps. */

#define KIB ((gsize) 1024)
#define MIB (1024 * KIB)

static GInputStream *
get_input (LSocket *socket)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (socket));
}

static GOutputStream *
get_output (LSocket *socket)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (socket));
}

static void
close_socket (LSocket *socket)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_io_stream_close (G_IO_STREAM (socket), NULL, &error));
  g_assert_no_error (error);
}

/* The owner's loop turns until the result is there. */
static GAsyncResult *
await_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return *result;
}

/* Threads beside the owner */

typedef enum
{
  RUNNING,
  ASLEEP,
} OwnerLoop;

typedef struct
{
  GThreadFunc func;
  gpointer    user_data;
  GThread    *thread;
  int         done; /* (atomic) */
} Worker;

static gpointer
run_worker (gpointer data)
{
  Worker *worker = data;

  worker->func (worker->user_data);
  g_atomic_int_set (&worker->done, TRUE);
  g_main_context_wakeup (NULL);

  return NULL;
}

static void
worker_start (Worker      *worker,
              GThreadFunc  func,
              gpointer     user_data)
{
  worker->func = func;
  worker->user_data = user_data;
  worker->done = FALSE;
  worker->thread = g_thread_new ("worker", run_worker, worker);
}

static void
worker_join (Worker    *worker,
             OwnerLoop  owner)
{
  while (owner == RUNNING && !g_atomic_int_get (&worker->done))
    g_main_context_iteration (NULL, TRUE);

  g_thread_join (worker->thread);
}

/* Lines */

static guint
get_n_lines (void)
{
  return test_is_on_valgrind () ? 500 : 20000;
}

/* Some are empty and some are long. */
static char *
make_line (guint number)
{
  g_autofree char *tail = g_strnfill (number % 100 == 99 ? 5000 : number % 7, 'x');

  return number % 10 == 9 ? g_strdup ("") : g_strdup_printf ("%u %s", number, tail);
}

static void
assert_line (const char *line,
             guint       number)
{
  g_autofree char *expected = make_line (number);

  g_assert_cmpstr (line, ==, expected);
}

/* Gives each line back, until the end. */
static void
echo_lines (LSocket  *socket,
            gpointer  unused)
{
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (get_input (socket));
  g_autoptr(GError) error = NULL;
  char *line;

  while ((line = g_data_input_stream_read_line (input, NULL, NULL, &error)) != NULL)
    {
      g_assert_true (g_output_stream_printf (get_output (socket), NULL, NULL, &error, "%s\n", line));
      g_assert_no_error (error);
      g_free (line);
    }
  g_assert_no_error (error);
  close_socket (socket);
}

/* Closing the output stream ends the question and leaves the answer to come. */
static gpointer
write_lines (gpointer socket)
{
  g_autoptr(GOutputStream) output = g_buffered_output_stream_new_sized (get_output (socket), 4 * KIB);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < get_n_lines (); i++)
    {
      g_autofree char *line = make_line (i);

      g_assert_true (g_output_stream_printf (output, NULL, NULL, &error, "%s\n", line));
      g_assert_no_error (error);
      if (i % 1000 == 0)
        g_assert_true (g_output_stream_flush (output, NULL, &error));
    }
  g_assert_true (g_output_stream_close (output, NULL, &error));
  g_assert_no_error (error);

  return NULL;
}

static gpointer
read_lines (gpointer socket)
{
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (get_input (socket));
  g_autoptr(GError) error = NULL;
  g_autofree char *rest = NULL;

  for (guint i = 0; i < get_n_lines (); i++)
    {
      g_autofree char *line = g_data_input_stream_read_line (input, NULL, NULL, &error);

      g_assert_no_error (error);
      assert_line (line, i);
    }
  rest = g_data_input_stream_read_line (input, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (rest);

  return NULL;
}

static void
test_lines_threads (gconstpointer data)
{
  OwnerLoop owner = GPOINTER_TO_INT (data);
  Worker reader, writer;
  TestFar far;

  g_test_summary ("GDataInputStream in one thread and GBufferedOutputStream in another, and the owner in a third");

  test_far_init (&far, echo_lines, NULL);
  worker_start (&reader, read_lines, far.socket);
  worker_start (&writer, write_lines, far.socket);
  worker_join (&writer, owner);
  worker_join (&reader, owner);
  test_far_join (&far);
  TEST_TURN_UNTIL (l_socket_get_state (far.socket) == L_SOCKET_STATE_UNCONNECTED);
  test_far_clear (&far);
}

typedef struct
{
  GDataInputStream *input;
  guint             n_read;
  gboolean          over;
} LineReader;

static void
on_line (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  LineReader *reader = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *line = NULL;

  line = g_data_input_stream_read_line_finish (reader->input, result, NULL, &error);
  g_assert_no_error (error);
  if (line == NULL)
    {
      reader->over = TRUE;
      return;
    }

  assert_line (line, reader->n_read++);
  g_data_input_stream_read_line_async (reader->input, 0, NULL, on_line, reader);
}

static void
test_lines_loop (void)
{
  g_autoptr(GString) all = g_string_new (NULL);
  g_autoptr(GAsyncResult) written = NULL;
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GError) error = NULL;
  LineReader reader = { 0 };
  TestFar far;

  g_test_summary ("The same in the owner's loop");

  for (guint i = 0; i < get_n_lines (); i++)
    {
      g_autofree char *line = make_line (i);

      g_string_append_printf (all, "%s\n", line);
    }
  test_far_init (&far, echo_lines, NULL);
  reader.input = g_data_input_stream_new (get_input (far.socket));
  g_data_input_stream_read_line_async (reader.input, 0, NULL, on_line, &reader);
  g_output_stream_write_all_async (get_output (far.socket), all->str, all->len, 0, NULL, test_store_result, &written);
  g_assert_true (g_output_stream_write_all_finish (get_output (far.socket), await_result (&written), NULL, &error));
  g_assert_no_error (error);
  g_output_stream_close_async (get_output (far.socket), 0, NULL, test_store_result, &closed);
  g_assert_true (g_output_stream_close_finish (get_output (far.socket), await_result (&closed), &error));
  g_assert_no_error (error);
  TEST_TURN_UNTIL (reader.over);
  g_assert_cmpuint (reader.n_read, ==, get_n_lines ());
  g_object_unref (reader.input);
  test_far_clear (&far);
}

static void
test_buffered_loop (void)
{
  g_autoptr(GOutputStream) buffered = NULL;
  g_autoptr(GInputStream) source = NULL;
  g_autoptr(GOutputStream) sink = test_pattern_sink_new (TRUE);
  g_autoptr(GAsyncResult) spliced = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GError) error = NULL;
  TestPair pair;

  g_test_summary ("GBufferedOutputStream over many times its size, closed with a rest in it");

  test_pair_init (&pair);
  l_socket_set_half_open (pair.peer, TRUE);
  source = test_pattern_source_new (4 * MIB + 7, TRUE);
  buffered = g_buffered_output_stream_new_sized (get_output (pair.client), 64 * KIB);
  g_output_stream_splice_async (sink, get_input (pair.peer), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &collected);
  g_output_stream_splice_async (buffered, source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                test_store_result, &spliced);
  g_assert_cmpint (g_output_stream_splice_finish (buffered, await_result (&spliced), &error), ==, 4 * MIB + 7);
  g_assert_no_error (error);
  g_assert_cmpint (g_output_stream_splice_finish (sink, await_result (&collected), &error), ==, 4 * MIB + 7);
  g_assert_no_error (error);
  g_clear_object (&buffered);
  test_pair_clear (&pair);
}

/* A gibibyte */

static gsize
get_splice_size (void)
{
  if (test_is_on_valgrind ())
    return 4 * MIB + 5;

  return (TEST_UNDER_TSAN ? 128 : 1024) * MIB + 5;
}

/* A sanitizer keeps what was freed for a while, and has books to keep. */
#define MEMORY_LIMIT ((TEST_UNDER_ASAN || TEST_UNDER_TSAN ? 512 : 16) * MIB)

/* The most memory that the process has used since the last start_measuring(). */
static gsize
get_peak (void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  line = strstr (status, "\nVmHWM:");
  g_assert_nonnull (line);

  return g_ascii_strtoull (line + strlen ("\nVmHWM:"), NULL, 10) * KIB;
}

static gsize
start_measuring (void)
{
  /* Where a user may not reset the peak, what counts is what is added to it. */
  g_file_set_contents_full ("/proc/self/clear_refs", "5", 1, G_FILE_SET_CONTENTS_NONE, 0, NULL);

  return get_peak ();
}

/* However much went through. */
static void
assert_little_memory (gsize before)
{
  if (!test_is_on_valgrind ())
    g_assert_cmpuint (get_peak (), <, before + MEMORY_LIMIT);
}

static gpointer
splice_source (gpointer socket)
{
  g_autoptr(GInputStream) source = test_pattern_source_new (get_splice_size (), FALSE);
  g_autoptr(GError) error = NULL;
  gssize count;

  count = g_output_stream_splice (get_output (socket), source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count, ==, get_splice_size ());

  return NULL;
}

static gpointer
splice_sink (gpointer socket)
{
  g_autoptr(GOutputStream) sink = test_pattern_sink_new (FALSE);
  g_autoptr(GError) error = NULL;
  gssize count;

  count = g_output_stream_splice (sink, get_input (socket), G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count, ==, get_splice_size ());

  return NULL;
}

static void
far_splice_sink (LSocket  *socket,
                 gpointer  unused)
{
  splice_sink (socket);
}

static void
test_splice_sync (void)
{
  TestFar far;
  gsize before;

  test_far_init (&far, far_splice_sink, NULL);
  before = start_measuring ();
  splice_source (far.socket);
  test_far_join (&far);
  assert_little_memory (before);
  test_far_clear (&far);
}

static void
splice_init (TestPair *pair)
{
  test_pair_init (pair);
  l_socket_set_half_open (pair->peer, TRUE);
  /* Its loop would read ahead as fast as it can. */
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair->peer), MIB);
}

static void
test_splice_threads (gconstpointer data)
{
  OwnerLoop owner = GPOINTER_TO_INT (data);
  Worker reader, writer;
  TestPair pair;
  gsize before;

  g_test_summary ("In two threads that own neither end");

  splice_init (&pair);
  before = start_measuring ();
  worker_start (&reader, splice_sink, pair.peer);
  worker_start (&writer, splice_source, pair.client);
  worker_join (&writer, owner);
  worker_join (&reader, owner);
  assert_little_memory (before);
  test_pair_clear (&pair);
}

/* With a source and a sink that can be polled GIO splices in the loop alone. */
static void
test_splice_async (gconstpointer data)
{
  gboolean pollable = GPOINTER_TO_INT (data);
  /* There GIO goes to a thread and back for each piece. */
  gsize size = pollable ? get_splice_size () : get_splice_size () / 16;
  g_autoptr(GInputStream) source = test_pattern_source_new (size, pollable);
  g_autoptr(GOutputStream) sink = test_pattern_sink_new (pollable);
  g_autoptr(GAsyncResult) spliced = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GError) error = NULL;
  TestPair pair;
  gsize before;

  splice_init (&pair);
  before = start_measuring ();
  g_output_stream_splice_async (sink, get_input (pair.peer), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &collected);
  g_output_stream_splice_async (get_output (pair.client), source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                test_store_result, &spliced);
  g_assert_cmpint (g_output_stream_splice_finish (get_output (pair.client), await_result (&spliced), &error), ==,
                   size);
  g_assert_no_error (error);
  g_assert_cmpint (g_output_stream_splice_finish (sink, await_result (&collected), &error), ==, size);
  g_assert_no_error (error);
  assert_little_memory (before);
  test_pair_clear (&pair);
}

/* A proxy */

static gsize
get_proxy_size (void)
{
  return (test_is_on_valgrind () ? 1 : test_is_unix () ? 64 : 16) * MIB + 3;
}

/* Two connections whose inner ends are spliced into each other. */
typedef struct
{
  TestPair      front;
  LSocket      *back_client;
  LSocket      *back_peer;
  LSocket      *ends[2];  /* (unowned) */
  GAsyncResult *spliced;
} Proxy;

static void
proxy_init (Proxy *proxy)
{
  memset (proxy, 0, sizeof *proxy);
  test_pair_init (&proxy->front);
  proxy->back_client = test_connect (proxy->front.server, &proxy->back_peer);
  proxy->ends[0] = proxy->front.client;
  proxy->ends[1] = proxy->back_peer;
  g_io_stream_splice_async (G_IO_STREAM (proxy->front.peer), G_IO_STREAM (proxy->back_client),
                            G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2, 0, NULL,
                            test_store_result, &proxy->spliced);
}

static void
proxy_assert_finished (Proxy *proxy)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_io_stream_splice_finish (await_result (&proxy->spliced), &error));
  g_assert_no_error (error);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (proxy->front.peer)));
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (proxy->back_client)));
  TEST_TURN_UNTIL (l_socket_get_state (proxy->ends[0]) == L_SOCKET_STATE_UNCONNECTED);
  TEST_TURN_UNTIL (l_socket_get_state (proxy->ends[1]) == L_SOCKET_STATE_UNCONNECTED);
}

static void
proxy_clear (Proxy *proxy)
{
  g_clear_object (&proxy->spliced);
  g_clear_object (&proxy->back_client);
  g_clear_object (&proxy->back_peer);
  test_pair_clear (&proxy->front);
}

static void
test_proxy_both_ways (gconstpointer data)
{
  int closing = GPOINTER_TO_INT (data);
  GOutputStream *sinks[2];
  GAsyncResult *sent[2] = { NULL, NULL };
  GAsyncResult *received[2] = { NULL, NULL };
  g_autoptr(GError) error = NULL;
  Proxy proxy;

  g_test_summary ("Much in both directions at once; then one end closes, and the other hears of it");

  proxy_init (&proxy);
  for (int i = 0; i < 2; i++)
    {
      g_autoptr(GInputStream) source = test_pattern_source_new (get_proxy_size (), TRUE);

      sinks[i] = test_pattern_sink_new (TRUE);
      g_output_stream_splice_async (sinks[i], get_input (proxy.ends[i]), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                    test_store_result, &received[i]);
      g_output_stream_splice_async (get_output (proxy.ends[i]), source, G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                    test_store_result, &sent[i]);
    }
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (g_output_stream_splice_finish (get_output (proxy.ends[i]), await_result (&sent[i]), &error), ==,
                       get_proxy_size ());
      TEST_TURN_UNTIL (test_pattern_sink_get_count (sinks[i]) == get_proxy_size ());
      g_assert_null (received[i]);
    }
  g_assert_null (proxy.spliced);

  l_socket_disconnect_from_server (proxy.ends[closing]);
  proxy_assert_finished (&proxy);
  g_assert_cmpint (g_output_stream_splice_finish (sinks[!closing], await_result (&received[!closing]), &error), ==,
                   get_proxy_size ());
  g_assert_no_error (error);
  await_result (&received[closing]);
  for (int i = 0; i < 2; i++)
    {
      g_object_unref (sent[i]);
      g_object_unref (received[i]);
      g_object_unref (sinks[i]);
    }
  proxy_clear (&proxy);
}

static void
test_proxy_close_behind (void)
{
  g_autoptr(GInputStream) source = test_pattern_source_new (get_proxy_size (), TRUE);
  g_autoptr(GOutputStream) sink = test_pattern_sink_new (TRUE);
  g_autoptr(GAsyncResult) sent = NULL;
  g_autoptr(GAsyncResult) received = NULL;
  g_autoptr(GError) error = NULL;
  Proxy proxy;

  g_test_summary ("An end that closes right behind its last byte: all of them get through");

  proxy_init (&proxy);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (proxy.ends[1]), 4 * KIB);
  g_output_stream_splice_async (get_output (proxy.ends[0]), source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                test_store_result, &sent);
  g_output_stream_splice_async (sink, get_input (proxy.ends[1]), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &received);
  g_assert_cmpint (g_output_stream_splice_finish (get_output (proxy.ends[0]), await_result (&sent), &error), ==,
                   get_proxy_size ());
  g_assert_no_error (error);
  close_socket (proxy.ends[0]);
  g_assert_cmpint (g_output_stream_splice_finish (sink, await_result (&received), &error), ==, get_proxy_size ());
  g_assert_no_error (error);
  proxy_assert_finished (&proxy);
  proxy_clear (&proxy);
}

static void
test_proxy_abort (void)
{
  Proxy proxy;

  g_test_summary ("An end that aborts with much on the way takes the other with it");

  proxy_init (&proxy);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (proxy.ends[1]), 1);
  test_write_large (proxy.ends[0]);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (proxy.ends[1])) == 1);
  l_socket_abort (proxy.ends[1]);
  await_result (&proxy.spliced);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (proxy.front.peer)));
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (proxy.back_client)));
  TEST_TURN_UNTIL (l_socket_get_state (proxy.ends[0]) == L_SOCKET_STATE_UNCONNECTED);
  proxy_clear (&proxy);
}

/* Closing with much unsent */

static gsize
get_unsent_size (void)
{
  /* Each read of Wine's asks another process. */
  return (test_is_on_valgrind () ? 4 : test_is_unix () ? 64 : 16) * MIB + 9;
}

static void
write_unsent (LSocket *socket)
{
  g_autofree guint8 *data = g_malloc (get_unsent_size ());
  g_autoptr(GError) error = NULL;

  test_pattern_fill (data, 0, get_unsent_size ());
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), data, get_unsent_size (), &error), ==, get_unsent_size ());
  g_assert_no_error (error);
}

/* The peer takes a little at a time, and only begins when the other end is closing. */
static void
receive_unsent (LSocket *peer)
{
  g_autoptr(GOutputStream) sink = test_pattern_sink_new (TRUE);
  g_autoptr(GAsyncResult) received = NULL;
  g_autoptr(GError) error = NULL;

  test_turn_all ();
  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 4 * KIB);
  g_output_stream_splice_async (sink, get_input (peer), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &received);
  g_assert_cmpint (g_output_stream_splice_finish (sink, await_result (&received), &error), ==, get_unsent_size ());
  g_assert_no_error (error);
}

static void
unsent_init (TestPair *pair)
{
  test_pair_init (pair);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair->peer), 1);
}

static void
test_unsent_close_async (void)
{
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GError) error = NULL;
  TestPair pair;

  unsent_init (&pair);
  write_unsent (pair.client);
  g_io_stream_close_async (G_IO_STREAM (pair.client), 0, NULL, test_store_result, &closed);
  receive_unsent (pair.peer);
  g_assert_true (g_io_stream_close_finish (G_IO_STREAM (pair.client), await_result (&closed), &error));
  g_assert_no_error (error);
  test_pair_clear (&pair);
}

static void
test_unsent_dropped (void)
{
  TestPair pair;

  g_test_summary ("Disconnected and forgotten");

  unsent_init (&pair);
  write_unsent (pair.client);
  l_socket_disconnect_from_server (pair.client);
  g_clear_object (&pair.client);
  receive_unsent (pair.peer);
  test_pair_clear (&pair);
}

static void
test_unsent_output_stream (void)
{
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GError) error = NULL;
  TestPair pair;

  g_test_summary ("Closing the output stream alone, over a queue of the device's");

  unsent_init (&pair);
  write_unsent (pair.client);
  g_output_stream_close_async (get_output (pair.client), 0, NULL, test_store_result, &closed);
  receive_unsent (pair.peer);
  g_assert_true (g_output_stream_close_finish (get_output (pair.client), await_result (&closed), &error));
  g_assert_no_error (error);
  test_pair_clear (&pair);
}

static void
on_all_written (GObject      *output,
                GAsyncResult *result,
                gpointer      socket)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, &error));
  g_assert_no_error (error);
  close_socket (socket);
}

static void
test_unsent_written (void)
{
  g_autofree guint8 *data = g_malloc (get_unsent_size ());
  TestPair pair;

  g_test_summary ("Written to the output stream, and closed in the callback");

  unsent_init (&pair);
  test_pattern_fill (data, 0, get_unsent_size ());
  g_output_stream_write_all_async (get_output (pair.client), data, get_unsent_size (), 0, NULL,
                                   on_all_written, pair.client);
  receive_unsent (pair.peer);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (pair.client)));
  test_pair_clear (&pair);
}

static gpointer
read_slowly (gpointer data)
{
  TestRaw raw = (TestRaw) data;
  guint64 count = 0;
  guint8 buffer[4096];
  gssize n;

  while ((n = test_raw_receive (raw, buffer, sizeof buffer)) > 0)
    {
      test_pattern_assert (buffer, count, n);
      count += n;
      g_thread_yield ();
    }
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpuint (count, ==, get_unsent_size ());
  test_raw_close (raw);

  return NULL;
}

static void
test_unsent_close_sync (void)
{
  g_autoptr(GThread) reader = NULL;
  LSocket *socket;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  write_unsent (socket);
  reader = g_thread_new ("reader", read_slowly, (gpointer) raw);
  close_socket (socket);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_thread_join (g_steal_pointer (&reader));
  g_assert_finalize_object (socket);
}

static gpointer
close_in_thread (gpointer socket)
{
  close_socket (socket);
  return NULL;
}

static void
test_unsent_close_elsewhere (gconstpointer data)
{
  OwnerLoop owner = GPOINTER_TO_INT (data);
  g_autoptr(GThread) reader = NULL;
  Worker closer;
  LSocket *socket;
  TestRaw raw;

  g_test_summary ("A close in another thread sends everything there, and the owner sees the end in its loop");

  socket = test_socket_with_raw_peer (&raw);
  write_unsent (socket);
  reader = g_thread_new ("reader", read_slowly, (gpointer) raw);
  worker_start (&closer, close_in_thread, socket);
  worker_join (&closer, owner);
  g_thread_join (g_steal_pointer (&reader));
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (socket)));
  test_turn_all ();
  g_assert_finalize_object (socket);
}

/* An owner that leaves */

typedef struct
{
  LSocket     *socket; /* (owned): by who closes it */
  GAsyncQueue *left;
  GAsyncQueue *closed;
} Leaving;

static gboolean
never (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

/* In the midst of the context's end, wherever that is. */
static void
on_context_ends (gpointer data)
{
  Leaving *leaving = data;

  g_async_queue_push (leaving->left, leaving);
  g_async_queue_pop (leaving->closed);
}

static void
on_thread_ends (gpointer data)
{
  Leaving *leaving = data;

  g_async_queue_push (leaving->left, leaving);
}

/* The loop runs for a while, so that it counts as one to be woken. */
static void
leave (LSocket  *socket,
       gpointer  user_data)
{
  static GPrivate thread_leaving = G_PRIVATE_INIT (on_thread_ends);
  GMainContext *context = g_main_context_get_thread_default ();
  g_autoptr(GSource) source = g_idle_source_new ();
  Leaving *leaving = user_data;

  while (g_main_context_iteration (context, FALSE))
    ;
  leaving->socket = g_object_ref (socket);
  g_private_set (&thread_leaving, leaving);
  g_source_set_priority (source, G_PRIORITY_LOW);
  g_source_set_callback (source, never, leaving, on_context_ends);
  g_source_attach (source, context);
}

static void
test_owner_leaves (void)
{
  Leaving leaving = { .left = g_async_queue_new (), .closed = g_async_queue_new () };
  TestFar far;

  g_test_summary ("Closed by another thread, as by GDBus's, while the owner and its context go or are gone");

  test_far_init (&far, leave, &leaving);
  g_async_queue_pop (leaving.left);
  close_socket (leaving.socket);
  g_async_queue_push (leaving.closed, &leaving);
  g_clear_object (&leaving.socket);
  TEST_TURN_UNTIL (l_socket_get_state (far.socket) == L_SOCKET_STATE_UNCONNECTED);
  test_far_clear (&far);
  g_async_queue_unref (leaving.left);
  g_async_queue_unref (leaving.closed);
}

/* What rests on a half-close: the end of an output, without that of the connection, is the end of the peer's input. */
static void
add_half_closes (void)
{
  test_add ("/users/lines/loop", test_lines_loop);
  test_add_data ("/users/lines/threads", GINT_TO_POINTER (RUNNING), test_lines_threads);
  test_add_data ("/users/lines/threads-owner-asleep", GINT_TO_POINTER (ASLEEP), test_lines_threads);
  test_add ("/users/buffered", test_buffered_loop);

  test_add ("/users/splice/sync", test_splice_sync);
  test_add_data ("/users/splice/loop", GINT_TO_POINTER (TRUE), test_splice_async);
  test_add_data ("/users/splice/loop-and-threads", GINT_TO_POINTER (FALSE), test_splice_async);
  test_add_data ("/users/splice/threads", GINT_TO_POINTER (RUNNING), test_splice_threads);
  test_add_data ("/users/splice/threads-owner-asleep", GINT_TO_POINTER (ASLEEP), test_splice_threads);

  test_add ("/users/unsent/output-stream", test_unsent_output_stream);
  /* The last bytes of a write may be under way still when its callback runs, and that waits for a peer in this thread. */
  test_add ("/users/unsent/written", test_unsent_written);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  if (test_is_unix ())
    add_half_closes ();

  test_add_data ("/users/proxy/front-closes", GINT_TO_POINTER (0), test_proxy_both_ways);
  test_add_data ("/users/proxy/back-closes", GINT_TO_POINTER (1), test_proxy_both_ways);
  test_add ("/users/proxy/close-behind", test_proxy_close_behind);
  test_add ("/users/proxy/abort", test_proxy_abort);

  test_add ("/users/unsent/close-async", test_unsent_close_async);
  test_add ("/users/unsent/close-sync", test_unsent_close_sync);
  test_add_data ("/users/unsent/close-in-thread", GINT_TO_POINTER (RUNNING), test_unsent_close_elsewhere);
  test_add_data ("/users/unsent/close-in-thread-owner-asleep", GINT_TO_POINTER (ASLEEP), test_unsent_close_elsewhere);
  test_add ("/users/unsent/dropped", test_unsent_dropped);

  test_add ("/users/owner-leaves", test_owner_leaves);

  return test_run ();
}
