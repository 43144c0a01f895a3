/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gio/gfiledescriptorbased.h>
#include <sys/socket.h>

#include "test-util.h"

/* What the streams have on Unix alone. */

typedef struct
{
  TestRaw raw;
  gintptr blocked; /* the thread that is to block */
} Peer;

static gpointer
write_text (gpointer user_data)
{
  Peer *peer = user_data;

  test_wait_until_blocked (peer->blocked);
  test_raw_write (peer->raw, "abc");

  return NULL;
}

static void
test_read_with_broken_output (void)
{
  LSocket *socket;
  GThread *thread;
  GInputStream *input;
  gint64 before, spent;
  char buffer[3];
  Peer peer;

  g_test_summary ("A blocking read with output that cannot be sent sleeps until something comes");

  socket = test_socket_with_raw_peer (&peer.raw);
  peer.blocked = test_get_thread ();
  input = g_io_stream_get_input_stream (G_IO_STREAM (socket));
  g_assert_cmpint (shutdown (peer.raw, SHUT_RD), ==, 0);
  test_write (socket, "lost");

  thread = g_thread_new ("peer", write_text, &peer);
  before = test_get_cpu_time ();
  g_assert_cmpint (g_input_stream_read (input, buffer, sizeof buffer, NULL, NULL), ==, 3);
  spent = test_get_cpu_time () - before;
  g_assert_cmpmem (buffer, 3, "abc", 3);
  g_assert_cmpint (spent, <, G_TIME_SPAN_SECOND);

  g_thread_join (thread);
  g_object_unref (socket);
  test_raw_close (peer.raw);
}

static void
test_descriptor (void)
{
  TestPair pair = { NULL };
  GFileDescriptorBased *input, *output;
  int fd;

  test_pair_init (&pair);
  input = G_FILE_DESCRIPTOR_BASED (g_io_stream_get_input_stream (G_IO_STREAM (pair.client)));
  output = G_FILE_DESCRIPTOR_BASED (g_io_stream_get_output_stream (G_IO_STREAM (pair.client)));
  fd = (int) l_socket_get_socket_descriptor (pair.client);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (g_file_descriptor_based_get_fd (input), ==, fd);
  g_assert_cmpint (g_file_descriptor_based_get_fd (output), ==, fd);

  l_socket_abort (pair.client);
  g_assert_cmpint (g_file_descriptor_based_get_fd (input), ==, -1);
  g_assert_cmpint (g_file_descriptor_based_get_fd (output), ==, -1);
  test_pair_clear (&pair);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/stream/read/with-broken-output", test_read_with_broken_output);
  test_add ("/stream/descriptor", test_descriptor);

  return test_run ();
}
