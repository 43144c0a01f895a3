/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Others who wish us ill: who looks for an instant of looser modes, who swaps directories, who has our names first, who
 * holds locks, and two users on one machine. Where other users are needed the test needs root. */

#include "test-other-user.h"
#include "test-server-util.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Modes that nobody may see */

typedef struct
{
  char  *path;
  mode_t allowed;
  int    is_over;  /* atomic */
  int    n_loose;  /* atomic */
  int    n_seen;   /* atomic */
} Watcher;

static gpointer
watch_modes (gpointer data)
{
  Watcher *watcher = data;
  struct stat status;

  while (!g_atomic_int_get (&watcher->is_over))
    if (lstat (watcher->path, &status) == 0)
      {
        g_atomic_int_inc (&watcher->n_seen);
        if ((status.st_mode & 07777 & ~watcher->allowed) != 0)
          g_atomic_int_inc (&watcher->n_loose);
      }

  return NULL;
}

typedef struct
{
  const char    *name;
  LServerOptions options;
  mode_t         mode;
  mode_t         mask;
} ModeCase;

static const ModeCase mode_cases[] = {
  { "none", L_SERVER_OPTIONS_NONE, 0600, 0 },
  { "user", L_SERVER_OPTIONS_USER_ACCESS, 0700, 0 },
  { "group", L_SERVER_OPTIONS_GROUP_ACCESS, 0070, 0 },
  { "world-narrow-umask", L_SERVER_OPTIONS_WORLD_ACCESS, 0777, 0777 },
};

static void
test_never_looser (gconstpointer data)
{
  const ModeCase *row = data;
  mode_t old_mask = umask (row->mask);
  Watcher watcher = { .path = test_build_path ("market"), .allowed = row->mode };
  GThread *thread = g_thread_new ("watcher", watch_modes, &watcher);
  guint n_rounds = test_is_on_valgrind () ? 50 : 2500;

  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr(LServer) server = l_server_new ();

      l_server_set_options (server, row->options);
      g_assert_true (l_server_listen (server, "market", NULL));
    }
  g_atomic_int_set (&watcher.is_over, TRUE);
  g_thread_join (thread);
  umask (old_mask);
  g_test_message ("seen %d times", watcher.n_seen);
  g_assert_cmpint (watcher.n_loose, ==, 0);
  g_free (watcher.path);
}

/* A parent that is swapped all the time */

typedef struct
{
  char *deep;
  char *link;
  char *old;
  int   is_over; /* atomic */
} Swapper;

static gpointer
swap (gpointer data)
{
  Swapper *swapper = data;

  while (!g_atomic_int_get (&swapper->is_over))
    {
      g_assert_cmpint (g_rename (swapper->deep, swapper->old), ==, 0);
      g_assert_cmpint (g_rename (swapper->link, swapper->deep), ==, 0);
      g_thread_yield ();
      g_assert_cmpint (g_rename (swapper->deep, swapper->link), ==, 0);
      g_assert_cmpint (g_rename (swapper->old, swapper->deep), ==, 0);
    }

  return NULL;
}

static void
test_swapped_parent (void)
{
  Swapper swapper = { test_build_path ("deep"), test_build_path ("link"), test_build_path ("old"), 0 };
  g_autofree char *victim = test_build_path ("victim");
  g_autofree char *precious = g_build_filename (victim, "market", NULL);
  g_autofree char *path = g_build_filename (swapper.deep, "market", NULL);
  g_autofree char *content = NULL;
  g_autoptr(GThread) thread = NULL;
  guint n_rounds = test_is_on_valgrind () ? 50 : 3000;

  g_test_summary ("A directory that turns into a link to another one, in the midst of it: nothing is removed there");

  g_assert_cmpint (g_mkdir (swapper.deep, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (victim, 0700), ==, 0);
  g_assert_true (g_file_set_contents (precious, "precious", -1, NULL));
  g_assert_cmpint (symlink (victim, swapper.link), ==, 0);
  thread = g_thread_new ("swapper", swap, &swapper);
  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr(LServer) server = l_server_new ();

      l_server_listen (server, path, NULL);
      l_server_set_unlink_on_close (server, i % 3 != 0);
      l_server_close (server);
    }
  g_atomic_int_set (&swapper.is_over, TRUE);
  g_thread_join (g_steal_pointer (&thread));

  g_assert_true (g_file_get_contents (precious, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "precious");
  g_unlink (path);
  g_assert_cmpint (g_unlink (precious), ==, 0);
  g_assert_cmpint (g_rmdir (victim), ==, 0);
  g_assert_cmpint (g_rmdir (swapper.deep), ==, 0);
  g_assert_cmpint (g_unlink (swapper.link), ==, 0);
  g_free (swapper.deep);
  g_free (swapper.link);
  g_free (swapper.old);
}

/* Other users */

static socklen_t
set_path (struct sockaddr_un *address,
          const char         *name)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy (address->sun_path + (name[0] != '/'), name, strlen (name));
  return offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name);
}

