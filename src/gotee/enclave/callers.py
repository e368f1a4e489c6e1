"""Who calls: code of the program, or the standard library for its own ends. Enclave world.

Libraries look at the clock and at the environment without being asked: a log record has a time, `tempfile` looks for
TMPDIR. There what the policy does not allow is simply not there; the program's own code is told. Packages are told of
the clock; of variables they ask for many that nobody has set (NumPy for OPENBLAS_MAIN_FREE), and find none.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_LIBRARY = ("/standard/", "<frozen ")
_ASKING_ON = ("os", "_collections_abc", "posixpath", "genericpath", "glob", "fnmatch", "contextlib")
_ASK_ON = (
    *("/gotee/", "/standard/pathlib"),
    *(f"/standard/{name}.py" for name in _ASKING_ON),
    *(f"<frozen {name}>" for name in _ASKING_ON),
)


def library_asks(packages: bool = False) -> bool:
    """Whether the nearest code outside of gotee, and of the modules that only ask on for others, is the library's.

    With `packages`, or that of a package.
    """
    libraries = (*_LIBRARY, "/packages/") if packages else _LIBRARY
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_ASK_ON):
            return name.startswith(libraries)
        frame = frame.f_back
    return True
