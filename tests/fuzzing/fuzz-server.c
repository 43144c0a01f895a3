/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <unistd.h>

/* Servers: what a program sets and calls, what its handlers do, who connects and what others do to the names, in any order,
 * followed by the model in fuzz-server-model.c.
 *
 * The input: operations of three bytes, an opcode with the number of a server, and two numbers. One that says what a handler
 * does is followed by what that is. */

#define MAX_OPERATIONS 200
#define MAX_HANDLED    40   /* by handlers, in one case */
#define MAX_DEPTH      3
#define MAX_PAUSES     2    /* each takes milliseconds */
#define N_SERVERS      3
#define N_CANCELLABLES 4
#define PATIENCE       (10 * G_TIME_SPAN_SECOND)

typedef struct
{
  FuzzOperation operation;
  guint         n_left;     /* how often */
} Handler;

static FuzzServer   *current[N_SERVERS];           /* (unowned) (nullable) */
static GCancellable *cancellables[N_CANCELLABLES]; /* (owned) (nullable) */
static Handler       handlers[sizeof FUZZ_LETTERS - 1];
static guint         n_handled;
static guint         n_pauses;
static guint         depth;
static gboolean      is_ending;
static gboolean      is_quiet;

static void run_operation (FuzzServer   *self,
                           FuzzOperation operation);

static void
on_event (FuzzServer *server,
          char        letter)
{
  Handler *handler = &handlers[strchr (FUZZ_LETTERS, letter) - FUZZ_LETTERS];

  if (fuzz_is_verbose)
    g_printerr ("%*s%c\n", 2 * (int) depth + 4, "", letter);

  if (handler->n_left == 0 || depth >= MAX_DEPTH || n_handled >= MAX_HANDLED || is_ending)
    return;

  handler->n_left--;
  n_handled++;
  depth++;
  run_operation (server, handler->operation);
  depth--;
}

/* Listening */

void
fuzz_server_check_listen (gboolean      done,
                          const GError *error,
                          LSocketError  expected)
{
  if (expected == L_SOCKET_ERROR_UNKNOWN)
    g_assert_no_error (error);
  else
    g_assert_error (error, L_SOCKET_ERROR, (int) expected);
  g_assert_cmpint (done, ==, expected == L_SOCKET_ERROR_UNKNOWN);
  fuzz_places_check ();
}

/* Where the options have it. */
static guint
get_plain_place (LServerOptions options,
                 guint8         number)
{
  if ((options & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) != 0)
    return FUZZ_N_PATHS + number % 2;

  return ((options & L_SERVER_OPTIONS_TEMP_DIRECTORY) != 0 ? 2 : 0) + number % 2;
}

static void
listen_at (FuzzServer *self,
           guint       place,
           const char *name)
{
  LSocketError expected = fuzz_server_expect_listen (self, place, name);
  g_autoptr(GError) error = NULL;
  gboolean done;

  done = l_server_listen (self->server, name, &error);
  fuzz_server_check_listen (done, error, expected);
}

