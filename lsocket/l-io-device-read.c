/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

/* The public functions that read, out of the input buffer. Static functions here are called with the input's lock held. */

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

/* Open, and either there is something or something may come. */
static gboolean
check_readable (LIODevice  *self,
                GError    **error)
{
  if (!l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, error))
    return FALSE;

  if (l_io_device_get_available (self) == 0 && l_io_device_get_private (self)->input.ended)
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
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  if (input->in_transaction)
    {
      input->transaction_offset += count;
      return;
    }

  l_buffer_skip (&input->buffer, count);
  if (input->buffer_size != 0)
    l_io_device_update_input (self);
}

gsize
l_io_device_take (LIODevice *self,
                  void      *buffer,
                  gsize      count)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  gsize n_taken = l_buffer_peek (&input->buffer, input->transaction_offset, buffer, count);

  consume (self, n_taken);
  return n_taken;
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
  LIODeviceInput *input;
  gssize n_read = -1;

  g_return_val_if_fail (l_io_device_check (self), -1);
  g_return_val_if_fail (buffer != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    n_read = l_io_device_take (self, buffer, count);
  g_mutex_unlock (&input->lock);

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
  LIODeviceInput *input;
  GBytes *bytes = NULL;

  g_return_val_if_fail (l_io_device_check (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    {
      bytes = l_buffer_peek_bytes (&input->buffer, input->transaction_offset, max_count);
      consume (self, g_bytes_get_size (bytes));
    }
  g_mutex_unlock (&input->lock);

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
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  gssize newline = l_buffer_find (&input->buffer, input->transaction_offset, '\n');

  return newline < 0 ? 0 : newline + 1 - input->transaction_offset;
}

static char *
take_line (LIODevice *self,
           gsize      max_length,
           gsize     *length)
{
  char *line;

  *length = l_io_device_find_line (self);
  if (*length == 0)
    *length = l_io_device_get_available (self);
  if (max_length != 0)
    *length = MIN (*length, max_length);

  line = g_malloc (*length + 1);
  l_io_device_take (self, line, *length);
  line[*length] = '\0';

  return line;
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
  LIODeviceInput *input;
  char *line = NULL;
  gsize n_read = 0;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    line = take_line (self, max_length, &n_read);
  g_mutex_unlock (&input->lock);

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
  LIODeviceInput *input;
  gboolean can_read;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  can_read = l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, NULL) && l_io_device_find_line (self) > 0;
  g_mutex_unlock (&input->lock);

  return can_read;
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
  g_return_val_if_fail (L_IS_IO_DEVICE (self), TRUE);

  return !l_io_device_is_open (self) || l_io_device_get_bytes_available (self) == 0;
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
  LIODeviceInput *input;
  gssize n_seen = -1;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), -1);
  g_return_val_if_fail (buffer != NULL || count == 0, -1);
  g_return_val_if_fail (count <= G_MAXSSIZE, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    n_seen = l_buffer_peek (&input->buffer, input->transaction_offset, buffer, count);
  g_mutex_unlock (&input->lock);

  return n_seen;
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
  LIODeviceInput *input;
  GBytes *bytes = NULL;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    bytes = l_buffer_peek_bytes (&input->buffer, input->transaction_offset, max_count);
  g_mutex_unlock (&input->lock);

  return bytes;
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
  LIODeviceInput *input;
  gssize n_skipped = -1;

  g_return_val_if_fail (l_io_device_check (self), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  input = &l_io_device_get_private (self)->input;
  g_mutex_lock (&input->lock);
  if (check_readable (self, error))
    {
      n_skipped = MIN (count, l_io_device_get_available (self));
      consume (self, n_skipped);
    }
  g_mutex_unlock (&input->lock);

  return n_skipped;
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
  if (!l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, NULL) || priv->input.in_transaction)
    {
      g_warning ("%s: the device is not open for reading, or in a transaction", G_STRFUNC);
      return;
    }

  g_mutex_lock (&priv->input.lock);
  l_buffer_prepend (&priv->input.buffer, data, count);
  l_io_device_update_input (self);
  l_io_device_wake_input (self);
  g_mutex_unlock (&priv->input.lock);

  l_io_device_schedule_answer (self);
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
  if (!l_io_device_check_mode (self, L_OPEN_MODE_READ_ONLY, NULL) || priv->input.in_transaction)
    {
      g_warning ("%s: the device is not open for reading, or in a transaction already", G_STRFUNC);
      return;
    }

  g_mutex_lock (&priv->input.lock);
  priv->input.in_transaction = TRUE;
  g_mutex_unlock (&priv->input.lock);
}

/* What was read in it is gone, or is there again. */
static void
end_transaction (LIODevice  *self,
                 gboolean    commit,
                 const char *function)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;
  gsize count;

  if (!input->in_transaction)
    {
      g_warning ("%s: no transaction was started", function);
      return;
    }

  g_mutex_lock (&input->lock);
  count = input->transaction_offset;
  input->in_transaction = FALSE;
  input->transaction_offset = 0;
  if (commit)
    consume (self, count);
  else
    l_io_device_wake_input (self);
  g_mutex_unlock (&input->lock);

  if (!commit)
    l_io_device_schedule_answer (self);
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
  g_return_if_fail (L_IS_IO_DEVICE (self));

  end_transaction (self, TRUE, G_STRFUNC);
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

  end_transaction (self, FALSE, G_STRFUNC);
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

  return l_io_device_get_private (self)->input.in_transaction;
}
