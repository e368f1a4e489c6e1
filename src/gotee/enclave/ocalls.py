"""Asking the host: a routine that waits for an answer parks, and others go on. Enclave world.

Policy is asked before, by who calls this: nothing here knows what may be asked. Each answer is checked, by the check
that its question brings along, in the moment in which it arrives. An answer that no honest host gives (to no question,
of another form, of more than was asked for) ends the enclave, so that no trusted code ever decides what to do with it.

Imports, class bodies and finalizers do not park: what they would leave half done, others would see. Their ocalls
complete while nothing else runs.
"""

from __future__ import annotations

import os
import sys

from gotee.boundary.blocks import BLOCKS, Blocks
from gotee.boundary.frames import Buffer, LinkCorrupt
from gotee.boundary.messages import Kind, Message
from gotee.boundary.ocalls import KNOWN_ERRORS, Ocall
from gotee.runtime.parking import Ticket
from gotee.runtime.scheduler import check_routine, on_own_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from typing import Any, Generic, Protocol, TypeVar

    T = TypeVar("T")
else:
    from _collections import deque

    Protocol, T = object, None  # typing is slow to import, and means nothing at run time
    Generic = {T: object}

LATER = object()  # the answer of a door that has asked nothing, because something else has to be done first
BULK_BYTES = 8 << 20  # of file contents that may be on their way at the same time
_OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: the code of functions has it, that of modules and class bodies has not


class Door(Protocol):
    """What the ecall server offers: the link, and a wait in which no routine runs."""

    @property
    def blocks(self) -> Blocks | None: ...
    def post(self, kind: int, id: int, argument: int, payload: bytes) -> None: ...
    def room(self) -> None: ...  # parks while too much waits to be sent, where `may_park` says so
    def wait_alone(self, ticket: Ticket[Any]) -> None: ...
    def briefly(
        self,
        kind: int,
        request: bytes,
        data: Buffer | None,
        check: Callable[[bytes], Any],
        unwanted: Callable[[Any], None] | None,
        names: tuple[object, ...],
    ) -> Any: ...  # LATER: ask in the usual way


class Pending(Generic[T]):
    """One question that waits for its answer."""

    def __init__(
        self,
        kind: Ocall,
        check: Callable[[bytes], T],
        unwanted: Callable[[T], None] | None,
        bulk: int,
        block: int | None,
    ) -> None:
        self.kind = kind
        self.block = block  # of shared memory that is its own until it is answered
        self.bulk = bulk  # bytes of contents that are on their way until it is answered
        self.check = check
        self.unwanted = unwanted  # told of an answer that came after its routine was told to stop
        self.ticket: Ticket[Any] = Ticket()
        self.ready: Callable[[T | None, int], None] | None = None  # of a notice: told of the answer where it arrives
        self.left = False
        self.value: T | None = None
        self.error = 0


