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
typedef struct _ToolJoint ToolJoint;

/* The connection has ended and everything was delivered; from the main loop, and the joint may be freed in it. */
typedef void (* ToolJointFunc) (ToolJoint *joint,
                                gpointer   user_data);

ToolJoint *tool_joint_new               (LSocket        *socket,
                                         ToolJointFunc   ended,
                                         gpointer        user_data);
void       tool_joint_free              (ToolJoint      *self);
int        tool_joint_get_status        (ToolJoint      *self);
gboolean   tool_joint_get_input_ended   (ToolJoint      *self);
gboolean   tool_joint_get_output_failed (ToolJoint      *self);

/* One of these, then start(), for a socket that is connected or about to be. */
void       tool_joint_set_echo          (ToolJoint      *self);
void       tool_joint_set_stdio         (ToolJoint      *self,
                                         gboolean        has_input,
                                         gboolean        keeps_output);
void       tool_joint_set_command       (ToolJoint      *self,
                                         char          **argv);
void       tool_joint_start             (ToolJoint      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolJoint, tool_joint_free)

G_END_DECLS
