/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-socket-private.h"

/* Who the peer is, who it may be, and what it passes that nobody has asked for. */

void
l_socket_notify_passed (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint n_passed = l_socket_get_refused_descriptors (self);

  if (priv->n_passed_told == n_passed)
    return;

  priv->n_passed_told = n_passed;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_REFUSED_DESCRIPTORS]);
}

/* Public */

/**
 * l_socket_get_peer_credentials: (get-property peer-credentials)
 * @self: a socket
 *
 * Gets who is at the other end, as far as the system tells. Those of a client are of the moment when it connected, those of
 * a server of the moment when it began to listen; a reference to them may be kept longer than the connection.
 *
 * Returns: (transfer none) (nullable): the credentials; %NULL while there is no connection
 *
 * Since: 1.0
 */
LCredentials *
l_socket_get_peer_credentials (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_val_if_fail (L_IS_SOCKET (self), NULL);

  priv = l_socket_get_private (self);
  if (priv->peer_credentials == NULL && l_socket_is_valid (self))
    priv->peer_credentials = l_credentials_new_for_peer (priv->transport.descriptor);

  return l_socket_is_valid (self) ? priv->peer_credentials : NULL;
}

/**
 * l_socket_get_peer_policy: (get-property peer-policy)
 * @self: a socket
 *
 * Gets which servers the socket talks to.
 *
 * Returns: the policy
 *
 * Since: 1.0
 */
LPeerPolicy
l_socket_get_peer_policy (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), L_PEER_POLICY_AUTO);

  return l_socket_get_private (self)->peer_policy;
}

/**
 * l_socket_set_peer_policy: (set-property peer-policy)
 * @self: an unconnected socket
 * @policy: the policy
 *
 * Sets which servers the socket talks to. In another state it is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_socket_set_peer_policy (LSocket     *self,
                          LPeerPolicy  policy)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->state != L_SOCKET_STATE_UNCONNECTED)
    {
      g_warning ("%s: the socket is not unconnected", G_STRFUNC);
      return;
    }

  if (priv->peer_policy == policy)
    return;

  priv->peer_policy = policy;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_PEER_POLICY]);
}

/**
 * l_socket_get_count_descriptors: (get-property count-descriptors)
 * @self: a socket
 *
 * Gets whether it is counted how often the peer passes file descriptors.
 *
 * Returns: %TRUE if it is
 *
 * Since: 1.0
 */
gboolean
l_socket_get_count_descriptors (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  return l_socket_get_private (self)->transport.counts_passed;
}

/**
 * l_socket_set_count_descriptors: (set-property count-descriptors)
 * @self: a socket
 * @count_descriptors: %TRUE to count
 *
 * Sets whether it is counted how often the peer passes file descriptors; see [property@LSocket.Socket:refused-descriptors].
 *
 * Since: 1.0
 */
void
l_socket_set_count_descriptors (LSocket  *self,
                                gboolean  count_descriptors)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  count_descriptors = !!count_descriptors;
  if (priv->transport.counts_passed == count_descriptors)
    return;

  l_io_device_lock (l_socket_get_device (self));
  priv->transport.counts_passed = count_descriptors;
  l_io_device_unlock (l_socket_get_device (self));
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_COUNT_DESCRIPTORS]);
}

/**
 * l_socket_get_refused_descriptors: (get-property refused-descriptors)
 * @self: a socket
 *
 * Gets how often the peer has passed file descriptors, as far as that was counted.
 *
 * Returns: how often
 *
 * Since: 1.0
 */
guint
l_socket_get_refused_descriptors (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), 0);

  return (guint) g_atomic_int_get (&l_socket_get_private (self)->transport.n_passed);
}
