/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "l-name-private.h"

#define PIPE_PREFIX "\\\\.\\pipe\\"

static gboolean
has_pipe_prefix (const char *name)
{
  return g_ascii_strncasecmp (name, PIPE_PREFIX, strlen (PIPE_PREFIX)) == 0;
}

/* Windows takes both slashes for the same one. */
static gboolean
has_separator (const char       *name,
               const LNameRules *rules)
{
  return strpbrk (name, rules->pipes ? "/\\" : "/") != NULL;
}

/* The other platform's form. */
static gboolean
check_form (const char       *name,
            const LNameRules *rules,
            LOperation        operation,
            GError          **error)
{
  if (rules->pipes && name[0] == '/')
    {
      l_error_set (error, operation, name, L_SOCKET_ERROR_SERVER_NOT_FOUND,
                   N_("A path cannot be the name of a pipe"));
      return FALSE;
    }

  if (!rules->pipes && has_pipe_prefix (name))
    {
      l_error_set (error, operation, name, L_SOCKET_ERROR_SERVER_NOT_FOUND,
                   N_("Named pipes are there on Windows only"));
      return FALSE;
    }

  return TRUE;
}

/* A plain name, or what stands behind \\.\pipe\; address is what the message shows. */
static gboolean
check_plain (const char       *name,
             const char       *address,
             const LNameRules *rules,
             LOperation        operation,
             GError          **error)
{
  if (name[0] == '\0')
    {
      l_error_set (error, operation, address, L_SOCKET_ERROR_SERVER_NOT_FOUND, N_("The name is empty"));
      return FALSE;
    }

  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    {
      l_error_set (error, operation, address, L_SOCKET_ERROR_SERVER_NOT_FOUND, N_("The name stands for a directory"));
      return FALSE;
    }

  if (has_separator (name, rules))
    {
      l_error_set (error, operation, address, L_SOCKET_ERROR_SERVER_NOT_FOUND,
                   N_("A name is either plain, without a slash, or an absolute path"));
      return FALSE;
    }

  return TRUE;
}

/* Windows counts what it stores: units of UTF-16. */
static gsize
get_length (const char       *address,
            const LNameRules *rules)
{
  g_autofree gunichar2 *wide = NULL;
  glong length;

  if (rules->pipes)
    wide = g_utf8_to_utf16 (address, -1, NULL, &length, NULL);

  return wide != NULL ? (gsize) length : strlen (address);
}

static gboolean
check_length (const char       *address,
              const LNameRules *rules,
              LOperation        operation,
              GError          **error)
{
  gulong length = get_length (address, rules);
  gulong max = rules->max_length;
  g_autofree char *reason = NULL;

  if (length <= max)
    return TRUE;

  l_error_bind_text_domain ();
  if (rules->pipes)
    /* TRANSLATORS: the first number decides the plural, the second is the limit. */
    reason = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE,
                                           "The address has %lu character and the system takes at most %lu",
                                           "The address has %lu characters and the system takes at most %lu", length),
                              length, max);
  else
    /* TRANSLATORS: the first number decides the plural, the second is the limit. */
    reason = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE,
                                           "The address has %lu byte and the system takes at most %lu",
                                           "The address has %lu bytes and the system takes at most %lu", length),
                              length, max);

  l_error_set (error, operation, address, L_SOCKET_ERROR_SERVER_NOT_FOUND, "%s", reason);
  return FALSE;
}

static char *
join (const char *directory,
      const char *name)
{
  g_autofree char *trimmed = NULL;
  gsize length = strlen (directory);

  if (!g_str_has_suffix (directory, "/"))
    return g_strconcat (directory, "/", name, NULL);

  while (length > 0 && directory[length - 1] == '/')
    length--;

  trimmed = g_strndup (directory, length);
  return g_strconcat (trimmed, "/", name, NULL);
}

static char *
resolve_abstract (const char       *name,
                  const LNameRules *rules,
                  LOperation        operation,
                  LNameKind        *kind,
                  GError          **error)
{
  if (!rules->has_abstract)
    {
      l_error_set (error, operation, name, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   N_("The system has no abstract namespace"));
      return NULL;
    }

  if (!check_length (name, rules, operation, error))
    return NULL;

  *kind = L_NAME_ABSTRACT;
  return g_strdup (name);
}

static char *
resolve_pipe (const char       *name,
              const LNameRules *rules,
              LOperation        operation,
              LNameKind        *kind,
              GError          **error)
{
  gboolean is_full = has_pipe_prefix (name);
  const char *plain = is_full ? name + strlen (PIPE_PREFIX) : name;
  g_autofree char *address = NULL;

  if (!check_plain (plain, name, rules, operation, error))
    return NULL;

  address = is_full ? g_strdup (name) : g_strconcat (PIPE_PREFIX, name, NULL);
  if (!check_length (address, rules, operation, error))
    return NULL;

  *kind = L_NAME_PIPE;
  return g_steal_pointer (&address);
}

static char *
resolve_path (const char       *name,
              LSocketOptions    options,
              const LNameRules *rules,
              LOperation        operation,
              LNameKind        *kind,
              GError          **error)
{
  gboolean in_temp = (options & L_SOCKET_OPTIONS_TEMP_DIRECTORY) != 0;
  gboolean is_path = name[0] == '/';
  g_autofree char *address = NULL;

  if (!is_path && !check_plain (name, name, rules, operation, error))
    return NULL;

  if (is_path)
    address = g_strdup (name);
  else
    address = join (in_temp ? rules->temp_directory : rules->runtime_directory, name);

  if (!check_length (address, rules, operation, error))
    return NULL;

  if (is_path)
    *kind = L_NAME_PATH;
  else
    *kind = in_temp ? L_NAME_TEMPORARY : L_NAME_PLAIN;
  return g_steal_pointer (&address);
}

char *
l_name_resolve (const char       *name,
                LSocketOptions    options,
                const LNameRules *rules,
                LOperation        operation,
                LNameKind        *kind,
                GError          **error)
{
  g_assert (name != NULL);
  g_assert (kind != NULL);

  /* Also an abstract name needs a byte: bind() without one makes up a name. */
  if (name[0] == '\0')
    {
      l_error_set (error, operation, NULL, L_SOCKET_ERROR_SERVER_NOT_FOUND, N_("The name is empty"));
      return NULL;
    }

  if ((options & L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE) != 0)
    return resolve_abstract (name, rules, operation, kind, error);

  if (!check_form (name, rules, operation, error))
    return NULL;

  if (rules->pipes)
    return resolve_pipe (name, rules, operation, kind, error);

  return resolve_path (name, options, rules, operation, kind, error);
}

gboolean
l_name_is_plain (const char *name)
{
  return name[0] != '/' && !has_pipe_prefix (name);
}

char *
l_name_from_path (const char *path)
{
  return g_path_get_basename (path);
}
