"""Lines (1) to (8): what is measured side by side in one process, and what the ratios must be."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rivals
import secured
from measuring import Contestant, Goal, Line, limited
from rivals import Missing

PAYLOAD = bytes(64)
WINDOW = 256
SECURED = "gosecure"
PIPE, POOL, FLOOR = "multiprocessing.Pipe", "ProcessPoolExecutor", "the floor"
MIB = 1 << 20

Made = Iterator[Line]


@contextmanager
def _rivals(line: Line, makers: dict[str, Callable[[], Any]]) -> Iterator[dict[str, Any]]:
    """The rivals of a line that are installed, closed at its end; the others become notes."""
    made: dict[str, Any] = {}
    try:
        for name, make in makers.items():
            try:
                with limited(60):
                    made[name] = make()
            except Missing as missing:
                line.notes.append(f"{name}: skipped, {missing}.")
            except Exception as error:
                line.notes.append(f"{name}: skipped, it did not start: {type(error).__name__}: {error}.")
        yield made
    finally:
        for one in made.values():
            one.close()


def _turn_of(rival: Any) -> Callable[[], AbstractContextManager[None]]:
    """What is around its turns: that of the floor, whose other side would never rest by itself."""
    return rival.turn if isinstance(rival, rivals.Floor) else nullcontext


CALLS: dict[str, Callable[[], Any]] = {
    FLOOR: lambda: rivals.Floor("answer"),
    PIPE: rivals.Pipe,
    POOL: rivals.Pool,
    "asyncio streams, msgpack": rivals.Streams,
    "pyzmq": rivals.ZmqCalls,
    "gRPC": rivals.Grpc,
    "Ray actor": rivals.RayActor,
}
TIMES = {FLOOR: 20_000, PIPE: 2_000, "pyzmq": 1_000}


def calls() -> Made:
    line = Line("1", "a call and its reply, 64 bytes of arguments, one at a time", [], SECURED)
    line.goals = [
        Goal(PIPE, SECURED, 20, 15),
        Goal(POOL, SECURED, 100, 80),
        Goal(SECURED, FLOOR, 2, 3, at_most=True),
    ]
    with _rivals(line, CALLS) as made:
        secured_call = partial(secured.secured_call, PAYLOAD)
        line.contestants = [
            Contestant(SECURED, secured_call, 10_000, partial(secured_call, 1)),
            Contestant("plain call", partial(secured.plain_call, PAYLOAD), 100_000),
            Contestant("plain go", partial(secured.plain_go, PAYLOAD), 10_000),
        ]
        for name, rival in made.items():
            one = partial(rival.call, PAYLOAD)
            line.contestants.append(Contestant(name, one, TIMES.get(name, 300), partial(one, 1), _turn_of(rival)))
        yield line


def loaded_calls() -> Made:
    line = Line("1b", "the same with every core taken by other work", [], SECURED)
    line.goals = [Goal(PIPE, SECURED, 1, 1)]
    burn = [sys.executable, "-c", "while True: pass"]
    with _rivals(line, {PIPE: rivals.Pipe}) as made:
        others = [subprocess.Popen(burn) for _ in range(len(os.sched_getaffinity(0)))]
        try:
            line.contestants = [Contestant(SECURED, partial(secured.secured_call, PAYLOAD), 1_000)]
            for name, rival in made.items():
                line.contestants.append(Contestant(name, partial(rival.call, PAYLOAD), 1_000))
            yield line
        finally:
            for other in others:
                other.kill()
                other.wait()


def in_flight() -> Made:
    line = Line("2", f"calls, {WINDOW} in flight", [], SECURED)
    line.goals = [Goal(PIPE, SECURED, 12, 8), Goal("pyzmq", SECURED, 5, 5)]
    with _rivals(line, CALLS) as made:
        line.contestants = [
            Contestant(SECURED, partial(secured.secured_many, PAYLOAD, window=WINDOW), 10_000),
            Contestant("plain go", partial(secured.plain_many, PAYLOAD, window=WINDOW), 10_000),
        ]
        for name, rival in made.items():
            many = partial(rival.many, PAYLOAD, window=WINDOW)
            line.contestants.append(Contestant(name, many, TIMES.get(name, 1_000), turn=_turn_of(rival)))
        yield line


def streams() -> Made:
    into = "Chan, into the enclave"
    for size, times, goals in (
        (64, 5_000, [Goal("multiprocessing.Queue", into, 10, 10)]),
        (4096, 3_000, []),
        (MIB, 40, [Goal(FLOOR, into, 0.7, 0.7)]),
    ):
        name = f"{size} bytes" if size < 1024 else f"{size >> 10} KiB" if size < MIB else "1 MiB"
        line = Line("3", f"one way through a buffered channel, {name}", [], into, size=size, at=size, axis="bytes")
        line.goals = list(goals)
        makers: dict[str, Callable[[], Any]] = {
            FLOOR: lambda: rivals.Floor("drain"),
            "multiprocessing.Queue": rivals.Queue,
            "pyzmq PUSH, PULL": rivals.ZmqPush,
        }
        with _rivals(line, makers) as made:
            value = bytes(size)
            line.contestants = [
                Contestant(into, partial(secured.stream_in, value), times),
                Contestant("Chan, out of the enclave", partial(secured.stream_out, value), times),
                Contestant("Chan, plain", partial(secured.plain_stream, value), times),
            ]
            for rival_name, rival in made.items():
                stream = partial(rival.stream, value)
                line.contestants.append(Contestant(rival_name, stream, times, turn=_turn_of(rival)))
            yield line


def ping_pong() -> Made:
    line = Line("4", "there and back over two unbuffered channels", [], "Chan, secured")
    line.goals = [Goal("Chan, secured", "Chan, plain", 3, 5, at_most=True)]
    line.contestants = [
        Contestant("Chan, secured", secured.secured_ping_pong, 3_000),
        Contestant("Chan, plain", secured.plain_ping_pong, 10_000),
        Contestant("asyncio.Queue", secured.asyncio_ping_pong, 3_000),
        Contestant("queue.Queue, threads", secured.threads_ping_pong, 500),
    ]
    yield line


def ocalls() -> Made:
    """What trusted code asks of the host, beside the same code outside."""
    here = Path(secured.__file__).parent
    with tempfile.TemporaryDirectory(prefix="written-", dir=here) as folder:
        path = str(Path(folder) / "file")  # a path of the program's folder leads to the same file inside
        call = Line("5", "a system call with a small answer: os.fstat of an open file", [], "system call, plain")
        call.contestants = [
            Contestant("system call, secured", partial(secured.secured_looks, path), 10_000),
            Contestant("system call, plain", partial(secured.looks, path), 10_000),
        ]
        yield call
        line = Line("5w", "a write of 4 KiB to a file", [], "file.write, plain", size=4096)
        line.goals = [Goal("file.write, secured", "file.write, plain", 3, 3, at_most=True)]
        line.notes.append("Through the buffers of open().")
        line.contestants = [
            Contestant("file.write, secured", partial(secured.secured_writes, path), 5_000),
            Contestant("file.write, plain", partial(secured.writes, path), 5_000),
        ]
        yield line
        own = os.path.join(folder, "other")
        placed = Line("5p", "a write of 4 KiB at a place in a file", [], "os.pwrite, plain", size=4096)
        placed.goals = [Goal("os.pwrite, secured", "os.pwrite, plain", 3, 3, at_most=True)]
        placed.notes.append("Without buffers: one ocall for each.")
        placed.contestants = [
            Contestant("os.pwrite, secured", partial(secured.secured_pwrites, own), 5_000),
            Contestant("os.pwrite, plain", partial(secured.pwrites, own), 5_000),
        ]
        yield placed


def arrays() -> Made:
    copied = "two memcpy, warm"
    for size in (1, 16, 64, 256):
        title = f"a NumPy array of {size} MiB into the enclave"
        line = Line("6", title, [], copied, size=size * MIB, at=size, axis="MiB")
        line.goals = [Goal(copied, SECURED, 0.6, 0.6)]
        array = np.ones(size * MIB // 8)
        middle, last = np.empty_like(array), np.empty_like(array)

        def copies(n: int, array: Any = array, middle: Any = middle, last: Any = last) -> None:
            for _ in range(n):
                np.copyto(middle, array)
                np.copyto(last, middle)

        def fresh(n: int, array: Any = array, middle: Any = middle) -> None:
            for _ in range(n):
                np.copyto(middle, array)
                middle.copy()

        times = max(1, 64 // size)
        line.contestants = [
            Contestant(SECURED, partial(secured.secured_array, array), times),
            Contestant("gosecure, out of the enclave", partial(secured.secured_array_out, size * MIB // 8), times),
            Contestant(copied, copies, times),
            Contestant("two memcpy, the last into new memory", fresh, times),
        ]
        yield line


def spawns() -> Made:
    line = Line("7", "start a routine without arguments and wait for its result", [], SECURED)
    line.goals = [Goal(SECURED, "plain go", 3, 4, at_most=True)]
    line.contestants = [
        Contestant(SECURED, secured.secured_spawn, 10_000),
        Contestant("plain go", secured.plain_spawn, 10_000),
    ]
    yield line


def selects() -> Made:
    for width in (2, 16, 256):
        line = Line("8", f"select over {width} channels, one of them ready", [], "select, secured")
        line.at, line.axis = width, "channels"
        times = 2_000 if width < 256 else 300
        line.contestants = [
            Contestant("select, secured", partial(secured.secured_select, width), times),
            Contestant("select, plain", partial(secured.plain_select, width), times),
        ]
        yield line


LINES: dict[str, Callable[[], Made]] = {
    "1": calls,
    "1b": loaded_calls,
    "2": in_flight,
    "3": streams,
    "4": ping_pong,
    "5": ocalls,
    "6": arrays,
    "7": spawns,
    "8": selects,
}
