/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <glib-object.h>
#include <lsocket/l-version-macros.h>

G_BEGIN_DECLS

/**
 * L_SOCKET_DEFAULT_TIMEOUT:
 *
 * The time, in milliseconds, that [class@LSocket.Socket] gives a connect attempt unless
 * [property@LSocket.Socket:connect-timeout] says otherwise, and a good value for the waiting functions.
 *
 * Since: 1.0
 */
#define L_SOCKET_DEFAULT_TIMEOUT 30000

/**
 * LSocketState:
 * @L_SOCKET_STATE_UNCONNECTED: There is no connection and no attempt to make one.
 * @L_SOCKET_STATE_CONNECTING: An attempt to connect has begun and not ended.
 * @L_SOCKET_STATE_CONNECTED: The connection stands.
 * @L_SOCKET_STATE_CLOSING: The connection is about to close; data may still wait to be written.
 *
 * The states of a [class@LSocket.Socket].
 *
 * Since: 1.0
 */
typedef enum
{
  L_SOCKET_STATE_UNCONNECTED = 0,
  L_SOCKET_STATE_CONNECTING = 2,
  L_SOCKET_STATE_CONNECTED = 3,
  L_SOCKET_STATE_CLOSING = 6,
} LSocketState;

/**
 * LSocketError:
 * @L_SOCKET_ERROR_UNKNOWN: An unidentified error; as the value of a property also: no error yet.
 * @L_SOCKET_ERROR_CONNECTION_REFUSED: Nobody listens there any more, or the peer refused.
 * @L_SOCKET_ERROR_PEER_CLOSED: The remote end closed the connection.
 * @L_SOCKET_ERROR_SERVER_NOT_FOUND: There is no such name, or it is not a valid one.
 * @L_SOCKET_ERROR_ACCESS: The program lacks the privileges.
 * @L_SOCKET_ERROR_RESOURCE: The system ran out of a resource: descriptors, memory, buffers.
 * @L_SOCKET_ERROR_TIMEOUT: The time given was over.
 * @L_SOCKET_ERROR_DATAGRAM_TOO_LARGE: A message was larger than the system takes.
 * @L_SOCKET_ERROR_CONNECTION: An error occurred with the connection.
 * @L_SOCKET_ERROR_ADDRESS_IN_USE: A live server has the name, or something that is no socket.
 * @L_SOCKET_ERROR_UNSUPPORTED_OPERATION: The operating system, or that kind of descriptor, does not support it.
 * @L_SOCKET_ERROR_OPERATION: It is not allowed in the present state.
 *
 * What can go wrong with a [class@LSocket.Socket] or a [class@LSocket.Server].
 *
 * GIO's own stream functions, and cancellation everywhere, report [error@Gio.IOErrorEnum] instead.
 *
 * Since: 1.0
 */
typedef enum
{
  L_SOCKET_ERROR_UNKNOWN = -1,
  L_SOCKET_ERROR_CONNECTION_REFUSED = 0,
  L_SOCKET_ERROR_PEER_CLOSED = 1,
  L_SOCKET_ERROR_SERVER_NOT_FOUND = 2,
  L_SOCKET_ERROR_ACCESS = 3,
  L_SOCKET_ERROR_RESOURCE = 4,
  L_SOCKET_ERROR_TIMEOUT = 5,
  L_SOCKET_ERROR_DATAGRAM_TOO_LARGE = 6,
  L_SOCKET_ERROR_CONNECTION = 7,
  L_SOCKET_ERROR_ADDRESS_IN_USE = 8,
  L_SOCKET_ERROR_UNSUPPORTED_OPERATION = 10,
  L_SOCKET_ERROR_OPERATION = 19,
} LSocketError;

/**
 * L_SOCKET_ERROR:
 *
 * The domain of the errors of [error@LSocket.SocketError].
 *
 * Since: 1.0
 */
#define L_SOCKET_ERROR (l_socket_error_quark ())

