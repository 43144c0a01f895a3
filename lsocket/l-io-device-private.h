/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-async-operation-private.h"
#include "l-buffer-private.h"
#include "l-io-device.h"
#include "l-reactor-private.h"
#include "l-stream-link-private.h"

G_BEGIN_DECLS

/* What a subclass provides, in LIODeviceClass.funcs. None of these blocks but wait and wait_until_open. The first four
 * are called in any thread, with a lock held, and tell nobody. */
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

  /* G_POLLABLE_RETURN_WOULD_BLOCK: what write_data took is still under way; G_IO_OUT tells of its end. */
  GPollableReturn (* flush_data)      (LIODevice            *self,
                                       GError              **error);

  /* What l_io_device_dispatch() shall be called for; 0: nothing, not even a hang-up. */
  void            (* set_condition)   (LIODevice            *self,
                                       GIOCondition          condition);

  /* Blocks the thread until one of the conditions or a hang-up; 0 at the deadline (monotonic time in microseconds,
   * -1: none) or when one of the two is cancelled. Called in any thread. */
  GIOCondition    (* wait)            (LIODevice            *self,
                                       GIOCondition          condition,
                                       gint64                deadline,
                                       GCancellable         *cancellable,
                                       GCancellable         *wake);

  /* Ends an opening that is under way; FALSE when the device is not open then. */
  gboolean        (* wait_until_open) (LIODevice            *self,
                                       gint64                deadline);

  /* A wait came to its deadline. */
  void            (* timed_out)       (LIODevice            *self);

  /* All input was read and announced; the condition is what dispatch was called with, 0 when nobody knows. */
  void            (* input_ended)     (LIODevice            *self,
                                       GIOCondition          condition);

  /* The words that l_io_device_defer_error_string() left out, now that somebody asks. */
  char           *(* describe_error)  (LIODevice            *self);

  /* Reading or writing failed. */
  void            (* failed)          (LIODevice            *self,
                                       const GError         *error);

  /* Everything queued was written and announced. */
  void            (* output_drained)  (LIODevice            *self);

  /* The output stream was closed, in the owner's thread: ends the output once everything is written. */
  gboolean        (* shutdown_output) (LIODevice            *self,
                                       GError              **error);
  /* The same in another thread, where everything has been written; with the output's lock held. */
  void            (* end_output)      (LIODevice            *self);

  /* Polls what the device reads from and writes to, for a pollable stream; and what that is, -1: nothing. Called in any
   * thread, with the lock of the direction held. */
  GSource        *(* create_source)   (LIODevice            *self,
                                       GIOCondition          condition);
  gintptr         (* get_descriptor)  (LIODevice            *self);
} LIODeviceFuncs;

/* A device is its owner's, but its streams may be used in another thread, one for each direction. What that one touches
 * stands in LIODeviceInput and LIODeviceOutput, each under its lock; where it says so, only the owner changes something,
 * and may read it without. No signal is emitted and nothing is waited for with a lock held. Who needs more than one takes
 * them in this order: input, output, condition. */

typedef struct
{
  GMutex         lock;
  LBuffer        buffer;
  gsize          transaction_offset; /* what was read since the transaction began */
  guint          n_other_reads;      /* that wait in other threads: meanwhile the reactor does not read */
  guint          n_blind_waits;      /* how many more waits do not ask before they poll */
  GCancellable  *wake;               /* (owned) (nullable): wakes one of them */
  GInputStream  *stream;             /* (owned) (nullable): made on first use */

  gboolean       discards;           /* what comes is thrown away, to the end of the session */

  /* Changed by the owner only */
  gsize          buffer_size;        /* the most that is received ahead; 0: no limit */
  gboolean       enabled;            /* bytes are received, and told of */
  gboolean       disregarded;        /* nobody waits for them any more: see l_io_device_disregard_input() */
  gboolean       ended;
  gboolean       held;               /* nothing is received, not even a hang-up: it waits in a server's queue */
  gboolean       parked;             /* until a handler of ready-read has returned: nothing is told of the input */
  gboolean       in_transaction;
} LIODeviceInput;

