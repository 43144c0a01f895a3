/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <stdlib.h>

static void
parse_count (const char *text,
             guint      *count)
{
  g_autoptr(GError) error = NULL;
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT, &number, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (2);
    }

  *count = number;
}

void
performance_init (int                *argc,
                  char             ***argv,
                  const GOptionEntry *options,
                  guint              *count)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("[COUNT]");
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, &error) || *argc > 2)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "Too many arguments");
      exit (2);
    }

  if (*argc == 2)
    parse_count ((*argv)[1], count);

  performance_platform_init ();
}

LServer *
performance_listen (void)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  if (!l_server_listen (server, performance_get_name (), &error))
    g_error ("%s", error->message);

  return server;
}

void
performance_accept (LServer   *server,
                    GPtrArray *sockets,
                    guint      count)
{
  while (sockets->len < count)
    {
      LSocket *socket = l_server_next_pending_connection (server);

      if (socket != NULL)
        g_ptr_array_add (sockets, socket);
      else
        g_main_context_iteration (NULL, TRUE);
    }
}

LSocket *
performance_connect (void)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  if (!l_socket_connect_to_server_sync (socket, performance_get_name (), L_OPEN_MODE_READ_WRITE, NULL, &error))
    g_error ("%s", error->message);

  return socket;
}
