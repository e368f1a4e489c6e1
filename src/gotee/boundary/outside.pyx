"""Crossing channels as the enclave sees them: each operation is a question to their home, and one answer.

Enclave world. The server gives every answer to `on_answer`; routines call the rest through Chan and select.
Nothing is taken until it is granted. Timeout and cancel ask CANCEL and wait for what comes: an answer that was on its
way wins, so that no value is lost. An answer that nobody asked for is an attack and ends the enclave.
"""


cimport cython
from libc.stdint cimport uint64_t

from gotee.boundary.crossing cimport Crossed, ValueCodec, general, whole
from gotee.boundary.loans cimport Borrowed, borrowed
from gotee.boundary.spaces cimport BorrowedSpace, borrowed_space
from gotee.boundary.messages cimport (
    CODE_CANCEL, CODE_CANCELLED, CODE_CLOSE, CODE_CLOSED, CODE_ERROR, CODE_GRANT, CODE_LEN, CODE_LENGTH, CODE_NONE,
    CODE_OFFER, CODE_OK, CODE_RELEASE, CODE_SELECT, CODE_TAKEN, CODE_TOOK, CODE_WANT, Message,
)
from gotee.boundary.wire cimport Wire
from gotee.runtime.channel cimport Chan, Encoded, Outcome, Outside
from gotee.runtime.ready cimport GWaiter
from gotee.runtime.scheduler cimport Scheduler, blocking, current_scheduler, new_waiter

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.limits import in_force
from gotee.boundary.messages import pack_cases, unpack_capacity, unpack_error
from gotee.boundary.mixed import MixedSelect
from gotee.errors import BoundaryTypeError, Cancelled, ChannelClosed, Overloaded, UsageError
from gotee.runtime.library import library
from gotee.runtime.selecting import Recv, Selected, Send


cdef uint64_t answers_to(int kind) except 0:
    """Which answers a question may have, as bits by their numbers."""
    if kind == CODE_WANT:
        return 1 << CODE_GRANT | 1 << CODE_CLOSED | 1 << CODE_CANCELLED
    if kind == CODE_OFFER:
        return 1 << CODE_TAKEN | 1 << CODE_CLOSED | 1 << CODE_CANCELLED | 1 << CODE_ERROR
    if kind == CODE_SELECT:
        return (
            1 << CODE_GRANT | 1 << CODE_TAKEN | 1 << CODE_CLOSED | 1 << CODE_NONE | 1 << CODE_CANCELLED
            | 1 << CODE_ERROR
        )
    if kind == CODE_CLOSE:
        return 1 << CODE_OK | 1 << CODE_ERROR
    return 1 << CODE_LENGTH


@cython.freelist(64)
cdef class Question:
    """What the host was asked and has not answered: `deliver(answer)` is called, or `waiter` fires."""


