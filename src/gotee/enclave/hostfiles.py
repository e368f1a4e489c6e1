"""Files of the host by their paths, as far as the policy allows them. Enclave world; `system` is its only user.

What the host says of a path is checked for its form; it may still be a lie. What is open is a `hostfile`.
"""

from __future__ import annotations

import errno
import os

from gotee.boundary.filestat import Stat
from gotee.boundary.ocalls import HANDLE_BYTES, MOST_NAMES, MOST_PATH, Ocall, encode
from gotee.boundary.policy import Place, Policy
from gotee.enclave.hostfile import HostFile, failed
from gotee.enclave.ocalls import Ocalls, decoder, nothing
from gotee.errors import OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_FLAGS = os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_SYNC


_names = decoder(lambda: list[tuple[bytes, str]])
_bytes = decoder(lambda: bytes)
_flag = decoder(lambda: bool)


class HostFiles:
    """The host's files by their paths. Each request is compared with the policy first."""

    def __init__(self, ocalls: Ocalls, policy: Policy) -> None:
        self._ocalls = ocalls
        self._policy = policy

    def open(self, place: Place, flags: int, mode: int, name: object) -> HostFile:
        """open(2)."""
        wanted = {os.O_RDONLY: "r", os.O_WRONLY: "w"}.get(flags & os.O_ACCMODE, "rw")
        if wanted == "r" and flags & (os.O_CREAT | os.O_TRUNC):
            wanted = "rw"
        self._allow(self._policy.may(place, wanted), place, wanted, _ACTS[wanted])
        flags &= _FLAGS
        handle, found = self._ask(Ocall.OPEN, place, flags, mode & 0o777, check=_opened_one, name=name, late=self._late)
        return HostFile(self._ocalls, handle, found, flags)

    def _late(self, opened: tuple[int, Stat]) -> None:
        """A file that was opened for a routine that was told to stop meanwhile."""
        self._ocalls.tell(Ocall.CLOSE, encode((opened[0],)))

    def stat(self, place: Place, follow: bool, name: object) -> Stat:
        """stat(2) or lstat(2)."""
        self.check_look(place)
        return self._ask(Ocall.STAT, place, follow, check=Stat.unpacked, name=name)

    def access(self, place: Place, mode: int, name: object) -> bool:
        """access(2), with what the policy does not allow taken away."""
        if not self._policy.may_look(place):
            return False
        if (mode & os.R_OK and not self._policy.may(place, "r")) or (
            mode & os.W_OK and not self._policy.may(place, "w")
        ):
            return False
        try:
            return self._ask(Ocall.ACCESS, place, mode, check=_flag, name=name)
        except OSError:
            return False

    def list(self, place: Place, name: object) -> list[tuple[str, str]]:
        """The names in a folder that the policy leads to, each with its type: f, d, l, o or ?."""
        self.check_list(place)
        return [
            (entry, kind)
            for entry, kind in self._ask(Ocall.LIST, place, check=_listed, name=name)
            if self._policy.may_look(Place((*place.names, entry), place.absolute))
        ]

    def may_list(self, place: Place) -> bool:
        """Whether the policy lets it be listed."""
        return self._policy.may_list(place)

    def check_look(self, place: Place) -> None:
        """Raises OcallRefused if the policy does not let one ask what is there."""
        self._allow(self._policy.may_look(place), place, "r", "looking at")

    def check_list(self, place: Place) -> None:
        """Raises OcallRefused if the policy does not let it be listed."""
        self._allow(self._policy.may_list(place), place, "r", "listing")

    def make_folder(self, place: Place, mode: int, name: object) -> None:
        """mkdir(2)."""
        self._allow(self._policy.may_make_folder(place), place, "w", "making the folder")
        self._ask(Ocall.MAKE_FOLDER, place, mode & 0o777, check=nothing, name=name)

    def remove_folder(self, place: Place, name: object) -> None:
        """rmdir(2)."""
        self._writing(place, "removing")
        self._ask(Ocall.REMOVE_FOLDER, place, check=nothing, name=name)

    def remove(self, place: Place, name: object) -> None:
        """unlink(2)."""
        self._writing(place, "removing")
        self._ask(Ocall.REMOVE, place, check=nothing, name=name)

    def rename(self, old: Place, new: Place, names: tuple[object, object]) -> None:
        """rename(2)."""
        self._writing(old, "renaming")
        self._writing(new, "renaming to")
        request = encode((_sent(old), _sent(new)))
        self._ocalls.ask(Ocall.RENAME, request, nothing, names=(_shown(names[0]), _shown(names[1])))

    def set_times(self, place: Place, times: tuple[int, int] | None, follow: bool, name: object) -> None:
        """utimensat(2)."""
        self._writing(place, "changing the times of")
        self._ask(Ocall.SET_TIMES, place, times, follow, check=nothing, name=name)

    def set_mode(self, place: Place, mode: int, name: object) -> None:
        """chmod(2)."""
        self._writing(place, "changing the mode of")
        self._ask(Ocall.SET_MODE, place, mode & 0o777, check=nothing, name=name)

    def read_link(self, place: Place, name: object) -> str:
        """readlink(2)."""
        self.check_look(place)
        return self._ask(Ocall.READ_LINK, place, check=_link, name=name)

    def _writing(self, place: Place, act: str) -> None:
        self._allow(self._policy.may(place, "w"), place, "w", act)

    def _allow(self, allowed: bool, place: Place, mode: str, act: str) -> None:
        if not allowed:
            path = str(place)
            raise OcallRefused(f"{act} {path} is not allowed", self._policy.file_line(path, mode))

    def _ask(
        self,
        kind: Ocall,
        place: Place,
        *rest: object,
        check: Callable[[bytes], T],
        name: object,
        late: Callable[[T], None] | None = None,
    ) -> T:
        return self._ocalls.ask(kind, encode((_sent(place), *rest)), check, unwanted=late, names=(_shown(name),))


_ACTS = {"r": "reading", "w": "writing", "rw": "reading and writing"}


def _shown(name: object) -> object:
    """A path as errors name it."""
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def _sent(place: Place) -> bytes:
    path = os.fsencode(str(place))
    if len(path) > MOST_PATH:
        raise failed(errno.ENAMETOOLONG)
    return path


# -- checks of answers ------------------------------------------------------------------------------------


def _opened_one(payload: bytes) -> tuple[int, Stat]:
    handle = int.from_bytes(payload[:HANDLE_BYTES], "little")
    if handle >= 1 << 63:
        raise ValueError(f"{handle} is no handle")
    return handle, Stat.unpacked(payload[HANDLE_BYTES:])


def _listed(payload: bytes) -> list[tuple[str, str]]:
    """Names as names of files can be: none that leads elsewhere."""
    rows = _names(payload)
    if len(rows) > MOST_NAMES:
        raise ValueError(f"{len(rows)} names")
    found = []
    for name, kind in rows:
        if not name or name in (b".", b"..") or b"/" in name or b"\0" in name or len(name) > 255 or kind not in _KINDS:
            raise ValueError(f"{name!r}, of type {kind!r}, is no name of a file")
        found.append((os.fsdecode(name), kind))
    if len({name for name, _ in found}) != len(found):
        raise ValueError("a folder names a file twice")
    return found


_KINDS = frozenset("fdlo?")


def _link(payload: bytes) -> str:
    target = _bytes(payload)
    if not target or len(target) > MOST_PATH or b"\0" in target:
        raise ValueError(f"{target!r} is no target of a link")
    return os.fsdecode(target)
