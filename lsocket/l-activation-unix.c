/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-activation-private.h"
#include "l-system-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

/* The protocol of systemd, which others speak, too: the descriptors from 3 on, their number in LISTEN_FDS, their names in
 * LISTEN_FDNAMES, and in LISTEN_PID for whom they are. The environment is read once: it stays as it is, because to change
 * it is not safe while there are threads, and a child process finds that it is not meant. */

#define FIRST_FD 3
/* More are a mistake: nobody has so many, and the limit of descriptors is below. */
#define MAX_FDS (1 << 20)

static GMutex     lock;       /* of what follows */
static pid_t      reader;     /* the process that has read it; 0: none */
static GPtrArray *names;      /* (element-type utf8) (nullable): of each descriptor; NULL: none were passed */
static GArray    *taken;      /* (element-type gboolean) */

static gboolean
read_number (const char *variable,
             guint64     min,
             guint64     max,
             guint64    *number)
{
  const char *text = g_getenv (variable);

  return text != NULL && g_ascii_string_to_unsigned (text, 10, min, max, number, NULL);
}

/* Where there are fewer names than descriptors the rest has the one that systemd gives to those without. */
static void
read_names (guint n_fds)
{
  const char *text = g_getenv ("LISTEN_FDNAMES");
  g_auto(GStrv) given = text != NULL ? g_strsplit (text, ":", -1) : NULL;
  guint n_given = given != NULL ? g_strv_length (given) : 0;

  names = g_ptr_array_new_full (n_fds, g_free);
  for (guint i = 0; i < n_fds; i++)
    g_ptr_array_add (names, g_strdup (i < n_given ? given[i] : "unknown"));
}

static void
read_environment (void)
{
  guint64 pid, n_fds;

  reader = getpid ();
  g_clear_pointer (&names, g_ptr_array_unref);
  g_clear_pointer (&taken, g_array_unref);
  if (!read_number ("LISTEN_PID", 1, G_MAXINT32, &pid) || pid != (guint64) getpid () ||
      !read_number ("LISTEN_FDS", 1, MAX_FDS, &n_fds))
    return;

  read_names (n_fds);
  taken = g_array_sized_new (FALSE, TRUE, sizeof (gboolean), n_fds);
  g_array_set_size (taken, n_fds);

  /* Also those that nobody asks for are not for child processes. */
  for (guint i = 0; i < n_fds; i++)
    l_system.set_flags (FIRST_FD + (int) i, 0, FD_CLOEXEC);
}

/* The index of one that is not taken; -1: none. *was_there: one has the name. */
static int
find (const char *name,
      gboolean   *was_there)
{
  *was_there = FALSE;
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      if (name != NULL && strcmp (names->pdata[i], name) != 0)
        continue;

      *was_there = TRUE;
      if (!g_array_index (taken, gboolean, i))
        return (int) i;
    }

  return -1;
}

static gboolean
take (const char  *name,
      gintptr     *descriptor,
      GError     **error)
{
  gboolean was_there;
  int i;

  /* What was a parent's is not a child's. */
  if (reader != getpid ())
    read_environment ();

  i = find (name, &was_there);
  if (i >= 0)
    {
      g_array_index (taken, gboolean, i) = TRUE;
      *descriptor = FIRST_FD + i;
      return TRUE;
    }

  if (names == NULL)
    l_error_set (error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_SERVER_NOT_FOUND,
                 /* TRANSLATORS: a service manager is what systemd is. */
                 N_("No service manager has passed a socket to this process"));
  else if (was_there)
    l_error_set (error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_ADDRESS_IN_USE,
                 N_("The socket that was passed is in use already"));
  else
    l_error_set (error, L_OPERATION_LISTEN, name, L_SOCKET_ERROR_SERVER_NOT_FOUND,
                 N_("None of the sockets that were passed has the name"));
  return FALSE;
}

gboolean
l_activation_take (const char  *name,
                   gintptr     *descriptor,
                   GError     **error)
{
  gboolean done;

  g_mutex_lock (&lock);
  done = take (name, descriptor, error);
  g_mutex_unlock (&lock);

  return done;
}

void
l_activation_give_back (gintptr descriptor)
{
  g_mutex_lock (&lock);
  g_array_index (taken, gboolean, descriptor - FIRST_FD) = FALSE;
  g_mutex_unlock (&lock);
}
