/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-socket.h"

/* The rules, followed signal by signal: which may come after which, what the accessors say meanwhile, and which bytes must
 * have come. */

/* A session in which no handler did anything, signal by signal: an attempt that failed, or that was given up; a connection
 * that is under way, that the peer or that we are closing and close, or that was aborted. We are not told of what comes once
 * we close, but for what is there when the peer goes. */
#define BYTES "[rwo]*"
#define SESSION                                        \
  "^(?:g(?:e?u)?"                                      \
  "|(?:gck|c)" BYTES "(?:f" BYTES ")?"                 \
  "(?:a?[pe]l[rwoa]*[pe]?[rwoa]*(?:uf?da?)?"           \
  "|a?l[woa]*r*[pe]?[woa]*(?:uf?da?)?|uf?da)?)$"

/* What the library keeps of what comes while we close, without a limit of ours. */
#define MAX_DISREGARDED (64 * 1024)

static guint next_number = 1;
static GRegex *session;

static FuzzHandlerFunc handler_func;

static LIODevice *
get_device (FuzzSubject *self)
{
  return L_IO_DEVICE (self->socket);
}

guint64
fuzz_subject_get_arrived (FuzzSubject *self)
{
  return self->n_consumed + l_io_device_get_bytes_available (get_device (self));
}

static gboolean
has_letter (FuzzSubject *self,
            char         letter)
{
  return strchr (self->letters->str, letter) != NULL;
}

static gboolean
is_connection (LSocketState state)
{
  return state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING;
}

static gboolean
is_closed_by_us (FuzzSubject *self)
{
  const char *closing = strchr (self->letters->str, 'l');
  const char *error = strpbrk (self->letters->str, "pe");

  return closing != NULL && (error == NULL || closing < error);
}

/* What is true at any time that a program can look. */
static void
check_accessors (FuzzSubject *self)
{
  LIODevice *device = get_device (self);
  LSocketState state = l_socket_get_state (self->socket);
  gboolean is_connected = is_connection (state);

  g_assert_cmpint (l_socket_is_valid (self->socket), ==, is_connected);
  g_assert_cmpint (l_socket_get_socket_descriptor (self->socket) >= 0, ==, is_connected);
  if (!is_connected)
    {
      g_assert_null (l_socket_get_full_server_name (self->socket));
      g_assert_null (l_socket_get_address (self->socket));
      g_assert_false (l_io_device_is_writable (device));
    }
  if (state == L_SOCKET_STATE_UNCONNECTED)
    {
      g_assert_null (l_socket_get_server_name (self->socket));
      g_assert_cmpuint (l_io_device_get_bytes_to_write (device), ==, 0);
    }
  if (state == L_SOCKET_STATE_CONNECTING)
    g_assert_false (l_io_device_is_open (device));
  if (!l_io_device_is_open (device))
    {
      g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, 0);
      g_assert_false (l_io_device_is_transaction_started (device));
      g_assert_false (l_io_device_is_readable (device));
    }
  g_assert_cmpint (l_socket_get_error (self->socket) == L_SOCKET_ERROR_UNKNOWN, ==,
                   l_io_device_get_error_string (device) == NULL);
}

static void
check_bytes (FuzzSubject *self)
{
  FuzzLink *link = self->link;

  if (link == NULL)
    return;

  g_assert_cmpuint (self->n_told + l_io_device_get_bytes_to_write (get_device (self)), <=,
                    link->n_accepted - link->n_streamed);
  if (!self->is_unknown)
    g_assert_cmpuint (fuzz_subject_get_arrived (self), <=, link->n_to_us);
}

/* The session before is over, whatever was not read of it. */
static void
begin_session (FuzzSubject *self)
{
  g_assert_true (self->link == NULL || (has_letter (self, 'u') && has_letter (self, 'f')) || self->is_disturbed);
  g_assert_false (l_io_device_get_bytes_available (get_device (self)) > 0);

  self->number = next_number++;
  self->link = NULL;
  g_string_truncate (self->letters, 0);
  self->is_disturbed = self->is_unknown = self->is_cut = FALSE;
  self->n_accepted = self->n_consumed = self->n_arrived = self->n_told = self->transaction = 0;
  self->limit = G_MAXSIZE;
  fuzz_subject_limit_input (self);
  self->error = L_SOCKET_ERROR_UNKNOWN;
  g_assert_cmpint (l_socket_get_error (self->socket), ==, L_SOCKET_ERROR_UNKNOWN);
}

