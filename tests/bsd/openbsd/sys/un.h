/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <sys/un.h>

/* Not earlier: the compiler's own headers look at it, too. */
#ifndef __OpenBSD__
# define __OpenBSD__ 1
#endif
