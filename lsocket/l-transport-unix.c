/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-options-unix-private.h"
#include "l-system-private.h"
#include "l-transport-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/un.h>

/* The most chunks that one sendmsg() takes: 64 KiB of small writes are two, large ones are one each. */
#define MAX_VECTORS 64

/* How much the system shall take ahead once so much did not fit: each refusal is a turn of two loops. It may allow less.
 * Who sends small messages to a peer that does not read them needs no more room for that. */
#define SEND_BUFFER_SIZE (512 * 1024)
#define LARGE_REFUSAL    (16 * 1024)

G_STATIC_ASSERT (sizeof (GOutputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (G_STRUCT_OFFSET (GOutputVector, buffer) == G_STRUCT_OFFSET (struct iovec, iov_base));
G_STATIC_ASSERT (G_STRUCT_OFFSET (GOutputVector, size) == G_STRUCT_OFFSET (struct iovec, iov_len));

void
l_transport_init (LTransport        *self,
                  LReactor          *reactor,
                  LReactorWatchFunc  func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->descriptor = -1;
}

/* Another thread may be about to wait for it: that one is woken, and what it does under a lock looks again. */
static void
set_descriptor (LTransport *self,
                gintptr     descriptor)
{
  g_atomic_pointer_set (&self->descriptor, descriptor);
  self->is_widened = FALSE;
  self->is_plain = FALSE;
}

void
l_transport_clear (LTransport *self)
{
}

void
l_transport_release (LTransport *self)
{
  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  set_descriptor (self, -1);
}

void
l_transport_close (LTransport *self)
{
  int fd = (int) self->descriptor;

  if (fd < 0)
    return;

  if (self->reactor != NULL)
    l_reactor_forget_watch (self->reactor, &self->watch);
  set_descriptor (self, -1);
  l_system.close (fd);
}

static gboolean
open_socket (LTransport *self,
             int        *code)
{
  int fd;

  fd = l_system.socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      *code = errno;
      return FALSE;
    }

  set_descriptor (self, fd);
  return TRUE;
}

static gssize
get_native_size (const LAddress *address)
{
  if (!address->is_abstract)
    return sizeof (struct sockaddr_un);

  /* Its length tells where such a name ends; it begins with a NUL. */
  return G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + g_ref_string_length (address->name);
}

static gssize
get_native_address (const LAddress     *address,
                    struct sockaddr_un *native)
{
  memset (native, 0, sizeof *native);
  if (address->object != NULL)
    {
      if (!g_socket_address_to_native (address->object, native, sizeof *native, NULL))
        return -1;
      return g_socket_address_get_native_size (address->object);
    }

  g_assert (g_ref_string_length (address->name) < sizeof native->sun_path);
  native->sun_family = AF_UNIX;
  memcpy (native->sun_path + (address->is_abstract ? 1 : 0), address->name, g_ref_string_length (address->name));
  return get_native_size (address);
}

GPollableReturn
l_transport_connect (LTransport *self,
                     LAddress   *address,
                     LOpenMode   mode,
                     int        *code)
{
  struct sockaddr_un native;
  gssize length;
  int result;

  if (self->descriptor < 0 && !open_socket (self, code))
    return G_POLLABLE_RETURN_FAILED;

  length = get_native_address (address, &native);
  if (length < 0)
    {
      *code = EAFNOSUPPORT;
      return G_POLLABLE_RETURN_FAILED;
    }

  L_SYSTEM_RETRY (result, l_system.connect ((int) self->descriptor, (struct sockaddr *) &native, length));
  if (result == 0 || errno == EISCONN)
    return G_POLLABLE_RETURN_OK;

  /* EAGAIN: the backlog is full. poll() is no help, an unconnected Unix socket is ready at once. */
  if (errno == EAGAIN || errno == EINPROGRESS || errno == EALREADY)
    return G_POLLABLE_RETURN_WOULD_BLOCK;

  *code = errno;
  return G_POLLABLE_RETURN_FAILED;
}

static int
get_option (int fd,
            int option)
{
  int value = -1;
  socklen_t length = sizeof value;

  if (l_system.getsockopt (fd, SOL_SOCKET, option, &value, &length) < 0)
    return -1;

  return value;
}

gboolean
l_transport_adopt (LTransport *self,
                   gintptr     descriptor,
                   LOpenMode   mode,
                   int        *code)
{
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;
  int fd = (int) descriptor;
  int type;

  errno = 0;
  type = get_option (fd, SO_TYPE);
  if (type < 0)
    {
      *code = errno;
      return FALSE;
    }

  if (l_system.getsockname (fd, (struct sockaddr *) &native, &length) < 0)
    {
      *code = errno;
      return FALSE;
    }

  if (type != SOCK_STREAM || native.sun_family != AF_UNIX)
    {
      *code = EPROTOTYPE;
      return FALSE;
    }

  set_descriptor (self, descriptor);
  return TRUE;
}

gboolean
l_transport_set_flags (LTransport *self,
                       int        *code)
{
  if (l_system.set_flags ((int) self->descriptor, O_NONBLOCK, FD_CLOEXEC) == 0)
    return TRUE;

  *code = errno;
  return FALSE;
}

gboolean
l_transport_adopt_accepted (LTransport *self,
                            gintptr     descriptor,
                            int        *code)
{
  set_descriptor (self, descriptor);
  return TRUE;
}

GPollableReturn
l_transport_check_connected (LTransport *self,
                             int        *code)
{
  struct sockaddr_un native;
  socklen_t length = sizeof native;
  int error;

  if (l_system.getpeername ((int) self->descriptor, (struct sockaddr *) &native, &length) == 0)
    return G_POLLABLE_RETURN_OK;

  if (errno != ENOTCONN)
    {
      *code = errno;
      return G_POLLABLE_RETURN_FAILED;
    }

  error = get_option ((int) self->descriptor, SO_ERROR);
  if (error <= 0)
    return G_POLLABLE_RETURN_WOULD_BLOCK;

  *code = error;
  return G_POLLABLE_RETURN_FAILED;
}

/* Who made the descriptor, or the listener that it comes from, may have asked for the peer's credentials with each message:
 * the kernel would say of them as well that there is no room. */
static void
make_plain (LTransport *self)
{
  static const int options[] = { SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD };
  const int off = FALSE;

  self->is_plain = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    l_system.setsockopt ((int) self->descriptor, SOL_SOCKET, options[i], &off, sizeof off);
}

/* Without room for them the kernel closes what was passed, and says so. That costs more than recv(), which does not say. */
static gssize
receive_and_count (LTransport *self,
                   void       *buffer,
                   gsize       count)
{
  struct iovec vector = { buffer, count };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
  gssize result;

  if (!self->is_plain)
    make_plain (self);

  L_SYSTEM_RETRY (result, l_system.recvmsg ((int) self->descriptor, &message, 0));
  if (result >= 0 && (message.msg_flags & MSG_CTRUNC) != 0)
    g_atomic_int_inc (&self->n_passed);

  return result;
}

GPollableReturn
l_transport_read (LTransport *self,
                  void       *buffer,
                  gsize       count,
                  gsize      *n_read,
                  int        *code)
{
  gssize result;

  if (G_UNLIKELY (self->counts_passed))
    result = receive_and_count (self, buffer, count);
  else
    L_SYSTEM_RETRY (result, l_system.recv ((int) self->descriptor, buffer, count, 0));
  if (result >= 0)
    {
      *n_read = result;
      return G_POLLABLE_RETURN_OK;
    }

  if (errno == EAGAIN)
    return G_POLLABLE_RETURN_WOULD_BLOCK;

  /* The peer left something unread, but all that it sent has been read. */
  if (errno == ECONNRESET)
    {
      *n_read = 0;
      return G_POLLABLE_RETURN_OK;
    }

  *code = errno;
  return G_POLLABLE_RETURN_FAILED;
}

/* Once a connection, and never to less than it was. */
static void
widen_if_refused (LTransport          *self,
                  const GOutputVector *vectors,
                  gsize                n_vectors,
                  gsize                n_written)
{
  const int wanted = SEND_BUFFER_SIZE;
  gsize size = 0;

  if (self->is_widened)
    return;

  for (gsize i = 0; i < n_vectors; i++)
    size += vectors[i].size;
  if (size - n_written < LARGE_REFUSAL)
    return;

  self->is_widened = TRUE;
  if (get_option ((int) self->descriptor, SO_SNDBUF) < wanted)
    l_system.setsockopt ((int) self->descriptor, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
}

GPollableReturn
l_transport_write (LTransport          *self,
                   const GOutputVector *vectors,
                   gsize                n_vectors,
                   gsize               *n_written,
                   int                 *code)
{
  struct msghdr message = {
    .msg_iov = (struct iovec *) vectors,
    .msg_iovlen = MIN (n_vectors, MAX_VECTORS),
  };
  gssize result;

  L_SYSTEM_RETRY (result, l_system.sendmsg ((int) self->descriptor, &message, MSG_NOSIGNAL));
  if (result >= 0)
    {
      widen_if_refused (self, vectors, n_vectors, result);
      *n_written = result;
      return G_POLLABLE_RETURN_OK;
    }

  if (errno == EAGAIN)
    {
      widen_if_refused (self, vectors, n_vectors, 0);
      return G_POLLABLE_RETURN_WOULD_BLOCK;
    }

  *code = errno;
  return G_POLLABLE_RETURN_FAILED;
}

/* What send() took the peer can read, whatever becomes of us. */
GPollableReturn
l_transport_flush (LTransport *self,
                   int        *code)
{
  return G_POLLABLE_RETURN_OK;
}

gboolean
l_transport_can_shutdown_write (void)
{
  return TRUE;
}

gboolean
l_transport_shutdown_write (LTransport *self,
                            int        *code)
{
  if (l_system.shutdown ((int) self->descriptor, SHUT_WR) == 0)
    return TRUE;

  *code = errno;
  return FALSE;
}

void
l_transport_shutdown (LTransport *self)
{
  if (self->descriptor >= 0)
    l_system.shutdown ((int) self->descriptor, SHUT_RDWR);
}

gboolean
l_transport_is_hung_up (LTransport *self)
{
  return (l_system_wait (self->descriptor, G_IO_HUP, 0, NULL, NULL) & (G_IO_HUP | G_IO_ERR)) != 0;
}

void
l_transport_set_condition (LTransport   *self,
                           GIOCondition  condition)
{
  if (self->reactor != NULL && self->descriptor >= 0)
    l_reactor_watch (self->reactor, &self->watch, self->descriptor, condition);
}

GIOCondition
l_transport_wait (LTransport   *self,
                  GIOCondition  condition,
                  gint64        deadline,
                  GCancellable *cancellable,
                  GCancellable *wake)
{
  gintptr descriptor = (gintptr) g_atomic_pointer_get (&self->descriptor);

  return l_system_wait (condition != 0 ? descriptor : -1, condition, deadline, cancellable, wake);
}

GSource *
l_transport_create_source (LTransport   *self,
                           GIOCondition  condition)
{
  return self->descriptor >= 0 ? g_unix_fd_source_new ((int) self->descriptor, condition) : NULL;
}

static GSocketAddress *
get_address (int (* get_name) (int, struct sockaddr *, socklen_t *),
             int fd)
{
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;

  if (fd < 0 || get_name (fd, (struct sockaddr *) &native, &length) < 0)
    return NULL;

  return g_socket_address_new_from_native (&native, length);
}

GSocketAddress *
l_transport_get_peer_address (LTransport *self)
{
  return get_address (l_system.getpeername, (int) self->descriptor);
}

GSocketAddress *
l_transport_get_local_address (LTransport *self)
{
  return get_address (l_system.getsockname, (int) self->descriptor);
}
