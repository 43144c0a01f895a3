/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-listener-private.h"
#include "l-name-private.h"
#include "l-server.h"
#include "l-socket-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>

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

/* How long accepting pauses when the system is out of descriptors. */
#define FIRST_PAUSE (10 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (1 * G_TIME_SPAN_SECOND)

typedef struct
{
  LServer        *self;             /* (unowned) */
  LReactor       *reactor;          /* (owned) (nullable) */
  LListener       listener;
  LReactorTimer   pause_timer;
  gint64          pause;            /* the next one, in microseconds; 0: the last accept succeeded */

  GQueue          pending;          /* (element-type LSocket) (owned) */
  GQueue          accept_tasks;     /* (element-type GTask) (owned) */
  GHashTable     *connections;      /* (element-type LSocket) (owned): handed out and not yet unconnected */

  GRefString     *server_name;      /* (owned) (nullable) */
  GRefString     *full_server_name; /* (owned) (nullable) */
  char           *error_string;     /* (owned) (nullable) */
  LSocketError    error;
  LServerOptions  options;
  int             max_pending;
  int             backlog;

  guint           listening : 1;
  guint           paused : 1;
  guint           unlink_on_close : 1;
} LServerPrivate;

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
} LServerProperty;

static GParamSpec *props[PROP_ADDRESS + 1];

typedef enum
{
  SIGNAL_NEW_CONNECTION,
  SIGNAL_ERROR,
} LServerSignal;

static guint signals[SIGNAL_ERROR + 1];

G_DEFINE_TYPE_WITH_PRIVATE (LServer, l_server, G_TYPE_OBJECT)

static inline LServerPrivate *
get_private (LServer *self)
{
  return l_server_get_instance_private (self);
}

static void
set_error (LServer      *self,
           LSocketError  code,
           const char   *message)
{
  LServerPrivate *priv = get_private (self);

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
}

/* Accepting */

static void
update_condition (LServer *self)
{
  LServerPrivate *priv = get_private (self);
  gboolean wanted = (int) priv->pending.length < priv->max_pending || priv->accept_tasks.length > 0;
  int code;

  /* It joined the reactor when it began to listen, so this does not fail. */
  if (priv->listening)
    l_listener_set_condition (&priv->listener, wanted && !priv->paused ? G_IO_IN : 0, &code);
}

static void
end_pause (LServer *self)
{
  LServerPrivate *priv = get_private (self);

  if (priv->reactor != NULL)
    l_reactor_cancel_timer (priv->reactor, &priv->pause_timer);
  priv->paused = FALSE;
  update_condition (self);
}

static void
pause_timer_func (LReactorTimer *timer)
{
  end_pause (((LServerPrivate *) (gpointer) ((char *) timer - G_STRUCT_OFFSET (LServerPrivate, pause_timer)))->self);
}

/* Trying at once would keep a processor busy for nothing. One signal an episode. */
static void
handle_accept_error (LServer *self,
                     int      code)
{
  LServerPrivate *priv = get_private (self);
  gboolean is_first = priv->pause == 0;
  g_autoptr(GError) error = NULL;

  if (l_listener_is_transient (code))
    return;

  priv->pause = is_first ? FIRST_PAUSE : MIN (priv->pause * 2, LAST_PAUSE);
  priv->paused = TRUE;
  update_condition (self);
  if (priv->reactor != NULL)
    l_reactor_set_timer (priv->reactor, &priv->pause_timer, g_get_monotonic_time () + priv->pause);

  if (!is_first)
    return;

  l_error_set_system (&error, L_OPERATION_ACCEPT, priv->full_server_name, code);
  set_error (self, error->code, error->message);
  g_signal_emit (self, signals[SIGNAL_ERROR], 0, error->code);
}

/* TRUE if there was one. */
static gboolean
accept_one (LServer *self)
{
  LServerPrivate *priv = get_private (self);
  gintptr descriptor;
  int code = 0;

  descriptor = l_listener_accept (&priv->listener, &code);
  if (descriptor >= 0)
    {
      priv->pause = 0;
      L_SERVER_GET_CLASS (self)->incoming_connection (self, descriptor);
      return TRUE;
    }

  if (code != 0)
    handle_accept_error (self, code);
  return FALSE;
}

