"""What the benchmarks found: on the terminal, as JSON, and as tables and plots of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from measuring import Figures, Line

Results = list[tuple[Line, dict[str, Figures]]]
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
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
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(line: Line, figures: dict[str, Figures], name: str) -> float | None:
    """How many times what the base takes, a contestant takes."""
    base = figures.get(line.base)
    return None if base is None or base.median == 0 or name == line.base else figures[name].median / base.median


def rows(line: Line, figures: dict[str, Figures]) -> list[list[str]]:
    """The table of one line, its head first."""
    head = ["", f"median, {line.unit}", "quartiles", f"times {line.base}"]
    percentiles = any(one.p50 is not None for one in figures.values())
    head += ["p50, p99"] if percentiles else []
    head += ["GB/s"] if line.size else []
    head += ["goal [least]"] if line.goals else []
    table = [head]
    for name, one in figures.items():
        times = ratio(line, figures, name)
        row = [name, number(one.median), f"{number(one.low)} to {number(one.high)}", number(times) if times else ""]
        if percentiles:
            row.append(f"{number(one.p50)}, {number(one.p99)}" if one.p50 is not None and one.p99 is not None else "")
        if line.size:
            row.append(number(line.size / one.median / 1e3))
        if line.goals:
            row.append(line.goals.get(name, ""))
        table.append(row)
    return table


def show(line: Line, figures: dict[str, Figures]) -> None:
    """One line on the terminal."""
    table = rows(line, figures)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    print(f"\n({line.number}) {line.title}")
    for row in table:
        cells = (
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join(cells).rstrip())
    for note in line.notes:
        print(f"  {note}")
    print(end="", flush=True)


def write_json(results: Results, file: Path) -> None:
    """All figures; the ratios are to each line's base."""
    lines: list[dict[str, Any]] = []
    for line, figures in results:
        contestants = {name: {**vars(one), "ratio": ratio(line, figures, name)} for name, one in figures.items()}
        lines.append(
            {
                "line": line.number,
                "title": line.title,
                "unit": line.unit,
                "base": line.base,
                "bytes": line.size or None,
                "goals": line.goals,
                "notes": line.notes,
                "contestants": contestants,
            }
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": machine(), "about": SAID, "lines": lines}, indent=1) + "\n")


def write_page(results: Results, page: Path) -> None:
    """Put the tables between the marks of a page, and the plots into `plots` beside it."""
    parts = [BEGIN, "", f"{machine()}. {SAID}", "", *paper(results)]
    for line, figures in results:
        parts += [f"### ({line.number}) {line.title}", "", *_markdown(rows(line, figures)), ""]
        parts += [*line.notes, ""] if line.notes else []
    for plot, text in _plots(results, page.parent / "plots"):
        parts += [f"![{text}](plots/{plot})", ""]
    text = page.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(before + "\n".join([*parts, END]) + after)


def paper(results: Results) -> list[str]:
    """The table in the form of the paper's: secured against plain, four kinds of work."""
    found = {(line.number, name): one.median for line, figures in results for name, one in figures.items()}
    wanted = [
        ("spawn and reply", ("7", "gosecure"), ("7", "plain go"), "1.5", "0.30", "5"),
        ("there and back over channels", ("4", "Chan, secured"), ("4", "Chan, plain"), "0.60", "0.20", "3"),
        ("a system call (getppid)", ("5", "getppid, secured"), ("5", "getppid, plain"), "1.35", "0.23", "5.9"),
        ("throughput, calls in flight", ("2", "gosecure"), ("2", "plain go"), "", "", "2.8"),
    ]
    table = [["", "secured, us", "plain, us", "ratio", "the paper: secured", "plain", "ratio"]]
    for title, secured, plain, *theirs in wanted:
        if secured in found and plain in found:
            ours = [number(found[secured]), number(found[plain]), number(found[secured] / found[plain])]
            table.append([title, *ours, *theirs])
    if len(table) == 1:
        return []
    note = (
        "In the form of GoTee's paper (USENIX ATC 2019). Its figures are of Go on SGX hardware, where a crossing\n"
        "changes the processor's mode and encrypts memory; ours are of Python and process enclaves. The ratios of\n"
        "each are within one system; the two systems are not compared."
    )
    return [note, "", *_markdown(table), ""]


def _markdown(table: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in table]
    return [lines[0], "|" + " --- |" * len(table[0]), *lines[1:]]


def _plots(results: Results, folder: Path) -> list[tuple[str, str]]:
    """One bar chart for each line of contestants; nothing without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print("No plots: matplotlib is not installed (pip install 'gotee[bench]').")
        return []
    matplotlib.use("agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    made: list[tuple[str, str]] = []
    for place, (line, figures) in enumerate(results):
        if len(figures) < 3:
            continue
        names = list(figures)[::-1]
        medians = [figures[name].median for name in names]
        spread = [
            [m - figures[n].low for m, n in zip(medians, names, strict=True)],
            [figures[n].high - m for m, n in zip(medians, names, strict=True)],
        ]
        figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.4 * len(names)), layout="constrained")
        axes.barh(
            names, medians, xerr=spread, log=True, color=["#1f77b4" if n == line.base else "#bbbbbb" for n in names]
        )
        axes.set_title(f"({line.number}) {line.title}", fontsize=10)
        axes.set_xlabel(f"{line.unit}, logarithmic")
        name = f"line-{line.number}-{place}.png"
        figure.savefig(folder / name, dpi=110, metadata={"Software": None})
        pyplot.close(figure)
        made.append((name, f"{line.title}, {line.unit}"))
    return made
