"""The beginning and the end of a program that uses routines: signal handlers, lost failures, exit, fork.

Host world. Installed by the package when the runtime is first used on the main thread.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` imports `enum` to name these
import atexit
import os
import sys

from gotee.runtime import deadlock, scheduler
from gotee.runtime.routine import Unasked, failed, keep_interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_write = os.write  # inside, os.write is another
_registered = False
reporter: Callable[[Unasked], None] | None = None
"""Reports lost failures instead of standard error: in an image for release, where nobody else may read them."""


def on_first_use(main: bool) -> None:
    """A thread uses the runtime for the first time; `main`: it is the main thread, which alone may set handlers."""
    global _registered
    if not _registered:
        _registered = True
        atexit.register(_at_exit)
        keep_interrupts()
    if main and signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL:
        signal.signal(signal.SIGQUIT, _print_table)
        deadlock.harmless_handler(_print_table)


def _print_table(number: int, frame: FrameType | None) -> None:
    """SIGQUIT: who waits on what. Written past sys.stderr, whose buffer the interrupted code may hold."""
    text = "\n".join(["gotee: routines:", *deadlock.waiting_table(), ""])
    _write(2, text.encode(errors="backslashreplace"))


def report_failure(routine: Unasked) -> None:
    """Print the failure of a routine whose handle nobody used."""
    if reporter is not None:
        reporter(routine)
        return
    error = routine.failure()
    if error is None or sys.stderr is None:
        return
    import traceback  # and with it a tokenizer

    lines = "".join(traceback.format_exception(error))
    sys.stderr.write(f"gotee: routine {routine} failed and nobody asked for its result:\n{lines}")


def _at_exit() -> None:
    for reference in list(failed.values()):
        routine = reference()
        if routine is not None and not routine.observed:
            routine.mark_observed()
            report_failure(routine)
    for each in list(scheduler.schedulers):
        each.keep_for_exit()


def _after_fork_in_child() -> None:
    """Only the forking thread lives on in the child; the other threads' schedulers went with them."""
    failed.clear()  # the parent reports them
    deadlock.after_fork_in_child()
    here = scheduler.scheduler_of_this_thread_or_none()
    for each in list(scheduler.schedulers):
        if each is not here:
            each.forget()
            scheduler.schedulers.discard(each)


os.register_at_fork(after_in_child=_after_fork_in_child)
