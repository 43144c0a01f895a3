/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lsocket/l-reactor-backend-private.h"
#include "lsocket/l-system-private.h"

/* A context of the test's own and its reactor. */
typedef struct
{
  GMainContext *context;
  LReactor     *reactor;
} Fixture;

static void
setup (Fixture       *fixture,
       gconstpointer  unused)
{
  fixture->context = g_main_context_new ();
  g_main_context_push_thread_default (fixture->context);
  fixture->reactor = l_reactor_ref_thread_default ();
  g_assert_nonnull (fixture->reactor);
}

static void
teardown (Fixture       *fixture,
          gconstpointer  unused)
{
  g_clear_pointer (&fixture->reactor, l_reactor_unref);
  g_main_context_pop_thread_default (fixture->context);
  g_main_context_unref (fixture->context);
}

static gboolean
turn (Fixture *fixture)
{
  return g_main_context_iteration (fixture->context, FALSE);
}

/* What the reactor dispatches of a turn that is made by hand; FALSE when nothing is ready. */
static gboolean
turn_by_hand (Fixture *fixture,
              int     *timeout)
{
  GPollFD fds[16];
  int priority, n_fds;
  gboolean ready;

  g_assert_true (g_main_context_acquire (fixture->context));
  g_main_context_prepare (fixture->context, &priority);
  n_fds = g_main_context_query (fixture->context, G_MAXINT, timeout, fds, G_N_ELEMENTS (fds));
  g_assert_cmpint (n_fds, <=, G_N_ELEMENTS (fds));
  g_poll (fds, n_fds, 0);
  ready = g_main_context_check (fixture->context, G_MAXINT, fds, n_fds);
  g_main_context_release (fixture->context);

  return ready;
}

/* One end of a socketpair with a watch; the other end is the test's. */
typedef struct _Channel Channel;

struct _Channel
{
  LReactorWatch  watch;
  Fixture       *fixture;
  int            fd;
  int            peer;
  guint          n_calls;
  guint          depth;
  GIOCondition   condition; /* of the last call */
  void        (* action) (Channel *channel);
  Channel       *other;
};

static void
on_channel (LReactorWatch *watch,
            GIOCondition   condition)
{
  Channel *channel = (Channel *) watch;

  channel->n_calls++;
  channel->condition = condition;
  if (channel->action != NULL)
    channel->action (channel);
}

static void
channel_open (Channel *channel,
              Fixture *fixture)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  *channel = (Channel) { .watch.func = on_channel, .fixture = fixture, .fd = fds[0], .peer = fds[1] };
}

static void
channel_add (Channel      *channel,
             GIOCondition  condition)
{
  g_assert_cmpuint (channel->watch.slot, ==, 0);
  l_reactor_watch (channel->fixture->reactor, &channel->watch, channel->fd, condition);
}

static void
channel_remove (Channel *channel)
{
  l_reactor_remove_watch (channel->fixture->reactor, &channel->watch);
}

static void
channel_set (Channel      *channel,
             GIOCondition  condition)
{
  g_assert_cmpuint (channel->watch.slot, !=, 0);
  l_reactor_watch (channel->fixture->reactor, &channel->watch, channel->fd, condition);
}

static void
channel_close (Channel *channel)
{
  channel_remove (channel);
  close (channel->fd);
  if (channel->peer >= 0)
    close (channel->peer);
}

static void
channel_close_peer (Channel *channel)
{
  close (channel->peer);
  channel->peer = -1;
}

/* Makes the watched end readable; and takes that back. */
static void
channel_feed (Channel *channel)
{
  g_assert_cmpint (write (channel->peer, "x", 1), ==, 1);
}

static void
channel_drain (Channel *channel)
{
  char bytes[16];

  while (read (channel->fd, bytes, sizeof bytes) > 0)
    ;
}

/* Two that are ready and know each other. */
static void
channels_open (Channel  channels[2],
               Fixture *fixture,
               void  (* action) (Channel *channel))
{
  for (guint i = 0; i < 2; i++)
    {
      channel_open (&channels[i], fixture);
      channels[i].other = &channels[1 - i];
      channels[i].action = action;
      channel_feed (&channels[i]);
    }
  for (guint i = 0; i < 2; i++)
    channel_add (&channels[i], G_IO_IN);
}

/* Watches */

static void
test_watch_in (Fixture       *fixture,
               gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 0);

  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_IN);

  channel_close (&channel);
}

static void
test_watch_level_triggered (Fixture       *fixture,
                            gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("What nobody takes is told again, what was taken is not");

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  turn (fixture);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 2);

  channel_drain (&channel);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (channel.n_calls, ==, 2);

  channel_close (&channel);
}

static void
test_watch_out (Fixture       *fixture,
                gconstpointer  unused)
{
  Channel channel;
  char bytes[4096] = { 0 };

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_OUT);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_OUT);

  while (write (channel.fd, bytes, sizeof bytes) > 0)
    ;
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);

  while (read (channel.peer, bytes, sizeof bytes) > 0)
    ;
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 2);

  channel_close (&channel);
}

static void
test_watch_in_and_out (Fixture       *fixture,
                       gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN | G_IO_OUT);
  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_IN | G_IO_OUT);

  channel_close (&channel);
}

static void
test_watch_hang_up (Fixture       *fixture,
                    gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_HUP);
  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 0);

  channel_close_peer (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_HUP);

  channel_close (&channel);
}

static void
test_watch_half_close (Fixture       *fixture,
                       gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("The end of input is told without asking for input, and is no hang-up");

  channel_open (&channel, fixture);
  channel_add (&channel, L_IO_RDHUP);
  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 0);

  g_assert_cmpint (shutdown (channel.peer, SHUT_WR), ==, 0);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, L_IO_RDHUP);

  channel_close (&channel);
}

static void
test_watch_condition_zero (Fixture       *fixture,
                           gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("Without a condition not even a hang-up is told, nor does it keep the loop busy");

  channel_open (&channel, fixture);
  channel_add (&channel, 0);
  channel_feed (&channel);
  channel_close_peer (&channel);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (channel.n_calls, ==, 0);

  channel_set (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_IN | G_IO_HUP);

  channel_set (&channel, 0);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (channel.n_calls, ==, 1);

  channel_close (&channel);
}

static void
test_watch_condition_changed (Fixture       *fixture,
                              gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_OUT);
  channel_feed (&channel);
  channel_set (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (channel.condition, ==, G_IO_IN);

  channel_set (&channel, G_IO_OUT);
  turn (fixture);
  g_assert_cmpuint (channel.condition, ==, G_IO_OUT);
  g_assert_cmpuint (channel.n_calls, ==, 2);

  channel_close (&channel);
}

static void
test_watch_remove_twice (Fixture       *fixture,
                         gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_remove (&channel);
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  channel_remove (&channel);
  g_assert_cmpuint (channel.watch.slot, ==, 0);
  g_assert_cmpuint (channel.watch.condition, ==, 0);
  channel_remove (&channel);
  g_assert_false (turn (fixture));

  channel_add (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);

  channel_close (&channel);
}

static void
test_watch_remove_keeps_errno (Fixture       *fixture,
                               gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN);
  close (channel.fd);
  errno = EXDEV;
  channel_remove (&channel);
  g_assert_cmpint (errno, ==, EXDEV);

  close (channel.peer);
}

static void
remove_itself (Channel *channel)
{
  channel_remove (channel);
}

