/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-failure.h"
#include "test-util.h"

#include <string.h>
#include <windows.h>

/* What users and other programs can do wrong with named pipes: names, pipes and handles that are not for us, clients that
 * leave and servers that die. */

#define READ_WRITE L_OPEN_MODE_READ_WRITE

static const TestFailure failures[] = {
  { "unix-path", "/run/market.sock", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "drive", "C:\\market", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "other-machine", "\\\\other\\pipe\\market", NULL, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "abstract", "market", NULL, NULL, L_SOCKET_ERROR_UNSUPPORTED_OPERATION, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE },
};

static void
test_listen_refused (gconstpointer data)
{
  const TestFailure *failure = data;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  if (failure->options != L_SOCKET_OPTIONS_NONE)
    l_server_set_options (server, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE);
  g_assert_false (l_server_listen (server, failure->name, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) failure->error);
  g_assert_cmpint (l_server_get_error (server), ==, failure->error);
  g_assert_false (l_server_is_listening (server));
  g_assert_null (l_server_get_server_name (server));
}

/* With what stands before it a name has 256 characters at most. */
static void
test_long_names (void)
{
  g_autofree char *longest = g_strnfill (256 - strlen ("\\\\.\\pipe\\"), 'x');
  g_autofree char *longer = g_strconcat (longest, "x", NULL);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LServer) refused = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(TestTrace) trace = test_trace_new_full (client);
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_listen (server, longest, &error));
  g_assert_no_error (error);
  l_socket_connect_to_server (client, longest, READ_WRITE);
  test_trace_assert (trace, "state-changed(connecting) state-changed(connected) connected");
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);
  g_assert_cmpstr (l_socket_get_server_name (peer), ==, longest);
  l_socket_abort (client);
  test_trace_clear (trace);

  g_assert_false (l_server_listen (refused, longer, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "256"));
  l_socket_connect_to_server (client, longer, READ_WRITE);
  test_trace_assert (trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
}

/* Another program's pipe, waiting for a client or talking with one. */
static void
test_owned_by_other (gconstpointer is_busy)
{
  g_autofree char *path = test_build_path ("market");
  TestRaw listener = test_raw_listen (path, 1);
  TestRaw client = is_busy ? test_raw_connect (path) : -1;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);

  g_test_message ("and is not disturbed");
  if (!is_busy)
    {
      g_assert_false (test_raw_is_waiting (listener));
      client = test_raw_connect (path);
    }
  test_raw_close (test_raw_accept (listener));
  test_raw_close (client);
  test_raw_close (listener);
  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
}

/* As many as the server has instances, so that all of them are spent. */
static void
test_clients_gone (void)
{
  const guint n_clients = 4;
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) last = NULL;
  g_autoptr(TestTrace) trace = NULL;

  l_server_set_listen_backlog (server, n_clients);
  l_server_set_max_pending_connections (server, n_clients + 1);
  g_assert_true (l_server_listen (server, "market", NULL));
  trace = test_trace_new (server);
  for (guint i = 0; i < n_clients; i++)
    test_raw_close (test_raw_connect (path));

  for (guint i = 0; i < n_clients; i++)
    {
      g_autoptr(LSocket) peer = NULL;
      g_autoptr(TestTrace) peer_trace = NULL;

      TEST_TURN_UNTIL (l_server_has_pending_connections (server));
      peer = l_server_next_pending_connection (server);
      g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
      peer_trace = test_trace_new_full (peer);
      TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
      test_trace_assert (peer_trace,
                         "error(peer-closed) state-changed(closing) state-changed(unconnected) "
                         "read-channel-finished disconnected");
    }
  test_trace_assert (trace, "new-connection new-connection new-connection new-connection");
  client = test_connect (server, &last);
}

/* Before anybody waits for it at all: ConnectNamedPipe() says ERROR_NO_DATA then. */
static void
test_client_gone_before (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree WCHAR *utf16 = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) gone = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE handle;

  handle = CreateNamedPipeW (utf16, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES,
                             65536, 65536, 0, NULL);
  g_assert_true (handle != INVALID_HANDLE_VALUE);
  test_raw_close (test_raw_connect (path));
  g_assert_true (l_server_listen_descriptor (server, (gintptr) handle, &error));
  g_assert_no_error (error);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  gone = l_server_next_pending_connection (server);
  TEST_TURN_UNTIL (l_socket_get_state (gone) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (gone), ==, L_SOCKET_ERROR_PEER_CLOSED);
  client = test_connect (server, &peer);
}

