/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <glib/gi18n.h>

/* Memory stays constant whatever the sides do: nothing is read from the input while the socket's write buffer is full,
 * and the socket receives nothing while its read buffer is, because the output takes nothing. */

#define PIECE (64 * 1024)
#define BUFFER_SIZE (4 * PIECE)

struct _ToolRelay
{
  LSocket       *socket;      /* (owned) */
  ToolRelayFunc  ended;
  gpointer       user_data;
  char         **argv;        /* (owned) (nullable), of the command */
  GPid           pid;         /* (owned), of the command */
  guint          watch_id;    /* 0: it does not run */
  GCancellable  *cancellable; /* (owned), ends the waiting for what is sent to be delivered */

  ToolStream    *input;       /* (owned) (nullable): what is read here is sent; NULL: there is nothing more to send */
  ToolStream    *output;      /* (owned) (nullable): what is received is written here; NULL: it is thrown away */
  guint          end_id;
  int            linger;      /* milliseconds; negative: no limit */
  guint          linger_id;
  int            status;
  gsize          unsent;      /* of what was written, when last looked at */

  guint is_client : 1;
  guint is_echo : 1;
  guint is_stdio : 1;
  guint keeps_output : 1;
  guint output_is_full : 1;
  guint input_ended : 1;      /* by itself */
  guint output_failed : 1;
  guint has_sent : 1;
  guint is_lingering : 1;
  guint awaits_end : 1;       /* has sent all, and the connection cannot tell the peer */
  guint peer_finished : 1;
  guint output_over : 1;      /* all was delivered, or nothing more can be */
};

static guint8 piece[PIECE];

static LIODevice *
get_device (ToolRelay *self)
{
  return L_IO_DEVICE (self->socket);
}

static gboolean
is_in_state (ToolRelay    *self,
             LSocketState  state)
{
  return l_socket_get_state (self->socket) == state;
}

static gboolean
on_end (gpointer user_data)
{
  ToolRelay *self = user_data;

  self->end_id = 0;
  if (self->is_stdio)
    tool_progress_end ();
  self->ended (self, self->user_data);
  return G_SOURCE_REMOVE;
}

/* From the loop: a handler of the socket may be running. */
static void
check_end (ToolRelay *self)
{
  if (is_in_state (self, L_SOCKET_STATE_UNCONNECTED) && self->output_over && self->watch_id == 0 && self->end_id == 0)
    self->end_id = g_idle_add (on_end, self);
}

static void
set_status (ToolRelay *self,
            int        status)
{
  if (self->status == TOOL_STATUS_OK)
    self->status = status;
}

/* Sending */

static void
close_input (ToolRelay *self)
{
  g_clear_pointer (&self->input, tool_stream_close);
}

/* An output that takes nothing may keep the peer from saying more. */
static gboolean
on_silence (gpointer user_data)
{
  ToolRelay *self = user_data;

  self->linger_id = 0;
  if (!self->output_is_full)
    l_socket_disconnect_from_server (self->socket);
  return G_SOURCE_REMOVE;
}

/* Or goes on doing so: something has happened. */
static void
linger (ToolRelay *self)
{
  g_clear_handle_id (&self->linger_id, g_source_remove);
  self->linger_id = g_timeout_add (self->linger, on_silence, self);
}

static void
stop_lingering (ToolRelay *self)
{
  g_clear_handle_id (&self->linger_id, g_source_remove);
  self->is_lingering = FALSE;
}

