/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The list of a server's connections. */

#include "test-server-util.h"

/* What a list in a window knows: only what items-changed told it. */
typedef struct
{
  GListModel *model;   /* (unowned) */
  GPtrArray  *sockets; /* (element-type LSocket) (unowned) */
  GString    *changes;
  GThread    *thread;
} View;

static void
on_items_changed (GListModel *model,
                  guint       position,
                  guint       n_removed,
                  guint       n_added,
                  View       *view)
{
  g_assert_true (g_thread_self () == view->thread);
  g_string_append_printf (view->changes, "%u-%u+%u ", position, n_removed, n_added);
  if (n_removed > 0)
    g_ptr_array_remove_range (view->sockets, position, n_removed);
  for (guint i = position; i < position + n_added; i++)
    {
      g_autoptr(LSocket) socket = g_list_model_get_item (model, i);

      g_ptr_array_insert (view->sockets, (int) i, socket);
    }

  g_assert_cmpuint (g_list_model_get_n_items (model), ==, view->sockets->len);
  for (guint i = 0; i < view->sockets->len; i++)
    {
      g_autoptr(LSocket) socket = g_list_model_get_item (model, i);

      g_assert_true (socket == view->sockets->pdata[i]);
      g_assert_cmpint (l_socket_get_state (socket), !=, L_SOCKET_STATE_UNCONNECTED);
    }
}

static void
view_init (View    *view,
           LServer *server)
{
  view->model = l_server_get_connections (server);
  view->sockets = g_ptr_array_new ();
  view->changes = g_string_new (NULL);
  view->thread = g_thread_self ();
  on_items_changed (view->model, 0, 0, g_list_model_get_n_items (view->model), view);
  g_string_truncate (view->changes, 0);
  g_signal_connect (view->model, "items-changed", G_CALLBACK (on_items_changed), view);
}

static void
view_clear (View *view)
{
  g_ptr_array_unref (view->sockets);
  g_string_free (view->changes, TRUE);
}

static void
view_assert_changes (View       *view,
                     const char *expected)
{
  g_assert_cmpstr (view->changes->str, ==, expected);
  g_string_truncate (view->changes, 0);
}

static void
test_made_when_asked_for (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw = test_connect_raw (server);

  g_test_summary ("A server that nobody asks has no list");

  socket = test_take (server);
  l_socket_abort (socket);
  g_assert_cmpuint (g_type_from_name ("LConnectionList"), ==, 0);
  test_raw_close (raw);
}

static void
test_disposed (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw raw = test_connect_raw (server);
  LSocket *socket = test_take (server);

  g_test_summary ("The server holds none that was disposed of");

  g_assert_cmpuint (g_list_model_get_n_items (l_server_get_connections (server)), ==, 1);
  g_object_run_dispose (G_OBJECT (socket));
  g_assert_cmpuint (g_list_model_get_n_items (l_server_get_connections (server)), ==, 0);
  g_assert_finalize_object (socket);
  test_raw_close (raw);
}

static void
test_property (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GListModel) model = NULL;

  g_object_get (server, "connections", &model, NULL);
  g_assert_true (model == l_server_get_connections (server));
  g_assert_true (g_list_model_get_item_type (model) == L_TYPE_SOCKET);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
  g_assert_null (g_list_model_get_item (model, 0));
}

static void
test_taken (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) first = NULL;
  g_autoptr(LSocket) second = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  TestRaw raws[2];
  View view;

  g_test_summary ("A connection is in the list when it is taken, not while it waits, whichever way it goes");

  view_init (&view, server);
  raws[0] = test_connect_raw (server);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  view_assert_changes (&view, "");
  first = l_server_next_pending_connection (server);
  view_assert_changes (&view, "0-0+1 ");

  l_server_accept_async (server, NULL, test_store_result, &result);
  raws[1] = test_connect_raw (server);
  TEST_TURN_UNTIL (result != NULL);
  view_assert_changes (&view, "");
  second = l_server_accept_finish (server, result, NULL);
  view_assert_changes (&view, "1-0+1 ");
  g_assert_true (view.sockets->pdata[0] == first && view.sockets->pdata[1] == second);
  g_assert_null (g_list_model_get_item (view.model, 2));

  test_raw_close (raws[0]);
  TEST_TURN_UNTIL (view.sockets->len == 1);
  view_assert_changes (&view, "0-1+0 ");
  l_server_close (server);
  view_assert_changes (&view, "");
  l_socket_abort (second);
  view_assert_changes (&view, "0-1+0 ");
  test_raw_close (raws[1]);
  view_clear (&view);
}

