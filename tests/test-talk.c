/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-talk.h"

#include <glib/gstdio.h>
#include <sys/socket.h>

void
test_on_message (LIODevice *device,
                 TestTalk  *talk)
{
  char message[TEST_MESSAGE_SIZE];

  g_assert_cmpint (l_io_device_read (device, message, sizeof message, NULL), ==, sizeof message);
  if (device == talk->client && --talk->n_left == 0)
    return;

  g_assert_cmpint (l_io_device_write (device, message, sizeof message, NULL), ==, sizeof message);
}

void
test_go_round (TestTalk *talk,
               guint     count)
{
  static const char message[TEST_MESSAGE_SIZE];

  talk->n_left = count;
  l_io_device_write (talk->client, message, sizeof message, NULL);
  while (talk->n_left > 0)
    g_main_context_iteration (NULL, TRUE);
}

LSocket *
test_adopt (int fd)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);

  return socket;
}

void
test_make_pair (LSocket **client,
                LSocket **server)
{
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  *client = test_adopt (fds[0]);
  *server = test_adopt (fds[1]);
}

char *
test_make_runtime_directory (void)
{
  g_autoptr(GError) error = NULL;
  char *directory = g_dir_make_tmp ("lsXXXXXX", &error);

  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);

  return directory;
}

void
test_remove_runtime_directory (const char *directory)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (directory, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (directory);
}
