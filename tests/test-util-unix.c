/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util-platform.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char *directory;

void
test_platform_init (void)
{
  g_autoptr(GError) error = NULL;

  /* Short, because the name of a socket is; G_TEST_OPTION_ISOLATE_DIRS makes long ones. */
  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
}

static void
remove_tree (const char *path)
{
  if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK) && g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *child = g_build_filename (path, name, NULL);

          remove_tree (child);
        }
    }

  g_remove (path);
}

void
test_platform_clear (void)
{
  remove_tree (directory);
  g_clear_pointer (&directory, g_free);
}

gboolean
test_platform_is_pair (const char *name)
{
  return FALSE;
}

gboolean
test_is_unix (void)
{
  return TRUE;
}

const char *
test_get_directory (void)
{
  return directory;
}

gboolean
test_path_exists (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* poll() knows at once. */
void
test_let_system_tell (void)
{
}

void
test_exit_child (int status)
{
  /* Puts the registers on the stack: at the end Valgrind looks into memory alone. */
  __builtin_unwind_init ();
  _exit (status);
}

guint
test_count_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

guint
test_count_handles (void)
{
  return test_count_descriptors ();
}

gint64
test_get_cpu_time (void)
{
  struct timespec time;

  g_assert_cmpint (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time), ==, 0);
  return (gint64) time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

gintptr
test_get_thread (void)
{
  return syscall (SYS_gettid);
}

void
test_wait_until_blocked (gintptr thread)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", (int) thread);
  gint64 deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;

  while (g_get_monotonic_time () < deadline)
    {
      g_autofree char *status = NULL;
      const char *state;

      if (!g_file_get_contents (path, &status, NULL, NULL))
        return;
      state = strrchr (status, ')');
      if (state != NULL && state[2] == 'S')
        return;
      g_thread_yield ();
    }
}

static void
on_alarm (int unused)
{
}

void
test_begin_interrupting (void)
{
  struct sigaction action = { .sa_handler = on_alarm };
  struct itimerval timer = { { 0, 3000 }, { 0, 3000 } };

  g_assert_cmpint (sigaction (SIGALRM, &action, NULL), ==, 0);
  g_assert_cmpint (setitimer (ITIMER_REAL, &timer, NULL), ==, 0);
}

void
test_end_interrupting (void)
{
  struct itimerval off = { { 0, 0 }, { 0, 0 } };

  /* The handler stays: the last signal may still be on its way. */
  g_assert_cmpint (setitimer (ITIMER_REAL, &off, NULL), ==, 0);
}

void
test_raw_pair (TestRaw raws[2])
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  raws[0] = fds[0];
  raws[1] = fds[1];
}

static int
make_raw_address (const char         *path,
                  struct sockaddr_un *address)
{
  gsize length = strlen (path);

  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  g_assert_cmpuint (length, <, sizeof address->sun_path);
  memcpy (address->sun_path, path, length);

  return socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

TestRaw
test_raw_listen (const char *path,
                 int         backlog)
{
  struct sockaddr_un address;
  int fd = make_raw_address (path, &address);

  g_unlink (path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, backlog), ==, 0);

  return fd;
}

TestRaw
test_raw_connect (const char *path)
{
  struct sockaddr_un address;
  int fd = make_raw_address (path, &address);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);

  return fd;
}

static void
wait_for_input (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  g_assert_cmpint (poll (&poll_fd, 1, TEST_PATIENCE * 1000), ==, 1);
}

gboolean
test_raw_is_waiting (TestRaw listener)
{
  struct pollfd poll_fd = { .fd = listener, .events = POLLIN };

  return poll (&poll_fd, 1, 0) == 1;
}

TestRaw
test_raw_accept (TestRaw listener)
{
  int fd;

  wait_for_input (listener);
  fd = accept (listener, NULL, NULL);
  g_assert_cmpint (fd, >=, 0);

  return fd;
}

const char *
test_get_gone_error (void)
{
  return "connection-refused";
}

GArray *
test_raw_fill_backlog (const char *path)
{
  GArray *raws = g_array_new (FALSE, FALSE, sizeof (TestRaw));
  struct sockaddr_un address;

  while (TRUE)
    {
      TestRaw fd = make_raw_address (path, &address);

      g_assert_true (g_unix_set_fd_nonblocking (fd, TRUE, NULL));
      if (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
        {
          g_assert_cmpint (errno, ==, EAGAIN);
          close (fd);
          return raws;
        }
      g_array_append_val (raws, fd);
    }
}

void
test_raw_shut_down (TestRaw raw)
{
  g_assert_cmpint (shutdown (raw, SHUT_RDWR), ==, 0);
}

void
test_raw_shut_down_write (TestRaw raw)
{
  g_assert_cmpint (shutdown (raw, SHUT_WR), ==, 0);
}

void
test_raw_close (TestRaw raw)
{
  g_assert_cmpint (close (raw), ==, 0);
}

gboolean
test_raw_is_set_up (TestRaw raw)
{
  return (fcntl (raw, F_GETFL) & O_NONBLOCK) != 0 && (fcntl (raw, F_GETFD) & FD_CLOEXEC) != 0;
}

gsize
test_raw_fill (TestRaw raw)
{
  char buffer[4096] = { 0 };
  gsize total = 0;
  gssize n;

  while ((n = send (raw, buffer, sizeof buffer, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
    total += n;
  g_assert_cmpint (errno, ==, EAGAIN);

  return total;
}

gssize
test_raw_send (TestRaw     raw,
               const void *data,
               gsize       size)
{
  return send (raw, data, size, MSG_NOSIGNAL);
}

gssize
test_raw_receive (TestRaw  raw,
                  void    *buffer,
                  gsize    size)
{
  return recv (raw, buffer, size, 0);
}

gsize
test_raw_try_receive (TestRaw   raw,
                      void     *buffer,
                      gsize     size,
                      gboolean *ended)
{
  gssize n = recv (raw, buffer, size, MSG_DONTWAIT);

  *ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  return MAX (n, 0);
}
