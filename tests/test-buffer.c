/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <string.h>

#include "lsocket/l-buffer-private.h"

#define KIB            1024
#define REFERENCE_SIZE (16 * KIB)
#define MAX_VECTORS    64

/* Bytes that differ from their neighbours and from those a chunk earlier. */
static guint8 *
make_bytes (gsize count,
            guint first)
{
  guint8 *bytes = g_malloc (count + 1);

  for (gsize i = 0; i < count; i++)
    bytes[i] = (guint8) (first + i * 7 + i / 251);
  return bytes;
}

static void
append_string (LBuffer    *buffer,
               const char *string)
{
  l_buffer_append (buffer, string, strlen (string));
}

static void
append_filling (LBuffer *buffer,
                gsize    count,
                guint    first)
{
  g_autofree guint8 *bytes = make_bytes (count, first);

  l_buffer_append (buffer, bytes, count);
}

/* Checks every way of looking at the whole buffer against the bytes. */
static void
assert_content (const LBuffer *buffer,
                const void    *data,
                gsize          count)
{
  g_autofree guint8 *copy = g_malloc0 (count + 1);
  g_autoptr(GBytes) bytes = l_buffer_peek_bytes (buffer, 0, G_MAXSIZE);
  GOutputVector vectors[MAX_VECTORS];
  guint n_vectors = l_buffer_get_vectors (buffer, vectors, MAX_VECTORS);
  gsize total = 0;

  g_assert_cmpuint (l_buffer_get_size (buffer), ==, count);
  g_assert_cmpuint (l_buffer_peek (buffer, 0, copy, G_MAXSIZE), ==, count);
  g_assert_cmpmem (copy, count, data, count);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data, count);

  for (guint i = 0; i < n_vectors; i++)
    {
      g_assert_cmpuint (vectors[i].size, >, 0);
      g_assert_cmpmem (vectors[i].buffer, vectors[i].size, (const guint8 *) data + total, vectors[i].size);
      total += vectors[i].size;
    }
  if (n_vectors < MAX_VECTORS)
    g_assert_cmpuint (total, ==, count);

  g_assert_true ((buffer->head == NULL) == (count == 0));
  g_assert_true ((buffer->tail == NULL) == (count == 0));
}

static void
assert_string (const LBuffer *buffer,
               const char    *string)
{
  assert_content (buffer, string, strlen (string));
}

static guint
count_chunks (const LBuffer *buffer)
{
  GOutputVector vectors[MAX_VECTORS];
  guint n_vectors = l_buffer_get_vectors (buffer, vectors, MAX_VECTORS);

  g_assert_cmpuint (n_vectors, <, MAX_VECTORS);
  return n_vectors;
}

static void
set_flag (gpointer data)
{
  gboolean *flag = data;

  g_assert_false (*flag);
  *flag = TRUE;
}

static void
test_empty (void)
{
  LBuffer buffer = { NULL };
  guint8 byte = 42;

  assert_string (&buffer, "");
  g_assert_cmpuint (l_buffer_peek (&buffer, 0, &byte, 1), ==, 0);
  g_assert_cmpuint (l_buffer_peek (&buffer, 9, &byte, 1), ==, 0);
  g_assert_cmpuint (byte, ==, 42);
  g_assert_cmpint (l_buffer_find (&buffer, 0, 0), ==, -1);
  g_assert_cmpuint (l_buffer_skip (&buffer, 1), ==, 0);
  l_buffer_keep (&buffer);
  l_buffer_clear (&buffer);
  assert_string (&buffer, "");
}

static void
test_nothing (void)
{
  LBuffer buffer = { NULL };
  g_autoptr(GBytes) none = g_bytes_new (NULL, 0);

  g_test_summary ("Adding no bytes takes no memory, whatever the pointer");

  l_buffer_append (&buffer, NULL, 0);
  l_buffer_append (&buffer, "x", 0);
  l_buffer_append_bytes (&buffer, none);
  l_buffer_append_borrowed (&buffer, NULL, 0);
  l_buffer_prepend (&buffer, NULL, 0);
  assert_string (&buffer, "");
}

