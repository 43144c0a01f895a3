/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-credentials-private.h"

G_BEGIN_DECLS

/* Who connected, or on the other side who listened; -1: not known. */
typedef struct
{
  gint64 uid;
  gint64 gid;
  gint64 pid;
} LPeerIds;

void     l_peer_read_ids            (int       fd,
                                     LPeerIds *ids);
/* NULL: not known; otherwise at least one element is allocated. */
gint64  *l_peer_read_groups         (int       fd,
                                     gsize    *n_groups);
/* -1: the system has no such thing, or not of this peer. */
int      l_peer_open_pidfd          (int       fd);
char    *l_peer_read_security_label (int       fd);
/* Who is nobody in particular: each user that has no number here. */
gboolean l_peer_is_overflow_uid     (gint64    uid);

G_END_DECLS
