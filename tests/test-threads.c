/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "test-server-util.h"

/* The streams in other threads than the owner's, whose loop runs or stands still; and objects that belong to a thread
 * without a main loop. */

#define PIECE 4096
#define MANY (8 * 1024 * 1024)

typedef enum
{
  STANDS,
  RUNS,
} Loop;

/* One connection: the socket under test, and a plain descriptor at the other end. */
typedef struct
{
  Loop       loop;
  LSocket   *socket; /* (owned) (nullable) */
  TestRaw    raw;
  TestTrace *trace;
} Link;

static void
link_init (Link          *link,
           gconstpointer  loop)
{
  link->loop = GPOINTER_TO_INT (loop);
  link->socket = test_socket_with_raw_peer (&link->raw);
  link->trace = test_trace_new (link->socket);
  /* From here on the loop knows who runs it. */
  test_turn_all ();
}

static void
link_hang_up (Link *link)
{
  test_raw_close (link->raw);
  link->raw = -1;
}

static gboolean
is_gone (GWeakRef *weak_ref)
{
  g_autoptr(GObject) object = g_weak_ref_get (weak_ref);

  return object == NULL;
}

/* Nothing may hold the socket any more; a thread of GTask's pool lets go a moment after it has called back. */
static void
link_clear (Link *link)
{
  GWeakRef weak_ref;

  test_turn_all ();
  g_clear_pointer (&link->trace, test_trace_free);

  g_weak_ref_init (&weak_ref, link->socket);
  g_clear_object (&link->socket);
  TEST_TURN_UNTIL (is_gone (&weak_ref));
  g_weak_ref_clear (&weak_ref);

  if (link->raw >= 0)
    test_raw_close (link->raw);
}

static GInputStream *
get_input (Link *link)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (link->socket));
}

static GOutputStream *
get_output (Link *link)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (link->socket));
}

/* A thread that does one thing, while the loop here runs or stands still until it has. */
typedef struct
{
  GThread     *thread;
  GThreadFunc  func;
  gpointer     data;
  gint         is_done; /* (atomic) */
} Worker;

static gpointer
run_worker (gpointer user_data)
{
  Worker *worker = user_data;
  gpointer result = worker->func (worker->data);

  g_atomic_int_set (&worker->is_done, TRUE);
  g_main_context_wakeup (NULL);
  return result;
}

static void
worker_start (Worker      *worker,
              GThreadFunc  func,
              gpointer     data)
{
  worker->func = func;
  worker->data = data;
  worker->is_done = FALSE;
  worker->thread = g_thread_new ("worker", run_worker, worker);
}

static gpointer
worker_join (Worker *worker,
             Loop    loop)
{
  if (loop == RUNS)
    TEST_TURN_UNTIL (g_atomic_int_get (&worker->is_done));

  return g_thread_join (worker->thread);
}

/* Bytes that tell their place. */
static void
fill (guint8 *data,
      gsize   count,
      gsize   place)
{
  for (gsize i = 0; i < count; i++)
    data[i] = (place + i) * 31 + ((place + i) >> 8);
}

static void
assert_filled (const guint8 *data,
               gsize         count,
               gsize         place)
{
  for (gsize i = 0; i < count; i++)
    g_assert_cmphex (data[i], ==, (guint8) ((place + i) * 31 + ((place + i) >> 8)));
}

/* The plain end */

static gpointer
raw_write_many (gpointer user_data)
{
  Link *link = user_data;
  guint8 piece[PIECE];

  for (gsize place = 0; place < MANY; place += sizeof piece)
    {
      fill (piece, sizeof piece, place);
      g_assert_cmpint (test_raw_send (link->raw, piece, sizeof piece), ==, sizeof piece);
    }

  return NULL;
}

static gpointer
raw_read_many (gpointer user_data)
{
  Link *link = user_data;
  guint8 piece[PIECE];
  gssize n_read;
  gsize place = 0;

  while ((n_read = test_raw_receive (link->raw, piece, sizeof piece)) > 0)
    {
      assert_filled (piece, n_read, place);
      place += n_read;
    }

  return GSIZE_TO_POINTER (place);
}

static gboolean
raw_send_all (TestRaw       raw,
              const guint8 *data,
              gsize         count)
{
  while (count > 0)
    {
      gssize n_sent = test_raw_send (raw, data, count);

      if (n_sent < 0)
        return FALSE;
      data += n_sent;
      count -= n_sent;
    }

  return TRUE;
}

static gpointer
raw_echo (gpointer user_data)
{
  Link *link = user_data;
  guint8 piece[PIECE];
  gssize n_read;

  while ((n_read = test_raw_receive (link->raw, piece, sizeof piece)) > 0 && raw_send_all (link->raw, piece, n_read))
    ;

  return NULL;
}

/* Ours */

