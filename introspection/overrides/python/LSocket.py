# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a Python programmer expects of LSocket and introspection cannot say: defaults, bytes, iteration, with, await."""

import asyncio
import functools
import math
import selectors

import gi
from gi.repository import Gio, GLib

from ..module import get_introspection_module
from ..overrides import override

LSocket = get_introspection_module('LSocket')
__all__ = ['new_event_loop']

READ_WRITE = LSocket.OpenMode.READ_WRITE
TIMEOUT = LSocket.SOCKET_DEFAULT_TIMEOUT
DOMAIN = GLib.quark_to_string(LSocket.SocketError.quark())

# From there on PyGObject awaits by itself what has no callback, and has an event loop.
PYGOBJECT_AWAITS = gi.version_info >= (3, 50)


# Enumerations.

def _members(enumeration):
    # Newer PyGObject has the enumerations of Python.
    if hasattr(enumeration, '__members__'):
        return dict(enumeration.__members__)
    return {name: value for name, value in vars(enumeration).items() if isinstance(value, enumeration)}


def _enum_name(self):
    for name, value in _members(type(self)).items():
        if value == self:
            return name
    return str(int(self))


def _flags_name(self):
    """The name of all of it, or of its parts, and as a number what has no name."""
    members = _members(type(self))
    for name, value in members.items():
        if value == self:
            return name
    rest, names = int(self), []
    for name, value in sorted(members.items(), key=lambda member: -member[1]):
        if value and int(value) & rest == value:
            rest &= ~int(value)
            names.insert(0, name)
    return '|'.join(names + [str(rest)] * bool(rest))


def _make_readable(enumeration, name_of):
    title = enumeration.__name__
    enumeration.__str__ = lambda self: f'{title}.{name_of(self)}'
    enumeration.__repr__ = lambda self: f'<{title}.{name_of(self)}: {int(self)}>'
    enumeration.__format__ = lambda self, spec: format(str(self), spec)


# Errors.

class Error(GLib.Error):
    """An error of the domain LSocket.SocketError. There is a subclass for each of its kinds, ServerNotFoundError for
    SERVER_NOT_FOUND."""

    def __str__(self):
        return self.message

    def __repr__(self):
        return f'{type(self).__name__}({self.message!r})'

    @property
    def kind(self):
        return LSocket.SocketError(self.code)


__all__.append('Error')
_errors = {}
for _name, _kind in _members(LSocket.SocketError).items():
    _title = _name.title().replace('_', '') + 'Error'
    _errors[int(_kind)] = globals()[_title] = type(_title, (Error,), {'__module__': Error.__module__})
    __all__.append(_title)


def _translate(error):
    if error.domain != DOMAIN or isinstance(error, Error):
        return error
    return _errors.get(error.code, Error)(error.message, error.domain, error.code)


def _raising(function):
    """What the function raises of our domain can be caught by its kind."""
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except GLib.Error as error:
            raise _translate(error) from None
    return wrapper


# Bytes.

def _to_bytes(data):
    if isinstance(data, bytes):
        return data
    if isinstance(data, GLib.Bytes):
        return data.get_data()
    return memoryview(data).tobytes()


# Waiting for asynchronous functions.

class _Selector(selectors.BaseSelector):
    """Waits in a main context, so that GLib and asyncio take turns: one turn of the context, then whatever that has
    made ready in asyncio."""

    def __init__(self, context):
        self._context = context
        self._keys = {}

    def register(self, fileobj, events, data=None):
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if descriptor in self._keys:
            raise KeyError(f'{fileobj!r} is already registered')
        key = self._keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        return key

    def unregister(self, fileobj):
        for descriptor, key in self._keys.items():
            if fileobj in (descriptor, key.fileobj):
                return self._keys.pop(descriptor)
        raise KeyError(f'{fileobj!r} is not registered')

    def get_map(self):
        return {key.fileobj: key for key in self._keys.values()}

    def select(self, timeout=None):
        # A new source each time: between two calls nobody asks for these descriptors, a nested main loop neither.
        source = _Source(self._keys.values())
        if timeout is not None:
            source.set_ready_time(GLib.get_monotonic_time() + math.ceil(max(timeout, 0) * 1e6))
        source.attach(self._context)
        try:
            self._context.iteration(timeout is None or timeout > 0)
        finally:
            source.destroy()
        return source.ready


