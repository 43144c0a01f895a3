/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fuzz-server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_NAMES (FUZZ_VIA_LINK + 2)

/* A socket that another program has. */
typedef struct
{
  int       fd;
  FuzzNode *node; /* (unowned) */
} Holder;

static char      *full_names[N_NAMES];
static char      *base_names[N_NAMES];
static char      *link_path;
static FuzzNode  *places[FUZZ_N_PLACES]; /* (unowned) (nullable) */
static GPtrArray *nodes;                 /* (element-type FuzzNode) (owned) */
static GArray    *holders;               /* (element-type Holder) */
static guint      link_target;           /* the number of a directory */

static void
node_free (gpointer data)
{
  FuzzNode *self = data;

  g_queue_clear (&self->waiting);
  g_free (self);
}

void
fuzz_places_init (const char *directory)
{
  static const char * const directories[] = { "", "t/", "d/" };
  g_autofree char *temporary = g_build_filename (directory, "t", NULL);
  g_autofree char *prefix = g_path_get_basename (directory);

  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  g_setenv ("TMPDIR", temporary, TRUE);
  /* What it takes away has to be given back. */
  umask (077);

  for (guint i = 0; i < N_NAMES; i++)
    {
      if (i >= FUZZ_N_PATHS && i < FUZZ_VIA_LINK)
        {
          base_names[i] = g_strdup_printf ("%s-%u", prefix, i);
          full_names[i] = g_strdup (base_names[i]);
          continue;
        }

      base_names[i] = g_strdup_printf ("s%u", i % 2);
      full_names[i] = g_strdup_printf ("%s/%s%s", directory, directories[i < FUZZ_VIA_LINK ? i / 2 : 2], base_names[i]);
    }

  link_path = g_build_filename (directory, "d", NULL);
  g_assert_cmpint (symlink (".", link_path), ==, 0);
  nodes = g_ptr_array_new_with_free_func (node_free);
  holders = g_array_new (FALSE, FALSE, sizeof (Holder));
}

/* Leaves only what was there in the beginning; whatever is there else was forgotten. */
void
fuzz_places_clear (void)
{
  fuzz_places_check ();
  for (guint i = 0; i < FUZZ_N_PLACES; i++)
    {
      if (places[i] != NULL && fuzz_place_is_path (i))
        g_assert_cmpint (unlink (full_names[i]), ==, 0);
      places[i] = NULL;
    }
  if (link_target != 0)
    fuzz_places_turn_link ();
  g_ptr_array_set_size (nodes, 0);
}

void
fuzz_places_turn_link (void)
{
  link_target ^= 1;
  g_assert_cmpint (unlink (link_path), ==, 0);
  g_assert_cmpint (symlink (link_target == 0 ? "." : "t", link_path), ==, 0);
}

guint
fuzz_place_resolve (guint place)
{
  return place < FUZZ_VIA_LINK ? place : link_target * 2 + place - FUZZ_VIA_LINK;
}

gboolean
fuzz_place_is_path (guint place)
{
  return place < FUZZ_N_PATHS || place >= FUZZ_VIA_LINK;
}

const char *
fuzz_place_get_name (guint place)
{
  return full_names[place];
}

const char *
fuzz_place_get_base (guint place)
{
  return base_names[place];
}

FuzzNode *
fuzz_place_get (guint place)
{
  return places[fuzz_place_resolve (place)];
}

void
fuzz_place_set (guint     place,
                FuzzNode *node)
{
  places[fuzz_place_resolve (place)] = node;
}

static mode_t
get_type (FuzzNode *node)
{
  switch (node->kind)
    {
    case FUZZ_NODE_FILE:
      return S_IFREG;
    case FUZZ_NODE_LINK:
      return S_IFLNK;
    case FUZZ_NODE_STREAM:
    case FUZZ_NODE_DATAGRAM:
    default:
      return S_IFSOCK;
    }
}

static void
check_path (guint place)
{
  FuzzNode *node = places[place];
  struct stat status;

  if (lstat (full_names[place], &status) < 0)
    {
      g_assert_cmpint (errno, ==, ENOENT);
      g_assert_null (node);
      return;
    }

  g_assert_nonnull (node);
  g_assert_cmpuint (status.st_mode & S_IFMT, ==, get_type (node));
  if (node->inode == 0)
    node->inode = status.st_ino;
  g_assert_cmpuint (status.st_ino, ==, node->inode);
  if (node->kind != FUZZ_NODE_LINK)
    g_assert_cmpuint (status.st_mode & 07777, ==, node->mode);
}

void
fuzz_places_check (void)
{
  for (guint i = 0; i < FUZZ_N_PATHS; i++)
    check_path (i);
}

