/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-unix-private.h"
#include "l-options-unix-private.h"
#include "l-system-private.h"

#include <errno.h>
#include <string.h>

/* What the kernel has without being told otherwise. */
#define DEFAULT_OVERFLOW_UID 65534

void
l_peer_read_ids (int       fd,
                 LPeerIds *ids)
{
  struct ucred peer = { .uid = (uid_t) -1, .gid = (gid_t) -1 };
  socklen_t length = sizeof peer;

  *ids = (LPeerIds) { -1, -1, -1 };
  if (l_system.getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || length != sizeof peer)
    return;

  if (peer.uid != (uid_t) -1)
    ids->uid = peer.uid;
  if (peer.gid != (gid_t) -1)
    ids->gid = peer.gid;
  /* 0: a process that the namespace of ours does not show. */
  if (peer.pid > 0)
    ids->pid = peer.pid;
}

/* An option of any length; the kernel says with ERANGE how long it is. */
static void *
read_option (int        fd,
             int        option,
             socklen_t  first_length,
             socklen_t *length)
{
  g_autofree void *value = g_malloc0 (first_length + 1);

  *length = first_length;
  if (l_system.getsockopt (fd, SOL_SOCKET, option, value, length) == 0)
    return g_steal_pointer (&value);
  if (errno != ERANGE || *length <= first_length)
    return NULL;

  g_free (value);
  value = g_malloc0 (*length + 1);
  if (l_system.getsockopt (fd, SOL_SOCKET, option, value, length) == 0)
    return g_steal_pointer (&value);

  return NULL;
}

gint64 *
l_peer_read_groups (int    fd,
                    gsize *n_groups)
{
  g_autofree gid_t *native = NULL;
  socklen_t length;
  gint64 *groups;

  *n_groups = 0;
  native = read_option (fd, SO_PEERGROUPS, 32 * sizeof (gid_t), &length);
  if (native == NULL)
    return NULL;

  *n_groups = length / sizeof (gid_t);
  groups = g_new (gint64, *n_groups + 1);
  for (gsize i = 0; i < *n_groups; i++)
    groups[i] = native[i];

  return groups;
}

/* Kernels before 6.5 do not know it (ENOPROTOOPT); for a process that has been reaped some have none (EINVAL, ESRCH), and
 * others pin what is left of it. Whether it still lives only poll() tells. */
int
l_peer_open_pidfd (int fd)
{
  socklen_t length = sizeof (int);
  int pidfd = -1;

  if (l_system.getsockopt (fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0 || length != sizeof pidfd)
    return -1;

  return pidfd;
}

char *
l_peer_read_security_label (int fd)
{
  g_autofree char *label = NULL;
  socklen_t length;

  label = read_option (fd, SO_PEERSEC, 128, &length);
  if (label == NULL)
    return NULL;

  /* With a NUL at its end or without, and AppArmor's with a newline. */
  g_strchomp (label);
  return *label != '\0' ? g_utf8_make_valid (label, -1) : NULL;
}

static gint64
read_overflow_uid (void)
{
  g_autofree char *text = NULL;
  guint64 uid;

  if (!g_file_get_contents ("/proc/sys/kernel/overflowuid", &text, NULL, NULL))
    return DEFAULT_OVERFLOW_UID;

  g_strchomp (text);
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &uid, NULL) ? (gint64) uid : DEFAULT_OVERFLOW_UID;
}

gboolean
l_peer_is_overflow_uid (gint64 uid)
{
  static gsize overflow_uid_plus_one = 0;

  if (g_once_init_enter (&overflow_uid_plus_one))
    g_once_init_leave (&overflow_uid_plus_one, (gsize) read_overflow_uid () + 1);

  return uid == (gint64) overflow_uid_plus_one - 1;
}
