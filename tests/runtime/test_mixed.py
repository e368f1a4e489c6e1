"""Tokens pass through routines, threads and asyncio loops at random: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import pytest

from gotee import Cancelled, Chan, Recv, Send, aselect, go, select, sleep, yield_now

TOKENS = 600
SEEDS = [1, 2, 3, 4]


def stage(kind: str, seed: int, source: Chan[int], sink: Chan[int]) -> None:
    """Move every token on from `source` to `sink`, each time in a randomly chosen way, until `source` closes."""
    rng = random.Random(seed)
    if kind == "asyncio":
        asyncio.run(_async_stage(rng, source, sink))
    elif kind == "routines":
        for routine in [go(_stage, random.Random(seed + n), source, sink) for n in range(4)]:
            routine.result()
    else:
        _stage(rng, source, sink)


def _stage(rng: random.Random, source: Chan[int], sink: Chan[int]) -> None:
    while True:
        way = rng.randrange(4)
        if way == 0:
            value, ok = source.recv_ok()
        elif way == 1:
            _, _, value, ok = select(Recv(source), Recv(None))
        elif way == 2:
            try:
                _, _, value, ok = select(Recv(source), timeout=rng.choice([0, 1e-5, 1e-3]))
            except TimeoutError:
                continue
        else:
            selected = select(Recv(source), default=True)
            if selected.index < 0:
                yield_now()
                continue
            value, ok = selected.value, selected.ok
        if not ok:
            return
        if rng.random() < 0.5:
            sink.send(value)
        else:
            select(Send(sink, value), Recv(None))


async def _async_stage(rng: random.Random, source: Chan[int], sink: Chan[int]) -> None:
    async def one(own: random.Random) -> None:
        while True:
            way = own.randrange(3)
            try:
                if way == 0:
                    value, ok = await source.arecv_ok()
                elif way == 1:
                    value, ok = await asyncio.wait_for(source.arecv_ok(), own.choice([1e-5, 1e-3]))
                else:
                    _, _, value, ok = await aselect(Recv(source), timeout=own.choice([0, 1e-3]))
            except TimeoutError:
                await asyncio.sleep(0)
                continue
            if not ok:
                return
            if own.random() < 0.3:
                await go(sink.send, value)
            else:
                await sink.asend(value)

    await asyncio.gather(*[one(random.Random(rng.random())) for _ in range(3)])


@pytest.mark.parametrize("seed", SEEDS)
def test_tokens_pass_through_a_mixed_pipeline(seed: int) -> None:
    rng = random.Random(seed)
    channels = [Chan[int](rng.choice([0, 0, 1, 5])) for _ in range(4)]
    kinds = [rng.choice(["plain", "routines", "asyncio"]) for _ in range(3)]
    left = [2] * 3
    lock = threading.Lock()

    def work(place: int, own: int) -> None:
        stage(kinds[place], own, channels[place], channels[place + 1])
        with lock:
            left[place] -= 1
            last = not left[place]
        if last:
            channels[place + 1].close()

    threads = [
        threading.Thread(target=work, args=(place, 100 * seed + 10 * place + n)) for place in range(3) for n in range(2)
    ]
    for thread in threads:
        thread.start()

    def produce() -> None:
        for n in range(TOKENS):
            channels[0].send(n)
        channels[0].close()

    producer = go(produce)
    got = sorted(channels[3])
    producer.result()
    for thread in threads:
        thread.join()
    assert got == list(range(TOKENS))
    assert all(len(c) == len(c.receivers) == len(c.senders) == 0 for c in channels)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_cancels_of_receivers_and_senders_across_threads_lose_and_double_nothing(seed: int) -> None:
    """Each routine notes what it received, or which value it surely sent, before anything can cancel it."""
    rng = random.Random(seed)
    chan = Chan[int](rng.choice([0, 2]))
    received: list[int] = []
    sent: list[int] = []
    stop: list[int] = []

    def send(value: int) -> None:
        chan.send(value)
        sent.append(value)

    def receive() -> None:
        received.append(chan.recv())

    def thread(base: int, own: random.Random) -> None:
        routines: list[Any] = []
        for n in range(150):
            routines.append(go(send, base + n) if own.random() < 0.5 else go(receive))
            if own.random() < 0.3:
                yield_now()
            if own.random() < 0.4:
                own.choice(routines).cancel()
        others.extend(routines)
        while not stop:
            sleep(0.0005)
        for routine in routines:
            routine.cancel()
        for routine in routines:
            try:
                routine.result()
            except Cancelled:
                pass

    others: list[Any] = []
    threads = [threading.Thread(target=thread, args=(1000 * n, random.Random(seed * 10 + n))) for n in range(3)]
    for each in threads:
        each.start()
    for _ in range(40):
        sleep(0.0005)
        for routine in rng.sample(others, min(len(others), 10)):
            routine.cancel()
    stop.append(1)
    for each in threads:
        each.join()
    chan.close()
    received.extend(chan)
    assert sorted(received) == sorted(sent)
    assert (len(chan.receivers), len(chan.senders)) == (0, 0)
