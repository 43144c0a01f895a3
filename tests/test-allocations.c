/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <lsocket/lsocket.h>

#include <stdlib.h>
#include <sys/socket.h>

/* A connection in steady state takes nothing of the heap: what a message needs is there from the one before. */

#define MESSAGE_SIZE  64
#define N_ROUND_TRIPS 1000

/* The C library's, under names of its own. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *memory, size_t size);

static guint n_allocations;

void *
malloc (size_t size)
{
  n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t count,
        size_t size)
{
  n_allocations++;
  return __libc_calloc (count, size);
}

void *
realloc (void   *memory,
         size_t  size)
{
  n_allocations++;
  return __libc_realloc (memory, size);
}

/* FALSE: somebody else stands in, as Valgrind does. */
static gboolean
is_counting (void)
{
  guint n_before = n_allocations;

  g_free (g_malloc (1));
  return n_allocations == n_before + 1;
}

static LSocket *
adopt (int fd)
{
  LSocket *socket = l_socket_new ();
  g_autoptr(GError) error = NULL;

  l_socket_set_socket_descriptor (socket, fd, L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error);
  g_assert_no_error (error);

  return socket;
}

typedef struct
{
  LIODevice *client; /* (unowned) */
  guint      n_left;
} Talk;

static void
on_ready_read (LIODevice *device,
               Talk      *talk)
{
  char message[MESSAGE_SIZE];

  g_assert_cmpint (l_io_device_read (device, message, sizeof message, NULL), ==, sizeof message);
  if (device == talk->client && --talk->n_left == 0)
    return;

  g_assert_cmpint (l_io_device_write (device, message, sizeof message, NULL), ==, sizeof message);
}

static void
go_round (Talk  *talk,
          guint  count)
{
  static const char message[MESSAGE_SIZE];

  talk->n_left = count;
  l_io_device_write (talk->client, message, sizeof message, NULL);
  while (talk->n_left > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_round_trip (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  Talk talk;
  guint n_before;
  int fds[2];

  if (!is_counting ())
    {
      g_test_skip ("Another program counts the allocations");
      return;
    }

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  client = adopt (fds[0]);
  server = adopt (fds[1]);
  talk.client = L_IO_DEVICE (client);
  g_signal_connect (client, "ready-read", G_CALLBACK (on_ready_read), &talk);
  g_signal_connect (server, "ready-read", G_CALLBACK (on_ready_read), &talk);

  go_round (&talk, 100);
  n_before = n_allocations;
  go_round (&talk, N_ROUND_TRIPS);
  g_assert_cmpuint (n_allocations - n_before, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/allocations/round-trip", test_round_trip);

  return g_test_run ();
}
