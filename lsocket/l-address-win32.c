/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-address-win32-private.h"
#include "l-name-private.h"

#include <glib/gi18n-lib.h>

/* What CreateNamedPipe() takes, in characters; a name in UTF-8 has at least as many bytes. */
#define MAX_NAME_LENGTH 256

struct _LPipeAddress
{
  GSocketAddress parent_instance;

  char      *name;      /* (owned) */
  gunichar2 *wide_name; /* (owned): the same in UTF-16 */
};

G_DEFINE_FINAL_TYPE (LPipeAddress, l_pipe_address, G_TYPE_SOCKET_ADDRESS)

static GSocketFamily
l_pipe_address_get_family (GSocketAddress *address)
{
  return G_SOCKET_FAMILY_INVALID;
}

static gssize
l_pipe_address_get_native_size (GSocketAddress *address)
{
  return -1;
}

static gboolean
l_pipe_address_to_native (GSocketAddress  *address,
                          gpointer         dest,
                          gsize            length,
                          GError         **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("A pipe has no address of a socket"));
  return FALSE;
}

static void
l_pipe_address_finalize (GObject *object)
{
  LPipeAddress *self = L_PIPE_ADDRESS (object);

  g_free (self->name);
  g_free (self->wide_name);

  G_OBJECT_CLASS (l_pipe_address_parent_class)->finalize (object);
}

static void
l_pipe_address_class_init (LPipeAddressClass *klass)
{
  GSocketAddressClass *address_class = G_SOCKET_ADDRESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = l_pipe_address_finalize;

  address_class->get_family = l_pipe_address_get_family;
  address_class->get_native_size = l_pipe_address_get_native_size;
  address_class->to_native = l_pipe_address_to_native;
}

static void
l_pipe_address_init (LPipeAddress *self)
{
}

const char *
l_pipe_address_get_name (LPipeAddress *self)
{
  return self->name;
}

const gunichar2 *
l_pipe_address_get_wide_name (LPipeAddress *self)
{
  return self->wide_name;
}

GSocketAddress *
l_address_resolve (const char      *name,
                   LSocketOptions   options,
                   LOperation       operation,
                   GError         **error)
{
  const LNameRules rules = { .pipes = TRUE, .max_length = MAX_NAME_LENGTH };
  g_autofree char *resolved = NULL;
  g_autofree gunichar2 *wide_name = NULL;
  LPipeAddress *address;
  LNameKind kind;

  resolved = l_name_resolve (name, options, &rules, operation, &kind, error);
  if (resolved == NULL)
    return NULL;

  wide_name = g_utf8_to_utf16 (resolved, -1, NULL, NULL, NULL);
  if (wide_name == NULL)
    {
      l_error_set (error, operation, resolved, L_SOCKET_ERROR_SERVER_NOT_FOUND, N_("The name is not valid UTF-8"));
      return NULL;
    }

  address = g_object_new (L_TYPE_PIPE_ADDRESS, NULL);
  address->name = g_steal_pointer (&resolved);
  address->wide_name = g_steal_pointer (&wide_name);
  return G_SOCKET_ADDRESS (address);
}

gboolean
l_address_init (LAddress        *self,
                const char      *name,
                LSocketOptions   options,
                LOperation       operation,
                GError         **error)
{
  GSocketAddress *object = l_address_resolve (name, options, operation, error);

  if (object == NULL)
    return FALSE;

  l_address_init_from_object (self, object);
  return TRUE;
}

GSocketAddress *
l_address_get_object (LAddress *self)
{
  return self->object;
}

GSocketAddress *
l_pipe_address_new_from_handle (HANDLE handle)
{
  g_autofree FILE_NAME_INFO *info = g_malloc0 (sizeof *info + MAX_PATH * sizeof (WCHAR));
  g_autofree char *name = NULL;
  g_autofree char *full_name = NULL;

  if (!GetFileInformationByHandleEx (handle, FileNameInfo, info, sizeof *info + MAX_PATH * sizeof (WCHAR)))
    return NULL;

  name = g_utf16_to_utf8 (info->FileName, info->FileNameLength / sizeof (WCHAR), NULL, NULL, NULL);
  if (name == NULL || name[0] != '\\')
    return NULL;

  full_name = g_strconcat ("\\\\.\\pipe", name, NULL);
  return l_address_resolve (full_name, L_SOCKET_OPTIONS_NONE, L_OPERATION_ADOPT, NULL);
}

gboolean
l_address_check (GSocketAddress  *address,
                 LOperation       operation,
                 GError         **error)
{
  l_error_set (error, operation, NULL, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
               N_("Named pipes have names and no addresses"));
  return FALSE;
}

GSocketAddress *
l_address_to_public (GSocketAddress *address)
{
  return NULL;
}

char *
l_address_to_name (GSocketAddress *address)
{
  return address != NULL ? g_strdup (L_PIPE_ADDRESS (address)->name) : NULL;
}

gboolean
l_address_is_abstract (GSocketAddress *address)
{
  return FALSE;
}
