/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-failure.h"
#include "test-util.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What connecting has on Unix alone: paths of files, addresses, the abstract namespace, kinds of descriptors. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

static void
test_connect_temp_directory (void)
{
  g_autofree char *old = g_strdup (g_getenv ("TMPDIR"));
  g_autofree char *directory = test_build_path ("temp");
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  TestRaw listener;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  listener = test_raw_listen (path, 1);
  g_setenv ("TMPDIR", directory, TRUE);
  l_socket_set_options (socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  test_trace_assert_lines (trace,
                           "state-changed(connecting) connecting --- 0 market - unknown\n"
                           "state-changed(connected) connected ovd 0 market ~/temp/market unknown\n"
                           "connected connected ovd 0 market ~/temp/market unknown\n");

  if (old != NULL)
    g_setenv ("TMPDIR", old, TRUE);
  else
    g_unsetenv ("TMPDIR");
  test_raw_close (listener);
}

static int
listen_abstract (GSocketAddress *address)
{
  char native[256];
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_true (g_socket_address_to_native (address, native, sizeof native, NULL));
  g_assert_cmpint (bind (fd, (struct sockaddr *) native, g_socket_address_get_native_size (address)), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);

  return fd;
}

static void
test_connect_abstract (void)
{
  g_autofree char *name = g_strdup_printf ("lsocket-%d", getpid ());
  g_autoptr(GSocketAddress) address =
    g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  g_autofree char *expected =
    g_strdup_printf ("state-changed(connecting) connecting --- 0 %s - unknown\n"
                     "state-changed(connected) connected ovd 0 %s %s unknown\n"
                     "connected connected ovd 0 %s %s unknown\n", name, name, name, name, name);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  int listener = listen_abstract (address);

  l_socket_set_options (socket, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
  l_socket_connect_to_server (socket, name, READ_WRITE);
  test_trace_assert_lines (trace, expected);
  close (listener);
}

static void
assert_address (LSocket                *socket,
                GUnixSocketAddressType  type,
                const char             *path)
{
  GUnixSocketAddress *address = G_UNIX_SOCKET_ADDRESS (l_socket_get_address (socket));

  g_assert_cmpint (g_unix_socket_address_get_address_type (address), ==, type);
  g_assert_cmpmem (g_unix_socket_address_get_path (address), g_unix_socket_address_get_path_len (address),
                   path, strlen (path));
  g_assert_true (l_socket_get_address (socket) == G_SOCKET_ADDRESS (address));
}

static void
test_connect_name_address (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *name = g_strdup_printf ("lsocket-%d", getpid ());
  g_autoptr(GSocketAddress) abstract = g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  g_autoptr(LSocket) socket = l_socket_new ();
  TestRaw listener = test_raw_listen (path, 1);
  int abstract_listener = listen_abstract (abstract);

  g_test_summary ("Who connected by a name can ask for the address that it stood for");

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  assert_address (socket, G_UNIX_SOCKET_ADDRESS_PATH, path);
  l_socket_abort (socket);
  g_assert_null (l_socket_get_address (socket));

  l_socket_set_options (socket, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
  l_socket_connect_to_server (socket, name, READ_WRITE);
  assert_address (socket, G_UNIX_SOCKET_ADDRESS_ABSTRACT, name);
  close (abstract_listener);
  test_raw_close (listener);
}

static void
test_connect_address_path (void)
{
  g_autofree char *path = test_build_path ("market");
  TestRaw listener = test_raw_listen (path, 1);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  GSocketAddress *peer_address;

  l_socket_connect_to_address (socket, address, READ_WRITE);
  test_trace_assert_lines (trace,
                           "state-changed(connecting) connecting --- 0 - - unknown\n"
                           "state-changed(connected) connected ovd 0 market ~/market unknown\n"
                           "connected connected ovd 0 market ~/market unknown\n");

  peer_address = l_socket_get_address (socket);
  g_assert_true (G_IS_UNIX_SOCKET_ADDRESS (peer_address));
  g_assert_cmpstr (g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (peer_address)), ==, path);
  test_raw_close (listener);
}

/* Names that differ behind a NUL do not meet. */
static void
test_connect_address_abstract_nul (void)
{
  g_autofree char *prefix = g_strdup_printf ("lsocket-%d", getpid ());
  g_autofree char *name = g_strdup_printf ("%s@x", prefix);
  gsize length = strlen (name);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocketAddress) other = NULL;
  g_autoptr(LSocket) socket = l_socket_new ();
  int listener;

  name[strlen (prefix)] = '\0';
  address = g_unix_socket_address_new_with_type (name, length, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  other = g_unix_socket_address_new_with_type (name, length - 2, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  listener = listen_abstract (address);

  l_socket_connect_to_address (socket, other, READ_WRITE);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_CONNECTION_REFUSED);

  l_socket_connect_to_address (socket, address, READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (g_str_has_suffix (l_socket_get_full_server_name (socket), "@x"));
  close (listener);
}

/* Failing to connect */

static void
make_stale (const char *path)
{
  test_raw_close (test_raw_listen (path, 1));
}

static void
make_file (const char *path)
{
  g_assert_true (g_file_set_contents (path, "no socket", -1, NULL));
}

static int kept_fd = -1;

static void
close_kept (void)
{
  close (kept_fd);
}

static void
make_datagram (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  char native[256];

  kept_fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_true (g_socket_address_to_native (address, native, sizeof native, NULL));
  g_assert_cmpint (bind (kept_fd, (struct sockaddr *) native, g_socket_address_get_native_size (address)), ==, 0);
}

/* bound, and listen() not called yet */
static void
make_bound (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  char native[256];

  kept_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_true (g_socket_address_to_native (address, native, sizeof native, NULL));
  g_assert_cmpint (bind (kept_fd, (struct sockaddr *) native, g_socket_address_get_native_size (address)), ==, 0);
}

static void
make_dangling_link (const char *path)
{
  g_assert_cmpint (symlink ("/nonexistent/target", path), ==, 0);
}

static void
make_link_loop (const char *path)
{
  g_assert_cmpint (symlink (path, path), ==, 0);
}

static void
make_parent_file (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);

  g_unlink (parent);
  make_file (parent);
}

static void
make_forbidden (const char *path)
{
  kept_fd = test_raw_listen (path, 1);
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  if (getuid () == 0)
    g_assert_cmpint (seteuid (65534), ==, 0);
}

static void
allow_again (void)
{
  if (getuid () == 0)
    g_assert_cmpint (seteuid (0), ==, 0);
  close_kept ();
}

static void
make_directory_of_others (const char *path)
{
  g_assert_cmpint (g_chmod (test_get_directory (), 0777), ==, 0);
}

static void
make_directory_ours (void)
{
  g_assert_cmpint (g_chmod (test_get_directory (), 0700), ==, 0);
}

static struct rlimit descriptor_limit;

static void
limit_descriptors (const char *path)
{
  struct rlimit limit;
  int lowest = dup (0);

  kept_fd = test_raw_listen (path, 1);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &descriptor_limit), ==, 0);
  limit = descriptor_limit;
  limit.rlim_cur = lowest;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

static void
restore_limit (void)
{
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &descriptor_limit), ==, 0);
  close_kept ();
}

