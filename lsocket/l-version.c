/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-version-macros.h"

/**
 * lsocket_get_major_version:
 *
 * Gets the major version of the library that the program runs with.
 *
 * Returns: the 1 of 1.2.3
 *
 * Since: 1.0
 */
guint
lsocket_get_major_version (void)
{
  return LSOCKET_MAJOR_VERSION;
}

/**
 * lsocket_get_minor_version:
 *
 * Gets the minor version of the library that the program runs with.
 *
 * Returns: the 2 of 1.2.3
 *
 * Since: 1.0
 */
guint
lsocket_get_minor_version (void)
{
  return LSOCKET_MINOR_VERSION;
}

/**
 * lsocket_get_micro_version:
 *
 * Gets the micro version of the library that the program runs with.
 *
 * Returns: the 3 of 1.2.3
 *
 * Since: 1.0
 */
guint
lsocket_get_micro_version (void)
{
  return LSOCKET_MICRO_VERSION;
}

/**
 * lsocket_check_version:
 * @major: a major version
 * @minor: a minor version
 * @micro: a micro version
 *
 * Asks whether the library that the program runs with has the same major version and is at least as new.
 *
 * Returns: %TRUE if a program made for that version can run with this library
 *
 * Since: 1.0
 */
gboolean
lsocket_check_version (guint major,
                       guint minor,
                       guint micro)
{
  /* Compared as sums: gcc warns of an unsigned number that is compared with 0. */
  return major == LSOCKET_MAJOR_VERSION &&
         minor * 1000 + micro <= LSOCKET_MINOR_VERSION * 1000 + LSOCKET_MICRO_VERSION;
}
