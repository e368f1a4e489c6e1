"""What every link promises, on every link."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import threading
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotee.boundary.frames import LinkClosed, LinkError
from gotee.boundary.link import FrameLink
from gotee.errors import Overloaded, UsageError
from link.peer import KINDS, attach, exchange, make, receive, start

MIB = 1 << 20


@contextlib.contextmanager
def both_sides(kind, **limits):
    left, descriptors = make(kind, **limits)
    right = attach(kind, descriptors, **limits)
    with contextlib.closing(left), contextlib.closing(right):
        yield left, right


@contextlib.contextmanager
def with_peer(kind, role):
    link, process = start(kind, role)
    try:
        with contextlib.closing(link):
            yield link, process
    finally:
        process.kill()
        process.wait()


# ---- frames and order


def test_frames_arrive_in_order_both_ways(pair):
    left, right = pair
    for sender, receiver in [(left, right), (right, left)]:
        sent = [b"%d" % n for n in range(20)]
        for frame in sent:
            assert sender.try_send(frame)
        assert [receiver.try_recv() for _ in sent] == sent
        assert receiver.try_recv() is None


def test_sizes_around_every_boundary(pair):
    left, right = (FrameLink(link) for link in pair)
    piece = pair[0].piece
    sizes = {0, 1, 7, 8, 9, 63, 64, 65}
    for boundary in (piece, 2 * piece, 4 * piece, 4 * (piece + 8), 9 * piece):
        sizes |= {boundary + step for step in (-9, -8, -7, -1, 0, 1, 7, 8, 9)}
    for size in sorted(sizes):
        frame = os.urandom(size)
        left.send(frame)
        received = right.recv()
        while received is None:
            left.flush()
            received = right.recv()
        assert type(received) is bytes
        assert received == frame
        assert left.idle


def test_full_link_refuses_and_accepts_again_after_receive(pair):
    left, right = pair
    count = 0
    while left.try_send(b"x" * 100):
        count += 1
    assert count
    assert not left.try_send(b"x" * 100)
    received = 0
    while right.try_recv() is not None:
        received += 1
    assert received >= count - 1  # the last may still be on its way out
    assert left.try_send(b"y")


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    steps=st.lists(st.one_of(st.none(), st.integers(0, 5000)), max_size=60),
)
def test_any_sequence_of_sends_and_receives_is_a_queue(kind, steps):
    with both_sides(kind) as links:
        left, right = (FrameLink(link) for link in links)
        model = deque()
        for number, size in enumerate(steps):
            if size is not None:
                frame = (b"%04d" % number * (size // 4 + 1))[:size]
                left.send(frame)
                model.append(frame)
            else:
                left.flush()
                frame = right.recv()
                assert frame is None or frame == model.popleft()
        while model:
            left.flush()
            frame = right.recv()
            assert frame is None or frame == model.popleft()
        assert right.recv() is None
        assert left.idle


def test_received_frame_is_private(kind):
    with both_sides(kind) as (left, right):
        source = bytearray(b"before")
        left.try_send(source)
        source[:] = b"after!"
        frame = right.try_recv()
        for _ in range(40):  # goes over the same place of a small ring
            left.try_send(b"z" * 900)
            right.try_recv()
        assert frame == b"before"


@pytest.mark.parametrize("view", [bytearray(b"abcdefgh"), memoryview(b"abcdefgh"), memoryview(b"abcdefgh").cast("I")])
def test_any_buffer_can_be_sent(pair, view):
    left, right = pair
    assert left.try_send(view)
    assert right.try_recv() == b"abcdefgh"
    FrameLink(left).send(view)
    assert right.try_recv() == b"abcdefgh"


# ---- lanes and queues


def test_small_frames_overtake_a_large_one_on_another_lane_only(pair):
    left, right = (FrameLink(link) for link in pair)
    large, same, other = os.urandom(64 * pair[0].piece), b"same lane", b"other lane"
    left.send(large, lane=1)
    left.send(same, lane=1)
    left.send(other, lane=0)
    got = []
    while len(got) < 3:
        left.flush()
        frame = right.recv()
        if frame is not None:
            got.append(frame)
    assert got == [other, large, same]


def test_large_frames_on_all_lanes_arrive_whole(pair):
    left, right = (FrameLink(link) for link in pair)
    frames = {os.urandom(10 * pair[0].piece + lane): lane for lane in range(pair[0].lanes)}
    for frame, lane in frames.items():
        left.send(frame, lane=lane)
    got = set()
    while len(got) < len(frames):
        left.flush()
        frame = right.recv()
        if frame is not None:
            got.add(frame)
    assert got == set(frames)


def test_replies_are_not_counted_and_keep_their_place(kind):
    with both_sides(kind) as (link, other):
        left = FrameLink(link, queue_limit=1000)
        while link.try_send(b"x" * 500):
            pass
        left.send(b"call" * 200)
        assert left.queued_bytes == 800
        assert not left.full
        left.send(b"call" * 200)
        assert left.full
        left.send(b"answer" * 200, reply=True)
        assert left.queued_bytes == 1600
        got = []
        while not left.idle or not got or got[-1] != b"answer" * 200:
            left.flush()
            if (frame := other.try_recv()) is not None:
                got.append(frame)
        assert got[-3:] == [b"call" * 200, b"call" * 200, b"answer" * 200]
        assert left.queued_bytes == 0


def test_blocked_sender_that_pumps_takes_in_what_arrives(pair):
    left, right = (FrameLink(link) for link in pair)
    large = os.urandom(8 * MIB)
    left.send(large, lane=1)
    right.send(large, lane=1)
    got_left = got_right = None
    while got_left is None or got_right is None:  # each side only pumps before it receives
        left.pump()
        right.pump()
        got_left = got_left or left.recv()
        got_right = got_right or right.recv()
    assert got_left == large
    assert got_right == large


def test_peer_that_sends_without_end_and_takes_nothing_is_an_error(kind):
    with both_sides(kind) as (link, flooder):
        left = FrameLink(link, inbox_limit=100_000)
        left.send(b"x" * (8 * MIB))
        with pytest.raises(LinkError, match="takes none"):
            for _ in range(100_000):
                flooder.try_send(b"flood" * 100)
                left.pump()


def test_64_mib_both_ways_at_once(kind):
    with with_peer(kind, f"exchange{64 * MIB}") as (link, _):
        sent, received = exchange(link, 64 * MIB)
        assert receive(link) == received + sent


def test_frame_above_the_limit_is_refused_with_nothing_sent(kind):
    with both_sides(kind, max_frame=100_000 if kind == "stream" else 262_144) as (left, right):
        for frames in (left, FrameLink(left)):
            send = frames.send if isinstance(frames, FrameLink) else lambda frame: left.try_send_part(frame, 0, 0)
            with pytest.raises(Overloaded):
                send(b"x" * 300_000)
        assert right.try_recv() is None


def test_misuse_is_a_usage_error(pair):
    left, right = pair
    with pytest.raises(UsageError):
        left.try_send(b"x", left.lanes)
    with pytest.raises(UsageError):
        left.try_send(b"x" * (left.piece + 1))
    with pytest.raises(UsageError):
        left.try_send_part(b"x", 0, 0)
    with pytest.raises(UsageError):
        FrameLink(left).send(b"x" * (left.piece + 1), lane=left.lanes)
    assert right.try_recv() is None


# ---- waiting


def test_wait_returns_for_data_and_not_without_reason(pair):
    left, right = pair
    assert not right.wait(0)
    assert not right.wait(0.001)
    left.try_send(b"x")
    assert right.wait(0)
    assert right.wait(None)
    assert right.try_recv() == b"x"
    assert not right.wait(0)


def test_wait_returns_while_further_frames_are_at_hand(pair):
    left, right = pair
    left.try_send(b"1")
    left.try_send(b"2")
    assert right.try_recv() == b"1"
    assert right.wait(None)
    assert right.try_recv() == b"2"


def test_wait_after_failed_send_returns_for_room(pair):
    left, right = pair
    while left.try_send(b"x" * 500):
        pass
    taker = threading.Thread(target=lambda: [right.try_recv() for _ in range(10_000)])
    taker.start()
    assert left.wait(30)
    taker.join()
    assert not all(left.wait(0) for _ in range(10))  # once, even if the send is given up


def until_waiting(link):
    """Return once another thread is in `wait`."""
    while not link.waiting:
        time.sleep(0.001)


def test_wake_ends_a_wait_of_another_thread_which_runs_meanwhile(pair):
    left, _ = pair

    def other():
        until_waiting(left)
        left.wake()

    thread = threading.Thread(target=other)
    thread.start()
    assert left.wait(30)
    thread.join()


def test_wake_before_wait_is_not_lost(pair):
    left, _ = pair
    left.wake()
    assert left.wait()
    assert not left.wait(0)


def test_second_waiting_thread_is_refused(pair):
    left, _ = pair
    outcomes = queue.SimpleQueue()

    def waiter():
        try:
            outcomes.put(left.wait())
        except UsageError:
            outcomes.put("refused")

    threads = [threading.Thread(target=waiter) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert outcomes.get() == "refused"
    left.wake()
    assert outcomes.get() is True
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("end", ["close", "poison"])
def test_end_of_the_link_in_a_signal_handler_ends_the_wait(pair, end):
    left, _ = pair
    old = signal.signal(signal.SIGUSR1, lambda number, frame: getattr(left, end)())
    try:
        main = threading.get_ident()
        thread = threading.Thread(target=lambda: (until_waiting(left), signal.pthread_kill(main, signal.SIGUSR1)))
        thread.start()
        with pytest.raises(LinkError):
            while True:
                assert left.wait(30)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert left.closed


def test_exception_of_a_signal_handler_escapes_from_wait(pair):
    left, _ = pair

    def handler(number, frame):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        main = threading.get_ident()
        thread = threading.Thread(target=lambda: (until_waiting(left), signal.pthread_kill(main, signal.SIGUSR1)))
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            assert left.wait(30)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert not left.closed
    assert not left.wait(0)


def test_armed_link_can_be_polled_elsewhere(pair):
    left, right = pair
    poller = select.poll()
    for descriptor in right.filenos():
        poller.register(descriptor, select.POLLIN)
    assert right.arm()
    left.try_send(b"x")
    assert poller.poll(10_000)
    right.disarm()
    assert right.try_recv() == b"x"
    left.try_send(b"y")
    assert not right.arm() or poller.poll(0)  # told at once, in one of the two ways
    right.disarm()
    assert right.try_recv() == b"y"
    assert right.arm()
    right.wake()
    assert poller.poll(10_000)
    right.disarm()


def test_echo_across_processes(kind):
    with with_peer(kind, "echo") as (link, _):
        for number in range(2000):
            frame = b"%d" % number
            assert link.try_send(frame)
            assert receive(link) == frame


# ---- the end


def test_closed_link_refuses_everything(pair):
    left, _ = pair
    left.close()
    left.close()
    assert left.closed
    left.wake()
    for operation in (lambda: left.try_send(b""), left.try_recv, left.wait, left.arm, left.filenos):
        with pytest.raises(LinkClosed):
            operation()


def test_close_ends_the_wait_of_another_thread(pair):
    left, _ = pair
    outcome = []

    def waiter():
        with contextlib.suppress(LinkClosed):
            while True:
                outcome.append(left.wait(30))

    thread = threading.Thread(target=waiter)
    thread.start()
    until_waiting(left)
    left.close()
    thread.join()
    assert all(outcome)


def test_frames_before_the_close_of_the_peer_are_delivered(pair):
    left, right = pair
    left.try_send(b"1")
    left.try_send(b"2")
    left.close()
    assert right.wait()
    assert right.peer_closed
    assert [right.try_recv() for _ in range(3)] == [b"1", b"2", None]
    assert right.wait()
    with pytest.raises(LinkClosed):
        right.try_send(b"x")


def test_death_of_the_peer_ends_the_wait_and_loses_nothing(kind):
    with with_peer(kind, "send-and-die") as (link, _):
        assert [receive(link) for _ in range(4)] == [b"0", b"1", b"2", None]
        assert link.wait()


def test_sigkill_of_a_waiting_peer_ends_the_wait(kind):
    with with_peer(kind, "wait-for-ever") as (link, process):
        assert receive(link) == b"here"
        assert not link.peer_closed
        process.kill()
        while not link.peer_closed:
            assert link.wait(30)


def test_poisoned_link_refuses_everything_and_the_peer_is_not_told(kind):
    with both_sides(kind) as (left, right):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                left.poison()
                left.poison()
                left.close()
                for operation in (lambda: left.try_send(b""), left.try_recv, left.wait, left.filenos):
                    with pytest.raises(LinkError, match="parent"):
                        operation()
                os.write(writing, b"refused")
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        assert os.read(reading, 10) == b"refused"
        os.close(reading)
        assert not right.peer_closed
        assert left.try_send(b"still here")
        assert right.try_recv() == b"still here"


def test_nothing_stays_open(kind):
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with both_sides(kind) as (left, _):
            left.try_send(b"x")
    assert sorted(os.listdir("/proc/self/fd")) == before
