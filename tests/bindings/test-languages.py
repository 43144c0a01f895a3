#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-languages.py TOOL MODULE DIRECTORY LANGUAGE...: the tool and the library in each language.

MODULE is preloaded, so that they find the translations in DIRECTORY. What is expected is read from there by Python's own
gettext, which takes no part in what the C library does."""

import gettext
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import python_util

TOOL, MODULE, DIRECTORY, *LANGUAGES = sys.argv[1:]

# A system may have no locale but this one, which serves for each: only the name counts for translations.
UTF8_LOCALES = [pathlib.Path('/usr/lib/locale', name) for name in ('C.utf8', 'C.UTF-8')]
UTF8_LOCALE = next((path for path in UTF8_LOCALES if path.is_dir()), None)

SHOW_ERROR_STRING = '''
import locale
import gi
gi.require_version('LSocket', '1')
from gi.repository import LSocket
locale.setlocale(locale.LC_ALL, '')
socket = LSocket.Socket()
socket.connect_to_server('a/b', LSocket.OpenMode.READ_WRITE)
print(socket.get_property('error-string'))
'''

# What these languages' files of translations have to give.
NAME = {'ar': 'اسم', 'zh_CN': '名称'}
ERROR_STRING = {
    'ar': 'تعذّر الاتصال بالمقبس ”a/b“\u200f: الاسم إما بسيط بلا شرطة مائلة وإما مسار مطلق',
    'zh_CN': '无法连接到“a/b”：名称必须是不含斜杠的普通名称，或者是绝对路径',
}
# Lengths beyond the limit, one for each plural form that those can have.
BYTES = {
    'ar': {200: 'بايت ', 203: 'بايتات ', 211: 'بايتًا '},
    'fr': {200: 'octets '},
    'ja': {200: 'バイト'},
    'ru': {121: 'байт,', 122: 'байта,', 125: 'байт,'},
}


def run(language, *command):
    """What it prints to standard output and to standard error."""
    with tempfile.TemporaryDirectory(prefix='ls', dir='/tmp') as directory:
        pathlib.Path(directory, f'{language}.utf8').symlink_to(UTF8_LOCALE)
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('LC_') and name not in ('LANG', 'LANGUAGE')}
        environment |= {
            'LANG': f'{language}.UTF-8',
            'LD_PRELOAD': MODULE,
            'LOCPATH': directory,
            'LSOCKET_TEST_LOCALEDIR': DIRECTORY,
        }
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.stdout.decode(), done.stderr.decode()


def translator(language):
    translations = gettext.translation('lsocket-1', DIRECTORY, [language])

    def translate(text, *values):
        translated = translations.gettext(text)
        assert translated != text or text in ('MS', 'NAME'), text
        return translated % values if values else translated
    return translate


@unittest.skipIf(UTF8_LOCALE is None, 'The system has no locale C.UTF-8 as a file')
class Languages(unittest.TestCase):
    def check_help(self, language):
        translate = translator(language)
        output, _errors = run(language, TOOL, 'connect', '--help')
        for text in ('NAME', 'MS', 'How long to try a busy server; 0: not at all, negative: without end',
                     'Joins standard input and output to the server of that name.'):
            self.assertIn(translate(text), output)
        if language in NAME:
            self.assertIn(NAME[language], output)

    def check_errors(self, language):
        translate = translator(language)
        _output, errors = run(language, TOOL, 'dance')
        self.assertEqual(errors, 'lsocket: ' + translate('There is no command “%s”', 'dance') + '\n' +
                         translate('Try “%s --help”.\n', 'lsocket'))

    def check_error_string(self, language):
        translate = translator(language)
        output, errors = run(language, sys.executable, '-c', SHOW_ERROR_STRING)
        self.assertEqual(errors, '')
        reason = translate('A name is either plain, without a slash, or an absolute path')
        self.assertEqual(output, translate('Cannot connect to “%s”: %s', 'a/b', reason) + '\n')
        if language in ERROR_STRING:
            self.assertEqual(output, ERROR_STRING[language] + '\n')

    def check_plurals(self, language):
        for length, word in BYTES[language].items():
            _output, errors = run(language, TOOL, 'resolve', '--abstract', 'a' * length)
            self.assertRegex(errors, rf'\b{length} {word}.*\b107\b')

    def test_no_language(self):
        """Where there are no translations, everything is in English."""
        self.assertEqual(run('tlh', TOOL, 'dance')[1], 'lsocket: There is no command “dance”\nTry “lsocket --help”.\n')


def add_case(what, language):
    setattr(Languages, f'test_{what}_{language}', lambda self: getattr(self, f'check_{what}')(language))


for language in LANGUAGES:
    for what in ('help', 'errors', 'error_string'):
        add_case(what, language)
for language in BYTES:
    add_case('plurals', language)

if __name__ == '__main__':
    python_util.main()
