/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Calls back in the task's context, with the task, when its cancellable is cancelled; not after the task is gone. */
void l_task_watch_cancellable (GTask                   *task,
                               GCancellableSourceFunc   callback);

G_END_DECLS
