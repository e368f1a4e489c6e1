"""`make bench`: what the crossing costs, beside what Python users have otherwise, in one run on one machine.

    suite.py [--only 1,2,...] [--short] [--rounds N] [--json FILE [--add]] [--page FILE]

The lines are those of docs/performance.md. The secured figures are of process enclaves at level development.
"""

from __future__ import annotations

import argparse
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import report
from lines import LINES
from measuring import Figures, Line, measure
from others import OTHERS
from secured import secured_spawn

ORDER = ("1", "1b", "2", "3", "4", "5", "6", "7", "7m", "8", "9", "10", "11")
TABLES = ("1", "1b", "2", "3", "4", "5", "5w", "5p", "6", "7", "7m", "8", "9", "10", "10b", "11")
PLACES = {number: place for place, number in enumerate(TABLES)}
Results = list[tuple[Line, dict[str, Figures]]]


def run(numbers: list[str], rounds: int, effort: float) -> tuple[Results, list[str]]:
    """Measure the lines, and say each as soon as it is known; and which of them failed."""
    results: Results = []
    failed: list[str] = []
    secured_spawn(1)  # the enclave runs, and the first turn of nobody pays for it
    for number in numbers:
        try:
            for line, figures in _line(number, rounds, effort):
                results.append((line, figures))
                report.show(line, figures)
                failed += [f"({line.number}) {note}" for note in line.notes if ": FAILED, " in note]
        except Exception as error:
            traceback.print_exc()
            failed.append(f"({number}) {type(error).__name__}: {error}")
    return results, failed


def _line(number: str, rounds: int, effort: float) -> Iterator[tuple[Line, dict[str, Figures]]]:
    if number in OTHERS:
        yield from OTHERS[number](effort)
    else:
        for line in LINES[number]():
            yield line, measure(line, rounds, effort)


def main() -> None:
    parser = argparse.ArgumentParser(prog="suite.py", description="Measure gotee beside its rivals.")
    parser.add_argument("--only", metavar="LINES", help=f"some of {','.join(ORDER)}")
    parser.add_argument("--short", action="store_true", help="a tenth of the work: to see that it runs, not to quote")
    parser.add_argument("--rounds", type=int, help="turns of each contestant (9; 3 with --short)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there")
    parser.add_argument("--add", action="store_true", help="keep the other lines of that file: a run in parts")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write tables into this page, and plots beside it")
    options = parser.parse_args()
    os.environ.setdefault("GOTEE_TEE", "process")
    chosen = options.only.split(",") if options.only else list(ORDER)
    unknown = [number for number in chosen if number not in ORDER]
    if unknown:
        parser.error(f"no line {', '.join(unknown)}: there are {', '.join(ORDER)}")
    rounds = options.rounds or (3 if options.short else 9)
    about, begun = report.machine(), time.monotonic()
    print(about, flush=True)
    results, failed = run(chosen, rounds, 0.1 if options.short else 1.0)
    if options.add and options.json and options.json.exists():
        measured = {line.number for line, _ in results}
        results += [one for one in report.read_json(options.json) if one[0].number not in measured]
        results.sort(key=lambda one: PLACES[one[0].number])
    report.show_goals(results)
    if options.json:
        report.write_json(results, about, options.json)
    if options.page:
        report.write_page(results, about, options.page)
    print(f"\n{len(results)} tables in {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        raise SystemExit("\n".join(["Not measured:", *failed]))


if __name__ == "__main__":
    main()
