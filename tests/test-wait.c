/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <string.h>

/* The waiting functions, in every state. Each case runs twice: in the main thread, whose context nobody turns, and in a
 * thread without a context of its own while the main thread turns the default one, so that the socket joins no reactor. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

/* What is not to be waited for, and what is. */
#define LONG (TEST_PATIENCE * 1000)
#define SHORT 60

typedef struct
{
  char      *path;
  TestRaw    listener;
  GArray    *fillers; /* (nullable): of the backlog */
  LSocket   *socket;
  TestTrace *trace;
  TestRaw    raw;
  GThread   *thread;
  gint64     begin;
  gint64     cpu;
} Link;

typedef void (* Body) (Link *link);

static LIODevice *
get_device (Link *link)
{
  return L_IO_DEVICE (link->socket);
}

static void
connect_link (Link *link)
{
  l_socket_connect_to_server (link->socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (link->socket), ==, L_SOCKET_STATE_CONNECTED);
  link->raw = test_raw_accept (link->listener);
  test_trace_clear (link->trace);
}

/* In CONNECTING, because the backlog is full. */
static void
begin_connecting (Link *link)
{
  test_raw_close (link->listener);
  link->listener = test_raw_listen (link->path, 0);
  link->fillers = test_raw_fill_backlog (link->path);
  l_socket_connect_to_server (link->socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (link->socket), ==, L_SOCKET_STATE_CONNECTING);
  test_trace_clear (link->trace);
}

/* In CLOSING, because nobody reads. */
static void
begin_closing (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  l_socket_disconnect_from_server (link->socket);
  g_assert_cmpint (l_socket_get_state (link->socket), ==, L_SOCKET_STATE_CLOSING);
  test_trace_clear (link->trace);
}

static void
close_raw (Link *link)
{
  test_raw_close (link->raw);
  link->raw = -1;
}

/* What a helper thread does at the other end while a wait goes on. */

static gpointer
accept_all (gpointer data)
{
  Link *link = data;

  for (guint i = 0; i < link->fillers->len; i++)
    test_raw_close (test_raw_accept (link->listener));
  link->raw = test_raw_accept (link->listener);

  return NULL;
}

static gpointer
accept_all_and_greet (gpointer data)
{
  accept_all (data);
  test_raw_write (((Link *) data)->raw, "hello");

  return NULL;
}

static gpointer
accept_all_and_hang_up (gpointer data)
{
  accept_all (data);
  close_raw (data);

  return NULL;
}

static gpointer
greet (gpointer data)
{
  test_raw_write (((Link *) data)->raw, "hello");
  return NULL;
}

static gpointer
hang_up (gpointer data)
{
  close_raw (data);
  return NULL;
}

/* Five bytes there and back. */
static gpointer
echo (gpointer data)
{
  char text[6] = "";

  g_assert_cmpint (test_raw_receive (((Link *) data)->raw, text, 5), ==, 5);
  test_raw_write (((Link *) data)->raw, text);
  return NULL;
}

static gpointer
read_to_end (gpointer data)
{
  g_autofree char *buffer = g_malloc (65536);
  gsize count = 0;
  gssize n;

  while ((n = test_raw_receive (((Link *) data)->raw, buffer, 65536)) > 0)
    count += n;

  return GSIZE_TO_POINTER (count);
}

static gpointer
read_large_and_hang_up (gpointer data)
{
  g_autofree char *buffer = g_malloc (65536);
  gsize count = 0;

  while (count < TEST_LARGE)
    {
      gssize n = test_raw_receive (((Link *) data)->raw, buffer, 65536);

      g_assert_cmpint (n, >, 0);
      count += n;
    }
  close_raw (data);

  return NULL;
}

static void
help (Link        *link,
      GThreadFunc  func)
{
  link->thread = g_thread_new ("peer", func, link);
}

static gsize
join (Link *link)
{
  return GPOINTER_TO_SIZE (g_thread_join (g_steal_pointer (&link->thread)));
}

/* How long it took. */

static void
begin (Link *link)
{
  link->begin = g_get_monotonic_time ();
  link->cpu = test_get_cpu_time ();
}

static gboolean
assert_at_once (Link     *link,
                gboolean  result)
{
  g_assert_cmpint (g_get_monotonic_time () - link->begin, <, LONG / 2 * 1000);
  return result;
}

#define AT_ONCE(link, wait) (begin (link), assert_at_once (link, wait))

