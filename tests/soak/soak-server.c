/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include <stdlib.h>

#define LISTEN_PAUSE 20     /* ms, until it tries again */
#define RELISTEN_PAUSE 1500 /* ms, on the average */

static LServer *server;
static char *server_name;
static gboolean relistens;
static gboolean is_measuring;
static guint n_sessions;
static GMainLoop *loop;

typedef struct
{
  LSocket *socket;
  SoakFlow flow;
  gint64   pid;
  guint64  cut_at;
} Session;

static void
be_quiet (void)
{
  if (is_measuring && n_sessions == 0)
    {
      is_measuring = FALSE;
      soak_control_quiet ();
    }
}

static gboolean
free_session (gpointer data)
{
  Session *session = data;

  g_object_unref (session->socket);
  g_free (session);
  n_sessions--;
  be_quiet ();
  return G_SOURCE_REMOVE;
}

static void
go_on (Session *session)
{
  SoakKind kind = session->flow.in.kind;

  soak_flow_push (&session->flow);
  if (kind == SOAK_CUT && session->flow.n_in + session->flow.n_out >= session->cut_at)
    l_socket_abort (session->socket);
  else if ((kind == SOAK_DOWNLOAD || kind == SOAK_SLOW || kind == SOAK_HALF_CLOSE) && soak_flow_is_sent (&session->flow))
    l_socket_disconnect_from_server (session->socket);
}

static void
begin (Session *session)
{
  const SoakHeader *in = &session->flow.in;

  soak_flow_begin (&session->flow, in->kind, in->wanted, 0);
  session->cut_at = g_random_double () * (in->size + in->wanted);
}

static void
on_ready_read (LIODevice *device,
               Session   *session)
{
  gboolean was_answered = session->flow.answered;

  soak_flow_pull (&session->flow, G_MAXSIZE);
  if (!session->flow.answered)
    return;

  /* A half-close has to come first. */
  if (!was_answered && session->flow.in.kind != SOAK_HALF_CLOSE)
    begin (session);
  go_on (session);
}

static void
on_bytes_written (LIODevice *device,
                  guint64    count,
                  Session   *session)
{
  go_on (session);
}

static void
on_read_channel_finished (LSocket *socket,
                          Session *session)
{
  if (l_socket_get_state (socket) != L_SOCKET_STATE_CONNECTED || !session->flow.answered)
    return;

  soak_flow_pull (&session->flow, G_MAXSIZE);
  if (session->flow.in.kind == SOAK_HALF_CLOSE)
    begin (session);
  go_on (session);
}

static void
on_disconnected (LSocket *socket,
                 Session *session)
{
  soak_flow_pull (&session->flow, G_MAXSIZE);
  soak_counts.n_sessions++;
  /* Who aborts has had an answer, so that a header has come. */
  if (!session->flow.answered || (!soak_kind_is_sudden (session->flow.in.kind) && !soak_flow_is_received (&session->flow)))
    soak_control_short (&session->flow, session->pid);
  g_signal_handlers_disconnect_by_data (socket, session);
  g_idle_add (free_session, session);
}

static void
on_new_connection (LServer *unused)
{
  LSocket *socket;

  while ((socket = l_server_next_pending_connection (server)) != NULL)
    {
      Session *session = g_new0 (Session, 1);

      session->socket = socket;
      session->pid = soak_get_peer_pid (socket);
      soak_flow_init (&session->flow, L_IO_DEVICE (socket));
      l_socket_set_half_open (socket, TRUE);
      g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), session);
      g_signal_connect (socket, "bytes-written", G_CALLBACK (on_bytes_written), session);
      g_signal_connect (socket, "read-channel-finished", G_CALLBACK (on_read_channel_finished), session);
      g_signal_connect (socket, "disconnected", G_CALLBACK (on_disconnected), session);
      n_sessions++;
      /* It may be over already. */
      if (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED)
        on_disconnected (socket, session);
    }
}

static void
on_error (LServer      *unused,
          LSocketError  code)
{
  g_error ("%s", l_server_get_error_string (server));
}

/* A name may still be held by connections of who had it before. */
static gboolean
listen_again (gpointer unused)
{
  g_autoptr(GError) error = NULL;

  if (l_server_listen (server, server_name, &error))
    return G_SOURCE_REMOVE;

  if (!g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE))
    g_error ("%s", error->message);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_relisten (gpointer unused)
{
  if (l_server_is_listening (server))
    {
      l_server_close (server);
      if (listen_again (NULL) == G_SOURCE_CONTINUE)
        g_timeout_add (LISTEN_PAUSE, listen_again, NULL);
    }

  g_timeout_add (g_random_int_range (1, 2 * RELISTEN_PAUSE), on_relisten, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
measure (gpointer unused)
{
  if (!l_server_is_listening (server))
    return G_SOURCE_CONTINUE;

  is_measuring = TRUE;
  be_quiet ();
  return G_SOURCE_REMOVE;
}

static void
on_command (const char *command)
{
  if (g_str_equal (command, "measure"))
    {
      if (measure (NULL) == G_SOURCE_CONTINUE)
        g_timeout_add (LISTEN_PAUSE, measure, NULL);
    }
  else if (g_str_equal (command, "quit"))
    g_main_loop_quit (loop);
}

int
soak_run_server (const char *base,
                 guint       number)
{
  loop = g_main_loop_new (NULL, FALSE);
  server_name = soak_build_name (base, number);
  relistens = number == SOAK_RELISTENING;
  server = l_server_new ();
  l_server_set_max_pending_connections (server, 1000);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  g_signal_connect (server, "error", G_CALLBACK (on_error), NULL);
  while (listen_again (NULL) == G_SOURCE_CONTINUE)
    g_usleep (LISTEN_PAUSE * 1000);

  soak_control_connect (base, number, on_command);
  if (relistens)
    on_relisten (NULL);
  g_main_loop_run (loop);

  l_server_close (server);
  g_object_unref (server);
  g_main_loop_unref (loop);
  g_free (server_name);
  return EXIT_SUCCESS;
}
