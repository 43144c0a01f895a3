/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who may talk: peer-policy at both ends, with other users where the test runs as root. */

#include "test-other-user.h"
#include "test-server-util.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP 65531

/* Other users: children that know nothing of LSocket. */

static int
make_raw_address (const char         *name,
                  struct sockaddr_un *address,
                  socklen_t          *length)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  /* Abstract names stand here without their NUL. */
  memcpy (address->sun_path + (name[0] != '/'), name, strlen (name));
  /* That NUL counts, and the one at the end of a path may. */
  *length = offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name);
  return socket (AF_UNIX, SOCK_STREAM, 0);
}

enum
{
  CANNOT_CONNECT,
  IS_SERVED,
  IS_CLOSED,
};

/* A client of another user: whether it is answered, or finds the connection closed. */
static pid_t
start_client (const char *name,
              uid_t       uid,
              gid_t       gid,
              gid_t       group)
{
  struct sockaddr_un address;
  socklen_t length;
  char answer[8];
  pid_t child = fork ();
  int fd;

  if (child != 0)
    return child;

  test_become (uid, gid, group);
  fd = make_raw_address (name, &address, &length);
  if (connect (fd, (struct sockaddr *) &address, length) < 0)
    test_exit_child (CANNOT_CONNECT);
  send (fd, "ping", 4, MSG_NOSIGNAL);
  test_exit_child (recv (fd, answer, sizeof answer, 0) > 0 ? IS_SERVED : IS_CLOSED);
  return 0;
}

static int
await_end (pid_t child)
{
  int status;

  while (waitpid (child, &status, WNOHANG) == 0)
    test_turn ();
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
answer (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  test_write (socket, "pong");
  l_socket_disconnect_from_server (socket);
}

/* Of those who say nothing the server hears nothing, and keeps them. */

static guint n_silent;

static void
answer_once_asked (LSocket *socket)
{
  n_silent--;
  test_write (socket, "pong");
}

static void
answer_later (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  n_silent++;
  g_signal_connect (socket, "ready-read", G_CALLBACK (answer_once_asked), NULL);
}

static char *
make_abstract_name (void)
{
  return g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
}

static LServer *
new_server (const char     *name,
            LServerOptions  options,
            LPeerPolicy     policy)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  l_server_set_peer_policy (server, policy);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  return server;
}

/* The server's side */

typedef struct
{
  const char    *name;
  gboolean       is_abstract;
  LServerOptions options;
  LPeerPolicy    policy;
  gboolean       stranger;   /* is let in */
  gboolean       group;      /* a stranger of the server's group is */
} ServerCase;

static const ServerCase server_cases[] = {
  { "abstract/auto", TRUE, L_SERVER_OPTIONS_NONE, L_PEER_POLICY_AUTO, FALSE, FALSE },
  { "abstract/auto-user", TRUE, L_SERVER_OPTIONS_USER_ACCESS, L_PEER_POLICY_AUTO, FALSE, FALSE },
  { "abstract/auto-group", TRUE, L_SERVER_OPTIONS_GROUP_ACCESS, L_PEER_POLICY_AUTO, FALSE, TRUE },
  { "abstract/auto-other", TRUE, L_SERVER_OPTIONS_OTHER_ACCESS, L_PEER_POLICY_AUTO, TRUE, TRUE },
  { "abstract/any", TRUE, L_SERVER_OPTIONS_NONE, L_PEER_POLICY_ANY, TRUE, TRUE },
  { "abstract/same-user", TRUE, L_SERVER_OPTIONS_WORLD_ACCESS, L_PEER_POLICY_SAME_USER, FALSE, FALSE },
  { "path/auto", FALSE, L_SERVER_OPTIONS_WORLD_ACCESS, L_PEER_POLICY_AUTO, TRUE, TRUE },
  { "path/any", FALSE, L_SERVER_OPTIONS_WORLD_ACCESS, L_PEER_POLICY_ANY, TRUE, TRUE },
  { "path/same-user", FALSE, L_SERVER_OPTIONS_WORLD_ACCESS, L_PEER_POLICY_SAME_USER, FALSE, FALSE },
};

