"""Details of failures, encrypted inside and decrypted by the developer with an independent implementation of OAEP."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from gotee.enclave import details
from gotee.errors import UsageError
from gotee.host.explained import explain


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 3072)


def test_what_is_sealed_is_explained(key: RSAPrivateKey) -> None:
    modulus = key.public_key().public_numbers().n
    for text in ("", "x", "ü" * 100, "line\nline\n", "\udc80"):
        sealed = details.seal(text, modulus)
        assert len(sealed) == details.SIZE
        assert explain(sealed, key) == text.encode("utf-8", "backslashreplace").decode()


def test_equal_failures_look_different_and_long_ones_are_cut(key: RSAPrivateKey) -> None:
    modulus = key.public_key().public_numbers().n
    one, other = details.seal("same", modulus), details.seal("same", modulus)
    assert not {one[i : i + 16] for i in range(0, len(one), 16)} & {other[i : i + 16] for i in range(0, len(other), 16)}
    assert explain(details.seal("y" * 10_000, modulus), key) == "y" * (details.BODY - 2)


@pytest.mark.parametrize("place", [0, 383, 384, 4000, -32, -1])
def test_any_change_is_noticed(key: RSAPrivateKey, place: int) -> None:
    sealed = bytearray(details.seal("text", key.public_key().public_numbers().n))
    sealed[place] ^= 1
    with pytest.raises(UsageError, match="damaged"):
        explain(bytes(sealed), key)


def test_other_lengths_are_refused(key: RSAPrivateKey) -> None:
    with pytest.raises(UsageError, match="no details"):
        explain(b"short", key)
