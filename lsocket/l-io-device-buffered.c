/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

/* The public functions that read and write: between the program and the two buffers. */

gboolean
l_io_device_check_mode (LIODevice  *self,
                        LOpenMode   mode,
                        GError    **error)
{
  LOpenMode open_mode = l_io_device_get_private (self)->open_mode;

  if ((open_mode & mode) != 0)
    return TRUE;

  if (open_mode == L_OPEN_MODE_NOT_OPEN)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The device is not open"));
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                         mode == L_OPEN_MODE_READ_ONLY ? _("The device is not open for reading")
                                                       : _("The device is not open for writing"));
  return FALSE;
}

static gsize
get_available (LIODevicePrivate *priv)
{
  return l_buffer_get_size (&priv->input) - priv->transaction_offset;
}

/* Open, and either there is something or something may come. */
static gboolean
check_readable (LIODevicePrivate  *priv,
                GError           **error)
{
  if (!l_io_device_check_mode (priv->self, L_OPEN_MODE_READ_ONLY, error))
    return FALSE;

  if (get_available (priv) == 0 && priv->input_ended)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The input has ended"));
      return FALSE;
    }

  return TRUE;
}

static void
consume (LIODevice *self,
         gsize      count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->in_transaction)
    {
      priv->transaction_offset += count;
      return;
    }

  l_buffer_skip (&priv->input, count);
  if (priv->read_buffer_size != 0)
    l_io_device_update_condition (self);
}

/**
 * l_io_device_read: (skip)
 * @self: a device
 * @buffer: where the bytes go
 * @count: the most bytes to read
 * @error: return location for an error
 *
 * Reads what is buffered, without ever waiting. Language bindings use [method@LSocket.IODevice.read_bytes].
 *
 * It fails with %G_IO_ERROR_CLOSED when the device is not open, or its input has ended and everything was read, and
 * with %G_IO_ERROR_PERMISSION_DENIED when it is open for writing only.
 *
 * Returns: the number of bytes read, 0 when nothing is there yet, -1 with an error
 *
 * Since: 1.0
 */
gssize
l_io_device_read (LIODevice  *self,
                  void       *buffer,
                  gsize       count,
                  GError    **error)
{
  LIODevicePrivate *priv;
  gsize n_read;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), -1);
  g_return_val_if_fail (buffer != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  priv = l_io_device_get_private (self);
  if (!check_readable (priv, error))
    return -1;

  n_read = l_buffer_peek (&priv->input, priv->transaction_offset, buffer, count);
  consume (self, n_read);

  return n_read;
}

/**
 * l_io_device_read_bytes:
 * @self: a device
 * @max_count: the most bytes to read
 * @error: return location for an error
 *
 * Reads what is buffered, without ever waiting. Large pieces are handed over without being copied where that is possible.
 *
 * It fails as [method@LSocket.IODevice.read] does: with %G_IO_ERROR_CLOSED when the device is not open, or its input has
 * ended and everything was read, and with %G_IO_ERROR_PERMISSION_DENIED when it is open for writing only.
 *
 * Returns: (transfer full): the bytes, empty when nothing is there yet; %NULL with an error
 *
 * Since: 1.0
 */
GBytes *
l_io_device_read_bytes (LIODevice  *self,
                        gsize       max_count,
                        GError    **error)
{
  LIODevicePrivate *priv;
  GBytes *bytes;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  priv = l_io_device_get_private (self);
  if (!check_readable (priv, error))
    return NULL;

  bytes = l_buffer_peek_bytes (&priv->input, priv->transaction_offset, max_count);
  consume (self, g_bytes_get_size (bytes));

  return bytes;
}

/**
 * l_io_device_read_all:
 * @self: a device
 * @error: return location for an error
 *
 * Reads all that is buffered, without ever waiting. It fails as [method@LSocket.IODevice.read_bytes] does.
 *
 * Returns: (transfer full): the bytes, empty when nothing is there yet; %NULL with an error
 *
 * Since: 1.0
 */
