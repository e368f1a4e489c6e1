"""Which asyncio loop runs on this thread. Both worlds. It is asked before each operation that may block."""

import sys

from cpython.object cimport PyObject

cdef object _started = None            # set by gotee.runtime.scheduler: told of each loop that begins to run
cdef object _get_running_loop = None
cdef object _set_running_loop = None
cdef object _run_forever = None        # asyncio's own

cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()
    PyObject *PyDict_GetItemWithError(PyObject *, object)

# Up to CPython 3.12 asyncio keeps a thread's loop here in the thread's dictionary, from the first that ran on it on.
cdef object _LOOP = "__asyncio_running_event_loop__"
cdef bint _in_dict = False


def set_hook(started):
    """Called once: `started(loop)` is told of each loop that begins to run on a thread."""
    global _started
    _started = started


cdef object running_loop():
    """The asyncio loop that runs on this thread, or None. Never imports asyncio: it takes 40 ms."""
    global _get_running_loop, _set_running_loop, _run_forever, _in_dict
    cdef PyObject *own
    if _in_dict:                       # to look there costs a fifth of asking asyncio
        own = PyThreadState_GetDict()
        if own != NULL and PyDict_GetItemWithError(own, _LOOP) == NULL:
            return None
    if _get_running_loop is None:
        if "asyncio" not in sys.modules:
            return None
        events = sys.modules.get("asyncio.events")
        getter = getattr(events, "_get_running_loop", None)
        loops = getattr(sys.modules.get("asyncio.base_events"), "BaseEventLoop", None)
        if getter is None or loops is None:
            return None
        _set_running_loop = events._set_running_loop
        _run_forever = loops.run_forever
        loops.run_forever = run_forever
        _get_running_loop = getter
        _in_dict = sys.version_info < (3, 13) and type(getter) is type(len)
    return _get_running_loop()


cdef bint loops_possible() noexcept:
    """Whether a loop may run anywhere."""
    return _get_running_loop is not None


def run_forever(self):
    """In the place of asyncio's: a loop drives the routines of its thread from its first turn on."""
    _started(self)
    return _run_forever(self)


def set_running_loop(loop):
    """Tell asyncio which loop runs; `running_loop` has found one before."""
    _set_running_loop(loop)
