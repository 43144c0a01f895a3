/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* What the programs share that measure something: a server and a client, each in a process of its own, and what they
 * cost. Both are pinned to one processor, so that no figure depends on where the other one ran. */

#define PERFORMANCE_MESSAGE_SIZE 64

/* Parses the options and how many of something to do, if that is given; exits when they are wrong. */
void        performance_init              (int                *argc,
                                           char             ***argv,
                                           const GOptionEntry *options,
                                           guint              *count);

/* The two processes have connections by the name of this run. */
LServer    *performance_listen            (void);
/* Until there are so many. */
void        performance_accept            (LServer            *server,
                                           GPtrArray          *sockets,
                                           guint               count);
LSocket    *performance_connect           (void);

/* What each platform does in its own way: performance-util-unix.c and performance-util-win32.c. */

void        performance_platform_init     (void);
const char *performance_get_name          (void);
/* A connection that is no LSocket and stays open. */
void        performance_connect_plain     (void);
/* Exits when a process cannot have that many connections. */
void        performance_allow_connections (guint               count);
/* The memory of this process, in KiB. */
guint64     performance_get_resident      (void);

/* One of the two processes. The link connects both, for an LSocket or to wait for each other. */
typedef void (* PerformanceFunc) (gintptr        link,
                                  gconstpointer  data);

void        performance_tell              (gintptr             link);
void        performance_await             (gintptr             link);

/* In nanoseconds. The processor time is that of both processes; 0 on Windows, where it is not known. */
typedef struct
{
  gint64 wall;
  gint64 cpu;
} PerformanceCost;

/* Runs both to their ends and exits when one of them fails. The calling process must not have used a main context, nor have
 * any other thread: on Unix the two are forked from it. On Windows they are started as this program was, to call this
 * again, and it must be the only call. */
void        performance_run               (PerformanceFunc     server,
                                           PerformanceFunc     client,
                                           gconstpointer       data,
                                           PerformanceCost    *cost);

/* In the client, around what is measured. */
void        performance_begin             (void);
void        performance_end               (void);

G_END_DECLS
