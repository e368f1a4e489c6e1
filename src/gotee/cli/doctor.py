"""`gotee doctor`: what this machine can do with this version of gotee, as far as it was tried. Host world.

Exit status 0: programs can run here. 1: something that they need is missing. `--json` for other programs.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from gotee import config
from gotee.cli._version import version
from gotee.errors import UsageError

MAPPINGS_FOR_100_000 = 262_144  # vm.max_map_count that leaves room for 100,000 parked routines at worst
PACKAGE = Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at. `ok` is None for what is only told."""

    name: str
    value: str
    ok: bool | None = None
    required: bool = False
    note: str = ""


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "doctor",
        help="what this machine can do",
        description="Say what this machine can do. Exit status 0: programs can run; 1: something is missing.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    parser.set_defaults(action=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Look, print, and answer whether programs can run here."""
    checks = [*_interpreter(), *_modules(), *_machine(), *_settings(), *_packages()]
    ready = all(check.ok for check in checks if check.required)
    tees = _tees()
    if options.json:
        report = {
            "gotee": version(),
            "ready": ready,
            "checks": [dataclasses.asdict(check) for check in checks],
            "tee": tees,
        }
        print(json.dumps(report, indent=2))
    else:
        _print(checks, tees, ready)
    return 0 if ready else 1


def _interpreter() -> Iterator[Check]:
    name = platform.python_implementation()
    yield Check(
        "python",
        f"{name} {platform.python_version()}",
        ok=name == "CPython" and sys.version_info >= (3, 11),
        required=True,
        note="" if name == "CPython" else "gotee needs CPython 3.11 or later",
    )
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    yield Check(
        "gil",
        "absent" if free_threaded else "present",
        ok=not free_threaded,
        required=True,
        note="gotee needs a build of CPython with the GIL" if free_threaded else "",
    )
    linux = sys.platform == "linux"
    yield Check(
        "platform",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        ok=linux,
        note="" if linux else "outside Linux only --tee inline is meant to work",
    )


def _modules() -> Iterator[Check]:
    """The compiled modules: those that have a .pyi and no .py, in a source tree and in a wheel alike.

    Each is imported, since a file that is there may be for another interpreter.
    """
    stubs = [path for path in PACKAGE.rglob("*.pyi") if not path.with_suffix(".py").exists()]
    names = sorted(".".join(("gotee", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in stubs)
    broken = [name for name in names if not _imports(name)]
    yield Check(
        "compiled modules",
        f"{len(names) - len(broken)} of {len(names)}",
        ok=bool(names) and not broken,
        required=True,
        note=f"cannot import {', '.join(broken)}; install gotee again" if broken else "",
    )


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _machine() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("cores", str(cores))
    limit, used = _count("/proc/sys/vm/max_map_count"), _lines("/proc/self/maps")
    if limit is not None and used is not None:
        enough = limit >= MAPPINGS_FOR_100_000
        yield Check(
            "vm.max_map_count",
            str(limit),
            ok=enough,
            note=f"room for {limit - used} parked routines at worst (one mapping each)"
            + ("" if enough else f"; for 100,000: sysctl vm.max_map_count={MAPPINGS_FOR_100_000}"),
        )
    for call in ("memfd_create", "eventfd"):
        works = _works(call)
        yield Check(call, "works" if works else "does not work", ok=works, note="for --tee process")


def _works(call: str) -> bool:
    """Call it: seccomp filters of containers refuse system calls that the kernel has."""
    try:
        handle = os.memfd_create("gotee-doctor") if call == "memfd_create" else os.eventfd(0)
    except (AttributeError, OSError):
        return False
    os.close(handle)
    return True


def _count(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def _lines(path: str) -> int | None:
    try:
        return Path(path).read_bytes().count(b"\n")
    except OSError:
        return None


def _settings() -> Iterator[Check]:
    try:
        settings = config.from_environment()
    except UsageError as error:
        yield Check("settings", "refused", ok=False, required=True, note=str(error))
    else:
        yield Check("settings", f"--tee {settings.tee}", ok=True, required=True)


def _packages() -> Iterator[Check]:
    """What gotee can use; an absent optional package is told, not a fault."""
    for name, required in (("greenlet", True), ("msgspec", True), ("numpy", False)):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "absent", ok=False if required else None, required=required)
        else:
            yield Check(name, found, ok=True, required=required)


def _tees() -> dict[str, dict[str, object]]:
    notes = dict.fromkeys(config.TEES, "not built yet")
    notes["inline"] = "no isolation: same process, nothing is protected"
    notes["process"] = "level development: no protection against code of the same user; Linux only"
    here = [name for name in config.RUNNABLE_TEES if name == "inline" or _can_share_memory()]
    return {name: {"runs": name in here, "note": notes[name]} for name in config.TEES}


def _can_share_memory() -> bool:
    return sys.platform == "linux" and _works("memfd_create") and _works("eventfd")


def _print(checks: list[Check], tees: dict[str, dict[str, object]], ready: bool) -> None:
    marks = {True: "ok", False: "--", None: "  "}
    print(f"gotee {version()}")
    for check in checks:
        note = f"  ({check.note})" if check.note else ""
        print(f"  {marks[check.ok]:2}  {check.name:17} {check.value}{note}")
    print("where secured routines can run")
    for name, tee in tees.items():
        print(f"  {marks[bool(tee['runs'])]:2}  --tee {name:11} {tee['note']}")
    print("ready" if ready else "not ready: see the lines marked --")
