/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>

#include <string.h>

#include "test-pattern.h"
#include "test-util.h"

/* HTTP over a connection: libsoup's server takes it from an LServer; the client is an LSocket that speaks for itself,
 * or libsoup's session. */

#define SIZE (1024 * 1024)

typedef struct
{
  TestPair    pair;
  SoupServer *server;
  GBytes     *body;
  guint       n_requests;
} Web;

static void
on_request (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  Web *web = user_data;

  web->n_requests++;
  if (soup_server_message_get_method (message) == SOUP_METHOD_POST)
    {
      g_autoptr(GBytes) bytes = soup_message_body_flatten (soup_server_message_get_request_body (message));

      test_pattern_assert (g_bytes_get_data (bytes, NULL), 0, g_bytes_get_size (bytes));
    }
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/octet-stream", SOUP_MEMORY_COPY,
                                    g_bytes_get_data (web->body, NULL), g_bytes_get_size (web->body));
}

static void
web_accept (Web     *web,
            LSocket *socket)
{
  g_autoptr(GSocketAddress) nobody = NULL;
  g_autoptr(GError) error = NULL;

  /* It wants addresses, and a client on a Unix domain socket has none. */
  nobody = g_unix_socket_address_new_with_type ("", 0, G_UNIX_SOCKET_ADDRESS_ANONYMOUS);
  g_assert_true (soup_server_accept_iostream (web->server, G_IO_STREAM (socket),
                                              l_server_get_address (web->pair.server), nobody, &error));
  g_assert_no_error (error);
}

static void
web_init (Web *web)
{
  guint8 *data = g_malloc (SIZE);

  memset (web, 0, sizeof *web);
  test_pattern_fill (data, 0, SIZE);
  web->body = g_bytes_new_take (data, SIZE);
  web->server = soup_server_new ("server-header", "market", NULL);
  soup_server_add_handler (web->server, NULL, on_request, web, NULL);
  test_pair_init (&web->pair);
}

static void
web_clear (Web *web)
{
  soup_server_disconnect (web->server);
  g_assert_finalize_object (web->server);
  g_bytes_unref (web->body);
  test_turn_all ();
  test_pair_clear (&web->pair);
}

/* The client by hand */

static char *
read_line (LSocket *socket)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  char *line;

  l_io_device_read_line_async (L_IO_DEVICE (socket), 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  line = l_io_device_read_line_finish (L_IO_DEVICE (socket), result, NULL, &error);
  g_assert_no_error (error);

  return g_strchomp (line);
}

/* The length of the body. */
static gsize
read_head (LSocket *socket)
{
  g_autofree char *status = read_line (socket);
  gsize length = 0;

  g_assert_cmpstr (status, ==, "HTTP/1.1 200 OK");
  while (TRUE)
    {
      g_autofree char *line = read_line (socket);

      if (*line == '\0')
        return length;
      if (g_ascii_strncasecmp (line, "Content-Length: ", 16) == 0)
        length = g_ascii_strtoull (line + 16, NULL, 10);
    }
}

static void
read_answer (LSocket *socket)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpuint (read_head (socket), ==, SIZE);
  l_io_device_read_bytes_async (L_IO_DEVICE (socket), SIZE, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  bytes = l_io_device_read_bytes_finish (L_IO_DEVICE (socket), result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, SIZE);
  test_pattern_assert (g_bytes_get_data (bytes, NULL), 0, SIZE);
}

static void
test_get (void)
{
  Web web;

  web_init (&web);
  web_accept (&web, web.pair.peer);
  test_write (web.pair.client, "GET /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  read_answer (web.pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.peer) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (web.pair.client)), ==, 0);
  g_assert_cmpuint (web.n_requests, ==, 1);
  web_clear (&web);
}

/* A server that does not listen itself ends each connection after one answer. */
static void
listen_elsewhere (Web *web)
{
  g_autofree char *path = test_build_path ("elsewhere");
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GSocket) socket = NULL;
  g_autoptr(GError) error = NULL;

  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_assert_true (g_socket_bind (socket, address, TRUE, &error));
  g_assert_true (g_socket_listen (socket, &error));
  g_assert_true (soup_server_listen_socket (web->server, socket, 0, &error));
  g_assert_no_error (error);
}

