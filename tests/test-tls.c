/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "test-pattern.h"
#include "test-util.h"

/* TLS over a connection, as glib-networking does it: it shakes hands in a thread of GTask's, and polls the streams both
 * there and in the loop. */

#define MIB (1024 * 1024)

static GTlsCertificate *certificate;
static GTlsDatabase *database; /* that trusts it */

/* Valid for a day, by the name of localhost. */
static void
make_certificate (void)
{
  g_autofree char *path = test_build_path ("certificate.pem");
  g_autofree char *key_path = test_build_path ("key.pem");
  const char *argv[] = {
    g_getenv ("OPENSSL"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    "-keyout", key_path, "-out", path, NULL,
  };
  g_autoptr(GError) error = NULL;
  int status;

  g_assert_nonnull (argv[0]);
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);

  certificate = g_tls_certificate_new_from_files (path, key_path, &error);
  g_assert_no_error (error);
  database = g_tls_file_database_new (path, &error);
  g_assert_no_error (error);
}

typedef struct
{
  TestPair   pair;
  GIOStream *client; /* (owned) */
  GIOStream *server; /* (owned) */
} Link;

static void
link_wrap (Link         *link,
           GIOStream    *client,
           GIOStream    *server,
           GTlsDatabase *trusted)
{
  g_autoptr(GSocketConnectable) identity = g_network_address_new ("localhost", 0);
  g_autoptr(GError) error = NULL;

  link->client = g_tls_client_connection_new (client, identity, &error);
  g_assert_no_error (error);
  g_tls_connection_set_database (G_TLS_CONNECTION (link->client), trusted);
  link->server = g_tls_server_connection_new (server, certificate, &error);
  g_assert_no_error (error);
}

static void
link_init (Link         *link,
           GTlsDatabase *trusted)
{
  test_pair_init (&link->pair);
  /* TLS ends each direction for itself. */
  l_socket_set_half_open (link->pair.client, TRUE);
  l_socket_set_half_open (link->pair.peer, TRUE);
  link_wrap (link, G_IO_STREAM (link->pair.client), G_IO_STREAM (link->pair.peer), trusted);
}

static void
link_clear (Link *link)
{
  g_clear_object (&link->client);
  g_clear_object (&link->server);
  test_pair_clear (&link->pair);
}

static void
assert_handshake (GIOStream    *connection,
                  GAsyncResult *result)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_tls_connection_handshake_finish (G_TLS_CONNECTION (connection), result, &error));
  g_assert_no_error (error);
}

static void
link_shake_hands (Link *link)
{
  g_autoptr(GAsyncResult) client = NULL;
  g_autoptr(GAsyncResult) server = NULL;

  g_tls_connection_handshake_async (G_TLS_CONNECTION (link->client), 0, NULL, test_store_result, &client);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (link->server), 0, NULL, test_store_result, &server);
  TEST_TURN_UNTIL (client != NULL && server != NULL);
  assert_handshake (link->client, client);
  assert_handshake (link->server, server);
}

