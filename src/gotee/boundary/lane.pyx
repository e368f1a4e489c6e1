"""One fast lane: msgspec for the exact values of one type. Both worlds; `fast` decides which types have one.

Compiled, because every message passes here: a value is looked at before it is encoded, and counted before it is built.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, Py_TYPE
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE

from gotee.boundary.scalars cimport ROOM, UNUSUAL, code_of, read_scalars, write_scalars

from gotee.boundary.limits import FrameError, array_items, scan
from gotee.errors import BoundaryTypeError, Overloaded

cdef extern from *:
    """
    #define gotee_items_of(value) (((PyTupleObject *)(value))->ob_item)
    """
    PyObject **items_of "gotee_items_of" (object)

cdef object _Decoder = None
cdef object _encode = None
cdef object _Validation = None
cdef object _Malformed = None


cdef int _load() except -1:
    """Import msgspec, for the first value that `scalars` leaves to it: that takes as long as all else here."""
    global _Decoder, _encode, _Validation, _Malformed
    if _Decoder is None:
        import msgspec

        _encode = msgspec.msgpack.Encoder().encode
        _Validation = msgspec.ValidationError
        _Malformed = (msgspec.DecodeError, ValueError, RecursionError)
        _Decoder = msgspec.msgpack.Decoder
    return 0


cdef class FastLane:
    """Encodes exact values of one type; says None to others, which take the general lane.

    `exact(value)` tells which are exact. If `classes` is given, those are the tuples of values of these very classes,
    and if `single` is given, the values of that class. `items` is "fixed" if the type says how many items a frame can
    hold, "header" if the first bytes do, else "scan".
    """

    def __init__(self, annotation, exact, str items, tuple classes=None, single=None):
        self._annotation = annotation
        self._exact = exact
        self._classes = classes if single is None else (single,)
        self._many = single is None
        self._fixed = items == "fixed"
        self._header = items == "header"
        if self._classes is not None and len(self._classes) <= MOST_CODES:
            self._count = len(self._classes)
            codes = [code_of(cls) for cls in self._classes]
            self._plain = all(codes)
            for place, code in enumerate(codes):
                self._codes[place] = code

    cdef bint is_exact(self, object value) except -1:
        cdef Py_ssize_t i
        if self._classes is None:
            return self._exact(value)
        if not self._many:
            return type(value) is <object> PyTuple_GET_ITEM(self._classes, 0)
        return PyTuple_CheckExact(value) and self.are_exact(items_of(value), PyTuple_GET_SIZE(value))

    cdef bint are_exact(self, PyObject *const *values, Py_ssize_t count) noexcept:
        """Whether these are of the very classes of a tuple's items."""
        cdef Py_ssize_t i
        if count != PyTuple_GET_SIZE(self._classes):
            return False
        for i in range(count):
            if <PyObject *> Py_TYPE(<object> values[i]) is not <PyObject *> PyTuple_GET_ITEM(self._classes, i):
                return False
        return True

    cdef Py_ssize_t write(
        self, PyObject *const *values, Py_ssize_t count, limits, unsigned char *frame, str where
    ) except -2:
        """Write the frame of exact values that `scalars` does, at most ROOM bytes; -1 if `encode` has to look at them.

        They are the items of a tuple, or one value of a lane of single ones.
        """
        cdef Py_ssize_t size
        if not self._plain or (self._many and count != self._count):
            return -1
        size = write_scalars(frame, values, self._codes, self._count, self._many)
        if size >= 0 and (limits is not self._limits or size > self._frame_bytes):
            self.check_size(size, limits, where)
        return size

    cdef object read(self, const unsigned char *data, Py_ssize_t size, limits, str where):
        """The value of a frame, which is in private memory, if `scalars` does it; UNUSUAL if `decode` has to."""
        if not self._plain:
            return UNUSUAL
        if limits is not self._limits or size > self._frame_bytes:
            self.check_size(size, limits, where)
        return read_scalars(data, size, self._codes, self._count, self._many)

    cpdef bytes encode(self, value, limits, str where):
        """The frame of an exact value, within the limits; None for any other value."""
        cdef bytes data = None
        cdef unsigned char frame[ROOM]
        cdef Py_ssize_t size = -1
        cdef PyObject *only = <PyObject *> value
        if not self.is_exact(value):
            return None
        if self._plain:
            size = write_scalars(
                frame, items_of(value) if self._many else &only, self._codes, self._count, self._many
            )
        if size >= 0:
            data = PyBytes_FromStringAndSize(<char *> frame, size)
        else:
            _load()
            try:
                data = _encode(value)
            except (OverflowError, UnicodeEncodeError):
                return None
        self.check(data, limits, where)
        return data

    cdef int check(self, bytes data, limits, str where) except -1:
        """The limits, before anything is built. Depth is bounded by the type."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        self.check_size(size, limits, where)
        if self._fixed or size <= self._items:
            return 0
        if not self._header:
            scan(data, limits, where)
        elif array_items(data, where) > self._items:
            raise Overloaded(f"{where}: more than {self._items} items")
        return 0

    cdef bint is_bytes(self) noexcept:
        """Whether its values are `bytes`."""
        return not self._many and self._classes is not None and self._classes[0] is bytes

    cdef int check_size(self, Py_ssize_t size, limits, str where) except -1:
        if limits is not self._limits:
            self._limits, self._frame_bytes, self._items = limits, limits.frame_bytes, limits.items
        if size > self._frame_bytes:
            raise Overloaded(f"{where}: {size} bytes encoded, the limit is {self._frame_bytes}")
        return 0

    cpdef object decode(self, bytes data, limits, str path, str where):
        """The value of a frame; BoundaryTypeError, FrameError or Overloaded if it is none of the type."""
        self.check(data, limits, where)
        if self._plain:
            value = read_scalars(
                <const unsigned char *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), self._codes, self._count, self._many
            )
            if value is not UNUSUAL:
                return value
        if self._decode is None:
            _load()
            self._decode = _Decoder(self._annotation).decode
        try:
            return self._decode(data)
        except _Validation as error:
            raise _mismatch(str(error), path) from None
        except _Malformed as error:
            raise FrameError(f"{where}: {error}") from None


def _mismatch(str message, str path):
    """msgspec says "Expected `int`, got `str` - at `$[0]`"."""
    reason, _, place = message.replace("`", "").partition(" - at ")
    return BoundaryTypeError(reason, path + place.removeprefix("$") if place.startswith("$") else path)
