/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-stream-link-private.h"

G_BEGIN_DECLS

/* The output stream of an LIODevice, made when it is asked for. */
#define L_TYPE_OUTPUT_STREAM (l_output_stream_get_type ())
G_DECLARE_FINAL_TYPE (LOutputStream, l_output_stream, L, OUTPUT_STREAM, GOutputStream)

GOutputStream *l_output_stream_new      (LIODevice     *device);
LStreamLink   *l_output_stream_get_link (LOutputStream *self);

G_END_DECLS
