"""Which way bytes go into the ring, with times that are given: the one that takes this side much less."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gotee.boundary.ring import CopyChoice

KIB = 1024
LAP, TRIAL, AGAIN = 1024 * KIB, 256 * KIB, 512 * 1024 * KIB  # as in gotee.boundary.copying
NEAR = (40, 75)  # nanoseconds for a KiB, through the cache and past it
FAR = (500, 60)
COLD = (210, 200)  # what is sent comes from memory, which takes longer than the rest
AFTER_PAST = 4  # times as long: a copy through the cache in a lap that follows copies past it
NEW = 1000  # nanoseconds for a KiB of memory that nobody has touched


def nothing(number: int) -> int:
    return 0


class Copies:
    """Copies of one side, one after the other."""

    def __init__(self) -> None:
        self.choice = CopyChoice()
        self.made = 0
        self.lines = [NEW] * (LAP // (4 * KIB))  # of the ring, what the next copy there takes longer

    def run(
        self, size_of_all: int, place: tuple[int, int], *, size: int = 64 * KIB, extra: Callable[[int], int] = nothing
    ) -> int:
        """How many bytes of them went past the cache. `extra` nanoseconds are lost in each, by its number."""
        passed = 0
        for number in range(size_of_all // size):
            past = self.choice.past()
            at = self.made // (4 * KIB) % len(self.lines)
            more = self.lines[at]
            for line in range(at, min(at + size // (4 * KIB), len(self.lines))):
                self.lines[line] = (AFTER_PAST - 1) * place[0] if past else 0
            if past and more != NEW:
                more = 0
            self.choice.took(size, (place[past] + more) * size // KIB + extra(number))
            passed += past * size
            self.made += size
        return passed


SIZES = pytest.mark.parametrize("size", [4 * KIB, 16 * KIB, 64 * KIB])


@SIZES
@pytest.mark.parametrize("place", [NEAR, COLD])
def test_where_both_take_about_the_same_copies_stay_in_the_cache(place: tuple[int, int], size: int) -> None:
    assert Copies().run(2 * AGAIN, place, size=size) == 2 * TRIAL


@SIZES
def test_where_stores_wait_for_the_peer_copies_go_past_the_cache(size: int) -> None:
    copies = Copies()
    assert copies.run(2 * LAP + TRIAL, FAR, size=size) == TRIAL  # a lap of new memory, and one to know
    assert copies.run(2 * AGAIN, FAR, size=size) == 2 * AGAIN - 2 * LAP


def test_what_copies_past_the_cache_leave_behind_does_not_keep_them_there() -> None:
    """They leave lines in the peer's cache alone: the next lap through the cache is slow wherever the peer is."""
    copies = Copies()
    copies.run(10 * LAP, FAR)
    copies.run(AGAIN, NEAR)
    assert copies.run(AGAIN // 2, NEAR) == 0


def test_a_side_that_is_moved_away_is_noticed() -> None:
    copies = Copies()
    copies.run(10 * LAP + LAP // 2, NEAR)
    assert copies.run(10 * LAP, FAR) >= 8 * LAP


def test_copies_that_are_lucky_decide_nothing() -> None:
    def lucky(number: int) -> int:
        return 0 if number % 3 else -(FAR[0] - FAR[1]) * 64  # nanoseconds, of 64 KiB

    copies = Copies()
    copies.run(LAP + TRIAL, FAR)
    copies.run(LAP, FAR, extra=lucky)
    assert copies.run(10 * LAP, FAR) == 10 * LAP


def test_what_is_sent_from_memory_is_tried_once() -> None:
    copies = Copies()
    copies.run(10 * LAP, NEAR)
    assert copies.run(100 * LAP, COLD) == TRIAL
    assert copies.run(100 * LAP, NEAR) == 0
    assert copies.run(100 * LAP, COLD) == 0


@pytest.mark.parametrize("place", [NEAR, FAR])
def test_a_processor_that_does_something_else_in_between_decides_nothing(place: tuple[int, int]) -> None:
    def taken_away(number: int) -> int:
        return 0 if number % 10 else 5_000_000

    assert Copies().run(AGAIN, place, extra=taken_away) == Copies().run(AGAIN, place)


def test_a_copy_that_took_no_time_is_counted_all_the_same() -> None:
    assert Copies().run(AGAIN // 2, (0, 0)) == TRIAL
