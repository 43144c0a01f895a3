/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-enums.h"
#include "l-io-device-private.h"

/* The properties of LIODevice, and the functions that get and set them. */

GParamSpec *l_io_device_props[L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE + 1];

static void
l_io_device_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  LIODevice *self = L_IO_DEVICE (object);

  switch ((LIODeviceProperty) prop_id)
    {
    case L_IO_DEVICE_PROP_OPEN_MODE:
      g_value_set_flags (value, l_io_device_get_open_mode (self));
      break;
    case L_IO_DEVICE_PROP_BYTES_AVAILABLE:
      g_value_set_uint64 (value, l_io_device_get_bytes_available (self));
      break;
    case L_IO_DEVICE_PROP_BYTES_TO_WRITE:
      g_value_set_uint64 (value, l_io_device_get_bytes_to_write (self));
      break;
    case L_IO_DEVICE_PROP_ERROR_STRING:
      g_value_set_string (value, l_io_device_get_error_string (self));
      break;
    case L_IO_DEVICE_PROP_READ_BUFFER_SIZE:
      g_value_set_uint64 (value, l_io_device_get_read_buffer_size (self));
      break;
    case L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE:
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
    case L_IO_DEVICE_PROP_READ_BUFFER_SIZE:
      l_io_device_set_read_buffer_size (self, g_value_get_uint64 (value));
      break;
    case L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE:
      l_io_device_set_write_buffer_size (self, g_value_get_uint64 (value));
      break;
    case L_IO_DEVICE_PROP_OPEN_MODE:
    case L_IO_DEVICE_PROP_BYTES_AVAILABLE:
    case L_IO_DEVICE_PROP_BYTES_TO_WRITE:
    case L_IO_DEVICE_PROP_ERROR_STRING:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

void
l_io_device_install_properties (GObjectClass *object_class)
{
  object_class->get_property = l_io_device_get_property;
  object_class->set_property = l_io_device_set_property;

  /**
   * LIODevice:open-mode: (getter get_open_mode)
   *
   * What the device is open for.
   *
   * Since: 1.0
   */
  l_io_device_props[L_IO_DEVICE_PROP_OPEN_MODE] =
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
  l_io_device_props[L_IO_DEVICE_PROP_BYTES_AVAILABLE] =
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
  l_io_device_props[L_IO_DEVICE_PROP_BYTES_TO_WRITE] =
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
  l_io_device_props[L_IO_DEVICE_PROP_ERROR_STRING] =
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
  l_io_device_props[L_IO_DEVICE_PROP_READ_BUFFER_SIZE] =
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
  l_io_device_props[L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE] =
    g_param_spec_uint64 ("write-buffer-size", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (l_io_device_props), l_io_device_props);
}

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
  g_object_notify_by_pspec (G_OBJECT (self), l_io_device_props[L_IO_DEVICE_PROP_READ_BUFFER_SIZE]);
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
  g_object_notify_by_pspec (G_OBJECT (self), l_io_device_props[L_IO_DEVICE_PROP_WRITE_BUFFER_SIZE]);
}
