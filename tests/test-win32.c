/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket/l-server.h"
#include "lsocket/l-socket.h"
#include "lsocket/l-system-win32-private.h"

#include <aclapi.h>
#include <malloc.h>
#include <sddl.h>
#include <string.h>

/* Named pipes through the table of system calls: what the library asks of Windows, whether or not the system that the
 * tests run on keeps its promises; and that each call may fail. */

static LSystem real;

typedef struct
{
  DWORD access;
  DWORD flags;
  DWORD pipe_mode;
  DWORD max_instances;
  DWORD sizes[2];
  char *sddl;          /* (owned) (nullable) */
} Call;

static GArray *opened;  /* (element-type Call): create_file() */
static GArray *created; /* (element-type Call): create_named_pipe() */

static int   n_handles; /* open */
static guint n_calls;   /* of those that can fail */
static guint failing;   /* the one of them that does; 0: none */
static DWORD failure;

static gboolean
fails (void)
{
  if (++n_calls != failing)
    return FALSE;

  SetLastError (failure);
  return TRUE;
}

static HANDLE
count_handle (HANDLE handle)
{
  if (handle != NULL && handle != INVALID_HANDLE_VALUE)
    g_atomic_int_inc (&n_handles);

  return handle;
}

static char *
get_sddl (LPSECURITY_ATTRIBUTES security)
{
  char *text, *copy;

  if (security == NULL || security->lpSecurityDescriptor == NULL)
    return NULL;

  g_assert_true (ConvertSecurityDescriptorToStringSecurityDescriptorA (security->lpSecurityDescriptor, SDDL_REVISION_1,
                                                                       DACL_SECURITY_INFORMATION, &text, NULL));
  copy = g_strdup (text);
  LocalFree (text);
  return copy;
}

static HANDLE
record_create_file (LPCWSTR               pipe,
                    DWORD                 access,
                    DWORD                 share,
                    LPSECURITY_ATTRIBUTES security,
                    DWORD                 disposition,
                    DWORD                 flags)
{
  Call call = { .access = access, .flags = flags };

  g_assert_cmphex (disposition, ==, OPEN_EXISTING);
  g_array_append_val (opened, call);
  return count_handle (fails () ? INVALID_HANDLE_VALUE
                                : real.create_file (pipe, access, share, security, disposition, flags));
}

static HANDLE
record_create_named_pipe (LPCWSTR               pipe,
                          DWORD                 open_mode,
                          DWORD                 pipe_mode,
                          DWORD                 max_instances,
                          DWORD                 out_size,
                          DWORD                 in_size,
                          DWORD                 timeout,
                          LPSECURITY_ATTRIBUTES security)
{
  Call call = {
    .flags = open_mode, .pipe_mode = pipe_mode, .max_instances = max_instances, .sizes = { out_size, in_size },
    .sddl = get_sddl (security),
  };

  g_assert_false (security->bInheritHandle);
  g_array_append_val (created, call);
  if (fails ())
    return INVALID_HANDLE_VALUE;

  return count_handle (real.create_named_pipe (pipe, open_mode, pipe_mode, max_instances, out_size, in_size, timeout,
                                               security));
}

static BOOL
fail_connect_named_pipe (HANDLE       handle,
                         LPOVERLAPPED overlapped)
{
  return fails () ? FALSE : real.connect_named_pipe (handle, overlapped);
}

static BOOL
fail_read_file (HANDLE       handle,
                LPVOID       buffer,
                DWORD        count,
                LPOVERLAPPED overlapped)
{
  return fails () ? FALSE : real.read_file (handle, buffer, count, overlapped);
}

static BOOL
fail_write_file (HANDLE       handle,
                 LPCVOID      buffer,
                 DWORD        count,
                 LPOVERLAPPED overlapped)
{
  return fails () ? FALSE : real.write_file (handle, buffer, count, overlapped);
}

static BOOL
fail_peek_named_pipe (HANDLE  handle,
                      LPDWORD n_available)
{
  return fails () ? FALSE : real.peek_named_pipe (handle, n_available);
}

static BOOL
fail_get_pipe_state (HANDLE  handle,
                     LPDWORD state)
{
  return fails () ? FALSE : real.get_pipe_state (handle, state);
}

static BOOL
fail_bind (HANDLE                          handle,
           LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
  return fails () ? FALSE : real.bind (handle, routine);
}

static HANDLE
fail_create_event (void)
{
  return count_handle (fails () ? NULL : real.create_event ());
}

static BOOL
count_close_handle (HANDLE handle)
{
  g_atomic_int_dec_and_test (&n_handles);
  return real.close_handle (handle);
}

static void
clear_call (gpointer data)
{
  g_free (((Call *) data)->sddl);
}

static void
start_recording (void)
{
  opened = g_array_new (FALSE, FALSE, sizeof (Call));
  created = g_array_new (FALSE, FALSE, sizeof (Call));
  g_array_set_clear_func (created, clear_call);
  n_calls = failing = 0;

  real = l_system;
  l_system.create_file = record_create_file;
  l_system.create_named_pipe = record_create_named_pipe;
  l_system.connect_named_pipe = fail_connect_named_pipe;
  l_system.read_file = fail_read_file;
  l_system.write_file = fail_write_file;
  l_system.peek_named_pipe = fail_peek_named_pipe;
  l_system.get_pipe_state = fail_get_pipe_state;
  l_system.bind = fail_bind;
  l_system.create_event = fail_create_event;
  l_system.close_handle = count_close_handle;
}

static void
stop_recording (void)
{
  l_system = real;
  g_array_unref (opened);
  g_array_unref (created);
}

static const Call *
get_call (GArray *calls,
          guint   i)
{
  g_assert_cmpuint (i, <, calls->len);
  return &g_array_index (calls, Call, i);
}

static char *name; /* private to this test */

/* A name lives as long as one of its connections does, also when the server has gone. */
static void
choose_name (void)
{
  static guint n_names;

  g_free (name);
  name = g_strdup_printf ("lsocket-test-%lu-%u", GetCurrentProcessId (), ++n_names);
}

