/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-failure.h"
#include "test-util.h"

#include <string.h>

/* The state machine: every path of it, signal by signal, with what the accessors say in each handler. The peer is a
 * plain descriptor or handle, so nothing of what is tested stands at both ends. What only Unix has is in
 * test-socket-unix.c. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

/* What most traces begin and end with. */
#define CONNECTING "state-changed(connecting) connecting --- 0 market - unknown\n"
#define CONNECTED                                              \
  "state-changed(connected) connected ovd 0 market ~/market unknown\n" \
  "connected connected ovd 0 market ~/market unknown\n"
#define CLOSING(bytes, error) "state-changed(closing) closing ovd " bytes " market ~/market " error "\n"
#define UNCONNECTED(bytes, error) "state-changed(unconnected) unconnected o-- " bytes " - - " error "\n"
#define FINISHED(bytes, error) "read-channel-finished unconnected o-- " bytes " - - " error "\n"
#define DISCONNECTED(bytes, error) "disconnected unconnected o-- " bytes " - - " error "\n"
#define ENDED(bytes, error) UNCONNECTED (bytes, error) FINISHED (bytes, error) DISCONNECTED (bytes, error)
#define PEER_CLOSED(bytes) "error(peer-closed) connected ovd " bytes " market ~/market peer-closed\n"

/* A listener at “market” that is a plain descriptor, a traced socket, and the other end of its connection. */
typedef struct
{
  char      *path;
  TestRaw    listener;
  LSocket   *socket;
  TestTrace *trace;
  TestRaw    raw;
} Link;

static void
link_init (Link *link)
{
  link->path = test_build_path ("market");
  link->listener = test_raw_listen (link->path, 16);
  link->socket = l_socket_new ();
  link->trace = test_trace_new_full (link->socket);
  link->raw = -1;
}

static void
link_connect (Link *link)
{
  l_socket_connect_to_server (link->socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (link->socket), ==, L_SOCKET_STATE_CONNECTED);
  link->raw = test_raw_accept (link->listener);
  test_trace_clear (link->trace);
}

static void
link_init_connected (Link *link)
{
  link_init (link);
  link_connect (link);
}

static void
link_close_raw (Link *link)
{
  if (link->raw >= 0)
    test_raw_close (link->raw);
  link->raw = -1;
}

/* The socket must go with its last reference. */
static void
link_clear (Link *link)
{
  link_close_raw (link);
  if (link->listener >= 0)
    test_raw_close (link->listener);
  test_trace_free (link->trace);
  if (link->socket != NULL)
    g_assert_finalize_object (link->socket);
  g_free (link->path);
}

static void
turn_until_unconnected (Link *link)
{
  TEST_TURN_UNTIL (l_socket_get_state (link->socket) == L_SOCKET_STATE_UNCONNECTED);
  test_turn_all ();
}

/* Connecting */

static void
test_connect_ok (void)
{
  Link link;

  link_init (&link);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_io_device_get_error_string (L_IO_DEVICE (link.socket)));

  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  test_trace_assert_lines (link.trace, CONNECTING CONNECTED);
  g_assert_true (l_io_device_is_writable (L_IO_DEVICE (link.socket)));

  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
write_from_handler (LSocket  *socket,
             gpointer  unused)
{
  test_write (socket, "hello");
}

static void
test_connect_write_in_handler (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_test_summary ("What is written in connected leaves when the handler has returned");

  l_server_listen (server, "market", &error);
  g_assert_no_error (error);
  g_signal_connect (socket, "connected", G_CALLBACK (write_from_handler), NULL);
  l_socket_connect_to_server (socket, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
}

static void
test_connect_path (void)
{
  Link link;

  link_init (&link);
  l_socket_connect_to_server (link.socket, link.path, READ_WRITE);
  test_trace_assert_lines (link.trace,
                           "state-changed(connecting) connecting --- 0 ~/market - unknown\n"
                           "state-changed(connected) connected ovd 0 ~/market ~/market unknown\n"
                           "connected connected ovd 0 ~/market ~/market unknown\n");
  link_clear (&link);
}

/* Failing to connect */

static const TestFailure failures[] = {
  { "no-such-name", "nobody", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "no-such-path", "~/nobody", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "empty", "", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "dot", ".", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "dot-dot", "..", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "slash-inside", "a/b", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "dot-slash", "./x", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
};

static void
test_connect_no_mode (void)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  l_socket_connect_to_server (link.socket, "market", L_OPEN_MODE_NOT_OPEN);
  l_socket_connect_to_server (link.socket, "market", L_OPEN_MODE_UNBUFFERED);
  test_trace_assert_lines (link.trace,
                           "error(operation) unconnected --- 0 - - operation\n"
                           "error(operation) unconnected --- 0 - - operation\n");
  g_assert_false (l_socket_connect_to_server_sync (link.socket, "market", L_OPEN_MODE_NOT_OPEN, NULL, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  link_clear (&link);
}

static void
test_connect_read_only (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  Link link;

  link_init (&link);
  l_socket_connect_to_server (link.socket, "market", L_OPEN_MODE_READ_ONLY);
  test_trace_assert_lines (link.trace, CONNECTING CONNECTED);
  link.raw = test_raw_accept (link.listener);

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.socket), "x", 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, "hello");
  link_clear (&link);
}

/* What comes is thrown away, and the end is noticed. */
static void
test_connect_write_only (void)
{
  g_autoptr(GError) error = NULL;
  char byte;
  Link link;

  link_init (&link);
  l_socket_connect_to_server (link.socket, "market", L_OPEN_MODE_WRITE_ONLY);
  link.raw = test_raw_accept (link.listener);
  test_trace_clear (link.trace);

  g_assert_cmpint (l_io_device_read (L_IO_DEVICE (link.socket), &byte, 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  test_raw_write (link.raw, "hello");
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace, PEER_CLOSED ("0") CLOSING ("0", "peer-closed") ENDED ("0", "peer-closed"));
  link_clear (&link);
}

/* Written in CONNECTING: sent once connected, or dropped with the attempt. */

static void
write_hello (TestTrace  *trace,
             const char *event,
             gpointer    wanted)
{
  if (g_str_equal (event, wanted))
    test_write (L_SOCKET (trace->object), "hello");
}

static void
test_connect_write_early (void)
{
  g_autofree char *text = NULL;
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, write_hello, (gpointer) "state-changed(connecting)");
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  link.raw = test_raw_accept (link.listener);
  text = test_raw_read (link.raw, 5);
  g_assert_cmpstr (text, ==, "hello");
  test_trace_assert_lines (link.trace, CONNECTING CONNECTED "bytes-written(5) connected ovd 0 market ~/market unknown\n");
  link_clear (&link);
}

static void
test_connect_write_early_dropped (void)
{
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, write_hello, (gpointer) "state-changed(connecting)");
  l_socket_connect_to_server (link.socket, "nobody", READ_WRITE);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (link.socket)), ==, 0);
  test_trace_set_func (link.trace, NULL, NULL);

  link_connect (&link);
  test_turn_all ();
  g_assert_cmpuint (test_raw_take (link.raw, NULL), ==, 0);
  link_clear (&link);
}

/* A full backlog */

typedef struct
{
  Link    link;
  GArray *fillers;
} Busy;

static void
busy_init (Busy *busy)
{
  link_init (&busy->link);
  test_raw_close (busy->link.listener);
  busy->link.listener = test_raw_listen (busy->link.path, 0);
  busy->fillers = test_raw_fill_backlog (busy->link.path);
}

static void
busy_clear (Busy *busy)
{
  test_raw_close_all (busy->fillers);
  link_clear (&busy->link);
}

static void
busy_free_one (Busy *busy)
{
  test_raw_close (test_raw_accept (busy->link.listener));
}

static void
test_backlog_freed (void)
{
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  test_turn_all ();
  test_trace_assert_lines (busy.link.trace, CONNECTING);
  busy_free_one (&busy);
  TEST_TURN_UNTIL (test_trace_has (busy.link.trace, "connected"));
  test_trace_assert_lines (busy.link.trace, CONNECTED);
  busy_clear (&busy);
}

static gpointer
accept_one (gpointer listener)
{
  test_raw_close (test_raw_accept ((TestRaw) listener));
  return NULL;
}

/* A wait that is faster than the loop leaves it nothing to do. */
static void
test_backlog_waited_for (void)
{
  GThread *thread;
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  thread = g_thread_new ("accept", accept_one, (gpointer) busy.link.listener);
  g_assert_true (l_socket_wait_for_connected (busy.link.socket, -1));
  g_thread_join (thread);
  /* The backlog is empty again: whatever is tried now tells at once. */
  busy.link.raw = test_raw_accept (busy.link.listener);
  for (guint i = 0; i < 5; i++)
    test_turn ();
  test_trace_assert_lines (busy.link.trace, CONNECTING CONNECTED);
  busy_clear (&busy);
}

#define TIMED_OUT                                                  \
  "error(timeout) connecting --- 0 market - timeout\n"             \
  "state-changed(unconnected) unconnected --- 0 - - timeout\n"

static void
test_backlog_timeout (void)
{
  gint64 begin;
  Busy busy;

  busy_init (&busy);
  l_socket_set_connect_timeout (busy.link.socket, 60);
  begin = g_get_monotonic_time ();
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  test_trace_assert_lines (busy.link.trace, CONNECTING);
  turn_until_unconnected (&busy.link);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 60000);
  test_trace_assert_lines (busy.link.trace, TIMED_OUT);
  g_assert_nonnull (strstr (l_io_device_get_error_string (L_IO_DEVICE (busy.link.socket)), busy.link.path));
  busy_clear (&busy);
}

static void
test_backlog_no_timeout (void)
{
  Busy busy;

  busy_init (&busy);
  l_socket_set_connect_timeout (busy.link.socket, 0);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  test_trace_assert_lines (busy.link.trace, CONNECTING TIMED_OUT);
  busy_clear (&busy);
}

static void
test_backlog_unlimited (void)
{
  g_autoptr(LSocket) limited = l_socket_new ();
  Busy busy;

  busy_init (&busy);
  l_socket_set_connect_timeout (busy.link.socket, -5);
  l_socket_set_connect_timeout (limited, 80);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  l_socket_connect_to_server (limited, "market", READ_WRITE);
  TEST_TURN_UNTIL (l_socket_get_state (limited) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert_lines (busy.link.trace, CONNECTING);
  busy_free_one (&busy);
  TEST_TURN_UNTIL (test_trace_has (busy.link.trace, "connected"));
  test_trace_assert_lines (busy.link.trace, CONNECTED);
  busy_clear (&busy);
}

static void
close_stream (LSocket *socket)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_io_stream_close (G_IO_STREAM (socket), NULL, &error));
  g_assert_no_error (error);
}

static void (* const endings[]) (LSocket *) = { l_socket_abort, l_socket_disconnect_from_server, close_stream };

static void
test_backlog_ended (gconstpointer data)
{
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  endings[GPOINTER_TO_UINT (data)] (busy.link.socket);
  test_trace_assert_lines (busy.link.trace,
                           CONNECTING "state-changed(unconnected) unconnected --- 0 - - unknown\n");

  /* Nothing of it is left. */
  busy_free_one (&busy);
  test_turn_all ();
  test_trace_assert (busy.link.trace, "");
  busy_clear (&busy);
}

