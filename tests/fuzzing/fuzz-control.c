/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz.h"

#include "lsocket/l-transport-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a peer can send beside the bytes: descriptors, credentials, control messages of any shape, bytes out of band. The
 * bytes arrive as they were sent, what was passed is counted and closed, and no descriptor is left. The input: operations
 * of four bytes, an opcode and three numbers; rubbish takes what it needs beyond. */

#define MAX_PASSED  255 /* the kernel takes 253 */
#define MAX_RUBBISH 64
#define MAX_FDS     40
#define MAX_BYTES   4096
#define PERIOD      251

/* Newer than some headers. */
#ifndef SO_PASSPIDFD
# define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
# define SO_PASSRIGHTS 83
#endif

typedef struct
{
  LTransport transport;
  FuzzInput  input;
  int        peer;           /* -1: closed */
  int        pipe[2];        /* what is passed; its other end tells when nobody has it any more */
  guint      n_fds;
  guint64    n_sent;
  guint64    n_read;
  GArray    *passed;         /* (element-type guint64): at which byte descriptors were passed and not yet read */
  guint      n_passed;       /* of those read how many were counted */
  gboolean   has_read;
  gboolean   is_unknown;     /* bytes out of band have a mind of their own */
} Case;

typedef union
{
  struct cmsghdr header;
  char           space[CMSG_SPACE (MAX_PASSED * sizeof (int)) + CMSG_SPACE (sizeof (struct ucred)) + MAX_RUBBISH];
} Control;

static guint
count_fds (void)
{
  guint n_fds = 0;

  for (int fd = 0; fd < MAX_FDS; fd++)
    n_fds += fcntl (fd, F_GETFD) >= 0 ? 1 : 0;
  return n_fds;
}

static gsize
add_message (Control    *control,
             gsize       length,
             int         type,
             const void *data,
             gsize       size)
{
  struct cmsghdr *header = (struct cmsghdr *) (gpointer) (control->space + length);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN (size);
  memcpy (CMSG_DATA (header), data, size);
  return length + CMSG_SPACE (size);
}

static gsize
add_descriptors (Case    *self,
                 Control *control,
                 gsize    length,
                 guint8   number)
{
  int fds[MAX_PASSED];
  guint n = number < 200 ? number % 8 : number;

  for (guint i = 0; i < n; i++)
    fds[i] = self->pipe[1];
  return n > 0 ? add_message (control, length, SCM_RIGHTS, fds, n * sizeof (int)) : length;
}

static gsize
add_credentials (Control *control,
                 gsize    length,
                 guint8   number)
{
  struct ucred credentials = { getpid (), getuid (), getgid () };

  if (number % 4 == 1)
    credentials.uid = number;
  if (number % 4 == 2)
    credentials.pid = -number;
  return add_message (control, length, SCM_CREDENTIALS, &credentials, sizeof credentials);
}

static gsize
add_rubbish (Case    *self,
             Control *control,
             gsize    length,
             guint8   number)
{
  for (guint i = 0; i < number % MAX_RUBBISH; i++)
    control->space[length++] = (char) fuzz_input_byte (&self->input);
  return length;
}

/* What the kernel does not take is not sent. Whether descriptors were in it only a well-formed message tells. */
static void
send_message (Case   *self,
              guint8  kind,
              guint8  number,
              guint8  size)
{
  guint8 data[256];
  Control control = { { 0 } };
  struct iovec vector = { data, size };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  gsize n_descriptors = 0;
  gboolean is_out_of_band = (kind & 4) != 0;
  gboolean is_rubbish = (kind & 8) != 0;
  gssize sent = -1;

  for (guint i = 0; i < size; i++)
    data[i] = (guint8) ((self->n_sent + i) % PERIOD);
  if ((kind & 1) != 0)
    n_descriptors = message.msg_controllen = add_descriptors (self, &control, 0, number);
  if ((kind & 2) != 0)
    message.msg_controllen = add_credentials (&control, message.msg_controllen, number);
  if (is_rubbish)
    message.msg_controllen = add_rubbish (self, &control, message.msg_controllen, number);

  if (self->peer >= 0)
    sent = sendmsg (self->peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (is_out_of_band ? MSG_OOB : 0));
  if (sent < 0)
    return;

  if (is_out_of_band || is_rubbish)
    self->is_unknown = TRUE;
  if (n_descriptors > 0 && sent > 0)
    g_array_append_val (self->passed, self->n_sent);
  self->n_sent += (guint64) sent;
}