static void
turn_until (gboolean (* is_true) (gpointer),
            gpointer  data)
{
  gint64 deadline = g_get_monotonic_time () + G_TIME_SPAN_MINUTE;

  while (!is_true (data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
}

static gboolean
has_pending (gpointer server)
{
  return l_server_has_pending_connections (server);
}

static gboolean
is_unconnected (gpointer socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

static LServer *
new_server (LServerOptions options)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  choose_name ();
  l_server_set_options (server, options);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  return server;
}

/* What is asked */

static void
test_first_instance (void)
{
  g_autoptr(LServer) server = NULL;

  g_test_summary ("Only the first may not be a second; remote clients are refused by all");

  start_recording ();
  server = new_server (L_SERVER_OPTIONS_NONE);
  g_assert_cmpuint (created->len, >, 1);
  for (guint i = 0; i < created->len; i++)
    {
      const Call *call = get_call (created, i);

      g_assert_cmphex (call->flags & FILE_FLAG_FIRST_PIPE_INSTANCE, ==, i == 0 ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
      g_assert_cmphex (call->flags & FILE_FLAG_OVERLAPPED, !=, 0);
      g_assert_cmphex (call->pipe_mode & PIPE_REJECT_REMOTE_CLIENTS, !=, 0);
      g_assert_cmphex (call->pipe_mode & (PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_NOWAIT), ==, 0);
      g_assert_cmpuint (call->max_instances, ==, PIPE_UNLIMITED_INSTANCES);
      g_assert_cmpuint (call->sizes[0], >=, 64 * 1024);
      g_assert_cmpuint (call->sizes[1], >=, 64 * 1024);
      g_assert_nonnull (call->sddl);
    }
  stop_recording ();
}

static void
test_replacement (void)
{
  g_autoptr(LServer) server = NULL;

  g_test_summary ("A connection that is taken is replaced before: the name is never free");

  start_recording ();
  server = new_server (L_SERVER_OPTIONS_NONE);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr(LSocket) client = l_socket_new ();
      g_autoptr(LSocket) peer = NULL;
      guint n_before = created->len;

      l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
      g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
      turn_until (has_pending, server);
      g_assert_cmpuint (created->len, ==, n_before + 1);
      g_assert_cmphex (get_call (created, n_before)->flags & FILE_FLAG_FIRST_PIPE_INSTANCE, ==, 0);
      g_assert_cmpstr (get_call (created, n_before)->sddl, ==, get_call (created, 0)->sddl);
      peer = l_server_next_pending_connection (server);
    }
  stop_recording ();
}

typedef struct
{
  LOpenMode mode;
  DWORD     access;
} Rights;

static const Rights rights[] = {
  { L_OPEN_MODE_READ_ONLY, FILE_READ_DATA },
  { L_OPEN_MODE_WRITE_ONLY, FILE_WRITE_DATA },
  { L_OPEN_MODE_READ_WRITE, FILE_READ_DATA | FILE_WRITE_DATA },
};

static void
test_client_rights (gconstpointer data)
{
  const Rights *row = data;
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = l_socket_new ();
  const Call *call;

  g_test_summary ("The server may identify the client and not act for it; the client opens no more than it needs");

  start_recording ();
  server = new_server (L_SERVER_OPTIONS_NONE);
  l_socket_connect_to_server (client, name, row->mode);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  call = get_call (opened, 0);
  g_assert_cmphex (call->flags & SECURITY_SQOS_PRESENT, !=, 0);
  g_assert_cmphex (call->flags & (SECURITY_IDENTIFICATION | SECURITY_IMPERSONATION | SECURITY_DELEGATION), ==,
                   SECURITY_IDENTIFICATION);
  g_assert_cmphex (call->access, ==, row->access | FILE_READ_ATTRIBUTES | SYNCHRONIZE);
  stop_recording ();
}

typedef struct
{
  LServerOptions options;
  guint          n_entries;
  gboolean       everyone;
} Access;

static const Access accesses[] = {
  { L_SERVER_OPTIONS_NONE, 2, FALSE },
  { L_SERVER_OPTIONS_USER_ACCESS, 2, FALSE },
  { L_SERVER_OPTIONS_GROUP_ACCESS, 3, FALSE },
  { L_SERVER_OPTIONS_OTHER_ACCESS, 3, TRUE },
  { L_SERVER_OPTIONS_WORLD_ACCESS, 4, TRUE },
};

static guint
count_char (const char *text,
            char        c)
{
  guint n = 0;

  for (; *text != '\0'; text++)
    n += *text == c;

  return n;
}

static void
test_access (gconstpointer data)
{
  const Access *row = data;
  g_autoptr(LServer) server = NULL;
  const char *sddl;

  start_recording ();
  server = new_server (row->options);
  sddl = get_call (created, 0)->sddl;
  g_test_message ("%s", sddl);
  g_assert_true (g_str_has_prefix (sddl, "D:P"));
  g_assert_cmpuint (count_char (sddl, '('), ==, row->n_entries);
  g_assert_nonnull (strstr (sddl, ";;;SY)"));
  g_assert_true ((strstr (sddl, ";;;WD)") != NULL) == row->everyone);
  stop_recording ();
}

static void
test_access_read_back (void)
{
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  PSECURITY_DESCRIPTOR descriptor;
  g_autofree char *sddl = NULL;
  SECURITY_ATTRIBUTES security;
  PACL dacl;

  g_test_summary ("The pipe itself has the list");

  g_assert_cmpint (GetSecurityInfo ((HANDLE) l_server_get_socket_descriptor (server), SE_KERNEL_OBJECT,
                                    DACL_SECURITY_INFORMATION, NULL, NULL, &dacl, NULL, &descriptor), ==, ERROR_SUCCESS);
  security.lpSecurityDescriptor = descriptor;
  sddl = get_sddl (&security);
  g_test_message ("%s", sddl);
  g_assert_cmpuint (count_char (sddl, '('), ==, 2);
  LocalFree (descriptor);
}

/* What is refused */

static void
test_in_use (void)
{
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  g_autoptr(LServer) second = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (second, name, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_false (l_server_remove (name, L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  l_server_close (server);
  g_assert_true (l_server_remove (name, L_SERVER_OPTIONS_NONE, &error));
  g_assert_true (l_server_listen (second, name, &error));
  g_assert_no_error (error);
}

static void
test_first_instance_refused (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_test_summary ("What Windows says when another program was faster");

  choose_name ();
  start_recording ();
  failing = 1;
  failure = ERROR_ACCESS_DENIED;
  g_assert_false (l_server_listen (server, name, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_false (l_server_is_listening (server));
  g_assert_cmpuint (created->len, ==, 1);
  stop_recording ();
}

static void
test_no_pipe (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  HANDLE event = CreateEventW (NULL, TRUE, FALSE, NULL);

  g_test_summary ("A handle that is no pipe");

  g_assert_false (l_socket_set_socket_descriptor (socket, (gintptr) event, L_SOCKET_STATE_CONNECTED,
                                                  L_OPEN_MODE_READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_clear_error (&error);
  g_assert_false (l_server_listen_descriptor (server, (gintptr) event, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_assert_true (CloseHandle (event));
}

static void
test_unsupported (void)
{
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GError) error = NULL;

  g_test_summary ("What pipes do not have");

  server = new_server (L_SERVER_OPTIONS_NONE);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_false (l_socket_shutdown_write (client, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  g_clear_error (&error);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_null (l_socket_get_address (client));
  g_assert_null (l_server_get_address (server));
  l_socket_abort (client);

  address = g_inet_socket_address_new (loopback, 1);
  l_socket_connect_to_address (client, address, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  l_socket_set_options (client, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
}

/* Failures and what they leave */

static void
on_new_connection (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  l_io_device_write (L_IO_DEVICE (socket), "hello", 5, NULL);
  l_socket_disconnect_from_server (socket);
}

/* A whole life, of which any call may fail; what was begun ends all the same. */
static void
live (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  gint64 deadline = g_get_monotonic_time () + G_TIME_SPAN_SECOND / 2;

  choose_name ();
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  l_server_set_listen_backlog (server, 2);
  if (!l_server_listen (server, name, NULL))
    return;

  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  l_io_device_write (L_IO_DEVICE (client), "hello", 5, NULL);
  while (l_socket_get_state (client) != L_SOCKET_STATE_UNCONNECTED && g_get_monotonic_time () < deadline)
    g_main_context_iteration (NULL, FALSE);
}

/* All that was begun has ended: what a server handed out delivers first. */
static gboolean
has_no_handles (gpointer unused)
{
  return n_handles == 0;
}

static void
test_faults (void)
{
  static const DWORD failures[] = { ERROR_NO_SYSTEM_RESOURCES, ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE };
  guint n_all;

  g_test_summary ("Each call in turn fails, and no handle is left");

  start_recording ();
  live ();
  turn_until (has_no_handles, NULL);
  n_all = n_calls;
  for (guint i = 1; i <= n_all; i++)
    {
      n_calls = 0;
      failing = i;
      g_test_message ("call %u of %u", i, n_all);
      failure = failures[i % G_N_ELEMENTS (failures)];
      live ();
      failing = 0;
      turn_until (has_no_handles, NULL);
    }
  live ();
  turn_until (has_no_handles, NULL);
  stop_recording ();
}

static HANDLE
refuse_event (void)
{
  SetLastError (ERROR_NO_SYSTEM_RESOURCES);
  return NULL;
}

static void
drop_server (LServer     *dropped,
             GParamSpec  *pspec,
             LServer    **server)
{
  g_clear_object (server);
}

static void
count_error (LServer      *server,
             LSocketError  error,
             guint        *n_errors)
{
  g_assert_cmpint (error, ==, L_SOCKET_ERROR_RESOURCE);
  ++*n_errors;
}

static void
test_lost_drops_server (void)
{
  LServer *server = new_server (L_SERVER_OPTIONS_NONE);
  gpointer watched = server;
  guint n_errors = 0;
  HANDLE ends[2];

  g_test_summary ("A subclass that chains up later may lose its server in notify::error; the error is told all the same");

  g_object_add_weak_pointer (watched, &watched);
  g_signal_connect (server, "notify::error", G_CALLBACK (drop_server), &server);
  g_signal_connect (server, "error", G_CALLBACK (count_error), &n_errors);
  g_assert_true (CreatePipe (&ends[0], &ends[1], NULL, 0));
  real = l_system;
  l_system.create_event = refuse_event;
  L_SERVER_GET_CLASS (server)->incoming_connection (server, (gintptr) ends[0]);
  l_system = real;
  g_assert_cmpuint (n_errors, ==, 1);
  g_assert_null (watched);
  CloseHandle (ends[1]);
}

static void
test_handles (void)
{
  guint n_connections = g_test_slow () ? 10000 : 1000;
  g_autoptr(LServer) server = NULL;

  g_test_summary ("A thousand connections leave nothing behind, or ten thousand with -m slow");

  start_recording ();
  server = new_server (L_SERVER_OPTIONS_NONE);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  for (guint i = 0; i < n_connections; i++)
    {
      g_autoptr(LSocket) client = l_socket_new ();

      l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
      turn_until (is_unconnected, client);
    }
  l_server_close (server);
  turn_until (has_no_handles, NULL);
  stop_recording ();
}

/* What idle connections cost */

static guint n_asked;

static BOOL
count_peek_named_pipe (HANDLE  handle,
                       LPDWORD n_available)
{
  n_asked++;
  return real.peek_named_pipe (handle, n_available);
}

static BOOL
count_read_file (HANDLE       handle,
                 LPVOID       buffer,
                 DWORD        count,
                 LPOVERLAPPED overlapped)
{
  n_asked++;
  return real.read_file (handle, buffer, count, overlapped);
}

static BOOL
count_get_result (HANDLE       handle,
                  LPOVERLAPPED overlapped,
                  LPDWORD      count,
                  BOOL         wait)
{
  n_asked++;
  return real.get_result (handle, overlapped, count, wait);
}

static BOOL
count_get_pipe_state (HANDLE  handle,
                      LPDWORD state)
{
  n_asked++;
  return real.get_pipe_state (handle, state);
}

typedef struct
{
  LServer   *server;
  GPtrArray *sockets; /* (element-type LSocket): both ends of each connection */
} Crowd;

static void
crowd_add (Crowd *crowd,
           guint  n_connections)
{
  for (guint i = 0; i < n_connections; i++)
    {
      LSocket *client = l_socket_new ();

      l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
      turn_until (has_pending, crowd->server);
      g_ptr_array_add (crowd->sockets, client);
      g_ptr_array_add (crowd->sockets, l_server_next_pending_connection (crowd->server));
    }
}

static gboolean
has_byte (gpointer device)
{
  return l_io_device_get_bytes_available (device) == 1;
}

static void
pass_byte (LSocket *from,
           LSocket *to)
{
  char byte;

  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (from), "x", 1, NULL), ==, 1);
  turn_until (has_byte, to);
  g_assert_cmpint (l_io_device_read (L_IO_DEVICE (to), &byte, 1, NULL), ==, 1);
}

static guint
count_calls (Crowd *crowd)
{
  LSocket *client = g_ptr_array_index (crowd->sockets, 0);
  LSocket *peer = g_ptr_array_index (crowd->sockets, 1);

  while (g_main_context_iteration (NULL, FALSE))
    ;
  n_asked = 0;
  for (guint i = 0; i < 100; i++)
    {
      pass_byte (client, peer);
      pass_byte (peer, client);
    }

  return n_asked;
}

static void
test_idle_crowd (void)
{
  Crowd crowd = { .sockets = g_ptr_array_new_with_free_func (g_object_unref) };
  guint n_few, n_many;

  g_test_summary ("A connection that has nothing to do is not asked, be there 20 of them or 1000");

  real = l_system;
  l_system.peek_named_pipe = count_peek_named_pipe;
  l_system.read_file = count_read_file;
  l_system.get_result = count_get_result;
  l_system.get_pipe_state = count_get_pipe_state;
  crowd.server = new_server (L_SERVER_OPTIONS_NONE);
  crowd_add (&crowd, 20);
  n_few = count_calls (&crowd);
  crowd_add (&crowd, 980);
  n_many = count_calls (&crowd);
  g_test_message ("200 bytes took %u calls beside 19 others, %u beside 999", n_few, n_many);
  g_assert_cmpuint (n_few, >, 0);
  g_assert_cmpuint (n_many, <, n_few + n_few / 2);

  g_ptr_array_unref (crowd.sockets);
  g_object_unref (crowd.server);
  l_system = real;
}

/* What a thread has begun is cancelled by Windows when it ends; by Wine it is not, so the tests do it. */

typedef struct
{
  LServer *server;
  LSocket *client;
  LSocket *peer;
} Pair;

static gboolean
is_connected (gpointer socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_CONNECTED;
}

static void
pair_init (Pair      *pair,
           LOpenMode  mode)
{
  pair->server = new_server (L_SERVER_OPTIONS_NONE);
  pair->client = l_socket_new ();
  l_socket_connect_to_server (pair->client, name, mode);
  turn_until (is_connected, pair->client);
  turn_until (has_pending, pair->server);
  pair->peer = l_server_next_pending_connection (pair->server);
}

static void
pair_clear (Pair *pair)
{
  g_object_unref (pair->client);
  g_object_unref (pair->peer);
  g_object_unref (pair->server);
}

static void
turn_all (void)
{
  for (guint i = 0; i < 3; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      Sleep (5);
    }
}

static HANDLE
get_handle (LSocket *socket)
{
  return (HANDLE) l_socket_get_socket_descriptor (socket);
}

static gboolean
has_bytes (gpointer device)
{
  return l_io_device_get_bytes_available (device) > 0;
}

static void
write_hello (LSocket *socket)
{
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), "hello", 5, NULL), ==, 5);
  l_socket_flush (socket);
}

static void
test_abandoned_read (void)
{
  Pair pair;

  g_test_summary ("It is begun again, and is no end");

  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  turn_all ();
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (CancelIoEx (get_handle (pair.client), NULL));
      turn_all ();
      g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
    }
  write_hello (pair.peer);
  turn_until (has_bytes, pair.client);
  l_socket_abort (pair.peer);
  turn_until (is_unconnected, pair.client);
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_PEER_CLOSED);
  pair_clear (&pair);
}

static gpointer
abandon (gpointer handle)
{
  Sleep (50);
  CancelIoEx (handle, NULL);
  Sleep (50);
  return NULL;
}

static void
test_abandoned_read_in_wait (void)
{
  GThread *thread;
  Pair pair;

  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  thread = g_thread_new ("abandon", abandon, get_handle (pair.client));
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (pair.client), 150));
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_TIMEOUT);
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);
  write_hello (pair.peer);
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (pair.client), 5000));
  g_thread_join (thread);
  pair_clear (&pair);
}

static void
test_abandoned_connect (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();

  g_test_summary ("A server goes on waiting for clients");

  choose_name ();
  l_server_set_listen_backlog (server, 1);
  g_assert_true (l_server_listen (server, name, NULL));
  turn_all ();
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (CancelIoEx ((HANDLE) l_server_get_socket_descriptor (server), NULL));
      turn_all ();
      g_assert_false (l_server_has_pending_connections (server));
    }
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  turn_until (has_pending, server);
}

