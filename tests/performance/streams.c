/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <gio/gunixconnection.h>
#include <stdlib.h>

/* Round trips over GIO's streams: those of an LSocket against those of a GSocketConnection. */

#define MAX_ROUNDS 99

typedef struct _Peer Peer;

/* One end. The server answers until the client hangs up; the client counts. */
struct _Peer
{
  GInputStream  *input;
  GOutputStream *output;
  GMainLoop     *loop;
  void        (* write) (Peer *peer);
  guint          n_left;     /* round trips; no end at the server */
  gsize          n_read;     /* of the message */
  char           message[PERFORMANCE_MESSAGE_SIZE];
};

static void read_message (Peer *peer);

static void
on_read (GObject      *stream,
         GAsyncResult *result,
         gpointer      user_data)
{
  Peer *peer = user_data;
  g_autoptr(GError) error = NULL;
  gssize n_read;

  n_read = g_input_stream_read_finish (peer->input, result, &error);
  g_assert_no_error (error);

  peer->n_read += n_read;
  if (n_read > 0 && peer->n_read < sizeof peer->message)
    read_message (peer);
  else if (n_read == 0 || --peer->n_left == 0)
    g_main_loop_quit (peer->loop);
  else
    peer->write (peer);
}

static void
read_message (Peer *peer)
{
  g_input_stream_read_async (peer->input, peer->message + peer->n_read, sizeof peer->message - peer->n_read,
                             G_PRIORITY_DEFAULT, NULL, on_read, peer);
}

static void
read_next_message (Peer *peer)
{
  peer->n_read = 0;
  read_message (peer);
}

static void
on_written (GObject      *stream,
            GAsyncResult *result,
            gpointer      user_data)
{
  Peer *peer = user_data;
  g_autoptr(GError) error = NULL;
  gssize n_written;

  n_written = g_output_stream_write_finish (peer->output, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n_written, ==, PERFORMANCE_MESSAGE_SIZE);

  read_next_message (peer);
}

static void
write_async (Peer *peer)
{
  g_output_stream_write_async (peer->output, peer->message, sizeof peer->message, G_PRIORITY_DEFAULT, NULL, on_written,
                               peer);
}

static void
on_all_written (GObject      *stream,
                GAsyncResult *result,
                gpointer      user_data)
{
  Peer *peer = user_data;
  g_autoptr(GError) error = NULL;

  g_output_stream_write_all_finish (peer->output, result, NULL, &error);
  g_assert_no_error (error);

  read_next_message (peer);
}

static void
write_all_async (Peer *peer)
{
  g_output_stream_write_all_async (peer->output, peer->message, sizeof peer->message, G_PRIORITY_DEFAULT, NULL,
                                   on_all_written, peer);
}

