"""Lines (1) to (8): what is measured side by side in one process, and what the ratios are to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

import rivals
import secured
from measuring import Contestant, Line
from rivals import Missing

PAYLOAD = bytes(64)
WINDOW = 256
SECURED = "gosecure"
MIB = 1 << 20

Made = Iterator[Line]


@contextmanager
def _rivals(line: Line, makers: dict[str, Callable[[], Any]]) -> Iterator[dict[str, Any]]:
    """The rivals of a line that are installed, closed at its end; the others become notes."""
    made: dict[str, Any] = {}
    try:
        for name, make in makers.items():
            try:
                made[name] = make()
            except Missing as missing:
                line.notes.append(f"{name}: skipped, {missing}.")
        yield made
    finally:
        for one in made.values():
            one.close()


CALLS: dict[str, Callable[[], Any]] = {
    "the floor": lambda: rivals.Floor("answer"),
    "multiprocessing.Pipe": rivals.Pipe,
    "ProcessPoolExecutor": rivals.Pool,
    "asyncio streams, msgpack": rivals.Streams,
    "pyzmq": rivals.ZmqCalls,
    "gRPC": rivals.Grpc,
    "Ray actor": rivals.RayActor,
}
TIMES = {"the floor": 20_000, "multiprocessing.Pipe": 2_000, "pyzmq": 1_000}


def calls() -> Made:
    line = Line("1", "a call and its reply, 64 bytes of arguments, one at a time", [], SECURED)
    line.goals = {"multiprocessing.Pipe": "20 [15]", "ProcessPoolExecutor": "100 [80]", "the floor": "1/2 [1/3]"}
    with _rivals(line, CALLS) as made:
        secured_call = partial(secured.secured_call, PAYLOAD)
        line.contestants = [
            Contestant(SECURED, secured_call, 10_000, partial(secured_call, 1)),
            Contestant("plain call", partial(secured.plain_call, PAYLOAD), 100_000),
            Contestant("plain go", partial(secured.plain_go, PAYLOAD), 10_000),
        ]
        for name, rival in made.items():
            one = partial(rival.call, PAYLOAD)
            line.contestants.append(Contestant(name, one, TIMES.get(name, 300), partial(one, 1)))
        yield line


def loaded_calls() -> Made:
    line = Line("1b", "the same with every core taken by other work", [], SECURED)
    line.goals = {"multiprocessing.Pipe": "1"}
    burn = [sys.executable, "-c", "while True: pass"]
    with _rivals(line, {"multiprocessing.Pipe": rivals.Pipe}) as made:
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
    line.goals = {"multiprocessing.Pipe": "12 [8]", "pyzmq": "5"}
    with _rivals(line, CALLS) as made:
        line.contestants = [
            Contestant(SECURED, partial(secured.secured_many, PAYLOAD, window=WINDOW), 10_000),
            Contestant("plain go", partial(secured.plain_many, PAYLOAD, window=WINDOW), 10_000),
        ]
        for name, rival in made.items():
            many = partial(rival.many, PAYLOAD, window=WINDOW)
            line.contestants.append(Contestant(name, many, TIMES.get(name, 1_000)))
        yield line


def streams() -> Made:
    for size, times, goals in (
        (64, 5_000, {"multiprocessing.Queue": "10"}),
        (4096, 3_000, {}),
        (MIB, 40, {"the floor": "0.7"}),
    ):
        name = f"{size} bytes" if size < 1024 else f"{size >> 10} KiB" if size < MIB else "1 MiB"
        line = Line("3", f"one way through a buffered channel, {name}", [], "Chan, into the enclave", size=size)
        line.goals = dict(goals)
        makers: dict[str, Callable[[], Any]] = {
            "the floor": lambda: rivals.Floor("drain"),
            "multiprocessing.Queue": rivals.Queue,
            "pyzmq PUSH, PULL": rivals.ZmqPush,
        }
        with _rivals(line, makers) as made:
            value = bytes(size)
            line.contestants = [
                Contestant("Chan, into the enclave", partial(secured.stream_in, value), times),
                Contestant("Chan, out of the enclave", partial(secured.stream_out, value), times),
                Contestant("Chan, plain", partial(secured.plain_stream, value), times),
            ]
            for rival_name, rival in made.items():
                line.contestants.append(Contestant(rival_name, partial(rival.stream, value), times))
            yield line


def ping_pong() -> Made:
    line = Line("4", "there and back over two unbuffered channels", [], "Chan, secured")
    line.goals = {"Chan, plain": "1/3 [1/5]"}
    line.contestants = [
        Contestant("Chan, secured", secured.secured_ping_pong, 3_000),
        Contestant("Chan, plain", secured.plain_ping_pong, 10_000),
        Contestant("asyncio.Queue", secured.asyncio_ping_pong, 3_000),
        Contestant("queue.Queue, threads", secured.threads_ping_pong, 500),
    ]
    yield line


def arrays() -> Made:
    for size in (1, 16, 64):
        title = f"a NumPy array of {size} MiB into the enclave"
        line = Line("6", title, [], SECURED, unit="us", size=size * MIB)
        line.goals = {"two memcpy, warm": "0.6"}
        line.notes.append("An array of more than 128 MiB does not cross: that is the largest frame of a link.")
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
            Contestant("two memcpy, warm", copies, times),
            Contestant("two memcpy, the last into new memory", fresh, times),
        ]
        yield line


def spawns() -> Made:
    line = Line("7", "start a routine without arguments and wait for its result", [], SECURED)
    line.goals = {"plain go": "1/3 [1/4]"}
    line.contestants = [
        Contestant(SECURED, secured.secured_spawn, 10_000),
        Contestant("plain go", secured.plain_spawn, 10_000),
    ]
    yield line


def selects() -> Made:
    for width in (2, 16, 256):
        line = Line("8", f"select over {width} channels, one of them ready", [], "select, secured")
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
    "6": arrays,
    "7": spawns,
    "8": selects,
}
