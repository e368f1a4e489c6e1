"""`threading` inside an enclave, where routines take the place of threads. Enclave world; `main` calls `install` once.

An enclave has one thread and many routines. With Python's own primitives a routine that parks while it holds a lock
would stop the thread at the next `acquire` of it, for ever. So, before the program's modules are imported, `Lock` and
`time.sleep` park, `get_ident`, `current_thread` and `local` tell routines apart, and a `Thread` is a routine. What is
built on these in Python (`RLock`, `Condition`, `Event`, `Semaphore`, `Barrier`, `Timer`, `queue.Queue`, thread pools)
follows.
"""

from __future__ import annotations

import _thread
import sys
import time

from gotee.enclave.locks import Lock, RLock
from gotee.enclave.replacing import replace
from gotee.errors import UsageError
from gotee.runtime.routine import Routine, go
from gotee.runtime.scheduler import check_routine, scheduler_of_this_thread
from gotee.runtime.scheduler import sleep as park_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    import weakref
    from collections.abc import Callable
    from typing import Any

    from gotee.enclave.boot import Importer
    from gotee.runtime.ready import G

_IDENTS = 1 << 62  # no real thread has such a number: Linux's are addresses
_real_ident = _thread.get_ident
_real_sleep = time.sleep
_real_local = _thread._local
_threading: Any = None  # the module, once it is there
_threads: weakref.WeakKeyDictionary[G, threading.Thread]


def install(importer: Importer) -> None:
    """Replace the primitives, also where modules that are imported already hold them by name.

    `threading` follows when it is imported, which takes long and brings much with it. It brings what stands for
    `_thread._local`: who asks for that imports it.
    """
    scheduler_of_this_thread()
    replace(
        {
            _thread.allocate_lock: Lock,
            _thread.LockType: Lock,  # what threading.Lock is from 3.13 on
            _thread.RLock: RLock,
            _thread.get_ident: get_ident,
            _thread.start_new_thread: start_new_thread,
            time.sleep: sleep,
        }
    )
    if "threading" in sys.modules:
        _complete()
        return
    importer.beforehand["threading"] = _give_back
    importer.afterwards["threading"] = _complete
    del _thread._local
    _thread.__dict__["__getattr__"] = _later


def _later(name: str) -> Any:
    if name != "_local":
        raise AttributeError(f"module '_thread' has no attribute {name!r}", name=name, obj=_thread)
    import threading

    return threading.local


def _give_back() -> None:
    """`threading` finds all that it takes from `_thread`."""
    _thread.__dict__.pop("__getattr__", None)
    _thread._local = _real_local  # type: ignore[misc]


def _complete() -> None:
    """Change `threading`."""
    global _threading, _threads
    import _threading_local
    import threading
    import weakref

    _threading, _threads = threading, weakref.WeakKeyDictionary()
    for name, method in (("start", _start), ("join", _join), ("is_alive", _is_alive)):
        setattr(threading.Thread, name, method)
    main: Any = threading.main_thread()
    del threading._active[main._ident]  # type: ignore[attr-defined]  # the number of a routine that imported it
    main._ident = _real_ident()
    threading._active[main._ident] = main  # type: ignore[attr-defined]
    replace({_real_local: _threading_local.local, threading.current_thread: current_thread})


def _routine() -> Routine[Any] | None:
    """The routine that runs; None on the enclave's own stack."""
    current = scheduler_of_this_thread().current
    return current if isinstance(current, Routine) else None


def get_ident() -> int:
    """The number of the routine that runs, as a thread's."""
    routine = _routine()
    return _real_ident() if routine is None else _IDENTS + routine.number


def current_thread() -> threading.Thread:
    """The Thread whose routine runs; any other routine has one of its own, too, as foreign threads have."""
    routine = _routine()
    if routine is None:
        main: threading.Thread = _threading.main_thread()
        return main
    thread = _threads.get(routine)
    if thread is None:
        thread = _threads[routine] = _threading.Thread(name=str(routine), daemon=True)
        thread._started.set()
        thread._ident = get_ident()
    return thread


def sleep(seconds: float, /) -> None:
    """time.sleep: other routines run meanwhile."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if check_routine():
        park_for(seconds)
    else:  # on an event loop's own stack, or while the enclave starts
        _real_sleep(seconds)


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /
) -> int:
    """_thread.start_new_thread: a routine."""
    return _IDENTS + go(function, *args, **(kwargs or {})).number


# -- threading.Thread -----------------------------------------------------------------------------------


def _start(self: Any) -> None:
    if not getattr(self, "_initialized", False):
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    self._ended = _threading.Event()
    self._started.set()
    routine = go(_run, self)
    self._ident = self._native_id = _IDENTS + routine.number
    _threads[routine] = self


def _run(self: Any) -> None:
    _threading._active[self._ident] = self
    try:
        self.run()
    except SystemExit:
        pass
    except Exception:
        _threading.excepthook(_threading.ExceptHookArgs((*sys.exc_info(), self)))
    finally:
        _threading._active.pop(self._ident, None)
        self._ended.set()


def _join(self: Any, timeout: float | None = None) -> None:
    if not getattr(self, "_initialized", False):
        raise RuntimeError("Thread.__init__() not called")
    if not self._started.is_set():
        raise RuntimeError("cannot join thread before it is started")
    if self is current_thread():
        raise RuntimeError("cannot join current thread")
    ended = getattr(self, "_ended", None)
    if ended is None:
        raise UsageError("the thread of an ecall ends with its call: wait for that instead of joining it")
    ended.wait(None if timeout is None else max(timeout, 0))


def _is_alive(self: Any) -> bool:
    ended = getattr(self, "_ended", None)
    return bool(self._started.is_set()) and (ended is None or not ended.is_set())