static void
test_backlog_dropped (void)
{
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  test_trace_clear (busy.link.trace);
  g_assert_finalize_object (g_steal_pointer (&busy.link.socket));
  test_trace_assert (busy.link.trace, "");
  busy_clear (&busy);
}

/* The server goes while the attempt waits for it. */
static void
test_backlog_server_gone (void)
{
  g_autofree char *expected = NULL;
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  test_trace_clear (busy.link.trace);
  test_raw_close (busy.link.listener);
  busy.link.listener = -1;
  turn_until_unconnected (&busy.link);
  expected = g_strdup_printf ("error(%s) connecting --- 0 market - %s\n"
                              "state-changed(unconnected) unconnected --- 0 - - %s\n",
                              test_get_gone_error (), test_get_gone_error (), test_get_gone_error ());
  test_trace_assert_lines (busy.link.trace, expected);
  busy_clear (&busy);
}

/* Attempts where there can be none */

#define OPERATION(rest) "error(operation) " rest " operation\n"

static void
test_busy_connecting (void)
{
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  l_socket_connect_to_server (busy.link.socket, "other", READ_WRITE);
  test_trace_assert_lines (busy.link.trace, CONNECTING OPERATION ("connecting --- 0 market -"));
  busy_free_one (&busy);
  TEST_TURN_UNTIL (test_trace_has (busy.link.trace, "connected"));
  busy_clear (&busy);
}

static void
test_busy_connected (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  Link link;

  link_init_connected (&link);
  l_socket_connect_to_server (link.socket, "other", READ_WRITE);
  test_trace_assert_lines (link.trace, OPERATION ("connected ovd 0 market ~/market"));
  g_assert_false (l_socket_connect_to_server_sync (link.socket, "other", READ_WRITE, NULL, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);

  test_write (link.socket, "still");
  text = test_raw_read (link.raw, 5);
  g_assert_cmpstr (text, ==, "still");
  link_clear (&link);
}

static void
test_busy_closing (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  test_trace_assert_lines (link.trace, OPERATION ("closing ovd 0 market ~/market"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  link_clear (&link);
}

static void
test_busy_closed (void)
{
  Link link;

  link_init_connected (&link);
  close_stream (link.socket);
  test_trace_clear (link.trace);
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  test_trace_assert_lines (link.trace, OPERATION ("unconnected --- 0 - -"));
  link_clear (&link);
}

/* Disconnecting */

static void
test_disconnect_idle (void)
{
  Link link;

  link_init_connected (&link);
  l_socket_disconnect_from_server (link.socket);
  test_trace_assert_lines (link.trace, CLOSING ("0", "unknown") ENDED ("0", "unknown"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 0);

  /* Again: nothing. */
  l_socket_disconnect_from_server (link.socket);
  test_turn_all ();
  test_trace_assert (link.trace, "");
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (link.socket)));
  link_clear (&link);
}

static void
test_disconnect_small (void)
{
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "hello");
  l_socket_disconnect_from_server (link.socket);
  test_trace_assert_lines (link.trace,
                           CLOSING ("0", "unknown")
                           "bytes-written(5) closing ovd 0 market ~/market unknown\n"
                           ENDED ("0", "unknown"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 5);
  link_clear (&link);
}

static void
test_disconnect_pending (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CLOSING);

  /* What is written now is sent too. */
  test_write (link.socket, "more");
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE + 4);
  test_trace_assert_lines (link.trace,
                           CLOSING ("0", "unknown")
                           "bytes-written(*) closing ovd 0 market ~/market unknown\n"
                           ENDED ("0", "unknown"));
  link_clear (&link);
}

static void
test_disconnect_unread (void)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  test_trace_clear (link.trace);
  l_socket_disconnect_from_server (link.socket);
  test_trace_assert_lines (link.trace, CLOSING ("5", "unknown") ENDED ("5", "unknown"));

  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, "hello");
  g_assert_true (l_io_device_at_end (L_IO_DEVICE (link.socket)));
  g_assert_null (l_io_device_read_all (L_IO_DEVICE (link.socket), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  link_clear (&link);
}

static void
test_disconnect_and_unref (void)
{
  gpointer weak;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  weak = link.socket;
  g_object_add_weak_pointer (weak, &weak);
  g_clear_object (&link.socket);
  g_assert_nonnull (weak);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  test_turn_all ();
  g_assert_null (weak);
  link_clear (&link);
}

static void
test_unref_connected (void)
{
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "lost");
  g_assert_finalize_object (g_steal_pointer (&link.socket));
  test_trace_assert (link.trace, "");
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 0);
  link_clear (&link);
}

static void
test_disconnect_peer_vanishes (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "error(peer-closed) closing ovd 0 market ~/market peer-closed\n"
                           ENDED ("0", "peer-closed"));
  link_clear (&link);
}

/* What the peer said before it went is not lost either. */
static void
test_disconnect_peer_speaks_and_vanishes (void)
{
  g_autofree char *text = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  test_raw_write (link.raw, "bye");
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "ready-read closing ovd 3 market ~/market unknown\n"
                           "error(peer-closed) closing ovd 3 market ~/market peer-closed\n"
                           ENDED ("3", "peer-closed"));
  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, "bye");
  link_clear (&link);
}

/* The peer closes */

static void
test_remote_close (void)
{
  Link link;

  link_init_connected (&link);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace, PEER_CLOSED ("0") CLOSING ("0", "peer-closed") ENDED ("0", "peer-closed"));
  link_clear (&link);
}

static void
test_remote_close_unread (void)
{
  g_autofree char *text = NULL;
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 5 market ~/market unknown\n"
                           PEER_CLOSED ("5") CLOSING ("5", "peer-closed") ENDED ("5", "peer-closed"));
  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, "hello");
  link_clear (&link);
}

/* A peer that leaves something unread resets the connection: what it sent is received all the same. */
static void
test_remote_reset (void)
{
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "never read");
  g_assert_true (l_socket_flush (link.socket));
  test_trace_clear (link.trace);
  test_raw_write (link.raw, "hello");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 5 market ~/market unknown\n"
                           PEER_CLOSED ("5") CLOSING ("5", "peer-closed") ENDED ("5", "peer-closed"));
  link_clear (&link);
}

/* Noticed by a flush: the same order. */
static void
test_remote_close_flush (void)
{
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  link_close_raw (&link);
  test_write (link.socket, "nobody reads this");
  g_assert_false (l_socket_flush (link.socket));
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 5 market ~/market unknown\n"
                           PEER_CLOSED ("5") CLOSING ("5", "peer-closed") ENDED ("5", "peer-closed"));
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_remote_close_large (void)
{
  g_autofree char *data = g_malloc0 (150000);
  g_autoptr(GBytes) bytes = NULL;
  Link link;

  link_init_connected (&link);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (link.socket), 1000);
  g_assert_cmpint (test_raw_send (link.raw, data, 150000), ==, 150000);
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)), ==, 1000);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  bytes = l_io_device_read_all (L_IO_DEVICE (link.socket), NULL);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 150000);
  link_clear (&link);
}

/* Half-closing */

static void
test_half_close_default (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  test_turn_all ();
  test_trace_clear (link.trace);
  test_raw_shut_down_write (link.raw);
  TEST_TURN_UNTIL (test_trace_has (link.trace, "state-changed(closing)"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  test_trace_assert_lines (link.trace,
                           PEER_CLOSED ("0") CLOSING ("0", "peer-closed")
                           "bytes-written(*) closing ovd 0 market ~/market peer-closed\n"
                           ENDED ("0", "peer-closed"));
  link_clear (&link);
}

static void
test_half_close_idle (void)
{
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "question");
  test_raw_shut_down_write (link.raw);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 8 market ~/market unknown\n"
                           PEER_CLOSED ("8") CLOSING ("8", "peer-closed") ENDED ("8", "peer-closed"));
  link_clear (&link);
}

static void
test_half_open (void)
{
  Link link;

  link_init (&link);
  l_socket_set_half_open (link.socket, TRUE);
  link_connect (&link);
  test_raw_write (link.raw, "question");
  test_raw_shut_down_write (link.raw);
  TEST_TURN_UNTIL (test_trace_has (link.trace, "read-channel-finished"));
  test_turn_all ();
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 8 market ~/market unknown\n"
                           "read-channel-finished connected ovd 8 market ~/market unknown\n");

  test_write (link.socket, "answer");
  l_socket_disconnect_from_server (link.socket);
  test_trace_assert_lines (link.trace,
                           CLOSING ("8", "unknown")
                           "bytes-written(6) closing ovd 8 market ~/market unknown\n"
                           UNCONNECTED ("8", "unknown") DISCONNECTED ("8", "unknown"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 6);
  link_clear (&link);
}

static void
test_half_open_then_closed (void)
{
  Link link;

  link_init (&link);
  l_socket_set_half_open (link.socket, TRUE);
  link_connect (&link);
  test_raw_shut_down_write (link.raw);
  TEST_TURN_UNTIL (test_trace_has (link.trace, "read-channel-finished"));
  test_trace_clear (link.trace);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           PEER_CLOSED ("0") CLOSING ("0", "peer-closed")
                           UNCONNECTED ("0", "peer-closed") DISCONNECTED ("0", "peer-closed"));
  link_clear (&link);
}

static void
test_half_open_hang_up (void)
{
  Link link;

  link_init (&link);
  l_socket_set_half_open (link.socket, TRUE);
  link_connect (&link);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace, PEER_CLOSED ("0") CLOSING ("0", "peer-closed") ENDED ("0", "peer-closed"));
  link_clear (&link);
}

static void
shut_down_write (LSocket *socket)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (l_socket_shutdown_write (socket, &error));
  g_assert_no_error (error);
}

static void
test_shutdown_write (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "question");
  shut_down_write (link.socket);
  shut_down_write (link.socket);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 8);
  test_trace_assert_lines (link.trace, "bytes-written(8) connected ovd 0 market ~/market unknown\n");
  g_assert_false (l_io_device_is_writable (L_IO_DEVICE (link.socket)));
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (link.socket), "x", 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  test_raw_write (link.raw, "answer");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           "ready-read connected ovd 6 market ~/market unknown\n"
                           CLOSING ("6", "unknown") ENDED ("6", "unknown"));
  text = test_read (link.socket);
  g_assert_cmpstr (text, ==, "answer");
  link_clear (&link);
}

static void
test_shutdown_write_pending (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  shut_down_write (link.socket);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  test_trace_clear (link.trace);
  l_socket_disconnect_from_server (link.socket);
  test_trace_assert_lines (link.trace, CLOSING ("0", "unknown") ENDED ("0", "unknown"));
  link_clear (&link);
}

/* Both at once: the peer's half-close while ours is under way is orderly, and all is sent. */
static void
test_shutdown_write_both (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  shut_down_write (link.socket);
  test_turn_all ();
  test_trace_clear (link.trace);
  test_raw_shut_down_write (link.raw);
  test_turn_all ();
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           CLOSING ("0", "unknown")
                           "bytes-written(*) closing ovd 0 market ~/market unknown\n"
                           ENDED ("0", "unknown"));
  link_clear (&link);
}

typedef struct
{
  TestRaw  raw;
  gsize    n_received;
  guint64  n_told;
} Told;

/* The first one runs the loop until all has gone. */
static void
tell_and_turn (LSocket *socket,
               guint64  count,
               Told    *told)
{
  gboolean is_first = told->n_told == 0;

  told->n_told += count;
  while (is_first && told->n_received < TEST_LARGE)
    {
      g_main_context_iteration (NULL, FALSE);
      told->n_received += test_raw_take (told->raw, NULL);
    }
}

