/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What test-faults does with the system calls of Unix: each call of the table fails, the k-th time that it is made in a
 * conversation, with each error that it may give, for every k. Whatever fails: nothing crashes or hangs, each socket
 * reports one error at most and ends unconnected, no handle is left, and the objects can be used again. */

#include "config.h"

#include "lsocket/l-server.h"
#include "lsocket/l-socket.h"
#include "lsocket/l-system-win32-private.h"

#include <string.h>

#define CALLS(X) \
  X (create_file) X (create_named_pipe) X (wait_named_pipe) X (connect_named_pipe) X (peek_named_pipe) X (read_file) \
  X (write_file) X (get_result) X (cancel) X (bind) X (close_handle) X (get_file_type) X (get_pipe_info) \
  X (get_pipe_state) X (get_pipe_mode) X (set_pipe_mode) X (is_overlapped) X (set_inheritable) X (get_client_pid) X (get_server_pid) X (open_process) \
  X (open_process_token) X (create_event) X (wait)

typedef enum
{
#define X(name) CALL_##name,
  CALLS (X)
#undef X
  N_CALLS,
} Call;

static const char * const call_names[] = {
#define X(name) #name,
  CALLS (X)
#undef X
};

/* What each may say, 0 at the end. */
static const DWORD call_errors[N_CALLS][6] = {
  [CALL_create_file] = { ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY, ERROR_ACCESS_DENIED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_create_named_pipe] = { ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY },
  [CALL_wait_named_pipe] = { ERROR_FILE_NOT_FOUND, ERROR_SEM_TIMEOUT },
  [CALL_connect_named_pipe] = { ERROR_NO_DATA, ERROR_BROKEN_PIPE, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_peek_named_pipe] = { ERROR_BROKEN_PIPE, ERROR_PIPE_NOT_CONNECTED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_read_file] = { ERROR_BROKEN_PIPE, ERROR_PIPE_NOT_CONNECTED, ERROR_OPERATION_ABORTED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_write_file] = { ERROR_NO_DATA, ERROR_BROKEN_PIPE, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY },
  [CALL_get_result] = { ERROR_BROKEN_PIPE, ERROR_OPERATION_ABORTED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_cancel] = { ERROR_NOT_FOUND },
  [CALL_bind] = { ERROR_INVALID_PARAMETER, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_close_handle] = { ERROR_INVALID_HANDLE },
  [CALL_get_file_type] = { ERROR_INVALID_HANDLE },
  [CALL_get_pipe_info] = { ERROR_ACCESS_DENIED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_get_pipe_state] = { ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE },
  [CALL_get_pipe_mode] = { ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE },
  [CALL_set_pipe_mode] = { ERROR_ACCESS_DENIED, ERROR_PIPE_NOT_CONNECTED },
  [CALL_is_overlapped] = { ERROR_ACCESS_DENIED },
  [CALL_set_inheritable] = { ERROR_ACCESS_DENIED },
  [CALL_get_client_pid] = { ERROR_NOT_SUPPORTED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_get_server_pid] = { ERROR_NOT_SUPPORTED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_open_process] = { ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER },
  [CALL_open_process_token] = { ERROR_ACCESS_DENIED, ERROR_NO_SYSTEM_RESOURCES },
  [CALL_create_event] = { ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY },
  [CALL_wait] = { ERROR_NO_SYSTEM_RESOURCES },
};

static LSystem real;

static struct
{
  gboolean armed;
  gboolean is_over; /* what follows is neither counted nor disturbed */
  Call     call;  /* N_CALLS: none */
  guint    k;     /* from 1 */
  DWORD    code;
  gboolean hit;
  int      counts[N_CALLS]; /* (atomic): a few calls are made by the system's pool */
  int      n_handles;       /* (atomic): open */
} fake;

static gboolean
fails (Call call)
{
  if (!fake.armed)
    return FALSE;

  if (g_atomic_int_add (&fake.counts[call], 1) + 1 != (int) fake.k || call != fake.call)
    return FALSE;

  fake.hit = TRUE;
  SetLastError (fake.code);
  return TRUE;
}

static HANDLE
count_handle (HANDLE handle)
{
  if (handle != NULL && handle != INVALID_HANDLE_VALUE)
    g_atomic_int_inc (&fake.n_handles);

  return handle;
}

