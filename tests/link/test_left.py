"""The memory of a large frame that nobody uses any more is filled by the next."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from gotee.boundary.frames import KIND_FIRST, KIND_MORE, Assembler, Given, header, left

MIB = 1 << 20
PIECE = 4 * MIB
LATER = 11_000_000_000  # nanoseconds


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    left(LATER)
    yield
    left(LATER)


def arrived(size: int, fill: bytes) -> bytes:
    """A frame of several pieces."""
    assembler = Assembler(PIECE, 1 << 30, 1)
    frame = None
    for at in range(0, size, PIECE):
        length = min(PIECE, size - at)
        piece = header(KIND_MORE if at else KIND_FIRST, 0, length if at else size) + fill * length
        used, frame = assembler.take(piece, 0, len(piece))
        assert used == len(piece)
    assert frame is not None
    return frame


def used_up(size: int) -> int:
    """Where a frame was that nobody has any more."""
    frame = arrived(size, b"a")
    view = memoryview(Given(frame, 16, size - 16))
    place = id(frame)
    del frame
    view.release()
    return place


@pytest.mark.parametrize("size", [8 * MIB, 7 * MIB])
def test_the_next_frame_has_the_memory_of_the_last(size: int) -> None:
    place = used_up(8 * MIB)
    assert left() == 8 * MIB
    frame = arrived(size, b"b")
    assert (id(frame), left()) == (place, 0)
    assert frame == b"b" * size


@pytest.mark.parametrize("size", [9 * MIB, 6 * MIB])
def test_a_frame_that_does_not_fit_has_memory_of_its_own(size: int) -> None:
    place = used_up(8 * MIB)
    frame = arrived(size, b"b")
    assert id(frame) != place
    assert left() == 8 * MIB


def test_what_somebody_still_has_is_not_used_again() -> None:
    frame = arrived(8 * MIB, b"a")
    memoryview(Given(frame, 0, MIB)).release()
    assert left() == 0
    arrived(8 * MIB, b"b")
    assert frame == b"a" * (8 * MIB)


def test_a_view_of_a_part_keeps_it() -> None:
    view = memoryview(Given(arrived(8 * MIB, b"a"), 0, 8 * MIB))[MIB : 2 * MIB]
    assert left() == 0
    arrived(8 * MIB, b"b")
    assert view == b"a" * MIB


def test_no_more_than_one_is_left_and_nothing_small() -> None:
    used_up(8 * MIB)
    used_up(5 * MIB)
    assert left() == 5 * MIB
    left(LATER)
    memoryview(Given(b"small", 0, 5)).release()
    assert left() == 0


def test_after_ten_seconds_nothing_is_left() -> None:
    used_up(8 * MIB)
    assert left(9_000_000_000) == 8 * MIB
    assert left(LATER) == 0


@pytest.mark.parametrize(("mebibytes", "kept"), [(8, 8 * MIB), (200, 0)])
def test_of_a_bounded_address_space_an_eighth_is_left(mebibytes: int, kept: int) -> None:
    """Inside, `memory-bytes` of the ceilings is such a bound. Nothing else here is made while it holds."""
    view = memoryview(Given(b"a" * (mebibytes * MIB), 0, MIB))
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))
    try:
        view.release()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert left() == kept
