/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* LServer by its public functions: its properties and errors, the queue, the three ways of accepting, how long
 * connections live. What listening does to the file system is in test-listener.c. */

#include "test-util.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Helpers */

static LServer *
new_server (const char *name)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  return server;
}

static char *
get_abstract_name (void)
{
  return g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
}

static LServer *
new_abstract_server (void)
{
  g_autofree char *name = get_abstract_name ();
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  return server;
}

static int
raw_connect_path (const char *path)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpuint (strlen (path), <, sizeof native.sun_path);
  memcpy (native.sun_path, path, strlen (path));
  if (connect (fd, (struct sockaddr *) &native, sizeof native) == 0)
    return fd;

  close (fd);
  return -1;
}

static int
raw_connect (LServer *server)
{
  int fd = raw_connect_path (l_server_get_full_server_name (server));

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
raw_write (int         fd,
           const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, strlen (text));
}

/* What has arrived, with “$” for the end. */
static char *
raw_read (int fd)
{
  GString *text = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (text, buffer, n);
  if (n == 0 || errno == ECONNRESET)
    g_string_append_c (text, '$');

  return g_string_free (text, FALSE);
}

static void
assert_raw_read (int         fd,
                 const char *expected)
{
  g_autofree char *text = raw_read (fd);

  g_assert_cmpstr (text, ==, expected);
}

static int
raw_listen (const char *path,
            int         type)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpuint (strlen (path), <, sizeof native.sun_path);
  memcpy (native.sun_path, path, strlen (path));
  g_assert_cmpint (bind (fd, (struct sockaddr *) &native, sizeof native), ==, 0);
  if (type != SOCK_DGRAM)
    g_assert_cmpint (listen (fd, 8), ==, 0);
  return fd;
}

static LSocket *
take (LServer *server)
{
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  return l_server_next_pending_connection (server);
}

static void
assert_text (LSocket    *socket,
             const char *expected)
{
  g_autofree char *text = NULL;

  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) >= strlen (expected));
  text = test_read (socket);
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_server_error (LServer      *server,
                     GError       *error,
                     LSocketError  code)
{
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
  g_assert_cmpint (l_server_get_error (server), ==, code);
  g_assert_cmpstr (l_server_get_error_string (server), ==, error->message);
}

static void
assert_idle (LServer *server)
{
  g_assert_false (l_server_is_listening (server));
  g_assert_null (l_server_get_server_name (server));
  g_assert_null (l_server_get_full_server_name (server));
  g_assert_null (l_server_get_address (server));
  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, -1);
  g_assert_false (l_server_has_pending_connections (server));
}

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

/* Turns the loop for a while, and says how much of a processor that took: 1.0 is all of one. */
static gboolean
set_flag (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static double
measure_load (guint msecs)
{
  gboolean is_over = FALSE;
  clock_t begin = clock ();

  g_timeout_add (msecs, set_flag, &is_over);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);

  return (double) (clock () - begin) / CLOCKS_PER_SEC * 1000 / msecs;
}

/* As many descriptors as are open now, and not one more. */
static struct rlimit old_limit;

static void
exhaust_descriptors (void)
{
  struct rlimit limit;
  int next;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old_limit), ==, 0);
  next = fcntl (0, F_DUPFD_CLOEXEC, 0);
  g_assert_cmpint (next, >=, 0);
  close (next);
  limit = old_limit;
  limit.rlim_cur = next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

/* valgrind takes a connection from the system before it says that there is no descriptor for it. */
static gboolean
is_under_valgrind (void)
{
  const char *preload = g_getenv ("LD_PRELOAD");

  return preload != NULL && strstr (preload, "vgpreload") != NULL;
}

static void
restore_descriptors (void)
{
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old_limit), ==, 0);
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
  GArray  *descriptors; /* (element-type int) */
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
  int fd = descriptor;

  switch (self->incoming)
    {
    case INCOMING_WRAP:
      socket = l_socket_new ();
      l_socket_set_socket_descriptor (socket, descriptor, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
      g_assert_no_error (error);
      l_server_add_pending_connection (server, socket);
      break;
    case INCOMING_KEEP:
      g_array_append_val (self->descriptors, fd);
      break;
    case INCOMING_CLOSE:
      close (fd);
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
  self->descriptors = g_array_new (FALSE, FALSE, sizeof (int));
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
  assert_idle (server);
  g_assert_null (l_server_next_pending_connection (server));
}

static void
test_properties_while_listening (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market");
  g_autofree char *server_name = NULL, *full_server_name = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  gboolean listening;
  gint64 descriptor;

  g_object_get (server,
                "listening", &listening, "server-name", &server_name, "full-server-name", &full_server_name,
                "socket-descriptor", &descriptor, "address", &address,
                NULL);
  g_assert_true (listening);
  g_assert_cmpstr (server_name, ==, "market");
  g_assert_cmpstr (full_server_name, ==, path);
  g_assert_cmpint (descriptor, >=, 0);
  g_assert_cmpint (descriptor, ==, l_server_get_socket_descriptor (server));
  g_assert_true (G_IS_UNIX_SOCKET_ADDRESS (address));
  g_assert_cmpstr (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (address)), ==, path);
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
  g_autoptr(LServer) server = new_server ("market");
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
  g_assert_cmpint (listening, ==, l_server_get_address (server) != NULL);
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
  guint counts[G_N_ELEMENTS (names)] = { 0 };
  guint n = 0;

  /* Something to be cleared. */
  g_assert_false (l_server_listen (server, "", NULL));
  l_server_set_unlink_on_close (server, FALSE);

  g_signal_connect (server, "notify", G_CALLBACK (assert_consistent), &n);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *detailed = g_strconcat ("notify::", names[i], NULL);

      g_signal_connect (server, detailed, G_CALLBACK (count_notify), &counts[i]);
    }

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpuint (counts[i], ==, 1);

  l_server_close (server);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpuint (counts[i], ==, 2);
  g_assert_cmpuint (n, >=, 10);
}

/* Listening */

