/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance-util.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <lsocket/lsocket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What connections keep in memory that have nothing to do: those that a server accepted, and those of its clients. */

/* What a process has open beside the connections. */
#define OTHER_DESCRIPTORS 32

typedef struct
{
  char     *path;          /* (owned) */
  guint     n_connections;
  gboolean  has_sockets;   /* the clients are LSockets */
} Setup;

/* In KiB. */
static guint64
get_resident (void)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  const char *line;

  g_file_get_contents ("/proc/self/smaps_rollup", &text, NULL, &error);
  g_assert_no_error (error);
  line = strstr (text, "\nRss:");
  g_assert_nonnull (line);

  return g_ascii_strtoull (line + strlen ("\nRss:"), NULL, 10);
}

/* The first connection is not counted: it pays for what all share. */
static void
print_growth (const char *whose,
              guint64     before,
              guint       n_connections)
{
  guint64 after = get_resident ();

  g_print ("%-8s %6.2f KiB a connection (%" G_GUINT64_FORMAT " KiB after the first, %" G_GUINT64_FORMAT
           " KiB after %u)\n",
           whose, ((double) after - before) / (n_connections - 1), before, after, n_connections);
}

/* The descriptor of the pair is only there to wait for the other process. */
static void
tell (int fd)
{
  if (write (fd, "", 1) != 1)
    g_error ("write: %s", g_strerror (errno));
}

static void
await (int fd)
{
  char byte;

  if (read (fd, &byte, 1) != 1)
    g_error ("The other process ended");
}

typedef struct
{
  const Setup *setup;
  int          fd;
  GPtrArray   *sockets; /* (element-type LSocket) */
  guint64      before;
} Server;

static void
on_new_connection (LServer *server,
                   Server  *self)
{
  LSocket *socket;

  while ((socket = l_server_next_pending_connection (server)) != NULL)
    {
      g_ptr_array_add (self->sockets, socket);
      if (self->sockets->len == 1)
        self->before = get_resident ();
    }
}

static void
run_server (int           fd,
            gconstpointer data)
{
  Server self = { data, fd, g_ptr_array_new_with_free_func (g_object_unref), 0 };
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), &self);
  if (!l_server_listen (server, self.setup->path, &error))
    g_error ("%s", error->message);

  tell (fd);
  while (self.sockets->len < self.setup->n_connections)
    g_main_context_iteration (NULL, TRUE);
  print_growth ("Server", self.before, self.setup->n_connections);
  tell (fd);

  await (fd);
  g_ptr_array_unref (self.sockets);
}

static int
connect_descriptor (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_error ("connect: %s", g_strerror (errno));

  return fd;
}

static LSocket *
connect_socket (const char *path)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  if (!l_socket_connect_to_server_sync (socket, path, L_OPEN_MODE_READ_WRITE, NULL, &error))
    g_error ("%s", error->message);

  return socket;
}

static void
run_client (int           fd,
            gconstpointer data)
{
  const Setup *setup = data;
  g_autoptr(GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  guint64 before = 0;

  await (fd);
  for (guint i = 0; i < setup->n_connections; i++)
    {
      if (setup->has_sockets)
        g_ptr_array_add (sockets, connect_socket (setup->path));
      else
        connect_descriptor (setup->path);
      if (i == 0)
        before = get_resident ();
    }

  await (fd);
  if (setup->has_sockets)
    print_growth ("Client", before, setup->n_connections);
  tell (fd);
}

static void
raise_limit (guint n_connections)
{
  struct rlimit limit;
  rlim_t needed = (rlim_t) n_connections + OTHER_DESCRIPTORS;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("getrlimit: %s", g_strerror (errno));

  if (limit.rlim_max < needed)
    {
      g_printerr ("%u connections need %" G_GUINT64_FORMAT " descriptors, and the hard limit is %" G_GUINT64_FORMAT
                  " (ulimit -Hn)\n",
                  n_connections, (guint64) needed, (guint64) limit.rlim_max);
      exit (1);
    }

  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_error ("setrlimit: %s", g_strerror (errno));
}

int
main (int    argc,
      char **argv)
{
  Setup setup = { NULL, 10000, FALSE };
  const GOptionEntry options[] = {
    { "sockets", 's', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &setup.has_sockets,
      "LSockets as clients, not plain descriptors", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autofree char *directory = NULL;
  g_autoptr(GError) error = NULL;

  performance_init (&argc, &argv, options, &setup.n_connections);
  setup.n_connections = MAX (setup.n_connections, 2);
  raise_limit (setup.n_connections);

  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  setup.path = g_build_filename (directory, "idle", NULL);

  performance_run (run_server, run_client, &setup, NULL);

  g_rmdir (directory);
  g_free (setup.path);
  return EXIT_SUCCESS;
}
