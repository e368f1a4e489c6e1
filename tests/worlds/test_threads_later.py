"""`threading` comes into an enclave when somebody asks for it, in whatever way: it is changed by then."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from .program import GUARD, run

CASES = {
    "a_lock_and_locals_of_the_module_in_c": (
        """
        import _thread
        from gotee import gosecure, go, sleep

        def work() -> str:
            lock, own, seen = _thread.RLock(), _thread._local(), []
            own.value = "ours"

            def other() -> None:
                seen.append(lock.acquire(False))
                seen.append(hasattr(own, "value"))

            with lock, lock:
                go(other).result()
            return f"{seen} {own.value} {type(lock).__name__}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "[False, False] ours RLock\n",
    ),
    "a_lock_that_functools_took": (
        """
        from functools import cached_property
        from gotee import gosecure, go, sleep

        class Slow:
            @cached_property
            def value(self) -> int:
                sleep(0.01)
                return 7

        def work() -> list[int]:
            slow = Slow()
            both = [go(lambda: slow.value) for _ in range(2)]
            return [each.result() for each in both]

        def main() -> None:
            print(gosecure(work).result())
        """,
        "[7, 7]\n",
    ),
    "imported_in_a_routine": (
        """
        import _thread
        from gotee import gosecure, go

        def work() -> str:
            before = _thread.get_ident()
            import threading

            main, own = threading.main_thread(), threading.current_thread()
            seen = []
            thread = threading.Thread(target=lambda: seen.append(threading.current_thread() is thread))
            thread.start()
            thread.join()
            same = before == own.ident == threading.get_ident() == _thread.get_ident()
            return f"{same} {own is main} {main.ident in threading._active} {seen} {main.name}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "True False True [True] MainThread\n",
    ),
    "an_own_module_of_such_a_name": (
        """
        import heapq
        from gotee import Chan, gosecure, go, sleep

        def work() -> str:
            channel = Chan[int]()
            waiting = go(channel.recv)
            sleep(0.01)
            channel.send(1)
            return f"{heapq.OWN} {waiting.result()}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "ours 1\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_threading_when_it_is_asked_for(tmp_path: Path, case: str) -> None:
    source, output = CASES[case]
    program = tmp_path / "main.py"
    program.write_text(textwrap.dedent(source) + GUARD)
    (tmp_path / "heapq.py").write_text('OWN = "ours"\n')
    ended = run(program)
    assert (ended.status, ended.output, ended.errors) == (0, output, ""), ended


def test_without_it_an_enclave_starts_without_it(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys
            from gotee import gosecure

            def loaded(name: str) -> bool:
                return name in sys.modules  # gotee: include=main:loaded

            def main() -> None:
                names = ("threading", "functools", "collections", "weakref", "contextlib", "heapq", "types")
                print([name for name in names if gosecure(loaded, name).result()], gosecure(loaded, "os").result())
            """
        )
        + GUARD
    )
    ended = run(program)
    assert ended.lines == ["[] True"], ended
