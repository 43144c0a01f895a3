/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "l-input-stream-private.h"
#include "l-output-stream-private.h"

#include <gio/gfiledescriptorbased.h>

static int
get_fd (GFileDescriptorBased *stream)
{
  if (L_IS_INPUT_STREAM (stream))
    return (int) l_stream_link_get_descriptor (l_input_stream_get_link (L_INPUT_STREAM (stream)), G_IO_IN);

  return (int) l_stream_link_get_descriptor (l_output_stream_get_link (L_OUTPUT_STREAM (stream)), G_IO_OUT);
}

static void
descriptor_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = get_fd;
}

void
l_stream_add_interfaces (GType type)
{
  const GInterfaceInfo info = { (GInterfaceInitFunc) G_CALLBACK (descriptor_iface_init), NULL, NULL };

  g_type_add_interface_static (type, G_TYPE_FILE_DESCRIPTOR_BASED, &info);
}
