"""What `gotee build` of a small program takes, against bare Python: in a new home, of a changed file, of the same one.

    python benchmarks/build_time.py [ROUNDS]

All are started in turns; the medians' ratios count. *New home*: nothing is remembered, and there is no key yet, which
takes a time that is drawn by lot; so there is a line where the key is there. *Changed*: one line of the program is
another than in the build before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from first_routine import BARE, used

PROGRAM = (Path(__file__).resolve().parents[1] / "examples" / "hello" / "hello.py").read_text(encoding="utf-8")


def timed(command: list[str], **environment: str) -> tuple[float, float]:
    """Time and processor time of a command, in ms."""
    before, start = used(), time.perf_counter_ns()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    return (time.perf_counter_ns() - start) / 1e6, used() - before


def homes(folder: Path, name: str) -> dict[str, str]:
    """Variables that name a home in which nothing is remembered."""
    return {"XDG_CACHE_HOME": str(folder / name / "cache"), "XDG_DATA_HOME": str(folder / name / "data")}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "hello.py"
        command = [sys.executable, "-m", "gotee", "build", str(program), "-o", str(folder)]
        settled = homes(folder, "settled")
        program.write_text(PROGRAM)
        timed(command, **settled)
        time.sleep(1.1)
        timed(command, **settled)
        for number in range(rounds):
            new = homes(folder, f"new{number}")
            program.write_text(PROGRAM)
            results = {"bare Python": timed(BARE)}
            if number % 3 == 0:
                results["new home"] = timed(command, **new)
                again = {**new, "XDG_CACHE_HOME": str(folder / f"cold{number}")}
                results["new cache"] = timed(command, **again)
            program.write_text(PROGRAM.replace("Hello World!", f"Hello World, {number}!"))
            results["changed"] = timed(command, **settled)
            results["unchanged"] = timed(command, **settled)
            for what, found in results.items():
                taken.setdefault(what, []).append(found)
    plain = [median(each[side] for each in taken["bare Python"]) for side in (0, 1)]
    print(f"{'':12} time: ms, times bare; processor time: ms, times bare")
    for what, found in taken.items():
        wall, processor = (median(each[side] for each in found) for side in (0, 1))
        print(f"{what:12} {wall:7.1f} {wall / plain[0]:6.1f}   {processor:7.1f} {processor / plain[1]:6.1f}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {rounds} rounds")


if __name__ == "__main__":
    main()
