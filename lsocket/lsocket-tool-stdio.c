/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <errno.h>
#include <fcntl.h>
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

/* Whoever reads standard output sees its end, even where standard input is the same socket. */
void
tool_stdio_end_output (void)
{
  int null = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  shutdown (STDOUT_FILENO, SHUT_WR);
  restore (STDOUT_FILENO);

  if (null < 0)
    return;
  dup2 (null, STDOUT_FILENO);
  close (null);
}