static gpointer
read_many (gpointer user_data)
{
  GInputStream *input = get_input (user_data);
  guint8 *piece = g_malloc (3 * PIECE);
  g_autoptr(GError) error = NULL;
  gsize place = 0;

  while (place < MANY)
    {
      gssize n_read = g_input_stream_read (input, piece, MIN (3 * PIECE, MANY - place), NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (n_read, >, 0);
      assert_filled (piece, n_read, place);
      place += n_read;
    }

  g_free (piece);
  return NULL;
}

static gpointer
write_many (gpointer user_data)
{
  GOutputStream *output = get_output (user_data);
  g_autoptr(GError) error = NULL;
  guint8 piece[PIECE];

  for (gsize place = 0; place < MANY; place += sizeof piece)
    {
      fill (piece, sizeof piece, place);
      g_assert_true (g_output_stream_write_all (output, piece, sizeof piece, NULL, NULL, &error));
      g_assert_no_error (error);
    }

  return NULL;
}

/* Reading and writing */

static void
test_reader (gconstpointer loop)
{
  Worker reader, peer;
  Link link;

  link_init (&link, loop);
  worker_start (&peer, raw_write_many, &link);
  worker_start (&reader, read_many, &link);
  worker_join (&reader, link.loop);
  worker_join (&peer, link.loop);
  link_clear (&link);
}

static void
test_writer (gconstpointer loop)
{
  Worker writer, peer;
  Link link;
  gsize count;

  link_init (&link, loop);
  worker_start (&peer, raw_read_many, &link);
  worker_start (&writer, write_many, &link);
  worker_join (&writer, link.loop);
  l_socket_disconnect_from_server (link.socket);
  count = GPOINTER_TO_SIZE (worker_join (&peer, link.loop));
  g_assert_cmpuint (count, ==, MANY);
  link_clear (&link);
}

static void
test_both (gconstpointer loop)
{
  Worker reader, writer, peer;
  Link link;

  link_init (&link, loop);
  worker_start (&peer, raw_echo, &link);
  worker_start (&reader, read_many, &link);
  worker_start (&writer, write_many, &link);
  worker_join (&writer, link.loop);
  worker_join (&reader, link.loop);
  l_socket_disconnect_from_server (link.socket);
  worker_join (&peer, link.loop);
  link_clear (&link);
}

typedef struct
{
  Link         *link;
  GInputStream *input;    /* (owned) */
  GCancellable *cancellable;
  char          buffer[16];
  gssize        n_read;
  GError       *error;
} Read;

static gpointer
read_once (gpointer user_data)
{
  Read *read = user_data;

  memset (read->buffer, 0, sizeof read->buffer);
  read->n_read = g_input_stream_read (read->input, read->buffer, sizeof read->buffer - 1, read->cancellable, &read->error);
  return NULL;
}

static void
read_start (Read   *read,
            Worker *worker,
            Link   *link)
{
  memset (read, 0, sizeof *read);
  read->link = link;
  read->input = g_object_ref (get_input (link));
  worker_start (worker, read_once, read);
}

static void
read_clear (Read *read)
{
  g_object_unref (read->input);
  g_clear_error (&read->error);
}

static void
assert_read (Read       *read,
             const char *expected)
{
  g_assert_no_error (read->error);
  g_assert_cmpint (read->n_read, ==, strlen (expected));
  g_assert_cmpstr (read->buffer, ==, expected);
  read_clear (read);
}

static void
assert_read_fails (Read *read,
                   int   code)
{
  g_assert_error (read->error, G_IO_ERROR, code);
  g_assert_cmpint (read->n_read, ==, -1);
  read_clear (read);
}

/* The end of input, or already the end of the stream: it depends on when the thread looks. */
static void
assert_read_is_over (Read *read)
{
  if (read->n_read != 0)
    g_assert_error (read->error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  else
    g_assert_no_error (read->error);
  read_clear (read);
}

static void
test_read_ahead (gconstpointer loop)
{
  Worker worker;
  Link link;
  Read read;

  g_test_summary ("What the owner's loop has read before is there for another thread");

  link_init (&link, loop);
  test_raw_write (link.raw, "before");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)) == 6);
  read_start (&read, &worker, &link);
  worker_join (&worker, link.loop);
  assert_read (&read, "before");
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)), ==, 0);
  link_clear (&link);
}

static void
test_read_end (gconstpointer loop)
{
  Worker worker;
  Link link;
  Read read;

  link_init (&link, loop);
  read_start (&read, &worker, &link);
  link_hang_up (&link);
  worker_join (&worker, link.loop);
  assert_read (&read, "");
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (link.trace, "error(peer-closed) state-changed(closing) state-changed(unconnected) "
                                 "read-channel-finished disconnected");
  link_clear (&link);
}

static void
test_read_put_back (void)
{
  Worker worker;
  Link link;
  Read read;

  g_test_summary ("The owner puts something back while another thread waits for input");

  link_init (&link, GINT_TO_POINTER (STANDS));
  read_start (&read, &worker, &link);
  l_io_device_unread (L_IO_DEVICE (link.socket), "back", 4);
  worker_join (&worker, STANDS);
  assert_read (&read, "back");
  link_clear (&link);
}