static void
test_watch_removed_by_itself (Fixture       *fixture,
                              gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel.action = remove_itself;
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  turn (fixture);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (channel.n_calls, ==, 1);

  channel_close (&channel);
}

static guint n_freed;

static void
free_itself (Channel *channel)
{
  channel_close (channel);
  g_free (channel);
  n_freed++;
}

static void
test_watch_freed_by_itself (Fixture       *fixture,
                            gconstpointer  unused)
{
  Channel *channel = g_new (Channel, 1);

  n_freed = 0;
  channel_open (channel, fixture);
  channel->action = free_itself;
  channel_add (channel, G_IO_IN);
  channel_feed (channel);
  turn (fixture);
  g_assert_cmpuint (n_freed, ==, 1);
  g_assert_false (turn (fixture));
}

static void
remove_other (Channel *channel)
{
  channel_remove (channel->other);
}

static void
test_watch_removed_by_other (Fixture       *fixture,
                             gconstpointer  unused)
{
  Channel channels[2];

  g_test_summary ("Of two that are ready the first removes the second, which is not called any more");

  channels_open (channels, fixture, remove_other);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 1);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static void
mute_other (Channel *channel)
{
  channel_set (channel->other, 0);
}

static void
test_watch_muted_by_other (Fixture       *fixture,
                           gconstpointer  unused)
{
  Channel channels[2];

  g_test_summary ("Of two that have hung up the first mutes the second, which is not told any more");

  channels_open (channels, fixture, mute_other);
  channel_close_peer (&channels[0]);
  channel_close_peer (&channels[1]);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 1);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static void
turn_other_round (Channel *channel)
{
  channel_set (channel->other, G_IO_HUP);
}

static void
test_watch_condition_changed_by_other (Fixture       *fixture,
                                       gconstpointer  unused)
{
  Channel channels[2];

  g_test_summary ("What the second is not interested in any more is not told");

  channels_open (channels, fixture, turn_other_round);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 1);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static Channel replacement;
static guint32 replaced_slot;

static void
replace_other (Channel *channel)
{
  replaced_slot = channel->other->watch.slot;
  channel_remove (channel->other);
  channel_add (&replacement, G_IO_IN);
}

static void
test_watch_slot_reused (Fixture       *fixture,
                        gconstpointer  unused)
{
  Channel channels[2];

  g_test_summary ("An event of the same batch that is older than the slot's watch is not its");

  channel_open (&replacement, fixture);
  channels_open (channels, fixture, replace_other);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 1);
  g_assert_cmpuint (replacement.watch.slot, ==, replaced_slot);
  g_assert_cmpuint (replacement.n_calls, ==, 0);

  channel_feed (&replacement);
  channels[0].action = channels[1].action = NULL;
  turn (fixture);
  g_assert_cmpuint (replacement.n_calls, ==, 1);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
  channel_close (&replacement);
}

static void
readd_other (Channel *channel)
{
  channel_remove (channel->other);
  channel_add (channel->other, G_IO_IN);
  channel->action = NULL;
  channel->other->action = NULL;
}

static void
test_watch_readded_by_other (Fixture       *fixture,
                             gconstpointer  unused)
{
  Channel channels[2];

  channels_open (channels, fixture, readd_other);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 1);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 3);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static void
add_other (Channel *channel)
{
  channel->action = NULL;
  channel_add (channel->other, G_IO_IN);
}

