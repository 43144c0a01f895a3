/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-system-win32-private.h"

/* The calls that always have the same arguments do without them in the table. */

static HANDLE
system_create_file (LPCWSTR               name,
                    DWORD                 access,
                    DWORD                 share,
                    LPSECURITY_ATTRIBUTES security,
                    DWORD                 disposition,
                    DWORD                 flags)
{
  return CreateFileW (name, access, share, security, disposition, flags, NULL);
}

static BOOL
system_peek_named_pipe (HANDLE  handle,
                        LPDWORD n_available)
{
  return PeekNamedPipe (handle, NULL, 0, NULL, n_available, NULL);
}

static BOOL
system_read_file (HANDLE       handle,
                  LPVOID       buffer,
                  DWORD        count,
                  LPOVERLAPPED overlapped)
{
  return ReadFile (handle, buffer, count, NULL, overlapped);
}

static BOOL
system_write_file (HANDLE       handle,
                   LPCVOID      buffer,
                   DWORD        count,
                   LPOVERLAPPED overlapped)
{
  return WriteFile (handle, buffer, count, NULL, overlapped);
}

static BOOL
system_get_pipe_info (HANDLE  handle,
                      LPDWORD flags)
{
  return GetNamedPipeInfo (handle, flags, NULL, NULL, NULL);
}

static BOOL
system_set_inheritable (HANDLE handle,
                        BOOL   inheritable)
{
  return SetHandleInformation (handle, HANDLE_FLAG_INHERIT, inheritable ? HANDLE_FLAG_INHERIT : 0);
}

static HANDLE
system_create_event (void)
{
  return CreateEventW (NULL, TRUE, FALSE, NULL);
}

static DWORD
system_wait (DWORD         n_handles,
             const HANDLE *handles,
             DWORD         msecs)
{
  return WaitForMultipleObjects (n_handles, handles, FALSE, msecs);
}

LSystem l_system = {
  .create_file = system_create_file,
  .create_named_pipe = CreateNamedPipeW,
  .wait_named_pipe = WaitNamedPipeW,
  .connect_named_pipe = ConnectNamedPipe,
  .peek_named_pipe = system_peek_named_pipe,
  .read_file = system_read_file,
  .write_file = system_write_file,
  .get_result = GetOverlappedResult,
  .cancel = CancelIoEx,
  .close_handle = CloseHandle,
  .get_file_type = GetFileType,
  .get_pipe_info = system_get_pipe_info,
  .set_inheritable = system_set_inheritable,
  .create_event = system_create_event,
  .wait = system_wait,
};

/* Overlapped operations */

static void CALLBACK
tell_done (PTP_CALLBACK_INSTANCE instance,
           PVOID                 context,
           PTP_WAIT              wait,
           TP_WAIT_RESULT        result)
{
  LOverlapped *self = context;

  g_atomic_int_set (&self->is_told, TRUE);
  self->func (self->user_data);
}

gboolean
l_overlapped_init (LOverlapped     *self,
                   LOverlappedFunc  func,
                   gpointer         user_data)
{
  self->func = func;
  self->user_data = user_data;
  self->overlapped.hEvent = l_system.create_event ();
  if (self->overlapped.hEvent == NULL)
    return FALSE;

  if (func != NULL)
    self->wait = CreateThreadpoolWait (tell_done, self, NULL);

  return func == NULL || self->wait != NULL;
}

void
l_overlapped_cancel (LOverlapped *self,
                     HANDLE       handle)
{
  DWORD count;

  if (self->is_pending)
    {
      l_system.cancel (handle, &self->overlapped);
      /* Its memory belongs to the system until then. */
      l_system.get_result (handle, &self->overlapped, &count, TRUE);
      self->is_pending = FALSE;
    }

  if (self->wait == NULL)
    return;

  SetThreadpoolWait (self->wait, NULL, NULL);
  WaitForThreadpoolWaitCallbacks (self->wait, TRUE);
  CloseThreadpoolWait (self->wait);
  self->wait = NULL;
}

void
l_overlapped_clear (LOverlapped *self)
{
  g_assert (!self->is_pending);

  if (self->overlapped.hEvent != NULL)
    l_system.close_handle (self->overlapped.hEvent);
  self->overlapped.hEvent = NULL;
}

LPOVERLAPPED
l_overlapped_begin (LOverlapped *self)
{
  g_assert (!self->is_pending);

  self->overlapped.Internal = 0;
  self->overlapped.InternalHigh = 0;
  self->overlapped.Offset = 0;
  self->overlapped.OffsetHigh = 0;
  ResetEvent (self->overlapped.hEvent);

  return &self->overlapped;
}

static void
await (LOverlapped *self)
{
  g_atomic_int_set (&self->is_told, FALSE);
  if (self->wait != NULL)
    SetThreadpoolWait (self->wait, self->overlapped.hEvent, NULL);
}

DWORD
l_overlapped_begun (LOverlapped *self,
                    BOOL         done)
{
  DWORD code = done ? ERROR_SUCCESS : GetLastError ();

  if (code != ERROR_IO_PENDING)
    return code;

  self->is_pending = TRUE;
  await (self);
  return code;
}

DWORD
l_overlapped_query (LOverlapped *self,
                    HANDLE       handle,
                    DWORD       *count)
{
  DWORD code = ERROR_SUCCESS;

  if (!l_system.get_result (handle, &self->overlapped, count, FALSE))
    code = GetLastError ();

  if (code == ERROR_IO_INCOMPLETE)
    {
      /* Told too early: what the pool had seen was still the end of the operation before this one. */
      if (g_atomic_int_get (&self->is_told))
        await (self);
      return ERROR_IO_PENDING;
    }

  self->is_pending = FALSE;
  return code;
}

/* Waiting */

static DWORD
get_msecs_left (gint64 deadline)
{
  gint64 left;

  if (deadline < 0)
    return INFINITE;

  left = deadline - g_get_monotonic_time ();
  return left <= 0 ? 0 : (DWORD) MIN ((left + 999) / 1000, G_MAXINT);
}

static guint
add_cancellable (HANDLE       *handles,
                 guint         n_handles,
                 GCancellable *cancellable)
{
  GPollFD fd;

  if (!g_cancellable_make_pollfd (cancellable, &fd))
    return n_handles;

  handles[n_handles] = (HANDLE) fd.fd;
  return n_handles + 1;
}

gboolean
l_system_wait (const HANDLE *handles,
               guint         n_handles,
               gint64        deadline,
               GCancellable *cancellable,
               GCancellable *wake)
{
  HANDLE all[MAXIMUM_WAIT_OBJECTS];
  guint n_all = 0;
  DWORD result;

  g_assert (n_handles + 2 <= G_N_ELEMENTS (all));

  for (guint i = 0; i < n_handles; i++)
    if (handles[i] != NULL)
      all[n_all++] = handles[i];
  n_handles = n_all;
  n_all = add_cancellable (all, n_all, cancellable);
  n_all = add_cancellable (all, n_all, wake);

  if (n_all > 0)
    {
      result = l_system.wait (n_all, all, get_msecs_left (deadline));
    }
  else
    {
      Sleep (get_msecs_left (deadline));
      result = WAIT_TIMEOUT;
    }

  if (cancellable != NULL)
    g_cancellable_release_fd (cancellable);
  if (wake != NULL)
    g_cancellable_release_fd (wake);

  return result < WAIT_OBJECT_0 + n_handles;
}
