/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who is at the other end: what every system tells of this very process. */

#include "test-util.h"

#ifdef G_OS_WIN32
# include <process.h>
# define getpid _getpid
#else
# include <unistd.h>
#endif

static void
assert_own (LCredentials *credentials)
{
  g_assert_true (L_IS_CREDENTIALS (credentials));
  g_assert_cmpint (l_credentials_get_pid (credentials), ==, getpid ());
  g_assert_true (l_credentials_is_same_user (credentials));
  if (test_is_unix ())
    {
      g_assert_null (l_credentials_get_sid (credentials));
      return;
    }

  g_test_message ("%s", l_credentials_get_sid (credentials));
  g_assert_true (g_str_has_prefix (l_credentials_get_sid (credentials), "S-1-"));
  g_assert_cmpint (l_credentials_get_uid (credentials), ==, -1);
  g_assert_cmpint (l_credentials_get_gid (credentials), ==, -1);
  g_assert_cmpint (l_credentials_get_pidfd (credentials), ==, -1);
  g_assert_null (l_credentials_get_groups (credentials, NULL));
  g_assert_null (l_credentials_get_security_label (credentials));
}

static void
test_both_ends (void)
{
  g_autoptr(LCredentials) of_client = NULL;
  TestPair pair;

  test_pair_init (&pair);
  assert_own (l_socket_get_peer_credentials (pair.client));
  assert_own (l_socket_get_peer_credentials (pair.peer));

  /* The property is the same object. */
  g_object_get (pair.peer, "peer-credentials", &of_client, NULL);
  g_assert_true (of_client == l_socket_get_peer_credentials (pair.peer));
  test_pair_clear (&pair);
}

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              guint      *n_notified)
{
  gboolean is_there = l_socket_get_peer_credentials (L_SOCKET (object)) != NULL;

  ++*n_notified;
  g_assert_cmpint (is_there, ==, l_socket_is_valid (L_SOCKET (object)));
}

static void
test_lifetime (void)
{
  g_autoptr(LCredentials) kept = NULL;
  guint n_notified = 0;
  TestPair pair;

  test_pair_init (&pair);
  g_signal_connect (pair.client, "notify::peer-credentials", G_CALLBACK (count_notify), &n_notified);
  kept = g_object_ref (l_socket_get_peer_credentials (pair.client));
  l_socket_disconnect_from_server (pair.client);
  TEST_TURN_UNTIL (l_socket_get_state (pair.client) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_null (l_socket_get_peer_credentials (pair.client));
  assert_own (kept);

  l_socket_connect_to_server (pair.client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_true (l_socket_get_peer_credentials (pair.client) != kept);
  test_pair_clear (&pair);
}

static void
test_unconnected (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();

  g_assert_null (l_socket_get_peer_credentials (socket));
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/credentials/both-ends", test_both_ends);
  test_add ("/credentials/lifetime", test_lifetime);
  test_add ("/credentials/unconnected", test_unconnected);

  return test_run ();
}
