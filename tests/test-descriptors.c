/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Descriptors that a peer passes, and that nobody has asked for: they never become ours, the bytes that they came with
 * arrive, and who wants to know is told. */

#include "test-server-util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
# define SO_PASSRIGHTS 83
#endif

#define MAX_FDS 253 /* the kernel's SCM_MAX_FD */

/* FALSE: the kernel refuses to send them. */
static gboolean
pass (TestRaw raw,
      int     fd,
      guint   n)
{
  union
  {
    struct cmsghdr header;
    char           space[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control;
  struct iovec vector = { (void *) "data", 4 };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE (n * sizeof (int)),
  };
  int fds[MAX_FDS];
  gssize sent;

  memset (&control, 0, sizeof control);
  for (guint i = 0; i < n; i++)
    fds[i] = fd;
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (n * sizeof (int));
  memcpy (CMSG_DATA (&control.header), fds, n * sizeof (int));
  sent = sendmsg ((int) raw, &message, MSG_NOSIGNAL);
  if (sent < 0)
    {
      g_assert_cmpint (errno, ==, EPERM);
      return FALSE;
    }

  g_assert_cmpint (sent, ==, 4);
  return TRUE;
}

static gboolean
set_passing (int      fd,
             gboolean on)
{
  return setsockopt (fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof on) == 0;
}

static gboolean
kernel_can_refuse (void)
{
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  gboolean can = set_passing (fd, FALSE);

  close (fd);
  return can;
}

static void
count_notify (LSocket    *socket,
              GParamSpec *pspec,
              guint      *n_notified)
{
  ++*n_notified;
}

static void
assert_bytes (LSocket *socket,
              guint    n_messages)
{
  g_autofree char *text = NULL;

  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) == 4 * n_messages);
  text = test_read (socket);
  for (guint i = 0; i < n_messages; i++)
    g_assert_cmpmem (text + 4 * i, 4, "data", 4);
}

static void
test_server (void)
{
  g_autoptr(LServer) server = test_listen ("market");
  g_autoptr(LSocket) socket = NULL;
  guint n_before;
  TestRaw raw;

  g_test_summary ("Who connects to a server cannot pass any, where the kernel refuses, not even before it is accepted");

  raw = test_connect_raw (server);
  g_assert_cmpint (pass (raw, 0, 1), ==, !kernel_can_refuse ());
  socket = test_take (server);
  if (!kernel_can_refuse ())
    assert_bytes (socket, 1);
  n_before = test_count_descriptors ();
  for (guint n = 1; n <= MAX_FDS; n += 36)
    if (pass (raw, 0, n))
      assert_bytes (socket, 1);
  g_assert_cmpuint (test_count_descriptors (), ==, n_before);
  test_raw_write (raw, "fine");
  test_assert_text (socket, "fine");
  g_assert_cmpuint (l_socket_get_refused_descriptors (socket), ==, 0);
  test_raw_close (raw);
}

static void
test_listen_descriptor (void)
{
  g_autofree char *path = test_build_path ("market");
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) socket = NULL;
  TestRaw raw;

  g_assert_true (l_server_listen_descriptor (server, test_raw_listen (path, 8), NULL));
  raw = test_raw_connect (path);
  g_assert_cmpint (pass (raw, 0, 1), ==, !kernel_can_refuse ());
  socket = test_take (server);
  test_raw_close (raw);
  l_server_set_unlink_on_close (server, TRUE);
}

/* An end that an old kernel would give us: on it nothing is refused. */
typedef enum
{
  ADOPTED,
  ACCEPTED,
} End;

