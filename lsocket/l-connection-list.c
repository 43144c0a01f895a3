/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-connection-list-private.h"

struct _LConnectionList
{
  GObject       parent_instance;

  GSequence    *sockets;    /* (element-type LSocket) (owned): the oldest connection first */
  GHashTable   *places;     /* (element-type LSocket GSequenceIter) (owned): of each in the sequence */

  LReactor     *reactor;    /* (owned) (nullable) */
  GThread      *thread;     /* (unowned): that made it */
  GWeakRef      weak_ref;   /* to itself, for the reactor */
  LReactorTask  clear_task; /* when the last reference of the server went in another thread */
};

static void l_connection_list_iface_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LConnectionList, l_connection_list, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, l_connection_list_iface_init))

/* GListModel */

static GType
l_connection_list_get_item_type (GListModel *model)
{
  return L_TYPE_SOCKET;
}

static guint
l_connection_list_get_n_items (GListModel *model)
{
  return g_hash_table_size (L_CONNECTION_LIST (model)->places);
}

static gpointer
l_connection_list_get_item (GListModel *model,
                            guint       position)
{
  LConnectionList *self = L_CONNECTION_LIST (model);

  if (position >= g_hash_table_size (self->places))
    return NULL;

  return g_object_ref (g_sequence_get (g_sequence_get_iter_at_pos (self->sockets, position)));
}

static void
l_connection_list_iface_init (GListModelInterface *iface)
{
  iface->get_item_type = l_connection_list_get_item_type;
  iface->get_n_items = l_connection_list_get_n_items;
  iface->get_item = l_connection_list_get_item;
}

/* Changes */

void
l_connection_list_append (LConnectionList *self,
                          LSocket         *socket)
{
  guint position = g_hash_table_size (self->places);

  if (g_hash_table_contains (self->places, socket))
    return;

  g_hash_table_insert (self->places, socket, g_sequence_append (self->sockets, g_object_ref (socket)));
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
}

void
l_connection_list_remove (LConnectionList *self,
                          LSocket         *socket)
{
  GSequenceIter *place = g_hash_table_lookup (self->places, socket);
  guint position;

  if (place == NULL)
    return;

  position = g_sequence_iter_get_position (place);
  g_hash_table_remove (self->places, socket);
  g_sequence_remove (place);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
}

static void
clear (LConnectionList *self)
{
  guint n_removed = g_hash_table_size (self->places);
  GSequence *sockets = self->sockets;

  if (n_removed == 0)
    return;

  self->sockets = g_sequence_new (g_object_unref);
  g_hash_table_remove_all (self->places);
  g_list_model_items_changed (G_LIST_MODEL (self), 0, n_removed, 0);
  g_sequence_free (sockets);
}

static void
clear_task_func (LReactorTask *task)
{
  clear (L_CONTAINER_OF (task, LConnectionList, clear_task));
}

static gboolean
is_owner (LConnectionList *self)
{
  GThread *runner = self->reactor != NULL ? l_reactor_get_thread (self->reactor) : NULL;

  return g_thread_self () == (runner != NULL ? runner : self->thread);
}

void
l_connection_list_clear (LConnectionList *self)
{
  if (self->reactor == NULL || is_owner (self))
    clear (self);
  else
    l_reactor_queue_task (self->reactor, &self->clear_task);
}

/* GObject */

static void
l_connection_list_finalize (GObject *object)
{
  LConnectionList *self = L_CONNECTION_LIST (object);

  if (self->reactor != NULL)
    l_reactor_cancel_task (self->reactor, &self->clear_task);
  g_clear_pointer (&self->reactor, l_reactor_unref);
  g_weak_ref_clear (&self->weak_ref);
  g_hash_table_unref (self->places);
  g_sequence_free (self->sockets);

  G_OBJECT_CLASS (l_connection_list_parent_class)->finalize (object);
}

static void
l_connection_list_class_init (LConnectionListClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = l_connection_list_finalize;
}

static void
l_connection_list_init (LConnectionList *self)
{
  self->sockets = g_sequence_new (g_object_unref);
  self->places = g_hash_table_new (NULL, NULL);
  self->thread = g_thread_self ();
  g_weak_ref_init (&self->weak_ref, self);
  self->clear_task.func = clear_task_func;
  self->clear_task.object = &self->weak_ref;
}

LConnectionList *
l_connection_list_new (LReactor *reactor)
{
  LConnectionList *self = g_object_new (L_TYPE_CONNECTION_LIST, NULL);

  self->reactor = reactor != NULL ? l_reactor_ref (reactor) : NULL;
  return self;
}
