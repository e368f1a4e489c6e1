"""Run a command on a machine that lacks something: `python without.py CALL=ERROR ... -- COMMAND`. Test world only.

A seccomp filter answers the system calls with the errors, as the filter of a container does. `NAME:MASK=ERROR` answers
only calls whose first argument has a bit of MASK (decimal).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from gotee.platform.numbers import numbers

_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06  # linux/bpf_common.h
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # linux/seccomp.h
_PR_SET_SECCOMP, _MODE_FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def take_away(what: list[str]) -> None:
    """Load the filter; it stays over exec."""
    number = numbers(os.uname().machine)
    program = []
    for one in what:
        call, _, error = one.partition("=")
        name, _, mask = call.partition(":")
        answer = (_RETURN, 0, 0, _ERROR | getattr(errno, error))
        program.append((_LOAD, 0, 0, 0))
        if mask:
            program += [(_JUMP_EQUAL, 0, 3, number[name]), (_LOAD, 0, 0, 16), (_JUMP_SET, 0, 1, int(mask)), answer]
        else:
            program += [(_JUMP_EQUAL, 0, 1, number[name]), answer]
    program.append((_RETURN, 0, 0, _ALLOW))
    packed = b"".join(struct.pack("<HBBI", *line) for line in program)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(program), packed))):
        raise OSError(ctypes.get_errno(), "no filter can be loaded")


if __name__ == "__main__":
    end = sys.argv.index("--")
    take_away(sys.argv[1:end])
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])
