"""The time of day inside: the host's, as far as the policy allows, and never going back. Enclave world.

`outside` installs it. The host is asked once in a while; between, the time goes on with the enclave's own clock, which
says nothing of the day. Time is untrusted: the host may say any.

Without `time = true` the program is refused. Libraries that look at the clock unasked (`logging`, `zipfile`) then get
the time since the enclave's start, counted from 1980, before which ZIP files know no time.
"""

from __future__ import annotations

import gc
import time

from gotee.boundary.ocalls import Ocall, encode
from gotee.boundary.policy import Policy
from gotee.enclave.callers import library_asks
from gotee.enclave.ocalls import Ocalls, decoder
from gotee.enclave.types import type_changed
from gotee.errors import OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SECOND = 1_000_000_000  # ns
EARLIEST, LATEST = 946_684_800 * _SECOND, 7_258_118_400 * _SECOND  # the years 2000 to 2199
_NO_DAY = 315_532_800 * _SECOND  # 1980 began
ASKED_AGAIN = 10 * _SECOND
_moment = decoder(lambda: int)
_monotonic_ns = time.monotonic_ns


class Clock:
    """The time of day of one enclave, in ns since 1970."""

    def __init__(self, ocalls: Ocalls, policy: Policy) -> None:
        self._ocalls = ocalls
        self._allowed = policy.time
        self._start = _monotonic_ns()
        self._asked: int | None = None  # when the host was asked, by the enclave's clock
        self._offset = 0
        self._last = 0

    def now(self) -> int:
        """Raises OcallRefused if the policy does not allow it."""
        if not self._allowed:
            if library_asks():
                return _NO_DAY + _monotonic_ns() - self._start
            raise OcallRefused("reading the time of day is not allowed", "time = true")
        if self._asked is None or _monotonic_ns() - self._asked > ASKED_AGAIN:
            said = self._ocalls.ask(Ocall.TIME, encode(()), _checked)
            self._asked = _monotonic_ns()
            self._offset = said - self._asked
        self._last = max(self._last, _monotonic_ns() + self._offset)
        return self._last


def _checked(payload: bytes) -> int:
    moment = _moment(payload)
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"{moment} ns since 1970 is no time of these centuries")
    return moment


def functions(clock: Clock) -> dict[Any, Callable[..., Any]]:
    """What takes the place of the functions of `time` that look at the time of day."""
    real_localtime, real_gmtime, real_ctime = time.localtime, time.gmtime, time.ctime
    real_strftime, real_asctime, real_gettime, real_gettime_ns = (
        time.strftime,
        time.asctime,
        time.clock_gettime,
        time.clock_gettime_ns,
    )
    of_day = {time.CLOCK_REALTIME, getattr(time, "CLOCK_TAI", -1), 5}  # 5: CLOCK_REALTIME_COARSE

    def now() -> float:
        return clock.now() / _SECOND

    def localtime(seconds: float | None = None, /) -> time.struct_time:
        return real_localtime(now() if seconds is None else seconds)

    def gmtime(seconds: float | None = None, /) -> time.struct_time:
        return real_gmtime(now() if seconds is None else seconds)

    def ctime(seconds: float | None = None, /) -> str:
        return real_ctime(now() if seconds is None else seconds)

    def strftime(form: str, moment: Any = None, /) -> str:
        return real_strftime(form, localtime() if moment is None else moment)

    def asctime(moment: Any = None, /) -> str:
        return real_asctime(localtime() if moment is None else moment)

    def clock_gettime(number: int, /) -> float:
        return now() if number in of_day else real_gettime(number)

    def clock_gettime_ns(number: int, /) -> int:
        return clock.now() if number in of_day else real_gettime_ns(number)

    return {
        time.time: now,
        time.time_ns: clock.now,
        time.localtime: localtime,
        time.gmtime: gmtime,
        time.ctime: ctime,
        time.strftime: strftime,
        time.asctime: asctime,
        time.clock_gettime: clock_gettime,
        time.clock_gettime_ns: clock_gettime_ns,
    }


def set_datetime(clock: Clock, module: Any) -> None:
    """`datetime.now` and `utcnow` of `_datetime`, which are C and ask the kernel.

    A subclass would not do: exact types matter.
    """
    cls = module.datetime

    def now(cls: Any, tz: Any = None) -> Any:
        return cls.fromtimestamp(clock.now() / _SECOND, tz)

    def utcnow(cls: Any) -> Any:
        return cls.fromtimestamp(clock.now() / _SECOND, module.timezone.utc).replace(tzinfo=None)

    (names,) = gc.get_referents(cls.__dict__)  # behind the proxy
    names["now"], names["utcnow"] = classmethod(now), classmethod(utcnow)
    type_changed(cls)
