"""The ocalls: what an enclave can ask of its host, and the forms of question and answer. Both worlds, the same code.

One OCALL message carries the number of the ocall as its id, the kind as its argument, and a payload; one ANSWER carries
the same id, an errno or 0, and a payload. `gotee.enclave.ocalls` asks and checks, `gotee.host.ocalls` serves.

Payloads are MessagePack, but for READ and WRITE, whose data follow a fixed head and are not wrapped, and for what is
said of a file: gotee.boundary.filestat.
"""

from __future__ import annotations

import errno
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum
    from typing import Final
else:
    from gotee.records import Number as IntEnum

PIECE_BYTES: Final = 240 << 10
"""The most data of one READ or WRITE: a quarter of the default ring."""

MOST_NAMES: Final = 1_000_000  # of one folder
MOST_PATH: Final = 4096  # bytes, PATH_MAX of Linux
MOST_VALUE: Final = 128 << 10  # bytes of a variable, MAX_ARG_STRLEN of Linux
MOST_LINE: Final = 64 << 10  # bytes of one answer of INPUT
NOWHERE: Final = -1  # an offset: the file's own place, for appending and for what has no places


class Ocall(IntEnum):
    """What is asked. The numbers are the wire format; those from 64 on are the network's."""

    OPEN = 1  # path, flags, mode -> handle, Stat
    CLOSE = 2  # handle
    READ = 3  # Head -> data
    WRITE = 4  # Head, data -> bytes written
    READ_BLOCK = 8  # handle, offset, bytes wanted, block -> bytes that are in the block now
    WRITE_BLOCK = 9  # handle, offset, bytes, block that holds them -> bytes written
    HANDLE_STAT = 5  # handle -> Stat
    TRUNCATE = 6  # handle, size
    SYNC = 7  # handle
    STAT = 10  # path, whether links are followed -> Stat
    LIST = 11  # path -> names, each with its type
    MAKE_FOLDER = 12  # path, mode
    REMOVE_FOLDER = 13  # path
    REMOVE = 14  # path
    RENAME = 15  # from, to
    SET_TIMES = 16  # path, access and change in ns, or None for now, whether links are followed
    SET_MODE = 17  # path, mode
    READ_LINK = 18  # path -> text
    ACCESS = 19  # path, mode -> whether
    HOME = 20  # -> the program's folder on the host
    INPUT = 30  # most bytes -> a line of standard input, or its part; nothing at the end
    ENVIRONMENT = 31  # names -> those that are set, with values
    TIME = 32  # -> ns since 1970
    RESOLVE = 64  # name, port, family, type, protocol, flags -> ResolveAnswer or ResolveFailed
    SOCKET = 65  # family, type, protocol -> handle
    SOCKET_CLOSE = 66  # handle
    BIND = 67  # handle, Address
    LISTEN = 68  # handle, backlog
    CONNECT = 69  # handle, Address
    ACCEPT = 70  # handle -> Accepted
    RECEIVE = 71  # see gotee.boundary.network
    RECEIVE_FROM = 72
    SEND = 73
    SHUTDOWN = 74  # handle, direction
    NAME = 75  # handle -> Address
    PEER = 76  # handle -> Address
    GET_OPTION = 77  # handle, level, name, size -> Option
    SET_OPTION = 78  # handle, level, name, Option
    POLL = 79


HEAD: Final = struct.Struct("<QqQ")
"""Of READ and WRITE: handle, offset or NOWHERE, and the bytes wanted (READ) or the bytes that follow (WRITE)."""

HANDLE_BYTES: Final = 8
"""Of the handle with which the answer of OPEN begins, little endian; a Stat follows."""

KNOWN_ERRORS: Final = frozenset(errno.errorcode)
_encode: Callable[[object], bytes] | None = None


def encode(value: object) -> bytes:
    """The MessagePack of a question or an answer."""
    global _encode
    if _encode is None:
        from msgspec.msgpack import encode as found  # slow to import, and many programs ask for nothing

        _encode = found
    return _encode(value)
