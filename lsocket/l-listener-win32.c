/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-address-private.h"
#include "l-address-win32-private.h"
#include "l-listener-private.h"
#include "l-system-win32-private.h"
#include "l-token-win32-private.h"

#include <glib/gi18n-lib.h>
#include <sddl.h>

/* A pipe has no backlog: as many clients are let in at once as instances wait. Each that is taken is replaced first, so
 * that the name is never free while the server listens. */
#define DEFAULT_INSTANCES 16
#define MAX_INSTANCES 60

/* So that a write ends before the peer reads. */
#define BUFFER_SIZE (64 * 1024)

typedef struct
{
  HANDLE      handle;
  LOverlapped connect;
  gboolean    is_connected;
  LListener  *listener; /* (unowned) */
} LInstance;

static void
client_came (gpointer user_data)
{
  LListener *listener = ((LInstance *) user_data)->listener;

  l_reactor_tell_watch (listener->reactor, &listener->watch);
}

static void
free_instance (gpointer data)
{
  LInstance *instance = data;

  l_overlapped_cancel (&instance->connect, instance->handle);
  l_overlapped_clear (&instance->connect);
  if (instance->handle != NULL)
    l_system.close_handle (instance->handle);
  g_free (instance);
}

static gboolean
await_client (LInstance *instance)
{
  BOOL done = l_system.connect_named_pipe (instance->handle, l_overlapped_begin (&instance->connect));

  switch (l_overlapped_begun (&instance->connect, done))
    {
    case ERROR_IO_PENDING:
      return TRUE;
    case ERROR_SUCCESS:
    case ERROR_PIPE_CONNECTED:
    case ERROR_NO_DATA: /* come, and gone already */
      instance->is_connected = TRUE;
      return TRUE;
    default:
      return FALSE;
    }
}

/* Whether a client is there, or has come and gone again: its handle tells that as that of any other. */
static gboolean
check_connected (LInstance *instance)
{
  DWORD code, count;

  if (instance->is_connected || !instance->connect.is_pending)
    return instance->is_connected;

  code = l_overlapped_query (&instance->connect, instance->handle, &count);
  /* We have not cancelled it, so the thread that had begun it is gone. */
  if (code == ERROR_OPERATION_ABORTED && await_client (instance))
    return instance->is_connected;

  instance->is_connected = code != ERROR_IO_PENDING;
  return instance->is_connected;
}

static GIOCondition
query_watch (LReactorWatch *watch,
             GIOCondition   condition)
{
  LListener *self = L_CONTAINER_OF (watch, LListener, watch);

  for (guint i = 0; self->instances != NULL && i < self->instances->len; i++)
    if (check_connected (g_ptr_array_index (self->instances, i)))
      return G_IO_IN;

  return 0;
}

void
l_listener_init (LListener        *self,
                 LReactor         *reactor,
                 LReactorWatchFunc func)
{
  self->reactor = reactor;
  self->watch.func = func;
  self->watch.query = query_watch;
  self->descriptor = -1;
}

/* Who may connect */

/* Reading and writing, and not FILE_CREATE_PIPE_INSTANCE: nobody else serves at our name. */
#define CLIENT_RIGHTS "0x12018b"

static char *
get_sddl (LServerOptions options)
{
  g_autofree char *user = l_token_get_sid (GetCurrentProcess (), TokenUser);
  /* The error is that of the first that fails. */
  g_autofree char *group = user != NULL ? l_token_get_sid (GetCurrentProcess (), TokenPrimaryGroup) : NULL;
  GString *sddl;

  if (group == NULL)
    return NULL;

  /* Nothing is inherited; the user and the system. */
  sddl = g_string_new ("D:P");
  g_string_append_printf (sddl, "(A;;GA;;;%s)(A;;GA;;;SY)", user);
  if ((options & L_SERVER_OPTIONS_GROUP_ACCESS) != 0)
    g_string_append_printf (sddl, "(A;;" CLIENT_RIGHTS ";;;%s)", group);
  if ((options & L_SERVER_OPTIONS_OTHER_ACCESS) != 0)
    g_string_append (sddl, "(A;;" CLIENT_RIGHTS ";;;WD)");

  return g_string_free (sddl, FALSE);
}

