// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a test in JavaScript needs.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

// Short: the path of a socket may have no more than 107 bytes.
export const directory = GLib.Dir.make_tmp('lsXXXXXX');
GLib.setenv('XDG_RUNTIME_DIR', directory, true);
GLib.unsetenv('FLATPAK_ID');

export function assertEqual(actual, expected) {
    if (!equal(actual, expected))
        throw new Error(`${actual} is not ${expected}`);
}

function equal(a, b) {
    if (Array.isArray(a) && Array.isArray(b))
        return a.length === b.length && a.every((value, i) => equal(value, b[i]));
    return a === b;
}

function check(error, domain, code) {
    if (domain && !(error instanceof GLib.Error && error.matches(domain, code)))
        throw error;
    return error;
}

// Of the domain with the code, or anything.
export function assertThrows(action, domain, code) {
    try {
        action();
    } catch (error) {
        return check(error, domain, code);
    }
    throw new Error('It did not throw');
}

export async function assertRejects(promise, domain, code) {
    try {
        await promise;
    } catch (error) {
        return check(error, domain, code);
    }
    throw new Error('It was not rejected');
}

// Lets the main context do what it has to do.
export function turn() {
    return new Promise(resolve => {
        GLib.timeout_add(GLib.PRIORITY_LOW, 1, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        });
    });
}

export async function turnUntil(condition) {
    const deadline = GLib.get_monotonic_time() + 10000000;
    while (!condition()) {
        if (GLib.get_monotonic_time() > deadline)
            throw new Error('It never came');
        await turn();
    }
}

function removeDirectory() {
    for (const info of Gio.File.new_for_path(directory).enumerate_children('standard::name', 0, null))
        GLib.unlink(GLib.build_filenamev([directory, info.get_name()]));
    GLib.rmdir(directory);
}

// One after the other, in TAP.
export function runTests(tests) {
    const loop = new GLib.MainLoop(null, false);
    let failed = false;
    let number = 0;
    const run = async () => {
        print(`1..${Object.keys(tests).length}`);
        for (const [name, test] of Object.entries(tests)) {
            number++;
            try {
                await test();
                print(`ok ${number} ${name}`);
            } catch (error) {
                failed = true;
                print(`${error}\n${error.stack}`.replace(/^/gm, '# '));
                print(`not ok ${number} ${name}`);
            }
        }
    };
    run().finally(() => loop.quit());
    loop.run();
    removeDirectory();
    System.exit(failed ? 1 : 0);
}
