/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-async-operation-private.h"

static void async_result_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LAsyncOperation, l_async_operation, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, async_result_iface_init))

static gpointer
l_async_operation_get_user_data (GAsyncResult *result)
{
  return L_ASYNC_OPERATION (result)->user_data;
}

static GObject *
l_async_operation_get_source_object (GAsyncResult *result)
{
  return g_object_ref (L_ASYNC_OPERATION (result)->source_object);
}

static gboolean
l_async_operation_is_tagged (GAsyncResult *result,
                       gpointer      tag)
{
  return L_ASYNC_OPERATION (result)->tag == tag;
}

static void
async_result_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = l_async_operation_get_user_data;
  iface->get_source_object = l_async_operation_get_source_object;
  iface->is_tagged = l_async_operation_is_tagged;
}

static void
unwatch_cancellable (LAsyncOperation *self)
{
  if (self->cancelled_id != 0)
    g_clear_signal_handler (&self->cancelled_id, self->cancellable);
}

static void
clear (LAsyncOperation *self)
{
  unwatch_cancellable (self);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->source_object);
}

static void
l_async_operation_finalize (GObject *object)
{
  clear (L_ASYNC_OPERATION (object));

  G_OBJECT_CLASS (l_async_operation_parent_class)->finalize (object);
}

static void
l_async_operation_class_init (LAsyncOperationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = l_async_operation_finalize;
}

/* To make an object and to free it again costs more than all the rest. */
static void
release (LAsyncOperation *self)
{
  gboolean is_held = g_atomic_int_get (&G_OBJECT (self)->ref_count) > 1;

  if (is_held || self->context != NULL)
    {
      g_object_unref (self);
      return;
    }

  clear (self);
  self->n_bytes = 0;
  l_reactor_keep_spare (self->reactor, G_OBJECT (self));
}

/* Takes it. */
static void
call_back (LAsyncOperation *self)
{
  unwatch_cancellable (self);
  if (self->callback != NULL)
    self->callback (self->source_object, G_ASYNC_RESULT (self), self->user_data);

  release (self);
}

/* Takes it. */
static void
call_elsewhere (LAsyncOperation *self,
                GSourceFunc      func)
{
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, self, g_object_unref);
  g_source_attach (source, self->context);
}

static gboolean
return_in_idle (gpointer self)
{
  call_back (g_object_ref (self));
  return G_SOURCE_REMOVE;
}

static void
return_func (LReactorTask *task)
{
  call_back (L_CONTAINER_OF (task, LAsyncOperation, task));
}

static void
drop_func (LReactorTask *task)
{
  g_object_unref (L_CONTAINER_OF (task, LAsyncOperation, task));
}

static gboolean
cancel_in_idle (gpointer user_data)
{
  LAsyncOperation *self = user_data;

  if (self->cancelled_id != 0)
    self->cancel (self);

  return G_SOURCE_REMOVE;
}

static void
cancel_func (LReactorTask *task)
{
  LAsyncOperation *self = L_CONTAINER_OF (task, LAsyncOperation, cancel_task);

  cancel_in_idle (self);
  g_object_unref (self);
}

static void
drop_cancel_func (LReactorTask *task)
{
  g_object_unref (L_CONTAINER_OF (task, LAsyncOperation, cancel_task));
}

static void
l_async_operation_init (LAsyncOperation *self)
{
  self->task.func = return_func;
  self->task.drop = drop_func;
  self->cancel_task.func = cancel_func;
  self->cancel_task.drop = drop_cancel_func;
}

LAsyncOperation *
l_async_operation_new_in_reactor (LReactor            *reactor,
                                  gpointer             source_object,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data,
                                  gpointer             tag)
{
  GObject *spare = reactor != NULL ? l_reactor_steal_spare (reactor) : NULL;
  LAsyncOperation *self = L_ASYNC_OPERATION (spare != NULL ? spare : g_object_new (L_TYPE_ASYNC_OPERATION, NULL));

  self->source_object = g_object_ref (source_object);
  self->reactor = reactor;
  if (cancellable != NULL)
    self->cancellable = g_object_ref (cancellable);
  self->callback = callback;
  self->user_data = user_data;
  self->tag = tag;

  return self;
}

LAsyncOperation *
l_async_operation_new (LReactor            *reactor,
                       gpointer             source_object,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data,
                       gpointer             tag)
{
  LAsyncOperation *self;

  self = l_async_operation_new_in_reactor (reactor, source_object, cancellable, callback, user_data, tag);
  if (reactor == NULL || !l_reactor_is_thread_default (reactor))
    self->context = g_main_context_ref_thread_default ();

  return self;
}

/* In the thread that cancels. */
static void
on_cancelled (GCancellable *cancellable,
              gpointer      user_data)
{
  LAsyncOperation *self = user_data;

  if (!g_atomic_int_compare_and_exchange (&self->is_cancelled, FALSE, TRUE))
    return;

  g_object_ref (self);
  if (self->context != NULL)
    call_elsewhere (self, cancel_in_idle);
  else
    l_reactor_queue_task (self->reactor, &self->cancel_task);
}

static void
release_watch (gpointer  self,
               GClosure *closure)
{
  l_reactor_unref (((LAsyncOperation *) self)->reactor);
  g_object_unref (self);
}

/* A source of the cancellable would be made and freed for each operation, and GLib loses it when it is freed while another
 * thread cancels. */
void
l_async_operation_watch_cancellable (LAsyncOperation *self,
                                     void          (* cancel) (LAsyncOperation *self))
{
  if (self->cancellable == NULL)
    return;

  l_reactor_ref (self->reactor);
  self->cancel = cancel;
  self->is_cancelled = FALSE;
  self->cancelled_id = g_signal_connect_data (self->cancellable, "cancelled", G_CALLBACK (on_cancelled),
                                              g_object_ref (self), release_watch, 0);
  if (g_cancellable_is_cancelled (self->cancellable))
    on_cancelled (self->cancellable, self);
}

gboolean
l_async_operation_set_cancelled (LAsyncOperation *self)
{
  return g_cancellable_set_error_if_cancelled (self->cancellable, &self->error);
}

void
l_async_operation_return_later (LAsyncOperation *self)
{
  /* It holds the reactor, in whose queue this one may stay until the context goes. */
  unwatch_cancellable (self);
  if (self->context != NULL)
    call_elsewhere (self, return_in_idle);
  else
    l_reactor_queue_task_soon (self->reactor, &self->task);
}

void
l_async_operation_return (LAsyncOperation *self)
{
  if (self->context == NULL && l_reactor_is_dispatching (self->reactor))
    call_back (self);
  else
    l_async_operation_return_later (self);
}

gboolean
l_async_operation_is_valid (gpointer result,
                            gpointer source_object,
                            gpointer tag)
{
  return L_IS_ASYNC_OPERATION (result) && L_ASYNC_OPERATION (result)->source_object == source_object &&
         L_ASYNC_OPERATION (result)->tag == tag;
}

gssize
l_async_operation_propagate_size (LAsyncOperation  *self,
                                  GError          **error)
{
  if (self->error == NULL)
    return self->n_bytes;

  g_propagate_error (error, g_steal_pointer (&self->error));
  return -1;
}

GBytes *
l_async_operation_propagate_bytes (LAsyncOperation  *self,
                                   GError          **error)
{
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));

  return g_steal_pointer (&self->bytes);
}