static GArray *bound; /* (element-type HANDLE) */
static GArray *events; /* (element-type HANDLE): of the writes */

static BOOL
record_bind (HANDLE                          handle,
             LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
  g_array_append_val (bound, handle);
  return real.bind (handle, routine);
}

static BOOL
refuse_bind (HANDLE                          handle,
             LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
  SetLastError (ERROR_INVALID_PARAMETER);
  return FALSE;
}

static BOOL
record_write_file (HANDLE       handle,
                   LPCVOID      buffer,
                   DWORD        count,
                   LPOVERLAPPED overlapped)
{
  g_array_append_val (events, overlapped->hEvent);
  return real.write_file (handle, buffer, count, overlapped);
}

static void
begin_large_write (LSocket *socket,
                   LSocket *peer)
{
  g_autofree char *data = g_malloc0 (1024 * 1024);

  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 1000);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), data, 1024 * 1024, NULL), ==, 1024 * 1024);
  turn_all ();
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), >, 0);
}

static void
test_write_bound (void)
{
  gsize n_read = 0;
  Pair pair;

  g_test_summary ("A write belongs to no thread: a port and no event are told of its end");

  real = l_system;
  bound = g_array_new (FALSE, FALSE, sizeof (HANDLE));
  events = g_array_new (FALSE, FALSE, sizeof (HANDLE));
  l_system.bind = record_bind;
  l_system.write_file = record_write_file;
  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  begin_large_write (pair.client, pair.peer);
  g_assert_cmpuint (bound->len, ==, 1);
  g_assert_true (g_array_index (bound, HANDLE, 0) == get_handle (pair.client));
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 0);
  while (n_read < 1024 * 1024)
    {
      g_autoptr(GBytes) bytes = NULL;

      turn_until (has_bytes, pair.peer);
      bytes = l_io_device_read_all (L_IO_DEVICE (pair.peer), NULL);
      n_read += g_bytes_get_size (bytes);
    }
  g_assert_cmpuint (events->len, >, 1);
  for (guint i = 0; i < events->len; i++)
    g_assert_null (g_array_index (events, HANDLE, i));

  pair_clear (&pair);
  l_system = real;
  g_array_unref (bound);
  g_array_unref (events);
}

