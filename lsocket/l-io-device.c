/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-io-device-private.h"
#include "l-marshal.h"

/**
 * LIODevice:
 *
 * A [class@Gio.IOStream] that buffers what it reads and writes, never blocks unless told to, and emits signals when
 * something has come or gone.
 *
 * [class@LSocket.Socket] is the device that a program uses; what this class adds to a stream is common to all devices.
 *
 * What comes in is received while the main loop runs and announced by [signal@LSocket.IODevice::ready-read]; then
 * [method@LSocket.IODevice.read_bytes] and its like take it from the buffer. What is written is gathered and sent when
 * the handler returns, at the next turn of the loop, at 64 KiB, at [method@LSocket.Socket.flush] or inside a
 * waiting function; [signal@LSocket.IODevice::bytes-written] tells how much has gone.
 *
 * A program without a main loop calls [method@LSocket.IODevice.wait_for_ready_read] and
 * [method@LSocket.IODevice.wait_for_bytes_written] instead: they emit the same signals from inside, block only the
 * calling thread and dispatch nothing else.
 *
 * The two streams of [method@Gio.IOStream.get_input_stream] and [method@Gio.IOStream.get_output_stream] work over the
 * same buffers, and may be used in other threads, each in one at a time.
 *
 * A device belongs to the [struct@GLib.MainContext] that was the thread default when it was made: its signals are
 * emitted there, and its functions are to be called in the thread that runs it. When no thread default is set and another
 * thread runs the global context, it belongs to no loop: the waiting functions and the streams work, the signals come from
 * inside them, and asynchronous functions fail with %G_IO_ERROR_NOT_SUPPORTED.
 *
 * Since: 1.0
 */

typedef enum
{
  SIGNAL_READY_READ,
  SIGNAL_BYTES_WRITTEN,
  SIGNAL_ABOUT_TO_CLOSE,
  SIGNAL_READ_CHANNEL_FINISHED,
  SIGNAL_WRITABLE,
} LIODeviceSignal;

static guint signals[SIGNAL_WRITABLE + 1];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (LIODevice, l_io_device, G_TYPE_IO_STREAM)

int l_io_device_private_offset;
GType l_io_device_last_type;

static void
l_io_device_dispose (GObject *object)
{
  LIODevice *self = L_IO_DEVICE (object);
  LIODevicePrivate *priv = l_io_device_get_private (self);

  l_io_device_leave_streams (self);
  l_io_device_end (self);
  l_io_device_drop_input (self);
  priv->open_mode = L_OPEN_MODE_NOT_OPEN;

  G_OBJECT_CLASS (l_io_device_parent_class)->dispose (object);

  g_clear_object (&priv->input.stream);
  g_clear_object (&priv->output.stream);
}

static void
l_io_device_finalize (GObject *object)
{
  LIODevicePrivate *priv = l_io_device_get_private (L_IO_DEVICE (object));

  g_clear_pointer (&priv->reactor, l_reactor_unref);
  g_free (priv->error_string);
  g_clear_object (&priv->input.wake);
  g_clear_object (&priv->output.wake);
  g_weak_ref_clear (&priv->weak_ref);
  g_mutex_clear (&priv->input.lock);
  g_mutex_clear (&priv->output.lock);
  g_mutex_clear (&priv->condition.lock);

  G_OBJECT_CLASS (l_io_device_parent_class)->finalize (object);
}

static void
install_signals (GType type)
{
  /**
   * LIODevice::ready-read:
   * @self: the device
   *
   * New bytes have arrived.
   *
   * It is emitted once for each arrival and never recursively: bytes that come while a handler runs a main loop of its
   * own are announced when the handler has returned. A handler that leaves bytes unread is not called again for them.
   *
   * Since: 1.0
   */
  signals[SIGNAL_READY_READ] =
    g_signal_new ("ready-read", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LIODeviceClass, ready_read),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_READY_READ], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LIODevice::bytes-written:
   * @self: the device
   * @count: how many bytes
   *
   * Bytes were handed to the system since the signal was emitted last. It is never emitted from within
   * [method@LSocket.IODevice.write], and never recursively. What GIO's output stream wrote is not counted.
   *
   * Since: 1.0
   */
  signals[SIGNAL_BYTES_WRITTEN] =
    g_signal_new ("bytes-written", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LIODeviceClass, bytes_written),
                  NULL, NULL,
                  l_marshal_VOID__UINT64,
                  G_TYPE_NONE, 1, G_TYPE_UINT64);
  g_signal_set_va_marshaller (signals[SIGNAL_BYTES_WRITTEN], type, l_marshal_VOID__UINT64v);

  /**
   * LIODevice::about-to-close:
   * @self: the device
   *
   * An open device is about to become closed; unread bytes are still there, for the last time.
   *
   * Since: 1.0
   */
  signals[SIGNAL_ABOUT_TO_CLOSE] =
    g_signal_new ("about-to-close", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LIODeviceClass, about_to_close),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_ABOUT_TO_CLOSE], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LIODevice::read-channel-finished:
   * @self: the device
   *
   * The input has ended: nothing will come after what can be read now.
   *
   * Since: 1.0
   */
  signals[SIGNAL_READ_CHANNEL_FINISHED] =
    g_signal_new ("read-channel-finished", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LIODeviceClass, read_channel_finished),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_READ_CHANNEL_FINISHED], type, g_cclosure_marshal_VOID__VOIDv);

  /**
   * LIODevice::writable:
   * @self: the device
   *
   * Something was refused because [property@LSocket.IODevice:write-buffer-size] was reached, and now half of it is free,
   * or more if what was refused needs that.
   *
   * It is emitted once after each refusal, never from within [method@LSocket.IODevice.write], and never recursively.
   *
   * Since: 1.0
   */
  signals[SIGNAL_WRITABLE] =
    g_signal_new ("writable", type, G_SIGNAL_RUN_LAST,
                  G_STRUCT_OFFSET (LIODeviceClass, writable),
                  NULL, NULL,
                  g_cclosure_marshal_VOID__VOID,
                  G_TYPE_NONE, 0);
  g_signal_set_va_marshaller (signals[SIGNAL_WRITABLE], type, g_cclosure_marshal_VOID__VOIDv);
}