static void
test_nothing_between (void)
{
  LBuffer buffer = { NULL };
  g_autoptr(GBytes) none = g_bytes_new (NULL, 0);

  append_string (&buffer, "ab");
  l_buffer_append (&buffer, NULL, 0);
  l_buffer_append_bytes (&buffer, none);
  l_buffer_append_borrowed (&buffer, NULL, 0);
  l_buffer_prepend (&buffer, NULL, 0);
  assert_string (&buffer, "ab");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_append_small (void)
{
  LBuffer buffer = { NULL };

  append_string (&buffer, "one ");
  append_string (&buffer, "two ");
  append_string (&buffer, "three");
  assert_string (&buffer, "one two three");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
  assert_string (&buffer, "");
}

static void
test_append_growth (void)
{
  LBuffer buffer = { NULL };
  GOutputVector vectors[4];
  g_autofree guint8 *bytes = make_bytes (100 * KIB, 1);

  g_test_summary ("A small first chunk, then large ones, each filled to its end");

  for (gsize i = 0; i < 100 * KIB; i++)
    l_buffer_append (&buffer, bytes + i, 1);

  assert_content (&buffer, bytes, 100 * KIB);
  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 4), ==, 3);
  g_assert_cmpuint (vectors[0].size, >, 4 * KIB - 128);
  g_assert_cmpuint (vectors[0].size, <, 4 * KIB);
  g_assert_cmpuint (vectors[1].size, >, 64 * KIB - 128);
  g_assert_cmpuint (vectors[1].size, <, 64 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_append_odd_sizes (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *bytes = make_bytes (200 * KIB, 5);
  gsize done = 0;

  for (gsize size = 1; done < 200 * KIB; size = size * 3 % 1009 + 1)
    {
      gsize n_bytes = MIN (size, 200 * KIB - done);

      l_buffer_append (&buffer, bytes + done, n_bytes);
      done += n_bytes;
    }

  assert_content (&buffer, bytes, 200 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_append_large (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *bytes = make_bytes (1000 * KIB, 2);

  g_test_summary ("A single large append stands in one chunk");

  l_buffer_append (&buffer, bytes, 1000 * KIB);
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  assert_content (&buffer, bytes, 1000 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_append_large_after_small (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *bytes = make_bytes (1000 * KIB, 3);

  g_test_summary ("The tail is filled first, the rest stands in one chunk");

  l_buffer_append (&buffer, bytes, 10);
  l_buffer_append (&buffer, bytes + 10, 1000 * KIB - 10);
  g_assert_cmpuint (count_chunks (&buffer), ==, 2);
  assert_content (&buffer, bytes, 1000 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_append_after_skip (void)
{
  LBuffer buffer = { NULL };

  append_string (&buffer, "abcdef");
  g_assert_cmpuint (l_buffer_skip (&buffer, 4), ==, 4);
  append_string (&buffer, "ghi");
  assert_string (&buffer, "efghi");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_clear_and_reuse (void)
{
  LBuffer buffer = { NULL };

  append_filling (&buffer, 300 * KIB, 0);
  l_buffer_clear (&buffer);
  assert_string (&buffer, "");
  append_string (&buffer, "again");
  assert_string (&buffer, "again");
  l_buffer_clear (&buffer);
}

static void
test_bytes_small (void)
{
  LBuffer buffer = { NULL };
  gboolean freed = FALSE;
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE - 1, 4);
  GBytes *bytes = g_bytes_new_with_free_func (data, REFERENCE_SIZE - 1, set_flag, &freed);

  g_test_summary ("Below 16 KiB bytes are copied");

  l_buffer_append_bytes (&buffer, bytes);
  g_bytes_unref (bytes);
  g_assert_true (freed);
  assert_content (&buffer, data, REFERENCE_SIZE - 1);
  l_buffer_clear (&buffer);
}

static void
test_bytes_large (void)
{
  LBuffer buffer = { NULL };
  gboolean freed = FALSE;
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 4);
  GBytes *bytes = g_bytes_new_with_free_func (data, REFERENCE_SIZE, set_flag, &freed);
  GOutputVector vector;

  g_test_summary ("From 16 KiB on they are held, and let go with their last byte");

  l_buffer_append_bytes (&buffer, bytes);
  g_bytes_unref (bytes);
  g_assert_false (freed);
  g_assert_cmpuint (l_buffer_get_vectors (&buffer, &vector, 1), ==, 1);
  g_assert_true (vector.buffer == data);

  g_assert_cmpuint (l_buffer_skip (&buffer, REFERENCE_SIZE - 1), ==, REFERENCE_SIZE - 1);
  g_assert_false (freed);
  g_assert_cmpuint (l_buffer_skip (&buffer, 1), ==, 1);
  g_assert_true (freed);
  assert_string (&buffer, "");
}

static void
test_bytes_clear (void)
{
  LBuffer buffer = { NULL };
  gboolean freed = FALSE;
  g_autofree guint8 *data = make_bytes (64 * KIB, 4);
  GBytes *bytes = g_bytes_new_with_free_func (data, 64 * KIB, set_flag, &freed);

  append_string (&buffer, "a");
  l_buffer_append_bytes (&buffer, bytes);
  append_string (&buffer, "b");
  g_bytes_unref (bytes);
  g_assert_false (freed);
  l_buffer_clear (&buffer);
  g_assert_true (freed);
}

static void
test_bytes_untouched (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 6);
  g_autofree guint8 *before = make_bytes (REFERENCE_SIZE, 6);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);

  g_test_summary ("Nothing is ever written into bytes that are held");

  l_buffer_append_bytes (&buffer, bytes);
  l_buffer_skip (&buffer, 100);
  l_buffer_prepend (&buffer, "front", 5);
  append_string (&buffer, "back");
  g_assert_cmpuint (count_chunks (&buffer), ==, 3);
  g_assert_cmpmem (data, REFERENCE_SIZE, before, REFERENCE_SIZE);
  g_assert_cmpuint (l_buffer_get_size (&buffer), ==, REFERENCE_SIZE - 100 + 9);
  l_buffer_clear (&buffer);
}

static void
test_bytes_before_small (void)
{
  LBuffer buffer = { NULL };
  GOutputVector vectors[3];
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 6);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);

  g_test_summary ("What follows a reference begins with a small chunk again");

  append_filling (&buffer, 6 * KIB, 1);
  l_buffer_append_bytes (&buffer, bytes);
  for (guint i = 0; i < 5 * KIB; i++)
    l_buffer_append (&buffer, "x", 1);

  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 3), ==, 3);
  g_assert_cmpuint (vectors[2].size, >, 4 * KIB - 128);
  g_assert_cmpuint (vectors[2].size, <, 4 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_bytes_twice (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 8);
  g_autofree guint8 *twice = g_malloc (2 * REFERENCE_SIZE);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);

  memcpy (twice, data, REFERENCE_SIZE);
  memcpy (twice + REFERENCE_SIZE, data, REFERENCE_SIZE);
  l_buffer_append_bytes (&buffer, bytes);
  l_buffer_append_bytes (&buffer, bytes);
  assert_content (&buffer, twice, 2 * REFERENCE_SIZE);
  l_buffer_clear (&buffer);
}

