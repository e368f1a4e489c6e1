"""The cooperative runtime: routines, scheduler, channels, select. Both worlds, same code.

Here its modules, which do not import each other in circles, are told of each other.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from gotee.boundary.channelkind import register_channel_type
from gotee.runtime import channel, deadlock, elements, lifecycle, routine, scheduler


def _run_coroutine(here: scheduler.Scheduler, coroutine: Coroutine[Any, Any, object]) -> object:
    from gotee.runtime import aio  # imports asyncio

    return aio.run_coroutine(here, coroutine)


scheduler.set_hooks(deadlock.judge, lifecycle.on_first_use)
routine.set_hooks(lifecycle.report_failure, _run_coroutine)
channel.set_hooks(elements.element_check)
register_channel_type(channel.Chan, lambda made: Any if made.element is None else made.element)
