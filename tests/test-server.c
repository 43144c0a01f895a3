/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* LServer by its public functions: its properties and errors, the queue, the three ways of accepting, how long
 * connections live. What listening does to the file system is in test-listener.c, and what else only
 * Unix has in test-server-unix.c. */

#include "test-server-util.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

/* Helpers */

static void
count (guint *n)
{
  ++*n;
}

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              gpointer    user_data)
{
  ++*(guint *) user_data;
}

/* A subclass */

#define TEST_TYPE_SERVER (test_server_get_type ())
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, LServer)

typedef enum
{
  INCOMING_WRAP,  /* in an LSocket of its own, for the queue */
  INCOMING_KEEP,  /* the descriptor, for the test */
  INCOMING_CLOSE,
  INCOMING_CHAIN, /* up */
} Incoming;

struct _TestServer
{
  LServer  parent_instance;
  Incoming incoming;
  GArray  *descriptors; /* (element-type TestRaw) */
  guint    n_new_connections;
};

G_DEFINE_TYPE (TestServer, test_server, L_TYPE_SERVER)

static void
test_server_incoming_connection (LServer  *server,
                                 gintptr   descriptor)
{
  TestServer *self = TEST_SERVER (server);
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw raw = descriptor;

  switch (self->incoming)
    {
    case INCOMING_WRAP:
      socket = l_socket_new ();
      l_socket_set_socket_descriptor (socket, descriptor, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
      g_assert_no_error (error);
      l_server_add_pending_connection (server, socket);
      break;
    case INCOMING_KEEP:
      g_array_append_val (self->descriptors, raw);
      break;
    case INCOMING_CLOSE:
      test_raw_close (raw);
      break;
    case INCOMING_CHAIN:
    default:
      L_SERVER_CLASS (test_server_parent_class)->incoming_connection (server, descriptor);
      break;
    }
}

static void
test_server_new_connection (LServer *server)
{
  TEST_SERVER (server)->n_new_connections++;
}

static void
test_server_finalize (GObject *object)
{
  g_array_unref (TEST_SERVER (object)->descriptors);

  G_OBJECT_CLASS (test_server_parent_class)->finalize (object);
}

static void
test_server_class_init (TestServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_server_finalize;
  L_SERVER_CLASS (klass)->incoming_connection = test_server_incoming_connection;
  L_SERVER_CLASS (klass)->new_connection = test_server_new_connection;
}

static void
test_server_init (TestServer *self)
{
  self->descriptors = g_array_new (FALSE, FALSE, sizeof (TestRaw));
}

static TestServer *
new_test_server (Incoming incoming)
{
  TestServer *self = g_object_new (TEST_TYPE_SERVER, NULL);
  g_autoptr(GError) error = NULL;

  self->incoming = incoming;
  l_server_listen (L_SERVER (self), "market", &error);
  g_assert_no_error (error);
  return self;
}

/* Properties */

static void
test_properties_defaults (void)
{
  g_autoptr(LServer) server = l_server_new ();
  gboolean listening, unlink_on_close;
  g_autofree char *server_name = NULL, *full_server_name = NULL, *error_string = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  LServerOptions options;
  LSocketError error;
  int max_pending, backlog;
  gint64 descriptor;

  g_object_get (server,
                "listening", &listening, "server-name", &server_name, "full-server-name", &full_server_name,
                "options", &options, "max-pending-connections", &max_pending, "listen-backlog", &backlog,
                "error", &error, "error-string", &error_string, "socket-descriptor", &descriptor,
                "unlink-on-close", &unlink_on_close, "address", &address,
                NULL);
  g_assert_false (listening);
  g_assert_null (server_name);
  g_assert_null (full_server_name);
  g_assert_cmpint (options, ==, L_SERVER_OPTIONS_NONE);
  g_assert_cmpint (max_pending, ==, 30);
  g_assert_cmpint (backlog, ==, 0);
  g_assert_cmpint (error, ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (error_string);
  g_assert_cmpint (descriptor, ==, -1);
  g_assert_true (unlink_on_close);
  g_assert_null (address);
  test_assert_not_listening (server);
  g_assert_null (l_server_next_pending_connection (server));
}

static void
test_properties_while_listening (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = test_listen ("market");
  g_autofree char *server_name = NULL, *full_server_name = NULL;
  gboolean listening;
  gint64 descriptor;

  g_object_get (server,
                "listening", &listening, "server-name", &server_name, "full-server-name", &full_server_name,
                "socket-descriptor", &descriptor,
                NULL);
  g_assert_true (listening);
  g_assert_cmpstr (server_name, ==, "market");
  g_assert_cmpstr (full_server_name, ==, path);
  g_assert_cmpint (descriptor, >=, 0);
  g_assert_cmpint (descriptor, ==, l_server_get_socket_descriptor (server));
}

static void
test_properties_set (void)
{
  g_autoptr(LServer) server = l_server_new ();
  guint n = 0;

  g_signal_connect (server, "notify", G_CALLBACK (count_notify), &n);
  g_object_set (server,
                "options", L_SERVER_OPTIONS_GROUP_ACCESS, "max-pending-connections", 3, "listen-backlog", 7,
                "unlink-on-close", FALSE,
                NULL);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpint (l_server_get_options (server), ==, L_SERVER_OPTIONS_GROUP_ACCESS);
  g_assert_cmpint (l_server_get_max_pending_connections (server), ==, 3);
  g_assert_cmpint (l_server_get_listen_backlog (server), ==, 7);
  g_assert_false (l_server_get_unlink_on_close (server));

  /* Nothing changes, nothing is told. */
  g_object_set (server,
                "options", L_SERVER_OPTIONS_GROUP_ACCESS, "max-pending-connections", 3, "listen-backlog", 7,
                "unlink-on-close", FALSE,
                NULL);
  g_assert_cmpuint (n, ==, 4);
}

static void
test_properties_options_while_listening (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  guint n = 0;

  g_signal_connect (server, "notify::options", G_CALLBACK (count_notify), &n);
  test_begin_warnings ();
  l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
  g_assert_cmpuint (test_end_warnings (), ==, 1);
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpint (l_server_get_options (server), ==, L_SERVER_OPTIONS_NONE);

  l_server_close (server);
  l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
  g_assert_cmpint (l_server_get_options (server), ==, L_SERVER_OPTIONS_WORLD_ACCESS);
}

/* What every handler of a notification sees: all is set or nothing is. */
static void
assert_consistent (LServer    *server,
                   GParamSpec *pspec,
                   guint      *n)
{
  gboolean listening = l_server_is_listening (server);

  ++*n;
  g_assert_cmpint (listening, ==, l_server_get_server_name (server) != NULL);
  g_assert_cmpint (listening, ==, l_server_get_full_server_name (server) != NULL);
  g_assert_cmpint (listening && test_is_unix (), ==, l_server_get_address (server) != NULL);
  g_assert_cmpint (listening, ==, l_server_get_socket_descriptor (server) >= 0);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
  if (listening)
    g_assert_true (l_server_get_unlink_on_close (server));
}

static void
test_properties_notify (void)
{
  static const char * const names[] = {
    "listening", "server-name", "full-server-name", "socket-descriptor", "address",
  };
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  guint n_names = test_is_unix () ? G_N_ELEMENTS (names) : G_N_ELEMENTS (names) - 1;
  guint counts[G_N_ELEMENTS (names)] = { 0 };
  guint n = 0;

  /* Something to be cleared. */
  g_assert_false (l_server_listen (server, "", NULL));
  l_server_set_unlink_on_close (server, FALSE);

  g_signal_connect (server, "notify", G_CALLBACK (assert_consistent), &n);
  for (guint i = 0; i < n_names; i++)
    {
      g_autofree char *detailed = g_strconcat ("notify::", names[i], NULL);

      g_signal_connect (server, detailed, G_CALLBACK (count_notify), &counts[i]);
    }

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  for (guint i = 0; i < n_names; i++)
    g_assert_cmpuint (counts[i], ==, 1);

  l_server_close (server);
  for (guint i = 0; i < n_names; i++)
    g_assert_cmpuint (counts[i], ==, 2);
  g_assert_cmpuint (n, >=, 2 * n_names);
}

/* Listening */

static void
test_listen_plain (void)
{
  g_autofree char *path = test_build_path ("market");
  LServer *server = test_listen ("market");

  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_assert_true (test_path_exists (path));

  l_server_close (server);
  test_assert_not_listening (server);
  g_assert_false (test_path_exists (path));
  g_assert_finalize_object (server);
}

static void
test_listen_path (void)
{
  g_autofree char *path = test_build_path ("path.sock");
  g_autoptr(LServer) server = test_listen (path);

  g_assert_cmpstr (l_server_get_server_name (server), ==, path);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
}

static const char * const bad_names[] = {
  "", ".", "..", "a/b", "./x", "../x", "a/",
  /* On Unix. */
  "\\\\.\\pipe\\market",
  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
};

static void
test_listen_bad_name (gconstpointer data)
{
  const char *name = data;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, name, &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  test_assert_not_listening (server);
  /* The caller knows already. */
  test_trace_assert (trace, "");

  g_clear_error (&error);
  g_assert_false (l_server_remove (name, L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

static void
test_listen_twice (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new ("/nowhere/x");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GError) error = NULL;
  gintptr descriptor = l_server_get_socket_descriptor (server);
  g_autofree char *other = test_build_path ("other");
  TestRaw fd;

  g_assert_false (l_server_listen (server, "other", &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);
  g_assert_false (l_server_listen_address (server, address, &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);
  g_assert_false (l_server_listen_descriptor (server, descriptor, &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);

  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, descriptor);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  g_assert_false (test_path_exists (other));
  fd = test_connect_raw (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_trace_assert (trace, "new-connection");
  test_raw_close (fd);
}

static void
test_listen_in_use (void)
{
  g_autoptr(LServer) first = test_listen ("market");
  g_autoptr(LServer) second = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (second, "market", &error));
  test_assert_server_error (second, error, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, l_server_get_full_server_name (first)));
  test_assert_not_listening (second);

  /* The first was not disturbed, neither by that nor by what the second does from here. */
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (first));
  l_server_close (second);
  client = test_connect (first, &peer);
}

static void
test_listen_again_after_close (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  static const char * const names[] = { "market", "other", "market" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(LSocket) client = NULL;
      g_autoptr(LSocket) peer = NULL;

      l_server_close (server);
      g_assert_true (l_server_listen (server, names[i], &error));
      g_assert_no_error (error);
      g_assert_cmpstr (l_server_get_server_name (server), ==, names[i]);
      client = test_connect (server, &peer);
      test_write (client, "hello");
      test_assert_text (peer, "hello");
    }
}

static void
test_listen_success_clears_error (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, "", NULL));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_nonnull (l_server_get_error_string (server));

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
}

static void
close_server (LServer *server)
{
  l_server_close (server);
}

/* Closing */

static void
test_close_idle (void)
{
  g_autoptr(LServer) server = l_server_new ();
  guint n = 0;

  g_assert_false (l_server_listen (server, "", NULL));
  g_signal_connect (server, "notify", G_CALLBACK (count_notify), &n);
  l_server_close (server);
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

static void
test_close_clears_error (void)
{
  g_autoptr(LServer) server = test_listen ("market");

  g_assert_false (l_server_listen (server, "market", NULL));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_OPERATION);
  l_server_close (server);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
  l_server_close (server);
  test_assert_not_listening (server);
}

static void
test_close_pending (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw queued, waiting;

  l_server_set_max_pending_connections (server, 1);
  queued = test_connect_raw (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  waiting = test_connect_raw (server);
  test_turn_all ();
  test_assert_raw_read (queued, "");
  test_assert_raw_read (waiting, "");

  l_server_close (server);
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_null (l_server_next_pending_connection (server));
  test_assert_raw_read (queued, "$");
  test_assert_raw_read (waiting, "$");
  test_raw_close (queued);
  test_raw_close (waiting);
}

static void
test_close_connections_live_on (void)
{
  TestPair pair;

  test_pair_init (&pair);
  l_server_close (pair.server);
  test_turn_all ();
  test_write (pair.client, "hello");
  test_assert_text (pair.peer, "hello");
  test_write (pair.peer, "there");
  test_assert_text (pair.client, "there");
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpstr (l_socket_get_server_name (pair.peer), ==, "market");
  test_pair_clear (&pair);
}

static void
test_close_in_new_connection (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[2];
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = test_connect_raw (server);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);
  g_signal_connect (server, "new-connection", G_CALLBACK (close_server), NULL);
  TEST_TURN_UNTIL (!l_server_is_listening (server));
  test_turn_all ();

  test_assert_not_listening (server);
  g_assert_cmpuint (n, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      test_assert_raw_read (fds[i], "$");
      test_raw_close (fds[i]);
    }
}

static void
listen_elsewhere (LServer *server)
{
  g_autoptr(GError) error = NULL;

  l_server_close (server);
  g_assert_true (l_server_listen (server, "elsewhere", &error));
  g_assert_no_error (error);
  g_signal_handlers_disconnect_by_func (server, listen_elsewhere, NULL);
}

static void
test_close_and_listen_in_new_connection (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  g_signal_connect (server, "new-connection", G_CALLBACK (listen_elsewhere), NULL);
  TEST_TURN_UNTIL (g_strcmp0 (l_server_get_server_name (server), "elsewhere") == 0);
  test_assert_raw_read (fd, "$");
  client = test_connect (server, &peer);
  test_write (client, "hello");
  test_assert_text (peer, "hello");
  test_raw_close (fd);
}

static void
drop (LServer **server)
{
  g_clear_object (server);
}

static void
check_and_drop (LServer     *server,
                GParamSpec  *pspec,
                LServer    **reference)
{
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_nonnull (l_server_get_error_string (server));
  g_clear_object (reference);
}

static void
test_drop_in_notify_error (gconstpointer signal)
{
  LServer *server = l_server_new ();
  gpointer watched = server;
  g_autoptr(GError) error = NULL;

  g_test_summary ("The error is told with its text, and in that the server may go");

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect (server, signal, G_CALLBACK (check_and_drop), &server);
  g_assert_false (l_server_listen (server, "a/b", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_null (watched);
}

static void
test_drop_in_new_connection (void)
{
  LServer *server = test_listen ("market");
  g_autofree char *path = g_strdup (l_server_get_full_server_name (server));
  gpointer watched = server;
  TestRaw fd = test_connect_raw (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (drop), &server);
  TEST_TURN_UNTIL (server == NULL);
  g_assert_null (watched);
  test_assert_raw_read (fd, "$");
  g_assert_false (test_path_exists (path));
  test_raw_close (fd);
}

static void
test_drop_in_wait (void)
{
  LServer *server = test_listen ("market");
  gpointer watched = server;
  TestRaw fd = test_connect_raw (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (drop), &server);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  g_assert_null (watched);
  test_raw_close (fd);
}

static void
test_drop_while_listening (void)
{
  LServer *server = test_listen ("market");
  g_autofree char *path = g_strdup (l_server_get_full_server_name (server));
  guint n_descriptors;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  n_descriptors = test_count_descriptors ();
  g_assert_finalize_object (server);
  /* The listening one and the one that waited. */
  g_assert_cmpuint (test_count_descriptors (), <=, n_descriptors - 2);
  g_assert_false (test_path_exists (path));
  test_assert_raw_read (fd, "$");
  test_raw_close (fd);
}

/* Signals and the queue */

static void
assert_one_more (LServer *server,
                 guint   *n)
{
  ++*n;
  g_assert_true (l_server_has_pending_connections (server));
}

static void
test_signal_once_each (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[5];
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (assert_one_more), &n);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = test_connect_raw (server);
  /* Nothing comes from elsewhere than the loop. */
  g_assert_cmpuint (n, ==, 0);
  TEST_TURN_UNTIL (n == G_N_ELEMENTS (fds));
  test_turn_all ();
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (fds));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    test_raw_close (fds[i]);
}

static void
take_in_handler (LServer   *server,
                 GPtrArray *taken)
{
  g_ptr_array_add (taken, l_server_next_pending_connection (server));
  g_assert_false (l_server_has_pending_connections (server));
}

static void
test_signal_take_in_handler (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func (g_object_unref);
  TestRaw fds[40];

  l_server_set_max_pending_connections (server, 1);
  g_signal_connect (server, "new-connection", G_CALLBACK (take_in_handler), taken);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = test_connect_raw (server);
  TEST_TURN_UNTIL (taken->len == G_N_ELEMENTS (fds));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    test_raw_close (fds[i]);
}

static void
run_nested (LServer *server,
            guint   *n)
{
  /* Until all are there: only the first handler has to wait. */
  ++*n;
  TEST_TURN_UNTIL (*n == 3);
}

static void
test_signal_nested_loop (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[3];
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (run_nested), &n);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = test_connect_raw (server);
  TEST_TURN_UNTIL (n == 3);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    test_raw_close (fds[i]);
}

static void
test_queue_fifo (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[4];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      char text[] = { (char) ('a' + i), '\0' };

      fds[i] = test_connect_raw (server);
      test_raw_write (fds[i], text);
    }

  /* All of them wait. */
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr(LSocket) peer = test_take (server);
      char text[] = { (char) ('a' + i), '\0' };

      test_assert_text (peer, text);
      test_raw_close (fds[i]);
    }
}