static void
listen_at_address (FuzzServer *self,
                   guint       place)
{
  const char *name = fuzz_place_get_name (place);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new_with_type (
    name, -1, fuzz_place_is_path (place) ? G_UNIX_SOCKET_ADDRESS_PATH : G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  LSocketError expected = fuzz_server_expect_listen (self, place, NULL);
  g_autoptr(GError) error = NULL;
  gboolean done;

  done = l_server_listen_address (self->server, address, &error);
  fuzz_server_check_listen (done, error, expected);
}

static void
listen_at_nothing (FuzzServer *self,
                   guint       number)
{
  g_autofree char *name = g_strnfill (number % 2 * 200, 'x');
  LSocketError expected = self->is_listening ? L_SOCKET_ERROR_OPERATION : L_SOCKET_ERROR_SERVER_NOT_FOUND;
  g_autoptr(GError) error = NULL;
  gboolean done;

  self->error = expected;
  done = l_server_listen (self->server, name, &error);
  fuzz_server_check_listen (done, error, expected);
}

static void
listen_somewhere (FuzzServer *self,
                  guint8      number,
                  guint8      size)
{
  guint place = number % (FUZZ_VIA_LINK + 2);

  switch (size % 8)
    {
    case 0:
      listen_at_nothing (self, number);
      break;
    case 1:
    case 2:
      listen_at_address (self, place);
      break;
    case 3:
      if (fuzz_place_is_path (place) && (self->options & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) == 0)
        listen_at (self, place, fuzz_place_get_name (place));
      break;
    default:
      place = get_plain_place (self->options, number);
      listen_at (self, place, fuzz_place_get_base (place));
      break;
    }
}

static void
adopt (FuzzServer *self,
       guint8      number)
{
  FuzzNode *node = NULL;
  int fd = fuzz_holders_take (number, &node);
  g_autoptr(GError) error = NULL;
  gboolean done;
  LSocketError expected;

  if (fd < 0)
    fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  expected = fuzz_server_expect_adopt (self, node, NULL);
  done = l_server_listen_descriptor (self->server, fd, &error);
  fuzz_server_check_listen (done, error, expected);
  if (expected == L_SOCKET_ERROR_UNKNOWN)
    return;

  /* It is still ours. */
  if (node != NULL)
    fuzz_holders_add (fd, node);
  else
    close (fd);
}

static void
duplicate (FuzzServer *self)
{
  if (!self->is_listening)
    return;

  self->node->n_open++;
  fuzz_holders_add (fcntl ((int) l_server_get_socket_descriptor (self->server), F_DUPFD_CLOEXEC, 0), self->node);
}

static void
listen_with (FuzzServer *self,
             guint8      number,
             guint8      size)
{
  static const char * const names[] = { NULL, "a", "b", "unknown", "" };

  switch (size % 4)
    {
    case 0:
      adopt (self, number);
      break;
    case 1:
      duplicate (self);
      break;
    case 2:
      fuzz_activation_prepare (number, size);
      break;
    default:
      fuzz_server_activate (self, names[number % G_N_ELEMENTS (names)]);
      break;
    }
}

static void
close_server (FuzzServer *self)
{
  fuzz_server_expect_close (self);
  l_server_close (self->server);
  fuzz_places_check ();
}

static void
drop_server (FuzzServer *self)
{
  if (!self->is_owned)
    return;

  self->is_owned = FALSE;
  g_object_unref (self->server);
  fuzz_places_check ();
}

static void
remove_name (guint8 number,
             guint8 size)
{
  LServerOptions options = size % 3 == 0   ? L_SERVER_OPTIONS_NONE
                           : size % 3 == 1 ? L_SERVER_OPTIONS_TEMP_DIRECTORY
                                           : L_SERVER_OPTIONS_ABSTRACT_NAMESPACE;
  guint place = get_plain_place (options, number);
  FuzzNode *node = fuzz_place_get (place);
  gboolean is_used = node != NULL && (node->n_open > 0 || node->kind == FUZZ_NODE_FILE || node->kind == FUZZ_NODE_LINK);
  g_autoptr(GError) error = NULL;
  gboolean done;

  if (!is_used)
    fuzz_place_set (place, NULL);
  done = l_server_remove (fuzz_place_get_base (place), options, &error);
  fuzz_server_check_listen (done, error, is_used ? L_SOCKET_ERROR_ADDRESS_IN_USE : L_SOCKET_ERROR_UNKNOWN);
}

/* Settings */

static int
get_limit (guint8 size)
{
  return size < 8 ? (int) size - 1 : 0;
}

static int
get_timeout (guint8 size)
{
  static const int timeouts[] = { 0, 1, 60000 };

  return timeouts[size % G_N_ELEMENTS (timeouts)];
}

static void
set_fixed (FuzzServer *self,
           guint8      number,
           guint8      size)
{
  LPeerPolicy policy = size % 3;
  LServerOptions options = size & 0x1f;

  fuzz_warnings_expected = self->is_listening;
  if (number % 2 == 0)
    {
      self->policy = self->is_listening ? self->policy : policy;
      l_server_set_peer_policy (self->server, policy);
    }
  else
    {
      self->options = self->is_listening ? self->options : options;
      l_server_set_options (self->server, options);
    }
  fuzz_warnings_expected = FALSE;
}

static void
set (FuzzServer *self,
     guint8      number,
     guint8      size)
{
  switch (number % 10)
    {
    case 0:
      self->max_pending = (int) (size % 8) - 1;
      l_server_set_max_pending_connections (self->server, self->max_pending);
      break;
    case 1:
      self->max_connections = get_limit (size);
      if (self->max_connections > 0)
        fuzz_server_begin_counting (self);
      l_server_set_max_connections (self->server, self->max_connections);
      break;
    case 2:
      self->max_per_user = get_limit (size);
      if (self->max_per_user > 0)
        fuzz_server_begin_counting (self);
      l_server_set_max_connections_per_user (self->server, self->max_per_user);
      break;
    case 3:
      self->handshake_timeout = get_timeout (size);
      l_server_set_handshake_timeout (self->server, self->handshake_timeout);
      break;
    case 4:
      self->idle_timeout = get_timeout (size);
      l_server_set_idle_timeout (self->server, self->idle_timeout);
      break;
    case 5:
      self->backlog = size % 4;
      l_server_set_listen_backlog (self->server, self->backlog);
      break;
    case 6:
      self->unlinks = size % 2;
      l_server_set_unlink_on_close (self->server, self->unlinks);
      break;
    case 7:
      self->incoming = size % 4;
      break;
    default:
      set_fixed (self, number, size);
      break;
    }
}

/* Connections */

static FuzzClient *
get_client (guint8 number)
{
  return fuzz_clients->len > 0 ? fuzz_clients->pdata[fuzz_clients->len - 1 - number % fuzz_clients->len] : NULL;
}

static void
act_as_client (guint8 number,
               guint8 size)
{
  FuzzClient *client = get_client (number);

  if (client == NULL)
    return;
  if (size % 2 == 0)
    fuzz_client_send (client, size);
  else
    fuzz_client_leave (client);
}

/* What the subclass has kept, or what was taken before, goes to its server. */
static void
add (FuzzClient *client)
{
  gboolean is_taken = client->state == FUZZ_CLIENT_TAKEN && client->socket != NULL && client->n_expected == 0;

  if ((is_taken || client->state == FUZZ_CLIENT_KEPT) && client->server->is_owned)
    fuzz_server_add (client->server, client);
}

static void
act_on_connection (guint8 number,
                   guint8 size)
{
  FuzzClient *client = get_client (number);

  if (client == NULL)
    return;
  if (size % 8 == 7)
    add (client);
  else if (client->state == FUZZ_CLIENT_TAKEN && client->socket != NULL)
    fuzz_client_treat (client, size);
}

static GCancellable *
get_cancellable (guint8 number)
{
  GCancellable **slot = &cancellables[number % N_CANCELLABLES];

  if (number < 128)
    return NULL;

  if (*slot == NULL)
    *slot = g_cancellable_new ();
  return *slot;
}

static void
cancel (guint8 number)
{
  GCancellable **slot = &cancellables[number % N_CANCELLABLES];
  g_autoptr(GCancellable) cancellable = *slot != NULL ? g_object_ref (*slot) : NULL;

  if (cancellable == NULL)
    return;
  if (g_cancellable_is_cancelled (cancellable))
    g_clear_object (slot);
  else
    g_cancellable_cancel (cancellable);
}

/* Time */

static gboolean
is_settled (void)
{
  for (guint i = 0; i < fuzz_servers->len; i++)
    if (fuzz_server_is_late (fuzz_servers->pdata[i]))
      return FALSE;

  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      if (client->state == FUZZ_CLIENT_TAKEN && (client->has_handshake || client->is_idle) && !fuzz_client_has_ended (client))
        return FALSE;
    }
  return TRUE;
}