static void
on_delivered (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr(GError) error = NULL;
  ToolRelay *self;

  g_output_stream_flush_finish (G_OUTPUT_STREAM (source), result, &error);
  /* The relay may be gone. What else can fail is told by the socket. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  self = user_data;
  if (!is_in_state (self, L_SOCKET_STATE_CONNECTED))
    return;

  self->is_lingering = TRUE;
  linger (self);
}

/* Nothing more is to be sent. Until all has been, what comes is taken: a peer that sends all back would stand still
 * otherwise. A server that had nothing to say has nobody's answer to wait for, and goes after its client. */
static void
finish_sending (ToolRelay *self)
{
  if (!is_in_state (self, L_SOCKET_STATE_CONNECTED))
    return;

  if (self->peer_finished || self->output_over)
    {
      l_socket_disconnect_from_server (self->socket);
      return;
    }

  if (self->linger >= 0 && (self->is_client || self->has_sent))
    g_output_stream_flush_async (g_io_stream_get_output_stream (G_IO_STREAM (self->socket)), G_PRIORITY_DEFAULT,
                                 self->cancellable, on_delivered, self);

  if (tool_process_has_half_close ())
    l_socket_shutdown_write (self->socket, NULL);
  else
    self->awaits_end = TRUE;
}

static void
count_unsent (ToolRelay *self)
{
  self->unsent = l_io_device_get_bytes_to_write (get_device (self));
}

static void on_input (gpointer user_data);

/* Reads the input exactly while the socket has room for what comes. */
static void
update_input (ToolRelay *self)
{
  gboolean wanted = is_in_state (self, L_SOCKET_STATE_CONNECTED) &&
                    l_io_device_get_bytes_to_write (get_device (self)) <= BUFFER_SIZE - PIECE;

  if (self->input != NULL)
    tool_stream_watch (self->input, wanted ? on_input : NULL, self);
}

static void
end_input (ToolRelay *self)
{
  self->input_ended = TRUE;
  close_input (self);
  finish_sending (self);
}

static void
handle_input_error (ToolRelay    *self,
                    const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return;

  tool_print_error (_("Cannot read standard input: %s"), error->message);
  set_status (self, TOOL_STATUS_IO);
  end_input (self);
}

static void
on_input (gpointer user_data)
{
  ToolRelay *self = user_data;
  g_autoptr(GError) error = NULL;
  gssize n_read = tool_stream_read (self->input, piece, sizeof piece, &error);

  if (n_read > 0)
    {
      self->has_sent = TRUE;
      l_io_device_write (get_device (self), piece, n_read, NULL);
      if (self->is_stdio)
        tool_progress_count (n_read, 0);
      count_unsent (self);
      update_input (self);
    }
  else if (n_read == 0)
    {
      end_input (self);
    }
  else
    {
      handle_input_error (self, error);
    }
}

/* Delivering */

static void
close_output (ToolRelay *self)
{
  g_clear_pointer (&self->output, tool_stream_close);
  self->output_is_full = FALSE;
}

static void
finish_output (ToolRelay *self)
{
  if (self->output_over)
    return;

  self->output_over = TRUE;
  close_output (self);
  if (self->input == NULL)
    finish_sending (self);
}

static void deliver (ToolRelay *self);

static void
on_output_ready (gpointer user_data)
{
  ToolRelay *self = user_data;

  self->output_is_full = FALSE;
  tool_stream_watch (self->output, NULL, NULL);
  if (self->is_lingering)
    linger (self);
  deliver (self);
}

/* A command may end before it has read everything. Where standard output goes nowhere there is nothing left to do: as
 * after SIGPIPE, and as quietly. */
static void
handle_output_error (ToolRelay    *self,
                     const GError *error)
{
  gboolean is_unread = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      self->output_is_full = TRUE;
      tool_stream_watch (self->output, on_output_ready, self);
      return;
    }

  if (!self->is_stdio)
    {
      finish_output (self);
      return;
    }

  if (!is_unread)
    tool_print_error (_("Cannot write to standard output: %s"), error->message);
  set_status (self, is_unread ? TOOL_STATUS_PIPE : TOOL_STATUS_IO);
  self->output_failed = TRUE;
  finish_output (self);
  l_socket_abort (self->socket);
}

static gssize
write_output (ToolRelay *self,
              gsize      count)
{
  g_autoptr(GError) error = NULL;
  gssize n_written;

  if (self->output == NULL)
    return count;

  n_written = tool_stream_write (self->output, piece, count, &error);
  if (n_written < 0)
    handle_output_error (self, error);
  return n_written;
}

static gboolean
flush_output (ToolRelay *self)
{
  g_autoptr(GError) error = NULL;

  if (self->output == NULL || tool_stream_flush (self->output, &error))
    return TRUE;

  handle_output_error (self, error);
  return FALSE;
}

