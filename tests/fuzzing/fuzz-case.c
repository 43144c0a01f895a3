/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-case.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#define MAX_TURNS 2000
#define MAX_FDS   100

FuzzInput     fuzz_input;
GMainContext *fuzz_context;
gboolean      fuzz_warnings_expected;
gboolean      fuzz_is_verbose;

static char               *directory;
static const char * const *names;

/* A warning is right where a program does what it must not; a critical never is. */
static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         unused)
{
  if ((level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) == 0)
    return g_log_writer_default (level, fields, n_fields, NULL);
  if ((level & G_LOG_LEVEL_WARNING) != 0 && fuzz_warnings_expected)
    return G_LOG_WRITER_HANDLED;

  /* GLib would end in a trap, which the engine does not know. */
  g_log_writer_standard_streams (level, fields, n_fields, NULL);
  abort ();
}

static void
remove_directory (void)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (directory, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (directory);
  g_free (directory);
}

const char *
fuzz_case_init (const char * const *names_in_it)
{
  directory = g_dir_make_tmp ("lsXXXXXX", NULL);
  g_assert_nonnull (directory);
  names = names_in_it;
  g_setenv ("XDG_RUNTIME_DIR", directory, TRUE);
  g_unsetenv ("FLATPAK_ID");
  atexit (remove_directory);

  g_log_set_writer_func (write_log, NULL, NULL);
  fuzz_is_verbose = g_getenv ("FUZZ_VERBOSE") != NULL;
  g_type_ensure (G_TYPE_TASK);
  return directory;
}

void
fuzz_turn_all (void)
{
  guint n_turns = 0;

  for (guint n_idle = 0; n_idle < 2;)
    {
      n_idle = g_main_context_iteration (fuzz_context, FALSE) ? 0 : n_idle + 1;
      if (n_turns++ > MAX_TURNS)
        g_error ("The loop spins");
    }
}

FuzzOperation
fuzz_read_operation (void)
{
  FuzzOperation operation;

  operation.code = fuzz_input_byte (&fuzz_input);
  operation.number = fuzz_input_byte (&fuzz_input);
  operation.size = fuzz_input_byte (&fuzz_input);
  return operation;
}

static guint
count_fds (void)
{
  guint n_fds = 0;

  for (int fd = 0; fd < MAX_FDS; fd++)
    n_fds += fcntl (fd, F_GETFD) >= 0 ? 1 : 0;
  return n_fds;
}

/* A thread of GIO may be the last to let go of the context, after its answer has come. */
static void
await_fds (guint n_fds)
{
  gint64 deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;

  while (count_fds () != n_fds && g_get_monotonic_time () < deadline)
    g_thread_yield ();
  g_assert_cmpuint (count_fds (), ==, n_fds);
}

void
fuzz_case_run (const guint8 *data,
               gsize         size,
               void        (*func) (void))
{
  static gboolean is_warm;
  guint n_fds = count_fds ();

  fuzz_input = (FuzzInput) { data, size };
  fuzz_context = g_main_context_new ();
  g_main_context_push_thread_default (fuzz_context);
  func ();
  g_main_context_pop_thread_default (fuzz_context);
  g_clear_pointer (&fuzz_context, g_main_context_unref);

  /* What GLib opens with the first one stays open. */
  if (is_warm)
    await_fds (n_fds);
  is_warm = TRUE;
}