static void
test_borrowed (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";
  GOutputVector vectors[2];

  append_string (&buffer, "own ");
  l_buffer_append_borrowed (&buffer, memory, 8);
  assert_string (&buffer, "own borrowed");
  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 2), ==, 2);
  g_assert_true (vectors[1].buffer == memory);
  l_buffer_clear (&buffer);
}

static void
test_borrowed_drained (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  g_test_summary ("Borrowed memory that was read to its end is forgotten: the next can be borrowed");

  l_buffer_append_borrowed (&buffer, memory, 8);
  g_assert_cmpuint (l_buffer_skip (&buffer, 8), ==, 8);
  assert_string (&buffer, "");
  memset (memory, 'x', 8);
  l_buffer_keep (&buffer);
  assert_string (&buffer, "");
  l_buffer_append_borrowed (&buffer, memory, 4);
  assert_string (&buffer, "xxxx");
  l_buffer_clear (&buffer);
}

static void
test_borrowed_twice (void)
{
  if (g_test_subprocess ())
    {
      LBuffer buffer = { NULL };

      l_buffer_append_borrowed (&buffer, "a", 1);
      l_buffer_append_borrowed (&buffer, "b", 1);
      return;
    }

  /* As for the figures of the coverage. */
  if (g_getenv ("LSOCKET_TEST_UNCHECKED") != NULL)
    {
      g_test_skip ("the library is built without checks");
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*assertion failed*BORROWED*");
}

static void
test_keep (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  l_buffer_append_borrowed (&buffer, memory, 8);
  l_buffer_keep (&buffer);
  memset (memory, 'x', 8);
  assert_string (&buffer, "borrowed");
  l_buffer_keep (&buffer);
  assert_string (&buffer, "borrowed");
  l_buffer_clear (&buffer);
}

static void
test_keep_rest (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  l_buffer_append_borrowed (&buffer, memory, 8);
  g_assert_cmpuint (l_buffer_skip (&buffer, 5), ==, 5);
  l_buffer_keep (&buffer);
  memset (memory, 'x', 8);
  assert_string (&buffer, "wed");
  l_buffer_clear (&buffer);
}

static void
test_keep_joins_tail (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  g_test_summary ("What is kept goes where the tail before it has room");

  append_string (&buffer, "own ");
  l_buffer_append_borrowed (&buffer, memory, 8);
  l_buffer_keep (&buffer);
  memset (memory, 'x', 8);
  assert_string (&buffer, "own borrowed");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_keep_large (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *memory = make_bytes (256 * KIB, 9);
  g_autofree guint8 *bytes = make_bytes (256 * KIB, 9);

  l_buffer_append (&buffer, memory, 3);
  l_buffer_append_borrowed (&buffer, memory + 3, 256 * KIB - 3);
  l_buffer_keep (&buffer);
  memset (memory, 0, 256 * KIB);
  g_assert_cmpuint (count_chunks (&buffer), ==, 2);
  assert_content (&buffer, bytes, 256 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_keep_before_append (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  l_buffer_append_borrowed (&buffer, memory, 8);
  append_string (&buffer, " more");
  memset (memory, 'x', 8);
  assert_string (&buffer, "borrowed more");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_keep_before_bytes (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 1);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);
  g_autofree guint8 *expected = g_malloc (REFERENCE_SIZE + 8);

  memcpy (expected, "borrowed", 8);
  memcpy (expected + 8, data, REFERENCE_SIZE);
  l_buffer_append_borrowed (&buffer, memory, 8);
  l_buffer_append_bytes (&buffer, bytes);
  memset (memory, 'x', 8);
  assert_content (&buffer, expected, REFERENCE_SIZE + 8);
  l_buffer_clear (&buffer);
}

static void
test_prepend_empty (void)
{
  LBuffer buffer = { NULL };

  l_buffer_prepend (&buffer, "abc", 3);
  append_string (&buffer, "def");
  assert_string (&buffer, "abcdef");
  l_buffer_clear (&buffer);
}

static void
test_prepend_in_front (void)
{
  LBuffer buffer = { NULL };

  g_test_summary ("What was just read goes back to its place");

  append_string (&buffer, "abcdef");
  l_buffer_skip (&buffer, 3);
  l_buffer_prepend (&buffer, "ABC", 3);
  assert_string (&buffer, "ABCdef");
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_prepend_no_room (void)
{
  LBuffer buffer = { NULL };

  append_string (&buffer, "abcdef");
  l_buffer_skip (&buffer, 3);
  l_buffer_prepend (&buffer, "ABCD", 4);
  assert_string (&buffer, "ABCDdef");
  g_assert_cmpuint (count_chunks (&buffer), ==, 2);
  l_buffer_clear (&buffer);
}

static void
test_prepend_many (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *bytes = make_bytes (3000, 5);

  g_test_summary ("Bytes that are put back one by one share a chunk");

  for (gsize i = 3000; i > 0; i--)
    l_buffer_prepend (&buffer, bytes + i - 1, 1);
  assert_content (&buffer, bytes, 3000);
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_prepend_large (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *bytes = make_bytes (100 * KIB, 5);

  l_buffer_append (&buffer, bytes + 99 * KIB, KIB);
  l_buffer_prepend (&buffer, bytes, 99 * KIB);
  assert_content (&buffer, bytes, 100 * KIB);
  l_buffer_clear (&buffer);
}

static void
test_prepend_borrowed (void)
{
  LBuffer buffer = { NULL };
  char memory[] = "borrowed";

  g_test_summary ("Prepending leaves borrowed memory alone, and it stays the last");

  l_buffer_append_borrowed (&buffer, memory, 8);
  l_buffer_skip (&buffer, 2);
  l_buffer_prepend (&buffer, "XY", 2);
  assert_string (&buffer, "XYrrowed");
  g_assert_cmpstr (memory, ==, "borrowed");
  l_buffer_keep (&buffer);
  memset (memory, 'x', 8);
  assert_string (&buffer, "XYrrowed");
  l_buffer_clear (&buffer);
}

static void
test_peek_ranges (void)
{
  LBuffer buffer = { NULL };
  gsize size = 10 * KIB;
  g_autofree guint8 *bytes = make_bytes (size, 5);
  g_autofree guint8 *copy = g_malloc (size);

  g_test_summary ("Ranges around each border between chunks, cut to what is there");

  for (gsize done = 0; done < size; done += KIB)
    l_buffer_append (&buffer, bytes + done, KIB);

  for (gsize offset = 0; offset <= size + 2; offset += 61)
    for (gsize count = 0; count <= 2 * KIB; count += 501)
      {
        gsize expected = (offset < size) ? MIN (count, size - offset) : 0;
        g_autoptr(GBytes) range = l_buffer_peek_bytes (&buffer, offset, count);

        g_assert_cmpuint (l_buffer_peek (&buffer, offset, copy, count), ==, expected);
        g_assert_cmpuint (g_bytes_get_size (range), ==, expected);
        if (expected == 0)
          continue;
        g_assert_cmpmem (copy, expected, bytes + offset, expected);
        g_assert_cmpmem (g_bytes_get_data (range, NULL), expected, bytes + offset, expected);
      }

  l_buffer_clear (&buffer);
}

static void
test_peek_exact (void)
{
  LBuffer buffer = { NULL };
  char copy[] = "......";

  g_test_summary ("Not one byte more is written than asked for");

  append_string (&buffer, "abcdef");
  g_assert_cmpuint (l_buffer_peek (&buffer, 1, copy, 3), ==, 3);
  g_assert_cmpstr (copy, ==, "bcd...");
  g_assert_cmpuint (l_buffer_peek (&buffer, 5, copy, 6), ==, 1);
  g_assert_cmpstr (copy, ==, "fcd...");
  g_assert_cmpuint (l_buffer_peek (&buffer, 6, copy, 6), ==, 0);
  g_assert_cmpuint (l_buffer_peek (&buffer, G_MAXSIZE, copy, G_MAXSIZE), ==, 0);
  assert_string (&buffer, "abcdef");
  l_buffer_clear (&buffer);
}

static void
test_peek_bytes_reference (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 5);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);
  g_autoptr(GBytes) all = NULL;
  g_autoptr(GBytes) part = NULL;
  g_autoptr(GBytes) across = NULL;

  g_test_summary ("Bytes that came by reference leave by reference");

  append_string (&buffer, "ab");
  l_buffer_append_bytes (&buffer, bytes);
  l_buffer_skip (&buffer, 2 + 10);
  append_string (&buffer, "c");

  all = l_buffer_peek_bytes (&buffer, 0, REFERENCE_SIZE - 10);
  g_assert_true (g_bytes_get_data (all, NULL) == data + 10);
  g_assert_cmpuint (g_bytes_get_size (all), ==, REFERENCE_SIZE - 10);

  part = l_buffer_peek_bytes (&buffer, 5, 20);
  g_assert_true (g_bytes_get_data (part, NULL) == data + 15);

  across = l_buffer_peek_bytes (&buffer, 0, REFERENCE_SIZE - 9);
  g_assert_cmpuint (g_bytes_get_size (across), ==, REFERENCE_SIZE - 9);
  g_assert_true (g_bytes_get_data (across, NULL) != data + 10);
  l_buffer_clear (&buffer);
}

static void
test_peek_bytes_outlives (void)
{
  LBuffer buffer = { NULL };
  g_autoptr(GBytes) small = NULL;
  g_autoptr(GBytes) borrowed = NULL;
  char memory[] = "borrowed";

  g_test_summary ("Bytes that were handed out do not change with the buffer");

  append_string (&buffer, "abc");
  small = l_buffer_peek_bytes (&buffer, 0, 3);
  l_buffer_append_borrowed (&buffer, memory, 8);
  borrowed = l_buffer_peek_bytes (&buffer, 3, 8);
  memset (memory, 'x', 8);
  l_buffer_clear (&buffer);
  g_assert_cmpmem (g_bytes_get_data (small, NULL), g_bytes_get_size (small), "abc", 3);
  g_assert_cmpmem (g_bytes_get_data (borrowed, NULL), g_bytes_get_size (borrowed), "borrowed", 8);
}

static void
test_find (void)
{
  LBuffer buffer = { NULL };

  append_string (&buffer, "a\nbc\n");
  g_assert_cmpint (l_buffer_find (&buffer, 0, 'a'), ==, 0);
  g_assert_cmpint (l_buffer_find (&buffer, 0, '\n'), ==, 1);
  g_assert_cmpint (l_buffer_find (&buffer, 1, '\n'), ==, 1);
  g_assert_cmpint (l_buffer_find (&buffer, 2, '\n'), ==, 4);
  g_assert_cmpint (l_buffer_find (&buffer, 5, '\n'), ==, -1);
  g_assert_cmpint (l_buffer_find (&buffer, G_MAXSIZE, '\n'), ==, -1);
  g_assert_cmpint (l_buffer_find (&buffer, 0, 0), ==, -1);
  l_buffer_skip (&buffer, 2);
  g_assert_cmpint (l_buffer_find (&buffer, 0, '\n'), ==, 2);
  l_buffer_clear (&buffer);
}

static void
test_find_across (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *zeros = g_malloc0 (20 * KIB);
  g_autoptr(GBytes) bytes = g_bytes_new_static (zeros, 20 * KIB);
  guint8 byte = 0xff;

  l_buffer_append (&buffer, zeros, 5 * KIB);
  l_buffer_append_bytes (&buffer, bytes);
  l_buffer_append (&buffer, &byte, 1);
  l_buffer_append_bytes (&buffer, bytes);
  l_buffer_append_borrowed (&buffer, &byte, 1);

  g_assert_cmpint (l_buffer_find (&buffer, 0, 0xff), ==, 25 * KIB);
  g_assert_cmpint (l_buffer_find (&buffer, 6 * KIB, 0xff), ==, 25 * KIB);
  g_assert_cmpint (l_buffer_find (&buffer, 25 * KIB, 0xff), ==, 25 * KIB);
  g_assert_cmpint (l_buffer_find (&buffer, 25 * KIB + 1, 0xff), ==, 45 * KIB + 1);
  l_buffer_skip (&buffer, 100);
  g_assert_cmpint (l_buffer_find (&buffer, 0, 0xff), ==, 25 * KIB - 100);
  l_buffer_clear (&buffer);
}

static void
test_vectors_limit (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 5);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);
  GOutputVector vectors[4] = { { data, 1 }, { data, 1 }, { data, 1 }, { data, 1 } };

  for (guint i = 0; i < 5; i++)
    l_buffer_append_bytes (&buffer, bytes);

  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 0), ==, 0);
  g_assert_cmpuint (vectors[0].size, ==, 1);
  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 3), ==, 3);
  g_assert_cmpuint (vectors[2].size, ==, REFERENCE_SIZE);
  g_assert_cmpuint (vectors[3].size, ==, 1);
  l_buffer_clear (&buffer);
}

