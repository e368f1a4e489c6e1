"""What `os.scandir` gives. Enclave world; `system` makes them."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import GenericAlias, TracebackType
    from typing import Any
else:
    from _collections_abc import GenericAlias  # `types` takes long to import


class DirEntry:
    """os.DirEntry: a name in a folder, and what is known of it."""

    __slots__ = ("_kind", "_look", "_seen", "name", "path")

    def __init__(self, look: Callable[..., os.stat_result], folder: Any, name: str, kind: str) -> None:
        given = os.fspath(folder)
        self.name: Any = os.fsencode(name) if isinstance(given, bytes) else name
        self.path: Any = os.path.join(given, self.name)
        self._kind = kind
        self._look = look
        self._seen: dict[bool, os.stat_result] = {}

    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Asked once, and kept."""
        follow = follow_symlinks and self.is_symlink()
        if follow not in self._seen:
            self._seen[follow] = self._look(self.path, follow_symlinks=follow)
        return self._seen[follow]

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder; False if it is there no more."""
        return self._is("d", stat.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file; False if it is there no more."""
        return self._is("f", stat.S_ISREG, follow_symlinks)

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._kind == "l"

    def is_junction(self) -> bool:
        """Never: those are of another system."""
        return False

    def inode(self) -> int:
        """The number of its inode, as the host says it."""
        return self.stat(follow_symlinks=False).st_ino

    def _is(self, kind: str, test: Callable[[int], bool], follow: bool) -> bool:
        if self._kind in "fdo" or (self._kind == "l" and not follow):
            return self._kind == kind
        try:
            return test(self.stat(follow_symlinks=follow).st_mode)
        except FileNotFoundError:
            return False

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class Entries:
    """What os.scandir returns: an iterator that can be closed."""

    def __init__(self, entries: Iterable[DirEntry]) -> None:
        self._entries: Iterator[DirEntry] = iter(entries)

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> DirEntry:
        return next(self._entries)

    def close(self) -> None:
        """Give no more."""
        self._entries = iter(())

    def __enter__(self) -> Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()
