/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

/* A pipe has no file that could be moved. */
gboolean
tool_place_can_take (GSocketAddress *address)
{
  return FALSE;
}

ToolPlace *
tool_place_new (GSocketAddress  *address,
                GError         **error)
{
  g_assert_not_reached ();
}

gboolean
tool_place_take (ToolPlace  *place,
                 GError    **error)
{
  g_assert_not_reached ();
}

void
tool_place_free (ToolPlace *place)
{
  g_assert_not_reached ();
}
