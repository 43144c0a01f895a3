/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <unistd.h>

/* getpeereid(3) */
int getpeereid (int fd, uid_t *uid, gid_t *gid);
