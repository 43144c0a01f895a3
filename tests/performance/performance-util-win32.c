/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <psapi.h>

/* Nothing forks here: the two processes are this program again, with the same arguments. What they are, and what they
 * inherit, they find in their environment: "ROLE LINK COST PID", with handles as numbers and the first process's PID. */

#define VARIABLE "LSOCKET_PERFORMANCE"

#define LINK_BUFFER_SIZE (64 * 1024)

static char role[8];                 /* empty in the first process */
static HANDLE link_handle;
static HANDLE cost_mapping;
static char *name;                   /* that no other run has */
static PerformanceCost *shared_cost; /* with the client */

static G_NORETURN void
fail (const char *what)
{
  g_autofree char *text = g_win32_error_message (GetLastError ());

  g_error ("%s: %s", what, text);
}

void
performance_platform_init (void)
{
  const char *inherited = g_getenv (VARIABLE);
  gulong pid = GetCurrentProcessId ();

  if (inherited != NULL && sscanf (inherited, "%7s %p %p %lu", role, &link_handle, &cost_mapping, &pid) != 4)
    g_error ("%s is “%s”", VARIABLE, inherited);

  name = g_strdup_printf ("performance-%lu", pid);
}

const char *
performance_get_name (void)
{
  return name;
}

void
performance_allow_connections (guint count)
{
}

static HANDLE
open_pipe (const char *pipe_name)
{
  g_autofree char *path = g_strconcat ("\\\\.\\pipe\\", pipe_name, NULL);
  HANDLE handle;

  while ((handle = CreateFileA (path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED,
                                NULL)) == INVALID_HANDLE_VALUE)
    if (GetLastError () != ERROR_PIPE_BUSY || !WaitNamedPipeA (path, NMPWAIT_WAIT_FOREVER))
      fail ("CreateFile");

  return handle;
}

void
performance_connect_plain (void)
{
  open_pipe (name);
}

guint64
performance_get_resident (void)
{
  PROCESS_MEMORY_COUNTERS counters;

  if (!GetProcessMemoryInfo (GetCurrentProcess (), &counters, sizeof counters))
    fail ("GetProcessMemoryInfo");

  return counters.WorkingSetSize / 1024;
}

/* The link, which others may use in the same process later on. */

void
performance_tell (gintptr link)
{
  OVERLAPPED overlapped = { .hEvent = CreateEventW (NULL, TRUE, FALSE, NULL) };
  DWORD count;

  if (!WriteFile ((HANDLE) link, "", 1, NULL, &overlapped) && GetLastError () != ERROR_IO_PENDING)
    fail ("WriteFile");
  if (!GetOverlappedResult ((HANDLE) link, &overlapped, &count, TRUE))
    fail ("WriteFile");

  CloseHandle (overlapped.hEvent);
}

void
performance_await (gintptr link)
{
  OVERLAPPED overlapped = { .hEvent = CreateEventW (NULL, TRUE, FALSE, NULL) };
  DWORD count;
  char byte;

  if (!ReadFile ((HANDLE) link, &byte, 1, NULL, &overlapped) && GetLastError () != ERROR_IO_PENDING)
    fail ("The other process ended");
  if (!GetOverlappedResult ((HANDLE) link, &overlapped, &count, TRUE))
    fail ("The other process ended");

  CloseHandle (overlapped.hEvent);
}

static void
create_link (HANDLE ends[2])
{
  g_autofree char *pipe_name = g_strconcat (name, "-link", NULL);
  g_autofree char *path = g_strconcat ("\\\\.\\pipe\\", pipe_name, NULL);

  ends[0] = CreateNamedPipeA (path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                              PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, LINK_BUFFER_SIZE, LINK_BUFFER_SIZE, 0,
                              NULL);
  if (ends[0] == INVALID_HANDLE_VALUE)
    fail ("CreateNamedPipe");
  ends[1] = open_pipe (pipe_name);
}

/* The processes */

static void
map_cost (void)
{
  shared_cost = MapViewOfFile (cost_mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof *shared_cost);
  if (shared_cost == NULL)
    fail ("MapViewOfFile");
}

static void
pin (void)
{
  DWORD_PTR allowed, all;

  if (!GetProcessAffinityMask (GetCurrentProcess (), &allowed, &all) ||
      !SetProcessAffinityMask (GetCurrentProcess (), allowed & -allowed))
    fail ("SetProcessAffinityMask");
}

/* What it does not inherit it would keep open for the other one. */
static HANDLE
start (const char *child_role,
       HANDLE      link)
{
  g_autofree char *inherited = g_strdup_printf ("%s %p %p %lu", child_role, link, cost_mapping, GetCurrentProcessId ());
  g_autofree WCHAR *command_line = g_memdup2 (GetCommandLineW (), (wcslen (GetCommandLineW ()) + 1) * sizeof (WCHAR));
  STARTUPINFOW startup = { .cb = sizeof startup };
  PROCESS_INFORMATION process;

  g_setenv (VARIABLE, inherited, TRUE);
  SetHandleInformation (link, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  if (!CreateProcessW (NULL, command_line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
    fail ("CreateProcess");

  CloseHandle (link);
  CloseHandle (process.hThread);
  return process.hProcess;
}

static gboolean
wait_for_end (HANDLE process)
{
  DWORD status;

  if (WaitForSingleObject (process, INFINITE) != WAIT_OBJECT_0 || !GetExitCodeProcess (process, &status))
    fail ("WaitForSingleObject");

  CloseHandle (process);
  return status == 0;
}

static void
run_both (void)
{
  SECURITY_ATTRIBUTES inheritable = { .nLength = sizeof inheritable, .bInheritHandle = TRUE };
  HANDLE ends[2], server, client;
  gboolean done;

  cost_mapping = CreateFileMappingW (INVALID_HANDLE_VALUE, &inheritable, PAGE_READWRITE, 0, sizeof *shared_cost, NULL);
  if (cost_mapping == NULL)
    fail ("CreateFileMapping");
  map_cost ();

  create_link (ends);
  server = start ("server", ends[0]);
  client = start ("client", ends[1]);

  done = wait_for_end (client);
  done = wait_for_end (server) && done;
  if (!done)
    exit (1);
}

void
performance_run (PerformanceFunc   server,
                 PerformanceFunc   client,
                 gconstpointer     data,
                 PerformanceCost  *cost)
{
  PerformanceFunc func = g_str_equal (role, "server") ? server : client;

  if (role[0] == '\0')
    {
      run_both ();
      if (cost != NULL)
        *cost = *shared_cost;
      return;
    }

  map_cost ();
  pin ();
  func ((gintptr) link_handle, data);
  exit (0);
}

/* Processor time is left out: what one process asks of another's Wine does not know, and most of it is its server's. */

void
performance_begin (void)
{
  shared_cost->wall = g_get_monotonic_time () * 1000;
}

void
performance_end (void)
{
  shared_cost->wall = g_get_monotonic_time () * 1000 - shared_cost->wall;
}