static void
test_abandoned_write (void)
{
  Pair pair;

  g_test_summary ("What cannot be bound loses a write with its thread: that is an error, and neither silence nor the end");

  real = l_system;
  l_system.bind = refuse_bind;
  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  begin_large_write (pair.client, pair.peer);
  g_assert_true (CancelIoEx (get_handle (pair.client), NULL));
  turn_until (is_unconnected, pair.client);
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_CONNECTION);
  turn_until (is_unconnected, pair.peer);
  g_assert_cmpint (l_socket_get_error (pair.peer), ==, L_SOCKET_ERROR_PEER_CLOSED);
  pair_clear (&pair);
  l_system = real;
}

/* The system may take as much as the library has given. */
static BOOL
measure_write_file (HANDLE       handle,
                  LPCVOID      buffer,
                  DWORD        count,
                  LPOVERLAPPED overlapped)
{
  g_assert_nonnull (handle);
  g_assert_cmpuint (_msize ((LPVOID) buffer), >=, count);
  return real.write_file (handle, buffer, count, overlapped);
}

static void
write_and_flush (LSocket    *socket,
                 const char *data,
                 gsize       size)
{
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), data, size, NULL), ==, size);
  l_socket_flush (socket);
}

static void
test_write_after_smaller (void)
{
  g_autofree char *data = g_strnfill (64 * 1024, 'x');
  const gsize total = 2 * 64 * 1024 + 2;
  gsize n_read = 0;
  Pair pair;

  g_test_summary ("A write that had to wait has memory for itself, and the next, which is larger, other memory");

  real = l_system;
  l_system.write_file = measure_write_file;
  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 1);
  write_and_flush (pair.client, data, 64 * 1024);
  turn_all ();
  write_and_flush (pair.client, data, 2);
  write_and_flush (pair.client, data, 64 * 1024);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 0);
  while (n_read < total)
    {
      g_autoptr(GBytes) bytes = NULL;

      turn_until (has_bytes, pair.peer);
      bytes = l_io_device_read_all (L_IO_DEVICE (pair.peer), NULL);
      n_read += g_bytes_get_size (bytes);
    }
  g_assert_cmpuint (n_read, ==, total);

  pair_clear (&pair);
  l_system = real;
}

