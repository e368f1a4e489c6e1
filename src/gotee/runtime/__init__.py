"""The cooperative runtime: routines, scheduler, channels, select. Both worlds, same code.

Here its modules, which do not import each other in circles, are told of each other.
"""

from __future__ import annotations

from gotee.boundary.channelkind import register_channel_type
from gotee.runtime import channel, deadlock, elements, library, lifecycle, routine, scheduler, worlds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any


def _run_coroutine(here: scheduler.Scheduler, coroutine: Coroutine[Any, Any, object]) -> object:
    from gotee.runtime import aio  # imports asyncio

    return aio.run_coroutine(here, coroutine)


def _element(made: channel.Chan[Any]) -> Any:
    from typing import Any  # slow to import, and there already where somebody reads annotations

    return Any if made.element is None else made.element


scheduler.set_hooks(deadlock.judge, lifecycle.on_first_use)
routine.set_hooks(lifecycle.report_failure, _run_coroutine)
channel.set_hooks(elements.element_check)
register_channel_type(channel.Chan, _element)
if not worlds.inside():
    library.keep_library()
