"""Blocks of shared memory for what is large, beside the rings. Both worlds; ocalls for file contents use them.

The enclave says what is in a block, and asks for nothing else to be put there until the answer has come. Both sides can
change a block at any moment: whoever needs to know what it holds copies it out first. The memory stays mapped as long as
a view of it exists, so a late system call never hits memory that is something else by then.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from gotee.boundary.system cimport map_region_at, munmap

from gotee.boundary.frames import LinkError

BLOCK_BYTES = SIZE
BLOCKS = COUNT

cdef enum:
    SIZE = 1 << 20
    COUNT = 5      # not two powers of two apart: the size of a region tells whether it has blocks


cdef class Blocks:
    """COUNT blocks of SIZE bytes, `offset` bytes from the beginning of a region.

    >>> from gotee.boundary.memory import create_region
    >>> blocks = Blocks(create_region(BLOCKS * BLOCK_BYTES), 0)
    >>> blocks.view(3)[:5] = b"hello"
    >>> bytes(blocks.view(3)[:5]), bytes(blocks.view(2)[:2])
    (b'hello', b'\\x00\\x00')
    """

    cdef unsigned char *base

    def __init__(self, int region, Py_ssize_t offset):
        if self.base is not NULL:
            return
        self.base = map_region_at(region, offset, SIZE * COUNT)
        if self.base is NULL:
            raise LinkError("the blocks of the shared memory cannot be mapped")

    def __dealloc__(self):
        if self.base is not NULL:
            munmap(self.base, SIZE * COUNT)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.base, SIZE * COUNT, False, flags)

    def view(self, Py_ssize_t number):
        """One block."""
        if not 0 <= number < COUNT:
            raise IndexError(f"block {number} of {COUNT}")
        return memoryview(self)[number * SIZE : (number + 1) * SIZE]


cdef class Gathered:
    """Bytes that are put together from pieces, each copied once, in any order.

    >>> gathered = Gathered(10)
    >>> gathered.put(5, b", all")
    >>> gathered.put(0, b"hello")
    >>> gathered.taken(8)
    b'hello, a'
    """

    cdef bytes data

    def __init__(self, Py_ssize_t size):
        self.data = PyBytes_FromStringAndSize(NULL, size)

    def put(self, Py_ssize_t at, piece):
        """A piece, `at` bytes from the beginning. What comes after `taken` is dropped."""
        cdef Py_buffer view    # a typed view would bring Cython's own classes for all kinds of arrays with it
        if self.data is None:
            return
        PyObject_GetBuffer(piece, &view, PyBUF_SIMPLE)
        try:
            if view.len:
                if not 0 <= at <= len(self.data) - view.len:
                    raise ValueError(f"{view.len} bytes at {at} of {len(self.data)}")
                memcpy(PyBytes_AS_STRING(self.data) + at, view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    def taken(self, Py_ssize_t size):
        """The first `size` bytes, all of which have been put there."""
        cdef bytes data = self.data
        self.data = None
        return data if size == len(data) else data[:size]
