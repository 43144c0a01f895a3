/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"
#include "test-pattern.h"

#define MAGIC 0x6b616f73

/* How much waits to be written, at most. */
#define QUEUE (128 * 1024)
#define PIECE (32 * 1024)

const char *
soak_kind_get_name (SoakKind kind)
{
  static const char * const names[] = {
    "both", "upload", "download", "half-close", "slow", "silent", "abort", "cut",
  };

  return kind < SOAK_N_KINDS ? names[kind] : "unknown";
}

gboolean
soak_kind_is_sudden (SoakKind kind)
{
  return kind == SOAK_SILENT || kind == SOAK_ABORT || kind == SOAK_CUT;
}

void
soak_flow_init (SoakFlow  *self,
                LIODevice *device)
{
  *self = (SoakFlow) { .device = device };
}

void
soak_flow_begin (SoakFlow *self,
                 SoakKind  kind,
                 guint64   size,
                 guint64   wanted)
{
  self->out = (SoakHeader) {
    .magic = MAGIC, .kind = kind, .size = size, .wanted = wanted, .place = g_random_int (),
  };
}

void
soak_flow_push (SoakFlow *self)
{
  static guint8 piece[PIECE];

  if (self->out.magic == 0 || !l_io_device_is_writable (self->device))
    return;

  if (!self->begun)
    {
      if (l_io_device_write (self->device, &self->out, sizeof self->out, NULL) != sizeof self->out)
        g_error ("the header was not taken");
      self->begun = TRUE;
    }

  while (self->n_out < self->out.size && l_io_device_get_bytes_to_write (self->device) < QUEUE)
    {
      gsize count = MIN (PIECE, self->out.size - self->n_out);

      test_pattern_fill (piece, self->out.place + self->n_out, count);
      if (l_io_device_write (self->device, piece, count, NULL) != (gssize) count)
        g_error ("a write was not taken");
      self->n_out += count;
      soak_counts.n_sent += count;
    }
}

void
soak_flow_pull (SoakFlow *self,
                gsize     max_count)
{
  static guint8 piece[PIECE];
  gssize count;

  if (!self->answered)
    {
      if (l_io_device_get_bytes_available (self->device) < sizeof self->in ||
          l_io_device_read (self->device, &self->in, sizeof self->in, NULL) != sizeof self->in)
        return;
      if (self->in.magic != MAGIC || self->in.kind >= SOAK_N_KINDS)
        g_error ("the other end does not begin with a header");
      self->answered = TRUE;
    }

  while (max_count > 0 && (count = l_io_device_read (self->device, piece, MIN (max_count, sizeof piece), NULL)) > 0)
    {
      if ((guint64) count > self->in.size - self->n_in)
        g_error ("more came than was promised");
      test_pattern_assert (piece, self->in.place + self->n_in, count);
      self->n_in += count;
      soak_counts.n_received += count;
      max_count -= count;
    }
}

gboolean
soak_flow_is_sent (const SoakFlow *self)
{
  return self->begun && self->n_out == self->out.size;
}

gboolean
soak_flow_is_received (const SoakFlow *self)
{
  return self->answered && self->n_in == self->in.size;
}
