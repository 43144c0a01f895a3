/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-win32-private.h"
#include "l-system-win32-private.h"
#include "l-transport-private.h"

#include <string.h>

/* What one write takes at most, into memory of its own: the caller's must not be the system's for longer than the call. */
#define MAX_WRITE (64 * 1024)

/* A pipe tells of its end only to who reads; while what has come is left unread, it is asked now and then. */
#define HANG_UP_PAUSE (50 * G_TIME_SPAN_MILLISECOND)

/* The operations of one connection, apart from the transport because a wait in another thread may outlive that. A read of
 * no bytes is pending while nothing is there: it ends when something has come, and takes none of it. */
typedef struct _LPipe
{
  gatomicrefcount ref_count;
  GMutex          lock;       /* of all of it */

  HANDLE          handle;     /* NULL: closed */
  LOpenMode       mode;
  LOverlapped     probe;      /* that read */
  LOverlapped     read;
  LOverlapped     write;
  guint8         *buffer;     /* (owned) (nullable): of the write */

  gboolean        is_readable; /* something is there, or the end */
  gboolean        is_ended;
  DWORD           write_error; /* of a write that had been taken */

  /* Whom the end of an operation is told */
  LReactor       *reactor;    /* (unowned) (nullable) */
  LReactorWatch  *watch;      /* (unowned) */
  LReactorTimer   hang_up_timer;
} LPipe;

