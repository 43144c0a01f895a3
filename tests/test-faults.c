/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Every system call goes through the table l_system. Here it is replaced: scripted conversations run with the k-th call of
 * each function failing with each error that it may give, for every k. Whatever fails: nothing crashes or hangs, no
 * descriptor is left, each socket reports one error that fits and ends unconnected, and the objects can be used again.
 * The table also tells in which order and with which flags the calls come. */

#include "config.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lsocket/l-activation-private.h"
#include "lsocket/l-error-private.h"
#include "lsocket/l-system-private.h"
#include "lsocket/lsocket.h"

/* Of the C library's own heap, which a sanitizer replaces; that looks for leaks itself. */
#if defined (__GLIBC__) && __GLIBC_PREREQ (2, 33) && !defined (__SANITIZE_ADDRESS__) && !defined (__SANITIZE_THREAD__)
#define CAN_COUNT_MEMORY
#include <malloc.h>
#endif

static char *directory;

/* The table */

#define CALLS(X) \
  X (socket) X (connect) X (bind) X (listen) X (accept) X (recv) X (recvmsg) X (sendmsg) X (shutdown) X (close) X (poll) \
  X (getsockopt) X (setsockopt) X (getsockname) X (getpeername) X (open) X (flock) X (set_flags) X (fstat) X (fstatat) \
  X (fchmod) X (fchmodat) X (unlinkat) X (epoll_create1) X (epoll_ctl) X (epoll_wait)

typedef enum
{
#define X(name) CALL_##name,
  CALLS (X)
#undef X
  N_CALLS,
} Call;

static const char * const call_names[] = {
#define X(name) #name,
  CALLS (X)
#undef X
};

/* What each may say, 0 at the end. The first table of each manual page, less what only a program's error can cause. */
static const int call_errors[N_CALLS][12] = {
  [CALL_socket] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES, EAFNOSUPPORT },
  [CALL_connect] = { ECONNREFUSED, ENOENT, EACCES, EPERM, EAGAIN, EINTR, ENOTDIR, ELOOP, EPROTOTYPE, ETIMEDOUT, ENOMEM },
  [CALL_bind] = { EADDRINUSE, EACCES, ENOENT, ENOTDIR, EROFS, ENOMEM, ELOOP, ENOSPC, EDQUOT, EINVAL },
  [CALL_listen] = { EADDRINUSE, EOPNOTSUPP, ENOMEM, EINVAL },
  [CALL_accept] = { EAGAIN, EINTR, ECONNABORTED, EPROTO, EPERM, EMFILE, ENFILE, ENOBUFS, ENOMEM },
  [CALL_recv] = { EAGAIN, EINTR, ECONNRESET, ENOMEM, ENOBUFS, ETIMEDOUT, EIO },
  [CALL_recvmsg] = { EAGAIN, EINTR, ECONNRESET, ENOMEM, ENOBUFS, EMFILE },
  [CALL_sendmsg] = { EAGAIN, EINTR, EPIPE, ECONNRESET, ENOBUFS, ENOMEM, ENOTCONN },
  [CALL_shutdown] = { ENOTCONN, ENOBUFS },
  [CALL_close] = { EINTR, EIO },
  [CALL_poll] = { EINTR, ENOMEM, EINVAL },
  [CALL_getsockopt] = { ENOPROTOOPT, ENOTSOCK, ENOBUFS, ENOMEM },
  [CALL_setsockopt] = { ENOPROTOOPT, EINVAL, ENOMEM },
  [CALL_getsockname] = { ENOBUFS, ENOTSOCK },
  [CALL_getpeername] = { ENOBUFS, ENOTCONN },
  [CALL_open] = { EINTR, EMFILE, ENFILE, ENOENT, EACCES, ENOMEM, ELOOP, ENOTDIR, ENOSPC, EDQUOT, EROFS },
  [CALL_flock] = { EINTR, EWOULDBLOCK, ENOLCK, ENOMEM },
  [CALL_set_flags] = { EINVAL, EBADF },
  [CALL_fstat] = { EIO, ENOMEM },
  [CALL_fstatat] = { ENOENT, EACCES, ELOOP, ENOTDIR, ENOMEM, EIO },
  [CALL_fchmod] = { EPERM, EIO, EROFS, EINVAL },
  [CALL_fchmodat] = { EPERM, ENOENT, EROFS, EIO },
  [CALL_unlinkat] = { ENOENT, EACCES, EBUSY, EPERM, EROFS, EIO },
  [CALL_epoll_create1] = { EMFILE, ENFILE, ENOMEM },
  [CALL_epoll_ctl] = { ENOMEM, ENOSPC },
  [CALL_epoll_wait] = { EINTR },
};

static LSystem real;

static struct
{
  gboolean  armed;
  Call      call;         /* N_CALLS: none */
  guint     k;            /* from 1 */
  gboolean  forever;      /* from then on */
  int       code;
  gboolean  hit;

  gboolean  interrupt;    /* each call that a signal can interrupt is, once */
  gboolean  one_byte;     /* at a time */

  guint     counts[N_CALLS];
  guint     n_closing_interrupted;
  guint     n_umask_calls;

  GPtrArray *record;      /* (element-type utf8) (nullable): the calls on names, in order */
  mode_t    allowed_mode; /* what bind() may make at most */
  void      (* before_bind) (void);
  void      (* before_flock) (int fd);
  void      (* before_fchmodat) (void);
  void      (* before_unlinkat) (int dir);
} fake;

static void
record (const char *format,
        ...) G_GNUC_PRINTF (1, 2);

static void
record (const char *format,
        ...)
{
  va_list args;

  if (fake.record == NULL)
    return;

  va_start (args, format);
  g_ptr_array_add (fake.record, g_strdup_vprintf (format, args));
  va_end (args);
}

static const gboolean can_be_interrupted[N_CALLS] = {
  [CALL_connect] = TRUE,
  [CALL_accept] = TRUE,
  [CALL_recv] = TRUE,
  [CALL_recvmsg] = TRUE,
  [CALL_sendmsg] = TRUE,
  [CALL_poll] = TRUE,
  [CALL_open] = TRUE,
  [CALL_flock] = TRUE,
  [CALL_epoll_wait] = TRUE,
};

static gboolean
fails (Call call)
{
  if (!fake.armed)
    return FALSE;

  fake.counts[call]++;
  if (fake.interrupt && can_be_interrupted[call] && fake.counts[call] % 2 == 1)
    {
      errno = EINTR;
      return TRUE;
    }

  if (call != fake.call || fake.counts[call] < fake.k || (fake.counts[call] > fake.k && !fake.forever))
    return FALSE;

  fake.hit = TRUE;
  errno = fake.code;
  return TRUE;
}