/* At the deadline: FALSE, TIMEOUT as a property and not as a signal, nothing closed, no processor time. */
static void
assert_timed_out (Link         *link,
                  gboolean      result,
                  LSocketState  state)
{
  gint64 elapsed = g_get_monotonic_time () - link->begin;

  g_assert_false (result);
  g_assert_cmpint (elapsed, >=, SHORT * 1000);
  g_assert_cmpint (elapsed, <, (SHORT + LONG / 2) * 1000);
  if (!test_is_on_valgrind ())
    g_assert_cmpint (test_get_cpu_time () - link->cpu, <, 30000);
  g_assert_cmpint (l_socket_get_error (link->socket), ==, L_SOCKET_ERROR_TIMEOUT);
  g_assert_nonnull (l_io_device_get_error_string (get_device (link)));
  g_assert_false (test_trace_has (link->trace, "error(timeout)"));
  g_assert_cmpint (l_socket_get_state (link->socket), ==, state);
}

#define TIMES_OUT(link, wait, state)        \
  G_STMT_START                              \
    {                                       \
      begin (link);                         \
      assert_timed_out (link, wait, state); \
    }                                       \
  G_STMT_END

#define REMOTE_CLOSE                                                                            \
  "error(peer-closed) state-changed(closing) state-changed(unconnected) read-channel-finished " \
  "disconnected"

static void
assert_gone (Link *link)
{
  g_autofree char *expected = g_strdup_printf ("error(%s) state-changed(unconnected)", test_get_gone_error ());

  test_trace_assert (link->trace, expected);
}

/* wait_for_connected() */

static void
connected_unconnected (Link *link)
{
  g_assert_false (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  g_assert_cmpint (l_socket_get_error (link->socket), ==, L_SOCKET_ERROR_UNKNOWN);
}

static void
connected_connected (Link *link)
{
  connect_link (link);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  g_assert_true (l_socket_wait_for_connected (link->socket, 0));
  g_assert_true (l_socket_wait_for_connected (link->socket, -1));
  test_trace_assert (link->trace, "");
}

static void
connected_closing (Link *link)
{
  begin_closing (link);
  g_assert_false (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  test_trace_assert (link->trace, "");
}

static void
connected_connecting (Link *link)
{
  begin_connecting (link);
  help (link, accept_all);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_connected (link->socket, -1)));
  join (link);
  test_trace_assert (link->trace, "state-changed(connected) connected");
}

static void
connected_deadline (Link *link)
{
  begin_connecting (link);
  TIMES_OUT (link, l_socket_wait_for_connected (link->socket, SHORT), L_SOCKET_STATE_CONNECTING);
  g_assert_false (l_socket_wait_for_connected (link->socket, 0));
  test_trace_assert (link->trace, "");

  /* The attempt goes on. */
  help (link, accept_all);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  join (link);
}

static void
connected_connect_timeout (Link *link)
{
  l_socket_set_connect_timeout (link->socket, SHORT);
  begin (link);
  begin_connecting (link);
  g_assert_false (assert_at_once (link, l_socket_wait_for_connected (link->socket, LONG)));
  test_trace_assert (link->trace, "error(timeout) state-changed(unconnected)");
}

static void
connected_refused (Link *link)
{
  begin_connecting (link);
  test_raw_close (link->listener);
  link->listener = -1;
  g_assert_false (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  assert_gone (link);
}

static void
abort_on_connected (TestTrace  *trace,
                    const char *event,
                    gpointer    unused)
{
  if (g_str_equal (event, "connected"))
    l_socket_abort (L_SOCKET (trace->object));
}

static void
connected_aborted (Link *link)
{
  begin_connecting (link);
  test_trace_set_func (link->trace, abort_on_connected, NULL);
  help (link, accept_all);
  g_assert_false (AT_ONCE (link, l_socket_wait_for_connected (link->socket, LONG)));
  join (link);
}

/* wait_for_ready_read() */

static void
ready_read_unconnected (Link *link)
{
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
}

static void
ready_read_closing (Link *link)
{
  begin_closing (link);
  test_raw_write (link->raw, "hello");
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  test_trace_assert (link->trace, "");
}

static void
ready_read_write_only (Link *link)
{
  l_socket_connect_to_server (link->socket, "market", L_OPEN_MODE_WRITE_ONLY);
  link->raw = test_raw_accept (link->listener);
  test_raw_write (link->raw, "hello");
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
}

static void
ready_read_half_open (Link *link)
{
  l_socket_set_half_open (link->socket, TRUE);
  connect_link (link);
  test_raw_write (link->raw, "hello");
  test_raw_shut_down_write (link->raw);
  g_assert_true (l_io_device_wait_for_ready_read (get_device (link), LONG));
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  test_trace_assert (link->trace, "ready-read read-channel-finished");
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
}

/* Bytes that were buffered already are no new ones. */
static void
ready_read_new_bytes (Link *link)
{
  connect_link (link);
  test_raw_write (link->raw, "hello");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  test_trace_assert (link->trace, "ready-read");
  TIMES_OUT (link, l_io_device_wait_for_ready_read (get_device (link), SHORT), L_SOCKET_STATE_CONNECTED);
  test_trace_assert (link->trace, "");

  help (link, greet);
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), -1)));
  join (link);
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 10);
}

