"""Where the routines of a channel program run: a Placement maps the roles of its routines to worlds.

Test world only. A program asks a World to start its routines and never says itself which world they run in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from gotee import Cancelled, Routine, go, gosecure, yield_now
from gotee.runtime.scheduler import scheduler_of_this_thread

SETTLING_YIELDS = 100  # more than any program that calls settle() has steps left to take


def yield_often() -> None:
    """Enough where every routine runs on this thread: each yield lets all that are ready go on."""
    for _ in range(SETTLING_YIELDS):
        yield_now()


@dataclass(frozen=True)
class Placement:
    """`inside(role, n)` says whether the n-th routine (from 0) of a program, with this role, is secured.

    `environment` holds while the program runs; None takes a variable out. `settle` returns when no routine
    can go on without the main routine.
    """

    name: str
    inside: Callable[[str, int], bool]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    settle: Callable[[], None] = yield_often


class World:
    """What a program gets. Its roles are "sender", "receiver", "worker" (both at once) and "closer"."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._routines: list[Routine[Any]] = []

    def spawn(self, role: str, f: Callable[..., Any], /, *args: Any) -> Routine[Any]:
        """Start `f(*args)` as a routine in the world that the placement has for `role`."""
        start = gosecure if self._placement.inside(role, len(self._routines)) else go
        routine: Routine[Any] = start(f, *args)
        self._routines.append(routine)
        return routine

    def settle(self) -> None:
        """Let the routines go on until each is done or waits for something that only main can do."""
        self._placement.settle()

    def forget(self, routine: Routine[Any]) -> None:
        """It has failed, as it was meant to."""
        self._routines.remove(routine)

    def finish(self) -> None:
        """Cancel what still waits, and raise the failure of any routine: none of these programs has one."""
        for routine in self._routines:
            routine.cancel()
        for routine in self._routines:
            with suppress(Cancelled):
                routine.result()


@contextmanager
def opened(placement: Placement) -> Iterator[World]:
    """A World for one program; nothing of it is left afterwards."""
    before = {name: os.environ.get(name) for name in placement.environment}
    _set_environment(placement.environment)
    world = World(placement)
    try:
        yield world
        world.finish()
    except BaseException:
        # The program failed. Its routines must not outlive it, and their own failures come second.
        with suppress(Exception):
            world.finish()
        raise
    finally:
        _end_all()
        _set_environment(before)


def _end_all() -> None:
    """End what routines of the program started themselves and, as in Go, left waiting: the next test finds nobody."""
    here = scheduler_of_this_thread()
    for _ in range(SETTLING_YIELDS):
        left = here.live
        if not left:
            return
        for routine in left:
            routine.cancel()
        yield_now()
    raise AssertionError(f"these do not end: {left}")


def _set_environment(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def programs_of(*modules: ModuleType) -> dict[str, Callable[[World], None]]:
    """The programs of these modules by name: their own functions whose only parameter is `world`."""
    found: dict[str, Callable[[World], None]] = {}
    for module in modules:
        for name, f in vars(module).items():
            code = getattr(f, "__code__", None)
            own = code is not None and f.__module__ == module.__name__
            if own and code.co_varnames[: code.co_argcount] == ("world",):
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = f
    return found
