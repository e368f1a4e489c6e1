"""An enclave that has ended gets no image, and who watches it tells; what else fails while it is given one is told."""

from __future__ import annotations

import errno
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from gotee.image.load import NAMED, REST
from gotee.platform import birth, development, sandbox


@pytest.fixture
def handing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The arguments of a hand-over whose image has no files, to an interpreter whose gate is `gate`."""
    monkeypatch.setattr(sandbox, "ceilings_of", lambda program: None)
    monkeypatch.setattr(sandbox, "contents", lambda ceilings, required: {})
    gate, waits = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    contents, link, inside = (os.open(os.devnull, os.O_RDONLY) for _ in range(3))
    loaded = SimpleNamespace(
        manifest=SimpleNamespace(program={}),
        archives={},
        natives={},
        contents=contents,
        signature=SimpleNamespace(debug=True),
        descriptors=[contents],
    )
    done: list[object] = []
    yield SimpleNamespace(
        enclave=SimpleNamespace(gate=gate),
        footing=SimpleNamespace(ground=SimpleNamespace(paths=()), close=lambda: None),
        loading=SimpleNamespace(loaded=loaded, finish=done.append, empty=set()),
        answers=SimpleNamespace(inside=SimpleNamespace(fileno=lambda: inside, close=lambda: os.close(inside))),
        link=(link,),
        waits=waits,
        done=done,
        lent=(contents, link, inside),
    )
    gate.close()
    waits.close()


def hand_over(handing: Any) -> None:
    development._hand_over(handing.enclave, handing.footing, handing.loading, handing.answers, handing.link)


def closed(descriptors: tuple[int, ...]) -> bool:
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    return True


@pytest.mark.parametrize("unread", [False, True], ids=["broken pipe", "connection reset"])
def test_an_enclave_that_has_ended_is_left_to_who_watches_it(handing: Any, unread: bool) -> None:
    if unread:
        handing.enclave.gate.send(b"1")
    handing.waits.close()
    hand_over(handing)
    assert handing.done == [REST, NAMED]
    assert closed(handing.lent)


def test_what_the_kernel_refuses_to_hand_over_is_told(handing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """ETOOMANYREFS comes where a user has many descriptors under way: nobody would end an enclave that waits."""

    def refused(*given: object) -> None:
        raise OSError(errno.ETOOMANYREFS, "too many references")

    monkeypatch.setattr(birth, "_send", refused)
    with pytest.raises(OSError, match="too many references"):
        hand_over(handing)
    assert not handing.done
    for descriptor in handing.lent:
        os.close(descriptor)
