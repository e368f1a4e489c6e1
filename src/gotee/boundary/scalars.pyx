"""MessagePack of one scalar, or of a tuple of a few, without msgspec: what most calls carry. Both worlds; only `lane`.

It does the usual forms and nothing else, and gives up on the rest (-1 when it encodes, UNUSUAL when it decodes), which
msgspec then does, or refuses with its message. What it writes is what msgspec would, byte for byte. The bytes that it
reads are hostile: no length is believed before it is compared with what is left.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define swap16 __builtin_bswap16
    #define swap32 __builtin_bswap32
    #define swap64 __builtin_bswap64
    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "gotee runs on little-endian machines"
    #endif
    """
    uint16_t swap16(uint16_t) nogil
    uint32_t swap32(uint32_t) nogil
    uint64_t swap64(uint64_t) nogil

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int *overflow) except? -1
    bint PyUnicode_IS_COMPACT_ASCII(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    void *PyUnicode_DATA(object)
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *errors)
    object PyUnicode_FromStringAndSize(const char *, Py_ssize_t)

cdef enum Scalar:
    OTHER
    NONE
    BOOL
    INT
    FLOAT
    STR
    BYTES

cdef enum:
    MOST = 15         # items of a tuple whose header is one byte

UNUSUAL = object()


cdef int code_of(object cls) except -1:
    """How a class is called here; OTHER if its values are not done here."""
    if cls is type(None):
        return NONE
    if cls is bool:
        return BOOL
    if cls is int:
        return INT
    if cls is float:
        return FLOAT
    if cls is str:
        return STR
    return BYTES if cls is bytes else OTHER


cdef Py_ssize_t write_scalars(
    unsigned char *frame, PyObject *const *values, const int *codes, Py_ssize_t count, bint many
) except -2:
    """Write the frame of values, at most ROOM bytes; -1 if one is not exactly of its class, or it is for msgspec.

    They are the `count` items of a tuple, or one value if not `many`.
    """
    cdef unsigned char *at = frame
    cdef unsigned char *end = frame + ROOM
    cdef Py_ssize_t i
    if not many:
        at = put(at, end, <object> values[0], codes[0])
    else:
        if count > MOST:
            return -1
        at[0] = <unsigned char> (0x90 | count)
        at += 1
        for i in range(count):
            at = put(at, end, <object> values[i], codes[i])
            if at is NULL:
                break
    return -1 if at is NULL else at - frame


cdef inline unsigned char *put(unsigned char *at, unsigned char *end, object value, int code) except? NULL:
    """Write one value and return the place behind it; NULL, without an exception, if `write_scalars` gives up on it."""
    cdef uint64_t bits
    cdef double number
    if end - at < 9:
        return NULL
    if code == INT:
        return put_int(at, value) if type(value) is int else NULL
    if code == STR:
        if type(value) is not str or not PyUnicode_IS_COMPACT_ASCII(value):
            return NULL
        return put_text(at, end, <char *> PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value), True)
    if code == BYTES:
        if type(value) is not bytes:
            return NULL
        return put_text(at, end, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), False)
    if code == FLOAT:
        if type(value) is not float:
            return NULL
        number = PyFloat_AS_DOUBLE(value)
        memcpy(&bits, &number, 8)
        bits = swap64(bits)
        at[0] = 0xCB
        memcpy(at + 1, &bits, 8)
        return at + 9
    if code == BOOL and (value is True or value is False):
        at[0] = 0xC3 if value is True else 0xC2
        return at + 1
    if code == NONE and value is None:
        at[0] = 0xC0
        return at + 1
    return NULL


cdef unsigned char *put_int(unsigned char *at, object value) except? NULL:
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef uint64_t wide
    cdef uint32_t middle
    cdef uint16_t narrow
    if overflow:
        return NULL
    if -32 <= number < 128:
        at[0] = <unsigned char> <int8_t> number
        return at + 1
    if -128 <= number < 256:
        at[0] = 0xCC if number > 0 else 0xD0
        at[1] = <unsigned char> number
        return at + 2
    if -32768 <= number < 65536:
        at[0] = 0xCD if number > 0 else 0xD1
        narrow = swap16(<uint16_t> number)
        memcpy(at + 1, &narrow, 2)
        return at + 3
    if -2147483648 <= number < 4294967296:
        at[0] = 0xCE if number > 0 else 0xD2
        middle = swap32(<uint32_t> number)
        memcpy(at + 1, &middle, 4)
        return at + 5
    at[0] = 0xCF if number > 0 else 0xD3
    wide = swap64(<uint64_t> number)
    memcpy(at + 1, &wide, 8)
    return at + 9


