"""Source files as bytes and text. Host world; for syntax only.

Encoding, byte-order mark and line ends survive the way there and back.
"""

from __future__ import annotations

import io
import os
import re
import tokenize
from typing import NamedTuple

from gotee.errors import CompileError, GoteeError

_ENCODING = "name the encoding of the file in its first line, as in `# coding: latin-1`, or save it as UTF-8"
_ENCODING_NAMED = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # as Python finds it


class SourceFile(NamedTuple):
    """The text of a file, line ends as they are, and its encoding (`utf-8-sig` for a byte-order mark)."""

    text: str
    encoding: str


def read_bytes(path: str) -> bytes:
    """The content of a file; GoteeError says why not."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise GoteeError(f"there is no file {path!r}") from None
    except IsADirectoryError:
        raise GoteeError(f"{path!r} is a directory; name the file in it") from None
    except (OSError, ValueError) as error:
        raise GoteeError(f"cannot read {path!r}: {_reason(error)}") from None


def read_source(path: str) -> SourceFile:
    """Read a source file as Python does, by its encoding cookie; GT107 if its bytes are not of that encoding."""
    return source_of(read_bytes(path), path)


def source_of(data: bytes, path: str) -> SourceFile:
    """The text of the bytes of a source file; GT107 if they are not of its encoding."""
    try:
        return decode(data)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise CompileError("GT107", f"the file is not valid Python: {error}", filename=path, cure=_ENCODING) from None


def decode(data: bytes) -> SourceFile:
    """The text of a source file's bytes. Raises SyntaxError or UnicodeDecodeError."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return SourceFile(data.decode(encoding), encoding)


def as_utf8(source: str) -> bytes:
    """A text as the bytes of a source file in UTF-8: a comment that names another encoding is made to name this one."""
    lines = source.encode("utf-8", "surrogatepass").split(b"\n", 2)
    for number, line in enumerate(lines[:2]):
        named = _ENCODING_NAMED.match(line)
        if named and named[1].lower() not in (b"utf-8", b"utf8"):
            lines[number] = b"# coding: utf-8" + (b"\r" if line.endswith(b"\r") else b"")
    return b"\n".join(lines)


def write_source(path: str, file: SourceFile) -> None:
    """Replace the file behind `path`, which may be a symbolic link, at once or not at all; its mode stays."""
    import shutil
    import tempfile

    target = os.path.realpath(path)
    temporary = ""
    try:
        data = file.text.encode(file.encoding)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".gotee-")
        with os.fdopen(handle, "wb") as output:
            output.write(data)
            output.flush()
            os.fsync(output.fileno())
        shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise GoteeError(f"cannot write {path!r}: {_reason(error)}") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
