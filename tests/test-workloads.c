/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "test-workloads.h"

#include <glib/gstdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lsocket/l-system-private.h"
#include "test-talk.h"

#define LARGE_SIZE (64 * 1024)
#define SMALL_SIZE 16
#define N_IDLE     1000

/* Round trips by signals */

typedef struct
{
  LSocket   *client;
  LSocket   *server;
  GPtrArray *idle; /* (element-type LSocket) */
  TestTalk   talk;
} Talk;

static Talk *
talk_with (GCallback on_ready_read)
{
  Talk *talk = g_new0 (Talk, 1);

  test_make_pair (&talk->client, &talk->server);
  talk->talk.client = L_IO_DEVICE (talk->client);
  talk->idle = g_ptr_array_new_with_free_func (g_object_unref);
  g_signal_connect (talk->client, "ready-read", on_ready_read, &talk->talk);
  g_signal_connect (talk->server, "ready-read", on_ready_read, &talk->talk);

  return talk;
}

static gpointer
begin_talk (void)
{
  return talk_with (G_CALLBACK (test_on_message));
}

/* Each has two descriptors here. */
static gpointer
begin_idle (void)
{
  Talk *talk = begin_talk ();
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = MIN (limit.rlim_max, 4 * N_IDLE);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));

  for (guint i = 0; i < N_IDLE; i++)
    {
      LSocket *one, *other;

      test_make_pair (&one, &other);
      g_ptr_array_add (talk->idle, one);
      g_ptr_array_add (talk->idle, other);
    }

  return talk;
}

static void
go_talk (gpointer state,
         guint    count)
{
  Talk *talk = state;

  test_go_round (&talk->talk, count);
}

static void
end_talk (gpointer state)
{
  Talk *talk = state;

  g_object_unref (talk->client);
  g_object_unref (talk->server);
  g_ptr_array_unref (talk->idle);
  g_free (talk);
}

static char large_message[LARGE_SIZE];

static void
on_large_message (LIODevice *device,
                  TestTalk  *talk)
{
  if (l_io_device_get_bytes_available (device) < LARGE_SIZE)
    return;

  g_assert_cmpint (l_io_device_read (device, large_message, LARGE_SIZE, NULL), ==, LARGE_SIZE);
  if (device == talk->client && --talk->n_left == 0)
    return;

  g_assert_cmpint (l_io_device_write (device, large_message, LARGE_SIZE, NULL), ==, LARGE_SIZE);
}

static gpointer
begin_large_talk (void)
{
  return talk_with (G_CALLBACK (on_large_message));
}

static void
go_large_talk (gpointer state,
               guint    count)
{
  Talk *talk = state;

  talk->talk.n_left = count;
  l_io_device_write (talk->talk.client, large_message, LARGE_SIZE, NULL);
  while (talk->talk.n_left > 0)
    g_main_context_iteration (NULL, TRUE);
}

const TestWorkload test_round_trip = { begin_talk, go_talk, end_talk };
const TestWorkload test_idle = { begin_idle, go_talk, end_talk };
const TestWorkload test_large_round_trip = { begin_large_talk, go_large_talk, end_talk };

/* One way */

typedef struct
{
  LSocket *client;
  LSocket *server;
  gsize    size;     /* of a write */
  guint    n_writes; /* left */
  gsize    n_bytes;  /* that have not come */
} Flow;

/* 64 KiB at a time, and no more while there is something queued. */
static void
write_more (Flow *flow)
{
  LIODevice *device = L_IO_DEVICE (flow->client);

  while (flow->n_writes > 0 && l_io_device_get_bytes_to_write (device) < LARGE_SIZE)
    for (guint i = 0; i < LARGE_SIZE / flow->size && flow->n_writes > 0; i++, flow->n_writes--)
      g_assert_cmpint (l_io_device_write (device, large_message, flow->size, NULL), ==, flow->size);
}

