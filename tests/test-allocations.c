/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-talk.h"

#include <stdlib.h>

/* A connection in steady state takes nothing of the heap: what a message needs is there from the one before. */

#define N_ROUND_TRIPS 1000

/* The C library's, under names of its own. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *memory, size_t size);

static guint n_allocations;

void *
malloc (size_t size)
{
  n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t count,
        size_t size)
{
  n_allocations++;
  return __libc_calloc (count, size);
}

void *
realloc (void   *memory,
         size_t  size)
{
  n_allocations++;
  return __libc_realloc (memory, size);
}

/* FALSE: somebody else stands in, as Valgrind does. */
static gboolean
is_counting (void)
{
  guint n_before = n_allocations;

  g_free (g_malloc (1));
  return n_allocations == n_before + 1;
}

static void
test_round_trip (void)
{
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) server = NULL;
  TestTalk talk;
  guint n_before;

  if (!is_counting ())
    {
      g_test_skip ("Another program counts the allocations");
      return;
    }

  test_make_pair (&client, &server);
  talk.client = L_IO_DEVICE (client);
  g_signal_connect (client, "ready-read", G_CALLBACK (test_on_message), &talk);
  g_signal_connect (server, "ready-read", G_CALLBACK (test_on_message), &talk);

  test_go_round (&talk, 100);
  n_before = n_allocations;
  test_go_round (&talk, N_ROUND_TRIPS);
  g_assert_cmpuint (n_allocations - n_before, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/allocations/round-trip", test_round_trip);

  return g_test_run ();
}