static gpointer
close_at_once (gpointer stream)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  g_assert_false (g_io_stream_close (stream, cancellable, NULL));
  return NULL;
}

static void
test_write_after_close_elsewhere (void)
{
  g_autofree char *data = g_strnfill (64 * 1024, 'x');
  Pair pair;

  g_test_summary ("Nothing is written with a handle that another thread has closed");

  real = l_system;
  l_system.write_file = measure_write_file;
  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 1);
  write_and_flush (pair.client, data, 64 * 1024);
  turn_all ();
  write_and_flush (pair.client, data, 2);
  write_and_flush (pair.client, data, 64 * 1024);
  g_thread_join (g_thread_new ("closer", close_at_once, pair.client));
  l_socket_flush (pair.client);
  turn_until (is_unconnected, pair.client);
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_UNKNOWN);

  pair_clear (&pair);
  l_system = real;
}

/* What the pipe has no room for is a write under way, with nothing queued. */
static void
fill_pipe (LSocket *socket,
           LSocket *peer)
{
  GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (socket)));
  static const char data[32 * 1024];

  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 1000);
  turn_all ();
  while (g_pollable_output_stream_write_nonblocking (output, data, sizeof data, NULL, NULL) > 0)
    turn_all ();
  g_assert_cmpint (l_io_device_get_bytes_to_write (L_IO_DEVICE (socket)), ==, 0);
}

static void
on_flushed (GObject      *output,
            GAsyncResult *result,
            gpointer      is_flushed)
{
  g_assert_true (g_output_stream_flush_finish (G_OUTPUT_STREAM (output), result, NULL));
  g_atomic_int_set ((int *) is_flushed, TRUE);
}

static gboolean
is_set (gpointer flag)
{
  return g_atomic_int_get ((int *) flag);
}

static GOutputStream *
get_output (LSocket *socket)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (socket));
}

static void
test_flush_async (void)
{
  int is_flushed = FALSE;
  Pair pair;

  g_test_summary ("Flushed is what the system has, and not what a write under way still holds");

  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  fill_pipe (pair.client, pair.peer);
  g_output_stream_flush_async (get_output (pair.client), 0, NULL, on_flushed, &is_flushed);
  turn_all ();
  g_assert_false (is_flushed);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 0);
  turn_until (is_set, &is_flushed);
  pair_clear (&pair);
}

typedef struct
{
  LSocket *socket;
  int      is_flushed; /* atomic */
} Flusher;

static gpointer
flush_in_thread (gpointer data)
{
  Flusher *flusher = data;

  g_assert_true (g_output_stream_flush (get_output (flusher->socket), NULL, NULL));
  g_atomic_int_set (&flusher->is_flushed, TRUE);
  return NULL;
}

static void
test_flush_sync (void)
{
  Flusher flusher = { 0 };
  GThread *thread;
  Pair pair;

  pair_init (&pair, L_OPEN_MODE_READ_WRITE);
  fill_pipe (pair.client, pair.peer);
  flusher.socket = pair.client;
  thread = g_thread_new ("flusher", flush_in_thread, &flusher);
  Sleep (50);
  turn_all ();
  g_assert_false (is_set (&flusher.is_flushed));
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.peer), 0);
  turn_until (is_set, &flusher.is_flushed);
  g_thread_join (thread);
  pair_clear (&pair);
}

/* Who is there. All are one user here, so that what is asked about another process is answered as Windows would. */

#define STRANGER "S-1-5-21-1-2-3-1001"
#define SYSTEM "S-1-5-18"

static const char *peer_sid; /* NULL: nobody may ask */
static gboolean    is_own_process;

static HANDLE
fake_open_process (DWORD access,
                   BOOL  inheritable,
                   DWORD pid)
{
  g_assert_cmphex (access, ==, PROCESS_QUERY_LIMITED_INFORMATION);
  if (peer_sid != NULL)
    return real.open_process (access, inheritable, pid);

  SetLastError (ERROR_ACCESS_DENIED);
  return NULL;
}

static BOOL
fake_open_process_token (HANDLE  process,
                         DWORD   access,
                         PHANDLE token)
{
  is_own_process = process == GetCurrentProcess ();
  return real.open_process_token (process, access, token);
}

