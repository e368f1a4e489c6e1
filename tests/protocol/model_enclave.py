"""The enclave's half of the protocol: its routines, its trusted channels, and its operations that are outside.

Test world only; called by model.py. Functions stand in the order of an implementation: a routine begins an operation
(`step`, `advance`), meets a partner (`claim`), registers outside; the dispatcher acts on answers (`dispatch`);
waiters leave (`finish`, `free`), channels are matched again (`match`), timers fire (`give_up`).

A routine that waits has a `Wait` in one of four phases:
  ASKING  a CLOSE or LEN is out                            HELD    it arrived, met a waiter, and claims it
  TRYING  a non-blocking SELECT is out; in no queue        PARKED  blocking, in the trusted queues, every crossing
                                                                   case out (or its cancel was answered just now)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import NamedTuple

from .model_host import Message, OpId, Shared
from .program import Case, Op, Program, crossing_cases, trusted_cases
from .search import Picker


class ProtocolError(Exception):
    """What a real enclave answers by ending: a message that no correct host sends."""


class Wait(NamedTuple):
    phase: str = "HELD"
    op: OpId | None = None  # the outstanding outside op
    covers: tuple[int, ...] = ()  # the crossing cases in it
    cancelling: bool = False  # CANCEL was sent for it
    partner: int | None = None  # the other side of a claim
    meets: int = 0  # the case by which
    leaving: str = ""  # "timeout" or "cancel", once it fired
    refused: tuple[int, ...] = ()  # only for the mutant that remembers an old NONE


class EnclaveState(NamedTuple):
    chans: tuple[tuple[tuple[int, ...], bool], ...]
    done: tuple[tuple[str, ...], ...]
    waits: tuple[Wait | None, ...]
    queue: tuple[int, ...] = ()  # parked routines, in the order they parked: every trusted queue is a part of it
    ops: tuple[int, ...] = ()  # how many outside ops each routine has had
    held_probe: int | None = None
    mail: tuple[Message, ...] = ()  # only for the mutant of rule 1
    loans: tuple[tuple[str, tuple[int, int, tuple[int, ...]]], ...] = ()  # by channel: turn, next, values left
    owes: frozenset[str] = frozenset()  # channels whose home has to be told that something was taken
    rooms: tuple[tuple[str, tuple[int, int]], ...] = ()  # by channel: turn, places left


class Enclave:
    def __init__(
        self,
        p: Program,
        s: EnclaveState,
        mutants: frozenset[str],
        send: Callable[[Message], None],
        picker: Picker,
        shared: Shared,
    ) -> None:
        self.p, self.mutants, self.send, self.picker, self.shared = p, mutants, send, picker, shared
        self.names = [ch for ch, _ in p.caps if ch in "tuv"]
        self.caps = dict(p.caps)
        self.buf = {ch: list(c[0]) for ch, c in zip(self.names, s.chans, strict=True)}
        self.closed = {ch for ch, c in zip(self.names, s.chans, strict=True) if c[1]}
        self.done = [list(d) for d in s.done]
        self.waits, self.queue, self.ops, self.mail = list(s.waits), list(s.queue), list(s.ops), list(s.mail)
        self.held_probe = s.held_probe
        self.loans, self.owes, self.rooms = dict(s.loans), set(s.owes), dict(s.rooms)

    def state(self) -> EnclaveState:
        chans = tuple((tuple(self.buf[ch]), ch in self.closed) for ch in self.names)
        done = tuple(tuple(d) for d in self.done)
        waits, queue, ops = tuple(self.waits), tuple(self.queue), tuple(self.ops)
        loans, rooms = tuple(sorted(self.loans.items())), tuple(sorted(self.rooms.items()))
        return EnclaveState(
            chans, done, waits, queue, ops, self.held_probe, tuple(self.mail), loans, frozenset(self.owes), rooms
        )

    def op(self, r: int) -> Op | None:
        ops = self.p.routines[r]
        return ops[len(self.done[r])] if self.p.places[r] == "E" and len(self.done[r]) < len(ops) else None

    def case(self, r: int, i: int) -> Case:
        return self.p.routines[r][len(self.done[r])].cases[i]

    def wait(self, r: int) -> Wait:
        wait = self.waits[r]
        assert wait is not None
        return wait

    def set(self, r: int, **changes: object) -> None:
        self.waits[r] = self.wait(r)._replace(**changes)

    # -- A routine begins an operation. -----------------------------------------------------------------------------

    def step(self, r: int) -> None:
        op = self.op(r)
        assert op is not None
        if op.kind == "select":
            if not op.ends and len(op.cases) == 1 and self.without_asking(r, op.cases[0]):
                return
            self.waits[r] = Wait()
            self.advance(r, first=True)
        elif op.ch in "xyz":
            self.waits[r] = Wait(phase="ASKING")
            self.send((op.kind.upper(), self.new_op(r, ()), op.ch))
        elif op.kind == "len":
            self.done[r].append(f"len {len(self.buf[op.ch])}")
        else:
            self.close(r, op.ch)

    def without_asking(self, r: int, case: Case) -> bool:
        return self.put(r, case) if case.send else self.borrow(r, case.ch)

    def put(self, r: int, case: Case) -> bool:
        """A plain send fills a place that was lent, if that loan still stands: one atomic step on the shared word."""
        turn, left = self.rooms.pop(case.ch, (0, 0))
        if not left or self.shared.rooms[case.ch][0] != turn:
            return False
        self.shared.rooms[case.ch] = (turn, (*self.shared.rooms[case.ch][1], case.value))
        self.rooms[case.ch] = (turn, left - 1)
        self.done[r].append("0:sent")
        if self.shared.listens:
            self.shared.listens = False
            self.send(("TOOK", case.ch))
        return True

    def borrow(self, r: int, ch: str) -> bool:
        """A plain receive takes what was lent, if that loan still stands: one atomic step on the shared word."""
        turn, n, values = self.loans.pop(ch, (0, 0, ()))
        if not values or self.shared.words[ch] != (turn, n):
            return False
        self.shared.words[ch] = (turn, n + 1)
        self.loans[ch] = (turn, n + 1, values[1:])
        self.owes.add(ch)
        self.done[r].append(f"0:{values[0]}")
        return True

    def rest(self) -> None:
        """After every step: an enclave in which nothing can run tells what it has taken."""
        runnable = any(self.op(r) and self.waits[r] is None for r in range(len(self.waits)))
        if not runnable and "rest_says_nothing" not in self.mutants:
            for ch in sorted(self.owes):
                self.send(("TOOK", ch))
            self.owes.clear()

    def advance(self, r: int, refused: tuple[int, ...] = (), *, first: bool = False) -> None:
        """`r` has no outside op and no claim: decide what it does now.

        `refused`: the crossing cases that the answer being handled found not ready. A CANCELLED says so of all of
        them, for the op stood in every queue until then.
        """
        op, wait = self.op(r), self.wait(r)
        assert op is not None
        crossing = crossing_cases(op)
        claims = not wait.leaving and not (op.ends == "default" and "nonblocking_does_not_claim" in self.mutants)
        ready = [i for i in trusted_cases(op) if self.reach(r, i, claims=claims)]
        if wait.leaving == "cancel":
            self.finish(r, "cancel")
        elif ready and not ("none_does_not_look" in self.mutants and refused):
            drawn = self.drawn_before(crossing) if first else ()
            if drawn:
                self.ask_outside(r, drawn)  # rule 8
            else:
                self.take(r, self.picker.pick(ready))
        elif op.ends == "default" or wait.leaving:
            self.give_default(r, crossing, refused)
        else:
            self.park(r)

    def drawn_before(self, crossing: tuple[int, ...]) -> tuple[int, ...]:
        """The crossing cases that a random permutation puts before the first ready trusted one: any subset."""
        if "trusted_first" in self.mutants:
            return ()
        return self.picker.pick([c for n in range(len(crossing) + 1) for c in combinations(crossing, n)])

    def give_default(self, r: int, crossing: tuple[int, ...], refused: tuple[int, ...]) -> None:
        """Nothing trusted is ready or claimed now; default (or timeout) if one NONE covers all crossing cases."""
        wait = self.wait(r)
        covered = set(crossing) <= set(refused)
        if "partial_none_is_enough" in self.mutants:
            covered = covered or bool(refused)
        if "old_none_is_enough" in self.mutants:
            covered = covered or set(crossing) <= set(wait.refused)
        if "timeout_untried" in self.mutants:
            covered = covered or bool(wait.leaving)
        if covered:
            self.finish(r, wait.leaving or "default")
        else:
            self.ask_outside(r, crossing)

    def park(self, r: int) -> None:
        """Stand in the trusted queues and in the host's. A waiter that returns keeps its place inside only."""
        if r not in self.queue:
            self.queue.append(r)
        again = self.wait(r).phase == "PARKED"
        self.set(r, phase="PARKED")
        if not (again and "cancelled_stays_inside" in self.mutants):
            self.register(r)

    def register(self, r: int) -> None:
        op = self.op(r)
        assert op is not None
        crossing = crossing_cases(op)
        if crossing:
            self.send_request(r, crossing, nonblocking=False)

    def ask_outside(self, r: int, cases: tuple[int, ...]) -> None:
        if r in self.queue:
            self.queue.remove(r)
        self.set(r, phase="TRYING")
        self.send_request(r, cases, nonblocking=True)

    def send_request(self, r: int, cases: tuple[int, ...], *, nonblocking: bool) -> None:
        indexed = tuple((i, self.case(r, i)) for i in cases)
        kind = "SELECT" if nonblocking or len(cases) > 1 else "OFFER" if indexed[0][1].send else "WANT"
        if kind == "WANT":
            self.owes.discard(indexed[0][1].ch)  # the question says it too
        self.send((kind, self.new_op(r, cases), indexed, nonblocking))

    def new_op(self, r: int, covers: tuple[int, ...]) -> OpId:
        op = (r, self.ops[r])
        self.ops[r] += 1
        self.set(r, op=op, covers=covers, cancelling=False)
        return op

    # -- Trusted channels: what is ready, and what taking it does. --------------------------------------------------

    def reach(self, r: int, i: int, *, claims: bool = True) -> bool:
        """Is trusted case `i` of `r` ready now, or (if `claims`) by claiming a waiter?"""
        case = self.case(r, i)
        if case.ch in self.closed:
            return True
        if case.send and len(self.buf[case.ch]) < self.caps[case.ch]:
            return True
        if not case.send and self.buf[case.ch]:
            return True
        partner = self.partner(r, case)
        return partner is not None and (claims or self.wait(partner[0]).op is None)

    def partner(self, r: int, case: Case) -> tuple[int, int] | None:
        """The first waiter that may meet `r` here. Only unbuffered channels have meetings: others pass a buffer."""
        if self.caps[case.ch]:
            return None
        for q in self.waiters():
            if q != r and self.meetable(q):
                for j in self.cases_on(q, case.ch, send=not case.send):
                    return q, j
        return None

    def waiters(self) -> list[int]:
        held = [r for r, wait in enumerate(self.waits) if wait and wait.phase == "HELD"]
        return self.queue + (held if self.mutants & {"nonblocking_meet", "held_is_parked"} else [])

    def meetable(self, q: int) -> bool:
        """Rule 6: parked in Go's sense. A waiter that is claimed or leaving is not."""
        op, wait = self.op(q), self.wait(q)
        assert op is not None
        if wait.phase == "HELD" and wait.partner is not None and not wait.leaving:
            return ("nonblocking_meet" if op.ends == "default" else "held_is_parked") in self.mutants
        return wait.phase == "PARKED" and wait.partner is None and not wait.leaving

    def cases_on(self, q: int, ch: str, *, send: bool) -> list[int]:
        op = self.op(q)
        assert op is not None
        return [j for j, case in enumerate(op.cases) if case.ch == ch and case.send is send]

    def take(self, r: int, i: int) -> None:
        case = self.case(r, i)
        buf = self.buf[case.ch]
        if not case.send and buf:
            value = buf.pop(0)
            self.finish(r, f"{i}:{value}", touched=case.ch)
        elif case.ch in self.closed:
            self.finish(r, f"{i}:closed")
        elif case.send and len(buf) < self.caps[case.ch]:
            buf.append(case.value)  # rule 7: deposit at once, then cancel the waiter
            self.finish(r, f"{i}:sent", touched=case.ch)
        else:
            partner = self.partner(r, case)
            assert partner is not None
            self.claim(r, i, *partner)

    def close(self, r: int, ch: str) -> None:
        if ch in self.closed:
            self.done[r].append("closed")
            return
        self.closed.add(ch)
        self.done[r].append("ok")
        self.match(ch)

    # -- Claims (rule 3). -------------------------------------------------------------------------------------------

    def claim(self, r: int, i: int, q: int, j: int) -> None:
        old = self.wait(q).partner  # there is one only under the mutants that meet those who are held
        self.set(r, partner=q, meets=i)
        self.set(q, partner=r, meets=j)
        if "register_while_claiming" in self.mutants and self.wait(r).phase == "HELD":
            op = self.op(r)
            assert op is not None
            if op.ends != "default" and crossing_cases(op):
                self.park(r)
        self.settle(r, q)
        if old is not None:
            self.free(old)

    def settle(self, r: int, q: int) -> None:
        """Commit when neither side is outside any more; else cancel what is."""
        outside = [a for a in sorted((r, q)) if self.wait(a).op is not None]
        if not outside or "claim_does_not_cancel" in self.mutants:
            self.commit(r, q)
            return
        if "cancel_ascending" in self.mutants:
            outside = outside[:1]
        elif "cancel_descending" in self.mutants:
            outside = outside[-1:]
        for a in outside:
            self.cancel(a)

    def cancel(self, r: int) -> None:
        if not self.wait(r).cancelling:
            self.set(r, cancelling=True)
            self.send(("CANCEL", self.wait(r).op))

    def commit(self, r: int, q: int) -> None:
        i, j = self.wait(r).meets, self.wait(q).meets
        sender = self.case(r, i) if self.case(r, i).send else self.case(q, j)
        for a in (r, q):
            self.set(a, partner=None, phase="HELD")  # neither may be matched while the other leaves
        for a, case in ((r, i), (q, j)):
            self.finish(a, f"{case}:sent" if self.case(a, case).send else f"{case}:{sender.value}")

    # -- Waiters leave, and channels are matched again. -------------------------------------------------------------

    def finish(self, r: int, result: str, *, touched: str = "") -> None:
        """The operation of `r` ends: it leaves every trusted queue, its partner is free, its channels match again."""
        op, partner = self.op(r), self.wait(r).partner
        assert op is not None
        self.waits[r] = None
        self.done[r].append(result)
        was_parked = r in self.queue
        if was_parked:
            self.queue.remove(r)
        if partner is not None and "no_rematch" not in self.mutants:
            self.free(partner)
        left = {op.cases[i].ch for i in trusted_cases(op)} if was_parked else set()
        if "leaving_does_not_match" in self.mutants:
            left = set()
        for ch in sorted(left | set(touched)):
            self.match(ch)

    def free(self, r: int) -> None:
        """The other side of the claim of `r` is gone."""
        wait = self.wait(r)
        self.set(r, partner=None)
        if wait.op is None:
            self.advance(r, ())  # rule 2: an earlier NONE no longer counts
        elif wait.leaving:
            self.cancel(r)
        elif wait.phase == "PARKED":
            self.match_all(r)

    def match_all(self, r: int) -> None:
        op = self.op(r)
        assert op is not None
        for ch in sorted({op.cases[i].ch for i in trusted_cases(op)}):
            self.match(ch)

    def match(self, ch: str) -> None:
        """Something changed on trusted `ch`: wake the waiters that it can serve, first come first."""
        if ch in self.closed:
            self.nudge(ch, send=True, count=len(self.queue))
            self.nudge(ch, send=False, count=len(self.queue))
        elif self.caps[ch]:
            self.nudge(ch, send=True, count=self.caps[ch] - len(self.buf[ch]))
            self.nudge(ch, send=False, count=len(self.buf[ch]))
        else:
            self.pair(ch)

    def nudge(self, ch: str, *, send: bool, count: int) -> None:
        """Up to `count` waiters may have this side: one with an outside op is cancelled first, and looks then."""
        able = [q for q in self.queue if self.meetable(q) and self.cases_on(q, ch, send=send)]
        for q in able[: max(count, 0)]:
            if self.waits[q] is None or not self.meetable(q):
                continue  # an earlier one, advancing, matched it
            if self.wait(q).op is None:
                i = next((i for i in self.cases_on(q, ch, send=send) if self.reach(q, i)), None)
                if i is not None:
                    self.take(q, i)
            elif self.skips_cancel(ch):
                self.take(q, self.cases_on(q, ch, send=send)[0])
            else:
                self.cancel(q)

    def skips_cancel(self, ch: str) -> bool:
        return ("close_wakes_at_once" if ch in self.closed else "deposit_wakes_at_once") in self.mutants

    def pair(self, ch: str) -> None:
        for r in list(self.queue):
            if self.waits[r] is None or not self.meetable(r):
                continue
            for i in self.cases_on(r, ch, send=True):
                partner = self.partner(r, self.case(r, i))
                if partner:
                    self.claim(r, i, *partner)
                    break

    # -- What the dispatcher does on each message (rule 1: before the next frame). ----------------------------------

    def dispatch(self, message: Message) -> None:
        if message[0] == "LEND":
            self.loans[message[1]] = (message[2], 0, message[3])
        elif message[0] == "ROOM":
            self.rooms[message[1]] = message[2:]
        elif message[0] == "PROBE":
            self.on_probe(message[1])
        elif "answers_wait_for_their_routine" in self.mutants:
            self.mail.append(message)
        else:
            self.answer(message)

    def open_mail(self, n: int) -> None:
        self.answer(self.mail.pop(n))

    def answer(self, message: Message) -> None:
        kind, op = message[:2]
        r = op[0]
        wait = self.waits[r]
        if wait is None or wait.op != op:
            raise ProtocolError(f"{kind} for finished op {op}")
        self.check_kind(kind, wait, message)
        self.set(r, op=None, cancelling=False)
        if kind in ("GRANT", "TAKEN", "CLOSED"):
            what = {"TAKEN": "sent", "CLOSED": "closed"}.get(kind) or message[3]
            self.finish(r, f"{message[2]}:{what}")
        elif kind == "NONE":
            self.set(r, phase="HELD", refused=wait.covers)
            self.advance(r, wait.covers)
        elif kind == "CANCELLED":
            if wait.partner is not None:
                self.settle(r, wait.partner)
            else:
                self.advance(r, wait.covers)
        else:
            self.finish(r, f"len {message[2]}" if kind == "LEN" else "ok" if kind == "OK" else "closed")

    def check_kind(self, kind: str, wait: Wait, message: Message) -> None:
        wanted = {"NONE": wait.phase == "TRYING", "CANCELLED": wait.cancelling}
        if not wanted.get(kind, (kind in ("OK", "ERROR", "LEN")) == (wait.phase == "ASKING")):
            raise ProtocolError(f"{kind} for an op that is {wait.phase}")
        if kind in ("GRANT", "TAKEN", "CLOSED") and message[2] not in wait.covers:
            raise ProtocolError(f"{kind} for a case that was not asked for")

    # -- Timers and cancel (rule 5). --------------------------------------------------------------------------------

    def may_give_up(self, r: int) -> bool:
        """A timer that fires while an answer is due (TRYING) is remembered; so it need not be modelled there."""
        op, wait = self.op(r), self.waits[r]
        if op is None or op.ends not in ("timeout", "cancel"):
            return False
        return wait is not None and wait.phase in ("HELD", "PARKED") and not wait.leaving

    def give_up(self, r: int) -> None:
        op, wait = self.op(r), self.wait(r)
        assert op is not None
        self.set(r, leaving=op.ends)
        if "timeout_does_not_wait" in self.mutants:
            if wait.op is not None:
                self.cancel(r)
            self.finish(r, op.ends)
        elif wait.phase == "HELD" and wait.partner is not None:
            self.set(r, partner=None)  # it arrived here: it leaves; the waiter it claimed goes back when CANCELLED
            self.free(wait.partner)
            self.advance(r)
        elif wait.partner is None and wait.op is not None:
            self.cancel(r)
        elif wait.partner is None:
            self.advance(r)

    # -- Deadlock probe. --------------------------------------------------------------------------------------------

    def passive(self) -> bool:
        """No routine can run and no timer can act. An answer that is due makes no difference: the host sends it."""
        routines = range(len(self.waits))
        runnable = any(self.op(r) and self.waits[r] is None for r in routines)
        return not runnable and not self.mail and not any(self.may_give_up(r) for r in routines)

    def on_probe(self, epoch: int) -> None:
        if "busy_answer" in self.mutants and not self.passive():
            self.send(("BUSY", epoch))
        else:
            self.held_probe = epoch

    def answer_held_probe(self) -> None:
        """After every step: a held probe is answered at the moment the enclave becomes passive."""
        if self.held_probe is not None and self.passive():
            self.send(("PASSIVE", self.held_probe))
            self.held_probe = None

    def stuck(self) -> Iterable[str]:
        """What must not be left when nothing moves any more."""
        for r, wait in enumerate(self.waits):
            if wait is None:
                continue
            if wait.cancelling or wait.leaving or wait.partner is not None or wait.phase != "PARKED":
                yield f"routine {r} is stuck: {wait}"
            op = self.op(r)
            if op and crossing_cases(op) and wait.op is None:
                yield f"routine {r} is deaf: not registered outside"