static void
test_listen_plain (void)
{
  g_autofree char *path = test_build_path ("market");
  LServer *server = new_server ("market");

  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  l_server_close (server);
  assert_idle (server);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_finalize_object (server);
}

static void
test_listen_path (void)
{
  g_autofree char *path = test_build_path ("path.sock");
  g_autoptr(LServer) server = new_server (path);

  g_assert_cmpstr (l_server_get_server_name (server), ==, path);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
}

static void
test_listen_abstract (void)
{
  g_autofree char *name = get_abstract_name ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  /* It wins over the temporary directory. */
  l_server_set_options (server, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE | L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_true (l_server_listen (server, name, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (l_server_get_server_name (server), ==, name);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, name);
  g_assert_cmpint (g_unix_socket_address_get_address_type (G_UNIX_SOCKET_ADDRESS (l_server_get_address (server))),
                   ==, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
}

static void
test_listen_address_path (void)
{
  g_autofree char *path = test_build_path ("by-address");
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_listen_address (server, address, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "by-address");
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_assert_true (l_server_get_unlink_on_close (server));
}

static void
test_listen_address_unsupported (void)
{
  g_autoptr(GSocketAddress) inet = g_inet_socket_address_new_from_string ("127.0.0.1", 1234);
  g_autoptr(GSocketAddress) anonymous = g_unix_socket_address_new_with_type ("", 0, G_UNIX_SOCKET_ADDRESS_ANONYMOUS);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen_address (server, inet, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_clear_error (&error);

  g_assert_false (l_server_listen_address (server, anonymous, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_idle (server);
}

static const char * const bad_names[] = {
  "", ".", "..", "a/b", "./x", "../x", "a/", "\\\\.\\pipe\\market",
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
  assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_idle (server);
  /* The caller knows already. */
  test_trace_assert (trace, "");

  g_clear_error (&error);
  g_assert_false (l_server_remove (name, L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

static void
test_listen_twice (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new ("/nowhere/x");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GError) error = NULL;
  gintptr descriptor = l_server_get_socket_descriptor (server);
  g_autofree char *other = test_build_path ("other");
  int fd;

  g_assert_false (l_server_listen (server, "other", &error));
  assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);
  g_assert_false (l_server_listen_address (server, address, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);
  g_clear_error (&error);
  g_assert_false (l_server_listen_descriptor (server, descriptor, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_OPERATION);

  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, descriptor);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  g_assert_false (g_file_test (other, G_FILE_TEST_EXISTS));
  fd = raw_connect (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_trace_assert (trace, "new-connection");
  close (fd);
}

static void
test_listen_in_use (void)
{
  g_autoptr(LServer) first = new_server ("market");
  g_autoptr(LServer) second = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (second, "market", &error));
  assert_server_error (second, error, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, l_server_get_full_server_name (first)));
  assert_idle (second);

  /* The first was not disturbed, neither by that nor by what the second does from here. */
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (first));
  l_server_close (second);
  client = test_connect (first, &peer);
}

static void
test_listen_again_after_close (void)
{
  g_autoptr(LServer) server = new_server ("market");
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
      assert_text (peer, "hello");
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
test_listen_missing_directory (void)
{
  g_autofree char *path = test_build_path ("missing/market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, path, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_idle (server);
}

static void
close_server (LServer *server)
{
  l_server_close (server);
}

static void
test_listen_closed_in_notify (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = l_server_new ();
  gulong id = g_signal_connect (server, "notify::listening", G_CALLBACK (close_server), NULL);
  int fd = raw_listen (path, SOCK_STREAM);
  int copy = dup (fd);
  g_autoptr(GError) error = NULL;

  /* What it adopts is not its own to remove, also when it is closed that early. */
  l_server_listen_descriptor (server, fd, &error);
  assert_idle (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_unlink (path);
  close (copy);

  g_clear_error (&error);
  l_server_listen (server, "market", &error);
  assert_idle (server);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  g_signal_handler_disconnect (server, id);
  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
}

static void
test_listen_backlog (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fds[3];

  l_server_set_listen_backlog (server, 1);
  l_server_set_max_pending_connections (server, 0);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);

  /* Linux admits one more than the number. */
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect_path (l_server_get_full_server_name (server));
  g_assert_cmpint (fds[0], >=, 0);
  g_assert_cmpint (fds[1], >=, 0);
  g_assert_cmpint (fds[2], ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);

  close (fds[0]);
  close (fds[1]);
}

static void
test_listen_default_backlog (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fds[129];

  l_server_set_max_pending_connections (server, 0);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* Adopting */

static void
test_descriptor_path (void)
{
  g_autofree char *path = test_build_path ("adopted");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;
  int fd = raw_listen (path, SOCK_STREAM);

  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, fd);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "adopted");
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_assert_true (fcntl (fd, F_GETFL) & O_NONBLOCK);
  g_assert_true (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  g_assert_false (l_server_get_unlink_on_close (server));

  client = test_connect (server, &peer);
  test_write (client, "hello");
  assert_text (peer, "hello");
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "adopted");
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, path);

  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  g_unlink (path);
}

static void
test_descriptor_unlink (void)
{
  g_autofree char *path = test_build_path ("adopted");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_listen_descriptor (server, raw_listen (path, SOCK_STREAM), &error));
  g_assert_no_error (error);
  l_server_set_unlink_on_close (server, TRUE);
  l_server_close (server);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_descriptor_abstract (void)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  g_autofree char *name = get_abstract_name ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  memcpy (native.sun_path + 1, name, strlen (name));
  g_assert_cmpint (bind (fd, (struct sockaddr *) &native, offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name)),
                   ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (l_server_get_server_name (server), ==, name);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, name);
}

typedef enum
{
  NOT_A_FILE,
  NOT_A_SOCKET,
  NOT_BOUND,
  NOT_LISTENING,
  NOT_STREAM,
  NOT_STREAM_BUT_LISTENING,
  NOT_UNIX,
  CONNECTED,
} WrongDescriptor;

static int
make_wrong_descriptor (WrongDescriptor  kind,
                       const char      *path)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  struct sockaddr_in inet = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  int fd, fds[2];

  switch (kind)
    {
    case NOT_A_SOCKET:
      return open ("/dev/null", O_RDONLY);
    case NOT_BOUND:
      return socket (AF_UNIX, SOCK_STREAM, 0);
    case NOT_LISTENING:
      fd = socket (AF_UNIX, SOCK_STREAM, 0);
      memcpy (native.sun_path, path, strlen (path));
      g_assert_cmpint (bind (fd, (struct sockaddr *) &native, sizeof native), ==, 0);
      return fd;
    case NOT_STREAM:
      return raw_listen (path, SOCK_DGRAM);
    case NOT_STREAM_BUT_LISTENING:
      return raw_listen (path, SOCK_SEQPACKET);
    case NOT_UNIX:
      fd = socket (AF_INET, SOCK_STREAM, 0);
      g_assert_cmpint (bind (fd, (struct sockaddr *) &inet, sizeof inet), ==, 0);
      g_assert_cmpint (listen (fd, 1), ==, 0);
      return fd;
    case CONNECTED:
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
      close (fds[1]);
      return fds[0];
    case NOT_A_FILE:
    default:
      return -1;
    }
}

static void
test_descriptor_wrong (gconstpointer data)
{
  g_autofree char *path = test_build_path ("wrong");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GError) error = NULL;
  int fd = make_wrong_descriptor (GPOINTER_TO_INT (data), path);
  int flags = fd >= 0 ? fcntl (fd, F_GETFL) : 0;

  g_assert_false (l_server_listen_descriptor (server, fd, &error));
  assert_server_error (server, error, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  assert_idle (server);
  test_trace_assert (trace, "");

  /* It stays the caller's, as it was. */
  if (fd >= 0)
    {
      g_assert_cmpint (fcntl (fd, F_GETFL), ==, flags);
      g_assert_cmpint (close (fd), ==, 0);
    }
  g_unlink (path);

  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
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
  g_autoptr(LServer) server = new_server ("market");

  g_assert_false (l_server_listen (server, "market", NULL));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_OPERATION);
  l_server_close (server);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
  l_server_close (server);
  assert_idle (server);
}

static void
test_close_without_unlink (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GError) error = NULL;

  l_server_set_unlink_on_close (server, FALSE);
  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  /* Listening sets it again, and replaces what was left. */
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  g_assert_true (l_server_get_unlink_on_close (server));
  l_server_close (server);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_close_pending (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int queued, waiting;

  l_server_set_max_pending_connections (server, 1);
  queued = raw_connect (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  waiting = raw_connect (server);
  test_turn_all ();
  assert_raw_read (queued, "");
  assert_raw_read (waiting, "");

  l_server_close (server);
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_null (l_server_next_pending_connection (server));
  assert_raw_read (queued, "$");
  assert_raw_read (waiting, "$");
  close (queued);
  close (waiting);
}

static void
test_close_connections_live_on (void)
{
  TestPair pair;

  test_pair_init (&pair);
  l_server_close (pair.server);
  test_turn_all ();
  test_write (pair.client, "hello");
  assert_text (pair.peer, "hello");
  test_write (pair.peer, "there");
  assert_text (pair.client, "there");
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpstr (l_socket_get_server_name (pair.peer), ==, "market");
  test_pair_clear (&pair);
}

static void
test_close_in_new_connection (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fds[2];
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);
  g_signal_connect (server, "new-connection", G_CALLBACK (close_server), NULL);
  TEST_TURN_UNTIL (!l_server_is_listening (server));
  test_turn_all ();

  assert_idle (server);
  g_assert_cmpuint (n, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      assert_raw_read (fds[i], "$");
      close (fds[i]);
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
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  g_signal_connect (server, "new-connection", G_CALLBACK (listen_elsewhere), NULL);
  TEST_TURN_UNTIL (g_strcmp0 (l_server_get_server_name (server), "elsewhere") == 0);
  assert_raw_read (fd, "$");
  client = test_connect (server, &peer);
  test_write (client, "hello");
  assert_text (peer, "hello");
  close (fd);
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
  LServer *server = new_server ("market");
  g_autofree char *path = g_strdup (l_server_get_full_server_name (server));
  gpointer watched = server;
  int fd = raw_connect (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (drop), &server);
  TEST_TURN_UNTIL (server == NULL);
  g_assert_null (watched);
  assert_raw_read (fd, "$");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  close (fd);
}

static void
test_drop_in_wait (void)
{
  LServer *server = new_server ("market");
  gpointer watched = server;
  int fd = raw_connect (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (drop), &server);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  g_assert_null (watched);
  close (fd);
}

static void
test_drop_while_listening (void)
{
  LServer *server = new_server ("market");
  g_autofree char *path = g_strdup (l_server_get_full_server_name (server));
  guint n_descriptors;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  n_descriptors = test_count_descriptors ();
  g_assert_finalize_object (server);
  /* The listening one and the one that waited. */
  g_assert_cmpuint (test_count_descriptors (), ==, n_descriptors - 2);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  assert_raw_read (fd, "$");
  close (fd);
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
  g_autoptr(LServer) server = new_server ("market");
  int fds[5];
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (assert_one_more), &n);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  /* Nothing comes from elsewhere than the loop. */
  g_assert_cmpuint (n, ==, 0);
  TEST_TURN_UNTIL (n == G_N_ELEMENTS (fds));
  test_turn_all ();
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (fds));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
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
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func (g_object_unref);
  int fds[40];

  l_server_set_max_pending_connections (server, 1);
  g_signal_connect (server, "new-connection", G_CALLBACK (take_in_handler), taken);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  TEST_TURN_UNTIL (taken->len == G_N_ELEMENTS (fds));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
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
  g_autoptr(LServer) server = new_server ("market");
  int fds[3];
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (run_nested), &n);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  TEST_TURN_UNTIL (n == 3);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
test_queue_fifo (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fds[4];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      char text[] = { (char) ('a' + i), '\0' };

      fds[i] = raw_connect (server);
      raw_write (fds[i], text);
    }

  /* All of them wait. */
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr(LSocket) peer = take (server);
      char text[] = { (char) ('a' + i), '\0' };

      assert_text (peer, text);
      close (fds[i]);
    }
}

