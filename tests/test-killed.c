/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A server that is killed at any system call of listening or closing: the next one gets the name at once, and finds
 * nothing there that is not its own to remove. */

#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lsocket/l-system-private.h"
#include "lsocket/lsocket.h"

static char *directory;

/* The table: before or after the k-th call the process is no more. */

static LSystem real;
static guint   n_calls;
static guint   fatal_call; /* from 1; 0: none */
static gboolean is_after;

static void
count_call (gboolean after)
{
  n_calls += !after;
  if (n_calls == fatal_call && after == is_after)
    raise (SIGKILL);
}

#define DEADLY(type, name, parameters, arguments) \
  static type deadly_##name parameters            \
  {                                               \
    type result;                                  \
                                                  \
    count_call (FALSE);                           \
    result = real.name arguments;                 \
    count_call (TRUE);                            \
    return result;                                \
  }

DEADLY (int, socket, (int domain, int type, int protocol), (domain, type, protocol))
DEADLY (int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
DEADLY (int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
DEADLY (int, listen, (int fd, int backlog), (fd, backlog))
DEADLY (int, close, (int fd), (fd))
DEADLY (int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
DEADLY (int, flock, (int fd, int operation), (fd, operation))
DEADLY (int, fstat, (int fd, struct stat *status), (fd, status))
DEADLY (int, fstatat, (int dir, const char *path, struct stat *status, int flags), (dir, path, status, flags))
DEADLY (int, fchmod, (int fd, mode_t mode), (fd, mode))
DEADLY (int, fchmodat, (int dir, const char *path, mode_t mode, int flags), (dir, path, mode, flags))
DEADLY (int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))

static void
arm (guint    k,
     gboolean after)
{
  n_calls = 0;
  fatal_call = k;
  is_after = after;
  l_system.socket = deadly_socket;
  l_system.connect = deadly_connect;
  l_system.bind = deadly_bind;
  l_system.listen = deadly_listen;
  l_system.close = deadly_close;
  l_system.open = deadly_open;
  l_system.flock = deadly_flock;
  l_system.fstat = deadly_fstat;
  l_system.fstatat = deadly_fstatat;
  l_system.fchmod = deadly_fchmod;
  l_system.fchmodat = deadly_fchmodat;
  l_system.unlinkat = deadly_unlinkat;
}

/* What is killed */

static void
make_dead_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  close (fd);
}

typedef struct
{
  const char *name;
  gboolean    is_replacing; /* a dead server's socket has the name */
  gboolean    is_closing;   /* it dies while it closes */
} Case;

static const Case cases[] = {
  { "listen", FALSE, FALSE },
  { "replace", TRUE, FALSE },
  { "close", FALSE, TRUE },
};

/* TRUE if it was killed: it has as many calls. */
static gboolean
kill_at (const Case *test,
         guint       k,
         gboolean    after)
{
  int status;
  pid_t child = fork ();

  if (child == 0)
    {
      g_autoptr(GMainContext) context = g_main_context_new ();
      LServer *server;

      g_main_context_push_thread_default (context);
      umask (0077);
      server = l_server_new ();
      l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
      if (!test->is_closing)
        arm (k, after);
      if (!l_server_listen (server, "market", NULL))
        _exit (1);
      if (!test->is_closing)
        _exit (0);
      arm (k, after);
      l_server_close (server);
      _exit (0);
    }

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status))
    {
      g_assert_cmpint (WEXITSTATUS (status), ==, 0);
      return FALSE;
    }

  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  return TRUE;
}

static void
assert_next_one_serves (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autoptr(GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  struct stat status;

  l_server_listen (server, "market", &error);
  g_assert_no_error (error);
  /* A dead holder of the lock is none to wait for. */
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 900 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (lstat (l_server_get_full_server_name (server), &status), ==, 0);
  g_assert_cmphex (status.st_mode, ==, S_IFSOCK | 0600);

  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  peer = l_server_next_pending_connection (server);
  g_assert_nonnull (peer);
}

static void
test_killed (gconstpointer data)
{
  const Case *test = data;
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  guint n_killed = 0;

  for (int after = 0; after < 2; after++)
    for (guint k = 1;; k++)
      {
        if (test->is_replacing)
          make_dead_socket (path);
        if (!kill_at (test, k, after))
          {
            g_unlink (path);
            break;
          }

        n_killed++;
        assert_next_one_serves ();
        g_assert_cmpint (access (path, F_OK), ==, -1);
      }

  g_test_message ("killed %u times", n_killed);
  g_assert_cmpuint (n_killed, >, 8);

  /* Nor has any of them left a lock that nobody removes. */
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
  real = l_system;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/killed/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_killed);
    }
  result = g_test_run ();

  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_clear_pointer (&directory, g_free);
  return result;
}
