/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"
#include "l-task-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Asynchronous reading: one operation at a time, answered from the loop's dispatch when what it waits for has come. */

/* What a line without a limit may add to a full buffer at a time, in bytes. */
#define LINE_CHUNK 4096

typedef struct
{
  LStreamLink *link;          /* (unowned) (nullable): of the task's source, NULL: that is the device itself */
  LReadKind    kind;
  gsize        count;         /* the most to read; 0 with L_READ_LINE: no limit */
  void        *buffer;        /* (unowned): where L_READ_SOME goes */
  gboolean     is_over;
  GSource     *cancel_source; /* (owned) (nullable) */
} LReadOperation;

static void
free_operation (gpointer data)
{
  LReadOperation *operation = data;

  g_clear_pointer (&operation->cancel_source, l_task_unwatch);
  g_free (operation);
}

/* NULL: it has been answered, or will be, for the device has gone. */
static LIODevice *
ref_device (GTask *task)
{
  LReadOperation *operation = g_task_get_task_data (task);
  g_autoptr(LIODevice) device = NULL;

  if (operation->link == NULL)
    device = g_object_ref (g_task_get_source_object (task));
  else
    device = l_stream_link_ref_device (operation->link);

  /* It is told while the device is there, or by its end. */
  if (device == NULL || operation->is_over)
    return NULL;

  return g_steal_pointer (&device);
}

/* With the input's lock held. */
static GTask *
take_task (LIODevicePrivate *priv)
{
  LReadOperation *operation;

  if (priv->read_task == NULL)
    return NULL;

  operation = g_task_get_task_data (priv->read_task);
  operation->is_over = TRUE;

  return g_steal_pointer (&priv->read_task);
}

/* How much can be answered with; 0: not yet, or, once the input has ended, nothing. */
static gsize
get_answer_size (LIODevice            *self,
                 const LReadOperation *operation)
{
  gsize available = l_io_device_get_available (self);
  gsize size = 0;

  switch (operation->kind)
    {
    case L_READ_LINE:
      size = l_io_device_find_line (self);
      if (operation->count != 0 && (size > operation->count || (size == 0 && available >= operation->count)))
        size = operation->count;
      break;
    case L_READ_BYTES:
      if (available >= operation->count)
        return operation->count;
      break;
    case L_READ_SOME:
    default:
      return MIN (available, operation->count);
    }

  return size == 0 && l_io_device_get_private (self)->input.ended ? available : size;
}

/* NULL: there is nothing to answer yet. */
static GTask *
take_answerable (LIODevice *self,
                 gsize     *size)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LReadOperation *operation;

  if (priv->read_task == NULL)
    return NULL;

  operation = g_task_get_task_data (priv->read_task);
  *size = get_answer_size (self, operation);
  if (*size == 0 && !priv->input.ended && l_io_device_is_readable (self) &&
      (operation->count > 0 || operation->kind == L_READ_LINE))
    return NULL;

  return take_task (priv);
}

static void
answer_with_input (LIODevice *self,
                   GTask     *task,
                   gsize      size)
{
  LReadOperation *operation = g_task_get_task_data (task);
  GError *error = NULL;
  GBytes *bytes;

  if (operation->kind == L_READ_SOME)
    {
      gssize n_read = l_io_device_read (self, operation->buffer, size, &error);

      if (n_read >= 0)
        g_task_return_int (task, n_read);
      else
        g_task_return_error (task, error);
      return;
    }

  bytes = l_io_device_read_bytes (self, size, &error);
  if (bytes != NULL)
    g_task_return_pointer (task, bytes, (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_error (task, error);
}

gboolean
l_io_device_answer_read (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GTask) task = NULL;
  LReadOperation *operation;
  gsize size;

  if (priv->read_task == NULL)
    return FALSE;

  g_mutex_lock (&priv->input.lock);
  task = take_answerable (self, &size);
  g_mutex_unlock (&priv->input.lock);
  if (task == NULL)
    return FALSE;

  operation = g_task_get_task_data (task);
  /* A stream tells its end by 0 bytes, a device by an error. */
  if (size == 0 && operation->kind == L_READ_SOME && l_io_device_is_readable (self))
    g_task_return_int (task, 0);
  else
    answer_with_input (self, task, size);

  return TRUE;
}

static gboolean
answer_later (gpointer task)
{
  g_autoptr(LIODevice) self = ref_device (task);

  if (self != NULL)
    l_io_device_answer_read (self);

  return G_SOURCE_REMOVE;
}

static gboolean
fail_later (gpointer task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s", _("The device is not open"));
  return G_SOURCE_REMOVE;
}

/* The device goes, its stream lives on. */
void
l_io_device_fail_read (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GTask) task = NULL;
  g_autoptr(GSource) source = NULL;

  g_mutex_lock (&priv->input.lock);
  task = take_task (priv);
  g_mutex_unlock (&priv->input.lock);
  if (task == NULL)
    return;

  source = g_idle_source_new ();
  g_task_attach_source (task, source, fail_later);
}

