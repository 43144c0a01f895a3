/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "performance.h"

#include <QCoreApplication>
#include <QLocalServer>
#include <QLocalSocket>
#include <vector>

/* Qt's QLocalSocket, with the event dispatcher that Qt chooses. */

/* What a program writes before it looks whether it is taken. */
static const qint64 burstSize = 64 * 1024;
static const qint64 maxQueuedSize = 64 * 1024;

static int argc = 1;
static char name[] = "performance-qt";
static char *argv[] = { name, nullptr };

/* The client's */
struct Client
{
  const PerformanceRun *run;
  QCoreApplication application;
  QByteArray message;
  guint toSend = 0;
  guint toReceive = 0;

  explicit Client (const PerformanceRun *given)
    : run (given), application (argc, argv), message (reinterpret_cast<const char *> (given->message), qsizetype (given->size))
  {
  }
};

/* The server */

static void
answer (const PerformanceRun *run,
        QLocalSocket         *socket)
{
  const QByteArray received = socket->readAll ();

  socket->write (received.constData (), qint64 (performance_answer (run, gsize (received.size ()))));
}

static void
listen_as (const PerformanceRun *run,
           QLocalServer         *server)
{
  server->setListenBacklogSize (G_MAXINT);
  if (!server->listen (QString::fromUtf8 (run->path)))
    g_error ("%s", qPrintable (server->errorString ()));
  performance_ready ();
}

static void
serve (const PerformanceRun *run)
{
  QCoreApplication application (argc, argv);
  QLocalServer server;

  server.setMaxPendingConnections (G_MAXINT);
  QObject::connect (&server, &QLocalServer::newConnection, [&] {
    while (QLocalSocket *socket = server.nextPendingConnection ())
      {
        QObject::connect (socket, &QLocalSocket::readyRead, [=] { answer (run, socket); });
        QObject::connect (socket, &QLocalSocket::disconnected, socket, &QObject::deleteLater);
      }
  });
  listen_as (run, &server);
  application.exec ();
}

static void
serveWaiting (const PerformanceRun *run)
{
  QCoreApplication application (argc, argv);
  QLocalServer server;

  listen_as (run, &server);
  while (server.waitForNewConnection (-1))
    {
      QLocalSocket *socket = server.nextPendingConnection ();

      while (socket->waitForReadyRead (-1))
        {
          answer (run, socket);
          socket->waitForBytesWritten (-1);
        }
      delete socket;
    }
}

/* The client */

static void
onAnswer (Client       *client,
          QLocalSocket *socket)
{
  if (gsize (socket->bytesAvailable ()) < client->run->size)
    return;

  socket->readAll ();
  if (--client->toReceive == 0)
    client->application.quit ();
  if (client->toSend == 0)
    return;

  client->toSend--;
  socket->write (client->message);
}

static QLocalSocket *
connectSocket (Client *client)
{
  QLocalSocket *socket = new QLocalSocket;

  /* connectToServer() gives up where the backlog is full. */
  if (!socket->setSocketDescriptor (performance_connect (client->run)))
    g_error ("%s", qPrintable (socket->errorString ()));

  return socket;
}

static QLocalSocket *
connectAnswered (Client *client)
{
  QLocalSocket *socket = connectSocket (client);

  QObject::connect (socket, &QLocalSocket::readyRead, [=] { onAnswer (client, socket); });
  return socket;
}

static void
goRound (Client                            *client,
         const std::vector<QLocalSocket *> &sockets,
         guint                              count)
{
  client->toSend = count;
  client->toReceive = count;

  for (QLocalSocket *socket : sockets)
    {
      if (client->toSend == 0)
        break;
      client->toSend--;
      socket->write (client->message);
    }

  client->application.exec ();
}

static void
ping (const PerformanceRun *run)
{
  Client client (run);
  std::vector<QLocalSocket *> sockets;

  for (guint i = 0; i < run->n_idle; i++)
    connectAnswered (&client);
  for (guint i = 0; i < run->n_active; i++)
    sockets.push_back (connectAnswered (&client));

  goRound (&client, sockets, run->n_active);
  performance_begin ();
  goRound (&client, sockets, run->count);
  performance_end ();
}

static void
connectOnce (Client *client)
{
  QLocalSocket socket;

  QObject::connect (&socket, &QLocalSocket::connected, [&] { socket.write (client->message); });
  QObject::connect (&socket, &QLocalSocket::readyRead, [&] { onAnswer (client, &socket); });
  client->toSend = 0;
  client->toReceive = 1;
  socket.connectToServer (QString::fromUtf8 (client->run->path));
  client->application.exec ();
}

static void
churn (const PerformanceRun *run)
{
  Client client (run);

  connectOnce (&client);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    connectOnce (&client);
  performance_end ();
}

static void
writeMore (Client       *client,
           QLocalSocket *socket)
{
  const qint64 burst = qMax (burstSize / client->message.size (), qint64 (1));

  while (client->toSend > 0 && socket->bytesToWrite () < maxQueuedSize)
    for (qint64 i = 0; i < burst && client->toSend > 0; i++, client->toSend--)
      socket->write (client->message);
}

static void
writeMessages (const PerformanceRun *run)
{
  Client client (run);
  QLocalSocket *socket = connectSocket (&client);

  QObject::connect (socket, &QLocalSocket::readyRead, [&] {
    socket->readAll ();
    client.application.quit ();
  });
  QObject::connect (socket, &QLocalSocket::bytesWritten, [&] { writeMore (&client, socket); });
  socket->write ("", 1);
  client.application.exec ();

  performance_begin ();
  client.toSend = run->count;
  writeMore (&client, socket);
  client.application.exec ();
  performance_end ();
}

static void
waitRound (Client       *client,
           QLocalSocket *socket)
{
  socket->write (client->message);
  while (socket->bytesAvailable () < client->message.size ())
    socket->waitForReadyRead (-1);
  socket->readAll ();
}

static void
waitForAnswers (const PerformanceRun *run)
{
  Client client (run);
  QLocalSocket *socket = connectSocket (&client);

  waitRound (&client, socket);
  performance_begin ();
  for (guint i = 0; i < run->count; i++)
    waitRound (&client, socket);
  performance_end ();
}

/* The last one's round trip shows that the server has them all. */
static void
openConnections (const PerformanceRun *run)
{
  Client client (run);

  connectOnce (&client);
  performance_begin ();
  for (guint i = 1; i < run->count; i++)
    connectAnswered (&client);
  connectOnce (&client);
  performance_end ();
}

const PerformanceWorkload performance_workloads[] = {
  { "ping", serve, ping },
  { "churn", serve, churn },
  { "write", serve, writeMessages },
  { "wait", serveWaiting, waitForAnswers },
  { "idle", serve, openConnections },
  { nullptr, nullptr, nullptr }
};
