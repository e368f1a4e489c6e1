"""From exec of `python main.py` with a built image to the end of its first secured call, against bare Python.

    python benchmarks/first_routine.py [ROUNDS]

Both are started in turns; the medians' ratio counts. Beside the time it prints the processor time of all processes of a
start, as a ratio too: on a machine that does other work, that is what can be compared.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

PROGRAM = """
import time

from gotee import gosecure


def one() -> int:
    return 1


def main() -> None:
    gosecure(one).result()
    print(time.time_ns(), flush=True)


if __name__ == "__main__":
    main()
"""
BARE = [sys.executable, "-I", "-S", "-c", "pass"]


def build(folder: Path, name: str, source: str) -> Path:
    """A program of this source with a built image beside it."""
    program = folder / f"{name}.py"
    program.write_text(source)
    command = [sys.executable, "-m", "gotee", "build", str(program), "-o", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return program


def used() -> float:
    """Processor time of children that have ended, in ms."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e3


def bare() -> tuple[float, float]:
    """Time and processor time of a bare interpreter, in ms."""
    before, start = used(), time.time_ns()
    subprocess.run(BARE, check=True)
    return (time.time_ns() - start) / 1e6, used() - before


def first(program: Path, **variables: str) -> tuple[float, float]:
    """Time to the end of the first secured call, and processor time up to the end of the program."""
    environment = {**os.environ, "GOTEE_IMAGE": str(program.with_suffix(".sgxs")), **variables}
    before, start = used(), time.time_ns()
    done = subprocess.run([sys.executable, str(program)], check=True, env=environment, capture_output=True)
    return (int(done.stdout) - start) / 1e6, used() - before


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), "program", PROGRAM)
        first(program)  # remembers where the files lie
        taken = [(bare(), first(program)) for _ in range(rounds)]
    for place, what in enumerate(("time", "processor time")):
        plain, ours = (median(pair[side][place] for pair in taken) for side in (0, 1))
        print(f"{what:16} {ours:7.1f} ms, bare Python {plain:5.1f} ms: {ours / plain:.1f} times")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {rounds} rounds")


if __name__ == "__main__":
    main()
