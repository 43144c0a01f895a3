/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-credentials.h"

G_BEGIN_DECLS

struct _LCredentials
{
  GObject parent_instance;

  gint64  uid;            /* -1: not known, as with all of these */
  gint64  gid;
  gint64 *groups;         /* (owned) (nullable) */
  gsize   n_groups;
  gint64  pid;
  int     pidfd;          /* (owned) */
  char   *sid;            /* (owned) (nullable) */
  char   *security_label; /* (owned) (nullable) */
};

/* Of the other end of a connection. */
LCredentials *l_credentials_new_for_peer      (gintptr       descriptor);

/* What each system does, on Unix in l-credentials-unix.c over l-credentials-linux.c or l-credentials-bsd.c. */
void          l_credentials_fill              (LCredentials *self,
                                               gintptr       descriptor);
void          l_credentials_close_pidfd       (LCredentials *self);
gboolean      l_credentials_is_own            (LCredentials *self);

/* The same without an object, for each connection that a policy looks at: whether the other end is the user of this
 * process or the system's administrator, or where asked for belongs to the group of this process. Not known: no. */
gboolean      l_credentials_admit_peer        (gintptr       descriptor,
                                               gboolean      with_group);
/* A text that stands for the user of the other end; NULL: not known. */
char         *l_credentials_identify_peer     (gintptr       descriptor);

G_END_DECLS
