/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <lsocket/lsocket.h>

G_BEGIN_DECLS

/* Both ends of a connection in one loop: each message is answered by one of the same size. */

#define TEST_MESSAGE_SIZE 64

typedef struct
{
  LIODevice *client; /* (unowned) */
  guint      n_left; /* answers that the client waits for */
} TestTalk;

/* (transfer full): takes the descriptor. */
LSocket *test_adopt (int fd);

void test_make_pair  (LSocket   **client,
                      LSocket   **server);
/* For ready-read of both ends. */
void test_on_message (LIODevice  *device,
                      TestTalk   *talk);
/* Turns the default context until so many answers have come, one after the other. */
void test_go_round   (TestTalk   *talk,
                      guint       count);

/* (transfer full): one that is private, in XDG_RUNTIME_DIR; goes with the files in it. */
char *test_make_runtime_directory   (void);
void  test_remove_runtime_directory (const char *directory);

G_END_DECLS
