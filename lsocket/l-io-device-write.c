/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

/* The public functions that write, into the output buffer. Static functions here are called with the output's lock held. */

static gboolean
check_writable (LIODevicePrivate  *priv,
                GError           **error)
{
  LOpenMode mode = priv->open_mode;
  gboolean taken = priv->output.open;

  /* An attempt to connect is under way: gathered, and sent once connected. */
  if (priv->output.opening_mode != L_OPEN_MODE_NOT_OPEN)
    {
      mode = priv->output.opening_mode;
      taken = TRUE;
    }

  if (mode != L_OPEN_MODE_NOT_OPEN && (mode & L_OPEN_MODE_WRITE_ONLY) == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, _("The device is not open for writing"));
      return FALSE;
    }

  if (mode == L_OPEN_MODE_NOT_OPEN || !taken)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                           mode == L_OPEN_MODE_NOT_OPEN ? _("The device is not open") : _("The output has ended"));
      return FALSE;
    }

  return TRUE;
}

static gsize
get_output_room (const LIODeviceOutput *output)
{
  gsize size = l_buffer_get_size (&output->buffer);

  if (output->buffer_size == 0)
    return G_MAXSSIZE;

  return output->buffer_size > size ? output->buffer_size - size : 0;
}

/* How much is gathered before it is offered to the system from within write(). */
#define OFFER_SIZE (64 * 1024)

static gboolean
is_offered_at_once (LIODevicePrivate *priv,
                    gsize             count)
{
  LIODeviceOutput *output = &priv->output;
  gsize limit = OFFER_SIZE;

  if (output->opening_mode != L_OPEN_MODE_NOT_OPEN || output->blocked)
    return FALSE;
  if ((priv->open_mode & L_OPEN_MODE_UNBUFFERED) != 0)
    return TRUE;
  if (output->buffer_size != 0)
    limit = MIN (limit, output->buffer_size);

  return l_buffer_get_size (&output->buffer) + count >= limit;
}

/* A failure is left to the flush that follows: write() emits nothing. */
static gsize
offer (LIODevice  *self,
       const void *data,
       gsize       count)
{
  gsize n_taken;

  l_io_device_push (self, data, count, &n_taken, NULL);

  return n_taken;
}

static void
set_would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The write buffer is full"));
}

/* Something is queued already, and more may be: it only has to be appended. */
static inline gboolean
is_gathering (LIODevicePrivate *priv,
              gsize             count)
{
  LIODeviceOutput *output = &priv->output;
  gsize limit = output->buffer_size != 0 ? MIN (OFFER_SIZE, output->buffer_size) : OFFER_SIZE;

  return output->flush_due && output->open && output->opening_mode == L_OPEN_MODE_NOT_OPEN &&
         (priv->open_mode & (L_OPEN_MODE_WRITE_ONLY | L_OPEN_MODE_UNBUFFERED)) == L_OPEN_MODE_WRITE_ONLY &&
         l_buffer_get_size (&output->buffer) < limit && count < limit - l_buffer_get_size (&output->buffer);
}

static G_GNUC_NO_INLINE gssize
write_data (LIODevice   *self,
            const void  *data,
            gsize        count,
            GError     **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize n_offered = 0, n_queued;

  if (!check_writable (priv, error))
    return -1;
  if (count == 0)
    return 0;

  if (is_offered_at_once (priv, count))
    n_offered = offer (self, data, count);

  n_queued = MIN (count - n_offered, get_output_room (&priv->output));
  if (n_offered + n_queued < count)
    l_io_device_note_refusal (self, 1);
  if (n_offered + n_queued == 0)
    {
      set_would_block (error);
      return -1;
    }

  l_buffer_append (&priv->output.buffer, (const guint8 *) data + n_offered, n_queued);
  l_io_device_schedule_flush (self);

  return n_offered + n_queued;
}

static gboolean
write_bytes (LIODevice  *self,
             GBytes     *bytes,
             GError    **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize size = g_bytes_get_size (bytes);

  if (!check_writable (priv, error))
    return FALSE;

  if (size > get_output_room (&priv->output) && is_offered_at_once (priv, size))
    offer (self, NULL, 0);
  if (size > get_output_room (&priv->output) && l_buffer_get_size (&priv->output.buffer) > 0)
    {
      l_io_device_note_refusal (self, size);
      set_would_block (error);
      return FALSE;
    }

  l_buffer_append_bytes (&priv->output.buffer, bytes);
  if (is_offered_at_once (priv, 0))
    offer (self, NULL, 0);
  l_io_device_schedule_flush (self);

  return TRUE;
}

/**
 * l_io_device_write:
 * @self: a device
 * @data: (array length=count) (element-type guint8): the bytes
 * @count: how many they are
 * @error: return location for an error
 *
 * Writes bytes, without ever waiting. They are gathered, and sent when the handler that runs has returned, at the next
 * turn of the loop, at 64 KiB, at [method@LSocket.Socket.flush] or inside a waiting function; with
 * %L_OPEN_MODE_UNBUFFERED they are offered to the system at once. While an attempt to connect is under way they are
 * gathered too, to be sent once it has succeeded, or dropped with it.
 *
 * All of them are taken, unless [property@LSocket.IODevice:write-buffer-size] is reached: then what fits is taken. When
 * nothing fits it fails with %G_IO_ERROR_WOULD_BLOCK. In both cases [signal@LSocket.IODevice::writable] tells when there
 * is room again. It fails with %G_IO_ERROR_CLOSED when the device is not open or its
 * output has ended, and with %G_IO_ERROR_PERMISSION_DENIED when it is open for reading only.
 *
 * Returns: the number of bytes taken, -1 with an error
 *
 * Since: 1.0
 */
gssize
l_io_device_write (LIODevice   *self,
                   const void  *data,
                   gsize        count,
                   GError     **error)
{
  LIODevicePrivate *priv;
  gssize n_written = count;

  g_return_val_if_fail (l_io_device_check (self), -1);
  g_return_val_if_fail (data != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  priv = l_io_device_get_private (self);
  g_mutex_lock (&priv->output.lock);
  if (G_LIKELY (is_gathering (priv, count)))
    l_buffer_append (&priv->output.buffer, data, count);
  else
    n_written = write_data (self, data, count, error);
  g_mutex_unlock (&priv->output.lock);

  return n_written;
}

/**
 * l_io_device_write_bytes:
 * @self: a device
 * @bytes: the bytes
 * @error: return location for an error
 *
 * Writes bytes as [method@LSocket.IODevice.write] does, but all of them or none, and large ones without copying them.
 *
 * When they do not fit into [property@LSocket.IODevice:write-buffer-size] it fails with %G_IO_ERROR_WOULD_BLOCK; an
 * empty buffer takes bytes of any size, and [signal@LSocket.IODevice::writable] tells when they would. Otherwise
 * it fails as [method@LSocket.IODevice.write] does.
 *
 * Returns: %TRUE if they were taken
 *
 * Since: 1.0
 */
gboolean
l_io_device_write_bytes (LIODevice  *self,
                         GBytes     *bytes,
                         GError    **error)
{
  LIODeviceOutput *output;
  gboolean taken;

  g_return_val_if_fail (l_io_device_check (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  output = &l_io_device_get_private (self)->output;
  g_mutex_lock (&output->lock);
  taken = write_bytes (self, bytes, error);
  g_mutex_unlock (&output->lock);

  return taken;
}
