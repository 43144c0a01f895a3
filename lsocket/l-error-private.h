/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include "l-enums.h"

G_BEGIN_DECLS

/* What was tried when an error came: it begins the message. */
typedef enum
{
  L_OPERATION_CONNECT,
  L_OPERATION_LISTEN,
  L_OPERATION_ACCEPT,
  L_OPERATION_READ,
  L_OPERATION_WRITE,
  L_OPERATION_SHUTDOWN,
  L_OPERATION_REMOVE,
  L_OPERATION_ADOPT, /* the address is then the number of the descriptor */
} LOperation;

/* code is an errno, on Windows what GetLastError() says. The text is the system's own, translated, in UTF-8. */
LSocketError l_error_from_system (int code) G_GNUC_CONST;
const char  *l_error_get_text    (int code);

/* “Cannot connect to “/run/user/1000/market”: Connection refused”. The address is shown as valid UTF-8, whatever
 * its bytes; without one the message does without. */
void         l_error_set_system  (GError       **error,
                                  LOperation     operation,
                                  const char    *address,
                                  int            code);
void         l_error_set         (GError       **error,
                                  LOperation     operation,
                                  const char    *address,
                                  LSocketError   code,
                                  const char    *reason,
                                  ...) G_GNUC_PRINTF (5, 6);

/* The words of L_SOCKET_ERROR_PEER_CLOSED. */
char        *l_error_describe_peer_closed (const char *address);

/* No loop of the calling thread goes on with what is begun. */
void         l_error_set_not_served (GError    **error);

/* Streams speak GIO's errors. */
void         l_error_convert_to_io (GError     **error);

/* Where the translations are, for bindtextdomain(), so in the file system's encoding. The caller frees it. */
char        *l_error_get_locale_dir   (void);

/* Before the first text is translated; the functions above do it, the classes do it for their own texts. */
void         l_error_bind_text_domain (void);

G_END_DECLS
