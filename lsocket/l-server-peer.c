/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-credentials-private.h"
#include "l-server-private.h"

#include <glib/gi18n-lib.h>

/* Who is let in, decided before anybody hears of the connection. What the mode of the socket decides costs nothing here. */

static LServerGuard
get_guard (LServerPrivate *priv)
{
  switch (priv->peer_policy)
    {
    case L_PEER_POLICY_ANY:
      return L_SERVER_GUARD_NONE;
    case L_PEER_POLICY_SAME_USER:
      return L_SERVER_GUARD_USER;
    case L_PEER_POLICY_AUTO:
    default:
      break;
    }

  /* An abstract name has no mode. */
  if (priv->listener.address == NULL || !l_address_is_abstract (priv->listener.address) ||
      (priv->options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0)
    return L_SERVER_GUARD_NONE;

  return (priv->options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0 ? L_SERVER_GUARD_GROUP : L_SERVER_GUARD_USER;
}

void
l_server_set_guard (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  priv->guard = get_guard (priv);
}

static gboolean
is_admitted (LServerPrivate *priv,
             gintptr         descriptor)
{
  switch (priv->guard)
    {
    case L_SERVER_GUARD_USER:
      return l_credentials_admit_peer (descriptor, FALSE);
    case L_SERVER_GUARD_GROUP:
      return l_credentials_admit_peer (descriptor, TRUE);
    case L_SERVER_GUARD_NONE:
    default:
      return TRUE;
    }
}

gboolean
l_server_check_peer (LServer *self,
                     gintptr  descriptor)
{
  LServerPrivate *priv = l_server_get_private (self);
  guint session = priv->session;
  g_autoptr(GError) error = NULL;

  if (is_admitted (priv, descriptor) && l_server_emit_authorize (self, descriptor))
    {
      if (priv->listening && priv->session == session)
        return TRUE;

      /* A handler has closed the server, and with it what it had not taken. */
      l_listener_refuse (&priv->listener, descriptor);
      return FALSE;
    }

  l_listener_refuse (&priv->listener, descriptor);
  if (!priv->listening || priv->session != session)
    return FALSE;

  l_error_set (&error, L_OPERATION_ACCEPT, priv->full_server_name, L_SOCKET_ERROR_ACCESS,
               _("The client was not let in"));
  l_server_report_error (self, error);
  return FALSE;
}

/* Public */

/**
 * l_server_get_peer_policy: (get-property peer-policy)
 * @self: a server
 *
 * Gets which clients the server lets in.
 *
 * Returns: the policy
 *
 * Since: 1.0
 */
LPeerPolicy
l_server_get_peer_policy (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), L_PEER_POLICY_AUTO);

  return l_server_get_private (self)->peer_policy;
}

/**
 * l_server_set_peer_policy: (set-property peer-policy)
 * @self: a server
 * @policy: the policy
 *
 * Sets which clients the server lets in. While it listens that is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_server_set_peer_policy (LServer     *self,
                          LPeerPolicy  policy)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = l_server_get_private (self);
  if (priv->listening)
    {
      g_warning ("%s: the server listens", G_STRFUNC);
      return;
    }

  if (priv->peer_policy == policy)
    return;

  priv->peer_policy = policy;
  g_object_notify (G_OBJECT (self), "peer-policy");
}
