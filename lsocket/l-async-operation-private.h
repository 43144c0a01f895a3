/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-reactor-private.h"
#include "l-stream-link-private.h"

G_BEGIN_DECLS

/* What an asynchronous read or write does, and the result that its callback is given. A GTask could do that, but costs
 * several times as much: the callback comes from the dispatch of the reactor, also when it has to wait for a turn. */

#define L_TYPE_ASYNC_OPERATION (l_async_operation_get_type ())
G_DECLARE_FINAL_TYPE (LAsyncOperation, l_async_operation, L, ASYNC_OPERATION, GObject)

typedef enum
{
  L_READ_LINE,
  L_READ_BYTES,
  L_READ_SOME,  /* a stream's: as much as is there, straight into the caller's memory where possible */
} LReadKind;

typedef struct
{
  LReadKind kind;
  void     *buffer;  /* (unowned): where L_READ_SOME goes */
  gsize     count;   /* the most to read; 0 with L_READ_LINE: no limit */
} LReadRequest;

typedef struct
{
  const GOutputVector *vectors;  /* (unowned): the caller's, or the one below */
  gsize                n_vectors;
  GOutputVector        vector;
} LWriteRequest;

struct _LAsyncOperation
{
  GObject              parent_instance;

  GObject             *source_object; /* (owned) */
  LReactor            *reactor;       /* (unowned) (nullable): calls back from its dispatch */
  LStreamLink         *link;          /* (unowned) (nullable): of the source object, NULL: that is the device itself */
  GMainContext        *context;       /* (owned) (nullable): where the callback comes instead */
  GCancellable        *cancellable;   /* (owned) (nullable) */
  void              (* cancel) (LAsyncOperation *self);
  gulong               cancelled_id;
  gint                 is_cancelled;  /* (atomic): the task below is, or was, queued */
  LReactorTask         cancel_task;
  GAsyncReadyCallback  callback;      /* (nullable) */
  gpointer             user_data;
  gpointer             tag;
  LReactorTask         task;          /* when the callback has to wait for a turn */

  union
  {
    LReadRequest       read;
    LWriteRequest      write;
  };

  /* How it ended */
  gsize                n_bytes;
  GBytes              *bytes;         /* (owned) (nullable) */
  GError              *error;         /* (owned) (nullable) */
};

/* The reactor's thread may have another context for its default, where the callback comes then; so it does with NULL, for
 * one that fails. The tag is the function that began it. */
LAsyncOperation *l_async_operation_new               (LReactor            *reactor,
                                                      gpointer             source_object,
                                                      GCancellable        *cancellable,
                                                      GAsyncReadyCallback  callback,
                                                      gpointer             user_data,
                                                      gpointer             tag);
/* For who knows that the reactor's is the default. */
LAsyncOperation *l_async_operation_new_in_reactor    (LReactor            *reactor,
                                                      gpointer             source_object,
                                                      GCancellable        *cancellable,
                                                      GAsyncReadyCallback  callback,
                                                      gpointer             user_data,
                                                      gpointer             tag);
/* Called where the callback comes, while the operation has not returned. */
void             l_async_operation_watch_cancellable (LAsyncOperation     *self,
                                                      void              (* cancel) (LAsyncOperation *self));
/* For one that has no error yet; FALSE: it is not cancelled. */
gboolean         l_async_operation_set_cancelled     (LAsyncOperation     *self);

/* These take it. Calls back, if this is the reactor's dispatch; or in the next turn of the loop, called in any thread. */
void             l_async_operation_return            (LAsyncOperation     *self);
void             l_async_operation_return_later      (LAsyncOperation     *self);

gboolean         l_async_operation_is_valid          (gpointer             result,
                                                      gpointer             source_object,
                                                      gpointer             tag);
/* -1: the error. */
gssize           l_async_operation_propagate_size    (LAsyncOperation     *self,
                                                      GError             **error);
GBytes          *l_async_operation_propagate_bytes   (LAsyncOperation     *self,
                                                      GError             **error);

G_END_DECLS
