/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-socket-private.h"

/**
 * LSocket:
 *
 * A connection to a local server, made by name: over a Unix domain socket, on Windows over a named pipe.
 *
 * ```c
 * static void
 * on_connected (LSocket *socket)
 * {
 *   l_io_device_write (L_IO_DEVICE (socket), "hello\n", 6, NULL);
 * }
 *
 * static void
 * on_ready_read (LSocket *socket)
 * {
 *   while (l_io_device_can_read_line (L_IO_DEVICE (socket)))
 *     {
 *       g_autofree char *line = l_io_device_read_line (L_IO_DEVICE (socket), 0, NULL, NULL);
 *
 *       g_print ("%s", line);
 *     }
 * }
 *
 * socket = l_socket_new ();
 * g_signal_connect (socket, "connected", G_CALLBACK (on_connected), NULL);
 * g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
 * l_socket_connect_to_server (socket, "market", L_OPEN_MODE_READ_WRITE);
 * ```
 *
 * A plain name such as `market` lives in the user's runtime directory, where nobody else can put something; a path
 * begins with a slash; [property@LSocket.Socket:options] has other places. [class@LSocket.Server] listens at the same names.
 *
 * The state is a property, and each change of it is told by [signal@LSocket.Socket::state-changed]. All accessors
 * agree with the signal that is being emitted, and every handler may call anything on the socket, and drop it:
 *
 * - connecting: state-changed (connecting), state-changed (connected), connected;
 * - connecting in vain: state-changed (connecting), error, state-changed (unconnected);
 * - [method@LSocket.Socket.disconnect_from_server]: state-changed (closing), bytes-written as long as something is
 *   queued, state-changed (unconnected), read-channel-finished, disconnected;
 * - the peer closes: ready-read, error (peer-closed), state-changed (closing), state-changed (unconnected),
 *   read-channel-finished, disconnected; what had arrived can still be read;
 * - [method@LSocket.Socket.abort]: state-changed (unconnected), read-channel-finished, disconnected, about-to-close;
 * - [method@Gio.IOStream.close]: about-to-close, state-changed (closing), bytes-written, state-changed (unconnected),
 *   read-channel-finished, disconnected.
 *
 * In state-changed (unconnected), read-channel-finished and disconnected the socket can be connected again.
 *
 * Nothing is lost that was accepted: a socket that is closing holds a reference to itself until everything is sent.
 * Dropping the last reference of a connected socket closes it at once, silently.
 *
 * Since: 1.0
 */

typedef enum
{
  PROP_STATE = 1,
  PROP_ERROR,
  PROP_SERVER_NAME,
  PROP_FULL_SERVER_NAME,
  PROP_OPTIONS,
  PROP_SOCKET_DESCRIPTOR,
  PROP_VALID,
  PROP_CONNECT_TIMEOUT,
  PROP_ADDRESS,
  PROP_HALF_OPEN,
} LSocketProperty;

static GParamSpec *props[PROP_HALF_OPEN + 1];

typedef enum
{
  SIGNAL_CONNECTED,
  SIGNAL_DISCONNECTED,
  SIGNAL_ERROR,
  SIGNAL_STATE_CHANGED,
} LSocketSignal;

static guint signals[SIGNAL_STATE_CHANGED + 1];

G_DEFINE_TYPE_WITH_PRIVATE (LSocket, l_socket, L_TYPE_IO_DEVICE)

LSocketPrivate *
l_socket_get_private (LSocket *self)
{
  return l_socket_get_instance_private (self);
}

/* What the state machine sets and emits */

static gboolean
is_unchanged (LSocketPrivate *priv,
              guint           session,
              LSocketState    state)
{
  return priv->session == session && priv->state == state;
}

static gboolean
is_connection (LSocketState state)
{
  return state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING;
}

void
l_socket_begin_change (LSocket *self)
{
  g_object_freeze_notify (G_OBJECT (self));
}

