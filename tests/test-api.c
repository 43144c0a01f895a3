/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every binding and every compiled program relies on: names, numbers, types, defaults, signatures.
 */

#include "test-util.h"

#include <string.h>

static void
test_version_headers (void)
{
  g_assert_true (LSOCKET_CHECK_VERSION (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION, LSOCKET_MICRO_VERSION));
  g_assert_true (LSOCKET_CHECK_VERSION (1, 0, 0));
  g_assert_false (LSOCKET_CHECK_VERSION (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION, LSOCKET_MICRO_VERSION + 1));
  g_assert_false (LSOCKET_CHECK_VERSION (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION + 1, 0));
  g_assert_false (LSOCKET_CHECK_VERSION (LSOCKET_MAJOR_VERSION + 1, 0, 0));
  g_assert_cmpuint (LSOCKET_VERSION_1_0, ==, G_ENCODE_VERSION (1, 0));
  g_assert_cmpuint (LSOCKET_VERSION_CUR_STABLE, >=, LSOCKET_VERSION_1_0);
}

static void
test_version_library (void)
{
  guint major = lsocket_get_major_version ();
  guint minor = lsocket_get_minor_version ();
  guint micro = lsocket_get_micro_version ();

  g_assert_cmpuint (major, ==, LSOCKET_MAJOR_VERSION);
  g_assert_cmpuint (minor, ==, LSOCKET_MINOR_VERSION);
  g_assert_cmpuint (micro, ==, LSOCKET_MICRO_VERSION);

  g_assert_true (lsocket_check_version (major, minor, micro));
  g_assert_true (lsocket_check_version (major, 0, 0));
  g_assert_false (lsocket_check_version (major, minor, micro + 1));
  g_assert_false (lsocket_check_version (major, minor + 1, 0));
  g_assert_false (lsocket_check_version (major + 1, 0, 0));
  g_assert_false (lsocket_check_version (major - 1, minor, micro));
}

/* Programs were compiled with these numbers, scripts say these nicks. */

typedef struct
{
  int         value;
  const char *name;
  const char *nick;
} Value;

