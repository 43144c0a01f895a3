/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A service that systemd starts when the first client comes: it sends back whatever its clients say, and goes when none
 * has been there for a while. The units are in ../systemd.
 */

#include <locale.h>

#include <lsocket/lsocket.h>

#define SECONDS_ALONE 30

static GMainLoop *loop;
static guint n_clients;
static guint alone;

static gboolean
on_alone (gpointer unused)
{
  alone = 0;
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
wait_for_clients (void)
{
  if (alone == 0 && n_clients == 0)
    alone = g_timeout_add_seconds (SECONDS_ALONE, on_alone, NULL);
}

static void
on_ready_read (LSocket *socket)
{
  g_autoptr(GBytes) bytes = l_io_device_read_all (L_IO_DEVICE (socket), NULL);

  if (bytes != NULL)
    l_io_device_write_bytes (L_IO_DEVICE (socket), bytes, NULL);
}

static void
on_disconnected (LSocket *socket)
{
  n_clients--;
  wait_for_clients ();
}

static void
on_new_connection (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  n_clients++;
  g_clear_handle_id (&alone, g_source_remove);
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (socket, "disconnected", G_CALLBACK (on_disconnected), NULL);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  loop = g_main_loop_new (NULL, FALSE);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  l_server_set_max_connections_per_user (server, 16);
  l_server_set_idle_timeout (server, 10 * 60 * 1000);

  /* Started by hand it listens by itself. */
  if (!l_server_listen_activated (server, "echo", &error) &&
      g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND))
    {
      g_clear_error (&error);
      l_server_listen (server, "echo", &error);
    }
  if (error != NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  wait_for_clients ();
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  return 0;
}
