"""Builds the seccomp filter from `rules`: a program for the kernel's packet-filter machine. Platform world.

The enclave loads the bytes; it does not build them. No library: libseccomp's Python bindings are either unmaintained or
cost more at start than the whole sandbox (docs/decisions.md). The program is one pass down a list: the kernel works out
once which calls are allowed whatever their arguments and then asks the program no more about them.
"""

from __future__ import annotations

import struct

from gotee.platform import rules
from gotee.platform.numbers import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from gotee.platform.rules import Rule

# linux/bpf_common.h: operations on the one register, in 32 bits.
LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN: Final = 0x06  # BPF_RET | BPF_K

# linux/seccomp.h: offsets in struct seccomp_data, and answers.
NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4
ARGUMENTS_AT: Final = 16
ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000  # the whole process
EPERM: Final = 0x00050000 | 1
ENOSYS: Final = 0x00050000 | 38

ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_X32 = 0x40000000  # set in the numbers of the x32 calls, which x86_64 kernels may answer too

INSTRUCTION: Final = struct.Struct("<HBBI")  # struct sock_filter: code, jump if true, jump if false, constant
MOST: Final = 4096  # BPF_MAXINSNS

_Program = list[tuple[int, int, int, int]]


def build(machine: str, *, allowed: Sequence[str] = rules.ALLOWED, others: bool = True) -> bytes:
    """The filter for a machine. Raises KeyError for one that is not known.

    Its constants rules.OWN_PID stand for the number of the process that loads it. Without `others`, all that is neither
    in `allowed` nor in rules.WAITER_CHECKED ends the process.

    >>> len(build("aarch64")) % INSTRUCTION.size
    0
    """
    number = numbers(machine)
    program = _begun(machine)
    refused = ((rules.KILLED, KILL), (rules.REFUSED, EPERM)) if others else ()
    for names, answer in ((allowed, ALLOW), *refused):
        program += _answered(names, answer, number)
    checked = rules.CHECKED if others else {name: rules.CHECKED[name] for name in rules.WAITER_CHECKED}
    program += _by_arguments(checked, machine)
    program.append((RETURN, 0, 0, ENOSYS if others else KILL))
    return _packed(program)


def leaving(machine: str, *, receives: bool = False) -> bytes:
    """The filter under which nothing of a process outlives it or holds up its end; all else is allowed.

    It `receives` descriptors only if what runs under it is not an image's choice.

    >>> len(leaving("x86_64")) < len(build("x86_64"))
    True
    """
    refused = [name for name in rules.NEVER if name != "recvmsg" or not receives]
    never = _answered(refused, EPERM, numbers(machine))
    return _packed([*_begun(machine), *never, *_by_arguments(rules.LEAVING, machine), (RETURN, 0, 0, ALLOW)])


def _answered(names: Sequence[str], answer: int, number: Mapping[str, int]) -> _Program:
    """The same answer to all of these calls that the machine has."""
    program: _Program = []
    for name in names:
        if name in number:
            program += [(EQUAL, 0, 1, number[name]), (RETURN, 0, 0, answer)]
    return program


def _begun(machine: str) -> _Program:
    """Another architecture's calls end the process: their numbers mean something else."""
    program: _Program = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(AT_LEAST, 0, 1, _X32), (RETURN, 0, 0, KILL)]
    return program


def _by_arguments(checked: Mapping[str, Rule], machine: str) -> _Program:
    number = numbers(machine)
    program: _Program = []
    for name, rule in checked.items():
        if name in number:
            block = _checked(rule)
            program += [(EQUAL, 0, len(block), number[name]), *block]
    return program


def _packed(program: _Program) -> bytes:
    if len(program) > MOST:
        raise ValueError(f"the filter has {len(program)} instructions, the kernel takes {MOST}")
    return b"".join(INSTRUCTION.pack(*instruction) for instruction in program)


def _checked(rule: Rule) -> _Program:
    """Allowed if all tests of a row hold; else EPERM."""
    block: _Program = []
    for row in rule:
        for place, test in enumerate(row):
            left = len(row) - place - 1
            # Not equal: over the rest of this row and its RETURN. Each test is three instructions.
            block += [
                (LOAD, 0, 0, ARGUMENTS_AT + 8 * test.argument + 4 * test.high),
                (AND, 0, 0, test.mask),
                (EQUAL, 0, 3 * left + 1, test.value),
            ]
        block.append((RETURN, 0, 0, ALLOW))
    block.append((RETURN, 0, 0, EPERM))
    return block
