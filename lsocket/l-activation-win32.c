/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-activation-private.h"

#include <glib/gi18n-lib.h>

gboolean
l_activation_take (const char  *name,
                   gintptr     *descriptor,
                   GError     **error)
{
  l_error_set (error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
               N_("No service manager of this system passes sockets"));
  return FALSE;
}

void
l_activation_give_back (gintptr descriptor)
{
}