static gboolean
make_security (LListener      *self,
               LServerOptions  options,
               const char     *name,
               GError        **error)
{
  g_autofree char *sddl = get_sddl (options);

  if (sddl != NULL &&
      ConvertStringSecurityDescriptorToSecurityDescriptorA (sddl, SDDL_REVISION_1,
                                                            (PSECURITY_DESCRIPTOR *) &self->security, NULL))
    return TRUE;

  l_error_set_system (error, L_OPERATION_LISTEN, name, (int) GetLastError ());
  return FALSE;
}

/* Instances */

static HANDLE
create_instance (LListener *self,
                 DWORD      flags)
{
  const gunichar2 *name = l_pipe_address_get_wide_name (L_PIPE_ADDRESS (self->address));
  SECURITY_ATTRIBUTES security = { sizeof security, self->security, FALSE };

  return l_system.create_named_pipe (name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | flags,
                                     PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                     PIPE_UNLIMITED_INSTANCES, BUFFER_SIZE, BUFFER_SIZE, 0, &security);
}

/* Takes the handle; or FALSE with the code, and the handle is the caller's. */
static gboolean
add_handle (LListener *self,
            HANDLE     handle,
            int       *code)
{
  LInstance *instance = g_new0 (LInstance, 1);

  instance->handle = handle;
  instance->listener = self;
  if (l_overlapped_init (&instance->connect, self->reactor != NULL ? client_came : NULL, instance) &&
      l_overlapped_attach (&instance->connect, NULL) && await_client (instance))
    {
      g_ptr_array_add (self->instances, instance);
      return TRUE;
    }

  *code = (int) GetLastError ();
  instance->handle = NULL;
  free_instance (instance);
  return FALSE;
}

static gboolean
add_instance (LListener *self,
              DWORD      flags,
              int       *code)
{
  HANDLE handle = create_instance (self, flags);

  if (handle == INVALID_HANDLE_VALUE)
    {
      *code = (int) GetLastError ();
      return FALSE;
    }

  if (add_handle (self, handle, code))
    return TRUE;

  l_system.close_handle (handle);
  return FALSE;
}

static void
forget (LListener *self)
{
  g_clear_pointer (&self->instances, g_ptr_array_unref);
  g_clear_pointer (&self->security, LocalFree);
  g_clear_object (&self->address);
  self->descriptor = -1;
}

static void
begin (LListener      *self,
       GSocketAddress *address)
{
  self->address = g_object_ref (address);
  self->instances = g_ptr_array_new_with_free_func (free_instance);
}

/* Asked before, because not every system refuses a second first instance; the flag closes the race where it does. */
static gboolean
is_taken (GSocketAddress *address)
{
  const gunichar2 *name = l_pipe_address_get_wide_name (L_PIPE_ADDRESS (address));

  return l_system.wait_named_pipe (name, 1) || GetLastError () != ERROR_FILE_NOT_FOUND;
}

static void
set_in_use (GError     **error,
            LOperation   operation,
            const char  *name)
{
  l_error_set (error, operation, name, L_SOCKET_ERROR_ADDRESS_IN_USE, _("Another server has the name"));
}

static gboolean
make_instances (LListener   *self,
                int          backlog,
                const char  *name,
                GError     **error)
{
  guint n_instances = backlog > 0 ? (guint) MIN (backlog, MAX_INSTANCES) : DEFAULT_INSTANCES;
  int code = 0;

  if (!add_instance (self, FILE_FLAG_FIRST_PIPE_INSTANCE, &code))
    {
      /* What the flag says of a name that somebody has taken just now. */
      if (code == ERROR_ACCESS_DENIED || code == ERROR_PIPE_BUSY)
        set_in_use (error, L_OPERATION_LISTEN, name);
      else
        l_error_set_system (error, L_OPERATION_LISTEN, name, code);
      return FALSE;
    }

  while (self->instances->len < n_instances)
    if (!add_instance (self, 0, &code))
      {
        l_error_set_system (error, L_OPERATION_LISTEN, name, code);
        return FALSE;
      }

  return TRUE;
}

static void
set_descriptor (LListener *self)
{
  self->descriptor = (gintptr) ((LInstance *) g_ptr_array_index (self->instances, 0))->handle;
}