#define VALUE(number, name, nick) \
  { name, #name, nick }, { number, #name, nick }

static const Value socket_states[] = {
  VALUE (0, L_SOCKET_STATE_UNCONNECTED, "unconnected"),
  VALUE (2, L_SOCKET_STATE_CONNECTING, "connecting"),
  VALUE (3, L_SOCKET_STATE_CONNECTED, "connected"),
  VALUE (6, L_SOCKET_STATE_CLOSING, "closing"),
};

static const Value socket_errors[] = {
  VALUE (-1, L_SOCKET_ERROR_UNKNOWN, "unknown"),
  VALUE (0, L_SOCKET_ERROR_CONNECTION_REFUSED, "connection-refused"),
  VALUE (1, L_SOCKET_ERROR_PEER_CLOSED, "peer-closed"),
  VALUE (2, L_SOCKET_ERROR_SERVER_NOT_FOUND, "server-not-found"),
  VALUE (3, L_SOCKET_ERROR_ACCESS, "access"),
  VALUE (4, L_SOCKET_ERROR_RESOURCE, "resource"),
  VALUE (5, L_SOCKET_ERROR_TIMEOUT, "timeout"),
  VALUE (6, L_SOCKET_ERROR_DATAGRAM_TOO_LARGE, "datagram-too-large"),
  VALUE (7, L_SOCKET_ERROR_CONNECTION, "connection"),
  VALUE (8, L_SOCKET_ERROR_ADDRESS_IN_USE, "address-in-use"),
  VALUE (10, L_SOCKET_ERROR_UNSUPPORTED_OPERATION, "unsupported-operation"),
  VALUE (19, L_SOCKET_ERROR_OPERATION, "operation"),
};

static const Value open_modes[] = {
  VALUE (0, L_OPEN_MODE_NOT_OPEN, "not-open"),
  VALUE (1, L_OPEN_MODE_READ_ONLY, "read-only"),
  VALUE (2, L_OPEN_MODE_WRITE_ONLY, "write-only"),
  VALUE (3, L_OPEN_MODE_READ_WRITE, "read-write"),
  VALUE (32, L_OPEN_MODE_UNBUFFERED, "unbuffered"),
};

static const Value socket_options[] = {
  VALUE (0, L_SOCKET_OPTIONS_NONE, "none"),
  VALUE (1, L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, "abstract-namespace"),
  VALUE (2, L_SOCKET_OPTIONS_TEMP_DIRECTORY, "temp-directory"),
};

static const Value server_options[] = {
  VALUE (0, L_SERVER_OPTIONS_NONE, "none"),
  VALUE (1, L_SERVER_OPTIONS_USER_ACCESS, "user-access"),
  VALUE (2, L_SERVER_OPTIONS_GROUP_ACCESS, "group-access"),
  VALUE (4, L_SERVER_OPTIONS_OTHER_ACCESS, "other-access"),
  VALUE (7, L_SERVER_OPTIONS_WORLD_ACCESS, "world-access"),
  VALUE (8, L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, "abstract-namespace"),
  VALUE (16, L_SERVER_OPTIONS_TEMP_DIRECTORY, "temp-directory"),
};

static const Value peer_policies[] = {
  VALUE (0, L_PEER_POLICY_AUTO, "auto"),
  VALUE (1, L_PEER_POLICY_ANY, "any"),
  VALUE (2, L_PEER_POLICY_SAME_USER, "same-user"),
};

typedef struct
{
  const char  *path;
  const char  *type_name;
  GType     (* get_type) (void);
  const Value *values;
  gsize        n_values;
} EnumCase;

#define ENUM_CASE(path, type, function, values) { path, type, function, values, G_N_ELEMENTS (values) }

static const EnumCase enum_cases[] = {
  ENUM_CASE ("socket-state", "LSocketState", l_socket_state_get_type, socket_states),
  ENUM_CASE ("socket-error", "LSocketError", l_socket_error_get_type, socket_errors),
  ENUM_CASE ("open-mode", "LOpenMode", l_open_mode_get_type, open_modes),
  ENUM_CASE ("socket-options", "LSocketOptions", l_socket_options_get_type, socket_options),
  ENUM_CASE ("server-options", "LServerOptions", l_server_options_get_type, server_options),
  ENUM_CASE ("peer-policy", "LPeerPolicy", l_peer_policy_get_type, peer_policies),
};

static void
test_enum (gconstpointer data)
{
  const EnumCase *test = data;
  GType type = test->get_type ();
  g_autoptr(GTypeClass) type_class = g_type_class_ref (type);
  gsize i;

  g_assert_cmpstr (g_type_name (type), ==, test->type_name);

  for (i = 0; i < test->n_values; i++)
    {
      const Value *expected = &test->values[i];

      if (G_IS_ENUM_CLASS (type_class))
        {
          const GEnumValue *value = g_enum_get_value_by_name (G_ENUM_CLASS (type_class), expected->name);

          g_assert_nonnull (value);
          g_assert_cmpint (value->value, ==, expected->value);
          g_assert_cmpstr (value->value_nick, ==, expected->nick);
        }
      else
        {
          const GFlagsValue *value = g_flags_get_value_by_name (G_FLAGS_CLASS (type_class), expected->name);

          g_assert_nonnull (value);
          g_assert_cmpint ((int) value->value, ==, expected->value);
          g_assert_cmpstr (value->value_nick, ==, expected->nick);
        }
    }

  /* Each stands in the table twice: as the compiler sees it, and as a number. */
  if (G_IS_ENUM_CLASS (type_class))
    g_assert_cmpuint (G_ENUM_CLASS (type_class)->n_values, ==, test->n_values / 2);
  else
    g_assert_cmpuint (G_FLAGS_CLASS (type_class)->n_values, ==, test->n_values / 2);
}

static void
test_error_domain (void)
{
  g_assert_cmpstr (g_quark_to_string (L_SOCKET_ERROR), ==, "l-socket-error-quark");
  g_assert_cmpuint (L_SOCKET_ERROR, ==, l_socket_error_quark ());
  g_assert_cmpint (L_SOCKET_DEFAULT_TIMEOUT, ==, 30000);
}

static void
test_types (void)
{
  g_assert_cmpstr (g_type_name (L_TYPE_IO_DEVICE), ==, "LIODevice");
  g_assert_cmpstr (g_type_name (L_TYPE_SOCKET), ==, "LSocket");
  g_assert_cmpstr (g_type_name (L_TYPE_SERVER), ==, "LServer");
  g_assert_cmpstr (g_type_name (L_TYPE_CREDENTIALS), ==, "LCredentials");

  g_assert_cmpuint (g_type_parent (L_TYPE_IO_DEVICE), ==, G_TYPE_IO_STREAM);
  g_assert_cmpuint (g_type_parent (L_TYPE_SOCKET), ==, L_TYPE_IO_DEVICE);
  g_assert_cmpuint (g_type_parent (L_TYPE_SERVER), ==, G_TYPE_OBJECT);

  g_assert_true (G_TYPE_IS_ABSTRACT (L_TYPE_IO_DEVICE));
  g_assert_false (G_TYPE_IS_ABSTRACT (L_TYPE_SOCKET));
  g_assert_false (G_TYPE_IS_ABSTRACT (L_TYPE_SERVER));
  g_assert_true (G_TYPE_IS_DERIVABLE (L_TYPE_SOCKET));
  g_assert_true (G_TYPE_IS_DERIVABLE (L_TYPE_SERVER));
}

/* Properties. */

#define R  G_PARAM_READABLE
#define RW (G_PARAM_READABLE | G_PARAM_WRITABLE)

typedef struct
{
  const char *name;
  GType    (* get_type) (void);  /* NULL: fundamental */
  GType       fundamental;
  GParamFlags flags;
  const char *value;             /* the default, as g_strdup_value_contents() prints it; NULL: an object */
} Property;

static const Property device_properties[] = {
  { "open-mode", l_open_mode_get_type, 0, R, "((LOpenMode) L_OPEN_MODE_NOT_OPEN)" },
  { "bytes-available", NULL, G_TYPE_UINT64, R, "0" },
  { "bytes-to-write", NULL, G_TYPE_UINT64, R, "0" },
  { "error-string", NULL, G_TYPE_STRING, R, "NULL" },
  { "read-buffer-size", NULL, G_TYPE_UINT64, RW, "0" },
  { "write-buffer-size", NULL, G_TYPE_UINT64, RW, "0" },
};

static const Property socket_properties[] = {
  { "state", l_socket_state_get_type, 0, R, "((LSocketState) L_SOCKET_STATE_UNCONNECTED)" },
  { "error", l_socket_error_get_type, 0, R, "((LSocketError) L_SOCKET_ERROR_UNKNOWN)" },
  { "server-name", NULL, G_TYPE_STRING, R, "NULL" },
  { "full-server-name", NULL, G_TYPE_STRING, R, "NULL" },
  { "options", l_socket_options_get_type, 0, RW, "((LSocketOptions) L_SOCKET_OPTIONS_NONE)" },
  { "socket-descriptor", NULL, G_TYPE_INT64, R, "-1" },
  { "valid", NULL, G_TYPE_BOOLEAN, R, "FALSE" },
  { "connect-timeout", NULL, G_TYPE_INT, RW, "30000" },
  { "address", g_socket_address_get_type, 0, R, "NULL" },
  { "half-open", NULL, G_TYPE_BOOLEAN, RW, "FALSE" },
  { "peer-credentials", l_credentials_get_type, 0, R, "NULL" },
  { "peer-policy", l_peer_policy_get_type, 0, RW, "((LPeerPolicy) L_PEER_POLICY_AUTO)" },
  { "idle-timeout", NULL, G_TYPE_INT, RW, "0" },
  { "min-progress", NULL, G_TYPE_UINT64, RW, "1" },
  { "count-descriptors", NULL, G_TYPE_BOOLEAN, RW, "FALSE" },
  { "refused-descriptors", NULL, G_TYPE_UINT, R, "0" },
  { "low-latency", NULL, G_TYPE_BOOLEAN, RW, "FALSE" },
};

static const Property server_properties[] = {
  { "listening", NULL, G_TYPE_BOOLEAN, R, "FALSE" },
  { "server-name", NULL, G_TYPE_STRING, R, "NULL" },
  { "full-server-name", NULL, G_TYPE_STRING, R, "NULL" },
  { "options", l_server_options_get_type, 0, RW, "((LServerOptions) L_SERVER_OPTIONS_NONE)" },
  { "max-pending-connections", NULL, G_TYPE_INT, RW, "30" },
  { "listen-backlog", NULL, G_TYPE_INT, RW, "0" },
  { "error", l_socket_error_get_type, 0, R, "((LSocketError) L_SOCKET_ERROR_UNKNOWN)" },
  { "error-string", NULL, G_TYPE_STRING, R, "NULL" },
  { "socket-descriptor", NULL, G_TYPE_INT64, R, "-1" },
  { "unlink-on-close", NULL, G_TYPE_BOOLEAN, RW, "TRUE" },
  { "address", g_socket_address_get_type, 0, R, "NULL" },
  { "peer-policy", l_peer_policy_get_type, 0, RW, "((LPeerPolicy) L_PEER_POLICY_AUTO)" },
  { "max-connections", NULL, G_TYPE_INT, RW, "0" },
  { "max-connections-per-user", NULL, G_TYPE_INT, RW, "0" },
  { "handshake-timeout", NULL, G_TYPE_INT, RW, "0" },
  { "idle-timeout", NULL, G_TYPE_INT, RW, "0" },
  { "connections", g_list_model_get_type, 0, R, NULL },
};

typedef struct
{
  const char     *path;
  GType        (* get_type) (void);
  GType        (* get_object_type) (void);
  const Property *properties;
  gsize           n_properties;
} PropertyCase;

#define PROPERTY_CASE(path, type, object_type, properties) \
  { path, type, object_type, properties, G_N_ELEMENTS (properties) }

static const PropertyCase property_cases[] = {
  PROPERTY_CASE ("io-device", l_io_device_get_type, l_socket_get_type, device_properties),
  PROPERTY_CASE ("socket", l_socket_get_type, l_socket_get_type, socket_properties),
  PROPERTY_CASE ("server", l_server_get_type, l_server_get_type, server_properties),
};

static guint
count_own_properties (GObjectClass *object_class,
                      GType         owner)
{
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;
  guint n = 0;
  guint i;

  specs = g_object_class_list_properties (object_class, &n_specs);
  for (i = 0; i < n_specs; i++)
    n += specs[i]->owner_type == owner;

  return n;
}

static void
test_properties (gconstpointer data)
{
  const PropertyCase *test = data;
  g_autoptr(GObject) object = g_object_new (test->get_object_type (), NULL);
  GObjectClass *object_class = G_OBJECT_GET_CLASS (object);
  gsize i;

  g_assert_cmpuint (count_own_properties (object_class, test->get_type ()), ==, test->n_properties);

  for (i = 0; i < test->n_properties; i++)
    {
      const Property *expected = &test->properties[i];
      GParamSpec *spec = g_object_class_find_property (object_class, expected->name);
      GType type = expected->get_type != NULL ? expected->get_type () : expected->fundamental;
      g_auto(GValue) value = G_VALUE_INIT;
      g_autofree char *text = NULL;

      g_test_message ("%s", expected->name);
      g_assert_nonnull (spec);
      g_assert_cmpstr (g_type_name (spec->value_type), ==, g_type_name (type));
      g_assert_cmpuint (spec->flags & RW, ==, expected->flags);
      /* A setter tells only what it changed. */
      g_assert_cmpuint (!!(spec->flags & G_PARAM_EXPLICIT_NOTIFY), ==, expected->flags == RW);

      g_object_get_property (object, expected->name, &value);
      /* An object that is always there. */
      if (expected->value == NULL)
        {
          g_assert_nonnull (g_value_get_object (&value));
          continue;
        }
      g_assert_true (g_param_value_defaults (spec, &value));
      text = g_strdup_value_contents (&value);
      g_assert_cmpstr (text, ==, expected->value);
    }
}

static void
count_notify (GObject    *object,
              GParamSpec *spec,
              guint      *n)
{
  *n += 1;
}

/* Some other value than the one it has. */
static void
change_value (GValue *value)
{
  if (G_VALUE_HOLDS_BOOLEAN (value))
    g_value_set_boolean (value, !g_value_get_boolean (value));
  else if (G_VALUE_HOLDS_INT (value))
    g_value_set_int (value, g_value_get_int (value) + 1);
  else if (G_VALUE_HOLDS_UINT64 (value))
    g_value_set_uint64 (value, g_value_get_uint64 (value) + 1);
  else if (G_VALUE_HOLDS_ENUM (value))
    g_value_set_enum (value, g_value_get_enum (value) + 1);
  else if (G_VALUE_HOLDS_FLAGS (value))
    g_value_set_flags (value, g_value_get_flags (value) ^ 1);
  else
    g_assert_not_reached ();
}

static void
test_properties_notify (gconstpointer data)
{
  const PropertyCase *test = data;
  g_autoptr(GObject) object = g_object_new (test->get_object_type (), NULL);
  gsize i;

  for (i = 0; i < test->n_properties; i++)
    {
      const Property *property = &test->properties[i];
      g_auto(GValue) value = G_VALUE_INIT;
      g_auto(GValue) result = G_VALUE_INIT;
      g_autofree char *signal = g_strconcat ("notify::", property->name, NULL);
      g_autofree char *value_text = NULL;
      g_autofree char *result_text = NULL;
      guint n = 0;

      if (property->flags != RW)
        continue;

      g_test_message ("%s", property->name);
      g_signal_connect (object, signal, G_CALLBACK (count_notify), &n);
      g_object_get_property (object, property->name, &value);
      g_object_set_property (object, property->name, &value);
      g_assert_cmpuint (n, ==, 0);

      change_value (&value);
      g_object_set_property (object, property->name, &value);
      g_assert_cmpuint (n, ==, 1);

      g_object_get_property (object, property->name, &result);
      value_text = g_strdup_value_contents (&value);
      result_text = g_strdup_value_contents (&result);
      g_assert_cmpstr (result_text, ==, value_text);
    }
}

static void
test_setters_socket (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  LIODevice *device = L_IO_DEVICE (socket);

  l_io_device_set_read_buffer_size (device, 4096);
  g_assert_cmpuint (l_io_device_get_read_buffer_size (device), ==, 4096);
  l_io_device_set_write_buffer_size (device, 8192);
  g_assert_cmpuint (l_io_device_get_write_buffer_size (device), ==, 8192);
  l_socket_set_options (socket, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpuint (l_socket_get_options (socket), ==, L_SOCKET_OPTIONS_TEMP_DIRECTORY);
  l_socket_set_half_open (socket, TRUE);
  g_assert_true (l_socket_get_half_open (socket));
  l_socket_set_connect_timeout (socket, -1);
  g_assert_cmpint (l_socket_get_connect_timeout (socket), ==, -1);
  l_socket_set_peer_policy (socket, L_PEER_POLICY_SAME_USER);
  g_assert_cmpint (l_socket_get_peer_policy (socket), ==, L_PEER_POLICY_SAME_USER);
  l_socket_set_idle_timeout (socket, 7);
  g_assert_cmpint (l_socket_get_idle_timeout (socket), ==, 7);
  l_socket_set_min_progress (socket, G_MAXUINT64);
  g_assert_true (l_socket_get_min_progress (socket) == G_MAXUINT64);
  l_socket_set_count_descriptors (socket, TRUE);
  g_assert_true (l_socket_get_count_descriptors (socket));
}

static void
test_setters_server (void)
{
  g_autoptr(LServer) server = l_server_new ();

  l_server_set_options (server, L_SERVER_OPTIONS_GROUP_ACCESS | L_SERVER_OPTIONS_TEMP_DIRECTORY);
  g_assert_cmpuint (l_server_get_options (server), ==,
                    L_SERVER_OPTIONS_GROUP_ACCESS | L_SERVER_OPTIONS_TEMP_DIRECTORY);
  l_server_set_max_pending_connections (server, -1);
  g_assert_cmpint (l_server_get_max_pending_connections (server), ==, -1);
  l_server_set_listen_backlog (server, 5);
  g_assert_cmpint (l_server_get_listen_backlog (server), ==, 5);
  l_server_set_unlink_on_close (server, FALSE);
  g_assert_false (l_server_get_unlink_on_close (server));
  l_server_set_peer_policy (server, L_PEER_POLICY_ANY);
  g_assert_cmpint (l_server_get_peer_policy (server), ==, L_PEER_POLICY_ANY);
  l_server_set_max_connections (server, 3);
  g_assert_cmpint (l_server_get_max_connections (server), ==, 3);
  l_server_set_max_connections_per_user (server, 2);
  g_assert_cmpint (l_server_get_max_connections_per_user (server), ==, 2);
  l_server_set_handshake_timeout (server, 100);
  g_assert_cmpint (l_server_get_handshake_timeout (server), ==, 100);
  l_server_set_idle_timeout (server, -1);
  g_assert_cmpint (l_server_get_idle_timeout (server), ==, -1);
}

/* What the accessors say of an object on which nothing was called yet. */
static void
test_new_socket (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  LIODevice *device = L_IO_DEVICE (socket);

  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_cmpint (l_socket_get_error (socket), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_false (l_socket_is_valid (socket));
  g_assert_null (l_socket_get_server_name (socket));
  g_assert_null (l_socket_get_full_server_name (socket));
  g_assert_null (l_socket_get_address (socket));
  g_assert_cmpint (l_socket_get_socket_descriptor (socket), ==, -1);
  g_assert_cmpint (l_socket_get_connect_timeout (socket), ==, L_SOCKET_DEFAULT_TIMEOUT);
  g_assert_false (l_socket_flush (socket));

  g_assert_cmpuint (l_io_device_get_open_mode (device), ==, L_OPEN_MODE_NOT_OPEN);
  g_assert_false (l_io_device_is_open (device));
  g_assert_false (l_io_device_is_readable (device));
  g_assert_false (l_io_device_is_writable (device));
  g_assert_true (l_io_device_is_sequential (device));
  g_assert_true (l_io_device_at_end (device));
  g_assert_false (l_io_device_can_read_line (device));
  g_assert_false (l_io_device_is_transaction_started (device));
  g_assert_cmpuint (l_io_device_get_bytes_available (device), ==, 0);
  g_assert_cmpuint (l_io_device_get_bytes_to_write (device), ==, 0);
  g_assert_null (l_io_device_get_error_string (device));
}

static void
test_new_server (void)
{
  g_autoptr(LServer) server = l_server_new ();

  g_assert_false (l_server_is_listening (server));
  g_assert_false (l_server_has_pending_connections (server));
  g_assert_null (l_server_next_pending_connection (server));
  g_assert_null (l_server_get_server_name (server));
  g_assert_null (l_server_get_full_server_name (server));
  g_assert_null (l_server_get_address (server));
  g_assert_null (l_server_get_error_string (server));
  g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_UNKNOWN);
  g_assert_cmpint (l_server_get_socket_descriptor (server), ==, -1);
}

/* Signals. */

typedef struct
{
  const char *path;
  GType    (* get_type) (void);
  const char *name;
  GType    (* get_parameter_type) (void); /* NULL: none or fundamental */
  GType       fundamental;                /* 0: none */
  gsize       default_handler;            /* its place in the class */
  GType       answer;                     /* 0: none */
} SignalCase;

static const SignalCase signal_cases[] = {
  { "io-device/ready-read", l_io_device_get_type, "ready-read", NULL, 0,
    G_STRUCT_OFFSET (LIODeviceClass, ready_read) },
  { "io-device/bytes-written", l_io_device_get_type, "bytes-written", NULL, G_TYPE_UINT64,
    G_STRUCT_OFFSET (LIODeviceClass, bytes_written) },
  { "io-device/about-to-close", l_io_device_get_type, "about-to-close", NULL, 0,
    G_STRUCT_OFFSET (LIODeviceClass, about_to_close) },
  { "io-device/read-channel-finished", l_io_device_get_type, "read-channel-finished", NULL, 0,
    G_STRUCT_OFFSET (LIODeviceClass, read_channel_finished) },
  { "io-device/writable", l_io_device_get_type, "writable", NULL, 0,
    G_STRUCT_OFFSET (LIODeviceClass, writable) },
  { "socket/connected", l_socket_get_type, "connected", NULL, 0,
    G_STRUCT_OFFSET (LSocketClass, connected) },
  { "socket/disconnected", l_socket_get_type, "disconnected", NULL, 0,
    G_STRUCT_OFFSET (LSocketClass, disconnected) },
  { "socket/error", l_socket_get_type, "error", l_socket_error_get_type, 0,
    G_STRUCT_OFFSET (LSocketClass, error) },
  { "socket/state-changed", l_socket_get_type, "state-changed", l_socket_state_get_type, 0,
    G_STRUCT_OFFSET (LSocketClass, state_changed) },
  { "server/new-connection", l_server_get_type, "new-connection", NULL, 0,
    G_STRUCT_OFFSET (LServerClass, new_connection) },
  { "server/error", l_server_get_type, "error", l_socket_error_get_type, 0,
    G_STRUCT_OFFSET (LServerClass, error) },
  { "server/authorize", l_server_get_type, "authorize", l_credentials_get_type, 0,
    G_STRUCT_OFFSET (LServerClass, authorize), G_TYPE_BOOLEAN },
};

static guint n_default_handlers;

/* Who wants no answer does not look at it. */
static gboolean
count_default_handler (void)
{
  n_default_handlers++;
  return TRUE;
}

static void
init_subclass (gpointer klass,
               gpointer class_data)
{
  const SignalCase *test = class_data;

  G_STRUCT_MEMBER (GCallback, klass, test->default_handler) = G_CALLBACK (count_default_handler);
}

/* The default handler of a subclass is called for the signal. */
static void
check_default_handler (const SignalCase *test,
                       guint             id)
{
  GType parent = test->get_type () == L_TYPE_SERVER ? L_TYPE_SERVER : L_TYPE_SOCKET;
  g_autofree char *name = g_strdelimit (g_strconcat ("Test/", test->path, NULL), "/", '-');
  g_autoptr(GObject) object = NULL;
  GTypeInfo info = { .class_init = init_subclass, .class_data = test };
  gboolean answer = FALSE;
  GTypeQuery query;

  g_type_query (parent, &query);
  info.class_size = query.class_size;
  info.instance_size = query.instance_size;

  n_default_handlers = 0;
  object = g_object_new (g_type_register_static (parent, name, &info, 0), NULL);
  if (test->fundamental == G_TYPE_UINT64)
    g_signal_emit (object, id, 0, G_GUINT64_CONSTANT (1));
  else if (test->answer == G_TYPE_BOOLEAN)
    g_signal_emit (object, id, 0, NULL, &answer);
  else
    g_signal_emit (object, id, 0, 0);
  g_assert_cmpuint (n_default_handlers, ==, 1);
  g_assert_cmpint (answer, ==, test->answer == G_TYPE_BOOLEAN);
}

static void
test_signal (gconstpointer data)
{
  const SignalCase *test = data;
  GType type = test->get_type ();
  GType parameter = test->get_parameter_type != NULL ? test->get_parameter_type () : test->fundamental;
  g_autoptr(GTypeClass) type_class = g_type_class_ref (type);
  GSignalQuery query;

  g_assert_nonnull (type_class);
  g_signal_query (g_signal_lookup (test->name, type), &query);
  g_assert_cmpuint (query.signal_id, !=, 0);
  g_assert_cmpuint (query.itype, ==, type);
  g_assert_cmpuint (query.return_type, ==, test->answer != 0 ? test->answer : G_TYPE_NONE);
  g_assert_cmpuint (query.signal_flags, ==, G_SIGNAL_RUN_LAST);
  g_assert_cmpuint (query.n_params, ==, parameter != 0);
  if (parameter != 0)
    g_assert_cmpstr (g_type_name (query.param_types[0]), ==, g_type_name (parameter));

  check_default_handler (test, query.signal_id);
}

static void
test_signal_count (void)
{
  static GType (* const types[]) (void) = { l_io_device_get_type, l_socket_get_type, l_server_get_type };
  gsize i, j;

  for (i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr(GTypeClass) type_class = g_type_class_ref (types[i] ());
      g_autofree guint *ids = NULL;
      guint n_ids;
      guint n_expected = 0;

      for (j = 0; j < G_N_ELEMENTS (signal_cases); j++)
        n_expected += signal_cases[j].get_type == types[i];

      ids = g_signal_list_ids (G_TYPE_FROM_CLASS (type_class), &n_ids);
      g_assert_cmpuint (n_ids, ==, n_expected);
    }
}

/* Programmer errors are critical warnings, do nothing and return a harmless value. */

#define ASSERT_CRITICAL(statement)                                                   \
  G_STMT_START                                                                       \
    {                                                                                \
      g_test_expect_message ("LSocket", G_LOG_LEVEL_CRITICAL, "*assertion*failed*"); \
      statement;                                                                     \
      g_test_assert_expected_messages ();                                            \
    }                                                                                \
  G_STMT_END

static void
callback_not_reached (GObject      *source,
                      GAsyncResult *result,
                      gpointer      user_data)
{
  g_assert_not_reached ();
}

static void
check_critical_device (gpointer self)
{
  guint8 buffer[1];
  g_autoptr(GBytes) bytes = g_bytes_new_static ("x", 1);

  ASSERT_CRITICAL (g_assert_cmpuint (l_io_device_get_open_mode (self), ==, L_OPEN_MODE_NOT_OPEN));
  ASSERT_CRITICAL (g_assert_false (l_io_device_is_open (self)));
  ASSERT_CRITICAL (g_assert_false (l_io_device_is_readable (self)));
  ASSERT_CRITICAL (g_assert_false (l_io_device_is_writable (self)));
  ASSERT_CRITICAL (l_io_device_is_sequential (self));
  ASSERT_CRITICAL (g_assert_cmpuint (l_io_device_get_bytes_available (self), ==, 0));
  ASSERT_CRITICAL (g_assert_cmpuint (l_io_device_get_bytes_to_write (self), ==, 0));
  ASSERT_CRITICAL (g_assert_false (l_io_device_can_read_line (self)));
  ASSERT_CRITICAL (l_io_device_at_end (self));
  ASSERT_CRITICAL (g_assert_null (l_io_device_get_error_string (self)));
  ASSERT_CRITICAL (g_assert_cmpuint (l_io_device_get_read_buffer_size (self), ==, 0));
  ASSERT_CRITICAL (l_io_device_set_read_buffer_size (self, 1));
  ASSERT_CRITICAL (g_assert_cmpuint (l_io_device_get_write_buffer_size (self), ==, 0));
  ASSERT_CRITICAL (l_io_device_set_write_buffer_size (self, 1));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_read (self, buffer, 1, NULL), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_io_device_read_bytes (self, 1, NULL)));
  ASSERT_CRITICAL (g_assert_null (l_io_device_read_all (self, NULL)));
  ASSERT_CRITICAL (g_assert_null (l_io_device_read_line (self, 0, NULL, NULL)));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_peek (self, buffer, 1, NULL), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_io_device_peek_bytes (self, 1, NULL)));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_skip (self, 1, NULL), ==, -1));
  ASSERT_CRITICAL (l_io_device_unread (self, "x", 1));
  ASSERT_CRITICAL (l_io_device_start_transaction (self));
  ASSERT_CRITICAL (l_io_device_commit_transaction (self));
  ASSERT_CRITICAL (l_io_device_rollback_transaction (self));
  ASSERT_CRITICAL (g_assert_false (l_io_device_is_transaction_started (self)));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_write (self, "x", 1, NULL), ==, -1));
  ASSERT_CRITICAL (g_assert_false (l_io_device_write_bytes (self, bytes, NULL)));
  ASSERT_CRITICAL (g_assert_false (l_io_device_wait_for_ready_read (self, 0)));
  ASSERT_CRITICAL (g_assert_false (l_io_device_wait_for_bytes_written (self, 0)));
}

