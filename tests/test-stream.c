/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "test-util.h"

/* The two GIO streams of a connection, in the thread that the connection belongs to. */

#define KIB 1024
#define LARGE_SIZE (3 * KIB * KIB + 11)

/* A connection between two sockets, with the streams of the client. */
typedef struct
{
  TestPair       pair;
  GInputStream  *input;  /* (owned) */
  GOutputStream *output; /* (owned) */
} Streams;

static void
streams_take (Streams *streams)
{
  streams->input = g_object_ref (g_io_stream_get_input_stream (G_IO_STREAM (streams->pair.client)));
  streams->output = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (streams->pair.client)));
}

static void
streams_drop (Streams *streams)
{
  g_clear_object (&streams->input);
  g_clear_object (&streams->output);
}

static void
streams_init (Streams *streams)
{
  test_pair_init (&streams->pair);
  streams_take (streams);
}

static void
streams_clear (Streams *streams)
{
  streams_drop (streams);
  test_pair_clear (&streams->pair);
}

/* Bytes from the peer that have reached the client's descriptor, while no loop has turned. */
static void
send_from_peer (Streams    *streams,
                const char *text)
{
  test_write (streams->pair.peer, text);
  g_assert_true (l_socket_flush (streams->pair.peer));
}

/* And those that the loop has put into the device's buffer. */
static void
receive_from_peer (Streams    *streams,
                   const char *text)
{
  LIODevice *device = L_IO_DEVICE (streams->pair.client);
  gsize expected = l_io_device_get_bytes_available (device) + strlen (text);

  test_write (streams->pair.peer, text);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (device) == expected);
}

/* Turns until the peer has received that much, and takes it. */
static void
assert_peer_receives (Streams    *streams,
                      const char *expected)
{
  g_autofree char *text = NULL;

  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (streams->pair.peer)) >= strlen (expected));
  text = test_read (streams->pair.peer);
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_read (GInputStream *input,
             const char   *expected)
{
  g_autoptr(GError) error = NULL;
  char buffer[64];
  gssize n_read;

  n_read = g_input_stream_read (input, buffer, sizeof buffer, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (buffer, n_read, expected, strlen (expected));
}

static void
assert_read_fails (GInputStream *input,
                   GIOErrorEnum  code)
{
  g_autoptr(GError) error = NULL;
  char byte;

  g_assert_cmpint (g_input_stream_read (input, &byte, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
}

static void
assert_write (GOutputStream *output,
              const char    *text)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_output_stream_write (output, text, strlen (text), NULL, &error), ==, strlen (text));
  g_assert_no_error (error);
}

static void
assert_write_fails (GOutputStream *output,
                    GIOErrorEnum   code)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_output_stream_write (output, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
}

static gssize
read_nonblocking (GInputStream  *input,
                  char          *buffer,
                  gsize          count,
                  GError       **error)
{
  return g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), buffer, count, NULL, error);
}

static gssize
write_nonblocking (GOutputStream  *output,
                   const void     *data,
                   gsize           count,
                   GError        **error)
{
  return g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (output), data, count, NULL, error);
}

static gboolean
is_readable (GInputStream *input)
{
  return g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (input));
}

static gboolean
is_writable (GOutputStream *output)
{
  return g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (output));
}

/* Writes until the system takes no more; how much that was. */
static gsize
fill (GOutputStream *output)
{
  static const char data[64 * KIB];
  g_autoptr(GError) error = NULL;
  gsize count = 0;
  gssize n_written;

  while ((n_written = write_nonblocking (output, data, sizeof data, &error)) > 0)
    count += n_written;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);

  return count;
}

static guint8 *
make_bytes (gsize count)
{
  guint8 *bytes = g_malloc (count);

  for (gsize i = 0; i < count; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);

  return bytes;
}

static void
assert_bytes (GBytes *bytes,
              gsize   count)
{
  g_autofree guint8 *expected = make_bytes (count);

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, count);
}

/* Everything that comes into the peer from here on, into memory, while the loop turns. */
static void
start_collecting (LSocket       *peer,
                  GOutputStream *memory,
                  GAsyncResult **result)
{
  g_output_stream_splice_async (memory, g_io_stream_get_input_stream (G_IO_STREAM (peer)),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL, test_store_result, result);
}

static GBytes *
finish_collecting (GOutputStream *memory,
                   GAsyncResult **result)
{
  g_autoptr(GError) error = NULL;

  TEST_TURN_UNTIL (*result != NULL);
  g_output_stream_splice_finish (memory, *result, &error);
  g_assert_no_error (error);
  g_clear_object (result);

  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory));
}

/* A plain peer in a thread of its own, for calls that block this one. */
typedef struct
{
  LSocket       *socket;
  GInputStream  *input;  /* (unowned) */
  GOutputStream *output; /* (unowned) */
  TestRaw        raw;
  GThread       *thread;
  GCancellable  *cancellable;
  gintptr        blocked; /* the thread that is to block */
} Raw;

static void
raw_init (Raw *raw)
{
  raw->socket = test_socket_with_raw_peer (&raw->raw);
  raw->input = g_io_stream_get_input_stream (G_IO_STREAM (raw->socket));
  raw->output = g_io_stream_get_output_stream (G_IO_STREAM (raw->socket));
  raw->thread = NULL;
  raw->cancellable = g_cancellable_new ();
  raw->blocked = test_get_thread ();
}

static void
raw_start (Raw         *raw,
           GThreadFunc  func)
{
  raw->thread = g_thread_new ("peer", func, raw);
}

static gpointer
raw_join (Raw *raw)
{
  return g_thread_join (g_steal_pointer (&raw->thread));
}

static void
raw_clear (Raw *raw)
{
  g_assert_null (raw->thread);
  g_clear_object (&raw->socket);
  g_clear_object (&raw->cancellable);
  test_raw_close (raw->raw);
}

static gpointer
raw_read_to_end (gpointer data)
{
  Raw *raw = data;
  GByteArray *all = g_byte_array_new ();
  guint8 *buffer = g_malloc (64 * KIB);
  gssize n_read;

  test_wait_until_blocked (raw->blocked);
  while ((n_read = test_raw_receive (raw->raw, buffer, 64 * KIB)) > 0)
    g_byte_array_append (all, buffer, n_read);

  g_free (buffer);
  return g_byte_array_free_to_bytes (all);
}

static gpointer
raw_write_large (gpointer data)
{
  Raw *raw = data;
  g_autofree guint8 *bytes = make_bytes (LARGE_SIZE);
  gsize n_written = 0;

  test_wait_until_blocked (raw->blocked);
  while (n_written < LARGE_SIZE)
    {
      gssize n = test_raw_send (raw->raw, bytes + n_written, LARGE_SIZE - n_written);

      g_assert_cmpint (n, >, 0);
      n_written += n;
    }

  return NULL;
}

static gpointer
raw_write_text (gpointer data)
{
  Raw *raw = data;

  test_wait_until_blocked (raw->blocked);
  test_raw_write (raw->raw, "abc");

  return NULL;
}

static gpointer
raw_cancel (gpointer data)
{
  Raw *raw = data;

  test_wait_until_blocked (raw->blocked);
  g_cancellable_cancel (raw->cancellable);

  return NULL;
}

/* Reading */

static void
test_read_at_once (void)
{
  Streams streams;

  g_test_summary ("What has reached the descriptor is read without a loop");

  streams_init (&streams);
  send_from_peer (&streams, "abc");
  assert_read (streams.input, "abc");
  send_from_peer (&streams, "def");
  assert_read (streams.input, "def");
  streams_clear (&streams);
}

static void
test_read_ahead (void)
{
  g_autoptr(TestTrace) trace = NULL;
  Streams streams;
  char byte;

  g_test_summary ("What the loop has read ahead comes first");

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  receive_from_peer (&streams, "abc");
  test_trace_assert (trace, "ready-read");
  send_from_peer (&streams, "def");
  g_assert_cmpint (g_input_stream_read (streams.input, &byte, 1, NULL, NULL), ==, 1);
  g_assert_cmpint (byte, ==, 'a');
  assert_read (streams.input, "bc");
  assert_read (streams.input, "def");
  test_turn_all ();
  test_trace_assert (trace, "");
  streams_clear (&streams);
}

static void
test_read_blocks (void)
{
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_write_text);
  assert_read (raw.input, "abc");
  raw_join (&raw);
  raw_clear (&raw);
}

static void
test_read_all (void)
{
  g_autofree guint8 *buffer = g_malloc (LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  gsize n_read;
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_write_large);
  g_assert_true (g_input_stream_read_all (raw.input, buffer, LARGE_SIZE, &n_read, NULL, &error));
  g_assert_no_error (error);
  bytes = g_bytes_new_static (buffer, n_read);
  assert_bytes (bytes, LARGE_SIZE);
  raw_join (&raw);
  raw_clear (&raw);
}

