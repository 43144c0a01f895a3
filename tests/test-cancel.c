/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "test-util.h"

/* Cancellation of each asynchronous call, of the socket, the server, the device and its streams, and of what GIO builds
 * upon these: before it starts, while it waits, from another thread, with the result already on its way, and after
 * completion. What is cancelled ends in the next turn of the loop, and what a cancelled call leaves behind is of use. */

typedef struct _Call Call;

typedef struct
{
  const char *name;
  guint       n_tasks; /* in a row: GIO's own around ours */

  /* All that has to be there before the call can wait. */
  void     (* prepare)  (Call          *call);
  void     (* start)    (Call          *call);
  gboolean (* finish)   (Call          *call,
                         GAsyncResult  *result,
                         GError       **error);
  /* Makes a waiting call complete. */
  void     (* complete) (Call          *call);
  /* After a cancelled one: what shows that nothing is broken. */
  void     (* verify)   (Call          *call);
} Kind;

struct _Call
{
  const Kind       *kind;
  TestPair          pair;
  LSocket          *client;      /* (unowned) */
  GInputStream     *input;       /* (unowned): of the client */
  GOutputStream    *output;      /* (unowned) */
  LSocket          *other;       /* (owned) (nullable): a second connection */
  LSocket          *other_peer;  /* (owned) (nullable) */
  GArray           *backlog;     /* (owned) (nullable) */
  int               listener;
  GDataInputStream *data;        /* (owned) (nullable) */
  GInputStream     *memory_in;   /* (owned) (nullable) */
  GOutputStream    *memory_out;  /* (owned) (nullable) */
  GCancellable     *cancellable;
  GAsyncResult     *result;
  guint             n_calls;
  char              buffer[16];
};

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Call *call = user_data;

  call->n_calls++;
  test_store_result (source, result, &call->result);
}

static void
call_init (Call       *call,
           const Kind *kind)
{
  memset (call, 0, sizeof *call);
  call->kind = kind;
  call->listener = -1;
  call->cancellable = g_cancellable_new ();
  test_pair_init (&call->pair);
  call->client = call->pair.client;
  call->input = g_io_stream_get_input_stream (G_IO_STREAM (call->client));
  call->output = g_io_stream_get_output_stream (G_IO_STREAM (call->client));
  if (kind->prepare != NULL)
    kind->prepare (call);
}

static void
call_start (Call *call)
{
  call->kind->start (call);
  g_assert_null (call->result);
}

static void
call_assert_cancelled (Call *call)
{
  g_autoptr(GError) error = NULL;

  g_assert_nonnull (call->result);
  g_assert_false (call->kind->finish (call, call->result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
call_assert_done (Call *call)
{
  g_autoptr(GError) error = NULL;

  TEST_TURN_UNTIL (call->result != NULL);
  g_assert_true (call->kind->finish (call, call->result, &error));
  g_assert_no_error (error);
}

static gboolean
is_gone (GWeakRef *ref)
{
  g_autoptr(GObject) object = g_weak_ref_get (ref);

  return object == NULL;
}

/* A close in another context goes through a thread, which lets go of the socket a moment later. */
static void
assert_goes (LSocket *socket)
{
  GWeakRef ref;

  g_weak_ref_init (&ref, socket);
  g_object_unref (socket);
  TEST_TURN_UNTIL (is_gone (&ref));
  g_weak_ref_clear (&ref);
}

/* Nothing may hold the socket any more, and nothing may come afterwards. */
static void
call_clear (Call *call)
{
  g_clear_object (&call->result);
  test_turn_all ();
  g_assert_cmpuint (call->n_calls, ==, 1);

  g_clear_object (&call->data);
  g_clear_object (&call->memory_in);
  g_clear_object (&call->memory_out);
  g_clear_object (&call->cancellable);
  g_clear_pointer (&call->backlog, test_raw_close_all);
  if (call->listener >= 0)
    test_raw_close (call->listener);
  g_clear_object (&call->other_peer);
  if (call->other != NULL)
    assert_goes (g_steal_pointer (&call->other));
  assert_goes (g_steal_pointer (&call->pair.client));
  test_pair_clear (&call->pair);
}

/* What the calls need and leave */

static LIODevice *
get_device (Call *call)
{
  return L_IO_DEVICE (call->client);
}

static void
send_line (Call *call)
{
  test_write (call->pair.peer, "a line\n");
}

/* A cancelled read takes nothing with it. */
static void
verify_reading (Call *call)
{
  g_autofree char *text = NULL;

  send_line (call);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (get_device (call)) == 7);
  text = test_read (call->client);
  g_assert_cmpstr (text, ==, "a line\n");
  g_assert_cmpint (l_socket_get_state (call->client), ==, L_SOCKET_STATE_CONNECTED);
}

static void
verify_connected (Call *call)
{
  g_assert_cmpint (l_socket_get_state (call->client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_false (g_output_stream_has_pending (call->output));
  g_assert_false (g_input_stream_has_pending (call->input));
  g_assert_false (g_io_stream_has_pending (G_IO_STREAM (call->client)));
}

static void
verify_closed (Call *call)
{
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (call->client)));
  /* In its own context, if that is another one. */
  TEST_TURN_UNTIL (l_socket_get_state (call->client) == L_SOCKET_STATE_UNCONNECTED);
}

/* The system takes no more. */
static void
prepare_blocked (Call *call)
{
  static const char data[64 * 1024];
  gssize n;

  l_io_device_set_read_buffer_size (L_IO_DEVICE (call->pair.peer), 1);
  test_turn_all ();
  do
    {
      n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (call->output), data, sizeof data, NULL,
                                                      NULL);
      test_turn_all ();
    }
  while (n > 0);
}

static void
prepare_queued (Call *call)
{
  l_io_device_set_read_buffer_size (L_IO_DEVICE (call->pair.peer), 1);
  test_write_large (call->client);
  test_turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_to_write (get_device (call)), >, 0);
}

