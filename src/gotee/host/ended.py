"""Why an enclave ended, as its platform tells it on the control socket. Host world."""

from __future__ import annotations

from gotee.errors import EnclaveLost, GoteeError, ImageError, SandboxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

NO_REASON = "the enclave ended"
PATIENCE = 1.0  # seconds for the platform to say it; it knows as soon as the kernel does


def why(control: _socket.socket) -> GoteeError:
    """Read the platform's last line: ImageError or SandboxError if nothing was started, else EnclaveLost."""
    try:
        control.settimeout(PATIENCE)
        data = _line(control)
    except TimeoutError:
        return EnclaveLost(f"{NO_REASON}, or lost its link; its platform does not say why")
    except OSError:
        data = b""
    return meaning(data) if data else EnclaveLost(f"{NO_REASON}: its platform has ended without a word")


def meaning(data: bytes) -> GoteeError:
    """What a platform's last line says.

    >>> meaning(b'{"refused": "its signature is damaged"}')
    ImageError('its signature is damaged')
    >>> meaning(b'{"status": -9}')
    EnclaveLost('the enclave ended: killed by SIGKILL')
    >>> meaning(b'{"status": 3}')
    EnclaveLost('the enclave ended: exit status 3')
    """
    import json

    try:
        news: Any = json.loads(data)
    except (ValueError, RecursionError):
        news = None
    if not isinstance(news, dict):
        return EnclaveLost(NO_REASON)
    if "refused" in news:
        return ImageError(str(news["refused"]))
    if "unconfined" in news:
        return SandboxError(str(news["unconfined"]))
    if "ended" in news:
        return EnclaveLost(f"{NO_REASON}: {news['ended']}")
    status = news.get("status")
    if type(status) is not int:
        return EnclaveLost(NO_REASON)
    return EnclaveLost(f"{NO_REASON}: {_killed_by(-status) if status < 0 else f'exit status {status}'}")


def _killed_by(number: int) -> str:
    import signal

    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (", for a system call that its sandbox forbids" if name == "SIGSYS" else "")


def _line(control: _socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < 1 << 16 and (more := control.recv(1 << 16)):
        data += more
    return data
