/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"
#include "l-output-stream-private.h"

#include <glib/gi18n-lib.h>

/* The movement of bytes: from the system into the input buffer and from the output buffer to the system, with the
 * signals that announce it, inside the loop's dispatch, inside waits and below the two streams.
 *
 * After each emission anything may have happened: the device may have been closed, connected again and disposed of.
 * priv->session tells; whoever emits holds a reference. */

/* What one read takes at most, and how often one dispatch reads while that much comes. */
#define SCRATCH_SIZE (256 * 1024)
#define MAX_READS 8

#define MAX_VECTORS 64

/* All devices of a thread receive into one piece of memory, which the input buffer of the last one borrows while its
 * handlers run: most leave nothing unread, so nothing is copied. */
typedef struct
{
  guint8    *data;
  LIODevice *borrower; /* (unowned) (nullable) */
} Scratch;

static void
free_scratch (gpointer data)
{
  Scratch *scratch = data;

  g_free (scratch->data);
  g_free (scratch);
}

static GPrivate scratch_key = G_PRIVATE_INIT (free_scratch);

static Scratch *
get_scratch (void)
{
  Scratch *scratch = g_private_get (&scratch_key);

  if (G_UNLIKELY (scratch == NULL))
    {
      scratch = g_new0 (Scratch, 1);
      scratch->data = g_malloc (SCRATCH_SIZE);
      g_private_set (&scratch_key, scratch);
    }

  return scratch;
}

static void
return_scratch (Scratch *scratch)
{
  if (scratch->borrower == NULL)
    return;

  l_buffer_keep (&l_io_device_get_private (scratch->borrower)->input);
  scratch->borrower = NULL;
}

static gsize
get_input_room (LIODevicePrivate *priv)
{
  gsize size = l_buffer_get_size (&priv->input);
  gsize room;

  if (priv->read_buffer_size == 0)
    return G_MAXSIZE;

  room = priv->read_buffer_size > size ? priv->read_buffer_size - size : 0;
  return priv->read_task != NULL ? MAX (room, l_io_device_get_wanted (priv->self)) : room;
}

static gboolean
can_receive (LIODevicePrivate *priv)
{
  return priv->input_enabled && !priv->input_ended && !priv->held;
}

void
l_io_device_update_condition (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition condition = 0;

  if (!priv->parked && !priv->held && (priv->output_open || priv->output_blocked || can_receive (priv)))
    {
      condition = G_IO_HUP;
      if (can_receive (priv) && !priv->input_parked)
        condition |= get_input_room (priv) > 0 ? L_IO_RDHUP | G_IO_IN : L_IO_RDHUP;
      if (priv->output_blocked)
        condition |= G_IO_OUT;
    }

  if (priv->condition == condition)
    return;

  priv->condition = condition;
  l_io_device_get_funcs (self)->set_condition (self, condition);
}

/* Input */

/* A read of the stream waits: straight into the memory of its caller. */
static GPollableReturn
receive_into_target (LIODevice  *self,
                     gsize      *n_read,
                     gboolean   *more,
                     GError    **error)
{
  gsize count;
  void *target = l_io_device_get_read_target (self, &count);
  GPollableReturn result;

  result = l_io_device_get_funcs (self)->read_data (self, target, count, n_read, error);
  if (result != G_POLLABLE_RETURN_OK || *n_read == 0)
    return result;

  *more = *n_read == count;
  l_io_device_get_private (self)->n_arrivals++;
  l_io_device_answer_direct_read (self, *n_read);
  return result;
}

