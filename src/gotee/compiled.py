"""Which modules of gotee are compiled, and where they are found. All worlds; setup.py compiles what is listed here.

They lie in one file for each side of the boundary, but for one of them. A file of its own for each took two
milliseconds of a start to map and relocate, on either side, and an enclave's platform had 25 to verify; what an enclave
maps has no host code in it.

Inside, gotee.enclave.boot finds them. Everywhere else `install` is called before the first of them is imported.
"""

from __future__ import annotations

import _imp
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIBRARIES = "gotee.enclave.natives"  # by itself: it maps the libraries that the others are linked to
TRUSTED, HOST = "gotee._trusted", "gotee.host._compiled"
INSIDE = (LIBRARIES, TRUSTED)
FILES = {
    LIBRARIES: (LIBRARIES,),
    TRUSTED: (
        "gotee.boundary.blocks",
        "gotee.boundary.crossing",
        "gotee.boundary.filestat",
        "gotee.boundary.frames",
        "gotee.boundary.home",
        "gotee.boundary.lane",
        "gotee.boundary.loans",
        "gotee.boundary.messages",
        "gotee.boundary.outside",
        "gotee.boundary.ring",
        "gotee.boundary.ring_memory",
        "gotee.boundary.ring_send",
        "gotee.boundary.ring_sleep",
        "gotee.boundary.scalars",
        "gotee.boundary.spaces",
        "gotee.boundary.wire",
        "gotee.enclave.answers",
        "gotee.enclave.confine",
        "gotee.enclave.direct",
        "gotee.enclave.door",
        "gotee.enclave.locks",
        "gotee.enclave.server",
        "gotee.enclave.types",
        "gotee.runtime.channel",
        "gotee.runtime.driving",
        "gotee.runtime.futures",
        "gotee.runtime.hub",
        "gotee.runtime.library",
        "gotee.runtime.loops",
        "gotee.runtime.parking",
        "gotee.runtime.partners",
        "gotee.runtime.ready",
        "gotee.runtime.routine",
        "gotee.runtime.scheduler",
        "gotee.runtime.selecting",
        "gotee.runtime.timers",
        "gotee.runtime.waiting",
        "gotee.runtime.waits",
    ),
    HOST: ("gotee.host.calls", "gotee.host.lead", "gotee.host.prompt"),
}
_FILE_OF = {module: file for file, modules in FILES.items() for module in modules}


def place_of(file: str) -> str:
    """Where one of the FILES lies."""
    folder = __file__.rpartition("/")[0]
    return f"{folder}/{file.partition('.')[2].replace('.', '/')}{_imp.extension_suffixes()[0]}"


class _Finder:
    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        file = _FILE_OF.get(fullname)
        if file is None:
            return None
        place = place_of(file)
        spec = ModuleSpec(fullname, ExtensionFileLoader(fullname, place), origin=place)
        spec.has_location = True
        return spec


def install() -> None:
    """From now on they are found."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
