/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <lsocket/lsocket.h>
#include <stdlib.h>

/* Round trips by signals. Also to count with other tools, as the difference of two runs with different numbers:
 *
 *   strace -f -c performance-ping 10000               (both processes together)
 *   valgrind --tool=callgrind performance-ping 10000  (a file for each)
 */

typedef struct
{
  GMainLoop *loop;
  gboolean   is_client;
  guint      n_left;   /* round trips, at the client */
} Peer;

static void
write_message (LIODevice *device)
{
  static const char message[PERFORMANCE_MESSAGE_SIZE];
  g_autoptr(GError) error = NULL;

  l_io_device_write (device, message, sizeof message, &error);
  g_assert_no_error (error);
}

static void
on_ready_read (LIODevice *device,
               Peer      *peer)
{
  char message[PERFORMANCE_MESSAGE_SIZE];

  if (l_io_device_get_bytes_available (device) < sizeof message)
    return;

  l_io_device_read (device, message, sizeof message, NULL);
  if (peer->is_client && --peer->n_left == 0)
    g_main_loop_quit (peer->loop);
  else
    write_message (device);
}

static void
run_peer (int           fd,
          guint         n_round_trips,
          gboolean      is_client)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GError) error = NULL;
  Peer peer = { loop, is_client, n_round_trips };

  l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), &peer);
  if (is_client)
    write_message (L_IO_DEVICE (socket));
  else
    g_signal_connect_swapped (socket, "disconnected", G_CALLBACK (g_main_loop_quit), loop);

  if (is_client)
    performance_begin ();
  g_main_loop_run (loop);
  if (is_client)
    performance_end ();

  g_signal_handlers_disconnect_by_data (socket, &peer);
}

static void
run_server (int           fd,
            gconstpointer data)
{
  run_peer (fd, 0, FALSE);
}

static void
run_client (int           fd,
            gconstpointer data)
{
  run_peer (fd, *(const guint *) data, TRUE);
}

int
main (int    argc,
      char **argv)
{
  const GOptionEntry options[] = { G_OPTION_ENTRY_NULL };
  guint n_round_trips = 100000;
  PerformanceCost cost;

  performance_init (&argc, &argv, options, &n_round_trips);
  performance_run (run_server, run_client, &n_round_trips, &cost);

  g_print ("%u round trips of %d bytes on one processor: %.2f us each, %.2f us of CPU in both processes\n", n_round_trips,
           PERFORMANCE_MESSAGE_SIZE, (double) cost.wall / n_round_trips / 1000, (double) cost.cpu / n_round_trips / 1000);

  return EXIT_SUCCESS;
}
