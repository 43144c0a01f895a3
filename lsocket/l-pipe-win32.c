/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-pipe-win32-private.h"
#include "l-system-win32-private.h"

#include <string.h>

/* What one write takes at most, into memory of its own: the caller's must not be the system's for longer than the call. */
#define MAX_WRITE (64 * 1024)

/* A pipe tells of its end only to who reads; while what has come is left unread, it is asked now and then. */
#define HANG_UP_PAUSE (50 * G_TIME_SPAN_MILLISECOND)

struct _LPipe
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
};

LPipe *
l_pipe_ref (LPipe *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
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

void
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

void
l_pipe_release (LPipe *self)
{
  g_mutex_lock (&self->lock);
  cancel_operations (self);
  self->handle = NULL;
  g_mutex_unlock (&self->lock);

  l_pipe_close (self);
}

LPipe *
l_pipe_new (LReactor      *reactor,
            LReactorWatch *watch,
            HANDLE         handle,
            LOpenMode      mode)
{
  LPipe *self = g_new0 (LPipe, 1);
  LOverlappedFunc func = reactor != NULL ? operation_done : NULL;

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->handle = handle;
  self->mode = mode;
  self->reactor = reactor;
  self->watch = watch;
  self->hang_up_timer.func = hang_up_timer_func;
  self->hang_up_timer.object = watch->object;

  if (l_overlapped_init (&self->probe, func, self) && l_overlapped_attach (&self->probe, NULL) &&
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
         code == ERROR_HANDLE_EOF;
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
  DWORD code, count;
  BOOL done;

  if (self->handle == NULL || (self->mode & L_OPEN_MODE_READ_ONLY) == 0)
    return;

  check_readable (self);
  if (self->is_readable || self->is_ended)
    return;

  if (self->probe.is_pending)
    {
      code = l_overlapped_query (&self->probe, self->handle, &count);
      /* We have not cancelled it, so the thread that had begun it is gone. */
      if (code != ERROR_OPERATION_ABORTED)
        {
          note_probe (self, code);
          return;
        }
    }

  done = l_system.read_file (self->handle, &nothing, 0, l_overlapped_begin (&self->probe));
  note_probe (self, l_overlapped_begun (&self->probe, done));
}

/* What is left unread hides the end; so does a pipe that is only written to. */
static gboolean
is_hung_up (LPipe *self)
{
  DWORD state;

  if (!l_system.get_pipe_state (self->handle, &state))
    return is_end (GetLastError ());

  return state != L_PIPE_CONNECTED;
}

static void
check_write (LPipe *self)
{
  DWORD count, code;

  if (!self->write.is_pending)
    return;

  code = l_overlapped_query (&self->write, self->handle, &count);
  if (code == ERROR_IO_PENDING)
    return;

  /* The next may need more. */
  g_clear_pointer (&self->buffer, g_free);
  if (code != ERROR_SUCCESS)
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

  if (is_end_hidden (self, condition))
    {
      if (is_hung_up (self))
        ready |= G_IO_HUP;
      else if (self->reactor != NULL)
        l_reactor_set_timer (self->reactor, &self->hang_up_timer, g_get_monotonic_time () + HANG_UP_PAUSE);
    }

  return ready;
}

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

static gsize
get_size (const GOutputVector *vectors,
          gsize                n_vectors)
{
  gsize size = 0;

  for (gsize i = 0; i < n_vectors; i++)
    size += vectors[i].size;

  return size;
}

/* What stands behind the offset, as much as one write takes. */
static DWORD
gather (LPipe               *self,
        const GOutputVector *vectors,
        gsize                n_vectors,
        gsize                offset)
{
  gsize count = 0;

  for (gsize i = 0; i < n_vectors && count < MAX_WRITE; i++)
    {
      gsize skipped = MIN (vectors[i].size, offset);
      gsize n = MIN (vectors[i].size - skipped, MAX_WRITE - count);

      memcpy (self->buffer + count, (const guint8 *) vectors[i].buffer + skipped, n);
      offset -= skipped;
      count += n;
    }

  return (DWORD) count;
}

static GPollableReturn
check_flushed (LPipe *self,
               int   *code)
{
  check_write (self);
  if (self->write.is_pending)
    return G_POLLABLE_RETURN_WOULD_BLOCK;
  if (self->write_error == 0)
    return G_POLLABLE_RETURN_OK;

  *code = (int) self->write_error;
  return G_POLLABLE_RETURN_FAILED;
}

static GPollableReturn
check_may_write (LPipe *self,
                 int   *code)
{
  if (self->handle != NULL)
    return check_flushed (self, code);

  /* Another thread has closed it. */
  *code = ERROR_PIPE_NOT_CONNECTED;
  return G_POLLABLE_RETURN_FAILED;
}

/* Who writes rarely keeps no memory for it. */
static void
free_buffer (LPipe *self)
{
  if (!self->write.is_pending)
    g_clear_pointer (&self->buffer, g_free);
}

static GPollableReturn
begin_write (LPipe *self,
             DWORD  count,
             gsize *n_written,
             int   *code)
{
  DWORD result;
  BOOL done;

  /* Not earlier: a handle that is refused goes back to whoever wants to use it as it was. */
  if (!l_overlapped_attach (&self->write, self->handle))
    {
      *code = (int) GetLastError ();
      return G_POLLABLE_RETURN_FAILED;
    }

  done = l_system.write_file (self->handle, self->buffer, count, l_overlapped_begin (&self->write));
  result = l_overlapped_begun (&self->write, done);
  if (result != ERROR_SUCCESS && result != ERROR_IO_PENDING)
    {
      *code = (int) result;
      return G_POLLABLE_RETURN_FAILED;
    }

  *n_written += count;
  return G_POLLABLE_RETURN_OK;
}

/* Who may only write may not ask what there is to read. */
static gboolean
check_state (LPipe *self)
{
  DWORD state;

  if (!l_system.get_pipe_state (self->handle, &state))
    return FALSE;

  SetLastError (state == L_PIPE_CLOSING ? ERROR_BROKEN_PIPE : ERROR_PIPE_LISTENING);
  return state == L_PIPE_CONNECTED;
}

/* What the transport calls */

gboolean
l_pipe_check_connected (LPipe *self)
{
  DWORD n_available;

  if ((self->mode & L_OPEN_MODE_READ_ONLY) == 0)
    return check_state (self);

  return l_system.peek_named_pipe (self->handle, &n_available);
}

GIOCondition
l_pipe_query (LPipe        *self,
              GIOCondition  condition)
{
  GIOCondition ready;

  g_mutex_lock (&self->lock);
  ready = query (self, condition);
  g_mutex_unlock (&self->lock);

  return ready;
}

GPollableReturn
l_pipe_read (LPipe *self,
             void  *buffer,
             gsize  count,
             gsize *n_read,
             int   *code)
{
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  *n_read = 0;
  g_mutex_lock (&self->lock);
  if (!self->is_ended && (self->mode & L_OPEN_MODE_READ_ONLY) == 0)
    result = G_POLLABLE_RETURN_WOULD_BLOCK;
  else if (!self->is_ended)
    result = read_available (self, buffer, count, n_read, code);
  if (result == G_POLLABLE_RETURN_WOULD_BLOCK)
    probe (self);
  g_mutex_unlock (&self->lock);

  return result;
}

GPollableReturn
l_pipe_write (LPipe               *self,
              const GOutputVector *vectors,
              gsize                n_vectors,
              gsize               *n_written,
              int                 *code)
{
  gsize size = get_size (vectors, n_vectors);
  GPollableReturn result;

  *n_written = 0;
  g_mutex_lock (&self->lock);
  do
    {
      result = check_may_write (self, code);
      if (result == G_POLLABLE_RETURN_OK && self->buffer == NULL)
        self->buffer = g_malloc (MIN (size, MAX_WRITE));
      if (result == G_POLLABLE_RETURN_OK)
        result = begin_write (self, gather (self, vectors, n_vectors, *n_written), n_written, code);
    }
  while (result == G_POLLABLE_RETURN_OK && *n_written < size && !self->write.is_pending);
  free_buffer (self);
  g_mutex_unlock (&self->lock);

  /* What goes wrong after a part does so again. */
  return *n_written > 0 ? G_POLLABLE_RETURN_OK : result;
}

GPollableReturn
l_pipe_flush (LPipe *self,
              int   *code)
{
  GPollableReturn result;

  g_mutex_lock (&self->lock);
  result = check_flushed (self, code);
  free_buffer (self);
  g_mutex_unlock (&self->lock);

  return result;
}

GIOCondition
l_pipe_wait (LPipe        *self,
             GIOCondition  condition,
             gint64        deadline,
             GCancellable *cancellable,
             GCancellable *wake)
{
  while (TRUE)
    {
      HANDLE handles[2] = { NULL, NULL };
      GIOCondition ready;
      gint64 until = deadline;
      gboolean is_hidden;

      g_mutex_lock (&self->lock);
      ready = query (self, condition) & (condition | G_IO_HUP | G_IO_ERR);
      if (self->probe.is_pending)
        handles[0] = self->probe.event;
      if (self->write.is_pending)
        handles[1] = self->write.event;
      is_hidden = is_end_hidden (self, condition);
      g_mutex_unlock (&self->lock);

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
  GIOCondition ready = l_pipe_query (self->pipe, self->condition);

  return (ready & (self->condition | G_IO_HUP | G_IO_ERR)) != 0;
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
l_pipe_create_source (LPipe        *self,
                      GIOCondition  condition)
{
  LPipeSource *source = (LPipeSource *) g_source_new (&pipe_source_funcs, sizeof (LPipeSource));

  source->pipe = l_pipe_ref (self);
  source->condition = condition;
  source->poll_fd.fd = (gintptr) (condition == G_IO_OUT ? self->write.event : self->probe.event);
  source->poll_fd.events = G_IO_IN;
  g_source_add_poll (&source->source, &source->poll_fd);

  return &source->source;
}
