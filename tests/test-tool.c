/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-tool-util.h"

#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* The program `lsocket` as a script sees it: its commands, options, exit codes, messages and how it takes signals. */

/* lsocket itself */

static void
run_on_full_disk (const char *arguments)
{
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;

  g_subprocess_launcher_set_stdout_file_path (launcher, "/dev/full");
  tool = start_with (launcher, arguments);
  wait_for_exit (tool, 7);
  assert_message (tool, "lsocket: Cannot write to standard output: No space left on device\n");
}

static void
test_version (void)
{
  g_autofree char *expected = g_strdup_printf ("lsocket %u.%u.%u\n", lsocket_get_major_version (),
                                               lsocket_get_minor_version (), lsocket_get_micro_version ());

  run_for_output ("--version", expected);
}

static void
test_version_full_disk (void)
{
  run_on_full_disk ("--version");
}

static void
test_help (void)
{
  static const char * const words[] = { "connect ", "listen ", "monitor ", "resolve ", "--version", "--verbose",
                                        "Examples:\n  lsocket listen market\n" };
  g_autoptr(Tool) tool = start ("--help");

  wait_for_exit (tool, 0);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    g_assert_nonnull (strstr (tool->output.text->str, words[i]));
}

static void
test_help_of_command (void)
{
  static const char * const words[] = {
    "lsocket listen [OPTION…] NAME\n", "--keep-open", "--echo", "--exec=COMMAND", "--access=WHO", "--linger=MS",
    "--abstract", "--temp-directory", "--verbose", "--progress", "--no-progress", "Examples:\n  lsocket listen market\n",
  };
  g_autoptr(Tool) tool = start ("listen --help");

  wait_for_exit (tool, 0);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    g_assert_nonnull (strstr (tool->output.text->str, words[i]));
}