static void
l_io_device_class_init (LIODeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  object_class->dispose = l_io_device_dispose;
  object_class->finalize = l_io_device_finalize;

  stream_class->get_input_stream = l_io_device_get_input_stream;
  stream_class->get_output_stream = l_io_device_get_output_stream;

  l_io_device_install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
  l_io_device_private_offset = g_type_class_get_instance_private_offset (klass);

  l_error_bind_text_domain ();
}

static void
flush_due (LReactorTask *task)
{
  LIODevicePrivate *priv = L_CONTAINER_OF (task, LIODevicePrivate, flush_task);

  l_io_device_flush_in_turn (priv->self);
}

static void
l_io_device_init (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->self = self;
  g_weak_ref_init (&priv->weak_ref, self);
  priv->maker = g_thread_self ();
  priv->reactor = l_reactor_ref_thread_default ();
  priv->flush_task.func = flush_due;
  priv->flush_task.object = &priv->weak_ref;
  priv->answer_task.func = l_io_device_answer_task_func;
  priv->answer_task.object = &priv->weak_ref;
  g_mutex_init (&priv->input.lock);
  g_mutex_init (&priv->output.lock);
  g_mutex_init (&priv->condition.lock);
}

/* What a subclass tells */

void
l_io_device_set_reactor (LIODevice *self,
                         LReactor  *reactor)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->reactor == reactor)
    return;

  if (reactor != NULL)
    l_reactor_ref (reactor);
  g_clear_pointer (&priv->reactor, l_reactor_unref);
  priv->reactor = reactor;
}

static void
notify_or_hold (LIODevice         *self,
                LIODeviceProperty  property)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->holds_notify)
    priv->held_props |= 1u << property;
  else
    g_object_notify_by_pspec (G_OBJECT (self), l_io_device_props[property]);
}

void
l_io_device_hold_notify (LIODevice *self)
{
  l_io_device_get_private (self)->holds_notify = TRUE;
}

void
l_io_device_release_notify (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint held_props = priv->held_props;

  priv->holds_notify = FALSE;
  priv->held_props = 0;
  l_io_device_notify_all (self, l_io_device_props, held_props);
}

void
l_io_device_notify_all (LIODevice   *self,
                        GParamSpec **pspecs,
                        guint        held_props)
{
  for (guint property = 1; held_props >> property != 0; property++)
    if ((held_props >> property & 1) != 0)
      g_object_notify_by_pspec (G_OBJECT (self), pspecs[property]);
}

void
l_io_device_set_error_string (LIODevice  *self,
                              const char *error_string)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (!priv->is_error_deferred && g_strcmp0 (priv->error_string, error_string) == 0)
    return;

  g_free (priv->error_string);
  priv->error_string = g_strdup (error_string);
  priv->is_error_deferred = FALSE;
  notify_or_hold (self, L_IO_DEVICE_PROP_ERROR_STRING);
}

void
l_io_device_defer_error_string (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  g_clear_pointer (&priv->error_string, g_free);
  priv->is_error_deferred = TRUE;
  notify_or_hold (self, L_IO_DEVICE_PROP_ERROR_STRING);
}

void
l_io_device_notify_open_mode (LIODevice *self)
{
  notify_or_hold (self, L_IO_DEVICE_PROP_OPEN_MODE);
}

void
l_io_device_emit_about_to_close (LIODevice *self)
{
  g_signal_emit (self, signals[SIGNAL_ABOUT_TO_CLOSE], 0);
}

void
l_io_device_emit_ready_read (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  g_object_notify_by_pspec (G_OBJECT (self), l_io_device_props[L_IO_DEVICE_PROP_BYTES_AVAILABLE]);
  if (priv->session == session && priv->open_mode != L_OPEN_MODE_NOT_OPEN)
    g_signal_emit (self, signals[SIGNAL_READY_READ], 0);
}

void
l_io_device_emit_writable (LIODevice *self)
{
  g_signal_emit (self, signals[SIGNAL_WRITABLE], 0);
}

void
l_io_device_emit_bytes_written (LIODevice *self,
                                guint64    count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  g_object_notify_by_pspec (G_OBJECT (self), l_io_device_props[L_IO_DEVICE_PROP_BYTES_TO_WRITE]);
  if (priv->session == session)
    g_signal_emit (self, signals[SIGNAL_BYTES_WRITTEN], 0, count);
}

void
l_io_device_emit_read_channel_finished (LIODevice *self)
{
  g_signal_emit (self, signals[SIGNAL_READ_CHANNEL_FINISHED], 0);
}
