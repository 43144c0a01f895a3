/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include <windows.h>

G_BEGIN_DECLS

/* The name of a pipe, for the layers that hand an address from one to the other. No program ever sees it. */
#define L_TYPE_PIPE_ADDRESS (l_pipe_address_get_type ())
G_DECLARE_FINAL_TYPE (LPipeAddress, l_pipe_address, L, PIPE_ADDRESS, GSocketAddress)

const char      *l_pipe_address_get_name      (LPipeAddress *self);
const gunichar2 *l_pipe_address_get_wide_name (LPipeAddress *self);

/* (nullable): the pipe has no name that can be asked for. */
GSocketAddress  *l_pipe_address_new_from_handle (HANDLE      handle);

G_END_DECLS
