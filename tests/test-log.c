/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util.h"

#include <string.h>

/* What is logged at debug level for whoever asks, and that it is nothing otherwise. */

static GString *log_text; /* “STATE NAME MESSAGE” a line, without what comes before the last “: ” but one */

static const char *
get_field (const GLogField *fields,
           gsize            n_fields,
           const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;

  return NULL;
}

static GLogWriterOutput
writer (GLogLevelFlags   level,
        const GLogField *fields,
        gsize            n_fields,
        gpointer         unused)
{
  const char *message = get_field (fields, n_fields, "MESSAGE");
  const char *name = get_field (fields, n_fields, "LSOCKET_NAME");
  const char *state = get_field (fields, n_fields, "LSOCKET_STATE");
  const char *object = get_field (fields, n_fields, "LSOCKET_OBJECT");

  if (level != G_LOG_LEVEL_DEBUG || g_strcmp0 (get_field (fields, n_fields, "GLIB_DOMAIN"), "LSocket") != 0)
    return g_log_writer_default (level, fields, n_fields, NULL);

  g_assert_nonnull (state);
  g_assert_nonnull (object);
  g_assert_nonnull (strstr (message, object));
  g_assert_true (g_str_has_prefix (message, "LSocket ") || g_str_has_prefix (message, "LServer "));
  if (name != NULL)
    g_assert_nonnull (strstr (message, name));
  g_string_append_printf (log_text, "%.7s %s %s\n", message, name != NULL ? name : "-", state);
  if (strstr (message, "state changed") == NULL)
    g_string_append_printf (log_text, "%s\n", message);
  return G_LOG_WRITER_HANDLED;
}

static gboolean
is_unconnected (LSocket *socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

static void
talk (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;

  g_assert_true (l_server_listen (server, "market", NULL));
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL ((peer = l_server_next_pending_connection (server)) != NULL &&
                   l_socket_get_state (client) == L_SOCKET_STATE_CONNECTED);
  l_socket_disconnect_from_server (client);
  TEST_TURN_UNTIL (is_unconnected (client) && is_unconnected (peer));
  l_server_close (server);
}

static void
count_lines (const char *line,
             guint       n_expected)
{
  g_auto(GStrv) parts = g_strsplit (log_text->str, line, -1);

  if (g_strv_length (parts) - 1 != n_expected)
    g_error ("“%s” not %u times in “%s”", line, n_expected, log_text->str);
}

static void
test_unwanted (void)
{
  g_string_truncate (log_text, 0);
  g_log_set_debug_enabled (FALSE);
  talk ();
  g_assert_cmpstr (log_text->str, ==, "");
}

static void
test_states (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *connected = g_strdup_printf ("LSocket %s connected\n", path);
  g_autofree char *over = g_strdup_printf ("LSocket %s unconnected\n", path);
  g_autofree char *listening = g_strdup_printf ("LServer %s listening\n", path);
  g_autofree char *closed = g_strdup_printf ("LServer %s closed\n", path);

  g_string_truncate (log_text, 0);
  g_log_set_debug_enabled (TRUE);
  talk ();
  g_log_set_debug_enabled (FALSE);

  count_lines ("LSocket market connecting\n", 1);
  count_lines (connected, 2);
  count_lines (over, 2);
  count_lines (listening, 2); /* and of the connection */
  count_lines (": accepted ", 1);
  count_lines ("peer-closed: ", 1);
  count_lines (closed, 1);
}

static void
test_errors (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autofree char *path = test_build_path ("nobody");
  g_autofree char *text = g_strdup_printf (": server-not-found: Cannot connect to “%s”: ", path);

  g_string_truncate (log_text, 0);
  g_log_set_debug_enabled (TRUE);
  l_socket_connect_to_server (socket, "nobody", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (is_unconnected (socket));
  g_log_set_debug_enabled (FALSE);

  count_lines ("LSocket nobody connecting\n", 2); /* the error, too */
  count_lines (text, 1);
  count_lines ("LSocket nobody unconnected\n", 1);
}

static gboolean
refuse (LServer      *server,
        LCredentials *credentials,
        gboolean     *was_asked)
{
  *was_asked = TRUE;
  return FALSE;
}

static void
test_refused (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  gboolean was_asked = FALSE;

  g_signal_connect (server, "authorize", G_CALLBACK (refuse), &was_asked);
  g_assert_true (l_server_listen (server, "market", NULL));
  g_string_truncate (log_text, 0);
  g_log_set_debug_enabled (TRUE);
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (was_asked && is_unconnected (client));
  g_log_set_debug_enabled (FALSE);

  count_lines (": access: ", 1);
  count_lines ("The client was not let in [listening]\n", 1);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);
  log_text = g_string_new (NULL);
  g_log_set_writer_func (writer, NULL, NULL);

  test_add ("/log/unwanted", test_unwanted);
  test_add ("/log/states", test_states);
  test_add ("/log/errors", test_errors);
  test_add ("/log/refused", test_refused);

  return test_run ();
}
