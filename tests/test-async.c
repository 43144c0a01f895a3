/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "test-util.h"

/* Asynchronous reading: lines, bytes, and the stream's read_async(), which share one place to wait in. What holds for all
 * three runs for each. */

typedef enum
{
  LINE,
  BYTES,
  STREAM,
} Kind;

#define MESSAGE "ab\n"
#define MESSAGE_SIZE 3
#define MIB (1024 * 1024)

typedef struct
{
  Kind          kind;
  LSocket      *socket; /* (owned) (nullable) */
  TestRaw       raw;
  TestPair      pair;   /* instead of raw, for those who connect again */
  TestTrace    *trace;
  GAsyncResult *result; /* (owned) (nullable) */
  guint         n_calls;
  char          buffer[16];
} Link;

static void
link_init (Link          *link,
           gconstpointer  kind)
{
  memset (link, 0, sizeof *link);
  link->kind = GPOINTER_TO_INT (kind);
  link->socket = test_socket_with_raw_peer (&link->raw);
  link->trace = test_trace_new (link->socket);
}

static void
link_init_pair (Link          *link,
                gconstpointer  kind)
{
  memset (link, 0, sizeof *link);
  link->kind = GPOINTER_TO_INT (kind);
  link->raw = -1;
  test_pair_init (&link->pair);
  link->socket = g_steal_pointer (&link->pair.client);
  link->trace = test_trace_new (link->socket);
}

static void
link_hang_up (Link *link)
{
  test_raw_close (link->raw);
  link->raw = -1;
}

/* Nothing may hold the socket any more. */
static void
link_clear (Link *link)
{
  g_clear_object (&link->result);
  test_turn_all ();
  g_clear_pointer (&link->trace, test_trace_free);
  if (link->socket != NULL)
    g_assert_finalize_object (g_steal_pointer (&link->socket));
  if (link->raw >= 0)
    test_raw_close (link->raw);
  test_pair_clear (&link->pair);
}

static LIODevice *
get_device (Link *link)
{
  return L_IO_DEVICE (link->socket);
}

static gsize
get_available (Link *link)
{
  return l_io_device_get_bytes_available (get_device (link));
}

static void
start (Link                *link,
       gsize                count,
       GCancellable        *cancellable,
       GAsyncReadyCallback  callback,
       gpointer             user_data)
{
  switch (link->kind)
    {
    case LINE:
      l_io_device_read_line_async (get_device (link), 0, cancellable, callback, user_data);
      break;
    case BYTES:
      l_io_device_read_bytes_async (get_device (link), count, cancellable, callback, user_data);
      break;
    case STREAM:
    default:
      g_assert_cmpuint (count, <=, sizeof link->buffer);
      memset (link->buffer, 0, sizeof link->buffer);
      g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (link->socket)), link->buffer, count, 0,
                                 cancellable, callback, user_data);
      break;
    }
}

/* NULL with an error; the stream's end is "". */
static char *
finish (Link          *link,
        GAsyncResult  *result,
        GError       **error)
{
  g_autoptr(GObject) source = g_async_result_get_source_object (result);
  g_autoptr(GBytes) bytes = NULL;
  gsize length = 0;
  gssize n_read;
  char *line;

  switch (link->kind)
    {
    case LINE:
      line = l_io_device_read_line_finish (L_IO_DEVICE (source), result, &length, error);
      if (line != NULL)
        g_assert_cmpuint (strlen (line), ==, length);
      return line;
    case BYTES:
      bytes = l_io_device_read_bytes_finish (L_IO_DEVICE (source), result, error);
      return bytes != NULL ? g_strdup_printf ("%.*s", (int) g_bytes_get_size (bytes),
                                              (const char *) g_bytes_get_data (bytes, NULL))
                           : NULL;
    case STREAM:
    default:
      n_read = g_input_stream_read_finish (G_INPUT_STREAM (source), result, error);
      return n_read >= 0 ? g_strndup (link->buffer, n_read) : NULL;
    }
}

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Link *link = user_data;

  link->n_calls++;
  test_store_result (source, result, &link->result);
}

static void
start_cancellable (Link         *link,
                   GCancellable *cancellable)
{
  start (link, MESSAGE_SIZE, cancellable, on_result, link);
  g_assert_null (link->result);
}

static void
start_message (Link *link)
{
  start_cancellable (link, NULL);
}

static void
assert_waiting (Link *link)
{
  test_turn_all ();
  g_assert_null (link->result);
}