/* The server is of TEST_SOMEBODY, and the test's directory open to all. */
static void
test_server (gconstpointer data)
{
  const ServerCase *row = data;
  g_autofree char *directory = NULL;
  g_autofree char *name = NULL;
  uid_t uids[] = { TEST_SOMEBODY, 0, TEST_STRANGER, TEST_STRANGER, TEST_STRANGER };
  gid_t gids[] = { TEST_STRANGER, TEST_STRANGER, TEST_STRANGER, GROUP, TEST_STRANGER };
  gid_t groups[] = { TEST_STRANGER, TEST_STRANGER, TEST_STRANGER, TEST_STRANGER, GROUP };
  gboolean expected[] = { TRUE, TRUE, row->stranger, row->group, row->group };

  if (!test_can_be_others ())
    return;

  g_assert_cmpint (chown (test_get_directory (), TEST_SOMEBODY, TEST_SOMEBODY), ==, 0);
  g_assert_cmpint (chmod (test_get_directory (), 0755), ==, 0);
  directory = test_build_path ("market");
  name = row->is_abstract ? make_abstract_name () : g_strdup (directory);
  for (guint i = 0; i < G_N_ELEMENTS (uids); i++)
    {
      g_autoptr(LServer) server = NULL;
      g_autoptr(TestTrace) trace = NULL;
      pid_t client;

      g_assert_cmpint (setegid (GROUP), ==, 0);
      g_assert_cmpint (seteuid (TEST_SOMEBODY), ==, 0);
      server = new_server (name, row->options | (row->is_abstract ? L_SERVER_OPTIONS_ABSTRACT_NAMESPACE : 0), row->policy);
      trace = test_trace_new (server);
      g_signal_connect (server, "new-connection", G_CALLBACK (answer), NULL);

      client = start_client (name, uids[i], gids[i], groups[i]);
      g_assert_cmpint (await_end (client), ==, expected[i] ? IS_SERVED : IS_CLOSED);
      test_trace_assert (trace, expected[i] ? "new-connection" : "error(access)");
      g_assert_true (l_server_is_listening (server));
      if (!expected[i])
        g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_ACCESS);
      l_server_close (server);
      g_assert_cmpint (seteuid (0), ==, 0);
      g_assert_cmpint (setegid (0), ==, 0);
    }
  g_assert_cmpint (chown (test_get_directory (), 0, 0), ==, 0);
  g_assert_cmpint (chmod (test_get_directory (), 0700), ==, 0);
}

#ifdef CLONE_NEWNET
static void
test_other_network (void)
{
  g_autofree char *name = NULL;
  g_autoptr(LServer) server = NULL;
  g_autoptr(TestTrace) trace = NULL;
  int result;
  pid_t client;

  g_test_summary ("Where the network is another one there is no such name, also for who would be let in");

  if (!test_can_be_others ())
    return;

  name = make_abstract_name ();
  server = new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_ANY);
  trace = test_trace_new (server);
  client = fork ();
  if (client == 0)
    {
      struct sockaddr_un address;
      socklen_t length;
      int fd;

      if (unshare (CLONE_NEWNET) < 0)
        test_exit_child (9);
      fd = make_raw_address (name, &address, &length);
      test_exit_child (connect (fd, (struct sockaddr *) &address, length) < 0 ? CANNOT_CONNECT : IS_SERVED);
    }

  result = await_end (client);
  if (result == 9)
    {
      g_test_skip ("may not have a network of its own");
      return;
    }
  g_assert_cmpint (result, ==, CANNOT_CONNECT);
  test_trace_assert (trace, "");
}
#endif

static void
test_refused_wait (void)
{
  g_autofree char *name = NULL;
  g_autoptr(LServer) server = NULL;
  g_autoptr(TestTrace) trace = NULL;
  gboolean timed_out = FALSE;
  pid_t client;
  int status;

  g_test_summary ("Who is refused ends no wait");

  if (!test_can_be_others ())
    return;

  name = make_abstract_name ();
  server = new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_AUTO);
  trace = test_trace_new (server);
  client = start_client (name, TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
  g_assert_false (l_server_wait_for_new_connection (server, 300, &timed_out));
  g_assert_true (timed_out);
  test_trace_assert (trace, "error(access)");
  g_assert_cmpint (waitpid (client, &status, 0), ==, client);
  g_assert_cmpint (WEXITSTATUS (status), ==, IS_CLOSED);

  client = start_client (name, 0, 0, 0);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, &timed_out));
  answer (server);
  g_assert_cmpint (await_end (client), ==, IS_SERVED);
}

static void
test_refused_flood (void)
{
  g_autofree char *name = NULL;
  g_autoptr(LServer) server = NULL;
  g_autoptr(TestTrace) trace = NULL;
  gboolean timed_out = FALSE;
  gint64 begin;
  pid_t client;

  g_test_summary ("Nor does one who comes again and again keep it from its end");

  if (!test_can_be_others ())
    return;

  name = make_abstract_name ();
  server = new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_AUTO);
  trace = test_trace_new (server);
  client = fork ();
  if (client == 0)
    {
      struct sockaddr_un address;
      socklen_t length;

      test_become (TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
      while (TRUE)
        {
          int fd = make_raw_address (name, &address, &length);

          if (connect (fd, (struct sockaddr *) &address, length) < 0)
            test_exit_child (0);
          close (fd);
        }
    }
  begin = g_get_monotonic_time ();
  g_assert_false (l_server_wait_for_new_connection (server, 300, &timed_out));
  g_assert_true (timed_out);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_TIME_SPAN_SECOND);
  g_assert_true (test_trace_has (trace, "error(access)"));
  g_assert_false (test_trace_has (trace, "new-connection"));
  g_assert_false (l_server_has_pending_connections (server));

  g_assert_cmpint (kill (client, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (client, NULL, 0), ==, client);
}