static int
raw_listen (const char *path)
{
  struct sockaddr_un address;
  socklen_t length = set_path (&address, path);
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  if (bind (fd, (struct sockaddr *) &address, length) < 0 || listen (fd, 1) < 0)
    test_exit_child (8);
  return fd;
}

static void
run_as (uid_t         uid,
        void       (* func) (const char *path),
        const char   *path)
{
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      test_become (uid, uid, uid);
      umask (0);
      func (path);
      test_exit_child (0);
    }

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

/* What has our name first */

static void
squat_file (const char *path)
{
  if (!g_file_set_contents (path, "mine", -1, NULL) || chmod (path, 0666) < 0)
    test_exit_child (1);
}

static void
squat_directory (const char *path)
{
  if (g_mkdir (path, 0777) < 0)
    test_exit_child (1);
}

static void
squat_fifo (const char *path)
{
  if (mkfifo (path, 0666) < 0)
    test_exit_child (1);
}

static void
squat_link (const char *path)
{
  if (symlink ("/dev/full", path) < 0)
    test_exit_child (1);
}

static void
squat_dangling_link (const char *path)
{
  if (symlink ("nowhere", path) < 0)
    test_exit_child (1);
}

static void
squat_dead_socket (const char *path)
{
  close (raw_listen (path));
}

/* Alive, and its backlog full: it is asked, and never answers. */
static void
squat_silent_socket (const char *path)
{
  struct sockaddr_un address;
  socklen_t length = set_path (&address, path);
  pid_t child;
  int fd = raw_listen (path);

  while (TRUE)
    {
      int client = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

      if (connect (client, (struct sockaddr *) &address, length) < 0)
        break;
    }
  child = fork ();
  if (child != 0)
    {
      g_autofree char *note = g_strconcat (path, ".pid", NULL);
      g_autofree char *number = g_strdup_printf ("%d", child);

      if (!g_file_set_contents (note, number, -1, NULL))
        test_exit_child (1);
      return;
    }

  alarm (60);
  pause ();
  close (fd);
}

static void
end_silent_socket (const char *path)
{
  g_autofree char *note = g_strconcat (path, ".pid", NULL);
  g_autofree char *number = NULL;

  if (!g_file_get_contents (note, &number, NULL, NULL))
    return;
  g_assert_cmpint (kill (atoi (number), SIGKILL), ==, 0);
  g_assert_cmpint (g_unlink (note), ==, 0);
}

static const struct
{
  const char   *name;
  void       (* func) (const char *path);
  LSocketError  connect_error;
} squats[] = {
  { "file", squat_file, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "directory", squat_directory, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "fifo", squat_fifo, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "link", squat_link, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "dangling-link", squat_dangling_link, L_SOCKET_ERROR_SERVER_NOT_FOUND },
  { "dead-socket", squat_dead_socket, L_SOCKET_ERROR_CONNECTION_REFUSED },
  { "silent-socket", squat_silent_socket, L_SOCKET_ERROR_TIMEOUT },
};

static char *
describe (const char *path)
{
  struct stat status;

  g_assert_cmpint (lstat (path, &status), ==, 0);
  return g_strdup_printf ("%lu %o %u %ld.%09ld", (gulong) status.st_ino, (guint) status.st_mode, (guint) status.st_uid,
                          (glong) status.st_ctim.tv_sec, (glong) status.st_ctim.tv_nsec);
}

