/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <unistd.h>

/* Who gets a connection that fuzz-server-admission.c has let in, and what the library tells. */

typedef struct
{
  FuzzServer   *server;    /* (unowned) */
  FuzzClient   *client;    /* (unowned) (nullable): whose connection it gets */
  GCancellable *cancellable; /* (owned) (nullable) */
  guint         what;      /* is done with it */
  gboolean      begins;
  gboolean      is_closed; /* the server was, meanwhile */
} FuzzAccept;

/* A server whose incoming_connection is the case's. */
#define FUZZ_TYPE_LISTENER (fuzz_listener_get_type ())
G_DECLARE_FINAL_TYPE (FuzzListener, fuzz_listener, FUZZ, LISTENER, LServer)

struct _FuzzListener
{
  LServer     parent_instance;

  FuzzServer *model; /* (unowned) (nullable) */
};

G_DEFINE_FINAL_TYPE (FuzzListener, fuzz_listener, L_TYPE_SERVER)

GPtrArray *fuzz_servers;
guint      fuzz_n_accepts;

static FuzzHandlerFunc handler_func;

void
fuzz_server_tell (FuzzServer *self,
                  char        letter)
{
  handler_func (self, letter);
}

/* Who gets it */

guint
fuzz_server_count_accepts (FuzzServer *self)
{
  guint n = 0;

  for (GList *l = self->accepts.head; l != NULL; l = l->next)
    {
      FuzzAccept *accept = l->data;

      n += accept->cancellable == NULL || !g_cancellable_is_cancelled (accept->cancellable) ? 1 : 0;
    }
  return n;
}

/* The socket of a client whose connection was given to nobody before. */
static void
arrive (FuzzServer *self,
        FuzzClient *client)
{
  FuzzAccept *accept = NULL;

  client->server = self;
  if (!fuzz_client_has_ended (client))
    fuzz_server_take_slot (self, client);
  for (GList *l = self->accepts.head; l != NULL && accept == NULL; l = l->next)
    {
      FuzzAccept *next = l->data;

      if (next->cancellable == NULL || !g_cancellable_is_cancelled (next->cancellable))
        accept = next;
    }

  if (accept != NULL)
    {
      g_queue_remove (&self->accepts, accept);
      accept->client = client;
      client->state = FUZZ_CLIENT_GIVEN;
    }
  else
    {
      g_queue_push_tail (&self->pending, client);
      client->state = FUZZ_CLIENT_QUEUED;
      self->n_new++;
    }
}

void
fuzz_server_add (FuzzServer *self,
                 FuzzClient *client)
{
  LSocket *socket = client->socket != NULL ? g_object_ref (client->socket) : NULL;
  gboolean was_arriving = self->is_arriving;

  if (socket == NULL)
    {
      socket = l_socket_new ();
      g_assert_true (l_socket_set_socket_descriptor (socket, client->kept_fd, L_SOCKET_STATE_CONNECTED,
                                                     L_OPEN_MODE_READ_WRITE, NULL));
      client->kept_fd = -1;
    }

  fuzz_client_see_socket (client, socket);
  arrive (self, client);
  self->is_arriving = TRUE;
  l_server_add_pending_connection (self->server, socket);
  self->is_arriving = was_arriving;
  g_object_unref (socket);
}

static void
fuzz_listener_incoming_connection (LServer *server,
                                   gintptr  descriptor)
{
  FuzzServer *self = FUZZ_LISTENER (server)->model;
  FuzzClient *client = fuzz_client_by_fd ((int) descriptor);
  gboolean was_arriving = self->is_arriving;

  g_assert_true (client->server == self && client == g_queue_peek_tail (&self->deciding));
  g_assert_cmpint (client->state, ==, FUZZ_CLIENT_DECIDING);
  client->state = FUZZ_CLIENT_INCOMING;
  fuzz_server_end_decision (self, client);
  self->n_incoming++;
  handler_func (self, 'i');

  switch (self->incoming)
    {
    case FUZZ_INCOMING_REFUSE:
      client->state = FUZZ_CLIENT_OVER;
      close ((int) descriptor);
      fuzz_client_give_slot_back (client);
      break;
    case FUZZ_INCOMING_KEEP:
      client->state = FUZZ_CLIENT_KEPT;
      client->kept_fd = (int) descriptor;
      fuzz_client_give_slot_back (client);
      break;
    case FUZZ_INCOMING_WRAP:
      client->kept_fd = (int) descriptor;
      fuzz_server_add (self, client);
      break;
    case FUZZ_INCOMING_DEFAULT:
    default:
      arrive (self, client);
      self->is_arriving = TRUE;
      L_SERVER_CLASS (fuzz_listener_parent_class)->incoming_connection (server, descriptor);
      self->is_arriving = was_arriving;
      break;
    }
}

