"""Keys of an enclave in memory of their own: places are given, overwritten and given again."""

from __future__ import annotations

import copy
import pickle

import pytest

from gotee.enclave import vault


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> memoryview:
    monkeypatch.setattr(vault, "_memory", None)
    monkeypatch.setattr(vault, "_free", [])
    given = memoryview(bytearray(128))
    vault.use(given)
    return given


def test_a_key_lies_in_the_given_memory_and_is_gone_when_wiped(memory: memoryview) -> None:
    key = vault.keep(b"secret")
    assert b"secret" in bytes(memory)
    key.wipe()
    assert bytes(memory) == bytes(128)


def test_a_forgotten_key_is_wiped(memory: memoryview) -> None:
    key = vault.keep(b"secret")
    del key
    assert bytes(memory) == bytes(128)


def test_room_comes_back_whatever_the_order(memory: memoryview) -> None:
    keys = [vault.reserve(size) for size in (1, 32, 40, 16)]
    with pytest.raises(MemoryError, match="no room for 17 more"):
        vault.reserve(17)
    for place in (2, 0, 3, 1):
        keys[place].wipe()
    assert len(vault.reserve(128)) == 128


def test_two_keys_never_share_a_byte(memory: memoryview) -> None:
    first, second = vault.keep(b"a" * 17), vault.keep(b"b" * 17)
    second.view[:] = b"c" * 17
    assert bytes(first.view) == b"a" * 17


def test_a_key_does_not_show_its_bytes_and_is_not_copied(memory: memoryview) -> None:
    key = vault.keep(b"secret")
    assert "secret" not in repr(key) and "secret" not in str(key)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not copied"):
            attempt(key)


def test_an_empty_key_is_refused(memory: memoryview) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        vault.reserve(0)
