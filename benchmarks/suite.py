"""`make bench`: what the crossing costs, beside what Python users have otherwise, in one run on one machine.

    suite.py [--only 1,2,...] [--short] [--rounds N] [--json FILE] [--page FILE]

The lines are those of docs/performance.md. The secured figures are of process enclaves at level development.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import report
from lines import LINES
from measuring import Figures, Line, measure
from others import OTHERS
from secured import secured_spawn

ORDER = ("1", "1b", "2", "3", "4", "5", "6", "7", "7m", "8", "9", "10", "11")
Results = list[tuple[Line, dict[str, Figures]]]


def run(numbers: list[str], rounds: int, effort: float) -> Results:
    """Measure the lines, and say each as soon as it is known."""
    results: Results = []
    secured_spawn(1)  # the enclave runs, and the first turn of nobody pays for it
    for number in numbers:
        if number in LINES:
            for line in LINES[number]():
                results.append((line, measure(line, rounds, effort)))
                report.show(*results[-1])
        elif number == "5":
            print("\n(5) an ocall beside the call itself: not measured yet")
        elif number in OTHERS:
            for found in OTHERS[number](effort):
                results.append(found)
                report.show(*found)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="suite.py", description="Measure gotee beside its rivals.")
    parser.add_argument("--only", metavar="LINES", help=f"some of {','.join(ORDER)}")
    parser.add_argument("--short", action="store_true", help="a tenth of the work: to see that it runs, not to quote")
    parser.add_argument("--rounds", type=int, help="turns of each contestant (9; 3 with --short)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write tables into this page, and plots beside it")
    options = parser.parse_args()
    os.environ.setdefault("GOTEE_TEE", "process")
    chosen = options.only.split(",") if options.only else list(ORDER)
    unknown = [number for number in chosen if number not in ORDER]
    if unknown:
        parser.error(f"no line {', '.join(unknown)}: there are {', '.join(ORDER)}")
    rounds = options.rounds or (3 if options.short else 9)
    print(report.machine(), flush=True)
    results = run(chosen, rounds, 0.1 if options.short else 1.0)
    if options.json:
        report.write_json(results, options.json)
    if options.page:
        report.write_page(results, options.page)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
