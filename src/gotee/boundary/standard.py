"""The general lane's standard-library types: dates, zones, Decimal, UUID, ... Both worlds; called by `general` only.

Each module is imported when a type of it is met, by its own fixed name here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

from gotee.boundary.check import expected, kind_name
from gotee.boundary.nodes import IntNode, SimpleNode, int_bytes, ints, text, untext
from gotee.errors import BoundaryTypeError

# Zone names become file names inside `zoneinfo`: nothing but the names of the IANA database may reach it.
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+\-]{1,40}(/[A-Za-z0-9_+\-]{1,40}){0,3}")
_SCALARS = frozenset("cbBhHiIlLqQnNfd?")  # struct codes of a memoryview's elements; no pointers


def _bytearray() -> SimpleNode:
    return SimpleNode(bytearray, bytes, lambda plain: bytearray(_blob(plain)))


def _blob(plain: Any) -> bytes:
    if type(plain) is not bytes:
        raise expected("bytes", plain)
    return plain


def _memoryview() -> SimpleNode:
    return SimpleNode(memoryview, _view_plain, _view_build)


def _view_plain(view: memoryview) -> Any:
    try:
        code = view.format
        shape = list(view.shape or ())
        good = view.c_contiguous and code.removeprefix("@") in _SCALARS and (view.ndim == 1 or 0 not in shape)
    except ValueError:
        raise BoundaryTypeError("A released memoryview cannot cross") from None
    if not good:
        raise BoundaryTypeError(
            f"A memoryview of format {view.format!r} and shape {view.shape} cannot cross: pass bytes(view)"
        )
    return [code, shape, view.readonly, view.tobytes()]


def _view_build(plain: Any) -> memoryview:
    code, shape, readonly, data = plain
    if code.removeprefix("@") not in _SCALARS or type(readonly) is not bool:
        raise expected("memoryview", plain)
    flat = memoryview(_blob(data) if readonly else bytearray(_blob(data)))
    ints(shape, len(shape))
    if len(shape) == 1:
        view = flat.cast(code)
        if view.shape != tuple(shape):
            raise expected("memoryview", plain)
        return view
    return flat.cast("B").cast(code, shape)


def _range() -> SimpleNode:
    whole = IntNode()

    def part(value: int) -> Any:
        return value if -(2**63) <= value < 2**64 else int_bytes(value)

    def build(plain: Any) -> range:
        start, stop, step = (whole.decode(one, None) for one in plain)  # type: ignore[arg-type]
        return range(start, stop, step)

    return SimpleNode(range, lambda r: [part(r.start), part(r.stop), part(r.step)], build)


def _timedelta() -> SimpleNode:
    from datetime import timedelta

    def build(plain: Any) -> timedelta:
        days, seconds, microseconds = ints(plain, 3)
        return timedelta(days, seconds, microseconds)

    return SimpleNode(timedelta, lambda d: [d.days, d.seconds, d.microseconds], build)


def _date() -> SimpleNode:
    from datetime import date

    return SimpleNode(date, lambda d: [d.year, d.month, d.day], lambda plain: date(*ints(plain, 3)))


def _time() -> SimpleNode:
    from datetime import time

    def plain_of(t: time) -> Any:
        return [t.hour, t.minute, t.second, t.microsecond, t.fold, _zone_plain(t.tzinfo)]

    def build(plain: Any) -> time:
        hour, minute, second, microsecond, fold = ints(plain[:-1], 5)
        return time(hour, minute, second, microsecond, _zone_build(plain[-1]), fold=fold)

    return SimpleNode(time, plain_of, build)


def _datetime() -> SimpleNode:
    from datetime import datetime

    def plain_of(t: datetime) -> Any:
        clock = [t.hour, t.minute, t.second, t.microsecond, t.fold]
        return [t.year, t.month, t.day, *clock, _zone_plain(t.tzinfo)]

    def build(plain: Any) -> datetime:
        *when, fold = ints(plain[:-1], 8)
        year, month, day, hour, minute, second, microsecond = when
        zone = _zone_build(plain[-1])
        return datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)

    return SimpleNode(datetime, plain_of, build)


def _zone_plain(zone: Any) -> Any:
    """None; [days, seconds, microseconds, name or None] of a fixed offset; the key of a ZoneInfo."""
    if zone is None:
        return None
    from datetime import timezone

    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset.days, offset.seconds, offset.microseconds, text(name[0]) if name else None]
    key = getattr(zone, "key", None)
    if type(zone).__module__ == "zoneinfo" and type(key) is str and _ZONE_NAME.fullmatch(key):
        from zoneinfo import ZoneInfo

        if type(zone) is ZoneInfo and _is_named(zone):
            return key
    raise BoundaryTypeError(
        f"A time zone of type {kind_name(zone)} cannot cross: use datetime.timezone or a ZoneInfo with a key"
    )


def _is_named(zone: Any) -> bool:
    """Whether the key tells all: a zone that was read from a file of the program's own only bears it."""
    try:
        zone.__reduce__()
    except Exception:  # pickle.PicklingError: the standard library knows, and tells nobody else
        return False
    return True


