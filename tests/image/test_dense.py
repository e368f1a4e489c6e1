"""Bytecode without repetition: the same code, the same bytes whatever else a process holds, and fewer of them."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from types import CodeType
from typing import Any

import pytest

from gotee.image import dense as dense_module
from gotee.image.dense import dense

SOURCES = (os.__file__, dense_module.__file__, subprocess.__file__)


VALUES: list[Any] = [
    *(None, True, ..., StopIteration, 0, -1, 1 << 31, -(1 << 70), 0.0, -0.0, 1e300, 2j, -0j, "", "é", "\udc80"),
    *(b"", b"x" * 300, "x" * 300, ("x" * 300, "x" * 300), ("é", "é"), (1, 1.0, True), ((), ()), ("a", b"a", "a")),
    *((0.0, -0.0, 0.0), tuple(range(300)), (tuple(range(300)),) * 2, (("a", ("b", "b")), ("a", ("b", "b")), "b")),
    *(frozenset({1}), (frozenset({"ab", "c"}), "ab", frozenset({"ab", "c"}))),
]


def _parts(value: Any) -> Any:
    """All that there is of a code object, and of what is in it: types and signs of zeros too."""
    if isinstance(value, CodeType):
        names = (value.co_name, value.co_qualname, value.co_filename, value.co_names, value.co_varnames)
        bits = (value.co_code, value.co_linetable, value.co_exceptiontable, value.co_flags, value.co_firstlineno)
        rest = (value.co_freevars, value.co_cellvars, value.co_stacksize, value.co_argcount, value.co_kwonlyargcount)
        return [names, bits, rest, [_parts(each) for each in value.co_consts]]
    if isinstance(value, tuple):
        return [tuple, [_parts(each) for each in value]]
    if isinstance(value, frozenset):
        return [frozenset, sorted(repr(each) for each in value)]
    return type(value), repr(value)


@pytest.mark.parametrize("path", SOURCES)
def test_code_is_the_same_and_shorter(path: str) -> None:
    with open(path, "rb") as file:
        code = compile(file.read(), "/inside.py", "exec", dont_inherit=True, optimize=0)
    written = marshal.dumps(code, 2)
    made = dense(written)
    assert _parts(marshal.loads(made)) == _parts(code)
    assert len(made) < 0.95 * len(written)


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_every_constant_is_the_same(number: int) -> None:
    value = VALUES[number]
    assert _parts(marshal.loads(dense(marshal.dumps(value, 2)))) == _parts(value)


def test_code_objects_stay_apart() -> None:
    code = compile("x = 1", "a", "exec")
    first, second = marshal.loads(dense(marshal.dumps((code, code), 2)))
    assert first == second and first is not second  # each is specialized by itself


def test_the_bytes_do_not_depend_on_the_process() -> None:
    script = (
        "import hashlib, marshal, sys; from gotee.image.dense import dense\n"
        "keep = [sys.intern(name) for name in sys.argv[1:]]\n"
        "made = compile(open(__import__('os').__file__).read(), 'a', 'exec', optimize=0)\n"
        "print(hashlib.sha256(dense(marshal.dumps(made, 2))).hexdigest())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", script, *names],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, names in (("1", []), ("2", ["path", "environ", "name"]))
    }
    assert len(made) == 1


@pytest.mark.parametrize("written", [b"", b"[\0\0\0\0", b"NN", b"i\0", b"(\2\0\0\0N", marshal.dumps(("a" * 9,), 4)])
def test_other_bytes_are_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match="version 2"):
        dense(written)
