"""What a socket's descriptor stands for inside: a socket of the host's, or one end of a pair in memory. Enclave world.

Nothing here blocks: what cannot be done at once raises BlockingIOError, and `watch` says when to try again. What the
host says is checked on arrival; `gotee.enclave.network` has asked the policy before.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from gotee.boundary.filestat import Stat
from gotee.boundary.network import EVENTS, PEEK, POLL, RECEIVE, SEND, WAIT, Accepted, Address, Option
from gotee.boundary.ocalls import PIECE_BYTES, Ocall, encode
from gotee.enclave.ocalls import Ocalls, decoder, nothing

IN, PRIORITY, OUT, ERROR, HANGUP, INVALID = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20  # poll(2)
_ALL = 0x7FFF
_PAIR_BYTES = 64 << 10  # how much one end of a pair takes before it is full

Ready = Callable[[int], None]
Cancel = Callable[[], None]

_address = decoder(lambda: Address)
_accepted = decoder(lambda: Accepted)
_option: Callable[[bytes], int | bytes] = msgspec.msgpack.Decoder(Option).decode
_count = decoder(lambda: int)
_handle = decoder(lambda: int)


class Connection(Protocol):
    """What sockets are made of."""

    family: int
    kind: int
    protocol: int

    def receive(self, size: int, peek: bool) -> bytes: ...
    def receive_from(self, size: int, peek: bool) -> tuple[bytes, Any]: ...
    def send(self, data: memoryview, to: Address | None) -> int: ...
    def shutdown(self, how: int) -> None: ...
    def close(self) -> None: ...
    def name(self) -> Any: ...
    def peer(self) -> Any: ...
    def events(self, wanted: int) -> int: ...
    def watch(self, wanted: int, ready: Ready) -> Cancel: ...


class _Descriptor:
    """What a socket answers to calls for files, such as os.read; see gotee.enclave.descriptors."""

    kind: int

    def receive(self, size: int, peek: bool) -> bytes:
        """At most `size` bytes."""
        raise NotImplementedError

    def send(self, data: memoryview, to: Address | None) -> int:
        """Send what can be sent at once."""
        raise NotImplementedError

    def read(self, size: int) -> bytes:
        """As os.read, which does not wait: it raises BlockingIOError."""
        return self.receive(size, False)

    def write(self, data: memoryview) -> int:
        """As os.write, which does not wait: it raises BlockingIOError."""
        return self.send(data, None)

    def pread(self, size: int, offset: int) -> bytes:
        """There are no places in a socket."""
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def pwrite(self, data: memoryview, offset: int) -> int:
        """There are no places in a socket."""
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def seek(self, offset: int, whence: int) -> int:
        """There are no places in a socket."""
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def stat(self) -> Stat:
        """That it is a socket."""
        return Stat(stat.S_IFSOCK | 0o777, 0, 0, 1, 0, 0, 0, 0, 0, 0)

    def truncate(self, size: int) -> None:
        """A socket has no size."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def sync(self) -> None:
        """A socket keeps nothing."""
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def isatty(self) -> bool:
        """A socket is no terminal."""
        return False


