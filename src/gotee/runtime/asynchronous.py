"""`aselect` and `asleep` without importing asyncio before they are called. Both worlds."""

from __future__ import annotations

from gotee.runtime.selecting import Recv, Selected, Send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


async def aselect(*cases: Recv[Any] | Send[Any], default: bool = False, timeout: float | None = None) -> Selected:
    """`select` for asyncio code: the same cases, result and errors.

    >>> import asyncio
    >>> from gotee import Chan, Recv, aselect
    >>> full = Chan[int](1)
    >>> full.send(7)
    >>> asyncio.run(aselect(Recv(full))).value
    7
    """
    from gotee.runtime import aio

    return await aio.select(cases, default, timeout)


async def asleep(seconds: float) -> None:
    """`sleep` for asyncio code; routines of this thread run meanwhile.

    >>> import asyncio
    >>> from gotee import asleep
    >>> asyncio.run(asleep(0.001))
    """
    from gotee.runtime import aio

    await aio.sleep(seconds)
