/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who may talk: the signal authorize, and the properties; with other users in test-policy-unix.c. */

#include "test-server-util.h"

#include <unistd.h>

/* Authorize */

typedef struct
{
  gboolean answer;
  guint    n_calls;
  void  (* func) (LServer *server);
} Judge;

static gboolean
judge (LServer      *server,
       LCredentials *credentials,
       Judge        *self)
{
  self->n_calls++;
  g_assert_true (l_credentials_is_same_user (credentials));
  g_assert_cmpint (l_credentials_get_pid (credentials), ==, getpid ());
  g_assert_false (l_server_has_pending_connections (server));
  if (self->func != NULL)
    self->func (server);

  return self->answer;
}

static void
test_authorize (gconstpointer data)
{
  Judge first = { .answer = GPOINTER_TO_INT (data) };
  Judge second = { .answer = TRUE };
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  TestRaw raw;

  g_signal_connect (server, "authorize", G_CALLBACK (judge), &first);
  g_signal_connect (server, "authorize", G_CALLBACK (judge), &second);
  raw = test_connect_raw (server);
  TEST_TURN_UNTIL (trace->events->len > 0);
  test_turn_all ();
  g_assert_cmpuint (first.n_calls, ==, 1);
  g_assert_cmpuint (second.n_calls, ==, first.answer ? 1 : 0);
  test_trace_assert (trace, first.answer ? "new-connection" : "error(access)");
  g_assert_cmpint (l_server_has_pending_connections (server), ==, first.answer);
  test_assert_raw_read (raw, first.answer ? "" : "$");
  test_raw_close (raw);
}

static void
test_authorize_accept (void)
{
  Judge refusing = { .answer = FALSE };
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(LSocket) accepted = NULL;
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];
  gulong handler;

  g_test_summary ("Who is refused is nobody that an accept could have waited for");

  handler = g_signal_connect (server, "authorize", G_CALLBACK (judge), &refusing);
  l_server_accept_async (server, NULL, test_store_result, &result);
  raws[0] = test_connect_raw (server);
  TEST_TURN_UNTIL (refusing.n_calls == 1);
  test_turn_all ();
  g_assert_null (result);
  test_assert_raw_read (raws[0], "$");

  g_signal_handler_disconnect (server, handler);
  raws[1] = test_connect_raw (server);
  TEST_TURN_UNTIL (result != NULL);
  accepted = l_server_accept_finish (server, result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (accepted);
  test_raw_close (raws[0]);
  test_raw_close (raws[1]);
}

/* On Windows the connection that is judged still has the old name. */
static void
close_and_listen (LServer *server)
{
  l_server_close (server);
  g_assert_true (l_server_listen (server, "bazaar", NULL));
}

static void
test_authorize_closes (gconstpointer data)
{
  Judge closing = { .answer = TRUE, .func = data };
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(TestTrace) trace = test_trace_new (server);
  TestRaw raw = test_connect_raw (server);

  g_test_summary ("A handler that closes the server has closed what came to it, also when it listens again");

  g_signal_connect (server, "authorize", G_CALLBACK (judge), &closing);
  TEST_TURN_UNTIL (closing.n_calls == 1);
  test_turn_all ();
  test_assert_raw_read (raw, "$");
  test_trace_assert (trace, "");
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_cmpint (l_server_is_listening (server), ==, data == close_and_listen);
  test_raw_close (raw);
}

static LServer *dropped;

static void
drop (LServer *server)
{
  g_clear_object (&dropped);
}

static void
test_authorize_drops (void)
{
  Judge dropping = { .answer = TRUE, .func = drop };
  gpointer watched;
  TestRaw raw;

  watched = dropped = test_listen ("market");
  g_object_add_weak_pointer (G_OBJECT (dropped), &watched);
  g_signal_connect (dropped, "authorize", G_CALLBACK (judge), &dropping);
  raw = test_connect_raw (dropped);
  TEST_TURN_UNTIL (dropped == NULL);
  g_assert_null (watched);
  test_assert_raw_read (raw, "$");
  test_raw_close (raw);
}

static void
run_loop (LServer *server)
{
  static guint depth;

  if (++depth == 1)
    test_turn_all ();
  depth--;
}

static void
test_authorize_nested (void)
{
  Judge nesting = { .answer = TRUE, .func = run_loop };
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw raws[3];

  g_test_summary ("A loop in a handler takes no more than the queue has room for");

  l_server_set_max_pending_connections (server, 1);
  g_signal_connect (server, "authorize", G_CALLBACK (judge), &nesting);
  for (guint i = 0; i < G_N_ELEMENTS (raws); i++)
    raws[i] = test_connect_raw (server);
  for (guint i = 0; i < G_N_ELEMENTS (raws); i++)
    {
      TEST_TURN_UNTIL (l_server_has_pending_connections (server));
      test_turn_all ();
      g_assert_cmpuint (nesting.n_calls, ==, i + 1);
      g_assert_cmpuint (test_count_pending (server), ==, 1);
      test_raw_close (raws[i]);
    }
}

static gboolean
refuse_first (LServer      *server,
              LCredentials *credentials,
              guint        *n_calls)
{
  if (++*n_calls > 1)
    return TRUE;

  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  return FALSE;
}

