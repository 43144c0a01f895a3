/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

/* The handles that a program gets as standard input and output can only be waited for by reading and writing them, and
 * each of these may never return. So a thread a handle does it, through a ring of bytes that it shares with the loop:
 * it reads no further, and the loop writes no more, than there is room in that. */

#define CAPACITY (256 * 1024)
#define PIECE (64 * 1024)

/* How long a read takes that finds something, where it cannot be interrupted; and until it has begun. */
#define PATIENCE (100 * G_TIME_SPAN_MILLISECOND)
#define PAUSE (1 * G_TIME_SPAN_MILLISECOND)

/* What a console gives for Ctrl-Z, the end of what is typed. */
#define END_OF_INPUT 0x1a

struct _ToolStream
{
  gatomicrefcount ref_count;
  HANDLE          handle;
  int             fd;          /* (owned), that has the handle; -1: none */
  GThreadFunc     thread_func; /* started when there is something to do */
  gboolean        is_console;

  /* The loop's */
  GSource        *source;      /* (owned), dispatched when the thread has made progress */
  ToolStreamFunc  func;
  gpointer        user_data;

  GMutex          lock;        /* of the rest */
  GCond           changed;
  guint8          ring[CAPACITY];
  gsize           start;
  gsize           length;
  DWORD           error;       /* that ended it */
  gboolean        is_over;     /* nothing more can be read, or written */
  gboolean        is_started;
  HANDLE          thread;      /* (owned) (nullable), that reads */
  gboolean        is_asked;    /* whether there is something to read */
  gboolean        is_awaited;  /* the loop wants to write */
  gboolean        is_closed;   /* the loop has no use for it any more */
};

/* They serve one connection after another, with what was read ahead for the one before. */
static ToolStream *standard_input;
static ToolStream *standard_output;

