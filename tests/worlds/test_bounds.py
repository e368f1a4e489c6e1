"""What a world queues for the other is bounded: whoever begins an operation parks until there is room."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path

from .program import Ended, lines_of, run, started, write_program

STOPPED = """
def nothing() -> None:
    pass

def take(data: bytes) -> int:
    return len(data)

def until(name: str) -> None:
    while not os.path.exists(name):
        sleep(0.01)
"""


def with_a_stopped_enclave(directory: Path, source: str, flooded: str) -> Ended:
    """Run a program whose enclave takes nothing from the line "ready" on until the program has said `flooded`."""
    main = write_program(directory, textwrap.dedent(STOPPED) + textwrap.dedent(source))
    with started(main) as program:
        program.wait_for("ready")
        enclave = program.enclave
        os.kill(enclave, signal.SIGSTOP)
        (directory / "stopped").touch()
        program.wait_for(flooded)
        os.kill(enclave, signal.SIGCONT)
        return program.end()


def test_calls_park_while_an_enclave_takes_nothing_and_the_other_routines_go_on(tmp_path: Path) -> None:
    ended = with_a_stopped_enclave(
        tmp_path,
        """
        calls = []

        def flood() -> int:
            while len(calls) < 64:
                calls.append(gosecure(take, bytes(1 << 20)))
            return sum(call.result() for call in calls)

        def main() -> None:
            gosecure(nothing).result()
            print("ready", flush=True)
            until("stopped")
            flooding = go(flood)
            for _ in range(30):
                sleep(0.01)
            print("parked" if 0 < len(calls) < 16 else len(calls), flush=True)
            print(flooding.result() >> 20)
        """,
        "parked",
    )
    assert (ended.status, ended.lines) == (0, ["ready", "parked", "64"]), ended


def test_on_a_running_loop_too_much_is_overloaded_and_nothing_is_lost(tmp_path: Path) -> None:
    ended = with_a_stopped_enclave(
        tmp_path,
        """
        async def flood() -> None:
            calls = []
            try:
                while len(calls) < 256:
                    calls.append(gosecure(take, bytes(1 << 20)))
            except Overloaded as error:
                print("await the results" in str(error), 60 < len(calls) < 80, flush=True)
            print({await call for call in calls} == {1 << 20})

        def main() -> None:
            gosecure(nothing).result()
            print("ready", flush=True)
            until("stopped")
            asyncio.run(flood())
        """,
        "True True",
    )
    assert (ended.status, ended.lines) == (0, ["ready", "True True", "True"]), ended


def test_values_offered_from_inside_wait_for_room_and_all_arrive(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def offer(channel: Chan[bytes], n: int) -> None:
                channel.send(bytes([n]) * (1 << 20))

            def main() -> None:
                channel = Chan[bytes]()
                for n in range(64):
                    gosecure(offer, channel, n)
                seen = set()
                for _ in range(64):
                    data = channel.recv()
                    seen.add(data[0])
                    assert len(data) == 1 << 20
                print(len(seen))
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "64\n"), ended


def test_a_result_beyond_the_limits_fails_its_call_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gotee.limits]\nframe-bytes = 20_000_000\n")
    assert lines_of(
        tmp_path,
        """
        def large(size: int) -> bytes:
            return bytes(size)

        def many() -> list:
            return [[] for _ in range(600_000)]

        def offer(channel: Chan[bytes]) -> str:
            try:
                channel.send(bytes(20_000_000))
            except Overloaded:
                return "overloaded"
            return "sent"

        def wait(gate: Chan[int]) -> int:
            return gate.recv()

        def main() -> None:
            gate = Chan[int]()
            waiting = gosecure(wait, gate)
            for routine in (gosecure(large, 20_000_000), gosecure(many)):
                try:
                    routine.result()
                except Overloaded as error:
                    print(error)
            print(gosecure(offer, Chan[bytes](1)).result())
            gate.send(3)
            print(waiting.result())
        """,
    ) == [
        *(
            f"the result of {name} is larger than the enclave's limits allow: send it through a channel in pieces, or "
            "raise frame-bytes, items or depth in [tool.gotee.limits]"
            for name in ("large", "many")
        ),
        "overloaded",
        "3",
    ]
