/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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
  GSubprocess   *command;     /* (owned) (nullable), while it runs */
  GCancellable  *cancellable; /* (owned), ends the waiting for it */

  int   input;                /* what is read here is sent; -1: there is nothing more to send */
  int   output;               /* what is received is written here; -1: it is thrown away */
  guint input_id;
  guint output_id;            /* while the output takes nothing */
  guint end_id;
  int   status;
  gsize unsent;               /* of what was written, when last looked at */

  guint is_echo : 1;
  guint is_stdio : 1;
  guint keeps_output : 1;
  guint input_ended : 1;      /* by itself */
  guint output_failed : 1;
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
  self->ended (self, self->user_data);
  return G_SOURCE_REMOVE;
}

/* From the loop: a handler of the socket may be running. */
static void
check_end (ToolRelay *self)
{
  if (is_in_state (self, L_SOCKET_STATE_UNCONNECTED) && self->output_over && self->command == NULL && self->end_id == 0)
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
  g_clear_handle_id (&self->input_id, g_source_remove);
  if (self->input >= 0 && !self->is_stdio)
    close (self->input);
  self->input = -1;
}

/* Nothing more is to be sent. */
static void
finish_sending (ToolRelay *self)
{
  if (!is_in_state (self, L_SOCKET_STATE_CONNECTED))
    return;

  if (self->peer_finished || self->output_over)
    l_socket_disconnect_from_server (self->socket);
  else
    l_socket_shutdown_write (self->socket, NULL);
}

static void
count_unsent (ToolRelay *self)
{
  self->unsent = l_io_device_get_bytes_to_write (get_device (self));
}

static gboolean on_input (int          fd,
                          GIOCondition condition,
                          gpointer     user_data);

/* Reads the input exactly while the socket has room for what comes. */
static void
update_input (ToolRelay *self)
{
  gboolean wanted = self->input >= 0 && is_in_state (self, L_SOCKET_STATE_CONNECTED) &&
                    l_io_device_get_bytes_to_write (get_device (self)) <= BUFFER_SIZE - PIECE;

  if (!wanted)
    g_clear_handle_id (&self->input_id, g_source_remove);
  else if (self->input_id == 0)
    self->input_id = g_unix_fd_add (self->input, G_IO_IN, on_input, self);
}

static void
end_input (ToolRelay *self)
{
  self->input_ended = TRUE;
  close_input (self);
  finish_sending (self);
}

static void
handle_input_error (ToolRelay *self,
                    int        errsv)
{
  if (errsv == EAGAIN || errsv == EINTR)
    return;

  tool_print_error (_("Cannot read standard input: %s"), g_strerror (errsv));
  set_status (self, TOOL_STATUS_IO);
  end_input (self);
}

static gboolean
on_input (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  ToolRelay *self = user_data;
  gssize n_read = read (fd, piece, sizeof piece);

  if (n_read > 0)
    {
      l_io_device_write (get_device (self), piece, n_read, NULL);
      count_unsent (self);
      update_input (self);
    }
  else if (n_read == 0)
    {
      end_input (self);
    }
  else
    {
      handle_input_error (self, errno);
    }

  /* The source was removed if it is not wanted any more. */
  return G_SOURCE_CONTINUE;
}

/* Delivering */

static void
close_output (ToolRelay *self)
{
  int fd = self->output;

  g_clear_handle_id (&self->output_id, g_source_remove);
  self->output = -1;
  if (fd < 0 || self->keeps_output)
    return;

  if (self->is_stdio)
    tool_stdio_end_output ();
  else
    close (fd);
}

static void
finish_output (ToolRelay *self)
{
  if (self->output_over)
    return;

  self->output_over = TRUE;
  close_output (self);
  if (self->input < 0)
    finish_sending (self);
}

static void deliver (ToolRelay *self);

static gboolean
on_output_ready (int          fd,
                 GIOCondition condition,
                 gpointer     user_data)
{
  ToolRelay *self = user_data;

  self->output_id = 0;
  deliver (self);
  return G_SOURCE_REMOVE;
}

/* A command may end before it has read everything. Where standard output goes nowhere there is nothing left to do: as
 * after SIGPIPE, and as quietly. */
static void
handle_output_error (ToolRelay *self,
                     int        errsv)
{
  if (errsv == EINTR)
    return;

  if (errsv == EAGAIN)
    {
      self->output_id = g_unix_fd_add (self->output, G_IO_OUT, on_output_ready, self);
      return;
    }

  if (!self->is_stdio)
    {
      finish_output (self);
      return;
    }

  if (errsv != EPIPE)
    tool_print_error (_("Cannot write to standard output: %s"), g_strerror (errsv));
  set_status (self, errsv == EPIPE ? TOOL_STATUS_SIGNAL + SIGPIPE : TOOL_STATUS_IO);
  self->output_failed = TRUE;
  finish_output (self);
  l_socket_abort (self->socket);
}

