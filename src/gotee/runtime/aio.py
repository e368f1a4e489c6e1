"""Channels, select and routines for asyncio code, and coroutines for routines.

Both worlds. Imported when the first asynchronous operation is called: asyncio is too slow to import for programs
that do not use it. A value that a task was given when it got cancelled goes back to the front of its channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

from gotee.errors import Cancelled, ChannelClosed
from gotee.runtime import futures, selecting
from gotee.runtime.channel import Chan
from gotee.runtime.routine import Routine, go
from gotee.runtime.scheduler import Scheduler, deadline_after, scheduler_of_this_thread
from gotee.runtime.selecting import Recv, Selected, Send

T = TypeVar("T")


def _loop() -> asyncio.AbstractEventLoop:
    """The running loop, which from now on also drives the routines of its thread."""
    loop = asyncio.get_running_loop()
    scheduler_of_this_thread().attach_running_loop()
    return loop


async def _wait(waiter: futures.FutureWaiter) -> None:
    try:
        await waiter.future
    except BaseException:
        waiter.abandon()
        raise


async def _in_routine(function: Callable[..., T], *args: Any) -> T:
    """For channels of the other world, whose answers go to routines. A value that comes with a cancel is not lost."""
    _loop()
    routine = go(function, *args)
    try:
        return await wait_routine(routine)
    except asyncio.CancelledError:
        routine.cancel()
        while not routine.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([asyncio.ensure_future(_quietly(routine))])
        if routine.cancelled or routine.exception is not None:
            routine.mark_observed()
            raise
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)  # this counts; the task stops at its next await
        return routine.outcome()


async def _quietly(routine: Routine[Any]) -> None:
    waiter = None if routine.done() else futures.watch(routine, _loop())
    if waiter is not None:
        await _wait(waiter)


async def recv_ok(channel: Chan[T]) -> tuple[T, bool]:
    """As `Chan.recv_ok`; the value of a closed channel is None, which callers tell by `ok`."""
    if channel.outside is not None:
        outcome: tuple[Any, bool] = await _in_routine(channel.recv_ok)
        return outcome
    waiter, value, ok = futures.recv_or_wait(channel, _loop())
    if waiter is None:
        return value, ok
    await _wait(waiter)
    return waiter.received(), waiter.ok


async def recv(channel: Chan[T]) -> T:
    value, ok = await recv_ok(channel)
    if not ok:
        raise ChannelClosed(f"recv on closed and drained channel {channel}")
    return value


async def next_value(channel: Chan[T]) -> T:
    value, ok = await recv_ok(channel)
    if not ok:
        raise StopAsyncIteration
    return value


async def send(channel: Chan[T], value: T) -> None:
    if channel.outside is not None:
        await _in_routine(channel.send, value)
        return
    waiter = futures.send_or_wait(channel, value, _loop())
    if waiter is not None:
        await _wait(waiter)
        if not waiter.ok:
            channel.check_lost(waiter.ok)
            raise ChannelClosed(f"channel {channel} was closed while send waited")


async def select(cases: tuple[Recv[Any] | Send[Any], ...], default: bool, timeout: float | None) -> Selected:
    if default and timeout is not None:
        return selecting.select(*cases, default=True, timeout=timeout)  # which refuses it
    selecting.validate(cases, timeout)
    if selecting.pack(cases):
        return await _in_routine(lambda: selecting.select(*cases, default=default, timeout=timeout))
    if default:
        return selecting.select(*cases, default=True)
    deadline = math.inf if timeout is None else deadline_after(timeout, "aselect")
    loop = _loop()
    selected, waiter = futures.select_or_wait(cases, loop)
    if waiter is None:
        assert selected is not None
        return selected
    expiry = None if deadline == math.inf else loop.call_later(max(deadline - monotonic(), 0), waiter.expire)
    try:
        await _wait(waiter)
    finally:
        if expiry is not None:
            expiry.cancel()
    if waiter.index == -1:
        raise TimeoutError(f"no case of select was ready within {timeout} seconds")
    return futures.selected_by_partner(cases, waiter)


async def sleep(seconds: float) -> None:
    deadline = deadline_after(seconds, "asleep")
    _loop()
    if seconds <= 0:
        await asyncio.sleep(0)
    elif deadline == math.inf:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(deadline - monotonic())


async def wait_routine(routine: Routine[T]) -> T:
    """`await routine`. Cancelling the waiting task does not cancel the routine."""
    waiter = None if routine.done() else futures.watch(routine, _loop())
    if waiter is not None:
        await _wait(waiter)
    return routine.outcome()


def run_coroutine(scheduler: Scheduler, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as a task for the routine that calls this, and park until it is done."""
    loop = scheduler.loop_for_tasks()
    task = loop.create_task(coroutine)
    scheduler.task_started()
    try:
        while not task.done():
            try:
                futures.park_until_done(task, "task")
            except Cancelled:
                task.cancel()
    finally:
        scheduler.task_ended()
    try:
        return task.result()
    except asyncio.CancelledError as error:
        raise Cancelled() from error