static void
watch_func (LReactorWatch *watch,
            GIOCondition   condition)
{
  LServerPrivate *priv = (LServerPrivate *) (gpointer) ((char *) watch - G_STRUCT_OFFSET (LListener, watch) -
                                                        G_STRUCT_OFFSET (LServerPrivate, listener));
  LServer *self = g_object_ref (priv->self);

  /* One a wake: asking until there is none costs more than the loop does. */
  accept_one (self);
  g_object_unref (self);
}

static void
l_server_real_incoming_connection (LServer *self,
                                   gintptr  descriptor)
{
  LServerPrivate *priv = get_private (self);
  LSocketOptions options = L_SOCKET_OPTIONS_NONE;
  g_autoptr(LSocket) socket = NULL;

  if ((priv->options & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) != 0)
    options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;

  socket = l_socket_new_accepted (priv->reactor, descriptor, options,
                                  priv->server_name, priv->full_server_name);
  l_server_add_pending_connection (self, socket);
}

/* Handing out */

static void
on_connection_ended (LSocket  *socket,
                     gpointer  user_data)
{
  LServerPrivate *priv = get_private (user_data);

  g_hash_table_remove (priv->connections, socket);
}

static LSocket *
hand_out (LServer *self,
          LSocket *socket)
{
  LServerPrivate *priv = get_private (self);

  if (l_socket_get_state (socket) != L_SOCKET_STATE_UNCONNECTED)
    {
      g_hash_table_add (priv->connections, g_object_ref (socket));
      l_socket_set_end_func (socket, on_connection_ended, self);
    }
  l_socket_start (socket);

  return socket;
}

static GTask *
pop_accept_task (LServer *self)
{
  LServerPrivate *priv = get_private (self);
  GTask *task;

  /* A cancelled one must not win a connection. */
  while ((task = g_queue_pop_head (&priv->accept_tasks)) != NULL && g_task_return_error_if_cancelled (task))
    g_object_unref (task);

  return task;
}

static void
return_connection (GTask   *task,
                   LSocket *socket)
{
  g_task_return_pointer (task, socket, g_object_unref);
  g_object_unref (task);
}

/* Closing */

static void
set_names (LServer    *self,
           const char *server_name,
           const char *full_server_name)
{
  LServerPrivate *priv = get_private (self);

  g_clear_pointer (&priv->server_name, g_ref_string_release);
  g_clear_pointer (&priv->full_server_name, g_ref_string_release);
  if (server_name != NULL)
    priv->server_name = g_ref_string_new (server_name);
  if (full_server_name != NULL)
    priv->full_server_name = g_ref_string_new (full_server_name);
}

static void
notify_listening (LServer *self)
{
  GObject *object = G_OBJECT (self);

  g_object_notify_by_pspec (object, props[PROP_SERVER_NAME]);
  g_object_notify_by_pspec (object, props[PROP_FULL_SERVER_NAME]);
  g_object_notify_by_pspec (object, props[PROP_SOCKET_DESCRIPTOR]);
  g_object_notify_by_pspec (object, props[PROP_ADDRESS]);
  g_object_notify_by_pspec (object, props[PROP_LISTENING]);
}

static void
fail_accept_tasks (LServer *self)
{
  LServerPrivate *priv = get_private (self);
  GTask *task;

  while ((task = g_queue_pop_head (&priv->accept_tasks)) != NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s", _("The server does not listen"));
      g_object_unref (task);
    }
}

static void
stop_listening (LServer *self)
{
  LServerPrivate *priv = get_private (self);

  end_pause (self);
  priv->listening = FALSE;
  priv->pause = 0;
  l_listener_close (&priv->listener, priv->unlink_on_close);
  set_names (self, NULL, NULL);
  g_queue_clear_full (&priv->pending, g_object_unref);
}

/* GObject */