static void
test_usage (void)
{
  static const char * const cases[][2] = {
    { "", "There must be a command\nTry “lsocket --help”.\n" },
    { "serve market", "There is no command “serve”\nTry “lsocket --help”.\n" },
    { "--loud", "Unknown option --loud\n" },
    { "connect", "There must be one name\nTry “lsocket connect --help”.\n" },
    { "connect market place", "There must be one name\n" },
    { "connect --loud market", "Unknown option --loud\n" },
    { "connect --echo market", "Unknown option --echo\n" },
    { "connect --timeout soon market", "“soon” for --timeout\n" },
    { "connect --linger soon market", "“soon” for --linger\n" },
    { "listen --timeout 5 market", "Unknown option --timeout\n" },
    { "listen --access everybody market", "“everybody” is none of user, group, other and world\n" },
    { "listen --access user, market", "“” is none of user, group, other and world\n" },
    { "listen --access '' market", "“” is none of user, group, other and world\n" },
    { "listen --echo --exec cat market", "--echo and --exec exclude each other\n" },
    { "listen --exec '\"cat' market", "matching quote" },
    { "listen --exec '' market", "" },
    { "connect --progress --no-progress market", "--progress and --no-progress exclude each other\n" },
    { "monitor", "There must be one name, or two\nTry “lsocket monitor --help”.\n" },
    { "monitor market place square", "There must be one name, or two\n" },
    { "monitor --linger 5 market", "Unknown option --linger\n" },
    { "resolve", "There must be one name\n" },
    { "resolve --access world market", "Unknown option --access\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Tool) tool = start (cases[i][0]);

      wait_for_exit (tool, 2);
      g_assert_true (g_str_has_prefix (tool->errors.text->str, "lsocket: "));
      assert_message (tool, cases[i][1]);
      g_assert_false (has_file ("market"));
    }
}

/* resolve */

static void
test_resolve_plain (void)
{
  g_autofree char *path = test_build_path ("market\n");

  run_for_output ("resolve market", path);
}

static void
test_resolve_path (void)
{
  run_for_output ("resolve /run/market.sock", "/run/market.sock\n");
}

static void
test_resolve_abstract (void)
{
  run_for_output ("resolve --abstract 'a/b c'", "@a/b c\n");
}

static void
test_resolve_temp_directory (void)
{
  GSubprocessLauncher *launcher = launcher_new (ALL_PIPES);
  g_autoptr(Tool) tool = NULL;

  g_subprocess_launcher_setenv (launcher, "TMPDIR", "/var/tmp", TRUE);
  tool = start_with (launcher, "resolve --temp-directory market");
  wait_for_exit (tool, 0);
  g_assert_cmpstr (tool->output.text->str, ==, "/var/tmp/market\n");
}

static void
test_resolve_dashes (void)
{
  g_autofree char *path = test_build_path ("--market\n");

  run_for_output ("resolve -- --market", path);
}

static void
test_resolve_invalid (void)
{
  g_autofree char *name = g_strnfill (200, 'x');
  g_autofree char *arguments = g_strdup_printf ("resolve /%s", name);

  run_to_failure ("resolve a/b", 3, "without a slash");
  run_to_failure ("resolve ''", 3, "empty");
  run_to_failure ("resolve ..", 3, "..");
  run_to_failure (arguments, 3, "107");
}

static void
test_resolve_unsafe (void)
{
  run_in_unsafe_directory ("resolve market");
}

static void
test_resolve_full_disk (void)
{
  run_on_full_disk ("resolve market");
}

static void
test_resolve_closed_output (void)
{
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  close (fds[0]);
  g_subprocess_launcher_take_stdout_fd (launcher, fds[1]);
  tool = start_with (launcher, "resolve market");
  wait_for_exit (tool, 128 + SIGPIPE);
  assert_silent (tool);
}

/* connect */

static void
test_connect_not_found (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *message = g_strdup_printf ("lsocket: Cannot connect to “%s”: No such file or directory\n", path);

  run_to_failure ("connect market", 3, message);
  run_to_failure ("connect a/b", 3, "without a slash");
}

static void
test_connect_refused (void)
{
  leave_dead_socket ("market", SOCK_STREAM);
  run_to_failure ("connect market", 3, "Connection refused\n");
  remove_file ("market");
}

static void
test_connect_unsafe (void)
{
  run_in_unsafe_directory ("connect market");
}

static void
test_connect_datagram (void)
{
  g_autofree char *path = test_build_path ("market");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
  run_to_failure ("connect market", 1, "wrong type");
  close (fd);
  remove_file ("market");
}

static void
test_connect_timeout (void)
{
  LServer *server = l_server_new ();
  g_autoptr(GPtrArray) clients = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(GError) error = NULL;
  LSocketState state;

  l_server_set_listen_backlog (server, 1);
  l_server_set_max_pending_connections (server, 0);
  l_server_listen (server, "market", &error);
  g_assert_no_error (error);
  do
    {
      LSocket *client = l_socket_new ();

      l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
      state = l_socket_get_state (client);
      g_ptr_array_add (clients, client);
    }
  while (state == L_SOCKET_STATE_CONNECTED);

  run_to_failure ("connect --timeout 30 market", 5, "did not answer in time\n");
  run_to_failure ("connect --timeout 0 market", 5, "did not answer in time\n");
  g_object_unref (server);
}

/* It gives a busy server time, and what was read meanwhile is not lost. */
static void
test_connect_busy (void)
{
  LServer *server = l_server_new ();
  g_autoptr(GPtrArray) clients = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  guint n_connected = 0;

  l_server_set_listen_backlog (server, 1);
  l_server_set_max_pending_connections (server, 0);
  l_server_listen (server, "market", NULL);
  for (;; n_connected++)
    {
      g_autoptr(LSocket) client = l_socket_new ();

      l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
      if (l_socket_get_state (client) != L_SOCKET_STATE_CONNECTED)
        break;
      g_ptr_array_add (clients, g_steal_pointer (&client));
    }

  tool = start ("connect -v --timeout=-1 market");
  send_text (tool, "patience\n");
  wait_for_trace (tool, "[connecting]");
  g_assert_null (strstr (tool->errors.text->str, "[connected]"));

  l_server_set_max_pending_connections (server, n_connected + 1);
  for (guint i = 0; i < n_connected; i++)
    g_object_unref (accept_here (server));
  peer = accept_here (server);
  assert_receives (peer, "patience\n");
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_object_unref (server);
}

static void
test_connect_answer (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect market");
  g_autoptr(LSocket) peer = accept_here (server);
  gboolean has_ended = FALSE;

  l_socket_set_half_open (peer, TRUE);
  g_signal_connect (peer, "read-channel-finished", G_CALLBACK (on_input_ended), &has_ended);
  send_text (tool, "question\n");
  assert_receives (peer, "question\n");
  test_write (peer, "wait\n");
  wait_for_output (tool, "wait\n");

  end_input (tool);
  TEST_TURN_UNTIL (has_ended);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  test_write (peer, "answer\n");
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_assert_cmpstr (tool->output.text->str, ==, "wait\nanswer\n");
  assert_silent (tool);
}

static void
turn_for (gint64 usecs)
{
  gint64 end = g_get_monotonic_time () + usecs;

  while (g_get_monotonic_time () < end)
    test_turn ();
}

/* The peer answers, and does not close. */
static void
test_connect_linger (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect --linger 300 market");
  g_autoptr(LSocket) peer = accept_here (server);
  gint64 began;

  l_socket_set_half_open (peer, TRUE);
  send_text (tool, "question\n");
  end_input (tool);
  assert_receives (peer, "question\n");
  began = g_get_monotonic_time ();
  test_write (peer, "answer\n");

  wait_for_exit (tool, 0);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 300 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpstr (tool->output.text->str, ==, "answer\n");
  assert_silent (tool);
}

/* Without waiting, but not before all is sent. */
static void
test_connect_linger_not (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect --linger 0 market");
  g_autoptr(LSocket) peer = accept_here (server);
  g_autoptr(GBytes) noise = make_noise (4 * MIB, 8);
  gsize n_read = 0;

  l_socket_set_half_open (peer, TRUE);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 64 * 1024);
  send_bytes (tool, noise);
  turn_for (100 * G_TIME_SPAN_MILLISECOND);
  while (!is_unconnected (peer) || !l_io_device_at_end (L_IO_DEVICE (peer)))
    {
      gssize n = l_io_device_skip (L_IO_DEVICE (peer), MIB, NULL);

      if (n > 0)
        n_read += n;
      if (tool->to_write == NULL && tool->input != NULL)
        end_input (tool);
      test_turn ();
    }

  wait_for_exit (tool, 0);
  g_assert_cmpuint (n_read, ==, 4 * MIB);
  assert_silent (tool);
}

/* Nobody reads its output for longer than it is to wait: nothing of what comes is lost. */
static void
test_connect_linger_back_pressure (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect --linger 20 market");
  g_autoptr(LSocket) peer = accept_here (server);
  g_autoptr(GBytes) noise = make_noise (4 * MIB, 9);

  l_socket_set_half_open (peer, TRUE);
  tool->output.is_paused = TRUE;
  l_io_device_write_bytes (L_IO_DEVICE (peer), noise, NULL);
  end_input (tool);
  turn_for (200 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (tool->has_exited);

  tool->output.is_paused = FALSE;
  output_read (&tool->output);
  wait_for_exit (tool, 0);
  g_assert_cmpuint (tool->output.length, ==, 4 * MIB);
  assert_silent (tool);
}

static void
test_connect_peer_closes (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect market");
  g_autoptr(LSocket) peer = accept_here (server);

  test_write (peer, "bye\n");
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_assert_cmpstr (tool->output.text->str, ==, "bye\n");
  assert_silent (tool);
}

static void
test_connect_peer_ends_output (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect market");
  g_autoptr(LSocket) peer = accept_here (server);

  test_write (peer, "enough\n");
  g_assert_true (l_socket_shutdown_write (peer, NULL));
  TEST_TURN_UNTIL (tool->output.stream == NULL);
  g_assert_cmpstr (tool->output.text->str, ==, "enough\n");

  send_text (tool, "and yet\n");
  assert_receives (peer, "and yet\n");
  end_input (tool);
  wait_for_exit (tool, 0);
  TEST_TURN_UNTIL (is_unconnected (peer));
  assert_silent (tool);
}

/* How much the system takes for a peer that does not read. */
static gsize
measure_capacity (void)
{
  g_autoptr(LServer) server = listen_here ("inn");
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GBytes) noise = make_noise (64 * 1024, 1);
  gsize n_written = 0;

  l_socket_connect_to_server (client, l_server_get_full_server_name (server), L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  while (l_io_device_get_bytes_to_write (L_IO_DEVICE (client)) == 0)
    {
      g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (client), noise, NULL));
      n_written += g_bytes_get_size (noise);
      test_turn_all ();
    }

  return n_written - l_io_device_get_bytes_to_write (L_IO_DEVICE (client));
}