static void
test_per_user (void)
{
  enum { N_SILENT = 2000 };
  g_autofree char *name = NULL;
  g_autoptr(LServer) server = NULL;
  struct sockaddr_un address;
  socklen_t length;
  pid_t hoarder;
  int pipes[2];
  char byte;

  g_test_summary ("A user who connects and connects, and says nothing, leaves room for another");

  if (!test_can_be_others ())
    return;

  name = make_abstract_name ();
  server = new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE | L_SERVER_OPTIONS_WORLD_ACCESS, L_PEER_POLICY_AUTO);
  l_server_set_max_connections (server, 20);
  l_server_set_max_connections_per_user (server, 8);
  g_signal_connect (server, "new-connection", G_CALLBACK (answer_later), NULL);
  g_assert_cmpint (pipe (pipes), ==, 0);
  hoarder = fork ();
  if (hoarder == 0)
    {
      test_become (TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
      for (guint i = 0; i < N_SILENT; i++)
        {
          int fd = make_raw_address (name, &address, &length);

          if (connect (fd, (struct sockaddr *) &address, length) < 0)
            test_exit_child (1);
          /* The first stay, as many as there may be. */
          if (i >= 900)
            close (fd);
        }
      if (write (pipes[1], "d", 1) != 1)
        test_exit_child (2);
      pause ();
    }
  while (!test_raw_is_waiting (pipes[0]))
    test_turn ();
  g_assert_cmpint (read (pipes[0], &byte, 1), ==, 1);
  test_turn_all ();
  g_assert_cmpuint (n_silent, ==, 8);
  g_assert_cmpint (await_end (start_client (name, TEST_SOMEBODY, TEST_SOMEBODY, TEST_SOMEBODY)), ==, IS_SERVED);
  g_assert_cmpint (kill (hoarder, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (hoarder, NULL, 0), ==, hoarder);
  close (pipes[0]);
  close (pipes[1]);
  g_clear_object (&server);
  test_turn_all ();
}

/* The client's side */

/* A server that is TEST_STRANGER's: it is bound by root, wherever that may, and what counts is who listens. What it receives
 * is its exit code. */
static pid_t
start_impostor (const char *name)
{
  struct sockaddr_un address;
  socklen_t length;
  int fd = make_raw_address (name, &address, &length);
  pid_t child;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, length), ==, 0);
  child = fork ();
  if (child == 0)
    {
      gsize n_received = 0;
      char buffer[64];
      int accepted;
      gssize n;

      test_become (TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
      if (listen (fd, 8) < 0)
        test_exit_child (9);
      accepted = accept (fd, NULL, NULL);
      while ((n = recv (accepted, buffer, sizeof buffer, 0)) > 0)
        n_received += n;
      test_exit_child (n_received);
    }

  close (fd);
  return child;
}

static void
await_listening (const char *name)
{
  char state[16] = "";

  /* In /proc/net/unix a socket that listens has the flag. A connection would be taken for the client's. */
  while (strcmp (state, "00010000") != 0)
    {
      g_autofree char *table = NULL;
      g_auto(GStrv) lines = NULL;

      g_assert_true (g_file_get_contents ("/proc/net/unix", &table, NULL, NULL));
      lines = g_strsplit (table, "\n", -1);
      for (guint i = 1; lines[i] != NULL; i++)
        if (strstr (lines[i], name) != NULL)
          sscanf (lines[i], "%*s %*s %*s %15s", state);
    }
}

typedef struct
{
  const char    *name;
  const char    *server_name; /* “~” stands for the directory, NULL for an abstract name */
  LSocketOptions options;
  LPeerPolicy    policy;
  gboolean       talks;
} ClientCase;

