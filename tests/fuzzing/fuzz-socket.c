/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-socket.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The state machine: what a program calls, what its handlers do and what the other end does, in any order, followed by the
 * model in fuzz-socket-model.c. Everything happens in one main context of this thread, turn by turn: nothing sleeps, and the
 * same bytes do the same.
 *
 * The input: operations of three bytes, an opcode and two numbers. One that says what a handler does is followed by what
 * that is. */

#define MAX_OPERATIONS 300
#define MAX_HANDLED    60   /* by handlers, in one case */
#define MAX_DEPTH      4
#define N_CANCELLABLES 4

typedef struct
{
  FuzzOperation operation;
  guint         n_left;     /* how often */
} Handler;

FuzzSubject *fuzz_current;
guint        fuzz_n_asyncs;
guint        fuzz_n_writes;

static GPtrArray    *subjects;     /* (element-type FuzzSubject) */
static GCancellable *cancellables[N_CANCELLABLES]; /* (owned) (nullable) */
static Handler       handlers[sizeof FUZZ_LETTERS - 1];
static guint         n_handled;
static guint         depth;
static gboolean      is_ending;
static const char   *directory;

static void run_operation (FuzzOperation operation);

static void
on_event (FuzzSubject *subject,
          char         letter)
{
  Handler *handler = &handlers[strchr (FUZZ_LETTERS, letter) - FUZZ_LETTERS];
  FuzzSubject *before = fuzz_current;

  if (fuzz_is_verbose)
    g_printerr ("%*s%c\n", 2 * (int) depth + 4, "", letter);

  if (handler->n_left == 0 || depth >= MAX_DEPTH || n_handled >= MAX_HANDLED || is_ending)
    return;

  handler->n_left--;
  n_handled++;
  subject->is_disturbed = TRUE;
  fuzz_current = subject;
  depth++;
  run_operation (handler->operation);
  depth--;
  if (fuzz_subject_is_usable (before))
    fuzz_current = before;
}

static void
add_subject (void)
{
  fuzz_current = fuzz_subject_new (on_event);
  g_ptr_array_add (subjects, fuzz_current);
}

GCancellable *
fuzz_get_cancellable (guint number)
{
  GCancellable **slot = &cancellables[number % N_CANCELLABLES];

  /* Without one most of the time. */
  if ((number & 0x80) == 0)
    return NULL;

  if (*slot == NULL)
    *slot = g_cancellable_new ();
  return *slot;
}

/* Around the sizes of buffers, too. */
static gsize
get_size (guint8 size)
{
  if (size < 200)
    return size;

  return MIN ((gsize) 1 << (size - 200) / 3, FUZZ_MAX_BYTES);
}

/* The state machine */

static LOpenMode
get_mode (guint8 number)
{
  static const LOpenMode modes[] = {
    L_OPEN_MODE_READ_WRITE, L_OPEN_MODE_READ_WRITE, L_OPEN_MODE_READ_ONLY, L_OPEN_MODE_WRITE_ONLY,
    L_OPEN_MODE_READ_WRITE | L_OPEN_MODE_UNBUFFERED, L_OPEN_MODE_NOT_OPEN,
  };

  return modes[number % G_N_ELEMENTS (modes)];
}

static void
adopt (guint8       number,
       LSocketState state)
{
  FuzzSubject *subject = fuzz_current;
  FuzzLink *outer = subject->adopted;
  int outer_fd = subject->adopted_fd;
  guint n_ends = subject->n_ends;
  FuzzLink *link;
  int fd;

  link = fuzz_peers_add_pair (0, &fd);
  subject->adopted = link;
  subject->adopted_fd = fd;
  if (!l_socket_set_socket_descriptor (subject->socket, fd, state, get_mode (number), NULL))
    {
      close (fd);
      fuzz_link_close (link);
    }

  /* A handler that is asked while one is taken over may try the same; that one goes on if it did not end. */
  if (subject->adopted != link)
    return;
  subject->adopted = subject->n_ends == n_ends ? outer : NULL;
  subject->adopted_fd = outer_fd;
}

static void
adopt_something_else (void)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_false (l_socket_set_socket_descriptor (fuzz_current->socket, fd, L_SOCKET_STATE_CONNECTED,
                                                  L_OPEN_MODE_READ_WRITE, NULL));
  close (fd);
}

static void
begin (guint8 number,
       guint8 size)
{
  LOpenMode mode = get_mode (size);
  g_autofree char *path = NULL;

  /* About-to-close comes before the new session. */
  fuzz_subject_drop_input (fuzz_current);
  switch (number % 8)
    {
    case 0:
    case 1:
      l_socket_connect_to_server (fuzz_current->socket, "s", mode);
      break;
    case 2:
      l_socket_connect_to_server (fuzz_current->socket, "absent", mode);
      break;
    case 3:
      path = g_build_filename (directory, "s", NULL);
      l_socket_connect_to_server (fuzz_current->socket, path, mode);
      break;
    case 4:
      fuzz_connect_async (number, mode);
      break;
    case 5:
      adopt (size, L_SOCKET_STATE_CONNECTED);
      break;
    case 6:
      adopt (size, L_SOCKET_STATE_CONNECTING);
      break;
    default:
      adopt_something_else ();
      break;
    }
}

