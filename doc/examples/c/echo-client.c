/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Says its standard input to an echo server, and prints what comes back until all of it has.
 */

#include <locale.h>

#include <lsocket/lsocket.h>

typedef struct
{
  GMainLoop *loop;
  char *said;
  gsize length;
  gsize n_heard;
} Echo;

static void
on_ready_read (LSocket *socket,
               Echo    *echo)
{
  g_autoptr(GBytes) bytes = l_io_device_read_all (L_IO_DEVICE (socket), NULL);
  gsize size = bytes != NULL ? g_bytes_get_size (bytes) : 0;

  if (size > echo->length - echo->n_heard ||
      memcmp (echo->said + echo->n_heard, g_bytes_get_data (bytes, NULL), size) != 0)
    {
      g_printerr ("It said something else\n");
      l_socket_abort (socket);
      return;
    }

  g_print ("%.*s", (int) size, echo->said + echo->n_heard);
  echo->n_heard += size;
  if (echo->n_heard == echo->length)
    l_socket_disconnect_from_server (socket);
}

static void
on_error (LSocket *socket)
{
  g_printerr ("%s\n", l_io_device_get_error_string (L_IO_DEVICE (socket)));
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  Echo         *echo)
{
  if (state == L_SOCKET_STATE_UNCONNECTED)
    g_main_loop_quit (echo->loop);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autofree char *said = NULL;
  Echo echo = { .loop = loop };

  setlocale (LC_ALL, "");
  if (argc != 2 || !g_file_get_contents ("/dev/stdin", &said, &echo.length, NULL))
    {
      g_printerr ("Usage: %s NAME <TEXT\n", argv[0]);
      return 2;
    }
  echo.said = said;

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), &echo);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), NULL);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_state_changed), &echo);

  l_socket_connect_to_server (socket, argv[1], L_OPEN_MODE_READ_WRITE);
  l_io_device_write (L_IO_DEVICE (socket), said, echo.length, NULL);
  if (echo.length == 0)
    l_socket_disconnect_from_server (socket);
  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    g_main_loop_run (loop);

  return echo.n_heard == echo.length && l_socket_get_error (socket) == L_SOCKET_ERROR_UNKNOWN ? 0 : 1;
}
