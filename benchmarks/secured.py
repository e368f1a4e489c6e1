"""gotee's own contestants: what runs inside the enclave, and how the program calls it.

The entries are small on purpose: their work is as little as possible, so that what is measured is the crossing.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from typing import Any

import numpy as np

from gotee import Chan, Recv, go, gosecure, select, sleep

DEPTH = 128  # of the buffered channels


def work(payload: bytes, number: int) -> int:
    """The work of every call."""
    return number


def start_inside() -> int:
    """For a program that wants its enclave running."""
    return 1


def answer(requests: Chan[int], replies: Chan[int]) -> None:
    """Send back what is received."""
    for value in requests:
        replies.send(value)


def drain(values: Chan[bytes], done: Chan[int]) -> None:
    """Receive until closed."""
    count = 0
    for _ in values:
        count += 1
    done.send(count)


def fill(values: Chan[bytes], value: bytes, count: int) -> None:
    """Send a value so many times."""
    for _ in range(count):
        values.send(value)
    values.close()


def take_array(array: np.ndarray[Any, Any]) -> int:
    """An array in."""
    return array.nbytes


def give_array(length: int) -> np.ndarray[Any, Any]:
    """An array out: the one that is kept for it."""
    if length not in _KEPT:
        _KEPT.clear()
        _KEPT[length] = np.ones(length)
    return _KEPT[length]


_KEPT: dict[int, np.ndarray[Any, Any]] = {}


def looks(path: str, count: int) -> None:
    """Ask the system for little, so many times. Inside and outside: the same function."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    for _ in range(count):
        os.fstat(descriptor)
    os.close(descriptor)


def pwrites(path: str, count: int) -> None:
    """Write 4 KiB so many times, unbuffered, into the first MiB of a file."""
    piece = bytes(4096)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    for i in range(count):
        os.pwrite(descriptor, piece, i % 256 * 4096)
    os.close(descriptor)


def writes(path: str, count: int) -> None:
    """Write 4 KiB so many times, one behind the other."""
    piece = bytes(4096)
    with open(path, "wb") as file:
        for _ in range(count):
            file.write(piece)


def choose(channels: list[Chan[int]], done: Chan[int], count: int) -> None:
    """Receive from whichever channel is ready."""
    cases = [Recv(channel) for channel in channels]
    for _ in range(count):
        select(*cases)
    done.send(count)


def wait(own: Chan[int]) -> None:
    """A routine that waits."""
    own.recv()


def park(gate: Chan[int], ready: Chan[int], count: int) -> None:
    """Start so many routines that wait inside."""
    own: Chan[int] = Chan()
    for _ in range(count):
        go(wait, own)
    sleep(0)
    ready.send(count)
    gate.recv()


# -- (1) and (2)


def plain_call(payload: bytes, n: int) -> None:
    for i in range(n):
        work(payload, i)


def plain_go(payload: bytes, n: int) -> None:
    for i in range(n):
        go(work, payload, i).result()


def secured_call(payload: bytes, n: int) -> None:
    for i in range(n):
        gosecure(work, payload, i).result()


def plain_many(payload: bytes, n: int, window: int) -> None:
    for start in range(0, n, window):
        for routine in [go(work, payload, i) for i in range(min(window, n - start))]:
            routine.result()


def secured_many(payload: bytes, n: int, window: int) -> None:
    for start in range(0, n, window):
        for routine in [gosecure(work, payload, i) for i in range(min(window, n - start))]:
            routine.result()


# -- (3) and (4)


def plain_stream(value: bytes, n: int) -> None:
    values, done = Chan[bytes](DEPTH), Chan[int]()
    go(drain, values, done)
    for _ in range(n):
        values.send(value)
    values.close()
    done.recv()


def stream_in(value: bytes, n: int) -> None:
    values, done = Chan[bytes](DEPTH), Chan[int]()
    gosecure(drain, values, done)
    for _ in range(n):
        values.send(value)
    values.close()
    done.recv()


def stream_out(value: bytes, n: int) -> None:
    values = Chan[bytes](DEPTH)
    gosecure(fill, values, value, n)
    for _ in values:
        pass


def _ping_pong(requests: Chan[int], replies: Chan[int], n: int) -> None:
    for i in range(n):
        requests.send(i)
        replies.recv()
    requests.close()


def plain_ping_pong(n: int) -> None:
    requests, replies = Chan[int](), Chan[int]()
    go(answer, requests, replies)
    _ping_pong(requests, replies, n)


def secured_ping_pong(n: int) -> None:
    requests, replies = Chan[int](), Chan[int]()
    gosecure(answer, requests, replies)
    _ping_pong(requests, replies, n)


def asyncio_ping_pong(n: int) -> None:
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


def threads_ping_pong(n: int) -> None:
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


# -- (5)


def secured_looks(path: str, n: int) -> None:
    gosecure(looks, path, n).result()


def secured_pwrites(path: str, n: int) -> None:
    gosecure(pwrites, path, n).result()


def secured_writes(path: str, n: int) -> None:
    gosecure(writes, path, n).result()


# -- (6)


def secured_array(array: np.ndarray[Any, Any], n: int) -> None:
    for _ in range(n):
        gosecure(take_array, array).result()


def secured_array_out(length: int, n: int) -> None:
    for _ in range(n):
        gosecure(give_array, length).result()


# -- (7)


def plain_spawn(n: int) -> None:
    for _ in range(n):
        go(start_inside).result()


def secured_spawn(n: int) -> None:
    for _ in range(n):
        gosecure(start_inside).result()


def park_here(count: int) -> None:
    """Start so many routines that wait, outside."""
    own: Chan[int] = Chan()
    for _ in range(count):
        go(wait, own)
    sleep(0)


def park_inside(count: int) -> None:
    """Start so many routines that wait, inside. They end with the program."""
    gate, ready = Chan[int](), Chan[int]()
    gosecure(park, gate, ready, count)
    ready.recv()


# -- (8)


def plain_select(width: int, n: int) -> None:
    channels = [Chan[int](1) for _ in range(width)]
    cases = [Recv(channel) for channel in channels]
    for i in range(n):
        channels[i % width].send(i)
        select(*cases)


def secured_select(width: int, n: int) -> None:
    channels, done = [Chan[int](1) for _ in range(width)], Chan[int]()
    gosecure(choose, channels, done, n)
    for i in range(n):
        channels[i % width].send(i)
    done.recv()
