/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <string.h>

#include "l-buffer-private.h"

/* From here on a reference costs less than a copy. */
#define REFERENCE_SIZE (16 * 1024)

/* What a chunk takes of the heap, with its header and what malloc() notes: a buffer that holds a few small messages
 * stays small, one that grows does so in long steps. */
#define FIRST_CHUNK_SIZE (4 * 1024)
#define CHUNK_SIZE       (64 * 1024)
#define MALLOC_OVERHEAD  (2 * sizeof (gpointer))
#define FIRST_CAPACITY   (FIRST_CHUNK_SIZE - sizeof (LBufferChunk) - MALLOC_OVERHEAD)

typedef enum
{
  CHUNK_OWN,
  CHUNK_REFERENCE,
  CHUNK_BORROWED,
} ChunkKind;

struct _LBufferChunk
{
  LBufferChunk *next;  /* (owned) (nullable) */
  LBufferChunk *prev;  /* (unowned) (nullable) */
  guint8       *data;  /* the first byte that is left; written to in an own chunk only */
  gsize         size;  /* bytes that are left, never 0 in a buffer */
  gsize         room;  /* free bytes behind them, 0 unless it is an own chunk */
  GBytes       *bytes; /* (owned) (nullable), of a reference */
  ChunkKind     kind;
  gsize         capacity;
  guint8        storage[];
};

/* What this thread gave up last: messages come and go one by one, and need no other chunks. */
typedef struct
{
  LBufferChunk *bare;  /* (owned) (nullable): without storage */
  LBufferChunk *first; /* (owned) (nullable): the small one */
} Spares;

static void
free_spares (gpointer data)
{
  Spares *spares = data;

  g_free (spares->bare);
  g_free (spares->first);
  g_free (spares);
}

static GPrivate spares_key = G_PRIVATE_INIT (free_spares);

/* Where one of that capacity may lie; NULL: none does. */
static LBufferChunk **
get_spare (gsize capacity)
{
  Spares *spares;

  if (capacity != 0 && capacity != FIRST_CAPACITY)
    return NULL;

  spares = g_private_get (&spares_key);
  if (G_UNLIKELY (spares == NULL))
    {
      spares = g_new0 (Spares, 1);
      g_private_set (&spares_key, spares);
    }

  return capacity == 0 ? &spares->bare : &spares->first;
}

static LBufferChunk *
chunk_alloc (gsize capacity)
{
  LBufferChunk **spare = get_spare (capacity);
  LBufferChunk *chunk;

  if (spare != NULL && *spare != NULL)
    return g_steal_pointer (spare);

  chunk = g_malloc (sizeof (LBufferChunk) + capacity);
  chunk->capacity = capacity;
  return chunk;
}

static LBufferChunk *
chunk_new (ChunkKind   kind,
           gsize       capacity,
           const void *data,
           gsize       size)
{
  LBufferChunk *chunk = NULL;

  g_assert (capacity <= G_MAXSSIZE - sizeof (LBufferChunk));

  chunk = chunk_alloc (capacity);
  chunk->next = NULL;
  chunk->prev = NULL;
  chunk->data = (kind == CHUNK_OWN) ? chunk->storage : (guint8 *) data;
  chunk->size = size;
  chunk->room = 0;
  chunk->bytes = NULL;
  chunk->kind = kind;
  return chunk;
}

static void
chunk_free (LBufferChunk *chunk)
{
  LBufferChunk **spare = get_spare (chunk->capacity);

  g_clear_pointer (&chunk->bytes, g_bytes_unref);
  if (spare != NULL && *spare == NULL)
    *spare = chunk;
  else
    g_free (chunk);
}

static gsize
get_capacity (gsize chunk_size,
              gsize needed)
{
  return MAX (chunk_size - sizeof (LBufferChunk) - MALLOC_OVERHEAD, needed);
}

static void
link_tail (LBuffer      *self,
           LBufferChunk *chunk)
{
  chunk->prev = self->tail;
  if (self->tail != NULL)
    self->tail->next = chunk;
  else
    self->head = chunk;
  self->tail = chunk;
  self->size += chunk->size;
}

