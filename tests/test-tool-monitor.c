/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-tool-util.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* `lsocket monitor`: what passes it, what it prints, and the place that it takes and gives back. The clients and the
 * server are in this program. */

/* The lines without their times, which are all as long as this one. */
static char *
get_log (Tool *tool)
{
  GString *log = g_string_new (NULL);
  g_auto(GStrv) lines = g_strsplit (tool->output.text->str, "\n", -1);

  for (guint i = 0; lines[i] != NULL && strlen (lines[i]) > strlen ("12:00:00.123456 "); i++)
    {
      g_assert_true (g_regex_match_simple ("^\\d\\d:\\d\\d:\\d\\d\\.\\d{6} \\d+ [*<>] ", lines[i], 0, 0));
      g_string_append_printf (log, "%s\n", lines[i] + strlen ("12:00:00.123456 "));
    }

  return g_string_free (log, FALSE);
}

static gboolean
has_log (Tool       *tool,
         const char *expected)
{
  g_autofree char *log = get_log (tool);

  return strstr (log, expected) != NULL;
}

static void
wait_for_log (Tool       *tool,
              const char *expected)
{
  TEST_TURN_UNTIL (has_log (tool, expected));
}

static void
stop (Tool *tool)
{
  end_by_signal (tool, SIGTERM);
}

static char *
describe_client (guint number)
{
  return g_strdup_printf ("%u * client connected (pid %d)\n", number, getpid ());
}

/* Connected through the monitor. */
static void
connect_both (LServer     *server,
              const char  *name,
              LSocket    **client,
              LSocket    **peer)
{
  *client = connect_here (name);
  *peer = accept_here (server);
  l_socket_set_half_open (*client, TRUE);
  l_socket_set_half_open (*peer, TRUE);
}

static void
test_text (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autofree char *begin = describe_client (1);
  g_autofree char *log = NULL;
  g_autofree char *expected = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;

  connect_both (server, "front", &client, &peer);
  test_write (client, "one\ntwö\\\t\033[1m\xff");
  assert_receives (peer, "one\ntwö\\\t\033[1m\xff");
  test_write (peer, "\r\n\nthree");
  assert_receives (client, "\r\n\nthree");
  l_socket_disconnect_from_server (client);
  TEST_TURN_UNTIL (is_unconnected (peer));
  wait_for_log (tool, "1 * closed\n");

  stop (tool);
  log = get_log (tool);
  expected = g_strconcat (begin,
                          "1 * server connected\n"
                          "1 > one\\n\n"
                          "1 > twö\\\\\\t\\x1b[1m\\xff\n"
                          "1 < \\r\\n\n"
                          "1 < \\n\n"
                          "1 < three\n"
                          "1 * client ended\n"
                          "1 * closed\n", NULL);
  g_assert_cmpstr (log, ==, expected);
  g_assert_false (has_file ("front"));
}

static void
test_hex (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v --hex front market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;

  connect_both (server, "front", &client, &peer);
  test_write (client, "hello wonderful world\n");
  assert_receives (peer, "hello wonderful world\n");
  test_write (client, "\xff~");
  assert_receives (peer, "\xff~");
  wait_for_log (tool,
                "1 > 00000000  68 65 6c 6c 6f 20 77 6f 6e 64 65 72 66 75 6c 20  |hello wonderful |\n"
                "1 > 00000010  77 6f 72 6c 64 0a                                |world.|\n"
                "1 > 00000016  ff 7e                                            |.~|\n");
  stop (tool);
}

/* Each direction ends alone. */
static void
test_half_close (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  gboolean peer_heard = FALSE, client_heard = FALSE;

  connect_both (server, "front", &client, &peer);
  g_signal_connect (peer, "read-channel-finished", G_CALLBACK (on_input_ended), &peer_heard);
  g_signal_connect (client, "read-channel-finished", G_CALLBACK (on_input_ended), &client_heard);

  test_write (client, "question");
  g_assert_true (l_socket_shutdown_write (client, NULL));
  TEST_TURN_UNTIL (peer_heard);
  assert_receives (peer, "question");
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_false (client_heard);

  test_write (peer, "answer");
  assert_receives (client, "answer");
  g_assert_true (l_socket_shutdown_write (peer, NULL));
  TEST_TURN_UNTIL (client_heard);
  wait_for_log (tool, "1 > question\n1 * client ended\n1 < answer\n1 * server ended\n1 * closed\n");
  stop (tool);
}

/* What was said before the end is not lost. */
static void
test_server_closes (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;

  connect_both (server, "front", &client, &peer);
  test_write (peer, "farewell");
  l_socket_disconnect_from_server (peer);
  TEST_TURN_UNTIL (is_unconnected (client));
  assert_receives (client, "farewell");
  wait_for_log (tool, "1 < farewell\n1 * server ended\n");
  stop (tool);
}

