/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined (LSOCKET_INSIDE) && !defined (LSOCKET_COMPILATION)
# error "Only <lsocket/lsocket.h> can be included directly."
#endif

#include <gio/gio.h>
#include <lsocket/l-enums.h>
#include <lsocket/l-version-macros.h>

G_BEGIN_DECLS

#define L_TYPE_IO_DEVICE (l_io_device_get_type ())
LSOCKET_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (LIODevice, l_io_device, L, IO_DEVICE, GIOStream)

/**
 * LIODeviceClass:
 * @ready_read: the default handler of [signal@LSocket.IODevice::ready-read]
 * @bytes_written: the default handler of [signal@LSocket.IODevice::bytes-written]
 * @about_to_close: the default handler of [signal@LSocket.IODevice::about-to-close]
 * @read_channel_finished: the default handler of [signal@LSocket.IODevice::read-channel-finished]
 * @writable: the default handler of [signal@LSocket.IODevice::writable]
 *
 * The class of [class@LSocket.IODevice].
 *
 * Since: 1.0
 */
struct _LIODeviceClass
{
  GIOStreamClass parent_class;

  void (* ready_read)            (LIODevice *self);
  void (* bytes_written)         (LIODevice *self,
                                  guint64    count);
  void (* about_to_close)        (LIODevice *self);
  void (* read_channel_finished) (LIODevice *self);
  void (* writable)              (LIODevice *self);

  /*< private >*/
  gconstpointer funcs; /* LIODeviceFuncs: how a subclass moves bytes */
  gpointer padding[10];
};

LSOCKET_AVAILABLE_IN_1_0
LOpenMode   l_io_device_get_open_mode         (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_is_open               (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_is_readable           (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_is_writable           (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_is_sequential         (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gsize       l_io_device_get_bytes_available   (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gsize       l_io_device_get_bytes_to_write    (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_can_read_line         (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean    l_io_device_at_end                (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
const char *l_io_device_get_error_string      (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gsize       l_io_device_get_read_buffer_size  (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
void        l_io_device_set_read_buffer_size  (LIODevice *self,
                                               gsize      size);

LSOCKET_AVAILABLE_IN_1_0
gsize       l_io_device_get_write_buffer_size (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
void        l_io_device_set_write_buffer_size (LIODevice *self,
                                               gsize      size);

LSOCKET_AVAILABLE_IN_1_0
gssize  l_io_device_read       (LIODevice *self,
                                void      *buffer,
                                gsize      count,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
GBytes *l_io_device_read_bytes (LIODevice *self,
                                gsize      max_count,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
GBytes *l_io_device_read_all   (LIODevice *self,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
char   *l_io_device_read_line  (LIODevice *self,
                                gsize      max_length,
                                gsize     *length,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
gssize  l_io_device_peek       (LIODevice *self,
                                void      *buffer,
                                gsize      count,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
GBytes *l_io_device_peek_bytes (LIODevice *self,
                                gsize      max_count,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
gssize  l_io_device_skip       (LIODevice *self,
                                gsize      count,
                                GError   **error);

LSOCKET_AVAILABLE_IN_1_0
void    l_io_device_unread     (LIODevice  *self,
                                const void *data,
                                gsize       count);

LSOCKET_AVAILABLE_IN_1_0
void     l_io_device_start_transaction      (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
void     l_io_device_commit_transaction     (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
void     l_io_device_rollback_transaction   (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_io_device_is_transaction_started (LIODevice *self);

LSOCKET_AVAILABLE_IN_1_0
gssize   l_io_device_write       (LIODevice  *self,
                                  const void *data,
                                  gsize       count,
                                  GError    **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_io_device_write_bytes (LIODevice *self,
                                  GBytes    *bytes,
                                  GError   **error);

LSOCKET_AVAILABLE_IN_1_0
void    l_io_device_read_line_async   (LIODevice            *self,
                                       gsize                 max_length,
                                       GCancellable         *cancellable,
                                       GAsyncReadyCallback   callback,
                                       gpointer              user_data);

LSOCKET_AVAILABLE_IN_1_0
char   *l_io_device_read_line_finish  (LIODevice            *self,
                                       GAsyncResult         *result,
                                       gsize                *length,
                                       GError              **error);

LSOCKET_AVAILABLE_IN_1_0
void    l_io_device_read_bytes_async  (LIODevice            *self,
                                       gsize                 count,
                                       GCancellable         *cancellable,
                                       GAsyncReadyCallback   callback,
                                       gpointer              user_data);

LSOCKET_AVAILABLE_IN_1_0
GBytes *l_io_device_read_bytes_finish (LIODevice            *self,
                                       GAsyncResult         *result,
                                       GError              **error);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_io_device_wait_for_ready_read    (LIODevice *self,
                                             int        msecs);

LSOCKET_AVAILABLE_IN_1_0
gboolean l_io_device_wait_for_bytes_written (LIODevice *self,
                                             int        msecs);

G_END_DECLS
