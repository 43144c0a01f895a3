/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static PerformanceCost *shared_cost; /* with the client */
static clockid_t server_clock;       /* in the client */

static void
parse_count (const char *text,
             guint      *count)
{
  g_autoptr(GError) error = NULL;
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT, &number, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (2);
    }

  *count = number;
}

void
performance_init (int                *argc,
                  char             ***argv,
                  const GOptionEntry *options,
                  guint              *count)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("[COUNT]");
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, &error) || *argc > 2)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "Too many arguments");
      exit (2);
    }

  if (*argc == 2)
    parse_count ((*argv)[1], count);
}

static void
pin (void)
{
  cpu_set_t allowed, one;

  CPU_ZERO (&one);
  if (sched_getaffinity (0, sizeof allowed, &allowed) < 0)
    g_error ("sched_getaffinity: %s", g_strerror (errno));

  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT (&one) == 0; i++)
    if (CPU_ISSET (i, &allowed))
      CPU_SET (i, &one);

  if (sched_setaffinity (0, sizeof one, &one) < 0)
    g_error ("sched_setaffinity: %s", g_strerror (errno));
}

static pid_t
start (PerformanceFunc func,
       int             fd,
       int             other_fd,
       gconstpointer   data)
{
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (pid > 0)
    return pid;

  close (other_fd);
  pin ();
  func (fd, data);
  fflush (NULL);
  _exit (0);
}

static gboolean
wait_for_end (pid_t pid)
{
  int status;

  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      g_error ("waitpid: %s", g_strerror (errno));

  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

void
performance_run (PerformanceFunc   server,
                 PerformanceFunc   client,
                 gconstpointer     data,
                 PerformanceCost  *cost)
{
  pid_t server_pid, client_pid;
  gboolean done;
  int fds[2];

  shared_cost = mmap (NULL, sizeof *shared_cost, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared_cost == MAP_FAILED)
    g_error ("mmap: %s", g_strerror (errno));
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    g_error ("socketpair: %s", g_strerror (errno));

  server_pid = start (server, fds[0], fds[1], data);
  if (clock_getcpuclockid (server_pid, &server_clock) != 0)
    g_error ("No clock for the server's process");
  client_pid = start (client, fds[1], fds[0], data);
  close (fds[0]);
  close (fds[1]);

  done = wait_for_end (client_pid);
  done = wait_for_end (server_pid) && done;
  if (!done)
    exit (1);

  if (cost != NULL)
    *cost = *shared_cost;
  munmap (shared_cost, sizeof *shared_cost);
}

static gint64
get_time (clockid_t clock)
{
  struct timespec now;

  if (clock_gettime (clock, &now) < 0)
    g_error ("clock_gettime: %s", g_strerror (errno));

  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static void
get_cost (PerformanceCost *cost)
{
  cost->cpu = get_time (CLOCK_PROCESS_CPUTIME_ID) + get_time (server_clock);
  cost->wall = get_time (CLOCK_MONOTONIC);
}

void
performance_begin (void)
{
  get_cost (shared_cost);
}

void
performance_end (void)
{
  PerformanceCost now;

  get_cost (&now);
  shared_cost->cpu = now.cpu - shared_cost->cpu;
  shared_cost->wall = now.wall - shared_cost->wall;
}
