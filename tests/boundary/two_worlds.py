"""Two worlds in one process, whose messages go over when a test says so: for test_loans and test_spaces."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from gotee import Chan, go
from gotee.boundary.crossing import CallCodec
from gotee.boundary.home import Home
from gotee.boundary.link_ring import RingLink
from gotee.boundary.messages import FROM_ENCLAVE, FROM_HOST, Kind, Message, unpack
from gotee.boundary.outside import OutsideChannels
from gotee.boundary.wire import Wire
from gotee.runtime.scheduler import yield_now

T = TypeVar("T")


def entry(channel: Chan[int]) -> None:
    """What the channels go to."""


class Worlds:
    """Both ends of a link, whose messages go over when the test says so."""

    def __init__(self) -> None:
        ours, descriptors = RingLink.create()
        region = os.dup(descriptors.region)
        self.memory = mmap.mmap(region, 0)  # the shared memory, as a hostile world has it
        os.close(region)
        theirs = RingLink.attach(descriptors)
        self.outer, self.inner = Wire(ours), Wire(theirs)
        self.home = Home(self.outer)
        self.inside = OutsideChannels(self.inner, lambda: None)
        home = self.home
        self.actions = {
            Kind.WANT: home.on_want,
            Kind.OFFER: home.on_offer,
            Kind.CLOSE: home.on_close,
            Kind.SELECT: home.on_select,
            Kind.LEN: home.on_length,
            Kind.TOOK: home.on_took,
            Kind.RELEASE: home.on_release,
        }

    def cross(self, channel: Chan[T], entry: Callable[[Chan[T]], None] = entry) -> Chan[T]:
        """The inner end of a channel that is the argument of a call."""
        payload = CallCodec(entry, self.home).encode_arguments((channel,), {})
        ((inner,), _) = CallCodec(entry, self.inside).arguments(payload)
        assert isinstance(inner, Chan)
        return inner

    def out(self) -> list[Kind]:
        """Let the home act on what the enclave has said."""
        return [self._act(message) for message in _messages(self.outer, FROM_ENCLAVE)]

    def _act(self, message: Message) -> Kind:
        self.actions[message.kind](message)
        return message.kind

    def into(self) -> list[Kind]:
        """Let the enclave act on what the host has said."""
        kinds = []
        for message in _messages(self.inner, FROM_HOST):
            act = {Kind.LEND: self.inside.on_lend, Kind.SPACE: self.inside.on_space}
            act.get(message.kind, self.inside.on_answer)(message)
            kinds.append(message.kind)
        return kinds

    def recv(self, inner: Chan[int]) -> tuple[int, list[Kind]]:
        """What a routine inside receives, and what the enclave had to say for it."""
        routine = go(inner.recv)
        yield_now()
        said = self.out()
        self.into()
        return routine.result(), said

    def send(self, inner: Chan[T], *values: T) -> list[Kind]:
        """What the enclave had to say for a routine inside that sends."""

        def each() -> None:
            for value in values:
                inner.send(value)

        routine, said = go(each), []
        for _ in range(2 * len(values)):
            yield_now()
            said += self.out()
            self.into()
        routine.result()
        return said


def _messages(wire: Wire, sender: int) -> Iterator[Message]:
    while (frame := wire.receive()) is not None:
        yield unpack(frame, sender)


def filled(*values: int, capacity: int = 8) -> Chan[int]:
    channel = Chan[int](capacity)
    for value in values:
        channel.send(value)
    return channel
