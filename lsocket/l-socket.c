/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

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

gboolean
l_socket_set_state (LSocket      *self,
                    LSocketState  state)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  priv->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  if (is_unchanged (priv, session, state))
    g_signal_emit (self, signals[SIGNAL_STATE_CHANGED], 0, state);

  return is_unchanged (priv, session, state);
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
  gboolean is_new_name = set_name (&priv->server_name, server_name);
  gboolean is_new_full_name = set_name (&priv->full_server_name, full_server_name);

  if (is_new_name)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SERVER_NAME]);
  if (is_new_full_name)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FULL_SERVER_NAME]);
}

/* What follows the state, once a session has begun or ended. */
void
l_socket_notify_connection (LSocket *self)
{
  GObject *object = G_OBJECT (self);

  g_object_notify_by_pspec (object, props[PROP_ADDRESS]);
  g_object_notify_by_pspec (object, props[PROP_SOCKET_DESCRIPTOR]);
  g_object_notify_by_pspec (object, props[PROP_VALID]);
}

/* GIOStream */

static gboolean
begin_closing (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  priv->closed = TRUE;
  l_io_device_close (L_IO_DEVICE (self));

  if (priv->state == L_SOCKET_STATE_CONNECTING)
    l_socket_end_attempt (self);
  else if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_socket_start_closing (self);

  return priv->state == L_SOCKET_STATE_UNCONNECTED;
}

static gboolean
l_socket_close (GIOStream     *stream,
                GCancellable  *cancellable,
                GError       **error)
{
  LSocket *self = L_SOCKET (stream);
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean done = TRUE;

  g_object_ref (self);

  begin_closing (self);
  while (priv->state != L_SOCKET_STATE_UNCONNECTED && done)
    done = l_io_device_wait_turn (L_IO_DEVICE (self), -1, cancellable);

  if (!done)
    {
      l_socket_abort (self);
      g_cancellable_set_error_if_cancelled (cancellable, error);
    }

  g_object_unref (self);
  return done;
}

static gboolean
on_close_cancelled (GCancellable *cancellable,
                    gpointer      user_data)
{
  l_socket_abort (g_task_get_source_object (user_data));
  return G_SOURCE_REMOVE;
}

static void
l_socket_close_async (GIOStream           *stream,
                      int                  io_priority,
                      GCancellable        *cancellable,
                      GAsyncReadyCallback  callback,
                      gpointer             user_data)
{
  LSocket *self = L_SOCKET (stream);
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, l_socket_close_async);
  g_task_set_priority (task, io_priority);

  if (begin_closing (self))
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  l_task_watch_cancellable (task, on_close_cancelled);
  priv->end_tasks = g_slist_prepend (priv->end_tasks, g_steal_pointer (&task));
}

