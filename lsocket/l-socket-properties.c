/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-socket-private.h"

/* The properties of LSocket, and the functions that get and set them. */

GParamSpec *l_socket_props[L_SOCKET_PROP_LOW_LATENCY + 1];

static void
l_socket_get_property (GObject    *object,
                       guint       prop_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  LSocket *self = L_SOCKET (object);

  switch ((LSocketProperty) prop_id)
    {
    case L_SOCKET_PROP_STATE:
      g_value_set_enum (value, l_socket_get_state (self));
      break;
    case L_SOCKET_PROP_ERROR:
      g_value_set_enum (value, l_socket_get_error (self));
      break;
    case L_SOCKET_PROP_SERVER_NAME:
      g_value_set_string (value, l_socket_get_server_name (self));
      break;
    case L_SOCKET_PROP_FULL_SERVER_NAME:
      g_value_set_string (value, l_socket_get_full_server_name (self));
      break;
    case L_SOCKET_PROP_OPTIONS:
      g_value_set_flags (value, l_socket_get_options (self));
      break;
    case L_SOCKET_PROP_SOCKET_DESCRIPTOR:
      g_value_set_int64 (value, l_socket_get_socket_descriptor (self));
      break;
    case L_SOCKET_PROP_VALID:
      g_value_set_boolean (value, l_socket_is_valid (self));
      break;
    case L_SOCKET_PROP_CONNECT_TIMEOUT:
      g_value_set_int (value, l_socket_get_connect_timeout (self));
      break;
    case L_SOCKET_PROP_ADDRESS:
      g_value_set_object (value, l_socket_get_address (self));
      break;
    case L_SOCKET_PROP_HALF_OPEN:
      g_value_set_boolean (value, l_socket_get_half_open (self));
      break;
    case L_SOCKET_PROP_PEER_CREDENTIALS:
      g_value_set_object (value, l_socket_get_peer_credentials (self));
      break;
    case L_SOCKET_PROP_PEER_POLICY:
      g_value_set_enum (value, l_socket_get_peer_policy (self));
      break;
    case L_SOCKET_PROP_IDLE_TIMEOUT:
      g_value_set_int (value, l_socket_get_idle_timeout (self));
      break;
    case L_SOCKET_PROP_MIN_PROGRESS:
      g_value_set_uint64 (value, l_socket_get_min_progress (self));
      break;
    case L_SOCKET_PROP_COUNT_DESCRIPTORS:
      g_value_set_boolean (value, l_socket_get_count_descriptors (self));
      break;
    case L_SOCKET_PROP_REFUSED_DESCRIPTORS:
      g_value_set_uint (value, l_socket_get_refused_descriptors (self));
      break;
    case L_SOCKET_PROP_LOW_LATENCY:
      g_value_set_boolean (value, l_socket_get_low_latency (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
l_socket_set_property (GObject      *object,
                       guint         prop_id,
                       const GValue *value,
                       GParamSpec   *pspec)
{
  LSocket *self = L_SOCKET (object);

  switch ((LSocketProperty) prop_id)
    {
    case L_SOCKET_PROP_OPTIONS:
      l_socket_set_options (self, g_value_get_flags (value));
      break;
    case L_SOCKET_PROP_CONNECT_TIMEOUT:
      l_socket_set_connect_timeout (self, g_value_get_int (value));
      break;
    case L_SOCKET_PROP_HALF_OPEN:
      l_socket_set_half_open (self, g_value_get_boolean (value));
      break;
    case L_SOCKET_PROP_PEER_POLICY:
      l_socket_set_peer_policy (self, g_value_get_enum (value));
      break;
    case L_SOCKET_PROP_IDLE_TIMEOUT:
      l_socket_set_idle_timeout (self, g_value_get_int (value));
      break;
    case L_SOCKET_PROP_MIN_PROGRESS:
      l_socket_set_min_progress (self, g_value_get_uint64 (value));
      break;
    case L_SOCKET_PROP_COUNT_DESCRIPTORS:
      l_socket_set_count_descriptors (self, g_value_get_boolean (value));
      break;
    case L_SOCKET_PROP_LOW_LATENCY:
      l_socket_set_low_latency (self, g_value_get_boolean (value));
      break;
    case L_SOCKET_PROP_STATE:
    case L_SOCKET_PROP_ERROR:
    case L_SOCKET_PROP_SERVER_NAME:
    case L_SOCKET_PROP_FULL_SERVER_NAME:
    case L_SOCKET_PROP_SOCKET_DESCRIPTOR:
    case L_SOCKET_PROP_VALID:
    case L_SOCKET_PROP_ADDRESS:
    case L_SOCKET_PROP_PEER_CREDENTIALS:
    case L_SOCKET_PROP_REFUSED_DESCRIPTORS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

void
l_socket_install_properties (GObjectClass *object_class)
{
  object_class->get_property = l_socket_get_property;
  object_class->set_property = l_socket_set_property;

  /**
   * LSocket:state: (getter get_state)
   *
   * The state of the connection.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL,
                       L_TYPE_SOCKET_STATE, L_SOCKET_STATE_UNCONNECTED,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:error: (getter get_error)
   *
   * The last error; %L_SOCKET_ERROR_UNKNOWN while there was none.
   *
   * It stays until the next attempt to connect begins. [property@LSocket.IODevice:error-string] has its text.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_ERROR] =
    g_param_spec_enum ("error", NULL, NULL,
                       L_TYPE_SOCKET_ERROR, L_SOCKET_ERROR_UNKNOWN,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:server-name: (getter get_server_name)
   *
   * The name that the socket was told to connect to; for an accepted socket the last component of the server's path.
   * %NULL before an attempt, after one that failed and after the end.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_SERVER_NAME] =
    g_param_spec_string ("server-name", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:full-server-name: (getter get_full_server_name)
   *
   * The path, the abstract name or the name of the pipe that the socket is connected to. %NULL while it is not.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_FULL_SERVER_NAME] =
    g_param_spec_string ("full-server-name", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:options: (getter get_options) (setter set_options)
   *
   * Where names are looked for. It can be set while the socket is unconnected.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_OPTIONS] =
    g_param_spec_flags ("options", NULL, NULL,
                        L_TYPE_SOCKET_OPTIONS, L_SOCKET_OPTIONS_NONE,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:socket-descriptor: (getter get_socket_descriptor)
   *
   * The file descriptor, on Windows the HANDLE, of the connection; -1 while there is none.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_SOCKET_DESCRIPTOR] =
    g_param_spec_int64 ("socket-descriptor", NULL, NULL,
                        G_MININT64, G_MAXINT64, -1,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:valid: (getter is_valid)
   *
   * Whether there is a connection: the state is connected or closing.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_VALID] =
    g_param_spec_boolean ("valid", NULL, NULL,
                          FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:connect-timeout: (getter get_connect_timeout) (setter set_connect_timeout)
   *
   * How long an attempt to connect may take, in milliseconds; 0: a busy server is not waited for, any negative value:
   * no limit.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_CONNECT_TIMEOUT] =
    g_param_spec_int ("connect-timeout", NULL, NULL,
                      G_MININT, G_MAXINT, L_SOCKET_DEFAULT_TIMEOUT,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:address: (getter get_address)
   *
   * The address of the peer, on Unix a [class@Gio.UnixSocketAddress]. That of a client, as a server sees it, is
   * usually anonymous. %NULL while there is no connection, and on Windows.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_ADDRESS] =
    g_param_spec_object ("address", NULL, NULL,
                         G_TYPE_SOCKET_ADDRESS,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:half-open: (getter get_half_open) (setter set_half_open)
   *
   * What happens when the peer has ended its output and still reads.
   *
   * When it is %FALSE, that is the end of the connection: [signal@LSocket.Socket::error] with
   * %L_SOCKET_ERROR_PEER_CLOSED, then what is queued is sent, then the socket is unconnected. When it is %TRUE,
   * [signal@LSocket.IODevice::read-channel-finished] is emitted, the socket stays connected, and the program writes
   * its answer and disconnects.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_HALF_OPEN] =
    g_param_spec_boolean ("half-open", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:peer-credentials: (getter get_peer_credentials)
   *
   * Who is at the other end, as far as the system tells. %NULL while there is no connection.
   *
   * The system is asked when this is, and not before.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_PEER_CREDENTIALS] =
    g_param_spec_object ("peer-credentials", NULL, NULL,
                         L_TYPE_CREDENTIALS,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:peer-policy: (getter get_peer_policy) (setter set_peer_policy)
   *
   * Which servers the socket talks to. It can be set while the socket is unconnected.
   *
   * One that is refused gets nothing from us: the attempt fails with %L_SOCKET_ERROR_ACCESS before a byte is sent.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_PEER_POLICY] =
    g_param_spec_enum ("peer-policy", NULL, NULL,
                       L_TYPE_PEER_POLICY, L_PEER_POLICY_AUTO,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:idle-timeout: (getter get_idle_timeout) (setter set_idle_timeout)
   *
   * How long the connection may be idle, in milliseconds; 0 or less: no limit.
   *
   * It is idle when fewer than [property@LSocket.Socket:min-progress] bytes have moved in that time, in both directions
   * together; while something waits to be sent only what the peer takes counts. Time in which the program does not read what
   * has come does not count against the peer. An idle connection ends with [signal@LSocket.Socket::error] and
   * %L_SOCKET_ERROR_TIMEOUT, also one that is closing and not rid of its bytes; at the latest after five quarters of the
   * time.
   *
   * The main loop looks after it; without one nothing ends.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_IDLE_TIMEOUT] =
    g_param_spec_int ("idle-timeout", NULL, NULL,
                      G_MININT, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:min-progress: (getter get_min_progress) (setter set_min_progress)
   *
   * How many bytes have to move within [property@LSocket.Socket:idle-timeout]. With more than one, a peer that sends a byte
   * now and then is idle, too.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_MIN_PROGRESS] =
    g_param_spec_uint64 ("min-progress", NULL, NULL,
                         0, G_MAXUINT64, 1,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:count-descriptors: (getter get_count_descriptors) (setter set_count_descriptors)
   *
   * Whether [property@LSocket.Socket:refused-descriptors] counts, which makes each reading a little slower.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_COUNT_DESCRIPTORS] =
    g_param_spec_boolean ("count-descriptors", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:refused-descriptors: (getter get_refused_descriptors)
   *
   * How often the peer has passed file descriptors with what it sent, in this connection, while
   * [property@LSocket.Socket:count-descriptors] was %TRUE.
   *
   * Nobody asks for any here. On Linux from 6.16 on a client that wants to pass some to a server is refused by the kernel,
   * and nothing is sent. Otherwise the bytes arrive and the kernel closes the descriptors; they are never this process's.
   * On Windows there is no such thing.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_REFUSED_DESCRIPTORS] =
    g_param_spec_uint ("refused-descriptors", NULL, NULL,
                       0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LSocket:low-latency: (getter get_low_latency) (setter set_low_latency)
   *
   * Whether the main loop looks for what comes next before it sleeps.
   *
   * After something has come, it looks again and again for some 30 microseconds, and for at most half a millisecond before
   * other sources of the loop have their turn. That makes round trips faster where each end has a processor of its own, and
   * uses more processor time. Where it is in vain it is tried only now and then.
   *
   * On Windows, and in calls that wait without a loop, it has no effect.
   *
   * Since: 1.0
   */
  l_socket_props[L_SOCKET_PROP_LOW_LATENCY] =
    g_param_spec_boolean ("low-latency", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (l_socket_props), l_socket_props);
}

/* Public */

/**
 * l_socket_get_state: (get-property state)
 * @self: a socket
 *
 * Gets the state of the connection.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
LSocketState
l_socket_get_state (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), L_SOCKET_STATE_UNCONNECTED);

  return l_socket_get_private (self)->state;
}

/**
 * l_socket_get_error: (get-property error)
 * @self: a socket
 *
 * Gets the last error. It stays until the next attempt to connect begins.
 *
 * Returns: the error; %L_SOCKET_ERROR_UNKNOWN while there was none
 *
 * Since: 1.0
 */
LSocketError
l_socket_get_error (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), L_SOCKET_ERROR_UNKNOWN);

  return l_socket_get_private (self)->error;
}

/**
 * l_socket_is_valid: (get-property valid)
 * @self: a socket
 *
 * Asks whether there is a connection.
 *
 * Returns: %TRUE in the connected and in the closing state
 *
 * Since: 1.0
 */
gboolean
l_socket_is_valid (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  switch (l_socket_get_private (self)->state)
    {
    case L_SOCKET_STATE_CONNECTED:
    case L_SOCKET_STATE_CLOSING:
      return TRUE;
    case L_SOCKET_STATE_UNCONNECTED:
    case L_SOCKET_STATE_CONNECTING:
    default:
      return FALSE;
    }
}

/**
 * l_socket_get_server_name: (get-property server-name)
 * @self: a socket
 *
 * Gets the name that the socket was told to connect to, for an accepted socket the last component of the server's path.
 *
 * Returns: (nullable): the name; %NULL before an attempt, after one that failed and after the end
 *
 * Since: 1.0
 */
const char *
l_socket_get_server_name (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), NULL);

  return l_socket_get_private (self)->server_name;
}

/**
 * l_socket_get_full_server_name: (get-property full-server-name)
 * @self: a socket
 *
 * Gets the path, the abstract name or the name of the pipe that the socket is connected to.
 *
 * Returns: (nullable): the name; %NULL while the socket is not connected
 *
 * Since: 1.0
 */
const char *
l_socket_get_full_server_name (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), NULL);

  return l_socket_get_private (self)->full_server_name;
}

