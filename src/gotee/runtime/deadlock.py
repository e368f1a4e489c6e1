"""When is everybody asleep for ever? The judgement, and the table of who waits on what.

The host world judges; an enclave only makes its table. A thread that goes idle without a deadline asks `judge`; SIGQUIT
prints the same table. Nothing is declared while anything outside gotee could still act: a Python thread that is not
parked here (whatever it does), a running asyncio loop, a timer, a signal handler of the program's own, an enclave that
is not at rest.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` imports `enum` to name these
import _thread
import sys

from gotee.errors import Deadlock
from gotee.runtime.channel import Chan
from gotee.runtime.library import library
from gotee.runtime.ready import G, movement
from gotee.runtime.routine import Routine
from gotee.runtime.scheduler import Scheduler, schedulers, thread_states
from gotee.runtime.selecting import Recv, Send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Protocol
else:
    Protocol = object  # the real one is slow to import, and means nothing at run time

ROWS = 40  # lines of the table; a program may have 100,000 routines
_HARMLESS: set[object] = {signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler}
_ROOM = __file__.rpartition("/")[0]
_judging = _thread.allocate_lock()


class Remote(Protocol):
    """Another world that could act."""

    def at_rest(self, epoch: int) -> list[str] | None:
        """What its routines wait for, if it can do nothing by itself and nothing has moved since `epoch`; else None.

        When it has come to rest later, it calls `reconsider`.
        """


remotes: list[Remote] = []
service_threads: set[int] = set()  # threads of gotee's own that only act on what another world sends


def harmless_handler(handler: object) -> None:
    """Tell the judge of a signal handler that never wakes a routine (our own for SIGQUIT)."""
    _HARMLESS.add(handler)


def judge(scheduler: Scheduler) -> None:
    """Raise Deadlock in the main routine if nothing can ever wake any routine of this process."""
    if not _judging.acquire(blocking=False):
        return  # another idle thread is judging
    try:
        if _everybody_sleeps() and not _a_signal_handler_could_act():
            elsewhere = _rows_of_remotes()
            if elsewhere is not None:
                rows = (*waiting_table(), *elsewhere)
                for victim in _victims():
                    victim.interrupt_main(Deadlock("all routines are asleep - deadlock!", rows))
    finally:
        _judging.release()


def reconsider() -> None:
    """Another world has come to rest: judge again, on whatever thread."""
    for victim in _victims():
        judge(victim)


def _rows_of_remotes() -> list[str] | None:
    """What waits in the other worlds; None if one of them could still act."""
    epoch = movement()
    rows: list[str] = []
    for remote in tuple(remotes):
        answer = remote.at_rest(epoch)
        if answer is None:
            return None
        rows += answer
    return rows


def _everybody_sleeps() -> bool:
    threading = library("threading")
    parked: set[int | None] = set(service_threads)
    for scheduler in list(schedulers):
        if scheduler.thread.is_alive():
            if not scheduler.quiet:
                return False
            parked.add(scheduler.thread.ident)
    if not threading.main_thread().is_alive():
        parked.add(threading.main_thread().ident)  # it only waits for the others to end
    if any(ident not in parked for ident in sys._current_frames()):
        return False
    return thread_states() <= len(parked)  # with those that have not run any Python yet


def _a_signal_handler_could_act() -> bool:
    return any(_handler(number) not in _HARMLESS for number in signal.valid_signals())


def _handler(number: int) -> object:
    try:
        return signal.getsignal(number)
    except ValueError:  # real-time signals that Python has no table entry for
        return None


def _victims() -> list[Scheduler]:
    """The main thread's scheduler; when its code has ended, those of the threads it waits for."""
    threading = library("threading")
    main = threading.main_thread()
    if main.is_alive():
        return [scheduler for scheduler in schedulers if scheduler.thread is main]
    return [scheduler for scheduler in schedulers if scheduler.thread is not main]


def after_fork_in_child() -> None:
    """Another thread of the parent may have been judging; its enclaves are its own."""
    global _judging
    _judging = _thread.allocate_lock()
    remotes.clear()
    service_threads.clear()


def waiting_table() -> list[str]:
    """One line for each group of routines that wait at the same place, the most numerous last."""
    rows: dict[str, int] = {}
    for scheduler in list(schedulers):
        if not scheduler.alive:
            continue
        for routine in [scheduler.main, *list(scheduler.live)]:
            row = _row(scheduler, routine)
            rows[row] = rows.get(row, 0) + 1
    ordered = sorted(rows.items(), key=lambda item: (item[1], item[0]))
    lines = [f"  {row}" if count == 1 else f"  {count} times: {row}" for row, count in ordered[:ROWS]]
    if len(ordered) > ROWS:
        lines.append(f"  ... and {len(ordered) - ROWS} more places")
    return lines


def _row(scheduler: Scheduler, routine: G) -> str:
    name = routine.name if isinstance(routine, Routine) else "main"
    where = _place(routine)
    thread = "" if scheduler.of_main else f" [thread {scheduler.thread.name}]"
    return f"{name}{thread}: {_what(routine)}{where}"


def _what(routine: G) -> str:
    waiter = routine.waiting
    if waiter is None:
        return "ready to run" if routine.worker is None or not routine.parked else "running"
    subject = waiter.subject
    if isinstance(subject, Chan):
        return f"{waiter.what} on {_channel(subject)}"
    if isinstance(subject, tuple):
        return f"select over {', '.join(_case(case) for case in subject[:8]) or 'no cases'}"
    if isinstance(subject, Routine):
        return f"result of {subject}"
    if waiter.what == "sleep":
        return f"sleep({subject})"
    return str(waiter.what)


def _case(case: Recv[object] | Send[object]) -> str:
    kind = "recv" if isinstance(case, Recv) else "send"
    return f"{kind} {'None' if case.channel is None else _channel(case.channel)}"


def _channel(channel: Chan[object]) -> str:
    if channel.outside is not None:  # its length is the other world's to tell
        return f"{channel} (outside)"
    return f"{channel} ({len(channel)}/{channel.capacity}{', closed' if channel.closed else ''})"


def _place(routine: G) -> str:
    """Where the program's own code waits, as ` at FILE:LINE in NAME`."""
    frame: FrameType | None = getattr(routine.worker, "gr_frame", None)
    while frame is not None and (frame.f_code.co_filename.startswith(_ROOM) or frame.f_lineno is None):
        frame = frame.f_back
    if frame is None:
        return ""
    return f" at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
