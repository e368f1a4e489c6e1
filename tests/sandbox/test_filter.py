"""The seccomp filter as a program: a machine for it, and what it answers on both architectures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gotee.platform import filter as seccomp
from gotee.platform import rules
from gotee.platform.filter import ALLOW, ARCHITECTURES, ENOSYS, EPERM, INSTRUCTION, KILL
from gotee.platform.numbers import MACHINES, numbers

HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}
both = pytest.mark.parametrize("machine", MACHINES)


def answer(
    machine: str,
    name: str,
    *arguments: int,
    architecture: int | None = None,
    offset: int = 0,
    program: bytes = b"",
) -> int:
    """What the filter (or another `program`) says to a call."""
    data = {0: numbers(machine)[name] + offset, 4: ARCHITECTURES[machine] if architecture is None else architecture}
    for place, argument in enumerate([*arguments, 0, 0, 0, 0, 0, 0][:6]):
        data[16 + 8 * place] = argument & 0xFFFFFFFF
        data[20 + 8 * place] = argument >> 32 & 0xFFFFFFFF
    instructions = list(INSTRUCTION.iter_unpack(program or seccomp.build(machine)))
    at = register = 0
    while True:
        code, yes, no, constant = instructions[at]
        at += 1
        if code == seccomp.LOAD:
            register = data[constant]
        elif code == seccomp.AND:
            register &= constant
        elif code == seccomp.EQUAL:
            at += yes if register == constant else no
        elif code == seccomp.AT_LEAST:
            at += yes if register >= constant else no
        else:
            assert code == seccomp.RETURN
            return constant


@both
def test_another_architecture_is_killed(machine: str) -> None:
    assert answer(machine, "read", architecture=0x40000003) == KILL  # i386


def test_x32_is_killed() -> None:
    assert answer("x86_64", "read", offset=0x40000000) == KILL


@both
def test_a_call_that_no_list_names_does_not_exist(machine: str) -> None:
    assert answer(machine, "clone3") == ENOSYS
    assert answer(machine, "openat2") == ENOSYS
    assert answer(machine, "read", offset=9000) == ENOSYS


@both
def test_who_waits_for_an_enclave_can_signal_itself_only(machine: str) -> None:
    program = seccomp.build(machine, allowed=rules.WAITER, others=False)
    assert answer(machine, "kill", OWN, 9, program=program) == ALLOW
    assert answer(machine, "kill", 1234, 9, program=program) == EPERM
    assert answer(machine, "wait4", program=program) == ALLOW
    assert {answer(machine, name, program=program) for name in ("read", "write", "openat", "mmap")} == {KILL}


@both
def test_no_number_that_no_list_names_exists_up_to_calls_of_kernels_to_come(machine: str) -> None:
    named = {*rules.ALLOWED, *rules.KILLED, *rules.REFUSED, *rules.CHECKED}
    known = {number for name, number in numbers(machine).items() if name in named}
    read = numbers(machine)["read"]
    others = [number for number in range(2048) if number not in known]
    assert {answer(machine, "read", offset=number - read) for number in others} == {ENOSYS}


@both
def test_every_name_has_the_answer_of_its_list_and_no_name_is_in_two(machine: str) -> None:
    named = [*rules.ALLOWED, *rules.KILLED, *rules.REFUSED, *rules.CHECKED]
    assert len(named) == len(set(named))
    known = numbers(machine)
    for names, wanted in ((rules.ALLOWED, ALLOW), (rules.KILLED, KILL), (rules.REFUSED, EPERM)):
        assert {name for name in names if name in known and answer(machine, name) != wanted} == set()


OWN = rules.OWN_PID
ARGUMENTS = [
    ("openat", (0, 0, 0), True),
    ("openat", (0, 0, 0o2000000 | 0o200000), True),  # O_CLOEXEC | O_DIRECTORY
    *(("openat", (0, 0, flags), False) for flags in (0o1, 0o2, 0o100, 0o1000, 0o2000, 0o20200000)),
    ("mmap", (0, 4096, 3, 0x22), True),  # memory, to read and write
    ("mmap", (0, 4096, 5, 0x2), True),  # a library's code
    ("mmap", (0, 4096, 7, 0x2), False),  # to write and run
    ("mmap", (0, 4096, 5, 0x22), False),  # to run, and from no file
    ("mmap", (0, 4096, 4, 0x1), False),  # to run, shared with whoever writes the file
    ("mprotect", (0, 4096, 1), True),
    ("mprotect", (0, 4096, 5), False),
    ("clone", (0x3D0F00,), True),
    ("clone", (0x3D0F00 | 0x10000000,), False),  # CLONE_NEWUSER
    ("clone", (17,), False),  # fork
    ("clone", (0x4111,), False),  # vfork
    ("kill", (OWN, 9), True),
    ("kill", (0, 9), False),
    ("kill", (0xFFFFFFFF, 9), False),
    ("tgkill", (OWN, 5, 9), True),
    ("tgkill", (1234, 5, 9), False),
    ("fcntl", (3, 4, 0), True),
    ("fcntl", (3, 8, 1), False),  # F_SETOWN
    ("fcntl", (3, 10, 9), False),  # F_SETSIG
    ("fcntl", (3, 1033, 1), False),  # F_ADD_SEALS
    ("ioctl", (0, 0x5412), False),  # TIOCSTI
    ("ioctl", (0, 0x541B), True),
    ("prctl", (15, 0), True),
    ("prctl", (4, 1), False),  # PR_SET_DUMPABLE
    ("prctl", (1, 0), False),  # PR_SET_PDEATHSIG
    ("socketpair", (1, 1 | 0o2000000, 0), True),
    ("socketpair", (1, 2, 0), False),  # SOCK_DGRAM
    ("socketpair", (2, 1, 0), False),  # AF_INET
    ("sendto", (3, 0, 1, 0, 0, 0), True),
    ("sendto", (3, 0, 1, 0, 0x7FFF00000000, 16), False),
    ("getsockopt", (3, 1, 3), True),  # SO_TYPE
    ("getsockopt", (3, 1, 77), False),  # SO_PEERPIDFD
    ("getsockopt", (3, 1, 17), False),  # SO_PEERCRED
    ("getsockopt", (3, 6, 3), False),  # of TCP
    ("madvise", (0, 4096, 4), True),
    ("madvise", (0, 4096, 12), False),  # MADV_MERGEABLE
    ("madvise", (0, 4096, 100), False),  # MADV_HWPOISON
    ("prlimit64", (0, 7, 0, 1), True),
    ("prlimit64", (0, 7, 1, 0), False),
    ("prlimit64", (1, 7, 0, 1), False),
    ("sched_setaffinity", (OWN,), True),
    ("sched_setaffinity", (1,), False),
]


@both
@pytest.mark.parametrize(("name", "arguments", "allowed"), ARGUMENTS)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], allowed: bool) -> None:
    assert answer(machine, name, *arguments) == (ALLOW if allowed else EPERM)


@both
def test_the_numbers_are_those_of_the_headers(machine: str) -> None:
    if not Path(HEADERS[machine]).exists():
        pytest.skip("no kernel headers here")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(HEADERS[machine]).read_text())
    header = {name.replace("fstatat", "newfstatat") if name == "fstatat" else name: int(n) for name, n in found}
    known = numbers(machine)
    assert {name: header[name] for name in known if name in header} == {n: v for n, v in known.items() if n in header}
    assert len(known.keys() & header.keys()) > 0.95 * len(known)
