/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket/l-error-private.h"

#include <windows.h>

/* What the codes of Windows mean, and its own words for them. */

typedef struct
{
  const char  *name;
  int          code;
  LSocketError error;
} SystemCase;

#define ROW(code, error) { #code, code, L_SOCKET_ERROR_##error }

static const SystemCase system_cases[] = {
  ROW (ERROR_BAD_NETPATH, SERVER_NOT_FOUND),
  ROW (ERROR_BAD_PATHNAME, SERVER_NOT_FOUND),
  ROW (ERROR_BAD_PIPE, SERVER_NOT_FOUND),
  ROW (ERROR_FILENAME_EXCED_RANGE, SERVER_NOT_FOUND),
  ROW (ERROR_FILE_NOT_FOUND, SERVER_NOT_FOUND),
  ROW (ERROR_INVALID_NAME, SERVER_NOT_FOUND),
  ROW (ERROR_PATH_NOT_FOUND, SERVER_NOT_FOUND),

  ROW (ERROR_ACCESS_DENIED, ACCESS),
  ROW (ERROR_PRIVILEGE_NOT_HELD, ACCESS),

  ROW (ERROR_COMMITMENT_LIMIT, RESOURCE),
  ROW (ERROR_NOT_ENOUGH_MEMORY, RESOURCE),
  ROW (ERROR_NO_SYSTEM_RESOURCES, RESOURCE),
  ROW (ERROR_OUTOFMEMORY, RESOURCE),
  ROW (ERROR_TOO_MANY_OPEN_FILES, RESOURCE),
  ROW (ERROR_WORKING_SET_QUOTA, RESOURCE),

  ROW (ERROR_BROKEN_PIPE, PEER_CLOSED),
  ROW (ERROR_HANDLE_EOF, PEER_CLOSED),
  ROW (ERROR_NO_DATA, PEER_CLOSED),
  ROW (ERROR_PIPE_NOT_CONNECTED, PEER_CLOSED),

  ROW (ERROR_ALREADY_EXISTS, ADDRESS_IN_USE),
  ROW (ERROR_PIPE_BUSY, ADDRESS_IN_USE),

  ROW (ERROR_SEM_TIMEOUT, TIMEOUT),
  ROW (ERROR_TIMEOUT, TIMEOUT),
  ROW (WAIT_TIMEOUT, TIMEOUT),

  ROW (ERROR_CALL_NOT_IMPLEMENTED, UNSUPPORTED_OPERATION),
  ROW (ERROR_INVALID_HANDLE, UNSUPPORTED_OPERATION),
  ROW (ERROR_NOT_SUPPORTED, UNSUPPORTED_OPERATION),

  ROW (ERROR_PIPE_CONNECTED, OPERATION),
  ROW (ERROR_PIPE_LISTENING, OPERATION),

  ROW (ERROR_GEN_FAILURE, CONNECTION),
  ROW (ERROR_OPERATION_ABORTED, CONNECTION),
  ROW (ERROR_PIPE_LOCAL, CONNECTION),
};

/* There is one for each code on Windows, and for most of them elsewhere. */
static char *
get_system_text (int code)
{
  WCHAR *utf16;
  char *text;

  if (FormatMessageW (FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_FROM_SYSTEM, NULL,
                      (DWORD) code, 0, (WCHAR *) (gpointer) &utf16, 0, NULL) == 0)
    return g_strdup_printf ("Error %d", code);

  text = g_utf16_to_utf8 (utf16, -1, NULL, NULL, NULL);
  LocalFree (utf16);
  return g_strchomp (text);
}

static void
test_system (gconstpointer data)
{
  const SystemCase *row = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *text = get_system_text (row->code);
  g_autofree char *expected = g_strdup_printf ("Cannot connect to “\\\\.\\pipe\\x”: %s", text);

  g_assert_cmpint (l_error_from_system (row->code), ==, row->error);
  g_assert_cmpstr (l_error_get_text (row->code), ==, text);

  l_error_set_system (&error, L_OPERATION_CONNECT, "\\\\.\\pipe\\x", row->code);
  g_assert_error (error, L_SOCKET_ERROR, (int) row->error);
  g_assert_cmpstr (error->message, ==, expected);
}

/* So that the table above is all there is. */
static void
test_others (void)
{
  for (int code = -1; code < 16000; code++)
    {
      gboolean is_known = FALSE;

      for (guint i = 0; i < G_N_ELEMENTS (system_cases); i++)
        is_known |= system_cases[i].code == code;
      if (!is_known)
        g_assert_cmpint (l_error_from_system (code), ==, L_SOCKET_ERROR_UNKNOWN);
    }

  g_assert_cmpint (l_error_from_system (G_MAXINT), ==, L_SOCKET_ERROR_UNKNOWN);
}

static void
test_without_text (void)
{
  g_autoptr(GError) error = NULL;

  l_error_set_system (&error, L_OPERATION_READ, NULL, 99999);
  g_assert_cmpstr (error->message, ==, "Cannot read: Error 99999");
}

/* With letters that are not ASCII's. */
static void
test_translated (void)
{
  LCID before = GetThreadLocale ();
  const char *text;

  g_assert_true (SetThreadLocale (MAKELCID (MAKELANGID (LANG_FRENCH, SUBLANG_FRENCH), SORT_DEFAULT)));
  text = l_error_get_text (ERROR_ACCESS_DENIED);
  g_test_message ("%s", text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  if (g_str_is_ascii (text))
    g_test_skip ("the system has no French messages");
  SetThreadLocale (before);
}

static void
test_locale_dir (void)
{
  g_autofree char *locale_dir = l_error_get_locale_dir ();
  g_autofree char *directory = NULL;
  g_autofree char *expected = NULL;
  WCHAR program[MAX_PATH];
  g_autofree char *utf8 = NULL;

  g_test_summary ("The translations are where the program is");

  g_assert_cmpuint (GetModuleFileNameW (NULL, program, G_N_ELEMENTS (program)), >, 0);
  utf8 = g_utf16_to_utf8 (program, -1, NULL, NULL, NULL);
  directory = g_path_get_dirname (utf8);
  expected = g_build_filename (directory, "share", "locale", NULL);
  g_assert_cmpstr (locale_dir, ==, expected);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (system_cases); i++)
    {
      g_autofree char *name = g_ascii_strdown (system_cases[i].name, -1);
      g_autofree char *path = g_strconcat ("/error/system/", name, NULL);

      g_test_add_data_func (path, &system_cases[i], test_system);
    }
  g_test_add_func ("/error/others", test_others);
  g_test_add_func ("/error/without-text", test_without_text);
  g_test_add_func ("/error/translated", test_translated);
  g_test_add_func ("/error/locale-dir", test_locale_dir);

  return g_test_run ();
}
