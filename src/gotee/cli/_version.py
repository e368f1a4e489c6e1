"""The version of the installed gotee. Both worlds."""

from __future__ import annotations


def version() -> str:
    """The installed version, or a word that says that gotee runs from a source tree."""
    from importlib import metadata

    try:
        return metadata.version("gotee")
    except metadata.PackageNotFoundError:
        return "0+source (not installed)"
