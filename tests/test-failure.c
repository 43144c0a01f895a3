/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-failure.h"

#include <string.h>

/* By signals, by an async and by a sync call, with the same error; nothing stays open. */
static void
run (gconstpointer data)
{
  const TestFailure *failure = data;
  g_autofree char *name = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *error_string = NULL;
  g_autoptr(GEnumClass) klass = g_type_class_ref (L_TYPE_SOCKET_ERROR);
  const char *nick = g_enum_get_value (klass, failure->error)->value_nick;
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(TestTrace) trace = test_trace_new_full (socket);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) async_error = NULL;
  g_autoptr(GError) sync_error = NULL;

  if (failure->name[0] == '~')
    name = g_strconcat (test_get_directory (), failure->name + 1, NULL);
  else
    name = g_strdup (failure->name);
  expected = g_strdup_printf ("state-changed(connecting) connecting --- 0 %s - unknown\n"
                              "error(%s) connecting --- 0 %s - %s\n"
                              "state-changed(unconnected) unconnected --- 0 - - %s\n",
                              failure->name, nick, failure->name, nick, nick);

  l_socket_set_options (socket, failure->options);
  if (failure->set_up != NULL)
    failure->set_up (name);

  l_socket_connect_to_server (socket, name, L_OPEN_MODE_READ_WRITE);
  test_trace_assert_lines (trace, expected);
  error_string = g_strdup (l_io_device_get_error_string (L_IO_DEVICE (socket)));
  g_assert_nonnull (strstr (error_string, name));

  l_socket_connect_to_server_async (socket, name, L_OPEN_MODE_READ_WRITE, NULL, test_store_result, &result);
  g_assert_null (result);
  test_trace_assert_lines (trace, expected);

  g_assert_false (l_socket_connect_to_server_sync (socket, name, L_OPEN_MODE_READ_WRITE, NULL, &sync_error));
  g_assert_error (sync_error, L_SOCKET_ERROR, (int) failure->error);
  g_assert_cmpstr (sync_error->message, ==, error_string);
  test_trace_assert_lines (trace, expected);

  if (failure->undo != NULL)
    failure->undo ();

  TEST_TURN_UNTIL (result != NULL);
  g_assert_false (l_socket_connect_to_server_finish (socket, result, &async_error));
  g_assert_error (async_error, L_SOCKET_ERROR, (int) failure->error);
  g_assert_cmpstr (async_error->message, ==, error_string);
  test_trace_assert (trace, "");
}

void
test_add_failures (const char        *prefix,
                   const TestFailure *failures,
                   guint              n_failures)
{
  for (guint i = 0; i < n_failures; i++)
    {
      g_autofree char *path = g_strconcat (prefix, failures[i].cause, NULL);

      test_add_data (path, &failures[i], run);
    }
}