/* How many of a crowd the loop accepts. */
static guint
accept_crowd (LServer *server,
              TestRaw  fds[10])
{
  guint n = 0;
  gulong id = g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);

  for (guint i = 0; i < 10; i++)
    fds[i] = test_connect_raw (server);
  test_turn_all ();
  g_signal_handler_disconnect (server, id);
  return n;
}

static void
close_crowd (TestRaw fds[10])
{
  for (guint i = 0; i < 10; i++)
    test_raw_close (fds[i]);
}

static void
test_queue_limit (gconstpointer data)
{
  int limit = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[10];

  l_server_set_max_pending_connections (server, limit);
  g_assert_cmpuint (accept_crowd (server, fds), ==, CLAMP (limit, 0, 10));
  close_crowd (fds);
}

static void
test_queue_raise_limit (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[10];
  guint n = 0;

  l_server_set_max_pending_connections (server, 2);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 2);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);
  l_server_set_max_pending_connections (server, 5);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 3);
  l_server_set_max_pending_connections (server, 100);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 8);
  close_crowd (fds);
}

static void
test_queue_lower_limit (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) first = NULL;
  g_autoptr(LSocket) second = NULL;
  TestRaw fds[10];
  guint n = 0;

  l_server_set_max_pending_connections (server, 3);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 3);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);

  /* What waits stays, and nothing comes until there is room under the new limit. */
  l_server_set_max_pending_connections (server, 2);
  first = l_server_next_pending_connection (server);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 0);
  second = l_server_next_pending_connection (server);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 1);
  l_server_set_max_pending_connections (server, 0);
  g_assert_cmpuint (test_count_pending (server), ==, 2);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 1);
  close_crowd (fds);
}

