/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-enums.h"
#include "l-reactor-private.h"

#include <gio/gio.h>

#include <windows.h>

G_BEGIN_DECLS

/* The operations of one connection, apart from the transport because a wait in another thread may outlive that. A read of
 * no bytes is pending while nothing is there: it ends when something has come, and takes none of it. All functions may be
 * called in any thread; a failure gives the system's code. */
typedef struct _LPipe LPipe;

/* reactor: (nullable); watch is told of what ends. It owns the handle, unless it is NULL, with GetLastError(). */
LPipe           *l_pipe_new           (LReactor            *reactor,
                                       LReactorWatch       *watch,
                                       HANDLE               handle,
                                       LOpenMode            mode);
LPipe           *l_pipe_ref           (LPipe               *self);
void             l_pipe_unref         (LPipe               *self);
void             l_pipe_close         (LPipe               *self);
/* Leaves the handle open. */
void             l_pipe_release       (LPipe               *self);

/* Whether somebody is at the other end; FALSE with GetLastError(). */
gboolean         l_pipe_check_connected (LPipe              *self);
/* What holds now. condition: what is asked for, which decides what is looked at. */
GIOCondition     l_pipe_query         (LPipe               *self,
                                       GIOCondition         condition);
/* No bytes and no failure: the end. */
GPollableReturn  l_pipe_read          (LPipe               *self,
                                       void                *buffer,
                                       gsize                count,
                                       gsize               *n_read,
                                       int                 *code);
/* What is under way when it returns counts as written: flush and close see to the rest. */
GPollableReturn  l_pipe_write         (LPipe               *self,
                                       const GOutputVector *vectors,
                                       gsize                n_vectors,
                                       gsize               *n_written,
                                       int                 *code);
GPollableReturn  l_pipe_flush         (LPipe               *self,
                                       int                 *code);
/* 0: cancelled, woken or too late. */
GIOCondition     l_pipe_wait          (LPipe               *self,
                                       GIOCondition         condition,
                                       gint64               deadline,
                                       GCancellable        *cancellable,
                                       GCancellable        *wake);
GSource         *l_pipe_create_source (LPipe               *self,
                                       GIOCondition         condition);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LPipe, l_pipe_unref)

G_END_DECLS
