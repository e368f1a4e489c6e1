"""Open files, and the short way for what the kernel does with them from its memory. Host world.

`gotee.host.files` and `gotee.host.ocalls` use it. Compiled: a small write is one microsecond of the kernel's time, and the
way to it through Python took five. What is not small, not prompt or not as it should be is left to `files`, which says
what is wrong with it.
"""

import errno
import os
import select
from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.errno cimport errno as last_error
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from gotee.boundary.filestat cimport Fields
from gotee.boundary.messages cimport CODE_ANSWER, Message
from gotee.boundary.scalars cimport ROOM, UNUSUAL, code_of, read_scalars, write_scalars
from gotee.boundary.system cimport now_ns
from gotee.boundary.wire cimport Wire

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <sys/sysmacros.h>
    #include <sys/uio.h>
    #include <unistd.h>

    static Py_ssize_t gotee_write(int fd, const void *data, size_t size, int64_t offset) {
        return offset < 0 ? write(fd, data, size) : pwrite(fd, data, size, offset);
    }

    /* -1 if the kernel has not all of it in memory. */
    static Py_ssize_t gotee_read_now(int fd, void *data, size_t size, int64_t offset) {
        struct iovec into = {data, size};
        return preadv2(fd, &into, 1, offset, RWF_NOWAIT);
    }

    /* openat2(2) and statx(2), which C libraries and headers have late. A kernel without them says so. */
    struct gotee_how { uint64_t flags, mode, resolve; };
    #define GOTEE_OPENAT2 437
    #define GOTEE_CACHED 0x20 /* RESOLVE_CACHED: EAGAIN if a step of the path is not in memory */

    /* The device of what a path leads to, found without waiting for anybody; or -1 and errno. `plain`: of files and
       folders only, which can be opened without waiting. */
    static int64_t gotee_device_now(const char *path, int follow, int plain) {
        struct gotee_how how = {O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), 0, GOTEE_CACHED};
        struct statx found;
        int fd = syscall(GOTEE_OPENAT2, AT_FDCWD, path, &how, sizeof how), done, error;
        if (fd < 0)
            return -1;
        done = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &found);
        error = errno;
        close(fd);
        errno = error;
        if (done < 0 || (plain && !S_ISREG(found.stx_mode) && !S_ISDIR(found.stx_mode)))
            return -1;
        return (int64_t)makedev(found.stx_dev_major, found.stx_dev_minor);
    }
    """
    int64_t gotee_device_now(const char *path, int follow, int plain) nogil
    Py_ssize_t gotee_write(int fd, const void *data, size_t size, int64_t offset) nogil
    Py_ssize_t gotee_read_now(int fd, void *data, size_t size, int64_t offset) nogil

cdef extern from "<sys/stat.h>":
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec

    struct stat:
        uint64_t st_mode
        uint64_t st_ino
        uint64_t st_dev
        uint64_t st_nlink
        uint64_t st_uid
        uint64_t st_gid
        int64_t st_size
        timespec st_atim
        timespec st_mtim
        timespec st_ctim

    int fstat(int fd, stat *found) nogil

cdef enum:
    READ = 3                 # gotee.boundary.ocalls.Ocall
    WRITE = 4
    HANDLE_STAT = 5
    HEAD = 24                # bytes of gotee.boundary.ocalls.HEAD
    AT_ONCE = 64 << 10       # bytes: what is larger may wait for the disk, or for memory
    SLOW = 5_000_000         # ns


UNKNOWN, NOTHING = -1, -2


def device_now(bytes path, bint follow, bint plain):
    """The device of what a path leads to, if every step to it is in the kernel's memory; else UNKNOWN.

    NOTHING if it is known that nothing is there. Who looks at the path next waits for no disk; nor does who opens it, if
    it was `plain`: a regular file or a folder.
    """
    cdef int64_t device = gotee_device_now(PyBytes_AS_STRING(path), follow, plain)
    if device >= 0:
        return device
    return NOTHING if last_error == errno.ENOENT else UNKNOWN


cdef class Handle:
    """An open file. It is closed when nobody uses it any more.

    `waits`: reading or writing may wait for somebody else. `prompt`: the kernel answers from its memory, as far as we have
    seen.
    """

    cdef readonly int descriptor
    cdef readonly bint waits
    cdef public bint prompt
    cdef readonly dict waiting
    cdef Py_ssize_t users        # compiled code changes it in one step: no other thread comes between

    def __init__(self, int descriptor, bint waits, bint prompt=False):
        self.descriptor = descriptor
        self.waits = waits
        self.prompt = prompt
        self.waiting = {select.EPOLLIN: deque(), select.EPOLLOUT: deque()}
        self.users = 1

    def __enter__(self):
        if not self.users:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self.users += 1
        return self.descriptor

    def __exit__(self, *_):
        self.release()

    cpdef int release(self) except -1:
        """One user less."""
        self.users -= 1
        if not self.users:
            os.close(self.descriptor)
        return 0


cdef class Prompt:
    """Serves looks, and small reads and writes, at the prompt ones among `handles` at once.

    All else goes to `other(message)`.

    `requests` are those that have no answer yet.
    """

    cdef Wire wire
    cdef object post
    cdef public int64_t slow         # ns: a file that once took longer is left to threads that can wait
    cdef dict handles
    cdef dict requests
    cdef object other
    cdef int integer

    def __init__(self, wire, dict handles, dict requests, other):
        self.wire = wire if isinstance(wire, Wire) else None
        self.post = wire.post
        self.slow = SLOW
        self.handles = handles
        self.requests = requests
        self.other = other
        self.integer = code_of(int)

    def on_ocall(self, Message message):
        """OCALL(number, kind)."""
        cdef bint served = False
        if message.argument == READ or message.argument == WRITE:
            served = self.moved(message)
        elif message.argument == HANDLE_STAT:
            served = self.looked(message)
        if not served:
            self.other(message)

    cdef bint looked(self, Message message) except -1:
        """Whether it is answered what is to be said of an open file."""
        cdef bytes payload = message.payload
        cdef Fields found
        cdef object asked = read_scalars(
            <const unsigned char *> PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), &self.integer, 1, True
        )
        if asked is UNUSUAL or message.body is not None or message.id in self.requests:
            return False
        cdef Handle handle = <Handle?> self.handles.get(asked[0])
        if handle is None or not handle.prompt or not handle.users or not describe(handle.descriptor, &found):
            return False
        self.answer(message.id, <unsigned char *> &found, sizeof(found))
        return True

    cdef bint moved(self, Message message) except -1:
        """Whether it is read or written. The payload is a private copy; everything in it is the enclave's word."""
        cdef bytes payload = message.payload
        cdef const unsigned char *data = <const unsigned char *> PyBytes_AS_STRING(payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
        cdef uint64_t number, wanted
        cdef int64_t offset
        cdef Handle handle
        if size < HEAD or message.body is not None or message.id in self.requests:
            return False
        memcpy(&number, data, 8)
        memcpy(&offset, data + 8, 8)
        memcpy(&wanted, data + 16, 8)
        if not 0 < wanted <= AT_ONCE:
            return False
        handle = <Handle?> self.handles.get(number)
        if handle is None or not handle.prompt or not handle.users:
            return False
        if message.argument == WRITE:
            return wanted == <uint64_t> (size - HEAD) and self.write(message.id, handle, data + HEAD, wanted, offset)
        return size == HEAD and offset >= 0 and self.read(message.id, handle, wanted, offset)

    cdef bint write(
        self, uint64_t id, Handle handle, const unsigned char *data, Py_ssize_t size, int64_t offset
    ) except -1:
        cdef unsigned char frame[ROOM]
        cdef Py_ssize_t count
        cdef int error
        cdef int64_t start = now_ns()
        handle.users += 1
        with nogil:
            count = gotee_write(handle.descriptor, data, size, offset)
            error = last_error
        try:
            handle.release()
        except OSError:                  # it was closed meanwhile: what that has to say, nobody asks
            pass
        if now_ns() - start > self.slow:
            handle.prompt = False
        if count < 0:
            if error == errno.EINTR:     # nothing was written
                return False
            self.post(CODE_ANSWER, id, error if error in errno.errorcode else errno.EIO, b"")
            return True
        cdef object counted = count
        cdef PyObject *value = <PyObject *> counted
        size = write_scalars(frame, &value, &self.integer, 1, False)
        self.answer(id, frame, size)
        return True

    cdef bint read(self, uint64_t id, Handle handle, Py_ssize_t size, int64_t offset) except -1:
        cdef bytes data = PyBytes_FromStringAndSize(NULL, size)
        if gotee_read_now(handle.descriptor, PyBytes_AS_STRING(data), size, offset) != size:
            return False
        self.post(CODE_ANSWER, id, 0, data)
        return True

    cdef int answer(self, uint64_t id, const unsigned char *data, Py_ssize_t size) except -1:
        if self.wire is None or not self.wire.post_small(CODE_ANSWER, id, 0, data, size):
            self.post(CODE_ANSWER, id, 0, PyBytes_FromStringAndSize(<const char *> data, size))
        return 0


cdef bint describe(int descriptor, Fields *into) noexcept:
    """Fill in what the kernel says of an open file."""
    cdef stat found
    if fstat(descriptor, &found) < 0:
        return False
    into[0] = Fields(
        found.st_mode, found.st_ino, found.st_dev, found.st_nlink, found.st_uid, found.st_gid, found.st_size,
        in_ns(found.st_atim), in_ns(found.st_mtim), in_ns(found.st_ctim),
    )
    return True


cdef inline int64_t in_ns(timespec moment) noexcept:
    return moment.tv_sec * 1_000_000_000 + moment.tv_nsec
