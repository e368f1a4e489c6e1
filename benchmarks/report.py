"""What the benchmarks found: on the terminal, as JSON, and as tables and plots of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from measuring import Figures, Goal, Line
from plots import draw

Results = list[tuple[Line, dict[str, Figures]]]
Table = list[list[str]]
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
_GOAL = ("over", "under", "goal", "least", "at_most")
_FIGURES = ("median", "low", "high", "p50", "p99")
SAID = "The secured figures are of process enclaves at level development, on ordinary processors."


def machine() -> str:
    """Where this was measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    return f"CPython {platform.python_version()}, {model}, {cores} cores, load {os.getloadavg()[0]:.1f} at the start"


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(line: Line, figures: dict[str, Figures], name: str) -> float | None:
    """How many times what the base takes, a contestant takes."""
    base = figures.get(line.base)
    return None if base is None or base.median == 0 or name == line.base else figures[name].median / base.median


def rows(line: Line, figures: dict[str, Figures]) -> Table:
    """The table of one line, its head first."""
    head = ["", f"median, {line.unit}", "quartiles"]
    head += [f"times {line.base}"] if line.base else []
    percentiles = any(one.p50 is not None for one in figures.values())
    head += ["p50, p99"] if percentiles else []
    head += ["GB/s"] if line.size else []
    table = [head]
    for name, one in figures.items():
        row = [name, number(one.median), f"{number(one.low)} to {number(one.high)}"]
        if line.base:
            times = ratio(line, figures, name)
            row.append(number(times) if times else "")
        if percentiles:
            row.append(f"{number(one.p50)}, {number(one.p99)}" if one.p50 is not None and one.p99 is not None else "")
        if line.size:
            row.append(number(line.size / one.median / 1e3))
        table.append(row)
    return table


def goals(results: Results) -> Table:
    """What was asked for, and what came of it: a row for each goal."""
    table = [["line", "what", "measured", "goal", "least", "verdict"]]
    for line, figures in results:
        for goal in line.goals:
            value = goal.value(figures)
            table.append([f"({line.number}) {line.title}", _what(line, goal), *_measured(line, goal, value)])
    return table


def _what(line: Line, goal: Goal) -> str:
    return f"{goal.over} / {goal.under}" if goal.under else f"{goal.over}, {line.unit}"


def _measured(line: Line, goal: Goal, value: float | None) -> list[str]:
    sign = "≤" if goal.at_most else "≥"
    limits = [f"{sign} {limit:g}" for limit in (goal.goal, goal.least)]
    return ["" if value is None else number(value), *limits, goal.verdict(value)]


def _print(table: Table) -> None:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = (
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join(cells).rstrip())


def show(line: Line, figures: dict[str, Figures]) -> None:
    """One line on the terminal."""
    print(f"\n({line.number}) {line.title}")
    _print(rows(line, figures))
    for goal in line.goals:
        measured, wanted, least, verdict = _measured(line, goal, goal.value(figures))
        print(f"  {_what(line, goal)}: {measured or '-'}, goal {wanted} [{least}]: {verdict}")
    for note in line.notes:
        print(f"  {note}")
    print(end="", flush=True)


def show_goals(results: Results) -> None:
    """All goals on the terminal."""
    table = goals(results)
    if len(table) > 1:
        print("\nWhat it must reach")
        _print(table)


def write_json(results: Results, about: str, file: Path) -> None:
    """All figures; the ratios are to each line's base."""
    lines: list[dict[str, Any]] = []
    for line, figures in results:
        contestants = {name: {**vars(one), "ratio": ratio(line, figures, name)} for name, one in figures.items()}
        asked = [
            {**vars(goal), "value": goal.value(figures), "verdict": goal.verdict(goal.value(figures))}
            for goal in line.goals
        ]
        lines.append(
            {
                "line": line.number,
                "title": line.title,
                "unit": line.unit,
                "base": line.base,
                "bytes": line.size or None,
                "goals": asked,
                "notes": line.notes,
                "at": line.at,
                "axis": line.axis,
                "curves": line.curves,
                "contestants": contestants,
            }
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": about, "about": SAID, "lines": lines}, indent=1) + "\n")


def read_json(file: Path) -> Results:
    """What `write_json` wrote."""
    results: Results = []
    for found in json.loads(file.read_text())["lines"]:
        line = Line(found["line"], found["title"], [], found["base"], found["unit"], found["bytes"] or 0)
        line.notes, line.at, line.axis, line.curves = found["notes"], found["at"], found["axis"], found["curves"]
        line.goals = [Goal(*(goal[name] for name in _GOAL)) for goal in found["goals"]]
        figures = {name: Figures(*(one[part] for part in _FIGURES)) for name, one in found["contestants"].items()}
        results.append((line, figures))
    return results


def write_page(results: Results, about: str, page: Path) -> None:
    """Put the tables between the marks of a page, and the plots into `plots` beside it."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{page}: it has no place for figures, between {BEGIN} and {END}")
    parts = [BEGIN, "", f"{about}. {SAID}", "", *paper(results)]
    asked = goals(results)
    if len(asked) > 1:
        parts += [
            "### What it must reach",
            "",
            "Each is a ratio of two medians of the same rounds; with one name, a median.",
        ]
        parts += ["", *_markdown(asked), ""]
    pictures = draw(results, page.parent / "plots")
    for place, (line, figures) in enumerate(results):
        parts += [f"### ({line.number}) {line.title}", "", *_markdown(rows(line, figures)), ""]
        parts += [*line.notes, ""] if line.notes else []
        parts += [f"![{one.text}](plots/{one.file})\n" for one in pictures if one.after == place]
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(before + "\n".join([*parts, END]) + after)


def paper(results: Results) -> list[str]:
    """The table in the form of the paper's: secured against plain, four kinds of work."""
    found = {(line.number, name): one.median for line, figures in results for name, one in figures.items()}
    wanted = [
        ("spawn and reply", ("7", "gosecure"), ("7", "plain go"), "1.5", "0.30", "5"),
        ("there and back over channels", ("4", "Chan, secured"), ("4", "Chan, plain"), "0.60", "0.20", "3"),
        ("a system call", ("5", "system call, secured"), ("5", "system call, plain"), "1.35", "0.23", "5.9"),
        ("throughput: time of a call in flight", ("2", "gosecure"), ("2", "plain go"), "", "", "2.8"),
    ]
    table = [["", "secured, us", "plain, us", "ratio", "GoTee on SGX hardware: secured, us", "plain, us", "ratio"]]
    for title, secured, plain, *theirs in wanted:
        if secured in found and plain in found:
            ours = [number(found[secured]), number(found[plain]), number(found[secured] / found[plain])]
            table.append([title, *ours, *theirs])
    if len(table) == 1:
        return []
    note = (
        "GoTee's figures (USENIX ATC 2019) are of Go on SGX hardware, where a crossing changes the processor's\n"
        "mode and memory is encrypted; ours are of Python and **process enclaves**, which do neither. Ratios are\n"
        "within one system; the two systems are not compared. GoTee's system call is getppid; ours is os.fstat."
    )
    return ["### In the form of the paper", "", note, "", *_markdown(table), ""]


def _markdown(table: Table) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in table]
    return [lines[0], "|" + " --- |" * len(table[0]), *lines[1:]]