/* A client is told by the end of its connection, and the next one finds the server. */
static void
test_server_away (void)
{
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autofree char *path = test_build_path ("market");
  g_autofree char *begin = describe_client (1);
  g_autofree char *expected =
    g_strdup_printf ("%s1 * server: Cannot connect to “%s”: No such file or directory\n1 * closed\n", begin, path);
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) early = connect_here ("front");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;

  TEST_TURN_UNTIL (is_unconnected (early));
  wait_for_log (tool, expected);

  server = listen_here ("market");
  connect_both (server, "front", &client, &peer);
  test_write (client, "hello");
  assert_receives (peer, "hello");
  stop (tool);
  TEST_TURN_UNTIL (is_unconnected (client) && is_unconnected (peer));
}

/* The one that is at the path now is not the one that was. */
static void
wait_for_place (Tool            *tool,
                const char      *path,
                const GStatBuf  *before)
{
  GStatBuf now;

  TEST_TURN_UNTIL (tool->has_exited || (g_lstat (path, &now) == 0 && now.st_ino != before->st_ino));
  if (tool->has_exited)
    g_error ("It has ended: %s", tool->errors.text->str);
}

/* The monitor stands between: it takes the place with the same rights and gives it back. */
static void
test_place (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autofree char *path = test_build_path ("market");
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(LSocket) direct = NULL;
  GStatBuf before, meanwhile, after;

  l_server_set_options (server, L_SERVER_OPTIONS_USER_ACCESS | L_SERVER_OPTIONS_GROUP_ACCESS);
  g_assert_true (l_server_listen (server, "market", NULL));
  g_assert_cmpint (g_lstat (path, &before), ==, 0);

  tool = start ("monitor market");
  wait_for_place (tool, path, &before);
  g_assert_cmpint (g_lstat (path, &meanwhile), ==, 0);
  g_assert_cmpint (meanwhile.st_mode, ==, before.st_mode);
  g_assert_true (has_file ("market.monitored"));
  g_assert_false (has_file ("market.monitor"));

  connect_both (server, "market", &client, &peer);
  test_write (client, "hello\n");
  assert_receives (peer, "hello\n");
  wait_for_log (tool, "1 > hello\\n\n");

  stop (tool);
  g_assert_cmpint (g_lstat (path, &after), ==, 0);
  g_assert_cmpint (after.st_ino, ==, before.st_ino);
  g_assert_false (has_file ("market.monitored"));
  TEST_TURN_UNTIL (is_unconnected (client));

  direct = connect_here ("market");
  g_object_unref (accept_here (server));
}

/* Somebody else has taken the name meanwhile: that one keeps it. */
static void
test_place_lost (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autofree char *path = test_build_path ("market");
  g_autoptr(Tool) tool = NULL;
  g_autoptr(LServer) other = NULL;
  GStatBuf theirs, before, after;

  g_assert_cmpint (g_lstat (path, &theirs), ==, 0);
  tool = start ("monitor market");
  wait_for_place (tool, path, &theirs);
  remove_file ("market");
  other = listen_here ("market");
  g_assert_cmpint (g_lstat (path, &before), ==, 0);
  stop (tool);
  g_assert_cmpint (g_lstat (path, &after), ==, 0);
  g_assert_cmpint (after.st_ino, ==, before.st_ino);
  g_assert_true (l_server_is_listening (server));
  g_assert_false (has_file ("market.monitored"));
}

static void
test_failures (void)
{
  g_autoptr(LServer) server = NULL;
  g_autofree char *file = test_build_path ("market");
  g_autofree char *left = test_build_path ("market.monitored");

  run_to_failure ("monitor market", 3, "No such file or directory\n");
  run_to_failure ("monitor a/b", 3, "without a slash");
  run_to_failure ("monitor --abstract market", 1, "give a name of your own");
  run_to_failure ("monitor a/b market", 3, "without a slash");

  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  run_to_failure ("monitor market", 1, "Socket operation on non-socket\n");
  remove_file ("market");

  server = listen_here ("market");
  run_to_failure ("monitor market nobody", 6, "Another server");
  g_assert_true (g_file_set_contents (left, "", 0, NULL));
  run_to_failure ("monitor market", 6, "market.monitored”: File exists\n");
  g_assert_true (has_file ("market.monitored"));
  remove_file ("market.monitored");
  run_in_unsafe_directory ("monitor market");
}