static LPipe *
l_pipe_ref (LPipe *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
l_pipe_unref (LPipe *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  l_overlapped_clear (&self->probe);
  l_overlapped_clear (&self->read);
  l_overlapped_clear (&self->write);
  g_mutex_clear (&self->lock);
  g_free (self->buffer);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LPipe, l_pipe_unref)

static void
operation_done (gpointer user_data)
{
  LPipe *self = user_data;

  l_reactor_tell_watch (self->reactor, self->watch);
}

static void
hang_up_timer_func (LReactorTimer *timer)
{
  operation_done (L_CONTAINER_OF (timer, LPipe, hang_up_timer));
}

static void
cancel_operations (LPipe *self)
{
  l_overlapped_cancel (&self->probe, self->handle);
  l_overlapped_cancel (&self->read, self->handle);
  l_overlapped_cancel (&self->write, self->handle);
}

static void
l_pipe_close (LPipe *self)
{
  g_mutex_lock (&self->lock);
  cancel_operations (self);
  if (self->handle != NULL)
    l_system.close_handle (self->handle);
  self->handle = NULL;
  self->is_ended = TRUE;
  g_mutex_unlock (&self->lock);

  if (self->reactor != NULL)
    l_reactor_cancel_timer (self->reactor, &self->hang_up_timer);
}

/* NULL with GetLastError(). */
static LPipe *
l_pipe_new (LTransport *transport,
            HANDLE      handle,
            LOpenMode   mode)
{
  LPipe *self = g_new0 (LPipe, 1);
  LOverlappedFunc func = transport->reactor != NULL ? operation_done : NULL;

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->handle = handle;
  self->mode = mode;
  self->reactor = transport->reactor;
  self->watch = &transport->watch;
  self->hang_up_timer.func = hang_up_timer_func;
  self->hang_up_timer.object = transport->watch.object;

  if (l_overlapped_init (&self->probe, func, self) &&
      l_overlapped_init (&self->read, NULL, NULL) &&
      l_overlapped_init (&self->write, func, self))
    return self;

  cancel_operations (self);
  l_pipe_unref (self);
  return NULL;
}

/* With the lock held from here on. */

static gboolean
is_end (DWORD code)
{
  return code == ERROR_BROKEN_PIPE || code == ERROR_PIPE_NOT_CONNECTED || code == ERROR_NO_DATA ||
         code == ERROR_HANDLE_EOF || code == ERROR_OPERATION_ABORTED;
}

static void
note_probe (LPipe *self,
            DWORD  code)
{
  if (code == ERROR_IO_PENDING)
    return;

  self->is_readable = TRUE;
  if (is_end (code))
    self->is_ended = TRUE;
}

/* Somebody may have read what was there. */
static void
check_readable (LPipe *self)
{
  DWORD n_available;

  if (!self->is_readable || self->is_ended)
    return;

  if (l_system.peek_named_pipe (self->handle, &n_available))
    self->is_readable = n_available > 0;
  else
    self->is_ended = is_end (GetLastError ());
}

/* Has it tell when there is something to read. */
static void
probe (LPipe *self)
{
  static guint8 nothing;
  DWORD count;
  BOOL done;

  if (self->handle == NULL || (self->mode & L_OPEN_MODE_READ_ONLY) == 0)
    return;

  check_readable (self);
  if (self->is_readable || self->is_ended)
    return;

  if (self->probe.is_pending)
    {
      note_probe (self, l_overlapped_query (&self->probe, self->handle, &count));
      return;
    }

  done = l_system.read_file (self->handle, &nothing, 0, l_overlapped_begin (&self->probe));
  note_probe (self, l_overlapped_begun (&self->probe, done));
}

/* What is left unread hides the end; so does a pipe that is only written to. A write of no bytes meets it. */
static gboolean
is_hung_up (LPipe *self)
{
  static guint8 nothing;
  OVERLAPPED overlapped = { .hEvent = self->read.overlapped.hEvent };
  DWORD count, code;

  if (self->is_ended || self->handle == NULL)
    return TRUE;
  if (self->write.is_pending || (self->mode & L_OPEN_MODE_WRITE_ONLY) == 0)
    return FALSE;

  ResetEvent (overlapped.hEvent);
  if (l_system.write_file (self->handle, &nothing, 0, &overlapped))
    return FALSE;
  code = GetLastError ();
  if (code == ERROR_IO_PENDING && l_system.get_result (self->handle, &overlapped, &count, TRUE))
    return FALSE;

  return is_end (GetLastError ());
}

static void
check_write (LPipe *self)
{
  DWORD count, code;

  if (!self->write.is_pending)
    return;

  code = l_overlapped_query (&self->write, self->handle, &count);
  if (code != ERROR_IO_PENDING && code != ERROR_SUCCESS)
    self->write_error = code;
}

/* Somebody wants to know of the end, and nobody of what stands before it, or reading is not allowed. */
static gboolean
is_end_hidden (LPipe        *self,
               GIOCondition  condition)
{
  if (self->is_ended)
    return FALSE;

  return (self->mode & L_OPEN_MODE_READ_ONLY) == 0 || (self->is_readable && (condition & G_IO_IN) == 0);
}

static GIOCondition
query (LPipe        *self,
       GIOCondition  condition)
{
  GIOCondition ready = 0;

  if (self->handle == NULL)
    return G_IO_HUP;

  probe (self);
  check_write (self);

  if (self->is_readable && !self->is_ended)
    ready |= G_IO_IN;
  if (self->is_ended)
    ready |= G_IO_IN | G_IO_HUP;
  if (!self->write.is_pending)
    ready |= G_IO_OUT;
  if (self->write_error != 0)
    ready |= G_IO_OUT | G_IO_ERR;

  if (is_end_hidden (self, condition))
    {
      if (is_hung_up (self))
        ready |= G_IO_HUP;
      else if (self->reactor != NULL)
        l_reactor_set_timer (self->reactor, &self->hang_up_timer, g_get_monotonic_time () + HANG_UP_PAUSE);
    }

  return ready;
}

/* The transport */

static LPipe *
ref_pipe (LTransport *self)
{
  LPipe *pipe;

  g_mutex_lock (&self->lock);
  pipe = self->pipe != NULL ? l_pipe_ref (self->pipe) : NULL;
  g_mutex_unlock (&self->lock);

  return pipe;
}

static GIOCondition
query_watch (LReactorWatch *watch,
             GIOCondition   condition)
{
  LTransport *self = L_CONTAINER_OF (watch, LTransport, watch);
  g_autoptr(LPipe) pipe = ref_pipe (self);
  GIOCondition ready;

  if (pipe == NULL)
    return 0;

  g_mutex_lock (&pipe->lock);
  ready = query (pipe, condition);
  g_mutex_unlock (&pipe->lock);

  return ready;
}

void
l_transport_init (LTransport        *self,
                  LReactor          *reactor,
                  LReactorWatchFunc  func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->watch.query = query_watch;
  self->descriptor = -1;
  g_mutex_init (&self->lock);
}

void
l_transport_clear (LTransport *self)
{
  g_mutex_clear (&self->lock);
}

static gboolean
set_pipe (LTransport *self,
          HANDLE      handle,
          LOpenMode   mode,
          int        *code)
{
  LPipe *pipe = l_pipe_new (self, handle, mode);

  if (pipe == NULL)
    {
      *code = (int) GetLastError ();
      return FALSE;
    }

  g_mutex_lock (&self->lock);
  self->pipe = pipe;
  self->descriptor = (gintptr) handle;
  g_mutex_unlock (&self->lock);
  return TRUE;
}

static LPipe *
take_pipe (LTransport *self)
{
  LPipe *pipe;

  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  g_mutex_lock (&self->lock);
  pipe = g_steal_pointer (&self->pipe);
  self->descriptor = -1;
  g_mutex_unlock (&self->lock);

  return pipe;
}

void
l_transport_release (LTransport *self)
{
  g_autoptr(LPipe) pipe = take_pipe (self);

  if (pipe == NULL)
    return;

  g_mutex_lock (&pipe->lock);
  cancel_operations (pipe);
  pipe->handle = NULL;
  g_mutex_unlock (&pipe->lock);
  l_pipe_close (pipe);
}

void
l_transport_close (LTransport *self)
{
  g_autoptr(LPipe) pipe = take_pipe (self);

  if (pipe != NULL)
    l_pipe_close (pipe);
}

/* Only what the mode needs: GENERIC_WRITE would bring the right to make instances of the server's pipe. */
static DWORD
get_access (LOpenMode mode)
{
  DWORD access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;

  if ((mode & L_OPEN_MODE_READ_ONLY) != 0)
    access |= FILE_READ_DATA;
  if ((mode & L_OPEN_MODE_WRITE_ONLY) != 0)
    access |= FILE_WRITE_DATA;

  return access;
}

GPollableReturn
l_transport_connect (LTransport     *self,
                     GSocketAddress *address,
                     LOpenMode       mode,
                     int            *code)
{
  const gunichar2 *name = l_pipe_address_get_wide_name (L_PIPE_ADDRESS (address));
  HANDLE handle;

  /* A server may know who we are, and not act in our name. */
  handle = l_system.create_file (name, get_access (mode), 0, NULL, OPEN_EXISTING,
                                 FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION);
  if (handle == INVALID_HANDLE_VALUE)
    {
      *code = (int) GetLastError ();
      return *code == ERROR_PIPE_BUSY ? G_POLLABLE_RETURN_WOULD_BLOCK : G_POLLABLE_RETURN_FAILED;
    }

  if (!set_pipe (self, handle, mode, code))
    {
      l_system.close_handle (handle);
      return G_POLLABLE_RETURN_FAILED;
    }

  return G_POLLABLE_RETURN_OK;
}

gboolean
l_transport_adopt (LTransport *self,
                   gintptr     descriptor,
                   int        *code)
{
  HANDLE handle = (HANDLE) descriptor;
  DWORD flags;

  if (l_system.get_file_type (handle) != FILE_TYPE_PIPE || !l_system.get_pipe_info (handle, &flags))
    {
      *code = ERROR_INVALID_HANDLE;
      return FALSE;
    }

  return set_pipe (self, handle, L_OPEN_MODE_READ_WRITE, code);
}

gboolean
l_transport_set_flags (LTransport *self,
                       int        *code)
{
  if (l_system.set_inheritable ((HANDLE) self->descriptor, FALSE))
    return TRUE;

  *code = (int) GetLastError ();
  return FALSE;
}

gboolean
l_transport_adopt_accepted (LTransport *self,
                            gintptr     descriptor,
                            int        *code)
{
  if (set_pipe (self, (HANDLE) descriptor, L_OPEN_MODE_READ_WRITE, code))
    return TRUE;

  l_system.close_handle ((HANDLE) descriptor);
  return FALSE;
}

GPollableReturn
l_transport_check_connected (LTransport *self,
                             int        *code)
{
  DWORD n_available;

  if (l_system.peek_named_pipe ((HANDLE) self->descriptor, &n_available))
    return G_POLLABLE_RETURN_OK;

  *code = (int) GetLastError ();
  /* A server's end that nobody has connected to. */
  return *code == ERROR_BAD_PIPE || *code == ERROR_PIPE_LISTENING ? G_POLLABLE_RETURN_WOULD_BLOCK
                                                                   : G_POLLABLE_RETURN_FAILED;
}

/* With the pipe's lock held. */
static GPollableReturn
read_available (LPipe *self,
                void  *buffer,
                gsize  count,
                gsize *n_read,
                int   *code)
{
  DWORD n_available, result, n;
  BOOL done;

  *n_read = 0;
  if (!l_system.peek_named_pipe (self->handle, &n_available))
    {
      *code = (int) GetLastError ();
      if (!is_end (*code))
        return G_POLLABLE_RETURN_FAILED;

      self->is_readable = self->is_ended = TRUE;
      return G_POLLABLE_RETURN_OK;
    }

  if (n_available == 0)
    {
      self->is_readable = FALSE;
      return G_POLLABLE_RETURN_WOULD_BLOCK;
    }

  done = l_system.read_file (self->handle, buffer, (DWORD) MIN (count, n_available), l_overlapped_begin (&self->read));
  result = l_overlapped_begun (&self->read, done);
  /* It is there, so this does not wait. */
  if ((result == ERROR_SUCCESS || result == ERROR_IO_PENDING) &&
      l_system.get_result (self->handle, &self->read.overlapped, &n, TRUE))
    result = ERROR_SUCCESS;
  else if (result == ERROR_SUCCESS || result == ERROR_IO_PENDING)
    result = GetLastError ();
  self->read.is_pending = FALSE;

  if (result == ERROR_SUCCESS)
    {
      *n_read = n;
      return G_POLLABLE_RETURN_OK;
    }

  *code = (int) result;
  return is_end (result) ? G_POLLABLE_RETURN_OK : G_POLLABLE_RETURN_FAILED;
}

GPollableReturn
l_transport_read (LTransport *self,
                  void       *buffer,
                  gsize       count,
                  gsize      *n_read,
                  int        *code)
{
  LPipe *pipe = self->pipe;
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  *n_read = 0;
  g_assert (pipe != NULL);
  g_mutex_lock (&pipe->lock);
  if (!pipe->is_ended && (pipe->mode & L_OPEN_MODE_READ_ONLY) == 0)
    result = G_POLLABLE_RETURN_WOULD_BLOCK;
  else if (!pipe->is_ended)
    result = read_available (pipe, buffer, count, n_read, code);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK)
    probe (pipe);
  g_mutex_unlock (&pipe->lock);

  return result;
}