static void
l_server_dispose (GObject *object)
{
  LServer *self = L_SERVER (object);
  LServerPrivate *priv = get_private (self);
  GHashTableIter iter;
  gpointer socket;

  stop_listening (self);
  fail_accept_tasks (self);

  g_hash_table_iter_init (&iter, priv->connections);
  while (g_hash_table_iter_next (&iter, &socket, NULL))
    l_socket_set_end_func (socket, NULL, NULL);
  g_hash_table_remove_all (priv->connections);

  G_OBJECT_CLASS (l_server_parent_class)->dispose (object);
}

static void
l_server_finalize (GObject *object)
{
  LServerPrivate *priv = get_private (L_SERVER (object));

  g_clear_pointer (&priv->reactor, l_reactor_unref);
  g_hash_table_unref (priv->connections);
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
    case PROP_LISTENING:
    case PROP_SERVER_NAME:
    case PROP_FULL_SERVER_NAME:
    case PROP_ERROR:
    case PROP_ERROR_STRING:
    case PROP_SOCKET_DESCRIPTOR:
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
   * Since: 1.0
   */
  signals[SIGNAL_ERROR] =
    g_signal_new ("error", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LServerClass, error),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__ENUM,
                  G_TYPE_NONE, 1, L_TYPE_SOCKET_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_ERROR], type, g_cclosure_marshal_VOID__ENUMv);
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

  install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
