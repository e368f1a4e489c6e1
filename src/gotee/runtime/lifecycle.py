"""The beginning and the end of a program that uses routines: signal handlers, lost failures, exit, fork.

Host world. Installed by the package when the runtime is first used on the main thread.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
import weakref
from types import FrameType

from gotee.runtime import deadlock, scheduler
from gotee.runtime.routine import Routine

_failed: weakref.WeakSet[Routine[object]] = weakref.WeakSet()


def on_first_main() -> None:
    """The main thread uses the runtime for the first time."""
    atexit.register(_at_exit)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL:
        signal.signal(signal.SIGQUIT, _print_table)
        deadlock.harmless_handler(_print_table)


def _print_table(number: int, frame: FrameType | None) -> None:
    """SIGQUIT: who waits on what. Written past sys.stderr, whose buffer the interrupted code may hold."""
    text = "\n".join(["gotee: routines:", *deadlock.waiting_table(), ""])
    os.write(2, text.encode(errors="backslashreplace"))


def remember_failure(routine: Routine[object]) -> None:
    """A routine failed; unless somebody asks for its result, the failure is reported at the latest at exit."""
    _failed.add(routine)


def report_failure(routine: Routine[object]) -> None:
    """Print the failure of a routine whose handle nobody used."""
    error = routine.exception
    if error is None or sys.stderr is None:
        return
    lines = "".join(traceback.format_exception(error))
    sys.stderr.write(f"gotee: routine {routine} failed and nobody asked for its result:\n{lines}")


def _at_exit() -> None:
    for routine in list(_failed):
        if not routine.observed:
            routine.mark_observed()
            report_failure(routine)
    for each in list(scheduler.schedulers):
        each.keep_for_exit()


def _after_fork_in_child() -> None:
    """Only the forking thread lives on in the child; the other threads' schedulers went with them."""
    here = scheduler.scheduler_of_this_thread_or_none()
    for each in list(scheduler.schedulers):
        if each is not here:
            each.keep_for_exit()
            scheduler.schedulers.discard(each)


os.register_at_fork(after_in_child=_after_fork_in_child)