static void
assert_send (GIOStream  *from,
             GIOStream  *to,
             const char *text)
{
  g_autoptr(GAsyncResult) read_result = NULL;
  g_autoptr(GAsyncResult) write_result = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[64];
  gssize n;

  g_input_stream_read_async (g_io_stream_get_input_stream (to), buffer, sizeof buffer, 0, NULL,
                             test_store_result, &read_result);
  test_turn_all ();
  g_output_stream_write_async (g_io_stream_get_output_stream (from), text, strlen (text), 0, NULL,
                               test_store_result, &write_result);
  TEST_TURN_UNTIL (read_result != NULL && write_result != NULL);
  n = g_output_stream_write_finish (g_io_stream_get_output_stream (from), write_result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, strlen (text));
  n = g_input_stream_read_finish (g_io_stream_get_input_stream (to), read_result, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (buffer, n, text, strlen (text));
}

static void
close_output (GIOStream *connection)
{
  GOutputStream *output = g_io_stream_get_output_stream (connection);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  g_output_stream_close_async (output, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_output_stream_close_finish (output, result, &error);
  g_assert_no_error (error);
}

static void
close_connection (GIOStream *connection)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  g_io_stream_close_async (connection, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  g_io_stream_close_finish (connection, result, &error);
  g_assert_no_error (error);
}

/* Each says that it has no more, so that neither has to say so to nobody. */
static void
link_close (Link *link)
{
  if (!g_output_stream_is_closed (g_io_stream_get_output_stream (link->client)))
    close_output (link->client);
  if (!g_output_stream_is_closed (g_io_stream_get_output_stream (link->server)))
    close_output (link->server);
  close_connection (link->client);
  close_connection (link->server);
  TEST_TURN_UNTIL (l_socket_get_state (link->pair.client) == L_SOCKET_STATE_UNCONNECTED);
  TEST_TURN_UNTIL (l_socket_get_state (link->pair.peer) == L_SOCKET_STATE_UNCONNECTED);
}

static void
test_handshake (void)
{
  Link link;

  link_init (&link, database);
  link_shake_hands (&link);
  g_assert_cmpint (g_tls_connection_get_protocol_version (G_TLS_CONNECTION (link.client)), >=,
                   G_TLS_PROTOCOL_VERSION_TLS_1_2);
  assert_send (link.client, link.server, "question");
  assert_send (link.server, link.client, "answer");
  link_close (&link);
  link_clear (&link);
}

static void
test_implicit (void)
{
  Link link;

  g_test_summary ("The first reading and writing shakes hands");

  link_init (&link, database);
  assert_send (link.client, link.server, "question");
  assert_send (link.server, link.client, "answer");
  link_close (&link);
  link_clear (&link);
}

static gsize
get_size (void)
{
  return test_is_on_valgrind () ? MIB / 4 : 16 * MIB;
}

typedef struct
{
  GIOStream     *from;
  GIOStream     *to;
  GOutputStream *sink;
  GAsyncResult  *sent;
  GAsyncResult  *received;
} Transfer;

static void
transfer_start (Transfer  *transfer,
                GIOStream *from,
                GIOStream *to)
{
  g_autoptr(GInputStream) source = test_pattern_source_new (get_size (), TRUE);

  *transfer = (Transfer) { .from = from, .to = to, .sink = test_pattern_sink_new (TRUE) };
  g_output_stream_splice_async (transfer->sink, g_io_stream_get_input_stream (to), G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &transfer->received);
  g_output_stream_splice_async (g_io_stream_get_output_stream (from), source, G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL,
                                test_store_result, &transfer->sent);
}

static void
transfer_finish_sending (Transfer *transfer)
{
  g_autoptr(GError) error = NULL;
  gssize n;

  while (transfer->sent == NULL)
    test_turn ();
  n = g_output_stream_splice_finish (g_io_stream_get_output_stream (transfer->from), transfer->sent, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, get_size ());
  g_clear_object (&transfer->sent);
}

/* The end of the data has to be a close_notify: the connection has ended only then. */
static void
transfer_finish_receiving (Transfer *transfer)
{
  g_autoptr(GError) error = NULL;
  gssize n;

  while (transfer->received == NULL)
    test_turn ();
  n = g_output_stream_splice_finish (transfer->sink, transfer->received, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, get_size ());
  g_clear_object (&transfer->received);
  g_clear_object (&transfer->sink);
}

static void
test_large (void)
{
  Transfer up, down;
  Link link;

  g_test_summary ("Much both ways at once, and each end says when it has no more");

  link_init (&link, database);
  transfer_start (&up, link.client, link.server);
  transfer_start (&down, link.server, link.client);
  transfer_finish_sending (&up);
  transfer_finish_sending (&down);
  close_output (link.client);
  transfer_finish_receiving (&up);
  close_output (link.server);
  transfer_finish_receiving (&down);
  link_close (&link);
  link_clear (&link);
}

static void
start_reading (GIOStream     *connection,
               char          *byte,
               GAsyncResult **result)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (connection), byte, 1, 0, NULL, test_store_result, result);
}

