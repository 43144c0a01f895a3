/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One program a peer, and a peer is a table of workloads: each of them a server and a client, in a process of their own.
 * What the programs share runs both, pinned to one processor so that no figure depends on where the other one ran, and
 * prints what the client's part between performance_begin() and performance_end() cost. */

typedef struct
{
  guint       count;    /* how many operations */
  gsize       size;     /* of a message */
  guint8     *message;  /* memory of its own, which nobody changes */
  guint       n_idle;   /* how many connections have nothing to do */
  guint       n_active; /* how many have a message under way */
  gboolean    low_latency; /* LSocket's property */
  gboolean    is_apart;    /* each process has a processor, of two that must be there */
  const char *name;     /* the server's, as LSocket has names */
  const char *path;     /* the same, as the others have it; NULL on Windows */
} PerformanceRun;

typedef void (* PerformanceFunc) (const PerformanceRun *run);

/* The server answers what it receives until it is killed.
 *
 * ping    a round trip, on one of the active connections
 * vectors the same with another function of GIO's
 * churn   a connection with one round trip
 * write   a message, one way
 * gather  the same into 64 KiB of the program's own before they are written: what no library can do better
 * wait    a round trip without a loop
 * idle    a connection more */
typedef struct
{
  const char      *name;
  PerformanceFunc  serve;
  PerformanceFunc  request;
} PerformanceWorkload;

/* Each peer's; ends with one without a name. */
extern const PerformanceWorkload performance_workloads[];

/* In the server: clients can come. */
void  performance_ready  (void);
/* How many bytes it sends for those that it has received: a message returns as it is, but of those that go one way only
 * the first byte and the last are acknowledged. */
gsize performance_answer (const PerformanceRun *run,
                          gsize                 n_received);

/* In the client, around what is measured. */
void  performance_begin  (void);
void  performance_end    (void);

/* What each platform does in its own way: performance-unix.c and performance-win32.c. */

typedef struct
{
  gint64  wall;   /* in nanoseconds */
  gint64  cpu;    /* the same, of both processes; 0 on Windows, where it is not known */
  gint64  client; /* how much memory the process has taken, in KiB */
  gint64  server;
} PerformanceCost;

void     performance_platform_init (PerformanceRun            *run);
/* Only once. */
void     performance_run           (const PerformanceWorkload *workload,
                                    const PerformanceRun      *run,
                                    PerformanceCost           *cost);

#ifdef G_OS_UNIX
/* Blocking descriptors, for who begins with one. */
int      performance_listen        (const PerformanceRun *run);
int      performance_connect       (const PerformanceRun *run);
#endif

G_END_DECLS
