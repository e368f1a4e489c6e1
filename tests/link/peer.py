"""The other side of a link, in a process of its own: python -m link.peer KIND ROLE DESCRIPTOR..."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from gotee.boundary.link import FrameLink
from gotee.boundary.link_ring import RingDescriptors, RingLink
from gotee.boundary.link_stream import StreamLink

KINDS = {"ring-4KiB": 4 << 10, "ring-64KiB": 64 << 10, "ring-1MiB": 1 << 20, "stream": 0}
TESTS = Path(__file__).parent.parent


def make(kind, **limits):
    """One side of a new link, and the descriptors for the other."""
    if kind == "stream":
        near, far = socket.socketpair()
        return StreamLink(near, **limits), (far.detach(),)
    return RingLink.create(KINDS[kind], **limits)


def attach(kind, descriptors, **limits):
    if kind == "stream":
        return StreamLink(socket.socket(fileno=descriptors[0]), **limits)
    return RingLink.attach(RingDescriptors(*descriptors), **limits)


def start(kind, role):
    """A link to a new process that plays `role`; returns (link, process)."""
    link, descriptors = make(kind)
    command = [sys.executable, "-m", "link.peer", kind, role, *map(str, descriptors)]
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(command, pass_fds=descriptors, env={**os.environ, "PYTHONPATH": path})
    for descriptor in descriptors:
        os.close(descriptor)
    return link, process


def receive(link):
    """The next frame of a link or FrameLink, however long it takes; None at the end of the peer."""
    raw = getattr(link, "link", link)
    while (frame := link.recv() if raw is not link else link.try_recv()) is None:
        if raw.peer_closed:
            return link.recv() if raw is not link else link.try_recv()
        link.wait(30)
    return frame


def exchange(link, size):
    """Send `size` bytes and receive a frame at the same time; return the digests of both."""
    frames = FrameLink(link)
    block = os.urandom(1 << 16)
    value = (block * (size // len(block) + 1))[:size]
    frames.send(value, lane=1)
    received = None
    while received is None or not frames.flush():
        frames.wait(30)
        received = received or frames.recv()
    return hashlib.sha256(value).digest(), hashlib.sha256(received).digest()


def never_spin():
    """Links made from here on do not spin: they take the machine for one with a single processor."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    return lambda: os.sched_setaffinity(0, own)


def main(kind, role, *descriptors):
    restore = never_spin() if role == "echo-asleep" else lambda: None
    link = attach(kind, tuple(map(int, descriptors)))
    restore()
    if role.startswith("echo"):
        while (frame := receive(link)) is not None:
            while not link.try_send(frame):
                link.wait(30)
    elif role.startswith("exchange"):
        sent, received = exchange(link, int(role.removeprefix("exchange")))
        link.try_send(sent + received)
        receive(link)
    elif role == "send-and-die":
        for number in range(3):
            link.try_send(b"%d" % number)
        os.kill(os.getpid(), signal.SIGKILL)
    elif role == "wait-for-ever":
        link.try_send(b"here")
        while True:
            link.wait()
    link.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