static void
begin_connection (FuzzSubject *self)
{
  if (self->adopted != NULL && l_socket_get_socket_descriptor (self->socket) == self->adopted_fd)
    self->link = g_steal_pointer (&self->adopted);
  else
    self->link = fuzz_peers_add_connected (self->number);

  /* What was sent to one that is being taken over came under another number. */
  if (self->link->n_to_us > 0 && self->link->number != self->number)
    self->is_unknown = TRUE;
  self->link->number = self->number;
  self->link->n_accepted = self->n_accepted;
  self->mode = l_io_device_get_open_mode (get_device (self));
  g_assert_cmpint (self->mode & L_OPEN_MODE_READ_WRITE, !=, 0);
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
    default:
      return from != L_SOCKET_STATE_UNCONNECTED;
    }
}

/* All that was accepted went, unless somebody dropped it, and was told, unless a handler that is being told of some runs the
 * loop; all that the peer sent before it went is there, if we were closing as far as is allowed. */
static void
check_ended (FuzzSubject *self)
{
  FuzzLink *link = self->link;
  guint64 n_kept;

  if (link == NULL)
    return;

  if (!link->is_dropped && !self->is_telling && !has_letter (self, 'p') && !has_letter (self, 'e'))
    g_assert_cmpuint (self->n_told, ==, link->n_accepted - link->n_streamed);
  if (has_letter (self, 'p') && link->is_over && !self->is_cut && !self->is_unknown && self->n_reads == 0 &&
      (self->mode & L_OPEN_MODE_READ_ONLY) != 0)
    {
      n_kept = is_closed_by_us (self) ? MIN (link->n_to_us, self->limit) : link->n_to_us;
      g_assert_cmpuint (fuzz_subject_get_arrived (self), >=, n_kept);
    }
}

static void
end_session (FuzzSubject *self)
{
  self->n_ends++;
  self->adopted = NULL;
  check_ended (self);
}

static void
change_state (FuzzSubject *self)
{
  LSocketState state = l_socket_get_state (self->socket);

  g_assert_true (self->is_notified);
  g_assert_true (is_transition (self->state, state));
  self->is_notified = FALSE;

  if (self->state == L_SOCKET_STATE_UNCONNECTED)
    begin_session (self);
  self->state = state;
  if (state == L_SOCKET_STATE_CONNECTED)
    begin_connection (self);
  if (state == L_SOCKET_STATE_UNCONNECTED)
    end_session (self);
}

static char
get_state_letter (LSocketState state)
{
  switch (state)
    {
    case L_SOCKET_STATE_CONNECTING:
      return 'g';
    case L_SOCKET_STATE_CONNECTED:
      return 'c';
    case L_SOCKET_STATE_CLOSING:
      return 'l';
    case L_SOCKET_STATE_UNCONNECTED:
    default:
      return 'u';
    }
}

/* Before the letter stands in the session. */
static void
check_event (FuzzSubject *self,
             char         letter)
{
  g_assert_false (self->is_notified);
  g_assert_cmpint (l_socket_get_state (self->socket), ==, self->state);

  switch (letter)
    {
    case 'k':
      g_assert_cmpint (self->state, ==, L_SOCKET_STATE_CONNECTED);
      g_assert_true (has_letter (self, 'g') && !has_letter (self, 'k'));
      break;
    case 'f':
      g_assert_true (has_letter (self, 'c') && !has_letter (self, 'f'));
      break;
    case 'd':
      g_assert_cmpint (self->state, ==, L_SOCKET_STATE_UNCONNECTED);
      g_assert_true (has_letter (self, 'u') && has_letter (self, 'f') && !has_letter (self, 'd'));
      break;
    case 'a':
      g_assert_true (has_letter (self, 'c') && !has_letter (self, 'a'));
      g_assert_true (l_io_device_is_open (get_device (self)));
      break;
    case 'r':
      g_assert_true ((self->mode & L_OPEN_MODE_READ_ONLY) != 0);
      g_assert_true (has_letter (self, 'c'));
      if (!self->is_unknown && self->n_reads == 0)
        g_assert_cmpuint (fuzz_subject_get_arrived (self), >, self->n_arrived);
      self->n_arrived = fuzz_subject_get_arrived (self);
      break;
    case 'p':
      g_assert_true (is_connection (self->state) && !has_letter (self, 'p'));
      break;
    case 'e':
      /* One a failure. */
      if (self->state == L_SOCKET_STATE_CONNECTING)
        g_assert_false (has_letter (self, 'e'));
      break;
    default:
      break;
    }
}

static void
record (FuzzSubject *self,
        char         letter)
{
  check_accessors (self);
  check_bytes (self);
  if (strchr ("gclu", letter) == NULL)
    check_event (self, letter);

  if (letter != 'x')
    g_string_append_c (self->letters, letter);
  handler_func (self, letter);
}

static void
on_notify_state (FuzzSubject *self)
{
  g_assert_false (self->is_notified);
  self->is_notified = TRUE;
  check_accessors (self);
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state,
                  FuzzSubject  *self)
{
  g_assert_cmpint (state, ==, l_socket_get_state (socket));
  change_state (self);
  record (self, get_state_letter (state));
}

