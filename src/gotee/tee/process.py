"""`--tee process`: secured routines in an enclave that is a process of its own. Host world.

At level development, the only one there is, it is a process of the same user: the real behaviour, no protection against
code of that user.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gotee.host import loader
from gotee.runtime.routine import Routine
from gotee.tee.entry import entry_name


def start(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Routine[Any]:
    """Start a secured routine in the program's enclave, which the first call builds and starts."""
    loader.load()  # first, because the compiler's refusals name place and cure
    entry_name(f)
    return loader.call(f, args, kwargs)