static DWORD
gather (LPipe               *self,
        const GOutputVector *vectors,
        gsize                n_vectors)
{
  gsize count = 0;

  if (self->buffer == NULL)
    self->buffer = g_malloc (MAX_WRITE);

  for (gsize i = 0; i < n_vectors && count < MAX_WRITE; i++)
    {
      gsize n = MIN (vectors[i].size, MAX_WRITE - count);

      memcpy (self->buffer + count, vectors[i].buffer, n);
      count += n;
    }

  return (DWORD) count;
}

/* With the pipe's lock held. */
static GPollableReturn
flush (LPipe *self,
       int   *code)
{
  check_write (self);
  if (self->write.is_pending)
    return G_POLLABLE_RETURN_WOULD_BLOCK;

  /* Who writes rarely keeps no memory for it. */
  g_clear_pointer (&self->buffer, g_free);
  if (self->write_error == 0)
    return G_POLLABLE_RETURN_OK;

  *code = (int) self->write_error;
  return G_POLLABLE_RETURN_FAILED;
}

/* What is under way when it returns counts as written: flush and close see to the rest. */
GPollableReturn
l_transport_write (LTransport          *self,
                   const GOutputVector *vectors,
                   gsize                n_vectors,
                   gsize               *n_written,
                   int                 *code)
{
  LPipe *pipe = self->pipe;
  GPollableReturn result;
  DWORD count, error;
  BOOL done;

  *n_written = 0;
  g_mutex_lock (&pipe->lock);
  result = flush (pipe, code);
  if (result == G_POLLABLE_RETURN_OK)
    {
      count = gather (pipe, vectors, n_vectors);
      done = l_system.write_file (pipe->handle, pipe->buffer, count, l_overlapped_begin (&pipe->write));
      error = l_overlapped_begun (&pipe->write, done);
      if (error == ERROR_SUCCESS || error == ERROR_IO_PENDING)
        {
          *n_written = count;
        }
      else
        {
          *code = (int) error;
          result = G_POLLABLE_RETURN_FAILED;
        }
    }
  g_mutex_unlock (&pipe->lock);

  return result;
}

