/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-win32-private.h"
#include "l-pipe-win32-private.h"
#include "l-system-win32-private.h"
#include "l-transport-private.h"

static LPipe *
ref_pipe (LTransport *self)
{
  LPipe *pipe;

  g_mutex_lock (&self->lock);
  pipe = self->pipe != NULL ? l_pipe_ref (self->pipe) : NULL;
  g_mutex_unlock (&self->lock);

  return pipe;
}

static GIOCondition
query_watch (LReactorWatch *watch,
             GIOCondition   condition)
{
  LTransport *self = L_CONTAINER_OF (watch, LTransport, watch);
  g_autoptr(LPipe) pipe = ref_pipe (self);

  return pipe != NULL ? l_pipe_query (pipe, condition) : 0;
}

void
l_transport_init (LTransport        *self,
                  LReactor          *reactor,
                  LReactorWatchFunc  func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->watch.query = query_watch;
  self->descriptor = -1;
  g_mutex_init (&self->lock);
}

void
l_transport_clear (LTransport *self)
{
  g_mutex_clear (&self->lock);
}

static gboolean
set_pipe (LTransport *self,
          HANDLE      handle,
          LOpenMode   mode,
          int        *code)
{
  LPipe *pipe = l_pipe_new (self->reactor, &self->watch, handle, mode);

  if (pipe == NULL)
    {
      *code = (int) GetLastError ();
      return FALSE;
    }

  g_mutex_lock (&self->lock);
  self->pipe = pipe;
  self->descriptor = (gintptr) handle;
  g_mutex_unlock (&self->lock);
  return TRUE;
}

static LPipe *
take_pipe (LTransport *self)
{
  LPipe *pipe;

  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  g_mutex_lock (&self->lock);
  pipe = g_steal_pointer (&self->pipe);
  self->descriptor = -1;
  g_mutex_unlock (&self->lock);

  return pipe;
}

void
l_transport_release (LTransport *self)
{
  g_autoptr(LPipe) pipe = take_pipe (self);

  if (pipe != NULL)
    l_pipe_release (pipe);
}

void
l_transport_close (LTransport *self)
{
  g_autoptr(LPipe) pipe = take_pipe (self);

  if (pipe != NULL)
    l_pipe_close (pipe);
}

/* Only what the mode needs: GENERIC_WRITE would bring the right to make instances of the server's pipe. */
static DWORD
get_access (LOpenMode mode)
{
  DWORD access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;

  if ((mode & L_OPEN_MODE_READ_ONLY) != 0)
    access |= FILE_READ_DATA;
  if ((mode & L_OPEN_MODE_WRITE_ONLY) != 0)
    access |= FILE_WRITE_DATA;

  return access;
}

GPollableReturn
l_transport_connect (LTransport *self,
                     LAddress   *address,
                     LOpenMode   mode,
                     int        *code)
{
  const gunichar2 *name = l_pipe_address_get_wide_name (L_PIPE_ADDRESS (l_address_get_object (address)));
  HANDLE handle;

  /* A server may know who we are, and not act in our name. */
  handle = l_system.create_file (name, get_access (mode), 0, NULL, OPEN_EXISTING,
                                 FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION);
  if (handle == INVALID_HANDLE_VALUE)
    {
      *code = (int) GetLastError ();
      return *code == ERROR_PIPE_BUSY ? G_POLLABLE_RETURN_WOULD_BLOCK : G_POLLABLE_RETURN_FAILED;
    }

  if (!set_pipe (self, handle, mode, code))
    {
      l_system.close_handle (handle);
      return G_POLLABLE_RETURN_FAILED;
    }

  return G_POLLABLE_RETURN_OK;
}

gboolean
l_transport_adopt (LTransport *self,
                   gintptr     descriptor,
                   LOpenMode   mode,
                   int        *code)
{
  HANDLE handle = (HANDLE) descriptor;
  DWORD flags;

  if (!l_system_check_pipe (handle, &flags))
    {
      *code = (int) GetLastError ();
      return FALSE;
    }

  return set_pipe (self, handle, mode, code);
}

