/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-address-private.h"
#include "l-credentials-private.h"
#include "l-io-device-private.h"
#include "l-server-slot-private.h"
#include "l-socket.h"
#include "l-transport-private.h"

G_BEGIN_DECLS

typedef struct _LSocketPrivate LSocketPrivate;

typedef struct _LSocketWatchdog LSocketWatchdog;

typedef void (* LSocketEndFunc) (LSocket *self,
                                 gpointer object);

struct _LSocketPrivate
{
  LTransport      transport;
  LSocket        *self;             /* (unowned) */

  GRefString     *server_name;      /* (owned) (nullable) */
  GRefString     *full_server_name; /* (owned) (nullable): from CONNECTED to the end */
  GRefString     *lost_name;        /* (owned) (nullable): of the connection that the peer closed, for the error's words */
  LAddress        address;          /* of an accepted one only when asked for */
  LCredentials   *peer_credentials; /* (owned) (nullable): only when asked for */

  GError         *name_error;       /* (owned) (nullable): why there is no address to try */
  LReactorTask    first_try;        /* to connect, should a handler run the loop before it is made */
  LReactorTimer   connect_timer;    /* the others */
  LReactorTask    close_task;       /* when it was closed elsewhere */
  gint64          connect_deadline; /* monotonic time in microseconds, -1: none */
  gint64          connect_pause;    /* until the next try, in microseconds */
  int             connect_timeout;  /* in milliseconds */

  GTask          *connect_task;     /* (owned) (nullable) */
  GSList         *end_tasks;        /* (element-type GTask) (owned): returned at the end of the session */
  const GError   *loss;             /* (unowned) (nullable): for those, while is_losing; NULL: the peer closed it */
  LSocketEndFunc  end_func;         /* called once at the end of the session */
  GWeakRef       *end_object;       /* (unowned) (nullable) */

  LSocketWatchdog *watchdog;        /* (owned) (nullable): of a connection that has a deadline */
  guint64         min_progress;     /* within the next, in bytes */
  int             idle_timeout;     /* in milliseconds, 0 or less: none */
  LServerSlot    *slot;             /* (owned) (nullable): what it takes of the server's limits, to its end */

  guint           n_passed_told;    /* of transport.n_passed */

  guint           held_props;       /* a bit for each property that has changed since l_socket_begin_change() */
  guint           session;          /* counts attempts and adoptions, to notice them after an emission */
  LSocketState    state;
  LSocketError    error;
  LSocketOptions  options;
  LOpenMode       mode;             /* of the attempt */
  LPeerPolicy     peer_policy;

  guint           half_open : 1;
  guint           adopted : 1;      /* the attempt's descriptor came from outside */
  guint           closed : 1;       /* by g_io_stream_close(): for good */
  guint           checks_peer : 1;  /* the attempt is for a server of the same user or of root */
  guint           failing : 1;      /* the attempt has failed and is about to end */
  guint           lost : 1;         /* that the connection ended was reported */
  guint           is_losing : 1;    /* while closing: what was queued has been dropped, which is being reported */
  guint           input_finished : 1; /* read-channel-finished was emitted */
  guint           shutdown_due : 1; /* once everything is written */
  guint           holds_itself : 1; /* until what is queued was sent */
  gboolean        disposed;         /* also read by g_io_stream_close() in another thread, so not beside the bits */

  /* Changed in any thread, with the lock of the direction held */
  guint64         n_received;       /* bytes */
  guint64         n_sent;

  /* Changed in any thread */
  gint            is_shut_down;     /* (atomic): our output */
  gint            closed_elsewhere; /* (atomic): g_io_stream_close() has hung up in another thread; the rest is to come */
};

LSOCKET_INTERNAL extern int l_socket_private_offset;

static inline LSocketPrivate *
l_socket_get_private (LSocket *self)
{
  return G_STRUCT_MEMBER_P (self, l_socket_private_offset);
}

/* (nullable): what messages call it */
static inline GRefString *
l_socket_get_display_name (LSocketPrivate *priv)
{
  return priv->full_server_name != NULL ? priv->full_server_name : priv->server_name;
}

static inline LIODevice *
l_socket_get_device (LSocket *self)
{
  return (LIODevice *) self;
}

/* l-socket-properties.c */
typedef enum
{
  L_SOCKET_PROP_STATE = 1,
  L_SOCKET_PROP_ERROR,
  L_SOCKET_PROP_SERVER_NAME,
  L_SOCKET_PROP_FULL_SERVER_NAME,
  L_SOCKET_PROP_OPTIONS,
  L_SOCKET_PROP_SOCKET_DESCRIPTOR,
  L_SOCKET_PROP_VALID,
  L_SOCKET_PROP_CONNECT_TIMEOUT,
  L_SOCKET_PROP_ADDRESS,
  L_SOCKET_PROP_HALF_OPEN,
  L_SOCKET_PROP_PEER_CREDENTIALS,
  L_SOCKET_PROP_PEER_POLICY,
  L_SOCKET_PROP_IDLE_TIMEOUT,
  L_SOCKET_PROP_MIN_PROGRESS,
  L_SOCKET_PROP_COUNT_DESCRIPTORS,
  L_SOCKET_PROP_REFUSED_DESCRIPTORS,
  L_SOCKET_PROP_LOW_LATENCY,
} LSocketProperty;

extern GParamSpec *l_socket_props[L_SOCKET_PROP_LOW_LATENCY + 1];