GPollableReturn
l_transport_flush (LTransport *self,
                   int        *code)
{
  LPipe *pipe = self->pipe;
  GPollableReturn result;

  if (pipe == NULL)
    return G_POLLABLE_RETURN_OK;

  g_mutex_lock (&pipe->lock);
  result = flush (pipe, code);
  g_mutex_unlock (&pipe->lock);

  return result;
}

gboolean
l_transport_can_shutdown_write (void)
{
  return FALSE;
}

gboolean
l_transport_shutdown_write (LTransport *self,
                            int        *code)
{
  *code = ERROR_NOT_SUPPORTED;
  return FALSE;
}

void
l_transport_shutdown (LTransport *self)
{
  g_autoptr(LPipe) pipe = ref_pipe (self);

  if (pipe != NULL)
    l_pipe_close (pipe);
}

gboolean
l_transport_is_hung_up (LTransport *self)
{
  return TRUE;
}

gboolean
l_transport_set_condition (LTransport   *self,
                           GIOCondition  condition,
                           int          *code)
{
  if (self->reactor != NULL && self->descriptor != -1)
    l_reactor_watch (self->reactor, &self->watch, self->descriptor, condition);

  return TRUE;
}

static gboolean
sleep_until (gint64        deadline,
             GCancellable *cancellable,
             GCancellable *wake)
{
  return l_system_wait (NULL, 0, deadline, cancellable, wake);
}