static void
ready_read_zero (Link *link)
{
  connect_link (link);
  g_assert_false (l_io_device_wait_for_ready_read (get_device (link), 0));
  test_raw_write (link->raw, "hello");
  g_assert_true (l_io_device_wait_for_ready_read (get_device (link), 0));
}

/* The peer answers only what it was sent. */
static void
ready_read_sends (Link *link)
{
  g_autofree char *text = NULL;

  connect_link (link);
  help (link, echo);
  test_write (link->socket, "hello");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, "bytes-written(5) ready-read");
  text = test_read (link->socket);
  g_assert_cmpstr (text, ==, "hello");
}

static void
ready_read_connecting (Link *link)
{
  begin_connecting (link);
  help (link, accept_all_and_greet);
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, "state-changed(connected) connected ready-read");
}

static void
ready_read_connecting_deadline (Link *link)
{
  begin_connecting (link);
  TIMES_OUT (link, l_io_device_wait_for_ready_read (get_device (link), SHORT), L_SOCKET_STATE_CONNECTING);
  test_trace_assert (link->trace, "");
}

/* One deadline for both. */
static void
ready_read_connecting_silent (Link *link)
{
  begin_connecting (link);
  help (link, accept_all);
  TIMES_OUT (link, l_io_device_wait_for_ready_read (get_device (link), 4 * SHORT), L_SOCKET_STATE_CONNECTED);
  join (link);
}

static void
ready_read_connecting_fails (Link *link)
{
  begin_connecting (link);
  test_raw_close (link->listener);
  link->listener = -1;
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  assert_gone (link);
}

static void
ready_read_hang_up (Link *link)
{
  connect_link (link);
  help (link, hang_up);
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, REMOTE_CLOSE);
  g_assert_cmpint (l_socket_get_error (link->socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
}

static void
ready_read_last_words (Link *link)
{
  g_autofree char *text = NULL;

  connect_link (link);
  test_raw_write (link->raw, "hello");
  close_raw (link);
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  test_trace_assert (link->trace, "ready-read " REMOTE_CLOSE);
  text = test_read (link->socket);
  g_assert_cmpstr (text, ==, "hello");
}

static void
ready_read_full_buffer (Link *link)
{
  char text[5] = "";

  l_io_device_set_read_buffer_size (get_device (link), 4);
  connect_link (link);
  test_raw_write (link->raw, "abcdefgh");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  TIMES_OUT (link, l_io_device_wait_for_ready_read (get_device (link), 4 * SHORT), L_SOCKET_STATE_CONNECTED);
  g_assert_cmpint (l_io_device_read (get_device (link), text, 4, NULL), ==, 4);
  g_assert_cmpstr (text, ==, "abcd");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 4);
  test_trace_assert (link->trace, "ready-read ready-read");
}

static void
ready_read_full_buffer_hang_up (Link *link)
{
  l_io_device_set_read_buffer_size (get_device (link), 4);
  connect_link (link);
  test_raw_write (link->raw, "abcdefgh");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  test_trace_clear (link->trace);
  help (link, hang_up);
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, "ready-read " REMOTE_CLOSE);
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 8);
}

/* wait_for_bytes_written() */

static void
bytes_written_unconnected (Link *link)
{
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
}

static void
bytes_written_nothing (Link *link)
{
  connect_link (link);
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  test_write (link->socket, "hello");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  test_trace_assert (link->trace, "bytes-written(5)");
}

/* What write() itself handed over is reported here too. */
static void
bytes_written_unbuffered (Link *link)
{
  l_socket_connect_to_server (link->socket, "market", READ_WRITE | L_OPEN_MODE_UNBUFFERED);
  link->raw = test_raw_accept (link->listener);
  test_trace_clear (link->trace);
  test_write (link->socket, "hello");
  g_assert_cmpuint (l_io_device_get_bytes_to_write (get_device (link)), ==, 0);
  test_trace_assert (link->trace, "");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  test_trace_assert (link->trace, "bytes-written(5)");
}

