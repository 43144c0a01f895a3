/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What an operation may cost, of what can be counted: never of time, which tells more of the machine.
 *
 * The program counts allocations itself. For system calls and instructions it runs itself under callgrind, which writes
 * what was counted whenever budget_mark() is called. Each figure is the difference of two runs, one twice as long. */

#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-talk.h"
#include "test-workloads.h"

typedef struct
{
  double calls;        /* of the system, GLib's too */
  double allocations;
  double instructions; /* outside the kernel */
} Cost;

typedef struct
{
  const char         *name;
  const TestWorkload *workload;
  guint               count; /* of the operations that are counted */
  Cost                epoll; /* limits, by the reactor */
  Cost                poll;
} Budget;

/* What the limits are of; elsewhere half as much again is allowed. */
#define LIMITS_BUILD "gcc-12 -O2 x86_64"
#define LIMITS_GLIB  "2.74"
#define ELSEWHERE    1.5

/* Upper limits, both ends together: of calls and allocations today's figures, of instructions a twentieth more. Lower
 * them when it costs less: a passed test tells what it costs.
 *
 * How many large writes go at once is the kernel's decision, so those have more room. Of the instructions of
 * large-round-trip 131 072 are two copies; a third one does not fit in. Of the calls of async-streams four are GTask's
 * looks at the clock, for which Valgrind asks the system. Its allocations are all GLib's. */
static const Budget budgets[] = {
  /*                                                    epoll: calls, allocations, instructions; poll: the same */
  { "round-trip",       &test_round_trip,         500, {  6,      0,       11690 }, {  6,      0,       11780 } },
  { "large-round-trip", &test_large_round_trip,    50, {  6,      0,      149900 }, {  6,      0,      149900 } },
  { "small-writes",     &test_small_writes,     20000, {  0.001,  0.001,     150 }, {  0.001,  0.001,     150 } },
  { "large-writes",     &test_large_writes,       200, {  2,      0.2,      7900 }, {  2,      0.2,      7900 } },
  { "connection",       &test_connection,         100, { 22,     28,       55100 }, { 24,     34,       57200 } },
  { "wait",             &test_wait,               500, {  5.1,    0,        3990 }, {  5.1,    0,        3990 } },
  { "async-streams",    &test_async_streams,      200, { 10,     22.1,     37000 }, { 10,     22.1,     37000 } },
  { "sync-streams",     &test_sync_streams,       500, {  4,      0,        3790 }, {  4,      0,        3790 } },
  { "idle",             &test_idle,               500, {  6,      0,       12500 }, {  6,      0,      433000 } },
};

/* The C library's, under names of its own. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *memory, size_t size);
void *__libc_memalign (size_t alignment, size_t size);

static guint n_allocations;

void *
malloc (size_t size)
{
  n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t count,
        size_t size)
{
  n_allocations++;
  return __libc_calloc (count, size);
}

void *
realloc (void   *memory,
         size_t  size)
{
  n_allocations++;
  return __libc_realloc (memory, size);
}

int
posix_memalign (void   **memory,
                size_t   alignment,
                size_t   size)
{
  n_allocations++;
  *memory = __libc_memalign (alignment, size);
  return *memory == NULL ? ENOMEM : 0;
}

/* FALSE: somebody else stands in, as Valgrind does. */
static gboolean
is_counting (void)
{
  guint n_before = n_allocations;

  g_free (g_malloc (1));
  return n_allocations == n_before + 1;
}

static gboolean
is_poll (void)
{
  return g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), "poll") == 0;
}

static const Cost *
get_limits (const Budget *budget)
{
  return is_poll () ? &budget->poll : &budget->epoll;
}

/* A run to get into the steady state, and two that are counted. */
static void
go (const Budget *budget,
    void        (*mark) (void))
{
  const TestWorkload *workload = budget->workload;
  gpointer state = workload->begin ();

  workload->go (state, budget->count);
  mark ();
  workload->go (state, budget->count);
  mark ();
  workload->go (state, 2 * budget->count);
  mark ();
  workload->end (state);
}

#define N_MARKS 3

static guint n_marks;

/* Callgrind knows it by its name. */
void budget_mark (void);

G_GNUC_NO_INLINE void
budget_mark (void)
{
  *(volatile guint *) &n_marks += 1;
}

/* The first GTask starts a thread, and system calls take more instructions from then on: here from the beginning. */
static int
run_under_callgrind (void)
{
  g_type_ensure (G_TYPE_TASK);
  for (gsize i = 0; i < G_N_ELEMENTS (budgets); i++)
    go (&budgets[i], budget_mark);

  return 0;
}

static const char *program;
static const char *directory;

