/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Says the lines of its standard input to an echo server, each when the one before it has come back, with asynchronous
 * functions.
 */

#include <locale.h>

#include <lsocket/lsocket.h>

typedef struct
{
  GMainLoop *loop;
  GError *error;
  char **lines;
  guint n_heard;
} Talk;

static void say_next (LSocket *socket,
                      Talk    *talk);

static void
on_disconnected (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  Talk *talk = user_data;

  l_socket_disconnect_from_server_finish (L_SOCKET (object), result, &talk->error);
  g_main_loop_quit (talk->loop);
}

static void
on_line_read (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  Talk *talk = user_data;
  g_autofree char *line = NULL;

  line = l_io_device_read_line_finish (L_IO_DEVICE (object), result, NULL, &talk->error);
  if (line == NULL)
    {
      g_main_loop_quit (talk->loop);
      return;
    }

  g_print ("%s", line);
  talk->n_heard++;
  say_next (L_SOCKET (object), talk);
}

static void
say_next (LSocket *socket,
          Talk    *talk)
{
  LIODevice *device = L_IO_DEVICE (socket);
  const char *line = talk->lines[talk->n_heard];

  /* What follows the last newline is empty. */
  if (line == NULL || (*line == '\0' && talk->lines[talk->n_heard + 1] == NULL))
    {
      l_socket_disconnect_from_server_async (socket, NULL, on_disconnected, talk);
      return;
    }

  l_io_device_write (device, line, strlen (line), NULL);
  l_io_device_write (device, "\n", 1, NULL);
  l_io_device_read_line_async (device, 0, NULL, on_line_read, talk);
}

static void
on_connected (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  LSocket *socket = L_SOCKET (object);
  Talk *talk = user_data;

  if (l_socket_connect_to_server_finish (socket, result, &talk->error))
    say_next (socket, talk);
  else
    g_main_loop_quit (talk->loop);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;
  Talk talk = { .loop = loop };

  setlocale (LC_ALL, "");
  if (argc != 2 || !g_file_get_contents ("/dev/stdin", &text, NULL, NULL))
    {
      g_printerr ("Usage: %s NAME <TEXT\n", argv[0]);
      return 2;
    }
  talk.lines = lines = g_strsplit (text, "\n", -1);

  l_socket_connect_to_server_async (socket, argv[1], L_OPEN_MODE_READ_WRITE, NULL, on_connected, &talk);
  g_main_loop_run (loop);

  if (talk.error == NULL)
    return 0;
  g_printerr ("%s\n", talk.error->message);
  g_error_free (talk.error);
  return 1;
}
