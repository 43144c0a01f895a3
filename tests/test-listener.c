/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What listening, closing and removing do to the file system and to others: modes, dead and live sockets, whatever else
 * has the name, the lock, the runtime directory, the limits of names, and meeting programs that know nothing of LSocket. */

#include "test-other-user.h"
#include "test-util.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Helpers */

static socklen_t
set_path (struct sockaddr_un *native,
          const char         *path)
{
  gsize length = strlen (path);

  memset (native, 0, sizeof *native);
  native->sun_family = AF_UNIX;
  g_assert_cmpuint (length, <, sizeof native->sun_path);
  memcpy (native->sun_path, path, length);
  return sizeof *native;
}

static int
raw_bind (const char *path,
          int         type)
{
  struct sockaddr_un native;
  socklen_t length = set_path (&native, path);
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &native, length), ==, 0);
  return fd;
}

static int
raw_listen (const char *path)
{
  int fd = raw_bind (path, SOCK_STREAM);

  g_assert_cmpint (listen (fd, 8), ==, 0);
  return fd;
}

static void
make_dead_socket (const char *path)
{
  close (raw_listen (path));
}

static int
raw_connect (const char *path)
{
  struct sockaddr_un native;
  socklen_t length = set_path (&native, path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  if (connect (fd, (struct sockaddr *) &native, length) == 0)
    return fd;

  close (fd);
  return -1;
}

static char *
make_directory (const char *name,
                mode_t      mode)
{
  char *path = test_build_path (name);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_cmpint (chmod (path, mode), ==, 0);
  return path;
}

static void
remove_directory (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      g_assert_cmpint (g_remove (child), ==, 0);
    }

  g_assert_cmpint (g_rmdir (path), ==, 0);
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

/* The names in a directory, sorted, separated by spaces. */
static char *
list_directory (const char *path)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

static void
assert_directory (const char *path,
                  const char *expected)
{
  g_autofree char *names = list_directory (path);

  g_assert_cmpstr (names, ==, expected);
}

static mode_t
get_mode (const char *path)
{
  struct stat status;

  g_assert_cmpint (lstat (path, &status), ==, 0);
  return status.st_mode & 07777;
}

static void
assert_absent (const char *path)
{
  struct stat status;

  g_assert_cmpint (lstat (path, &status), ==, -1);
  g_assert_cmpint (errno, ==, ENOENT);
}

/* All that can be seen of what has a name. */
static char *
describe (const char *path)
{
  g_autofree char *content = NULL;
  struct stat status;

  g_assert_cmpint (lstat (path, &status), ==, 0);
  if (S_ISREG (status.st_mode))
    g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  else if (S_ISLNK (status.st_mode))
    content = g_file_read_link (path, NULL);
  else if (S_ISDIR (status.st_mode))
    content = list_directory (path);

  return g_strdup_printf ("%lu %lu %o %u %u %ld %ld.%09ld %s",
                          (gulong) status.st_dev, (gulong) status.st_ino, (guint) status.st_mode,
                          (guint) status.st_uid, (guint) status.st_gid, (glong) status.st_nlink,
                          (glong) status.st_ctim.tv_sec, (glong) status.st_ctim.tv_nsec, content);
}

static void
assert_unchanged (const char *path,
                  const char *before)
{
  g_autofree char *after = describe (path);

  g_assert_cmpstr (after, ==, before);
}

static LServer *
new_server (const char     *name,
            LServerOptions  options)
{
  LServer *server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  g_assert_true (l_server_is_listening (server));
  return server;
}

static void
assert_listen_fails (const char     *name,
                     LServerOptions  options,
                     LSocketError    code)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  g_assert_false (l_server_listen (server, name, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
  g_assert_false (l_server_is_listening (server));
  g_assert_cmpint (l_server_get_error (server), ==, code);
}

static void
assert_remove_fails (const char     *name,
                     LServerOptions  options,
                     LSocketError    code)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_remove (name, options, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
}

/* That a server can be reached, with bytes in both directions. */
static void
assert_serves (LServer *server)
{
  g_autoptr(LSocket) peer = NULL;
  g_autofree char *text = NULL;
  char answer[4] = { 0 };
  int fd = raw_connect (l_server_get_full_server_name (server));

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, "ping", 4), ==, 4);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == 4);
  text = test_read (peer);
  g_assert_cmpstr (text, ==, "ping");
  test_write (peer, "pong");
  l_socket_flush (peer);
  g_assert_cmpint (read (fd, answer, 4), ==, 4);
  g_assert_cmpint (memcmp (answer, "pong", 4), ==, 0);
  close (fd);
}

static void
assert_connect_fails (const char     *name,
                      LSocketOptions  options,
                      LSocketError    code)
{
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_set_options (client, options);
  g_assert_false (l_socket_connect_to_server_sync (client, name, L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) code);
}

/* Many checks do not hold for root: as root the test goes on with the rights of an ordinary user. */
static void
be_ordinary_user (void)
{
  if (geteuid () != 0)
    return;

  g_assert_cmpint (chown (test_get_directory (), TEST_SOMEBODY, TEST_SOMEBODY), ==, 0);
  g_assert_cmpint (setegid (TEST_SOMEBODY), ==, 0);
  g_assert_cmpint (seteuid (TEST_SOMEBODY), ==, 0);
}

static void
be_oneself (void)
{
  if (getuid () != 0)
    return;

  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (setegid (0), ==, 0);
  g_assert_cmpint (chown (test_get_directory (), 0, 0), ==, 0);
}

/* Modes */

static const struct
{
  const char     *name;
  LServerOptions  options;
  mode_t          mode;
} accesses[] = {
  { "none", L_SERVER_OPTIONS_NONE, 0600 },
  { "user", L_SERVER_OPTIONS_USER_ACCESS, 0700 },
  { "group", L_SERVER_OPTIONS_GROUP_ACCESS, 0070 },
  { "other", L_SERVER_OPTIONS_OTHER_ACCESS, 0007 },
  { "user-group", L_SERVER_OPTIONS_USER_ACCESS | L_SERVER_OPTIONS_GROUP_ACCESS, 0770 },
  { "user-other", L_SERVER_OPTIONS_USER_ACCESS | L_SERVER_OPTIONS_OTHER_ACCESS, 0707 },
  { "group-other", L_SERVER_OPTIONS_GROUP_ACCESS | L_SERVER_OPTIONS_OTHER_ACCESS, 0077 },
  { "world", L_SERVER_OPTIONS_WORLD_ACCESS, 0777 },
};

static const mode_t umasks[] = { 0000, 0022, 0027, 0077, 0177, 0777 };