static void
complete_by_taking (Call *call)
{
  l_io_device_set_read_buffer_size (L_IO_DEVICE (call->pair.peer), 0);
}

/* Reading */

static void
start_read (Call *call)
{
  g_input_stream_read_async (call->input, call->buffer, sizeof call->buffer, 0, call->cancellable, on_result, call);
}

static gboolean
finish_read (Call          *call,
             GAsyncResult  *result,
             GError       **error)
{
  return g_input_stream_read_finish (call->input, result, error) == 7;
}

static void
start_read_all (Call *call)
{
  g_input_stream_read_all_async (call->input, call->buffer, 7, 0, call->cancellable, on_result, call);
}

static gboolean
finish_read_all (Call          *call,
                 GAsyncResult  *result,
                 GError       **error)
{
  gsize n_read;

  return g_input_stream_read_all_finish (call->input, result, &n_read, error) && n_read == 7;
}

static void
start_skip (Call *call)
{
  g_input_stream_skip_async (call->input, 7, 0, call->cancellable, on_result, call);
}

static gboolean
finish_skip (Call          *call,
             GAsyncResult  *result,
             GError       **error)
{
  return g_input_stream_skip_finish (call->input, result, error) == 7;
}

static void
start_stream_bytes (Call *call)
{
  g_input_stream_read_bytes_async (call->input, 7, 0, call->cancellable, on_result, call);
}

static gboolean
finish_stream_bytes (Call          *call,
                     GAsyncResult  *result,
                     GError       **error)
{
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (call->input, result, error);

  return bytes != NULL && g_bytes_get_size (bytes) == 7;
}

static void
start_line (Call *call)
{
  l_io_device_read_line_async (get_device (call), 0, call->cancellable, on_result, call);
}

static gboolean
finish_line (Call          *call,
             GAsyncResult  *result,
             GError       **error)
{
  g_autofree char *line = l_io_device_read_line_finish (get_device (call), result, NULL, error);

  return g_strcmp0 (line, "a line\n") == 0;
}

static void
start_bytes (Call *call)
{
  l_io_device_read_bytes_async (get_device (call), 7, call->cancellable, on_result, call);
}

static gboolean
finish_bytes (Call          *call,
              GAsyncResult  *result,
              GError       **error)
{
  g_autoptr(GBytes) bytes = l_io_device_read_bytes_finish (get_device (call), result, error);

  return bytes != NULL && g_bytes_get_size (bytes) == 7;
}

static void
prepare_data (Call *call)
{
  call->data = g_data_input_stream_new (call->input);
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (call->data), FALSE);
}

static void
start_data_line (Call *call)
{
  g_data_input_stream_read_line_async (call->data, 0, call->cancellable, on_result, call);
}