/* Each reaches the system, or fails without. */
#define FAKE(type, name, parameters, arguments) \
  static type fake_##name parameters            \
  {                                             \
    check_##name arguments;                     \
    if (fails (CALL_##name))                    \
      return -1;                                \
    return real.name arguments;                 \
  }

#define UNCHECKED(name, parameters) \
  static inline void check_##name parameters {}

static void
check_socket (int domain, int type, int protocol)
{
  g_assert_cmpint (domain, ==, AF_UNIX);
  g_assert_cmpint (type & SOCK_CLOEXEC, !=, 0);
  g_assert_cmpint (type & SOCK_NONBLOCK, !=, 0);
}

static void
check_accept (int fd, int flags)
{
  g_assert_cmpint (flags, ==, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void
check_open (const char *path, int flags, mode_t mode)
{
  g_assert_cmpint (flags & O_CLOEXEC, !=, 0);
  if ((flags & O_CREAT) == 0)
    return;

  /* The lock: nobody else's, nowhere else, through no link. */
  g_assert_cmpint (flags & O_NOFOLLOW, !=, 0);
  g_assert_cmpuint (mode, ==, 0600);
  g_assert_true (g_str_has_prefix (path, directory));
  record ("lock");
}

static void
check_flock (int fd, int operation)
{
  g_assert_cmpint (operation, ==, LOCK_EX | LOCK_NB);
  if (fake.before_flock != NULL)
    fake.before_flock (fd);
}

static void
check_set_flags (int fd, int flags, int descriptor_flags)
{
  g_assert_cmpint (flags & ~O_NONBLOCK, ==, 0);
  g_assert_cmpint (descriptor_flags, ==, FD_CLOEXEC);
}

static void
check_fchmod (int fd, mode_t mode)
{
  record ("fchmod %o", (guint) mode);
}

static void
check_fchmodat (int dir, const char *path, mode_t mode, int flags)
{
  record ("fchmodat %o", (guint) mode);
  if (fake.before_fchmodat != NULL)
    fake.before_fchmodat ();
}

static void
check_listen (int fd, int backlog)
{
  g_assert_cmpint (backlog, >, 0);
  record ("listen %d", fd);
}

static void
check_epoll_create1 (int flags)
{
  g_assert_cmpint (flags, ==, EPOLL_CLOEXEC);
}

UNCHECKED (connect, (int fd, const struct sockaddr *address, socklen_t length))
UNCHECKED (shutdown, (int fd, int how))
UNCHECKED (poll, (struct pollfd *fds, nfds_t n_fds, int msecs))
UNCHECKED (getsockopt, (int fd, int level, int option, void *value, socklen_t *length))
UNCHECKED (setsockopt, (int fd, int level, int option, const void *value, socklen_t length))
UNCHECKED (recvmsg, (int fd, struct msghdr *message, int flags))
UNCHECKED (getsockname, (int fd, struct sockaddr *address, socklen_t *length))
UNCHECKED (getpeername, (int fd, struct sockaddr *address, socklen_t *length))
UNCHECKED (fstat, (int fd, struct stat *status))
UNCHECKED (fstatat, (int dir, const char *path, struct stat *status, int flags))
UNCHECKED (epoll_wait, (int epoll_fd, struct epoll_event *events, int max_events, int msecs))

FAKE (int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAKE (int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
FAKE (int, listen, (int fd, int backlog), (fd, backlog))
FAKE (int, accept, (int fd, int flags), (fd, flags))
FAKE (int, shutdown, (int fd, int how), (fd, how))
FAKE (int, poll, (struct pollfd *fds, nfds_t n_fds, int msecs), (fds, n_fds, msecs))
FAKE (int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
      (fd, level, option, value, length))
FAKE (int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
      (fd, level, option, value, length))
FAKE (ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAKE (int, getsockname, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
FAKE (int, getpeername, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
FAKE (int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
FAKE (int, flock, (int fd, int operation), (fd, operation))
FAKE (int, set_flags, (int fd, int flags, int descriptor_flags), (fd, flags, descriptor_flags))
FAKE (int, fstat, (int fd, struct stat *status), (fd, status))
FAKE (int, fstatat, (int dir, const char *path, struct stat *status, int flags), (dir, path, status, flags))
FAKE (int, fchmod, (int fd, mode_t mode), (fd, mode))
FAKE (int, fchmodat, (int dir, const char *path, mode_t mode, int flags), (dir, path, mode, flags))
FAKE (int, epoll_create1, (int flags), (flags))
FAKE (int, epoll_wait, (int epoll_fd, struct epoll_event *events, int max_events, int msecs),
      (epoll_fd, events, max_events, msecs))

static int
fake_bind (int                    fd,
           const struct sockaddr *address,
           socklen_t              length)
{
  const struct sockaddr_un *native = (gconstpointer) address;
  struct stat status;
  int result;

  record ("bind");
  if (fake.before_bind != NULL)
    fake.before_bind ();
  if (fails (CALL_bind))
    return -1;

  result = real.bind (fd, address, length);
  /* Born no looser than asked. */
  if (result == 0 && native->sun_path[0] != '\0' && lstat (native->sun_path, &status) == 0)
    g_assert_cmpuint (status.st_mode & 07777 & ~fake.allowed_mode, ==, 0);

  return result;
}

static ssize_t
fake_recv (int     fd,
           void   *buffer,
           size_t  count,
           int     flags)
{
  g_assert_cmpuint (count, >, 0);
  if (fails (CALL_recv))
    return -1;

  return real.recv (fd, buffer, fake.one_byte ? 1 : count, flags);
}

static ssize_t
fake_sendmsg (int                  fd,
              const struct msghdr *message,
              int                  flags)
{
  struct msghdr part = *message;
  struct iovec vector;

  g_assert_cmpint (flags & MSG_NOSIGNAL, !=, 0);
  g_assert_cmpuint (message->msg_iovlen, >, 0);
  if (fails (CALL_sendmsg))
    return -1;

  if (fake.one_byte)
    {
      vector = part.msg_iov[0];
      g_assert_cmpuint (vector.iov_len, >, 0);
      vector.iov_len = 1;
      part.msg_iov = &vector;
      part.msg_iovlen = 1;
    }

  return real.sendmsg (fd, &part, flags);
}

/* Linux has closed it whatever it says. */
static int
fake_close (int fd)
{
  int result;

  g_assert_cmpint (fd, >=, 0);
  record ("close %d", fd);
  result = real.close (fd);
  g_assert_cmpint (result, ==, 0);
  if (fake.armed && fake.interrupt)
    {
      errno = EINTR;
      return -1;
    }

  return fails (CALL_close) ? -1 : 0;
}

static int
fake_unlinkat (int         dir,
               const char *path,
               int         flags)
{
  g_assert_cmpint (flags, ==, 0);
  record (dir == AT_FDCWD ? "unlock" : "unlink");
  if (fake.before_unlinkat != NULL)
    fake.before_unlinkat (dir);
  if (fails (CALL_unlinkat))
    {
      /* Somebody else was faster. */
      if (fake.code == ENOENT)
        real.unlinkat (dir, path, flags);
      errno = fake.code;
      return -1;
    }

  return real.unlinkat (dir, path, flags);
}

/* Only joining needs anything of the system. */
static int
fake_epoll_ctl (int                 epoll_fd,
                int                 operation,
                int                 fd,
                struct epoll_event *event)
{
  int result;

  if (operation == EPOLL_CTL_ADD && fails (CALL_epoll_ctl))
    return -1;

  result = real.epoll_ctl (epoll_fd, operation, fd, event);
  g_assert_cmpint (result, ==, 0);
  return result;
}

mode_t umask (mode_t mask);

/* In place of the C library's, for whoever is linked into this program. */
mode_t
umask (mode_t mask)
{
  fake.n_umask_calls++;
  return syscall (SYS_umask, mask);
}

static mode_t
set_umask (mode_t mask)
{
  return syscall (SYS_umask, mask);
}

static void
install_fakes (void)
{
  real = l_system;
#define X(name) l_system.name = fake_##name;
  CALLS (X)
#undef X
  fake.call = N_CALLS;
  fake.allowed_mode = 0777;
}

static void
arm (void)
{
  fake.armed = TRUE;
}

static void
disarm (void)
{
  fake.armed = FALSE;
  fake.call = N_CALLS;
  fake.forever = FALSE;
  fake.interrupt = FALSE;
  fake.one_byte = FALSE;
}

/* A conversation: two ends and what they say */

typedef struct
{
  GMainContext *context;
  LServer      *server;
  LSocket      *client;
  LSocket      *peer;
  guint         n_server_errors;
  gboolean      is_done; /* it went as it should */
} Talk;

static const char *
get_fault (void)
{
  static char text[128];

  g_snprintf (text, sizeof text, "%s call %u: %s",
              fake.call < N_CALLS ? call_names[fake.call] : "no", fake.k, g_strerror (fake.code));
  return text;
}

static gboolean
stop_waiting (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static void
turn (GMainContext *context)
{
  GSource *source = g_timeout_source_new (20);

  g_source_set_callback (source, stop_waiting, NULL, NULL);
  g_source_attach (source, context);
  g_main_context_iteration (context, TRUE);
  g_source_destroy (source);
  g_source_unref (source);
}

static void
turn_all (GMainContext *context)
{
  for (guint n_idle = 0; n_idle < 2;)
    n_idle = g_main_context_iteration (context, FALSE) ? 0 : n_idle + 1;
}

#define TURN_UNTIL(talk, expression)                                                                   \
  G_STMT_START                                                                                         \
    {                                                                                                  \
      gint64 turn_deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;                        \
      while (!(expression))                                                                            \
        {                                                                                              \
          if (g_get_monotonic_time () > turn_deadline)                                                 \
            g_error ("%s:%d: never became true: %s (%s)", __FILE__, __LINE__, #expression, get_fault ()); \
          turn ((talk)->context);                                                                      \
        }                                                                                              \
    }                                                                                                  \
  G_STMT_END

static guint
count_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static gboolean
is_fitting (LSocketError code)
{
  if (!fake.hit)
    return FALSE;
  /* That is what it asks for. */
  if (fake.call == CALL_getpeername && fake.code == ENOTCONN)
    return code == L_SOCKET_ERROR_OPERATION;
  /* Who cannot be told is not let in. */
  if (fake.call == CALL_getsockopt && code == L_SOCKET_ERROR_ACCESS)
    return TRUE;

  return code == l_error_from_system (fake.code) || code == L_SOCKET_ERROR_PEER_CLOSED;
}

static void
on_socket_error (LSocket      *socket,
                 LSocketError  code,
                 gpointer      unused)
{
  guint n_errors = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (socket), "n-errors"));

  /* That the peer went is no fault's doing. */
  if (code != L_SOCKET_ERROR_PEER_CLOSED && !is_fitting (code))
    g_error ("error %d does not fit %s", code, get_fault ());
  g_assert_cmpint (l_socket_get_error (socket), ==, code);
  g_assert_nonnull (l_io_device_get_error_string (L_IO_DEVICE (socket)));
  g_assert_cmpuint (n_errors, ==, 0);
  g_object_set_data (G_OBJECT (socket), "n-errors", GUINT_TO_POINTER (n_errors + 1));
}

static void
on_input_finished (LSocket  *socket,
                   gpointer  unused)
{
  g_object_set_data (G_OBJECT (socket), "finished", GUINT_TO_POINTER (TRUE));
}

static LSocket *
track (LSocket *socket)
{
  g_signal_connect (socket, "error", G_CALLBACK (on_socket_error), NULL);
  g_signal_connect (socket, "read-channel-finished", G_CALLBACK (on_input_finished), NULL);
  return socket;
}

static guint
get_n_errors (LSocket *socket)
{
  return GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (socket), "n-errors"));
}

static void
on_server_error (LServer      *server,
                 LSocketError  code,
                 guint        *n_errors)
{
  if (!is_fitting (code))
    g_error ("error %d does not fit %s", code, get_fault ());
  g_assert_true (l_server_is_listening (server));
  ++*n_errors;
}

/* The result of what fails with a GError. */
static gboolean
check_result (gboolean   result,
              GError   **error_out)
{
  const GError *error = *error_out;

  if (result)
    {
      g_assert_no_error (error);
      return TRUE;
    }

  g_assert_nonnull (error);
  g_assert_true (error->domain == L_SOCKET_ERROR);
  g_assert_nonnull (error->message);
  /* Whatever cannot be told apart from somebody else's socket is left alone, and a directory that changes is refused. */
  if (!is_fitting (error->code) &&
      !(fake.hit && (fake.call == CALL_fstatat || fake.call == CALL_connect || fake.call == CALL_fstat) &&
        (error->code == L_SOCKET_ERROR_ADDRESS_IN_USE || error->code == L_SOCKET_ERROR_ACCESS)) &&
      !(fake.hit && (fake.call == CALL_getsockname || fake.call == CALL_getsockopt || fake.call == CALL_getpeername) &&
        (error->code == L_SOCKET_ERROR_UNSUPPORTED_OPERATION || error->code == L_SOCKET_ERROR_OPERATION)))
    g_error ("“%s” does not fit %s", error->message, get_fault ());
  return FALSE;
}

static gboolean
listen_plain (Talk *talk)
{
  g_autoptr(GError) error = NULL;
  gboolean listening = l_server_listen (talk->server, "market", &error);

  g_assert_cmpint (l_server_is_listening (talk->server), ==, listening);
  if (!listening)
    g_assert_cmpint (l_server_get_socket_descriptor (talk->server), ==, -1);
  return check_result (listening, &error);
}

static gboolean
is_connected (LSocket *socket)
{
  return l_socket_get_state (socket) == L_SOCKET_STATE_CONNECTED;
}

static gboolean
is_unconnected (LSocket *socket)
{
  return socket == NULL || l_socket_get_state (socket) == L_SOCKET_STATE_UNCONNECTED;
}

/* Somebody has lost the connection. */
static gboolean
is_over (Talk *talk)
{
  return is_unconnected (talk->client) || (talk->peer != NULL && is_unconnected (talk->peer));
}

static gboolean
take (Talk *talk)
{
  /* Or it was not let in. */
  TURN_UNTIL (talk, l_server_has_pending_connections (talk->server) || is_unconnected (talk->client));
  if (!l_server_has_pending_connections (talk->server))
    return FALSE;

  talk->peer = track (l_server_next_pending_connection (talk->server));
  return is_connected (talk->peer);
}

static gboolean
connect_client (Talk *talk)
{
  l_socket_connect_to_server (talk->client, "market", L_OPEN_MODE_READ_WRITE);
  TURN_UNTIL (talk, l_socket_get_state (talk->client) != L_SOCKET_STATE_CONNECTING);
  if (is_connected (talk->client))
    return take (talk);

  g_assert_cmpuint (get_n_errors (talk->client), ==, 1);
  return FALSE;
}

static void
say (LSocket    *socket,
     const char *text)
{
  if (is_connected (socket))
    l_io_device_write (L_IO_DEVICE (socket), text, strlen (text), NULL);
}

/* That exactly the text comes. */
static gboolean
hear (Talk       *talk,
      LSocket    *socket,
      const char *text)
{
  g_autoptr(GBytes) bytes = NULL;

  TURN_UNTIL (talk, l_io_device_get_bytes_available (L_IO_DEVICE (socket)) >= strlen (text) ||
                    g_object_get_data (G_OBJECT (socket), "finished") != NULL);
  bytes = l_io_device_read_all (L_IO_DEVICE (socket), NULL);
  if (bytes == NULL || g_bytes_get_size (bytes) < strlen (text))
    return FALSE;

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
  return TRUE;
}

static void
hang_up (Talk *talk)
{
  l_socket_disconnect_from_server (talk->client);
  TURN_UNTIL (talk, is_unconnected (talk->client) && is_unconnected (talk->peer));
}

/* The conversations */

static void
converse_listen (Talk *talk)
{
  arm ();
  if (!listen_plain (talk))
    return;

  l_server_close (talk->server);
  g_assert_false (l_server_is_listening (talk->server));
  g_assert_cmpint (l_server_get_socket_descriptor (talk->server), ==, -1);
  talk->is_done = TRUE;
}

static int
raw_listen (const char *path)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  memcpy (native.sun_path, path, strlen (path));
  g_assert_cmpint (bind (fd, (struct sockaddr *) &native, sizeof native), ==, 0);
  g_assert_cmpint (listen (fd, 8), ==, 0);
  return fd;
}

static char *
get_path (void)
{
  return g_build_filename (directory, "market", NULL);
}

static void
converse_replace (Talk *talk)
{
  g_autofree char *path = get_path ();

  close (raw_listen (path));
  converse_listen (talk);
}

static void
converse_in_use (Talk *talk)
{
  g_autofree char *path = get_path ();
  int fd = raw_listen (path);
  struct stat before, after;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (stat (path, &before), ==, 0);
  arm ();
  /* Whatever fails, what lives stays; unless the system calls it dead. */
  if (fake.call == CALL_connect && fake.code == ECONNREFUSED)
    disarm ();
  g_assert_false (l_server_listen (talk->server, "market", &error));
  g_assert_true (!l_server_remove ("market", L_SERVER_OPTIONS_NONE, NULL) ||
                 (fake.call == CALL_fstatat && (fake.code == ENOENT || fake.code == ENOTDIR)));
  g_assert_cmpint (stat (path, &after), ==, 0);
  g_assert_cmpuint (before.st_ino, ==, after.st_ino);
  talk->is_done = g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  close (fd);
  g_unlink (path);
}

static void
converse_umask (Talk *talk)
{
  mode_t old_mask = set_umask (0177);

  l_server_set_options (talk->server, L_SERVER_OPTIONS_WORLD_ACCESS);
  converse_listen (talk);
  set_umask (old_mask);
}

static void
converse_remove (Talk *talk)
{
  g_autofree char *path = get_path ();
  g_autoptr(GError) error = NULL;

  close (raw_listen (path));
  arm ();
  talk->is_done = check_result (l_server_remove ("market", L_SERVER_OPTIONS_NONE, &error), &error);
  if (talk->is_done && !(fake.call == CALL_fstatat && (fake.code == ENOENT || fake.code == ENOTDIR)) &&
      !(fake.call == CALL_unlinkat && fake.code == ENOENT))
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* There is nothing to remove, and whether somebody listens only trying tells. */
static void
converse_remove_abstract (Talk *talk)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d", getpid ());
  g_autoptr(GError) error = NULL;

  arm ();
  talk->is_done = check_result (l_server_remove (name, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, &error), &error);
}

static void
converse_listen_descriptor (Talk *talk)
{
  g_autofree char *path = get_path ();
  int fd = raw_listen (path);
  g_autoptr(GError) error = NULL;

  arm ();
  if (check_result (l_server_listen_descriptor (talk->server, fd, &error), &error))
    {
      talk->is_done = connect_client (talk);
      hang_up (talk);
      l_server_close (talk->server);
      talk->is_done = talk->is_done && fcntl (fd, F_GETFD) == -1;
    }
  else
    {
      /* Still the caller's. */
      g_assert_false (l_server_is_listening (talk->server));
      g_assert_cmpint (fcntl (fd, F_GETFD), !=, -1);
      close (fd);
    }
  g_unlink (path);
}

static void
converse_abstract (Talk *talk)
{
  g_autofree char *name = g_strdup_printf ("lsocket-test-%d", getpid ());
  g_autoptr(GError) error = NULL;

  l_server_set_options (talk->server, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE);
  l_socket_set_options (talk->client, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE);
  arm ();
  if (!check_result (l_server_listen (talk->server, name, &error), &error))
    return;

  l_socket_connect_to_server (talk->client, name, L_OPEN_MODE_READ_WRITE);
  TURN_UNTIL (talk, l_socket_get_state (talk->client) != L_SOCKET_STATE_CONNECTING);
  if (!is_connected (talk->client))
    return;

  talk->is_done = take (talk);
  hang_up (talk);
}

static void
converse_connect (Talk *talk)
{
  g_assert_true (listen_plain (talk));
  arm ();
  talk->is_done = connect_client (talk);
  hang_up (talk);
}

static void
converse_echo (Talk *talk)
{
  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  say (talk->client, "hello");
  if (hear (talk, talk->peer, "hello"))
    {
      say (talk->peer, "there");
      talk->is_done = hear (talk, talk->client, "there");
    }
  hang_up (talk);
}

static void
converse_remote_close (Talk *talk)
{
  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  say (talk->peer, "farewell");
  l_socket_disconnect_from_server (talk->peer);
  talk->is_done = hear (talk, talk->client, "farewell");
  TURN_UNTIL (talk, is_unconnected (talk->client) && is_unconnected (talk->peer));
}

static void
converse_disconnect (Talk *talk)
{
  gsize size = fake.one_byte ? 3000 : 400000;
  g_autofree char *text = g_strnfill (size, 'x');
  gsize total = 0;

  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  say (talk->client, text);
  l_socket_disconnect_from_server (talk->client);
  TURN_UNTIL (talk, is_unconnected (talk->client) && is_unconnected (talk->peer));
  for (GBytes *bytes; (bytes = l_io_device_read_all (L_IO_DEVICE (talk->peer), NULL)) != NULL; g_bytes_unref (bytes))
    total += g_bytes_get_size (bytes);
  g_assert_cmpuint (total, <=, size);
  talk->is_done = total == size;
}

static void
converse_shutdown (Talk *talk)
{
  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  say (talk->client, "question");
  l_socket_set_half_open (talk->peer, TRUE);
  l_socket_shutdown_write (talk->client, NULL);
  if (hear (talk, talk->peer, "question"))
    {
      say (talk->peer, "answer");
      talk->is_done = hear (talk, talk->client, "answer");
    }
  l_socket_disconnect_from_server (talk->peer);
  hang_up (talk);
}

static void
converse_abort (Talk *talk)
{
  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  say (talk->client, "lost");
  l_socket_abort (talk->client);
  g_assert_true (is_unconnected (talk->client));
  TURN_UNTIL (talk, is_unconnected (talk->peer));
  talk->is_done = TRUE;
}

static void
converse_close_server (Talk *talk)
{
  g_autoptr(LSocket) waiting = track (l_socket_new ());

  arm ();
  if (!listen_plain (talk) || !connect_client (talk))
    return;

  /* One that was taken, one that waits. */
  l_socket_connect_to_server (waiting, "market", L_OPEN_MODE_READ_WRITE);
  TURN_UNTIL (talk, is_unconnected (waiting) ||
                    (is_connected (waiting) && l_server_has_pending_connections (talk->server)));
  l_server_close (talk->server);
  TURN_UNTIL (talk, is_unconnected (waiting));
  say (talk->client, "still");
  talk->is_done = hear (talk, talk->peer, "still");
  hang_up (talk);
}

/* The listening socket leaves the reactor and joins it again. */
static void
converse_queue (Talk *talk)
{
  LSocket *clients[3], *peers[3] = { NULL };
  guint n_connected = 0;

  g_assert_true (listen_plain (talk));
  l_server_set_max_pending_connections (talk->server, 1);
  arm ();
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = track (l_socket_new ());
      l_socket_connect_to_server (clients[i], "market", L_OPEN_MODE_READ_WRITE);
      TURN_UNTIL (talk, l_socket_get_state (clients[i]) != L_SOCKET_STATE_CONNECTING);
      n_connected += is_connected (clients[i]);
    }
  for (guint i = 0; i < n_connected; i++)
    {
      TURN_UNTIL (talk, l_server_has_pending_connections (talk->server));
      peers[i] = track (l_server_next_pending_connection (talk->server));
    }
  talk->is_done = n_connected == G_N_ELEMENTS (clients);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    l_socket_disconnect_from_server (clients[i]);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      TURN_UNTIL (talk, is_unconnected (clients[i]) && is_unconnected (peers[i]));
      g_object_unref (clients[i]);
      g_clear_object (&peers[i]);
    }
}

static void
converse_adopt (Talk *talk)
{
  g_autoptr(GError) error = NULL;
  int fds[2];
  char buffer[16];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  arm ();
  if (l_socket_set_socket_descriptor (talk->client, fds[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error))
    {
      g_assert_cmpint (write (fds[1], "hello", 5), ==, 5);
      if (hear (talk, talk->client, "hello"))
        {
          say (talk->client, "there");
          TURN_UNTIL (talk, l_io_device_get_bytes_to_write (L_IO_DEVICE (talk->client)) == 0 || is_over (talk));
          talk->is_done = recv (fds[1], buffer, sizeof buffer, MSG_DONTWAIT) == 5;
        }
      hang_up (talk);
    }
  else
    {
      /* Still the caller's. */
      check_result (FALSE, &error);
      g_assert_true (is_unconnected (talk->client));
      g_assert_cmpint (get_n_errors (talk->client), ==, 1);
      g_assert_cmpint (fcntl (fds[0], F_GETFD), !=, -1);
      close (fds[0]);
    }
  close (fds[1]);
}

/* Both ends in one thread, without a loop. */
static void
converse_waits (Talk *talk)
{
  g_autoptr(GError) error = NULL;
  guint n_waits = 0;

  g_assert_true (listen_plain (talk));
  arm ();
  if (!check_result (l_socket_connect_to_server_sync (talk->client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error),
                     &error))
    return;

  g_assert_true (l_server_wait_for_new_connection (talk->server, 10000, NULL));
  talk->peer = track (l_server_next_pending_connection (talk->server));
  /* Nothing comes yet. */
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (talk->peer), 5));
  if (!is_over (talk))
    g_assert_cmpint (l_socket_get_error (talk->peer), ==, L_SOCKET_ERROR_TIMEOUT);
  say (talk->client, "hello");
  l_io_device_wait_for_bytes_written (L_IO_DEVICE (talk->client), 10000);
  while (!is_over (talk) && l_io_device_get_bytes_available (L_IO_DEVICE (talk->peer)) < 5)
    {
      l_io_device_wait_for_ready_read (L_IO_DEVICE (talk->peer), 10000);
      /* What a fault kept back goes with the next wait. */
      while (!is_over (talk) && l_io_device_get_bytes_to_write (L_IO_DEVICE (talk->client)) > 0)
        l_io_device_wait_for_bytes_written (L_IO_DEVICE (talk->client), 10000);
      g_assert_cmpuint (++n_waits, <, 100);
    }
  talk->is_done = l_io_device_get_bytes_available (L_IO_DEVICE (talk->peer)) == 5;
  l_socket_disconnect_from_server (talk->client);
  if (!is_unconnected (talk->client))
    g_assert_true (l_socket_wait_for_disconnected (talk->client, 10000));
  if (!is_unconnected (talk->peer))
    g_assert_true (l_socket_wait_for_disconnected (talk->peer, 10000));
}

static void
store_result (GObject      *source,
              GAsyncResult *result,
              gpointer      result_out)
{
  GAsyncResult **out = result_out;

  g_assert_null (*out);
  *out = g_object_ref (result);
}

static void
converse_async (Talk *talk)
{
  g_autoptr(GAsyncResult) connected = NULL;
  g_autoptr(GAsyncResult) accepted = NULL;
  g_autoptr(GAsyncResult) disconnected = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (listen_plain (talk));
  arm ();
  l_server_accept_async (talk->server, NULL, store_result, &accepted);
  l_socket_connect_to_server_async (talk->client, "market", L_OPEN_MODE_READ_WRITE, NULL, store_result, &connected);
  TURN_UNTIL (talk, connected != NULL);
  if (check_result (l_socket_connect_to_server_finish (talk->client, connected, &error), &error))
    {
      TURN_UNTIL (talk, accepted != NULL);
      talk->peer = track (l_server_accept_finish (talk->server, accepted, &error));
      g_assert_no_error (error);
      say (talk->client, "hello");
      talk->is_done = hear (talk, talk->peer, "hello");
      l_socket_disconnect_from_server_async (talk->client, NULL, store_result, &disconnected);
      TURN_UNTIL (talk, disconnected != NULL);
      g_assert_true (is_unconnected (talk->client));
      TURN_UNTIL (talk, is_unconnected (talk->peer));
    }
  else
    {
      g_assert_true (is_unconnected (talk->client));
      l_server_close (talk->server);
      TURN_UNTIL (talk, accepted != NULL);
      g_clear_error (&error);
      /* It may have been accepted before it failed. */
      talk->peer = l_server_accept_finish (talk->server, accepted, &error);
      if (talk->peer == NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      TURN_UNTIL (talk, is_unconnected (talk->peer));
    }
}

static void
converse_stream (Talk *talk)
{
  GOutputStream *output;
  GInputStream *input;
  char buffer[16];
  gssize n;

  g_assert_true (listen_plain (talk));
  arm ();
  if (!connect_client (talk))
    return;

  output = g_io_stream_get_output_stream (G_IO_STREAM (talk->client));
  input = g_io_stream_get_input_stream (G_IO_STREAM (talk->peer));
  if (g_output_stream_write_all (output, "hello", 5, NULL, NULL, NULL))
    {
      gsize total = 0;

      while (total < 5 && (n = g_input_stream_read (input, buffer, sizeof buffer, NULL, NULL)) > 0)
        total += n;
      talk->is_done = total == 5;
    }
  g_io_stream_close (G_IO_STREAM (talk->peer), NULL, NULL);
  g_assert_true (is_unconnected (talk->peer));
  hang_up (talk);
}

/* Who looks is told who is there. */
static gboolean
on_authorize (LServer      *server,
              LCredentials *credentials,
              gpointer      unused)
{
  return l_credentials_is_same_user (credentials);
}

static void
converse_credentials (Talk *talk)
{
  LCredentials *credentials;
  gulong id = g_signal_connect (talk->server, "authorize", G_CALLBACK (on_authorize), NULL);

  l_server_set_peer_policy (talk->server, L_PEER_POLICY_SAME_USER);
  l_server_set_max_connections_per_user (talk->server, 2);
  l_socket_set_peer_policy (talk->client, L_PEER_POLICY_SAME_USER);
  g_assert_true (listen_plain (talk));
  arm ();
  if (connect_client (talk))
    {
      credentials = l_socket_get_peer_credentials (talk->peer);
      g_assert_true (credentials == NULL || l_credentials_get_uid (credentials) == getuid () ||
                     l_credentials_get_uid (credentials) == -1);
      say (talk->client, "hello");
      talk->is_done = hear (talk, talk->peer, "hello") && credentials != NULL;
    }
  hang_up (talk);
  g_signal_handler_disconnect (talk->server, id);
  l_server_set_max_connections_per_user (talk->server, 0);
}

/* A peer that passes descriptors where they are counted: none stays. */
static void
converse_descriptors (Talk *talk)
{
  char control[CMSG_SPACE (2 * sizeof (int))] = { 0 };
  struct iovec vector = { .iov_base = (char *) "hello", .iov_len = 5 };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  g_autoptr(GError) error = NULL;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  l_socket_set_count_descriptors (talk->client, TRUE);
  arm ();
  if (l_socket_set_socket_descriptor (talk->client, fds[0], L_SOCKET_STATE_CONNECTED, L_OPEN_MODE_READ_WRITE, &error))
    {
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (2 * sizeof (int));
      memcpy (CMSG_DATA (header), fds, sizeof fds);
      /* Refused where the system can refuse. */
      if (sendmsg (fds[1], &message, MSG_NOSIGNAL) < 0)
        g_assert_cmpint (write (fds[1], "hello", 5), ==, 5);
      talk->is_done = hear (talk, talk->client, "hello");
      hang_up (talk);
    }
  else
    {
      check_result (FALSE, &error);
      close (fds[0]);
    }
  close (fds[1]);
  l_socket_set_count_descriptors (talk->client, FALSE);
}

/* A connect() of somebody else that is still pending. */
static void
converse_adopt_connecting (Talk *talk)
{
  struct sockaddr_un native = { .sun_family = AF_UNIX };
  g_autofree char *path = get_path ();
  g_autoptr(GError) error = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_true (listen_plain (talk));
  memcpy (native.sun_path, path, strlen (path));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &native, sizeof native), ==, 0);
  arm ();
  if (l_socket_set_socket_descriptor (talk->client, fd, L_SOCKET_STATE_CONNECTING, L_OPEN_MODE_READ_WRITE, &error))
    {
      TURN_UNTIL (talk, l_socket_get_state (talk->client) != L_SOCKET_STATE_CONNECTING);
      talk->is_done = is_connected (talk->client) && take (talk);
      hang_up (talk);
    }
  else
    {
      check_result (FALSE, &error);
      g_assert_cmpint (fcntl (fd, F_GETFD), !=, -1);
      close (fd);
    }
}

/* What a service manager passed. */
static void
converse_activation (Talk *talk)
{
  g_autofree char *path = get_path ();
  static gboolean is_taken;
  g_autoptr(GError) error = NULL;
  int fd = raw_listen (path), saved = -1;

  /* The first that is passed is 3, which something else may be. */
  if (fd != 3)
    {
      saved = fcntl (3, F_DUPFD_CLOEXEC, 10);
      g_assert_cmpint (dup3 (fd, 3, O_CLOEXEC), ==, 3);
      close (fd);
    }
  /* The environment is read once, and each can be had once. */
  if (is_taken)
    l_activation_give_back (3);
  arm ();
  if (check_result (l_server_listen_activated (talk->server, "market", &error), &error))
    {
      talk->is_done = connect_client (talk);
      hang_up (talk);
      l_server_close (talk->server);
      is_taken = TRUE;
    }
  else
    {
      g_assert_false (l_server_is_listening (talk->server));
      g_assert_cmpint (close (3), ==, 0);
      is_taken = FALSE;
    }
  if (saved >= 0)
    {
      g_assert_cmpint (dup3 (saved, 3, O_CLOEXEC), ==, 3);
      close (saved);
    }
  g_unlink (path);
}

static const struct
{
  const char *name;
  void        (* func) (Talk *talk);
  gboolean    says_farewell; /* data and the end come together */
} conversations[] = {
  { "listen", converse_listen },
  { "replace", converse_replace },
  { "in-use", converse_in_use },
  { "umask", converse_umask },
  { "remove", converse_remove },
  { "remove-abstract", converse_remove_abstract },
  { "listen-descriptor", converse_listen_descriptor },
  { "abstract", converse_abstract },
  { "connect", converse_connect },
  { "echo", converse_echo },
  { "remote-close", converse_remote_close, TRUE },
  { "disconnect", converse_disconnect, TRUE },
  { "shutdown", converse_shutdown },
  { "abort", converse_abort },
  { "close-server", converse_close_server },
  { "queue", converse_queue },
  { "adopt", converse_adopt },
  { "waits", converse_waits },
  { "async", converse_async },
  { "stream", converse_stream },
  { "credentials", converse_credentials },
  { "descriptors", converse_descriptors },
  { "adopt-connecting", converse_adopt_connecting },
  { "activation", converse_activation },
};

/* Running one */

static void
clean_directory (void)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
}

static gboolean
is_directory_empty (void)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);

  return g_dir_read_name (dir) == NULL;
}

