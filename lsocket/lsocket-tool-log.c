/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* What `lsocket monitor` prints: lines such as “12:00:00.123456 1 > hello\n”, in which no byte of the traffic can do
 * anything to a terminal. Nothing is lost: where standard output takes no more, whoever logs has to wait for room. */

#define MAX_PENDING (1024 * 1024)
#define BYTES_A_LINE 16

/* How long the end of the program waits for whoever reads the rest. */
#define PATIENCE (1 * G_TIME_SPAN_SECOND)

struct _ToolLog
{
  ToolStream  *output;     /* (owned) */
  GString     *pending;    /* what was not written yet, from start on */
  gsize        start;
  ToolLogFunc  changed;
  gpointer     user_data;
  int          status;

  guint is_hex : 1;
  guint is_utf8 : 1;       /* what the locale shows */
  guint is_waiting : 1;    /* for the output */
};

static gsize
get_n_pending (ToolLog *self)
{
  return self->pending->len - self->start;
}

gboolean
tool_log_is_full (ToolLog *self)
{
  return self->status != TOOL_STATUS_OK || get_n_pending (self) >= MAX_PENDING;
}

int
tool_log_get_status (ToolLog *self)
{
  return self->status;
}

/* Writing */

/* Nobody reads it any more: as after SIGPIPE, and as quietly. */
static void
fail (ToolLog      *self,
      const GError *error)
{
  gboolean is_unread = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);

  if (!is_unread)
    tool_print_error (_("Cannot write to standard output: %s"), error->message);
  self->status = is_unread ? TOOL_STATUS_PIPE : TOOL_STATUS_IO;
  g_string_truncate (self->pending, 0);
  self->start = 0;
}

static void on_output_ready (gpointer user_data);

static void
wait_for_output (ToolLog  *self,
                 gboolean  is_waiting)
{
  if (self->is_waiting != is_waiting)
    tool_stream_watch (self->output, is_waiting ? on_output_ready : NULL, self);
  self->is_waiting = is_waiting;
}

static void
write_pending (ToolLog *self)
{
  g_autoptr(GError) error = NULL;
  gssize n_written = 0;

  while (get_n_pending (self) > 0 && n_written >= 0)
    {
      n_written = tool_stream_write (self->output, self->pending->str + self->start, get_n_pending (self), &error);
      self->start += MAX (n_written, 0);
    }

  if (n_written < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    fail (self, error);
  wait_for_output (self, get_n_pending (self) > 0);

  /* What is written need not be kept; but moving the rest costs as much as that is long. */
  if (self->start < get_n_pending (self))
    return;
  g_string_erase (self->pending, 0, self->start);
  self->start = 0;
}

static void
on_output_ready (gpointer user_data)
{
  ToolLog *self = user_data;
  gboolean was_full = tool_log_is_full (self);

  write_pending (self);
  if (self->status != TOOL_STATUS_OK || (was_full && !tool_log_is_full (self)))
    self->changed (self->user_data);
}

/* Whoever logs may be in the middle of something: a failure is told from the loop, when that finds the output ready. */
static void
flush (ToolLog *self)
{
  if (!self->is_waiting)
    write_pending (self);
  if (self->status != TOOL_STATUS_OK)
    wait_for_output (self, TRUE);
}

/* Lines */

/* What each line of a piece begins with. */
static char *
make_head (guint client,
           char  mark)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S.%f");

  return g_strdup_printf ("%s %u %c ", time, client, mark);
}

static void
append_byte (GString *line,
             guint8   byte)
{
  switch (byte)
    {
    case '\n':
      g_string_append (line, "\\n");
      break;
    case '\r':
      g_string_append (line, "\\r");
      break;
    case '\t':
      g_string_append (line, "\\t");
      break;
    case '\\':
      g_string_append (line, "\\\\");
      break;
    default:
      if (g_ascii_isprint (byte))
        g_string_append_c (line, byte);
      else
        g_string_append_printf (line, "\\x%02x", byte);
      break;
    }
}

