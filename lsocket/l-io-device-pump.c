/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* The movement of bytes: from the system into the input buffer and from the output buffer to the system, with the
 * signals that announce it, inside the loop's dispatch, inside waits and below the two streams.
 *
 * After each emission anything may have happened: the device may have been closed, connected again and disposed of.
 * priv->session tells; whoever emits holds a reference. */

/* What one read takes at most, and how often one dispatch reads while that much comes. */
#define SCRATCH_SIZE (256 * 1024)
#define MAX_READS 8

/* The kernel's own memory lies in whole pages, and some processors copy at half the speed to an address a little further
 * into its page than the source is: just where malloc() puts what is large. */
#define SCRATCH_ALIGNMENT 4096

#define MAX_VECTORS 64

/* How much is kept, without a limit of the program's, of what nobody waits for any more. */
#define MAX_DISREGARDED (64 * 1024)

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

  g_aligned_free (scratch->data);
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
      scratch->data = g_aligned_alloc (1, SCRATCH_SIZE, SCRATCH_ALIGNMENT);
      g_private_set (&scratch_key, scratch);
    }

  return scratch;
}

static void
return_scratch (Scratch *scratch)
{
  LIODevicePrivate *priv;

  if (scratch->borrower == NULL)
    return;

  priv = l_io_device_get_private (scratch->borrower);
  scratch->borrower = NULL;

  g_mutex_lock (&priv->input.lock);
  l_buffer_keep (&priv->input.buffer);
  g_mutex_unlock (&priv->input.lock);
}

/* What is waited for */

gboolean
l_io_device_can_receive (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  return input->enabled && !input->ended && !input->held;
}

gboolean
l_io_device_is_disregarded (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  return input->disregarded && !input->ended && !input->held;
}

gsize
l_io_device_get_available (LIODevice *self)
{
  LIODeviceInput *input = &l_io_device_get_private (self)->input;

  return l_buffer_get_size (&input->buffer) - input->transaction_offset;
}

gsize
l_io_device_get_input_room (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize size = l_buffer_get_size (&priv->input.buffer);
  gsize limit = priv->input.buffer_size;
  gsize room;

  /* Who waits elsewhere reads it. */
  if (priv->input.n_other_reads > 0 && !priv->input.disregarded)
    return 0;
  if (limit == 0 && priv->input.disregarded)
    limit = MAX_DISREGARDED;
  /* What nobody may read is thrown away, however much it is. */
  if (limit == 0 || (priv->open_mode & L_OPEN_MODE_READ_ONLY) == 0)
    return G_MAXSIZE;

  room = limit > size ? limit - size : 0;
  return priv->read_operation != NULL ? MAX (room, l_io_device_get_wanted (self)) : room;
}

/* With the condition's lock held. */
static void
tell_condition (LIODevice *self)
{
  LIODeviceCondition *condition = &l_io_device_get_private (self)->condition;
  GIOCondition wanted = condition->suspended ? 0 : condition->input | condition->output;

  if (condition->told == wanted)
    return;

  condition->told = wanted;
  l_io_device_get_funcs (self)->set_condition (self, wanted);
}

static void
set_condition (LIODevice    *self,
               GIOCondition *part,
               GIOCondition  wanted)
{
  LIODeviceCondition *condition = &l_io_device_get_private (self)->condition;

  /* It is changed with the lock of its direction held, too. */
  if (*part == wanted)
    return;

  g_mutex_lock (&condition->lock);
  *part = wanted;
  tell_condition (self);
  g_mutex_unlock (&condition->lock);
}

void
l_io_device_update_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition wanted = 0;

  if (l_io_device_can_receive (self))
    {
      wanted = G_IO_HUP;
      if (!priv->input.parked)
        wanted |= l_io_device_get_input_room (self) > 0 ? L_IO_RDHUP | G_IO_IN : L_IO_RDHUP;
    }
  else if (l_io_device_is_disregarded (self))
    {
      wanted = priv->input.parked ? G_IO_HUP : G_IO_HUP | G_IO_IN;
    }

  set_condition (self, &priv->condition.input, wanted);
}

