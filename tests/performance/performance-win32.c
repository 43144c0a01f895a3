/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <psapi.h>

/* Nothing forks here: the two processes are this program again, with the same arguments. What they are, and what they
 * inherit, they find in their environment: "ROLE READY COST SERVER PID", with handles as numbers and the first process's
 * PID. The processor time is left out: what one process asks of another's Wine does not know, and most of it is its
 * server's. */

#define VARIABLE "LSOCKET_PERFORMANCE"

static char role[8];                 /* empty in the first process */
static HANDLE ready_event;
static HANDLE cost_mapping;
static HANDLE server;
static PerformanceCost *shared_cost; /* with the client */

static G_NORETURN void
fail (const char *what)
{
  g_autofree char *text = g_win32_error_message (GetLastError ());

  g_error ("%s: %s", what, text);
}

void
performance_platform_init (PerformanceRun *run)
{
  const char *inherited = g_getenv (VARIABLE);
  gulong pid = GetCurrentProcessId ();

  if (inherited != NULL &&
      sscanf (inherited, "%7s %p %p %p %lu", role, &ready_event, &cost_mapping, &server, &pid) != 5)
    g_error ("%s is “%s”", VARIABLE, inherited);

  /* No other run has it. */
  run->name = g_strdup_printf ("performance-%lu", pid);
}

static void
map_cost (void)
{
  shared_cost = MapViewOfFile (cost_mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof *shared_cost);
  if (shared_cost == NULL)
    fail ("MapViewOfFile");
}

static void
pin (gboolean is_second)
{
  DWORD_PTR allowed, all;

  if (!GetProcessAffinityMask (GetCurrentProcess (), &allowed, &all))
    fail ("GetProcessAffinityMask");

  /* Without its lowest bit */
  if (is_second)
    allowed &= allowed - 1;
  if (allowed == 0)
    g_error ("There is one processor only");
  if (!SetProcessAffinityMask (GetCurrentProcess (), allowed & -allowed))
    fail ("SetProcessAffinityMask");
}

void
performance_ready (void)
{
  SetEvent (ready_event);
}

static void
await_server (void)
{
  const HANDLE handles[] = { ready_event, server };

  if (WaitForMultipleObjects (G_N_ELEMENTS (handles), handles, FALSE, INFINITE) != WAIT_OBJECT_0)
    g_error ("The server ended");
}

static HANDLE
start (const char *child_role)
{
  g_autofree char *inherited = g_strdup_printf ("%s %p %p %p %lu", child_role, ready_event, cost_mapping, server,
                                                GetCurrentProcessId ());
  g_autofree WCHAR *command_line = g_memdup2 (GetCommandLineW (), (wcslen (GetCommandLineW ()) + 1) * sizeof (WCHAR));
  STARTUPINFOW startup = { .cb = sizeof startup };
  PROCESS_INFORMATION process;

  g_setenv (VARIABLE, inherited, TRUE);
  if (!CreateProcessW (NULL, command_line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
    fail ("CreateProcess");

  CloseHandle (process.hThread);
  return process.hProcess;
}

static void
run_both (void)
{
  SECURITY_ATTRIBUTES inheritable = { .nLength = sizeof inheritable, .bInheritHandle = TRUE };
  HANDLE client;
  DWORD status;

  ready_event = CreateEventW (&inheritable, TRUE, FALSE, NULL);
  cost_mapping = CreateFileMappingW (INVALID_HANDLE_VALUE, &inheritable, PAGE_READWRITE, 0, sizeof *shared_cost, NULL);
  if (ready_event == NULL || cost_mapping == NULL)
    fail ("CreateFileMapping");
  map_cost ();

  server = start ("server");
  SetHandleInformation (server, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  client = start ("client");

  if (WaitForSingleObject (client, INFINITE) != WAIT_OBJECT_0 || !GetExitCodeProcess (client, &status))
    fail ("WaitForSingleObject");
  TerminateProcess (server, 0);
  WaitForSingleObject (server, INFINITE);
  if (status != 0)
    exit (1);
}

void
performance_run (const PerformanceWorkload *workload,
                 const PerformanceRun      *run,
                 PerformanceCost           *cost)
{
  if (role[0] == '\0')
    {
      run_both ();
      *cost = *shared_cost;
      return;
    }

  map_cost ();
  pin (run->is_apart && g_str_equal (role, "client"));
  if (g_str_equal (role, "server"))
    {
      workload->serve (run);
      exit (1);
    }

  await_server ();
  workload->request (run);
  exit (0);
}

static gint64
get_resident (HANDLE process)
{
  PROCESS_MEMORY_COUNTERS counters;

  if (!GetProcessMemoryInfo (process, &counters, sizeof counters))
    fail ("GetProcessMemoryInfo");

  return counters.WorkingSetSize / 1024;
}

static void
get_cost (PerformanceCost *cost)
{
  cost->client = get_resident (GetCurrentProcess ());
  cost->server = get_resident (server);
  cost->wall = g_get_monotonic_time () * 1000;
}

void
performance_begin (void)
{
  get_cost (shared_cost);
}

void
performance_end (void)
{
  gint64 end = g_get_monotonic_time () * 1000;
  PerformanceCost now;

  get_cost (&now);
  shared_cost->wall = end - shared_cost->wall;
  shared_cost->client = now.client - shared_cost->client;
  shared_cost->server = now.server - shared_cost->server;
}