CONDITIONS = {
    selectors.EVENT_READ: GLib.IOCondition.IN | GLib.IOCondition.HUP,
    selectors.EVENT_WRITE: GLib.IOCondition.OUT | GLib.IOCondition.ERR,
    selectors.EVENT_READ | selectors.EVENT_WRITE:
        GLib.IOCondition.IN | GLib.IOCondition.HUP | GLib.IOCondition.OUT | GLib.IOCondition.ERR,
}


class _Source(GLib.Source):
    def __init__(self, keys):
        super().__init__()
        self.ready = []
        self._tags = [(key, self.add_unix_fd(key.fd, CONDITIONS[key.events])) for key in keys]

    def prepare(self):
        return False, -1

    # GLib itself looks at descriptors and the ready time.
    def check(self):
        return False

    def dispatch(self, callback, args):
        for key, tag in self._tags:
            condition = self.query_unix_fd(tag)
            events = 0
            # A hang-up or an error is for both to see.
            if condition & ~GLib.IOCondition.OUT:
                events |= selectors.EVENT_READ
            if condition & ~GLib.IOCondition.IN:
                events |= selectors.EVENT_WRITE
            if events & key.events:
                self.ready.append((key, events & key.events))
        self.set_ready_time(-1)
        return GLib.SOURCE_CONTINUE


class _EventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, which also runs a main context."""

    def __init__(self, context):
        super().__init__(_Selector(context))


def new_event_loop(context=None):
    """A loop for asyncio that runs the main context too: asyncio.Runner(loop_factory=LSocket.new_event_loop)."""
    context = context or GLib.MainContext.ref_thread_default()
    if PYGOBJECT_AWAITS:
        from gi.events import GLibEventLoop
        return GLibEventLoop(context)
    return _EventLoop(context)


class _Operation(asyncio.Future):
    """An asynchronous function under way. One that is cancelled is done when the function has ended, and not before:
    the next one can begin then."""

    def __init__(self, loop, cancellable, finish, give_back):
        super().__init__(loop=loop)
        self._cancellable = cancellable or Gio.Cancellable()
        self._cancelling = False
        self._finish = finish
        self._give_back = give_back

    def begin(self, function, args):
        function(*args, self._cancellable, self._on_finished)
        return self

    def cancel(self, msg=None):
        if self.done():
            return False
        self._cancelling = True
        self._cancellable.cancel()
        return True

    def _on_finished(self, _source, result):
        try:
            value = self._finish(result)
        except GLib.Error as error:
            if not self.get_loop().is_closed():
                self._fail(error)
            return
        if self._cancelling or self.get_loop().is_closed():
            # It came too late: nobody waits for it any more.
            self._give_back(value)
        if self.get_loop().is_closed():
            return
        if self._cancelling:
            super().cancel()
        else:
            self.set_result(value)

    def _fail(self, error):
        if self._cancelling and error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED):
            super().cancel()
        else:
            # With its traceback, the error would hold this operation, and the operation the error.
            self.set_exception(error.with_traceback(None))


class _Translating:
    """PyGObject's own awaitable, with errors that can be caught by their kind."""

    def __init__(self, awaitable):
        self._awaitable = awaitable

    def __await__(self):
        try:
            return (yield from self._awaitable.__await__())
        except GLib.Error as error:
            raise _translate(error) from None


def _running_loop():
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    if type(loop).__module__.partition('.')[0] in ('asyncio', 'uvloop'):
        raise RuntimeError('To wait for LSocket, asyncio needs a loop that runs GLib\'s main context: '
                           'asyncio.Runner(loop_factory=LSocket.new_event_loop)')
    return loop


def _begin(function, finish, args, cancellable, callback, user_data, give_back=lambda value: None):
    """Calls function, and without a callback makes something to await of it, where asyncio runs."""
    if callback is not None:
        return function(*args, cancellable, callback, *user_data)
    loop = _running_loop()
    if loop is None:
        return function(*args, cancellable)
    if PYGOBJECT_AWAITS:
        return _Translating(function(*args, cancellable))
    return _Operation(loop, cancellable, finish, give_back).begin(function, args)


# The classes.

def _known(number):
    return None if number < 0 else number


