/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "test-pattern.h"
#include "test-util.h"

/* GDBusConnection over a connection. GDBus reads, writes and closes in a worker thread of its own, and authenticates in
 * the thread that asks for a connection or in one of GTask's. A server lives in a thread with a context of its own, so
 * that a client may block this one, which owns the client's socket. */

#define PATH "/org/example/Market"
#define INTERFACE "org.example.Market"

typedef enum
{
  ANONYMOUS,
  EXTERNAL, /* by hand: GDBus itself offers it on a GUnixConnection only */
} Mechanism;

typedef enum
{
  SYNC,
  ASYNC,
} Opening;

/* What the server does at the end. */
typedef enum
{
  WAIT,
  CLOSE_SYNC,
  CLOSE_ASYNC,
  ABORT,
} Ending;

typedef struct
{
  /* Told to both threads before they start. */
  Mechanism              mechanism;
  Opening                opening;
  Ending                 ending;

  /* Of the server's thread. */
  GDBusConnection       *server;          /* (owned) */
  GDBusMethodInvocation *held;            /* (owned) (nullable): a call without an answer */
  guint                  n_tocks;
  gboolean               leave;
  gboolean               closed;
  gboolean               vanished;
  GMutex                 gate;            /* where it may be made to wait */

  /* Of this thread. */
  TestFar                far;
  GDBusConnection       *client;          /* (owned) */
  guint                  n_ticks;
  gboolean               client_closed;
  gboolean               client_vanished;
} Link;

static void
turn_mine (void)
{
  g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

static LSocket *
get_socket (GDBusConnection *connection)
{
  return L_SOCKET (g_dbus_connection_get_stream (connection));
}

/* Authentication, line by line */

static const char guid[] = "0123456789abcdef0123456789abcdef";

static void
write_text (LSocket    *socket,
            const char *text,
            gsize       count)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), text, count, &error), ==, count);
  g_assert_no_error (error);
}

static char *
make_initial_response (void)
{
  g_autofree char *uid = g_strdup_printf ("%u", (guint) getuid ());
  GString *response = g_string_new ("AUTH EXTERNAL ");

  for (const char *digit = uid; *digit != '\0'; digit++)
    g_string_append_printf (response, "%02x", *digit);

  return g_string_free (g_string_append (response, "\r\n"), FALSE);
}

static char *
read_line (LSocket *socket)
{
  LIODevice *device = L_IO_DEVICE (socket);
  g_autoptr(GError) error = NULL;
  char *line;

  while (!l_io_device_can_read_line (device))
    g_assert_true (l_io_device_wait_for_ready_read (device, 10000));
  line = l_io_device_read_line (device, 0, NULL, &error);
  g_assert_no_error (error);

  return line;
}

static void
assert_read_line (LSocket    *socket,
                  const char *expected)
{
  g_autofree char *line = read_line (socket);

  g_assert_cmpstr (line, ==, expected);
}

/* Who it is the system says; the line only has to agree. */
static void
assert_peer_is_us (LSocket *socket)
{
#ifdef SO_PEERCRED
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  int fd = (int) l_socket_get_socket_descriptor (socket);

  g_assert_cmpint (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size), ==, 0);
  g_assert_cmpuint (credentials.uid, ==, getuid ());
#endif
}

static void
authenticate_as_server (LSocket *socket)
{
  g_autofree char *expected = make_initial_response ();
  g_autofree char *answer = g_strdup_printf ("OK %s\r\n", guid);
  g_autofree char *first = read_line (socket);

  /* A NUL byte precedes the first line. */
  g_assert_cmpint (first[0], ==, '\0');
  g_assert_cmpstr (first + 1, ==, expected);
  assert_peer_is_us (socket);
  write_text (socket, answer, strlen (answer));
  assert_read_line (socket, "BEGIN\r\n");
}

static void
authenticate_as_client (LSocket    *socket,
                        const char *expected)
{
  g_autofree char *request = make_initial_response ();
  g_autofree char *answer = NULL;

  write_text (socket, "", 1);
  write_text (socket, request, strlen (request));
  answer = read_line (socket);
  g_assert_true (g_str_has_prefix (answer, expected));
  write_text (socket, "BEGIN\r\n", 7);
}

