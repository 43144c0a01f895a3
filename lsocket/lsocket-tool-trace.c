/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

/* What --verbose prints: a line a signal, such as “lsocket: client 1: bytes-written (5) [connected]”. The words are
 * the names of signals and states, the same in every language. */

static gboolean enabled;

void
tool_trace_enable (void)
{
  enabled = TRUE;
}

static const char *
get_nick (GType type,
          int   value)
{
  g_autoptr(GEnumClass) klass = g_type_class_ref (type);
  GEnumValue *enum_value = g_enum_get_value (klass, value);

  return enum_value != NULL ? enum_value->value_nick : "?";
}

static const char *
get_state (GObject *object)
{
  if (L_IS_SOCKET (object))
    return get_nick (L_TYPE_SOCKET_STATE, l_socket_get_state (L_SOCKET (object)));

  return l_server_is_listening (L_SERVER (object)) ? "listening" : "closed";
}

void
tool_trace_print (gpointer    object,
                  const char *format,
                  ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!enabled)
    return;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  tool_progress_make_way ();
  g_printerr ("lsocket: %s: %s [%s]\n", (const char *) g_object_get_data (object, "lsocket-tool-label"), text,
              get_state (object));
}

static const char *
get_signal (GObject *object)
{
  return g_signal_name (g_signal_get_invocation_hint (object)->signal_id);
}

static void
on_simple (GObject *object)
{
  tool_trace_print (object, "%s", get_signal (object));
}

static void
on_bytes_written (GObject *object,
                  guint64  count)
{
  tool_trace_print (object, "%s (%" G_GUINT64_FORMAT ")", get_signal (object), count);
}

static void
on_state_changed (GObject      *object,
                  LSocketState  state)
{
  tool_trace_print (object, "%s (%s)", get_signal (object), get_nick (L_TYPE_SOCKET_STATE, state));
}

static void
on_error (GObject      *object,
          LSocketError  error)
{
  tool_trace_print (object, "%s (%s)", get_signal (object), get_nick (L_TYPE_SOCKET_ERROR, error));
}

static void
on_listening (GObject *object)
{
  const char *name = l_server_get_full_server_name (L_SERVER (object));
  g_autofree char *shown = g_utf8_make_valid (name != NULL ? name : "", -1);

  tool_trace_print (object, "notify::listening (%s)", shown);
}

void
tool_trace_object (gpointer    object,
                   const char *label)
{
  static const char * const simple[] = {
    "ready-read", "read-channel-finished", "about-to-close", "connected", "disconnected", "new-connection",
  };

  if (!enabled)
    return;

  g_object_set_data_full (object, "lsocket-tool-label", g_strdup (label), g_free);
  for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
    if (g_signal_lookup (simple[i], G_OBJECT_TYPE (object)) != 0)
      g_signal_connect (object, simple[i], G_CALLBACK (on_simple), NULL);

  g_signal_connect (object, "error", G_CALLBACK (on_error), NULL);
  if (L_IS_SERVER (object))
    {
      g_signal_connect (object, "notify::listening", G_CALLBACK (on_listening), NULL);
      return;
    }

  g_signal_connect (object, "bytes-written", G_CALLBACK (on_bytes_written), NULL);
  g_signal_connect (object, "state-changed", G_CALLBACK (on_state_changed), NULL);
}