void            l_socket_install_properties      (GObjectClass    *object_class);
/* l-socket-peer.c: tells if more descriptors were passed. */
void            l_socket_notify_passed           (LSocket         *self);

/* l-socket.c: what the state machine sets and emits. Each returns whether nothing has changed since. */

/* Between the two nothing is told of what changes with the state, and then all of it at once. */
void            l_socket_begin_change            (LSocket         *self);
gboolean        l_socket_end_change              (LSocket         *self,
                                                  LSocketState     state);
/* From connected to closing, where nothing else changes. */
gboolean        l_socket_set_closing             (LSocket         *self);
gboolean        l_socket_report_error            (LSocket         *self,
                                                  const GError    *error);
/* The most frequent one, whose words are made when somebody asks for them. */
gboolean        l_socket_report_peer_closed      (LSocket         *self);
gboolean        l_socket_emit_connected          (LSocket         *self);
gboolean        l_socket_emit_input_finished     (LSocket         *self);
gboolean        l_socket_emit_disconnected       (LSocket         *self);
void            l_socket_set_error               (LSocket         *self,
                                                  LSocketError     code,
                                                  const char      *message);
void            l_socket_set_names               (LSocket         *self,
                                                  GRefString      *server_name,
                                                  GRefString      *full_server_name);
/* At the end of a session, just before the state. */
void            l_socket_clear_names             (LSocket         *self);

/* l-socket-attempt.c: the beginning. */
void            l_socket_begin_attempt           (LSocket         *self,
                                                  const char      *name,
                                                  GSocketAddress  *address,
                                                  LOpenMode        mode,
                                                  GTask           *task);
void            l_socket_end_attempt             (LSocket         *self);
gboolean        l_socket_wait_for_attempt        (LSocket         *self,
                                                  gint64           deadline,
                                                  GCancellable    *cancellable);
void            l_socket_first_try_func          (LReactorTask    *task);
void            l_socket_connect_timer_func      (LReactorTimer   *timer);
/* The loop makes none any more. */
void            l_socket_cancel_next_try         (LSocket         *self);
gboolean        l_socket_adopt                   (LSocket         *self,
                                                  gintptr          descriptor,
                                                  LSocketState     state,
                                                  LOpenMode        mode,
                                                  GError         **error);
/* Takes the task, if there is one. Its callback may run at once, so this comes last. */
void            l_socket_return_task             (GTask           *task,
                                                  const GError    *error);

/* l-socket-session.c: the connection and its end. */
extern const LIODeviceFuncs l_socket_device_funcs;

void            l_socket_watch_func              (LReactorWatch   *watch,
                                                  GIOCondition     condition);
/* Everything of the connection goes, nothing is told. */
void            l_socket_tear_down               (LSocket         *self);
/* The same when it is disposed of while it has a connection or an attempt; only who waits for one of them hears of it. */
void            l_socket_give_up                 (LSocket         *self);
void            l_socket_start_closing           (LSocket         *self);
/* Closes it for good; TRUE if it is unconnected already. */
gboolean        l_socket_begin_closing           (LSocket         *self);
/* The same in another thread, where everything that is to be sent has been; the rest follows in the owner's. */
void            l_socket_hang_up                 (LSocket         *self);
/* The owner's part of that. FALSE: it was not. */
gboolean        l_socket_end_closed_elsewhere    (LSocket         *self);
/* With an error: hung up, from our side. */
void            l_socket_lose                    (LSocket         *self,
                                                  const GError    *error);
void            l_socket_close_task_func         (LReactorTask    *task);
void            l_socket_drop_connection         (LSocket         *self);
gboolean        l_socket_start_shutdown          (LSocket         *self,
                                                  GError         **error);

/* l-socket-watchdog.c: from the time that the connection is served; and to its end. */
void            l_socket_start_watchdog          (LSocket         *self);
void            l_socket_stop_watchdog           (LSocket         *self);
/* The peer has so many milliseconds until l_socket_end_handshake(). */
void            l_socket_begin_handshake         (LSocket         *self,
                                                  int              msecs);

/* l-socket-connect.c: TRUE if it still waited for the end; the caller's from here. */
gboolean        l_socket_take_end_task           (LSocket         *self,
                                                  GTask           *task);

/* l-socket-close.c: what a GIOStream does to close. */
gboolean        l_socket_close                   (GIOStream       *stream,
                                                  GCancellable    *cancellable,
                                                  GError         **error);
void            l_socket_close_async             (GIOStream       *stream,
                                                  int              io_priority,
                                                  GCancellable    *cancellable,
                                                  GAsyncReadyCallback callback,
                                                  gpointer         user_data);
gboolean        l_socket_close_finish            (GIOStream       *stream,
                                                  GAsyncResult    *result,
                                                  GError         **error);

/* For the server. */

/* A connected socket that receives nothing, not even a hang-up, until it is started. It joins the given reactor. NULL with
 * the system's code, and the descriptor closed, when the system is out of a resource. */
LSocket        *l_socket_new_accepted            (LReactor        *reactor,
                                                  gintptr          descriptor,
                                                  LSocketOptions   options,
                                                  GRefString      *server_name,
                                                  GRefString      *full_server_name,
                                                  int             *code);
void            l_socket_hold                    (LSocket         *self);
void            l_socket_start                   (LSocket         *self);
/* Called in the owner's thread, unless the object goes before; that one calls this with NULL then, in any thread. */
void            l_socket_set_end_func            (LSocket         *self,
                                                  LSocketEndFunc   func,
                                                  GWeakRef        *object);

G_END_DECLS
