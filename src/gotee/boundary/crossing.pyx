"""Values with channels in them, as they cross: what `copy` does not know about channels. Both worlds, same code.

An End is one world's side of the crossing channels (gotee.boundary.home, gotee.boundary.outside): it numbers
channels that leave, and finds those that are named in what arrives. Compiled: every call and every value passes here.
What a fast lane takes holds no channels.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from gotee.boundary.frames cimport BODY, Gather
from gotee.boundary.scalars cimport UNUSUAL
from gotee.runtime.channel cimport Codec, Encoded, encoded

import builtins
import struct
from _collections_abc import FunctionType

from gotee.boundary.lane import FastLane as Lane
from gotee.boundary.limits import in_force
from gotee.errors import BoundaryTypeError

cdef enum:
    LARGE = 64 << 10             # bytes of a `bytes` that is not copied together with what stands before it
    BIN32 = 0xC6

cdef enum:
    CO_VARIABLE = 0x04 | 0x08    # inspect.CO_VARARGS, CO_VARKEYWORDS

cdef object _BODY = struct.Struct(">BI")     # BODY bytes: what stands before the contents of a large `bytes`
cdef dict _NO_KEYWORDS = {}
cdef dict _NO_CHANNELS = {}


@cython.freelist(256)
cdef class Crossed:
    """An encoded value and the channels that are named in it, by number."""


cdef inline Encoded crossed(bytes payload, dict channels):
    cdef Crossed value = Crossed.__new__(Crossed)
    value.payload = payload
    value.channels = channels
    return encoded(value)


cdef inline Encoded crossed_body(bytes value):
    """One large `bytes`: it cannot change, so that it need not be copied before it goes into the ring."""
    cdef Crossed held = Crossed.__new__(Crossed)
    held.payload = _BODY.pack(BIN32, PyBytes_GET_SIZE(value))
    held.body = value
    held.channels = _NO_CHANNELS
    return encoded(held)


cdef bytes whole(Crossed value):
    """The bytes of a value as one."""
    return value.payload if value.body is None else value.payload + value.body


class _Leaving:
    """Numbers the channels of a value that is encoded, and keeps them."""

    def __init__(self, end):
        self._end = end
        self.channels = {}

    def encode_channel(self, channel, elements):
        number = self._end.number(channel, elements)
        self.channels[number] = channel
        return number

    def decode_channel(self, number, elements):
        raise AssertionError("an encoder decodes nothing")


class _Arriving:
    """Finds the channels of a value that is decoded, and keeps them."""

    def __init__(self, find, refuse=None):
        self._find = find
        self._refuse = refuse
        self.channels = {}
        self._named = {}

    def encode_channel(self, channel, elements):
        raise AssertionError("a decoder encodes nothing")

    def decode_channel(self, number, elements):
        channel = self.channels.get(number)
        if channel is None:  # a value counts as one crossing of a channel, however often it names it
            channel = self.channels[number] = self._find(number, elements)
            self._named[number] = elements
        elif self._named[number] is not elements and self._named[number].text != elements.text:
            raise BoundaryTypeError(f"Expected {elements.name}, got {self._named[number].name}")
        return channel

    def give_up(self, numbers):
        """The channels that were found are let go with the value; the others were never here."""
        if self._refuse is not None:
            self._refuse([number for number in numbers if number not in self.channels])


class _Known:
    """The channels of a value that this world has encoded."""

    def __init__(self, channels):
        self.channels = channels

    def find(self, number, elements):
        return self.channels[number]


cdef class ValueCodec(Codec):
    """Moves the values of one crossing channel, in the form of `elements`.

    `check`, if given, is what the channel's own world demands of a value beyond that.
    """

    def __init__(self, elements, end, check=None):
        self.elements = elements
        self._end = end
        self._check = check
        self._codec = elements.codec
        self._lane = self._codec.fast
        self._bytes = self._lane is not None and self._lane.is_bytes()
        self._limits = in_force()

    cpdef object encode(self, value):
        """What the channel holds, or sends, instead of `value`; BoundaryTypeError if it cannot cross."""
        cdef bytes data
        if self._lane is not None:
            if self._bytes and type(value) is bytes and PyBytes_GET_SIZE(value) >= LARGE:
                self._lane.check_size(BODY + PyBytes_GET_SIZE(value), self._limits, "value")
                return crossed_body(value)
            data = self._lane.encode(value, self._limits, "value")
            if data is not None:
                return crossed(data, _NO_CHANNELS)
        leaving = _Leaving(self._end)
        return crossed(self._codec.encode(value, limits=self._limits, channels=leaving), leaving.channels)

    cpdef object decode(self, value):
        """A copy of the value, for a receiver of this world."""
        cdef Crossed held = (<Encoded?> value).data
        if held.body is not None:
            return held.body
        if self._lane is not None and not general(held.payload):
            return self._lane.decode(held.payload, self._limits, "", "value")
        arriving = _Arriving(_Known(held.channels).find)
        return self._codec.decode(held.payload, self._limits, channels=arriving)

    cdef bint plain(self) noexcept:
        """Whether values may come that were not asked for: they have no channels in them, and nobody refuses one."""
        return self._lane is not None and self._check is None

    cdef Encoded received_plain(self, bytes payload):
        """`received`, for such values; BoundaryTypeError for all others."""
        if general(payload):
            raise BoundaryTypeError("a value that cannot come this way")
        self._lane.decode(payload, self._limits, "", "value")
        return crossed(payload, _NO_CHANNELS)

    cpdef object received(self, bytes payload, bytes body=None):
        """A value of the other world, checked; BoundaryTypeError if it is none of this channel's."""
        if body is not None:
            if self._bytes:
                self._lane.check_size(BODY + PyBytes_GET_SIZE(body), self._limits, "value")
                if self._check is not None:
                    self._check(body)
                return crossed_body(body)
            payload = payload + body
        if self._lane is not None and not general(payload):
            value = self._lane.decode(payload, self._limits, "", "value")
            if self._check is not None:
                self._check(value)
            return crossed(payload, _NO_CHANNELS)
        arriving = _Arriving(self._end.channel, self._end.refuse)
        value = self._codec.decode(payload, self._limits, channels=arriving)
        if self._check is not None:
            self._check(value)
        return crossed(payload, arriving.channels)

    cpdef object arrived(self, bytes payload, bytes body=None):
        """A value of the other world, for a receiver of this one."""
        if body is not None:
            if self._bytes:
                self._lane.check_size(BODY + PyBytes_GET_SIZE(body), self._limits, "value")
                return body
            payload = payload + body
        if self._lane is not None and not general(payload):
            return self._lane.decode(payload, self._limits, "", "value")
        arriving = _Arriving(self._end.channel, self._end.refuse)
        return self._codec.decode(payload, self._limits, channels=arriving, given=True)


