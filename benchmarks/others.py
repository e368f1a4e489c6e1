"""Lines whose contestants are programs of their own: memory (7), start (9), idleness (10), partition and build (11)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import first_routine
from measuring import Figures, Goal, Line

HERE = Path(__file__).parent
MOST = 300  # seconds that one program may take
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
            timeout=MOST,
        )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it printed nothing")
    return [float(word) for word in done.stdout.split()]


PARKED = """
import os, sys
from pathlib import Path
from processes import started_by

def memory(pids: list[int]) -> int:
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))

def main() -> None:
    inside, count = sys.argv[1] == "inside", int(sys.argv[2])
    park = secured.park_inside if inside else secured.park_here
    park(1)
    pids = started_by(os.getpid()) if inside else [os.getpid()]
    before = memory(pids)
    park(count)
    print((memory(pids) - before) / count)
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
"""


def memory_line(effort: float) -> list[Table]:
    """(7) Memory of a parked routine."""
    line = Line("7m", "memory of a parked routine", [], "inside, 1000 of them", unit="KiB", axis="routines")
    line.notes.append("Anonymous memory of the processes that hold them (RssAnon), divided by their number.")
    line.goals = [
        Goal("inside, 100000 of them", "", 8, 8, at_most=True),
        Goal("inside, 100000 of them", "inside, 1000 of them", 1.1, 1.25, at_most=True),
    ]
    figures: dict[str, Figures] = {}
    for where in ("inside", "outside"):
        for count in (1_000, 10_000, 100_000):
            if count * effort < 10_000 and count > 10_000:
                continue
            (size,) = _program(PARKED, where, str(count))
            name = f"{where}, {count} of them"
            figures[name] = Figures(size, size, size)
            line.curves.setdefault(where, []).append((count, name))
    return [(line, figures)]


IDLE = """
import os, sys, time
from gotee import sleep
from processes import started_by, used

def main() -> None:
    secured.park_inside(10)
    sleep(0.5)
    own, others = [os.getpid()], started_by(os.getpid())
    before, start = (used(own), used(others)), time.monotonic()
    sleep(float(sys.argv[1]))
    took = time.monotonic() - start
    after = used(own), used(others)
    print(*((b - a) / took * 100 for a, b in zip(before, after, strict=True)))
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
"""


NOW_AND_THEN = """
import os, sys, time
from processes import started_by, used

def main() -> None:
    secured.secured_call(b"", 1)
    time.sleep(0.5)
    others = started_by(os.getpid())
    for rate in map(int, sys.argv[2:]):
        before, start = (used([os.getpid()]), used(others)), time.monotonic()
        for number in range(int(float(sys.argv[1]) * rate)):
            secured.secured_call(b"", 1)
            time.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
        took = time.monotonic() - start
        after = used([os.getpid()]), used(others)
        print(*((b - a) / took * 100 for a, b in zip(before, after, strict=True)))
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
"""
RATES = (10, 100, 1_000)  # calls a second


def idle_line(effort: float) -> list[Table]:
    """(10) What an idle program and its idle enclave burn, and one that calls now and then: spins have a budget."""
    line = Line("10", "processor time of an idle program, main parked", [], "", unit="% of a core")
    line.goals = [Goal("both", "", 1, 1, at_most=True)]
    host, enclave = _program(IDLE, str(max(2.0, 10 * effort)))
    shares = {"the program": host, "platform and enclave": enclave, "both": host + enclave}
    seldom = Line("10b", "processor time of a program that calls now and then", [], "", unit="% of a core")
    seldom.notes.append("Program, platform and enclave together. A secured call of a microsecond between sleeps.")
    found = _program(NOW_AND_THEN, str(max(1.0, 3 * effort)), *map(str, RATES))
    burnt = {f"{rate} calls a second": sum(found[2 * i : 2 * i + 2]) for i, rate in enumerate(RATES)}
    return [
        (each, {name: Figures(*[value] * 3) for name, value in values.items()})
        for each, values in ((line, shares), (seldom, burnt))
    ]


STARTED = """
import time

from gotee import gosecure


def one() -> int:
    return 1


def main() -> None:
    time.sleep(0.5)
    start = time.perf_counter()
    gosecure(one).result()
    print((time.perf_counter() - start) * 1e3)


if __name__ == "__main__":
    main()
