"""An enclave's standard error: gotee's own first words are told for every image, the program's for a debug image."""

from __future__ import annotations

import pytest

from gotee.enclave import sandbox
from gotee.platform import words
from gotee.platform.words import Words


def heard(*said: bytes, debug: bool, status: int = 0) -> tuple[bytes, str | None]:
    told: list[bytes] = []
    one = Words(told.append, debug=debug)
    for piece in said:
        one.hear(piece)
    refusal = one.end(status)
    return b"".join(told), refusal


def test_both_sides_mean_the_same() -> None:
    assert sandbox.REFUSED == words.REFUSED


@pytest.mark.parametrize("said", [(b"gotee: lacks\n\0secret",), (b"gotee: la", b"cks\n", b"\0", b"secret")])
def test_a_release_image_tells_what_came_before_it_was_shut_in(said: tuple[bytes, ...]) -> None:
    assert heard(*said, debug=False) == (b"gotee: lacks\n", None)
    assert heard(*said, debug=True) == (b"gotee: lacks\nsecret", None)


def test_a_refusal_is_answered_and_not_told_twice() -> None:
    assert heard(b"gotee: no floor\ngotee: again\n", debug=False, status=3) == (b"", "no floor")


def test_a_program_that_ends_with_the_same_status_is_no_refusal() -> None:
    assert heard(b"\0gotee: no floor\n", debug=False, status=3) == (b"", None)


def test_an_enclave_that_crashed_before_says_what_it_said() -> None:
    assert heard(b"ld.so: broken\n", debug=False, status=-11) == (b"ld.so: broken\n", None)


def test_endless_first_words_are_cut() -> None:
    assert len(heard(*[b"x" * 60_000] * 10, debug=False)[0]) == words.MOST
