/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>

#include "l-error-private.h"

/* Every errno that the manual pages name for connect(), bind(), listen(), accept(), send() and recv() has a row. */
LSocketError
l_error_from_system (int code)
{
  switch (code)
    {
    case EADDRNOTAVAIL:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOENT:
    case ENOTDIR:
      return L_SOCKET_ERROR_SERVER_NOT_FOUND;

    case EACCES:
    case EPERM:
    case EROFS:
      return L_SOCKET_ERROR_ACCESS;

    case EAGAIN: /* a backlog that stays full; elsewhere it is waited for */
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
#ifdef ENOSR
    case ENOSR:
#endif
    case ETOOMANYREFS:
      return L_SOCKET_ERROR_RESOURCE;

    case ECONNREFUSED:
      return L_SOCKET_ERROR_CONNECTION_REFUSED;

    case ECONNRESET:
    case EPIPE:
      return L_SOCKET_ERROR_PEER_CLOSED;

    case EADDRINUSE:
    case EEXIST:
    case EISDIR:
      return L_SOCKET_ERROR_ADDRESS_IN_USE;

    case ETIMEDOUT:
      return L_SOCKET_ERROR_TIMEOUT;

    case EMSGSIZE:
      return L_SOCKET_ERROR_DATAGRAM_TOO_LARGE;

    case EAFNOSUPPORT:
    case EBADF:
    case ENOPROTOOPT:
    case ENOSYS:
    case ENOTSOCK:
    case EOPNOTSUPP:
#if ENOTSUP != EOPNOTSUPP
    case ENOTSUP:
#endif
    case EPFNOSUPPORT:
    case EPROTONOSUPPORT:
    case EPROTOTYPE:
    case ESOCKTNOSUPPORT:
      return L_SOCKET_ERROR_UNSUPPORTED_OPERATION;

    case EALREADY:
    case EDESTADDRREQ:
    case EINPROGRESS:
    case EISCONN:
      return L_SOCKET_ERROR_OPERATION;

    case ECONNABORTED:
    case EFAULT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EINTR:
    case EINVAL:
    case EIO:
    case ENETDOWN:
    case ENETRESET:
    case ENETUNREACH:
#ifdef ENONET
    case ENONET:
#endif
    case ENOTCONN:
    case EPROTO: /* what a client that has gone leaves in accept() on some systems */
    case ESHUTDOWN:
      return L_SOCKET_ERROR_CONNECTION;

    default:
      return L_SOCKET_ERROR_UNKNOWN;
    }
}

const char *
l_error_get_text (int code)
{
  return g_strerror (code);
}

char *
l_error_get_locale_dir (void)
{
  return g_strdup (LSOCKET_LOCALEDIR);
}
