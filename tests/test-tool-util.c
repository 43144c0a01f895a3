/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-tool-util.h"

#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static guint n_running;

static void
on_output (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Output *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (self->stream, result, &error);
  const guint8 *data;
  gsize size;

  g_assert_no_error (error);
  data = g_bytes_get_data (bytes, &size);
  self->is_reading = FALSE;
  if (size == 0)
    {
      /* GLib's thread may hold it a little longer. */
      g_input_stream_close (self->stream, NULL, NULL);
      g_clear_object (&self->stream);
      return;
    }

  self->length += size;
  g_checksum_update (self->checksum, data, size);
  if (self->text->len < MIB)
    g_string_append_len (self->text, (const char *) data, size);
  output_read (self);
}

void
output_read (Output *self)
{
  if (self->stream == NULL || self->is_paused || self->is_reading)
    return;

  self->is_reading = TRUE;
  g_input_stream_read_bytes_async (self->stream, 256 * 1024, G_PRIORITY_DEFAULT, NULL, on_output, self);
}

static void
output_init (Output       *self,
             GInputStream *stream)
{
  self->stream = stream != NULL ? g_object_ref (stream) : NULL;
  self->text = g_string_new (NULL);
  self->checksum = g_checksum_new (G_CHECKSUM_MD5);
  output_read (self);
}

static void
output_clear (Output *self)
{
  g_assert_null (self->stream);
  g_string_free (self->text, TRUE);
  g_checksum_free (self->checksum);
}

static void
on_exited (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Tool *tool = user_data;
  g_autoptr(GError) error = NULL;

  g_subprocess_wait_finish (tool->process, result, &error);
  g_assert_no_error (error);
  tool->has_exited = TRUE;
  n_running--;
}

GSubprocessLauncher *
launcher_new (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  return launcher;
}

/* Takes the launcher. */
static Tool *
spawn (GSubprocessLauncher *launcher,
       const char * const  *argv)
{
  Tool *tool = g_new0 (Tool, 1);
  g_autoptr(GError) error = NULL;

  tool->process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_object_unref (launcher);

  if (g_subprocess_get_stdin_pipe (tool->process) != NULL)
    {
      tool->input = g_object_ref (g_subprocess_get_stdin_pipe (tool->process));
      g_unix_set_fd_nonblocking (g_unix_output_stream_get_fd (G_UNIX_OUTPUT_STREAM (tool->input)), TRUE, NULL);
    }
  output_init (&tool->output, g_subprocess_get_stdout_pipe (tool->process));
  output_init (&tool->errors, g_subprocess_get_stderr_pipe (tool->process));
  g_subprocess_wait_async (tool->process, NULL, on_exited, tool);
  n_running++;

  return tool;
}

Tool *
start_with (GSubprocessLauncher *launcher,
            const char          *arguments)
{
  g_autofree char *line = g_strdup_printf ("\"%s\" %s", g_getenv ("LSOCKET_TOOL"), arguments);
  g_auto(GStrv) argv = NULL;
  g_autoptr(GError) error = NULL;

  g_shell_parse_argv (line, NULL, &argv, &error);
  g_assert_no_error (error);

  return spawn (launcher, (const char * const *) argv);
}

/* The arguments in one string, quoted as in a shell. */
Tool *
start (const char *arguments)
{
  return start_with (launcher_new (ALL_PIPES), arguments);
}

Tool *
start_shell (const char *script)
{
  const char *argv[] = { "/bin/sh", "-c", script, NULL };

  return spawn (launcher_new (ALL_PIPES), argv);
}

/* A server that can be connected to. */
Tool *
start_server (const char *arguments)
{
  Tool *tool = start (arguments);

  TEST_TURN_UNTIL (strstr (tool->errors.text->str, "[listening]") != NULL);
  return tool;
}

void
end_input (Tool *tool)
{
  g_autoptr(GError) error = NULL;

  g_output_stream_close (tool->input, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&tool->input);
}

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Tool *tool = user_data;

  /* The tool may have had good reason to end. */
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  g_clear_pointer (&tool->to_write, g_bytes_unref);
}

void
send_bytes (Tool   *tool,
            GBytes *bytes)
{
  g_assert_null (tool->to_write);
  tool->to_write = g_bytes_ref (bytes);
  g_output_stream_write_all_async (tool->input, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                   G_PRIORITY_DEFAULT, NULL, on_written, tool);
}

void
send_text (Tool       *tool,
           const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  send_bytes (tool, bytes);
  TEST_TURN_UNTIL (tool->to_write == NULL);
}

void
wait_for_output (Tool       *tool,
                 const char *text)
{
  TEST_TURN_UNTIL (g_strcmp0 (tool->output.text->str, text) == 0);
}

void
wait_for_trace (Tool       *tool,
                const char *text)
{
  TEST_TURN_UNTIL (strstr (tool->errors.text->str, text) != NULL);
}

void
wait_for_exit (Tool *tool,
               int   status)
{
  TEST_TURN_UNTIL (tool->has_exited && tool->output.stream == NULL && tool->errors.stream == NULL);

  if (!g_subprocess_get_if_exited (tool->process) || g_subprocess_get_exit_status (tool->process) != status)
    g_error ("ended with %d, not %d: %s", g_subprocess_get_status (tool->process), status, tool->errors.text->str);
}