/* The objects that have been through it do what new ones do. */
static void
check_usable (Talk *talk)
{
  g_autoptr(GError) error = NULL;

  g_clear_object (&talk->peer);
  g_object_set_data (G_OBJECT (talk->client), "n-errors", NULL);
  g_object_set_data (G_OBJECT (talk->client), "finished", NULL);
  if (l_server_is_listening (talk->server))
    l_server_close (talk->server);
  l_server_set_options (talk->server, L_SERVER_OPTIONS_NONE);
  l_socket_set_options (talk->client, L_SOCKET_OPTIONS_NONE);
  l_server_listen (talk->server, "market", &error);
  g_assert_no_error (error);
  g_assert_true (connect_client (talk));
  g_assert_cmpint (l_socket_get_error (talk->client), ==, L_SOCKET_ERROR_UNKNOWN);
  say (talk->client, "again");
  g_assert_true (hear (talk, talk->peer, "again"));
  hang_up (talk);
}

static void
drop (gpointer *object)
{
  gpointer watched = *object;

  if (watched == NULL)
    return;

  g_object_add_weak_pointer (watched, &watched);
  g_clear_object (object);
  g_assert_null (watched);
}

/* How many descriptors its sources wait for; and none waits for a time. */
static int
count_polled (GMainContext *context)
{
  GPollFD fds[16];
  int priority, timeout, n;

  g_assert_true (g_main_context_acquire (context));
  g_main_context_prepare (context, &priority);
  n = g_main_context_query (context, G_MAXINT, &timeout, fds, G_N_ELEMENTS (fds));
  g_main_context_release (context);

  g_assert_cmpint (timeout, ==, -1);
  return n;
}