/* What was put off comes, and what is late ends. */
static void
pass_time (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  if (n_pauses++ >= MAX_PAUSES)
    return;

  while (!is_settled ())
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (!g_main_context_iteration (fuzz_context, FALSE))
        g_usleep (100);
    }
}

static void
turn (guint8 number)
{
  if (number % 8 == 0)
    {
      g_main_context_iteration (fuzz_context, FALSE);
      return;
    }

  if (number % 8 == 1 && depth == 0)
    pass_time ();
  fuzz_turn_all ();
  is_quiet = depth == 0;
}

/* The input */

static void
set_handler (guint8 number)
{
  Handler *handler = &handlers[number % G_N_ELEMENTS (handlers)];

  handler->n_left = 1 + number / 64;
  handler->operation = fuzz_read_operation ();
}

static FuzzServer *
get_server (guint8 code)
{
  FuzzServer **server = &current[(code >> 4) % N_SERVERS];

  if (*server == NULL || !(*server)->is_owned)
    {
      *server = fuzz_server_new ();
      g_ptr_array_add (fuzz_servers, *server);
    }
  return *server;
}

static void
run_operation (FuzzServer   *self,
               FuzzOperation operation)
{
  static const char * const names[] = {
    "listen", "connect", "connect", "turn", "take", "accept", "wait", "set", "client", "connection", "listen-with", "place",
    "close-drop-remove", "cancel-show", "fail-or-refuse", "set-handler",
  };
  guint8 number = operation.number;
  guint8 size = operation.size;

  if (fuzz_is_verbose)
    g_printerr ("%*s%s %u %u\n", 2 * (int) depth, "", names[operation.code % 16], number, size);

  if (!self->is_owned)
    return;

  switch (operation.code % 16)
    {
    case 0:
      listen_somewhere (self, number, size);
      break;
    case 1:
      if (self->is_listening)
        fuzz_client_connect (fuzz_place_resolve (self->place), number % 4 == 3, size);
      break;
    case 2:
      fuzz_client_connect (number % FUZZ_N_PLACES, number >= 192, size);
      break;
    case 3:
      turn (number);
      break;
    case 4:
      fuzz_server_take (self, size);
      break;
    case 5:
      fuzz_server_accept (self, get_cancellable (number), size);
      break;
    case 6:
      fuzz_server_wait (self);
      break;
    case 7:
      set (self, number, size);
      break;
    case 8:
      act_as_client (number, size);
      break;
    case 9:
      act_on_connection (number, size);
      break;
    case 10:
      listen_with (self, number, size);
      break;
    case 11:
      if (number % 8 < FUZZ_N_PLACES)
        fuzz_place_spoil (number % 8, size);
      else if (number % 8 == 6)
        fuzz_places_turn_link ();
      else
        fuzz_holders_drop (size);
      break;
    case 12:
      if (number % 4 < 2)
        close_server (self);
      else if (number % 4 == 2)
        drop_server (self);
      else
        remove_name (number / 4, size);
      break;
    case 13:
      if (number % 4 == 0)
        fuzz_server_show (self);
      else
        cancel (number);
      break;
    case 14:
      if (number % 2 == 0)
        fuzz_servers_fail_accepts (1 + size % 2, number % 4 == 0 ? EMFILE : ECONNABORTED);
      else
        self->n_refusals = size % 4;
      break;
    default:
      if (depth == 0)
        set_handler (number);
      break;
    }
}

