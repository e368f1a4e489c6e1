"""What a world queues for the other is bounded: whoever begins an operation parks until there is room."""

from __future__ import annotations

from pathlib import Path

from .program import lines_of, run, write_program


def test_calls_park_while_a_busy_enclave_takes_nothing(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def busy() -> None:
                end = time.monotonic() + 0.5
                while time.monotonic() < end:
                    pass

            def take(data: bytes) -> int:
                return len(data)

            def main() -> None:
                first = gosecure(busy)
                calls = []
                while not first.done() and len(calls) < 64:
                    calls.append(gosecure(take, bytes(1 << 20)))
                print(len(calls) < 16, all(call.result() == 1 << 20 for call in calls))
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "True True\n"), ended


def test_a_parked_call_does_not_stop_the_other_routines(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def busy() -> None:
                end = time.monotonic() + 0.5
                while time.monotonic() < end:
                    pass

            def take(data: bytes) -> int:
                return len(data)

            def flood() -> int:
                return sum(call.result() for call in [gosecure(take, bytes(1 << 20)) for _ in range(32)])

            def main() -> None:
                first = gosecure(busy)
                flooding = go(flood)
                ticks = 0
                while not first.done():
                    sleep(0.01)
                    ticks += 1
                print(ticks > 3, flooding.result() >> 20)
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "True 32\n"), ended


def test_on_a_running_loop_too_much_is_overloaded_and_nothing_is_lost(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            def busy() -> None:
                end = time.monotonic() + 0.5
                while time.monotonic() < end:
                    pass

            def take(data: bytes) -> int:
                return len(data)

            async def flood() -> None:
                first = gosecure(busy)
                calls = []
                try:
                    while len(calls) < 256:
                        calls.append(gosecure(take, bytes(1 << 20)))
                except Overloaded as error:
                    print("await the results" in str(error), 60 < len(calls) < 80)
                await first
                print({await call for call in calls} == {1 << 20})

            def main() -> None:
                asyncio.run(flood())
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "True True\nTrue\n"), ended


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
    assert lines_of(
        tmp_path,
        """
        def large(size: int) -> bytes:
            return bytes(size)

        def many() -> list:
            return [[] for _ in range(600_000)]

        def offer(channel: Chan[bytes]) -> str:
            try:
                channel.send(bytes(200_000_000))
            except Overloaded:
                return "overloaded"
            return "sent"

        def wait(gate: Chan[int]) -> int:
            return gate.recv()

        def main() -> None:
            gate = Chan[int]()
            waiting = gosecure(wait, gate)
            for routine in (gosecure(large, 200_000_000), gosecure(many)):
                try:
                    routine.result()
                except Overloaded as error:
                    print(error)
            print(gosecure(offer, Chan[bytes](1)).result())
            gate.send(3)
            print(waiting.result())
        """,
    ) == [
        "the result of large is larger than the enclave's limits allow: send it through a channel in pieces",
        "the result of many is larger than the enclave's limits allow: send it through a channel in pieces",
        "overloaded",
        "3",
    ]
