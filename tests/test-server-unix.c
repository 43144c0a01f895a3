/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-server-util.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* What LServer has on Unix alone: paths of files, addresses, the abstract namespace, descriptors and their number. */

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

static void
restore_descriptors (void)
{
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old_limit), ==, 0);
}

static void
close_server (LServer *server)
{
  l_server_close (server);
}

static void
drop (LServer **server)
{
  g_clear_object (server);
}

/* Listening */

static void
test_properties_address (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GSocketAddress) address = NULL;

  g_object_get (server, "address", &address, NULL);
  g_assert_true (G_IS_UNIX_SOCKET_ADDRESS (address));
  g_assert_cmpstr (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (address)), ==, path);
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
  test_assert_server_error (server, error, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_clear_error (&error);

  g_assert_false (l_server_listen_address (server, anonymous, &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  test_assert_not_listening (server);
}

static void
test_listen_missing_directory (void)
{
  g_autofree char *path = test_build_path ("missing/market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, path, &error));
  test_assert_server_error (server, error, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  test_assert_not_listening (server);
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
  test_assert_not_listening (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_unlink (path);
  close (copy);

  g_clear_error (&error);
  l_server_listen (server, "market", &error);
  test_assert_not_listening (server);
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
    fds[i] = test_connect_raw (server);
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
  test_assert_text (peer, "hello");
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
  test_assert_server_error (server, error, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  test_assert_not_listening (server);
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

static void
test_close_without_unlink (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = test_listen ("market");
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
  peer = test_take (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, shown);
  g_assert_cmpstr (l_socket_get_full_server_name (peer), ==, shown);
  g_assert_cmpstr (l_socket_get_full_server_name (client), ==, shown);
  g_assert_cmpint (l_socket_get_options (peer), ==, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
}

static void
test_names_peer_address (void)
{
  g_autoptr(LServer) server = test_listen ("market");
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
  named = test_take (server);
  address = l_socket_get_address (named);
  g_assert_true (G_IS_UNIX_SOCKET_ADDRESS (address));
  g_assert_cmpstr (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (address)), ==, path);
  g_assert_cmpstr (l_socket_get_server_name (named), ==, "market");

  fds[1] = test_connect_raw (server);
  nameless = test_take (server);
  address = l_socket_get_address (nameless);
  if (address != NULL)
    g_assert_cmpuint (g_unix_socket_address_get_path_len (G_UNIX_SOCKET_ADDRESS (address)), ==, 0);

  close (fds[0]);
  close (fds[1]);
  g_unlink (path);
}

/* Out of descriptors */

static void
test_exhausted (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  gint64 begin;
  int fds[2];

  client = test_connect (server, &peer);
  trace = test_trace_new (server);
  for (guint episode = 0; episode < 2; episode++)
    {
      fds[episode] = test_connect_raw (server);
      exhaust_descriptors ();
      TEST_TURN_UNTIL (test_trace_has (trace, "error(resource)"));
      g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_RESOURCE);
      g_assert_nonnull (l_server_get_error_string (server));
      g_assert_true (l_server_is_listening (server));

      /* It tells once, rests, and those who are connected notice nothing. */
      if (episode == 0)
        g_assert_cmpfloat (test_measure_load (2000), <, 0.02);
      test_write (client, "ping");
      test_assert_text (peer, "ping");
      test_write (peer, "pong");
      test_assert_text (client, "pong");
      test_trace_assert (trace, "error(resource)");

      restore_descriptors ();
      begin = g_get_monotonic_time ();
      TEST_TURN_UNTIL (l_server_has_pending_connections (server));
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);
      test_trace_assert (trace, "new-connection");
      g_assert_cmpuint (test_count_pending (server), ==, 1);
    }

  close (fds[0]);
  close (fds[1]);
}

static void
test_exhausted_close_in_error (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  int fd = test_connect_raw (server);

  g_signal_connect (server, "error", G_CALLBACK (close_server), NULL);
  exhaust_descriptors ();
  TEST_TURN_UNTIL (!l_server_is_listening (server));
  restore_descriptors ();
  test_assert_not_listening (server);
  test_turn_all ();
  test_assert_raw_read (fd, "$");
  close (fd);
}

static void
count_error (LServer      *server,
             LSocketError  error,
             guint        *n_errors)
{
  (*n_errors)++;
}

static void
test_exhausted_close_in_notify (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  int fd = test_connect_raw (server);
  guint n_errors = 0;

  g_test_summary ("A server that is closed when its error is notified has none to tell any more");

  g_signal_connect (server, "notify::error", G_CALLBACK (close_server), NULL);
  g_signal_connect (server, "error", G_CALLBACK (count_error), &n_errors);
  exhaust_descriptors ();
  TEST_TURN_UNTIL (!l_server_is_listening (server));
  restore_descriptors ();
  test_assert_not_listening (server);
  test_turn_all ();
  g_assert_cmpuint (n_errors, ==, 0);
  test_assert_raw_read (fd, "$");
  close (fd);
}

static void
test_exhausted_drop_in_error (void)
{
  LServer *server = test_listen ("market");
  gpointer watched = server;
  int fd = test_connect_raw (server);

  g_object_add_weak_pointer (G_OBJECT (server), &watched);
  g_signal_connect_swapped (server, "error", G_CALLBACK (drop), &server);
  exhaust_descriptors ();
  TEST_TURN_UNTIL (server == NULL);
  restore_descriptors ();
  g_assert_null (watched);
  test_turn_all ();
  test_assert_raw_read (fd, "$");
  close (fd);
}

static void
test_exhausted_close (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autofree char *path = test_build_path ("market");

  struct rlimit limit;
  int fds[64];
  guint n = 0;

  g_test_summary ("Closing removes the name also when there is no descriptor left to do that with");

  /* All of them really in use. */
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old_limit), ==, 0);
  limit = old_limit;
  limit.rlim_cur = G_N_ELEMENTS (fds);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  while ((fds[n] = fcntl (0, F_DUPFD_CLOEXEC, 0)) >= 0)
    n++;
  g_assert_cmpint (errno, ==, EMFILE);
  l_server_close (server);
  restore_descriptors ();
  while (n > 0)
    close (fds[--n]);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_exhausted_wait (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  gboolean timed_out = FALSE;
  int fd = test_connect_raw (server);
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
test_exhausted_close_in_wait (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autofree char *path = test_build_path ("market");
  gboolean timed_out = TRUE;
  int fd = test_connect_raw (server);

  g_test_summary ("A wait does not go on for a server that is closed by who hears of the trouble");

  g_signal_connect (server, "error", G_CALLBACK (close_server), NULL);
  exhaust_descriptors ();
  g_assert_false (l_server_wait_for_new_connection (server, 5000, &timed_out));
  restore_descriptors ();
  g_assert_false (timed_out);
  test_assert_not_listening (server);
  close (fd);
  /* Without any descriptor it could not be removed. */
  g_remove (path);
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
  test_assert_server_error (server, error, L_SOCKET_ERROR_RESOURCE);
  test_assert_not_listening (server);
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

  server = test_listen ("market");
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

  test_add ("/server/properties/address", test_properties_address);
  test_add ("/server/listen/abstract", test_listen_abstract);
  test_add ("/server/listen/address-path", test_listen_address_path);
  test_add ("/server/listen/address-unsupported", test_listen_address_unsupported);
  test_add ("/server/listen/missing-directory", test_listen_missing_directory);
  test_add ("/server/listen/closed-in-notify", test_listen_closed_in_notify);
  test_add ("/server/listen/backlog", test_listen_backlog);
  test_add ("/server/listen/default-backlog", test_listen_default_backlog);
  test_add ("/server/descriptor/path", test_descriptor_path);
  test_add ("/server/descriptor/unlink", test_descriptor_unlink);
  test_add ("/server/descriptor/abstract", test_descriptor_abstract);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    test_add_data (wrong[i].path, GINT_TO_POINTER (wrong[i].kind), test_descriptor_wrong);
  test_add ("/server/close/without-unlink", test_close_without_unlink);
  test_add ("/server/names/abstract", test_names_abstract);
  test_add ("/server/names/nul", test_names_nul);
  test_add ("/server/names/peer-address", test_names_peer_address);
  if (!test_is_on_valgrind ())
    {
      test_add ("/server/exhausted/accept", test_exhausted);
      test_add ("/server/exhausted/close-in-error", test_exhausted_close_in_error);
      test_add ("/server/exhausted/close-in-notify", test_exhausted_close_in_notify);
      test_add ("/server/exhausted/drop-in-error", test_exhausted_drop_in_error);
      test_add ("/server/exhausted/close", test_exhausted_close);
      test_add ("/server/exhausted/wait", test_exhausted_wait);
      test_add ("/server/exhausted/close-in-wait", test_exhausted_close_in_wait);
    }
  test_add ("/server/exhausted/listen", test_exhausted_listen);
  test_add ("/server/remove", test_remove);

  return test_run ();
}
