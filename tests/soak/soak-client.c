/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include <math.h>
#include <stdlib.h>

#define N_SESSIONS 12
#define MAX_SIZE (1024 * 1024)
#define SLOW_SIZE (128 * 1024)
#define SLOW_PAUSE 5     /* ms */
#define SLOW_PIECE 4096
#define SILENCE 1500     /* ms, at most */
#define CONNECT_PAUSE 20 /* ms, until it tries again */

/* In which handler a connection is taken for ended, and the next one begun. */
typedef enum
{
  END_STATE_CHANGED,
  END_READ_CHANNEL_FINISHED,
  END_DISCONNECTED,
  N_ENDS,
} End;

typedef struct
{
  LSocket *socket; /* (nullable) */
  SoakFlow flow;
  SoakKind kind;
  guint    server;
  End      end;
  guint64  abort_at;
  gint64   pid;
  gboolean is_running;
  gboolean is_connected; /* or was, in this session */
  gboolean is_shut_down;
  guint    timer;        /* of who is slow or silent */
} Session;

static char *server_names[SOAK_N_SERVERS];
static Session sessions[N_SESSIONS];
static gboolean is_paused = TRUE; /* until it is told to go */
static gboolean is_asked;
static guint n_running;
static GMainLoop *loop;

static void begin (Session *session);

/* Most are small. */
static guint64
choose_size (void)
{
  return (guint64) pow (MAX_SIZE, g_random_double ());
}

static void
go_on (Session *session)
{
  SoakFlow *flow = &session->flow;

  soak_flow_push (flow);
  switch (session->kind)
    {
    case SOAK_UPLOAD:
      if (soak_flow_is_sent (flow))
        l_socket_disconnect_from_server (session->socket);
      break;
    case SOAK_BOTH:
      if (soak_flow_is_sent (flow) && soak_flow_is_received (flow))
        l_socket_disconnect_from_server (session->socket);
      break;
    case SOAK_HALF_CLOSE:
      if (soak_flow_is_sent (flow) && !session->is_shut_down &&
          l_socket_get_state (session->socket) == L_SOCKET_STATE_CONNECTED)
        {
          g_autoptr(GError) error = NULL;

          session->is_shut_down = TRUE;
          if (!l_socket_shutdown_write (session->socket, &error))
            g_error ("%s", error->message);
        }
      break;
    case SOAK_ABORT:
      if (flow->answered && flow->n_out + flow->n_in >= session->abort_at)
        l_socket_abort (session->socket);
      break;
    case SOAK_DOWNLOAD:
    case SOAK_SLOW:
    case SOAK_SILENT:
    case SOAK_CUT:
    case SOAK_N_KINDS:
      break;
    }
}

static gboolean
on_slow (gpointer data)
{
  Session *session = data;

  soak_flow_pull (&session->flow, SLOW_PIECE);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_silent (gpointer data)
{
  Session *session = data;

  /* What is sudden is so after an answer: then a header has come at the other end. */
  if (l_socket_get_state (session->socket) == L_SOCKET_STATE_CONNECTED &&
      l_io_device_get_bytes_available (L_IO_DEVICE (session->socket)) == 0)
    return G_SOURCE_CONTINUE;

  session->timer = 0;
  l_socket_abort (session->socket);
  return G_SOURCE_REMOVE;
}

static gboolean
on_begin (gpointer data)
{
  begin (data);
  return G_SOURCE_REMOVE;
}

/* No socket is kept while all rest. */
static gboolean
rest (gpointer unused)
{
  if (!is_asked || n_running > 0)
    return G_SOURCE_REMOVE;

  is_asked = FALSE;
  for (guint i = 0; i < N_SESSIONS; i++)
    g_clear_object (&sessions[i].socket);
  soak_control_quiet ();
  return G_SOURCE_REMOVE;
}

/* What ends without having been connected is begun again after a while: it would end at once again. */
static void
finish (Session *session)
{
  SoakFlow *flow = &session->flow;
  gboolean was_connected = session->is_connected;

  g_clear_handle_id (&session->timer, g_source_remove);
  session->is_running = session->is_connected = FALSE;
  if (was_connected)
    {
      soak_flow_pull (flow, G_MAXSIZE);
      soak_counts.n_sessions++;
      if (session->kind != SOAK_UPLOAD && !soak_kind_is_sudden (session->kind) && !soak_flow_is_received (flow))
        soak_control_short (flow, session->pid);
    }

  if (is_paused)
    {
      n_running--;
      g_idle_add (rest, NULL);
    }
  else if (!was_connected)
    g_timeout_add (CONNECT_PAUSE, on_begin, session);
  else if (g_random_boolean ())
    {
      soak_counts.n_reconnects++;
      begin (session);
    }
  else
    {
      g_signal_handlers_disconnect_by_data (session->socket, session);
      g_clear_object (&session->socket);
      g_idle_add (on_begin, session);
    }
}

static void
on_end (Session *session,
        End      end)
{
  if (session->is_running && end >= session->end && l_socket_get_state (session->socket) == L_SOCKET_STATE_UNCONNECTED)
    finish (session);
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  Session      *session)
{
  if (state == L_SOCKET_STATE_CONNECTED)
    {
      session->is_connected = TRUE;
      session->pid = soak_get_peer_pid (socket);
    }
  else if (state == L_SOCKET_STATE_UNCONNECTED && !session->is_connected && session->is_running)
    finish (session);
  else if (state == L_SOCKET_STATE_UNCONNECTED)
    on_end (session, END_STATE_CHANGED);
}

static void
on_connected (LSocket *socket,
              Session *session)
{
  go_on (session);
}

static void
on_bytes_written (LSocket *socket,
                  guint64  count,
                  Session *session)
{
  if (session->is_running)
    go_on (session);
}

static void
on_ready_read (LSocket *socket,
               Session *session)
{
  if (!session->is_running || session->kind == SOAK_SLOW || session->kind == SOAK_SILENT)
    return;

  soak_flow_pull (&session->flow, G_MAXSIZE);
  go_on (session);
}

/* That of a server that stays is to be had all the time. */
static void
on_error (LSocket      *socket,
          LSocketError  code,
          Session      *session)
{
  if (session->server == 0 && !session->is_connected)
    g_error ("%s", l_io_device_get_error_string (L_IO_DEVICE (socket)));
}

static void
on_read_channel_finished (LSocket *socket,
                          Session *session)
{
  on_end (session, END_READ_CHANNEL_FINISHED);
}

static void
on_disconnected (LSocket *socket,
                 Session *session)
{
  on_end (session, END_DISCONNECTED);
}

static void
make_socket (Session *session)
{
  LSocket *socket = session->socket = l_socket_new ();

  g_signal_connect (socket, "state-changed", G_CALLBACK (on_state_changed), session);
  g_signal_connect (socket, "connected", G_CALLBACK (on_connected), session);
  g_signal_connect (socket, "bytes-written", G_CALLBACK (on_bytes_written), session);
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), session);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), session);
  g_signal_connect (socket, "read-channel-finished", G_CALLBACK (on_read_channel_finished), session);
  g_signal_connect (socket, "disconnected", G_CALLBACK (on_disconnected), session);
}