GBytes *
l_io_device_read_all (LIODevice  *self,
                      GError    **error)
{
  return l_io_device_read_bytes (self, G_MAXSIZE, error);
}

/* The length of the first line with its newline, or 0 when the buffer holds no whole one. */
gsize
l_io_device_find_line (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gssize newline = l_buffer_find (&priv->input, priv->transaction_offset, '\n');

  return newline < 0 ? 0 : newline + 1 - priv->transaction_offset;
}

/**
 * l_io_device_read_line:
 * @self: a device
 * @max_length: the most bytes to read; 0: no limit
 * @length: (out) (optional): the number of bytes read
 * @error: return location for an error
 *
 * Reads a line up to and with its newline, or what is buffered when there is no newline in it, without ever waiting;
 * [method@LSocket.IODevice.can_read_line] tells whether a whole line is there.
 *
 * A NUL follows the bytes, which may hold others. It fails as [method@LSocket.IODevice.read_bytes] does.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8): the bytes, empty when nothing is there yet;
 *   %NULL with an error
 *
 * Since: 1.0
 */
char *
l_io_device_read_line (LIODevice  *self,
                       gsize       max_length,
                       gsize      *length,
                       GError    **error)
{
  LIODevicePrivate *priv;
  gsize n_read;
  char *line;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  priv = l_io_device_get_private (self);
  if (length != NULL)
    *length = 0;
  if (!check_readable (priv, error))
    return NULL;

  n_read = l_io_device_find_line (self);
  if (n_read == 0)
    n_read = get_available (priv);
  if (max_length != 0)
    n_read = MIN (n_read, max_length);

  line = g_malloc (n_read + 1);
  l_buffer_peek (&priv->input, priv->transaction_offset, line, n_read);
  line[n_read] = '\0';
  consume (self, n_read);

  if (length != NULL)
    *length = n_read;
  return line;
}

/**
 * l_io_device_can_read_line:
 * @self: a device
 *
 * Asks whether a whole line is buffered.
 *
 * Returns: %TRUE if there is a newline in what can be read without waiting
 *
 * Since: 1.0
 */
gboolean
l_io_device_can_read_line (LIODevice *self)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  priv = l_io_device_get_private (self);
  if (!l_io_device_check_mode (priv->self, L_OPEN_MODE_READ_ONLY, NULL))
    return FALSE;

  return l_io_device_find_line (self) > 0;
}

/**
 * l_io_device_at_end:
 * @self: a device
 *
 * Asks whether nothing is left to read now. After the end of a connection more will not come.
 *
 * Returns: %TRUE if the device is not open or nothing is buffered
 *
 * Since: 1.0
 */
gboolean
l_io_device_at_end (LIODevice *self)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), TRUE);

  priv = l_io_device_get_private (self);

  return priv->open_mode == L_OPEN_MODE_NOT_OPEN || get_available (priv) == 0;
}

/**
 * l_io_device_peek: (skip)
 * @self: a device
 * @buffer: where the bytes go
 * @count: the most bytes to look at
 * @error: return location for an error
 *
 * Looks at what is buffered without taking it. Language bindings use [method@LSocket.IODevice.peek_bytes]. It fails
 * as [method@LSocket.IODevice.read] does.
 *
 * Returns: the number of bytes, 0 when nothing is there yet, -1 with an error
 *
 * Since: 1.0
 */
gssize
l_io_device_peek (LIODevice  *self,
                  void       *buffer,
                  gsize       count,
                  GError    **error)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), -1);
  g_return_val_if_fail (buffer != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  priv = l_io_device_get_private (self);
  if (!check_readable (priv, error))
    return -1;

  return l_buffer_peek (&priv->input, priv->transaction_offset, buffer, count);
}

