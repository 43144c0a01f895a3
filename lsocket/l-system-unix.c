/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-system-private.h"

#include <errno.h>
#include <unistd.h>

static int
system_set_flags (int fd,
                  int flags,
                  int descriptor_flags)
{
  int old_flags = fcntl (fd, F_GETFL);

  if (old_flags < 0)
    return -1;
  if (fcntl (fd, F_SETFD, descriptor_flags) < 0)
    return -1;

  return fcntl (fd, F_SETFL, old_flags | flags);
}

static int
system_accept (int fd,
               int flags)
{
#ifdef __linux__
  return accept4 (fd, NULL, NULL, flags);
#else
  int accepted = accept (fd, NULL, NULL);

  if (accepted >= 0 && system_set_flags (accepted, O_NONBLOCK, FD_CLOEXEC) < 0)
    {
      close (accepted);
      return -1;
    }

  return accepted;
#endif
}

/* What lies in one piece costs the kernel less to take. */
static ssize_t
system_sendmsg (int                  fd,
                const struct msghdr *message,
                int                  flags)
{
  if (message->msg_iovlen == 1 && message->msg_controllen == 0)
    return send (fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags);

  return sendmsg (fd, message, flags);
}

static int
system_open (const char *path,
             int         flags,
             mode_t      mode)
{
  return open (path, flags, mode);
}

/* In glibc these four are inline wrappers or take unions: without them the table's types would not fit. */
static int
system_connect (int                    fd,
                const struct sockaddr *address,
                socklen_t              length)
{
  return connect (fd, address, length);
}

static int
system_bind (int                    fd,
             const struct sockaddr *address,
             socklen_t              length)
{
  return bind (fd, address, length);
}

static int
system_getsockname (int              fd,
                    struct sockaddr *address,
                    socklen_t       *length)
{
  return getsockname (fd, address, length);
}

static int
system_getpeername (int              fd,
                    struct sockaddr *address,
                    socklen_t       *length)
{
  return getpeername (fd, address, length);
}

LSystem l_system = {
  .socket = socket,
  .connect = system_connect,
  .bind = system_bind,
  .listen = listen,
  .accept = system_accept,
  .recv = recv,
  .recvmsg = recvmsg,
  .sendmsg = system_sendmsg,
  .shutdown = shutdown,
  .close = close,
  .poll = poll,
  .getsockopt = getsockopt,
  .setsockopt = setsockopt,
  .getsockname = system_getsockname,
  .getpeername = system_getpeername,
  .open = system_open,
  .flock = flock,
  .set_flags = system_set_flags,
  .fstat = fstat,
  .fstatat = fstatat,
  .fchmod = fchmod,
  .fchmodat = fchmodat,
  .unlinkat = unlinkat,
#ifdef __linux__
  .epoll_create1 = epoll_create1,
  .epoll_ctl = epoll_ctl,
  .epoll_wait = epoll_wait,
#endif
};

#define POLL_PAUSE (10 * G_TIME_SPAN_MILLISECOND)

static int
get_msecs_left (gint64 deadline)
{
  gint64 left;

  if (deadline < 0)
    return -1;

  left = deadline - g_get_monotonic_time ();
  return left <= 0 ? 0 : (int) MIN ((left + 999) / 1000, G_MAXINT);
}

static int
make_fd (GCancellable *cancellable)
{
  GPollFD fd;

  return g_cancellable_make_pollfd (cancellable, &fd) ? fd.fd : -1;
}

GIOCondition
l_system_wait (gintptr       descriptor,
               GIOCondition  condition,
               gint64        deadline,
               GCancellable *cancellable,
               GCancellable *wake)
{
  /* poll() passes over negative descriptors. */
  struct pollfd fds[3] = {
    { .fd = (int) descriptor, .events = condition },
    { .fd = make_fd (cancellable), .events = POLLIN },
    { .fd = make_fd (wake), .events = POLLIN },
  };
  nfds_t n_fds = fds[2].fd >= 0 ? 3 : fds[1].fd >= 0 ? 2 : 1;
  int n_ready;

  /* Out of memory tells nothing of the descriptor; it is asked again after a while. */
  while ((n_ready = l_system.poll (fds, n_fds, get_msecs_left (deadline))) < 0 &&
         (errno == EINTR || get_msecs_left (deadline) != 0))
    if (errno != EINTR)
      g_usleep (POLL_PAUSE);

  if (fds[1].fd >= 0)
    g_cancellable_release_fd (cancellable);
  if (fds[2].fd >= 0)
    g_cancellable_release_fd (wake);

  if (n_ready < 0 || fds[1].revents != 0 || fds[2].revents != 0)
    return 0;

  return (GIOCondition) fds[0].revents;
}