static BOOL
fake_get_token_info (HANDLE                  token,
                     TOKEN_INFORMATION_CLASS kind,
                     LPVOID                  info,
                     DWORD                   size,
                     PDWORD                  needed)
{
  TOKEN_USER *user = info;
  PSID sid;

  if (is_own_process)
    return real.get_token_info (token, kind, info, size, needed);

  g_assert_cmpint (kind, ==, TokenUser);
  *needed = sizeof *user + SECURITY_MAX_SID_SIZE;
  if (size < *needed)
    {
      SetLastError (ERROR_INSUFFICIENT_BUFFER);
      return FALSE;
    }

  g_assert_true (ConvertStringSidToSidA (peer_sid, &sid));
  user->User.Sid = user + 1;
  g_assert_true (CopySid (SECURITY_MAX_SID_SIZE, user->User.Sid, sid));
  LocalFree (sid);
  return TRUE;
}

static void
fake_peer (const char *sid)
{
  real = l_system;
  peer_sid = sid;
  l_system.open_process = fake_open_process;
  l_system.open_process_token = fake_open_process_token;
  l_system.get_token_info = fake_get_token_info;
}

/* A client's end. */
static HANDLE
open_pipe (DWORD access)
{
  g_autofree char *utf8 = g_strconcat ("\\\\.\\pipe\\", name, NULL);
  g_autofree WCHAR *path = g_utf8_to_utf16 (utf8, -1, NULL, NULL, NULL);
  HANDLE handle = CreateFileW (path, access, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);

  g_assert_true (handle != INVALID_HANDLE_VALUE);
  return handle;
}

static void
test_adopted_again (void)
{
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE handle;

  g_test_summary ("A handle that was refused is the caller's, and as good as new: its writes belong to no thread");

  handle = open_pipe (GENERIC_READ | GENERIC_WRITE);
  fake_peer (STRANGER);
  events = g_array_new (FALSE, FALSE, sizeof (HANDLE));
  l_system.write_file = record_write_file;
  l_socket_set_peer_policy (socket, L_PEER_POLICY_SAME_USER);
  g_assert_false (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED,
                                                  L_OPEN_MODE_READ_WRITE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  l_socket_set_peer_policy (socket, L_PEER_POLICY_ANY);
  g_assert_true (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED,
                                                 L_OPEN_MODE_READ_WRITE, NULL));
  turn_until (has_pending, server);
  peer = l_server_next_pending_connection (server);
  begin_large_write (socket, peer);
  turn_until (has_bytes, peer);
  g_assert_cmpuint (events->len, >, 0);
  for (guint i = 0; i < events->len; i++)
    g_assert_null (g_array_index (events, HANDLE, i));
  l_socket_abort (socket);
  l_system = real;
  g_array_unref (events);
}

static HANDLE
new_pipe (DWORD pipe_mode,
          BOOL  is_inheritable)
{
  SECURITY_ATTRIBUTES security = { sizeof security, NULL, is_inheritable };
  g_autofree WCHAR *path = NULL;
  g_autofree char *utf8 = NULL;
  HANDLE handle;

  choose_name ();
  utf8 = g_strconcat ("\\\\.\\pipe\\", name, NULL);
  path = g_utf8_to_utf16 (utf8, -1, NULL, NULL, NULL);
  handle = CreateNamedPipeW (path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, pipe_mode, PIPE_UNLIMITED_INSTANCES,
                             64 * 1024, 64 * 1024, 0, &security);
  g_assert_true (handle != INVALID_HANDLE_VALUE);
  return handle;
}

static guint n_tokens;

static BOOL
refuse_first_token (HANDLE  process,
                    DWORD   access,
                    PHANDLE token)
{
  if (n_tokens++ > 0)
    return real.open_process_token (process, access, token);

  SetLastError (ERROR_ACCESS_DENIED);
  return FALSE;
}

static void
test_listen_unknown_user (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_test_summary ("The error is of what failed, and not of what came after it");

  choose_name ();
  real = l_system;
  l_system.open_process_token = refuse_first_token;
  g_assert_false (l_server_listen (server, name, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  l_system = real;
}

static void
test_adopted_write_only (void)
{
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE handle;

  g_test_summary ("A handle that may only write serves for that");

  handle = open_pipe (GENERIC_WRITE);
  g_assert_true (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED,
                                                 L_OPEN_MODE_WRITE_ONLY, &error));
  g_assert_no_error (error);
  turn_until (has_pending, server);
  peer = l_server_next_pending_connection (server);
  write_hello (socket);
  turn_until (has_bytes, peer);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  l_socket_abort (peer);
  turn_until (is_unconnected, socket);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_PEER_CLOSED);
}

static void
test_listen_refused (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  HANDLE handle = new_pipe (PIPE_TYPE_BYTE, FALSE);
  int n_before = n_handles;

  g_test_summary ("A handle that cannot listen is the caller's");

  start_recording ();
  failing = 2;
  failure = ERROR_NO_SYSTEM_RESOURCES;
  g_assert_false (l_server_listen_descriptor (server, (gintptr) handle, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_RESOURCE);
  g_assert_cmpint (n_handles, ==, n_before);
  g_assert_true (CloseHandle (handle));
  stop_recording ();
}

static void
test_listen_not_inherited (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  HANDLE handle = new_pipe (PIPE_TYPE_BYTE, TRUE);
  DWORD flags;

  g_test_summary ("A handle that listens goes to no child process");

  g_assert_true (l_server_listen_descriptor (server, (gintptr) handle, &error));
  g_assert_no_error (error);
  g_assert_true (GetHandleInformation (handle, &flags));
  g_assert_cmphex (flags & HANDLE_FLAG_INHERIT, ==, 0);
}

typedef struct
{
  const char *path;
  DWORD       mode;
} Made;

static const Made made[] = {
  { "/win32/adopted-mode/byte", PIPE_TYPE_BYTE },
  { "/win32/adopted-mode/message", PIPE_TYPE_MESSAGE },
  { "/win32/adopted-mode/read-message", PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE },
  { "/win32/adopted-mode/no-wait", PIPE_TYPE_BYTE | PIPE_NOWAIT },
};

static gboolean
has_11_bytes (gpointer device)
{
  return l_io_device_get_bytes_available (device) == 11;
}

static void
test_adopted_mode (gconstpointer data)
{
  const Made *row = data;
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;
  HANDLE handle = new_pipe (row->mode, FALSE);

  g_test_summary ("Whatever the pipe is, it is a stream of bytes from then on, and nothing of it is lost");

  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED,
                                                 L_OPEN_MODE_READ_WRITE, &error));
  g_assert_no_error (error);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 4);
  turn_all ();
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  write_and_flush (client, "hello world", 11);
  turn_all ();
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_CONNECTED);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (socket), 0);
  turn_until (has_11_bytes, socket);
  write_and_flush (socket, "hello world", 11);
  turn_until (has_11_bytes, client);
}

