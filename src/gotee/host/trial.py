"""Try what this machine can do for an enclave: the sandbox alone, and a whole secured call. Host world, for the doctor.

Nothing is concluded from versions or settings: a kernel that has a system call may be forbidden to answer it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import gotee
from gotee.config import PREFIX
from gotee.image import cache, natives
from gotee.platform import sandbox

SECONDS = 60  # far more than either trial needs
_SANDBOX = (
    "import json,os,sys,types\n"
    "package=sys.modules['gotee']=types.ModuleType('gotee')\n"
    "package.__path__=[sys.argv[1]]\n"
    "from gotee import compiled\n"
    "compiled.install()\n"
    "from gotee.enclave import sandbox\n"
    "try:\n"
    " plan=sandbox.read_plan()\n"
    " answer=json.dumps([tuple(layer) for layer in sandbox.shut(plan,{0,1,2})])\n"
    "except Exception as error:\n"
    " sandbox.end(sandbox.without_floor(error))\n"
    "os.write(1,answer.encode())\n"
    "os._exit(0)"
)
_PROGRAM = """\
from gotee import gosecure

def answer(question: int) -> int:
    return question + 1

if __name__ == "__main__":
    print(gosecure(answer, 41).result())
"""
_ANSWER = "42\n"


class Tried(NamedTuple):
    """One layer: `missing` is empty if it holds, else why not; `cure` is what would add it."""

    name: str
    missing: str
    cure: str


class Sandbox(NamedTuple):
    """What a process that shut itself in says of it; without the floor, `missing` says why, and there are no layers."""

    missing: str
    layers: tuple[Tried, ...]


def try_sandbox() -> Sandbox:
    """Have a process of its own carry out the plan of an enclave, by the enclave's own code."""
    if sys.platform != "linux":
        return Sandbox("there is a sandbox on Linux only", ())
    try:
        plan = sandbox.plan()
    except OSError as error:
        return Sandbox(str(error), ())
    try:
        done = subprocess.run(
            [natives.interpreter(), "-I", "-S", "-c", _SANDBOX, str(Path(gotee.__file__).parent)],
            stdin=plan,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={},
        )
    except subprocess.TimeoutExpired:
        return Sandbox(f"a process that shuts itself in has not ended within {SECONDS} s", ())
    except OSError as error:
        return Sandbox(str(error), ())
    finally:
        os.close(plan)
    try:
        return Sandbox("", tuple(Tried(*layer) for layer in json.loads(done.stdout)))
    except ValueError:  # not shut in, it says why elsewhere
        return Sandbox(_last_line(done.stderr), ())


class Call(NamedTuple):
    """Why a secured call does not work and a cure, or nothing; and what its enclave's sandbox lacked."""

    problem: str
    cure: str = ""
    lacks: tuple[str, ...] = ()


def try_call(environment: Mapping[str, str], level: str, **settings: str) -> Call:
    """Run a small program with one secured call under `--tee process`.

    Of gotee's own variables it has `settings`.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
    try:
        with tempfile.TemporaryDirectory(prefix="gotee-doctor-", dir=_place()) as folder:
            program = Path(folder, "answer.py")
            program.write_text(_PROGRAM)
            done = subprocess.run(
                [sys.executable, "-P", "-m", "gotee", "run", "--tee", "process", "--level", level, str(program)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                env={**kept, **settings},
            )
    except subprocess.TimeoutExpired:
        return Call(f"a small program has not ended within {SECONDS} s")
    except OSError as error:
        return Call(f"the doctor's own small program has no place: {error}", "mount a tmpfs on /tmp")
    if done.returncode == 0 and done.stdout == _ANSWER:
        return Call("", lacks=_lacks(done.stderr))
    said = _last_line(done.stderr)
    return Call(said, "" if _is_sentence(done.stderr) else "gotee run with any program says more")


def _place() -> str | None:
    """Where the program is written. Programs need no folder for temporary files, and a machine may have none."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return next((place for place in ("/dev/shm", str(cache.folder())) if os.access(place, os.W_OK)), None)  # noqa: S108
    return None


_LACKS = re.compile(r"^gotee: the sandbox lacks (.*);", re.MULTILINE)  # gotee.enclave.sandbox says so
_OURS = re.compile(r"^(gotee\.errors\.\w+: |gotee: (error: (\w+: )?)?)")


def _lacks(text: str) -> tuple[str, ...]:
    """What a program said that the sandbox of its enclave lacks.

    >>> _lacks("gotee: the sandbox lacks userns, root; `gotee doctor` says why\\n")
    ('userns', 'root')
    """
    found = _LACKS.search(text)
    return tuple(found[1].split(", ")) if found else ()


def _last_line(text: str) -> str:
    """What a traceback or a complaint comes down to."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it ended without a word"
    return _OURS.sub("", lines[-1])


def _is_sentence(text: str) -> bool:
    """Whether it ends with a sentence of gotee's own, which says what to do if there is something."""
    return bool(text.strip()) and _OURS.match(text.strip().splitlines()[-1].strip()) is not None