static void
test_vectors_mixed (void)
{
  LBuffer buffer = { NULL };
  g_autofree guint8 *data = make_bytes (REFERENCE_SIZE, 5);
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, REFERENCE_SIZE);

  g_test_summary ("Small, large, small, large: a vector each, in order");

  for (guint i = 0; i < 4; i++)
    {
      append_string (&buffer, "he");
      append_string (&buffer, "ad");
      l_buffer_append_bytes (&buffer, bytes);
    }

  g_assert_cmpuint (count_chunks (&buffer), ==, 8);
  l_buffer_clear (&buffer);
}

static void
test_skip_across (void)
{
  LBuffer buffer = { NULL };
  gsize size = 150 * KIB;
  g_autofree guint8 *bytes = make_bytes (size, 5);
  gsize done = 0;

  for (gsize i = 0; i < size; i += 5 * KIB)
    l_buffer_append (&buffer, bytes + i, 5 * KIB);

  for (gsize step = 1; done < size; step = step * 2 + 1)
    {
      gsize expected = MIN (step, size - done);

      g_assert_cmpuint (l_buffer_skip (&buffer, step), ==, expected);
      done += expected;
      assert_content (&buffer, bytes + done, size - done);
    }
}

static void
test_skip_more (void)
{
  LBuffer buffer = { NULL };

  append_string (&buffer, "abc");
  g_assert_cmpuint (l_buffer_skip (&buffer, 0), ==, 0);
  assert_string (&buffer, "abc");
  g_assert_cmpuint (l_buffer_skip (&buffer, G_MAXSIZE), ==, 3);
  assert_string (&buffer, "");
}