static void
test_mode (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  mode_t mask = umasks[number / G_N_ELEMENTS (accesses)];
  guint access = number % G_N_ELEMENTS (accesses);
  mode_t old_mask = umask (mask);
  g_autoptr(LServer) server = new_server ("market", accesses[access].options);
  g_autofree char *path = g_strdup (l_server_get_full_server_name (server));

  g_assert_cmpint (get_mode (path), ==, accesses[access].mode);
  assert_directory (test_get_directory (), "market");
  l_server_close (server);
  assert_directory (test_get_directory (), "");
  g_assert_cmpint (umask (old_mask), ==, mask);
}

static void
test_mode_abstract (void)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autoptr(LServer) server = new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE | L_SERVER_OPTIONS_WORLD_ACCESS);

  assert_directory (test_get_directory (), "");
  l_server_close (server);
}

/* Another user, by the mode alone. */
static void
test_mode_lets_in (void)
{
  static const struct { LServerOptions options; gboolean is_let_in; } cases[] = {
    { L_SERVER_OPTIONS_NONE, FALSE },
    { L_SERVER_OPTIONS_USER_ACCESS, FALSE },
    { L_SERVER_OPTIONS_GROUP_ACCESS, FALSE },
    { L_SERVER_OPTIONS_OTHER_ACCESS, TRUE },
    { L_SERVER_OPTIONS_WORLD_ACCESS, TRUE },
  };
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;

  if (!test_can_be_others ())
    return;

  directory = make_directory ("public", 0755);
  path = g_build_filename (directory, "market", NULL);
  g_assert_cmpint (chmod (test_get_directory (), 0711), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      mode_t old_mask = umask (0077);
      g_autoptr(LServer) server = new_server (path, cases[i].options);
      int status;
      pid_t child;

      umask (old_mask);
      child = fork ();
      if (child == 0)
        {
          test_become (TEST_NOBODY, TEST_NOBODY, TEST_NOBODY);
          _exit (raw_connect (path) >= 0 ? 1 : 0);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_true (WIFEXITED (status));
      g_assert_cmpint (WEXITSTATUS (status), ==, cases[i].is_let_in);
      l_server_close (server);
    }
  g_assert_cmpint (chmod (test_get_directory (), 0700), ==, 0);
  remove_directory (directory);
}

/* Dead sockets */

static void
test_replaces_dead (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;

  make_dead_socket (path);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpint (get_mode (path), ==, 0600);
  assert_serves (server);
}

static void
test_replaces_dead_datagram (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;

  close (raw_bind (path, SOCK_DGRAM));
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  assert_serves (server);
}

static void
test_replaces_dead_never_listened (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;

  close (raw_bind (path, SOCK_STREAM));
  server = new_server (path, L_SERVER_OPTIONS_NONE);
  assert_serves (server);
}

static void
test_replaces_dead_unreadable (void)
{
  g_autofree char *path = NULL;
  g_autoptr(LServer) server = NULL;

  be_ordinary_user ();
  /* Our own, with a mode that shuts us out. */
  path = test_build_path ("market");
  make_dead_socket (path);
  g_assert_cmpint (chmod (path, 0), ==, 0);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpint (get_mode (path), ==, 0600);
  assert_serves (server);
  l_server_close (server);
  be_oneself ();
}

static void
test_leaves_live_unreadable (void)
{
  g_autofree char *path = NULL;
  int fd;

  be_ordinary_user ();
  path = test_build_path ("market");
  fd = raw_listen (path);
  g_assert_cmpint (chmod (path, 0050), ==, 0);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_cmpint (get_mode (path), ==, 0050);
  g_assert_cmpint (chmod (path, 0600), ==, 0);
  close (raw_connect (path));
  close (fd);
  g_unlink (path);
  be_oneself ();
}

static void
test_replaces_killed (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;
  int pipe_fds[2];
  int status;
  char byte;
  pid_t child;

  g_assert_cmpint (pipe (pipe_fds), ==, 0);
  child = fork ();
  if (child == 0)
    {
      g_autoptr(GMainContext) context = g_main_context_new ();

      g_main_context_push_thread_default (context);
      new_server ("market", L_SERVER_OPTIONS_NONE);
      while (write (pipe_fds[1], "x", 1) != 1)
        ;
      while (TRUE)
        pause ();
    }
  g_assert_cmpint (read (pipe_fds[0], &byte, 1), ==, 1);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  assert_serves (server);
  close (pipe_fds[0]);
  close (pipe_fds[1]);
}

/* What must not be touched */

typedef enum
{
  LIVE_STREAM,
  BOUND_STREAM,
  LIVE_DATAGRAM,
  LIVE_SEQPACKET,
  REGULAR_FILE,
  EMPTY_FILE,
  DIRECTORY,
  FIFO,
  LINK_DANGLING,
  LINK_TO_FILE,
  LINK_TO_DEAD_SOCKET,
  LINK_TO_LIVE_SOCKET,
  LINK_TO_ITSELF,
} Obstacle;

static const struct
{
  const char *name;
  Obstacle    obstacle;
} obstacles[] = {
  { "live-stream", LIVE_STREAM },
  { "bound-stream", BOUND_STREAM },
  { "live-datagram", LIVE_DATAGRAM },
  { "live-seqpacket", LIVE_SEQPACKET },
  { "file", REGULAR_FILE },
  { "empty-file", EMPTY_FILE },
  { "directory", DIRECTORY },
  { "fifo", FIFO },
  { "link-dangling", LINK_DANGLING },
  { "link-to-file", LINK_TO_FILE },
  { "link-to-dead-socket", LINK_TO_DEAD_SOCKET },
  { "link-to-live-socket", LINK_TO_LIVE_SOCKET },
  { "link-to-itself", LINK_TO_ITSELF },
};

static int
make_obstacle (Obstacle    obstacle,
               const char *path,
               const char *target)
{
  int fd;

  switch (obstacle)
    {
    case LIVE_STREAM:
      return raw_listen (path);
    case BOUND_STREAM:
      return raw_bind (path, SOCK_STREAM);
    case LIVE_DATAGRAM:
      return raw_bind (path, SOCK_DGRAM);
    case LIVE_SEQPACKET:
      fd = raw_bind (path, SOCK_SEQPACKET);
      g_assert_cmpint (listen (fd, 1), ==, 0);
      return fd;
    case REGULAR_FILE:
      g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
      return -1;
    case EMPTY_FILE:
      g_assert_true (g_file_set_contents (path, "", -1, NULL));
      return -1;
    case DIRECTORY:
      g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      return -1;
    case FIFO:
      g_assert_cmpint (mkfifo (path, 0600), ==, 0);
      return -1;
    case LINK_TO_FILE:
      g_assert_true (g_file_set_contents (target, "precious", -1, NULL));
      break;
    case LINK_TO_DEAD_SOCKET:
      make_dead_socket (target);
      break;
    case LINK_TO_LIVE_SOCKET:
      g_assert_cmpint (symlink (target, path), ==, 0);
      return raw_listen (target);
    case LINK_TO_ITSELF:
      g_assert_cmpint (symlink (path, path), ==, 0);
      return -1;
    case LINK_DANGLING:
    default:
      break;
    }

  g_assert_cmpint (symlink (target, path), ==, 0);
  return -1;
}

static void
test_leaves (gconstpointer data)
{
  Obstacle obstacle = GPOINTER_TO_UINT (data);
  g_autofree char *path = test_build_path ("market");
  g_autofree char *target = test_build_path ("target");
  g_autofree char *before = NULL;
  g_autofree char *target_before = NULL;
  g_autofree char *names = NULL;
  int fd = make_obstacle (obstacle, path, target);
  struct stat status;

  before = describe (path);
  if (lstat (target, &status) == 0)
    target_before = describe (target);
  names = list_directory (test_get_directory ());

  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_listen_fails (path, L_SERVER_OPTIONS_WORLD_ACCESS, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_remove_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_remove_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);

  assert_unchanged (path, before);
  if (target_before != NULL)
    assert_unchanged (target, target_before);
  assert_directory (test_get_directory (), names);

  /* Nor was its server woken. */
  if (obstacle == LIVE_STREAM || obstacle == LIVE_SEQPACKET)
    {
      g_assert_cmpint (fcntl (fd, F_SETFL, O_NONBLOCK), ==, 0);
      g_assert_cmpint (accept (fd, NULL, NULL), ==, -1);
      g_assert_cmpint (errno, ==, EAGAIN);
    }

  if (fd >= 0)
    close (fd);
  if (obstacle == LIVE_STREAM || obstacle == BOUND_STREAM)
    {
      /* Alive only for as long as somebody had it. */
      g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);

      assert_serves (server);
    }
  g_remove (path);
  g_remove (target);
}