gboolean
l_listener_listen (LListener       *self,
                   GSocketAddress  *address,
                   LServerOptions   options,
                   int              backlog,
                   GError         **error)
{
  g_autofree char *name = l_address_to_name (address);

  if (is_taken (address))
    {
      set_in_use (error, L_OPERATION_LISTEN, name);
      return FALSE;
    }

  begin (self, address);
  if (make_security (self, options, name, error) && make_instances (self, backlog, name, error))
    {
      set_descriptor (self);
      return TRUE;
    }

  forget (self);
  return FALSE;
}

static gboolean
adopt_handle (LListener *self,
              HANDLE     handle,
              int       *code)
{
  if (l_system_adopt_pipe (handle))
    return add_handle (self, handle, code);

  *code = (int) GetLastError ();
  return FALSE;
}

/* Further instances take the name of the one that is given. */
gboolean
l_listener_adopt (LListener  *self,
                  gintptr     descriptor,
                  GError    **error)
{
  g_autofree char *number = g_strdup_printf ("%" G_GINTPTR_FORMAT, descriptor);
  g_autoptr(GSocketAddress) address = NULL;
  HANDLE handle = (HANDLE) descriptor;
  DWORD flags;
  int code;

  if (!l_system_check_pipe (handle, &flags) || (flags & PIPE_SERVER_END) == 0 ||
      (address = l_pipe_address_new_from_handle (handle)) == NULL)
    {
      l_error_set (error, L_OPERATION_ADOPT, number, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
                   /* TRANSLATORS: “It” is the descriptor. “Overlapped” is Windows’s word for asynchronous. */
                   N_("It is not the server’s end of a named pipe for overlapped calls"));
      return FALSE;
    }

  begin (self, address);
  if (make_security (self, L_SERVER_OPTIONS_NONE, number, error))
    {
      if (adopt_handle (self, handle, &code))
        {
          set_descriptor (self);
          return TRUE;
        }
      l_error_set_system (error, L_OPERATION_ADOPT, number, code);
    }

  forget (self);
  return FALSE;
}

void
l_listener_close (LListener *self,
                  gboolean   unlink_name)
{
  if (self->descriptor == -1)
    return;

  if (self->reactor != NULL)
    l_reactor_remove_watch (self->reactor, &self->watch);

  forget (self);
}

static LInstance *
find_connected (LListener *self,
                guint     *index)
{
  for (*index = 0; *index < self->instances->len; (*index)++)
    {
      LInstance *instance = g_ptr_array_index (self->instances, *index);

      if (check_connected (instance))
        return instance;
    }

  return NULL;
}

gintptr
l_listener_accept (LListener *self,
                   int       *code)
{
  LInstance *instance;
  gintptr descriptor;
  guint index;

  *code = 0;
  instance = find_connected (self, &index);
  /* Without another to take its place the client waits: the name must not be free for an instant. */
  if (instance == NULL || !add_instance (self, 0, code))
    return -1;

  descriptor = (gintptr) g_steal_pointer (&instance->handle);
  g_ptr_array_remove_index (self->instances, index);
  set_descriptor (self);

  return descriptor;
}

void
l_listener_refuse (LListener *self,
                   gintptr    descriptor)
{
  l_system.close_handle ((HANDLE) descriptor);
}

gboolean
l_listener_is_transient (int code)
{
  return FALSE;
}

void
l_listener_set_condition (LListener    *self,
                          GIOCondition  condition)
{
  if (self->reactor != NULL && self->descriptor != -1)
    l_reactor_watch (self->reactor, &self->watch, self->descriptor, condition);
}

gboolean
l_listener_wait (LListener *self,
                 gboolean   is_accepting,
                 gint64     deadline)
{
  HANDLE handles[MAX_INSTANCES + 1];
  guint n_handles = 0;

  for (guint i = 0; is_accepting && i < self->instances->len; i++)
    {
      LInstance *instance = g_ptr_array_index (self->instances, i);

      if (check_connected (instance))
        return TRUE;
      handles[n_handles++] = instance->connect.event;
    }

  return l_system_wait (handles, n_handles, deadline, NULL, NULL);
}

/* A pipe goes with its server. */
gboolean
l_listener_remove (GSocketAddress  *address,
                   GError         **error)
{
  g_autofree char *name = l_address_to_name (address);

  if (!is_taken (address))
    return TRUE;

  set_in_use (error, L_OPERATION_REMOVE, name);
  return FALSE;
}