static guint
count_pending (LServer *server)
{
  guint n = 0;

  for (LSocket *socket; (socket = l_server_next_pending_connection (server)) != NULL; n++)
    g_object_unref (socket);

  return n;
}

/* How many of a crowd the loop accepts. */
static guint
accept_crowd (LServer *server,
              int      fds[10])
{
  guint n = 0;
  gulong id = g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);

  for (guint i = 0; i < 10; i++)
    fds[i] = raw_connect (server);
  test_turn_all ();
  g_signal_handler_disconnect (server, id);
  return n;
}

static void
close_crowd (int fds[10])
{
  for (guint i = 0; i < 10; i++)
    close (fds[i]);
}

static void
test_queue_limit (gconstpointer data)
{
  int limit = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = new_server ("market");
  int fds[10];

  l_server_set_max_pending_connections (server, limit);
  g_assert_cmpuint (accept_crowd (server, fds), ==, CLAMP (limit, 0, 10));
  close_crowd (fds);
}

static void
test_queue_raise_limit (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fds[10];
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
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) first = NULL;
  g_autoptr(LSocket) second = NULL;
  int fds[10];
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
  g_assert_cmpuint (count_pending (server), ==, 2);
  test_turn_all ();
  g_assert_cmpuint (n, ==, 1);
  close_crowd (fds);
}