static void
test_read_skip (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Streams streams;

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  send_from_peer (&streams, "defg");
  g_assert_cmpint (g_input_stream_skip (streams.input, 2, NULL, NULL), ==, 2);
  g_assert_cmpint (g_input_stream_skip (streams.input, 2, NULL, NULL), ==, 2);
  assert_read (streams.input, "efg");
  send_from_peer (&streams, "hij");
  g_input_stream_skip_async (streams.input, 2, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_skip_finish (streams.input, result, NULL), ==, 2);
  assert_read (streams.input, "j");
  streams_clear (&streams);
}

static void
test_read_bytes (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) some = NULL;
  g_autoptr(GBytes) rest = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  send_from_peer (&streams, "abcdef");
  some = g_input_stream_read_bytes (streams.input, 4, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (some, NULL), g_bytes_get_size (some), "abcd", 4);

  g_input_stream_read_bytes_async (streams.input, 4, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  rest = g_input_stream_read_bytes_finish (streams.input, result, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (rest, NULL), g_bytes_get_size (rest), "ef", 2);
  streams_clear (&streams);
}

static void
test_read_end (void)
{
  Streams streams;

  g_test_summary ("After the end what had come is read, then nothing, before and after the loop has noticed");

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  send_from_peer (&streams, "def");
  l_socket_disconnect_from_server (streams.pair.peer);
  assert_read (streams.input, "abc");
  assert_read (streams.input, "def");
  assert_read (streams.input, "");
  assert_read (streams.input, "");
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  assert_read (streams.input, "");
  g_assert_true (is_readable (streams.input));
  streams_clear (&streams);
}

static void
test_read_end_buffered (void)
{
  Streams streams;

  streams_init (&streams);
  test_write (streams.pair.peer, "abc");
  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (is_readable (streams.input));
  assert_read (streams.input, "abc");
  assert_read (streams.input, "");
  streams_clear (&streams);
}

static void
test_read_async (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  test_write (streams.pair.peer, "abc");
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, &error), ==, 3);
  g_assert_no_error (error);
  g_assert_cmpmem (buffer, 3, "abc", 3);
  streams_clear (&streams);
}

static void
test_read_async_at_once (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  char buffer[8];
  Streams streams;

  g_test_summary ("The callback never comes from inside the call");

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, NULL), ==, 3);
  streams_clear (&streams);
}

static void
test_read_all_async (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autofree guint8 *buffer = g_malloc (LARGE_SIZE);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) bytes = NULL;
  gsize n_read;
  Streams streams;

  streams_init (&streams);
  g_input_stream_read_all_async (streams.input, buffer, LARGE_SIZE, 0, NULL, test_store_result, &result);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.peer), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_true (g_input_stream_read_all_finish (streams.input, result, &n_read, NULL));
  bytes = g_bytes_new_static (buffer, n_read);
  assert_bytes (bytes, LARGE_SIZE);
  streams_clear (&streams);
}

static void
test_read_async_end (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  char buffer[8];
  Streams streams;

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &result);
  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, NULL), ==, 0);
  streams_clear (&streams);
}

static void
test_read_async_pending (void)
{
  g_autoptr(GAsyncResult) first = NULL;
  g_autoptr(GAsyncResult) second = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8], other[8];
  Streams streams;

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &first);
  g_input_stream_read_async (streams.input, other, sizeof other, 0, NULL, test_store_result, &second);
  assert_read_fails (streams.input, G_IO_ERROR_PENDING);
  TEST_TURN_UNTIL (second != NULL);
  g_assert_null (first);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, second, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);

  /* The output has nothing to do with it. */
  assert_write (streams.output, "x");
  assert_peer_receives (&streams, "x");

  test_write (streams.pair.peer, "abc");
  TEST_TURN_UNTIL (first != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, first, NULL), ==, 3);
  streams_clear (&streams);
}

static void
test_read_async_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  g_test_summary ("A cancelled read ends in the next turns, and takes no bytes with it");

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, cancellable, test_store_result, &result);
  test_turn_all ();
  g_cancellable_cancel (cancellable);
  test_turn_all ();
  g_assert_nonnull (result);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  receive_from_peer (&streams, "abc");
  assert_read (streams.input, "abc");
  streams_clear (&streams);
}

static void
test_read_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (g_input_stream_read (streams.input, buffer, sizeof buffer, cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, cancellable, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_read (streams.input, "abc");
  streams_clear (&streams);
}

static void
test_read_cancelled_by_thread (void)
{
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_cancel);
  g_assert_cmpint (g_input_stream_read (raw.input, buffer, sizeof buffer, raw.cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  raw_join (&raw);
  g_assert_cmpint (l_socket_get_state (raw.socket), ==, L_SOCKET_STATE_CONNECTED);
  raw_clear (&raw);
}

static void
test_read_limited (void)
{
  g_autofree guint8 *buffer = g_malloc (3 * KIB);
  g_autofree guint8 *data = make_bytes (3 * KIB);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) bytes = NULL;
  gsize n_read;
  Streams streams;

  g_test_summary ("A small read buffer does not keep the stream from reading everything");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.client), 3);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.peer), data, 3 * KIB, NULL), ==, 3 * KIB);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (streams.pair.client)) == 3);
  g_input_stream_read_all_async (streams.input, buffer, 3 * KIB, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_true (g_input_stream_read_all_finish (streams.input, result, &n_read, NULL));
  bytes = g_bytes_new_static (buffer, n_read);
  assert_bytes (bytes, 3 * KIB);
  streams_clear (&streams);
}

static void
read_in_handler (LSocket *socket,
                 GString *text)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (socket));
  char buffer[2];
  gssize n_read;

  while ((n_read = read_nonblocking (input, buffer, sizeof buffer, NULL)) > 0)
    g_string_append_len (text, buffer, n_read);
}

static void
test_read_in_handler (void)
{
  g_autoptr(GString) text = g_string_new (NULL);
  Streams streams;

  streams_init (&streams);
  g_signal_connect (streams.pair.client, "ready-read", G_CALLBACK (read_in_handler), text);
  test_write (streams.pair.peer, "abc");
  TEST_TURN_UNTIL (text->len == 3);
  test_write (streams.pair.peer, "def");
  TEST_TURN_UNTIL (text->len == 6);
  g_assert_cmpstr (text->str, ==, "abcdef");
  streams_clear (&streams);
}

/* Device and stream, one after the other */

static void
test_mixed_reading (void)
{
  g_autofree char *line = NULL;
  g_autofree char *rest = NULL;
  LIODevice *device;
  Streams streams;
  char byte;

  streams_init (&streams);
  device = L_IO_DEVICE (streams.pair.client);
  receive_from_peer (&streams, "one\ntwo\nthree");
  line = l_io_device_read_line (device, 0, NULL, NULL);
  g_assert_cmpstr (line, ==, "one\n");
  g_assert_cmpint (g_input_stream_read (streams.input, &byte, 1, NULL, NULL), ==, 1);
  g_assert_cmpint (byte, ==, 't');
  l_io_device_unread (device, "T", 1);
  g_assert_cmpint (g_input_stream_skip (streams.input, 4, NULL, NULL), ==, 4);
  rest = test_read (streams.pair.client);
  g_assert_cmpstr (rest, ==, "three");
  streams_clear (&streams);
}

static void
test_mixed_transaction (void)
{
  g_autofree char *all = NULL;
  LIODevice *device;
  Streams streams;

  g_test_summary ("What the stream reads in a transaction comes back too, also what never was in the buffer");

  streams_init (&streams);
  device = L_IO_DEVICE (streams.pair.client);
  receive_from_peer (&streams, "abc");
  l_io_device_start_transaction (device);
  assert_read (streams.input, "abc");
  send_from_peer (&streams, "def");
  assert_read (streams.input, "def");
  l_io_device_rollback_transaction (device);
  all = test_read (streams.pair.client);
  g_assert_cmpstr (all, ==, "abcdef");
  streams_clear (&streams);
}

static void
test_mixed_writing (void)
{
  g_autoptr(TestTrace) trace = NULL;
  Streams streams;

  g_test_summary ("What was written to the device before leaves before; only that is counted by bytes-written");

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  test_write (streams.pair.client, "a");
  assert_write (streams.output, "b");
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  test_write (streams.pair.client, "c");
  assert_write (streams.output, "d");
  test_trace_assert (trace, "");
  assert_peer_receives (&streams, "abcd");
  test_trace_assert (trace, "bytes-written(2)");
  streams_clear (&streams);
}

static void
test_mixed_writing_blocked (void)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE + 3);
  g_autoptr(GAsyncResult) written = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Behind a queue that the system does not take yet a stream waits its turn");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.client), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  g_assert_cmpint (write_nonblocking (streams.output, data + LARGE_SIZE, 3, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (is_writable (streams.output));
  g_output_stream_write_all_async (streams.output, data + LARGE_SIZE, 3, 0, NULL, test_store_result, &written);
  test_turn_all ();
  g_assert_null (written);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 0);
  start_collecting (streams.pair.peer, memory, &collected);
  TEST_TURN_UNTIL (written != NULL);
  g_assert_true (g_output_stream_write_all_finish (streams.output, written, NULL, NULL));
  l_socket_disconnect_from_server (streams.pair.client);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE + 3);
  streams_clear (&streams);
}

