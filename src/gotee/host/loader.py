"""The enclave of this program: built and started by its first `gosecure`. Host world."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gotee import config
from gotee.compiler.closure import Partition, partition
from gotee.compiler.entries import Entry
from gotee.errors import EnclaveLost, SecuredRoutineError
from gotee.host.enclave import Enclave
from gotee.host.start import Image, start
from gotee.image.build import build
from gotee.image.sign import for_development
from gotee.runtime.routine import Routine

BANNER = (
    "gotee: --tee process, level development: the enclave is a process of the same user. "
    "No confidentiality or integrity against code of this user.\n"
)


class Loaded:
    """The program's partition and the enclave that runs it."""

    def __init__(self, trusted: Partition) -> None:
        self._table = {entry: number for number, entry in enumerate(trusted.entries)}
        self._main = trusted.name
        built = build(trusted)
        image = Image(built.stream, for_development(built.measurement), built.places)
        self.enclave = Enclave(start(image, config.from_environment().link))

    def entry(self, function: Callable[..., Any]) -> int:
        """The number of a function in the image's fixed table."""
        module = self._main if function.__module__ == "__main__" else function.__module__
        number = self._table.get(Entry(module, function.__qualname__))
        if number is None:
            number = self._imported(function)
        if number is None:
            raise SecuredRoutineError(
                f"{module}.{function.__qualname__} is not in the image's table of entries: name it in a "
                f"gosecure({function.__name__}, ...) call of the program, so that the compiler sees it"
            )
        return number

    def _imported(self, function: Callable[..., Any]) -> int | None:
        """A function that the table knows by another name than its own: `os.path.join` is `posixpath.join`."""
        for entry, number in self._table.items():
            module = sys.modules.get(entry.module)
            if module is not None and vars(module).get(entry.name) is function:
                return number
        return None


_loaded: Loaded | None = None
_loading = threading.Lock()


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Routine[Any]:
    """Run a secured routine in this program's enclave. Raises CompileError, BoundaryTypeError, EnclaveLost."""
    loaded = load()
    if loaded.enclave.lost is not None:
        raise EnclaveLost(loaded.enclave.lost)
    return loaded.enclave.call(loaded.entry(function), function, args, kwargs)


def load() -> Loaded:
    """Build and start the program's enclave, once. Raises CompileError with what the compiler sees."""
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                loaded = Loaded(partition(_main_file()))
                if sys.stderr is not None:
                    sys.stderr.write(BANNER)
                loaded.enclave.wait_ready()
                _loaded = loaded
    return _loaded


def _main_file() -> Path:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file is None:
        raise SecuredRoutineError(
            "the program has no main file, so there is nothing to build an enclave from; in an interactive session, "
            "or with python -c, set GOTEE_TEE=inline, which protects nothing"
        )
    return Path(file)
