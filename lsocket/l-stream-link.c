/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-io-device-private.h"

#include <glib/gi18n-lib.h>

void
l_stream_link_init (LStreamLink *self,
                    LIODevice   *device)
{
  g_weak_ref_init (&self->device, device);
  g_mutex_init (&self->lock);
  g_mutex_init (&self->stay_lock);
  self->staying = device;
}

void
l_stream_link_clear (LStreamLink *self)
{
  g_weak_ref_clear (&self->device);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->stay_lock);
}

LIODevice *
l_stream_link_ref_device (LStreamLink *self)
{
  return g_weak_ref_get (&self->device);
}

LIODevice *
l_stream_link_hold_device (LStreamLink *self)
{
  g_mutex_lock (&self->stay_lock);
  if (self->staying != NULL)
    return self->staying;

  g_mutex_unlock (&self->stay_lock);
  return NULL;
}

LIODevice *
l_stream_link_hold_in_reactor (LStreamLink *self)
{
  LIODevice *device = l_stream_link_hold_device (self);

  if (device == NULL || (!l_stream_link_is_detached (self) && l_io_device_is_in_reactor (device)))
    return device;

  l_stream_link_let_go (self);
  return NULL;
}

void
l_stream_link_let_go (LStreamLink *self)
{
  g_mutex_unlock (&self->stay_lock);
}

void
l_stream_link_leave (LStreamLink *self)
{
  g_mutex_lock (&self->stay_lock);
  self->staying = NULL;
  g_mutex_unlock (&self->stay_lock);
}

static void
set_ended (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection of the stream has ended"));
}

gssize
l_stream_link_read (LStreamLink   *self,
                    void          *buffer,
                    gsize          count,
                    gboolean       blocking,
                    GCancellable  *cancellable,
                    GError       **error)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);

  if (device == NULL)
    {
      set_ended (error);
      return -1;
    }

  return l_io_device_stream_read (device, self, buffer, count, blocking, cancellable, error);
}

GPollableReturn
l_stream_link_write (LStreamLink          *self,
                     const GOutputVector  *vectors,
                     gsize                 n_vectors,
                     gsize                *n_written,
                     gboolean              blocking,
                     GCancellable         *cancellable,
                     GError              **error)
{
  LIODevice *device = l_stream_link_hold_device (self);

  *n_written = 0;
  if (device == NULL)
    {
      set_ended (error);
      return G_POLLABLE_RETURN_FAILED;
    }

  return l_io_device_stream_write (device, self, vectors, n_vectors, n_written, blocking, cancellable, error);
}

gboolean
l_stream_link_flush (LStreamLink   *self,
                     GCancellable  *cancellable,
                     GError       **error)
{
  LIODevice *device = l_stream_link_hold_device (self);
  gsize n_written;

  if (device == NULL)
    return TRUE;

  if (l_stream_link_is_detached (self) || l_io_device_is_flushed (device))
    {
      l_stream_link_let_go (self);
      return TRUE;
    }

  return l_io_device_stream_write (device, self, NULL, 0, &n_written, TRUE, cancellable, error) == G_POLLABLE_RETURN_OK;
}

gboolean
l_stream_link_close_output (LStreamLink   *self,
                            GCancellable  *cancellable,
                            GError       **error)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);

  if (device == NULL)
    return TRUE;
  if (!l_io_device_is_owner (device))
    return l_io_device_close_output (device, self, cancellable, error);
  if (l_stream_link_is_detached (self))
    return TRUE;

  return l_stream_link_flush (self, cancellable, error) &&
         l_io_device_get_funcs (device)->shutdown_output (device, error);
}

void
l_stream_link_tell_end (LStreamLink *self)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);

  if (device != NULL)
    l_io_device_tell_end (device);
}

static gboolean
on_unref (gpointer unused)
{
  return G_SOURCE_REMOVE;
}

/* Of a thread that turns no loop the last one is kept, until the next or the end of the thread. */
static GPrivate last_stream = G_PRIVATE_INIT (g_object_unref);

