/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-error-private.h"

G_BEGIN_DECLS

/* Where a name leads. This file knows the rules and makes no system call: the caller says what the system is like. */
typedef enum
{
  L_NAME_PATH,      /* an absolute path */
  L_NAME_PLAIN,     /* the same, made of a plain name: the caller checks the runtime directory */
  L_NAME_TEMPORARY, /* the same, in the temporary directory, which anybody may write */
  L_NAME_ABSTRACT,  /* the bytes of a name in Linux's abstract namespace, without the leading NUL */
  L_NAME_PIPE,      /* \\.\pipe\name */
} LNameKind;

typedef struct
{
  gboolean    pipes;              /* named pipes (Windows) instead of paths (Unix) */
  gboolean    has_abstract;       /* the system has an abstract namespace */
  const char *runtime_directory;  /* where plain names live */
  const char *temp_directory;     /* where they live with L_SOCKET_OPTIONS_TEMP_DIRECTORY */
  gsize       max_length;         /* in bytes without the NUL; of the name of a pipe in units of UTF-16 */
} LNameRules;

/* The address that the name stands for, or NULL with L_SOCKET_ERROR_SERVER_NOT_FOUND, for an abstract name where
 * there are none L_SOCKET_ERROR_UNSUPPORTED_OPERATION. Never truncated. */
char *l_name_resolve (const char        *name,
                      LSocketOptions     options,
                      const LNameRules  *rules,
                      LOperation         operation,
                      LNameKind         *kind,
                      GError           **error);

/* Whether it says what a server is called and leaves it to the library where that is. */
gboolean l_name_is_plain (const char *name);

/* What server-name says of a server at the path: its last component. */
char *l_name_from_path (const char *path);

G_END_DECLS
