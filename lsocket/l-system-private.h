/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include <fcntl.h>
#include <poll.h>
#ifdef __linux__
# include <sys/epoll.h>
#endif
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Every system call of the library goes through this table, so that a test can record its arguments and make the
 * k-th call fail. */
typedef struct
{
  int     (* socket)        (int domain, int type, int protocol);
  int     (* connect)       (int fd, const struct sockaddr *address, socklen_t length);
  int     (* bind)          (int fd, const struct sockaddr *address, socklen_t length);
  int     (* listen)        (int fd, int backlog);
  int     (* accept)        (int fd, int flags);
  ssize_t (* recv)          (int fd, void *buffer, size_t count, int flags);
  ssize_t (* recvmsg)       (int fd, struct msghdr *message, int flags);
  ssize_t (* sendmsg)       (int fd, const struct msghdr *message, int flags);
  int     (* shutdown)      (int fd, int how);
  int     (* close)         (int fd);
  int     (* poll)          (struct pollfd *fds, nfds_t n_fds, int msecs);
  int     (* getsockopt)    (int fd, int level, int option, void *value, socklen_t *length);
  int     (* setsockopt)    (int fd, int level, int option, const void *value, socklen_t length);
  int     (* getsockname)   (int fd, struct sockaddr *address, socklen_t *length);
  int     (* getpeername)   (int fd, struct sockaddr *address, socklen_t *length);
  int     (* open)          (const char *path, int flags, mode_t mode);
  int     (* flock)         (int fd, int operation);
  int     (* set_flags)     (int fd, int flags, int descriptor_flags);
  int     (* fstat)         (int fd, struct stat *status);
  int     (* fstatat)       (int dir, const char *path, struct stat *status, int flags);
  int     (* fchmod)        (int fd, mode_t mode);
  int     (* fchmodat)      (int dir, const char *path, mode_t mode, int flags);
  int     (* unlinkat)      (int dir, const char *path, int flags);
#ifdef __linux__
  int     (* epoll_create1) (int flags);
  int     (* epoll_ctl)     (int epoll_fd, int operation, int fd, struct epoll_event *event);
  int     (* epoll_wait)    (int epoll_fd, struct epoll_event *events, int max_events, int msecs);
#endif
} LSystem;

extern LSystem l_system;

/* Run the call again for as long as a signal interrupts it. */
#define L_SYSTEM_RETRY(result, call) \
  G_STMT_START { do (result) = (call); while ((result) < 0 && errno == EINTR); } G_STMT_END

/* poll() on one descriptor (-1: none) and two cancellables until the deadline (monotonic time in microseconds, -1: none,
 * anything past: look only). 0 when it is over or one of them cancelled. */
GIOCondition l_system_wait (gintptr       descriptor,
                            GIOCondition  condition,
                            gint64        deadline,
                            GCancellable *cancellable,
                            GCancellable *wake);

G_END_DECLS