class Credentials(LSocket.Credentials):
    """Who is at the other end. What the system does not tell is None here; the getters have -1 for a number."""

    uid = property(lambda self: _known(self.get_uid()))
    gid = property(lambda self: _known(self.get_gid()))
    # PyGObject gives an empty list for NULL, too.
    groups = property(lambda self: self.get_groups() or None)
    pid = property(lambda self: _known(self.get_pid()))
    pidfd = property(lambda self: _known(self.get_pidfd()))
    sid = property(lambda self: self.get_sid())
    security_label = property(lambda self: self.get_security_label())

    def __repr__(self):
        user = f'uid={self.uid} gid={self.gid}' if self.sid is None else f'sid={self.sid}'
        return f'<Credentials {user} pid={self.pid}>'


Credentials = override(Credentials)
__all__.append('Credentials')


class IODevice(LSocket.IODevice):
    def __enter__(self):
        return self

    def __exit__(self, exception, _value, _traceback):
        # close() delivers what was written; after an exception nobody knows whether that is whole.
        if exception is not None and isinstance(self, LSocket.Socket):
            self.abort()
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, exception, _value, _traceback):
        if exception is not None and isinstance(self, LSocket.Socket):
            self.abort()
        await self.close_async()

    def __iter__(self):
        """The lines to come; blocks until they have."""
        if not self.is_open():
            self.wait_for_ready_read(-1)
        while True:
            line = self.readline()
            if line is None:
                if self.wait_for_ready_read(-1):
                    continue
                line = self.readline()
            if not line:
                break
            yield line

    async def __aiter__(self):
        """The lines to come; asyncio goes on meanwhile."""
        while True:
            try:
                line = await self.read_line_async()
            except GLib.Error as error:
                if not error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED) or not self.is_open():
                    raise
                break
            yield line

    def _read(self, read, *args):
        """What is there; None if that is nothing, b'' at the end of the input."""
        try:
            data = read(*args)
        except GLib.Error as error:
            if not error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED) or not self.is_open():
                raise
            return b''
        return _to_bytes(data) or None

    def read(self, size=-1):
        """At most size bytes of what has come, all of it if size is negative; None when nothing is there yet, b'' at
        the end of the input."""
        if size == 0:
            return b''
        if size is None or size < 0:
            return self._read(self.read_all)
        return self._read(self.read_bytes, size)

    def readline(self, size=-1):
        """A line, at most size bytes of it unless size is negative; None when no whole line is there yet, b'' at the
        end of the input. What is left there without a newline is the last line, and a line that the read buffer
        has no room for comes in pieces."""
        if size == 0:
            return b''
        size = 0 if size is None or size < 0 else size
        if not self.can_read_line() and self._may_complete(size):
            return None
        return self._read(self.read_line, size)

    def readlines(self, hint=-1):
        """The lines that have come, of no more than hint bytes and the rest of a line unless hint is negative; None
        when no whole line is there yet, [] at the end of the input."""
        lines, length = [], 0
        while line := self.readline():
            lines.append(line)
            length += len(line)
            if hint is not None and 0 < hint <= length:
                break
        return lines or (None if line is None else [])

    def _may_complete(self, size):
        """Whether more may come for the line that has begun."""
        available, limit = self.get_bytes_available(), self.get_read_buffer_size()
        if not self.is_readable():
            return False
        if 0 < size <= available or 0 < limit <= available:
            return False
        if self.is_transaction_started():
            return not self.is_open() or self.get_state() != LSocket.SocketState.UNCONNECTED
        # The end shows behind what is buffered.
        self.start_transaction()
        try:
            self.skip(available)
            self.skip(0)
        except GLib.Error:
            return False
        finally:
            self.rollback_transaction()
        return True

    def read_line(self, max_length=0):
        return super().read_line(max_length)

    def write(self, data):
        """Takes any buffer."""
        return super().write(_to_bytes(data))

    def write_bytes(self, bytes):
        """Takes GLib.Bytes or any buffer."""
        return super().write_bytes(bytes if isinstance(bytes, GLib.Bytes) else GLib.Bytes.new(_to_bytes(bytes)))

    def unread(self, data):
        super().unread(_to_bytes(data))

    def _give_back(self, data):
        if self.is_readable():
            self.unread(data)

    def read_line_async(self, max_length=0, cancellable=None, callback=None, *user_data):
        return _begin(super().read_line_async, self.read_line_finish, (max_length,), cancellable, callback, user_data,
                      self._give_back)

    def read_bytes_async(self, count, cancellable=None, callback=None, *user_data):
        return _begin(super().read_bytes_async, self.read_bytes_finish, (count,), cancellable, callback, user_data,
                      self._give_back)

    def close_async(self, io_priority=GLib.PRIORITY_DEFAULT, cancellable=None, callback=None, *user_data):
        return _begin(super().close_async, self.close_finish, (io_priority,), cancellable, callback, user_data)

    def wait_for_ready_read(self, msecs=TIMEOUT):
        return super().wait_for_ready_read(msecs)

    def wait_for_bytes_written(self, msecs=TIMEOUT):
        return super().wait_for_bytes_written(msecs)