void
l_io_device_update_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GIOCondition wanted = 0;

  if (priv->output.open)
    wanted = G_IO_HUP;
  if (priv->output.blocked || priv->write_operation != NULL)
    wanted = G_IO_HUP | G_IO_OUT;

  set_condition (self, &priv->condition.output, wanted);
}

void
l_io_device_set_suspended (LIODevice *self,
                           gboolean   suspended)
{
  LIODeviceCondition *condition = &l_io_device_get_private (self)->condition;

  g_mutex_lock (&condition->lock);
  condition->suspended = suspended;
  tell_condition (self);
  g_mutex_unlock (&condition->lock);
}

/* Input */

/* One read, with the input's lock held; into the memory of who waits for it, or into the scratch memory, which the input
 * buffer borrows then. n_arrivals counts it, unless it is thrown away. */
static GPollableReturn
read_once (LIODevice        *self,
           Scratch          *scratch,
           gsize             room,
           gsize            *n_read,
           gboolean         *more,
           LAsyncOperation **answered,
           GError          **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count = MIN (room, SCRATCH_SIZE);
  void *target = priv->input.discards ? NULL : l_io_device_get_read_target (self, &count);
  GPollableReturn result;

  result = l_io_device_get_funcs (self)->read_data (self, target != NULL ? target : scratch->data, count, n_read, error);
  if (result != G_POLLABLE_RETURN_OK || *n_read == 0)
    return result;

  *more = *n_read == count;
  if (target != NULL)
    {
      *answered = l_io_device_take_direct_read (self, *n_read);
      priv->n_arrivals++;
    }
  /* What nobody may read is thrown away. */
  else if ((priv->open_mode & L_OPEN_MODE_READ_ONLY) != 0 && !priv->input.discards)
    {
      l_buffer_append_borrowed (&priv->input.buffer, scratch->data, *n_read);
      scratch->borrower = self;
      priv->n_arrivals++;
      l_io_device_wake_input (self);
    }

  return result;
}

/* *more: there may be more to come at once. */
static GPollableReturn
receive_once (LIODevice  *self,
              Scratch    *scratch,
              gboolean    is_unlimited,
              gsize      *n_read,
              gboolean   *more,
              GError    **error)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GPollableReturn result = G_POLLABLE_RETURN_WOULD_BLOCK;
  LAsyncOperation *answered = NULL;
  gsize room;

  *n_read = 0;
  *more = FALSE;
  return_scratch (scratch);

  g_mutex_lock (&priv->input.lock);
  room = is_unlimited ? G_MAXSIZE : l_io_device_get_input_room (self);
  /* Nothing that comes after something that was thrown away is of any use. */
  if (room == 0 && priv->input.disregarded)
    priv->input.discards = TRUE;
  if (priv->input.discards)
    room = G_MAXSIZE;
  if (room > 0)
    result = read_once (self, scratch, room, n_read, more, &answered, error);
  g_mutex_unlock (&priv->input.lock);

  if (answered != NULL)
    {
      l_async_operation_return (answered);
      /* What nobody waits for has time until the next turn. */
      *more = *more && priv->read_operation != NULL;
    }
  return result;
}

void
l_io_device_flush_after_handler (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean is_due;

  g_mutex_lock (&output->lock);
  is_due = l_buffer_get_size (&output->buffer) > 0 && !output->blocked && output->opening_mode == L_OPEN_MODE_NOT_OPEN;
  g_mutex_unlock (&output->lock);

  if (is_due)
    l_io_device_flush (self);
}

