"""The secured calls that run in one enclave, and their handles. Host world; gotee.host.enclave is its only user.

What the enclave says about a call is hostile: its number must be that of a running call, its result of the entry's type.
"""

from gotee.boundary.crossing cimport CallCodec
from gotee.boundary.messages cimport CODE_CALL, Message
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Routine
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


cdef class Door:
    """Starts secured routines; `find(function)` gives the Callee of one that has not been started before.

    What `find` has once checked of a function is not checked again.
    """

    def __init__(self, find):
        self.find = find
        self.known = {}

    def start(self, f, tuple args, dict kwargs):
        """Start a function as a secured routine."""
        cdef Callee callee = None
        if type(f) is _Function:   # hashed by identity
            callee = <Callee> self.known.get(f)
        if callee is None:
            callee = self.find(f)
            if type(f) is _Function:
                self.known[f] = callee
        return callee.calls.start(callee, args, kwargs)


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
        if self.lost is not None:
            raise EnclaveLost(self.lost)
        if current_scheduler().sleeper is None:
            self.seat()
        arguments = callee.codec.encode_arguments(args, kwargs)
        if self.wire.queued and self.wire.full:
            wait_for_room(self.wire)
        routine = self.begin(callee, arguments)
        if self.lost is not None:  # meanwhile: nobody else will tell this call
            self.lose(self.lost, self.ignored)
        return routine

    cdef SecuredRoutine begin(self, Callee callee, object arguments):
        """Send a call and return its handle.

        No Python code before the wire has it: the enclave wants calls in the order of their numbers.
        """
        cdef SecuredRoutine routine = SecuredRoutine.__new__(SecuredRoutine)
        self.last += 1
        routine.name = callee.name
        routine.number = self.last
        routine.codec = callee.codec
        routine.wire = self.wire
        if self.newest is not None:
            self.running[self.newest.number] = self.newest
        self.newest = routine      # mostly it ends before the next begins, and was never in the dictionary
        if type(arguments) is bytes:
            self.wire.post(CODE_CALL, routine.number, callee.number, arguments)
        else:
            self.wire.post_gather(CODE_CALL, routine.number, callee.number, arguments)
        return routine

    cdef int on_result(self, Message message) except -1:
        """RESULT(call, value)."""
        cdef SecuredRoutine routine = self.ended(message)
        try:
            value = routine.codec.result(message.payload, message.body)
        except BoundaryTypeError as error:
            routine.complete(None, error)
        else:
            routine.complete(value, None)
        return 0

    def on_end(self, Message message):
        """A call that has no result."""
        cdef SecuredRoutine routine = self.ended(message)
        routine.complete(None, failure_of(message, routine.name))

    cdef SecuredRoutine ended(self, Message message):
        cdef SecuredRoutine newest = self.newest
        if newest is not None and <uint64_t> newest.number == message.id:
            self.newest = None
            return newest
        cdef object routine = self.running.pop(message.id, None)
        if routine is None:
            raise LinkError(f"the enclave ended call {message.id}, which is not running")
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
