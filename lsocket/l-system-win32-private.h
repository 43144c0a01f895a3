/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include <windows.h>

G_BEGIN_DECLS

/* Every system call of the library goes through this table, so that a test can record its arguments and make the
 * k-th call fail. */
typedef struct
{
  HANDLE (* create_file)         (LPCWSTR name, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
                                  DWORD disposition, DWORD flags);
  HANDLE (* create_named_pipe)   (LPCWSTR name, DWORD open_mode, DWORD pipe_mode, DWORD max_instances, DWORD out_size,
                                  DWORD in_size, DWORD timeout, LPSECURITY_ATTRIBUTES security);
  BOOL   (* wait_named_pipe)     (LPCWSTR name, DWORD timeout);
  BOOL   (* connect_named_pipe)  (HANDLE handle, LPOVERLAPPED overlapped);
  BOOL   (* peek_named_pipe)     (HANDLE handle, LPDWORD n_available);
  BOOL   (* read_file)           (HANDLE handle, LPVOID buffer, DWORD count, LPOVERLAPPED overlapped);
  BOOL   (* write_file)          (HANDLE handle, LPCVOID buffer, DWORD count, LPOVERLAPPED overlapped);
  BOOL   (* get_result)          (HANDLE handle, LPOVERLAPPED overlapped, LPDWORD count, BOOL wait);
  BOOL   (* cancel)              (HANDLE handle, LPOVERLAPPED overlapped);
  BOOL   (* bind)                (HANDLE handle, LPOVERLAPPED_COMPLETION_ROUTINE routine);
  BOOL   (* close_handle)        (HANDLE handle);
  DWORD  (* get_file_type)       (HANDLE handle);
  BOOL   (* get_pipe_info)       (HANDLE handle, LPDWORD flags);
  BOOL   (* get_pipe_state)      (HANDLE handle, LPDWORD state);
  BOOL   (* get_pipe_mode)       (HANDLE handle, LPDWORD mode);
  BOOL   (* set_pipe_mode)       (HANDLE handle, DWORD mode);
  BOOL   (* is_overlapped)       (HANDLE handle);
  BOOL   (* set_inheritable)     (HANDLE handle, BOOL inheritable);
  BOOL   (* get_client_pid)      (HANDLE handle, PULONG pid);
  BOOL   (* get_server_pid)      (HANDLE handle, PULONG pid);
  HANDLE (* open_process)        (DWORD access, BOOL inheritable, DWORD pid);
  BOOL   (* open_process_token)  (HANDLE process, DWORD access, PHANDLE token);
  BOOL   (* get_token_info)      (HANDLE token, TOKEN_INFORMATION_CLASS kind, LPVOID info, DWORD size, PDWORD needed);
  HANDLE (* create_event)        (void);
  DWORD  (* wait)                (DWORD n_handles, const HANDLE *handles, DWORD msecs);
} LSystem;

extern LSystem l_system;

/* An end of a named pipe that never blocks a thread, with flags of GetNamedPipeInfo(); else FALSE with GetLastError(). */
gboolean l_system_check_pipe  (HANDLE           handle,
                               DWORD           *flags);

/* What one becomes that somebody else has made: a stream of bytes, whose calls are under way until they are done, and
 * nothing for child processes. FALSE with GetLastError(). */
gboolean l_system_adopt_pipe  (HANDLE           handle);

/* What get_pipe_state() gives: FILE_PIPE_CONNECTED_STATE and FILE_PIPE_CLOSING_STATE, which the headers for programs leave
 * out. */
#define L_PIPE_CONNECTED 3
#define L_PIPE_CLOSING 4

/* One overlapped operation: on completion its event is set, and func called in a thread of the system's pool.
 *
 * Windows cancels what a thread has begun when that thread ends, with ERROR_OPERATION_ABORTED, unless a completion port is
 * told of it instead of an event. What may just be begun again needs no port; what may not, a write, is bound to that of
 * the pool, which then sets the event. */
typedef struct _LOverlapped LOverlapped;
typedef struct _LPoolWait LPoolWait;
typedef void (* LOverlappedFunc) (gpointer user_data);

struct _LOverlapped
{
  OVERLAPPED      overlapped;
  HANDLE          event;
  LPoolWait      *wait;       /* (nullable): for the event */
  LOverlappedFunc func;       /* (nullable): nobody is told */
  gpointer        user_data;
  gboolean        is_attached;
  gboolean        is_bound;
  gboolean        is_pending;
  int             is_told;    /* (atomic): that it is done */
};

/* FALSE with GetLastError(), both. */
gboolean l_overlapped_init    (LOverlapped     *self,
                               LOverlappedFunc  func,
                               gpointer         user_data);
/* Before the first operation: to who tells of the end. handle: (nullable): what to bind, for as long as it is open; one
 * that belongs to another port already does without. */
gboolean l_overlapped_attach  (LOverlapped     *self,
                               HANDLE           handle);
/* Cancels what is under way and waits for its end, and for the function if that runs. */
void     l_overlapped_cancel  (LOverlapped     *self,
                               HANDLE           handle);
void     l_overlapped_clear   (LOverlapped     *self);

/* Before each operation; and after it, with what the call returned: ERROR_IO_PENDING and from then on
 * l_overlapped_query(), ERROR_SUCCESS, or what went wrong. */
LPOVERLAPPED l_overlapped_begin (LOverlapped   *self);
DWORD        l_overlapped_begun (LOverlapped   *self,
                                 BOOL           done);
DWORD        l_overlapped_query (LOverlapped   *self,
                                 HANDLE         handle,
                                 DWORD         *count);

/* Until one of the handles (NULL: none), or one of the two is cancelled, or the deadline (monotonic time in microseconds,
 * -1: none). FALSE: none of the handles. */
gboolean l_system_wait        (const HANDLE    *handles,
                               guint            n_handles,
                               gint64           deadline,
                               GCancellable    *cancellable,
                               GCancellable    *wake);

G_END_DECLS
