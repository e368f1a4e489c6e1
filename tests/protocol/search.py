"""Explicit-state search shared by both models: try every choice of a step, visit every state once.

Test world only; called by go_model.py, model.py and handles.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S", bound=Hashable)


class Picker:
    """Stands where an implementation draws a random number; `replays` runs the step once for each answer."""

    def __init__(self) -> None:
        self.script: list[tuple[int, int]] = []  # (choice, out of how many)
        self.at = 0

    def pick(self, options: Sequence[T]) -> T:
        if len(options) == 1:
            return options[0]
        if self.at == len(self.script):
            self.script.append((0, len(options)))
        choice = self.script[self.at][0]
        self.at += 1
        return options[choice]

    def next_script(self) -> bool:
        """Move to the next unexplored sequence of choices; False when all were seen."""
        self.at = 0
        while self.script:
            choice, count = self.script.pop()
            if choice + 1 < count:
                self.script.append((choice + 1, count))
                return True
        return False


def replays(step: Callable[[Picker], T]) -> Iterator[T]:
    picker = Picker()
    while True:
        yield step(picker)
        if not picker.next_script():
            return


def visit(
    start: S, successors: Callable[[S], list[tuple[str, S]]], limit: int = 2_000_000
) -> Iterator[tuple[S, list[tuple[str, S]], dict[S, tuple[S, str]]]]:
    """Every reachable state once, nearest first, with its labelled successors and the tree of first visits."""
    tree: dict[S, tuple[S, str]] = {start: (start, "")}
    ahead = deque([start])
    while ahead:
        state = ahead.popleft()
        following = successors(state)
        yield state, following, tree
        for label, new in following:
            if new not in tree:
                tree[new] = (state, label)
                ahead.append(new)
        if len(tree) > limit:
            raise MemoryError(f"more than {limit} states")


def trace(state: S, tree: dict[S, tuple[S, str]]) -> list[str]:
    labels: list[str] = []
    while tree[state][1]:
        state, label = tree[state]
        labels.append(label)
    return labels[::-1]
