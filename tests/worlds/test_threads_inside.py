"""`threading` inside an enclave: a routine that parks while it holds a lock never stops the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import run, write_program

CASES = {
    "lock_held_across_a_park": (
        """
        LOCK = threading.Lock()

        def hold(go_on: Chan[int], order: Chan[str]) -> None:
            with LOCK:
                order.send("held")
                go_on.recv()
            order.send("freed")

        def want(order: Chan[str]) -> None:
            with LOCK:
                order.send("got")

        def main() -> None:
            go_on, order = Chan[int](), Chan[str](9)
            gosecure(hold, go_on, order)
            print(order.recv())
            waiting = gosecure(want, order)
            sleep(0.05)
            print(len(order))
            go_on.send(1)
            waiting.result()
            print(sorted([order.recv(), order.recv()]))
        """,
        "held\n0\n['freed', 'got']\n",
    ),
    "timeouts_and_misuse": (
        """
        def work() -> list[str]:
            lock, said = threading.Lock(), []
            with lock:
                said += [str(lock.acquire(False)), str(lock.acquire(timeout=0.01)), str(lock.locked())]
            for bad in (lock.release, lambda: lock.acquire(False, 1), lambda: lock.acquire(True, -2)):
                try:
                    bad()
                except (RuntimeError, ValueError) as error:
                    said.append(type(error).__name__)
            return said

        def main() -> None:
            print(*gosecure(work).result())
        """,
        "False False True RuntimeError ValueError ValueError\n",
    ),
    "rlock_condition_event_semaphore_barrier": (
        """
        def work() -> str:
            lock, event, gate = threading.RLock(), threading.Event(), threading.Barrier(3)
            condition, items, seen = threading.Condition(lock), [], []

            def consume() -> None:
                with condition:
                    while not items:
                        condition.wait()
                    seen.append(items.pop())
                gate.wait()

            for _ in range(2):
                go(consume)
            sleep(0.01)
            with lock, condition:
                items.extend([1, 2])
                condition.notify_all()
            gate.wait()
            slow = go(event.wait, 5)
            early = event.wait(0.01)
            event.set()
            semaphore = threading.Semaphore(1)
            with semaphore:
                refused = semaphore.acquire(blocking=False)
            return f"{sorted(seen)} {early} {slow.result()} {refused}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "[1, 2] False True False\n",
    ),
    "threads_pools_and_queues": (
        """
        import queue
        from concurrent.futures import ThreadPoolExecutor

        def work() -> str:
            box, out = queue.Queue(2), queue.SimpleQueue()

            def produce() -> None:
                for n in range(5):
                    box.put(n)
                box.put(None)

            def consume() -> None:
                while (n := box.get()) is not None:
                    out.put(n * n)

            threads = [threading.Thread(target=f, name=f.__name__) for f in (produce, consume)]
            for thread in threads:
                thread.start()
            alive = all(thread.is_alive() for thread in threads)
            for thread in threads:
                thread.join()
            with ThreadPoolExecutor(3) as pool:
                powers = list(pool.map(lambda n: n**2, range(4)))
            timer = threading.Timer(0.01, out.put, (99,))
            timer.start()
            return f"{alive} {threads[0].is_alive()} {[out.get() for _ in range(6)]} {powers}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "True False [0, 1, 4, 9, 16, 99] [0, 1, 4, 9]\n",
    ),
    "locals_and_identity": (
        """
        LOCAL = threading.local()

        def mine(n: int, gate: Chan[int]) -> tuple[int, int, str]:
            LOCAL.n = n
            name, ident = threading.current_thread().name, threading.get_ident()
            gate.recv()
            assert threading.get_ident() == ident and threading.current_thread().name == name
            return LOCAL.n, ident, name

        def main() -> None:
            gate = Chan[int]()
            routines = [gosecure(mine, n, gate) for n in range(50)]
            for _ in routines:
                gate.send(1)
            answers = [routine.result() for routine in routines]
            print([n for n, _, _ in answers] == list(range(50)), *(len({a[i] for a in answers}) for i in (1, 2)))
        """,
        "True 50 50\n",
    ),
    "time_sleep_parks": (
        """
        def nap(n: float) -> None:
            time.sleep(n)

        def ticks() -> int:
            napping, count = go(nap, 0.2), 0
            while not napping.done():
                sleep(0.005)
                count += 1
            return count

        def main() -> None:
            print(gosecure(ticks).result() > 5)
        """,
        "True\n",
    ),
    "logging_from_many_routines": (
        """
        import logging

        class Slow(logging.Handler):
            def __init__(self, out: list[str]) -> None:
                super().__init__()
                self.out = out

            def emit(self, record: logging.LogRecord) -> None:
                self.out.append("<")
                yield_now()
                self.out.append(record.getMessage() + ">")

        def work() -> str:
            out: list[str] = []
            log = logging.getLogger("x")
            log.addHandler(Slow(out))
            log.propagate = False
            routines = [go(log.warning, "line %d", n) for n in range(200)]
            for routine in routines:
                routine.result()
            return "".join(out)

        def main() -> None:
            said = gosecure(work).result()
            print(said == "".join(f"<line {n}>" for n in range(200)))
        """,
        "True\n",
    ),
    "cancel_leaves_the_lock_in_order": (
        """
        def work() -> str:
            lock = threading.Lock()
            lock.acquire()
            first, second = go(lock.acquire), go(lock.acquire)
            sleep(0.01)
            first.cancel()
            try:
                first.result()
            except Cancelled:
                pass
            lock.release()
            return f"{second.result()} {lock.locked()}"

        def main() -> None:
            print(gosecure(work).result())
        """,
        "True True\n",
    ),
    "an_exception_in_a_thread_is_reported": (
        """
        def fail() -> None:
            raise LookupError("no row")

        def work() -> bool:
            said = []
            threading.excepthook = lambda args: said.append(args.exc_type.__name__)
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            return said == ["LookupError"]

        def main() -> None:
            print(gosecure(work).result())
        """,
        "True\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_threading_inside(tmp_path: Path, case: str) -> None:
    source, output = CASES[case]
    ended = run(write_program(tmp_path, source))
    assert (ended.status, ended.output, ended.errors) == (0, output, ""), ended