static ToolStream *
stream_ref (ToolStream *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
stream_unref (gpointer data)
{
  ToolStream *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_source_unref (self->source);
  if (self->fd >= 0)
    _close (self->fd);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

static gboolean
dispatch (GSource     *source,
          GSourceFunc  callback,
          gpointer     user_data)
{
  g_source_set_ready_time (source, -1);
  return callback (user_data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

static gboolean
on_progress (gpointer user_data)
{
  ToolStream *self = user_data;

  if (self->func != NULL)
    self->func (self->user_data);
  return G_SOURCE_CONTINUE;
}

/* From any thread. */
static void
wake_loop (ToolStream *self)
{
  g_source_set_ready_time (self->source, 0);
}

static ToolStream *
stream_new (GThreadFunc thread_func,
            HANDLE      handle,
            int         fd)
{
  ToolStream *self = g_new0 (ToolStream, 1);
  DWORD mode;

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->thread_func = thread_func;
  self->handle = handle;
  self->fd = fd;
  self->is_console = GetConsoleMode (handle, &mode) != 0;

  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_callback (self->source, on_progress, stream_ref (self), stream_unref);
  g_source_attach (self->source, NULL);

  return self;
}

/* The threads */

/* With the lock held, as the next one. */
static void
read_piece (ToolStream *self)
{
  gsize offset = (self->start + self->length) % CAPACITY;
  gsize room = MIN (CAPACITY - self->length, CAPACITY - offset);
  guint8 *piece = self->ring + offset;
  DWORD count = 0, code = ERROR_SUCCESS;

  g_mutex_unlock (&self->lock);
  if (!ReadFile (self->handle, piece, (DWORD) MIN (room, PIECE), &count, NULL))
    code = GetLastError ();
  g_mutex_lock (&self->lock);

  if (count > 0 && self->is_console && *piece == END_OF_INPUT)
    count = 0;

  self->length += count;
  /* An interrupted read has found nothing. */
  if (count == 0 && code == ERROR_OPERATION_ABORTED)
    self->is_asked = FALSE;
  if (count > 0 || code == ERROR_OPERATION_ABORTED)
    return;

  self->is_over = TRUE;
  if (code != ERROR_BROKEN_PIPE && code != ERROR_HANDLE_EOF)
    self->error = code;
}

static void
write_piece (ToolStream *self)
{
  gsize length = MIN (self->length, CAPACITY - self->start);
  const guint8 *piece = self->ring + self->start;
  DWORD count = 0, code = ERROR_SUCCESS;

  g_mutex_unlock (&self->lock);
  if (!WriteFile (self->handle, piece, (DWORD) MIN (length, PIECE), &count, NULL))
    code = GetLastError ();
  g_mutex_lock (&self->lock);

  self->start = (self->start + count) % CAPACITY;
  self->length -= count;
  self->error = code;
  self->is_over = code != ERROR_SUCCESS;
}

static gpointer
read_thread (gpointer data)
{
  ToolStream *self = data;

  g_mutex_lock (&self->lock);
  DuplicateHandle (GetCurrentProcess (), GetCurrentThread (), GetCurrentProcess (), &self->thread, 0, FALSE,
                   DUPLICATE_SAME_ACCESS);
  while (!self->is_over && !self->is_closed)
    {
      if (self->length == CAPACITY)
        {
          g_cond_wait (&self->changed, &self->lock);
          continue;
        }

      read_piece (self);
      g_cond_broadcast (&self->changed);
      wake_loop (self);
    }
  g_clear_pointer (&self->thread, CloseHandle);
  g_mutex_unlock (&self->lock);

  stream_unref (self);
  return NULL;
}

static gpointer
write_thread (gpointer data)
{
  ToolStream *self = data;

  g_mutex_lock (&self->lock);
  while (!self->is_over && !self->is_closed)
    {
      if (self->length == 0)
        {
          g_cond_wait (&self->changed, &self->lock);
          continue;
        }

      write_piece (self);
      if (self->is_awaited)
        wake_loop (self);
    }
  g_mutex_unlock (&self->lock);

  stream_unref (self);
  return NULL;
}

/* With the lock held. */
static void
start (ToolStream *self)
{
  if (self->is_started)
    return;

  self->is_started = TRUE;
  g_thread_unref (g_thread_new ("stdio", self->thread_func, stream_ref (self)));
}

/* The loop */

ToolStream *
tool_stream_new_stdin (void)
{
  if (standard_input == NULL)
    standard_input = stream_new (read_thread, GetStdHandle (STD_INPUT_HANDLE), -1);

  return stream_ref (standard_input);
}

ToolStream *
tool_stream_new_stdout (gboolean is_kept)
{
  if (standard_output == NULL)
    standard_output = stream_new (write_thread, GetStdHandle (STD_OUTPUT_HANDLE), -1);

  return stream_ref (standard_output);
}

ToolStream *
tool_stream_new_command_stdin (int fd)
{
  return stream_new (write_thread, (HANDLE) _get_osfhandle (fd), fd);
}

ToolStream *
tool_stream_new_command_stdout (int fd)
{
  return stream_new (read_thread, (HANDLE) _get_osfhandle (fd), fd);
}

void
tool_stream_watch (ToolStream     *self,
                   ToolStreamFunc  func,
                   gpointer        user_data)
{
  gboolean is_new = self->func == NULL && func != NULL;

  self->func = func;
  self->user_data = user_data;
  if (!is_new)
    return;

  g_mutex_lock (&self->lock);
  start (self);
  if (!self->is_awaited && (self->length > 0 || self->is_over))
    wake_loop (self);
  g_mutex_unlock (&self->lock);
}

/* With the lock held. */
static gssize
fail (ToolStream  *self,
      GError     **error)
{
  g_autofree char *text = g_win32_error_message (self->error);
  GIOErrorEnum code;

  switch (self->error)
    {
    case ERROR_SUCCESS:
      code = G_IO_ERROR_WOULD_BLOCK;
      break;
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
      code = G_IO_ERROR_BROKEN_PIPE;
      break;
    default:
      code = G_IO_ERROR_FAILED;
      break;
    }

  g_set_error_literal (error, G_IO_ERROR, code, text);
  return -1;
}

/* With the lock held. A part of the ring in one piece. */
static gsize
take (ToolStream *self,
      guint8     *buffer,
      gsize       count)
{
  count = MIN (count, MIN (self->length, CAPACITY - self->start));
  memcpy (buffer, self->ring + self->start, count);
  self->start = (self->start + count) % CAPACITY;
  self->length -= count;

  return count;
}

static gsize
put (ToolStream   *self,
     const guint8 *buffer,
     gsize         count)
{
  gsize offset = (self->start + self->length) % CAPACITY;

  count = MIN (count, MIN (CAPACITY - self->length, CAPACITY - offset));
  memcpy (self->ring + offset, buffer, count);
  self->length += count;

  return count;
}

gssize
tool_stream_read (ToolStream  *self,
                  void        *buffer,
                  gsize        count,
                  GError     **error)
{
  gssize n_read = 0;

  g_mutex_lock (&self->lock);
  if (self->length > 0)
    n_read = take (self, buffer, count);
  else if (!self->is_over || self->error != ERROR_SUCCESS)
    n_read = fail (self, error);

  g_cond_broadcast (&self->changed);
  if (n_read > 0 && (self->length > 0 || self->is_over))
    wake_loop (self);
  g_mutex_unlock (&self->lock);

  return n_read;
}

/* A pipe cannot be asked while another thread reads. So that is interrupted. */
gboolean
tool_stream_has_more (ToolStream *self)
{
  gint64 now = g_get_monotonic_time (), deadline = now + PATIENCE;
  gboolean has_more;

  g_mutex_lock (&self->lock);
  start (self);
  self->is_asked = TRUE;
  for (; self->length == 0 && !self->is_over && self->is_asked && now < deadline; now = g_get_monotonic_time ())
    {
      if (self->thread != NULL)
        CancelSynchronousIo (self->thread);
      g_cond_wait_until (&self->changed, &self->lock, now + PAUSE);
    }
  has_more = self->length > 0;
  g_mutex_unlock (&self->lock);

  return has_more;
}

gssize
tool_stream_write (ToolStream  *self,
                   const void  *buffer,
                   gsize        count,
                   GError     **error)
{
  gssize n_written;

  g_mutex_lock (&self->lock);
  start (self);
  n_written = self->is_over ? 0 : put (self, buffer, count);
  self->is_awaited = n_written == 0;
  if (n_written == 0)
    n_written = fail (self, error);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);

  return n_written;
}

gboolean
tool_stream_flush (ToolStream  *self,
                   GError     **error)
{
  gboolean is_flushed;

  g_mutex_lock (&self->lock);
  is_flushed = self->length == 0 && !self->is_over;
  self->is_awaited = !is_flushed;
  if (!is_flushed)
    fail (self, error);
  g_mutex_unlock (&self->lock);

  return is_flushed;
}

/* Standard output ends with the program, which ends with its connection unless it keeps the output. */
void
tool_stream_close (ToolStream *self)
{
  tool_stream_watch (self, NULL, NULL);
  if (self != standard_input && self != standard_output)
    {
      g_mutex_lock (&self->lock);
      self->is_closed = TRUE;
      g_cond_broadcast (&self->changed);
      g_mutex_unlock (&self->lock);

      g_source_destroy (self->source);
    }

  stream_unref (self);
}

/* All of them */

static void
open_if_missing (DWORD which,
                 DWORD access)
{
  HANDLE handle = GetStdHandle (which);

  if (handle == NULL || handle == INVALID_HANDLE_VALUE)
    SetStdHandle (which, CreateFileW (L"NUL", access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL));
}

/* A script goes on with the bytes as they are. */
void
tool_stdio_init (void)
{
  open_if_missing (STD_INPUT_HANDLE, GENERIC_READ);
  open_if_missing (STD_OUTPUT_HANDLE, GENERIC_WRITE);
  _setmode (_fileno (stdout), _O_BINARY);
}

void
tool_stdio_prepare (void)
{
}

void
tool_stdio_restore (void)
{
}

static gboolean
is_console (DWORD which)
{
  DWORD mode;

  return GetConsoleMode (GetStdHandle (which), &mode) != 0;
}

gboolean
tool_stdio_has_free_terminal (void)
{
  return is_console (STD_ERROR_HANDLE) && !is_console (STD_INPUT_HANDLE) && !is_console (STD_OUTPUT_HANDLE);
}
