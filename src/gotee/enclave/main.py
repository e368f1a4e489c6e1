"""The first code of an enclave: take the image, import the entries from it, serve. Enclave world.

Modules of the program come from the image, in memory, and from nowhere else; `importer` says what else can be imported.
In this version interpreter, standard library, gotee and packages are read from disk and not measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any

from gotee.boundary import links
from gotee.boundary.wire import Wire
from gotee.enclave import threads
from gotee.enclave.importer import Importer
from gotee.enclave.server import Server
from gotee.runtime import worlds


def main(image_fd: int, link_fds: tuple[int, ...], boot_paths: list[str]) -> None:
    """Run the enclave until its link ends; `boot_paths` are what `sys.path` was given for gotee's own first imports."""
    worlds.enter_enclave()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(image_fd, "rb") as file:
        image = json.load(file)
    wire = Wire(links.attach(link_fds))
    standard = [path for path in sys.path if path not in boot_paths]
    Importer(image["modules"], image["packages"], image["distributions"], standard).install()
    threads.install()
    sys.argv = [image["name"]]
    server = Server(wire)
    try:
        if image["name"] in image["modules"]:
            importlib.import_module(image["name"])  # first, so that kept modules are imported in the program's order
        table = [_entry(module, name) for module, name in image["entries"]]
    except BaseException as error:
        traceback.print_exc()
        server.fail(error)
        os._exit(1)
    gc.freeze()
    server.serve(table)
    os._exit(0)  # as in Go, the end of main ends the program, whatever still waits


def _entry(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