static gboolean
on_allow_mechanism (GDBusAuthObserver *observer,
                    const char        *mechanism,
                    gpointer           unused)
{
  return g_str_equal (mechanism, "ANONYMOUS");
}

static void
on_opened (GObject      *source,
           GAsyncResult *result,
           gpointer      connection)
{
  g_autoptr(GError) error = NULL;

  *(GDBusConnection **) connection = g_dbus_connection_new_finish (result, &error);
  g_assert_no_error (error);
}

static GDBusConnection *
open_connection (Opening              opening,
                 LSocket             *socket,
                 const char          *server_guid,
                 GDBusConnectionFlags flags)
{
  g_autoptr(GDBusAuthObserver) observer = NULL;
  GDBusConnection *connection = NULL;
  g_autoptr(GError) error = NULL;

  if ((flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER) != 0)
    {
      observer = g_dbus_auth_observer_new ();
      g_signal_connect (observer, "allow-mechanism", G_CALLBACK (on_allow_mechanism), NULL);
    }

  if (opening == SYNC)
    {
      connection = g_dbus_connection_new_sync (G_IO_STREAM (socket), server_guid, flags, observer, NULL, &error);
      g_assert_no_error (error);
    }
  else
    {
      g_dbus_connection_new (G_IO_STREAM (socket), server_guid, flags, observer, NULL, on_opened, &connection);
      g_assert_null (connection);
      while (connection == NULL)
        turn_mine ();
    }

  return connection;
}

/* The server, in its thread */

static const char introspection[] =
  "<node>"
  "  <interface name='" INTERFACE "'>"
  "    <method name='Echo'><arg type='ay' direction='in'/><arg type='ay' direction='out'/></method>"
  "    <method name='EchoBack'><arg type='ay' direction='in'/><arg type='ay' direction='out'/></method>"
  "    <method name='CountTocks'><arg type='u' direction='out'/></method>"
  "    <method name='Tick'><arg type='u' direction='in'/></method>"
  "    <method name='Fail'/>"
  "    <method name='Hold'/>"
  "    <method name='Sleep'/>"
  "    <method name='End'/>"
  "    <signal name='Ticked'><arg type='u'/></signal>"
  "  </interface>"
  "</node>";

static guint
get_number (GVariant *tuple)
{
  guint number;

  g_variant_get (tuple, "(u)", &number);
  return number;
}

static void
tick (GDBusConnection *connection,
      guint            n)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_dbus_connection_emit_signal (connection, NULL, PATH, INTERFACE, "Ticked", g_variant_new ("(u)", i), &error);
      g_assert_no_error (error);
    }
}

static GVariant *
call_sync (GDBusConnection *connection,
           const char      *method,
           GVariant        *parameters)
{
  g_autoptr(GError) error = NULL;
  GVariant *reply;

  reply = g_dbus_connection_call_sync (connection, NULL, PATH, INTERFACE, method, parameters, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);

  return reply;
}

static void
on_method_call (GDBusConnection       *connection,
                const char            *sender,
                const char            *path,
                const char            *interface,
                const char            *method,
                GVariant              *parameters,
                GDBusMethodInvocation *invocation,
                gpointer               user_data)
{
  g_autoptr(GVariant) reply = NULL;
  Link *link = user_data;

  if (g_str_equal (method, "Echo"))
    reply = g_variant_ref (parameters);
  else if (g_str_equal (method, "EchoBack"))
    reply = call_sync (connection, "Echo", parameters);
  else if (g_str_equal (method, "CountTocks"))
    reply = g_variant_ref_sink (g_variant_new ("(u)", link->n_tocks));
  else if (g_str_equal (method, "Tick"))
    tick (connection, get_number (parameters));
  else if (g_str_equal (method, "End"))
    link->leave = TRUE;

  if (g_str_equal (method, "Hold"))
    link->held = invocation;
  else if (g_str_equal (method, "Fail"))
    g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "no");
  else
    g_dbus_method_invocation_return_value (invocation, reply);

  if (g_str_equal (method, "Sleep"))
    {
      g_mutex_lock (&link->gate);
      g_mutex_unlock (&link->gate);
    }
}