/* The end comes before the turn that was to tell what a handler's loop has sent. */
static void
test_shutdown_write_tells_all (void)
{
  Told told = { 0 };
  Link link;

  link_init_connected (&link);
  told.raw = link.raw;
  g_signal_connect (link.socket, "bytes-written", G_CALLBACK (tell_and_turn), &told);
  test_write_large (link.socket);
  shut_down_write (link.socket);
  g_assert_cmpuint (told.n_received, ==, TEST_LARGE);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  g_assert_false (test_trace_has (link.trace, "error"));
  g_assert_cmpuint (told.n_told, ==, TEST_LARGE);
  link_clear (&link);
}

/* A peer that goes before it has everything is no orderly end. */
static void
test_shutdown_write_vanishes (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  shut_down_write (link.socket);
  test_turn_all ();
  test_trace_clear (link.trace);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace, PEER_CLOSED ("0") CLOSING ("0", "peer-closed") ENDED ("0", "peer-closed"));
  link_clear (&link);
}

static void
test_shutdown_write_disconnect (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  shut_down_write (link.socket);
  test_trace_clear (link.trace);
  l_socket_disconnect_from_server (link.socket);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CLOSING);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  test_trace_assert_lines (link.trace,
                           CLOSING ("0", "unknown")
                           "bytes-written(*) closing ovd 0 market ~/market unknown\n"
                           ENDED ("0", "unknown"));
  link_clear (&link);
}

static void
test_shutdown_write_states (void)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  g_assert_false (l_socket_shutdown_write (link.socket, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);

  link_connect (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  g_assert_false (l_socket_shutdown_write (link.socket, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  l_socket_abort (link.socket);
  link_clear (&link);
}

static void
test_shutdown_output_stream (void)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "question");
  g_assert_true (g_output_stream_close (g_io_stream_get_output_stream (G_IO_STREAM (link.socket)), NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 8);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  test_trace_clear (link.trace);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace, CLOSING ("0", "unknown") ENDED ("0", "unknown"));
  link_clear (&link);
}

static void
drop_when_closing (LSocket       *socket,
                   LSocketState   state,
                   LSocket      **reference)
{
  if (state == L_SOCKET_STATE_CLOSING)
    g_clear_object (reference);
}

/* Both directions have ended, so closing the output ends the connection: in the middle of it the last reference goes. */
static void
test_shutdown_output_stream_dropped (void)
{
  g_autoptr(GOutputStream) output = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  l_socket_set_half_open (link.socket, TRUE);
  test_raw_shut_down_write (link.raw);
  TEST_TURN_UNTIL (test_trace_has (link.trace, "read-channel-finished"));
  test_trace_clear (link.trace);

  g_signal_connect (link.socket, "state-changed", G_CALLBACK (drop_when_closing), &link.socket);
  output = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (link.socket)));
  g_output_stream_close_async (output, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_true (g_output_stream_close_finish (output, result, &error));
  g_assert_no_error (error);
  g_assert_null (link.socket);
  test_trace_assert (link.trace, "state-changed(closing) state-changed(unconnected) disconnected");
  link_clear (&link);
}

/* Aborting */

#define ABORTED(bytes)                                        \
  ENDED (bytes, "unknown")                                    \
  "about-to-close unconnected o-- " bytes " - - unknown\n"

static void
test_abort_unconnected (void)
{
  Link link;

  link_init (&link);
  l_socket_abort (link.socket);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_abort_connected (void)
{
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  test_trace_clear (link.trace);
  test_write (link.socket, "dropped");
  l_socket_abort (link.socket);
  test_trace_assert_lines (link.trace, ABORTED ("5"));
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (link.socket)));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, 0);
  l_socket_abort (link.socket);
  test_turn_all ();
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_abort_closing (void)
{
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  l_socket_abort (link.socket);
  test_trace_assert_lines (link.trace, ABORTED ("0"));
  g_assert_cmpuint (test_raw_read_to_end (link.raw), <, TEST_LARGE);
  link_clear (&link);
}

static void
test_abort_ended (void)
{
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  l_socket_abort (link.socket);
  test_trace_assert_lines (link.trace, "about-to-close unconnected o-- 5 - - unknown\n");
  link_clear (&link);
}

/* Closing for good */

#define ABOUT_TO_CLOSE "about-to-close connected ovd 0 market ~/market unknown\n"
#define CLOSED                                                          \
  "state-changed(unconnected) unconnected --- 0 - - unknown\n"          \
  "read-channel-finished unconnected --- 0 - - unknown\n"               \
  "disconnected unconnected --- 0 - - unknown\n"

static gpointer
read_in_thread (gpointer raw)
{
  static char buffer[65536];
  gsize count = 0;
  gssize n;

  while ((n = test_raw_receive ((TestRaw) raw, buffer, sizeof buffer)) > 0)
    count += n;

  return GSIZE_TO_POINTER (count);
}

static void
test_close_idle (void)
{
  Link link;

  link_init_connected (&link);
  close_stream (link.socket);
  test_trace_assert_lines (link.trace,
                           ABOUT_TO_CLOSE "state-changed(closing) closing -vd 0 market ~/market unknown\n" CLOSED);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (link.socket)));
  close_stream (link.socket);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_close_sync (void)
{
  GThread *reader;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  reader = g_thread_new ("reader", read_in_thread, (gpointer) link.raw);
  close_stream (link.socket);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), ==, TEST_LARGE);
  test_trace_assert_lines (link.trace,
                           ABOUT_TO_CLOSE
                           "state-changed(closing) closing -vd 0 market ~/market unknown\n"
                           "bytes-written(*) closing -vd 0 market ~/market unknown\n"
                           CLOSED);
  link_clear (&link);
}

static void
test_close_sync_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  g_cancellable_cancel (cancellable);
  g_assert_false (g_io_stream_close (G_IO_STREAM (link.socket), cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert_lines (link.trace,
                           ABOUT_TO_CLOSE
                           "state-changed(closing) closing -vd 0 market ~/market unknown\n"
                           "bytes-written(*) closing -vd 0 market ~/market unknown\n"
                           CLOSED);
  link_clear (&link);
}

static gboolean
finish_close (LSocket       *socket,
              GAsyncResult **result,
              GError       **error)
{
  gboolean done;

  TEST_TURN_UNTIL (*result != NULL);
  done = g_io_stream_close_finish (G_IO_STREAM (socket), *result, error);
  g_clear_object (result);

  return done;
}

static void
test_close_async (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
  g_assert_null (result);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  g_assert_true (finish_close (link.socket, &result, &error));
  g_assert_no_error (error);
  test_trace_assert_lines (link.trace,
                           ABOUT_TO_CLOSE
                           "state-changed(closing) closing -vd 0 market ~/market unknown\n"
                           "bytes-written(*) closing -vd 0 market ~/market unknown\n"
                           CLOSED);
  link_clear (&link);
}

static void
test_close_async_idle (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Link link;

  link_init_connected (&link);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
  g_assert_null (result);
  g_assert_true (finish_close (link.socket, &result, NULL));
  link_clear (&link);
}

static void
test_close_async_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, cancellable, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  g_assert_false (finish_close (link.socket, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), <, TEST_LARGE);
  link_clear (&link);
}

static void
test_close_async_vanishes (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
  link_close_raw (&link);
  g_assert_false (finish_close (link.socket, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  link_clear (&link);
}

/* Both ways of closing say that a peer that was gone before did not get what was written. */
static void
test_close_vanished (gconstpointer is_async)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write (link.socket, "lost");
  link_close_raw (&link);
  if (is_async != NULL)
    {
      g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
      g_assert_false (finish_close (link.socket, &result, &error));
    }
  else
    {
      g_assert_false (g_io_stream_close (G_IO_STREAM (link.socket), NULL, &error));
    }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  link_clear (&link);
}

/* A close that lost something does not say that it did not. */
static void
test_close_async_aborted (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
  l_socket_abort (link.socket);
  g_assert_false (finish_close (link.socket, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  link_clear (&link);
}

/* Closing while disconnecting, and after the end: each signal once. */
static void
test_close_closing (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  g_io_stream_close_async (G_IO_STREAM (link.socket), 0, NULL, test_store_result, &result);
  test_trace_assert_lines (link.trace, "about-to-close closing ovd 0 market ~/market unknown\n");
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  g_assert_true (finish_close (link.socket, &result, NULL));
  test_trace_assert_lines (link.trace, "bytes-written(*) closing -vd 0 market ~/market unknown\n" CLOSED);
  link_clear (&link);
}

static void
test_close_ended (void)
{
  Link link;

  link_init_connected (&link);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_clear (link.trace);
  close_stream (link.socket);
  test_trace_assert_lines (link.trace, "about-to-close unconnected o-- 0 - - peer-closed\n");
  link_clear (&link);
}

/* Connecting again */

typedef struct
{
  const char *event;
  guint       n_left;
  const char *name;
} Again;

static void
connect_again (TestTrace  *trace,
               const char *event,
               gpointer    user_data)
{
  Again *again = user_data;

  if (again->n_left == 0 || !g_str_equal (event, again->event))
    return;

  again->n_left--;
  l_socket_connect_to_server (L_SOCKET (trace->object), again->name, READ_WRITE);
}

static void
test_again_after_disconnect (void)
{
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  test_trace_assert_lines (link.trace,
                           "about-to-close unconnected o-- 5 - - unknown\n" CONNECTING CONNECTED);
  link_clear (&link);
}

static void
close_for_good (TestTrace  *trace,
                const char *event,
                gpointer    unused)
{
  if (g_str_equal (event, "about-to-close"))
    g_io_stream_close (G_IO_STREAM (trace->object), NULL, NULL);
}

static void
test_again_closed_in_handler (gconstpointer how)
{
  Link link;
  TestRaw raw;
  g_autoptr(GError) error = NULL;

  g_test_summary ("A handler of about-to-close closes it for good: it is not connected again");

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (test_trace_has (link.trace, "ready-read"));
  l_socket_disconnect_from_server (link.socket);
  test_trace_clear (link.trace);
  test_trace_set_func (link.trace, close_for_good, NULL);
  if (g_str_equal (how, "name"))
    {
      l_socket_connect_to_server (link.socket, "market", READ_WRITE);
    }
  else
    {
      raw = test_raw_connect (link.path);
      g_assert_false (l_socket_set_socket_descriptor (link.socket, (gintptr) raw, L_SOCKET_STATE_CONNECTED, READ_WRITE,
                                                      &error));
      g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
      test_raw_close (raw);
    }
  test_trace_assert (link.trace, "about-to-close error(operation)");
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (link.socket)));
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  link_clear (&link);
}

/* From a handler at the end of the session: nothing of the old one comes after the first signal of the new one. */
static void
test_again_in_handler (gconstpointer event)
{
  Again again = { event, 1, "market" };
  g_autofree char *expected = NULL;
  g_autofree char *text = NULL;
  const char *before = "";
  TestRaw raw;
  Link link;

  if (g_str_equal (event, "read-channel-finished"))
    before = UNCONNECTED ("0", "peer-closed");
  else if (g_str_equal (event, "disconnected"))
    before = UNCONNECTED ("0", "peer-closed") FINISHED ("0", "peer-closed");

  expected = g_strdup_printf ("%s%s%s%s unconnected o-- 0 - - peer-closed\n"
                              "about-to-close unconnected o-- 0 - - peer-closed\n%s%s",
                              PEER_CLOSED ("0"), CLOSING ("0", "peer-closed"), before, (const char *) event,
                              CONNECTING, CONNECTED);

  link_init_connected (&link);
  test_trace_set_func (link.trace, connect_again, &again);
  link_close_raw (&link);
  TEST_TURN_UNTIL (again.n_left == 0);
  test_turn_all ();
  test_trace_assert_lines (link.trace, expected);

  raw = test_raw_accept (link.listener);
  test_write (link.socket, "new");
  text = test_raw_read (raw, 3);
  g_assert_cmpstr (text, ==, "new");
  test_raw_close (raw);
  link_clear (&link);
}

/* In a handler of error it is too early. */
static void
test_again_in_error (void)
{
  Again again = { "error(peer-closed)", 1, "market" };
  Link link;

  link_init_connected (&link);
  test_trace_set_func (link.trace, connect_again, &again);
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_assert_lines (link.trace,
                           PEER_CLOSED ("0") OPERATION ("connected ovd 0 market ~/market")
                           CLOSING ("0", "operation") ENDED ("0", "operation"));
  link_clear (&link);
}

static void
test_again_in_connect_error (void)
{
  Again again = { "error(server-not-found)", 1, "market" };
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, connect_again, &again);
  l_socket_connect_to_server (link.socket, "nobody", READ_WRITE);
  test_trace_assert_lines (link.trace,
                           "state-changed(connecting) connecting --- 0 nobody - unknown\n"
                           "error(server-not-found) connecting --- 0 nobody - server-not-found\n"
                           OPERATION ("connecting --- 0 nobody -")
                           "state-changed(unconnected) unconnected --- 0 - - operation\n");
  link_clear (&link);
}