/**
 * l_io_device_peek_bytes:
 * @self: a device
 * @max_count: the most bytes to look at
 * @error: return location for an error
 *
 * Looks at what is buffered without taking it. It fails as [method@LSocket.IODevice.read_bytes] does.
 *
 * Returns: (transfer full): the bytes, empty when nothing is there yet; %NULL with an error
 *
 * Since: 1.0
 */
GBytes *
l_io_device_peek_bytes (LIODevice  *self,
                        gsize       max_count,
                        GError    **error)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  priv = l_io_device_get_private (self);
  if (!check_readable (priv, error))
    return NULL;

  return l_buffer_peek_bytes (&priv->input, priv->transaction_offset, max_count);
}

/**
 * l_io_device_skip:
 * @self: a device
 * @count: the most bytes to pass over
 * @error: return location for an error
 *
 * Takes bytes from what is buffered without looking at them. It fails as [method@LSocket.IODevice.read_bytes] does.
 *
 * Returns: the number of bytes passed over, 0 when nothing is there yet, -1 with an error
 *
 * Since: 1.0
 */
gssize
l_io_device_skip (LIODevice  *self,
                  gsize       count,
                  GError    **error)
{
  LIODevicePrivate *priv;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  priv = l_io_device_get_private (self);
  if (!check_readable (priv, error))
    return -1;

  count = MIN (count, get_available (priv));
  consume (self, count);

  return count;
}

/**
 * l_io_device_unread:
 * @self: a device that is open for reading
 * @data: (array length=count) (element-type guint8): the bytes
 * @count: how many they are
 *
 * Puts bytes in front of what is buffered, to be read next. In a transaction that is a warning and does nothing.
 *
 * Since: 1.0
 */
void
l_io_device_unread (LIODevice  *self,
                    const void *data,
                    gsize       count)
{
  LIODevicePrivate *priv;

  g_return_if_fail (L_IS_IO_DEVICE (self));
  g_return_if_fail (data != NULL || count == 0);

  priv = l_io_device_get_private (self);
  if (!l_io_device_check_mode (priv->self, L_OPEN_MODE_READ_ONLY, NULL) || priv->in_transaction)
    {
      g_warning ("%s: the device is not open for reading, or in a transaction", G_STRFUNC);
      return;
    }

  l_buffer_prepend (&priv->input, data, count);
  l_io_device_schedule_answer (self);
  if (priv->read_buffer_size != 0)
    l_io_device_update_condition (self);
}

/**
 * l_io_device_start_transaction:
 * @self: a device that is open for reading
 *
 * Begins a transaction: what is read from now on can be put back by [method@LSocket.IODevice.rollback_transaction].
 * Transactions do not nest. Closing the device ends one.
 *
 * Since: 1.0
 */
void
l_io_device_start_transaction (LIODevice *self)
{
  LIODevicePrivate *priv;

  g_return_if_fail (L_IS_IO_DEVICE (self));

  priv = l_io_device_get_private (self);
  if (!l_io_device_check_mode (priv->self, L_OPEN_MODE_READ_ONLY, NULL) || priv->in_transaction)
    {
      g_warning ("%s: the device is not open for reading, or in a transaction already", G_STRFUNC);
      return;
    }

  priv->in_transaction = TRUE;
}

/* FALSE with a warning outside of a transaction. */
static gboolean
end_transaction (LIODevice  *self,
                 const char *function)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (!priv->in_transaction)
    {
      g_warning ("%s: no transaction was started", function);
      return FALSE;
    }

  priv->in_transaction = FALSE;
  return TRUE;
}

/**
 * l_io_device_commit_transaction:
 * @self: a device in a transaction
 *
 * Ends the transaction; what was read is gone.
 *
 * Since: 1.0
 */
void
l_io_device_commit_transaction (LIODevice *self)
{
  LIODevicePrivate *priv;

  g_return_if_fail (L_IS_IO_DEVICE (self));

  priv = l_io_device_get_private (self);
  if (end_transaction (self, G_STRFUNC))
    {
      gsize count = priv->transaction_offset;

      priv->transaction_offset = 0;
      consume (self, count);
    }
}