/* There was more to say: the last of it is in the pipe still. */
static void
test_connect_peer_dies (void)
{
  g_autoptr(GBytes) noise = NULL;
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect market");
  int pipe_size = fcntl (g_unix_output_stream_get_fd (G_UNIX_OUTPUT_STREAM (tool->input)), F_GETPIPE_SZ);

  noise = make_noise (measure_capacity () + 128 * 1024 + pipe_size, 1);
  send_bytes (tool, noise);
  TEST_TURN_UNTIL (tool->to_write == NULL && l_server_has_pending_connections (server));
  l_server_close (server);
  wait_for_exit (tool, 7);
  assert_peer_closed (tool);
}

/* All was said, and not all of it taken. */
static void
test_connect_peer_dies_late (void)
{
  g_autoptr(GBytes) noise = make_noise (measure_capacity () + 128 * 1024, 1);
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect market");

  send_bytes (tool, noise);
  TEST_TURN_UNTIL (tool->to_write == NULL);
  end_input (tool);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  l_server_close (server);
  wait_for_exit (tool, 7);
  assert_peer_closed (tool);
}

static void
test_connect_signals (void)
{
  static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr(LServer) server = listen_here ("market");
      g_autoptr(Tool) tool = start ("connect market");
      g_autoptr(LSocket) peer = accept_here (server);

      end_by_signal (tool, numbers[i]);
      TEST_TURN_UNTIL (is_unconnected (peer));
      assert_silent (tool);
    }
}

static void
test_connect_closed_output (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_subprocess_launcher_take_stdout_fd (launcher, fds[1]);
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  close (fds[0]);
  test_write (peer, "anybody there?\n");
  wait_for_exit (tool, 128 + SIGPIPE);
  TEST_TURN_UNTIL (is_unconnected (peer));
  assert_silent (tool);
}

static void
test_connect_full_disk (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);

  g_subprocess_launcher_set_stdout_file_path (launcher, "/dev/full");
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  test_write (peer, "keep this\n");
  wait_for_exit (tool, 7);
  g_assert_cmpstr (tool->errors.text->str, ==, "lsocket: Cannot write to standard output: No space left on device\n");
}

static void
test_connect_unreadable_input (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);

  g_subprocess_launcher_take_stdin_fd (launcher, open ("/", O_RDONLY | O_CLOEXEC));
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  TEST_TURN_UNTIL (is_unconnected (peer));
  wait_for_exit (tool, 7);
  g_assert_cmpstr (tool->errors.text->str, ==, "lsocket: Cannot read standard input: Is a directory\n");
}

/* The descriptors of the library must not become standard input and output. */
static void
test_connect_no_stdio (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_shell ("exec \"$LSOCKET_TOOL\" connect market <&- >&-");
  g_autoptr(LSocket) peer = accept_here (server);

  test_write (peer, "hello\n");
  TEST_TURN_UNTIL (is_unconnected (peer));
  wait_for_exit (tool, 0);
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (peer)), ==, 0);
  assert_silent (tool);
}

static void
test_connect_files (void)
{
  g_autoptr(Tool) server = start_server ("listen -v --echo market");
  g_autoptr(Tool) tool = NULL;
  g_autofree char *from = test_build_path ("from");
  g_autofree char *to = test_build_path ("to");
  g_autoptr(GBytes) noise = make_noise (3 * MIB, 2);
  g_autofree char *copy = NULL;
  g_autoptr(GError) error = NULL;
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  gsize length;

  g_file_set_contents (from, g_bytes_get_data (noise, NULL), g_bytes_get_size (noise), &error);
  g_assert_no_error (error);
  g_subprocess_launcher_set_stdin_file_path (launcher, from);
  g_subprocess_launcher_set_stdout_file_path (launcher, to);
  tool = start_with (launcher, "connect market");
  wait_for_exit (tool, 0);
  wait_for_exit (server, 0);

  g_file_get_contents (to, &copy, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (copy, length, g_bytes_get_data (noise, NULL), g_bytes_get_size (noise));
  remove_file ("from");
  remove_file ("to");
}

static void
test_connect_verbose (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("-v connect market");
  g_autoptr(LSocket) peer = accept_here (server);

  test_write (peer, "hello\n");
  wait_for_output (tool, "hello\n");
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_assert_cmpstr (tool->errors.text->str, ==,
                   "lsocket: socket: state-changed (connecting) [connecting]\n"
                   "lsocket: socket: state-changed (connected) [connected]\n"
                   "lsocket: socket: connected [connected]\n"
                   "lsocket: socket: ready-read [connected]\n"
                   "lsocket: socket: error (peer-closed) [connected]\n"
                   "lsocket: socket: state-changed (closing) [closing]\n"
                   "lsocket: socket: state-changed (unconnected) [unconnected]\n"
                   "lsocket: socket: read-channel-finished [unconnected]\n"
                   "lsocket: socket: disconnected [unconnected]\n"
                   "lsocket: socket: about-to-close [unconnected]\n");
}

/* listen */

/* A line appears when the copy has taken a while, and the last one ends with the program. */
static void
test_connect_progress (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start ("connect --progress market");
  g_autoptr(LSocket) peer = accept_here (server);

  send_text (tool, "12345");
  assert_receives (peer, "12345");
  test_write (peer, "123");
  wait_for_trace (tool, "\r5 bytes sent, 3 bytes received, 0 bytes/s");
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_assert_true (g_str_has_suffix (tool->errors.text->str, "/s        \n"));
}

static gboolean
is_readable (int fd)
{
  GPollFD poll_fd = { fd, G_IO_IN, 0 };

  return g_poll (&poll_fd, 1, 0) > 0;
}

/* Nobody has to ask for it where standard error is a terminal and nothing else is. */
static void
test_connect_progress_terminal (void)
{
  static const char * const options[] = { "", "--no-progress", "--verbose" };
  g_autoptr(LServer) server = listen_here ("market");

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
      g_autofree char *arguments = g_strdup_printf ("connect %s market", options[i]);
      g_autoptr(GTimer) timer = g_timer_new ();
      g_autoptr(Tool) tool = NULL;
      g_autoptr(LSocket) peer = NULL;
      int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
      char buffer[4096] = "";

      g_assert_cmpint (grantpt (terminal), ==, 0);
      g_assert_cmpint (unlockpt (terminal), ==, 0);
      g_subprocess_launcher_take_stderr_fd (launcher, open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC));
      tool = start_with (launcher, arguments);
      peer = accept_here (server);
      send_text (tool, "12345");
      assert_receives (peer, "12345");
      if (i == 0)
        TEST_TURN_UNTIL (is_readable (terminal));
      else
        while (g_timer_elapsed (timer, NULL) < 1.6)
          test_turn ();

      l_socket_disconnect_from_server (peer);
      wait_for_exit (tool, 0);
      if (is_readable (terminal))
        g_assert_cmpint (read (terminal, buffer, sizeof buffer - 1), !=, 0);
      g_assert_cmpint (strstr (buffer, "5 bytes sent") != NULL, ==, i == 0);
      close (terminal);
    }
}

