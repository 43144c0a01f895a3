/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "test-util.h"

/* Runs of the program `lsocket`, which the environment variable LSOCKET_TOOL names, and the other side of them in this
 * program. */

#define ALL_PIPES                                                     \
  (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | \
   G_SUBPROCESS_FLAGS_STDERR_PIPE)

#define MIB (1024 * 1024)

/* What one of its outputs has brought. */
typedef struct
{
  GInputStream *stream;     /* (owned) (nullable) */
  GString      *text;       /* its beginning */
  GChecksum    *checksum;
  gsize         length;
  gboolean      is_paused;
  gboolean      is_reading;
} Output;

typedef struct
{
  GSubprocess   *process;
  GOutputStream *input;     /* (owned) (nullable) */
  Output         output;
  Output         errors;
  GBytes        *to_write;  /* (owned) (nullable) */
  gboolean       has_exited;
  int            signal_number; /* by which it is to end */
} Tool;

void                 output_read (Output *self);
GSubprocessLauncher *launcher_new (GSubprocessFlags flags);
Tool                *start_with (GSubprocessLauncher *launcher,
                                 const char *arguments);
Tool                *start (const char *arguments);
Tool                *start_shell (const char *script);
Tool                *start_server (const char *arguments);
void                 end_input (Tool *tool);
void                 send_bytes (Tool *tool,
                                 GBytes *bytes);
void                 send_text (Tool *tool,
                                const char *text);
void                 wait_for_output (Tool *tool,
                                      const char *text);
void                 wait_for_trace (Tool *tool,
                                     const char *text);
void                 wait_for_exit (Tool *tool,
                                    int status);
void                 end_by_signal (Tool *tool,
                                    int number);
void                 assert_message (Tool *tool,
                                     const char *message);
void                 assert_peer_closed (Tool *tool);
void                 assert_silent (Tool *tool);
void                 tool_free (Tool *tool);
void                 run_to_failure (const char *arguments,
                                     int status,
                                     const char *message);
void                 run_for_output (const char *arguments,
                                     const char *output);
LServer             *listen_here (const char *name);
LSocket             *accept_here (LServer *server);
LSocket             *connect_here (const char *name);
gboolean             has_received (LSocket *socket,
                                   const char *text);
void                 assert_receives (LSocket *socket,
                                      const char *text);
gboolean             is_unconnected (LSocket *socket);
void                 on_input_ended (LIODevice *device,
                                     gboolean *has_ended);
void                 leave_dead_socket (const char *name,
                                        int type);
void                 remove_file (const char *name);
gboolean             has_file (const char *name);
void                 run_in_unsafe_directory (const char *arguments);
GBytes              *make_noise (gsize size,
                                 guint32 seed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tool, tool_free)
