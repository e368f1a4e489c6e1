"""Whatever an enclave sends to its platform is answered or refused, and the platform goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.processor.enclaves import enclave

from gotee.attestation.quotes import SgxReport, read_quote
from gotee.platform.answers import Answers


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    found = Answers(enclave(product_id=3), str(tmp_path / "platform"))
    yield found
    found.close()


def ask(answers: Answers, request: bytes) -> bytes:
    answers.inside.send(request)
    assert answers.answer()
    return answers.inside.recv(1 << 20)


def test_a_quote_is_about_the_enclave_whose_socket_asks(answers: Answers) -> None:
    answer = ask(answers, b"Q" + bytes(range(64)))
    body = read_quote(answer[5 : 5 + int.from_bytes(answer[1:5], "little")]).body
    assert isinstance(body, SgxReport)
    assert (body.mrenclave, body.isvprodid, body.report_data) == (enclave().measurement, 3, bytes(range(64)))


def test_two_enclaves_of_a_platform_share_its_secret_and_not_their_keys(answers: Answers) -> None:
    other = Answers(enclave(b"o" * 32), answers._folder)
    seal = b"K" + b"\4\0\1\0" + bytes(508)
    try:
        assert ask(answers, seal)[:1] == b"\0" != ask(answers, seal)[1:]
        assert ask(other, seal) != ask(answers, seal)
    finally:
        other.close()


@pytest.mark.parametrize(
    "request_", [b"Q", b"Q" + bytes(63), b"Q" + bytes(65), b"X" + bytes(64), b"K" + bytes(512), b"\0"], ids=repr
)
def test_what_is_no_request_is_refused(answers: Answers, request_: bytes) -> None:
    assert ask(answers, request_)[:1] == b"\1"
    assert ask(answers, b"R" + bytes(576))[:1] == b"\0"


@given(st.binary(min_size=1, max_size=2000))
def test_no_request_ends_the_platform(data: bytes) -> None:
    found = Answers(enclave(), os.devnull)  # keys cannot be kept there: that is refused too
    try:
        assert ask(found, data)[:1] in (b"\0", b"\1")
    finally:
        found.close()


def test_an_enclave_that_asks_and_does_not_listen_is_not_waited_for(answers: Answers) -> None:
    answers.inside.setblocking(False)
    for _ in range(100_000):
        try:
            answers.inside.send(b"R" + bytes(576))
        except BlockingIOError:
            pass
        if not answers.answer():
            break
    else:
        raise AssertionError("the platform never gave up")


def test_the_end_of_the_enclave_is_the_end_of_its_answers(answers: Answers) -> None:
    answers.inside.close()
    assert not answers.answer()