#define LONG_NAME                                                            \
  "/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const TestFailure failures[] = {
  { "pipe-name", "\\\\.\\pipe\\market", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "too-long", LONG_NAME, NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "abstract-too-long", LONG_NAME, NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE },
  { "abstract-empty", "", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE },
  { "abstract-nobody", "lsocket-nobody-is-here", NULL, NULL, L_SOCKET_ERROR_CONNECTION_REFUSED,
    L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE },
  { "stale", "~/stale", make_stale, NULL, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "not-listening", "~/bound", make_bound, close_kept, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "regular-file", "~/file", make_file, NULL, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "datagram", "~/datagram", make_datagram, close_kept, L_SOCKET_ERROR_UNSUPPORTED_OPERATION },
  { "dangling-link", "~/dangling", make_dangling_link, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "link-loop", "~/loop", make_link_loop, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "directory-missing", "~/missing/market", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "not-a-directory", "~/parent/market", make_parent_file, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "no-permission", "~/forbidden", make_forbidden, allow_again, L_SOCKET_ERROR_ACCESS },
  { "directory-of-others", "others", make_directory_of_others, make_directory_ours, L_SOCKET_ERROR_ACCESS },
  { "no-descriptors", "~/limited", limit_descriptors, restore_limit, L_SOCKET_ERROR_RESOURCE },
};