static void
test_read_cancelled (gconstpointer loop)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Worker worker;
  Link link;
  Read read = { 0 };

  link_init (&link, loop);
  read.input = g_object_ref (get_input (&link));
  read.cancellable = cancellable;
  worker_start (&worker, read_once, &read);
  g_cancellable_cancel (cancellable);
  worker_join (&worker, link.loop);
  assert_read_fails (&read, G_IO_ERROR_CANCELLED);
  test_raw_write (link.raw, "after");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)) == 5);
  link_clear (&link);
}

static void
test_read_aborted (gconstpointer loop)
{
  Worker worker;
  Link link;
  Read read;

  link_init (&link, loop);
  read_start (&read, &worker, &link);
  l_socket_abort (link.socket);
  worker_join (&worker, link.loop);
  assert_read_is_over (&read);
  link_clear (&link);
}

static void
test_read_disconnected (gconstpointer loop)
{
  Worker worker;
  Link link;
  Read read;

  link_init (&link, loop);
  read_start (&read, &worker, &link);
  l_socket_disconnect_from_server (link.socket);
  worker_join (&worker, link.loop);
  assert_read (&read, "");
  link_clear (&link);
}

static void
test_read_reconnected (gconstpointer loop)
{
  g_autoptr(LSocket) peer = NULL;
  Worker worker;
  TestPair pair;
  Link link = { .loop = GPOINTER_TO_INT (loop), .raw = -1 };
  Read read;

  g_test_summary ("A read of the last session does not take what belongs to the next");

  test_pair_init (&pair);
  link.socket = g_object_ref (pair.client);
  test_turn_all ();
  read_start (&read, &worker, &link);
  l_socket_abort (pair.client);
  l_socket_connect_to_server (pair.client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL ((peer = l_server_next_pending_connection (pair.server)) != NULL);
  test_write (peer, "new");
  worker_join (&worker, link.loop);
  assert_read_is_over (&read);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (pair.client)) == 3);
  g_clear_object (&link.socket);
  test_pair_clear (&pair);
}

static void
test_read_dropped (gconstpointer loop)
{
  Worker worker;
  Link link;
  Read read;

  g_test_summary ("The owner drops the socket while another thread reads");

  link_init (&link, loop);
  read_start (&read, &worker, &link);
  g_clear_pointer (&link.trace, test_trace_free);
  g_clear_object (&link.socket);
  link_hang_up (&link);
  worker_join (&worker, link.loop);
  assert_read_is_over (&read);
  link_clear (&link);
}

static void
test_ready_read_again (void)
{
  Worker worker;
  Link link;
  Read read;

  g_test_summary ("When nobody waits elsewhere any more, the owner's loop reads again");

  link_init (&link, GINT_TO_POINTER (RUNS));
  read_start (&read, &worker, &link);
  test_raw_write (link.raw, "theirs");
  worker_join (&worker, RUNS);
  assert_read (&read, "theirs");
  test_trace_clear (link.trace);
  test_raw_write (link.raw, "ours");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)) == 4);
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

/* Another context */

typedef struct
{
  Link         *link;
  GCancellable *cancellable;
  const char   *expected;     /* (nullable): an error, or with CLOSED also the end */
  int           code;
  gint          begun;        /* (atomic) */
  gint          is_cancelled; /* (atomic): g_cancellable_cancel() has returned */
} ContextRead;

static gpointer
read_async_in_context (gpointer user_data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  ContextRead *read = user_data;
  GInputStream *input = get_input (read->link);
  char buffer[16] = { 0 };
  gssize n_read;

  g_object_ref (input);
  g_main_context_push_thread_default (context);
  g_input_stream_read_async (input, buffer, sizeof buffer - 1, G_PRIORITY_DEFAULT, read->cancellable, test_store_result,
                             &result);
  g_assert_null (result);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_atomic_int_set (&read->begun, TRUE);
  /* GLib loses the memory of a cancellable's source that is freed while another thread still cancels. */
  while (read->cancellable != NULL && !g_atomic_int_get (&read->is_cancelled))
    g_thread_yield ();
  while (result == NULL)
    g_main_context_iteration (context, TRUE);

  n_read = g_input_stream_read_finish (input, result, &error);
  if (read->expected != NULL)
    {
      g_assert_no_error (error);
      g_assert_cmpint (n_read, ==, strlen (read->expected));
      g_assert_cmpstr (buffer, ==, read->expected);
    }
  else if (n_read != 0 || read->code != G_IO_ERROR_CLOSED)
    {
      g_assert_error (error, G_IO_ERROR, read->code);
    }

  g_main_context_pop_thread_default (context);
  g_object_unref (input);
  return NULL;
}

static void
context_read_start (ContextRead *read,
                    Worker      *worker)
{
  worker_start (worker, read_async_in_context, read);
  while (!g_atomic_int_get (&read->begun))
    g_thread_yield ();
}

static void
test_context_read (gconstpointer loop)
{
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .expected = "hello" };

  link_init (&link, loop);
  context_read_start (&read, &worker);
  test_raw_write (link.raw, "hello");
  worker_join (&worker, link.loop);
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_context_read_put_back (gconstpointer loop)
{
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .expected = "back" };

  g_test_summary ("A context that sleeps is woken by what never shows at the descriptor");

  link_init (&link, loop);
  context_read_start (&read, &worker);
  l_io_device_unread (L_IO_DEVICE (link.socket), "back", 4);
  worker_join (&worker, link.loop);
  link_clear (&link);
}

