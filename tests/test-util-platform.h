/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* Between test-util.c and what each platform does in its own way, beside much of test-util.h: test-util-unix.c and
 * test-util-win32.c. */

void      test_platform_init    (void);
void      test_platform_clear   (void);
/* The ends of test_raw_pair() have a name where the system has none without. */
gboolean  test_platform_is_pair (const char *name);

G_END_DECLS
