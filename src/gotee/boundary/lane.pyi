from collections.abc import Callable
from typing import Any

from gotee.boundary.limits import Limits

class FastLane:
    def __init__(
        self,
        annotation: Any,
        exact: Callable[[Any], bool],
        items: str,
        classes: tuple[type, ...] | None = None,
        single: type | None = None,
    ) -> None: ...
    def encode(self, value: Any, limits: Limits, where: str) -> bytes | None: ...
    def decode(self, data: bytes, limits: Limits, path: str, where: str) -> Any: ...
