"""Which user numbers enclaves may have, and that nothing is left of one when another gets it. Platform world.

`spawner` asks. When an enclave has ended, what else runs as its user (an image that does not shut itself in may have
made processes) is killed by a process of its own, the killer, one at a time; until it has done so the number is taken.
"""

from __future__ import annotations

import os
import select
import signal
from collections import deque

_AGAIN = 100  # milliseconds until a killer is tried once more


class Users:
    """The numbers `first` to `last - 1` are for enclaves; `last` is the killer's."""

    def __init__(self, numbers: tuple[int, int], poll: select.poll) -> None:
        """`poll` tells of killers; give what it tells to `turn`. Numbers that somebody runs as are made free first."""
        first, self._killer = numbers
        numbers_of_enclaves = range(first, self._killer)
        used = _running() if os.path.exists("/proc/1/status") else numbers_of_enclaves  # a /proc may hide others
        self._free = deque(number for number in numbers_of_enclaves if number not in used)
        self._dirty = deque(number for number in numbers_of_enclaves if number in used)
        self._poll = poll
        self._at_work: tuple[int, int, int] | None = None  # process, its pidfd, the number that it makes free
        self._begin()

    @property
    def busy(self) -> bool:
        """Whether numbers are still to be made free."""
        return bool(self._dirty) or self._at_work is not None

    @property
    def killer(self) -> int:
        """The process that kills now; 0 if there is none."""
        return 0 if self._at_work is None else self._at_work[0]

    def take(self) -> int:
        """A free number, the longest unused one; 0 if there is none."""
        return self._free.popleft() if self._free else 0

    def unused(self, number: int) -> None:
        """Give back a number that nothing ran as."""
        self._free.appendleft(number)

    def left(self, number: int) -> None:
        """Give back a number whose enclave has ended."""
        self._dirty.append(number)
        self._begin()

    def milliseconds(self) -> int | None:
        """How long to wait for news at most."""
        self._begin()
        return _AGAIN if self._dirty and self._at_work is None else None

    def turn(self, descriptor: int) -> None:
        """A killer has ended."""
        if self._at_work is None or self._at_work[1] != descriptor:
            return
        process, _, number = self._at_work
        self._at_work = None
        _, status = os.waitpid(process, 0)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        (self._dirty if status else self._free).append(number)
        self._begin()

    def _begin(self) -> None:
        if self._at_work is not None or not self._dirty:
            return
        try:
            process = os.fork()
        except OSError:
            return  # no room for another process: once more later
        number = self._dirty.popleft()
        if not process:
            _kill_all(number, self._killer)
        descriptor = os.pidfd_open(process)
        self._at_work = process, descriptor, number
        self._poll.register(descriptor, select.POLLIN)


def _kill_all(uid: int, killer: int) -> None:
    """In a child: kill every process of an enclave's user, and end.

    With that user's rights, so that it can signal nobody else, but not as that user: its processes could kill or stop
    this one first. kill(-1) and fork exclude each other in the kernel: nothing escapes.
    """
    status = 1
    try:
        os.setgroups([])
        os.setresgid(killer, killer, killer)
        os.setresuid(killer, uid, killer)
        if os.getresuid() == (killer, uid, killer) and uid and killer:
            os.kill(-1, signal.SIGKILL)
            status = 0
    except ProcessLookupError:
        status = 0  # there is nobody
    finally:
        os._exit(status)


def _running() -> set[int]:
    """The users of all processes: an earlier service may have ended without ending its enclaves."""
    found: set[int] = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/status") as status:
                    fields = dict(line.split(":", 1) for line in status if line.startswith(("State:", "Uid:")))
                if fields["State"].split()[0] != "Z":  # else it only waits to be collected
                    found.update(int(word) for word in fields["Uid"].split())
            except OSError:
                pass  # it has ended
    return found
