from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject

from gotee.boundary.lane cimport FastLane
from gotee.runtime.channel cimport Codec, Encoded


cdef class Crossed:
    cdef readonly bytes payload
    cdef readonly bytes body         # None, or the rest of it: the value itself, which is one large `bytes`
    cdef readonly dict channels


cdef bytes whole(Crossed value)


cdef enum:
    GENERAL_BYTE = 0xC1          # as `copy.GENERAL`


cdef inline bint general(bytes payload):
    return PyBytes_GET_SIZE(payload) > 0 and <unsigned char> PyBytes_AS_STRING(payload)[0] == GENERAL_BYTE


cdef class CallCodec:
    cdef object _end
    cdef object _function
    cdef object _codec               # None until it is needed
    cdef object _limits
    cdef FastLane _call_lane
    cdef FastLane _result_lane
    cdef object codec(self)
    cdef Py_ssize_t write_arguments(self, PyObject *const *args, Py_ssize_t count, unsigned char *frame) except -2
    cdef object read_arguments(self, const unsigned char *data, Py_ssize_t size)
    cdef Py_ssize_t write_result(self, object value, unsigned char *frame) except -2
    cdef object read_result(self, const unsigned char *data, Py_ssize_t size)
    cpdef object encode_arguments(self, tuple args, dict kwargs)
    cpdef tuple arguments(self, bytes payload)
    cpdef object encode_result(self, value)
    cpdef object result(self, bytes payload, bytes body=*)


cdef class ValueCodec(Codec):
    cdef readonly object elements    # as what the channel crosses: that decides the form of its values
    cdef object _end
    cdef object _check
    cdef object _codec
    cdef FastLane _lane
    cdef bint _bytes                 # its values are `bytes`
    cdef object _limits
    cdef bint plain(self) noexcept
    cdef Encoded received_plain(self, bytes payload)
    cpdef object received(self, bytes payload, bytes body=*)
    cpdef object arrived(self, bytes payload, bytes body=*)