static void
test_connect_address_fails (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) inet = g_inet_socket_address_new (loopback, 80);
  g_autoptr(GSocketAddress) cut = g_unix_socket_address_new (LONG_NAME LONG_NAME);
  g_autoptr(GSocketAddress) anonymous =
    g_unix_socket_address_new_with_type ("", 0, G_UNIX_SOCKET_ADDRESS_ANONYMOUS);

  l_socket_connect_to_address (socket, inet, READ_WRITE);
  test_trace_assert (trace, "state-changed(connecting) error(unsupported-operation) state-changed(unconnected)");
  l_socket_connect_to_address (socket, cut, READ_WRITE);
  test_trace_assert (trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
  l_socket_connect_to_address (socket, anonymous, READ_WRITE);
  test_trace_assert (trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
}

/* Adopting descriptors */

static void
test_adopt_connecting (void)
{
  g_autofree char *path = test_build_path ("market");
  TestRaw listener = test_raw_listen (path, 1);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  char native[256];
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr(LSocket) self = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (self);

  g_assert_true (l_socket_set_socket_descriptor (self, fd, L_SOCKET_STATE_CONNECTING, READ_WRITE, NULL));
  test_turn_all ();
  test_trace_assert_lines (trace, "state-changed(connecting) connecting --- 0 - - unknown\n");

  g_assert_true (g_socket_address_to_native (address, native, sizeof native, NULL));
  g_assert_cmpint (connect (fd, (struct sockaddr *) native, g_socket_address_get_native_size (address)), ==, 0);
  TEST_TURN_UNTIL (test_trace_has (trace, "connected"));
  test_trace_assert_lines (trace,
                           "state-changed(connected) connected ovd 0 market ~/market unknown\n"
                           "connected connected ovd 0 market ~/market unknown\n");
  g_assert_cmpint (l_socket_get_socket_descriptor (self), ==, fd);
  test_raw_close (listener);
}

static void
test_adopt_connecting_timeout (void)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr(LSocket) self = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (self);

  l_socket_set_connect_timeout (self, 30);
  g_assert_true (l_socket_set_socket_descriptor (self, fd, L_SOCKET_STATE_CONNECTING, READ_WRITE, NULL));
  TEST_TURN_UNTIL (l_socket_get_state (self) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "state-changed(connecting) error(timeout) state-changed(unconnected)");
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
}

typedef enum { FD_UNCONNECTED, FD_FILE, FD_DATAGRAM, FD_TCP, FD_CLOSED, FD_NEGATIVE } WrongKind;

static const char * const wrong_kinds[] = { "unconnected", "file", "datagram", "tcp", "closed", "negative" };

static int
open_wrong (WrongKind kind)
{
  int fds[2];

  switch (kind)
    {
    case FD_UNCONNECTED:
      return socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case FD_FILE:
      return open ("/dev/null", O_RDWR | O_CLOEXEC);
    case FD_DATAGRAM:
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), ==, 0);
      close (fds[1]);
      return fds[0];
    case FD_TCP:
      return socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case FD_CLOSED:
      fds[0] = dup (0);
      close (fds[0]);
      return fds[0];
    case FD_NEGATIVE:
    default:
      return -1;
    }
}

/* The descriptor stays the caller's. */
static void
test_adopt_wrong (gconstpointer data)
{
  WrongKind kind = GPOINTER_TO_UINT (data);
  LSocketError expected = kind == FD_UNCONNECTED ? L_SOCKET_ERROR_OPERATION : L_SOCKET_ERROR_UNSUPPORTED_OPERATION;
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autoptr(GError) error = NULL;
  int fd = open_wrong (kind);

  g_assert_false (l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) expected);
  g_assert_cmpint (l_socket_get_error (socket), ==, expected);
  g_assert_cmpstr (l_io_device_get_error_string (L_IO_DEVICE (socket)), ==, error->message);
  test_trace_assert (trace, kind == FD_UNCONNECTED ? "error(operation)" : "error(unsupported-operation)");
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (socket)));

  if (kind != FD_CLOSED && kind != FD_NEGATIVE)
    g_assert_cmpint (close (fd), ==, 0);
}