static gboolean
finish_data_line (Call          *call,
                  GAsyncResult  *result,
                  GError       **error)
{
  g_autofree char *line = g_data_input_stream_read_line_finish (call->data, result, NULL, error);

  return g_strcmp0 (line, "a line") == 0;
}

static void
prepare_splice_from (Call *call)
{
  call->memory_out = g_memory_output_stream_new_resizable ();
}

static void
start_splice_from (Call *call)
{
  g_output_stream_splice_async (call->memory_out, call->input, G_OUTPUT_STREAM_SPLICE_NONE, 0, call->cancellable,
                                on_result, call);
}

static gboolean
finish_splice_from (Call          *call,
                    GAsyncResult  *result,
                    GError       **error)
{
  return g_output_stream_splice_finish (call->memory_out, result, error) == 7;
}

static void
complete_splice_from (Call *call)
{
  send_line (call);
  l_socket_disconnect_from_server (call->pair.peer);
}

/* Writing */

static void
start_write (Call *call)
{
  g_output_stream_write_async (call->output, "x", 1, 0, call->cancellable, on_result, call);
}

static gboolean
finish_write (Call          *call,
              GAsyncResult  *result,
              GError       **error)
{
  return g_output_stream_write_finish (call->output, result, error) == 1;
}

static void
start_write_all (Call *call)
{
  g_output_stream_write_all_async (call->output, "a line\n", 7, 0, call->cancellable, on_result, call);
}

static gboolean
finish_write_all (Call          *call,
                  GAsyncResult  *result,
                  GError       **error)
{
  return g_output_stream_write_all_finish (call->output, result, NULL, error);
}

static void
start_writev_all (Call *call)
{
  static GOutputVector vectors[2];

  vectors[0] = (GOutputVector) { "a li", 4 };
  vectors[1] = (GOutputVector) { "ne\n", 3 };
  g_output_stream_writev_all_async (call->output, vectors, 2, 0, call->cancellable, on_result, call);
}

static gboolean
finish_writev_all (Call          *call,
                   GAsyncResult  *result,
                   GError       **error)
{
  return g_output_stream_writev_all_finish (call->output, result, NULL, error);
}

static void
start_flush (Call *call)
{
  g_output_stream_flush_async (call->output, 0, call->cancellable, on_result, call);
}

static gboolean
finish_flush (Call          *call,
              GAsyncResult  *result,
              GError       **error)
{
  return g_output_stream_flush_finish (call->output, result, error);
}

static void
prepare_splice_to (Call *call)
{
  prepare_blocked (call);
  call->memory_in = g_memory_input_stream_new_from_data ("a line\n", 7, NULL);
}

static void
start_splice_to (Call *call)
{
  g_output_stream_splice_async (call->output, call->memory_in, G_OUTPUT_STREAM_SPLICE_NONE, 0, call->cancellable,
                                on_result, call);
}

static gboolean
finish_splice_to (Call          *call,
                  GAsyncResult  *result,
                  GError       **error)
{
  return g_output_stream_splice_finish (call->output, result, error) == 7;
}

/* Ending */

static void
start_close (Call *call)
{
  g_io_stream_close_async (G_IO_STREAM (call->client), 0, call->cancellable, on_result, call);
}

static gboolean
finish_close (Call          *call,
              GAsyncResult  *result,
              GError       **error)
{
  return g_io_stream_close_finish (G_IO_STREAM (call->client), result, error);
}

static void
start_close_output (Call *call)
{
  g_output_stream_close_async (call->output, 0, call->cancellable, on_result, call);
}

static gboolean
finish_close_output (Call          *call,
                     GAsyncResult  *result,
                     GError       **error)
{
  return g_output_stream_close_finish (call->output, result, error);
}

static void
verify_output_closed (Call *call)
{
  g_assert_true (g_output_stream_is_closed (call->output));
  g_assert_cmpint (l_socket_get_state (call->client), ==, L_SOCKET_STATE_CONNECTED);
}

static void
start_disconnect (Call *call)
{
  l_socket_disconnect_from_server_async (call->client, call->cancellable, on_result, call);
}

static gboolean
finish_disconnect (Call          *call,
                   GAsyncResult  *result,
                   GError       **error)
{
  return l_socket_disconnect_from_server_finish (call->client, result, error);
}

