/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-listener-private.h"
#include "l-system-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* How long listen() and close() wait for another program that sets up the same name. */
#define LOCK_TIMEOUT (1 * G_TIME_SPAN_SECOND)

/* A descriptor of a directory that only leads to what is in it. */
#ifndef O_PATH
# define O_PATH O_RDONLY
#endif

/* A name in its directory. All that is done to it goes through the descriptor of the directory, so that a parent
 * swapped meanwhile redirects nothing. */
typedef struct
{
  const char  *path;      /* (unowned) */
  char        *base;      /* (owned) */
  int          directory;
  uid_t        owner;     /* of the directory */
  LOperation   operation; /* for messages */
} Place;

typedef enum
{
  PROBE_ABSENT,
  PROBE_DEAD,
  PROBE_ALIVE,
  PROBE_FOREIGN, /* no socket, or nobody can tell */
  PROBE_FAILED,  /* we could not ask */
} ProbeResult;

static gboolean
is_same_file (const struct stat *a,
              const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static gboolean
open_place (Place       *place,
            const char  *path,
            LOperation   operation,
            GError     **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  struct stat status;

  place->path = path;
  place->operation = operation;
  L_SYSTEM_RETRY (place->directory, l_system.open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (place->directory < 0)
    {
      l_error_set_system (error, operation, path, errno);
      return FALSE;
    }

  if (l_system.fstat (place->directory, &status) < 0)
    {
      l_error_set_system (error, operation, path, errno);
      l_system.close (place->directory);
      return FALSE;
    }

  place->owner = status.st_uid;
  place->base = g_path_get_basename (path);
  return TRUE;
}

static void
close_place (Place *place)
{
  l_system.close (place->directory);
  g_free (place->base);
}

static int
place_lstat (const Place *place,
             struct stat *status)
{
  return l_system.fstatat (place->directory, place->base, status, AT_SYMLINK_NOFOLLOW);
}

/* Whether the path still leads to what the descriptor of the directory shows. */
static gboolean
place_is_where_it_was (const Place       *place,
                       const struct stat *status)
{
  struct stat by_path;

  return l_system.fstatat (AT_FDCWD, place->path, &by_path, AT_SYMLINK_NOFOLLOW) == 0 &&
         is_same_file (&by_path, status);
}

/* The lock */

static char *
get_lock_path (const char *path)
{
  g_autofree char *directory = l_address_get_runtime_directory ();
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, absolute, -1);
  g_autofree char *name = g_strdup_printf ("lsocket-%.16s.lock", hash);

  /* A lock on a directory or in one that others may write could be held by anybody. */
  if (!l_address_check_runtime_directory (directory, L_OPERATION_LISTEN, NULL, NULL))
    return NULL;

  return g_build_filename (directory, name, NULL);
}

static gboolean
is_current_lock (int         lock,
                 const char *lock_path)
{
  struct stat by_descriptor, by_path;

  return l_system.fstat (lock, &by_descriptor) == 0 &&
         l_system.fstatat (AT_FDCWD, lock_path, &by_path, AT_SYMLINK_NOFOLLOW) == 0 &&
         is_same_file (&by_descriptor, &by_path);
}

typedef struct
{
  char *path;       /* (owned) (nullable) */
  int   descriptor; /* -1: there is no private place for a lock, the kernel's bind() alone decides */
} Lock;

static gboolean
acquire_lock (Lock        *lock,
              const char  *path,
              LOperation   operation,
              GError     **error)
{
  gint64 deadline = g_get_monotonic_time () + LOCK_TIMEOUT;
  gulong pause = 1000;
  int result, errsv;

  lock->descriptor = -1;
  lock->path = get_lock_path (path);
  if (lock->path == NULL)
    return TRUE;

  while (TRUE)
    {
      L_SYSTEM_RETRY (lock->descriptor,
                      l_system.open (lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (lock->descriptor < 0)
        {
          l_error_set_system (error, operation, path, errno);
          break;
        }

      /* The file goes with its last holder; a lock on one that is gone protects nothing. */
      L_SYSTEM_RETRY (result, l_system.flock (lock->descriptor, LOCK_EX | LOCK_NB));
      errsv = result < 0 ? errno : EWOULDBLOCK;
      if (result == 0 && is_current_lock (lock->descriptor, lock->path))
        return TRUE;

      l_system.close (lock->descriptor);
      lock->descriptor = -1;
      if (errsv != EWOULDBLOCK)
        {
          l_error_set_system (error, operation, path, errsv);
          break;
        }
      if (g_get_monotonic_time () >= deadline)
        {
          l_error_set (error, operation, path, L_SOCKET_ERROR_ADDRESS_IN_USE,
                       _("The name is being set up by another program"));
          break;
        }

      g_usleep (pause);
      pause = MIN (pause * 2, 50000);
    }

  g_clear_pointer (&lock->path, g_free);
  return FALSE;
}

static void
release_lock (Lock *lock)
{
  if (lock->descriptor >= 0)
    {
      l_system.unlinkat (AT_FDCWD, lock->path, 0);
      l_system.close (lock->descriptor);
    }

  g_free (lock->path);
}

/* Probing: is a socket alive? */

static ProbeResult
probe_from_code (int code)
{
  switch (code)
    {
    case ECONNREFUSED:
      return PROBE_DEAD;
    case 0:
    case EPROTOTYPE:
    case EAGAIN:
      return PROBE_ALIVE;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return PROBE_FAILED;
    default:
      return PROBE_FOREIGN;
    }
}

/* Asks without disturbing the server: a datagram socket cannot connect to a stream socket, whether that listens or
 * not yet, and is refused by one that nobody has open. */
static ProbeResult
connect_datagram (GSocketAddress *address,
                  int            *code)
{
  struct sockaddr_un native = { 0 };
  int fd, result;

  fd = l_system.socket (AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      *code = errno;
      return PROBE_FAILED;
    }

  g_socket_address_to_native (address, &native, sizeof native, NULL);
  L_SYSTEM_RETRY (result, l_system.connect (fd, (struct sockaddr *) &native,
                                            g_socket_address_get_native_size (address)));
  *code = result < 0 ? errno : 0;
  l_system.close (fd);

  return probe_from_code (*code);
}

static ProbeResult
probe_place (const Place    *place,
             GSocketAddress *address,
             struct stat    *status,
             int            *code)
{
  ProbeResult result;

  if (place_lstat (place, status) < 0)
    {
      *code = errno;
      return *code == ENOENT ? PROBE_ABSENT : probe_from_code (*code);
    }

  if (!S_ISSOCK (status->st_mode))
    return PROBE_FOREIGN;

  result = connect_datagram (address, code);
  if (result == PROBE_FOREIGN && *code == EACCES && status->st_uid == geteuid ())
    {
      /* Our own, with a mode that shuts us out. */
      l_system.fchmodat (place->directory, place->base, (status->st_mode & 07777) | S_IWUSR, 0);
      result = connect_datagram (address, code);
      if (result != PROBE_DEAD)
        l_system.fchmodat (place->directory, place->base, status->st_mode & 07777, 0);
    }

  /* What was asked must be what would be removed. */
  if (result == PROBE_DEAD && !place_is_where_it_was (place, status))
    return PROBE_FOREIGN;

  return result;
}

static gboolean
remove_dead (const Place    *place,
             GSocketAddress *address,
             GError        **error)
{
  struct stat status = { 0 };
  int code = 0;

  switch (probe_place (place, address, &status, &code))
    {
    case PROBE_ABSENT:
      return TRUE;

    case PROBE_DEAD:
      if (status.st_uid != geteuid () && place->owner != geteuid ())
        break;
      if (l_system.unlinkat (place->directory, place->base, 0) == 0 || errno == ENOENT)
        return TRUE;
      l_error_set_system (error, place->operation, place->path, errno);
      return FALSE;

    case PROBE_ALIVE:
      l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ADDRESS_IN_USE,
                   _("Another server has the name"));
      return FALSE;

    case PROBE_FAILED:
      l_error_set_system (error, place->operation, place->path, code);
      return FALSE;

    case PROBE_FOREIGN:
    default:
      break;
    }

  if (status.st_mode != 0 && !S_ISSOCK (status.st_mode))
    l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ADDRESS_IN_USE,
                 _("Something that is not a socket has the name"));
  else
    l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ADDRESS_IN_USE,
                 _("A socket of somebody else has the name"));
  return FALSE;
}

