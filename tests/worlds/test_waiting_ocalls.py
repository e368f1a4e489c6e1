"""Routines that wait for the host park: others go on, however many wait, and large files need no memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .program import lines_of, run, write_program
from .test_files import policy


def test_ten_thousand_routines_wait_for_the_host_and_others_go_on(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["fifo:r", "x.txt:rw"]')
    os.mkfifo(tmp_path / "fifo")
    assert lines_of(
        tmp_path,
        """
        def read(descriptor: int, done: Chan[int]) -> None:
            done.send(len(os.read(descriptor, 1)))

        def start(count: int, waiting: Chan[str]) -> int:
            descriptor, done = os.open("fifo", os.O_RDONLY), Chan[int]()
            for _ in range(count):
                go(read, descriptor, done)
            yield_now()
            with open("x.txt", "w") as file:
                file.write("others go on")
            waiting.send(open("x.txt").read())
            return sum(done.recv() for _ in range(count))

        def main() -> None:
            waiting = Chan[str]()
            writer = os.open("fifo", os.O_RDWR)
            routine = gosecure(start, 10_000, waiting)
            print(waiting.recv(), threading.active_count() < 15)
            for _ in range(10):
                os.write(writer, b"x" * 1_000)
            print(routine.result())
        """,
    ) == ["others go on True", "10000"]


def test_many_routines_read_standard_input_each_another_line(tmp_path: Path) -> None:
    source = """
        import subprocess

        def read(done: Chan[str]) -> None:
            done.send(input())

        def start(count: int) -> int:
            done = Chan[str]()
            for _ in range(count):
                go(read, done)
            return len({done.recv() for _ in range(count)})

        def main() -> None:
            if sys.argv[1:]:
                print(gosecure(start, 2_000).result(), input())
            else:
                given = "".join(f"{n}\\n" for n in range(2_001))
                done = subprocess.run([sys.executable, __file__, "x"], input=given, text=True, stdout=subprocess.PIPE)
                print(done.stdout)
        """
    assert run(write_program(tmp_path, source)).output == "2000 2000\n\n"


def test_a_cancelled_wait_for_input_loses_no_line(tmp_path: Path) -> None:
    source = """
        import subprocess

        def read() -> str:
            return input()

        def main() -> None:
            if sys.argv[1:]:
                first = gosecure(read)
                print("started", flush=True)
                sleep(0.1)
                first.cancel()
                print("cancelled", flush=True)
                print(gosecure(read).result(), gosecure(read).result())
                return
            child = subprocess.Popen([sys.executable, __file__, "x"], stdin=-1, stdout=-1, text=True)
            assert child.stdin and child.stdout
            child.stdout.readline(), child.stdout.readline()
            child.stdin.write("one\\ntwo\\n")
            child.stdin.close()
            print(child.stdout.read(), child.wait())
        """
    assert run(write_program(tmp_path, source)).output == "one two\n 0\n"


def test_two_routines_share_one_file_object(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["*.txt:rw"]')
    (tmp_path / "in.txt").write_text("".join(f"line {n} {'y' * (n % 100)}\n" for n in range(5_000)))
    assert lines_of(
        tmp_path,
        """
        def copy(source, target, done: Chan[int]) -> None:
            count = 0
            for line in source:
                target.write(line)
                count += 1
                if count % 100 == 0:
                    target.flush()
            done.send(count)

        def start(path: str) -> int:
            done = Chan[int]()
            with open(path) as source, open("out.txt", "w") as target:
                for _ in range(8):
                    go(copy, source, target, done)
                return sum(done.recv() for _ in range(8))

        def main() -> None:
            print(gosecure(start, "in.txt").result())
            print(sorted(open("in.txt")) == sorted(open("out.txt")))
        """,
    ) == ["5000", "True"]


def test_large_contents_arrive_whole_in_constant_memory(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["big:rw", "copy:rw"]')
    assert lines_of(
        tmp_path,
        """
        import hashlib, resource, shutil

        def peak() -> int:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

        def work() -> list[str]:
            pattern = hashlib.sha256(b"x").digest() * 50_001
            before = peak()
            with open("big", "wb") as file:
                for _ in range(100):
                    file.write(pattern)
            said = [str(os.path.getsize("big") == 100 * len(pattern))]
            shutil.copyfile("big", "copy")
            digest = hashlib.file_digest(open("copy", "rb"), "sha256").hexdigest()
            grown = peak() - before
            said.append(str(digest == hashlib.sha256(pattern * 100).hexdigest()) if grown < 60 else f"{grown} MiB")
            with open("copy", "r+b") as both:
                both.seek(2_000_000)
                both.write(b"!" * 1_500_000)
                both.seek(-1, os.SEEK_CUR)
                said.append(str(both.read(2)[:1]))
            return said

        def main() -> None:
            print(*gosecure(work).result())
            data = open("copy", "rb").read()
            print(data[2_000_000:3_500_000] == b"!" * 1_500_000, len(data))
        """,
    ) == ["True True b'!'", "True 160003200"]


def test_a_file_that_nobody_closes_is_written_when_it_is_freed(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["x:rw"]')
    assert lines_of(
        tmp_path,
        """
        def work() -> str:
            open("x", "w").write("written")
            return open("x").read()

        def main() -> None:
            print(gosecure(work).result())
        """,
    ) == ["written"]


def test_a_write_that_fails_behind_is_told_at_the_next_use(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["/dev/full:w", "x:rw"]')
    assert lines_of(
        tmp_path,
        """
        def attempt(path: str, size: int) -> str:
            try:
                with open(path, "wb") as file:
                    file.write(b"x" * size)
            except OSError as error:
                return error.strerror
            return "done"

        def main() -> None:
            import resource, signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            print(gosecure(attempt, "/dev/full", 10).result())
            print(gosecure(attempt, "x", 3_000_000).result())
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, -1))
            print(gosecure(attempt, "x", 3_000_000).result())
        """,
    ) == ["No space left on device", "done", "the host wrote less than it was given"]


@pytest.mark.parametrize(
    ("kind", "lie", "cause"),
    [
        ("READ", b"more than four", "READ cannot be: 14 bytes where 4 were asked for"),
        ("WRITE", b"\x05", "WRITE cannot be: 5 bytes where 1 to 4 can be"),
        ("WRITE", b"\xa1x", "WRITE cannot be"),
        ("HANDLE_STAT", b"\xa1x", "HANDLE_STAT cannot be"),
    ],
)
def test_a_lying_host_ends_the_enclave(tmp_path: Path, kind: str, lie: bytes, cause: str) -> None:
    policy(tmp_path, 'files = ["x:rw"]')
    ended = run(
        write_program(
            tmp_path,
            f"""
            def use() -> int:
                with open("x", "r+b", buffering=0) as file:
                    try:
                        os.fstat(file.fileno())  # the first came with the file
                        return len(file.read(4)) + file.write(b"more") + os.fstat(file.fileno()).st_size
                    except Exception:  # trusted code does not get to decide what a lie means
                        return -1

            def main() -> None:
                from gotee.boundary.messages import Kind
                from gotee.boundary.ocalls import Ocall
                from gotee.host import loader
                open("x", "w").write("some text")
                print(gosecure(use).result())
                enclave = loader.load(use).enclave
                honest = enclave._ocalls.prompt.on_ocall

                def answer(message):
                    if message.argument == Ocall.{kind}:
                        enclave._wire.post(Kind.ANSWER, message.id, 0, {lie!r})
                    else:
                        honest(message)

                enclave._lead.on(Kind.OCALL, answer)
                try:
                    gosecure(use).result()
                except EnclaveLost as error:
                    print("lost")
            """,
        )
    )
    assert (ended.status, ended.output) == (0, "17\nlost\n")
    assert cause in ended.errors


def test_a_routine_that_always_writes_lets_others_run_and_can_be_cancelled(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["x:rw"]')
    assert lines_of(
        tmp_path,
        """
        def write(begun: Chan[int]) -> None:
            descriptor = os.open("x", os.O_WRONLY | os.O_CREAT)
            begun.send(1)
            while True:
                os.pwrite(descriptor, b"abcd", 0)

        def twice(number: int) -> int:
            return 2 * number

        def main() -> None:
            begun = Chan[int]()
            writer = gosecure(write, begun)
            begun.recv()
            print([gosecure(twice, number).result() for number in range(100)] == list(range(0, 200, 2)))
            writer.cancel()
            try:
                writer.result()
            except Cancelled:
                print(open("x").read())
        """,
    ) == ["True", "abcd"]


def test_a_routine_that_writes_delays_no_timer_that_is_due(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["x:rw"]')
    assert lines_of(
        tmp_path,
        """
        def tick(ticks: list[int]) -> None:
            while True:
                sleep(0.001)
                ticks[0] += 1

        def write(count: int) -> int:
            ticks = [0]
            ticking = go(tick, ticks)
            descriptor = os.open("x", os.O_WRONLY | os.O_CREAT)
            for _ in range(count):
                os.pwrite(descriptor, b"abcd", 0)
                due = time.monotonic() + 0.002
                while time.monotonic() < due:
                    pass
            ticking.cancel()
            return ticks[0]

        def main() -> None:
            print(gosecure(write, 40).result() > 20)
        """,
    ) == ["True"]
