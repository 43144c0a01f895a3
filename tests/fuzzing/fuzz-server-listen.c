/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <sys/socket.h>
/* Which listening succeeds, what has the name then, and what closing removes. */

static void
start (FuzzServer *self,
       FuzzNode   *node,
       const char *name)
{
  self->is_listening = TRUE;
  self->session++;
  self->node = node;
  self->name = name;
  self->error = L_SOCKET_ERROR_UNKNOWN;
  self->is_paused = self->has_failed = FALSE;
}

static guint
get_mode (LServerOptions options)
{
  guint mode = ((options & L_SERVER_OPTIONS_USER_ACCESS) != 0 ? 0700 : 0) |
               ((options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0 ? 0070 : 0) |
               ((options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0 ? 0007 : 0);

  return mode != 0 ? mode : 0600;
}

/* What lives, or is no socket, keeps its name. */
LSocketError
fuzz_server_expect_listen (FuzzServer *self,
                           guint       place,
                           const char *name)
{
  FuzzNode *node = fuzz_place_get (place);

  if (self->is_listening)
    return self->error = L_SOCKET_ERROR_OPERATION;
  if (node != NULL && (node->n_open > 0 || node->kind == FUZZ_NODE_FILE || node->kind == FUZZ_NODE_LINK))
    return self->error = L_SOCKET_ERROR_ADDRESS_IN_USE;

  node = fuzz_node_new (FUZZ_NODE_STREAM, place);
  node->mode = get_mode (self->options);
  node->n_open = 1;
  node->is_listening = TRUE;
  node->backlog = self->backlog > 0 ? (guint) self->backlog : SOMAXCONN;
  start (self, node, name != NULL ? name : fuzz_place_get_base (place));
  self->place = place;
  self->full_name = fuzz_place_get_name (place);
  self->is_adopted = FALSE;
  self->unlinks = TRUE;
  return L_SOCKET_ERROR_UNKNOWN;
}

LSocketError
fuzz_server_expect_adopt (FuzzServer *self,
                          FuzzNode   *node,
                          const char *name)
{
  FuzzNode *there;

  if (self->is_listening)
    return self->error = L_SOCKET_ERROR_OPERATION;
  if (node == NULL || node->kind != FUZZ_NODE_STREAM || !node->is_listening)
    return self->error = L_SOCKET_ERROR_UNSUPPORTED_OPERATION;

  start (self, node, name != NULL ? name : fuzz_place_get_base (node->place));
  self->place = node->place;
  self->full_name = fuzz_place_get_name (node->place);
  self->is_adopted = TRUE;
  self->unlinks = FALSE;
  /* Whoever made it, what has the name now is what may be removed. */
  there = fuzz_place_is_path (self->place) ? fuzz_place_get (self->place) : NULL;
  self->own_inode = there != NULL ? there->inode : 0;
  return L_SOCKET_ERROR_UNKNOWN;
}

static gboolean
is_own (FuzzServer *self,
        FuzzNode   *node)
{
  if (node == NULL || (node->kind != FUZZ_NODE_STREAM && node->kind != FUZZ_NODE_DATAGRAM))
    return FALSE;

  return self->is_adopted ? node->inode == self->own_inode : node == self->node;
}

void
fuzz_server_expect_close (FuzzServer *self)
{
  if (!self->is_listening)
    return;

  self->is_listening = FALSE;
  if (self->unlinks && fuzz_place_is_path (self->place) && is_own (self, fuzz_place_get (self->place)))
    fuzz_place_set (self->place, NULL);
  fuzz_node_close (self->node);
  self->node = NULL;
  self->name = self->full_name = NULL;
  self->error = L_SOCKET_ERROR_UNKNOWN;
  self->is_paused = self->has_failed = FALSE;

  fuzz_server_forget_waiting (self);
}
