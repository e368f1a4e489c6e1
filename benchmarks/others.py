"""Lines whose contestants are programs of their own: memory (7), start (9), idleness (10), partition and build (11)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from measuring import Contestant, Figures, Line

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
Table = tuple[Line, dict[str, Figures]]


def _program(body: str, *arguments: str, env: dict[str, str] | None = None) -> list[float]:
    """Run a program of these lines in the suite's folder; the numbers that it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=HERE, prefix="tmp_") as file:
        file.write("import secured\n\n" + textwrap.dedent(body))
        file.flush()
        done = subprocess.run(
            [sys.executable, file.name, *arguments],
            env=dict(os.environ) | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(word) for word in done.stdout.split()]


PARKED = """
import os, sys
from pathlib import Path

def memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    raise SystemExit("no Private_Dirty")

def main() -> None:
    inside, count = sys.argv[1] == "inside", int(sys.argv[2])
    if inside:
        pid = secured.park_inside(1)
        before = memory(pid)
        secured.park_inside(count)
    else:
        pid = os.getpid()
        secured.park_here(1)
        before = memory(pid)
        secured.park_here(count)
    print((memory(pid) - before) / count)
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
"""


def memory_line(effort: float) -> list[Table]:
    """(7) Memory of a parked routine."""
    line = Line("7m", "memory of a parked routine", [], "inside, 1000 of them", unit="KiB")
    line.notes.append("Private dirty memory of the process that holds them, divided by their number.")
    line.notes.append("Goal: at most 8 KiB, flat from 1,000 to 100,000.")
    figures: dict[str, Figures] = {}
    for where in ("inside", "outside"):
        for count in (1_000, 10_000, 100_000):
            if count * effort < 10_000 and count > 10_000:
                continue
            (size,) = _program(PARKED, where, str(count))
            figures[f"{where}, {count} of them"] = Figures(size, size, size)
    return [(line, figures)]


IDLE = """
import os, sys, time
from pathlib import Path
from gotee import Chan, go, sleep

def main() -> None:
    pid = secured.park_inside(10)
    sleep(0.5)
    def used() -> list[int]:
        stats = [Path(f"/proc/{p}/stat").read_text().rsplit(")")[-1].split() for p in (os.getpid(), pid)]
        return [int(words[11]) + int(words[12]) for words in stats]
    before, start = used(), time.monotonic()
    sleep(float(sys.argv[1]))
    took = time.monotonic() - start
    print(*((b - a) / os.sysconf("SC_CLK_TCK") / took * 100 for a, b in zip(before, used(), strict=True)))
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
"""


def idle_line(effort: float) -> list[Table]:
    """(10) What an idle program and its idle enclave burn."""
    line = Line("10", "processor time of an idle program, main parked", [], "the program", unit="% of a core")
    line.notes.append("Goal: under 1 % of a core, both together.")
    host, enclave = _program(IDLE, str(max(2.0, 10 * effort)))
    return [(line, {"the program": Figures(host, host, host), "the enclave": Figures(enclave, enclave, enclave)})]


START = """
import secured

def main() -> None:
    secured.secured_spawn(1)

if __name__ == "__main__":
    main()
"""


def start_line(effort: float) -> list[Table]:
    """(9) A program with one secured call, from its start to its end, against a bare interpreter."""
    line = Line("9", "a whole program with one secured call", [], "bare Python", unit="ms")
    line.goals = {"cold": "at most 5 [8]", "warm": "-"}
    rounds = max(3, int(15 * effort))
    taken: dict[str, list[float]] = {"bare Python": [], "cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.py"
        program.write_text(
            START.replace("secured.secured_spawn(1)", "gosecure(one).result()").replace(
                "import secured", "from gotee import gosecure\n\n\ndef one() -> int:\n    return 1"
            )
        )
        for number in range(rounds):
            for name in taken:
                cache = Path(folder) / (f"cold{number}" if name == "cold" else "warm")
                command = [sys.executable, *(["-I", "-S", "-c", "pass"] if name == "bare Python" else [str(program)])]
                if name == "warm" and not number:
                    _timed(command, cache)
                taken[name].append(_timed(command, cache))
    line.notes.append("Cold: an empty cache, so the image is partitioned, built and signed; warm: it is in the cache.")
    return [(line, {name: Figures.of(values) for name, values in taken.items()})]


def _timed(command: list[str], cache: Path) -> float:
    start = time.perf_counter()
    env = dict(os.environ) | {"XDG_CACHE_HOME": str(cache)}
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def build_line(effort: float) -> list[Table]:
    """(11) Partition and build of programs of several sizes."""
    from gotee.compiler.closure import partition
    from gotee.image.project import build_program
    from gotee.image.settings import find

    line = Line("11", "partition and build, by lines of the program", [], "1000 lines: partition", unit="ms")
    line.notes.append("Half of the functions are reached from an entry. Goal: near-linear.")
    figures: dict[str, Figures] = {}
    for size in (1_000, 10_000, 100_000):
        if size * effort < 10_000 and size > 10_000:
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "program.py"
            file.write_text(_program_of(size))
            start = time.perf_counter()
            trusted = partition(file)
            middle = time.perf_counter()
            build_program(trusted, find(file))
            end = time.perf_counter()
        for name, took in (("partition", middle - start), ("build", end - middle)):
            figures[f"{size} lines: {name}"] = Figures(took * 1e3, took * 1e3, took * 1e3)
    return [(line, figures)]


def _program_of(lines: int) -> str:
    """A program of so many lines: a chain of small functions, and another that only the host calls."""
    parts = ["from gotee import gosecure\n\n"]
    for side in ("inner", "outer"):
        for number in range(lines // 12):
            rest = f"{side}_{number - 1}(n - 1)" if number else "n"
            parts.append(f"def {side}_{number}(n: int) -> int:\n    if n <= 0:\n        return {number}\n")
            parts.append(f"    total = n * {number}\n    return total + {rest}\n\n")
    last = lines // 12 - 1
    parts.append(f"def main() -> None:\n    print(gosecure(inner_{last}, 3).result(), outer_{last}(3))\n\n")
    parts.append('if __name__ == "__main__":\n    main()\n')
    return "".join(parts)


OTHERS = {"7m": memory_line, "9": start_line, "10": idle_line, "11": build_line}
__all__ = ["OTHERS", "Contestant", "Table"]
