"""Ways out of real enclaves of both levels, by system calls of an extension module in the image."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sandbox import extension

from gotee.platform.service.settings import Settings

from .conftest import GOTEE, Service
from .test_kept import kept as await_kept

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


def mapped() -> list[int]:
    # Memory that is verified later is empty: who can map it to write is faster than who seals it.
    return [number for number in range(1024) if raw.call(9, 0, 4096, 3, 1, number, 0) >= 0]  # shared


def moved(place: int) -> list[int]:
    # Descriptors whose place somebody else has moved there; from now on all are there.
    there = [number for number in range(1024) if raw.call(8, number, 0, 1) == place]
    assert sum(raw.call(8, number, place, 0) == place for number in range(1024)) > 20
    return there


def changed() -> list[int]:
    return [number for number in range(3, 1024) if raw.call(18, number, b"x", 1, 0) >= 0]  # pwrite64


def reopened() -> list[int]:
    # What only reads could be opened once more, to write: by number, or by name.
    ways = [(2, b"/proc/self/fd/%d", flags) for flags in (1, 2, 0o1000, 0o2000)]  # O_TRUNC and O_APPEND
    all_ways = [(number, call, path % number, flags) for number in range(1024) for call, path, flags in ways]
    found = [number for number, *words in all_ways if raw.call(*words) >= 0]
    return found + [number for number in range(1024) if raw.call(257, number, b"", 2) >= 0]


if __name__ == "__main__":
    if sys.argv[1] == "move":
        print(len(gosecure(moved, 4711).result()), flush=True)
        sys.stdin.read()
        sys.exit()
    attempts = eval(sys.argv[1])
    found = {name: gosecure(attack, number, list(words)).result() for name, (number, *words) in attempts.items()}
    found["memory that can be changed"] = len(gosecure(soft_memory).result()) - 1
    found["memory that can be mapped to change it"] = len(gosecure(mapped).result()) - 1
    found["a file that can be changed"] = len(gosecure(changed).result()) - 1
    found["a descriptor that is opened again to write"] = len(gosecure(reopened).result()) - 1
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
    return extension.build(tmp_path_factory.mktemp("wheel"))


def start(service: Service, wheel: Path, folder: Path, level: str, words: str) -> subprocess.Popen[str]:
    (folder / "main.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    return subprocess.Popen(
        [*GOTEE, "run", "--level", level, str(folder / "main.py"), words],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, "PYTHONPATH": str(wheel), "GOTEE_PLATFORM": service.settings.socket},
    )


@pytest.mark.parametrize("level", ["development", "service"])
def test_an_extension_module_does_not_get_out(service: Service, wheel: Path, tmp_path: Path, level: str) -> None:
    attempts = repr(ATTEMPTS).replace("'parent'", "os.getppid()")
    for _ in range(2):  # files that were right before are empty memory at first
        process = start(service, wheel, tmp_path, level, attempts)
        output, errors = process.communicate(timeout=100)
    found = json.loads(output or json.dumps(errors))
    assert isinstance(found, dict), found
    assert found.keys() > ATTEMPTS.keys()
    refused = (-1, -2, -13, -38)  # EPERM, ENOENT, EACCES, ENOSYS; -1 is also nothing counted
    assert {name: answer for name, answer in found.items() if answer not in refused} == {}
    assert process.returncode == 1
    assert "EnclaveLost" in errors  # ptrace ended it


@pytest.mark.parametrize("kept", [0, 1], ids=["started for it", "kept"])
def test_two_enclaves_share_no_place_in_a_file(installation: Settings, wheel: Path, tmp_path: Path, kept: int) -> None:
    """One could tell the other something, or have it read from somewhere else, if they had copies of a descriptor."""
    service = Service(replace(installation, kept=kept), tmp_path)
    processes: list[subprocess.Popen[str]] = []
    try:
        for _ in range(2):
            if kept:
                await_kept(service)
            processes.append(start(service, wheel, tmp_path, "service", "move"))
            output = processes[-1].stdout
            assert output is not None
            assert output.readline() == "0\n"
    finally:
        for process in processes:
            process.communicate(timeout=100)
        service.stop()
    assert service.nobody_left()
