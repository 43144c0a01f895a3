/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-enums.h"

/**
 * l_socket_error_quark:
 *
 * Gets the domain of the errors of [error@LSocket.SocketError].
 *
 * Returns: the domain
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (l-socket-error-quark, l_socket_error)

G_DEFINE_ENUM_TYPE (LSocketState, l_socket_state,
                    G_DEFINE_ENUM_VALUE (L_SOCKET_STATE_UNCONNECTED, "unconnected"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_STATE_CONNECTING, "connecting"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_STATE_CONNECTED, "connected"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_STATE_CLOSING, "closing"))

G_DEFINE_ENUM_TYPE (LSocketError, l_socket_error,
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_UNKNOWN, "unknown"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_CONNECTION_REFUSED, "connection-refused"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_PEER_CLOSED, "peer-closed"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_SERVER_NOT_FOUND, "server-not-found"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_ACCESS, "access"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_RESOURCE, "resource"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_TIMEOUT, "timeout"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_DATAGRAM_TOO_LARGE, "datagram-too-large"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_CONNECTION, "connection"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_ADDRESS_IN_USE, "address-in-use"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_UNSUPPORTED_OPERATION, "unsupported-operation"),
                    G_DEFINE_ENUM_VALUE (L_SOCKET_ERROR_OPERATION, "operation"))

G_DEFINE_FLAGS_TYPE (LOpenMode, l_open_mode,
                     G_DEFINE_ENUM_VALUE (L_OPEN_MODE_NOT_OPEN, "not-open"),
                     G_DEFINE_ENUM_VALUE (L_OPEN_MODE_READ_ONLY, "read-only"),
                     G_DEFINE_ENUM_VALUE (L_OPEN_MODE_WRITE_ONLY, "write-only"),
                     G_DEFINE_ENUM_VALUE (L_OPEN_MODE_READ_WRITE, "read-write"),
                     G_DEFINE_ENUM_VALUE (L_OPEN_MODE_UNBUFFERED, "unbuffered"))

G_DEFINE_FLAGS_TYPE (LSocketOptions, l_socket_options,
                     G_DEFINE_ENUM_VALUE (L_SOCKET_OPTIONS_NONE, "none"),
                     G_DEFINE_ENUM_VALUE (L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE, "abstract-namespace"),
                     G_DEFINE_ENUM_VALUE (L_SOCKET_OPTIONS_TEMP_DIRECTORY, "temp-directory"))

G_DEFINE_FLAGS_TYPE (LServerOptions, l_server_options,
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_NONE, "none"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_USER_ACCESS, "user-access"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_GROUP_ACCESS, "group-access"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_OTHER_ACCESS, "other-access"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_WORLD_ACCESS, "world-access"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_ABSTRACT_NAMESPACE, "abstract-namespace"),
                     G_DEFINE_ENUM_VALUE (L_SERVER_OPTIONS_TEMP_DIRECTORY, "temp-directory"))

G_DEFINE_ENUM_TYPE (LPeerPolicy, l_peer_policy,
                    G_DEFINE_ENUM_VALUE (L_PEER_POLICY_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (L_PEER_POLICY_ANY, "any"),
                    G_DEFINE_ENUM_VALUE (L_PEER_POLICY_SAME_USER, "same-user"))
