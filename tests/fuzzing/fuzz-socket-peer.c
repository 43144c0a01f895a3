/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1
#define PERIOD  8191

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int        listener;
static GPtrArray *links;   /* (element-type FuzzLink): in the order in which they came */
static GQueue     waiting; /* (element-type FuzzLink) (unowned): connected and not accepted */

static guint8 pattern[PERIOD + FUZZ_MAX_BYTES];

/* Bytes */

static const guint8 *
get_pattern (guint   number,
             guint64 place)
{
  return pattern + (place + number * 1009u) % PERIOD;
}

void
fuzz_link_fill (guint    number,
                guint64  place,
                guint8  *data,
                gsize    count)
{
  g_assert_cmpuint (count, <=, FUZZ_MAX_BYTES);
  memcpy (data, get_pattern (number, place), count);
}

void
fuzz_link_check (guint       number,
                 guint64     place,
                 const void *data,
                 gsize       count)
{
  const guint8 *bytes = data;

  for (gsize done = 0; done < count; done += MIN (count - done, FUZZ_MAX_BYTES))
    g_assert_cmpint (memcmp (bytes + done, get_pattern (number, place + done), MIN (count - done, FUZZ_MAX_BYTES)), ==, 0);
}

/* The listener */

void
fuzz_peers_init (const char *path)
{
  for (gsize i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) ((i % PERIOD) * 7 + (i % PERIOD) / 251);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  links = g_ptr_array_new_with_free_func (g_free);
  listener = -1;
}

void
fuzz_peers_clear (void)
{
  g_ptr_array_set_size (links, 0);
}

void
fuzz_peers_listen (void)
{
  if (listener >= 0)
    return;

  listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (listener, BACKLOG), ==, 0);
}

/* The system closes what waits. */
void
fuzz_peers_stop (void)
{
  FuzzLink *link;

  if (listener < 0)
    return;

  close (listener);
  listener = -1;
  unlink (address.sun_path);
  while ((link = g_queue_pop_head (&waiting)) != NULL)
    link->is_over = TRUE;
}

static FuzzLink *
add_link (guint number,
          int   fd)
{
  FuzzLink *self = g_new0 (FuzzLink, 1);

  self->number = number;
  self->fd = fd;
  g_ptr_array_add (links, self);
  return self;
}

FuzzLink *
fuzz_peers_add_connected (guint number)
{
  FuzzLink *self = add_link (number, -1);

  g_queue_push_tail (&waiting, self);
  return self;
}

FuzzLink *
fuzz_peers_add_pair (guint  number,
                     int   *descriptor)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  *descriptor = fds[0];
  return add_link (number, fds[1]);
}

/* By clients that are gone at once. */
void
fuzz_peers_fill_backlog (void)
{
  while (listener >= 0)
    {
      int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      int result = connect (fd, (struct sockaddr *) &address, sizeof address);

      close (fd);
      if (result < 0)
        return;

      fuzz_peers_add_connected (0)->is_filler = TRUE;
    }
}

void
fuzz_peers_accept (void)
{
  FuzzLink *link = g_queue_pop_head (&waiting);
  int fd;

  if (listener < 0 || link == NULL)
    return;

  fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  if (link->is_filler)
    close (fd);
  else
    link->fd = fd;
}

FuzzLink *
fuzz_peers_get (guint index)
{
  return links->len > 0 ? links->pdata[links->len - 1 - index % links->len] : NULL;
}

void
fuzz_peers_close_all (void)
{
  fuzz_peers_stop ();
  for (guint i = 0; i < links->len; i++)
    fuzz_link_close (links->pdata[i]);
}

/* The other end of one connection; it does nothing once closed. */

void
fuzz_link_send (FuzzLink *self,
                gsize     count)
{
  guint8 data[4096];
  gssize n;

  while (count > 0)
    {
      gsize part = MIN (count, sizeof data);

      fuzz_link_fill (self->number, self->n_to_us, data, part);
      n = self->fd >= 0 ? send (self->fd, data, part, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
      if (n <= 0)
        return;

      self->n_to_us += (guint64) n;
      count -= (gsize) n;
    }
}

void
fuzz_link_receive (FuzzLink *self,
                   gsize     count)
{
  guint8 data[4096];
  gssize n = 0;

  while (count > 0)
    {
      n = self->fd >= 0 ? recv (self->fd, data, MIN (count, sizeof data), MSG_DONTWAIT) : -1;
      if (n <= 0 || self->is_vague)
        break;

      fuzz_link_check (self->number, self->n_received, data, (gsize) n);
      self->n_received += (guint64) n;
      count -= (gsize) n;
      g_assert_cmpuint (self->n_received, <=, self->n_accepted + self->n_pending);
    }

  /* At the end there is everything, unless somebody dropped it. A reset comes when something was left unread there. */
  if (count > 0 && self->fd >= 0 && (n == 0 || errno == ECONNRESET) && !self->is_dropped && !self->is_vague &&
      self->n_pending == 0)
    g_assert_cmpuint (self->n_received, ==, self->n_accepted);
}

void
fuzz_link_shut_down (FuzzLink *self)
{
  if (self->fd >= 0)
    shutdown (self->fd, SHUT_WR);
}

void
fuzz_link_close (FuzzLink *self)
{
  if (self->fd < 0)
    return;

  close (self->fd);
  self->fd = -1;
  self->is_over = TRUE;
}