static void
bytes_written_large (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  begin (link);
  g_assert_true (l_io_device_wait_for_bytes_written (get_device (link), LONG));
  g_assert_cmpuint (l_io_device_get_bytes_to_write (get_device (link)), >, 0);

  help (link, read_large_and_hang_up);
  while (l_io_device_get_bytes_to_write (get_device (link)) > 0)
    g_assert_true (l_io_device_wait_for_bytes_written (get_device (link), LONG));
  join (link);
}

static void
bytes_written_deadline (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  while (l_io_device_wait_for_bytes_written (get_device (link), 0))
    ;
  TIMES_OUT (link, l_io_device_wait_for_bytes_written (get_device (link), SHORT), L_SOCKET_STATE_CONNECTED);
}

static void
bytes_written_closing (Link *link)
{
  begin_closing (link);
  help (link, read_to_end);
  begin (link);
  while (l_socket_get_state (link->socket) == L_SOCKET_STATE_CLOSING)
    l_io_device_wait_for_bytes_written (get_device (link), LONG);
  assert_at_once (link, TRUE);
  g_assert_cmpuint (join (link), ==, TEST_LARGE);
}

static void
bytes_written_connecting (Link *link)
{
  begin_connecting (link);
  test_write (link->socket, "hello");
  help (link, accept_all);
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, "state-changed(connected) connected bytes-written(5)");
}

static void
bytes_written_connecting_nothing (Link *link)
{
  begin_connecting (link);
  help (link, accept_all);
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, "state-changed(connected) connected");
}

