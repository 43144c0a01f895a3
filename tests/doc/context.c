/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the fragments in the documents speak of. A line with a function that a fragment defines itself is left out, so each
 * stands on one. */

#include <lsocket/lsocket.h>

typedef struct _Message Message;
static LSocket *socket;
static LIODevice *device;
static LServer *server;
static GIOStream *stream;
static GMainContext *context;
static GCancellable *cancellable;
static GListStore *store;
static Message *message;
static const char *text;
static gsize length;
static gintptr descriptor;
static gpointer user_data;

void handle_line (const char *line);
void handle_error (GError *error);
gboolean read_message (LIODevice *device, Message **message);
gboolean is_administrator (gint64 uid);
void on_ready_read (LSocket *socket, gpointer user_data);
void on_new_connection (LServer *server, gpointer user_data);
void on_connected (GObject *source, GAsyncResult *result, gpointer user_data);
void on_line (GObject *source, GAsyncResult *result, gpointer user_data);
void on_bus (GObject *source, GAsyncResult *result, gpointer user_data);
void on_closed (GObject *source, GAsyncResult *result, gpointer user_data);
void on_copied (GObject *source, GAsyncResult *result, gpointer user_data);
void produce_more (LIODevice *device);
