"""The ecall server: the enclave's only door. Enclave world.

Every message of the host comes here. An entry may be called at any time with any arguments of its types; whatever else
arrives is an attack or a defect of the host, and ends the enclave.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t

from gotee.boundary.crossing cimport CallCodec
from gotee.boundary.messages cimport (
    CODE_ANSWER, CODE_CALL, CODE_CANCEL_CALL, CODE_LEND, CODE_OBSERVE, CODE_PASSIVE, CODE_PROBE, CODE_RESULT, CODE_SPACE,
    CODE_STOP, HEAD, Message, OF_HOST, argument_of, id_of, pack, read_small,
)
from gotee.boundary.outside cimport OutsideChannels
from gotee.boundary.scalars cimport ROOM, UNUSUAL
from gotee.boundary.wire cimport SMALL, Wire
from gotee.enclave.door cimport Door
from gotee.runtime.routine cimport Routine, next_number
from gotee.runtime.ready cimport G

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.limits import in_force
from gotee.boundary.messages import Kind, pack_error
from gotee.boundary.room import wait_for_room
from gotee.enclave.console import Console
from gotee.errors import BoundaryTypeError, Overloaded, UsageError
from gotee.runtime import selecting
from gotee.runtime.deadlock import waiting_table
from gotee.runtime.parking import Ticket
from gotee.runtime.scheduler import scheduler_of_this_thread, thread_states

cdef enum:
    MOST_TABLE = 64 << 10    # bytes of the table of who waits for what


cdef class _Entry:
    """One function of the fixed table."""

    cdef object function
    cdef CallCodec codec
    cdef str name

    def __init__(self, function, CallCodec codec):
        self.function = function
        self.codec = codec
        self.name = function.__qualname__


cdef class _Call(Routine):
    """A routine that the host has started, and waits for."""

    cdef Server server
    cdef _Entry entry
    cdef uint64_t id

    cdef int stopped(self, object stop) except -1:
        """SystemExit or KeyboardInterrupt of a secured routine: it failed; the enclave goes on."""
        return self.complete(None, stop)

    cdef int complete(self, object value, object exception) except -1:
        if self.finished:
            return 0
        Routine.complete(self, value, exception)
        return self.server.on_done(self)


cdef class Server(Door):
    """Serves the entries of one image over one link.

    From its making on, the console is the host's: the program's modules are imported after that.
    """

    cdef object console
    cdef list entries
    cdef dict calls              # by number, but for
    cdef _Call newest            # the call that came last, if it runs
    cdef _Call spare             # for the next: made while the host is busy
    cdef uint64_t last_call
    cdef Py_ssize_t most_calls
    cdef object ended
    cdef bint over               # `ended` has been told
    cdef object failures
    cdef object observer
    cdef bint probed
    cdef uint64_t epoch          # of the probe that is held

    def __init__(self, Wire wire, failures, console=True):
        self.open(wire, OutsideChannels(wire, self._room))
        self.failures = failures
        self.console = Console(wire, self.room, console)
        self.entries = []
        self.calls = {}
        self.most_calls = in_force().routines
        self.ended = Ticket()

    def serve(self, table):
        """Answer the host until the link ends; `table` is the image's fixed table of entries."""
        self.entries = list(table)
        for number in range(len(self.entries) - 1):   # the last is gotee's own, which few programs' hosts call
            self.entry(number)
        selecting.set_hooks(self.channels.select)
        self.scheduler = scheduler_of_this_thread()
        self.scheduler.sleep_with(self)
        self._send(pack(Kind.READY))
        self.ended.wait("ecalls", None)
        self.console.flush()
        if self.observer is not None:
            self.observer.tell(last=True)
        self.wire.drain()

    cdef object entry(self, Py_ssize_t number):
        """An entry, as it is needed for calls.

        One that nobody can call, because its annotations mean nothing, does not stop the others: it is the UsageError.
        """
        cdef object found = self.entries[number]
        if not isinstance(found, (_Entry, UsageError)):
            try:
                found = _Entry(found, CallCodec(found, self.channels))
            except UsageError as error:
                found = error
            self.entries[number] = found
        return found

    def observe(self, wanted):
        """The host wants to know what happens here; an image for release does not say."""
        if not self.failures.debug:
            return
        from gotee.boundary.observed import DEBUG    # msgspec, which most programs do without

        if wanted & DEBUG:
            self.debug()
        elif self.observer is None:
            from gotee.enclave.observer import Observer

            self.wire.tap = self.observer = Observer((<object> self.wire).post, wanted)

    def debug(self):
        """A debugger stops in the first routine that is started from now on."""
        from gotee.enclave.debugger import Debugger

        cdef _Entry one
        debugger = Debugger()
        for number in range(len(self.entries)):
            entry = self.entry(number)
            if isinstance(entry, _Entry):
                one = entry
                one.function = debugger.debugged(one.function)

    def fail(self, error):
        """Tell the host why the image cannot be served."""
        self._send(self.failures.of_start(error))
        self.console.flush()
        self.wire.drain()

    # -- the scheduler sleeps here ------------------------------------------------------------------

    cdef int rest(self, double seconds) except -1:
        """Sleep until the host sends something."""
        if self.wire.ahead is not None:
            self.wire.go_ahead()
        if self.channels.untold:
            self.channels.tell()
        if not self.dispatch_all() and self.scheduler.first_ready is None:
            if (
                self.probed
                and self.scheduler.at_rest
                and not self.wire.queued
                and not self.ocalls.waiting
                and thread_states() == 1
            ):
                self.answer_probe()
            if self.spare is None:
                self.spare = _Call.__new__(_Call)
            self.wire.wait_for(seconds)
            self.dispatch_all()
        return 0

    cpdef int poll(self) except -1:
        """Act on what has arrived."""
        if self.channels.untold:
            self.channels.tell()
        self.dispatch_all()
        return 0

    cdef int attend(self, G g) except -1:
        """Look for a moment, on the stack of a routine that has parked: an answer of the host mostly comes within it."""
        if self.wire.ahead is not None:
            self.wire.go_ahead()
        if self.channels.untold:
            self.channels.tell()
        while not self.wire.ended and self.scheduler.first_ready is None:
            if not self.dispatch_all() and not self.wire.spin_briefly():
                break
        return 0

    cpdef int notify(self) except -1:
        self.wire.wake()
        return 0

    cdef bint dispatch_all(self) except -1:
        cdef bint busy = False
        cdef Message message
        cdef unsigned char frame[SMALL]
        cdef Py_ssize_t size
        if self.scheduler is not None:
            self.scheduler.acting = True     # whoever calls this looks at what is ready next
        try:
            while self.deferring or not self.wire.still():
                size = -1 if self.deferring else self.wire.take_small(frame)
                if size >= 0 and frame[0] == CODE_CALL:
                    busy = True
                    self.on_call(id_of(frame), argument_of(frame), frame + HEAD, size - HEAD, None)
                    continue
                message = self.next_message() if size < 0 else read_small(frame, size, OF_HOST)
                if message is None:
                    break
                busy = True
                self.dispatch(message)
        finally:
            if self.scheduler is not None:
                self.scheduler.acting = False
        if self.wire.ended and not self.over:
            self.over = True
            self.ended.give(None)
            busy = True
        return busy

    # -- messages --------------------------------------------------------------------------------------

    def _send(self, bytes frame):
        self.send(frame)

    def _room(self):
        if self.wire.full:
            wait_for_room(self.wire)

    cdef int send(self, bytes frame) except -1:
        return self.wire.send(frame)

    cdef int answer_probe(self) except -1:
        """At rest: nothing here happens before the host sends something. A probe is held until then."""
        self.probed = False
        rows = []
        if self.failures.debug:   # where trusted code waits is nobody's business in an image for release
            rows = [row for row in waiting_table() if not row.startswith("  main: ")]   # that is the serving itself
        table = "\n".join(rows).encode("utf-8", "backslashreplace")
        return self.send(pack(CODE_PASSIVE, self.epoch, 0, table[:MOST_TABLE]))

    cdef int dispatch(self, Message message) except -1:
        if message.code == CODE_CALL:
            self.on_call(message.id, message.argument, NULL, 0, message.payload)
        elif message.code == CODE_ANSWER:
            self.on_answer(message)
        elif message.code == CODE_PROBE:
            self.probed = True
            self.epoch = message.id
        elif message.code == CODE_OBSERVE:
            self.observe(message.id)
        elif message.code == CODE_STOP:
            self.ended.give(None)
        elif message.code == CODE_CANCEL_CALL:
            call = self.calls.get(message.id)
            if self.newest is not None and self.newest.id == message.id:
                self.newest.cancel()
            elif call is not None:  # else its result is on its way
                (<_Call> call).cancel()
        elif message.code == CODE_LEND:
            self.channels.on_lend(message)
        elif message.code == CODE_SPACE:
            self.channels.on_space(message)
        else:
            self.channels.on_answer(message)
        return 0

    cdef int on_call(
        self, uint64_t id, uint64_t argument, const unsigned char *data, Py_ssize_t size, bytes payload
    ) except -1:
        """CALL. The arguments are in `data`, which is private memory, if `payload` is None."""
        cdef _Call call
        cdef _Entry entry
        cdef object found, args
        cdef dict kwargs = None
        if id <= self.last_call or argument >= <uint64_t> len(self.entries):
            raise LinkCorrupt(f"call {id} of entry {argument} cannot be")
        self.last_call = id
        found = self.entries[<Py_ssize_t> argument]
        if type(found) is not _Entry:
            found = self.entry(argument)
        if type(found) is not _Entry:
            self.send(pack(Kind.FAILED, id, 0, pack_error("UsageError", str(found))))
            return 0
        entry = found
        if len(self.calls) + (self.newest is not None) >= self.most_calls:
            self.send(pack(Kind.OVERLOADED, id))
            return 0
        try:
            if payload is None:
                args = entry.codec.read_arguments(data, size)
                if args is UNUSUAL:
                    payload = PyBytes_FromStringAndSize(<const char *> data, size)
            if payload is not None:
                args, kwargs = entry.codec.arguments(payload)
        except BoundaryTypeError as error:
            self.send(pack(Kind.REFUSED, id, 0, pack_error(error.path, error.reason)))
            return 0
        except Overloaded:
            self.send(pack(Kind.OVERLOADED, id))
            return 0
        call = self.spare
        self.spare = None
        if call is None:
            call = _Call.__new__(_Call)
        call.number = next_number()
        call.name = entry.name
        call.function, call.args = entry.function, args
        if kwargs:
            call.kwargs = kwargs
        call.server, call.entry, call.id = self, entry, id
        if self.newest is not None:
            self.calls[self.newest.id] = self.newest
        self.newest = call         # mostly it ends before the next comes, and was never in the dictionary
        return self.scheduler.spawn(call)

    cdef int on_done(self, _Call call) except -1:
        cdef object payload
        cdef unsigned char frame[ROOM]
        cdef Py_ssize_t size
        if self.newest is call:
            self.newest = None
        else:
            del self.calls[call.id]
        error = call.exception
        if error is None:
            try:
                size = call.entry.codec.write_result(call.value, frame)
                payload = None if size >= 0 else call.entry.codec.encode_result(call.value)
            except BoundaryTypeError as refused:
                return self.send(self.failures.of_result(call.id, refused, call.entry.name))
            except Overloaded:
                return self.send(pack(Kind.OVERLOADED, call.id, 1))
            except Exception as broken:   # what the program's own classes do while they are copied
                return self.send(self.failures.of_call(call.id, broken, call.entry.name))
            if payload is None:
                if self.wire.post_small(CODE_RESULT, call.id, 0, frame, size):
                    return 0
                payload = PyBytes_FromStringAndSize(<const char *> frame, size)
            if type(payload) is bytes:
                return self.wire.post(CODE_RESULT, call.id, 0, payload)
            return self.wire.post_gather(CODE_RESULT, call.id, 0, payload)
        call.mark_observed()
        if call.cancelled:
            return self.send(pack(Kind.CALL_CANCELLED, call.id))
        return self.send(self.failures.of_call(call.id, error, call.entry.name))
