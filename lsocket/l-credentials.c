/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-credentials-private.h"

/**
 * LCredentials:
 *
 * What the system says of the other end of a connection, at the moment when it was made.
 *
 * [property@LSocket.Socket:peer-credentials] has those of a socket's peer, and [signal@LSocket.Server::authorize] brings
 * those of a client before it is let in.
 *
 * A server sees who connected, a client who began to listen. Both are of that moment: a process that changed its user
 * since, or gave the connection away, is still shown as it was. What the system does not tell is -1 or %NULL, and never
 * a number that could be somebody's.
 *
 * The user is what decisions can rest on. A process id is a label: the process may be gone and its number be another
 * one's, unless [method@LSocket.Credentials.get_pidfd] has a descriptor that pins it.
 *
 * | | Linux | other Unix systems | Windows |
 * | --- | --- | --- | --- |
 * | user and group | yes | yes | no |
 * | supplementary groups | from 4.13 on | where the system tells | no |
 * | process id | yes, if it is of our namespace | where the system tells | yes |
 * | descriptor of the process | from 6.5 on | no | no |
 * | security identifier (SID) | no | no | yes, if the process can be asked |
 * | security label | where a security module gives one | no | no |
 *
 * The object never changes and may be used in any thread, also when its connection has ended.
 *
 * Since: 1.0
 */

G_DEFINE_FINAL_TYPE (LCredentials, l_credentials, G_TYPE_OBJECT)

static void
l_credentials_finalize (GObject *object)
{
  LCredentials *self = L_CREDENTIALS (object);

  l_credentials_close_pidfd (self);
  g_free (self->groups);
  g_free (self->sid);
  g_free (self->security_label);

  G_OBJECT_CLASS (l_credentials_parent_class)->finalize (object);
}

static void
l_credentials_class_init (LCredentialsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = l_credentials_finalize;
}

static void
l_credentials_init (LCredentials *self)
{
  self->uid = -1;
  self->gid = -1;
  self->pid = -1;
  self->pidfd = -1;
}

LCredentials *
l_credentials_new_for_peer (gintptr descriptor)
{
  LCredentials *self = g_object_new (L_TYPE_CREDENTIALS, NULL);

  l_credentials_fill (self, descriptor);
  return self;
}

/* Public */

/**
 * l_credentials_get_uid:
 * @self: credentials
 *
 * Gets the number of the user: the effective one that the process had.
 *
 * Returns: the number; -1 when it is not known, and on Windows
 *
 * Since: 1.0
 */
gint64
l_credentials_get_uid (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), -1);

  return self->uid;
}

/**
 * l_credentials_get_gid:
 * @self: credentials
 *
 * Gets the number of the group: the effective one that the process had.
 *
 * Returns: the number; -1 when it is not known, and on Windows
 *
 * Since: 1.0
 */
gint64
l_credentials_get_gid (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), -1);

  return self->gid;
}

/**
 * l_credentials_get_groups:
 * @self: credentials
 * @n_groups: (out) (optional): how many there are
 *
 * Gets the supplementary groups that the process had.
 *
 * Returns: (array length=n_groups) (transfer none) (nullable): their numbers; %NULL when they are not known, and on Windows
 *
 * Since: 1.0
 */
const gint64 *
l_credentials_get_groups (LCredentials *self,
                          gsize        *n_groups)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), NULL);

  if (n_groups != NULL)
    *n_groups = self->n_groups;
  return self->groups;
}

/**
 * l_credentials_get_pid:
 * @self: credentials
 *
 * Gets the number of the process. Another one may have it by now, unless [method@LSocket.Credentials.get_pidfd] has a
 * descriptor.
 *
 * Returns: the number; -1 when it is not known, or the process is of another namespace
 *
 * Since: 1.0
 */
gint64
l_credentials_get_pid (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), -1);

  return self->pid;
}

/**
 * l_credentials_get_pidfd:
 * @self: credentials
 *
 * Gets a descriptor that stands for the process, on Linux. It is readable when that has ended, and its number is nobody
 * else's as long as the descriptor is open. It stays the object's.
 *
 * Returns: the descriptor; -1 when there is none, and then the process id is not pinned
 *
 * Since: 1.0
 */
int
l_credentials_get_pidfd (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), -1);

  return self->pidfd;
}

/**
 * l_credentials_get_sid:
 * @self: credentials
 *
 * Gets the security identifier of the user on Windows, as text: `S-1-5-21-…`.
 *
 * Returns: (nullable): the identifier; %NULL when it is not known, and on Unix
 *
 * Since: 1.0
 */
const char *
l_credentials_get_sid (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), NULL);

  return self->sid;
}

/**
 * l_credentials_get_security_label:
 * @self: credentials
 *
 * Gets what a security module of Linux says of the process: SELinux, AppArmor, Smack.
 *
 * Returns: (nullable): the label; %NULL when there is none
 *
 * Since: 1.0
 */
const char *
l_credentials_get_security_label (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), NULL);

  return self->security_label;
}

/**
 * l_credentials_is_same_user:
 * @self: credentials
 *
 * Asks whether the other end is of the user that this process acts for, its effective user.
 *
 * What is not known is not the same, nor is the number that the system shows for users who have none here.
 *
 * Returns: %TRUE if it is
 *
 * Since: 1.0
 */
gboolean
l_credentials_is_same_user (LCredentials *self)
{
  g_return_val_if_fail (L_IS_CREDENTIALS (self), FALSE);

  return l_credentials_is_own (self);
}