static void
test_close_notify (gconstpointer from_client)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GIOStream *closing, *reading;
  char byte;
  Link link;

  g_test_summary ("A close is an orderly end for the other side");

  link_init (&link, database);
  link_shake_hands (&link);
  closing = from_client != NULL ? link.client : link.server;
  reading = from_client != NULL ? link.server : link.client;
  start_reading (reading, &byte, &result);
  test_turn_all ();
  g_assert_null (result);
  close_connection (closing);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (g_io_stream_get_input_stream (reading), result, &error), ==, 0);
  g_assert_no_error (error);
  link_clear (&link);
}

static void
test_truncated (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char byte;
  Link link;

  g_test_summary ("Without it the end is an error");

  link_init (&link, database);
  link_shake_hands (&link);
  start_reading (link.server, &byte, &result);
  test_turn_all ();
  g_assert_null (result);
  l_socket_abort (link.pair.client);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (g_io_stream_get_input_stream (link.server), result, &error), ==, -1);
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_EOF);
  link_clear (&link);
}

static void
test_rejected (void)
{
  g_autoptr(GAsyncResult) client = NULL;
  g_autoptr(GAsyncResult) server = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  g_test_summary ("A client that trusts nobody");

  link_init (&link, NULL);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (link.client), 0, NULL, test_store_result, &client);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (link.server), 0, NULL, test_store_result, &server);
  TEST_TURN_UNTIL (client != NULL);
  g_assert_false (g_tls_connection_handshake_finish (G_TLS_CONNECTION (link.client), client, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  l_socket_abort (link.pair.client);
  TEST_TURN_UNTIL (server != NULL);
  g_assert_false (g_tls_connection_handshake_finish (G_TLS_CONNECTION (link.server), server, &error));
  g_assert_nonnull (error);
  link_clear (&link);
}

static void
test_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  g_test_summary ("A handshake that nobody answers");

  link_init (&link, database);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (link.client), 0, cancellable, test_store_result, &result);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (link.pair.peer)) > 0);
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_false (g_tls_connection_handshake_finish (G_TLS_CONNECTION (link.client), result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  link_clear (&link);
}

static GIOStream *
make_plain_stream (int fd)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

/* Threads and their descriptors come with the first connection and stay, so that is one of GIO's own. */
static void
warm_up (void)
{
  g_autoptr(GIOStream) client = NULL;
  g_autoptr(GIOStream) server = NULL;
  Link link = { 0 };
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  client = make_plain_stream (fds[0]);
  server = make_plain_stream (fds[1]);
  link_wrap (&link, client, server, database);
  link_shake_hands (&link);
  link_clear (&link);
  g_clear_object (&client);
  g_clear_object (&server);
  TEST_TURN_UNTIL (fcntl (fds[0], F_GETFD) < 0 && fcntl (fds[1], F_GETFD) < 0);
}

static guint
count_pool_threads (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "comm", NULL);
      g_autofree char *comm = NULL;

      /* A thread that ends meanwhile has none. */
      if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_has_prefix (comm, "pool-") &&
          !g_str_has_prefix (comm, "pool-spawner"))
        n++;
    }

  return n;
}

/* LeakSanitizer mistakes what GnuTLS keeps for each thread in memory of the thread's own, and dies of it. */
static void
end_threads (void)
{
  g_thread_pool_set_max_unused_threads (0);
  TEST_TURN_UNTIL (count_pool_threads () == 0);
}

int
main (int   argc,
      char *argv[])
{
  int result;

  test_init (&argc, &argv);
  make_certificate ();
  warm_up ();

  test_add ("/tls/handshake", test_handshake);
  test_add ("/tls/implicit", test_implicit);
  test_add ("/tls/large", test_large);
  test_add_data ("/tls/close-notify/client", GINT_TO_POINTER (TRUE), test_close_notify);
  test_add_data ("/tls/close-notify/server", GINT_TO_POINTER (FALSE), test_close_notify);
  test_add ("/tls/truncated", test_truncated);
  test_add ("/tls/rejected", test_rejected);
  test_add ("/tls/cancelled", test_cancelled);

  result = test_run ();
  g_clear_object (&certificate);
  g_clear_object (&database);
  end_threads ();
  return result;
}
