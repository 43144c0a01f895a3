/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-util-platform.h"

#include <string.h>
#include <windows.h>
#include <winternl.h>

/* As much as a socket takes on Linux. */
#define BUFFER_SIZE (200 * 1024)

/* A server's end of a pipe that waits for a client, or has one. */
typedef struct
{
  HANDLE     handle;
  OVERLAPPED connecting;
  gboolean   is_begun;
} Instance;

/* What test_raw_listen() gives. The backlog is a number of instances that wait. */
typedef struct
{
  WCHAR     *path;
  GPtrArray *instances; /* (element-type Instance) */
} Listener;

G_LOCK_DEFINE_STATIC (listeners);
static GHashTable *listeners; /* (element-type Listener): all that are open */

static WCHAR *
to_utf16 (const char *path)
{
  WCHAR *utf16 = g_utf8_to_utf16 (path, -1, NULL, NULL, NULL);

  g_assert_nonnull (utf16);
  return utf16;
}

static VOID CALLBACK
on_pool_wait (PTP_CALLBACK_INSTANCE instance,
              PVOID                 unused,
              PTP_WAIT              wait,
              TP_WAIT_RESULT        result)
{
}

/* Until the system's pool has seen an event that is set by now, and so those that were set before. */
static void
pass_pool (void)
{
  HANDLE event = CreateEventW (NULL, TRUE, TRUE, NULL);
  PTP_WAIT wait = CreateThreadpoolWait (on_pool_wait, NULL, NULL);

  SetThreadpoolWait (wait, event, NULL);
  WaitForThreadpoolWaitCallbacks (wait, FALSE);
  CloseThreadpoolWait (wait);
  CloseHandle (event);
}

void
test_platform_init (void)
{
  g_autoptr(GAppInfo) none = NULL;

  listeners = g_hash_table_new (NULL, NULL);

  /* What the thread pool keeps it has from now on. */
  pass_pool ();
  /* With its first modules GIO has a thread read the registry and the programs that it names, which has files open
   * meanwhile; this waits for it. */
  none = g_app_info_get_default_for_uri_scheme ("lsocket");
}

void
test_platform_clear (void)
{
  g_clear_pointer (&listeners, g_hash_table_unref);
}

gboolean
test_is_unix (void)
{
  return FALSE;
}

const char *
test_get_directory (void)
{
  return "\\\\.\\pipe";
}

/* SystemExtendedHandleInformation, which winternl.h leaves out. */
#define EXTENDED_HANDLE_INFORMATION 64
#define INFO_LENGTH_MISMATCH ((NTSTATUS) 0xc0000004)

typedef struct
{
  void     *object;
  ULONG_PTR process;
  ULONG_PTR handle;
  ULONG     access;
  USHORT    creator;
  USHORT    type;
  ULONG     attributes;
  ULONG     reserved;
} HandleEntry;

typedef struct
{
  ULONG_PTR   n_handles;
  ULONG_PTR   reserved;
  HandleEntry handles[];
} HandleInformation;

/* What is done is told by a thread of the system's pool. */
void
test_let_system_tell (void)
{
  Sleep (1);
  pass_pool ();
}

static HandleInformation *
get_handles (void)
{
  ULONG size = 64 * 1024;
  HandleInformation *information = g_malloc (size);
  NTSTATUS status;

  while ((status = NtQuerySystemInformation (EXTENDED_HANDLE_INFORMATION, information, size, NULL)) ==
         INFO_LENGTH_MISMATCH)
    {
      size *= 2;
      information = g_realloc (information, size);
    }
  g_assert_cmphex (status, ==, 0);

  return information;
}

static USHORT
get_type (HANDLE handle)
{
  g_autofree HandleInformation *information = get_handles ();

  for (ULONG_PTR i = 0; i < information->n_handles; i++)
    if (information->handles[i].process == GetCurrentProcessId () &&
        information->handles[i].handle == (ULONG_PTR) handle)
      return information->handles[i].type;

  g_assert_not_reached ();
}

/* GetProcessHandleCount() counts nothing under Wine, and what the system opens for itself, keys of the registry, threads of
 * its pool and their events, is not ours: so pipes. test-win32 counts all that the library asks for. */
guint
test_count_descriptors (void)
{
  g_autofree HandleInformation *information = NULL;
  HANDLE ends[2];
  USHORT type;
  guint n = 0;

  g_assert_true (CreatePipe (&ends[0], &ends[1], NULL, 0));
  type = get_type (ends[0]);
  CloseHandle (ends[0]);
  CloseHandle (ends[1]);

  information = get_handles ();
  for (ULONG_PTR i = 0; i < information->n_handles; i++)
    if (information->handles[i].process == GetCurrentProcessId () && information->handles[i].type == type)
      n++;

  return n;
}

guint
test_count_handles (void)
{
  g_autofree HandleInformation *information = get_handles ();
  guint n = 0;

  for (ULONG_PTR i = 0; i < information->n_handles; i++)
    n += information->handles[i].process == GetCurrentProcessId ();

  return n;
}

