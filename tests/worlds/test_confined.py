"""What code inside cannot do to the machine: the floor of the sandbox, tried past functions that ask the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of

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


def test_the_kernel_says_that_the_filter_is_loaded(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import ctypes

        def text_of(path: bytes) -> str:
            libc = ctypes.CDLL(None)
            buffer = ctypes.create_string_buffer(1 << 14)
            libc.read(libc.open(path, 0), buffer, len(buffer) - 1)
            return buffer.value.decode()

        def status() -> list[str]:
            lines = dict(line.split(":", 1) for line in text_of(b"/proc/self/status").splitlines())
            return [lines[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapEff")]

        def core() -> str:
            return next(line for line in text_of(b"/proc/self/limits").splitlines() if "core file" in line).split()[4]

        def main() -> None:
            print(gosecure(status).result(), gosecure(core).result())
        """,
    ) == ["['1', '2', '0000000000000000'] 0"]
