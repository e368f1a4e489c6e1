"""The first code of an enclave: take the image, import the entries from it, serve. Enclave world.

Modules of the program come from the image, in memory, and from nowhere else. In this version the rest (interpreter,
standard library, gotee, third-party packages) is read from disk and not measured.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import os
import signal
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

from gotee.boundary import links
from gotee.boundary.wire import Wire
from gotee.enclave.server import Server
from gotee.runtime import worlds


class ImageImporter(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the program's modules in the image."""

    def __init__(self, modules: dict[str, dict[str, Any]]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        module = self._modules.get(fullname)
        if module is None:
            return None
        spec = importlib.util.spec_from_loader(fullname, self, is_package=module["package"])
        if spec is not None:
            spec.origin = module["file"]
            spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        return bool(self._modules[fullname]["package"])

    def get_source(self, fullname: str) -> str:
        return str(self._modules[fullname]["source"])

    def get_code(self, fullname: str) -> CodeType:
        module = self._modules[fullname]
        lines = module["source"].splitlines(keepends=True)
        linecache.cache[module["file"]] = (len(module["source"]), None, lines, module["file"])
        return compile(module["source"], module["file"], "exec", dont_inherit=True)


def main(image_fd: int, link_fds: tuple[int, ...]) -> None:
    """Run the enclave until its link ends."""
    worlds.enter_enclave()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(image_fd, "rb") as file:
        image = json.load(file)
    wire = Wire(links.attach(link_fds))
    sys.meta_path.insert(0, ImageImporter(image["modules"]))
    sys.argv = [image["name"]]
    server = Server(wire)
    table = [_entry(module, name) for module, name in image["entries"]]
    gc.freeze()
    server.serve(table)
    os._exit(0)  # as in Go, the end of main ends the program, whatever still waits


def _entry(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
