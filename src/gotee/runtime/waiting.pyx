"""Who waits, and where: a Waiter is one blocked operation, a Node is its place in one queue.

Both worlds. Only the runtime's other compiled modules use it. A blocked select has one Waiter and a Node for
each case (Go's sudog). A Waiter fires once: whoever fires it first has taken all its nodes out of their queues
before any other thread or routine can look, because compiled code runs without preemption under the GIL.
That is also why nothing here allocates or calls Python code between the first and the last change of a queue.
"""

cimport cython


cdef class WaitQueue:
    """First in, first out, with removal from the middle in constant time."""

    cdef void push(self, Node node):
        node.queue = self
        node.previous = self.tail
        node.next = None
        if self.tail is None:
            self.head = node
        else:
            self.tail.next = node
        self.tail = node
        self.length += 1

    cdef Node first(self):
        cdef Node node = self.head
        while node is not None and node.waiter.outside is not None:
            node = node.next
        return node

    cdef int nudge(self) except -1:
        """A partner has come for waiters that also wait outside: the first of them is asked to come back."""
        if self.head is not None and self.head.waiter.outside is not None:
            self.head.waiter.outside.nudge()
        return 0

    cdef void unlink(self, Node node):
        if node.previous is None:
            self.head = node.next
        else:
            node.previous.next = node.next
        if node.next is None:
            self.tail = node.previous
        else:
            node.next.previous = node.previous
        node.previous = None
        node.next = None
        node.queue = None
        self.length -= 1

    def __len__(self):
        return self.length


@cython.freelist(256)
cdef class Node:
    """The place of one case of a blocked operation in one queue; `value` is what a sender offers."""


@cython.freelist(256)
cdef class Waiter:
    """One blocked operation. Subclasses say whom `wake` tells."""

    cdef Node add(self, Py_ssize_t index, object value):
        cdef Node node = Node.__new__(Node)
        node.waiter = self
        node.index = index
        node.value = value
        if self.node is None:
            self.node = node
        elif self.nodes is None:
            self.nodes = [node]
        else:
            self.nodes.append(node)
        return node

    cdef void unlink_all(self):
        cdef Node node = self.node
        if node is not None and node.queue is not None:
            node.queue.unlink(node)
        if self.nodes is not None:
            for node in self.nodes:
                if node.queue is not None:
                    node.queue.unlink(node)
        # Node and Waiter refer to each other; let go here, so that no operation leaves work to the collector.
        self.node = None
        self.nodes = None

    cdef void settle(self, Py_ssize_t index, object value, bint ok):
        """Decide the operation and leave all queues, without waking anybody."""
        self.fired = True
        self.index = index
        self.value = value
        self.ok = ok
        self.unlink_all()

    cdef int fire(self, Py_ssize_t index, object value, bint ok) except -1:
        self.settle(index, value, ok)
        self.wake()
        return 0

    cdef int wake(self) except -1:
        raise NotImplementedError
