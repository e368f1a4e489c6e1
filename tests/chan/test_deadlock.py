"""Programs that wait for what can never come end with Deadlock, as Go's do; those that can go on do not.

Each runs as a process of its own, as a user would run it: in this one, threads of the test runner are never parked.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

HEADER = """\
from gotee import Cancelled, Chan, Deadlock, Recv, Send, go, select, sleep, yield_now

def recv(channel):
    return channel.recv()

def send(channel):
    channel.send(1)

def send_later(channel):
    sleep(0.05)
    channel.send(1)
"""

STUCK = {
    "recv_from_empty": "Chan().recv()",
    "send_without_receiver": "Chan().send(1)",
    "send_to_full": "c = Chan(1); c.send(1); c.send(2)",
    "iteration_of_a_channel_nobody_closes": "list(Chan())",
    "select_of_nothing": "select()",
    "select_of_no_channels": "select(Recv(None), Send(None, 1))",
    "select_that_nobody_meets": "c = Chan(); select(Recv(c), Send(c, 1))",
    "result_of_a_stuck_routine": "go(recv, Chan()).result()",
    "all_routines_stuck": "c = Chan(); go(send, c); go(send, c); Chan().recv()",
}

MOVING = {
    "a_timer_can_act": "c = Chan(); go(send_later, c); c.recv()",
    "a_select_with_a_time_limit": """
        try:
            select(Recv(Chan()), timeout=0.01)
        except TimeoutError:
            pass
        """,
    "a_stuck_routine_that_main_does_not_wait_for": "r = go(recv, Chan()); yield_now(); assert not r.done()",
    "after_a_deadlock_that_was_handled": """
        c = Chan()
        try:
            c.recv()
        except Deadlock:
            go(send, c)
            assert c.recv() == 1
        """,
}


def run(body: str) -> subprocess.CompletedProcess[str]:
    source = HEADER + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize("body", STUCK.values(), ids=STUCK.keys())
def test_a_stuck_main_raises_deadlock(body: str):
    ended = run(body)
    assert ended.returncode == 1, ended
    assert "gotee.errors.Deadlock" in ended.stderr


@pytest.mark.parametrize("body", MOVING.values(), ids=MOVING.keys())
def test_no_deadlock_is_invented(body: str):
    ended = run(body)
    assert (ended.returncode, ended.stderr) == (0, "")
