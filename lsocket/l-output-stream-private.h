/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "l-io-device.h"

G_BEGIN_DECLS

/* The output stream of an LIODevice, made when it is asked for. */
#define L_TYPE_OUTPUT_STREAM (l_output_stream_get_type ())
G_DECLARE_FINAL_TYPE (LOutputStream, l_output_stream, L, OUTPUT_STREAM, GOutputStream)

GOutputStream * l_output_stream_new    (LIODevice      *device);

/* Everything queued was sent: who waits for that is taken away, and told once the device has dealt with it. */
GSList         *l_output_stream_take_tasks   (LOutputStream *self);
void            l_output_stream_return_tasks (GSList        *tasks);

/* What was queued was dropped. */
void            l_output_stream_fail_tasks   (LOutputStream *self);

/* The device goes, or its session is over: writing fails with G_IO_ERROR_CLOSED from here, flushing and closing have
 * nothing left to do. */
void            l_output_stream_detach       (LOutputStream *self);

G_END_DECLS
