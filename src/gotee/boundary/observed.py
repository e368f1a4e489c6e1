"""What an enclave for debugging tells of what it does, for `gotee run --stats` and `--trace`. Both worlds.

One OBSERVE message of the host asks for it; OBSERVED messages bring it, the last of them when the program ends. An
enclave for release tells nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gotee.boundary.messages import Kind

STATS: Final = 1  # what OBSERVE asks for
TRACE: Final = 2
DEBUG: Final = 4  # pdb inside
BATCH: Final = 2000  # spans of one message

ENDS: Final = frozenset(
    (
        *(Kind.RESULT, Kind.FAILED, Kind.REFUSED, Kind.CALL_CANCELLED),
        *(Kind.OVERLOADED, Kind.PUBLIC_FAILED, Kind.HIDDEN),
    )
)
"""How a call ends, says the enclave."""
OUTCOMES: Final = frozenset(
    (
        *(Kind.GRANT, Kind.TAKEN, Kind.CLOSED, Kind.NONE),
        *(Kind.CANCELLED, Kind.OK, Kind.ERROR, Kind.LENGTH),
    )
)
"""How an operation on a channel ends, says the host."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=300)]


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What was asked of the host from one line: how often, bytes each way, and how long routines were parked for it."""

    what: _Name
    line: _Name
    count: _Count
    sent: _Count
    received: _Count
    parked: _Count  # ns


class Span(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Something that took time. `routine` is 0 for a call as a whole, whose `what` is the number of its entry."""

    what: _Name
    line: _Name
    routine: _Count
    number: _Count
    start: _Count  # ns of the machine's monotonic clock, which both worlds read
    length: _Count


class Observed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One message."""

    rows: Annotated[list[Row], msgspec.Meta(max_length=100_000)]
    spans: Annotated[list[Span], msgspec.Meta(max_length=BATCH)]
    left_out: _Count  # spans that were not kept