IODevice = override(IODevice)
__all__.append('IODevice')


class Socket(LSocket.Socket):
    def connect_to_server(self, name, mode=READ_WRITE):
        super().connect_to_server(name, mode)

    def connect_to_address(self, address, mode=READ_WRITE):
        super().connect_to_address(address, mode)

    def connect_to_server_async(self, name, mode=READ_WRITE, cancellable=None, callback=None, *user_data):
        return _begin(super().connect_to_server_async, self.connect_to_server_finish, (name, mode), cancellable,
                      callback, user_data, lambda _connected: self.abort())

    @_raising
    def connect_to_server_finish(self, result):
        return super().connect_to_server_finish(result)

    @_raising
    def connect_to_server_sync(self, name, mode=READ_WRITE, cancellable=None):
        return super().connect_to_server_sync(name, mode, cancellable)

    def disconnect_from_server_async(self, cancellable=None, callback=None, *user_data):
        return _begin(super().disconnect_from_server_async, self.disconnect_from_server_finish, (), cancellable,
                      callback, user_data)

    @_raising
    def disconnect_from_server_finish(self, result):
        return super().disconnect_from_server_finish(result)

    @_raising
    def shutdown_write(self):
        return super().shutdown_write()

    @_raising
    def set_socket_descriptor(self, descriptor, state=LSocket.SocketState.CONNECTED, mode=READ_WRITE):
        return super().set_socket_descriptor(descriptor, state, mode)

    def wait_for_connected(self, msecs=TIMEOUT):
        return super().wait_for_connected(msecs)

    def wait_for_disconnected(self, msecs=TIMEOUT):
        return super().wait_for_disconnected(msecs)


Socket = override(Socket)
__all__.append('Socket')


class _Waited(tuple):
    """(whether a connection is there, whether the time was over), as true as the first of them."""

    __slots__ = ()

    def __bool__(self):
        return self[0]


class Server(LSocket.Server):
    def __enter__(self):
        return self

    def __exit__(self, _exception, _value, _traceback):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, _exception, _value, _traceback):
        self.close()

    def __iter__(self):
        """The connections to come; blocks until they have."""
        while self.wait_for_new_connection(-1):
            yield self.next_pending_connection()

    async def __aiter__(self):
        """The connections to come until the server is closed; asyncio goes on meanwhile."""
        while self.is_listening():
            try:
                socket = self.next_pending_connection() or await self.accept_async()
            except GLib.Error as error:
                if self.is_listening() or not error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED):
                    raise
                break
            yield socket

    @_raising
    def listen(self, name):
        return super().listen(name)

    @_raising
    def listen_address(self, address):
        return super().listen_address(address)

    @_raising
    def listen_descriptor(self, descriptor):
        return super().listen_descriptor(descriptor)

    @_raising
    def listen_activated(self, name=None):
        return super().listen_activated(name)

    def wait_for_new_connection(self, msecs=TIMEOUT):
        return _Waited(super().wait_for_new_connection(msecs))

    def _give_back(self, socket):
        if self.is_listening():
            self.add_pending_connection(socket)

    def accept_async(self, cancellable=None, callback=None, *user_data):
        return _begin(super().accept_async, self.accept_finish, (), cancellable, callback, user_data, self._give_back)

    @_raising
    def accept_finish(self, result):
        return super().accept_finish(result)

    @staticmethod
    @_raising
    def remove(name, options=LSocket.ServerOptions.NONE):
        return LSocket.Server.remove(name, options)


Server = override(Server)
__all__.append('Server')

# Last, because it looks at every class, and a class takes its parent from what is overridden then.
for _enumeration in map(functools.partial(getattr, LSocket), dir(LSocket)):
    if isinstance(_enumeration, type) and issubclass(_enumeration, int):
        _make_readable(_enumeration, _flags_name if hasattr(_enumeration, 'value_names') else _enum_name)
