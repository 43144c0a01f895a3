/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pattern.h"

#include <string.h>

/* A prime, so that no power of two that gets lost or doubled goes unnoticed. */
#define PERIOD 1048573

static const guint8 *
get_period (void)
{
  static guint8 period[PERIOD];
  static gsize made = 0;

  if (g_once_init_enter (&made))
    {
      guint32 state = 2463534242;

      for (gsize i = 0; i < PERIOD; i++)
        {
          state ^= state << 13;
          state ^= state >> 17;
          state ^= state << 5;
          period[i] = (guint8) (state >> 8);
        }
      g_once_init_leave (&made, 1);
    }

  return period;
}

void
test_pattern_fill (void    *buffer,
                   guint64  offset,
                   gsize    count)
{
  const guint8 *period = get_period ();
  guint8 *bytes = buffer;

  while (count > 0)
    {
      gsize place = offset % PERIOD;
      gsize n = MIN (count, PERIOD - place);

      memcpy (bytes, period + place, n);
      bytes += n;
      offset += n;
      count -= n;
    }
}

void
test_pattern_assert (const void *buffer,
                     guint64     offset,
                     gsize       count)
{
  const guint8 *period = get_period ();
  const guint8 *bytes = buffer;

  while (count > 0)
    {
      gsize place = offset % PERIOD;
      gsize n = MIN (count, PERIOD - place);

      if (memcmp (bytes, period + place, n) != 0)
        g_error ("other bytes than expected between %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT, offset, offset + n);
      bytes += n;
      offset += n;
      count -= n;
    }
}

/* The source */

typedef struct
{
  GInputStream parent_instance;

  gboolean pollable;
  guint64  size;
  guint64  offset;
} PatternSource;

typedef GInputStreamClass PatternSourceClass;

static void pattern_source_pollable_init (GPollableInputStreamInterface *iface);
GType pattern_source_get_type (void);

G_DEFINE_TYPE_WITH_CODE (PatternSource, pattern_source, G_TYPE_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, pattern_source_pollable_init))

static gssize
pattern_source_read (GInputStream  *stream,
                     void          *buffer,
                     gsize          count,
                     GCancellable  *cancellable,
                     GError       **error)
{
  PatternSource *self = (PatternSource *) stream;
  gsize n = (gsize) MIN (count, self->size - self->offset);

  test_pattern_fill (buffer, self->offset, n);
  self->offset += n;
  return n;
}

static gboolean
pattern_source_can_poll (GPollableInputStream *stream)
{
  return ((PatternSource *) stream)->pollable;
}

static gboolean
pattern_source_is_readable (GPollableInputStream *stream)
{
  return TRUE;
}

static GSource *
pattern_source_create_source (GPollableInputStream *stream,
                              GCancellable         *cancellable)
{
  /* Nobody has to wait. */
  return g_pollable_source_new (G_OBJECT (stream));
}

static void
pattern_source_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->can_poll = pattern_source_can_poll;
  iface->is_readable = pattern_source_is_readable;
  iface->create_source = pattern_source_create_source;
}

static void
pattern_source_class_init (PatternSourceClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = pattern_source_read;
}

static void
pattern_source_init (PatternSource *self)
{
}

GInputStream *
test_pattern_source_new (guint64  size,
                         gboolean pollable)
{
  PatternSource *self = g_object_new (pattern_source_get_type (), NULL);

  self->size = size;
  self->pollable = pollable;
  return G_INPUT_STREAM (self);
}

/* The sink */

typedef struct
{
  GOutputStream parent_instance;

  gboolean pollable;
  guint64  offset;
} PatternSink;

typedef GOutputStreamClass PatternSinkClass;

static void pattern_sink_pollable_init (GPollableOutputStreamInterface *iface);
GType pattern_sink_get_type (void);

G_DEFINE_TYPE_WITH_CODE (PatternSink, pattern_sink, G_TYPE_OUTPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, pattern_sink_pollable_init))

static gssize
pattern_sink_write (GOutputStream  *stream,
                    const void     *buffer,
                    gsize           count,
                    GCancellable   *cancellable,
                    GError        **error)
{
  PatternSink *self = (PatternSink *) stream;

  test_pattern_assert (buffer, self->offset, count);
  self->offset += count;
  return count;
}

static gboolean
pattern_sink_can_poll (GPollableOutputStream *stream)
{
  return ((PatternSink *) stream)->pollable;
}

static gboolean
pattern_sink_is_writable (GPollableOutputStream *stream)
{
  return TRUE;
}

static GSource *
pattern_sink_create_source (GPollableOutputStream *stream,
                            GCancellable          *cancellable)
{
  /* Nobody has to wait. */
  return g_pollable_source_new (G_OBJECT (stream));
}

static void
pattern_sink_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->can_poll = pattern_sink_can_poll;
  iface->is_writable = pattern_sink_is_writable;
  iface->create_source = pattern_sink_create_source;
}

static void
pattern_sink_class_init (PatternSinkClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = pattern_sink_write;
}

static void
pattern_sink_init (PatternSink *self)
{
}

GOutputStream *
test_pattern_sink_new (gboolean pollable)
{
  PatternSink *self = g_object_new (pattern_sink_get_type (), NULL);

  self->pollable = pollable;
  return G_OUTPUT_STREAM (self);
}

guint64
test_pattern_sink_get_count (GOutputStream *sink)
{
  return ((PatternSink *) sink)->offset;
}