void
l_stream_unref_later (gpointer stream)
{
  g_autoptr(GMainContext) context = NULL;
  g_autoptr(GSource) source = NULL;

  if (g_atomic_int_get (&G_OBJECT (stream)->ref_count) > 1)
    {
      g_object_unref (stream);
      return;
    }

  context = g_main_context_ref_thread_default ();
  if (!g_main_context_acquire (context))
    {
      g_private_replace (&last_stream, stream);
      return;
    }

  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_unref, stream, g_object_unref);
  g_source_attach (source, context);
  g_main_context_release (context);
}

/* Sources */

/* Ready when the device's buffers and state are, beside the one that polls the descriptor: what the owner's loop has read
 * ahead never shows there. */
typedef struct
{
  GSource       source;
  GObject      *stream;     /* (owned) */
  LStreamLink  *link;       /* (unowned): that stream's */
  GIOCondition  condition;

  /* When it first sleeps in a context that is not the one of the device's reactor */
  GMainContext *context;    /* (owned) (nullable) */
  gboolean      is_other_read;
} LStreamSource;

static GMutex *
get_direction_lock (LIODevice    *device,
                    GIOCondition  condition)
{
  LIODevicePrivate *priv = l_io_device_get_private (device);

  return condition == G_IO_OUT ? &priv->output.lock : &priv->input.lock;
}

/* The device wakes it, and while it waits for input the reactor does not read. With the direction's lock held. */
static void
join (LStreamSource *self,
      LIODevice     *device)
{
  LReactor *reactor = l_io_device_get_private (device)->reactor;
  GMainContext *context = g_source_get_context (&self->source);

  if (self->context != NULL || (reactor != NULL && l_reactor_is_for_context (reactor, context)))
    return;

  g_mutex_lock (&self->link->lock);
  self->context = g_main_context_ref (context);
  self->link->sources = g_slist_prepend (self->link->sources, self);
  g_mutex_unlock (&self->link->lock);

  self->is_other_read = self->condition == G_IO_IN;
  if (self->is_other_read)
    l_io_device_add_other_read (device, 1);
}

static void
leave (LStreamSource *self)
{
  g_autoptr(GMainContext) context = NULL;
  g_autoptr(LIODevice) device = NULL;

  g_mutex_lock (&self->link->lock);
  context = g_steal_pointer (&self->context);
  self->link->sources = g_slist_remove (self->link->sources, self);
  g_mutex_unlock (&self->link->lock);

  if (!self->is_other_read)
    return;

  device = l_stream_link_ref_device (self->link);
  if (device == NULL)
    return;

  g_mutex_lock (get_direction_lock (device, G_IO_IN));
  /* The end of the session counts nobody any more. */
  if (!l_stream_link_is_detached (self->link))
    l_io_device_add_other_read (device, -1);
  g_mutex_unlock (get_direction_lock (device, G_IO_IN));
}

static gboolean
is_ready (LStreamSource *self,
          gboolean       about_to_sleep)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self->link);
  gboolean ready;

  if (device == NULL)
    return TRUE;

  g_mutex_lock (get_direction_lock (device, self->condition));
  ready = l_stream_link_is_detached (self->link) || l_io_device_has_something_to_tell (device, self->condition);
  if (!ready && about_to_sleep)
    join (self, device);
  g_mutex_unlock (get_direction_lock (device, self->condition));

  return ready;
}

static gboolean
stream_source_prepare (GSource *source,
                       int     *timeout)
{
  *timeout = -1;
  return is_ready ((LStreamSource *) source, TRUE);
}

static gboolean
stream_source_check (GSource *source)
{
  return is_ready ((LStreamSource *) source, FALSE);
}