/* As much as the device takes, in a few turns of the loop. */
static gsize
fill (LSocket *socket,
      GBytes  *noise)
{
  gsize n_written = 0;

  for (guint n_still = 0; n_still < 20; n_still++)
    {
      while (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)) == 0)
        {
          g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (socket), noise, NULL));
          l_socket_flush (socket);
          n_written += g_bytes_get_size (noise);
          n_still = 0;
        }
      test_turn ();
    }

  return n_written;
}

/* Who takes nothing brings the other to a halt, and so does a log that nobody reads. */
static void
check_back_pressure (gboolean log_is_read)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GBytes) noise = make_noise (64 * 1024, 5);
  gsize n_written;

  connect_both (server, "front", &client, &peer);
  tool->output.is_paused = !log_is_read;
  if (log_is_read)
    l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 1024);

  n_written = fill (client, noise);
  g_assert_cmpuint (n_written, >=, 256 * 1024);
  g_assert_cmpuint (n_written, <, 8 * MIB);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 0);
  tool->output.is_paused = FALSE;
  output_read (&tool->output);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == n_written);
  stop (tool);
}

static void
test_back_pressure_server (void)
{
  check_back_pressure (TRUE);
}

static void
test_back_pressure_log (void)
{
  check_back_pressure (FALSE);
}

#define N_CLIENTS 40

/* All at once, and each gets its own. */
static void
test_many (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  g_autoptr(Tool) tool = start_server ("monitor -v front market");
  g_autoptr(GBytes) noise = make_noise (300 * 1024, 6);
  LSocket *clients[N_CLIENTS], *peers[N_CLIENTS];

  for (guint i = 0; i < N_CLIENTS; i++)
    {
      connect_both (server, "front", &clients[i], &peers[i]);
      test_write (clients[i], "a");
      l_io_device_write_bytes (L_IO_DEVICE (clients[i]), noise, NULL);
      l_io_device_write_bytes (L_IO_DEVICE (peers[i]), noise, NULL);
    }

  for (guint i = 0; i < N_CLIENTS; i++)
    {
      g_autoptr(GBytes) received = NULL;

      TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (clients[i])) == g_bytes_get_size (noise));
      TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peers[i])) == g_bytes_get_size (noise) + 1);
      received = l_io_device_read_all (L_IO_DEVICE (clients[i]), NULL);
      g_assert_true (g_bytes_equal (received, noise));
      l_socket_disconnect_from_server (i % 2 == 0 ? clients[i] : peers[i]);
    }

  for (guint i = 0; i < N_CLIENTS; i++)
    {
      TEST_TURN_UNTIL (is_unconnected (clients[i]) && is_unconnected (peers[i]));
      g_object_unref (clients[i]);
      g_object_unref (peers[i]);
    }
  stop (tool);
}

/* Nobody reads the log any more; nowhere it can be written. */
static void
test_output (void)
{
  g_autoptr(LServer) server = listen_here ("market");
  GSubprocessLauncher *launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(Tool) unread = NULL;
  g_autoptr(Tool) full = NULL;
  g_autoptr(LSocket) first = NULL;
  g_autoptr(LSocket) second = NULL;
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_subprocess_launcher_take_stdout_fd (launcher, fds[1]);
  unread = start_with (launcher, "monitor -v front market");
  wait_for_trace (unread, "[listening]");
  close (fds[0]);
  first = connect_here ("front");
  wait_for_exit (unread, 141);

  launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_set_stdout_file_path (launcher, "/dev/full");
  full = start_with (launcher, "monitor -v front market");
  wait_for_trace (full, "[listening]");
  second = connect_here ("front");
  wait_for_exit (full, 7);
  assert_message (full, "lsocket: Cannot write to standard output: No space left on device\n");
  g_assert_true (l_server_is_listening (server));
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);
  signal (SIGPIPE, SIG_IGN);
  g_assert_nonnull (g_getenv ("LSOCKET_TOOL"));
  /* GLib's thread that waits for children keeps its descriptors. */
  run_to_failure ("monitor a/b", 3, "without a slash");

  test_add ("/tool-monitor/text", test_text);
  test_add ("/tool-monitor/hex", test_hex);
  test_add ("/tool-monitor/half-close", test_half_close);
  test_add ("/tool-monitor/server-closes", test_server_closes);
  test_add ("/tool-monitor/server-away", test_server_away);
  test_add ("/tool-monitor/place", test_place);
  test_add ("/tool-monitor/place/lost", test_place_lost);
  test_add ("/tool-monitor/failures", test_failures);
  test_add ("/tool-monitor/back-pressure/server", test_back_pressure_server);
  test_add ("/tool-monitor/back-pressure/log", test_back_pressure_log);
  test_add ("/tool-monitor/many", test_many);
  test_add ("/tool-monitor/output", test_output);

  return test_run ();
}
