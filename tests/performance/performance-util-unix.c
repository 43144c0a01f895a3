/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a process has open beside the connections. */
#define OTHER_DESCRIPTORS 32

static char *directory;              /* of the names, removed at the end */
static PerformanceCost *shared_cost; /* with the client */
static clockid_t server_clock;       /* in the client */

static void
remove_directory (void)
{
  g_rmdir (directory);
}

void
performance_platform_init (void)
{
  g_autoptr(GError) error = NULL;

  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  atexit (remove_directory);
}

const char *
performance_get_name (void)
{
  return "performance";
}

void
performance_connect_plain (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/%s", directory, performance_get_name ());
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_error ("connect: %s", g_strerror (errno));
}

void
performance_allow_connections (guint count)
{
  struct rlimit limit;
  rlim_t needed = (rlim_t) count + OTHER_DESCRIPTORS;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("getrlimit: %s", g_strerror (errno));

  if (limit.rlim_max < needed)
    {
      g_printerr ("%u connections need %" G_GUINT64_FORMAT " descriptors, and the hard limit is %" G_GUINT64_FORMAT
                  " (ulimit -Hn)\n",
                  count, (guint64) needed, (guint64) limit.rlim_max);
      exit (1);
    }

  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("setrlimit: %s", g_strerror (errno));
}

guint64
performance_get_resident (void)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  const char *line;

  g_file_get_contents ("/proc/self/smaps_rollup", &text, NULL, &error);
  g_assert_no_error (error);
  line = strstr (text, "\nRss:");
  g_assert_nonnull (line);

  return g_ascii_strtoull (line + strlen ("\nRss:"), NULL, 10);
}

void
performance_tell (gintptr link)
{
  if (write (link, "", 1) != 1)
    g_error ("write: %s", g_strerror (errno));
}

void
performance_await (gintptr link)
{
  char byte;

  if (read (link, &byte, 1) != 1)
    g_error ("The other process ended");
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
