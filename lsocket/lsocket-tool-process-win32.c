/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <windows.h>

static ToolSignalFunc signal_func;

static gboolean
on_signal (gpointer number)
{
  signal_func (GPOINTER_TO_INT (number));
  return G_SOURCE_REMOVE;
}

/* What Unix calls it. */
static int
get_number (DWORD event)
{
  switch (event)
    {
    case CTRL_CLOSE_EVENT:
      return 1; /* SIGHUP */
    case CTRL_LOGOFF_EVENT:
    case CTRL_SHUTDOWN_EVENT:
      return 15; /* SIGTERM */
    default:
      return 2; /* SIGINT */
    }
}

/* In a thread that the system has made for it. */
static BOOL WINAPI
on_console_event (DWORD event)
{
  g_idle_add_full (G_PRIORITY_HIGH, on_signal, GINT_TO_POINTER (get_number (event)), NULL);

  /* The system ends the program when this returns, or a few seconds later. */
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
    Sleep (INFINITE);
  return TRUE;
}

void
tool_process_watch_signals (ToolSignalFunc func)
{
  signal_func = func;
  SetConsoleCtrlHandler (on_console_event, TRUE);
}

/* Those of main() are in a code page that lacks most characters. */
char **
tool_process_get_arguments (char **argv)
{
  return g_win32_get_command_line ();
}

void
tool_process_stop_command (GPid pid)
{
  TerminateProcess (pid, 1);
}

/* A process that is terminated has an exit status, too. */
gboolean
tool_process_was_killed (int  wait_status,
                         int *number)
{
  *number = wait_status;
  return FALSE;
}

gboolean
tool_process_has_half_close (void)
{
  return FALSE;
}