static const Made made_to_listen[] = {
  { "/win32/listen/mode/read-message", PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE },
  { "/win32/listen/mode/no-wait", PIPE_TYPE_BYTE | PIPE_NOWAIT },
};

static void
test_listen_mode (gconstpointer data)
{
  const Made *row = data;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;

  l_server_listen_descriptor (server, (gintptr) new_pipe (row->mode, FALSE), &error);
  g_assert_no_error (error);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  turn_until (has_pending, server);
  peer = l_server_next_pending_connection (server);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 4);
  write_and_flush (client, "hello world", 11);
  turn_all ();
  l_io_device_set_read_buffer_size (L_IO_DEVICE (peer), 0);
  turn_until (has_11_bytes, peer);
}

/* A handle that somebody has bound to a port of his own. */
static void
test_foreign_port (void)
{
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  HANDLE handle, port;
  LPOVERLAPPED overlapped;
  ULONG_PTR key;
  DWORD count;

  g_test_summary ("It works all the same, and the port hears nothing of us");

  handle = open_pipe (GENERIC_READ | GENERIC_WRITE);
  port = CreateIoCompletionPort (handle, NULL, 0, 0);
  g_assert_nonnull (port);
  g_assert_true (l_socket_set_socket_descriptor (socket, (gintptr) handle, L_SOCKET_STATE_CONNECTED,
                                                 L_OPEN_MODE_READ_WRITE, NULL));
  turn_until (has_pending, server);
  peer = l_server_next_pending_connection (server);
  begin_large_write (socket, peer);
  turn_until (has_bytes, peer);
  write_hello (peer);
  turn_until (has_bytes, socket);
  l_socket_abort (socket);

  g_assert_false (GetQueuedCompletionStatus (port, &count, &key, &overlapped, 0));
  g_assert_cmpuint (GetLastError (), ==, WAIT_TIMEOUT);
  CloseHandle (port);
}

/* Who is let in, and who is talked to. */

typedef struct
{
  const char *path;
  const char *sid;
  LPeerPolicy policy;
  gboolean    is_path;   /* the client is given the whole name */
  gboolean    talks;
} PolicyCase;

static const PolicyCase client_cases[] = {
  { "/win32/policy/client/auto/stranger", STRANGER, L_PEER_POLICY_AUTO, FALSE, FALSE },
  { "/win32/policy/client/auto/unknown", NULL, L_PEER_POLICY_AUTO, FALSE, FALSE },
  { "/win32/policy/client/auto/system", SYSTEM, L_PEER_POLICY_AUTO, FALSE, TRUE },
  { "/win32/policy/client/auto/path", STRANGER, L_PEER_POLICY_AUTO, TRUE, TRUE },
  { "/win32/policy/client/same-user/path", STRANGER, L_PEER_POLICY_SAME_USER, TRUE, FALSE },
  { "/win32/policy/client/any", NULL, L_PEER_POLICY_ANY, FALSE, TRUE },
};

static void
write_secret (LSocket      *socket,
              LSocketState  state)
{
  if (state == L_SOCKET_STATE_CONNECTING)
    g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), "secret", 6, NULL), ==, 6);
}

static void
test_policy_client (gconstpointer data)
{
  const PolicyCase *row = data;
  g_autoptr(LServer) server = new_server (L_SERVER_OPTIONS_NONE);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;

  g_test_summary ("Another user's server gets not a byte, and neither does one that nobody knows");

  fake_peer (row->sid);
  l_socket_set_peer_policy (client, row->policy);
  g_signal_connect (client, "state-changed", G_CALLBACK (write_secret), NULL);
  l_socket_connect_to_server (client, row->is_path ? l_server_get_full_server_name (server) : name,
                              L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==,
                   row->talks ? L_SOCKET_STATE_CONNECTED : L_SOCKET_STATE_UNCONNECTED);
  if (row->talks)
    g_assert_cmpstr (l_credentials_get_sid (l_socket_get_peer_credentials (client)), ==, row->sid);
  else
    g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_ACCESS);

  turn_until (has_pending, server);
  peer = l_server_next_pending_connection (server);
  if (row->talks)
    l_socket_disconnect_from_server (client);
  turn_until (is_unconnected, peer);
  g_assert_cmpint (l_io_device_get_bytes_available (L_IO_DEVICE (peer)), ==, row->talks ? 6 : 0);
  l_system = real;
}

static const PolicyCase server_cases[] = {
  { "/win32/policy/server/auto", STRANGER, L_PEER_POLICY_AUTO, FALSE, TRUE },
  { "/win32/policy/server/same-user/stranger", STRANGER, L_PEER_POLICY_SAME_USER, FALSE, FALSE },
  { "/win32/policy/server/same-user/unknown", NULL, L_PEER_POLICY_SAME_USER, FALSE, FALSE },
  { "/win32/policy/server/same-user/system", SYSTEM, L_PEER_POLICY_SAME_USER, FALSE, TRUE },
};

static gboolean
has_error (gpointer server)
{
  return l_server_get_error (server) != L_SOCKET_ERROR_UNKNOWN;
}

static void
test_policy_server (gconstpointer data)
{
  const PolicyCase *row = data;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();

  choose_name ();
  l_server_set_peer_policy (server, row->policy);
  g_assert_true (l_server_listen (server, name, NULL));
  l_socket_set_peer_policy (client, L_PEER_POLICY_ANY);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);

  fake_peer (row->sid);
  turn_until (row->talks ? has_pending : has_error, server);
  l_system = real;
  g_assert_cmpint (l_server_has_pending_connections (server), ==, row->talks);
  if (row->talks)
    return;

  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_ACCESS);
  turn_until (is_unconnected, client);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_PEER_CLOSED);
}

/* The end */

typedef struct
{
  const char *path;
  LOpenMode   mode;
  gboolean    in_wait;
} HangUp;

static const HangUp hang_ups[] = {
  { "/win32/hang-up/read-write/loop", L_OPEN_MODE_READ_WRITE, FALSE },
  { "/win32/hang-up/read-write/wait", L_OPEN_MODE_READ_WRITE, TRUE },
  { "/win32/hang-up/read-only/loop", L_OPEN_MODE_READ_ONLY, FALSE },
  { "/win32/hang-up/read-only/wait", L_OPEN_MODE_READ_ONLY, TRUE },
  { "/win32/hang-up/write-only/loop", L_OPEN_MODE_WRITE_ONLY, FALSE },
  { "/win32/hang-up/write-only/wait", L_OPEN_MODE_WRITE_ONLY, TRUE },
};

