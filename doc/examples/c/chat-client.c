/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Says the lines of its standard input in a room, and prints what is said there.
 */

#include <locale.h>
#include <unistd.h>

#include <gio/gunixinputstream.h>
#include <lsocket/lsocket.h>

static void read_next (GDataInputStream *input,
                       LSocket          *socket);

static void
on_input_read (GObject      *object,
               GAsyncResult *result,
               gpointer      user_data)
{
  GDataInputStream *input = G_DATA_INPUT_STREAM (object);
  g_autoptr(LSocket) socket = user_data;
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;

  line = g_data_input_stream_read_line_finish (input, result, NULL, NULL);
  if (line == NULL)
    {
      l_socket_disconnect_from_server (socket);
      return;
    }

  text = g_strconcat (line, "\n", NULL);
  l_io_device_write (L_IO_DEVICE (socket), text, strlen (text), NULL);
  read_next (input, socket);
}

static void
read_next (GDataInputStream *input,
           LSocket          *socket)
{
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_input_read, g_object_ref (socket));
}

static void
on_ready_read (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = l_io_device_read_line (device, 0, NULL, NULL);

      g_print ("%s", line);
    }
}

static void
on_error (LSocket *socket)
{
  g_printerr ("%s\n", l_io_device_get_error_string (L_IO_DEVICE (socket)));
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  GMainLoop    *loop)
{
  if (state == L_SOCKET_STATE_UNCONNECTED)
    g_main_loop_quit (loop);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GInputStream) stdin_stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (stdin_stream);
  g_autofree char *introduction = NULL;

  setlocale (LC_ALL, "");
  if (argc != 3)
    {
      g_printerr ("Usage: %s NAME WHO\n", argv[0]);
      return 2;
    }

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), NULL);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_state_changed), loop);

  l_socket_connect_to_server (socket, argv[1], L_OPEN_MODE_READ_WRITE);
  introduction = g_strconcat (argv[2], "\n", NULL);
  l_io_device_write (L_IO_DEVICE (socket), introduction, strlen (introduction), NULL);
  read_next (input, socket);
  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    g_main_loop_run (loop);

  return l_socket_get_error (socket) == L_SOCKET_ERROR_UNKNOWN ? 0 : 1;
}
