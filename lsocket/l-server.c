/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-private.h"
#include "l-log-private.h"
#include "l-marshal.h"
#include "l-server-private.h"

/**
 * LServer:
 *
 * Listens at a name and accepts the [class@LSocket.Socket]s that connect to it.
 *
 * ```c
 * static void
 * on_new_connection (LServer *server)
 * {
 *   g_autoptr(LSocket) socket = l_server_next_pending_connection (server);
 *
 *   l_io_device_write (L_IO_DEVICE (socket), "hello\n", 6, NULL);
 *   l_socket_disconnect_from_server (socket);
 * }
 *
 * server = l_server_new ();
 * g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
 * if (!l_server_listen (server, "market", &error))
 *   g_error ("%s", error->message);
 * ```
 *
 * A plain name such as `market` lives in the user's runtime directory; a path begins with a slash;
 * [property@LSocket.Server:options] has other places, and says who may connect: by default only the user.
 *
 * The socket of a server that died is replaced, a live one's name or anything else that has the name is left alone.
 * Closing removes the server's own socket only.
 *
 * A connection goes to a waiting [method@LSocket.Server.accept_async] first; otherwise it is queued and
 * [signal@LSocket.Server::new-connection] is emitted once for it. What waits in the queue receives nothing until it is taken.
 * The server holds a reference to each connection that it handed out until that is unconnected.
 *
 * A server belongs to the [struct@GLib.MainContext] that was the thread default when it was made, as do the sockets that
 * it accepts.
 *
 * Since: 1.0
 */

#define DEFAULT_MAX_PENDING 30

typedef enum
{
  PROP_LISTENING = 1,
  PROP_SERVER_NAME,
  PROP_FULL_SERVER_NAME,
  PROP_OPTIONS,
  PROP_MAX_PENDING_CONNECTIONS,
  PROP_LISTEN_BACKLOG,
  PROP_ERROR,
  PROP_ERROR_STRING,
  PROP_SOCKET_DESCRIPTOR,
  PROP_UNLINK_ON_CLOSE,
  PROP_ADDRESS,
  PROP_PEER_POLICY,
  PROP_MAX_CONNECTIONS,
  PROP_MAX_CONNECTIONS_PER_USER,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_IDLE_TIMEOUT,
  PROP_CONNECTIONS,
} LServerProperty;

static GParamSpec *props[PROP_CONNECTIONS + 1];

typedef enum
{
  SIGNAL_NEW_CONNECTION,
  SIGNAL_ERROR,
  SIGNAL_AUTHORIZE,
} LServerSignal;

static guint signals[SIGNAL_AUTHORIZE + 1];

G_DEFINE_TYPE_WITH_PRIVATE (LServer, l_server, G_TYPE_OBJECT)

LServerPrivate *
l_server_get_private (LServer *self)
{
  return l_server_get_instance_private (self);
}

/* What l-server-accept.c sets and emits */

void
l_server_set_error (LServer      *self,
                    LSocketError  code,
                    const char   *message)
{
  LServerPrivate *priv = l_server_get_private (self);

  if (message != NULL)
    L_LOG (self, priv->full_server_name, priv->listening ? "listening" : "closed", "%s: %s",
           l_log_get_nick (L_TYPE_SOCKET_ERROR, (int) code), message);

  /* Both are set before either is told, and a handler may drop the server. */
  g_object_freeze_notify (G_OBJECT (self));

  if (priv->error != code)
    {
      priv->error = code;
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR]);
    }

  if (g_strcmp0 (priv->error_string, message) != 0)
    {
      g_free (priv->error_string);
      priv->error_string = g_strdup (message);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR_STRING]);
    }

  g_object_thaw_notify (G_OBJECT (self));
}

void
l_server_notify_listening (LServer *self)
{
  GObject *object = G_OBJECT (self);

  g_object_notify_by_pspec (object, props[PROP_SERVER_NAME]);
  g_object_notify_by_pspec (object, props[PROP_FULL_SERVER_NAME]);
  g_object_notify_by_pspec (object, props[PROP_SOCKET_DESCRIPTOR]);
  g_object_notify_by_pspec (object, props[PROP_ADDRESS]);
  g_object_notify_by_pspec (object, props[PROP_LISTENING]);
}

void
l_server_emit_new_connection (LServer *self)
{
  g_signal_emit (self, signals[SIGNAL_NEW_CONNECTION], 0);
}

