/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include "l-address-private.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The server's socket gets a second name; ours, born beside it, takes the first one by a rename, and the second takes it
 * back by another. So at no moment is nobody there. */

typedef struct
{
  ToolPlace    place;
  char        *path;     /* where clients go */
  struct stat  theirs;
  struct stat  ours;
  gboolean     is_taken;
} Place;

gboolean
tool_place_can_take (GSocketAddress *address)
{
  return !l_address_is_abstract (address);
}

/* Nobody who replaced it meanwhile is in the way of the other. */
static gboolean
is_at (const struct stat *file,
       const char        *path)
{
  struct stat found;

  return lstat (path, &found) == 0 && found.st_dev == file->st_dev && found.st_ino == file->st_ino;
}

/* To connect is to write. */
static LServerOptions
get_access (mode_t mode)
{
  LServerOptions access = L_SERVER_OPTIONS_NONE;

  if ((mode & S_IWUSR) != 0)
    access |= L_SERVER_OPTIONS_USER_ACCESS;
  if ((mode & S_IWGRP) != 0)
    access |= L_SERVER_OPTIONS_GROUP_ACCESS;
  if ((mode & S_IWOTH) != 0)
    access |= L_SERVER_OPTIONS_OTHER_ACCESS;

  return access;
}

static void
place_free (Place *self)
{
  g_free (self->path);
  g_free (self->place.server);
  g_free (self->place.front);
  g_free (self);
}

static gboolean
move_aside (Place   *self,
            GError **error)
{
  int code = 0;

  if (lstat (self->path, &self->theirs) < 0)
    code = errno;
  else if (!S_ISSOCK (self->theirs.st_mode))
    code = ENOTSOCK;
  if (code != 0)
    {
      l_error_set_system (error, L_OPERATION_CONNECT, self->path, code);
      return FALSE;
    }

  if (link (self->path, self->place.server) == 0)
    return TRUE;

  l_error_set_system (error, L_OPERATION_LISTEN, self->place.server, errno);
  return FALSE;
}

ToolPlace *
tool_place_new (GSocketAddress  *address,
                GError         **error)
{
  Place *self = g_new0 (Place, 1);

  self->path = l_address_to_name (address);
  self->place.server = g_strconcat (self->path, ".monitored", NULL);
  self->place.front = g_strconcat (self->path, ".monitor", NULL);
  if (!move_aside (self, error))
    {
      place_free (self);
      return NULL;
    }

  self->place.access = get_access (self->theirs.st_mode);
  return &self->place;
}

gboolean
tool_place_take (ToolPlace  *place,
                 GError    **error)
{
  Place *self = (Place *) place;
  gboolean done = lstat (place->front, &self->ours) == 0;

  if (done && (self->ours.st_uid != self->theirs.st_uid || self->ours.st_gid != self->theirs.st_gid))
    done = lchown (place->front, self->theirs.st_uid, self->theirs.st_gid) == 0;

  if (!done || rename (place->front, self->path) < 0)
    {
      l_error_set_system (error, L_OPERATION_LISTEN, self->path, errno);
      unlink (place->front);
      return FALSE;
    }

  self->is_taken = TRUE;
  return TRUE;
}

void
tool_place_free (ToolPlace *place)
{
  Place *self = (Place *) place;

  if (!self->is_taken || !is_at (&self->ours, self->path))
    unlink (place->server);
  else if (rename (place->server, self->path) < 0)
    /* TRANSLATORS: two paths, and what went wrong. */
    tool_print_error (_("Cannot move “%s” back to “%s”: %s"), place->server, self->path, g_strerror (errno));

  place_free (self);
}