static void
test_context_read_cancelled (gconstpointer loop)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .cancellable = cancellable, .code = G_IO_ERROR_CANCELLED };

  link_init (&link, loop);
  context_read_start (&read, &worker);
  g_cancellable_cancel (cancellable);
  g_atomic_int_set (&read.is_cancelled, TRUE);
  worker_join (&worker, link.loop);
  link_clear (&link);
}

static void
test_context_read_aborted (gconstpointer loop)
{
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .code = G_IO_ERROR_CLOSED };

  link_init (&link, loop);
  context_read_start (&read, &worker);
  l_socket_abort (link.socket);
  worker_join (&worker, link.loop);
  link_clear (&link);
}

static void
test_context_read_dropped (gconstpointer loop)
{
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .code = G_IO_ERROR_CLOSED };

  link_init (&link, loop);
  context_read_start (&read, &worker);
  g_clear_pointer (&link.trace, test_trace_free);
  g_clear_object (&link.socket);
  worker_join (&worker, link.loop);
  g_assert_true (test_raw_read_to_end (link.raw) == 0);
  link_clear (&link);
}

static void
test_pending (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Worker worker;
  Link link;
  ContextRead read = { .link = &link, .expected = "theirs" };

  g_test_summary ("Two readers at once");

  link_init (&link, GINT_TO_POINTER (RUNS));
  context_read_start (&read, &worker);
  l_io_device_read_line_async (L_IO_DEVICE (link.socket), 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_io_device_read_line_finish (L_IO_DEVICE (link.socket), result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  test_raw_write (link.raw, "theirs");
  worker_join (&worker, RUNS);
  g_clear_object (&result);
  link_clear (&link);
}

static void
test_pending_stream (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autofree char *line = NULL;
  Worker worker;
  Link link;
  Read read;

  g_test_summary ("Two readers at once, the other way round");

  link_init (&link, GINT_TO_POINTER (RUNS));
  l_io_device_read_line_async (L_IO_DEVICE (link.socket), 0, NULL, test_store_result, &result);
  read_start (&read, &worker, &link);
  worker_join (&worker, RUNS);
  assert_read_fails (&read, G_IO_ERROR_PENDING);
  test_raw_write (link.raw, "ours\n");
  TEST_TURN_UNTIL (result != NULL);
  line = l_io_device_read_line_finish (L_IO_DEVICE (link.socket), result, NULL, NULL);
  g_assert_cmpstr (line, ==, "ours\n");
  g_clear_object (&result);
  link_clear (&link);
}

/* Closing */

typedef struct
{
  Link         *link;
  GCancellable *cancellable;
  gboolean      closed;
  GError       *error;
} Close;

static gpointer
close_stream (gpointer user_data)
{
  Close *op = user_data;

  op->closed = g_io_stream_close (G_IO_STREAM (op->link->socket), op->cancellable, &op->error);
  return NULL;
}

static void
test_close (gconstpointer loop)
{
  const guint8 *data;
  Worker peer, closer;
  Link link;
  Close op = { .link = &link };
  gsize count;

  g_test_summary ("Everything is sent, and the peer sees the end, whether the owner's loop runs or not");

  link_init (&link, loop);
  data = g_malloc (MANY);
  fill ((guint8 *) data, MANY, 0);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.socket), data, MANY, NULL), ==, MANY);
  g_free ((gpointer) data);

  worker_start (&closer, close_stream, &op);
  worker_start (&peer, raw_read_many, &link);
  count = GPOINTER_TO_SIZE (worker_join (&peer, link.loop));
  g_assert_cmpuint (count, ==, MANY);
  worker_join (&closer, link.loop);
  g_assert_no_error (op.error);
  g_assert_true (op.closed);

  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_socket_descriptor (link.socket), ==, -1);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_UNKNOWN);
  link_clear (&link);
}

static void
test_close_accessors (void)
{
  Worker closer;
  Link link;
  Close op = { .link = &link };

  g_test_summary ("The owner sees nothing of it until its loop runs");

  link_init (&link, GINT_TO_POINTER (STANDS));
  worker_start (&closer, close_stream, &op);
  worker_join (&closer, STANDS);
  g_assert_true (op.closed);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (link.socket)));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 0);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpint (l_socket_get_socket_descriptor (link.socket), !=, -1);

  g_clear_pointer (&link.trace, test_trace_free);
  link_clear (&link);
}

static void
test_close_signals (void)
{
  gboolean ended;
  Worker closer;
  Link link;
  Close op = { .link = &link };

  link_init (&link, GINT_TO_POINTER (STANDS));
  worker_start (&closer, close_stream, &op);
  worker_join (&closer, STANDS);
  g_assert_true (op.closed);
  g_assert_cmpuint (test_raw_take (link.raw, &ended), ==, 0);
  g_assert_true (ended);

  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpint (l_socket_get_socket_descriptor (link.socket), >=, 0);
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (link.socket)));
  g_assert_false (l_io_device_is_writable (L_IO_DEVICE (link.socket)));
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.socket), "x", 1, NULL), ==, -1);
  test_trace_assert (link.trace, "");

  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (link.trace, "about-to-close state-changed(closing) state-changed(unconnected) "
                                 "read-channel-finished disconnected");
  l_socket_connect_to_server (link.socket, "market", L_OPEN_MODE_READ_WRITE);
  test_trace_assert (link.trace, "error(operation)");
  link_clear (&link);
}