/* A handler of the first may have closed the server, or dropped it. */
void
l_server_report_error (LServer      *self,
                       const GError *error)
{
  LServerPrivate *priv = l_server_get_private (self);
  guint session = priv->session;

  g_object_ref (self);
  l_server_set_error (self, error->code, error->message);
  if (priv->listening && priv->session == session)
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, error->code);
  g_object_unref (self);
}

static gboolean
l_server_real_authorize (LServer      *self,
                         LCredentials *credentials)
{
  return TRUE;
}

gboolean
l_server_emit_authorize (LServer *self,
                         gintptr  descriptor)
{
  g_autoptr(LCredentials) credentials = NULL;
  gboolean is_authorized = TRUE;

  if (L_SERVER_GET_CLASS (self)->authorize == l_server_real_authorize &&
      !g_signal_has_handler_pending (self, signals[SIGNAL_AUTHORIZE], 0, TRUE))
    return TRUE;

  credentials = l_credentials_new_for_peer (descriptor);
  g_signal_emit (self, signals[SIGNAL_AUTHORIZE], 0, credentials, &is_authorized);
  return is_authorized;
}

/* One refusal is enough. */
static gboolean
accumulate_authorization (GSignalInvocationHint *hint,
                          GValue                *result,
                          const GValue          *answer,
                          gpointer               unused)
{
  gboolean is_authorized = g_value_get_boolean (answer);

  g_value_set_boolean (result, is_authorized);
  return is_authorized;
}

/* GObject */

static void
l_server_dispose (GObject *object)
{
  LServer *self = L_SERVER (object);

  l_server_stop_listening (self);
  l_server_fail_accept_tasks (self);
  l_server_release_connections (self);
  l_server_drop_pending (&l_server_get_private (self)->pending);
  g_clear_pointer (&l_server_get_private (self)->slots, l_server_slots_unref);

  G_OBJECT_CLASS (l_server_parent_class)->dispose (object);
}

static void
l_server_finalize (GObject *object)
{
  LServerPrivate *priv = l_server_get_private (L_SERVER (object));

  g_clear_pointer (&priv->reactor, l_reactor_unref);
  g_weak_ref_clear (&priv->weak_ref);
  g_hash_table_unref (priv->connections);
  g_clear_object (&priv->connection_list);
  g_free (priv->error_string);

  G_OBJECT_CLASS (l_server_parent_class)->finalize (object);
}