gboolean
test_path_exists (const char *path)
{
  g_autofree WCHAR *utf16 = to_utf16 (path);

  return WaitNamedPipeW (utf16, 1) || GetLastError () != ERROR_FILE_NOT_FOUND;
}

gint64
test_get_cpu_time (void)
{
  FILETIME created, exited, kernel, user;

  g_assert_true (GetThreadTimes (GetCurrentThread (), &created, &exited, &kernel, &user));
  return ((((gint64) kernel.dwHighDateTime << 32) | kernel.dwLowDateTime) +
          (((gint64) user.dwHighDateTime << 32) | user.dwLowDateTime)) / 10;
}

gintptr
test_get_thread (void)
{
  return GetCurrentThreadId ();
}

/* Nothing tells, so it gets the time it needs to block. */
void
test_wait_until_blocked (gintptr thread)
{
  Sleep (50);
}

void
test_begin_interrupting (void)
{
  g_error ("nothing interrupts a wait");
}

void
test_end_interrupting (void)
{
}

static HANDLE
create_pipe (const WCHAR *path)
{
  HANDLE handle = CreateNamedPipeW (path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                    PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                    PIPE_UNLIMITED_INSTANCES, BUFFER_SIZE, BUFFER_SIZE, 0, NULL);

  g_assert_true (handle != INVALID_HANDLE_VALUE);
  return handle;
}

/* INVALID_HANDLE_VALUE when all instances are busy. */
static HANDLE
open_pipe (const WCHAR *path)
{
  HANDLE handle = CreateFileW (path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);

  if (handle == INVALID_HANDLE_VALUE)
    g_assert_cmpuint (GetLastError (), ==, ERROR_PIPE_BUSY);
  return handle;
}

#define PAIR_PREFIX "lsocket-pair-"

gboolean
test_platform_is_pair (const char *name)
{
  return strstr (name, PAIR_PREFIX) != NULL;
}

void
test_raw_pair (TestRaw raws[2])
{
  static gint n_pairs;
  g_autofree char *path = g_strdup_printf ("\\\\.\\pipe\\" PAIR_PREFIX "%lu-%d", (gulong) GetCurrentProcessId (),
                                           g_atomic_int_add (&n_pairs, 1));
  g_autofree WCHAR *utf16 = to_utf16 (path);

  /* The server's end is the second, because it can be shut down. */
  raws[1] = (TestRaw) create_pipe (utf16);
  raws[0] = (TestRaw) open_pipe (utf16);
}

static void
listener_add (Listener *listener)
{
  Instance *instance = g_new0 (Instance, 1);

  instance->handle = create_pipe (listener->path);
  instance->connecting.hEvent = CreateEventW (NULL, TRUE, FALSE, NULL);
  if (!ConnectNamedPipe (instance->handle, &instance->connecting))
    {
      DWORD code = GetLastError ();

      instance->is_begun = code == ERROR_IO_PENDING;
      if (!instance->is_begun)
        {
          /* A client was faster, and perhaps has gone again. */
          g_assert_true (code == ERROR_PIPE_CONNECTED || code == ERROR_NO_DATA);
          SetEvent (instance->connecting.hEvent);
        }
    }

  g_ptr_array_add (listener->instances, instance);
}

/* Gives the handle. The memory is the system's until it has written there how the operation ended. */
static HANDLE
instance_free (Instance *instance)
{
  HANDLE handle = instance->handle;
  DWORD count;

  if (instance->is_begun)
    {
      CancelIoEx (handle, &instance->connecting);
      GetOverlappedResult (handle, &instance->connecting, &count, TRUE);
      g_assert_true (HasOverlappedIoCompleted (&instance->connecting));
    }

  CloseHandle (instance->connecting.hEvent);
  g_free (instance);
  return handle;
}

static void
listener_free (Listener *listener)
{
  for (guint i = 0; i < listener->instances->len; i++)
    CloseHandle (instance_free (g_ptr_array_index (listener->instances, i)));

  g_ptr_array_unref (listener->instances);
  g_free (listener->path);
  g_free (listener);
}

TestRaw
test_raw_listen (const char *path,
                 int         backlog)
{
  Listener *listener = g_new (Listener, 1);

  listener->path = to_utf16 (path);
  listener->instances = g_ptr_array_new ();
  for (int i = 0; i < MAX (backlog, 1); i++)
    listener_add (listener);

  G_LOCK (listeners);
  g_hash_table_add (listeners, listener);
  G_UNLOCK (listeners);
  return (TestRaw) listener;
}

TestRaw
test_raw_connect (const char *path)
{
  gint64 deadline = g_get_monotonic_time () + TEST_PATIENCE * G_TIME_SPAN_SECOND;
  g_autofree WCHAR *utf16 = to_utf16 (path);
  HANDLE handle;

  /* A server that this thread runs has to turn for more than its first clients. */
  while ((handle = open_pipe (utf16)) == INVALID_HANDLE_VALUE)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (g_main_context_acquire (NULL))
        {
          test_turn ();
          g_main_context_release (NULL);
        }
      else
        WaitNamedPipeW (utf16, 50);
    }

  return (TestRaw) handle;
}