static void
test_skip_chunk_border (void)
{
  LBuffer buffer = { NULL };
  GOutputVector vectors[2];
  gsize first;

  g_test_summary ("Skipping exactly one chunk removes that one only");

  append_filling (&buffer, 4 * KIB - 200, 1);
  append_filling (&buffer, 500, 2);
  g_assert_cmpuint (l_buffer_get_vectors (&buffer, vectors, 2), ==, 2);
  first = vectors[0].size;
  g_assert_cmpuint (l_buffer_skip (&buffer, first), ==, first);
  g_assert_cmpuint (count_chunks (&buffer), ==, 1);
  g_assert_cmpuint (l_buffer_get_size (&buffer), ==, vectors[1].size);
  l_buffer_clear (&buffer);
}

/* The buffer and what it should hold. */
typedef struct
{
  LBuffer     buffer;
  GByteArray *model;
  guint8     *borrowed; /* (owned) (nullable) */
  gsize       n_borrowed;
  GRand      *rand;
} Model;

static gsize
pick_size (Model *self)
{
  static const guint limits[] = { 2, 20, 300, 5000, 17 * KIB, 70 * KIB };

  return (gsize) g_rand_int_range (self->rand, 0, (gint32) limits[g_rand_int_range (self->rand, 0, G_N_ELEMENTS (limits))]);
}