cdef class End(Outside):
    """The inner end of one channel of the host."""

    cdef OutsideChannels world
    cdef uint64_t number
    cdef ValueCodec codec
    cdef Py_ssize_t times        # how often it has crossed: RELEASE tells
    cdef Py_ssize_t room         # the channel's capacity; -1 before it was asked
    cdef Borrowed loan           # what stands next in its buffer, if the home lent that
    cdef bint owes               # to tell the home that some of it was taken
    cdef BorrowedSpace space     # room in its buffer, if the home lent that

    cdef int send(self, Scheduler scheduler, Chan channel, object value) except -1:
        cdef Crossed crossed = (<Encoded> self.codec.encode(value)).data
        cdef Message answer
        if self.space is not None and self.put(crossed):
            return 0
        if self.world.wire.queued:
            self.world.room()
        answer = self.world.ask(scheduler, CODE_OFFER, self.number, crossed.payload, "send", channel, crossed.body)
        if answer.code == CODE_CLOSED:
            raise ChannelClosed(f"send on closed channel {channel}")
        return 0

    cdef bint put(self, Crossed value) except -1:
        """Send without asking, if room was lent: not what has channels in it, and not while somebody watches."""
        if value.channels or value.body is not None or general(value.payload) or self.world.wire.tap is not None:
            return False
        if not self.space.put(value.payload):
            self.space = None
            return False
        if self.space.listened():
            self.world.wire.post(CODE_TOOK, self.number)
        return True

    cdef int recv(self, Scheduler scheduler, Chan channel, Outcome out) except -1:
        cdef Message answer
        cdef bytes payload
        if self.loan is not None:
            payload = self.lent()
            if payload is not None:
                out.ok = True
                out.value = self.codec.arrived(payload)
                return 0
        self.owes = False          # the question says it too
        answer = self.world.ask(scheduler, CODE_WANT, self.number, b"", "recv", channel)
        out.ok = answer.code != CODE_CLOSED
        out.value = self.codec.arrived(answer.payload, answer.body) if out.ok else None
        return 0

    cdef bytes lent(self):
        """The next value of the loan. Its home hears of it halfway, or when this world has nothing else to do."""
        cdef Borrowed loan = self.loan
        cdef bytes payload = loan.take()
        if payload is None:
            self.loan = None
        elif not self.owes:
            self.owes = True
            self.world.untold.append(self)
        elif len(loan.values) == loan.half:
            self.tell()
        return payload

    cdef int tell(self) except -1:
        self.owes = False
        self.world.wire.post(CODE_TOOK, self.number)
        return 0

    cpdef int close(self, Chan channel) except -1:
        self.world.ask_home(CODE_CLOSE, self.number, "close", channel)
        return 0

    cpdef Py_ssize_t length(self, Chan channel) except -1:
        cdef uint64_t length = self.world.ask_home(CODE_LEN, self.number, "len", channel).argument
        if length >> 63:
            raise LinkCorrupt(f"a channel holds {length} values")
        return <Py_ssize_t> length

    cpdef Py_ssize_t capacity(self, Chan channel) except -1:
        """Asked once, as it never changes."""
        cdef uint64_t room
        if self.room < 0:
            room = unpack_capacity(self.world.ask_home(CODE_LEN, self.number, "capacity", channel).payload)
            if room >> 63:
                raise LinkCorrupt(f"a channel has room for {room} values")
            self.room = <Py_ssize_t> room
        return self.room


