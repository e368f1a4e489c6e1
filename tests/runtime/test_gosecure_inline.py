"""gosecure under --tee inline: the same routine, with the errors of a secured one."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from gotee import Cancelled, Chan, SecuredRoutineError, gosecure, yield_now

from .script import lines_of, run_script

pytestmark = pytest.mark.usefixtures("capfd")  # the banner


class Odd(Exception):
    pass


class Holder:
    class Nested(Exception):
        pass

    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...

    @classmethod
    def of_class(cls) -> None: ...

    def __call__(self) -> None: ...


def add(a: int, b: int) -> int:
    return a + b


def raising(error: BaseException) -> None:
    raise error


async def coroutine(a: int) -> int:
    return a + 1


def replaced() -> int:
    return 1


original = replaced


def replaced() -> int:
    return 2


def _decorate(f: Any) -> Any:
    @functools.wraps(f)
    def wrapper(*args: Any) -> Any:
        return f(*args) + 1

    return wrapper


@_decorate
def decorated(a: int) -> int:
    return a


def test_the_result_is_the_value() -> None:
    assert gosecure(add, 1, b=2).result() == 3
    assert gosecure(coroutine, 1).result() == 2
    assert gosecure(decorated, 1).result() == 2


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (Odd("bad thing"), "Odd", "bad thing"),
        (Odd(), "Odd", ""),
        (KeyError("k"), "KeyError", "'k'"),
        (Holder.Nested("in"), "Holder.Nested", "in"),
    ],
    ids=["own", "silent", "builtin", "nested"],
)
def test_a_failure_is_a_securedroutineerror_with_type_and_message(error: Exception, name: str, text: str) -> None:
    with pytest.raises(SecuredRoutineError) as caught:
        gosecure(raising, error).result()
    assert (caught.value.remote_type, caught.value.remote_message) == (name, text)
    assert name in str(caught.value)
    assert text in str(caught.value)


def test_a_cancelled_one_is_cancelled() -> None:
    gate = Chan[int]()
    routine = gosecure(receive, gate)
    yield_now()
    routine.cancel()
    with pytest.raises(Cancelled):
        routine.result()


def receive(gate: Chan[int]) -> int:
    return gate.recv()


def test_a_failure_without_printable_message_is_a_securedroutineerror_too() -> None:
    assert lines_of(
        """
            class Bad(Exception):
                def __str__(self): raise ValueError("no words")
            def f(): raise Bad
            def later(values):
                sleep(0.01); values.send(1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            values = Chan()
            routine = gosecure(f)
            go(later, values)
            say(values.recv())
            try: routine.result(timeout=5)
            except SecuredRoutineError as error: say(error.remote_type)
            """
    ) == ["1", "Bad"]


def _local() -> Any:
    def inner() -> None: ...

    return inner


@pytest.mark.parametrize(
    "f",
    [
        lambda: None,
        _local(),
        Holder().method,
        Holder.method,
        Holder.static,
        Holder.of_class,
        Holder(),
        Holder,
        int,
        print,
        len,
        "".join,
        functools.partial(add, 1),
        original,
        5,
        None,
        add.__call__,
    ],
    ids=lambda f: type(f).__name__,  # a repr may hold an address, and xdist wants the same names everywhere
)
def test_what_has_no_place_in_its_module_is_refused_at_once(f: Any) -> None:
    with pytest.raises(SecuredRoutineError):
        gosecure(f)


def test_a_function_whose_module_is_gone_is_refused() -> None:
    scope: dict[str, Any] = {"__name__": "no_such_module_at_all"}
    exec("def f(): pass", scope)
    with pytest.raises(SecuredRoutineError):
        gosecure(scope["f"])


def test_it_says_once_that_nothing_is_protected() -> None:
    ended = run_script(
        """
        def f(): return 1
        gosecure(f).result(); gosecure(f).result()
        """
    )
    assert ended.errors.count("unprotected") == 1


def test_an_ignored_failure_is_reported_once() -> None:
    ended = run_script(
        """
        def f(): raise KeyError("secured")
        gosecure(f)
        yield_now()
        """
    )
    assert ended.errors.count("nobody asked") == 1
    assert "secured" in ended.errors
