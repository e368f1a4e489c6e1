"""`--tee inline`: secured routines in the same process, for debuggers, coverage and other systems. Host world.

It isolates nothing, and says so once on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gotee.boundary.public_errors import decode_public, encode_public
from gotee.errors import BoundaryTypeError, SecuredRoutineError, message_of
from gotee.runtime.routine import Place, Routine, spawn
from gotee.tee.entry import entry_name

BANNER = (
    "gotee: --tee inline: secured routines run in this process, unprotected: "
    "whatever this process can see, they and everybody else in it can see.\n"
)
_said = False


class _Inline(Place):
    """This process."""

    def start(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Routine[Any]:
        global _said
        name = entry_name(function)
        if not _said:
            _said = True
            if sys.stderr is not None:
                sys.stderr.write(BANNER)
                sys.stderr.flush()
        return spawn(function, args, kwargs, name=name, translate=_secured_failure)


place = _Inline()


def _secured_failure(error: BaseException) -> BaseException:
    """A secured routine's failure as its caller sees it; the original is kept as the cause, for debuggers."""
    name = type(error).__qualname__
    try:
        public = encode_public(error)
    except BoundaryTypeError:
        public = None
    if public is not None:
        copy = decode_public(public)[1]
        if copy is not None:
            copy.__cause__ = error
            return copy
    text = message_of(error)
    failure = SecuredRoutineError(f"{name}: {text}" if text else name, name, text)
    failure.__cause__ = error
    return failure