static gboolean
l_socket_close_finish (GIOStream     *stream,
                       GAsyncResult  *result,
                       GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* GObject */

static void
l_socket_dispose (GObject *object)
{
  LSocket *self = L_SOCKET (object);
  LSocketPrivate *priv = l_socket_get_private (self);

  /* Silently, and before the inherited close, which then has nothing to wait for. */
  l_socket_tear_down (self);
  priv->state = L_SOCKET_STATE_UNCONNECTED;

  G_OBJECT_CLASS (l_socket_parent_class)->dispose (object);
}

static void
l_socket_finalize (GObject *object)
{
  LSocketPrivate *priv = l_socket_get_private (L_SOCKET (object));

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
   * An attempt to connect has succeeded. What can be written was written to since the attempt began.
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
   * attempt is told before it ends.
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

  priv->self = self;
  priv->error = L_SOCKET_ERROR_UNKNOWN;
  priv->connect_timeout = L_SOCKET_DEFAULT_TIMEOUT;
  priv->connect_timer.func = l_socket_connect_timer_func;
  l_transport_init (&priv->transport, l_io_device_get_private (L_IO_DEVICE (self))->reactor, l_socket_watch_func);
}

LSocket *
l_socket_new_accepted (LReactor       *reactor,
                       gintptr         descriptor,
                       LSocketOptions  options,
                       GRefString     *server_name,
                       GRefString     *full_server_name)
{
  LSocket *self = l_socket_new ();
  LSocketPrivate *priv = l_socket_get_private (self);

  l_io_device_set_reactor (L_IO_DEVICE (self), reactor);
  priv->transport.reactor = reactor;
  priv->session++;
  priv->state = L_SOCKET_STATE_CONNECTED;
  priv->options = options;
  priv->server_name = server_name != NULL ? g_ref_string_acquire (server_name) : NULL;
  priv->full_server_name = full_server_name != NULL ? g_ref_string_acquire (full_server_name) : NULL;
  l_transport_adopt_accepted (&priv->transport, descriptor);
  l_io_device_set_open (L_IO_DEVICE (self), L_OPEN_MODE_READ_WRITE, FALSE);

  return self;
}

void
l_socket_start (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_io_device_set_input_enabled (L_IO_DEVICE (self), TRUE);
}

void
l_socket_set_end_func (LSocket        *self,
                       LSocketEndFunc  func,
                       gpointer        user_data)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  priv->end_func = func;
  priv->end_data = user_data;
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
 * l_socket_connect_to_server:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 *
 * Begins to connect to the server of that name.
 *
 * It never blocks. It usually ends before the function returns, and then the signals come from inside: connect to them
 * first. A busy server is tried again until [property@LSocket.Socket:connect-timeout].
 *
 * What was left unread of the last connection is gone, after [signal@LSocket.IODevice::about-to-close]. A socket that is
 * connected or about to be, or that was closed by [method@Gio.IOStream.close], emits [signal@LSocket.Socket::error] with
 * %L_SOCKET_ERROR_OPERATION and goes on as it was; so does a mode without reading and writing.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_server (LSocket    *self,
                            const char *name,
                            LOpenMode   mode)
{
  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (name != NULL);

  g_object_ref (self);
  l_socket_begin_attempt (self, name, NULL, mode, NULL);
  g_object_unref (self);
}

/**
 * l_socket_connect_to_address:
 * @self: a socket
 * @address: the address of the server, on Unix a [class@Gio.UnixSocketAddress]
 * @mode: what the connection is for: with reading, writing or both
 *
 * Begins to connect to the server at that address, as [method@LSocket.Socket.connect_to_server] does by name. It serves
 * for abstract names with NUL bytes, and for whoever has an address already.
 *
 * A [class@Gio.UnixSocketAddress] has cut a longer path at 107 bytes, so one of exactly that length is refused with
 * %L_SOCKET_ERROR_SERVER_NOT_FOUND; any other kind of address, and Windows, with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_address (LSocket        *self,
                             GSocketAddress *address,
                             LOpenMode       mode)
{
  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (G_IS_SOCKET_ADDRESS (address));

  g_object_ref (self);
  l_socket_begin_attempt (self, NULL, address, mode, NULL);
  g_object_unref (self);
}

static gboolean
on_connect_cancelled (GCancellable *cancellable,
                      gpointer      user_data)
{
  LSocket *self = g_object_ref (g_task_get_source_object (user_data));

  if (l_socket_get_private (self)->connect_task == user_data)
    l_socket_end_attempt (self);

  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

/**
 * l_socket_connect_to_server_async:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 * @cancellable: (nullable): ends the attempt
 * @callback: (scope async): called when the attempt has ended
 * @user_data: (closure): for @callback
 *
 * Connects to the server of that name, as [method@LSocket.Socket.connect_to_server] does, and calls back at the end.
 *
 * The signals are emitted too, except that a cancelled attempt emits no [signal@LSocket.Socket::error]. The callback is
 * never called before the function has returned.
 *
 * Since: 1.0
 */
void
l_socket_connect_to_server_async (LSocket             *self,
                                  const char          *name,
                                  LOpenMode            mode,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  GTask *task;

  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_socket_connect_to_server_async);
  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }

  g_object_ref (self);
  l_socket_begin_attempt (self, name, NULL, mode, task);
  if (l_socket_get_private (self)->connect_task == task)
    l_task_watch_cancellable (task, on_connect_cancelled);
  g_object_unref (self);
}