/**
 * l_socket_get_options: (get-property options)
 * @self: a socket
 *
 * Gets where names are looked for.
 *
 * Returns: the options
 *
 * Since: 1.0
 */
LSocketOptions
l_socket_get_options (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), L_SOCKET_OPTIONS_NONE);

  return l_socket_get_private (self)->options;
}

/**
 * l_socket_set_options: (set-property options)
 * @self: an unconnected socket
 * @options: the options
 *
 * Sets where names are looked for. In another state it is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_socket_set_options (LSocket        *self,
                      LSocketOptions  options)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->state != L_SOCKET_STATE_UNCONNECTED)
    {
      g_warning ("%s: the socket is not unconnected", G_STRFUNC);
      return;
    }

  if (priv->options == options)
    return;

  priv->options = options;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_OPTIONS]);
}

/**
 * l_socket_get_address: (get-property address)
 * @self: a socket
 *
 * Gets the address of the peer, on Unix a [class@Gio.UnixSocketAddress]. That of a client, as a server sees it, is usually
 * anonymous.
 *
 * Returns: (transfer none) (nullable): the address; %NULL while there is no connection, and on Windows
 *
 * Since: 1.0
 */
GSocketAddress *
l_socket_get_address (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_val_if_fail (L_IS_SOCKET (self), NULL);

  priv = l_socket_get_private (self);
  if (!l_socket_is_valid (self))
    return NULL;

  if (priv->address.object == NULL && priv->address.name == NULL)
    priv->address.object = l_transport_get_peer_address (&priv->transport);

  return l_address_to_public (l_address_get_object (&priv->address));
}

