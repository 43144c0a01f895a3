/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Other users of the machine, for whom no account is needed: a test that runs as root can be them. */
#define TEST_NOBODY   65534
#define TEST_SOMEBODY 65533
#define TEST_STRANGER 65532

/* FALSE after a skip that says why. */
gboolean test_can_be_others (void);
/* For good, so in a child alone; `group` is the one beside `gid`. */
void     test_become        (uid_t uid,
                             gid_t gid,
                             gid_t group);

G_END_DECLS
