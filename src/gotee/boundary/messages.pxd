from libc.stdint cimport uint64_t

cdef enum Sender:
    OF_HOST = 0
    OF_ENCLAVE = 1

cdef enum Code:      # of the kinds that compiled code acts on; the others are in `Kind` only
    CODE_CALL = 1
    CODE_PROBE = 12
    CODE_RESULT = 33
    CODE_PASSIVE = 45


cdef class Message:
    cdef readonly object kind
    cdef readonly int code
    cdef readonly uint64_t id
    cdef readonly uint64_t argument
    cdef readonly bytes payload


cpdef bytes pack(int kind, uint64_t id=*, uint64_t argument=*, bytes payload=*)
cpdef Message unpack(bytes frame, int sender)
