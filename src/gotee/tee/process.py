"""`--tee process`: secured routines in an enclave that is a process of its own. Host world.

At level development, the only one there is, it is a process of the same user: the real behaviour, no protection against
code of that user.
"""

from __future__ import annotations

from collections.abc import Callable

from gotee.host import loader
from gotee.host.calls import Callee, Door
from gotee.tee.entry import entry_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _find(f: Callable[..., Any]) -> Callee:
    """A function that has not been called before; the program's first call builds and starts its enclave."""
    loaded = loader.load(f)  # first, because the compiler's refusals name place and cure
    entry_name(f)
    return loaded.callee(f)


place = Door(_find)