/* One read into the input buffer; *more: there may be more to come at once. */
static GPollableReturn
receive_once (LIODevice  *self,
              gsize       room,
              gsize      *n_read,
              gboolean   *more,
              GError    **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count = MIN (room, SCRATCH_SIZE);
  Scratch *scratch = get_scratch ();
  GPollableReturn result;

  if (l_io_device_get_read_target (self, &count) != NULL)
    return receive_into_target (self, n_read, more, error);

  return_scratch (scratch);
  result = l_io_device_get_funcs (self)->read_data (self, scratch->data, count, n_read, error);
  if (result != G_POLLABLE_RETURN_OK)
    return result;

  *more = *n_read == count;
  /* What nobody may read is thrown away. */
  if (*n_read > 0 && (priv->open_mode & L_OPEN_MODE_READ_ONLY) != 0)
    {
      l_buffer_append_borrowed (&priv->input, scratch->data, *n_read);
      scratch->borrower = self;
      priv->n_arrivals++;
    }

  return result;
}

void
l_io_device_flush_after_handler (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (l_buffer_get_size (&priv->output) > 0 && !priv->output_blocked && priv->opening_mode == L_OPEN_MODE_NOT_OPEN)
    l_io_device_flush (self);
}

/* Announces what was received, and after that what came meanwhile without being announced. */
static void
announce_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  Scratch *scratch = get_scratch ();
  guint session = priv->session;

  priv->in_ready_read = TRUE;
  do
    {
      priv->ready_read_due = FALSE;
      l_io_device_emit_ready_read (self);
    }
  while (priv->ready_read_due && priv->session == session && l_io_device_get_bytes_available (self) > 0);
  priv->in_ready_read = FALSE;

  if (scratch->borrower == self)
    return_scratch (scratch);

  priv->parked = FALSE;
  priv->input_parked = FALSE;
  l_io_device_update_condition (self);
  l_io_device_flush_after_handler (self);
}

/* Answers the reads that wait for what was received; TRUE if something is left that is news to the program. */
static gboolean
answer_reads (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  /* The callback of one may begin the next. */
  while (l_io_device_answer_read (self))
    ;

  return priv->session == session && priv->read_task == NULL && l_io_device_get_bytes_available (self) > 0;
}

/* FALSE: the session is over or does not receive any more. */
static gboolean
announce_and_check (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  Scratch *scratch = get_scratch ();
  guint session = priv->session;

  if (answer_reads (self))
    {
      if (priv->in_ready_read)
        priv->ready_read_due = TRUE;
      else
        announce_input (self);
    }
  else if (scratch->borrower == self)
    {
      return_scratch (scratch);
    }

  return priv->session == session && can_receive (priv);
}

/* condition: what is known of the end; with it all is read that the system holds. */
static void
receive (LIODevice    *self,
         GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_end = (condition & (L_IO_RDHUP | G_IO_HUP | G_IO_ERR)) != 0;
  gboolean more = TRUE;

  for (guint n_reads = 0; is_end || (more && n_reads < MAX_READS); n_reads++)
    {
      gsize room = is_end ? G_MAXSIZE : get_input_room (priv);
      g_autoptr(GError) error = NULL;
      GPollableReturn result;
      gsize n_read = 0;

      if (room == 0)
        return;

      result = receive_once (self, room, &n_read, &more, &error);
      if (result == G_POLLABLE_RETURN_FAILED)
        {
          l_io_device_get_funcs (self)->failed (self, error);
          return;
        }

      if (result == G_POLLABLE_RETURN_WOULD_BLOCK && (condition & (G_IO_HUP | G_IO_ERR)) == 0)
        return;

      if (n_read == 0)
        {
          l_io_device_get_funcs (self)->input_ended (self, condition);
          return;
        }

      if (!announce_and_check (self))
        return;
    }
}

/* Called by the loop that a handler of ready-read runs: receives, and leaves the end to when that has returned. A condition
 * that nobody deals with until then would keep that loop spinning, so it is parked; what is queued is still sent. */
static void
receive_silently (LIODevice    *self,
                  GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize room = get_input_room (priv);
  GPollableReturn result = G_POLLABLE_RETURN_FAILED;
  guint session = priv->session;
  gsize n_read = 0;
  gboolean more;

  if (room > 0)
    result = receive_once (self, room, &n_read, &more, NULL);

  if (n_read > 0 && answer_reads (self))
    priv->ready_read_due = TRUE;
  if (priv->session != session)
    return;

  priv->parked = (condition & (G_IO_HUP | G_IO_ERR)) != 0;
  priv->input_parked = (condition & L_IO_RDHUP) != 0 || (n_read == 0 && result != G_POLLABLE_RETURN_WOULD_BLOCK);
  l_io_device_update_condition (self);
}

