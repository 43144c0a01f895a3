/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What no table of system calls shows: signals without end, limits of the process, and a clock that jumps. */

#include "test-pattern.h"
#include "test-util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MIB ((gsize) 1024 * 1024)

/* Both ends in one thread: the one writes, the other compares, until all has come and the end. */

typedef struct
{
  LSocket *sender, *receiver;
  guint64  size, n_out, n_in;
} Transfer;

static void
push (Transfer *transfer)
{
  static guint8 piece[64 * 1024];

  while (transfer->n_out < transfer->size && l_io_device_get_bytes_to_write (L_IO_DEVICE (transfer->sender)) < sizeof piece)
    {
      gsize count = MIN (sizeof piece, transfer->size - transfer->n_out);

      test_pattern_fill (piece, transfer->n_out, count);
      g_assert_cmpint (l_io_device_write (L_IO_DEVICE (transfer->sender), piece, count, NULL), ==, count);
      transfer->n_out += count;
    }
}

static void
pull (Transfer *transfer)
{
  static guint8 piece[64 * 1024];
  gssize count;

  while ((count = l_io_device_read (L_IO_DEVICE (transfer->receiver), piece, sizeof piece, NULL)) > 0)
    {
      test_pattern_assert (piece, transfer->n_in, count);
      transfer->n_in += count;
    }
}

static void
run_transfer (LServer *server,
              guint64  size)
{
  Transfer transfer = { .size = size };

  transfer.sender = test_connect (server, &transfer.receiver);
  g_signal_connect_swapped (transfer.sender, "bytes-written", G_CALLBACK (push), &transfer);
  g_signal_connect_swapped (transfer.receiver, "ready-read", G_CALLBACK (pull), &transfer);
  push (&transfer);
  TEST_TURN_UNTIL (transfer.n_out == size);
  l_socket_disconnect_from_server (transfer.sender);
  TEST_TURN_UNTIL (l_socket_get_state (transfer.receiver) == L_SOCKET_STATE_UNCONNECTED);
  pull (&transfer);
  g_assert_cmpuint (transfer.n_in, ==, size);
  g_object_unref (transfer.sender);
  g_object_unref (transfer.receiver);
}

/* Signals */

static volatile sig_atomic_t n_alarms;

static void
on_alarm (int number)
{
  n_alarms++;
}

static void
begin_alarms (void)
{
  const struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
  /* Valgrind looks at all the memory of a call first: the next would come before each call has begun. */
  const struct timeval period = { .tv_usec = test_is_on_valgrind () ? 2000 : 100 };
  const struct itimerval timer = { .it_interval = period, .it_value = period };

  n_alarms = 0;
  g_assert_cmpint (sigaction (SIGALRM, &action, NULL), ==, 0);
  g_assert_cmpint (setitimer (ITIMER_REAL, &timer, NULL), ==, 0);
}

static void
end_alarms (void)
{
  const struct itimerval timer = { 0 };

  g_assert_cmpint (setitimer (ITIMER_REAL, &timer, NULL), ==, 0);
  g_test_message ("%d alarms", (int) n_alarms);
  g_assert_cmpint (n_alarms, >, 10);
}

static void
test_alarms_transfer (void)
{
  g_autoptr(LServer) server = l_server_new ();

  g_test_summary ("Ten thousand signals a second, none of which restarts a call");

  g_assert_true (l_server_listen (server, "market", NULL));
  begin_alarms ();
  for (guint i = 0; i < 4 || n_alarms < 200; i++)
    run_transfer (server, 4 * MIB);
  end_alarms ();
}

