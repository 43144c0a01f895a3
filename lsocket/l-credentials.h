/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <gio/gio.h>
#include <lsocket/l-version-macros.h>

G_BEGIN_DECLS

#define L_TYPE_CREDENTIALS (l_credentials_get_type ())
LSOCKET_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (LCredentials, l_credentials, L, CREDENTIALS, GObject)

LSOCKET_AVAILABLE_IN_1_0
gint64        l_credentials_get_uid            (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
gint64        l_credentials_get_gid            (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
const gint64 *l_credentials_get_groups         (LCredentials *self,
                                                gsize        *n_groups);

LSOCKET_AVAILABLE_IN_1_0
gint64        l_credentials_get_pid            (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
int           l_credentials_get_pidfd          (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
const char   *l_credentials_get_sid            (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
const char   *l_credentials_get_security_label (LCredentials *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean      l_credentials_is_same_user       (LCredentials *self);

G_END_DECLS
