/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _LBufferChunk LBufferChunk;

/* A queue of bytes in chunks. Small writes share a linear chunk at the tail, large ones stand in it by reference,
 * and a borrowed chunk (at most one, always the last) points to memory of somebody else until l_buffer_keep().
 * Not a GObject, no lock, no system call; an empty buffer owns no memory. All zero is an empty buffer. */
typedef struct
{
  LBufferChunk *head;  /* (owned) (nullable) */
  LBufferChunk *tail;  /* (unowned) (nullable) */
  gsize         size;  /* bytes in all chunks */
} LBuffer;

static inline gsize
l_buffer_get_size (const LBuffer *self)
{
  return self->size;
}

void    l_buffer_clear           (LBuffer       *self);

/* Adding at the end. */
void    l_buffer_append          (LBuffer       *self,
                                  const void    *data,
                                  gsize          count);
void    l_buffer_append_bytes    (LBuffer       *self,
                                  GBytes        *bytes);
void    l_buffer_append_borrowed (LBuffer       *self,
                                  const void    *data,
                                  gsize          count);

/* Copies what is left of a borrowed chunk into memory of the buffer's own. */
void    l_buffer_keep            (LBuffer       *self);

/* Adding in front. */
void    l_buffer_prepend         (LBuffer       *self,
                                  const void    *data,
                                  gsize          count);

/* Looking: count is cut to what is there after offset. */
gsize   l_buffer_peek            (const LBuffer *self,
                                  gsize          offset,
                                  void          *dest,
                                  gsize          count);
GBytes *l_buffer_peek_bytes      (const LBuffer *self,
                                  gsize          offset,
                                  gsize          count);

/* The place of the first such byte from offset on, counted from the front of the buffer, or -1. */
gssize  l_buffer_find            (const LBuffer *self,
                                  gsize          offset,
                                  guint8         byte);

/* Vectors for one sendmsg() or writev(), from the front; their number. */
guint   l_buffer_get_vectors     (const LBuffer *self,
                                  GOutputVector *vectors,
                                  guint          max_vectors);

/* Removing from the front: how many were removed. */
gsize   l_buffer_skip            (LBuffer       *self,
                                  gsize          count);

G_END_DECLS
