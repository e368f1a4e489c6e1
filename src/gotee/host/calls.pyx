"""The secured calls that run in one enclave, and their handles. Host world; gotee.host.enclave is its only user.

What the enclave says about a call is hostile: its number must be that of a running call, its result of the entry's type.
"""

from gotee.boundary.crossing cimport CallCodec
from gotee.boundary.messages cimport CODE_CALL, HEAD, Message, id_of
from gotee.boundary.scalars cimport ROOM, UNUSUAL
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Place, Routine, tuple_of
from gotee.runtime.scheduler cimport current_scheduler

from libc.stdint cimport uint64_t

import types

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind
from gotee.boundary.room import wait_for_room
from gotee.errors import BoundaryTypeError, EnclaveLost
from gotee.host.failures import failure_of

cdef object _Function = types.FunctionType
cdef int CANCEL_CALL = Kind.CANCEL_CALL


cdef class SecuredRoutine(Routine):
    """The handle of a routine that runs in an enclave."""

    def __init__(self):
        raise TypeError("routines are made by go() and gosecure()")

    def cancel(self):
        """Ask the enclave to stop the routine at its next park. False if it is done already."""
        if self.finished:
            return False
        self.wire.post(CANCEL_CALL, self.number)
        return True


cdef class Callee:
    """One entry of an enclave, as its callers need it."""

    def __init__(self, Calls calls, function, Py_ssize_t number, CallCodec codec):
        self.calls = calls
        self.name = function.__qualname__
        self.number = number
        self.codec = codec


cdef class Door(Place):
    """Starts secured routines; `find(function)` gives the Callee of one that has not been started before.

    What `find` has once checked of a function is not checked again.
    """

    def __init__(self, find):
        self.find = find
        self.known = {}

    cdef object begin(self, PyObject *const *args, Py_ssize_t count):
        cdef Callee callee = self.called(<object> args[0])
        cdef SecuredRoutine routine = callee.calls.start_small(callee, args + 1, count - 1)
        if routine is not None:
            return routine
        return callee.calls.start(callee, tuple_of(args + 1, count - 1), {})

    def start(self, f, tuple args, dict kwargs):
        """Start a function as a secured routine."""
        cdef Callee callee = self.called(f)
        return callee.calls.start(callee, args, kwargs)

    cdef Callee called(self, object f):
        cdef Callee callee = None
        if f is self.last and self.callee is not None:
            return self.callee
        if type(f) is _Function:   # hashed by identity
            callee = <Callee> self.known.get(f)
        if callee is None:
            callee = self.find(f)
            if type(f) is not _Function:
                return callee
            self.known[f] = callee
        self.last, self.callee = f, callee
        return callee