static void
l_server_get_property (GObject    *object,
                       guint       prop_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  LServer *self = L_SERVER (object);

  switch ((LServerProperty) prop_id)
    {
    case PROP_LISTENING:
      g_value_set_boolean (value, l_server_is_listening (self));
      break;
    case PROP_SERVER_NAME:
      g_value_set_string (value, l_server_get_server_name (self));
      break;
    case PROP_FULL_SERVER_NAME:
      g_value_set_string (value, l_server_get_full_server_name (self));
      break;
    case PROP_OPTIONS:
      g_value_set_flags (value, l_server_get_options (self));
      break;
    case PROP_MAX_PENDING_CONNECTIONS:
      g_value_set_int (value, l_server_get_max_pending_connections (self));
      break;
    case PROP_LISTEN_BACKLOG:
      g_value_set_int (value, l_server_get_listen_backlog (self));
      break;
    case PROP_ERROR:
      g_value_set_enum (value, l_server_get_error (self));
      break;
    case PROP_ERROR_STRING:
      g_value_set_string (value, l_server_get_error_string (self));
      break;
    case PROP_SOCKET_DESCRIPTOR:
      g_value_set_int64 (value, l_server_get_socket_descriptor (self));
      break;
    case PROP_UNLINK_ON_CLOSE:
      g_value_set_boolean (value, l_server_get_unlink_on_close (self));
      break;
    case PROP_ADDRESS:
      g_value_set_object (value, l_server_get_address (self));
      break;
    case PROP_PEER_POLICY:
      g_value_set_enum (value, l_server_get_peer_policy (self));
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_int (value, l_server_get_max_connections (self));
      break;
    case PROP_MAX_CONNECTIONS_PER_USER:
      g_value_set_int (value, l_server_get_max_connections_per_user (self));
      break;
    case PROP_HANDSHAKE_TIMEOUT:
      g_value_set_int (value, l_server_get_handshake_timeout (self));
      break;
    case PROP_IDLE_TIMEOUT:
      g_value_set_int (value, l_server_get_idle_timeout (self));
      break;
    case PROP_CONNECTIONS:
      g_value_set_object (value, l_server_get_connections (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
l_server_set_property (GObject      *object,
                       guint         prop_id,
                       const GValue *value,
                       GParamSpec   *pspec)
{
  LServer *self = L_SERVER (object);

  switch ((LServerProperty) prop_id)
    {
    case PROP_OPTIONS:
      l_server_set_options (self, g_value_get_flags (value));
      break;
    case PROP_MAX_PENDING_CONNECTIONS:
      l_server_set_max_pending_connections (self, g_value_get_int (value));
      break;
    case PROP_LISTEN_BACKLOG:
      l_server_set_listen_backlog (self, g_value_get_int (value));
      break;
    case PROP_UNLINK_ON_CLOSE:
      l_server_set_unlink_on_close (self, g_value_get_boolean (value));
      break;
    case PROP_PEER_POLICY:
      l_server_set_peer_policy (self, g_value_get_enum (value));
      break;
    case PROP_MAX_CONNECTIONS:
      l_server_set_max_connections (self, g_value_get_int (value));
      break;
    case PROP_MAX_CONNECTIONS_PER_USER:
      l_server_set_max_connections_per_user (self, g_value_get_int (value));
      break;
    case PROP_HANDSHAKE_TIMEOUT:
      l_server_set_handshake_timeout (self, g_value_get_int (value));
      break;
    case PROP_IDLE_TIMEOUT:
      l_server_set_idle_timeout (self, g_value_get_int (value));
      break;
    case PROP_LISTENING:
    case PROP_SERVER_NAME:
    case PROP_FULL_SERVER_NAME:
    case PROP_ERROR:
    case PROP_ERROR_STRING:
    case PROP_SOCKET_DESCRIPTOR:
    case PROP_ADDRESS:
    case PROP_CONNECTIONS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * LServer:listening: (getter is_listening)
   *
   * Whether the server listens.
   *
   * Since: 1.0
   */
  props[PROP_LISTENING] =
    g_param_spec_boolean ("listening", NULL, NULL,
                          FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:server-name: (getter get_server_name)
   *
   * The name that the server was told to listen at; for an address or a descriptor the last component of its path.
   * %NULL while it does not listen, or where it has no name.
   *
   * Since: 1.0
   */
  props[PROP_SERVER_NAME] =
    g_param_spec_string ("server-name", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:full-server-name: (getter get_full_server_name)
   *
   * The path, the abstract name or the name of the pipe that the server listens at. %NULL while it does not.
   *
   * Since: 1.0
   */
  props[PROP_FULL_SERVER_NAME] =
    g_param_spec_string ("full-server-name", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:options: (getter get_options) (setter set_options)
   *
   * Who may connect, and where names live. It can be set while the server does not listen.
   *
   * Since: 1.0
   */
  props[PROP_OPTIONS] =
    g_param_spec_flags ("options", NULL, NULL,
                        L_TYPE_SERVER_OPTIONS, L_SERVER_OPTIONS_NONE,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:max-pending-connections: (getter get_max_pending_connections) (setter set_max_pending_connections)
   *
   * How many accepted connections may wait to be taken. When it is reached the others wait in the system. With 0 or less
   * the loop accepts none, except for a waiting [method@LSocket.Server.accept_async].
   *
   * Since: 1.0
   */
  props[PROP_MAX_PENDING_CONNECTIONS] =
    g_param_spec_int ("max-pending-connections", NULL, NULL,
                      G_MININT, G_MAXINT, DEFAULT_MAX_PENDING,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:listen-backlog: (getter get_listen_backlog) (setter set_listen_backlog)
   *
   * How many connections may wait in the system to be accepted, from the next listening on; 0: the most it allows.
   *
   * Since: 1.0
   */
  props[PROP_LISTEN_BACKLOG] =
    g_param_spec_int ("listen-backlog", NULL, NULL,
                      0, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:error: (getter get_error)
   *
   * The last error; %L_SOCKET_ERROR_UNKNOWN while there was none, and after a success.
   *
   * Since: 1.0
   */
  props[PROP_ERROR] =
    g_param_spec_enum ("error", NULL, NULL,
                       L_TYPE_SOCKET_ERROR, L_SOCKET_ERROR_UNKNOWN,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:error-string: (getter get_error_string)
   *
   * What went wrong last, in the user's language; %NULL while nothing did.
   *
   * Since: 1.0
   */
  props[PROP_ERROR_STRING] =
    g_param_spec_string ("error-string", NULL, NULL,
                         NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:socket-descriptor: (getter get_socket_descriptor)
   *
   * The file descriptor, on Windows a HANDLE, that the server listens with; -1 while it does not.
   *
   * Since: 1.0
   */
  props[PROP_SOCKET_DESCRIPTOR] =
    g_param_spec_int64 ("socket-descriptor", NULL, NULL,
                        G_MININT64, G_MAXINT64, -1,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:unlink-on-close: (getter get_unlink_on_close) (setter set_unlink_on_close)
   *
   * Whether closing removes the server's socket from the file system. Listening at a name sets it to %TRUE, listening
   * with a descriptor to %FALSE.
   *
   * Since: 1.0
   */
  props[PROP_UNLINK_ON_CLOSE] =
    g_param_spec_boolean ("unlink-on-close", NULL, NULL,
                          TRUE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:address: (getter get_address)
   *
   * The address that the server listens at, on Unix a [class@Gio.UnixSocketAddress]. %NULL while it does not listen, and
   * on Windows.
   *
   * Since: 1.0
   */
  props[PROP_ADDRESS] =
    g_param_spec_object ("address", NULL, NULL,
                         G_TYPE_SOCKET_ADDRESS,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:peer-policy: (getter get_peer_policy) (setter set_peer_policy)
   *
   * Which clients the server lets in. It can be set while the server does not listen.
   *
   * One that is refused sees that the connection is closed; the program hears of it with [signal@LSocket.Server::error]
   * and %L_SOCKET_ERROR_ACCESS, and of nothing else.
   *
   * Since: 1.0
   */
  props[PROP_PEER_POLICY] =
    g_param_spec_enum ("peer-policy", NULL, NULL,
                       L_TYPE_PEER_POLICY, L_PEER_POLICY_AUTO,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:max-connections: (getter get_max_connections) (setter set_max_connections)
   *
   * How many connections the server may have at a time, those that wait to be taken and those that live; 0 or less: no
   * limit. Further clients wait in the system until one of them has ended.
   *
   * What a subclass makes of a descriptor elsewhere than in its incoming_connection is not counted.
   *
   * Since: 1.0
   */
  props[PROP_MAX_CONNECTIONS] =
    g_param_spec_int ("max-connections", NULL, NULL,
                      G_MININT, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:max-connections-per-user: (getter get_max_connections_per_user) (setter set_max_connections_per_user)
   *
   * How many connections one user may have at a time, so that there are some left for the others; 0 or less: no limit.
   *
   * One too many sees that the connection is closed. The program hears of it with [signal@LSocket.Server::error] and
   * %L_SOCKET_ERROR_RESOURCE, once until that user has fewer again. Connections that were there before the limit was set
   * count only if no other limit had been set before it.
   *
   * Since: 1.0
   */
  props[PROP_MAX_CONNECTIONS_PER_USER] =
    g_param_spec_int ("max-connections-per-user", NULL, NULL,
                      G_MININT, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:handshake-timeout: (getter get_handshake_timeout) (setter set_handshake_timeout)
   *
   * How long a client may take, from when its connection is taken, until the program calls
   * [method@LSocket.Socket.end_handshake], in milliseconds; 0 or less: no limit.
   *
   * What the client sends meanwhile renews nothing. A connection that is late ends with [signal@LSocket.Socket::error] and
   * %L_SOCKET_ERROR_TIMEOUT. The main loop looks after it; without one nothing ends.
   *
   * Since: 1.0
   */
  props[PROP_HANDSHAKE_TIMEOUT] =
    g_param_spec_int ("handshake-timeout", NULL, NULL,
                      G_MININT, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:idle-timeout: (getter get_idle_timeout) (setter set_idle_timeout)
   *
   * The [property@LSocket.Socket:idle-timeout] that connections get when they are taken, unless they have one, in
   * milliseconds; 0 or less: none.
   *
   * Since: 1.0
   */
  props[PROP_IDLE_TIMEOUT] =
    g_param_spec_int ("idle-timeout", NULL, NULL,
                      G_MININT, G_MAXINT, 0,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LServer:connections: (getter get_connections)
   *
   * The connections that were taken and have not ended, a [iface@Gio.ListModel] of [class@LSocket.Socket]s, the oldest
   * first. A list in a window can show them; it is always the same object, and made when it is first asked for.
   *
   * A connection is in it from when it is taken, with all that the taking function does, and leaves it just before its
   * [property@LSocket.Socket:state] tells that it is unconnected. Those that wait to be taken are not in it. The list
   * changes in the thread that runs the main context of the server only, and is empty when the server is gone.
   *
   * Since: 1.0
   */
  props[PROP_CONNECTIONS] =
    g_param_spec_object ("connections", NULL, NULL,
                         G_TYPE_LIST_MODEL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (props), props);
}

static void
install_signals (GType type)
{
  /**
   * LServer::new-connection:
   * @self: the server
   *
   * A connection was accepted and queued; [method@LSocket.Server.next_pending_connection] takes it.
   *
   * Since: 1.0
   */
  signals[SIGNAL_NEW_CONNECTION] =
    g_signal_new ("new-connection", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LServerClass, new_connection),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_NEW_CONNECTION], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LServer::error:
   * @self: the server
   * @error: what it was
   *
   * Accepting failed, because the system is out of descriptors, say. The server goes on listening and tries again after
   * a while; it tells once until a connection was accepted again.
   *
   * With %L_SOCKET_ERROR_ACCESS a client was refused, by [property@LSocket.Server:peer-policy] or in
   * [signal@LSocket.Server::authorize]; that is told once for each.
   *
   * Since: 1.0
   */
  signals[SIGNAL_ERROR] =
    g_signal_new ("error", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LServerClass, error),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__ENUM,
                  G_TYPE_NONE, 1, L_TYPE_SOCKET_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_ERROR], type, g_cclosure_marshal_VOID__ENUMv);

  /**
   * LServer::authorize:
   * @self: the server
   * @credentials: who wants to come in
   *
   * A client that [property@LSocket.Server:peer-policy] lets in has connected, and nobody has heard of it yet. A handler
   * that returns %FALSE refuses it, and the ones after it are not asked. Without a handler all are let in, and the system
   * is not asked for credentials.
   *
   * Returns: %TRUE to let it in
   *
   * Since: 1.0
   */
  signals[SIGNAL_AUTHORIZE] =
    g_signal_new ("authorize", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LServerClass, authorize),
                  accumulate_authorization, NULL,
                  l_marshal_BOOLEAN__OBJECT,
                  G_TYPE_BOOLEAN, 1, L_TYPE_CREDENTIALS);
  g_signal_set_va_marshaller (signals[SIGNAL_AUTHORIZE], type, l_marshal_BOOLEAN__OBJECTv);
}

static void
l_server_class_init (LServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = l_server_dispose;
  object_class->finalize = l_server_finalize;
  object_class->get_property = l_server_get_property;
  object_class->set_property = l_server_set_property;

  klass->incoming_connection = l_server_real_incoming_connection;
  klass->authorize = l_server_real_authorize;

  install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));

  l_error_bind_text_domain ();
}

static void
l_server_init (LServer *self)
{
  LServerPrivate *priv = l_server_get_private (self);

  priv->self = self;
  g_weak_ref_init (&priv->weak_ref, self);
  priv->reactor = l_reactor_ref_thread_default ();
  priv->pause_timer.func = l_server_pause_timer_func;
  priv->pause_timer.object = &priv->weak_ref;
  priv->slot_task.func = l_server_slot_task_func;
  priv->slot_task.object = &priv->weak_ref;
  priv->connections = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  priv->error = L_SOCKET_ERROR_UNKNOWN;
  priv->max_pending = DEFAULT_MAX_PENDING;
  priv->unlink_on_close = TRUE;
  l_listener_init (&priv->listener, priv->reactor, l_server_watch_func);
  priv->listener.watch.object = &priv->weak_ref;
}

/* Public */

/**
 * l_server_new:
 *
 * Makes a server that does not listen yet. It belongs to the thread-default [struct@GLib.MainContext] of this moment.
 *
 * Returns: (transfer full): a new server
 *
 * Since: 1.0
 */
LServer *
l_server_new (void)
{
  return g_object_new (L_TYPE_SERVER, NULL);
}