void
l_io_device_drain_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean more;
  gsize n_read;

  while (!priv->input_ended &&
         receive_once (self, G_MAXSIZE, &n_read, &more, NULL) == G_POLLABLE_RETURN_OK && n_read > 0)
    {
      guint session = priv->session;

      announce_and_check (self);
      if (priv->session != session)
        return;
    }
}

/* Output */

void
l_io_device_schedule_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->reactor != NULL && priv->opening_mode == L_OPEN_MODE_NOT_OPEN)
    l_reactor_queue_task (priv->reactor, &priv->flush_task);
}

static void
set_output_blocked (LIODevice *self,
                    gboolean   blocked)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->output_blocked = blocked;
  l_io_device_update_condition (self);
}

/* Hands what is queued to the system, and with it data that is not; how much of that went. Nothing is emitted. */
static GPollableReturn
push (LIODevice   *self,
      const void  *data,
      gsize        count,
      gsize       *n_taken,
      GError     **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  *n_taken = 0;
  while (l_buffer_get_size (&priv->output) > 0 || count > *n_taken)
    {
      gsize n_queued = l_buffer_get_size (&priv->output);
      GOutputVector vectors[MAX_VECTORS];
      gsize n_offered = 0, n_written = 0, n_from_queue;
      guint n_vectors;

      n_vectors = l_buffer_get_vectors (&priv->output, vectors, MAX_VECTORS - 1);
      for (guint i = 0; i < n_vectors; i++)
        n_offered += vectors[i].size;
      if (n_offered == n_queued && count > *n_taken)
        {
          vectors[n_vectors++] = (GOutputVector) { (const guint8 *) data + *n_taken, count - *n_taken };
          n_offered += count - *n_taken;
        }

      result = l_io_device_get_funcs (self)->write_data (self, vectors, n_vectors, &n_written, error);
      if (result != G_POLLABLE_RETURN_OK)
        break;

      n_from_queue = l_buffer_skip (&priv->output, n_written);
      *n_taken += n_written - n_from_queue;
      priv->n_written += n_written;
      priv->n_departures++;

      /* The system took a part: it is full, and asking again would tell just that. */
      if (n_written < n_offered)
        {
          result = G_POLLABLE_RETURN_WOULD_BLOCK;
          break;
        }
    }

  set_output_blocked (self, result == G_POLLABLE_RETURN_WOULD_BLOCK);
  return result;
}

/* A failure is left to the flush that follows: write() emits nothing. */
gsize
l_io_device_offer (LIODevice  *self,
                   const void *data,
                   gsize       count)
{
  gsize n_taken;

  push (self, data, count, &n_taken, NULL);

  return n_taken;
}

GPollableReturn
l_io_device_offer_queue (LIODevice  *self,
                         GError    **error)
{
  gsize n_taken;

  return push (self, NULL, 0, &n_taken, error);
}

static void
announce_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count = priv->n_written;

  if (count == 0)
    return;

  /* Never recursively: whoever runs the handler looks again when it has returned. A loop that it runs looks before. */
  if (priv->in_bytes_written)
    {
      l_io_device_schedule_flush (self);
      return;
    }

  priv->n_written = 0;
  priv->in_bytes_written = TRUE;
  l_io_device_emit_bytes_written (self, count);
  priv->in_bytes_written = FALSE;

  if (priv->n_written > 0)
    l_io_device_schedule_flush (self);
}

static void
tell_drained (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = NULL;

  if (priv->output_stream != NULL)
    tasks = l_output_stream_take_tasks (L_OUTPUT_STREAM (priv->output_stream));

  l_io_device_get_funcs (self)->output_drained (self);
  l_output_stream_return_tasks (tasks);
}

