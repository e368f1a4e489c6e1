"""How frames are put into a ring: as one piece what is small, in pieces what is large. Both worlds."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from gotee.boundary.copying cimport copy_to_peer
from gotee.boundary.frames cimport FIRST, HEADER, MORE, WHOLE, Gather, pack
from gotee.boundary.system cimport load_acquire, now_ns, pause_cpu, shared_u64, sleep_ns, store_relaxed

from gotee.boundary.frames import LinkClosed
from gotee.errors import Overloaded, UsageError

cdef int64_t ROOM_SPIN = 60_000      # ns; of a large frame that is being sent: how long it spins for room, what the
cdef int64_t ROOM_NAP = 50_000       # peer takes to begin and to copy half of a ring; then sleeps between two looks


cdef class RingSend(RingSleep):
    """A side that can send."""

    def try_send(self, frame, unsigned int lane=0):
        """Send a frame of at most `piece` bytes. False: there is no room now and nothing was sent."""
        return self.put_buffer(frame, 0, lane, True) >= 0

    def try_send_part(self, frame, Py_ssize_t offset, unsigned int lane):
        """Send the piece of a larger frame at `offset`; return the next offset, or `offset` if there is no room."""
        cdef Py_ssize_t after = self.put_buffer(frame, offset, lane, False)
        return offset if after < 0 else after

    def flush(self):
        """True: a ring takes a piece whole or not at all, so nothing is ever left to pass on."""
        if self.state != OPEN:
            self.refuse()
        return True

    cdef Py_ssize_t put_buffer(self, object frame, Py_ssize_t offset, unsigned int lane, bint whole) except -2:
        cdef Py_buffer view
        if PyBytes_CheckExact(frame):
            return self.put(<unsigned char *> PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), offset, lane, whole)
        PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
        try:
            return self.put(<unsigned char *> view.buf, view.len, offset, lane, whole)
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t put(self, unsigned char *frame, Py_ssize_t total, Py_ssize_t offset, unsigned int lane,
                        bint whole) except -2:
        """Put one piece into the ring; return the offset after it, or -1 if there is no room."""
        cdef Py_ssize_t length
        cdef uint64_t need, header
        if self.state != OPEN:
            self.refuse()
        if self.gone:
            raise LinkClosed("the peer is gone")
        if lane >= self.assembler.lanes:
            raise UsageError(f"lane {lane} of {self.assembler.lanes}")
        if total > self.assembler.max_frame:
            raise Overloaded(f"a frame of {total} bytes; the limit is {self.assembler.max_frame}")
        if whole != (total <= self.piece) or not (0 <= offset <= total):
            raise UsageError(f"a frame of {total} bytes at offset {offset}, with pieces of {self.piece} bytes")
        length = min(self.piece, total - offset)
        if whole:
            header = pack(WHOLE, lane, length)
        elif offset == 0:
            header = pack(FIRST, lane, total)
        else:
            header = pack(MORE, lane, length)
        need = HEADER + ((length + 7) & ~7)
        if self.room() < need:
            self.refresh_room()
            if self.room() < need:
                self.wanted = need
                return -1
        self.wanted = 0
        self.copy_out(header, frame + offset, length)
        self.publish(need)
        return offset + length

    cdef bint put_parts(
        self, const unsigned char *head, size_t head_size, const unsigned char *data, size_t size
    ) noexcept:
        """Put a frame of two parts as one piece, where it fits without a seam: what most messages are.

        False, with nothing done, in all other cases and states; `try_send` takes those, and says what is wrong.
        """
        cdef uint64_t length = head_size + size
        cdef uint64_t need = HEADER + ((length + 7) & ~7)
        cdef uint64_t at = self.tail & (self.capacity - 1)
        if self.state != OPEN or self.gone or length > <uint64_t> self.piece:
            return False
        if self.room() < need or at + need > <uint64_t> self.capacity:
            return False
        store_relaxed(<shared_u64 *> (self.out + at), pack(WHOLE, 0, length))
        memcpy(self.out + at + HEADER, head, head_size)
        copy_to_peer(&self.copies, self.out + at + HEADER + head_size, data, size)
        self.publish(need)
        return True

    cdef void copy_out(self, uint64_t header, unsigned char *source, size_t length) noexcept nogil:
        store_relaxed(<shared_u64 *> (self.out + (self.tail & (self.capacity - 1))), header)
        self.write_at(self.tail + HEADER, source, length)

    cdef void write_at(self, uint64_t place, const unsigned char *source, size_t length) noexcept nogil:
        cdef uint64_t at = place & (self.capacity - 1)
        cdef size_t first = min(length, <size_t> (self.capacity - at))
        copy_to_peer(&self.copies, self.out + at, source, first)
        copy_to_peer(&self.copies, self.out, source + first, length - first)

    # ---- what is large, from where it lies

    cdef Py_ssize_t put_gather(self, Gather frame, Py_ssize_t offset) except -2:
        """Put the piece of a large frame at `offset`, without the GIL; the offset after it, or -1 if there is no room."""
        cdef Py_ssize_t length = min(self.piece, frame.size - offset)
        cdef uint64_t need = HEADER + ((length + 7) & ~7)
        cdef uint64_t header = pack(MORE, 0, length) if offset else pack(FIRST, 0, frame.size)
        if self.state != OPEN:
            self.refuse()
        if self.gone:
            raise LinkClosed("the peer is gone")
        if frame.size > self.assembler.max_frame:
            raise Overloaded(f"a frame of {frame.size} bytes; the limit is {self.assembler.max_frame}")
        if self.room() < need:
            self.refresh_room()
            if self.room() < need:
                return -1
        self.copying += 1
        with nogil:
            self.copy_gathered(header, frame, offset, length)
        self.end_copy()
        self.publish(need)
        return offset + length

    cdef void copy_gathered(self, uint64_t header, Gather frame, Py_ssize_t offset, Py_ssize_t length) noexcept nogil:
        cdef uint64_t place = self.tail + HEADER
        cdef const unsigned char *part = frame.head
        cdef Py_ssize_t size = frame.head_size
        cdef Py_ssize_t i = 0, some
        store_relaxed(<shared_u64 *> (self.out + (self.tail & (self.capacity - 1))), header)
        while length:
            if offset < size:
                some = min(length, size - offset)
                self.write_at(place, part + offset, some)
                place += some
                length -= some
                offset += some
            else:
                offset -= size
                part = <const unsigned char *> frame.views[i].buf
                size = frame.views[i].len
                i += 1

    cdef bint await_room(self, int64_t patience) noexcept:
        """Wait, without the GIL, until the peer has taken a piece; False if it takes none for `patience` ns.

        Besides the one thread that may be in `wait`, which has the bell: so this looks every now and then.
        """
        cdef int64_t start = now_ns(), now = start
        cdef bint found = False
        cdef bint stay = self.state == OPEN and not self.gone
        cdef int i
        self.copying += 1
        with nogil:
            while stay and not found and now - start < patience:
                if now - start < ROOM_SPIN and self.spins.most and not self.crowds():
                    for i in range(16):
                        pause_cpu()
                else:
                    sleep_ns(ROOM_NAP)
                found = load_acquire(self.out_head) != self.freed
                stay = self.state == OPEN and not self.gone
                now = now_ns()
        self.copying -= 1
        if self.state == CLOSED and not self.waiting and not self.copying:
            self.release()
        return found

    cdef int end_copy(self) except -1:
        """After a copy without the GIL: if another thread closed the link meanwhile, let go, and say so."""
        self.copying -= 1
        if self.state != OPEN:
            if self.state == CLOSED and not self.waiting and not self.copying:
                self.release()
            self.refuse()
        return 0
