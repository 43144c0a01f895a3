/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <sys/un.h>

/* unix(4) */
#define LOCAL_PEERCRED 1

/* Not earlier: the compiler's own headers look at it, too. */
#ifndef __FreeBSD__
# define __FreeBSD__ 1
#endif
