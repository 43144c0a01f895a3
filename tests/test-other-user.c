/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-other-user.h"

#include "test-util.h"

#include <grp.h>
#include <unistd.h>

gboolean
test_can_be_others (void)
{
  if (geteuid () == 0)
    return TRUE;

  g_test_skip ("needs root, to be two users");
  return FALSE;
}

void
test_become (uid_t uid,
             gid_t gid,
             gid_t group)
{
  /* Root's rights, which the effective user may have laid down, to give them away for good. */
  if (seteuid (0) < 0 || setegid (0) < 0 || setgroups (1, &group) < 0 || setgid (gid) < 0 || setuid (uid) < 0)
    test_exit_child (9);
}