static void
test_queue_taking_makes_room (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[10];

  l_server_set_max_pending_connections (server, 1);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 1);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(LSocket) peer = test_take (server);

      g_assert_nonnull (peer);
      g_assert_false (l_server_has_pending_connections (server));
    }
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  close_crowd (fds);
}

static void
test_queue_full_is_idle (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fds[10];

  /* Those that wait in the system are ready all the time; nobody may look. */
  l_server_set_max_pending_connections (server, 1);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 1);
  g_assert_cmpfloat (test_measure_load (200), <, 0.3);
  close_crowd (fds);
}

static void
test_queue_not_read (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) peer = NULL;
  gsize total;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  total = test_raw_fill (fd);
  test_turn_all ();
  /* Had anything been read there would be room now. */
  g_assert_cmpuint (test_raw_fill (fd), ==, 0);

  peer = l_server_next_pending_connection (server);
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (peer)), ==, 0);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == total);
  test_raw_close (fd);
}

static void
test_queue_client_gone (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(TestTrace) trace = NULL;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_raw_write (fd, "farewell");
  test_raw_close (fd);
  /* A hang-up that waits must not keep the loop busy. */
  g_assert_cmpfloat (test_measure_load (200), <, 0.3);

  peer = l_server_next_pending_connection (server);
  g_assert_nonnull (peer);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  trace = test_trace_new (peer);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "ready-read error(peer-closed) state-changed(closing) state-changed(unconnected) "
                            "read-channel-finished disconnected");
  test_assert_text (peer, "farewell");
}