cdef class Calls:
    """The calls of one enclave that have not ended."""

    def __init__(self, Wire wire, seat):
        """`seat()` makes the calling thread sleep with the enclave's link."""
        self.wire = wire
        self.seat = seat
        self.running = {}

    cdef SecuredRoutine start(self, Callee callee, tuple args, dict kwargs):
        """Start an entry; parks while too much waits to be sent.

        Raises BoundaryTypeError, with nothing sent, if an argument cannot cross.
        """
        cdef SecuredRoutine routine
        cdef object arguments
        self.ready()
        arguments = callee.codec.encode_arguments(args, kwargs)
        if self.wire.queued and self.wire.full:
            wait_for_room(self.wire)
        routine = self.begin(callee, arguments)
        if self.lost is not None:  # meanwhile: nobody else will tell this call
            self.lose(self.lost, self.ignored)
        return routine

    cdef int ready(self) except -1:
        """Before a call: the enclave is there, and the calling thread sleeps with its link."""
        if self.lost is None and current_scheduler().sleeper is None:
            self.seat()
        if self.lost is not None:
            raise EnclaveLost(self.lost)
        return 0

    cdef SecuredRoutine start_small(self, Callee callee, PyObject *const *args, Py_ssize_t count):
        """`start`, of what needs no encoder and goes at once; None, with nothing done, in all other cases."""
        cdef unsigned char payload[ROOM]
        cdef Py_ssize_t size
        cdef SecuredRoutine routine
        self.ready()
        size = callee.codec.write_arguments(args, count, payload)
        if size < 0:
            return None
        if self.spare is None:
            self.spare = SecuredRoutine.__new__(SecuredRoutine)
        # From here on nothing is called that lets anybody else in.
        if not self.wire.post_small(CODE_CALL, self.last + 1, callee.number, payload, size):
            return None
        routine = self.made(callee)
        self.past = None           # the other side is busy now
        if self.spare is None:
            self.spare = SecuredRoutine.__new__(SecuredRoutine)
        return routine

    cdef SecuredRoutine made(self, Callee callee):
        """The handle of the next call."""
        cdef SecuredRoutine routine = self.spare
        self.spare = None
        if routine is None:
            routine = SecuredRoutine.__new__(SecuredRoutine)
        self.last += 1
        routine.name = callee.name
        routine.number = self.last
        routine.codec = callee.codec
        routine.wire = self.wire
        if self.newest is not None:
            self.running[self.newest.number] = self.newest
        self.newest = routine      # mostly it ends before the next begins, and was never in the dictionary
        return routine

    cdef SecuredRoutine begin(self, Callee callee, object arguments):
        """Send a call and return its handle.

        No Python code before the wire has it: the enclave wants calls in the order of their numbers.
        """
        cdef SecuredRoutine routine = self.made(callee)
        if type(arguments) is bytes:
            self.wire.post(CODE_CALL, routine.number, callee.number, arguments)
        else:
            self.wire.post_gather(CODE_CALL, routine.number, callee.number, arguments)
        self.past = None
        return routine

    cdef bint on_small_result(self, const unsigned char *frame, Py_ssize_t size) except -1:
        """RESULT that needs no decoder. False, with nothing done, for every other frame."""
        cdef SecuredRoutine routine = self.newest
        cdef object value, number = None
        if routine is None or <uint64_t> routine.number != id_of(frame):
            number = id_of(frame)
            routine = self.running.get(number)
            if routine is None:
                return False
        value = routine.codec.read_result(frame + HEAD, size - HEAD)
        if value is UNUSUAL:
            return False
        if number is None:
            self.newest = None
        else:
            del self.running[number]
        routine.complete(value, None)
        self.past = routine        # to free it now would keep its caller waiting
        return True

    cdef int on_result(self, Message message) except -1:
        """RESULT(call, value)."""
        cdef SecuredRoutine routine = self.ended(message.id)
        try:
            value = routine.codec.result(message.payload, message.body)
        except BoundaryTypeError as error:
            routine.complete(None, error)
        else:
            routine.complete(value, None)
        return 0

    def on_end(self, Message message):
        """A call that has no result."""
        cdef SecuredRoutine routine = self.ended(message.id)
        routine.complete(None, failure_of(message, routine.name))

    cdef SecuredRoutine ended(self, uint64_t number):
        cdef SecuredRoutine newest = self.newest
        if newest is not None and <uint64_t> newest.number == number:
            self.newest = None
            return newest
        cdef object routine = self.running.pop(number, None)
        if routine is None:
            raise LinkError(f"the enclave ended call {number}, which is not running")
        return <SecuredRoutine> routine

    def lose(self, str reason, bint ignored):
        """The enclave is gone: every call fails, and nobody has to ask for the failure if it is `ignored`."""
        cdef SecuredRoutine routine
        self.lost = reason
        self.ignored = ignored
        if self.newest is not None:
            self.running[self.newest.number] = self.newest
            self.newest = None
        for number in list(self.running):
            routine = self.running.pop(number, None)
            if routine is not None:
                if ignored:
                    routine.mark_observed()
                routine.complete(None, EnclaveLost(reason))
