/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-unix-private.h"
#include "l-system-private.h"

#include <sys/param.h>
#include <sys/un.h>
#include <unistd.h>

#if defined (LOCAL_PEERCRED) && !defined (__NetBSD__)
# include <sys/ucred.h>
# define HAS_XUCRED 1
#endif

/* getpeereid() is what all of them have; the rest is each one's own. */

#ifdef HAS_XUCRED
static gboolean
read_xucred (int            fd,
             struct xucred *peer)
{
  socklen_t length = sizeof *peer;

  /* SOL_LOCAL is 0 where it has a name. */
  return l_system.getsockopt (fd, 0, LOCAL_PEERCRED, peer, &length) == 0 && peer->cr_version == XUCRED_VERSION;
}
#endif

static gint64
read_pid (int fd)
{
#if defined (LOCAL_PEERPID) /* macOS */
  pid_t pid = 0;
  socklen_t length = sizeof pid;

  if (l_system.getsockopt (fd, 0, LOCAL_PEERPID, &pid, &length) == 0 && pid > 0)
    return pid;
#elif defined (__FreeBSD__) && __FreeBSD_version >= 1300139 /* 13.0 */
  struct xucred peer = { 0 };

  if (read_xucred (fd, &peer) && peer.cr_pid > 0)
    return peer.cr_pid;
#elif defined (__NetBSD__)
  struct unpcbid peer = { 0 };
  socklen_t length = sizeof peer;

  if (l_system.getsockopt (fd, 0, LOCAL_PEEREID, &peer, &length) == 0 && peer.unp_pid > 0)
    return peer.unp_pid;
#elif defined (__OpenBSD__)
  struct sockpeercred peer = { 0 };
  socklen_t length = sizeof peer;

  if (l_system.getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0)
    return peer.pid;
#endif

  return -1;
}

void
l_peer_read_ids (int       fd,
                 LPeerIds *ids)
{
  uid_t uid;
  gid_t gid;

  *ids = (LPeerIds) { -1, -1, -1 };
  if (getpeereid (fd, &uid, &gid) < 0)
    return;

  ids->uid = uid != (uid_t) -1 ? (gint64) uid : -1;
  ids->gid = gid != (gid_t) -1 ? (gint64) gid : -1;
  ids->pid = read_pid (fd);
}

/* The first of the list is the effective group. */
gint64 *
l_peer_read_groups (int    fd,
                    gsize *n_groups)
{
#ifdef HAS_XUCRED
  struct xucred peer = { 0 };
  gint64 *groups;

  *n_groups = 0;
  if (!read_xucred (fd, &peer) || peer.cr_ngroups < 1)
    return NULL;

  *n_groups = MIN ((gsize) peer.cr_ngroups, G_N_ELEMENTS (peer.cr_groups)) - 1;
  groups = g_new (gint64, *n_groups + 1);
  for (gsize i = 0; i < *n_groups; i++)
    groups[i] = peer.cr_groups[i + 1];

  return groups;
#else
  *n_groups = 0;
  return NULL;
#endif
}

int
l_peer_open_pidfd (int fd)
{
  return -1;
}

char *
l_peer_read_security_label (int fd)
{
  return NULL;
}

/* There are no namespaces of users. */
gboolean
l_peer_is_overflow_uid (gint64 uid)
{
  return FALSE;
}
