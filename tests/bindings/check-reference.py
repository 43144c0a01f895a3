#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-reference.py GIR LANGUAGE FILE...: whether the files use every method, property, signal and value of the GIR.

That they use it well is what running them shows."""

import re
import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

# What a row looks like where it is used. In C a program says nearly always what C calls it.
PATTERNS = {
    'c': {
        'function': r'\b{c}\b',
        'property': r'["\s]{dashed}"',
        'signal': r'"{dashed}"',
        'value': r'\b{c}\b',
    },
    'python': {
        'function': r'\.{name}\b',
        'property': r'\.props\.{name}\b',
        'signal': r"'{dashed}'",
        'value': r'\b{type}\.{name}\b',
    },
    'js': {
        'function': r'\.{name}\(',
        'property': r'\.{name}\b(?!\()',
        'signal': r"'{dashed}'",
        'value': r'\b{type}\.{name}\b',
    },
    'vala': {
        'function': r'\b{name}(\.begin)? \(',
        'property': r'\b{name}\b(?! \()',
        'signal': r'\b{name}\.connect \(',
        'value': r'\b{type}\.{name}\b',
    },
    # Which knows properties as the arguments of a constructor only, and signals not at all.
    'types': {
        'function': r'def {name}\(',
        'value': r'\b{name}: {type}\b',
    },
}

# The binding has these in another form.
OTHERWISE = {
    # A finish function is called by whatever waits. In Vala a signal hides a property of its name, a constructor is new.
    'vala': r'\w+_finish|new|error',
    'python': r'new',
    'types': r'socket_error_quark',
    'c': r'quark',
    'js': r'socket_error_quark',
}


def rows(gir):
    namespace = ElementTree.parse(gir).getroot().find(f'{CORE}namespace')
    for container in [namespace, *namespace]:
        type_ = container.get('name')
        for element in container:
            name = element.get('name', '')
            if element.get('introspectable') == '0' or element.get('moved-to'):
                continue
            if element.tag in (f'{CORE}method', f'{CORE}function', f'{CORE}constructor'):
                yield 'function', type_, name, element.get(f'{{http://www.gtk.org/introspection/c/1.0}}identifier')
            elif element.tag == f'{CORE}property':
                yield 'property', type_, name, ''
            elif element.tag == f'{GLIB}signal':
                yield 'signal', type_, name, ''
            elif element.tag == f'{CORE}member':
                yield 'value', type_, name.upper(), \
                    element.get('{http://www.gtk.org/introspection/c/1.0}identifier')


def main(gir, language, *files):
    text = '\n'.join(open(file, encoding='utf-8').read() for file in files)
    patterns, otherwise = PATTERNS[language], re.compile(OTHERWISE.get(language, r'(?!)'))
    count = {}
    missing = []
    for kind, type_, name, c in rows(gir):
        plain = name.replace('-', '_')
        if kind not in patterns or (otherwise.fullmatch(plain) and kind != 'signal'):
            continue
        count[kind] = count.get(kind, 0) + 1
        pattern = patterns[kind].format(name=plain, dashed=name, type=type_, c=c)
        if not re.search(pattern, text):
            missing.append(f'{kind} {type_}.{name}')
    print('1..1')
    for row in missing:
        print(f'# not used: {row}')
    print('not ok' if missing or not count else 'ok', '1', language, ' '.join(f'{kind}:{n}' for kind, n in count.items()))
    return bool(missing or not count)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