gboolean
l_socket_end_change (LSocket      *self,
                     LSocketState  state)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean was_connection = is_connection (priv->state);
  GObject *object = G_OBJECT (self);
  guint session = priv->session;

  priv->state = state;
  if (is_connection (state) != was_connection)
    {
      g_object_notify_by_pspec (object, props[PROP_ADDRESS]);
      g_object_notify_by_pspec (object, props[PROP_SOCKET_DESCRIPTOR]);
      g_object_notify_by_pspec (object, props[PROP_VALID]);
    }
  g_object_thaw_notify (object);

  if (is_unchanged (priv, session, state))
    g_object_notify_by_pspec (object, props[PROP_STATE]);
  if (is_unchanged (priv, session, state))
    g_signal_emit (self, signals[SIGNAL_STATE_CHANGED], 0, state);

  return is_unchanged (priv, session, state);
}

gboolean
l_socket_set_state (LSocket      *self,
                    LSocketState  state)
{
  l_socket_begin_change (self);
  return l_socket_end_change (self, state);
}

void
l_socket_set_error (LSocket      *self,
                    LSocketError  code,
                    const char   *message)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_new = priv->error != code;

  priv->error = code;
  l_io_device_set_error_string (L_IO_DEVICE (self), message);
  if (is_new)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR]);
}

gboolean
l_socket_report_error (LSocket      *self,
                       const GError *error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;
  LSocketError code = error->domain == L_SOCKET_ERROR ? (LSocketError) error->code : L_SOCKET_ERROR_UNKNOWN;

  l_socket_set_error (self, code, error->message);
  if (is_unchanged (priv, session, state))
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, code);

  return is_unchanged (priv, session, state);
}

static gboolean
emit_simple (LSocket *self,
             guint    signal_id)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  g_signal_emit (self, signal_id, 0);

  return is_unchanged (priv, session, state);
}

gboolean
l_socket_emit_connected (LSocket *self)
{
  return emit_simple (self, signals[SIGNAL_CONNECTED]);
}

gboolean
l_socket_emit_disconnected (LSocket *self)
{
  return emit_simple (self, signals[SIGNAL_DISCONNECTED]);
}

gboolean
l_socket_emit_input_finished (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  priv->input_finished = TRUE;
  l_io_device_emit_read_channel_finished (L_IO_DEVICE (self));

  return is_unchanged (priv, session, state);
}

static gboolean
set_name (GRefString **name,
          const char  *value)
{
  GRefString *old = *name;

  if (old == value || g_strcmp0 (old, value) == 0)
    return FALSE;

  *name = value != NULL ? g_ref_string_new (value) : NULL;
  g_clear_pointer (&old, g_ref_string_release);
  return TRUE;
}

void
l_socket_set_names (LSocket    *self,
                    const char *server_name,
                    const char *full_server_name)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_new_name, is_new_full_name;

  /* An error that another thread meets names them. */
  l_io_device_lock (l_socket_get_device (self));
  is_new_name = set_name (&priv->server_name, server_name);
  is_new_full_name = set_name (&priv->full_server_name, full_server_name);
  l_io_device_unlock (l_socket_get_device (self));

  if (is_new_name)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SERVER_NAME]);
  if (is_new_full_name)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FULL_SERVER_NAME]);
}

/* GObject */

static void
l_socket_dispose (GObject *object)
{
  LSocket *self = L_SOCKET (object);
  LSocketPrivate *priv = l_socket_get_private (self);

  /* Silently, and before the inherited close, which then has nothing to wait for. */
  priv->disposed = TRUE;
  l_socket_tear_down (self);
  priv->state = L_SOCKET_STATE_UNCONNECTED;
  if (priv->transport.reactor != NULL)
    l_reactor_cancel_task (priv->transport.reactor, &priv->close_task);

  G_OBJECT_CLASS (l_socket_parent_class)->dispose (object);
}

static void
l_socket_finalize (GObject *object)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (object));

  l_transport_clear (&priv->transport);
  g_clear_pointer (&priv->server_name, g_ref_string_release);
  g_clear_pointer (&priv->full_server_name, g_ref_string_release);

  G_OBJECT_CLASS (l_socket_parent_class)->finalize (object);
}