/* Listening */

void
l_listener_init (LListener         *self,
                 LReactor          *reactor,
                 LReactorWatchFunc  func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->descriptor = -1;
}

static mode_t
get_mode (LServerOptions options)
{
  mode_t mode = 0;

  if ((options & L_SERVER_OPTIONS_USER_ACCESS) != 0)
    mode |= 0700;
  if ((options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0)
    mode |= 0070;
  if ((options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0)
    mode |= 0007;

  return mode != 0 ? mode : 0600;
}

static int
bind_address (int             fd,
              GSocketAddress *address)
{
  struct sockaddr_un native = { 0 };

  g_socket_address_to_native (address, &native, sizeof native, NULL);
  return l_system.bind (fd, (struct sockaddr *) &native, g_socket_address_get_native_size (address));
}

/* Binds so that the socket is born no looser than asked, and notes what was made. */
static gboolean
bind_in_place (LListener      *self,
               int             fd,
               const Place    *place,
               GSocketAddress *address,
               mode_t          mode,
               GError        **error)
{
  struct stat status;

  if (l_system.fchmod (fd, mode) < 0 || bind_address (fd, address) < 0)
    {
      l_error_set_system (error, place->operation, place->path, errno);
      return FALSE;
    }

  if (place_lstat (place, &status) < 0 || !S_ISSOCK (status.st_mode) || !place_is_where_it_was (place, &status))
    {
      l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ACCESS,
                   _("The directory was replaced by another meanwhile"));
      return FALSE;
    }

  self->device = status.st_dev;
  self->inode = status.st_ino;
  self->process = getpid ();

  /* What the umask took away. Until listen() nobody can connect, so nobody is let in or shut out meanwhile. */
  if ((status.st_mode & 07777) != mode && l_system.fchmodat (place->directory, place->base, mode, 0) < 0)
    {
      l_error_set_system (error, place->operation, place->path, errno);
      l_system.unlinkat (place->directory, place->base, 0);
      return FALSE;
    }

  return TRUE;
}

static gboolean
start_listening (LListener      *self,
                 int             fd,
                 GSocketAddress *address,
                 const char     *name,
                 int             backlog,
                 GError        **error)
{
  if (l_system.listen (fd, backlog > 0 ? backlog : SOMAXCONN) < 0)
    {
      l_error_set_system (error, L_OPERATION_LISTEN, name, errno);
      return FALSE;
    }

  self->descriptor = fd;
  self->address = g_object_ref (address);
  return TRUE;
}

static gboolean
listen_in_place (LListener      *self,
                 int             fd,
                 const Place    *place,
                 GSocketAddress *address,
                 LServerOptions  options,
                 int             backlog,
                 GError        **error)
{
  if (!remove_dead (place, address, error) ||
      !bind_in_place (self, fd, place, address, get_mode (options), error))
    return FALSE;

  if (start_listening (self, fd, address, place->path, backlog, error))
    return TRUE;

  l_system.unlinkat (place->directory, place->base, 0);
  return FALSE;
}

static gboolean
listen_on_path (LListener      *self,
                int             fd,
                const char     *path,
                GSocketAddress *address,
                LServerOptions  options,
                int             backlog,
                GError        **error)
{
  gboolean done;
  Place place;
  Lock lock;

  if (!open_place (&place, path, L_OPERATION_LISTEN, error))
    return FALSE;

  done = acquire_lock (&lock, path, L_OPERATION_LISTEN, error);
  if (done)
    {
      done = listen_in_place (self, fd, &place, address, options, backlog, error);
      release_lock (&lock);
    }

  close_place (&place);
  return done;
}

static gboolean
listen_on_abstract_name (LListener      *self,
                         int             fd,
                         const char     *name,
                         GSocketAddress *address,
                         int             backlog,
                         GError        **error)
{
  if (bind_address (fd, address) < 0)
    {
      l_error_set_system (error, L_OPERATION_LISTEN, name, errno);
      return FALSE;
    }

  return start_listening (self, fd, address, name, backlog, error);
}

gboolean
l_listener_listen (LListener       *self,
                   GSocketAddress  *address,
                   LServerOptions   options,
                   int              backlog,
                   GError         **error)
{
  g_autofree char *name = l_address_to_name (address);
  gboolean done;
  int fd;

  fd = l_system.socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      l_error_set_system (error, L_OPERATION_LISTEN, name, errno);
      return FALSE;
    }

  if (l_address_is_abstract (address))
    done = listen_on_abstract_name (self, fd, name, address, backlog, error);
  else
    done = listen_on_path (self, fd, name, address, options, backlog, error);
  if (!done)
    l_system.close (fd);

  return done;
}