static void
test_leaves_foreign (void)
{
  static const mode_t modes[] = { 0600, 0666, 0777 };
  g_autofree char *directory = NULL;

  if (!test_can_be_others ())
    return;

  /* Dead sockets of another user in a directory that all may write, as /tmp is. */
  directory = make_directory ("public", 01777);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/market-%u", directory, i);

      make_dead_socket (path);
      g_assert_cmpint (chown (path, TEST_NOBODY, TEST_NOBODY), ==, 0);
      g_assert_cmpint (chmod (path, modes[i]), ==, 0);
    }

  be_ordinary_user ();
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/market-%u", directory, i);
      g_autofree char *before = describe (path);

      assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
      assert_remove_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
      assert_unchanged (path, before);
    }
  be_oneself ();
  remove_directory (directory);
}

static void
test_replaces_foreign_in_own_directory (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;

  if (!test_can_be_others ())
    return;

  make_dead_socket (path);
  g_assert_cmpint (chown (path, TEST_NOBODY, TEST_NOBODY), ==, 0);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  assert_serves (server);
}

/* Closing */

static void
test_close_removes_own (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);

  l_server_close (server);
  assert_absent (path);
  assert_directory (test_get_directory (), "");
}

static void
test_close_leaves_successor (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *before = NULL;
  int fd;

  g_assert_cmpint (g_unlink (path), ==, 0);
  fd = raw_listen (path);
  before = describe (path);
  l_server_close (server);
  assert_unchanged (path, before);
  close (fd);
  g_unlink (path);
}

static void
test_close_leaves_file (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_autofree char *before = NULL;

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  before = describe (path);
  l_server_close (server);
  assert_unchanged (path, before);
  g_unlink (path);
}

static void
test_close_renamed (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *other = test_build_path ("other");
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);

  /* Somebody keeps it under another name: that is theirs to remove. */
  g_assert_cmpint (g_rename (path, other), ==, 0);
  l_server_close (server);
  assert_directory (test_get_directory (), "other");
  g_unlink (other);
}

static void
test_close_directory_gone (void)
{
  g_autofree char *directory = make_directory ("deep", 0700);
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autoptr(LServer) server = new_server (path, L_SERVER_OPTIONS_NONE);
  g_autoptr(GError) error = NULL;

  remove_directory (directory);
  l_server_close (server);
  g_assert_false (l_server_is_listening (server));
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
}

static void
test_close_after_move (void)
{
  g_autofree char *path = test_build_path ("market");
  LServer *first = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_autoptr(LServer) second = NULL;

  /* The second stands on the name of the first when that is dropped. */
  g_assert_cmpint (g_unlink (path), ==, 0);
  second = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_assert_finalize_object (first);
  assert_serves (second);
  l_server_close (second);
  assert_directory (test_get_directory (), "");
}

static void
test_close_forked (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  g_autofree char *before = describe (path);

  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  peer = l_server_next_pending_connection (server);

  for (guint i = 0; i < 3; i++)
    {
      pid_t child = fork ();
      int status;

      if (child == 0)
        {
          /* By closing, by dropping, by just going. */
          if (i == 0)
            l_server_close (server);
          if (i == 1)
            {
              g_object_unref (client);
              g_object_unref (server);
            }
          _exit (0);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_cmpint (status, ==, 0);
      assert_unchanged (path, before);
      /* The parent's loop goes on serving. */
      assert_serves (server);
      test_write (client, "hello");
      TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == (i + 1) * 5);
    }

  l_server_close (server);
  assert_absent (path);
}

/* The lock */

/* A race of threads for one name: all begin at once, and nobody closes before all have answered. */

typedef struct
{
  GMutex mutex;
  GCond  cond;
  guint  n_inside;
  guint  n_passes;
  guint  n_all;
} Barrier;

static void
barrier_pass (Barrier *barrier)
{
  guint pass;

  g_mutex_lock (&barrier->mutex);
  pass = barrier->n_passes;
  if (++barrier->n_inside == barrier->n_all)
    {
      barrier->n_inside = 0;
      barrier->n_passes++;
      g_cond_broadcast (&barrier->cond);
    }
  while (barrier->n_passes == pass)
    g_cond_wait (&barrier->cond, &barrier->mutex);
  g_mutex_unlock (&barrier->mutex);
}

typedef struct
{
  Barrier  barrier;
  guint    n_rounds;
  char    *path;
  int      n_winners;   /* atomic */
  int      n_strange;   /* atomic: other errors than ADDRESS_IN_USE */
} Race;

