"""The modules that an interpreter imports before any code of ours runs, as an archive in sealed memory. Platform world.

They are taken from the verified pages, as bytecode without source: nothing else can stand for them. The enclave's
interpreter takes the memory for its own installation, so no pyvenv.cfg, no python3X.zip and no old .pyc beside the real
one matters, and no folder is written that somebody else could change or that could be left behind.
"""

from __future__ import annotations

import struct
import sys

from gotee.image.memory import memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# APPNOTE.TXT of PKWARE, 4.3.7, 4.3.12, 4.3.16. Nothing is compressed; zipimport does not look at checksums and dates.
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION = 20
PYTHON = "/proc/self/python"
"""What the interpreter is told of its own file: there is none, and nobody can put a pyvenv.cfg beside it."""


def home(descriptor: int) -> str:
    """Where the interpreter is told to look for its library."""
    return f"/proc/self/fd/{descriptor}"


def archive(modules: Mapping[str, bytes], magic: str) -> int:
    """The modules, by their paths, as a zip archive, sealed; its descriptor. `magic` is that of their bytecode."""
    return memory("gotee-early", zipped(files(modules, magic)))


def files(modules: Mapping[str, bytes], magic: str) -> dict[str, bytes]:
    """The files of that archive."""
    library = "lib/python{}{}.zip".format(*sys.version_info[:2])
    header = bytes.fromhex(magic) + bytes(12)
    return {f"{library}/{path}": header + code for path, code in modules.items()}


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive of these files.

    >>> import io, zipfile
    >>> with zipfile.ZipFile(io.BytesIO(zipped({"a/b.pyc": b""}))) as made:
    ...     made.namelist()
    ['a/b.pyc']
    """
    body, directory = b"", b""
    for name, data in files.items():
        path, size = name.encode(), len(data)
        directory += _CENTRAL.pack(
            b"PK\1\2", _VERSION, _VERSION, 0, 0, 0, 0, 0, size, size, len(path), 0, 0, 0, 0, 0, len(body)
        )
        directory += path
        body += _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, 0, 0, 0, size, size, len(path), 0) + path + data
    count = len(files)
    return body + directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
