"""`make bench`: what a routine, a channel and a secured call cost, beside what Python users have otherwise.

Every contestant runs in each of several rounds, one after the other, so that a busy moment of the machine hits all of
them. A line is the median of the rounds with the least and the most; ratios are to the first of a group. The secured
figures are of process enclaves at level development, not of hardware.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import queue
import statistics
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple

os.environ.setdefault("GOTEE_TEE", "process")

from gotee import Chan, Recv, go, gosecure, select
from gotee.boundary.link_ring import RingLink


class Line(NamedTuple):
    """One contestant: `run(n)` does the work n times."""

    group: str
    name: str
    run: Callable[[int], None]
    times: int


def add(a: int, b: int) -> int:
    """The work: as little as possible."""
    return a + b


def answer(requests: Chan[int], replies: Chan[int]) -> None:
    """Sends back what it receives."""
    for value in requests:
        replies.send(value)


def plain_call(n: int) -> None:
    for i in range(n):
        add(i, 1)


def spawn_and_result(n: int) -> None:
    for i in range(n):
        go(add, i, 1).result()


def secured_call(n: int) -> None:
    for i in range(n):
        gosecure(add, i, 1).result()


def secured_in_flight(n: int) -> None:
    for routine in [gosecure(add, i, 1) for i in range(n)]:
        routine.result()


def _ping_pong(start: Callable[..., Any], n: int) -> None:
    requests, replies = Chan[int](), Chan[int]()
    start(answer, requests, replies)
    for i in range(n):
        requests.send(i)
        replies.recv()
    requests.close()


def plain_ping_pong(n: int) -> None:
    _ping_pong(go, n)


def crossing_ping_pong(n: int) -> None:
    requests, replies = Chan[int](), Chan[int]()
    gosecure(answer, requests, replies)
    for i in range(n):
        requests.send(i)
        replies.recv()
    requests.close()


def select_of_16(n: int) -> None:
    channels = [Chan[int](1) for _ in range(16)]
    cases = [Recv(channel) for channel in channels]
    for i in range(n):
        channels[i % 16].send(i)
        select(*cases)


def queue_between_threads(n: int) -> None:
    requests: queue.Queue[int] = queue.Queue()
    replies: queue.Queue[int] = queue.Queue()

    def serve() -> None:
        while (value := requests.get()) >= 0:
            replies.put(value)

    thread = threading.Thread(target=serve)
    thread.start()
    for i in range(n):
        requests.put(i)
        replies.get()
    requests.put(-1)
    thread.join()


def queue_in_asyncio(n: int) -> None:
    async def main() -> None:
        requests: asyncio.Queue[int] = asyncio.Queue(1)
        replies: asyncio.Queue[int] = asyncio.Queue(1)

        async def serve() -> None:
            while (value := await requests.get()) >= 0:
                await replies.put(value)

        task = asyncio.create_task(serve())
        for i in range(n):
            await requests.put(i)
            await replies.get()
        await requests.put(-1)
        await task

    asyncio.run(main())


def _serve_pipe(end: Any) -> None:
    while (call := end.recv()) is not None:
        end.send(add(*call))


class Others:
    """The processes of the rivals, kept for the whole run as ours is."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._server = context.Process(target=_serve_pipe, args=(theirs,))
        self._server.start()
        theirs.close()
        self.pool = ProcessPoolExecutor(1, mp_context=context)
        self.pool.submit(add, 1, 1).result()
        self.ring, descriptors = RingLink.create()
        self._peer = RingLink.attach(descriptors)

    def pipe_call(self, n: int) -> None:
        for i in range(n):
            self.pipe.send((i, 1))
            self.pipe.recv()

    def pool_call(self, n: int) -> None:
        for i in range(n):
            self.pool.submit(add, i, 1).result()

    def ring_frame(self, n: int) -> None:
        frame = bytes(64)
        for _ in range(n):
            self.ring.try_send(frame)
            self._peer.try_recv()

    def close(self) -> None:
        self.pipe.send(None)
        self._server.join()
        self.pool.shutdown()
        self.ring.close()
        self._peer.close()


def lines(others: Others) -> list[Line]:
    """All contestants; the first of a group is the one that the others are compared with."""
    return [
        Line("start a routine and wait for its result", "go", spawn_and_result, 20_000),
        Line("start a routine and wait for its result", "plain call", plain_call, 200_000),
        Line("there and back over two unbuffered channels", "Chan, routines", plain_ping_pong, 20_000),
        Line("there and back over two unbuffered channels", "Chan, secured", crossing_ping_pong, 5_000),
        Line("there and back over two unbuffered channels", "asyncio.Queue", queue_in_asyncio, 5_000),
        Line("there and back over two unbuffered channels", "queue.Queue, threads", queue_between_threads, 2_000),
        Line("call in another process and wait for its result", "gosecure", secured_call, 20_000),
        Line("call in another process and wait for its result", "gosecure, 2,000 in flight", secured_in_flight, 2_000),
        Line("call in another process and wait for its result", "multiprocessing.Pipe", others.pipe_call, 10_000),
        Line("call in another process and wait for its result", "ProcessPoolExecutor", others.pool_call, 1_000),
        Line("other", "select over 16 channels", select_of_16, 10_000),
        Line("other", "ring, send and receive 64 bytes", others.ring_frame, 20_000),
    ]


def measure(contestants: list[Line], rounds: int) -> dict[str, list[float]]:
    """Microseconds for one piece of work, of each line, in each round."""
    taken: dict[str, list[float]] = {line.name: [] for line in contestants}
    for line in contestants:
        line.run(line.times // 10)
    for _ in range(rounds):
        for line in contestants:
            start = perf_counter()
            line.run(line.times)
            taken[line.name].append((perf_counter() - start) / line.times * 1e6)
    return taken


def report(contestants: list[Line], taken: dict[str, list[float]]) -> None:
    """Print the table."""
    group, base = "", 1.0
    for line in contestants:
        median = statistics.median(taken[line.name])
        if line.group != group:
            group, base = line.group, median
            print(f"\n{group}")
        low, high = min(taken[line.name]), max(taken[line.name])
        print(f"  {line.name:28} {median:9.2f} us  ({low:.2f} to {high:.2f})  {median / base:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="suite.py")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write all figures there, in microseconds")
    options = parser.parse_args()
    others = Others()
    contestants = lines(others)
    try:
        taken = measure(contestants, options.rounds)
    finally:
        others.close()
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    report(contestants, taken)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(taken, file, indent=1)


if __name__ == "__main__":
    main()
