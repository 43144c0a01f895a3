/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* Connecting where it fails at once. */
typedef struct
{
  const char    *cause;
  const char    *name;    /* “~” stands for the directory */
  void        (* set_up) (const char *path);
  void        (* undo)   (void);
  LSocketError   error;
  LSocketOptions options;
} TestFailure;

void  test_add_failures  (const char        *prefix,
                         const TestFailure *failures,
                         guint              n_failures);

G_END_DECLS
