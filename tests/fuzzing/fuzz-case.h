/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fuzz.h"

G_BEGIN_DECLS

/* What the targets that run a main loop share: each case in a context of its own, in this thread and turn by turn. Nothing
 * sleeps, the same bytes do the same, and every descriptor is closed in the end. */

/* Of three bytes of the input. */
typedef struct
{
  guint8 code;
  guint8 number;
  guint8 size;
} FuzzOperation;

extern FuzzInput     fuzz_input;
extern GMainContext *fuzz_context;            /* the case's */
extern gboolean      fuzz_warnings_expected;
extern gboolean      fuzz_is_verbose;

/* Once. Names live in the directory, which is removed at the end of the process with what is called *names* in it. */
const char   *fuzz_case_init      (const char * const *names);

void          fuzz_case_run       (const guint8       *data,
                                   gsize               size,
                                   void              (*func) (void));
/* Until nothing happens any more. */
void          fuzz_turn_all       (void);
FuzzOperation fuzz_read_operation (void);

G_END_DECLS
