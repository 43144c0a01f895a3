/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-private.h"
#include "l-system-win32-private.h"
#include "l-token-win32-private.h"

/* The account that the system's services run as: what root is on Unix. */
#define SYSTEM_SID "S-1-5-18"

static gint64
get_peer_pid (gintptr descriptor)
{
  HANDLE handle = (HANDLE) descriptor;
  DWORD flags;
  ULONG pid = 0;

  if (!l_system.get_pipe_info (handle, &flags))
    return -1;

  if ((flags & PIPE_SERVER_END) != 0 ? l_system.get_client_pid (handle, &pid) : l_system.get_server_pid (handle, &pid))
    return pid != 0 ? (gint64) pid : -1;

  return -1;
}

/* Of the process that made this end. Who may not ask for that does not know. */
static char *
get_peer_sid (gint64 pid)
{
  HANDLE process;
  char *sid;

  if (pid < 0)
    return NULL;

  process = l_system.open_process (PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD) pid);
  if (process == NULL)
    return NULL;

  sid = l_token_get_sid (process, TokenUser);
  CloseHandle (process);
  return sid;
}

static gboolean
is_own_sid (const char *sid)
{
  g_autofree char *own = l_token_get_sid (GetCurrentProcess (), TokenUser);

  return sid != NULL && g_strcmp0 (sid, own) == 0;
}

void
l_credentials_fill (LCredentials *self,
                    gintptr       descriptor)
{
  self->pid = get_peer_pid (descriptor);
  self->sid = get_peer_sid (self->pid);
}

void
l_credentials_close_pidfd (LCredentials *self)
{
}

gboolean
l_credentials_is_own (LCredentials *self)
{
  return is_own_sid (self->sid);
}

/* No name here has a group that the access rights of the pipe would not let in or keep out. */
gboolean
l_credentials_admit_peer (gintptr  descriptor,
                          gboolean with_group)
{
  g_autofree char *sid = l_credentials_identify_peer (descriptor);

  return g_strcmp0 (sid, SYSTEM_SID) == 0 || is_own_sid (sid);
}

char *
l_credentials_identify_peer (gintptr descriptor)
{
  return get_peer_sid (get_peer_pid (descriptor));
}
