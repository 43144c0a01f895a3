/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* What a device waits for, and whom it calls when that has come. */

/* How much is kept, without a limit of the program's, of what nobody waits for any more. */
#define MAX_DISREGARDED (64 * 1024)

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

  l_io_device_receive_in_turn (self, condition & ~G_IO_OUT);

  if ((condition & G_IO_OUT) != 0 && priv->session == session)
    handle_output (self);
}