/* The index of an instance with a client; or -1. */
static int
listener_wait (Listener *listener,
               DWORD     msecs)
{
  HANDLE events[MAXIMUM_WAIT_OBJECTS];
  DWORD which;

  g_assert_cmpuint (listener->instances->len, <=, G_N_ELEMENTS (events));
  for (guint i = 0; i < listener->instances->len; i++)
    events[i] = ((Instance *) g_ptr_array_index (listener->instances, i))->connecting.hEvent;

  which = WaitForMultipleObjects (listener->instances->len, events, FALSE, msecs);
  if (which == WAIT_TIMEOUT)
    return -1;

  g_assert_cmpuint (which, <, WAIT_OBJECT_0 + listener->instances->len);
  return which - WAIT_OBJECT_0;
}

gboolean
test_raw_is_waiting (TestRaw raw)
{
  return raw != -1 && listener_wait ((Listener *) raw, 0) >= 0;
}

TestRaw
test_raw_accept (TestRaw raw)
{
  Listener *listener = (Listener *) raw;
  int which = listener_wait (listener, TEST_PATIENCE * 1000);
  HANDLE handle;

  g_assert_cmpint (which, >=, 0);
  handle = instance_free (g_ptr_array_remove_index (listener->instances, which));
  listener_add (listener);

  return (TestRaw) handle;
}

const char *
test_get_gone_error (void)
{
  return "server-not-found";
}

GArray *
test_raw_fill_backlog (const char *path)
{
  GArray *raws = g_array_new (FALSE, FALSE, sizeof (TestRaw));
  g_autofree WCHAR *utf16 = to_utf16 (path);

  while (TRUE)
    {
      TestRaw raw = (TestRaw) open_pipe (utf16);

      if ((HANDLE) raw == INVALID_HANDLE_VALUE)
        return raws;
      g_array_append_val (raws, raw);
    }
}

void
test_raw_shut_down (TestRaw raw)
{
  g_assert_true (DisconnectNamedPipe ((HANDLE) raw));
}

void
test_raw_shut_down_write (TestRaw raw)
{
  g_error ("a pipe has no half-close");
}

void
test_raw_close (TestRaw raw)
{
  gboolean is_listener;

  G_LOCK (listeners);
  is_listener = g_hash_table_remove (listeners, (gpointer) raw);
  G_UNLOCK (listeners);

  if (is_listener)
    listener_free ((Listener *) raw);
  else
    g_assert_true (CloseHandle ((HANDLE) raw));
}

gboolean
test_raw_is_set_up (TestRaw raw)
{
  DWORD flags;

  return GetHandleInformation ((HANDLE) raw, &flags) && (flags & HANDLE_FLAG_INHERIT) == 0;
}

gsize
test_raw_fill (TestRaw raw)
{
  g_error ("what a pipe takes cannot be known");
}

/* The end of a call that was begun, and what it transferred; 0 with an error when it failed. */
static DWORD
finish (TestRaw     raw,
        BOOL        done,
        OVERLAPPED *overlapped,
        DWORD      *error)
{
  DWORD count = 0;

  *error = ERROR_SUCCESS;
  if (!done && GetLastError () != ERROR_IO_PENDING)
    *error = GetLastError ();
  else if (!GetOverlappedResult ((HANDLE) raw, overlapped, &count, TRUE))
    *error = GetLastError ();

  CloseHandle (overlapped->hEvent);
  return count;
}

gssize
test_raw_send (TestRaw     raw,
               const void *data,
               gsize       size)
{
  OVERLAPPED overlapped = { .hEvent = CreateEventW (NULL, TRUE, FALSE, NULL) };
  BOOL done = WriteFile ((HANDLE) raw, data, size, NULL, &overlapped);
  DWORD error;
  DWORD count = finish (raw, done, &overlapped, &error);

  return error == ERROR_SUCCESS ? (gssize) count : -1;
}

gssize
test_raw_receive (TestRaw  raw,
                  void    *buffer,
                  gsize    size)
{
  OVERLAPPED overlapped = { .hEvent = CreateEventW (NULL, TRUE, FALSE, NULL) };
  BOOL done = ReadFile ((HANDLE) raw, buffer, size, NULL, &overlapped);
  DWORD error;
  DWORD count = finish (raw, done, &overlapped, &error);

  return error == ERROR_SUCCESS || error == ERROR_BROKEN_PIPE ? (gssize) count : -1;
}

gsize
test_raw_try_receive (TestRaw   raw,
                      void     *buffer,
                      gsize     size,
                      gboolean *ended)
{
  DWORD available = 0;
  gssize n;

  *ended = !PeekNamedPipe ((HANDLE) raw, NULL, 0, NULL, &available, NULL);
  if (*ended || available == 0)
    return 0;

  n = test_raw_receive (raw, buffer, MIN (size, available));
  return MAX (n, 0);
}