static void
fuzz_listener_class_init (FuzzListenerClass *klass)
{
  L_SERVER_CLASS (klass)->incoming_connection = fuzz_listener_incoming_connection;
}

static void
fuzz_listener_init (FuzzListener *self)
{
}

static void
hand_out (FuzzServer *self,
          FuzzClient *client,
          LSocket    *socket,
          guint       what)
{
  fuzz_client_see_socket (client, socket);
  g_assert_false (client->is_hidden && g_ptr_array_find (self->connections, client, NULL));
  client->is_hidden = FALSE;
  g_assert_true (l_socket_get_state (socket) != L_SOCKET_STATE_CONNECTED || fuzz_client_by_fd (
    (int) l_socket_get_socket_descriptor (socket)) == client);
  if (client->is_owned)
    g_object_unref (socket);
  client->is_owned = TRUE;
  if (client->socket != NULL)
    fuzz_client_treat (client, what);
}

/* The library shows it before it hands it out. */
static void
begin_handing_out (FuzzServer *self,
                   FuzzClient *client)
{
  gboolean has_ended = fuzz_client_has_ended (client);

  client->state = FUZZ_CLIENT_TAKEN;
  client->was_taken = TRUE;
  if (has_ended)
    return;

  fuzz_server_take_slot (self, client);
  if (!g_ptr_array_find (self->connections, client, NULL))
    {
      g_ptr_array_add (self->connections, client);
      client->is_hidden = self->list != NULL;
    }
  if (self->handshake_timeout > 0)
    client->has_handshake = self->handshake_timeout == 1;
  if (self->idle_timeout > 0 && !client->has_idle_timeout)
    client->is_idle = self->idle_timeout == 1;
  client->has_idle_timeout |= self->idle_timeout > 0;
}

void
fuzz_server_take (FuzzServer *self,
                  guint       what)
{
  FuzzClient *client = g_queue_pop_head (&self->pending);
  LSocket *socket;

  if (client != NULL)
    begin_handing_out (self, client);
  socket = l_server_next_pending_connection (self->server);
  g_assert_cmpint (socket != NULL, ==, client != NULL);
  if (client != NULL)
    hand_out (self, client, socket, what);
}

static void
on_accepted (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  FuzzAccept *accept = user_data;
  FuzzServer *self = accept->server;
  FuzzClient *client = accept->client;
  g_autoptr(GError) error = NULL;
  LSocket *socket;

  g_assert_false (accept->begins);
  fuzz_n_accepts--;
  g_queue_remove (&self->accepts, accept);
  if (client != NULL)
    begin_handing_out (self, client);

  socket = l_server_accept_finish (L_SERVER (source), result, &error);
  g_assert_cmpint (socket != NULL, ==, client != NULL);
  if (client != NULL)
    hand_out (self, client, socket, accept->what);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_assert_true (g_cancellable_is_cancelled (accept->cancellable));
  else
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      g_assert_true (accept->is_closed);
    }

  if (!self->is_arriving || client != NULL)
    handler_func (self, 'a');
  g_clear_object (&accept->cancellable);
  g_free (accept);
}

void
fuzz_server_accept (FuzzServer   *self,
                    GCancellable *cancellable,
                    guint         what)
{
  FuzzAccept *accept = g_new0 (FuzzAccept, 1);

  fuzz_n_accepts++;
  accept->server = self;
  accept->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  accept->what = what;
  accept->begins = TRUE;
  accept->is_closed = !self->is_listening;
  if (cancellable == NULL || !g_cancellable_is_cancelled (cancellable))
    {
      accept->client = g_queue_pop_head (&self->pending);
      if (accept->client != NULL)
        accept->client->state = FUZZ_CLIENT_GIVEN;
      else if (self->is_listening)
        g_queue_push_tail (&self->accepts, accept);
    }

  l_server_accept_async (self->server, cancellable, on_accepted, accept);
  accept->begins = FALSE;
}

