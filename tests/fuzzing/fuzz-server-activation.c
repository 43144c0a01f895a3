/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <fcntl.h>
#include <lsocket/l-system-private.h>
#include <unistd.h>

/* The service manager: what it passes has the numbers from 3 on, which nobody else gets meanwhile. */

#define FIRST_FD 3
#define N_FDS    3

static int         null_fd = -1;
static gboolean    is_possible;
static gboolean    is_prepared;
static guint       n_passed;         /* that the environment tells of */
static const char *names[N_FDS];
static FuzzNode   *nodes[N_FDS];     /* (unowned) (nullable): NULL: no socket */
static gboolean    are_taken[N_FDS];

static pid_t case_number;
static int (* system_close) (int fd);

/* Each case is a process of its own: what one has read of its environment is not the next one's. */
pid_t __wrap_getpid (void);

pid_t
__wrap_getpid (void)
{
  return 100000 + case_number;
}

static int
on_close (int fd)
{
  if (fd < FIRST_FD || fd >= FIRST_FD + N_FDS || !is_possible)
    return system_close (fd);

  return dup3 (null_fd, fd, O_CLOEXEC) < 0 ? -1 : 0;
}

void
fuzz_activation_init (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  null_fd = fcntl (fd, F_DUPFD_CLOEXEC, FIRST_FD + N_FDS);
  close (fd);
  is_possible = TRUE;
  for (fd = FIRST_FD; fd < FIRST_FD + N_FDS; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      is_possible = FALSE;
  for (fd = FIRST_FD; is_possible && fd < FIRST_FD + N_FDS; fd++)
    dup2 (null_fd, fd);

  system_close = l_system.close;
  l_system.close = on_close;
}

static void
read_names (const char *text)
{
  static const char * const known[] = { "a", "b", "" };
  g_auto(GStrv) parts = text != NULL ? g_strsplit (text, ":", -1) : g_new0 (char *, 1);
  guint n_parts = g_strv_length (parts);

  for (guint i = 0; i < N_FDS; i++)
    {
      names[i] = "unknown";
      for (guint k = 0; i < n_parts && k < G_N_ELEMENTS (known); k++)
        if (g_str_equal (parts[i], known[k]))
          names[i] = known[k];
    }
}

static void
set_variable (const char *name,
              const char *value)
{
  if (value != NULL)
    g_setenv (name, value, TRUE);
  else
    g_unsetenv (name);
}

/* Once in a case, as once in the life of a process. */
void
fuzz_activation_prepare (guint number,
                         guint size)
{
  static const struct
  {
    const char *text;
    guint       count;
  } counts[] = {
    { "3", 3 }, { "2", 2 }, { "1", 1 }, { "0", 0 }, { "-1", 0 }, { "3x", 0 }, { "", 0 }, { NULL, 0 },
  };
  static const char * const lists[] = { NULL, "a", "a:b", "b::a", "a:a:a", "", ":a:b:a", "b:b" };
  g_autofree char *pid = g_strdup_printf ("%d", (int) __wrap_getpid () + (size >= 240 ? 1 : 0));
  guint i = size < 128 ? size % 3 : size % G_N_ELEMENTS (counts);

  if (is_prepared || !is_possible)
    return;

  is_prepared = TRUE;
  n_passed = size >= 240 ? 0 : counts[i].count;
  set_variable ("LISTEN_PID", pid);
  set_variable ("LISTEN_FDS", counts[i].text);
  set_variable ("LISTEN_FDNAMES", lists[number % G_N_ELEMENTS (lists)]);
  read_names (lists[number % G_N_ELEMENTS (lists)]);

  for (i = 0; i < N_FDS; i++)
    {
      int fd = (number >> (3 + i) & 1) == 0 ? fuzz_holders_take (number, &nodes[i]) : -1;

      if (fd < 0)
        continue;
      dup2 (fd, FIRST_FD + (int) i);
      close (fd);
    }
}

void
fuzz_activation_clear (void)
{
  for (guint i = 0; i < N_FDS; i++)
    {
      if (nodes[i] != NULL && !are_taken[i])
        {
          dup2 (null_fd, FIRST_FD + (int) i);
          fuzz_node_close (nodes[i]);
        }
      nodes[i] = NULL;
      are_taken[i] = FALSE;
    }

  is_prepared = FALSE;
  n_passed = 0;
  case_number = (case_number + 1) % 1000000;
  set_variable ("LISTEN_PID", NULL);
  set_variable ("LISTEN_FDS", NULL);
  set_variable ("LISTEN_FDNAMES", NULL);
}

static LSocketError
find (const char *name,
      guint      *index)
{
  gboolean was_there = FALSE;

  for (guint i = 0; i < n_passed; i++)
    {
      if (name != NULL && !g_str_equal (names[i], name))
        continue;

      was_there = TRUE;
      *index = i;
      if (!are_taken[i])
        return L_SOCKET_ERROR_UNKNOWN;
    }

  return was_there ? L_SOCKET_ERROR_ADDRESS_IN_USE : L_SOCKET_ERROR_SERVER_NOT_FOUND;
}

static LSocketError
expect (FuzzServer *server,
        const char *name)
{
  LSocketError error;
  guint index = 0;

  if (server->is_listening)
    return server->error = L_SOCKET_ERROR_OPERATION;

  /* It is read once. */
  is_prepared = TRUE;
  error = find (name, &index);
  if (error != L_SOCKET_ERROR_UNKNOWN)
    return server->error = error;

  error = fuzz_server_expect_adopt (server, nodes[index], name);
  are_taken[index] = error == L_SOCKET_ERROR_UNKNOWN;
  return error;
}

void
fuzz_server_activate (FuzzServer *self,
                      const char *name)
{
  gboolean was_listening = self->is_listening;
  LSocketError expected = expect (self, name);
  g_autoptr(GError) error = NULL;
  gboolean done;

  done = l_server_listen_activated (self->server, name, &error);
  fuzz_server_check_listen (done, error, expected);
  for (guint i = 0; i < n_passed && !was_listening; i++)
    g_assert_cmpint (fcntl (FIRST_FD + (int) i, F_GETFD), ==, FD_CLOEXEC);
}
