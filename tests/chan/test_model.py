"""The model is right about programs small enough to reason about by hand."""

from __future__ import annotations

from .model import outcomes
from .programs.random_program import Case, Op


def send(channel: int, value: int) -> Op:
    return Op("send", [Case(True, channel, value)])


def recv(channel: int) -> Op:
    return Op("recv", [Case(False, channel)])


def close(channel: int) -> Op:
    return Op("close", [Case(False, channel)])


def traces(program: list[list[Op]], capacities: list[int]) -> set[tuple[tuple[str, ...], ...]]:
    return {outcome.traces for outcome in outcomes(program, capacities)}


def test_a_send_and_a_recv_meet_in_one_way():
    assert traces([[send(0, 5)], [recv(0)]], [0]) == {(("sent",), ("got 5",))}


def test_a_send_without_receiver_blocks_unless_there_is_room():
    assert traces([[send(0, 1), send(0, 2)]], [0]) == {((),)}
    (outcome,) = outcomes([[send(0, 1), send(0, 2)]], [1])
    assert outcome == ((("sent",),), (1,))


def test_one_of_two_senders_is_received():
    assert traces([[send(0, 1)], [send(0, 2)], [recv(0)]], [0]) == {
        (("sent",), (), ("got 1",)),
        ((), ("sent",), ("got 2",)),
    }


def test_a_buffer_keeps_order_when_a_waiting_sender_moves_up():
    program = [[send(0, n) for n in range(3)], [recv(0)] * 3]
    assert traces(program, [1]) == {(("sent",) * 3, ("got 0", "got 1", "got 2"))}


def test_close_races_with_send_and_recv():
    assert traces([[send(0, 1)], [recv(0)], [close(0)]], [0]) == {
        (("sent",), ("got 1",), ("close",)),
        (("closed",), ("drained",), ("close",)),
    }


def test_buffered_values_outlive_the_close():
    program = [[send(0, 1), close(0), send(0, 2), close(0), recv(0), recv(0)]]
    assert traces(program, [2]) == {(("sent", "close", "closed", "closed", "got 1", "drained"),)}


def test_waiting_receivers_are_served_first_come_first_served():
    program = [[recv(0)], [recv(0)], [send(0, 1), send(0, 2)]]
    got = {(a[0], b[0]) for a, b, _ in traces(program, [0])}
    assert got == {("got 1", "got 2"), ("got 2", "got 1")}


def test_a_select_takes_any_ready_case_and_its_default_only_if_none_is():
    cases = [Case(False, 0), Case(True, 1, 9), Case(False, -1)]
    assert traces([[send(0, 1), Op("poll", cases)]], [1, 1]) == {(("sent", "0: got 1"),), (("sent", "1: sent"),)}
    assert traces([[Op("poll", cases)]], [1, 0]) == {(("default",),)}
    assert traces([[Op("select", cases)]], [1, 0]) == {((),)}


def test_a_select_never_meets_itself():
    both = [Case(True, 0, 1), Case(False, 0)]
    assert traces([[Op("select", both)]], [0]) == {((),)}
    assert traces([[Op("select", both)], [Op("select", both)]], [0]) == {
        (("0: sent",), ("1: got 1",)),
        (("1: got 1",), ("0: sent",)),
    }


def test_a_close_ends_every_waiting_select():
    waiting = [Op("select", [Case(False, 1), Case(False, 0)])]
    assert traces([waiting, waiting, [close(0)]], [0, 0]) == {(("1: drained",), ("1: drained",), ("close",))}
