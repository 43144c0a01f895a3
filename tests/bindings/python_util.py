# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests in Python share."""

import shutil
import sys
import tempfile
import time
import traceback
import unittest

import gi

gi.require_version('LSocket', '1')
from gi.repository import GLib, LSocket

READ_WRITE = LSocket.OpenMode.READ_WRITE
SIGNALS = ('connected', 'disconnected', 'error', 'state-changed', 'ready-read', 'bytes-written',
           'read-channel-finished', 'about-to-close')


def turn_until(condition, seconds=10):
    """Turns the main context until the condition holds."""
    deadline = time.monotonic() + seconds
    source = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
    try:
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError('It never came')
            GLib.MainContext.default().iteration(True)
    finally:
        GLib.source_remove(source)


def trace(socket):
    """The list that each signal of the socket is added to."""
    events = []

    def record(_socket, *args):
        *args, name = args
        events.append(' '.join([name] + [str(getattr(arg, 'value_nick', arg)) for arg in args]))

    for name in SIGNALS:
        socket.connect(name, record, name)
    return events


class TestCase(unittest.TestCase):
    def setUp(self):
        # Short: the path of a socket may have no more than 107 bytes.
        self.directory = tempfile.mkdtemp(prefix='ls', dir='/tmp')
        GLib.setenv('XDG_RUNTIME_DIR', self.directory, True)
        GLib.unsetenv('FLATPAK_ID')

    def tearDown(self):
        shutil.rmtree(self.directory)

    def listen(self, name='market'):
        server = LSocket.Server()
        self.assertTrue(server.listen(name))
        self.addCleanup(server.close)
        return server

    def connect(self):
        """A client and the accepted end of its connection."""
        server = self.listen()
        client = LSocket.Socket()
        client.connect_to_server('market', READ_WRITE)
        self.assertEqual(client.get_state(), LSocket.SocketState.CONNECTED)
        turn_until(server.has_pending_connections)
        return client, server.next_pending_connection()

    def assertFails(self, domain, code, function, *args):
        with self.assertRaises(GLib.Error) as context:
            function(*args)
        self.assertTrue(context.exception.matches(domain, code), context.exception)
        return context.exception


class TapResult(unittest.TestResult):
    """One line a case, for Meson."""

    def say(self, test, status, note=''):
        _module, _, name = test.id().partition('.')
        print(f'{status} {self.testsRun} {name}{note}', flush=True)

    def explain(self, error):
        for line in ''.join(traceback.format_exception(*error)).splitlines():
            print(f'# {line}')

    def addSuccess(self, test):
        self.say(test, 'ok')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(test, 'ok', f' # SKIP {reason}')

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.explain(error)
        self.say(test, 'not ok')

    def addError(self, test, error):
        super().addError(test, error)
        self.explain(error)
        self.say(test, 'not ok')


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    print(f'1..{suite.countTestCases()}')
    sys.exit(not suite.run(TapResult()).wasSuccessful())
