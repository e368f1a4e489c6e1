"""Many routines and many channels: memory is bounded and given back. Each in a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .script import lines_of

PARKED = 100_000
DEFAULT_MAX_MAP_COUNT = 65_530  # the kernel's vm.max_map_count

RESIDENT = """
import gc
def resident():
    gc.collect()
    with open("/proc/self/statm") as statm: return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_a_hundred_thousand_parked_routines_are_small_and_given_back() -> None:
    lines = lines_of(
        RESIDENT
        + f"""
def wait(gate): return gate.recv()
def batch(n):
    gate = Chan()
    before = resident()
    routines = [go(wait, gate) for _ in range(n)]
    yield_now()
    while len(gate.receivers) < n: yield_now()
    parked = resident()
    with open("/proc/self/maps") as maps: mappings = sum(1 for _ in maps)
    for i in range(n): gate.send(i)
    total = sum(r.result() for r in routines)
    assert total == n * (n - 1) // 2
    del routines
    yield_now()
    return (parked - before) / n, mappings, resident()
first, mappings, after_first = batch({PARKED})
second, _, after_second = batch({PARKED})
growth = (after_second - after_first) / {PARKED}
say(f"{{first:.0f}} bytes a routine, {{mappings}} mappings, {{growth:.0f}} more after two")
""",
        seconds=60,
    )
    (line,) = lines
    print(line)  # shown by pytest -s
    numbers = re.fullmatch(r"(\d+) bytes a routine, (\d+) mappings, (-?\d+) more after two", line)
    assert numbers is not None
    size, mappings, growth = map(int, numbers.groups())
    assert size < 20 * 1024
    assert mappings < DEFAULT_MAX_MAP_COUNT
    assert growth < 512


def test_a_hundred_thousand_reply_channels_leave_memory_flat() -> None:
    assert lines_of(
        RESIDENT
        + """
requests = Chan()
def serve():
    for n, reply in requests: reply.send(n + 1)
go(serve)
def ask(n):
    for i in range(n):
        reply = Chan[int]()
        requests.send((i, reply))
        assert reply.recv() == i + 1
ask(20_000)
gc.disable()      # no channel, waiter or node may need the collector
before = resident()
ask(100_000)
say(resident() - before < 2_000_000)
"""
    ) == ["True"]


def test_no_operation_leaves_garbage_for_the_collector() -> None:
    assert lines_of(
        """
        import gc
        a, b = Chan(), Chan(1)
        def echo():
            while True: a.send(a.recv())
        go(echo)
        def failing(): raise KeyError
        def everything():
            a.send(1); a.recv()
            select(Send(a, 1), Recv(b)); select(Recv(a), Recv(b), timeout=5)
            select(Recv(b), default=True)
            try: select(Recv(b), timeout=0)
            except TimeoutError: pass
            try: select(Recv(b), timeout=1e-6)
            except TimeoutError: pass
            sleep(0); sleep(1e-6); yield_now()
            go(int).result()
            r = go(b.recv); yield_now()
            r.cancel()
            try: r.result()
            except Cancelled: pass
            r = None      # or this frame, in the failure's traceback, would keep the failure
        for _ in range(50): everything()
        gc.collect(); gc.disable(); gc.set_debug(gc.DEBUG_SAVEALL)
        for _ in range(50): everything()
        gc.collect()
        from collections import Counter
        kinds = Counter(type(o).__name__ for o in gc.garbage if type(o).__module__.startswith("gotee"))
        say(dict(kinds))
        os._exit(0)
        """
    ) == ["{}"]


def test_a_million_steps_of_routines_that_start_and_end_leave_memory_flat() -> None:
    assert lines_of(
        RESIDENT
        + """
def run(n):
    for i in range(n): assert go(abs, -i).result() == i
run(20_000)
before = resident()
run(150_000)
say(resident() - before < 2_000_000)
"""
    ) == ["True"]
