/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <glib/gi18n-lib.h>

#include "l-error-private.h"

/* A library has no main() where this could be done. */
void
l_error_bind_text_domain (void)
{
  static gsize bound = 0;
  g_autofree char *locale_dir = NULL;

  if (!g_once_init_enter (&bound))
    return;

  locale_dir = l_error_get_locale_dir ();
  bindtextdomain (GETTEXT_PACKAGE, locale_dir);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  g_once_init_leave (&bound, 1);
}

static char *
describe (LOperation  operation,
          const char *cause)
{
  switch (operation)
    {
    case L_OPERATION_CONNECT:
      /* TRANSLATORS: here and below the string is what went wrong, a sentence without a full stop. */
      return g_strdup_printf (_("Cannot connect: %s"), cause);
    case L_OPERATION_LISTEN:
      return g_strdup_printf (_("Cannot listen: %s"), cause);
    case L_OPERATION_ACCEPT:
      return g_strdup_printf (_("Cannot accept a connection: %s"), cause);
    case L_OPERATION_READ:
      return g_strdup_printf (_("Cannot read: %s"), cause);
    case L_OPERATION_WRITE:
      return g_strdup_printf (_("Cannot write: %s"), cause);
    case L_OPERATION_SHUTDOWN:
      return g_strdup_printf (_("Cannot shut down the connection: %s"), cause);
    case L_OPERATION_REMOVE:
      return g_strdup_printf (_("Cannot remove the socket: %s"), cause);
    case L_OPERATION_ADOPT:
      return g_strdup_printf (_("Cannot use the descriptor: %s"), cause);
    default:
      g_assert_not_reached ();
    }
}

static char *
describe_address (LOperation  operation,
                  const char *address,
                  const char *cause)
{
  switch (operation)
    {
    case L_OPERATION_CONNECT:
      /* TRANSLATORS: here and below the first string is the path or the name of a socket, the second what went wrong. */
      return g_strdup_printf (_("Cannot connect to “%s”: %s"), address, cause);
    case L_OPERATION_LISTEN:
      return g_strdup_printf (_("Cannot listen on “%s”: %s"), address, cause);
    case L_OPERATION_ACCEPT:
      return g_strdup_printf (_("Cannot accept a connection on “%s”: %s"), address, cause);
    case L_OPERATION_READ:
      return g_strdup_printf (_("Cannot read from “%s”: %s"), address, cause);
    case L_OPERATION_WRITE:
      return g_strdup_printf (_("Cannot write to “%s”: %s"), address, cause);
    case L_OPERATION_SHUTDOWN:
      return g_strdup_printf (_("Cannot shut down the connection to “%s”: %s"), address, cause);
    case L_OPERATION_REMOVE:
      return g_strdup_printf (_("Cannot remove “%s”: %s"), address, cause);
    case L_OPERATION_ADOPT:
      /* TRANSLATORS: the first string is the number of a file descriptor. */
      return g_strdup_printf (_("Cannot use the descriptor “%s”: %s"), address, cause);
    default:
      g_assert_not_reached ();
    }
}

static void
set_cause (GError       **error,
           LOperation     operation,
           const char    *address,
           LSocketError   code,
           const char    *cause)
{
  g_autofree char *shown = NULL;
  g_autofree char *message = NULL;

  if (address != NULL && *address != '\0')
    {
      shown = g_utf8_make_valid (address, -1);
      message = describe_address (operation, shown, cause);
    }
  else
    {
      message = describe (operation, cause);
    }

  g_set_error_literal (error, L_SOCKET_ERROR, (int) code, message);
}

char *
l_error_describe_peer_closed (const char *address)
{
  g_autofree char *shown = address != NULL ? g_utf8_make_valid (address, -1) : NULL;

  if (shown == NULL)
    return g_strdup (_("The peer closed the connection"));

  /* TRANSLATORS: the string is the path or the name of a socket. */
  return g_strdup_printf (_("The peer closed the connection to “%s”"), shown);
}

void
l_error_set_system (GError     **error,
                    LOperation   operation,
                    const char  *address,
                    int          code)
{
  if (error == NULL)
    return;

  l_error_bind_text_domain ();
  set_cause (error, operation, address, l_error_from_system (code), l_error_get_text (code));
}

/* The reason is translated here, when the domain is bound; its caller marks it with N_(). */
void
l_error_set (GError       **error,
             LOperation     operation,
             const char    *address,
             LSocketError   code,
             const char    *reason,
             ...)
{
  g_autofree char *cause = NULL;
  va_list args;

  g_assert (reason != NULL && *reason != '\0');

  if (error == NULL)
    return;

  l_error_bind_text_domain ();
  va_start (args, reason);
  cause = g_strdup_vprintf (_(reason), args);
  va_end (args);

  set_cause (error, operation, address, code, cause);
}

void
l_error_set_not_served (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _("No main loop of the calling thread serves the object"));
}

void
l_error_convert_to_io (GError **error)
{
  GIOErrorEnum code;

  if (error == NULL || *error == NULL || (*error)->domain != L_SOCKET_ERROR)
    return;

  switch ((LSocketError) (*error)->code)
    {
    case L_SOCKET_ERROR_PEER_CLOSED:
      code = G_IO_ERROR_BROKEN_PIPE;
      break;
    case L_SOCKET_ERROR_ACCESS:
      code = G_IO_ERROR_PERMISSION_DENIED;
      break;
    case L_SOCKET_ERROR_RESOURCE:
      code = G_IO_ERROR_NO_SPACE;
      break;
    case L_SOCKET_ERROR_TIMEOUT:
      code = G_IO_ERROR_TIMED_OUT;
      break;
    case L_SOCKET_ERROR_DATAGRAM_TOO_LARGE:
      code = G_IO_ERROR_MESSAGE_TOO_LARGE;
      break;
    case L_SOCKET_ERROR_UNSUPPORTED_OPERATION:
      code = G_IO_ERROR_NOT_SUPPORTED;
      break;
    case L_SOCKET_ERROR_OPERATION:
      code = G_IO_ERROR_CLOSED;
      break;
    case L_SOCKET_ERROR_UNKNOWN:
    case L_SOCKET_ERROR_CONNECTION_REFUSED:
    case L_SOCKET_ERROR_SERVER_NOT_FOUND:
    case L_SOCKET_ERROR_CONNECTION:
    case L_SOCKET_ERROR_ADDRESS_IN_USE:
    default:
      code = G_IO_ERROR_FAILED;
      break;
    }

  (*error)->domain = G_IO_ERROR;
  (*error)->code = code;
}