static void
test_watch_added_in_handler (Fixture       *fixture,
                             gconstpointer  unused)
{
  Channel channel, added;

  channel_open (&channel, fixture);
  channel_open (&added, fixture);
  channel.action = add_other;
  channel.other = &added;
  channel_feed (&channel);
  channel_feed (&added);
  channel_add (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (added.n_calls, ==, 0);
  turn (fixture);
  g_assert_cmpuint (added.n_calls, ==, 1);

  channel_close (&channel);
  channel_close (&added);
}

static void
reopen_other (Channel *channel)
{
  Channel *other = channel->other;
  Channel fresh;
  int fd = other->fd;

  /* The descriptor's number stays, what is behind it is new and has nothing to tell. */
  channel_remove (other);
  channel_open (&fresh, channel->fixture);
  g_assert_cmpint (dup2 (fresh.fd, fd), ==, fd);
  close (fresh.fd);
  close (other->peer);
  other->peer = fresh.peer;
  channel_add (other, G_IO_IN);
  channel->action = NULL;
}

static void
test_watch_descriptor_reused (Fixture       *fixture,
                              gconstpointer  unused)
{
  Channel channels[2];

  channels_open (channels, fixture, reopen_other);
  turn (fixture);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls + channels[1].n_calls, ==, 2);
  g_assert_cmpuint (MIN (channels[0].n_calls, channels[1].n_calls), ==, 0);

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static void
test_watch_duplicated_descriptor (Fixture       *fixture,
                                  gconstpointer  unused)
{
  Channel channel;
  int duplicate;

  g_test_summary ("A removed watch is silent also when its descriptor lives on in a duplicate");

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  duplicate = dup (channel.fd);
  channel_remove (&channel);
  close (channel.fd);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (channel.n_calls, ==, 0);

  close (duplicate);
  close (channel.peer);
}

static void
test_watch_forgotten (Fixture       *fixture,
                      gconstpointer  unused)
{
  Channel channels[2], other;
  int duplicates[2];

  g_test_summary ("One that was to be closed and lives on keeps nobody awake, and the others are served");

  channel_open (&other, fixture);
  channel_add (&other, G_IO_IN);
  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    {
      channel_open (&channels[i], fixture);
      channel_add (&channels[i], G_IO_IN);
      channel_feed (&channels[i]);
      g_assert_true (turn (fixture));
      g_assert_cmpuint (channels[i].n_calls, ==, 1);
      duplicates[i] = dup (channels[i].fd);
      l_reactor_forget_watch (fixture->reactor, &channels[i].watch);
      close (channels[i].fd);
      /* The first is noticed once. */
      turn (fixture);
      g_assert_false (turn (fixture));
      g_assert_cmpuint (channels[i].n_calls, ==, 1);
    }

  channel_feed (&other);
  g_assert_true (turn (fixture));
  g_assert_cmpuint (other.n_calls, ==, 1);

  channel_close (&other);
  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    {
      close (duplicates[i]);
      close (channels[i].peer);
    }
}

#define N_MANY (2 * L_REACTOR_MAX_EVENTS + 8)

static void
test_watch_many (Fixture       *fixture,
                 gconstpointer  unused)
{
  g_autofree Channel *channels = g_new0 (Channel, N_MANY);
  Channel source;
  guint n_calls = 0;

  g_test_summary ("More than one dispatch takes, all of them always ready: each has its turn");

  channel_open (&source, fixture);
  channel_feed (&source);
  for (guint i = 0; i < N_MANY; i++)
    {
      channels[i] = (Channel) { .watch.func = on_channel, .fixture = fixture, .fd = dup (source.fd), .peer = -1 };
      if (channels[i].fd < 0)
        {
          g_test_skip ("too few descriptors");
          for (; i > 0; i--)
            channel_close (&channels[i - 1]);
          channel_close (&source);
          return;
        }
      channel_add (&channels[i], G_IO_IN);
    }

  turn (fixture);
  for (guint i = 0; i < N_MANY; i++)
    n_calls += channels[i].n_calls;
  g_assert_cmpuint (n_calls, ==, L_REACTOR_MAX_EVENTS);

  turn (fixture);
  turn (fixture);
  for (guint i = 0; i < N_MANY; i++)
    {
      g_assert_cmpuint (channels[i].n_calls, >=, 1);
      g_assert_cmpuint (channels[i].n_calls, <=, 2);
    }

  for (guint i = 0; i < N_MANY; i++)
    channel_close (&channels[i]);
  g_assert_false (turn (fixture));
  channel_close (&source);
}

/* Failing calls */

static guint n_controls;
static int   control_error;
static int (* real_epoll_ctl) (int epoll_fd, int operation, int fd, struct epoll_event *event);

static int
count_epoll_ctl (int                 epoll_fd,
                 int                 operation,
                 int                 fd,
                 struct epoll_event *event)
{
  n_controls++;
  if (control_error != 0)
    {
      errno = control_error;
      return -1;
    }

  return real_epoll_ctl (epoll_fd, operation, fd, event);
}

static void
interpose_epoll_ctl (int error)
{
  real_epoll_ctl = l_system.epoll_ctl;
  l_system.epoll_ctl = count_epoll_ctl;
  n_controls = 0;
  control_error = error;
}

static void
restore_epoll_ctl (void)
{
  l_system.epoll_ctl = real_epoll_ctl;
}

/* The turn in which the set is told of a change, and cannot take it. */
static void
turn_without_room (Fixture *fixture,
                   int      error)
{
  interpose_epoll_ctl (error);
  turn (fixture);
  g_assert_cmpuint (n_controls, >=, 1);
  restore_epoll_ctl ();
}

static void
test_watch_add_fails (Fixture       *fixture,
                      gconstpointer  unused)
{
  Channel channel, other;

  g_test_summary ("What the set has no room for is told all the same, and the rest too");

  channel_open (&channel, fixture);
  channel_open (&other, fixture);
  channel_add (&other, G_IO_IN);
  turn (fixture);
  channel_add (&channel, G_IO_IN);
  turn_without_room (fixture, ENOSPC);
  g_assert_cmpuint (channel.n_calls, ==, 0);

  channel_feed (&channel);
  channel_feed (&other);
  while (channel.n_calls == 0)
    turn (fixture);
  g_assert_cmpuint (channel.condition, ==, G_IO_IN);
  g_assert_cmpuint (other.n_calls, ==, 1);

  /* It goes there with the next change. */
  channel_set (&channel, G_IO_IN | G_IO_OUT);
  interpose_epoll_ctl (0);
  turn (fixture);
  g_assert_cmpuint (n_controls, ==, 1);
  restore_epoll_ctl ();
  g_assert_cmpuint (channel.condition, ==, G_IO_IN | G_IO_OUT);

  channel_close (&channel);
  channel_close (&other);
  g_assert_false (turn (fixture));
}

static void
test_watch_modify_fails (Fixture       *fixture,
                         gconstpointer  unused)
{
  Channel channel;

  channel_open (&channel, fixture);
  channel_add (&channel, G_IO_IN);
  g_assert_false (turn (fixture));
  channel_set (&channel, G_IO_OUT);
  turn_without_room (fixture, ENOMEM);
  while (channel.n_calls == 0)
    turn (fixture);
  g_assert_cmpuint (channel.condition, ==, G_IO_OUT);

  channel_remove (&channel);
  turn (fixture);
  g_assert_false (turn (fixture));
  channel_close (&channel);
}

static void
test_watch_no_needless_calls (Fixture       *fixture,
                              gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("The set is told of what a turn ends with, and of nothing when that is as before");

  channel_open (&channel, fixture);
  interpose_epoll_ctl (0);
  channel_add (&channel, 0);
  turn (fixture);
  channel_set (&channel, G_IO_IN);
  channel_set (&channel, 0);
  turn (fixture);
  channel_set (&channel, G_IO_IN);
  channel_remove (&channel);
  turn (fixture);
  g_assert_cmpuint (n_controls, ==, 0);

  channel_add (&channel, G_IO_IN);
  channel_set (&channel, G_IO_IN | G_IO_OUT);
  channel_set (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (n_controls, ==, 1);
  channel_set (&channel, G_IO_IN | G_IO_OUT);
  channel_set (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (n_controls, ==, 1);
  channel_remove (&channel);
  g_assert_cmpuint (n_controls, ==, 2);
  restore_epoll_ctl ();

  channel_close (&channel);
}

/* Hot descriptors: those that stand beside the epoll set */

static guint n_waits;
static int (* real_epoll_wait) (int epoll_fd, struct epoll_event *events, int n_events, int timeout);

static int
count_epoll_wait (int                 epoll_fd,
                  struct epoll_event *events,
                  int                 n_events,
                  int                 timeout)
{
  n_waits++;
  return real_epoll_wait (epoll_fd, events, n_events, timeout);
}

static void
setup_hot (Fixture       *fixture,
           gconstpointer  unused)
{
  setup (fixture, unused);
  real_epoll_wait = l_system.epoll_wait;
  l_system.epoll_wait = count_epoll_wait;
}

static void
teardown_hot (Fixture       *fixture,
              gconstpointer  unused)
{
  l_system.epoll_wait = real_epoll_wait;
  teardown (fixture, unused);
}

/* The number of times that the set was asked for one event. */
static guint
channel_tell (Channel *channel)
{
  guint n_calls = channel->n_calls;

  n_waits = 0;
  channel_feed (channel);
  while (channel->n_calls == n_calls)
    turn (channel->fixture);
  g_assert_cmpuint (channel->n_calls, ==, n_calls + 1);
  g_assert_cmpuint (channel->condition, ==, G_IO_IN);
  channel_drain (channel);

  return n_waits;
}

static void
channel_heat (Channel *channel)
{
  for (guint i = 0; i < 8; i++)
    g_assert_cmpuint (channel_tell (channel), ==, 1);
  g_assert_cmpuint (channel_tell (channel), ==, 0);
}

static void
channel_open_hot (Channel *channel,
                  Fixture *fixture)
{
  channel_open (channel, fixture);
  channel_add (channel, G_IO_IN);
  channel_heat (channel);
}

static void
test_hot_removed (Fixture       *fixture,
                  gconstpointer  unused)
{
  Channel channel, next;

  g_test_summary ("Who has its slot next does not inherit the heat");

  channel_open_hot (&channel, fixture);
  channel_feed (&channel);
  channel_remove (&channel);
  g_assert_false (turn (fixture));
  channel_open (&next, fixture);
  channel_add (&next, G_IO_IN);
  g_assert_cmpuint (channel_tell (&next), ==, 1);
  channel_add (&channel, G_IO_IN);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 10);

  channel_close (&channel);
  channel_close (&next);
}

static void
test_hot_condition (Fixture       *fixture,
                    gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("What waits for something else goes back to the set");

  channel_open_hot (&channel, fixture);
  channel_set (&channel, G_IO_IN | G_IO_OUT);
  n_waits = 0;
  turn (fixture);
  g_assert_cmpuint (n_waits, >=, 1);
  g_assert_cmpuint (channel.condition, ==, G_IO_OUT);

  channel_set (&channel, 0);
  channel_feed (&channel);
  g_assert_false (turn (fixture));
  channel_drain (&channel);
  channel_set (&channel, G_IO_IN);
  for (guint i = 0; i < 8; i++)
    channel_tell (&channel);
  g_assert_cmpuint (channel_tell (&channel), ==, 0);

  channel_close (&channel);
}

static void
test_hot_hang_up (Fixture       *fixture,
                  gconstpointer  unused)
{
  Channel channel;

  channel_open_hot (&channel, fixture);
  channel_close_peer (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 10);
  g_assert_cmpuint (channel.condition & G_IO_HUP, ==, G_IO_HUP);

  channel_close (&channel);
}

static void
test_hot_by_turns (Fixture       *fixture,
                   gconstpointer  unused)
{
  Channel channels[2 * L_REACTOR_N_HOT];

  g_test_summary ("Many that are ready in turn leave each other cold");

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    {
      channel_open (&channels[i], fixture);
      channel_add (&channels[i], G_IO_IN);
    }
  for (guint i = 0; i < 20 * G_N_ELEMENTS (channels); i++)
    g_assert_cmpuint (channel_tell (&channels[i % G_N_ELEMENTS (channels)]), ==, 1);

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    channel_close (&channels[i]);
}

static void
test_hot_makes_way (Fixture       *fixture,
                    gconstpointer  unused)
{
  Channel channels[L_REACTOR_N_HOT + 1];
  guint n_hot = 0;

  g_test_summary ("One more than there is place for: one of those that were silent goes back to the set");

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    channel_open_hot (&channels[i], fixture);
  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    n_hot += channel_tell (&channels[i]) == 0;
  g_assert_cmpuint (n_hot, ==, L_REACTOR_N_HOT);

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    channel_close (&channels[i]);
  g_assert_false (turn (fixture));
}

static void
test_hot_set_is_full (Fixture       *fixture,
                      gconstpointer  unused)
{
  Channel channels[L_REACTOR_N_HOT];
  Channel late;

  g_test_summary ("The system has no room for one that would go back to the set: it is told of all the same");

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    channel_open_hot (&channels[i], fixture);
  channel_open (&late, fixture);
  channel_add (&late, G_IO_IN);

  for (guint i = 0; i < 8; i++)
    g_assert_cmpuint (channel_tell (&late), ==, 1);
  turn_without_room (fixture, ENOSPC);

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    g_assert_cmpuint (channel_tell (&channels[i]), ==, 0);
  g_assert_cmpuint (channel_tell (&late), ==, 0);

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    channel_close (&channels[i]);
  channel_close (&late);
}

/* Nested main loops */

static void
run_nested (Channel *channel)
{
  channel->action = NULL;
  channel_drain (channel);
  channel_feed (channel->other);
  channel->depth++;
  while (channel->other->n_calls == 0)
    g_main_context_iteration (channel->fixture->context, TRUE);
  channel->depth--;
}

static void
note_depth (Channel *channel)
{
  channel->depth = MAX (channel->depth, channel->other->depth);
  channel_drain (channel);
}

static void
test_nested_loop (Fixture       *fixture,
                  gconstpointer  unused)
{
  Channel outer, inner;

  g_test_summary ("The loop of a handler serves the others meanwhile");

  channel_open (&outer, fixture);
  channel_open (&inner, fixture);
  outer.action = run_nested;
  outer.other = &inner;
  inner.action = note_depth;
  inner.other = &outer;
  channel_add (&outer, G_IO_IN);
  channel_add (&inner, G_IO_IN);
  channel_feed (&outer);
  turn (fixture);
  g_assert_cmpuint (outer.n_calls, ==, 1);
  /* The outer batch may tell it once more what the inner one has dealt with. */
  g_assert_cmpuint (inner.n_calls, >=, 1);
  g_assert_cmpuint (inner.depth, ==, 1);
  g_assert_false (turn (fixture));

  channel_close (&outer);
  channel_close (&inner);
}

static void
turn_nested_once (Channel *channel)
{
  if (channel->n_calls == 1)
    turn (channel->fixture);
  else
    channel_drain (channel);
}

static void
test_nested_itself (Fixture       *fixture,
                    gconstpointer  unused)
{
  Channel channel;

  g_test_summary ("What is still ready is told in the loop of its own handler too");

  channel_open (&channel, fixture);
  channel.action = turn_nested_once;
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 2);
  g_assert_false (turn (fixture));

  channel_close (&channel);
}

static void
run_nested_until_freed (Channel *channel)
{
  Fixture *fixture = channel->fixture;

  channel->action = free_itself;
  while (n_freed == 0)
    g_main_context_iteration (fixture->context, TRUE);
}

static void
test_nested_freed (Fixture       *fixture,
                   gconstpointer  unused)
{
  Channel *channel = g_new (Channel, 1);

  g_test_summary ("The loop of a handler frees its own watch");

  n_freed = 0;
  channel_open (channel, fixture);
  channel->action = run_nested_until_freed;
  channel_add (channel, G_IO_IN);
  channel_feed (channel);
  turn (fixture);
  g_assert_cmpuint (n_freed, ==, 1);
  g_assert_false (turn (fixture));
}

static void
run_nested_until_other_freed (Channel *channel)
{
  Fixture *fixture = channel->fixture;

  if (n_freed > 0)
    return;

  channel_drain (channel);
  channel->other->action = free_itself;
  while (n_freed == 0)
    g_main_context_iteration (fixture->context, TRUE);
  channel->other = NULL;
}

static void
test_nested_other_freed (Fixture       *fixture,
                         gconstpointer  unused)
{
  Channel *channels[2] = { g_new (Channel, 1), g_new (Channel, 1) };

  g_test_summary ("What the nested loop freed is not called from the batch of the outer one");

  n_freed = 0;
  for (guint i = 0; i < 2; i++)
    {
      channel_open (channels[i], fixture);
      channels[i]->action = run_nested_until_other_freed;
      channels[i]->other = channels[1 - i];
      channel_feed (channels[i]);
      channel_add (channels[i], G_IO_IN);
    }
  turn (fixture);
  g_assert_cmpuint (n_freed, ==, 1);
  g_assert_false (turn (fixture));

  for (guint32 slot = 1; slot <= 2; slot++)
    {
      LReactorWatch *survivor = l_reactor_get_slot (fixture->reactor, slot)->watch;

      if (survivor != NULL)
        free_itself ((Channel *) survivor);
    }
  g_assert_cmpuint (n_freed, ==, 2);
}

/* Tasks */

typedef struct _Job Job;

struct _Job
{
  union
  {
    LReactorTask  task;
    LReactorTimer timer;
  };
  Fixture *fixture;
  GString *log;
  char     name;
  guint    n_calls;
  void  (* action) (Job *job);
  Job     *other;
};

static void
run_job (Job *job)
{
  job->n_calls++;
  if (job->log != NULL)
    g_string_append_c (job->log, job->name);
  if (job->action != NULL)
    job->action (job);
}

static void
on_task (LReactorTask *task)
{
  run_job ((Job *) task);
}

static void
on_timer (LReactorTimer *timer)
{
  run_job ((Job *) timer);
}

static void
task_init (Job     *job,
           Fixture *fixture,
           char     name,
           GString *log)
{
  *job = (Job) { .task.func = on_task, .fixture = fixture, .name = name, .log = log };
}

static void
timer_init (Job     *job,
            Fixture *fixture,
            char     name,
            GString *log)
{
  *job = (Job) { .timer.func = on_timer, .fixture = fixture, .name = name, .log = log };
}

static void
queue (Job *job)
{
  l_reactor_queue_task (job->fixture->reactor, &job->task);
}

static void
cancel (Job *job)
{
  l_reactor_cancel_task (job->fixture->reactor, &job->task);
}

static void
test_task_once (Fixture       *fixture,
                gconstpointer  unused)
{
  Job job;

  task_init (&job, fixture, 'a', NULL);
  queue (&job);
  queue (&job);
  g_assert_cmpuint (job.n_calls, ==, 0);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 1);

  queue (&job);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 2);
}

