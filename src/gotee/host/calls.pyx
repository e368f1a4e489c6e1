"""The secured calls that run in one enclave, and their handles. Host world; gotee.host.enclave is its only user.

What the enclave says about a call is hostile: its number must be that of a running call, its result of the entry's type.
"""

from gotee.boundary.messages cimport CODE_CALL, Message, pack
from gotee.boundary.wire cimport Wire
from gotee.runtime.routine cimport Routine

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import Kind
from gotee.errors import BoundaryTypeError, EnclaveLost
from gotee.host.failures import failure_of

cdef int CANCEL_CALL = Kind.CANCEL_CALL


cdef class SecuredRoutine(Routine):
    """The handle of a routine that runs in an enclave."""

    def __init__(self):
        raise TypeError("routines are made by go() and gosecure()")

    def cancel(self):
        """Ask the enclave to stop the routine at its next park. False if it is done already."""
        if self.finished:
            return False
        self.wire.send(pack(CANCEL_CALL, self.number))
        return True


cdef class Calls:
    """The calls of one enclave that have not ended."""

    def __init__(self, Wire wire):
        self.wire = wire
        self.running = {}

    def begin(self, Py_ssize_t entry, str name, codec, bytes arguments):
        """Send a call and return its handle.

        Compiled code up to the queue of the wire: the enclave wants calls in the order of their numbers.
        """
        cdef SecuredRoutine routine = SecuredRoutine.__new__(SecuredRoutine)
        self.last += 1
        routine.name = name
        routine.number = self.last
        routine.codec = codec
        routine.wire = self.wire
        self.running[self.last] = routine
        self.wire.send(pack(CODE_CALL, routine.number, entry, arguments))
        return routine

    cdef int on_result(self, Message message) except -1:
        """RESULT(call, value)."""
        cdef SecuredRoutine routine = self.ended(message)
        try:
            value = routine.codec.result(message.payload)
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
        cdef object routine = self.running.pop(message.id, None)
        if routine is None:
            raise LinkError(f"the enclave ended call {message.id}, which is not running")
        return <SecuredRoutine> routine

    def lose(self, str reason, bint ignored):
        """The enclave is gone: every call fails, and nobody has to ask for the failure if it is `ignored`."""
        cdef SecuredRoutine routine
        for number in list(self.running):
            routine = self.running.pop(number, None)
            if routine is not None:
                if ignored:
                    routine.mark_observed()
                routine.complete(None, EnclaveLost(reason))
