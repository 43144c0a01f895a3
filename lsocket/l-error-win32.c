/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-error-private.h"

#include <glib/gi18n-lib.h>
#include <windows.h>

/* GLib's own table does not know what pipes say. */
LSocketError
l_error_from_system (int code)
{
  switch (code)
    {
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_PIPE:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_FILE_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_PATH_NOT_FOUND:
      return L_SOCKET_ERROR_SERVER_NOT_FOUND;

    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
      return L_SOCKET_ERROR_ACCESS;

    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_OUTOFMEMORY:
    case ERROR_TOO_MANY_OPEN_FILES:
    case ERROR_WORKING_SET_QUOTA:
      return L_SOCKET_ERROR_RESOURCE;

    case ERROR_BROKEN_PIPE:
    case ERROR_HANDLE_EOF:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
      return L_SOCKET_ERROR_PEER_CLOSED;

    case ERROR_ALREADY_EXISTS:
    case ERROR_PIPE_BUSY:
      return L_SOCKET_ERROR_ADDRESS_IN_USE;

    case ERROR_SEM_TIMEOUT:
    case ERROR_TIMEOUT:
    case WAIT_TIMEOUT:
      return L_SOCKET_ERROR_TIMEOUT;

    case ERROR_CALL_NOT_IMPLEMENTED:
    case ERROR_INVALID_HANDLE:
    case ERROR_NOT_SUPPORTED:
      return L_SOCKET_ERROR_UNSUPPORTED_OPERATION;

    case ERROR_PIPE_CONNECTED:
    case ERROR_PIPE_LISTENING:
      return L_SOCKET_ERROR_OPERATION;

    case ERROR_GEN_FAILURE:
    case ERROR_OPERATION_ABORTED:
    case ERROR_PIPE_LOCAL:
      return L_SOCKET_ERROR_CONNECTION;

    default:
      return L_SOCKET_ERROR_UNKNOWN;
    }
}

const char *
l_error_get_text (int code)
{
  g_autofree char *text = g_win32_error_message (code);

  /* There is no text for each. */
  if (text[0] == '\0')
    {
      g_free (text);
      /* TRANSLATORS: a code of Windows for which it has no text. */
      text = g_strdup_printf (_("Error %d"), code);
    }

  /* They are few. */
  return g_intern_string (g_strchomp (text));
}

/* A program is installed anywhere, and has its libraries with it. */
char *
l_error_get_locale_dir (void)
{
  DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  g_autofree char *prefix = NULL;
  g_autofree char *locale_dir = NULL;
  HMODULE module = NULL;

  GetModuleHandleExW (flags, (LPCWSTR) (gpointer) l_error_get_locale_dir, &module);
  prefix = g_win32_get_package_installation_directory_of_module (module);
  locale_dir = g_canonicalize_filename (LSOCKET_LOCALEDIR, prefix);
  return g_win32_locale_filename_from_utf8 (locale_dir);
}
