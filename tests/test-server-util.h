/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* What the tests of servers share. */

/* A server that listens; a plain client of it; the next connection, for which the loop turns; how many there are. */
LServer *test_listen                (const char   *name);
TestRaw  test_connect_raw           (LServer      *server);
LSocket *test_take                  (LServer      *server);
guint    test_count_pending         (LServer      *server);

void     test_assert_text           (LSocket      *socket,
                                     const char   *expected);
void     test_assert_server_error   (LServer      *server,
                                     GError       *error,
                                     LSocketError  code);
void     test_assert_not_listening  (LServer      *server);

/* What has arrived, with “$” for the end. */
char    *test_raw_read_text         (TestRaw       raw);
void     test_assert_raw_read       (TestRaw       raw,
                                     const char   *expected);

/* Turns the loop for a while, and says how much of a processor that took: 1.0 is all of one. */
double   test_measure_load          (guint         msecs);

G_END_DECLS
