/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Calls back in the task's context, with the task, when its cancellable is cancelled. NULL: it has none. */
GSource *l_task_watch             (GTask                  *task,
                                   GCancellableSourceFunc  callback) G_GNUC_WARN_UNUSED_RESULT;
void     l_task_unwatch           (GSource                *source);

/* The same until the task is gone, for one that has no data of its own. */
void     l_task_watch_cancellable (GTask                  *task,
                                   GCancellableSourceFunc  callback);

/* For an object that belongs to another thread, or to one without a main loop: nobody would ever go on with it. */
void     l_task_return_not_served (GTask                  *task);

G_END_DECLS