gboolean
l_transport_set_flags (LTransport *self,
                       int        *code)
{
  if (l_system_adopt_pipe ((HANDLE) self->descriptor))
    return TRUE;

  *code = (int) GetLastError ();
  return FALSE;
}

gboolean
l_transport_adopt_accepted (LTransport *self,
                            gintptr     descriptor,
                            int        *code)
{
  if (set_pipe (self, (HANDLE) descriptor, L_OPEN_MODE_READ_WRITE, code))
    return TRUE;

  l_system.close_handle ((HANDLE) descriptor);
  return FALSE;
}

GPollableReturn
l_transport_check_connected (LTransport *self,
                             int        *code)
{
  if (l_pipe_check_connected (self->pipe))
    return G_POLLABLE_RETURN_OK;

  *code = (int) GetLastError ();
  /* A server's end that nobody has connected to. */
  return *code == ERROR_BAD_PIPE || *code == ERROR_PIPE_LISTENING ? G_POLLABLE_RETURN_WOULD_BLOCK
                                                                   : G_POLLABLE_RETURN_FAILED;
}

GPollableReturn
l_transport_read (LTransport *self,
                  void       *buffer,
                  gsize       count,
                  gsize      *n_read,
                  int        *code)
{
  g_assert (self->pipe != NULL);

  return l_pipe_read (self->pipe, buffer, count, n_read, code);
}

GPollableReturn
l_transport_write (LTransport          *self,
                   const GOutputVector *vectors,
                   gsize                n_vectors,
                   gsize               *n_written,
                   int                 *code)
{
  return l_pipe_write (self->pipe, vectors, n_vectors, n_written, code);
}

GPollableReturn
l_transport_flush (LTransport *self,
                   int        *code)
{
  g_autoptr(LPipe) pipe = ref_pipe (self);

  return pipe != NULL ? l_pipe_flush (pipe, code) : G_POLLABLE_RETURN_OK;
}

gboolean
l_transport_can_shutdown_write (void)
{
  return FALSE;
}

gboolean
l_transport_shutdown_write (LTransport *self,
                            int        *code)
{
  *code = ERROR_NOT_SUPPORTED;
  return FALSE;
}

/* There is no shutdown(): DisconnectNamedPipe() is the server's alone and takes back what its client has not read. So the
 * handle is closed, in whatever thread, and its number stays to be seen until the owner hears of it. */
void
l_transport_shutdown (LTransport *self)
{
  g_autoptr(LPipe) pipe = ref_pipe (self);

  if (pipe != NULL)
    l_pipe_close (pipe);
}

gboolean
l_transport_is_hung_up (LTransport *self)
{
  return TRUE;
}

void
l_transport_set_condition (LTransport   *self,
                           GIOCondition  condition)
{
  if (self->reactor != NULL && self->descriptor != -1)
    l_reactor_watch (self->reactor, &self->watch, self->descriptor, condition);
}

GIOCondition
l_transport_wait (LTransport   *self,
                  GIOCondition  condition,
                  gint64        deadline,
                  GCancellable *cancellable,
                  GCancellable *wake)
{
  g_autoptr(LPipe) pipe = condition != 0 ? ref_pipe (self) : NULL;

  if (pipe != NULL)
    return l_pipe_wait (pipe, condition, deadline, cancellable, wake);

  l_system_wait (NULL, 0, deadline, cancellable, wake);
  return 0;
}

GSource *
l_transport_create_source (LTransport   *self,
                           GIOCondition  condition)
{
  g_autoptr(LPipe) pipe = ref_pipe (self);

  return pipe != NULL ? l_pipe_create_source (pipe, condition) : NULL;
}

GSocketAddress *
l_transport_get_peer_address (LTransport *self)
{
  return self->descriptor != -1 ? l_pipe_address_new_from_handle ((HANDLE) self->descriptor) : NULL;
}

GSocketAddress *
l_transport_get_local_address (LTransport *self)
{
  return NULL;
}
