/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* What the test programs share. Everything happens in one main context, turned until what is expected has come; no
 * sleeps, no fixed names. */

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined (__SANITIZE_ADDRESS__) || __has_feature (address_sanitizer)
#define TEST_UNDER_ASAN 1
#else
#define TEST_UNDER_ASAN 0
#endif
#if defined (__SANITIZE_THREAD__) || __has_feature (thread_sanitizer)
#define TEST_UNDER_TSAN 1
#else
#define TEST_UNDER_TSAN 0
#endif

/* g_test_init() and a private, short runtime directory in XDG_RUNTIME_DIR that goes at the end. */
void        test_init                 (int           *argc,
                                       char        ***argv);
int         test_run                  (void);
/* Some cases only Unix has: there a direction can be shut down, and names are paths of files. */
gboolean    test_is_unix              (void);
/* Where names without a directory are; on Windows that of the pipes. */
const char *test_get_directory        (void);
char       *test_build_path           (const char    *name);
/* A socket or a pipe. */
gboolean    test_path_exists          (const char    *path);

/* How long something may take that only a hang would keep from coming, in seconds: a busy machine is no failure. */
#define TEST_PATIENCE 60

/* Turns the default context until the expression is true, and fails when the patience is at an end. */
#define TEST_TURN_UNTIL(expression)                                                            \
  G_STMT_START                                                                                 \
    {                                                                                          \
      gint64 test_deadline = g_get_monotonic_time () + TEST_PATIENCE * G_TIME_SPAN_SECOND;     \
      while (!(expression))                                                                    \
        {                                                                                      \
          if (g_get_monotonic_time () > test_deadline)                                         \
            g_error ("%s:%d: never became true: %s", __FILE__, __LINE__, #expression);         \
          test_turn ();                                                                        \
        }                                                                                      \
    }                                                                                          \
  G_STMT_END

/* One turn that waits for at most some milliseconds; and as many as there is something to do. */
void        test_turn                 (void);
void        test_turn_all             (void);
/* Until what is ready now shows in a turn. */
void        test_let_system_tell      (void);

/* Of the process; on Windows its pipes. */
guint       test_count_descriptors    (void);
/* On Windows of any kind. The system has some for itself, which come and go. */
guint       test_count_handles        (void);

/* Ends a child that was forked; not on Windows. It never returns, but the compiler is not to know: it would forget what
 * the functions of the parent hold, and Valgrind would miss that. */
void        test_exit_child           (int            status);

/* g_test_add_func() and g_test_add_data_func() for cases that leave no descriptor behind. */
void        test_add                  (const char    *path,
                                       GTestFunc      func);
void        test_add_data             (const char    *path,
                                       gconstpointer  data,
                                       GTestDataFunc  func);

/* The processor time of this thread, in microseconds. */
gint64      test_get_cpu_time         (void);
/* For a thread that is to block, and another that waits until it does; were it to take something else for that, the
 * test would still hold. */
gintptr     test_get_thread           (void);
void        test_wait_until_blocked   (gintptr        thread);
/* Signals of the system every few milliseconds; on Unix. */
void        test_begin_interrupting   (void);
void        test_end_interrupting     (void);
/* Valgrind is slow and has descriptors of its own: limits of either say nothing there. */
gboolean    test_is_on_valgrind       (void);

/* The warnings of the library that follow are no failure; ends with how many there were. */
void        test_begin_warnings       (void);
guint       test_end_warnings         (void);

typedef struct _TestTrace TestTrace;

typedef void (* TestTraceFunc) (TestTrace  *trace,
                                const char *event,
                                gpointer    user_data);

/* Records every signal of a socket or a server, as “state-changed(connecting)”, “error(peer-closed)”,
 * “bytes-written(5)”, “ready-read”. */
struct _TestTrace
{
  GObject      *object; /* (unowned) (nullable) */
  GPtrArray    *events; /* (element-type utf8) */
  GPtrArray    *lines;  /* (element-type utf8) (nullable): with what the accessors said */
  TestTraceFunc func;   /* (nullable): called in each handler, after the record */
  gpointer      user_data;

  /* What a socket's signals have told so far; each that does not fit fails the test. */
  LSocketState  state;
  gboolean      notified;   /* of the state, without state-changed yet */
  gboolean      reached;    /* CONNECTED, in this session */
  gboolean      finished;   /* read-channel-finished was emitted in this session */
  gboolean      ended;      /* disconnected was emitted in this session */
};

TestTrace  *test_trace_new            (gpointer       object);
/* For a socket: with each event what the accessors say in its handler, as
 * “EVENT STATE FLAGS BYTES-AVAILABLE SERVER-NAME FULL-SERVER-NAME ERROR”. FLAGS are o: open, v: valid, d: has a
 * descriptor; the test's directory is “~”. It also fails when properties or signals contradict each other. */
TestTrace  *test_trace_new_full       (LSocket       *socket);
void        test_trace_set_func       (TestTrace     *trace,
                                       TestTraceFunc  func,
                                       gpointer       user_data);
void        test_trace_free           (TestTrace     *trace);
void        test_trace_clear          (TestTrace     *trace);
/* The names expected, separated by spaces; the record is empty afterwards. */
void        test_trace_assert         (TestTrace     *trace,
                                       const char    *expected);
gboolean    test_trace_has            (TestTrace     *trace,
                                       const char    *event);
/* The same for a full trace: whole lines, each with a newline. Where bytes-written comes in several pieces, they stand
 * as one “bytes-written(*)”. */
void        test_trace_assert_lines   (TestTrace     *trace,
                                       const char    *expected);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestTrace, test_trace_free)

