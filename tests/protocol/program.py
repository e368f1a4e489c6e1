"""Programs that both models run: routines as straight lines of channel operations, and where each routine lives.

Test world only; used by go_model.py, model.py and the tests.

Channels x, y, z are made outside (they may cross), t, u, v inside (they are trusted). The notation is CSP's:

>>> p = program("x=0 t=1", H="x!1; close x", E="x? | t? | default")
>>> p.places
('H', 'E')
>>> p.routines[1][0].cases
(Case(send=False, ch='x', value=0), Case(send=False, ch='t', value=0))

`x?` receives, `x!5` sends 5, `|` joins the cases of a select; a last alternative `default`, `timeout` or `cancel`
says how the operation may end without a case. `close x` and `len x` stand alone. Names H, H2, E, E2... give places.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Case(NamedTuple):
    send: bool
    ch: str
    value: int = 0


class Op(NamedTuple):
    kind: str  # "select", "close" or "len"
    cases: tuple[Case, ...]
    ends: str = ""  # "", "default", "timeout" or "cancel"

    @property
    def ch(self) -> str:
        return self.cases[0].ch


class Program(NamedTuple):
    caps: tuple[tuple[str, int], ...]
    places: tuple[str, ...]  # "H" or "E", one a routine
    routines: tuple[tuple[Op, ...], ...]

    def __str__(self) -> str:
        heads = " ".join(f"{ch}={cap}" for ch, cap in self.caps)
        lines = [f"{p}: {'; '.join(map(show, ops))}" for p, ops in zip(self.places, self.routines, strict=True)]
        return "  //  ".join([heads, *lines])


def program(caps: str, **routines: str) -> Program:
    parsed = tuple((c.partition("=")[0], int(c.partition("=")[2])) for c in caps.split())
    bodies = tuple(tuple(_op(text.strip()) for text in body.split(";")) for body in routines.values())
    return Program(parsed, tuple(name[0] for name in routines), bodies)


def _op(text: str) -> Op:
    if text.startswith(("close ", "len ")):
        kind, ch = text.split()
        return Op(kind, (Case(False, ch),))
    parts = [part.strip() for part in text.split("|")]
    ends = parts.pop() if parts[-1] in ("default", "timeout", "cancel") else ""
    return Op("select", tuple(_case(part) for part in parts), ends)


def _case(text: str) -> Case:
    return Case(False, text[:-1]) if text.endswith("?") else Case(True, text[0], int(text[2:]))


def show(op: Op) -> str:
    if op.kind != "select":
        return f"{op.kind} {op.ch}"
    parts = [f"{c.ch}!{c.value}" if c.send else f"{c.ch}?" for c in op.cases]
    return " | ".join(parts + [op.ends] * bool(op.ends))


@cache
def trusted_cases(op: Op) -> tuple[int, ...]:
    return tuple(i for i, c in enumerate(op.cases) if c.ch in "tuv")


@cache
def crossing_cases(op: Op) -> tuple[int, ...]:
    return tuple(i for i, c in enumerate(op.cases) if c.ch in "xyz")


@cache
def crossed(p: Program) -> frozenset[str]:
    """The channels a routine inside has a handle of: those that a lost enclave takes down."""
    inside = [ops for place, ops in zip(p.places, p.routines, strict=True) if place == "E"]
    return frozenset(c.ch for ops in inside for op in ops for c in op.cases if c.ch in "xyz")