static const GDBusInterfaceVTable vtable = { .method_call = on_method_call };

static void
register_object (Link            *link,
                 GDBusConnection *connection)
{
  g_autoptr(GDBusNodeInfo) node = NULL;
  g_autoptr(GError) error = NULL;

  node = g_dbus_node_info_new_for_xml (introspection, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (connection, PATH, node->interfaces[0], &vtable, link, NULL, &error);
  g_assert_no_error (error);
}

/* They come in order, and none is lost. */
static void
on_signal (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *name,
           GVariant        *parameters,
           gpointer         user_data)
{
  guint *count = user_data;

  g_assert_cmpuint (get_number (parameters), ==, *count);
  (*count)++;
}

static void
subscribe (GDBusConnection *connection,
           guint           *count)
{
  g_dbus_connection_signal_subscribe (connection, NULL, INTERFACE, "Ticked", PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                      on_signal, count, NULL);
}

static void
on_server_closed (GDBusConnection *connection,
                  gboolean         vanished,
                  GError          *error,
                  gpointer         user_data)
{
  Link *link = user_data;

  g_assert_false (link->closed);
  link->closed = TRUE;
  link->vanished = vanished;
}

static void
flush_sync (GDBusConnection *connection)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_dbus_connection_flush_sync (connection, NULL, &error));
  g_assert_no_error (error);
}

/* GDBus cancels its reading in the thread that closes. Of a source that is cancelled while GDBus's thread attaches it,
 * GLib reads without a lock what it writes there: a race, and none of ours. When a flush is over so is the attaching. */
static void
let_attach (GDBusConnection *connection)
{
  g_autoptr(GError) error = NULL;

  if (!TEST_UNDER_TSAN)
    return;

  g_dbus_connection_emit_signal (connection, NULL, PATH, INTERFACE, "Closing", NULL, &error);
  g_assert_no_error (error);
  flush_sync (connection);
}

static void
close_sync (GDBusConnection *connection)
{
  g_autoptr(GError) error = NULL;

  let_attach (connection);

  g_assert_true (g_dbus_connection_close_sync (connection, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_io_stream_is_closed (g_dbus_connection_get_stream (connection)));
}

static void
close_async (GDBusConnection *connection)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  let_attach (connection);
  g_dbus_connection_close (connection, NULL, test_store_result, &result);
  g_assert_null (result);
  while (result == NULL)
    turn_mine ();
  g_assert_true (g_dbus_connection_close_finish (connection, result, &error));
  g_assert_no_error (error);
  g_assert_true (g_io_stream_is_closed (g_dbus_connection_get_stream (connection)));
}

static void
end_server (Link    *link,
            LSocket *socket)
{
  if (link->ending == CLOSE_SYNC)
    close_sync (link->server);
  else if (link->ending == CLOSE_ASYNC)
    close_async (link->server);
  else if (link->ending == ABORT)
    l_socket_abort (socket);
}

