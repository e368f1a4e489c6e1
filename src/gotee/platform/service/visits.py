"""Who connects, and how often: a flood by one user must not keep the daemon from others. Platform world; `daemon`."""

from __future__ import annotations

import os
import pwd

BURST = 64  # connections at once
RATE = 32  # a second, from then on
_MOST_USERS = 4096  # that are remembered


class Visits:
    """Connections of each user, as a bucket that fills with time and is emptied by visits.

    >>> visits = Visits()
    >>> sum(visits.may(1000, now=5.0) for _ in range(1000)), visits.may(1001, now=5.0)
    (64, True)
    >>> sum(visits.may(1000, now=6.0) for _ in range(1000))
    32
    """

    def __init__(self) -> None:
        self._left: dict[int, tuple[float, float]] = {}  # what is left, and when that was so

    def may(self, user: int, now: float) -> bool:
        """Whether this user may connect now; if so, it has."""
        left, before = self._left.get(user, (BURST, now))
        left = min(BURST, left + (now - before) * RATE)
        allowed = left >= 1
        self._left[user] = (left - allowed, now)
        if len(self._left) > _MOST_USERS:
            self._forget(now)
        return allowed

    def _forget(self, now: float) -> None:
        """Half of the users, those with the fullest buckets: a bucket that is full again needs no memory."""
        fullest = sorted(self._left, key=lambda user: self._left[user][0] + (now - self._left[user][1]) * RATE)
        for user in fullest[_MOST_USERS // 2 :]:
            del self._left[user]


class Owners:
    """Whose a user number is: those that /etc/subuid gives to somebody count as that user's own.

    Otherwise whoever has 65,536 of them, as users of containers do, would have as many quotas.
    """

    def __init__(self, file: str = "/etc/subuid") -> None:
        self._file = file
        self._seen: tuple[int, ...] = ()
        self._ranges: list[tuple[int, int, int]] = []  # first, last, owner

    def of(self, user: int) -> int:
        """The user who answers for this number: mostly itself."""
        self._look()
        return next((owner for first, last, owner in self._ranges if first <= user <= last), user)

    def _look(self) -> None:
        """Read the file if it has changed since."""
        try:
            found = os.stat(self._file)
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen != self._seen:
                with open(self._file, errors="replace") as file:
                    self._ranges = [part for line in file if (part := _range(line))]
                self._seen = seen
        except OSError:
            self._seen, self._ranges = (), []


def _range(line: str) -> tuple[int, int, int] | None:
    """A line of subuid(5): a name or number of a user, the first number, and how many."""
    name, first, count = (*line.strip().split(":"), "", "")[:3]
    if not first.isdigit() or not count.isdigit():
        return None
    if name.isdigit():
        return int(first), int(first) + int(count) - 1, int(name)
    try:
        return int(first), int(first) + int(count) - 1, pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
