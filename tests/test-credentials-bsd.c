/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the library asks of other systems than Linux, compiled against what their manuals declare (tests/bsd) and answered
 * as they say: one program for each. That is no run on these systems. */

#include "config.h"

#include "lsocket/l-credentials-unix-private.h"
#include "lsocket/l-system-private.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include <sys/un.h>
#include <unistd.h>

#define FD 42

/* Each has one of these, or two. */
#if defined (__FreeBSD__) || defined (__APPLE__)
# include <sys/ucred.h>
# define HAS_GROUPS 1
static struct xucred answer;
#elif defined (__NetBSD__)
static struct unpcbid answer;
#elif defined (__OpenBSD__)
static struct sockpeercred answer;
#endif

static gboolean is_refused;
static pid_t    pid;

int
getpeereid (int    fd,
            uid_t *uid,
            gid_t *gid)
{
  g_assert_cmpint (fd, ==, FD);
  if (is_refused)
    {
      errno = ENOTCONN;
      return -1;
    }

  *uid = 1000;
  *gid = 100;
  return 0;
}

static int
give (void       *value,
      socklen_t  *length,
      const void *data,
      socklen_t   size)
{
  g_assert_cmpuint (*length, ==, size);
  memcpy (value, data, size);
  return 0;
}

static int
fake_getsockopt (int        fd,
                 int        level,
                 int        option,
                 void      *value,
                 socklen_t *length)
{
  g_assert_cmpint (fd, ==, FD);
  if (is_refused)
    {
      errno = ENOTCONN;
      return -1;
    }

#ifdef __OpenBSD__
  g_assert_cmpint (level, ==, SOL_SOCKET);
  g_assert_cmpint (option, ==, SO_PEERCRED);
#else
  g_assert_cmpint (level, ==, 0);
#endif
#ifdef __APPLE__
  if (option == LOCAL_PEERPID)
    return give (value, length, &pid, sizeof pid);
#endif
#ifdef HAS_GROUPS
  g_assert_cmpint (option, ==, LOCAL_PEERCRED);
#endif
#ifdef __NetBSD__
  g_assert_cmpint (option, ==, LOCAL_PEEREID);
#endif

  return give (value, length, &answer, sizeof answer);
}

LSystem l_system = { .getsockopt = fake_getsockopt };

static void
set_pid (pid_t new_pid)
{
  pid = new_pid;
#if defined (__FreeBSD__)
  answer.cr_pid = pid;
#elif defined (__NetBSD__)
  answer.unp_pid = pid;
#elif defined (__OpenBSD__)
  answer.pid = pid;
#endif
}

static void
test_ids (void)
{
  LPeerIds ids;

  set_pid (4711);
  l_peer_read_ids (FD, &ids);
  g_assert_cmpint (ids.uid, ==, 1000);
  g_assert_cmpint (ids.gid, ==, 100);
  g_assert_cmpint (ids.pid, ==, 4711);

  /* Never a made-up number. */
  set_pid (0);
  l_peer_read_ids (FD, &ids);
  g_assert_cmpint (ids.uid, ==, 1000);
  g_assert_cmpint (ids.pid, ==, -1);
}

static void
test_unknown (void)
{
  LPeerIds ids;
  gsize n_groups = 1;

  is_refused = TRUE;
  l_peer_read_ids (FD, &ids);
  g_assert_cmpint (ids.uid, ==, -1);
  g_assert_cmpint (ids.gid, ==, -1);
  g_assert_cmpint (ids.pid, ==, -1);
  g_assert_null (l_peer_read_groups (FD, &n_groups));
  g_assert_cmpuint (n_groups, ==, 0);
  g_assert_cmpint (l_peer_open_pidfd (FD), ==, -1);
  g_assert_null (l_peer_read_security_label (FD));
  is_refused = FALSE;
}

#ifdef HAS_GROUPS
static void
assert_groups (guint n_expected)
{
  g_autofree gint64 *groups = NULL;
  gsize n_groups;

  groups = l_peer_read_groups (FD, &n_groups);
  g_assert_nonnull (groups);
  g_assert_cmpuint (n_groups, ==, n_expected);
  for (guint i = 0; i < n_groups; i++)
    g_assert_cmpint (groups[i], ==, 201 + i);
}

static void
test_groups (void)
{
  gsize n_groups;

  g_test_summary ("Without the first, which is the effective one; and never more than there is room for");

  answer.cr_version = XUCRED_VERSION;
  for (guint i = 0; i < G_N_ELEMENTS (answer.cr_groups); i++)
    answer.cr_groups[i] = 200 + i;
  answer.cr_ngroups = 1;
  assert_groups (0);
  answer.cr_ngroups = 3;
  assert_groups (2);
  answer.cr_ngroups = 1000;
  assert_groups (G_N_ELEMENTS (answer.cr_groups) - 1);

  answer.cr_ngroups = 0;
  g_assert_null (l_peer_read_groups (FD, &n_groups));
  answer.cr_ngroups = 3;
  answer.cr_version = XUCRED_VERSION + 1;
  g_assert_null (l_peer_read_groups (FD, &n_groups));
  answer.cr_version = XUCRED_VERSION;
}
#endif

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/credentials-bsd/ids", test_ids);
  g_test_add_func ("/credentials-bsd/unknown", test_unknown);
#ifdef HAS_GROUPS
  g_test_add_func ("/credentials-bsd/groups", test_groups);
#endif

  return g_test_run ();
}
