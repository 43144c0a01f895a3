/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

/* The public functions that read and write: between the program and the two buffers. Static functions here are called with
 * the lock of their direction held. */

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

/* Writing */

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
