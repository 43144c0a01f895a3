/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* g_thread_self(), which looks for what it returns among all that is private to the thread: too long for what happens once
 * a message. To be compared only. */
static inline GThread *
l_thread_self (void)
{
  static _Thread_local GThread *self;

  if (!L_HAS_THREAD_LOCALS)
    return g_thread_self ();

  if (G_UNLIKELY (self == NULL))
    self = g_thread_self ();

  return self;
}

G_END_DECLS
