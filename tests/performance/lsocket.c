/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <lsocket/lsocket.h>

/* LSocket by signals. */

/* What a program writes before it looks whether it is taken. */
#define BURST_SIZE      (64 * 1024)
#define MAX_QUEUED_SIZE (64 * 1024)

/* The client's */
static struct
{
  const PerformanceRun *run;
  guint                 n_to_send;
  guint                 n_to_receive;
} client;

static void
send_message (LIODevice     *device,
              gconstpointer  message,
              gsize          size)
{
  g_autoptr(GError) error = NULL;

  l_io_device_write (device, message, size, &error);
  g_assert_no_error (error);
}

/* The server */

static void
answer (LIODevice            *device,
        const PerformanceRun *run)
{
  guint8 message[4096];
  gssize n_read;

  while ((n_read = l_io_device_read (device, message, sizeof message, NULL)) > 0)
    {
      gsize size = performance_answer (run, n_read);

      if (size > 0)
        send_message (device, message, size);
    }
}

/* The bytes that only go one way are not looked at. */
static void
acknowledge (LIODevice            *device,
             const PerformanceRun *run)
{
  gsize size = performance_answer (run, l_io_device_skip (device, G_MAXSSIZE, NULL));

  if (size > 0)
    send_message (device, "", size);
}

static void
on_new_connection (LServer  *server,
                   gpointer  on_ready_read)
{
  LSocket *socket;

  while ((socket = l_server_next_pending_connection (server)) != NULL)
    {
      l_socket_set_low_latency (socket, ((PerformanceRun *) g_object_get_data (G_OBJECT (server), "run"))->low_latency);
      g_signal_connect (socket, "ready-read", on_ready_read, g_object_get_data (G_OBJECT (server), "run"));
      g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
    }
}

static LServer *
listen_as (const PerformanceRun *run)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen (server, run->name, &error);
  g_assert_no_error (error);
  performance_ready ();

  return server;
}

static void
serve_with (const PerformanceRun *run,
            GCallback             on_ready_read)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LServer) server = listen_as (run);

  g_object_set_data (G_OBJECT (server), "run", (gpointer) run);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), on_ready_read);
  g_main_loop_run (loop);
}

static void
serve (const PerformanceRun *run)
{
  serve_with (run, G_CALLBACK (answer));
}

static void
serve_sink (const PerformanceRun *run)
{
  serve_with (run, G_CALLBACK (acknowledge));
}

static void
serve_waiting (const PerformanceRun *run)
{
  g_autoptr(LServer) server = listen_as (run);

  while (l_server_wait_for_new_connection (server, -1, NULL))
    {
      g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

      while (l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), -1))
        answer (L_IO_DEVICE (socket), run);
    }
}

/* The client */

static void
on_answer (LIODevice *device)
{
  guint8 message[4096];

  if (l_io_device_get_bytes_available (device) < client.run->size)
    return;

  l_io_device_read (device, message, client.run->size, NULL);
  client.n_to_receive--;
  if (client.n_to_send == 0)
    return;

  client.n_to_send--;
  send_message (device, client.run->message, client.run->size);
}

static LSocket *
connect_socket (void)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_connect_to_server_sync (socket, client.run->name, L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  l_socket_set_low_latency (socket, client.run->low_latency);

  return socket;
}

static LSocket *
connect_answered (void)
{
  LSocket *socket = connect_socket ();

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_answer), NULL);
  return socket;
}

static void
begin_client (const PerformanceRun *run)
{
  client.run = run;
}

static void
await_answers (void)
{
  while (client.n_to_receive > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
go_round (LSocket **sockets,
          guint     count)
{
  client.n_to_receive = count;
  client.n_to_send = count;

  for (guint i = 0; i < client.run->n_active && client.n_to_send > 0; i++, client.n_to_send--)
    send_message (L_IO_DEVICE (sockets[i]), client.run->message, client.run->size);

  await_answers ();
}

static void
ping (const PerformanceRun *run)
{
  g_autofree LSocket **sockets = g_new (LSocket *, run->n_active);

  begin_client (run);
  for (guint i = 0; i < run->n_idle; i++)
    connect_answered ();
  for (guint i = 0; i < run->n_active; i++)
    sockets[i] = connect_answered ();

  go_round (sockets, run->n_active);
  performance_begin ();
  go_round (sockets, run->count);
  performance_end ();
}

static void
connect_once (void)
{
  LSocket *socket = l_socket_new ();

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_answer), NULL);
  l_socket_connect_to_server (socket, client.run->name, L_OPEN_MODE_READ_WRITE);
  go_round (&socket, 1);
  l_socket_abort (socket);
  g_object_unref (socket);
}

static void
churn (const PerformanceRun *run)
{
  begin_client (run);
  connect_once ();
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once ();
  performance_end ();
}

/* From so much on a reference costs less than a copy. */
#define REFERENCE_SIZE (16 * 1024)

static void
send_bulk (LIODevice *device)
{
  static GBytes *bytes;
  g_autoptr(GError) error = NULL;

  if (client.run->size < REFERENCE_SIZE)
    {
      send_message (device, client.run->message, client.run->size);
      return;
    }

  if (bytes == NULL)
    bytes = g_bytes_new_static (client.run->message, client.run->size);
  l_io_device_write_bytes (device, bytes, &error);
  g_assert_no_error (error);
}

/* As much as fits, and more when it has gone. */
static void
write_more (LIODevice *device)
{
  guint n_burst = MAX (BURST_SIZE / client.run->size, 1);

  while (client.n_to_send > 0 && l_io_device_get_bytes_to_write (device) < MAX_QUEUED_SIZE)
    for (guint i = 0; i < n_burst && client.n_to_send > 0; i++, client.n_to_send--)
      send_bulk (device);
}

static void
on_acknowledged (LIODevice *device)
{
  l_io_device_skip (device, 1, NULL);
  client.n_to_receive--;
}

static void
write_messages (const PerformanceRun *run)
{
  g_autoptr(LSocket) socket = NULL;

  begin_client (run);
  socket = connect_socket ();
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_acknowledged), NULL);
  send_message (L_IO_DEVICE (socket), client.run->message, 1);
  client.n_to_receive = 1;
  await_answers ();

  performance_begin ();
  client.n_to_send = run->count;
  client.n_to_receive = 1;
  g_signal_connect (socket, "bytes-written", G_CALLBACK (write_more), NULL);
  write_more (L_IO_DEVICE (socket));
  await_answers ();
  performance_end ();
}

static void
wait_round (LIODevice *device)
{
  guint8 message[4096];

  send_message (device, client.run->message, client.run->size);
  while (l_io_device_get_bytes_available (device) < client.run->size)
    l_io_device_wait_for_ready_read (device, -1);
  l_io_device_read (device, message, client.run->size, NULL);
}

static void
wait_for_answers (const PerformanceRun *run)
{
  g_autoptr(LSocket) socket = NULL;

  begin_client (run);
  socket = connect_socket ();
  wait_round (L_IO_DEVICE (socket));
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    wait_round (L_IO_DEVICE (socket));
  performance_end ();
}

/* The last one's round trip shows that the server has them all. */
static void
open_connections (const PerformanceRun *run)
{
  LSocket *socket;

  begin_client (run);
  socket = connect_answered ();
  go_round (&socket, 1);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    socket = connect_answered ();
  go_round (&socket, 1);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve_sink, write_messages },
  { "wait", serve_waiting, wait_for_answers },
  { "idle", serve, open_connections },
  { NULL }
};
