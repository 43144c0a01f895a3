/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-server-util.h"

#include <string.h>

/* Helpers */

LServer *
test_listen (const char *name)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  return server;
}

TestRaw
test_connect_raw (LServer *server)
{
  return test_raw_connect (l_server_get_full_server_name (server));
}

LSocket *
test_take (LServer *server)
{
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  return l_server_next_pending_connection (server);
}

guint
test_count_pending (LServer *server)
{
  guint n = 0;

  for (LSocket *socket; (socket = l_server_next_pending_connection (server)) != NULL; n++)
    g_object_unref (socket);

  return n;
}

void
test_assert_text (LSocket    *socket,
                  const char *expected)
{
  g_autofree char *text = NULL;

  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) >= strlen (expected));
  text = test_read (socket);
  g_assert_cmpstr (text, ==, expected);
}

void
test_assert_server_error (LServer      *server,
                          GError       *error,
                          LSocketError  code)
{
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
  g_assert_cmpint (l_server_get_error (server), ==, code);
  g_assert_cmpstr (l_server_get_error_string (server), ==, error->message);
}

void
test_assert_not_listening (LServer *server)
{
  g_assert_false (l_server_is_listening (server));
  g_assert_null (l_server_get_server_name (server));
  g_assert_null (l_server_get_full_server_name (server));
  g_assert_null (l_server_get_address (server));
  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, -1);
  g_assert_false (l_server_has_pending_connections (server));
}

char *
test_raw_read_text (TestRaw raw)
{
  GString *text = g_string_new (NULL);
  gboolean ended = FALSE;
  char buffer[4096];
  gsize n;

  while ((n = test_raw_try_receive (raw, buffer, sizeof buffer, &ended)) > 0)
    g_string_append_len (text, buffer, n);
  if (ended)
    g_string_append_c (text, '$');

  return g_string_free (text, FALSE);
}

void
test_assert_raw_read (TestRaw     raw,
                      const char *expected)
{
  g_autofree char *text = test_raw_read_text (raw);

  g_assert_cmpstr (text, ==, expected);
}

static gboolean
set_flag (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

double
test_measure_load (guint msecs)
{
  gboolean is_over = FALSE;
  gint64 begin = test_get_cpu_time ();

  g_timeout_add (msecs, set_flag, &is_over);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);

  return (double) (test_get_cpu_time () - begin) / 1000 / msecs;
}