static void
test_task_cancelled (Fixture       *fixture,
                     gconstpointer  unused)
{
  Job job;

  task_init (&job, fixture, 'a', NULL);
  cancel (&job);
  queue (&job);
  cancel (&job);
  cancel (&job);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 0);

  queue (&job);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
}

static void
test_task_order (Fixture       *fixture,
                 gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[4];

  for (guint i = 0; i < 4; i++)
    {
      task_init (&jobs[i], fixture, 'a' + i, log);
      queue (&jobs[i]);
    }

  /* Cancelled and queued again: at the end. */
  cancel (&jobs[1]);
  queue (&jobs[1]);
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "acdb");
}

static void
test_task_queued_by_itself (Fixture       *fixture,
                            gconstpointer  unused)
{
  Job job;

  g_test_summary ("A task that always queues itself runs once a turn");

  task_init (&job, fixture, 'a', NULL);
  job.action = queue;
  queue (&job);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 2);

  job.action = NULL;
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 3);
  g_assert_false (turn (fixture));
}

static guint n_polls;

static int
count_polls (GPollFD *fds,
             guint    n_fds,
             int      timeout)
{
  n_polls++;
  return g_poll (fds, n_fds, timeout);
}

static void
queue_soon (Job *job)
{
  l_reactor_queue_task_soon (job->fixture->reactor, &job->task);
}