void
l_io_device_schedule_answer (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GSource) source = NULL;

  if (priv->read_task == NULL)
    return;

  source = g_idle_source_new ();
  g_task_attach_source (priv->read_task, source, answer_later);
}

gsize
l_io_device_get_wanted (LIODevice *self)
{
  const LReadOperation *operation = g_task_get_task_data (l_io_device_get_private (self)->read_task);
  gsize available = l_io_device_get_available (self);

  /* A line may be of any length. */
  return operation->count > available ? operation->count - available : LINE_CHUNK;
}

void *
l_io_device_get_read_target (LIODevice *self,
                             gsize     *count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  const LReadOperation *operation;

  if (priv->read_task == NULL || priv->input.in_transaction || l_buffer_get_size (&priv->input.buffer) > 0)
    return NULL;

  operation = g_task_get_task_data (priv->read_task);
  if (operation->kind != L_READ_SOME)
    return NULL;

  *count = operation->count;
  return operation->buffer;
}

void
l_io_device_answer_direct_read (LIODevice *self,
                                gsize      n_read)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  g_autoptr(GTask) task = NULL;

  g_mutex_lock (&priv->input.lock);
  task = take_task (priv);
  g_mutex_unlock (&priv->input.lock);

  g_task_return_int (task, n_read);
}

static gboolean
on_read_cancelled (GCancellable *cancellable,
                   gpointer      user_data)
{
  g_autoptr(LIODevice) self = ref_device (user_data);
  g_autoptr(GTask) task = NULL;
  LIODevicePrivate *priv;

  if (self == NULL)
    return G_SOURCE_REMOVE;

  priv = l_io_device_get_private (self);
  g_mutex_lock (&priv->input.lock);
  task = take_task (priv);
  /* There may be less room without it. */
  l_io_device_update_input (self);
  g_mutex_unlock (&priv->input.lock);

  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

/* FALSE: somebody else reads. */
static gboolean
set_task (LIODevice *self,
          GTask     *task)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_free;

  g_mutex_lock (&priv->input.lock);
  is_free = priv->read_task == NULL && priv->input.n_other_reads == 0;
  if (is_free)
    priv->read_task = task;
  g_mutex_unlock (&priv->input.lock);

  return is_free;
}

void
l_io_device_start_read (LIODevice   *self,
                        LStreamLink *link,
                        GTask       *task,
                        LReadKind    kind,
                        void        *buffer,
                        gsize        count)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LReadOperation *operation;

  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }

  operation = g_new0 (LReadOperation, 1);
  operation->link = link;
  operation->kind = kind;
  operation->buffer = buffer;
  operation->count = count;
  g_task_set_task_data (task, operation, free_operation);

  if (!set_task (self, task))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING, "%s", _("Another read is under way"));
      g_object_unref (task);
      return;
    }

  if (l_io_device_answer_read (self))
    return;

  operation->cancel_source = l_task_watch (task, on_read_cancelled);
  g_mutex_lock (&priv->input.lock);
  l_io_device_update_input (self);
  g_mutex_unlock (&priv->input.lock);
}

gboolean
l_io_device_check_served (LIODevice *self,
                          GTask     *task)
{
  if (l_io_device_get_private (self)->reactor != NULL && l_io_device_is_owner (self))
    return TRUE;

  l_task_return_not_served (task);
  return FALSE;
}

/* Takes the task. */
static void
start_read (LIODevice *self,
            GTask     *task,
            LReadKind  kind,
            gsize      count)
{
  if (l_io_device_check_served (self, task))
    l_io_device_start_read (self, NULL, task, kind, NULL, count);
  else
    g_object_unref (task);
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
  GTask *task;

  g_return_if_fail (L_IS_IO_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_io_device_read_line_async);
  start_read (self, task, L_READ_LINE, max_length);
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
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (length != NULL)
    *length = 0;
  bytes = g_task_propagate_pointer (G_TASK (result), error);
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
  GTask *task;

  g_return_if_fail (L_IS_IO_DEVICE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, l_io_device_read_bytes_async);
  start_read (self, task, L_READ_BYTES, count);
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
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
