#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-blocks.py SOURCE_ROOT BUILD_ROOT LANGUAGE=COMMAND... -- DOCUMENT...: every block of code in the documents.

A whole program is built and run, with the tool as its other side. A fragment is put behind context.LANGUAGE, which
declares what it speaks of; in C and Vala that is compiled, in Python and JavaScript it is run. What the library's own
source has word by word is compiled already.

A block of sh is run in one shell for each document, in a directory that holds the programs that the document has shown:
one whose paragraph ends in a line with its name, `name.c`, and a colon is saved as that. A block of text is what the shell has said. A block of
console is for people only: what it names has to exist."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SECONDS = 120
EXTENSIONS = {'c': 'c', 'python': 'py', 'js': 'js', 'vala': 'vala'}
# What only a shell of the reader's can show, and what is no code.
OTHERS = {'sh', 'text', 'console', 'meson'}
WHOLE = {'c': r'^main \(', 'python': r'^import gi$', 'js': r'^import ', 'vala': r'^void main \('}
RUNTIME_DIRECTORY = '/run/user/1000'
# In /proc/net/unix.
LISTENING = '00010000'


class Failure(Exception):
    pass


def wait_until_listening(path, may_come=lambda: True):
    """Asks the system, which nobody notices. A file proves nothing: who was killed has left one."""
    deadline = time.monotonic() + SECONDS
    while may_come() and time.monotonic() < deadline:
        for line in pathlib.Path('/proc/net/unix').read_text(encoding='utf-8').splitlines():
            if line.endswith(f' {path}') and line.split()[3] == LISTENING:
                return
        time.sleep(0.02)
    raise Failure('It does not listen')


class Block:
    def __init__(self, document, line, language, before):
        self.name = f'{document.name}:{line}'
        self.language = language
        self.lines = []
        file = re.findall(r'`([\w-]+\.(?:c|py|js|vala|build))`', before) if before.endswith(':') else []
        self.file = file[-1] if file else None

    @property
    def text(self):
        return '\n'.join(self.lines) + '\n'

    def is_whole(self):
        return re.search(WHOLE[self.language], self.text, re.M)

    def listens(self):
        return re.search(r'\blisten ?\(|\bwait_for_new_connection', self.text)


def blocks(document):
    """Those between fences; a block that is only indented is a mistake."""
    block, before, previous = None, '', ''
    for number, line in enumerate(document.read_text(encoding='utf-8').splitlines(), 1):
        if block is None and line.startswith('```'):
            block = Block(document, number, line[3:].strip(), before)
        elif block is not None and line == '```':
            yield block
            block = None
        elif block is not None:
            block.lines.append(line)
        elif line.startswith('    ') and not previous:
            raise Failure(f'{document.name}:{number}: not between fences')
        if block is None:
            before = before if not line and before.endswith(':') else line
            previous = line