/**
 * LOpenMode:
 * @L_OPEN_MODE_NOT_OPEN: The device is not open.
 * @L_OPEN_MODE_READ_ONLY: Open for reading.
 * @L_OPEN_MODE_WRITE_ONLY: Open for writing.
 * @L_OPEN_MODE_READ_WRITE: Open for both.
 * @L_OPEN_MODE_UNBUFFERED: Each write is offered to the system at once instead of being gathered.
 *
 * What a [class@LSocket.IODevice] is open for.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  L_OPEN_MODE_NOT_OPEN = 0,
  L_OPEN_MODE_READ_ONLY = 1 << 0,
  L_OPEN_MODE_WRITE_ONLY = 1 << 1,
  L_OPEN_MODE_READ_WRITE = L_OPEN_MODE_READ_ONLY | L_OPEN_MODE_WRITE_ONLY,
  L_OPEN_MODE_UNBUFFERED = 1 << 5,
} LOpenMode;

/**
 * LSocketOptions:
 * @L_SOCKET_OPTIONS_NONE: A plain name lives in the runtime directory of the user.
 * @L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE: The name is one of Linux's abstract namespace. Elsewhere a connect
 *   attempt ends with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 * @L_SOCKET_OPTIONS_TEMP_DIRECTORY: A plain name lives where Qt's QLocalServer puts it: in the temporary directory.
 *
 * Where a [class@LSocket.Socket] looks for the name of a server.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  L_SOCKET_OPTIONS_NONE = 0,
  L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE = 1 << 0,
  L_SOCKET_OPTIONS_TEMP_DIRECTORY = 1 << 1,
} LSocketOptions;

/**
 * LServerOptions:
 * @L_SERVER_OPTIONS_NONE: Only the user may connect (mode 0600).
 * @L_SERVER_OPTIONS_USER_ACCESS: The user may connect (mode 0700).
 * @L_SERVER_OPTIONS_GROUP_ACCESS: The group of the server may connect (mode 0070).
 * @L_SERVER_OPTIONS_OTHER_ACCESS: Everybody else may connect (mode 0007).
 * @L_SERVER_OPTIONS_WORLD_ACCESS: All of the three (mode 0777).
 * @L_SERVER_OPTIONS_ABSTRACT_NAMESPACE: The name is one of Linux's abstract namespace. Elsewhere listening fails
 *   with %L_SOCKET_ERROR_UNSUPPORTED_OPERATION.
 * @L_SERVER_OPTIONS_TEMP_DIRECTORY: A plain name lives where Qt's QLocalSocket looks for it: in the temporary directory.
 *
 * Who may connect to a [class@LSocket.Server], and where its name lives.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  L_SERVER_OPTIONS_NONE = 0,
  L_SERVER_OPTIONS_USER_ACCESS = 1 << 0,
  L_SERVER_OPTIONS_GROUP_ACCESS = 1 << 1,
  L_SERVER_OPTIONS_OTHER_ACCESS = 1 << 2,
  L_SERVER_OPTIONS_WORLD_ACCESS = 7,
  L_SERVER_OPTIONS_ABSTRACT_NAMESPACE = 1 << 3,
  L_SERVER_OPTIONS_TEMP_DIRECTORY = 1 << 4,
} LServerOptions;

/**
 * LPeerPolicy:
 * @L_PEER_POLICY_AUTO: What fits the name. A server at a path lets in whom the mode of its socket lets in; at an abstract
 *   name, which has no mode, it lets in its own user and root, with %L_SERVER_OPTIONS_GROUP_ACCESS its group too and with
 *   %L_SERVER_OPTIONS_OTHER_ACCESS everybody. A client that was given a plain or an abstract name talks only to a server
 *   of its own user or of root, and at an absolute path or through a full name of a pipe to whoever serves it.
 * @L_PEER_POLICY_ANY: Everybody.
 * @L_PEER_POLICY_SAME_USER: The same user and root; on Windows that is the account of the system.
 *
 * Who a [class@LSocket.Socket] talks to, and whom a [class@LSocket.Server] lets in. Who cannot be told is nobody's user.
 *
 * Since: 1.0
 */
typedef enum
{
  L_PEER_POLICY_AUTO,
  L_PEER_POLICY_ANY,
  L_PEER_POLICY_SAME_USER,
} LPeerPolicy;

#define L_TYPE_SOCKET_STATE   (l_socket_state_get_type ())
#define L_TYPE_SOCKET_ERROR   (l_socket_error_get_type ())
#define L_TYPE_OPEN_MODE      (l_open_mode_get_type ())
#define L_TYPE_SOCKET_OPTIONS (l_socket_options_get_type ())
#define L_TYPE_SERVER_OPTIONS (l_server_options_get_type ())
#define L_TYPE_PEER_POLICY    (l_peer_policy_get_type ())

LSOCKET_AVAILABLE_IN_1_0
GType  l_socket_state_get_type   (void);

LSOCKET_AVAILABLE_IN_1_0
GType  l_socket_error_get_type   (void);

LSOCKET_AVAILABLE_IN_1_0
GQuark l_socket_error_quark      (void);

LSOCKET_AVAILABLE_IN_1_0
GType  l_open_mode_get_type      (void);

LSOCKET_AVAILABLE_IN_1_0
GType  l_socket_options_get_type (void);

LSOCKET_AVAILABLE_IN_1_0
GType  l_server_options_get_type (void);

LSOCKET_AVAILABLE_IN_1_0
GType  l_peer_policy_get_type    (void);

G_END_DECLS
