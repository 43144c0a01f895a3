/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"
#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Asynchronous reading: one operation at a time, answered from the loop's dispatch when what it waits for has come. */

/* What a line without a limit may add to a full buffer at a time, in bytes, while that is more than all before. */
#define LINE_CHUNK 4096

/* With the input's lock held. */
static LAsyncOperation *
take_operation (LIODevice *self)
{
  return g_steal_pointer (&l_io_device_get_private (self)->read_operation);
}

/* How much can be answered with; 0: not yet, or, once the input has ended, nothing. */
static gsize
get_answer_size (LIODevice          *self,
                 const LReadRequest *request)
{
  gsize available = l_io_device_get_available (self);
  gsize size = 0;

  switch (request->kind)
    {
    case L_READ_LINE:
      size = l_io_device_find_line (self);
      if (request->count != 0 && (size > request->count || (size == 0 && available >= request->count)))
        size = request->count;
      break;
    case L_READ_BYTES:
      if (available >= request->count)
        return request->count;
      break;
    case L_READ_SOME:
    default:
      return MIN (available, request->count);
    }

  return size == 0 && l_io_device_get_private (self)->input.ended ? available : size;
}

/* NULL: there is nothing to answer yet. */
static LAsyncOperation *
take_answerable (LIODevice *self,
                 gsize     *size)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  const LReadRequest *request;

  if (priv->read_operation == NULL)
    return NULL;

  request = &priv->read_operation->read;
  *size = get_answer_size (self, request);
  if (*size == 0 && !priv->input.ended && (priv->open_mode & L_OPEN_MODE_READ_ONLY) != 0 &&
      (request->count > 0 || request->kind == L_READ_LINE))
    return NULL;

  return take_operation (self);
}

static void
fill_with_input (LIODevice       *self,
                 LAsyncOperation *operation,
                 gsize            size)
{
  const LReadRequest *request = &operation->read;
  gssize n_read;

  if (request->kind != L_READ_SOME)
    {
      operation->bytes = l_io_device_read_bytes (self, size, &operation->error);
      return;
    }

  /* A stream tells its end by 0 bytes, a device by an error. */
  if (size == 0 && l_io_device_is_readable (self))
    return;

  n_read = l_io_device_read (self, request->buffer, size, &operation->error);
  operation->n_bytes = MAX (n_read, 0);
}

gboolean
l_io_device_answer_read (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LAsyncOperation *operation;
  gsize size;

  if (priv->read_operation == NULL)
    return FALSE;

  g_mutex_lock (&priv->input.lock);
  operation = take_answerable (self, &size);
  g_mutex_unlock (&priv->input.lock);
  if (operation == NULL)
    return FALSE;

  fill_with_input (self, operation, size);
  /* A transaction keeps the bytes, and there may be less room without the operation. */
  if (priv->input.in_transaction)
    {
      g_mutex_lock (&priv->input.lock);
      l_io_device_update_input (self);
      g_mutex_unlock (&priv->input.lock);
    }

  l_async_operation_return (operation);
  return TRUE;
}

void
l_io_device_answer_task_func (LReactorTask *task)
{
  LIODevicePrivate *priv = L_CONTAINER_OF (task, LIODevicePrivate, answer_task);

  l_io_device_answer_read (priv->self);
}

void
l_io_device_schedule_answer (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->read_operation != NULL)
    l_reactor_queue_task_later (priv->reactor, &priv->answer_task);
}

