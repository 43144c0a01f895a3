/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

const guint soak_open_slack = 0;
const gboolean soak_can_half_close = TRUE;

void
soak_make_directory (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *directory = g_dir_make_tmp ("lsXXXXXX", &error);

  if (directory == NULL)
    g_error ("%s", error->message);

  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
}

/* Who was killed while it held a lock leaves that, and the next one takes it over; but no socket. */
guint
soak_remove_directory (void)
{
  const char *directory = g_getenv ("XDG_RUNTIME_DIR");
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;
  guint n_left = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      n_left += !g_file_test (path, G_FILE_TEST_IS_REGULAR);
      g_unlink (path);
    }
  g_rmdir (directory);

  return n_left;
}

guint
soak_get_pid (void)
{
  return getpid ();
}

guint
soak_count_open (void)
{
  return test_count_handles ();
}

/* What the C library keeps for later does not count. */
guint64
soak_get_memory (void)
{
  g_autofree char *text = NULL;
  const char *line;

  malloc_trim (0);
  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL) || (line = strstr (text, "VmRSS:")) == NULL)
    return 0;

  return g_ascii_strtoull (line + strlen ("VmRSS:"), NULL, 10);
}

guint
soak_count_listed (void)
{
  const char *directory = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *text = NULL;
  guint n = 0;

  if (!g_file_get_contents ("/proc/net/unix", &text, NULL, NULL))
    return 0;

  for (const char *place = text; (place = strstr (place, directory)) != NULL; place++)
    n++;

  return n;
}
