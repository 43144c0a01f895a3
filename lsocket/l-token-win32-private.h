/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include <windows.h>

G_BEGIN_DECLS

/* The security identifier of a process, as text: its user (TokenUser) or its group (TokenPrimaryGroup). NULL with
 * GetLastError(). */
char *l_token_get_sid (HANDLE                  process,
                       TOKEN_INFORMATION_CLASS kind);

G_END_DECLS