/* Writes what was received until the output takes no more. */
static void
deliver_to_output (ToolRelay *self)
{
  gssize n_read;

  while (self->output_id == 0 && (n_read = l_io_device_peek (get_device (self), piece, sizeof piece, NULL)) > 0)
    {
      gssize n_written = self->output >= 0 ? write (self->output, piece, n_read) : n_read;

      if (n_written >= 0)
        l_io_device_skip (get_device (self), n_written, NULL);
      else
        handle_output_error (self, errno);
    }

  if (self->peer_finished && l_io_device_at_end (get_device (self)))
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

/* Whether there is something that was not even read yet. It is lost if nobody else will be served. */
static gboolean
has_input (ToolRelay *self)
{
  GPollFD poll_fd = { self->input, G_IO_IN, 0 };

  return !self->keeps_output && g_poll (&poll_fd, 1, 0) > 0 && read (self->input, piece, 1) > 0;
}

/* A peer may close when it has heard enough, as long as everything that there was to say was sent. */
static gboolean
is_expected (ToolRelay    *self,
             LSocketError  error)
{
  if (error != L_SOCKET_ERROR_PEER_CLOSED || self->unsent > 0)
    return FALSE;

  return self->is_echo || (self->input >= 0 && !has_input (self));
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
  if (self->input < 0 && !self->is_echo)
    finish_sending (self);
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  ToolRelay    *self)
{
  if (state == L_SOCKET_STATE_CLOSING)
    update_input (self);
  if (state != L_SOCKET_STATE_UNCONNECTED)
    return;

  close_input (self);
  /* An attempt that failed has no other end. */
  self->peer_finished = TRUE;
  deliver (self);
}

/* The command */

static void
on_command_ended (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GSubprocess *command = G_SUBPROCESS (source);
  g_autoptr(GError) error = NULL;
  ToolRelay *self;

  if (!g_subprocess_wait_finish (command, result, &error))
    return;

  self = user_data;
  if (g_subprocess_get_if_exited (command))
    tool_trace_print (self->socket, "command ended (%d)", g_subprocess_get_exit_status (command));
  else
    tool_trace_print (self->socket, "command killed (%d)", g_subprocess_get_term_sig (command));

  g_clear_object (&self->command);
  finish_output (self);
  deliver (self);
}

static void
run_command (ToolRelay *self)
{
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE;
  g_autoptr(GError) error = NULL;
  GUnixOutputStream *stdin_pipe;
  GUnixInputStream *stdout_pipe;

  self->command = g_subprocess_newv ((const char * const *) self->argv, flags, &error);
  if (self->command == NULL)
    {
      tool_print_error (_("Cannot run the command: %s"), error->message);
      set_status (self, TOOL_STATUS_IO);
      self->output_over = TRUE;
      return;
    }

  g_subprocess_wait_async (self->command, self->cancellable, on_command_ended, self);
  stdin_pipe = G_UNIX_OUTPUT_STREAM (g_subprocess_get_stdin_pipe (self->command));
  stdout_pipe = G_UNIX_INPUT_STREAM (g_subprocess_get_stdout_pipe (self->command));
  g_unix_output_stream_set_close_fd (stdin_pipe, FALSE);
  g_unix_input_stream_set_close_fd (stdout_pipe, FALSE);
  self->output = g_unix_output_stream_get_fd (stdin_pipe);
  self->input = g_unix_input_stream_get_fd (stdout_pipe);
  g_unix_set_fd_nonblocking (self->output, TRUE, NULL);
  g_unix_set_fd_nonblocking (self->input, TRUE, NULL);
}

/* g_subprocess_send_signal() leaves it to another thread, which may come too late: this program is about to end. */
static void
stop_command (GSubprocess *command)
{
  const char *identifier = g_subprocess_get_identifier (command);

  if (identifier != NULL)
    kill ((GPid) g_ascii_strtoll (identifier, NULL, 10), SIGTERM);
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
  self->input = -1;
  self->output = -1;

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
  close_input (self);
  close_output (self);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  if (self->command != NULL)
    stop_command (self->command);
  g_clear_object (&self->command);
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
  self->input = has_input ? STDIN_FILENO : -1;
  self->input_ended = !has_input;
  self->output = STDOUT_FILENO;
}

void
tool_relay_set_command (ToolRelay  *self,
                        char      **argv)
{
  self->argv = g_strdupv (argv);
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

  if (self->argv != NULL)
    run_command (self);
  if (is_in_state (self, L_SOCKET_STATE_CONNECTED))
    on_connected (self->socket, self);
}
