"""The image's distributions for importlib.metadata. Enclave world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from gotee.enclave.resources import Files

PACKAGES = "/packages"


class Distribution(metadata.Distribution):
    """An installed distribution, as far as the image holds what is known of it."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def read_text(self, filename: str) -> str | None:
        try:
            return self._files.get_data(f"{self._folder}/{filename}").decode()
        except FileNotFoundError:
            return None

    def locate_file(self, path: Any) -> Any:
        return PurePosixPath(PACKAGES, str(path))


def distributions(files: Files, name: str | None) -> Iterator[Distribution]:
    """The image's distributions, or the one of a name."""
    folders = {path.rpartition("/")[0] for path in files.files_below(PACKAGES) if path.endswith(".dist-info/METADATA")}
    for folder in sorted(folders):
        found = Distribution(files, folder)
        if name is None or _plain(found.metadata["Name"]) == _plain(name):
            yield found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