/* Writes what was received until the output takes no more. */
static void
deliver_to_output (ToolRelay *self)
{
  gssize n_read, n_written;

  while (!self->output_is_full && (n_read = l_io_device_peek (get_device (self), piece, sizeof piece, NULL)) > 0)
    {
      n_written = write_output (self, n_read);
      if (n_written <= 0)
        continue;

      l_io_device_skip (get_device (self), n_written, NULL);
      if (self->is_stdio)
        tool_progress_count (0, n_written);
    }

  if (self->peer_finished && !self->output_is_full && l_io_device_at_end (get_device (self)) && flush_output (self))
    finish_output (self);
}

/* Gives back what was received until the socket takes no more. */
static void
deliver_to_peer (ToolRelay *self)
{
  while (is_in_state (self, L_SOCKET_STATE_CONNECTED) && self->unsent < BUFFER_SIZE)
    {
      g_autoptr(GBytes) bytes = l_io_device_read_bytes (get_device (self), BUFFER_SIZE - self->unsent, NULL);

      if (bytes == NULL || g_bytes_get_size (bytes) == 0)
        break;

      l_io_device_write_bytes (get_device (self), bytes, NULL);
      count_unsent (self);
    }

  if (is_in_state (self, L_SOCKET_STATE_UNCONNECTED) ||
      (self->peer_finished && l_io_device_at_end (get_device (self))))
    finish_output (self);
}

static void
deliver (ToolRelay *self)
{
  if (self->is_echo)
    deliver_to_peer (self);
  else
    deliver_to_output (self);

  check_end (self);
}

/* Signals */

static void
on_ready_read (LIODevice *device,
               ToolRelay *self)
{
  if (self->is_lingering)
    linger (self);
  deliver (self);
}

static void
on_bytes_written (LIODevice *device,
                  guint64    count,
                  ToolRelay *self)
{
  count_unsent (self);
  update_input (self);
  if (self->is_echo)
    deliver (self);
}

static void
on_read_channel_finished (LIODevice *device,
                          ToolRelay *self)
{
  self->peer_finished = TRUE;
  deliver (self);
}

/* A peer may close when it has heard enough, as long as everything that there was to say was sent. */
static gboolean
is_expected (ToolRelay    *self,
             LSocketError  error)
{
  if (error != L_SOCKET_ERROR_PEER_CLOSED || self->unsent > 0)
    return FALSE;

  if (self->is_echo || self->awaits_end)
    return TRUE;

  /* What is left of the input is lost if nobody else will be served. */
  return self->input != NULL && (self->keeps_output || !tool_stream_has_more (self->input));
}

static void
on_error (LSocket      *socket,
          LSocketError  error,
          ToolRelay    *self)
{
  if (is_expected (self, error))
    return;

  tool_print_error ("%s", l_io_device_get_error_string (L_IO_DEVICE (socket)));
  set_status (self, is_in_state (self, L_SOCKET_STATE_CONNECTING) ? tool_status_from_error (error) : TOOL_STATUS_IO);
}

static void
on_connected (LSocket   *socket,
              ToolRelay *self)
{
  update_input (self);
  if (self->input == NULL && !self->is_echo)
    finish_sending (self);
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  ToolRelay    *self)
{
  if (state == L_SOCKET_STATE_CLOSING)
    update_input (self);
  if (state != L_SOCKET_STATE_CONNECTED)
    stop_lingering (self);
  if (state != L_SOCKET_STATE_UNCONNECTED)
    return;

  close_input (self);
  /* An attempt that failed has no other end. */
  self->peer_finished = TRUE;
  deliver (self);
}

/* The command */

static void
on_command_ended (GPid     pid,
                  int      wait_status,
                  gpointer user_data)
{
  ToolRelay *self = user_data;
  int number;

  if (tool_process_was_killed (wait_status, &number))
    tool_trace_print (self->socket, "command killed (%d)", number);
  else
    tool_trace_print (self->socket, "command ended (%d)", number);

  self->watch_id = 0;
  g_spawn_close_pid (pid);
  finish_output (self);
  deliver (self);
}