static void
bytes_written_hang_up (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  while (l_io_device_wait_for_bytes_written (get_device (link), 0))
    ;
  test_trace_clear (link->trace);
  help (link, hang_up);
  g_assert_false (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  join (link);
  test_trace_assert (link->trace, REMOTE_CLOSE);
}

/* What arrives meanwhile is received. */
static void
bytes_written_receives (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  while (l_io_device_wait_for_bytes_written (get_device (link), 0))
    ;
  test_trace_clear (link->trace);
  test_raw_write (link->raw, "hello");
  TIMES_OUT (link, l_io_device_wait_for_bytes_written (get_device (link), SHORT), L_SOCKET_STATE_CONNECTED);
  test_trace_assert (link->trace, "ready-read");
}

/* wait_for_disconnected() */

static void
disconnected_unconnected (Link *link)
{
  g_assert_false (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
}

static void
disconnected_deadline (Link *link)
{
  connect_link (link);
  TIMES_OUT (link, l_socket_wait_for_disconnected (link->socket, SHORT), L_SOCKET_STATE_CONNECTED);
  test_trace_assert (link->trace, "");
}

static void
disconnected_hang_up (Link *link)
{
  connect_link (link);
  help (link, hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, -1)));
  join (link);
  test_trace_assert (link->trace, REMOTE_CLOSE);
  g_assert_false (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
}

/* The peer goes once it has everything. */
static void
disconnected_sends (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  help (link, read_large_and_hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  join (link);
}

static void
disconnected_closing (Link *link)
{
  begin_closing (link);
  help (link, read_to_end);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  g_assert_cmpuint (join (link), ==, TEST_LARGE);
}

static void
disconnected_closing_deadline (Link *link)
{
  begin_closing (link);
  TIMES_OUT (link, l_socket_wait_for_disconnected (link->socket, SHORT), L_SOCKET_STATE_CLOSING);
}

static void
disconnected_full_buffer (Link *link)
{
  l_io_device_set_read_buffer_size (get_device (link), 4);
  connect_link (link);
  test_raw_write (link->raw, "abcdefgh");
  TIMES_OUT (link, l_socket_wait_for_disconnected (link->socket, 4 * SHORT), L_SOCKET_STATE_CONNECTED);
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 4);
  help (link, hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  join (link);
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 8);
}

static void
disconnected_connecting (Link *link)
{
  begin_connecting (link);
  help (link, accept_all_and_hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  join (link);
  test_trace_assert (link->trace, "state-changed(connected) connected " REMOTE_CLOSE);
}

static void
disconnected_connecting_deadline (Link *link)
{
  begin_connecting (link);
  TIMES_OUT (link, l_socket_wait_for_disconnected (link->socket, SHORT), L_SOCKET_STATE_CONNECTING);
}

static void
disconnected_connecting_fails (Link *link)
{
  begin_connecting (link);
  test_raw_close (link->listener);
  link->listener = -1;
  g_assert_false (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
}

static void
disconnected_half_open (Link *link)
{
  l_socket_set_half_open (link->socket, TRUE);
  connect_link (link);
  test_raw_shut_down_write (link->raw);
  TIMES_OUT (link, l_socket_wait_for_disconnected (link->socket, 4 * SHORT), L_SOCKET_STATE_CONNECTED);
  test_trace_assert (link->trace, "read-channel-finished");
  help (link, hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  join (link);
}

static void
disconnected_shut_down (Link *link)
{
  connect_link (link);
  test_write_large (link->socket);
  g_assert_true (l_socket_shutdown_write (link->socket, NULL));
  test_trace_clear (link->trace);
  help (link, read_large_and_hang_up);
  g_assert_true (AT_ONCE (link, l_socket_wait_for_disconnected (link->socket, LONG)));
  join (link);
  g_assert_false (test_trace_has (link->trace, "error(peer-closed)"));
}

/* Waiting in handlers */

typedef struct
{
  const char *event;
  gboolean (* wait)  (Link *link);
  Link       *link;
  gboolean    result;
  guint       n_calls;
} Nested;

static void
wait_in_handler (TestTrace  *trace,
                 const char *event,
                 gpointer    user_data)
{
  Nested *nested = user_data;

  if (!g_str_has_prefix (event, nested->event) || nested->n_calls > 0)
    return;

  nested->n_calls++;
  nested->result = nested->wait (nested->link);
}

static void
nest (Link       *link,
      Nested     *nested,
      const char *event,
      gboolean (* wait) (Link *))
{
  *nested = (Nested) { event, wait, link, FALSE, 0 };
  test_trace_set_func (link->trace, wait_in_handler, nested);
}

static gboolean
wait_connected (Link *link)
{
  return l_socket_wait_for_connected (link->socket, LONG);
}

static gboolean
wait_ready_read (Link *link)
{
  return l_io_device_wait_for_ready_read (get_device (link), LONG);
}

static gboolean
greet_and_wait (Link *link)
{
  test_raw_write (link->raw, "again");
  return wait_ready_read (link);
}

static gboolean
wait_disconnected (Link *link)
{
  return l_socket_wait_for_disconnected (link->socket, LONG);
}

static gboolean
end_and_wait (Link *link)
{
  test_raw_write (link->raw, "last");
  close_raw (link);
  return wait_disconnected (link);
}

static gboolean
write_and_wait (Link *link)
{
  test_write (link->socket, "more");
  return l_io_device_wait_for_bytes_written (get_device (link), LONG);
}

/* Nothing was tried yet, and the name may be a bad one. */
static void
nested_connecting (Link *link)
{
  Nested nested;

  nest (link, &nested, "state-changed(connecting)", wait_connected);
  begin (link);
  l_socket_connect_to_server (link->socket, "market", READ_WRITE);
  g_assert_true (assert_at_once (link, nested.result));
  test_trace_assert (link->trace, "state-changed(connecting) state-changed(connected) connected");
}

static void
nested_connecting_fails (Link *link)
{
  Nested nested;

  nest (link, &nested, "state-changed(connecting)", wait_connected);
  begin (link);
  l_socket_connect_to_server (link->socket, "a/b", READ_WRITE);
  g_assert_false (assert_at_once (link, nested.result));
  test_trace_assert (link->trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
}

/* The attempt has failed already. */
static void
nested_connect_error (Link *link)
{
  Nested nested;

  nest (link, &nested, "error", wait_connected);
  begin (link);
  l_socket_connect_to_server (link->socket, "nobody", READ_WRITE);
  g_assert_cmpuint (nested.n_calls, ==, 1);
  g_assert_false (assert_at_once (link, nested.result));
  test_trace_assert (link->trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
}

/* It gets its bytes, and no handler runs inside another. */
static void
nested_ready_read (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "ready-read", greet_and_wait);
  test_raw_write (link->raw, "hello");
  g_assert_true (AT_ONCE (link, wait_ready_read (link)));
  g_assert_true (nested.result);
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 10);
}

static void
nested_ready_read_hang_up (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "ready-read", wait_disconnected);
  test_raw_write (link->raw, "hello");
  close_raw (link);
  g_assert_true (AT_ONCE (link, wait_ready_read (link)));
  g_assert_true (nested.result);
  test_trace_assert (link->trace, "ready-read " REMOTE_CLOSE);
}

/* Who reads in the handler alone hears of the last bytes, too. */
static void
nested_last_words (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "ready-read", end_and_wait);
  test_raw_write (link->raw, "hello");
  g_assert_true (AT_ONCE (link, wait_ready_read (link)));
  g_assert_true (nested.result);
  test_trace_assert (link->trace, "ready-read " REMOTE_CLOSE " ready-read");
  g_assert_cmpuint (l_io_device_get_bytes_available (get_device (link)), ==, 9);
}

static void
nested_bytes_written (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "bytes-written", write_and_wait);
  test_write (link->socket, "hello");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_bytes_written (get_device (link), LONG)));
  g_assert_true (nested.result);
  while (l_io_device_wait_for_bytes_written (get_device (link), 0))
    ;
  test_trace_assert (link->trace, "bytes-written(5) bytes-written(4)");
}

