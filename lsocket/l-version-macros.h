/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <lsocket/l-version.h>

/* Which LSocket a program was written for: define LSOCKET_VERSION_MIN_REQUIRED to be warned of what was
 * deprecated by then, LSOCKET_VERSION_MAX_ALLOWED to be warned of what came later. */
#define LSOCKET_VERSION_1_0 (G_ENCODE_VERSION (1, 0))

#define LSOCKET_VERSION_CUR_STABLE (G_ENCODE_VERSION (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION))

#ifndef LSOCKET_VERSION_MIN_REQUIRED
# define LSOCKET_VERSION_MIN_REQUIRED (LSOCKET_VERSION_CUR_STABLE)
#endif

#ifndef LSOCKET_VERSION_MAX_ALLOWED
# define LSOCKET_VERSION_MAX_ALLOWED (LSOCKET_VERSION_CUR_STABLE)
#endif

#if LSOCKET_VERSION_MAX_ALLOWED < LSOCKET_VERSION_MIN_REQUIRED
# error "LSOCKET_VERSION_MAX_ALLOWED must not be lower than LSOCKET_VERSION_MIN_REQUIRED"
#endif

#if (defined (_WIN32) || defined (__CYGWIN__)) && !defined (LSOCKET_STATIC_COMPILATION)
# ifdef LSOCKET_COMPILATION
#  define _LSOCKET_EXPORT __declspec (dllexport)
# else
#  define _LSOCKET_EXPORT __declspec (dllimport)
# endif
#elif defined (__GNUC__)
# define _LSOCKET_EXPORT __attribute__ ((visibility ("default")))
#else
# define _LSOCKET_EXPORT
#endif

#define _LSOCKET_EXTERN _LSOCKET_EXPORT extern

#if LSOCKET_VERSION_MAX_ALLOWED < LSOCKET_VERSION_1_0
# define LSOCKET_AVAILABLE_IN_1_0 G_UNAVAILABLE (1, 0) _LSOCKET_EXTERN
#else
# define LSOCKET_AVAILABLE_IN_1_0 _LSOCKET_EXTERN
#endif

#ifndef __GI_SCANNER__
/* Before what is still there and shall not be used any more, in place of the above. */
#if LSOCKET_VERSION_MIN_REQUIRED >= LSOCKET_VERSION_1_0
# define LSOCKET_DEPRECATED_IN_1_0 G_DEPRECATED _LSOCKET_EXTERN
# define LSOCKET_DEPRECATED_IN_1_0_FOR(replacement) G_DEPRECATED_FOR (replacement) _LSOCKET_EXTERN
#else
# define LSOCKET_DEPRECATED_IN_1_0 _LSOCKET_EXTERN
# define LSOCKET_DEPRECATED_IN_1_0_FOR(replacement) _LSOCKET_EXTERN
#endif
#endif

G_BEGIN_DECLS

LSOCKET_AVAILABLE_IN_1_0
guint    lsocket_get_major_version (void) G_GNUC_CONST;

LSOCKET_AVAILABLE_IN_1_0
guint    lsocket_get_minor_version (void) G_GNUC_CONST;

LSOCKET_AVAILABLE_IN_1_0
guint    lsocket_get_micro_version (void) G_GNUC_CONST;

LSOCKET_AVAILABLE_IN_1_0
gboolean lsocket_check_version     (guint major,
                                    guint minor,
                                    guint micro) G_GNUC_CONST;

G_END_DECLS