/* A listening server and the two ends of a connection to it, both ready; nothing is traced yet. */
typedef struct
{
  LServer *server;
  LSocket *client;
  LSocket *peer;   /* the accepted end */
} TestPair;

void        test_pair_init            (TestPair      *pair);
void        test_pair_clear           (TestPair      *pair);

/* Connects a new client to a listening server and gives the accepted end. */
LSocket    *test_connect              (LServer       *server,
                                       LSocket      **peer);

/* A connection between this thread and another one, which makes its socket in a context of its own and owns it. That end
 * is half-open, and goes when the function returns. */
typedef void (* TestFarFunc) (LSocket  *socket,
                              gpointer  user_data);

typedef struct
{
  LServer    *server;
  LSocket    *socket; /* the accepted end, of this thread */
  GThread    *thread;
  TestFarFunc func;
  gpointer    user_data;
} TestFar;

void        test_far_init             (TestFar       *far,
                                       TestFarFunc    func,
                                       gpointer       user_data);
/* Waits for the thread, while no loop turns here. */
void        test_far_join             (TestFar       *far);
void        test_far_clear            (TestFar       *far);

/* Peers that are no LSocket: the system's own ends of a connection, blocking, in place of what they are connected to
 * (a descriptor, or on Windows the handle of a pipe). Where something is awaited there is a limit: the patience. */
typedef gintptr TestRaw;

void        test_raw_pair             (TestRaw        raws[2]);
/* An end of a pair in an LSocket, and the other. */
LSocket    *test_socket_with_raw_peer (TestRaw       *raw_peer);

TestRaw     test_raw_listen           (const char    *path,
                                       int            backlog);
TestRaw     test_raw_connect          (const char    *path);
gboolean    test_raw_is_waiting       (TestRaw        listener);
TestRaw     test_raw_accept           (TestRaw        listener);
/* How attempts fail that waited for a listener that is gone. */
const char *test_get_gone_error       (void);
/* Clients until the backlog is full. */
GArray     *test_raw_fill_backlog     (const char    *path);
/* Both directions, while other threads may use it; on Unix also one. */
void        test_raw_shut_down        (TestRaw        raw);
void        test_raw_shut_down_write  (TestRaw        raw);
void        test_raw_close            (TestRaw        raw);
/* It does not block, and no program that is started gets it; on Windows the latter. */
gboolean    test_raw_is_set_up        (TestRaw        raw);
/* As much as it takes while nobody reads; on Unix. */
gsize       test_raw_fill             (TestRaw        raw);
void        test_raw_close_all        (GArray        *raws);

/* What was sent or received; -1 when the other end is broken, and 0 received at the end. They block. */
gssize      test_raw_send             (TestRaw        raw,
                                       const void    *data,
                                       gsize          size);
gssize      test_raw_receive          (TestRaw        raw,
                                       void          *buffer,
                                       gsize          size);
/* As much as there is by now; *ended is set at the end, also when the other end is broken. */
gsize       test_raw_try_receive      (TestRaw        raw,
                                       void          *buffer,
                                       gsize          size,
                                       gboolean      *ended);
void        test_raw_write            (TestRaw        raw,
                                       const char    *text);
/* Turns the default context until that much has come, or until the end. */
char       *test_raw_read             (TestRaw        raw,
                                       gsize          count);
gsize       test_raw_read_to_end      (TestRaw        raw);
/* What has come by now; *ended: and the end. */
gsize       test_raw_take             (TestRaw        raw,
                                       gboolean      *ended);

/* More than the system takes without anybody reading. */
#define TEST_LARGE (4 * 1024 * 1024)
void        test_write_large          (LSocket       *socket);

void        test_write                (LSocket       *socket,
                                       const char    *text);
char       *test_read                 (LSocket       *socket);

/* For GAsyncReadyCallback: keeps the result. */
void        test_store_result         (GObject       *source,
                                       GAsyncResult  *result,
                                       gpointer       result_out);

G_END_DECLS