/* The waiting is cancelled, not the disconnecting. */
static void
verify_disconnect (Call *call)
{
  if (l_socket_get_state (call->client) == L_SOCKET_STATE_CONNECTED)
    return;

  g_assert_cmpint (l_socket_get_state (call->client), ==, L_SOCKET_STATE_CLOSING);
  complete_by_taking (call);
  TEST_TURN_UNTIL (l_socket_get_state (call->client) == L_SOCKET_STATE_UNCONNECTED);
}

/* Beginning */

static void
prepare_connect (Call *call)
{
  g_autofree char *path = test_build_path ("crowded");

  call->listener = test_raw_listen (path, 1);
  call->backlog = test_raw_fill_backlog (path);
  call->other = l_socket_new ();
}

static void
start_connect (Call *call)
{
  l_socket_connect_to_server_async (call->other, "crowded", L_OPEN_MODE_READ_WRITE, call->cancellable, on_result, call);
}

static gboolean
finish_connect (Call          *call,
                GAsyncResult  *result,
                GError       **error)
{
  return l_socket_connect_to_server_finish (call->other, result, error);
}

static void
complete_connect (Call *call)
{
  test_raw_close (test_raw_accept (call->listener));
}

static void
verify_unconnected (Call *call)
{
  g_assert_cmpint (l_socket_get_state (call->other), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (call->other), ==, L_SOCKET_ERROR_UNKNOWN);
  l_socket_connect_to_server (call->other, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (call->other), ==, L_SOCKET_STATE_CONNECTED);
}

static void
start_accept (Call *call)
{
  l_server_accept_async (call->pair.server, call->cancellable, on_result, call);
}

static gboolean
finish_accept (Call          *call,
               GAsyncResult  *result,
               GError       **error)
{
  g_autoptr(LSocket) accepted = l_server_accept_finish (call->pair.server, result, error);

  return accepted != NULL;
}

static void
complete_accept (Call *call)
{
  call->other = l_socket_new ();
  l_socket_connect_to_server (call->other, "market", L_OPEN_MODE_READ_WRITE);
}

/* The next connection goes its ordinary way. */
static void
verify_accept (Call *call)
{
  call->other = test_connect (call->pair.server, &call->other_peer);
}

/* A proxy */

static void
prepare_proxy (Call *call)
{
  call->other = test_connect (call->pair.server, &call->other_peer);
}

static void
start_proxy (Call *call)
{
  g_io_stream_splice_async (G_IO_STREAM (call->client), G_IO_STREAM (call->other), G_IO_STREAM_SPLICE_NONE, 0,
                            call->cancellable, on_result, call);
}

static gboolean
finish_proxy (Call          *call,
              GAsyncResult  *result,
              GError       **error)
{
  return g_io_stream_splice_finish (result, error);
}

static void
complete_proxy (Call *call)
{
  l_socket_disconnect_from_server (call->other_peer);
}

static const Kind kinds[] = {
  { "read", 1, NULL, start_read, finish_read, send_line, verify_reading },
  { "read-all", 2, NULL, start_read_all, finish_read_all, send_line, verify_reading },
  { "skip", 2, NULL, start_skip, finish_skip, send_line, verify_reading },
  { "stream-bytes", 2, NULL, start_stream_bytes, finish_stream_bytes, send_line, verify_reading },
  { "line", 1, NULL, start_line, finish_line, send_line, verify_reading },
  { "bytes", 1, NULL, start_bytes, finish_bytes, send_line, verify_reading },
  { "data-line", 3, prepare_data, start_data_line, finish_data_line, send_line, verify_reading },
  { "splice-from", 2, prepare_splice_from, start_splice_from, finish_splice_from, complete_splice_from,
    verify_reading },
  { "write", 2, prepare_blocked, start_write, finish_write, complete_by_taking, verify_connected },
  { "write-all", 3, prepare_blocked, start_write_all, finish_write_all, complete_by_taking, verify_connected },
  { "writev-all", 3, prepare_blocked, start_writev_all, finish_writev_all, complete_by_taking, verify_connected },
  { "flush", 2, prepare_queued, start_flush, finish_flush, complete_by_taking, verify_connected },
  { "splice-to", 3, prepare_splice_to, start_splice_to, finish_splice_to, complete_by_taking, verify_connected },
  { "close", 2, prepare_queued, start_close, finish_close, complete_by_taking, verify_closed },
  { "close-output", 3, prepare_queued, start_close_output, finish_close_output, complete_by_taking,
    verify_output_closed },
  { "disconnect", 1, prepare_queued, start_disconnect, finish_disconnect, complete_by_taking, verify_disconnect },
  { "connect", 1, prepare_connect, start_connect, finish_connect, complete_connect, verify_unconnected },
  { "accept", 1, NULL, start_accept, finish_accept, complete_accept, verify_accept },
  { "proxy", 3, prepare_proxy, start_proxy, finish_proxy, complete_proxy, verify_connected },
};

