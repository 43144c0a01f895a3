/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A room: the first line of a client is its name, and every other is sent to all of them.
 */

#include <locale.h>

#include <glib-unix.h>
#include <lsocket/lsocket.h>

/* Of the connections that have a name, which the hash table owns. */
static GHashTable *names;

static void G_GNUC_PRINTF (1, 2)
tell_everybody (const char *format,
                ...)
{
  g_autofree char *text = NULL;
  GHashTableIter iter;
  gpointer device;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &device, NULL))
    l_io_device_write (device, text, strlen (text), NULL);
}

static void
on_ready_read (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = g_strchomp (l_io_device_read_line (device, 0, NULL, NULL));
      const char *name = g_hash_table_lookup (names, device);

      if (name != NULL)
        {
          tell_everybody ("%s: %s\n", name, line);
          continue;
        }
      g_hash_table_insert (names, device, g_strdup (line));
      tell_everybody ("* %s has come\n", line);
    }
}

static void
on_disconnected (LSocket *socket)
{
  g_autofree char *name = NULL;

  if (g_hash_table_steal_extended (names, socket, NULL, (gpointer *) &name))
    tell_everybody ("* %s has gone\n", name);
}

static void
on_new_connection (LServer *server)
{
  /* The server holds a reference as well, until the connection has ended. */
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (socket, "disconnected", G_CALLBACK (on_disconnected), NULL);
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

  names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  if (!l_server_listen (server, argv[1], &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("Listening at %s\n", l_server_get_full_server_name (server));

  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  return 0;
}
