/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What Linux says of a peer, with the answers of old kernels and of new ones in place of this one's, and what the kernel
 * that runs says of real processes. */

#include "config.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lsocket/l-credentials-private.h"
#include "lsocket/l-options-unix-private.h"
#include "lsocket/l-system-private.h"

#define NOBODY 65534
#define SOMEBODY 65533

static LSystem real;

/* An answer to getsockopt(): an error, or what it writes. */
static struct
{
  int           code[4];
  struct ucred  ids;
  const gid_t  *groups;
  gsize         n_groups;
  const char   *label;
  gsize         label_length;
  int           pidfd;
  guint         n_calls;
} answer;

enum
{
  IDS,
  GROUPS,
  LABEL,
  PIDFD,
};

static int
give (const void *value,
      gsize       size,
      void       *target,
      socklen_t  *length)
{
  gsize room = *length;

  *length = size;
  if (size > room)
    {
      errno = ERANGE;
      return -1;
    }

  memcpy (target, value, size);
  return 0;
}

static int
fake_getsockopt (int        fd,
                 int        level,
                 int        option,
                 void      *value,
                 socklen_t *length)
{
  int kind;

  answer.n_calls++;
  g_assert_cmpint (level, ==, SOL_SOCKET);
  switch (option)
    {
    case SO_PEERCRED:
      kind = IDS;
      break;
    case SO_PEERGROUPS:
      kind = GROUPS;
      break;
    case SO_PEERSEC:
      kind = LABEL;
      break;
    case SO_PEERPIDFD:
      kind = PIDFD;
      break;
    default:
      g_assert_not_reached ();
    }

  if (answer.code[kind] != 0)
    {
      errno = answer.code[kind];
      return -1;
    }

  switch (kind)
    {
    case IDS:
      return give (&answer.ids, sizeof answer.ids, value, length);
    case GROUPS:
      return give (answer.groups, answer.n_groups * sizeof (gid_t), value, length);
    case LABEL:
      return give (answer.label, answer.label_length, value, length);
    default:
      return give (&answer.pidfd, sizeof answer.pidfd, value, length);
    }
}

static void
set_answer (uid_t uid,
            gid_t gid)
{
  static const gid_t no_groups[1];

  memset (&answer, 0, sizeof answer);
  answer.ids = (struct ucred) { .pid = 4711, .uid = uid, .gid = gid };
  answer.groups = no_groups;
  answer.label = "";
  answer.code[PIDFD] = ENOPROTOOPT;
  l_system.getsockopt = fake_getsockopt;
}

static void
restore (void)
{
  l_system = real;
}

static gint64
get_pid (LCredentials *credentials)
{
  return l_credentials_get_pid (credentials);
}

/* Kernels */

static void
test_nothing_known (gconstpointer data)
{
  g_autoptr(LCredentials) credentials = NULL;
  gsize n_groups = 7;

  g_test_summary ("Whatever error it is, nothing is made up");

  set_answer (0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (answer.code); i++)
    answer.code[i] = GPOINTER_TO_INT (data);
  credentials = l_credentials_new_for_peer (0);
  g_assert_cmpint (l_credentials_get_uid (credentials), ==, -1);
  g_assert_cmpint (l_credentials_get_gid (credentials), ==, -1);
  g_assert_cmpint (get_pid (credentials), ==, -1);
  g_assert_cmpint (l_credentials_get_pidfd (credentials), ==, -1);
  g_assert_null (l_credentials_get_groups (credentials, &n_groups));
  g_assert_cmpuint (n_groups, ==, 0);
  g_assert_null (l_credentials_get_security_label (credentials));
  g_assert_null (l_credentials_get_sid (credentials));
  g_assert_false (l_credentials_is_same_user (credentials));
  g_assert_false (l_credentials_admit_peer (0, TRUE));
  g_assert_null (l_credentials_identify_peer (0));
  restore ();
}