class Ocalls:
    """The enclave's questions to its host."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._last = 0
        self._pending: dict[int, Pending[Any]] = {}
        self._left = 0
        self._bulk = 0
        self.blocks = door.blocks
        self._free_blocks = list(range(BLOCKS)) if door.blocks is not None else []
        self._queue: deque[tuple[int, Ticket[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many answers routines wait for."""
        return len(self._pending) - self._left

    # -- asking -----------------------------------------------------------------------------------------

    def ask(
        self,
        kind: Ocall,
        request: bytes,
        check: Callable[[bytes], T],
        *,
        data: Buffer | None = None,
        unwanted: Callable[[T], None] | None = None,
        names: tuple[object, ...] = (),
    ) -> T:
        """Ask, wait, and return the checked answer. Raises OSError, naming `names`, if the host says so.

        `data` goes behind the request. What is answered at once takes no park.
        """
        answer: T = self.door.briefly(kind, request, data, check, unwanted, names)
        if answer is LATER:
            if data is not None:
                request = b"".join((request, data))
            answer = self.finish(self.begin(kind, request, check, unwanted=unwanted), names)
        return answer

    def briefly(self, kind: Ocall, request: bytes, data: Buffer | None, check: Callable[[bytes], Any]) -> Any:
        """As `ask`, but LATER, with nothing asked, where `begin` has to be used."""
        return self.door.briefly(kind, request, data, check, None, ())

    def expect(
        self, number: int, kind: Ocall, check: Callable[[bytes], T], unwanted: Callable[[T], None] | None
    ) -> None:
        """The answer to a question that the door has asked goes where all others go; `finish` takes the number."""
        self._pending[number] = Pending(kind, check, unwanted, 0, None)

    def begin(
        self,
        kind: Ocall,
        request: bytes,
        check: Callable[[bytes], T],
        *,
        unwanted: Callable[[T], None] | None = None,
        bulk: int = 0,
        block: int | None = None,
    ) -> int:
        """Ask without waiting; `finish` takes the number.

        `bulk` bytes of contents count as on their way; `block` is given back when the answer has come.
        """
        if bulk:
            self._reserve(bulk)
        if check_routine():
            self.door.room()
        pending = Pending(kind, check, unwanted, bulk, block)
        self._last += 1
        number = self._last
        self._pending[number] = pending
        self.door.post(Kind.OCALL, number, kind, request)
        return number

    def finish(self, number: int, names: tuple[object, ...] = ()) -> Any:
        """Wait for an answer. A routine that is told to stop meanwhile leaves it to `unwanted`."""
        pending = self._pending[number]
        if not pending.ticket.answered:
            if may_park():
                try:
                    park(pending.ticket, f"ocall {pending.kind.name.lower()}", names[0] if names else None)
                except BaseException:
                    self.leave(number)
                    raise
            else:
                self.door.wait_alone(pending.ticket)
        self._pending.pop(number, None)
        if pending.error:
            raise OSError(pending.error, os.strerror(pending.error), *_as_names(names))
        return pending.value

    def leave(self, number: int) -> None:
        """Nobody waits for this answer any more; the host is told, and may answer that it did nothing."""
        pending = self._pending[number]
        if pending.ticket.answered:
            del self._pending[number]
            if not pending.error and pending.unwanted is not None:
                pending.unwanted(pending.value)
        else:
            pending.left = True
            self._left += 1
            self.door.post(Kind.ABANDON, number, 0, b"")

    def tell(self, kind: Ocall, request: bytes) -> None:
        """Ask for what has no answer that matters: closing."""
        number = self.begin(kind, request, nothing)
        self._pending[number].left = True
        self._left += 1

    def take_block(self, left: int = 0) -> int | None:
        """A block of shared memory that nobody uses; `begin` takes it over. None if not more than `left` are free."""
        return self._free_blocks.pop() if len(self._free_blocks) > left else None

    def notify(
        self, kind: Ocall, request: bytes, check: Callable[[bytes], T], ready: Callable[[T | None, int], None]
    ) -> int:
        """Ask without waiting; `ready` gets the answer where it arrives, with 0, or None with an errno."""
        number = self.begin(kind, request, check)
        self._pending[number].ready = ready
        return number

    def call_off(self, number: int) -> None:
        """Tell the host that a notice is not needed any more; its `ready` gets whatever the host then answers."""
        pending = self._pending.get(number)
        if pending is not None and not pending.left:
            self.leave(number)

    def forget(self, number: int) -> None:
        """Call a notice off; its `ready` is not told of anything any more."""
        pending = self._pending.get(number)
        if pending is not None:
            pending.ready = None
            self.leave(number)

    def wait(self, ticket: Ticket[Any], what: str, deadline: float | None) -> bool:
        """Wait for what a notice brings; False if `deadline` (monotonic seconds) comes first.

        Where nothing may park, the deadline is not looked at.
        """
        if may_park():
            return park(ticket, what, None, deadline)
        if not ticket.answered:
            self.door.wait_alone(ticket)
        return True

    # -- how much is on its way -------------------------------------------------------------------------

    def _reserve(self, size: int) -> None:
        """Wait until `size` more bytes of contents may be on their way; first come, first served."""
        if (self._queue or self._bulk + size > BULK_BYTES) and self._bulk and may_park():
            ticket: Ticket[None] = Ticket()
            self._queue.append((size, ticket))
            try:
                park(ticket, "room for file contents", None)
            except BaseException:
                if ticket.answered:
                    self._release(size)
                else:
                    self._queue.remove((size, ticket))
                raise
        else:
            self._bulk += size

    def _release(self, size: int) -> None:
        """These bytes have arrived, or will not."""
        self._bulk -= size
        while self._queue and (self._bulk + self._queue[0][0] <= BULK_BYTES or not self._bulk):
            more, ticket = self._queue.popleft()
            self._bulk += more
            ticket.give(None)

    # -- answers ----------------------------------------------------------------------------------------

    def on_answer(self, message: Message) -> None:
        """ANSWER(ocall, errno). Raises LinkCorrupt for what no honest host says."""
        pending = self._pending.get(message.id)
        if pending is None or pending.ticket.answered:
            raise LinkCorrupt(f"the host answered ocall {message.id}, which nobody waits for")
        if message.argument:
            if message.argument not in KNOWN_ERRORS:
                raise LinkCorrupt(f"the host answered an ocall with errno {message.argument}, which does not exist")
            pending.error = message.argument
        else:
            pending.value = self._checked(pending, message.payload)
        if pending.bulk:
            self._release(pending.bulk)
        if pending.block is not None:
            self._free_blocks.append(pending.block)
        if pending.left or pending.ready is not None:
            self._left -= pending.left
            del self._pending[message.id]
        if pending.ready is not None:
            pending.ready(pending.value, pending.error)
        elif pending.left and not pending.error and pending.unwanted is not None:
            pending.unwanted(pending.value)
        pending.ticket.give(None)

    def _checked(self, pending: Pending[T], payload: bytes) -> T:
        try:
            return pending.check(payload)
        except (ValueError, TypeError, UnicodeError) as error:
            raise LinkCorrupt(f"the host's answer to {pending.kind.name} cannot be: {error}") from None


