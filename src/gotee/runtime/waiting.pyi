from typing import Any

class WaitQueue:
    def __len__(self) -> int: ...

class Waiter:
    fired: bool
    ok: bool
    index: int
    value: Any
    what: object
    subject: object
    outside: object
