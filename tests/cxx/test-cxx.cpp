/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The library as a C++ program sees it.
 */

#include <lsocket/lsocket.h>

#include <glib/gstdio.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace {

struct Unref
{
  void operator() (gpointer object) const { g_object_unref (object); }
};

template <typename T> using Ref = std::unique_ptr<T, Unref>;

/* A plain string of what is buffered. */
std::string
read_all (LIODevice *device)
{
  g_autoptr (GBytes) bytes = l_io_device_read_all (device, nullptr);
  gsize size = 0;
  const void *data = bytes != nullptr ? g_bytes_get_data (bytes, &size) : nullptr;

  return std::string (static_cast<const char *> (data), size);
}

class Cxx : public testing::Test
{
protected:
  void
  SetUp () override
  {
    char path[] = "/tmp/lsXXXXXX";

    ASSERT_NE (g_mkdtemp (path), nullptr);
    directory = path;
    g_setenv ("XDG_RUNTIME_DIR", path, TRUE);
    g_unsetenv ("FLATPAK_ID");
  }

  void
  TearDown () override
  {
    EXPECT_EQ (g_rmdir (directory.c_str ()), 0);
  }

  std::string directory;
};

TEST_F (Cxx, Versions)
{
  EXPECT_TRUE (LSOCKET_CHECK_VERSION (1, 0, 0));
  EXPECT_EQ (lsocket_get_major_version (), static_cast<guint> (LSOCKET_MAJOR_VERSION));
  EXPECT_TRUE (lsocket_check_version (LSOCKET_MAJOR_VERSION, LSOCKET_MINOR_VERSION, LSOCKET_MICRO_VERSION));
}

TEST_F (Cxx, Casts)
{
  Ref<LSocket> socket (l_socket_new ());

  EXPECT_TRUE (L_IS_SOCKET (socket.get ()));
  EXPECT_TRUE (L_IS_IO_DEVICE (socket.get ()));
  EXPECT_FALSE (L_IS_SERVER (socket.get ()));
  EXPECT_EQ (L_IO_DEVICE_GET_CLASS (socket.get ()), static_cast<gpointer> (L_SOCKET_GET_CLASS (socket.get ())));
}

TEST_F (Cxx, Errors)
{
  Ref<LSocket> socket (l_socket_new ());
  g_autoptr (GError) error = nullptr;

  EXPECT_FALSE (l_socket_connect_to_server_sync (socket.get (), "market", L_OPEN_MODE_READ_WRITE, nullptr, &error));
  EXPECT_TRUE (g_error_matches (error, L_SOCKET_ERROR, L_SOCKET_ERROR_SERVER_NOT_FOUND));
  EXPECT_EQ (l_socket_get_error (socket.get ()), L_SOCKET_ERROR_SERVER_NOT_FOUND);
}

TEST_F (Cxx, RoundTrip)
{
  Ref<LServer> server (l_server_new ());
  Ref<LSocket> socket (l_socket_new ());
  std::string received;
  g_autoptr (GError) error = nullptr;

  /* A lambda that captures nothing is a function. */
  auto on_peer_ready_read = +[] (LIODevice *peer)
  {
    const std::string text = "echo: " + read_all (peer);
    EXPECT_EQ (l_io_device_write (peer, text.data (), text.size (), nullptr), static_cast<gssize> (text.size ()));
  };
  auto on_ready_read = +[] (LIODevice *device, gpointer text) { *static_cast<std::string *> (text) += read_all (device); };
  auto on_connected = +[] (LIODevice *device) { EXPECT_EQ (l_io_device_write (device, "hello", 5, nullptr), 5); };
  auto on_new_connection = +[] (LServer *listening, gpointer handler)
  {
    Ref<LSocket> peer (l_server_next_pending_connection (listening));
    g_signal_connect (peer.get (), "ready-read", reinterpret_cast<GCallback> (handler), nullptr);
  };

  g_signal_connect (server.get (), "new-connection", G_CALLBACK (on_new_connection),
                    reinterpret_cast<gpointer> (on_peer_ready_read));
  ASSERT_TRUE (l_server_listen (server.get (), "market", &error)) << error->message;

  g_signal_connect (socket.get (), "connected", G_CALLBACK (on_connected), nullptr);
  g_signal_connect (socket.get (), "ready-read", G_CALLBACK (on_ready_read), &received);
  l_socket_connect_to_server (socket.get (), "market", L_OPEN_MODE_READ_WRITE);
  EXPECT_EQ (l_socket_get_state (socket.get ()), L_SOCKET_STATE_CONNECTED);

  while (received.size () < 11 && l_socket_is_valid (socket.get ()))
    g_main_context_iteration (nullptr, TRUE);
  EXPECT_EQ (received, "echo: hello");

  l_socket_disconnect_from_server (socket.get ());
  EXPECT_EQ (l_socket_get_state (socket.get ()), L_SOCKET_STATE_UNCONNECTED);
}

}