/* accept_async */

static LSocket *
finish_accept (LServer       *server,
               GAsyncResult **result)
{
  g_autoptr(GError) error = NULL;
  LSocket *socket;

  TEST_TURN_UNTIL (*result != NULL);
  socket = l_server_accept_finish (server, *result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (socket);
  g_clear_object (result);
  return socket;
}

static void
test_accept_queued (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_accept_async (server, NULL, test_store_result, &result);
  g_assert_null (result);
  g_assert_false (l_server_has_pending_connections (server));
  peer = finish_accept (server, &result);
  test_raw_write (fd, "hello");
  test_assert_text (peer, "hello");
  test_raw_close (fd);
}

static void
test_accept_waiting (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fds[2];

  l_server_accept_async (server, NULL, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = test_connect_raw (server);
  test_raw_write (fds[0], "first");
  peer = finish_accept (server, &result);
  test_assert_text (peer, "first");

  /* The signal is for the other alone. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_trace_assert (trace, "new-connection");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    test_raw_close (fds[i]);
}

static void
test_accept_several (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  GAsyncResult *results[3] = { NULL };
  TestRaw fds[3];

  for (guint i = 0; i < 3; i++)
    l_server_accept_async (server, NULL, test_store_result, &results[i]);
  for (guint i = 0; i < 3; i++)
    {
      char text[] = { (char) ('a' + i), '\0' };

      fds[i] = test_connect_raw (server);
      test_raw_write (fds[i], text);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(LSocket) peer = finish_accept (server, &results[i]);
      char text[] = { (char) ('a' + i), '\0' };

      test_assert_text (peer, text);
      test_raw_close (fds[i]);
    }
}

static void
test_accept_cancelled_before (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  g_cancellable_cancel (cancellable);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (l_server_has_pending_connections (server));
  test_raw_close (fd);
}

static void
test_accept_cancelled_while_waiting (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw fd;

  l_server_set_max_pending_connections (server, 0);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);

  /* Nobody asks for a connection any more. */
  fd = test_connect_raw (server);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  test_raw_close (fd);
}

static void
test_accept_cancelled_never_wins (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) cancelled = NULL;
  g_autoptr(GAsyncResult) next = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd;

  l_server_accept_async (server, cancellable, test_store_result, &cancelled);
  l_server_accept_async (server, NULL, test_store_result, &next);
  test_turn_all ();

  /* Both in one turn: the connection is for the one that still wants it. */
  fd = test_connect_raw (server);
  test_raw_write (fd, "hello");
  g_cancellable_cancel (cancellable);
  peer = finish_accept (server, &next);
  test_assert_text (peer, "hello");
  TEST_TURN_UNTIL (cancelled != NULL);
  g_assert_null (l_server_accept_finish (server, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_raw_close (fd);
}

static void
test_accept_cancelled_leaves_it_queued (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw fd;

  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  fd = test_connect_raw (server);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (trace, "new-connection");
  test_raw_close (fd);
}

static void
test_accept_cancelled_makes_no_room (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  TestRaw fd;

  g_test_summary ("Both in one turn: the queue, which takes none, takes none");

  l_server_set_max_pending_connections (server, 0);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  fd = test_connect_raw (server);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  test_trace_assert (trace, "");

  /* It was not refused either. */
  l_server_set_max_pending_connections (server, 1);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_raw_close (fd);
}

static void
test_accept_cancelled_too_late (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_accept_async (server, cancellable, test_store_result, &result);
  g_cancellable_cancel (cancellable);
  /* It was given away; it is not lost. */
  peer = finish_accept (server, &result);
  test_raw_write (fd, "hello");
  test_assert_text (peer, "hello");
  test_raw_close (fd);
}

static void
test_accept_not_listening (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  l_server_accept_async (server, NULL, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_accept_closed (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  GAsyncResult *results[2] = { NULL };

  for (guint i = 0; i < 2; i++)
    l_server_accept_async (server, NULL, test_store_result, &results[i]);
  test_turn_all ();
  l_server_close (server);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GError) error = NULL;

      TEST_TURN_UNTIL (results[i] != NULL);
      g_assert_null (l_server_accept_finish (server, results[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      g_clear_object (&results[i]);
    }
}

static void
listen_in_callback (GObject      *source,
                    GAsyncResult *result,
                    gpointer      result_out)
{
  LServer *server = L_SERVER (source);
  g_autoptr(GError) error = NULL;

  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "elsewhere", &error));
  g_assert_no_error (error);
  l_server_accept_async (server, NULL, test_store_result, result_out);
}

static gboolean
close_in_idle (gpointer server)
{
  l_server_close (server);
  return G_SOURCE_REMOVE;
}

static void
test_accept_listen_in_callback (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;

  /* GTask calls back from inside when the accept is older than the turn. */
  l_server_accept_async (server, NULL, listen_in_callback, &result);
  test_turn_all ();
  g_idle_add (close_in_idle, server);
  TEST_TURN_UNTIL (g_strcmp0 (l_server_get_server_name (server), "elsewhere") == 0);
  l_socket_connect_to_server (client, "elsewhere", L_OPEN_MODE_READ_WRITE);
  peer = finish_accept (server, &result);
}

static void
test_accept_limit_zero (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fds[2];

  l_server_set_max_pending_connections (server, 0);
  for (guint i = 0; i < 2; i++)
    fds[i] = test_connect_raw (server);
  test_turn_all ();
  l_server_accept_async (server, NULL, test_store_result, &result);
  peer = finish_accept (server, &result);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  for (guint i = 0; i < 2; i++)
    test_raw_close (fds[i]);
}

typedef struct
{
  GPtrArray *peers;
  guint      n_wanted;
} AcceptLoop;

static void
accept_next (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  AcceptLoop *loop = user_data;
  g_autoptr(GError) error = NULL;

  g_ptr_array_add (loop->peers, l_server_accept_finish (L_SERVER (source), result, &error));
  g_assert_no_error (error);
  if (loop->peers->len < loop->n_wanted)
    l_server_accept_async (L_SERVER (source), NULL, accept_next, loop);
}

static void
test_accept_in_callback (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  AcceptLoop loop = { g_ptr_array_new_with_free_func (g_object_unref), 10 };
  TestRaw fds[10];

  l_server_accept_async (server, NULL, accept_next, &loop);
  for (guint i = 0; i < 10; i++)
    fds[i] = test_connect_raw (server);
  TEST_TURN_UNTIL (loop.peers->len == 10);
  close_crowd (fds);
  g_ptr_array_unref (loop.peers);
}

static void
test_accept_keeps_server (void)
{
  LServer *server = test_listen ("market");
  gpointer watched = server;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  g_object_unref (server);
  test_turn_all ();
  g_assert_nonnull (watched);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  g_clear_object (&result);
  TEST_TURN_UNTIL (watched == NULL);
}

/* wait_for_new_connection */

static void
test_wait_queued (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  gboolean timed_out = TRUE;
  TestRaw fd = test_connect_raw (server);
  guint n = 0;

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);
  g_assert_true (l_server_wait_for_new_connection (server, -1, &timed_out));
  g_assert_false (timed_out);
  g_assert_cmpuint (n, ==, 0);
  test_raw_close (fd);
}

static void
test_wait_accepts (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  gboolean timed_out = TRUE;
  TestRaw fd = test_connect_raw (server);
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (assert_one_more), &n);
  g_assert_true (l_server_wait_for_new_connection (server, 0, &timed_out));
  g_assert_false (timed_out);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (test_count_pending (server), ==, 1);
  test_raw_close (fd);
}

static void
test_wait_limit_zero (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fd = test_connect_raw (server);

  l_server_set_max_pending_connections (server, 0);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  g_assert_cmpuint (test_count_pending (server), ==, 1);
  test_raw_close (fd);
}

static void
test_wait_timeout (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  gboolean timed_out = FALSE;
  gint64 begin = g_get_monotonic_time ();

  g_assert_false (l_server_wait_for_new_connection (server, 50, &timed_out));
  g_assert_true (timed_out);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_TIME_SPAN_SECOND);

  timed_out = FALSE;
  g_assert_false (l_server_wait_for_new_connection (server, 0, &timed_out));
  g_assert_true (timed_out);
  g_assert_false (l_server_wait_for_new_connection (server, 0, NULL));
  test_trace_assert (trace, "");
  g_assert_true (l_server_is_listening (server));
}

static void
test_wait_not_listening (void)
{
  g_autoptr(LServer) server = l_server_new ();
  gboolean timed_out = TRUE;

  g_assert_false (l_server_wait_for_new_connection (server, -1, &timed_out));
  g_assert_false (timed_out);
}

static void
test_wait_closed_in_handler (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fd = test_connect_raw (server);
  gboolean timed_out = TRUE;

  g_signal_connect (server, "new-connection", G_CALLBACK (close_server), NULL);
  l_server_wait_for_new_connection (server, 5000, &timed_out);
  g_assert_false (timed_out);
  test_assert_not_listening (server);
  test_raw_close (fd);
}

static void
test_wait_serves_accept (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  l_server_accept_async (server, NULL, test_store_result, &result);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  test_trace_assert (trace, "");
  g_assert_false (l_server_has_pending_connections (server));
  peer = finish_accept (server, &result);
  test_raw_close (fd);
}

static gpointer
connect_in_thread (gpointer data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  client = l_socket_new ();
  l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  test_write (client, "ping");
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (client), 10000));
  test_assert_text (client, "pong");
  l_socket_disconnect_from_server (client);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* A program without a loop: the server in this thread, the client in the other. */
