/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include_next <sys/param.h>

#define __FreeBSD_version 1400097
