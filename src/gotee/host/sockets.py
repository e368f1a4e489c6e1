"""Sockets of the host, for what an enclave asks: names, connections, data, readiness. Host world.

No socket blocks: what cannot be done at once is answered with EAGAIN, and POLL waits. The policy is asked here again,
for the host's own sake (see gotee.host.ocalls).
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from typing import Any

import msgspec

from gotee.boundary.network import (
    EVENTS,
    MOST_ADDRESSES,
    PEEK,
    POLL,
    RECEIVE,
    SEND,
    WAIT,
    Accepted,
    Address,
    Option,
    ResolveAnswer,
    Resolved,
    ResolveFailed,
)
from gotee.boundary.ocalls import PIECE_BYTES, Ocall, encode
from gotee.boundary.peers import Peers, canonical
from gotee.host.ocalls import Request, Served, Service, abandoned

_EVENTS = select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLERR | select.POLLHUP | select.POLLNVAL


class _Open:
    """One socket, and who waits for it."""

    def __init__(self, made: socket.socket) -> None:
        made.setblocking(False)
        self.socket = made
        self.waiting: list[tuple[int, Request]] = []


class Sockets:
    """The sockets of one enclave."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._peers = Peers(service.policy.network)
        self._open: dict[int, _Open] = {}
        self._last = 0
        self._lock = threading.RLock()  # of who waits: readiness comes on a thread of its own

    def served(self) -> dict[Ocall, Served]:
        """What is served here."""
        address = tuple[int, Address]
        return {
            Ocall.RESOLVE: Served(self._resolve, tuple[str, int, int, int, int, int], pooled=True),
            Ocall.SOCKET: Served(self._socket, tuple[int, int, int]),
            Ocall.SOCKET_CLOSE: Served(lambda request, at: self._close(request, at), tuple[int]),
            Ocall.BIND: Served(self._bind, address),
            Ocall.LISTEN: Served(self._listen, tuple[int, int]),
            Ocall.CONNECT: Served(self._connect, address),
            Ocall.ACCEPT: Served(self._accept, tuple[int]),
            Ocall.RECEIVE: Served(self._receive),
            Ocall.RECEIVE_FROM: Served(self._receive_from),
            Ocall.SEND: Served(self._send),
            Ocall.SHUTDOWN: Served(self._shutdown, tuple[int, int]),
            Ocall.NAME: Served(self._name, tuple[int]),
            Ocall.PEER: Served(self._peer, tuple[int]),
            Ocall.GET_OPTION: Served(self._option, tuple[int, int, int, int]),
            Ocall.SET_OPTION: Served(self._set_option, tuple[int, int, int, Option]),
            Ocall.POLL: Served(self._poll),
        }

    def close(self) -> None:
        """The enclave is gone: so are its connections."""
        while self._open:
            self._open.popitem()[1].socket.close()

    # -- names -----------------------------------------------------------------------------------------------

    def _resolve(self, request: Request, name: str, port: int, family: int, kind: int, proto: int, flags: int) -> None:
        if not self._peers.may_resolve(canonical(name)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            answers = socket.getaddrinfo(name, port, family, kind, proto, flags & ~socket.AI_NUMERICHOST)
        except socket.gaierror as error:
            request.answer(encode(ResolveFailed(error.errno or socket.EAI_FAIL)))
            return
        found = [
            Resolved(one, protocol, canonical_name, _address(each, given))
            for each, one, protocol, canonical_name, given in answers
            if each in (socket.AF_INET, socket.AF_INET6)
        ][:MOST_ADDRESSES]
        for each in found:
            self._peers.bind(canonical(name), each.address)
        request.answer(encode(ResolveAnswer(found)))

    # -- sockets ---------------------------------------------------------------------------------------------

    def _socket(self, request: Request, family: int, kind: int, proto: int) -> None:
        if family not in (socket.AF_INET, socket.AF_INET6) or kind not in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        request.answer(encode(self._keep(socket.socket(family, kind, proto))))

    def _keep(self, made: socket.socket) -> int:
        self._last += 1
        self._open[self._last] = _Open(made)
        return self._last

    def _of(self, at: int) -> _Open:
        found = self._open.get(at)
        if found is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return found

    def _close(self, request: Request, at: int) -> None:
        found = self._open.pop(at, None)
        if found is not None:
            with self._lock:
                self._service.ready.forget(found.socket.fileno())
                found.socket.close()
                waiting, found.waiting = found.waiting, []
            for _, left in waiting:
                left.refuse(errno.EBADF)
        request.answer()

    def _allowed(self, direction: str, found: _Open, address: Address) -> Any:
        if address.family != found.socket.family or not self._peers.allows(direction, found.socket.type, address):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return address.plain

    def _bind(self, request: Request, at: int, address: Address) -> None:
        found = self._of(at)
        found.socket.bind(self._allowed("listen", found, address))
        request.answer()

    def _listen(self, request: Request, at: int, backlog: int) -> None:
        self._of(at).socket.listen(min(backlog, 1 << 16))
        request.answer()

    def _connect(self, request: Request, at: int, address: Address) -> None:
        found = self._of(at)
        found.socket.connect(self._allowed("connect", found, address))
        request.answer()

    def _accept(self, request: Request, at: int) -> None:
        made, peer = self._of(at).socket.accept()
        if not request.answer(encode(Accepted(self._keep(made), _address(made.family, peer)))):
            self._open.pop(self._last).socket.close()

    # -- data ------------------------------------------------------------------------------------------------

    def _receive(self, request: Request) -> None:
        at, size, flags = _head(RECEIVE, request)
        peek = socket.MSG_PEEK if flags & PEEK else 0
        request.answer(self._of(at).socket.recv(min(size, PIECE_BYTES), peek))

    def _receive_from(self, request: Request) -> None:
        at, size, flags = _head(RECEIVE, request)
        found = self._of(at).socket
        data, sender = found.recvfrom(min(size, PIECE_BYTES), socket.MSG_PEEK if flags & PEEK else 0)
        head = encode(_address(found.family, sender))
        request.answer(bytes((len(head),)) + head + data)

    def _send(self, request: Request) -> None:
        at, length = _head(SEND, request)
        found = self._of(at)
        data = memoryview(request.payload)[SEND.size + length :]
        if length:
            address = _decoded_address(request.payload[SEND.size : SEND.size + length])
            sent = found.socket.sendto(data, socket.MSG_NOSIGNAL, self._allowed("connect", found, address))
        else:
            sent = found.socket.send(data, socket.MSG_NOSIGNAL)
        request.answer(encode(sent))

    def _shutdown(self, request: Request, at: int, how: int) -> None:
        self._of(at).socket.shutdown(how)
        request.answer()

    # -- what it is ------------------------------------------------------------------------------------------

    def _name(self, request: Request, at: int) -> None:
        found = self._of(at).socket
        request.answer(encode(_address(found.family, found.getsockname())))

    def _peer(self, request: Request, at: int) -> None:
        found = self._of(at).socket
        request.answer(encode(_address(found.family, found.getpeername())))

    def _option(self, request: Request, at: int, level: int, name: int, size: int) -> None:
        found = self._of(at).socket
        value = found.getsockopt(level, name, min(size, 1024)) if size else found.getsockopt(level, name)
        request.answer(encode(value))

    def _set_option(self, request: Request, at: int, level: int, name: int, value: int | bytes) -> None:
        self._of(at).socket.setsockopt(level, name, value)
        request.answer()

    # -- readiness -------------------------------------------------------------------------------------------

    def _poll(self, request: Request) -> None:
        at, wanted, flags = _head(POLL, request)
        found = self._of(at)
        holds = _holds(found, wanted)
        if holds or not flags & WAIT:
            request.answer(EVENTS.pack(holds))
            return

        def give_up() -> None:
            with self._lock:
                found.waiting = [entry for entry in found.waiting if entry[1] is not request]
            abandoned(request)

        request.when_abandoned = give_up
        with self._lock:
            found.waiting.append((wanted, request))
            self._watch(found)

    def _watch(self, found: _Open) -> None:
        """Wait for everything that somebody waits for; with the lock held."""
        descriptor = found.socket.fileno()
        self._service.ready.forget(descriptor)
        wanted = 0
        for events, _ in found.waiting:
            wanted |= events
        if found.waiting and descriptor != -1:
            self._service.ready.when_ready(descriptor, wanted, lambda: self._ready(found))

    def _ready(self, found: _Open) -> None:
        ended = []
        with self._lock:
            waiting, found.waiting = found.waiting, []
            for wanted, request in waiting:
                holds = _holds(found, wanted)
                if holds:
                    ended.append((request, holds))
                elif request.open:
                    found.waiting.append((wanted, request))
            self._watch(found)
        for request, holds in ended:
            request.answer(EVENTS.pack(holds))


def _holds(found: _Open, wanted: int) -> int:
    """The events that hold now."""
    descriptor = found.socket.fileno()
    if descriptor == -1:
        return select.POLLNVAL
    now = select.poll()
    now.register(descriptor, wanted & _EVENTS)
    events = now.poll(0)
    return events[0][1] & _EVENTS if events else 0


def _head(form: Any, request: Request) -> Any:
    if len(request.payload) < form.size:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return form.unpack_from(request.payload)


def _address(family: int, given: Any) -> Address:
    """As it crosses; the names of interfaces behind a `%` stay here."""
    host, *rest = given
    return Address(family, host.partition("%")[0], *rest)


def _decoded_address(data: bytes) -> Address:
    return msgspec.msgpack.decode(data, type=Address)
