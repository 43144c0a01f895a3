#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the programs of this directory in turn (A B C A B C), takes medians, counts system calls and instructions as the
# difference of two runs that differ in nothing but the number of operations, and writes report.md with its plots.

import argparse
import glob
import os
import re
import statistics
import subprocess
import sys
import tempfile

import matplotlib
matplotlib.use('svg')
import matplotlib.pyplot as plt

# In the order of the tables; the first is what the others are compared with.
PEERS = {
    'epoll': 'raw epoll',
    'raw': 'raw, blocking',
    'glib': 'GLib at least',
    'uv': 'libuv',
    'lsocket': 'LSocket, signals',
    'lsocket-streams': 'LSocket, GIO streams',
    'gio': 'GSocketConnection',
    'qt': 'Qt QLocalSocket',
}
# What a turn of their loops costs grows with the connections: one run beside many is enough.
LINEAR = {'gio', 'qt'}
# What sends each small message at once.
UNGATHERED = {'epoll', 'raw', 'uv', 'lsocket-streams', 'gio'}

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Bench:
    def __init__(self, directory, output, quick):
        self.directory = directory
        self.output = output
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.report = []

    def command(self, peer, workload, count, **options):
        arguments = [f'--{name}' if value is True else f'--{name}={value}' for name, value in options.items()]
        return [os.path.join(self.directory, f'performance-{peer}'), workload, f'--count={count}', *arguments]

    @staticmethod
    def run(*command):
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if result.returncode != 0:
            sys.exit(f'{" ".join(command)}: {result.stderr}')
        return {line.split()[0]: float(line.split()[1]) for line in result.stdout.splitlines()}

    def measure(self, candidates):
        """{name: command} to {name: medians}; a list of commands is run once a round, a tuple only once."""
        results = {name: [] for name in candidates}
        for turn in range(self.rounds):
            for name, command in candidates.items():
                if turn == 0 or not isinstance(command, tuple):
                    results[name].append(self.run(*command))
        return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                for name, runs in results.items()}

    def count_calls(self, peer, workload, count, **options):
        def run(number):
            with tempfile.NamedTemporaryFile('r') as file:
                self.run('strace', '-f', '-c', '-o', file.name, *self.command(peer, workload, number, **options))
                return int(re.search(r'(\d+)(?:\s+\d+)? total$', file.read(), re.M)[1])
        return (run(2 * count) - run(count)) / count

    def count_instructions(self, peer, workload, count, **options):
        def run(number):
            with tempfile.TemporaryDirectory() as directory:
                self.run('valgrind', '-q', '--tool=callgrind', f'--callgrind-out-file={directory}/%p',
                         *self.command(peer, workload, number, **options))
                return sum(int(re.search(r'^(?:totals|summary): (\d+)', open(name).read(), re.M)[1])
                           for name in glob.glob(f'{directory}/*'))
        return (run(2 * count) - run(count)) / count

    def say(self, *lines):
        if lines[0].startswith('## '):
            print(lines[0][3:], flush=True)
        self.report += [*lines, '']

    def table(self, head, rows):
        self.say('| ' + ' | '.join(head) + ' |', '|' + ' --- |' * len(head),
                 *('| ' + ' | '.join(row) + ' |' for row in rows))

    def plot(self, name, title, xlabel, ylabel, series):
        """{peer: {x: y}}"""
        plt.figure(figsize=(8, 5))
        for peer, points in series.items():
            plt.plot(list(points), list(points.values()), marker='o', label=PEERS[peer])
        plt.xscale('log')
        plt.yscale('log')
        plt.xlabel(xlabel)
        plt.ylabel(ylabel)
        plt.title(title)
        plt.grid(True, which='major', alpha=.3)
        plt.legend()
        plt.tight_layout()
        plt.savefig(os.path.join(self.output, f'{name}.svg'), metadata={'Date': None})
        plt.close()
        self.say(f'![{title}]({name}.svg)')


def ratio(value, reference):
    return f'{value / reference:.2f}' if value and reference else ''


def compare(bench, title, workload, peers, count, counted=0, **options):
    """A table of one workload: what it costs, and how often that is what raw epoll and LSocket need."""
    bench.say(f'## {title}')
    results = bench.measure({peer: bench.command(peer, workload, count, **options) for peer in peers})
    first = peers[0]
    rows = []
    for peer in peers:
        cost = results[peer]['cpu']
        row = [PEERS[peer], f'{results[peer]["wall"]:.2f}', f'{cost:.2f}', ratio(cost, results[first]['cpu']),
               ratio(cost, results['lsocket']['cpu'])]
        if counted:
            row += [f'{bench.count_calls(peer, workload, counted, **options):.1f}',
                    f'{bench.count_instructions(peer, workload, counted, **options):.0f}']
        rows.append(row)
    bench.table(['', 'us', 'CPU us', f'CPU / {PEERS[first]}', 'CPU / LSocket',
                 *(['system calls', 'instructions'] if counted else [])], rows)


