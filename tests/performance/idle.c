/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <stdlib.h>

/* What connections keep in memory that have nothing to do: those that a server accepted, and those of its clients. */

typedef struct
{
  guint     n_connections;
  gboolean  has_sockets;   /* the clients are LSockets */
} Setup;

/* The first connection is not counted: it pays for what all share. */
static void
print_growth (const char *whose,
              guint64     before,
              guint       n_connections)
{
  guint64 after = performance_get_resident ();

  g_print ("%-8s %6.2f KiB a connection (%" G_GUINT64_FORMAT " KiB after the first, %" G_GUINT64_FORMAT
           " KiB after %u)\n",
           whose, ((double) after - before) / (n_connections - 1), before, after, n_connections);
}

static void
run_server (gintptr       link,
            gconstpointer data)
{
  const Setup *setup = data;
  g_autoptr(LServer) server = performance_listen ();
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  guint64 before;

  performance_tell (link);
  performance_accept (server, sockets, 1);
  before = performance_get_resident ();
  performance_tell (link);
  performance_accept (server, sockets, setup->n_connections);
  print_growth ("Server", before, setup->n_connections);
  performance_tell (link);

  performance_await (link);
}

static void
connect_one (const Setup *setup,
             GPtrArray   *sockets)
{
  if (setup->has_sockets)
    g_ptr_array_add (sockets, performance_connect ());
  else
    performance_connect_plain ();
}

static void
run_client (gintptr       link,
            gconstpointer data)
{
  const Setup *setup = data;
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  guint64 before;

  performance_await (link);
  connect_one (setup, sockets);
  before = performance_get_resident ();

  performance_await (link);
  for (guint i = 1; i < setup->n_connections; i++)
    connect_one (setup, sockets);

  performance_await (link);
  if (setup->has_sockets)
    print_growth ("Client", before, setup->n_connections);
  performance_tell (link);
}

int
main (int    argc,
      char **argv)
{
  Setup setup = { 10000, FALSE };
  const GOptionEntry options[] = {
    { "sockets", 's', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &setup.has_sockets,
      "LSockets as clients, not plain descriptors", NULL },
    G_OPTION_ENTRY_NULL
  };

  performance_init (&argc, &argv, options, &setup.n_connections);
  setup.n_connections = MAX (setup.n_connections, 2);
  performance_allow_connections (setup.n_connections);

  performance_run (run_server, run_client, &setup, NULL);

  return EXIT_SUCCESS;
}
