"""Threads that wait in the host's stead: for disks, and, one for all, for descriptors that become ready. Host world.

The ocall service uses them, so that an ocall that blocks delays no other, and 10,000 that wait need no 10,000 threads.
They only act on what an enclave has asked, so the deadlock judge does not count them.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from heapq import heappop, heappush
from queue import SimpleQueue

from gotee.runtime import deadlock

MOST_THREADS = 8

Task = Callable[[], None]


def service_thread(target: Task, name: str) -> threading.Thread:
    """Start a daemon thread that the deadlock judge does not count."""

    def run() -> None:
        deadlock.service_threads.add(threading.get_ident())
        try:
            target()
        finally:
            deadlock.service_threads.discard(threading.get_ident())

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


class Pool:
    """Runs tasks, at most MOST_THREADS at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle: list[None] = []  # one item a thread that waits: changed without the lock, in one step
        self._closed = False

    def submit(self, task: Task) -> None:
        """Run a task, which does not raise, on a thread of the pool."""
        self._tasks.put(task)
        if len(self._idle) < self._tasks.qsize() and self._threads < MOST_THREADS:
            with self._lock:
                if self._closed or self._threads >= MOST_THREADS:
                    return
                self._threads += 1
            service_thread(self._work, "gotee-ocalls")

    def close(self) -> None:
        """Run nothing more."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._tasks.put(None)

    def _work(self) -> None:
        while not self._closed:
            self._idle.append(None)
            task = self._tasks.get()
            self._idle.pop()
            if task is not None and not self._closed:
                task()
            del task  # what it held is not kept while this thread is idle


class Readiness:
    """One thread that waits for any number of descriptors, and for moments in time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoll: select.epoll | None = None
        self._wake = -1
        self._watched: dict[int, tuple[int, Task]] = {}
        self._timers: list[tuple[float, int, Task]] = []
        self._sequence = 0
        self._closed = False

    def when_ready(self, descriptor: int, events: int, task: Task) -> None:
        """Run a short task once, as soon as one of `events` (of select.epoll) holds.

        One task a descriptor at a time: a second call adds its events, and its task takes the place of the first.
        Raises PermissionError for what is always ready.
        """
        with self._lock:
            if self._closed:
                return
            epoll = self._started()
            known = self._watched.get(descriptor)
            if known is None:
                epoll.register(descriptor, events | select.EPOLLONESHOT)
            else:
                events |= known[0]
                epoll.modify(descriptor, events | select.EPOLLONESHOT)
            self._watched[descriptor] = (events, task)

    def later(self, seconds: float, task: Task) -> None:
        """Run a short task in a while."""
        with self._lock:
            if self._closed:
                return
            self._started()
            self._sequence += 1
            heappush(self._timers, (time.monotonic() + seconds, self._sequence, task))
            os.eventfd_write(self._wake, 1)

    def forget(self, descriptor: int) -> bool:
        """Stop waiting for a descriptor; False if nobody did. Call it before the descriptor is closed."""
        with self._lock:
            return self._forget(descriptor) is not None

    def _forget(self, descriptor: int) -> Task | None:
        found = self._watched.pop(descriptor, None)
        if found is None or self._epoll is None:
            return None
        self._epoll.unregister(descriptor)
        return found[1]

    def close(self) -> None:
        """Wait for nothing more."""
        with self._lock:
            self._closed = True
            self._watched.clear()
            self._timers.clear()
            if self._epoll is not None:
                os.eventfd_write(self._wake, 1)

    def _started(self) -> select.epoll:
        if self._epoll is None:
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._epoll = select.epoll()
            self._epoll.register(self._wake, select.EPOLLIN)
            service_thread(self._wait, "gotee-ready")
        return self._epoll

    def _wait(self) -> None:
        epoll = self._epoll
        assert epoll is not None
        while not self._closed:
            tasks = []
            with self._lock:
                left = max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None
            for descriptor, _ in epoll.poll(left):
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)
                    continue
                with self._lock:
                    task = self._forget(descriptor)
                if task is not None:
                    tasks.append(task)
            with self._lock:
                while self._timers and self._timers[0][0] <= time.monotonic():
                    tasks.append(heappop(self._timers)[2])
            for task in tasks:
                task()
        epoll.close()
        os.close(self._wake)
