/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* Servers and clients in processes of their own, some of which are killed all the time, make connections of every kind
 * and compare each byte. From time to time the first process lets all come to rest: then what each of them holds has to
 * be what it held before. */

/* What a connection is for; the client says it. */
typedef enum
{
  SOAK_BOTH,       /* both send, at once; the client closes */
  SOAK_UPLOAD,     /* the client sends and closes at once */
  SOAK_DOWNLOAD,   /* the server sends and closes at once */
  SOAK_HALF_CLOSE, /* the client ends its output, and only then the server sends; on Unix */
  SOAK_SLOW,       /* a download to somebody who reads little at a time */
  SOAK_SILENT,     /* the client reads nothing, and aborts after a while */
  SOAK_ABORT,      /* the client aborts in the midst of SOAK_BOTH */
  SOAK_CUT,        /* the server does */
  SOAK_N_KINDS,
} SoakKind;

const char *soak_kind_get_name   (SoakKind        kind);
/* One end may go while bytes are under way. */
gboolean    soak_kind_is_sudden  (SoakKind        kind);

/* What each end says first; then come SIZE bytes. */
typedef struct
{
  guint32 magic;
  guint32 kind;
  guint64 size;
  guint64 wanted; /* what the client asks for */
  guint64 place;  /* of the first byte in the pattern */
} SoakHeader;

/* What one end has sent and received. */
typedef struct
{
  LIODevice *device; /* (unowned) */
  SoakHeader out;
  gboolean   begun;  /* the header is written */
  guint64    n_out;
  SoakHeader in;
  gboolean   answered; /* its header has come */
  guint64    n_in;
} SoakFlow;

void        soak_flow_init        (SoakFlow       *self,
                                   LIODevice      *device);
void        soak_flow_begin       (SoakFlow       *self,
                                   SoakKind        kind,
                                   guint64         size,
                                   guint64         wanted);
/* As much as there is room for. */
void        soak_flow_push        (SoakFlow       *self);
/* At most that much; each byte is compared. */
void        soak_flow_pull        (SoakFlow       *self,
                                   gsize           max_count);
/* All of it is on its way, or has come. */
gboolean    soak_flow_is_sent     (const SoakFlow *self);
gboolean    soak_flow_is_received (const SoakFlow *self);

/* A process that is not the first one, and its line to that. */
typedef struct
{
  guint64 n_sessions;
  guint64 n_sent;
  guint64 n_received;
  guint64 n_reconnects;
} SoakCounts;

typedef void (* SoakCommandFunc) (const char *command);

extern SoakCounts soak_counts; /* since the last report */

/* Commands are "pause" and "go" to a client, "measure" to a server, "quit" to both. */
void        soak_control_connect  (const char      *base,
                                   guint            number,
                                   SoakCommandFunc  func);
/* An end came before all that was promised: the first process knows whether it killed PID. */
void        soak_control_short    (const SoakFlow  *flow,
                                   gint64           pid);
void        soak_control_quiet    (void);

/* Of the process at the other end. */
gint64      soak_get_peer_pid     (LSocket         *socket);

#define SOAK_N_SERVERS 4
/* The first two live as long as the first process, and the second closes and listens again all the time. */
#define SOAK_RELISTENING 1
#define SOAK_FIRST_MORTAL 2
char       *soak_build_name       (const char      *base,
                                   guint            server);

int         soak_run_client       (const char      *base,
                                   guint            number);
int         soak_run_server       (const char      *base,
                                   guint            number);
int         soak_run_all          (const char      *program,
                                   gint64           duration,
                                   gint64           period);

/* soak-unix.c and soak-win32.c */

/* A directory of our own for the names, where there are files. */
void        soak_make_directory   (void);
/* How many names are left in it; and it goes. */
guint       soak_remove_directory (void);
guint       soak_get_pid          (void);
/* Descriptors, or handles. */
guint       soak_count_open       (void);
/* How many of them may come and go by the system's own doing. */
extern const guint soak_open_slack;
/* One direction can be shut down. */
extern const gboolean soak_can_half_close;
/* What it holds, in KiB. */
guint64     soak_get_memory       (void);
/* What the kernel lists of our names; 0 where it lists none. */
guint       soak_count_listed     (void);

G_END_DECLS
