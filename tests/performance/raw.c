/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Blocking system calls and nothing else: one connection at a time. */

#define READ_SIZE   (256 * 1024)
#define BUFFER_SIZE (64 * 1024)

static guint8 buffer[READ_SIZE];

static gsize
read_some (int fd)
{
  gssize n_read = read (fd, buffer, READ_SIZE);

  if (n_read < 0)
    g_error ("read: %s", g_strerror (errno));

  return n_read;
}

static void
write_all (int           fd,
           const guint8 *message,
           gsize         size)
{
  gsize n_total = 0;

  while (n_total < size)
    {
      gssize n_written = write (fd, message + n_total, size - n_total);

      if (n_written < 0)
        g_error ("write: %s", g_strerror (errno));
      n_total += n_written;
    }
}

static void
serve (const PerformanceRun *run)
{
  int server = performance_listen (run);

  performance_ready ();
  while (TRUE)
    {
      int fd = accept4 (server, NULL, NULL, SOCK_CLOEXEC);
      gsize n_read;

      while ((n_read = read_some (fd)) > 0)
        write_all (fd, buffer, performance_answer (run, n_read));
      close (fd);
    }
}

static void
go_round (const PerformanceRun *run,
          int                   fd,
          gsize                 size)
{
  write_all (fd, run->message, size);
  if (read_some (fd) != size)
    g_error ("Half a message");
}

static void
ping (const PerformanceRun *run)
{
  int fd = performance_connect (run);

  go_round (run, fd, run->size);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    go_round (run, fd, run->size);
  performance_end ();
}

static void
connect_once (const PerformanceRun *run)
{
  int fd = performance_connect (run);

  go_round (run, fd, run->size);
  close (fd);
}

static void
churn (const PerformanceRun *run)
{
  connect_once (run);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connect_once (run);
  performance_end ();
}

static void
write_messages (const PerformanceRun *run)
{
  int fd = performance_connect (run);

  go_round (run, fd, 1);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    write_all (fd, run->message, run->size);
  read_some (fd);
  performance_end ();
}

static void
gather_messages (const PerformanceRun *run)
{
  int fd = performance_connect (run);
  gsize n_gathered = 0;

  go_round (run, fd, 1);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    {
      if (n_gathered + run->size > BUFFER_SIZE)
        {
          write_all (fd, buffer, n_gathered);
          n_gathered = 0;
        }
      memcpy (buffer + n_gathered, run->message, run->size);
      n_gathered += run->size;
    }
  write_all (fd, buffer, n_gathered);
  read_some (fd);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve, write_messages },
  { "gather", serve, gather_messages },
  { "wait", serve, ping },
  { NULL }
};