static void
on_flow (LIODevice *device,
         Flow      *flow)
{
  flow->n_bytes -= l_io_device_skip (device, G_MAXSSIZE, NULL);
}

static Flow *
flow_of (gsize size)
{
  Flow *flow = g_new0 (Flow, 1);

  flow->size = size;
  test_make_pair (&flow->client, &flow->server);
  g_signal_connect_swapped (flow->client, "bytes-written", G_CALLBACK (write_more), flow);
  g_signal_connect (flow->server, "ready-read", G_CALLBACK (on_flow), flow);

  return flow;
}

static gpointer
begin_small_flow (void)
{
  return flow_of (SMALL_SIZE);
}

static gpointer
begin_large_flow (void)
{
  return flow_of (LARGE_SIZE);
}

static void
go_flow (gpointer state,
         guint    count)
{
  Flow *flow = state;

  flow->n_writes = count;
  flow->n_bytes = count * flow->size;
  write_more (flow);
  while (flow->n_bytes > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
end_flow (gpointer state)
{
  Flow *flow = state;

  g_object_unref (flow->client);
  g_object_unref (flow->server);
  g_free (flow);
}

const TestWorkload test_small_writes = { begin_small_flow, go_flow, end_flow };
const TestWorkload test_large_writes = { begin_large_flow, go_flow, end_flow };

/* Connections */

#define NAME "workloads"

typedef struct
{
  LServer *server;
  TestTalk talk;
} Visit;

static void
on_new_connection (LServer  *server,
                   TestTalk *talk)
{
  LSocket *socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (test_on_message), talk);
  g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
}

static gpointer
begin_visits (void)
{
  Visit *visit = g_new0 (Visit, 1);
  g_autoptr(GError) error = NULL;

  visit->server = l_server_new ();
  g_signal_connect (visit->server, "new-connection", G_CALLBACK (on_new_connection), &visit->talk);
  l_server_listen (visit->server, NAME, &error);
  g_assert_no_error (error);

  return visit;
}

static void
go_visits (gpointer state,
           guint    count)
{
  Visit *visit = state;

  for (guint i = 0; i < count; i++)
    {
      LSocket *client = l_socket_new ();

      visit->talk.client = L_IO_DEVICE (client);
      g_signal_connect (client, "ready-read", G_CALLBACK (test_on_message), &visit->talk);
      l_socket_connect_to_server (client, NAME, L_OPEN_MODE_READ_WRITE);
      test_go_round (&visit->talk, 1);
      l_socket_abort (client);
      g_object_unref (client);
    }
}

static void
end_visits (gpointer state)
{
  Visit *visit = state;

  l_server_close (visit->server);
  g_object_unref (visit->server);
  g_free (visit);
}

const TestWorkload test_connection = { begin_visits, go_visits, end_visits };

/* Waits */

typedef struct
{
  LSocket *socket;
  int      other;
} Wait;

static Wait waiting;
static int (* real_poll) (struct pollfd *fds, nfds_t n_fds, int msecs);

static int
answer_and_poll (struct pollfd *fds,
                 nfds_t         n_fds,
                 int            msecs)
{
  char message[TEST_MESSAGE_SIZE];

  g_assert_cmpint (recv (waiting.other, message, sizeof message, MSG_DONTWAIT), ==, sizeof message);
  g_assert_cmpint (send (waiting.other, message, sizeof message, 0), ==, sizeof message);
  return real_poll (fds, n_fds, msecs);
}

static gpointer
begin_wait (void)
{
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  waiting = (Wait) { test_adopt (fds[0]), fds[1] };
  real_poll = l_system.poll;
  l_system.poll = answer_and_poll;

  return &waiting;
}

static void
go_wait (gpointer state,
         guint    count)
{
  LIODevice *device = L_IO_DEVICE (waiting.socket);
  char message[TEST_MESSAGE_SIZE] = { 0 };

  for (guint i = 0; i < count; i++)
    {
      g_assert_cmpint (l_io_device_write (device, message, sizeof message, NULL), ==, sizeof message);
      g_assert_true (l_io_device_wait_for_ready_read (device, -1));
      g_assert_cmpint (l_io_device_read (device, message, sizeof message, NULL), ==, sizeof message);
    }
}

static void
end_wait (gpointer state)
{
  l_system.poll = real_poll;
  g_object_unref (waiting.socket);
  g_close (waiting.other, NULL);
}

const TestWorkload test_wait = { begin_wait, go_wait, end_wait };

/* Streams */

typedef struct _StreamEnd StreamEnd;

struct _StreamEnd
{
  GIOStream *stream;
  char       message[TEST_MESSAGE_SIZE];
  gboolean   is_client;
  guint      n_left;    /* answers that it waits for */
  gboolean   has_ended;
};

static void read_stream (StreamEnd *end);

static void
on_stream_written (GObject      *output,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  g_assert_true (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL));
  read_stream (user_data);
}