static void
link_head (LBuffer      *self,
           LBufferChunk *chunk)
{
  chunk->next = self->head;
  if (self->head != NULL)
    self->head->prev = chunk;
  else
    self->tail = chunk;
  self->head = chunk;
  self->size += chunk->size;
}

static void
remove_head (LBuffer *self)
{
  LBufferChunk *chunk = self->head;

  self->size -= chunk->size;
  self->head = chunk->next;
  if (self->head != NULL)
    self->head->prev = NULL;
  else
    self->tail = NULL;
  chunk_free (chunk);
}

static inline void
fill_tail (LBuffer    *self,
           const void *data,
           gsize       count)
{
  LBufferChunk *tail = self->tail;

  memcpy (tail->data + tail->size, data, count);
  tail->size += count;
  tail->room -= count;
  self->size += count;
}

/* A run of own chunks begins with a small one, so that a header between two references does not take 64 KiB. */
static void
append_chunk (LBuffer    *self,
              const void *data,
              gsize       count)
{
  gboolean grows = self->tail != NULL && self->tail->kind == CHUNK_OWN;
  gsize capacity = get_capacity (grows ? CHUNK_SIZE : FIRST_CHUNK_SIZE, count);
  LBufferChunk *chunk = chunk_new (CHUNK_OWN, capacity, NULL, count);

  memcpy (chunk->data, data, count);
  chunk->room = capacity - count;
  link_tail (self, chunk);
}

static G_GNUC_NO_INLINE void
append_slowly (LBuffer    *self,
               const void *data,
               gsize       count)
{
  gsize first = 0;

  l_buffer_keep (self);

  if (self->tail != NULL && self->tail->room > 0)
    {
      first = MIN (self->tail->room, count);
      fill_tail (self, data, first);
    }

  if (first < count)
    append_chunk (self, (const guint8 *) data + first, count - first);
}

/* The chunk that holds the byte at *offset, which is counted from that chunk on afterwards; NULL behind the end. */
static LBufferChunk *
find_chunk (const LBuffer *self,
            gsize         *offset)
{
  LBufferChunk *chunk = self->head;

  if (*offset >= self->size)
    return NULL;

  while (*offset >= chunk->size)
    {
      *offset -= chunk->size;
      chunk = chunk->next;
    }

  return chunk;
}

static gsize
cut_count (const LBuffer *self,
           gsize          offset,
           gsize          count)
{
  return (offset < self->size) ? MIN (count, self->size - offset) : 0;
}

void
l_buffer_clear (LBuffer *self)
{
  while (self->head != NULL)
    remove_head (self);
}

void
l_buffer_append (LBuffer    *self,
                 const void *data,
                 gsize       count)
{
  if (count == 0)
    return;

  /* No other chunk than an own one has room. */
  if (G_LIKELY (self->tail != NULL && count <= self->tail->room))
    fill_tail (self, data, count);
  else
    append_slowly (self, data, count);
}

void
l_buffer_append_bytes (LBuffer *self,
                       GBytes  *bytes)
{
  gsize size = 0;
  const void *data = g_bytes_get_data (bytes, &size);
  LBufferChunk *chunk = NULL;

  if (size < REFERENCE_SIZE)
    {
      l_buffer_append (self, data, size);
      return;
    }

  l_buffer_keep (self);
  chunk = chunk_new (CHUNK_REFERENCE, 0, data, size);
  chunk->bytes = g_bytes_ref (bytes);
  link_tail (self, chunk);
}

void
l_buffer_append_borrowed (LBuffer    *self,
                          const void *data,
                          gsize       count)
{
  g_assert (self->tail == NULL || self->tail->kind != CHUNK_BORROWED);

  if (count > 0)
    link_tail (self, chunk_new (CHUNK_BORROWED, 0, data, count));
}

