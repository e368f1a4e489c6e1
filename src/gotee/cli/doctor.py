"""`gotee doctor`: what this machine can do with this version of gotee, found by trying it. Host world.

Exit status 0: programs can run here. 1: something that they need is missing. `--json` for other programs: the keys are
described in docs/reference/cli.md, and `schema` grows when one changes its meaning.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import signal
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from gotee import config
from gotee.cli._version import version
from gotee.errors import UsageError
from gotee.host import trial
from gotee.host.needs import Need, needs

MAPPINGS_FOR_100_000 = 262_144  # vm.max_map_count that leaves room for 100,000 parked routines at worst
PACKAGE = Path(__file__).parents[1]
SCHEMA = 1

FLOOR = "no new privileges, seccomp allow-list, not dumpable, no other descriptors"
FLOOR_CURE = "a kernel and a container that allow it, and no seccomp filter around gotee"
WHAT = {
    "userns": "no right over anything outside",
    "mountns": "mounts of its own",
    "netns": "a network with nothing in it",
    "ipcns": "no queues and shared memory of others",
    "utsns": "the machine's name is not seen",
    "cgroupns": "control groups are not seen",
    "pidns": "no other process is seen",
    "threads": "a bound on threads",
    "secretmem": "memory for keys that nothing outside can read",
    "root": "an empty root folder",
    "landlock-files": "no file can be opened",
    "landlock-net": "no TCP port can be used",
    "landlock-scopes": "no signal and no abstract socket leads out",
}


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
    """Look, try, print, and answer whether programs can run here."""
    if os.name == "posix":
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who started us may ignore it: no child could be waited for
    needed = needs()
    checks = [*_interpreter(), *_modules(), *_begins(), *_machine(), *_needed(needed), *_settings(), *_packages()]
    chosen = _chosen()
    lacking = next((need for need in needed if need.missing), None)
    sandbox = _sandbox(chosen, lacking)
    tees = _tees(lacking, chosen, sandbox["floor"])
    ready = (
        all(check.ok for check in checks if check.required)
        and chosen is not None
        and (chosen.tee == "inline" or tees[chosen.tee]["levels"][chosen.level]["runs"])
        and (chosen.tee == "inline" or chosen.level == "service" or sandbox["satisfied"])
    )
    report = {
        "schema": SCHEMA,
        "gotee": version(),
        "ready": ready,
        "checks": [dataclasses.asdict(check) for check in checks],
        "tee": tees,
        "sandbox": sandbox,
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print(checks, report)
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


def _begins() -> Iterator[Check]:
    """The program that starts platforms of level development; without it they start, more slowly (host.ahead)."""
    program = PACKAGE / "platform" / "begin"
    if sys.platform == "linux":
        there, runs = program.exists(), os.access(program, os.X_OK)
        cure = f"chmod +x {program}, on a file system that lets it run" if there else "install gotee again"
        yield Check(
            "fast start",
            "works" if runs else "cannot be run" if there else "absent",
            ok=runs,
            note="" if runs else f"enclaves start more slowly: {cure}",
        )


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _machine() -> Iterator[Check]:
    try:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    except OSError:
        cores = os.cpu_count()  # a line of its own says that it cannot be asked
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


def _needed(needed: list[Need]) -> Iterator[Check]:
    """What `--tee process` needs."""
    for need in needed:
        note = f"for --tee process{f': {need.cure}' if need.cure else ''}"
        yield Check(need.name, need.value, ok=not need.missing, note=note)


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
        note = f"{config.REQUIRE}={settings.require}" if settings.require else ""
        level = "" if settings.level == config.DEFAULT.level else f" --level {settings.level}"
        yield Check("settings", f"--tee {settings.tee}{level}", ok=True, required=True, note=note)


def _chosen() -> config.Config | None:
    try:
        return config.from_environment()
    except UsageError:
        return None


def _packages() -> Iterator[Check]:
    """What gotee can use; an absent optional package is told, not a fault."""
    for name, required in (("greenlet", True), ("msgspec", True), ("numpy", False)):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "absent", ok=False if required else None, required=required)
        else:
            yield Check(name, found, ok=True, required=required)


def _sandbox(chosen: config.Config | None, lacking: Need | None) -> dict[str, Any]:
    """The floor and the layers, each tried by a process that shut itself in as an enclave does."""
    tried = trial.try_sandbox()
    required = chosen.require.split(",") if chosen is not None and chosen.require else []
    layers = [
        {"name": layer.name, "what": WHAT[layer.name], "holds": not layer.missing, **layer._asdict()}
        for layer in tried.layers
    ]
    missing, cure = _cause(tried.missing, "" if tried.missing.startswith("no sandbox for") else FLOOR_CURE, lacking)
    return {
        "floor": {"holds": not missing, "missing": missing, "cure": cure},
        "layers": layers,
        "required": required,
        "satisfied": not tried.missing and all(layer["holds"] for layer in layers if layer["name"] in required),
    }


def _cause(problem: str, cure: str, lacking: Need | None) -> tuple[str, str]:
    """What failed and its cure; where something is missing that everything needs, that is the cause."""
    if not problem:
        return "", ""
    return (lacking.missing, lacking.cure) if lacking else (problem, cure)


def _tees(lacking: Need | None, chosen: config.Config | None, floor: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tees: dict[str, dict[str, Any]] = {
        name: {"runs": False, "note": "not built yet", "levels": {}} for name in config.TEES
    }
    tees["inline"].update(runs=True, note="no isolation: same process, nothing is protected")
    tried = trial.try_call(os.environ, "development")
    problem, cure = _cause(tried.problem, tried.cure, lacking)
    if problem and not lacking and floor["missing"]:
        cure = floor["cure"]
    development = {
        "runs": not problem,
        "claim": "none against code of the same user",
        "missing": problem,
        "cure": cure,
        "lacks": tried.lacks,
    }
    levels = {"development": development, "service": _service(chosen or config.DEFAULT, lacking)}
    runs = any(level["runs"] for level in levels.values())
    note = "a secured call was tried and answered" if runs else problem
    tees["process"].update(runs=runs, note=note, levels=levels)
    return tees


def _service(chosen: config.Config, lacking: Need | None) -> dict[str, Any]:
    """What `gotee platform status` says and, where it says nothing, whether the service runs a small program.

    Its enclaves have what the service is given, not what this process is: a layer that is required is tried there.
    """
    from gotee.host.service_status import look
    from gotee.platform.service.settings import read

    tried = trial.Call("")
    try:
        problem = look(dataclasses.replace(read(), socket=chosen.platform)).problem
    except UsageError as error:
        problem = str(error)
    cure = ""
    if not problem:
        settings = {config.PLATFORM: chosen.platform, config.REQUIRE: chosen.require}
        tried = trial.try_call(os.environ, "service", **settings)
        problem, cure = _cause(tried.problem, tried.cure, lacking)
    return {
        "runs": not problem,
        "claim": "against the host program and other users; not against root, kernel or hardware",
        "missing": problem,
        "cure": cure,
        "lacks": tried.lacks,
    }


def _print(checks: list[Check], report: dict[str, Any]) -> None:
    print(f"gotee {report['gotee']}")
    for check in checks:
        _line(check.ok, check.name, check.value, check.note)
    print("where secured routines can run")
    for name, tee in report["tee"].items():
        _line(tee["runs"], f"--tee {name}", tee["note"])
        for level, state in tee["levels"].items():
            lacks = f"the sandbox lacks {', '.join(state['lacks'])}" if state["lacks"] else ""
            said = state["missing"] or f"protection: {state['claim']}"
            _line(state["runs"], f"  level {level}", said, state["cure"] or lacks)
    sandbox = report["sandbox"]
    print("how an enclave of --tee process is shut in; at level service, as far as the service has the same")
    floor = sandbox["floor"]
    _line(floor["holds"], "floor", floor["missing"] or FLOOR, floor["cure"])
    for layer in sandbox["layers"]:
        needed = "; GOTEE_REQUIRE asks for it" if layer["name"] in sandbox["required"] and layer["missing"] else ""
        said = f"missing: {layer['missing']}{needed}" if layer["missing"] else layer["what"]
        _line(layer["holds"], layer["name"], said, layer["cure"])
    print("ready" if report["ready"] else "not ready: see the lines marked --")


def _line(ok: bool | None, name: str, value: str, note: str = "") -> None:
    mark = {True: "ok", False: "--", None: "  "}[ok]
    told = f"{value}  ({note})" if note else value
    print(f"  {mark:2}  {name:21} {told}")
