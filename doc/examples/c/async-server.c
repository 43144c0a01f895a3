/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An echo server of asynchronous functions: each line comes back, to as many clients as come.
 */

#include <locale.h>

#include <glib-unix.h>
#include <lsocket/lsocket.h>

static void read_next (LSocket *socket);

static void
on_line_read (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  LIODevice *device = L_IO_DEVICE (object);
  g_autofree char *line = NULL;
  gsize length;

  /* NULL is the end of the input, which is no error here. */
  line = l_io_device_read_line_finish (device, result, &length, NULL);
  if (line == NULL)
    return;

  l_io_device_write (device, line, length, NULL);
  read_next (L_SOCKET (device));
}

static void
read_next (LSocket *socket)
{
  l_io_device_read_line_async (L_IO_DEVICE (socket), 0, NULL, on_line_read, NULL);
}

static void
on_accepted (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  LServer *server = L_SERVER (object);
  g_autoptr(GError) error = NULL;
  g_autoptr(LSocket) socket = l_server_accept_finish (server, result, &error);

  if (socket == NULL)
    {
      g_printerr ("%s\n", error->message);
      return;
    }

  /* The reading holds the socket. */
  read_next (socket);
  l_server_accept_async (server, NULL, on_accepted, NULL);
}

static gboolean
on_terminate (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  if (argc != 2)
    {
      g_printerr ("Usage: %s NAME\n", argv[0]);
      return 2;
    }
  if (!l_server_listen (server, argv[1], &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("Listening at %s\n", l_server_get_full_server_name (server));

  l_server_accept_async (server, NULL, on_accepted, NULL);
  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);

  /* The accepting holds it, too. */
  l_server_close (server);
  return 0;
}
