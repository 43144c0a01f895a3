/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util-platform.h"

#include <string.h>

static GPtrArray *cases; /* (element-type TestCase): what GLib runs */

void
test_init (int    *argc,
           char ***argv)
{
  g_test_init (argc, argv, NULL);
  test_platform_init ();
  /* GLib looks for it once, without a lock, in whichever thread is the first. */
  g_io_error_quark ();

  cases = g_ptr_array_new_with_free_func (g_free);
}

int
test_run (void)
{
  int result = g_test_run ();

  test_platform_clear ();
  g_clear_pointer (&cases, g_ptr_array_unref);
  return result;
}

char *
test_build_path (const char *name)
{
  return g_build_filename (test_get_directory (), name, NULL);
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
    {
      if (n_idle > 0)
        test_let_system_tell ();
      n_idle = g_main_context_iteration (NULL, FALSE) ? 0 : n_idle + 1;
    }
}

typedef struct
{
  gconstpointer data;
  GTestFunc     func;
  GTestDataFunc data_func;
} TestCase;

static void
run_case (gconstpointer user_data)
{
  const TestCase *test_case = user_data;
  guint n_before;

  /* The reactor has one that stays, and so have GLib's threads. */
  g_object_unref (l_socket_new ());
  g_type_ensure (G_TYPE_TASK);
  n_before = test_count_descriptors ();

  if (test_case->func != NULL)
    test_case->func ();
  else
    test_case->data_func (test_case->data);

  test_turn_all ();
  /* Another thread may let go of its own a moment later. */
  TEST_TURN_UNTIL (test_count_descriptors () == n_before);
}

static void
add_case (const char *path,
          TestCase    test_case)
{
  TestCase *copy = g_memdup2 (&test_case, sizeof test_case);

  /* GLib would leave those behind that do not run. */
  g_ptr_array_add (cases, copy);
  g_test_add_data_func (path, copy, run_case);
}

void
test_add (const char *path,
          GTestFunc   func)
{
  add_case (path, (TestCase) { .func = func });
}

void
test_add_data (const char    *path,
               gconstpointer  data,
               GTestDataFunc  func)
{
  add_case (path, (TestCase) { .data = data, .data_func = func });
}

gboolean
test_is_on_valgrind (void)
{
  const char *preload = g_getenv ("LD_PRELOAD");

  return preload != NULL && strstr (preload, "vgpreload") != NULL;
}

/* g_test_expect_message() knows nothing of structured logging. */
static gboolean warnings_expected;
static guint n_warnings;

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         unused)
{
  if (warnings_expected && (level & G_LOG_LEVEL_WARNING) != 0)
    {
      n_warnings++;
      return G_LOG_WRITER_HANDLED;
    }

  return g_log_writer_default (level, fields, n_fields, NULL);
}

void
test_begin_warnings (void)
{
  static gboolean installed = FALSE;

  if (!installed)
    g_log_set_writer_func (write_log, NULL, NULL);
  installed = TRUE;

  warnings_expected = TRUE;
  n_warnings = 0;
}

guint
test_end_warnings (void)
{
  warnings_expected = FALSE;
  return n_warnings;
}

static const char *
get_nick (GType type,
          int   value)
{
  g_autoptr(GEnumClass) klass = g_type_class_ref (type);

  return g_enum_get_value (klass, value)->value_nick;
}

static char *
shorten (const char *name)
{
  const char *directory = test_get_directory ();
  gsize length = strlen (directory);

  if (name == NULL || test_platform_is_pair (name))
    return g_strdup ("-");
  if (strncmp (name, directory, length) == 0 && G_IS_DIR_SEPARATOR (name[length]))
    return g_strconcat ("~/", name + length + 1, NULL);

  return g_strdup (name);
}

