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
  TOOL_STATUS_PIPE = 141,    /* that of SIGPIPE */
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

/* What of it is the platform's: one file each for Unix and Windows implements these. */

/* What a connection is joined to: standard input or output, or that of a command. It never blocks: what cannot be done
 * now fails with G_IO_ERROR_WOULD_BLOCK, and func, called again and again while there may be something to do, tells when
 * to try again. An output that nobody reads fails with G_IO_ERROR_BROKEN_PIPE. */
typedef struct _ToolStream ToolStream;
typedef void (* ToolStreamFunc) (gpointer user_data);

ToolStream *tool_stream_new_stdin          (void);
ToolStream *tool_stream_new_stdout         (gboolean         is_kept);
/* These take what g_spawn_async_with_pipes() gives. */
ToolStream *tool_stream_new_command_stdin  (int              fd);
ToolStream *tool_stream_new_command_stdout (int              fd);

void        tool_stream_watch              (ToolStream      *self,
                                            ToolStreamFunc   func, /* NULL: no more */
                                            gpointer         user_data);
/* 0: the end. */
gssize      tool_stream_read               (ToolStream      *self,
                                            void            *buffer,
                                            gsize            count,
                                            GError         **error);
/* Whether there is something that was not even read yet. It may be lost. */
gboolean    tool_stream_has_more           (ToolStream      *self);
gssize      tool_stream_write              (ToolStream      *self,
                                            const void      *buffer,
                                            gsize            count,
                                            GError         **error);
/* Whether the system has all that was written. */
gboolean    tool_stream_flush              (ToolStream      *self,
                                            GError         **error);
/* Who reads an output sees its end, unless it is standard output that is kept; and frees it. */
void        tool_stream_close              (ToolStream      *self);

/* Standard input and output as a whole: at the start, before they are used, at the end. */
void        tool_stdio_init                (void);
void        tool_stdio_prepare             (void);
void        tool_stdio_restore             (void);
/* Whether standard error is a terminal on which nothing else is read or written. */
gboolean    tool_stdio_has_free_terminal   (void);

/* number: of the signal that wants an end of the program, as Unix counts. */
typedef void (* ToolSignalFunc) (int number);

void        tool_process_watch_signals     (ToolSignalFunc   func);
/* In UTF-8, or on Unix whatever they are in. */
char      **tool_process_get_arguments     (char           **argv);
/* One that no source watches any more; it may have ended. */
void        tool_process_stop_command      (GPid             pid);
/* number: of the signal, or the exit status. */
gboolean    tool_process_was_killed        (int              wait_status,
                                            int             *number);
/* Whether a connection can end one of its directions. */
gboolean    tool_process_has_half_close    (void);

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
/* How long it waits for the peer when nothing more is to be sent; negative: without end. */
void       tool_relay_set_linger        (ToolRelay      *self,
                                         int             msecs);
void       tool_relay_start             (ToolRelay      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolRelay, tool_relay_free)

/* How far a long copy is, on standard error. It counts one connection after another. */
void       tool_progress_enable         (void);
void       tool_progress_count          (gsize           n_sent,
                                         gsize           n_received);
/* Before something else is printed there. */
void       tool_progress_make_way       (void);
void       tool_progress_end            (void);

/* What the monitor prints. changed is called from the loop: there is room again, or the output is of no use any more. */
typedef struct _ToolLog ToolLog;
typedef void (* ToolLogFunc) (gpointer user_data);

ToolLog   *tool_log_new                 (gboolean        is_hex,
                                         ToolLogFunc     changed,
                                         gpointer        user_data);
void       tool_log_free                (ToolLog        *self);
void       tool_log_event               (ToolLog        *self,
                                         guint           client,
                                         const char     *format,
                                         ...) G_GNUC_PRINTF (3, 4);
void       tool_log_bytes               (ToolLog        *self,
                                         guint           client,
                                         char            mark,
                                         guint64         offset,
                                         GBytes         *bytes);
/* Then nothing more is to be passed on. */
gboolean   tool_log_is_full             (ToolLog        *self);
int        tool_log_get_status          (ToolLog        *self);
/* Waits a little for whoever reads it. */
void       tool_log_finish              (ToolLog        *self);

/* The file of a running server, for which another one is put and taken away again. */
typedef struct
{
  char          *server; /* (owned), where the server is meanwhile */
  char          *front;  /* (owned), where the other is born */
  LServerOptions access; /* that the server has given */
} ToolPlace;

gboolean   tool_place_can_take          (GSocketAddress *address);
ToolPlace *tool_place_new               (GSocketAddress *address,
                                         GError        **error);
/* When somebody listens at the front. */
gboolean   tool_place_take              (ToolPlace      *place,
                                         GError        **error);
/* Gives it back. */
void       tool_place_free              (ToolPlace      *place);

/* A client joined to a server. ended comes from the main loop, and the proxy may be freed in it. */
typedef struct _ToolProxy ToolProxy;
typedef void (* ToolProxyFunc) (ToolProxy *proxy,
                                gpointer   user_data);

ToolProxy *tool_proxy_new               (guint           number,
                                         LSocket        *client,
                                         LSocket        *server,
                                         ToolLog        *log,
                                         ToolProxyFunc   ended,
                                         gpointer        user_data);
void       tool_proxy_free              (ToolProxy      *self);
/* When the log has room again. */
void       tool_proxy_update            (ToolProxy      *self);

/* All of that. ended: nothing more can be printed, and with what status the program ends. */
typedef struct _ToolMonitor ToolMonitor;
typedef void (* ToolMonitorFunc) (int      status,
                                  gpointer user_data);

ToolMonitor *tool_monitor_new         (gboolean          is_hex,
                                       ToolMonitorFunc   ended,
                                       gpointer          user_data);
void         tool_monitor_free        (ToolMonitor      *self);
/* How it is connected to. */
void         tool_monitor_set_server  (ToolMonitor      *self,
                                       LSocketOptions    options,
                                       int               timeout);
/* One of these. */
gboolean     tool_monitor_listen      (ToolMonitor      *self,
                                       const char       *name,
                                       const char       *server_name,
                                       LServerOptions    options,
                                       GError          **error);
gboolean     tool_monitor_take_place  (ToolMonitor      *self,
                                       const char       *name,
                                       LServerOptions    access,
                                       GError          **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolMonitor, tool_monitor_free)

G_END_DECLS