/**
 * l_socket_connect_to_server_finish:
 * @self: a socket
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Socket.connect_to_server_async].
 *
 * Returns: %TRUE if the socket was connected; %FALSE with an error of [error@LSocket.SocketError], or with
 *   %G_IO_ERROR_CANCELLED when the attempt was cancelled or ended by the program
 *
 * Since: 1.0
 */
gboolean
l_socket_connect_to_server_finish (LSocket       *self,
                                   GAsyncResult  *result,
                                   GError       **error)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
connect_sync (LSocket       *self,
              const char    *name,
              LOpenMode      mode,
              GCancellable  *cancellable,
              GError       **error)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session = priv->session;

  l_socket_begin_attempt (self, name, NULL, mode, NULL);
  /* It did not begin at all when the session is still the old one, whatever state that is in. */
  if (priv->session != session && !l_socket_wait_for_attempt (self, -1, cancellable))
    {
      l_socket_end_attempt (self);
      g_cancellable_set_error_if_cancelled (cancellable, error);
      return FALSE;
    }

  if (priv->session != session && priv->state == L_SOCKET_STATE_CONNECTED)
    return TRUE;

  if (priv->error == L_SOCKET_ERROR_UNKNOWN && l_io_device_get_error_string (L_IO_DEVICE (self)) == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The attempt to connect was ended"));
  else
    g_set_error_literal (error, L_SOCKET_ERROR, priv->error, l_io_device_get_error_string (L_IO_DEVICE (self)));
  return FALSE;
}

/**
 * l_socket_connect_to_server_sync:
 * @self: a socket
 * @name: the name of the server
 * @mode: what the connection is for: with reading, writing or both
 * @cancellable: (nullable): ends the attempt
 * @error: return location for an error
 *
 * Connects to the server of that name, as [method@LSocket.Socket.connect_to_server] does, and blocks the calling thread
 * until the attempt has ended, at the latest after [property@LSocket.Socket:connect-timeout]. No main loop runs meanwhile.
 *
 * The signals are emitted too, except that a cancelled attempt emits no [signal@LSocket.Socket::error].
 *
 * Returns: %TRUE if the socket was connected; %FALSE with an error of [error@LSocket.SocketError], or with
 *   %G_IO_ERROR_CANCELLED when the attempt was cancelled or ended by the program
 *
 * Since: 1.0
 */
gboolean
l_socket_connect_to_server_sync (LSocket       *self,
                                 const char    *name,
                                 LOpenMode      mode,
                                 GCancellable  *cancellable,
                                 GError       **error)
{
  gboolean connected;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  g_object_ref (self);
  connected = connect_sync (self, name, mode, cancellable, error);
  g_object_unref (self);

  return connected;
}

/**
 * l_socket_disconnect_from_server:
 * @self: a socket
 *
 * Ends the connection once everything that was written is handed to the system; at once if it is already.
 *
 * Until then the socket holds a reference to itself, is in the closing state, takes what is written and receives nothing
 * more. What had arrived can still be read afterwards. An attempt to connect that is under way is ended. Without a
 * connection it does nothing.
 *
 * Since: 1.0
 */
void
l_socket_disconnect_from_server (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);

  g_object_ref (self);
  if (priv->state == L_SOCKET_STATE_CONNECTING)
    l_socket_end_attempt (self);
  else if (priv->state == L_SOCKET_STATE_CONNECTED)
    l_socket_start_closing (self);
  g_object_unref (self);
}

