// SPDX-FileCopyrightText: 2026 The LSocket authors
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the override adds, for TypeScript. The rest ts-for-gir makes from the GIR.

declare module 'gi://LSocket?version=1' {
    import type Gio from 'gi://Gio?version=2.0';

    export namespace LSocket {
        interface IODevice extends AsyncIterable<Uint8Array> {
            read_bytes(max_count: number): Uint8Array;
            read_all(): Uint8Array;
            peek_bytes(max_count: number): Uint8Array;
            read_line(max_length?: number): Uint8Array;
            read_line_async(max_length?: number, cancellable?: Gio.Cancellable | null): Promise<Uint8Array>;
            read_bytes_async(count: number, cancellable?: Gio.Cancellable | null): Promise<Uint8Array>;
            read_bytes_finish(result: Gio.AsyncResult): Uint8Array;
            close_async(io_priority?: number, cancellable?: Gio.Cancellable | null): Promise<boolean>;
            wait_for_ready_read(msecs?: number): boolean;
            wait_for_bytes_written(msecs?: number): boolean;
        }

        interface Socket {
            connect_to_server(name: string, mode?: OpenMode): void;
            connect_to_server_async(
                name: string, mode?: OpenMode, cancellable?: Gio.Cancellable | null): Promise<boolean>;
            connect_to_server_sync(name: string, mode?: OpenMode, cancellable?: Gio.Cancellable | null): boolean;
            connect_to_address(address: Gio.SocketAddress, mode?: OpenMode): void;
            disconnect_from_server_async(cancellable?: Gio.Cancellable | null): Promise<boolean>;
            set_socket_descriptor(descriptor: number, state?: SocketState, mode?: OpenMode): boolean;
            wait_for_connected(msecs?: number): boolean;
            wait_for_disconnected(msecs?: number): boolean;
        }

        interface Server extends AsyncIterable<Socket> {
            get_connections(): Gio.ListModel & Iterable<Socket>;
            listen_activated(name?: string | null): boolean;
            accept_async(cancellable?: Gio.Cancellable | null): Promise<Socket>;
            wait_for_new_connection(msecs?: number): [boolean, boolean];
        }
    }
}