static int n_broken_pipes;

static void
on_broken_pipe (int number)
{
  g_atomic_int_inc (&n_broken_pipes);
}

static void
test_sigpipe (void)
{
  struct sigaction action = { .sa_handler = on_broken_pipe }, old;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Whoever has left what to do about SIGPIPE to the system is not ended by a peer that has gone");

  for (guint way = 0; way < 3; way++)
    {
      g_autoptr(LSocket) socket = NULL;
      GOutputStream *output;
      TestRaw raw;

      socket = test_socket_with_raw_peer (&raw);
      g_assert_cmpint (sigaction (SIGPIPE, &action, &old), ==, 0);
      output = g_io_stream_get_output_stream (G_IO_STREAM (socket));
      test_raw_close (raw);
      if (way == 0)
        {
          g_assert_cmpint (g_output_stream_write (output, "hello", 5, NULL, &error), ==, -1);
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
          g_clear_error (&error);
        }
      else
        {
          test_write (socket, "hello");
          g_assert_false (way == 1 ? l_socket_flush (socket) : l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), -1));
          g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
        }
      g_assert_cmpint (sigaction (SIGPIPE, &old, &action), ==, 0);
      /* Nor has anybody changed that on the way. */
      g_assert_true (action.sa_handler == on_broken_pipe);
    }
  g_assert_cmpint (n_broken_pipes, ==, 0);
}

static void
adopt_wrong (TestTrace  *trace,
             const char *event,
             gpointer    expected)
{
  int fd;

  if (!g_str_equal (event, expected))
    return;

  fd = open_wrong (FD_UNCONNECTED);
  g_assert_false (l_socket_set_socket_descriptor (L_SOCKET (trace->object), fd, L_SOCKET_STATE_CONNECTED, READ_WRITE, NULL));
  close (fd);
}

static void
test_adopt_wrong_in_handler (gconstpointer data)
{
  TestRaw raw;
  g_autoptr(LSocket) socket = test_socket_with_raw_peer (&raw);
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);

  g_test_summary ("Where the next session does not begin the signals of the last one go on");

  test_trace_set_func (trace, adopt_wrong, (gpointer) data);
  l_socket_disconnect_from_server (socket);
  test_trace_assert (trace, g_str_equal (data, "read-channel-finished") ?
                     "state-changed(closing) state-changed(unconnected) read-channel-finished about-to-close "
                     "error(operation) disconnected" :
                     "state-changed(closing) state-changed(unconnected) about-to-close error(operation) "
                     "read-channel-finished disconnected");
  test_raw_close (raw);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/socket/connect/temp-directory", test_connect_temp_directory);
  test_add ("/socket/connect/abstract", test_connect_abstract);
  test_add ("/socket/connect/name-address", test_connect_name_address);
  test_add ("/socket/connect/address/path", test_connect_address_path);
  test_add ("/socket/connect/address/abstract-nul", test_connect_address_abstract_nul);
  test_add ("/socket/connect/address/fails", test_connect_address_fails);
  test_add_failures ("/socket/connect/fails/", failures, G_N_ELEMENTS (failures));
  test_add ("/socket/sigpipe", test_sigpipe);
  test_add ("/socket/adopt/connecting", test_adopt_connecting);
  test_add ("/socket/adopt/connecting-timeout", test_adopt_connecting_timeout);
  for (guint i = 0; i < G_N_ELEMENTS (wrong_kinds); i++)
    {
      g_autofree char *path = g_strconcat ("/socket/adopt/wrong/", wrong_kinds[i], NULL);

      test_add_data (path, GUINT_TO_POINTER (i), test_adopt_wrong);
    }
  test_add_data ("/socket/adopt/wrong-in-handler/unconnected", "state-changed(unconnected)", test_adopt_wrong_in_handler);
  test_add_data ("/socket/adopt/wrong-in-handler/finished", "read-channel-finished", test_adopt_wrong_in_handler);

  return test_run ();
}