GIOCondition
l_transport_wait (LTransport   *self,
                  GIOCondition  condition,
                  gint64        deadline,
                  GCancellable *cancellable,
                  GCancellable *wake)
{
  g_autoptr(LPipe) pipe = condition != 0 ? ref_pipe (self) : NULL;

  if (pipe == NULL)
    {
      sleep_until (deadline, cancellable, wake);
      return 0;
    }

  while (TRUE)
    {
      HANDLE handles[2] = { NULL, NULL };
      GIOCondition ready;
      gint64 until = deadline;
      gboolean is_hidden;

      g_mutex_lock (&pipe->lock);
      ready = query (pipe, condition) & (condition | G_IO_HUP | G_IO_ERR);
      if (pipe->probe.is_pending)
        handles[0] = pipe->probe.overlapped.hEvent;
      if (pipe->write.is_pending)
        handles[1] = pipe->write.overlapped.hEvent;
      is_hidden = is_end_hidden (pipe, condition);
      g_mutex_unlock (&pipe->lock);

      if (ready != 0)
        return ready;
      if (g_cancellable_is_cancelled (cancellable) || g_cancellable_is_cancelled (wake) ||
          (deadline >= 0 && g_get_monotonic_time () >= deadline))
        return 0;

      if (is_hidden)
        until = g_get_monotonic_time () + HANG_UP_PAUSE;
      if (deadline >= 0)
        until = MIN (until, deadline);
      l_system_wait (handles, G_N_ELEMENTS (handles), until, cancellable, wake);
    }
}

/* A source for another context: few, and each for one read or write, so their events may stand in its poll(). */
typedef struct
{
  GSource      source;
  LPipe       *pipe;      /* (owned) */
  GIOCondition condition;
  GPollFD      poll_fd;
} LPipeSource;

static gboolean
pipe_source_query (GSource *source)
{
  LPipeSource *self = (LPipeSource *) source;
  GIOCondition ready;

  g_mutex_lock (&self->pipe->lock);
  ready = query (self->pipe, self->condition) & (self->condition | G_IO_HUP | G_IO_ERR);
  g_mutex_unlock (&self->pipe->lock);

  return ready != 0;
}

static gboolean
pipe_source_prepare (GSource *source,
                     int     *timeout)
{
  *timeout = -1;
  return pipe_source_query (source);
}

static gboolean
pipe_source_dispatch (GSource     *source,
                      GSourceFunc  callback,
                      gpointer     user_data)
{
  return callback != NULL ? callback (user_data) : G_SOURCE_CONTINUE;
}

static void
pipe_source_finalize (GSource *source)
{
  l_pipe_unref (((LPipeSource *) source)->pipe);
}

/* It gets a dummy callback, and GObject insists that there is a way to call it. */
static gboolean
pipe_source_closure_callback (gpointer closure)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs pipe_source_funcs = {
  .prepare = pipe_source_prepare,
  .check = pipe_source_query,
  .dispatch = pipe_source_dispatch,
  .finalize = pipe_source_finalize,
  .closure_callback = pipe_source_closure_callback,
};

GSource *
l_transport_create_source (LTransport   *self,
                           GIOCondition  condition)
{
  LPipe *pipe = ref_pipe (self);
  LPipeSource *source;

  if (pipe == NULL)
    return NULL;

  source = (LPipeSource *) g_source_new (&pipe_source_funcs, sizeof (LPipeSource));
  source->pipe = pipe;
  source->condition = condition;
  source->poll_fd.fd = (gintptr) (condition == G_IO_OUT ? pipe->write.overlapped.hEvent : pipe->probe.overlapped.hEvent);
  source->poll_fd.events = G_IO_IN;
  g_source_add_poll (&source->source, &source->poll_fd);

  return &source->source;
}

GSocketAddress *
l_transport_get_peer_address (LTransport *self)
{
  return self->descriptor != -1 ? l_pipe_address_new_from_handle ((HANDLE) self->descriptor) : NULL;
}

GSocketAddress *
l_transport_get_local_address (LTransport *self)
{
  return NULL;
}
