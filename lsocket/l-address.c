/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"

/* What is the same of addresses everywhere. */

void
l_address_init_from_object (LAddress       *self,
                            GSocketAddress *object)
{
  g_autofree char *name = l_address_to_name (object);

  self->object = object;
  self->name = name != NULL ? g_ref_string_new (name) : NULL;
  self->is_abstract = name != NULL && l_address_is_abstract (object);
}

void
l_address_clear (LAddress *self)
{
  g_clear_object (&self->object);
  g_clear_pointer (&self->name, g_ref_string_release);
  self->is_abstract = FALSE;
}