static void
close_when_connecting (LSocket      *socket,
                       LSocketState  state,
                       Close        *op)
{
  Worker closer;

  if (state != L_SOCKET_STATE_CONNECTING)
    return;

  worker_start (&closer, close_stream, op);
  worker_join (&closer, STANDS);
}

static void
test_close_connecting (gconstpointer is_busy)
{
  g_autofree char *path = test_build_path ("market");
  TestRaw listener = test_raw_listen (path, is_busy != NULL ? 0 : 16);
  GArray *fillers = is_busy != NULL ? test_raw_fill_backlog (path) : g_array_new (FALSE, FALSE, sizeof (TestRaw));
  Link link = { .socket = l_socket_new () };
  g_autoptr(TestTrace) trace = test_trace_new (link.socket);
  g_autoptr(GError) error = NULL;
  Close op = { .link = &link };

  g_test_summary ("An attempt whose stream another thread closes is over, also where the owner waits for it");

  g_signal_connect (link.socket, "state-changed", G_CALLBACK (close_when_connecting), &op);
  l_socket_set_connect_timeout (link.socket, 2000);
  g_assert_false (l_socket_connect_to_server_sync (link.socket, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_no_error (op.error);
  g_assert_true (op.closed);
  test_trace_assert (trace, "state-changed(connecting) state-changed(unconnected)");

  g_object_unref (link.socket);
  test_raw_close_all (fillers);
  test_raw_close (listener);
}

static void
test_close_cancelled (gconstpointer loop)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Worker closer;
  Link link;
  Close op = { .link = &link, .cancellable = cancellable };

  g_test_summary ("The peer reads nothing; what is queued is dropped, and the stream closed all the same");

  link_init (&link, loop);
  test_write_large (link.socket);
  worker_start (&closer, close_stream, &op);
  g_cancellable_cancel (cancellable);
  worker_join (&closer, link.loop);
  g_assert_error (op.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (op.closed);
  g_clear_error (&op.error);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), <, TEST_LARGE);
  link_clear (&link);
}

static void
test_close_peer_gone (gconstpointer loop)
{
  Worker closer;
  Link link;
  Close op = { .link = &link };

  link_init (&link, loop);
  test_write_large (link.socket);
  worker_start (&closer, close_stream, &op);
  link_hang_up (&link);
  worker_join (&closer, link.loop);
  /* The owner's loop may have noticed before the thread began. */
  if (link.loop == STANDS || !op.closed)
    g_assert_error (op.error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_clear_error (&op.error);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  link_clear (&link);
}

static gpointer
close_async_in_context (gpointer user_data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;
  Close *op = user_data;
  GIOStream *stream = G_IO_STREAM (op->link->socket);

  g_main_context_push_thread_default (context);
  g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, op->cancellable, test_store_result, &result);
  g_assert_null (result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  op->closed = g_io_stream_close_finish (stream, result, &op->error);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
test_close_async (gconstpointer loop)
{
  Worker closer;
  Link link;
  Close op = { .link = &link };

  link_init (&link, loop);
  test_write (link.socket, "last words");
  worker_start (&closer, close_async_in_context, &op);
  worker_join (&closer, link.loop);
  g_assert_no_error (op.error);
  g_assert_true (op.closed);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, strlen ("last words"));
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  link_clear (&link);
}

static gpointer
close_output (gpointer user_data)
{
  Close *op = user_data;

  op->closed = g_output_stream_close (get_output (op->link), NULL, &op->error);
  return NULL;
}

static void
test_close_output (gconstpointer loop)
{
  Worker peer, closer;
  Link link;
  Close op = { .link = &link };
  guint8 *data;
  gsize count;

  g_test_summary ("A half-close from another thread: the peer's answer still comes");

  link_init (&link, loop);
  data = g_malloc (MANY);
  fill (data, MANY, 0);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.socket), data, MANY, NULL), ==, MANY);
  g_free (data);

  worker_start (&peer, raw_read_many, &link);
  worker_start (&closer, close_output, &op);
  worker_join (&closer, link.loop);
  g_assert_no_error (op.error);
  g_assert_true (op.closed);
  count = GPOINTER_TO_SIZE (worker_join (&peer, link.loop));
  g_assert_cmpuint (count, ==, MANY);

  test_raw_write (link.raw, "answer");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)) == 6);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  link_hang_up (&link);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_UNKNOWN);
  link_clear (&link);
}

