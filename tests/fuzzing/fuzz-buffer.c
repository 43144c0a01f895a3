/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz.h"

#include "lsocket/l-buffer-private.h"

/* Operations of a buffer, against a GByteArray. The input: operations, each with its numbers. */

#define MAX_SIZE    (256 * 1024)
#define PERIOD      8191 /* of the pattern */
#define MAX_VECTORS 8
#define N_HELD      4

/* Bytes that differ from their neighbours, more than one operation takes. */
static guint8 pattern[PERIOD + 64 * 1024 + 256];

typedef struct
{
  LBuffer     buffer;
  GByteArray *model;
  guint64     place;        /* of the next byte in the pattern */
  guint8     *borrowed;     /* (owned) (nullable): what the buffer may still point to */

  /* What was looked at stays as it was, whatever becomes of the buffer. */
  GBytes     *held[N_HELD]; /* (owned) (nullable) */
  GBytes     *copies[N_HELD];
  guint       n_held;
} Case;

typedef enum
{
  APPEND,
  APPEND_BYTES,
  APPEND_BORROWED,
  KEEP,
  PREPEND,
  PEEK,
  PEEK_BYTES,
  FIND,
  GET_VECTORS,
  SKIP,
  CLEAR,
  N_OPERATIONS,
} Operation;

/* Small ones, and those around the sizes of chunks and references; none when the case has become large. */
static gsize
read_size (Case      *self,
           FuzzInput *input)
{
  static const guint bases[] = { 0, 256, 4 * 1024 - 128, 16 * 1024 - 128, 64 * 1024 - 128, 0, 0, 0 };
  gsize size = bases[fuzz_input_byte (input) % G_N_ELEMENTS (bases)] + fuzz_input_byte (input);

  return self->model->len + size <= MAX_SIZE ? size : 0;
}

static guint
read_offset (Case      *self,
             FuzzInput *input)
{
  return fuzz_input_short (input) % (self->model->len + 2);
}

static guint8 *
make_bytes (Case  *self,
            gsize  count)
{
  guint8 *bytes = g_malloc (count + 1);

  memcpy (bytes, pattern + self->place % PERIOD, count);
  self->place += count;
  return bytes;
}

static void
append (Case *self,
        gsize count)
{
  g_autofree guint8 *bytes = make_bytes (self, count);

  l_buffer_append (&self->buffer, bytes, count);
  g_byte_array_append (self->model, bytes, count);
  if (count > 0)
    g_clear_pointer (&self->borrowed, g_free);
}

static void
append_bytes (Case *self,
              gsize count)
{
  g_autoptr(GBytes) bytes = g_bytes_new_take (make_bytes (self, count), count);

  l_buffer_append_bytes (&self->buffer, bytes);
  g_byte_array_append (self->model, g_bytes_get_data (bytes, NULL), count);
  if (count > 0)
    g_clear_pointer (&self->borrowed, g_free);
}

static void
keep (Case *self)
{
  l_buffer_keep (&self->buffer);
  g_clear_pointer (&self->borrowed, g_free);
}

static void
append_borrowed (Case *self,
                 gsize count)
{
  keep (self);
  self->borrowed = make_bytes (self, count);
  l_buffer_append_borrowed (&self->buffer, self->borrowed, count);
  g_byte_array_append (self->model, self->borrowed, count);
}

static void
prepend (Case *self,
         gsize count)
{
  g_autofree guint8 *bytes = make_bytes (self, count);

  l_buffer_prepend (&self->buffer, bytes, count);
  g_byte_array_prepend (self->model, bytes, count);
}

/* How many bytes there are of so many after the offset. */
static gsize
cut (Case *self,
     gsize offset,
     gsize count)
{
  return offset < self->model->len ? MIN (count, self->model->len - offset) : 0;
}

static void
peek (Case *self,
      gsize offset,
      gsize count)
{
  g_autofree guint8 *copy = g_malloc (cut (self, offset, count) + 1);

  g_assert_cmpuint (l_buffer_peek (&self->buffer, offset, copy, count), ==, cut (self, offset, count));
  g_assert_cmpmem (copy, cut (self, offset, count), self->model->data + offset, cut (self, offset, count));
}

static void
check_held (Case *self)
{
  for (guint i = 0; i < N_HELD; i++)
    g_assert_true (self->held[i] == NULL || g_bytes_equal (self->held[i], self->copies[i]));
}