static void
test_wait_thread (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) peer = NULL;
  g_autofree char *text = NULL;
  GThread *thread = g_thread_new ("client", connect_in_thread, NULL);

  g_assert_true (l_server_wait_for_new_connection (server, -1, NULL));
  peer = l_server_next_pending_connection (server);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (peer), 10000));
  text = test_read (peer);
  g_assert_cmpstr (text, ==, "ping");
  test_write (peer, "pong");
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (peer), 10000));
  g_assert_true (l_socket_wait_for_disconnected (peer, 10000));
  g_thread_join (thread);
}

static void
test_wait_other_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;

  g_test_summary ("Whom it lets in the server's loop serves, whichever context is the default while it waits");

  g_main_context_push_thread_default (context);
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_true (l_socket_wait_for_connected (client, 10000));
  g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
  g_main_context_pop_thread_default (context);

  peer = l_server_next_pending_connection (server);
  test_write (client, "good");
  test_assert_text (peer, "good");
  test_write (peer, "day");
  test_assert_text (client, "day");
}

static gpointer
serve_in_thread (gpointer data)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  GAsyncQueue *queue = data;

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  g_async_queue_push (queue, GINT_TO_POINTER (1));
  g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
  peer = l_server_next_pending_connection (server);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (peer), 10000));
  text = test_read (peer);
  test_write (peer, text);
  l_socket_disconnect_from_server (peer);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_UNCONNECTED);
  return NULL;
}

/* Another thread owns the global context, so a server that is made without a context of its own joins no reactor. */
static void
test_wait_without_reactor (void)
{
  g_autoptr(GAsyncQueue) queue = g_async_queue_new ();
  g_autofree char *path = test_build_path ("market");
  GThread *thread;
  TestRaw fd;

  g_assert_true (g_main_context_acquire (NULL));
  thread = g_thread_new ("server", serve_in_thread, queue);
  g_async_queue_pop (queue);
  fd = test_raw_connect (path);
  test_raw_write (fd, "echo");
  g_thread_join (thread);
  g_main_context_release (NULL);
  test_assert_raw_read (fd, "echo$");
  test_raw_close (fd);
}

static gpointer
run_loop_in_thread (gpointer data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  LServer *server;

  g_main_context_push_thread_default (context);
  server = l_server_new ();
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  client = l_socket_new ();
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  test_write (client, "hello");
  while (!l_server_has_pending_connections (server))
    g_main_context_iteration (context, TRUE);
  peer = l_server_next_pending_connection (server);
  while (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) < 5)
    g_main_context_iteration (context, TRUE);
  g_object_unref (server);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_thread_own_context (void)
{
  g_thread_join (g_thread_new ("server", run_loop_in_thread, NULL));
}

/* Subclasses */

static void
test_subclass_wrap (void)
{
  TestServer *server = new_test_server (INCOMING_WRAP);
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (L_SERVER (server));

  peer = test_take (L_SERVER (server));
  g_assert_cmpuint (server->n_new_connections, ==, 1);
  test_raw_write (fd, "hello");
  test_assert_text (peer, "hello");
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "market");
  test_raw_close (fd);
  g_clear_object (&peer);
  test_turn_all ();
  g_assert_finalize_object (server);
}