static void
l_socket_get_property (GObject    *object,
                       guint       prop_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  LSocket *self = L_SOCKET (object);

  switch ((LSocketProperty) prop_id)
    {
    case PROP_STATE:
      g_value_set_enum (value, l_socket_get_state (self));
      break;
    case PROP_ERROR:
      g_value_set_enum (value, l_socket_get_error (self));
      break;
    case PROP_SERVER_NAME:
      g_value_set_string (value, l_socket_get_server_name (self));
      break;
    case PROP_FULL_SERVER_NAME:
      g_value_set_string (value, l_socket_get_full_server_name (self));
      break;
    case PROP_OPTIONS:
      g_value_set_flags (value, l_socket_get_options (self));
      break;
    case PROP_SOCKET_DESCRIPTOR:
      g_value_set_int64 (value, l_socket_get_socket_descriptor (self));
      break;
    case PROP_VALID:
      g_value_set_boolean (value, l_socket_is_valid (self));
      break;
    case PROP_CONNECT_TIMEOUT:
      g_value_set_int (value, l_socket_get_connect_timeout (self));
      break;
    case PROP_ADDRESS:
      g_value_set_object (value, l_socket_get_address (self));
      break;
    case PROP_HALF_OPEN:
      g_value_set_boolean (value, l_socket_get_half_open (self));
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
    case PROP_OPTIONS:
      l_socket_set_options (self, g_value_get_flags (value));
      break;
    case PROP_CONNECT_TIMEOUT:
      l_socket_set_connect_timeout (self, g_value_get_int (value));
      break;
    case PROP_HALF_OPEN:
      l_socket_set_half_open (self, g_value_get_boolean (value));
      break;
    case PROP_STATE:
    case PROP_ERROR:
    case PROP_SERVER_NAME:
    case PROP_FULL_SERVER_NAME:
    case PROP_SOCKET_DESCRIPTOR:
    case PROP_VALID:
    case PROP_ADDRESS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * LSocket:state: (getter get_state)
   *
   * The state of the connection.
   *
   * Since: 1.0
   */
  props[PROP_STATE] =
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
  props[PROP_ERROR] =
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
  props[PROP_SERVER_NAME] =
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
  props[PROP_FULL_SERVER_NAME] =
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
  props[PROP_OPTIONS] =
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
  props[PROP_SOCKET_DESCRIPTOR] =
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
  props[PROP_VALID] =
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
  props[PROP_CONNECT_TIMEOUT] =
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
  props[PROP_ADDRESS] =
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
  props[PROP_HALF_OPEN] =
    g_param_spec_boolean ("half-open", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (props), props);
}

static void
install_signals (GType type)
{
  /**
   * LSocket::connected:
   * @self: the socket
   *
   * An attempt to connect has succeeded. What was written since it began is about to be sent.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CONNECTED] =
    g_signal_new ("connected", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LSocketClass, connected),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_CONNECTED], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LSocket::disconnected:
   * @self: the socket
   *
   * A connection has ended, once for each that there was. The socket can be connected again from here.
   *
   * Since: 1.0
   */
  signals[SIGNAL_DISCONNECTED] =
    g_signal_new ("disconnected", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LSocketClass, disconnected),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_DISCONNECTED], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LSocket::error:
   * @self: the socket
   * @error: what it was
   *
   * Something went wrong; [property@LSocket.IODevice:error-string] says it in words. What ends a connection or an
   * attempt is told before it ends, so connecting again is refused here, with this signal once more: a handler that tries
   * it each time never comes to an end. The place for another try is [signal@LSocket.Socket::state-changed].
   *
   * Since: 1.0
   */
  signals[SIGNAL_ERROR] =
    g_signal_new ("error", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LSocketClass, error),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__ENUM,
                  G_TYPE_NONE, 1, L_TYPE_SOCKET_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_ERROR], type, g_cclosure_marshal_VOID__ENUMv);

  /**
   * LSocket::state-changed:
   * @self: the socket
   * @state: the new state
   *
   * The state has changed, once for each transition. `notify::state` comes just before it.
   *
   * Since: 1.0
   */
  signals[SIGNAL_STATE_CHANGED] =
    g_signal_new ("state-changed", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LSocketClass, state_changed),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__ENUM,
                  G_TYPE_NONE, 1, L_TYPE_SOCKET_STATE);
  g_signal_set_va_marshaller (signals[SIGNAL_STATE_CHANGED], type, g_cclosure_marshal_VOID__ENUMv);
}