/* To who reads in the way of read() that is the end. */
static BOOL
check_write_file (HANDLE       handle,
                  LPCVOID      buffer,
                  DWORD        count,
                  LPOVERLAPPED overlapped)
{
  g_assert_cmpuint (count, >, 0);
  return real.write_file (handle, buffer, count, overlapped);
}

static void
test_hang_up (gconstpointer data)
{
  const HangUp *row = data;
  Pair pair;

  g_test_summary ("It is noticed also behind what is left unread, and nothing is written to find out");

  real = l_system;
  l_system.write_file = check_write_file;
  pair_init (&pair, row->mode);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (pair.client), 4);
  l_io_device_write (L_IO_DEVICE (pair.peer), "hello world", 11, NULL);
  l_socket_flush (pair.peer);
  turn_all ();
  g_assert_cmpint (l_socket_get_state (pair.client), ==, L_SOCKET_STATE_CONNECTED);

  l_socket_abort (pair.peer);
  if (row->in_wait)
    g_assert_true (l_socket_wait_for_disconnected (pair.client, 5000));
  else
    turn_until (is_unconnected, pair.client);
  g_assert_cmpint (l_socket_get_error (pair.client), ==, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (pair.client)), ==,
                    row->mode == L_OPEN_MODE_WRITE_ONLY ? 0 : 11);
  pair_clear (&pair);
  l_system = real;
}

static void
on_told (gpointer user_data)
{
  g_atomic_int_inc ((int *) user_data);
}

/* The system's pool may still see the end of one operation when the next is under way, and is told to wait again. */
static void
test_told_early (void)
{
  LOverlapped operation = { 0 };
  LPOVERLAPPED overlapped;
  int n_told = 0;
  DWORD count;

  g_assert_true (l_overlapped_init (&operation, on_told, &n_told));
  g_assert_true (l_overlapped_attach (&operation, NULL));
  overlapped = l_overlapped_begin (&operation);
  overlapped->Internal = STATUS_PENDING;
  SetLastError (ERROR_IO_PENDING);
  g_assert_cmpuint (l_overlapped_begun (&operation, FALSE), ==, ERROR_IO_PENDING);

  SetEvent (overlapped->hEvent);
  while (g_atomic_int_get (&n_told) < 1)
    g_thread_yield ();
  ResetEvent (overlapped->hEvent);
  g_assert_cmpuint (l_overlapped_query (&operation, NULL, &count), ==, ERROR_IO_PENDING);

  overlapped->Internal = 0;
  SetEvent (overlapped->hEvent);
  while (g_atomic_int_get (&n_told) < 2)
    g_thread_yield ();
  g_assert_cmpuint (l_overlapped_query (&operation, NULL, &count), ==, ERROR_SUCCESS);

  l_overlapped_cancel (&operation, NULL);
  l_overlapped_clear (&operation);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/win32/listen/first-instance", test_first_instance);
  g_test_add_func ("/win32/listen/replacement", test_replacement);
  for (guint i = 0; i < G_N_ELEMENTS (rights); i++)
    {
      g_autofree char *path = g_strdup_printf ("/win32/connect/rights/%u", rights[i].mode);

      g_test_add_data_func (path, &rights[i], test_client_rights);
    }
  for (guint i = 0; i < G_N_ELEMENTS (accesses); i++)
    {
      g_autofree char *path = g_strdup_printf ("/win32/listen/access/%u", accesses[i].options);

      g_test_add_data_func (path, &accesses[i], test_access);
    }
  g_test_add_func ("/win32/listen/access/read-back", test_access_read_back);
  g_test_add_func ("/win32/listen/in-use", test_in_use);
  g_test_add_func ("/win32/listen/first-instance-refused", test_first_instance_refused);
  g_test_add_func ("/win32/no-pipe", test_no_pipe);
  g_test_add_func ("/win32/unsupported", test_unsupported);
  g_test_add_func ("/win32/faults", test_faults);
  g_test_add_func ("/win32/lost-drops-server", test_lost_drops_server);
  g_test_add_func ("/win32/handles", test_handles);
  g_test_add_func ("/win32/idle-crowd", test_idle_crowd);
  g_test_add_func ("/win32/abandoned/read", test_abandoned_read);
  g_test_add_func ("/win32/abandoned/read-in-wait", test_abandoned_read_in_wait);
  g_test_add_func ("/win32/abandoned/connect", test_abandoned_connect);
  g_test_add_func ("/win32/abandoned/write", test_abandoned_write);
  g_test_add_func ("/win32/write-after-smaller", test_write_after_smaller);
  g_test_add_func ("/win32/write-after-close-elsewhere", test_write_after_close_elsewhere);
  g_test_add_func ("/win32/listen/unknown-user", test_listen_unknown_user);
  g_test_add_func ("/win32/adopted-write-only", test_adopted_write_only);
  g_test_add_func ("/win32/listen/refused", test_listen_refused);
  g_test_add_func ("/win32/listen/not-inherited", test_listen_not_inherited);
  for (guint i = 0; i < G_N_ELEMENTS (made_to_listen); i++)
    g_test_add_data_func (made_to_listen[i].path, &made_to_listen[i], test_listen_mode);
  for (guint i = 0; i < G_N_ELEMENTS (made); i++)
    g_test_add_data_func (made[i].path, &made[i], test_adopted_mode);
  g_test_add_func ("/win32/write-bound", test_write_bound);
  g_test_add_func ("/win32/flush/async", test_flush_async);
  g_test_add_func ("/win32/flush/sync", test_flush_sync);
  g_test_add_func ("/win32/foreign-port", test_foreign_port);
  g_test_add_func ("/win32/adopted-again", test_adopted_again);
  for (guint i = 0; i < G_N_ELEMENTS (client_cases); i++)
    g_test_add_data_func (client_cases[i].path, &client_cases[i], test_policy_client);
  for (guint i = 0; i < G_N_ELEMENTS (server_cases); i++)
    g_test_add_data_func (server_cases[i].path, &server_cases[i], test_policy_server);
  for (guint i = 0; i < G_N_ELEMENTS (hang_ups); i++)
    g_test_add_data_func (hang_ups[i].path, &hang_ups[i], test_hang_up);
  g_test_add_func ("/win32/told-early", test_told_early);

  return g_test_run ();
}
