"""A ground that was verified before, found again and copied: level development. Platform world.

A file of it that has the stamp that it had when it was verified is copied and sealed, and not hashed again: that
catches accidents, and claims no more. What is mapped before an interpreter starts is copied by a thread of its own,
while the platform imports what starts one.
"""

from __future__ import annotations

import _thread
import os

from gotee.image import stamps
from gotee.image.memory import fill, new, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gotee.image.ground import Ground

_CHECKSUM = 32  # bytes before an archive, see gotee.image.cache


class Found:
    """A ground whose files lie at `places`, with the stamps that they had when they were verified."""

    def __init__(self, ground: Ground, places: Mapping[str, str], stamps: Mapping[str, str]) -> None:
        self.ground = ground
        self.files: dict[str, int] = {}
        self._places = places
        self._stamps = stamps
        self._copied = _thread.allocate_lock()
        self._problem: OSError | None = None

    def begin(self) -> None:
        """Make memory for all files, and have that filled which is mapped before an interpreter starts.

        Raises OSError, and RuntimeError where no thread can be started.
        """
        try:
            for path in self.ground.paths:
                self.files[path] = new(path)
            self._copied.acquire()
            _thread.start_new_thread(self._copy_first, ())
        except BaseException:
            self.close()
            raise

    def first(self) -> None:
        """Return when that is done. Raises OSError."""
        with self._copied:
            if self._problem is not None:
                self.close()
                raise self._problem

    def rest(self) -> None:
        """Fill the rest. Raises OSError."""
        self._fill(set(self.files) - self.ground.first)

    def close(self) -> None:
        """Close the copies: nobody uses them."""
        for number in self.files.values():
            os.close(number)

    def _copy_first(self) -> None:
        try:
            self._fill(self.ground.first)
        except OSError as error:
            self._problem = error
        except Exception as error:  # a thread must not end without saying so
            self._problem = OSError(0, repr(error))
        finally:
            self._copied.release()

    def _fill(self, wanted: Iterable[str]) -> None:
        for row in self.ground.rows:
            path, size, sha256, role, loaded = row[0], row[1], row[2], row[3], row[6]
            if path in wanted:
                start = _CHECKSUM if role == "archive" else 0
                _copy(self._places[path], self._stamps[path], sha256, start, loaded or size, self.files[path])


def _copy(place: str, known: str, sha256: str, start: int, size: int, number: int) -> None:
    """A sealed copy of a file that is the one that was verified, before and after it was copied."""
    source = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if stamps.stamp(sha256, os.fstat(source)) != known:
            raise FileNotFoundError(2, "it is another file by now", place)
        fill(number, lambda writes: send(source, start, size, writes))
        if stamps.stamp(sha256, os.fstat(source)) != known:
            raise FileNotFoundError(2, "it is another file by now", place)
    except ValueError:
        raise FileNotFoundError(2, "it is another file by now", place) from None
    finally:
        os.close(source)
