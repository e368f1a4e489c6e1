"""What must hold for ever, in a short form: kills at any moment, memory that stays flat, thousands of routines.

`make soak` is the long form, which takes half an hour: 200 kills of each kind and a million requests.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from .program import Running, children, lines_of, started, write_program

LONG = int(os.environ.get("GOTEE_SOAK", "0"))  # how often everything is killed
KILLS = LONG or 4
REQUESTS = 1_000_000 if LONG else 3_000
PAGE = os.sysconf("SC_PAGESIZE")
GROWTH = 4 << 20  # bytes: allocators breathe; a leak of 5 bytes a request is more in the long form, of 1.4 KB here

MIXED = """
        def serve(requests: Chan[int], replies: Chan[int]) -> None:
            for request in requests:
                print("serving", request)
                replies.send(request + 1)

        def mirror(there: Chan[bytes], back: Chan[bytes]) -> None:
            for data in there:
                back.send(data)

        def either(one: Chan[int], two: Chan[int], own: Chan[bool]) -> None:
            inside = Chan[int](1)
            while True:
                inside.send(1)
                select(Recv(one), Recv(inside), Send(two, 1), timeout=0.01)
                while len(inside):
                    inside.recv()

        def add(a: int, b: int) -> int:
            return a + b

        def feed(requests: Chan[int]) -> None:
            for n in range(10**9):
                requests.send(n)

        def stream(there: Chan[bytes]) -> None:
            while True:
                there.send(bytes(300_000))

        def drain(channel: Chan) -> None:
            for _ in channel:
                pass

        def lost(routine) -> bool:
            try:
                routine.result()
            except EnclaveLost:
                return True
            return False

        def call() -> None:
            while True:
                gosecure(add, 1, 2).result()

        def in_a_thread(ends: list) -> None:
            ends.append(lost(go(call)))

        def main() -> None:
            requests, replies = Chan[int](), Chan[int](3)
            there, back = Chan[bytes](2), Chan[bytes]()
            one, two = Chan[int](), Chan[int]()
            inside = [gosecure(serve, requests, replies) for _ in range(3)]
            inside += [gosecure(mirror, there, back), gosecure(either, one, two, Chan[bool]())]
            outside = [go(feed, requests), go(stream, there), go(drain, back), go(drain, two), go(feed, one), go(call)]
            ends: list[bool] = []
            thread = threading.Thread(target=in_a_thread, args=(ends,), daemon=True)  # or Python waits for it at Ctrl-C
            thread.start()
            try:
                while True:
                    replies.recv()
                    gosecure(add, 1, 2).result()
            except EnclaveLost:
                pass
            told = [lost(routine) for routine in inside + outside]
            thread.join()
            if all(told + ends):
                print("enclave lost", file=sys.stderr)
                raise SystemExit(3)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    return write_program(tmp_path, MIXED)


def environment(program: Path) -> dict[str, str]:
    return {"TMPDIR": str(program.parent / "temporary")}


def assert_nothing_lies_about(program: Path) -> None:
    """Nothing with a name in shared memory, nothing in the folder for temporary files."""
    assert os.listdir(program.parent / "temporary") == []
    assert [name for name in os.listdir("/dev/shm") if "gotee" in name] == []


def assert_told(running: Running) -> None:
    ended = running.end()  # which looks for processes that were left
    assert ended.status == 3, ended
    assert "enclave lost" in ended.errors