static void
on_error (LSocket      *socket,
          LSocketError  error,
          FuzzSubject  *self)
{
  g_assert_cmpint (l_socket_get_error (socket), ==, error);
  self->error = error;
  if (error == L_SOCKET_ERROR_OPERATION)
    record (self, 'x');
  else if (self->state == L_SOCKET_STATE_UNCONNECTED)
    /* Of a descriptor that was not taken over. */
    record (self, 'x');
  else
    record (self, error == L_SOCKET_ERROR_PEER_CLOSED ? 'p' : 'e');
}

static void
on_bytes_written (LSocket     *socket,
                  guint64      count,
                  FuzzSubject *self)
{
  g_assert_cmpuint (count, >, 0);
  g_assert_false (self->is_telling);
  self->n_told += count;
  self->is_telling = TRUE;
  record (self, 'w');
  self->is_telling = FALSE;
}

#define DEFINE_HANDLER(name, letter)      \
  static void                             \
  on_##name (FuzzSubject *self)           \
  {                                       \
    record (self, letter);                \
  }

DEFINE_HANDLER (connected, 'k')
DEFINE_HANDLER (disconnected, 'd')
DEFINE_HANDLER (read_channel_finished, 'f')
DEFINE_HANDLER (about_to_close, 'a')
DEFINE_HANDLER (ready_read, 'r')
DEFINE_HANDLER (writable, 'o')

FuzzSubject *
fuzz_subject_new (FuzzHandlerFunc func)
{
  FuzzSubject *self = g_new0 (FuzzSubject, 1);
  static const struct
  {
    const char *signal;
    GCallback   callback;
  } simple[] = {
    { "connected", G_CALLBACK (on_connected) },
    { "disconnected", G_CALLBACK (on_disconnected) },
    { "read-channel-finished", G_CALLBACK (on_read_channel_finished) },
    { "about-to-close", G_CALLBACK (on_about_to_close) },
    { "ready-read", G_CALLBACK (on_ready_read) },
    { "writable", G_CALLBACK (on_writable) },
    { "notify::state", G_CALLBACK (on_notify_state) },
  };

  handler_func = func;
  self->socket = l_socket_new ();
  self->is_owned = TRUE;
  self->letters = g_string_new (NULL);
  self->error = L_SOCKET_ERROR_UNKNOWN;
  g_object_add_weak_pointer (G_OBJECT (self->socket), (gpointer *) &self->socket);

  for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
    g_signal_connect_swapped (self->socket, simple[i].signal, simple[i].callback, self);
  g_signal_connect (self->socket, "state-changed", G_CALLBACK (on_state_changed), self);
  g_signal_connect (self->socket, "error", G_CALLBACK (on_error), self);
  g_signal_connect (self->socket, "bytes-written", G_CALLBACK (on_bytes_written), self);
  return self;
}

void
fuzz_subject_free (FuzzSubject *self)
{
  g_assert_null (self->socket);
  g_string_free (self->letters, TRUE);
  g_free (self);
}

/* Compiled once: this is asked after each operation. */
static gboolean
is_session (const char *letters)
{
  if (session == NULL)
    session = g_regex_new (SESSION, G_REGEX_OPTIMIZE, 0, NULL);
  return g_regex_match (session, letters, 0, NULL);
}

gboolean
fuzz_subject_is_usable (FuzzSubject *self)
{
  return self->is_owned || (self->state == L_SOCKET_STATE_CLOSING && self->socket != NULL);
}

void
fuzz_subject_check (FuzzSubject *self)
{
  LSocketError error;

  if (!fuzz_subject_is_usable (self))
    return;

  check_accessors (self);
  check_bytes (self);
  g_assert_false (self->is_notified);
  g_assert_cmpint (l_socket_get_state (self->socket), ==, self->state);

  /* What a wait sets is told by no signal. */
  error = l_socket_get_error (self->socket);
  g_assert_true (error == self->error || error == L_SOCKET_ERROR_TIMEOUT || error == L_SOCKET_ERROR_UNKNOWN);

  if (!self->is_disturbed && self->letters->len > 0 && !is_session (self->letters->str))
    g_error ("The signals came in the wrong order: %s", self->letters->str);
  /* A session that is over has told so, whatever the handlers did. */
  if (self->state == L_SOCKET_STATE_UNCONNECTED && has_letter (self, 'c'))
    g_assert_true (has_letter (self, 'f') && has_letter (self, 'd'));
}

void
fuzz_subject_limit_input (FuzzSubject *self)
{
  gsize size = l_io_device_get_read_buffer_size (get_device (self));

  self->limit = MIN (self->limit, size != 0 ? size : MAX_DISREGARDED);
}

void
fuzz_subject_drop_input (FuzzSubject *self)
{
  self->is_cut = TRUE;
}

void
fuzz_subject_drop_output (FuzzSubject *self)
{
  if (self->link != NULL)
    self->link->is_dropped = TRUE;
}