/* The memory goes back to its owner, who writes something else there. */
static void
return_borrowed (Model *self)
{
  if (self->borrowed == NULL)
    return;

  memset (self->borrowed, 0xee, self->n_borrowed);
  g_clear_pointer (&self->borrowed, g_free);
}

static void
step_append (Model *self)
{
  gsize size = pick_size (self);
  g_autofree guint8 *bytes = make_bytes (size, g_rand_int (self->rand));

  l_buffer_append (&self->buffer, bytes, size);
  g_byte_array_append (self->model, bytes, (guint) size);
  if (size > 0)
    return_borrowed (self);
}

static void
step_append_bytes (Model *self)
{
  gsize size = pick_size (self);
  g_autoptr(GBytes) bytes = g_bytes_new_take (make_bytes (size, g_rand_int (self->rand)), size);

  l_buffer_append_bytes (&self->buffer, bytes);
  if (size == 0)
    return;

  g_byte_array_append (self->model, g_bytes_get_data (bytes, NULL), (guint) size);
  return_borrowed (self);
}

static void
step_append_borrowed (Model *self)
{
  gsize size = pick_size (self);

  l_buffer_keep (&self->buffer);
  return_borrowed (self);
  self->borrowed = make_bytes (size, g_rand_int (self->rand));
  self->n_borrowed = size;
  l_buffer_append_borrowed (&self->buffer, self->borrowed, size);
  g_byte_array_append (self->model, self->borrowed, (guint) size);
}

