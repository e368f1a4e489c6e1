from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef enum Sender:
    OF_HOST = 0
    OF_ENCLAVE = 1

cdef enum:
    HEAD = 17        # bytes before the payload: one of kind, eight of id, eight of argument; little endian

cdef enum Code:      # of the kinds that compiled code acts on; the others are in `Kind` only
    CODE_CALL = 1
    CODE_CANCEL_CALL = 2
    CODE_GRANT = 3
    CODE_TAKEN = 4
    CODE_CLOSED = 5
    CODE_NONE = 6
    CODE_CANCELLED = 7
    CODE_OK = 8
    CODE_ERROR = 9
    CODE_LENGTH = 10
    CODE_STOP = 11
    CODE_PROBE = 12
    CODE_LEND = 13
    CODE_SPACE = 14
    CODE_ANSWER = 16
    CODE_OBSERVE = 17
    CODE_RESULT = 33
    CODE_WANT = 36
    CODE_OFFER = 37
    CODE_SELECT = 38
    CODE_CANCEL = 39
    CODE_CLOSE = 40
    CODE_LEN = 41
    CODE_RELEASE = 42
    CODE_PASSIVE = 45
    CODE_OCALL = 48
    CODE_TOOK = 51


cdef class Message:
    cdef readonly object kind
    cdef readonly int code
    cdef readonly uint64_t id
    cdef readonly uint64_t argument
    cdef readonly bytes payload
    cdef readonly bytes body     # None, or the rest of the payload: the contents of one large `bytes`


cdef inline Py_ssize_t payload_size(Message message):
    return len(message.payload) + (0 if message.body is None else len(message.body))


cdef inline bytes whole(Message message):
    """The payload as one."""
    return message.payload if message.body is None else message.payload + message.body


cdef inline void write_head(unsigned char *head, int kind, uint64_t id, uint64_t argument) noexcept:
    head[0] = <unsigned char> kind
    memcpy(head + 1, &id, 8)
    memcpy(head + 9, &argument, 8)


cdef inline Message read_small(const unsigned char *frame, Py_ssize_t size, int sender):
    """The message in a frame of at least HEAD bytes, which is in private memory."""
    return read_parts(frame, PyBytes_FromStringAndSize(<const char *> frame + HEAD, size - HEAD), sender)


cdef inline uint64_t id_of(const unsigned char *head) noexcept:
    cdef uint64_t id
    memcpy(&id, head + 1, 8)
    return id


cdef inline uint64_t argument_of(const unsigned char *head) noexcept:
    cdef uint64_t argument
    memcpy(&argument, head + 9, 8)
    return argument


cdef Message read_parts(const unsigned char *head, bytes payload, int sender)
cpdef bytes pack(int kind, uint64_t id=*, uint64_t argument=*, bytes payload=*)
cpdef Message unpack(bytes frame, int sender)
