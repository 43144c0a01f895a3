/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A chat with a window: opens a room, or joins one. The other side may be any chat-server or chat-client.
 */

#include <gtk/gtk.h>
#include <lsocket/lsocket.h>

/* Of whoever joined our room, with the data "name" once that was said; and ours with the room that we joined. */
static LServer *server;
static LSocket *client;

/* The connections of the server that have a name. */
static GtkFilterListModel *members;

static GtkWidget *banner;
static GtkWidget *banner_label;
static GtkWidget *joined;
static GtkWidget *log_view;
static GtkWidget *room;
static GtkWidget *say;
static GtkWidget *who;

static const char *
get_text (GtkWidget *entry)
{
  return gtk_editable_get_text (GTK_EDITABLE (entry));
}

static void
complain (const char *text)
{
  gtk_label_set_text (GTK_LABEL (banner_label), text);
  gtk_revealer_set_reveal_child (GTK_REVEALER (banner), TRUE);
}

static void
hide_banner (void)
{
  gtk_revealer_set_reveal_child (GTK_REVEALER (banner), FALSE);
}

static void
print_line (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (log_view));
  GtkTextIter end;

  gtk_text_buffer_get_end_iter (buffer, &end);
  gtk_text_buffer_insert (buffer, &end, valid, -1);
  gtk_text_buffer_insert (buffer, &end, "\n", 1);
}

static void
write_line (LIODevice  *device,
            const char *text)
{
  l_io_device_write (device, text, strlen (text), NULL);
  l_io_device_write (device, "\n", 1, NULL);
}

static void
write_to_members (const char *text)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (members));
  guint i;

  for (i = 0; i < n; i++)
    {
      g_autoptr(LIODevice) device = g_list_model_get_item (G_LIST_MODEL (members), i);

      write_line (device, text);
    }
}

static void G_GNUC_PRINTF (1, 2)
tell_everybody (const char *format,
                ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  print_line (text);
  write_to_members (text);
}

static gboolean
has_name (gpointer socket,
          gpointer user_data)
{
  return g_object_get_data (socket, "name") != NULL;
}

static void
set_name (gpointer    socket,
          const char *name)
{
  g_object_set_data_full (socket, "name", g_strdup (name), g_free);
}

static void
on_room_said (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = g_strchomp (l_io_device_read_line (device, 0, NULL, NULL));

      print_line (line);
    }
}

static void
on_member_said (LIODevice *device)
{
  while (l_io_device_can_read_line (device))
    {
      g_autofree char *line = g_strchomp (l_io_device_read_line (device, 0, NULL, NULL));
      const char *name = g_object_get_data (G_OBJECT (device), "name");

      if (name != NULL)
        {
          tell_everybody ("%s: %s", name, line);
          continue;
        }
      set_name (device, line);
      gtk_filter_changed (gtk_filter_list_model_get_filter (members), GTK_FILTER_CHANGE_LESS_STRICT);
      tell_everybody ("* %s has come", line);
    }
}

static void
on_error (LSocket      *socket,
          LSocketError  error)
{
  /* Members come and go. */
  if (error != L_SOCKET_ERROR_PEER_CLOSED || socket == client)
    complain (l_io_device_get_error_string (L_IO_DEVICE (socket)));
}

/* The server has taken it off its list by now. */
static void
on_member_state_changed (LSocket      *socket,
                         LSocketState  state)
{
  if (state == L_SOCKET_STATE_UNCONNECTED && has_name (socket, NULL) && l_server_is_listening (server))
    tell_everybody ("* %s has gone", (const char *) g_object_get_data (G_OBJECT (socket), "name"));
}

static void
on_new_connection (void)
{
  g_autoptr(LSocket) socket = l_server_next_pending_connection (server);

  g_signal_connect (socket, "ready-read", G_CALLBACK (on_member_said), NULL);
  g_signal_connect (socket, "error", G_CALLBACK (on_error), NULL);
  g_signal_connect (socket, "state-changed", G_CALLBACK (on_member_state_changed), NULL);
}

static void
on_server_error (void)
{
  complain (l_server_get_error_string (server));
}

static void
on_open (void)
{
  g_autoptr(GError) error = NULL;

  if (l_server_listen (server, get_text (room), &error))
    hide_banner ();
  else
    complain (error->message);
}

static void
on_join (void)
{
  /* One room at a time. */
  l_socket_abort (client);
  set_name (client, get_text (room));
  l_socket_connect_to_server (client, get_text (room), L_OPEN_MODE_READ_WRITE);
  if (l_socket_get_state (client) == L_SOCKET_STATE_UNCONNECTED)
    return;
  hide_banner ();
  write_line (L_IO_DEVICE (client), get_text (who));
}

static void
on_say (void)
{
  if (l_server_is_listening (server))
    tell_everybody ("%s: %s", get_text (who), get_text (say));
  else
    write_line (L_IO_DEVICE (client), get_text (say));
  gtk_editable_set_text (GTK_EDITABLE (say), "");
}

/* "Ann: connected" */
static gboolean
describe_state (GBinding     *binding,
                const GValue *state,
                GValue       *label,
                gpointer      user_data)
{
  g_autoptr(GObject) socket = g_binding_dup_source (binding);
  g_autoptr(GEnumClass) enum_class = g_type_class_ref (L_TYPE_SOCKET_STATE);
  const char *name = g_object_get_data (socket, "name");
  GEnumValue *value = g_enum_get_value (enum_class, g_value_get_enum (state));

  g_value_take_string (label, g_strdup_printf ("%s: %s", name != NULL ? name : "", value->value_nick));
  return TRUE;
}