static void
check_critical_socket (gpointer self)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new ("/nowhere");
  const LOpenMode mode = L_OPEN_MODE_READ_WRITE;

  ASSERT_CRITICAL (l_socket_connect_to_server (self, "x", mode));
  ASSERT_CRITICAL (l_socket_connect_to_server_async (self, "x", mode, NULL, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_false (l_socket_connect_to_server_sync (self, "x", mode, NULL, NULL)));
  ASSERT_CRITICAL (l_socket_connect_to_address (self, address, mode));
  ASSERT_CRITICAL (l_socket_disconnect_from_server (self));
  ASSERT_CRITICAL (l_socket_disconnect_from_server_async (self, NULL, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_false (l_socket_shutdown_write (self, NULL)));
  ASSERT_CRITICAL (l_socket_abort (self));
  ASSERT_CRITICAL (g_assert_false (l_socket_flush (self)));
  ASSERT_CRITICAL (g_assert_cmpint (l_socket_get_state (self), ==, L_SOCKET_STATE_UNCONNECTED));
  ASSERT_CRITICAL (g_assert_cmpint (l_socket_get_error (self), ==, L_SOCKET_ERROR_UNKNOWN));
  ASSERT_CRITICAL (g_assert_false (l_socket_is_valid (self)));
  ASSERT_CRITICAL (g_assert_null (l_socket_get_server_name (self)));
  ASSERT_CRITICAL (g_assert_null (l_socket_get_full_server_name (self)));
  ASSERT_CRITICAL (g_assert_cmpuint (l_socket_get_options (self), ==, L_SOCKET_OPTIONS_NONE));
  ASSERT_CRITICAL (l_socket_set_options (self, L_SOCKET_OPTIONS_NONE));
  ASSERT_CRITICAL (g_assert_null (l_socket_get_address (self)));
  ASSERT_CRITICAL (g_assert_false (l_socket_get_half_open (self)));
  ASSERT_CRITICAL (l_socket_set_half_open (self, TRUE));
  ASSERT_CRITICAL (g_assert_false (l_socket_get_low_latency (self)));
  ASSERT_CRITICAL (l_socket_set_low_latency (self, TRUE));
  ASSERT_CRITICAL (l_socket_get_connect_timeout (self));
  ASSERT_CRITICAL (l_socket_set_connect_timeout (self, 1));
  ASSERT_CRITICAL (g_assert_null (l_socket_get_peer_credentials (self)));
  ASSERT_CRITICAL (g_assert_cmpint (l_socket_get_peer_policy (self), ==, L_PEER_POLICY_AUTO));
  ASSERT_CRITICAL (l_socket_set_peer_policy (self, L_PEER_POLICY_ANY));
  ASSERT_CRITICAL (l_socket_get_idle_timeout (self));
  ASSERT_CRITICAL (l_socket_set_idle_timeout (self, 1));
  ASSERT_CRITICAL (l_socket_get_min_progress (self));
  ASSERT_CRITICAL (l_socket_set_min_progress (self, 1));
  ASSERT_CRITICAL (l_socket_end_handshake (self));
  ASSERT_CRITICAL (g_assert_false (l_socket_get_count_descriptors (self)));
  ASSERT_CRITICAL (l_socket_set_count_descriptors (self, TRUE));
  ASSERT_CRITICAL (g_assert_cmpuint (l_socket_get_refused_descriptors (self), ==, 0));
  ASSERT_CRITICAL (g_assert_cmpint (l_socket_get_socket_descriptor (self), ==, -1));
  ASSERT_CRITICAL (g_assert_false (l_socket_set_socket_descriptor (self, 0, L_SOCKET_STATE_CONNECTED, mode, NULL)));
  ASSERT_CRITICAL (g_assert_false (l_socket_wait_for_connected (self, 0)));
  ASSERT_CRITICAL (g_assert_false (l_socket_wait_for_disconnected (self, 0)));
}

static void
check_critical_server (gpointer self)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new ("/nowhere");
  g_autoptr(LSocket) socket = l_socket_new ();

  ASSERT_CRITICAL (g_assert_false (l_server_listen (self, "x", NULL)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen_address (self, address, NULL)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen_descriptor (self, 0, NULL)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen_activated (self, NULL, NULL)));
  ASSERT_CRITICAL (l_server_close (self));
  ASSERT_CRITICAL (g_assert_false (l_server_is_listening (self)));
  ASSERT_CRITICAL (g_assert_false (l_server_has_pending_connections (self)));
  ASSERT_CRITICAL (g_assert_null (l_server_next_pending_connection (self)));
  ASSERT_CRITICAL (l_server_add_pending_connection (self, socket));
  ASSERT_CRITICAL (g_assert_false (l_server_wait_for_new_connection (self, 0, NULL)));
  ASSERT_CRITICAL (l_server_accept_async (self, NULL, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_null (l_server_get_server_name (self)));
  ASSERT_CRITICAL (g_assert_null (l_server_get_full_server_name (self)));
  ASSERT_CRITICAL (g_assert_cmpuint (l_server_get_options (self), ==, L_SERVER_OPTIONS_NONE));
  ASSERT_CRITICAL (l_server_set_options (self, L_SERVER_OPTIONS_NONE));
  ASSERT_CRITICAL (l_server_get_max_pending_connections (self));
  ASSERT_CRITICAL (l_server_set_max_pending_connections (self, 1));
  ASSERT_CRITICAL (l_server_get_listen_backlog (self));
  ASSERT_CRITICAL (l_server_set_listen_backlog (self, 1));
  ASSERT_CRITICAL (g_assert_cmpint (l_server_get_error (self), ==, L_SOCKET_ERROR_UNKNOWN));
  ASSERT_CRITICAL (g_assert_null (l_server_get_error_string (self)));
  ASSERT_CRITICAL (g_assert_cmpint (l_server_get_socket_descriptor (self), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_server_get_address (self)));
  ASSERT_CRITICAL (l_server_get_unlink_on_close (self));
  ASSERT_CRITICAL (l_server_set_unlink_on_close (self, TRUE));
  ASSERT_CRITICAL (g_assert_null (l_server_get_connections (self)));
  ASSERT_CRITICAL (g_assert_cmpint (l_server_get_peer_policy (self), ==, L_PEER_POLICY_AUTO));
  ASSERT_CRITICAL (l_server_set_peer_policy (self, L_PEER_POLICY_ANY));
  ASSERT_CRITICAL (l_server_get_max_connections (self));
  ASSERT_CRITICAL (l_server_set_max_connections (self, 1));
  ASSERT_CRITICAL (l_server_get_max_connections_per_user (self));
  ASSERT_CRITICAL (l_server_set_max_connections_per_user (self, 1));
  ASSERT_CRITICAL (l_server_get_handshake_timeout (self));
  ASSERT_CRITICAL (l_server_set_handshake_timeout (self, 1));
  ASSERT_CRITICAL (l_server_get_idle_timeout (self));
  ASSERT_CRITICAL (l_server_set_idle_timeout (self, 1));
}

static void
check_critical_credentials (gpointer self)
{
  gsize n_groups;

  ASSERT_CRITICAL (g_assert_cmpint (l_credentials_get_uid (self), ==, -1));
  ASSERT_CRITICAL (g_assert_cmpint (l_credentials_get_gid (self), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_credentials_get_groups (self, &n_groups)));
  ASSERT_CRITICAL (g_assert_cmpint (l_credentials_get_pid (self), ==, -1));
  ASSERT_CRITICAL (g_assert_cmpint (l_credentials_get_pidfd (self), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_credentials_get_sid (self)));
  ASSERT_CRITICAL (g_assert_null (l_credentials_get_security_label (self)));
  ASSERT_CRITICAL (g_assert_false (l_credentials_is_same_user (self)));
}

typedef struct
{
  const char *name;
  void     (* check) (gpointer self);
} CriticalCase;

static const CriticalCase critical_cases[] = {
  { "io-device", check_critical_device },
  { "socket", check_critical_socket },
  { "server", check_critical_server },
  { "credentials", check_critical_credentials },
};

/* As for the figures of the coverage. */
static gboolean
is_unchecked (void)
{
  if (g_getenv ("LSOCKET_TEST_UNCHECKED") == NULL)
    return FALSE;

  g_test_skip ("the library is built without checks");
  return TRUE;
}

static void
test_critical_null (gconstpointer data)
{
  const CriticalCase *test = data;

  if (is_unchecked ())
    return;
  test->check (NULL);
}

static void
test_critical_wrong_type (gconstpointer data)
{
  const CriticalCase *test = data;
  g_autoptr(GCancellable) other = g_cancellable_new ();

  if (is_unchecked ())
    return;
  test->check (other);
}

static void
test_critical_arguments (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LServer) server = l_server_new ();
  LIODevice *device = L_IO_DEVICE (socket);
  gpointer not_cancellable = socket;
  gpointer not_address = socket;
  gpointer not_socket = server;
  const LOpenMode mode = L_OPEN_MODE_READ_WRITE;
  GError *error = NULL;

  if (is_unchecked ())
    return;
  ASSERT_CRITICAL (l_socket_connect_to_server (socket, NULL, mode));
  ASSERT_CRITICAL (l_socket_connect_to_server_async (socket, NULL, mode, NULL, callback_not_reached, NULL));
  ASSERT_CRITICAL (l_socket_connect_to_server_async (socket, "x", mode, not_cancellable, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_false (l_socket_connect_to_server_sync (socket, NULL, mode, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_socket_connect_to_server_sync (socket, "x", mode, not_cancellable, &error)));
  ASSERT_CRITICAL (l_socket_connect_to_address (socket, NULL, mode));
  ASSERT_CRITICAL (l_socket_connect_to_address (socket, not_address, mode));
  ASSERT_CRITICAL (l_socket_disconnect_from_server_async (socket, not_cancellable, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_false (l_socket_connect_to_server_finish (socket, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_socket_disconnect_from_server_finish (socket, NULL, &error)));

  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_read (device, NULL, 1, &error), ==, -1));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_peek (device, NULL, 1, &error), ==, -1));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_write (device, NULL, 1, &error), ==, -1));
  ASSERT_CRITICAL (g_assert_false (l_io_device_write_bytes (device, NULL, &error)));
  ASSERT_CRITICAL (l_io_device_unread (device, NULL, 1));

  ASSERT_CRITICAL (g_assert_false (l_server_listen (server, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen_address (server, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen_address (server, not_address, &error)));
  ASSERT_CRITICAL (l_server_add_pending_connection (server, NULL));
  ASSERT_CRITICAL (l_server_add_pending_connection (server, not_socket));
  ASSERT_CRITICAL (l_server_accept_async (server, not_cancellable, callback_not_reached, NULL));
  ASSERT_CRITICAL (g_assert_null (l_server_accept_finish (server, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_server_remove (NULL, L_SERVER_OPTIONS_NONE, &error)));

  g_assert_no_error (error);
  g_assert_cmpint (l_socket_get_state (socket), ==, L_SOCKET_STATE_UNCONNECTED);
  g_assert_false (l_server_is_listening (server));
}

/* An error that is there already is a programmer's mistake as well. */
static void
test_critical_error_set (void)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "earlier");

  if (is_unchecked ())
    return;
  ASSERT_CRITICAL (g_assert_false (l_socket_connect_to_server_sync (socket, "x", L_OPEN_MODE_READ_WRITE, NULL, &error)));
  ASSERT_CRITICAL (g_assert_false (l_socket_shutdown_write (socket, &error)));
  ASSERT_CRITICAL (g_assert_cmpint (l_io_device_write (L_IO_DEVICE (socket), "x", 1, &error), ==, -1));
  ASSERT_CRITICAL (g_assert_null (l_io_device_read_all (L_IO_DEVICE (socket), &error)));
  ASSERT_CRITICAL (g_assert_false (l_server_listen (server, "x", &error)));
  ASSERT_CRITICAL (g_assert_false (l_server_remove ("x", L_SERVER_OPTIONS_NONE, &error)));
  g_assert_cmpstr (error->message, ==, "earlier");
}