static gboolean
on_still_running (gpointer user_data)
{
  Tool *tool = user_data;

  g_subprocess_send_signal (tool->process, tool->signal_number);
  return G_SOURCE_CONTINUE;
}

/* The thread sanitizer of GCC 12 keeps a signal that comes just before poll() until the next one. */
void
end_by_signal (Tool *tool,
               int   number)
{
  guint again_id = TEST_UNDER_TSAN ? g_timeout_add_seconds (5, on_still_running, tool) : 0;

  tool->signal_number = number;
  g_subprocess_send_signal (tool->process, number);
  wait_for_exit (tool, 128 + number);
  g_clear_handle_id (&again_id, g_source_remove);
}

void
assert_message (Tool       *tool,
                const char *message)
{
  if (strstr (tool->errors.text->str, message) == NULL)
    g_error ("“%s” is not in “%s”", message, tool->errors.text->str);
}

/* Reading tells of it, or writing, whichever comes to know first. */
void
assert_peer_closed (Tool *tool)
{
  if (strstr (tool->errors.text->str, "lsocket: Cannot write to “") == NULL)
    assert_message (tool, "lsocket: The peer closed the connection to “");
}

void
assert_silent (Tool *tool)
{
  g_assert_cmpstr (tool->errors.text->str, ==, "");
}

/* The descriptors by which GLib's own thread waits for children; it closes them a little later. */
static guint
count_child_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      if (g_strcmp0 (target, "anon_inode:[pidfd]") == 0)
        n++;
    }

  return n;
}

void
tool_free (Tool *tool)
{
  if (!tool->has_exited)
    g_subprocess_force_exit (tool->process);
  tool->output.is_paused = FALSE;
  output_read (&tool->output);
  TEST_TURN_UNTIL (tool->has_exited && tool->output.stream == NULL && tool->errors.stream == NULL &&
                   tool->to_write == NULL);

  if (tool->input != NULL)
    end_input (tool);
  g_clear_object (&tool->process);
  output_clear (&tool->output);
  output_clear (&tool->errors);
  g_free (tool);
  TEST_TURN_UNTIL (count_child_descriptors () <= n_running);
}

void
run_to_failure (const char *arguments,
                int         status,
                const char *message)
{
  g_autoptr(Tool) tool = start (arguments);

  wait_for_exit (tool, status);
  g_assert_true (g_str_has_prefix (tool->errors.text->str, "lsocket: "));
  assert_message (tool, message);
  g_assert_cmpstr (tool->output.text->str, ==, "");
}

void
run_for_output (const char *arguments,
                const char *output)
{
  g_autoptr(Tool) tool = start (arguments);

  wait_for_exit (tool, 0);
  g_assert_cmpstr (tool->output.text->str, ==, output);
  assert_silent (tool);
}

/* The other side, in this program */

LServer *
listen_here (const char *name)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  return server;
}

LSocket *
accept_here (LServer *server)
{
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  return l_server_next_pending_connection (server);
}

LSocket *
connect_here (const char *name)
{
  LSocket *socket = l_socket_new ();

  l_socket_connect_to_server (socket, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  return socket;
}

gboolean
has_received (LSocket    *socket,
              const char *text)
{
  gsize length = strlen (text);
  g_autofree char *buffer = g_malloc (length);

  return l_io_device_get_bytes_available (L_IO_DEVICE (socket)) == length &&
         l_io_device_peek (L_IO_DEVICE (socket), buffer, length, NULL) == (gssize) length &&
         memcmp (buffer, text, length) == 0;
}

void
assert_receives (LSocket    *socket,
                 const char *text)
{
  TEST_TURN_UNTIL (has_received (socket, text));
  l_io_device_skip (L_IO_DEVICE (socket), strlen (text), NULL);
}

gboolean
is_unconnected (LSocket *socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

void
on_input_ended (LIODevice *device,
                gboolean  *has_ended)
{
  *has_ended = TRUE;
}

/* A socket without a server that listens. */
void
leave_dead_socket (const char *name,
                   int         type)
{
  g_autofree char *path = test_build_path (name);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
  close (fd);
}

void
remove_file (const char *name)
{
  g_autofree char *path = test_build_path (name);

  g_assert_cmpint (g_unlink (path), ==, 0);
}

gboolean
has_file (const char *name)
{
  g_autofree char *path = test_build_path (name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* A runtime directory that anybody may write. */
static GSubprocessLauncher *
launcher_new_unsafe (char **directory)
{
  GSubprocessLauncher *launcher = launcher_new (ALL_PIPES);

  *directory = test_build_path ("unsafe");
  g_assert_cmpint (g_mkdir (*directory, 0700), ==, 0);
  g_assert_cmpint (g_chmod (*directory, 0777), ==, 0);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", *directory, TRUE);
  return launcher;
}

void
run_in_unsafe_directory (const char *arguments)
{
  g_autofree char *directory = NULL;
  g_autoptr(Tool) tool = start_with (launcher_new_unsafe (&directory), arguments);

  wait_for_exit (tool, 4);
  assert_message (tool, "can be written by others\n");
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

GBytes *
make_noise (gsize   size,
            guint32 seed)
{
  g_autofree guint32 *words = g_new (guint32, size / sizeof (guint32));

  for (gsize i = 0; i < size / sizeof (guint32); i++)
    words[i] = seed = seed * 1664525 + 1013904223;

  return g_bytes_new_take (g_steal_pointer (&words), size);
}