/* The last reference of a connected socket drops everything; one that is closing goes on. */
static void
drop_socket (void)
{
  FuzzSubject *subject = fuzz_current;

  if (!subject->is_owned)
    return;

  if (subject->state != L_SOCKET_STATE_CLOSING)
    {
      fuzz_subject_drop_output (subject);
      fuzz_subject_drop_input (subject);
    }
  subject->is_owned = FALSE;
  g_object_unref (subject->socket);
}

/* With nothing queued, and nobody who may queue more, there is nothing that it could wait for. */
static void
close_now (guint8 number)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  GIOStream *stream = G_IO_STREAM (fuzz_current->socket);
  guint handled = n_handled;

  fuzz_subject_drop_input (fuzz_current);
  if ((number & 0x40) != 0 && l_io_device_get_bytes_to_write (fuzz_get_device ()) == 0)
    {
      g_clear_object (&cancellable);
      n_handled = MAX_HANDLED;
    }
  else
    {
      fuzz_subject_drop_output (fuzz_current);
      g_cancellable_cancel (cancellable);
    }

  g_io_stream_close (stream, cancellable, NULL);
  n_handled = MAX (handled, cancellable != NULL ? n_handled : 0);
}

static void
end (guint8 number)
{
  switch (number % 4)
    {
    case 0:
      l_socket_disconnect_from_server (fuzz_current->socket);
      break;
    case 1:
      fuzz_subject_drop_input (fuzz_current);
      fuzz_subject_drop_output (fuzz_current);
      l_socket_abort (fuzz_current->socket);
      break;
    case 2:
      close_now (number);
      break;
    default:
      l_socket_shutdown_write (fuzz_current->socket, NULL);
      break;
    }
}

static void
wait (guint8 number)
{
  LSocket *socket = fuzz_current->socket;

  switch (number % 5)
    {
    case 0:
      l_socket_wait_for_connected (socket, 0);
      break;
    case 1:
      l_io_device_wait_for_ready_read (L_IO_DEVICE (socket), 0);
      break;
    case 2:
      l_io_device_wait_for_bytes_written (L_IO_DEVICE (socket), 0);
      break;
    case 3:
      l_socket_wait_for_disconnected (socket, 0);
      break;
    default:
      l_socket_flush (socket);
      break;
    }
}

static void
set (guint8 number,
     gsize  size)
{
  fuzz_warnings_expected = TRUE;
  switch (number % 7)
    {
    case 0:
      l_io_device_set_read_buffer_size (fuzz_get_device (), size);
      fuzz_subject_limit_input (fuzz_current);
      break;
    case 1:
      l_io_device_set_write_buffer_size (fuzz_get_device (), size);
      break;
    case 2:
      l_socket_set_half_open (fuzz_current->socket, size % 2 != 0);
      break;
    case 3:
      l_socket_set_connect_timeout (fuzz_current->socket, size % 2 != 0 ? 0 : -1);
      break;
    case 4:
      l_socket_set_peer_policy (fuzz_current->socket, size % 2 != 0 ? L_PEER_POLICY_SAME_USER : L_PEER_POLICY_AUTO);
      break;
    case 5:
      l_socket_set_count_descriptors (fuzz_current->socket, size % 2 != 0);
      break;
    default:
      l_socket_set_options (fuzz_current->socket, size % 2 != 0 ? L_SOCKET_OPTIONS_TEMP_DIRECTORY : L_SOCKET_OPTIONS_NONE);
      break;
    }
  fuzz_warnings_expected = FALSE;
}

static void
act_as_peer (guint8 number,
             gsize  size)
{
  FuzzLink *link = fuzz_peers_get (number >> 4);

  switch (number % 8)
    {
    case 0:
      fuzz_peers_accept ();
      return;
    case 1:
      fuzz_peers_listen ();
      return;
    case 2:
      fuzz_peers_stop ();
      return;
    case 3:
      fuzz_peers_fill_backlog ();
      return;
    default:
      break;
    }

  if (link == NULL)
    return;

  switch (number % 8)
    {
    case 4:
      fuzz_link_send (link, size);
      break;
    case 5:
      fuzz_link_receive (link, size);
      break;
    case 6:
      fuzz_link_shut_down (link);
      break;
    default:
      fuzz_link_close (link);
      break;
    }
}

static void
cancel (guint8 number)
{
  g_autoptr(GCancellable) cancellable = g_steal_pointer (&cancellables[number % N_CANCELLABLES]);

  if (cancellable != NULL)
    g_cancellable_cancel (cancellable);
}