static gpointer
run_race (gpointer data)
{
  Race *race = data;
  g_autoptr(GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint round = 0; round < race->n_rounds; round++)
    {
      g_autoptr(LServer) server = l_server_new ();
      g_autoptr(GError) error = NULL;

      barrier_pass (&race->barrier);
      if (l_server_listen (server, race->path, &error))
        g_atomic_int_inc (&race->n_winners);
      else if (!g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE))
        g_atomic_int_inc (&race->n_strange);
      barrier_pass (&race->barrier);
      /* A winner leaves a dead socket for the next round. */
      l_server_set_unlink_on_close (server, round % 4 == 3);
      l_server_close (server);
    }
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_race (guint n_racers,
           guint n_rounds)
{
  Race race = { .n_rounds = n_rounds, .barrier.n_all = n_racers + 1 };
  GThread *threads[8];

  race.path = test_build_path ("market");
  g_mutex_init (&race.barrier.mutex);
  g_cond_init (&race.barrier.cond);
  make_dead_socket (race.path);
  for (guint i = 0; i < n_racers; i++)
    threads[i] = g_thread_new ("racer", run_race, &race);
  for (guint round = 0; round < n_rounds; round++)
    {
      barrier_pass (&race.barrier);
      barrier_pass (&race.barrier);
      g_assert_cmpint (g_atomic_int_get (&race.n_winners), ==, round + 1);
      g_assert_cmpint (g_atomic_int_get (&race.n_strange), ==, 0);
    }
  for (guint i = 0; i < n_racers; i++)
    g_thread_join (threads[i]);

  g_unlink (race.path);
  assert_directory (test_get_directory (), "");
  g_mutex_clear (&race.barrier.mutex);
  g_cond_clear (&race.barrier.cond);
  g_free (race.path);
}

static void
test_race_two (void)
{
  test_race (2, 300);
}

static void
test_race_eight (void)
{
  test_race (8, 5000);
}

#define N_PROCESSES 4

/* One byte to each begins a round; each answers with one: w for won, l for lost, e for anything else. */
static void
race_in_process (int         go,
                 int         answer,
                 const char *path)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  char byte;

  g_main_context_push_thread_default (context);
  while (read (go, &byte, 1) == 1)
    {
      g_autoptr(LServer) server = l_server_new ();
      g_autoptr(GError) error = NULL;

      if (l_server_listen (server, path, &error))
        byte = 'w';
      else
        byte = g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE) ? 'l' : 'e';
      if (write (answer, &byte, 1) != 1 || read (go, &byte, 1) != 1)
        break;
      l_server_set_unlink_on_close (server, FALSE);
      l_server_close (server);
      if (write (answer, "c", 1) != 1)
        break;
    }
  _exit (0);
}

static void
test_race_processes (void)
{
  g_autofree char *path = test_build_path ("market");
  int go[N_PROCESSES][2], answer[2];
  pid_t children[N_PROCESSES];

  make_dead_socket (path);
  g_assert_cmpint (pipe (answer), ==, 0);
  for (guint i = 0; i < N_PROCESSES; i++)
    {
      g_assert_cmpint (pipe (go[i]), ==, 0);
      children[i] = fork ();
      if (children[i] == 0)
        {
          for (guint j = 0; j <= i; j++)
            close (go[j][1]);
          race_in_process (go[i][0], answer[1], path);
        }
    }

  for (guint round = 0; round < 100; round++)
    {
      guint n_winners = 0, n_losers = 0;
      char byte;

      for (guint i = 0; i < N_PROCESSES; i++)
        g_assert_cmpint (write (go[i][1], "g", 1), ==, 1);
      for (guint i = 0; i < N_PROCESSES; i++)
        {
          g_assert_cmpint (read (answer[0], &byte, 1), ==, 1);
          n_winners += byte == 'w';
          n_losers += byte == 'l';
        }
      g_assert_cmpuint (n_winners, ==, 1);
      g_assert_cmpuint (n_losers, ==, N_PROCESSES - 1);
      for (guint i = 0; i < N_PROCESSES; i++)
        g_assert_cmpint (write (go[i][1], "c", 1), ==, 1);
      for (guint i = 0; i < N_PROCESSES; i++)
        g_assert_cmpint (read (answer[0], &byte, 1), ==, 1);
    }

  for (guint i = 0; i < N_PROCESSES; i++)
    {
      int status;

      close (go[i][0]);
      close (go[i][1]);
      g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
      g_assert_cmpint (status, ==, 0);
    }
  close (answer[0]);
  close (answer[1]);
  g_unlink (path);
  assert_directory (test_get_directory (), "");
}

/* What else is made in the runtime directory while a server sets up a name elsewhere: the lock. */
static char *
watch_lock (const char *path)
{
  union { struct inotify_event event; char bytes[4096]; } buffer;
  g_autoptr(LServer) server = NULL;
  char *lock = NULL;
  int fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  gssize length;

  g_assert_cmpint (inotify_add_watch (fd, test_get_directory (), IN_CREATE), >=, 0);
  server = new_server (path, L_SERVER_OPTIONS_NONE);
  l_server_close (server);
  length = read (fd, &buffer, sizeof buffer);
  g_assert_cmpint (length, >, 0);
  for (gssize offset = 0; offset < length;)
    {
      const struct inotify_event *event = (gpointer) (buffer.bytes + offset);
      g_autofree char *child = test_build_path (event->name);

      if (strcmp (child, path) != 0)
        {
          g_free (lock);
          lock = g_steal_pointer (&child);
        }
      offset += sizeof *event + event->len;
    }
  close (fd);
  g_assert_nonnull (lock);
  return lock;
}

static void
test_lock_held (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *lock = watch_lock (path);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  int fd = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gint64 begin = g_get_monotonic_time ();

  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  g_assert_false (l_server_listen (server, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 900 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);
  g_assert_true (g_file_test (lock, G_FILE_TEST_EXISTS));
  assert_absent (path);

  make_dead_socket (path);
  g_clear_error (&error);
  g_assert_false (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);

  /* It holds nobody longer than whoever has it. */
  close (fd);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  assert_absent (lock);
}

typedef struct
{
  int lock;
  int watch;
} Release;

static gpointer
release_when_asked (gpointer data)
{
  const Release *release = data;
  char event[sizeof (struct inotify_event) + 256];

  g_assert_cmpint (read (release->watch, event, sizeof event), >, 0);
  close (release->lock);
  return NULL;
}

static void
test_lock_released (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *lock = watch_lock (path);
  g_autoptr(LServer) server = NULL;
  Release release;
  GThread *thread;

  /* Held until the first try. */
  release.lock = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  release.watch = inotify_init1 (IN_CLOEXEC);
  g_assert_cmpint (flock (release.lock, LOCK_EX | LOCK_NB), ==, 0);
  g_assert_cmpint (inotify_add_watch (release.watch, lock, IN_CLOSE), >=, 0);
  thread = g_thread_new ("release", release_when_asked, &release);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_thread_join (thread);
  close (release.watch);
  assert_directory (test_get_directory (), "market");
}

static void
test_lock_left (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *lock = watch_lock (path);
  g_autoptr(LServer) server = NULL;

  /* A file that a killed program left holds nobody up. */
  g_assert_true (g_file_set_contents (lock, "", -1, NULL));
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  assert_directory (test_get_directory (), "market");
}

static void
test_lock_held_at_close (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *lock = watch_lock (path);
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);
  int fd = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gint64 begin = g_get_monotonic_time ();

  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  l_server_close (server);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);
  assert_absent (path);
  close (fd);
  g_unlink (lock);
}

