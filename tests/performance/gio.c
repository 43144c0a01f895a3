/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "streams.h"

#include <gio/gunixsocketaddress.h>

/* GSocketConnection. */

static GSocketAddress *
get_address (const PerformanceRun *run)
{
  return g_unix_socket_address_new (run->path);
}

/* With GSocketClient, which gives up where the backlog is full. */
static GSocketConnection *
adopt (int fd)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return g_socket_connection_factory_create_connection (socket);
}

GIOStream *
streams_connect (const PerformanceRun *run)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = get_address (run);
  g_autoptr(GError) error = NULL;
  GSocketConnection *connection;

  connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_IO_STREAM (adopt (performance_connect (run)));

  g_assert_no_error (error);
  return G_IO_STREAM (connection);
}

static void
listen_at (GSocketListener      *listener,
           const PerformanceRun *run)
{
  g_autoptr(GSocketAddress) address = get_address (run);
  g_autoptr(GError) error = NULL;

  g_socket_listener_set_backlog (listener, G_MAXINT);
  g_socket_listener_add_address (listener, address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
on_incoming (GSocketService    *service,
             GSocketConnection *connection,
             GObject           *source_object,
             gpointer           user_data)
{
  streams_answer (user_data, g_object_ref (G_IO_STREAM (connection)));
  return TRUE;
}

void
streams_listen (const PerformanceRun *run)
{
  GSocketService *service = g_socket_service_new ();

  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), (gpointer) run);
  listen_at (G_SOCKET_LISTENER (service), run);
}

gpointer
streams_listen_blocking (const PerformanceRun *run)
{
  GSocketListener *listener = g_socket_listener_new ();

  listen_at (listener, run);
  return listener;
}

GIOStream *
streams_accept (gpointer server)
{
  g_autoptr(GError) error = NULL;
  GSocketConnection *connection;

  connection = g_socket_listener_accept (server, NULL, NULL, &error);
  g_assert_no_error (error);

  return G_IO_STREAM (connection);
}