static void
test_queued_again (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw raw = test_connect_raw (server);
  g_autoptr(LSocket) socket = test_take (server);
  g_autoptr(LSocket) again = NULL;
  View view;

  g_test_summary ("One that was taken, queued and taken again is there once");

  view_init (&view, server);
  g_assert_cmpuint (view.sockets->len, ==, 1);
  l_server_add_pending_connection (server, socket);
  again = l_server_next_pending_connection (server);
  g_assert_true (again == socket);
  view_assert_changes (&view, "");
  l_socket_abort (socket);
  view_assert_changes (&view, "0-1+0 ");
  test_raw_close (raw);
  view_clear (&view);
}

static void
test_not_connected (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LSocket) taken = NULL;
  View view;

  view_init (&view, server);
  l_server_add_pending_connection (server, socket);
  taken = l_server_next_pending_connection (server);
  g_assert_true (taken == socket);
  view_assert_changes (&view, "");
  view_clear (&view);
}

#define N_CONNECTIONS 50

static void
test_order (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  LSocket *sockets[N_CONNECTIONS];
  TestRaw raws[N_CONNECTIONS];
  guint n_left = N_CONNECTIONS;
  View view;

  g_test_summary ("The oldest is first, also when the list is asked for late; what goes leaves the others in order");

  for (guint i = 0; i < N_CONNECTIONS; i++)
    {
      raws[i] = test_connect_raw (server);
      sockets[i] = test_take (server);
      g_object_unref (sockets[i]);
    }
  view_init (&view, server);
  for (guint i = 0; i < N_CONNECTIONS; i++)
    g_assert_true (view.sockets->pdata[i] == sockets[i]);

  while (n_left > 0)
    {
      guint i = (guint) g_test_rand_int_range (0, (int) n_left);

      g_assert_true (view.sockets->pdata[i] == sockets[i]);
      for (n_left--, l_socket_abort (sockets[i]); i < n_left; i++)
        sockets[i] = sockets[i + 1];
      g_assert_cmpuint (view.sockets->len, ==, n_left);
    }
  for (guint i = 0; i < N_CONNECTIONS; i++)
    test_raw_close (raws[i]);
  view_clear (&view);
}

/* When it leaves */

typedef struct
{
  LSocket *socket;
  GString *events;
  guint    n_items;
} Leaving;