"""


def start_line(effort: float) -> list[Table]:
    """(9) Time to the end of the first secured call, against a bare interpreter from its start to its end."""
    line = Line("9", "from the start of a program to the end of its first secured call", [], "bare Python", unit="ms")
    line.goals = [
        Goal("cold", "bare Python", 5, 8, at_most=True),
        Goal("warm", "bare Python", 0.3, 0.3, at_most=True),
    ]
    line.notes += [
        "Cold: `python main.py` with a built image, from exec on. Built first: with an empty cache, so the image is",
        "partitioned, built and signed, from exec to the end of the program. Warm: the first secured call alone, in a",
        "program that has imported gotee and done something else for half a second.",
    ]
    rounds = max(3, int(15 * effort))
    taken: dict[str, list[float]] = {"bare Python": [], "cold": [], "warm": [], "built first": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = first_routine.build(folder, "program", first_routine.PROGRAM)
        later = first_routine.build(folder, "later", STARTED)
        first_routine.first(program)  # remembers where the files lie
        for number in range(rounds):
            taken["bare Python"].append(first_routine.bare()[0])
            taken["cold"].append(first_routine.first(program)[0])
            taken["warm"].append(_printed(later))
            if number < max(3, rounds // 3):
                taken["built first"].append(_from_nothing(program, folder / f"cache{number}"))
    return [(line, {name: Figures.of(values) for name, values in taken.items()})]


def _printed(program: Path) -> float:
    env = {**os.environ, "GOTEE_IMAGE": str(program.with_suffix(".sgxs"))}
    done = subprocess.run([sys.executable, str(program)], check=True, env=env, capture_output=True, timeout=MOST)
    return float(done.stdout)


def _from_nothing(program: Path, cache: Path) -> float:
    env = dict(os.environ) | {"XDG_CACHE_HOME": str(cache)}
    start = time.perf_counter()
    subprocess.run([sys.executable, str(program)], check=True, env=env, capture_output=True, timeout=MOST)
    return (time.perf_counter() - start) * 1e3


BUILT = """
import gc, sys, time
from pathlib import Path
from gotee.compiler.remembered import partition
from gotee.image.project import build_program
from gotee.image.settings import find

for name in sys.argv[1:]:
    file = Path(name)
    gc.collect()
    start = time.perf_counter()
    trusted = partition(file)
    middle = time.perf_counter()
    build_program(trusted, find(file))
    print((middle - start) * 1e3, (time.perf_counter() - middle) * 1e3)
"""


def build_line(effort: float) -> list[Table]:
    """(11) Partition and build of programs of several sizes, each of which nobody has seen before."""
    line = Line("11", "partition and build, by lines of the program", [], "", unit="ms", axis="lines")
    line.notes += [
        "Half of the functions are reached from an entry. Ten times the lines may take 12 [15] times as long. A turn",
        "is a process of its own, which builds a small program first: imports, and what is around all programs, do not",
        "count.",
    ]
    line.goals = [
        Goal(f"100000 lines: {step}", f"10000 lines: {step}", 12, 15, at_most=True) for step in ("partition", "build")
    ]
    steps = ("partition", "build")
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _built(folder, 100, -1, 1)  # and what it found around the program is remembered
        for number in range(3):
            for size, times in ((1_000, 5), (10_000, 3), (100_000, 1)):
                if size * effort < 10_000 and size > 10_000:
                    continue
                found = _built(folder, size, number, times)
                for step, values in zip(steps, (found[::2], found[1::2]), strict=True):
                    taken.setdefault(f"{size} lines: {step}", []).extend(values)
    for name in taken:
        size, _, step = name.partition(" lines: ")
        line.curves.setdefault(step, []).append((int(size), name))
    return [(line, {name: Figures.of(values) for name, values in taken.items()})]


def _built(folder: Path, size: int, number: int, times: int) -> list[float]:
    """Partition and build of so many programs, in turns, in milliseconds; a small one before them does not count."""
    files = []
    for count in range(times + 1):
        files.append(folder / f"{size}-{number}-{count}" / "program.py")
        files[-1].parent.mkdir()
        files[-1].write_text(_program_of(size if count else 100, 1_000 * number + count))
    done = subprocess.run(
        [sys.executable, "-c", BUILT, *map(str, files)],
        env=dict(os.environ) | {"XDG_CACHE_HOME": str(folder / "cache")},
        check=True,
        capture_output=True,
        timeout=MOST,
    )
    return [float(word) for word in done.stdout.split()][2:]


def _program_of(lines: int, factor: int) -> str:
    """A program of so many lines: a chain of small functions, and another that only the host calls."""
    parts = ["from gotee import gosecure\n\n"]
    for side in ("inner", "outer"):
        for number in range(lines // 12):
            rest = f"{side}_{number - 1}(n - 1)" if number else "n"
            parts.append(f"def {side}_{number}(n: int) -> int:\n    if n <= 0:\n        return {number}\n")
            parts.append(f"    total = n * {number + factor}\n    return total + {rest}\n\n")
    last = lines // 12 - 1
    parts.append(f"def main() -> None:\n    print(gosecure(inner_{last}, 3).result(), outer_{last}(3))\n\n")
    parts.append('if __name__ == "__main__":\n    main()\n')
    return "".join(parts)


OTHERS = {"7m": memory_line, "9": start_line, "10": idle_line, "11": build_line}
