/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-buffer-private.h"
#include "l-io-device.h"
#include "l-reactor-private.h"

G_BEGIN_DECLS

/* What a subclass provides, in LIODeviceClass.funcs. None of these blocks but wait and wait_until_open. */
typedef struct
{
  /* G_POLLABLE_RETURN_OK with n_read 0: the end of input. */
  GPollableReturn (* read_data)       (LIODevice            *self,
                                       void                 *buffer,
                                       gsize                 count,
                                       gsize                *n_read,
                                       GError              **error);
  GPollableReturn (* write_data)      (LIODevice            *self,
                                       const GOutputVector  *vectors,
                                       gsize                 n_vectors,
                                       gsize                *n_written,
                                       GError              **error);

  /* What l_io_device_dispatch() shall be called for; 0: nothing, not even a hang-up. */
  void            (* set_condition)   (LIODevice            *self,
                                       GIOCondition          condition);

  /* Blocks the thread until one of the conditions or a hang-up; 0 at the deadline (monotonic time in microseconds,
   * -1: none) or when cancelled. */
  GIOCondition    (* wait)            (LIODevice            *self,
                                       GIOCondition          condition,
                                       gint64                deadline,
                                       GCancellable         *cancellable);

  /* Ends an opening that is under way; FALSE when the device is not open then. */
  gboolean        (* wait_until_open) (LIODevice            *self,
                                       gint64                deadline);

  /* A wait came to its deadline. */
  void            (* timed_out)       (LIODevice            *self);

  /* All input was read and announced; the condition is what dispatch was called with, 0 when nobody knows. */
  void            (* input_ended)     (LIODevice            *self,
                                       GIOCondition          condition);

  /* Reading or writing failed. */
  void            (* failed)          (LIODevice            *self,
                                       const GError         *error);

  /* Everything queued was written and announced. */
  void            (* output_drained)  (LIODevice            *self);

  /* The output stream was closed: ends the output once everything is written. */
  gboolean        (* shutdown_output) (LIODevice            *self,
                                       GError              **error);

  /* Polls what the device reads from and writes to, for a pollable stream. */
  GSource        *(* create_source)   (LIODevice            *self,
                                       GIOCondition          condition);
} LIODeviceFuncs;

typedef struct
{
  LIODevice      *self;               /* (unowned) */
  LReactor       *reactor;            /* (owned) (nullable) */
  LReactorTask    flush_task;

  LBuffer         input;
  LBuffer         output;
  gsize           transaction_offset; /* what was read since the transaction began */
  gsize           read_buffer_size;   /* 0: no limit */
  gsize           write_buffer_size;  /* 0: no limit */
  gsize           n_written;          /* since the last bytes-written */

  char           *error_string;       /* (owned) (nullable) */
  GTask          *read_task;          /* (owned) (nullable): the one asynchronous read that is under way */
  GInputStream   *input_stream;       /* (owned) (nullable): made on first use */
  GOutputStream  *output_stream;      /* (owned) (nullable): made on first use */

  LOpenMode       open_mode;
  LOpenMode       opening_mode;       /* while opening: what is written is gathered already */
  GIOCondition    condition;          /* what set_condition() was told last */
  guint           n_arrivals;         /* counts reads that brought something, for the waits */
  guint           n_departures;       /* counts writes that took something */
  guint           n_openings;
  guint           session;            /* counts openings and ends, to notice them after an emission */

  guint           input_enabled : 1;  /* bytes are received; otherwise only a hang-up is noticed */
  guint           input_ended : 1;
  guint           output_open : 1;
  guint           output_blocked : 1; /* the system takes no more for now */
  guint           in_transaction : 1;
  guint           in_ready_read : 1;
  guint           in_bytes_written : 1;
  guint           in_about_to_close : 1;
  guint           ready_read_due : 1; /* bytes came while a handler of ready-read ran */
  guint           parked : 1;         /* until that handler has returned: nothing is told */
  guint           input_parked : 1;   /* the same of the input alone */
  guint           held : 1;           /* nothing is received, not even a hang-up: it waits in a server's queue */
} LIODevicePrivate;

LIODevicePrivate *l_io_device_get_private       (LIODevice     *self);

static inline const LIODeviceFuncs *
l_io_device_get_funcs (LIODevice *self)
{
  return L_IO_DEVICE_GET_CLASS (self)->funcs;
}

/* What a subclass tells LIODevice. */

/* Instead of the thread-default context's; before anything else. */
void              l_io_device_set_reactor       (LIODevice     *self,
                                                 LReactor      *reactor);

/* What is written from now on is gathered. */
void              l_io_device_set_opening       (LIODevice     *self,
                                                 LOpenMode      mode);
void              l_io_device_set_open          (LIODevice     *self,
                                                 LOpenMode      mode);
void              l_io_device_set_input_enabled (LIODevice     *self,
                                                 gboolean       input_enabled);