static void
release_held (Case *self,
              guint i)
{
  g_clear_pointer (&self->held[i], g_bytes_unref);
  g_clear_pointer (&self->copies[i], g_bytes_unref);
}

static void
peek_bytes (Case *self,
            gsize offset,
            gsize count)
{
  guint i = self->n_held++ % N_HELD;

  release_held (self, i);
  self->held[i] = l_buffer_peek_bytes (&self->buffer, offset, count);
  self->copies[i] = g_bytes_new (self->model->data + offset, cut (self, offset, count));
}

static void
find (Case  *self,
      gsize  offset,
      guint8 byte)
{
  const guint8 *found = memchr (self->model->data + offset, byte, cut (self, offset, G_MAXSIZE));

  g_assert_cmpint (l_buffer_find (&self->buffer, offset, byte), ==, found != NULL ? found - self->model->data : -1);
}

static void
get_vectors (Case *self,
             guint max_vectors)
{
  GOutputVector vectors[MAX_VECTORS];
  guint n_vectors = l_buffer_get_vectors (&self->buffer, vectors, max_vectors);
  gsize total = 0;

  g_assert_cmpuint (n_vectors, <=, max_vectors);
  for (guint i = 0; i < n_vectors; i++)
    {
      g_assert_cmpuint (vectors[i].size, >, 0);
      g_assert_cmpuint (total + vectors[i].size, <=, self->model->len);
      g_assert_cmpmem (vectors[i].buffer, vectors[i].size, self->model->data + total, vectors[i].size);
      total += vectors[i].size;
    }
  if (n_vectors < max_vectors)
    g_assert_cmpuint (total, ==, self->model->len);
}

static void
skip (Case *self,
      gsize count)
{
  gsize expected = cut (self, 0, count);

  g_assert_cmpuint (l_buffer_skip (&self->buffer, count), ==, expected);
  g_byte_array_remove_range (self->model, 0, expected);
  if (self->model->len == 0)
    g_clear_pointer (&self->borrowed, g_free);
}

static void
clear (Case *self)
{
  l_buffer_clear (&self->buffer);
  g_byte_array_set_size (self->model, 0);
  g_clear_pointer (&self->borrowed, g_free);
}

static void
run_operation (Case      *self,
               FuzzInput *input)
{
  gsize offset;

  switch ((Operation) (fuzz_input_byte (input) % N_OPERATIONS))
    {
    case APPEND:
      append (self, read_size (self, input));
      break;
    case APPEND_BYTES:
      append_bytes (self, read_size (self, input));
      break;
    case APPEND_BORROWED:
      append_borrowed (self, read_size (self, input));
      break;
    case KEEP:
      keep (self);
      break;
    case PREPEND:
      prepend (self, read_size (self, input));
      break;
    case PEEK:
      offset = read_offset (self, input);
      peek (self, offset, read_offset (self, input));
      break;
    case PEEK_BYTES:
      offset = read_offset (self, input);
      peek_bytes (self, offset, read_offset (self, input));
      break;
    case FIND:
      offset = read_offset (self, input);
      find (self, offset, fuzz_input_byte (input));
      break;
    case GET_VECTORS:
      get_vectors (self, fuzz_input_byte (input) % (MAX_VECTORS + 1));
      break;
    case SKIP:
      skip (self, read_offset (self, input));
      break;
    case CLEAR:
      clear (self);
      break;
    case N_OPERATIONS:
    default:
      g_assert_not_reached ();
    }

  g_assert_cmpuint (l_buffer_get_size (&self->buffer), ==, self->model->len);
  g_assert_true ((self->buffer.head == NULL) == (self->model->len == 0));
  g_assert_true ((self->buffer.tail == NULL) == (self->model->len == 0));
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  for (gsize i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) (i * 7 + i / 251);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  FuzzInput input = { data, size };
  g_autoptr(GByteArray) model = g_byte_array_sized_new (64);
  Case self = { .model = model };

  while (input.left > 0)
    run_operation (&self, &input);

  peek (&self, 0, G_MAXSIZE);
  get_vectors (&self, MAX_VECTORS);
  check_held (&self);
  clear (&self);
  check_held (&self);
  for (guint i = 0; i < N_HELD; i++)
    release_held (&self, i);
  return 0;
}
