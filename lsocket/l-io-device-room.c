/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

/* Back-pressure: who was refused for want of room in the write buffer is told when there is some. Not at the first byte,
 * or a program would be woken for each: when half is free, and what was refused would fit. */

void
l_io_device_note_refusal (LIODevice *self,
                          gsize      wanted)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;
  gsize size = output->buffer_size;
  gsize mark = wanted <= size ? MIN (size / 2, size - wanted) : 0;

  output->room_mark = output->is_room_wanted ? MIN (output->room_mark, mark) : mark;
  output->is_room_wanted = TRUE;
}

void
l_io_device_renew_room (LIODevice *self)
{
  LIODeviceOutput *output = &l_io_device_get_private (self)->output;

  if (!output->is_room_wanted)
    return;

  output->room_mark = output->buffer_size == 0 ? G_MAXSIZE : output->buffer_size / 2;
  l_io_device_schedule_flush (self);
}

/* With the output's lock held. */
static gboolean
is_room (LIODeviceOutput *output)
{
  return output->is_room_wanted && output->open && l_buffer_get_size (&output->buffer) <= output->room_mark;
}

void
l_io_device_announce_room (LIODevice *self)
{
  LIODevicePrivate *priv = l_io_device_get_private (self);
  LIODeviceOutput *output = &priv->output;
  gboolean is_due;

  /* Never recursively: whoever runs the handler looks again when it has returned. */
  if (G_LIKELY (!output->is_room_wanted) || priv->in_writable)
    return;

  g_mutex_lock (&output->lock);
  is_due = is_room (output);
  output->is_room_wanted = output->is_room_wanted && !is_due;
  g_mutex_unlock (&output->lock);

  if (!is_due)
    return;

  priv->in_writable = TRUE;
  l_io_device_emit_writable (self);
  priv->in_writable = FALSE;

  g_mutex_lock (&output->lock);
  if (is_room (output))
    l_io_device_schedule_flush (self);
  g_mutex_unlock (&output->lock);
}