typedef struct
{
  GMutex         lock;
  LBuffer        buffer;
  gsize          n_written;          /* since the last bytes-written */
  guint          n_departures;       /* counts writes that took something, for the waits */
  guint          n_losses;           /* counts how often something queued was dropped */
  gboolean       open;
  gboolean       blocked;            /* the system takes no more of the buffer until it is writable */
  gboolean       flush_due;          /* the task is queued */
  GCancellable  *wake;               /* (owned) (nullable): wakes who waits in another thread */
  GOutputStream *stream;             /* (owned) (nullable): made on first use */

  /* Changed by the owner only */
  gsize          buffer_size;        /* the most that waits; 0: no limit */
  LOpenMode      opening_mode;       /* while opening: what is written is gathered already */
  gsize          room_mark;          /* how much may wait when it is told that there is room */
  gboolean       is_room_wanted;     /* something was refused */
} LIODeviceOutput;

/* What set_condition() was told, and why. */
typedef struct
{
  GMutex         lock;
  GIOCondition   input;
  GIOCondition   output;
  GIOCondition   told;
  gboolean       suspended;          /* nothing is told at all */
} LIODeviceCondition;

typedef struct
{
  LIODevice          *self;               /* (unowned) */
  GWeakRef            weak_ref;           /* the same, for the reactor */
  GThread            *maker;              /* (unowned): where the device was made */
  LReactor           *reactor;            /* (owned) (nullable) */
  LReactorTask        flush_task;

  LIODeviceInput      input;
  LIODeviceOutput     output;
  LIODeviceCondition  condition;

  /* What follows is the owner's alone; the open mode is changed with both locks held, and others may read it with one. */
  char               *error_string;       /* (owned) (nullable): see l_io_device_defer_error_string(), too */
  LAsyncOperation    *read_operation;     /* (owned) (nullable): the one asynchronous read that is under way */
  LAsyncOperation    *write_operation;    /* (owned) (nullable): the stream's write that waits for room */
  LReactorTask        answer_task;        /* for what can be answered, in another turn */
  GSList             *drain_tasks;        /* (element-type GTask) (owned): wait for everything queued to be sent */

  LOpenMode           open_mode;
  guint               n_arrivals;         /* counts reads that brought something, for the waits */
  guint               n_openings;
  guint               session;            /* counts openings and ends, to notice them after an emission */

  guint               held_props;         /* a bit for each that has changed since l_io_device_hold_notify() */
  guint               has_session : 1;    /* it is opening or open, or its output is still being sent */
  guint               is_error_deferred : 1;
  guint               holds_notify : 1;
  guint               in_ready_read : 1;
  guint               in_bytes_written : 1;
  guint               in_writable : 1;
  guint               in_about_to_close : 1;
  guint               ready_read_due : 1; /* bytes came while a handler of ready-read ran, or nobody waited for any */
} LIODevicePrivate;

/* l-io-device-properties.c */
typedef enum
{
  L_IO_DEVICE_PROP_OPEN_MODE = 1,
  L_IO_DEVICE_PROP_BYTES_AVAILABLE,
  L_IO_DEVICE_PROP_BYTES_TO_WRITE,
  L_IO_DEVICE_PROP_ERROR_STRING,
  L_IO_DEVICE_PROP_READ_BUFFER_SIZE,
  L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE,
} LIODeviceProperty;

LSOCKET_INTERNAL extern GParamSpec *l_io_device_props[L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE + 1];

void              l_io_device_install_properties (GObjectClass  *object_class);

/* Where that stands in an instance; GObject's function for it can only be inlined where the type is defined. */
LSOCKET_INTERNAL extern int l_io_device_private_offset;

static inline LIODevicePrivate *
l_io_device_get_private (LIODevice *self)
{
  return G_STRUCT_MEMBER_P (self, l_io_device_private_offset);
}