/* A directory as /tmp is. */
static char *
make_public_directory (void)
{
  char *path = test_build_path ("tmp");

  g_assert_cmpint (chmod (test_get_directory (), 0711), ==, 0);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_cmpint (chmod (path, 01777), ==, 0);
  g_setenv ("TMPDIR", path, TRUE);
  return path;
}

static void
remove_public_directory (char *path)
{
  g_unsetenv ("TMPDIR");
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_assert_cmpint (chmod (test_get_directory (), 0700), ==, 0);
  g_free (path);
}

static void
test_squatter (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  char *directory;
  gint64 begin;

  g_test_summary ("A stranger is first in the temporary directory: we are refused soon, and leave it alone");

  if (!test_can_be_others ())
    return;

  directory = make_public_directory ();
  path = g_build_filename (directory, "market", NULL);
  run_as (TEST_STRANGER, squats[number].func, path);
  before = describe (path);

  /* As TEST_SOMEBODY: root might remove what is a stranger's. */
  g_assert_cmpint (chown (test_get_directory (), TEST_SOMEBODY, TEST_SOMEBODY), ==, 0);
  g_assert_cmpint (seteuid (TEST_SOMEBODY), ==, 0);
  begin = g_get_monotonic_time ();
  l_server_set_options (server, L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_false (l_server_listen (server, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);

  l_socket_set_options (client, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_set_connect_timeout (client, 200);
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_socket_get_state (client) == L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (client), ==, squats[number].connect_error);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);

  /* And the name in our own place is ours as ever. */
  l_server_set_options (server, L_SERVER_OPTIONS_NONE);
  g_assert_true (l_server_listen (server, "market", NULL));
  l_server_close (server);
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (chown (test_get_directory (), 0, 0), ==, 0);

  after = describe (path);
  g_assert_cmpstr (after, ==, before);
  end_silent_socket (path);
  g_assert_cmpint (g_remove (path), ==, 0);
  remove_public_directory (directory);
}

/* Locks: on everything that a stranger can open. */

static void
lock_and_stay (const char *directory)
{
  int fd = open (directory, O_RDONLY);

  if (fd < 0 || flock (fd, LOCK_EX) < 0)
    test_exit_child (1);
  alarm (60);
  while (TRUE)
    pause ();
}

static void
test_locks (void)
{
  g_autoptr(LServer) server = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  char *directory;
  gint64 begin;
  pid_t child;

  g_test_summary ("A lock on the directory that all may write, as long as somebody likes, holds nobody up");

  if (!test_can_be_others ())
    return;

  directory = make_public_directory ();
  path = g_build_filename (directory, "market", NULL);
  child = fork ();
  if (child == 0)
    {
      test_become (TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
      lock_and_stay (directory);
    }
  /* Until it has it. */
  for (gboolean is_locked = FALSE; !is_locked;)
    {
      int fd = open (directory, O_RDONLY | O_CLOEXEC);

      is_locked = flock (fd, LOCK_EX | LOCK_NB) < 0;
      close (fd);
    }

  server = l_server_new ();
  begin = g_get_monotonic_time ();
  l_server_listen (server, path, &error);
  g_assert_no_error (error);
  l_server_close (server);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  remove_public_directory (directory);
}

/* Two users */

typedef struct
{
  const char *abstract_name;
  const char *path;
  const char *public_path;
} Names;

/* A stranger who tries all that there is to try, without end. Its exit code tells if something ever worked. */
static void
attack (const Names *names)
{
  const char *all[] = { names->abstract_name, names->path, names->public_path };

  test_become (TEST_STRANGER, TEST_STRANGER, TEST_STRANGER);
  signal (SIGPIPE, SIG_IGN);
  while (TRUE)
    for (guint i = 0; i < G_N_ELEMENTS (all); i++)
      {
        struct sockaddr_un address;
        socklen_t length = set_path (&address, all[i]);
        int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        char byte;

        if (connect (fd, (struct sockaddr *) &address, length) == 0)
          {
            struct timeval limit = { 0, 1000 };

            fcntl (fd, F_SETFL, 0);
            setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            if (send (fd, "steal", 5, 0) == 5 && recv (fd, &byte, 1, 0) > 0)
              test_exit_child (1);
          }
        close (fd);

        fd = socket (AF_UNIX, SOCK_STREAM, 0);
        if (bind (fd, (struct sockaddr *) &address, length) == 0)
          test_exit_child (2);
        close (fd);

        if (all[i][0] == '/' &&
            (unlink (all[i]) == 0 || rename (all[i], "/tmp/stolen") == 0 || chmod (all[i], 0777) == 0))
          test_exit_child (3);
      }
}

static void
echo (LSocket *socket)
{
  g_autofree char *text = test_read (socket);

  test_write (socket, text);
}

static void
on_new_connection (LServer *server)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (echo), NULL);
}

