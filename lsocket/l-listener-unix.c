/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-listener-private.h"
#include "l-options-unix-private.h"
#include "l-place-unix-private.h"
#include "l-system-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

void
l_listener_init (LListener        *self,
                 LReactor         *reactor,
                 LReactorWatchFunc func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->descriptor = -1;
  self->reserve = -1;
}

/* To remove our name takes a descriptor, and who closes the server because there are none left has none either. */
static void
open_reserve (LListener *self)
{
  L_SYSTEM_RETRY (self->reserve, l_system.open ("/dev/null", O_RDONLY | O_CLOEXEC, 0));
}

static void
close_reserve (LListener *self)
{
  if (self->reserve >= 0)
    l_system.close (self->reserve);
  self->reserve = -1;
}

/* Descriptors that a client passes and nobody has asked for: the kernel refuses to send them, where it can, to whoever is
 * accepted here. Elsewhere it closes them as we receive, because we have no room for them. */
static void
refuse_passed_descriptors (int fd)
{
  int off = 0;

  l_system.setsockopt (fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
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
               const LPlace   *place,
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

  if (l_place_lstat (place, &status) < 0 || !S_ISSOCK (status.st_mode) || !l_place_is_where_it_was (place, &status))
    {
      l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ACCESS,
                   _("The directory was replaced by another meanwhile"));
      return FALSE;
    }

  self->device = status.st_dev;
  self->inode = status.st_ino;
  self->process = getpid ();

  /* What the umask took away. Until listen() nobody can connect, so nobody is let in or shut out meanwhile. */
  if ((status.st_mode & 07777) != mode && l_place_chmod (place, mode) < 0)
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
  refuse_passed_descriptors (fd);
  if (l_system.listen (fd, backlog > 0 ? backlog : SOMAXCONN) < 0)
    {
      l_error_set_system (error, L_OPERATION_LISTEN, name, errno);
      return FALSE;
    }

  self->descriptor = fd;
  self->address = g_object_ref (address);
  open_reserve (self);
  return TRUE;
}

static gboolean
listen_in_place (LListener      *self,
                 int             fd,
                 const LPlace   *place,
                 GSocketAddress *address,
                 LServerOptions  options,
                 int             backlog,
                 GError        **error)
{
  if (!l_place_remove_dead (place, address, error) ||
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
  LPlace place;
  LPlaceLock lock;

  if (!l_place_open (&place, path, L_OPERATION_LISTEN, error))
    return FALSE;

  done = l_place_lock (&lock, &place, error);
  if (done)
    {
      done = listen_in_place (self, fd, &place, address, options, backlog, error);
      l_place_unlock (&lock);
    }

  l_place_close (&place);
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
l_listener_listen (LListener      *self,
                   GSocketAddress *address,
                   LServerOptions  options,
                   int             backlog,
                   GError        **error)
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
l_listener_adopt (LListener *self,
                  gintptr    descriptor,
                  GError   **error)
{
  g_autofree char *number = g_strdup_printf ("%" G_GINTPTR_FORMAT, descriptor);
  struct sockaddr_un native = { 0 };
  socklen_t length = sizeof native;
  int fd = (int) descriptor;

  if (!is_listening_stream_socket (fd))
    {
      l_error_set (error, L_OPERATION_ADOPT, number, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   /* TRANSLATORS: “It” is the descriptor. */
                   N_("It is not a Unix stream socket that listens"));
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
  refuse_passed_descriptors (fd);
  open_reserve (self);
  return TRUE;
}

static void
forget (LListener *self)
{
  self->descriptor = -1;
  self->device = self->inode = 0;
  g_clear_object (&self->address);
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
  LPlace place;
  LPlaceLock lock;

  if (self->address == NULL || l_address_is_abstract (self->address))
    return;

  path = l_address_to_name (self->address);
  if (path == NULL || !l_place_open (&place, path, L_OPERATION_REMOVE, NULL))
    return;

  /* While our descriptor is open nobody replaces the name, and its inode cannot be that of a successor: the lock only
   * keeps others from seeing us half gone, so one that cannot be had does not matter. */
  if (!l_place_lock (&lock, &place, NULL))
    lock = (LPlaceLock) { .descriptor = -1 };

  if (l_place_lstat (&place, &status) == 0 && is_ours (self, &status))
    l_system.unlinkat (place.directory, place.base, 0);

  l_place_unlock (&lock);
  l_place_close (&place);
}

void
l_listener_close (LListener *self,
                  gboolean   unlink_name)
{
  if (self->descriptor < 0)
    return;

  close_reserve (self);
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

void
l_listener_refuse (LListener *self,
                   gintptr    descriptor)
{
  l_system.close ((int) descriptor);
}

gboolean
l_listener_is_transient (int code)
{
  switch (code)
    {
    case ECONNABORTED:
    case EPROTO:
      return TRUE;
    default:
      return FALSE;
    }
}

void
l_listener_set_condition (LListener    *self,
                          GIOCondition  condition)
{
  if (self->reactor != NULL && self->descriptor >= 0)
    l_reactor_watch (self->reactor, &self->watch, self->descriptor, condition);
}

gboolean
l_listener_wait (LListener *self,
                 gboolean   is_accepting,
                 gint64     deadline)
{
  return l_system_wait (is_accepting ? self->descriptor : -1, G_IO_IN, deadline, NULL, NULL) != 0;
}

/* Such a name goes with its server, so there is nothing to remove; but a datagram socket would not meet a stream
 * socket there: each type has names of its own. */
static gboolean
check_abstract_name (GSocketAddress *address,
                     const char     *name,
                     GError        **error)
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
l_listener_remove (GSocketAddress *address,
                   GError        **error)
{
  g_autofree char *name = l_address_to_name (address);
  struct stat status;
  gboolean done;
  LPlace place;
  LPlaceLock lock;

  if (l_address_is_abstract (address))
    return check_abstract_name (address, name, error);

  if (l_system.fstatat (AT_FDCWD, name, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
      (errno == ENOENT || errno == ENOTDIR))
    return TRUE;

  if (!l_place_open (&place, name, L_OPERATION_REMOVE, error))
    return FALSE;

  done = l_place_lock (&lock, &place, error);
  if (done)
    {
      done = l_place_remove_dead (&place, address, error);
      l_place_unlock (&lock);
    }

  l_place_close (&place);
  return done;
}
