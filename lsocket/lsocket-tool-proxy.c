/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

/* A client that is joined to the server, as if nobody stood between: what one sends the other gets, ends that come
 * alone go on alone, and who takes nothing brings the other to a halt. Only what is passed on is logged. */

#define PIECE (64 * 1024)
#define BUFFER_SIZE (4 * PIECE)

typedef struct _Side Side;

struct _Side
{
  ToolProxy  *proxy;
  Side       *other;
  LSocket    *socket;      /* (owned) */
  const char *name;        /* in the log: words that are the same in every language */
  char        mark;
  guint64     offset;      /* of what comes next */
  gsize       unsent;      /* of what was written, when last looked at */

  guint was_connected : 1;
  guint is_finished : 1;   /* it says nothing more */
  guint is_passed : 1;     /* and the other was told so */
};

struct _ToolProxy
{
  guint          number;
  ToolLog       *log;
  ToolProxyFunc  ended;
  gpointer       user_data;
  guint          end_id;
  Side           client;
  Side           server;
};

static gboolean
is_in_state (Side         *side,
             LSocketState  state)
{
  return l_socket_get_state (side->socket) == state;
}

static gboolean
on_end (gpointer user_data)
{
  ToolProxy *self = user_data;

  self->end_id = 0;
  tool_log_event (self->log, self->number, "closed");
  self->ended (self, self->user_data);
  return G_SOURCE_REMOVE;
}

/* From the loop: a handler of a socket may be running. */
static void
check_end (ToolProxy *self)
{
  if (is_in_state (&self->client, L_SOCKET_STATE_UNCONNECTED) &&
      is_in_state (&self->server, L_SOCKET_STATE_UNCONNECTED) && self->end_id == 0)
    self->end_id = g_idle_add (on_end, self);
}

static void
count_unsent (Side *side)
{
  side->unsent = l_io_device_get_bytes_to_write (L_IO_DEVICE (side->socket));
}

static gboolean
can_take (Side *side)
{
  return is_in_state (side, L_SOCKET_STATE_CONNECTED) && side->unsent <= BUFFER_SIZE - PIECE &&
         !tool_log_is_full (side->proxy->log);
}

static void
pass_bytes (Side *side)
{
  ToolProxy *self = side->proxy;

  while (can_take (side->other))
    {
      g_autoptr(GBytes) bytes = l_io_device_read_bytes (L_IO_DEVICE (side->socket), PIECE, NULL);

      if (bytes == NULL || g_bytes_get_size (bytes) == 0)
        return;

      tool_log_bytes (self->log, self->number, side->mark, side->offset, bytes);
      side->offset += g_bytes_get_size (bytes);
      l_io_device_write_bytes (L_IO_DEVICE (side->other->socket), bytes, NULL);
      count_unsent (side->other);
    }
}

/* Whether all that it said was passed on, or nobody is there who could take the rest. */
static gboolean
is_drained (Side *side)
{
  return side->is_finished && (is_in_state (side->other, L_SOCKET_STATE_UNCONNECTED) ||
                               l_io_device_get_bytes_available (L_IO_DEVICE (side->socket)) == 0);
}

static void
pass_end (Side *side)
{
  Side *other = side->other;
  gboolean is_news = !side->is_passed;

  side->is_passed = TRUE;
  /* Not an end that is only the answer to the other's. */
  if (is_news && side->was_connected && !is_in_state (other, L_SOCKET_STATE_UNCONNECTED))
    tool_log_event (side->proxy->log, side->proxy->number, "%s ended", side->name);

  if (is_in_state (side, L_SOCKET_STATE_UNCONNECTED) || other->is_finished || !tool_process_has_half_close ())
    l_socket_disconnect_from_server (other->socket);
  else if (is_news)
    l_socket_shutdown_write (other->socket, NULL);
}

