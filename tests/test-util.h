/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* What the test programs share. Everything happens in one main context, turned until what is expected has come; no
 * sleeps, no fixed names. */

/* g_test_init() and a private, short runtime directory in XDG_RUNTIME_DIR that goes at the end. */
void        test_init                 (int           *argc,
                                       char        ***argv);
int         test_run                  (void);
const char *test_get_directory        (void);
char       *test_build_path           (const char    *name);

/* Turns the default context until the expression is true, and fails after ten seconds. */
#define TEST_TURN_UNTIL(expression)                                                            \
  G_STMT_START                                                                                 \
    {                                                                                          \
      gint64 test_deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;                \
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

guint       test_count_descriptors    (void);

/* Records every signal of a socket or a server, as “state-changed(connecting)”, “error(peer-closed)”,
 * “bytes-written(5)”, “ready-read”. */
typedef struct
{
  GObject   *object; /* (unowned) */
  GPtrArray *events; /* (element-type utf8) */
} TestTrace;

TestTrace  *test_trace_new            (gpointer       object);
void        test_trace_free           (TestTrace     *trace);
void        test_trace_clear          (TestTrace     *trace);
/* The names expected, separated by spaces; the record is empty afterwards. */
void        test_trace_assert         (TestTrace     *trace,
                                       const char    *expected);
gboolean    test_trace_has            (TestTrace     *trace,
                                       const char    *event);

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

/* A plain blocking socketpair() whose first end is in an LSocket and whose second is the test's own descriptor. */
LSocket    *test_socket_with_raw_peer (int           *raw_peer);

void        test_write                (LSocket       *socket,
                                       const char    *text);
char       *test_read                 (LSocket       *socket);

/* For GAsyncReadyCallback: keeps the result. */
void        test_store_result         (GObject       *source,
                                       GAsyncResult  *result,
                                       gpointer       result_out);

G_END_DECLS
