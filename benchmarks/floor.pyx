# cython: language_level=3
"""The floor: what a crossing costs when nothing but the crossing is done.

Compiled, like the runtime, by benchmarks/rivals.py. Both sides do only this: msgspec encode, ring send, ring receive,
msgspec decode. No routines, no channels, no handles, no limits, no entries, no threads; both sides spin for ever, so a
core each is theirs. `answer` and `drain` are the other side.
"""

import msgspec

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals

from gotee.boundary.ring cimport Ring
from gotee.boundary.system cimport pause_cpu

cdef object encode = msgspec.msgpack.Encoder().encode


cdef int send(Ring ring, bytes data) except -1:
    cdef bint whole = PyBytes_GET_SIZE(data) <= ring.piece
    cdef Py_ssize_t offset = 0, after
    if whole and ring.put_parts(b"", 0, <const unsigned char *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)):
        return 0
    while True:
        after = ring.put_buffer(data, offset, 0, whole)
        if after >= 0:
            offset = after
            if offset == PyBytes_GET_SIZE(data):
                return 0
        else:
            pause_cpu()
            PyErr_CheckSignals()


cdef bytes receive(Ring ring):
    cdef unsigned char head[1]
    cdef object frame
    cdef unsigned int looks = 0
    while True:
        while ring.nothing():
            pause_cpu()
            looks += 1
            if looks & 0xFFFFF == 0:  # some tens of ms: the suite ends a turn that takes too long
                PyErr_CheckSignals()
        frame = ring.take_parts(head, 0)
        if frame is None:
            frame = ring.try_recv()
        if frame is not None:
            return frame


def answer(Ring ring, arguments):
    """Until b"" comes: decode the arguments of a call, and encode the second of them."""
    cdef object decode = msgspec.msgpack.Decoder(arguments).decode
    cdef bytes frame
    while True:
        frame = receive(ring)
        if not frame:
            return
        send(ring, encode(decode(frame)[1]))


def call(Ring ring, tuple arguments, result, int n):
    """`n` calls, one after the other."""
    cdef object decode = msgspec.msgpack.Decoder(result).decode
    cdef int i
    for i in range(n):
        send(ring, encode(arguments))
        decode(receive(ring))


def calls_in_flight(Ring ring, tuple arguments, result, int n, int window):
    """`n` calls, `window` of them at a time."""
    cdef object decode = msgspec.msgpack.Decoder(result).decode
    cdef int sent = 0, got = 0
    while got < n:
        while sent < n and sent - got < window:
            send(ring, encode(arguments))
            sent += 1
        decode(receive(ring))
        got += 1


def drain(Ring ring):
    """Until b"" comes: decode `bytes`; after each None, say so."""
    cdef object decode = msgspec.msgpack.Decoder(bytes | None).decode
    cdef bytes frame
    while True:
        frame = receive(ring)
        if not frame:
            return
        if decode(frame) is None:
            send(ring, encode(None))


def stream(Ring ring, bytes value, int n):
    """Send a value `n` times and wait until all have been decoded."""
    cdef int i
    for i in range(n):
        send(ring, encode(value))
    send(ring, encode(None))
    receive(ring)


def stop(Ring ring):
    """End the other side."""
    send(ring, b"")