@pytest.mark.parametrize("victim", ["enclave", "platform", "host"])
def test_a_kill_at_any_moment_leaves_no_hang_and_nothing_behind(program: Path, victim: str) -> None:
    chance = random.Random(victim)
    for _ in range(KILLS):
        with started(program, environment=environment(program)) as running:
            running.wait_for("serving 0")
            pids = {"host": running.process.pid, "platform": running.platform, "enclave": running.enclave}
            time.sleep(chance.random() * 0.1)
            os.kill(pids[victim], signal.SIGKILL)
            if victim == "host":
                assert running.end().status == -signal.SIGKILL
            else:
                assert_told(running)
        assert_nothing_lies_about(program)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_host_ended_while_its_enclave_starts_leaves_nothing_behind(program: Path, sent: signal.Signals) -> None:
    chance = random.Random(sent)
    for _ in range(KILLS):
        with started(program, environment=environment(program)) as running:
            time.sleep(chance.random() * 0.5)
            running.process.send_signal(sent)
            ended = running.end()
        assert ended.status in (-sent, 1), ended  # 1: Ctrl-C while Python itself started
        if sent != signal.SIGTERM or ended.status != -sent:
            assert_nothing_lies_about(program)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_platform_or_enclave_killed_while_it_starts_is_told_at_once(program: Path, generation: int) -> None:
    """The first process that the program starts, or the first that this one starts, is killed soon after its birth."""
    chance = random.Random(generation)
    for _ in range(KILLS):
        with started(program, environment=environment(program)) as running:
            victim = _youngest(running, generation)
            time.sleep(chance.random() * 0.15)
            if victim is not None:
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            else:
                running.process.kill()
            ended = running.end()
        assert ended.status in (1, 3), ended
        assert "EnclaveLost" in ended.errors or "ImageError" in ended.errors or "enclave lost" in ended.errors, ended
        assert_nothing_lies_about(program)


def _youngest(running: Running, generation: int) -> int | None:
    """The first child of the program's process, or of this child; None if the program ends before."""
    parent = running.process.pid
    for _ in range(generation):
        while not (found := children(parent)):
            if running.process.poll() is not None:
                return None
        parent = found[0]
    return parent


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path("/proc", str(pid), "statm").read_text().split()[1]) * PAGE


@pytest.mark.parametrize("link", ["ring", "stream"])
def test_a_reply_channel_for_each_request_leaves_memory_flat(tmp_path: Path, link: str) -> None:
    main = write_program(
        tmp_path,
        """
        @dataclass
        class Request:
            number: int
            reply: Chan[int]

        def serve(requests: Chan[Request]) -> None:
            for request in requests:
                request.reply.send(request.number)

        def ask(requests: Chan[Request], first: int, count: int) -> None:
            for number in range(first, first + count):
                reply = Chan[int]()
                requests.send(Request(number, reply))
                assert reply.recv() == number

        def meet(name: str) -> None:
            print(name, flush=True)
            while not os.path.exists(name):
                time.sleep(0.005)

        def main() -> None:
            requests = Chan[Request]()
            for _ in range(2):
                gosecure(serve, requests)
            count = int(sys.argv[1])
            ask(requests, 0, 2_000)
            meet("warm")
            ask(requests, 2_000, count)
            meet("done")
        """,
    )
    with started(main, str(REQUESTS), environment={"GOTEE_LINK": link}) as running:
        memory = {}
        for moment in ("warm", "done"):
            running.wait_for(moment)
            memory[moment] = [resident(pid) for pid in (running.process.pid, running.enclave)]
            (tmp_path / moment).touch()
        ended = running.end()
    assert ended.status == 0, ended
    growth = [after - before for before, after in zip(memory["warm"], memory["done"], strict=True)]
    assert max(growth) < GROWTH, f"host and enclave grew by {growth} bytes in {REQUESTS} requests"


def test_ten_thousand_secured_routines_in_flight(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        started = 0

        def wait(number: int, gate: Chan[int]) -> int:
            global started
            started += 1
            return number + (0 if gate.recv_ok()[1] else 1)

        def running() -> int:
            return started

        def main() -> None:
            gate = Chan[int]()
            routines = [gosecure(wait, number, gate) for number in range(10_000)]
            print(gosecure(running).result(), any(routine.done() for routine in routines))
            gate.close()
            print([routine.result() for routine in routines] == list(range(1, 10_001)))
        """,
    ) == ["10000 False", "True"]