cdef class OutsideChannels:
    """Every channel of the host that this enclave has a handle of.

    `room()` parks until there is room for an operation that carries a value.
    """

    def __init__(self, Wire wire, room):
        self.wire = wire
        self.room = room
        self.questions = {}
        self.untold = []
        self.ends = {}

    # -- handles ------------------------------------------------------------------------------------

    def number(self, Chan channel, elements):
        """How the host names a channel that leaves in a value; a channel made in here never leaves."""
        if channel.outside is None:
            raise BoundaryTypeError(f"{channel} was made inside the enclave and cannot leave it")
        return (<End?> channel.outside).number

    def channel(self, number, elements):
        """Our end of the channel that the host names in a value: the same object as long as somebody has it."""
        cdef Chan channel = self.ends.get(number)
        cdef End end
        if channel is None:
            weakref = library("weakref")
            if type(self.ends) is dict:
                self.ends = weakref.WeakValueDictionary()
            if len(self.ends) >= in_force().channels:
                raise Overloaded(f"more than {in_force().channels} channels of the host are in use inside")
            end = End.__new__(End)
            end.world, end.number, end.room = self, number, -1
            end.codec = ValueCodec(elements, self)
            from typing import Any  # there already: somebody has read the annotation

            channel = Chan()
            channel.live_outside(end, None if elements.annotation is Any else elements.annotation)
            self.ends[number] = channel
            weakref.finalize(channel, self._release, end).atexit = False
        else:
            end = <End> channel.outside
            known = end.codec.elements
            if known is not elements and known.text != elements.text:
                raise BoundaryTypeError(f"Expected {elements.name}, got {known.name}")
        end.times += 1
        return channel

    def refuse(self, numbers):
        """A value of the host cannot be built: it counted these handles of it, which nobody here has got."""
        for number in numbers:
            self.wire.post(CODE_RELEASE, number, 1)

    def crosses(self, Encoded value):
        """The bytes of a value that leaves for the host."""
        return whole(value.data)

    def _release(self, End end):
        if end.times:
            self.wire.post(CODE_RELEASE, end.number, end.times)

    # -- select -----------------------------------------------------------------------------------------

    def select(self, tuple cases, bint default, timeout):
        """select() that meets the other world: in one of its cases, or in a partner that waits outside too."""
        crossing = [i for i, case in enumerate(cases) if case.channel is not None and case.channel.outside is not None]
        # What cannot cross is refused before anything is asked.
        values = {i: self._value(cases[i]) for i in crossing}
        if not default and timeout is None:
            self.room()
        if timeout is None and len(crossing) == sum([case.channel is not None for case in cases]):
            return self._select_there(cases, crossing, values, default)
        return MixedSelect(cases, crossing, default, _Asking(self, cases, values).ask, self._take_back).run(timeout)

    cdef object _select_there(self, tuple cases, list places, dict values, bint default):
        """A select with all its cases outside: one question, to which every answer is the end."""
        cdef Scheduler scheduler = blocking("await gotee.aselect(...)")
        cdef Question question = Question.__new__(Question)
        question.cases, question.places = cases, places
        self.ask_as(scheduler, question, CODE_SELECT, default, packed(cases, places, values), "select", cases)
        found = self._meaning(cases, places, question.answer)
        if found is None:
            return Selected(-1, None, None, False)
        if isinstance(found, ChannelClosed):
            raise found
        return found

    def _value(self, case):
        if isinstance(case, Recv):
            return None
        return self.crosses((<End> (<Chan> case.channel).outside).codec.encode(case.value))

    def _meaning(self, tuple cases, list places, Message answer):
        """What an answer to SELECT means for the routine; None for NONE and CANCELLED."""
        if answer.code == CODE_NONE or answer.code == CODE_CANCELLED:
            return None
        if answer.code == CODE_ERROR:
            return error_of(answer)
        check_choice(cases, places, answer)
        index = places[answer.argument]
        case = cases[index]
        cdef Chan channel = case.channel
        if answer.code == CODE_CLOSED:
            if isinstance(case, Send):
                return ChannelClosed(f"select sent on closed channel {channel}")
            return Selected(index, channel, None, False)
        value = (<End> channel.outside).codec.arrived(answer.payload, answer.body) if answer.code == CODE_GRANT else None
        return Selected(index, channel, value, True)

    # -- questions and answers ------------------------------------------------------------------------

    cpdef on_answer(self, Message message):
        """An answer of the host: to a question that is open, and of its kind, or the link is corrupt."""
        cdef Question question = self.newest
        if question is not None and question.number == message.id:
            self.newest = None
        else:
            question = self.questions.pop(message.id, None)
        if question is None or message.code > CODE_LENGTH or not question.answers >> message.code & 1:
            raise LinkCorrupt(f"{message.kind.name} for operation {message.id} answers no question")
        if question.places is not None:
            check_choice(question.cases, question.places, message)
        question.answer = message
        if question.deliver is not None:
            question.deliver(message)
        elif question.waiter is not None and not question.waiter.fired:
            question.waiter.fire(0, None, True)

    cpdef on_lend(self, Message message):
        """LEND: what may be taken without a question. The end may be gone; then nobody takes it."""
        cdef Borrowed loan = borrowed(self.wire.ring, message.argument, message.payload)
        channel = self.ends.get(message.id)
        if channel is not None:
            (<End> (<Chan> channel).outside).loan = loan

    cpdef on_space(self, Message message):
        """SPACE: room that may be filled without a question."""
        cdef BorrowedSpace space = borrowed_space(self.wire.ring, message.argument)
        channel = self.ends.get(message.id)
        if channel is not None:
            (<End> (<Chan> channel).outside).space = space

    cpdef tell(self):
        """Before this world rests: a sender outside may wait for the room."""
        cdef End end
        while self.untold:
            end = self.untold.pop()
            if end.owes:
                end.tell()

    cdef uint64_t put(self, Question question, int kind, uint64_t argument, bytes payload, bytes body=None) except 0:
        """Ask; the number by which the answer will come."""
        question.answers = answers_to(kind)
        if question.places is not None and not argument:
            question.answers &= ~(<uint64_t> 1 << CODE_NONE)     # it waits, so that something is ready in the end
        if self.newest is not None:
            self.questions[self.newest.number] = self.newest
        self.newest = question     # mostly it is answered before the next is asked, and was never in the dictionary
        self.last_question += 1
        question.number = self.last_question
        self.wire.post_body(kind, question.number, argument, payload, body)
        return question.number

    def _take_back(self, number):
        self.wire.post(CODE_CANCEL, number)

    cdef Message ask(
        self, Scheduler scheduler, int kind, uint64_t argument, bytes payload, str what, object subject, bytes body=None
    ):
        """Ask, park, and return the answer."""
        cdef Question question = Question.__new__(Question)
        self.ask_as(scheduler, question, kind, argument, payload, what, subject, body)
        return question.answer

    cdef int ask_as(
        self, Scheduler scheduler, Question question, int kind, uint64_t argument, bytes payload, str what, object subject,
        bytes body=None,
    ) except -1:
        """`ask` with a question of one's own. A cancel takes it back unless the answer is on its way."""
        cdef object cancelled = None
        cdef uint64_t number
        question.waiter = waiter_of(scheduler, subject)
        number = self.put(question, kind, argument, payload, body)
        try:
            if question.answer is None:
                scheduler.wait(question.waiter, what)
        except Cancelled as error:
            cancelled = error
        if cancelled is not None:
            if question.answer is None:
                question.waiter = waiter_of(scheduler, subject)
                self.wire.post(CODE_CANCEL, number)
                scheduler.wait_shielded(question.waiter, what)
            if question.answer.code == CODE_CANCELLED:
                raise cancelled
            # The answer was on its way: it counts, and the routine stops at its next park.
            scheduler.current.cancel_pending = True
        elif question.answer.code == CODE_CANCELLED:
            raise LinkCorrupt(f"operation {number} was cancelled by nobody")
        checked(question.answer)
        return 0

    cdef Message ask_home(self, int kind, uint64_t argument, str what, Chan channel):
        """Ask what the home answers at once: `close` and `len` have no form to await, and cannot be cancelled."""
        cdef Question question = Question.__new__(Question)
        cdef Scheduler scheduler
        self.put(question, kind, argument, b"")
        try:
            scheduler = blocking(f"{what}(...) in a routine")
        except UsageError:  # on a running loop's own stack nobody can park: this thread waits
            scheduler = current_scheduler()
            while question.answer is None:
                scheduler.sleeper.rest(-1.0)
        else:
            if question.answer is None:
                question.waiter = waiter_of(scheduler, channel)
                scheduler.wait_shielded(question.waiter, what)
        return checked(question.answer)