static char *
describe_accessors (LSocket *socket)
{
  g_autofree char *name = shorten (l_socket_get_server_name (socket));
  g_autofree char *full_name = shorten (l_socket_get_full_server_name (socket));

  return g_strdup_printf ("%s %s%s%s %" G_GSIZE_FORMAT " %s %s %s",
                          get_nick (L_TYPE_SOCKET_STATE, l_socket_get_state (socket)),
                          l_io_device_is_open (L_IO_DEVICE (socket)) ? "o" : "-",
                          l_socket_is_valid (socket) ? "v" : "-",
                          l_socket_get_socket_descriptor (socket) >= 0 ? "d" : "-",
                          l_io_device_get_bytes_available (L_IO_DEVICE (socket)),
                          name, full_name,
                          get_nick (L_TYPE_SOCKET_ERROR, l_socket_get_error (socket)));
}

/* What is true in every handler, of signals and of notifications. */
static void
check_accessors (LSocket *socket)
{
  LIODevice *device = L_IO_DEVICE (socket);
  LSocketState state = l_socket_get_state (socket);
  gboolean connected = state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING;
  g_autofree char *name = NULL;
  g_autofree char *full_name = NULL;
  g_autofree char *error_string = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  LSocketState state_property;
  LSocketError error_property;
  gboolean valid_property;
  gint64 descriptor;

  g_object_get (socket, "state", &state_property, "error", &error_property, "valid", &valid_property,
                "socket-descriptor", &descriptor, "server-name", &name, "full-server-name", &full_name,
                "error-string", &error_string, "address", &address, NULL);
  g_assert_cmpint (state_property, ==, state);
  g_assert_cmpint (error_property, ==, l_socket_get_error (socket));
  g_assert_cmpstr (error_string, ==, l_io_device_get_error_string (device));
  g_assert_cmpint (valid_property, ==, l_socket_is_valid (socket));
  g_assert_cmpint (descriptor, ==, l_socket_get_socket_descriptor (socket));
  g_assert_cmpstr (name, ==, l_socket_get_server_name (socket));
  g_assert_cmpstr (full_name, ==, l_socket_get_full_server_name (socket));
  g_assert_true (address == l_socket_get_address (socket));

  g_assert_cmpint (l_socket_is_valid (socket), ==, connected);
  g_assert_cmpint (descriptor >= 0, ==, connected);
  if (!connected)
    {
      g_assert_null (full_name);
      g_assert_null (address);
      g_assert_false (l_io_device_is_writable (device));
      g_assert_cmpuint (l_io_device_get_bytes_to_write (device), <=, state == L_SOCKET_STATE_CONNECTING ? G_MAXSIZE : 0);
    }
  if (state == L_SOCKET_STATE_UNCONNECTED)
    g_assert_null (name);
  if (state == L_SOCKET_STATE_CONNECTING)
    g_assert_false (l_io_device_is_open (device));
  if (!l_io_device_is_open (device))
    {
      g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, 0);
      g_assert_true (l_io_device_at_end (device));
    }
}

static gboolean
is_transition (LSocketState from,
               LSocketState to)
{
  switch (to)
    {
    case L_SOCKET_STATE_CONNECTING:
      return from == L_SOCKET_STATE_UNCONNECTED;
    case L_SOCKET_STATE_CONNECTED:
      return from == L_SOCKET_STATE_CONNECTING || from == L_SOCKET_STATE_UNCONNECTED;
    case L_SOCKET_STATE_CLOSING:
      return from == L_SOCKET_STATE_CONNECTED;
    case L_SOCKET_STATE_UNCONNECTED:
      return from != L_SOCKET_STATE_UNCONNECTED;
    default:
      return FALSE;
    }
}

