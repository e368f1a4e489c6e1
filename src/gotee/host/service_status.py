"""Whether the service is installed, safe and running: `gotee platform status`, `gotee doctor`. Host world; any user."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from gotee.errors import UsageError
from gotee.platform.required import VERSION
from gotee.platform.service import wire
from gotee.platform.service.settings import Settings, require_safe

_PATIENCE = 5.0  # seconds


@dataclass(frozen=True)
class Status:
    """What is there. `problem` says why enclaves of level service cannot run now, with the cure; empty if they can."""

    installed: bool
    version: str | None
    running: bool
    socket: str
    prefix: str
    unit: str | None
    enclaves: int | None
    yours: int | None
    kept: int | None
    problem: str


def look(settings: Settings) -> Status:
    """Look, and ask the daemon if there is one."""
    from gotee.host.install import incomplete, installed

    made = installed(settings)
    answer, problem = ask(settings.socket)
    problem = problem or str(answer.get("refused", ""))
    if made is not None and (gone := incomplete(settings)):
        made, problem = None, gone
    elif made is not None and not problem:
        try:
            require_safe(settings.prefix)
        except UsageError as error:
            problem = str(error)
    elif made is None and not answer and _absent(settings.socket):
        problem = f"nothing is installed in {settings.prefix}: `gotee platform install`, as root"
    counts = {name: answer.get(name) for name in ("enclaves", "yours", "kept")}
    version, unit = (made or {}).get("version"), (made or {}).get("unit")
    return Status(
        made is not None,
        str(version) if version else None,
        bool(answer),
        settings.socket,
        settings.prefix,
        str(unit) if unit and os.path.exists(str(unit)) else None,
        counts["enclaves"] if isinstance(counts["enclaves"], int) else None,
        counts["yours"] if isinstance(counts["yours"], int) else None,
        counts["kept"] if isinstance(counts["kept"], int) else None,
        problem,
    )


def _absent(path: str) -> bool:
    """Whether there is no such file: not that it is kept from us, nor that nobody listens."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def ask(path: str) -> tuple[dict[str, object], str]:
    """The daemon's answer, or why there is none."""
    try:
        with connect(path) as peer:
            peer.settimeout(_PATIENCE)
            with suppress(BrokenPipeError):  # it refuses us, and has said so
                wire.send(peer, {"gotee": VERSION, "status": True})
            answer, _ = wire.receive(peer)
    except UsageError as error:
        return {}, str(error)
    except (OSError, wire.Broken) as error:
        return {}, f"the service on {path} does not answer: {error}"
    return answer, ""


class NoService(UsageError):
    """Level service was asked for, and there is no service of root's to connect to."""


def connect(path: str) -> socket.socket:
    """A connection to the service. Raises NoService, with cause and cure, if there is none or it is not root's."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        try:
            peer.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoService(
                f"level service needs the service of gotee, and none runs at {path}: root installs it with "
                "`gotee platform install` and starts it with `gotee platform run`, or leave the level out"
            ) from None
        except OSError as error:
            raise NoService(f"the service at {path} cannot be reached: {error.strerror}") from None
        _, user, _ = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != 0:
            raise NoService(f"{path} was made by user {user}, not by root: this is not the service of gotee")
    except BaseException:
        peer.close()
        raise
    return peer