static const ClientCase client_cases[] = {
  { "plain/auto", "market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_AUTO, FALSE },
  { "plain/same-user", "market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_SAME_USER, FALSE },
  { "plain/any", "market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_ANY, TRUE },
  { "temp/auto", "market", L_SOCKET_OPTIONS_TEMP_DIRECTORY, L_PEER_POLICY_AUTO, FALSE },
  { "path/auto", "~/market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_AUTO, TRUE },
  { "path/same-user", "~/market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_SAME_USER, FALSE },
  { "abstract/auto", NULL, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_AUTO, FALSE },
  { "abstract/any", NULL, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_ANY, TRUE },
};

static void
write_eagerly (TestTrace  *trace,
               const char *event,
               gpointer    socket)
{
  if (g_str_equal (event, "state-changed(connecting)"))
    test_write (socket, "secret");
}

static void
test_client (gconstpointer data)
{
  const ClientCase *row = data;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(TestTrace) trace = NULL;
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  pid_t impostor;

  g_test_summary ("Another user's server gets not a byte");

  if (!test_can_be_others ())
    return;

  client = l_socket_new ();
  path = row->server_name != NULL ? test_build_path ("market") : make_abstract_name ();
  if (row->server_name == NULL || row->server_name[0] == '~')
    name = g_strdup (path);
  else
    name = g_strdup (row->server_name);
  g_setenv ("TMPDIR", test_get_directory (), TRUE);
  impostor = start_impostor (path);
  await_listening (path);

  l_socket_set_options (client, row->options);
  l_socket_set_peer_policy (client, row->policy);
  trace = test_trace_new (client);
  test_trace_set_func (trace, write_eagerly, client);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  if (row->talks)
    {
      g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
      g_assert_cmpint (l_credentials_get_uid (l_socket_get_peer_credentials (client)), ==, TEST_STRANGER);
      l_socket_disconnect_from_server (client);
      g_assert_cmpint (await_end (impostor), ==, 6);
    }
  else
    {
      test_trace_assert (trace, "state-changed(connecting) error(access) state-changed(unconnected)");
      g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_ACCESS);
      g_assert_nonnull (strstr (l_io_device_get_error_string (L_IO_DEVICE (client)), path));
      g_assert_null (l_socket_get_peer_credentials (client));
      g_assert_cmpint (l_io_device_get_bytes_to_write (L_IO_DEVICE (client)), ==, 0);
      g_assert_cmpint (await_end (impostor), ==, 0);
    }
  if (row->server_name != NULL)
    g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_client_sync (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  pid_t impostor;

  if (!test_can_be_others ())
    return;

  client = l_socket_new ();
  path = test_build_path ("market");
  impostor = start_impostor (path);
  await_listening (path);
  g_assert_false (l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  g_assert_cmpint (await_end (impostor), ==, 0);
  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_client_address (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  g_autofree char *name = NULL;
  pid_t impostor;

  g_test_summary ("An abstract name is one as an address, too");

  if (!test_can_be_others ())
    return;

  client = l_socket_new ();
  name = make_abstract_name ();
  impostor = start_impostor (name);
  await_listening (name);
  address = g_unix_socket_address_new_with_type (name, strlen (name), G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  l_socket_connect_to_address (client, address, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_ACCESS);
  g_assert_cmpint (await_end (impostor), ==, 0);
}

static void
test_adopt (void)
{
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *name = NULL;
  struct sockaddr_un address;
  socklen_t length;
  pid_t impostor;
  int fd;

  g_test_summary ("What is refused stays the caller's");

  if (!test_can_be_others ())
    return;

  name = make_abstract_name ();
  impostor = start_impostor (name);
  await_listening (name);
  fd = make_raw_address (name, &address, &length);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, length), ==, 0);

  socket = l_socket_new ();
  l_socket_set_peer_policy (socket, L_PEER_POLICY_SAME_USER);
  trace = test_trace_new (socket);
  g_assert_false (l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  g_clear_error (&error);
  test_trace_assert (trace, "error(access)");

  l_socket_set_peer_policy (socket, L_PEER_POLICY_AUTO);
  g_assert_true (l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error));
  g_assert_no_error (error);
  l_socket_abort (socket);
  g_assert_cmpint (await_end (impostor), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  for (guint i = 0; i < G_N_ELEMENTS (server_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/policy/server/", server_cases[i].name, NULL);

      test_add_data (path, &server_cases[i], test_server);
    }
#ifdef CLONE_NEWNET
  test_add ("/policy/server/other-network", test_other_network);
#endif
  test_add ("/policy/server/refused-wait", test_refused_wait);
  test_add ("/policy/server/refused-flood", test_refused_flood);
  test_add ("/policy/server/per-user", test_per_user);
  for (guint i = 0; i < G_N_ELEMENTS (client_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/policy/client/", client_cases[i].name, NULL);

      test_add_data (path, &client_cases[i], test_client);
    }
  test_add ("/policy/client/sync", test_client_sync);
  test_add ("/policy/client/address", test_client_address);
  test_add ("/policy/client/adopt", test_adopt);

  return test_run ();
}
