#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-pairings.py LANGUAGE=COMMAND...: the examples, each client with each server, whatever they are written in.

COMMAND is what runs a program, with {} for its name."""

import os
import shlex
import shutil
import socket
import sys
import tempfile

from pairings_util import SECONDS, Cases, Program

TEXT = 'one\ntwo ü\nthree\n'

# A line without anything, one that is no UTF-8, and one without a newline.
ODD_TEXT = 'first\n\n\udcff\nlast'


def check_echo(command):
    client = Program(command, 'market')
    client.say(TEXT)
    client.close_input()
    for line in TEXT.splitlines():
        client.expect(line)
    client.end()


def check_odd(command):
    """Whatever the lines are, all of them are said."""
    client = Program(command, 'market')
    try:
        client.say(ODD_TEXT)
        client.close_input()
        client.expect('first')
        client.expect('last')
        client.end()
    finally:
        client.stop()


def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(SECONDS)
    peer.connect(os.path.join(os.environ['XDG_RUNTIME_DIR'], 'market'))
    return peer


def expect_answer(peer, answer):
    received = b''
    while not received.endswith(answer):
        data = peer.recv(65536)
        if not data:
            raise AssertionError(f'It said only {received}')
        received += data


def check_chat(command):
    ann = Program(command, 'market', 'Ann')
    try:
        ann.expect('* Ann has come')
        bob = Program(command, 'market', 'Bob ü')
        bob.say('hello\n')
        bob.close_input()
        bob.end()
        said = [ann.expect(''), ann.expect(''), ann.expect('')]
        if said != ['* Bob ü has come\n', 'Bob ü: hello\n', '* Bob ü has gone\n']:
            raise AssertionError(said)
        ann.close_input()
        ann.end()
    finally:
        ann.stop()


def check_odd_chat(command):
    ann = Program(command, 'market', 'Ann')
    try:
        ann.expect('* Ann has come')
        with connect() as peer:
            peer.sendall(b'\xff\nthere you are\n')
            ann.expect('there you are')
        ann.expect('has gone')
        ann.say('\udcff\n')
        ann.close_input()
        ann.process.wait(SECONDS)
    finally:
        ann.stop()


def check_nothing(command):
    client = Program(command, 'market')
    client.close_input()
    client.end()


def check_lines(command):
    answers = Program(command, 'market', 'set color dark blue', 'get color', 'get size', 'nonsense').end()
    if answers != 'ok\nok dark blue\nerror no such key\nerror what?\n':
        raise AssertionError(answers)


def check_odd_lines(command):
    with connect() as peer:
        peer.sendall(b'set odd \xff\n')
        expect_answer(peer, b'ok\n')
    answers = Program(command, 'market', 'get odd', 'get color').end()
    if not answers.startswith('ok ') or not answers.endswith('\nok dark blue\n'):
        raise AssertionError(answers)


def check_client_dies(server):
    """One that asked for more than it took is no trouble for the others."""
    with connect() as peer:
        peer.setblocking(False)
        try:
            for _ in range(2000):
                peer.send(b'line\n' * 1000)
        except BlockingIOError:
            pass
    with connect() as peer:
        # By the last of them it has noticed.
        for _ in range(200):
            peer.sendall(b'line\n')
            expect_answer(peer, b'line\n')
    if server.process.poll() is not None:
        raise AssertionError(''.join(server.errors))


def check_end(server):
    server.end()
    if os.path.exists(os.path.join(os.environ['XDG_RUNTIME_DIR'], 'market')):
        raise AssertionError('It left its socket behind')


def check_nobody(command, *args):
    """There is no server, or one already: it says so."""
    client = Program(command, 'market', *args)
    client.close_input()
    status = client.process.wait(SECONDS)
    client.readers[1].join(SECONDS)
    if status != 1 or 'market' not in ''.join(client.errors) or 'Traceback' in ''.join(client.errors):
        raise AssertionError(f'It ended with {status} and said: {"".join(client.errors)}')


# Which clients go with a server.
PAIRINGS = [
    ('echo-server', ['echo-client', 'async-client'], check_echo),
    ('async-server', ['echo-client', 'async-client'], check_echo),
    ('chat-server', ['chat-client'], check_chat),
    ('lines-server', ['lines-client'], check_lines),
]

# What else a client is to withstand, with the server of its own language.
ODD_CHECKS = {check_echo: check_odd, check_chat: check_odd_chat, check_lines: check_odd_lines}


def main(arguments):
    languages = {language: shlex.split(command) for language, command in (item.split('=', 1) for item in arguments)}

    def command(language, program):
        return [word.replace('{}', program) for word in languages[language]]

    cases = Cases()
    for server_program, client_programs, check in PAIRINGS:
        for server_language in languages:
            server = Program(command(server_language, server_program), 'market')
            try:
                cases.check(f'{server_program}/{server_language}/starts', server.expect, 'istening at')
                for client_program in client_programs:
                    for language in languages:
                        cases.check(f'{server_program}/{server_language}/{client_program}/{language}',
                                    check, command(language, client_program))
                        if check is check_echo:
                            cases.check(f'{server_program}/{server_language}/{client_program}/{language}/nothing',
                                        check_nothing, command(language, client_program))
                    # Of a server of lines nobody gets back a line that has no end.
                    if (server_program, client_program) != ('async-server', 'echo-client'):
                        cases.check(f'{server_program}/{server_language}/{client_program}/odd',
                                    ODD_CHECKS[check], command(server_language, client_program))
                cases.check(f'{server_program}/{server_language}/taken',
                            check_nobody, command(server_language, server_program))
                server.process.terminate()
                cases.check(f'{server_program}/{server_language}/ends', check_end, server)
            finally:
                server.stop()
    for server_program in ('echo-server', 'async-server'):
        for language in languages:
            server = Program(command(language, server_program), 'market')
            try:
                server.expect('istening at')
                cases.check(f'{server_program}/{language}/client-dies', check_client_dies, server)
                server.process.terminate()
                server.process.wait(SECONDS)
            finally:
                server.stop()
    for client_program in ('echo-client', 'async-client', 'chat-client', 'lines-client'):
        for language in languages:
            cases.check(f'nobody/{client_program}/{language}', check_nobody, command(language, client_program),
                        *(['Ann'] if client_program == 'chat-client' else []))
    print(f'1..{cases.n_cases}')
    return cases.n_failed > 0


if __name__ == '__main__':
    # Short: the path of a socket may have no more than 107 bytes.
    directory = tempfile.mkdtemp(prefix='ls', dir='/tmp')
    os.environ['XDG_RUNTIME_DIR'] = directory
    os.environ.pop('FLATPAK_ID', None)
    os.environ['LC_ALL'] = 'C.UTF-8'
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        shutil.rmtree(directory)
