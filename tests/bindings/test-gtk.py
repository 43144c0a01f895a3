#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-gtk.py [--screenshot FILE.png] CLIENT LANGUAGE=COMMAND...: the chats with a window, used as a person does.

COMMAND runs one of them, CLIENT is a chat-client. There is no window manager: the test moves the windows and the focus."""

import argparse
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from pairings_util import Cases, Program

SECONDS = 30
WIDTH, HEIGHT = 1440, 420
RED = bytes.fromhex('281cc0')


def wait_until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'It never came: {what}')
        time.sleep(0.02)


class Screen:
    """An X server of its own, whose picture is in a file."""

    def __init__(self, directory):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(['Xvfb', '-displayfd', str(writer), '-screen', '0', f'{WIDTH}x{HEIGHT}x24',
                                         '-fbdir', directory, '-nolisten', 'tcp', '-noreset'],
                                        pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            os.environ['DISPLAY'] = ':' + file.readline().strip()
        self.file = os.path.join(directory, 'Xvfb_screen0')
        wait_until(lambda: subprocess.run(['xdotool', 'getdisplaygeometry'], capture_output=True).returncode == 0,
                   'the display')

    def rows(self, left=0, top=0, width=WIDTH, height=HEIGHT):
        """The pixels, four bytes each: blue, green, red."""
        with open(self.file, 'rb') as file:
            data = file.read()
        header = struct.unpack('>25I', data[:100])
        begin, line = header[0] + header[19] * 12, header[12]
        for y in range(top, top + height):
            yield data[begin + y * line + left * 4:begin + y * line + (left + width) * 4]

    def count_red(self, left):
        return sum(row[i:i + 3] == RED for row in self.rows(left, width=WIDTH // 2) for i in range(0, len(row), 4))

    def save(self, name, left=0, width=WIDTH):
        image = b''.join(b'\0' + bytes(byte for i in range(0, len(row), 4) for byte in (row[i + 2], row[i + 1], row[i]))
                         for row in self.rows(left, width=width))

        def chunk(kind, data):
            return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

        with open(name, 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, HEIGHT, 8, 2, 0, 0, 0)) +
                       chunk(b'IDAT', zlib.compress(image, 9)) + chunk(b'IEND', b''))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def xdotool(*args):
    return subprocess.run(['xdotool', *map(str, args)], check=True, text=True, capture_output=True).stdout.strip()


class Window:
    """A chat with a window, in one half of the screen."""

    def __init__(self, command, left):
        self.program = Program(command)
        self.left = left
        wait_until(self.find, 'a window')
        if left:
            xdotool('windowmove', '--sync', self.id, left, 0)

    def find(self):
        if self.program.process.poll() is not None:
            self.program.end()
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--pid', str(self.program.process.pid)],
                               text=True, capture_output=True).stdout.split()
        self.id = found[0] if found else None
        return found

    def get_title(self):
        return xdotool('getwindowname', self.id)

    def type(self, *words):
        """Keys are named as X names them, everything else is typed."""
        xdotool('windowfocus', '--sync', self.id)
        for word in words:
            xdotool(*(['key', word] if word in ('Tab', 'Return', 'space') else ['type', '--delay', '2', word]))

    def say(self, text):
        """Into the entry at the bottom."""
        geometry = dict(line.split('=') for line in xdotool('getwindowgeometry', '--shell', self.id).splitlines())
        xdotool('mousemove', int(geometry['X']) + int(geometry['WIDTH']) // 2,
                int(geometry['Y']) + int(geometry['HEIGHT']) - 28)
        xdotool('click', 1)
        self.type(text, 'Return')

    def stop(self):
        self.program.stop()


def check(host_command, guest_command, client_command, screen, screenshot):
    directory = os.environ['XDG_RUNTIME_DIR']
    host = guest = ann = None
    try:
        host = Window(host_command, 0)
        host.type('market', 'Tab', 'Host', 'Tab', 'space')
        wait_until(lambda: host.get_title() == f'{directory}/market', 'the name in the title')

        def get_list(left=0):
            return list(screen.rows(left, 46, 200, 300))

        nobody = get_list()
        ann = Program(client_command, 'market', 'Ann')
        ann.expect('* Ann has come')
        wait_until(lambda: get_list() != nobody, 'a row for Ann')
        host.say('hello from the window')
        ann.expect('Host: hello from the window')

        # A name that is taken, and the same person joins instead.
        guest = Window(guest_command, WIDTH // 2)
        no_room = get_list(WIDTH // 2)
        guest.type('market', 'Tab', 'Bea', 'Tab', 'space')
        wait_until(lambda: screen.count_red(WIDTH // 2) > 2000, 'the banner')
        if screenshot:
            screen.save(screenshot.replace('.png', '-error.png'), WIDTH // 2, WIDTH // 2)
        guest.type('Tab', 'space')
        ann.expect('* Bea has come')
        wait_until(lambda: screen.count_red(WIDTH // 2) == 0, 'no banner')
        wait_until(lambda: get_list(WIDTH // 2) != no_room, 'the room that Bea has joined')
        guest.say('hello from the other')
        ann.expect('Bea: hello from the other')
        ann.say('hello from the terminal\n')
        ann.expect('Ann: hello from the terminal')
        if screenshot:
            time.sleep(1)
            screen.save(screenshot, 0, WIDTH // 2)
            screen.save(screenshot.replace('.png', '-guest.png'), WIDTH // 2, WIDTH // 2)

        # Rows go with their connections.
        both = get_list()
        ann.close_input()
        wait_until(lambda: get_list() != both, 'the row of Bea alone')

        # The room closes: the guest is told.
        host.stop()
        wait_until(lambda: screen.count_red(WIDTH // 2) > 2000, 'the banner')
    finally:
        for thing in (host, guest, ann):
            if thing:
                thing.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--screenshot')
    parser.add_argument('client')
    parser.add_argument('windows', nargs='+')
    options = parser.parse_args()
    windows = {language: shlex.split(command) for language, command in (item.split('=', 1) for item in options.windows)}

    # Short: the path of a socket may have no more than 107 bytes.
    directory = tempfile.mkdtemp(prefix='ls', dir='/tmp')
    os.environ.update(XDG_RUNTIME_DIR=directory, LC_ALL='C.UTF-8', GDK_BACKEND='x11', GSK_RENDERER='cairo',
                      GSETTINGS_BACKEND='memory', GTK_A11Y='none', HOME=directory)
    os.environ.pop('FLATPAK_ID', None)
    cases = Cases()
    screen = Screen(directory)
    try:
        for host in windows:
            for guest in windows:
                cases.check(f'{host}/{guest}', check, windows[host], windows[guest], shlex.split(options.client), screen,
                            options.screenshot)
    finally:
        screen.stop()
        shutil.rmtree(directory)
    print(f'1..{cases.n_cases}')
    return cases.n_failed > 0


if __name__ == '__main__':
    sys.exit(main())