static void
test_autoptr (void)
{
  gpointer weak_socket = NULL;
  gpointer weak_device = NULL;
  gpointer weak_server = NULL;

  {
    g_autoptr(LSocket) socket = l_socket_new ();
    g_autoptr(LIODevice) device = L_IO_DEVICE (l_socket_new ());
    g_autoptr(LServer) server = l_server_new ();

    g_set_weak_pointer (&weak_socket, socket);
    g_set_weak_pointer (&weak_device, device);
    g_set_weak_pointer (&weak_server, server);
  }

  g_assert_null (weak_socket);
  g_assert_null (weak_device);
  g_assert_null (weak_server);
}

int
main (int    argc,
      char **argv)
{
  gsize i;

  test_init (&argc, &argv);

  g_test_add_func ("/api/version/headers", test_version_headers);
  g_test_add_func ("/api/version/library", test_version_library);
  for (i = 0; i < G_N_ELEMENTS (enum_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/api/enum/", enum_cases[i].path, NULL);

      g_test_add_data_func (path, &enum_cases[i], test_enum);
    }
  g_test_add_func ("/api/error-domain", test_error_domain);
  g_test_add_func ("/api/types", test_types);
  for (i = 0; i < G_N_ELEMENTS (property_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/api/properties/", property_cases[i].path, NULL);
      g_autofree char *notify_path = g_strconcat (path, "/notify", NULL);

      g_test_add_data_func (path, &property_cases[i], test_properties);
      g_test_add_data_func (notify_path, &property_cases[i], test_properties_notify);
    }
  g_test_add_func ("/api/setters/socket", test_setters_socket);
  g_test_add_func ("/api/setters/server", test_setters_server);
  g_test_add_func ("/api/new/socket", test_new_socket);
  g_test_add_func ("/api/new/server", test_new_server);
  for (i = 0; i < G_N_ELEMENTS (signal_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/api/signal/", signal_cases[i].path, NULL);

      g_test_add_data_func (path, &signal_cases[i], test_signal);
    }
  g_test_add_func ("/api/signal/count", test_signal_count);
  for (i = 0; i < G_N_ELEMENTS (critical_cases); i++)
    {
      g_autofree char *null_path = g_strdup_printf ("/api/critical/%s/null", critical_cases[i].name);
      g_autofree char *type_path = g_strdup_printf ("/api/critical/%s/wrong-type", critical_cases[i].name);

      g_test_add_data_func (null_path, &critical_cases[i], test_critical_null);
      g_test_add_data_func (type_path, &critical_cases[i], test_critical_wrong_type);
    }
  g_test_add_func ("/api/critical/arguments", test_critical_arguments);
  g_test_add_func ("/api/critical/error-set", test_critical_error_set);
  g_test_add_func ("/api/autoptr", test_autoptr);

  return test_run ();
}