/* L_IS_IO_DEVICE(), for functions that are called once a message: the type that was one the last time is not looked for. */
static inline gboolean
l_io_device_check (gpointer instance)
{
  LSOCKET_INTERNAL extern GType l_io_device_last_type; /* (atomic) */
  const GTypeInstance *self = instance;

  if (G_LIKELY (self != NULL && self->g_class != NULL &&
                self->g_class->g_type == (GType) g_atomic_pointer_get (&l_io_device_last_type)))
    return TRUE;
  if (!L_IS_IO_DEVICE (instance))
    return FALSE;

  g_atomic_pointer_set (&l_io_device_last_type, self->g_class->g_type);
  return TRUE;
}

static inline const LIODeviceFuncs *
l_io_device_get_funcs (LIODevice *self)
{
  return L_IO_DEVICE_GET_CLASS (self)->funcs;
}

/* What GIOStream asks for; in any thread. */
GInputStream     *l_io_device_get_input_stream  (GIOStream     *stream);
GOutputStream    *l_io_device_get_output_stream (GIOStream     *stream);

/* Its streams begin nothing any more; the first that is done to dispose of it. */
void              l_io_device_leave_streams     (LIODevice     *self);

/* What a subclass tells LIODevice. */

/* Both directions: what a subclass changes that its functions for reading and writing use. */
void              l_io_device_lock              (LIODevice     *self);
void              l_io_device_unlock            (LIODevice     *self);

/* Instead of the thread-default context's; before anything else. */
void              l_io_device_set_reactor       (LIODevice     *self,
                                                 LReactor      *reactor);

/* What is written from now on is gathered. */
void              l_io_device_set_opening       (LIODevice     *self,
                                                 LOpenMode      mode);
void              l_io_device_set_open          (LIODevice     *self,
                                                 LOpenMode      mode);
/* The program has done with it. What comes is taken all the same: the peer may be one that reads when it has written. It
 * is told of only when the peer hangs up, kept as far as there is room, and thrown away from the first byte on for which
 * there is none. */
void              l_io_device_disregard_input   (LIODevice     *self);
void              l_io_device_set_held          (LIODevice     *self,
                                                 gboolean       held);
/* No more comes. */
void              l_io_device_end_input         (LIODevice     *self);
/* No more is taken; what was queued is still written, or dropped with the second. */
void              l_io_device_end_output        (LIODevice     *self);
void              l_io_device_drop_output       (LIODevice     *self);
/* The end of both, dropping what is queued. What was received can still be read. */
void              l_io_device_end               (LIODevice     *self);
/* Nothing of what was received can be read any more; the streams are those of an ended session. */
void              l_io_device_drop_input        (LIODevice     *self);
/* Emits about-to-close if the device is open; then, unless a handler changed that, it is closed and its input dropped. */
void              l_io_device_close             (LIODevice     *self);

/* Between the two the properties that LIODevice changes are not notified, and then each once. GObject has this too, with an
 * allocation and much else even when nobody listens. */
void              l_io_device_hold_notify       (LIODevice     *self);
void              l_io_device_release_notify    (LIODevice     *self);
/* The same for a subclass, which keeps its bits itself: pspecs[n] for bit n. */
void              l_io_device_notify_all        (LIODevice     *self,
                                                 GParamSpec   **pspecs,
                                                 guint          held_props);

void              l_io_device_set_error_string  (LIODevice     *self,
                                                 const char    *error_string);
/* There is a new one, which is made when somebody asks for it. */
void              l_io_device_defer_error_string (LIODevice    *self);

/* Takes what came and sends what is queued; with a reference held. */
void              l_io_device_dispatch          (LIODevice     *self,
                                                 GIOCondition   condition);
