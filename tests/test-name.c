/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <string.h>

#include "lsocket/l-name-private.h"

static const LNameRules linux_rules = {
  .has_abstract = TRUE,
  .runtime_directory = "/run/user/1000",
  .temp_directory = "/tmp",
  .max_length = 107,
};

static const LNameRules bsd_rules = {
  .runtime_directory = "/home/me/.cache/",
  .temp_directory = "/var/tmp//",
  .max_length = 103,
};

static const LNameRules root_rules = {
  .runtime_directory = "/",
  .temp_directory = "//",
  .max_length = 107,
};

static const LNameRules windows_rules = {
  .pipes = TRUE,
  .max_length = 256,
};

#define PLAIN    L_SOCKET_OPTIONS_NONE
#define TEMP     L_SOCKET_OPTIONS_TEMP_DIRECTORY
#define ABSTRACT L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE

typedef struct
{
  const char       *path;
  const LNameRules *rules;
  LSocketOptions    options;
  const char       *name;
  const char       *address;
  LNameKind         kind;
} GoodCase;

static const GoodCase good_cases[] = {
  { "plain", &linux_rules, PLAIN, "market", "/run/user/1000/market", L_NAME_PLAIN },
  { "plain-temp", &linux_rules, TEMP, "market", "/tmp/market", L_NAME_TEMPORARY },
  { "plain-one-byte", &linux_rules, PLAIN, "m", "/run/user/1000/m", L_NAME_PLAIN },
  { "plain-hidden", &linux_rules, PLAIN, ".market", "/run/user/1000/.market", L_NAME_PLAIN },
  { "plain-three-dots", &linux_rules, PLAIN, "...", "/run/user/1000/...", L_NAME_PLAIN },
  { "plain-dots-ahead", &linux_rules, PLAIN, "..a", "/run/user/1000/..a", L_NAME_PLAIN },
  { "plain-space", &linux_rules, PLAIN, " a b ", "/run/user/1000/ a b ", L_NAME_PLAIN },
  { "plain-backslash", &linux_rules, PLAIN, "a\\b", "/run/user/1000/a\\b", L_NAME_PLAIN },
  { "plain-percent", &linux_rules, PLAIN, "%s%n", "/run/user/1000/%s%n", L_NAME_PLAIN },
  { "plain-at", &linux_rules, PLAIN, "@market", "/run/user/1000/@market", L_NAME_PLAIN },
  { "plain-utf8", &linux_rules, PLAIN, "Märkte", "/run/user/1000/Märkte", L_NAME_PLAIN },
  { "plain-invalid-utf8", &linux_rules, PLAIN, "a\xff", "/run/user/1000/a\xff", L_NAME_PLAIN },
  { "plain-newline", &linux_rules, PLAIN, "a\nb", "/run/user/1000/a\nb", L_NAME_PLAIN },
  { "plain-drive", &linux_rules, PLAIN, "C:\\market", "/run/user/1000/C:\\market", L_NAME_PLAIN },
  { "plain-almost-pipe", &linux_rules, PLAIN, "\\\\.\\pip\\market", "/run/user/1000/\\\\.\\pip\\market", L_NAME_PLAIN },
  { "directory-slash", &bsd_rules, PLAIN, "market", "/home/me/.cache/market", L_NAME_PLAIN },
  { "directory-two-slashes", &bsd_rules, TEMP, "market", "/var/tmp/market", L_NAME_TEMPORARY },
  { "directory-root", &root_rules, PLAIN, "market", "/market", L_NAME_PLAIN },
  { "directory-root-twice", &root_rules, TEMP, "market", "/market", L_NAME_TEMPORARY },
  { "path", &linux_rules, PLAIN, "/run/market.sock", "/run/market.sock", L_NAME_PATH },
  { "path-temp", &linux_rules, TEMP, "/run/market.sock", "/run/market.sock", L_NAME_PATH },
  { "path-unchanged", &linux_rules, PLAIN, "//run/../x/./", "//run/../x/./", L_NAME_PATH },
  { "path-root", &linux_rules, PLAIN, "/", "/", L_NAME_PATH },
  { "abstract", &linux_rules, ABSTRACT, "market", "market", L_NAME_ABSTRACT },
  { "abstract-temp", &linux_rules, ABSTRACT | TEMP, "market", "market", L_NAME_ABSTRACT },
  { "abstract-slash", &linux_rules, ABSTRACT, "a/b", "a/b", L_NAME_ABSTRACT },
  { "abstract-path", &linux_rules, ABSTRACT, "/run/x", "/run/x", L_NAME_ABSTRACT },
  { "abstract-dot", &linux_rules, ABSTRACT, ".", ".", L_NAME_ABSTRACT },
  { "abstract-dots", &linux_rules, ABSTRACT, "..", "..", L_NAME_ABSTRACT },
  { "abstract-pipe", &linux_rules, ABSTRACT, "\\\\.\\pipe\\x", "\\\\.\\pipe\\x", L_NAME_ABSTRACT },
  { "abstract-bytes", &linux_rules, ABSTRACT, "\x01\xff", "\x01\xff", L_NAME_ABSTRACT },
  { "pipe", &windows_rules, PLAIN, "market", "\\\\.\\pipe\\market", L_NAME_PIPE },
  { "pipe-temp", &windows_rules, TEMP, "market", "\\\\.\\pipe\\market", L_NAME_PIPE },
  { "pipe-full", &windows_rules, PLAIN, "\\\\.\\pipe\\market", "\\\\.\\pipe\\market", L_NAME_PIPE },
  { "pipe-full-temp", &windows_rules, TEMP, "\\\\.\\pipe\\market", "\\\\.\\pipe\\market", L_NAME_PIPE },
  { "pipe-full-capitals", &windows_rules, PLAIN, "\\\\.\\PIPE\\Market", "\\\\.\\PIPE\\Market", L_NAME_PIPE },
  { "pipe-hidden", &windows_rules, PLAIN, ".market", "\\\\.\\pipe\\.market", L_NAME_PIPE },
};

