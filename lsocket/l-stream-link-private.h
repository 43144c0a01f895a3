/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-io-device.h"

G_BEGIN_DECLS

/* What each of the two streams of a device knows of it. Everything here may be called in any thread; of each direction
 * one operation at a time, as GIO's streams have it. */
typedef struct
{
  GWeakRef   device;
  GMutex     lock;        /* of what follows */
  GSList    *sources;     /* (element-type LStreamSource) (unowned): those that sleep in other contexts */
  gint       is_detached; /* the session is over; set with the lock of the device's direction held */

  GMutex     stay_lock;   /* of what follows; taken before those of the device */
  LIODevice *staying;     /* (unowned) (nullable): the device, which is not disposed of while the lock is held */
} LStreamLink;

void            l_stream_link_init          (LStreamLink          *self,
                                             LIODevice            *device);
void            l_stream_link_clear         (LStreamLink          *self);

/* (nullable): the device is gone. */
LIODevice      *l_stream_link_ref_device    (LStreamLink          *self);
/* The same without a reference, for what takes no time and tells nobody: the device stays until it is let go. NULL: nothing
 * is to be let go; with the second also when its loop cannot answer what is begun here and now. */
LIODevice      *l_stream_link_hold_device   (LStreamLink          *self);
LIODevice      *l_stream_link_hold_in_reactor (LStreamLink        *self);
void            l_stream_link_let_go        (LStreamLink          *self);
/* For the device, before it is disposed of, without a lock. */
void            l_stream_link_leave         (LStreamLink          *self);

/* For the device: every operation fails with G_IO_ERROR_CLOSED from here; the sources look again. */
void            l_stream_link_detach        (LStreamLink          *self);
gboolean        l_stream_link_is_detached   (LStreamLink          *self);
void            l_stream_link_wake          (LStreamLink          *self);
/* After that, without a lock: nothing will wake the sources any more, so that nothing keeps their contexts. */
void            l_stream_link_release       (LStreamLink          *self);

/* They block when told to, and then until the cancellable says otherwise. */
gssize          l_stream_link_read          (LStreamLink          *self,
                                             void                 *buffer,
                                             gsize                 count,
                                             gboolean              blocking,
                                             GCancellable         *cancellable,
                                             GError              **error);
GPollableReturn l_stream_link_write         (LStreamLink          *self,
                                             const GOutputVector  *vectors,
                                             gsize                 n_vectors,
                                             gsize                *n_written,
                                             gboolean              blocking,
                                             GCancellable         *cancellable,
                                             GError              **error);
/* Blocks until everything queued is with the system; with a device that is gone, or a session that is over, there is
 * nothing to do. */
gboolean        l_stream_link_flush         (LStreamLink          *self,
                                             GCancellable         *cancellable,
                                             GError              **error);
/* After a read that came to the end: where no reactor notices that, tells it from inside. */
void            l_stream_link_tell_end      (LStreamLink          *self);
gboolean        l_stream_link_close_output  (LStreamLink          *self,
                                             GCancellable         *cancellable,
                                             GError              **error);

/* G_IO_IN or G_IO_OUT. */
gboolean        l_stream_link_is_ready      (LStreamLink          *self,
                                             GIOCondition          condition);
GSource        *l_stream_link_create_source (LStreamLink          *self,
                                             GObject              *stream,
                                             GIOCondition          condition,
                                             GCancellable         *cancellable);
/* -1: none. */
gintptr         l_stream_link_get_descriptor (LStreamLink         *self,
                                             GIOCondition          condition);

/* For a GIOStream or a stream whose function emits something, with the reference that it held meanwhile: a handler may have
 * dropped all others, and GIO looks at the stream once more when the function has returned. */
void            l_stream_unref_later        (gpointer              stream);

/* What only this platform's streams can do; l-stream-unix.c. */
void            l_stream_add_interfaces     (GType                 type);

G_END_DECLS