#define FAKE(type, failed, name, parameters, arguments) \
  static type fake_##name parameters                    \
  {                                                     \
    if (fails (CALL_##name))                            \
      return failed;                                    \
    return real.name arguments;                         \
  }

FAKE (BOOL, FALSE, wait_named_pipe, (LPCWSTR name, DWORD timeout), (name, timeout))
FAKE (BOOL, FALSE, connect_named_pipe, (HANDLE handle, LPOVERLAPPED overlapped), (handle, overlapped))
FAKE (BOOL, FALSE, peek_named_pipe, (HANDLE handle, LPDWORD n_available), (handle, n_available))
FAKE (BOOL, FALSE, read_file, (HANDLE handle, LPVOID buffer, DWORD count, LPOVERLAPPED overlapped),
      (handle, buffer, count, overlapped))
FAKE (BOOL, FALSE, write_file, (HANDLE handle, LPCVOID buffer, DWORD count, LPOVERLAPPED overlapped),
      (handle, buffer, count, overlapped))
FAKE (BOOL, FALSE, bind, (HANDLE handle, LPOVERLAPPED_COMPLETION_ROUTINE routine), (handle, routine))
FAKE (DWORD, FILE_TYPE_UNKNOWN, get_file_type, (HANDLE handle), (handle))
FAKE (BOOL, FALSE, get_pipe_info, (HANDLE handle, LPDWORD flags), (handle, flags))
FAKE (BOOL, FALSE, get_pipe_state, (HANDLE handle, LPDWORD state), (handle, state))
FAKE (BOOL, FALSE, get_pipe_mode, (HANDLE handle, LPDWORD mode), (handle, mode))
FAKE (BOOL, FALSE, set_pipe_mode, (HANDLE handle, DWORD mode), (handle, mode))
FAKE (BOOL, FALSE, is_overlapped, (HANDLE handle), (handle))
FAKE (BOOL, FALSE, set_inheritable, (HANDLE handle, BOOL inheritable), (handle, inheritable))
FAKE (BOOL, FALSE, get_client_pid, (HANDLE handle, PULONG pid), (handle, pid))
FAKE (BOOL, FALSE, get_server_pid, (HANDLE handle, PULONG pid), (handle, pid))
FAKE (HANDLE, NULL, open_process, (DWORD access, BOOL inheritable, DWORD pid), (access, inheritable, pid))
FAKE (BOOL, FALSE, open_process_token, (HANDLE process, DWORD access, PHANDLE token), (process, access, token))
FAKE (DWORD, WAIT_FAILED, wait, (DWORD n_handles, const HANDLE *handles, DWORD msecs), (n_handles, handles, msecs))

static HANDLE
fake_create_file (LPCWSTR               name,
                  DWORD                 access,
                  DWORD                 share,
                  LPSECURITY_ATTRIBUTES security,
                  DWORD                 disposition,
                  DWORD                 flags)
{
  if (fails (CALL_create_file))
    return INVALID_HANDLE_VALUE;

  return count_handle (real.create_file (name, access, share, security, disposition, flags));
}

static HANDLE
fake_create_named_pipe (LPCWSTR               name,
                        DWORD                 open_mode,
                        DWORD                 pipe_mode,
                        DWORD                 max_instances,
                        DWORD                 out_size,
                        DWORD                 in_size,
                        DWORD                 timeout,
                        LPSECURITY_ATTRIBUTES security)
{
  if (fails (CALL_create_named_pipe))
    return INVALID_HANDLE_VALUE;

  return count_handle (real.create_named_pipe (name, open_mode, pipe_mode, max_instances, out_size, in_size, timeout,
                                               security));
}

static HANDLE
fake_create_event (void)
{
  return fails (CALL_create_event) ? NULL : count_handle (real.create_event ());
}

/* What is done is done, whatever is said of it; and of what is not nothing else can be said. */
static BOOL
fake_get_result (HANDLE       handle,
                 LPOVERLAPPED overlapped,
                 LPDWORD      count,
                 BOOL         wait)
{
  BOOL done = real.get_result (handle, overlapped, count, wait);

  if (!done)
    return FALSE;

  return !fails (CALL_get_result);
}

/* There is nothing left to cancel. */
static BOOL
fake_cancel (HANDLE       handle,
             LPOVERLAPPED overlapped)
{
  BOOL done = real.cancel (handle, overlapped);
  DWORD code = GetLastError ();

  if (fails (CALL_cancel))
    return FALSE;

  SetLastError (code);
  return done;
}

static BOOL
fake_close_handle (HANDLE handle)
{
  g_assert_true (real.close_handle (handle));
  (void) g_atomic_int_dec_and_test (&fake.n_handles);

  return !fails (CALL_close_handle);
}

static void
arm (void)
{
  fake.armed = !fake.is_over;
}

static void
install_fakes (void)
{
  real = l_system;
#define X(name) l_system.name = fake_##name;
  CALLS (X)
#undef X
  fake.call = N_CALLS;
}

/* A conversation */

typedef struct
{
  LServer *server;
  LSocket *client;
  LSocket *peer;
  guint    n_errors;
  gboolean is_done; /* it went as it should */
} Talk;

static char *name;

/* One lives as long as one of its connections does, also when the server has gone. */
static void
choose_name (void)
{
  static guint n_names;

  g_free (name);
  name = g_strdup_printf ("lsocket-faults-%lu-%u", GetCurrentProcessId (), ++n_names);
}

static const char *
get_fault (void)
{
  static char text[128];

  g_snprintf (text, sizeof text, "%s call %u: error %lu", fake.call < N_CALLS ? call_names[fake.call] : "no", fake.k,
              fake.code);
  return text;
}

static gboolean
wake_up (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

#define TURN_UNTIL(expression)                                                                         \
  G_STMT_START                                                                                         \
    {                                                                                                  \
      gint64 turn_deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;                        \
      while (!(expression))                                                                            \
        {                                                                                              \
          if (g_get_monotonic_time () > turn_deadline)                                                 \
            g_error ("%s:%d: never became true: %s (%s)", __FILE__, __LINE__, #expression, get_fault ()); \
          g_main_context_iteration (NULL, TRUE);                                                       \
        }                                                                                              \
    }                                                                                                  \
  G_STMT_END

static gboolean
is_unconnected (LSocket *socket)
{
  return socket == NULL || l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

static gboolean
is_over (Talk *talk)
{
  return is_unconnected (talk->client) || (talk->peer != NULL && is_unconnected (talk->peer));
}

static void
on_error (LSocket      *socket,
          LSocketError  code,
          Talk         *talk)
{
  g_assert_nonnull (l_io_device_get_error_string (L_IO_DEVICE (socket)));
  g_assert_cmpint (l_socket_get_error (socket), ==, code);
  if (!fake.hit && code != L_SOCKET_ERROR_PEER_CLOSED)
    g_error ("error %d without a fault (%s)", code, get_fault ());
  talk->n_errors++;
}

static gboolean
listen_new (Talk *talk)
{
  g_autoptr(GError) error = NULL;
  gboolean is_listening;

  choose_name ();
  is_listening = l_server_listen (talk->server, name, &error);
  g_assert_cmpint (l_server_is_listening (talk->server), ==, is_listening);
  if (!is_listening)
    {
      g_assert_true (fake.hit);
      g_assert_true (error->domain == L_SOCKET_ERROR);
    }

  return is_listening;
}

static void
hang_up (Talk *talk)
{
  l_socket_disconnect_from_server (talk->client);
  TURN_UNTIL (is_unconnected (talk->client) && is_unconnected (talk->peer));
}

static gboolean
take (Talk *talk)
{
  TURN_UNTIL (l_server_has_pending_connections (talk->server) || is_unconnected (talk->client));
  talk->peer = l_server_next_pending_connection (talk->server);
  return talk->peer != NULL;
}

static void
say (LSocket    *socket,
     const char *text)
{
  l_io_device_write (L_IO_DEVICE (socket), text, strlen (text), NULL);
}

static gboolean
hear (Talk       *talk,
      LSocket    *socket,
      const char *text)
{
  g_autoptr(GBytes) bytes = NULL;

  TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) >= strlen (text) || is_over (talk));
  bytes = l_io_device_read_all (L_IO_DEVICE (socket), NULL);
  if (bytes == NULL || g_bytes_get_size (bytes) < strlen (text))
    return FALSE;

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
  return TRUE;
}

static void
echo (Talk *talk)
{
  say (talk->client, "hello");
  if (hear (talk, talk->peer, "hello"))
    {
      say (talk->peer, "there");
      talk->is_done = hear (talk, talk->client, "there");
    }
}

static void
converse_echo (Talk *talk)
{
  arm ();
  if (!listen_new (talk))
    return;

  l_socket_connect_to_server (talk->client, name, L_OPEN_MODE_READ_WRITE);
  TURN_UNTIL (l_socket_get_state (talk->client) != L_SOCKET_STATE_CONNECTING);
  if (!is_unconnected (talk->client) && take (talk))
    echo (talk);
  hang_up (talk);
}

/* All of it is there when the other end has closed. */
static void
converse_farewell (Talk *talk)
{
  const gsize size = 300000;
  g_autofree char *text = g_strnfill (size, 'x');
  gsize total = 0;

  if (!listen_new (talk))
    return;

  arm ();
  l_socket_connect_to_server (talk->client, name, L_OPEN_MODE_READ_WRITE);
  if (!is_unconnected (talk->client) && take (talk))
    {
      say (talk->peer, text);
      l_socket_disconnect_from_server (talk->peer);
      TURN_UNTIL (is_unconnected (talk->peer) && is_unconnected (talk->client));
      for (GBytes *bytes; (bytes = l_io_device_read_all (L_IO_DEVICE (talk->client), NULL)) != NULL; g_bytes_unref (bytes))
        total += g_bytes_get_size (bytes);
      talk->is_done = total == size;
    }
  hang_up (talk);
}

/* Both ends in one thread, without a loop. */
static void
converse_waits (Talk *talk)
{
  g_autoptr(GError) error = NULL;

  if (!listen_new (talk))
    return;

  arm ();
  l_socket_set_connect_timeout (talk->client, 2000);
  if (!l_socket_connect_to_server_sync (talk->client, name, L_OPEN_MODE_READ_WRITE, NULL, &error))
    return;

  if (l_server_wait_for_new_connection (talk->server, 2000, NULL))
    {
      /* It says so only when there is one. */
      talk->peer = l_server_next_pending_connection (talk->server);
      g_assert_nonnull (talk->peer);
      say (talk->client, "hello");
      l_io_device_wait_for_bytes_written (L_IO_DEVICE (talk->client), 2000);
      for (guint i = 0; i < 3 && !is_over (talk) && l_io_device_get_bytes_available (L_IO_DEVICE (talk->peer)) < 5; i++)
        l_io_device_wait_for_ready_read (L_IO_DEVICE (talk->peer), 2000);
      talk->is_done = l_io_device_get_bytes_available (L_IO_DEVICE (talk->peer)) == 5;
    }
  l_socket_disconnect_from_server (talk->client);
  for (guint i = 0; i < 3 && !is_unconnected (talk->client); i++)
    l_socket_wait_for_disconnected (talk->client, 2000);
  g_assert_true (is_unconnected (talk->client));
  TURN_UNTIL (is_unconnected (talk->peer));
}

static gboolean
on_authorize (LServer      *server,
              LCredentials *credentials,
              gpointer      unused)
{
  return l_credentials_is_same_user (credentials);
}

static void
converse_credentials (Talk *talk)
{
  gulong id = g_signal_connect (talk->server, "authorize", G_CALLBACK (on_authorize), NULL);

  l_server_set_peer_policy (talk->server, L_PEER_POLICY_SAME_USER);
  l_socket_set_peer_policy (talk->client, L_PEER_POLICY_SAME_USER);
  converse_echo (talk);
  l_server_close (talk->server);
  l_server_set_peer_policy (talk->server, L_PEER_POLICY_AUTO);
  l_socket_set_peer_policy (talk->client, L_PEER_POLICY_AUTO);
  g_signal_handler_disconnect (talk->server, id);
}

static void
converse_adopt (Talk *talk)
{
  g_autofree char *path = NULL;
  g_autofree WCHAR *native = NULL;
  g_autoptr(GError) error = NULL;
  HANDLE handle;

  if (!listen_new (talk))
    return;

  path = g_strconcat ("\\\\.\\pipe\\", name, NULL);
  native = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);
  handle = count_handle (CreateFileW (native, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                      FILE_FLAG_OVERLAPPED, NULL));
  arm ();
  if (l_socket_set_socket_descriptor (talk->client, (gintptr) handle, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE,
                                      &error))
    {
      if (take (talk))
        echo (talk);
      hang_up (talk);
    }
  else
    {
      /* Still the caller's. */
      g_assert_true (fake.hit);
      g_assert_true (error->domain == L_SOCKET_ERROR);
      fake.armed = FALSE;
      fake_close_handle (handle);
    }
}

static void
converse_remove (Talk *talk)
{
  g_autoptr(GError) error = NULL;

  if (!listen_new (talk))
    return;

  arm ();
  talk->is_done = !l_server_remove (name, L_SERVER_OPTIONS_NONE, &error);
}

static const struct
{
  const char *name;
  void     (* func) (Talk *talk);
} conversations[] = {
  { "echo", converse_echo },
  { "farewell", converse_farewell },
  { "waits", converse_waits },
  { "credentials", converse_credentials },
  { "adopt", converse_adopt },
  { "remove", converse_remove },
};

/* The objects that have been through it do what new ones do. */
static void
check_usable (Talk *talk)
{
  fake.call = N_CALLS;
  g_clear_object (&talk->peer);
  l_server_close (talk->server);
  talk->n_errors = 0;
  talk->is_done = FALSE;
  fake.hit = FALSE;
  fake.is_over = TRUE;
  converse_echo (talk);
  fake.is_over = FALSE;
  g_assert_true (talk->is_done);
  l_server_close (talk->server);
}

static gboolean
run (guint conversation)
{
  Talk talk = { .server = l_server_new (), .client = l_socket_new () };
  const DWORD code = fake.code;
  const Call call = fake.call;
  gboolean hit, is_done;

  memset (fake.counts, 0, sizeof fake.counts);
  fake.hit = FALSE;
  l_server_set_listen_backlog (talk.server, 2);
  g_signal_connect (talk.client, "error", G_CALLBACK (on_error), &talk);
  conversations[conversation].func (&talk);
  fake.armed = FALSE;
  g_assert_true (is_unconnected (talk.client));
  g_assert_true (is_unconnected (talk.peer));
  g_assert_cmpuint (talk.n_errors, <=, 1);
  hit = fake.hit;
  is_done = talk.is_done;

  check_usable (&talk);
  g_clear_object (&talk.peer);
  g_object_unref (talk.client);
  g_object_unref (talk.server);
  TURN_UNTIL (g_atomic_int_get (&fake.n_handles) == 0);
  fake.hit = hit;
  fake.call = call;
  fake.code = code;
  return is_done;
}

static guint n_all_points, n_all_codes;

static void
test_fault (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data), n_points = 0, n_codes = 0;
  Call call = number % N_CALLS;

  for (; n_codes < G_N_ELEMENTS (call_errors[call]) && call_errors[call][n_codes] != 0; n_codes++)
    for (guint k = 1; ; k++)
      {
        gboolean is_done;

        fake.call = call;
        fake.code = call_errors[call][n_codes];
        fake.k = k;
        is_done = run (number / N_CALLS);
        if (!fake.hit)
          {
            g_assert_true (is_done);
            break;
          }
        /* What is closed or cancelled is so whatever is said. */
        if (call == CALL_close_handle || call == CALL_cancel)
          g_assert_true (is_done);
        n_points++;
        g_assert_cmpuint (k, <, 500);
      }

  n_all_points += n_points;
  n_all_codes += n_codes;
  g_test_message ("%u errors, %u faults", n_codes, n_points);
}

/* The cases are what the conversations call. */
static void
add_cases (guint conversation)
{
  fake.call = N_CALLS;
  if (!run (conversation))
    g_error ("“%s” does not go as it should without any fault", conversations[conversation].name);

  for (guint call = 0; call < N_CALLS; call++)
    {
      g_autofree char *path = g_strdup_printf ("/faults-win32/%s/%s", conversations[conversation].name, call_names[call]);

      if (fake.counts[call] > 0)
        g_test_add_data_func (path, GUINT_TO_POINTER (conversation * N_CALLS + call), test_fault);
    }
}

int
main (int    argc,
      char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  g_timeout_add (20, wake_up, NULL);
  install_fakes ();
  for (guint i = 0; i < G_N_ELEMENTS (conversations); i++)
    add_cases (i);

  result = g_test_run ();
  g_test_message ("%u faults, with %u pairs of a call and an error in %u conversations", n_all_points, n_all_codes,
                  (guint) G_N_ELEMENTS (conversations));
  return result;
}
