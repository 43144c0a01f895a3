/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Bytes that tell their place: made at one end and compared at the other, each of them, and kept nowhere. */

void           test_pattern_fill           (void          *buffer,
                                            guint64        offset,
                                            gsize          count);
void           test_pattern_assert         (const void    *buffer,
                                            guint64        offset,
                                            gsize          count);

/* A pollable one is read and written in the loop of its user, another by GIO in worker threads. */
GInputStream  *test_pattern_source_new     (guint64        size,
                                            gboolean       pollable) G_GNUC_WARN_UNUSED_RESULT;

/* Fails the test at the first byte that is not the next one. */
GOutputStream *test_pattern_sink_new       (gboolean       pollable) G_GNUC_WARN_UNUSED_RESULT;
guint64        test_pattern_sink_get_count (GOutputStream *sink);

G_END_DECLS
