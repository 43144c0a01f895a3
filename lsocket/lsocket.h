/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#define LSOCKET_INSIDE

#include <lsocket/l-credentials.h>
#include <lsocket/l-enums.h>
#include <lsocket/l-io-device.h>
#include <lsocket/l-server.h>
#include <lsocket/l-socket.h>
#include <lsocket/l-version.h>
#include <lsocket/l-version-macros.h>

#undef LSOCKET_INSIDE