/**
 * l_socket_get_half_open: (get-property half-open)
 * @self: a socket
 *
 * Gets whether the socket stays connected when the peer has ended its output.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_socket_get_half_open (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  return l_socket_get_private (self)->half_open;
}

/**
 * l_socket_set_half_open: (set-property half-open)
 * @self: a socket
 * @half_open: %TRUE to stay connected
 *
 * Sets whether the socket stays connected when the peer has ended its output; see [property@LSocket.Socket:half-open].
 *
 * Since: 1.0
 */
void
l_socket_set_half_open (LSocket  *self,
                        gboolean  half_open)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  half_open = !!half_open;
  if (priv->half_open == (guint) half_open)
    return;

  priv->half_open = half_open;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_HALF_OPEN]);
}

/**
 * l_socket_get_low_latency: (get-property low-latency)
 * @self: a socket
 *
 * Gets whether the main loop looks for what comes next before it sleeps.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_socket_get_low_latency (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  return l_socket_get_private (self)->transport.watch.is_low_latency;
}

/**
 * l_socket_set_low_latency: (set-property low-latency)
 * @self: a socket
 * @low_latency: %TRUE to look before sleeping
 *
 * Sets whether the main loop looks for what comes next before it sleeps; see [property@LSocket.Socket:low-latency].
 *
 * Since: 1.0
 */
