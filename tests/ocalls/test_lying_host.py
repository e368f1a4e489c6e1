"""Every answer of the host may be a lie: what no honest host says ends the enclave, and nothing of it is used."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gotee import go
from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.messages import FROM_HOST, Kind, pack, unpack
from gotee.boundary.ocalls import MOST_LINE, Ocall
from gotee.boundary.policy import Place, Policy
from gotee.enclave import clock, environment
from gotee.enclave.hostfiles import HostFiles
from gotee.enclave.keyboard import Lines
from gotee.enclave.ocalls import LATER, Ocalls
from gotee.enclave.paths import checked_home
from gotee.errors import Cancelled, OcallRefused
from gotee.runtime.scheduler import yield_now

encode = msgspec.msgpack.encode
REGULAR = 0o100644
GOOD = [REGULAR, 1, 2, 1, 0, 0, 100, 5, 6, 7]
ALL = Policy({"files": ["**:rw"], "env": ["LANG"], "time": True})


class Host:
    """A door whose other side is the test."""

    blocks = None

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int, bytes]] = []
        self.ocalls = Ocalls(self)

    def post(self, kind: int, id: int, argument: int, payload: bytes) -> None:
        self.asked.append((kind, id, argument, payload))

    def room(self) -> None:
        pass

    def wait_alone(self, ticket: Any) -> None:
        raise AssertionError("nothing here waits alone")

    def briefly(self, *asked: object) -> object:
        """Everything is asked the long way."""
        return LATER

    def say(self, payload: bytes, *, error: int = 0, number: int | None = None) -> None:
        """Answer the last question, or another."""
        number = self.asked[-1][1] if number is None else number
        self.ocalls.on_answer(unpack(pack(Kind.ANSWER, number, error, payload), FROM_HOST))


def asking(host: Host, ask: Callable[[], Any]) -> Any:
    """A routine that asks, and has asked."""
    routine = go(ask)
    before = len(host.asked)
    while len(host.asked) == before and not routine.done():
        yield_now()
    return routine


def described(found: list[int]) -> bytes:
    """A file as it crosses: any numbers, of 64 bits."""
    return struct.pack("<10Q", *(number % (1 << 64) for number in found))


def answer_of_open(handle: int, found: list[int]) -> bytes:
    return struct.pack("<Q", handle) + described(found)


def opened(host: Host, flags: int = os.O_RDWR, found: list[int] | None = None) -> Any:
    routine = asking(host, lambda: HostFiles(host.ocalls, ALL).open(Place.of("x"), flags, 0o666, "x"))
    host.say(answer_of_open(7, found or GOOD))
    return routine.result()


def files(host: Host) -> HostFiles:
    return HostFiles(host.ocalls, ALL)


QUESTIONS: dict[str, Callable[[Host], Callable[[], Any]]] = {
    "open": lambda host: lambda: files(host).open(Place.of("x"), 0, 0, "x"),
    "stat": lambda host: lambda: files(host).stat(Place.of("x"), True, "x"),
    "list": lambda host: lambda: files(host).list(Place.of("x"), "x"),
    "link": lambda host: lambda: files(host).read_link(Place.of("x"), "x"),
    "mkdir": lambda host: lambda: files(host).make_folder(Place.of("x"), 0, "x"),
    "access": lambda host: lambda: files(host).access(Place.of("x"), 4, "x"),
    "read": lambda host: (lambda file: lambda: file.read(10))(opened(host)),
    "write": lambda host: (lambda file: lambda: file.write(memoryview(b"0123456789")))(opened(host)),
    "input": lambda host: lambda: Lines(host.ocalls, ALL).read(10),
    "time": lambda host: clock.Clock(host.ocalls, ALL).now,
    "environment": lambda host: (
        lambda: host.ocalls.ask(Ocall.ENVIRONMENT, b"", lambda payload: environment._checked(payload, ALL))
    ),
    "home": lambda host: (
        lambda: host.ocalls.ask(
            Ocall.HOME, b"", lambda payload: checked_home(msgspec.msgpack.decode(payload, type=bytes))
        )
    ),
}


def changed(place: int, value: int) -> list[int]:
    return [*GOOD[:place], value, *GOOD[place + 1 :]]


LIES: list[tuple[str, bytes]] = [
    *((kind, data) for kind in QUESTIONS for data in (b"\xc1", b"\xff" * 9) if kind not in ("read", "input")),
    ("open", answer_of_open(1 << 63, GOOD)),
    ("open", answer_of_open((1 << 64) - 1, GOOD)),
    ("open", answer_of_open(7, GOOD)[:-1]),
    ("open", answer_of_open(7, GOOD) + b"\0"),
    ("open", answer_of_open(7, GOOD)[:8]),
    *(
        ("stat", described(changed(0, mode)))
        for mode in (0, 0o200000, 0o170000, REGULAR + (1 << 32), REGULAR + (1 << 63))
    ),
    *(("stat", described(changed(place, number))) for place in (3, 4, 5) for number in (1 << 32, -1)),
    ("stat", described(changed(6, -1))),
    *(("stat", described(changed(place, sign * (1 << 62) + sign))) for place in (7, 8, 9) for sign in (1, -1)),
    ("stat", described(GOOD)[:-1]),
    ("stat", described(GOOD) + b"\0"),
    ("stat", encode(GOOD)),
    *(("list", encode([[name, "f"]])) for name in (b"", b".", b"..", b"a/b", b"/", b"a\0", b"x" * 256)),
    ("list", encode([[b"a", "x"]])),
    ("list", encode([[b"a", "f"], [b"a", "d"]])),
    ("list", encode([["a", "f"]])),
    ("list", encode([[b"a"]])),
    *(("link", encode(target)) for target in (b"", b"a\0b", b"x" * 4097, "text", None)),
    ("mkdir", b"\xc0"),
    ("access", encode(1)),
    ("read", b"01234567890"),
    *(("write", encode(count)) for count in (0, -1, 11, 1 << 40, 1.0, "10", True)),
    ("input", b"x" * (MOST_LINE + 1)),
    *(("time", encode(moment)) for moment in (-1, 0, (1 << 63) - 1, 1.5, None, True)),
    *(("environment", encode(found)) for found in ({"PATH": b"x"}, {"LANG": "x"}, {"LANG": b"a\0"}, [], {1: b"x"})),
    ("environment", encode({"LANG": b"x" * (1 << 18)})),
    *(("home", encode(path)) for path in (b"", b"x", b"/a/../b", b"/a//b", b"/a\0", b"/" + b"x" * 5000, "/a")),
]


@pytest.mark.parametrize(("kind", "lie"), LIES)
def test_an_answer_that_cannot_be_ends_the_enclave(kind: str, lie: bytes) -> None:
    host = Host()
    routine = asking(host, QUESTIONS[kind](host))
    with pytest.raises(LinkCorrupt, match=r"cannot be"):
        host.say(lie)
    assert not routine.done()
    routine.cancel()


@pytest.mark.parametrize("kind", QUESTIONS)
def test_an_errno_that_does_not_exist_ends_the_enclave(kind: str) -> None:
    host = Host()
    routine = asking(host, QUESTIONS[kind](host))
    for number in (4095, 1 << 33, (1 << 64) - 1):
        with pytest.raises(LinkCorrupt, match="errno"):
            host.say(b"", error=number)
    assert not routine.done()
    host.say(b"", error=errno.EACCES)
    if kind == "access":
        assert routine.result() is False
    else:
        with pytest.raises(PermissionError):
            routine.result()


def test_an_answer_to_no_question_ends_the_enclave() -> None:
    host = Host()
    routine = asking(host, QUESTIONS["mkdir"](host))
    for number in (0, 2, 1 << 63):
        with pytest.raises(LinkCorrupt, match="nobody waits for"):
            host.say(b"", number=number)
    host.say(b"")
    with pytest.raises(LinkCorrupt, match="nobody waits for"):
        host.say(b"")
    routine.result()


def test_an_answer_is_given_once_also_before_its_routine_has_seen_it() -> None:
    host = Host()
    number = host.ocalls.begin(Ocall.SYNC, b"", lambda payload: None)
    host.say(b"", number=number)
    with pytest.raises(LinkCorrupt, match="nobody waits for"):
        host.say(b"", number=number)


def test_time_never_goes_back() -> None:
    host = Host()
    watch = clock.Clock(host.ocalls, ALL)
    routine = asking(host, watch.now)
    host.say(encode(2_000_000_000 * 10**9))
    first = routine.result()
    watch._asked = -clock.ASKED_AGAIN  # so that it asks again
    routine = asking(host, watch.now)
    host.say(encode(1_500_000_000 * 10**9))
    assert routine.result() >= first
    assert watch.now() >= first
    assert [kind for _, _, kind, _ in host.asked] == [Ocall.TIME, Ocall.TIME]


def test_a_file_that_is_opened_for_a_routine_that_has_gone_is_closed() -> None:
    host = Host()
    routine = asking(host, QUESTIONS["open"](host))
    number = host.asked[-1][1]
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    assert host.asked[-1][:2] == (Kind.ABANDON, number)
    host.say(answer_of_open(9, GOOD), number=number)
    assert host.asked[-1][2:] == (Ocall.CLOSE, encode([9]))
    host.say(b"")
    assert host.ocalls.waiting == 0


def test_who_waits_does_not_count_those_that_nobody_waits_for() -> None:
    host = Host()
    routine = asking(host, QUESTIONS["stat"](host))
    assert host.ocalls.waiting == 1
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()
    assert host.ocalls.waiting == 0


def test_the_size_that_the_host_says_is_only_a_hint() -> None:
    host = Host()
    file = opened(host, found=changed(6, 1 << 60))
    routine = asking(host, lambda: file.pread(1 << 30, 0))
    for _, number, kind, _ in [row for row in host.asked if row[2] == Ocall.READ]:
        assert kind == Ocall.READ
        host.say(b"short", number=number)
    assert routine.result() == b"short"


def test_more_than_a_bound_is_never_on_its_way() -> None:
    host = Host()
    file = opened(host)
    routines = [go(file.pread, 1 << 20, 0) for _ in range(100)]
    for _ in range(300):
        yield_now()
    asked = sum(msgspec.msgpack.decode(b"\xce" + payload[16:20][::-1]) for _, _, kind, payload in host.asked[1:])
    assert 0 < asked <= 8 << 20
    answered: set[int] = set()
    while len(answered) < len(host.asked) - 1 or not all(routine.done() for routine in routines):
        for kind, number, _, _ in host.asked[1:]:
            if number not in answered and kind == Kind.OCALL:
                host.say(b"", number=number)
            answered.add(number)
        yield_now()
        host.asked[:] = [row for row in host.asked if row[0] == Kind.OCALL]
    assert host.ocalls._bulk == 0


def test_nothing_is_sent_for_what_the_policy_does_not_list() -> None:
    host = Host()
    narrow = HostFiles(host.ocalls, Policy({"files": ["a/*:r"]}))
    for attempt in (
        lambda: narrow.open(Place.of("a/x"), os.O_RDWR, 0, ""),
        lambda: narrow.open(Place.of("b"), 0, 0, ""),
        lambda: narrow.open(Place.of("a/b/c"), 0, 0, ""),
        lambda: narrow.open(Place.of("/a/x"), 0, 0, ""),
        lambda: narrow.open(Place.of("a/x"), os.O_TRUNC, 0, ""),
        lambda: narrow.stat(Place.of("b"), True, ""),
        lambda: narrow.list(Place.of("."), ""),
        lambda: narrow.make_folder(Place.of("a"), 0, ""),
        lambda: narrow.remove(Place.of("a/x"), ""),
        lambda: narrow.rename(Place.of("a/x"), Place.of("a/y"), ("", "")),
        lambda: narrow.set_times(Place.of("a/x"), None, True, ""),
        lambda: narrow.set_mode(Place.of("a/x"), 0, ""),
        lambda: narrow.read_link(Place.of("b"), ""),
        lambda: Lines(host.ocalls, Policy({"console": False})).read(1),
        clock.Clock(host.ocalls, Policy({})).now,
    ):
        with pytest.raises(OcallRefused):
            attempt()
    assert not narrow.access(Place.of("a/x"), os.W_OK, "")
    assert host.asked == []