static void
test_lock_symlink (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autofree char *target = test_build_path ("target");
  g_autofree char *lock = watch_lock (path);
  g_autofree char *before = NULL;

  g_assert_true (g_file_set_contents (target, "precious", -1, NULL));
  g_assert_cmpint (symlink (target, lock), ==, 0);
  before = describe (target);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_unchanged (target, before);
  g_unlink (lock);
  g_unlink (target);
}

static void
test_lock_none_left (void)
{
  g_autofree char *directory = make_directory ("elsewhere", 0700);
  g_autofree char *elsewhere = g_build_filename (directory, "market", NULL);
  g_autoptr(LServer) server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_autoptr(LServer) other = NULL;

  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_remove_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_directory (test_get_directory (), "elsewhere market");

  /* Locks are in the runtime directory alone, also for other paths. */
  other = new_server (elsewhere, L_SERVER_OPTIONS_NONE);
  assert_directory (directory, "market");
  assert_directory (test_get_directory (), "elsewhere market");
  l_server_close (other);
  l_server_close (server);
  remove_directory (directory);
}

static void
test_lock_by_link (void)
{
  g_autofree char *directory = make_directory ("real", 0700);
  g_autofree char *link = test_build_path ("link");
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autofree char *linked_path = g_build_filename (link, "market", NULL);
  g_autofree char *dotted_path = g_strconcat (directory, "/./market", NULL);
  g_autofree char *lock = NULL, *linked_lock = NULL, *dotted_lock = NULL;

  /* Several paths lead to one name, and one lock. */
  g_assert_cmpint (symlink (directory, link), ==, 0);
  lock = watch_lock (path);
  linked_lock = watch_lock (linked_path);
  dotted_lock = watch_lock (dotted_path);
  g_assert_cmpstr (linked_lock, ==, lock);
  g_assert_cmpstr (dotted_lock, ==, lock);
  g_unlink (link);
  remove_directory (directory);
}

/* The runtime directory */

static void
assert_runtime_directory_refused (const char *directory)
{
  g_autofree char *old = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));

  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_remove_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  g_setenv ("XDG_RUNTIME_DIR", old, TRUE);
}

static void
test_runtime_writable (gconstpointer data)
{
  g_autofree char *directory = make_directory ("runtime", GPOINTER_TO_UINT (data));

  assert_runtime_directory_refused (directory);
  assert_directory (directory, "");
  remove_directory (directory);
}

static void
test_runtime_not_ours (void)
{
  g_autofree char *directory = make_directory ("runtime", 0755);

  if (geteuid () == 0)
    {
      g_assert_cmpint (chown (directory, TEST_NOBODY, TEST_NOBODY), ==, 0);
      assert_runtime_directory_refused (directory);
    }
  else
    {
      assert_runtime_directory_refused ("/usr");
    }
  remove_directory (directory);
}

static void
test_runtime_missing (void)
{
  g_autofree char *directory = test_build_path ("missing");
  g_autofree char *old = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autoptr(GError) error = NULL;

  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  /* There is nothing. */
  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", old, TRUE);
  assert_absent (directory);
}

static void
test_runtime_symlink (void)
{
  g_autofree char *directory = make_directory ("real", 0700);
  g_autofree char *link = test_build_path ("link");

  g_assert_cmpint (symlink (directory, link), ==, 0);
  assert_runtime_directory_refused (link);
  g_unlink (link);
  remove_directory (directory);
}

static void
test_runtime_file (void)
{
  g_autofree char *file = test_build_path ("file");

  g_assert_true (g_file_set_contents (file, "precious", -1, NULL));
  assert_runtime_directory_refused (file);
  g_unlink (file);
}

static void
test_runtime_bad_but_path_given (void)
{
  g_autofree char *directory = make_directory ("runtime", 0777);
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;
  g_autofree char *old = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));

  /* Nothing of it is needed for a path of one's own, and no lock is put where others may write. */
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  server = new_server (path, L_SERVER_OPTIONS_NONE);
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_serves (server);
  l_server_close (server);
  assert_directory (directory, "");
  g_setenv ("XDG_RUNTIME_DIR", old, TRUE);
  remove_directory (directory);
}

static void
test_runtime_read_only (void)
{
  g_autofree char *old = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;
  g_autoptr(LServer) server = NULL;

  /* As the cache directory of a service may be, whose own directory is another. */
  be_ordinary_user ();
  directory = make_directory ("runtime", 0500);
  path = test_build_path ("market");
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  make_dead_socket (path);
  server = new_server (path, L_SERVER_OPTIONS_NONE);
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_serves (server);
  l_server_close (server);
  assert_absent (path);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_directory (directory, "");
  g_setenv ("XDG_RUNTIME_DIR", old, TRUE);
  remove_directory (directory);
  be_oneself ();
}

static void
test_runtime_readable_by_others (void)
{
  g_autofree char *directory = make_directory ("runtime", 0755);
  g_autofree char *old = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autoptr(LServer) server = NULL;

  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  assert_serves (server);
  l_server_close (server);
  g_setenv ("XDG_RUNTIME_DIR", old, TRUE);
  remove_directory (directory);
}