static void
write_blocking (Peer *peer)
{
  g_autoptr(GError) error = NULL;

  g_output_stream_write_all (peer->output, peer->message, sizeof peer->message, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
write_and_read (Peer *peer)
{
  write_blocking (peer);
  read_next_message (peer);
}

static void
serve_in_loop (Peer *peer)
{
  read_next_message (peer);
  g_main_loop_run (peer->loop);
}

static void
request_in_loop (Peer *peer)
{
  peer->write (peer);
  g_main_loop_run (peer->loop);
}

static gboolean
read_blocking (Peer *peer)
{
  g_autoptr(GError) error = NULL;
  gsize n_read;

  g_input_stream_read_all (peer->input, peer->message, sizeof peer->message, &n_read, NULL, &error);
  g_assert_no_error (error);

  return n_read == sizeof peer->message;
}

static void
serve_blocking (Peer *peer)
{
  while (read_blocking (peer))
    peer->write (peer);
}

static void
request_blocking (Peer *peer)
{
  for (; peer->n_left > 0; peer->n_left--)
    {
      peer->write (peer);
      read_blocking (peer);
    }
}

typedef struct
{
  const char *name;
  void     (* write)   (Peer *peer);
  void     (* serve)   (Peer *peer);
  void     (* request) (Peer *peer);
} Workload;

static const Workload workloads[] = {
  { "read-async write-async", write_async, serve_in_loop, request_in_loop },
  { "read-async write-all-async", write_all_async, serve_in_loop, request_in_loop },
  { "read-async write", write_and_read, serve_in_loop, request_in_loop },
  { "read write", write_blocking, serve_blocking, request_blocking },
};

static GIOStream *
make_g_connection (int fd)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static GIOStream *
make_l_socket (int fd)
{
  g_autoptr(GError) error = NULL;
  LSocket *socket = l_socket_new ();

  l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  return G_IO_STREAM (socket);
}

typedef struct
{
  const char  *name;
  GIOStream *(*make) (int fd);
} Candidate;

/* The first is what the others are compared with. */
static const Candidate candidates[] = {
  { "GSocketConnection", make_g_connection },
  { "LSocket", make_l_socket },
};

typedef struct
{
  const Workload  *workload;
  const Candidate *candidate;
  guint            n_round_trips;
} Run;

static void
init_peer (Peer           *peer,
           GIOStream      *stream,
           const Workload *workload)
{
  peer->write = workload->write;
  peer->input = g_io_stream_get_input_stream (stream);
  peer->output = g_io_stream_get_output_stream (stream);
  peer->loop = g_main_loop_new (NULL, FALSE);
}

static void
run_server (gintptr       link,
            gconstpointer data)
{
  const Run *run = data;
  g_autoptr(GIOStream) stream = run->candidate->make (link);
  Peer peer = { .n_left = G_MAXUINT };

  init_peer (&peer, stream, run->workload);
  run->workload->serve (&peer);
  g_main_loop_unref (peer.loop);
}

static void
run_client (gintptr       link,
            gconstpointer data)
{
  const Run *run = data;
  g_autoptr(GIOStream) stream = run->candidate->make (link);
  Peer peer = { 0 };

  init_peer (&peer, stream, run->workload);
  peer.n_left = run->n_round_trips / 10 + 1;
  run->workload->request (&peer);

  performance_begin ();
  peer.n_left = run->n_round_trips;
  run->workload->request (&peer);
  performance_end ();

  g_main_loop_unref (peer.loop);
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  gint64 difference = *(const gint64 *) a - *(const gint64 *) b;

  return difference < 0 ? -1 : difference > 0;
}

/* Of one round trip, in microseconds. */
static double
get_median (gint64 *values,
            guint   n_values,
            guint   n_round_trips)
{
  qsort (values, n_values, sizeof *values, compare);

  return (double) values[n_values / 2] / n_round_trips / 1000;
}

static gboolean
is_wanted (const char *name,
           const char *only)
{
  return only == NULL || g_str_equal (name, only);
}

static void
measure (const Workload *workload,
         const char     *only,
         guint           n_round_trips,
         guint           n_rounds)
{
  gint64 wall[G_N_ELEMENTS (candidates)][MAX_ROUNDS];
  gint64 cpu[G_N_ELEMENTS (candidates)][MAX_ROUNDS];
  double first = 0;

  for (guint i = 0; i < n_rounds; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (candidates); j++)
      {
        Run run = { workload, &candidates[j], n_round_trips };
        PerformanceCost cost = { 0 };

        if (is_wanted (candidates[j].name, only))
          performance_run (run_server, run_client, &run, &cost);
        wall[j][i] = cost.wall;
        cpu[j][i] = cost.cpu;
      }

  for (gsize j = 0; j < G_N_ELEMENTS (candidates); j++)
    {
      double median = get_median (cpu[j], n_rounds, n_round_trips);

      if (!is_wanted (candidates[j].name, only))
        continue;
      if (first == 0)
        first = median;
      g_print ("%-30s %-20s %8.2f %8.2f %8.2f\n", workload->name, candidates[j].name,
               get_median (wall[j], n_rounds, n_round_trips), median, median / first);
    }
}

int
main (int    argc,
      char **argv)
{
  guint n_round_trips = 20000;
  int n_rounds = 5;
  g_autofree char *workload = NULL;
  g_autofree char *candidate = NULL;
  const GOptionEntry options[] = {
    { "rounds", 'r', G_OPTION_FLAG_NONE, G_OPTION_ARG_INT, &n_rounds, "The medians of how many runs (5)", "NUMBER" },
    { "workload", 'w', G_OPTION_FLAG_NONE, G_OPTION_ARG_STRING, &workload, "Only this, as “read write”", "WORKLOAD" },
    { "candidate", 'c', G_OPTION_FLAG_NONE, G_OPTION_ARG_STRING, &candidate, "Only this, as “LSocket”", "CANDIDATE" },
    G_OPTION_ENTRY_NULL
  };

  performance_init (&argc, &argv, options, &n_round_trips);
  n_rounds = CLAMP (n_rounds, 1, MAX_ROUNDS);

  g_print ("Round trips of %d bytes on one processor, medians of %d runs of %u; CPU of both processes\n",
           PERFORMANCE_MESSAGE_SIZE, n_rounds, n_round_trips);
  g_print ("%-30s %-20s %8s %8s %8s\n", "", "", "us", "CPU us", "ratio");
  for (gsize i = 0; i < G_N_ELEMENTS (workloads); i++)
    if (is_wanted (workloads[i].name, workload))
      measure (&workloads[i], candidate, n_round_trips, n_rounds);

  return EXIT_SUCCESS;
}