static void
test_authorize_nested_in_wait (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  gboolean found = FALSE;
  gboolean timed_out = FALSE;
  guint n_calls = 0;
  TestRaw raws[2];

  g_test_summary ("A wait finds whom a loop in a handler let in, also when its time is over by then");

  g_signal_connect (server, "authorize", G_CALLBACK (refuse_first), &n_calls);
  for (guint i = 0; i < G_N_ELEMENTS (raws); i++)
    raws[i] = test_connect_raw (server);
  while (n_calls == 0)
    found = l_server_wait_for_new_connection (server, 0, &timed_out);
  g_assert_cmpuint (n_calls, ==, 2);
  g_assert_true (found);
  g_assert_false (timed_out);
  g_assert_cmpuint (test_count_pending (server), ==, 1);
  test_assert_raw_read (raws[0], "$");
  test_raw_close (raws[0]);
  test_raw_close (raws[1]);
}

typedef struct
{
  LServer parent_instance;
  guint   n_incoming;
  guint   n_authorized;
  gboolean answer;
} Strict;

typedef LServerClass StrictClass;

static GType strict_get_type (void);
G_DEFINE_TYPE (Strict, strict, L_TYPE_SERVER)

static void
strict_incoming_connection (LServer *server,
                            gintptr  descriptor)
{
  ((Strict *) server)->n_incoming++;
  L_SERVER_CLASS (strict_parent_class)->incoming_connection (server, descriptor);
}

static gboolean
strict_authorize (LServer      *server,
                  LCredentials *credentials)
{
  ((Strict *) server)->n_authorized++;
  return ((Strict *) server)->answer;
}

static void
strict_class_init (StrictClass *klass)
{
  klass->incoming_connection = strict_incoming_connection;
  klass->authorize = strict_authorize;
}

static void
strict_init (Strict *self)
{
}

static void
test_authorize_subclass (void)
{
  Strict *server = g_object_new (strict_get_type (), NULL);
  TestRaw raws[2];

  g_test_summary ("A subclass gets no descriptor of one that it refused");

  g_assert_true (l_server_listen (L_SERVER (server), "market", NULL));
  raws[0] = test_connect_raw (L_SERVER (server));
  TEST_TURN_UNTIL (server->n_authorized == 1);
  test_turn_all ();
  g_assert_cmpuint (server->n_incoming, ==, 0);
  test_assert_raw_read (raws[0], "$");

  server->answer = TRUE;
  raws[1] = test_connect_raw (L_SERVER (server));
  TEST_TURN_UNTIL (server->n_incoming == 1);
  g_assert_cmpuint (test_count_pending (L_SERVER (server)), ==, 1);
  test_raw_close (raws[0]);
  test_raw_close (raws[1]);
  g_object_unref (server);
}

/* Properties */

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              guint      *n_notified)
{
  ++*n_notified;
}

static void
test_properties (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  guint n_notified = 0;
  LPeerPolicy policy;

  g_signal_connect (server, "notify::peer-policy", G_CALLBACK (count_notify), &n_notified);
  g_signal_connect (client, "notify::peer-policy", G_CALLBACK (count_notify), &n_notified);
  g_assert_cmpint (l_server_get_peer_policy (server), ==, L_PEER_POLICY_AUTO);
  g_assert_cmpint (l_socket_get_peer_policy (client), ==, L_PEER_POLICY_AUTO);
  for (guint i = 0; i < 2; i++)
    {
      g_object_set (server, "peer-policy", L_PEER_POLICY_SAME_USER, NULL);
      g_object_set (client, "peer-policy", L_PEER_POLICY_SAME_USER, NULL);
      g_assert_cmpuint (n_notified, ==, 2);
    }
  g_object_get (server, "peer-policy", &policy, NULL);
  g_assert_cmpint (policy, ==, L_PEER_POLICY_SAME_USER);

  g_assert_true (l_server_listen (server, "market", NULL));
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  test_begin_warnings ();
  l_server_set_peer_policy (server, L_PEER_POLICY_ANY);
  l_socket_set_peer_policy (client, L_PEER_POLICY_ANY);
  g_assert_cmpuint (test_end_warnings (), ==, 2);
  g_assert_cmpint (l_server_get_peer_policy (server), ==, L_PEER_POLICY_SAME_USER);
  g_assert_cmpint (l_socket_get_peer_policy (client), ==, L_PEER_POLICY_SAME_USER);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/policy/properties", test_properties);
  test_add_data ("/policy/authorize/yes", GINT_TO_POINTER (TRUE), test_authorize);
  test_add_data ("/policy/authorize/no", GINT_TO_POINTER (FALSE), test_authorize);
  test_add ("/policy/authorize/accept", test_authorize_accept);
  test_add_data ("/policy/authorize/closes", l_server_close, test_authorize_closes);
  test_add_data ("/policy/authorize/closes-and-listens", close_and_listen, test_authorize_closes);
  test_add ("/policy/authorize/drops", test_authorize_drops);
  test_add ("/policy/authorize/nested", test_authorize_nested);
  test_add ("/policy/authorize/nested-in-wait", test_authorize_nested_in_wait);
  test_add ("/policy/authorize/subclass", test_authorize_subclass);

  return test_run ();
}