static void
serve (LSocket  *socket,
       gpointer  user_data)
{
  Link *link = user_data;
  GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;

  if (link->mechanism == EXTERNAL)
    authenticate_as_server (socket);
  else
    flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS;
  link->server = open_connection (link->opening, socket, link->mechanism == EXTERNAL ? NULL : guid, flags);
  g_signal_connect (link->server, "closed", G_CALLBACK (on_server_closed), link);
  register_object (link, link->server);
  subscribe (link->server, &link->n_tocks);
  g_dbus_connection_start_message_processing (link->server);

  while (!link->leave && !link->closed)
    turn_mine ();
  /* The answer to End comes first. */
  if (link->leave)
    {
      flush_sync (link->server);
      end_server (link, socket);
    }
  while (!link->closed || l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    turn_mine ();
  g_clear_object (&link->held);
  g_clear_object (&link->server);
}

/* The client */

static void
on_client_closed (GDBusConnection *connection,
                  gboolean         vanished,
                  GError          *error,
                  gpointer         user_data)
{
  Link *link = user_data;

  g_assert_false (link->client_closed);
  link->client_closed = TRUE;
  link->client_vanished = vanished;
}

static void
link_open (Link *link)
{
  GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_NONE;

  test_far_init (&link->far, serve, link);
  if (link->mechanism == EXTERNAL)
    authenticate_as_client (link->far.socket, "OK 0123456789abcdef0123456789abcdef\r\n");
  else
    flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT;
  link->client = open_connection (link->opening, link->far.socket, NULL, flags);
  g_signal_connect (link->client, "closed", G_CALLBACK (on_client_closed), link);
  g_assert_cmpint (g_dbus_connection_get_capabilities (link->client), ==, G_DBUS_CAPABILITY_FLAGS_NONE);
}

static void
link_init (Link *link)
{
  memset (link, 0, sizeof *link);
  link_open (link);
}

/* The server first: two connections that emit “closed” at once race for its one class handler, in GLib. */
static void
link_assert_ended (Link *link)
{
  test_far_join (&link->far);
  g_assert_true (link->closed);
  TEST_TURN_UNTIL (link->client_closed);
  g_assert_true (g_dbus_connection_is_closed (link->client));
  TEST_TURN_UNTIL (l_socket_get_state (link->far.socket) == L_SOCKET_STATE_UNCONNECTED);
}

static void
link_clear (Link *link)
{
  close_sync (link->client);
  link_assert_ended (link);
  g_clear_object (&link->client);
  test_far_clear (&link->far);
}

static GVariant *
make_bytes (gsize count)
{
  g_autofree guint8 *data = g_malloc (count);

  test_pattern_fill (data, 0, count);
  return g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, count, 1));
}

static void
assert_bytes (GVariant *reply,
              gsize     expected)
{
  g_autoptr(GVariant) bytes = g_variant_get_child_value (reply, 0);
  gsize count;
  gconstpointer data = g_variant_get_fixed_array (bytes, &count, 1);

  g_assert_cmpuint (count, ==, expected);
  test_pattern_assert (data, 0, count);
}

static void
assert_echo (GDBusConnection *connection,
             gsize            count)
{
  g_autoptr(GVariant) reply = call_sync (connection, "Echo", make_bytes (count));

  assert_bytes (reply, count);
}

static guint
count_tocks (Link *link)
{
  g_autoptr(GVariant) reply = call_sync (link->client, "CountTocks", NULL);

  return get_number (reply);
}

static guint
get_many (void)
{
  if (test_is_on_valgrind ())
    return 50;

  return TEST_UNDER_TSAN ? 300 : 2000;
}

/* Opening */

static void
test_open (Mechanism mechanism,
           Opening   opening)
{
  Link link = { .mechanism = mechanism, .opening = opening };

  link_open (&link);
  if (mechanism == ANONYMOUS)
    g_assert_cmpstr (g_dbus_connection_get_guid (link.client), ==, guid);
  assert_echo (link.client, 10);
  link_clear (&link);
}

static void
test_anonymous_sync (void)
{
  test_open (ANONYMOUS, SYNC);
}

static void
test_anonymous_async (void)
{
  test_open (ANONYMOUS, ASYNC);
}

static void
test_external_sync (void)
{
  test_open (EXTERNAL, SYNC);
}

static void
test_external_async (void)
{
  test_open (EXTERNAL, ASYNC);
}

static void
refuse (LSocket  *socket,
        gpointer  unused)
{
  g_autoptr(GDBusConnection) connection = NULL;
  g_autoptr(GError) error = NULL;

  connection = g_dbus_connection_new_sync (G_IO_STREAM (socket), guid,
                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, &error);
  g_assert_null (connection);
  g_assert_nonnull (error);
}