void              l_io_device_set_held          (LIODevice     *self,
                                                 gboolean       held);
/* No more comes. */
void              l_io_device_end_input         (LIODevice     *self);
/* No more is taken; what was queued is still written, or dropped with the second. */
void              l_io_device_end_output        (LIODevice     *self);
void              l_io_device_drop_output       (LIODevice     *self);
/* The end of both, dropping what is queued. What was received can still be read. */
void              l_io_device_end               (LIODevice     *self);
/* Emits about-to-close if the device is open; then, unless a handler changed that, it is closed and its input dropped. */
void              l_io_device_close             (LIODevice     *self);

void              l_io_device_set_error_string  (LIODevice     *self,
                                                 const char    *error_string);

/* Takes what came and sends what is queued. */
void              l_io_device_dispatch          (LIODevice     *self,
                                                 GIOCondition   condition);
/* Receives all that the system holds, beyond read-buffer-size too. */
void              l_io_device_drain_input       (LIODevice     *self);
gboolean          l_io_device_flush             (LIODevice     *self);
/* What was written in a handler leaves when that has returned. */
void              l_io_device_flush_after_handler (LIODevice   *self);
void              l_io_device_flush_in_turn     (LIODevice     *self);
/* One turn of a wait: sends, receives, and blocks for more of either. FALSE at the deadline, or when cancelled. */
gboolean          l_io_device_wait_turn         (LIODevice     *self,
                                                 gint64         deadline,
                                                 GCancellable  *cancellable);
gint64            l_io_device_get_deadline      (int            msecs);

void              l_io_device_emit_read_channel_finished (LIODevice *self);

/* Whether the device is open for reading, or for writing. */
gboolean          l_io_device_check_mode        (LIODevice     *self,
                                                 LOpenMode      mode,
                                                 GError       **error);

/* Between the public functions and the movement of bytes. */

void              l_io_device_update_condition  (LIODevice     *self);
gsize             l_io_device_offer             (LIODevice     *self,
                                                 const void    *data,
                                                 gsize          count);
GPollableReturn   l_io_device_offer_queue       (LIODevice     *self,
                                                 GError       **error);
void              l_io_device_schedule_flush    (LIODevice     *self);
void              l_io_device_emit_ready_read   (LIODevice     *self);
void              l_io_device_emit_bytes_written (LIODevice    *self,
                                                 guint64        count);

/* l-io-device-async.c */
typedef enum
{
  L_READ_LINE,
  L_READ_BYTES,
  L_READ_SOME,  /* a stream's: as much as is there, straight into the caller's memory where possible */
} LReadKind;

/* Takes the task. */
void              l_io_device_start_read        (LIODevice     *self,
                                                 GTask         *task,
                                                 LReadKind      kind,
                                                 void          *buffer,
                                                 gsize          count);
/* Answers the read that is under way, if there is one and it can be; the callback may run at once. */
gboolean          l_io_device_answer_read       (LIODevice     *self);
void              l_io_device_answer_direct_read (LIODevice    *self,
                                                 gsize          n_read);
/* The same in another turn of the loop. */
void              l_io_device_schedule_answer   (LIODevice     *self);
void              l_io_device_fail_read         (LIODevice     *self);
/* How many bytes it still needs; and where to receive them, NULL: into the input buffer. */
gsize             l_io_device_get_wanted        (LIODevice     *self);
void             *l_io_device_get_read_target   (LIODevice     *self,
                                                 gsize         *count);
gsize             l_io_device_find_line         (LIODevice     *self);

/* Whether the calling thread's context is the one whose loop serves the device. */
gboolean          l_io_device_is_in_reactor     (LIODevice     *self);

/* For the two streams. They block when told to, and then until the cancellable says otherwise. */

gssize            l_io_device_stream_read       (LIODevice     *self,
                                                 void          *buffer,
                                                 gsize          count,
                                                 gboolean       blocking,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
GPollableReturn   l_io_device_stream_write      (LIODevice     *self,
                                                 const GOutputVector *vectors,
                                                 gsize          n_vectors,
                                                 gsize         *n_written,
                                                 gboolean       blocking,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
gboolean          l_io_device_stream_flush      (LIODevice     *self,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
/* What the buffers and the state are ready for, without asking the system. */
GIOCondition      l_io_device_query_condition   (LIODevice     *self);
gboolean          l_io_device_stream_is_ready   (LIODevice     *self,
                                                 GIOCondition   condition);

/* A pollable stream's source; the device is NULL when the stream was left by it. */
typedef gboolean (* LIODeviceStreamIsReady)     (GObject       *stream);
GSource          *l_io_device_create_stream_source (LIODevice  *self,
                                                 GObject       *stream,
                                                 LIODeviceStreamIsReady is_ready,
                                                 GIOCondition   condition,
                                                 GCancellable  *cancellable);

G_END_DECLS