static void
test_subclass_wrap_not_read (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_WRAP);
  TestRaw fd = test_connect_raw (L_SERVER (server));

  /* Also one that the subclass wrapped is not read until it is taken. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (L_SERVER (server)));
  test_raw_fill (fd);
  test_turn_all ();
  g_assert_cmpuint (test_raw_fill (fd), ==, 0);
  test_raw_close (fd);
}

static void
test_subclass_chain_up (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_CHAIN);
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (L_SERVER (server));

  peer = test_take (L_SERVER (server));
  g_assert_nonnull (peer);
  g_assert_cmpuint (server->n_new_connections, ==, 1);
  test_raw_close (fd);
}

static void
test_subclass_refuse (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_CLOSE);
  g_autoptr(TestTrace) trace = test_trace_new (server);
  guint n_descriptors = test_count_descriptors ();
  TestRaw fds[10];

  for (guint i = 0; i < 10; i++)
    fds[i] = test_connect_raw (L_SERVER (server));
  test_turn_all ();
  for (guint i = 0; i < 10; i++)
    test_assert_raw_read (fds[i], "$");
  test_trace_assert (trace, "");
  g_assert_false (l_server_has_pending_connections (L_SERVER (server)));
  close_crowd (fds);
  g_assert_cmpuint (test_count_descriptors (), ==, n_descriptors);
}

static gpointer
serve_descriptor (gpointer data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(LSocket) socket = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  socket = l_socket_new ();
  l_socket_set_socket_descriptor (socket, (TestRaw) data, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE,
                                  &error);
  g_assert_no_error (error);
  while (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) < 5)
    g_main_context_iteration (context, TRUE);
  text = test_read (socket);
  test_write (socket, text);
  l_socket_disconnect_from_server (socket);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_subclass_other_thread (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_KEEP);
  TestRaw fd = test_connect_raw (L_SERVER (server));
  GThread *thread;
  TestRaw descriptor;

  test_raw_write (fd, "hello");
  TEST_TURN_UNTIL (server->descriptors->len == 1);
  /* It comes ready for use. */
  descriptor = g_array_index (server->descriptors, TestRaw, 0);
  g_assert_true (test_raw_is_set_up (descriptor));
  thread = g_thread_new ("worker", serve_descriptor, (gpointer) descriptor);
  g_thread_join (thread);
  test_assert_raw_read (fd, "hello$");
  g_assert_cmpuint (server->n_new_connections, ==, 0);
  test_raw_close (fd);
}

static void
test_subclass_wait (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_KEEP);
  TestRaw fd = test_connect_raw (L_SERVER (server));

  g_assert_true (l_server_wait_for_new_connection (L_SERVER (server), 5000, NULL));
  g_assert_cmpuint (server->descriptors->len, ==, 1);
  test_raw_close (g_array_index (server->descriptors, TestRaw, 0));
  test_raw_close (fd);
}

/* In the loop that it turns the next client waits, and finds no room. */
static gboolean
authorize_in_turns (LServer      *server,
                    LCredentials *credentials,
                    TestRaw      *next)
{
  if (*next == -1)
    {
      *next = test_connect_raw (server);
      test_let_system_tell ();
      test_turn_all ();
    }

  return TRUE;
}

static void
test_subclass_keep_in_loop (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_KEEP);
  TestRaw fd, next = -1;

  g_test_summary ("A connection that the subclass keeps leaves its room to the next, also when a loop ran meanwhile");

  l_server_set_max_pending_connections (L_SERVER (server), 1);
  g_signal_connect (server, "authorize", G_CALLBACK (authorize_in_turns), &next);
  fd = test_connect_raw (L_SERVER (server));
  TEST_TURN_UNTIL (server->descriptors->len == 2);
  test_raw_close_all (g_array_ref (server->descriptors));
  test_raw_close (fd);
  test_raw_close (next);
}

static void
test_add_pending (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(LSocket) taken = NULL;
  TestRaw raw;
  LSocket *socket = test_socket_with_raw_peer (&raw);

  l_server_add_pending_connection (server, socket);
  test_trace_assert (trace, "new-connection");
  g_assert_true (l_server_has_pending_connections (server));
  taken = l_server_next_pending_connection (server);
  g_assert_true (taken == socket);
  test_raw_write (raw, "hello");
  test_assert_text (taken, "hello");
  g_object_unref (socket);
  test_raw_close (raw);
}

static void
test_add_pending_to_accept (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) taken = NULL;
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  l_server_accept_async (server, NULL, test_store_result, &result);
  l_server_add_pending_connection (server, socket);
  test_trace_assert (trace, "");
  taken = finish_accept (server, &result);
  g_assert_true (taken == socket);
  test_raw_close (raw);
}

static void
test_add_pending_counts (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(LSocket) taken = NULL;
  TestRaw raw, fd;

  socket = test_socket_with_raw_peer (&raw);
  l_server_set_max_pending_connections (server, 1);
  l_server_add_pending_connection (server, socket);
  fd = test_connect_raw (server);
  test_turn_all ();
  taken = l_server_next_pending_connection (server);
  g_assert_true (taken == socket);
  g_assert_false (l_server_has_pending_connections (server));
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_raw_close (raw);
  test_raw_close (fd);
}

static void
test_add_pending_closed (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;
  TestRaw raw;

  /* What was not taken is closed with the server, whoever has a reference. */
  socket = test_socket_with_raw_peer (&raw);
  trace = test_trace_new (socket);
  l_server_add_pending_connection (server, socket);
  l_server_close (server);
  test_trace_assert (trace, "state-changed(unconnected) read-channel-finished disconnected about-to-close");
  test_assert_raw_read (raw, "$");
  test_raw_close (raw);
}

static void
test_add_pending_dropped (void)
{
  LServer *server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  trace = test_trace_new (socket);
  l_server_add_pending_connection (server, socket);
  g_object_unref (server);
  test_trace_assert (trace, "state-changed(unconnected) read-channel-finished disconnected about-to-close");
  test_assert_raw_read (raw, "$");
  test_raw_close (raw);
}