static void
test_queue_taking_makes_room (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fds[10];

  l_server_set_max_pending_connections (server, 1);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 1);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(LSocket) peer = take (server);

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
  g_autoptr(LServer) server = new_server ("market");
  int fds[10];

  /* Those that wait in the system are ready all the time; nobody may look. */
  l_server_set_max_pending_connections (server, 1);
  g_assert_cmpuint (accept_crowd (server, fds), ==, 1);
  g_assert_cmpfloat (measure_load (200), <, 0.3);
  close_crowd (fds);
}

static gsize
fill (int fd)
{
  char buffer[4096] = { 0 };
  gsize total = 0;
  gssize n;

  while ((n = send (fd, buffer, sizeof buffer, MSG_NOSIGNAL)) > 0)
    total += n;
  g_assert_cmpint (errno, ==, EAGAIN);
  return total;
}

static void
test_queue_not_read (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) peer = NULL;
  gsize total;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  total = fill (fd);
  test_turn_all ();
  /* Had anything been read there would be room now. */
  g_assert_cmpuint (fill (fd), ==, 0);

  peer = l_server_next_pending_connection (server);
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (peer)), ==, 0);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == total);
  close (fd);
}

static void
test_queue_client_gone (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(TestTrace) trace = NULL;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  raw_write (fd, "farewell");
  close (fd);
  /* A hang-up that waits must not keep the loop busy. */
  g_assert_cmpfloat (measure_load (200), <, 0.3);

  peer = l_server_next_pending_connection (server);
  g_assert_nonnull (peer);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  trace = test_trace_new (peer);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "ready-read error(peer-closed) state-changed(closing) state-changed(unconnected) "
                            "read-channel-finished disconnected");
  assert_text (peer, "farewell");
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
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_accept_async (server, NULL, test_store_result, &result);
  g_assert_null (result);
  g_assert_false (l_server_has_pending_connections (server));
  peer = finish_accept (server, &result);
  raw_write (fd, "hello");
  assert_text (peer, "hello");
  close (fd);
}

static void
test_accept_waiting (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fds[2];

  l_server_accept_async (server, NULL, test_store_result, &result);
  test_turn_all ();
  g_assert_null (result);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (server);
  raw_write (fds[0], "first");
  peer = finish_accept (server, &result);
  assert_text (peer, "first");

  /* The signal is for the other alone. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  test_trace_assert (trace, "new-connection");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
test_accept_several (void)
{
  g_autoptr(LServer) server = new_server ("market");
  GAsyncResult *results[3] = { NULL };
  int fds[3];

  for (guint i = 0; i < 3; i++)
    l_server_accept_async (server, NULL, test_store_result, &results[i]);
  for (guint i = 0; i < 3; i++)
    {
      char text[] = { (char) ('a' + i), '\0' };

      fds[i] = raw_connect (server);
      raw_write (fds[i], text);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(LSocket) peer = finish_accept (server, &results[i]);
      char text[] = { (char) ('a' + i), '\0' };

      assert_text (peer, text);
      close (fds[i]);
    }
}

static void
test_accept_cancelled_before (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  g_cancellable_cancel (cancellable);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  g_assert_null (result);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (l_server_has_pending_connections (server));
  close (fd);
}

static void
test_accept_cancelled_while_waiting (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  int fd;

  l_server_set_max_pending_connections (server, 0);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);

  /* Nobody asks for a connection any more. */
  fd = raw_connect (server);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  close (fd);
}

