/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <sys/socket.h>

/* Options of Linux that are newer than the headers of some systems with newer kernels. Two architectures have numbers of
 * their own: there, and on other systems, nobody knows the option. */
#if defined (__linux__) && !defined (__hppa__) && !defined (__sparc__)
# ifndef SO_PEERGROUPS
#  define SO_PEERGROUPS 59
# endif
# ifndef SO_PEERPIDFD
#  define SO_PEERPIDFD 77
# endif
# ifndef SO_PASSPIDFD
#  define SO_PASSPIDFD 76
# endif
# ifndef SO_PASSRIGHTS
#  define SO_PASSRIGHTS 83
# endif
#else
# ifndef SO_PEERGROUPS
#  define SO_PEERGROUPS (-1)
# endif
# ifndef SO_PEERPIDFD
#  define SO_PEERPIDFD (-1)
# endif
# ifndef SO_PASSPIDFD
#  define SO_PASSPIDFD (-1)
# endif
# ifndef SO_PASSRIGHTS
#  define SO_PASSRIGHTS (-1)
# endif
#endif
#ifndef SO_PASSCRED
# define SO_PASSCRED (-1)
#endif
#ifndef SO_PASSSEC
# define SO_PASSSEC (-1)
#endif
