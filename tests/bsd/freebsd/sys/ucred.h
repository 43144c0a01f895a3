/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <sys/types.h>

/* unix(4) */
#define XUCRED_VERSION 0

struct xucred
{
  u_int cr_version;
  uid_t cr_uid;
  short cr_ngroups;
  gid_t cr_groups[16];
  union
  {
    void *unused;
    pid_t cr_pid;
  };
};
