/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "streams.h"

#include <lsocket/lsocket.h>

/* LSocket as a GIOStream. */

GIOStream *
streams_connect (const PerformanceRun *run)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_connect_to_server_sync (socket, run->name, L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);

  return G_IO_STREAM (socket);
}

gpointer
streams_listen_blocking (const PerformanceRun *run)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen (server, run->name, &error);
  g_assert_no_error (error);

  return server;
}

static void
on_new_connection (LServer              *server,
                   const PerformanceRun *run)
{
  LSocket *socket;

  while ((socket = l_server_next_pending_connection (server)) != NULL)
    streams_answer (run, G_IO_STREAM (socket));
}

void
streams_listen (const PerformanceRun *run)
{
  LServer *server = streams_listen_blocking (run);

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), (gpointer) run);
}

GIOStream *
streams_accept (gpointer server)
{
  if (!l_server_wait_for_new_connection (server, -1, NULL))
    g_error ("%s", l_server_get_error_string (server));

  return G_IO_STREAM (l_server_next_pending_connection (server));
}