/* Whether it went as it should. What has to hold in any case is checked here. */
static gboolean
run (void (* converse) (Talk *talk))
{
  Talk talk = { 0 };
  guint n_descriptors = count_descriptors ();
  gboolean may_leave_names;

  memset (fake.counts, 0, sizeof fake.counts);
  fake.hit = FALSE;
  talk.context = g_main_context_new ();
  g_main_context_push_thread_default (talk.context);

  /* Making the first object makes the reactor. */
  arm ();
  talk.client = track (l_socket_new ());
  fake.armed = FALSE;
  talk.server = l_server_new ();
  g_signal_connect (talk.server, "error", G_CALLBACK (on_server_error), &talk.n_server_errors);

  converse (&talk);
  turn_all (talk.context);
  g_assert_true (is_unconnected (talk.client));
  g_assert_true (is_unconnected (talk.peer));
  g_assert_cmpuint (talk.n_server_errors, <=, 1);
  /* That a client changed its mind is no trouble of the server. */
  if (fake.call == CALL_accept && (fake.code == ECONNABORTED || fake.code == EPROTO))
    g_assert_cmpuint (talk.n_server_errors, ==, 0);

  /* Names are left only where the fault kept them from being removed. */
  l_server_close (talk.server);
  may_leave_names = fake.hit && (fake.call == CALL_unlinkat || fake.call == CALL_fstatat || fake.call == CALL_open ||
                                 fake.call == CALL_fstat || fake.call == CALL_flock || !talk.is_done);
  if (!may_leave_names)
    g_assert_true (is_directory_empty ());

  disarm ();
  check_usable (&talk);
  turn_all (talk.context);
  drop ((gpointer *) &talk.peer);
  drop ((gpointer *) &talk.client);
  drop ((gpointer *) &talk.server);
  g_main_context_pop_thread_default (talk.context);
  /* The context's own, and where there is one that of the reactor, which stays with it. */
  g_assert_cmpint (count_polled (talk.context), <=, g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), "poll") == 0 ? 1 : 2);
  g_main_context_unref (talk.context);
  clean_directory ();
  g_assert_cmpuint (count_descriptors (), ==, n_descriptors);
  g_assert_cmpuint (fake.n_umask_calls, ==, 0);
  return talk.is_done;
}