static void
test_not_of_our_namespace (void)
{
  g_autoptr(LCredentials) credentials = NULL;

  g_test_summary ("Process 0 is one that has no number here; the numbers -1 are nobody's");

  set_answer ((uid_t) -1, (gid_t) -1);
  answer.ids.pid = 0;
  credentials = l_credentials_new_for_peer (0);
  g_assert_cmpint (l_credentials_get_uid (credentials), ==, -1);
  g_assert_cmpint (l_credentials_get_gid (credentials), ==, -1);
  g_assert_cmpint (get_pid (credentials), ==, -1);
  g_assert_false (l_credentials_is_same_user (credentials));
  g_assert_false (l_credentials_admit_peer (0, TRUE));
  restore ();
}

static void
test_pidfd (gconstpointer data)
{
  int code = GPOINTER_TO_INT (data);
  g_autoptr(LCredentials) credentials = NULL;

  g_test_summary ("A kernel without, one that has none of a reaped process, and one that pins it");

  set_answer (geteuid (), getegid ());
  answer.code[PIDFD] = code;
  answer.pidfd = code == 0 ? dup (0) : -1;
  credentials = l_credentials_new_for_peer (0);
  g_assert_cmpint (get_pid (credentials), ==, 4711);
  g_assert_cmpint (l_credentials_get_pidfd (credentials), ==, answer.pidfd);
  g_clear_object (&credentials);
  if (code == 0)
    {
      g_assert_cmpint (fcntl (answer.pidfd, F_GETFD), ==, -1);
      g_assert_cmpint (errno, ==, EBADF);
    }
  restore ();
}

static void
test_long (void)
{
  g_autofree char *label = g_strnfill (3000, 'x');
  g_autofree gid_t *groups = g_new (gid_t, 5000);
  g_autoptr(LCredentials) credentials = NULL;
  const gint64 *numbers;
  gsize n_groups;

  g_test_summary ("More groups and a longer label than the first question has room for");

  for (guint i = 0; i < 5000; i++)
    groups[i] = 100000 + i;
  set_answer (1, 1);
  answer.groups = groups;
  answer.n_groups = 5000;
  answer.label = label;
  answer.label_length = 3001;
  credentials = l_credentials_new_for_peer (0);
  numbers = l_credentials_get_groups (credentials, &n_groups);
  g_assert_cmpuint (n_groups, ==, 5000);
  for (guint i = 0; i < 5000; i++)
    g_assert_cmpint (numbers[i], ==, 100000 + i);
  g_assert_cmpstr (l_credentials_get_security_label (credentials), ==, label);
  restore ();
}