l_server_init (LServer *self)
{
  LServerPrivate *priv = get_private (self);

  priv->self = self;
  priv->reactor = l_reactor_ref_thread_default ();
  priv->pause_timer.func = pause_timer_func;
  priv->connections = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  priv->error = L_SOCKET_ERROR_UNKNOWN;
  priv->max_pending = DEFAULT_MAX_PENDING;
  priv->unlink_on_close = TRUE;
  l_listener_init (&priv->listener, priv->reactor, watch_func);
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

static gboolean
fail_listening (LServer  *self,
                GError   *local_error,
                GError  **error)
{
  set_error (self, local_error->code, local_error->message);
  g_propagate_error (error, local_error);
  return FALSE;
}

static gboolean
check_not_listening (LServer     *self,
                     const char  *name,
                     GError     **error)
{
  LServerPrivate *priv = get_private (self);
  GError *local_error = NULL;

  if (!priv->listening)
    return TRUE;

  l_error_set (&local_error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_OPERATION, _("The server listens already"));
  return fail_listening (self, local_error, error);
}

static LSocketOptions
get_name_options (LServerOptions options)
{
  LSocketOptions name_options = L_SOCKET_OPTIONS_NONE;

  if ((options & L_SERVER_OPTIONS_ABSTRACT_NAMESPACE) != 0)
    name_options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;
  if ((options & L_SERVER_OPTIONS_TEMP_DIRECTORY) != 0)
    name_options |= L_SOCKET_OPTIONS_TEMP_DIRECTORY;

  return name_options;
}

/* The listener stands; the server joins the reactor and tells. */
static gboolean
start_accepting (LServer     *self,
                 const char  *name,
                 gboolean     unlink_on_close,
                 GError     **error)
{
  LServerPrivate *priv = get_private (self);
  g_autofree char *full_name = l_address_to_name (priv->listener.address);
  g_autofree char *last = NULL;
  GError *local_error = NULL;
  int code = 0;

  if (!l_listener_set_condition (&priv->listener, G_IO_IN, &code))
    {
      l_listener_close (&priv->listener, unlink_on_close);
      l_error_set_system (&local_error, L_OPERATION_LISTEN, full_name, code);
      return fail_listening (self, local_error, error);
    }

  if (name == NULL && full_name != NULL)
    name = last = l_address_is_abstract (priv->listener.address) ? g_strdup (full_name) : l_name_from_path (full_name);

  set_names (self, name, full_name);
  set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  priv->listening = TRUE;
  update_condition (self);
  notify_listening (self);
  l_server_set_unlink_on_close (self, unlink_on_close);
  return TRUE;
}

static gboolean
listen_at (LServer         *self,
           const char      *name,
           GSocketAddress  *address,
           GError         **error)
{
  LServerPrivate *priv = get_private (self);
  GError *local_error = NULL;

  if (!l_listener_listen (&priv->listener, address, priv->options, priv->backlog, &local_error))
    return fail_listening (self, local_error, error);

  return start_accepting (self, name, TRUE, error);
}

/**
 * l_server_listen:
 * @self: a server
 * @name: the name
 * @error: return location for an error
 *
 * Begins to listen at a name.
 *
 * The socket of a server that died is replaced. When a live server or something else has the name it fails with
 * %L_SOCKET_ERROR_ADDRESS_IN_USE and leaves that alone; it may wait for up to a second for another program that sets up
 * the same name. A name that cannot be one fails with %L_SOCKET_ERROR_SERVER_NOT_FOUND, one that the user may not use with
 * %L_SOCKET_ERROR_ACCESS, and a server that listens already with %L_SOCKET_ERROR_OPERATION.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen (LServer     *self,
                 const char  *name,
                 GError     **error)
{
  LServerPrivate *priv;
  g_autoptr(GSocketAddress) address = NULL;
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = get_private (self);
  if (!check_not_listening (self, name, error))
    return FALSE;

  address = l_address_resolve (name, get_name_options (priv->options), L_OPERATION_LISTEN, &local_error);
  if (address == NULL)
    return fail_listening (self, local_error, error);

  return listen_at (self, name, address, error);
}

/**
 * l_server_listen_address:
 * @self: a server
 * @address: the address, on Unix a [class@Gio.UnixSocketAddress]
 * @error: return location for an error
 *
 * Begins to listen at an address, as [method@LSocket.Server.listen] does at a name. It serves for abstract names with
 * NUL bytes, and for whoever has an address already.
 *
 * A [class@Gio.UnixSocketAddress] has cut a longer path at 107 bytes, so one of exactly that length is refused with
 * %L_SOCKET_ERROR_SERVER_NOT_FOUND; any other kind of address, and Windows, with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 * Otherwise it fails as [method@LSocket.Server.listen] does.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen_address (LServer         *self,
                         GSocketAddress  *address,
                         GError         **error)
{
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (G_IS_SOCKET_ADDRESS (address), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_not_listening (self, NULL, error))
    return FALSE;
  if (!l_address_check (address, L_OPERATION_LISTEN, &local_error))
    return fail_listening (self, local_error, error);

  return listen_at (self, NULL, address, error);
}

/**
 * l_server_listen_descriptor:
 * @self: a server
 * @descriptor: the file descriptor, on Windows the HANDLE, of something that listens
 * @error: return location for an error
 *
 * Takes over what listens already. On success the server owns the descriptor, which is made non-blocking and is not
 * inherited by child processes; [property@LSocket.Server:unlink-on-close] becomes %FALSE.
 *
 * It fails with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION when that is not a Unix stream socket that listens, and with
 * %L_SOCKET_ERROR_OPERATION when the server listens already.
 *
 * Returns: %TRUE if the server listens
 *
 * Since: 1.0
 */
gboolean
l_server_listen_descriptor (LServer  *self,
                            gintptr   descriptor,
                            GError  **error)
{
  LServerPrivate *priv;
  GError *local_error = NULL;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = get_private (self);
  if (!check_not_listening (self, NULL, error))
    return FALSE;
  if (!l_listener_adopt (&priv->listener, descriptor, &local_error))
    return fail_listening (self, local_error, error);

  return start_accepting (self, NULL, FALSE, error);
}

/**
 * l_server_close:
 * @self: a server
 *
 * Stops listening. The connections that were not taken are closed, waiting accepts fail with %G_IO_ERROR_CLOSED, and the
 * error is cleared. Connections that were taken live on.
 *
 * Since: 1.0
 */
void
l_server_close (LServer *self)
{
  g_return_if_fail (L_IS_SERVER (self));

  if (!l_server_is_listening (self))
    return;

  g_object_ref (self);
  stop_listening (self);
  set_error (self, L_SOCKET_ERROR_UNKNOWN, NULL);
  notify_listening (self);
  fail_accept_tasks (self);
  g_object_unref (self);
}

/**
 * l_server_is_listening: (get-property listening)
 * @self: a server
 *
 * Asks whether the server listens.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_server_is_listening (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return get_private (self)->listening;
}

/**
 * l_server_has_pending_connections:
 * @self: a server
 *
 * Asks whether accepted connections wait to be taken.
 *
 * Returns: %TRUE if there is one
 *
 * Since: 1.0
 */
gboolean
l_server_has_pending_connections (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return get_private (self)->pending.length > 0;
}

/**
 * l_server_next_pending_connection:
 * @self: a server
 *
 * Takes the connection that has waited longest. From here on it receives. The server holds a reference to it, too, until
 * it is unconnected.
 *
 * Returns: (transfer full) (nullable): a connected socket; %NULL when none waits
 *
 * Since: 1.0
 */
LSocket *
l_server_next_pending_connection (LServer *self)
{
  LServerPrivate *priv;
  LSocket *socket;

  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  priv = get_private (self);
  socket = g_queue_pop_head (&priv->pending);
  if (socket == NULL)
    return NULL;

  update_condition (self);
  return hand_out (self, socket);
}

/**
 * l_server_add_pending_connection:
 * @self: a server
 * @socket: a connected socket
 *
 * Gives a connection to a waiting [method@LSocket.Server.accept_async], or queues it and emits
 * [signal@LSocket.Server::new-connection]. It is for subclasses that override incoming_connection.
 *
 * Since: 1.0
 */
void
l_server_add_pending_connection (LServer *self,
                                 LSocket *socket)
{
  LServerPrivate *priv;
  GTask *task;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (L_IS_SOCKET (socket));

  priv = get_private (self);
  task = pop_accept_task (self);
  if (task == NULL)
    g_queue_push_tail (&priv->pending, g_object_ref (socket));
  update_condition (self);

  if (task != NULL)
    return_connection (task, hand_out (self, g_object_ref (socket)));
  else
    g_signal_emit (self, signals[SIGNAL_NEW_CONNECTION], 0);
}

static gboolean
wait_for_new_connection (LServer  *self,
                         gint64    deadline,
                         gboolean *timed_out)
{
  LServerPrivate *priv = get_private (self);

  while (priv->listening)
    {
      gint64 until = deadline;

      if (priv->pending.length > 0 || accept_one (self))
        return TRUE;

      if (priv->pause != 0)
        {
          /* Out of descriptors: the connection is there, and poll() would tell just that. */
          until = g_get_monotonic_time () + priv->pause;
          if (deadline >= 0)
            until = MIN (until, deadline);
        }

      if (!l_listener_wait (&priv->listener, priv->pause == 0, until) &&
          deadline >= 0 && g_get_monotonic_time () >= deadline)
        {
          *timed_out = TRUE;
          return FALSE;
        }
    }

  return FALSE;
}

/**
 * l_server_wait_for_new_connection:
 * @self: a server
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 * @timed_out: (out) (optional): whether the time was over
 *
 * Blocks the calling thread until a connection was accepted, without a main loop; returns at once when one waits to be
 * taken already. [property@LSocket.Server:max-pending-connections] does not count here. The signals are emitted from inside.
 *
 * Returns: %TRUE if there is a connection; %FALSE at the end of the time, or when the server does not listen
 *
 * Since: 1.0
 */
gboolean
l_server_wait_for_new_connection (LServer  *self,
                                  int       msecs,
                                  gboolean *timed_out)
{
  gboolean is_over = FALSE;
  gboolean accepted;

  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  g_object_ref (self);
  accepted = wait_for_new_connection (self, l_io_device_get_deadline (msecs), &is_over);
  g_object_unref (self);

  if (timed_out != NULL)
    *timed_out = is_over;
  return accepted;
}

static gboolean
on_accept_cancelled (GCancellable *cancellable,
                     gpointer      user_data)
{
  GTask *task = user_data;
  LServer *self = g_task_get_source_object (task);

  if (g_queue_remove (&get_private (self)->accept_tasks, task))
    {
      update_condition (self);
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

/**
 * l_server_accept_async:
 * @self: a server
 * @cancellable: (nullable): ends the waiting
 * @callback: (scope async): called when there is a connection
 * @user_data: (closure): for @callback
 *
 * Waits for a connection: the one that has waited longest in the queue, or the next that comes, without
 * [signal@LSocket.Server::new-connection]. Several accepts are served in order. The callback is never called before the
 * function has returned.
 *
 * Since: 1.0
 */
void
l_server_accept_async (LServer             *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  LServerPrivate *priv;
  GTask *task;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  priv = get_private (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_server_accept_async);
  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }

  /* A connection that was given to it is not lost to a cancellation that comes later. */
  g_task_set_check_cancellable (task, FALSE);

  if (priv->pending.length > 0)
    {
      return_connection (task, l_server_next_pending_connection (self));
      return;
    }

  g_queue_push_tail (&priv->accept_tasks, task);
  if (!priv->listening)
    {
      fail_accept_tasks (self);
      return;
    }

  l_task_watch_cancellable (task, on_accept_cancelled);
  update_condition (self);
}

/**
 * l_server_accept_finish:
 * @self: a server
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.Server.accept_async].
 *
 * Returns: (transfer full): a connected socket; %NULL with %G_IO_ERROR_CLOSED when the server does not listen any more, or
 *   with %G_IO_ERROR_CANCELLED
 *
 * Since: 1.0
 */
LSocket *
l_server_accept_finish (LServer       *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * l_server_remove:
 * @name: a name
 * @options: where the name lives
 * @error: return location for an error
 *
 * Removes the socket of a server that died. [method@LSocket.Server.listen] does that by itself; this is for cleaning up.
 *
 * When a live server or something that is not a socket has the name it fails with %L_SOCKET_ERROR_ADDRESS_IN_USE and
 * leaves that alone.
 *
 * Returns: %TRUE if nothing has the name any more
 *
 * Since: 1.0
 */
gboolean
l_server_remove (const char      *name,
                 LServerOptions   options,
                 GError         **error)
{
  g_autoptr(GSocketAddress) address = NULL;

  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  address = l_address_resolve (name, get_name_options (options), L_OPERATION_REMOVE, error);
  if (address == NULL)
    return FALSE;

  return l_listener_remove (address, error);
}

/**
 * l_server_get_server_name: (get-property server-name)
 * @self: a server
 *
 * Gets the name that the server listens at.
 *
 * Returns: (nullable): the name; %NULL while it does not listen, or where it has none
 *
 * Since: 1.0
 */
const char *
l_server_get_server_name (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return get_private (self)->server_name;
}

/**
 * l_server_get_full_server_name: (get-property full-server-name)
 * @self: a server
 *
 * Gets the path, the abstract name or the name of the pipe that the server listens at.
 *
 * Returns: (nullable): the name; %NULL while it does not listen, or where it has none
 *
 * Since: 1.0
 */
const char *
l_server_get_full_server_name (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return get_private (self)->full_server_name;
}

/**
 * l_server_get_options: (get-property options)
 * @self: a server
 *
 * Gets who may connect, and where names live.
 *
 * Returns: the options
 *
 * Since: 1.0
 */
LServerOptions
l_server_get_options (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), L_SERVER_OPTIONS_NONE);

  return get_private (self)->options;
}

/**
 * l_server_set_options: (set-property options)
 * @self: a server
 * @options: the options
 *
 * Sets who may connect, and where names live. While the server listens it is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_server_set_options (LServer        *self,
                      LServerOptions  options)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = get_private (self);
  if (priv->listening)
    {
      g_warning ("%s: the server listens", G_STRFUNC);
      return;
    }

  if (priv->options == options)
    return;

  priv->options = options;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_OPTIONS]);
}

/**
 * l_server_get_max_pending_connections: (get-property max-pending-connections)
 * @self: a server
 *
 * Gets how many accepted connections may wait to be taken.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
int
l_server_get_max_pending_connections (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return get_private (self)->max_pending;
}

/**
 * l_server_set_max_pending_connections: (set-property max-pending-connections)
 * @self: a server
 * @max_pending: the number; 0 or less: the loop accepts none
 *
 * Sets how many accepted connections may wait to be taken. What waits already stays.
 *
 * Since: 1.0
 */
void
l_server_set_max_pending_connections (LServer *self,
                                      int      max_pending)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = get_private (self);
  if (priv->max_pending == max_pending)
    return;

  priv->max_pending = max_pending;
  update_condition (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MAX_PENDING_CONNECTIONS]);
}