static void
test_task_soon (Fixture       *fixture,
                gconstpointer  unused)
{
  Job job;

  g_test_summary ("A turn that only ends what was begun in the one before polls nothing");

  task_init (&job, fixture, 'a', NULL);
  g_main_context_set_poll_func (fixture->context, count_polls);
  g_assert_false (turn (fixture));
  n_polls = 0;
  queue_soon (&job);
  g_assert_cmpuint (job.n_calls, ==, 0);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
  g_assert_cmpuint (n_polls, ==, 0);

  g_assert_false (turn (fixture));
  queue_soon (&job);
  cancel (&job);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 1);
}

static gboolean
count_turn (gpointer n_turns)
{
  (*(guint *) n_turns)++;
  return G_SOURCE_CONTINUE;
}

static void
test_task_soon_always (Fixture       *fixture,
                       gconstpointer  unused)
{
  g_autoptr(GSource) source = g_idle_source_new ();
  guint n_turns = 0;
  Job job;

  g_test_summary ("One that always queues itself again leaves every other turn to who is waiting");

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, count_turn, &n_turns, NULL);
  g_source_attach (source, fixture->context);

  task_init (&job, fixture, 'a', NULL);
  job.action = queue_soon;
  queue_soon (&job);
  for (guint i = 0; i < 20; i++)
    turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 20);
  g_assert_cmpuint (n_turns, >=, 10);

  cancel (&job);
  g_source_destroy (source);
}

static void
drop_task (LReactorTask *task)
{
  ((Job *) task)->n_calls += 100;
}

static void
test_task_soon_dropped (void)
{
  Fixture fixture;
  Job job;

  g_test_summary ("One whose context goes before its turn is dropped");

  setup (&fixture, NULL);
  task_init (&job, &fixture, 'a', NULL);
  job.task.drop = drop_task;
  g_assert_false (turn (&fixture));
  queue_soon (&job);
  teardown (&fixture, NULL);
  g_assert_cmpuint (job.n_calls, ==, 100);
}

static void
queue_other (Job *job)
{
  queue (job->other);
}

static void
test_task_queued_by_task (Fixture       *fixture,
                          gconstpointer  unused)
{
  Job first, second;

  task_init (&first, fixture, 'a', NULL);
  task_init (&second, fixture, 'b', NULL);
  first.action = queue_other;
  first.other = &second;
  queue (&first);
  turn (fixture);
  g_assert_cmpuint (second.n_calls, ==, 0);
  turn (fixture);
  g_assert_cmpuint (second.n_calls, ==, 1);
}

static void
cancel_other (Job *job)
{
  cancel (job->other);
}

static void
test_task_cancelled_by_task (Fixture       *fixture,
                             gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[3];

  for (guint i = 0; i < 3; i++)
    {
      task_init (&jobs[i], fixture, 'a' + i, log);
      queue (&jobs[i]);
    }
  jobs[0].action = cancel_other;
  jobs[0].other = &jobs[1];
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "ac");
  g_assert_false (turn (fixture));
}

static void
free_job (Job *job)
{
  g_free (job);
}

static void
test_task_freed_by_itself (Fixture       *fixture,
                           gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job *job = g_new (Job, 1);

  task_init (job, fixture, 'a', log);
  job->action = free_job;
  queue (job);
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "a");
  g_assert_false (turn (fixture));
}

static Job job_of_channel;

static void
queue_job_of_channel (Channel *channel)
{
  channel_drain (channel);
  queue (&job_of_channel);
}

static void
test_task_queued_by_watch (Fixture       *fixture,
                           gconstpointer  unused)
{
  Channel channels[2];

  g_test_summary ("What handlers queue runs once, at the end of the same dispatch");

  task_init (&job_of_channel, fixture, 'a', NULL);
  channels_open (channels, fixture, queue_job_of_channel);
  turn (fixture);
  g_assert_cmpuint (channels[0].n_calls, ==, 1);
  g_assert_cmpuint (channels[1].n_calls, ==, 1);
  g_assert_cmpuint (job_of_channel.n_calls, ==, 1);
  g_assert_false (turn (fixture));

  channel_close (&channels[0]);
  channel_close (&channels[1]);
}

static void
test_task_prepare (Fixture       *fixture,
                   gconstpointer  unused)
{
  Job job;
  int timeout;

  g_test_summary ("A queued task makes the loop turn at once, and runs in dispatch only");

  task_init (&job, fixture, 'a', NULL);
  g_assert_false (turn_by_hand (fixture, &timeout));
  g_assert_cmpint (timeout, ==, -1);

  queue (&job);
  g_assert_true (turn_by_hand (fixture, &timeout));
  g_assert_cmpint (timeout, ==, 0);
  g_assert_true (g_main_context_pending (fixture->context));
  g_assert_cmpuint (job.n_calls, ==, 0);

  g_assert_true (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 1);
  g_assert_false (g_main_context_pending (fixture->context));
}

static void
turn_nested (Job *job)
{
  job->action = NULL;
  queue (job);
  turn (job->fixture);
}

static void
test_task_nested_loop (Fixture       *fixture,
                       gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[3];

  g_test_summary ("The loop of a task runs the tasks that wait; none runs twice");

  for (guint i = 0; i < 3; i++)
    {
      task_init (&jobs[i], fixture, 'a' + i, log);
      queue (&jobs[i]);
    }
  jobs[0].action = turn_nested;
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "abca");
  g_assert_false (turn (fixture));
}

/* Timers */

static void
set_timer (Job    *job,
           gint64  due)
{
  l_reactor_set_timer (job->fixture->reactor, &job->timer, due);
}

static void
cancel_timer (Job *job)
{
  l_reactor_cancel_timer (job->fixture->reactor, &job->timer);
}

