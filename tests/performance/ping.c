/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <stdlib.h>

/* Round trips by signals, beside connections that have nothing to do. Also to count with other tools, as the difference of two runs with different numbers:
 *
 *   strace -f -c performance-ping 10000               (both processes together)
 *   valgrind --tool=callgrind performance-ping 10000  (a file for each)
 */

typedef struct
{
  guint n_round_trips;
  int   n_idle;        /* connections */
} Setup;

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
run_peer (gintptr  link,
          guint    n_round_trips,
          gboolean is_client)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GError) error = NULL;
  Peer peer = { loop, is_client, n_round_trips };

  l_socket_set_socket_descriptor (socket, link, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
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
run_server (gintptr       link,
            gconstpointer data)
{
  const Setup *setup = data;
  g_autoptr(LServer) server = performance_listen ();
  g_autoptr(GPtrArray) idle = g_ptr_array_new_with_free_func (g_object_unref);

  performance_tell (link);
  performance_accept (server, idle, setup->n_idle);
  performance_tell (link);

  run_peer (link, 0, FALSE);
}

static void
run_client (gintptr       link,
            gconstpointer data)
{
  const Setup *setup = data;
  g_autoptr(GPtrArray) idle = g_ptr_array_new_with_free_func (g_object_unref);

  performance_await (link);
  for (int i = 0; i < setup->n_idle; i++)
    g_ptr_array_add (idle, performance_connect ());
  performance_await (link);

  run_peer (link, setup->n_round_trips, TRUE);
}

int
main (int    argc,
      char **argv)
{
  Setup setup = { 100000, 0 };
  const GOptionEntry options[] = {
    { "idle", 'i', G_OPTION_FLAG_NONE, G_OPTION_ARG_INT, &setup.n_idle,
      "Beside so many connections that have nothing to do (0)", "NUMBER" },
    G_OPTION_ENTRY_NULL
  };
  PerformanceCost cost;

  performance_init (&argc, &argv, options, &setup.n_round_trips);
  setup.n_idle = MAX (setup.n_idle, 0);
  performance_allow_connections (setup.n_idle);
  performance_run (run_server, run_client, &setup, &cost);

  g_print ("%u round trips of %d bytes on one processor beside %d idle connections: %.2f us each",
           setup.n_round_trips, PERFORMANCE_MESSAGE_SIZE, setup.n_idle, (double) cost.wall / setup.n_round_trips / 1000);
  if (cost.cpu > 0)
    g_print (", %.2f us of CPU in both processes", (double) cost.cpu / setup.n_round_trips / 1000);
  g_print ("\n");

  return EXIT_SUCCESS;
}
