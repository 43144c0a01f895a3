/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

/* The sockets that a server has handed out. */

static void
on_socket_changed (LSocket      *socket,
                   LSocketState  state,
                   FuzzClient   *client)
{
  if (state != L_SOCKET_STATE_UNCONNECTED)
    return;

  if (client->server->server == NULL)
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
  g_object_weak_ref (G_OBJECT (socket), on_socket_gone, self);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_socket_changed), self);
  g_signal_connect (socket, "error", G_CALLBACK (on_socket_error), self);
}

void
fuzz_client_treat (FuzzClient *self,
                   guint       what)
{
  LSocket *socket = self->socket;

  switch (what % 6)
    {
    case 0:
      l_socket_end_handshake (socket);
      self->has_handshake = FALSE;
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
    default:
      break;
    }
}