static void
test_keep_alive (void)
{
  Web web;

  g_test_summary ("One after the other, and two in one piece");

  web_init (&web);
  listen_elsewhere (&web);
  web_accept (&web, web.pair.peer);
  for (guint i = 0; i < 3; i++)
    {
      test_write (web.pair.client, "GET /body HTTP/1.1\r\nHost: localhost\r\n\r\n");
      read_answer (web.pair.client);
    }
  test_write (web.pair.client, "GET /body HTTP/1.1\r\nHost: localhost\r\n\r\n"
                               "GET /body HTTP/1.1\r\nHost: localhost\r\n\r\n");
  read_answer (web.pair.client);
  read_answer (web.pair.client);
  g_assert_cmpuint (web.n_requests, ==, 5);
  l_socket_disconnect_from_server (web.pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.peer) == L_SOCKET_STATE_UNCONNECTED);
  web_clear (&web);
}

static void
test_request_read_ahead (void)
{
  Web web;

  g_test_summary ("The request has come before libsoup has the connection");

  web_init (&web);
  test_write (web.pair.client, "GET /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (web.pair.peer)) > 0);
  web_accept (&web, web.pair.peer);
  read_answer (web.pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.client) == L_SOCKET_STATE_UNCONNECTED);
  web_clear (&web);
}

static void
test_post (void)
{
  g_autofree char *head = g_strdup_printf ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", SIZE);
  g_autoptr(GError) error = NULL;
  Web web;

  web_init (&web);
  web_accept (&web, web.pair.peer);
  test_write (web.pair.client, head);
  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (web.pair.client), web.body, &error));
  read_answer (web.pair.client);
  g_assert_cmpuint (web.n_requests, ==, 1);
  l_socket_disconnect_from_server (web.pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.peer) == L_SOCKET_STATE_UNCONNECTED);
  web_clear (&web);
}

static void
test_client_vanishes (void)
{
  Web web;

  web_init (&web);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (web.pair.client), 1);
  web_accept (&web, web.pair.peer);
  test_write (web.pair.client, "GET /body HTTP/1.1\r\nHost: localhost\r\n\r\n");
  TEST_TURN_UNTIL (web.n_requests == 1);
  test_turn_all ();
  l_socket_abort (web.pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (web.pair.peer) == L_SOCKET_STATE_UNCONNECTED);
  web_clear (&web);
}

/* The client of libsoup */

static void
on_new_connection (LServer *server,
                   Web     *web)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  web_accept (web, socket);
}

static void
session_get (SoupSession *session,
             Web         *web)
{
  g_autoptr(SoupMessage) message = soup_message_new (SOUP_METHOD_GET, "http://localhost/body");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;

  soup_session_send_and_read_async (session, message, 0, NULL, test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  bytes = soup_session_send_and_read_finish (session, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (soup_message_get_status (message), ==, SOUP_STATUS_OK);
  g_assert_true (g_bytes_equal (bytes, web->body));
}

static void
test_session (void)
{
  g_autoptr(SoupSession) session = NULL;
  Web web;

  g_test_summary ("libsoup at both ends: what connects is no LSocket, what is accepted is one");

  web_init (&web);
  g_signal_connect (web.pair.server, "new-connection", G_CALLBACK (on_new_connection), &web);
  session = soup_session_new_with_options ("remote-connectable", l_server_get_address (web.pair.server), NULL);
  for (guint i = 0; i < 3; i++)
    session_get (session, &web);
  g_assert_cmpuint (web.n_requests, ==, 3);
  soup_session_abort (session);
  web_clear (&web);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/soup/get", test_get);
  test_add ("/soup/keep-alive", test_keep_alive);
  test_add ("/soup/request-read-ahead", test_request_read_ahead);
  test_add ("/soup/post", test_post);
  test_add ("/soup/client-vanishes", test_client_vanishes);
  test_add ("/soup/session", test_session);

  return test_run ();
}