/* Sends what is queued, tells, sends what the handlers wrote, and if nothing is left tells the subclass. TRUE if bytes
 * went. */
static gboolean
flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  guint n_departures = priv->n_departures;
  g_autoptr(GError) error = NULL;
  GPollableReturn result;
  gsize n_taken;

  result = push (self, NULL, 0, &n_taken, &error);
  announce_output (self);

  if (priv->session == session && result == G_POLLABLE_RETURN_OK && l_buffer_get_size (&priv->output) > 0)
    {
      result = push (self, NULL, 0, &n_taken, &error);
      l_io_device_schedule_flush (self);
    }

  if (priv->session == session && result == G_POLLABLE_RETURN_FAILED)
    l_io_device_get_funcs (self)->failed (self, error);
  else if (priv->session == session && l_buffer_get_size (&priv->output) == 0 && priv->n_written == 0)
    tell_drained (self);

  return priv->n_departures != n_departures;
}

gboolean
l_io_device_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->reactor != NULL)
    l_reactor_cancel_task (priv->reactor, &priv->flush_task);

  if (priv->opening_mode != L_OPEN_MODE_NOT_OPEN)
    return FALSE;

  return flush (self);
}

/* From the loop or from a wait. Inside a handler of bytes-written nobody can be told of the rest; the end that the
 * handler may wait for must come all the same. */
void
l_io_device_flush_in_turn (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  l_io_device_flush (self);
  if (priv->session != session || !priv->in_bytes_written)
    return;

  if (priv->reactor != NULL)
    l_reactor_cancel_task (priv->reactor, &priv->flush_task);
  if (l_buffer_get_size (&priv->output) == 0 && priv->n_written > 0)
    l_io_device_get_funcs (self)->output_drained (self);
}

static void
handle_input (LIODevice    *self,
              GIOCondition  condition)
{
  if (condition == 0)
    return;

  if (can_receive (l_io_device_get_private (self)))
    receive (self, condition);
  else if ((condition & (G_IO_HUP | G_IO_ERR)) != 0)
    l_io_device_get_funcs (self)->input_ended (self, condition);
}

void
l_io_device_dispatch (LIODevice    *self,
                      GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  g_object_ref (self);

  if (priv->in_ready_read && can_receive (priv) && (condition & ~G_IO_OUT) != 0)
    receive_silently (self, condition & ~G_IO_OUT);
  else
    handle_input (self, condition & ~G_IO_OUT);

  if ((condition & G_IO_OUT) != 0 && priv->session == session && priv->output_blocked)
    l_io_device_flush_in_turn (self);

  g_object_unref (self);
}

/* Waiting */

gint64
l_io_device_get_deadline (int msecs)
{
  if (msecs < 0)
    return -1;

  return g_get_monotonic_time () + (gint64) msecs * 1000;
}

/* Both directions, so that two programs that wait for each other to read make progress. */
static GIOCondition
get_wait_condition (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition condition = G_IO_HUP;

  if (can_receive (priv))
    condition |= L_IO_RDHUP;
  if (can_receive (priv) && get_input_room (priv) > 0)
    condition |= G_IO_IN;
  if (l_buffer_get_size (&priv->output) > 0)
    condition |= G_IO_OUT;

  return condition;
}

/* With nothing queued it is no system call, and yet may be what ends a session. */
static void
flush_unless_blocked (LIODevice *self)
{
  if (!l_io_device_get_private (self)->output_blocked)
    l_io_device_flush_in_turn (self);
}

gboolean
l_io_device_wait_turn (LIODevice    *self,
                       gint64        deadline,
                       GCancellable *cancellable)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  GIOCondition condition;

  flush_unless_blocked (self);
  if (priv->session != session)
    return TRUE;

  condition = l_io_device_get_funcs (self)->wait (self, get_wait_condition (self), deadline, cancellable);
  if (condition == 0)
    return FALSE;

  if ((condition & G_IO_OUT) != 0)
    l_io_device_flush_in_turn (self);
  if (priv->session == session)
    handle_input (self, condition & ~G_IO_OUT);

  /* Bytes that come without end must not keep a wait for something else here. */
  return deadline < 0 || g_get_monotonic_time () < deadline;
}