def compare_connections(bench):
    """Beside how many idle connections."""
    bench.say('## Idle connections beside 1 active one', 'CPU us a round trip, and how often that is what raw epoll needs.')
    numbers = [0, 1000] if bench.quick else [0, 100, 1000, 10000]
    peers = ['epoll', 'glib', 'uv', 'lsocket', 'lsocket-streams', 'gio', 'qt']
    results = {peer: {} for peer in peers}
    for number in numbers:
        candidates = {}
        for peer in peers:
            many = peer in LINEAR and number >= 1000
            count = (50 if number > 1000 else 200) if many else 2000 if bench.quick else 10000
            command = bench.command(peer, 'ping', count, idle=number)
            candidates[peer] = tuple(command) if many else command
        for peer, result in bench.measure(candidates).items():
            results[peer][number] = result['cpu']

    bench.table(['', *map(str, numbers)],
                [[PEERS[peer], *(f'{cost:.1f} ({ratio(cost, results["epoll"][number])})'
                                 for number, cost in results[peer].items())] for peer in peers])
    bench.plot('connections', 'A round trip beside idle connections', 'connections', 'CPU us',
               {peer: {number + 1: cost for number, cost in results[peer].items()} for peer in peers})


def compare_active(bench):
    bench.say('## Many active connections', 'CPU us a round trip, and how often that is what raw epoll needs.')
    cases = {'16': (0, 16)}
    if not bench.quick:
        cases.update({'16 beside 10 000 idle': (10000, 16), '10 000': (0, 10000)})
    peers = ['epoll', 'glib', 'uv', 'lsocket', 'lsocket-streams', 'gio', 'qt']
    table = {peer: [PEERS[peer]] for peer in peers}
    for idle, active in cases.values():
        # Of the others the table above tells enough.
        able = [peer for peer in peers if peer not in LINEAR or idle + active < 1000]
        # The first messages of a connection touch what they find nowhere in the cache.
        count = 5000 if bench.quick else max(20000, 10 * active)
        results = bench.measure({peer: bench.command(peer, 'ping', count, idle=idle, active=active) for peer in able})
        for peer in peers:
            cost = results[peer]['cpu'] if peer in able else None
            table[peer].append(f'{cost:.1f} ({ratio(cost, results["epoll"]["cpu"])})' if cost else '')
    bench.table(['', *cases], list(table.values()))


def compare_low_latency(bench, count):
    def compare_places(title, candidates, **place):
        bench.say(f'## {title}')
        results = bench.measure({name: bench.command(peer, 'ping', count, **options, **place)
                                 for name, (peer, options) in candidates.items()})
        bench.table(['', 'us', 'CPU us'],
                    [[name, f'{result["wall"]:.2f}', f'{result["cpu"]:.2f}'] for name, result in results.items()])

    others = {PEERS[peer]: (peer, {}) for peer in ('epoll', 'uv')}
    own = {PEERS['lsocket']: ('lsocket', {}), 'LSocket, low-latency': ('lsocket', {'low-latency': True})}
    if len(os.sched_getaffinity(0)) >= 2:
        compare_places('Round trips of 64 bytes, each process on a processor of its own', {**others, **own}, apart=True)
    compare_places('Round trips of 64 bytes with low-latency, both processes on one processor', own)


def compare_streams(bench, count, counted):
    bench.say('## Round trips of 64 bytes over GIO streams', 'Read with g_input_stream_read_async().')
    workloads = {'ping': 'g_output_stream_write_all_async()', 'vectors': 'g_output_stream_writev_async()'}
    results = bench.measure({(peer, workload): bench.command(peer, workload, count)
                             for workload in workloads for peer in ('lsocket-streams', 'gio')})
    bench.table(['written with', '', 'CPU us', 'CPU / GSocketConnection', 'system calls', 'instructions'],
                [[workloads[workload], PEERS[peer], f'{result["cpu"]:.2f}', ratio(result['cpu'], results['gio', workload]['cpu']),
                  f'{bench.count_calls(peer, workload, counted):.1f}', f'{bench.count_instructions(peer, workload, counted):.0f}']
                 for (peer, workload), result in results.items()])