/* The device goes, its stream lives on. */
void
l_io_device_fail_read (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LAsyncOperation *operation;

  g_mutex_lock (&priv->input.lock);
  operation = take_operation (self);
  g_mutex_unlock (&priv->input.lock);

  /* Also when the operation that it was to answer is gone, cancelled: the device may go next. */
  if (priv->reactor != NULL)
    l_reactor_cancel_task (priv->reactor, &priv->answer_task);
  if (operation == NULL)
    return;

  g_set_error_literal (&operation->error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The device is not open"));
  l_async_operation_return_later (operation);
}

gsize
l_io_device_get_wanted (LIODevice *self)
{
  const LReadRequest *request = &l_io_device_get_private (self)->read_operation->read;
  gsize available = l_io_device_get_available (self);

  /* A line may be of any length, and each time it is looked for from its beginning. */
  return request->count > available ? request->count - available : MAX (available, LINE_CHUNK);
}

void *
l_io_device_get_read_target (LIODevice *self,
                             gsize     *count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  const LReadRequest *request;

  if (priv->read_operation == NULL || priv->input.in_transaction || l_buffer_get_size (&priv->input.buffer) > 0)
    return NULL;

  request = &priv->read_operation->read;
  if (request->kind != L_READ_SOME)
    return NULL;

  *count = request->count;
  return request->buffer;
}

LAsyncOperation *
l_io_device_take_direct_read (LIODevice *self,
                              gsize      n_read)
{
  LAsyncOperation *operation = take_operation (self);

  operation->n_bytes = n_read;
  return operation;
}

LIODevice *
l_io_device_ref_for_operation (LAsyncOperation *operation)
{
  if (operation->link == NULL)
    return L_IO_DEVICE (g_object_ref (operation->source_object));

  return l_stream_link_ref_device (operation->link);
}

static void
cancel_read (LAsyncOperation *operation)
{
  g_autoptr(LIODevice) self = l_io_device_ref_for_operation (operation);
  LIODevicePrivate *priv;

  if (self == NULL)
    return;

  priv = l_io_device_get_private (self);
  if (priv->read_operation != operation)
    return;

  g_mutex_lock (&priv->input.lock);
  take_operation (self);
  /* There may be less room without it. */
  l_io_device_update_input (self);
  g_mutex_unlock (&priv->input.lock);

  l_async_operation_set_cancelled (operation);
  l_async_operation_return (operation);
}

/* FALSE: it is over already. */
static gboolean
begin_read (LIODevice       *self,
            LAsyncOperation *operation)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_answered = FALSE;
  gboolean is_free;
  gsize size;

  if (l_async_operation_set_cancelled (operation))
    return FALSE;

  g_mutex_lock (&priv->input.lock);
  is_free = priv->read_operation == NULL && priv->input.n_other_reads == 0;
  if (is_free)
    {
      priv->read_operation = operation;
      is_answered = take_answerable (self, &size) != NULL;
      l_io_device_update_input (self);
    }
  g_mutex_unlock (&priv->input.lock);

  if (!is_free)
    g_set_error_literal (&operation->error, G_IO_ERROR, G_IO_ERROR_PENDING, _("Another read is under way"));
  else if (is_answered)
    fill_with_input (self, operation, size);

  return is_free && !is_answered;
}

void
l_io_device_start_read (LIODevice       *self,
                        LStreamLink     *link,
                        LAsyncOperation *operation,
                        LReadKind        kind,
                        void            *buffer,
                        gsize            count)
{
  operation->link = link;
  operation->read.kind = kind;
  operation->read.buffer = buffer;
  operation->read.count = count;

  if (begin_read (self, operation))
    l_async_operation_watch_cancellable (operation, cancel_read);
  else
    l_async_operation_return_later (operation);
}

gboolean
l_io_device_is_served (LIODevice *self)
{
  return l_io_device_get_private (self)->reactor != NULL && l_io_device_is_owner (self);
}

static void
start_read (LIODevice           *self,
            LReadKind            kind,
            gsize                count,
            GCancellable        *cancellable,
            GAsyncReadyCallback  callback,
            gpointer             user_data,
            gpointer             tag)
{
  LReactor *reactor = l_io_device_is_served (self) ? l_io_device_get_private (self)->reactor : NULL;
  LAsyncOperation *operation = l_async_operation_new (reactor, self, cancellable, callback, user_data, tag);

  if (reactor != NULL)
    {
      l_io_device_start_read (self, NULL, operation, kind, NULL, count);
      return;
    }

  l_error_set_not_served (&operation->error);
  l_async_operation_return_later (operation);
}

