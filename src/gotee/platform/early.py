"""The modules that an interpreter imports before any code of ours runs, as files in a folder. Platform world.

They are written from the verified pages, as bytecode without source: nothing else can stand for them. The enclave's
interpreter takes the folder for its own installation, so no pyvenv.cfg and no python3X.zip beside the real one matters.
"""

from __future__ import annotations

import os
import sys

from gotee.image.load import Loaded


def python(folder: str) -> str:
    """What the interpreter is told of its own place: there is no such file, its library is beside it."""
    return f"{folder}/bin/python"


def write(loaded: Loaded, folder: str) -> None:
    """Write the modules into a new folder. Who can write there can change what the enclave runs."""
    library = "{}/lib/python{}.{}".format(folder, *sys.version_info[:2])
    os.makedirs(f"{library}/lib-dynload")
    header = bytes.fromhex(loaded.manifest.python["magic"]) + bytes(12)
    for path, code in loaded.early.items():
        if "/" in path:
            os.makedirs(f"{library}/{os.path.dirname(path)}", exist_ok=True)
        with open(f"{library}/{path}", "xb") as file:
            file.write(header + code)


def remove(folder: str) -> None:
    """Remove the folder and what is in it."""
    for path, folders, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(f"{path}/{name}")
        for name in folders:
            os.rmdir(f"{path}/{name}")
    os.rmdir(folder)