static void
test_alarms_waits (void)
{
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(GError) error = NULL;
  gint64 began;

  g_assert_true (l_server_listen (server, "market", NULL));
  begin_alarms ();
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(LSocket) client = l_socket_new ();
      g_autoptr(LSocket) peer = NULL;

      g_assert_true (l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error));
      g_assert_no_error (error);
      g_assert_true (l_server_wait_for_new_connection (server, 10000, NULL));
      peer = l_server_next_pending_connection (server);
      test_write (client, "hello");
      g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (client), 10000));
      g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (peer), 10000));
      g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (peer)), ==, 5);
      /* A deadline stays where it is, however often one is woken. */
      began = g_get_monotonic_time ();
      g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (client), 20));
      g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_TIMEOUT);
      g_assert_cmpint (g_get_monotonic_time () - began, >=, 20 * G_TIME_SPAN_MILLISECOND);
      l_socket_disconnect_from_server (client);
      g_assert_true (l_socket_wait_for_disconnected (peer, 10000));
    }
  end_alarms ();
}

/* Limits */

static guint
get_next_descriptor (void)
{
  int fd = dup (0);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  return fd;
}

static void
on_server_error (LServer      *server,
                 LSocketError  code,
                 guint        *n_errors)
{
  g_assert_cmpint (code, ==, L_SOCKET_ERROR_RESOURCE);
  ++*n_errors;
}

/* With so many descriptors left: either all goes well, or the one that lacked something says so. */
static gboolean
converse (LServer *server,
          LSocket *client)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LSocket) peer = NULL;

  if (!l_server_listen (server, "market", &error))
    {
      g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_RESOURCE);
      return FALSE;
    }

  if (!l_socket_connect_to_server_sync (client, "market", L_OPEN_MODE_READ_WRITE, NULL, &error))
    {
      g_assert_error (error, L_SOCKET_ERROR, L_SOCKET_ERROR_RESOURCE);
      return FALSE;
    }

  if (!l_server_wait_for_new_connection (server, 100, NULL))
    {
      g_assert_cmpint (l_server_get_error (server), ==, L_SOCKET_ERROR_RESOURCE);
      return FALSE;
    }

  peer = l_server_next_pending_connection (server);
  test_write (client, "hello");
  TEST_TURN_UNTIL (l_io_device_get_bytes_available (L_IO_DEVICE (peer)) == 5);
  l_socket_disconnect_from_server (client);
  TEST_TURN_UNTIL (l_socket_get_state (peer) == L_SOCKET_STATE_UNCONNECTED);
  return TRUE;
}

static void
test_descriptors (void)
{
  struct rlimit limit, low;
  guint n_failed = 0;
  gboolean is_done = FALSE;

  g_test_summary ("One descriptor more from time to time, until there are enough");

  if (test_is_on_valgrind ())
    {
      g_test_skip ("Valgrind needs descriptors of its own");
      return;
    }

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  for (guint n_free = 0; !is_done; n_free++)
    {
      g_autoptr(LServer) server = l_server_new ();
      g_autoptr(LSocket) client = l_socket_new ();
      guint n_errors = 0;

      g_signal_connect (server, "error", G_CALLBACK (on_server_error), &n_errors);
      low = limit;
      low.rlim_cur = get_next_descriptor () + n_free;
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
      is_done = converse (server, client);
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
      g_assert_cmpuint (n_errors, <=, 1);
      n_failed += !is_done;

      /* With enough of them the same objects do what they did not. */
      l_socket_abort (client);
      l_server_close (server);
      test_turn_all ();
      g_assert_true (converse (server, client));
      g_assert_cmpuint (n_free, <, 20);
    }
  g_assert_cmpuint (n_failed, >, 2);
}

/* A limit of the address space, in a process of its own: what a peer sends, or does not take, asks for no memory beyond
 * what the buffers may have. */
