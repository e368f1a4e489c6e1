"""Plots of what the benchmarks found: bars for contestants, curves for sizes. Only `report` uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from measuring import Figures, Line

Results = list[tuple[Line, dict[str, Figures]]]
OURS, OTHERS = "#1f77b4", "#b4b4b4"
STYLES = ("o-", "s-", "^--", "v--", "D:", "P:")


class Picture(NamedTuple):
    """A file in the folder of plots, what it shows, and after which table it stands."""

    file: str
    text: str
    after: int


def draw(results: Results, folder: Path) -> list[Picture]:
    """Draw all into `folder`, in place of what an earlier run left; nothing without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print("No plots: matplotlib is not installed (pip install 'gotee[bench]').")
        return []
    matplotlib.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("line-*.png"):
        old.unlink()
    pictures: list[Picture] = []
    for place, (line, figures) in enumerate(results):
        together = [(one, found) for one, found in results if one.number == line.number]
        if line.curves:
            _curves(line, _of_one(line, figures), line.unit, folder)
            pictures.append(_picture(line, place, line.title))
        elif len(together) > 1 and line.at is not None:
            if line is together[-1][0]:
                unit = "GB/s" if line.size else line.unit
                title = line.title.partition(",")[0] if line.size else "select, one of the channels ready"
                _curves(line, _of_many(together), unit, folder, title)
                pictures.append(_picture(line, place, title))
        elif len(figures) > 1:
            _bars(line, figures, folder)
            pictures.append(_picture(line, place, line.title))
    return pictures


def _picture(line: Line, place: int, text: str) -> Picture:
    return Picture(f"line-{line.number}.png", text, place)


Curve = list[tuple[float, float, float, float]]  # where, median, low, high


def _of_one(line: Line, figures: dict[str, Figures]) -> dict[str, Curve]:
    return {
        curve: [(at, figures[name].median, figures[name].low, figures[name].high) for at, name in points]
        for curve, points in line.curves.items()
    }


def _of_many(lines: Results) -> dict[str, Curve]:
    """One curve for each contestant; what moves bytes is shown as GB/s."""
    curves: dict[str, Curve] = {}
    for line, figures in lines:
        for name, one in figures.items():
            values = (one.median, one.low, one.high)
            if line.size:
                values = (line.size / one.median / 1e3, line.size / one.high / 1e3, line.size / one.low / 1e3)
            curves.setdefault(name, []).append((line.at or 0.0, *values))
    return curves


def _curves(line: Line, curves: dict[str, Curve], unit: str, folder: Path, title: str = "") -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for style, (name, points) in zip(STYLES * 3, curves.items(), strict=False):
        at, median, low, high = (list(column) for column in zip(*points, strict=True))
        spread = [
            [m - low_one for m, low_one in zip(median, low, strict=True)],
            [high_one - m for m, high_one in zip(median, high, strict=True)],
        ]
        axes.errorbar(at, median, yerr=spread, fmt=style, label=name, capsize=3, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(line.axis)
    axes.set_ylabel(f"{unit}, logarithmic")
    axes.grid(visible=True, which="major", color="#e4e4e4")
    axes.legend(fontsize=8)
    _save(figure, axes, line, title or line.title, folder)


def _bars(line: Line, figures: dict[str, Figures], folder: Path) -> None:
    from matplotlib import pyplot

    names = list(figures)[::-1]
    medians = [figures[name].median for name in names]
    spread = [
        [m - figures[n].low for m, n in zip(medians, names, strict=True)],
        [figures[n].high - m for m, n in zip(medians, names, strict=True)],
    ]
    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.4 * len(names)), layout="constrained")
    ours = [OURS if any(word in n for word in ("gosecure", "secured", "enclave")) else OTHERS for n in names]
    bars = axes.barh(names, medians, xerr=spread, log=True, color=ours, ecolor="#555555", capsize=2)
    axes.bar_label(bars, [f"{m:.3g}" for m in medians], padding=6, fontsize=8)
    axes.margins(x=0.15)
    axes.set_xlabel(f"{line.unit}, logarithmic")
    _save(figure, axes, line, line.title, folder)


def _save(figure: Any, axes: Any, line: Line, title: str, folder: Path) -> None:
    from matplotlib import pyplot

    axes.set_title(f"({line.number}) {title}", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(folder / f"line-{line.number}.png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)
