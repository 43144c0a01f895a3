/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Calls back in the task's context, with the task, when its cancellable is cancelled, until it is gone; for one that has no
 * data of its own. */
void     l_task_watch_cancellable (GTask                  *task,
                                   GCancellableSourceFunc  callback);

/* Between the two a handler may run a loop of its own, in which the operation ends; the callback comes after the function
 * has returned all the same. The first takes nothing, the second does not either. */
void     l_task_begin             (GTask                  *task);
void     l_task_begun             (GTask                  *task);
/* TRUE, or the error; and that it was cancelled. */
void     l_task_return            (GTask                  *task,
                                   const GError           *error);
void     l_task_return_cancelled  (GTask                  *task);

/* Of an object that belongs to another thread, or to one without a main loop nobody would ever go on with it. FALSE, with
 * the task's error: it is not served. */
gboolean l_task_check_served      (GTask                  *task,
                                   gboolean                is_served);

G_END_DECLS