static void
test_accept_cancelled_never_wins (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) cancelled = NULL;
  g_autoptr(GAsyncResult) next = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fd;

  l_server_accept_async (server, cancellable, test_store_result, &cancelled);
  l_server_accept_async (server, NULL, test_store_result, &next);
  test_turn_all ();

  /* Both in one turn: the connection is for the one that still wants it. */
  fd = raw_connect (server);
  raw_write (fd, "hello");
  g_cancellable_cancel (cancellable);
  peer = finish_accept (server, &next);
  assert_text (peer, "hello");
  TEST_TURN_UNTIL (cancelled != NULL);
  g_assert_null (l_server_accept_finish (server, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  close (fd);
}

static void
test_accept_cancelled_leaves_it_queued (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  int fd;

  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  fd = raw_connect (server);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  TEST_TURN_UNTIL (result != NULL);
  g_assert_null (l_server_accept_finish (server, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_trace_assert (trace, "new-connection");
  close (fd);
}

static void
test_accept_cancelled_makes_no_room (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  int fd;

  g_test_summary ("Both in one turn: the queue, which takes none, takes none");

  l_server_set_max_pending_connections (server, 0);
  l_server_accept_async (server, cancellable, test_store_result, &result);
  test_turn_all ();
  fd = raw_connect (server);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  test_trace_assert (trace, "");

  /* It was not refused either. */
  l_server_set_max_pending_connections (server, 1);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close (fd);
}

static void
test_accept_cancelled_too_late (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_accept_async (server, cancellable, test_store_result, &result);
  g_cancellable_cancel (cancellable);
  /* It was given away; it is not lost. */
  peer = finish_accept (server, &result);
  raw_write (fd, "hello");
  assert_text (peer, "hello");
  close (fd);
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
  g_autoptr(LServer) server = new_server ("market");
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
  g_autoptr(LServer) server = new_server ("market");
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
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fds[2];

  l_server_set_max_pending_connections (server, 0);
  for (guint i = 0; i < 2; i++)
    fds[i] = raw_connect (server);
  test_turn_all ();
  l_server_accept_async (server, NULL, test_store_result, &result);
  peer = finish_accept (server, &result);
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  for (guint i = 0; i < 2; i++)
    close (fds[i]);
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
  g_autoptr(LServer) server = new_server ("market");
  AcceptLoop loop = { g_ptr_array_new_with_free_func (g_object_unref), 10 };
  int fds[10];

  l_server_accept_async (server, NULL, accept_next, &loop);
  for (guint i = 0; i < 10; i++)
    fds[i] = raw_connect (server);
  TEST_TURN_UNTIL (loop.peers->len == 10);
  close_crowd (fds);
  g_ptr_array_unref (loop.peers);
}

static void
test_accept_keeps_server (void)
{
  LServer *server = new_server ("market");
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
  g_autoptr(LServer) server = new_server ("market");
  gboolean timed_out = TRUE;
  int fd = raw_connect (server);
  guint n = 0;

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  g_signal_connect_swapped (server, "new-connection", G_CALLBACK (count), &n);
  g_assert_true (l_server_wait_for_new_connection (server, -1, &timed_out));
  g_assert_false (timed_out);
  g_assert_cmpuint (n, ==, 0);
  close (fd);
}

static void
test_wait_accepts (void)
{
  g_autoptr(LServer) server = new_server ("market");
  gboolean timed_out = TRUE;
  int fd = raw_connect (server);
  guint n = 0;

  g_signal_connect (server, "new-connection", G_CALLBACK (assert_one_more), &n);
  g_assert_true (l_server_wait_for_new_connection (server, 0, &timed_out));
  g_assert_false (timed_out);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (count_pending (server), ==, 1);
  close (fd);
}

static void
test_wait_limit_zero (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fd = raw_connect (server);

  l_server_set_max_pending_connections (server, 0);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  g_assert_cmpuint (count_pending (server), ==, 1);
  close (fd);
}

static void
test_wait_timeout (void)
{
  g_autoptr(LServer) server = new_server ("market");
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
  g_autoptr(LServer) server = new_server ("market");
  int fd = raw_connect (server);
  gboolean timed_out = TRUE;

  g_signal_connect (server, "new-connection", G_CALLBACK (close_server), NULL);
  l_server_wait_for_new_connection (server, 5000, &timed_out);
  g_assert_false (timed_out);
  assert_idle (server);
  close (fd);
}

static void
test_wait_serves_accept (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  l_server_accept_async (server, NULL, test_store_result, &result);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  test_trace_assert (trace, "");
  g_assert_false (l_server_has_pending_connections (server));
  peer = finish_accept (server, &result);
  close (fd);
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
  assert_text (client, "pong");
  l_socket_disconnect_from_server (client);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* A program without a loop: the server in this thread, the client in the other. */
static void
test_wait_thread (void)
{
  g_autoptr(LServer) server = new_server ("market");
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
  int fd;

  g_assert_true (g_main_context_acquire (NULL));
  thread = g_thread_new ("server", serve_in_thread, queue);
  g_async_queue_pop (queue);
  fd = raw_connect_path (path);
  g_assert_cmpint (fd, >=, 0);
  raw_write (fd, "echo");
  g_thread_join (thread);
  g_main_context_release (NULL);
  assert_raw_read (fd, "echo$");
  close (fd);
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
  int fd = raw_connect (L_SERVER (server));

  peer = take (L_SERVER (server));
  g_assert_cmpuint (server->n_new_connections, ==, 1);
  raw_write (fd, "hello");
  assert_text (peer, "hello");
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "market");
  close (fd);
  g_clear_object (&peer);
  test_turn_all ();
  g_assert_finalize_object (server);
}

static void
test_subclass_wrap_not_read (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_WRAP);
  int fd = raw_connect (L_SERVER (server));

  /* Also one that the subclass wrapped is not read until it is taken. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (L_SERVER (server)));
  fill (fd);
  test_turn_all ();
  g_assert_cmpuint (fill (fd), ==, 0);
  close (fd);
}

static void
test_subclass_chain_up (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_CHAIN);
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (L_SERVER (server));

  peer = take (L_SERVER (server));
  g_assert_nonnull (peer);
  g_assert_cmpuint (server->n_new_connections, ==, 1);
  close (fd);
}

static void
test_subclass_refuse (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_CLOSE);
  g_autoptr(TestTrace) trace = test_trace_new (server);
  guint n_descriptors = test_count_descriptors ();
  int fds[10];

  for (guint i = 0; i < 10; i++)
    fds[i] = raw_connect (L_SERVER (server));
  test_turn_all ();
  for (guint i = 0; i < 10; i++)
    assert_raw_read (fds[i], "$");
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
  l_socket_set_socket_descriptor (socket, GPOINTER_TO_INT (data), L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE,
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
  int fd = raw_connect (L_SERVER (server));
  GThread *thread;

  raw_write (fd, "hello");
  TEST_TURN_UNTIL (server->descriptors->len == 1);
  /* It comes ready for use. */
  g_assert_true (fcntl (g_array_index (server->descriptors, int, 0), F_GETFL) & O_NONBLOCK);
  g_assert_true (fcntl (g_array_index (server->descriptors, int, 0), F_GETFD) & FD_CLOEXEC);
  thread = g_thread_new ("worker", serve_descriptor, GINT_TO_POINTER (g_array_index (server->descriptors, int, 0)));
  g_thread_join (thread);
  assert_raw_read (fd, "hello$");
  g_assert_cmpuint (server->n_new_connections, ==, 0);
  close (fd);
}

static void
test_subclass_wait (void)
{
  g_autoptr(TestServer) server = new_test_server (INCOMING_KEEP);
  int fd = raw_connect (L_SERVER (server));

  g_assert_true (l_server_wait_for_new_connection (L_SERVER (server), 5000, NULL));
  g_assert_cmpuint (server->descriptors->len, ==, 1);
  close (g_array_index (server->descriptors, int, 0));
  close (fd);
}

static void
test_add_pending (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(LSocket) taken = NULL;
  int raw;
  LSocket *socket = test_socket_with_raw_peer (&raw);

  l_server_add_pending_connection (server, socket);
  test_trace_assert (trace, "new-connection");
  g_assert_true (l_server_has_pending_connections (server));
  taken = l_server_next_pending_connection (server);
  g_assert_true (taken == socket);
  raw_write (raw, "hello");
  assert_text (taken, "hello");
  g_object_unref (socket);
  close (raw);
}

static void
test_add_pending_to_accept (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) taken = NULL;
  g_autoptr(LSocket) socket = NULL;
  int raw;

  socket = test_socket_with_raw_peer (&raw);
  l_server_accept_async (server, NULL, test_store_result, &result);
  l_server_add_pending_connection (server, socket);
  test_trace_assert (trace, "");
  taken = finish_accept (server, &result);
  g_assert_true (taken == socket);
  close (raw);
}

static void
test_add_pending_counts (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(LSocket) taken = NULL;
  int raw, fd;

  socket = test_socket_with_raw_peer (&raw);
  l_server_set_max_pending_connections (server, 1);
  l_server_add_pending_connection (server, socket);
  fd = raw_connect (server);
  test_turn_all ();
  taken = l_server_next_pending_connection (server);
  g_assert_true (taken == socket);
  g_assert_false (l_server_has_pending_connections (server));
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close (raw);
  close (fd);
}

static void
test_add_pending_closed (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;
  int raw;

  /* What was not taken is closed with the server, whoever has a reference. */
  socket = test_socket_with_raw_peer (&raw);
  trace = test_trace_new (socket);
  l_server_add_pending_connection (server, socket);
  l_server_close (server);
  test_trace_assert (trace, "state-changed(unconnected) read-channel-finished disconnected about-to-close");
  assert_raw_read (raw, "$");
  close (raw);
}

/* Lifetimes */

static void
test_lifetime_held_until_unconnected (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fd = raw_connect (server);
  gpointer peer = take (server);

  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_object_unref (peer);
  test_turn_all ();
  g_assert_nonnull (peer);
  assert_raw_read (fd, "");
  test_write (peer, "still here");
  test_turn_all ();
  assert_raw_read (fd, "still here");

  close (fd);
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
  g_autoptr(LServer) server = new_server ("market");
  GString *text = g_string_new (NULL);
  int fd = raw_connect (server);

  g_signal_connect (server, "new-connection", G_CALLBACK (answer_and_forget), NULL);
  while (text->len == 0 || text->str[text->len - 1] != '$')
    {
      g_autofree char *part = NULL;

      test_turn ();
      part = raw_read (fd);
      g_string_append (text, part);
    }
  g_assert_cmpuint (text->len, ==, 1000001);
  g_string_free (text, TRUE);
  close (fd);
}

static void
test_lifetime_server_dropped (void)
{
  LServer *server = new_server ("market");
  int held_fd = raw_connect (server);
  g_autoptr(LSocket) held = take (server);
  int forgotten_fd = raw_connect (server);
  gpointer forgotten = take (server);

  g_object_add_weak_pointer (G_OBJECT (forgotten), &forgotten);
  g_object_unref (forgotten);
  g_assert_finalize_object (server);

  /* What only the server knew goes with it, and the program's own lives on. */
  g_assert_null (forgotten);
  assert_raw_read (forgotten_fd, "$");
  test_write (held, "hello");
  test_turn_all ();
  assert_raw_read (held_fd, "hello");
  close (held_fd);
  TEST_TURN_UNTIL (l_socket_get_state (held) == L_SOCKET_STATE_UNCONNECTED);
  close (forgotten_fd);
}

static void
test_lifetime_server_dropped_while_closing (void)
{
  LServer *server = new_server ("market");
  GString *text = g_string_new (NULL);
  int fd = raw_connect (server);

  /* What was accepted for writing is delivered, whoever goes. */
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  answer_and_forget (server);
  g_assert_finalize_object (server);
  while (text->len == 0 || text->str[text->len - 1] != '$')
    {
      g_autofree char *part = NULL;

      test_turn ();
      part = raw_read (fd);
      g_string_append (text, part);
    }
  g_assert_cmpuint (text->len, ==, 1000001);
  g_string_free (text, TRUE);
  close (fd);
}

static void
test_lifetime_server_closed (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fd = raw_connect (server);
  gpointer peer = take (server);

  /* Closing ends the listening and not the connections, also not those that only the server holds. */
  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_object_unref (peer);
  l_server_close (server);
  test_turn_all ();
  g_assert_nonnull (peer);
  assert_raw_read (fd, "");
  close (fd);
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
  LServer *server = new_server ("market");
  gpointer watched = server;
  int fd = raw_connect (server);
  gpointer peer = take (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_object_add_weak_pointer (G_OBJECT (peer), &peer);
  g_signal_connect (peer, "disconnected", G_CALLBACK (drop_in_disconnected), &server);
  g_object_unref (peer);
  close (fd);
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
  LServer *server = new_server ("market");
  LServer *other = new_server ("other");
  int fd = raw_connect (server);
  LSocket *peer = take (server);
  g_autoptr(LSocket) far = NULL;

  /* A socket that begins something new is no connection of the server any more. */
  g_signal_connect (peer, "disconnected", G_CALLBACK (reconnect), (gpointer) "other");
  close (fd);
  far = take (other);
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
      LServer *server = new_server ("market");
      LSocket *client, *peer;
      int fd;

      client = test_connect (server, &peer);
      fd = raw_connect (server);
      test_write (client, "hello");
      test_write (peer, "there");
      test_turn_all ();
      if (round % 2 == 0)
        l_server_close (server);
      l_socket_disconnect_from_server (client);
      close (fd);
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
  g_autoptr(LServer) server = new_server (path);
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  peer = take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "deep.sock");
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, path);
  g_assert_cmpint (l_socket_get_options (peer), ==, L_SOCKET_OPTIONS_NONE);
  close (fd);
}

