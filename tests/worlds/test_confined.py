"""What code inside cannot do to the machine: tried past functions that ask the policy, and seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .program import lines_of, parent, started, write_program

WAITS = """
    def hold(ready: Chan[bool], end: Chan[bool]) -> None:
        ready.send(True)
        end.recv()

    def main() -> None:
        ready, end = Chan[bool](), Chan[bool]()
        held = gosecure(hold, ready, end)
        ready.recv()
        print("ready", flush=True)
        time.sleep(60)
    """

ATTEMPTS = {
    "write a file": "libc('open', b'{path}', os.O_WRONLY | os.O_TRUNC)",
    "make a socket": "libc('socket', 2, 1, 0)",
    "fork": "libc('fork')",
    "become another program": "libc('execv', b'/bin/true', None)",
    "kill its parent": "libc('kill', os.getppid(), 9)",
    "remove a file": "libc('unlink', b'{path}')",
    "make memory that can run": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "make a folder": "libc('mkdir', b'{path}.d', 0o777)",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
}


@pytest.mark.parametrize("what", ATTEMPTS)
def test_code_inside_is_refused(tmp_path: Path, what: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    attempt = ATTEMPTS[what].format(path=victim)
    source = f"""
        import ctypes, mmap, resource

        def libc(name: str, *arguments: object) -> None:
            if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

        def attack() -> str:
            try:
                {attempt}
            except (OSError, ValueError) as error:
                return type(error).__name__
            return "done"

        def main() -> None:
            print(gosecure(attack).result())
        """
    assert lines_of(tmp_path, source) in (["PermissionError"], ["OSError"], ["ValueError"])
    assert victim.read_text() == "precious"
    assert not (tmp_path / "victim.d").exists()


def test_the_kernel_says_that_the_enclave_is_shut_in(tmp_path: Path) -> None:
    with started(write_program(tmp_path, WAITS)) as program:
        program.wait_for("ready")
        for process in (parent(program.enclave), program.enclave):
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
            assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"]) == (["1"], ["2"], ["0" * 16])
            limits = Path(f"/proc/{process}/limits").read_text().splitlines()
            assert os.stat(f"/proc/{process}/mem").st_uid == 0  # what is not dumpable belongs to root
        assert next(line for line in limits if "core file" in line).split()[4:6] == ["0", "0"]
        assert os.listdir(f"/proc/{program.enclave}/root") == ["proc"]
        assert status["NSpid"][-1] == "1"
        for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"):
            assert os.readlink(f"/proc/{program.enclave}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"), name


CEILINGS = """
    def memory() -> str:
        try:
            return str(len(bytearray(1 << 30)))
        except MemoryError:
            return "MemoryError"

    def spin() -> None:
        while True:
            pass

    def threads() -> int:
        import ctypes, threading
        started = 0
        libc = ctypes.CDLL(None)
        for started in range(40):
            if libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None):
                break
        return started

    def main() -> None:
        print(gosecure(memory).result(), 8 < gosecure(threads).result() < 20)
        try:
            gosecure(spin).result()
        except EnclaveLost:
            print("lost")
    """


def test_an_image_bounds_its_memory_threads_and_processor_time(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.gotee.ceilings]\nmemory-bytes = 1_000_000_000\nthreads = 16\ncpu-seconds = 2\n"
    )
    assert lines_of(tmp_path, CEILINGS) == ["MemoryError True", "lost"]