def _as_names(names: tuple[object, ...]) -> tuple[object, ...]:
    """One or two file names, as OSError takes them."""
    return names if len(names) < 2 else (names[0], None, names[1])


def park(ticket: Ticket[Any], what: str, subject: object, deadline: float | None = None) -> bool:
    """Park until an answer is there; False if `deadline` (monotonic seconds) comes first.

    An event loop that runs on the routine's stack stands still, as in a thread that blocks; it is none of the others'.
    """
    events = sys.modules.get("asyncio.events")
    loop = None if events is None else events._get_running_loop()
    if events is None or loop is None or check_routine():
        return ticket.wait(what, subject, deadline)
    events._set_running_loop(None)
    try:
        return ticket.wait(what, subject, deadline)
    finally:
        events._set_running_loop(loop)


def may_park() -> bool:
    """Whether others may run while the caller waits.

    Not in a finalizer, which may run in the midst of anything, and not in code of a module or class that is being made.
    """
    if not on_own_stack():
        return False
    frame: Any = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_flags & _OPTIMIZED or code.co_name == "__del__" or code.co_filename == _IMPORTS:
            return False
        frame = frame.f_back
    return True


_IMPORTS = "<frozen importlib._bootstrap>"


# -- checks of answers ------------------------------------------------------------------------------------


def nothing(payload: bytes) -> None:
    """The check of an answer that only says that it is done."""
    if payload:
        raise ValueError(f"{len(payload)} bytes where none are due")


def decoder(form: Callable[[], type[T]]) -> Callable[[bytes], T]:
    """The check that an answer is a MessagePack value of the form that `form` gives, when it is first needed.

    It raises ValueError. Made late, because msgspec is slow to import, and many programs ask for nothing.
    """
    made: tuple[Callable[[bytes], T], type[Exception]] | None = None

    def check(payload: bytes) -> T:
        nonlocal made
        if made is None:
            import msgspec

            made = msgspec.msgpack.Decoder(form()).decode, msgspec.DecodeError
        decode, refused = made
        try:
            return decode(payload)
        except refused as error:
            raise ValueError(str(error)) from None

    return check
