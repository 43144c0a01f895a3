/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listens at a name, sends back whatever its clients say, and prints each signal with the state as it comes.
 */

#include <locale.h>

#include <glib-unix.h>
#include <lsocket/lsocket.h>

static const char *
get_nick (GType type,
          int   value)
{
  g_autoptr(GEnumClass) enum_class = g_type_class_ref (type);
  GEnumValue *enum_value = g_enum_get_value (enum_class, value);

  return enum_value != NULL ? enum_value->value_nick : "?";
}

/* The state is asked for, not remembered: it always agrees with the signal. */
static void G_GNUC_PRINTF (2, 3)
print_signal (LSocket    *socket,
              const char *format,
              ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_print ("server  %-12s %s\n", get_nick (L_TYPE_SOCKET_STATE, l_socket_get_state (socket)), text);
}

static void
on_ready_read (LSocket *socket)
{
  LIODevice *device = L_IO_DEVICE (socket);
  g_autoptr(GBytes) bytes = l_io_device_read_all (device, NULL);

  if (bytes == NULL)
    return;

  print_signal (socket, "ready-read: %" G_GSIZE_FORMAT " bytes", g_bytes_get_size (bytes));
  l_io_device_write_bytes (device, bytes, NULL);
}

static void
on_bytes_written (LSocket *socket,
                  guint64  count)
{
  print_signal (socket, "bytes-written: %" G_GUINT64_FORMAT, count);
}

static void
on_state_changed (LSocket      *socket,
                  LSocketState  state)
{
  print_signal (socket, "state-changed: %s", get_nick (L_TYPE_SOCKET_STATE, state));
}

static void
on_error (LSocket      *socket,
          LSocketError  error)
{
  print_signal (socket, "error: %s (%s)", get_nick (L_TYPE_SOCKET_ERROR, error),
                l_io_device_get_error_string (L_IO_DEVICE (socket)));
}

/* The signals without arguments; name is what was given to g_signal_connect(). */
static void
on_signal (LSocket    *socket,
           const char *name)
{
  print_signal (socket, "%s", name);
}

static void
on_new_connection (LServer *server)
{
  /* The server holds a reference as well, until the connection has ended. */
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  print_signal (socket, "new-connection");
  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (socket, "bytes-written", G_CALLBACK (on_bytes_written), NULL);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_state_changed), NULL);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), NULL);
  g_signal_connect (socket, "read-channel-finished", G_CALLBACK (on_signal), (gpointer) "read-channel-finished");
  g_signal_connect (socket, "disconnected", G_CALLBACK (on_signal), (gpointer) "disconnected");
  g_signal_connect (socket, "about-to-close", G_CALLBACK (on_signal), (gpointer) "about-to-close");
}

/* Trouble while listening, too many open files for example. The server goes on. */
static void
on_server_error (LServer *server)
{
  g_printerr ("%s\n", l_server_get_error_string (server));
}

static gboolean
on_terminate (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  if (argc != 2)
    {
      g_printerr ("Usage: %s NAME\n", argv[0]);
      return 2;
    }

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  g_signal_connect (server, "error", G_CALLBACK (on_server_error), NULL);
  if (!l_server_listen (server, argv[1], &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("server  listening at %s\n", l_server_get_full_server_name (server));

  g_unix_signal_add (SIGINT, on_terminate, loop);
  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  return 0;
}