static void
test_again_after_failure (void)
{
  Again again = { "state-changed(unconnected)", 1, "market" };
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, connect_again, &again);
  l_socket_connect_to_server (link.socket, "nobody", READ_WRITE);
  test_trace_assert_lines (link.trace,
                           "state-changed(connecting) connecting --- 0 nobody - unknown\n"
                           "error(server-not-found) connecting --- 0 nobody - server-not-found\n"
                           "state-changed(unconnected) unconnected --- 0 - - server-not-found\n"
                           CONNECTING CONNECTED);
  link_clear (&link);
}

static void
test_again_many (void)
{
  Again again = { "disconnected", 20, "market" };
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, connect_again, &again);
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  while (again.n_left > 0)
    {
      guint n_left = again.n_left;

      test_raw_close (test_raw_accept (link.listener));
      TEST_TURN_UNTIL (again.n_left < n_left);
    }
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  link_clear (&link);
}

/* Adopting descriptors */

static void
test_adopt_connected (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];

  test_raw_pair (raws);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_no_error (error);
  test_trace_assert_lines (trace, "state-changed(connected) connected ovd 0 - - unknown\n");
  g_assert_cmpint (l_socket_get_socket_descriptor (socket), ==, raws[0]);
  g_assert_true (test_raw_is_set_up (raws[0]));

  test_raw_write (raws[1], "hello");
  test_raw_close (raws[1]);
  TEST_TURN_UNTIL (test_trace_has (trace, "disconnected"));
  test_trace_assert (trace,
                     "ready-read error(peer-closed) state-changed(closing) state-changed(unconnected) "
                     "read-channel-finished disconnected");
}

static void
test_adopt_write_in_handler (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];

  g_test_summary ("What is written in state-changed leaves when the handler has returned");

  test_raw_pair (raws);
  g_signal_connect_swapped (socket, "state-changed", G_CALLBACK (write_from_handler), socket);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
  g_signal_handlers_disconnect_by_func (socket, write_from_handler, socket);
  test_raw_close (raws[1]);
}

/* The names are those of the listener, at both ends. */
static void
test_adopt_named (gconstpointer accepted)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autofree char *path = test_build_path ("market");
  TestRaw listener = test_raw_listen (path, 1);
  TestRaw raws[2];

  raws[0] = test_raw_connect (path);
  raws[1] = test_raw_accept (listener);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[accepted != NULL], L_SOCKET_STATE_CONNECTED, READ_WRITE,
                                                 NULL));
  test_trace_assert_lines (trace, "state-changed(connected) connected ovd 0 market ~/market unknown\n");
  test_raw_close (raws[accepted == NULL]);
  test_raw_close (listener);
}

static void
test_adopt_connecting_connected (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  TestRaw raws[2];

  test_raw_pair (raws);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTING, READ_WRITE, NULL));
  test_trace_assert_lines (trace,
                           "state-changed(connecting) connecting --- 0 - - unknown\n"
                           "state-changed(connected) connected ovd 0 - - unknown\n"
                           "connected connected ovd 0 - - unknown\n");
  test_raw_close (raws[1]);
}