class House:
    """What is built, and where each block finds it."""

    def __init__(self, source, build, commands):
        self.source, self.build, self.commands = source, build, commands
        self.tool = build / 'lsocket' / 'lsocket'

    def environment(self, directory):
        environment = dict(os.environ)
        environment.pop('FLATPAK_ID', None)
        data = directory / 'share'
        if not data.exists():
            vapi = data / 'vala' / 'vapi'
            vapi.mkdir(parents=True)
            for path in (self.build / 'introspection').glob('*.vapi'):
                (vapi / path.name).symlink_to(path)
            (vapi / 'lsocket-1.deps').write_text('gio-2.0\n')
            # The python3 of the path may be one without PyGObject.
            (data / 'python3').symlink_to(self.commands['python'][0])
        environment.update({
            'XDG_RUNTIME_DIR': str(directory),
            'XDG_DATA_DIRS': f'{data}:' + environment.get('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
            'PATH': f'{data}:{self.tool.parent}:' + environment['PATH'],
            'PKG_CONFIG_PATH': str(self.build / 'meson-uninstalled'),
            'LC_ALL': 'C.UTF-8',
        })
        return environment

    def run(self, command, directory, **options):
        done = subprocess.run(command, cwd=directory, env=self.environment(directory), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8', timeout=SECONDS, **options)
        if done.returncode != 0:
            raise Failure(f'{command[0]}: {done.returncode}\n{done.stdout}')
        return done.stdout

    @contextlib.contextmanager
    def background(self, command, directory, name='market'):
        """A server, from the moment when it listens."""
        output = tempfile.TemporaryFile()
        process = subprocess.Popen(command, cwd=directory, env=self.environment(directory), stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT)
        try:
            try:
                wait_until_listening(directory / name, lambda: process.poll() is None)
            except Failure as failure:
                output.seek(0)
                raise Failure(f'{failure}\n{output.read().decode()}') from None
            yield process
        finally:
            process.kill()
            process.wait()
            output.close()

    def pkg_config(self, directory):
        return self.run(['pkg-config', '--cflags', '--libs', 'lsocket-1'], directory).split()

    # The languages.

    def with_context(self, block):
        context = (HERE / f'context.{EXTENSIONS[block.language]}').read_text(encoding='utf-8')
        if block.language in ('python', 'js'):
            return context + '\n' + block.text
        # Functions stay what they are, and statements become the body of one.
        functions, statements, inside = [], [], False
        for line in block.lines:
            begins = re.match(r'(static|async void|void) ?', line)
            inside = inside or begins
            (functions if inside else statements).append(line)
            if inside and line == '}':
                inside = False
        text = '\n'.join(functions)
        # A document may define what the context only declares.
        defined = set(re.findall(r'^(\w+) \(', text, re.M))
        context = '\n'.join(line for line in context.splitlines()
                            if not defined.intersection(re.findall(r'\b(\w+) \(', line)) or line.startswith(' '))
        head = 'static void\nfragment (void)' if block.language == 'c' else 'void fragment () throws Error'
        return f'{context}\n{text}\n{head}\n{{\n' + '\n'.join(statements) + '\n}\n'

    def compile_fragment(self, block, directory):
        path = directory / f'fragment.{EXTENSIONS[block.language]}'
        path.write_text(self.with_context(block), encoding='utf-8')
        if block.language == 'c':
            self.run(self.commands['c'] + ['-fsyntax-only', '-Wall', '-Wextra', '-Wno-unused-function',
                                           '-Wno-unused-parameter', '-Wno-unused-variable', '-Wno-unused-but-set-variable',
                                           '-Wno-deprecated-declarations', '-Werror', str(path)]
                     + [flag for flag in self.pkg_config(directory) if not flag.startswith('-l')], directory)
        else:
            self.run(self.commands['vala'] + ['-C', '--pkg', 'lsocket-1', path.name], directory)

    def program(self, block, directory):
        """The command that runs the block."""
        path = directory / f'program.{EXTENSIONS[block.language]}'
        path.write_text(block.text if block.is_whole() else self.with_context(block), encoding='utf-8')
        if block.language == 'c':
            self.run(self.commands['c'] + ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', str(path), '-o', 'program']
                     + self.pkg_config(directory), directory)
            return ['./program']
        if block.language == 'vala':
            self.run(self.commands['vala'] + ['-X', '-w', '--pkg', 'lsocket-1', path.name, '-o', 'program'], directory)
            return ['./program']
        return self.commands[block.language] + [str(path)]

    def check_code(self, block, directory):
        if any(block.text in path.read_text(encoding='utf-8') for path in (self.source / 'lsocket').glob('*.c')):
            return None
        if block.language in ('c', 'vala') and not block.is_whole():
            return self.compile_fragment(block, directory)
        command = self.program(block, directory)
        if not block.listens():
            with self.background([self.tool, 'listen', '--echo', '--keep-open', 'market'], directory):
                return self.run(command, directory, stdin=subprocess.DEVNULL)
        with self.background(command, directory):
            answer = self.ask('hello\n', directory)
        if answer.lower() != 'hello\n':
            raise Failure(f'It answers {answer!r}')

    def ask(self, text, directory):
        """What a server answers to somebody who waits for it."""
        with subprocess.Popen([self.tool, 'connect', 'market'], cwd=directory, env=self.environment(directory),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8') as client:
            client.stdin.write(text)
            client.stdin.flush()
            signal.alarm(SECONDS)
            try:
                return client.stdout.readline()
            finally:
                signal.alarm(0)
                client.kill()

    def check_console(self, block):
        """Nothing is run, but what it asks for is there."""
        dev = self.run([self.source / 'dev', 'help'], self.build)
        options = (self.source / 'meson_options.txt').read_text(encoding='utf-8')
        for line in block.lines:
            for word in re.findall(r'^\./dev (\w+)', line) + re.findall(r'^\./dev .*?(--\w+)', line):
                if word not in dev:
                    raise Failure(f'./dev has no {word}')
            for option in re.findall(r' -D(\w+)=', line):
                if not option.startswith(('b_', 'default_')) and option not in ('werror',) and f"'{option}'" not in options:
                    raise Failure(f'There is no option {option}')
            for path in re.findall(r'(?<![\w/.-])((?:tests|doc|lsocket|introspection)/[\w./-]+)', line):
                if not (self.source / path).exists():
                    raise Failure(f'There is no {path}')


class Shell:
    """One for a document; a command in the background is awaited until it listens."""

    MARK = '=====done'

    def __init__(self, house, directory):
        self.directory = directory
        self.output = None
        self.process = subprocess.Popen(['bash'], cwd=directory, env=house.environment(directory), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8',
                                        start_new_session=True)

    def run(self, block):
        # What was told to end has ended when the next command runs.
        text = re.sub(r'^kill (.*)', r'\g<0>; wait \1 || true', block.text, flags=re.M)
        self.process.stdin.write(f'{text}echo "{self.MARK} $?"\n')
        self.process.stdin.flush()
        self.output = ''
        signal.alarm(SECONDS)
        try:
            for line in self.process.stdout:
                if line.startswith(self.MARK):
                    break
                self.output += line
            else:
                raise Failure(f'The shell has ended\n{self.output}')
        finally:
            signal.alarm(0)
        if line.split()[1] != '0':
            raise Failure(f'{line}{self.output}')
        if text.rstrip().endswith(' &'):
            # A monitor listens at the first of its names.
            monitor = re.search(r'\blsocket monitor (\w+)', text)
            wait_until_listening(self.directory / (monitor[1] if monitor else 'market'))

    def compare(self, block):
        if self.output is None:
            return
        said = self.output.replace(str(self.directory), RUNTIME_DIRECTORY)
        # An ellipsis stands for what differs from time to time.
        if not re.fullmatch(re.escape(block.text).replace('…', '[^\n]*'), said):
            raise Failure(f'It said\n{said}')

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def expired(*_):
    raise Failure('It takes too long')


def check_block(house, shell, block):
    language = block.language
    if block.file:
        (shell.directory / block.file).write_text(block.text, encoding='utf-8')
    if language == 'sh':
        shell.run(block)
    elif language == 'text':
        shell.compare(block)
    elif language == 'console':
        house.check_console(block)
    elif language == 'meson':
        if not block.file:
            raise Failure('It is not saved, so nothing runs it')
    elif language not in EXTENSIONS:
        raise Failure(f'“{language}” is no language that can be checked')
    elif language not in house.commands:
        return f' # SKIP no {language} here'
    # What is saved the shell runs.
    elif not block.file:
        # Short, because the path of a socket may have no more than 107 bytes.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='ls', dir='/tmp'))
        try:
            house.check_code(block, directory)
        finally:
            shutil.rmtree(directory)
    return ''


def main(source, build, *arguments):
    split = arguments.index('--')
    commands = {language: command.split() for language, command in (word.split('=', 1) for word in arguments[:split])}
    house = House(pathlib.Path(source), pathlib.Path(build), commands)
    signal.signal(signal.SIGALRM, expired)
    number = failed = 0
    for document in map(pathlib.Path, arguments[split + 1:]):
        directory = pathlib.Path(tempfile.mkdtemp(prefix='ls', dir='/tmp'))
        shell = Shell(house, directory)
        try:
            for block in blocks(document):
                number += 1
                try:
                    note = check_block(house, shell, block)
                    print(f'ok {number} {block.name} {block.language}{note}', flush=True)
                except (Failure, subprocess.TimeoutExpired) as failure:
                    failed += 1
                    print(''.join(f'# {line}\n' for line in str(failure).splitlines()), end='')
                    print(f'not ok {number} {block.name} {block.language}', flush=True)
        except Failure as failure:
            number += 1
            failed += 1
            print(f'not ok {number} {failure}', flush=True)
        finally:
            shell.close()
            shutil.rmtree(directory)
    print(f'1..{number}')
    return failed > 0 or number == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