/* Polling */

static void
test_pollable_read_nonblocking (void)
{
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  streams_init (&streams);
  g_assert_true (g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (streams.input)));
  g_assert_cmpint (read_nonblocking (streams.input, buffer, sizeof buffer, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  send_from_peer (&streams, "abc");
  g_assert_cmpint (read_nonblocking (streams.input, buffer, 2, NULL), ==, 2);
  g_assert_cmpint (read_nonblocking (streams.input, buffer, sizeof buffer, NULL), ==, 1);
  l_socket_disconnect_from_server (streams.pair.peer);
  g_assert_cmpint (read_nonblocking (streams.input, buffer, sizeof buffer, NULL), ==, 0);
  streams_clear (&streams);
}

static void
test_pollable_is_readable (void)
{
  Streams streams;

  streams_init (&streams);
  g_assert_false (is_readable (streams.input));
  send_from_peer (&streams, "abc");
  g_assert_true (is_readable (streams.input));
  assert_read (streams.input, "abc");
  g_assert_false (is_readable (streams.input));
  receive_from_peer (&streams, "def");
  g_assert_true (is_readable (streams.input));
  assert_read (streams.input, "def");
  g_assert_false (is_readable (streams.input));
  l_socket_disconnect_from_server (streams.pair.peer);
  g_assert_true (is_readable (streams.input));
  streams_clear (&streams);
}

typedef struct
{
  GString *text;
  guint    n_calls;
  gboolean ended;
  gssize   last;
} Polled;

static gboolean
on_readable (GObject  *stream,
             gpointer  user_data)
{
  Polled *polled = user_data;
  char buffer[4];

  polled->n_calls++;
  polled->last = read_nonblocking (G_INPUT_STREAM (stream), buffer, sizeof buffer, NULL);
  if (polled->last > 0)
    g_string_append_len (polled->text, buffer, polled->last);
  polled->ended = polled->last == 0;

  return !polled->ended;
}

static GSource *
poll_input (GInputStream *input,
            GCancellable *cancellable,
            GMainContext *context,
            Polled       *polled)
{
  GSource *source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (input), cancellable);

  *polled = (Polled) { .text = g_string_new (NULL) };
  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), polled, NULL);
  g_source_attach (source, context);

  return source;
}

static void
stop_polling (GSource *source,
              Polled  *polled)
{
  g_source_destroy (source);
  g_source_unref (source);
  g_string_free (polled->text, TRUE);
}

static void
test_pollable_source (void)
{
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("A source tells of bytes, whoever takes them from the descriptor, and of nothing else");

  streams_init (&streams);
  source = poll_input (streams.input, NULL, NULL, &polled);
  test_turn_all ();
  g_assert_cmpuint (polled.n_calls, ==, 0);

  test_write (streams.pair.peer, "abcdefghij");
  TEST_TURN_UNTIL (polled.text->len == 10);
  g_assert_cmpstr (polled.text->str, ==, "abcdefghij");
  test_turn_all ();
  g_assert_cmpuint (polled.n_calls, <=, 4);

  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (polled.ended);
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static void
test_pollable_source_read_ahead (void)
{
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("Bytes in the buffer already never show at the descriptor: the source is ready all the same");

  streams_init (&streams);
  receive_from_peer (&streams, "abcdef");
  source = poll_input (streams.input, NULL, NULL, &polled);
  test_turn_all ();
  g_assert_cmpstr (polled.text->str, ==, "abcdef");
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static void
test_pollable_source_low_priority (void)
{
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("Also when the loop always reads first");

  streams_init (&streams);
  source = poll_input (streams.input, NULL, NULL, &polled);
  g_source_set_priority (source, G_PRIORITY_LOW);
  /* A pipe's event may wake the loop before the reactor is told; then the source is the first to read. */
  send_from_peer (&streams, "abcdef");
  TEST_TURN_UNTIL (polled.text->len == 6);
  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  TEST_TURN_UNTIL (polled.ended);
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static void
test_pollable_source_other_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("While somebody waits in another context the loop leaves the input to him");

  streams_init (&streams);
  source = poll_input (streams.input, NULL, context, &polled);
  g_assert_false (g_main_context_iteration (context, FALSE));
  send_from_peer (&streams, "ab");
  test_turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (streams.pair.client)), ==, 0);
  g_assert_true (g_main_context_iteration (context, TRUE));
  g_assert_cmpstr (polled.text->str, ==, "ab");
  g_assert_false (g_main_context_iteration (context, FALSE));
  stop_polling (source, &polled);
  receive_from_peer (&streams, "cd");
  streams_clear (&streams);
}

static void
test_pollable_source_of_old_session (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("Who still waits for the input of an ended session, in a context that stands still, keeps none of the next back");

  streams_init (&streams);
  source = poll_input (streams.input, NULL, context, &polled);
  g_assert_false (g_main_context_iteration (context, FALSE));

  l_socket_abort (streams.pair.client);
  g_clear_object (&streams.pair.peer);
  l_socket_connect_to_server (streams.pair.client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_server_has_pending_connections (streams.pair.server));
  streams.pair.peer = l_server_next_pending_connection (streams.pair.server);
  receive_from_peer (&streams, "ab");

  stop_polling (source, &polled);
  receive_from_peer (&streams, "cd");
  streams_clear (&streams);
}

static void
test_pollable_source_buffered_in_other_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("What the loop had read before is there for another context, and what is put back wakes that one");

  streams_init (&streams);
  receive_from_peer (&streams, "ab");
  source = poll_input (streams.input, NULL, context, &polled);
  g_assert_true (g_main_context_iteration (context, TRUE));
  g_assert_cmpstr (polled.text->str, ==, "ab");
  g_assert_false (g_main_context_iteration (context, FALSE));
  l_io_device_unread (L_IO_DEVICE (streams.pair.client), "cd", 2);
  g_assert_true (g_main_context_iteration (context, TRUE));
  g_assert_cmpstr (polled.text->str, ==, "abcd");
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static void
test_pollable_source_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Streams streams;
  GSource *source;
  Polled polled;

  streams_init (&streams);
  source = poll_input (streams.input, cancellable, NULL, &polled);
  test_turn_all ();
  g_assert_cmpuint (polled.n_calls, ==, 0);
  g_cancellable_cancel (cancellable);
  g_assert_true (g_main_context_iteration (NULL, FALSE));
  g_assert_cmpuint (polled.n_calls, ==, 1);
  g_assert_cmpint (polled.last, ==, -1);
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static void
test_pollable_source_dropped (void)
{
  Streams streams;
  GSource *source;
  Polled polled;

  g_test_summary ("A source whose socket is gone is ready: there is an error to be had");

  streams_init (&streams);
  source = poll_input (streams.input, NULL, NULL, &polled);
  test_turn_all ();
  g_assert_finalize_object (g_steal_pointer (&streams.pair.client));
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (polled.n_calls, >=, 1);
  g_assert_cmpint (polled.last, ==, -1);
  stop_polling (source, &polled);
  streams_clear (&streams);
}

static gboolean
on_writable (GObject  *stream,
             gpointer  user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_REMOVE;
}

static void
test_pollable_output (void)
{
  g_autoptr(GSource) source = NULL;
  guint n_calls = 0;
  Streams streams;
  gsize count;

  streams_init (&streams);
  g_assert_true (g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (streams.output)));
  g_assert_true (is_writable (streams.output));
  count = fill (streams.output);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  g_assert_false (is_writable (streams.output));

  source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (streams.output), NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_writable), &n_calls, NULL);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  g_source_attach (source, NULL);
  test_turn_all ();
  g_assert_cmpuint (n_calls, ==, 0);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 0);
  TEST_TURN_UNTIL (n_calls == 1);
  g_assert_true (is_writable (streams.output));
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (streams.pair.peer)) == count);
  streams_clear (&streams);
}

static void
test_pollable_writev (void)
{
  static const GOutputVector vectors[] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
  g_autoptr(GError) error = NULL;
  GPollableReturn result;
  Streams streams;
  gsize n_written;

  streams_init (&streams);
  result = g_pollable_output_stream_writev_nonblocking (G_POLLABLE_OUTPUT_STREAM (streams.output), vectors,
                                                        G_N_ELEMENTS (vectors), &n_written, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (result, ==, G_POLLABLE_RETURN_OK);
  g_assert_cmpuint (n_written, ==, 5);
  assert_peer_receives (&streams, "abcde");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  fill (streams.output);
  result = g_pollable_output_stream_writev_nonblocking (G_POLLABLE_OUTPUT_STREAM (streams.output), vectors,
                                                        G_N_ELEMENTS (vectors), &n_written, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (result, ==, G_POLLABLE_RETURN_WOULD_BLOCK);
  streams_clear (&streams);
}

static void
test_pollable_output_ended (void)
{
  g_autoptr(GSource) source = NULL;
  guint n_calls = 0;
  Streams streams;

  g_test_summary ("The output is ready when writing would fail");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  fill (streams.output);
  source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (streams.output), NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_writable), &n_calls, NULL);
  g_source_attach (source, NULL);
  test_turn_all ();
  g_assert_cmpuint (n_calls, ==, 0);
  l_socket_abort (streams.pair.client);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (n_calls, ==, 1);
  streams_clear (&streams);
}

