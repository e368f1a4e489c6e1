"""One large `bytes` goes into memory of its own behind its head: only if the frame is just that, whatever is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gotee.boundary import links
from gotee.boundary.frames import Headed
from gotee.boundary.messages import Kind, pack
from gotee.boundary.wire import Wire

LARGE = bytes(range(256)) * (1 << 12)
HEAD = 17
BODY = 5


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    link, descriptors = links.create("ring")
    near, far = Wire(link), Wire(links.attach(descriptors))
    yield near, far
    near.close()
    far.close()


def marked(contents: bytes, said: int, mark: int = 0xC6) -> bytes:
    """MessagePack's bin 32, of as many bytes as is said."""
    return bytes([mark]) + said.to_bytes(4, "big") + contents


def crossed(wires: tuple[Wire, Wire], kind: Kind, payload: bytes) -> Headed:
    near, far = wires
    near.send(pack(kind, 7, 9, payload))
    frame = None
    while frame is None:
        near.wait(0)
        frame = far.receive()
    assert isinstance(frame, Headed)
    assert frame.join() == pack(kind, 7, 9, payload)
    return frame


@pytest.mark.parametrize("kind", [Kind.GRANT, Kind.OFFER, Kind.RESULT])
def test_the_contents_have_memory_of_their_own(wires: tuple[Wire, Wire], kind: Kind) -> None:
    assert crossed(wires, kind, marked(LARGE, len(LARGE))).rest == LARGE


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.OFFER, marked(LARGE, len(LARGE) - 1)),
        (Kind.OFFER, marked(LARGE, len(LARGE) + 1)),
        (Kind.OFFER, marked(LARGE, 0)),
        (Kind.OFFER, marked(LARGE, 0xFFFFFFFF)),
        (Kind.OFFER, marked(LARGE, len(LARGE), 0xC5)),
        (Kind.OFFER, LARGE),
        (Kind.CALL, marked(LARGE, len(LARGE))),
        (Kind.ANSWER, marked(LARGE, len(LARGE))),
    ],
    ids=["less", "more", "nothing", "most", "another form", "no mark", "a call", "an answer"],
)
def test_whatever_is_something_else_stays_one_payload(wires: tuple[Wire, Wire], kind: Kind, payload: bytes) -> None:
    assert crossed(wires, kind, payload).rest == payload


def test_frames_of_both_kinds_may_follow_each_other(wires: tuple[Wire, Wire]) -> None:
    for said in (len(LARGE), 3, len(LARGE), len(LARGE) + BODY):
        rest = crossed(wires, Kind.GRANT, marked(LARGE, said)).rest
        assert len(rest) == len(LARGE) + (0 if said == len(LARGE) else BODY)
