/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-log-private.h"

/* GLib reads the environment anew for each message that it may drop: we ask once. What a program switches on later, by
 * g_log_set_debug_enabled(), is only a variable. */
gboolean
l_log_is_wanted (void)
{
  static gsize answer = 0;

  if (g_once_init_enter (&answer))
    g_once_init_leave (&answer, g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN) ? 1 : 2);

  return answer == 2 || g_log_get_debug_enabled ();
}

static void
write_fields (const char *object,
              const char *name,
              const char *state,
              const char *message)
{
  const GLogField fields[] = {
    { "PRIORITY", "7", -1 },
    { "GLIB_DOMAIN", G_LOG_DOMAIN, -1 },
    { "LSOCKET_OBJECT", object, -1 },
    { "LSOCKET_STATE", state, -1 },
    { "MESSAGE", message, -1 },
    { "LSOCKET_NAME", name, -1 },
  };

  g_log_structured_array (G_LOG_LEVEL_DEBUG, fields, name != NULL ? G_N_ELEMENTS (fields) : G_N_ELEMENTS (fields) - 1);
}

/* The message has all of it, too, for whoever sees nothing else. Names are whatever bytes a program chose. */
void
l_log_write (gpointer    object,
             const char *name,
             const char *state,
             const char *format,
             ...)
{
  g_autofree char *address = g_strdup_printf ("%p", object);
  g_autofree char *shown = name != NULL ? g_utf8_make_valid (name, -1) : NULL;
  g_autofree char *text = NULL;
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  message = g_strdup_printf ("%s %s%s%s: %s [%s]", G_OBJECT_TYPE_NAME (object), address, shown != NULL ? " " : "",
                             shown != NULL ? shown : "", text, state);
  write_fields (address, shown, state, message);
}

const char *
l_log_get_nick (GType type,
                int   value)
{
  g_autoptr(GEnumClass) klass = g_type_class_ref (type);
  GEnumValue *enum_value = g_enum_get_value (klass, value);

  return enum_value != NULL ? enum_value->value_nick : "?";
}
