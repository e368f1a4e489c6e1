"""How questions leave an enclave, and who waits for their answers without letting others run. Enclave world.

The ecall server is the only Door there is; `gotee.enclave.ocalls` asks through it. What else arrives while a question
is waited for is kept in its order, for the server to act on.
"""

import os
from _collections import deque
from errno import EAGAIN
from time import monotonic

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from gotee.boundary.messages cimport (
    CODE_ANSWER, CODE_OCALL, HEAD, Message, OF_HOST, argument_of, id_of, payload_size, read_small, write_head,
)
from gotee.boundary.outside cimport OutsideChannels
from gotee.boundary.wire cimport SMALL, Wire
from gotee.enclave.answers cimport Check
from gotee.runtime.hub cimport Sleeper
from gotee.runtime.scheduler cimport Scheduler, current_scheduler

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.link import INBOX_BYTES
from gotee.boundary.room import wait_for_room
from gotee.enclave.ocalls import LATER, Ocalls, may_park

cdef enum:
    MOST_HEAD = 32               # bytes of a question that has data behind it

cdef uint64_t FIRST_BRIEF = <uint64_t> 1 << 63    # numbers of other questions count from 1
cdef double BRIEFLY = 0.0001     # seconds: a timer that is due within them comes first


cdef class Door(Sleeper):
    """One link to the host, as those who ask need it."""

    cdef int open(self, Wire wire, OutsideChannels channels) except -1:
        self.wire = wire
        self.channels = channels
        self.deferred = deque()
        self.last_brief = FIRST_BRIEF
        self.ocalls = Ocalls(self)
        return 0

    @property
    def blocks(self):
        """Shared memory for what is large, or None."""
        return self.wire.blocks

    def post(self, int kind, uint64_t id, uint64_t argument, bytes payload):
        """Send a message."""
        self.wire.post(kind, id, argument, payload)

    def room(self):
        """Park while too much waits to be sent, if the caller can park."""
        if self.wire.full and may_park():
            wait_for_room(self.wire)

    cdef Message next_message(self):
        """What is to be acted on next, or None."""
        cdef Message message
        if self.deferring:
            message = self.deferred.popleft()
            self.deferring = len(self.deferred) > 0
            self.deferred_bytes -= payload_size(message)
            return message
        return self.wire.next(OF_HOST)

    # -- while nothing else runs ------------------------------------------------------------------------

    def wait_alone(self, ticket):
        """Wait for the answer of an ocall while no routine runs: other messages are acted on later, in their order."""
        cdef Message message
        if self.wire.taken:        # a finalizer that cut into our own sending
            raise BlockingIOError(EAGAIN, "no ocall can be made at this moment")
        while not ticket.answered:
            message = self.wire.next(OF_HOST)
            if message is None:
                if self.wire.ended:
                    os._exit(0)    # the program has ended, and this enclave with it
                self.wire.wait_for(-1.0)
            else:
                self.act_alone(message)

    cdef int act_alone(self, Message message) except -1:
        """While nothing else may run: answers only."""
        if message.code == CODE_ANSWER:
            return self.on_answer(message)
        self.deferred.append(message)
        self.deferring = True
        self.deferred_bytes += payload_size(message)
        if self.deferred_bytes > INBOX_BYTES:
            raise LinkCorrupt(f"the host sent {self.deferred_bytes} bytes and answers no ocall")
        return 0

    cdef int on_answer(self, Message message) except -1:
        if self.brief and message.id == self.brief:
            self.brief_answer = message
        else:
            self.ocalls.on_answer(message)
        return 0

    # -- what is mostly answered at once ------------------------------------------------------------------

    def briefly(self, kind, bytes request, data, check, unwanted, names):
        """Ask `request`, with `data` behind it, and look for the answer for a moment on the caller's stack.

        LATER if nothing was asked: something else has to be done first. Else what `check(payload)` makes of the answer.
        Nothing runs while it looks, so it is no matter whether the caller may park. It stops looking, and waits as all
        others do, when the moment is over or somebody else has something to do, and for an answer that is an error.
        """
        cdef const unsigned char *asked = <const unsigned char *> PyBytes_AS_STRING(request)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(request)
        cdef Py_buffer piece
        if data is None:
            return self.ask(kind, NULL, 0, asked, size, check, unwanted, names)
        if size > MOST_HEAD:
            return LATER
        PyObject_GetBuffer(data, &piece, PyBUF_SIMPLE)
        try:
            return self.ask(kind, asked, size, <const unsigned char *> piece.buf, piece.len, check, unwanted, names)
        finally:
            PyBuffer_Release(&piece)

    cdef object ask(
        self, kind, const unsigned char *request, Py_ssize_t asked, const unsigned char *data, Py_ssize_t size,
        check, unwanted, names
    ):
        """`briefly`, with at most MOST_HEAD bytes of a request."""
        cdef unsigned char head[HEAD + MOST_HEAD]
        cdef uint64_t number
        cdef Message message
        if not self.is_quiet():
            return LATER
        self.last_brief = number = self.last_brief + 1
        self.brief = number
        write_head(head, CODE_OCALL, number, kind)
        memcpy(head + HEAD, request, asked)
        if not self.wire.post_parts(head, HEAD + asked, data, size):
            self.brief = 0
            return LATER
        try:
            answer = self.look_for(number, check)
        except BaseException as error:     # no trusted code decides what to do with a host that lies
            self.scheduler.interrupt_main(error)
            answer = LATER
        if answer is not LATER:
            self.brief = 0
            return answer
        self.ocalls.expect(number, kind, check, unwanted)
        self.brief = 0                     # from now on the answer goes where all others go
        message, self.brief_answer = self.brief_answer, None
        if message is not None:
            try:
                self.ocalls.on_answer(message)
            except BaseException as error:
                self.scheduler.interrupt_main(error)
        return self.ocalls.finish(number, names)

    cdef bint is_quiet(self) except -1:
        """Whether nobody has to wait because the caller does, for a moment."""
        cdef Scheduler scheduler = self.scheduler
        cdef object due
        if self.brief or self.deferring or self.channels.untold or scheduler is None:
            return False
        if current_scheduler() is not scheduler:
            return False               # a thread of its own, which does not have the link
        if scheduler.first_ready is not None or scheduler.own_tasks:
            return False               # they get their turn
        if scheduler.current is None or scheduler.current.cancel_pending or self.wire.ended:
            return False
        if scheduler.live_timers:
            due = scheduler.next_deadline()
            return due is None or <double> due > <double> monotonic() + BRIEFLY
        return True

    cdef object look_for(self, uint64_t number, check):
        """What `check` makes of an answer without errors; else LATER, with the answer in `brief_answer` if it has come."""
        cdef unsigned char frame[SMALL]
        cdef Py_ssize_t size
        cdef Message message
        cdef bytes payload
        while True:
            size = self.wire.take_small(frame)
            if size >= 0 and frame[0] == CODE_ANSWER and id_of(frame) == number and not argument_of(frame):
                payload = PyBytes_FromStringAndSize(<const char *> frame + HEAD, size - HEAD)
            else:
                message = self.wire.next(OF_HOST) if size < 0 else read_small(frame, size, OF_HOST)
                if message is not None:
                    self.act_alone(message)
                elif self.wire.ended or not self.wire.spin_briefly():
                    return LATER
                message = self.brief_answer
                if message is None:
                    if self.deferring or self.scheduler.first_ready is not None:
                        return LATER
                    continue
                if message.argument or message.body is not None:
                    return LATER
                payload = message.payload
            try:
                answer = (<Check> check).of(payload) if isinstance(check, Check) else check(payload)
            except Exception:          # `on_answer` says what is wrong, where trusted code cannot catch it
                if self.brief_answer is None:
                    self.brief_answer = read_small(frame, size, OF_HOST)
                return LATER
            self.brief_answer = None
            return answer
