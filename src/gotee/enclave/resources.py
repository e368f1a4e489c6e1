"""Files of the image for importlib.resources. Enclave world."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.resources.abc import Traversable, TraversableResources
from pathlib import PurePosixPath
from typing import IO, Any, Protocol


class Files(Protocol):
    """Where files come from."""

    def get_data(self, path: str) -> bytes: ...
    def files_below(self, folder: str) -> list[str]: ...


class Path(Traversable):
    """A file or folder of the image."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def iterdir(self) -> Iterator[Path]:
        start = len(self._path) + 1
        names = {path[start:].partition("/")[0] for path in self._files.files_below(self._path)}
        return (Path(self._files, f"{self._path}/{name}") for name in sorted(names))

    def is_dir(self) -> bool:
        return bool(self._files.files_below(self._path))

    def is_file(self) -> bool:
        try:
            self._files.get_data(self._path)
        except FileNotFoundError:
            return False
        return True

    def joinpath(self, *descendants: Any) -> Path:
        return Path(self._files, str(PurePosixPath(self._path, *descendants)))

    def __truediv__(self, child: Any) -> Path:
        return self.joinpath(child)

    def read_bytes(self) -> bytes:
        return self._files.get_data(self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        data = io.BytesIO(self.read_bytes())
        return data if "b" in mode else io.TextIOWrapper(data, *args, **kwargs)

    def __str__(self) -> str:
        return self._path


class Reader(TraversableResources):
    """The resources of one package."""

    def __init__(self, files: Files, folder: str) -> None:
        self._folder = Path(files, folder)

    def files(self) -> Path:
        return self._folder
