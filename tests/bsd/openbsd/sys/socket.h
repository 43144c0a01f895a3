/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include_next <sys/socket.h>

/* getsockopt(2) */
#undef SO_PEERCRED
#define SO_PEERCRED 0x1022

struct sockpeercred
{
  uid_t uid;
  gid_t gid;
  pid_t pid;
};