static gboolean
wait_for_ready_read (LIODevice *self,
                     gint64     deadline)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint n_arrivals = priv->n_arrivals;
  gboolean is_over = FALSE;
  guint session;

  if (!l_io_device_get_funcs (self)->wait_until_open (self, deadline))
    return FALSE;
  if (!can_receive (priv) || (priv->open_mode & L_OPEN_MODE_READ_ONLY) == 0)
    return FALSE;

  session = priv->session;
  flush_unless_blocked (self);
  /* Something has often come already: asking costs less than poll() before it. */
  if (priv->session == session)
    receive (self, 0);

  while (priv->n_arrivals == n_arrivals)
    {
      if (priv->session != session || !can_receive (priv))
        return FALSE;

      if (is_over)
        {
          l_io_device_get_funcs (self)->timed_out (self);
          return FALSE;
        }

      is_over = !l_io_device_wait_turn (self, deadline, NULL);
    }

  return TRUE;
}

/**
 * l_io_device_wait_for_ready_read:
 * @self: a device
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until new bytes have arrived and [signal@LSocket.IODevice::ready-read] was emitted, without
 * a main loop. Bytes that were buffered before do not end the wait. Meanwhile what is queued is sent.
 *
 * Called in a handler of [signal@LSocket.IODevice::ready-read] it does not emit that signal again.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if new bytes have arrived; %FALSE at the end of the time, when the connection ended, or when there is none
 *
 * Since: 1.0
 */
gboolean
l_io_device_wait_for_ready_read (LIODevice *self,
                                 int        msecs)
{
  gboolean arrived;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  g_object_ref (self);
  arrived = wait_for_ready_read (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return arrived;
}

static gboolean
wait_for_bytes_written (LIODevice *self,
                        gint64     deadline)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_over = FALSE;
  guint n_departures = priv->n_departures;
  guint session;

  if (!l_io_device_get_funcs (self)->wait_until_open (self, deadline))
    return FALSE;

  /* What write() sent at once is reported here. */
  if (priv->n_written > 0 && !priv->in_bytes_written)
    {
      l_io_device_flush (self);
      return TRUE;
    }

  session = priv->session;
  flush_unless_blocked (self);

  while (priv->n_departures == n_departures)
    {
      if (priv->session != session || l_buffer_get_size (&priv->output) == 0)
        return FALSE;

      if (is_over)
        {
          l_io_device_get_funcs (self)->timed_out (self);
          return FALSE;
        }

      is_over = !l_io_device_wait_turn (self, deadline, NULL);
    }

  return TRUE;
}

/**
 * l_io_device_wait_for_bytes_written:
 * @self: a device
 * @msecs: how long to wait at most, in milliseconds; any negative value: no limit
 *
 * Blocks the calling thread until bytes were handed to the system and [signal@LSocket.IODevice::bytes-written] was
 * emitted, without a main loop. Meanwhile what arrives is received.
 *
 * While an attempt to connect is under way it first waits for that. At the end of the time the error is set to
 * %L_SOCKET_ERROR_TIMEOUT, and nothing is closed.
 *
 * Returns: %TRUE if bytes were handed over; %FALSE at once when none wait for it, at the end of the time, or when the
 *   connection ended
 *
 * Since: 1.0
 */
gboolean
l_io_device_wait_for_bytes_written (LIODevice *self,
                                    int        msecs)
{
  gboolean gone;

  g_return_val_if_fail (L_IS_IO_DEVICE (self), FALSE);

  g_object_ref (self);
  gone = wait_for_bytes_written (self, l_io_device_get_deadline (msecs));
  g_object_unref (self);

  return gone;
}