cdef class _Asking:
    """How a select asks for its crossing cases; `values` are those of its sends, encoded."""

    cdef OutsideChannels world
    cdef tuple cases
    cdef dict values

    def __init__(self, OutsideChannels world, tuple cases, dict values):
        self.world, self.cases, self.values = world, cases, values

    def ask(self, select, list places, bint nonblocking):
        """SELECT for the cases at these places; the number of the question."""
        cdef Question question = Question.__new__(Question)
        question.deliver = _Delivery(self, select, places).deliver
        return self.world.put(question, CODE_SELECT, nonblocking, packed(self.cases, places, self.values))


cdef class _Delivery:
    cdef _Asking asking
    cdef object select
    cdef list places

    def __init__(self, _Asking asking, select, list places):
        self.asking, self.select, self.places = asking, select, places

    def deliver(self, Message message):
        """Act on the answer where it is delivered."""
        self.select.answer(message, self.asking.world._meaning(self.asking.cases, self.places, message))


cdef int check_choice(tuple cases, list places, Message answer) except -1:
    """LinkCorrupt if the answer chooses a case that was not asked for, or does something else with it."""
    if answer.code != CODE_GRANT and answer.code != CODE_TAKEN and answer.code != CODE_CLOSED:
        return 0
    if answer.argument >= <uint64_t> len(places):
        raise LinkCorrupt(f"case {answer.argument} of {len(places)} was chosen")
    if answer.code != CODE_CLOSED and isinstance(cases[places[answer.argument]], Recv) != (answer.code == CODE_GRANT):
        raise LinkCorrupt(f"{answer.kind.name} answers the wrong kind of case")
    return 0


cdef bytes packed(tuple cases, list places, dict values):
    """The payload of SELECT for the cases at these places."""
    return pack_cases([((<End> (<Chan> cases[place].channel).outside).number, values[place]) for place in places])


cdef GWaiter waiter_of(Scheduler scheduler, object subject):
    cdef GWaiter waiter = new_waiter(scheduler)
    waiter.subject = subject
    return waiter


cdef Message checked(Message answer):
    if answer.code == CODE_ERROR:
        raise error_of(answer)
    return answer


cdef object error_of(Message answer):
    kind, text = unpack_error(answer.payload)
    return BoundaryTypeError(text) if kind == "BoundaryTypeError" else ChannelClosed(text)