static void
test_memory (void)
{
  g_autoptr(LSocket) reader = NULL;
  g_autoptr(LSocket) writer = NULL;
  TestRaw sender, taker;
  g_autofree char *piece = NULL;
  g_autofree char *status = NULL;
  struct rlimit limit;
  guint64 size;
  gsize n_taken = 0;

  if (!g_test_subprocess ())
    {
      if (TEST_UNDER_ASAN || TEST_UNDER_TSAN || test_is_on_valgrind ())
        {
          g_test_skip ("its shadow memory needs the address space");
          return;
        }
      g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }

  piece = g_malloc0 (MIB);
  reader = test_socket_with_raw_peer (&sender);
  writer = test_socket_with_raw_peer (&taker);
  l_io_device_set_read_buffer_size (L_IO_DEVICE (reader), 64 * 1024);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (writer), MIB);
  test_turn_all ();

  g_assert_true (g_file_get_contents ("/proc/self/statm", &status, NULL, NULL));
  size = g_ascii_strtoull (status, NULL, 10) * sysconf (_SC_PAGESIZE);
  limit.rlim_cur = limit.rlim_max = size + 24 * MIB;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);

  /* 256 MiB to somebody who reads nothing, and as much that nobody takes. */
  g_assert_cmpint (fcntl ((int) sender, F_SETFL, O_NONBLOCK), ==, 0);
  for (guint i = 0; i < 256; i++)
    {
      GError *error = NULL;
      gssize n;

      while (write ((int) sender, piece, MIB) > 0)
        test_turn_all ();
      n = l_io_device_write (L_IO_DEVICE (writer), piece, MIB, &error);
      if (n < 0)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
      else
        n_taken += n;
      g_clear_error (&error);
      test_turn_all ();
    }
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (reader)), <=, 64 * 1024);
  g_assert_cmpuint (n_taken, <, 8 * MIB);
  test_raw_close (sender);
  test_raw_close (taker);
}

/* The clock */

static gint64 jump; /* of the time of day, in seconds */

int clock_gettime (clockid_t clock, struct timespec *time);

/* In place of the C library's, for whoever is linked into this program. */
int
clock_gettime (clockid_t        clock,
               struct timespec *time)
{
  int result = (int) syscall (SYS_clock_gettime, clock, time);

  if (result == 0 && clock == CLOCK_REALTIME)
    time->tv_sec += jump;

  return result;
}

int gettimeofday (struct timeval *restrict time, void *restrict zone);

int
gettimeofday (struct timeval *restrict time,
              void           *restrict zone)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

static void
test_clock (gconstpointer data)
{
  const gint64 days = GPOINTER_TO_INT (data);
  g_autoptr(LServer) server = l_server_new ();
  g_autoptr(LSocket) client = NULL;
  g_autoptr(LSocket) peer = NULL;
  gint64 began, passed, day;

  g_test_summary ("No deadline is one of the time of day");

  g_assert_true (l_server_listen (server, "market", NULL));
  client = test_connect (server, &peer);
  l_socket_set_idle_timeout (client, 300);
  began = g_get_monotonic_time ();
  day = g_get_real_time ();

  jump = days * 86400;
  g_assert_cmpint (ABS (g_get_real_time () - day), >, G_TIME_SPAN_DAY);
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (peer), 50));
  passed = g_get_monotonic_time () - began;
  g_assert_cmpint (passed, >=, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (l_socket_get_state (peer), ==, L_SOCKET_STATE_CONNECTED);
  TEST_TURN_UNTIL (l_socket_get_state (client) == L_SOCKET_STATE_UNCONNECTED);
  passed = g_get_monotonic_time () - began;
  g_assert_cmpint (passed, >=, 300 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (l_socket_get_error (client), ==, L_SOCKET_ERROR_TIMEOUT);
  run_transfer (server, MIB);
  jump = 0;
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  test_add ("/storms/alarms/transfer", test_alarms_transfer);
  test_add ("/storms/alarms/waits", test_alarms_waits);
  test_add ("/storms/descriptors", test_descriptors);
  g_test_add_func ("/storms/memory", test_memory);
  g_test_add_data_func ("/storms/clock/forward", GINT_TO_POINTER (3650), test_clock);
  g_test_add_data_func ("/storms/clock/back", GINT_TO_POINTER (-3650), test_clock);

  return test_run ();
}
