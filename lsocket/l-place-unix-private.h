/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

#include "l-error-private.h"

G_BEGIN_DECLS

/* A name in its directory. All that is done to it goes through the descriptor of the directory, so that a parent
 * swapped meanwhile redirects nothing. */
typedef struct
{
  const char  *path;      /* (unowned) */
  char        *base;      /* (owned) */
  int          directory;
  uid_t        owner;     /* of the directory */
  dev_t        device;
  ino_t        inode;
  LOperation   operation; /* for messages */
} LPlace;

gboolean l_place_open            (LPlace            *place,
                                  const char        *path,
                                  LOperation         operation,
                                  GError           **error);
void     l_place_close           (LPlace            *place);
int      l_place_lstat           (const LPlace      *place,
                                  struct stat       *status);
int      l_place_chmod           (const LPlace      *place,
                                  mode_t             mode);
/* Whether the path still leads to what the descriptor of the directory shows. */
gboolean l_place_is_where_it_was (const LPlace      *place,
                                  const struct stat *status);

/* Keeps programs of one user from setting up a name at the same time; waits for another for at most a second. */
typedef struct
{
  char *path;       /* (owned) (nullable) */
  int   descriptor; /* -1: there is no private place for a lock, the kernel's bind() alone decides */
} LPlaceLock;

gboolean l_place_lock            (LPlaceLock        *lock,
                                  const LPlace      *place,
                                  GError           **error);
void     l_place_unlock          (LPlaceLock        *lock);

/* Makes the name free if what has it is a dead socket of ours; otherwise it is an error. */
gboolean l_place_remove_dead     (const LPlace      *place,
                                  GSocketAddress    *address,
                                  GError           **error);

G_END_DECLS