static void
update_side (Side *side)
{
  pass_bytes (side);
  if (!is_drained (side))
    return;

  /* A server that is busy is still given what a client said before it went. */
  if (is_in_state (side->other, L_SOCKET_STATE_CONNECTING) && !is_in_state (side, L_SOCKET_STATE_UNCONNECTED))
    return;

  pass_end (side);
}

void
tool_proxy_update (ToolProxy *self)
{
  update_side (&self->client);
  update_side (&self->server);
  check_end (self);
}

/* Signals */

static void
on_ready_read (LIODevice *device,
               Side      *side)
{
  tool_proxy_update (side->proxy);
}

static void
on_bytes_written (LIODevice *device,
                  guint64    count,
                  Side      *side)
{
  count_unsent (side);
  tool_proxy_update (side->proxy);
}

static void
on_read_channel_finished (LIODevice *device,
                          Side      *side)
{
  side->is_finished = TRUE;
  tool_proxy_update (side->proxy);
}

/* That a side hangs up is no error, if it has got everything. */
static void
on_error (LIODevice    *device,
          LSocketError  error,
          Side         *side)
{
  if (error != L_SOCKET_ERROR_PEER_CLOSED || side->unsent > 0)
    tool_log_event (side->proxy->log, side->proxy->number, "%s: %s", side->name,
                    l_io_device_get_error_string (device));
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  Side         *side)
{
  if (state == L_SOCKET_STATE_CONNECTED)
    {
      side->was_connected = TRUE;
      tool_log_event (side->proxy->log, side->proxy->number, "%s connected", side->name);
    }

  /* An attempt that failed has no other end. */
  if (state == L_SOCKET_STATE_UNCONNECTED)
    side->is_finished = TRUE;
  tool_proxy_update (side->proxy);
}

static void
init_side (ToolProxy  *self,
           Side       *side,
           Side       *other,
           LSocket    *socket,
           const char *name,
           char        mark)
{
  g_autofree char *label = g_strdup_printf ("%s %u", name, self->number);

  side->proxy = self;
  side->other = other;
  side->socket = g_object_ref (socket);
  side->name = name;
  side->mark = mark;

  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), BUFFER_SIZE);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (socket), BUFFER_SIZE);
  l_socket_set_half_open (socket, TRUE);

  tool_trace_object (socket, label);
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), side);
  g_signal_connect (socket, "bytes-written", G_CALLBACK (on_bytes_written), side);
  g_signal_connect (socket, "read-channel-finished", G_CALLBACK (on_read_channel_finished), side);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), side);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_state_changed), side);
}

static void
clear_side (Side *side)
{
  g_signal_handlers_disconnect_by_data (side->socket, side);
  l_socket_abort (side->socket);
  g_object_unref (side->socket);
}

static void
log_client (ToolProxy *self)
{
  LCredentials *credentials = l_socket_get_peer_credentials (self->client.socket);
  gint64 pid = credentials != NULL ? l_credentials_get_pid (credentials) : -1;
  if (pid > 0)
    tool_log_event (self->log, self->number, "client connected (pid %" G_GINT64_FORMAT ")", pid);
  else
    tool_log_event (self->log, self->number, "client connected");
}

ToolProxy *
tool_proxy_new (guint          number,
                LSocket       *client,
                LSocket       *server,
                ToolLog       *log,
                ToolProxyFunc  ended,
                gpointer       user_data)
{
  ToolProxy *self = g_new0 (ToolProxy, 1);

  self->number = number;
  self->log = log;
  self->ended = ended;
  self->user_data = user_data;
  init_side (self, &self->client, &self->server, client, "client", '>');
  init_side (self, &self->server, &self->client, server, "server", '<');

  self->client.was_connected = TRUE;
  log_client (self);
  return self;
}

void
tool_proxy_free (ToolProxy *self)
{
  g_clear_handle_id (&self->end_id, g_source_remove);
  clear_side (&self->client);
  clear_side (&self->server);
  g_free (self);
}