/* The loop's limit of those that wait does not count, everything else does. */
void
fuzz_server_wait (FuzzServer *self)
{
  guint n_incoming = self->n_incoming;
  guint n_tries = self->n_tries;
  gboolean had_pending = self->pending.length > 0;
  gboolean timed_out = TRUE;
  gboolean accepted;

  self->n_waiting++;
  accepted = l_server_wait_for_new_connection (self->server, 0, &timed_out);
  self->n_waiting--;

  if (accepted)
    g_assert_true (had_pending || self->pending.length > 0 || self->n_incoming > n_incoming);
  else if (self->is_listening)
    g_assert_true (timed_out && !had_pending && self->pending.length == 0 &&
                   (self->n_tries > n_tries || fuzz_server_is_full (self)));
  /* One that a handler dropped goes at the end of the wait, and not before. */
  else if (self->server != NULL)
    g_assert_false (timed_out);
}

static void
drop_pending (FuzzServer *self)
{
  FuzzClient *client;

  while ((client = g_queue_pop_head (&self->pending)) != NULL)
    {
      /* One that was seen before tells itself, each after the other. */
      if (client->was_seen)
        {
          client->state = FUZZ_CLIENT_TAKEN;
          continue;
        }

      client->state = FUZZ_CLIENT_OVER;
      fuzz_client_give_slot_back (client);
    }
}

/* Who waits when the server closes. */
void
fuzz_server_forget_waiting (FuzzServer *self)
{
  for (GList *l = self->accepts.head; l != NULL; l = l->next)
    ((FuzzAccept *) l->data)->is_closed = TRUE;
  g_queue_clear (&self->accepts);
  drop_pending (self);
}

/* What it tells */

static void
check_accessors (FuzzServer *self)
{
  LServer *server = self->server;

  g_assert_cmpint (l_server_is_listening (server), ==, self->is_listening);
  g_assert_cmpint (l_server_get_socket_descriptor (server) >= 0, ==, self->is_listening);
  g_assert_cmpint (l_server_get_address (server) != NULL, ==, self->is_listening);
  g_assert_cmpstr (l_server_get_server_name (server), ==, self->name);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, self->full_name);
  g_assert_cmpint (l_server_has_pending_connections (server), ==, self->pending.length > 0);
  g_assert_cmpint (l_server_get_error (server), ==, self->error);
  g_assert_cmpint (l_server_get_error_string (server) != NULL, ==, self->error != L_SOCKET_ERROR_UNKNOWN);
  g_assert_cmpint (l_server_get_max_pending_connections (server), ==, self->max_pending);
  g_assert_cmpint (l_server_get_options (server), ==, self->options);
  g_assert_cmpint (l_server_get_peer_policy (server), ==, self->policy);
  g_assert_cmpint (l_server_get_unlink_on_close (server), ==, self->unlinks);
}

static void
on_new_connection (LServer    *server,
                   FuzzServer *self)
{
  gboolean was_arriving = self->is_arriving;

  g_assert_cmpuint (self->n_new, ==, 1);
  self->n_new--;
  check_accessors (self);
  self->is_arriving = FALSE;
  handler_func (self, 'n');
  self->is_arriving = was_arriving;
}

static void
on_error (LServer      *server,
          LSocketError  code,
          FuzzServer   *self)
{
  FuzzClient *client = g_queue_peek_tail (&self->deciding);
  /* One that comes while another is told is told first. */
  g_autofree FuzzError *error = g_queue_pop_tail (&self->errors);

  g_assert_nonnull (error);
  g_assert_cmpint (code, ==, error->code);
  g_assert_cmpuint (error->session, ==, self->session);
  g_assert_true (self->is_listening);
  check_accessors (self);
  handler_func (self, 'e');

  if (code == L_SOCKET_ERROR_ACCESS)
    fuzz_server_end_decision (self, client);
}

/* It will not be told, if it is one of a listening that has ended. */
static void
forget_error (FuzzServer *self,
              guint       session)
{
  const FuzzError *last = g_queue_peek_tail (&self->errors);
  g_autofree FuzzError *error = NULL;

  if (last == NULL || last->session != session || (self->is_listening && self->session == session))
    return;

  error = g_queue_pop_tail (&self->errors);
  if (error->code == L_SOCKET_ERROR_ACCESS)
    fuzz_server_end_decision (self, g_queue_peek_tail (&self->deciding));
}

static void
on_notify (LServer    *server,
           GParamSpec *pspec,
           FuzzServer *self)
{
  gboolean is_of_listening = self->is_listening && g_str_has_prefix (pspec->name, "error");
  guint session = self->session;

  check_accessors (self);
  if (g_str_equal (pspec->name, "listening"))
    handler_func (self, 'l');
  else
    handler_func (self, g_str_equal (pspec->name, "error") ? 'r' : 'p');

  if (is_of_listening && self->server != NULL)
    forget_error (self, session);
}

