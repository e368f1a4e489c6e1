"""The two worlds together: host, enclave, two FIFO links; every interleaving of their steps, checked against Go.

Test world only. A transition is one step of a routine, one timer, or one delivery. `check` explores all of them and
returns the violations found: an outcome that Go does not have, a stuck or deaf waiter, an answer that would end the
enclave, a deadlock missed or invented.

`mutants` names rules to leave out (or variants to try); `features` adds the deadlock probe or the loss of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .go_model import Outcome, outcomes
from .model_enclave import Enclave, EnclaveState, ProtocolError
from .model_host import Host, HostChan, HostState, Message, Shared, SharedState
from .program import Program
from .search import Picker, replays, trace, visit


class WorldState(NamedTuple):
    host: HostState
    enclave: EnclaveState | None  # None: it vanished
    to_host: tuple[Message, ...] = ()
    to_enclave: tuple[Message, ...] = ()
    noticed: bool = False  # the host knows that the enclave is lost
    error: str = ""
    shared: SharedState = SharedState()


class Report(NamedTuple):
    states: int
    outcomes: set[Outcome]
    violations: list[str]
    missing: set[Outcome]  # outcomes of Go that the protocol cannot reach: no violation, but see rule 8


class World:
    """One transition on a private copy of a state."""

    def __init__(self, p: Program, s: WorldState, mutants: frozenset[str], picker: Picker) -> None:
        self.p, self.noticed, self.error = p, s.noticed, s.error
        self.to_host, self.to_enclave = list(s.to_host), list(s.to_enclave)
        self.shared = Shared(s.shared)
        self.host = Host(p, s.host, mutants, self.send_in, picker, self.shared)
        send = self.to_host.append
        self.enclave = Enclave(p, s.enclave, mutants, send, picker, self.shared) if s.enclave else None

    def send_in(self, message: Message) -> None:
        if self.enclave:
            self.to_enclave.append(message)

    def state(self) -> WorldState:
        inside = self.enclave.state() if self.enclave else None
        links = tuple(self.to_host), tuple(self.to_enclave)
        return WorldState(self.host.state(), inside, *links, self.noticed, self.error, self.shared.state())

    def enabled(self, features: frozenset[str]) -> list[tuple[str, Callable[[World], None]]]:
        """Labels, and what each does to a copy."""
        if self.error:
            return []
        moves = self._host_moves() + self._enclave_moves()
        if "probe" in features and self.host.wants_probe() and self.enclave:
            moves.append(("host probes", lambda w: w.host.probe()))
        if "loss" in features and self.enclave:
            moves.append(("loss", World.vanish))
        if not self.enclave and not self.noticed:
            moves.append(("host notices", World.notice))
        return moves

    def _host_moves(self) -> list[tuple[str, Callable[[World], None]]]:
        moves: list[tuple[str, Callable[[World], None]]] = []
        for r in range(len(self.p.routines)):
            op = self.host.op(r)
            if op and not self.host.parked(r):
                moves.append((f"host {r} runs", lambda w, r=r: w.host.step(r)))
            if op and op.ends in ("timeout", "cancel") and (self.host.parked(r) or op.ends == "cancel"):
                moves.append((f"host {r} {op.ends}", lambda w, r=r: w.host.give_up(r)))
        if self.enclave and self.host.may_listen():
            moves.append(("host listens", lambda w: w.host.listen()))
        if self.to_host:
            moves.append((f"host gets {_show(self.to_host[0])}", lambda w: w.host.dispatch(w.to_host.pop(0))))
        return moves

    def _enclave_moves(self) -> list[tuple[str, Callable[[World], None]]]:
        moves: list[tuple[str, Callable[[World], None]]] = []
        inside = self.enclave
        if not inside:
            return moves
        for r in range(len(self.p.routines)):
            if inside.op(r) and inside.waits[r] is None:
                moves.append((f"enclave {r} runs", _inside(lambda e, r=r: e.step(r))))
            if inside.may_give_up(r):
                moves.append((f"enclave {r} gives up", _inside(lambda e, r=r: e.give_up(r))))
        for n, message in enumerate(inside.mail):
            moves.append((f"enclave reads {_show(message)}", _inside(lambda e, n=n: e.open_mail(n))))
        if self.to_enclave:
            moves.append((f"enclave gets {_show(self.to_enclave[0])}", World.deliver_in))
        return moves

    def deliver_in(self) -> None:
        message = self.to_enclave.pop(0)
        _inside(lambda e: e.dispatch(message))(self)

    def vanish(self) -> None:
        """The enclave is gone; frames it had sent may still be read, those for it are not."""
        self.enclave = None
        self.to_enclave.clear()

    def notice(self) -> None:
        self.noticed = True
        self.to_host.clear()
        self.host.lose()

    def outcome(self) -> Outcome:
        places, host, inside = self.p.places, self.host, self.enclave
        results = []
        for r, place in enumerate(places):
            if place == "E" and not inside:
                continue
            done = host.done[r] if place == "H" or not inside else inside.done[r]
            results.append((*done, *(["blocked"] if len(done) < len(self.p.routines[r]) else [])))
        chans = []
        for ch, _ in self.p.caps:
            if ch in "xyz":
                chans.append((ch, (host.chans[ch].buf, host.chans[ch].closed)))
            elif inside:
                chans.append((ch, (tuple(inside.buf[ch]), ch in inside.closed)))
        return Outcome(tuple(results), tuple(chans), inside is None)


def _inside(act: Callable[[Enclave], None]) -> Callable[[World], None]:
    def move(world: World) -> None:
        assert world.enclave is not None
        act(world.enclave)
        world.enclave.rest()
        world.enclave.answer_held_probe()

    return move


def _show(message: Message) -> str:
    return " ".join(str(part) for part in message[:4])


def start(p: Program, *, roomy: bool = False) -> WorldState:
    """Nothing has happened; with `roomy` all buffers are lent."""
    crossing = sum(ch in "xyz" for ch, _ in p.caps)
    none: tuple[tuple[str, ...], ...] = tuple(() for _ in p.routines)
    zeros, nobody = tuple(0 for _ in none), tuple(None for _ in none)
    inside = EnclaveState(tuple(((), False) for _ in p.caps[crossing:]), none, nobody, ops=zeros)
    words = tuple((ch, (0, 0)) for ch, _ in p.caps[:crossing])
    rooms = tuple((ch, (0, ())) for ch, _ in p.caps[:crossing])
    host = HostState(tuple(HostChan() for _ in range(crossing)), none)
    world = World(p, WorldState(host, inside, shared=SharedState(words, rooms)), frozenset(), Picker())
    for ch, _ in p.caps[:crossing] if roomy else ():
        world.host.lend_room(ch)
    return world.state()


def check(
    p: Program, *, mutants: frozenset[str] = frozenset(), features: frozenset[str] = frozenset(), stop_at: int = 1
) -> Report:
    """Explore every interleaving of `p`; stop after `stop_at` violations."""
    allowed = outcomes(p, loss="loss" in features)
    seen: set[Outcome] = set()
    violations: list[str] = []

    def successors(state: WorldState) -> list[tuple[str, WorldState]]:
        found = []
        for label, move in World(p, state, mutants, Picker()).enabled(features):

            def once(picker: Picker, move: Callable[[World], None] = move) -> WorldState:
                world = World(p, state, mutants, picker)
                try:
                    move(world)
                except ProtocolError as error:
                    return state._replace(error=str(error))
                return world.state()

            found += [(label, new) for new in replays(once)]
        return found

    tree: dict[WorldState, tuple[WorldState, str]] = {}
    for state, following, tree in visit(start(p, roomy="roomy" in features), successors):
        wrong = _violation(p, state, following, features, allowed, seen)
        if wrong:
            violations.append(f"{p}\n  {wrong}\n    " + "\n    ".join(trace(state, tree)))
            if len(violations) >= stop_at:
                break
    return Report(len(tree), seen, violations, allowed - seen)


def _violation(
    p: Program,
    state: WorldState,
    following: list[tuple[str, WorldState]],
    features: frozenset[str],
    allowed: set[Outcome],
    seen: set[Outcome],
) -> str:
    if state.error:
        return f"the enclave ends: {state.error}"
    world = World(p, state, frozenset(), Picker())
    quiescent = all(label == "loss" for label, _ in following)
    if state.host.deadlock and not quiescent:
        return f"deadlock invented: {following[0][0]} was still to come"
    if not quiescent:
        return ""
    outcome = world.outcome()
    seen.add(outcome)
    if outcome not in allowed:
        return f"Go has no such outcome: {outcome}"
    if world.enclave:
        for complaint in world.enclave.stuck():
            return complaint
        waiting = any(world.host.op(r) for r in range(len(p.routines)))
        if "probe" in features and waiting and not state.host.deadlock:
            return "deadlock missed"
    return ""
