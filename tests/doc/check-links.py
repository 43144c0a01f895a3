#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-links.py REFERENCE SOURCE_ROOT: whether each link of the reference, and of the documents beside it, leads to
something that is there, each chapter is reached from the index and each other document from one of its kind, the map of
the files in the chapter on design is that of the library, the layout in CONTRIBUTING.md that of the tree, and each line of
README's table is in the chapter that says what it rests on."""

import collections
import html.parser
import pathlib
import re
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.namespaces = set(), set(), set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(attributes[name] for name in ('id', 'name') if attributes.get(name))
        if attributes.get('data-namespace'):
            # A script leads to the other library, by the map of URLs.
            self.namespaces.add(attributes['data-namespace'])
        else:
            self.links.update(attributes[name] for name in ('href', 'src') if attributes.get(name))


def broken(path, links, pages):
    """Those of the links on a page that lead nowhere here."""
    for link in sorted(links):
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            if parts.scheme not in ('http', 'https', 'mailto') or ' ' in link:
                yield link
            continue
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            yield link
        elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].ids:
            yield link


def unmapped(source):
    """Sources that the map lacks, and what it names that is not there."""
    text = (source / 'doc' / 'design.md').read_text(encoding='utf-8')
    files = {path.name for path in (source / 'lsocket').glob('l*-*.[ch]')}
    mapped = set()
    for name in re.findall(r'`((?:l|lsocket)-[\w*.-]+)`', text):
        pattern = re.compile(re.escape(name).replace(r'\*', '.*') + r'(-private)?(\.[ch])?')
        found = {file for file in files if pattern.fullmatch(file)}
        mapped |= found
        if not found and not (source / 'lsocket' / name).exists():
            yield name
    yield from sorted(file for file in files - mapped if file.endswith('.c'))


def unlisted(source):
    """Directories of the tree that the layout in CONTRIBUTING.md lacks, and what it names that is not there."""
    text = (source / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    layout = re.search(r'^## Layout$(.*?)^## ', text, re.M | re.S)[1]
    for row in re.findall(r'^\| `.*$', layout, re.M):
        name, *inside = re.findall(r'`([\w.-]+)/?`', row)
        path = source / name
        if not path.exists():
            yield name
        if inside and path.is_dir():
            directories = {entry.name for entry in path.iterdir() if entry.is_dir() and entry.name != '__pycache__'}
            yield from sorted(f'{name}/{other}' for other in directories ^ set(inside))


def lines_of_table(path, heading):
    """What the first column says."""
    table = re.search(rf'^{re.escape(heading)}.*\n\|[ -|]+\n((?:\|.*\n)+)', path.read_text(encoding='utf-8'), re.M)
    return [line.split(' | ')[0].removeprefix('| ') for line in table[1].splitlines()]


def unshown(source):
    """Lines of README's table about which the chapter that says what they rest on is silent."""
    shown = tuple(lines_of_table(source / 'doc' / 'comparison.md', '| Line |'))
    return (line for line in lines_of_table(source / 'README', '| | LSocket |') if not line.startswith(shown))


def main(reference, source):
    reference, source = pathlib.Path(reference).resolve(), pathlib.Path(source)
    pages = {path: Page(path) for path in sorted(reference.glob('*.html'))}
    if not pages:
        print('Bail out! There is no reference')
        return 1
    urls = set(re.findall(r"^ *\['(\w+)', 'https://", (reference / 'urlmap.js').read_text(encoding='utf-8'), re.M))
    wrong = collections.OrderedDict()
    for path, page in pages.items():
        wrong[path.name] = list(broken(path, page.links, pages)) + sorted(page.namespaces - urls)

    documents = [source / 'README', source / 'CONTRIBUTING.md']
    chapters = []
    for path in sorted((source / 'doc').glob('*.md')):
        slug = re.search(r'^Slug: (\S+)$', path.read_text(encoding='utf-8'), re.M)
        (chapters if slug else documents).append(slug[1] if slug else path)
    linked = set()
    for path in documents:
        links = re.findall(r'\]\(([^)]+)\)', path.read_text(encoding='utf-8'))
        wrong[path.name] = list(broken(path, links, pages))
        linked |= {(path.parent / link).resolve() for link in links}

    # What nobody finds is not there.
    index = pages[reference / 'index.html']
    wrong['index of chapters'] = [slug for slug in chapters if f'{slug}.html' not in index.links]
    wrong['other documents'] = [path.name for path in documents[2:] if path.resolve() not in linked]

    wrong['map'] = list(unmapped(source))
    wrong['layout'] = list(unlisted(source))
    wrong['comparison'] = list(unshown(source))

    print(f'1..{len(wrong)}')
    for number, (name, links) in enumerate(wrong.items(), 1):
        for link in links:
            print(f'# {link}')
        print('not ok' if links else 'ok', number, name)
    return any(wrong.values())


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
