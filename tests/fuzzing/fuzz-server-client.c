/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Clients with a plain socket each, which has a name of its own: so its other end tells whose it is. */

#define MAX_CLIENTS 40
#define OTHER_UID   4242

GPtrArray *fuzz_clients;

static guint next_number = 1;

static void
client_free (gpointer data)
{
  FuzzClient *self = data;

  g_assert_null (self->socket);
  g_assert_cmpint (self->kept_fd, <, 0);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

void
fuzz_clients_init (void)
{
  fuzz_clients = g_ptr_array_new_with_free_func (client_free);
}

void
fuzz_clients_clear (void)
{
  g_ptr_array_set_size (fuzz_clients, 0);
}

static socklen_t
make_address (struct sockaddr_un *address,
              gboolean            is_abstract,
              const char         *name)
{
  address->sun_family = AF_UNIX;
  g_strlcpy (address->sun_path + (is_abstract ? 1 : 0), name, sizeof address->sun_path - 1);
  return (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + strlen (name));
}

static int
make_socket (guint number)
{
  struct sockaddr_un address = { 0 };
  g_autofree char *name = g_strdup_printf ("%s-%u", fuzz_place_get_base (FUZZ_N_PATHS), number);
  socklen_t length = make_address (&address, TRUE, name);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, length), ==, 0);
  return fd;
}

/* The system notes who connects. */
static int
connect_as (int      fd,
            guint    place,
            gboolean is_other)
{
  struct sockaddr_un address = { 0 };
  socklen_t length = make_address (&address, !fuzz_place_is_path (place), fuzz_place_get_name (place));
  int result, errsv;

  if (is_other)
    g_assert_cmpint (setegid (OTHER_UID) | seteuid (OTHER_UID), ==, 0);
  result = connect (fd, (struct sockaddr *) &address, length);
  errsv = errno;
  if (is_other)
    g_assert_cmpint (seteuid (0) | setegid (0), ==, 0);

  errno = errsv;
  return result;
}

static void
check_refused (FuzzNode *node,
               int       code)
{
  if (node == NULL || node->kind == FUZZ_NODE_FILE)
    g_assert_true (code == ENOENT || code == ECONNREFUSED);
  else if (code == EAGAIN)
    g_assert_cmpuint (node->waiting.length, >, node->backlog);
  else if (code == EACCES)
    g_assert_cmpuint (node->mode & S_IWUSR, ==, 0);
  else if (node->kind == FUZZ_NODE_DATAGRAM && node->n_open > 0)
    g_assert_cmpint (code, ==, EPROTOTYPE);
  else
    g_assert_false (node->is_listening);
}

void
fuzz_client_connect (guint    place,
                     gboolean is_other,
                     gsize    n_bytes)
{
  FuzzNode *node = fuzz_place_get (place);
  FuzzClient *self;
  guint number;
  int fd;

  if (fuzz_clients->len >= MAX_CLIENTS || (node != NULL && node->kind == FUZZ_NODE_LINK))
    return;

  /* Only an abstract name is in reach of others, and only root can be another. */
  is_other = is_other && !fuzz_place_is_path (place) && geteuid () == 0;
  number = next_number++;
  fd = make_socket (number);
  if (connect_as (fd, place, is_other) < 0)
    {
      check_refused (node, errno);
      close (fd);
      return;
    }

  g_assert_true (node != NULL && node->is_listening);
  g_assert_cmpuint (node->waiting.length, <=, node->backlog);
  self = g_new0 (FuzzClient, 1);
  self->fd = fd;
  self->number = number;
  self->uid = is_other ? 1 : 0;
  self->kept_fd = -1;
  g_ptr_array_add (fuzz_clients, self);
  g_queue_push_tail (&node->waiting, self);
  fuzz_client_send (self, n_bytes);
}

FuzzClient *
fuzz_client_by_fd (int fd)
{
  struct sockaddr_un address = { 0 };
  socklen_t length = sizeof address - 1;
  guint64 number;

  g_assert_cmpint (getpeername (fd, (struct sockaddr *) &address, &length), ==, 0);
  g_assert_true (g_ascii_string_to_unsigned (strrchr (address.sun_path + 1, '-') + 1, 10, 1, G_MAXUINT, &number, NULL));
  for (guint i = 0; i < fuzz_clients->len; i++)
    {
      FuzzClient *client = fuzz_clients->pdata[i];

      if (client->number == number)
        return client;
    }

  g_assert_not_reached ();
}

void
fuzz_client_send (FuzzClient *self,
                  gsize       n_bytes)
{
  static const char bytes[256];
  gssize n;

  if (self->fd < 0)
    return;

  n = send (self->fd, bytes, MIN (n_bytes, sizeof bytes), MSG_NOSIGNAL);
  self->n_sent += (gsize) MAX (n, 0);
}

void
fuzz_client_leave (FuzzClient *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

gboolean
fuzz_client_has_ended (FuzzClient *self)
{
  return self->state == FUZZ_CLIENT_OVER ||
         ((self->was_seen || self->was_taken) &&
          (self->socket == NULL || l_socket_get_state (self->socket) == L_SOCKET_STATE_UNCONNECTED));
}

static gboolean
is_hung_up (FuzzClient *self)
{
  struct pollfd poll_fd = { .fd = self->fd };

  return poll (&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLHUP) != 0;
}

/* What the other end has sent. A reset is told once, and before what can still be read. */
static gsize
count_received (FuzzClient *self)
{
  char bytes[64];
  gssize n = recv (self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && errno == ECONNRESET)
    n = recv (self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  return (gsize) MAX (n, 0);
}

static void
check_taken (FuzzClient *self)
{
  LIODevice *device = L_IO_DEVICE (self->socket);

  if (self->socket == NULL)
    return;

  if (self->fd < 0 && self->n_expected == 0)
    g_assert_cmpint (l_socket_get_state (self->socket), ==, L_SOCKET_STATE_UNCONNECTED);
  if (l_io_device_is_open (device) && l_socket_get_state (self->socket) == L_SOCKET_STATE_CONNECTED)
    g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, self->n_sent);
}

void
fuzz_client_check (FuzzClient *self,
                   gboolean    is_quiet)
{
  gboolean is_over;
  int unread = 0;
  gsize n;

  if (self->state == FUZZ_CLIENT_TAKEN && is_quiet)
    check_taken (self);
  if (self->fd < 0)
    return;

  is_over = is_hung_up (self);
  n = count_received (self);
  if (fuzz_client_has_ended (self))
    g_assert_true (is_over);
  else
    g_assert_false (is_over && !self->was_taken);
  if (self->n_expected > 0 && is_quiet)
    {
      g_assert_true (n == self->n_expected || (n == 0 && self->was_late));
      g_assert_true (is_over);
    }
  else if (self->n_expected == 0)
    {
      g_assert_cmpuint (n, ==, 0);
    }

  /* What waits is not received. */
  g_assert_cmpint (ioctl (self->fd, SIOCOUTQ, &unread), ==, 0);
  if (!fuzz_client_has_ended (self) && !self->was_taken && self->n_sent > 0)
    g_assert_cmpint (unread, >, 0);
}
