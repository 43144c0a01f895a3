# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the examples share: programs that run, and cases in TAP."""

import queue
import subprocess
import threading

SECONDS = 60


class Program:
    """A program that runs; what it says is collected line by line."""

    def __init__(self, command, *args):
        self.process = subprocess.Popen([*command, *args], text=True, encoding='utf-8', errors='surrogateescape',
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        self.errors = []
        self.readers = [threading.Thread(target=self.read_output, daemon=True),
                        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_output(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close_input(self):
        self.process.stdin.close()

    def expect(self, text):
        """The next line that has the text in it."""
        while True:
            line = self.lines.get(timeout=SECONDS)
            if line is None:
                raise AssertionError(f'It never said “{text}”: {"".join(self.errors)}')
            if text in line:
                return line

    def end(self):
        """All that it had still to say."""
        status = self.process.wait(SECONDS)
        for reader in self.readers:
            reader.join(SECONDS)
        if status != 0 or self.errors:
            raise AssertionError(f'It ended with {status} and said: {"".join(self.errors)}')
        lines = []
        while (line := self.lines.get(timeout=SECONDS)) is not None:
            lines.append(line)
        return ''.join(lines)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Cases:
    def __init__(self):
        self.n_cases = self.n_failed = 0

    def check(self, name, function, *args):
        self.n_cases += 1
        try:
            function(*args)
        except Exception as error:  # whatever it is, the other cases go on
            self.n_failed += 1
            for line in f'{type(error).__name__} {error}'.splitlines():
                print(f'# {line}')
            print(f'not ok {self.n_cases} {name}', flush=True)
        else:
            print(f'ok {self.n_cases} {name}', flush=True)