/**
 * l_io_device_read_line_async:
 * @self: a device that is open for reading
 * @max_length: the most bytes to read; 0: no limit
 * @cancellable: (nullable): ends the waiting; nothing is read then
 * @callback: (scope async): called when there is a line
 * @user_data: (closure): for @callback
 *
 * Reads a whole line up to and with its newline, or @max_length bytes, or what is left at the end of the input.
 *
 * There is no [signal@LSocket.IODevice::ready-read] for the bytes that it takes, and
 * [property@LSocket.IODevice:read-buffer-size] does not keep a longer line from being received. Only one such function, or
 * read of the input stream, can be under way: another fails with %G_IO_ERROR_PENDING. The callback is never called before
 * the function has returned.
 *
 * Since: 1.0
 */
void
l_io_device_read_line_async (LIODevice           *self,
                             gsize                max_length,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  g_return_if_fail (L_IS_IO_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  start_read (self, L_READ_LINE, max_length, cancellable, callback, user_data, l_io_device_read_line_async);
}

/**
 * l_io_device_read_line_finish:
 * @self: a device
 * @result: what the callback was given
 * @length: (out) (optional): the number of bytes read
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.IODevice.read_line_async]. A NUL follows the bytes, which may hold others.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8): the bytes; %NULL with %G_IO_ERROR_CLOSED when the
 *   input has ended and everything was read, with %G_IO_ERROR_PERMISSION_DENIED, %G_IO_ERROR_PENDING, %G_IO_ERROR_CANCELLED,
 *   or %G_IO_ERROR_NOT_SUPPORTED when no main loop of the calling thread serves the device
 *
 * Since: 1.0
 */
char *
l_io_device_read_line_finish (LIODevice     *self,
                              GAsyncResult  *result,
                              gsize         *length,
                              GError       **error)
{
  g_autoptr(GBytes) bytes = NULL;
  gsize size;
  char *line;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (l_async_operation_is_valid (result, self, l_io_device_read_line_async), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (length != NULL)
    *length = 0;
  bytes = l_async_operation_propagate_bytes (L_ASYNC_OPERATION (result), error);
  if (bytes == NULL)
    return NULL;

  size = g_bytes_get_size (bytes);
  line = g_malloc (size + 1);
  memcpy (line, g_bytes_get_data (bytes, NULL), size);
  line[size] = '\0';

  if (length != NULL)
    *length = size;
  return line;
}

/**
 * l_io_device_read_bytes_async:
 * @self: a device that is open for reading
 * @count: how many bytes to read
 * @cancellable: (nullable): ends the waiting; nothing is read then
 * @callback: (scope async): called when there are so many bytes
 * @user_data: (closure): for @callback
 *
 * Reads exactly @count bytes, fewer only at the end of the input.
 *
 * What [method@LSocket.IODevice.read_line_async] says of signals, limits and other reads holds here too.
 *
 * Since: 1.0
 */
void
l_io_device_read_bytes_async (LIODevice           *self,
                              gsize                count,
                              GCancellable        *cancellable,
                              GAsyncReadyCallback  callback,
                              gpointer             user_data)
{
  g_return_if_fail (L_IS_IO_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  start_read (self, L_READ_BYTES, count, cancellable, callback, user_data, l_io_device_read_bytes_async);
}

/**
 * l_io_device_read_bytes_finish:
 * @self: a device
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@LSocket.IODevice.read_bytes_async].
 *
 * Returns: (transfer full): the bytes; %NULL with %G_IO_ERROR_CLOSED when the input has ended and everything was read, with
 *   %G_IO_ERROR_PERMISSION_DENIED, %G_IO_ERROR_PENDING, %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_NOT_SUPPORTED when no main
 *   loop of the calling thread serves the device
 *
 * Since: 1.0
 */
GBytes *
l_io_device_read_bytes_finish (LIODevice     *self,
                               GAsyncResult  *result,
                               GError       **error)
{
  g_return_val_if_fail (L_IS_IO_DEVICE (self), NULL);
  g_return_val_if_fail (l_async_operation_is_valid (result, self, l_io_device_read_bytes_async), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return l_async_operation_propagate_bytes (L_ASYNC_OPERATION (result), error);
}
