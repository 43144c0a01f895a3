/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-system-win32-private.h"
#include "l-token-win32-private.h"

#include <sddl.h>

static char *
get_sid (HANDLE                  token,
         TOKEN_INFORMATION_CLASS kind)
{
  g_autofree gpointer info = NULL;
  char *text, *result;
  DWORD size = 0;
  PSID sid;

  l_system.get_token_info (token, kind, NULL, 0, &size);
  info = g_malloc0 (MAX (size, 1));
  if (!l_system.get_token_info (token, kind, info, size, &size))
    return NULL;

  sid = kind == TokenUser ? ((TOKEN_USER *) info)->User.Sid : ((TOKEN_PRIMARY_GROUP *) info)->PrimaryGroup;
  if (!ConvertSidToStringSidA (sid, &text))
    return NULL;

  result = g_strdup (text);
  LocalFree (text);
  return result;
}

char *
l_token_get_sid (HANDLE                  process,
                 TOKEN_INFORMATION_CLASS kind)
{
  HANDLE token;
  char *sid;

  if (!l_system.open_process_token (process, TOKEN_QUERY, &token))
    return NULL;

  sid = get_sid (token, kind);
  CloseHandle (token);
  return sid;
}
