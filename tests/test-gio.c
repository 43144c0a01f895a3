/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What README and the chapter beside it say of GIO's own sockets: it has to stay true, too. */

#include "test-util.h"

#include <gio/gunixconnection.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static GSocket *
new_socket (void)
{
  g_autoptr(GError) error = NULL;
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  return socket;
}

static gboolean
bind_to (GSocket     *socket,
         const char  *path,
         GError     **error)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);

  return g_socket_bind (socket, address, TRUE, error);
}

static void
make_pair (GSocketConnection *connections[2])
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GSocket) socket = g_socket_new_from_fd (fds[i], &error);

      g_assert_no_error (error);
      connections[i] = g_socket_connection_factory_create_connection (socket);
    }
}

static void
drop_pair (GSocketConnection *connections[2])
{
  g_object_unref (connections[0]);
  g_object_unref (connections[1]);
}

static void
say (GSocketConnection *connection,
     const char        *text)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  g_autoptr(GError) error = NULL;

  g_output_stream_write_all (output, text, strlen (text), NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Without state and error, and without signals but notify. */
static void
test_properties (void)
{
  GSocketConnection *pair[2];
  g_autofree guint *ids = NULL;
  guint n_ids;

  make_pair (pair);
  for (GType type = G_OBJECT_TYPE (pair[0]); type != G_TYPE_OBJECT; type = g_type_parent (type))
    {
      g_clear_pointer (&ids, g_free);
      ids = g_signal_list_ids (type, &n_ids);
      g_assert_cmpuint (n_ids, ==, 0);
    }
  g_assert_null (g_object_class_find_property (G_OBJECT_GET_CLASS (pair[0]), "state"));
  g_assert_null (g_object_class_find_property (G_OBJECT_GET_CLASS (pair[0]), "error"));
  drop_pair (pair);
}

static void
test_lines (void)
{
  GSocketConnection *pair[2];
  g_autoptr(GDataInputStream) lines = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *line = NULL;
  char byte;

  make_pair (pair);
  say (pair[1], "hello\n");
  lines = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (pair[0])));
  g_assert_cmpint (g_buffered_input_stream_fill (G_BUFFERED_INPUT_STREAM (lines), -1, NULL, &error), ==, 6);
  g_assert_cmpuint (g_buffered_input_stream_peek (G_BUFFERED_INPUT_STREAM (lines), &byte, 0, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'h');
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (line, ==, "hello");
  drop_pair (pair);
}

static void
test_wait (void)
{
  GSocketConnection *pair[2];
  g_autoptr(GError) error = NULL;

  make_pair (pair);
  g_assert_false (g_socket_condition_timed_wait (g_socket_connection_get_socket (pair[0]), G_IO_IN, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  drop_pair (pair);
}

static void
test_half_close (void)
{
  GSocketConnection *pair[2];
  g_autoptr(GError) error = NULL;
  char buffer[8];

  make_pair (pair);
  g_socket_shutdown (g_socket_connection_get_socket (pair[0]), FALSE, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_socket_receive (g_socket_connection_get_socket (pair[1]), buffer, sizeof buffer, NULL, NULL), ==, 0);
  say (pair[1], "answer");
  g_assert_cmpint (g_socket_receive (g_socket_connection_get_socket (pair[0]), buffer, sizeof buffer, NULL, NULL), ==, 6);
  drop_pair (pair);
}

static void
test_descriptors (void)
{
  GSocketConnection *pair[2];
  g_autoptr(GError) error = NULL;
  int fd;

  make_pair (pair);
  fd = g_socket_get_fd (g_socket_connection_get_socket (pair[0]));
  g_unix_connection_send_fd (G_UNIX_CONNECTION (pair[0]), fd, NULL, &error);
  g_assert_no_error (error);
  fd = g_unix_connection_receive_fd (G_UNIX_CONNECTION (pair[1]), NULL, &error);
  g_assert_no_error (error);
  close (fd);
  drop_pair (pair);
}

static void
test_credentials (void)
{
  GSocketConnection *pair[2];
  g_autoptr(GCredentials) credentials = NULL;
  g_autoptr(GError) error = NULL;

  make_pair (pair);
  credentials = g_socket_get_credentials (g_socket_connection_get_socket (pair[0]), &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_credentials_get_unix_user (credentials, NULL), ==, geteuid ());
  drop_pair (pair);
}

static void
test_mode (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(GSocket) socket = new_socket ();
  g_autoptr(GError) error = NULL;
  mode_t old_mask = umask (0);
  struct stat status;

  bind_to (socket, path, &error);
  umask (old_mask);
  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0777);
  g_assert_cmpint (unlink (path), ==, 0);
}

static void
test_dead_server (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(GSocket) dead = new_socket ();
  g_autoptr(GSocket) next = new_socket ();
  g_autoptr(GError) error = NULL;

  bind_to (dead, path, &error);
  g_assert_no_error (error);
  g_socket_close (dead, &error);
  g_assert_no_error (error);
  g_assert_false (bind_to (next, path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_cmpint (unlink (path), ==, 0);
}

/* How many descriptors a turn of the loop asks for, beside those of the context itself. */
static int
count_polled (GMainContext *context)
{
  GPollFD fds[64];
  int priority, timeout, n_polled;

  g_assert_true (g_main_context_acquire (context));
  g_main_context_prepare (context, &priority);
  n_polled = g_main_context_query (context, G_MAXINT, &timeout, fds, G_N_ELEMENTS (fds));
  g_main_context_check (context, G_MAXINT, fds, n_polled);
  g_main_context_release (context);
  return n_polled;
}

static void
test_idle (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  GSocketConnection *pairs[10][2];
  GSource *sources[10];
  int n_before = count_polled (context);

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      make_pair (pairs[i]);
      sources[i] = g_socket_create_source (g_socket_connection_get_socket (pairs[i][0]), G_IO_IN, NULL);
      g_source_attach (sources[i], context);
    }
  g_assert_cmpint (count_polled (context) - n_before, ==, G_N_ELEMENTS (pairs));
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_source_destroy (sources[i]);
      g_source_unref (sources[i]);
      drop_pair (pairs[i]);
    }
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/gio/properties", test_properties);
  test_add ("/gio/lines", test_lines);
  test_add ("/gio/wait", test_wait);
  test_add ("/gio/half-close", test_half_close);
  test_add ("/gio/descriptors", test_descriptors);
  test_add ("/gio/credentials", test_credentials);
  test_add ("/gio/mode", test_mode);
  test_add ("/gio/dead-server", test_dead_server);
  test_add ("/gio/idle", test_idle);

  return test_run ();
}