static void
note_change (GListModel *model,
             guint       position,
             guint       n_removed,
             guint       n_added,
             Leaving    *leaving)
{
  g_assert_cmpint (l_socket_get_state (leaving->socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_false (l_socket_is_valid (leaving->socket));
  leaving->n_items = g_list_model_get_n_items (model);
  g_string_append (leaving->events, "items-changed ");
}

static void
note_notify (LSocket    *socket,
             GParamSpec *pspec,
             Leaving    *leaving)
{
  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    return;

  g_assert_cmpuint (leaving->n_items, ==, 0);
  g_string_append (leaving->events, "notify::state ");
}

static void
note_state (LSocket      *socket,
            LSocketState  state,
            Leaving      *leaving)
{
  if (state == L_SOCKET_STATE_UNCONNECTED)
    g_string_append (leaving->events, "state-changed ");
}

static void
test_leaving (gconstpointer data)
{
  gboolean is_remote = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = test_listen ("market");
  TestRaw raw = test_connect_raw (server);
  g_autoptr(LSocket) socket = test_take (server);
  Leaving leaving = { socket, g_string_new (NULL), 1 };

  g_test_summary ("The socket is unconnected when it leaves, and that is told afterwards");

  g_signal_connect (l_server_get_connections (server), "items-changed", G_CALLBACK (note_change), &leaving);
  g_signal_connect (socket, "notify::state", G_CALLBACK (note_notify), &leaving);
  g_signal_connect (socket, "state-changed", G_CALLBACK (note_state), &leaving);
  if (is_remote)
    test_raw_close (raw);
  else
    l_socket_disconnect_from_server (socket);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpstr (leaving.events->str, ==, "items-changed notify::state state-changed ");
  if (!is_remote)
    test_raw_close (raw);
  g_string_free (leaving.events, TRUE);
}

/* Handlers that do something */

typedef enum
{
  ABORT_ADDED,
  DROP_SERVER_WHEN_ADDED,
  DROP_SERVER_WHEN_REMOVED,
  RECONNECT_REMOVED,
  ASK_AGAIN,
} Deed;

typedef struct
{
  Deed     deed;
  LServer *server;
  LSocket *socket; /* (unowned) */
} Doer;

static void
do_deed (GListModel *model,
         guint       position,
         guint       n_removed,
         guint       n_added,
         Doer       *doer)
{
  g_autoptr(LSocket) added = n_added == 1 ? g_list_model_get_item (model, position) : NULL;

  if (doer->deed == ABORT_ADDED && added != NULL)
    l_socket_abort (added);
  if (doer->deed == DROP_SERVER_WHEN_ADDED && added != NULL)
    g_clear_object (&doer->server);
  if (doer->deed == DROP_SERVER_WHEN_REMOVED && added == NULL)
    g_clear_object (&doer->server);
  if (doer->deed == RECONNECT_REMOVED && added == NULL)
    l_socket_connect_to_server (doer->socket, "market", L_OPEN_MODE_READ_WRITE);
  if (doer->deed == ASK_AGAIN)
    g_assert_true (l_server_get_connections (doer->server) == model);
}

static void
test_handler (gconstpointer data)
{
  Doer doer = { GPOINTER_TO_INT (data), test_listen ("market"), NULL };
  GListModel *model = l_server_get_connections (doer.server);
  TestRaw raw = test_connect_raw (doer.server);
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(TestTrace) trace = NULL;

  g_signal_connect (model, "items-changed", G_CALLBACK (do_deed), &doer);
  socket = doer.socket = test_take (doer.server);
  switch (doer.deed)
    {
    case ABORT_ADDED:
      g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
      g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
      break;
    case DROP_SERVER_WHEN_ADDED:
      g_assert_null (doer.server);
      g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
      break;
    case DROP_SERVER_WHEN_REMOVED:
      trace = test_trace_new_full (socket);
      l_socket_abort (socket);
      g_assert_null (doer.server);
      g_assert_true (test_trace_has (trace, "disconnected"));
      break;
    case RECONNECT_REMOVED:
      /* Nothing of the old session comes any more; the device was open for what had arrived. */
      trace = test_trace_new (socket);
      l_socket_abort (socket);
      test_trace_assert (trace, "about-to-close state-changed(connecting) state-changed(connected) connected");
      g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
      g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
      break;
    case ASK_AGAIN:
    default:
      l_socket_abort (socket);
      g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
      break;
    }
  test_raw_close (raw);
  g_clear_object (&doer.server);
}

/* When the server goes */

static void
test_outlives_server (void)
{
  LServer *server = test_listen ("market");
  g_autoptr(GListModel) model = g_object_ref (l_server_get_connections (server));
  TestRaw raws[2] = { test_connect_raw (server), test_connect_raw (server) };
  g_autoptr(LSocket) held = test_take (server);
  gpointer forgotten = test_take (server);
  View view;

  g_test_summary ("The list is empty then, and holds no connection");

  view_init (&view, server);
  g_object_add_weak_pointer (G_OBJECT (forgotten), &forgotten);
  g_object_unref (forgotten);
  g_assert_finalize_object (server);
  view_assert_changes (&view, "0-2+0 ");
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
  g_assert_null (forgotten);
  g_assert_cmpint (l_socket_get_state (held), ==, L_SOCKET_STATE_CONNECTED);
  l_socket_abort (held);
  view_assert_changes (&view, "");
  test_raw_close (raws[0]);
  test_raw_close (raws[1]);
  view_clear (&view);
}

static gpointer
drop_in_thread (gpointer server)
{
  g_object_unref (server);
  return NULL;
}

static void
test_dropped_in_thread (gconstpointer data)
{
  gboolean is_kept = GPOINTER_TO_INT (data);
  LServer *server = test_listen ("market");
  g_autoptr(GListModel) model = g_object_ref (l_server_get_connections (server));
  TestRaw raw = test_connect_raw (server);
  gpointer socket = test_take (server);
  View view;

  g_test_summary ("The list changes in the thread of the server, wherever the server goes");

  view_init (&view, server);
  g_object_add_weak_pointer (G_OBJECT (socket), &socket);
  g_object_unref (socket);
  g_thread_join (g_thread_new ("dropper", drop_in_thread, server));
  view_assert_changes (&view, "");
  if (is_kept)
    {
      TEST_TURN_UNTIL (view.sockets->len == 0);
      view_assert_changes (&view, "0-1+0 ");
    }
  else
    {
      /* Before its turn. */
      g_clear_object (&model);
      test_turn_all ();
    }
  g_assert_null (socket);
  test_raw_close (raw);
  view_clear (&view);
}

/* A server of a thread that only waits. */
static gpointer
serve_in_thread (gpointer queue)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  View view;

  view_init (&view, server);
  g_async_queue_push (queue, GINT_TO_POINTER (1));
  g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
  socket = l_server_next_pending_connection (server);
  g_assert_true (l_socket_wait_for_disconnected (socket, 10000));
  view_assert_changes (&view, "0-0+1 0-1+0 ");
  view_clear (&view);
  return NULL;
}

static void
test_without_loop (void)
{
  g_autoptr(GAsyncQueue) queue = g_async_queue_new ();
  g_autofree char *path = test_build_path ("market");
  GThread *thread;

  g_assert_true (g_main_context_acquire (NULL));
  thread = g_thread_new ("server", serve_in_thread, queue);
  g_async_queue_pop (queue);
  test_raw_close (test_raw_connect (path));
  g_thread_join (thread);
  g_main_context_release (NULL);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  /* First: later the list has been asked for. */
  test_add ("/connections/made-when-asked-for", test_made_when_asked_for);
  test_add ("/connections/property", test_property);
  test_add ("/connections/taken", test_taken);
  test_add ("/connections/disposed", test_disposed);
  test_add ("/connections/queued-again", test_queued_again);
  test_add ("/connections/not-connected", test_not_connected);
  test_add ("/connections/order", test_order);
  test_add_data ("/connections/leaving/here", GINT_TO_POINTER (FALSE), test_leaving);
  test_add_data ("/connections/leaving/there", GINT_TO_POINTER (TRUE), test_leaving);
  test_add_data ("/connections/handler/abort-added", GINT_TO_POINTER (ABORT_ADDED), test_handler);
  test_add_data ("/connections/handler/drop-server-when-added", GINT_TO_POINTER (DROP_SERVER_WHEN_ADDED), test_handler);
  test_add_data ("/connections/handler/drop-server-when-removed", GINT_TO_POINTER (DROP_SERVER_WHEN_REMOVED),
                 test_handler);
  test_add_data ("/connections/handler/reconnect-removed", GINT_TO_POINTER (RECONNECT_REMOVED), test_handler);
  test_add_data ("/connections/handler/ask-again", GINT_TO_POINTER (ASK_AGAIN), test_handler);
  test_add ("/connections/outlives-server", test_outlives_server);
  test_add_data ("/connections/dropped-in-thread/kept", GINT_TO_POINTER (TRUE), test_dropped_in_thread);
  test_add_data ("/connections/dropped-in-thread/not-kept", GINT_TO_POINTER (FALSE), test_dropped_in_thread);
  test_add ("/connections/without-loop", test_without_loop);

  return test_run ();
}
