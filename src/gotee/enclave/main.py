"""What an enclave does once modules can be imported: import the entries, serve. Enclave world.

Everything comes from the image (see gotee.enclave.boot), in memory that the platform has verified and sealed.
"""

from __future__ import annotations

import gc
import os
import sys

from gotee.boundary import links, plain_json
from gotee.boundary.limits import put_in_force
from gotee.boundary.messages import Kind
from gotee.boundary.policy import Policy
from gotee.boundary.wire import Wire
from gotee.enclave import evidence, sandbox, threads
from gotee.enclave.boot import Importer, wait_at
from gotee.enclave.failures import Failures, hide_reports
from gotee.enclave.handed import take
from gotee.enclave.outside import install
from gotee.enclave.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gotee.enclave.layers import Layer


def main(importer: Importer, ground: Sequence[int], gate: int, inherited: Sequence[int], tried: list[Layer]) -> None:
    """Run the enclave until its link ends.

    `ground` are the descriptors that it began with, `inherited` those of its image where it may receive none. At `gate`
    it is handed that image, and waits until everything that this names is verified; the platform keeps the other end
    open that long. `tried` are the layers of the sandbox, in which this runs already.
    """
    os.putenv("OPENSSL_CONF", "/dev/null")  # OpenSSL would load what a file of the host's names, even libraries
    threads.install(importer)
    plain_json.loads(b"{}")  # imports what the manifest is read with
    pages, link, platform_fd, debug, plan = take(gate, ground, importer, inherited)
    lacking = sandbox.complete(tried, plan)
    program = plain_json.loads(pages.read("manifest"))["program"]
    evidence.install(platform_fd, program)
    wire = Wire(links.attach(link))
    if lacking:
        wire.post(Kind.CONSOLE, 2, 0, f"gotee: {lacking}\n".encode())  # the way that every level has to its host
    sys.argv = [program["main"]]
    put_in_force(program["limits"])
    failures = Failures(debug, program["error_key"])
    policy = Policy(program["policy"]["ocalls"])
    server = Server(wire, failures, policy.console)
    install(server, policy)
    if not debug:
        hide_reports(failures, wire.send)
    gc.freeze()
    gc.enable()
    wait_at(gate)
    importer.begin()
    try:
        if any(part.startswith(f"module {program['main']} /program/") for part in pages.places):
            __import__(program["main"])  # first: kept modules are imported in the program's order
        table = [_entry(module, name) for module, name in program["entries"]]
        table.append(evidence.for_nonce)  # behind the program's own, in every image
    except BaseException as error:
        if debug:
            import traceback

            traceback.print_exc()
        server.fail(error)
        os._exit(1)
    _keep_decimal_settings()
    gc.freeze()
    server.serve(table)
    os._exit(0)  # as in Go, the end of main ends the program, whatever still waits


def _keep_decimal_settings() -> None:
    """What the program's imports set in decimal's context holds in every routine, each of which has a fresh context."""
    decimal = sys.modules.get("decimal")
    if decimal is not None:
        found = decimal.getcontext()
        for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps"):
            setattr(decimal.DefaultContext, name, getattr(found, name))


def _entry(module: str, name: str) -> Any:
    __import__(module)  # `importlib` imports `warnings`
    return getattr(sys.modules[module], name)