cdef tuple _SCALARS = (bool, int, float, str, bytes, type(None))


cdef object _scalar(annotation, dict names):
    """The class that an annotation names at once; None if it has to be read as `gotee.boundary.types` does it."""
    if annotation is None:
        return type(None)
    if type(annotation) is str:
        if annotation == "None":
            return type(None)
        if annotation in names:
            return None
        annotation = getattr(builtins, annotation, None)
    for cls in _SCALARS:
        if annotation is cls:
            return cls
    return None


cdef tuple _scalar_lanes(function):
    """The lanes of the arguments and the result of a function of a few scalars, as `entry_codec` would find them.

    None for any other. Most entries are such, and reading annotations takes longer to import than starting Python.
    """
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return None
    code, hints = function.__code__, function.__annotations__
    if code.co_flags & CO_VARIABLE or code.co_kwonlyargcount or getattr(function, "__type_params__", ()):
        return None
    names = code.co_varnames[:code.co_argcount]
    if len(hints) != len(names) + 1:
        return None
    classes = [_scalar(hints.get(name, Lane), function.__globals__) for name in (*names, "return")]
    if None in classes:
        return None
    result = classes.pop()
    told = [None if cls is type(None) else cls for cls in (*classes, result)]
    return (
        Lane(tuple[tuple(told[:-1])], None, "fixed", tuple(classes)),
        Lane(told[-1], None, "fixed", None, result),
    )