class HostSocket(_Descriptor):
    """A socket of the host's."""

    def __init__(self, ocalls: Ocalls, family: int, kind: int, protocol: int, handle: int | None = None) -> None:
        self._ocalls = ocalls
        self.family, self.kind, self.protocol = family, kind, protocol
        if handle is None:
            handle = ocalls.ask(Ocall.SOCKET, encode((family, kind, protocol)), _positive, unwanted=self._unwanted)
        self._at = handle
        self._kept: deque[bytes] = deque()  # came for a routine that was told to stop
        self._accepted: deque[Accepted] = deque()

    def _unwanted(self, handle: int) -> None:
        self._ocalls.tell(Ocall.SOCKET_CLOSE, encode((handle,)))

    # -- connecting ------------------------------------------------------------------------------------------

    def connect(self, address: Address) -> None:
        """Begin to connect. Raises BlockingIOError (EINPROGRESS) if that takes longer."""
        self._ocalls.ask(Ocall.CONNECT, encode((self._at, address)), nothing)

    def bind(self, address: Address) -> None:
        """Take a local address."""
        self._ocalls.ask(Ocall.BIND, encode((self._at, address)), nothing)

    def listen(self, backlog: int) -> None:
        """Let others connect."""
        self._ocalls.ask(Ocall.LISTEN, encode((self._at, backlog)), nothing)

    def accept(self) -> tuple[HostSocket, Any]:
        """Take a connection that waits."""
        if self._accepted:
            found = self._accepted.popleft()
        else:
            request = encode((self._at,))
            found = self._ocalls.ask(Ocall.ACCEPT, request, self._checked, unwanted=self._accepted.append)
        return HostSocket(self._ocalls, self.family, self.kind, self.protocol, found.handle), found.peer.plain

    def _checked(self, payload: bytes) -> Accepted:
        found = _accepted(payload)
        self._own(found.peer)
        return found

    def _own(self, address: Address) -> Address:
        if address.family != self.family:
            raise ValueError(f"an address of family {address.family} for a socket of family {self.family}")
        return address

    # -- data ------------------------------------------------------------------------------------------------

    def receive(self, size: int, peek: bool) -> bytes:
        """At most `size` bytes; none at the end."""
        size = min(size, PIECE_BYTES)
        if self._kept:
            return self._from_kept(size, peek)

        def check(payload: bytes) -> bytes:
            if len(payload) > size:
                raise ValueError(f"{len(payload)} bytes where {size} were asked for")
            return payload

        request = RECEIVE.pack(self._at, size, PEEK if peek else 0)
        unwanted = None if peek else self._kept.append
        data = self._ocalls.ask(Ocall.RECEIVE, request, check, unwanted=unwanted)
        if self._kept and not peek:  # which came before
            self._kept.append(data)
            return self._from_kept(size, peek)
        return data

    def unread(self, data: bytes) -> None:
        """The next `receive` gives this first."""
        self._kept.appendleft(data)

    def _from_kept(self, size: int, peek: bool) -> bytes:
        data = b"".join(self._kept)
        self._kept.clear()
        rest = data if peek else data[size:]
        if rest:
            self._kept.append(rest)
        return data[:size]

    def receive_from(self, size: int, peek: bool) -> tuple[bytes, Any]:
        """One datagram, cut at `size`, and its sender; of a stream, bytes and None."""
        if self.kind == 1:  # SOCK_STREAM
            return self.receive(size, peek), None
        size = min(size, PIECE_BYTES)

        def check(payload: bytes) -> tuple[bytes, Any]:
            length = payload[0] if payload else 0
            sender = self._own(_address(payload[1 : 1 + length]))
            data = payload[1 + length :]
            if len(data) > size:
                raise ValueError(f"{len(data)} bytes where {size} were asked for")
            return data, sender.plain

        return self._ocalls.ask(Ocall.RECEIVE_FROM, RECEIVE.pack(self._at, size, PEEK if peek else 0), check)

    def send(self, data: memoryview, to: Address | None) -> int:
        """Send what can be sent at once; how many bytes that was."""
        piece = data[:PIECE_BYTES] if self.kind == 1 else data
        target = b"" if to is None else encode(to)

        def check(payload: bytes) -> int:
            count = _count(payload)
            if not 0 <= count <= len(piece):
                raise ValueError(f"{count} bytes sent of {len(piece)}")
            return count

        request = b"".join((SEND.pack(self._at, len(target)), target, piece))
        return self._ocalls.ask(Ocall.SEND, request, check)

    def shutdown(self, how: int) -> None:
        """End one direction, or both."""
        self._ocalls.ask(Ocall.SHUTDOWN, encode((self._at, how)), nothing)

    def close(self) -> None:
        """Give the socket back."""
        for accepted in self._accepted:
            self._unwanted(accepted.handle)
        self._ocalls.tell(Ocall.SOCKET_CLOSE, encode((self._at,)))

    # -- what it is ------------------------------------------------------------------------------------------

    def name(self) -> Any:
        """Its own address."""
        return self._ocalls.ask(Ocall.NAME, encode((self._at,)), lambda payload: self._own(_address(payload))).plain

    def peer(self) -> Any:
        """The address of the other end."""
        return self._ocalls.ask(Ocall.PEER, encode((self._at,)), lambda payload: self._own(_address(payload))).plain

    def option(self, level: int, name: int, size: int) -> int | bytes:
        """An option: a number, or bytes if `size` is not 0."""

        def check(payload: bytes) -> int | bytes:
            value = _option(payload)
            if isinstance(value, bytes) != bool(size) or (isinstance(value, bytes) and len(value) > size):
                raise ValueError("an option of another form")
            if isinstance(value, int) and not -(1 << 31) <= value < 1 << 32:
                raise ValueError(f"an option of {value}")
            return value

        return self._ocalls.ask(Ocall.GET_OPTION, encode((self._at, level, name, size)), check)

    def set_option(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option."""
        self._ocalls.ask(Ocall.SET_OPTION, encode((self._at, level, name, value)), nothing)

    # -- readiness -------------------------------------------------------------------------------------------

    def _events(self, payload: bytes) -> int:
        if len(payload) != EVENTS.size:
            raise ValueError("events of another form")
        found: int = EVENTS.unpack(payload)[0]
        return found & _ALL

    def _ready_inside(self, wanted: int) -> int:
        return wanted & IN if self._kept or self._accepted else 0

    def events(self, wanted: int) -> int:
        """What holds now."""
        here = self._ready_inside(wanted)
        return here or self._ocalls.ask(Ocall.POLL, POLL.pack(self._at, wanted, 0), self._events)

    def watch(self, wanted: int, ready: Ready) -> Cancel:
        """Call `ready`, once, when something holds; the result calls that off."""
        here = self._ready_inside(wanted)
        if here:
            ready(here)
            return _nothing
        request = POLL.pack(self._at, wanted, WAIT)
        number = self._ocalls.notify(
            Ocall.POLL, request, self._events, lambda holds, _: ready(ERROR if holds is None else holds)
        )
        return lambda: self._ocalls.forget(number)


def _positive(payload: bytes) -> int:
    handle = _handle(payload)
    if not 0 < handle < 1 << 53:
        raise ValueError(f"a socket with the handle {handle}")
    return handle


def _nothing() -> None:
    pass


class MemorySocket(_Descriptor):
    """One end of a pair inside, of which the host knows nothing. Made by `pair`."""

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self.family, self.kind, self.protocol = family, kind, protocol
        self.other: MemorySocket | None = None
        self._data: deque[bytes] = deque()
        self._size = 0
        self._ended = False  # nothing more will come
        self._watching: dict[object, tuple[int, Ready]] = {}

    def receive(self, size: int, peek: bool) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._data:
            if self._ended:
                return b""
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        first = self._data[0]
        if not peek:
            self._data.popleft()
            if self.kind == 1 and len(first) > size:
                self._data.appendleft(first[size:])
            self._size -= min(size, len(first)) if self.kind == 1 else len(first)
            if self.other is not None:
                self.other._tell()
        return first[:size]

    def unread(self, data: bytes) -> None:
        """The next `receive` gives this first."""
        self._data.appendleft(data)
        self._size += len(data)

    def receive_from(self, size: int, peek: bool) -> tuple[bytes, Any]:
        """The same; a pair has no addresses."""
        return self.receive(size, peek), None

    def send(self, data: memoryview, to: Address | None) -> int:
        """Put what fits into the other end's memory."""
        if to is not None:
            raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))
        other = self.other
        if other is None or other._ended:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        room = _PAIR_BYTES - other._size
        if room <= 0 or (self.kind != 1 and len(data) > room and other._data):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        piece = bytes(data[:room] if self.kind == 1 else data)
        if piece or self.kind != 1:
            other._data.append(piece)
            other._size += len(piece)
            other._tell()
        return len(piece)

    def shutdown(self, how: int) -> None:
        """End one direction (0 receiving, 1 sending), or both (2)."""
        if how in (0, 2):
            self._ended = True
            self._tell()
        if how in (1, 2) and self.other is not None:
            self.other._ended = True
            self.other._tell()

    def close(self) -> None:
        """The other end sees the end."""
        self.shutdown(2)
        if self.other is not None:
            self.other.other = None
            self.other._tell()
        self.other = None

    def name(self) -> Any:
        """A pair has no addresses."""
        return ""

    def peer(self) -> Any:
        """A pair has no addresses."""
        if self.other is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return ""

    def events(self, wanted: int) -> int:
        """What holds now."""
        holds = 0
        if self._data or self._ended:
            holds |= IN
        if self.other is None:
            holds |= HANGUP | OUT
        elif self.other._ended or self.other._size < _PAIR_BYTES:
            holds |= OUT
        return holds & (wanted | HANGUP)

    def watch(self, wanted: int, ready: Ready) -> Cancel:
        """Call `ready`, once, when something holds; the result calls that off."""
        holds = self.events(wanted)
        if holds:
            ready(holds)
            return _nothing
        mark = object()
        self._watching[mark] = (wanted, ready)

        def cancel() -> None:
            self._watching.pop(mark, None)

        return cancel

    def _tell(self) -> None:
        for mark, (wanted, ready) in list(self._watching.items()):
            holds = self.events(wanted)
            if holds and self._watching.pop(mark, None) is not None:
                ready(holds)


def pair(family: int, kind: int, protocol: int) -> tuple[MemorySocket, MemorySocket]:
    """Two ends that are connected."""
    left, right = MemorySocket(family, kind, protocol), MemorySocket(family, kind, protocol)
    left.other, right.other = right, left
    return left, right