/* Handles */

static HANDLE
make_closed (HANDLE *other)
{
  HANDLE handle = CreateEventW (NULL, TRUE, FALSE, NULL);

  CloseHandle (handle);
  return handle;
}

static HANDLE
make_event (HANDLE *other)
{
  return CreateEventW (NULL, TRUE, FALSE, NULL);
}

static HANDLE
make_file (HANDLE *other)
{
  WCHAR path[MAX_PATH];

  g_assert_cmpuint (GetModuleFileNameW (NULL, path, MAX_PATH), >, 0);
  return CreateFileW (path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
}

/* Its calls would block. */
static HANDLE
make_anonymous (HANDLE *other)
{
  HANDLE handle;

  g_assert_true (CreatePipe (&handle, other, NULL, 0));
  return handle;
}

static HANDLE
make_synchronous (HANDLE *other)
{
  return CreateNamedPipeW (L"\\\\.\\pipe\\synchronous", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 65536, 65536, 0, NULL);
}

typedef struct
{
  const char *path;
  HANDLE   (* make) (HANDLE *other);
} HandleCase;

static const HandleCase handle_cases[] = {
  { "/socket/adopt/closed", make_closed },
  { "/socket/adopt/event", make_event },
  { "/socket/adopt/file", make_file },
  { "/socket/adopt/anonymous-pipe", make_anonymous },
  { "/socket/adopt/synchronous-pipe", make_synchronous },
};

static void
test_no_pipe (gconstpointer data)
{
  const HandleCase *row = data;
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autoptr(GError) error = NULL;
  HANDLE other = NULL;
  HANDLE handle = row->make (&other);

  g_assert_false (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED, READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  test_trace_assert_lines (trace, "error(unsupported-operation) unconnected --- 0 - - unsupported-operation\n");
  g_clear_error (&error);
  g_assert_false (l_server_listen_descriptor (server, (gintptr) handle, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_assert_false (l_server_is_listening (server));

  /* It stays the caller's. */
  if (row->make != make_closed)
    g_assert_true (CloseHandle (handle));
  if (other != NULL)
    CloseHandle (other);
}

/* Servers that die */

#define SERVE "--serve"
#define GREETING "hello"

static void
greet (LServer *server)
{
  LSocket *socket = l_server_next_pending_connection (server);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 1);
  test_write (socket, GREETING);
}

/* The other program: it greets its clients, reads next to nothing, and ends only when it is killed. */
static int
serve (const char *name)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_assert_true (l_server_listen (server, name, NULL));
  g_signal_connect (server, "new-connection", G_CALLBACK (greet), NULL);
  g_print ("ready\n");
  g_main_loop_run (loop);
  return 0;
}

static GSubprocess *
start_server (void)
{
  g_autofree WCHAR *utf16 = g_new0 (WCHAR, MAX_PATH);
  g_autofree char *program = NULL;
  g_autoptr(GSubprocess) server = NULL;
  g_autoptr(GDataInputStream) output = NULL;
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpuint (GetModuleFileNameW (NULL, utf16, MAX_PATH), >, 0);
  program = g_utf16_to_utf8 (utf16, -1, NULL, NULL, NULL);
  server = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, SERVE, "market", NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (server));
  do
    {
      g_free (line);
      line = g_data_input_stream_read_line (output, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (line);
    }
  while (!g_str_has_prefix (line, "ready"));

  return g_steal_pointer (&server);
}

static void
kill_server (GSubprocess *server)
{
  g_autoptr(GError) error = NULL;

  g_subprocess_force_exit (server);
  g_subprocess_wait (server, NULL, &error);
  g_assert_no_error (error);
}

typedef struct
{
  const char *path;
  gsize       read_buffer_size; /* what stands behind it is unread */
  gsize       n_written;
  gboolean    is_closing;
  gboolean    in_wait;
} DeathCase;

static const DeathCase death_cases[] = {
  { "/socket/server-dies/idle/loop", 0, 0, FALSE, FALSE },
  { "/socket/server-dies/idle/wait", 0, 0, FALSE, TRUE },
  { "/socket/server-dies/unread/loop", 1, 0, FALSE, FALSE },
  { "/socket/server-dies/unread/wait", 1, 0, FALSE, TRUE },
  { "/socket/server-dies/unsent/loop", 0, TEST_LARGE, FALSE, FALSE },
  { "/socket/server-dies/unsent/wait", 0, TEST_LARGE, FALSE, TRUE },
  { "/socket/server-dies/closing/loop", 0, TEST_LARGE, TRUE, FALSE },
  { "/socket/server-dies/closing/wait", 0, TEST_LARGE, TRUE, TRUE },
};

static void
test_server_dies (gconstpointer data)
{
  const DeathCase *row = data;
  g_autoptr(GSubprocess) server = start_server ();
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  LIODevice *device = L_IO_DEVICE (socket);
  g_autofree char *greeting = NULL;
  gint64 begin;

  l_io_device_set_read_buffer_size (device, row->read_buffer_size);
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (device) > 0);
  if (row->n_written > 0)
    test_write_large (socket);
  test_turn_all ();
  if (row->is_closing)
    l_socket_disconnect_from_server (socket);
  test_trace_clear (trace);

  kill_server (server);
  begin = g_get_monotonic_time ();
  if (row->in_wait)
    g_assert_true (l_socket_wait_for_disconnected (socket, 8000));
  else
    TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_true (test_trace_has (trace, "error(peer-closed)"));
  g_assert_true (test_trace_has (trace, "read-channel-finished"));
  g_assert_true (test_trace_has (trace, "disconnected"));
  greeting = test_read (socket);
  g_assert_cmpstr (greeting, ==, GREETING);

  /* And its name is free again. */
  TEST_TURN_UNTIL (!test_path_exists ("\\\\.\\pipe\\market"));
  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

/* While it is busy with others, whose ends are there still. */
static void
test_server_dies_connecting (gconstpointer in_wait)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  TestRaw listener = test_raw_listen (path, 1);
  GArray *fillers = test_raw_fill_backlog (path);

  l_socket_connect_to_server (socket, "market", READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTING);
  test_raw_close (listener);
  if (in_wait)
    g_assert_false (l_socket_wait_for_connected (socket, 8000));
  else
    TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  test_trace_assert (trace, "state-changed(connecting) error(server-not-found) state-changed(unconnected)");
  test_raw_close_all (fillers);
}

int
main (int   argc,
      char *argv[])
{
  if (argc == 3 && strcmp (argv[1], SERVE) == 0)
    return serve (argv[2]);

  test_init (&argc, &argv);

  test_add_failures ("/socket/connect/refused/", failures, G_N_ELEMENTS (failures));
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++)
    {
      g_autofree char *path = g_strconcat ("/socket/listen/refused/", failures[i].cause, NULL);

      test_add_data (path, &failures[i], test_listen_refused);
    }
  test_add ("/socket/long-names", test_long_names);
  test_add_data ("/socket/listen/owned-by-other/waiting", GINT_TO_POINTER (FALSE), test_owned_by_other);
  test_add_data ("/socket/listen/owned-by-other/busy", GINT_TO_POINTER (TRUE), test_owned_by_other);
  test_add ("/socket/listen/clients-gone", test_clients_gone);
  test_add ("/socket/listen/client-gone-before", test_client_gone_before);
  for (guint i = 0; i < G_N_ELEMENTS (handle_cases); i++)
    test_add_data (handle_cases[i].path, &handle_cases[i], test_no_pipe);
  for (guint i = 0; i < G_N_ELEMENTS (death_cases); i++)
    test_add_data (death_cases[i].path, &death_cases[i], test_server_dies);
  test_add_data ("/socket/server-dies/connecting/loop", GINT_TO_POINTER (FALSE), test_server_dies_connecting);
  test_add_data ("/socket/server-dies/connecting/wait", GINT_TO_POINTER (TRUE), test_server_dies_connecting);

  return test_run ();
}
