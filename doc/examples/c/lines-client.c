/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Asks the server of lines, without a main loop: each argument is a line, and its answer is waited for.
 */

#include <locale.h>

#include <lsocket/lsocket.h>

static char *
ask (LIODevice   *device,
     const char  *question,
     GError     **error)
{
  g_autofree char *line = g_strconcat (question, "\n", NULL);

  if (l_io_device_write (device, line, strlen (line), error) < 0)
    return NULL;

  while (!l_io_device_can_read_line (device))
    {
      if (l_io_device_wait_for_ready_read (device, L_SOCKET_DEFAULT_TIMEOUT))
        continue;
      g_set_error_literal (error, L_SOCKET_ERROR, l_socket_get_error (L_SOCKET (device)),
                           l_io_device_get_error_string (device));
      return NULL;
    }
  return l_io_device_read_line (device, 0, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(GError) error = NULL;
  int i;

  setlocale (LC_ALL, "");
  if (argc < 2)
    {
      g_printerr ("Usage: %s NAME QUESTION...\n", argv[0]);
      return 2;
    }

  l_socket_connect_to_server_sync (socket, argv[1], L_OPEN_MODE_READ_WRITE, NULL, &error);
  for (i = 2; i < argc && error == NULL; i++)
    {
      g_autofree char *answer = ask (L_IO_DEVICE (socket), argv[i], &error);

      if (answer != NULL)
        g_print ("%s", answer);
    }

  if (error == NULL)
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