static void
check_all (void)
{
  fuzz_places_check ();
  for (guint i = 0; i < fuzz_servers->len; i++)
    fuzz_server_check (fuzz_servers->pdata[i], is_quiet);
  for (guint i = 0; i < fuzz_clients->len; i++)
    fuzz_client_check (fuzz_clients->pdata[i], is_quiet);
  is_quiet = FALSE;
}

/* The end: everything that was queued, taken and kept goes, and nothing of it is left. */

static void
end_connections (void)
{
  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      if (client->kept_fd >= 0)
        close (client->kept_fd);
      client->kept_fd = -1;
      fuzz_client_leave (client);
    }
  fuzz_turn_all ();

  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      if (!client->is_owned)
        continue;
      g_assert_cmpint (l_socket_get_state (client->socket), ==, L_SOCKET_STATE_UNCONNECTED);
      client->is_owned = FALSE;
      g_object_unref (client->socket);
    }
}

static void
end_case (void)
{
  is_ending = TRUE;
  fuzz_servers_fail_accepts (0, 0);
  fuzz_turn_all ();
  is_quiet = TRUE;
  check_all ();

  for (guint i = 0; i < fuzz_servers->len; i++)
    {
      FuzzServer *server = fuzz_servers->pdata[i];

      /* One that was dropped lives as long as an accept waits. */
      if (server->server != NULL)
        close_server (server);
    }
  for (guint i = 0; i < N_CANCELLABLES; i++)
    {
      if (cancellables[i] != NULL)
        g_cancellable_cancel (cancellables[i]);
      g_clear_object (&cancellables[i]);
    }
  fuzz_turn_all ();
  check_all ();
  g_assert_cmpuint (fuzz_n_accepts, ==, 0);

  /* One that does not listen has nothing to close, and keeps what is queued. */
  for (guint i = 0; i < fuzz_servers->len; i++)
    drop_server (fuzz_servers->pdata[i]);
  end_connections ();
  fuzz_turn_all ();
  fuzz_activation_clear ();
  fuzz_holders_clear ();
  fuzz_places_clear ();
  fuzz_clients_clear ();
  g_ptr_array_set_size (fuzz_servers, 0);
}

static void
run_case (void)
{
  memset (handlers, 0, sizeof handlers);
  memset (current, 0, sizeof current);
  n_handled = n_pauses = 0;
  is_ending = is_quiet = FALSE;

  for (guint i = 0; i < MAX_OPERATIONS && fuzz_input.left > 0; i++)
    {
      FuzzOperation operation = fuzz_read_operation ();

      run_operation (get_server (operation.code), operation);
      check_all ();
    }
  end_case ();
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  static const char * const names[] = { "d", "t", NULL };

  fuzz_activation_init ();
  fuzz_places_init (fuzz_case_init (names));
  fuzz_clients_init ();
  fuzz_servers_init (on_event);
  fuzz_case_run (NULL, 0, run_case);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  fuzz_case_run (data, size, run_case);
  return 0;
}