cdef unsigned char *put_text(unsigned char *at, unsigned char *end, const char *text, Py_ssize_t size, bint is_str):
    if size > end - at - 3:
        return NULL
    if is_str and size < 32:
        at[0] = <unsigned char> (0xA0 | size)
        at += 1
    elif size < 256:
        at[0] = 0xD9 if is_str else 0xC4
        at[1] = <unsigned char> size
        at += 2
    else:
        at[0] = 0xDA if is_str else 0xC5
        at[1] = <unsigned char> (size >> 8)
        at[2] = <unsigned char> (size & 0xFF)
        at += 3
    memcpy(at, text, size)
    return at + size


cdef struct Reader:
    const unsigned char *at
    const unsigned char *end


cdef object read_scalars(const unsigned char *data, Py_ssize_t size, const int *codes, Py_ssize_t count, bint many):
    """The value of a frame, which is in private memory, or UNUSUAL."""
    cdef Reader reader
    cdef Py_ssize_t i
    cdef tuple values
    cdef object value
    reader.at = data
    reader.end = data + size
    if not many:
        value = get(&reader, codes[0])
        return value if reader.at == reader.end else UNUSUAL
    if count > MOST or reader.at == reader.end or reader.at[0] != (0x90 | count):
        return UNUSUAL
    reader.at += 1
    values = PyTuple_New(count)
    for i in range(count):
        value = get(&reader, codes[i])
        if value is UNUSUAL:
            for i in range(i, count):      # a tuple has no empty places
                Py_INCREF(None)
                PyTuple_SET_ITEM(values, i, None)
            return UNUSUAL
        Py_INCREF(value)
        PyTuple_SET_ITEM(values, i, value)
    return values if reader.at == reader.end else UNUSUAL


cdef inline object get(Reader *reader, int code):
    """One value of a class, and the reader behind it; UNUSUAL in all other cases."""
    cdef const unsigned char *at = reader.at
    cdef uint64_t bits
    cdef double number
    cdef unsigned char head
    if at == reader.end:
        return UNUSUAL
    head = at[0]
    if code == INT:
        if head < 0x80 or head >= 0xE0:
            reader.at += 1
            return <int> <int8_t> head
        return get_int(reader)
    if code == STR or code == BYTES:
        return get_text(reader, code == STR)
    if code == FLOAT:
        if head != 0xCB or reader.end - at < 9:
            return UNUSUAL
        memcpy(&bits, at + 1, 8)
        bits = swap64(bits)
        memcpy(&number, &bits, 8)
        reader.at += 9
        return number
    if code == BOOL and (head == 0xC2 or head == 0xC3):
        reader.at += 1
        return head == 0xC3
    if code == NONE and head == 0xC0:
        reader.at += 1
        return None
    return UNUSUAL


cdef object get_int(Reader *reader):
    cdef const unsigned char *at = reader.at
    cdef Py_ssize_t left = reader.end - at - 1
    cdef uint64_t wide
    cdef uint32_t middle
    cdef uint16_t narrow
    cdef unsigned char head = at[0]
    if head == 0xCC or head == 0xD0:
        if left < 1:
            return UNUSUAL
        reader.at += 2
        return <int> at[1] if head == 0xCC else <int> <int8_t> at[1]
    if head == 0xCD or head == 0xD1:
        if left < 2:
            return UNUSUAL
        memcpy(&narrow, at + 1, 2)
        narrow = swap16(narrow)
        reader.at += 3
        return <int> narrow if head == 0xCD else <int> <int16_t> narrow
    if head == 0xCE or head == 0xD2:
        if left < 4:
            return UNUSUAL
        memcpy(&middle, at + 1, 4)
        middle = swap32(middle)
        reader.at += 5
        if head == 0xCE:
            return middle
        return <int32_t> middle
    if head == 0xCF or head == 0xD3:
        if left < 8:
            return UNUSUAL
        memcpy(&wide, at + 1, 8)
        wide = swap64(wide)
        reader.at += 9
        if head == 0xCF:
            return wide
        return <int64_t> wide
    return UNUSUAL


cdef object get_text(Reader *reader, bint is_str):
    cdef const unsigned char *at = reader.at
    cdef Py_ssize_t left = reader.end - at
    cdef Py_ssize_t size
    cdef unsigned char head = at[0]
    if is_str and 0xA0 <= head < 0xC0:
        size = head & 31
        at += 1
    elif head == (0xD9 if is_str else 0xC4) and left >= 2:
        size = at[1]
        at += 2
    elif head == (0xDA if is_str else 0xC5) and left >= 3:
        size = <Py_ssize_t> at[1] << 8 | at[2]
        at += 3
    else:
        return UNUSUAL
    if size > reader.end - at:
        return UNUSUAL
    reader.at = at + size
    if not is_str:
        return PyBytes_FromStringAndSize(<char *> at, size)
    try:
        return PyUnicode_DecodeUTF8(<char *> at, size, NULL)
    except UnicodeDecodeError:
        return UNUSUAL