/* The length of the character that begins there and is to be shown as it is; 0: none. */
static gsize
get_shown_length (ToolLog      *self,
                  const guint8 *data,
                  gsize         size)
{
  gunichar character;

  if (!self->is_utf8 || *data < 0x80)
    return 0;

  character = g_utf8_get_char_validated ((const char *) data, size);
  if (character >= (gunichar) -2 || !g_unichar_isprint (character))
    return 0;
  return g_unichar_to_utf8 (character, NULL);
}

/* One of the traffic's lines, or less where the bytes end. */
static gsize
append_text (ToolLog      *self,
             const guint8 *data,
             gsize         size)
{
  gsize i = 0;

  while (i < size && (i == 0 || data[i - 1] != '\n'))
    {
      gsize length = get_shown_length (self, data + i, size - i);

      if (length > 0)
        g_string_append_len (self->pending, (const char *) data + i, length);
      else
        append_byte (self->pending, data[i]);
      i += MAX (length, 1);
    }

  return i;
}

/* 16 bytes as hexdump shows them. printf() would take most of the time that a copy takes. */
static gsize
append_hex (ToolLog      *self,
            guint64       offset,
            const guint8 *data,
            gsize         size)
{
  static const char digits[] = "0123456789abcdef";
  gsize count = MIN (size, BYTES_A_LINE);
  char columns[3 * BYTES_A_LINE];
  char text[BYTES_A_LINE];

  memset (columns, ' ', sizeof columns);
  for (gsize i = 0; i < count; i++)
    {
      columns[3 * i] = digits[data[i] >> 4];
      columns[3 * i + 1] = digits[data[i] & 15];
      text[i] = g_ascii_isprint (data[i]) ? data[i] : '.';
    }

  g_string_append_printf (self->pending, "%08" G_GINT64_MODIFIER "x  ", offset);
  g_string_append_len (self->pending, columns, sizeof columns);
  g_string_append (self->pending, " |");
  g_string_append_len (self->pending, text, count);
  g_string_append_c (self->pending, '|');

  return count;
}

void
tool_log_bytes (ToolLog *self,
                guint    client,
                char     mark,
                guint64  offset,
                GBytes  *bytes)
{
  g_autofree char *head = make_head (client, mark);
  gsize size, i = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  while (i < size)
    {
      g_string_append (self->pending, head);
      i += self->is_hex ? append_hex (self, offset + i, data + i, size - i) : append_text (self, data + i, size - i);
      g_string_append_c (self->pending, '\n');
    }

  flush (self);
}

void
tool_log_event (ToolLog    *self,
                guint       client,
                const char *format,
                ...)
{
  g_autofree char *head = make_head (client, '*');
  va_list args;

  g_string_append (self->pending, head);
  va_start (args, format);
  g_string_append_vprintf (self->pending, format, args);
  va_end (args);
  g_string_append_c (self->pending, '\n');

  flush (self);
}

ToolLog *
tool_log_new (gboolean     is_hex,
              ToolLogFunc  changed,
              gpointer     user_data)
{
  ToolLog *self = g_new0 (ToolLog, 1);

  self->output = tool_stream_new_stdout (TRUE);
  self->pending = g_string_new (NULL);
  self->changed = changed;
  self->user_data = user_data;
  self->is_hex = is_hex;
  self->is_utf8 = g_get_charset (NULL);
  return self;
}

static gboolean
on_timeout (gpointer is_over)
{
  *(gboolean *) is_over = TRUE;
  return G_SOURCE_REMOVE;
}

static void
on_changed (gpointer user_data)
{
}

void
tool_log_finish (ToolLog *self)
{
  gboolean is_over = FALSE;
  guint timeout_id = g_timeout_add (PATIENCE / G_TIME_SPAN_MILLISECOND, on_timeout, &is_over);

  self->changed = on_changed;
  while (!is_over && self->status == TOOL_STATUS_OK &&
         (get_n_pending (self) > 0 || !tool_stream_flush (self->output, NULL)))
    {
      wait_for_output (self, TRUE);
      g_main_context_iteration (NULL, TRUE);
    }

  if (!is_over)
    g_source_remove (timeout_id);
}

void
tool_log_free (ToolLog *self)
{
  tool_stream_close (self->output);
  g_string_free (self->pending, TRUE);
  g_free (self);
}
