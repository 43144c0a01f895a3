/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pattern.h"
#include "test-util.h"

#include <stdlib.h>

/* A server and a client that are processes of their own say as much to each other as the system takes, both at once. Each
 * compares every byte that comes. */

#define MIB (1024 * 1024)
#define PIECE (256 * 1024)

/* How long a process may stand still. */
#define PATIENCE (10 * G_TIME_SPAN_SECOND)

#define PEER "--peer"

static const char *program;

typedef struct
{
  LSocket *socket;
  guint64  size;      /* to send, and to receive */
  guint64  n_written;
  guint64  n_read;
} End;

static void
write_pieces (End *end)
{
  static guint8 piece[PIECE];
  g_autoptr(GError) error = NULL;

  while (end->n_written < end->size && l_io_device_get_bytes_to_write (L_IO_DEVICE (end->socket)) < 2 * PIECE)
    {
      gsize count = MIN (PIECE, end->size - end->n_written);

      test_pattern_fill (piece, end->n_written, count);
      g_assert_cmpint (l_io_device_write (L_IO_DEVICE (end->socket), piece, count, &error), ==, count);
      g_assert_no_error (error);
      end->n_written += count;
    }
}

static void
on_ready_read (LIODevice *device,
               End       *end)
{
  static guint8 piece[PIECE];
  gssize count;

  while ((count = l_io_device_read (device, piece, sizeof piece, NULL)) > 0)
    {
      test_pattern_assert (piece, end->n_read, count);
      end->n_read += count;
    }
}

static guint64
count_left (const End *end)
{
  return 2 * end->size - end->n_read - end->n_written + l_io_device_get_bytes_to_write (L_IO_DEVICE (end->socket));
}

/* Takes the socket. */
static void
exchange (LSocket *socket,
          guint64  size)
{
  End end = { socket, size, 0, 0 };
  guint64 n_left = count_left (&end);
  gint64 moved = g_get_monotonic_time ();

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), &end);
  g_signal_connect_swapped (socket, "bytes-written", G_CALLBACK (write_pieces), &end);
  write_pieces (&end);

  while (n_left > 0)
    {
      gint64 now;

      test_turn ();
      now = g_get_monotonic_time ();
      if (count_left (&end) != n_left)
        moved = now;
      n_left = count_left (&end);

      if (now - moved > PATIENCE)
        g_error ("stalled: %" G_GUINT64_FORMAT " written, %" G_GUINT64_FORMAT " read of %" G_GUINT64_FORMAT,
                 end.n_written, end.n_read, size);
    }

  l_socket_disconnect_from_server (socket);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpuint (end.n_read, ==, size);
  g_signal_handlers_disconnect_by_data (socket, &end);
  g_object_unref (socket);
}

static int
run_peer (const char *name,
          const char *size)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_connect_to_server_sync (socket, name, L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  exchange (socket, g_ascii_strtoull (size, NULL, 10));
  return EXIT_SUCCESS;
}

static void
test_both_ways (void)
{
  guint64 size = (guint64) (g_test_slow () ? 1024 : 64) * MIB;
  gint64 began;
  g_autofree char *size_text = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GSubprocess) peer = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  l_server_listen (server, "both-ways", &error);
  g_assert_no_error (error);
  peer = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program, PEER, "both-ways", size_text, NULL);
  g_assert_no_error (error);
  g_subprocess_wait_check_async (peer, NULL, test_store_result, &result);

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  began = g_get_monotonic_time ();
  exchange (l_server_next_pending_connection (server), size);
  g_test_message ("%" G_GUINT64_FORMAT " MiB each way in %.2f s", size / MIB,
                  (double) (g_get_monotonic_time () - began) / G_TIME_SPAN_SECOND);

  TEST_TURN_UNTIL (result != NULL);
  g_subprocess_wait_check_finish (peer, result, &error);
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  if (argc == 4 && g_str_equal (argv[1], PEER))
    return run_peer (argv[2], argv[3]);

  test_init (&argc, &argv);
  g_test_add_func ("/processes/both-ways", test_both_ways);
  return test_run ();
}
