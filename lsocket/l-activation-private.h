/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-error-private.h"

G_BEGIN_DECLS

/* Takes a descriptor that a service manager has passed to this process: the first of that name, or of any with NULL, that
 * is not taken yet. Each can be taken once, whatever becomes of its number; one that turns out to be of no use is given
 * back. */
gboolean l_activation_take      (const char  *name,
                                 gintptr     *descriptor,
                                 GError     **error);
void     l_activation_give_back (gintptr      descriptor);

G_END_DECLS
