/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-socket.h"

/* Reading and writing, by the device and by its streams: each byte is accounted for. */

static void
consume (const void *data,
         gssize      count)
{
  if (count <= 0)
    return;

  if (!fuzz_current->is_unknown)
    fuzz_link_check (fuzz_current->number, fuzz_current->n_consumed, data, (gsize) count);
  fuzz_current->n_consumed += (guint64) count;
}

static void
consume_bytes (GBytes *bytes)
{
  gsize size;
  const void *data;

  if (bytes == NULL)
    return;

  data = g_bytes_get_data (bytes, &size);
  consume (data, (gssize) size);
  g_bytes_unref (bytes);
}

/* Who reads while somebody else waits for the same bytes cannot know which are its own. */
void
fuzz_begin_reading (void)
{
  if (fuzz_current->n_reads > 0)
    fuzz_current->is_unknown = TRUE;
}

void
fuzz_read_some (guint8 number,
                gsize  size)
{
  g_autofree guint8 *data = g_malloc (size + 1);
  guint64 consumed = fuzz_current->n_consumed;
  g_autofree char *line = NULL;
  gsize length = 0;
  gssize n;

  fuzz_begin_reading ();
  switch (number % 8)
    {
    case 0:
      consume (data, l_io_device_read (fuzz_get_device (), data, size, NULL));
      break;
    case 1:
      consume_bytes (l_io_device_read_bytes (fuzz_get_device (), size, NULL));
      break;
    case 2:
      consume_bytes (l_io_device_read_all (fuzz_get_device (), NULL));
      break;
    case 3:
      line = l_io_device_read_line (fuzz_get_device (), size, &length, NULL);
      consume (line, line != NULL ? (gssize) length : 0);
      break;
    case 4:
      n = l_io_device_skip (fuzz_get_device (), size, NULL);
      fuzz_current->n_consumed += (guint64) MAX (n, 0);
      break;
    case 5:
      consume (data, l_io_device_peek (fuzz_get_device (), data, size, NULL));
      fuzz_current->n_consumed = consumed;
      break;
    case 6:
      consume_bytes (l_io_device_peek_bytes (fuzz_get_device (), size, NULL));
      fuzz_current->n_consumed = consumed;
      break;
    default:
      l_io_device_can_read_line (fuzz_get_device ());
      l_io_device_at_end (fuzz_get_device ());
      break;
    }
}

/* Only what was read is put back, so that all bytes stay where they were. */
void
fuzz_unread (gsize size)
{
  g_autofree guint8 *data = NULL;
  gboolean may = l_io_device_is_readable (fuzz_get_device ()) && !l_io_device_is_transaction_started (fuzz_get_device ());

  size = MIN (size, fuzz_current->n_consumed);
  data = g_malloc (size + 1);
  fuzz_link_fill (fuzz_current->number, fuzz_current->n_consumed - size, data, size);

  /* From here on a read that waits takes other bytes than the model knows. */
  fuzz_begin_reading ();
  fuzz_warnings_expected = !may;
  if (may)
    fuzz_current->n_consumed -= size;
  l_io_device_unread (fuzz_get_device (), data, size);
  fuzz_warnings_expected = FALSE;
}

void
fuzz_transact (guint8 number)
{
  gboolean is_started = l_io_device_is_transaction_started (fuzz_get_device ());

  fuzz_begin_reading ();
  fuzz_warnings_expected = TRUE;
  switch (number % 3)
    {
    case 0:
      if (!is_started)
        fuzz_current->transaction = fuzz_current->n_consumed;
      l_io_device_start_transaction (fuzz_get_device ());
      break;
    case 1:
      l_io_device_commit_transaction (fuzz_get_device ());
      break;
    default:
      if (is_started)
        fuzz_current->n_consumed = fuzz_current->transaction;
      l_io_device_rollback_transaction (fuzz_get_device ());
      break;
    }
  fuzz_warnings_expected = FALSE;
}

static guint64 *
get_n_accepted (void)
{
  return fuzz_current->link != NULL ? &fuzz_current->link->n_accepted : &fuzz_current->n_accepted;
}

guint8 *
fuzz_make_output (gsize size)
{
  guint8 *data = g_malloc (size + 1);

  fuzz_link_fill (fuzz_current->number, *get_n_accepted (), data, size);
  return data;
}

/* One that may be under way takes the next numbers. */
void
fuzz_write_some (guint8 number,
                 gsize  size)
{
  guint64 *n_accepted = get_n_accepted ();
  g_autofree guint8 *data = NULL;
  g_autoptr(GBytes) bytes = NULL;
  gssize n;

  if (fuzz_n_writes > 0)
    return;

  data = fuzz_make_output (size);
  switch (number % 3)
    {
    case 0:
      n = l_io_device_write (fuzz_get_device (), data, size, NULL);
      break;
    case 1:
      bytes = g_bytes_new (data, size);
      n = l_io_device_write_bytes (fuzz_get_device (), bytes, NULL) ? (gssize) size : -1;
      break;
    default:
      n = g_pollable_output_stream_write_nonblocking (
        G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (fuzz_get_device ()))), data, size, NULL, NULL);
      break;
    }
  *n_accepted += (guint64) MAX (n, 0);
  if (number % 3 == 2 && fuzz_current->link != NULL)
    fuzz_current->link->n_streamed += (guint64) MAX (n, 0);
}

/* The streams, without waiting */

static gboolean
on_pollable (GObject *stream,
             gpointer unused)
{
  return G_SOURCE_REMOVE;
}

void
fuzz_use_streams (guint8 number,
                  gsize  size)
{
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (fuzz_get_device ()));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (fuzz_get_device ()));
  g_autofree guint8 *data = g_malloc (size + 1);
  g_autoptr(GSource) source = NULL;

  switch (number % 5)
    {
    case 0:
      fuzz_begin_reading ();
      consume (data, g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (in), data, size, NULL, NULL));
      break;
    case 1:
      source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (in), fuzz_get_cancellable (number));
      break;
    case 2:
      source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (out), fuzz_get_cancellable (number));
      break;
    case 3:
      g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (in));
      g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (out));
      break;
    default:
      g_input_stream_close (in, NULL, NULL);
      break;
    }

  if (source != NULL)
    {
      g_source_set_callback (source, G_SOURCE_FUNC (on_pollable), NULL, NULL);
      g_source_attach (source, g_main_context_get_thread_default ());
    }
}