static gboolean
is_listening_stream_socket (int fd)
{
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;
  int type = -1, listening = 0;

  if (l_system.getsockname (fd, (struct sockaddr *) &native, &length) < 0 || native.sun_family != AF_UNIX)
    return FALSE;

  length = sizeof type;
  if (l_system.getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
    return FALSE;

  length = sizeof listening;
  return l_system.getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

/* Whoever made it, what stands at its path now is what unlink-on-close may remove. */
static void
note_adopted_file (LListener *self)
{
  g_autofree char *path = l_address_to_name (self->address);
  struct stat status;

  if (path == NULL || l_address_is_abstract (self->address) ||
      l_system.fstatat (AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return;

  self->device = status.st_dev;
  self->inode = status.st_ino;
  self->process = getpid ();
}

gboolean
l_listener_adopt (LListener  *self,
                  gintptr     descriptor,
                  GError    **error)
{
  g_autofree char *number = g_strdup_printf ("%" G_GINTPTR_FORMAT, descriptor);
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;
  int fd = (int) descriptor;

  if (!is_listening_stream_socket (fd))
    {
      l_error_set (error, L_OPERATION_ADOPT, number, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   _("It is not a Unix stream socket that listens"));
      return FALSE;
    }

  if (l_system.set_flags (fd, O_NONBLOCK, FD_CLOEXEC) < 0)
    {
      l_error_set_system (error, L_OPERATION_ADOPT, number, errno);
      return FALSE;
    }

  if (l_system.getsockname (fd, (struct sockaddr *) &native, &length) == 0)
    self->address = g_socket_address_new_from_native (&native, length);
  self->descriptor = descriptor;
  note_adopted_file (self);
  return TRUE;
}

static void
forget (LListener *self)
{
  self->descriptor = -1;
  self->device = self->inode = 0;
  g_clear_object (&self->address);
}

void
l_listener_give_back (LListener *self)
{
  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  forget (self);
}

static gboolean
is_ours (LListener         *self,
         const struct stat *status)
{
  return S_ISSOCK (status->st_mode) &&
         self->device == status->st_dev && self->inode == status->st_ino &&
         self->process == getpid ();
}

static void
unlink_our_name (LListener *self)
{
  g_autofree char *path = NULL;
  struct stat status;
  Place place;
  Lock lock;

  if (self->address == NULL || l_address_is_abstract (self->address))
    return;

  path = l_address_to_name (self->address);
  if (path == NULL || !open_place (&place, path, L_OPERATION_REMOVE, NULL))
    return;

  /* While our descriptor is open nobody replaces the name, and its inode cannot be that of a successor: the lock only
   * keeps others from seeing us half gone, so one that cannot be had does not matter. */
  if (!acquire_lock (&lock, path, L_OPERATION_REMOVE, NULL))
    lock = (Lock) { .descriptor = -1 };

  if (place_lstat (&place, &status) == 0 && is_ours (self, &status))
    l_system.unlinkat (place.directory, place.base, 0);

  release_lock (&lock);
  close_place (&place);
}

void
l_listener_close (LListener *self,
                  gboolean   unlink_name)
{
  if (self->descriptor < 0)
    return;

  if (unlink_name)
    unlink_our_name (self);

  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  l_system.close ((int) self->descriptor);
  forget (self);
}

gintptr
l_listener_accept (LListener *self,
                   int       *code)
{
  int fd;

  L_SYSTEM_RETRY (fd, l_system.accept ((int) self->descriptor, SOCK_NONBLOCK | SOCK_CLOEXEC));
  *code = fd < 0 && errno != EAGAIN ? errno : 0;

  return fd;
}

gboolean
l_listener_is_transient (int code)
{
  switch (code)
    {
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
l_listener_set_condition (LListener    *self,
                          GIOCondition  condition,
                          int          *code)
{
  gboolean done;

  if (self->reactor == NULL || self->descriptor < 0)
    return TRUE;

  if (self->watch.slot != 0)
    done = l_reactor_set_condition (self->reactor, &self->watch, condition);
  else
    done = l_reactor_add_watch (self->reactor, &self->watch, self->descriptor, condition);
  if (!done)
    *code = errno;

  return done;
}

gboolean
l_listener_wait (LListener *self,
                 gboolean   is_accepting,
                 gint64     deadline)
{
  return l_system_wait (is_accepting ? self->descriptor : -1, G_IO_IN, deadline, NULL) != 0;
}

/* Such a name goes with its server, so there is nothing to remove; but a datagram socket would not meet a stream
 * socket there: each type has names of its own. */
static gboolean
check_abstract_name (GSocketAddress  *address,
                     const char      *name,
                     GError         **error)
{
  int fd, result, errsv;

  fd = l_system.socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      l_error_set_system (error, L_OPERATION_REMOVE, name, errno);
      return FALSE;
    }

  result = bind_address (fd, address);
  errsv = errno;
  l_system.close (fd);
  if (result == 0)
    return TRUE;

  if (errsv == EADDRINUSE)
    l_error_set (error, L_OPERATION_REMOVE, name, L_SOCKET_ERROR_ADDRESS_IN_USE, _("Another server has the name"));
  else
    l_error_set_system (error, L_OPERATION_REMOVE, name, errsv);
  return FALSE;
}

gboolean
l_listener_remove (GSocketAddress  *address,
                   GError         **error)
{
  g_autofree char *name = l_address_to_name (address);
  struct stat status;
  gboolean done;
  Place place;
  Lock lock;

  if (l_address_is_abstract (address))
    return check_abstract_name (address, name, error);

  if (l_system.fstatat (AT_FDCWD, name, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
    return TRUE;

  if (!open_place (&place, name, L_OPERATION_REMOVE, error))
    return FALSE;

  done = acquire_lock (&lock, name, L_OPERATION_REMOVE, error);
  if (done)
    {
      done = remove_dead (&place, address, error);
      release_lock (&lock);
    }

  close_place (&place);
  return done;
}