/* Writing */

static void
test_write_at_once (void)
{
  g_autoptr(TestTrace) trace = NULL;
  Streams streams;

  g_test_summary ("A stream writes through: nothing is queued, nothing announced");

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  assert_write (streams.output, "abc");
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (streams.pair.peer), 10000));
  assert_peer_receives (&streams, "abc");
  test_turn_all ();
  test_trace_assert (trace, "");
  streams_clear (&streams);
}

static void
test_write_all (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  gsize n_written;
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_read_to_end);
  g_assert_true (g_output_stream_write_all (raw.output, data, LARGE_SIZE, &n_written, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_written, ==, LARGE_SIZE);
  l_socket_disconnect_from_server (raw.socket);
  bytes = raw_join (&raw);
  assert_bytes (bytes, LARGE_SIZE);
  raw_clear (&raw);
}

static void
test_write_all_behind_queue (void)
{
  g_autofree guint8 *data = make_bytes (2 * LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Raw raw;

  g_test_summary ("A blocking write sends what the device has queued first");

  raw_init (&raw);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (raw.socket), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  raw_start (&raw, raw_read_to_end);
  g_assert_true (g_output_stream_write_all (raw.output, data + LARGE_SIZE, LARGE_SIZE, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (raw.socket)), ==, 0);
  l_socket_disconnect_from_server (raw.socket);
  bytes = raw_join (&raw);
  assert_bytes (bytes, 2 * LARGE_SIZE);
  raw_clear (&raw);
}

#define N_VECTORS 200

static GOutputVector *
make_vectors (const guint8 *data,
              gsize         count)
{
  GOutputVector *vectors = g_new (GOutputVector, N_VECTORS);
  gsize size = count / N_VECTORS;

  for (gsize i = 0; i < N_VECTORS; i++)
    vectors[i] = (GOutputVector) { data + i * size, i + 1 < N_VECTORS ? size : count - i * size };

  return vectors;
}

static void
test_write_vectors (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autofree GOutputVector *vectors = make_vectors (data, LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  gsize n_written;
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_read_to_end);
  g_assert_true (g_output_stream_writev_all (raw.output, vectors, N_VECTORS, &n_written, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_written, ==, LARGE_SIZE);
  l_socket_disconnect_from_server (raw.socket);
  bytes = raw_join (&raw);
  assert_bytes (bytes, LARGE_SIZE);
  raw_clear (&raw);
}

static void
test_write_few_vectors (void)
{
  static const GOutputVector vectors[] = { { "ab", 2 }, { "cde", 3 } };
  g_autoptr(GError) error = NULL;
  Streams streams;
  gsize n_written;

  streams_init (&streams);
  test_write (streams.pair.client, "0");
  g_assert_true (g_output_stream_writev (streams.output, vectors, 2, &n_written, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_written, ==, 5);
  assert_peer_receives (&streams, "0abcde");
  streams_clear (&streams);
}

static void
test_write_all_async (void)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GAsyncResult) written = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;
  gsize n_written;

  streams_init (&streams);
  start_collecting (streams.pair.peer, memory, &collected);
  g_output_stream_write_all_async (streams.output, data, LARGE_SIZE, 0, NULL, test_store_result, &written);
  g_assert_null (written);
  TEST_TURN_UNTIL (written != NULL);
  g_assert_true (g_output_stream_write_all_finish (streams.output, written, &n_written, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_written, ==, LARGE_SIZE);
  l_socket_disconnect_from_server (streams.pair.client);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  streams_clear (&streams);
}

static void
test_write_vectors_async (void)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autofree GOutputVector *vectors = make_vectors (data, LARGE_SIZE);
  g_autoptr(GAsyncResult) written = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  Streams streams;

  streams_init (&streams);
  start_collecting (streams.pair.peer, memory, &collected);
  g_output_stream_writev_all_async (streams.output, vectors, N_VECTORS, 0, NULL, test_store_result, &written);
  TEST_TURN_UNTIL (written != NULL);
  g_assert_true (g_output_stream_writev_all_finish (streams.output, written, NULL, NULL));
  l_socket_disconnect_from_server (streams.pair.client);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  streams_clear (&streams);
}

static void
test_write_cancelled_by_thread (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GError) error = NULL;
  gsize n_written, n_left;
  Raw raw;

  g_test_summary ("A cancelled write tells how much has gone, and nothing goes after it");

  raw_init (&raw);
  raw_start (&raw, raw_cancel);
  g_assert_false (g_output_stream_write_all (raw.output, data, LARGE_SIZE, &n_written, raw.cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (n_written, <, LARGE_SIZE);
  raw_join (&raw);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (raw.socket)), ==, 0);
  n_left = test_raw_take (raw.raw, NULL);
  g_assert_cmpuint (n_left, ==, n_written);
  raw_clear (&raw);
}

static void
test_write_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (g_output_stream_write (streams.output, "x", 1, cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_write (streams.output, "y");
  assert_peer_receives (&streams, "y");
  streams_clear (&streams);
}

/* An asynchronous write that waits for room. */
static void
start_blocked_write (Streams       *streams,
                     GAsyncResult **result)
{
  streams_init (streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams->pair.peer), 1);
  fill (streams->output);
  g_output_stream_write_async (streams->output, "x", 1, 0, NULL, test_store_result, result);
  test_turn_all ();
  g_assert_null (*result);
}

static void
test_write_async_waits (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Streams streams;

  start_blocked_write (&streams, &result);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 0);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, NULL), ==, 1);
  streams_clear (&streams);
}

static void
test_write_async_pending (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Another write while one waits, past what GIO itself forbids");

  start_blocked_write (&streams, &result);
  g_assert_cmpint (g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (streams.output), "y", 1, NULL,
                                                               &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_null (result);
  l_socket_abort (streams.pair.client);
  TEST_TURN_UNTIL (result != NULL);
  streams_clear (&streams);
}

static void
test_write_async_queued_before (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Streams streams;

  g_test_summary ("What the device had gathered goes first");

  streams_init (&streams);
  test_write (streams.pair.client, "first ");
  g_output_stream_write_async (streams.output, "second", 6, 0, NULL, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, NULL), ==, 6);
  assert_peer_receives (&streams, "first second");
  streams_clear (&streams);
}

static void
test_write_async_aborted (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  start_blocked_write (&streams, &result);
  l_socket_abort (streams.pair.client);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
test_write_async_peer_gone (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  start_blocked_write (&streams, &result);
  l_socket_abort (streams.pair.peer);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, &error), ==, -1);
  g_assert_true (error->domain == G_IO_ERROR);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_UNCONNECTED);
  streams_clear (&streams);
}

