"""Families of small programs: every one up to a bound, once (routines of one world are interchangeable).

Test world only; read by test_families.py. One crossing channel x and one trusted t in the exhaustive families; two of
each in the drawn ones, whose seed is fixed so that every run checks the same programs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement, product

from .program import Case, Op, Program

ENDS = ("", "default", "timeout")
PLACES = {"HE": ("H", "E"), "EE": ("E", "E"), "HEE": ("H", "E", "E"), "EEE": ("E", "E", "E"), "HHE": ("H", "H", "E")}


def operations(chans: str, value: int) -> list[Op]:
    """Single operations, selects of two channels, each plain, with default and with timeout; closes; lens."""
    single = [Case(send, ch, value if send else 0) for ch in chans for send in (False, True)]
    pairs = [(a, b) for a, b in combinations(single, 2) if a.ch != b.ch]
    selects = [Op("select", cases, ends) for ends in ENDS for cases in [*((c,) for c in single), *pairs]]
    return selects + [Op(kind, (Case(False, ch),)) for ch in chans for kind in ("close", "len")]


def every_program(places: str) -> Iterator[Program]:
    """One operation a routine."""
    hosts, insides = places.count("H"), places.count("E")
    outside_ops, inside_ops = len(operations("x", 0)), len(operations("xt", 0))
    for caps in product((0, 1), (0, 1)):
        for h in combinations_with_replacement(range(outside_ops), hosts):
            for e in combinations_with_replacement(range(inside_ops), insides):
                bodies = [operations("x", r)[k] for r, k in enumerate(h)]
                bodies += [operations("xt", hosts + r)[k] for r, k in enumerate(e)]
                named = tuple(zip("xt", caps, strict=True))
                yield Program(named, PLACES[places], tuple((op,) for op in bodies))


def drawn_programs(seed: int) -> Iterator[Program]:
    """Two to four routines of one or two operations, up to two crossing and two trusted channels."""
    rng = random.Random(seed)
    while True:
        outside, inside = rng.choice(("x", "x", "xy")), rng.choice(("t", "t", "tu"))
        caps = [(ch, rng.choice((0, 1))) for ch in outside] + [(ch, rng.choice((0, 0, 1))) for ch in inside]
        places, bodies, value = [], [], 0
        for _ in range(rng.choice((2, 3, 3, 4))):
            place, body = rng.choice("HEE"), []
            for _ in range(rng.choice((1, 1, 1, 2))):
                value += 1
                body.append(rng.choice(operations(outside if place == "H" else outside + inside, value)))
            places.append(place)
            bodies.append(tuple(body))
        yield Program(tuple(caps), tuple(places), tuple(bodies))
