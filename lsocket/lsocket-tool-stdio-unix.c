/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK belongs to what was opened and not to the descriptor: set on a terminal or a pipe it hits the shell and
 * all others who share it. So both are opened once more, for this program alone. Where that cannot be done (a socket,
 * somebody else's pipe) the flag is set and taken back at the end; a terminal is then left as it is. Files are read and
 * written as they are: the loop finds them always ready. */

static struct
{
  int      flags;
  gboolean is_changed;
} saved[2];

/* Otherwise the next thing that is opened would become standard input. */
void
tool_stdio_init (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0 && open ("/dev/null", O_RDWR) < 0)
      _exit (TOOL_STATUS_IO);
}

static gboolean
open_again (int fd)
{
  g_autofree char *path = g_strdup_printf ("/dev/fd/%d", fd);
  int access = fd == STDIN_FILENO ? O_RDONLY : O_WRONLY;
  int again = open (path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  gboolean done;

  if (again < 0)
    return FALSE;

  /* Some systems duplicate the descriptor, and the flag is not set. */
  done = (fcntl (again, F_GETFL) & O_NONBLOCK) != 0 && dup2 (again, fd) >= 0;
  close (again);
  return done;
}

static void
prepare (int fd)
{
  int flags = fcntl (fd, F_GETFL);
  gboolean is_terminal = isatty (fd);
  struct stat status;

  if (flags < 0 || (flags & O_NONBLOCK) != 0 || fstat (fd, &status) < 0)
    return;
  if (!is_terminal && !S_ISFIFO (status.st_mode) && !S_ISSOCK (status.st_mode))
    return;
  if (!S_ISSOCK (status.st_mode) && open_again (fd))
    return;

  if (!is_terminal && fcntl (fd, F_SETFL, flags | O_NONBLOCK) == 0)
    {
      saved[fd].flags = flags;
      saved[fd].is_changed = TRUE;
    }
}

void
tool_stdio_prepare (void)
{
  prepare (STDIN_FILENO);
  prepare (STDOUT_FILENO);
}

static void
restore (int fd)
{
  if (saved[fd].is_changed)
    fcntl (fd, F_SETFL, saved[fd].flags);
  saved[fd].is_changed = FALSE;
}

void
tool_stdio_restore (void)
{
  restore (STDIN_FILENO);
  restore (STDOUT_FILENO);
}

gboolean
tool_stdio_has_free_terminal (void)
{
  return isatty (STDERR_FILENO) && !isatty (STDIN_FILENO) && !isatty (STDOUT_FILENO);
}

/* Whoever reads standard output sees its end, even where standard input is the same socket. */
static void
end_output (void)
{
  int null = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  shutdown (STDOUT_FILENO, SHUT_WR);
  restore (STDOUT_FILENO);

  if (null < 0)
    return;
  dup2 (null, STDOUT_FILENO);
  close (null);
}

struct _ToolStream
{
  int            fd;
  GIOCondition   condition;
  guint          watch_id;
  ToolStreamFunc func;
  gpointer       user_data;
  gboolean       is_kept; /* for others to use, when this is freed */
};

static ToolStream *
stream_new (int          fd,
            GIOCondition condition,
            gboolean     is_kept)
{
  ToolStream *self = g_new0 (ToolStream, 1);

  self->fd = fd;
  self->condition = condition;
  self->is_kept = is_kept;
  return self;
}

ToolStream *
tool_stream_new_stdin (void)
{
  return stream_new (STDIN_FILENO, G_IO_IN, TRUE);
}

ToolStream *
tool_stream_new_stdout (gboolean is_kept)
{
  return stream_new (STDOUT_FILENO, G_IO_OUT, is_kept);
}

ToolStream *
tool_stream_new_command_stdin (int fd)
{
  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  return stream_new (fd, G_IO_OUT, FALSE);
}

ToolStream *
tool_stream_new_command_stdout (int fd)
{
  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  return stream_new (fd, G_IO_IN, FALSE);
}

static gboolean
on_ready (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  ToolStream *self = user_data;

  /* The source was removed if it is not wanted any more. */
  self->func (self->user_data);
  return G_SOURCE_CONTINUE;
}

void
tool_stream_watch (ToolStream     *self,
                   ToolStreamFunc  func,
                   gpointer        user_data)
{
  self->func = func;
  self->user_data = user_data;
  if (func == NULL)
    g_clear_handle_id (&self->watch_id, g_source_remove);
  else if (self->watch_id == 0)
    self->watch_id = g_unix_fd_add (self->fd, self->condition, on_ready, self);
}

static void
set_error (GError **error,
           int      errsv)
{
  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (errsv), g_strerror (errsv));
}

gssize
tool_stream_read (ToolStream  *self,
                  void        *buffer,
                  gsize        count,
                  GError     **error)
{
  gssize n_read;

  do
    n_read = read (self->fd, buffer, count);
  while (n_read < 0 && errno == EINTR);

  if (n_read < 0)
    set_error (error, errno);
  return n_read;
}

gboolean
tool_stream_has_more (ToolStream *self)
{
  GPollFD poll_fd = { self->fd, G_IO_IN, 0 };
  guint8 byte;

  return g_poll (&poll_fd, 1, 0) > 0 && read (self->fd, &byte, 1) > 0;
}

gssize
tool_stream_write (ToolStream  *self,
                   const void  *buffer,
                   gsize        count,
                   GError     **error)
{
  gssize n_written;

  do
    n_written = write (self->fd, buffer, count);
  while (n_written < 0 && errno == EINTR);

  if (n_written < 0)
    set_error (error, errno);
  return n_written;
}

gboolean
tool_stream_flush (ToolStream  *self,
                   GError     **error)
{
  return TRUE;
}

void
tool_stream_close (ToolStream *self)
{
  tool_stream_watch (self, NULL, NULL);
  if (self->fd == STDOUT_FILENO && !self->is_kept)
    end_output ();
  else if (!self->is_kept)
    close (self->fd);

  g_free (self);
}
