"""Waiters that stand for an operation of the other world in the queues of this one.

The boundary uses it: `home` outside, `mixed` inside. Values are handled as they travel (Encoded), never decoded.
"""

from gotee.runtime.channel cimport Chan, Encoded, Outcome
from gotee.runtime.selecting cimport below
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
    """Do one ready case of `(index, channel, Encoded or None)`, chosen at random: `(index, value, ok)`, or None.

    A send on a closed channel counts as ready and gives ok False. If none is ready and there is a `waiter`, it
    stands in all queues when this returns: nothing can come in between. To look at a case may end a loan, which fires a
    sender that also stood in the queue of the chosen one: then we choose again.
    """
    cdef Chan channel
    cdef Py_ssize_t place, ready, chosen
    cdef Outcome out = Outcome.__new__(Outcome)
    cdef list nodes = []
    if waiter is not None:
        for index, channel, value in cases:
            nodes.append(waiter.add(index, value))
    while True:
        ready, chosen = 0, -1
        for place in range(len(cases)):
            index, channel, value = cases[place]
            if channel.can_recv() if value is None else channel.can_send():
                ready += 1
                if below(ready) == 0:
                    chosen = place
        if chosen < 0:
            for place in range(len(nodes)):
                index, channel, value = cases[place]
                (channel.receivers if value is None else channel.senders).push(nodes[place])
            return None
        index, channel, value = cases[chosen]
        if value is None:
            if not channel.try_recv(out):
                continue
        elif channel.closed:
            out.value, out.ok = None, False
        elif channel.try_send(value):
            out.value, out.ok = None, True
        else:
            continue
        if waiter is not None:
            waiter.unlink_all()
        return index, out.value, out.ok