static void
step_prepend (Model *self)
{
  gsize size = pick_size (self);
  g_autofree guint8 *bytes = make_bytes (size, g_rand_int (self->rand));

  l_buffer_prepend (&self->buffer, bytes, size);
  g_byte_array_prepend (self->model, bytes, (guint) size);
}

static void
step_skip (Model *self)
{
  gsize size = 2 * pick_size (self);
  gsize expected = MIN (size, self->model->len);

  g_assert_cmpuint (l_buffer_skip (&self->buffer, size), ==, expected);
  if (expected > 0)
    g_byte_array_remove_range (self->model, 0, (guint) expected);
}

static void
step_find (Model *self)
{
  gsize offset = pick_size (self);
  guint8 byte = (guint8) g_rand_int (self->rand);
  gssize expected = -1;

  for (gsize i = offset; i < self->model->len && expected < 0; i++)
    if (self->model->data[i] == byte)
      expected = (gssize) i;

  g_assert_cmpint (l_buffer_find (&self->buffer, offset, byte), ==, expected);
}

static void
step_peek (Model *self)
{
  gsize offset = pick_size (self);
  gsize size = pick_size (self);
  gsize expected = (offset < self->model->len) ? MIN (size, self->model->len - offset) : 0;
  g_autoptr(GBytes) bytes = l_buffer_peek_bytes (&self->buffer, offset, size);
  g_autofree guint8 *copy = g_malloc (size + 1);

  g_assert_cmpuint (l_buffer_peek (&self->buffer, offset, copy, size), ==, expected);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, expected);
  if (expected == 0)
    return;

  g_assert_cmpmem (copy, expected, self->model->data + offset, expected);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), expected, self->model->data + offset, expected);
}

static void
step_keep (Model *self)
{
  l_buffer_keep (&self->buffer);
  return_borrowed (self);
}

static void
step_clear (Model *self)
{
  l_buffer_clear (&self->buffer);
  g_byte_array_set_size (self->model, 0);
  return_borrowed (self);
}

/* A step that comes often stands there more than once. */
static void (* const steps[]) (Model *self) = {
  step_append, step_append, step_append, step_append,
  step_append_bytes, step_append_bytes,
  step_append_borrowed, step_append_borrowed,
  step_prepend,
  step_skip, step_skip, step_skip, step_skip, step_skip,
  step_find, step_peek, step_keep,
};

