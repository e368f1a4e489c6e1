"""A running enclave, as the host sees it. Host world.

A service thread receives the enclave's messages and acts on them; any thread may start calls and use channels. When the
link ends, everybody who waits for the enclave is told at once.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic

from gotee.boundary.crossing import CallCodec
from gotee.boundary.home import Home
from gotee.boundary.messages import Kind, Message, pack, unpack_error
from gotee.boundary.policy import Policy
from gotee.boundary.wire import Wire
from gotee.errors import EnclaveLost, GoteeError
from gotee.host import ended, failures
from gotee.host.calls import Callee, Calls
from gotee.host.lead import Lead, Seat
from gotee.host.ocalls import Service
from gotee.host.probe import Probe
from gotee.host.start import Started
from gotee.runtime import deadlock
from gotee.runtime.parking import Ticket
from gotee.runtime.scheduler import scheduler_of_this_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gotee.host.observer import Observer

PATIENCE = 1.0  # seconds between looks at an enclave that starts
GOODBYE = 2.0  # seconds that an enclave gets at exit to send what it has printed


class Enclave:
    """One running enclave and everything of this process that waits for it."""

    def __init__(self, started: Started, policy: Policy, home: str) -> None:
        """`policy` is that of its image; relative paths of its files begin in `home`."""
        self._started = started
        self._wire = Wire(started.link)
        self._ocalls = Service(self._wire, policy, home)
        self._home = Home(self._wire)
        self._calls = Calls(self._wire, self.seat)
        self._up = False  # it serves, or never will
        self._comers: list[Ticket[None]] = []  # of those who wait for that: a ticket is for one
        self._told_lost = False
        self._probe = Probe(self._wire.send)
        actions: dict[Kind, Callable[[Message], None]] = {
            Kind.READY: self._on_ready,
            Kind.UNREADY: self._on_unready,
            Kind.FAILED: self._calls.on_end,
            Kind.REFUSED: self._calls.on_end,
            Kind.CALL_CANCELLED: self._calls.on_end,
            Kind.OVERLOADED: self._calls.on_end,
            Kind.PUBLIC_FAILED: self._calls.on_end,
            Kind.HIDDEN: self._on_hidden,
            Kind.CONSOLE: self._on_console,
            Kind.SELECT: self._home.on_select,
            Kind.CANCEL: self._home.on_cancel,
            Kind.CLOSE: self._home.on_close,
            Kind.LEN: self._home.on_length,
            Kind.RELEASE: self._home.on_release,
            Kind.TOOK: self._home.on_took,
            Kind.PASSIVE: self._probe.on_passive,
            Kind.OCALL: self._ocalls.on_ocall,
            Kind.ABANDON: self._ocalls.on_abandon,
        }
        self.lost: str | None = None
        self.refused: GoteeError | None = None
        self._told = False  # everybody who waits, of the loss
        self._stopping = False
        self._observer: Observer | None = None
        self._process = os.getpid()
        self._lead = Lead(self._wire, self._calls, self._home, actions, self._on_lost)
        self._ocalls.when_open = lambda action: self._lead.on(Kind.OCALL, action)
        self._service = threading.Thread(target=self._serve, name="gotee-link", daemon=True)
        deadlock.remotes.append(self._probe)
        self._service.start()
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._forget)

    def observe(self, observer: Observer) -> None:
        """Have every message told to `observer`, and ask the enclave for what it does."""
        self._observer = observer
        self._lead.on(Kind.OBSERVED, observer.on_observed)
        self._wire.tap = observer
        self._wire.post(Kind.OBSERVE, observer.wanted)

    def debug(self) -> None:
        """Have a debugger stop inside."""
        from gotee.boundary.observed import DEBUG

        self._wire.post(Kind.OBSERVE, DEBUG)

    # -- calls ----------------------------------------------------------------------------------------

    def wait_ready(self) -> None:
        """Wait until the enclave serves.

        Raises ImageError if it was refused, SandboxError if it cannot be shut in, EnclaveLost if it ended before.
        """
        self.seat()
        ticket: Ticket[None] = Ticket()
        self._comers.append(ticket)
        while not self._up and not ticket.wait("the enclave to start", None, monotonic() + PATIENCE):
            pass  # with a timer, so that a start whose end is not told yet is not taken for a deadlock
        if self.refused is not None:
            raise self.refused
        if self.lost is not None:
            raise EnclaveLost(self.lost)

    def callee(self, number: int, function: Callable[..., Any]) -> Callee:
        """Entry `number` of the enclave's table, which is `function` there."""
        return Callee(self._calls, function, number, CallCodec(function, self._home))

    # -- the service thread -----------------------------------------------------------------------------

    def seat(self) -> None:
        """The calling thread sleeps with this enclave's link from now on."""
        scheduler = scheduler_of_this_thread()
        if scheduler.sleeper is None and self.lost is None:
            scheduler.sleep_with(Seat(self._lead, scheduler))

    def _serve(self) -> None:
        """The service thread, which also notices the end."""
        own = threading.get_ident()
        deadlock.service_threads.add(own)
        self._lead.serve()
        self._lead.alone(lambda: self._on_lost(None))
        deadlock.service_threads.discard(own)
        self._started.wait()

    def _on_lost(self, reason: str | None) -> None:
        """The link has ended, or has to end for a reason that we know; else the platform is asked for it."""
        if self._told:
            return
        if reason is None and self.lost is None:
            error = EnclaveLost(ended.NO_REASON) if self._stopping else ended.why(self._started.control)
            reason = str(error)
            if not isinstance(error, EnclaveLost):
                self.refused = error
        self._end(reason or ended.NO_REASON)

    def _end(self, reason: str) -> None:
        """The enclave is gone, or has to go: its platform kills it when our control socket closes.

        A Ctrl-C may break this off on the main thread. Then the service thread, at its own end, does it again.
        """
        if self._told:
            return
        if self.lost is None:
            self.lost = reason
        if self._probe in deadlock.remotes:
            deadlock.remotes.remove(self._probe)
        self._started.control.close()
        self._home.end_loans()
        self._wire.close()
        self._calls.lose(self.lost, self._stopping)  # as in Go, the program's end ends what runs
        self._home.lose()
        self._ocalls.close()
        self._tell_comers()
        self._told = True

    def _on_ready(self, message: Message) -> None:
        self._tell_comers()

    def _tell_comers(self) -> None:
        self._up = True
        for ticket in tuple(self._comers):
            ticket.give(None)

    def _on_unready(self, message: Message) -> None:
        name, text = unpack_error(message.payload)
        self._end(f"the enclave could not start: {name}: {text}")

    def _on_hidden(self, message: Message) -> None:
        """A failure in an image for release: of a call, of its start, or of a routine that nobody waits for."""
        if message.argument == failures.CALL:
            self._calls.on_end(message)
        elif message.argument == failures.START:
            self._end(f"the enclave could not start: {failures.hidden(message)}")
        elif sys.stderr is not None:
            sys.stderr.write(f"gotee: something failed inside: {failures.hidden(message)}\n")

    def _on_console(self, message: Message) -> None:
        stream = sys.stderr if message.id == 2 else sys.stdout
        if stream is not None:
            text = message.payload.decode("utf-8", "backslashreplace")
            try:
                try:
                    stream.write(text)
                except UnicodeEncodeError:  # it has not all letters
                    stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
                stream.flush()
            except (BrokenPipeError, ValueError):
                pass  # nobody reads it any more: what is printed is dropped, and the link goes on
            except OSError as error:  # such as a full disk
                self._tell_lost(error)

    def _tell_lost(self, error: OSError) -> None:
        """That what is printed inside cannot be shown; once, and nobody waits for it."""
        told, self._told_lost = self._told_lost, True
        if not told and sys.stderr is not None:
            cause = f"standard output cannot be written: {error.strerror}"
            try:
                sys.stderr.write(f"gotee: what is printed inside is lost: {cause}\n")
            except (OSError, ValueError):
                pass  # nor can this

    # -- the end ---------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the enclave: what it has printed so far is shown first."""
        if os.getpid() != self._process:
            return
        atexit.unregister(self.stop)
        self._stopping = True
        if self._service.is_alive():
            self._wire.send(pack(Kind.STOP))
            self._service.join(GOODBYE)
        self._started.control.close()
        self._started.wait()
        if self._observer is not None:
            self._observer.finish()

    def _forget(self) -> None:
        """In a forked child: the enclave is the parent's."""
        if self.lost is None:
            self.lost = (
                "the enclave belongs to the process that forked this one: start workers by spawn or forkserver, or "
                "fork before the first gosecure"
            )
            self._wire.poison()
            self._calls.lose(self.lost, True)  # the parent reports it
            self._home.lose()