static void
test_names_plain (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  peer = take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, "market");
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, l_server_get_full_server_name (server));
  close (fd);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_null (l_socket_get_server_name (peer));
  g_assert_null (l_socket_get_full_server_name (peer));
}

static void
test_names_abstract (void)
{
  g_autoptr(LServer) server = new_abstract_server ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;

  client = test_connect (server, &peer);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, l_server_get_server_name (server));
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, l_server_get_server_name (server));
  g_assert_cmpint (l_socket_get_options (peer), ==, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
}

static void
test_names_nul (void)
{
  g_autofree char *name = get_abstract_name ();
  g_autofree char *bytes = g_strdup_printf ("%s?x?", name);
  g_autofree char *shown = g_strdup_printf ("%s@x@", name);
  gsize length = strlen (bytes);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocketAddress) shorter = NULL;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) stranger = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;

  bytes[length - 1] = bytes[length - 3] = '\0';
  address = g_unix_socket_address_new_with_type (bytes, length, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  shorter = g_unix_socket_address_new_with_type (bytes, length - 1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  g_assert_true (l_server_listen_address (server, address, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (l_server_get_server_name (server), ==, shown);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, shown);

  /* Every byte counts, the last NUL too. */
  l_socket_connect_to_address (stranger, shorter, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (stranger), ==, L_SOCKET_ERROR_CONNECTION_REFUSED);

  l_socket_connect_to_address (client, address, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  peer = take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, shown);
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, shown);
  g_assert_cmpstr (l_socket_get_full_server_name (client), ==, shown);
  g_assert_cmpint (l_socket_get_options (peer), ==, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
}

static void
test_names_peer_address (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autofree char *path = test_build_path ("client");
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  g_autoptr(LSocket) named = NULL;
  g_autoptr(LSocket) nameless = NULL;
  GSocketAddress *address;
  int fds[2];

  /* The address is the peer's: of a client that has bound itself, and of a usual one. */
  fds[0] = socket (AF_UNIX, SOCK_STREAM, 0);
  memcpy (native.sun_path, path, strlen (path));
  g_assert_cmpint (bind (fds[0], (struct sockaddr *) &native, sizeof native), ==, 0);
  memset (&native.sun_path, 0, sizeof native.sun_path);
  memcpy (native.sun_path, l_server_get_full_server_name (server), strlen (l_server_get_full_server_name (server)));
  g_assert_cmpint (connect (fds[0], (struct sockaddr *) &native, sizeof native), ==, 0);
  named = take (server);
  address = l_socket_get_address (named);
  g_assert_true (G_IS_UNIX_SOCKET_ADDRESS (address));
  g_assert_cmpstr (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (address)), ==, path);
  g_assert_cmpstr (l_socket_get_server_name (named), ==, "market");

  fds[1] = raw_connect (server);
  nameless = take (server);
  address = l_socket_get_address (nameless);
  if (address != NULL)
    g_assert_cmpuint (g_unix_socket_address_get_path_len (G_UNIX_SOCKET_ADDRESS (address)), ==, 0);

  close (fds[0]);
  close (fds[1]);
  g_unlink (path);
}

static void
test_names_state (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(LSocket) peer = NULL;
  int fd = raw_connect (server);

  peer = take (server);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_socket_is_valid (peer));
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (peer)));
  g_assert_cmpint (l_io_device_get_open_mode (L_IO_DEVICE (peer)), ==, L_OPEN_MODE_READ_WRITE);
  g_assert_true (fcntl (l_socket_get_socket_descriptor (peer), F_GETFL) & O_NONBLOCK);
  g_assert_true (fcntl (l_socket_get_socket_descriptor (peer), F_GETFD) & FD_CLOEXEC);
  close (fd);
}

