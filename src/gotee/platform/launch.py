"""A platform process of level development begins: an interpreter for its enclave first, all else then. Platform world.

    python -I -S -c "..." CONTROL

CONTROL is a socket to the host: see gotee.platform.development. An interpreter starts while the platform imports what
verifies an image, and while it does so. It is started on the ground of the last image that was verified here, if no
file of that has changed since; it can do nothing until it is handed an image, and is handed none of another ground.
"""

from __future__ import annotations

import os

from gotee.platform import compared
from gotee.platform.state import directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gotee.platform.footing import Footing
    from gotee.platform.spawn import Child


class Begun:
    """An interpreter that waits for an image, and what it was started on."""

    def __init__(self, footing: Footing, enclave: Child) -> None:
        self.footing = footing
        self.enclave = enclave

    def end(self) -> None:
        """It is not wanted: nothing was handed over."""
        self.enclave.end()
        self.footing.close()
        for number in self.footing.files.values():
            os.close(number)


def main(control: int) -> None:
    """Run the platform process until the enclave or the host ends."""
    _hear_signals()
    folder = directory(os.environ)
    begun = _begin(folder)
    from gotee.platform import development

    development.run(control, folder, begun)


def _begin(folder: str) -> Begun | None:
    found = compared.recall_ground(folder)
    if found is None:
        return None
    made: Footing | None = None
    try:
        found.begin()
        from gotee.platform import birth, footing, spawn  # while a thread copies

        made = footing.Footing(found.ground, found.files)
        found.first()
        begun = Begun(made, spawn.spawn(made))
    except (OSError, RuntimeError):
        if made is not None:
            made.close()
        return None  # a file was changed, or is gone; the image's own ground will do
    try:
        found.rest()
    except OSError:
        begun.end()
        return None
    birth.go_on(begun.enclave.gate)
    return begun


def _hear_signals() -> None:
    """The terminal's Ctrl-C is the host's business. A host that ignores SIGCHLD would have us wait for no child."""
    from _signal import SIG_DFL, SIG_IGN, SIGCHLD, SIGINT, signal  # type: ignore[import-not-found]  # no `enum`

    signal(SIGINT, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