static void
test_old_kernel (gconstpointer data)
{
  End end = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = NULL;
  g_autoptr(LSocket) socket = NULL;
  guint n_notified = 0;
  guint n_before, n_messages = 0;
  TestRaw raw;

  g_test_summary ("However many there are, none of them stays, and each message is counted");

  if (end == ADOPTED)
    {
      socket = test_socket_with_raw_peer (&raw);
    }
  else
    {
      server = test_listen ("market");
      raw = test_connect_raw (server);
      socket = test_take (server);
      set_passing ((int) l_socket_get_socket_descriptor (socket), TRUE);
    }
  g_signal_connect (socket, "notify::refused-descriptors", G_CALLBACK (count_notify), &n_notified);
  n_before = test_count_descriptors ();

  /* Nobody wants to know. */
  g_assert_true (pass (raw, 0, 1));
  assert_bytes (socket, 1);
  g_assert_cmpuint (l_socket_get_refused_descriptors (socket), ==, 0);

  l_socket_set_count_descriptors (socket, TRUE);
  for (guint n = 1; n <= MAX_FDS; n += 36)
    {
      g_assert_true (pass (raw, 0, n));
      assert_bytes (socket, 1);
      g_assert_cmpuint (l_socket_get_refused_descriptors (socket), ==, ++n_messages);
      g_assert_cmpuint (n_notified, ==, n_messages);
    }
  g_assert_cmpuint (test_count_descriptors (), ==, n_before);
  test_raw_write (raw, "fine");
  test_assert_text (socket, "fine");
  g_assert_cmpuint (n_notified, ==, n_messages);
  test_raw_close (raw);
  l_socket_abort (socket);
}

static void
test_many (void)
{
  g_autoptr(LSocket) socket = NULL;
  guint n = test_is_on_valgrind () ? 200 : 100000;
  guint n_before;
  gsize n_received = 0;
  TestRaw raw;

  socket = test_socket_with_raw_peer (&raw);
  n_before = test_count_descriptors ();
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (pass (raw, 0, 2));
      if (i % 32 == 31 || i == n - 1)
        while (n_received < 4 * (i + 1))
          {
            g_autofree char *text = NULL;

            TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (socket)) > 0);
            n_received += l_io_device_get_bytes_available (L_IO_DEVICE (socket));
            text = test_read (socket);
          }
    }
  g_assert_cmpuint (test_count_descriptors (), ==, n_before);
  test_raw_close (raw);
  l_socket_abort (socket);
}

static void
test_closed_at_once (void)
{
  g_autoptr(LSocket) socket = NULL;
  int pipes[2];
  TestRaw raw;
  char byte;

  g_test_summary ("What was passed is open nowhere any more as soon as the bytes are there");

  socket = test_socket_with_raw_peer (&raw);
  g_assert_cmpint (pipe2 (pipes, O_CLOEXEC | O_NONBLOCK), ==, 0);
  g_assert_true (pass (raw, pipes[1], 3));
  close (pipes[1]);
  g_assert_cmpint (read (pipes[0], &byte, 1), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  assert_bytes (socket, 1);
  g_assert_cmpint (read (pipes[0], &byte, 1), ==, 0);
  close (pipes[0]);
  test_raw_close (raw);
  l_socket_abort (socket);
}

static void
test_with_credentials (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  const int on = TRUE;
  TestRaw raws[2];

  g_test_summary ("Credentials that a descriptor asks for, as a service manager's may, are not counted");

  test_raw_pair (raws);
  g_assert_cmpint (setsockopt ((int) raws[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), ==, 0);
  l_socket_set_count_descriptors (socket, TRUE);
  g_assert_true (l_socket_set_socket_descriptor (socket, raws[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, NULL));

  test_raw_write (raws[1], "data");
  assert_bytes (socket, 1);
  g_assert_cmpuint (l_socket_get_refused_descriptors (socket), ==, 0);
  g_assert_true (pass (raws[1], 0, 1));
  assert_bytes (socket, 1);
  g_assert_cmpuint (l_socket_get_refused_descriptors (socket), ==, 1);
  test_raw_close (raws[1]);
  l_socket_abort (socket);
}

int
main (int   argc,
      char *argv[])
{
  test_init (&argc, &argv);

  test_add ("/descriptors/server", test_server);
  test_add ("/descriptors/listen-descriptor", test_listen_descriptor);
  test_add_data ("/descriptors/old-kernel/adopted", GINT_TO_POINTER (ADOPTED), test_old_kernel);
  test_add_data ("/descriptors/old-kernel/accepted", GINT_TO_POINTER (ACCEPTED), test_old_kernel);
  test_add ("/descriptors/many", test_many);
  test_add ("/descriptors/closed-at-once", test_closed_at_once);
  test_add ("/descriptors/with-credentials", test_with_credentials);

  return test_run ();
}