static void
turn (guint8 number)
{
  if ((number & 1) != 0)
    g_main_context_iteration (fuzz_context, FALSE);
  else
    fuzz_turn_all ();
}

/* The input */

static void
set_handler (guint8 number)
{
  Handler *handler = &handlers[number % G_N_ELEMENTS (handlers)];

  handler->n_left = 1 + number / 64;
  handler->operation = fuzz_read_operation ();
}

static void
run_operation (FuzzOperation operation)
{
  static const char * const names[] = {
    "begin", "end", "peer", "peer", "turn", "read", "write", "wait", "set", "read-async", "write-async", "end-async",
    "streams", "cancel-or-transact", "drop-or-unread", "set-handler",
  };
  guint8 number = operation.number;
  gsize size = get_size (operation.size);

  if (fuzz_is_verbose)
    g_printerr ("%*s%s %u %u\n", 2 * (int) depth, "", names[operation.code % 16], number, operation.size);

  if (!fuzz_subject_is_usable (fuzz_current))
    {
      if (depth > 0)
        return;
      add_subject ();
    }

  switch (operation.code % 16)
    {
    case 0:
      begin (number, operation.size);
      break;
    case 1:
      end (number);
      break;
    case 2:
    case 3:
      act_as_peer (number, size);
      break;
    case 4:
      turn (number);
      break;
    case 5:
      fuzz_read_some (number, size);
      break;
    case 6:
      fuzz_write_some (number, size);
      break;
    case 7:
      wait (number);
      break;
    case 8:
      set (number, size);
      break;
    case 9:
      fuzz_read_async (number, size);
      break;
    case 10:
      fuzz_write_async (number, size);
      break;
    case 11:
      fuzz_end_async (number);
      break;
    case 12:
      fuzz_use_streams (number, size);
      break;
    case 13:
      if (number % 2 != 0)
        cancel (number / 2);
      else
        fuzz_transact (number / 2);
      break;
    case 14:
      if (number % 4 == 0)
        drop_socket ();
      else
        fuzz_unread (size);
      break;
    default:
      if (depth == 0)
        set_handler (number);
      break;
    }
}

/* The end: the other ends go, which everybody notices; what is still there is aborted, and everything has gone. */

static void
check_noticed (void)
{
  fuzz_turn_all ();
  for (guint i = 0; i < subjects->len; i++)
    {
      FuzzSubject *subject = subjects->pdata[i];

      fuzz_subject_check (subject);
      if (subject->state == L_SOCKET_STATE_CONNECTED || subject->state == L_SOCKET_STATE_CLOSING)
        g_assert_false (fuzz_subject_is_usable (subject));
    }
}

static gboolean
has_dropped_subject (void)
{
  for (guint i = 0; i < subjects->len; i++)
    {
      FuzzSubject *subject = subjects->pdata[i];

      if (g_atomic_pointer_get (&subject->socket) != NULL)
        return TRUE;
    }

  return FALSE;
}

/* What began on the stream of a session and was not done at its end went there. */
static void
await_threads (void)
{
  gint64 deadline = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;

  while (fuzz_n_asyncs > 0 || has_dropped_subject ())
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (fuzz_context, FALSE);
      g_thread_yield ();
    }
}

static void
end_case (void)
{
  is_ending = TRUE;
  fuzz_peers_close_all ();
  check_noticed ();

  for (guint i = 0; i < N_CANCELLABLES; i++)
    cancel (i);
  fuzz_turn_all ();
  for (guint i = 0; i < subjects->len; i++)
    {
      FuzzSubject *subject = subjects->pdata[i];

      if (fuzz_subject_is_usable (subject))
        l_socket_abort (subject->socket);
      if (subject->is_owned)
        g_object_unref (subject->socket);
      subject->is_owned = FALSE;
    }
  fuzz_turn_all ();
  await_threads ();
  fuzz_turn_all ();
  g_ptr_array_set_size (subjects, 0);
  fuzz_peers_clear ();
}

static void
run_case (void)
{
  memset (handlers, 0, sizeof handlers);
  n_handled = 0;
  is_ending = FALSE;
  fuzz_peers_listen ();
  add_subject ();

  for (guint i = 0; i < MAX_OPERATIONS && fuzz_input.left > 0; i++)
    {
      run_operation (fuzz_read_operation ());
      for (guint k = 0; k < subjects->len; k++)
        fuzz_subject_check (subjects->pdata[k]);
    }
  end_case ();
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  static const char * const names[] = { "s", NULL };
  g_autofree char *path = NULL;

  directory = fuzz_case_init (names);
  path = g_build_filename (directory, "s", NULL);
  fuzz_peers_init (path);
  subjects = g_ptr_array_new_with_free_func ((GDestroyNotify) fuzz_subject_free);

  fuzz_case_run (NULL, 0, run_case);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  fuzz_case_run (data, size, run_case);
  return 0;
}
