/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <string.h>

G_BEGIN_DECLS

/* A target is one function that libFuzzer calls with bytes it made up, or driver.c with the files of the corpus. It reads
 * them as numbers, does with the library what they say, and fails an assertion when that differs from a model of its own. */
int LLVMFuzzerTestOneInput (const guint8 *data,
                            size_t        size);

/* Once, before the first. */
int LLVMFuzzerInitialize   (int          *argc,
                            char       ***argv);

typedef struct
{
  const guint8 *data;
  gsize         left;
} FuzzInput;

static inline guint8
fuzz_input_byte (FuzzInput *self)
{
  if (self->left == 0)
    return 0;

  self->left--;
  return *self->data++;
}

static inline guint
fuzz_input_short (FuzzInput *self)
{
  guint high = fuzz_input_byte (self);

  return high << 8 | fuzz_input_byte (self);
}

/* Up to the next NUL, which goes, or the rest. */
static inline char *
fuzz_input_string (FuzzInput *self)
{
  char *string = g_strndup ((const char *) self->data, self->left);
  gsize used = MIN (strlen (string) + 1, self->left);

  self->data += used;
  self->left -= used;
  return string;
}

G_END_DECLS
