"""Sealed bytes: who can unseal them, who cannot, and that every byte counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.processor.enclaves import enclave

from gotee import UnsealError, UsageError, seal, unseal
from gotee.enclave import evidence, sealing, vault
from gotee.platform.answers import Answers
from gotee.platform.identity import Identity

OTHER = b"o" * 32


@contextmanager
def inside(identity: Identity, folder: Path) -> Iterator[None]:
    """This process asks as that enclave would, of the platform with that folder."""
    answers = Answers(identity, str(folder))

    def ask(descriptor: int, request: bytes) -> int:
        sent = os.write(descriptor, request)
        assert answers.answer()
        return sent

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evidence, "_descriptor", answers.inside.fileno())
            patch.setattr(evidence, "_write", ask)
            yield
    finally:
        answers.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "platform"


def sealed_by(identity: Identity, folder: Path, **options: Any) -> bytes:
    with inside(identity, folder):
        return seal(b"the secret", **options)


def unsealed_by(identity: Identity, folder: Path, sealed: bytes, **options: Any) -> bytes:
    with inside(identity, folder):
        return unseal(sealed, **options)


@pytest.mark.parametrize("to", ["signer", "measurement"])
@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
def test_what_is_sealed_comes_back_and_is_never_sealed_alike(folder: Path, to: str, data: bytes) -> None:
    with inside(enclave(), folder):
        one, two = seal(data, to=to, label=b"place"), seal(data, to=to, label=b"place")
        assert one != two and len(one) == len(data) + 76
        assert unseal(one, label=b"place") == unseal(two, label=b"place") == data


def test_an_upgrade_unseals_and_a_downgrade_does_not(folder: Path) -> None:
    old, new = enclave(security_version=1), enclave(OTHER, security_version=2)
    assert unsealed_by(new, folder, sealed_by(old, folder)) == b"the secret"
    with pytest.raises(UnsealError, match="newer version"):
        unsealed_by(old, folder, sealed_by(new, folder))


@pytest.mark.parametrize(
    ("other", "to"),
    [
        ({"measurement": OTHER}, "measurement"),
        ({"signer": 1}, "signer"),
        ({"product_id": 1}, "signer"),
        ({"debug": True}, "signer"),
        ({"level": "service"}, "signer"),
        ({"debug": True}, "measurement"),
        ({"signer": 1, "measurement": OTHER}, "signer"),
    ],
)
def test_other_enclaves_cannot_unseal(folder: Path, other: dict[str, Any], to: str) -> None:
    sealed = sealed_by(enclave(), folder, to=to)
    with pytest.raises(UnsealError, match="another enclave"):
        unsealed_by(enclave(**other), folder, sealed)


def test_another_platform_cannot_unseal(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsealError):
        unsealed_by(enclave(), tmp_path / "elsewhere", sealed_by(enclave(), folder))


def test_another_label_does_not_unseal(folder: Path) -> None:
    sealed = sealed_by(enclave(), folder, label=b"account 1")
    for label in (b"", b"account 2", b"account 1\0"):
        with pytest.raises(UnsealError):
            unsealed_by(enclave(), folder, sealed, label=label)


def test_every_bit_of_sealed_bytes_counts(folder: Path) -> None:
    with inside(enclave(), folder):
        sealed = seal(b"the secret")
        for bit in range(8 * len(sealed)):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(UnsealError):
                unseal(bytes(changed))
        for cut in range(len(sealed)):
            with pytest.raises(UnsealError):
                unseal(sealed[:cut])
        with pytest.raises(UnsealError):
            unseal(sealed + b"\0")


def test_a_sealing_key_lies_in_the_memory_for_keys_and_is_wiped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = memoryview(bytearray(64))
    monkeypatch.setattr(vault, "_memory", None)
    monkeypatch.setattr(vault, "_free", [])
    vault.use(memory)
    seen: list[bytes] = []
    mixed = sealing._mixed
    monkeypatch.setattr(sealing, "_mixed", lambda key, data: seen.append(bytes(memory)) or mixed(key, data))
    sealed = sealed_by(enclave(), folder)
    assert any(seen[0])
    assert bytes(memory) == bytes(64)
    assert unsealed_by(enclave(), folder, sealed) == b"the secret"
    assert seen[1] == seen[0] and bytes(memory) == bytes(64)
    with pytest.raises(UnsealError):
        unsealed_by(enclave(OTHER, signer=2), folder, sealed)
    assert bytes(memory) == bytes(64)


@given(data=st.binary(max_size=200))
def test_no_bytes_unseal_by_chance(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_ask_secret", lambda request, into: None)
        patch.setattr(evidence, "_descriptor", 0)
        for given_bytes in (data, b"gotee-s1\1\0\0\0" + data):
            with pytest.raises(UnsealError):
                unseal(given_bytes)


@pytest.mark.parametrize("wrong", [{"to": "anyone"}, {"label": "text"}, {"data": "text"}])
def test_a_call_that_can_never_be_right_is_a_usage_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        seal(**{"data": b"x", **wrong})


def test_outside_an_enclave_nothing_is_sealed() -> None:
    with pytest.raises(UsageError, match="only code inside"):
        seal(b"x")