/* Receives all that the system holds, beyond read-buffer-size too. */
void              l_io_device_drain_input       (LIODevice     *self);
gboolean          l_io_device_flush             (LIODevice     *self);
/* Tells of what has gone. */
void              l_io_device_announce_output   (LIODevice     *self);
/* What was written in a handler leaves when that has returned. */
void              l_io_device_flush_after_handler (LIODevice   *self);
void              l_io_device_flush_in_turn     (LIODevice     *self);
/* One turn of a wait: sends, receives, and blocks for more of either. FALSE at the deadline, or when cancelled. */
gboolean          l_io_device_wait_turn         (LIODevice     *self,
                                                 gint64         deadline,
                                                 GCancellable  *cancellable);
gint64            l_io_device_get_deadline      (int            msecs);
/* With the input's lock held: whether who is to wait asks the system for input first, and whether there was some. */
gboolean          l_io_device_asks_first        (LIODevice     *self);
void              l_io_device_note_asked        (LIODevice     *self,
                                                 gboolean       found);

void              l_io_device_emit_read_channel_finished (LIODevice *self);

/* Whether the device is open for reading, or for writing. */
gboolean          l_io_device_check_mode        (LIODevice     *self,
                                                 LOpenMode      mode,
                                                 GError       **error);

/* Between the public functions and the movement of bytes. */

/* What set_condition() is to be told of the input, with the input's lock held; of the output, with that of the output. */
void              l_io_device_update_input      (LIODevice     *self);
void              l_io_device_update_output     (LIODevice     *self);
/* Suspended: no condition at all. */
void              l_io_device_set_suspended     (LIODevice     *self,
                                                 gboolean       suspended);

/* With the output's lock held: hands what is queued to the system, and with it data that is not; how much of that went.
 * Nothing is emitted. */
GPollableReturn   l_io_device_push              (LIODevice     *self,
                                                 const void    *data,
                                                 gsize          count,
                                                 gsize         *n_taken,
                                                 GError       **error);
/* With the output's lock held. */
void              l_io_device_schedule_flush    (LIODevice     *self);
void              l_io_device_notify_open_mode  (LIODevice     *self);
void              l_io_device_emit_about_to_close (LIODevice   *self);
void              l_io_device_emit_ready_read   (LIODevice     *self);
void              l_io_device_emit_bytes_written (LIODevice    *self,
                                                 guint64        count);
void              l_io_device_emit_writable     (LIODevice     *self);

/* l-io-device-room.c. With the output's lock held: so much was refused, or a part of something; and the size of the
 * buffer has changed. */
void              l_io_device_note_refusal      (LIODevice     *self,
                                                 gsize          wanted);
void              l_io_device_renew_room        (LIODevice     *self);
/* Tells of it, if there is room. */
void              l_io_device_announce_room     (LIODevice     *self);

/* With the input's lock held. What comes is told of; or it is taken, and nobody waits for it. */
gboolean          l_io_device_can_receive       (LIODevice     *self);
gboolean          l_io_device_is_disregarded    (LIODevice     *self);
gsize             l_io_device_get_input_room    (LIODevice     *self);
gsize             l_io_device_get_available     (LIODevice     *self);
/* Receives what has come; the condition is what is known of the end. */
void              l_io_device_receive           (LIODevice     *self,
                                                 GIOCondition   condition);
void              l_io_device_handle_input      (LIODevice     *self,
                                                 GIOCondition   condition);
void              l_io_device_receive_in_turn   (LIODevice     *self,
                                                 GIOCondition   condition);

/* l-io-device-async.c */

/* Takes the operation, whose source is the stream of the link, or the device itself with NULL. */
void              l_io_device_start_read        (LIODevice     *self,
                                                 LStreamLink   *link,
                                                 LAsyncOperation *operation,
                                                 LReadKind      kind,
                                                 void          *buffer,
                                                 gsize          count);
/* NULL: its stream has outlived the device. */
LIODevice        *l_io_device_ref_for_operation (LAsyncOperation *operation);
/* FALSE: no loop of this thread goes on with what begins here. */
gboolean          l_io_device_is_served         (LIODevice     *self);
/* Answers the read that is under way, if there is one and it can be; the callback may run at once. */
gboolean          l_io_device_answer_read       (LIODevice     *self);
/* The same in another turn of the loop. */
void              l_io_device_schedule_answer   (LIODevice     *self);
void              l_io_device_answer_task_func  (LReactorTask  *task);
void              l_io_device_fail_read         (LIODevice     *self);
/* With the input's lock held: how many bytes the read that is under way still needs; and where to receive them, NULL: into
 * the input buffer. */