def compare_throughput(bench):
    bench.say('## One way', 'MB/s by the size of a write, and how often that is what raw epoll moves.')
    sizes = [64 * KIB, MIB] if bench.quick else [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB]
    peers = ['epoll', 'raw', 'uv', 'lsocket', 'lsocket-streams', 'gio', 'qt']
    speed = {peer: {} for peer in peers}
    cpu = {peer: {} for peer in peers}
    for size in sizes:
        total = min(GIB // 16 if bench.quick else GIB, size * 50000)
        results = bench.measure({peer: bench.command(peer, 'write', total // size, size=size) for peer in peers})
        for peer in peers:
            speed[peer][size] = size / results[peer]['wall']
            cpu[peer][size] = results[peer]['cpu'] * GIB / size / 1e6

    bench.table(['', *(f'{size // KIB} KiB' for size in sizes)],
                [[PEERS[peer], *(f'{value:.0f} ({ratio(value, speed["epoll"][size])})'
                                 for size, value in speed[peer].items())] for peer in peers])
    bench.say('CPU seconds for 1 GiB, and how often that is what raw epoll needs:')
    bench.table(['', *(f'{size // KIB} KiB' for size in sizes)],
                [[PEERS[peer], *(f'{value:.2f} ({ratio(value, cpu["epoll"][size])})'
                                 for size, value in cpu[peer].items())] for peer in peers])
    bench.plot('throughput', 'Bytes that go one way', 'bytes a write', 'MB/s', speed)


def compare_small_writes(bench):
    bench.say('## Writes of 16 bytes', 'The first gathers them in 64 KiB of its own before it writes.')
    count = 200000 if bench.quick else 5000000
    small = 5000 if bench.quick else 100000
    candidates = {'gather': bench.command('raw', 'gather', count, size=16)}
    for peer in PEERS:
        candidates[peer] = bench.command(peer, 'write', small if peer in UNGATHERED else count, size=16)
    results = bench.measure(candidates)
    rows = []
    for name in candidates:
        text = PEERS.get(name, 'raw, gathered by hand')
        peer, workload = ('raw', 'gather') if name == 'gather' else (name, 'write')
        counted = (500 if bench.quick else 5000) if name in UNGATHERED else 200000
        cost = results[name]['cpu']
        rows.append([text, f'{cost * 1000:.0f}', ratio(cost, results['gather']['cpu']), ratio(cost, results['lsocket']['cpu']),
                     f'{bench.count_calls(peer, workload, counted, size=16):.4f}',
                     f'{bench.count_instructions(peer, workload, counted, size=16):.0f}'])
    bench.table(['', 'CPU ns', 'CPU / by hand', 'CPU / LSocket', 'system calls', 'instructions'], rows)


def compare_memory(bench):
    bench.say('## What an idle connection takes', 'KiB of memory that stay, and the time that opening it takes.')
    peers = ['epoll', 'uv', 'lsocket', 'lsocket-streams', 'gio', 'qt']
    count = 500 if bench.quick else 8000
    results = bench.measure({peer: tuple(bench.command(peer, 'idle', min(count, 2000) if peer in LINEAR else count))
                             for peer in peers})
    bench.table(['', 'server KiB', 'client KiB', 'us'],
                [[PEERS[peer], *(f'{results[peer][key]:.2f}' for key in ('server', 'client', 'wall'))] for peer in peers])


def read_environment():
    model = re.search(r'^model name\s*: (.*)', open('/proc/cpuinfo').read(), re.M)
    versions = []
    for package in ('glib-2.0', 'libuv', 'Qt6Core'):
        result = subprocess.run(['pkg-config', '--modversion', package], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            versions.append(f'{package} {result.stdout.strip()}')
    return (f'{model[1] if model else os.uname().machine}, {os.cpu_count()} processors, Linux {os.uname().release}; '
            f'{", ".join(versions)}. Load when it began: {os.getloadavg()[0]:.1f}.')


def main():
    parser = argparse.ArgumentParser(description='Measure LSocket against its peers.')
    parser.add_argument('--quick', action='store_true', help='fewer runs, and none beside 10 000 connections')
    parser.add_argument('directory', help='with the programs')
    parser.add_argument('output', help='of the report')
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    bench = Bench(arguments.directory, arguments.output, arguments.quick)
    quick = arguments.quick

    bench.say('# LSocket and its peers', read_environment(), f'Medians of {bench.rounds} runs in turn; both processes on one '
              'processor, where nothing else is said; CPU, system calls and instructions of server and client together, for '
              'one operation.')
    loops = ['epoll', 'glib', 'uv', 'lsocket', 'lsocket-streams', 'gio', 'qt']
    compare(bench, 'Round trips of 64 bytes', 'ping', ['epoll', 'raw', *loops[1:]], 2000 if quick else 20000, 200 if quick else 1000)
    compare_low_latency(bench, 2000 if quick else 20000)
    compare_streams(bench, 2000 if quick else 20000, 200 if quick else 1000)
    compare_connections(bench)
    compare_active(bench)
    compare(bench, 'Connect, one round trip, close', 'churn', ['epoll', 'raw', *loops[1:]], 500 if quick else 6000,
            0 if quick else 500)
    compare_small_writes(bench)
    compare_throughput(bench)
    compare(bench, 'Round trips of 64 bytes without a loop', 'wait', ['raw', 'glib', 'lsocket', 'lsocket-streams', 'gio', 'qt'],
            2000 if quick else 20000, 0 if quick else 1000)
    compare_memory(bench)

    path = os.path.join(arguments.output, 'report.md')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(bench.report))
    print(path)


if __name__ == '__main__':
    main()