static void
test_refused (void)
{
  g_autoptr(GDBusConnection) connection = NULL;
  g_autoptr(GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  g_autoptr(GError) error = NULL;
  TestFar far;

  g_test_summary ("A server that lets nobody in without a name, and a client that has none");

  g_signal_connect (observer, "allow-mechanism", G_CALLBACK (on_allow_mechanism), NULL);
  test_far_init (&far, refuse, NULL);
  connection = g_dbus_connection_new_sync (G_IO_STREAM (far.socket), NULL,
                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, observer, NULL, &error);
  g_assert_null (connection);
  g_assert_nonnull (error);
  g_assert_true (g_io_stream_close (G_IO_STREAM (far.socket), NULL, NULL));
  test_far_clear (&far);
}

/* Calls */

static void
test_calls_sync (void)
{
  Link link;

  g_test_summary ("Each blocks the owner of the client's socket, while GDBus reads in its thread");

  link_init (&link);
  for (guint i = 0; i < get_many (); i++)
    assert_echo (link.client, i % 300);
  link_clear (&link);
}

static void
test_calls_large (void)
{
  Link link;

  link_init (&link);
  for (guint i = 0; i < 4; i++)
    assert_echo (link.client, (gsize) 1 << (14 + 2 * i));
  link_clear (&link);
}

static void
test_calls_error (void)
{
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  reply = g_dbus_connection_call_sync (link.client, NULL, PATH, INTERFACE, "Fail", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                                       -1, NULL, &error);
  g_assert_null (reply);
  g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
  link_clear (&link);
}

static void
on_echo (GObject      *source,
         GAsyncResult *result,
         gpointer      n_left)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  g_assert_no_error (error);
  assert_bytes (reply, 100);
  (*(guint *) n_left)--;
}

static void
test_calls_async (void)
{
  guint n_left = get_many ();
  Link link;

  g_test_summary ("All at once");

  link_init (&link);
  for (guint i = 0; i < get_many (); i++)
    g_dbus_connection_call (link.client, NULL, PATH, INTERFACE, "Echo", make_bytes (100), NULL, G_DBUS_CALL_FLAGS_NONE,
                            -1, NULL, on_echo, &n_left);
  TEST_TURN_UNTIL (n_left == 0);
  link_clear (&link);
}

static void
on_echo_back (GObject      *source,
              GAsyncResult *result,
              gpointer      reply)
{
  g_autoptr(GError) error = NULL;

  *(GVariant **) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_assert_no_error (error);
}

static void
test_calls_back (void)
{
  Link link;

  g_test_summary ("The server asks the client while it answers, and blocks its own thread for it");

  link_init (&link);
  register_object (&link, link.client);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(GVariant) reply = NULL;

      g_dbus_connection_call (link.client, NULL, PATH, INTERFACE, "EchoBack", make_bytes (i), NULL,
                              G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_echo_back, &reply);
      TEST_TURN_UNTIL (reply != NULL);
      assert_bytes (reply, i);
    }
  link_clear (&link);
}

typedef struct
{
  GDBusConnection *connection;
  int              done; /* (atomic) */
} Caller;

static gpointer
call_in_thread (gpointer data)
{
  Caller *caller = data;

  for (guint i = 0; i < get_many () / 4; i++)
    assert_echo (caller->connection, i % 300);
  g_atomic_int_set (&caller->done, TRUE);

  return NULL;
}