static void
test_label (void)
{
  static const struct { const char *native; gsize length; const char *shown; } labels[] = {
    { "", 0, NULL },
    { "\0", 1, NULL },
    { "unconfined", 10, "unconfined" },
    { "unconfined\n", 11, "unconfined" },
    { "system_u:system_r:init_t:s0\0", 28, "system_u:system_r:init_t:s0" },
    { "b\377d", 3, "b\357\277\275d" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    {
      g_autoptr(LCredentials) credentials = NULL;

      set_answer (1, 1);
      answer.label = labels[i].native;
      answer.label_length = labels[i].length;
      credentials = l_credentials_new_for_peer (0);
      g_assert_cmpstr (l_credentials_get_security_label (credentials), ==, labels[i].shown);
      restore ();
    }
}

static void
test_no_groups (void)
{
  g_autoptr(LCredentials) credentials = NULL;
  gsize n_groups = 7;

  g_test_summary ("None is not the same as not known");

  set_answer (1, 1);
  credentials = l_credentials_new_for_peer (0);
  g_assert_nonnull (l_credentials_get_groups (credentials, &n_groups));
  g_assert_cmpuint (n_groups, ==, 0);
  restore ();
}

/* Whom a policy lets in */

static void
test_admits (void)
{
  const gid_t groups[] = { 7, getegid (), 9 };
  uid_t other = geteuid () + 1;
  gid_t other_group = getegid () + 1;

  set_answer (geteuid (), other_group);
  g_assert_true (l_credentials_admit_peer (0, FALSE));
  /* One question is enough for that. */
  g_assert_cmpuint (answer.n_calls, ==, 1);

  set_answer (0, other_group);
  g_assert_true (l_credentials_admit_peer (0, FALSE));

  set_answer (other, getegid ());
  g_assert_false (l_credentials_admit_peer (0, FALSE));
  g_assert_true (l_credentials_admit_peer (0, TRUE));

  set_answer (other, other_group);
  g_assert_false (l_credentials_admit_peer (0, TRUE));
  answer.groups = groups;
  answer.n_groups = 2;
  g_assert_true (l_credentials_admit_peer (0, TRUE));
  g_assert_false (l_credentials_admit_peer (0, FALSE));
  answer.code[GROUPS] = ENOPROTOOPT;
  g_assert_false (l_credentials_admit_peer (0, TRUE));
  restore ();
}

static void
test_overflow_user (void)
{
  g_autofree char *text = NULL;
  uid_t overflow = NOBODY;
  uid_t self = geteuid ();

  g_test_summary ("Everybody without a number here has the same: nobody is that user, and neither are we");

  if (g_file_get_contents ("/proc/sys/kernel/overflowuid", &text, NULL, NULL))
    overflow = strtoul (text, NULL, 10);

  set_answer (overflow, getegid ());
  g_assert_false (l_credentials_admit_peer (0, TRUE));
  if (self == 0 && seteuid (overflow) == 0)
    {
      g_autoptr(LCredentials) credentials = l_credentials_new_for_peer (0);

      g_assert_false (l_credentials_admit_peer (0, FALSE));
      g_assert_false (l_credentials_is_same_user (credentials));
      g_assert_cmpint (l_credentials_get_uid (credentials), ==, overflow);
      g_assert_cmpint (seteuid (self), ==, 0);
    }
  restore ();
}

static void
test_identify (void)
{
  g_autofree char *user = NULL;

  set_answer (1234, 1);
  user = l_credentials_identify_peer (0);
  g_assert_cmpstr (user, ==, "1234");
  restore ();
}

/* This kernel */

static int
make_listener (void)
{
  struct sockaddr address = { .sa_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  /* Without a name the kernel makes one up, of the abstract namespace. */
  g_assert_cmpint (bind (fd, &address, sizeof address.sa_family), ==, 0);
  g_assert_cmpint (listen (fd, 8), ==, 0);
  return fd;
}

/* What a child does with its end, and how it goes on. */
typedef void (* ChildFunc) (int fd);

static pid_t
connect_child (int       listener,
               ChildFunc before,
               ChildFunc after,
               int      *accepted)
{
  char address[128];
  socklen_t length = sizeof address;
  pid_t child;

  g_assert_cmpint (getsockname (listener, (struct sockaddr *) address, &length), ==, 0);
  child = fork ();
  if (child == 0)
    {
      int fd = socket (AF_UNIX, SOCK_STREAM, 0);

      if (before != NULL)
        before (fd);
      if (connect (fd, (struct sockaddr *) address, length) < 0)
        _exit (1);
      if (after != NULL)
        after (fd);
      _exit (0);
    }

  *accepted = accept (listener, NULL, NULL);
  g_assert_cmpint (*accepted, >=, 0);
  return child;
}

static void
reap (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
wait_for_end (int fd)
{
  char byte;

  if (read (fd, &byte, 1) != 0)
    _exit (3);
}

static gboolean
is_readable (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  return poll (&poll_fd, 1, 0) == 1;
}

static void
test_process_ends (void)
{
  g_autoptr(LCredentials) alive = NULL;
  g_autoptr(LCredentials) reaped = NULL;
  int listener = make_listener ();
  int fd;
  pid_t child = connect_child (listener, NULL, wait_for_end, &fd);

  g_test_summary ("The descriptor of a process tells of its end");

  alive = l_credentials_new_for_peer (fd);
  g_assert_cmpint (get_pid (alive), ==, child);
  if (l_credentials_get_pidfd (alive) >= 0)
    {
      g_assert_cmpint (fcntl (l_credentials_get_pidfd (alive), F_GETFD) & FD_CLOEXEC, !=, 0);
      g_assert_false (is_readable (l_credentials_get_pidfd (alive)));
    }
  else
    {
      g_test_message ("this kernel pins no process");
    }

  g_assert_cmpint (shutdown (fd, SHUT_WR), ==, 0);
  reap (child);
  if (l_credentials_get_pidfd (alive) >= 0)
    g_assert_true (is_readable (l_credentials_get_pidfd (alive)));

  /* What can be said of one that is no more. */
  reaped = l_credentials_new_for_peer (fd);
  g_assert_cmpint (get_pid (reaped), ==, child);
  g_assert_cmpint (l_credentials_get_uid (reaped), ==, geteuid ());
  if (l_credentials_get_pidfd (reaped) >= 0)
    g_assert_true (is_readable (l_credentials_get_pidfd (reaped)));
  close (fd);
  close (listener);
}

static void
become_somebody (int fd)
{
  const gid_t groups[] = { 1001, 1002 };

  if (setgroups (2, groups) < 0 || setgid (SOMEBODY) < 0 || setuid (SOMEBODY) < 0)
    _exit (2);
}

static void
test_other_user (void)
{
  g_autoptr(LCredentials) credentials = NULL;
  const gint64 *groups;
  gsize n_groups;
  int listener, fd;
  pid_t child;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to be two users");
      return;
    }

  listener = make_listener ();
  child = connect_child (listener, become_somebody, NULL, &fd);
  credentials = l_credentials_new_for_peer (fd);
  g_assert_cmpint (l_credentials_get_uid (credentials), ==, SOMEBODY);
  g_assert_cmpint (l_credentials_get_gid (credentials), ==, SOMEBODY);
  groups = l_credentials_get_groups (credentials, &n_groups);
  if (groups != NULL)
    {
      g_assert_cmpuint (n_groups, ==, 2);
      g_assert_cmpint (groups[0], ==, 1001);
      g_assert_cmpint (groups[1], ==, 1002);
    }
  g_assert_false (l_credentials_is_same_user (credentials));
  g_assert_false (l_credentials_admit_peer (fd, TRUE));
  reap (child);
  close (fd);
  close (listener);
}

static void
become_somebody_and_wait (int fd)
{
  become_somebody (fd);
  wait_for_end (fd);
}

static void
test_connect_time (void)
{
  g_autoptr(LCredentials) credentials = NULL;
  int listener, fd;
  pid_t child;

  g_test_summary ("They are of who connected, and not of who sends: one that changes its user is shown as it was");

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to be two users");
      return;
    }

  listener = make_listener ();
  child = connect_child (listener, NULL, become_somebody_and_wait, &fd);
  g_assert_cmpint (shutdown (fd, SHUT_WR), ==, 0);
  reap (child);
  credentials = l_credentials_new_for_peer (fd);
  g_assert_cmpint (l_credentials_get_uid (credentials), ==, 0);
  close (fd);
  close (listener);
}

int
main (int   argc,
      char *argv[])
{
  static const struct { const char *name; int code; } errors[] = {
    { "no-such-option", ENOPROTOOPT },
    { "invalid", EINVAL },
    { "no-data", ENODATA },
    { "no-process", ESRCH },
    { "no-descriptors", EMFILE },
    { "no-memory", ENOMEM },
    { "forbidden", EPERM },
  };

  g_test_init (&argc, &argv, NULL);
  real = l_system;

  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autofree char *path = g_strconcat ("/credentials/kernel/nothing-known/", errors[i].name, NULL);
      g_autofree char *pidfd_path = g_strconcat ("/credentials/kernel/pidfd/", errors[i].name, NULL);

      g_test_add_data_func (path, GINT_TO_POINTER (errors[i].code), test_nothing_known);
      g_test_add_data_func (pidfd_path, GINT_TO_POINTER (errors[i].code), test_pidfd);
    }
  g_test_add_data_func ("/credentials/kernel/pidfd/pinned", GINT_TO_POINTER (0), test_pidfd);
  g_test_add_func ("/credentials/kernel/not-of-our-namespace", test_not_of_our_namespace);
  g_test_add_func ("/credentials/kernel/long", test_long);
  g_test_add_func ("/credentials/kernel/label", test_label);
  g_test_add_func ("/credentials/kernel/no-groups", test_no_groups);
  g_test_add_func ("/credentials/admits", test_admits);
  g_test_add_func ("/credentials/overflow-user", test_overflow_user);
  g_test_add_func ("/credentials/identify", test_identify);
  g_test_add_func ("/credentials/process-ends", test_process_ends);
  g_test_add_func ("/credentials/other-user", test_other_user);
  g_test_add_func ("/credentials/connect-time", test_connect_time);

  return g_test_run ();
}
