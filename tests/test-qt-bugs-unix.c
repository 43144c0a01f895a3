/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bugs of test-qt-bugs.c that are about paths and descriptors. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

/* What a spin of 300 ms would use up, and what is allowed. */
#define SPIN_MSECS 300
#define MAX_CPU 50000

static LServer *
listen_at (const char     *name,
           LServerOptions  options)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);

  return server;
}

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

/* 8: a server that is out of descriptors says so once, goes on, and accepts when there are some again. */
static void
test_server_out_of_descriptors (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autoptr(TestTrace) trace = test_trace_new (server);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  struct rlimit old, limit;
  gboolean over = FALSE;
  gint64 cpu;
  int lowest;

  if (test_is_on_valgrind ())
    {
      g_test_skip ("Valgrind accepts and then closes what is beyond the limit");
      return;
    }

  l_socket_connect_to_server (client, "market", READ_WRITE);
  lowest = dup (0);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = lowest;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  cpu = test_get_cpu_time ();
  g_timeout_add (SPIN_MSECS, set_flag, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (test_get_cpu_time () - cpu, <, MAX_CPU);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);

  test_trace_assert (trace, "error(resource)");
  g_assert_true (l_server_is_listening (server));
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);
}

/* 9: nobody takes the name of a live server, nor removes it, nor a file that is no socket. */
static void
test_name_in_use (void)
{
  g_autoptr(LServer) first G_GNUC_UNUSED = listen_at ("market", L_SERVER_OPTIONS_USER_ACCESS);
  LServer *second = l_server_new ();
  g_autofree char *path = test_build_path ("market");
  g_autofree char *file = test_build_path ("file");
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (second, L_SERVER_OPTIONS_WORLD_ACCESS);
  g_assert_false (l_server_listen (second, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  l_server_close (second);
  g_object_unref (second);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (file, "precious", -1, NULL));
  g_assert_false (l_server_remove (file, L_SERVER_OPTIONS_NONE, &error));
  g_assert_nonnull (error);
  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));

  l_socket_connect_to_server (client, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
}

/* 9: what a closing server finds at its path may be somebody else's by now. */
static void
test_close_keeps_others (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *path = test_build_path ("market");
  TestRaw other;

  g_assert_cmpint (g_unlink (path), ==, 0);
  other = test_raw_listen (path, 1);
  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  test_raw_close (test_raw_connect (path));
  test_raw_close (other);
}

/* 10: an adopted descriptor listens, name or not; it is closed, and its path is not removed. */
static void
test_adopted_listener (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  /* Linux binds it to an abstract name of its own choice. */
  g_assert_cmpint (bind (fd, &(struct sockaddr) { .sa_family = AF_UNIX }, sizeof (sa_family_t)), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  l_server_close (server);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);

  fd = test_raw_listen (path, 1);
  g_assert_true (l_server_listen_descriptor (server, fd, &error));
  l_server_close (server);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  /* And what does not listen is refused. */
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_false (l_server_listen_descriptor (server, fd, &error));
  g_assert_nonnull (error);
  close (fd);
}

/* 12: a success forgets the last error; a name that is too long says so; a path may have all of the 107 bytes. */
static void
test_listen_errors (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autofree char *directory = test_build_path ("directory");
  g_autoptr(GString) path = g_string_new (directory);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_string_append_c (path, '/');
  while (path->len < 108)
    g_string_append_c (path, 'n');

  errno = EINVAL;
  g_assert_false (l_server_listen (server, path->str, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "107"));
  g_assert_nonnull (strstr (error->message, "108"));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_clear_error (&error);

  g_string_truncate (path, 107);
  g_assert_true (l_server_listen (server, path->str, &error));
  g_assert_no_error (error);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_null (l_server_get_error_string (server));
  l_socket_connect_to_server (client, path->str, READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpstr (l_socket_get_full_server_name (client), ==, path->str);
}

/* 14: different errors have different codes, and the system's own text. */
static void
test_error_codes (void)
{
  static const struct
  {
    const char  *name;
    LSocketError error;
    int          code;
  } cases[] = {
    { "nobody", L_SOCKET_ERROR_SERVER_NOT_FOUND, ENOENT },
    { "/dev/null/market", L_SOCKET_ERROR_SERVER_NOT_FOUND, ENOTDIR },
    { "/dev/null", L_SOCKET_ERROR_CONNECTION_REFUSED, ECONNREFUSED },
  };
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;
  struct rlimit old, limit;
  int lowest;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (l_socket_connect_to_server_sync (client, cases[i].name, READ_WRITE, NULL, &error));
      g_assert_error (error, L_SOCKET_ERROR, (int) cases[i].error);
      g_assert_nonnull (strstr (error->message, g_strerror (cases[i].code)));
      g_clear_error (&error);
    }

  lowest = dup (0);
  close (lowest);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = lowest;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_false (l_socket_connect_to_server_sync (client, "/dev/null", READ_WRITE, NULL, &error));
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_RESOURCE);
  g_assert_nonnull (strstr (error->message, g_strerror (EMFILE)));
}

/* 19: two processes may accept from one descriptor; the one that comes too late does not block. */
static void
test_shared_listener (void)
{
  g_autoptr(LServer) server = listen_at ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *path = test_build_path ("market");
  int fd = (int) l_server_get_socket_descriptor (server);
  TestRaw client;

  g_assert_true (test_raw_is_set_up (fd));

  client = test_raw_connect (path);
  test_raw_close (test_raw_accept (fd));
  test_turn_all ();
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_true (l_server_is_listening (server));
  test_raw_close (client);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/qt-bugs/08-server-out-of-descriptors", test_server_out_of_descriptors);
  test_add ("/qt-bugs/09-name-in-use", test_name_in_use);
  test_add ("/qt-bugs/09-close-keeps-others", test_close_keeps_others);
  test_add ("/qt-bugs/10-adopted-listener", test_adopted_listener);
  test_add ("/qt-bugs/12-listen-errors", test_listen_errors);
  test_add ("/qt-bugs/14-error-codes", test_error_codes);
  test_add ("/qt-bugs/19-shared-listener", test_shared_listener);

  return test_run ();
}