/* What nobody is to notice. */
static gboolean
is_harmless (Call     call,
             int      code,
             gboolean says_farewell)
{
  switch ((int) call)
    {
    case CALL_accept:
    case CALL_close:
    case CALL_poll:
    case CALL_epoll_create1:
    case CALL_epoll_wait:
      return TRUE;
    case CALL_recv:
      /* Not at a hang-up, where what is there comes at once or never. */
      return code == EINTR || (code == EAGAIN && !says_farewell);
    case CALL_sendmsg:
    case CALL_flock:
      return code == EAGAIN || code == EINTR;
    default:
      return code == EINTR;
    }
}

static guint n_all_points, n_all_codes;

static gsize
get_memory (void)
{
#ifdef CAN_COUNT_MEMORY
  return mallinfo2 ().uordblks;
#else
  return 0;
#endif
}

/* How often the same may take more memory: each thread keeps some of each size to use again, and that counts. */
#define MAX_GROWTHS 40

/* Runs with one fault. The first time may leave something to be used again, and other threads may have some for a while; but
 * the same once more takes no more memory. */
static gboolean
run_fault (guint  conversation,
           Call   call,
           int    code,
           guint  k)
{
  for (guint i = 0; ; i++)
    {
      gsize before = get_memory ();
      gboolean is_done;

      fake.call = call;
      fake.code = code;
      fake.k = k;
      is_done = run (conversations[conversation].func);
      if (get_memory () <= before)
        return is_done;

      fake.call = call;
      if (i == MAX_GROWTHS)
        g_error ("memory is lost with %s", get_fault ());
    }
}