static gint64
get_far (void)
{
  return g_get_monotonic_time () + G_TIME_SPAN_HOUR;
}

static void
test_timer_due_at_once (Fixture       *fixture,
                        gconstpointer  unused)
{
  Job job;

  timer_init (&job, fixture, 'a', NULL);
  set_timer (&job, 0);
  g_assert_cmpuint (job.n_calls, ==, 0);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
  g_assert_null (job.timer.iter);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 1);
}

static void
test_timer_order (Fixture       *fixture,
                  gconstpointer  unused)
{
  static const gint64 dues[] = { 30, 10, 40, 20 };
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[4];

  for (guint i = 0; i < 4; i++)
    {
      timer_init (&jobs[i], fixture, 'a' + i, log);
      set_timer (&jobs[i], dues[i]);
    }
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "bdac");
}

static void
test_timer_moved (Fixture       *fixture,
                  gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job sooner, later, last;

  timer_init (&sooner, fixture, 's', log);
  timer_init (&later, fixture, 'l', log);
  timer_init (&last, fixture, 'x', log);
  set_timer (&sooner, get_far ());
  set_timer (&later, 10);
  set_timer (&last, 20);
  set_timer (&sooner, 30);
  set_timer (&later, get_far ());
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "xs");
  g_assert_false (turn (fixture));

  set_timer (&later, 0);
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "xsl");
}

static void
test_timer_cancelled (Fixture       *fixture,
                      gconstpointer  unused)
{
  Job job;
  int timeout;

  timer_init (&job, fixture, 'a', NULL);
  cancel_timer (&job);
  set_timer (&job, 0);
  cancel_timer (&job);
  cancel_timer (&job);
  g_assert_false (turn_by_hand (fixture, &timeout));
  g_assert_cmpint (timeout, ==, -1);
  g_assert_cmpuint (job.n_calls, ==, 0);

  set_timer (&job, 0);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
}

static void
cancel_other_timer (Job *job)
{
  cancel_timer (job->other);
}

static void
test_timer_cancelled_in_handler (Fixture       *fixture,
                                 gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[3];

  for (guint i = 0; i < 3; i++)
    {
      timer_init (&jobs[i], fixture, 'a' + i, log);
      set_timer (&jobs[i], 10 + i);
    }
  jobs[0].action = cancel_other_timer;
  jobs[0].other = &jobs[1];
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "ac");
}

static void
postpone_other (Job *job)
{
  set_timer (job->other, get_far ());
}

static void
test_timer_moved_in_handler (Fixture       *fixture,
                             gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job jobs[3];

  for (guint i = 0; i < 3; i++)
    {
      timer_init (&jobs[i], fixture, 'a' + i, log);
      set_timer (&jobs[i], 10 + i);
    }
  jobs[0].action = postpone_other;
  jobs[0].other = &jobs[1];
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "ac");

  cancel_timer (&jobs[1]);
}

static void
set_again_later (Job *job)
{
  set_timer (job, get_far ());
}

static void
test_timer_set_by_itself (Fixture       *fixture,
                          gconstpointer  unused)
{
  Job job;

  timer_init (&job, fixture, 'a', NULL);
  job.action = set_again_later;
  set_timer (&job, 0);
  turn (fixture);
  g_assert_false (turn (fixture));
  g_assert_cmpuint (job.n_calls, ==, 1);

  cancel_timer (&job);
}

static void
set_again_at_once (Job *job)
{
  if (job->n_calls < 1000)
    set_timer (job, 0);
}

static void
test_timer_always_due (Fixture       *fixture,
                       gconstpointer  unused)
{
  Job job;

  g_test_summary ("A timer that is always due does not keep the loop in one dispatch");

  timer_init (&job, fixture, 'a', NULL);
  job.action = set_again_at_once;
  set_timer (&job, 0);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 1);
  turn (fixture);
  g_assert_cmpuint (job.n_calls, ==, 2);

  cancel_timer (&job);
}

static void
test_timer_freed_by_itself (Fixture       *fixture,
                            gconstpointer  unused)
{
  g_autoptr(GString) log = g_string_new (NULL);
  Job *job = g_new (Job, 1);

  timer_init (job, fixture, 'a', log);
  job->action = free_job;
  set_timer (job, 0);
  turn (fixture);
  g_assert_cmpstr (log->str, ==, "a");
  g_assert_false (turn (fixture));
}

static void
test_timer_timeout (Fixture       *fixture,
                    gconstpointer  unused)
{
  Job job;
  gint64 left;
  int timeout;

  g_test_summary ("The loop sleeps until the timer is due, never a fraction less");

  timer_init (&job, fixture, 'a', NULL);
  for (guint i = 0; i < 1000; i += 111)
    {
      GPollFD fds[4];
      int priority;

      set_timer (&job, get_far () + i);
      g_assert_true (g_main_context_acquire (fixture->context));
      g_main_context_prepare (fixture->context, &priority);
      /* Of the time that counts in this turn; later it is read anew. */
      left = job.timer.due - g_source_get_time (&fixture->reactor->parent);
      g_main_context_query (fixture->context, priority, &timeout, fds, G_N_ELEMENTS (fds));
      g_assert_cmpint ((gint64) timeout * 1000, >=, left);
      g_assert_cmpint ((gint64) timeout * 1000, <, left + 1000);
      g_main_context_check (fixture->context, priority, fds, 0);
      g_main_context_release (fixture->context);
    }

  cancel_timer (&job);
}

static void
test_timer_far_away (Fixture       *fixture,
                     gconstpointer  unused)
{
  Job job;
  int timeout;

  timer_init (&job, fixture, 'a', NULL);
  set_timer (&job, G_MAXINT64);
  g_assert_false (turn_by_hand (fixture, &timeout));
  g_assert_cmpint (timeout, ==, G_MAXINT);

  cancel_timer (&job);
}

static void
test_timer_wakes (Fixture       *fixture,
                  gconstpointer  unused)
{
  guint n_turns = 0;
  gint64 due;
  Job job;

  g_test_summary ("A sleeping loop wakes when the timer is due, and does not turn before");

  timer_init (&job, fixture, 'a', NULL);
  due = g_get_monotonic_time () + 5 * G_TIME_SPAN_MILLISECOND;
  set_timer (&job, due);
  while (job.n_calls == 0)
    {
      g_main_context_iteration (fixture->context, TRUE);
      n_turns++;
    }
  g_assert_cmpint (g_get_monotonic_time (), >=, due);
  g_assert_cmpuint (n_turns, <=, 2);
}

static void
test_timer_queues_task (Fixture       *fixture,
                        gconstpointer  unused)
{
  Job timer, task;

  timer_init (&timer, fixture, 'a', NULL);
  task_init (&task, fixture, 'b', NULL);
  timer.action = queue_other;
  timer.other = &task;
  set_timer (&timer, 0);
  turn (fixture);
  g_assert_cmpuint (task.n_calls, ==, 1);
}