static glong
get_memory (void)
{
  g_autofree char *text = NULL;
  glong resident = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*s %ld", &resident), ==, 1);
  return resident * getpagesize ();
}

static void
talk (const char    *name,
      LSocketOptions options,
      LPeerPolicy    policy)
{
  g_autoptr(LSocket) client = l_socket_new ();

  l_socket_set_options (client, options);
  l_socket_set_peer_policy (client, policy);
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_socket_get_state (client) != L_SOCKET_STATE_CONNECTING);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  test_write (client, "hello");
  test_assert_text (client, "hello");
  l_socket_abort (client);
}

static LServer *
serve (const char    *name,
       LServerOptions options)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  return server;
}

static void
test_two_users (void)
{
  g_autofree char *abstract_name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autofree char *path = test_build_path ("market");
  g_autofree char *public_path = NULL;
  Names names = { .abstract_name = abstract_name, .path = path };
  LServer *servers[3];
  char *directory;
  guint n_descriptors;
  glong memory;
  int status;
  pid_t child;

  g_test_summary ("A stranger who connects, binds, removes and renames without end gets nothing, and we serve our own");

  if (!test_can_be_others ())
    return;

  directory = make_public_directory ();
  public_path = g_build_filename (directory, "market", NULL);
  names.public_path = public_path;
  g_assert_cmpint (chown (test_get_directory (), TEST_SOMEBODY, TEST_SOMEBODY), ==, 0);
  g_assert_cmpint (seteuid (TEST_SOMEBODY), ==, 0);
  servers[0] = serve (abstract_name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE);
  servers[1] = serve ("market", L_SERVER_OPTIONS_NONE);
  servers[2] = serve ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY);

  child = fork ();
  if (child == 0)
    attack (&names);

  for (guint i = 0; i < 20; i++)
    talk ("market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_AUTO);
  n_descriptors = test_count_descriptors ();
  memory = get_memory ();
  for (guint i = 0; i < (test_is_on_valgrind () ? 5 : 300); i++)
    {
      talk (abstract_name, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, L_PEER_POLICY_AUTO);
      talk ("market", L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_AUTO);
      talk ("market", L_SOCKET_OPTIONS_TEMP_DIRECTORY, L_PEER_POLICY_AUTO);
      talk (public_path, L_SOCKET_OPTIONS_NONE, L_PEER_POLICY_SAME_USER);
    }
  /* Freed memory that a sanitizer keeps back says nothing. */
  if (!TEST_UNDER_ASAN && !test_is_on_valgrind ())
    g_assert_cmpint (get_memory () - memory, <, 4 * 1024 * 1024);
  g_assert_cmpint (waitpid (child, &status, WNOHANG), ==, 0);

  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  g_assert_cmpint (seteuid (TEST_SOMEBODY), ==, 0);
  test_turn_all ();
  g_assert_cmpuint (test_count_descriptors (), <=, n_descriptors);
  for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
    g_assert_finalize_object (servers[i]);
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (chown (test_get_directory (), 0, 0), ==, 0);
  remove_public_directory (directory);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  for (guint i = 0; i < G_N_ELEMENTS (mode_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/hostile/never-looser/", mode_cases[i].name, NULL);

      test_add_data (path, &mode_cases[i], test_never_looser);
    }
  test_add ("/hostile/swapped-parent", test_swapped_parent);
  for (guint i = 0; i < G_N_ELEMENTS (squats); i++)
    {
      g_autofree char *path = g_strconcat ("/hostile/squatter/", squats[i].name, NULL);

      test_add_data (path, GUINT_TO_POINTER (i), test_squatter);
    }
  test_add ("/hostile/locks", test_locks);
  test_add ("/hostile/two-users", test_two_users);

  return test_run ();
}