static void
test_fault (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  Call call = number % N_CALLS;
  guint conversation = number / N_CALLS;

  guint n_points = 0, n_codes = 0;

  for (guint i = 0; call_errors[call][i] != 0; i++)
    {
      gboolean is_done;

      n_codes++;
      for (guint k = 1; ; k++)
        {
          gboolean hit;

          is_done = run_fault (conversation, call, call_errors[call][i], k);
          hit = fake.hit;
          if (!is_done && (!hit || is_harmless (call, fake.code, conversations[conversation].says_farewell)))
            {
              fake.call = call;
              g_error ("it did not go as it should in spite of %s", get_fault ());
            }
          if (!hit)
            {
              /* It is called at all. */
              g_assert_true (k > 1 || fake.code == ECONNREFUSED);
              break;
            }
          n_points++;
          /* Faults that lead to more calls must not do so for ever. */
          g_assert_cmpuint (k, <, 2000);
        }
    }

  n_all_points += n_points;
  n_all_codes += n_codes;
  g_test_message ("%u errors, %u faults", n_codes, n_points);
}

static void
test_interrupted (gconstpointer data)
{
  fake.interrupt = TRUE;
  fake.code = EINTR;
  g_assert_true (run (conversations[GPOINTER_TO_UINT (data)].func));
}

