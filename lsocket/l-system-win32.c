/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-system-win32-private.h"

#include <winternl.h>

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
system_get_pipe_mode (HANDLE  handle,
                      LPDWORD mode)
{
  return GetNamedPipeHandleStateW (handle, mode, NULL, NULL, NULL, NULL, 0);
}

static BOOL
system_set_pipe_mode (HANDLE handle,
                      DWORD  mode)
{
  return SetNamedPipeHandleState (handle, &mode, NULL, NULL);
}

/* FilePipeLocalInformation, which the headers for programs leave out. */
#define PIPE_LOCAL_INFORMATION ((FILE_INFORMATION_CLASS) 24)

typedef struct
{
  ULONG type;
  ULONG configuration;
  ULONG max_instances;
  ULONG n_instances;
  ULONG inbound_quota;
  ULONG n_available;
  ULONG outbound_quota;
  ULONG write_quota;
  ULONG state;
  ULONG end;
} PipeLocalInformation;

static BOOL
system_get_pipe_state (HANDLE  handle,
                       LPDWORD state)
{
  PipeLocalInformation information;
  IO_STATUS_BLOCK block;
  NTSTATUS status = NtQueryInformationFile (handle, &block, &information, sizeof information, PIPE_LOCAL_INFORMATION);

  if (status < 0)
    {
      SetLastError (RtlNtStatusToDosError (status));
      return FALSE;
    }

  *state = information.state;
  return TRUE;
}

/* FileModeInformation, which the headers for programs leave out, and what it says of a handle whose calls block. */
#define MODE_INFORMATION ((FILE_INFORMATION_CLASS) 16)
#define MODE_SYNCHRONOUS (0x10 | 0x20)

static BOOL
system_is_overlapped (HANDLE handle)
{
  IO_STATUS_BLOCK block;
  ULONG mode;

  return NtQueryInformationFile (handle, &block, &mode, sizeof mode, MODE_INFORMATION) >= 0 &&
         (mode & MODE_SYNCHRONOUS) == 0;
}

/* What is done at once needs nobody to tell. */
static BOOL
system_bind (HANDLE                          handle,
             LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
  return SetFileCompletionNotificationModes (handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) &&
         BindIoCompletionCallback (handle, routine, 0);
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
  .bind = system_bind,
  .close_handle = CloseHandle,
  .get_file_type = GetFileType,
  .get_pipe_info = system_get_pipe_info,
  .get_pipe_state = system_get_pipe_state,
  .get_pipe_mode = system_get_pipe_mode,
  .set_pipe_mode = system_set_pipe_mode,
  .is_overlapped = system_is_overlapped,
  .set_inheritable = system_set_inheritable,
  .get_client_pid = GetNamedPipeClientProcessId,
  .get_server_pid = GetNamedPipeServerProcessId,
  .open_process = OpenProcess,
  .open_process_token = OpenProcessToken,
  .get_token_info = GetTokenInformation,
  .create_event = system_create_event,
  .wait = system_wait,
};

gboolean
l_system_check_pipe (HANDLE  handle,
                     DWORD  *flags)
{
  if (l_system.get_file_type (handle) == FILE_TYPE_PIPE && l_system.get_pipe_info (handle, flags))
    {
      if (l_system.is_overlapped (handle))
        return TRUE;
      SetLastError (ERROR_NOT_SUPPORTED);
      return FALSE;
    }

  SetLastError (ERROR_INVALID_HANDLE);
  return FALSE;
}

gboolean
l_system_adopt_pipe (HANDLE handle)
{
  DWORD mode = 0;

  /* Who may only write may not ask; how it would be read does not matter there. */
  if (!l_system.get_pipe_mode (handle, &mode) && GetLastError () != ERROR_ACCESS_DENIED)
    return FALSE;

  /* Only where it is needed: who may only read may not set it. */
  if ((mode & (PIPE_READMODE_MESSAGE | PIPE_NOWAIT)) != 0 &&
      !l_system.set_pipe_mode (handle, PIPE_READMODE_BYTE | PIPE_WAIT))
    return FALSE;

  return l_system.set_inheritable (handle, FALSE);
}

/* Overlapped operations */

/* A wait of the system's pool. Wine may still call its function when it was taken back, waited for and closed, so it is
 * used again instead: whoever has it next is told once for nothing. */
struct _LPoolWait
{
  PTP_WAIT     wait;
  GMutex       lock;
  LOverlapped *operation; /* (nullable) */
  LPoolWait   *next;      /* in the list of those that nobody has */
};

G_LOCK_DEFINE_STATIC (idle_waits);
static LPoolWait *idle_waits;

static void CALLBACK
tell_done (PTP_CALLBACK_INSTANCE instance,
           PVOID                 context,
           PTP_WAIT              wait,
           TP_WAIT_RESULT        result)
{
  LPoolWait *self = context;

  g_mutex_lock (&self->lock);
  if (self->operation != NULL)
    {
      g_atomic_int_set (&self->operation->is_told, TRUE);
      self->operation->func (self->operation->user_data);
    }
  g_mutex_unlock (&self->lock);
}

