/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* The movement of bytes from the system into the input buffer, with the signals that announce it: inside the loop's
 * dispatch and inside waits.
 *
 * After each emission anything may have happened: the device may have been closed, connected again and disposed of.
 * priv->session tells; whoever emits holds a reference. */

/* What one read takes at most, and how often one dispatch reads while that much comes. */
#define SCRATCH_SIZE (256 * 1024)
#define MAX_READS 8

/* No more comes than what the system holds. */
#define END_CONDITION (L_IO_RDHUP | G_IO_HUP | G_IO_ERR)

/* The kernel's own memory lies in whole pages, and some processors copy at half the speed to an address a little further
 * into its page than the source is: just where malloc() puts what is large. */
#define SCRATCH_ALIGNMENT 4096

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
answer_reads (LIODevice *self,
              Scratch   *scratch)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  guint session = priv->session;

  if (priv->read_operation == NULL && scratch->borrower == self)
    return TRUE;

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

  if (answer_reads (self, scratch))
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
  gboolean is_end = (condition & END_CONDITION) != 0;
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
  Scratch *scratch = get_scratch ();
  GPollableReturn result;
  gboolean is_end = (condition & END_CONDITION) != 0;
  guint session = priv->session;
  gsize n_read;
  gboolean more;

  /* With an end all is read that the system holds, also here. */
  do
    {
      result = receive_once (self, scratch, is_end, &n_read, &more, NULL);
      if (n_read > 0 && answer_reads (self, scratch))
        priv->ready_read_due = TRUE;
      if (priv->session != session)
        return;
    }
  while (is_end && n_read > 0 && l_io_device_can_receive (self));

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
      else if (priv->n_arrivals != n_arrivals && answer_reads (self, scratch))
        priv->ready_read_due = TRUE;
    }
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

/* From the loop, also from the one that a handler of ready-read runs. */
void
l_io_device_receive_in_turn (LIODevice    *self,
                             GIOCondition  condition)
{
  if (condition != 0 && l_io_device_get_private (self)->in_ready_read && l_io_device_can_receive (self))
    receive_silently (self, condition);
  else
    l_io_device_handle_input (self, condition);
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
