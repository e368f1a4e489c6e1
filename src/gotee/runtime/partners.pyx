"""Waiters that stand for an operation of the other world in the queues of this one.

The boundary uses it: `home` outside, `mixed` inside. Values are handled as they travel (Encoded), never decoded.
"""

from gotee.runtime.channel cimport Chan, Encoded, Outcome
from gotee.runtime.waiting cimport Node, Waiter


cdef class RemoteWaiter(Waiter):
    """An operation of the other world that waits here; `answer(waiter)` is called once, when it fires."""

    def __init__(self, op, answer):
        self.op = op
        self.answer = answer
        self.what = "the other world"

    cdef int wake(self) except -1:
        answer, self.answer = self.answer, None
        if answer is not None:
            answer(self)
        return 0

    def leave_queues(self):
        """Leave all queues without being decided; it may stand in them again."""
        self.unlink_all()

    cpdef bint withdraw(self) except -1:
        """Leave all queues; False if it has fired before."""
        if self.fired:
            return False
        self.settle(-1, None, False)
        return True


def attempt(list cases, RemoteWaiter waiter=None):
    """Do the first ready one of `(index, channel, Encoded or None)`: `(index, value, ok)`, or None.

    A send on a closed channel counts as ready and gives ok False. If none is ready and there is a `waiter`, it
    stands in all queues when this returns: nothing can come in between.
    """
    cdef Chan channel
    cdef Node node
    cdef Py_ssize_t place = 0
    cdef Outcome out = Outcome.__new__(Outcome)
    cdef list nodes = []
    if waiter is not None:
        for index, channel, value in cases:
            nodes.append(waiter.add(index, value))
    for index, channel, value in cases:
        if value is None:
            if channel.try_recv(out):
                break
        elif channel.closed:
            out.value, out.ok = None, False
            break
        elif channel.try_send(value):
            out.value, out.ok = None, True
            break
    else:
        for node in nodes:
            index, channel, value = cases[place]
            (channel.receivers if value is None else channel.senders).push(node)
            place += 1
        return None
    if waiter is not None:
        waiter.unlink_all()
    return index, out.value, out.ok