static void
test_timer_many (Fixture       *fixture,
                 gconstpointer  unused)
{
  enum { N_TIMERS = 500 };
  g_autofree Job *jobs = g_new (Job, N_TIMERS);
  g_autoptr(GString) log = g_string_new (NULL);
  guint n_called = 0;

  for (guint i = 0; i < N_TIMERS; i++)
    {
      gint64 due = g_test_rand_int_range (1, 26);

      timer_init (&jobs[i], fixture, 'a' + due, log);
      set_timer (&jobs[i], due);
    }
  for (guint i = 0; i < N_TIMERS; i += 2)
    cancel_timer (&jobs[i]);
  turn (fixture);

  g_assert_cmpuint (log->len, ==, N_TIMERS / 2);
  for (guint i = 1; i < log->len; i++)
    g_assert_cmpint (log->str[i - 1], <=, log->str[i]);
  for (guint i = 0; i < N_TIMERS; i++)
    n_called += jobs[i].n_calls;
  g_assert_cmpuint (n_called, ==, N_TIMERS / 2);
}

/* Contexts */

static void
test_context_same_reactor (Fixture       *fixture,
                           gconstpointer  unused)
{
  LReactor *reactor = fixture->reactor;
  g_autoptr(LReactor) again = l_reactor_ref_thread_default ();

  g_test_summary ("It lives as long as its context, whoever drops it");

  g_assert_true (again == reactor);
  g_assert_true (l_reactor_ref (reactor) == reactor);
  l_reactor_unref (reactor);
  l_reactor_unref (g_steal_pointer (&again));
  l_reactor_unref (g_steal_pointer (&fixture->reactor));

  fixture->reactor = l_reactor_ref_thread_default ();
  g_assert_true (fixture->reactor == reactor);
}

static void
test_context_own (Fixture       *fixture,
                  gconstpointer  unused)
{
  Fixture inner;
  Channel channel;

  g_test_summary ("Each context has its own, and serves that alone");

  setup (&inner, NULL);
  g_assert_true (inner.reactor != fixture->reactor);

  channel_open (&channel, &inner);
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  turn (fixture);
  g_assert_cmpuint (channel.n_calls, ==, 0);
  turn (&inner);
  g_assert_cmpuint (channel.n_calls, ==, 1);

  channel_close (&channel);
  teardown (&inner, NULL);
}

static void
test_context_global (void)
{
  g_autoptr(LReactor) reactor = l_reactor_ref_thread_default ();
  Fixture fixture = { NULL, reactor };
  Channel channel;

  g_assert_nonnull (reactor);
  channel_open (&channel, &fixture);
  channel_add (&channel, G_IO_IN);
  channel_feed (&channel);
  while (channel.n_calls == 0)
    g_main_context_iteration (NULL, TRUE);

  channel_close (&channel);
}

static gpointer
ref_in_thread (gpointer unused)
{
  return l_reactor_ref_thread_default ();
}

static gpointer
ref_in_thread_with_context (gpointer data)
{
  GMainContext *context = data;
  LReactor *reactor;

  g_main_context_push_thread_default (context);
  reactor = l_reactor_ref_thread_default ();
  g_main_context_pop_thread_default (context);

  return reactor;
}

static LReactor *
run_in_thread (GThreadFunc func,
               gpointer    data)
{
  return g_thread_join (g_thread_new ("test", func, data));
}

static void
test_context_global_run_by_other (void)
{
  g_autoptr(LReactor) reactor = l_reactor_ref_thread_default ();
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(LReactor) own = NULL;
  g_autoptr(LReactor) after = NULL;

  g_test_summary ("A thread without a context gets none while another runs the global one");

  g_assert_true (g_main_context_acquire (NULL));
  g_assert_null (run_in_thread (ref_in_thread, NULL));
  own = run_in_thread (ref_in_thread_with_context, context);
  g_assert_nonnull (own);
  g_assert_true (own != reactor);

  g_main_context_release (NULL);
  after = run_in_thread (ref_in_thread, NULL);
  g_assert_true (after == reactor);
  g_assert_true (g_main_context_acquire (NULL));
  g_main_context_release (NULL);
}

static void
test_context_freed_first (void)
{
  Fixture fixture;
  Channel channel, unused_channel;
  Job task, timer;

  g_test_summary ("Those that are left when its maker drops the context can still take leave of it");

  setup (&fixture, NULL);
  channel_open (&channel, &fixture);
  channel_open (&unused_channel, &fixture);
  channel_add (&channel, G_IO_IN);
  channel_add (&unused_channel, 0);
  task_init (&task, &fixture, 'a', NULL);
  timer_init (&timer, &fixture, 'b', NULL);
  queue (&task);
  set_timer (&timer, 0);
  g_main_context_pop_thread_default (fixture.context);
  g_main_context_unref (fixture.context);

  channel_set (&channel, G_IO_IN | G_IO_OUT);
  channel_set (&channel, 0);
  set_timer (&timer, get_far ());
  cancel_timer (&timer);
  cancel (&task);
  channel_close (&channel);
  channel_close (&unused_channel);
  l_reactor_unref (fixture.reactor);

  g_assert_cmpuint (channel.n_calls + task.n_calls + timer.n_calls, ==, 0);
}

static void
test_context_freed_then_added (void)
{
  Fixture fixture;
  Channel channel;

  g_test_summary ("After its maker has dropped the context nothing is told, and nothing breaks");

  setup (&fixture, NULL);
  g_main_context_pop_thread_default (fixture.context);
  g_main_context_unref (fixture.context);

  channel_open (&channel, &fixture);
  channel_add (&channel, G_IO_IN);
  channel_set (&channel, G_IO_OUT);
  channel_set (&channel, 0);
  channel_set (&channel, G_IO_IN);
  channel_remove (&channel);
  channel_add (&channel, 0);
  channel_close (&channel);
  l_reactor_unref (fixture.reactor);
}

static void
test_context_replaced (void)
{
  g_test_summary ("A new context has a reactor of its own");

  for (guint i = 0; i < 20; i++)
    {
      LReactor *old;
      Fixture fixture;
      Channel channel;

      setup (&fixture, NULL);
      old = l_reactor_ref (fixture.reactor);
      teardown (&fixture, NULL);

      setup (&fixture, NULL);
      g_assert_true (fixture.reactor != old);
      channel_open (&channel, &fixture);
      channel_add (&channel, G_IO_IN);
      channel_feed (&channel);
      turn (&fixture);
      g_assert_cmpuint (channel.n_calls, ==, 1);
      channel_close (&channel);

      /* The old one goes while the new one may stand in its place. */
      l_reactor_unref (old);
      old = l_reactor_ref_thread_default ();
      g_assert_true (old == fixture.reactor);
      l_reactor_unref (old);
      teardown (&fixture, NULL);
    }
}

static guint
count_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
test_context_descriptors (void)
{
  guint n_before = 0;

  /* The first time GLib may open something that stays. */
  for (guint i = 0; i < 3; i++)
    {
      Fixture fixture;
      Channel channel;

      if (i == 1)
        n_before = count_descriptors ();
      setup (&fixture, NULL);
      channel_open (&channel, &fixture);
      channel_add (&channel, G_IO_IN);
      turn (&fixture);
      channel_close (&channel);
      teardown (&fixture, NULL);
    }

  g_assert_cmpuint (count_descriptors (), ==, n_before);
}

static gpointer
run_own_context (gpointer unused)
{
  for (guint i = 0; i < 20; i++)
    {
      Fixture fixture;
      Channel channel;

      setup (&fixture, NULL);
      channel_open (&channel, &fixture);
      channel.action = remove_itself;
      channel_add (&channel, G_IO_IN);
      channel_feed (&channel);
      while (channel.n_calls == 0)
        g_main_context_iteration (fixture.context, TRUE);
      channel_close (&channel);
      teardown (&fixture, NULL);
    }

  return NULL;
}