static gboolean
on_disconnect_cancelled (GCancellable *cancellable,
                         gpointer      user_data)
{
  GTask *task = user_data;
  LSocketPrivate *priv = l_socket_get_private (g_task_get_source_object (task));
  GSList *link = g_slist_find (priv->end_tasks, task);

  if (link != NULL)
    {
      priv->end_tasks = g_slist_delete_link (priv->end_tasks, link);
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

/**
 * l_socket_disconnect_from_server_async:
 * @self: a socket
 * @cancellable: (nullable): ends the waiting, and not the disconnecting
 * @callback: (scope async): called when the socket is unconnected
 * @user_data: (closure): for @callback
 *
 * Ends the connection as [method@LSocket.Socket.disconnect_from_server] does, and calls back when that is done. The
 * callback is never called before the function has returned.
 *
 * Since: 1.0
 */
void
l_socket_disconnect_from_server_async (LSocket             *self,
                                       GCancellable        *cancellable,
                                       GAsyncReadyCallback  callback,
                                       gpointer             user_data)
{
  LSocketPrivate *priv;
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (L_IS_SOCKET (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  priv = l_socket_get_private (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_socket_disconnect_from_server_async);

  if (g_task_return_error_if_cancelled (task))
    return;

  if (priv->state == L_SOCKET_STATE_CONNECTING || priv->state == L_SOCKET_STATE_UNCONNECTED)
    {
      l_socket_disconnect_from_server (self);
      g_task_return_boolean (task, TRUE);
      return;
    }

  l_task_watch_cancellable (task, on_disconnect_cancelled);
  priv->end_tasks = g_slist_prepend (priv->end_tasks, g_steal_pointer (&task));
  l_socket_disconnect_from_server (self);
}

/**
 * l_socket_disconnect_from_server_finish:
 * @self: a socket
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Socket.disconnect_from_server_async].
 *
 * Returns: %TRUE if the connection ended with everything handed to the system; %FALSE with
 *   %L_SOCKET_ERROR_PEER_CLOSED when the peer was gone before, or with %G_IO_ERROR_CANCELLED
 *
 * Since: 1.0
 */
gboolean
l_socket_disconnect_from_server_finish (LSocket       *self,
                                        GAsyncResult  *result,
                                        GError       **error)
{
  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * l_socket_shutdown_write:
 * @self: a connected socket
 * @error: return location for an error
 *
 * Ends the output: sends what is queued and then tells the peer that nothing more will come, while its answer can still
 * be received. From here nothing can be written, and the peer's closing is orderly: no error.
 *
 * It fails with %L_SOCKET_ERROR_OPERATION when the socket is not connected, and on Windows always with
 * %L_SOCKET_ERROR_UNSUPPORTED_OPERATION, because a pipe cannot be half closed.
 *
 * Returns: %TRUE if the output ends, at once or when what is queued was sent
 *
 * Since: 1.0
 */
gboolean
l_socket_shutdown_write (LSocket  *self,
                         GError  **error)
{
  gboolean done;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_object_ref (self);
  done = l_socket_start_shutdown (self, error);
  g_object_unref (self);

  return done;
}

/**
 * l_socket_abort:
 * @self: a socket
 *
 * Ends the connection or the attempt at once, dropping what was written and not yet handed to the system, and closes the
 * device, dropping what was not read.
 *
 * Since: 1.0
 */
void
l_socket_abort (LSocket *self)
{
  LSocketPrivate *priv;

  g_return_if_fail (L_IS_SOCKET (self));

  priv = l_socket_get_private (self);

  g_object_ref (self);
  switch (priv->state)
    {
    case L_SOCKET_STATE_CONNECTING:
      l_socket_end_attempt (self);
      break;
    case L_SOCKET_STATE_CONNECTED:
    case L_SOCKET_STATE_CLOSING:
      l_socket_drop_connection (self);
      break;
    case L_SOCKET_STATE_UNCONNECTED:
    default:
      l_io_device_close (L_IO_DEVICE (self));
      break;
    }
  g_object_unref (self);
}

/**
 * l_socket_flush:
 * @self: a socket
 *
 * Hands as much as possible of what was written to the system now, without waiting, and emits
 * [signal@LSocket.IODevice::bytes-written] for it.
 *
 * Returns: %TRUE if anything was handed over
 *
 * Since: 1.0
 */
gboolean
l_socket_flush (LSocket *self)
{
  LSocketPrivate *priv;
  gboolean any = FALSE;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  priv = l_socket_get_private (self);

  g_object_ref (self);
  if (priv->state == L_SOCKET_STATE_CONNECTED || priv->state == L_SOCKET_STATE_CLOSING)
    any = l_io_device_flush (L_IO_DEVICE (self));
  g_object_unref (self);

  return any;
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
  LSocketState state;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  state = l_socket_get_private (self)->state;

  return state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CLOSING;
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

  return l_socket_is_valid (self) ? priv->address : NULL;
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

/**
 * l_socket_set_socket_descriptor:
 * @self: an unconnected socket
 * @descriptor: the file descriptor, on Windows the HANDLE, of a connection
 * @state: %L_SOCKET_STATE_CONNECTED, or %L_SOCKET_STATE_CONNECTING while a connect() on it is under way
 * @mode: what the connection is for: with reading, writing or both
 * @error: return location for an error
 *
 * Takes over a connection that was made elsewhere. On success the socket owns the descriptor and
 * [signal@LSocket.Socket::state-changed] is emitted; [signal@LSocket.Socket::connected] only at the end of the connecting
 * state. The descriptor is made non-blocking and is not inherited by child processes.
 *
 * It fails with %L_SOCKET_ERROR_OPERATION when the socket is not unconnected or the descriptor not connected, and with
 * %L_SOCKET_ERROR_UNSUPPORTED_OPERATION when that is not a Unix stream socket, on Windows not a pipe. The error is also
 * emitted as [signal@LSocket.Socket::error], and the descriptor stays the caller's.
 *
 * Returns: %TRUE if the socket owns the descriptor now
 *
 * Since: 1.0
 */
gboolean
l_socket_set_socket_descriptor (LSocket       *self,
                                gintptr        descriptor,
                                LSocketState   state,
                                LOpenMode      mode,
                                GError       **error)
{
  gboolean done;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);
  g_return_val_if_fail (state == L_SOCKET_STATE_CONNECTED || state == L_SOCKET_STATE_CONNECTING, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_object_ref (self);
  done = l_socket_adopt (self, descriptor, state, mode, error);
  g_object_unref (self);

  return done;
}

/**
 * l_socket_wait_for_connected:
 * @self: a socket
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until an attempt to connect has ended, without a main loop. The signals are emitted from inside.
 *
 * At the end of the time the error is set to %L_SOCKET_ERROR_TIMEOUT, and the attempt goes on.
 *
 * Returns: %TRUE if the socket is connected; %FALSE at the end of the time, when the attempt failed or there is none
 *
 * Since: 1.0
 */
gboolean
l_socket_wait_for_connected (LSocket *self,
                             int      msecs)
{
  LSocketPrivate *priv;
  gboolean connected;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  priv = l_socket_get_private (self);

  g_object_ref (self);
  connected = l_socket_device_funcs.wait_until_open (L_IO_DEVICE (self), l_io_device_get_deadline (msecs)) &&
              priv->state == L_SOCKET_STATE_CONNECTED;
  g_object_unref (self);

  return connected;
}

static gboolean
wait_for_disconnected (LSocket *self,
                       gint64   deadline)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint session;

  if (!l_socket_device_funcs.wait_until_open (L_IO_DEVICE (self), deadline))
    return FALSE;

  session = priv->session;
  while (priv->session == session && priv->state != L_SOCKET_STATE_UNCONNECTED)
    {
      if (l_io_device_wait_turn (L_IO_DEVICE (self), deadline, NULL))
        continue;

      l_socket_device_funcs.timed_out (L_IO_DEVICE (self));
      return FALSE;
    }

  return TRUE;
}

/**
 * l_socket_wait_for_disconnected:
 * @self: a socket
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until the connection has ended, without a main loop. Meanwhile what is queued is sent and what
 * arrives is received; the signals are emitted from inside. A full read buffer does not keep the end from being noticed.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if the connection has ended; %FALSE at the end of the time, or when there is none
 *
 * Since: 1.0
 */
gboolean
l_socket_wait_for_disconnected (LSocket *self,
                                int      msecs)
{
  gboolean ended;

  g_return_val_if_fail (L_IS_SOCKET (self), FALSE);

  g_object_ref (self);
  ended = wait_for_disconnected (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return ended;
}