static void
write_stream (StreamEnd *end)
{
  g_output_stream_write_all_async (g_io_stream_get_output_stream (end->stream), end->message, sizeof end->message,
                                   G_PRIORITY_DEFAULT, NULL, on_stream_written, end);
}

static void
on_stream_read (GObject      *input,
                GAsyncResult *result,
                gpointer      user_data)
{
  StreamEnd *end = user_data;
  gssize n_read = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  end->has_ended = n_read <= 0;
  if (end->has_ended)
    return;

  g_assert_cmpint (n_read, ==, sizeof end->message);
  if (!end->is_client || --end->n_left > 0)
    write_stream (end);
}

static void
read_stream (StreamEnd *end)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (end->stream), end->message, sizeof end->message,
                             G_PRIORITY_DEFAULT, NULL, on_stream_read, end);
}

/* The client and the server. */
static gpointer
begin_sync_streams (void)
{
  StreamEnd *ends = g_new0 (StreamEnd, 2);
  LSocket *client, *server;

  test_make_pair (&client, &server);
  ends[0].stream = G_IO_STREAM (client);
  ends[0].is_client = TRUE;
  ends[1].stream = G_IO_STREAM (server);

  return ends;
}

static gpointer
begin_async_streams (void)
{
  StreamEnd *ends = begin_sync_streams ();

  read_stream (&ends[1]);
  return ends;
}

static void
go_async_streams (gpointer state,
                  guint    count)
{
  StreamEnd *ends = state;

  ends[0].n_left = count;
  write_stream (&ends[0]);
  while (ends[0].n_left > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
send_over_stream (StreamEnd *from,
                  StreamEnd *to)
{
  gssize n_read;

  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (from->stream), from->message,
                                            sizeof from->message, NULL, NULL, NULL));
  n_read = g_input_stream_read (g_io_stream_get_input_stream (to->stream), to->message, sizeof to->message, NULL, NULL);
  g_assert_cmpint (n_read, ==, sizeof to->message);
}

static void
go_sync_streams (gpointer state,
                 guint    count)
{
  StreamEnd *ends = state;

  for (guint i = 0; i < count; i++)
    {
      send_over_stream (&ends[0], &ends[1]);
      send_over_stream (&ends[1], &ends[0]);
    }
}

static void
end_sync_streams (gpointer state)
{
  StreamEnd *ends = state;

  g_object_unref (ends[0].stream);
  g_object_unref (ends[1].stream);
  g_free (ends);
}

static void
end_async_streams (gpointer state)
{
  StreamEnd *ends = state;

  g_assert_true (g_io_stream_close (ends[0].stream, NULL, NULL));
  while (!ends[1].has_ended)
    g_main_context_iteration (NULL, TRUE);
  end_sync_streams (state);
}

const TestWorkload test_async_streams = { begin_async_streams, go_async_streams, end_async_streams };
const TestWorkload test_sync_streams = { begin_sync_streams, go_sync_streams, end_sync_streams };
