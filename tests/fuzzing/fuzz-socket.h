/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fuzz-case.h"

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* What the files of this target share: fuzz-socket.c reads the input and calls the library, as fuzz-socket-bytes.c and
 * fuzz-socket-async.c do for it; fuzz-socket-model.c follows each socket by its signals, fuzz-socket-peer.c is the other
 * end. */

/* The most that one operation moves. */
#define FUZZ_MAX_BYTES (64 * 1024)

/* One connection, with the counters of all bytes that a direction has carried. Each byte tells its place. */
typedef struct
{
  int      fd;         /* of the other end; -1: not accepted yet, or closed */
  guint    number;
  gboolean is_over;    /* the other end is closed */
  gboolean is_filler;  /* no socket's */

  guint64  n_to_us;    /* sent by the other end */
  guint64  n_accepted; /* what write() took */
  guint64  n_streamed; /* of that, by the stream: no bytes-written tells of it */
  guint64  n_pending;  /* what an asynchronous write may take as well */
  guint64  n_received; /* by the other end */
  gboolean is_dropped; /* something may be lost on the way there */
  gboolean is_vague;   /* which bytes went there cannot be told */
} FuzzLink;

void      fuzz_link_fill           (guint      number,
                                    guint64    place,
                                    guint8    *data,
                                    gsize      count);
void      fuzz_link_check          (guint      number,
                                    guint64    place,
                                    const void *data,
                                    gsize       count);

/* The listener, whose backlog is soon full, and all the other ends. */
void      fuzz_peers_init          (const char *path);
void      fuzz_peers_clear         (void);
void      fuzz_peers_listen        (void);
void      fuzz_peers_stop          (void);
void      fuzz_peers_fill_backlog  (void);
void      fuzz_peers_accept        (void);
/* Owned by the peers. One that was connected to the listener, or of a pair: then *descriptor is our end. */
FuzzLink *fuzz_peers_add_connected (guint      number);
FuzzLink *fuzz_peers_add_pair      (guint      number,
                                    int       *descriptor);
/* NULL: there is none. */
FuzzLink *fuzz_peers_get           (guint      index);
void      fuzz_peers_close_all     (void);

void      fuzz_link_send           (FuzzLink  *self,
                                    gsize      count);
void      fuzz_link_receive        (FuzzLink  *self,
                                    gsize      count);
void      fuzz_link_shut_down      (FuzzLink  *self);
void      fuzz_link_close          (FuzzLink  *self);

/* A socket with what its signals have told. */
typedef struct
{
  LSocket     *socket;       /* (unowned) (nullable): NULL: finalized */
  gboolean     is_owned;     /* the case has a reference */

  /* The session, from CONNECTING on */
  guint        number;
  FuzzLink    *link;         /* (unowned) (nullable): from CONNECTED on */
  FuzzLink    *adopted;      /* (unowned) (nullable): what is being taken over, with our end */
  int          adopted_fd;
  guint        n_ends;       /* of sessions */
  LOpenMode    mode;
  GString     *letters;      /* one a signal */
  gboolean     is_disturbed; /* handlers have done something */
  gboolean     is_unknown;   /* which bytes were read cannot be told */
  gboolean     is_cut;       /* it was closed with what had arrived */
  guint        n_reads;      /* asynchronous ones under way: what those have taken they tell later */
  guint64      n_accepted;   /* in CONNECTING */
  guint64      n_consumed;
  guint64      n_arrived;    /* by the last ready-read */
  guint64      n_told;       /* by bytes-written */
  gboolean     is_telling;   /* a handler of it runs */
  guint64      transaction;  /* n_consumed at its begin */
  gsize        limit;        /* the smallest that there was for what is read ahead */

  LSocketState state;
  gboolean     is_notified;  /* of the state, without state-changed yet */
  LSocketError error;
} FuzzSubject;

typedef void (* FuzzHandlerFunc) (FuzzSubject *subject,
                                  char         letter);

/* Letters: g CONNECTING, c CONNECTED, l CLOSING, u UNCONNECTED, k connected, d disconnected, f read-channel-finished,
 * a about-to-close, r ready-read, w bytes-written, o writable, p error (PEER_CLOSED), e another error, x one of a call that
 * began nothing. */
#define FUZZ_LETTERS "gclukdfarwopex"

FuzzSubject *fuzz_subject_new         (FuzzHandlerFunc func);
void         fuzz_subject_free        (FuzzSubject *self);
/* FALSE: dropped. A thread of GIO may hold it for a moment, and is then the one that disposes of it. */
gboolean     fuzz_subject_is_usable   (FuzzSubject *self);
/* Between two operations, with nothing under way. */
void         fuzz_subject_check       (FuzzSubject *self);
guint64      fuzz_subject_get_arrived (FuzzSubject *self);
/* What may be read ahead has changed. */
void         fuzz_subject_limit_input (FuzzSubject *self);
/* From here on what it has read or written may be lost. */
void         fuzz_subject_drop_input  (FuzzSubject *self);
void         fuzz_subject_drop_output (FuzzSubject *self);

/* The case */
extern FuzzSubject *fuzz_current;           /* (unowned): which operations are for */
extern guint        fuzz_n_asyncs;          /* under way */
extern guint        fuzz_n_writes;          /* of those */

static inline LIODevice *
fuzz_get_device (void)
{
  return L_IO_DEVICE (fuzz_current->socket);
}

/* Without one most of the time. */
GCancellable *fuzz_get_cancellable (guint  number);

/* Operations */
void          fuzz_begin_reading   (void);
guint8       *fuzz_make_output     (gsize  size);
void          fuzz_read_some       (guint8 number,
                                    gsize  size);
void          fuzz_unread          (gsize  size);
void          fuzz_transact        (guint8 number);
void          fuzz_write_some      (guint8 number,
                                    gsize  size);
void          fuzz_use_streams     (guint8 number,
                                    gsize  size);
void          fuzz_read_async      (guint8 number,
                                    gsize  size);
void          fuzz_write_async     (guint8 number,
                                    gsize  size);
void          fuzz_end_async       (guint8 number);
void          fuzz_connect_async   (guint8    number,
                                    LOpenMode mode);

G_END_DECLS