static void
check_event (TestTrace  *trace,
             const char *event)
{
  LSocketState state = l_socket_get_state (L_SOCKET (trace->object));

  if (g_str_has_prefix (event, "state-changed"))
    {
      g_assert_true (trace->notified);
      g_assert_true (is_transition (trace->state, state));
      trace->notified = FALSE;
      trace->state = state;
      if (state == L_SOCKET_STATE_CONNECTED)
        trace->reached = TRUE;
      return;
    }

  /* notify::state comes just before state-changed. */
  g_assert_false (trace->notified);
  g_assert_cmpint (trace->state, ==, state);

  if (g_str_equal (event, "connected"))
    {
      g_assert_cmpint (state, ==, L_SOCKET_STATE_CONNECTED);
    }
  else if (g_str_equal (event, "read-channel-finished"))
    {
      g_assert_true (trace->reached);
      g_assert_false (trace->finished);
      trace->finished = TRUE;
    }
  else if (g_str_equal (event, "disconnected"))
    {
      g_assert_cmpint (state, ==, L_SOCKET_STATE_UNCONNECTED);
      g_assert_true (trace->finished);
      g_assert_false (trace->ended);
      trace->ended = TRUE;
    }
  else if (g_str_equal (event, "error(peer-closed)"))
    {
      g_assert_true (trace->reached);
      g_assert_cmpint (state, !=, L_SOCKET_STATE_UNCONNECTED);
    }
  else if (g_str_equal (event, "ready-read"))
    {
      g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (trace->object)), >, 0);
    }
  else if (g_str_equal (event, "about-to-close"))
    {
      g_assert_true (l_io_device_is_open (L_IO_DEVICE (trace->object)));
    }
}

static void
record (TestTrace *trace,
        char      *event)
{
  g_ptr_array_add (trace->events, event);

  if (trace->lines != NULL)
    {
      g_autofree char *accessors = describe_accessors (L_SOCKET (trace->object));

      check_accessors (L_SOCKET (trace->object));
      g_ptr_array_add (trace->lines, g_strdup_printf ("%s %s", event, accessors));
      check_event (trace, event);
    }

  if (trace->func != NULL)
    {
      g_autofree char *copy = g_strdup (event);

      trace->func (trace, copy, trace->user_data);
    }
}

