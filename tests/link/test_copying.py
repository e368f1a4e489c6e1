"""Which way bytes go into the ring, with times that are given: the one that takes this side much less."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gotee.boundary.ring import CopyChoice

KIB = 1024
OTHERWISE = 256  # as in gotee.boundary.copying
NEAR = (40, 75)  # nanoseconds for a KiB, through the cache and past it
FAR = (500, 60)
COLD = (210, 200)  # what is sent comes from memory, which takes longer than the rest


def nothing(number: int) -> int:
    return 0


class Copies:
    """Copies of one side, one after the other."""

    def __init__(self) -> None:
        self.choice = CopyChoice()

    def run(
        self, count: int, place: tuple[int, int], *, size: int = 64 * KIB, extra: Callable[[int], int] = nothing
    ) -> int:
        """How many of them went past the cache. `extra` nanoseconds are lost in each, by its number."""
        passed = 0
        for number in range(count):
            past = self.choice.past()
            self.choice.took(past, size, place[past] * size // KIB + extra(number))
            passed += past
        return passed


@pytest.mark.parametrize("place", [NEAR, COLD])
@pytest.mark.parametrize("size", [4 * KIB, 5000, 64 * KIB])
def test_where_both_take_about_the_same_copies_stay_in_the_cache(place: tuple[int, int], size: int) -> None:
    assert Copies().run(20 * OTHERWISE, place, size=size) == 20


@pytest.mark.parametrize("size", [4 * KIB, 5000, 64 * KIB])
def test_where_stores_wait_for_the_peer_copies_go_past_the_cache(size: int) -> None:
    copies = Copies()
    assert copies.run(3, FAR, size=size) == 2  # the first, to know; the second as a trial; and from then on
    assert copies.run(20 * OTHERWISE, FAR, size=size) == 20 * (OTHERWISE - 1)


def test_a_side_that_is_moved_is_noticed() -> None:
    copies = Copies()
    copies.run(1000, NEAR)
    assert copies.run(20, FAR) >= 10  # within a MiB
    copies.run(1000, FAR)
    assert copies.run(2 * OTHERWISE, NEAR) <= OTHERWISE + 1  # with the next trial at the latest


def test_a_processor_that_does_something_else_in_between_decides_nothing() -> None:
    copies = Copies()
    copies.run(1000, NEAR)

    def taken_away(number: int) -> int:
        return 0 if number % 10 else 5_000_000

    assert copies.run(10 * OTHERWISE, NEAR, extra=taken_away) <= OTHERWISE


def test_a_copy_that_took_no_time_is_counted_all_the_same() -> None:
    copies = Copies()
    assert copies.run(OTHERWISE, (0, 0)) == 1
