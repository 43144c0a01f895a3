/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fuzz-case.h"

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* What the files of this target share: fuzz-server.c reads the input and calls the library; fuzz-server-place.c knows what
 * has which name, and fuzz-server-client.c who connects there; fuzz-server-model.c follows each server, as
 * fuzz-server-listen.c, fuzz-server-admission.c and fuzz-server-connection.c do for it, and fuzz-server-activation.c is the
 * service manager. */

typedef struct _FuzzClient FuzzClient;
typedef struct _FuzzServer FuzzServer;

/* Places: what can have a name */

typedef enum
{
  FUZZ_NODE_FILE,
  FUZZ_NODE_LINK,
  FUZZ_NODE_STREAM,
  FUZZ_NODE_DATAGRAM,
} FuzzNodeKind;

typedef struct
{
  FuzzNodeKind kind;
  guint        n_open;       /* descriptors of a socket; none: it is dead */
  gboolean     is_listening;
  guint        backlog;
  GQueue       waiting;      /* (element-type FuzzClient) (unowned): in the system */
  guint64      inode;        /* 0: not looked at yet */
  guint        mode;
  guint        place;        /* where it was born */
} FuzzNode;

/* Two names in each of two directories, and two abstract ones. */
#define FUZZ_N_PATHS  4
#define FUZZ_N_PLACES 6
/* A link leads to one of the directories; a path through it is a path with this number more. */
#define FUZZ_VIA_LINK FUZZ_N_PLACES

void        fuzz_places_init      (const char   *directory);
void        fuzz_places_clear     (void);
void        fuzz_places_turn_link (void);
/* What leads there now. */
guint       fuzz_place_resolve    (guint         place);
gboolean    fuzz_place_is_path    (guint         place);
/* The path, or the abstract name without its NUL. */
const char *fuzz_place_get_name   (guint         place);
const char *fuzz_place_get_base   (guint         place);
/* NULL: nothing. */
FuzzNode   *fuzz_place_get        (guint         place);
void        fuzz_place_set        (guint         place,
                                   FuzzNode     *node);
/* What there is is what is known. */
void        fuzz_places_check     (void);

FuzzNode   *fuzz_node_new         (FuzzNodeKind  kind,
                                   guint         place);
void        fuzz_node_close       (FuzzNode     *self);

/* What others do there; nothing when it cannot be done. */
void        fuzz_place_spoil      (guint         place,
                                   guint         how);
void        fuzz_holders_drop     (guint         index);
void        fuzz_holders_clear    (void);
/* A descriptor of what is held for a server: takes it. -1: there is none. */
int         fuzz_holders_take     (guint         index,
                                   FuzzNode    **node);
void        fuzz_holders_add      (int           fd,
                                   FuzzNode     *node);

/* A signal that must come, unless the server closes when its property is notified. */
typedef struct
{
  LSocketError code;
  guint        session;
} FuzzError;

/* Clients */

typedef enum
{
  FUZZ_CLIENT_WAITING,   /* in the system */
  FUZZ_CLIENT_DECIDING,  /* accepted, and nobody knows whether it is let in */
  FUZZ_CLIENT_INCOMING,  /* let in */
  FUZZ_CLIENT_KEPT,      /* a descriptor of the subclass */
  FUZZ_CLIENT_QUEUED,
  FUZZ_CLIENT_GIVEN,     /* to an accept that is not told yet */
  FUZZ_CLIENT_TAKEN,
  FUZZ_CLIENT_OVER,      /* our end is closed */
} FuzzClientState;

struct _FuzzClient
{
  int             fd;           /* of the client; -1: it is gone */
  guint           number;
  guint           uid;
  gsize           n_sent;
  gsize           n_expected;   /* bytes, before the end that is told then */
  gboolean        was_late;     /* its time was over, perhaps before they could be sent */
  FuzzClientState state;

  FuzzServer     *server;       /* (unowned) (nullable): that accepted it */
  int             kept_fd;      /* -1: none */
  LSocket        *socket;       /* (unowned) (nullable): once it was seen */
  gboolean        is_owned;     /* the case has a reference */
  gboolean        was_seen;     /* its socket */
  gboolean        was_taken;
  gboolean        is_hidden;    /* it is being handed out, and the list does not show it yet */
  gboolean        is_leaving;   /* it is over, and the list still shows it */
  gboolean        has_slot;
  int             slot_uid;     /* -1: counted for nobody */
  gboolean        has_handshake; /* it times out */
  gboolean        is_idle;      /* the same */
  gboolean        has_idle_timeout;
};

extern GPtrArray *fuzz_clients; /* (element-type FuzzClient) (owned) */

void        fuzz_clients_init        (void);
void        fuzz_clients_clear       (void);
/* Another user where that is possible. */
void        fuzz_client_connect      (guint       place,
                                      gboolean    is_other,
                                      gsize       n_bytes);
/* Whose descriptor it is. */
FuzzClient *fuzz_client_by_fd        (int         fd);
void        fuzz_client_send         (FuzzClient *self,
                                      gsize       n_bytes);
void        fuzz_client_leave        (FuzzClient *self);
/* Its socket is unconnected, or was dropped. */
gboolean    fuzz_client_has_ended    (FuzzClient *self);
void        fuzz_client_see_socket   (FuzzClient *self,
                                      LSocket    *socket);
/* Between two operations; is_quiet: the loop has done all. */
void        fuzz_client_check        (FuzzClient *self,
                                      gboolean    is_quiet);

/* Servers */