static void
assert_result (Link       *link,
               const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;

  TEST_TURN_UNTIL (link->result != NULL);
  text = finish (link, link->result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
  g_clear_object (&link->result);
}

static void
assert_failure (Link         *link,
                GIOErrorEnum  code)
{
  g_autoptr(GError) error = NULL;

  TEST_TURN_UNTIL (link->result != NULL);
  g_assert_null (finish (link, link->result, &error));
  g_assert_error (error, G_IO_ERROR, (int) code);
  g_clear_object (&link->result);
}

/* A device says CLOSED, a stream has read nothing. */
static void
assert_end (Link *link)
{
  if (link->kind == STREAM)
    assert_result (link, "");
  else
    assert_failure (link, G_IO_ERROR_CLOSED);
}

/* Into the device's buffer. */
static void
receive (Link       *link,
         const char *text)
{
  gsize expected = get_available (link) + strlen (text);

  if (link->raw >= 0)
    test_raw_write (link->raw, text);
  else
    test_write (link->pair.peer, text);
  TEST_TURN_UNTIL (get_available (link) == expected);
}

static void
connect_again (Link *link)
{
  g_clear_object (&link->pair.peer);
  l_socket_connect_to_server (link->socket, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (link->socket), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_server_has_pending_connections (link->pair.server));
  link->pair.peer = l_server_next_pending_connection (link->pair.server);
}

/* All kinds */

static void
test_there (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  receive (&link, MESSAGE "c");
  test_trace_assert (link.trace, "ready-read");
  start_message (&link);
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (get_available (&link), ==, 1);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_comes (gconstpointer kind)
{
  Link link;

  g_test_summary ("What a read takes is not announced");

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE);
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (link.n_calls, ==, 1);
  test_turn_all ();
  test_trace_assert (link.trace, "");
  g_assert_cmpuint (get_available (&link), ==, 0);

  receive (&link, "next");
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
test_leaves (gconstpointer kind)
{
  Link link;

  g_test_summary ("What a read leaves is announced once");

  link_init (&link, kind);
  start_message (&link);
  test_turn_all ();
  test_raw_write (link.raw, MESSAGE "rest");
  assert_result (&link, MESSAGE);
  test_turn_all ();
  g_assert_cmpuint (get_available (&link), ==, 4);
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
test_twice (gconstpointer kind)
{
  Link link;

  g_test_summary ("Two messages in one arrival, read one after the other");

  link_init (&link, kind);
  start_message (&link);
  test_turn_all ();
  test_raw_write (link.raw, MESSAGE "cd\n");
  assert_result (&link, MESSAGE);
  start_message (&link);
  assert_result (&link, "cd\n");
  link_clear (&link);
}

static void
test_end (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  link_hang_up (&link);
  assert_end (&link);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  start_message (&link);
  assert_end (&link);
  g_assert_cmpuint (link.n_calls, ==, 2);
  link_clear (&link);
}

static void
test_end_with_rest (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start_message (&link);
  test_turn_all ();
  test_raw_write (link.raw, "a");
  link_hang_up (&link);
  assert_result (&link, "a");
  start_message (&link);
  assert_end (&link);
  link_clear (&link);
}

static void
test_after_end (gconstpointer kind)
{
  Link link;

  g_test_summary ("What had arrived before the end is read after it");

  link_init (&link, kind);
  receive (&link, MESSAGE "c");
  link_hang_up (&link);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  start_message (&link);
  assert_result (&link, MESSAGE);
  start_message (&link);
  assert_result (&link, "c");
  start_message (&link);
  assert_end (&link);
  link_clear (&link);
}

static void
test_not_open (gconstpointer kind)
{
  Link link = { .kind = GPOINTER_TO_INT (kind), .raw = -1 };

  link.socket = l_socket_new ();
  start_message (&link);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  link_clear (&link);
}

static void
test_write_only (gconstpointer kind)
{
  g_autoptr(GError) error = NULL;
  Link link = { .kind = GPOINTER_TO_INT (kind), .socket = l_socket_new () };
  TestRaw raws[2];

  test_raw_pair (raws);
  link.raw = raws[0];
  l_socket_set_socket_descriptor (link.socket, raws[1], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_WRITE_ONLY, &error);
  g_assert_no_error (error);
  start_message (&link);
  assert_failure (&link, G_IO_ERROR_PERMISSION_DENIED);
  link_clear (&link);
}

static void
test_pending (gconstpointer kind)
{
  Kind first = GPOINTER_TO_INT (kind);
  Link link;

  g_test_summary ("A second read of any kind fails, and the first goes on");

  link_init (&link, kind);
  start_message (&link);
  for (Kind second = LINE; second <= STREAM; second++)
    {
      g_autoptr(GAsyncResult) result = NULL;
      g_autoptr(GError) error = NULL;

      link.kind = second;
      start (&link, MESSAGE_SIZE, NULL, test_store_result, &result);
      g_assert_null (result);
      TEST_TURN_UNTIL (result != NULL);
      g_assert_null (finish (&link, result, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
    }

  link.kind = first;
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE);
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_cancelled_before (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Link link;

  link_init (&link, kind);
  receive (&link, MESSAGE);
  g_cancellable_cancel (cancellable);
  start_cancellable (&link, cancellable);
  assert_failure (&link, G_IO_ERROR_CANCELLED);
  start_message (&link);
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_cancelled (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Link link;

  link_init (&link, kind);
  start_cancellable (&link, cancellable);
  assert_waiting (&link);
  g_cancellable_cancel (cancellable);
  g_assert_null (link.result);
  test_turn_all ();
  g_assert_nonnull (link.result);
  assert_failure (&link, G_IO_ERROR_CANCELLED);

  start_message (&link);
  test_raw_write (link.raw, MESSAGE);
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (link.n_calls, ==, 2);
  link_clear (&link);
}

static void
test_cancelled_with_part (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Link link;

  g_test_summary ("What a cancelled read had waited with is there for the next");

  link_init (&link, kind);
  start_cancellable (&link, cancellable);
  test_raw_write (link.raw, "a");
  TEST_TURN_UNTIL (get_available (&link) == 1);
  assert_waiting (&link);
  g_cancellable_cancel (cancellable);
  assert_failure (&link, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (get_available (&link), ==, 1);
  start_message (&link);
  test_raw_write (link.raw, "b\n");
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_cancelled_late (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Link link;

  g_test_summary ("Cancelled when the bytes are taken and the callback has not been called: they are not lost");

  link_init (&link, kind);
  receive (&link, MESSAGE);
  start_cancellable (&link, cancellable);
  g_cancellable_cancel (cancellable);
  assert_result (&link, MESSAGE);
  test_turn_all ();
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
test_cancelled_after (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  Link link;

  g_test_summary ("Cancelled when it is over, and the socket with it, and the result is still held");

  link_init (&link, kind);
  start_cancellable (&link, cancellable);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE);
  TEST_TURN_UNTIL (link.result != NULL);
  result = g_object_ref (link.result);
  assert_result (&link, MESSAGE);
  g_clear_pointer (&link.trace, test_trace_free);
  g_clear_object (&link.socket);
  g_cancellable_cancel (cancellable);
  test_turn_all ();
  g_assert_cmpuint (link.n_calls, ==, 1);
  g_clear_object (&result);
  link_clear (&link);
}

static void
count_call (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Link *link = user_data;

  link->n_calls++;
}

static void
test_cancelled_at_end (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  LSocket *weak;
  Link link;

  g_test_summary ("Cancelled in the turn in which the peer goes, with the last reference: nothing of it is queued any more");

  link_init (&link, kind);
  start (&link, MESSAGE_SIZE, cancellable, count_call, &link);
  test_turn_all ();
  g_clear_pointer (&link.trace, test_trace_free);
  weak = link.socket;
  g_object_add_weak_pointer (G_OBJECT (weak), (gpointer *) &weak);
  g_cancellable_cancel (cancellable);
  link_hang_up (&link);
  g_clear_object (&link.socket);
  TEST_TURN_UNTIL (weak == NULL && link.n_calls == 1);
  test_turn_all ();
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
test_cancelled_limited (gconstpointer kind)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  gboolean quiet = FALSE;
  Link link;

  g_test_summary ("With a full buffer and nobody who reads, the loop rests");

  link_init (&link, kind);
  l_io_device_set_read_buffer_size (get_device (&link), 2);
  start (&link, 10, cancellable, on_result, &link);
  test_raw_write (link.raw, "1234");
  TEST_TURN_UNTIL (get_available (&link) == 4);
  g_cancellable_cancel (cancellable);
  assert_failure (&link, G_IO_ERROR_CANCELLED);
  test_raw_write (link.raw, "5678");
  for (guint i = 0; i < 100 && !quiet; i++)
    quiet = !g_main_context_iteration (NULL, FALSE);
  g_assert_true (quiet);
  g_assert_cmpuint (get_available (&link), ==, 4);
  link_clear (&link);
}

static void
test_abort (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  l_socket_abort (link.socket);
  g_assert_null (link.result);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  test_turn_all ();
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
test_disconnect (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  l_socket_disconnect_from_server (link.socket);
  g_assert_null (link.result);
  assert_end (&link);
  test_turn_all ();
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
test_close (gconstpointer kind)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  g_assert_true (g_io_stream_close (G_IO_STREAM (link.socket), NULL, &error));
  g_assert_no_error (error);
  g_assert_null (link.result);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  link_clear (&link);
}

static void
test_close_async (gconstpointer kind)
{
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &closed);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  TEST_TURN_UNTIL (closed != NULL);
  g_assert_true (g_io_stream_close_finish (G_IO_STREAM (link.socket), closed, &error));
  g_assert_no_error (error);
  g_clear_object (&closed);
  link_clear (&link);
}

static void
test_reconnect (gconstpointer kind)
{
  Link link;

  g_test_summary ("A read of the old session ends with it and takes nothing of the new one");

  link_init_pair (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  l_socket_disconnect_from_server (link.socket);
  connect_again (&link);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  start_message (&link);
  test_write (link.pair.peer, MESSAGE);
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (link.n_calls, ==, 2);
  link_clear (&link);
}

static void
connect_when_disconnected (TestTrace  *trace,
                           const char *event,
                           gpointer    user_data)
{
  Link *link = user_data;

  if (g_str_equal (event, "disconnected"))
    l_socket_connect_to_server (link->socket, "market", L_OPEN_MODE_READ_WRITE);
}

static void
test_reconnect_in_handler (gconstpointer kind)
{
  Link link;

  link_init_pair (&link, kind);
  test_trace_set_func (link.trace, connect_when_disconnected, &link);
  start_message (&link);
  assert_waiting (&link);
  l_socket_disconnect_from_server (link.pair.peer);
  g_clear_object (&link.pair.peer);
  TEST_TURN_UNTIL (l_server_has_pending_connections (link.pair.server));
  link.pair.peer = l_server_next_pending_connection (link.pair.server);
  test_write (link.pair.peer, MESSAGE);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  start_message (&link);
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (link.n_calls, ==, 2);
  link_clear (&link);
}

static void
test_unref (gconstpointer kind)
{
  LSocket *weak;
  Link link;

  g_test_summary ("The last reference goes: a device lives until its read is over, a stream's read fails");

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  g_clear_pointer (&link.trace, test_trace_free);
  weak = link.socket;
  g_object_add_weak_pointer (G_OBJECT (weak), (gpointer *) &weak);
  g_clear_object (&link.socket);
  g_assert_null (link.result);
  if (link.kind == STREAM)
    {
      g_assert_null (weak);
      assert_failure (&link, G_IO_ERROR_CLOSED);
    }
  else
    {
      g_assert_nonnull (weak);
      test_raw_write (link.raw, MESSAGE);
      assert_result (&link, MESSAGE);
      test_turn_all ();
      g_assert_null (weak);
    }
  link_clear (&link);
}

static void
test_unref_at_end (gconstpointer kind)
{
  LSocket *weak;
  Link link;

  g_test_summary ("The last reference goes with a read, and then the peer does");

  link_init (&link, kind);
  start_message (&link);
  g_clear_pointer (&link.trace, test_trace_free);
  weak = link.socket;
  g_object_add_weak_pointer (G_OBJECT (weak), (gpointer *) &weak);
  g_clear_object (&link.socket);
  link_hang_up (&link);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  test_turn_all ();
  g_assert_null (weak);
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
drop_in_callback (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  Link *link = user_data;

  on_result (source, result, link);
  g_clear_object (&link->socket);
}

static void
test_callback_drops (gconstpointer kind)
{
  LSocket *weak;
  Link link;

  link_init (&link, kind);
  g_clear_pointer (&link.trace, test_trace_free);
  weak = link.socket;
  g_object_add_weak_pointer (G_OBJECT (weak), (gpointer *) &weak);
  start (&link, MESSAGE_SIZE, NULL, drop_in_callback, &link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE "rest");
  assert_result (&link, MESSAGE);
  test_turn_all ();
  g_assert_null (weak);
  link_clear (&link);
}

static void
test_callback_drops_at_end (gconstpointer kind)
{
  LSocket *weak;
  Link link;

  link_init (&link, kind);
  g_clear_pointer (&link.trace, test_trace_free);
  weak = link.socket;
  g_object_add_weak_pointer (G_OBJECT (weak), (gpointer *) &weak);
  start (&link, MESSAGE_SIZE, NULL, drop_in_callback, &link);
  assert_waiting (&link);
  link_hang_up (&link);
  assert_end (&link);
  test_turn_all ();
  g_assert_null (weak);
  g_assert_cmpuint (link.n_calls, ==, 1);
  link_clear (&link);
}

static void
close_in_callback (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  Link *link = user_data;

  on_result (source, result, link);
  g_assert_true (g_io_stream_close (G_IO_STREAM (link->socket), NULL, NULL));
}

static void
test_callback_closes (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start (&link, MESSAGE_SIZE, NULL, close_in_callback, &link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE "rest");
  assert_result (&link, MESSAGE);
  test_turn_all ();
  g_assert_cmpuint (get_available (&link), ==, 0);
  test_trace_assert (link.trace,
                     "about-to-close state-changed(closing) state-changed(unconnected) read-channel-finished disconnected");
  link_clear (&link);
}

static void
disconnect_in_callback (GObject      *source,
                        GAsyncResult *result,
                        gpointer      user_data)
{
  Link *link = user_data;

  on_result (source, result, link);
  l_socket_disconnect_from_server (link->socket);
}

static void
test_callback_disconnects (gconstpointer kind)
{
  Link link;

  g_test_summary ("Nothing is announced after the end, and what the read has left can still be read");

  link_init (&link, kind);
  start (&link, MESSAGE_SIZE, NULL, disconnect_in_callback, &link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE "rest");
  assert_result (&link, MESSAGE);
  test_turn_all ();
  test_trace_assert (link.trace,
                     "state-changed(closing) state-changed(unconnected) read-channel-finished disconnected");
  start_message (&link);
  if (link.kind == LINE)
    assert_result (&link, "rest");
  else if (link.kind == BYTES)
    assert_result (&link, "res");
  else
    assert_end (&link);
  link_clear (&link);
}

static void
reconnect_in_callback (GObject      *source,
                       GAsyncResult *result,
                       gpointer      user_data)
{
  Link *link = user_data;

  on_result (source, result, link);
  l_socket_abort (link->socket);
  g_clear_object (&link->pair.peer);
  l_socket_connect_to_server (link->socket, "market", L_OPEN_MODE_READ_WRITE);
}

static void
test_callback_reconnects (gconstpointer kind)
{
  Link link;

  link_init_pair (&link, kind);
  start (&link, MESSAGE_SIZE, NULL, reconnect_in_callback, &link);
  assert_waiting (&link);
  test_write (link.pair.peer, MESSAGE "rest");
  assert_result (&link, MESSAGE);
  TEST_TURN_UNTIL (l_server_has_pending_connections (link.pair.server));
  link.pair.peer = l_server_next_pending_connection (link.pair.server);
  test_turn_all ();
  g_assert_false (test_trace_has (link.trace, "ready-read"));
  g_assert_cmpuint (get_available (&link), ==, 0);

  start_message (&link);
  test_write (link.pair.peer, "cd\n");
  assert_result (&link, "cd\n");
  link_clear (&link);
}

static void
start_when_ready (TestTrace  *trace,
                  const char *event,
                  gpointer    user_data)
{
  Link *link = user_data;

  if (g_str_equal (event, "ready-read") && link->n_calls == 0)
    {
      start_message (link);
      g_assert_null (link->result);
    }
}

static void
test_in_handler (gconstpointer kind)
{
  Link link;

  g_test_summary ("Begun by the handler of ready-read");

  link_init (&link, kind);
  test_trace_set_func (link.trace, start_when_ready, &link);
  test_raw_write (link.raw, MESSAGE "c");
  assert_result (&link, MESSAGE);
  test_turn_all ();
  test_trace_assert (link.trace, "ready-read");
  g_assert_cmpuint (get_available (&link), ==, 1);
  link_clear (&link);
}

static void
read_when_ready (TestTrace  *trace,
                 const char *event,
                 gpointer    user_data)
{
  Link *link = user_data;
  g_autofree char *text = NULL;

  if (!g_str_equal (event, "ready-read") || link->n_calls > 0)
    return;

  text = test_read (link->socket);
  g_assert_cmpstr (text, ==, "begin");
  start_message (link);
  assert_waiting (link);
  test_raw_write (link->raw, MESSAGE);
  assert_result (link, MESSAGE);
}

static void
test_nested (gconstpointer kind)
{
  Link link;

  g_test_summary ("Begun and ended in a loop that the handler of ready-read runs");

  link_init (&link, kind);
  test_trace_set_func (link.trace, read_when_ready, &link);
  test_raw_write (link.raw, "begin");
  TEST_TURN_UNTIL (link.n_calls == 1);
  test_turn_all ();
  test_trace_assert (link.trace, "ready-read");
  receive (&link, "next");
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
read_to_end_when_ready (TestTrace  *trace,
                        const char *event,
                        gpointer    user_data)
{
  Link *link = user_data;
  g_autofree char *text = NULL;

  if (!g_str_equal (event, "ready-read") || link->n_calls > 0)
    return;

  text = test_read (link->socket);
  g_assert_cmpstr (text, ==, "begin");
  test_raw_write (link->raw, MESSAGE "c");
  link_hang_up (link);
  test_turn_all ();
  start_message (link);
  assert_result (link, MESSAGE);
  start_message (link);
  if (link->kind == STREAM)
    assert_result (link, "c");
}

static void
test_nested_end (gconstpointer kind)
{
  Link link;

  g_test_summary ("The end comes in a loop that the handler of ready-read runs, and is told when that has returned");

  link_init (&link, kind);
  test_trace_set_func (link.trace, read_to_end_when_ready, &link);
  test_raw_write (link.raw, "begin");
  TEST_TURN_UNTIL (link.n_calls == 2);
  if (link.kind != STREAM)
    assert_result (&link, "c");
  start_message (&link);
  assert_end (&link);
  link_clear (&link);
}

static void
read_two_when_ready (TestTrace  *trace,
                     const char *event,
                     gpointer    user_data)
{
  Link *link = user_data;
  g_autofree char *text = NULL;

  if (!g_str_equal (event, "ready-read") || link->n_calls > 0)
    return;

  text = test_read (link->socket);
  g_assert_cmpstr (text, ==, "begin");
  test_raw_write (link->raw, MESSAGE "cd\n");
  link_hang_up (link);
  start_message (link);
  assert_result (link, MESSAGE);
  start_message (link);
  assert_result (link, "cd\n");
}

static void
test_nested_before_end (gconstpointer kind)
{
  Link link;

  g_test_summary ("What the peer sent before it went is there in a loop that the handler of ready-read runs");

  link_init (&link, kind);
  test_trace_set_func (link.trace, read_two_when_ready, &link);
  test_raw_write (link.raw, "begin");
  TEST_TURN_UNTIL (link.n_calls == 2);
  start_message (&link);
  assert_end (&link);
  link_clear (&link);
}

static void
nest_in_callback (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  Link *link = user_data;

  on_result (source, result, link);
  assert_result (link, MESSAGE);
  start_message (link);
  assert_waiting (link);
  test_raw_write (link->raw, "cd\n");
  assert_result (link, "cd\n");
}

static void
test_nested_in_callback (gconstpointer kind)
{
  Link link;

  link_init (&link, kind);
  start (&link, MESSAGE_SIZE, NULL, nest_in_callback, &link);
  test_turn_all ();
  test_raw_write (link.raw, MESSAGE);
  TEST_TURN_UNTIL (link.n_calls == 2);
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_transaction (gconstpointer kind)
{
  Link link;

  g_test_summary ("What is read in a transaction can be put back");

  link_init (&link, kind);
  l_io_device_start_transaction (get_device (&link));
  start_message (&link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE "c");
  assert_result (&link, MESSAGE);
  g_assert_cmpuint (get_available (&link), ==, 1);
  l_io_device_rollback_transaction (get_device (&link));
  g_assert_cmpuint (get_available (&link), ==, 4);
  l_io_device_start_transaction (get_device (&link));
  start_message (&link);
  assert_result (&link, MESSAGE);
  l_io_device_commit_transaction (get_device (&link));
  g_assert_cmpuint (get_available (&link), ==, 1);
  link_clear (&link);
}

static void
test_transaction_limited (gconstpointer kind)
{
  gboolean quiet = FALSE;
  Link link;

  g_test_summary ("A read that fills the buffer in a transaction leaves the loop at rest");

  link_init (&link, kind);
  l_io_device_set_read_buffer_size (get_device (&link), 2);
  l_io_device_start_transaction (get_device (&link));
  start_message (&link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE "more than there is room for");
  assert_result (&link, MESSAGE);
  for (guint i = 0; i < 100 && !quiet; i++)
    quiet = !g_main_context_iteration (NULL, FALSE);
  g_assert_true (quiet);
  l_io_device_commit_transaction (get_device (&link));
  l_io_device_set_read_buffer_size (get_device (&link), 0);
  TEST_TURN_UNTIL (get_available (&link) == strlen ("more than there is room for"));
  link_clear (&link);
}

static void
test_rolled_back (gconstpointer kind)
{
  g_autofree char *text = NULL;
  Link link;

  g_test_summary ("What a transaction gives back answers a read that waits");

  link_init (&link, kind);
  receive (&link, MESSAGE);
  l_io_device_start_transaction (get_device (&link));
  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, MESSAGE);
  start_message (&link);
  assert_waiting (&link);
  l_io_device_rollback_transaction (get_device (&link));
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_unread (gconstpointer kind)
{
  Link link;

  g_test_summary ("What is put back answers a read that waits");

  link_init (&link, kind);
  start_message (&link);
  assert_waiting (&link);
  l_io_device_unread (get_device (&link), MESSAGE, MESSAGE_SIZE);
  g_assert_null (link.result);
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_limited (gconstpointer kind)
{
  Link link;

  g_test_summary ("The limit of the buffer is below what is read, and holds again afterwards");

  link_init (&link, kind);
  l_io_device_set_read_buffer_size (get_device (&link), 2);
  start_message (&link);
  assert_waiting (&link);
  test_raw_write (link.raw, MESSAGE);
  assert_result (&link, MESSAGE);
  test_raw_write (link.raw, "0123456789");
  test_turn_all ();
  g_assert_cmpuint (get_available (&link), ==, 2);
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
test_limited_full (gconstpointer kind)
{
  Link link;

  g_test_summary ("Begun with a full buffer that does not hold what is read");

  link_init (&link, kind);
  l_io_device_set_read_buffer_size (get_device (&link), 2);
  receive (&link, "ab");
  test_raw_write (link.raw, "\n");
  test_turn_all ();
  g_assert_cmpuint (get_available (&link), ==, 2);
  start_message (&link);
  assert_result (&link, link.kind == STREAM ? "ab" : MESSAGE);
  link_clear (&link);
}

static void
count_bytes (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Link *link = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *text = finish (link, result, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, MESSAGE);
  link->n_calls++;
  if (link->n_calls < 10000)
    start (link, MESSAGE_SIZE, NULL, count_bytes, link);
}

static void
test_many (gconstpointer kind)
{
  g_autoptr(GString) all = g_string_new (NULL);
  Link link;

  g_test_summary ("Ten thousand messages, each read begun by the callback of the one before");

  for (guint i = 0; i < 10000; i++)
    g_string_append (all, MESSAGE);

  link_init_pair (&link, kind);
  start (&link, MESSAGE_SIZE, NULL, count_bytes, &link);
  test_write (link.pair.peer, all->str);
  TEST_TURN_UNTIL (link.n_calls == 10000);
  g_assert_cmpuint (get_available (&link), ==, 0);
  link_clear (&link);
}

static gboolean
start_in_idle (gpointer user_data)
{
  start_message (user_data);
  return G_SOURCE_REMOVE;
}

static void
test_from_source (gconstpointer kind)
{
  Link link;

  g_test_summary ("Begun in a source of the loop, with everything there: the callback waits all the same");

  link_init (&link, kind);
  receive (&link, MESSAGE);
  g_idle_add (start_in_idle, &link);
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_waited_for (gconstpointer kind)
{
  Link link;

  g_test_summary ("A wait receives for the read, and calls nobody back");

  link_init (&link, kind);
  start_message (&link);
  test_raw_write (link.raw, MESSAGE);
  g_assert_true (l_io_device_wait_for_ready_read (get_device (&link), 10000));
  g_assert_null (link.result);
  assert_result (&link, MESSAGE);
  link_clear (&link);
}

static void
test_other_socket (gconstpointer kind)
{
  Link first, second;

  g_test_summary ("Reads of two sockets do not know each other, and neither do their bytes");

  link_init (&first, kind);
  link_init (&second, kind);
  start_message (&first);
  start_message (&second);
  test_turn_all ();
  test_raw_write (first.raw, MESSAGE "first");
  test_raw_write (second.raw, "cd\nsecond");
  assert_result (&second, "cd\n");
  assert_result (&first, MESSAGE);
  test_turn_all ();
  start (&first, 5, NULL, on_result, &first);
  link_hang_up (&first);
  assert_result (&first, "first");
  start (&second, 6, NULL, on_result, &second);
  link_hang_up (&second);
  assert_result (&second, "second");
  link_clear (&first);
  link_clear (&second);
}

/* Lines */

static void
start_line (Link  *link,
            gsize  max_length)
{
  l_io_device_read_line_async (get_device (link), max_length, NULL, on_result, link);
}

static void
test_line_pieces (void)
{
  Link link;

  link_init (&link, GINT_TO_POINTER (LINE));
  start_line (&link, 0);
  for (const char *c = "pieces"; *c != '\0'; c++)
    {
      char piece[2] = { *c, '\0' };
      gsize n_before = get_available (&link);

      test_raw_write (link.raw, piece);
      TEST_TURN_UNTIL (get_available (&link) == n_before + 1);
      g_assert_null (link.result);
    }
  test_raw_write (link.raw, "\nnext");
  assert_result (&link, "pieces\n");
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
test_line_max_length (void)
{
  Link link;

  link_init (&link, GINT_TO_POINTER (LINE));
  start_line (&link, 4);
  test_turn_all ();
  test_raw_write (link.raw, "abc");
  assert_waiting (&link);
  test_raw_write (link.raw, "d");
  assert_result (&link, "abcd");

  test_raw_write (link.raw, "abcdefg\nxyz\nab\n");
  start_line (&link, 4);
  assert_result (&link, "abcd");
  start_line (&link, 4);
  assert_result (&link, "efg\n");
  start_line (&link, 4);
  assert_result (&link, "xyz\n");
  start_line (&link, 4);
  assert_result (&link, "ab\n");
  g_assert_cmpuint (get_available (&link), ==, 0);
  link_clear (&link);
}

/* As of every GAsyncResult. */
static void
test_line_user_data (void)
{
  TestPair pair;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GObject) source = NULL;
  g_autofree char *line = NULL;

  test_pair_init (&pair);
  l_io_device_read_line_async (L_IO_DEVICE (pair.client), 0, NULL, test_store_result, &result);
  test_write (pair.peer, "hello\n");
  TEST_TURN_UNTIL (result != NULL);
  source = g_async_result_get_source_object (result);
  g_assert_true (g_async_result_get_user_data (result) == &result);
  g_assert_true (source == (GObject *) pair.client);
  line = l_io_device_read_line_finish (L_IO_DEVICE (pair.client), result, NULL, NULL);
  g_assert_cmpstr (line, ==, "hello\n");
  test_pair_clear (&pair);
}

static void
test_line_empty (void)
{
  Link link;

  link_init (&link, GINT_TO_POINTER (LINE));
  start_line (&link, 0);
  test_raw_write (link.raw, "\n\n");
  assert_result (&link, "\n");
  start_line (&link, 1);
  assert_result (&link, "\n");
  link_clear (&link);
}

static void
test_line_nul (void)
{
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;
  Link link;

  link_init (&link, GINT_TO_POINTER (LINE));
  start_line (&link, 0);
  g_assert_cmpint (test_raw_send (link.raw, "a\0b\nc", 5), ==, 5);
  TEST_TURN_UNTIL (link.result != NULL);
  line = l_io_device_read_line_finish (get_device (&link), link.result, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (line, length, "a\0b\n", 4);
  g_assert_cmpint (line[4], ==, '\0');
  g_clear_object (&link.result);

  start_line (&link, 0);
  link_hang_up (&link);
  TEST_TURN_UNTIL (link.result != NULL);
  g_clear_pointer (&line, g_free);
  line = l_io_device_read_line_finish (get_device (&link), link.result, NULL, NULL);
  g_assert_cmpstr (line, ==, "c");
  link_clear (&link);
}

static void
test_line_long (void)
{
  g_autofree char *sent = g_malloc (MIB + 2);
  g_autofree char *line = NULL;
  gsize length;
  Link link;

  g_test_summary ("A line far beyond the limit of the buffer");

  memset (sent, 'x', MIB);
  sent[MIB] = '\n';
  sent[MIB + 1] = '\0';
  link_init_pair (&link, GINT_TO_POINTER (LINE));
  l_io_device_set_read_buffer_size (get_device (&link), 16);
  start_line (&link, 0);
  test_write (link.pair.peer, sent);
  TEST_TURN_UNTIL (link.result != NULL);
  line = l_io_device_read_line_finish (get_device (&link), link.result, &length, NULL);
  g_assert_cmpmem (line, length, sent, MIB + 1);
  test_turn_all ();
  g_assert_false (test_trace_has (link.trace, "ready-read"));
  link_clear (&link);
}

typedef struct
{
  Link       link;
  GPtrArray *lines;
  gboolean   over;
} Lines;

static void
on_line (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Lines *lines = user_data;
  g_autoptr(GError) error = NULL;
  char *line = l_io_device_read_line_finish (L_IO_DEVICE (source), result, NULL, &error);

  if (line == NULL)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      lines->over = TRUE;
      return;
    }

  g_ptr_array_add (lines->lines, line);
  l_io_device_read_line_async (L_IO_DEVICE (source), 0, NULL, on_line, lines);
}

static void
test_line_many (void)
{
  g_autofree char *joined = NULL;
  Lines lines = { 0 };

  g_test_summary ("Many lines in one arrival, to the end; what the first and the second read leave is announced once");

  link_init (&lines.link, GINT_TO_POINTER (LINE));
  lines.lines = g_ptr_array_new_with_free_func (g_free);
  l_io_device_read_line_async (get_device (&lines.link), 0, NULL, on_line, &lines);
  test_turn_all ();
  test_raw_write (lines.link.raw, "one\ntwo\n\nthree\nfour");
  test_turn_all ();
  g_assert_cmpuint (lines.lines->len, ==, 4);
  test_trace_assert (lines.link.trace, "ready-read");
  link_hang_up (&lines.link);
  TEST_TURN_UNTIL (lines.over);
  g_ptr_array_add (lines.lines, NULL);
  joined = g_strjoinv ("|", (char **) lines.lines->pdata);
  g_assert_cmpstr (joined, ==, "one\n|two\n|\n|three\n|four");
  g_assert_false (test_trace_has (lines.link.trace, "ready-read"));
  g_ptr_array_unref (lines.lines);
  link_clear (&lines.link);
}

/* Bytes */

static void
start_bytes (Link  *link,
             gsize  count)
{
  l_io_device_read_bytes_async (get_device (link), count, NULL, on_result, link);
}

static void
test_bytes_exactly (void)
{
  Link link;

  link_init (&link, GINT_TO_POINTER (BYTES));
  start_bytes (&link, 4);
  test_turn_all ();
  test_raw_write (link.raw, "ab\n");
  assert_waiting (&link);
  test_raw_write (link.raw, "defghi");
  assert_result (&link, "ab\nd");
  start_bytes (&link, 5);
  assert_result (&link, "efghi");
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

static void
test_bytes_none (void)
{
  Link link;

  g_test_summary ("No bytes are there at once, and after the end too few");

  link_init (&link, GINT_TO_POINTER (BYTES));
  start_bytes (&link, 0);
  g_assert_null (link.result);
  assert_result (&link, "");
  receive (&link, "abc");
  start_bytes (&link, 0);
  assert_result (&link, "");
  link_hang_up (&link);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  start_bytes (&link, 0);
  assert_result (&link, "");
  g_assert_cmpuint (get_available (&link), ==, 3);
  link_clear (&link);
}

static void
test_bytes_large (void)
{
  g_autofree char *sent = g_malloc (4 * MIB);
  g_autoptr(GBytes) bytes = NULL;
  Link link;

  g_test_summary ("Far more than the limit of the buffer");

  for (gsize i = 0; i < 4 * MIB; i++)
    sent[i] = (char) (i * 7 + i / 251);
  link_init_pair (&link, GINT_TO_POINTER (BYTES));
  l_io_device_set_read_buffer_size (get_device (&link), 100);
  start_bytes (&link, 4 * MIB);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.pair.peer), sent, 4 * MIB, NULL), ==, 4 * MIB);
  TEST_TURN_UNTIL (link.result != NULL);
  bytes = l_io_device_read_bytes_finish (get_device (&link), link.result, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), sent, 4 * MIB);
  g_assert_false (test_trace_has (link.trace, "ready-read"));
  link_clear (&link);
}

static void
test_bytes_endless (void)
{
  Link link;

  g_test_summary ("The most there can be: everything to the end");

  link_init (&link, GINT_TO_POINTER (BYTES));
  start_bytes (&link, G_MAXSIZE);
  test_turn_all ();
  test_raw_write (link.raw, "every");
  assert_waiting (&link);
  test_raw_write (link.raw, "thing");
  link_hang_up (&link);
  assert_result (&link, "everything");
  link_clear (&link);
}

/* Half-close: the input alone ends. */
static void
test_bytes_half_open (void)
{
  Link link;

  link_init_pair (&link, GINT_TO_POINTER (BYTES));
  l_socket_set_half_open (link.socket, TRUE);
  start_bytes (&link, 10);
  test_turn_all ();
  test_write (link.pair.peer, "abc");
  g_assert_true (l_socket_shutdown_write (link.pair.peer, NULL));
  assert_result (&link, "abc");
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  start_bytes (&link, 10);
  assert_failure (&link, G_IO_ERROR_CLOSED);
  link_clear (&link);
}

/* The stream */

static void
test_stream_one (void)
{
  GInputStream *input;
  char byte = '\0';
  Link link;

  g_test_summary ("One byte at a time: the rest is announced once and stays");

  link_init (&link, GINT_TO_POINTER (STREAM));
  input = g_io_stream_get_input_stream (G_IO_STREAM (link.socket));
  for (const char *expected = "abc"; *expected != '\0'; expected++)
    {
      g_input_stream_read_async (input, &byte, 1, 0, NULL, on_result, &link);
      if (*expected == 'a')
        {
          assert_waiting (&link);
          test_raw_write (link.raw, "abc");
        }
      TEST_TURN_UNTIL (link.result != NULL);
      g_assert_cmpint (g_input_stream_read_finish (input, link.result, NULL), ==, 1);
      g_clear_object (&link.result);
      g_assert_cmpint (byte, ==, *expected);
    }
  test_turn_all ();
  g_assert_cmpuint (get_available (&link), ==, 0);
  link_clear (&link);
}

static void
test_stream_mib (void)
{
  g_autofree char *sent = g_malloc (MIB);
  g_autofree char *got = g_malloc0 (MIB);
  GInputStream *input;
  gsize n_got = 0;
  Link link;

  for (gsize i = 0; i < MIB; i++)
    sent[i] = (char) (i * 7 + i / 251);
  link_init_pair (&link, GINT_TO_POINTER (STREAM));
  input = g_io_stream_get_input_stream (G_IO_STREAM (link.socket));
  g_input_stream_read_async (input, got, MIB, 0, NULL, on_result, &link);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.pair.peer), sent, MIB, NULL), ==, MIB);
  while (TRUE)
    {
      gssize n_read;

      TEST_TURN_UNTIL (link.result != NULL);
      n_read = g_input_stream_read_finish (input, link.result, NULL);
      g_clear_object (&link.result);
      g_assert_cmpint (n_read, >, 0);
      n_got += n_read;
      if (n_got == MIB)
        break;
      g_input_stream_read_async (input, got + n_got, MIB - n_got, 0, NULL, on_result, &link);
    }
  g_assert_cmpmem (got, MIB, sent, MIB);
  link_clear (&link);
}

static void
test_stream_read_all (void)
{
  g_autofree char *sent = g_malloc (3 * MIB);
  g_autofree char *got = g_malloc0 (3 * MIB);
  g_autoptr(GError) error = NULL;
  gsize n_read;
  Link link;

  for (gsize i = 0; i < 3 * MIB; i++)
    sent[i] = (char) (i * 7 + i / 251);
  link_init_pair (&link, GINT_TO_POINTER (STREAM));
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (link.socket)), got, 3 * MIB, 0, NULL,
                                 on_result, &link);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.pair.peer), sent, 3 * MIB, NULL), ==, 3 * MIB);
  TEST_TURN_UNTIL (link.result != NULL);
  g_assert_true (g_input_stream_read_all_finish (g_io_stream_get_input_stream (G_IO_STREAM (link.socket)), link.result,
                                                 &n_read, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (got, n_read, sent, 3 * MIB);
  g_assert_false (test_trace_has (link.trace, "ready-read"));
  link_clear (&link);
}

static void
test_stream_unread (void)
{
  Link link;

  g_test_summary ("What was put back comes first");

  link_init (&link, GINT_TO_POINTER (STREAM));
  l_io_device_unread (get_device (&link), "un", 2);
  test_raw_write (link.raw, "read");
  start (&link, 10, NULL, on_result, &link);
  assert_result (&link, "un");
  start (&link, 10, NULL, on_result, &link);
  assert_result (&link, "read");
  link_clear (&link);
}

static void
test_stream_skip (void)
{
  g_autoptr(GError) error = NULL;
  GInputStream *input;
  Link link;

  link_init (&link, GINT_TO_POINTER (STREAM));
  input = g_io_stream_get_input_stream (G_IO_STREAM (link.socket));
  receive (&link, "abcdef");
  g_input_stream_skip_async (input, 4, 0, NULL, on_result, &link);
  TEST_TURN_UNTIL (link.result != NULL);
  g_assert_cmpint (g_input_stream_skip_finish (input, link.result, &error), ==, 4);
  g_assert_no_error (error);
  g_clear_object (&link.result);
  start (&link, 10, NULL, on_result, &link);
  assert_result (&link, "ef");
  link_clear (&link);
}

static void
test_stream_other_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) error = NULL;
  GInputStream *input;
  Link link;

  g_test_summary ("Read in another context of the thread, and the callback comes there");

  link_init (&link, GINT_TO_POINTER (STREAM));
  input = g_io_stream_get_input_stream (G_IO_STREAM (link.socket));
  g_main_context_push_thread_default (context);
  start_message (&link);
  g_main_context_pop_thread_default (context);
  test_raw_write (link.raw, MESSAGE);
  while (link.result == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_cmpint (g_input_stream_read_finish (input, link.result, &error), ==, MESSAGE_SIZE);
  g_assert_no_error (error);
  link_clear (&link);
}

static gboolean
on_busy (gpointer n_turns)
{
  ++*(guint *) n_turns;
  return G_SOURCE_CONTINUE;
}

static void
test_busy_context (gconstpointer kind)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GSource) busy = g_idle_source_new ();
  guint n_turns = 0;
  Link link;

  g_test_summary ("A callback comes to another context of the thread as GTask's does, however busy that is");

  link_init (&link, kind);
  g_source_set_priority (busy, G_PRIORITY_DEFAULT);
  g_source_set_callback (busy, on_busy, &n_turns, NULL);
  g_source_attach (busy, context);
  g_main_context_push_thread_default (context);
  start_message (&link);
  g_main_context_pop_thread_default (context);

  test_raw_write (link.raw, MESSAGE "c");
  TEST_TURN_UNTIL (get_available (&link) == 1);
  while (link.result == NULL && n_turns < 100)
    g_main_context_iteration (context, FALSE);
  g_assert_nonnull (link.result);
  assert_result (&link, MESSAGE);
  g_source_destroy (busy);
  link_clear (&link);
}

typedef struct
{
  GDataInputStream *data;
  guint             n_lines;
  gboolean          over;
} DataLines;

static void
on_data_line (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  DataLines *lines = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *line = NULL;
  g_autofree char *expected = NULL;

  line = g_data_input_stream_read_line_finish (lines->data, result, NULL, &error);
  g_assert_no_error (error);
  if (line == NULL)
    {
      lines->over = TRUE;
      return;
    }

  expected = g_strdup_printf ("line %u", lines->n_lines++);
  g_assert_cmpstr (line, ==, expected);
  g_data_input_stream_read_line_async (lines->data, 0, NULL, on_data_line, lines);
}

static void
test_stream_data_lines (void)
{
  g_autoptr(GString) all = g_string_new (NULL);
  DataLines lines = { 0 };
  Link link;

  for (guint i = 0; i < 10000; i++)
    g_string_append_printf (all, "line %u\n", i);
  link_init_pair (&link, GINT_TO_POINTER (STREAM));
  lines.data = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (link.socket)));
  g_data_input_stream_read_line_async (lines.data, 0, NULL, on_data_line, &lines);
  test_write (link.pair.peer, all->str);
  l_socket_disconnect_from_server (link.pair.peer);
  TEST_TURN_UNTIL (lines.over);
  g_assert_cmpuint (lines.n_lines, ==, 10000);
  g_object_unref (lines.data);
  link_clear (&link);
}

static void
add_all (const char    *name,
         GTestDataFunc  func)
{
  static const char * const kinds[] = { "line", "bytes", "stream" };

  for (Kind kind = LINE; kind <= STREAM; kind++)
    {
      g_autofree char *path = g_strdup_printf ("/async/%s/%s", kinds[kind], name);

      test_add_data (path, GINT_TO_POINTER (kind), func);
    }
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  add_all ("there", test_there);
  add_all ("comes", test_comes);
  add_all ("leaves", test_leaves);
  add_all ("twice", test_twice);
  add_all ("many", test_many);
  add_all ("from-source", test_from_source);
  add_all ("waited-for", test_waited_for);
  add_all ("other-socket", test_other_socket);
  add_all ("end", test_end);
  add_all ("end-with-rest", test_end_with_rest);
  add_all ("after-end", test_after_end);
  add_all ("not-open", test_not_open);
  add_all ("write-only", test_write_only);
  add_all ("pending", test_pending);
  add_all ("limited", test_limited);
  add_all ("limited-full", test_limited_full);

  add_all ("cancelled/before", test_cancelled_before);
  add_all ("cancelled/during", test_cancelled);
  add_all ("cancelled/at-end", test_cancelled_at_end);
  test_add_data ("/async/line/cancelled/with-part", GINT_TO_POINTER (LINE), test_cancelled_with_part);
  test_add_data ("/async/bytes/cancelled/with-part", GINT_TO_POINTER (BYTES), test_cancelled_with_part);
  add_all ("cancelled/late", test_cancelled_late);
  add_all ("cancelled/after", test_cancelled_after);
  test_add_data ("/async/line/cancelled/limited", GINT_TO_POINTER (LINE), test_cancelled_limited);
  test_add_data ("/async/bytes/cancelled/limited", GINT_TO_POINTER (BYTES), test_cancelled_limited);

  add_all ("ended/abort", test_abort);
  add_all ("ended/disconnect", test_disconnect);
  add_all ("ended/close", test_close);
  add_all ("ended/close-async", test_close_async);
  add_all ("ended/reconnect", test_reconnect);
  add_all ("ended/reconnect-in-handler", test_reconnect_in_handler);
  add_all ("ended/unref", test_unref);
  add_all ("ended/unref-at-end", test_unref_at_end);

  add_all ("callback/drops", test_callback_drops);
  add_all ("callback/drops-at-end", test_callback_drops_at_end);
  add_all ("callback/closes", test_callback_closes);
  add_all ("callback/disconnects", test_callback_disconnects);
  add_all ("callback/reconnects", test_callback_reconnects);
  add_all ("callback/nested", test_nested_in_callback);

  add_all ("handler/in-ready-read", test_in_handler);
  add_all ("handler/nested", test_nested);
  add_all ("handler/nested-end", test_nested_end);
  add_all ("handler/nested-before-end", test_nested_before_end);

  add_all ("transaction/inside", test_transaction);
  add_all ("transaction/limited", test_transaction_limited);
  add_all ("transaction/rolled-back", test_rolled_back);
  add_all ("unread", test_unread);

  test_add ("/async/line/pieces", test_line_pieces);
  test_add ("/async/line/max-length", test_line_max_length);
  test_add ("/async/line/empty", test_line_empty);
  test_add ("/async/line/user-data", test_line_user_data);
  test_add ("/async/line/nul", test_line_nul);
  test_add ("/async/line/long", test_line_long);
  test_add ("/async/line/many-in-one", test_line_many);
  test_add ("/async/bytes/exactly", test_bytes_exactly);
  test_add ("/async/bytes/none", test_bytes_none);
  test_add ("/async/bytes/large", test_bytes_large);
  test_add ("/async/bytes/endless", test_bytes_endless);
  if (test_is_unix ())
    test_add ("/async/bytes/half-open", test_bytes_half_open);
  test_add ("/async/stream/one", test_stream_one);
  test_add ("/async/stream/mib", test_stream_mib);
  test_add ("/async/stream/read-all", test_stream_read_all);
  test_add ("/async/stream/unread-first", test_stream_unread);
  test_add ("/async/stream/skip", test_stream_skip);
  test_add ("/async/stream/other-context", test_stream_other_context);
  test_add ("/async/stream/data-lines", test_stream_data_lines);
  test_add_data ("/async/line/busy-context", GINT_TO_POINTER (LINE), test_busy_context);
  test_add_data ("/async/bytes/busy-context", GINT_TO_POINTER (BYTES), test_busy_context);

  return test_run ();
}
