/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* File systems that take nothing more, be it that others have filled them: a clear error, soon, and nothing left behind;
 * and all as ever when there is room again. They are mounted where only this program sees them, which root may. */

#include "test-server-util.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOMEBODY 65533
#define STRANGER 65532

/* Of the small file system */
#define N_INODES 8

static gboolean is_private; /* what we mount nobody else sees */

static gboolean
needs_mounts (void)
{
  if (is_private)
    return FALSE;

  g_test_skip ("may not mount a file system of its own, which takes root");
  return TRUE;
}

static char *
mount_small (const char *name,
             const char *options)
{
  char *path = test_build_path (name);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_cmpint (mount ("none", path, "tmpfs", 0, options), ==, 0);
  return path;
}

static void
unmount_small (char *path)
{
  /* A connection holds the file of its server's socket until it has ended. */
  TEST_TURN_UNTIL (umount (path) == 0);
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_free (path);
}

/* What fills it */

static char *
get_filler (const char *directory,
            guint       i)
{
  g_autofree char *name = g_strdup_printf ("filler-%u", i);

  return g_build_filename (directory, name, NULL);
}

/* Files until there can be no more. */
static guint
fill (const char *directory)
{
  for (guint n = 0;; n++)
    {
      g_autofree char *path = get_filler (directory, n);
      int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

      if (fd < 0)
        {
          g_assert_cmpint (errno, ==, ENOSPC);
          return n;
        }
      close (fd);
    }
}

static void
make_room (const char *directory,
           guint       begin,
           guint       end)
{
  for (guint i = begin; i < end; i++)
    {
      g_autofree char *path = get_filler (directory, i);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

static guint
count_files (const char *directory)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
make_dead_socket (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "market", NULL);

  test_raw_close (test_raw_listen (path, 1));
}

/* What happens there */

static void
assert_refused (const char    *name,
                LServerOptions options,
                LSocketError   code)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();

  l_server_set_options (server, options);
  g_assert_false (l_server_listen (server, name, &error));
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_TIME_SPAN_SECOND);
  test_assert_server_error (server, error, code);
  test_assert_not_listening (server);
}

static void
assert_system_text (const char *name,
                    int         code)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (l_server_listen (server, name, &error));
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, g_strerror (code)));
  g_assert_nonnull (strstr (error->message, "/market"));
}

static void
assert_talks (LServer    *server,
              const char *name)
{
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;

  l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
  peer = test_take (server);
  test_write (peer, "hello");
  test_assert_text (client, "hello");
  l_socket_abort (client);
}

static void
assert_serves (const char    *name,
               LServerOptions options)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  l_server_set_options (server, options);
  l_server_listen (server, name, &error);
  g_assert_no_error (error);
  assert_talks (server, l_server_get_full_server_name (server));
}

/* Our own place */

static void
begin_in_runtime_directory (const char *directory)
{
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
}

static void
end_in_runtime_directory (char *directory)
{
  g_setenv ("XDG_RUNTIME_DIR", test_get_directory (), TRUE);
  unmount_small (directory);
}

static void
test_no_inodes (void)
{
  char *directory;
  guint n;

  g_test_summary ("Neither for the lock nor for the socket");

  if (needs_mounts ())
    return;

  directory = mount_small ("full", "mode=0700,nr_inodes=" G_STRINGIFY (N_INODES));
  begin_in_runtime_directory (directory);
  n = fill (directory);
  assert_refused ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_RESOURCE);
  assert_system_text ("market", ENOSPC);
  g_assert_cmpuint (count_files (directory), ==, n);

  /* The lock takes the last one, and is no longer there afterwards. */
  make_room (directory, n - 1, n);
  assert_refused ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_RESOURCE);
  g_assert_cmpuint (count_files (directory), ==, n - 1);

  make_room (directory, n - 2, n - 1);
  assert_serves ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpuint (count_files (directory), ==, n - 2);
  make_room (directory, 0, n - 2);
  end_in_runtime_directory (directory);
}

static void
test_elsewhere (void)
{
  g_autofree char *path = NULL;
  char *directory;

  g_test_summary ("Without a place for its lock a name that lives elsewhere is to be had all the same");

  if (needs_mounts ())
    return;

  path = test_build_path ("market");
  directory = mount_small ("full", "mode=0700,nr_inodes=" G_STRINGIFY (N_INODES));
  begin_in_runtime_directory (directory);
  fill (directory);
  assert_serves (path, L_SERVER_OPTIONS_NONE);
  test_raw_close (test_raw_listen (path, 1));
  assert_serves (path, L_SERVER_OPTIONS_NONE);
  g_assert_false (test_path_exists (path));
  end_in_runtime_directory (directory);
}

