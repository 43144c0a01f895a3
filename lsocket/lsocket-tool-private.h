/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* The parts of the command-line program; the man page documents what scripts see of them. */

typedef enum
{
  TOOL_STATUS_OK = 0,
  TOOL_STATUS_FAILED = 1,    /* what has no code of its own: out of resources, not supported here */
  TOOL_STATUS_USAGE = 2,
  TOOL_STATUS_NO_SERVER = 3, /* nobody listens there, or the name is not a valid one */
  TOOL_STATUS_ACCESS = 4,
  TOOL_STATUS_TIMEOUT = 5,
  TOOL_STATUS_IN_USE = 6,
  TOOL_STATUS_IO = 7,        /* a connection broke, or standard input or output did */
  TOOL_STATUS_SIGNAL = 128,  /* and the number of the signal */
} ToolStatus;

int  tool_status_from_error (LSocketError  error);
void tool_print_error       (const char   *format,
                             ...) G_GNUC_PRINTF (1, 2);

/* Tracing: each signal of a socket or a server with the state, on standard error. */
void tool_trace_enable      (void);
void tool_trace_object      (gpointer      object,
                             const char   *label);
void tool_trace_print       (gpointer      object,
                             const char   *format,
                             ...) G_GNUC_PRINTF (2, 3);

/* Standard input and output, without ever blocking in them and without disturbing those who share them. */
void tool_stdio_init        (void);
void tool_stdio_prepare     (void);
void tool_stdio_restore     (void);
void tool_stdio_end_output  (void);

/* A connection joined to standard input and output, to a command or to itself. */
typedef struct _ToolRelay ToolRelay;

/* The connection has ended and everything was delivered; from the main loop, and the relay may be freed in it. */
typedef void (* ToolRelayFunc) (ToolRelay *relay,
                                gpointer   user_data);

ToolRelay *tool_relay_new               (LSocket        *socket,
                                         ToolRelayFunc   ended,
                                         gpointer        user_data);
void       tool_relay_free              (ToolRelay      *self);
int        tool_relay_get_status        (ToolRelay      *self);
gboolean   tool_relay_get_input_ended   (ToolRelay      *self);
gboolean   tool_relay_get_output_failed (ToolRelay      *self);

/* One of these, then start(), for a socket that is connected or about to be. */
void       tool_relay_set_echo          (ToolRelay      *self);
void       tool_relay_set_stdio         (ToolRelay      *self,
                                         gboolean        has_input,
                                         gboolean        keeps_output);
void       tool_relay_set_command       (ToolRelay      *self,
                                         char          **argv);
void       tool_relay_start             (ToolRelay      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolRelay, tool_relay_free)

G_END_DECLS
