"""Runs the tests, or builds wheels, with every CPython from 3.11 on that this machine has.

Usage: pythons.py list | test [--except 3.11] [--seconds N [--each M]] | wheels
Says which versions were tried, which are absent and which were left out for lack of time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What is tried with the main version only: the service is the machine's, and no Python changes the model of the
# protocol, which bytes are no evidence, or what is told where a kernel lacks something.
LEFT_OUT = tuple(
    f"--ignore=tests/{path}"
    for path in ("service", "protocol", "attestation/test_fuzz.py", "sandbox/test_taken_away.py")
)
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PROBE = (
    "import sys, sysconfig; "
    "ok = sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED'); "
    "print('%d.%d' % sys.version_info[:2] if ok else 'unusable')"
)


def find() -> dict[str, str]:
    """A usable interpreter for each version; the PATH's comes first, then pyenv's newest."""
    found: dict[str, str] = {}
    for version in VERSIONS:
        pyenv = Path.home() / ".pyenv" / "versions"
        own = sorted(pyenv.glob(f"{version}.*/bin/python{version}"), key=_patch_level, reverse=True)
        for candidate in (shutil.which(f"python{version}"), *map(str, own)):
            if candidate and _version_of(candidate) == version:
                found[version] = candidate
                break
    return found


def _patch_level(path: Path) -> int:
    level = re.match(r"\d+\.\d+\.(\d+)", path.parents[1].name)
    return int(level[1]) if level else -1


def _version_of(python: str) -> str:
    """What the interpreter says of itself: a pyenv shim may exist for a version that is not active."""
    try:
        answer = subprocess.run(
            [python, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unusable"
    return answer.stdout.strip()


def call(*command: str | Path) -> bool:
    """Run a command in the root of the tree with its output shown."""
    print("$", *command, flush=True)
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode == 0


def environment(version: str, python: str) -> Path | None:
    """The interpreter of `.venv-VERSION`, made on first use; None when the machine cannot make it."""
    if not call(python, ROOT / "tools" / "preflight.py"):
        return None
    folder = ROOT / f".venv-{version}"
    inside = folder / "bin" / "python"
    if _version_of(str(inside)) != version and not call(python, "-m", "venv", "--clear", folder):
        return None
    return inside


def test(version: str, python: str) -> bool:
    """Install the package with its test dependencies and run the tests."""
    inside = environment(version, python)
    return (
        inside is not None
        and call(inside, "-m", "pip", "install", "-q", "-e", ".[test]")
        and call(inside, ROOT / "tools" / "tests.py", *LEFT_OUT)
    )


def wheel(version: str, python: str) -> bool:
    """Build a wheel into dist/."""
    inside = environment(version, python)
    return inside is not None and call(inside, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "dist", ".")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=["list", "test", "wheels"])
    parser.add_argument("--except", dest="excluded", metavar="VERSION", help="tried already")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start none that would end after this time")
    parser.add_argument("--each", type=float, default=0.0, help="how long the first is thought to take, in seconds")
    options = parser.parse_args()
    started = time.monotonic()
    found = find()
    absent = [version for version in VERSIONS if version not in found]
    print("found:", ", ".join(f"{version} ({path})" for version, path in found.items()) or "none")
    print("absent:", ", ".join(absent) or "none", flush=True)
    if options.job == "list":
        return 0
    failed, left_out = [], []
    likely = options.each
    for version, python in found.items():
        if version == options.excluded:
            print(f"{version}: tried already", flush=True)
            continue
        begun = time.monotonic()
        if begun - started + likely > options.seconds:
            left_out.append(version)
            continue
        if not (test if options.job == "test" else wheel)(version, python):
            failed.append(version)
        likely = time.monotonic() - begun
    if left_out:
        print("NOT tried for lack of time:", ", ".join(left_out), file=sys.stderr)
    if failed:
        print("failed:", ", ".join(failed), file=sys.stderr)
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