static void
test_dead_socket (void)
{
  char *directory;
  guint n;

  g_test_summary ("The inode of a dead server's socket is the next one's");

  if (needs_mounts ())
    return;

  directory = mount_small ("full", "mode=0700,nr_inodes=" G_STRINGIFY (N_INODES));
  begin_in_runtime_directory (directory);
  make_dead_socket (directory);
  n = fill (directory);
  assert_serves ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpuint (count_files (directory), ==, n);
  end_in_runtime_directory (directory);
}

static void
test_filled_meanwhile (void)
{
  g_autoptr(LServer) server = NULL;
  char *directory;
  guint n;

  g_test_summary ("A server that listens goes on, and removes its socket without a place for the lock");

  if (needs_mounts ())
    return;

  directory = mount_small ("full", "mode=0700,nr_inodes=" G_STRINGIFY (N_INODES));
  begin_in_runtime_directory (directory);
  server = test_listen ("market");
  n = fill (directory);
  assert_talks (server, "market");
  l_server_close (server);
  g_assert_cmpuint (count_files (directory), ==, n);
  end_in_runtime_directory (directory);
}

static void
test_no_space (void)
{
  static const char block[4096];
  g_autofree char *path = NULL;
  char *directory;
  int fd;

  g_test_summary ("Neither a lock nor a socket holds data: a disk that takes no more is enough");

  if (needs_mounts ())
    return;

  directory = mount_small ("full", "mode=0700,size=64k");
  begin_in_runtime_directory (directory);
  path = get_filler (directory, 0);
  fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  while (write (fd, block, sizeof block) > 0)
    ;
  g_assert_cmpint (errno, ==, ENOSPC);
  close (fd);
  assert_serves ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpuint (count_files (directory), ==, 1);
  end_in_runtime_directory (directory);
}

static void
test_read_only (void)
{
  g_autoptr(LServer) server = NULL;
  char *directory;

  g_test_summary ("What becomes read-only: no new server there, and the old one goes without removing its socket");

  if (needs_mounts ())
    return;

  directory = mount_small ("full", "mode=0700");
  begin_in_runtime_directory (directory);
  server = test_listen ("market");
  g_assert_cmpint (mount ("none", directory, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  assert_talks (server, "market");
  assert_refused ("bazaar", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);
  l_server_close (server);
  g_assert_cmpuint (count_files (directory), ==, 1);
  assert_refused ("market", L_SERVER_OPTIONS_NONE, L_SOCKET_ERROR_ACCESS);

  g_assert_cmpint (mount ("none", directory, "tmpfs", MS_REMOUNT, NULL), ==, 0);
  assert_serves ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpuint (count_files (directory), ==, 0);
  end_in_runtime_directory (directory);
}

/* The place of all */

static void
test_stranger (void)
{
  g_autoptr(LSocket) client = NULL;
  char *directory;
  guint n;

  g_test_summary ("A stranger has filled the temporary directory: what is ours elsewhere does not notice");

  if (needs_mounts ())
    return;

  directory = mount_small ("tmp", "mode=01777,nr_inodes=" G_STRINGIFY (N_INODES));
  g_assert_cmpint (chmod (test_get_directory (), 0711), ==, 0);
  g_assert_cmpint (chown (test_get_directory (), SOMEBODY, SOMEBODY), ==, 0);
  g_setenv ("TMPDIR", directory, TRUE);
  g_assert_cmpint (seteuid (STRANGER), ==, 0);
  n = fill (directory);
  g_assert_cmpint (seteuid (0), ==, 0);

  g_assert_cmpint (seteuid (SOMEBODY), ==, 0);
  assert_refused ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY, L_SOCKET_ERROR_RESOURCE);
  client = l_socket_new ();
  l_socket_set_options (client, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  assert_serves ("market", L_SERVER_OPTIONS_NONE);
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpuint (count_files (directory), ==, n);

  make_room (directory, 0, 1);
  g_assert_cmpint (seteuid (SOMEBODY), ==, 0);
  assert_serves ("market", L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpuint (count_files (directory), ==, n - 1);

  g_unsetenv ("TMPDIR");
  g_assert_cmpint (chown (test_get_directory (), 0, 0), ==, 0);
  g_assert_cmpint (chmod (test_get_directory (), 0700), ==, 0);
  unmount_small (directory);
}

int
main (int   argc,
      char *argv[])
{
  /* Before there is another thread, which would not come along. */
  is_private = unshare (CLONE_NEWNS) == 0 && mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
  test_init (&argc, &argv);

  test_add ("/full/runtime-directory/no-inodes", test_no_inodes);
  test_add ("/full/runtime-directory/elsewhere", test_elsewhere);
  test_add ("/full/runtime-directory/dead-socket", test_dead_socket);
  test_add ("/full/runtime-directory/filled-meanwhile", test_filled_meanwhile);
  test_add ("/full/runtime-directory/no-space", test_no_space);
  test_add ("/full/runtime-directory/read-only", test_read_only);
  test_add ("/full/temporary-directory/stranger", test_stranger);

  return test_run ();
}