/**
 * l_server_get_listen_backlog: (get-property listen-backlog)
 * @self: a server
 *
 * Gets how many connections may wait in the system to be accepted.
 *
 * Returns: the number; 0: the most that the system allows
 *
 * Since: 1.0
 */
int
l_server_get_listen_backlog (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), 0);

  return get_private (self)->backlog;
}

/**
 * l_server_set_listen_backlog: (set-property listen-backlog)
 * @self: a server
 * @backlog: the number; 0: the most that the system allows
 *
 * Sets how many connections may wait in the system to be accepted, from the next listening on.
 *
 * Since: 1.0
 */
void
l_server_set_listen_backlog (LServer *self,
                             int      backlog)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));
  g_return_if_fail (backlog >= 0);

  priv = get_private (self);
  if (priv->backlog == backlog)
    return;

  priv->backlog = backlog;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LISTEN_BACKLOG]);
}

/**
 * l_server_get_error: (get-property error)
 * @self: a server
 *
 * Gets the last error.
 *
 * Returns: the error; %L_SOCKET_ERROR_UNKNOWN while there was none, and after a success
 *
 * Since: 1.0
 */
LSocketError
l_server_get_error (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), L_SOCKET_ERROR_UNKNOWN);

  return get_private (self)->error;
}

/**
 * l_server_get_error_string: (get-property error-string)
 * @self: a server
 *
 * Gets what went wrong last, in the user's language.
 *
 * Returns: (nullable): the text; %NULL while nothing did
 *
 * Since: 1.0
 */
