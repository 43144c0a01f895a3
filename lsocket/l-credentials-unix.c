/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-unix-private.h"
#include "l-system-private.h"

#include <unistd.h>

/* What follows from what l-credentials-linux.c or l-credentials-bsd.c is told. */

void
l_credentials_fill (LCredentials *self,
                    gintptr       descriptor)
{
  int fd = (int) descriptor;
  LPeerIds ids;

  l_peer_read_ids (fd, &ids);
  self->uid = ids.uid;
  self->gid = ids.gid;
  self->pid = ids.pid;
  self->groups = l_peer_read_groups (fd, &self->n_groups);
  self->pidfd = l_peer_open_pidfd (fd);
  self->security_label = l_peer_read_security_label (fd);
}

void
l_credentials_close_pidfd (LCredentials *self)
{
  if (self->pidfd >= 0)
    l_system.close (self->pidfd);
}

static gboolean
is_own_uid (gint64 uid)
{
  return uid == (gint64) geteuid () && !l_peer_is_overflow_uid (uid);
}

gboolean
l_credentials_is_own (LCredentials *self)
{
  return is_own_uid (self->uid);
}

static gboolean
is_in_own_group (int             fd,
                 const LPeerIds *ids)
{
  gint64 group = getegid ();
  g_autofree gint64 *groups = NULL;
  gsize n_groups;

  if (ids->gid == group)
    return TRUE;

  groups = l_peer_read_groups (fd, &n_groups);
  for (gsize i = 0; groups != NULL && i < n_groups; i++)
    if (groups[i] == group)
      return TRUE;

  return FALSE;
}

gboolean
l_credentials_admit_peer (gintptr  descriptor,
                          gboolean with_group)
{
  LPeerIds ids;

  l_peer_read_ids ((int) descriptor, &ids);
  if (ids.uid < 0 || l_peer_is_overflow_uid (ids.uid))
    return FALSE;
  if (ids.uid == 0 || is_own_uid (ids.uid))
    return TRUE;

  return with_group && is_in_own_group ((int) descriptor, &ids);
}

char *
l_credentials_identify_peer (gintptr descriptor)
{
  LPeerIds ids;

  l_peer_read_ids ((int) descriptor, &ids);
  return ids.uid >= 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, ids.uid) : NULL;
}
