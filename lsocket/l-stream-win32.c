/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-stream-link-private.h"

/* A HANDLE is no file descriptor. */
void
l_stream_add_interfaces (GType type)
{
}