FuzzNode *
fuzz_node_new (FuzzNodeKind kind,
               guint        place)
{
  FuzzNode *self = g_new0 (FuzzNode, 1);

  self->kind = kind;
  self->place = place;
  self->mode = 0600;
  g_ptr_array_add (nodes, self);
  fuzz_place_set (place, self);
  return self;
}

/* The last descriptor takes those with it who wait, and an abstract name. */
void
fuzz_node_close (FuzzNode *self)
{
  FuzzClient *client;

  g_assert_cmpuint (self->n_open, >, 0);
  if (--self->n_open > 0)
    return;

  self->is_listening = FALSE;
  while ((client = g_queue_pop_head (&self->waiting)) != NULL)
    client->state = FUZZ_CLIENT_OVER;
  if (!fuzz_place_is_path (self->place))
    places[self->place] = NULL;
}

/* Others */

void
fuzz_holders_add (int       fd,
                  FuzzNode *node)
{
  Holder holder = { fd, node };

  g_array_append_val (holders, holder);
}

static void
bind_there (guint place,
            int   type,
            int   backlog)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gboolean is_path = fuzz_place_is_path (place);
  gsize length = strlen (full_names[place]);
  FuzzNode *node;
  int fd;

  fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);
  g_strlcpy (address.sun_path + (is_path ? 0 : 1), full_names[place], sizeof address.sun_path - 1);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address,
                         (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + length)), ==, 0);

  node = fuzz_node_new (type == SOCK_STREAM ? FUZZ_NODE_STREAM : FUZZ_NODE_DATAGRAM, place);
  node->mode = 0700;
  node->n_open = 1;
  fuzz_holders_add (fd, node);
  if (backlog < 0)
    return;

  g_assert_cmpint (listen (fd, backlog), ==, 0);
  node->is_listening = TRUE;
  node->backlog = (guint) backlog;
}

static void
make_file (guint place)
{
  g_assert_true (g_file_set_contents (full_names[place], "x", 1, NULL));
  g_assert_cmpint (chmod (full_names[place], 0640), ==, 0);
  fuzz_node_new (FUZZ_NODE_FILE, place)->mode = 0640;
}

static void
make_link (guint place)
{
  g_assert_cmpint (symlink ("s0", full_names[place]), ==, 0);
  fuzz_node_new (FUZZ_NODE_LINK, place);
}

static void
move_away (guint place)
{
  guint target = (place + 1) % FUZZ_N_PATHS;

  g_assert_cmpint (g_rename (full_names[place], full_names[target]), ==, 0);
  places[target] = places[place];
  places[place] = NULL;
}

static void
change_mode (guint place)
{
  FuzzNode *node = places[place];

  if (node->kind == FUZZ_NODE_LINK)
    return;

  node->mode = node->mode == 0 ? 0600 : 0;
  g_assert_cmpint (chmod (full_names[place], node->mode), ==, 0);
}

void
fuzz_place_spoil (guint place,
                  guint how)
{
  gboolean is_path = fuzz_place_is_path (place);
  gboolean is_there = places[place] != NULL;

  fuzz_places_check ();
  if (is_path && is_there)
    {
      switch (how % 3)
        {
        case 0:
          g_assert_cmpint (unlink (full_names[place]), ==, 0);
          places[place] = NULL;
          break;
        case 1:
          move_away (place);
          break;
        default:
          change_mode (place);
          break;
        }
    }
  else if (!is_there)
    {
      switch (how % (is_path ? 6 : 3))
        {
        case 0:
        case 1:
          bind_there (place, SOCK_STREAM, (int) (how % 2) * 4);
          break;
        case 2:
          bind_there (place, SOCK_STREAM, -1);
          break;
        case 3:
          bind_there (place, SOCK_DGRAM, -1);
          break;
        case 4:
          make_file (place);
          break;
        default:
          make_link (place);
          break;
        }
    }
  fuzz_places_check ();
}

static Holder
take (guint index)
{
  guint i = index % holders->len;
  Holder holder = g_array_index (holders, Holder, i);

  g_array_remove_index (holders, i);
  return holder;
}

int
fuzz_holders_take (guint      index,
                   FuzzNode **node)
{
  Holder holder;

  if (holders->len == 0)
    return -1;

  holder = take (index);
  *node = holder.node;
  return holder.fd;
}

void
fuzz_holders_drop (guint index)
{
  Holder holder;

  if (holders->len == 0)
    return;

  holder = take (index);
  close (holder.fd);
  fuzz_node_close (holder.node);
}

void
fuzz_holders_clear (void)
{
  while (holders->len > 0)
    fuzz_holders_drop (0);
}