static void
test_close_output_ended (void)
{
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];
  Worker closer;
  Link link;
  Close op = { .link = &link };

  g_test_summary ("That of a session that has ended: the next one is not taken for half-closed");

  link_init (&link, GINT_TO_POINTER (STANDS));
  link_hang_up (&link);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  worker_start (&closer, close_output, &op);
  worker_join (&closer, STANDS);
  g_assert_no_error (op.error);
  g_assert_true (op.closed);

  test_raw_pair (raws);
  l_socket_set_socket_descriptor (link.socket, raws[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  test_trace_clear (link.trace);
  test_raw_close (raws[1]);
  TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_true (test_trace_has (link.trace, "error(peer-closed)"));
  link_clear (&link);
}

/* Lifetimes */

static gpointer
drop (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

static void
test_drop (void)
{
  guint n_before;

  g_test_summary ("The last reference goes in another thread, while the loop is busy with the socket");

  n_before = test_count_descriptors ();
  for (guint i = 0; i < 300; i++)
    {
      Worker worker;
      Link link;

      link_init (&link, GINT_TO_POINTER (RUNS));
      g_clear_pointer (&link.trace, test_trace_free);
      test_raw_write (link.raw, "busy");
      worker_start (&worker, drop, g_steal_pointer (&link.socket));
      raw_send_all (link.raw, (const guint8 *) "busy", 4);
      worker_join (&worker, RUNS);
      test_raw_close (link.raw);
    }
  test_turn_all ();
  g_assert_cmpuint (test_count_descriptors (), ==, n_before);
}

static void
test_drop_server (void)
{
  g_test_summary ("A server goes in another thread, while a connection that it handed out ends");

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(LSocket) client = l_socket_new ();
      g_autoptr(LSocket) peer = NULL;
      LServer *server = l_server_new ();
      Worker worker;

      g_assert_true (l_server_listen (server, "market", NULL));
      l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
      TEST_TURN_UNTIL ((peer = l_server_next_pending_connection (server)) != NULL);
      if (i % 2 == 0)
        g_clear_object (&peer);
      worker_start (&worker, drop, server);
      /* An unref clears an object's data under a bit lock of GLib's that TSan cannot see. */
      if (TEST_UNDER_TSAN)
        worker_join (&worker, RUNS);
      l_socket_disconnect_from_server (client);
      if (!TEST_UNDER_TSAN)
        worker_join (&worker, RUNS);
      TEST_TURN_UNTIL (peer == NULL || l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
    }
}

static gpointer
get_streams (gpointer user_data)
{
  Link *link = user_data;

  g_assert_nonnull (get_output (link));
  return get_input (link);
}

static void
test_get_streams (void)
{
  for (guint i = 0; i < 100; i++)
    {
      Worker first, second;
      Link link;

      link_init (&link, GINT_TO_POINTER (RUNS));
      worker_start (&first, get_streams, &link);
      worker_start (&second, get_streams, &link);
      g_assert_true (get_input (&link) == worker_join (&first, RUNS));
      g_assert_true (get_input (&link) == worker_join (&second, RUNS));
      link_clear (&link);
    }
}

/* A peer that reads whatever comes; one that echoed would stop reading when we do. */
static gpointer
raw_swallow (gpointer user_data)
{
  Link *link = user_data;
  guint8 piece[PIECE];

  while (test_raw_receive (link->raw, piece, sizeof piece) > 0)
    ;

  return NULL;
}

static gpointer
raw_chatter (gpointer user_data)
{
  Link *link = user_data;

  while (raw_send_all (link->raw, (const guint8 *) "chatter\n", 8))
    ;

  return NULL;
}

static gpointer
read_to_end (gpointer user_data)
{
  GInputStream *input = user_data;
  char buffer[512];

  while (g_input_stream_read (input, buffer, sizeof buffer, NULL, NULL) > 0)
    ;
  g_object_unref (input);
  return NULL;
}

static gpointer
write_to_end (gpointer user_data)
{
  GOutputStream *output = user_data;

  while (g_output_stream_write (output, "message\n", 8, NULL, NULL) > 0)
    ;
  g_object_unref (output);
  return NULL;
}

static void
end (Link  *link,
     guint  i)
{
  switch (i % 5)
    {
    case 0:
      l_socket_abort (link->socket);
      break;
    case 1:
      l_socket_disconnect_from_server (link->socket);
      break;
    case 2:
      g_io_stream_close (G_IO_STREAM (link->socket), NULL, NULL);
      break;
    case 3:
      g_io_stream_close_async (G_IO_STREAM (link->socket), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      break;
    case 4:
    default:
      test_raw_shut_down (link->raw);
      break;
    }
}

static void
test_ends (void)
{
  g_test_summary ("A reader, a writer and an owner, who ends it in each way and at any moment");

  for (guint i = 0; i < 200; i++)
    {
      Worker reader, writer, peer_reader, peer_writer;
      Link link;

      link_init (&link, GINT_TO_POINTER (RUNS));
      worker_start (&peer_reader, raw_swallow, &link);
      worker_start (&peer_writer, raw_chatter, &link);
      worker_start (&reader, read_to_end, g_object_ref (get_input (&link)));
      worker_start (&writer, write_to_end, g_object_ref (get_output (&link)));
      test_write (link.socket, "the owner's\n");
      for (guint n_turns = i / 10; n_turns > 0; n_turns--)
        g_main_context_iteration (NULL, FALSE);
      end (&link, i);
      worker_join (&writer, RUNS);
      worker_join (&reader, RUNS);
      worker_join (&peer_reader, RUNS);
      worker_join (&peer_writer, RUNS);
      TEST_TURN_UNTIL (l_socket_get_state (link.socket) == L_SOCKET_STATE_UNCONNECTED);
      link_clear (&link);
    }
}

/* A thread that ends, and what it has for itself with it */

static void
say_more_and_drop (gpointer socket)
{
  test_write (socket, "bye");
  l_socket_flush (socket);
  g_object_unref (socket);
}

static GPrivate last_words = G_PRIVATE_INIT (say_more_and_drop);

static gpointer
say_hello (gpointer unused)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  LSocket *socket;

  g_main_context_push_thread_default (context);
  socket = l_socket_new ();
  l_socket_connect_to_server (socket, "market", L_OPEN_MODE_READ_WRITE);
  test_write (socket, "good");
  l_socket_flush (socket);
  g_main_context_pop_thread_default (context);
  g_private_set (&last_words, socket);
  return NULL;
}

static void
test_drop_at_thread_end (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) peer = NULL;

  g_test_summary ("What a thread has for itself may go in any order, and use what is gone already");

  g_assert_true (l_server_listen (server, "market", NULL));
  g_thread_join (g_thread_new ("end", say_hello, NULL));
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  test_assert_text (peer, "goodbye");
}

/* Objects of a thread that runs no loop, while the main thread runs the global one */

static void
count_signal (gint *count)
{
  g_atomic_int_inc (count);
}

static void
store_thread (LIODevice *device,
              GThread  **thread)
{
  *thread = g_thread_self ();
}

static gpointer
client_without_loop (gpointer unused)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *line = NULL;
  GThread *told_in = NULL;
  char buffer[8] = { 0 };
  gint n_connected = 0;

  g_signal_connect_swapped (socket, "connected", G_CALLBACK (count_signal), &n_connected);
  g_signal_connect (socket, "ready-read", G_CALLBACK (store_thread), &told_in);
  g_assert_true (l_socket_connect_to_server_sync (socket, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (n_connected, ==, 1);

  /* The waits */
  test_write (socket, "hello\n");
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), 10000));
  while (!l_io_device_can_read_line (L_IO_DEVICE (socket)))
    g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 10000));
  g_assert_true (told_in == g_thread_self ());
  line = l_io_device_read_line (L_IO_DEVICE (socket), 0, NULL, &error);
  g_assert_cmpstr (line, ==, "hello\n");

  /* The streams */
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (socket)), "again", 5, NULL, NULL,
                                            &error));
  g_assert_true (g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (socket)), buffer, 5, NULL, NULL,
                                          &error));
  g_assert_no_error (error);
  g_assert_cmpstr (buffer, ==, "again");

  l_socket_disconnect_from_server (socket);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
  return NULL;
}