/* The phases */

static void
turn_until_cancelled (Call *call)
{
  /* A turn each to notice, and one each for GTask, which calls nobody back within the turn of a cancellation. */
  for (guint i = 0; i < 2 * call->kind->n_tasks && call->result == NULL; i++)
    g_main_context_iteration (NULL, FALSE);

  call_assert_cancelled (call);
}

static void
test_before (gconstpointer kind)
{
  Call call;

  call_init (&call, kind);
  g_cancellable_cancel (call.cancellable);
  call_start (&call);
  turn_until_cancelled (&call);
  call.kind->verify (&call);
  call_clear (&call);
}

static void
test_started (gconstpointer kind)
{
  Call call;

  g_test_summary ("Before any turn");

  call_init (&call, kind);
  call_start (&call);
  g_cancellable_cancel (call.cancellable);
  g_assert_null (call.result);
  turn_until_cancelled (&call);
  call.kind->verify (&call);
  call_clear (&call);
}

static void
test_waiting (gconstpointer kind)
{
  Call call;

  call_init (&call, kind);
  call_start (&call);
  test_turn_all ();
  g_assert_null (call.result);
  g_cancellable_cancel (call.cancellable);
  turn_until_cancelled (&call);
  call.kind->verify (&call);
  call_clear (&call);
}

static gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_from_thread (gconstpointer kind)
{
  GThread *thread;
  Call call;

  g_test_summary ("Another thread cancels, and the loop wakes up for it");

  call_init (&call, kind);
  call_start (&call);
  test_turn_all ();
  g_assert_null (call.result);
  thread = g_thread_new ("canceller", cancel_in_thread, call.cancellable);
  while (call.result == NULL)
    g_main_context_iteration (NULL, TRUE);
  call_assert_cancelled (&call);
  g_thread_join (thread);
  call.kind->verify (&call);
  call_clear (&call);
}

static void
test_on_its_way (gconstpointer kind)
{
  g_autoptr(GError) error = NULL;
  Call call;

  g_test_summary ("With what it waits for already there: it ends once, with one or the other");

  call_init (&call, kind);
  call_start (&call);
  test_turn_all ();
  g_assert_null (call.result);
  call.kind->complete (&call);
  g_cancellable_cancel (call.cancellable);
  TEST_TURN_UNTIL (call.result != NULL);
  if (!call.kind->finish (&call, call.result, &error))
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  call_clear (&call);
}

static void
test_completed (gconstpointer kind)
{
  Call call;

  g_test_summary ("Too late: nothing changes");

  call_init (&call, kind);
  call_start (&call);
  test_turn_all ();
  g_assert_null (call.result);
  call.kind->complete (&call);
  call_assert_done (&call);
  g_cancellable_cancel (call.cancellable);
  call_clear (&call);
}

static void
test_other_context (gconstpointer kind)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  Call call;

  g_test_summary ("Started, cancelled and called back in another context of the thread");

  call_init (&call, kind);
  g_main_context_push_thread_default (context);
  call_start (&call);
  g_main_context_pop_thread_default (context);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_assert_null (call.result);
  g_cancellable_cancel (call.cancellable);
  while (call.result == NULL)
    g_main_context_iteration (context, TRUE);
  call_assert_cancelled (&call);
  call.kind->verify (&call);
  call_clear (&call);
}

static void
add_all (const char    *phase,
         GTestDataFunc  func)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cancel/%s/%s", kinds[i].name, phase);

      test_add_data (path, &kinds[i], func);
    }
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  add_all ("before", test_before);
  add_all ("started", test_started);
  add_all ("waiting", test_waiting);
  add_all ("from-thread", test_from_thread);
  add_all ("other-context", test_other_context);
  add_all ("on-its-way", test_on_its_way);
  add_all ("completed", test_completed);

  return test_run ();
}
