/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-stream-link-private.h"

G_BEGIN_DECLS

/* The input stream of an LIODevice, made when it is asked for. */
#define L_TYPE_INPUT_STREAM (l_input_stream_get_type ())
G_DECLARE_FINAL_TYPE (LInputStream, l_input_stream, L, INPUT_STREAM, GInputStream)

GInputStream *l_input_stream_new      (LIODevice    *device);
LStreamLink  *l_input_stream_get_link (LInputStream *self);

G_END_DECLS