/* How it failed, or NULL. */
static char *
spawn_callgrind (void)
{
  g_autofree char *output = g_strdup_printf ("--callgrind-out-file=%s/callgrind", directory);
  const char *argv[] = {
    g_getenv ("VALGRIND"), "--quiet", "--tool=callgrind", "--collect-systime=yes", "--dump-before=budget_mark", output,
    program, "--under-callgrind", NULL,
  };
  g_auto(GStrv) environment = g_get_environ ();
  g_autofree char *errors = NULL;
  g_autoptr(GError) error = NULL;
  int status;

  /* Both let more memory be written to. */
  environment = g_environ_unsetenv (environment, "G_DEBUG");
  environment = g_environ_unsetenv (environment, "MALLOC_PERTURB_");
  g_spawn_sync (NULL, (char **) argv, environment, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                &errors, &status, &error);
  g_assert_no_error (error);
  if (g_spawn_check_wait_status (status, &error))
    return NULL;

  g_test_message ("%s", errors);
  return g_strdup (error->message);
}

/* Zeros at the end of the line are left out. */
static Cost
read_dump (guint number)
{
  g_autofree char *path = g_strdup_printf ("%s/callgrind.%u", directory, number);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  const char *totals;
  Cost cost = { 0 };

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (text, "\nevents: Ir sysCount "));
  totals = strstr (text, "\ntotals: ");
  g_assert_nonnull (totals);
  g_assert_cmpint (sscanf (totals, "\ntotals: %lf %lf", &cost.instructions, &cost.calls), >=, 1);

  return cost;
}

static gboolean
is_build_of_limits (void)
{
  return g_str_equal (BUDGET_BUILD, LIMITS_BUILD);
}

/* An older Valgrind does not understand what some compilers tell debuggers. */
static gboolean
has_run_callgrind (void)
{
  static gboolean has_run;
  static char *failure;

  if (g_getenv ("VALGRIND") == NULL)
    {
      g_test_skip ("The variable VALGRIND does not say where it is");
      return FALSE;
    }

  if (!has_run)
    failure = spawn_callgrind ();
  has_run = TRUE;
  if (failure == NULL)
    return TRUE;

  if (is_build_of_limits ())
    g_error ("Callgrind: %s", failure);

  g_test_skip_printf ("Callgrind does not run what " BUDGET_BUILD " made: %s", failure);
  return FALSE;
}

/* Of one operation */
static Cost
read_counts (const Budget *budget)
{
  guint number = (guint) (budget - budgets) * N_MARKS;
  Cost one = read_dump (number + 2), two = read_dump (number + 3);

  return (Cost) {
    .calls = (two.calls - one.calls) / budget->count,
    .instructions = (two.instructions - one.instructions) / budget->count,
  };
}

static gboolean
is_glib_of_limits (void)
{
  g_autofree char *version = g_strdup_printf ("%u.%u", glib_major_version, glib_minor_version);

  return g_str_equal (version, LIMITS_GLIB);
}

static void
check (const char *what,
       double      cost,
       double      limit,
       gboolean    is_here)
{
  double allowed = is_here ? limit : limit * ELSEWHERE;

  g_test_message ("%.6g %s of %g", cost, what, allowed);
  if (!is_here)
    g_test_message ("The limits are of " LIMITS_BUILD " with GLib " LIMITS_GLIB ", and this is " BUDGET_BUILD
                    " with GLib %u.%u", glib_major_version, glib_minor_version);
  if (cost > allowed)
    g_test_fail_printf ("%.6g %s are more than %g", cost, what, allowed);
}

/* The cases */

static guint n_counted[N_MARKS];

static void
count_allocations (void)
{
  n_counted[n_marks++] = n_allocations;
}

static void
test_allocations (gconstpointer user_data)
{
  const Budget *budget = user_data;
  int n_more;

  if (!is_counting ())
    {
      g_test_skip ("Another program counts the allocations");
      return;
    }

  n_marks = 0;
  go (budget, count_allocations);
  n_more = (int) (n_counted[2] - n_counted[1]) - (int) (n_counted[1] - n_counted[0]);
  check ("allocations", (double) n_more / budget->count, get_limits (budget)->allocations, is_glib_of_limits ());
}

static void
test_calls (gconstpointer user_data)
{
  const Budget *budget = user_data;

  if (has_run_callgrind ())
    check ("system calls", read_counts (budget).calls, get_limits (budget)->calls, is_glib_of_limits ());
}

static void
test_instructions (gconstpointer user_data)
{
  const Budget *budget = user_data;

  if (!BUDGET_IS_OPTIMIZED)
    g_test_skip ("Nothing is said of programs that are not optimized: " BUDGET_BUILD);
  else if (has_run_callgrind ())
    check ("instructions", read_counts (budget).instructions, get_limits (budget)->instructions,
           is_glib_of_limits () && is_build_of_limits ());
}

static void
add (const char   *what,
     const Budget *budget,
     GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/budget/%s/%s", what, budget->name);

  g_test_add_data_func (path, budget, func);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *made = NULL;
  int status;

  if (argc == 2 && g_str_equal (argv[1], "--under-callgrind"))
    return run_under_callgrind ();

  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  directory = made = test_make_runtime_directory ();
  for (gsize i = 0; i < G_N_ELEMENTS (budgets); i++)
    {
      add ("allocations", &budgets[i], test_allocations);
      add ("calls", &budgets[i], test_calls);
      add ("instructions", &budgets[i], test_instructions);
    }
  status = g_test_run ();
  test_remove_runtime_directory (directory);

  return status;
}
