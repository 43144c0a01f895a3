/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <uv.h>

/* libuv. */

#define READ_SIZE (256 * 1024)

/* What a program writes before it looks whether it is taken. */
#define BURST_SIZE      (64 * 1024)
#define MAX_QUEUED_SIZE (64 * 1024)

static const PerformanceRun *run;
static uv_loop_t *loop;

/* All connections of a process share it: it is read at once. */
static char buffer[READ_SIZE];

/* The client's */
static guint n_to_send, n_to_receive;

static void
check (int code)
{
  if (code < 0)
    g_error ("%s", uv_strerror (code));
}

static void
begin (const PerformanceRun *given_run)
{
  run = given_run;
  loop = uv_default_loop ();
}

static uv_pipe_t *
pipe_new (void)
{
  uv_pipe_t *pipe = g_new (uv_pipe_t, 1);

  uv_pipe_init (loop, pipe, 0);
  return pipe;
}

static void
pipe_close (uv_stream_t *pipe)
{
  uv_close ((uv_handle_t *) pipe, (uv_close_cb) g_free);
}

static void
on_alloc (uv_handle_t *handle,
          size_t       size,
          uv_buf_t    *buf)
{
  *buf = uv_buf_init (buffer, sizeof buffer);
}

static void
on_written (uv_write_t *request,
            int         status)
{
  check (status);
  g_free (request);
}

static void
send_bytes (uv_stream_t *pipe,
            gpointer     bytes,
            gsize        size,
            uv_write_cb  callback)
{
  uv_buf_t buf = uv_buf_init (bytes, size);

  check (uv_write (g_new (uv_write_t, 1), pipe, &buf, 1, callback));
}

/* The server */

static void
on_received (uv_stream_t    *pipe,
             ssize_t         n_read,
             const uv_buf_t *buf)
{
  gsize size = n_read > 0 ? performance_answer (run, n_read) : 0;

  if (n_read < 0)
    pipe_close (pipe);
  else if (size > 0)
    send_bytes (pipe, buf->base, size, on_written);
}

static void
on_connection (uv_stream_t *server,
               int          status)
{
  uv_pipe_t *pipe = pipe_new ();

  check (uv_accept (server, (uv_stream_t *) pipe));
  check (uv_read_start ((uv_stream_t *) pipe, on_alloc, on_received));
}

static void
serve (const PerformanceRun *given_run)
{
  uv_pipe_t *server;

  begin (given_run);
  server = pipe_new ();
  check (uv_pipe_bind (server, run->path));
  check (uv_listen ((uv_stream_t *) server, G_MAXINT, on_connection));
  performance_ready ();
  uv_run (loop, UV_RUN_DEFAULT);
}

/* The client */

static void
on_answer (uv_stream_t    *pipe,
           ssize_t         n_read,
           const uv_buf_t *buf)
{
  check (n_read);
  if (--n_to_receive == 0)
    uv_stop (loop);
  if (n_to_send == 0)
    return;

  n_to_send--;
  send_bytes (pipe, run->message, run->size, on_written);
}

static uv_stream_t *
connect_pipe (void)
{
  uv_pipe_t *pipe = pipe_new ();

  check (uv_pipe_open (pipe, performance_connect (run)));
  check (uv_read_start ((uv_stream_t *) pipe, on_alloc, on_answer));
  return (uv_stream_t *) pipe;
}

static void
go_round (uv_stream_t **pipes,
          guint         count)
{
  n_to_send = count;
  n_to_receive = count;

  for (guint i = 0; i < run->n_active && n_to_send > 0; i++, n_to_send--)
    send_bytes (pipes[i], run->message, run->size, on_written);

  uv_run (loop, UV_RUN_DEFAULT);
}

static void
ping (const PerformanceRun *given_run)
{
  g_autofree uv_stream_t **pipes = g_new (uv_stream_t *, given_run->n_active);

  begin (given_run);
  for (guint i = 0; i < run->n_idle; i++)
    connect_pipe ();
  for (guint i = 0; i < run->n_active; i++)
    pipes[i] = connect_pipe ();

  go_round (pipes, run->n_active);
  performance_begin ();
  go_round (pipes, run->count);
  performance_end ();
}

static void
on_connected (uv_connect_t *request,
              int           status)
{
  check (status);
  check (uv_read_start (request->handle, on_alloc, on_answer));
  send_bytes (request->handle, run->message, run->size, on_written);
}

static void
connect_once (void)
{
  uv_pipe_t *pipe = pipe_new ();
  uv_connect_t request;

  n_to_send = 0;
  n_to_receive = 1;
  uv_pipe_connect (&request, pipe, run->path, on_connected);
  uv_run (loop, UV_RUN_DEFAULT);
  pipe_close ((uv_stream_t *) pipe);
}

static void
churn (const PerformanceRun *given_run)
{
  begin (given_run);
  connect_once ();
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once ();
  performance_end ();
}

static void write_more (uv_stream_t *pipe);

static void
on_one_way_written (uv_write_t *request,
                    int         status)
{
  uv_stream_t *pipe = request->handle;

  on_written (request, status);
  if (uv_stream_get_write_queue_size (pipe) == 0)
    write_more (pipe);
}

static void
write_more (uv_stream_t *pipe)
{
  guint n_burst = MAX (BURST_SIZE / run->size, 1);

  while (n_to_send > 0 && uv_stream_get_write_queue_size (pipe) < MAX_QUEUED_SIZE)
    for (guint i = 0; i < n_burst && n_to_send > 0; i++, n_to_send--)
      send_bytes (pipe, run->message, run->size, on_one_way_written);
}

static void
on_acknowledged (uv_stream_t    *pipe,
                 ssize_t         n_read,
                 const uv_buf_t *buf)
{
  check (n_read);
  uv_stop (loop);
}

static void
write_messages (const PerformanceRun *given_run)
{
  uv_stream_t *pipe;

  begin (given_run);
  pipe = connect_pipe ();
  uv_read_stop (pipe);
  check (uv_read_start (pipe, on_alloc, on_acknowledged));
  send_bytes (pipe, run->message, 1, on_written);
  uv_run (loop, UV_RUN_DEFAULT);

  performance_begin ();
  n_to_send = run->count;
  write_more (pipe);
  uv_run (loop, UV_RUN_DEFAULT);
  performance_end ();
}

/* The last one's round trip shows that the server has them all. */
static void
open_connections (const PerformanceRun *given_run)
{
  begin (given_run);
  connect_once ();
  performance_begin ();
  for (guint i = 1; i < run->count; i++)
    connect_pipe ();
  connect_once ();
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve, write_messages },
  { "idle", serve, open_connections },
  { NULL }
};