static void
test_listen_verbose (void)
{
  g_autofree char *expected = NULL;
  g_autoptr(Tool) tool = start_server ("listen --verbose --echo market");
  g_autoptr(LSocket) client = connect_here ("market");

  test_write (client, "hello\n");
  assert_receives (client, "hello\n");
  g_assert_true (l_socket_shutdown_write (client, NULL));
  wait_for_exit (tool, 0);

  expected = g_strdup_printf ("lsocket: server: notify::listening (%s/market) [listening]\n"
                              "lsocket: server: new-connection [listening]\n"
                              "lsocket: server: notify::listening () [closed]\n"
                              "lsocket: client 1: accepted [connected]\n"
                              "lsocket: client 1: ready-read [connected]\n"
                              "lsocket: client 1: bytes-written (6) [connected]\n"
                              "lsocket: client 1: read-channel-finished [connected]\n"
                              "lsocket: client 1: state-changed (closing) [closing]\n"
                              "lsocket: client 1: state-changed (unconnected) [unconnected]\n"
                              "lsocket: client 1: disconnected [unconnected]\n"
                              "lsocket: client 1: about-to-close [unconnected]\n",
                              test_get_directory ());
  g_assert_cmpstr (tool->errors.text->str, ==, expected);
}

/* One client, nobody after it, and the name is free again at once. */
static void
test_listen_one (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v market");
  g_autoptr(LSocket) client = connect_here ("market");
  g_autoptr(LSocket) late = l_socket_new ();

  wait_for_trace (tool, "accepted");
  g_assert_false (has_file ("market"));
  l_socket_connect_to_server (late, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (late), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);

  test_write (client, "in\n");
  wait_for_output (tool, "in\n");
  send_text (tool, "out\n");
  assert_receives (client, "out\n");
  l_socket_disconnect_from_server (client);
  wait_for_exit (tool, 0);
}

/* The client has said all: standard output ends, the answer still flows. */
static void
test_listen_half_close (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v market");
  g_autoptr(LSocket) client = connect_here ("market");

  test_write (client, "question\n");
  g_assert_true (l_socket_shutdown_write (client, NULL));
  TEST_TURN_UNTIL (tool->output.stream == NULL);
  g_assert_cmpstr (tool->output.text->str, ==, "question\n");

  send_text (tool, "answer\n");
  assert_receives (client, "answer\n");
  end_input (tool);
  TEST_TURN_UNTIL (is_unconnected (client));
  wait_for_exit (tool, 0);
}

static void
test_listen_linger (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --linger 20 market");
  g_autoptr(LSocket) client = connect_here ("market");

  l_socket_set_half_open (client, TRUE);
  send_text (tool, "out\n");
  end_input (tool);
  assert_receives (client, "out\n");
  wait_for_exit (tool, 0);
}

/* It has nothing to say, and waits for what the client has. */
static void
test_listen_linger_silent (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --linger 20 market");
  g_autoptr(LSocket) client = connect_here ("market");

  l_socket_set_half_open (client, TRUE);
  end_input (tool);
  turn_for (200 * G_TIME_SPAN_MILLISECOND);
  test_write (client, "in\n");
  wait_for_output (tool, "in\n");
  l_socket_disconnect_from_server (client);
  wait_for_exit (tool, 0);
}

static void
test_listen_keep_open (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --keep-open market");
  g_autoptr(LSocket) first = connect_here ("market");
  g_autoptr(LSocket) second = connect_here ("market");

  test_write (second, "two\n");
  test_write (first, "one\n");
  wait_for_output (tool, "one\n");
  send_text (tool, "to one\n");
  assert_receives (first, "to one\n");
  l_socket_disconnect_from_server (first);

  wait_for_output (tool, "one\ntwo\n");
  send_text (tool, "to two\n");
  assert_receives (second, "to two\n");
  g_assert_true (has_file ("market"));

  end_by_signal (tool, SIGTERM);
  g_assert_false (has_file ("market"));
}

