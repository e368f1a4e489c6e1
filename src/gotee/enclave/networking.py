"""Puts the network's modules in place when the program imports them. Enclave world; `main` calls `prepare` once.

A program that uses no sockets pays nothing for them.
"""

from __future__ import annotations

import sys

from gotee.boundary.policy import Policy
from gotee.enclave import kernel as kernel  # now, while its names mean the kernel's calls
from gotee.enclave.boot import Importer
from gotee.enclave.descriptors import Descriptors
from gotee.enclave.ocalls import Ocalls

_BUILT_ON = ("socket", "selectors", "ssl")  # and may have been imported for the link, which keeps the kernel's


def prepare(importer: Importer, policy: Policy, ocalls: Ocalls, table: Descriptors) -> None:
    """From now on, who imports `_socket`, `select` or `ssl` gets what works inside."""

    def sockets() -> None:
        from gotee.enclave import network, socket_functions

        socket_functions.install(network.Network(policy, ocalls), ocalls, table)

    def select() -> None:
        import _socket  # noqa: F401  # first: what polling needs imports it, and would be changed half made

        from gotee.enclave import polling

        polling.install(ocalls, table)

    def ssl() -> None:
        from gotee.enclave import tls

        tls.install()

    importer.afterwards.update({"_socket": sockets, "select": select, "ssl": ssl})
    for name in _BUILT_ON:
        sys.modules.pop(name, None)
    for name in ("_socket", "select"):
        if name in sys.modules:
            importer.complete(name)
