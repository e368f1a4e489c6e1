import enum
from typing import Final

class Kind(enum.IntEnum):
    CALL = 1
    CANCEL_CALL = 2
    GRANT = 3
    TAKEN = 4
    CLOSED = 5
    NONE = 6
    CANCELLED = 7
    OK = 8
    ERROR = 9
    LENGTH = 10
    STOP = 11
    PROBE = 12
    LEND = 13
    ANSWER = 16
    READY = 32
    RESULT = 33
    FAILED = 34
    CALL_CANCELLED = 35
    WANT = 36
    OFFER = 37
    SELECT = 38
    CANCEL = 39
    CLOSE = 40
    LEN = 41
    RELEASE = 42
    CONSOLE = 43
    REFUSED = 44
    OVERLOADED = 46
    UNREADY = 47
    OBSERVE = 17
    TOOK = 51
    OBSERVED = 50
    PUBLIC_FAILED = 56
    HIDDEN = 57
    OCALL = 48
    ABANDON = 49
    PASSIVE = 45

FROM_HOST: Final[int]
FROM_ENCLAVE: Final[int]

class Message:
    kind: Final[Kind]
    code: Final[int]
    id: Final[int]
    argument: Final[int]
    payload: Final[bytes]
    body: Final[bytes | None]

def pack(kind: int, id: int = 0, argument: int = 0, payload: bytes = b"") -> bytes: ...
def unpack(frame: bytes, sender: int) -> Message: ...

WireCase = tuple[int, bytes | None]

def pack_cases(cases: list[WireCase]) -> bytes: ...
def unpack_cases(payload: bytes, most: int) -> list[WireCase]: ...
def pack_error(kind: str, text: str) -> bytes: ...
def unpack_error(payload: bytes) -> tuple[str, str]: ...
def pack_capacity(capacity: int) -> bytes: ...
def unpack_capacity(payload: bytes) -> int: ...