static void
test_write_async_dropped (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("The socket goes while its stream still waits");

  start_blocked_write (&streams, &result);
  g_assert_finalize_object (g_steal_pointer (&streams.pair.client));
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
test_write_async_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  fill (streams.output);
  g_output_stream_write_async (streams.output, "x", 1, 0, cancellable, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  test_turn_all ();
  g_assert_nonnull (result);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  streams_clear (&streams);
}

static void
test_write_peer_gone (void)
{
  g_autoptr(TestTrace) trace = NULL;
  Streams streams;

  g_test_summary ("A write to a peer that has gone is an error and no signal; the loop tells the end");

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  l_socket_abort (streams.pair.peer);
  assert_write_fails (streams.output, G_IO_ERROR_BROKEN_PIPE);
  test_trace_assert (trace, "");
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "error(peer-closed) state-changed(closing) state-changed(unconnected) "
                            "read-channel-finished disconnected");
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
test_write_peer_gone_behind_queue (void)
{
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("The same when the device still has something queued");

  streams_init (&streams);
  test_write (streams.pair.client, "lost");
  l_socket_abort (streams.pair.peer);
  assert_write_fails (streams.output, G_IO_ERROR_BROKEN_PIPE);
  g_assert_false (g_output_stream_flush (streams.output, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  streams_clear (&streams);
}

static void
test_flush (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  g_assert_true (g_output_stream_flush (streams.output, NULL, &error));
  test_write (streams.pair.client, "abc");
  g_assert_true (g_output_stream_flush (streams.output, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  test_trace_assert (trace, "");
  assert_peer_receives (&streams, "abc");
  test_trace_assert (trace, "bytes-written(3)");

  test_write (streams.pair.client, "def");
  g_output_stream_flush_async (streams.output, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_true (g_output_stream_flush_finish (streams.output, result, &error));
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  assert_peer_receives (&streams, "def");
  streams_clear (&streams);
}

static void
test_flush_blocks (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Raw raw;

  raw_init (&raw);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (raw.socket), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  raw_start (&raw, raw_read_to_end);
  g_assert_true (g_output_stream_flush (raw.output, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (raw.socket)), ==, 0);
  l_socket_abort (raw.socket);
  bytes = raw_join (&raw);
  assert_bytes (bytes, LARGE_SIZE);
  raw_clear (&raw);
}

static void
test_flush_async_blocked (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) cancelled = NULL;
  g_autoptr(GAsyncResult) dropped = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("A flush that cannot end is cancelled, or fails when the connection ends");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  test_write_large (streams.pair.client);
  g_output_stream_flush_async (streams.output, 0, cancellable, test_store_result, &cancelled);
  test_turn_all ();
  g_assert_null (cancelled);
  g_cancellable_cancel (cancellable);
  test_turn_all ();
  g_assert_nonnull (cancelled);
  g_assert_false (g_output_stream_flush_finish (streams.output, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  g_output_stream_flush_async (streams.output, 0, NULL, test_store_result, &dropped);
  test_turn_all ();
  g_assert_null (dropped);
  l_socket_abort (streams.pair.client);
  TEST_TURN_UNTIL (dropped != NULL);
  g_assert_false (g_output_stream_flush_finish (streams.output, dropped, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
test_flush_shut_down (gconstpointer flush)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = NULL;
  Raw raw;

  g_test_summary ("What was written before the output was shut down is flushed");

  raw_init (&raw);
  test_write_large (raw.socket);
  g_assert_true (l_socket_shutdown_write (raw.socket, &error));
  raw_start (&raw, raw_read_to_end);
  if (flush != NULL)
    g_assert_true (g_output_stream_flush (raw.output, NULL, &error));
  else
    g_assert_true (g_output_stream_close (raw.output, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (raw.socket)), ==, 0);
  test_turn_all ();
  bytes = raw_join (&raw);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, TEST_LARGE);
  raw_clear (&raw);
}

static gpointer
raw_flush (gpointer data)
{
  Raw *raw = data;
  g_autoptr(GError) error = NULL;

  g_atomic_pointer_set (&raw->blocked, test_get_thread ());
  g_assert_true (g_output_stream_flush (raw->output, NULL, &error));
  g_assert_no_error (error);

  return NULL;
}

static void
test_flush_shut_down_elsewhere (void)
{
  Raw raw;

  g_test_summary ("Also in another thread, while the loop sends it");

  raw_init (&raw);
  raw.blocked = 0;
  test_write_large (raw.socket);
  g_assert_true (l_socket_shutdown_write (raw.socket, NULL));
  raw_start (&raw, raw_flush);
  TEST_TURN_UNTIL (g_atomic_pointer_get (&raw.blocked) != 0);
  test_wait_until_blocked (raw.blocked);
  g_assert_cmpuint (test_raw_read_to_end (raw.raw), ==, TEST_LARGE);
  raw_join (&raw);
  raw_clear (&raw);
}

static void
flush_in_handler (LSocket  *socket,
                  guint64   count,
                  gpointer  user_data)
{
  GAsyncResult **result = user_data;
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (socket));
  g_autoptr(GError) error = NULL;

  if (*result != NULL)
    return;

  test_write (socket, "cd");
  g_output_stream_flush_async (output, 0, NULL, test_store_result, result);
  TEST_TURN_UNTIL (*result != NULL);
  g_assert_true (g_output_stream_flush_finish (output, *result, &error));
  g_assert_no_error (error);
}

static void
test_flush_async_in_handler (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Streams streams;

  g_test_summary ("A flush ends in a loop that the handler of bytes-written runs");

  streams_init (&streams);
  g_signal_connect (streams.pair.client, "bytes-written", G_CALLBACK (flush_in_handler), &result);
  test_write (streams.pair.client, "ab");
  TEST_TURN_UNTIL (result != NULL);
  assert_peer_receives (&streams, "abcd");
  streams_clear (&streams);
}

/* What GIO builds upon streams */

static void
test_data_lines (void)
{
  g_autoptr(GDataInputStream) data = NULL;
  Streams streams;

  streams_init (&streams);
  data = g_data_input_stream_new (streams.input);
  receive_from_peer (&streams, "one\ntw");
  send_from_peer (&streams, "o\n\nthree");
  l_socket_disconnect_from_server (streams.pair.peer);
  for (guint i = 0; i < 5; i++)
    {
      static const char * const lines[] = { "one", "two", "", "three", NULL };
      g_autoptr(GError) error = NULL;
      g_autofree char *line = g_data_input_stream_read_line (data, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (line, ==, lines[i]);
    }
  streams_clear (&streams);
}

static void
test_data_lines_async (void)
{
  g_autoptr(GDataInputStream) data = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  data = g_data_input_stream_new (streams.input);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(GAsyncResult) result = NULL;
      g_autofree char *line = NULL;
      gsize length;

      g_data_input_stream_read_line_async (data, 0, NULL, test_store_result, &result);
      test_write (streams.pair.peer, "a li");
      test_turn_all ();
      g_assert_null (result);
      test_write (streams.pair.peer, "ne\n");
      TEST_TURN_UNTIL (result != NULL);
      line = g_data_input_stream_read_line_finish (data, result, &length, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (line, ==, "a line");
      g_assert_cmpuint (length, ==, 6);
    }
  streams_clear (&streams);
}

static void
test_data_numbers (void)
{
  g_autoptr(GDataOutputStream) out = NULL;
  g_autoptr(GDataInputStream) in = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  out = g_data_output_stream_new (streams.output);
  in = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (streams.pair.peer)));
  g_assert_true (g_data_output_stream_put_uint32 (out, 0xdeadbeef, NULL, &error));
  g_assert_true (g_data_output_stream_put_byte (out, 7, NULL, &error));
  g_assert_true (g_data_output_stream_put_string (out, "text\n", NULL, &error));
  g_assert_cmpuint (g_data_input_stream_read_uint32 (in, NULL, &error), ==, 0xdeadbeef);
  g_assert_cmpuint (g_data_input_stream_read_byte (in, NULL, &error), ==, 7);
  g_assert_no_error (error);
  g_clear_object (&in);
  g_clear_object (&out);
  streams_clear (&streams);
}

static void
test_buffered_output (void)
{
  g_autoptr(GOutputStream) buffered = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  buffered = g_buffered_output_stream_new (streams.output);
  g_filter_output_stream_set_close_base_stream (G_FILTER_OUTPUT_STREAM (buffered), FALSE);
  assert_write (buffered, "abc");
  test_turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (streams.pair.peer)), ==, 0);
  g_assert_true (g_output_stream_flush (buffered, NULL, &error));
  assert_peer_receives (&streams, "abc");

  assert_write (buffered, "def");
  g_output_stream_flush_async (buffered, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_true (g_output_stream_flush_finish (buffered, result, &error));
  assert_peer_receives (&streams, "def");

  assert_write (buffered, "ghi");
  g_assert_true (g_output_stream_close (buffered, NULL, &error));
  g_assert_no_error (error);
  assert_peer_receives (&streams, "ghi");
  assert_write (streams.output, "jkl");
  assert_peer_receives (&streams, "jkl");
  streams_clear (&streams);
}

static void
test_converters (void)
{
  g_autoptr(GConverter) compressor = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  g_autoptr(GConverter) decompressor = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GOutputStream) packed = NULL;
  g_autoptr(GInputStream) unpacked = NULL;
  g_autoptr(GAsyncResult) written = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  packed = g_converter_output_stream_new (streams.output, compressor);
  unpacked = g_converter_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (streams.pair.peer)),
                                           decompressor);
  g_output_stream_splice_async (memory, unpacked, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                test_store_result, &collected);
  g_output_stream_write_all_async (packed, data, LARGE_SIZE, 0, NULL, test_store_result, &written);
  TEST_TURN_UNTIL (written != NULL);
  g_assert_true (g_output_stream_write_all_finish (packed, written, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_output_stream_close (packed, NULL, &error));
  g_assert_no_error (error);
  /* There the end of the output alone reaches nobody. */
  if (!test_is_unix ())
    l_socket_disconnect_from_server (streams.pair.client);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  g_clear_object (&unpacked);
  g_clear_object (&packed);
  streams_clear (&streams);
}

static void
test_splice (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GInputStream) source = g_memory_input_stream_new_from_data (data, LARGE_SIZE, NULL);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  gssize count;
  Raw raw;

  raw_init (&raw);
  raw_start (&raw, raw_read_to_end);
  count = g_output_stream_splice (raw.output, source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count, ==, LARGE_SIZE);
  bytes = raw_join (&raw);
  assert_bytes (bytes, LARGE_SIZE);
  raw_clear (&raw);
}

static void
test_splice_async (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GInputStream) source = g_memory_input_stream_new_from_data (data, LARGE_SIZE, NULL);
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr(GAsyncResult) spliced = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Closing the target is the end of the peer's input");

  streams_init (&streams);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  start_collecting (streams.pair.peer, memory, &collected);
  g_output_stream_splice_async (streams.output, source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                test_store_result, &spliced);
  TEST_TURN_UNTIL (spliced != NULL);
  g_assert_cmpint (g_output_stream_splice_finish (streams.output, spliced, &error), ==, LARGE_SIZE);
  g_assert_no_error (error);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  streams_clear (&streams);
}

static void
test_splice_connections (void)
{
  g_autoptr(GAsyncResult) spliced = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *answer = NULL;
  LSocket *far_client, *far_peer;
  Streams streams;

  g_test_summary ("A proxy: two connections spliced into each other by GIO, until both ends have closed");

  streams_init (&streams);
  far_client = test_connect (streams.pair.server, &far_peer);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  l_socket_set_half_open (far_client, TRUE);
  g_io_stream_splice_async (G_IO_STREAM (streams.pair.peer), G_IO_STREAM (far_client),
                            G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2 |
                              G_IO_STREAM_SPLICE_WAIT_FOR_BOTH,
                            0, NULL, test_store_result, &spliced);

  test_write (streams.pair.client, "question");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (far_peer)) == 8);
  test_write (far_peer, "answer");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (streams.pair.client)) == 6);
  answer = test_read (streams.pair.client);
  g_assert_cmpstr (answer, ==, "answer");

  l_socket_disconnect_from_server (streams.pair.client);
  l_socket_disconnect_from_server (far_peer);
  TEST_TURN_UNTIL (spliced != NULL);
  g_assert_true (g_io_stream_splice_finish (spliced, &error));
  g_assert_no_error (error);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (far_client)));
  g_object_unref (far_client);
  g_object_unref (far_peer);
  streams_clear (&streams);
}

