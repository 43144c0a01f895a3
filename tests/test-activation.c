/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sockets that a service manager passes. The service is this program itself, started once more: with the sockets at the
 * descriptors from 3 on and the environment that systemd makes; what it finds wrong fails the test. */

#include "test-server-util.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

/* The service */

static void
assert_fails (LServer      *server,
              const char   *name,
              LSocketError  code)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen_activated (server, name, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
  g_assert_cmpint (l_server_get_error (server), ==, code);
}

static LServer *
activate (const char *name)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen_activated (server, name, &error);
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  g_assert_false (l_server_get_unlink_on_close (server));
  return server;
}

static void
assert_cloexec (int fd)
{
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
}

static void
serve_one (LServer *server)
{
  g_autoptr(LSocket) socket = NULL;

  g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
  socket = l_server_next_pending_connection (server);
  test_write (socket, "served");
  l_socket_disconnect_from_server (socket);
  l_socket_wait_for_disconnected (socket, 10000);
}

static void
service_first (void)
{
  g_autoptr(LServer) server = activate (NULL);
  g_autoptr(LServer) second = l_server_new ();

  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, 3);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  assert_cloexec (3);
  g_assert_nonnull (g_getenv ("LISTEN_FDS"));
  assert_fails (server, NULL, L_SOCKET_ERROR_OPERATION);
  assert_fails (second, NULL, L_SOCKET_ERROR_ADDRESS_IN_USE);
  serve_one (server);
}