/* A collector: nothing to say, and all that comes goes to one output. */
static void
test_listen_keep_open_without_input (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --keep-open market");

  end_input (tool);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(LSocket) client = connect_here ("market");
      gboolean has_ended = FALSE;

      l_socket_set_half_open (client, TRUE);
      g_signal_connect (client, "read-channel-finished", G_CALLBACK (on_input_ended), &has_ended);
      TEST_TURN_UNTIL (has_ended);
      test_write (client, "x");
      l_socket_disconnect_from_server (client);
    }

  wait_for_output (tool, "xxx");
  end_by_signal (tool, SIGINT);
}

static void
test_listen_keep_open_closed_output (void)
{
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) client = NULL;
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_subprocess_launcher_take_stdout_fd (launcher, fds[1]);
  tool = start_with (launcher, "listen -v --keep-open market");
  wait_for_trace (tool, "[listening]");
  close (fds[0]);
  client = connect_here ("market");
  test_write (client, "x");
  wait_for_exit (tool, 128 + SIGPIPE);
  g_assert_false (has_file ("market"));
}

static void
test_listen_echo_several (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --keep-open --echo market");
  LSocket *clients[3];

  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_here ("market");
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      g_autofree char *text = g_strdup_printf ("client %u", i);

      test_write (clients[i], text);
      assert_receives (clients[i], text);
    }
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      g_assert_true (l_socket_shutdown_write (clients[i], NULL));
      TEST_TURN_UNTIL (is_unconnected (clients[i]));
      g_assert_cmpint (l_socket_get_error (clients[i]), ==, L_SOCKET_ERROR_UNKNOWN);
      g_object_unref (clients[i]);
    }

  end_by_signal (tool, SIGTERM);
}

/* A client that reads nothing until it has sent everything does not fill the server's memory, and loses nothing. */
static void
test_listen_echo_back_pressure (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --echo market");
  g_autoptr(LSocket) client = connect_here ("market");
  g_autoptr(GBytes) noise = make_noise (16 * MIB, 3);
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  g_autofree char *expected = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, noise);
  LIODevice *device = L_IO_DEVICE (client);
  gsize left = 0, total = 0;

  l_io_device_set_read_buffer_size (device, 4096);
  g_assert_true (l_io_device_write_bytes (device, noise, NULL));
  /* It stands still, with most of it here. */
  for (guint n_still = 0; n_still < 5; n_still = left == l_io_device_get_bytes_to_write (device) ? n_still + 1 : 0)
    {
      left = l_io_device_get_bytes_to_write (device);
      test_turn ();
    }
  g_assert_cmpuint (left, >, 13 * MIB);

  g_assert_true (l_socket_shutdown_write (client, NULL));
  while (total < 16 * MIB)
    {
      g_autoptr(GBytes) bytes = NULL;
      const guint8 *data;
      gsize size;

      TEST_TURN_UNTIL (l_io_device_get_bytes_available (device) > 0);
      bytes = l_io_device_read_all (device, NULL);
      data = g_bytes_get_data (bytes, &size);
      g_checksum_update (checksum, data, size);
      total += size;
    }

  TEST_TURN_UNTIL (is_unconnected (client));
  g_assert_cmpstr (g_checksum_get_string (checksum), ==, expected);
  wait_for_exit (tool, 0);
}

static void
test_listen_exec (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --exec 'tr a-z A-Z' market");
  g_autoptr(LSocket) client = connect_here ("market");

  test_write (client, "loud please");
  g_assert_true (l_socket_shutdown_write (client, NULL));
  TEST_TURN_UNTIL (is_unconnected (client));
  g_assert_true (has_received (client, "LOUD PLEASE"));
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_UNKNOWN);
  wait_for_exit (tool, 0);
  assert_message (tool, "command ended (0)");
}

static void
test_listen_exec_several (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --keep-open --exec cat market");
  g_autoptr(LSocket) first = connect_here ("market");
  g_autoptr(LSocket) second = connect_here ("market");

  test_write (second, "two");
  assert_receives (second, "two");
  test_write (first, "one");
  assert_receives (first, "one");

  /* The second command does not hold what the first reads from. */
  l_socket_disconnect_from_server (first);
  wait_for_trace (tool, "client 1: command ended (0)");
  test_write (second, "more");
  assert_receives (second, "more");

  /* The one that still runs goes with the server. */
  end_by_signal (tool, SIGTERM);
  TEST_TURN_UNTIL (is_unconnected (second));
}

/* Not only is its end told: SIGPIPE, which the program ignores, is not ignored in it. */
static void
test_listen_exec_killed (void)
{
  static const int numbers[] = { SIGKILL, SIGPIPE };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *arguments = g_strdup_printf ("listen -v --exec 'sh -c \"kill -%d $$; echo no\"' market", numbers[i]);
      g_autofree char *expected = g_strdup_printf ("command killed (%d)", numbers[i]);
      g_autoptr(Tool) tool = start_server (arguments);
      g_autoptr(LSocket) client = connect_here ("market");

      TEST_TURN_UNTIL (is_unconnected (client));
      g_assert_true (l_io_device_at_end (L_IO_DEVICE (client)));
      wait_for_exit (tool, 0);
      assert_message (tool, expected);
    }
}

static void
test_listen_exec_fails (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --exec 'sh -c \"exit 3\"' market");
  g_autoptr(LSocket) client = connect_here ("market");

  TEST_TURN_UNTIL (is_unconnected (client));
  wait_for_exit (tool, 0);
  assert_message (tool, "command ended (3)");
}

static void
test_listen_exec_missing (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --keep-open --exec /nonexistent/command market");

  for (guint i = 1; i <= 2; i++)
    {
      g_autoptr(LSocket) client = connect_here ("market");

      TEST_TURN_UNTIL (is_unconnected (client));
    }

  g_assert_false (tool->has_exited);
  assert_message (tool, "lsocket: Cannot run the command: ");
  end_by_signal (tool, SIGINT);

  {
    g_autoptr(Tool) single = start_server ("listen -v --exec /nonexistent/command market");
    g_autoptr(LSocket) client = connect_here ("market");

    wait_for_exit (single, 7);
    TEST_TURN_UNTIL (is_unconnected (client));
  }
}

