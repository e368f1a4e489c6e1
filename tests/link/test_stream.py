"""What only the stream promises: broken bytes, and pieces that go out in parts."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

import pytest

from gotee.boundary.frames import LinkCorrupt
from gotee.boundary.link import FrameLink
from gotee.boundary.link_stream import PIECE_BYTES, StreamLink

LIMIT = 1 << 20
WHOLE, FIRST, MORE = 1, 2, 3


def piece(kind, lane, size):
    return struct.pack("<Q", size | lane << 32 | kind << 40)


@contextlib.contextmanager
def hostile():
    near, far = socket.socketpair()
    with far, contextlib.closing(StreamLink(near, max_frame=LIMIT)) as link:
        yield link, far


@pytest.mark.parametrize(
    "sent",
    [
        bytes(8),
        b"\xff" * 8,
        piece(WHOLE, 0, PIECE_BYTES + 1),
        piece(WHOLE, 16, 0),
        piece(FIRST, 0, PIECE_BYTES),
        piece(FIRST, 0, LIMIT + 1),
        piece(MORE, 0, 1),
        piece(FIRST, 0, 100_000) + bytes(PIECE_BYTES) + piece(MORE, 0, PIECE_BYTES),
        piece(FIRST, 0, 100_000) + bytes(PIECE_BYTES) + piece(WHOLE, 0, 0),
        piece(WHOLE, 0, 0) + piece(9, 0, 0),
    ],
)
def test_broken_bytes_are_corrupt_for_good(sent):
    with hostile() as (link, peer):
        peer.sendall(sent)
        with pytest.raises(LinkCorrupt):
            while link.wait(0):
                link.try_recv()
        with pytest.raises(LinkCorrupt):
            link.try_recv()
        with pytest.raises(LinkCorrupt):
            link.try_send(b"")


def test_frame_that_arrives_byte_by_byte_is_whole():
    with hostile() as (link, peer):
        for byte in piece(WHOLE, 0, 5) + b"hell":
            peer.send(bytes([byte]))
            assert link.try_recv() is None
        peer.send(b"o" + piece(WHOLE, 0, 0))
        assert link.try_recv() == b"hello"
        assert link.try_recv() == b""


def test_frame_cut_by_the_end_of_the_peer_is_not_delivered():
    with hostile() as (link, peer):
        peer.send(piece(WHOLE, 0, 5) + b"hell")
        peer.close()
        assert link.try_recv() is None
        assert link.peer_closed


def test_piece_that_the_socket_takes_in_parts_arrives_whole():
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with contextlib.closing(StreamLink(near)) as left, contextlib.closing(StreamLink(far)) as right:
        sender, frame = FrameLink(left), os.urandom(10 * PIECE_BYTES + 1)
        sender.send(frame)
        received = None
        while received is None:
            sender.flush()
            left.wait(0)
            received = right.try_recv()
        assert received == frame