static void
test_flatpak (void)
{
  g_autofree char *app = make_directory ("app", 0700);
  g_autofree char *directory = g_build_filename (app, "org.example.Market", NULL);
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_setenv ("FLATPAK_ID", "org.example.Market", TRUE);
  assert_listen_fails ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_assert_true (l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  assert_directory (directory, "market");
  l_server_close (server);
  g_unsetenv ("FLATPAK_ID");
  remove_directory (directory);
  remove_directory (app);
}

static void
test_flatpak_empty (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = NULL;

  g_setenv ("FLATPAK_ID", "", TRUE);
  server = new_server ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  g_unsetenv ("FLATPAK_ID");
}

/* data: what XDG_RUNTIME_DIR is set to, or NULL. */
static void
test_no_runtime_directory (gconstpointer data)
{
  g_autofree char *cache = NULL;
  g_autofree char *run_user = g_strdup_printf ("/run/user/%u", (guint) geteuid ());
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d", getpid ());
  g_autofree char *path = NULL;
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = NULL;
  g_autoptr(GError) error = NULL;
  struct stat status;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }

  cache = test_build_path ("home/cache");
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  if (data != NULL)
    g_setenv ("XDG_RUNTIME_DIR", data, TRUE);
  else
    g_unsetenv ("XDG_RUNTIME_DIR");

  if (lstat (run_user, &status) == 0 && S_ISDIR (status.st_mode) && status.st_uid == geteuid ())
    path = g_build_filename (run_user, name, NULL);
  else
    path = g_build_filename (cache, name, NULL);

  /* A client makes nothing. */
  client = l_socket_new ();
  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_directory (test_get_directory (), "");

  server = new_server (name, L_SERVER_OPTIONS_NONE);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  if (g_str_has_prefix (path, cache))
    {
      g_assert_cmpint (get_mode (cache), ==, 0700);
      assert_directory (cache, name);
    }
  g_assert_true (l_socket_connect_to_server_sync (client, name, L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  l_server_close (server);
  assert_absent (path);
}

/* The temporary directory */

static void
test_temp (void)
{
  g_autofree char *directory = make_directory ("tmp", 01777);
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autofree char *old = g_strdup (g_getenv ("TMPDIR"));
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_setenv ("TMPDIR", directory, TRUE);
  server = new_server ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpstr (l_server_get_server_name (server), ==, "market");
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  assert_serves (server);

  /* The two places are two places. */
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  l_socket_set_options (client, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  g_assert_true (l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (l_socket_get_full_server_name (client), ==, path);

  assert_remove_fails ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY, L_SOCKET_ERROR_ADDRESS_IN_USE);
  l_server_close (server);
  assert_directory (directory, "");
  make_dead_socket (path);
  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY, &error));
  g_assert_no_error (error);
  assert_directory (directory, "");

  if (old != NULL)
    g_setenv ("TMPDIR", old, TRUE);
  else
    g_unsetenv ("TMPDIR");
  remove_directory (directory);
}

/* data: a TMPDIR that does not count. */
static void
test_temp_fallback (gconstpointer data)
{
  g_autofree char *old = g_strdup (g_getenv ("TMPDIR"));
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autofree char *path = g_build_filename ("/tmp", name, NULL);
  g_autoptr(LServer) server = NULL;

  if (data != NULL)
    g_setenv ("TMPDIR", data, TRUE);
  else
    g_unsetenv ("TMPDIR");
  server = new_server (name, L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  l_server_close (server);
  assert_absent (path);
  if (old != NULL)
    g_setenv ("TMPDIR", old, TRUE);
  else
    g_unsetenv ("TMPDIR");
}

/* Limits */

/* A path of exactly that many bytes. */
static char *
build_long_path (gsize length)
{
  g_autofree char *stem = g_strconcat (test_get_directory (), "/", NULL);
  g_autofree char *rest = NULL;

  g_assert_cmpuint (strlen (stem), <, length);
  rest = g_strnfill (length - strlen (stem), 'x');
  return g_strconcat (stem, rest, NULL);
}

static void
test_length_path (void)
{
  g_autofree char *longest = build_long_path (107);
  g_autofree char *too_long = build_long_path (108);
  g_autofree char *plain = g_path_get_basename (longest);
  g_autofree char *too_long_plain = g_path_get_basename (too_long);
  g_autoptr(LServer) server = new_server (longest, L_SERVER_OPTIONS_NONE);

  g_assert_cmpstr (l_server_get_full_server_name (server), ==, longest);
  assert_directory (test_get_directory (), plain);
  assert_serves (server);
  assert_listen_fails (too_long, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_listen_fails (too_long_plain, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_connect_fails (too_long, L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_remove_fails (too_long, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_directory (test_get_directory (), plain);
  l_server_close (server);
  assert_directory (test_get_directory (), "");

  server = (g_object_unref (server), new_server (plain, L_SERVER_OPTIONS_NONE));
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, longest);
}

static void
test_length_address (void)
{
  g_autofree char *longest = build_long_path (106);
  g_autofree char *cut = build_long_path (107);
  g_autofree char *too_long = build_long_path (150);
  g_autoptr(GSocketAddress) longest_address = g_unix_socket_address_new (longest);
  g_autoptr(GSocketAddress) cut_address = g_unix_socket_address_new (cut);
  g_autoptr(GSocketAddress) too_long_address = g_unix_socket_address_new (too_long);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen_address (server, cut_address, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (l_server_listen_address (server, too_long_address, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_clear_error (&error);
  assert_directory (test_get_directory (), "");

  g_assert_true (l_server_listen_address (server, longest_address, &error));
  g_assert_no_error (error);
  l_socket_connect_to_address (client, cut_address, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  l_socket_connect_to_address (client, longest_address, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
}

/* Abstract names */

static LServer *
new_abstract_server (const char *name)
{
  return new_server (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE);
}

static void
assert_bound_to (LServer    *server,
                 const char *bytes,
                 gsize       count)
{
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;

  g_assert_cmpint (getsockname (l_server_get_socket_descriptor (server), (struct sockaddr *) &native, &length), ==, 0);
  g_assert_cmpmem (native.sun_path, length - offsetof (struct sockaddr_un, sun_path), bytes, count);
}

static void
test_abstract_bytes (void)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autofree char *bytes = g_strconcat ("@", name, NULL);
  g_autoptr(LServer) server = new_abstract_server (name);

  bytes[0] = '\0';
  assert_bound_to (server, bytes, strlen (name) + 1);
  assert_directory (test_get_directory (), "");
  g_assert_cmpint (raw_connect (name), ==, -1);
}

static void
test_abstract_slash (void)
{
  g_autofree char *name = g_strdup_printf ("/tmp/lsocket test-%d-%08x", getpid (), g_random_int ());
  g_autofree char *bytes = g_strconcat ("@", name, NULL);
  g_autoptr(LServer) server = new_abstract_server (name);

  bytes[0] = '\0';
  assert_bound_to (server, bytes, strlen (name) + 1);
  assert_absent (name);
}

static void
test_abstract_in_use (void)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autofree char *longer = g_strconcat (name, "x", NULL);
  g_autoptr(LServer) server = new_abstract_server (name);
  g_autoptr(LServer) other = NULL;
  g_autoptr(GError) error = NULL;

  assert_listen_fails (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_remove_fails (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  other = new_abstract_server (longer);
  l_server_close (server);
  g_assert_true (l_server_remove (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, &error));
  g_assert_no_error (error);
  g_assert_true (l_server_listen (server, name, &error));
  g_assert_no_error (error);
}

static void
test_abstract_length (void)
{
  g_autofree char *longest = g_strnfill (107, 'a');
  g_autofree char *too_long = g_strnfill (108, 'a');
  g_autofree char *number = g_strdup_printf ("%d-%08x", getpid (), g_random_int ());
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) client = l_socket_new ();

  memcpy (longest, number, strlen (number));
  memcpy (too_long, number, strlen (number));
  server = new_abstract_server (longest);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, longest);
  l_socket_set_options (client, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
  l_socket_connect_to_server (client, longest, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  assert_listen_fails (too_long, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_connect_fails (too_long, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_listen_fails ("", L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

/* Connecting to what does not listen */

static void
test_connect_refused (void)
{
  g_autofree char *path = test_build_path ("market");
  int fd = raw_bind (path, SOCK_STREAM);

  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_CONNECTION_REFUSED);
  close (fd);
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_CONNECTION_REFUSED);
  g_unlink (path);
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  fd = raw_bind (path, SOCK_DGRAM);
  assert_connect_fails ("market", L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_UNSUPPORTED_OPERATION);
  close (fd);
  g_unlink (path);
}

/* Removing */

static void
test_remove_dead (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(GError) error = NULL;

  make_dead_socket (path);
  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  assert_directory (test_get_directory (), "");

  close (raw_bind (path, SOCK_DGRAM));
  g_assert_true (l_server_remove (path, L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  assert_directory (test_get_directory (), "");
}

static void
test_remove_nothing (void)
{
  g_autofree char *deep = test_build_path ("missing/market");
  g_autoptr(GError) error = NULL;

  g_assert_true (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  g_assert_true (l_server_remove (deep, L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  assert_directory (test_get_directory (), "");
}

static void
test_remove_trailing_slash (void)
{
  g_autofree char *directory = make_directory ("deep", 0700);
  g_autofree char *slashed = g_strconcat (directory, "/", NULL);
  g_autofree char *dotted = g_strconcat (directory, "/.", NULL);
  g_autofree char *inner = g_build_filename (directory, "deep", NULL);
  g_autofree char *before = NULL;
  g_autoptr(GError) error = NULL;

  /* A dead socket where a wrong split of the path would look for it. */
  make_dead_socket (inner);
  before = describe (directory);
  g_assert_false (l_server_remove (slashed, L_SERVER_OPTIONS_NONE, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_remove_fails (dotted, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_listen_fails (slashed, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_listen_fails (dotted, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ADDRESS_IN_USE);
  assert_unchanged (directory, before);
  remove_directory (directory);
}

/* Directories */

static void
test_read_only_directory (void)
{
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;
  g_autofree char *before = NULL;

  be_ordinary_user ();
  directory = make_directory ("deep", 0700);
  path = g_build_filename (directory, "market", NULL);
  make_dead_socket (path);
  g_assert_cmpint (chmod (directory, 0500), ==, 0);
  before = describe (path);
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_remove_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_unchanged (path, before);
  g_assert_cmpint (chmod (directory, 0700), ==, 0);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (chmod (directory, 0500), ==, 0);
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  g_assert_cmpint (chmod (directory, 0), ==, 0);
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_connect_fails (path, L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  assert_remove_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  g_assert_cmpint (chmod (directory, 0700), ==, 0);
  assert_directory (directory, "");
  assert_directory (test_get_directory (), "deep");
  remove_directory (directory);
  be_oneself ();
}

static void
test_directory_is_file (void)
{
  g_autofree char *file = test_build_path ("file");
  g_autofree char *path = g_build_filename (file, "market", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true (g_file_set_contents (file, "precious", -1, NULL));
  assert_listen_fails (path, L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_connect_fails (path, L_SOCKET_OPTIONS_NONE, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_true (l_server_remove (path, L_SERVER_OPTIONS_NONE, &error));
  g_assert_no_error (error);
  g_unlink (file);
}

static void
test_directory_symlink (void)
{
  g_autofree char *directory = make_directory ("real", 0700);
  g_autofree char *link = test_build_path ("link");
  g_autofree char *path = g_build_filename (link, "market", NULL);
  g_autoptr(LServer) server = NULL;

  /* A path is used as it is, with the links in it. */
  g_assert_cmpint (symlink (directory, link), ==, 0);
  server = new_server (path, L_SERVER_OPTIONS_NONE);
  assert_serves (server);
  assert_directory (directory, "market");
  l_server_close (server);
  assert_directory (directory, "");
  g_unlink (link);
  remove_directory (directory);
}

/* Programs that know nothing of LSocket */

static void
test_interop_raw_server (void)
{
  g_autofree char *directory = make_directory ("tmp", 01777);
  g_autofree char *path = g_build_filename (directory, "qt-market", NULL);
  g_autofree char *old = g_strdup (g_getenv ("TMPDIR"));
  g_autoptr(LSocket) client = l_socket_new ();
  g_autofree char *text = NULL;
  char buffer[16];
  int fd, accepted;

  /* As Qt's server does it: the whole structure as the length, a mode that follows from the umask, the temporary
   * directory. */
  g_setenv ("TMPDIR", directory, TRUE);
  fd = raw_listen (path);
  l_socket_set_options (client, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_connect_to_server (client, "qt-market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  accepted = accept (fd, NULL, NULL);
  g_assert_cmpint (accepted, >=, 0);
  test_write (client, "question");
  l_socket_flush (client);
  g_assert_cmpint (read (accepted, buffer, sizeof buffer), ==, 8);
  g_assert_cmpint (write (accepted, "answer", 6), ==, 6);
  close (accepted);
  TEST_TURN_UNTIL (l_socket_get_state (client) == L_SOCKET_STATE_UNCONNECTED);
  text = test_read (client);
  g_assert_cmpstr (text, ==, "answer");
  close (fd);
  if (old != NULL)
    g_setenv ("TMPDIR", old, TRUE);
  else
    g_unsetenv ("TMPDIR");
  remove_directory (directory);
}

static void
test_interop_raw_client (void)
{
  g_autofree char *directory = make_directory ("tmp", 01777);
  g_autofree char *path = g_build_filename (directory, "market", NULL);
  g_autofree char *old = g_strdup (g_getenv ("TMPDIR"));
  g_autoptr(LServer) server = NULL;
  struct sockaddr_un native;
  int fd;

  g_setenv ("TMPDIR", directory, TRUE);
  server = new_server ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY | L_SERVER_OPTIONS_WORLD_ACCESS);
  g_assert_cmpstr (l_server_get_full_server_name (server), ==, path);
  assert_serves (server);

  /* A client that counts only the bytes of the name. */
  set_path (&native, path);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &native, offsetof (struct sockaddr_un, sun_path) + strlen (path)),
                   ==, 0);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close (fd);
  l_server_close (server);
  if (old != NULL)
    g_setenv ("TMPDIR", old, TRUE);
  else
    g_unsetenv ("TMPDIR");
  remove_directory (directory);
}

static void
test_interop_abstract (void)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d-%08x", getpid (), g_random_int ());
  g_autoptr(LServer) server = new_abstract_server (name);
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  socklen_t length = offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name);
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  memcpy (native.sun_path + 1, name, strlen (name));
  /* Not padded: the whole structure is another name. */
  g_assert_cmpint (connect (fd, (struct sockaddr *) &native, sizeof native), ==, -1);
  g_assert_cmpint (errno, ==, ECONNREFUSED);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &native, length), ==, 0);
  TEST_TURN_UNTIL (l_server_has_pending_connections (server));
  close (fd);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  for (guint mask = 0; mask < G_N_ELEMENTS (umasks); mask++)
    for (guint access = 0; access < G_N_ELEMENTS (accesses); access++)
      {
        g_autofree char *path = g_strdup_printf ("/listener/mode/umask-%03o/%s",
                                                 (guint) umasks[mask], accesses[access].name);

        test_add_data (path, GUINT_TO_POINTER (mask * G_N_ELEMENTS (accesses) + access), test_mode);
      }
  test_add ("/listener/mode/abstract", test_mode_abstract);
  test_add ("/listener/mode/lets-in", test_mode_lets_in);

  test_add ("/listener/replaces/dead", test_replaces_dead);
  test_add ("/listener/replaces/dead-datagram", test_replaces_dead_datagram);
  test_add ("/listener/replaces/dead-never-listened", test_replaces_dead_never_listened);
  test_add ("/listener/replaces/dead-unreadable", test_replaces_dead_unreadable);
  test_add ("/listener/replaces/killed", test_replaces_killed);
  test_add ("/listener/replaces/foreign-in-own-directory", test_replaces_foreign_in_own_directory);
  for (guint i = 0; i < G_N_ELEMENTS (obstacles); i++)
    {
      g_autofree char *path = g_strconcat ("/listener/leaves/", obstacles[i].name, NULL);

      test_add_data (path, GUINT_TO_POINTER (obstacles[i].obstacle), test_leaves);
    }
  test_add ("/listener/leaves/live-unreadable", test_leaves_live_unreadable);
  test_add ("/listener/leaves/foreign", test_leaves_foreign);

  test_add ("/listener/close/removes-own", test_close_removes_own);
  test_add ("/listener/close/leaves-successor", test_close_leaves_successor);
  test_add ("/listener/close/leaves-file", test_close_leaves_file);
  test_add ("/listener/close/renamed", test_close_renamed);
  test_add ("/listener/close/directory-gone", test_close_directory_gone);
  test_add ("/listener/close/after-move", test_close_after_move);
  test_add ("/listener/close/forked", test_close_forked);

  test_add ("/listener/race/two", test_race_two);
  test_add ("/listener/race/eight", test_race_eight);
  test_add ("/listener/race/processes", test_race_processes);
  test_add ("/listener/lock/held", test_lock_held);
  test_add ("/listener/lock/released", test_lock_released);
  test_add ("/listener/lock/left", test_lock_left);
  test_add ("/listener/lock/held-at-close", test_lock_held_at_close);
  test_add ("/listener/lock/symlink", test_lock_symlink);
  test_add ("/listener/lock/by-link", test_lock_by_link);
  test_add ("/listener/lock/none-left", test_lock_none_left);

  test_add_data ("/listener/runtime/writable-by-all", GUINT_TO_POINTER (0777), test_runtime_writable);
  test_add_data ("/listener/runtime/writable-by-group", GUINT_TO_POINTER (0770), test_runtime_writable);
  test_add_data ("/listener/runtime/sticky", GUINT_TO_POINTER (01777), test_runtime_writable);
  test_add ("/listener/runtime/not-ours", test_runtime_not_ours);
  test_add ("/listener/runtime/missing", test_runtime_missing);
  test_add ("/listener/runtime/symlink", test_runtime_symlink);
  test_add ("/listener/runtime/file", test_runtime_file);
  test_add ("/listener/runtime/bad-but-path-given", test_runtime_bad_but_path_given);
  test_add ("/listener/runtime/read-only-but-path-given", test_runtime_read_only);
  test_add ("/listener/runtime/readable-by-others", test_runtime_readable_by_others);
  test_add ("/listener/runtime/flatpak", test_flatpak);
  test_add ("/listener/runtime/flatpak-empty", test_flatpak_empty);
  test_add_data ("/listener/runtime/unset", NULL, test_no_runtime_directory);
  test_add_data ("/listener/runtime/empty", "", test_no_runtime_directory);
  test_add_data ("/listener/runtime/relative", "run/user", test_no_runtime_directory);

  test_add ("/listener/temp/set", test_temp);
  test_add_data ("/listener/temp/unset", NULL, test_temp_fallback);
  test_add_data ("/listener/temp/empty", "", test_temp_fallback);
  test_add_data ("/listener/temp/relative", "tmp", test_temp_fallback);
  test_add_data ("/listener/temp/slash", "/tmp/", test_temp_fallback);

  test_add ("/listener/length/path", test_length_path);
  test_add ("/listener/length/address", test_length_address);
  test_add ("/listener/abstract/bytes", test_abstract_bytes);
  test_add ("/listener/abstract/slash", test_abstract_slash);
  test_add ("/listener/abstract/in-use", test_abstract_in_use);
  test_add ("/listener/abstract/length", test_abstract_length);
  test_add ("/listener/connect-refused", test_connect_refused);
  test_add ("/listener/remove/dead", test_remove_dead);
  test_add ("/listener/remove/nothing", test_remove_nothing);
  test_add ("/listener/remove/trailing-slash", test_remove_trailing_slash);
  test_add ("/listener/directory/read-only", test_read_only_directory);
  test_add ("/listener/directory/is-file", test_directory_is_file);
  test_add ("/listener/directory/symlink", test_directory_symlink);
  test_add ("/listener/interop/raw-server", test_interop_raw_server);
  test_add ("/listener/interop/raw-client", test_interop_raw_client);
  test_add ("/listener/interop/abstract", test_interop_abstract);

  return test_run ();
}