static void
test_random (gconstpointer data)
{
  guint32 seed = GPOINTER_TO_UINT (data);
  Model self = { .model = g_byte_array_new (), .rand = g_rand_new_with_seed (seed) };

  g_test_message ("seed %u", seed);

  for (guint i = 0; i < 3000; i++)
    {
      guint step = (guint) g_rand_int_range (self.rand, 0, G_N_ELEMENTS (steps));

      steps[step] (&self);
      if (i % 500 == 499)
        step_clear (&self);

      g_assert_cmpuint (l_buffer_get_size (&self.buffer), ==, self.model->len);
      if (i % 8 == 0)
        assert_content (&self.buffer, self.model->data, self.model->len);
    }

  step_clear (&self);
  assert_string (&self.buffer, "");
  g_byte_array_unref (self.model);
  g_rand_free (self.rand);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/buffer/empty", test_empty);
  g_test_add_func ("/buffer/nothing/alone", test_nothing);
  g_test_add_func ("/buffer/nothing/between", test_nothing_between);
  g_test_add_func ("/buffer/append/small", test_append_small);
  g_test_add_func ("/buffer/append/growth", test_append_growth);
  g_test_add_func ("/buffer/append/odd-sizes", test_append_odd_sizes);
  g_test_add_func ("/buffer/append/large", test_append_large);
  g_test_add_func ("/buffer/append/large-after-small", test_append_large_after_small);
  g_test_add_func ("/buffer/append/after-skip", test_append_after_skip);
  g_test_add_func ("/buffer/clear-and-reuse", test_clear_and_reuse);
  g_test_add_func ("/buffer/bytes/small", test_bytes_small);
  g_test_add_func ("/buffer/bytes/large", test_bytes_large);
  g_test_add_func ("/buffer/bytes/clear", test_bytes_clear);
  g_test_add_func ("/buffer/bytes/untouched", test_bytes_untouched);
  g_test_add_func ("/buffer/bytes/before-small", test_bytes_before_small);
  g_test_add_func ("/buffer/bytes/twice", test_bytes_twice);
  g_test_add_func ("/buffer/borrowed/own-before", test_borrowed);
  g_test_add_func ("/buffer/borrowed/drained", test_borrowed_drained);
  g_test_add_func ("/buffer/borrowed/twice", test_borrowed_twice);
  g_test_add_func ("/buffer/keep/all", test_keep);
  g_test_add_func ("/buffer/keep/rest", test_keep_rest);
  g_test_add_func ("/buffer/keep/joins-tail", test_keep_joins_tail);
  g_test_add_func ("/buffer/keep/large", test_keep_large);
  g_test_add_func ("/buffer/keep/before-append", test_keep_before_append);
  g_test_add_func ("/buffer/keep/before-bytes", test_keep_before_bytes);
  g_test_add_func ("/buffer/prepend/empty", test_prepend_empty);
  g_test_add_func ("/buffer/prepend/in-front", test_prepend_in_front);
  g_test_add_func ("/buffer/prepend/no-room", test_prepend_no_room);
  g_test_add_func ("/buffer/prepend/many", test_prepend_many);
  g_test_add_func ("/buffer/prepend/large", test_prepend_large);
  g_test_add_func ("/buffer/prepend/borrowed", test_prepend_borrowed);
  g_test_add_func ("/buffer/peek/ranges", test_peek_ranges);
  g_test_add_func ("/buffer/peek/exact", test_peek_exact);
  g_test_add_func ("/buffer/peek-bytes/reference", test_peek_bytes_reference);
  g_test_add_func ("/buffer/peek-bytes/outlives", test_peek_bytes_outlives);
  g_test_add_func ("/buffer/find/one-chunk", test_find);
  g_test_add_func ("/buffer/find/across", test_find_across);
  g_test_add_func ("/buffer/vectors/limit", test_vectors_limit);
  g_test_add_func ("/buffer/vectors/mixed", test_vectors_mixed);
  g_test_add_func ("/buffer/skip/across", test_skip_across);
  g_test_add_func ("/buffer/skip/more", test_skip_more);
  g_test_add_func ("/buffer/skip/chunk-border", test_skip_chunk_border);
  g_test_add_data_func ("/buffer/random/1", GUINT_TO_POINTER (1), test_random);
  g_test_add_data_func ("/buffer/random/2", GUINT_TO_POINTER (20261), test_random);

  return g_test_run ();
}