static gpointer
drop_object (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

static void
test_add_pending_dropped_elsewhere (void)
{
  LServer *server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  l_server_add_pending_connection (server, socket);
  g_thread_join (g_thread_new ("dropper", drop_object, server));
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  test_assert_raw_read (raw, "$");
  test_raw_close (raw);
}

/* Lifetimes */

static void
test_lifetime_held_until_unconnected (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fd = test_connect_raw (server);
  gpointer peer = test_take (server);

  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_object_unref (peer);
  test_turn_all ();
  g_assert_nonnull (peer);
  test_assert_raw_read (fd, "");
  test_write (peer, "still here");
  test_turn_all ();
  test_assert_raw_read (fd, "still here");

  test_raw_close (fd);
  TEST_TURN_UNTIL (peer == NULL);
}

static void
answer_and_forget (LServer *server)
{
  g_autoptr(LSocket) peer = l_server_next_pending_connection (server);
  g_autofree char *text = g_strnfill (1000000, 'x');

  test_write (peer, text);
  l_socket_disconnect_from_server (peer);
}

static void
test_lifetime_write_disconnect_unref (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  GString *text = g_string_new (NULL);
  TestRaw fd = test_connect_raw (server);

  g_signal_connect (server, "new-connection", G_CALLBACK (answer_and_forget), NULL);
  while (text->len == 0 || text->str[text->len - 1] != '$')
    {
      g_autofree char *part = NULL;

      test_turn ();
      part = test_raw_read_text (fd);
      g_string_append (text, part);
    }
  g_assert_cmpuint (text->len, ==, 1000001);
  g_string_free (text, TRUE);
  test_raw_close (fd);
}

static void
test_lifetime_server_dropped (void)
{
  LServer *server = test_listen ("market");
  TestRaw held_fd = test_connect_raw (server);
  g_autoptr(LSocket) held = test_take (server);
  TestRaw forgotten_fd = test_connect_raw (server);
  gpointer forgotten = test_take (server);

  g_object_add_weak_pointer (G_OBJECT (forgotten), &forgotten);
  g_object_unref (forgotten);
  g_assert_finalize_object (server);

  /* What only the server knew goes with it, and the program's own lives on. */
  g_assert_null (forgotten);
  test_assert_raw_read (forgotten_fd, "$");
  test_write (held, "hello");
  test_turn_all ();
  test_assert_raw_read (held_fd, "hello");
  test_raw_close (held_fd);
  TEST_TURN_UNTIL (l_socket_get_state (held) == L_SOCKET_STATE_UNCONNECTED);
  test_raw_close (forgotten_fd);
}

static void
test_lifetime_server_dropped_while_closing (void)
{
  LServer *server = test_listen ("market");
  GString *text = g_string_new (NULL);
  TestRaw fd = test_connect_raw (server);

  /* What was accepted for writing is delivered, whoever goes. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  answer_and_forget (server);
  g_assert_finalize_object (server);
  while (text->len == 0 || text->str[text->len - 1] != '$')
    {
      g_autofree char *part = NULL;

      test_turn ();
      part = test_raw_read_text (fd);
      g_string_append (text, part);
    }
  g_assert_cmpuint (text->len, ==, 1000001);
  g_string_free (text, TRUE);
  test_raw_close (fd);
}

static void
test_lifetime_server_closed (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw fd = test_connect_raw (server);
  gpointer peer = test_take (server);

  /* Closing ends the listening and not the connections, also not those that only the server holds. */
  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_object_unref (peer);
  l_server_close (server);
  test_turn_all ();
  g_assert_nonnull (peer);
  test_assert_raw_read (fd, "");
  test_raw_close (fd);
  TEST_TURN_UNTIL (peer == NULL);
}

static void
drop_in_disconnected (LSocket  *peer,
                      LServer **server)
{
  g_clear_object (server);
}

static void
test_lifetime_server_dropped_in_disconnected (void)
{
  LServer *server = test_listen ("market");
  gpointer watched = server;
  TestRaw fd = test_connect_raw (server);
  gpointer peer = test_take (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_signal_connect (peer, "disconnected", G_CALLBACK (drop_in_disconnected), &server);
  g_object_unref (peer);
  test_raw_close (fd);
  TEST_TURN_UNTIL (server == NULL);
  test_turn_all ();
  g_assert_null (watched);
  g_assert_null (peer);
}

static void
reconnect (LSocket  *peer,
           gpointer  name)
{
  g_signal_handlers_disconnect_by_func (peer, reconnect, name);
  l_socket_connect_to_server (peer, name, L_OPEN_MODE_READ_WRITE);
}

static void
test_lifetime_reconnect (void)
{
  LServer *server = test_listen ("market");
  LServer *other = test_listen ("other");
  TestRaw fd = test_connect_raw (server);
  LSocket *peer = test_take (server);
  g_autoptr(LSocket) far = NULL;

  /* A socket that begins something new is no connection of the server any more. */
  g_signal_connect (peer, "disconnected", G_CALLBACK (reconnect), (gpointer) "other");
  test_raw_close (fd);
  far = test_take (other);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_finalize_object (server);
  g_assert_finalize_object (peer);
  TEST_TURN_UNTIL (l_socket_get_state (far) == L_SOCKET_STATE_UNCONNECTED);
  g_clear_object (&far);
  g_assert_finalize_object (other);
}

static void
test_lifetime_no_leak (void)
{
  guint n_descriptors = 0;

  for (guint round = 0; round < 50; round++)
    {
      LServer *server = test_listen ("market");
      LSocket *client, *peer;
      TestRaw fd;

      client = test_connect (server, &peer);
      fd = test_connect_raw (server);
      test_write (client, "hello");
      test_write (peer, "there");
      test_turn_all ();
      if (round % 2 == 0)
        l_server_close (server);
      l_socket_disconnect_from_server (client);
      test_raw_close (fd);
      TEST_TURN_UNTIL (l_socket_get_state (client) == L_SOCKET_STATE_UNCONNECTED);
      TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
      test_turn_all ();
      g_assert_finalize_object (client);
      g_assert_finalize_object (peer);
      g_assert_finalize_object (server);
      /* The first round has made what stays. */
      if (round == 0)
        n_descriptors = test_count_descriptors ();
      g_assert_cmpuint (test_count_descriptors (), ==, n_descriptors);
    }
}

/* Names of accepted sockets */

static void
test_names_path (void)
{
  g_autofree char *path = test_build_path ("deep.sock");
  g_autoptr(LServer) server = test_listen (path);
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  peer = test_take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "deep.sock");
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, path);
  g_assert_cmpint (l_socket_get_options (peer), ==, L_SOCKET_OPTIONS_NONE);
  test_raw_close (fd);
}

static void
test_names_plain (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  peer = test_take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "market");
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, l_server_get_full_server_name (server));
  test_raw_close (fd);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_null (l_socket_get_server_name (peer));
  g_assert_null (l_socket_get_full_server_name (peer));
}

static void
test_names_state (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) peer = NULL;
  TestRaw fd = test_connect_raw (server);

  peer = test_take (server);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_socket_is_valid (peer));
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (peer)));
  g_assert_cmpint (l_io_device_get_open_mode (L_IO_DEVICE (peer)), ==, L_OPEN_MODE_READ_WRITE);
  g_assert_true (test_raw_is_set_up (l_socket_get_socket_descriptor (peer)));
  test_raw_close (fd);
}

