/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <dlfcn.h>
#include <libintl.h>
#include <stdlib.h>
#include <string.h>

/* To be preloaded: the translations of an LSocket that is not installed stand in LSOCKET_TEST_LOCALEDIR. */

typedef char *(* BindTextDomain) (const char *domain,
                                  const char *directory);

__attribute__ ((visibility ("default")))
char *
bindtextdomain (const char *domain,
                const char *directory)
{
  BindTextDomain original = (BindTextDomain) dlsym (RTLD_NEXT, "bindtextdomain");

  if (strcmp (domain, GETTEXT_PACKAGE) == 0 && directory != NULL)
    directory = getenv ("LSOCKET_TEST_LOCALEDIR");

  return original (domain, directory);
}
