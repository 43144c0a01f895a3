/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <glib/gi18n.h>

/* A line that is written again and again, as long as a copy takes; one that is quick has none. */

#define INTERVAL (500 * G_TIME_SPAN_MILLISECOND)
#define PATIENCE (1 * G_TIME_SPAN_SECOND)

static struct
{
  gboolean is_enabled;
  gboolean is_shown;   /* the cursor stands at the end of the line */
  guint    timeout_id;
  gint64   start;
  guint64  n_sent;
  guint64  n_received;
  gint64   last;       /* when it was written, and for what sum */
  guint64  last_sum;
} progress;

void
tool_progress_enable (void)
{
  progress.is_enabled = TRUE;
}

static guint64
get_sum (void)
{
  return progress.n_sent + progress.n_received;
}

/* The spaces are for what a longer line has left behind. */
static void
show (guint64 sum,
      gint64  span)
{
  g_autofree char *sent = g_format_size (progress.n_sent);
  g_autofree char *received = g_format_size (progress.n_received);
  g_autofree char *rate = g_format_size ((guint64) ((double) sum * G_TIME_SPAN_SECOND / MAX (span, 1)));
  g_autofree char *text = NULL;

  /* TRANSLATORS: how far a copy is; each string is an amount such as “1.5 MB”, the last is how many of them a second. */
  text = g_strdup_printf (_("%s sent, %s received, %s/s"), sent, received, rate);
  g_printerr ("\r%s        ", text);
  progress.is_shown = TRUE;
}

static gboolean
on_interval (gpointer unused)
{
  gint64 now = g_get_monotonic_time ();

  if (now - progress.start >= PATIENCE)
    show (get_sum () - progress.last_sum, now - progress.last);
  progress.last = now;
  progress.last_sum = get_sum ();

  return G_SOURCE_CONTINUE;
}

void
tool_progress_count (gsize n_sent,
                     gsize n_received)
{
  if (!progress.is_enabled)
    return;

  if (progress.timeout_id == 0)
    {
      progress.start = progress.last = g_get_monotonic_time ();
      progress.timeout_id = g_timeout_add (INTERVAL / G_TIME_SPAN_MILLISECOND, on_interval, NULL);
    }

  progress.n_sent += n_sent;
  progress.n_received += n_received;
}

void
tool_progress_make_way (void)
{
  if (progress.is_shown)
    g_printerr ("\n");
  progress.is_shown = FALSE;
}

/* The last line tells of the whole. */
void
tool_progress_end (void)
{
  if (progress.is_shown)
    show (get_sum (), g_get_monotonic_time () - progress.start);
  tool_progress_make_way ();

  g_clear_handle_id (&progress.timeout_id, g_source_remove);
  progress.n_sent = progress.n_received = progress.last_sum = 0;
}