static void
test_calls_threads (void)
{
  Caller callers[4];
  GThread *threads[4];
  Link link;

  g_test_summary ("Four threads call at once, and none of them owns the socket");

  link_init (&link);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      callers[i] = (Caller) { link.client, FALSE };
      threads[i] = g_thread_new ("caller", call_in_thread, &callers[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      while (!g_atomic_int_get (&callers[i].done))
        test_turn ();
      g_thread_join (threads[i]);
    }
  link_clear (&link);
}

static void
test_calls_cancelled (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  link_init (&link);
  g_dbus_connection_call (link.client, NULL, PATH, INTERFACE, "Echo", make_bytes (10), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                          cancellable, test_store_result, &result);
  g_cancellable_cancel (cancellable);
  TEST_TURN_UNTIL (result != NULL);
  reply = g_dbus_connection_call_finish (link.client, result, &error);
  g_assert_null (reply);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_echo (link.client, 10);
  link_clear (&link);
}

/* Signals */

static void
test_signals_from_server (void)
{
  g_autoptr(GVariant) reply = NULL;
  Link link;

  link_init (&link);
  subscribe (link.client, &link.n_ticks);
  reply = call_sync (link.client, "Tick", g_variant_new ("(u)", get_many ()));
  TEST_TURN_UNTIL (link.n_ticks == get_many ());
  link_clear (&link);
}

static void
test_signals_from_client (void)
{
  Link link;

  link_init (&link);
  tick (link.client, get_many ());
  g_assert_cmpuint (count_tocks (&link), ==, get_many ());
  link_clear (&link);
}

static void
test_signals_both_ways (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GVariant) reply = NULL;
  Link link;

  link_init (&link);
  subscribe (link.client, &link.n_ticks);
  g_dbus_connection_call (link.client, NULL, PATH, INTERFACE, "Tick", g_variant_new ("(u)", get_many ()), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, test_store_result, &result);
  tick (link.client, get_many ());
  TEST_TURN_UNTIL (result != NULL && link.n_ticks == get_many ());
  reply = g_dbus_connection_call_finish (link.client, result, NULL);
  g_assert_nonnull (reply);
  g_assert_cmpuint (count_tocks (&link), ==, get_many ());
  link_clear (&link);
}

/* Closing */