static void
test_context_threads (void)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("test", run_own_context, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Backends */

static void
assert_backend_works (const char *name)
{
  Fixture fixture;
  Channel channel;

  setup (&fixture, NULL);
  g_assert_cmpstr (fixture.reactor->backend->name, ==, name);
  channel_open (&channel, &fixture);
  channel_add (&channel, G_IO_IN);
  turn (&fixture);
  g_assert_cmpuint (channel.n_calls, ==, 0);
  channel_feed (&channel);
  turn (&fixture);
  g_assert_cmpuint (channel.n_calls, ==, 1);
  channel_close (&channel);
  teardown (&fixture, NULL);
}

static void
assert_environment_chooses (const char *value,
                            const char *name)
{
  g_autofree char *old = g_strdup (g_getenv ("LSOCKET_REACTOR"));

  if (value != NULL)
    g_setenv ("LSOCKET_REACTOR", value, TRUE);
  else
    g_unsetenv ("LSOCKET_REACTOR");

  assert_backend_works (name);

  if (old != NULL)
    g_setenv ("LSOCKET_REACTOR", old, TRUE);
  else
    g_unsetenv ("LSOCKET_REACTOR");
}

static void
test_backend_chosen (void)
{
#ifdef __linux__
  const char *usual = "epoll";
#else
  const char *usual = "poll";
#endif

  assert_environment_chooses ("poll", "poll");
  assert_environment_chooses ("epoll", usual);
  assert_environment_chooses ("no such thing", usual);
  assert_environment_chooses (NULL, usual);
}

static guint n_creations;

static int
fail_epoll_create1 (int flags)
{
  n_creations++;
  errno = EMFILE;
  return -1;
}

static void
test_backend_out_of_descriptors (void)
{
  int (* real) (int) = l_system.epoll_create1;

  g_test_summary ("Without a descriptor for epoll the other one serves");

  n_creations = 0;
  l_system.epoll_create1 = fail_epoll_create1;
  assert_environment_chooses ("epoll", "poll");
  l_system.epoll_create1 = real;
  g_assert_cmpuint (n_creations, ==, 1);
}

#define ADD(path, func) g_test_add ("/reactor/" path, Fixture, NULL, setup, func, teardown)
#define ADD_HOT(path, func) g_test_add ("/reactor/hot/" path, Fixture, NULL, setup_hot, func, teardown_hot)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("watch/in", test_watch_in);
  ADD ("watch/level-triggered", test_watch_level_triggered);
  ADD ("watch/out", test_watch_out);
  ADD ("watch/in-and-out", test_watch_in_and_out);
  ADD ("watch/hang-up", test_watch_hang_up);
  ADD ("watch/half-close", test_watch_half_close);
  ADD ("watch/condition-zero", test_watch_condition_zero);
  ADD ("watch/condition-changed", test_watch_condition_changed);
  ADD ("watch/remove-twice", test_watch_remove_twice);
  ADD ("watch/remove-keeps-errno", test_watch_remove_keeps_errno);
  ADD ("watch/removed-by-itself", test_watch_removed_by_itself);
  ADD ("watch/freed-by-itself", test_watch_freed_by_itself);
  ADD ("watch/removed-by-other", test_watch_removed_by_other);
  ADD ("watch/muted-by-other", test_watch_muted_by_other);
  ADD ("watch/condition-changed-by-other", test_watch_condition_changed_by_other);
  ADD ("watch/slot-reused", test_watch_slot_reused);
  ADD ("watch/readded-by-other", test_watch_readded_by_other);
  ADD ("watch/added-in-handler", test_watch_added_in_handler);
  ADD ("watch/descriptor-reused", test_watch_descriptor_reused);
  ADD ("watch/duplicated-descriptor", test_watch_duplicated_descriptor);
  ADD ("watch/forgotten", test_watch_forgotten);
  ADD ("watch/many", test_watch_many);
  /* The other backend makes no system call of its own that could fail or be counted. */
  if (g_strcmp0 (g_getenv ("LSOCKET_REACTOR"), "poll") != 0)
    {
      ADD ("watch/add-fails", test_watch_add_fails);
      ADD ("watch/modify-fails", test_watch_modify_fails);
      ADD ("watch/no-needless-calls", test_watch_no_needless_calls);
      ADD_HOT ("removed", test_hot_removed);
      ADD_HOT ("condition", test_hot_condition);
      ADD_HOT ("hang-up", test_hot_hang_up);
      ADD_HOT ("by-turns", test_hot_by_turns);
      ADD_HOT ("makes-way", test_hot_makes_way);
      ADD_HOT ("set-is-full", test_hot_set_is_full);
    }

  ADD ("nested/loop", test_nested_loop);
  ADD ("nested/itself", test_nested_itself);
  ADD ("nested/freed", test_nested_freed);
  ADD ("nested/other-freed", test_nested_other_freed);

  ADD ("task/once", test_task_once);
  ADD ("task/cancelled", test_task_cancelled);
  ADD ("task/order", test_task_order);
  ADD ("task/queued-by-itself", test_task_queued_by_itself);
  ADD ("task/soon", test_task_soon);
  ADD ("task/soon-always", test_task_soon_always);
  g_test_add_func ("/reactor/task/soon-dropped", test_task_soon_dropped);
  ADD ("task/queued-by-task", test_task_queued_by_task);
  ADD ("task/cancelled-by-task", test_task_cancelled_by_task);
  ADD ("task/freed-by-itself", test_task_freed_by_itself);
  ADD ("task/queued-by-watch", test_task_queued_by_watch);
  ADD ("task/prepare", test_task_prepare);
  ADD ("task/nested-loop", test_task_nested_loop);

  ADD ("timer/due-at-once", test_timer_due_at_once);
  ADD ("timer/order", test_timer_order);
  ADD ("timer/moved", test_timer_moved);
  ADD ("timer/cancelled", test_timer_cancelled);
  ADD ("timer/cancelled-in-handler", test_timer_cancelled_in_handler);
  ADD ("timer/moved-in-handler", test_timer_moved_in_handler);
  ADD ("timer/set-by-itself", test_timer_set_by_itself);
  ADD ("timer/always-due", test_timer_always_due);
  ADD ("timer/freed-by-itself", test_timer_freed_by_itself);
  ADD ("timer/timeout", test_timer_timeout);
  ADD ("timer/far-away", test_timer_far_away);
  ADD ("timer/wakes", test_timer_wakes);
  ADD ("timer/queues-task", test_timer_queues_task);
  ADD ("timer/many", test_timer_many);

  ADD ("context/same-reactor", test_context_same_reactor);
  ADD ("context/own", test_context_own);
  g_test_add_func ("/reactor/context/global", test_context_global);
  g_test_add_func ("/reactor/context/global-run-by-other", test_context_global_run_by_other);
  g_test_add_func ("/reactor/context/freed-first", test_context_freed_first);
  g_test_add_func ("/reactor/context/freed-then-added", test_context_freed_then_added);
  g_test_add_func ("/reactor/context/replaced", test_context_replaced);
  g_test_add_func ("/reactor/context/descriptors", test_context_descriptors);
  g_test_add_func ("/reactor/context/threads", test_context_threads);

  g_test_add_func ("/reactor/backend/chosen", test_backend_chosen);
  g_test_add_func ("/reactor/backend/out-of-descriptors", test_backend_out_of_descriptors);

  return g_test_run ();
}
