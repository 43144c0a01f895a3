/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char *directory;

void
test_init (int    *argc,
           char ***argv)
{
  g_autoptr(GError) error = NULL;

  g_test_init (argc, argv, NULL);

  /* Short, because the name of a socket is; G_TEST_OPTION_ISOLATE_DIRS makes long ones. */
  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
}

static void
remove_tree (const char *path)
{
  if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK) && g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *child = g_build_filename (path, name, NULL);

          remove_tree (child);
        }
    }

  g_remove (path);
}

int
test_run (void)
{
  int result = g_test_run ();

  remove_tree (directory);
  g_clear_pointer (&directory, g_free);
  return result;
}

const char *
test_get_directory (void)
{
  return directory;
}

char *
test_build_path (const char *name)
{
  return g_build_filename (directory, name, NULL);
}

static gboolean
stop_waiting (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

void
test_turn (void)
{
  guint id = g_timeout_add (20, stop_waiting, NULL);

  g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

void
test_turn_all (void)
{
  /* Two idle turns: what one turn leaves for the next is done too. */
  for (guint n_idle = 0; n_idle < 2;)
    n_idle = g_main_context_iteration (NULL, FALSE) ? 0 : n_idle + 1;
}

guint
test_count_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
record (TestTrace *trace,
        char      *event)
{
  g_ptr_array_add (trace->events, event);
}

static void
on_simple (GObject    *object,
           gpointer    user_data)
{
  const GSignalInvocationHint *hint = g_signal_get_invocation_hint (object);

  record (user_data, g_strdup (g_signal_name (hint->signal_id)));
}

static void
on_bytes_written (GObject *object,
                  guint64  count,
                  gpointer user_data)
{
  record (user_data, g_strdup_printf ("bytes-written(%" G_GUINT64_FORMAT ")", count));
}

static const char *
get_nick (GType type,
          int   value)
{
  g_autoptr(GEnumClass) klass = g_type_class_ref (type);

  return g_enum_get_value (klass, value)->value_nick;
}

static void
on_error (GObject      *object,
          LSocketError  error,
          gpointer      user_data)
{
  record (user_data, g_strdup_printf ("error(%s)", get_nick (L_TYPE_SOCKET_ERROR, error)));
}

static void
on_state_changed (GObject      *object,
                  LSocketState  state,
                  gpointer      user_data)
{
  record (user_data, g_strdup_printf ("state-changed(%s)", get_nick (L_TYPE_SOCKET_STATE, state)));
}

TestTrace *
test_trace_new (gpointer object)
{
  static const char * const simple[] = {
    "ready-read", "about-to-close", "read-channel-finished", "connected", "disconnected", "new-connection",
  };
  TestTrace *trace = g_new0 (TestTrace, 1);

  trace->object = object;
  trace->events = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
    if (g_signal_lookup (simple[i], G_OBJECT_TYPE (object)) != 0)
      g_signal_connect (object, simple[i], G_CALLBACK (on_simple), trace);

  g_signal_connect (object, "error", G_CALLBACK (on_error), trace);
  if (L_IS_SOCKET (object))
    {
      g_signal_connect (object, "bytes-written", G_CALLBACK (on_bytes_written), trace);
      g_signal_connect (object, "state-changed", G_CALLBACK (on_state_changed), trace);
    }

  g_object_add_weak_pointer (object, (gpointer *) &trace->object);
  return trace;
}

void
test_trace_free (TestTrace *trace)
{
  if (trace->object != NULL)
    {
      g_signal_handlers_disconnect_by_data (trace->object, trace);
      g_object_remove_weak_pointer (trace->object, (gpointer *) &trace->object);
    }

  g_ptr_array_unref (trace->events);
  g_free (trace);
}

void
test_trace_clear (TestTrace *trace)
{
  g_ptr_array_set_size (trace->events, 0);
}

void
test_trace_assert (TestTrace  *trace,
                   const char *expected)
{
  g_autofree char *actual = NULL;

  g_ptr_array_add (trace->events, NULL);
  actual = g_strjoinv (" ", (char **) trace->events->pdata);
  g_assert_cmpstr (actual, ==, expected);
  test_trace_clear (trace);
}

gboolean
test_trace_has (TestTrace  *trace,
                const char *event)
{
  return g_ptr_array_find_with_equal_func (trace->events, event, g_str_equal, NULL);
}

LSocket *
test_connect (LServer  *server,
              LSocket **peer)
{
  LSocket *client = l_socket_new ();

  l_socket_set_options (client,
                        (l_server_get_options (server) & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) != 0
                          ? L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE
                          : L_SOCKET_OPTIONS_NONE);
  l_socket_connect_to_server (client, l_server_get_full_server_name (server), L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  *peer = l_server_next_pending_connection (server);
  g_assert_nonnull (*peer);

  return client;
}

void
test_pair_init (TestPair *pair)
{
  g_autoptr(GError) error = NULL;

  pair->server = l_server_new ();
  l_server_listen (pair->server, "market", &error);
  g_assert_no_error (error);
  pair->client = test_connect (pair->server, &pair->peer);
}

void
test_pair_clear (TestPair *pair)
{
  g_clear_object (&pair->client);
  g_clear_object (&pair->peer);
  g_clear_object (&pair->server);
}

LSocket *
test_socket_with_raw_peer (int *raw_peer)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  l_socket_set_socket_descriptor (socket, fds[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  *raw_peer = fds[1];

  return socket;
}

void
test_write (LSocket    *socket,
            const char *text)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), text, strlen (text), &error), ==, strlen (text));
  g_assert_no_error (error);
}

char *
test_read (LSocket *socket)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = l_io_device_read_all (L_IO_DEVICE (socket), &error);

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

void
test_store_result (GObject      *source,
                   GAsyncResult *result,
                   gpointer      result_out)
{
  GAsyncResult **out = result_out;

  g_assert_null (*out);
  *out = g_object_ref (result);
}