/* In no directory of the path; without a name at all. */
static void
test_listen_exec_not_found (void)
{
  static const char * const commands[] = { "nonexistent-command", "''" };

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *arguments = g_strdup_printf ("listen -v --exec \"%s\" market", commands[i]);
      g_autoptr(Tool) tool = start_server (arguments);
      g_autoptr(LSocket) client = connect_here ("market");

      wait_for_exit (tool, 7);
      assert_message (tool, "lsocket: Cannot run the command: ");
      assert_message (tool, "No such file or directory");
      TEST_TURN_UNTIL (is_unconnected (client));
    }
}

/* A command that ends early ends the connection, though the client has more to say. */
static void
test_listen_exec_ends_early (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --exec 'head -c 3' market");
  g_autoptr(LSocket) client = connect_here ("market");
  g_autoptr(GBytes) noise = make_noise (4 * MIB, 4);

  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (client), noise, NULL));
  TEST_TURN_UNTIL (is_unconnected (client));
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (client)), ==, 3);
  wait_for_exit (tool, 0);
}

/* The program ends when the command has, and not before. */
static void
test_listen_exec_ends_late (void)
{
  g_autofree char *path = test_build_path ("result");
  g_autofree char *script = g_strdup_printf ("exec >&-; cat >%s.new; mv %s.new %s", path, path, path);
  g_autofree char *arguments = g_strdup_printf ("listen -v --exec 'sh -c \"%s\"' market", script);
  g_autoptr(Tool) tool = start_server (arguments);
  g_autoptr(LSocket) client = connect_here ("market");
  g_autofree char *text = NULL;

  test_write (client, "keep this");
  l_socket_disconnect_from_server (client);
  wait_for_exit (tool, 0);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "keep this");
  remove_file ("result");
}

/* A command that never ends by itself goes with the program. */
static void
test_listen_exec_stopped (void)
{
  g_autoptr(Tool) tool = start_server ("listen -v --exec 'sh -c \"echo $$; exec sleep 1000\"' market");
  g_autoptr(LSocket) client = connect_here ("market");
  g_autofree char *text = NULL;
  pid_t pid;

  TEST_TURN_UNTIL (l_io_device_can_read_line (L_IO_DEVICE (client)));
  text = test_read (client);
  pid = atoi (text);
  g_assert_cmpint (kill (pid, 0), ==, 0);
  /* Its standard error is the program's: that ends with it. */
  end_by_signal (tool, SIGTERM);
}

static void
test_listen_in_use (void)
{
  g_autofree char *path = test_build_path ("file");
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autofree char *text = NULL;

  run_to_failure ("listen market", 6, "lsocket: Cannot listen on “");
  client = connect_here ("market");
  peer = accept_here (server);
  g_assert_false (l_server_has_pending_connections (server));

  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  run_to_failure ("listen file", 6, "lsocket: Cannot listen on “");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "precious");
  remove_file ("file");
}

static void
test_listen_invalid (void)
{
  g_autofree char *path = test_build_path ("none/market");
  g_autofree char *arguments = g_strdup_printf ("listen %s", path);

  run_to_failure ("listen a/b", 3, "without a slash");
  run_to_failure (arguments, 3, "No such file or directory\n");
}

static void
test_listen_unsafe (void)
{
  run_in_unsafe_directory ("listen market");
}

static void
test_listen_replaces (void)
{
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) client = NULL;

  leave_dead_socket ("market", SOCK_STREAM);
  tool = start_server ("listen -v market");
  client = connect_here ("market");
  l_socket_disconnect_from_server (client);
  wait_for_exit (tool, 0);
}

static void
test_listen_access (void)
{
  static const struct
  {
    const char *arguments;
    mode_t      mode;
  } cases[] = {
    { "listen -v market", 0600 },
    { "listen -v --access user market", 0700 },
    { "listen -v --access user,group market", 0770 },
    { "listen -v --access user --access=other market", 0707 },
    { "listen -v --access world market", 0777 },
  };
  g_autofree char *path = test_build_path ("market");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Tool) tool = start_server (cases[i].arguments);
      struct stat status;

      g_assert_cmpint (stat (path, &status), ==, 0);
      g_assert_cmpint (status.st_mode & 0777, ==, cases[i].mode);
      end_by_signal (tool, SIGTERM);
    }
}

/* Both ends find each other in each of the places. */
static void
test_listen_places (void)
{
  static const char * const options[] = { "", "--abstract", "--temp-directory" };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      /* Not alone in these places. */
      g_autofree char *name = g_strdup_printf ("lsocket-test-%d", getpid ());
      g_autofree char *listen_arguments = g_strdup_printf ("listen -v --echo %s %s", options[i], name);
      g_autofree char *connect_arguments = g_strdup_printf ("connect %s %s", options[i], name);
      g_autoptr(Tool) server = start_server (listen_arguments);
      g_autoptr(Tool) client = start (connect_arguments);

      send_text (client, "hello\n");
      end_input (client);
      wait_for_exit (client, 0);
      g_assert_cmpstr (client->output.text->str, ==, "hello\n");
      wait_for_exit (server, 0);
    }
}

static void
test_listen_signals (void)
{
  static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr(Tool) tool = start_server ("listen -v market");

      g_assert_true (has_file ("market"));
      end_by_signal (tool, numbers[i]);
      g_assert_false (has_file ("market"));
    }
}

/* As under nohup, and in the background of a script. */
static void
test_listen_ignored_signals (void)
{
  g_autoptr(Tool) tool = start_shell ("trap '' INT HUP; exec \"$LSOCKET_TOOL\" listen -v --keep-open --echo market");
  g_autoptr(LSocket) client = NULL;

  wait_for_trace (tool, "[listening]");
  g_subprocess_send_signal (tool->process, SIGINT);
  g_subprocess_send_signal (tool->process, SIGHUP);
  client = connect_here ("market");
  test_write (client, "still there?");
  assert_receives (client, "still there?");
  end_by_signal (tool, SIGTERM);
}

/* Standard input and output */