static void
test_adopt_busy (void)
{
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];
  Link link;

  link_init_connected (&link);
  test_raw_pair (raws);
  g_assert_false (l_socket_set_socket_descriptor (link.socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  test_trace_assert_lines (link.trace, OPERATION ("connected ovd 0 market ~/market"));
  g_clear_error (&error);

  l_socket_disconnect_from_server (link.socket);
  g_assert_false (l_socket_set_socket_descriptor (link.socket, raws[0], L_SOCKET_STATE_CONNECTED, 0, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);

  close_stream (link.socket);
  g_assert_false (l_socket_set_socket_descriptor (link.socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);

  test_raw_close (raws[0]);
  test_raw_close (raws[1]);
  link_clear (&link);
}

/* Reused for another connection, with what was unread dropped. */
static void
test_adopt_again (void)
{
  TestRaw raws[2];
  Link link;

  link_init_connected (&link);
  test_raw_write (link.raw, "hello");
  link_close_raw (&link);
  turn_until_unconnected (&link);
  test_trace_clear (link.trace);
  test_raw_pair (raws);
  g_assert_true (l_socket_set_socket_descriptor (link.socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, NULL));
  test_trace_assert_lines (link.trace,
                           "about-to-close unconnected o-- 5 - - peer-closed\n"
                           "state-changed(connected) connected ovd 0 - - unknown\n");
  test_raw_close (raws[1]);
  link_clear (&link);
}

/* Properties */

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              gpointer    counter)
{
  ++*(guint *) counter;
}

static void
test_property_options (void)
{
  LSocketOptions options;
  guint n_notified = 0;
  Link link;

  link_init (&link);
  g_signal_connect (link.socket, "notify::options", G_CALLBACK (count_notify), &n_notified);
  l_socket_set_options (link.socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_set_options (link.socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_set (link.socket, "options", L_SOCKET_OPTIONS_NONE, NULL);
  g_assert_cmpuint (n_notified, ==, 2);

  link_connect (&link);
  test_begin_warnings ();
  l_socket_set_options (link.socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpuint (test_end_warnings (), ==, 1);
  g_object_get (link.socket, "options", &options, NULL);
  g_assert_cmpint (options, ==, L_SOCKET_OPTIONS_NONE);
  g_assert_cmpuint (n_notified, ==, 2);

  l_socket_disconnect_from_server (link.socket);
  l_socket_set_options (link.socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpint (l_socket_get_options (link.socket), ==, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  link_clear (&link);
}

static void
test_property_half_open (void)
{
  guint n_notified = 0;
  gboolean half_open;
  Link link;

  link_init_connected (&link);
  g_assert_false (l_socket_get_half_open (link.socket));
  g_signal_connect (link.socket, "notify::half-open", G_CALLBACK (count_notify), &n_notified);
  l_socket_set_half_open (link.socket, 2);
  l_socket_set_half_open (link.socket, TRUE);
  g_object_get (link.socket, "half-open", &half_open, NULL);
  g_assert_cmpint (half_open, ==, TRUE);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_set (link.socket, "half-open", FALSE, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  link_clear (&link);
}

static void
test_property_low_latency (void)
{
  guint n_notified = 0;
  gboolean low_latency;
  Link link;

  link_init_connected (&link);
  g_assert_false (l_socket_get_low_latency (link.socket));
  g_signal_connect (link.socket, "notify::low-latency", G_CALLBACK (count_notify), &n_notified);
  l_socket_set_low_latency (link.socket, 2);
  l_socket_set_low_latency (link.socket, TRUE);
  g_object_get (link.socket, "low-latency", &low_latency, NULL);
  g_assert_cmpint (low_latency, ==, TRUE);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_set (link.socket, "low-latency", FALSE, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  link_clear (&link);
}

static void
test_property_connect_timeout (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  guint n_notified = 0;
  int msecs;

  g_assert_cmpint (l_socket_get_connect_timeout (socket), ==, L_SOCKET_DEFAULT_TIMEOUT);
  g_signal_connect (socket, "notify::connect-timeout", G_CALLBACK (count_notify), &n_notified);
  l_socket_set_connect_timeout (socket, -1);
  l_socket_set_connect_timeout (socket, -1);
  g_object_set (socket, "connect-timeout", 5, NULL);
  g_object_get (socket, "connect-timeout", &msecs, NULL);
  g_assert_cmpint (msecs, ==, 5);
  g_assert_cmpuint (n_notified, ==, 2);
}

/* Whoever binds a property sees its changes. */
static void
test_property_notify (void)
{
  static const char * const names[] = {
    "state", "valid", "socket-descriptor", "server-name", "full-server-name", "error", "open-mode", "address",
  };
  guint n_names = test_is_unix () ? G_N_ELEMENTS (names) : G_N_ELEMENTS (names) - 1;
  guint counts[G_N_ELEMENTS (names)] = { 0 };
  g_autoptr(GObject) follower = g_object_new (L_TYPE_SOCKET, NULL);
  Link link;

  link_init (&link);
  for (guint i = 0; i < n_names; i++)
    {
      g_autofree char *signal = g_strconcat ("notify::", names[i], NULL);

      g_signal_connect (link.socket, signal, G_CALLBACK (count_notify), &counts[i]);
    }
  g_object_bind_property (link.socket, "valid", follower, "half-open", G_BINDING_SYNC_CREATE);

  link_connect (&link);
  g_assert_true (l_socket_get_half_open (L_SOCKET (follower)));
  g_assert_cmpuint (counts[0], ==, 2);
  for (guint i = 1; i < n_names; i++)
    g_assert_cmpuint (counts[i], ==, g_str_equal (names[i], "error") ? 0 : 1);

  link_close_raw (&link);
  turn_until_unconnected (&link);
  g_assert_false (l_socket_get_half_open (L_SOCKET (follower)));
  g_assert_cmpuint (counts[0], ==, 4);
  for (guint i = 1; i < n_names; i++)
    g_assert_cmpuint (counts[i], ==, g_str_equal (names[i], "error") || g_str_equal (names[i], "open-mode") ? 1 : 2);
  link_clear (&link);
}

/* A handler of a notification may end it all as well; what it has overtaken is not told any more. */

static void
abort_on_notify (GObject    *object,
                 GParamSpec *pspec,
                 gpointer    unused)
{
  g_signal_handlers_disconnect_by_func (object, abort_on_notify, NULL);
  l_socket_abort (L_SOCKET (object));
}

static void
test_property_notify_abort (gconstpointer name)
{
  g_autofree char *signal = g_strconcat ("notify::", (const char *) name, NULL);
  Link link;

  for (guint at_end = 0; at_end < 2; at_end++)
    {
      link_init (&link);
      test_trace_free (link.trace);
      link.trace = test_trace_new (link.socket);
      if (at_end)
        link_connect (&link);
      g_signal_connect (link.socket, signal, G_CALLBACK (abort_on_notify), NULL);
      if (!at_end)
        l_socket_connect_to_server (link.socket, "market", READ_WRITE);

      link_close_raw (&link);
      test_raw_close (link.listener);
      link.listener = -1;
      turn_until_unconnected (&link);
      g_assert_cmpstr (g_ptr_array_index (link.trace->events, link.trace->events->len - 1), !=, "connected");
      g_assert_cmpint (test_trace_has (link.trace, "read-channel-finished"), ==,
                       test_trace_has (link.trace, "disconnected"));
      link_clear (&link);
    }
}

static void
test_property_error (void)
{
  guint n_notified = 0;
  Link link;

  link_init (&link);
  g_signal_connect (link.socket, "notify::error", G_CALLBACK (count_notify), &n_notified);
  l_socket_connect_to_server (link.socket, "nobody", READ_WRITE);
  g_assert_cmpuint (n_notified, ==, 1);
  test_turn_all ();
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);

  /* Until the next attempt begins. */
  link_connect (&link);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_io_device_get_error_string (L_IO_DEVICE (link.socket)));

  link_close_raw (&link);
  turn_until_unconnected (&link);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
  l_socket_abort (link.socket);
  g_assert_cmpint (l_socket_get_error (link.socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_nonnull (l_io_device_get_error_string (L_IO_DEVICE (link.socket)));
  link_clear (&link);
}

static void
let_peer_close (Link    *link,
                LSocket *socket)
{
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  test_raw_close (test_raw_accept (link->listener));
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
}

static void
test_property_error_string_late (void)
{
  LSocket *socket;
  const char *text;
  guint n_notified = 0;
  Link link;

  g_test_summary ("Who asks for the words of peer-closed when all is over gets them all the same");

  link_init (&link);
  socket = l_socket_new ();
  g_signal_connect (socket, "notify::error-string", G_CALLBACK (count_notify), &n_notified);
  let_peer_close (&link, socket);
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_null (l_socket_get_full_server_name (socket));
  text = l_io_device_get_error_string (L_IO_DEVICE (socket));
  g_assert_nonnull (strstr (text, link.path));
  g_assert_true (l_io_device_get_error_string (L_IO_DEVICE (socket)) == text);

  /* Nobody asked, and then it is too late. */
  let_peer_close (&link, socket);
  g_assert_cmpuint (n_notified, ==, 3);
  l_socket_connect_to_server (socket, "nobody", READ_WRITE);
  g_assert_cmpuint (n_notified, ==, 5);
  g_assert_null (strstr (l_io_device_get_error_string (L_IO_DEVICE (socket)), link.path));

  let_peer_close (&link, socket);
  g_assert_finalize_object (socket);
  link_clear (&link);
}

/* Asynchronous functions */

typedef struct
{
  GAsyncResult *result;
  gboolean      returned;
} Call;

static void
on_call_done (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  Call *call = user_data;

  g_assert_true (call->returned);
  g_assert_null (call->result);
  call->result = g_object_ref (result);
}

static void
call_connect (Call         *call,
              LSocket      *socket,
              const char   *name,
              GCancellable *cancellable)
{
  *call = (Call) { NULL, FALSE };
  l_socket_connect_to_server_async (socket, name, READ_WRITE, cancellable, on_call_done, call);
  call->returned = TRUE;
}

static gboolean
finish_connect (Call     *call,
                LSocket  *socket,
                GError  **error)
{
  gboolean done;

  TEST_TURN_UNTIL (call->result != NULL);
  done = l_socket_connect_to_server_finish (socket, call->result, error);
  g_clear_object (&call->result);

  return done;
}

static void
test_async_connect (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init (&link);
  call_connect (&call, link.socket, "market", NULL);
  test_trace_assert_lines (link.trace, CONNECTING CONNECTED);
  g_assert_true (finish_connect (&call, link.socket, &error));
  g_assert_no_error (error);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_async_connect_backlog (void)
{
  Call call;
  Busy busy;

  busy_init (&busy);
  call_connect (&call, busy.link.socket, "market", NULL);
  test_turn_all ();
  g_assert_null (call.result);
  busy_free_one (&busy);
  g_assert_true (finish_connect (&call, busy.link.socket, NULL));
  test_trace_assert_lines (busy.link.trace, CONNECTING CONNECTED);
  busy_clear (&busy);
}

static void
test_async_connect_timeout (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Busy busy;

  busy_init (&busy);
  l_socket_set_connect_timeout (busy.link.socket, 20);
  call_connect (&call, busy.link.socket, "market", NULL);
  g_assert_false (finish_connect (&call, busy.link.socket, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_TIMEOUT);
  test_trace_assert_lines (busy.link.trace, CONNECTING TIMED_OUT);
  busy_clear (&busy);
}

static void
test_async_connect_busy (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init_connected (&link);
  call_connect (&call, link.socket, "market", NULL);
  g_assert_false (finish_connect (&call, link.socket, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_OPERATION);
  test_trace_assert (link.trace, "error(operation)");
  link_clear (&link);
}

/* The program ends the attempt: there is no error to tell. */
static void
test_async_connect_ended (gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Busy busy;

  busy_init (&busy);
  call_connect (&call, busy.link.socket, "market", NULL);
  endings[GPOINTER_TO_UINT (data)] (busy.link.socket);
  g_assert_false (finish_connect (&call, busy.link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (busy.link.trace, "state-changed(connecting) state-changed(unconnected)");
  busy_clear (&busy);
}

static void
test_async_connect_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init (&link);
  g_cancellable_cancel (cancellable);
  call_connect (&call, link.socket, "market", cancellable);
  g_assert_false (finish_connect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_async_connect_cancelled_waiting (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Call call;
  Busy busy;

  busy_init (&busy);
  call_connect (&call, busy.link.socket, "market", cancellable);
  test_turn_all ();
  g_cancellable_cancel (cancellable);
  g_assert_false (finish_connect (&call, busy.link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert_lines (busy.link.trace,
                           CONNECTING "state-changed(unconnected) unconnected --- 0 - - unknown\n");
  busy_clear (&busy);
}

static void
test_async_connect_disposed (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Busy busy;

  g_test_summary ("Who disposes of the socket, as bindings may, ends the attempt, silently");

  busy_init (&busy);
  call_connect (&call, busy.link.socket, "market", NULL);
  test_turn_all ();
  test_trace_clear (busy.link.trace);
  g_object_run_dispose (G_OBJECT (busy.link.socket));
  g_assert_false (finish_connect (&call, busy.link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (busy.link.socket), ==, L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (busy.link.trace, "");
  busy_clear (&busy);
}

typedef struct
{
  GCancellable *cancellable;
  const char   *event;
} CancelAt;

static void
cancel_at (TestTrace  *trace,
           const char *event,
           gpointer    user_data)
{
  CancelAt *at = user_data;

  if (g_str_equal (event, at->event))
    g_cancellable_cancel (at->cancellable);
}

/* Cancelled while it begins: a result of “cancelled” and a connection exclude each other. */
static void
test_async_connect_cancelled_beginning (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  CancelAt at = { cancellable, "state-changed(connecting)" };
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, cancel_at, &at);
  call_connect (&call, link.socket, "market", cancellable);
  g_assert_false (finish_connect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert_lines (link.trace,
                           CONNECTING "state-changed(unconnected) unconnected --- 0 - - unknown\n");
  link_clear (&link);
}

/* Cancelled too late: the attempt has succeeded, or failed, and says so. */
static void
test_async_connect_cancelled_late (gconstpointer event)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  CancelAt at = { cancellable, event };
  gboolean fails = g_str_has_prefix (event, "error");
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, cancel_at, &at);
  call_connect (&call, link.socket, fails ? "nobody" : "market", cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (finish_connect (&call, link.socket, &error), ==, !fails);
  if (fails)
    g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  else
    g_assert_no_error (error);
  link_clear (&link);
}

/* Begun in a handler, from the loop: the callback waits for the return all the same. */
static void
begin_in_handler (TestTrace  *trace,
                  const char *event,
                  gpointer    user_data)
{
  if (g_str_equal (event, "disconnected"))
    call_connect (user_data, L_SOCKET (trace->object), "market", NULL);
}

static void
test_async_connect_in_handler (void)
{
  Call call = { NULL, FALSE };
  Link link;

  link_init_connected (&link);
  test_trace_set_func (link.trace, begin_in_handler, &call);
  link_close_raw (&link);
  g_assert_true (finish_connect (&call, link.socket, NULL));
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  test_trace_set_func (link.trace, NULL, NULL);
  link_clear (&link);
}

/* The call holds the socket. */
static void
test_async_connect_dropped (void)
{
  gpointer weak;
  Call call;
  Busy busy;

  busy_init (&busy);
  call_connect (&call, busy.link.socket, "market", NULL);
  weak = busy.link.socket;
  g_object_add_weak_pointer (weak, &weak);
  g_clear_object (&busy.link.socket);
  busy_free_one (&busy);
  TEST_TURN_UNTIL (call.result != NULL);
  g_assert_true (l_socket_connect_to_server_finish (weak, call.result, NULL));
  g_clear_object (&call.result);
  test_turn_all ();
  g_assert_null (weak);
  busy_clear (&busy);
}

static void
call_disconnect (Call         *call,
                 LSocket      *socket,
                 GCancellable *cancellable)
{
  *call = (Call) { NULL, FALSE };
  l_socket_disconnect_from_server_async (socket, cancellable, on_call_done, call);
  call->returned = TRUE;
}

static gboolean
finish_disconnect (Call     *call,
                   LSocket  *socket,
                   GError  **error)
{
  gboolean done;

  TEST_TURN_UNTIL (call->result != NULL);
  done = l_socket_disconnect_from_server_finish (socket, call->result, error);
  g_clear_object (&call->result);

  return done;
}

static void
test_async_disconnect_disposed (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  g_test_summary ("What was to be sent does not keep a socket that was disposed of");

  link_init_connected (&link);
  test_write_large (link.socket);
  call_disconnect (&call, link.socket, NULL);
  test_trace_clear (link.trace);
  g_object_run_dispose (G_OBJECT (link.socket));
  g_assert_false (finish_disconnect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
test_async_disconnect (void)
{
  Call call;
  Link link;

  link_init (&link);
  call_disconnect (&call, link.socket, NULL);
  g_assert_true (finish_disconnect (&call, link.socket, NULL));
  test_trace_assert (link.trace, "");

  link_connect (&link);
  call_disconnect (&call, link.socket, NULL);
  test_trace_assert_lines (link.trace, CLOSING ("0", "unknown") ENDED ("0", "unknown"));
  g_assert_true (finish_disconnect (&call, link.socket, NULL));
  link_clear (&link);
}

static void
test_async_disconnect_connecting (void)
{
  Call call;
  Busy busy;

  busy_init (&busy);
  l_socket_connect_to_server (busy.link.socket, "market", READ_WRITE);
  call_disconnect (&call, busy.link.socket, NULL);
  g_assert_true (finish_disconnect (&call, busy.link.socket, NULL));
  test_trace_assert (busy.link.trace, "state-changed(connecting) state-changed(unconnected)");
  busy_clear (&busy);
}

/* Twice, and with something to send: both end together, after the signals. */
static void
test_async_disconnect_pending (void)
{
  Call call, second;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  call_disconnect (&call, link.socket, NULL);
  call_disconnect (&second, link.socket, NULL);
  test_turn_all ();
  g_assert_null (call.result);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  g_assert_true (finish_disconnect (&call, link.socket, NULL));
  g_assert_true (finish_disconnect (&second, link.socket, NULL));
  g_assert_cmpstr (g_ptr_array_index (link.trace->events, link.trace->events->len - 1), ==, "disconnected");
  link_clear (&link);
}

/* The waiting ends, and not the disconnecting. */
static void
test_async_disconnect_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  call_disconnect (&call, link.socket, cancellable);
  test_turn_all ();
  g_cancellable_cancel (cancellable);
  g_assert_false (finish_disconnect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CLOSING);
  g_assert_cmpuint (test_raw_read_to_end (link.raw), ==, TEST_LARGE);
  turn_until_unconnected (&link);
  link_clear (&link);
}

static void
test_async_disconnect_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init_connected (&link);
  g_cancellable_cancel (cancellable);
  call_disconnect (&call, link.socket, cancellable);
  g_assert_false (finish_disconnect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_socket_get_state (link.socket), ==, L_SOCKET_STATE_CONNECTED);
  link_clear (&link);
}

static void
test_async_disconnect_vanishes (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  call_disconnect (&call, link.socket, NULL);
  link_close_raw (&link);
  g_assert_false (finish_disconnect (&call, link.socket, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_PEER_CLOSED);
  link_clear (&link);
}

static void
test_async_disconnect_aborted (void)
{
  g_autoptr(GError) error = NULL;
  Call call;
  Link link;

  link_init_connected (&link);
  test_write_large (link.socket);
  call_disconnect (&call, link.socket, NULL);
  l_socket_abort (link.socket);
  g_assert_false (finish_disconnect (&call, link.socket, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  link_clear (&link);
}

/* Synchronous functions */

static void
test_sync_connect (void)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  g_assert_true (l_socket_connect_to_server_sync (link.socket, "market", READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  test_trace_assert_lines (link.trace, CONNECTING CONNECTED);
  link_clear (&link);
}

static GThread *helper;

static void
start_accepting (TestTrace  *trace,
                 const char *event,
                 gpointer    listener)
{
  if (g_str_equal (event, "state-changed(connecting)"))
    helper = g_thread_new ("accept", accept_one, listener);
}

static void
test_sync_connect_backlog (void)
{
  Busy busy;

  busy_init (&busy);
  test_trace_set_func (busy.link.trace, start_accepting, (gpointer) busy.link.listener);
  g_assert_true (l_socket_connect_to_server_sync (busy.link.socket, "market", READ_WRITE, NULL, NULL));
  g_thread_join (helper);

  /* The loop has nothing of the attempt left to do. */
  test_turn ();
  test_turn ();
  test_trace_assert_lines (busy.link.trace, CONNECTING CONNECTED);
  busy_clear (&busy);
}

static void
test_sync_connect_timeout (void)
{
  g_autoptr(GError) error = NULL;
  Busy busy;

  busy_init (&busy);
  l_socket_set_connect_timeout (busy.link.socket, 30);
  g_assert_false (l_socket_connect_to_server_sync (busy.link.socket, "market", READ_WRITE, NULL, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_TIMEOUT);
  test_turn_all ();
  test_trace_assert_lines (busy.link.trace, CONNECTING TIMED_OUT);
  busy_clear (&busy);
}

static gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
start_cancelling (TestTrace  *trace,
                  const char *event,
                  gpointer    cancellable)
{
  if (g_str_equal (event, "state-changed(connecting)"))
    helper = g_thread_new ("cancel", cancel_in_thread, cancellable);
}

static void
test_sync_connect_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Busy busy;

  busy_init (&busy);
  test_trace_set_func (busy.link.trace, start_cancelling, cancellable);
  g_assert_false (l_socket_connect_to_server_sync (busy.link.socket, "market", READ_WRITE, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (helper);
  test_trace_assert_lines (busy.link.trace,
                           CONNECTING "state-changed(unconnected) unconnected --- 0 - - unknown\n");
  busy_clear (&busy);
}

static void
test_sync_connect_cancelled_before (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  g_cancellable_cancel (cancellable);
  g_assert_false (l_socket_connect_to_server_sync (link.socket, "market", READ_WRITE, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (link.trace, "");
  link_clear (&link);
}

static void
abort_at (TestTrace  *trace,
          const char *event,
          gpointer    wanted)
{
  if (g_str_equal (event, wanted))
    l_socket_abort (L_SOCKET (trace->object));
}

static void
test_sync_connect_aborted (void)
{
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  test_trace_set_func (link.trace, abort_at, (gpointer) "state-changed(connecting)");
  g_assert_false (l_socket_connect_to_server_sync (link.socket, "market", READ_WRITE, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (link.trace, "state-changed(connecting) state-changed(unconnected)");
  link_clear (&link);
}

/* A server's end */

/* The last handler of a connection may drop its server. */
static void
drop_server (TestTrace  *trace,
             const char *event,
             gpointer    server)
{
  if (g_str_equal (event, "disconnected"))
    g_clear_object ((LServer **) server);
}

static void
test_accepted_drops_server (void)
{
  TestPair pair;
  g_autoptr(TestTrace) trace = NULL;

  test_pair_init (&pair);
  trace = test_trace_new_full (pair.peer);
  test_trace_set_func (trace, drop_server, &pair.server);
  g_clear_object (&pair.client);
  TEST_TURN_UNTIL (pair.server == NULL);
  test_turn_all ();
  test_pair_clear (&pair);
}

/* A handler that disconnects and runs a loop until that is done: the end does not wait for its return. */
static void
disconnect_and_turn (TestTrace  *trace,
                     const char *event,
                     gpointer    wanted)
{
  LSocket *socket = L_SOCKET (trace->object);

  if (!g_str_has_prefix (event, wanted))
    return;

  test_trace_set_func (trace, NULL, NULL);
  if (!g_str_has_prefix (event, "error"))
    test_write_large (socket);
  l_socket_disconnect_from_server (socket);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
}

static void
test_nested_loop (gconstpointer event)
{
  GThread *reader;
  Link link;

  link_init (&link);
  l_socket_connect_to_server (link.socket, "market", READ_WRITE);
  link.raw = test_raw_accept (link.listener);
  test_raw_write (link.raw, "hello");
  test_trace_set_func (link.trace, disconnect_and_turn, (gpointer) event);
  if (g_str_equal (event, "error"))
    test_raw_shut_down_write (link.raw);
  reader = g_thread_new ("reader", read_in_thread, (gpointer) link.raw);
  test_write (link.socket, "hello");
  turn_until_unconnected (&link);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), ==,
                    g_str_equal (event, "error") ? 5 : TEST_LARGE + 5);
  g_assert_true (link.trace->ended);
  link_clear (&link);
}

/* A handler of ready-read that begins the next connection and turns until something has come there. */
static void
connect_and_turn (TestTrace  *trace,
                  const char *event,
                  gpointer    user_data)
{
  Link *link = user_data;

  if (!g_str_equal (event, "ready-read"))
    return;

  test_trace_set_func (trace, NULL, NULL);
  l_socket_abort (link->socket);
  link_close_raw (link);
  l_socket_connect_to_server (link->socket, "market", READ_WRITE);
  link->raw = test_raw_accept (link->listener);
  test_raw_write (link->raw, "welcome");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link->socket)) == 7);
  test_trace_clear (trace);
}

static void
test_nested_next_session (void)
{
  Link link;

  g_test_summary ("What came to the next connection in a nested loop is announced when the handler has returned");

  link_init_connected (&link);
  test_trace_set_func (link.trace, connect_and_turn, &link);
  test_raw_write (link.raw, "hello");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.socket)) == 7);
  test_turn_all ();
  test_trace_assert (link.trace, "ready-read");
  link_clear (&link);
}

/* Handlers that do what they like: every way a connection goes, with every action in the handler of every signal of
 * it. What must hold whatever happens is checked by the full trace in each handler, and here at the end. */

typedef struct
{
  char        *path;
  TestRaw      listener;
  GArray      *raws;
  LSocket     *socket;  /* (owned) (nullable): NULL once a handler has dropped it */
  TestTrace   *trace;
  void      (* action) (gpointer run);
  guint        n_events;
  guint        at;      /* the event in whose handler it acts */
  guint        n_closing; /* asynchronous closes that have not called back */
} Run;

static void
on_run_event (TestTrace  *trace,
              const char *event,
              gpointer    user_data)
{
  Run *run = user_data;

  if (run->n_events++ == run->at && run->action != NULL)
    run->action (run);
}

/* All the peer's ends that there are by now. */
static void
run_accept (Run *run)
{
  while (test_raw_is_waiting (run->listener))
    {
      TestRaw raw = test_raw_accept (run->listener);

      g_array_append_val (run->raws, raw);
    }
}

static void
run_turn (Run *run)
{
  test_turn_all ();
  run_accept (run);
}

static void
run_close_raws (Run *run)
{
  run_accept (run);
  for (guint i = 0; i < run->raws->len; i++)
    test_raw_close (g_array_index (run->raws, TestRaw, i));
  g_array_set_size (run->raws, 0);
}

static void
run_write_raw (Run        *run,
               const char *text)
{
  run_accept (run);
  for (guint i = 0; i < run->raws->len; i++)
    test_raw_send (g_array_index (run->raws, TestRaw, i), text, strlen (text));
}

static void
run_read_raws (Run *run)
{
  for (guint n_idle = 0; n_idle < 3; n_idle++)
    for (guint i = 0; i < run->raws->len; i++)
      if (test_raw_take (g_array_index (run->raws, TestRaw, i), NULL) > 0)
        {
          n_idle = 0;
          run_turn (run);
        }
}

static void
run_connect (Run *run)
{
  l_socket_connect_to_server (run->socket, run->path, READ_WRITE);
  run_accept (run);
}

/* Ways a connection goes; each step only while the handlers have left a socket. */

#define STEP(step)            \
  G_STMT_START                \
    {                         \
      if (run->socket == NULL) \
        return;               \
      step;                   \
    }                         \
  G_STMT_END

static void
go_connect (Run *run)
{
  STEP (run_connect (run));
  run_turn (run);
}

static void
go_refused (Run *run)
{
  STEP (l_socket_connect_to_server (run->socket, "nobody", READ_WRITE));
  run_turn (run);
}

static void
go_time_out (Run *run)
{
  GArray *fillers;

  test_raw_close (run->listener);
  run->listener = test_raw_listen (run->path, 0);
  fillers = test_raw_fill_backlog (run->path);
  l_socket_set_connect_timeout (run->socket, 3);
  STEP (l_socket_connect_to_server (run->socket, run->path, READ_WRITE));
  while (run->socket != NULL && l_socket_get_state (run->socket) == L_SOCKET_STATE_CONNECTING)
    test_turn ();
  test_raw_close_all (fillers);
  run_turn (run);
}

static void
go_remote_close (Run *run)
{
  STEP (run_connect (run));
  run_write_raw (run, "hello");
  run_close_raws (run);
  run_turn (run);
}

static void
go_remote_close_flush (Run *run)
{
  STEP (run_connect (run));
  run_write_raw (run, "hello");
  run_close_raws (run);
  STEP (l_io_device_write (L_IO_DEVICE (run->socket), "x", 1, NULL));
  STEP (l_socket_flush (run->socket));
  run_turn (run);
}

static void
go_talk (Run *run)
{
  STEP (run_connect (run));
  run_write_raw (run, "one");
  run_turn (run);
  STEP (l_io_device_write (L_IO_DEVICE (run->socket), "two", 3, NULL));
  run_turn (run);
  run_write_raw (run, "three");
  run_turn (run);
  STEP (l_socket_disconnect_from_server (run->socket));
  run_turn (run);
}

static void
write_large (Run *run)
{
  g_autofree char *data = g_malloc0 (TEST_LARGE);

  l_io_device_write (L_IO_DEVICE (run->socket), data, TEST_LARGE, NULL);
}

static void
go_disconnect_pending (Run *run)
{
  STEP (run_connect (run));
  STEP (write_large (run));
  STEP (l_socket_disconnect_from_server (run->socket));
  run_turn (run);
  run_read_raws (run);
  run_turn (run);
}

static void
go_vanish_closing (Run *run)
{
  STEP (run_connect (run));
  STEP (write_large (run));
  STEP (l_socket_disconnect_from_server (run->socket));
  run_write_raw (run, "bye");
  run_close_raws (run);
  run_turn (run);
}

static void
go_abort (Run *run)
{
  STEP (run_connect (run));
  run_write_raw (run, "hello");
  run_turn (run);
  STEP (l_socket_abort (run->socket));
  run_turn (run);
}

static void
on_run_closed (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  ((Run *) user_data)->n_closing--;
}

static void
run_close_async (Run *run)
{
  run->n_closing++;
  g_io_stream_close_async (G_IO_STREAM (run->socket), 0, NULL, on_run_closed, run);
}

static void
go_close_async (Run *run)
{
  STEP (run_connect (run));
  STEP (write_large (run));
  STEP (run_close_async (run));
  run_turn (run);
  run_read_raws (run);
  run_turn (run);
}

static void
go_half_close (Run *run)
{
  STEP (run_connect (run));
  STEP (write_large (run));
  run_write_raw (run, "question");
  for (guint i = 0; i < run->raws->len; i++)
    test_raw_shut_down_write (g_array_index (run->raws, TestRaw, i));
  run_turn (run);
  run_read_raws (run);
  run_turn (run);
}

static void
go_half_open (Run *run)
{
  l_socket_set_half_open (run->socket, TRUE);
  go_half_close (run);
  STEP (l_socket_disconnect_from_server (run->socket));
  run_turn (run);
}

static void
go_shut_down (Run *run)
{
  STEP (run_connect (run));
  STEP (l_io_device_write (L_IO_DEVICE (run->socket), "x", 1, NULL));
  STEP (l_socket_shutdown_write (run->socket, NULL));
  run_write_raw (run, "answer");
  run_read_raws (run);
  run_close_raws (run);
  run_turn (run);
}

static void
go_adopt (Run *run)
{
  TestRaw raws[2];

  test_raw_pair (raws);
  g_array_append_val (run->raws, raws[1]);
  l_socket_set_socket_descriptor (run->socket, raws[0], L_SOCKET_STATE_CONNECTED, READ_WRITE, NULL);
  run_write_raw (run, "hello");
  run_turn (run);
  run_close_raws (run);
  run_turn (run);
}

static void
go_reconnect (Run *run)
{
  STEP (run_connect (run));
  run_write_raw (run, "hello");
  run_close_raws (run);
  run_turn (run);
  STEP (run_connect (run));
  STEP (l_socket_disconnect_from_server (run->socket));
  run_turn (run);
}

static const struct
{
  const char *name;
  void     (* go) (Run *run);
  gboolean    unix_only;
} courses[] = {
  { "connect", go_connect },
  { "refused", go_refused },
  { "time-out", go_time_out },
  { "remote-close", go_remote_close },
  { "remote-close-flush", go_remote_close_flush },
  { "talk", go_talk },
  { "disconnect-pending", go_disconnect_pending },
  { "vanish-closing", go_vanish_closing },
  { "abort", go_abort },
  { "close-async", go_close_async },
  { "half-close", go_half_close, TRUE },
  { "half-open", go_half_open, TRUE },
  { "shut-down", go_shut_down, TRUE },
  { "adopt", go_adopt },
  { "reconnect", go_reconnect },
};

/* Actions */

static void
act_drop (gpointer data)
{
  g_clear_object (&((Run *) data)->socket);
}

static void
act_abort (gpointer data)
{
  l_socket_abort (((Run *) data)->socket);
}

static void
act_abort_and_drop (gpointer data)
{
  act_abort (data);
  act_drop (data);
}

static void
act_disconnect (gpointer data)
{
  l_socket_disconnect_from_server (((Run *) data)->socket);
}

static void
act_disconnect_and_drop (gpointer data)
{
  act_disconnect (data);
  act_drop (data);
}

static void
act_connect (gpointer data)
{
  run_connect (data);
}

static void
act_abort_and_connect (gpointer data)
{
  act_abort (data);
  run_connect (data);
}

static void
act_disconnect_and_connect (gpointer data)
{
  act_disconnect (data);
  run_connect (data);
}

static void
act_close (gpointer data)
{
  Run *run = data;

  if (!g_io_stream_has_pending (G_IO_STREAM (run->socket)))
    run_close_async (run);
}

static void
act_turn (gpointer data)
{
  run_turn (data);
}

static void
act_close_peer_and_turn (gpointer data)
{
  run_close_raws (data);
  run_turn (data);
}

static void
act_write (gpointer data)
{
  l_io_device_write (L_IO_DEVICE (((Run *) data)->socket), "more", 4, NULL);
}

static void
act_write_and_flush (gpointer data)
{
  act_write (data);
  l_socket_flush (((Run *) data)->socket);
}

static void
act_read (gpointer data)
{
  g_autoptr(GBytes) bytes G_GNUC_UNUSED = l_io_device_read_all (L_IO_DEVICE (((Run *) data)->socket), NULL);
}

static void
act_shut_down (gpointer data)
{
  l_socket_shutdown_write (((Run *) data)->socket, NULL);
}

static void
act_wait_connected (gpointer data)
{
  l_socket_wait_for_connected (((Run *) data)->socket, 5);
}

static void
act_wait_disconnected (gpointer data)
{
  l_socket_wait_for_disconnected (((Run *) data)->socket, 5);
}

static void
act_wait_ready_read (gpointer data)
{
  l_io_device_wait_for_ready_read (L_IO_DEVICE (((Run *) data)->socket), 5);
}

static void
act_wait_bytes_written (gpointer data)
{
  l_io_device_wait_for_bytes_written (L_IO_DEVICE (((Run *) data)->socket), 5);
}

static const struct
{
  const char *name;
  void     (* act) (gpointer run);
} actions[] = {
  { "drop", act_drop },
  { "abort", act_abort },
  { "abort-and-drop", act_abort_and_drop },
  { "disconnect", act_disconnect },
  { "disconnect-and-drop", act_disconnect_and_drop },
  { "connect", act_connect },
  { "abort-and-connect", act_abort_and_connect },
  { "disconnect-and-connect", act_disconnect_and_connect },
  { "close", act_close },
  { "turn", act_turn },
  { "close-peer-and-turn", act_close_peer_and_turn },
  { "write", act_write },
  { "write-and-flush", act_write_and_flush },
  { "read", act_read },
  { "shut-down", act_shut_down },
  { "wait-connected", act_wait_connected },
  { "wait-disconnected", act_wait_disconnected },
  { "wait-ready-read", act_wait_ready_read },
  { "wait-bytes-written", act_wait_bytes_written },
};

/* How many events there were. */
static guint
run_once (void  (* go) (Run *),
          void  (* action) (gpointer),
          guint    at)
{
  Run run = { .path = test_build_path ("market"), .action = action, .at = at };
  gpointer weak;

  run.listener = test_raw_listen (run.path, 16);
  run.raws = g_array_new (FALSE, FALSE, sizeof (TestRaw));
  run.socket = l_socket_new ();
  run.trace = test_trace_new_full (run.socket);
  test_trace_set_func (run.trace, on_run_event, &run);
  weak = run.socket;
  g_object_add_weak_pointer (weak, &weak);

  go (&run);

  /* Without anybody at the other end everything ends, and whoever saw the beginning of a session sees its end. */
  run_turn (&run);
  run_read_raws (&run);
  run_close_raws (&run);
  test_raw_close (run.listener);
  run.listener = -1;
  test_turn_all ();
  /* A late event may drop it. */
  TEST_TURN_UNTIL (run.socket == NULL ||
                   (l_socket_get_state (run.socket) == L_SOCKET_STATE_UNCONNECTED && run.n_closing == 0));
  test_turn_all ();
  if (run.socket != NULL)
    {
      g_assert_cmpint (run.trace->state, ==, L_SOCKET_STATE_UNCONNECTED);
      g_assert_cmpint (run.trace->reached, ==, run.trace->ended);
    }

  g_clear_object (&run.socket);
  TEST_TURN_UNTIL (weak == NULL);
  test_trace_free (run.trace);
  g_array_unref (run.raws);
  g_free (run.path);
  return run.n_events;
}

static void
test_handlers (gconstpointer data)
{
  guint course = GPOINTER_TO_UINT (data) / G_N_ELEMENTS (actions);
  guint action = GPOINTER_TO_UINT (data) % G_N_ELEMENTS (actions);
  guint n_events = run_once (courses[course].go, NULL, 0);

  for (guint at = 0; at < MIN (n_events, 16); at++)
    {
      guint n_before = test_count_descriptors ();

      if (g_test_verbose ())
        g_printerr ("%s in event %u of %s\n", actions[action].name, at, courses[course].name);
      run_once (courses[course].go, actions[action].act, at);
      g_assert_cmpuint (test_count_descriptors (), ==, n_before);
    }
}

static void
add_handlers (void)
{
  static const char * const nested[] = { "ready-read", "bytes-written", "error" };

  for (guint i = 0; i < G_N_ELEMENTS (nested); i++)
    {
      g_autofree char *path = g_strconcat ("/socket/handlers/nested-loop/", nested[i], NULL);

      /* The peer goes on reading. */
      if (g_str_equal (nested[i], "error") && !test_is_unix ())
        continue;

      test_add_data (path, nested[i], test_nested_loop);
    }
  test_add ("/socket/handlers/nested-loop/next-session", test_nested_next_session);

  for (guint course = 0; course < G_N_ELEMENTS (courses); course++)
    for (guint action = 0; action < G_N_ELEMENTS (actions); action++)
      {
        g_autofree char *path = NULL;

        if (courses[course].unix_only && !test_is_unix ())
          continue;

        path = g_strdup_printf ("/socket/handlers/%s/%s", courses[course].name, actions[action].name);
        test_add_data (path, GUINT_TO_POINTER (course * G_N_ELEMENTS (actions) + action), test_handlers);
      }
}

static void
add_each (const char         *prefix,
          const char * const *names,
          guint               n_names,
          gboolean            by_index,
          GTestDataFunc       func)
{
  for (guint i = 0; i < n_names; i++)
    {
      g_autofree char *path = g_strconcat (prefix, names[i], NULL);

      g_strdelimit (path, "()", '-');
      test_add_data (path, by_index ? GUINT_TO_POINTER (i) : names[i], func);
    }
}

#define ADD_EACH(prefix, names, by_index, func) add_each (prefix, names, G_N_ELEMENTS (names), by_index, func)

static void
add_connecting (void)
{
  static const char * const ends[] = { "abort", "disconnect", "close" };

  test_add ("/socket/connect/ok", test_connect_ok);
  test_add ("/socket/connect/write-in-handler", test_connect_write_in_handler);
  test_add ("/socket/connect/path", test_connect_path);
  test_add_failures ("/socket/connect/fails/", failures, G_N_ELEMENTS (failures));
  test_add ("/socket/connect/no-mode", test_connect_no_mode);
  test_add ("/socket/connect/read-only", test_connect_read_only);
  test_add ("/socket/connect/write-only", test_connect_write_only);
  test_add ("/socket/connect/write-early", test_connect_write_early);
  test_add ("/socket/connect/write-early-dropped", test_connect_write_early_dropped);
  test_add ("/socket/backlog/freed", test_backlog_freed);
  test_add ("/socket/backlog/waited-for", test_backlog_waited_for);
  test_add ("/socket/backlog/timeout", test_backlog_timeout);
  test_add ("/socket/backlog/no-timeout", test_backlog_no_timeout);
  test_add ("/socket/backlog/unlimited", test_backlog_unlimited);
  ADD_EACH ("/socket/backlog/ended/", ends, TRUE, test_backlog_ended);
  test_add ("/socket/backlog/dropped", test_backlog_dropped);
  test_add ("/socket/backlog/server-gone", test_backlog_server_gone);
  test_add ("/socket/busy/connecting", test_busy_connecting);
  test_add ("/socket/busy/connected", test_busy_connected);
  test_add ("/socket/busy/closing", test_busy_closing);
  test_add ("/socket/busy/closed", test_busy_closed);
}

static void
add_ending (void)
{
  test_add ("/socket/disconnect/idle", test_disconnect_idle);
  test_add ("/socket/disconnect/small", test_disconnect_small);
  test_add ("/socket/disconnect/pending", test_disconnect_pending);
  test_add ("/socket/disconnect/unread", test_disconnect_unread);
  test_add ("/socket/disconnect/and-unref", test_disconnect_and_unref);
  test_add ("/socket/disconnect/unref-connected", test_unref_connected);
  test_add ("/socket/disconnect/peer-vanishes", test_disconnect_peer_vanishes);
  test_add ("/socket/disconnect/peer-speaks-and-vanishes", test_disconnect_peer_speaks_and_vanishes);
  test_add ("/socket/remote-close/idle", test_remote_close);
  test_add ("/socket/remote-close/unread", test_remote_close_unread);
  test_add ("/socket/remote-close/reset", test_remote_reset);
  test_add ("/socket/remote-close/flush", test_remote_close_flush);
  test_add ("/socket/remote-close/large", test_remote_close_large);
  if (test_is_unix ())
    {
      test_add ("/socket/half-close/default", test_half_close_default);
      test_add ("/socket/half-close/idle", test_half_close_idle);
      test_add ("/socket/half-open/answer", test_half_open);
      test_add ("/socket/half-open/then-closed", test_half_open_then_closed);
      test_add ("/socket/half-open/hang-up", test_half_open_hang_up);
      test_add ("/socket/shutdown-write/answer", test_shutdown_write);
      test_add ("/socket/shutdown-write/pending", test_shutdown_write_pending);
      test_add ("/socket/shutdown-write/both", test_shutdown_write_both);
      test_add ("/socket/shutdown-write/tells-all", test_shutdown_write_tells_all);
      test_add ("/socket/shutdown-write/vanishes", test_shutdown_write_vanishes);
      test_add ("/socket/shutdown-write/disconnect", test_shutdown_write_disconnect);
      test_add ("/socket/shutdown-write/states", test_shutdown_write_states);
      test_add ("/socket/shutdown-write/output-stream", test_shutdown_output_stream);
      test_add ("/socket/shutdown-write/output-stream-dropped", test_shutdown_output_stream_dropped);
    }
  test_add ("/socket/abort/unconnected", test_abort_unconnected);
  test_add ("/socket/abort/connected", test_abort_connected);
  test_add ("/socket/abort/closing", test_abort_closing);
  test_add ("/socket/abort/ended", test_abort_ended);
  test_add ("/socket/close/idle", test_close_idle);
  test_add ("/socket/close/sync", test_close_sync);
  test_add ("/socket/close/sync-cancelled", test_close_sync_cancelled);
  test_add ("/socket/close/async", test_close_async);
  test_add ("/socket/close/async-idle", test_close_async_idle);
  test_add ("/socket/close/async-cancelled", test_close_async_cancelled);
  test_add ("/socket/close/async-vanishes", test_close_async_vanishes);
  test_add_data ("/socket/close/vanished", NULL, test_close_vanished);
  test_add_data ("/socket/close/async-vanished", GUINT_TO_POINTER (TRUE), test_close_vanished);
  test_add ("/socket/close/async-aborted", test_close_async_aborted);
  test_add ("/socket/close/closing", test_close_closing);
  test_add ("/socket/close/ended", test_close_ended);
}

static void
add_again (void)
{
  static const char * const lasts[] = { "state-changed(unconnected)", "read-channel-finished", "disconnected" };

  test_add ("/socket/again/after-disconnect", test_again_after_disconnect);
  test_add_data ("/socket/again/closed-in-handler/name", "name", test_again_closed_in_handler);
  test_add_data ("/socket/again/closed-in-handler/descriptor", "descriptor", test_again_closed_in_handler);
  ADD_EACH ("/socket/again/in-", lasts, FALSE, test_again_in_handler);
  test_add ("/socket/again/in-error", test_again_in_error);
  test_add ("/socket/again/in-connect-error", test_again_in_connect_error);
  test_add ("/socket/again/after-failure", test_again_after_failure);
  test_add ("/socket/again/many", test_again_many);
}

static void
add_adopting (void)
{
  test_add ("/socket/adopt/connected", test_adopt_connected);
  test_add ("/socket/adopt/write-in-handler", test_adopt_write_in_handler);
  test_add_data ("/socket/adopt/client", NULL, test_adopt_named);
  test_add_data ("/socket/adopt/accepted", GUINT_TO_POINTER (1), test_adopt_named);
  test_add ("/socket/adopt/connecting-connected", test_adopt_connecting_connected);
  test_add ("/socket/adopt/busy", test_adopt_busy);
  test_add ("/socket/adopt/again", test_adopt_again);
  test_add ("/socket/accepted/drops-server", test_accepted_drops_server);
}

static void
add_properties (void)
{
  static const char * const notified[] = {
    "state", "valid", "socket-descriptor", "server-name", "full-server-name", "error", "error-string", "open-mode",
  };

  test_add ("/socket/property/options", test_property_options);
  test_add ("/socket/property/half-open", test_property_half_open);
  test_add ("/socket/property/low-latency", test_property_low_latency);
  test_add ("/socket/property/connect-timeout", test_property_connect_timeout);
  test_add ("/socket/property/error", test_property_error);
  test_add ("/socket/property/error-string-late", test_property_error_string_late);
  test_add ("/socket/property/notify", test_property_notify);
  ADD_EACH ("/socket/property/abort-in-notify/", notified, FALSE, test_property_notify_abort);
}

/* Whether a function is still running whose callback must come after it. */
typedef struct
{
  gboolean inside;
  guint    n_calls;
} Begun;

static void
count_call (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Begun *begun = user_data;

  g_assert_false (begun->inside);
  g_assert_false (g_task_had_error (G_TASK (result)));
  begun->n_calls++;
}

static void
assert_called (Begun *begun)
{
  begun->inside = FALSE;
  g_assert_cmpuint (begun->n_calls, ==, 0);
  TEST_TURN_UNTIL (begun->n_calls == 1);
  begun->n_calls = 0;
  begun->inside = TRUE;
}

static void
test_async_nested_loop (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) socket = l_socket_new ();
  Begun begun = { .inside = TRUE };

  g_test_summary ("A handler runs a loop in which all is over before the function that began it returns");

  g_assert_true (l_server_listen (server, "market", NULL));
  g_signal_connect (socket, "state-changed", G_CALLBACK (test_turn_all), NULL);

  l_socket_connect_to_server_async (socket, "market", L_OPEN_MODE_READ_WRITE, NULL, count_call, &begun);
  assert_called (&begun);
  l_socket_disconnect_from_server_async (socket, NULL, count_call, &begun);
  assert_called (&begun);
  l_socket_connect_to_server_async (socket, "market", L_OPEN_MODE_READ_WRITE, NULL, count_call, &begun);
  assert_called (&begun);
  g_io_stream_close_async (G_IO_STREAM (socket), G_PRIORITY_DEFAULT, NULL, count_call, &begun);
  assert_called (&begun);
}

static void
add_calls (void)
{
  static const char * const ends[] = { "abort", "disconnect", "close" };
  static const char * const lates[] = { "state-changed(connected)", "connected", "error(server-not-found)" };

  test_add ("/socket/async/connect/ok", test_async_connect);
  test_add ("/socket/async/connect/backlog", test_async_connect_backlog);
  test_add ("/socket/async/connect/timeout", test_async_connect_timeout);
  test_add ("/socket/async/connect/busy", test_async_connect_busy);
  ADD_EACH ("/socket/async/connect/ended/", ends, TRUE, test_async_connect_ended);
  test_add ("/socket/async/connect/cancelled/before", test_async_connect_cancelled_before);
  test_add ("/socket/async/connect/cancelled/waiting", test_async_connect_cancelled_waiting);
  test_add ("/socket/async/connect/cancelled/beginning", test_async_connect_cancelled_beginning);
  ADD_EACH ("/socket/async/connect/cancelled/late/", lates, FALSE, test_async_connect_cancelled_late);
  test_add ("/socket/async/connect/disposed", test_async_connect_disposed);
  test_add ("/socket/async/disconnect/disposed", test_async_disconnect_disposed);
  test_add ("/socket/async/connect/in-handler", test_async_connect_in_handler);
  test_add ("/socket/async/connect/dropped", test_async_connect_dropped);
  test_add ("/socket/async/nested-loop", test_async_nested_loop);
  test_add ("/socket/async/disconnect/ok", test_async_disconnect);
  test_add ("/socket/async/disconnect/connecting", test_async_disconnect_connecting);
  test_add ("/socket/async/disconnect/pending", test_async_disconnect_pending);
  test_add ("/socket/async/disconnect/cancelled", test_async_disconnect_cancelled);
  test_add ("/socket/async/disconnect/cancelled-before", test_async_disconnect_cancelled_before);
  test_add ("/socket/async/disconnect/vanishes", test_async_disconnect_vanishes);
  test_add ("/socket/async/disconnect/aborted", test_async_disconnect_aborted);
  test_add ("/socket/sync/connect/ok", test_sync_connect);
  test_add ("/socket/sync/connect/backlog", test_sync_connect_backlog);
  test_add ("/socket/sync/connect/timeout", test_sync_connect_timeout);
  test_add ("/socket/sync/connect/cancelled", test_sync_connect_cancelled);
  test_add ("/socket/sync/connect/cancelled-before", test_sync_connect_cancelled_before);
  test_add ("/socket/sync/connect/aborted", test_sync_connect_aborted);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  add_connecting ();
  add_ending ();
  add_again ();
  add_adopting ();
  add_properties ();
  add_calls ();
  add_handlers ();

  return test_run ();
}