/**
 * l_io_device_rollback_transaction:
 * @self: a device in a transaction
 *
 * Ends the transaction; what was read in it can be read again.
 *
 * Since: 1.0
 */
void
l_io_device_rollback_transaction (LIODevice *self)
{
  g_return_if_fail (L_IS_IO_DEVICE (self));

  if (!end_transaction (self, G_STRFUNC))
    return;

  l_io_device_get_private (self)->transaction_offset = 0;
  l_io_device_schedule_answer (self);
}

/**
 * l_io_device_is_transaction_started:
 * @self: a device
 *
 * Asks whether the device is in a transaction.
 *
 * Returns: %TRUE if it is
 *
 * Since: 1.0
 */
gboolean
l_io_device_is_transaction_started (LIODevice *self)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  return l_io_device_get_private (self)->in_transaction;
}

/* Writing */

static gboolean
check_writable (LIODevicePrivate  *priv,
                GError           **error)
{
  LOpenMode mode = priv->open_mode;
  gboolean taken = priv->output_open;

  /* An attempt to connect is under way: gathered, and sent once connected. */
  if (priv->opening_mode != L_OPEN_MODE_NOT_OPEN)
    {
      mode = priv->opening_mode;
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
get_output_room (LIODevicePrivate *priv)
{
  gsize size = l_buffer_get_size (&priv->output);

  if (priv->write_buffer_size == 0)
    return G_MAXSSIZE;

  return priv->write_buffer_size > size ? priv->write_buffer_size - size : 0;
}

/* How much is gathered before it is offered to the system from within write(). */
#define OFFER_SIZE (64 * 1024)

static gboolean
is_offered_at_once (LIODevicePrivate *priv,
                    gsize             count)
{
  gsize limit = OFFER_SIZE;

  if (priv->opening_mode != L_OPEN_MODE_NOT_OPEN || priv->output_blocked)
    return FALSE;
  if ((priv->open_mode & L_OPEN_MODE_UNBUFFERED) != 0)
    return TRUE;
  if (priv->write_buffer_size != 0)
    limit = MIN (limit, priv->write_buffer_size);

  return l_buffer_get_size (&priv->output) + count >= limit;
}

static void
set_would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The write buffer is full"));
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
 * nothing fits it fails with %G_IO_ERROR_WOULD_BLOCK. It fails with %G_IO_ERROR_CLOSED when the device is not open or its
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
  gsize n_offered = 0, n_queued;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), -1);
  g_return_val_if_fail (data != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  priv = l_io_device_get_private (self);
  if (!check_writable (priv, error))
    return -1;
  if (count == 0)
    return 0;

  if (is_offered_at_once (priv, count))
    n_offered = l_io_device_offer (self, data, count);

  n_queued = MIN (count - n_offered, get_output_room (priv));
  if (n_offered + n_queued == 0)
    {
      set_would_block (error);
      return -1;
    }

  l_buffer_append (&priv->output, (const guint8 *) data + n_offered, n_queued);
  l_io_device_schedule_flush (self);

  return n_offered + n_queued;
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
 * empty buffer takes bytes of any size. Otherwise it fails as [method@LSocket.IODevice.write] does.
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
  LIODevicePrivate *priv;
  gsize size;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = l_io_device_get_private (self);
  if (!check_writable (priv, error))
    return FALSE;

  size = g_bytes_get_size (bytes);
  if (size > get_output_room (priv) && is_offered_at_once (priv, size))
    l_io_device_offer (self, NULL, 0);
  if (size > get_output_room (priv) && l_buffer_get_size (&priv->output) > 0)
    {
      set_would_block (error);
      return FALSE;
    }

  l_buffer_append_bytes (&priv->output, bytes);
  if (is_offered_at_once (priv, 0))
    l_io_device_offer (self, NULL, 0);
  l_io_device_schedule_flush (self);

  return TRUE;
}