static void
on_items_changed (GListModel *list,
                  guint       position,
                  guint       n_removed,
                  guint       n_added,
                  FuzzServer *self)
{
  if (self->server == NULL)
    return;

  for (guint i = position; i < position + n_added; i++)
    {
      g_autoptr(LSocket) socket = g_list_model_get_item (list, i);
      FuzzClient *client = fuzz_client_by_fd ((int) l_socket_get_socket_descriptor (socket));

      fuzz_client_see_socket (client, socket);
      g_assert_true (client->is_hidden);
      client->is_hidden = FALSE;
      /* Those that a handler has taken meanwhile were shown before. */
      g_assert_true (g_ptr_array_remove (self->connections, client));
      g_ptr_array_add (self->connections, client);
    }
  if (self->is_owned)
    handler_func (self, 'm');
}

void
fuzz_server_show (FuzzServer *self)
{
  if (self->list != NULL)
    return;

  self->list = g_object_ref (l_server_get_connections (self->server));
  g_signal_connect (self->list, "items-changed", G_CALLBACK (on_items_changed), self);
}

void
fuzz_server_check_list (FuzzServer *self)
{
  guint n_shown = 0;

  fuzz_server_sweep (self);
  if (self->list == NULL)
    return;

  for (guint i = 0; i < self->connections->len; i++)
    {
      FuzzClient *client = self->connections->pdata[i];
      g_autoptr(LSocket) socket = NULL;

      if (client->is_hidden)
        continue;
      socket = g_list_model_get_item (self->list, n_shown++);
      g_assert_true (socket == client->socket);
    }
  g_assert_cmpuint (g_list_model_get_n_items (self->list), ==, n_shown);
}

void
fuzz_server_check (FuzzServer *self,
                   gboolean    is_quiet)
{
  if (self->server == NULL)
    return;

  check_accessors (self);
  fuzz_server_check_list (self);
  g_assert_cmpuint (self->errors.length, ==, 0);
  g_assert_cmpuint (self->deciding.length, ==, 0);
  g_assert_cmpuint (self->n_new, ==, 0);
  if (!is_quiet)
    return;

  g_assert_cmpuint (fuzz_server_count_accepts (self), ==, self->accepts.length);
  if (!self->is_paused)
    g_assert_false (fuzz_server_is_late (self));
}

/* Its connections go with it, unless somebody has a reference. */
static void
on_server_gone (gpointer  data,
                GObject  *server)
{
  FuzzServer *self = data;

  self->server = NULL;
  fuzz_server_expect_close (self);
  /* A subclass may queue where nobody listens any more. */
  drop_pending (self);
  g_ptr_array_set_size (self->connections, 0);
  if (self->list != NULL)
    g_assert_cmpuint (g_list_model_get_n_items (self->list), ==, 0);
}

FuzzServer *
fuzz_server_new (void)
{
  FuzzServer *self = g_new0 (FuzzServer, 1);
  FuzzListener *listener = g_object_new (FUZZ_TYPE_LISTENER, NULL);

  listener->model = self;
  self->server = L_SERVER (listener);
  self->is_owned = TRUE;
  self->error = L_SOCKET_ERROR_UNKNOWN;
  self->max_pending = 30;
  self->unlinks = TRUE;
  self->connections = g_ptr_array_new ();
  g_object_weak_ref (G_OBJECT (listener), on_server_gone, self);
  g_signal_connect (listener, "new-connection", G_CALLBACK (on_new_connection), self);
  g_signal_connect (listener, "error", G_CALLBACK (on_error), self);
  g_signal_connect (listener, "authorize", G_CALLBACK (fuzz_server_authorize), self);
  g_signal_connect (listener, "notify", G_CALLBACK (on_notify), self);
  return self;
}

void
fuzz_server_free (FuzzServer *self)
{
  g_assert_null (self->server);
  if (self->list != NULL)
    g_signal_handlers_disconnect_by_data (self->list, self);
  g_clear_object (&self->list);
  g_ptr_array_unref (self->connections);
  g_free (self);
}

void
fuzz_servers_init (FuzzHandlerFunc func)
{
  handler_func = func;
  fuzz_servers = g_ptr_array_new_with_free_func ((GDestroyNotify) fuzz_server_free);
  fuzz_admission_init ();
}