static void
on_notify (GObject    *object,
           GParamSpec *pspec,
           gpointer    user_data)
{
  TestTrace *trace = user_data;
  LSocketState state = l_socket_get_state (L_SOCKET (object));

  check_accessors (L_SOCKET (object));
  if (!g_str_equal (pspec->name, "state"))
    return;

  g_assert_false (trace->notified);
  trace->notified = TRUE;
  if (trace->state == L_SOCKET_STATE_UNCONNECTED && state != L_SOCKET_STATE_UNCONNECTED)
    trace->reached = trace->finished = trace->ended = FALSE;
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
    "ready-read", "writable", "about-to-close", "read-channel-finished", "connected", "disconnected", "new-connection",
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

TestTrace *
test_trace_new_full (LSocket *socket)
{
  TestTrace *trace = test_trace_new (socket);

  trace->lines = g_ptr_array_new_with_free_func (g_free);
  trace->state = l_socket_get_state (socket);
  trace->reached = trace->state == L_SOCKET_STATE_CONNECTED;
  g_signal_connect (socket, "notify", G_CALLBACK (on_notify), trace);

  return trace;
}

void
test_trace_set_func (TestTrace     *trace,
                     TestTraceFunc  func,
                     gpointer       user_data)
{
  trace->func = func;
  trace->user_data = user_data;
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
  g_clear_pointer (&trace->lines, g_ptr_array_unref);
  g_free (trace);
}

void
test_trace_clear (TestTrace *trace)
{
  g_ptr_array_set_size (trace->events, 0);
  if (trace->lines != NULL)
    g_ptr_array_set_size (trace->lines, 0);
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

void
test_trace_assert_lines (TestTrace  *trace,
                         const char *expected)
{
  g_autoptr(GString) actual = g_string_new (NULL);
  g_autofree char *last = NULL;

  for (guint i = 0; i < trace->lines->len; i++)
    {
      const char *line = g_ptr_array_index (trace->lines, i);
      g_autofree char *gathered = NULL;

      if (g_str_has_prefix (line, "bytes-written") && strstr (expected, "bytes-written(*)") != NULL)
        gathered = g_strconcat ("bytes-written(*)", strchr (line, ' '), NULL);
      if (gathered != NULL && g_strcmp0 (gathered, last) == 0)
        continue;

      g_string_append_printf (actual, "%s\n", gathered != NULL ? gathered : line);
      g_free (last);
      last = g_steal_pointer (&gathered);
    }

  if (g_test_verbose ())
    g_printerr ("%s\n", actual->str);
  g_assert_cmpstr (actual->str, ==, expected);
  test_trace_clear (trace);
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

static gpointer
run_far (gpointer user_data)
{
  TestFar *far = user_data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(LSocket) socket = NULL;
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  socket = l_socket_new ();
  l_socket_set_half_open (socket, TRUE);
  l_socket_connect_to_server_sync (socket, "market", L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  far->func (socket, far->user_data);
  g_clear_object (&socket);
  g_main_context_pop_thread_default (context);

  return NULL;
}

void
test_far_init (TestFar     *far,
               TestFarFunc  func,
               gpointer     user_data)
{
  g_autoptr(GError) error = NULL;

  far->func = func;
  far->user_data = user_data;
  far->server = l_server_new ();
  l_server_listen (far->server, "market", &error);
  g_assert_no_error (error);
  far->thread = g_thread_new ("far", run_far, far);
  TEST_TURN_UNTIL (l_server_has_pending_connections (far->server));
  far->socket = l_server_next_pending_connection (far->server);
}

void
test_far_join (TestFar *far)
{
  g_thread_join (g_steal_pointer (&far->thread));
}

void
test_far_clear (TestFar *far)
{
  if (far->thread != NULL)
    test_far_join (far);
  g_clear_object (&far->socket);
  g_clear_object (&far->server);
}

LSocket *
test_socket_with_raw_peer (TestRaw *raw_peer)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;
  TestRaw raws[2];

  test_raw_pair (raws);
  l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);
  *raw_peer = raws[1];

  return socket;
}

void
test_raw_close_all (GArray *raws)
{
  for (guint i = 0; i < raws->len; i++)
    test_raw_close (g_array_index (raws, TestRaw, i));

  g_array_unref (raws);
}

void
test_raw_write (TestRaw     raw,
                const char *text)
{
  g_assert_cmpint (test_raw_send (raw, text, strlen (text)), ==, strlen (text));
}

char *
test_raw_read (TestRaw raw,
               gsize   count)
{
  char *text = g_malloc0 (count + 1);
  gsize n_read = 0;
  gboolean ended = FALSE;

  while (n_read < count && !ended)
    {
      gsize n = test_raw_try_receive (raw, text + n_read, count - n_read, &ended);

      n_read += n;
      if (n == 0 && !ended)
        test_turn ();
    }

  return text;
}

gsize
test_raw_take (TestRaw   raw,
               gboolean *ended)
{
  static char buffer[64 * 1024];
  gsize count = 0;
  gboolean is_end = FALSE;
  gsize n;

  while ((n = test_raw_try_receive (raw, buffer, sizeof buffer, &is_end)) > 0)
    count += n;

  if (ended != NULL)
    *ended = is_end;
  return count;
}

gsize
test_raw_read_to_end (TestRaw raw)
{
  gboolean ended = FALSE;
  gsize count = 0;

  while (TRUE)
    {
      count += test_raw_take (raw, &ended);
      if (ended)
        return count;
      test_turn ();
    }
}

void
test_write_large (LSocket *socket)
{
  g_autofree char *data = g_malloc0 (TEST_LARGE);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), data, TEST_LARGE, &error), ==, TEST_LARGE);
  g_assert_no_error (error);
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
