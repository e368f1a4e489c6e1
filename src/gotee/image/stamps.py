"""What tells that a file is no more the one that was compared, without reading it. Platform world."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import stat_result

SETTLED = 1_000_000_000  # ns since the last change: far more than the steps of a file system's clock


def stamp(sha256: str, seen: stat_result) -> str | None:
    """The stamp of a file that had this hash when it was looked at; None right behind a change, which hides another."""
    if time.time_ns() - seen.st_ctime_ns < SETTLED:
        return None
    return f"{sha256} {seen.st_dev} {seen.st_ino} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}"
