/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the programs share that measure something: a server and a client, each in a process of its own, and what they
 * cost. Both are pinned to one processor, so that no figure depends on where the other one ran. */

#define PERFORMANCE_MESSAGE_SIZE 64

/* Parses the options and how many of something to do, if that is given; exits when they are wrong. */
void   performance_init  (int                *argc,
                          char             ***argv,
                          const GOptionEntry *options,
                          guint              *count);

/* One of the two processes; the descriptor is its end of a Unix stream socket that connects both, blocking. */
typedef void (* PerformanceFunc) (int            fd,
                                  gconstpointer  data);

/* In nanoseconds; the processor time is that of both processes. */
typedef struct
{
  gint64 wall;
  gint64 cpu;
} PerformanceCost;

/* Runs both to their ends and exits when one of them fails. The calling process must not have used a main context, nor have
 * any other thread: the two are forked from it. */
void   performance_run   (PerformanceFunc   server,
                          PerformanceFunc   client,
                          gconstpointer     data,
                          PerformanceCost  *cost);

/* In the client, around what is measured. */
void   performance_begin (void);
void   performance_end   (void);

G_END_DECLS
