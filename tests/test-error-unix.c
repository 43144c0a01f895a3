/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <libintl.h>

#include "lsocket/l-error-private.h"

/* What the codes of Unix mean, and their translations. */

typedef struct
{
  const char  *name;
  int          code;
  LSocketError error;
} SystemCase;

#define ROW(code, error) { #code, code, L_SOCKET_ERROR_##error }

static const SystemCase system_cases[] = {
  ROW (EADDRNOTAVAIL, SERVER_NOT_FOUND),
  ROW (ELOOP, SERVER_NOT_FOUND),
  ROW (ENAMETOOLONG, SERVER_NOT_FOUND),
  ROW (ENOENT, SERVER_NOT_FOUND),
  ROW (ENOTDIR, SERVER_NOT_FOUND),

  ROW (EACCES, ACCESS),
  ROW (EPERM, ACCESS),
  ROW (EROFS, ACCESS),

  ROW (EAGAIN, RESOURCE),
  ROW (EWOULDBLOCK, RESOURCE),
  ROW (EDQUOT, RESOURCE),
  ROW (EMFILE, RESOURCE),
  ROW (ENFILE, RESOURCE),
  ROW (ENOBUFS, RESOURCE),
  ROW (ENOMEM, RESOURCE),
  ROW (ENOSPC, RESOURCE),
#ifdef ENOSR
  ROW (ENOSR, RESOURCE),
#endif
  ROW (ETOOMANYREFS, RESOURCE),

  ROW (ECONNREFUSED, CONNECTION_REFUSED),

  ROW (ECONNRESET, PEER_CLOSED),
  ROW (EPIPE, PEER_CLOSED),

  ROW (EADDRINUSE, ADDRESS_IN_USE),
  ROW (EEXIST, ADDRESS_IN_USE),
  ROW (EISDIR, ADDRESS_IN_USE),

  ROW (ETIMEDOUT, TIMEOUT),

  ROW (EMSGSIZE, DATAGRAM_TOO_LARGE),

  ROW (EAFNOSUPPORT, UNSUPPORTED_OPERATION),
  ROW (EBADF, UNSUPPORTED_OPERATION),
  ROW (ENOPROTOOPT, UNSUPPORTED_OPERATION),
  ROW (ENOSYS, UNSUPPORTED_OPERATION),
  ROW (ENOTSOCK, UNSUPPORTED_OPERATION),
  ROW (ENOTSUP, UNSUPPORTED_OPERATION),
  ROW (EOPNOTSUPP, UNSUPPORTED_OPERATION),
  ROW (EPFNOSUPPORT, UNSUPPORTED_OPERATION),
  ROW (EPROTONOSUPPORT, UNSUPPORTED_OPERATION),
  ROW (EPROTOTYPE, UNSUPPORTED_OPERATION),
  ROW (ESOCKTNOSUPPORT, UNSUPPORTED_OPERATION),

  ROW (EALREADY, OPERATION),
  ROW (EDESTADDRREQ, OPERATION),
  ROW (EINPROGRESS, OPERATION),
  ROW (EISCONN, OPERATION),

  ROW (ECONNABORTED, CONNECTION),
  ROW (EFAULT, CONNECTION),
  ROW (EHOSTDOWN, CONNECTION),
  ROW (EHOSTUNREACH, CONNECTION),
  ROW (EINTR, CONNECTION),
  ROW (EINVAL, CONNECTION),
  ROW (EIO, CONNECTION),
  ROW (ENETDOWN, CONNECTION),
  ROW (ENETRESET, CONNECTION),
  ROW (ENETUNREACH, CONNECTION),
#ifdef ENONET
  ROW (ENONET, CONNECTION),
#endif
  ROW (ENOTCONN, CONNECTION),
  ROW (EPROTO, CONNECTION),
  ROW (ESHUTDOWN, CONNECTION),

  ROW (ECHILD, UNKNOWN),
  ROW (EDOM, UNKNOWN),
  { "zero", 0, L_SOCKET_ERROR_UNKNOWN },
  { "negative", -1, L_SOCKET_ERROR_UNKNOWN },
  { "huge", G_MAXINT, L_SOCKET_ERROR_UNKNOWN },
};

static void
test_system (gconstpointer data)
{
  const SystemCase *row = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("Cannot connect to “/run/x”: %s", g_strerror (row->code));

  g_assert_cmpint (l_error_from_system (row->code), ==, row->error);
  g_assert_cmpstr (l_error_get_text (row->code), ==, g_strerror (row->code));

  l_error_set_system (&error, L_OPERATION_CONNECT, "/run/x", row->code);
  g_assert_error (error, L_SOCKET_ERROR, (int) row->error);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_system_without_address (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("Cannot read: %s", g_strerror (ECONNRESET));

  l_error_set_system (&error, L_OPERATION_READ, NULL, ECONNRESET);
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_PEER_CLOSED);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_unknown_code (void)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("UNKNOWN is -1 and survives in a GError");

  l_error_set_system (&error, L_OPERATION_CONNECT, NULL, ECHILD);
  g_assert_error (error, L_SOCKET_ERROR, -1);
}

/* In a process of its own, where nothing has bound the domain yet. */
static void
test_domain (gconstpointer data)
{
  gboolean is_system = GPOINTER_TO_INT (data);
  g_autoptr(GError) error = NULL;

  g_test_summary ("The first error binds the text domain to the directory of the translations");

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }

  g_assert_null (bind_textdomain_codeset (GETTEXT_PACKAGE, NULL));
  if (is_system)
    l_error_set_system (&error, L_OPERATION_CONNECT, NULL, ENOENT);
  else
    l_error_set (&error, L_OPERATION_CONNECT, NULL, L_SOCKET_ERROR_ACCESS, "why");
  g_assert_cmpstr (bindtextdomain (GETTEXT_PACKAGE, NULL), ==, LSOCKET_LOCALEDIR);
  g_assert_cmpstr (bind_textdomain_codeset (GETTEXT_PACKAGE, NULL), ==, "UTF-8");
}

static void
test_complete (void)
{
  g_test_summary ("Each value that a system error can mean has a row");

  for (int value = L_SOCKET_ERROR_CONNECTION_REFUSED; value <= L_SOCKET_ERROR_ADDRESS_IN_USE; value++)
    {
      gboolean found = FALSE;

      for (gsize i = 0; i < G_N_ELEMENTS (system_cases); i++)
        found = found || (int) l_error_from_system (system_cases[i].code) == value;
      g_test_message ("value %d", value);
      g_assert_true (found);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (system_cases); i++)
    {
      g_autofree char *name = g_ascii_strdown (system_cases[i].name, -1);
      g_autofree char *path = g_strconcat ("/error/system/", name, NULL);

      g_test_add_data_func (path, &system_cases[i], test_system);
    }

  g_test_add_func ("/error/system-without-address", test_system_without_address);
  g_test_add_func ("/error/unknown-code", test_unknown_code);
  g_test_add_func ("/error/complete", test_complete);
  g_test_add_data_func ("/error/domain/reason", GINT_TO_POINTER (FALSE), test_domain);
  g_test_add_data_func ("/error/domain/system", GINT_TO_POINTER (TRUE), test_domain);

  return g_test_run ();
}