static void
test_one_byte (gconstpointer data)
{
  fake.one_byte = TRUE;
  g_assert_true (run (conversations[GPOINTER_TO_UINT (data)].func));
}

/* Order and modes */

static void
start_recording (void)
{
  fake.record = g_ptr_array_new_with_free_func (g_free);
}

static char *
stop_recording (void)
{
  g_autoptr(GPtrArray) calls = g_steal_pointer (&fake.record);

  g_ptr_array_add (calls, NULL);
  return g_strjoinv (" ", (char **) calls->pdata);
}

static void
test_order_listen (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *calls = NULL;
  g_autofree char *expected = NULL;
  mode_t old_mask = set_umask (0022);

  l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
  start_recording ();
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  calls = stop_recording ();
  set_umask (old_mask);
  expected = g_strdup_printf ("lock fchmod 777 bind fchmodat 777 listen %d unlock close ",
                              (int) l_server_get_socket_descriptor (server));
  g_assert_true (g_str_has_prefix (calls, expected));
  /* And once only. */
  g_assert_null (strstr (strstr (calls, "listen"), "fchmod"));
}

static void
test_order_mode_kept (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *calls = NULL;
  mode_t old_mask = set_umask (0022);

  /* Where the umask takes nothing away, nothing is given back. */
  start_recording ();
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  calls = stop_recording ();
  set_umask (old_mask);
  g_assert_true (g_str_has_prefix (calls, "lock fchmod 600 bind listen "));
}

static void
test_order_replace (void)
{
  g_autofree char *path = get_path ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *calls = NULL;
  const char *unlinked, *bound;

  close (raw_listen (path));
  start_recording ();
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  calls = stop_recording ();
  unlinked = strstr (calls, "unlink");
  bound = strstr (calls, "bind");
  g_assert_true (g_str_has_prefix (calls, "lock "));
  g_assert_true (unlinked != NULL && bound != NULL && unlinked < bound);
}

static void
test_order_close (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *calls = NULL;
  g_autofree char *closed = NULL;
  const char *unlinked;

  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  closed = g_strdup_printf ("close %d", (int) l_server_get_socket_descriptor (server));
  start_recording ();
  l_server_close (server);
  calls = stop_recording ();

  /* With a descriptor that was kept for that; under the lock, and while our own keeps the inode from being used again. */
  g_assert_true (g_str_has_prefix (calls, "close "));
  g_assert_true (g_str_has_prefix (strchr (calls + strlen ("close "), ' '), " lock unlink unlock "));
  unlinked = strstr (calls, "unlink");
  g_assert_nonnull (strstr (unlinked, closed));
  g_assert_true (g_str_has_suffix (calls, closed));
}

static void
test_born_mode (void)
{
  static const mode_t masks[] = { 0000, 0022, 0077, 0777 };

  for (guint i = 0; i < G_N_ELEMENTS (masks); i++)
    for (guint options = 0; options <= L_SERVER_OPTIONS_WORLD_ACCESS; options++)
      {
        g_autoptr(LServer) server = l_server_new ();
        g_autoptr(GError) error = NULL;
        mode_t old_mask = set_umask (masks[i]);

        fake.allowed_mode = options == 0 ? 0600 : 0;
        if ((options & L_SERVER_OPTIONS_USER_ACCESS) != 0)
          fake.allowed_mode |= 0700;
        if ((options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0)
          fake.allowed_mode |= 0070;
        if ((options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0)
          fake.allowed_mode |= 0007;
        l_server_set_options (server, options);
        g_assert_true (l_server_listen (server, "market", &error));
        g_assert_no_error (error);
        set_umask (old_mask);
        fake.allowed_mode = 0777;
      }

  g_assert_cmpuint (fake.n_umask_calls, ==, 0);
}

/* A parent that is swapped while we are at it */

static void
swap_parent (void)
{
  g_autofree char *deep = g_build_filename (directory, "deep", NULL);
  g_autofree char *old = g_build_filename (directory, "old", NULL);

  g_assert_cmpint (g_rename (deep, old), ==, 0);
  g_assert_cmpint (g_mkdir (deep, 0700), ==, 0);
}

static void
test_swapped_before_bind (void)
{
  g_autofree char *deep = g_build_filename (directory, "deep", NULL);
  g_autofree char *old = g_build_filename (directory, "old", NULL);
  g_autofree char *path = g_build_filename (deep, "market", NULL);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (deep, 0700), ==, 0);
  fake.before_bind = swap_parent;
  g_assert_false (l_server_listen (server, path, &error));
  fake.before_bind = NULL;
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  g_assert_false (l_server_is_listening (server));

  g_unlink (path);
  g_assert_cmpint (g_rmdir (deep), ==, 0);
  g_assert_cmpint (g_rmdir (old), ==, 0);
}

static int victim = -1;

static void
swap_parent_with_socket (void)
{
  g_autofree char *path = g_build_filename (directory, "old", "market", NULL);

  swap_parent ();
  victim = raw_listen (path);
}

static void
test_swapped_before_bind_for_socket (void)
{
  g_autofree char *deep = g_build_filename (directory, "deep", NULL);
  g_autofree char *old = g_build_filename (directory, "old", NULL);
  g_autofree char *path = g_build_filename (deep, "market", NULL);
  g_autofree char *old_path = g_build_filename (old, "market", NULL);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  /* What stands where ours was to be is not taken for ours. */
  g_assert_cmpint (g_mkdir (deep, 0700), ==, 0);
  l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
  fake.before_bind = swap_parent_with_socket;
  g_assert_false (l_server_listen (server, path, &error));
  fake.before_bind = NULL;
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);

  g_unlink (path);
  g_assert_cmpint (g_unlink (old_path), ==, 0);
  g_assert_cmpint (g_rmdir (deep), ==, 0);
  g_assert_cmpint (g_rmdir (old), ==, 0);
  close (victim);
}

static void
swap_name (void)
{
  g_autofree char *path = get_path ();
  g_autofree char *precious = g_build_filename (directory, "precious", NULL);

  fake.before_fchmodat = NULL;
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (symlink (precious, path), ==, 0);
}

