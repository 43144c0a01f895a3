/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Greets the message bus at a path: authenticates line by line, says Hello and prints who both ends are; then hands the
 * connection to GDBus and asks who else is there. There is no main loop: the waiting functions do.
 */

#include <locale.h>
#include <unistd.h>

#include <lsocket/lsocket.h>

#define TIMEOUT_MSECS 10000

/* The shortest piece of a message that tells how long the whole one is. */
#define HEADER_LENGTH 16

/* Until there is something to read or the connection has ended. */
static gboolean
wait_for_more (LIODevice  *bus,
               GError    **error)
{
  if (l_io_device_wait_for_ready_read (bus, TIMEOUT_MSECS))
    return TRUE;

  g_set_error (error, L_SOCKET_ERROR, l_socket_get_error (L_SOCKET (bus)),
               "The bus does not answer: %s", l_io_device_get_error_string (bus));
  return FALSE;
}

static gboolean
write_line (LIODevice   *bus,
            const char  *line,
            GError     **error)
{
  g_autofree char *text = g_strconcat (line, "\r\n", NULL);

  g_print ("> %s\n", line);
  return l_io_device_write (bus, text, strlen (text), error) >= 0;
}

static char *
read_line (LIODevice  *bus,
           GError    **error)
{
  char *line;

  while (!l_io_device_can_read_line (bus))
    {
      if (!wait_for_more (bus, error))
        return NULL;
    }

  line = l_io_device_read_line (bus, 0, NULL, error);
  if (line != NULL)
    g_print ("< %s\n", g_strchomp (line));
  return line;
}

/* The identity is the user's number, in the hexadecimal digits of its decimal digits. The answer is the GUID. */
static char *
authenticate (LIODevice  *bus,
              GError    **error)
{
  g_autofree char *uid = g_strdup_printf ("%u", (guint) getuid ());
  g_autoptr(GString) request = g_string_new ("AUTH EXTERNAL ");
  g_autofree char *answer = NULL;
  gsize i;

  for (i = 0; uid[i] != '\0'; i++)
    g_string_append_printf (request, "%02x", uid[i]);

  /* A NUL byte comes first, from the days when it carried the credentials. */
  if (l_io_device_write (bus, "", 1, error) < 0 || !write_line (bus, request->str, error))
    return NULL;

  answer = read_line (bus, error);
  if (answer == NULL)
    return NULL;
  if (!g_str_has_prefix (answer, "OK "))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "The bus says %s", answer);
      return NULL;
    }

  /* From here on both sides speak messages. */
  if (!write_line (bus, "BEGIN", error))
    return NULL;
  return g_strdup (answer + strlen ("OK "));
}

static gboolean
send_message (LIODevice     *bus,
              GDBusMessage  *message,
              GError       **error)
{
  g_autofree guchar *data = NULL;
  gsize size;

  data = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, error);
  return data != NULL && l_io_device_write (bus, data, size, error) >= 0;
}

static GDBusMessage *
receive_message (LIODevice  *bus,
                 GError    **error)
{
  g_autoptr(GBytes) header = NULL;
  g_autoptr(GBytes) bytes = NULL;
  gssize size;

  while (l_io_device_get_bytes_available (bus) < HEADER_LENGTH)
    {
      if (!wait_for_more (bus, error))
        return NULL;
    }

  /* Looked at, and left where it is until all of the message is there. */
  header = l_io_device_peek_bytes (bus, HEADER_LENGTH, error);
  if (header == NULL)
    return NULL;
  size = g_dbus_message_bytes_needed ((guchar *) g_bytes_get_data (header, NULL), HEADER_LENGTH, error);
  if (size < 0)
    return NULL;
  while (l_io_device_get_bytes_available (bus) < (gsize) size)
    {
      if (!wait_for_more (bus, error))
        return NULL;
    }

  bytes = l_io_device_read_bytes (bus, size, error);
  if (bytes == NULL)
    return NULL;
  return g_dbus_message_new_from_blob ((guchar *) g_bytes_get_data (bytes, NULL), size,
                                       G_DBUS_CAPABILITY_FLAGS_NONE, error);
}

/* The unique name that the bus gives to this connection. */
static char *
say_hello (LIODevice  *bus,
           GError    **error)
{
  g_autoptr(GDBusMessage) call = NULL;
  g_autoptr(GDBusMessage) reply = NULL;
  char *name = NULL;

  call = g_dbus_message_new_method_call ("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                         "org.freedesktop.DBus", "Hello");
  g_dbus_message_set_serial (call, 1);
  g_print ("> Hello\n");
  if (!send_message (bus, call, error))
    return NULL;

  /* The bus may have something else to say first. */
  do
    {
      g_clear_object (&reply);
      reply = receive_message (bus, error);
      if (reply == NULL)
        return NULL;
    }
  while (g_dbus_message_get_reply_serial (reply) != 1);

  if (g_dbus_message_to_gerror (reply, error))
    return NULL;
  g_variant_get (g_dbus_message_get_body (reply), "(s)", &name);
  g_print ("< %s\n", name);
  return name;
}

/* GDBus takes any stream, and reads and writes it in a thread of its own. It offers EXTERNAL on GIO's own kind of socket
 * alone, so the stream comes to it authenticated. */
static gboolean
list_names (LSocket  *socket,
            GError  **error)
{
  g_autoptr(GDBusConnection) connection = NULL;
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GVariantIter) names = NULL;
  const char *name;

  connection = g_dbus_connection_new_sync (G_IO_STREAM (socket), NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, error);
  if (connection == NULL)
    return FALSE;

  reply = g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "ListNames", NULL, G_VARIANT_TYPE ("(as)"),
                                       G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSECS, NULL, error);
  if (reply == NULL)
    return FALSE;

  g_print ("Over GDBus it lists these names:");
  g_variant_get (reply, "(as)", &names);
  while (g_variant_iter_next (names, "&s", &name))
    g_print (" %s", name);
  g_print ("\n");

  return g_dbus_connection_close_sync (connection, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  LIODevice *bus = L_IO_DEVICE (socket);
  g_autofree char *guid = NULL;
  g_autofree char *name = NULL;
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  if (argc != 2)
    {
      g_printerr ("Usage: %s PATH\n", argv[0]);
      return 2;
    }

  if (!l_socket_connect_to_server_sync (socket, argv[1], L_OPEN_MODE_READ_WRITE, NULL, &error) ||
      (guid = authenticate (bus, &error)) == NULL ||
      (name = say_hello (bus, &error)) == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_print ("The bus at %s has the GUID %s\n", l_socket_get_full_server_name (socket), guid);
  g_print ("and calls this connection %s\n", name);

  if (!list_names (socket, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  return 0;
}
