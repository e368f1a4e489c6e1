"""The messages between the worlds: one frame is one message, a fixed header and a payload.

Both worlds. A frame from the other world is hostile: `unpack` checks its form, whoever acts on it checks ids.
The channel messages and their meaning are those of docs/explanation/protocol.md.
"""

import struct

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from gotee.boundary.frames import LinkCorrupt
from gotee.records import Number


class Kind(Number):
    """What a message says. The numbers are the wire format."""

    # host to enclave
    CALL = CODE_CALL  # id of the call, number of the entry; payload: arguments
    CANCEL_CALL = CODE_CANCEL_CALL  # id of the call
    GRANT = CODE_GRANT  # op, case; payload: the value received
    TAKEN = CODE_TAKEN  # op, case
    CLOSED = CODE_CLOSED  # op, case
    NONE = CODE_NONE  # op
    CANCELLED = CODE_CANCELLED  # op
    OK = CODE_OK  # op
    ERROR = CODE_ERROR  # op; payload: error type, message
    LENGTH = CODE_LENGTH  # op, length; payload: capacity
    STOP = CODE_STOP  # the program ends: send what was printed, then end
    PROBE = CODE_PROBE  # epoch
    LEND = CODE_LEND  # channel, loan; payload: values, see gotee.boundary.loans
    SPACE = CODE_SPACE  # channel, loan: see gotee.boundary.spaces
    ANSWER = CODE_ANSWER  # id of the ocall, errno or 0; payload: see gotee.boundary.ocalls
    OBSERVE = CODE_OBSERVE  # what is wanted: an enclave for debugging tells what it does, see gotee.boundary.observed
    # enclave to host
    READY = 32
    RESULT = CODE_RESULT  # id of the call; payload: the result
    FAILED = 34  # id of the call; payload: error type, message
    CALL_CANCELLED = 35  # id of the call
    WANT = CODE_WANT  # op, channel
    OFFER = CODE_OFFER  # op, channel; payload: the value
    SELECT = CODE_SELECT  # op, 1 if it must not wait; payload: cases
    CANCEL = CODE_CANCEL  # op
    CLOSE = CODE_CLOSE  # op, channel
    LEN = CODE_LEN  # op, channel
    RELEASE = CODE_RELEASE  # channel, times
    CONSOLE = 43  # 1 standard output, 2 standard error; payload: UTF-8
    REFUSED = 44  # id of the call; payload: path, reason: a value that does not fit its annotation
    OVERLOADED = 46  # id of the call: a limit of the image
    UNREADY = 47  # payload: error type, message: what the image's modules raised; the enclave ends
    TOOK = CODE_TOOK  # channel: some of what was lent has been taken, or filled
    OBSERVED = 50  # payload: what the enclave did
    PUBLIC_FAILED = 56  # id of the call; payload: a marked exception, see gotee.boundary.public_errors
    HIDDEN = 57  # id of the call, what it is about; payload: an id, and details for the developer
    OCALL = CODE_OCALL  # id of the ocall, its kind; payload: see gotee.boundary.ocalls
    ABANDON = 49  # id of an ocall whose answer nobody waits for any more
    PASSIVE = CODE_PASSIVE  # epoch of the probe; payload: the table of who waits for what


FROM_HOST = OF_HOST            # whose messages `unpack` lets through
FROM_ENCLAVE = OF_ENCLAVE

cdef list _KINDS = [None] * 64   # by number: 0 to 31 of the host, 32 to 63 of the enclave
for _kind in Kind:
    _KINDS[_kind] = _kind


@cython.freelist(64)
cdef class Message:
    """A message as it was received; `id` and `argument` have the meaning that its kind gives them."""

    def __repr__(self):
        return f"Message({self.kind!r}, {self.id}, {self.argument}, {self.payload!r})"


cpdef bytes pack(int kind, uint64_t id=0, uint64_t argument=0, bytes payload=b""):
    """The frame of a message.

    >>> unpack(pack(Kind.TAKEN, 7, 1), FROM_HOST)
    Message(<Kind.TAKEN: 4>, 7, 1, b'')
    """
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, HEAD + size)
    cdef unsigned char *out = <unsigned char *> PyBytes_AS_STRING(frame)
    write_head(out, kind, id, argument)
    memcpy(out + HEAD, PyBytes_AS_STRING(payload), size)
    return frame