def _zone_build(plain: Any) -> Any:
    if plain is None:
        return None
    if type(plain) is str:
        from zoneinfo import ZoneInfo

        if not _ZONE_NAME.fullmatch(plain):
            raise BoundaryTypeError("Expected the name of a time zone")
        try:
            return ZoneInfo(plain)
        except Exception:  # KeyError, ValueError and OSError, by what the name happens to hit
            raise BoundaryTypeError(
                f"The time zone {plain!r} is not known in this world: inside, zones come from the package tzdata, if "
                "trusted code imports and names it"
            ) from None
    from datetime import timedelta, timezone

    *parts, name = plain
    days, seconds, microseconds = ints(parts, 3)
    offset = timedelta(days, seconds, microseconds)
    return timezone(offset) if name is None else timezone(offset, untext(name))


def _timezone() -> SimpleNode:
    from datetime import timezone

    def build(plain: Any) -> timezone:
        if type(plain) is not list:
            raise expected("timezone", plain)
        zone: timezone = _zone_build(plain)
        return zone

    return SimpleNode(timezone, _zone_plain, build)


def _zoneinfo() -> SimpleNode:
    from zoneinfo import ZoneInfo

    def build(plain: Any) -> ZoneInfo:
        if type(plain) is not str:
            raise expected("ZoneInfo", plain)
        zone: ZoneInfo = _zone_build(plain)
        return zone

    return SimpleNode(ZoneInfo, _zone_plain, build)


def _uuid() -> SimpleNode:
    from uuid import UUID, SafeUUID

    safety = (SafeUUID.safe, SafeUUID.unsafe, SafeUUID.unknown)

    def plain_of(value: UUID) -> bytes:
        return value.bytes + bytes([safety.index(value.is_safe)])

    def build(plain: Any) -> UUID:
        data = _blob(plain)
        return UUID(bytes=data[:16], is_safe=safety[struct.unpack("B", data[16:])[0]])

    return SimpleNode(UUID, plain_of, build)


def _decimal() -> SimpleNode:
    from decimal import Decimal

    def build(plain: Any) -> Decimal:
        if type(plain) is not str:
            raise expected("Decimal", plain)
        return Decimal(plain)

    return SimpleNode(Decimal, str, build)


# The order is part of the frame format: an un-annotated value is sent with its place in this table.
STANDARD: dict[str, Callable[[], SimpleNode]] = {
    "builtins.bytearray": _bytearray,
    "builtins.memoryview": _memoryview,
    "builtins.range": _range,
    "datetime.date": _date,
    "datetime.datetime": _datetime,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "datetime.timezone": _timezone,
    "zoneinfo.ZoneInfo": _zoneinfo,
    "uuid.UUID": _uuid,
    "decimal.Decimal": _decimal,
}