/* Nothing more is told of the input, or of anything. */
static void
park (LIODevice *self,
      gboolean   input,
      gboolean   everything)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  g_mutex_lock (&priv->input.lock);
  priv->input.parked = input;
  l_io_device_update_input (self);
  g_mutex_unlock (&priv->input.lock);

  l_io_device_set_suspended (self, everything || priv->input.held);
}

/* Announces what was received, and after that what came meanwhile without being announced: also in the next session, when
 * a handler began one and ran its loop. */
static void
announce_input (LIODevice *self,
                Scratch   *scratch)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  priv->in_ready_read = TRUE;
  do
    {
      priv->ready_read_due = FALSE;
      l_io_device_emit_ready_read (self);
    }
  while (priv->ready_read_due && !priv->input.disregarded && l_io_device_get_bytes_available (self) > 0);
  priv->in_ready_read = FALSE;

  if (scratch->borrower == self)
    return_scratch (scratch);

  if (priv->input.parked || priv->condition.suspended || priv->input.buffer_size != 0)
    park (self, FALSE, FALSE);
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

  return priv->session == session && priv->read_operation == NULL && l_io_device_get_bytes_available (self) > 0;
}

/* FALSE: the session is over or does not receive any more. */
static gboolean
announce_and_check (LIODevice *self,
                    Scratch   *scratch)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  if (answer_reads (self))
    {
      if (priv->in_ready_read)
        priv->ready_read_due = TRUE;
      else
        announce_input (self, scratch);
    }
  else if (scratch->borrower == self)
    {
      return_scratch (scratch);
    }

  return priv->session == session && l_io_device_can_receive (self);
}

/* With an end all is read that the system holds. */
void
l_io_device_receive (LIODevice    *self,
                     GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gboolean is_end = (condition & (L_IO_RDHUP | G_IO_HUP | G_IO_ERR)) != 0;
  Scratch *scratch = get_scratch ();
  gboolean more = TRUE;

  for (guint n_reads = 0; is_end || (more && n_reads < MAX_READS); n_reads++)
    {
      guint n_arrivals = priv->n_arrivals;
      g_autoptr(GError) error = NULL;
      GPollableReturn result;
      gsize n_read;

      result = receive_once (self, scratch, is_end, &n_read, &more, &error);
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

      if (priv->n_arrivals != n_arrivals && !announce_and_check (self, scratch))
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
  GPollableReturn result;
  guint session = priv->session;
  gsize n_read;
  gboolean more;

  result = receive_once (self, get_scratch (), FALSE, &n_read, &more, NULL);
  if (n_read > 0 && answer_reads (self))
    priv->ready_read_due = TRUE;
  if (priv->session != session)
    return;

  park (self,
        (condition & L_IO_RDHUP) != 0 || (n_read == 0 && result != G_POLLABLE_RETURN_WOULD_BLOCK),
        (condition & (G_IO_HUP | G_IO_ERR)) != 0);
}

/* Receives what nobody waits for, and is told of only if the peer hangs up. */
static void
receive_disregarded (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  Scratch *scratch = get_scratch ();
  guint session = priv->session;
  gboolean more = TRUE;

  for (guint i = 0; more && i < MAX_READS && priv->session == session && l_io_device_is_disregarded (self); i++)
    {
      guint n_arrivals = priv->n_arrivals;
      g_autoptr(GError) error = NULL;
      GPollableReturn result;
      gsize n_read;

      result = receive_once (self, scratch, FALSE, &n_read, &more, &error);
      /* No handler takes it now, and the device may be gone before somebody else receives. */
      return_scratch (scratch);
      if (result == G_POLLABLE_RETURN_FAILED)
        l_io_device_get_funcs (self)->failed (self, error);
      /* That alone is no hang-up, and what is queued is still sent. */
      else if (result == G_POLLABLE_RETURN_OK && n_read == 0)
        l_io_device_end_input (self);
      else if (priv->n_arrivals != n_arrivals && answer_reads (self))
        priv->ready_read_due = TRUE;
    }
}

void
l_io_device_drain_input (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  Scratch *scratch = get_scratch ();
  gboolean more;
  gsize n_read;

  if (priv->ready_read_due)
    announce_and_check (self, scratch);

  while (priv->session == session && !priv->input.ended)
    {
      guint n_arrivals = priv->n_arrivals;

      if (receive_once (self, scratch, TRUE, &n_read, &more, NULL) != G_POLLABLE_RETURN_OK || n_read == 0)
        return;
      if (priv->n_arrivals != n_arrivals)
        announce_and_check (self, scratch);
    }
}

/* Output */

void
l_io_device_schedule_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->reactor == NULL || priv->output.flush_due || priv->output.opening_mode != L_OPEN_MODE_NOT_OPEN)
    return;

  priv->output.flush_due = TRUE;
  l_reactor_queue_task (priv->reactor, &priv->flush_task);
}

