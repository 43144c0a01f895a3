/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include <stdlib.h>
#include <string.h>

#define REPORT_PAUSE 200 /* ms */

SoakCounts soak_counts;

static LSocket *control;
static SoakCommandFunc command_func;

char *
soak_build_name (const char *base,
                 guint       server)
{
  return g_strdup_printf ("%s-%u", base, server);
}

static void
say (const char *format,
     ...) G_GNUC_PRINTF (1, 2);

static void
say (const char *format,
     ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  l_io_device_write (L_IO_DEVICE (control), line, strlen (line), NULL);
}

static void
report (void)
{
  say ("counts %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
       soak_counts.n_sessions, soak_counts.n_sent, soak_counts.n_received, soak_counts.n_reconnects);
  soak_counts = (SoakCounts) { 0 };
}

static gboolean
on_report (gpointer unused)
{
  report ();
  return G_SOURCE_CONTINUE;
}

/* The first process is gone, and nobody needs this one. */
static void
on_control_lost (LSocket *socket)
{
  exit (EXIT_FAILURE);
}

static void
on_command (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = l_io_device_read_line (device, 0, NULL, NULL);

      command_func (g_strchomp (line));
    }
}

void
soak_control_connect (const char      *base,
                      guint            number,
                      SoakCommandFunc  func)
{
  g_autofree char *name = g_strconcat (base, "-control", NULL);
  g_autoptr(GError) error = NULL;

  command_func = func;
  control = l_socket_new ();
  if (!l_socket_connect_to_server_sync (control, name, L_OPEN_MODE_READ_WRITE, NULL, &error))
    g_error ("%s", error->message);

  g_signal_connect (control, "ready-read", G_CALLBACK (on_command), NULL);
  g_signal_connect (control, "disconnected", G_CALLBACK (on_control_lost), NULL);
  say ("hello %u %u\n", number, soak_get_pid ());
  g_timeout_add (REPORT_PAUSE, on_report, NULL);
}

void
soak_control_short (const SoakFlow *flow,
                    gint64          pid)
{
  SoakKind kind = flow->begun ? flow->out.kind : flow->in.kind;

  say ("short %" G_GINT64_FORMAT " %d %s, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT "\n", pid, flow->answered,
       flow->begun || flow->answered ? soak_kind_get_name (kind) : "nothing", flow->n_in, flow->in.size);
}

void
soak_control_quiet (void)
{
  report ();
  say ("quiet %u %" G_GUINT64_FORMAT "\n", soak_count_open (), soak_get_memory ());
}

gint64
soak_get_peer_pid (LSocket *socket)
{
  LCredentials *credentials = l_socket_get_peer_credentials (socket);

  return credentials != NULL ? l_credentials_get_pid (credentials) : -1;
}
