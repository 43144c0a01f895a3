/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"
#include "test-util.h"

#include <windows.h>

/* Threads of the system's pool and what they wait with come and go. */
const guint soak_open_slack = 16;
const gboolean soak_can_half_close = FALSE;

void
soak_make_directory (void)
{
}

guint
soak_remove_directory (void)
{
  return 0;
}

guint
soak_get_pid (void)
{
  return GetCurrentProcessId ();
}

guint
soak_count_open (void)
{
  return test_count_handles ();
}

static guint64
get_used (HANDLE heap)
{
  PROCESS_HEAP_ENTRY entry = { .lpData = NULL };
  guint64 size = 0;

  if (!HeapLock (heap))
    return 0;

  while (HeapWalk (heap, &entry))
    if ((entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) != 0)
      size += entry.cbData;
  HeapUnlock (heap);

  return size;
}

/* A heap gives little back, so that what is resident shows only what was once needed. */
guint64
soak_get_memory (void)
{
  HANDLE heaps[64];
  DWORD n_heaps = MIN (GetProcessHeaps (G_N_ELEMENTS (heaps), heaps), G_N_ELEMENTS (heaps));
  guint64 size = 0;

  for (DWORD i = 0; i < n_heaps; i++)
    size += get_used (heaps[i]);

  return size / 1024;
}

guint
soak_count_listed (void)
{
  return 0;
}