gsize             l_io_device_get_wanted        (LIODevice     *self);
void             *l_io_device_get_read_target   (LIODevice     *self,
                                                 gsize         *count);
/* (transfer full): that read, which so many bytes were received for. */
LAsyncOperation  *l_io_device_take_direct_read  (LIODevice     *self,
                                                 gsize          n_read);

/* l-io-device-async-write.c: what the output stream does in the owner's thread. These take the operation or the task. */
void              l_io_device_start_write       (LIODevice     *self,
                                                 LStreamLink   *link,
                                                 LAsyncOperation *operation,
                                                 const GOutputVector *vectors,
                                                 gsize          n_vectors);
void              l_io_device_start_drain       (LIODevice     *self,
                                                 GTask         *task);
/* The system takes something again. */
void              l_io_device_answer_write      (LIODevice     *self);
/* Everything queued was sent. */
void              l_io_device_return_drained    (GSList        *tasks);
/* What was queued is dropped, and nothing more is taken. */
void              l_io_device_fail_writes       (LIODevice     *self);

/* Whether the calling thread is the one that runs the device's loop; when none does, the one that made the device. */
gboolean          l_io_device_is_owner          (LIODevice     *self);
/* And whether that loop's context is the thread's default: what is begun is called back from its dispatch. */
gboolean          l_io_device_is_in_reactor     (LIODevice     *self);

/* With the input's lock held. */
gsize             l_io_device_find_line         (LIODevice     *self);
gsize             l_io_device_take              (LIODevice     *self,
                                                 void          *buffer,
                                                 gsize          count);

guint             l_io_device_get_departures    (LIODevice     *self);
gboolean          l_io_device_is_blocked        (LIODevice     *self);

/* l-io-device-stream.c */

gssize            l_io_device_stream_read       (LIODevice     *self,
                                                 LStreamLink   *link,
                                                 void          *buffer,
                                                 gsize          count,
                                                 gboolean       blocking,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
void              l_io_device_tell_end          (LIODevice     *self);
/* The link holds the device, and lets go of it. */
GPollableReturn   l_io_device_stream_write      (LIODevice     *self,
                                                 LStreamLink   *link,
                                                 const GOutputVector *vectors,
                                                 gsize          n_vectors,
                                                 gsize         *n_written,
                                                 gboolean       blocking,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
/* With the direction's lock held: who waits in other threads looks again; how many wait for input there; and whether
 * there is something for a stream without asking the system. */
void              l_io_device_wake_input        (LIODevice     *self);
void              l_io_device_wake_output       (LIODevice     *self);
void              l_io_device_add_other_read    (LIODevice     *self,
                                                 int            n_reads);
gboolean          l_io_device_has_something_to_tell (LIODevice *self,
                                                 GIOCondition   condition);
/* Whether everything is with the system. */
gboolean          l_io_device_is_flushed        (LIODevice     *self);
/* With the output's lock held: writes past the buffer, once that is empty. Nothing to write: until all is flushed. */
GPollableReturn   l_io_device_write_through     (LIODevice     *self,
                                                 const GOutputVector *vectors,
                                                 gsize          n_vectors,
                                                 gsize         *n_written,
                                                 GError       **error);
/* In another thread than the owner's: take nothing more, and block until everything queued is with the system. The first
 * whatever session there is, as the device is closed for good; the second only that of the link, whose output it ends. */
gboolean          l_io_device_finish_output     (LIODevice     *self,
                                                 GCancellable  *cancellable,
                                                 GError       **error);
gboolean          l_io_device_close_output      (LIODevice     *self,
                                                 LStreamLink   *link,
                                                 GCancellable  *cancellable,
                                                 GError       **error);

G_END_DECLS
