/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <sys/un.h>

/* unix(4) */
#define LOCAL_PEEREID 0x0003

struct unpcbid
{
  pid_t unp_pid;
  uid_t unp_euid;
  gid_t unp_egid;
};

/* Not earlier: the compiler's own headers look at it, too. */
#ifndef __NetBSD__
# define __NetBSD__ 1
#endif
