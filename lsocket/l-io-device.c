/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-enums.h"
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
  PROP_OPEN_MODE = 1,
  PROP_BYTES_AVAILABLE,
  PROP_BYTES_TO_WRITE,
  PROP_ERROR_STRING,
  PROP_READ_BUFFER_SIZE,
  PROP_WRITE_BUFFER_SIZE,
} LIODeviceProperty;

static GParamSpec *props[PROP_WRITE_BUFFER_SIZE + 1];

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
l_io_device_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  LIODevice *self = L_IO_DEVICE (object);

  switch ((LIODeviceProperty) prop_id)
    {
    case PROP_OPEN_MODE:
      g_value_set_flags (value, l_io_device_get_open_mode (self));
      break;
    case PROP_BYTES_AVAILABLE:
      g_value_set_uint64 (value, l_io_device_get_bytes_available (self));
      break;
    case PROP_BYTES_TO_WRITE:
      g_value_set_uint64 (value, l_io_device_get_bytes_to_write (self));
      break;
    case PROP_ERROR_STRING:
      g_value_set_string (value, l_io_device_get_error_string (self));
      break;
    case PROP_READ_BUFFER_SIZE:
      g_value_set_uint64 (value, l_io_device_get_read_buffer_size (self));
      break;
    case PROP_WRITE_BUFFER_SIZE:
      g_value_set_uint64 (value, l_io_device_get_write_buffer_size (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
l_io_device_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  LIODevice *self = L_IO_DEVICE (object);

  switch ((LIODeviceProperty) prop_id)
    {
    case PROP_READ_BUFFER_SIZE:
      l_io_device_set_read_buffer_size (self, g_value_get_uint64 (value));
      break;
    case PROP_WRITE_BUFFER_SIZE:
      l_io_device_set_write_buffer_size (self, g_value_get_uint64 (value));
      break;
    case PROP_OPEN_MODE:
    case PROP_BYTES_AVAILABLE:
    case PROP_BYTES_TO_WRITE:
    case PROP_ERROR_STRING:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * LIODevice:open-mode: (getter get_open_mode)
   *
   * What the device is open for.
   *
   * Since: 1.0
   */
  props[PROP_OPEN_MODE] =
    g_param_spec_flags ("open-mode", NULL, NULL,
                        L_TYPE_OPEN_MODE, L_OPEN_MODE_NOT_OPEN,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LIODevice:bytes-available: (getter get_bytes_available)
   *
   * How many bytes are buffered and can be read without waiting.
   *
   * It is notified when bytes arrive, together with [signal@LSocket.IODevice::ready-read], and not when they are read.
   *
   * Since: 1.0
   */
  props[PROP_BYTES_AVAILABLE] =
    g_param_spec_uint64 ("bytes-available", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LIODevice:bytes-to-write: (getter get_bytes_to_write)
   *
   * How many bytes were written and not yet handed to the system.
   *
   * It is notified when bytes have gone, together with [signal@LSocket.IODevice::bytes-written], and not when they
   * are written.
   *
   * Since: 1.0
   */
  props[PROP_BYTES_TO_WRITE] =
    g_param_spec_uint64 ("bytes-to-write", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * LIODevice:error-string: (getter get_error_string)
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
   * LIODevice:read-buffer-size: (getter get_read_buffer_size) (setter set_read_buffer_size)
   *
   * The most bytes that are received ahead of the program's reading; 0: no limit.
   *
   * A full buffer stops the peer once the system's own buffers are full too. What is peeked at or read in a
   * transaction still counts. When the peer hangs up, what the system still holds is received beyond the limit. While
   * the device is closing, what comes beyond the limit, or beyond 64 KiB where there is none, is thrown away.
   *
   * Since: 1.0
   */
  props[PROP_READ_BUFFER_SIZE] =
    g_param_spec_uint64 ("read-buffer-size", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LIODevice:write-buffer-size: (getter get_write_buffer_size) (setter set_write_buffer_size)
   *
   * The most bytes that wait to be handed to the system; 0: no limit. What does not fit is refused, and
   * [signal@LSocket.IODevice::writable] tells when it would.
   *
   * Since: 1.0
   */
  props[PROP_WRITE_BUFFER_SIZE] =
    g_param_spec_uint64 ("write-buffer-size", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (props), props);
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
  object_class->get_property = l_io_device_get_property;
  object_class->set_property = l_io_device_set_property;

  stream_class->get_input_stream = l_io_device_get_input_stream;
  stream_class->get_output_stream = l_io_device_get_output_stream;

  install_properties (object_class);
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
    g_object_notify_by_pspec (G_OBJECT (self), props[property]);
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
  l_io_device_notify_all (self, props, held_props);
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
  notify_or_hold (self, PROP_ERROR_STRING);
}

void
l_io_device_defer_error_string (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  g_clear_pointer (&priv->error_string, g_free);
  priv->is_error_deferred = TRUE;
  notify_or_hold (self, PROP_ERROR_STRING);
}

void
l_io_device_notify_open_mode (LIODevice *self)
{
  notify_or_hold (self, PROP_OPEN_MODE);
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

  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BYTES_AVAILABLE]);
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

  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BYTES_TO_WRITE]);
  if (priv->session == session)
    g_signal_emit (self, signals[SIGNAL_BYTES_WRITTEN], 0, count);
}

void
l_io_device_emit_read_channel_finished (LIODevice *self)
{
  g_signal_emit (self, signals[SIGNAL_READ_CHANNEL_FINISHED], 0);
}

/* Accessors */

/**
 * l_io_device_get_open_mode: (get-property open-mode)
 * @self: a device
 *
 * Gets what the device is open for.
 *
 * Returns: the mode, %L_OPEN_MODE_NOT_OPEN unless it is open
 *
 * Since: 1.0
 */
LOpenMode
l_io_device_get_open_mode (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), L_OPEN_MODE_NOT_OPEN);

  return l_io_device_get_private (self)->open_mode;
}

/**
 * l_io_device_is_open:
 * @self: a device
 *
 * Asks whether the device is open.
 *
 * A device stays open when its connection has ended, so that what had arrived can still be read; it is closed by
 * [method@LSocket.Socket.abort], [method@Gio.IOStream.close] and the next connect attempt.
 *
 * Returns: %TRUE if it is open
 *
 * Since: 1.0
 */
gboolean
l_io_device_is_open (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  return l_io_device_get_private (self)->open_mode != L_OPEN_MODE_NOT_OPEN;
}

/**
 * l_io_device_is_readable:
 * @self: a device
 *
 * Asks whether the device is open for reading.
 *
 * Returns: %TRUE if it is
 *
 * Since: 1.0
 */
gboolean
l_io_device_is_readable (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  return (l_io_device_get_private (self)->open_mode & L_OPEN_MODE_READ_ONLY) != 0;
}

/**
 * l_io_device_is_writable:
 * @self: a device
 *
 * Asks whether the device takes what is written to it: it is open for writing, and its connection neither ended nor
 * its output shut down.
 *
 * Returns: %TRUE if it does
 *
 * Since: 1.0
 */
gboolean
l_io_device_is_writable (LIODevice *self)
{
  LIODevicePrivate *priv;
  gboolean writable;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  priv = l_io_device_get_private (self);
  g_mutex_lock (&priv->output.lock);
  writable = (priv->open_mode & L_OPEN_MODE_WRITE_ONLY) != 0 && priv->output.open;
  g_mutex_unlock (&priv->output.lock);

  return writable;
}

/**
 * l_io_device_is_sequential:
 * @self: a device
 *
 * Asks whether the bytes of the device come one after the other and cannot be sought in.
 *
 * Returns: %TRUE
 *
 * Since: 1.0
 */
gboolean
l_io_device_is_sequential (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  return TRUE;
}

/**
 * l_io_device_get_bytes_available: (get-property bytes-available)
 * @self: a device
 *
 * Gets how many bytes are buffered and can be read without waiting. It is never a system call.
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
gsize
l_io_device_get_bytes_available (LIODevice *self)
{
  LIODevicePrivate *priv;
  gsize available;

  g_return_val_if_fail (l_io_device_check (self), 0);

  priv = l_io_device_get_private (self);
  g_mutex_lock (&priv->input.lock);
  available = l_io_device_get_available (self);
  g_mutex_unlock (&priv->input.lock);

  return available;
}

/**
 * l_io_device_get_bytes_to_write: (get-property bytes-to-write)
 * @self: a device
 *
 * Gets how many bytes were written and not yet handed to the system.
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
gsize
l_io_device_get_bytes_to_write (LIODevice *self)
{
  LIODevicePrivate *priv;
  gsize n_bytes;

  g_return_val_if_fail (l_io_device_check (self), 0);

  priv = l_io_device_get_private (self);
  g_mutex_lock (&priv->output.lock);
  n_bytes = l_buffer_get_size (&priv->output.buffer);
  g_mutex_unlock (&priv->output.lock);

  return n_bytes;
}

/**
 * l_io_device_get_error_string: (get-property error-string)
 * @self: a device
 *
 * Gets what went wrong last, in the user's language.
 *
 * Returns: (nullable): the text; %NULL while nothing did
 *
 * Since: 1.0
 */
const char *
l_io_device_get_error_string (LIODevice *self)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);

  priv = l_io_device_get_private (self);
  if (priv->is_error_deferred)
    {
      priv->error_string = l_io_device_get_funcs (self)->describe_error (self);
      priv->is_error_deferred = FALSE;
    }

  return priv->error_string;
}