static void
schedule_flush (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  g_mutex_lock (&output->lock);
  l_io_device_schedule_flush (self);
  g_mutex_unlock (&output->lock);
}

/* With the output's lock held. */
static void
cancel_flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);

  if (priv->output.flush_due)
    l_reactor_cancel_task (priv->reactor, &priv->flush_task);
  priv->output.flush_due = FALSE;
}

GPollableReturn
l_io_device_push (LIODevice   *self,
                  const void  *data,
                  gsize        count,
                  gsize       *n_taken,
                  GError     **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result = G_POLLABLE_RETURN_OK;

  *n_taken = 0;
  while (l_buffer_get_size (&output->buffer) > 0 || count > *n_taken)
    {
      gsize n_queued = l_buffer_get_size (&output->buffer);
      GOutputVector vectors[MAX_VECTORS];
      gsize n_offered = 0, n_written = 0, n_from_queue;
      guint n_vectors;

      n_vectors = l_buffer_get_vectors (&output->buffer, vectors, MAX_VECTORS - 1);
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

      n_from_queue = l_buffer_skip (&output->buffer, n_written);
      *n_taken += n_written - n_from_queue;
      output->n_written += n_written;
      output->n_departures++;

      /* The system took a part: it is full, and asking again would tell just that. */
      if (n_written < n_offered)
        {
          result = G_POLLABLE_RETURN_WOULD_BLOCK;
          break;
        }
    }

  if (result == G_POLLABLE_RETURN_OK)
    result = l_io_device_get_funcs (self)->flush_data (self, error);

  output->blocked = result == G_POLLABLE_RETURN_WOULD_BLOCK;
  l_io_device_update_output (self);
  return result;
}

gsize
l_io_device_announce_output (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  gsize count, n_queued;

  g_mutex_lock (&priv->output.lock);
  count = priv->output.n_written;
  n_queued = l_buffer_get_size (&priv->output.buffer);
  /* Never recursively: whoever runs the handler looks again when it has returned. A loop that it runs looks before. */
  if (count > 0 && priv->in_bytes_written)
    l_io_device_schedule_flush (self);
  else
    priv->output.n_written = 0;
  g_mutex_unlock (&priv->output.lock);

  if (count == 0 || priv->in_bytes_written)
    return n_queued;

  priv->in_bytes_written = TRUE;
  l_io_device_emit_bytes_written (self, count);
  priv->in_bytes_written = FALSE;

  g_mutex_lock (&priv->output.lock);
  n_queued = l_buffer_get_size (&priv->output.buffer);
  if (priv->output.n_written > 0)
    l_io_device_schedule_flush (self);
  g_mutex_unlock (&priv->output.lock);

  return n_queued;
}

static void
tell_drained (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  GSList *tasks = g_steal_pointer (&priv->drain_tasks);

  l_io_device_get_funcs (self)->output_drained (self);
  if (tasks != NULL)
    l_io_device_return_drained (tasks);
}

