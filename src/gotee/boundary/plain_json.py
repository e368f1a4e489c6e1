"""JSON in one form, and reading it, without the imports of `json` (which needs `re`, `enum` and more). All worlds.

The interpreter's own C functions do the work, as they do for `json`; where they are missing, `json` does it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Rules:
    """What the C scanner asks for: see json.decoder.JSONDecoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}

    @staticmethod
    def parse_constant(name: str) -> float:
        raise ValueError(f"{name} is no JSON")


def loads(data: bytes) -> Any:
    """The value of a text in UTF-8 without blanks around it. Raises ValueError, RecursionError.

    >>> loads(b'{"a":[1,"x",null]}')
    {'a': [1, 'x', None]}
    """
    text = data.decode()
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    try:
        value, end = make_scanner(_Rules())(text, 0)  # type: ignore[arg-type]  # what it asks for is not all declared
    except (StopIteration, SystemError):  # 3.11 has no other error while `json` is not imported
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("something follows the JSON")
    return value


def dumps(value: Any) -> bytes:
    """JSON in one form: sorted keys, no blanks, ASCII. Raises ValueError, TypeError, RecursionError.

    >>> dumps({"b": 1, "a": ["é"]})
    b'{"a":["\\\\u00e9"],"b":1}'
    """
    try:
        from _json import encode_basestring_ascii, make_encoder
    except ImportError:
        import json

        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", True, False, False)
    return "".join(encode(value, 0)).encode()


def _refuse(value: object) -> Any:
    raise TypeError(f"a {type(value).__name__} is no JSON")
