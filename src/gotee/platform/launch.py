"""A platform process of level development has an interpreter of its own: what is left to do by Python. Platform world.

    python -I -S -c "..." CONTROL PACKAGE [BEGUN]

CONTROL is a socket to the host: see gotee.platform.development. What came before is in begin.c: BEGUN tells of an
interpreter that it has started for the enclave.
"""

from __future__ import annotations

import os
import sys

from gotee.platform import development
from gotee.platform.recipe import Begun
from gotee.platform.state import directory


def main(control: int) -> None:
    """Run the platform process until the enclave or the host ends."""
    _hear_signals()
    begun = Begun(sys.argv[3]) if len(sys.argv) > 3 else None
    development.run(control, directory(os.environ), begun)


def _hear_signals() -> None:
    """The terminal's Ctrl-C is the host's business. A host that ignores SIGCHLD would have us wait for no child."""
    from _signal import SIG_DFL, SIG_IGN, SIGCHLD, SIGINT, signal  # type: ignore[import-not-found]  # no `enum`

    signal(SIGINT, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
