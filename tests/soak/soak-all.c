/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first process: it starts the others, kills some of them again and again, adds up what they say, and is the judge. */

#define N_CLIENTS 4
#define N_STEADY_CLIENTS 2
#define N_CHILDREN (SOAK_N_SERVERS + N_CLIENTS)

#define KILL_PAUSE 300                       /* ms, on the average; every other try hits one that lives on */
#define REST_LIMIT (60 * G_TIME_SPAN_SECOND) /* how long it may take until all rest, or have ended */
#define WARM_UP 5                            /* the first fifth of the time */
#define LONG_ENOUGH (2 * G_TIME_SPAN_MINUTE) /* for memory to settle */

/* What memory may grow by after the warm-up. */
#define GROWTH_KIB 1536

typedef struct
{
  guint        number;
  gboolean     is_server;
  gboolean     is_mortal;
  GSubprocess *process;
  LSocket     *control;   /* (nullable): it has said who it is */
  guint        pid;
  gboolean     is_killed;
  gboolean     is_quiet;
  guint        n_open;    /* when it was last quiet */
  guint64      memory;
  guint        first_open; /* when it was first */
  guint64      warm_memory;
} Child;

static const char *program;
static char *base;
static Child children[N_CHILDREN];
static LServer *server;
static GHashTable *killed; /* (element-type pid): a set */

static SoakCounts totals;
static guint n_killed;
static guint n_shorts;     /* of which a kill or a closing server was the cause */
static guint n_failures;
static guint n_rests;
static gint64 longest_rest;
static guint first_open, first_listed;
static guint64 first_memory;
static gboolean is_ending;

/* One line, and the verdict. */
static void
fail (const char *format,
      ...) G_GNUC_PRINTF (1, 2);