cdef class CallCodec:
    """Moves the arguments and the result of one entry."""

    def __init__(self, function, end):
        self._end = end
        self._limits = in_force()
        self._function = function
        lanes = _scalar_lanes(function)
        if lanes is None:
            codec = self.codec()
            lanes = (codec.fast, codec.result.fast)
        self._call_lane, self._result_lane = lanes

    cdef object codec(self):
        """What moves whatever the lanes do not."""
        if self._codec is None:
            from gotee.boundary.entries import entry_codec

            self._codec = entry_codec(self._function)
        return self._codec

    # -- what most calls carry, straight to where it is sent from, or from where it was copied to

    cdef Py_ssize_t write_arguments(self, PyObject *const *args, Py_ssize_t count, unsigned char *frame) except -2:
        """Write a call, none of whose arguments is given by keyword; -1 if `encode_arguments` has to look at it.

        `frame` has ROOM bytes.
        """
        return -1 if self._call_lane is None else self._call_lane.write(args, count, self._limits, frame, "args")

    cdef object read_arguments(self, const unsigned char *data, Py_ssize_t size):
        """The tuple of arguments in a payload in private memory, checked; UNUSUAL if `arguments` has to look at it."""
        return UNUSUAL if self._call_lane is None else self._call_lane.read(data, size, self._limits, "args")

    cdef Py_ssize_t write_result(self, object value, unsigned char *frame) except -2:
        """As `write_arguments`."""
        if self._result_lane is None or self._result_lane._many:
            return -1
        cdef PyObject *only = <PyObject *> value
        return self._result_lane.write(&only, 1, self._limits, frame, "result")

    cdef object read_result(self, const unsigned char *data, Py_ssize_t size):
        """As `read_arguments`."""
        return UNUSUAL if self._result_lane is None else self._result_lane.read(data, size, self._limits, "result")

    # -- whatever they carry

    cpdef object encode_arguments(self, tuple args, dict kwargs):
        """The call, as it travels; BoundaryTypeError if an argument is missing, wrong or cannot cross.

        With large contents it is a Gather of them: to be sent before anybody can change them.
        """
        cdef bytes data
        if self._call_lane is not None and not kwargs:
            data = self._call_lane.encode(args, self._limits, "args")
            if data is not None:
                return data
        leaving = _Leaving(self._end)
        frame = self.codec().gather_call(args, kwargs, self._limits, leaving)
        if isinstance(frame, bytes):
            return self._end.crosses(crossed(frame, leaving.channels))
        self._end.crosses(crossed(b"", leaving.channels))
        return frame

    cpdef tuple arguments(self, bytes payload):
        """The arguments of a call of the other world, checked against the entry's annotations."""
        if self._call_lane is not None and not general(payload):
            return self._call_lane.decode(payload, self._limits, "args", "args"), _NO_KEYWORDS
        arriving = _Arriving(self._end.channel, self._end.refuse)
        return self.codec().decode_call(payload, self._limits, channels=arriving, given=True)

    cpdef object encode_result(self, value):
        """The result, as it travels; a Gather as of arguments."""
        cdef bytes data
        if self._result_lane is not None:
            if type(value) is bytes and PyBytes_GET_SIZE(value) >= LARGE and self._result_lane.is_bytes():
                self._result_lane.check_size(BODY + PyBytes_GET_SIZE(value), self._limits, "result")
                return Gather((_BODY.pack(BIN32, PyBytes_GET_SIZE(value)), value))
            data = self._result_lane.encode(value, self._limits, "result")
            if data is not None:
                return data
        return self.codec().result.gathered(value, "result", self._limits, _Leaving(self._end))

    cpdef object result(self, bytes payload, bytes body=None):
        """The result from the other world, checked against the entry's annotation."""
        if body is not None:
            if self._result_lane is not None and self._result_lane.is_bytes():
                self._result_lane.check_size(BODY + PyBytes_GET_SIZE(body), self._limits, "result")
                return body
            payload = payload + body
        if self._result_lane is not None and not general(payload):
            return self._result_lane.decode(payload, self._limits, "result", "result")
        arriving = _Arriving(self._end.channel, self._end.refuse)
        return self.codec().result.decode(payload, self._limits, "result", channels=arriving, given=True)