/* The descriptors come with the first of the bytes that they were sent with. */
static void
take_passed (Case *self)
{
  while (self->passed->len > 0 && g_array_index (self->passed, guint64, 0) < self->n_read)
    {
      g_array_remove_index (self->passed, 0);
      self->n_passed += self->transport.counts_passed ? 1 : 0;
    }
}

static gboolean
read_once (Case  *self,
           gsize  count)
{
  guint8 data[MAX_BYTES];
  GPollableReturn result;
  gsize n_read = 0;
  int code = 0;

  self->has_read = TRUE;
  count = CLAMP (count, 1, MAX_BYTES);
  result = l_transport_read (&self->transport, data, count, &n_read, &code);
  g_assert_cmpint (result, !=, G_POLLABLE_RETURN_FAILED);
  if (result != G_POLLABLE_RETURN_OK || n_read == 0)
    {
      if (!self->is_unknown)
        g_assert_cmpuint (self->n_read, ==, self->n_sent);
      return FALSE;
    }

  g_assert_cmpuint (n_read, <=, count);
  for (gsize i = 0; i < n_read && !self->is_unknown; i++)
    g_assert_cmpint (data[i], ==, (guint8) ((self->n_read + i) % PERIOD));
  self->n_read += n_read;
  g_assert_cmpuint (self->n_read, <=, self->n_sent);
  take_passed (self);
  return TRUE;
}

/* What the one who made the descriptor may have asked for, before it was handed over. */
static void
set_option (Case   *self,
            guint8  number,
            guint8  value)
{
  static const int options[] = { SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD, SO_PASSRIGHTS, SO_OOBINLINE };
  int on = value % 2;

  if (!self->has_read)
    setsockopt ((int) self->transport.descriptor, SOL_SOCKET, options[number % G_N_ELEMENTS (options)], &on, sizeof on);
}

static void
end_peer (Case   *self,
          guint8  number)
{
  if (self->peer < 0)
    return;

  shutdown (self->peer, number % 2 != 0 ? SHUT_WR : SHUT_RDWR);
  if (number % 4 == 3)
    {
      close (self->peer);
      self->peer = -1;
      self->n_fds--;
    }
}

static void
run_operation (Case *self)
{
  guint8 code = fuzz_input_byte (&self->input);
  guint8 first = fuzz_input_byte (&self->input);
  guint8 second = fuzz_input_byte (&self->input);
  guint8 third = fuzz_input_byte (&self->input);

  switch (code % 8)
    {
    case 0:
    case 1:
    case 2:
      send_message (self, first, second, third);
      break;
    case 3:
    case 4:
      read_once (self, (gsize) first << 4 | second);
      break;
    case 5:
      self->transport.counts_passed = first % 2 != 0;
      break;
    case 6:
      set_option (self, first, second);
      break;
    default:
      if (first > 200)
        end_peer (self, second);
      break;
    }

  if (!self->is_unknown)
    g_assert_cmpuint (self->transport.n_passed, ==, self->n_passed);
  g_assert_cmpuint (count_fds (), ==, self->n_fds);
}

/* Everything is read, both ends go, and nobody has what was passed. */
static void
end_case (Case *self)
{
  char byte;

  while (read_once (self, MAX_BYTES))
    ;
  if (!self->is_unknown)
    g_assert_cmpuint (self->transport.n_passed, ==, self->n_passed);

  l_transport_close (&self->transport);
  l_transport_clear (&self->transport);
  if (self->peer >= 0)
    close (self->peer);
  close (self->pipe[1]);
  g_assert_cmpint (read (self->pipe[0], &byte, 1), ==, 0);
  close (self->pipe[0]);
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  g_autoptr(GArray) passed = g_array_new (FALSE, FALSE, sizeof (guint64));
  Case self = { .input = { data, size }, .passed = passed };
  guint n_before = count_fds ();
  int fds[2];
  int code;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_cmpint (pipe2 (self.pipe, O_CLOEXEC | O_NONBLOCK), ==, 0);
  self.peer = fds[1];
  self.n_fds = count_fds ();
  l_transport_init (&self.transport, NULL, NULL);
  g_assert_true (l_transport_adopt (&self.transport, fds[0], L_OPEN_MODE_READ_WRITE, &code));
  g_assert_true (l_transport_set_flags (&self.transport, &code));

  while (self.input.left > 0)
    run_operation (&self);
  end_case (&self);

  g_assert_cmpuint (count_fds (), ==, n_before);
  return 0;
}