static void
echo (LIODevice *device)
{
  g_autoptr(GBytes) bytes = l_io_device_read_all (device, NULL);

  if (bytes != NULL)
    l_io_device_write_bytes (device, bytes, NULL);
}

static void
on_new_connection (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (echo), NULL);
}

static void
test_without_loop (void)
{
  g_autoptr(LServer) server = l_server_new ();
  Worker workers[4];

  g_test_summary ("Several clients at once, each in a thread of its own");

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  g_assert_true (l_server_listen (server, "market", NULL));
  g_assert_true (g_main_context_acquire (NULL));
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    worker_start (&workers[i], client_without_loop, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (workers); i++)
    worker_join (&workers[i], RUNS);
  g_main_context_release (NULL);
  test_turn_all ();
}

static gpointer
server_without_loop (gpointer user_data)
{
  gint *is_listening = user_data;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  g_atomic_int_set (is_listening, TRUE);
  g_main_context_wakeup (NULL);
  g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
  socket = l_server_next_pending_connection (server);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 10000));
  echo (L_IO_DEVICE (socket));
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), 10000));
  g_assert_true (l_socket_wait_for_disconnected (socket, 10000));

  return NULL;
}

static void
test_server_without_loop (void)
{
  g_autoptr(LSocket) client = l_socket_new ();
  g_autofree char *text = NULL;
  gint is_listening = FALSE;
  Worker worker;

  g_assert_true (g_main_context_acquire (NULL));
  worker_start (&worker, server_without_loop, &is_listening);
  TEST_TURN_UNTIL (g_atomic_int_get (&is_listening));
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  test_write (client, "hello");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (client)) == 5);
  text = test_read (client);
  g_assert_cmpstr (text, ==, "hello");
  l_socket_disconnect_from_server (client);
  worker_join (&worker, RUNS);
  g_main_context_release (NULL);
}

typedef struct
{
  LSocket      *socket;
  LServer      *server;
  GAsyncResult *results[5];
} AsyncWithoutLoop;