static gboolean
is_there (GBinding     *binding,
          const GValue *state,
          GValue       *visible,
          gpointer      user_data)
{
  g_value_set_boolean (visible, g_value_get_enum (state) != L_SOCKET_STATE_UNCONNECTED);
  return TRUE;
}

static gboolean
make_title (GBinding     *binding,
            const GValue *name,
            GValue       *title,
            gpointer      user_data)
{
  g_value_set_string (title, g_value_get_string (name) != NULL ? g_value_get_string (name) : "Chat");
  return TRUE;
}

static void
on_setup (GtkSignalListItemFactory *factory,
          GtkListItem              *item)
{
  gtk_list_item_set_child (item, g_object_new (GTK_TYPE_LABEL,
                                               "ellipsize", PANGO_ELLIPSIZE_END,
                                               "margin-start", 6,
                                               "xalign", 0.0,
                                               NULL));
}

/* A row follows the state of its connection by itself. */
static void
on_bind (GtkSignalListItemFactory *factory,
         GtkListItem              *item)
{
  GObject *socket = gtk_list_item_get_item (item);
  GBinding *binding;

  binding = g_object_bind_property_full (socket, "state", gtk_list_item_get_child (item), "label",
                                         G_BINDING_SYNC_CREATE, describe_state, NULL, NULL, NULL);
  g_object_set_data_full (G_OBJECT (item), "binding", g_object_ref (binding), g_object_unref);
}

static void
on_unbind (GtkSignalListItemFactory *factory,
           GtkListItem              *item)
{
  g_binding_unbind (g_object_get_data (G_OBJECT (item), "binding"));
}

static GtkFilterListModel *
make_members (void)
{
  return gtk_filter_list_model_new (g_object_ref (l_server_get_connections (server)),
                                    GTK_FILTER (gtk_custom_filter_new (has_name, NULL, NULL)));
}

static void
load_style (void)
{
  g_autoptr(GtkCssProvider) style = gtk_css_provider_new ();

  gtk_css_provider_load_from_resource (style, "/org/lsocket/Chat/chat.css");
  gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (style),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

static void
set_up_list (GtkListView *list)
{
  g_autoptr(GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();
  g_autoptr(GtkNoSelection) model = gtk_no_selection_new (G_LIST_MODEL (g_object_ref (members)));

  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), NULL);
  gtk_list_view_set_factory (list, factory);
  gtk_list_view_set_model (list, GTK_SELECTION_MODEL (model));
}

static void
on_activate (GtkApplication *application)
{
  g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource ("/org/lsocket/Chat/chat.ui");
  GtkWindow *window = GTK_WINDOW (gtk_builder_get_object (builder, "window"));

  banner = GTK_WIDGET (gtk_builder_get_object (builder, "banner"));
  banner_label = GTK_WIDGET (gtk_builder_get_object (builder, "banner_label"));
  joined = GTK_WIDGET (gtk_builder_get_object (builder, "joined"));
  log_view = GTK_WIDGET (gtk_builder_get_object (builder, "log"));
  room = GTK_WIDGET (gtk_builder_get_object (builder, "room"));
  say = GTK_WIDGET (gtk_builder_get_object (builder, "say"));
  who = GTK_WIDGET (gtk_builder_get_object (builder, "who"));

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), NULL);
  g_signal_connect (server, "error", G_CALLBACK (on_server_error), NULL);
  g_object_bind_property (server, "listening", gtk_builder_get_object (builder, "controls"), "sensitive",
                          G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  g_object_bind_property_full (server, "full-server-name", window, "title", G_BINDING_SYNC_CREATE,
                               make_title, NULL, NULL, NULL);

  g_signal_connect (client, "ready-read", G_CALLBACK (on_room_said), NULL);
  g_signal_connect (client, "error", G_CALLBACK (on_error), NULL);
  g_object_bind_property_full (client, "state", joined, "label", G_BINDING_SYNC_CREATE,
                               describe_state, NULL, NULL, NULL);
  g_object_bind_property_full (client, "state", joined, "visible", G_BINDING_SYNC_CREATE,
                               is_there, NULL, NULL, NULL);

  g_signal_connect (gtk_builder_get_object (builder, "open"), "clicked", G_CALLBACK (on_open), NULL);
  g_signal_connect (gtk_builder_get_object (builder, "join"), "clicked", G_CALLBACK (on_join), NULL);
  g_signal_connect (gtk_builder_get_object (builder, "dismiss"), "clicked", G_CALLBACK (hide_banner), NULL);
  g_signal_connect (say, "activate", G_CALLBACK (on_say), NULL);

  load_style ();
  members = make_members ();
  set_up_list (GTK_LIST_VIEW (gtk_builder_get_object (builder, "list")));
  gtk_window_set_application (window, application);
  gtk_window_present (window);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GtkApplication) application = NULL;
  int status;

  application = gtk_application_new ("org.lsocket.Chat", G_APPLICATION_NON_UNIQUE);
  g_signal_connect (application, "activate", G_CALLBACK (on_activate), NULL);

  server = l_server_new ();
  client = l_socket_new ();
  status = g_application_run (G_APPLICATION (application), argc, argv);

  /* The window is gone: whoever leaves now is no news. */
  l_server_close (server);
  g_object_unref (members);
  g_object_unref (client);
  g_object_unref (server);
  return status;
}
