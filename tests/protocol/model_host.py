"""The host's half of the protocol: it owns every crossing channel and arbitrates.

Test world only; called by model.py. Functions stand in the order of an implementation: what a local routine does,
what the dispatcher does on each message, the deadlock probe, the loss of the enclave.

A *waiter* is (who, cases): who is a host routine's number or the op id (a tuple) of an operation inside; host
routines and remote ops stand in one list, in order of arrival. A message is a tuple that begins with its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .program import Case, Op, Program, crossed
from .search import Picker

Message = tuple[Any, ...]
OpId = tuple[int, int]  # (routine, count): never repeats
Who = int | OpId
Indexed = tuple[int, Case]

REQUESTS = {"WANT", "OFFER", "SELECT"}


class SharedState(NamedTuple):
    words: tuple[tuple[str, tuple[int, int]], ...] = ()  # turn, how many were taken
    rooms: tuple[tuple[str, tuple[int, tuple[int, ...]]], ...] = ()  # turn, the values that were put
    listens: bool = False  # the host waits, and has looked; who puts something wakes it


class Shared:
    """What both worlds can write: of each crossing channel a word for values lent, and one for room lent."""

    def __init__(self, state: SharedState) -> None:
        self.words, self.rooms, self.listens = dict(state.words), dict(state.rooms), state.listens

    def state(self) -> SharedState:
        return SharedState(tuple(self.words.items()), tuple(self.rooms.items()), self.listens)


class HostChan(NamedTuple):
    buf: tuple[int, ...] = ()
    closed: bool = False
    lost: bool = False
    loan: tuple[int, int, int] | None = None  # turn, how many were lent, how many of them are known to be taken
    room: tuple[int, int] | None = None  # turn, how many are known to be put


class HostState(NamedTuple):
    chans: tuple[HostChan, ...]
    done: tuple[tuple[str, ...], ...]
    waiters: tuple[tuple[Who, tuple[Indexed, ...]], ...] = ()
    epoch: int = 0  # counts movement: every local step and every frame handled
    probing: int | None = None  # the epoch of the probe that is out; at most one is
    busy: bool = False  # only the BUSY variant: no new probe before something moves
    deadlock: bool = False


class Host:
    def __init__(
        self,
        p: Program,
        state: HostState,
        mutants: frozenset[str],
        send: Callable[[Message], None],
        picker: Picker,
        shared: Shared,
    ) -> None:
        self.p, self.mutants, self.send, self.picker, self.shared = p, mutants, send, picker, shared
        self.names = [ch for ch, _ in p.caps if ch in "xyz"]
        self.caps = dict(p.caps)
        self.chans = dict(zip(self.names, state.chans, strict=True))
        self.done = [list(d) for d in state.done]
        self.waiters = list(state.waiters)
        self.epoch, self.probing, self.busy, self.deadlock = state[3:]

    def state(self) -> HostState:
        chans = tuple(self.chans[ch] for ch in self.names)
        done = tuple(tuple(d) for d in self.done)
        return HostState(chans, done, tuple(self.waiters), self.epoch, self.probing, self.busy, self.deadlock)

    # -- What a host routine does: one atomic step, as in one world. ------------------------------------------------

    def op(self, r: int) -> Op | None:
        ops = self.p.routines[r]
        return ops[len(self.done[r])] if self.p.places[r] == "H" and len(self.done[r]) < len(ops) else None

    def parked(self, r: int) -> bool:
        return any(who == r for who, _ in self.waiters)

    def step(self, r: int) -> None:
        op = self.op(r)
        assert op is not None
        self.moved()
        if op.kind == "len":
            self.done[r].append(f"len {self.length(op.ch)}")
        elif op.kind == "close":
            self.done[r].append(self.close(op.ch))
        else:
            self.arrive(r, tuple(enumerate(op.cases)), nonblocking=op.ends == "default")

    def give_up(self, r: int) -> None:
        """A timer fired or a cancel came: the host's own waiters leave at once, nobody else has to be asked."""
        op = self.op(r)
        assert op is not None
        self.moved()
        self.leave(r)
        self.done[r].append(op.ends)

    # -- What the dispatcher does on each message. ------------------------------------------------------------------

    def dispatch(self, message: Message) -> None:
        kind, op = message[:2]
        if kind in ("PASSIVE", "BUSY"):
            self.on_probe_answer(kind, op)
            return
        if not (kind in ("LEN", "CANCEL") and "len_and_cancel_do_not_move" in self.mutants):
            self.moved()
        if kind in REQUESTS:
            self.arrive(op, message[2], nonblocking=message[3], lends=kind in ("WANT", "OFFER"))
        elif kind == "CANCEL":
            self.on_cancel(op)
        elif kind == "CLOSE":
            self.send(("OK" if self.close(message[2]) == "ok" else "ERROR", op))
        elif kind == "LEN":
            self.send(("LEN", op, self.length(message[2])))
        elif kind == "TOOK":
            self.settle(op)
            self.collect(op)

    def on_cancel(self, op: OpId) -> None:
        waiting = any(who == op for who, _ in self.waiters)
        if waiting:
            self.leave(op)
        # A CANCEL for a finished op is ignored: the op's answer is already on its way.
        if waiting or "cancel_always_answered" in self.mutants:
            self.send(("CANCELLED", op))

    # -- Arbitration: one place for host routines and remote ops. ---------------------------------------------------

    def arrive(self, who: Who, cases: tuple[Indexed, ...], *, nonblocking: bool, lends: bool = False) -> None:
        for _, case in cases:
            self.before(case)
        ready = [i for i, case in cases if self.ready(case)]
        if ready:
            self.complete(who, cases, self.picker.pick(ready))
            if lends and cases[0][1].send:
                self.lend_room(cases[0][1].ch)
            elif lends:
                self.lend(cases[0][1].ch)
        elif not nonblocking:
            self.waiters.append((who, cases))
        elif isinstance(who, int):
            self.done[who].append("default")
        else:
            self.send(("NONE", who))

    def ready(self, case: Case) -> bool:
        chan = self.chans[case.ch]
        if chan.closed or chan.lost or self.first(case.ch, sends=not case.send):
            return True
        return len(chan.buf) < self.caps[case.ch] if case.send else bool(chan.buf)

    def first(self, ch: str, *, sends: bool) -> tuple[Who, int, Case] | None:
        for who, cases in self.waiters:
            for i, case in cases:
                if case.ch == ch and case.send is sends:
                    return who, i, case
        return None

    def complete(self, who: Who, cases: tuple[Indexed, ...], i: int) -> None:
        """Perform ready case `i`: the partner, local or remote, is finished in the same step."""
        case = dict(cases)[i]
        chan = self.chans[case.ch]
        other = self.first(case.ch, sends=not case.send)
        if case.send and not (chan.closed or chan.lost):
            if other:
                self.tell(other[0], other[1], str(case.value))
            else:
                self.chans[case.ch] = chan._replace(buf=(*chan.buf, case.value))
            self.tell(who, i, "sent")
        elif not case.send and (chan.buf or other):
            buf = chan.buf
            if other:
                buf += (other[2].value,)
                self.tell(other[0], other[1], "sent")
            self.chans[case.ch] = chan._replace(buf=buf[1:])
            self.tell(who, i, str(buf[0]))
        else:  # A close made before the loss wins: what it said was complete.
            self.tell(who, i, "closed" if chan.closed else "lost")

    def tell(self, who: Who, i: int, what: str) -> None:
        self.leave(who)
        if isinstance(who, int):
            self.done[who].append(f"{i}:{what}")
        elif what == "sent":
            self.send(("TAKEN", who, i))
        elif what == "closed":
            self.send(("CLOSED", who, i))
        else:
            self.send(("GRANT", who, i, what))

    def leave(self, who: Who) -> None:
        self.waiters = [w for w in self.waiters if w[0] != who]

    def close(self, ch: str) -> str:
        self.settle(ch)  # no outcome tells: a sender that is refused may as well have come after the close
        self.collect(ch, end="close_leaves_room_lent" not in self.mutants)
        chan = self.chans[ch]
        if chan.closed or chan.lost:
            return "closed" if chan.closed else "lost"
        self.chans[ch] = chan._replace(closed=True)
        self.wake_all({ch}, "closed")
        return "ok"

    def wake_all(self, chans: set[str] | frozenset[str], what: str) -> None:
        for who, cases in list(self.waiters):
            hit = [i for i, case in cases if case.ch in chans]
            if hit:
                self.tell(who, hit[0], what)

    # -- Loans: what stands in a buffer, and may be taken inside without a question. ---------------------------------

    def lend(self, ch: str) -> None:
        chan = self.chans[ch]
        if chan.buf:
            turn = self.shared.words[ch][0] + 1
            self.shared.words[ch] = (turn, 0)
            self.chans[ch] = chan._replace(loan=(turn, len(chan.buf), 0))
            self.send(("LEND", ch, turn, chan.buf))

    def before(self, case: Case) -> None:
        """Who takes a value ends the loan; who finds no room looks whether some has been taken.

        Who sends ends the loan of room; who finds no value looks whether some has been put.
        """
        if not case.send:
            self.settle(case.ch, end="takers_do_not_end_loans" not in self.mutants)
            if "empty_is_believed" not in self.mutants:
                self.collect(case.ch)
        else:
            if "full_is_believed" not in self.mutants:
                self.settle(case.ch)
            self.collect(case.ch, end="senders_do_not_end_loans" not in self.mutants)

    def length(self, ch: str) -> int:
        if "len_does_not_look" not in self.mutants:
            self.settle(ch)
        if "len_does_not_collect" not in self.mutants:
            self.collect(ch)
        return len(self.chans[ch].buf)

    def settle(self, ch: str, *, end: bool = False) -> None:
        """What was taken leaves the buffer, and senders follow; with `end` nothing more can be taken."""
        chan = self.chans[ch]
        if chan.loan is None:
            return
        turn, count, known = chan.loan
        taken = self.shared.words[ch][1]
        if end:
            self.shared.words[ch] = (turn + 1, 0)
        self.chans[ch] = chan._replace(buf=chan.buf[taken - known :], loan=None if end else (turn, count, taken))
        while len(self.chans[ch].buf) < self.caps[ch] and (sender := self.first(ch, sends=True)):
            self.chans[ch] = self.chans[ch]._replace(buf=(*self.chans[ch].buf, sender[2].value))
            self.tell(sender[0], sender[1], "sent")

    # -- Loans of room: places of a buffer into which values may be put inside without a question. -------------------

    def lend_room(self, ch: str) -> None:
        chan = self.chans[ch]
        free = self.caps[ch] - len(chan.buf)
        if free > 0 and not (chan.closed or chan.lost or self.first(ch, sends=True)):
            turn = self.shared.rooms[ch][0] + 1
            self.shared.rooms[ch] = (turn, ())
            self.chans[ch] = chan._replace(room=(turn, 0))
            self.send(("ROOM", ch, turn, free))

    def collect(self, ch: str, *, end: bool = False) -> None:
        """What was put is in the buffer, and receivers follow; with `end` nothing more can be put."""
        chan = self.chans[ch]
        if chan.room is None:
            return
        turn, known = chan.room
        values = self.shared.rooms[ch][1]
        if end:
            self.shared.rooms[ch] = (turn + 1, ())
        buf = (*chan.buf, *values[known:])
        self.chans[ch] = chan._replace(buf=buf, room=None if end else (turn, len(values)))
        while self.chans[ch].buf and (receiver := self.first(ch, sends=False)):
            value, *rest = self.chans[ch].buf
            self.chans[ch] = self.chans[ch]._replace(buf=tuple(rest))
            self.tell(receiver[0], receiver[1], str(value))

    def may_listen(self) -> bool:
        """A host in which nothing can run waits; while room is lent it says so, and then looks once more."""
        lent = any(chan.room for chan in self.chans.values())
        return lent and not self.shared.listens and "host_does_not_listen" not in self.mutants

    def listen(self) -> None:
        before = dict(self.chans)
        self.shared.listens = True
        if "listeners_do_not_look" not in self.mutants:
            for ch in self.names:
                self.collect(ch)
        if self.chans != before:
            self.moved()

    # -- Deadlock probe. --------------------------------------------------------------------------------------------

    def moved(self) -> None:
        self.epoch += 1
        self.busy = False

    def passive(self) -> bool:
        """Every host routine is done or parked for good: no timer can act, and somebody waits."""
        waiting = [op for r in range(len(self.done)) if (op := self.op(r))]
        parked = all(self.parked(r) for r in range(len(self.done)) if self.op(r))
        return bool(waiting) and parked and not any(op.ends in ("timeout", "cancel") for op in waiting)

    def wants_probe(self) -> bool:
        return self.passive() and self.probing is None and not self.busy and not self.deadlock and not self.may_listen()

    def probe(self) -> None:
        self.probing = self.epoch
        self.send(("PROBE", self.epoch))

    def on_probe_answer(self, kind: str, epoch: int) -> None:
        unmoved = epoch == self.epoch or "movement_ignored" in self.mutants
        self.probing = None  # void: a new probe goes out as soon as the host is passive
        if kind == "BUSY":
            self.busy = unmoved
        elif unmoved and self.passive():
            self.deadlock = True

    # -- The enclave is lost. ---------------------------------------------------------------------------------------

    def lose(self) -> None:
        """Remote waiters go; crossed channels keep what is buffered, then raise; every caller waiting there wakes."""
        self.moved()
        self.probing = None
        for ch in crossed(self.p):
            self.settle(ch, end=True)
            self.collect(ch, end=True)
        remote = [w for w in self.waiters if not isinstance(w[0], int)]
        self.waiters = [w for w in self.waiters if isinstance(w[0], int)]
        for ch in crossed(self.p):
            self.chans[ch] = self.chans[ch]._replace(lost=True)
        if "loss_wakes_nobody" not in self.mutants:
            self.wake_all({ch for ch in crossed(self.p) if not self.chans[ch].closed}, "lost")
        if "loss_keeps_remote_waiters" in self.mutants:
            self.waiters += remote
