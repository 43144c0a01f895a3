/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "streams.h"

#define READ_SIZE (64 * 1024)

/* One end of a connection. */
typedef struct
{
  const PerformanceRun *run;
  GIOStream            *stream;
  GOutputVector         vector;
  guint8                message[READ_SIZE];
} End;

/* Of the functions that write, g_output_stream_writev_async() is the one for which GIO makes no GTask. */
static gboolean uses_vectors;

/* The client's */
static struct
{
  guint n_to_send;
  guint n_to_receive;
} client;

static End *
end_new (const PerformanceRun *run,
         GIOStream            *stream)
{
  End *end = g_new (End, 1);

  end->run = run;
  end->stream = stream;
  return end;
}

static void
end_free (End *end)
{
  g_object_unref (end->stream);
  g_free (end);
}

static void
read_message (End                 *end,
              gsize                size,
              GAsyncReadyCallback  callback)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (end->stream), end->message, size, G_PRIORITY_DEFAULT, NULL,
                             callback, end);
}

static gsize
finish_read (GObject      *input,
             GAsyncResult *result)
{
  g_autoptr(GError) error = NULL;
  gssize n_read;

  n_read = g_input_stream_read_finish (G_INPUT_STREAM (input), result, &error);
  g_assert_no_error (error);

  return n_read;
}

static void
write_message (End                 *end,
               gconstpointer        message,
               gsize                size,
               GAsyncReadyCallback  callback)
{
  GOutputStream *output = g_io_stream_get_output_stream (end->stream);

  end->vector.buffer = message;
  end->vector.size = size;
  if (uses_vectors)
    g_output_stream_writev_async (output, &end->vector, 1, G_PRIORITY_DEFAULT, NULL, callback, end);
  else
    g_output_stream_write_all_async (output, message, size, G_PRIORITY_DEFAULT, NULL, callback, end);
}

static void
finish_write (GObject      *output,
              GAsyncResult *result)
{
  g_autoptr(GError) error = NULL;

  if (uses_vectors)
    g_output_stream_writev_finish (G_OUTPUT_STREAM (output), result, NULL, &error);
  else
    g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, &error);
  g_assert_no_error (error);
}

/* The server */

static void on_received (GObject      *input,
                         GAsyncResult *result,
                         gpointer      user_data);

static void
on_answered (GObject      *output,
             GAsyncResult *result,
             gpointer      user_data)
{
  finish_write (output, result);
  read_message (user_data, READ_SIZE, on_received);
}

static void
on_received (GObject      *input,
             GAsyncResult *result,
             gpointer      user_data)
{
  End *end = user_data;
  gsize n_read = finish_read (input, result);
  gsize size = n_read > 0 ? performance_answer (end->run, n_read) : 0;

  if (n_read == 0)
    end_free (end);
  else if (size > 0)
    write_message (end, end->message, size, on_answered);
  else
    read_message (end, READ_SIZE, on_received);
}

void
streams_answer (const PerformanceRun *run,
                GIOStream            *stream)
{
  read_message (end_new (run, stream), READ_SIZE, on_received);
}

static void
serve (const PerformanceRun *run)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  streams_listen (run);
  performance_ready ();
  g_main_loop_run (loop);
}

static gsize
read_blocking (End   *end,
               gsize  size)
{
  g_autoptr(GError) error = NULL;
  gssize n_read;

  n_read = g_input_stream_read (g_io_stream_get_input_stream (end->stream), end->message, size, NULL, &error);
  g_assert_no_error (error);

  return n_read;
}

