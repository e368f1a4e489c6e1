"""Room for deep expressions: what Python reads, the compiler's walks read, too. Host world."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gotee.errors import CompileError

MOST = 5000  # calls in one another; of a stack of 8 MiB, Python 3.11 takes up to 0.7 KiB for each


@contextmanager
def deep() -> Iterator[None]:
    """More calls in one another than usual; what is deeper still is a CompileError."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, MOST))
    try:
        yield
    except RecursionError:
        raise CompileError(
            "GT107",
            "an expression, or a chain of elif, of the program is too deep to be read",
            cure="split it: a list of its parts, or a dictionary",
        ) from None
    finally:
        sys.setrecursionlimit(usual)