cpdef Message unpack(bytes frame, int sender):
    """The message in a frame; LinkCorrupt if it has no such form or is not one that world sends."""
    cdef const unsigned char *data = <const unsigned char *> PyBytes_AS_STRING(frame)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(frame)
    if size < HEAD:
        raise LinkCorrupt(f"a message of {size} bytes is shorter than its header")
    return read_parts(data, PyBytes_FromStringAndSize(<const char *> data + HEAD, size - HEAD), sender)


cdef Message read_parts(const unsigned char *head, bytes payload, int sender):
    """The message of a header, which is in private memory, and its payload."""
    cdef Message message
    if head[0] >= 64 or head[0] >> 5 != sender or _KINDS[head[0]] is None:
        raise LinkCorrupt(f"message kind {head[0]} does not come from that world")
    message = Message.__new__(Message)
    message.code = head[0]
    message.kind = _KINDS[head[0]]
    memcpy(&message.id, head + 1, 8)
    memcpy(&message.argument, head + 9, 8)
    message.payload = payload
    return message


cdef enum:
    CASE = 13        # bytes before the value of a case: one that says whether it sends, eight of channel, four of size


def pack_cases(list cases) -> bytes:
    """The payload of SELECT: cases are (channel, value), with None for a receive.

    >>> unpack_cases(pack_cases([(1, None), (2, b"x")]), 2)
    [(1, None), (2, b'x')]
    """
    cdef Py_ssize_t size = CASE * len(cases)
    cdef uint64_t channel
    cdef uint32_t length
    cdef bytes value
    for _, value in cases:
        size += 0 if value is None else len(value)
    cdef bytes payload = PyBytes_FromStringAndSize(NULL, size)
    cdef char *out = PyBytes_AS_STRING(payload)
    for channel, value in cases:
        length = 0 if value is None else <uint32_t> len(value)
        out[0] = value is not None
        memcpy(out + 1, &channel, 8)
        memcpy(out + 9, &length, 4)
        if length:
            memcpy(out + CASE, PyBytes_AS_STRING(value), length)
        out += CASE + length
    return payload


def unpack_cases(bytes payload, Py_ssize_t most) -> list:
    """The cases in a payload, at most `most`; LinkCorrupt if it is anything else."""
    cdef list cases = []
    cdef const char *data = PyBytes_AS_STRING(payload)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(payload)
    cdef uint64_t channel
    cdef uint32_t length
    while left:
        if len(cases) == most or left < CASE:
            raise LinkCorrupt("malformed select cases")
        memcpy(&channel, data + 1, 8)
        memcpy(&length, data + 9, 4)
        left -= CASE
        if <unsigned char> data[0] > 1 or (not data[0] and length) or length > left:
            raise LinkCorrupt("malformed select cases")
        cases.append((channel, PyBytes_FromStringAndSize(data + CASE, length) if data[0] else None))
        left -= length
        data += CASE + length
    return cases


def pack_error(kind: str, text: str) -> bytes:
    """The payload of FAILED and ERROR.

    >>> unpack_error(pack_error("ValueError", "no"))
    ('ValueError', 'no')
    """
    name = kind.encode("utf-8", "backslashreplace")[:200]
    return struct.pack("<H", len(name)) + name + text.encode("utf-8", "backslashreplace")


def unpack_error(payload: bytes) -> tuple[str, str]:
    """Error type and message; LinkCorrupt if it is anything else."""
    if len(payload) < 2:
        raise LinkCorrupt("malformed error")
    (size,) = struct.unpack_from("<H", payload)
    if size > len(payload) - 2:
        raise LinkCorrupt("malformed error")
    try:
        return payload[2 : 2 + size].decode(), payload[2 + size :].decode()
    except UnicodeDecodeError:
        raise LinkCorrupt("malformed error") from None


def pack_capacity(capacity: int) -> bytes:
    """The payload of LENGTH.

    >>> unpack_capacity(pack_capacity(3))
    3
    """
    return struct.pack("<Q", capacity)


def unpack_capacity(payload: bytes) -> int:
    """A channel's capacity; LinkCorrupt if it is anything else."""
    if len(payload) != 8:
        raise LinkCorrupt("malformed capacity")
    (capacity,) = struct.unpack("<Q", payload)
    return int(capacity)
