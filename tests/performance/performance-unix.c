/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
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

#define NAME "performance"

static char *directory;              /* of the names, removed at the end */
static int ready[2];                 /* a pipe; the server has one end, the client the other */
static pid_t server_pid;
static clockid_t server_clock;       /* in the client */
static PerformanceCost *shared_cost; /* with the client */

/* As many connections as this process may have. */
static void
raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("getrlimit: %s", g_strerror (errno));

  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("setrlimit: %s", g_strerror (errno));
}

static void
remove_directory (void)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (directory);
}

void
performance_platform_init (PerformanceRun *run)
{
  g_autoptr(GError) error = NULL;

  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);

  run->name = NAME;
  run->path = g_build_filename (directory, NAME, NULL);
  raise_limit ();
}

static int
open_socket (const PerformanceRun *run,
             struct sockaddr_un   *address)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    g_error ("socket: %s", g_strerror (errno));

  *address = (struct sockaddr_un) { .sun_family = AF_UNIX };
  g_strlcpy (address->sun_path, run->path, sizeof address->sun_path);
  return fd;
}

int
performance_listen (const PerformanceRun *run)
{
  struct sockaddr_un address;
  int fd = open_socket (run, &address);

  if (bind (fd, (struct sockaddr *) &address, sizeof address) < 0 || listen (fd, SOMAXCONN) < 0)
    g_error ("listen: %s", g_strerror (errno));

  return fd;
}

int
performance_connect (const PerformanceRun *run)
{
  struct sockaddr_un address;
  int fd = open_socket (run, &address);

  if (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_error ("connect: %s", g_strerror (errno));

  return fd;
}

static void
pin (gboolean is_second)
{
  guint n_left_out = is_second ? 1 : 0;
  cpu_set_t allowed, one;

  CPU_ZERO (&one);
  if (sched_getaffinity (0, sizeof allowed, &allowed) < 0)
    g_error ("sched_getaffinity: %s", g_strerror (errno));

  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT (&one) == 0; i++)
    if (CPU_ISSET (i, &allowed) && n_left_out-- == 0)
      CPU_SET (i, &one);

  if (CPU_COUNT (&one) == 0)
    g_error ("There is one processor only");
  if (sched_setaffinity (0, sizeof one, &one) < 0)
    g_error ("sched_setaffinity: %s", g_strerror (errno));
}

void
performance_ready (void)
{
  if (write (ready[1], "", 1) != 1)
    g_error ("write: %s", g_strerror (errno));
}

static void
await_server (void)
{
  char byte;

  if (read (ready[0], &byte, 1) != 1)
    g_error ("The server ended");
  if (clock_getcpuclockid (server_pid, &server_clock) != 0)
    g_error ("No clock for the server's process");
}

static pid_t
start (PerformanceFunc       func,
       int                   other_end,
       const PerformanceRun *run)
{
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (pid > 0)
    return pid;

  close (ready[other_end]);
  pin (run->is_apart && other_end == 1);
  if (other_end == 1)
    await_server ();
  func (run);
  fflush (NULL);
  _exit (0);
}

static int
wait_for_end (pid_t pid)
{
  int status;

  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      g_error ("waitpid: %s", g_strerror (errno));

  return status;
}

void
performance_run (const PerformanceWorkload *workload,
                 const PerformanceRun      *run,
                 PerformanceCost           *cost)
{
  pid_t client_pid;
  int client_status, server_status;

  shared_cost = mmap (NULL, sizeof *shared_cost, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared_cost == MAP_FAILED)
    g_error ("mmap: %s", g_strerror (errno));
  if (pipe2 (ready, O_CLOEXEC) < 0)
    g_error ("pipe2: %s", g_strerror (errno));

  server_pid = start (workload->serve, 0, run);
  client_pid = start (workload->request, 1, run);
  close (ready[0]);
  close (ready[1]);

  client_status = wait_for_end (client_pid);
  kill (server_pid, SIGTERM);
  server_status = wait_for_end (server_pid);
  remove_directory ();

  if (client_status != 0 || !WIFSIGNALED (server_status) || WTERMSIG (server_status) != SIGTERM)
    exit (1);
  *cost = *shared_cost;
}

static gint64
get_time (clockid_t clock)
{
  struct timespec now;

  if (clock_gettime (clock, &now) < 0)
    g_error ("clock_gettime: %s", g_strerror (errno));

  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static gint64
get_resident (pid_t pid)
{
  char path[64], text[1024];
  const char *line;
  gssize length;
  int fd;

  g_snprintf (path, sizeof path, "/proc/%d/smaps_rollup", (int) pid);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  length = fd < 0 ? -1 : read (fd, text, sizeof text - 1);
  if (length < 0)
    g_error ("%s: %s", path, g_strerror (errno));
  close (fd);

  text[length] = '\0';
  line = strstr (text, "\nRss:");
  g_assert_nonnull (line);
  return g_ascii_strtoll (line + strlen ("\nRss:"), NULL, 10);
}

static void
get_times (PerformanceCost *cost)
{
  cost->cpu = get_time (CLOCK_PROCESS_CPUTIME_ID) + get_time (server_clock);
  cost->wall = get_time (CLOCK_MONOTONIC);
}

static void
get_memory (PerformanceCost *cost)
{
  cost->client = get_resident (getpid ());
  cost->server = get_resident (server_pid);
}

void
performance_begin (void)
{
  get_memory (shared_cost);
  get_times (shared_cost);
}

void
performance_end (void)
{
  PerformanceCost now;

  get_times (&now);
  get_memory (&now);
  shared_cost->cpu = now.cpu - shared_cost->cpu;
  shared_cost->wall = now.wall - shared_cost->wall;
  shared_cost->client = now.client - shared_cost->client;
  shared_cost->server = now.server - shared_cost->server;
}
