"""Routine: the handle of what `go` and `gosecure` started, and for a local one the G itself.

Both worlds. `spawn` is called by `go`, by the tee that runs secured routines, and by nothing else.
"""

import sys
from _collections_abc import GenericAlias, coroutine
from _signal import SIGINT, getsignal
from _thread import interrupt_main
from _weakref import ref

from gotee.errors import Cancelled

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM

from gotee.runtime.greenlets cimport current_greenlet, import_greenlet
from gotee.runtime.loops cimport running_loop
from gotee.runtime.ready cimport G, GWaiter, PARKED
from gotee.runtime.scheduler cimport Scheduler, blocking, current_scheduler, deadline_in, new_waiter
from gotee.runtime.waiting cimport Node, Waiter, WaitQueue

cdef extern from *:
    """
    #define gotee_tuple_items(value) (((PyTupleObject *)(value))->ob_item)
    """
    PyObject **items_of "gotee_tuple_items" (tuple)
    object called "PyObject_Vectorcall" (object, PyObject *const *, size_t, PyObject *)

import_greenlet()

cdef Py_ssize_t _number = 0
cdef object _report = None
cdef object _run_coroutine = None
cdef object _Coroutine = coroutine
failed = {}    # by number, a weak reference to the Unasked of each routine that has one


def set_hooks(report, run_coroutine):
    """Called once by the package: who prints lost failures, who runs coroutines."""
    global _report, _run_coroutine
    _report = report
    _run_coroutine = run_coroutine


cdef class Unasked:
    """The failure of a routine for which nobody has asked. If nobody can any more, because the handle is gone, it is reported.

    Not the handle's own finalizer: that cost each call a twentieth of its time, and few calls fail.
    """

    def __str__(self):
        return f"{self.name}#{self.number}"

    def failure(self):
        """What `result` would have raised."""
        if self.translate is not None:
            translate, self.translate = self.translate, None
            self.exception = translate(self.exception)
        return self.exception

    def mark_observed(self):
        """It has been reported, or asked for."""
        self.observed = True
        failed.pop(self.number, None)

    def __del__(self):
        if not self.observed and _report is not None:
            self.mark_observed()
            try:
                _report(self)
            except KeyboardInterrupt:
                interrupt_main()       # a Ctrl-C just now: main is to get it, and it can go nowhere from here


