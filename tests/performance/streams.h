/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "performance.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The workloads over GIO's streams, for whatever makes such connections: gio.c and lsocket-streams.c. */

/* Of the peer: both block. */
GIOStream *streams_connect          (const PerformanceRun *run);
GIOStream *streams_accept           (gpointer              server);
/* The loop's: each connection goes to streams_answer(), which takes it. */
void       streams_listen           (const PerformanceRun *run);
gpointer   streams_listen_blocking  (const PerformanceRun *run);

void       streams_answer           (const PerformanceRun *run,
                                     GIOStream            *stream);

G_END_DECLS