static void
test_crowd (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func (g_object_unref);
  TestRaw fds[200];

  g_signal_connect (server, "new-connection", G_CALLBACK (take_in_handler), taken);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = test_connect_raw (server);
      test_raw_write (fds[i], "x");
    }
  TEST_TURN_UNTIL (taken->len == G_N_ELEMENTS (fds));
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      test_assert_text (taken->pdata[i], "x");
      test_write (taken->pdata[i], "y");
    }
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      test_assert_raw_read (fds[i], "y");
      test_raw_close (fds[i]);
    }
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  /* GTask has a thread with a descriptor that stays. */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));

  test_add ("/server/properties/defaults", test_properties_defaults);
  test_add ("/server/properties/while-listening", test_properties_while_listening);
  test_add ("/server/properties/set", test_properties_set);
  test_add ("/server/properties/options-while-listening", test_properties_options_while_listening);
  test_add ("/server/properties/notify", test_properties_notify);
  test_add_data ("/server/properties/notify-error", "notify::error", test_drop_in_notify_error);
  test_add_data ("/server/properties/notify-error-string", "notify::error-string", test_drop_in_notify_error);

  test_add ("/server/listen/plain", test_listen_plain);
  test_add ("/server/listen/path", test_listen_path);
  for (guint i = 0; i < G_N_ELEMENTS (bad_names) - (test_is_unix () ? 0 : 2); i++)
    {
      g_autofree char *path = g_strdup_printf ("/server/listen/bad-name/%u", i);

      test_add_data (path, bad_names[i], test_listen_bad_name);
    }
  test_add ("/server/listen/twice", test_listen_twice);
  test_add ("/server/listen/in-use", test_listen_in_use);
  test_add ("/server/listen/again-after-close", test_listen_again_after_close);
  test_add ("/server/listen/success-clears-error", test_listen_success_clears_error);


  test_add ("/server/close/idle", test_close_idle);
  test_add ("/server/close/clears-error", test_close_clears_error);
  test_add ("/server/close/pending", test_close_pending);
  test_add ("/server/close/connections-live-on", test_close_connections_live_on);
  test_add ("/server/close/in-new-connection", test_close_in_new_connection);
  test_add ("/server/close/and-listen-in-new-connection", test_close_and_listen_in_new_connection);
  test_add ("/server/drop/in-new-connection", test_drop_in_new_connection);
  test_add ("/server/drop/in-wait", test_drop_in_wait);
  test_add ("/server/drop/while-listening", test_drop_while_listening);

  test_add ("/server/signal/once-each", test_signal_once_each);
  test_add ("/server/signal/take-in-handler", test_signal_take_in_handler);
  test_add ("/server/signal/nested-loop", test_signal_nested_loop);
  test_add ("/server/queue/fifo", test_queue_fifo);
  test_add_data ("/server/queue/limit/one", GINT_TO_POINTER (1), test_queue_limit);
  test_add_data ("/server/queue/limit/three", GINT_TO_POINTER (3), test_queue_limit);
  test_add_data ("/server/queue/limit/as-many", GINT_TO_POINTER (10), test_queue_limit);
  test_add_data ("/server/queue/limit/zero", GINT_TO_POINTER (0), test_queue_limit);
  test_add_data ("/server/queue/limit/negative", GINT_TO_POINTER (-1), test_queue_limit);
  test_add_data ("/server/queue/limit/lowest", GINT_TO_POINTER (G_MININT), test_queue_limit);
  test_add ("/server/queue/raise-limit", test_queue_raise_limit);
  test_add ("/server/queue/lower-limit", test_queue_lower_limit);
  test_add ("/server/queue/taking-makes-room", test_queue_taking_makes_room);
  test_add ("/server/queue/full-is-idle", test_queue_full_is_idle);
  if (test_is_unix ())
    test_add ("/server/queue/not-read", test_queue_not_read);
  test_add ("/server/queue/client-gone", test_queue_client_gone);

  test_add ("/server/accept/queued", test_accept_queued);
  test_add ("/server/accept/waiting", test_accept_waiting);
  test_add ("/server/accept/several", test_accept_several);
  test_add ("/server/accept/cancelled-before", test_accept_cancelled_before);
  test_add ("/server/accept/cancelled-while-waiting", test_accept_cancelled_while_waiting);
  test_add ("/server/accept/cancelled-never-wins", test_accept_cancelled_never_wins);
  test_add ("/server/accept/cancelled-leaves-it-queued", test_accept_cancelled_leaves_it_queued);
  test_add ("/server/accept/cancelled-makes-no-room", test_accept_cancelled_makes_no_room);
  test_add ("/server/accept/cancelled-too-late", test_accept_cancelled_too_late);
  test_add ("/server/accept/not-listening", test_accept_not_listening);
  test_add ("/server/accept/closed", test_accept_closed);
  test_add ("/server/accept/listen-in-callback", test_accept_listen_in_callback);
  test_add ("/server/accept/limit-zero", test_accept_limit_zero);
  test_add ("/server/accept/in-callback", test_accept_in_callback);
  test_add ("/server/accept/keeps-server", test_accept_keeps_server);

  test_add ("/server/wait/queued", test_wait_queued);
  test_add ("/server/wait/accepts", test_wait_accepts);
  test_add ("/server/wait/limit-zero", test_wait_limit_zero);
  test_add ("/server/wait/timeout", test_wait_timeout);
  test_add ("/server/wait/not-listening", test_wait_not_listening);
  test_add ("/server/wait/closed-in-handler", test_wait_closed_in_handler);
  test_add ("/server/wait/serves-accept", test_wait_serves_accept);
  test_add ("/server/wait/thread", test_wait_thread);
  test_add ("/server/wait/other-context", test_wait_other_context);
  test_add ("/server/wait/without-reactor", test_wait_without_reactor);
  test_add ("/server/thread/own-context", test_thread_own_context);

  test_add ("/server/subclass/wrap", test_subclass_wrap);
  if (test_is_unix ())
    test_add ("/server/subclass/wrap-not-read", test_subclass_wrap_not_read);
  test_add ("/server/subclass/chain-up", test_subclass_chain_up);
  test_add ("/server/subclass/refuse", test_subclass_refuse);
  test_add ("/server/subclass/other-thread", test_subclass_other_thread);
  test_add ("/server/subclass/wait", test_subclass_wait);
  test_add ("/server/subclass/keep-in-loop", test_subclass_keep_in_loop);
  test_add ("/server/add-pending/queue", test_add_pending);
  test_add ("/server/add-pending/to-accept", test_add_pending_to_accept);
  test_add ("/server/add-pending/counts", test_add_pending_counts);

  test_add ("/server/add-pending/closed", test_add_pending_closed);
  test_add ("/server/add-pending/dropped", test_add_pending_dropped);
  test_add ("/server/add-pending/dropped-elsewhere", test_add_pending_dropped_elsewhere);
  test_add ("/server/lifetime/held-until-unconnected", test_lifetime_held_until_unconnected);
  test_add ("/server/lifetime/write-disconnect-unref", test_lifetime_write_disconnect_unref);
  test_add ("/server/lifetime/server-dropped", test_lifetime_server_dropped);
  test_add ("/server/lifetime/server-dropped-while-closing", test_lifetime_server_dropped_while_closing);
  test_add ("/server/lifetime/server-closed", test_lifetime_server_closed);
  test_add ("/server/lifetime/server-dropped-in-disconnected", test_lifetime_server_dropped_in_disconnected);
  test_add ("/server/lifetime/reconnect", test_lifetime_reconnect);
  test_add ("/server/lifetime/no-leak", test_lifetime_no_leak);

  test_add ("/server/names/path", test_names_path);
  test_add ("/server/names/plain", test_names_plain);
  test_add ("/server/names/state", test_names_state);

  test_add ("/server/crowd", test_crowd);

  return test_run ();
}