const char *
l_server_get_error_string (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return get_private (self)->error_string;
}

/**
 * l_server_get_socket_descriptor: (get-property socket-descriptor)
 * @self: a server
 *
 * Gets the file descriptor, on Windows a HANDLE, that the server listens with. It stays the server's.
 *
 * Returns: the descriptor; -1 while it does not listen
 *
 * Since: 1.0
 */
gintptr
l_server_get_socket_descriptor (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), -1);

  return get_private (self)->listener.descriptor;
}

/**
 * l_server_get_address: (get-property address)
 * @self: a server
 *
 * Gets the address that the server listens at, on Unix a [class@Gio.UnixSocketAddress].
 *
 * Returns: (transfer none) (nullable): the address; %NULL while it does not listen, and on Windows
 *
 * Since: 1.0
 */
GSocketAddress *
l_server_get_address (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), NULL);

  return get_private (self)->listener.address;
}

/**
 * l_server_get_unlink_on_close: (get-property unlink-on-close)
 * @self: a server
 *
 * Gets whether closing removes the server's socket from the file system.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_server_get_unlink_on_close (LServer *self)
{
  g_return_val_if_fail (L_IS_SERVER (self), FALSE);

  return get_private (self)->unlink_on_close;
}

/**
 * l_server_set_unlink_on_close: (set-property unlink-on-close)
 * @self: a server
 * @unlink_on_close: %TRUE to remove it
 *
 * Sets whether closing removes the server's socket from the file system.
 *
 * Since: 1.0
 */
void
l_server_set_unlink_on_close (LServer  *self,
                              gboolean  unlink_on_close)
{
  LServerPrivate *priv;

  g_return_if_fail (L_IS_SERVER (self));

  priv = get_private (self);
  unlink_on_close = !!unlink_on_close;
  if (priv->unlink_on_close == (guint) unlink_on_close)
    return;

  priv->unlink_on_close = unlink_on_close;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_UNLINK_ON_CLOSE]);
}
