/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-log-private.h"
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
 * Dropping the last reference of a connected socket closes it at once, silently. When a handler drops it inside
 * [method@Gio.IOStream.close], the socket goes in the next turn of the loop; in a thread that runs no loop, who calls that
 * holds a reference.
 *
 * Since: 1.0
 */

typedef enum
{
  SIGNAL_CONNECTED,
  SIGNAL_DISCONNECTED,
  SIGNAL_ERROR,
  SIGNAL_STATE_CHANGED,
} LSocketSignal;

static guint signals[SIGNAL_STATE_CHANGED + 1];

G_DEFINE_TYPE_WITH_PRIVATE (LSocket, l_socket, L_TYPE_IO_DEVICE)

int l_socket_private_offset;

/* What the state machine sets and emits */

static const char *
get_state_nick (LSocketState state)
{
  return l_log_get_nick (L_TYPE_SOCKET_STATE, (int) state);
}

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
  l_io_device_hold_notify (l_socket_get_device (self));
}

static void
notify_or_hold (LSocket         *self,
                LSocketProperty  property)
{
  if (l_io_device_get_private (l_socket_get_device (self))->holds_notify)
    l_socket_get_private (self)->held_props |= 1u << property;
  else
    g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[property]);
}

static void
release_notify (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  guint held_props = priv->held_props;

  priv->held_props = 0;
  l_io_device_release_notify (l_socket_get_device (self));
  l_io_device_notify_all (l_socket_get_device (self), l_socket_props, held_props);
}

static void
call_end_func (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  g_autoptr(GObject) object = NULL;
  LSocketEndFunc func;

  l_io_device_lock (l_socket_get_device (self));
  func = g_steal_pointer (&priv->end_func);
  if (func != NULL)
    object = g_weak_ref_get (priv->end_object);
  l_io_device_unlock (l_socket_get_device (self));

  if (object != NULL)
    func (self, object);
}

static void
set_state (LSocketPrivate *priv,
           LSocketState    state)
{
  priv->state = state;
  if (state != L_SOCKET_STATE_UNCONNECTED)
    L_LOG (priv->self, l_socket_get_display_name (priv), get_state_nick (state), "state changed");
}

static gboolean
tell_state (LSocket      *self,
            guint         session,
            LSocketState  state)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  /* The server lets go, and shows it, before the state is told. */
  if (state == L_SOCKET_STATE_UNCONNECTED)
    call_end_func (self);
  if (is_unchanged (priv, session, state))
    g_object_notify_by_pspec (G_OBJECT (self), l_socket_props[L_SOCKET_PROP_STATE]);
  if (is_unchanged (priv, session, state))
    g_signal_emit (self, signals[SIGNAL_STATE_CHANGED], 0, state);

  return is_unchanged (priv, session, state);
}

gboolean
l_socket_end_change (LSocket      *self,
                     LSocketState  state)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean was_connection = is_connection (priv->state);
  guint session = priv->session;

  set_state (priv, state);
  if (is_connection (state) != was_connection)
    priv->held_props |= 1u << L_SOCKET_PROP_ADDRESS | 1u << L_SOCKET_PROP_PEER_CREDENTIALS |
                        1u << L_SOCKET_PROP_SOCKET_DESCRIPTOR | 1u << L_SOCKET_PROP_VALID;
  release_notify (self);

  return tell_state (self, session, state);
}

gboolean
l_socket_set_closing (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);

  set_state (priv, L_SOCKET_STATE_CLOSING);
  return tell_state (self, priv->session, L_SOCKET_STATE_CLOSING);
}

static void
log_error (LSocketPrivate *priv,
           const char     *message)
{
  L_LOG (priv->self, l_socket_get_display_name (priv), get_state_nick (priv->state), "%s: %s",
         l_log_get_nick (L_TYPE_SOCKET_ERROR, (int) priv->error), message);
}

void
l_socket_set_error (LSocket      *self,
                    LSocketError  code,
                    const char   *message)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_new = priv->error != code;

  priv->error = code;
  if (message != NULL)
    log_error (priv, message);
  l_io_device_set_error_string (L_IO_DEVICE (self), message);
  if (is_new)
    notify_or_hold (self, L_SOCKET_PROP_ERROR);
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

