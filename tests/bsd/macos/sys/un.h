/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <sys/un.h>

/* unix(4), and the header itself */
#define LOCAL_PEERCRED 0x001
#define LOCAL_PEERPID  0x002

/* Not earlier: the compiler's own headers look at it, too. */
#ifndef __APPLE__
# define __APPLE__ 1
#endif