/* The end comes, although what was written meanwhile cannot be told to a handler that runs. */
static void
nested_bytes_written_disconnect (Link *link)
{
  Nested nested;

  connect_link (link);
  test_write_large (link->socket);
  help (link, read_to_end);
  nest (link, &nested, "bytes-written", wait_disconnected);
  begin (link);
  l_socket_disconnect_from_server (link->socket);
  g_assert_true (assert_at_once (link, nested.result));
  g_assert_cmpuint (join (link), ==, TEST_LARGE);
}

static void
nested_closing (Link *link)
{
  Nested nested;

  connect_link (link);
  test_write_large (link->socket);
  help (link, read_to_end);
  nest (link, &nested, "state-changed(closing)", wait_disconnected);
  begin (link);
  l_socket_disconnect_from_server (link->socket);
  g_assert_true (assert_at_once (link, nested.result));
  g_assert_cmpuint (join (link), ==, TEST_LARGE);
}

static void
nested_error (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "error", wait_disconnected);
  close_raw (link);
  g_assert_true (AT_ONCE (link, wait_disconnected (link)));
  g_assert_true (nested.result);
  test_trace_assert (link->trace, REMOTE_CLOSE);
}

static void
nested_unconnected (Link *link)
{
  Nested nested;

  connect_link (link);
  nest (link, &nested, "state-changed(unconnected)", wait_disconnected);
  close_raw (link);
  g_assert_true (AT_ONCE (link, wait_disconnected (link)));
  g_assert_cmpuint (nested.n_calls, ==, 1);
  g_assert_false (nested.result);
}

/* The socket goes inside. */
static gboolean
drop (Link *link)
{
  g_clear_object (&link->socket);
  return TRUE;
}

static void
nested_drop (Link *link)
{
  Nested nested;
  LIODevice *device = get_device (link);

  connect_link (link);
  nest (link, &nested, "ready-read", drop);
  test_raw_write (link->raw, "hello");
  g_assert_true (AT_ONCE (link, l_io_device_wait_for_ready_read (device, LONG)));
  g_assert_null (link->trace->object);
}

/* The rest */

static void
count (guint *counter)
{
  ++*counter;
}

static void
timeout_notifies (Link *link)
{
  guint n_notified = 0;

  connect_link (link);
  g_signal_connect_swapped (link->socket, "notify::error", G_CALLBACK (count), &n_notified);
  g_assert_false (l_io_device_wait_for_ready_read (get_device (link), 1));
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_false (l_io_device_wait_for_ready_read (get_device (link), 1));
  g_assert_cmpuint (n_notified, ==, 1);
}

/* Interruptions by the system neither end a wait nor prolong it. */
static void
interrupted (Link *link)
{
  connect_link (link);
  test_begin_interrupting ();
  TIMES_OUT (link, l_io_device_wait_for_ready_read (get_device (link), SHORT), L_SOCKET_STATE_CONNECTED);
  test_end_interrupting ();
}