static void
test_close_sync (void)
{
  Link link;

  link_init (&link);
  close_sync (link.client);
  link_assert_ended (&link);
  g_assert_false (link.client_vanished);
  g_assert_true (link.vanished);
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_async (void)
{
  g_autoptr(GVariant) reply = NULL;
  Link link;

  g_test_summary ("While the server's thread sleeps");

  link_init (&link);
  g_mutex_lock (&link.gate);
  reply = call_sync (link.client, "Sleep", NULL);
  close_async (link.client);
  TEST_TURN_UNTIL (link.client_closed);
  g_mutex_unlock (&link.gate);
  link_assert_ended (&link);
  g_assert_false (link.client_vanished);
  g_assert_true (link.vanished);
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_flushed (void)
{
  Link link;

  g_test_summary ("What was flushed arrives, although the close comes right behind");

  link_init (&link);
  tick (link.client, get_many ());
  flush_sync (link.client);
  close_sync (link.client);
  link_assert_ended (&link);
  g_assert_cmpuint (link.n_tocks, ==, get_many ());
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_by_server (gconstpointer ending)
{
  Link link = { .ending = GPOINTER_TO_INT (ending) };
  g_autoptr(GVariant) reply = NULL;

  link_open (&link);
  reply = call_sync (link.client, "End", NULL);
  link_assert_ended (&link);
  g_assert_true (link.client_vanished);
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_with_calls (void)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;
  Link link;

  g_test_summary ("A call that waits when the connection closes fails");

  link_init (&link);
  g_dbus_connection_call (link.client, NULL, PATH, INTERFACE, "Hold", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          test_store_result, &result);
  flush_sync (link.client);
  close_sync (link.client);
  TEST_TURN_UNTIL (result != NULL);
  reply = g_dbus_connection_call_finish (link.client, result, &error);
  g_assert_null (reply);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  link_assert_ended (&link);
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_by_owner (void)
{
  Link link;

  g_test_summary ("The owner of the socket aborts it under GDBus");

  link_init (&link);
  assert_echo (link.client, 10);
  l_socket_abort (link.far.socket);
  link_assert_ended (&link);
  g_assert_true (link.client_vanished);
  g_clear_object (&link.client);
  test_far_clear (&link.far);
}

static void
test_close_dropped (void)
{
  Link link;

  g_test_summary ("The last references go: the socket's and the connection's, which GDBus's thread ends");

  link_init (&link);
  assert_echo (link.client, 10);
  let_attach (link.client);
  g_clear_object (&link.far.socket);
  g_clear_object (&link.client);
  test_far_join (&link.far);
  g_assert_true (link.vanished);
  g_assert_false (link.client_closed);
  test_far_clear (&link.far);
}

/* A message bus */

typedef struct
{
  GPid  pid;
  char *path;
} Bus;

/* No bus outlives a test that fails. */
static void
before_exec (gpointer unused)
{
#ifdef PR_SET_PDEATHSIG
  prctl (PR_SET_PDEATHSIG, SIGKILL);
#endif
}

static void
bus_init (Bus *bus)
{
  g_autofree char *address = NULL;
  const char *argv[] = { g_getenv ("DBUS_DAEMON"), "--session", "--nofork", "--print-address", NULL, NULL };
  g_autoptr(GError) error = NULL;
  char byte;
  int out;

  g_assert_nonnull (argv[0]);
  bus->path = test_build_path ("bus");
  address = g_strdup_printf ("--address=unix:path=%s", bus->path);
  argv[4] = address;
  g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                            before_exec, NULL, &bus->pid, NULL, &out, NULL, &error);
  g_assert_no_error (error);

  /* It prints its address when it listens. */
  do
    g_assert_cmpint (read (out, &byte, 1), ==, 1);
  while (byte != '\n');
  close (out);
}

static void
bus_clear (Bus *bus)
{
  g_assert_cmpint (kill (bus->pid, SIGTERM), ==, 0);
  g_assert_cmpint (waitpid (bus->pid, NULL, 0), ==, bus->pid);
  g_spawn_close_pid (bus->pid);
  g_free (bus->path);
}

static GDBusConnection *
bus_connect (Bus    *bus,
             Opening opening)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_connect_to_server_sync (socket, bus->path, L_OPEN_MODE_READ_WRITE, NULL, &error);
  g_assert_no_error (error);
  authenticate_as_client (socket, "OK ");

  return open_connection (opening, socket, NULL, G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION);
}

static void
bus_disconnect (GDBusConnection *connection)
{
  g_autoptr(LSocket) socket = g_object_ref (get_socket (connection));

  close_sync (connection);
  g_object_unref (connection);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
}

static void
assert_names (GDBusConnection *connection,
              GVariant        *reply)
{
  g_autofree const char **names = NULL;

  g_assert_nonnull (reply);
  g_variant_get (reply, "(^a&s)", &names);
  g_assert_true (g_strv_contains (names, "org.freedesktop.DBus"));
  g_assert_true (g_strv_contains (names, g_dbus_connection_get_unique_name (connection)));
}

static void
assert_list_names_sync (GDBusConnection *connection)
{
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;

  reply = g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "ListNames", NULL, G_VARIANT_TYPE ("(as)"),
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  assert_names (connection, reply);
}

static void
assert_list_names_async (GDBusConnection *connection)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;

  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "ListNames", NULL, G_VARIANT_TYPE ("(as)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          test_store_result, &result);
  TEST_TURN_UNTIL (result != NULL);
  reply = g_dbus_connection_call_finish (connection, result, &error);
  g_assert_no_error (error);
  assert_names (connection, reply);
}

static void
test_bus (gconstpointer opening)
{
  GDBusConnection *connection;
  Bus bus;

  bus_init (&bus);
  connection = bus_connect (&bus, GPOINTER_TO_INT (opening));
  g_assert_true (g_dbus_is_unique_name (g_dbus_connection_get_unique_name (connection)));
  assert_list_names_sync (connection);
  assert_list_names_async (connection);
  bus_disconnect (connection);
  bus_clear (&bus);
}

static void
on_bus_signal (GDBusConnection *connection,
               const char      *sender,
               const char      *path,
               const char      *interface,
               const char      *name,
               GVariant        *parameters,
               gpointer         user_data)
{
  g_assert_cmpstr (sender, ==, user_data);
  g_assert_cmpstr (name, ==, "Ticked");
  g_object_set_data (G_OBJECT (connection), "ticked", GINT_TO_POINTER (TRUE));
}

static void
test_bus_two (void)
{
  GDBusConnection *first, *second;
  g_autofree char *name = NULL;
  Bus bus;

  g_test_summary ("Two programs on the bus, one of which hears the other");

  bus_init (&bus);
  first = bus_connect (&bus, SYNC);
  second = bus_connect (&bus, SYNC);
  name = g_strdup (g_dbus_connection_get_unique_name (first));
  g_assert_cmpstr (name, !=, g_dbus_connection_get_unique_name (second));
  g_dbus_connection_signal_subscribe (second, name, INTERFACE, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                      on_bus_signal, name, NULL);
  /* The bus has heard of the subscription when it answers. */
  assert_list_names_sync (second);
  tick (first, 1);
  TEST_TURN_UNTIL (g_object_get_data (G_OBJECT (second), "ticked") != NULL);
  bus_disconnect (second);
  bus_disconnect (first);
  bus_clear (&bus);
}

static void
on_vanished (GDBusConnection *connection,
             gboolean         vanished,
             GError          *error,
             gpointer         closed)
{
  g_assert_true (vanished);
  *(gboolean *) closed = TRUE;
}

static void
test_bus_ends (void)
{
  g_autoptr(LSocket) socket = NULL;
  GDBusConnection *connection;
  gboolean closed = FALSE;
  Bus bus;

  bus_init (&bus);
  connection = bus_connect (&bus, SYNC);
  socket = g_object_ref (get_socket (connection));
  g_signal_connect (connection, "closed", G_CALLBACK (on_vanished), &closed);
  bus_clear (&bus);
  TEST_TURN_UNTIL (closed);
  TEST_TURN_UNTIL (l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED);
  g_object_unref (connection);
  g_clear_object (&socket);
}

/* GDBus's thread comes with its first connection and stays, with a descriptor. */
static void
start_dbus_thread (void)
{
  g_autoptr(GInputStream) input = g_memory_input_stream_new ();
  g_autoptr(GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr(GIOStream) stream = g_simple_io_stream_new (input, output);
  g_autoptr(GDBusConnection) connection = NULL;
  g_autoptr(GError) error = NULL;

  connection = g_dbus_connection_new_sync (stream, NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);
  g_assert_no_error (error);
  TEST_TURN_UNTIL (g_dbus_connection_is_closed (connection));
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);
  start_dbus_thread ();

  test_add ("/dbus/open/anonymous/sync", test_anonymous_sync);
  test_add ("/dbus/open/anonymous/async", test_anonymous_async);
  test_add ("/dbus/open/external/sync", test_external_sync);
  test_add ("/dbus/open/external/async", test_external_async);
  test_add ("/dbus/open/refused", test_refused);

  test_add ("/dbus/calls/sync", test_calls_sync);
  test_add ("/dbus/calls/async", test_calls_async);
  test_add ("/dbus/calls/large", test_calls_large);
  test_add ("/dbus/calls/error", test_calls_error);
  test_add ("/dbus/calls/back", test_calls_back);
  test_add ("/dbus/calls/threads", test_calls_threads);
  test_add ("/dbus/calls/cancelled", test_calls_cancelled);

  test_add ("/dbus/signals/from-server", test_signals_from_server);
  test_add ("/dbus/signals/from-client", test_signals_from_client);
  test_add ("/dbus/signals/both-ways", test_signals_both_ways);

  test_add ("/dbus/close/sync", test_close_sync);
  test_add ("/dbus/close/async", test_close_async);
  test_add ("/dbus/close/flushed", test_close_flushed);
  test_add ("/dbus/close/with-calls", test_close_with_calls);
  test_add_data ("/dbus/close/by-server/sync", GINT_TO_POINTER (CLOSE_SYNC), test_close_by_server);
  test_add_data ("/dbus/close/by-server/async", GINT_TO_POINTER (CLOSE_ASYNC), test_close_by_server);
  test_add_data ("/dbus/close/by-server/abort", GINT_TO_POINTER (ABORT), test_close_by_server);
  test_add ("/dbus/close/by-owner", test_close_by_owner);
  test_add ("/dbus/close/dropped", test_close_dropped);

  test_add_data ("/dbus/bus/sync", GINT_TO_POINTER (SYNC), test_bus);
  test_add_data ("/dbus/bus/async", GINT_TO_POINTER (ASYNC), test_bus);
  test_add ("/dbus/bus/two", test_bus_two);
  test_add ("/dbus/bus/ends", test_bus_ends);

  return test_run ();
}
