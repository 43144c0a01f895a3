/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* As much of gettext as GLib and programs with it need to be built: nothing is translated. */

char *gettext                 (const char    *text);
char *dgettext                (const char    *domain,
                               const char    *text);
char *dcgettext               (const char    *domain,
                               const char    *text,
                               int            category);
char *ngettext                (const char    *text,
                               const char    *plural,
                               unsigned long  n);
char *dngettext               (const char    *domain,
                               const char    *text,
                               const char    *plural,
                               unsigned long  n);
char *dcngettext              (const char    *domain,
                               const char    *text,
                               const char    *plural,
                               unsigned long  n,
                               int            category);
char *textdomain              (const char    *domain);
char *bindtextdomain          (const char    *domain,
                               const char    *directory);
char *bind_textdomain_codeset (const char    *domain,
                               const char    *codeset);
