"""What only the ring promises: sealed memory, hostile neighbours, bells that are heard."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import random
import signal
import socket
import struct
import tempfile

import pytest

from gotee.boundary.frames import LinkCorrupt, LinkError
from gotee.boundary.link_ring import RingDescriptors, RingLink
from gotee.boundary.ring import INDEX_BYTES
from gotee.errors import UsageError
from link.peer import never_spin, receive, start

CAPACITY = 4096
LIMIT = 1 << 16
FUZZ = max(int(os.environ.get("GOTEE_FUZZ", "1")), 1)  # how many times as many seeds
TAIL, HEAD, DIRECTION, SLEEP, SIDE = 0x000, 0x080, 0x400, 0x800, 0x080
WHOLE, FIRST, MORE = 1, 2, 3


@contextlib.contextmanager
def hostile():
    """A link, and the region and descriptors as its peer has them. The peer is direction 1."""
    link, descriptors = RingLink.create(CAPACITY, max_frame=LIMIT)
    region = mmap.mmap(descriptors.region, INDEX_BYTES + 2 * CAPACITY)
    with contextlib.closing(link), contextlib.closing(descriptors), region:
        yield link, region


def put(region, offset, number):
    region[offset : offset + 8] = struct.pack("=Q", number & (1 << 64) - 1)


def piece(kind, lane, size):
    return size | lane << 32 | kind << 40


def test_contents_arrive_unchanged_whatever_their_size_and_wherever_the_ring_ends():
    chance = random.Random(3)
    sizes = [*range(4085, 4180), *(chance.randrange(4000, 40_000) for _ in range(100))]
    link, descriptors = RingLink.create(1 << 16, max_frame=LIMIT)
    with contextlib.closing(link), contextlib.closing(RingLink.attach(descriptors)) as peer:
        for size in sizes:
            frame = chance.randbytes(size)
            offset = 0
            if size <= link.piece:
                assert link.try_send(frame)
            while size > link.piece and offset < size:
                offset = link.try_send_part(frame, offset, 0)
            assert peer.try_recv() == frame


@pytest.mark.parametrize("tail", [1, 4, CAPACITY + 8, 1 << 63, -8, -1])
def test_impossible_tail_is_corrupt_for_good(tail):
    with hostile() as (link, region):
        for place in range(0, CAPACITY, 8):
            put(region, INDEX_BYTES + CAPACITY + place, piece(WHOLE, 0, 0))
        put(region, TAIL + DIRECTION, tail)
        for operation in (link.try_recv, link.try_recv, lambda: link.try_send(b"x"), link.wait):
            with pytest.raises(LinkCorrupt):
                operation()
        assert link.closed


@pytest.mark.parametrize("head", [1, CAPACITY + 8, 1 << 63, -8])
def test_impossible_head_is_corrupt(head):
    with hostile() as (link, region):
        while link.try_send(b"x" * link.piece):
            pass
        put(region, HEAD, head)
        with pytest.raises(LinkCorrupt):
            link.try_send(b"x")


def test_head_that_goes_back_is_corrupt():
    with hostile() as (link, region):
        while link.try_send(b"x" * link.piece):
            pass
        put(region, HEAD, 2048)
        assert link.try_send(b"x" * link.piece)
        assert link.try_send(b"x" * link.piece)
        put(region, HEAD, 1024)
        with pytest.raises(LinkCorrupt):
            link.try_send(b"x")


@pytest.mark.parametrize(
    "header",
    [
        0,
        -1,
        piece(WHOLE, 0, CAPACITY // 4 - 7),
        piece(WHOLE, 0, 0xFFFFFFFF),
        piece(WHOLE, 16, 8),
        piece(WHOLE, 255, 8),
        piece(WHOLE, 0, 9),  # more than has arrived
        piece(FIRST, 0, 0),
        piece(FIRST, 0, CAPACITY // 4 - 8),  # would be one piece
        piece(FIRST, 0, LIMIT),  # its first piece has not arrived
        piece(FIRST, 0, LIMIT + 1),
        piece(FIRST, 0, 0xFFFFFFFF),
        piece(MORE, 0, 8),
        piece(4, 0, 8),
        piece(WHOLE, 0, 8) | 1 << 48,
    ],
)
def test_broken_header_is_corrupt(header):
    with hostile() as (link, region):
        put(region, INDEX_BYTES + CAPACITY, header)
        put(region, TAIL + DIRECTION, 16)
        with pytest.raises(LinkCorrupt):
            link.try_recv()
        with pytest.raises(LinkCorrupt):
            link.try_recv()


@pytest.mark.parametrize("second", [piece(FIRST, 2, 3000), piece(WHOLE, 2, 0), piece(MORE, 2, 8), piece(MORE, 1, 1016)])
def test_broken_sequence_of_pieces_is_corrupt(second):
    with hostile() as (link, region):
        put(region, INDEX_BYTES + CAPACITY, piece(FIRST, 2, 3000))
        put(region, TAIL + DIRECTION, 1024)
        assert link.try_recv() is None
        put(region, INDEX_BYTES + CAPACITY + 1024, second)
        put(region, TAIL + DIRECTION, 2048)
        with pytest.raises(LinkCorrupt):
            link.try_recv()


def test_a_large_frame_is_taken_out_while_it_is_put_in():
    link, descriptors = RingLink.create()
    other = RingLink.attach(descriptors)
    frame = os.urandom(1 << 20)
    with contextlib.closing(link), contextlib.closing(other):
        assert link.try_send_part(frame, 0, 0) <= 64 << 10  # the other side need not wait for more
        assert other.try_recv() is None
        put_in = link.piece
        while put_in < len(frame):  # there is room for each piece: those before it are out
            put_in = link.try_send_part(frame, put_in, 0)
            received = other.try_recv()
        assert received == frame


@pytest.mark.parametrize("seed", range(40 * FUZZ))
def test_random_writes_into_the_region_give_frames_or_corrupt(seed):
    chance = random.Random(seed)
    places = [TAIL, HEAD, TAIL + DIRECTION, HEAD + DIRECTION, SLEEP, SLEEP + SIDE]
    values = [0, 1, 8, 1024, CAPACITY, 1 << 63, -1, -8]
    with hostile() as (link, region), contextlib.suppress(LinkCorrupt):
        for _ in range(300):
            put(region, chance.choice(places), chance.choice(values))
            put(
                region,
                INDEX_BYTES + chance.randrange(0, 2 * CAPACITY, 8),
                piece(chance.randint(0, 4), chance.randint(0, 17), chance.choice([0, 8, 1016, 2000, LIMIT + 1])),
            )
            frame = link.try_recv()
            assert frame is None or len(frame) <= LIMIT
            link.try_send(chance.randbytes(chance.randrange(link.piece)))
            link.wait(0)


@pytest.mark.parametrize("seed", range(8 * FUZZ))
def test_peer_that_scribbles_all_the_time_gives_frames_or_corrupt(seed):
    with hostile() as (link, region):
        child = os.fork()
        if child == 0:
            try:
                scribble(region, random.Random(seed))
            finally:
                os._exit(1)
        try:
            with contextlib.suppress(LinkCorrupt):
                for _ in range(20_000):
                    frame = link.try_recv()
                    assert frame is None or len(frame) <= LIMIT
                    link.try_send(b"x" * 100)
                    link.wait(0)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def scribble(region, chance):
    """Write plausible indices and headers, and now and then others, until killed."""
    while True:
        put(region, TAIL + DIRECTION, chance.randrange(0, 3 * CAPACITY, 8))
        put(region, HEAD, chance.randrange(0, 2 * CAPACITY, 8))
        put(region, SLEEP + SIDE, chance.randrange(3))
        for _ in range(8):
            header = piece(chance.randint(1, 3), chance.randint(0, 3), chance.choice([0, 8, 64, 1016, 5000]))
            put(region, INDEX_BYTES + chance.randrange(0, 2 * CAPACITY, 8), header)


def test_peer_that_writes_over_a_frame_later_changes_nothing():
    with hostile() as (link, region):
        put(region, INDEX_BYTES + CAPACITY, piece(WHOLE, 0, 6))
        region[INDEX_BYTES + CAPACITY + 8 : INDEX_BYTES + CAPACITY + 14] = b"before"
        put(region, TAIL + DIRECTION, 16)
        frame = link.try_recv()
        region[INDEX_BYTES + CAPACITY : INDEX_BYTES + 2 * CAPACITY] = b"\xff" * CAPACITY
        assert frame == b"before"


# ---- descriptors


def replaced(region):
    """Descriptors of a ring whose region is another file."""
    link, descriptors = RingLink.create(CAPACITY)
    link.close()
    os.close(descriptors.region)
    return descriptors._replace(region=region)


def memfd(size, seals):
    region = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(region, size)
    fcntl.fcntl(region, fcntl.F_ADD_SEALS, seals)
    return region


SIZE = INDEX_BYTES + 2 * CAPACITY
GROW, SHRINK, SEAL, WRITE = fcntl.F_SEAL_GROW, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_SEAL, fcntl.F_SEAL_WRITE


@pytest.mark.parametrize("seals", [0, GROW, SHRINK, SEAL, GROW | SHRINK, GROW | SEAL, SHRINK | SEAL])
def test_region_without_all_seals_is_refused(seals):
    with pytest.raises(LinkError, match="seals"):
        RingLink.attach(replaced(memfd(SIZE, seals)))


def test_region_sealed_against_writing_is_refused():
    with pytest.raises(LinkError, match="writing"):
        RingLink.attach(replaced(memfd(SIZE, GROW | SHRINK | SEAL | WRITE)))


@pytest.mark.parametrize("size", [0, 4096, SIZE - 1, SIZE + 1, SIZE + 4096, INDEX_BYTES + 2 * 2048])
def test_region_of_another_size_is_refused(size):
    with pytest.raises(LinkError, match="no ring"):
        RingLink.attach(replaced(memfd(size, GROW | SHRINK | SEAL)))


def test_file_that_is_no_memory_is_refused():
    with tempfile.TemporaryFile() as file, pytest.raises(LinkError):
        RingLink.attach(replaced(os.dup(file.fileno())))


def test_refused_descriptors_are_closed():
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(LinkError):
        RingLink.attach(replaced(memfd(SIZE, 0)))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_region_is_sealed_and_without_name():
    link, descriptors = RingLink.create(CAPACITY)
    with contextlib.closing(link), contextlib.closing(descriptors):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptors.region, 0)
        with pytest.raises(PermissionError):
            fcntl.fcntl(descriptors.region, fcntl.F_ADD_SEALS, WRITE)
        assert os.fstat(descriptors.region).st_nlink == 0
        assert not any(os.get_inheritable(each) for each in descriptors)


def test_descriptors_go_over_a_socket():
    near, far = socket.socketpair()
    with near, far:
        link, descriptors = RingLink.create(CAPACITY)
        descriptors.send_to(near)
        descriptors.close()
        other = RingLink.attach(RingDescriptors.receive_from(far))
        with contextlib.closing(link), contextlib.closing(other):
            link.try_send(b"x")
            assert other.try_recv() == b"x"
        near.send(b"x")
        with pytest.raises(LinkError):
            RingDescriptors.receive_from(far)


@pytest.mark.parametrize("capacity", [0, -1, 1024, 4097, 6000, 1 << 31])
def test_impossible_capacity_is_a_usage_error(capacity):
    with pytest.raises(UsageError):
        RingLink.create(capacity)


def test_create_that_fails_leaves_nothing_open():
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(UsageError):
        RingLink.create(CAPACITY, lanes=0)
    assert sorted(os.listdir("/proc/self/fd")) == before


# ---- bells


def test_bells_are_heard_when_both_sides_sleep_every_time():
    rounds = 5000
    restore = never_spin()
    try:
        link, process = start("ring-4KiB", "echo-asleep")
    finally:
        restore()
    try:
        with contextlib.closing(link):
            for number in range(rounds):
                link.try_send(b"%d" % number)
                assert receive(link) == b"%d" % number
            # The backstop would hide a lost wake-up. One or two may be a machine that stood still for 100 ms.
            assert link.missed <= 2
    finally:
        process.kill()
        process.wait()


def test_data_on_the_control_socket_does_not_keep_a_waiter_awake():
    link, descriptors = RingLink.create(CAPACITY)
    with contextlib.closing(link):
        with socket.socket(fileno=descriptors.control) as control:
            control.send(b"noise")
            assert not link.wait(0.01)
            assert not link.peer_closed
        assert link.wait()
        assert link.peer_closed
        for each in descriptors[:3]:
            os.close(each)
