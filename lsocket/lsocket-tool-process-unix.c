/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <sys/wait.h>

static ToolSignalFunc signal_func;

static gboolean
on_signal (gpointer number)
{
  signal_func (GPOINTER_TO_INT (number));
  return G_SOURCE_CONTINUE;
}

/* A program in the background may have been told to ignore it. */
static void
watch_signal (int number)
{
  struct sigaction action;

  if (sigaction (number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
    g_unix_signal_add (number, on_signal, GINT_TO_POINTER (number));
}

void
tool_process_watch_signals (ToolSignalFunc func)
{
  signal_func = func;
  signal (SIGPIPE, SIG_IGN);
  watch_signal (SIGHUP);
  watch_signal (SIGINT);
  watch_signal (SIGTERM);
}

char **
tool_process_get_arguments (char **argv)
{
  return g_strdupv (argv);
}

/* No source of GLib's reaps it any more: the number of one that still runs cannot become another's. */
void
tool_process_stop_command (GPid pid)
{
  if (waitpid (pid, NULL, WNOHANG) == 0)
    kill (pid, SIGTERM);
}

gboolean
tool_process_was_killed (int  wait_status,
                         int *number)
{
  gboolean was_killed = WIFSIGNALED (wait_status);

  *number = was_killed ? WTERMSIG (wait_status) : WEXITSTATUS (wait_status);
  return was_killed;
}

gboolean
tool_process_has_half_close (void)
{
  return TRUE;
}