void
l_buffer_keep (LBuffer *self)
{
  LBufferChunk *borrowed = self->tail;

  if (borrowed == NULL || borrowed->kind != CHUNK_BORROWED)
    return;

  self->size -= borrowed->size;
  self->tail = borrowed->prev;
  if (self->tail != NULL)
    self->tail->next = NULL;
  else
    self->head = NULL;

  l_buffer_append (self, borrowed->data, borrowed->size);
  chunk_free (borrowed);
}

void
l_buffer_prepend (LBuffer    *self,
                  const void *data,
                  gsize       count)
{
  LBufferChunk *head = self->head;
  gsize capacity;

  if (count == 0)
    return;

  if (head != NULL && head->kind == CHUNK_OWN && count <= (gsize) (head->data - head->storage))
    {
      head->data -= count;
      head->size += count;
      self->size += count;
      memcpy (head->data, data, count);
      return;
    }

  /* The bytes go to its end: who puts back one often puts back more. */
  capacity = get_capacity (FIRST_CHUNK_SIZE, count);
  head = chunk_new (CHUNK_OWN, capacity, NULL, count);
  head->data += capacity - count;
  memcpy (head->data, data, count);
  link_head (self, head);
}

gsize
l_buffer_peek (const LBuffer *self,
               gsize          offset,
               void          *dest,
               gsize          count)
{
  guint8 *end = dest;
  gsize left = cut_count (self, offset, count);
  gsize total = left;
  LBufferChunk *chunk = find_chunk (self, &offset);

  for (; left > 0; chunk = chunk->next)
    {
      gsize n_bytes = MIN (left, chunk->size - offset);

      memcpy (end, chunk->data + offset, n_bytes);
      end += n_bytes;
      left -= n_bytes;
      offset = 0;
    }

  return total;
}

GBytes *
l_buffer_peek_bytes (const LBuffer *self,
                     gsize          offset,
                     gsize          count)
{
  gsize in_chunk = offset;
  LBufferChunk *chunk = find_chunk (self, &in_chunk);
  guint8 *copy = NULL;

  count = cut_count (self, offset, count);
  if (count == 0)
    return g_bytes_new_static (NULL, 0);

  if (chunk->kind == CHUNK_REFERENCE && count <= chunk->size - in_chunk)
    {
      const guint8 *start = g_bytes_get_data (chunk->bytes, NULL);

      return g_bytes_new_from_bytes (chunk->bytes, (gsize) (chunk->data - start) + in_chunk, count);
    }

  copy = g_malloc (count);
  l_buffer_peek (self, offset, copy, count);
  return g_bytes_new_take (copy, count);
}

gssize
l_buffer_find (const LBuffer *self,
               gsize          offset,
               guint8         byte)
{
  gsize in_chunk = offset;
  gsize start = offset;
  LBufferChunk *chunk = find_chunk (self, &in_chunk);

  /* start is the place of in_chunk, counted from the front of the buffer. */
  for (; chunk != NULL; chunk = chunk->next)
    {
      const guint8 *from = chunk->data + in_chunk;
      const guint8 *found = memchr (from, byte, chunk->size - in_chunk);

      if (found != NULL)
        return (gssize) (start + (gsize) (found - from));

      start += chunk->size - in_chunk;
      in_chunk = 0;
    }

  return -1;
}

guint
l_buffer_get_vectors (const LBuffer *self,
                      GOutputVector *vectors,
                      guint          max_vectors)
{
  LBufferChunk *chunk = self->head;
  guint n_vectors;

  for (n_vectors = 0; chunk != NULL && n_vectors < max_vectors; n_vectors++)
    {
      vectors[n_vectors].buffer = chunk->data;
      vectors[n_vectors].size = chunk->size;
      chunk = chunk->next;
    }

  return n_vectors;
}

gsize
l_buffer_skip (LBuffer *self,
               gsize    count)
{
  gsize total = MIN (count, self->size);
  gsize left = total;

  while (left > 0 && left >= self->head->size)
    {
      left -= self->head->size;
      remove_head (self);
    }

  if (left > 0)
    {
      self->head->data += left;
      self->head->size -= left;
      self->size -= left;
    }

  return total;
}
