/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <stdlib.h>
#include <string.h>

/* What comes back is read at once. */
#define MAX_MESSAGE_SIZE 4096

static const PerformanceWorkload *workload;

static gboolean
is_one_way (void)
{
  return g_str_equal (workload->name, "write") || g_str_equal (workload->name, "gather");
}

gsize
performance_answer (const PerformanceRun *run,
                    gsize                 n_received)
{
  static guint64 n_total;
  guint64 n_before = n_total;

  if (!is_one_way ())
    return n_received;

  n_total += n_received;
  return n_before == 0 || n_total == 1 + (guint64) run->count * run->size;
}

static G_NORETURN void
fail (const char *message)
{
  g_printerr ("%s\n", message);
  exit (2);
}

static const PerformanceWorkload *
find_workload (const char *name)
{
  const PerformanceWorkload *found = performance_workloads;

  while (found->name != NULL && !g_str_equal (found->name, name))
    found++;

  if (found->name == NULL)
    fail ("This peer has no such workload");
  return found;
}

static void
parse (int              *argc,
       char           ***argv,
       PerformanceRun   *run)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("WORKLOAD");
  g_autoptr(GString) names = g_string_new ("Workloads:");
  g_autoptr(GError) error = NULL;
  int count = 10000, size = 64, n_idle = 0, n_active = 1;
  const GOptionEntry options[] = {
    { "count", 'n', 0, G_OPTION_ARG_INT, &count, "How many operations (10000)", "NUMBER" },
    { "size", 's', 0, G_OPTION_ARG_INT, &size, "Of a message (64)", "BYTES" },
    { "low-latency", 0, 0, G_OPTION_ARG_NONE, &run->low_latency, "With LSocket's property low-latency", NULL },
    { "apart", 0, 0, G_OPTION_ARG_NONE, &run->is_apart, "Each process on a processor of its own", NULL },
    { "idle", 'i', 0, G_OPTION_ARG_INT, &n_idle, "Beside so many connections that have nothing to do (0)", "NUMBER" },
    { "active", 'a', 0, G_OPTION_ARG_INT, &n_active, "On so many connections (1)", "NUMBER" },
    G_OPTION_ENTRY_NULL
  };

  for (const PerformanceWorkload *one = performance_workloads; one->name != NULL; one++)
    g_string_append_printf (names, " %s", one->name);
  g_option_context_set_description (context, names->str);
  g_option_context_add_main_entries (context, options, NULL);

  if (!g_option_context_parse (context, argc, argv, &error))
    fail (error->message);
  if (*argc != 2 || count < 1 || size < 1 || n_idle < 0 || n_active < 1)
    fail ("One workload is needed, and numbers that make sense");

  workload = find_workload ((*argv)[1]);
  if (!is_one_way () && size > MAX_MESSAGE_SIZE)
    fail ("A message that comes back is too long");

  run->count = count;
  run->size = size;
  /* Memory that nothing was written to would be one page again and again. */
  run->message = g_malloc (size);
  memset (run->message, 'x', size);
  run->n_idle = n_idle;
  run->n_active = n_active;
}

int
main (int    argc,
      char **argv)
{
  PerformanceRun run = { 0 };
  PerformanceCost cost;

  parse (&argc, &argv, &run);
  performance_platform_init (&run);
  performance_run (workload, &run, &cost);

  g_print ("wall   %10.3f us an operation\n", (double) cost.wall / run.count / 1000);
  if (cost.cpu > 0)
    g_print ("cpu    %10.3f us an operation, of both processes\n", (double) cost.cpu / run.count / 1000);
  g_print ("server %10.3f KiB an operation stay\n", (double) cost.server / run.count);
  g_print ("client %10.3f KiB an operation stay\n", (double) cost.client / run.count);

  return EXIT_SUCCESS;
}