typedef enum
{
  FUZZ_INCOMING_DEFAULT,
  FUZZ_INCOMING_WRAP,
  FUZZ_INCOMING_REFUSE,
  FUZZ_INCOMING_KEEP,
} FuzzIncoming;

#define FUZZ_N_USERS 2

struct _FuzzServer
{
  LServer       *server;      /* (unowned) (nullable): NULL: finalized */
  gboolean       is_owned;    /* the case has a reference */
  FuzzIncoming   incoming;
  guint          n_refusals;  /* that authorize has left */

  gboolean       is_listening;
  guint          session;
  FuzzNode      *node;        /* (unowned) (nullable) */
  guint64        own_inode;   /* of an adopted one: what unlink-on-close may remove */
  guint          place;       /* by which it was told to listen */
  const char    *name;        /* (nullable) */
  const char    *full_name;   /* (nullable) */
  gboolean       is_adopted;
  gboolean       unlinks;
  LSocketError   error;

  LServerOptions options;
  LPeerPolicy    policy;
  int            max_pending;
  int            max_connections;
  int            max_per_user;
  int            backlog;
  int            handshake_timeout;
  int            idle_timeout;
  gboolean       is_counting;
  gboolean       is_refused[FUZZ_N_USERS]; /* one was, since the user had its most */

  GQueue         deciding;    /* (element-type FuzzClient) (unowned) */
  GQueue         pending;     /* (element-type FuzzClient) (unowned) */
  GQueue         accepts;     /* (element-type FuzzAccept) (unowned): those that wait */
  GPtrArray     *connections; /* (element-type FuzzClient) (unowned): handed out, not ended, the oldest first */
  GListModel    *list;        /* (owned) (nullable) */
  GQueue         errors;      /* (element-type FuzzError) (owned), the innermost last */
  guint          n_new;       /* of new-connection */
  guint          n_waiting;   /* in wait_for_new_connection() */
  guint          n_incoming;
  guint          n_tries;     /* to accept */
  gboolean       is_arriving; /* a connection is given to who waits */
  gboolean       is_paused;   /* an accept failed */
  gboolean       has_failed;  /* and that was told */
};

/* Letters: n new-connection, e error, z authorize, i incoming_connection, l notify::listening, m the list changed,
 * a an accept is answered, u a connection has ended, r notify::error, p another property, t notify::idle-timeout of a
 * connection, s another property of it. */
#define FUZZ_LETTERS "nezilmaurpts"

extern GPtrArray *fuzz_servers; /* (element-type FuzzServer) (owned) */

typedef void (* FuzzHandlerFunc) (FuzzServer *server,
                                  char        letter);

void        fuzz_servers_init         (FuzzHandlerFunc  func);
FuzzServer *fuzz_server_new           (void);
void        fuzz_server_free          (FuzzServer      *self);

/* Before the library is told. */
LSocketError fuzz_server_expect_listen (FuzzServer     *self,
                                        guint           place,
                                        const char     *name);
LSocketError fuzz_server_expect_adopt  (FuzzServer     *self,
                                        FuzzNode       *node,
                                        const char     *name);
void        fuzz_server_expect_close  (FuzzServer      *self);
void        fuzz_server_forget_waiting (FuzzServer     *self);

void        fuzz_server_take          (FuzzServer      *self,
                                       guint            what);
void        fuzz_server_accept        (FuzzServer      *self,
                                       GCancellable    *cancellable,
                                       guint            what);
void        fuzz_server_wait          (FuzzServer      *self);
void        fuzz_server_add           (FuzzServer      *self,
                                       FuzzClient      *client);
void        fuzz_server_show          (FuzzServer      *self);
/* Does with a connection what a program does. */
void        fuzz_client_treat         (FuzzClient      *self,
                                       guint            what);

/* Accepts that wait and are not cancelled. */
guint       fuzz_server_count_accepts (FuzzServer      *self);
void        fuzz_server_tell          (FuzzServer      *self,
                                       char             letter);
void        fuzz_server_check_list    (FuzzServer      *self);
void        fuzz_server_check         (FuzzServer      *self,
                                       gboolean         is_quiet);
void        fuzz_server_check_listen  (gboolean         done,
                                       const GError    *error,
                                       LSocketError     expected);
extern guint fuzz_n_accepts;           /* under way */

/* Who comes in */
void        fuzz_admission_init       (void);
/* The next accepts fail. */
void        fuzz_servers_fail_accepts (guint            count,
                                       int              code);
void        fuzz_server_begin_counting (FuzzServer     *self);
gboolean    fuzz_server_is_full       (FuzzServer      *self);
void        fuzz_server_take_slot     (FuzzServer      *self,
                                       FuzzClient      *client);
void        fuzz_client_give_slot_back (FuzzClient     *client);
/* Those that are over and were not noticed yet give back what they had. */
void        fuzz_server_sweep         (FuzzServer      *self);
/* Somebody waits in the system who should not. */
gboolean    fuzz_server_is_late       (FuzzServer      *self);
/* The handler of the signal; and what follows from it. */
gboolean    fuzz_server_authorize     (LServer         *server,
                                       LCredentials    *credentials,
                                       FuzzServer      *self);
void        fuzz_server_end_decision  (FuzzServer      *self,
                                       FuzzClient      *client);

/* A service manager */
void        fuzz_activation_init      (void);
void        fuzz_activation_clear     (void);
/* Passes what others hold. */
void        fuzz_activation_prepare   (guint            number,
                                       guint            size);
void        fuzz_server_activate      (FuzzServer      *self,
                                       const char      *name);

G_END_DECLS