/* Out of descriptors */

static void
test_exhausted (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  gint64 begin;
  int fds[2];

  client = test_connect (server, &peer);
  trace = test_trace_new (server);
  for (guint episode = 0; episode < 2; episode++)
    {
      fds[episode] = raw_connect (server);
      exhaust_descriptors ();
      TEST_TURN_UNTIL (test_trace_has (trace, "error(resource)"));
      g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_RESOURCE);
      g_assert_nonnull (l_server_get_error_string (server));
      g_assert_true (l_server_is_listening (server));

      /* It tells once, rests, and those who are connected notice nothing. */
      g_assert_cmpfloat (measure_load (400), <, 0.3);
      test_write (client, "ping");
      assert_text (peer, "ping");
      test_write (peer, "pong");
      assert_text (client, "pong");
      test_trace_assert (trace, "error(resource)");

      restore_descriptors ();
      begin = g_get_monotonic_time ();
      TEST_TURN_UNTIL (l_server_has_pending_connections (server));
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);
      test_trace_assert (trace, "new-connection");
      g_assert_cmpuint (count_pending (server), ==, 1);
    }

  close (fds[0]);
  close (fds[1]);
}

static void
test_exhausted_close_in_error (void)
{
  g_autoptr(LServer) server = new_server ("market");
  int fd = raw_connect (server);

  g_signal_connect (server, "error", G_CALLBACK (close_server), NULL);
  exhaust_descriptors ();
  TEST_TURN_UNTIL (!l_server_is_listening (server));
  restore_descriptors ();
  assert_idle (server);
  test_turn_all ();
  assert_raw_read (fd, "$");
  close (fd);
}