/**
 * l_io_device_get_read_buffer_size: (get-property read-buffer-size)
 * @self: a device
 *
 * Gets the most bytes that are received ahead of the program's reading.
 *
 * Returns: the size in bytes; 0: no limit
 *
 * Since: 1.0
 */
gsize
l_io_device_get_read_buffer_size (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), 0);

  return l_io_device_get_private (self)->input.buffer_size;
}

/**
 * l_io_device_set_read_buffer_size: (set-property read-buffer-size)
 * @self: a device
 * @size: the size in bytes; 0: no limit
 *
 * Sets the most bytes that are received ahead of the program's reading. What is buffered already stays.
 *
 * Since: 1.0
 */
void
l_io_device_set_read_buffer_size (LIODevice *self,
                                  gsize      size)
{
  LIODevicePrivate *priv;

  g_return_if_fail (L_IS_IO_DEVICE (self));

  priv = l_io_device_get_private (self);
  if (priv->input.buffer_size == size)
    return;

  g_mutex_lock (&priv->input.lock);
  priv->input.buffer_size = size;
  l_io_device_update_input (self);
  g_mutex_unlock (&priv->input.lock);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_READ_BUFFER_SIZE]);
}

/**
 * l_io_device_get_write_buffer_size: (get-property write-buffer-size)
 * @self: a device
 *
 * Gets the most bytes that wait to be handed to the system.
 *
 * Returns: the size in bytes; 0: no limit
 *
 * Since: 1.0
 */
gsize
l_io_device_get_write_buffer_size (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), 0);

  return l_io_device_get_private (self)->output.buffer_size;
}

/**
 * l_io_device_set_write_buffer_size: (set-property write-buffer-size)
 * @self: a device
 * @size: the size in bytes; 0: no limit
 *
 * Sets the most bytes that wait to be handed to the system. What waits already stays.
 *
 * Since: 1.0
 */
void
l_io_device_set_write_buffer_size (LIODevice *self,
                                   gsize      size)
{
  LIODevicePrivate *priv;

  g_return_if_fail (L_IS_IO_DEVICE (self));

  priv = l_io_device_get_private (self);
  if (priv->output.buffer_size == size)
    return;

  g_mutex_lock (&priv->output.lock);
  priv->output.buffer_size = size;
  l_io_device_renew_room (self);
  g_mutex_unlock (&priv->output.lock);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_WRITE_BUFFER_SIZE]);
}
