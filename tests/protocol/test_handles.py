"""RELEASE says how often: no handle is freed while it is on its way in, and none is kept for ever."""

from __future__ import annotations

import pytest

from .handles import check


def test_counted_release_neither_frees_early_nor_leaks() -> None:
    assert check(crossings=4, uses=3) == []


@pytest.mark.parametrize(
    ("mutant", "wrong"),
    [
        ("release_frees", "freed"),
        ("release_counts_one", "leak"),
        ("refused_are_forgotten", "leak"),
        ("refused_release_the_proxy_too", "freed"),
    ],
)
def test_uncounted_release_is_wrong(mutant: str, wrong: str) -> None:
    assert wrong in check(crossings=2, uses=1, mutant=mutant)[0]