void
l_socket_set_low_latency (LSocket  *self,
                          gboolean  low_latency)
{
  LReactorWatch *watch;

  g_return_if_fail (L_IS_SOCKET (self));

  watch = &l_socket_get_private (self)->transport.watch;
  low_latency = !!low_latency;
  if (watch->is_low_latency == low_latency)
    return;

  watch->is_low_latency = low_latency;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_LOW_LATENCY]);
}

/**
 * l_socket_get_connect_timeout: (get-property connect-timeout)
 * @self: a socket
 *
 * Gets how long an attempt to connect may take.
 *
 * Returns: the time in milliseconds; 0: a busy server is not waited for, any negative value: no limit
 *
 * Since: 1.0
 */
int
l_socket_get_connect_timeout (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), 0);

  return l_socket_get_private (self)->connect_timeout;
}

/**
 * l_socket_set_connect_timeout: (set-property connect-timeout)
 * @self: a socket
 * @msecs: the time in milliseconds; 0: a busy server is not waited for, any negative value: no limit
 *
 * Sets how long the attempts that begin from now on may take.
 *
 * Since: 1.0
 */
void
l_socket_set_connect_timeout (LSocket *self,
                              int      msecs)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);
  if (priv->connect_timeout == msecs)
    return;

  priv->connect_timeout = msecs;
  g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_CONNECT_TIMEOUT]);
}

/**
 * l_socket_get_socket_descriptor: (get-property socket-descriptor)
 * @self: a socket
 *
 * Gets the file descriptor, on Windows the HANDLE, of the connection. It stays the socket's.
 *
 * Returns: the descriptor; -1 while there is no connection
 *
 * Since: 1.0
 */
gintptr
l_socket_get_socket_descriptor (LSocket *self)
{
  g_return_val_if_fail (L_IS_SOCKET (self), -1);

  return l_socket_is_valid (self) ? l_socket_get_private (self)->transport.descriptor : -1;
}