static void
run_command (ToolRelay *self)
{
  GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES;
  g_autoptr(GError) error = NULL;
  int stdin_fd, stdout_fd;

  if (!g_spawn_async_with_pipes (NULL, self->argv, NULL, flags, NULL, NULL, &self->pid, &stdin_fd, &stdout_fd, NULL,
                                 &error))
    {
      tool_print_error (_("Cannot run the command: %s"), error->message);
      set_status (self, TOOL_STATUS_IO);
      self->output_over = TRUE;
      return;
    }

  self->watch_id = g_child_watch_add (self->pid, on_command_ended, self);
  self->output = tool_stream_new_command_stdin (stdin_fd);
  self->input = tool_stream_new_command_stdout (stdout_fd);
}

static void
stop_command (ToolRelay *self)
{
  if (self->watch_id == 0)
    return;

  g_clear_handle_id (&self->watch_id, g_source_remove);
  tool_process_stop_command (self->pid);
  g_spawn_close_pid (self->pid);
}

/* What lsocket-tool.c calls */

ToolRelay *
tool_relay_new (LSocket       *socket,
                ToolRelayFunc  ended,
                gpointer       user_data)
{
  ToolRelay *self = g_new0 (ToolRelay, 1);
  LIODevice *device = L_IO_DEVICE (socket);

  self->socket = g_object_ref (socket);
  self->ended = ended;
  self->user_data = user_data;
  self->cancellable = g_cancellable_new ();
  self->linger = -1;

  l_io_device_set_read_buffer_size (device, BUFFER_SIZE);
  l_io_device_set_write_buffer_size (device, BUFFER_SIZE);
  l_socket_set_half_open (socket, TRUE);
  return self;
}

void
tool_relay_free (ToolRelay *self)
{
  g_signal_handlers_disconnect_by_data (self->socket, self);
  l_socket_abort (self->socket);
  g_object_unref (self->socket);

  g_clear_handle_id (&self->end_id, g_source_remove);
  stop_lingering (self);
  close_input (self);
  close_output (self);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  stop_command (self);
  g_strfreev (self->argv);
  g_free (self);
}

int
tool_relay_get_status (ToolRelay *self)
{
  return self->status;
}

gboolean
tool_relay_get_input_ended (ToolRelay *self)
{
  return self->input_ended;
}

gboolean
tool_relay_get_output_failed (ToolRelay *self)
{
  return self->output_failed;
}

void
tool_relay_set_echo (ToolRelay *self)
{
  self->is_echo = TRUE;
}

void
tool_relay_set_stdio (ToolRelay *self,
                      gboolean   has_input,
                      gboolean   keeps_output)
{
  self->is_stdio = TRUE;
  self->keeps_output = keeps_output;
  self->input = has_input ? tool_stream_new_stdin () : NULL;
  self->input_ended = !has_input;
  self->output = tool_stream_new_stdout (keeps_output);
}

void
tool_relay_set_command (ToolRelay  *self,
                        char      **argv)
{
  self->argv = g_strdupv (argv);
}

void
tool_relay_set_linger (ToolRelay *self,
                       int        msecs)
{
  self->linger = msecs;
}

void
tool_relay_start (ToolRelay *self)
{
  g_signal_connect (self->socket, "ready-read", G_CALLBACK (on_ready_read), self);
  g_signal_connect (self->socket, "bytes-written", G_CALLBACK (on_bytes_written), self);
  g_signal_connect (self->socket, "read-channel-finished", G_CALLBACK (on_read_channel_finished), self);
  g_signal_connect (self->socket, "error", G_CALLBACK (on_error), self);
  g_signal_connect (self->socket, "connected", G_CALLBACK (on_connected), self);
  g_signal_connect (self->socket, "state-changed", G_CALLBACK (on_state_changed), self);

  self->is_client = !is_in_state (self, L_SOCKET_STATE_CONNECTED);
  if (self->argv != NULL)
    run_command (self);
  if (is_in_state (self, L_SOCKET_STATE_CONNECTED))
    on_connected (self->socket, self);
}
