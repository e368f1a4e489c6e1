"""What the processes of a program use: the enclave has a process namespace of its own and cannot say its number."""

from __future__ import annotations

import os
from pathlib import Path


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc_pid_stat(5), fields 3 and following)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def started_by(pid: int) -> list[int]:
    """The processes that this one started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                parents.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
            except OSError:  # it has ended
                pass
    found: list[int] = []
    left = [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def used(pids: list[int]) -> float:
    """Their processor time in seconds, to the nanosecond: the ticks of /proc/PID/stat are too coarse for idleness."""
    return sum(
        int(task.joinpath("schedstat").read_text().split()[0]) / 1e9
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    )
