"""Where secured routines run, and `gosecure`, which starts one there. Host world; one module a place.

`GOTEE_TEE` or `gotee run --tee` choose the place.
"""

from __future__ import annotations

from gotee.runtime import worlds
from gotee.runtime.routine import Place, go, gosecure, set_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gotee.runtime.routine import Routine

__all__ = ["gosecure"]


class _Inside(Place):
    """In the enclave that this process is."""

    def start(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Routine[Any]:
        return go(function, *args, **kwargs)


def _choose() -> Place:
    """The place for the rest of this process's life; of the others nothing is imported."""
    if worlds.inside():
        return _Inside()
    from gotee import config  # the host's: inside, none of this is there

    if config.from_environment().tee == "process":
        from gotee.tee import process

        return process.place
    from gotee.tee import inline

    return inline.place


set_place(_choose)
