/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-name-private.h"
#include "l-system-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* What a path may hold beside its NUL, and an abstract name after its. */
#define MAX_NAME_LENGTH (sizeof (((struct sockaddr_un *) NULL)->sun_path) - 1)

static gboolean
is_our_directory (const char *path)
{
  struct stat status;

  return l_system.fstatat (AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR (status.st_mode) && status.st_uid == geteuid ();
}

/* NULL unless it counts: the specification wants an absolute path. */
static const char *
get_runtime_variable (void)
{
  const char *directory = g_getenv ("XDG_RUNTIME_DIR");

  return directory != NULL && g_path_is_absolute (directory) ? directory : NULL;
}

static gboolean
is_absent (const char *path)
{
  struct stat status;

  return l_system.fstatat (AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

char *
l_address_get_runtime_directory (void)
{
  const char *directory = get_runtime_variable ();
  g_autofree char *run_user = NULL;

  if (directory != NULL)
    {
      const char *flatpak_id = g_getenv ("FLATPAK_ID");

      /* The one place that all instances of a sandboxed application share. */
      if (flatpak_id != NULL && *flatpak_id != '\0')
        return g_build_filename (directory, "app", flatpak_id, NULL);
      return g_strdup (directory);
    }

  run_user = g_strdup_printf ("/run/user/%u", (guint) geteuid ());
  if (is_our_directory (run_user))
    return g_steal_pointer (&run_user);

  return g_strdup (g_get_user_cache_dir ());
}

/* Others could put a socket of theirs into a directory that they may write. */
gboolean
l_address_check_runtime_directory (const char  *directory,
                                   LOperation   operation,
                                   const char  *address,
                                   GError     **error)
{
  struct stat status;

  if (l_system.fstatat (AT_FDCWD, directory, &status, AT_SYMLINK_NOFOLLOW) < 0)
    {
      l_error_set_system (error, operation, address, errno);
      return FALSE;
    }

  if (!S_ISDIR (status.st_mode))
    l_error_set (error, operation, address, L_SOCKET_ERROR_ACCESS,
                 /* TRANSLATORS: the string is a path, here and in the next two. */
                 N_("“%s” is not a directory"), directory);
  else if (status.st_uid != geteuid ())
    l_error_set (error, operation, address, L_SOCKET_ERROR_ACCESS,
                 N_("The directory “%s” belongs to another user"), directory);
  else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    l_error_set (error, operation, address, L_SOCKET_ERROR_ACCESS,
                 N_("The directory “%s” can be written by others"), directory);
  else
    return TRUE;

  return FALSE;
}

static char *
get_temp_directory (void)
{
  const char *directory = g_getenv ("TMPDIR");

  /* Not g_get_tmp_dir(): Qt asks at each call, and knows no TMP and TEMP. */
  if (directory == NULL || !g_path_is_absolute (directory))
    directory = "/tmp";

  return g_canonicalize_filename (directory, "/");
}

gboolean
l_address_init (LAddress        *self,
                const char      *name,
                LSocketOptions   options,
                LOperation       operation,
                GError         **error)
{
  gboolean is_temporary = (options & L_SOCKET_OPTIONS_TEMP_DIRECTORY) != 0;
  g_autofree char *runtime_directory = is_temporary ? NULL : l_address_get_runtime_directory ();
  g_autofree char *temp_directory = is_temporary ? get_temp_directory () : NULL;
  g_autofree char *resolved = NULL;
  LNameRules rules = {
#ifdef __linux__
    .has_abstract = TRUE,
#endif
    .runtime_directory = runtime_directory,
    .temp_directory = temp_directory,
    .max_length = MAX_NAME_LENGTH,
  };
  LNameKind kind;

  resolved = l_name_resolve (name, options, &rules, operation, &kind, error);
  if (resolved == NULL)
    return FALSE;

  /* The fall-back directory may not be there yet. */
  if (kind == L_NAME_PLAIN && operation == L_OPERATION_LISTEN && get_runtime_variable () == NULL)
    g_mkdir_with_parents (runtime_directory, 0700);

  /* Nothing is to be removed from a directory that is not there. */
  if (kind == L_NAME_PLAIN && !(operation == L_OPERATION_REMOVE && is_absent (runtime_directory)) &&
      !l_address_check_runtime_directory (runtime_directory, operation, resolved, error))
    return FALSE;

  self->name = g_ref_string_new (resolved);
  self->is_abstract = kind == L_NAME_ABSTRACT;
  return TRUE;
}

GSocketAddress *
l_address_get_object (LAddress *self)
{
  if (self->object != NULL || self->name == NULL)
    return self->object;

  if (self->is_abstract)
    self->object = g_unix_socket_address_new_with_type (self->name, g_ref_string_length (self->name),
                                                        G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  else
    self->object = g_unix_socket_address_new (self->name);

  return self->object;
}

GSocketAddress *
l_address_resolve (const char      *name,
                   LSocketOptions   options,
                   LOperation       operation,
                   GError         **error)
{
  g_auto(LAddress) self = { NULL };

  if (!l_address_init (&self, name, options, operation, error))
    return NULL;

  return g_object_ref (l_address_get_object (&self));
}

gboolean
l_address_check (GSocketAddress  *address,
                 LOperation       operation,
                 GError         **error)
{
  GUnixSocketAddress *unix_address;
  g_autofree char *name = NULL;
  g_autofree char *reason = NULL;
  gulong length;

  if (!G_IS_UNIX_SOCKET_ADDRESS (address))
    {
      l_error_set (error, operation, NULL, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   N_("The address is not one of a Unix socket"));
      return FALSE;
    }

  unix_address = G_UNIX_SOCKET_ADDRESS (address);
  length = g_unix_socket_address_get_path_len (unix_address);
  if (length == 0)
    {
      l_error_set (error, operation, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND, N_("The address is empty"));
      return FALSE;
    }

  name = l_address_to_name (address);
  if (!l_address_is_abstract (address) && length >= MAX_NAME_LENGTH)
    {
      l_error_bind_text_domain ();
      /* TRANSLATORS: GUnixSocketAddress is the name of a class. The program should give the path as a name, a string. */
      reason = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE,
                                             "A path of %lu byte may have been cut by GUnixSocketAddress; "
                                             "use the path as a name",
                                             "A path of %lu bytes may have been cut by GUnixSocketAddress; "
                                             "use the path as a name", length),
                                length);
      l_error_set (error, operation, name, L_SOCKET_ERROR_SERVER_NOT_FOUND, "%s", reason);
      return FALSE;
    }

  return TRUE;
}

GSocketAddress *
l_address_to_public (GSocketAddress *address)
{
  return address;
}

gboolean
l_address_is_abstract (GSocketAddress *address)
{
  GUnixSocketAddressType type = g_unix_socket_address_get_address_type (G_UNIX_SOCKET_ADDRESS (address));

  return type == G_UNIX_SOCKET_ADDRESS_ABSTRACT || type == G_UNIX_SOCKET_ADDRESS_ABSTRACT_PADDED;
}

char *
l_address_to_name (GSocketAddress *address)
{
  GUnixSocketAddress *unix_address;
  const char *path;
  gsize length;
  char *name;

  if (address == NULL || !G_IS_UNIX_SOCKET_ADDRESS (address))
    return NULL;

  unix_address = G_UNIX_SOCKET_ADDRESS (address);
  path = g_unix_socket_address_get_path (unix_address);
  length = g_unix_socket_address_get_path_len (unix_address);
  if (length == 0)
    return NULL;

  name = g_strndup (path, length);
  if (!l_address_is_abstract (address))
    return name;

  /* A property cannot show a NUL; it stands as “@”, as tools show abstract names. */
  for (gsize i = 0; i < length; i++)
    name[i] = path[i] == '\0' ? '@' : path[i];

  return name;
}