cdef class Routine(G):
    """A handle of a routine started with `go` or `gosecure`.

    Ignoring it is fine, as in Go; a failure that nobody asks for is reported on standard error, not lost.

    >>> from gotee import go
    >>> go(divmod, 7, 2).result()
    (3, 1)
    """

    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __init__(self):
        raise TypeError("routines are made by go() and gosecure()")

    def __str__(self):
        return f"{self.name}#{self.number}"

    def __repr__(self):
        if not self.finished:
            state = "parked" if self.state == PARKED else "running"
        elif self.cancelled:
            state = "cancelled"
        else:
            state = "done" if self.exception is None else "failed"
        return f"<Routine {self} {state}>"

    cdef int run(self) except -1:
        function, args, kwargs = self.function, self.args, self.kwargs
        self.function = self.args = self.kwargs = None
        if self.cancel_pending:
            self.cancel_pending = False
            return self.complete(None, Cancelled())
        if self.throw is not None:
            exception, self.throw = self.throw, None
            return self.complete(None, exception)
        try:
            value = called(function, items_of(args), PyTuple_GET_SIZE(args), NULL) if kwargs is None else function(*args, **kwargs)
            if type(value) is _Coroutine:
                value = _run_coroutine(self.scheduler, value)
        except (KeyboardInterrupt, SystemExit) as stop:
            self.stopped(stop)
        except BaseException as exception:
            self.complete(None, exception)
        else:
            self.complete(value, None)
        return 0

    cdef int stopped(self, object stop) except -1:
        """It raised KeyboardInterrupt or SystemExit: these are for main."""
        self.complete(None, Cancelled())
        self.scheduler.interrupt_main(stop)
        return 0

    cdef int complete(self, object value, object exception) except -1:
        """Settle the routine and wake everybody who waits for it. No Python code: a signal handler may not cut in."""
        if self.finished:
            return 0
        self.cancelled = exception is not None and isinstance(exception, Cancelled)
        self.value = value
        self.exception = exception
        self.finished = True
        if exception is not None and not self.cancelled and not self.observed:
            self.keep_unasked()
        cdef Node node
        while self.watchers is not None and self.watchers.head is not None:
            node = self.watchers.head
            node.waiter.fire(node.index, None, True)
        return 0

    cdef int keep_unasked(self) except -1:
        cdef Unasked unasked = Unasked.__new__(Unasked)
        unasked.name, unasked.number = self.name, self.number
        unasked.exception, unasked.translate = self.exception, self.translate
        self.unasked = unasked
        failed[self.number] = ref(unasked)
        return 0

    cpdef bint watch(self, Waiter waiter) except -1:
        """Fire `waiter` when done; False if it is done already."""
        if self.watchers is None:
            self.watchers = WaitQueue.__new__(WaitQueue)
        cdef Node node = waiter.add(0, None)
        if self.finished:
            waiter.unlink_all()
            return False
        self.watchers.push(node)
        return True

    def done(self):
        """Whether it has returned, failed or been cancelled."""
        return self.finished

    def outcome(self):
        """The value or the exception of a finished routine, which counts as asked for."""
        return self.settled()

    cdef object settled(self):
        """`outcome`, for compiled code."""
        if self.exception is None:
            self.observed = True
            return self.value
        self.mark_observed()
        raise self.failure()

    def failure(self):
        """What `result` raises; None if it has not failed."""
        if self.translate is not None and self.exception is not None and not self.cancelled:
            translate, self.translate = self.translate, None
            self.exception = translate(self.exception)
        return self.exception

    def result(self, timeout=None):
        """Park until the routine is done; return its value or raise what it raised.

        `timeout` is in seconds. Raises TimeoutError when it runs out, Cancelled if the routine was cancelled,
        SecuredRoutineError if a secured routine failed.
        """
        cdef Scheduler scheduler
        cdef GWaiter waiter
        cdef double deadline = 0
        if timeout is not None:
            deadline = deadline_in(timeout, "result")
        if not self.finished:
            scheduler = blocking("await routine")
            scheduler.attend(self)
        if not self.finished:
            waiter = new_waiter(scheduler)
            waiter.subject = self
            if self.watch(waiter):
                if timeout is None:
                    scheduler.wait(waiter, "result")
                elif not scheduler.wait_until(waiter, "result", deadline):
                    raise TimeoutError(f"routine {self} was not done within {timeout} seconds")
        return self.settled()

    def __await__(self):
        from gotee.runtime.aio import wait_routine

        return wait_routine(self).__await__()

    def cancel(self):
        """Ask the routine to stop: `Cancelled` is delivered at its next park. False if it is done already.

        A routine that has not started never starts. One that computes without parking cannot be interrupted.
        """
        if self.finished:
            return False
        running_loop()
        if self.state == PARKED and self.waiter is not None and not self.waiter.fired:
            (<Scheduler> self.scheduler).interrupt(self, Cancelled())
        elif self.throw is None:
            self.cancel_pending = True
        return True

    def name_it(self, str name, Py_ssize_t number):
        """For handles of routines that run elsewhere."""
        self.name = name
        self.number = number

    def finish(self, value, exception):
        """A routine that runs elsewhere has returned or failed; from any thread."""
        self.complete(value, exception)

    def mark_observed(self):
        """Its failure has been reported, or asked for."""
        cdef Unasked unasked = self.unasked
        self.observed = True
        if unasked is not None:
            self.unasked = None
            unasked.mark_observed()


cdef extern from *:
    """
    #include <signal.h>

    static int gotee_interrupted;

    /* What Python itself does after a KeyboardInterrupt that nobody has caught. */
    static void gotee_end_of_process(void) {
        if (gotee_interrupted) {
            signal(SIGINT, SIG_DFL);
            raise(SIGINT);
        }
    }

    static int gotee_code_runs(void) { return PyEval_GetFrame() != NULL; }
    """
    bint gotee_interrupted
    void gotee_end_of_process() noexcept
    bint gotee_code_runs()
    int Py_AtExit(void (*function)() noexcept)

cdef object _tell_unraisable = None


def keep_interrupts():
    """From now on a Ctrl-C that comes in a finalizer, in a callback of a weak reference or the like is not lost.

    What these raise goes no further; so main gets the KeyboardInterrupt again a moment later. If main has ended, so does
    the process, as one that a Ctrl-C has ended.
    """
    global _tell_unraisable
    if _tell_unraisable is None:
        Py_AtExit(gotee_end_of_process)
        _tell_unraisable = sys.unraisablehook
        sys.unraisablehook = _on_unraisable


def _on_unraisable(unraisable):
    """In the place of sys.unraisablehook. Compiled, so that a second Ctrl-C cannot cut in."""
    global gotee_interrupted
    if unraisable.exc_type is KeyboardInterrupt and callable(getsignal(SIGINT)):
        if gotee_code_runs() or current_greenlet().parent is not None:
            interrupt_main()
            return
        gotee_interrupted = True   # only exit handlers run: each is to do its work
    _tell_unraisable(unraisable)


cdef Py_ssize_t next_number() noexcept:
    """The number of the next routine of this process."""
    global _number
    _number += 1
    return _number


