/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* `./dev soak`, or: soak [--minutes N | --seconds N] [--period SECONDS] */
int
main (int    argc,
      char **argv)
{
  double minutes = 10;
  int seconds = 0, period = 10;
  const GOptionEntry entries[] = {
    { "minutes", 0, 0, G_OPTION_ARG_DOUBLE, &minutes, "How long (10)", "N" },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "How long, instead", "N" },
    { "period", 0, 0, G_OPTION_ARG_INT, &period, "How often all come to rest and are measured (10)", "SECONDS" },
    { NULL },
  };
  g_autoptr(GOptionContext) context = NULL;
  g_autoptr(GError) error = NULL;

  /* The first process starts the others, as --client BASE NUMBER and --server BASE NUMBER. */
  if (argc == 4 && g_str_equal (argv[1], "--client"))
    return soak_run_client (argv[2], atoi (argv[3]));
  if (argc == 4 && g_str_equal (argv[1], "--server"))
    return soak_run_server (argv[2], atoi (argv[3]));

  setlocale (LC_ALL, "");
  context = g_option_context_new (NULL);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 2;
    }

  return soak_run_all (argv[0], (seconds > 0 ? seconds : minutes * 60) * G_TIME_SPAN_SECOND,
                       period * G_TIME_SPAN_SECOND);
}