static void
test_swapped_before_chmod (void)
{
  g_autofree char *path = get_path ();
  g_autofree char *precious = g_build_filename (directory, "precious", NULL);
  g_autoptr(LServer) server = l_server_new ();
  mode_t old_mask = set_umask (0077);
  struct stat status;

  /* In a directory that others may write the name may be a link to a file of ours when its mode is set. */
  g_assert_true (g_file_set_contents (precious, "precious", -1, NULL));
  g_assert_cmpint (g_chmod (precious, 0600), ==, 0);
  l_server_set_options (server, L_SERVER_OPTIONS_WORLD_ACCESS);
  fake.before_fchmodat = swap_name;
  g_assert_false (l_server_listen (server, path, NULL));
  g_assert_null (fake.before_fchmodat);
  set_umask (old_mask);
  g_assert_cmpint (lstat (precious, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
  g_unlink (path);
  g_assert_cmpint (g_unlink (precious), ==, 0);
  g_assert_true (is_directory_empty ());
}

/* The server that has the name removes it as it goes. */
static int
remove_and_connect (int                    fd,
                    const struct sockaddr *address,
                    socklen_t              length)
{
  g_assert_cmpint (g_unlink (((const struct sockaddr_un *) (gconstpointer) address)->sun_path), ==, 0);
  return real.connect (fd, address, length);
}

static void
test_gone_before_asked (void)
{
  g_autofree char *path = get_path ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  LSystem faked = l_system;

  close (raw_listen (path));
  l_system.connect = remove_and_connect;
  l_server_listen (server, path, &error);
  l_system = faked;
  g_assert_no_error (error);
  l_server_close (server);
  g_assert_true (is_directory_empty ());
}

static int rival = -1;

/* Whoever had the lock removes its file, and the next makes a new one: all before we have ours. */
static void
replace_lock (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);

  fake.before_flock = NULL;
  g_assert_cmpint (g_unlink (path), ==, 0);
  rival = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (flock (rival, LOCK_EX | LOCK_NB), ==, 0);
}

static void
test_replaced_lock (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  fake.before_flock = replace_lock;
  g_assert_false (l_server_listen (server, "market", &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  close (rival);
  g_clear_error (&error);
  g_assert_true (l_server_listen (server, "market", &error));
  g_assert_no_error (error);
  l_server_close (server);
  g_assert_true (is_directory_empty ());
}

static void
swap_parent_with_victim (int dir)
{
  g_autofree char *path = g_build_filename (directory, "deep", "market", NULL);

  if (dir == AT_FDCWD)
    return;

  fake.before_unlinkat = NULL;
  swap_parent ();
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
}

static void
test_swapped_before_unlink (void)
{
  g_autofree char *deep = g_build_filename (directory, "deep", NULL);
  g_autofree char *old = g_build_filename (directory, "old", NULL);
  g_autofree char *path = g_build_filename (deep, "market", NULL);
  g_autofree char *content = NULL;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  /* What is removed is in the directory that was looked at. */
  g_assert_cmpint (g_mkdir (deep, 0700), ==, 0);
  close (raw_listen (path));
  fake.before_unlinkat = swap_parent_with_victim;
  g_assert_false (l_server_listen (server, path, &error));
  g_assert_null (fake.before_unlinkat);
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "precious");

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (deep), ==, 0);
  g_assert_cmpint (g_rmdir (old), ==, 0);
}

static void
test_swapped_before_close (void)
{
  g_autofree char *deep = g_build_filename (directory, "deep", NULL);
  g_autofree char *old = g_build_filename (directory, "old", NULL);
  g_autofree char *path = g_build_filename (deep, "market", NULL);
  g_autofree char *content = NULL;
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (deep, 0700), ==, 0);
  g_assert_true (l_server_listen (server, path, &error));
  g_assert_no_error (error);
  fake.before_unlinkat = swap_parent_with_victim;
  l_server_close (server);
  g_assert_null (fake.before_unlinkat);
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "precious");

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (deep), ==, 0);
  g_assert_cmpint (g_rmdir (old), ==, 0);
}

/* A security policy may forbid accepting for good, and leaves the connection where it is. */
static void
test_accept_forbidden (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = l_socket_new ();
  g_autoptr(LSocket) peer = NULL;
  guint n_errors = 0;
  gint64 deadline;
  gboolean timed_out = FALSE;

  g_signal_connect (server, "error", G_CALLBACK (on_server_error), &n_errors);
  g_assert_true (l_server_listen (server, "market", NULL));
  l_socket_connect_to_server (client, "market", L_OPEN_MODE_READ_WRITE);
  g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);

  memset (fake.counts, 0, sizeof fake.counts);
  fake.call = CALL_accept;
  fake.k = 1;
  fake.code = EPERM;
  fake.forever = TRUE;
  arm ();
  deadline = g_get_monotonic_time () + 100 * G_TIME_SPAN_MILLISECOND;
  while (g_get_monotonic_time () < deadline)
    turn (NULL);
  g_assert_cmpuint (n_errors, ==, 1);
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_ACCESS);
  g_assert_false (l_server_wait_for_new_connection (server, 50, &timed_out));
  g_assert_true (timed_out);
  g_assert_cmpuint (fake.counts[CALL_accept], <, 20);
  disarm ();

  g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
  peer = l_server_next_pending_connection (server);
  g_assert_nonnull (peer);
}

/* What the system is asked for beside the connection itself. */
static void
test_questions (void)
{
  static const struct { const char *name; guint n_questions; } cases[] = {
    { "~/market", 0 }, /* the mode of the socket decides */
    { "market", 1 },   /* the client asks once who serves there */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = cases[i].name[0] == '~' ? g_build_filename (directory, "market", NULL)
                                                       : g_strdup (cases[i].name);
      g_autoptr(LServer) server = l_server_new ();
      g_autoptr(LSocket) client = l_socket_new ();
      g_autoptr(LSocket) peer = NULL;

      g_assert_true (l_server_listen (server, name, NULL));
      memset (fake.counts, 0, sizeof fake.counts);
      arm ();
      l_socket_connect_to_server (client, name, L_OPEN_MODE_READ_WRITE);
      g_assert_true (l_server_wait_for_new_connection (server, 5000, NULL));
      peer = l_server_next_pending_connection (server);
      disarm ();
      g_assert_cmpint (l_socket_get_state (client), ==, L_SOCKET_STATE_CONNECTED);
      g_assert_cmpuint (fake.counts[CALL_getsockopt], ==, cases[i].n_questions);
      g_assert_cmpuint (fake.counts[CALL_getsockname] + fake.counts[CALL_getpeername], ==, 0);
      g_assert_cmpuint (fake.counts[CALL_set_flags] + fake.counts[CALL_fstat] + fake.counts[CALL_open], ==, 0);
      g_assert_cmpuint (fake.counts[CALL_accept], ==, 1);
      g_assert_cmpuint (fake.counts[CALL_socket], ==, 1);
    }
}

/* The cases are what the conversations call, which depends on the reactor. */
static void
add_cases (guint conversation)
{
  const char *name = conversations[conversation].name;
  g_autofree char *interrupted = g_strdup_printf ("/faults/%s/interrupted", name);
  g_autofree char *one_byte = g_strdup_printf ("/faults/%s/one-byte", name);
  guint counts[N_CALLS];

  fake.call = N_CALLS;
  if (!run (conversations[conversation].func))
    g_error ("“%s” does not go as it should without any fault", name);
  memcpy (counts, fake.counts, sizeof counts);

  for (guint call = 0; call < N_CALLS; call++)
    {
      g_autofree char *path = g_strdup_printf ("/faults/%s/%s", name, call_names[call]);

      if (counts[call] > 0)
        g_test_add_data_func (path, GUINT_TO_POINTER (conversation * N_CALLS + call), test_fault);
    }

  g_test_add_data_func (interrupted, GUINT_TO_POINTER (conversation), test_interrupted);
  if (counts[CALL_sendmsg] > 0)
    g_test_add_data_func (one_byte, GUINT_TO_POINTER (conversation), test_one_byte);
}

int
main (int   argc,
      char *argv[])
{
  g_autofree char *pid = g_strdup_printf ("%d", getpid ());
  g_autoptr(GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);

  directory = g_dir_make_tmp ("lsXXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
  g_setenv ("LISTEN_PID", pid, TRUE);
  g_setenv ("LISTEN_FDS", "1", TRUE);
  g_setenv ("LISTEN_FDNAMES", "market", TRUE);

  /* Descriptors that stay: of GTask's thread and of the global context's reactor. */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
  g_object_unref (l_server_new ());
  install_fakes ();

  g_test_add_func ("/faults/order/listen", test_order_listen);
  g_test_add_func ("/faults/order/mode-kept", test_order_mode_kept);
  g_test_add_func ("/faults/order/replace", test_order_replace);
  g_test_add_func ("/faults/order/close", test_order_close);
  g_test_add_func ("/faults/born-mode", test_born_mode);
  g_test_add_func ("/faults/swapped/before-bind", test_swapped_before_bind);
  g_test_add_func ("/faults/swapped/before-bind-for-socket", test_swapped_before_bind_for_socket);
  g_test_add_func ("/faults/swapped/before-chmod", test_swapped_before_chmod);
  g_test_add_func ("/faults/gone-before-asked", test_gone_before_asked);
  g_test_add_func ("/faults/replaced-lock", test_replaced_lock);
  g_test_add_func ("/faults/swapped/before-unlink", test_swapped_before_unlink);
  g_test_add_func ("/faults/swapped/before-close", test_swapped_before_close);
  g_test_add_func ("/faults/accept-forbidden", test_accept_forbidden);
  g_test_add_func ("/faults/questions", test_questions);
  for (guint i = 0; i < G_N_ELEMENTS (conversations); i++)
    add_cases (i);

  result = g_test_run ();
  g_test_message ("%u faults, with %u pairs of a call and an error in %u conversations", n_all_points, n_all_codes,
                  (guint) G_N_ELEMENTS (conversations));

  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_clear_pointer (&directory, g_free);
  return result;
}
