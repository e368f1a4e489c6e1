"""Ways out of real enclaves of both levels, by system calls of an extension module in the image."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from .conftest import GOTEE, Service

RAW = Path(__file__).parents[1] / "sandbox" / "raw.c"
PROGRAM = """\
import json
import os
import sys

import raw
from gotee import gosecure


def attack(number: int, words: list[int | bytes]) -> int:
    return raw.call(number, *words)


def soft_memory() -> list[int]:
    # Descriptors of memory that could still be changed, and then be run.
    found = []
    for descriptor in range(1024):
        seals = raw.call(72, descriptor, 1034)  # fcntl F_GET_SEALS
        size = raw.call(8, descriptor, 0, 2)  # lseek to the end
        if seals >= 0 and not seals & 8 and size > 0:
            found.append(descriptor)
    return found


def changed() -> list[int]:
    return [number for number in range(3, 1024) if raw.call(18, number, b"x", 1, 0) >= 0]  # pwrite64


if __name__ == "__main__":
    attempts = eval(sys.argv[1])
    found = {name: gosecure(attack, number, list(words)).result() for name, (number, *words) in attempts.items()}
    found["memory that can be changed"] = len(gosecure(soft_memory).result()) - 1
    found["a file that can be changed"] = len(gosecure(changed).result()) - 1
    print(json.dumps(found), flush=True)
    print(gosecure(attack, 101, [16, os.getppid(), 0, 0]).result())  # ptrace
"""
FILE = b"/etc/hostname"
HOW = bytes(24)
ATTEMPTS: dict[str, tuple[object, ...]] = {
    "a file": (257, -100, FILE, 0),
    "a file, to write": (257, -100, FILE, 1),
    "a file, by openat2": (437, -100, FILE, HOW, 24),
    "the root folder": (257, -100, b"/", 0o200000),
    "its own memory": (257, -100, b"/proc/self/mem", 0),
    "its own folder of processes": (257, -100, b"/proc/self/task", 0),
    "/dev/null": (257, -100, b"/dev/null", 0),
    "the status of process 1": (257, -100, b"/proc/1/status", 0),
    "what exists": (262, -100, FILE, bytes(144), 0),
    "a TCP socket": (41, 2, 1, 0),
    "a Unix socket": (41, 1, 1, 0),
    "a pair of datagram sockets": (53, 1, 2, 0, bytes(8)),
    "descriptors, on its link": (46, 7, bytes(56), 0),
    "descriptors, from its link": (47, 7, bytes(56), 0),
    "bytes out of band": (44, 7, b"x", 1, 1, 0, 0),
    "fork": (57,),
    "vfork": (58,),
    "clone": (56, 17, 0, 0, 0, 0),
    "clone3": (435, bytes(88), 88),
    "execve": (59, b"/bin/true", 0, 0),
    "execveat": (322, 0, b"", 0, 0, 0x1000),
    "memfd_create": (319, b"x", 0),
    "memfd_secret": (447, 0),
    "memory to run": (9, 0, 4096, 5, 0x22, -1, 0),
    "memory to write and run": (9, 0, 4096, 7, 0x22, -1, 0),
    "kill its parent": (62, "parent", 0),
    "kill everybody": (62, -1, 0),
    "tkill": (200, 1, 0),
    "rt_sigqueueinfo": (129, 1, 9, bytes(128)),
    "pidfd_open": (434, 1, 0),
    "pidfd_send_signal": (424, 0, 9, 0, 0),
    "io_uring": (425, 1, bytes(120)),
    "io_uring, register": (427, 3, 9, 0, 0),
    "inotify": (294, 0),
    "be dumpable": (157, 4, 1, 0, 0, 0),
    "another parent's death": (157, 1, 0, 0, 0, 0),
    "a tracer": (157, 0x59616D61, -1, 0, 0, 0),
    "seccomp": (317, 1, 0, bytes(16)),
    "personality": (135, 0x0400000),
    "its limits": (302, 0, 4, bytes(16), 0),
    "its priority": (141, 0, 0, 19),
    "System V memory": (29, 0x607EE, 4096, 0o1666),
    "POSIX messages": (240, b"gotee-test", 0o100, 0o666, 0),
    "F_SETOWN": (72, 0, 8, 1),
    "TIOCSTI": (16, 0, 0x5412, b"x"),
    "Landlock's rules": (444, 0, 0, 1),
    "a timer with a signal": (222, 0, bytes(64), bytes(8)),
    "a call of a kernel to come": (1000,),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution with an extension module that makes any system call."""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    folder = tmp_path_factory.mktemp("wheel")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    words = ["-shared", "-fPIC", "-O1", f"-I{sysconfig.get_path('include')}", str(RAW), "-o", str(folder / "raw.so")]
    subprocess.run([compiler, *words], check=True, timeout=60)
    information = folder / "raw-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: raw\nVersion: 1.0\n")
    (information / "RECORD").write_text("raw.so,,\nraw-1.0.dist-info/METADATA,,\nraw-1.0.dist-info/RECORD,,\n")
    return folder


@pytest.mark.parametrize("level", ["development", "service"])
def test_an_extension_module_does_not_get_out(service: Service, wheel: Path, tmp_path: Path, level: str) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    attempts = repr(ATTEMPTS).replace("'parent'", "os.getppid()")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    done = subprocess.run(
        [*GOTEE, "run", "--level", level, str(tmp_path / "main.py"), attempts],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        env={**kept, "PYTHONPATH": str(wheel), "GOTEE_PLATFORM": service.settings.socket},
    )
    found = json.loads(done.stdout or json.dumps(done.stderr))
    assert isinstance(found, dict), found
    assert found.keys() > ATTEMPTS.keys()
    refused = (-1, -2, -13, -38)  # EPERM, ENOENT, EACCES, ENOSYS; -1 is also nothing counted
    assert {name: answer for name, answer in found.items() if answer not in refused} == {}
    assert done.returncode == 1
    assert "EnclaveLost" in done.stderr  # ptrace ended it
