/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz.h"

#include "lsocket/l-name-private.h"

/* Names, under the rules of each platform, against the table in the documentation. The input: which rules, which options,
 * the name, and two directories for the rules that have none of their own. */

#define PIPE_PREFIX "\\\\.\\pipe\\"

static const LNameRules all_rules[] = {
  { .has_abstract = TRUE, .runtime_directory = "/run/user/1000", .temp_directory = "/tmp", .max_length = 107 },
  { .runtime_directory = "/home/me/.cache/", .temp_directory = "//", .max_length = 103 },
  { .pipes = TRUE, .max_length = 256 },
  { .has_abstract = TRUE, .max_length = 24 },
};

typedef struct
{
  LSocketError code;     /* L_SOCKET_ERROR_UNKNOWN: none */
  LNameKind    kind;
  GString     *address;
} Expected;

static gboolean
is_of_pipe (const char *name)
{
  g_autofree char *start = g_ascii_strdown (name, -1);

  return g_str_has_prefix (start, PIPE_PREFIX);
}

/* In what the system counts in. */
static gsize
count_units (const char       *address,
             const LNameRules *rules)
{
  gsize n_units = 0;

  if (!rules->pipes || !g_utf8_validate (address, -1, NULL))
    return strlen (address);

  for (; *address != '\0'; address = g_utf8_next_char (address))
    n_units += g_utf8_get_char (address) >= 0x10000 ? 2 : 1;
  return n_units;
}

static gboolean
is_good_component (const char       *name,
                   const LNameRules *rules)
{
  return *name != '\0' && !g_str_equal (name, ".") && !g_str_equal (name, "..") &&
         strchr (name, '/') == NULL && !(rules->pipes && strchr (name, '\\') != NULL);
}

static void
set_in_directory (GString    *address,
                  const char *directory,
                  const char *name)
{
  g_string_assign (address, directory);
  while (g_str_has_suffix (address->str, "/"))
    g_string_truncate (address, address->len - 1);
  g_string_append_printf (address, "/%s", name);
}

static void
expect (Expected         *expected,
        const char       *name,
        LSocketOptions    options,
        const LNameRules *rules)
{
  gboolean is_pipe = is_of_pipe (name);
  gboolean is_path = name[0] == '/';

  expected->code = L_SOCKET_ERROR_SERVER_NOT_FOUND;
  g_string_assign (expected->address, name);

  if (name[0] == '\0')
    return;

  if (options & L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE)
    {
      if (!rules->has_abstract)
        {
          expected->code = L_SOCKET_ERROR_UNSUPPORTED_OPERATION;
          return;
        }

      expected->kind = L_NAME_ABSTRACT;
    }
  else if (rules->pipes)
    {
      if (!is_good_component (is_pipe ? name + strlen (PIPE_PREFIX) : name, rules))
        return;

      if (!is_pipe)
        g_string_prepend (expected->address, PIPE_PREFIX);
      expected->kind = L_NAME_PIPE;
    }
  else if (is_path)
    expected->kind = L_NAME_PATH;
  else
    {
      gboolean in_temp = (options & L_SOCKET_OPTIONS_TEMP_DIRECTORY) != 0;

      if (is_pipe || !is_good_component (name, rules))
        return;

      set_in_directory (expected->address, in_temp ? rules->temp_directory : rules->runtime_directory, name);
      expected->kind = in_temp ? L_NAME_TEMPORARY : L_NAME_PLAIN;
    }

  if (count_units (expected->address->str, rules) <= rules->max_length)
    expected->code = L_SOCKET_ERROR_UNKNOWN;
}

static void
check_resolve (const char       *name,
               LSocketOptions    options,
               const LNameRules *rules)
{
  g_autoptr(GString) expected_address = g_string_new (NULL);
  Expected expected = { .address = expected_address };
  g_autoptr(GError) error = NULL;
  g_autofree char *address = NULL;
  LNameKind kind = (LNameKind) -1;

  expect (&expected, name, options, rules);
  address = l_name_resolve (name, options, rules, L_OPERATION_CONNECT, &kind, &error);
  if (expected.code == L_SOCKET_ERROR_UNKNOWN)
    {
      g_assert_no_error (error);
      g_assert_cmpstr (address, ==, expected.address->str);
      g_assert_cmpint (kind, ==, expected.kind);
    }
  else
    {
      g_assert_error (error, L_SOCKET_ERROR, (int) expected.code);
      g_assert_null (address);
      g_assert_cmpint ((int) kind, ==, -1);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

/* A name that a listening server had tells what it is called. */
static void
check_from_path (const char *name,
                 const char *directory)
{
  g_autoptr(GString) path = g_string_new (NULL);
  g_autofree char *last = NULL;

  if (!is_good_component (name, &all_rules[0]))
    return;

  set_in_directory (path, directory, name);
  last = l_name_from_path (path->str);
  g_assert_cmpstr (last, ==, name);
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  FuzzInput input = { data, size };
  LNameRules rules = all_rules[fuzz_input_byte (&input) % G_N_ELEMENTS (all_rules)];
  LSocketOptions all_options = L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE | L_SOCKET_OPTIONS_TEMP_DIRECTORY;
  LSocketOptions options = fuzz_input_byte (&input) & all_options;
  g_autofree char *name = fuzz_input_string (&input);
  g_autofree char *runtime_directory = fuzz_input_string (&input);
  g_autofree char *temp_directory = fuzz_input_string (&input);

  if (rules.runtime_directory == NULL)
    {
      rules.runtime_directory = runtime_directory;
      rules.temp_directory = temp_directory;
    }

  check_resolve (name, options, &rules);
  g_assert_cmpint (l_name_is_plain (name), ==, name[0] != '/' && !is_of_pipe (name));
  check_from_path (name, runtime_directory);
  return 0;
}