typedef struct
{
  const char       *path;
  const LNameRules *rules;
  LSocketOptions    options;
  const char       *name;
  LSocketError      code;
  const char       *reason;
} BadCase;

#define NOT_FOUND   L_SOCKET_ERROR_SERVER_NOT_FOUND
#define UNSUPPORTED L_SOCKET_ERROR_UNSUPPORTED_OPERATION

#define EMPTY     "The name is empty"
#define DIRECTORY "The name stands for a directory"
#define SLASH     "A name is either plain, without a slash, or an absolute path"
#define PIPE      "Named pipes are there on Windows only"
#define IS_PATH   "A path cannot be the name of a pipe"
#define NONE      "The system has no abstract namespace"

static const BadCase bad_cases[] = {
  { "empty", &linux_rules, PLAIN, "", NOT_FOUND, EMPTY },
  { "empty-temp", &linux_rules, TEMP, "", NOT_FOUND, EMPTY },
  { "empty-abstract", &linux_rules, ABSTRACT, "", NOT_FOUND, EMPTY },
  { "dot", &linux_rules, PLAIN, ".", NOT_FOUND, DIRECTORY },
  { "dots", &linux_rules, PLAIN, "..", NOT_FOUND, DIRECTORY },
  { "dots-temp", &linux_rules, TEMP, "..", NOT_FOUND, DIRECTORY },
  { "slash", &linux_rules, PLAIN, "a/b", NOT_FOUND, SLASH },
  { "slash-temp", &linux_rules, TEMP, "a/b", NOT_FOUND, SLASH },
  { "slash-behind", &linux_rules, PLAIN, "a/", NOT_FOUND, SLASH },
  { "here", &linux_rules, PLAIN, "./x", NOT_FOUND, SLASH },
  { "parent", &linux_rules, PLAIN, "../x", NOT_FOUND, SLASH },
  { "pipe", &linux_rules, PLAIN, "\\\\.\\pipe\\market", NOT_FOUND, PIPE },
  { "pipe-temp", &linux_rules, TEMP, "\\\\.\\pipe\\market", NOT_FOUND, PIPE },
  { "pipe-capitals", &linux_rules, PLAIN, "\\\\.\\PIPE\\market", NOT_FOUND, PIPE },
  { "pipe-prefix-only", &linux_rules, PLAIN, "\\\\.\\pipe\\", NOT_FOUND, PIPE },
  { "no-abstract", &bsd_rules, ABSTRACT, "market", UNSUPPORTED, NONE },
  { "no-abstract-temp", &bsd_rules, ABSTRACT | TEMP, "market", UNSUPPORTED, NONE },
  { "windows-no-abstract", &windows_rules, ABSTRACT, "market", UNSUPPORTED, NONE },
  { "windows-no-abstract-pipe", &windows_rules, ABSTRACT, "\\\\.\\pipe\\x", UNSUPPORTED, NONE },
  { "windows-empty", &windows_rules, PLAIN, "", NOT_FOUND, EMPTY },
  { "windows-path", &windows_rules, PLAIN, "/run/market.sock", NOT_FOUND, IS_PATH },
  { "windows-path-pipe", &windows_rules, PLAIN, "//./pipe/market", NOT_FOUND, IS_PATH },
  { "windows-drive", &windows_rules, PLAIN, "C:\\market", NOT_FOUND, SLASH },
  { "windows-drive-slash", &windows_rules, PLAIN, "C:/market", NOT_FOUND, SLASH },
  { "windows-backslash", &windows_rules, PLAIN, "a\\b", NOT_FOUND, SLASH },
  { "windows-slash", &windows_rules, PLAIN, "a/b", NOT_FOUND, SLASH },
  { "windows-dot", &windows_rules, PLAIN, ".", NOT_FOUND, DIRECTORY },
  { "windows-dots", &windows_rules, PLAIN, "..", NOT_FOUND, DIRECTORY },
  { "windows-pipe-empty", &windows_rules, PLAIN, "\\\\.\\pipe\\", NOT_FOUND, EMPTY },
  { "windows-pipe-unfinished", &windows_rules, PLAIN, "\\\\.\\pipe", NOT_FOUND, SLASH },
  { "windows-pipe-backslash", &windows_rules, PLAIN, "\\\\.\\pipe\\a\\b", NOT_FOUND, SLASH },
  { "windows-pipe-slash", &windows_rules, PLAIN, "\\\\.\\pipe\\a/b", NOT_FOUND, SLASH },
  { "windows-pipe-dots", &windows_rules, PLAIN, "\\\\.\\pipe\\..", NOT_FOUND, DIRECTORY },
  { "windows-remote", &windows_rules, PLAIN, "\\\\server\\pipe\\market", NOT_FOUND, SLASH },
};