/* Connecting and closing without a loop. */
static void
sync_calls (Link *link)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (l_socket_connect_to_server_sync (link->socket, "market", READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  link->raw = test_raw_accept (link->listener);
  test_write_large (link->socket);
  help (link, read_to_end);
  g_assert_true (g_io_stream_close (G_IO_STREAM (link->socket), NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (join (link), ==, TEST_LARGE);
}

/* Both ends write more than the system takes and wait for each other. */

static LSocket *
adopt (gpointer raw)
{
  LSocket *socket = l_socket_new ();

  g_assert_true (l_socket_set_socket_descriptor (socket, (TestRaw) raw, L_SOCKET_STATE_CONNECTED, READ_WRITE, NULL));
  return socket;
}

static gpointer
write_large_and_wait (gpointer raw)
{
  LSocket *socket = adopt (raw);
  LIODevice *device = L_IO_DEVICE (socket);

  test_write_large (socket);
  while (l_io_device_get_bytes_to_write (device) > 0)
    g_assert_true (l_io_device_wait_for_bytes_written (device, LONG));
  while (l_io_device_get_bytes_available (device) < TEST_LARGE)
    g_assert_true (l_io_device_wait_for_ready_read (device, LONG));

  /* A pipe may still have to hand on the last of it. */
  l_socket_disconnect_from_server (socket);
  g_assert_true (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED ||
                 l_socket_wait_for_disconnected (socket, LONG));
  g_object_unref (socket);
  return NULL;
}

static gpointer
play_ping_pong (gpointer raw)
{
  LSocket *socket = adopt (raw);
  LIODevice *device = L_IO_DEVICE (socket);

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *line = NULL;

      g_assert_cmpint (l_io_device_write (device, "ping\n", 5, NULL), ==, 5);
      while (!l_io_device_can_read_line (device))
        g_assert_true (l_io_device_wait_for_ready_read (device, LONG));
      line = l_io_device_read_line (device, 0, NULL, NULL);
      g_assert_cmpstr (line, ==, "ping\n");
    }

  /* Whoever is faster waits for the other's last line to be sent. */
  l_socket_disconnect_from_server (socket);
  g_object_unref (socket);
  return NULL;
}

static void
run_both_ends (GThreadFunc func)
{
  GThread *thread;
  TestRaw raws[2];

  test_raw_pair (raws);
  thread = g_thread_new ("other end", func, (gpointer) raws[1]);
  func ((gpointer) raws[0]);
  g_thread_join (thread);
}

static void
both_write (Link *link)
{
  run_both_ends (write_large_and_wait);
}

static void
both_ping_pong (Link *link)
{
  run_both_ends (play_ping_pong);
}

/* Running a case */

static void
run_body (Body body)
{
  Link link = { .path = test_build_path ("market"), .raw = -1 };

  link.listener = test_raw_listen (link.path, 16);
  link.socket = l_socket_new ();
  link.trace = test_trace_new_full (link.socket);

  body (&link);

  g_assert_null (link.thread);
  if (link.fillers != NULL)
    test_raw_close_all (link.fillers);
  if (link.raw >= 0)
    test_raw_close (link.raw);
  if (link.listener >= 0)
    test_raw_close (link.listener);
  test_trace_free (link.trace);
  /* One that is closing holds itself, and without a loop nobody would end that. */
  if (link.socket != NULL)
    {
      l_socket_abort (link.socket);
      g_assert_finalize_object (link.socket);
    }
  g_free (link.path);
}

static gboolean
count_idle (gpointer n_turns)
{
  ++*(guint *) n_turns;
  return G_SOURCE_CONTINUE;
}

/* No wait turns the context. */
static void
run_in_main (gconstpointer body)
{
  guint n_turns = 0;
  guint id = g_idle_add_full (G_PRIORITY_HIGH, count_idle, &n_turns, NULL);

  run_body ((Body) body);
  g_assert_cmpuint (n_turns, ==, 0);
  g_source_remove (id);
}

typedef struct
{
  Body body;
  int  done;
} ThreadCase;

static gpointer
run_thread (gpointer data)
{
  ThreadCase *thread_case = data;

  run_body (thread_case->body);
  g_atomic_int_set (&thread_case->done, TRUE);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
run_in_thread (gconstpointer body)
{
  ThreadCase thread_case = { (Body) body, FALSE };
  GThread *thread;

  g_assert_true (g_main_context_acquire (NULL));
  thread = g_thread_new ("waiting", run_thread, &thread_case);
  while (!g_atomic_int_get (&thread_case.done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  g_main_context_release (NULL);
}

/* Without a reactor nothing happens outside of the waits, whatever the main thread does meanwhile. */

static gboolean
answer (gpointer queue)
{
  g_async_queue_push (queue, queue);
  return G_SOURCE_REMOVE;
}

static void
no_reactor (Link *link)
{
  g_autoptr(GAsyncQueue) queue = g_async_queue_new ();

  connect_link (link);
  test_raw_write (link->raw, "hello");
  for (guint i = 0; i < 10; i++)
    {
      g_idle_add (answer, queue);
      g_async_queue_pop (queue);
    }
  test_trace_assert (link->trace, "");

  g_assert_true (AT_ONCE (link, wait_ready_read (link)));
  test_trace_assert (link->trace, "ready-read");
}

static const struct
{
  const char *name;
  Body        body;
  gboolean    unix_only;
} cases[] = {
  { "connected/unconnected", connected_unconnected },
  { "connected/connected", connected_connected },
  { "connected/closing", connected_closing },
  { "connected/connecting", connected_connecting },
  { "connected/deadline", connected_deadline },
  { "connected/connect-timeout", connected_connect_timeout },
  { "connected/refused", connected_refused },
  { "connected/aborted", connected_aborted },
  { "ready-read/unconnected", ready_read_unconnected },
  { "ready-read/closing", ready_read_closing },
  { "ready-read/write-only", ready_read_write_only },
  { "ready-read/half-open", ready_read_half_open, TRUE },
  { "ready-read/new-bytes", ready_read_new_bytes },
  { "ready-read/zero", ready_read_zero },
  { "ready-read/sends", ready_read_sends },
  { "ready-read/connecting", ready_read_connecting },
  { "ready-read/connecting-deadline", ready_read_connecting_deadline },
  { "ready-read/connecting-silent", ready_read_connecting_silent },
  { "ready-read/connecting-fails", ready_read_connecting_fails },
  { "ready-read/hang-up", ready_read_hang_up },
  { "ready-read/last-words", ready_read_last_words },
  { "ready-read/full-buffer", ready_read_full_buffer },
  { "ready-read/full-buffer-hang-up", ready_read_full_buffer_hang_up },
  { "bytes-written/unconnected", bytes_written_unconnected },
  { "bytes-written/nothing", bytes_written_nothing },
  { "bytes-written/unbuffered", bytes_written_unbuffered },
  { "bytes-written/large", bytes_written_large },
  { "bytes-written/deadline", bytes_written_deadline },
  { "bytes-written/closing", bytes_written_closing },
  { "bytes-written/connecting", bytes_written_connecting },
  { "bytes-written/connecting-nothing", bytes_written_connecting_nothing },
  { "bytes-written/hang-up", bytes_written_hang_up },
  { "bytes-written/receives", bytes_written_receives },
  { "disconnected/unconnected", disconnected_unconnected },
  { "disconnected/deadline", disconnected_deadline },
  { "disconnected/hang-up", disconnected_hang_up },
  { "disconnected/sends", disconnected_sends },
  { "disconnected/closing", disconnected_closing },
  { "disconnected/closing-deadline", disconnected_closing_deadline },
  { "disconnected/full-buffer", disconnected_full_buffer },
  { "disconnected/connecting", disconnected_connecting },
  { "disconnected/connecting-deadline", disconnected_connecting_deadline },
  { "disconnected/connecting-fails", disconnected_connecting_fails },
  { "disconnected/half-open", disconnected_half_open, TRUE },
  { "disconnected/shut-down", disconnected_shut_down, TRUE },
  { "nested/connecting", nested_connecting },
  { "nested/connecting-fails", nested_connecting_fails },
  { "nested/connect-error", nested_connect_error },
  { "nested/ready-read", nested_ready_read },
  { "nested/ready-read-hang-up", nested_ready_read_hang_up },
  { "nested/last-words", nested_last_words },
  { "nested/bytes-written", nested_bytes_written },
  { "nested/bytes-written-disconnect", nested_bytes_written_disconnect },
  { "nested/closing", nested_closing },
  { "nested/error", nested_error },
  { "nested/unconnected", nested_unconnected },
  { "nested/drop", nested_drop },
  { "timeout-notifies", timeout_notifies },
  { "interrupted", interrupted, TRUE },
  { "sync-calls", sync_calls },
  { "both/write", both_write },
  { "both/ping-pong", both_ping_pong },
};

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *main_path = g_strconcat ("/wait/main/", cases[i].name, NULL);
      g_autofree char *thread_path = g_strconcat ("/wait/thread/", cases[i].name, NULL);

      if (cases[i].unix_only && !test_is_unix ())
        continue;

      test_add_data (main_path, (gconstpointer) cases[i].body, run_in_main);
      test_add_data (thread_path, (gconstpointer) cases[i].body, run_in_thread);
    }

  test_add_data ("/wait/thread/no-reactor", (gconstpointer) no_reactor, run_in_thread);

  return test_run ();
}