/* Closing */

static void
test_close_output (void)
{
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Closing the output stream is a half-close: the question ends, the answer comes, and no error");

  streams_init (&streams);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  trace = test_trace_new (streams.pair.client);
  test_write (streams.pair.client, "ques");
  assert_write (streams.output, "tion");
  g_assert_true (g_output_stream_close (streams.output, NULL, &error));
  g_assert_no_error (error);
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  g_assert_false (l_io_device_is_writable (L_IO_DEVICE (streams.pair.client)));
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.client), "x", 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  assert_peer_receives (&streams, "question");
  TEST_TURN_UNTIL (l_io_device_at_end (L_IO_DEVICE (streams.pair.peer)));

  receive_from_peer (&streams, "answer");
  assert_read (streams.input, "answer");
  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  test_turn_all ();
  g_assert_false (test_trace_has (trace, "error(peer-closed)"));
  g_assert_true (test_trace_has (trace, "disconnected"));
  streams_clear (&streams);
}

static void
test_close_output_async (void)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("It waits for what the device has queued");

  streams_init (&streams);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.client), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  g_output_stream_close_async (streams.output, 0, NULL, test_store_result, &closed);
  start_collecting (streams.pair.peer, memory, &collected);
  TEST_TURN_UNTIL (closed != NULL);
  g_assert_true (g_output_stream_close_finish (streams.output, closed, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (streams.pair.client)), ==, 0);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  streams_clear (&streams);
}

static void
drop_client (Streams *streams)
{
  g_clear_object (&streams->pair.client);
}

/* The client with an output stream that only it holds, its input at the end. */
static GOutputStream *
drop_streams_at_end (Streams *streams)
{
  g_autoptr(TestTrace) trace = test_trace_new (streams->pair.client);
  g_autoptr(GError) error = NULL;

  l_socket_set_half_open (streams->pair.client, TRUE);
  g_assert_true (l_socket_shutdown_write (streams->pair.peer, &error));
  g_assert_no_error (error);
  TEST_TURN_UNTIL (test_trace_has (trace, "read-channel-finished"));
  streams_drop (streams);
  return g_io_stream_get_output_stream (G_IO_STREAM (streams->pair.client));
}

static void
test_close_output_dropped (gconstpointer signal)
{
  g_autoptr(GError) error = NULL;
  GOutputStream *output;
  gpointer watched;
  Streams streams;

  g_test_summary ("GIO looks at the stream after the last handler, which has dropped the socket");

  streams_init (&streams);
  l_socket_set_half_open (streams.pair.peer, TRUE);
  watched = output = drop_streams_at_end (&streams);
  g_object_add_weak_pointer (watched, &watched);
  g_signal_connect_swapped (streams.pair.client, signal, G_CALLBACK (drop_client), &streams);
  test_write (streams.pair.client, "rest");
  g_assert_true (g_output_stream_close (output, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (streams.pair.client);
  TEST_TURN_UNTIL (watched == NULL);
  assert_peer_receives (&streams, "rest");
  streams_clear (&streams);
}

static void
test_close_input (void)
{
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  g_assert_true (g_input_stream_close (streams.input, NULL, &error));
  g_assert_no_error (error);
  assert_read_fails (streams.input, G_IO_ERROR_CLOSED);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  assert_write (streams.output, "abc");
  assert_peer_receives (&streams, "abc");
  streams_clear (&streams);
}

static void
test_close_sync (void)
{
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Closing sends what is queued, tells in order, and is for good");

  streams_init (&streams);
  trace = test_trace_new (streams.pair.client);
  test_write (streams.pair.client, "rest");
  g_assert_true (g_io_stream_close (G_IO_STREAM (streams.pair.client), NULL, &error));
  g_assert_no_error (error);
  test_trace_assert (trace, "about-to-close state-changed(closing) bytes-written(4) state-changed(unconnected) "
                            "read-channel-finished disconnected");
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (streams.pair.client)));
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (streams.pair.client)));
  assert_read_fails (streams.input, G_IO_ERROR_CLOSED);
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  g_assert_true (g_io_stream_close (G_IO_STREAM (streams.pair.client), NULL, &error));
  test_trace_assert (trace, "");
  assert_peer_receives (&streams, "rest");

  l_socket_connect_to_server (streams.pair.client, "market", L_OPEN_MODE_READ_WRITE);
  test_trace_assert (trace, "error(operation)");
  streams_clear (&streams);
}

/* GIO looks at the stream after the last handler. */
static void
test_close_sync_dropped (gconstpointer signal)
{
  g_autoptr(GError) error = NULL;
  Streams streams;
  LSocket *client;

  streams_init (&streams);
  client = streams.pair.client;
  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  g_signal_connect_swapped (client, signal, G_CALLBACK (drop_client), &streams);
  test_write (client, "rest");
  g_assert_true (g_io_stream_close (G_IO_STREAM (client), NULL, &error));
  g_assert_no_error (error);
  g_assert_null (streams.pair.client);
  TEST_TURN_UNTIL (client == NULL);
  assert_peer_receives (&streams, "rest");
  streams_clear (&streams);
}

/* In a thread that no loop serves the signals come from inside, and there is no next turn. */
static gpointer dropped;

static gpointer
drop_in_thread (gpointer user_data)
{
  gboolean (* func) (LSocket *socket) = user_data;
  LSocket *socket;
  TestRaw raw;

  dropped = socket = test_socket_with_raw_peer (&raw);
  g_object_add_weak_pointer (dropped, &dropped);
  g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
  test_raw_close (raw);
  g_assert_true (func (socket));
  return NULL;
}

static gboolean
close_stream (LSocket *socket)
{
  return g_io_stream_close (G_IO_STREAM (socket), NULL, NULL);
}

static gboolean
read_stream (LSocket *socket)
{
  char byte;

  return g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (socket)), &byte, 1, NULL, NULL) == 0;
}

static void
test_dropped_without_reactor (gconstpointer func)
{
  g_assert_true (g_main_context_acquire (NULL));
  g_thread_join (g_thread_new ("dropper", drop_in_thread, (gpointer) func));
  g_main_context_release (NULL);
  g_assert_null (dropped);
}

