// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a JavaScript programmer expects of LSocket and introspection cannot say: defaults, Uint8Array, promises, for
// await.

/* exported _init */

const {Gio, GLib} = imports.gi;

// What throws when the input or the server has been closed.
function isClosed(error) {
    return error instanceof GLib.Error && error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CLOSED);
}

// What a Gio.ListModel has in it.
function* items() {
    for (let i = 0; i < this.get_n_items(); i++)
        yield this.get_item(i);
}

// Replaces methods; each maker is given what it replaces.
function override(prototype, makers) {
    for (const [name, make] of Object.entries(makers))
        prototype[name] = make(prototype[name]);
}

// The method with values for arguments that are left out.
function withDefaults(...defaults) {
    return method => function (...args) {
        return method.call(this, ...args, ...defaults.slice(args.length));
    };
}

// The method with its GLib.Bytes as an Uint8Array.
function withArray(method) {
    return function (...args) {
        return method.call(this, ...args).toArray();
    };
}

// The asynchronous method with defaults, and without a callback a promise.
function withPromise(finish, ...defaults) {
    return method => function (...args) {
        if (args.length > defaults.length || typeof args[args.length - 1] === 'function')
            return method.call(this, ...args);
        return new Promise((resolve, reject) => {
            method.call(this, ...args, ...defaults.slice(args.length), (source, result) => {
                try {
                    resolve(source[finish](result));
                } catch (error) {
                    reject(error);
                }
            });
        });
    };
}

function _init() {
    const {READ_WRITE} = this.OpenMode;
    const {CONNECTED} = this.SocketState;
    const TIMEOUT = this.SOCKET_DEFAULT_TIMEOUT;

    override(this.IODevice.prototype, {
        read_line: withDefaults(0),
        read_bytes: withArray,
        read_all: withArray,
        peek_bytes: withArray,
        read_line_async: withPromise('read_line_finish', 0, null),
        read_bytes_async: withPromise('read_bytes_finish', undefined, null),
        read_bytes_finish: withArray,
        close: withDefaults(null),
        close_async: withPromise('close_finish', GLib.PRIORITY_DEFAULT, null),
        wait_for_ready_read: withDefaults(TIMEOUT),
        wait_for_bytes_written: withDefaults(TIMEOUT),
    });

    // The lines to come.
    this.IODevice.prototype[Symbol.asyncIterator] = async function* () {
        for (;;) {
            let line;
            try {
                line = await this.read_line_async();
            } catch (error) {
                if (!isClosed(error) || !this.is_open())
                    throw error;
                return;
            }
            yield line;
        }
    };

    override(this.Socket.prototype, {
        connect_to_server: withDefaults(undefined, READ_WRITE),
        connect_to_server_async: withPromise('connect_to_server_finish', undefined, READ_WRITE, null),
        connect_to_server_sync: withDefaults(undefined, READ_WRITE, null),
        connect_to_address: withDefaults(undefined, READ_WRITE),
        disconnect_from_server_async: withPromise('disconnect_from_server_finish', null),
        set_socket_descriptor: withDefaults(undefined, CONNECTED, READ_WRITE),
        wait_for_connected: withDefaults(TIMEOUT),
        wait_for_disconnected: withDefaults(TIMEOUT),
    });

    override(this.Server.prototype, {
        accept_async: withPromise('accept_finish', null),
        listen_activated: withDefaults(null),
        wait_for_new_connection: withDefaults(TIMEOUT),
    });
    override(this.Server, {
        remove: withDefaults(undefined, this.ServerOptions.NONE),
    });

    // Of the list of connections, as of Gio.ListStore: for (const socket of server.connections).
    const {get_connections: getConnections} = this.Server.prototype;
    const get_connections = function () {
        const list = getConnections.call(this);
        list[Symbol.iterator] ??= items;
        return list;
    };
    Object.defineProperty(this.Server.prototype, 'connections', {configurable: true, get: get_connections});
    this.Server.prototype.get_connections = get_connections;

    // The connections to come, until the server is closed.
    this.Server.prototype[Symbol.asyncIterator] = async function* () {
        while (this.is_listening()) {
            let socket;
            try {
                socket = this.next_pending_connection() ?? await this.accept_async();
            } catch (error) {
                if (!isClosed(error) || this.is_listening())
                    throw error;
                return;
            }
            yield socket;
        }
    };
}