static LPoolWait *
new_pool_wait (void)
{
  LPoolWait *self = g_new0 (LPoolWait, 1);

  self->wait = CreateThreadpoolWait (tell_done, self, NULL);
  if (self->wait == NULL)
    {
      g_free (self);
      return NULL;
    }

  g_mutex_init (&self->lock);
  return self;
}

static LPoolWait *
take_pool_wait (LOverlapped *operation)
{
  LPoolWait *self;

  G_LOCK (idle_waits);
  self = idle_waits;
  if (self != NULL)
    idle_waits = self->next;
  G_UNLOCK (idle_waits);

  if (self == NULL)
    self = new_pool_wait ();
  if (self == NULL)
    return NULL;

  g_mutex_lock (&self->lock);
  self->operation = operation;
  g_mutex_unlock (&self->lock);
  return self;
}

static void
give_pool_wait_back (LPoolWait *self)
{
  SetThreadpoolWait (self->wait, NULL, NULL);

  g_mutex_lock (&self->lock);
  self->operation = NULL;
  g_mutex_unlock (&self->lock);

  G_LOCK (idle_waits);
  self->next = idle_waits;
  idle_waits = self;
  G_UNLOCK (idle_waits);
}

/* The event comes last: whoever has seen it may free the memory. */
static VOID CALLBACK
tell_bound_done (DWORD        code,
                 DWORD        count,
                 LPOVERLAPPED overlapped)
{
  LOverlapped *self = CONTAINING_RECORD (overlapped, LOverlapped, overlapped);

  g_atomic_int_set (&self->is_told, TRUE);
  if (self->func != NULL)
    self->func (self->user_data);
  SetEvent (self->event);
}

gboolean
l_overlapped_init (LOverlapped     *self,
                   LOverlappedFunc  func,
                   gpointer         user_data)
{
  self->func = func;
  self->user_data = user_data;
  self->event = l_system.create_event ();

  return self->event != NULL;
}

gboolean
l_overlapped_attach (LOverlapped *self,
                     HANDLE       handle)
{
  if (self->is_attached)
    return TRUE;

  self->is_bound = handle != NULL && l_system.bind (handle, tell_bound_done);
  if (!self->is_bound && self->func != NULL)
    self->wait = take_pool_wait (self);
  self->is_attached = self->is_bound || self->func == NULL || self->wait != NULL;

  return self->is_attached;
}

/* Its memory belongs to the system until then. */
static void
wait_for_end (LOverlapped *self,
              HANDLE       handle)
{
  DWORD count;

  if (self->is_bound)
    WaitForSingleObject (self->event, INFINITE);
  else
    l_system.get_result (handle, &self->overlapped, &count, TRUE);
  self->is_pending = FALSE;
}

void
l_overlapped_cancel (LOverlapped *self,
                     HANDLE       handle)
{
  if (self->is_pending)
    {
      l_system.cancel (handle, &self->overlapped);
      wait_for_end (self, handle);
    }

  if (self->wait != NULL)
    give_pool_wait_back (g_steal_pointer (&self->wait));
}

void
l_overlapped_clear (LOverlapped *self)
{
  g_assert (!self->is_pending);

  if (self->event != NULL)
    l_system.close_handle (self->event);
  self->event = NULL;
}

LPOVERLAPPED
l_overlapped_begin (LOverlapped *self)
{
  g_assert (!self->is_pending);

  ResetEvent (self->event);
  g_atomic_int_set (&self->is_told, FALSE);
  /* An event with the lowest bit set keeps the end from the port, if the handle is bound to one. */
  self->overlapped = (OVERLAPPED) { .hEvent = self->is_bound ? NULL : (HANDLE) ((ULONG_PTR) self->event | 1) };

  return &self->overlapped;
}

static void
await (LOverlapped *self)
{
  g_atomic_int_set (&self->is_told, FALSE);
  if (self->wait != NULL)
    SetThreadpoolWait (self->wait->wait, self->event, NULL);
}

DWORD
l_overlapped_begun (LOverlapped *self,
                    BOOL         done)
{
  DWORD code = done ? ERROR_SUCCESS : GetLastError ();

  if (code != ERROR_IO_PENDING)
    return code;

  self->is_pending = TRUE;
  if (!self->is_bound)
    await (self);
  return code;
}

DWORD
l_overlapped_query (LOverlapped *self,
                    HANDLE       handle,
                    DWORD       *count)
{
  DWORD code = ERROR_SUCCESS;

  if (self->is_bound && !g_atomic_int_get (&self->is_told))
    return ERROR_IO_PENDING;

  if (!l_system.get_result (handle, &self->overlapped, count, FALSE))
    code = GetLastError ();

  if (code == ERROR_IO_INCOMPLETE)
    {
      /* Told too early: what the pool had seen was still the end of the operation before this one. */
      if (g_atomic_int_get (&self->is_told))
        await (self);
      return ERROR_IO_PENDING;
    }

  if (self->is_bound)
    wait_for_end (self, handle);
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