static void
l_socket_class_init (LSocketClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  object_class->dispose = l_socket_dispose;
  object_class->finalize = l_socket_finalize;
  object_class->get_property = l_socket_get_property;
  object_class->set_property = l_socket_set_property;

  stream_class->close_fn = l_socket_close;
  stream_class->close_async = l_socket_close_async;
  stream_class->close_finish = l_socket_close_finish;

  L_IO_DEVICE_CLASS (klass)->funcs = &l_socket_device_funcs;

  install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
l_socket_init (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevicePrivate *device_priv = l_io_device_get_private (L_IO_DEVICE (self));

  priv->self = self;
  priv->error = L_SOCKET_ERROR_UNKNOWN;
  priv->connect_timeout = L_SOCKET_DEFAULT_TIMEOUT;
  priv->connect_timer.func = l_socket_connect_timer_func;
  priv->connect_timer.object = &device_priv->weak_ref;
  priv->close_task.func = l_socket_close_task_func;
  priv->close_task.object = &device_priv->weak_ref;
  l_transport_init (&priv->transport, device_priv->reactor, l_socket_watch_func);
  priv->transport.watch.object = &device_priv->weak_ref;
}

LSocket *
l_socket_new_accepted (LReactor       *reactor,
                       gintptr         descriptor,
                       LSocketOptions  options,
                       GRefString     *server_name,
                       GRefString     *full_server_name,
                       int            *code)
{
  LSocket *self = l_socket_new ();
  LSocketPrivate *priv = l_socket_get_private (self);

  l_io_device_set_reactor (L_IO_DEVICE (self), reactor);
  priv->transport.reactor = reactor;
  if (!l_transport_adopt_accepted (&priv->transport, descriptor, code))
    {
      g_object_unref (self);
      return NULL;
    }

  priv->session++;
  priv->state = L_SOCKET_STATE_CONNECTED;
  priv->options = options;
  priv->server_name = server_name != NULL ? g_ref_string_acquire (server_name) : NULL;
  priv->full_server_name = full_server_name != NULL ? g_ref_string_acquire (full_server_name) : NULL;
  l_io_device_set_held (L_IO_DEVICE (self), TRUE);
  l_io_device_set_open (L_IO_DEVICE (self), L_OPEN_MODE_READ_WRITE);

  return self;
}

void
l_socket_hold (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_io_device_set_held (L_IO_DEVICE (self), TRUE);
}

void
l_socket_start (LSocket *self)
{
  l_io_device_set_held (L_IO_DEVICE (self), FALSE);
}

void
l_socket_set_end_func (LSocket        *self,
                       LSocketEndFunc  func,
                       GWeakRef       *object)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  l_io_device_lock (l_socket_get_device (self));
  priv->end_func = func;
  priv->end_object = object;
  l_io_device_unlock (l_socket_get_device (self));
}

/* Public */

/**
 * l_socket_new:
 *
 * Makes an unconnected socket. It belongs to the thread-default [struct@GLib.MainContext] of this moment.
 *
 * Returns: (transfer full): a new socket
 *
 * Since: 1.0
 */
LSocket *
l_socket_new (void)
{
  return g_object_new (L_TYPE_SOCKET, NULL);
}

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

  return is_connection (l_socket_get_private (self)->state);
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
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_OPTIONS]);
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
  if (priv->address == NULL && l_socket_is_valid (self))
    priv->address = l_transport_get_peer_address (&priv->transport);

  return l_socket_is_valid (self) ? l_address_to_public (priv->address) : NULL;
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
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_HALF_OPEN]);
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
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CONNECT_TIMEOUT]);
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
