"""The layers of the sandbox by name, and what GOTEE_REQUIRE may say of them. Platform world; hosts check with it."""

from __future__ import annotations

SERVICE = "/run/gotee/platform.sock"
"""Where the service listens, unless its settings and GOTEE_PLATFORM say otherwise."""

VERSION = 1
"""Of the protocol between host and service: gotee.platform.service.session has it."""

NAMESPACES = ("userns", "mountns", "netns", "ipcns", "utsns", "cgroupns", "pidns")
LANDLOCK = ("landlock-files", "landlock-net", "landlock-scopes")
LAYERS = (*NAMESPACES, "threads", "secretmem", "root", *LANDLOCK)
"""The parts of the sandbox above its floor, in the order in which an enclave tries them (gotee.enclave.layers)."""

GROUPS = {"all": LAYERS, "namespaces": NAMESPACES, "landlock": LANDLOCK}
"""What stands for several."""


def required(text: str) -> tuple[str, ...]:
    """The layers that a value of GOTEE_REQUIRE names: layers and groups with commas between, or nothing.

    Raises ValueError for a name that is neither.

    >>> required("netns, landlock")
    ('netns', 'landlock-files', 'landlock-net', 'landlock-scopes')
    >>> required("")
    ()
    """
    wanted: set[str] = set()
    for name in text.replace(",", " ").split():
        if name not in LAYERS and name not in GROUPS:
            raise ValueError(f"{name!r} is no layer of the sandbox; choose of {', '.join((*GROUPS, *LAYERS))}")
        wanted.update(GROUPS.get(name, (name,)))
    return tuple(layer for layer in LAYERS if layer in wanted)