static void
set_peer_closed (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  GRefString *name = l_socket_get_display_name (priv);
  gboolean is_new = priv->error != L_SOCKET_ERROR_PEER_CLOSED;

  priv->error = L_SOCKET_ERROR_PEER_CLOSED;
  g_clear_pointer (&priv->lost_name, g_ref_string_release);
  priv->lost_name = name != NULL ? g_ref_string_acquire (name) : NULL;
  if (l_log_is_wanted ())
    {
      g_autofree char *message = l_error_describe_peer_closed (name);

      log_error (priv, message);
    }

  l_io_device_defer_error_string (l_socket_get_device (self));
  if (is_new)
    notify_or_hold (self, L_SOCKET_PROP_ERROR);
}

gboolean
l_socket_report_peer_closed (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LSocketState state = priv->state;
  guint session = priv->session;

  set_peer_closed (self);
  if (is_unchanged (priv, session, state))
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, L_SOCKET_ERROR_PEER_CLOSED);

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
          GRefString  *value)
{
  GRefString *old = *name;

  if (old == value || g_strcmp0 (old, value) == 0)
    return FALSE;

  *name = value != NULL ? g_ref_string_acquire (value) : NULL;
  g_clear_pointer (&old, g_ref_string_release);
  return TRUE;
}

void
l_socket_set_names (LSocket    *self,
                    GRefString *server_name,
                    GRefString *full_server_name)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  gboolean is_new_name, is_new_full_name;

  /* An error that another thread meets names them. */
  l_io_device_lock (l_socket_get_device (self));
  is_new_name = set_name (&priv->server_name, server_name);
  is_new_full_name = set_name (&priv->full_server_name, full_server_name);
  l_io_device_unlock (l_socket_get_device (self));

  if (is_new_name)
    notify_or_hold (self, L_SOCKET_PROP_SERVER_NAME);
  if (is_new_full_name)
    notify_or_hold (self, L_SOCKET_PROP_FULL_SERVER_NAME);
}

/* The last that is logged of a session tells them once more. */
void
l_socket_clear_names (LSocket *self)
{
  L_LOG (self, l_socket_get_display_name (l_socket_get_private (self)), get_state_nick (L_SOCKET_STATE_UNCONNECTED), "state changed");

  l_socket_set_names (self, NULL, NULL);
}

/* GObject */

static void
l_socket_dispose (GObject *object)
{
  LSocket *self = L_SOCKET (object);
  LSocketPrivate *priv = l_socket_get_private (self);

  l_io_device_leave_streams (l_socket_get_device (self));

  /* Silently, and before the inherited close, which then has nothing to wait for. */
  priv->disposed = TRUE;
  if (priv->state != L_SOCKET_STATE_UNCONNECTED)
    {
      l_socket_give_up (self);
      call_end_func (self);
    }
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
  g_clear_pointer (&priv->lost_name, g_ref_string_release);

  G_OBJECT_CLASS (l_socket_parent_class)->finalize (object);
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

  stream_class->close_fn = l_socket_close;
  stream_class->close_async = l_socket_close_async;
  stream_class->close_finish = l_socket_close_finish;

  L_IO_DEVICE_CLASS (klass)->funcs = &l_socket_device_funcs;

  l_socket_install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
  l_socket_private_offset = g_type_class_get_instance_private_offset (klass);
}

static void
l_socket_init (LSocket *self)
{
  LSocketPrivate *priv = l_socket_get_private (self);
  LIODevicePrivate *device_priv = l_io_device_get_private (L_IO_DEVICE (self));

  priv->self = self;
  priv->error = L_SOCKET_ERROR_UNKNOWN;
  priv->connect_timeout = L_SOCKET_DEFAULT_TIMEOUT;
  priv->min_progress = 1;
  priv->first_try.func = l_socket_first_try_func;
  priv->first_try.object = &device_priv->weak_ref;
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
  if (l_socket_is_valid (self))
    l_socket_start_watchdog (self);
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