static void
fail (const char *format,
      ...)
{
  va_list args;

  n_failures++;
  fputs ("FAILED: ", stdout);
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

static void start (Child *child);
static void on_control_ready_read (LSocket *control);

static const char *
get_role (const Child *child)
{
  return child->is_server ? "server" : "client";
}

static void
on_process_exited (GObject      *process,
                   GAsyncResult *result,
                   gpointer      data)
{
  Child *child = data;
  g_autoptr(GError) error = NULL;
  gboolean is_good = g_subprocess_wait_check_finish (G_SUBPROCESS (process), result, &error);

  g_clear_object (&child->process);
  /* What a dead one has said may come only now. */
  if (child->control != NULL)
    g_signal_handlers_disconnect_by_func (child->control, on_control_ready_read, NULL);
  g_clear_object (&child->control);
  if (!child->is_killed && !(is_ending && is_good))
    fail ("%s %u ended by itself: %s", get_role (child), child->number, is_good ? "well" : error->message);
  if (!is_ending)
    start (child);
}

static void
start (Child *child)
{
  g_autofree char *number = g_strdup_printf ("%u", child->number);
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr(GError) error = NULL;

  /* Where there is more than one reactor, half of them each. */
  if (g_getenv ("LSOCKET_REACTOR") == NULL && child->number % 2 == 1)
    g_subprocess_launcher_setenv (launcher, "LSOCKET_REACTOR", "poll", TRUE);
  child->is_killed = child->is_quiet = FALSE;
  child->process = g_subprocess_launcher_spawn (launcher, &error, program, child->is_server ? "--server" : "--client",
                                                base, number, NULL);
  if (child->process == NULL)
    g_error ("%s", error->message);
  g_subprocess_wait_check_async (child->process, NULL, on_process_exited, child);
}

/* What the others say */

static Child *
find_child (gpointer control)
{
  for (guint i = 0; i < N_CHILDREN; i++)
    if (children[i].control == control)
      return &children[i];

  return NULL;
}

static void
tell (Child      *child,
      const char *command)
{
  l_io_device_write (L_IO_DEVICE (child->control), command, strlen (command), NULL);
}

static gboolean is_resting;

static void
hear_hello (LSocket    *control,
            const char *line)
{
  guint number, pid;
  Child *child;

  if (sscanf (line, "hello %u %u", &number, &pid) != 2 || number >= N_CHILDREN)
    g_error ("“%s” is no greeting", line);

  child = &children[number];
  child->control = g_object_ref (control);
  child->pid = pid;
  /* Before this number was used again. */
  g_hash_table_remove (killed, GUINT_TO_POINTER (pid));
  if (!child->is_server)
    tell (child, is_resting ? "pause\n" : "go\n");
}

/* An end may come too soon by a kill, or where a server closed and had not yet taken the connection. */
static void
hear_short (Child      *child,
            const char *line)
{
  gint64 pid;
  int is_answered;

  if (sscanf (line, "short %" G_GINT64_FORMAT " %d", &pid, &is_answered) != 2)
    g_error ("“%s” is no report", line);

  if (g_hash_table_contains (killed, GUINT_TO_POINTER ((guint) pid)) ||
      (!is_answered && !child->is_server && pid == children[SOAK_RELISTENING].pid))
    n_shorts++;
  else
    fail ("bytes lost at %s %u: %s", get_role (child), child->number, line);
}

static void
hear (LSocket    *control,
      const char *line)
{
  Child *child = find_child (control);
  SoakCounts counts;

  if (child == NULL)
    hear_hello (control, line);
  else if (g_str_has_prefix (line, "short "))
    hear_short (child, line);
  else if (sscanf (line, "quiet %u %" G_GUINT64_FORMAT, &child->n_open, &child->memory) == 2)
    child->is_quiet = TRUE;
  else if (sscanf (line, "counts %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                   &counts.n_sessions, &counts.n_sent, &counts.n_received, &counts.n_reconnects) == 4)
    {
      /* Of both ends of a connection the client's alone. */
      totals.n_sessions += child->is_server ? 0 : counts.n_sessions;
      totals.n_sent += counts.n_sent;
      totals.n_received += counts.n_received;
      totals.n_reconnects += counts.n_reconnects;
    }
  else
    g_error ("“%s” is not understood", line);
}

static void
on_control_ready_read (LSocket *control)
{
  while (l_io_device_can_read_line (L_IO_DEVICE (control)))
    {
      g_autofree char *line = l_io_device_read_line (L_IO_DEVICE (control), 0, NULL, NULL);

      hear (control, g_strchomp (line));
    }
}

static void
on_new_control (LServer *unused)
{
  LSocket *control;

  while ((control = l_server_next_pending_connection (server)) != NULL)
    {
      /* The server and the child hold it for as long as it is connected. */
      g_signal_connect (control, "ready-read", G_CALLBACK (on_control_ready_read), NULL);
      g_signal_connect (control, "disconnected", G_CALLBACK (g_object_unref), NULL);
    }
}

/* The course of it */

/* Until all that are asked for are there, or too long. */
static gboolean
turn_until (gboolean (* is_true) (const Child *child),
            const char *what)
{
  gint64 deadline = g_get_monotonic_time () + REST_LIMIT;

  for (guint i = 0; i < N_CHILDREN; i++)
    while (!is_true (&children[i]))
      {
        if (g_get_monotonic_time () > deadline)
          {
            fail ("%s %u is not %s after %d s", get_role (&children[i]), i, what, (int) (REST_LIMIT / G_TIME_SPAN_SECOND));
            return FALSE;
          }
        g_main_context_iteration (NULL, TRUE);
      }

  return TRUE;
}

static gboolean
is_there (const Child *child)
{
  return child->control != NULL && !child->is_killed;
}

static gboolean
is_quiet_client (const Child *child)
{
  return child->is_server || child->is_quiet;
}

static gboolean
is_quiet (const Child *child)
{
  return child->is_quiet;
}

static gboolean
is_gone (const Child *child)
{
  return child->process == NULL;
}

static gboolean
wake_up (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
has_connection (guint i)
{
  return children[i].control != NULL && !children[i].is_killed;
}

static void
kill_somebody (void)
{
  Child *child = &children[g_random_int_range (0, N_CHILDREN)];

  if (!child->is_mortal || !has_connection (child->number))
    return;

  child->is_killed = TRUE;
  g_hash_table_add (killed, GUINT_TO_POINTER (child->pid));
  n_killed++;
  g_subprocess_force_exit (child->process);
}

static void
work (gint64 until)
{
  gint64 next_kill = 0, now;

  while ((now = g_get_monotonic_time ()) < until)
    {
      if (now >= next_kill)
        {
          kill_somebody ();
          next_kill = now + g_random_int_range (1, 2 * KILL_PAUSE) * G_TIME_SPAN_MILLISECOND;
        }
      g_main_context_iteration (NULL, TRUE);
    }
}

static gboolean
rest (void)
{
  gint64 began = g_get_monotonic_time ();

  if (!turn_until (is_there, "there"))
    return FALSE;

  is_resting = TRUE;
  for (guint i = 0; i < N_CHILDREN; i++)
    {
      children[i].is_quiet = FALSE;
      if (!children[i].is_server)
        tell (&children[i], "pause\n");
    }
  if (!turn_until (is_quiet_client, "quiet"))
    return FALSE;

  for (guint i = 0; i < SOAK_N_SERVERS; i++)
    tell (&children[i], "measure\n");
  if (!turn_until (is_quiet, "quiet"))
    return FALSE;

  longest_rest = MAX (longest_rest, g_get_monotonic_time () - began);
  return TRUE;
}

static void
go_on (void)
{
  is_resting = FALSE;
  for (guint i = SOAK_N_SERVERS; i < N_CHILDREN; i++)
    tell (&children[i], "go\n");
}

static gboolean
is_flat (guint now,
         guint first)
{
  return now <= first + soak_open_slack && first <= now + soak_open_slack;
}

/* While all rest. Memory is compared with what it was when the warm-up was over. */
static void
measure (double   passed,
         gboolean is_warm,
         gboolean is_long)
{
  guint n_open = soak_count_open (), n_listed = soak_count_listed (), sum_open = n_open;
  guint64 memory = soak_get_memory (), sum = memory;

  if (n_rests++ == 0)
    {
      first_open = n_open;
      first_listed = n_listed;
    }
  if (!is_warm)
    first_memory = memory;
  if (!is_flat (n_open, first_open))
    fail ("the first process has %u descriptors open, and had %u", n_open, first_open);
  if (n_listed != first_listed)
    fail ("the kernel lists %u sockets, and had %u", n_listed, first_listed);
  if (is_long && memory > first_memory + GROWTH_KIB)
    fail ("the first process has %" G_GUINT64_FORMAT " KiB, and had %" G_GUINT64_FORMAT, memory, first_memory);

  for (guint i = 0; i < N_CHILDREN; i++)
    {
      Child *child = &children[i];

      if (child->is_mortal)
        continue;

      sum_open += child->n_open;
      sum += child->memory;
      if (n_rests == 1)
        child->first_open = child->n_open;
      if (!is_warm)
        child->warm_memory = child->memory;
      if (!is_flat (child->n_open, child->first_open))
        fail ("%s %u has %u descriptors open, and had %u", get_role (child), i, child->n_open, child->first_open);
      if (is_long && child->memory > child->warm_memory + GROWTH_KIB)
        fail ("%s %u has %" G_GUINT64_FORMAT " KiB, and had %" G_GUINT64_FORMAT, get_role (child), i, child->memory,
              child->warm_memory);
    }

  printf ("%6.0f s  %9" G_GUINT64_FORMAT " connections  %10.1f MiB sent  %10.1f MiB compared  %6u killed  "
          "%5u open  %7" G_GUINT64_FORMAT " KiB  %4u listed\n",
          passed, totals.n_sessions, totals.n_sent / 1048576.0, totals.n_received / 1048576.0, n_killed, sum_open, sum,
          n_listed);
  fflush (stdout);
}

static void
begin (void)
{
  g_autofree char *name = NULL;
  g_autoptr(GError) error = NULL;

  soak_make_directory ();
  base = g_strdup_printf ("soak-%u", soak_get_pid ());
  name = g_strconcat (base, "-control", NULL);
  killed = g_hash_table_new (NULL, NULL);
  server = l_server_new ();
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_control), NULL);
  if (!l_server_listen (server, name, &error))
    g_error ("%s", error->message);

  for (guint i = 0; i < N_CHILDREN; i++)
    {
      children[i].number = i;
      children[i].is_server = i < SOAK_N_SERVERS;
      children[i].is_mortal = children[i].is_server ? i >= SOAK_FIRST_MORTAL : i >= SOAK_N_SERVERS + N_STEADY_CLIENTS;
      start (&children[i]);
    }
}

static void
end (void)
{
  guint n_left;

  is_ending = TRUE;
  for (guint i = 0; i < N_CHILDREN; i++)
    if (children[i].control != NULL)
      tell (&children[i], "quit\n");
  if (!turn_until (is_gone, "gone"))
    for (guint i = 0; i < N_CHILDREN; i++)
      if (children[i].process != NULL)
        g_subprocess_force_exit (children[i].process);

  l_server_close (server);
  g_clear_object (&server);
  g_hash_table_unref (killed);
  g_free (base);
  n_left = soak_remove_directory ();
  if (n_left > 0)
    fail ("%u names are left", n_left);
}

int
soak_run_all (const char *path,
              gint64      duration,
              gint64      period)
{
  gint64 began = g_get_monotonic_time (), until = began + duration;
  guint wake_up_id = g_timeout_add (50, wake_up, NULL);

  program = path;
  begin ();
  if (turn_until (is_there, "there"))
    for (gint64 now = g_get_monotonic_time (); ; now = g_get_monotonic_time ())
      {
        gint64 passed;

        work (MIN (now + period, until));
        if (!rest ())
          break;
        passed = g_get_monotonic_time () - began;
        measure (passed / (double) G_TIME_SPAN_SECOND, passed > duration / WARM_UP, duration >= LONG_ENOUGH);
        if (passed >= duration)
          break;
        go_on ();
      }
  end ();
  g_source_remove (wake_up_id);

  printf ("%s: %" G_GUINT64_FORMAT " connections, %" G_GUINT64_FORMAT " of them begun in a handler, %" G_GUINT64_FORMAT
          " bytes compared, %u processes killed, %u connections cut short by that; the longest way to rest took %.1f s\n",
          n_failures == 0 ? "All is well" : "Failed", totals.n_sessions, totals.n_reconnects, totals.n_received,
          n_killed, n_shorts, longest_rest / (double) G_TIME_SPAN_SECOND);
  return n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
