/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include "l-address-private.h"

#include <glib/gi18n.h>

/* `lsocket monitor`: a server whose clients are each joined to another server, with all that they say printed. */

struct _ToolMonitor
{
  ToolMonitorFunc  ended;
  gpointer         user_data;
  LServer         *server;      /* (owned) */
  ToolPlace       *place;       /* (owned) (nullable): the other server's, if it was taken */
  char            *server_name; /* (owned), of the other server */
  LSocketOptions   options;
  int              timeout;
  ToolLog         *log;         /* (owned) */
  GPtrArray       *proxies;     /* (element-type ToolProxy) */
  guint            n_clients;
};

static void
on_proxy_ended (ToolProxy *proxy,
                gpointer   user_data)
{
  ToolMonitor *self = user_data;

  g_ptr_array_remove_fast (self->proxies, proxy);
}

/* The log has room again, or is of no use any more. */
static void
on_log_changed (gpointer user_data)
{
  ToolMonitor *self = user_data;

  if (tool_log_get_status (self->log) != TOOL_STATUS_OK)
    {
      self->ended (tool_log_get_status (self->log), self->user_data);
      return;
    }

  for (guint i = 0; i < self->proxies->len; i++)
    tool_proxy_update (g_ptr_array_index (self->proxies, i));
}

static void
serve_client (ToolMonitor *self,
              LSocket     *client)
{
  g_autoptr(LSocket) server = l_socket_new ();

  l_socket_set_options (server, self->options);
  l_socket_set_connect_timeout (server, self->timeout);
  g_ptr_array_add (self->proxies,
                   tool_proxy_new (++self->n_clients, client, server, self->log, on_proxy_ended, self));
  l_socket_connect_to_server (server, self->server_name, L_OPEN_MODE_READ_WRITE);
}

static void
on_new_connection (LServer     *server,
                   ToolMonitor *self)
{
  g_autoptr(LSocket) client = NULL;

  while ((client = l_server_next_pending_connection (server)) != NULL)
    {
      serve_client (self, client);
      g_clear_object (&client);
    }
}

static void
on_server_error (LServer *server)
{
  tool_print_error ("%s", l_server_get_error_string (server));
}

ToolMonitor *
tool_monitor_new (gboolean         is_hex,
                  ToolMonitorFunc  ended,
                  gpointer         user_data)
{
  ToolMonitor *self = g_new0 (ToolMonitor, 1);

  self->ended = ended;
  self->user_data = user_data;
  self->server = l_server_new ();
  self->log = tool_log_new (is_hex, on_log_changed, self);
  self->proxies = g_ptr_array_new_with_free_func ((GDestroyNotify) tool_proxy_free);

  tool_trace_object (self->server, "server");
  g_signal_connect (self->server, "error", G_CALLBACK (on_server_error), NULL);
  g_signal_connect (self->server, "new-connection", G_CALLBACK (on_new_connection), self);
  return self;
}

void
tool_monitor_free (ToolMonitor *self)
{
  /* First the place: until it is given back, clients come here. */
  g_clear_pointer (&self->place, tool_place_free);
  l_server_close (self->server);
  g_object_unref (self->server);
  g_ptr_array_unref (self->proxies);

  tool_log_finish (self->log);
  tool_log_free (self->log);
  g_free (self->server_name);
  g_free (self);
}

void
tool_monitor_set_server (ToolMonitor    *self,
                         LSocketOptions  options,
                         int             timeout)
{
  self->options = options;
  self->timeout = timeout;
}

gboolean
tool_monitor_listen (ToolMonitor     *self,
                     const char      *name,
                     const char      *server_name,
                     LServerOptions   options,
                     GError         **error)
{
  self->server_name = g_strdup (server_name);
  l_server_set_options (self->server, options);

  return l_server_listen (self->server, name, error);
}

static gboolean
take_place (ToolMonitor     *self,
            GSocketAddress  *address,
            LServerOptions   access,
            GError         **error)
{
  self->place = tool_place_new (address, error);
  if (self->place == NULL)
    return FALSE;

  /* Its names are paths now, and the first of them is renamed. */
  self->options = L_SOCKET_OPTIONS_NONE;
  l_server_set_unlink_on_close (self->server, FALSE);
  return tool_monitor_listen (self, self->place->front, self->place->server,
                              access != L_SERVER_OPTIONS_NONE ? access : self->place->access, error) &&
         tool_place_take (self->place, error);
}

gboolean
tool_monitor_take_place (ToolMonitor     *self,
                         const char      *name,
                         LServerOptions   access,
                         GError         **error)
{
  g_autoptr(GSocketAddress) address = l_address_resolve (name, self->options, L_OPERATION_CONNECT, error);

  if (address == NULL)
    return FALSE;

  if (tool_place_can_take (address))
    return take_place (self, address, access, error);

  l_error_set (error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_UNSUPPORTED_OPERATION,
               N_("Only a server with a path can be replaced while it runs; give a name of your own, and then the server’s"));
  return FALSE;
}
