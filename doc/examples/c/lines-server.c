/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps values for its clients. A line is a question and gets a line as its answer:
 *
 *   set KEY VALUE    ok
 *   get KEY          ok VALUE, or error no such key
 */

#include <locale.h>

#include <glib-unix.h>
#include <lsocket/lsocket.h>

static GHashTable *values;

static char *
answer (const char *question)
{
  g_auto(GStrv) words = g_strsplit (question, " ", 3);
  guint n_words = g_strv_length (words);
  const char *value;

  if (n_words == 3 && g_str_equal (words[0], "set"))
    {
      g_hash_table_insert (values, g_strdup (words[1]), g_strdup (words[2]));
      return g_strdup ("ok\n");
    }
  if (n_words != 2 || !g_str_equal (words[0], "get"))
    return g_strdup ("error what?\n");

  value = g_hash_table_lookup (values, words[1]);
  return value != NULL ? g_strdup_printf ("ok %s\n", value) : g_strdup ("error no such key\n");
}

static void
on_ready_read (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = g_strchomp (l_io_device_read_line (device, 0, NULL, NULL));
      g_autofree char *text = answer (line);

      l_io_device_write (device, text, strlen (text), NULL);
    }
}

static void
on_new_connection (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  /* A client that never ends its line gets no further than this. */
  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 4096);
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
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

  values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
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
