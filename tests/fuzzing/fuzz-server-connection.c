/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

/* The sockets that a server has handed out, and those that were given to it. */

static void
on_socket_notify (LSocket    *socket,
                  GParamSpec *pspec,
                  FuzzClient *client)
{
  FuzzServer *server = client->server;
  gboolean is_state = g_str_equal (pspec->name, "state");

  client->was_late |= l_socket_get_error (socket) == L_SOCKET_ERROR_TIMEOUT;
  /* The list shows it until just before the state is told, when all else is. */
  client->is_leaving = !is_state && l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED &&
                       g_ptr_array_find (server->connections, client, NULL);
  fuzz_server_sweep (server);
  if (server->server != NULL)
    fuzz_server_tell (server, g_str_equal (pspec->name, "idle-timeout") ? 't' : 's');
}

static void
on_socket_changed (LSocket      *socket,
                   LSocketState  state,
                   FuzzClient   *client)
{
  if (state != L_SOCKET_STATE_UNCONNECTED)
    return;

  /* One that nobody owns may be on its way to its end. */
  if (!client->server->is_owned)
    return;
  fuzz_server_sweep (client->server);
  fuzz_server_check_list (client->server);
  fuzz_server_tell (client->server, 'u');
}

static void
on_socket_error (LSocket      *socket,
                 LSocketError  error,
                 FuzzClient   *client)
{
  if (error == L_SOCKET_ERROR_TIMEOUT)
    g_assert_true (client->has_handshake || client->is_idle);
  else
    g_assert_cmpint (error, ==, L_SOCKET_ERROR_PEER_CLOSED);
}

static void
on_socket_gone (gpointer  data,
                GObject  *socket)
{
  FuzzClient *client = data;

  client->socket = NULL;
  fuzz_server_sweep (client->server);
}

void
fuzz_client_see_socket (FuzzClient *self,
                        LSocket    *socket)
{
  if (self->socket != NULL)
    {
      g_assert_true (self->socket == socket);
      return;
    }

  self->socket = socket;
  self->was_seen = TRUE;
  g_object_weak_ref (G_OBJECT (socket), on_socket_gone, self);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_socket_changed), self);
  g_signal_connect (socket, "error", G_CALLBACK (on_socket_error), self);
  g_signal_connect (socket, "notify", G_CALLBACK (on_socket_notify), self);
}

static void
turn_idle_timeout (FuzzClient *self)
{
  gboolean is_on = l_socket_get_idle_timeout (self->socket) > 0;

  self->has_idle_timeout = !is_on;
  /* It may be too late. */
  if (l_socket_get_error (self->socket) != L_SOCKET_ERROR_TIMEOUT)
    self->is_idle = FALSE;
  l_socket_set_idle_timeout (self->socket, is_on ? 0 : 60000);
}

void
fuzz_client_treat (FuzzClient *self,
                   guint       what)
{
  LSocket *socket = self->socket;

  switch (what % 6)
    {
    case 0:
      if (l_socket_get_error (socket) != L_SOCKET_ERROR_TIMEOUT)
        self->has_handshake = FALSE;
      l_socket_end_handshake (socket);
      break;
    case 1:
      if (self->n_expected == 0)
        l_socket_abort (socket);
      break;
    case 2:
      if (l_io_device_write (L_IO_DEVICE (socket), "hello", 5, NULL) == 5 && self->fd >= 0 && self->n_expected == 0)
        self->n_expected = 5;
      l_socket_disconnect_from_server (socket);
      break;
    case 3:
      if (!self->is_owned)
        break;
      self->is_owned = FALSE;
      g_object_unref (socket);
      break;
    case 5:
      turn_idle_timeout (self);
      break;
    default:
      break;
    }
}
