/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-place-unix-private.h"
#include "l-system-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/un.h>
#include <unistd.h>

/* How long listen() and close() wait for another program that sets up the same name. */
#define LOCK_TIMEOUT (1 * G_TIME_SPAN_SECOND)

/* A descriptor of a directory that only leads to what is in it. */
#ifndef O_PATH
# define O_PATH O_RDONLY
#endif

typedef enum
{
  PROBE_ABSENT,
  PROBE_DEAD,
  PROBE_ALIVE,
  PROBE_FOREIGN, /* no socket, or nobody can tell */
  PROBE_FAILED,  /* we could not ask */
} Probe;

static gboolean
is_same_file (const struct stat *a,
              const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A name may have become a link meanwhile. EOPNOTSUPP says just that, or that the system cannot do without following. */
int
l_place_chmod (const LPlace *place,
               mode_t        mode)
{
  int result = l_system.fchmodat (place->directory, place->base, mode, AT_SYMLINK_NOFOLLOW);
  struct stat status;

  if (result == 0 || errno != EOPNOTSUPP)
    return result;

  if (l_system.fstatat (place->directory, place->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -1;
  if (!S_ISSOCK (status.st_mode))
    {
      errno = EACCES;
      return -1;
    }

  return l_system.fchmodat (place->directory, place->base, mode, 0);
}

gboolean
l_place_open (LPlace     *place,
              const char *path,
              LOperation  operation,
              GError    **error)
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
  place->device = status.st_dev;
  place->inode = status.st_ino;
  place->base = g_path_get_basename (path);
  return TRUE;
}

void
l_place_close (LPlace *place)
{
  l_system.close (place->directory);
  g_free (place->base);
}

int
l_place_lstat (const LPlace *place,
               struct stat  *status)
{
  return l_system.fstatat (place->directory, place->base, status, AT_SYMLINK_NOFOLLOW);
}

/* Whether the path still leads to what the descriptor of the directory shows. */
gboolean
l_place_is_where_it_was (const LPlace      *place,
                         const struct stat *status)
{
  struct stat by_path;

  return l_system.fstatat (AT_FDCWD, place->path, &by_path, AT_SYMLINK_NOFOLLOW) == 0 &&
         is_same_file (&by_path, status);
}

/* Named after the directory itself, to which several paths may lead, and the name in it. */
static char *
get_lock_path (const LPlace *place)
{
  g_autofree char *directory = l_address_get_runtime_directory ();
  g_autofree char *target = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "/%s",
                                             (guint64) place->device, (guint64) place->inode, place->base);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, target, -1);
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

/* The disk is full, or nobody may write there: that does not concern a name that lives elsewhere, and a bind() that has
 * the same trouble says so itself. */
static gboolean
has_no_place_for_lock (int code)
{
  switch (code)
    {
    case EACCES:
    case EDQUOT:
    case ENOSPC:
    case EPERM:
    case EROFS:
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
l_place_lock (LPlaceLock   *lock,
              const LPlace *place,
              GError      **error)
{
  gint64 deadline = g_get_monotonic_time () + LOCK_TIMEOUT;
  gulong pause = 1000;
  int result, errsv;

  lock->descriptor = -1;
  lock->path = get_lock_path (place);
  if (lock->path == NULL)
    return TRUE;

  while (TRUE)
    {
      L_SYSTEM_RETRY (lock->descriptor,
                      l_system.open (lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (lock->descriptor < 0)
        {
          if (has_no_place_for_lock (errno))
            return TRUE;
          l_error_set_system (error, place->operation, place->path, errno);
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
          l_error_set_system (error, place->operation, place->path, errsv);
          break;
        }
      if (g_get_monotonic_time () >= deadline)
        {
          l_error_set (error, place->operation, place->path, L_SOCKET_ERROR_ADDRESS_IN_USE,
                       _("The name is being set up by another program"));
          break;
        }

      g_usleep (pause);
      pause = MIN (pause * 2, 50000);
    }

  g_clear_pointer (&lock->path, g_free);
  return FALSE;
}

void
l_place_unlock (LPlaceLock *lock)
{
  if (lock->descriptor >= 0)
    {
      l_system.unlinkat (AT_FDCWD, lock->path, 0);
      l_system.close (lock->descriptor);
    }

  g_free (lock->path);
}

static Probe
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
static Probe
probe_address (GSocketAddress *address,
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

static Probe
probe_place (const LPlace   *place,
             GSocketAddress *address,
             struct stat    *status,
             int            *code)
{
  Probe result;

  if (l_place_lstat (place, status) < 0)
    {
      *code = errno;
      return *code == ENOENT ? PROBE_ABSENT : PROBE_FAILED;
    }

  if (!S_ISSOCK (status->st_mode))
    return PROBE_FOREIGN;

  result = probe_address (address, code);
  if (result == PROBE_FOREIGN && *code == EACCES && status->st_uid == geteuid ())
    {
      /* Our own, with a mode that shuts us out. */
      l_place_chmod (place, (status->st_mode & 07777) | S_IWUSR);
      result = probe_address (address, code);
      if (result != PROBE_DEAD)
        l_place_chmod (place, status->st_mode & 07777);
    }

  /* The server has removed it as it went. */
  if (*code == ENOENT && l_place_lstat (place, status) < 0 && errno == ENOENT)
    return PROBE_ABSENT;

  /* What was asked must be what would be removed. */
  if (result == PROBE_DEAD && !l_place_is_where_it_was (place, status))
    return PROBE_FOREIGN;

  return result;
}

gboolean
l_place_remove_dead (const LPlace   *place,
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
