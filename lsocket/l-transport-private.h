/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-address-private.h"
#include "l-error-private.h"
#include "l-reactor-private.h"

G_BEGIN_DECLS

/* One byte pipe to a peer. Nothing here blocks but l_transport_wait(); nothing here knows states or signals. Which
 * implementation it is, l-transport-unix.c or l-transport-win32.c, is chosen in meson.build. A failed call leaves the
 * system's code (an errno, on Windows what GetLastError() says) in *code. */
typedef struct
{
  LReactorWatch  watch;
  LReactor      *reactor;    /* (unowned) (nullable): NULL: no loop serves it */
  gintptr        descriptor; /* -1: none */
  gboolean       counts_passed; /* descriptors that the peer passes */
  int            n_passed;   /* (atomic): messages that came with some, which are closed */
#ifdef G_OS_UNIX
  gboolean       is_widened; /* the system's buffer of what is sent */
  gboolean       is_plain;   /* nothing comes beside the bytes but what the peer passes */
#endif
#ifdef G_OS_WIN32
  GMutex         lock;       /* of what follows */
  struct _LPipe *pipe;       /* (owned) (nullable): the operations under way, while there is a descriptor */
#endif
} LTransport;

void            l_transport_init                (LTransport           *self,
                                                 LReactor             *reactor,
                                                 LReactorWatchFunc     func);
void            l_transport_clear               (LTransport           *self);

/* Takes the descriptor out of the reactor and closes it; or leaves it to whoever had it before. */
void            l_transport_close               (LTransport           *self);
void            l_transport_release             (LTransport           *self);

/* G_POLLABLE_RETURN_WOULD_BLOCK: the server is busy; to be called again after a while, with the same address. */
GPollableReturn l_transport_connect             (LTransport           *self,
                                                 LAddress             *address,
                                                 LOpenMode             mode,
                                                 int                  *code);

/* Takes over a descriptor if it is of the right kind; then whether it is connected, or a connect() on it still under way;
 * then makes it non-blocking and not inherited. An accepted one comes from our own listener and needs none of that. */
gboolean        l_transport_adopt               (LTransport           *self,
                                                 gintptr               descriptor,
                                                 LOpenMode             mode,
                                                 int                  *code);
gboolean        l_transport_set_flags           (LTransport           *self,
                                                 int                  *code);
gboolean        l_transport_adopt_accepted      (LTransport           *self,
                                                 gintptr               descriptor,
                                                 int                  *code);
GPollableReturn l_transport_check_connected     (LTransport           *self,
                                                 int                  *code);

/* n_read 0 with G_POLLABLE_RETURN_OK: the end of input. */
GPollableReturn l_transport_read                (LTransport           *self,
                                                 void                 *buffer,
                                                 gsize                 count,
                                                 gsize                *n_read,
                                                 int                  *code);
GPollableReturn l_transport_write               (LTransport           *self,
                                                 const GOutputVector  *vectors,
                                                 gsize                 n_vectors,
                                                 gsize                *n_written,
                                                 int                  *code);
/* G_POLLABLE_RETURN_WOULD_BLOCK: what write took is still under way, and G_IO_OUT tells of its end. */
GPollableReturn l_transport_flush               (LTransport           *self,
                                                 int                  *code);
/* Pipes have no such thing. */
gboolean        l_transport_can_shutdown_write  (void) G_GNUC_CONST;
gboolean        l_transport_shutdown_write      (LTransport           *self,
                                                 int                  *code);
/* The end of both, for both ends; on Unix the descriptor stays open. */
void            l_transport_shutdown            (LTransport           *self);

/* Whether a connection that ended its input has ended altogether. */
gboolean        l_transport_is_hung_up          (LTransport           *self);

/* What the reactor shall tell; 0: nothing, not even a hang-up. */
void            l_transport_set_condition       (LTransport           *self,
                                                 GIOCondition          condition);

/* Blocks the thread until one of the conditions, a hang-up or an error; 0 at the deadline (monotonic time in
 * microseconds, -1: none) or when one of the two is cancelled. With the condition 0 it only sleeps. Of all these it alone
 * may be called while the transport changes in another thread. */
GIOCondition    l_transport_wait                (LTransport           *self,
                                                 GIOCondition          condition,
                                                 gint64                deadline,
                                                 GCancellable         *cancellable,
                                                 GCancellable         *wake);

/* A source of its own for a pollable stream; (nullable): there is no descriptor. */
GSource        *l_transport_create_source       (LTransport           *self,
                                                 GIOCondition          condition);

/* The address of the other end; for an accepted connection, whose other end has none, (nullable). */
GSocketAddress *l_transport_get_peer_address    (LTransport           *self);
GSocketAddress *l_transport_get_local_address   (LTransport           *self);

G_END_DECLS
