/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What is counted. Both ends are in one thread, so that each run takes the same way through the library. */
typedef struct
{
  gpointer (* begin) (void);
  void     (* go)    (gpointer state, guint count);
  void     (* end)   (gpointer state);
} TestWorkload;

/* By signals: 64 bytes, also beside 1000 connections that are idle, and 64 KiB. */
extern const TestWorkload test_round_trip;
extern const TestWorkload test_idle;
extern const TestWorkload test_large_round_trip;
/* One way, as much as is taken: 16 bytes and 64 KiB a write. */
extern const TestWorkload test_small_writes;
extern const TestWorkload test_large_writes;
/* Connect, one round trip, close. */
extern const TestWorkload test_connection;
/* One end, without a loop; the answer comes while it sleeps. */
extern const TestWorkload test_wait;
/* Over the streams: g_output_stream_write_all_async() and g_input_stream_read_async(), and what blocks. */
extern const TestWorkload test_async_streams;
extern const TestWorkload test_sync_streams;

G_END_DECLS
