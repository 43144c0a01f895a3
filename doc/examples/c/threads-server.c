/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sends back whatever its clients say, with a thread for each processor: one accepts, and hands each connection to the
 * next thread. From there on the connection is that thread's alone: no other one wakes up for it.
 */

#include <locale.h>

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <lsocket/lsocket.h>

/* What runs the loop of a thread, and with it the connections that were made there */

static gpointer
run_worker (gpointer data)
{
  GMainContext *context = data;
  g_autoptr(GMainLoop) loop = g_main_loop_new (context, FALSE);

  /* A socket joins the thread's default context when it is made. */
  g_main_context_push_thread_default (context);
  g_main_loop_run (loop);
  return NULL;
}

static GMainContext *
start_worker (void)
{
  GMainContext *context = g_main_context_new ();

  g_thread_unref (g_thread_new ("worker", run_worker, context));
  return context;
}

static void
on_ready_read (LSocket *socket)
{
  g_autoptr(GBytes) bytes = l_io_device_read_all (L_IO_DEVICE (socket), NULL);

  if (bytes != NULL)
    l_io_device_write_bytes (L_IO_DEVICE (socket), bytes, NULL);
}

/* In the worker's thread. No server holds this connection: the reference that made it goes at its end. */
static gboolean
adopt (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (socket, "disconnected", G_CALLBACK (g_object_unref), NULL);
  if (!l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error))
    {
      g_printerr ("%s\n", error->message);
      g_close (fd, NULL);
      g_object_unref (socket);
    }

  return G_SOURCE_REMOVE;
}

/* A server that makes no socket itself */

#define THREADS_TYPE_SERVER (threads_server_get_type ())
G_DECLARE_FINAL_TYPE (ThreadsServer, threads_server, THREADS, SERVER, LServer)

struct _ThreadsServer
{
  LServer    parent_instance;

  GPtrArray *workers; /* (element-type GMainContext) (owned) */
  guint      next;
};

G_DEFINE_FINAL_TYPE (ThreadsServer, threads_server, L_TYPE_SERVER)

static void
threads_server_incoming_connection (LServer *server,
                                    gintptr  descriptor)
{
  ThreadsServer *self = THREADS_SERVER (server);

  g_main_context_invoke (self->workers->pdata[self->next++ % self->workers->len], adopt, GINT_TO_POINTER (descriptor));
}

static void
threads_server_finalize (GObject *object)
{
  g_ptr_array_unref (THREADS_SERVER (object)->workers);

  G_OBJECT_CLASS (threads_server_parent_class)->finalize (object);
}

static void
threads_server_class_init (ThreadsServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = threads_server_finalize;
  L_SERVER_CLASS (klass)->incoming_connection = threads_server_incoming_connection;
}

static void
threads_server_init (ThreadsServer *self)
{
  self->workers = g_ptr_array_new_with_free_func ((GDestroyNotify) g_main_context_unref);
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
  g_autoptr(ThreadsServer) server = g_object_new (THREADS_TYPE_SERVER, NULL);
  g_autoptr(GError) error = NULL;
  guint64 n_workers = g_get_num_processors ();

  setlocale (LC_ALL, "");
  if (argc < 2 || argc > 3 || (argc == 3 && !g_ascii_string_to_unsigned (argv[2], 10, 1, 1000, &n_workers, NULL)))
    {
      g_printerr ("Usage: %s NAME [THREADS]\n", argv[0]);
      return 2;
    }

  for (guint i = 0; i < n_workers; i++)
    g_ptr_array_add (server->workers, start_worker ());
  if (!l_server_listen (L_SERVER (server), argv[1], &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("server  listening at %s\n", l_server_get_full_server_name (L_SERVER (server)));

  g_unix_signal_add (SIGINT, on_terminate, loop);
  g_unix_signal_add (SIGTERM, on_terminate, loop);
  g_main_loop_run (loop);
  return 0;
}
