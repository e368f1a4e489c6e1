"""Where an enclave keeps keys that live long: memory that nothing outside its process can read. Enclave world.

The sandbox gives the memory (memfd_secret) before it closes; where the kernel has none, ordinary memory is used and the
layer `secretmem` is reported as missing. A copy of a key as `bytes` is in ordinary memory: use `Key.view`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


SIZE: Final = 32 << 10  # bytes; below the 64 KiB that systems let every user lock
_STEP: Final = 16  # bytes; places begin at multiples of it

_memory: memoryview | None = None
_free: list[tuple[int, int]] = []  # places and sizes, in order


def use(memory: memoryview) -> None:
    """Keep keys in this memory from now on. The sandbox calls it once, before any key is kept."""
    global _memory
    _memory = memory
    _free[:] = [(0, len(memory))]


class Key:
    """Secret bytes of a fixed length. Its `view` is writable and shows the memory itself; `wipe` ends it.

    >>> key = reserve(3)
    >>> key.view[:] = b"abc"
    >>> key
    <Key of 3 bytes>
    >>> bytes(key.view)
    b'abc'
    >>> key.wipe()
    >>> key.view
    Traceback (most recent call last):
        ...
    ValueError: this key was wiped
    """

    __slots__ = ("_place", "_view")

    def __init__(self, view: memoryview, place: int | None) -> None:
        self._view: memoryview | None = view
        self._place = place

    @property
    def view(self) -> memoryview:
        """The bytes, where they lie. Raises ValueError after `wipe`."""
        if self._view is None:
            raise ValueError("this key was wiped")
        return self._view

    def wipe(self) -> None:
        """Overwrite the bytes and give the memory back; once is enough."""
        if self._view is None:
            return
        size = len(self._view)
        self._view[:] = bytes(size)
        self._view = None
        if self._place is not None:
            _give_back(self._place, _rounded(size))

    def __del__(self) -> None:
        self.wipe()

    def __len__(self) -> int:
        return len(self.view)

    def __repr__(self) -> str:
        return "<Key, wiped>" if self._view is None else f"<Key of {len(self._view)} bytes>"

    def __reduce__(self) -> str:
        raise TypeError("a Key is not copied or pickled")


def reserve(size: int) -> Key:
    """A new key of `size` zero bytes, to be filled through its `view`: `socket.recv_into(key.view)`.

    Raises MemoryError when the memory for keys is full.
    """
    if size <= 0:
        raise ValueError(f"a key has at least one byte, not {size}")
    if _memory is None:
        return Key(memoryview(bytearray(size)), None)
    wanted = _rounded(size)
    for number, (place, free) in enumerate(_free):
        if free >= wanted:
            _free[number : number + 1] = [(place + wanted, free - wanted)] if free > wanted else []
            return Key(_memory[place : place + size], place)
    raise MemoryError(f"the {SIZE} bytes for keys have no room for {size} more; wipe keys that are not used")


def keep(secret: bytes | bytearray | memoryview) -> Key:
    """A key with these bytes. The caller's copy stays where it is: overwrite it if it can be.

    >>> keep(b"secret")
    <Key of 6 bytes>
    """
    key = reserve(len(secret))
    key.view[:] = secret
    return key


def _rounded(size: int) -> int:
    return (size + _STEP - 1) // _STEP * _STEP


def _give_back(place: int, size: int) -> None:
    _free.append((place, size))
    _free.sort()
    joined: list[tuple[int, int]] = []
    for start, length in _free:
        if joined and sum(joined[-1]) == start:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((start, length))
    _free[:] = joined
