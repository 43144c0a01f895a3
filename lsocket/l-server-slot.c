/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-server-slot-private.h"

typedef struct
{
  int      n_connections;
  gboolean is_refused; /* since it had its most, somebody was */
} User;

struct _LServerSlots
{
  gatomicrefcount ref_count;

  GMutex          lock;          /* of what follows */
  LReactor       *reactor;       /* (owned) (nullable) */
  LReactorTask   *task;          /* (unowned) (nullable): the server's, while there is one */
  GHashTable     *users;         /* (element-type utf8 User) (owned) */
  int             n_connections;
  int             max_connections;
};

struct _LServerSlot
{
  LServerSlots *slots; /* (owned) */
  char         *user;  /* (owned) (nullable) */
};

static void
release (LServerSlots *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_hash_table_unref (self->users);
  g_clear_pointer (&self->reactor, l_reactor_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

LServerSlots *
l_server_slots_new (LReactor     *reactor,
                    LReactorTask *task)
{
  LServerSlots *self = g_new0 (LServerSlots, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->reactor = reactor != NULL ? l_reactor_ref (reactor) : NULL;
  self->task = task;
  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
l_server_slots_unref (LServerSlots *self)
{
  LReactorTask *task;

  g_mutex_lock (&self->lock);
  task = g_steal_pointer (&self->task);
  if (task != NULL && self->reactor != NULL)
    l_reactor_cancel_task (self->reactor, task);
  g_mutex_unlock (&self->lock);

  release (self);
}

static gboolean
are_full (LServerSlots *self)
{
  return self->max_connections > 0 && self->n_connections >= self->max_connections;
}

void
l_server_slots_set_max (LServerSlots *self,
                        int           max_connections)
{
  g_mutex_lock (&self->lock);
  self->max_connections = max_connections;
  g_mutex_unlock (&self->lock);
}

gboolean
l_server_slots_are_full (LServerSlots *self)
{
  gboolean is_full;

  g_mutex_lock (&self->lock);
  is_full = are_full (self);
  g_mutex_unlock (&self->lock);

  return is_full;
}

/* With the lock held. */
static gboolean
count_user (LServerSlots *self,
            const char   *name,
            int           max_per_user,
            gboolean     *is_first)
{
  User *user = g_hash_table_lookup (self->users, name);

  if (user == NULL)
    {
      user = g_new0 (User, 1);
      g_hash_table_insert (self->users, g_strdup (name), user);
    }

  if (max_per_user > 0 && user->n_connections >= max_per_user)
    {
      *is_first = !user->is_refused;
      user->is_refused = TRUE;
      return FALSE;
    }

  user->n_connections++;
  return TRUE;
}

LServerSlot *
l_server_slot_new (LServerSlots *self,
                   const char   *user,
                   int           max_per_user,
                   gboolean     *is_first)
{
  LServerSlot *slot = NULL;

  g_mutex_lock (&self->lock);
  if (user == NULL || count_user (self, user, max_per_user, is_first))
    {
      slot = g_new0 (LServerSlot, 1);
      slot->slots = self;
      slot->user = g_strdup (user);
      self->n_connections++;
      g_atomic_ref_count_inc (&self->ref_count);
    }
  g_mutex_unlock (&self->lock);

  return slot;
}

/* With the lock held. */
static void
uncount_user (LServerSlots *self,
              const char   *name)
{
  User *user = g_hash_table_lookup (self->users, name);

  user->n_connections--;
  user->is_refused = FALSE;
  if (user->n_connections == 0)
    g_hash_table_remove (self->users, name);
}

void
l_server_slot_free (LServerSlot *slot)
{
  LServerSlots *self = slot->slots;
  gboolean was_full;

  g_mutex_lock (&self->lock);
  was_full = are_full (self);
  self->n_connections--;
  if (slot->user != NULL)
    uncount_user (self, slot->user);
  if (was_full && self->task != NULL && self->reactor != NULL)
    l_reactor_queue_task (self->reactor, self->task);
  g_mutex_unlock (&self->lock);

  release (self);
  g_free (slot->user);
  g_free (slot);
}
