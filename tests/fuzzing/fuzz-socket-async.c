/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-socket.h"

/* Asynchronous operations, some of which move bytes. */

typedef enum
{
  READ_LINE,
  READ_BYTES,
  STREAM_READ,
  STREAM_SKIP,
  STREAM_WRITE,
  CONNECT,
  DISCONNECT,
  CLOSE,
  CLOSE_OUTPUT,
  FLUSH,
} AsyncKind;

/* An asynchronous operation: its callback comes once, and not from within the function that begins it. */
typedef struct
{
  AsyncKind    kind;
  FuzzSubject *subject;  /* (unowned) */
  guint        session;
  FuzzLink    *link;     /* (unowned) (nullable) */
  guint8      *data;     /* (owned) (nullable) */
  gsize        size;
  gboolean     begins;
} Async;

static void
count_async (const Async *async,
             int          change)
{
  fuzz_n_asyncs += change;
  if (async->kind == READ_LINE || async->kind == READ_BYTES || async->kind == STREAM_READ || async->kind == STREAM_SKIP)
    async->subject->n_reads += change;
  if (async->kind == STREAM_WRITE)
    fuzz_n_writes += change;
}

static Async *
async_new (AsyncKind kind,
           gsize     size)
{
  Async *self = g_new0 (Async, 1);

  self->kind = kind;
  self->subject = fuzz_current;
  self->session = fuzz_current->number;
  self->link = fuzz_current->link;
  self->size = size;
  self->begins = TRUE;
  count_async (self, 1);
  return self;
}

static void
take_read (Async      *self,
           const void *data,
           gssize      count)
{
  FuzzSubject *subject = self->subject;

  if (count <= 0 || subject->number != self->session)
    return;

  g_assert_cmpuint ((gsize) count, <=, self->kind == READ_LINE && self->size == 0 ? G_MAXSIZE : self->size);
  if (data != NULL && !subject->is_unknown)
    fuzz_link_check (subject->number, subject->n_consumed, data, (gsize) count);
  subject->n_consumed += (guint64) count;
}

static void
finish_write (Async        *self,
              GObject      *source,
              GAsyncResult *result)
{
  g_autoptr(GError) error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  if (self->link == NULL)
    return;

  /* GIO says so, too, of what was written before it was cancelled. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->link->is_vague = TRUE;
  self->link->n_pending -= self->size;
  self->link->n_accepted += (guint64) MAX (n, 0);
  self->link->n_streamed += (guint64) MAX (n, 0);
}

static void
on_done (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Async *self = user_data;
  g_autoptr(GBytes) bytes = NULL;
  g_autofree char *line = NULL;
  gsize length = 0;

  g_assert_false (self->begins);
  count_async (self, -1);

  switch (self->kind)
    {
    case READ_LINE:
      line = l_io_device_read_line_finish (L_IO_DEVICE (source), result, &length, NULL);
      take_read (self, line, line != NULL ? (gssize) length : 0);
      break;
    case READ_BYTES:
      bytes = l_io_device_read_bytes_finish (L_IO_DEVICE (source), result, NULL);
      if (bytes != NULL)
        take_read (self, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes));
      break;
    case STREAM_READ:
      take_read (self, self->data, g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL));
      break;
    case STREAM_SKIP:
      take_read (self, NULL, g_input_stream_skip_finish (G_INPUT_STREAM (source), result, NULL));
      break;
    case STREAM_WRITE:
      finish_write (self, source, result);
      break;
    case CONNECT:
      l_socket_connect_to_server_finish (L_SOCKET (source), result, NULL);
      break;
    case DISCONNECT:
      l_socket_disconnect_from_server_finish (L_SOCKET (source), result, NULL);
      break;
    case CLOSE:
      g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
      break;
    case CLOSE_OUTPUT:
      g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, NULL);
      break;
    case FLUSH:
    default:
      g_output_stream_flush_finish (G_OUTPUT_STREAM (source), result, NULL);
      break;
    }

  g_free (self->data);
  g_free (self);
}

/* GIO hands what the stream of no session is asked for to a thread of its own, and when that has done it nobody knows. */
static gboolean
is_in_thread (AsyncKind kind)
{
  return kind != READ_LINE && kind != READ_BYTES && kind != DISCONNECT && kind != CLOSE &&
         !l_io_device_is_open (fuzz_get_device ());
}

void
fuzz_read_async (guint8 number,
                 gsize  size)
{
  static const AsyncKind kinds[] = { READ_LINE, READ_BYTES, STREAM_READ, STREAM_SKIP };
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (fuzz_get_device ()));
  GCancellable *cancellable = fuzz_get_cancellable (number);
  Async *async;

  if (is_in_thread (kinds[number % G_N_ELEMENTS (kinds)]))
    return;

  fuzz_begin_reading ();
  async = async_new (kinds[number % G_N_ELEMENTS (kinds)], size);
  switch (number % G_N_ELEMENTS (kinds))
    {
    case 0:
      l_io_device_read_line_async (fuzz_get_device (), size, cancellable, on_done, async);
      break;
    case 1:
      l_io_device_read_bytes_async (fuzz_get_device (), size, cancellable, on_done, async);
      break;
    case 2:
      async->data = g_malloc (size + 1);
      g_input_stream_read_async (stream, async->data, size, G_PRIORITY_DEFAULT, cancellable, on_done, async);
      break;
    default:
      g_input_stream_skip_async (stream, size, G_PRIORITY_DEFAULT, cancellable, on_done, async);
      break;
    }
  async->begins = FALSE;
}

void
fuzz_write_async (guint8 number,
                  gsize  size)
{
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (fuzz_get_device ()));
  Async *async;

  if (fuzz_n_writes > 0 || is_in_thread (STREAM_WRITE))
    return;

  async = async_new (STREAM_WRITE, size);
  async->data = fuzz_make_output (size);
  if (async->link != NULL)
    async->link->n_pending += size;
  g_output_stream_write_async (stream, async->data, size, G_PRIORITY_DEFAULT, fuzz_get_cancellable (number), on_done, async);
  async->begins = FALSE;
}

void
fuzz_end_async (guint8 number)
{
  static const AsyncKind kinds[] = { DISCONNECT, CLOSE, CLOSE_OUTPUT, FLUSH };
  GIOStream *stream = G_IO_STREAM (fuzz_get_device ());
  GCancellable *cancellable = fuzz_get_cancellable (number);
  Async *async;

  if (is_in_thread (kinds[number % G_N_ELEMENTS (kinds)]))
    return;

  async = async_new (kinds[number % G_N_ELEMENTS (kinds)], 0);
  switch (number % G_N_ELEMENTS (kinds))
    {
    case 0:
      l_socket_disconnect_from_server_async (fuzz_current->socket, cancellable, on_done, async);
      break;
    case 1:
      fuzz_subject_drop_input (fuzz_current);
      if (cancellable != NULL)
        fuzz_subject_drop_output (fuzz_current);
      g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, cancellable, on_done, async);
      break;
    case 2:
      g_output_stream_close_async (g_io_stream_get_output_stream (stream), G_PRIORITY_DEFAULT, cancellable, on_done, async);
      break;
    default:
      g_output_stream_flush_async (g_io_stream_get_output_stream (stream), G_PRIORITY_DEFAULT, cancellable, on_done, async);
      break;
    }
  async->begins = FALSE;
}

void
fuzz_connect_async (guint8    number,
                    LOpenMode mode)
{
  Async *async = async_new (CONNECT, 0);

  l_socket_connect_to_server_async (fuzz_current->socket, "s", mode, fuzz_get_cancellable (number), on_done, async);
  async->begins = FALSE;
}