static gpointer
begin_without_loop (gpointer user_data)
{
  AsyncWithoutLoop *test = user_data;

  test->socket = l_socket_new ();
  test->server = l_server_new ();
  l_socket_connect_to_server_async (test->socket, "market", L_OPEN_MODE_READ_WRITE, NULL, test_store_result,
                                    &test->results[0]);
  l_socket_disconnect_from_server_async (test->socket, NULL, test_store_result, &test->results[1]);
  l_io_device_read_line_async (L_IO_DEVICE (test->socket), 0, NULL, test_store_result, &test->results[2]);
  l_io_device_read_bytes_async (L_IO_DEVICE (test->socket), 1, NULL, test_store_result, &test->results[3]);
  l_server_accept_async (test->server, NULL, test_store_result, &test->results[4]);
  return NULL;
}

static void
finish_without_loop (AsyncWithoutLoop  *test,
                     GError           **errors)
{
  LIODevice *device = L_IO_DEVICE (test->socket);

  g_assert_false (l_socket_connect_to_server_finish (test->socket, test->results[0], &errors[0]));
  g_assert_false (l_socket_disconnect_from_server_finish (test->socket, test->results[1], &errors[1]));
  g_assert_null (l_io_device_read_line_finish (device, test->results[2], NULL, &errors[2]));
  g_assert_null (l_io_device_read_bytes_finish (device, test->results[3], &errors[3]));
  g_assert_null (l_server_accept_finish (test->server, test->results[4], &errors[4]));
}

static void
test_async_without_loop (void)
{
  GError *errors[5] = { NULL };
  AsyncWithoutLoop test = { 0 };
  Worker worker;

  g_test_summary ("Nobody would go on with what is begun asynchronously: that is an error, told where GTask tells it");

  g_assert_true (g_main_context_acquire (NULL));
  worker_start (&worker, begin_without_loop, &test);
  worker_join (&worker, RUNS);
  for (guint i = 0; i < G_N_ELEMENTS (test.results); i++)
    TEST_TURN_UNTIL (test.results[i] != NULL);

  finish_without_loop (&test, errors);
  for (guint i = 0; i < G_N_ELEMENTS (test.results); i++)
    {
      g_assert_error (errors[i], G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      g_error_free (errors[i]);
      g_object_unref (test.results[i]);
    }
  g_main_context_release (NULL);
  g_assert_finalize_object (test.socket);
  g_assert_finalize_object (test.server);
}

static void
add_for_loops (const char    *path,
               GTestDataFunc  func)
{
  g_autofree char *runs = g_strconcat (path, "/loop-runs", NULL);
  g_autofree char *stands = g_strconcat (path, "/loop-stands", NULL);

  test_add_data (runs, GINT_TO_POINTER (RUNS), func);
  test_add_data (stands, GINT_TO_POINTER (STANDS), func);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_for_loops ("/threads/reader", test_reader);
  add_for_loops ("/threads/writer", test_writer);
  add_for_loops ("/threads/both", test_both);
  add_for_loops ("/threads/read/ahead", test_read_ahead);
  add_for_loops ("/threads/read/end", test_read_end);
  test_add ("/threads/read/put-back", test_read_put_back);
  add_for_loops ("/threads/read/cancelled", test_read_cancelled);
  add_for_loops ("/threads/read/aborted", test_read_aborted);
  add_for_loops ("/threads/read/disconnected", test_read_disconnected);
  add_for_loops ("/threads/read/reconnected", test_read_reconnected);
  add_for_loops ("/threads/read/dropped", test_read_dropped);
  test_add ("/threads/read/ready-read-again", test_ready_read_again);
  add_for_loops ("/threads/context/read", test_context_read);
  add_for_loops ("/threads/context/put-back", test_context_read_put_back);
  add_for_loops ("/threads/context/cancelled", test_context_read_cancelled);
  add_for_loops ("/threads/context/aborted", test_context_read_aborted);
  add_for_loops ("/threads/context/dropped", test_context_read_dropped);
  test_add ("/threads/pending/device", test_pending);
  test_add ("/threads/pending/stream", test_pending_stream);
  add_for_loops ("/threads/close/queued", test_close);
  test_add ("/threads/close/accessors", test_close_accessors);
  test_add ("/threads/close/signals", test_close_signals);
  test_add_data ("/threads/close/connecting/free", NULL, test_close_connecting);
  test_add_data ("/threads/close/connecting/busy", GINT_TO_POINTER (TRUE), test_close_connecting);
  add_for_loops ("/threads/close/cancelled", test_close_cancelled);
  add_for_loops ("/threads/close/peer-gone", test_close_peer_gone);
  add_for_loops ("/threads/close/async", test_close_async);
  if (test_is_unix ())
    add_for_loops ("/threads/close/output", test_close_output);
  test_add ("/threads/close/output-ended", test_close_output_ended);
  test_add ("/threads/drop/socket", test_drop);
  test_add ("/threads/drop/server", test_drop_server);
  test_add ("/threads/drop/at-thread-end", test_drop_at_thread_end);
  test_add ("/threads/get-streams", test_get_streams);
  test_add ("/threads/ends", test_ends);
  test_add ("/threads/without-loop/clients", test_without_loop);
  test_add ("/threads/without-loop/server", test_server_without_loop);
  test_add ("/threads/without-loop/async", test_async_without_loop);

  return test_run ();
}
