"""pdb inside an enclave for debugging, on the terminal of whoever runs the program. Enclave world.

The server makes one when `gotee debug` asks, and only in an image for debugging; the standard library's pdb is in the
images that `gotee debug` builds, and in no others. Commands come from the host: who debugs an enclave sees all it has.
"""

from __future__ import annotations

import pdb
import sys
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any


class Debugger:
    """Stops in the first secured routine, and wherever `breakpoint()` is called."""

    def __init__(self) -> None:
        self._pdb = pdb.Pdb(stdin=sys.stdin, stdout=sys.stdout, nosigint=True, readrc=False)
        self._pdb.prompt = "(Pdb inside) "
        self._stopped = False
        sys.breakpointhook = self._stop

    def _stop(self, *args: Any, **kwargs: Any) -> None:
        sys.settrace(None)  # with a breakpoint set, the debugger would stop within itself
        self._pdb.set_trace(sys._getframe(1))

    def debugged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """An entry that stops at its first line, if it is the first that is called."""
        if iscoroutinefunction(function):  # its body runs later: breakpoint() stops there
            return function

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._stopped:
                return function(*args, **kwargs)
            self._stopped = True
            return self._pdb.runcall(function, *args, **kwargs)

        return call