static gboolean
stream_source_dispatch (GSource     *source,
                        GSourceFunc  callback,
                        gpointer     user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
stream_source_finalize (GSource *source)
{
  LStreamSource *self = (LStreamSource *) source;

  leave (self);
  g_object_unref (self->stream);
}

/* g_pollable_source_new_full() gives the source a dummy callback, and GObject insists that there is a way to call it. */
static gboolean
stream_source_closure_callback (gpointer closure)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs stream_source_funcs = {
  .prepare = stream_source_prepare,
  .check = stream_source_check,
  .dispatch = stream_source_dispatch,
  .finalize = stream_source_finalize,
  .closure_callback = stream_source_closure_callback,
};

static GSource *
create_descriptor_source (LStreamLink  *self,
                          GIOCondition  condition)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);
  GSource *source = NULL;

  if (device == NULL)
    return NULL;

  g_mutex_lock (get_direction_lock (device, condition));
  if (!l_stream_link_is_detached (self))
    source = l_io_device_get_funcs (device)->create_source (device, condition);
  g_mutex_unlock (get_direction_lock (device, condition));

  return source;
}

GSource *
l_stream_link_create_source (LStreamLink  *self,
                             GObject      *stream,
                             GIOCondition  condition,
                             GCancellable *cancellable)
{
  g_autoptr(GSource) buffer_source = g_source_new (&stream_source_funcs, sizeof (LStreamSource));
  g_autoptr(GSource) descriptor_source = create_descriptor_source (self, condition);
  LStreamSource *stream_source = (LStreamSource *) buffer_source;
  GSource *source;

  stream_source->stream = g_object_ref (stream);
  stream_source->link = self;
  stream_source->condition = condition;
  g_source_set_static_name (buffer_source, "LSocket stream");

  source = g_pollable_source_new_full (stream, buffer_source, cancellable);
  if (descriptor_source != NULL)
    {
      g_source_set_dummy_callback (descriptor_source);
      g_source_add_child_source (source, descriptor_source);
    }

  return source;
}

void
l_stream_link_wake (LStreamLink *self)
{
  g_mutex_lock (&self->lock);
  for (GSList *l = self->sources; l != NULL; l = l->next)
    g_main_context_wakeup (((LStreamSource *) l->data)->context);
  g_mutex_unlock (&self->lock);
}

void
l_stream_link_detach (LStreamLink *self)
{
  g_atomic_int_set (&self->is_detached, TRUE);
  l_stream_link_wake (self);
}

gboolean
l_stream_link_is_detached (LStreamLink *self)
{
  return g_atomic_int_get (&self->is_detached);
}

void
l_stream_link_release (LStreamLink *self)
{
  g_autoptr(GPtrArray) contexts = g_ptr_array_new_with_free_func ((GDestroyNotify) g_main_context_unref);

  g_mutex_lock (&self->lock);
  for (GSList *l = self->sources; l != NULL; l = l->next)
    g_ptr_array_add (contexts, g_steal_pointer (&((LStreamSource *) l->data)->context));
  g_clear_pointer (&self->sources, g_slist_free);
  g_mutex_unlock (&self->lock);
}

gboolean
l_stream_link_is_ready (LStreamLink  *self,
                        GIOCondition  condition)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);
  gboolean ready;

  if (device == NULL)
    return TRUE;

  g_mutex_lock (get_direction_lock (device, condition));
  ready = l_stream_link_is_detached (self) || l_io_device_has_something_to_tell (device, condition);
  g_mutex_unlock (get_direction_lock (device, condition));

  return ready || l_io_device_get_funcs (device)->wait (device, condition, 0, NULL, NULL) != 0;
}

gintptr
l_stream_link_get_descriptor (LStreamLink  *self,
                              GIOCondition  condition)
{
  g_autoptr(LIODevice) device = l_stream_link_ref_device (self);
  gintptr descriptor = -1;

  if (device == NULL)
    return -1;

  g_mutex_lock (get_direction_lock (device, condition));
  if (!l_stream_link_is_detached (self))
    descriptor = l_io_device_get_funcs (device)->get_descriptor (device);
  g_mutex_unlock (get_direction_lock (device, condition));

  return descriptor;
}
