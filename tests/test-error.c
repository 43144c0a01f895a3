/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "lsocket/l-error-private.h"

/* The errors, but for what the codes of a system mean. */

typedef struct
{
  const char *name;
  LOperation  operation;
  const char *with_address;
  const char *without_address;
} OperationCase;

static const OperationCase operation_cases[] = {
  { "connect", L_OPERATION_CONNECT, "Cannot connect to “X”: why", "Cannot connect: why" },
  { "listen", L_OPERATION_LISTEN, "Cannot listen on “X”: why", "Cannot listen: why" },
  { "accept", L_OPERATION_ACCEPT, "Cannot accept a connection on “X”: why", "Cannot accept a connection: why" },
  { "read", L_OPERATION_READ, "Cannot read from “X”: why", "Cannot read: why" },
  { "write", L_OPERATION_WRITE, "Cannot write to “X”: why", "Cannot write: why" },
  { "shutdown", L_OPERATION_SHUTDOWN, "Cannot shut down the connection to “X”: why",
    "Cannot shut down the connection: why" },
  { "remove", L_OPERATION_REMOVE, "Cannot remove “X”: why", "Cannot remove the socket: why" },
  { "adopt", L_OPERATION_ADOPT, "Cannot use the descriptor “X”: why", "Cannot use the descriptor: why" },
};

static void
test_operation (gconstpointer data)
{
  const OperationCase *row = data;
  g_autoptr(GError) with_address = NULL;
  g_autoptr(GError) without_address = NULL;
  g_autoptr(GError) unnamed = NULL;

  l_error_set (&with_address, row->operation, "X", L_SOCKET_ERROR_ACCESS, "why");
  g_assert_error (with_address, L_SOCKET_ERROR, L_SOCKET_ERROR_ACCESS);
  g_assert_cmpstr (with_address->message, ==, row->with_address);

  l_error_set (&without_address, row->operation, NULL, L_SOCKET_ERROR_TIMEOUT, "why");
  g_assert_error (without_address, L_SOCKET_ERROR, L_SOCKET_ERROR_TIMEOUT);
  g_assert_cmpstr (without_address->message, ==, row->without_address);

  l_error_set (&unnamed, row->operation, "", L_SOCKET_ERROR_TIMEOUT, "why");
  g_assert_cmpstr (unnamed->message, ==, row->without_address);
}

static void
test_format (void)
{
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_LISTEN, "n", L_SOCKET_ERROR_SERVER_NOT_FOUND, "%d of %s", 7, "nine");
  g_assert_cmpstr (error->message, ==, "Cannot listen on “n”: 7 of nine");
}

static void
test_percent (void)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("What a peer chose is never a format");

  l_error_set (&error, L_OPERATION_CONNECT, "100%s%n", L_SOCKET_ERROR_ACCESS, "%s", "%s%n");
  g_assert_cmpstr (error->message, ==, "Cannot connect to “100%s%n”: %s%n");
}

static void
test_invalid_utf8 (void)
{
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_CONNECT, "a\xff" "b", L_SOCKET_ERROR_ACCESS, "why");
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpstr (error->message, ==, "Cannot connect to “a\xef\xbf\xbd" "b”: why");
}

static void
test_valid_utf8 (void)
{
  g_autoptr(GError) error = NULL;

  l_error_set (&error, L_OPERATION_CONNECT, "Märkte/市場", L_SOCKET_ERROR_ACCESS, "why");
  g_assert_cmpstr (error->message, ==, "Cannot connect to “Märkte/市場”: why");
}

static void
test_long_address (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *address = g_strnfill (100000, 'x');

  l_error_set (&error, L_OPERATION_CONNECT, address, L_SOCKET_ERROR_ACCESS, "why");
  g_assert_nonnull (strstr (error->message, address));
}

static void
test_no_error (void)
{
  g_test_summary ("A caller that wants no error gets none");

  l_error_set (NULL, L_OPERATION_CONNECT, "x", L_SOCKET_ERROR_ACCESS, "%s", "why");
  l_error_set_system (NULL, L_OPERATION_CONNECT, "x", ENOENT);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (operation_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/error/operation/", operation_cases[i].name, NULL);

      g_test_add_data_func (path, &operation_cases[i], test_operation);
    }

  g_test_add_func ("/error/format", test_format);
  g_test_add_func ("/error/percent", test_percent);
  g_test_add_func ("/error/invalid-utf8", test_invalid_utf8);
  g_test_add_func ("/error/valid-utf8", test_valid_utf8);
  g_test_add_func ("/error/long-address", test_long_address);
  g_test_add_func ("/error/no-error", test_no_error);

  return g_test_run ();
}
