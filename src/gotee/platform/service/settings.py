"""What the administrator says of the service: `platform.toml`. Platform world; root reads it before anything runs."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gotee.errors import UsageError

FILE = "/etc/gotee/platform.toml"
THREADS = 512  # real ones, and processes, of one enclave's user
UIDS = (60720, 60975)  # between what systemd gives to people and to services (its table of user numbers)


@dataclass(frozen=True)
class Settings:
    """Every key of the file. Sizes are in bytes, times in seconds.

    * `prefix`: the root-owned folder with the daemon's code and the base.
    * `state`: keys and counters; of the platform's user alone.
    * `socket`: where hosts connect.
    * `user`: name or number of the platform's user.
    * `enclave_uids`: first and last user number of enclaves, which nobody else may have. The last is for the process
      that ends what another of them has left.
    * `enclaves`, `enclaves_per_user`: how many run at the same time.
    * `kept`: how many interpreters wait for the next enclave, 0 or 1.
    * `memory`: address space of one enclave.
    * `image_bytes`: of one image with all files that its host hands over.
    * `patience`: how long a host may take until its image is complete.
    """

    prefix: str = "/opt/gotee"
    state: str = "/var/lib/gotee"
    socket: str = "/run/gotee/platform.sock"
    user: str | int = "gotee-platform"
    enclave_uids: tuple[int, int] = UIDS
    enclaves: int = 64
    enclaves_per_user: int = 16
    kept: int = 1
    memory: int = 16 << 30
    image_bytes: int = 2 << 30
    patience: int = 20

    @property
    def run(self) -> str:
        """The folder of the socket; what lies there is gone after a restart of the machine."""
        return os.path.dirname(self.socket)

    @property
    def base(self) -> str:
        """The base's native files, each under its SHA-256."""
        return f"{self.prefix}/base"

    def uid(self) -> int:
        """The number of the platform's user. Raises UsageError if there is no such user."""
        if isinstance(self.user, int):
            return self.user
        import pwd

        try:
            return pwd.getpwnam(self.user).pw_uid
        except KeyError:
            raise UsageError(f"there is no user {self.user}: `gotee platform install` makes it") from None

    def text(self) -> str:
        """As a file."""
        lines = ["# The service of gotee; `gotee platform` reads it. Every key may be left out.\n"]
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                said = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            else:
                said = str(list(value)) if isinstance(value, tuple) else str(value)
            lines.append(f"{field.name} = {said}\n")
        return "".join(lines)


def read(file: str = FILE) -> Settings:
    """The settings of a file; those of a missing file are the defaults. Raises UsageError with cause and cure."""
    try:
        with open(file, "rb") as opened:
            found = tomllib.load(opened)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise UsageError(f"the settings of the service in {file} cannot be read: {error}") from None
    return parse(found, file)


def parse(found: dict[str, Any], file: str) -> Settings:
    """Check every key.

    >>> parse({"enclaves": 3}, "x.toml").enclaves
    3
    >>> parse({"enclave": 3}, "x.toml")
    Traceback (most recent call last):
        ...
    gotee.errors.UsageError: x.toml: there is no setting enclave; ...
    """
    known = {field.name: field.default for field in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            raise UsageError(f"{file}: there is no setting {name}; the settings are {', '.join(known)}")
        values[name] = _checked(name, value, known[name], file)
    settings = Settings(**values)
    first, last = settings.enclave_uids
    if not 0 < first < last < 1 << 31:
        raise UsageError(f"{file}: enclave_uids are the first and the last of two or more user numbers above 0")
    if isinstance(settings.user, int) and (settings.user == 0 or first <= settings.user <= last):
        raise UsageError(f"{file}: the platform's user can be neither root nor one of the enclaves'")
    return settings


def _checked(name: str, value: Any, default: Any, file: str) -> Any:
    if name == "user":
        fits = isinstance(value, str) or type(value) is int
    elif isinstance(default, tuple):
        fits = isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)
        value = tuple(value) if fits else value
    elif isinstance(default, str):
        fits = isinstance(value, str) and os.path.isabs(value)
    elif name == "kept":
        fits = type(value) is int and value in (0, 1)
    else:
        fits = type(value) is int and value > 0
    if not fits:
        raise UsageError(f"{file}: {name} cannot be {value!r}; its default is {default!r}")
    return value


def require_safe(path: str, *, owner: int = 0) -> None:
    """Refuse a path that anybody but root (and `owner`, for its last part) can replace or change.

    Raises UsageError. A folder like /tmp, where only owners rename what is theirs, is safe to pass through.
    """
    whole = Path(os.path.realpath(path))
    for place in (whole, *whole.parents):
        found = os.lstat(place)
        owners = (0, owner) if place == whole else (0,)
        open_to_others = found.st_mode & 0o022 and not (place != whole and found.st_mode & stat.S_ISVTX)
        if found.st_uid not in owners or open_to_others:
            raise UsageError(f"{place} can be changed by others than root: chown root and chmod go-w, or install anew")
