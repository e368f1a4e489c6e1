"""The channel programs as one program of two worlds: main.py, in a process of its own, with its enclave.

Test world only. The compiler finds entries in `gosecure(f, ...)` calls, so main.py has one for each routine of the
programs, in a function that nobody calls.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gotee

HERE = Path(__file__).parent
MODULES = (
    "doubleselect", "fifo", "hard", "nonblock", "ours", "perm", "powser", "races", "random_program", "runtime_cases",
    "select_forms", "selects", "sieve", "zerosize",
)  # fmt: skip
PLACEMENTS = ("all-in", "sender-in", "receiver-in", "alternating")
SECONDS = 60.0  # for one program; one that takes longer hangs

MAIN = '''\
import faulthandler
import json
import sys
import traceback

from gotee import gosecure, yield_now
from chan.programs import {modules}
from chan.world import Placement, World, opened, programs_of

INSIDE = {{
    "all-in": lambda role, n: True,
    "sender-in": lambda role, n: role in ("sender", "worker"),
    "receiver-in": lambda role, n: role in ("receiver", "closer"),
    "alternating": lambda role, n: n % 2 == 0,
}}
ROUND_TRIPS = 20  # more than any program that calls settle() needs to come to rest


def nothing() -> None:
    pass


def settle() -> None:
    """What a routine of either world does is done when calls have gone there and come back a few times."""
    for _ in range(ROUND_TRIPS):
        for _ in range(5):
            yield_now()
        gosecure(nothing).result()


def entries() -> None:
    """Never called: what the programs spawn."""
{entries}


def main() -> None:
    placement = Placement(sys.argv[1], inside=INSIDE[sys.argv[1]], settle=settle)
    programs = programs_of({modules})
    for line in sys.stdin:
        request = json.loads(line)
        faulthandler.dump_traceback_later({seconds}, exit=True)
        try:
            with opened(placement) as world:
                if isinstance(request, str):
                    answer = programs[request](world)
                else:
                    program, capacities = request
                    operation, case = random_program.Op, random_program.Case
                    ops = [[operation(kind, [case(*c) for c in cases]) for kind, cases in ops] for ops in program]
                    answer = random_program.observe(world, ops, capacities)
        except Exception:
            answer = traceback.format_exc()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
'''


def write_program(directory: Path) -> Path:
    """main.py and copies of the modules that it needs."""
    package = directory / "chan"
    shutil.copytree(HERE / "programs", package / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "world.py", package)
    (package / "__init__.py").touch()
    entries = [f"{module}.{name}" for module in MODULES for name in routines_of(HERE / "programs" / f"{module}.py")]
    main = directory / "main.py"
    main.write_text(
        MAIN.format(
            modules=", ".join(MODULES),
            entries="\n".join(f"    gosecure({entry})" for entry in entries),
            seconds=SECONDS,
        )
    )
    return main


def routines_of(module: Path) -> Iterator[str]:
    """The functions of a module that it names somewhere without calling them."""
    tree = ast.parse(module.read_text())
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    return (node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in named)


class Runner:
    """Runs programs of one placement, one after another, all in one process as long as that lives."""

    def __init__(self, main: Path, placement: str, link: str) -> None:
        self.placement = placement
        self.link = link
        self._command = [sys.executable, str(main), placement]
        self._process: subprocess.Popen[str] | None = None

    def run(self, request: object) -> object:
        """What the program answered: None from one that is right, else its traceback; a list from a random one."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise AssertionError(f"the program ended or hangs: {self.end()}")
        outcome = json.loads(answer)
        if isinstance(outcome, str) and "EnclaveLost" in outcome:
            outcome += self.end()  # the next program gets an enclave of its own
        return outcome

    def end(self) -> str:
        """End the process; returns what it wrote to standard error."""
        process, self._process = self._process, None
        return "" if process is None else process.communicate(timeout=SECONDS)[1]

    def _start(self) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **kept,
                "PYTHONPATH": str(Path(gotee.__file__).parents[1]),
                "GOTEE_TEE": "process",
                "GOTEE_LINK": self.link,
            },
        )
