"""What code inside cannot do to the machine: the floor of the sandbox, tried from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of

ATTEMPTS = {
    "write a file": "open('{path}', 'w')",
    "make a socket": "socket.socket()",
    "fork": "os.fork()",
    "become another program": "os.execv('/bin/true', ['true'])",
    "start a program": "subprocess.run(['/bin/true'])",
    "kill its parent": "os.kill(os.getppid(), 9)",
    "remove a file": "os.unlink('{path}')",
    "make memory that can run": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "make a folder": "os.mkdir('{path}.d')",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
}


@pytest.mark.parametrize("what", ATTEMPTS)
def test_code_inside_is_refused(tmp_path: Path, what: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    attempt = ATTEMPTS[what].format(path=victim)
    source = f"""
        import mmap, resource, socket, subprocess

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


def test_the_kernel_says_that_the_filter_is_loaded(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def status() -> list[str]:
            with open("/proc/self/status") as file:
                lines = dict(line.split(":", 1) for line in file.read().splitlines())
            return [lines[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapEff")]

        def core() -> str:
            with open("/proc/self/limits") as file:
                return next(line for line in file if "core file" in line).split()[4]

        def main() -> None:
            print(gosecure(status).result(), gosecure(core).result())
        """,
    ) == ["['1', '2', '0000000000000000'] 0"]
