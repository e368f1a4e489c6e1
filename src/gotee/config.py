"""Where and how secured routines run, as the environment says it: GOTEE_TEE, _LEVEL, _IMAGE, _LINK, _REQUIRE,
_STATS, _TRACE, _DEBUG, _PLATFORM.

Host world. The one place that knows these variables; `gotee run` writes its options into the same
variables, so that a program, and every process it starts, sees one answer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gotee.errors import UsageError
from gotee.platform.required import SERVICE, required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NamedTuple
else:
    from gotee.records import Record as NamedTuple

TEE: Final = "GOTEE_TEE"
LEVEL: Final = "GOTEE_LEVEL"
IMAGE: Final = "GOTEE_IMAGE"
LINK: Final = "GOTEE_LINK"
REQUIRE: Final = "GOTEE_REQUIRE"
STATS: Final = "GOTEE_STATS"
TRACE: Final = "GOTEE_TRACE"
DEBUG: Final = "GOTEE_DEBUG"
PLATFORM: Final = "GOTEE_PLATFORM"
PREFIX: Final = "GOTEE_"

TEES: Final = ("inline", "process", "vm", "nitro", "sgx")
"""Every place where an enclave can run, built or planned."""

RUNNABLE_TEES: Final = ("inline", "process")
"""Those that this version can run."""

LEVELS: Final = ("development", "service")

LINKS: Final = ("ring", "stream")
"""How a process enclave is connected: shared memory, or the byte stream that other platforms will use."""


class Config(NamedTuple):
    """The validated answer to: where do secured routines run?

    >>> Config().tee, Config().level, Config().platform
    ('process', 'development', '/run/gotee/platform.sock')
    """

    tee: str = "process"
    level: str = "development"
    image: str | None = None
    link: str = "ring"
    require: str = ""
    stats: bool = False
    trace: str | None = None
    debug: bool = False
    platform: str = SERVICE


DEFAULT: Final = Config()


def from_environment(environ: Mapping[str, str] | None = None) -> Config:
    """Read and check the environment (by default the process's own).

    An empty value counts as absent. Raises UsageError, naming the variable, for a value that is unknown
    or that this version cannot run, and for a `GOTEE_` variable that is a near miss of a real one.

    >>> from_environment({"GOTEE_TEE": "inline"}).tee
    'inline'
    >>> from_environment({"GOTEE_TEE": "inlin"})
    Traceback (most recent call last):
        ...
    gotee.errors.UsageError: GOTEE_TEE='inlin' is unknown; did you mean 'inline'? ...
    """
    environ = os.environ if environ is None else environ
    _refuse_near_misses(environ)
    return check(
        tee=environ.get(TEE) or None,
        level=environ.get(LEVEL) or None,
        image=environ.get(IMAGE) or None,
        link=environ.get(LINK) or None,
        require=environ.get(REQUIRE, ""),
        stats=environ.get(STATS, ""),
        trace=environ.get(TRACE) or None,
        debug=environ.get(DEBUG, "") not in ("", "0"),
        platform=environ.get(PLATFORM) or None,
        names=(f"{TEE}=", f"{LEVEL}=", f"{IMAGE}="),
    )


def check(
    tee: str | None,
    level: str | None,
    image: str | None,
    *,
    link: str | None = None,
    require: str = "",
    stats: str = "",
    trace: str | None = None,
    debug: bool = False,
    platform: str | None = None,
    names: tuple[str, str, str] = ("--tee ", "--level ", "--image "),
) -> Config:
    """Turn three raw settings into a Config; `names` is how an error spells them.

    Raises UsageError with cause and cure.
    """
    tee_name, level_name, image_name = names
    if tee is not None:
        _known(tee_name, tee, TEES)
        if tee not in RUNNABLE_TEES:
            raise UsageError(
                f"{_spelled(tee_name, tee)} is not built yet; this version has --tee "
                f"{' and --tee '.join(RUNNABLE_TEES)}, which protect nothing from code of the same user"
            )
    if level is not None:
        _known(level_name, level, LEVELS)
        if level == "service" and (tee or _default_tee) != "process":
            raise UsageError(f"{_spelled(level_name, level)} needs --tee process: {tee or _default_tee} has no levels")
    if image is not None:
        if tee == "inline":
            raise UsageError(f"{_spelled(image_name, image)} cannot be run inline: leave --tee inline out")
        if not os.path.isfile(image):
            raise UsageError(f"{_spelled(image_name, image)}: no such file; `gotee build` writes images")
        tee = tee or "process"
    if link is not None:
        _known(f"{LINK}=", link, LINKS)
    if platform is not None and not os.path.isabs(platform):
        raise UsageError(f"{PLATFORM}={platform!r} is no absolute path: it names the socket of level service")
    try:
        layers = required(require)
    except ValueError as error:
        raise UsageError(f"{REQUIRE}={require!r}: {error}") from None
    tee = tee or _default_tee
    if layers and tee == "inline":
        raise UsageError(f"{REQUIRE}={require!r} asks for a sandbox, and inline has none: leave one of the two out")
    if stats not in ("", "0", "1"):
        raise UsageError(f"{STATS}={stats!r} is unknown; write 1 for statistics at the program's end")
    if (stats == "1" or trace) and tee == "inline":
        raise UsageError("--stats and --trace look at the boundary, and inline has none: leave --tee inline out")
    return Config(
        tee=tee,
        level=level or DEFAULT.level,
        image=image,
        link=link or DEFAULT.link,
        require=",".join(layers),
        stats=stats == "1",
        trace=trace,
        debug=debug,
        platform=platform or DEFAULT.platform,
    )


_default_tee = DEFAULT.tee


def default_tee(tee: str) -> str:
    """Say where secured routines run when nobody says it, for this process only; answers what it was before.

    The pytest plugin asks for `inline`: the main file of a test run is pytest's, not the program's.
    """
    global _default_tee
    before, _default_tee = _default_tee, tee
    return before


def _refuse_near_misses(environ: Mapping[str, str]) -> None:
    """A misspelt GOTEE_TEE that is silently ignored would run a program less isolated than was asked."""
    known = (TEE, LEVEL, IMAGE, LINK, REQUIRE, STATS, TRACE, DEBUG, PLATFORM)
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            import difflib  # half the cost of this module

            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            if near:
                raise UsageError(f"{name} is no setting of gotee; did you mean {near[0]}? Rename or unset it")


def _known(name: str, value: str, choices: Sequence[str]) -> None:
    if value in choices:
        return
    import difflib

    near = difflib.get_close_matches(value.lower(), choices, n=1)
    hint = f"; did you mean {near[0]!r}? Choose" if near else ": choose"
    raise UsageError(f"{_spelled(name, value)} is unknown{hint} one of {', '.join(choices)}")


def _spelled(name: str, value: str) -> str:
    return f"{name}{value!r}" if name.endswith("=") else f"{name}{value}"