static void
test_exhausted_drop_in_error (void)
{
  LServer *server = new_server ("market");
  gpointer watched = server;
  int fd = raw_connect (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "error", G_CALLBACK (drop), &server);
  exhaust_descriptors ();
  TEST_TURN_UNTIL (server == NULL);
  restore_descriptors ();
  g_assert_null (watched);
  test_turn_all ();
  assert_raw_read (fd, "$");
  close (fd);
}

static void
test_exhausted_wait (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  gboolean timed_out = FALSE;
  int fd = raw_connect (server);
  clock_t begin;

  exhaust_descriptors ();
  begin = clock ();
  g_assert_false (l_server_wait_for_new_connection (server, 300, &timed_out));
  g_assert_cmpint (clock () - begin, <, CLOCKS_PER_SEC / 10);
  g_assert_true (timed_out);
  test_trace_assert (trace, "error(resource)");
  restore_descriptors ();

  g_assert_true (l_server_wait_for_new_connection (server, 5000, &timed_out));
  g_assert_false (timed_out);
  test_trace_assert (trace, "new-connection");
  close (fd);
}

static void
test_exhausted_listen (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *path = test_build_path ("market");

  exhaust_descriptors ();
  g_assert_false (l_server_listen (server, "market", &error));
  restore_descriptors ();
  assert_server_error (server, error, L_SOCKET_ERROR_RESOURCE);
  assert_idle (server);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
}

/* Removing */

static void
test_remove (void)
{
  g_autoptr(LServer) server = NULL;
  g_autofree char *path = test_build_path ("market");
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);

  server = new_server ("market");
  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, NULL));

  l_server_set_unlink_on_close (server, FALSE);
  l_server_close (server);
  g_clear_error (&error);
  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_crowd (void)
{
  g_autoptr(LServer) server = new_server ("market");
  g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func (g_object_unref);
  int fds[200];

  g_signal_connect (server, "new-connection", G_CALLBACK (take_in_handler), taken);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = raw_connect (server);
      raw_write (fds[i], "x");
    }
  TEST_TURN_UNTIL (taken->len == G_N_ELEMENTS (fds));
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      assert_text (taken->pdata[i], "x");
      test_write (taken->pdata[i], "y");
    }
  test_turn_all ();
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      assert_raw_read (fds[i], "y");
      close (fds[i]);
    }
}

int
main (int   argc,
      char *argv[])
{
  static const struct { const char *path; WrongDescriptor kind; } wrong[] = {
    { "/server/descriptor/not-a-file", NOT_A_FILE },
    { "/server/descriptor/not-a-socket", NOT_A_SOCKET },
    { "/server/descriptor/not-bound", NOT_BOUND },
    { "/server/descriptor/not-listening", NOT_LISTENING },
    { "/server/descriptor/datagram", NOT_STREAM },
    { "/server/descriptor/seqpacket", NOT_STREAM_BUT_LISTENING },
    { "/server/descriptor/inet", NOT_UNIX },
    { "/server/descriptor/connected", CONNECTED },
  };

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
  test_add ("/server/listen/abstract", test_listen_abstract);
  test_add ("/server/listen/address-path", test_listen_address_path);
  test_add ("/server/listen/address-unsupported", test_listen_address_unsupported);
  for (guint i = 0; i < G_N_ELEMENTS (bad_names); i++)
    {
      g_autofree char *path = g_strdup_printf ("/server/listen/bad-name/%u", i);

      test_add_data (path, bad_names[i], test_listen_bad_name);
    }
  test_add ("/server/listen/twice", test_listen_twice);
  test_add ("/server/listen/in-use", test_listen_in_use);
  test_add ("/server/listen/again-after-close", test_listen_again_after_close);
  test_add ("/server/listen/success-clears-error", test_listen_success_clears_error);
  test_add ("/server/listen/missing-directory", test_listen_missing_directory);
  test_add ("/server/listen/closed-in-notify", test_listen_closed_in_notify);
  test_add ("/server/listen/backlog", test_listen_backlog);
  test_add ("/server/listen/default-backlog", test_listen_default_backlog);

  test_add ("/server/descriptor/path", test_descriptor_path);
  test_add ("/server/descriptor/unlink", test_descriptor_unlink);
  test_add ("/server/descriptor/abstract", test_descriptor_abstract);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    test_add_data (wrong[i].path, GINT_TO_POINTER (wrong[i].kind), test_descriptor_wrong);

  test_add ("/server/close/idle", test_close_idle);
  test_add ("/server/close/clears-error", test_close_clears_error);
  test_add ("/server/close/without-unlink", test_close_without_unlink);
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
  test_add ("/server/wait/without-reactor", test_wait_without_reactor);
  test_add ("/server/thread/own-context", test_thread_own_context);

  test_add ("/server/subclass/wrap", test_subclass_wrap);
  test_add ("/server/subclass/wrap-not-read", test_subclass_wrap_not_read);
  test_add ("/server/subclass/chain-up", test_subclass_chain_up);
  test_add ("/server/subclass/refuse", test_subclass_refuse);
  test_add ("/server/subclass/other-thread", test_subclass_other_thread);
  test_add ("/server/subclass/wait", test_subclass_wait);
  test_add ("/server/add-pending/queue", test_add_pending);
  test_add ("/server/add-pending/to-accept", test_add_pending_to_accept);
  test_add ("/server/add-pending/counts", test_add_pending_counts);

  test_add ("/server/add-pending/closed", test_add_pending_closed);
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
  test_add ("/server/names/abstract", test_names_abstract);
  test_add ("/server/names/nul", test_names_nul);
  test_add ("/server/names/peer-address", test_names_peer_address);
  test_add ("/server/names/state", test_names_state);

  if (!is_under_valgrind ())
    {
      test_add ("/server/exhausted/accept", test_exhausted);
      test_add ("/server/exhausted/close-in-error", test_exhausted_close_in_error);
      test_add ("/server/exhausted/drop-in-error", test_exhausted_drop_in_error);
      test_add ("/server/exhausted/wait", test_exhausted_wait);
    }
  test_add ("/server/exhausted/listen", test_exhausted_listen);
  test_add ("/server/remove", test_remove);
  test_add ("/server/crowd", test_crowd);

  return test_run ();
}