def spawn(function, tuple args, dict kwargs, str name=None, translate=None):
    """Start `function(*args, **kwargs)` as a routine of the calling thread.

    `translate` maps the exception with which it failed to the one that `result` raises.
    """
    cdef Routine routine = Routine.__new__(Routine)
    routine.number = next_number()
    routine.function = function
    routine.args = args
    routine.kwargs = kwargs if kwargs else None
    routine.translate = translate
    if name is None:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
    routine.name = name
    current_scheduler().spawn(routine)
    return routine


cdef tuple tuple_of(PyObject *const *items, Py_ssize_t count):
    """A tuple of these objects."""
    cdef tuple made = PyTuple_New(count)
    cdef Py_ssize_t i
    for i in range(count):
        Py_INCREF(<object> items[i])
        PyTuple_SET_ITEM(made, i, <object> items[i])
    return made


cdef dict _keywords(PyObject *const *values, tuple names):
    cdef Py_ssize_t i
    return {names[i]: <object> values[i] for i in range(len(names))}


cdef class Place:
    """Where secured routines run. `gosecure` asks it for each."""

    def start(self, function, tuple args, dict kwargs):
        """Start `function(*args, **kwargs)` there as a secured routine; its handle."""
        raise NotImplementedError

    cdef object begin(self, PyObject *const *args, Py_ssize_t count):
        """`start`, with the function and its arguments as a call has them, none of them by keyword."""
        return self.start(<object> args[0], tuple_of(args + 1, count - 1), {})


cdef object _choose_place = None
cdef Place _place = None


def set_place(choose):
    """Called once by the package: `choose()` says where secured routines run, when the first is started."""
    global _choose_place
    _choose_place = choose


cdef object _go(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names):
    if count == 0:
        raise TypeError("go() needs a function")
    function = <object> args[0]
    if not callable(function):
        raise TypeError(f"go() needs a function, got {type(function).__name__}; write go(f, x), not go(f(x))")
    kwargs = None if names is NULL else _keywords(args + count, <tuple> names)
    return spawn(function, tuple_of(args + 1, count - 1), kwargs)


cdef object _gosecure(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names):
    global _place
    if count == 0:
        raise TypeError("gosecure() needs a function")
    if _place is None:
        _place = _choose_place()
    if names is NULL:
        return _place.begin(args, count)
    return _place.start(<object> args[0], tuple_of(args + 1, count - 1), _keywords(args + count, <tuple> names))


cdef extern from *:
    """
    /* Functions as the interpreter calls them: a tuple and a dictionary of the arguments for each call of those would cost
       a tenth of a secured call. */
    typedef PyObject *(*gotee_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

    static PyObject *gotee_function_of(const char *name, gotee_function function, PyObject *doc, PyObject *module) {
        PyMethodDef *definition = PyMem_Calloc(1, sizeof *definition);  /* for as long as the process */
        if (definition == NULL)
            return PyErr_NoMemory();
        definition->ml_name = name;
        definition->ml_meth = (PyCFunction)(void (*)(void))function;
        definition->ml_flags = METH_FASTCALL | METH_KEYWORDS;
        definition->ml_doc = PyBytes_AS_STRING(Py_NewRef(doc));
        return PyCFunction_NewEx(definition, NULL, module);
    }
    """
    object gotee_function_of(const char *name, void *function, object doc, object module)


go = gotee_function_of("go", <void *> _go, b"""go(function, /, *args, **kwargs)
--

Start `function(*args, **kwargs)` as a routine of this thread, in the same world, and return its handle.

A routine runs while its thread is parked in gotee (in `recv`, `send`, `select`, `sleep`, `result`), or from
callbacks of the thread's running asyncio loop. An `async def` runs as a task.

>>> from gotee import Chan, go
>>> done = Chan[int](1)
>>> routine = go(done.send, 42)
>>> done.recv()
42
""", __name__)

gosecure = gotee_function_of("gosecure", <void *> _gosecure, b"""gosecure(f, /, *args, **kwargs)
--

Start `f(*args, **kwargs)` as a secured routine and return its handle.

`f` is a module-level function. If it fails, `result()` raises SecuredRoutineError, which carries the type and
message of what it raised. Raises SecuredRoutineError at once if `f` cannot be a secured routine.

Where it runs is said by `GOTEE_TEE` or `gotee run --tee`. With `process`, the default, that is an enclave process
of the same user, which the first call builds and starts; with `inline`, and in pytest runs, it is this process.
Neither protects anything from code of the same user. Inside an enclave, gosecure means the same as go.

>>> from textwrap import dedent
>>> from gotee import gosecure
>>> gosecure(dedent, "  hello").result()
'hello'
""", __name__)
