/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <libintl.h>

char *
gettext (const char *text)
{
  return (char *) text;
}

char *
dgettext (const char *domain,
          const char *text)
{
  return (char *) text;
}

char *
dcgettext (const char *domain,
           const char *text,
           int         category)
{
  return (char *) text;
}

char *
ngettext (const char    *text,
          const char    *plural,
          unsigned long  n)
{
  return (char *) (n == 1 ? text : plural);
}

char *
dngettext (const char    *domain,
           const char    *text,
           const char    *plural,
           unsigned long  n)
{
  return ngettext (text, plural, n);
}

char *
dcngettext (const char    *domain,
            const char    *text,
            const char    *plural,
            unsigned long  n,
            int            category)
{
  return ngettext (text, plural, n);
}

char *
textdomain (const char *domain)
{
  return (char *) (domain != 0 ? domain : "messages");
}

char *
bindtextdomain (const char *domain,
                const char *directory)
{
  return (char *) directory;
}

char *
bind_textdomain_codeset (const char *domain,
                         const char *codeset)
{
  return (char *) codeset;
}