static void
write_blocking (End   *end,
                gsize  size)
{
  g_autoptr(GError) error = NULL;

  g_output_stream_write_all (g_io_stream_get_output_stream (end->stream), end->message, size, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
serve_blocking (const PerformanceRun *run)
{
  gpointer server = streams_listen_blocking (run);

  performance_ready ();
  while (TRUE)
    {
      End *end = end_new (run, streams_accept (server));
      gsize n_read;

      while ((n_read = read_blocking (end, READ_SIZE)) > 0)
        write_blocking (end, performance_answer (run, n_read));
      end_free (end);
    }
}

/* The client */

static End *
connect_end (const PerformanceRun *run)
{
  return end_new (run, streams_connect (run));
}

static void on_sent (GObject      *output,
                     GAsyncResult *result,
                     gpointer      user_data);

static void
send_message (End *end)
{
  client.n_to_send--;
  write_message (end, end->run->message, end->run->size, on_sent);
}

static void
on_answer (GObject      *input,
           GAsyncResult *result,
           gpointer      user_data)
{
  End *end = user_data;

  finish_read (input, result);
  client.n_to_receive--;
  if (client.n_to_send > 0)
    send_message (end);
}

static void
on_sent (GObject      *output,
         GAsyncResult *result,
         gpointer      user_data)
{
  End *end = user_data;

  finish_write (output, result);
  read_message (end, end->run->size, on_answer);
}

static void
await_answers (void)
{
  while (client.n_to_receive > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
go_round (const PerformanceRun *run,
          End                 **ends,
          guint                 count)
{
  client.n_to_send = count;
  client.n_to_receive = count;

  for (guint i = 0; i < run->n_active && client.n_to_send > 0; i++)
    send_message (ends[i]);

  await_answers ();
}

/* An end that waits for what never comes */
static End *
connect_idle (const PerformanceRun *run)
{
  End *end = connect_end (run);

  read_message (end, run->size, on_answer);
  return end;
}

static void
ping (const PerformanceRun *run)
{
  g_autofree End **ends = g_new (End *, run->n_active);

  for (guint i = 0; i < run->n_idle; i++)
    connect_idle (run);
  for (guint i = 0; i < run->n_active; i++)
    ends[i] = connect_end (run);

  go_round (run, ends, run->n_active);
  performance_begin ();
  go_round (run, ends, run->count);
  performance_end ();
}

/* Small messages, which go in one piece. */
static void
serve_vectors (const PerformanceRun *run)
{
  uses_vectors = TRUE;
  serve (run);
}

static void
ping_vectors (const PerformanceRun *run)
{
  uses_vectors = TRUE;
  ping (run);
}

static void
connect_once (const PerformanceRun *run)
{
  End *end = connect_end (run);

  go_round (run, &end, 1);
  g_io_stream_close (end->stream, NULL, NULL);
  end_free (end);
}

static void
churn (const PerformanceRun *run)
{
  connect_once (run);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once (run);
  performance_end ();
}

static void
on_one_way_sent (GObject      *output,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  End *end = user_data;

  finish_write (output, result);
  if (--client.n_to_send > 0)
    write_message (end, end->run->message, end->run->size, on_one_way_sent);
}

static void
send_one_way (End   *end,
              guint  count,
              gsize  size)
{
  client.n_to_send = count;
  client.n_to_receive = 1;
  write_message (end, end->run->message, size, on_one_way_sent);
  await_answers ();
}

static void
on_acknowledged (GObject      *input,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  finish_read (input, result);
  client.n_to_receive--;
}

static void
write_messages (const PerformanceRun *run)
{
  End *end = connect_end (run);

  read_message (end, 1, on_acknowledged);
  send_one_way (end, 1, 1);

  performance_begin ();
  read_message (end, 1, on_acknowledged);
  send_one_way (end, run->count, run->size);
  performance_end ();
}

static void
go_round_blocking (End *end)
{
  write_blocking (end, end->run->size);
  read_blocking (end, end->run->size);
}

static void
wait_for_answers (const PerformanceRun *run)
{
  End *end = connect_end (run);

  go_round_blocking (end);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    go_round_blocking (end);
  performance_end ();
}

/* The last one's round trip shows that the server has them all. */
static void
open_connections (const PerformanceRun *run)
{
  connect_once (run);
  performance_begin ();
  for (guint i = 1; i < run->count; i++)
    connect_idle (run);
  connect_once (run);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "vectors", serve_vectors, ping_vectors },
  { "churn", serve, churn },
  { "write", serve, write_messages },
  { "wait", serve_blocking, wait_for_answers },
  { "idle", serve, open_connections },
  { NULL }
};
