/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <errno.h>
#include <lsocket/l-system-private.h>
#include <unistd.h>

/* Who is accepted and when, followed by what the library asks the system for, and who of them is let in. */

static guint n_failures; /* of accept() that are to come */
static int   failure;
static int (* system_accept) (int fd, int flags);

/* Limits */

void
fuzz_client_give_slot_back (FuzzClient *client)
{
  if (!client->has_slot)
    return;

  client->has_slot = FALSE;
  if (client->slot_uid >= 0)
    client->server->is_refused[client->slot_uid] = FALSE;
}

void
fuzz_server_sweep (FuzzServer *self)
{
  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      /* One that is refused counts until the program has heard of it. */
      if (client->server != self || !fuzz_client_has_ended (client) || g_queue_find (&self->deciding, client) != NULL)
        continue;

      fuzz_client_give_slot_back (client);
      if (!client->is_leaving)
        g_ptr_array_remove (self->connections, client);
    }
}

static guint
count_slots (FuzzServer *self,
             int         uid)
{
  guint n = 0;

  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      n += client->server == self && client->has_slot && (uid < 0 || client->slot_uid == uid) ? 1 : 0;
    }
  return n;
}

void
fuzz_server_take_slot (FuzzServer *self,
                       FuzzClient *client)
{
  if (!self->is_counting || client->has_slot)
    return;

  client->has_slot = TRUE;
  client->slot_uid = self->max_per_user > 0 ? (int) client->uid : -1;
}

void
fuzz_server_begin_counting (FuzzServer *self)
{
  if (self->is_counting)
    return;

  fuzz_server_sweep (self);
  self->is_counting = TRUE;
  for (GList *l = self->pending.head; l != NULL; l = l->next)
    if (!fuzz_client_has_ended (l->data))
      fuzz_server_take_slot (self, l->data);
  for (guint i = 0; i < self->connections->len; i++)
    fuzz_server_take_slot (self, self->connections->pdata[i]);
}

gboolean
fuzz_server_is_full (FuzzServer *self)
{
  fuzz_server_sweep (self);
  return self->is_counting && self->max_connections > 0 && count_slots (self, -1) >= (guint) self->max_connections;
}

static gboolean
is_connection_wanted (FuzzServer *self)
{
  return !fuzz_server_is_full (self) &&
         ((int) (self->pending.length + self->deciding.length) < self->max_pending ||
          fuzz_server_count_accepts (self) > self->deciding.length);
}

gboolean
fuzz_server_is_late (FuzzServer *self)
{
  return self->is_listening && self->node->waiting.length > 0 && is_connection_wanted (self);
}

/* Who is let in */

static gboolean
is_in_group (FuzzClient *client)
{
  gid_t groups[64];
  int n = getgroups (G_N_ELEMENTS (groups), groups);

  for (int i = 0; i < n; i++)
    if (groups[i] == getegid ())
      return TRUE;
  return client->uid == 0;
}

static gboolean
is_admitted (FuzzServer *self,
             FuzzClient *client)
{
  gboolean is_path = fuzz_place_is_path (self->node->place);

  if (client->uid == 0 || self->policy == L_PEER_POLICY_ANY)
    return TRUE;
  if (self->policy == L_PEER_POLICY_SAME_USER)
    return FALSE;
  return is_path || (self->options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0 ||
         ((self->options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0 && is_in_group (client));
}

static void
expect_error (FuzzServer   *self,
              LSocketError  code)
{
  FuzzError error = { code, self->session };

  g_queue_push_tail (&self->errors, g_memdup2 (&error, sizeof error));
  self->error = code;
}

/* FALSE: it was refused at once. */
static gboolean
is_within_limits (FuzzServer *self,
                  FuzzClient *client)
{
  if (!self->is_counting)
    return TRUE;

  if (self->max_per_user > 0 && count_slots (self, (int) client->uid) >= (guint) self->max_per_user)
    {
      if (!self->is_refused[client->uid])
        expect_error (self, L_SOCKET_ERROR_RESOURCE);
      self->is_refused[client->uid] = TRUE;
      return FALSE;
    }

  fuzz_server_take_slot (self, client);
  return TRUE;
}

void
fuzz_server_end_decision (FuzzServer *self,
                          FuzzClient *client)
{
  g_assert_true (g_queue_remove (&self->deciding, client));
  if (client->state == FUZZ_CLIENT_OVER)
    fuzz_client_give_slot_back (client);
}

static FuzzServer *
get_server (int fd)
{
  for (guint i = 0; i < fuzz_servers->len; i++)
    {
      FuzzServer *self = fuzz_servers->pdata[i];

      if (self->server != NULL && l_server_get_socket_descriptor (self->server) == fd)
        return self;
    }

  g_assert_not_reached ();
}

static int
fail_accept (FuzzServer *self)
{
  n_failures--;
  errno = failure;
  if (failure == ECONNABORTED)
    return -1;

  if (!self->has_failed)
    expect_error (self, L_SOCKET_ERROR_RESOURCE);
  self->is_paused = self->has_failed = TRUE;
  return -1;
}

/* A connection is taken from the system only where it may be, in the order in which they came. */
static int
on_accept (int fd,
           int flags)
{
  FuzzServer *self = get_server (fd);
  FuzzClient *client;
  int accepted;

  self->n_tries++;
  g_assert_true (self->is_listening);
  g_assert_false (fuzz_server_is_full (self));
  if (self->n_waiting == 0)
    g_assert_true (is_connection_wanted (self));
  if (n_failures > 0)
    return fail_accept (self);

  self->has_failed = FALSE;
  if (self->n_waiting == 0)
    self->is_paused = FALSE;
  accepted = system_accept (fd, flags);
  if (accepted < 0)
    {
      g_assert_cmpuint (self->node->waiting.length, ==, 0);
      return accepted;
    }

  client = fuzz_client_by_fd (accepted);
  g_assert_true (g_queue_pop_head (&self->node->waiting) == client);
  client->server = self;
  client->state = FUZZ_CLIENT_DECIDING;
  if (!is_within_limits (self, client))
    {
      client->state = FUZZ_CLIENT_OVER;
    }
  else
    {
      g_queue_push_tail (&self->deciding, client);
      if (!is_admitted (self, client))
        {
          client->state = FUZZ_CLIENT_OVER;
          expect_error (self, L_SOCKET_ERROR_ACCESS);
        }
    }
  return accepted;
}

gboolean
fuzz_server_authorize (LServer      *server,
                       LCredentials *credentials,
                       FuzzServer   *self)
{
  FuzzClient *client = g_queue_peek_tail (&self->deciding);
  guint session = self->session;
  gboolean is_refused = self->n_refusals > 0;

  g_assert_cmpint (client->state, ==, FUZZ_CLIENT_DECIDING);
  g_assert_cmpint (l_credentials_is_same_user (credentials), ==, client->uid == 0);
  if (is_refused)
    self->n_refusals--;
  fuzz_server_tell (self, 'z');

  if (self->is_listening && self->session == session && !is_refused)
    return TRUE;

  client->state = FUZZ_CLIENT_OVER;
  if (self->is_listening && self->session == session)
    expect_error (self, L_SOCKET_ERROR_ACCESS);
  else
    fuzz_server_end_decision (self, client);
  return !is_refused;
}

void
fuzz_servers_fail_accepts (guint count,
                           int   code)
{
  n_failures = count;
  failure = code;
}

void
fuzz_admission_init (void)
{
  system_accept = l_system.accept;
  l_system.accept = on_accept;
}
