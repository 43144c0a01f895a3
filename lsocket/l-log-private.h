/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Messages at debug level, for `G_MESSAGES_DEBUG=LSocket`; in English, as they are for whoever debugs. Each has the
 * fields LSOCKET_OBJECT (its address), LSOCKET_STATE (a nick) and, where there is one, LSOCKET_NAME. While nobody wants
 * them nothing of what they are made of is evaluated. */
#define L_LOG(object, name, state, ...)                         \
  G_STMT_START                                                  \
    {                                                           \
      if (G_UNLIKELY (l_log_is_wanted ()))                      \
        l_log_write ((object), (name), (state), __VA_ARGS__);   \
    }                                                           \
  G_STMT_END

gboolean    l_log_is_wanted (void);
void        l_log_write     (gpointer    object,
                             const char *name, /* (nullable) */
                             const char *state,
                             const char *format,
                             ...) G_GNUC_PRINTF (4, 5);

/* Of a value of a registered enumeration. */
const char *l_log_get_nick  (GType       type,
                             int         value);

G_END_DECLS