static gboolean
is_blocking (int fd)
{
  return (fcntl (fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* O_NONBLOCK on a pipe would hit all who share it. */
static void
test_stdio_pipe (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  int in[2], out[2];

  g_assert_cmpint (pipe2 (in, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (out, O_CLOEXEC), ==, 0);
  g_subprocess_launcher_take_stdin_fd (launcher, dup (in[0]));
  g_subprocess_launcher_take_stdout_fd (launcher, dup (out[1]));
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  g_assert_cmpint (write (in[1], "x", 1), ==, 1);
  assert_receives (peer, "x");
  g_assert_true (is_blocking (in[0]));
  g_assert_true (is_blocking (out[1]));

  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  for (guint i = 0; i < 2; i++)
    {
      close (in[i]);
      close (out[i]);
    }
}

/* A socket cannot be opened again: its flag comes back, and the other end of it sees the end of the output though
 * standard input is the same socket. */
static void
test_stdio_socket (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  char buffer[8];
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_subprocess_launcher_take_stdin_fd (launcher, dup (fds[1]));
  g_subprocess_launcher_take_stdout_fd (launcher, dup (fds[1]));
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  g_assert_cmpint (write (fds[0], "in", 2), ==, 2);
  assert_receives (peer, "in");
  g_assert_false (is_blocking (fds[1]));

  test_write (peer, "out");
  g_assert_true (l_socket_shutdown_write (peer, NULL));
  l_socket_flush (peer);
  TEST_TURN_UNTIL (recv (fds[0], buffer, sizeof buffer, MSG_PEEK | MSG_DONTWAIT) == 3);
  g_assert_cmpint (read (fds[0], buffer, sizeof buffer), ==, 3);
  TEST_TURN_UNTIL (recv (fds[0], buffer, sizeof buffer, MSG_DONTWAIT) == 0);

  g_assert_cmpint (write (fds[0], "more", 4), ==, 4);
  assert_receives (peer, "more");
  shutdown (fds[0], SHUT_WR);
  wait_for_exit (tool, 0);
  g_assert_true (is_blocking (fds[1]));
  close (fds[0]);
  close (fds[1]);
}

/* A terminal is shared with the shell. ^D is the end of the input. */
static void
test_stdio_terminal (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) peer = NULL;
  gboolean has_ended = FALSE;
  struct termios attributes;
  int terminal, fd;
  char buffer[16];

  terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (terminal, >=, 0);
  g_assert_cmpint (grantpt (terminal), ==, 0);
  g_assert_cmpint (unlockpt (terminal), ==, 0);
  fd = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  tcgetattr (fd, &attributes);
  attributes.c_lflag &= ~ECHO;
  attributes.c_oflag &= ~OPOST;
  tcsetattr (fd, TCSANOW, &attributes);

  g_subprocess_launcher_take_stdin_fd (launcher, dup (fd));
  g_subprocess_launcher_take_stdout_fd (launcher, dup (fd));
  tool = start_with (launcher, "connect market");
  peer = accept_here (server);
  l_socket_set_half_open (peer, TRUE);
  g_signal_connect (peer, "read-channel-finished", G_CALLBACK (on_input_ended), &has_ended);

  g_assert_cmpint (write (terminal, "typed\n", 6), ==, 6);
  assert_receives (peer, "typed\n");
  g_assert_true (is_blocking (fd));
  test_write (peer, "shown\n");
  l_socket_flush (peer);
  g_assert_cmpint (read (terminal, buffer, sizeof buffer), ==, 6);
  g_assert_cmpmem (buffer, 6, "shown\n", 6);

  g_assert_cmpint (write (terminal, "\004", 1), ==, 1);
  TEST_TURN_UNTIL (has_ended);
  l_socket_disconnect_from_server (peer);
  wait_for_exit (tool, 0);
  g_assert_true (is_blocking (fd));
  close (fd);
  close (terminal);
}

/* As much as its standard input takes now. */
static gsize
fill (Tool   *tool,
      GBytes *bytes)
{
  GPollableOutputStream *input = G_POLLABLE_OUTPUT_STREAM (tool->input);
  gsize size, n_written = 0;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  gssize n;

  while ((n = g_pollable_output_stream_write_nonblocking (input, data, size, NULL, NULL)) > 0)
    n_written += n;

  return n_written;
}

/* Nobody reads the server's output: the client stops taking input, with little of it on the way. */
static void
test_stdio_back_pressure (void)
{
  g_autoptr(Tool) server = NULL;
  g_autoptr(Tool) client = NULL;
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDIN_PIPE);
  g_autoptr(GBytes) noise = make_noise (64 * 1024, 5);
  gsize n_taken = 0, n_read = 0;
  guint8 buffer[65536];
  int fds[2];
  gssize n;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_subprocess_launcher_take_stdout_fd (launcher, fds[1]);
  server = start_with (launcher, "listen -v market");
  wait_for_trace (server, "[listening]");
  client = start ("connect market");
  TEST_TURN_UNTIL ((n_taken += fill (client, noise)) > 256 * 1024);
  for (guint n_still = 0; n_still < 10; n_still++)
    {
      gsize n_more = fill (client, noise);

      n_taken += n_more;
      if (n_more > 0)
        n_still = 0;
      test_turn ();
    }
  g_assert_cmpuint (n_taken, <, 4 * MIB);

  end_input (client);
  end_input (server);
  while ((n = read (fds[0], buffer, sizeof buffer)) > 0)
    n_read += n;
  g_assert_cmpuint (n_read, ==, n_taken);
  close (fds[0]);
  wait_for_exit (client, 0);
  wait_for_exit (server, 0);
}

/* 64 MiB each way at the same time. */
static void
test_stdio_copy (void)
{
  g_autoptr(Tool) server = start_server ("listen -v --access user market");
  g_autoptr(Tool) client = start ("connect market");
  g_autoptr(GBytes) up = make_noise (64 * MIB, 6);
  g_autoptr(GBytes) down = make_noise (64 * MIB, 7);
  g_autofree char *up_checksum = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, up);
  g_autofree char *down_checksum = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, down);

  send_bytes (client, up);
  send_bytes (server, down);
  while (client->to_write != NULL || server->to_write != NULL)
    {
      gsize n_before = client->output.length + server->output.length;

      TEST_TURN_UNTIL (client->output.length + server->output.length != n_before ||
                       (client->to_write == NULL && server->to_write == NULL));
    }

  end_input (client);
  end_input (server);
  wait_for_exit (client, 0);
  wait_for_exit (server, 0);
  g_assert_cmpuint (client->output.length, ==, 64 * MIB);
  g_assert_cmpuint (server->output.length, ==, 64 * MIB);
  g_assert_cmpstr (g_checksum_get_string (server->output.checksum), ==, up_checksum);
  g_assert_cmpstr (g_checksum_get_string (client->output.checksum), ==, down_checksum);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);
  signal (SIGPIPE, SIG_IGN);
  g_assert_nonnull (g_getenv ("LSOCKET_TOOL"));
  /* GLib's thread that waits for children keeps its descriptors. */
  test_version ();

  test_add ("/tool/version", test_version);
  test_add ("/tool/version/full-disk", test_version_full_disk);
  test_add ("/tool/help", test_help);
  test_add ("/tool/help/command", test_help_of_command);
  test_add ("/tool/usage", test_usage);
  test_add ("/tool/resolve/plain", test_resolve_plain);
  test_add ("/tool/resolve/path", test_resolve_path);
  test_add ("/tool/resolve/abstract", test_resolve_abstract);
  test_add ("/tool/resolve/temp-directory", test_resolve_temp_directory);
  test_add ("/tool/resolve/dashes", test_resolve_dashes);
  test_add ("/tool/resolve/invalid", test_resolve_invalid);
  test_add ("/tool/resolve/unsafe", test_resolve_unsafe);
  test_add ("/tool/resolve/full-disk", test_resolve_full_disk);
  test_add ("/tool/resolve/closed-output", test_resolve_closed_output);
  test_add ("/tool/connect/not-found", test_connect_not_found);
  test_add ("/tool/connect/refused", test_connect_refused);
  test_add ("/tool/connect/unsafe", test_connect_unsafe);
  test_add ("/tool/connect/datagram", test_connect_datagram);
  test_add ("/tool/connect/timeout", test_connect_timeout);
  test_add ("/tool/connect/busy", test_connect_busy);
  test_add ("/tool/connect/answer", test_connect_answer);
  test_add ("/tool/connect/linger", test_connect_linger);
  test_add ("/tool/connect/linger/not", test_connect_linger_not);
  test_add ("/tool/connect/linger/back-pressure", test_connect_linger_back_pressure);
  test_add ("/tool/connect/peer-closes", test_connect_peer_closes);
  test_add ("/tool/connect/peer-ends-output", test_connect_peer_ends_output);
  test_add ("/tool/connect/peer-dies", test_connect_peer_dies);
  test_add ("/tool/connect/peer-dies/late", test_connect_peer_dies_late);
  test_add ("/tool/connect/signals", test_connect_signals);
  test_add ("/tool/connect/closed-output", test_connect_closed_output);
  test_add ("/tool/connect/full-disk", test_connect_full_disk);
  test_add ("/tool/connect/unreadable-input", test_connect_unreadable_input);
  test_add ("/tool/connect/no-stdio", test_connect_no_stdio);
  test_add ("/tool/connect/files", test_connect_files);
  test_add ("/tool/connect/verbose", test_connect_verbose);
  test_add ("/tool/connect/progress", test_connect_progress);
  test_add ("/tool/connect/progress/terminal", test_connect_progress_terminal);
  test_add ("/tool/listen/verbose", test_listen_verbose);
  test_add ("/tool/listen/one", test_listen_one);
  test_add ("/tool/listen/half-close", test_listen_half_close);
  test_add ("/tool/listen/linger", test_listen_linger);
  test_add ("/tool/listen/linger/silent", test_listen_linger_silent);
  test_add ("/tool/listen/keep-open", test_listen_keep_open);
  test_add ("/tool/listen/keep-open/without-input", test_listen_keep_open_without_input);
  test_add ("/tool/listen/keep-open/closed-output", test_listen_keep_open_closed_output);
  test_add ("/tool/listen/echo/several", test_listen_echo_several);
  test_add ("/tool/listen/echo/back-pressure", test_listen_echo_back_pressure);
  test_add ("/tool/listen/exec", test_listen_exec);
  test_add ("/tool/listen/exec/several", test_listen_exec_several);
  test_add ("/tool/listen/exec/killed", test_listen_exec_killed);
  test_add ("/tool/listen/exec/fails", test_listen_exec_fails);
  test_add ("/tool/listen/exec/missing", test_listen_exec_missing);
  test_add ("/tool/listen/exec/not-found", test_listen_exec_not_found);
  test_add ("/tool/listen/exec/ends-early", test_listen_exec_ends_early);
  test_add ("/tool/listen/exec/ends-late", test_listen_exec_ends_late);
  test_add ("/tool/listen/exec/stopped", test_listen_exec_stopped);
  test_add ("/tool/listen/in-use", test_listen_in_use);
  test_add ("/tool/listen/invalid", test_listen_invalid);
  test_add ("/tool/listen/unsafe", test_listen_unsafe);
  test_add ("/tool/listen/replaces", test_listen_replaces);
  test_add ("/tool/listen/access", test_listen_access);
  test_add ("/tool/listen/places", test_listen_places);
  test_add ("/tool/listen/signals", test_listen_signals);
  test_add ("/tool/listen/ignored-signals", test_listen_ignored_signals);
  test_add ("/tool/stdio/pipe", test_stdio_pipe);
  test_add ("/tool/stdio/socket", test_stdio_socket);
  test_add ("/tool/stdio/terminal", test_stdio_terminal);
  test_add ("/tool/stdio/back-pressure", test_stdio_back_pressure);
  test_add ("/tool/stdio/copy", test_stdio_copy);

  return test_run ();
}