static void
test_good (gconstpointer data)
{
  const GoodCase *row = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *address = NULL;
  LNameKind kind = (LNameKind) -1;

  address = l_name_resolve (row->name, row->options, row->rules, L_OPERATION_CONNECT, &kind, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (address, ==, row->address);
  g_assert_cmpint (kind, ==, row->kind);
}

static void
test_bad (gconstpointer data)
{
  const BadCase *row = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *expected = NULL;
  LNameKind kind = (LNameKind) -1;

  if (row->name[0] != '\0')
    expected = g_strdup_printf ("Cannot connect to “%s”: %s", row->name, row->reason);
  else
    expected = g_strdup_printf ("Cannot connect: %s", row->reason);

  g_assert_null (l_name_resolve (row->name, row->options, row->rules, L_OPERATION_CONNECT, &kind, NULL));
  g_assert_null (l_name_resolve (row->name, row->options, row->rules, L_OPERATION_CONNECT, &kind, &error));
  g_assert_error (error, L_SOCKET_ERROR, (int) row->code);
  g_assert_cmpstr (error->message, ==, expected);
  g_assert_cmpint ((int) kind, ==, -1);
}

typedef struct
{
  const char       *path;
  const LNameRules *rules;
  LSocketOptions    options;
  const char       *prefix;  /* what the name begins with; it is filled up with x */
  gsize             added;   /* what the rules put in front of the name, in bytes */
  gsize             length;  /* of the address */
} LengthCase;

static const LengthCase length_cases[] = {
  { "path/106", &linux_rules, PLAIN, "/", 0, 106 },
  { "path/107", &linux_rules, PLAIN, "/", 0, 107 },
  { "path/108", &linux_rules, PLAIN, "/", 0, 108 },
  { "path/5000", &linux_rules, PLAIN, "/", 0, 5000 },
  { "path-bsd/102", &bsd_rules, PLAIN, "/", 0, 102 },
  { "path-bsd/103", &bsd_rules, PLAIN, "/", 0, 103 },
  { "path-bsd/104", &bsd_rules, PLAIN, "/", 0, 104 },
  { "plain/106", &linux_rules, PLAIN, "", 15, 106 },
  { "plain/107", &linux_rules, PLAIN, "", 15, 107 },
  { "plain/108", &linux_rules, PLAIN, "", 15, 108 },
  { "plain-utf8/107", &linux_rules, PLAIN, "ä", 15, 107 },
  { "plain-utf8/108", &linux_rules, PLAIN, "ä", 15, 108 },
  { "temp/106", &linux_rules, TEMP, "", 5, 106 },
  { "temp/107", &linux_rules, TEMP, "", 5, 107 },
  { "temp/108", &linux_rules, TEMP, "", 5, 108 },
  { "directory-slash/103", &bsd_rules, PLAIN, "", 16, 103 },
  { "directory-slash/104", &bsd_rules, PLAIN, "", 16, 104 },
  { "abstract/106", &linux_rules, ABSTRACT, "", 0, 106 },
  { "abstract/107", &linux_rules, ABSTRACT, "", 0, 107 },
  { "abstract/108", &linux_rules, ABSTRACT, "", 0, 108 },
  { "pipe/255", &windows_rules, PLAIN, "", 9, 255 },
  { "pipe/256", &windows_rules, PLAIN, "", 9, 256 },
  { "pipe/257", &windows_rules, PLAIN, "", 9, 257 },
  { "pipe-full/256", &windows_rules, PLAIN, "\\\\.\\pipe\\", 0, 256 },
  { "pipe-full/257", &windows_rules, PLAIN, "\\\\.\\pipe\\", 0, 257 },
};

static void
test_length (gconstpointer data)
{
  const LengthCase *row = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *filling = g_strnfill (row->length - row->added - strlen (row->prefix), 'x');
  g_autofree char *name = g_strconcat (row->prefix, filling, NULL);
  g_autofree char *address = NULL;
  g_autofree char *expected = NULL;
  LNameKind kind;

  address = l_name_resolve (name, row->options, row->rules, L_OPERATION_LISTEN, &kind, &error);
  if (row->length <= row->rules->max_length)
    {
      g_assert_no_error (error);
      g_assert_cmpuint (strlen (address), ==, row->length);
      g_assert_true (g_str_has_suffix (address, name));
      return;
    }

  expected = g_strdup_printf ("%s”: The address has %u %s and the system takes at most %u", name, (guint) row->length,
                              row->rules->pipes ? "characters" : "bytes", (guint) row->rules->max_length);
  g_assert_null (address);
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, "Cannot listen on “"));
  g_assert_true (g_str_has_suffix (error->message, expected));
}