static SoakKind
choose_kind (void)
{
  SoakKind kind;

  do
    kind = g_random_int_range (0, SOAK_N_KINDS);
  while (kind == SOAK_HALF_CLOSE && !soak_can_half_close);

  return kind;
}

static void
begin (Session *session)
{
  guint64 size = choose_size (), wanted = choose_size ();

  if (is_paused)
    {
      n_running--;
      g_idle_add (rest, NULL);
      return;
    }

  if (session->socket == NULL)
    make_socket (session);
  session->kind = choose_kind ();
  session->server = g_random_int_range (0, SOAK_N_SERVERS);
  session->end = g_random_int_range (0, N_ENDS);
  session->is_running = TRUE;
  session->is_shut_down = FALSE;
  session->pid = -1;
  session->abort_at = g_random_double () * (size + wanted);

  if (session->kind == SOAK_UPLOAD)
    wanted = 0;
  else if (session->kind == SOAK_DOWNLOAD)
    size = 0;
  else if (session->kind == SOAK_SLOW)
    {
      size = 0;
      wanted = MIN (wanted, SLOW_SIZE);
      session->timer = g_timeout_add (SLOW_PAUSE, on_slow, session);
    }
  else if (session->kind == SOAK_SILENT)
    session->timer = g_timeout_add (g_random_int_range (1, SILENCE), on_silent, session);

  soak_flow_init (&session->flow, L_IO_DEVICE (session->socket));
  soak_flow_begin (&session->flow, session->kind, size, wanted);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (session->socket),
                                    session->kind == SOAK_SLOW || session->kind == SOAK_SILENT ? SLOW_PIECE : 0);
  l_socket_connect_to_server (session->socket, server_names[session->server], L_OPEN_MODE_READ_WRITE);
}

static void
on_command (const char *command)
{
  if (g_str_equal (command, "pause"))
    {
      is_paused = is_asked = TRUE;
      g_idle_add (rest, NULL);
    }
  else if (g_str_equal (command, "go"))
    {
      is_paused = FALSE;
      n_running = N_SESSIONS;
      for (guint i = 0; i < N_SESSIONS; i++)
        g_idle_add (on_begin, &sessions[i]);
    }
  else if (g_str_equal (command, "quit"))
    g_main_loop_quit (loop);
}

int
soak_run_client (const char *base,
                 guint       number)
{
  loop = g_main_loop_new (NULL, FALSE);
  for (guint i = 0; i < SOAK_N_SERVERS; i++)
    server_names[i] = soak_build_name (base, i);

  soak_control_connect (base, number, on_command);
  g_main_loop_run (loop);

  for (guint i = 0; i < SOAK_N_SERVERS; i++)
    g_free (server_names[i]);
  g_main_loop_unref (loop);
  return EXIT_SUCCESS;
}