static void
service_names (void)
{
  g_autoptr(LServer) third = activate ("c");
  g_autoptr(LServer) first = NULL;
  g_autoptr(LServer) other = l_server_new ();

  g_assert_cmpint (l_server_get_socket_descriptor (third), ==, 5);
  g_assert_cmpstr (l_server_get_server_name (third), ==, "c");
  assert_cloexec (3);
  assert_cloexec (4);
  assert_fails (other, "d", L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_fails (other, "c", L_SOCKET_ERROR_ADDRESS_IN_USE);
  first = activate (NULL);
  g_assert_cmpint (l_server_get_socket_descriptor (first), ==, 3);
  serve_one (third);

  /* What was taken stays taken, whoever has its number by now. */
  l_server_close (third);
  g_assert_cmpint (fcntl (0, F_DUPFD, 5), ==, 5);
  assert_fails (other, "c", L_SOCKET_ERROR_ADDRESS_IN_USE);
}

static void
service_same_name (void)
{
  g_autoptr(LServer) first = activate ("a");
  g_autoptr(LServer) second = activate ("a");
  g_autoptr(LServer) third = l_server_new ();

  g_assert_cmpint (l_server_get_socket_descriptor (first), ==, 3);
  g_assert_cmpint (l_server_get_socket_descriptor (second), ==, 4);
  assert_fails (third, "a", L_SOCKET_ERROR_ADDRESS_IN_USE);
  serve_one (first);
}

static void
service_unnamed (void)
{
  g_autoptr(LServer) server = activate ("unknown");

  serve_one (server);
}

static void
service_nothing (void)
{
  g_autoptr(LServer) server = l_server_new ();

  assert_fails (server, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_fails (server, "market", L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

static void
service_useless (void)
{
  g_autoptr(LServer) server = l_server_new ();

  assert_fails (server, "b", L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  /* Given back, and not closed. */
  assert_fails (server, "b", L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_assert_cmpint (fcntl (4, F_GETFD), !=, -1);
}

static void
service_too_few (void)
{
  g_autoptr(LServer) server = activate (NULL);
  g_autoptr(LServer) second = l_server_new ();

  g_test_summary ("More were announced than there are");

  assert_fails (second, NULL, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  serve_one (server);
}

static void
service_forks (void)
{
  g_autoptr(LServer) server = activate ("a");
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      g_autoptr(LServer) other = l_server_new ();

      assert_fails (other, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND);
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  serve_one (server);
}

/* The service manager */

typedef struct
{
  const char *name;
  void     (* service) (void);
  const char *sockets;     /* each a letter: l listens, d is for datagrams, - is none */
  const char *n_fds;       /* LISTEN_FDS; NULL: not set */
  const char *fd_names;    /* LISTEN_FDNAMES; NULL: not set */
  int         pid_offset;
  int         served;      /* the one that a client is served at; -1: none */
} Case;

static const Case cases[] = {
  { "first", service_first, "l", "1", NULL, 0, 0 },
  { "names", service_names, "lll", "3", "a:b:c", 0, 2 },
  { "same-name", service_same_name, "ll", "2", "a:a", 0, 0 },
  { "unnamed", service_unnamed, "ll", "2", "a", 0, 1 },
  { "not-for-us", service_nothing, "l", "1", "market", 1, -1 },
  { "no-number", service_nothing, "l", NULL, "market", 0, -1 },
  { "empty-number", service_nothing, "l", "", "market", 0, -1 },
  { "zero", service_nothing, "l", "0", "market", 0, -1 },
  { "negative", service_nothing, "l", "-1", "market", 0, -1 },
  { "no-digits", service_nothing, "l", "one", "market", 0, -1 },
  { "digits-and-more", service_nothing, "l", "1x", "market", 0, -1 },
  { "very-many", service_nothing, "l", "99999999999999999999", "market", 0, -1 },
  { "datagrams", service_useless, "ld", "2", "a:b", 0, -1 },
  { "closed", service_too_few, "l-", "2", "a:b", 0, 0 },
  { "forks", service_forks, "ll", "2", "a:b", 0, 0 },
};

static int
make_socket (const char *path,
             int         type)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  if (type == SOCK_STREAM)
    g_assert_cmpint (listen (fd, 8), ==, 0);
  return fd;
}

static char *
get_path (const Case *test,
          guint       i)
{
  static const char * const letters[] = { "a", "b", "c" };

  return test_build_path (strlen (test->sockets) == 1 ? "market" : letters[i]);
}

static pid_t
start_service (const Case *test)
{
  int fds[3] = { -1, -1, -1 };
  guint n = strlen (test->sockets);
  pid_t child;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *path = get_path (test, i);

      if (test->sockets[i] != '-')
        fds[i] = make_socket (path, test->sockets[i] == 'l' ? SOCK_STREAM : SOCK_DGRAM);
    }

  child = fork ();
  if (child == 0)
    {
      g_autofree char *pid = g_strdup_printf ("%d", getpid () + test->pid_offset);

      /* First out of the way of each other. */
      for (guint i = 0; i < n; i++)
        if (fds[i] >= 0)
          fds[i] = fcntl (fds[i], F_DUPFD_CLOEXEC, 100);
      for (int i = 0; i < 3; i++)
        if (i < (int) n && fds[i] >= 0)
          dup2 (fds[i], 3 + i);
        else
          close (3 + i);
      g_setenv ("LISTEN_PID", pid, TRUE);
      g_unsetenv ("LISTEN_FDS");
      g_unsetenv ("LISTEN_FDNAMES");
      if (test->n_fds != NULL)
        g_setenv ("LISTEN_FDS", test->n_fds, TRUE);
      if (test->fd_names != NULL)
        g_setenv ("LISTEN_FDNAMES", test->fd_names, TRUE);
      execl (program, program, "--service", test->name, NULL);
      _exit (127);
    }

  for (guint i = 0; i < n; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  return child;
}

static void
test_activation (gconstpointer data)
{
  const Case *test = data;
  pid_t child = start_service (test);
  int status;

  if (test->served >= 0)
    {
      g_autofree char *path = get_path (test, test->served);
      g_autoptr(LSocket) client = l_socket_new ();

      l_socket_connect_to_server (client, path, L_OPEN_MODE_READ_WRITE);
      g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
      test_assert_text (client, "served");
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);

  /* The service has closed its servers, and the names stay. */
  for (guint i = 0; i < strlen (test->sockets); i++)
    {
      g_autofree char *path = get_path (test, i);

      g_assert_cmpint (g_unlink (path), ==, test->sockets[i] == '-' ? -1 : 0);
    }
}

static void
run_service (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (strcmp (cases[i].name, name) == 0)
      {
        cases[i].service ();
        exit (0);
      }
  exit (126);
}

/* The example, as systemd's own tool starts it. */
static void
test_systemd (void)
{
  g_autofree char *activator = g_find_program_in_path ("systemd-socket-activate");
  g_autofree char *path = test_build_path ("echo");
  g_autoptr(LSocket) client = l_socket_new ();
  g_autofree char *text = NULL;
  int status;
  pid_t child;

  if (activator == NULL || g_getenv ("ACTIVATED_ECHO") == NULL)
    {
      g_test_skip ("needs systemd-socket-activate");
      return;
    }

  child = fork ();
  if (child == 0)
    {
      execl (activator, activator, "-l", path, "--fdname=echo", g_getenv ("ACTIVATED_ECHO"), NULL);
      _exit (127);
    }
  TEST_TURN_UNTIL (g_file_test (path, G_FILE_TEST_EXISTS));
  /* It has bound, and may not listen yet. */
  while (l_socket_get_state (client) != L_SOCKET_STATE_CONNECTED)
    {
      l_socket_connect_to_server (client, "echo", L_OPEN_MODE_READ_WRITE);
      g_assert_cmpint (waitpid (child, &status, WNOHANG), ==, 0);
    }
  test_write (client, "hello");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (client)) == 5);
  text = test_read (client);
  g_assert_cmpstr (text, ==, "hello");
  l_socket_abort (client);
  g_assert_cmpint (kill (child, SIGTERM), ==, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_unlink (path);
}

int
main (int   argc,
      char *argv[])
{
  program = argv[0];
  if (argc == 3 && strcmp (argv[1], "--service") == 0)
    run_service (argv[2]);

  g_unsetenv ("LISTEN_FDS");
  test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/activation/", cases[i].name, NULL);

      test_add_data (path, &cases[i], test_activation);
    }
  test_add ("/activation/systemd-socket-activate", test_systemd);

  return test_run ();
}