static void
test_pipe_utf16 (void)
{
  g_autoptr(GString) name = g_string_new (NULL);
  g_autofree char *longest = NULL;
  g_autofree char *too_long = NULL;
  LNameKind kind;

  g_test_summary ("The name of a pipe is counted as Windows stores it: ä is one unit, 😀 two");

  for (guint i = 0; i < 245; i++)
    g_string_append (name, "ä");
  g_string_append (name, "😀");
  longest = l_name_resolve (name->str, PLAIN, &windows_rules, L_OPERATION_CONNECT, &kind, NULL);
  g_assert_nonnull (longest);

  g_string_append_c (name, 'x');
  too_long = l_name_resolve (name->str, PLAIN, &windows_rules, L_OPERATION_CONNECT, &kind, NULL);
  g_assert_null (too_long);
}

static void
test_invalid_utf8_message (void)
{
  g_autoptr(GError) error = NULL;
  LNameKind kind;

  g_assert_null (l_name_resolve ("a/\xff", PLAIN, &linux_rules, L_OPERATION_CONNECT, &kind, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_long_directory (void)
{
  g_autofree char *filling = g_strnfill (104, 'd');
  g_autofree char *runtime = g_strconcat ("/", filling, NULL);
  LNameRules rules = linux_rules;
  g_autoptr(GError) error = NULL;
  g_autofree char *address = NULL;
  LNameKind kind;

  g_test_summary ("A name that would fit alone does not below a long directory");

  rules.runtime_directory = runtime;

  address = l_name_resolve ("m", PLAIN, &rules, L_OPERATION_CONNECT, &kind, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (address), ==, 107);

  g_assert_null (l_name_resolve ("mm", PLAIN, &rules, L_OPERATION_CONNECT, &kind, &error));
  g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

typedef struct
{
  const char *test;
  const char *path;
  const char *name;
} PathCase;

static const PathCase path_cases[] = {
  { "deep", "/run/user/1000/market", "market" },
  { "top", "/market", "market" },
  { "slash-behind", "/run/market/", "market" },
  { "plain", "market", "market" },
  { "dots", "/run/my.market.sock", "my.market.sock" },
  { "bytes", "/run/a\xff b", "a\xff b" },
};

static void
test_path (gconstpointer data)
{
  const PathCase *row = data;
  g_autofree char *name = l_name_from_path (row->path);

  g_assert_cmpstr (name, ==, row->name);
}

static void
test_round_trip (void)
{
  g_autofree char *address = NULL;
  g_autofree char *name = NULL;
  LNameKind kind;

  g_test_summary ("The server-name of an accepted socket is the name that was listened on");

  address = l_name_resolve ("market", PLAIN, &linux_rules, L_OPERATION_LISTEN, &kind, NULL);
  name = l_name_from_path (address);
  g_assert_cmpstr (name, ==, "market");
}

static void
add_case (const char    *group,
          const char    *name,
          gconstpointer  row,
          GTestDataFunc  func)
{
  g_autofree char *path = g_strdup_printf ("/name/%s/%s", group, name);

  g_test_add_data_func (path, row, func);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (good_cases); i++)
    add_case ("good", good_cases[i].path, &good_cases[i], test_good);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_cases); i++)
    add_case ("bad", bad_cases[i].path, &bad_cases[i], test_bad);
  for (gsize i = 0; i < G_N_ELEMENTS (length_cases); i++)
    add_case ("length", length_cases[i].path, &length_cases[i], test_length);
  for (gsize i = 0; i < G_N_ELEMENTS (path_cases); i++)
    add_case ("from-path", path_cases[i].test, &path_cases[i], test_path);

  g_test_add_func ("/name/pipe-utf16", test_pipe_utf16);
  g_test_add_func ("/name/invalid-utf8-message", test_invalid_utf8_message);
  g_test_add_func ("/name/long-directory", test_long_directory);
  g_test_add_func ("/name/round-trip", test_round_trip);

  return g_test_run ();
}
