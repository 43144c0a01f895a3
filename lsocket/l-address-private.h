/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include "l-error-private.h"

G_BEGIN_DECLS

/* An object costs more than a connection's system calls, and few programs ask for one. */
typedef struct
{
  GSocketAddress *object;      /* (owned) (nullable): made when it is asked for, unless all began with it */
  GRefString     *name;        /* (owned) (nullable): as l_address_to_name() says */
  gboolean        is_abstract;
} LAddress;

/* Where a name leads on this machine, at this moment. FALSE: nothing was set. */
gboolean        l_address_init                    (LAddress        *self,
                                                   const char      *name,
                                                   LSocketOptions   options,
                                                   LOperation       operation,
                                                   GError         **error);
/* Takes it, if there is one. */
void            l_address_init_from_object        (LAddress        *self,
                                                   GSocketAddress  *object);
void            l_address_clear                   (LAddress        *self);
GSocketAddress *l_address_get_object              (LAddress        *self);

/* The same as an object, for those who need one. */
GSocketAddress *l_address_resolve                 (const char      *name,
                                                   LSocketOptions   options,
                                                   LOperation       operation,
                                                   GError         **error);

/* Whether an address that somebody else made can be used. */
gboolean        l_address_check                   (GSocketAddress  *address,
                                                   LOperation       operation,
                                                   GError         **error);

/* (nullable): what the program is shown of it; pipes have no address objects. */
GSocketAddress *l_address_to_public               (GSocketAddress  *address);

/* The path, or the abstract name with “@” for each NUL; NULL for an address without a name. */
char           *l_address_to_name                 (GSocketAddress  *address);
gboolean        l_address_is_abstract             (GSocketAddress  *address);

/* Unix: where plain names live, and the locks of those who listen; and whether nobody else can put something there. */
char           *l_address_get_runtime_directory   (void);
gboolean        l_address_check_runtime_directory (const char      *directory,
                                                   LOperation       operation,
                                                   const char      *address,
                                                   GError         **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LAddress, l_address_clear)

G_END_DECLS