/* n_departures: how many there were before. */
static GPollableReturn
push_queue (LIODevice  *self,
            guint      *n_departures,
            GError    **error)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  GPollableReturn result;
  gsize n_taken;

  g_mutex_lock (&output->lock);
  if (n_departures != NULL)
    *n_departures = output->n_departures;
  cancel_flush (self);
  result = l_io_device_push (self, NULL, 0, &n_taken, error);
  g_mutex_unlock (&output->lock);

  return result;
}

/* Nothing is queued or under way, nothing is left to tell. n_departures: how many there were. */
static gboolean
is_drained (LIODevice *self,
            guint     *n_departures)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean drained;

  g_mutex_lock (&output->lock);
  *n_departures = output->n_departures;
  drained = l_buffer_get_size (&output->buffer) == 0 && output->n_written == 0 && !output->blocked;
  g_mutex_unlock (&output->lock);

  return drained;
}

/* Sends what is queued, tells, sends what the handlers wrote, and if nothing is left tells the subclass. TRUE if bytes
 * went. */
static gboolean
flush (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;
  guint n_before, n_after;
  g_autoptr(GError) error = NULL;
  GPollableReturn result;
  gboolean drained;
  gsize n_queued;

  result = push_queue (self, &n_before, &error);
  n_queued = l_io_device_announce_output (self);

  if (priv->session == session && result == G_POLLABLE_RETURN_OK && n_queued > 0)
    {
      result = push_queue (self, NULL, &error);
      schedule_flush (self);
    }
  if (priv->session == session && result != G_POLLABLE_RETURN_FAILED)
    l_io_device_announce_room (self);

  drained = is_drained (self, &n_after);
  if (priv->session == session && result == G_POLLABLE_RETURN_FAILED)
    l_io_device_get_funcs (self)->failed (self, error);
  else if (priv->session == session && drained)
    tell_drained (self);

  return n_after != n_before;
}

gboolean
l_io_device_flush (LIODevice *self)
{
  if (l_io_device_get_private (self)->output.opening_mode != L_OPEN_MODE_NOT_OPEN)
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
  gboolean is_untold;

  l_io_device_flush (self);
  if (priv->session != session || !priv->in_bytes_written)
    return;

  g_mutex_lock (&priv->output.lock);
  cancel_flush (self);
  is_untold = l_buffer_get_size (&priv->output.buffer) == 0 && priv->output.n_written > 0 && !priv->output.blocked;
  g_mutex_unlock (&priv->output.lock);

  if (is_untold)
    l_io_device_get_funcs (self)->output_drained (self);
}

guint
l_io_device_get_departures (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  guint n_departures;

  g_mutex_lock (&output->lock);
  n_departures = output->n_departures;
  g_mutex_unlock (&output->lock);

  return n_departures;
}

gboolean
l_io_device_is_blocked (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gboolean blocked;

  g_mutex_lock (&output->lock);
  blocked = output->blocked;
  g_mutex_unlock (&output->lock);

  return blocked;
}

void
l_io_device_handle_input (LIODevice    *self,
                          GIOCondition  condition)
{
  if (condition == 0)
    return;

  if (l_io_device_can_receive (self))
    l_io_device_receive (self, condition);
  else if ((condition & (G_IO_HUP | G_IO_ERR)) != 0)
    l_io_device_get_funcs (self)->input_ended (self, condition);
  else
    receive_disregarded (self);
}

/* The system takes something again. */
static void
handle_output (LIODevice *self)
{
  if (l_io_device_is_blocked (self))
    l_io_device_flush_in_turn (self);
  l_io_device_answer_write (self);
}

void
l_io_device_dispatch (LIODevice    *self,
                      GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  if (priv->in_ready_read && l_io_device_can_receive (self) && (condition & ~G_IO_OUT) != 0)
    receive_silently (self, condition & ~G_IO_OUT);
  else
    l_io_device_handle_input (self, condition & ~G_IO_OUT);

  if ((condition & G_IO_OUT) != 0 && priv->session == session)
    handle_output (self);
}