static void
test_close_sync_large (void)
{
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Raw raw;

  raw_init (&raw);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (raw.socket), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  raw_start (&raw, raw_read_to_end);
  g_assert_true (g_io_stream_close (G_IO_STREAM (raw.socket), NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_socket_get_state (raw.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  bytes = raw_join (&raw);
  assert_bytes (bytes, LARGE_SIZE);
  raw_clear (&raw);
}

static void
test_close_sync_cancelled (void)
{
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(GError) error = NULL;
  gboolean ended;
  Raw raw;

  g_test_summary ("A cancelled close drops what is left, and is closed all the same");

  raw_init (&raw);
  test_write_large (raw.socket);
  trace = test_trace_new (raw.socket);
  raw_start (&raw, raw_cancel);
  g_assert_false (g_io_stream_close (G_IO_STREAM (raw.socket), raw.cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  raw_join (&raw);
  g_assert_cmpint (l_socket_get_state (raw.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (raw.socket)));
  g_assert_true (test_trace_has (trace, "disconnected"));
  g_assert_cmpuint (test_raw_take (raw.raw, &ended), <, TEST_LARGE);
  g_assert_true (ended);
  raw_clear (&raw);
}

static void
test_close_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Streams streams;

  g_test_summary ("Cancelled before it began, a close with something to wait for drops it");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  test_write_large (streams.pair.client);
  g_cancellable_cancel (cancellable);
  g_assert_false (g_io_stream_close (G_IO_STREAM (streams.pair.client), cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_UNCONNECTED);
  streams_clear (&streams);
}

static void
test_close_async (void)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *data = make_bytes (LARGE_SIZE);
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GAsyncResult) collected = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (streams.pair.client), data, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  g_io_stream_close_async (G_IO_STREAM (streams.pair.client), 0, NULL, test_store_result, &closed);
  g_assert_null (closed);
  start_collecting (streams.pair.peer, memory, &collected);
  TEST_TURN_UNTIL (closed != NULL);
  g_assert_true (g_io_stream_close_finish (G_IO_STREAM (streams.pair.client), closed, &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_UNCONNECTED);
  bytes = finish_collecting (memory, &collected);
  assert_bytes (bytes, LARGE_SIZE);
  streams_clear (&streams);
}

static void
test_close_async_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Streams streams;

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  test_write_large (streams.pair.client);
  g_io_stream_close_async (G_IO_STREAM (streams.pair.client), 0, cancellable, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CLOSING);
  g_cancellable_cancel (cancellable);
  test_turn_all ();
  g_assert_nonnull (result);
  g_assert_false (g_io_stream_close_finish (G_IO_STREAM (streams.pair.client), result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_UNCONNECTED);
  streams_clear (&streams);
}

static void
test_close_unconnected (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new (socket);
  g_autoptr(GError) error = NULL;

  assert_read_fails (g_io_stream_get_input_stream (G_IO_STREAM (socket)), G_IO_ERROR_CLOSED);
  assert_write_fails (g_io_stream_get_output_stream (G_IO_STREAM (socket)), G_IO_ERROR_CLOSED);
  g_assert_true (g_io_stream_close (G_IO_STREAM (socket), NULL, &error));
  g_assert_no_error (error);
  test_trace_assert (trace, "");
}

static void
test_close_with_pending_read (void)
{
  g_autoptr(GAsyncResult) read_result = NULL;
  g_autoptr(GAsyncResult) write_result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  g_test_summary ("What is pending on the streams when the socket ends fails");

  streams_init (&streams);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (streams.pair.peer), 1);
  fill (streams.output);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &read_result);
  g_output_stream_write_async (streams.output, "x", 1, 0, NULL, test_store_result, &write_result);
  test_turn_all ();
  g_assert_null (read_result);
  g_assert_null (write_result);

  l_socket_abort (streams.pair.client);
  g_assert_null (read_result);
  TEST_TURN_UNTIL (read_result != NULL && write_result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, read_result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write_finish (streams.output, write_result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
close_in_callback (GObject      *stream,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  LSocket **socket = user_data;

  g_assert_cmpint (g_input_stream_read_finish (G_INPUT_STREAM (stream), result, NULL), ==, 3);
  g_assert_true (g_io_stream_close (G_IO_STREAM (*socket), NULL, NULL));
  g_clear_object (socket);
}

static void
test_close_in_callback (void)
{
  char buffer[8];
  Streams streams;

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, close_in_callback, &streams.pair.client);
  test_write (streams.pair.peer, "abc");
  TEST_TURN_UNTIL (streams.pair.client == NULL);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.peer) == L_SOCKET_STATE_UNCONNECTED);
  streams_clear (&streams);
}

/* After the end */

static void
test_after_remote_close (void)
{
  Streams streams;

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  l_socket_disconnect_from_server (streams.pair.peer);
  TEST_TURN_UNTIL (l_socket_get_state (streams.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  g_assert_true (is_writable (streams.output));
  assert_read (streams.input, "abc");
  assert_read (streams.input, "");
  g_assert_true (streams.input == g_io_stream_get_input_stream (G_IO_STREAM (streams.pair.client)));
  g_assert_true (g_output_stream_close (streams.output, NULL, NULL));
  g_assert_true (g_io_stream_close (G_IO_STREAM (streams.pair.client), NULL, NULL));
  streams_clear (&streams);
}

static void
test_after_abort (void)
{
  Streams streams;

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  l_socket_abort (streams.pair.client);
  assert_read_fails (streams.input, G_IO_ERROR_CLOSED);
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  g_assert_true (is_readable (streams.input));
  g_assert_true (is_writable (streams.output));
  g_assert_true (g_output_stream_close (streams.output, NULL, NULL));
  g_assert_true (g_input_stream_close (streams.input, NULL, NULL));
  streams_clear (&streams);
}

static void
test_after_disconnect (void)
{
  Streams streams;

  g_test_summary ("After our own disconnect what had arrived can still be read");

  streams_init (&streams);
  receive_from_peer (&streams, "abc");
  l_socket_disconnect_from_server (streams.pair.client);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_UNCONNECTED);
  assert_read (streams.input, "abc");
  assert_read (streams.input, "");
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  streams_clear (&streams);
}

static void
test_after_reconnect (void)
{
  GInputStream *old_input;
  GOutputStream *old_output;
  Streams streams;

  g_test_summary ("Streams of an ended session stay closed; who asks again gets new ones");

  streams_init (&streams);
  g_assert_true (streams.input == g_io_stream_get_input_stream (G_IO_STREAM (streams.pair.client)));
  g_assert_true (streams.output == g_io_stream_get_output_stream (G_IO_STREAM (streams.pair.client)));
  old_input = g_object_ref (streams.input);
  old_output = g_object_ref (streams.output);
  l_socket_disconnect_from_server (streams.pair.client);
  streams_drop (&streams);
  g_clear_object (&streams.pair.peer);

  l_socket_connect_to_server (streams.pair.client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (streams.pair.client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_server_has_pending_connections (streams.pair.server));
  streams.pair.peer = l_server_next_pending_connection (streams.pair.server);
  streams_take (&streams);
  g_assert_true (streams.input != old_input);
  g_assert_true (streams.output != old_output);

  assert_read_fails (old_input, G_IO_ERROR_CLOSED);
  assert_write_fails (old_output, G_IO_ERROR_CLOSED);
  g_assert_true (g_output_stream_close (old_output, NULL, NULL));
  assert_write (streams.output, "new");
  assert_peer_receives (&streams, "new");
  receive_from_peer (&streams, "answer");
  assert_read (streams.input, "answer");
  g_object_unref (old_input);
  g_object_unref (old_output);
  streams_clear (&streams);
}

static void
test_after_reconnect_closed_output (void)
{
  Streams streams;

  g_test_summary ("An output stream that was closed does not close that of the next session");

  streams_init (&streams);
  g_assert_true (g_output_stream_close (streams.output, NULL, NULL));
  l_socket_abort (streams.pair.client);
  streams_drop (&streams);
  g_clear_object (&streams.pair.peer);
  l_socket_connect_to_server (streams.pair.client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_server_has_pending_connections (streams.pair.server));
  streams.pair.peer = l_server_next_pending_connection (streams.pair.server);
  streams_take (&streams);
  assert_write (streams.output, "new");
  assert_peer_receives (&streams, "new");
  streams_clear (&streams);
}

static void
test_after_socket (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[8];
  Streams streams;

  g_test_summary ("Streams may outlive their socket");

  streams_init (&streams);
  g_input_stream_read_async (streams.input, buffer, sizeof buffer, 0, NULL, test_store_result, &result);
  test_turn_all ();
  g_assert_finalize_object (g_steal_pointer (&streams.pair.client));
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (streams.input, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  assert_read_fails (streams.input, G_IO_ERROR_CLOSED);
  assert_write_fails (streams.output, G_IO_ERROR_CLOSED);
  g_assert_true (is_readable (streams.input));
  g_assert_true (is_writable (streams.output));
  g_assert_true (g_output_stream_close (streams.output, NULL, NULL));
  g_assert_true (g_input_stream_close (streams.input, NULL, NULL));
  streams_clear (&streams);
}

static void
test_modes (void)
{
  g_autoptr(LSocket) reader = l_socket_new ();
  g_autoptr(LSocket) writer = l_socket_new ();
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];

  g_test_summary ("A stream in a direction that the socket is not open for");

  test_raw_pair (raws);
  l_socket_set_socket_descriptor (reader, raws[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_ONLY, &error);
  g_assert_no_error (error);
  l_socket_set_socket_descriptor (writer, raws[1], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_WRITE_ONLY, &error);
  g_assert_no_error (error);

  assert_write_fails (g_io_stream_get_output_stream (G_IO_STREAM (reader)), G_IO_ERROR_PERMISSION_DENIED);
  assert_read_fails (g_io_stream_get_input_stream (G_IO_STREAM (writer)), G_IO_ERROR_PERMISSION_DENIED);
  assert_write (g_io_stream_get_output_stream (G_IO_STREAM (writer)), "abc");
  assert_read (g_io_stream_get_input_stream (G_IO_STREAM (reader)), "abc");
}

static void
on_never (GObject      *stream,
          GAsyncResult *result,
          gpointer      unused)
{
  g_error ("Called back in a context that is gone");
}

static void
test_context_goes (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  GMainContext *context = g_main_context_new ();
  GInputStream *input;
  LSocket *socket;
  TestRaw raws[2];
  char byte;

  /* GIO's own functions hold the stream, or the context, until the callback comes. */
  g_test_summary ("What was to be called back in a context that nobody runs any more is freed with it");

  test_raw_pair (raws);
  g_main_context_push_thread_default (context);
  socket = l_socket_new ();
  l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, NULL);
  input = g_object_ref (g_io_stream_get_input_stream (G_IO_STREAM (socket)));
  G_INPUT_STREAM_GET_CLASS (input)->read_async (input, &byte, 1, G_PRIORITY_DEFAULT, cancellable, on_never, NULL);
  g_main_context_pop_thread_default (context);

  g_cancellable_cancel (cancellable);
  g_assert_finalize_object (socket);
  g_object_add_weak_pointer (G_OBJECT (input), (gpointer *) &input);
  g_object_unref (input);
  g_assert_nonnull (input);
  g_main_context_unref (context);
  g_assert_null (input);
  test_raw_close (raws[1]);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/stream/read/at-once", test_read_at_once);
  test_add ("/stream/read/ahead", test_read_ahead);
  test_add ("/stream/read/blocks", test_read_blocks);
  test_add ("/stream/read/all", test_read_all);
  test_add ("/stream/read/skip", test_read_skip);
  test_add ("/stream/read/bytes", test_read_bytes);
  test_add ("/stream/read/end", test_read_end);
  test_add ("/stream/read/end-buffered", test_read_end_buffered);
  test_add ("/stream/read/async", test_read_async);
  test_add ("/stream/read/async-at-once", test_read_async_at_once);
  test_add ("/stream/read/all-async", test_read_all_async);
  test_add ("/stream/read/async-end", test_read_async_end);
  test_add ("/stream/read/async-pending", test_read_async_pending);
  test_add ("/stream/read/async-cancelled", test_read_async_cancelled);
  test_add ("/stream/read/cancelled-before", test_read_cancelled_before);
  test_add ("/stream/read/cancelled-by-thread", test_read_cancelled_by_thread);
  test_add ("/stream/read/limited", test_read_limited);
  test_add ("/stream/read/in-handler", test_read_in_handler);

  test_add ("/stream/mixed/reading", test_mixed_reading);
  test_add ("/stream/mixed/transaction", test_mixed_transaction);
  test_add ("/stream/mixed/writing", test_mixed_writing);
  test_add ("/stream/mixed/writing-blocked", test_mixed_writing_blocked);

  test_add ("/stream/pollable/read-nonblocking", test_pollable_read_nonblocking);
  test_add ("/stream/pollable/is-readable", test_pollable_is_readable);
  test_add ("/stream/pollable/source", test_pollable_source);
  test_add ("/stream/pollable/source-read-ahead", test_pollable_source_read_ahead);
  test_add ("/stream/pollable/source-low-priority", test_pollable_source_low_priority);
  test_add ("/stream/pollable/source-other-context", test_pollable_source_other_context);
  test_add ("/stream/pollable/source-of-old-session", test_pollable_source_of_old_session);
  test_add ("/stream/pollable/source-buffered-in-other-context", test_pollable_source_buffered_in_other_context);
  test_add ("/stream/pollable/source-cancelled", test_pollable_source_cancelled);
  test_add ("/stream/pollable/source-dropped", test_pollable_source_dropped);
  test_add ("/stream/pollable/output", test_pollable_output);
  test_add ("/stream/pollable/output-ended", test_pollable_output_ended);
  test_add ("/stream/pollable/writev", test_pollable_writev);

  test_add ("/stream/write/at-once", test_write_at_once);
  test_add ("/stream/write/all", test_write_all);
  test_add ("/stream/write/all-behind-queue", test_write_all_behind_queue);
  test_add ("/stream/write/vectors", test_write_vectors);
  test_add ("/stream/write/few-vectors", test_write_few_vectors);
  test_add ("/stream/write/all-async", test_write_all_async);
  test_add ("/stream/write/vectors-async", test_write_vectors_async);
  test_add ("/stream/write/cancelled-by-thread", test_write_cancelled_by_thread);
  test_add ("/stream/write/cancelled-before", test_write_cancelled_before);
  test_add ("/stream/write/async-waits", test_write_async_waits);
  test_add ("/stream/write/async-pending", test_write_async_pending);
  test_add ("/stream/write/async-queued-before", test_write_async_queued_before);
  test_add ("/stream/write/async-aborted", test_write_async_aborted);
  test_add ("/stream/write/async-peer-gone", test_write_async_peer_gone);
  test_add ("/stream/write/async-dropped", test_write_async_dropped);
  test_add ("/stream/write/async-cancelled", test_write_async_cancelled);
  test_add ("/stream/write/peer-gone", test_write_peer_gone);
  test_add ("/stream/write/peer-gone-behind-queue", test_write_peer_gone_behind_queue);
  test_add ("/stream/flush/flush", test_flush);
  test_add ("/stream/flush/blocks", test_flush_blocks);
  test_add ("/stream/flush/async-blocked", test_flush_async_blocked);
  test_add ("/stream/flush/async-in-handler", test_flush_async_in_handler);
  if (test_is_unix ())
    {
      test_add_data ("/stream/flush/shut-down", "flush", test_flush_shut_down);
      test_add ("/stream/flush/shut-down-elsewhere", test_flush_shut_down_elsewhere);
      test_add_data ("/stream/close/shut-down", NULL, test_flush_shut_down);
    }

  test_add ("/stream/gio/data-lines", test_data_lines);
  test_add ("/stream/gio/data-lines-async", test_data_lines_async);
  test_add ("/stream/gio/data-numbers", test_data_numbers);
  test_add ("/stream/gio/buffered-output", test_buffered_output);
  test_add ("/stream/gio/converters", test_converters);
  if (test_is_unix ())
    {
      test_add ("/stream/gio/splice", test_splice);
      test_add ("/stream/gio/splice-async", test_splice_async);
      test_add ("/stream/close/output", test_close_output);
      test_add ("/stream/close/output-async", test_close_output_async);
      test_add_data ("/stream/close/output-dropped/bytes-written", "bytes-written", test_close_output_dropped);
      test_add_data ("/stream/close/output-dropped/state-changed", "state-changed", test_close_output_dropped);
      test_add_data ("/stream/close/output-dropped/disconnected", "disconnected", test_close_output_dropped);
    }
  test_add ("/stream/gio/splice-connections", test_splice_connections);

  test_add ("/stream/close/input", test_close_input);
  test_add ("/stream/close/sync", test_close_sync);
  test_add_data ("/stream/close/sync-dropped/about-to-close", "about-to-close", test_close_sync_dropped);
  test_add_data ("/stream/close/sync-dropped/bytes-written", "bytes-written", test_close_sync_dropped);
  test_add_data ("/stream/close/sync-dropped/state-changed", "state-changed", test_close_sync_dropped);
  test_add_data ("/stream/close/sync-dropped/disconnected", "disconnected", test_close_sync_dropped);
  test_add_data ("/stream/close/sync-dropped/without-reactor", close_stream, test_dropped_without_reactor);
  test_add_data ("/stream/read/dropped/without-reactor", read_stream, test_dropped_without_reactor);
  test_add ("/stream/close/sync-large", test_close_sync_large);
  test_add ("/stream/close/sync-cancelled", test_close_sync_cancelled);
  test_add ("/stream/close/cancelled-before", test_close_cancelled_before);
  test_add ("/stream/close/async", test_close_async);
  test_add ("/stream/close/async-cancelled", test_close_async_cancelled);
  test_add ("/stream/close/unconnected", test_close_unconnected);
  test_add ("/stream/close/with-pending-read", test_close_with_pending_read);
  test_add ("/stream/close/in-callback", test_close_in_callback);

  test_add ("/stream/after/remote-close", test_after_remote_close);
  test_add ("/stream/after/abort", test_after_abort);
  test_add ("/stream/after/disconnect", test_after_disconnect);
  test_add ("/stream/after/reconnect", test_after_reconnect);
  test_add ("/stream/after/reconnect-closed-output", test_after_reconnect_closed_output);
  test_add ("/stream/after/socket", test_after_socket);
  test_add ("/stream/modes", test_modes);
  test_add ("/stream/context-goes", test_context_goes);

  return test_run ();
}
